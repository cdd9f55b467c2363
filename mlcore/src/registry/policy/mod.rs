//! When may a version go to production? Conditions as data, and what they say of a version.

mod condition;
mod verdict;

use serde::{Deserialize, Serialize};

pub use self::condition::{Better, Condition, DRIFT_METRIC};
pub use self::verdict::{ConditionCheck, PolicyVerdict};
pub(super) use self::verdict::{Facts, judge};
use crate::error::{Error, Result};
use crate::name::Alias;

/// What a version must be before it goes to production: data, kept with its model and written down in the audit log by
/// [`GovernanceExt::set_policy`](super::GovernanceExt::set_policy).
///
/// Every way to production asks the policy: [`Promote`](super::Mutation::Promote) with and without a trial,
/// [`Transition`](super::Mutation::Transition) and [`MoveStage`](super::Mutation::MoveStage) to `production`, and
/// [`SetAlias`](super::Mutation::SetAlias) where the alias means the version in production or is one of [`aliases`](Self::aliases).
/// A change is refused with [`Conflict`](Error::Conflict) that names every condition which is not met; one that is carried out has
/// the [`PolicyVerdict`] in its event. A [roll-back](super::Mutation::RollBack) asks no policy, and neither does a release that
/// is found done. What the stored facts do not decide counts as not met.
///
/// It is read from JSON, or through serde from any other form, TOML for one; an unknown field is refused, so that a typing error is
/// no condition that is never asked.
///
/// ```
/// use mlcore::registry::{Better, Condition, PromotionPolicy};
///
/// let policy = PromotionPolicy::from_json(
///     r#"{"conditions": [
///         {"require": "metric_at_least", "metric": "auc", "value": 0.8},
///         {"require": "no_regression", "metric": "auc", "better": "higher", "by_at_most": 0.01},
///         {"require": "approvals", "at_least": 2, "actors": ["ana", "ben", "cem"]}
///     ], "aliases": ["champion"]}"#,
/// )?;
/// let same = PromotionPolicy::new()
///     .with(Condition::metric_at_least("auc", 0.8))
///     .with(Condition::no_regression("auc", Better::Higher, 0.01))
///     .with(Condition::approvals(2).by(["ana", "ben", "cem"]))
///     .with_alias("champion".parse()?);
/// assert_eq!(policy, same);
/// # Ok::<(), mlcore::Error>(())
/// ```
#[non_exhaustive]
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PromotionPolicy {
    /// What must be met, all of it: at most 50.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,
    /// Aliases that may be pointed only at versions for which the policy is met, wherever they point: at most 50.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub aliases: Vec<Alias>,
}

impl PromotionPolicy {
    /// A policy that asks for nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks for this as well.
    #[must_use]
    pub fn with(mut self, condition: Condition) -> Self {
        self.conditions.push(condition);
        self
    }

    /// Guards this alias as well.
    #[must_use]
    pub fn with_alias(mut self, alias: Alias) -> Self {
        self.aliases.push(alias);
        self
    }

    /// Reads a policy from JSON.
    ///
    /// # Errors
    /// [`InvalidInput`](Error::InvalidInput) for what is none, or is too large.
    pub fn from_json(text: &str) -> Result<Self> {
        if text.len() > MOST_BYTES {
            return Err(refused(format!("it has {} bytes, and at most {MOST_BYTES} are read", text.len())));
        }
        let policy: Self =
            serde_json::from_str(text).map_err(|cause| refused(cause.to_string()).caused_by(cause))?;
        policy.check()?;
        Ok(policy)
    }

    /// Fails for a policy that no registry keeps.
    pub(super) fn check(&self) -> Result<()> {
        if self.conditions.is_empty() {
            return Err(refused("it asks for nothing".to_owned())
                .remedy("give it a condition, or remove the policy of the model"));
        }
        for (count, what) in [(self.conditions.len(), "conditions"), (self.aliases.len(), "aliases")] {
            if count > MOST_PARTS {
                return Err(refused(format!("it has {count} {what}, and at most {MOST_PARTS} are kept")));
            }
        }
        self.conditions.iter().try_for_each(Condition::check)
    }
}

/// A policy as it is kept with its model.
#[non_exhaustive]
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct StoredPolicy {
    /// Which policy it is: the sequence of the audit entry that set it.
    pub revision: u64,
    /// The policy.
    pub policy: PromotionPolicy,
}

fn refused(problem: String) -> Error {
    Error::invalid_input("read policy", "policy", problem)
}

const MOST_BYTES: usize = 100_000;
const MOST_PARTS: usize = 50;
