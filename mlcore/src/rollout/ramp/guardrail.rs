use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::name::MeasureName;
use crate::rollout::Observation;

/// What a guardrail watches. For all of them less is better.
///
/// A quantile of the latencies is a [`SlowShare`](Metric::SlowShare), too: "the 99th percentile is below 80 ms" says that less than
/// a share of 0.01 is slower than a budget of 80 ms, and a [limit](Guardrail::with_limit) of 0.01 watches just that.
#[non_exhaustive]
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(tag = "metric", rename_all = "snake_case")]
pub enum Metric {
    /// The share of requests that failed, 0 to 1. An answer whose loss is no number, or beyond 1e100, counts as one more
    /// request, which failed: a model that answers NaN must not look fine because its worst answers have no loss.
    ErrorRate,
    /// The share of answers that took longer than a budget, 0 to 1. A share, because a mean of latencies is the
    /// mean of its tail.
    SlowShare {
        /// The budget.
        budget: Duration,
    },
    /// The mean loss of the answers whose outcome is known, in the loss's own unit. Of a score where more is better,
    /// observe the negative.
    ///
    /// A canary must not win by losing its worst answers: where no guardrail watches the error rate, this one allows 0.02 more
    /// failures and answers without a loss than there are in the control.
    Loss,
    /// The mean of a number that the host reports under this name, in the number's own unit: cost, calibration error. Judged as a
    /// loss is.
    ///
    /// A value that is no number, or beyond 1e100, is a failure of this measure: the canary may have a share of them that is 0.02
    /// larger than the control's, and as soon as it has one, it does not grow before that is certain.
    Measured {
        /// What is measured.
        name: MeasureName,
    },
    /// The share of the verdicts under this name that are against the arm, 0 to 1. For verdicts that come by the dozen; one that
    /// must end a release by itself is a [breach](Observation::breach).
    Judged {
        /// What is judged.
        name: MeasureName,
    },
}

impl Metric {
    /// The words that [`Metric::named`] takes, and that serialised guardrails hold as `metric`.
    pub const WORDS: [&str; 5] = ["error_rate", "slow_share", "loss", "measured", "judged"];

    /// The metric of this name; `slow_share` needs a `budget`, and only it takes one. `measured` and `judged` bring the host's name
    /// behind a colon.
    ///
    /// ```
    /// use mlcore::name::MeasureName;
    /// use mlcore::rollout::Metric;
    ///
    /// assert_eq!(Metric::named("loss", None)?, Metric::Loss);
    /// assert_eq!(Metric::named("measured:cost", None)?, Metric::Measured { name: MeasureName::new("cost")? });
    /// assert!(Metric::named("slow_share", None).is_err());
    /// # Ok::<(), mlcore::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::InvalidInput`] for another name, and for a budget or a name of the host's that is missing or not wanted.
    pub fn named(name: &str, budget: Option<Duration>) -> Result<Self> {
        let refuse = |problem: &str, remedy: &str| {
            Err(Error::invalid_input("build guardrail", name, problem).remedy(remedy))
        };
        let (word, own) = name.split_once(':').map_or((name, None), |(word, own)| (word, Some(own)));
        if budget.is_some() && word != "slow_share" && Self::WORDS.contains(&word) {
            return refuse("this metric has no budget", "give a budget to slow_share only");
        }
        match (word, own, budget) {
            ("error_rate", None, _) => Ok(Self::ErrorRate),
            ("loss", None, _) => Ok(Self::Loss),
            ("slow_share", None, Some(budget)) => Ok(Self::SlowShare { budget }),
            ("slow_share", None, None) => refuse("a slow answer is one beyond a budget", "give it a budget"),
            ("measured", Some(own), _) => Ok(Self::Measured { name: MeasureName::new(own)? }),
            ("judged", Some(own), _) => Ok(Self::Judged { name: MeasureName::new(own)? }),
            ("measured" | "judged", None, _) => refuse(
                "the host reports it under a name of its own, and none is given",
                "write that name behind a colon, as in measured:cost",
            ),
            ("error_rate" | "loss" | "slow_share", Some(_), _) => refuse(
                "this metric has no further name",
                "write the name of a measure behind measured or judged only",
            ),
            _ => refuse(
                "no metric has this name",
                "choose error_rate, slow_share, loss, or a measure of the host's, as in measured:cost and judged:drift",
            ),
        }
    }

    /// The metric's kind as a word, without its budget and without the host's name. (`Display` writes it in words for reasons.)
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::ErrorRate => "error_rate",
            Self::SlowShare { .. } => "slow_share",
            Self::Loss => "loss",
            Self::Measured { .. } => "measured",
            Self::Judged { .. } => "judged",
        }
    }

    /// The text that [`named`](Self::named) makes this metric of, with its budget where it has one.
    #[must_use]
    pub fn spelling(&self) -> String {
        match self {
            Self::ErrorRate | Self::SlowShare { .. } | Self::Loss => self.as_str().to_owned(),
            Self::Measured { name } | Self::Judged { name } => format!("{}:{name}", self.as_str()),
        }
    }

    /// The number that an observation contributes, if it speaks of this metric.
    pub(super) fn value(&self, observation: &Observation) -> Option<f64> {
        let share = |harmful: bool| Some(f64::from(u8::from(harmful)));
        match (self, observation) {
            (Self::ErrorRate, Observation::Answered { .. }) => share(false),
            (Self::ErrorRate, Observation::Failed) => share(true),
            (Self::ErrorRate, Observation::Scored { loss }) => (!is_number(*loss)).then_some(1.0),
            (Self::SlowShare { budget }, Observation::Answered { latency }) => share(latency > budget),
            (Self::Loss, Observation::Scored { loss }) => is_number(*loss).then_some(*loss),
            (Self::Measured { name }, Observation::Measured { name: reported, value }) => {
                (name == reported && is_number(*value)).then_some(*value)
            }
            (Self::Judged { name }, Observation::Judged { name: reported, harmful }) => {
                if name == reported {
                    share(*harmful)
                } else {
                    None
                }
            }
            // It speaks of something else. A breach is no measurement: the ramp acts on it at once.
            (
                Self::ErrorRate
                | Self::SlowShare { .. }
                | Self::Loss
                | Self::Measured { .. }
                | Self::Judged { .. },
                Observation::Answered { .. }
                | Observation::Failed
                | Observation::Scored { .. }
                | Observation::Measured { .. }
                | Observation::Judged { .. }
                | Observation::Breach { .. },
            ) => None,
        }
    }

    /// Whether it is a share of yes and no; the others are means of numbers.
    pub(super) fn is_share(&self) -> bool {
        match self {
            Self::ErrorRate | Self::SlowShare { .. } | Self::Judged { .. } => true,
            Self::Loss | Self::Measured { .. } => false,
        }
    }

    /// Of a mean: whether the observation is of one that has no number, where it tells.
    pub(super) fn has_failed(&self, observation: &Observation) -> Option<bool> {
        match (self, observation) {
            (Self::Loss, Observation::Answered { .. }) => Some(false),
            (Self::Loss, Observation::Failed) => Some(true),
            (Self::Loss, Observation::Scored { loss }) => Some(!is_number(*loss)),
            (Self::Measured { name }, Observation::Measured { name: reported, value }) => {
                (name == reported).then(|| !is_number(*value))
            }
            (
                Self::ErrorRate
                | Self::SlowShare { .. }
                | Self::Loss
                | Self::Measured { .. }
                | Self::Judged { .. },
                Observation::Answered { .. }
                | Observation::Failed
                | Observation::Scored { .. }
                | Observation::Measured { .. }
                | Observation::Judged { .. }
                | Observation::Breach { .. },
            ) => None,
        }
    }
}

/// Whether `value` can be squared and summed without overflowing.
fn is_number(value: f64) -> bool {
    value.abs() <= 1e100
}

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ErrorRate => f.write_str("error rate"),
            Self::SlowShare { budget } => write!(f, "share of answers slower than {budget:?}"),
            Self::Loss => f.write_str("loss"),
            Self::Measured { name } => write!(f, "{name}"),
            Self::Judged { name } => write!(f, "share of verdicts against the arm by {name}"),
        }
    }
}

/// How much worse than the control the canary may be.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Guardrail {
    pub(super) metric: Metric,
    pub(super) margin: f64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) limit: Option<f64>,
}

impl Guardrail {
    /// The canary's `metric` may exceed the control's by at most `margin`, in the metric's unit.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] unless the margin is positive and finite: with a margin of 0 an equally good canary could
    /// never be told from a harmful one.
    pub fn new(metric: Metric, margin: f64) -> Result<Self> {
        let guardrail = Self { metric, margin, limit: None };
        guardrail.check()?;
        Ok(guardrail)
    }

    /// Rolls back as soon as the canary's share is certainly above `limit`, whatever the control's is: for outright
    /// failure, found within a few requests.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] for a metric that is no share, and a limit outside `(0, 1)`.
    pub fn with_limit(mut self, limit: f64) -> Result<Self> {
        self.limit = Some(limit);
        self.check()?;
        Ok(self)
    }

    /// Refuses what is no guardrail, also when it was read from a file.
    pub(in crate::rollout) fn check(&self) -> Result<()> {
        let refuse = |problem| Err(Error::invalid_input("build guardrail", self.metric.to_string(), problem));
        let Self { metric, margin, limit } = self;
        if !(*margin > 0.0 && margin.is_finite()) {
            return refuse(format!("{margin} is no margin; it must be positive and finite"));
        }
        match limit {
            Some(limit) if !(metric.is_share() && *limit > 0.0 && *limit < 1.0) => {
                refuse(format!("a limit of {limit}; only shares have limits, between 0 and 1"))
            }
            _ => Ok(()),
        }
    }

    /// The metric that is watched.
    #[must_use]
    pub fn metric(&self) -> &Metric {
        &self.metric
    }

    /// How much worse the canary may be.
    #[must_use]
    pub fn margin(&self) -> f64 {
        self.margin
    }

    /// The share above which the canary is rolled back whatever the control's is, if there is one.
    #[must_use]
    pub fn limit(&self) -> Option<f64> {
        self.limit
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::name::Arm;
    use crate::rollout::{Decision, Ramp, RampOptions, Side};

    fn name(text: &str) -> MeasureName {
        MeasureName::new(text).unwrap()
    }

    /// A number in `[0, 1)` that looks drawn.
    fn drawn(number: u64) -> f64 {
        crate::stats::SplitMix64::new(number).next_u64() as f64 / 2.0_f64.powi(64)
    }

    /// Where a release of one step ends whose arms send these observations in turn; the reason where it holds to the end.
    fn ends(guardrail: &Guardrail, observe: impl Fn(Side, u64) -> Observation) -> (&'static str, String) {
        let options = RampOptions::new([guardrail.clone()]).with_steps([0.5]).with_min_samples(60);
        let (mut ramp, arm) = (Ramp::new(options).unwrap(), Arm::new("challenger").unwrap());
        let mut decision = Decision::hold("");
        for number in 0..6_000 {
            let side = if number % 2 == 0 { Side::Canary } else { Side::Control };
            ramp.observe(side, &observe(side, number));
            if number % 50 == 49 {
                decision = ramp.decide(&arm, Duration::ZERO);
                if !matches!(decision, Decision::Hold { .. }) {
                    break;
                }
            }
        }
        let word = match decision {
            Decision::Hold { .. } => "held",
            Decision::Step { .. } => "stepped",
            Decision::Promote { .. } => "promoted",
            Decision::RollBack { .. } => "rolled back",
        };
        (word, decision.reason().to_owned())
    }

    #[test]
    fn a_measured_mean_is_judged_as_a_loss_is() {
        let guardrail = Guardrail::new(Metric::Measured { name: name("cost") }, 0.2).unwrap();
        let cost = |number: u64, more: f64| Observation::measured(name("cost"), drawn(number) + more);
        let of = |harm: f64| move |side, number| cost(number, if side == Side::Canary { harm } else { 0.0 });
        assert_eq!(ends(&guardrail, of(0.0)).0, "promoted");
        let (word, reason) = ends(&guardrail, of(0.6));
        assert!(word == "rolled back" && reason.starts_with("cost is 1."), "{reason}");
        // One slip of the pen decides nothing.
        let slip = |_, number| {
            if number == 500 { Observation::measured(name("cost"), 1e99) } else { cost(number, 0.0) }
        };
        assert_eq!(ends(&guardrail, slip).0, "promoted");
        // Other names and other observations say nothing of it.
        let others = |_, number: u64| match number % 4 {
            0 | 1 => Observation::measured(name("costs"), 0.0),
            2 => Observation::scored(0.0),
            _ => Observation::judged(name("cost"), false),
        };
        assert_eq!(ends(&guardrail, others), ("held", "cost: 0 of 60 samples an arm".to_owned()));
    }

    #[test]
    fn what_is_no_number_is_a_failure_of_the_measure() {
        let guardrail = Guardrail::new(Metric::Measured { name: name("cost") }, 0.2).unwrap();
        for odd in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1e101] {
            let of = |every: u64| {
                move |side, number: u64| {
                    let is_odd = side == Side::Canary && (number / 2).is_multiple_of(every);
                    Observation::measured(name("cost"), if is_odd { odd } else { drawn(number) })
                }
            };
            let (word, reason) = ends(&guardrail, of(5));
            assert!(
                word == "rolled back" && reason.contains("reports of cost that are no number"),
                "{reason}"
            );
            assert_eq!(ends(&guardrail, of(2_000)).0, "promoted", "one in thousands of {odd}");
        }
    }

    #[test]
    fn verdicts_are_a_share_with_margin_and_limit() {
        let guardrail = Guardrail::new(Metric::Judged { name: name("drift") }, 0.1).unwrap();
        let verdict = |share: f64| {
            move |side, number| {
                let share = if side == Side::Canary { share } else { 0.05 };
                Observation::judged(name("drift"), drawn(number) < share)
            }
        };
        assert_eq!(ends(&guardrail, verdict(0.05)).0, "promoted");
        let (word, reason) = ends(&guardrail, verdict(0.4));
        assert!(
            word == "rolled back" && reason.contains("share of verdicts against the arm by drift"),
            "{reason}"
        );
        let limited = guardrail.with_limit(0.3).unwrap();
        let (word, reason) = ends(&limited, verdict(1.0));
        assert!(word == "rolled back" && reason.contains("above the limit of 0.3"), "{reason}");
        let mean = Guardrail::new(Metric::Measured { name: name("cost") }, 0.2).unwrap();
        assert!(mean.with_limit(0.5).unwrap_err().to_string().contains("only shares have limits"));
    }

    #[test]
    fn metrics_are_read_as_they_are_spelled() {
        for text in ["error_rate", "loss", "measured:cost", "judged:drift.by-hour"] {
            let metric = Metric::named(text, None).unwrap();
            assert_eq!(metric.spelling(), text);
            let written = serde_json::to_string(&metric).unwrap();
            assert_eq!(serde_json::from_str::<Metric>(&written).unwrap(), metric);
            assert!(Metric::named(text, Some(Duration::ZERO)).unwrap_err().to_string().contains("no budget"));
        }
        let metric = Metric::Measured { name: name("cost") };
        assert_eq!(serde_json::to_string(&metric).unwrap(), r#"{"metric":"measured","name":"cost"}"#);
        for (text, words) in [
            ("measured", "none is given"),
            ("judged:", "measure name"),
            ("measured:a b", "' ' is not one of"),
            ("loss:mine", "no further name"),
            ("costs", "no metric has this name"),
        ] {
            let error = Metric::named(text, None).unwrap_err().to_string();
            assert!(error.contains(words), "{text}: {error}");
        }
        assert!(serde_json::from_str::<Metric>(r#"{"metric":"judged","name":"a/b"}"#).is_err());
    }
}
