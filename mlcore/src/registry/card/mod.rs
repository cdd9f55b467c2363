//! A model card from what is stored of a version, as Markdown or as a page.

mod html;
mod markdown;
mod sections;

use super::{AuditEntry, Model, ModelVersion, Registry};
use crate::error::Result;
use crate::interrupt;
use crate::name::{Alias, ModelName, Version};

/// What a registry knows of one version, for people: what it is, what it was made of, how good it is, who let it go where.
///
/// The sections are those of Hugging Face's model cards where there is one ("Model Details", "Uses", "Training Details", "Evaluation",
/// "Technical Specifications"), and "Release" and "History" beside them. The text is made of stored facts alone: the same registry gives
/// the same text, at any time. Every text that people wrote is escaped, so that no name, tag or description is markup.
///
/// ```
/// # use mlcore::artifact::Digest;
/// # use mlcore::name::ModelName;
/// # use mlcore::registry::{Change, MemoryRegistry, NewModel, NewVersion, RegistryExt};
/// # use mlcore::schema::Signature;
/// # use mlcore::time::Timestamp;
/// use mlcore::registry::ModelCard;
///
/// # let (registry, change) = (MemoryRegistry::new(), Change::new("ana", Timestamp::from_millis(0)));
/// # let churn = ModelName::new("churn")?;
/// registry.create_model(NewModel::new(churn.clone()).with_description("who leaves <soon>?"), &change)?;
/// let new = NewVersion::new(churn.clone(), Digest::of(b"a model"), Signature::default());
/// let version = registry.create_version(new.with_metric("auc", 0.83), &change)?.version;
/// let card = ModelCard::of(&registry, &churn, version)?;
/// assert!(card.to_markdown().contains("| auc | 0.83 |"));
/// assert!(card.to_html().contains("who leaves &lt;soon&gt;?"));
/// # Ok::<(), mlcore::Error>(())
/// ```
#[non_exhaustive]
#[derive(Clone, PartialEq, Debug)]
pub struct ModelCard {
    /// The model.
    pub model: Model,
    /// The version.
    pub version: ModelVersion,
    /// The aliases that mean it, in the order of their names.
    pub aliases: Vec<Alias>,
    /// What was done about it, the first first; the latest thousand.
    pub history: Vec<AuditEntry>,
}

impl ModelCard {
    /// Collects what is known of a version. The whole log is read.
    ///
    /// # Errors
    /// [`NotFound`](crate::Error::NotFound), and where the registry cannot be read.
    pub fn of<R: Registry + ?Sized>(registry: &R, model: &ModelName, version: Version) -> Result<Self> {
        let (found, of) = (registry.model(model)?, registry.version(model, version)?);
        let mut aliases = registry.aliases(model)?;
        aliases.retain(|(_, target)| *target == version);
        let mut history: Vec<AuditEntry> = Vec::new();
        let mut next = 1;
        loop {
            interrupt::check("read model card")?;
            let page = registry.audit(next, PAGE)?;
            let Some(last) = page.last() else { break };
            next = last.sequence.saturating_add(1);
            history.extend(page.into_iter().filter(|entry| is_about(entry, model, version)));
            let surplus = history.len().saturating_sub(MOST_ENTRIES);
            history.drain(..surplus);
        }
        let aliases = aliases.into_iter().map(|(alias, _)| alias).collect();
        Ok(Self { model: found, version: of, aliases, history })
    }

    /// The card as Markdown (CommonMark with GitHub's tables).
    #[must_use]
    pub fn to_markdown(&self) -> String {
        markdown::render(&self.title(), &sections::of(self))
    }

    /// The card as one HTML page that loads nothing and runs nothing.
    #[must_use]
    pub fn to_html(&self) -> String {
        html::render(&self.title(), &sections::of(self))
    }

    fn title(&self) -> String {
        format!("{}, version {}", self.model.title(), self.version.version)
    }
}

/// Whether an entry changed what the version is, where it is, or what is said of it.
fn is_about(entry: &AuditEntry, model: &ModelName, version: Version) -> bool {
    let event = &entry.event;
    let is_moved = || event.stage_moves().iter().any(|moved| moved.version == version);
    let is_meant = || {
        event
            .alias_moves()
            .any(|moved| moved.model == *model && (moved.from == Some(version) || moved.to == Some(version)))
    };
    let is_subject = || event.version() == Some(version);
    event.model() == model && (is_subject() || is_moved() || is_meant())
}

const PAGE: usize = 1000;
const MOST_ENTRIES: usize = 1000;
