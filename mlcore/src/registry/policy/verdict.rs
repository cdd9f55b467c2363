use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Better, Condition, StoredPolicy};
use crate::artifact::Digest;
use crate::error::Error;
use crate::name::Version;
use crate::registry::{ModelVersion, ValidationVerdict};
use crate::time::Timestamp;

/// What a policy says of a version: kept in the event of the change that it let through, and the
/// [source](std::error::Error::source) of the error with which it refused one.
#[non_exhaustive]
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct PolicyVerdict {
    /// Which policy it was: see [`StoredPolicy::revision`].
    pub revision: u64,
    /// The version that it was compared with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub champion: Option<Version>,
    /// Every condition, in the policy's order.
    pub checks: Vec<ConditionCheck>,
}

/// A condition, and what was found.
#[non_exhaustive]
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ConditionCheck {
    /// The condition.
    pub condition: Condition,
    /// What the stored facts say, in words.
    pub found: String,
    /// Whether the condition is met.
    pub met: bool,
}

impl PolicyVerdict {
    /// Says whether every condition is met.
    #[must_use]
    pub fn is_met(&self) -> bool {
        self.checks.iter().all(|check| check.met)
    }

    /// The conditions that are not met.
    pub fn unmet(&self) -> impl Iterator<Item = &ConditionCheck> {
        self.checks.iter().filter(|check| !check.met)
    }

    /// The refusal that names every condition which is not met.
    pub(in crate::registry) fn refusal(&self, operation: &'static str, version: &ModelVersion) -> Error {
        Error::conflict(operation, format!("{}/{}", version.model, version.version), self.to_string())
            .remedy("see to what is missing, or have the policy changed")
            .caused_by(self.clone())
    }
}

/// Names the conditions that are not met.
impl fmt::Display for PolicyVerdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the model's policy (of entry {}) is ", self.revision)?;
        if self.is_met() {
            return f.write_str("met");
        }
        let unmet: Vec<String> =
            self.unmet().map(|check| format!("{}: found {}", check.condition, check.found)).collect();
        write!(f, "not met: {}", unmet.join("; "))
    }
}

impl std::error::Error for PolicyVerdict {}

/// What a policy is asked about.
pub(in crate::registry) struct Facts<'a> {
    pub(in crate::registry) version: &'a ModelVersion,
    pub(in crate::registry) champion: Option<&'a ModelVersion>,
    pub(in crate::registry) now: Timestamp,
}

/// What the policy says; it reads nothing but the facts.
pub(in crate::registry) fn judge(stored: &StoredPolicy, facts: &Facts<'_>) -> PolicyVerdict {
    let checks = stored.policy.conditions.iter().map(|condition| {
        let (met, found) = facts.decide(condition);
        ConditionCheck { condition: condition.clone(), found, met }
    });
    PolicyVerdict {
        revision: stored.revision,
        champion: facts.champion.map(|champion| champion.version),
        checks: checks.collect(),
    }
}

impl Facts<'_> {
    fn decide(&self, condition: &Condition) -> (bool, String) {
        let version = self.version;
        match condition {
            Condition::MetricAtLeast { metric, value } => self.metric(metric, |found| found >= *value),
            Condition::MetricAtMost { metric, value } => self.metric(metric, |found| found <= *value),
            Condition::DriftClean { metric } => self.metric(metric, |found| found == 0.0),
            Condition::NoRegression { metric, better, by_at_most } => {
                self.regression(metric, *better, *by_at_most)
            }
            Condition::DataValidated { suite, digest } => validated(version, suite, *digest),
            Condition::Signed { keys } => {
                let signatures = version.signatures.iter().filter(|signature| {
                    signature.artifact == version.artifact
                        && (keys.is_empty() || keys.contains(&signature.key))
                });
                let signers: Vec<&str> = signatures.map(|signature| signature.key.as_str()).collect();
                if signers.is_empty() {
                    (false, "none".to_owned())
                } else {
                    (true, format!("that of {}", signers.join(", ")))
                }
            }
            Condition::CardPresent {} => match version.card {
                Some(card) => (true, card.to_string()),
                None => (false, "none".to_owned()),
            },
            Condition::Approvals { at_least, actors, role } => {
                let counted = version.approvals.iter().filter(|approval| {
                    (actors.is_empty() || actors.contains(&approval.by))
                        && (role.is_none() || *role == approval.role)
                        // Refused where it is given; and never counted, whatever a log says.
                        && approval.by != version.created_by
                });
                let people: Vec<&str> = counted.map(|approval| approval.by.as_str()).collect();
                let met = people.len() >= usize::try_from(*at_least).unwrap_or(usize::MAX);
                let found = if people.is_empty() {
                    "none".to_owned()
                } else {
                    format!("those of {}", people.join(", "))
                };
                (met, found)
            }
            Condition::MeasuredWithin { seconds } => match version.measured_at {
                None => (false, "no time of it".to_owned()),
                Some(at) => {
                    let micros = self.now.as_micros().saturating_sub(at.as_micros());
                    // A measurement of the future is not old.
                    let age = u64::try_from(micros).unwrap_or(0);
                    let most = seconds.saturating_mul(1_000_000);
                    (age <= most, format!("{} seconds", age.div_ceil(1_000_000)))
                }
            },
        }
    }

    fn metric(&self, name: &str, is_met: impl Fn(f64) -> bool) -> (bool, String) {
        match self.version.metrics.value(name) {
            Some(found) => (is_met(found), found.to_string()),
            None => (false, "no such metric".to_owned()),
        }
    }

    fn regression(&self, metric: &str, better: Better, by_at_most: f64) -> (bool, String) {
        let Some(champion) = self.champion else {
            return match self.version.metrics.value(metric) {
                Some(found) => (true, format!("{found}, and no champion")),
                None => (false, "no such metric".to_owned()),
            };
        };
        let of = |version: &ModelVersion| version.metrics.value(metric);
        match (of(self.version), of(champion)) {
            (Some(found), Some(due)) => {
                // The difference of two finite numbers may be infinite, and is no NaN then.
                let lost = match better {
                    Better::Higher => due - found,
                    Better::Lower => found - due,
                };
                (lost <= by_at_most, format!("{found} against {due} of version {}", champion.version))
            }
            (None, _) => (false, "no such metric".to_owned()),
            (_, None) => (false, format!("no such metric of version {}, the champion", champion.version)),
        }
    }
}

fn validated(version: &ModelVersion, suite: &str, digest: Option<Digest>) -> (bool, String) {
    match ValidationVerdict::of(version, suite) {
        Ok(None) => (false, "no validation".to_owned()),
        Err(error) => (false, error.context().problem().to_owned()),
        Ok(Some(verdict)) if digest.is_some_and(|digest| digest != verdict.digest) => {
            (false, format!("a suite of the content {}", verdict.digest))
        }
        Ok(Some(verdict)) => match verdict.failed.first() {
            None => (true, format!("{} rows that passed", verdict.rows)),
            Some(first) => {
                (false, format!("{} expectations that were not met, first {first}", verdict.failed.len()))
            }
        },
    }
}
