use std::fmt;

use serde::{Deserialize, Serialize};

use super::refused;
use crate::artifact::Digest;
use crate::error::Result;
use crate::registry::validation::check_suite;

/// One thing that a [`PromotionPolicy`](super::PromotionPolicy) asks for, decided from what is stored of a version alone.
///
/// In JSON it is an object whose `require` names the variant.
///
/// ```
/// use mlcore::registry::Condition;
///
/// let condition: Condition = serde_json::from_str(r#"{"require": "measured_within", "seconds": 86400}"#).unwrap();
/// assert_eq!(condition, Condition::measured_within(std::time::Duration::from_secs(86_400)));
/// assert_eq!(condition.to_string(), "measured at most 86400 seconds ago");
/// ```
#[non_exhaustive]
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(tag = "require", rename_all = "snake_case", deny_unknown_fields)]
pub enum Condition {
    /// A metric of the version is this number or more.
    #[non_exhaustive]
    MetricAtLeast {
        /// The metric.
        metric: String,
        /// The number.
        value: f64,
    },
    /// A metric of the version is this number or less.
    #[non_exhaustive]
    MetricAtMost {
        /// The metric.
        metric: String,
        /// The number.
        value: f64,
    },
    /// A metric of the version is not worse than the champion's by more than a margin. The champion is the version in production, or where
    /// there is none what the alias of the change means; a model without one meets the condition, and a champion without the metric does not.
    #[non_exhaustive]
    NoRegression {
        /// The metric.
        metric: String,
        /// Which numbers are the better ones.
        better: Better,
        /// The margin, in units of the metric; none where it is left out.
        #[serde(default)]
        by_at_most: f64,
    },
    /// A monitor or a test of the version's data found nothing: the metric that counts its findings is there, and is 0.
    #[non_exhaustive]
    DriftClean {
        /// The metric; [`DRIFT_METRIC`] where it is left out.
        #[serde(default = "drift_metric")]
        metric: String,
    },
    /// The data passed a suite of expectations: a [verdict](super::super::ValidationVerdict) of it is recorded with the version, and has no
    /// expectation that was not met.
    #[non_exhaustive]
    DataValidated {
        /// The name of the suite.
        suite: String,
        /// The digest that the suite must have had; any where there is none.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        digest: Option<Digest>,
    },
    /// A [signature](super::super::DetachedSignature) of the version's artifact is stored. Whether it verifies is asked where the artifact is loaded.
    #[non_exhaustive]
    Signed {
        /// The ids of the keys of which one must have signed; any key where there are none.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        keys: Vec<String>,
    },
    /// A model card is [attached](super::super::GovernanceExt::attach_card).
    #[non_exhaustive]
    CardPresent {},
    /// So many people have approved the version as it is now.
    #[non_exhaustive]
    Approvals {
        /// The number of people: 1 to 100.
        at_least: u32,
        /// The people who count; all where there are none.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        actors: Vec<String>,
        /// The role in which they must have approved; any where there is none.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        role: Option<String>,
    },
    /// The metrics were set so many seconds ago at most, by the time of the log. When the metrics of a version were set by an mlcore before
    /// 0.2 is not known.
    #[non_exhaustive]
    MeasuredWithin {
        /// The seconds.
        seconds: u64,
    },
}

/// Numbers are finite: [`PromotionPolicy`](super::PromotionPolicy) refuses others where it is read and where it is stored.
impl Eq for Condition {}

/// Which of two numbers is the better one.
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Better {
    /// The higher one, as of AUC.
    Higher,
    /// The lower one, as of a loss.
    Lower,
}

crate::words! { Better, "better": Higher = "higher", Lower = "lower" }

/// The metric in which [`Condition::DriftClean`] looks for the number of findings, unless it names another one.
pub const DRIFT_METRIC: &str = "drift.findings";

fn drift_metric() -> String {
    DRIFT_METRIC.to_owned()
}

impl Condition {
    /// A metric is `value` or more.
    #[must_use]
    pub fn metric_at_least(metric: impl Into<String>, value: f64) -> Self {
        Self::MetricAtLeast { metric: metric.into(), value }
    }

    /// A metric is `value` or less.
    #[must_use]
    pub fn metric_at_most(metric: impl Into<String>, value: f64) -> Self {
        Self::MetricAtMost { metric: metric.into(), value }
    }

    /// A model card is attached.
    #[must_use]
    pub const fn card_present() -> Self {
        Self::CardPresent {}
    }

    /// A metric is worse than the champion's by `by_at_most` at most.
    #[must_use]
    pub fn no_regression(metric: impl Into<String>, better: Better, by_at_most: f64) -> Self {
        Self::NoRegression { metric: metric.into(), better, by_at_most }
    }

    /// The metric [`DRIFT_METRIC`] is 0.
    #[must_use]
    pub fn drift_clean() -> Self {
        Self::DriftClean { metric: drift_metric() }
    }

    /// The data passed the suite of this name, whatever its content was then.
    #[must_use]
    pub fn data_validated(suite: impl Into<String>) -> Self {
        Self::DataValidated { suite: suite.into(), digest: None }
    }

    /// Lets only the suite of this content count; other conditions stay as they are.
    #[must_use]
    pub fn of_digest(mut self, content: Digest) -> Self {
        if let Self::DataValidated { digest, .. } = &mut self {
            *digest = Some(content);
        }
        self
    }

    /// The artifact is signed with one of these keys, or with any where there are none.
    #[must_use]
    pub fn signed<K: Into<String>>(keys: impl IntoIterator<Item = K>) -> Self {
        Self::Signed { keys: keys.into_iter().map(Into::into).collect() }
    }

    /// So many people have approved; [`by`](Self::by) and [`in_role`](Self::in_role) say which.
    #[must_use]
    pub fn approvals(at_least: u32) -> Self {
        Self::Approvals { at_least, actors: Vec::new(), role: None }
    }

    /// Lets only these people's approvals count; other conditions stay as they are.
    #[must_use]
    pub fn by<A: Into<String>>(mut self, people: impl IntoIterator<Item = A>) -> Self {
        if let Self::Approvals { actors, .. } = &mut self {
            actors.extend(people.into_iter().map(Into::into));
        }
        self
    }

    /// Lets only approvals in this role count; other conditions stay as they are.
    #[must_use]
    pub fn in_role(mut self, name: impl Into<String>) -> Self {
        if let Self::Approvals { role, .. } = &mut self {
            *role = Some(name.into());
        }
        self
    }

    /// The metrics were set not longer ago than this, in whole seconds.
    #[must_use]
    pub fn measured_within(age: std::time::Duration) -> Self {
        Self::MeasuredWithin { seconds: age.as_secs() }
    }

    pub(super) fn check(&self) -> Result<()> {
        let number = |value: f64, is_due: bool| {
            if is_due { Ok(()) } else { Err(refused(format!("the number {value} cannot be compared with"))) }
        };
        match self {
            Self::MetricAtLeast { metric, value } | Self::MetricAtMost { metric, value } => {
                number(*value, value.is_finite())?;
                word("metric", metric)
            }
            Self::NoRegression { metric, by_at_most, better: _ } => {
                number(*by_at_most, by_at_most.is_finite() && *by_at_most >= 0.0)?;
                word("metric", metric)
            }
            Self::DriftClean { metric } => word("metric", metric),
            Self::DataValidated { suite, digest: _ } => check_suite(suite),
            Self::Signed { keys } => list("key", keys),
            Self::Approvals { at_least, actors, role } => {
                if !(1..=100).contains(at_least) {
                    return Err(refused(format!("{at_least} approvals are not 1 to 100")));
                }
                role.as_deref().map_or(Ok(()), |role| word("role", role))?;
                list("actor", actors)
            }
            Self::CardPresent {} | Self::MeasuredWithin { .. } => Ok(()),
        }
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MetricAtLeast { metric, value } => write!(f, "{metric:?} at least {value}"),
            Self::MetricAtMost { metric, value } => write!(f, "{metric:?} at most {value}"),
            Self::NoRegression { metric, better: Better::Higher, by_at_most } => {
                write!(f, "{metric:?} at most {by_at_most} below the champion's")
            }
            Self::NoRegression { metric, better: Better::Lower, by_at_most } => {
                write!(f, "{metric:?} at most {by_at_most} above the champion's")
            }
            Self::DriftClean { metric } => write!(f, "no drift: {metric:?} is 0"),
            Self::DataValidated { suite, digest: None } => write!(f, "data that passed {suite:?}"),
            Self::DataValidated { suite, digest: Some(digest) } => {
                write!(f, "data that passed {suite:?} of the content {digest}")
            }
            Self::Signed { keys } if keys.is_empty() => f.write_str("a signature"),
            Self::Signed { keys } => write!(f, "a signature of {}", keys.join(" or ")),
            Self::CardPresent {} => f.write_str("a model card"),
            Self::Approvals { at_least, actors, role } => {
                write!(f, "{at_least} approvals")?;
                if !actors.is_empty() {
                    write!(f, " of {}", actors.join(", "))?;
                }
                role.as_ref().map_or(Ok(()), |role| write!(f, " as {role}"))
            }
            Self::MeasuredWithin { seconds } => write!(f, "measured at most {seconds} seconds ago"),
        }
    }
}

fn list(what: &str, words: &[String]) -> Result<()> {
    if words.len() > MOST_WORDS {
        return Err(refused(format!(
            "it names {} of what is a {what}, and at most {MOST_WORDS}",
            words.len()
        )));
    }
    words.iter().try_for_each(|name| word(what, name))
}

fn word(what: &str, text: &str) -> Result<()> {
    if text.is_empty() || text.len() > MOST_WORD_BYTES || text.chars().any(char::is_control) {
        return Err(refused(format!("a {what} has 1 to {MOST_WORD_BYTES} bytes and no control character")));
    }
    Ok(())
}

const MOST_WORDS: usize = 100;
const MOST_WORD_BYTES: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_condition_has_is_refused() {
        for (text, is_read) in [
            (r#"{"require": "card_present"}"#, true),
            (r#"{"require": "card_present", "more": 1}"#, false),
            (r#"{"require": "signed"}"#, true),
            (r#"{"require": "signed", "by": "ana"}"#, false),
            (r#"{"require": "metric_at_least", "metric": "auc"}"#, false),
            (r#"{"require": "metric_at_least", "metric": "auc", "value": 0.8, "than": 1}"#, false),
            (r#"{"require": "luck"}"#, false),
            (r#"{"metric": "auc", "value": 0.8}"#, false),
        ] {
            assert_eq!(serde_json::from_str::<Condition>(text).is_ok(), is_read, "{text}");
        }
        let card = serde_json::to_string(&Condition::card_present()).ok();
        assert_eq!(card.as_deref(), Some(r#"{"require":"card_present"}"#));
    }
}
