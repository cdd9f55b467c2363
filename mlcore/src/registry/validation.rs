use serde::{Deserialize, Serialize};

use super::ModelVersion;
use super::backend::limits::MOST_KEY_BYTES;
use crate::artifact::Digest;
use crate::error::{Error, Result};

/// What a validation of a dataset came to: which suite of expectations looked at it, and whether it was met. Kept with the version
/// that was made of the data, where a [policy](super::Condition::DataValidated) asks for it.
///
/// The registry knows neither suites nor data: it believes what it is told, as it believes a metric.
///
/// ```
/// # use mlcore::name::{Alias, ModelName};
/// # use mlcore::registry::{Expected, MemoryRegistry, NewVersion, RegistryExt, Stage};
/// # use mlcore::schema::Signature;
/// # use mlcore::time::Timestamp;
/// use mlcore::artifact::Digest;
/// use mlcore::registry::{Change, Condition, GovernanceExt, PromotionPolicy, ValidationVerdict};
///
/// # let (registry, ana) = (MemoryRegistry::new(), Change::new("ana", Timestamp::from_millis(0)));
/// # let (churn, champion) = (ModelName::new("churn")?, Alias::new("champion")?);
/// # registry.create_model(&churn, &ana)?;
/// # let new = NewVersion::new(churn.clone(), Digest::of(b"a model"), Signature::default());
/// # let version = registry.create_version(new, &ana)?.version;
/// # registry.transition(&churn, version, Stage::Dev, Stage::Staging, &ana)?;
/// registry.set_policy(&churn, Some(PromotionPolicy::new().with(Condition::data_validated("orders"))), &ana)?;
/// let refused = registry.promote(&churn, version, &champion, Expected::Absent, &ana).unwrap_err();
/// assert!(refused.to_string().contains(r#"data that passed "orders": found no validation"#), "{refused}");
///
/// let verdict = ValidationVerdict::new("orders", Digest::of(b"the suite"), 41_188);
/// registry.record_validation(&churn, version, &verdict, &ana)?;
/// registry.promote(&churn, version, &champion, Expected::Absent, &ana)?;
/// # Ok::<(), mlcore::Error>(())
/// ```
#[non_exhaustive]
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ValidationVerdict {
    /// The name of the suite.
    pub suite: String,
    /// The digest of the suite's content: a suite that was changed has another one.
    pub digest: Digest,
    /// The rows that were looked at.
    pub rows: u64,
    /// The expectations that were not met, in words; none where the data passed. At most [`MOST_FAILED`](Self::MOST_FAILED) are kept.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub failed: Vec<String>,
    /// The digest of the data, where it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dataset: Option<Digest>,
}

impl ValidationVerdict {
    /// The most expectations that are kept by name.
    pub const MOST_FAILED: usize = 50;

    /// The verdict that so many rows passed the suite of this name and digest.
    #[must_use]
    pub fn new(suite: impl Into<String>, digest: Digest, rows: u64) -> Self {
        Self { suite: suite.into(), digest, rows, failed: Vec::new(), dataset: None }
    }

    /// The same with an expectation that was not met.
    #[must_use]
    pub fn with_failed(mut self, expectation: impl Into<String>) -> Self {
        if self.failed.len() < Self::MOST_FAILED {
            let mut text: String = expectation.into();
            text.truncate(text.floor_char_boundary(MOST_TEXT_BYTES));
            self.failed.push(text);
        }
        self
    }

    /// The same about the data of this digest.
    #[must_use]
    pub fn with_dataset(mut self, dataset: Digest) -> Self {
        self.dataset = Some(dataset);
        self
    }

    /// Says whether the data passed.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.failed.is_empty()
    }

    /// The key and the value of the version's tag that keeps it, for a version that is made with it:
    /// [`NewVersion::with_tag`](super::NewVersion::with_tag).
    ///
    /// # Errors
    /// [`Error::InvalidInput`] for a name of a suite that no tag has: longer than 200 bytes, empty, or with a control character.
    pub fn to_tag(&self) -> Result<(String, String)> {
        check_suite(&self.suite)?;
        let value = serde_json::to_string(self).map_err(|cause| {
            Error::internal("write verdict", self.suite.as_str(), cause.to_string()).caused_by(cause)
        })?;
        Ok((key_of(&self.suite), value))
    }

    /// The verdict of this suite that is kept with a version; `None` where there is none.
    ///
    /// # Errors
    /// [`Error::Corrupt`] for a tag that something else wrote.
    pub fn of(version: &ModelVersion, suite: &str) -> Result<Option<Self>> {
        let Some(value) = version.tags.get(&key_of(suite)) else { return Ok(None) };
        let read = serde_json::from_str::<Self>(value).ok().filter(|read| read.suite == suite);
        read.map(Some).ok_or_else(|| {
            let subject = format!("{}/{}, suite {suite:?}", version.model, version.version);
            Error::corrupt("read verdict", subject, "its tag holds no verdict of this suite")
                .remedy("validate the data again, and record what came of it")
        })
    }
}

fn key_of(suite: &str) -> String {
    format!("{PREFIX}{suite}")
}

/// Fails for a name that no tag's key holds.
pub(super) fn check_suite(suite: &str) -> Result<()> {
    let is_short = PREFIX.len() + suite.len() <= MOST_KEY_BYTES && suite.len() <= 200;
    if suite.is_empty() || !is_short || suite.chars().any(char::is_control) {
        let problem = "the name of a suite has 1 to 200 bytes and no control character";
        return Err(Error::invalid_input("name suite", format!("{suite:?}"), problem)
            .remedy("give the suite a shorter name"));
    }
    Ok(())
}

/// Of the tags that keep verdicts.
const PREFIX: &str = "mlcore.validation.";
/// An expectation in words.
const MOST_TEXT_BYTES: usize = 1000;
