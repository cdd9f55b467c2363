use serde::{Deserialize, Serialize};

use super::bets::Bets;
use super::evidence::{FAILURES_BESIDE_A_LOSS, Levels, TUNED_FOR};
use super::{Guardrail, Metric, RampOptions};
use crate::error::{Error, Result};
use crate::stats::ConfidenceSequence;

/// What a release is expected to meet: what the control does, the harm that must be found, and how many requests there are.
#[non_exhaustive]
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Traffic {
    /// The metric, which a guardrail watches.
    pub metric: Metric,
    /// What is known of the control: its share of errors, of slow answers or of verdicts; of a loss or a measure its
    /// standard deviation.
    pub baseline: f64,
    /// By how much the canary would be worse, in the metric's unit.
    pub harm: f64,
    /// How many requests of both arms each step has; none where that is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requests: Option<u64>,
}

/// How many requests of both arms a step is expected to take, in half of all releases.
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Debug, Serialize)]
pub struct ExpectedRequests {
    /// The canary's share of them.
    pub share: f64,
    /// Until a canary that does the harm is rolled back; none where it never is, because its margin allows the harm.
    pub to_roll_back: Option<u64>,
    /// Until a canary that is equal to the control leaves the step.
    pub to_step: Option<u64>,
}

impl Traffic {
    /// Traffic of which the control fails (or is slow) with the share `baseline`, or has losses with this standard deviation,
    /// and a canary that would be worse by `harm`.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] for a harm that is not positive and finite, and for shares outside of 0 to 1.
    pub fn new(metric: Metric, baseline: f64, harm: f64) -> Result<Self> {
        let traffic = Self { metric, baseline, harm, requests: None };
        traffic.check()?;
        Ok(traffic)
    }

    /// The same, with so many requests of both arms for each step.
    #[must_use]
    pub fn with_requests(mut self, requests: u64) -> Self {
        self.requests = Some(requests);
        self
    }

    /// Refuses what is no traffic, also when it was read from a file.
    pub(super) fn check(&self) -> Result<()> {
        let Self { metric, baseline, harm, .. } = self;
        let refuse =
            |subject: &str, problem: String| Err(Error::invalid_input("expect traffic", subject, problem));
        if !(*harm > 0.0 && harm.is_finite()) {
            return refuse("harm", format!("{harm} is no harm; it must be positive and finite"));
        }
        if metric.is_share() {
            if !(*baseline >= 0.0 && baseline + harm <= 1.0) {
                let problem =
                    format!("a baseline of {baseline} and a harm of {harm} are no shares of 0 to 1");
                return refuse("baseline", problem);
            }
        } else if !(*baseline > 0.0 && baseline.is_finite()) {
            let problem = format!("{baseline} is no standard deviation; it must be positive and finite");
            return refuse("baseline", problem);
        }
        Ok(())
    }
}

impl RampOptions {
    /// About how many requests each step takes: until harm is found, and until a canary that is equal leaves it. Of a canary
    /// whose other metrics are flawless, in half of all releases; simulated releases take as many to a quarter.
    ///
    /// ```
    /// use mlcore::rollout::{Guardrail, Metric, RampOptions, Traffic};
    ///
    /// let options = RampOptions::new([Guardrail::new(Metric::ErrorRate, 0.01)?]);
    /// // Two requests in a hundred fail, and four shall not.
    /// let steps = options.expected_requests(&Traffic::new(Metric::ErrorRate, 0.02, 0.02)?)?;
    /// assert_eq!(steps[0].share, 0.05);
    /// let (back, on) = (steps[0].to_roll_back.unwrap_or(0), steps[0].to_step.unwrap_or(0));
    /// assert!((30_000..70_000).contains(&back) && (25_000..70_000).contains(&on), "{steps:?}");
    /// assert!(steps[1].to_step < steps[0].to_step);
    /// # Ok::<(), mlcore::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::InvalidInput`] where no guardrail watches the metric.
    pub fn expected_requests(&self, traffic: &Traffic) -> Result<Vec<ExpectedRequests>> {
        traffic.check()?;
        let guardrail = self.guardrails.iter().find(|own| own.metric == traffic.metric).ok_or_else(|| {
            let problem = "no guardrail watches it";
            Error::invalid_input("expect requests", traffic.metric.to_string(), problem)
                .remedy("ask about a metric that a guardrail watches")
        })?;
        let step = |(step, share): (usize, &f64)| {
            let levels = Levels::new(self, step);
            let [to_roll_back, to_step] = if traffic.metric.is_share() {
                of_share(guardrail, traffic, *share, &levels)
            } else {
                of_mean(guardrail, traffic, *share, &levels)
            };
            let smaller_arm = share.min(1.0 - share);
            let fewest = self.min_samples as f64 / smaller_arm;
            let whole = |requests: f64| requests.ceil() as u64;
            ExpectedRequests {
                share: *share,
                to_roll_back: to_roll_back.map(whole),
                to_step: to_step.map(|requests| whole(requests.max(fewest))),
            }
        };
        Ok(self.shares().iter().enumerate().map(step).collect())
    }

    /// Why the release will hardly come to a decision in the [traffic](Self::with_traffic) that it has; empty where it will, and
    /// where that is not known. [`Canary::new`](crate::rollout::Canary::new) logs them.
    #[must_use]
    pub fn warnings(&self) -> Vec<String> {
        let Some(traffic) = &self.traffic else { return Vec::new() };
        let Ok(steps) = self.expected_requests(traffic) else { return Vec::new() };
        let Traffic { metric, harm, .. } = traffic;
        let mut warnings = Vec::new();
        if steps.iter().all(|step| step.to_roll_back.is_none()) {
            warnings.push(format!(
                "{metric}: worse by {harm} is within the margin, so that it is never rolled back; choose a smaller margin"
            ));
        }
        let Some(requests) = traffic.requests else { return warnings };
        for (number, step) in steps.iter().enumerate() {
            let ExpectedRequests { share, to_roll_back, to_step } = *step;
            let name = format!("step {} ({} % of the units)", number + 1, share * 100.0);
            if let Some(needed) = to_roll_back.filter(|needed| *needed > requests) {
                warnings.push(format!(
                    "{name}: {metric} worse by {harm} takes about {needed} requests to be found, and the step has \
                     {requests}; {REMEDY}"
                ));
            }
            if let Some(needed) = to_step.filter(|needed| *needed > requests) {
                warnings.push(format!(
                    "{name}: a canary that is no worse takes about {needed} requests to leave it, and the step has \
                     {requests}; {REMEDY}"
                ));
            }
        }
        warnings
    }
}

/// What would help.
const REMEDY: &str = "choose a larger share, another margin, or more time";

/// Until harm is found, and until an equal canary is cleared.
fn of_share(guardrail: &Guardrail, traffic: &Traffic, share: f64, levels: &Levels) -> [Option<f64>; 2] {
    let Traffic { baseline, harm, .. } = *traffic;
    let (margin, worse) = (guardrail.margin, [baseline + harm, baseline]);
    let found = (harm > margin).then(|| Bets::expected_requests(true, levels.harm, margin, worse, share));
    let equal = [baseline, baseline];
    [found.flatten(), Bets::expected_requests(false, levels.clearing, margin, equal, share)]
}

fn of_mean(guardrail: &Guardrail, traffic: &Traffic, share: f64, levels: &Levels) -> [Option<f64>; 2] {
    let Traffic { baseline, harm, .. } = *traffic;
    let variance = baseline * baseline / (share * (1.0 - share));
    let requests = |level: f64, gap: f64| -> Option<f64> {
        let sequence = ConfidenceSequence::tuned_for(level, TUNED_FOR / share.min(1.0 - share)).ok()?;
        let is_enough = |requests: f64| sequence.one_sided_width(requests, variance) < gap;
        // The width falls with every request: the first power of two that is enough, and from there by halves.
        let mut high =
            std::iter::successors(Some(1.0_f64), |n| Some(n * 2.0)).take(60).find(|n| is_enough(*n))?;
        let mut low = high / 2.0;
        while high - low > 1.0 {
            let middle = f64::midpoint(low, high);
            (low, high) = if is_enough(middle) { (low, middle) } else { (middle, high) };
        }
        Some(high)
    };
    let found = (harm > guardrail.margin).then(|| requests(levels.harm, harm - guardrail.margin)).flatten();
    let mut cleared = requests(levels.clearing, guardrail.margin);
    if guardrail.metric == Metric::Loss && levels.failures {
        let level = levels.clearing;
        let failures = Bets::expected_requests(false, level, FAILURES_BESIDE_A_LOSS, [0.0, 0.0], share);
        cleared = cleared.zip(failures).map(|(losses, failures)| losses.max(failures));
    }
    [found, cleared]
}
