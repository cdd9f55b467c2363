mod history;
mod oracle;
mod race;
mod release;
mod rules;

use crate::artifact::Digest;
use crate::error::{Error, Result};
use crate::name::{Alias, ModelName, Version};
use crate::registry::{
    AuditEntry, Change, Expected, Model, ModelVersion, NewVersion, Registry, RegistryExt, Stage, Timestamp,
};
use crate::schema::{DType, Dim, Field, Schema, Signature};

/// Holds a registry to the contract of [`Registry`]: `make` answers a new, empty one each time.
///
/// Proved: the rules for models, versions, aliases, stages, tags and lineage; releases that carry on; compare-and-swap, with threads racing;
/// that what fails leaves nothing; history, roll-backs and clocks that go back; repeated requests; paging; the audit
/// chain; and that a thousand random changes are answered, and read back, exactly as by
/// [`MemoryRegistry`](crate::registry::MemoryRegistry).
pub fn registry(make: impl Fn() -> Box<dyn Registry>) {
    rules::hold(&make);
    release::carries_on(&make);
    history::is_kept(&make);
    race::has_one_winner(&*make());
    oracle::agrees(&make);
}

/// A registry under test, with a clock of its own.
struct World {
    registry: Box<dyn Registry>,
    model: ModelName,
    clock: std::cell::Cell<i64>,
}

impl World {
    /// With the model `churn` in it.
    fn new(make: &impl Fn() -> Box<dyn Registry>) -> Self {
        let world = Self { registry: make(), model: name("churn"), clock: 0.into() };
        assert_eq!(world.registry.verify().unwrap().sequence, 0, "a new registry is empty");
        world.registry.create_model(&world.model, &world.change()).unwrap();
        world
    }

    fn change(&self) -> Change {
        self.clock.set(self.clock.get() + 1);
        Change::new("conformance", Timestamp::from_millis(self.clock.get()))
    }

    fn new_version(&self) -> NewVersion {
        let artifact = Digest::of(format!("model {}", self.clock.get()));
        NewVersion::new(self.model.clone(), artifact, signature())
    }

    /// A new version, in `dev`.
    fn version(&self) -> Version {
        self.registry.create_version(self.new_version(), &self.change()).unwrap().version
    }

    /// A new version, in `stage`.
    fn version_in(&self, stage: Stage) -> Version {
        let version = self.version();
        match stage {
            Stage::Dev => {}
            Stage::Staging | Stage::Archived => drop(self.transition(version, Stage::Dev, stage).unwrap()),
            Stage::Production => {
                self.transition(version, Stage::Dev, Stage::Staging).unwrap();
                self.transition(version, Stage::Staging, stage).unwrap();
            }
        }
        version
    }

    fn transition(&self, version: Version, from: Stage, to: Stage) -> Result<AuditEntry> {
        self.registry.transition(&self.model, version, from, to, &self.change())
    }

    fn set(&self, word: &str, version: impl Into<Option<Version>>, expected: Expected) -> Result<AuditEntry> {
        self.registry.set_alias(&self.model, &alias(word), version.into(), expected, &self.change())
    }

    fn promote(&self, version: Version, expected: Expected) -> Result<AuditEntry> {
        self.registry.promote(&self.model, version, &alias("champion"), expected, &self.change())
    }

    fn roll_back(&self, expected: Expected) -> Result<AuditEntry> {
        self.registry.roll_back(&self.model, &alias("champion"), expected, &self.change())
    }

    fn champion(&self) -> Option<Version> {
        self.registry.alias(&self.model, &alias("champion")).unwrap()
    }

    fn stage(&self, version: Version) -> Stage {
        self.registry.version(&self.model, version).unwrap().stage
    }

    fn model(&self) -> Model {
        self.registry.model(&self.model).unwrap()
    }

    /// Makes sure that `attempt` fails with the meaning `kind` and leaves nothing.
    #[track_caller]
    fn refuses<T: std::fmt::Debug>(&self, kind: &str, attempt: impl FnOnce() -> Result<T>) -> Error {
        let before = self.registry.verify().unwrap();
        let attempted = attempt().map_err(|error| (error.kind(), error));
        assert!(matches!(attempted, Err((found, _)) if found == kind), "{kind} was due, not {attempted:?}");
        let (_, error) = attempted.unwrap_err();
        assert_eq!(self.registry.verify().unwrap(), before, "a refused change left something: {error}");
        error
    }
}

fn signature() -> Signature {
    let input = Field::tensor("x", DType::Float32, [Dim::Dynamic, Dim::Fixed(3)]);
    let output = Field::column("label", DType::Int64).labelled(["stays", "leaves"]);
    Signature::new(Schema::new([input]).unwrap(), Schema::new([output]).unwrap())
}

fn name(text: &str) -> ModelName {
    ModelName::new(text).unwrap()
}

fn alias(text: &str) -> Alias {
    Alias::new(text).unwrap()
}

fn number(number: u64) -> Version {
    Version::new(number).unwrap()
}

/// Everything that a registry tells, for comparing two of them.
#[derive(PartialEq, Debug)]
struct Told {
    models: Vec<Model>,
    versions: Vec<ModelVersion>,
    aliases: Vec<(Alias, Version)>,
    audit: Vec<AuditEntry>,
}

impl Told {
    fn by(registry: &dyn Registry) -> Self {
        let models = registry.models(None, usize::MAX).unwrap();
        let versions =
            models.iter().flat_map(|model| registry.versions(&model.name, None, usize::MAX).unwrap());
        let aliases = models.iter().flat_map(|model| registry.aliases(&model.name).unwrap());
        let (versions, aliases) = (versions.collect(), aliases.collect());
        Self { models, versions, aliases, audit: registry.audit(1, usize::MAX).unwrap() }
    }
}
