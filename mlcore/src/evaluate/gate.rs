//! Is the challenger good enough to take the champion's place?

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::gate_metric::GateMetric;
use super::off_policy::OffPolicyEstimate;
use super::off_policy_requirement::OffPolicyRequirement;
use super::probability::Probability;
use super::requirement::{Requirement, Truth};
use super::verdict::{Check, Digits, GateVerdict};
use crate::error::{Error, Result};
use crate::interrupt;
use crate::schema::Signature;
use crate::stats::{ProportionMethod, proportion_confint};

/// What a challenger must show on held-out rows before it may take the champion's place.
///
/// Both models answer the same rows, and the differences are judged row by row ([`GateMetric`] says how). All
/// requirements must hold, so that more of them make the gate stricter and need no correction for their number.
/// What cannot be shown does not pass: too few rows, an undefined metric, a latency that nobody measured.
///
/// Serialises as JSON, so that a gate can stand in a configuration file.
///
/// ```
/// use mlcore::evaluate::{Contender, Gate, GateMetric, Requirement, Truth};
///
/// let labels: Vec<bool> = (0..600).map(|row| row % 3 == 0).collect();
/// let ideal = |sharp: f64| labels.iter().map(move |label| if *label { sharp } else { 1.0 - sharp });
/// let champion: Vec<f64> = ideal(0.7).collect();
/// let challenger: Vec<f64> = ideal(0.8).collect();
///
/// let gate = Gate::new()
///     .require(GateMetric::LogLoss, Requirement::BetterBy(0.01))
///     .require(GateMetric::RocAuc, Requirement::Reaches(0.8));
/// let verdict = gate.judge(
///     Truth::Labels(&labels),
///     &Contender::new(&champion),
///     &Contender::new(&challenger),
/// )?;
/// assert!(verdict.passed, "{verdict}");
/// let log_loss = verdict.check("log_loss").unwrap();
/// assert!(log_loss.sentence.starts_with("log_loss 0.2231 against 0.3567: better by 0.1335"), "{log_loss:?}");
/// # Ok::<(), mlcore::Error>(())
/// ```
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct Gate {
    /// What is asked of which metric.
    pub requirements: Vec<(GateMetric, Requirement)>,
    /// Intervals cover the truth with probability `1 - alpha`, so each one-sided claim errs with probability `alpha / 2`.
    /// Default: 0.05.
    pub alpha: f64,
    /// The fewest rows that count as evidence. Default: 100, where the intervals' normal approximations begin to hold.
    pub min_samples: usize,
    /// The fewest rows of each class, where the truth is a class. Default: 30, for the same reason.
    pub min_per_class: usize,
    /// How fast the challenger must answer.
    pub latency: Option<LatencyBudget>,
    /// What the challenger must have earned on the prediction log.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub off_policy: Option<OffPolicyRequirement>,
}

/// How many answers must come in time.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[non_exhaustive]
pub struct LatencyBudget {
    /// The time.
    pub budget: Duration,
    /// The share of answers that must keep to it, inside `(0, 1)`: 0.99 is a p99.
    pub quantile: f64,
}

/// One model's answers to the held-out rows.
#[derive(Clone, Copy, Debug)]
pub struct Contender<'a> {
    predictions: &'a [f64],
    latencies: Option<&'a [Duration]>,
    signature: Option<&'a Signature>,
    epsilon: f64,
    off_policy: Option<&'a OffPolicyEstimate>,
}

impl<'a> Contender<'a> {
    /// A model that predicted these: the probability of `true` where the truth is labels, else the value itself.
    #[must_use]
    pub fn new(predictions: &'a [f64]) -> Self {
        Self { predictions, latencies: None, signature: None, epsilon: f64::EPSILON, off_policy: None }
    }

    /// The same model, which answered in this type before its predictions were widened to `f64`: `with_type::<f32>()` for
    /// most ONNX models. The log loss is clipped where the coarser of the two models' types is, so that a certain mistake
    /// costs both the same.
    #[must_use]
    pub fn with_type<P: Probability>(mut self) -> Self {
        self.epsilon = P::EPSILON;
        self
    }

    /// The same model with the times that its answers took, any number of them.
    #[must_use]
    pub fn with_latencies(mut self, latencies: &'a [Duration]) -> Self {
        self.latencies = Some(latencies);
        self
    }

    /// The same model with what it takes and gives. Where both have a signature, the challenger must fit the champion's callers.
    #[must_use]
    pub fn with_signature(mut self, signature: &'a Signature) -> Self {
        self.signature = Some(signature);
        self
    }

    /// The same model with what it would have earned on the prediction log, by [`off_policy_value`](super::off_policy_value).
    #[must_use]
    pub fn with_off_policy(mut self, estimate: &'a OffPolicyEstimate) -> Self {
        self.off_policy = Some(estimate);
        self
    }
}

impl Default for Gate {
    fn default() -> Self {
        Self {
            requirements: Vec::new(),
            alpha: 0.05,
            min_samples: 100,
            min_per_class: 30,
            latency: None,
            off_policy: None,
        }
    }
}

impl Gate {
    /// A gate that asks nothing yet, and so lets nobody pass.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a requirement on a metric.
    #[must_use]
    pub fn require(mut self, metric: GateMetric, requirement: Requirement) -> Self {
        self.requirements.push((metric, requirement));
        self
    }

    /// Sets the level of the intervals to `1 - alpha`.
    #[must_use]
    pub fn with_alpha(mut self, alpha: f64) -> Self {
        self.alpha = alpha;
        self
    }

    /// Sets the fewest rows that count as evidence: in all, and of each class.
    #[must_use]
    pub fn with_min_samples(mut self, min_samples: usize, min_per_class: usize) -> Self {
        (self.min_samples, self.min_per_class) = (min_samples, min_per_class);
        self
    }

    /// Asks that a share `quantile` of the challenger's answers surely keeps to `budget`.
    #[must_use]
    pub fn with_latency(mut self, budget: Duration, quantile: f64) -> Self {
        self.latency = Some(LatencyBudget::new(budget, quantile));
        self
    }

    /// Asks that the challenger would surely have earned this on the prediction log.
    ///
    /// ```
    /// use mlcore::evaluate::{
    ///     Contender, Gate, LoggedRewards, OffPolicyEstimator, OffPolicyOptions, OffPolicyRequirement, Requirement, Truth,
    ///     off_policy_value,
    /// };
    ///
    /// // A coin chose between two arms, of which the second earned 1 three times out of four; the challenger always takes it.
    /// let action: Vec<usize> = (0..800).map(|row| row % 2).collect();
    /// let reward: Vec<f64> = (0..800).map(|row| f64::from(u8::from(row % 2 == 1 && row % 8 != 1))).collect();
    /// let target: Vec<f64> = [0.0, 1.0].repeat(800);
    /// let log = LoggedRewards::new(2, &action, &[0.5; 800], &reward, &target);
    /// let estimate = off_policy_value(&log, OffPolicyEstimator::Snips, &OffPolicyOptions::default())?;
    ///
    /// let gate = Gate::new().with_off_policy(OffPolicyRequirement::new(Requirement::BetterBy(0.2)));
    /// let challenger = Contender::new(&[]).with_off_policy(&estimate);
    /// let verdict = gate.judge(Truth::Values(&[]), &Contender::new(&[]), &challenger)?;
    /// assert!(verdict.passed, "{verdict}");
    /// let sentence = &verdict.check("off_policy").unwrap().sentence;
    /// assert!(sentence.starts_with("off_policy: it would earn 0.7500 "), "{sentence}");
    /// # Ok::<(), mlcore::Error>(())
    /// ```
    #[must_use]
    pub fn with_off_policy(mut self, requirement: OffPolicyRequirement) -> Self {
        self.off_policy = Some(requirement);
        self
    }

    /// Compares the two on the same rows.
    ///
    /// A challenger whose answers are unusable fails the check; a gate, a truth or a champion that is unusable is an
    /// error, because then nothing was judged.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] for differing numbers of rows; a truth or champion with NaN, infinite or (where labels
    /// are to be compared) improbable values; an `alpha`, quantile, margin or limit out of range; and a metric that does
    /// not go with the truth.
    pub fn judge(
        &self,
        truth: Truth<'_>,
        champion: &Contender<'_>,
        challenger: &Contender<'_>,
    ) -> Result<GateVerdict> {
        self.check(truth, champion, challenger)?;
        let mut checks: Vec<Check> = signature(champion, challenger).into_iter().collect();
        if !self.requirements.is_empty() {
            checks.push(self.samples(truth));
        }
        for (metric, requirement) in &self.requirements {
            // Behind each metric too: it takes an error for an answer that cannot be used.
            interrupt::check(OPERATION)?;
            checks.push(metric.judge(
                *requirement,
                truth,
                [champion.predictions, challenger.predictions],
                champion.epsilon.max(challenger.epsilon),
                self.alpha,
            ));
        }
        checks.extend(self.latency.map(|budget| budget.judge(champion, challenger, self.alpha)));
        checks.extend(self.off_policy.map(|asked| asked.judge(challenger.off_policy)));
        interrupt::check(OPERATION)?;
        Ok(GateVerdict::of(checks))
    }

    fn check(&self, truth: Truth<'_>, champion: &Contender<'_>, challenger: &Contender<'_>) -> Result<()> {
        let refuse = |subject: &str, problem: String| Err(Error::invalid_input(OPERATION, subject, problem));
        if !(self.alpha > 0.0 && self.alpha < 1.0) {
            return refuse("alpha", format!("{} is not between 0 and 1", self.alpha));
        }
        if let Some(LatencyBudget { quantile, .. }) = self.latency
            && !(quantile > 0.0 && quantile < 1.0)
        {
            return refuse("quantile", format!("{quantile} is not between 0 and 1"));
        }
        if let Some(asked) = self.off_policy {
            asked.check()?;
        }
        for (name, contender) in [("champion", champion), ("challenger", challenger)] {
            let rows = contender.predictions.len();
            if rows != truth.len() {
                return refuse(name, format!("it has {rows} predictions for {} rows", truth.len()));
            }
        }
        if let Truth::Values(values) = truth
            && values.iter().any(|value| !value.is_finite())
        {
            return refuse("truth", "a value is NaN or infinite".into());
        }
        for (metric, requirement) in &self.requirements {
            requirement.check(*metric)?;
            metric.check(truth)?;
            if let Some(problem) = metric.unusable(champion.predictions) {
                return refuse("champion", problem);
            }
        }
        Ok(())
    }

    fn samples(&self, truth: Truth<'_>) -> Check {
        let rows = truth.len();
        let (passed, sentence) = match truth {
            Truth::Values(_) => {
                (rows >= self.min_samples, format!("{rows} rows, and {} are needed", self.min_samples))
            }
            Truth::Labels(labels) => {
                let positives = labels.iter().filter(|label| **label).count();
                let fewest = positives.min(rows - positives);
                (
                    rows >= self.min_samples && fewest >= self.min_per_class,
                    format!(
                        "{rows} rows, {positives} of them positive; {} and {} of each class are needed",
                        self.min_samples, self.min_per_class
                    ),
                )
            }
        };
        Check::plain("samples", passed, sentence)
    }
}

impl LatencyBudget {
    /// A budget for a share `quantile` of the answers.
    #[must_use]
    pub fn new(budget: Duration, quantile: f64) -> Self {
        Self { budget, quantile }
    }

    /// Judges whether the share of late answers is surely small enough, by the interval of Clopper and Pearson, which is
    /// exact for any number of answers.
    fn judge(&self, champion: &Contender<'_>, challenger: &Contender<'_>, alpha: f64) -> Check {
        let allowed = 1.0 - self.quantile;
        let at = |contender: &Contender<'_>| {
            let mut sorted = contender.latencies?.to_vec();
            interrupt::sort_unstable_by(&mut sorted, Duration::cmp);
            let position = (self.quantile * sorted.len() as f64).ceil() as usize;
            sorted.get(position.saturating_sub(1)).map(Duration::as_secs_f64)
        };
        let latencies = challenger.latencies.unwrap_or_default();
        let late = latencies.iter().filter(|latency| **latency > self.budget).count() as u64;
        let answers = latencies.len() as u64;
        let interval = proportion_confint(late, answers, alpha, ProportionMethod::ClopperPearson);
        let (passed, reason) = match interval {
            Err(_) => (false, "no answer was timed".to_owned()),
            Ok(interval) if interval.high <= allowed => {
                (true, format!("surely no more than {} % are late", Digits(interval.high * 100.0)))
            }
            Ok(interval) => (
                false,
                format!("up to {} % may be late, or more answers needed", Digits(interval.high * 100.0)),
            ),
        };
        let budget = self.budget;
        Check {
            champion: at(champion),
            challenger: at(challenger),
            margin: Some(budget.as_secs_f64()),
            ..Check::plain(
                "latency",
                passed,
                format!(
                    "latency: {late} of {answers} answers took longer than {budget:?}, {} % may: {reason}",
                    Digits(allowed * 100.0)
                ),
            )
        }
    }
}

/// Checks that the challenger fits the champion's callers, where both signatures are known.
fn signature(champion: &Contender<'_>, challenger: &Contender<'_>) -> Option<Check> {
    let reasons: Vec<String> = champion
        .signature?
        .incompatibilities(challenger.signature?)
        .iter()
        .map(ToString::to_string)
        .collect();
    let sentence = match reasons.as_slice() {
        [] => "signature: the champion's callers can be answered".to_owned(),
        reasons => format!("signature: the challenger {}", reasons.join("; ")),
    };
    Some(Check::plain("signature", reasons.is_empty(), sentence))
}

/// What errors call the judging.
pub(super) const OPERATION: &str = "judge challenger";
