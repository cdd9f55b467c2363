//! The columns of an experiment's units, and what is made of them.

use std::fs;
use std::path::Path;

use mlcore::experiment::{
    Answer, Arm, Experiment, Finding, JointMoments, Metric, PreferredDirection, Report,
};
use mlcore::stats::SplitMix64;

use crate::Result;

const UNITS: usize = 1_000_000;

/// A unit's arm, and what it did.
pub(super) struct Columns {
    /// 0 for the control, 1 for the treatment.
    arm: Vec<u8>,
    spent: Vec<f64>,
    /// What the same unit spent before.
    before: Vec<f64>,
    converted: Vec<u8>,
    clicks: Vec<f64>,
    views: Vec<f64>,
}

/// How units become moments.
#[derive(Clone, Copy)]
pub(super) enum Way {
    /// `JointMoments.push` for each.
    UnitByUnit,
    /// `JointMoments.by_arm` of columns.
    Columns,
}

/// Which metrics a report has.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Metrics {
    All,
    /// What spotify-confidence has.
    WithoutRatio,
}

/// A report, and what it says.
pub(super) struct Analysis {
    pub(super) report: Report,
}

/// What both arms told.
#[derive(Clone, Copy, Default)]
struct Told {
    counts: [u64; 2],
    converted: [u64; 2],
    spent: [JointMoments; 2],
    clicks: [JointMoments; 2],
}

impl Columns {
    pub(super) fn new() -> Self {
        let mut random = SplitMix64::new(111);
        let mut columns = Self {
            arm: Vec::with_capacity(UNITS),
            spent: Vec::with_capacity(UNITS),
            before: Vec::with_capacity(UNITS),
            converted: Vec::with_capacity(UNITS),
            clicks: Vec::with_capacity(UNITS),
            views: Vec::with_capacity(UNITS),
        };
        for _ in 0..UNITS {
            let arm = u8::from(random.uniform() < 0.5);
            let lift = 1.0 + 0.01 * f64::from(arm);
            let before = -20.0 * (1.0 - random.uniform()).ln();
            columns.arm.push(arm);
            columns.before.push(before);
            columns.spent.push(lift * (0.7 * before - 10.0 * (1.0 - random.uniform()).ln()));
            columns.converted.push(u8::from(random.uniform() < 0.1 * lift));
            let views = 1.0 + random.below(20) as f64;
            columns.views.push(views);
            columns.clicks.push((views * random.uniform() * 0.3 * lift).round());
        }
        columns
    }

    /// For the peers.
    pub(super) fn write(&self, folder: &Path) -> Result<()> {
        let numbers = [
            ("spent", &self.spent),
            ("before", &self.before),
            ("clicks", &self.clicks),
            ("views", &self.views),
        ];
        for (name, values) in numbers {
            let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
            fs::write(folder.join(format!("{name}.f64")), bytes)?;
        }
        fs::write(folder.join("arm.u8"), &self.arm)?;
        Ok(fs::write(folder.join("converted.u8"), &self.converted)?)
    }

    pub(super) fn units(&self) -> usize {
        self.arm.len()
    }

    /// The units of each arm.
    pub(super) fn counts(&self) -> [u64; 2] {
        // A byte holds the sum of 255 of them, so that as many are added at once.
        let treated: u64 = self.arm.chunks(255).map(|block| u64::from(block.iter().sum::<u8>())).sum();
        [self.arm.len() as u64 - treated, treated]
    }

    pub(super) fn analyse(&self, way: Way, metrics: Metrics) -> Result<Analysis> {
        let with_ratio = metrics == Metrics::All;
        match way {
            Way::UnitByUnit => self.pushed(with_ratio).report(with_ratio),
            Way::Columns => self.by_arm(with_ratio)?.report(with_ratio),
        }
    }

    fn pushed(&self, with_ratio: bool) -> Told {
        let mut told = Told::default();
        let spent = self.spent.iter().zip(&self.before);
        for ((arm, (spent, before)), converted) in self.arm.iter().zip(spent).zip(&self.converted) {
            let arm = usize::from(*arm & 1);
            told.counts[arm] += 1;
            told.converted[arm] += u64::from(*converted);
            told.spent[arm].push(*spent, *before);
        }
        if with_ratio {
            for ((arm, clicks), views) in self.arm.iter().zip(&self.clicks).zip(&self.views) {
                told.clicks[usize::from(*arm & 1)].push(*clicks, *views);
            }
        }
        told
    }

    fn by_arm(&self, with_ratio: bool) -> Result<Told> {
        let counts = self.counts();
        let mut converted = [0; 2];
        for (arm, success) in self.arm.iter().zip(&self.converted) {
            converted[usize::from(*arm & 1)] += u64::from(*success);
        }
        let joint = |first: &[f64], second: &[f64]| -> Result<[JointMoments; 2]> {
            match JointMoments::by_arm(2, &self.arm, first, second)?[..] {
                [old, new] => Ok([old, new]),
                _ => Err("two arms have two moments".into()),
            }
        };
        let clicks = match with_ratio {
            true => joint(&self.clicks, &self.views)?,
            false => [JointMoments::new(); 2],
        };
        Ok(Told { counts, converted, spent: joint(&self.spent, &self.before)?, clicks })
    }
}

impl Told {
    fn report(self, with_ratio: bool) -> Result<Analysis> {
        let arms = [Arm::new("old", 1.0, self.counts[0]), Arm::new("new", 1.0, self.counts[1])];
        let mut experiment = Experiment::new("checkout", arms)?;
        let metric = |name: &str| Metric::new(name, PreferredDirection::Increase);
        experiment.add(metric("spent").cuped(self.spent))?;
        experiment.add(metric("converted").proportions(self.converted.into_iter().zip(self.counts)))?;
        if with_ratio {
            experiment.add(metric("ratio").ratios(&self.clicks))?;
        }
        Ok(Analysis { report: experiment.report()? })
    }
}

impl Analysis {
    /// Lifts, the lower ends of their intervals, and the p-value of the sample ratio, under the names of gbstats' answers.
    pub(super) fn as_gbstats(&self) -> Result<Vec<(&'static str, f64)>> {
        let names = [
            "gbstats/spent",
            "gbstats/spent/low",
            "gbstats/converted",
            "gbstats/converted/low",
            "gbstats/ratio",
            "gbstats/ratio/low",
        ];
        let mut numbers = Vec::new();
        for finding in &self.report.findings {
            let effect = finding.effect.into_result().map_err(|reason| reason.sentence())?;
            numbers.extend([effect.estimate, effect.low]);
        }
        Ok(names.into_iter().zip(numbers).chain([("gbstats/srm", self.report.srm_pvalue)]).collect())
    }

    /// Absolute differences, under the names of spotify-confidence's answers.
    pub(super) fn as_spotify(&self) -> Result<Vec<(&'static str, f64)>> {
        let difference = |finding: &Finding| match (&finding.control, &finding.treatment) {
            (Answer::Known(control), Answer::Known(treatment)) => Ok(treatment.mean - control.mean),
            (Answer::NoVerdict(reason), _) | (_, Answer::NoVerdict(reason)) => Err(reason.sentence()),
        };
        let numbers =
            self.report.findings.iter().map(difference).collect::<std::result::Result<Vec<f64>, _>>()?;
        Ok(["spotify/spent", "spotify/converted"].into_iter().zip(numbers).collect())
    }
}
