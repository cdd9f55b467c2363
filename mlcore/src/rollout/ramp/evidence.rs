use serde::{Deserialize, Serialize};

use super::bets::Bets;
use super::winsor::Winsor;
use super::{Guardrail, Metric, RampOptions, Side};
use crate::rollout::Observation;
use crate::stats::{Alternative, ConfidenceSequence, Moments};

/// What is known of one guardrail at the present step.
#[non_exhaustive]
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Evidence {
    /// The metric's values in the canary.
    pub canary: Moments,
    /// The metric's values in the control, over the same time.
    pub control: Moments,
    /// Evidence that the canary's share exceeds the guardrail's limit: the logarithm of a test martingale.
    log_wealth: f64,
    /// Evidence about the difference of two shares: of the metric, or of the answers without a loss.
    #[serde(default)]
    bets: Bets,
    /// Of a mean: the first values, and between what bounds the others count.
    #[serde(default, skip_serializing_if = "Winsor::is_new")]
    winsor: Winsor,
    /// Of a mean: 1 for each answer or report without a number, else 0, in the canary.
    #[serde(default)]
    failed_canary: Moments,
    /// And in the control.
    #[serde(default)]
    failed_control: Moments,
}

impl Evidence {
    /// Adds what the observation says of the guardrail's metric.
    pub(super) fn add(
        &mut self,
        side: Side,
        observation: &Observation,
        guardrail: &Guardrail,
        levels: &Levels,
    ) {
        let share = levels.share;
        if levels.watches_failures_of(&guardrail.metric)
            && let Some(failed) = guardrail.metric.has_failed(observation)
        {
            let before = [&self.failed_canary, &self.failed_control];
            self.bets.settle(side, failed, FAILURES_BESIDE_A_LOSS, before, share);
            let values =
                if side == Side::Canary { &mut self.failed_canary } else { &mut self.failed_control };
            values.push(f64::from(u8::from(failed)));
        }
        let Some(value) = guardrail.metric.value(observation) else { return };
        if !guardrail.metric.is_share() {
            let counted = self.winsor.add(side, value, guardrail.margin);
            return self.push_values(counted);
        }
        let before = [&self.canary, &self.control];
        self.bets.settle(side, value > 0.5, guardrail.margin, before, share);
        match side {
            Side::Control => self.control.push(value),
            Side::Canary => {
                if let Some(limit) = guardrail.limit {
                    self.log_wealth += bet(&self.canary, value, limit);
                }
                self.canary.push(value);
            }
        }
    }

    fn push_values(&mut self, values: impl IntoIterator<Item = (Side, f64)>) {
        for (side, value) in values {
            match side {
                Side::Canary => self.canary.push(value),
                Side::Control => self.control.push(value),
            }
        }
    }

    /// This evidence and that of requests which it does not hold yet.
    pub(super) fn merge(&self, other: &Self) -> Self {
        let (winsor, counted) = self.winsor.merge(&other.winsor);
        let mut merged = Self {
            winsor,
            canary: self.canary.merge(&other.canary),
            control: self.control.merge(&other.control),
            // Each replica bet on its own requests only: the product of two such martingales is one again.
            log_wealth: self.log_wealth + other.log_wealth,
            bets: self.bets.merge(&other.bets),
            failed_canary: self.failed_canary.merge(&other.failed_canary),
            failed_control: self.failed_control.merge(&other.failed_control),
        };
        merged.push_values(counted);
        merged
    }

    /// The harm that is certain, in words.
    pub(super) fn harm(&self, guardrail: &Guardrail, levels: &Levels) -> Option<String> {
        let metric = &guardrail.metric;
        if let Some(limit) = guardrail.limit
            && self.log_wealth > -levels.limit.ln()
            && self.canary.mean() > limit
        {
            return Some(format!(
                "{metric} is {:.4} in {} requests, certainly above the limit of {limit}",
                self.canary.mean(),
                self.canary.count()
            ));
        }
        if metric.is_share() {
            let certain = self.bets.harm() > -levels.harm.ln();
            return certain.then(|| {
                format!(
                    "{metric} is {}: certainly worse by more than {}, which is allowed",
                    against(&self.canary, &self.control),
                    guardrail.margin
                )
            });
        }
        if levels.watches_failures_of(metric) && self.bets.harm() > -levels.harm.ln() {
            return Some(format!(
                "the {} is {}: certainly worse by more than {FAILURES_BESIDE_A_LOSS}, which is allowed beside {}",
                what_fails(metric),
                against(&self.failed_canary, &self.failed_control),
                if *metric == Metric::Loss { "a loss" } else { "a measure" }
            ));
        }
        let low = self.bound(levels, Alternative::Greater)?;
        (low > guardrail.margin).then(|| {
            format!(
                "{metric} is {}: worse by at least {low:.4}, and {} is allowed",
                against(&self.canary, &self.control),
                guardrail.margin
            )
        })
    }

    /// The harm that was excluded, in words; as an error what is missing.
    pub(super) fn cleared(&self, guardrail: &Guardrail, levels: &Levels) -> Result<String, String> {
        let (metric, margin) = (&guardrail.metric, guardrail.margin);
        let fewest = self.canary.count().min(self.control.count());
        if fewest < levels.min_samples {
            return Err(format!("{metric}: {fewest} of {} samples an arm", levels.min_samples));
        }
        if metric.is_share() {
            return match self.missing(levels) {
                None => Ok(format!(
                    "{metric} {}, certainly not worse by {margin}",
                    against(&self.canary, &self.control)
                )),
                Some(evidence) => Err(format!(
                    "{metric} {}: worse by {margin} is still possible; {evidence}",
                    against(&self.canary, &self.control)
                )),
            };
        }
        // A host that reports nothing but numbers need not prove that it does.
        let is_suspect = *metric == Metric::Loss || self.failed_canary.mean() > 0.0;
        if levels.watches_failures_of(metric)
            && is_suspect
            && let Some(evidence) = self.missing(levels)
        {
            return Err(format!(
                "{} {}: worse by {FAILURES_BESIDE_A_LOSS} is still possible; {evidence}",
                what_fails(metric),
                against(&self.failed_canary, &self.failed_control)
            ));
        }
        match self.bound(levels, Alternative::Less) {
            Some(high) if high < margin => {
                Ok(format!("{metric} {}, worse by at most {high:.4}", against(&self.canary, &self.control)))
            }
            high => Err(format!(
                "{metric}: worse by up to {:.4} is still possible, and {margin} is allowed",
                high.unwrap_or(f64::INFINITY)
            )),
        }
    }

    /// How much of the evidence against harm is there, in words; none where it is enough.
    fn missing(&self, levels: &Levels) -> Option<String> {
        let (found, wanted) = (self.bets.clearance(), -levels.clearing.ln());
        (found <= wanted).then(|| {
            format!("{:.0} % of the evidence against it is there", 100.0 * (found / wanted).clamp(0.0, 0.99))
        })
    }

    /// The always-valid bound of `canary - control` of a mean: from below for [`Alternative::Greater`], else from above. `None`
    /// while there is too little data for the asymptotics.
    fn bound(&self, levels: &Levels, side: Alternative) -> Option<f64> {
        if self.canary.count().min(self.control.count()) < FEWEST_FOR_A_VARIANCE {
            return None;
        }
        let (level, canary) = match side {
            Alternative::Less => (levels.clearing, steadied_for_harm(&self.canary, &self.control)),
            Alternative::Greater | Alternative::TwoSided => (levels.harm, self.canary),
        };
        let smaller_arm = levels.share.min(1.0 - levels.share);
        let sequence = ConfidenceSequence::tuned_for(level, TUNED_FOR / smaller_arm).ok()?;
        let interval = sequence.difference(&canary, &self.control, side);
        Some(if side == Alternative::Greater { interval.low } else { interval.high })
    }
}

/// How sure one claim must be at one step.
pub(super) struct Levels {
    /// The level of one claim that a margin is exceeded.
    pub(super) harm: f64,
    /// The level of one claim that a limit is.
    limit: f64,
    /// The level of one exclusion of harm.
    pub(super) clearing: f64,
    min_samples: u64,
    /// The canary's share of the requests.
    share: f64,
    /// Whether a guardrail on the loss watches failures, too: no other guardrail does.
    pub(super) failures: bool,
}

impl Levels {
    /// What the options say of `step`.
    ///
    /// The first step has three quarters of `alpha`, and the others share the rest: it is the first one that takes longest,
    /// because there the canary gets the fewest requests.
    pub(super) fn new(options: &RampOptions, step: usize) -> Self {
        let steps = options.shares().len();
        let part = match (steps, step) {
            (0 | 1, _) => 1.0,
            (_, 0) => FIRST_STEP,
            (_, _) => (1.0 - FIRST_STEP) / (steps - 1) as f64,
        };
        let alpha = options.alpha * part;
        let of = |wanted: fn(&Guardrail) -> bool| {
            options.guardrails.iter().filter(|own| wanted(own)).count() as f64
        };
        let watched = of(|own| own.metric == Metric::ErrorRate) > 0.0;
        let losses = of(|own| own.metric == Metric::Loss);
        // Each of them watches what has no number, too.
        let measures = of(|own| matches!(own.metric, Metric::Measured { .. }));
        let margins = of(|_| true) + measures + if watched { 0.0 } else { losses };
        // Outright failure is found within a few answers at any level, so that a limit needs little of it.
        let harm = alpha / (margins + LIMIT * of(|own| own.limit.is_some()));
        Self {
            harm,
            limit: LIMIT * harm,
            clearing: alpha,
            min_samples: options.min_samples,
            share: options.shares().get(step).copied().unwrap_or(0.0),
            failures: !watched,
        }
    }

    /// Whether a guardrail on this metric watches what has no number.
    pub(super) fn watches_failures_of(&self, metric: &Metric) -> bool {
        match metric {
            Metric::Loss => self.failures,
            Metric::Measured { .. } => true,
            Metric::ErrorRate | Metric::SlowShare { .. } | Metric::Judged { .. } => false,
        }
    }
}

/// What counts as a failure beside a mean, in words.
fn what_fails(metric: &Metric) -> String {
    match metric {
        Metric::Measured { name } => format!("share of reports of {name} that are no number"),
        Metric::ErrorRate | Metric::SlowShare { .. } | Metric::Loss | Metric::Judged { .. } => {
            "share of failures and of answers without a loss".to_owned()
        }
    }
}

/// The canary's values with a variance of at least the control's.
///
/// Harm is rare events that a few hundred values may not hold; to exclude it by the variance of the values that happen to be
/// there let pass 10 of 100 simulated canaries whose log-normal losses were worse by the margin, where `alpha` allows 5. This
/// way it is 4.
fn steadied_for_harm(canary: &Moments, control: &Moments) -> Moments {
    Moments::from_stats(canary.count(), canary.mean(), canary.variance().max(control.variance()))
}

/// The means of both arms, and of how many values.
fn against(canary: &Moments, control: &Moments) -> String {
    let (mean, count) = (canary.mean(), canary.count());
    // The mean of nothing is not shown.
    let shown = |mean: f64, count| if count == 0 { "unknown".to_owned() } else { format!("{mean:.4}") };
    format!(
        "{} against {} in the control ({count} and {} samples)",
        shown(mean, count),
        shown(control.mean(), control.count()),
        control.count()
    )
}

/// The logarithm of what a bet on the next value wins: against "the share is `limit`", by Laplace's predictor, and only
/// while that predicts more failures than the limit allows.
fn bet(before: &Moments, value: f64, limit: f64) -> f64 {
    let n = before.count() as f64;
    let failures = if before.count() == 0 { 0.0 } else { before.mean() * n };
    let predicted = (failures + 1.0) / (n + 2.0);
    if predicted <= limit {
        return 0.0;
    }
    if value > 0.5 { (predicted / limit).ln() } else { ((1.0 - predicted) / (1.0 - limit)).ln() }
}

/// The first step's part of `alpha`.
const FIRST_STEP: f64 = 0.75;

/// The level of a limit in units of that of a margin.
const LIMIT: f64 = 0.2;

/// How much larger the canary's share of failures and of answers without a loss may be where a loss is watched, and nothing
/// else watches failures: a canary must not win by losing its worst answers.
pub(super) const FAILURES_BESIDE_A_LOSS: f64 = 0.02;

/// Below this many values a variance is a rumour, and the asymptotic sequences do not hold.
const FEWEST_FOR_A_VARIANCE: u64 = 30;

/// The sequences are narrowest around this many values in the smaller arm: a canary wants its answer early.
pub(super) const TUNED_FOR: f64 = 1_000.0;
