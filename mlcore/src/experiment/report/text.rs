//! A report as text.

use std::fmt::Write as _;

use super::super::{Answer, Difference, Effect};
use super::{Finding, Report};
use crate::html::{compact, count};

pub(super) fn render(report: &Report) -> String {
    let mut text = format!("{}\n", plain(&report.name));
    // Writing to a string cannot fail.
    for warning in &report.warnings {
        let _ = writeln!(text, "WARNING: {}", plain(&warning.to_string()));
    }
    for (place, arm) in report.arms.iter().enumerate() {
        let role = if place == 0 { "control" } else { "treatment" };
        let _ = writeln!(text, "{}: {} units ({role})", plain(&arm.name), count(arm.units));
    }
    for finding in &report.findings {
        let _ =
            writeln!(text, "{} of {}: {}", plain(&finding.title()), plain(&finding.arm), sentence(finding));
    }
    text
}

/// What a finding says, in a line.
pub(super) fn sentence(finding: &Finding) -> String {
    let effect = match &finding.effect {
        Answer::Known(effect) => effect,
        Answer::NoVerdict(reason) => return format!("no verdict, because {}", reason.sentence()),
    };
    let decision = finding.decision.name().replace('_', " ");
    let corrected = finding.pvalue_corrected.map_or(String::new(), |p| format!(", corrected {}", pvalue(p)));
    format!(
        "{decision}; {} {}, p = {}{corrected}",
        written(effect.estimate, effect),
        interval(effect),
        pvalue(effect.pvalue)
    )
}

/// The interval of an effect.
pub(super) fn interval(effect: &Effect) -> String {
    format!("[{}, {}]", written(effect.low, effect), written(effect.high, effect))
}

/// A number in the units of the effect.
pub(super) fn written(number: f64, effect: &Effect) -> String {
    match effect.difference {
        Difference::Relative if number.is_finite() => format!("{:+.2} %", number * 100.0),
        Difference::Relative | Difference::Absolute => compact(number),
    }
}

/// A p-value that never rounds to zero.
pub(super) fn pvalue(pvalue: f64) -> String {
    if pvalue >= 1e-4 { format!("{pvalue:.4}") } else { format!("{pvalue:.1e}") }
}

/// Text on one line.
fn plain(text: &str) -> String {
    text.chars().map(|character| if character.is_control() { ' ' } else { character }).collect()
}
