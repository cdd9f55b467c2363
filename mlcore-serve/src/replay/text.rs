//! Reports as text.

use std::fmt;

use mlcore::rollout::Decision;

use super::{ArmReplay, DetectorReport, MonitorReport, ReplayReport, ReplayValue};

impl fmt::Display for ReplayReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (start, end) = self.span;
        writeln!(f, "{} requests from {start} to {end}, {}, seed {}", self.requests, self.mode, self.seed)?;
        if let Some(size) = self.effective_sample_size {
            let share = 100.0 * self.matched as f64 / self.requests.max(1) as f64;
            writeln!(
                f,
                "  matched: {} ({share:.1} %); worth {size:.0} requests of the policy's own",
                self.matched
            )?;
        }
        if self.left_out.total() > 0 {
            writeln!(f, "  left out: {} rows of the log", self.left_out.total())?;
        }
        for arm in &self.arms {
            write_arm(f, arm)?;
        }
        for own in &self.decisions {
            let (what, arm) = match &own.decision {
                Decision::Step { arm, share, .. } => (format!("to {:.1} %", 100.0 * share), arm.as_str()),
                Decision::Promote { arm, .. } => ("promoted".to_owned(), arm.as_str()),
                Decision::RollBack { arm, .. } => ("rolled back".to_owned(), arm.as_str()),
                other => (other.reason().to_owned(), ""),
            };
            writeln!(
                f,
                "  {} ({:.0} s, {} requests, {} of the arm): {arm} {what}: {}",
                own.at,
                own.elapsed.as_secs_f64(),
                own.requests,
                own.arm_requests,
                own.decision.reason()
            )?;
        }
        if self.decisions.is_empty() {
            writeln!(f, "  no decision: {}", self.waits_for)?;
        }
        if let Some(judged) = &self.judged {
            write!(f, "  false alarms: {}; ", judged.false_alarms)?;
            match &judged.detection {
                Some(found) => writeln!(
                    f,
                    "found after {:.0} s and {} requests",
                    found.delay.as_secs_f64(),
                    found.requests
                )?,
                None => writeln!(f, "nothing was found")?,
            }
        }
        if let Some(worse) = &self.worse_arm {
            let names: Vec<&str> = worse.arms.iter().map(|arm| arm.as_str()).collect();
            writeln!(
                f,
                "  requests of worse arms ({}, by {}): {}",
                names.join(", "),
                worse.by,
                worse.requests
            )?;
        }
        if let Some(value) = self.value {
            writeln!(f, "  a request earned {}", Shown(value))?;
        }
        if let Some(regret) = &self.regret {
            let estimated = if regret.is_estimated { "estimated " } else { "" };
            writeln!(
                f,
                "  {estimated}regret beside {}: {:.4} a request, {:.1} in all",
                regret.best, regret.per_request, regret.total
            )?;
        }
        Ok(())
    }
}

fn write_arm(f: &mut fmt::Formatter<'_>, arm: &ArmReplay) -> fmt::Result {
    write!(
        f,
        "  {}: {} requests, {} of them evidence, {} failures",
        arm.arm, arm.requests, arm.matched, arm.failures
    )?;
    if let Some(loss) = arm.mean_loss {
        write!(f, ", mean loss {loss:.4} of {}", arm.losses)?;
    }
    if let Some(value) = arm.value {
        write!(f, "; alone it earns {}", Shown(value))?;
    }
    writeln!(f)
}

/// A value with its interval, where it has one.
struct Shown(ReplayValue);

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.4}", self.0.value)?;
        match self.0.interval {
            Some((low, high)) => write!(f, " ({low:.4} to {high:.4})"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for DetectorReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{} on {} values: {} alarms, {} warnings, {} ignored, {} refused",
            self.detector,
            self.values,
            self.alarms.len(),
            self.warnings,
            self.ignored,
            self.refused
        )?;
        for alarm in &self.alarms {
            writeln!(f, "  {} at value {} ({:.0} s)", alarm.at, alarm.value, alarm.elapsed.as_secs_f64())?;
        }
        if let Some(judged) = &self.judged {
            write!(f, "  false alarms: {}; ", judged.false_alarms)?;
            match &judged.detection {
                Some(found) => {
                    writeln!(
                        f,
                        "found after {:.0} s and {} values",
                        found.delay.as_secs_f64(),
                        found.requests
                    )?;
                }
                None => writeln!(f, "nothing was found")?,
            }
        }
        Ok(())
    }
}

impl fmt::Display for MonitorReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let drifted = self.windows.iter().filter(|window| window.is_drifted()).count();
        writeln!(
            f,
            "{} rows, {} windows, {drifted} drifted; {} rows could not be taken",
            self.rows,
            self.windows.len(),
            self.refused
        )?;
        for window in self.windows.iter().filter(|window| window.is_drifted()) {
            writeln!(
                f,
                "  {} (rows {} to {}): {}",
                window.at,
                window.first_row,
                window.last_row,
                window.columns.join(", ")
            )?;
        }
        if let Some(judged) = &self.judged {
            writeln!(f, "  false alarms: {}", judged.false_alarms)?;
        }
        Ok(())
    }
}
