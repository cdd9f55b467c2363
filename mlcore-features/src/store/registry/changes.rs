use super::Diff;
use crate::store::definition::{Definition, DefinitionId, Repository};

/// What is to become of a registry: objects to create or change, and objects to delete.
///
/// ```
/// use mlcore_features::store::definition::{Definition, DefinitionId, Entity, Kind};
/// use mlcore_features::store::registry::Changes;
///
/// let driver = Entity::builder("driver").build()?;
/// let changes = Changes::of([driver.into()]).with_deletion(DefinitionId::new(Kind::Entity, "customer"));
/// assert_eq!((changes.definitions.len(), changes.deletions.len()), (1, 1));
/// # Ok::<(), mlcore::Error>(())
/// ```
#[non_exhaustive]
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Changes {
    /// Objects that are there afterwards, as they are here.
    pub definitions: Vec<Definition>,
    /// Objects that are gone afterwards.
    pub deletions: Vec<DefinitionId>,
    /// Whether every other object is deleted, too.
    pub is_whole: bool,
    /// The revision that the registry must be at.
    pub expected: Option<u64>,
}

impl Changes {
    /// Creates or changes these objects, and leaves all others as they are.
    #[must_use]
    pub fn of(definitions: impl IntoIterator<Item = Definition>) -> Self {
        Self { definitions: definitions.into_iter().collect(), ..Self::default() }
    }

    /// Makes the registry what the repository is: what is not in it is deleted.
    #[must_use]
    pub fn whole(repository: &Repository) -> Self {
        Self { is_whole: true, ..Self::of(repository.definitions().cloned()) }
    }

    /// Deletes an object, too.
    #[must_use]
    pub fn with_deletion(mut self, id: DefinitionId) -> Self {
        self.deletions.push(id);
        self
    }

    /// Is refused unless the registry is at the revision that the plan was made for: what was looked at is what is applied.
    #[must_use]
    pub fn as_planned(self, diff: &Diff) -> Self {
        self.at_revision(diff.revision)
    }

    /// Is refused unless the registry is at this revision.
    #[must_use]
    pub fn at_revision(mut self, revision: u64) -> Self {
        self.expected = Some(revision);
        self
    }
}
