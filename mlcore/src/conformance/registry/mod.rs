mod external;
mod governance;
mod history;
mod oracle;
mod race;
mod release;
mod restored;
mod rules;

use super::persistence::{Persistence, Place, Places, same};
use crate::artifact::Digest;
use crate::error::Result;
use crate::name::{Alias, ModelName, Version};
use crate::registry::{
    AuditEntry, AuditHead, Change, Expected, Model, NewVersion, Registry, RegistryExt, Stage,
};
use crate::schema::{DType, Dim, Field, Schema, Signature};
use crate::time::Timestamp;

/// Holds a registry to the contract of [`Registry`], as its documentation states it. `open` opens the registry of a place:
/// new and empty at the place's first opening, and afterwards what `persistence` says.
///
/// Proved: the rules for models, versions, aliases, stages, tags, metrics and lineage; releases that carry on; compare-and-swap, with
/// threads racing; versions that are kept elsewhere, titles and renaming; approvals, signatures,
/// cards and the policy that every way to production asks; a registry that is made of another one's log; that a change is seen whole or not at all, and what is refused leaves nothing; history, roll-backs and
/// clocks that go back; repeated requests; paging; the audit chain; that what was acknowledged is there when it is opened
/// again; and that a thousand random changes are answered, and read back, as by
/// [`MemoryRegistry`](crate::registry::MemoryRegistry). Errors are compared by their kind and subject. The suite ends,
/// whatever a registry answers.
///
/// ```
/// use mlcore::conformance::{self, Persistence};
/// use mlcore::registry::MemoryRegistry;
///
/// conformance::registry(Persistence::Ephemeral, |_| Box::new(MemoryRegistry::new()));
/// ```
///
/// # Panics
/// When a promise is broken.
pub fn registry(persistence: Persistence, open: impl Fn(usize) -> Box<dyn Registry>) {
    let places = Places::new(persistence, &open);
    rules::hold(&places);
    release::carries_on(&places);
    history::is_kept(&places);
    external::move_by_their_rules(&places);
    external::are_renamed(&places);
    governance::asks_the_policy(&places);
    restored::from_a_log(&places);
    race::has_one_winner(&places);
    race::is_seen_whole(&places);
    oracle::agrees(&places);
}

/// A registry under test, with a clock of its own.
struct World<'a> {
    registry: Place<'a, dyn Registry>,
    model: ModelName,
    clock: std::cell::Cell<i64>,
}

impl<'a> World<'a> {
    /// With the model `churn` in it.
    fn new(places: &'a Places<'a, dyn Registry>) -> Self {
        let world = Self { registry: places.fresh(), model: name("churn"), clock: 0.into() };
        assert_eq!(world.registry.verify().unwrap().sequence, 0, "a new registry is empty");
        world.registry.create_model(&world.model, &world.change()).unwrap();
        world
    }

    /// Makes sure that everything is there when the registry is opened again.
    #[track_caller]
    fn is_kept(&mut self) {
        self.registry.is_kept(told);
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
    fn refuses<T: std::fmt::Debug>(&self, kind: &str, attempt: impl FnOnce() -> Result<T>) {
        let before = told(&*self.registry);
        let attempted = attempt().map_err(|error| (error.kind(), error));
        assert!(matches!(&attempted, Err((found, _)) if *found == kind), "{kind} was due, not {attempted:?}");
        same(&told(&*self.registry), &before, "a refused change left something");
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

/// Everything that a registry tells, a line for each row.
fn told<R: Registry + ?Sized>(registry: &R) -> Vec<String> {
    const ALL: usize = usize::MAX;
    let mut lines = vec![format!("{:?}", registry.verify().unwrap())];
    for model in registry.models(None, ALL).unwrap() {
        lines.push(format!("{model:?}"));
        lines.push(format!("aliases of {}: {:?}", model.name, registry.aliases(&model.name).unwrap()));
        let versions = registry.versions(&model.name, None, ALL).unwrap();
        lines.extend(versions.into_iter().map(|version| format!("{version:?}")));
    }
    // History outlives its model.
    for (model, word) in MODELS.iter().flat_map(|model| ALIASES.map(|word| (name(model), alias(word)))) {
        let history = registry.alias_history(&model, &word).unwrap();
        lines.push(format!("history of {model}@{word}: {history:?}"));
    }
    lines.extend(registry.audit(1, ALL).unwrap().iter().map(|entry| entry.canonical().to_owned()));
    lines
}

/// The models and aliases that the suite uses most.
const MODELS: [&str; 2] = ["churn", "fraud"];
const ALIASES: [&str; 3] = ["champion", "challenger", "canary"];
