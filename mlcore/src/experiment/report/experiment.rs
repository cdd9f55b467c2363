//! An experiment with its arms and metrics, and the report on it.

use serde::{Deserialize, Serialize};

use super::super::{
    Answer, Effect, EffectOptions, Estimate, Inference, NonInferiority, SequentialSrm, novelty, srm_test,
};
use super::{Daily, Decision, Finding, Metric, Report, Warning};
use crate::error::{Error, Result};
use crate::stats::{Correction, multipletests};

/// An arm: its name, its weight in the assignment, and the units that came to it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Arm {
    /// Its name.
    pub name: String,
    /// Its share of the units, relative to the weights of the others.
    pub weight: f64,
    /// The units that came to it.
    pub units: u64,
}

impl Arm {
    /// An arm.
    #[must_use]
    pub fn new(name: impl Into<String>, weight: f64, units: u64) -> Self {
        Self { name: name.into(), weight, units }
    }
}

/// An experiment whose metrics are there.
///
/// Decisions are made by p-values that are corrected for all metrics, segments and treatments together, by Holm's method unless
/// another is asked for: of all decisions of a report, one is wrong with a probability of at most `alpha`, however they depend on
/// each other. [`Report`] has an example.
#[derive(Debug, Clone, PartialEq)]
pub struct Experiment {
    name: String,
    arms: Vec<Arm>,
    metrics: Vec<Metric>,
    options: EffectOptions,
    correction: Correction,
    srm_alpha: f64,
    srm_pvalue: Option<f64>,
    planned_units: u64,
}

/// GrowthBook's threshold: a mismatch is reported where chance makes one in a thousand.
const SRM_ALPHA: f64 = 0.001;
/// A trend that chance makes less often is worth a line.
const NOVELTY_ALPHA: f64 = 0.01;
const OPERATION: &str = "report experiment";

impl Experiment {
    /// An experiment of these arms, the control first.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] for fewer than two arms, two of one name, or weights that are none.
    pub fn new(name: impl Into<String>, arms: impl IntoIterator<Item = Arm>) -> Result<Self> {
        let arms: Vec<Arm> = arms.into_iter().collect();
        for (place, arm) in arms.iter().enumerate() {
            if arms.iter().take(place).any(|other| other.name == arm.name) {
                return Err(Error::invalid_input(OPERATION, &arm.name, "two arms have this name")
                    .remedy("give each arm a name of its own"));
            }
        }
        let weights: Vec<f64> = arms.iter().map(|arm| arm.weight).collect();
        // Also checks the weights.
        SequentialSrm::new(&weights)?;
        Ok(Self {
            name: name.into(),
            arms,
            metrics: Vec::new(),
            options: EffectOptions::default(),
            correction: Correction::Holm,
            srm_alpha: SRM_ALPHA,
            srm_pvalue: None,
            planned_units: 0,
        })
    }

    /// Sets how effects are compared.
    #[must_use]
    pub fn with_options(mut self, options: EffectOptions) -> Self {
        self.options = options;
        self
    }

    /// Sets how p-values are corrected for being many.
    #[must_use]
    pub fn with_correction(mut self, correction: Correction) -> Self {
        self.correction = correction;
        self
    }

    /// Takes the p-value of a test of the sample ratio that was looked at all along, instead of the test at this look.
    #[must_use]
    pub fn with_srm(mut self, test: &SequentialSrm) -> Self {
        self.srm_pvalue = Some(test.pvalue());
        self
    }

    /// Sets below which p-value a mismatch of the sample ratio blocks all decisions; 0.001 unless it is set.
    #[must_use]
    pub fn with_srm_alpha(mut self, srm_alpha: f64) -> Self {
        self.srm_alpha = srm_alpha;
        self
    }

    /// Sets the units of all arms that were planned. Before they are there, an inference for one look makes no decision.
    #[must_use]
    pub fn with_planned_units(mut self, planned_units: u64) -> Self {
        self.planned_units = planned_units;
        self
    }

    /// Adds a metric.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] where the metric has not as many arms as the experiment, or its margin is not positive; nothing was
    /// added.
    pub fn add(&mut self, metric: Metric) -> Result<()> {
        if metric.arms() != self.arms.len() {
            let problem =
                format!("it has {} arms, and the experiment has {}", metric.arms(), self.arms.len());
            return Err(Error::invalid_input(OPERATION, &metric.name, problem)
                .remedy("give what each arm says, the control first"));
        }
        if let Some(margin) = metric.margin {
            NonInferiority::new(margin, metric.preferred_direction)
                .map_err(|error| error.within(&metric.name))?;
        }
        self.metrics.push(metric);
        Ok(())
    }

    /// The report.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] for options that cannot be meant; [`Error::Interrupted`] where the caller asks to stop.
    pub fn report(&self) -> Result<Report> {
        self.options.check()?;
        let counts: Vec<u64> = self.arms.iter().map(|arm| arm.units).collect();
        let weights: Vec<f64> = self.arms.iter().map(|arm| arm.weight).collect();
        let srm_pvalue = match self.srm_pvalue {
            Some(pvalue) => pvalue,
            None => srm_test(&counts, &weights)?,
        };
        let mut findings = Vec::new();
        for metric in &self.metrics {
            crate::interrupt::check(OPERATION)?;
            for (pair, arm) in metric.pairs.iter().zip(self.arms.iter().skip(1)) {
                findings.push(self.finding(metric, pair, arm)?);
            }
        }
        let pvalues: Vec<f64> = findings
            .iter()
            .map(|finding| finding.effect.known().map_or(f64::NAN, |effect| effect.pvalue))
            .collect();
        let corrected = multipletests(&pvalues, self.options.alpha, self.correction)?;
        for (finding, pvalue) in findings.iter_mut().zip(corrected.pvals_corrected) {
            finding.pvalue_corrected = (!pvalue.is_nan()).then_some(pvalue);
        }
        let mut warnings = Vec::new();
        let units = counts.iter().fold(0_u64, |sum, count| sum.saturating_add(*count));
        let blocked = self.blocked(srm_pvalue, units, &mut warnings);
        for finding in &mut findings {
            finding.decision = finding.decide(self.options.alpha, self.options.value);
            if let Some(reason) = finding.effect.reason() {
                warnings.push(Warning::NoVerdict {
                    metric: finding.title(),
                    arm: finding.arm.clone(),
                    reason,
                });
            } else if let Some(blocked) = blocked {
                finding.decision = blocked;
            }
        }
        let days = self.days(&mut warnings);
        Ok(Report {
            name: self.name.clone(),
            arms: self.arms.clone(),
            options: self.options,
            correction: self.correction,
            srm_pvalue,
            warnings,
            findings,
            days,
        })
    }

    fn finding(
        &self,
        metric: &Metric,
        [control, treatment]: &[Answer<Estimate>; 2],
        arm: &Arm,
    ) -> Result<Finding> {
        let mut options = self.options;
        if let (Some(margin), Answer::Known(control)) = (metric.margin, control) {
            options = NonInferiority::new(margin, metric.preferred_direction)?.options(&options, control);
        }
        Ok(Finding {
            metric: metric.name.clone(),
            segment: metric.segment.clone(),
            arm: arm.name.clone(),
            preferred_direction: metric.preferred_direction,
            margin: metric.margin,
            control: *control,
            treatment: *treatment,
            effect: Effect::between(*control, *treatment, &options)?,
            pvalue_corrected: None,
            decision: Decision::NoVerdict,
        })
    }

    /// Why no decision is made, where none is.
    fn blocked(&self, srm_pvalue: f64, units: u64, warnings: &mut Vec<Warning>) -> Option<Decision> {
        if srm_pvalue < self.srm_alpha {
            let weight: f64 = self.arms.iter().map(|arm| arm.weight).sum();
            warnings.push(Warning::SampleRatioMismatch {
                pvalue: srm_pvalue,
                observed: self.arms.iter().map(|arm| arm.units as f64 / (units as f64).max(1.0)).collect(),
                expected: self.arms.iter().map(|arm| arm.weight / weight).collect(),
            });
            return Some(Decision::SampleRatioMismatch);
        }
        let is_for_one_look = match self.options.inference {
            Inference::Welch | Inference::Normal => true,
            Inference::Sequential { .. } | Inference::Mixture { .. } => false,
        };
        if is_for_one_look && units < self.planned_units {
            warnings.push(Warning::TooEarly { units, planned: self.planned_units });
            return Some(Decision::TooEarly);
        }
        None
    }

    fn days(&self, warnings: &mut Vec<Warning>) -> Vec<Daily> {
        let with_days = self.metrics.iter().filter(|metric| !metric.days.is_empty());
        with_days
            .map(|metric| {
                let trend = novelty(&metric.days);
                if let Answer::Known(trend) = trend
                    && trend.pvalue <= NOVELTY_ALPHA
                {
                    let (slope, pvalue) = (trend.slope, trend.pvalue);
                    warnings.push(Warning::Novelty { metric: metric.name.clone(), slope, pvalue });
                }
                Daily { metric: metric.name.clone(), effects: metric.days.clone(), trend }
            })
            .collect()
    }
}
