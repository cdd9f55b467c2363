//! Versions that are kept elsewhere, titles, and names that change.

use super::*;
use crate::error::Error;
use crate::name::RunId;
use crate::registry::{AuditEntry, EXTERNAL, Lineage, ModelVersion, NewModel};

pub(super) fn move_by_their_rules(places: &Places<'_, dyn Registry>) {
    let mut world = World::new(places);
    let (one, two, three) = (world.external(), world.external(), world.external());
    let found = world.registry.version(&world.model, one).unwrap();
    assert!(found.is_external() && found.format == EXTERNAL && found.artifact == Digest::of(SOURCE));
    assert_eq!(found.lineage.source.as_deref(), Some(SOURCE));

    // Anywhere at once, and several in production.
    world.move_to(one, Stage::Production, false).unwrap();
    world.move_to(two, Stage::Production, false).unwrap();
    assert_eq!(world.model().production, None, "none of them is one that mlcore runs");
    world.move_to(three, Stage::Production, true).unwrap();
    assert_eq!(
        [one, two, three].map(|version| world.stage(version)),
        [Stage::Archived, Stage::Archived, Stage::Production]
    );
    world.move_to(three, Stage::Production, false).unwrap();
    world.move_to(three, Stage::Dev, false).unwrap();
    assert_fails(world.move_to(three, Stage::Archived, true), "invalid_input", "churn/3");
    world.is_kept();

    // Any alias, and no release.
    world.set("champion", one, Expected::Absent).unwrap();
    assert_fails(world.promote(two, Expected::Any), "invalid_input", "churn/2");
    assert_fails(world.roll_back(Expected::Any), "invalid_input", "churn/1");
    assert_fails(world.transition(three, Stage::Dev, Stage::Staging), "invalid_input", "churn/3");
    let change = world.change();
    let withdrawn = world.registry.withdraw(&world.model, one, &alias("champion"), &change);
    assert_fails(withdrawn, "invalid_input", "churn/1");

    // Beside one that mlcore runs, which goes through a stage between and keeps production to itself.
    let run = world.version();
    let entry = world.move_to(run, Stage::Production, false).unwrap();
    assert_eq!(entry.event.stage_moves().len(), 2, "through staging");
    assert_eq!((world.stage(run), world.model().production), (Stage::Production, Some(run)));
    let second = world.version();
    assert_fails(world.move_to(second, Stage::Production, false), "conflict", "churn/5");
    world.move_to(two, Stage::Production, false).unwrap();
    assert_eq!(world.model().production, Some(run), "an external one does not take its place");
    world.set("live", run, Expected::Absent).unwrap();
    assert_fails(world.set("live", one, Expected::Any), "invalid_input", "churn/1");
    assert_fails(world.move_to(run, Stage::Archived, false), "conflict", "churn/4");
    world.move_to(second, Stage::Production, true).unwrap();
    // What an alias means is in use.
    assert_eq!([two, run].map(|version| world.stage(version)), [Stage::Archived, Stage::Staging]);
    assert_eq!(world.model().production, Some(second));
    world.move_to(second, Stage::Dev, false).unwrap();
    world.is_kept();

    // It goes with the aliases that mean it; one that mlcore runs does not.
    let change = world.change();
    world.registry.delete_version(&world.model, one, &change).unwrap();
    assert_eq!(world.champion(), None);
    assert_eq!(world.registry.alias_history(&world.model, &alias("champion")).unwrap().len(), 2);
    assert_fails(world.registry.delete_version(&world.model, run, &change), "conflict", "churn/4");
    assert_fails(world.registry.delete_model(&world.model, &change), "conflict", "churn");
    world.set("live", None, Expected::Any).unwrap();
    world.set("elsewhere", two, Expected::Absent).unwrap();
    let entry = world.registry.delete_model(&world.model, &world.change()).unwrap();
    assert_eq!(entry.event.alias_moves().count(), 1);
    world.is_kept();
    world.registry.verify().unwrap();

    // The digest is that of the source.
    let mut forged = NewVersion::external(name("churn"), SOURCE);
    forged.artifact = Digest::of("other");
    world.registry.create_model(&world.model, &world.change()).unwrap();
    assert_fails(world.registry.create_version(forged, &world.change()), "invalid_input", "source");
}

pub(super) fn are_renamed(places: &Places<'_, dyn Registry>) {
    let mut world = World::new(places);
    let titled = NewModel::titled(TITLE).with_tag("team", "risk");
    let found = world.registry.create_model(titled.clone(), &world.change()).unwrap();
    assert_eq!((found.title(), found.title.as_deref()), (TITLE, Some(TITLE)));
    assert_fails(world.registry.create_model(titled, &world.change()), "already_exists", found.name.as_str());
    assert_eq!(world.registry.model_titled(TITLE).unwrap(), found);
    assert_fails(world.registry.model_titled(found.name.as_str()), "not_found", found.name.as_str());
    assert_eq!(world.registry.model_titled("churn").unwrap().title(), "churn");
    let forged = NewModel::new(found.name.clone());
    assert_fails(world.registry.create_model(forged, &world.change()), "invalid_input", found.name.as_str());

    // It takes only what mlcore does not run.
    world.model = found.name.clone();
    let refused = world.registry.create_version(world.new_version(), &world.change());
    assert_fails(refused, "invalid_input", found.name.as_str());
    let (one, two) = (world.external(), world.external());
    world.set("champion", two, Expected::Absent).unwrap();
    world.move_to(one, Stage::Production, false).unwrap();
    world.is_kept();

    // All of it is under the new name, and the old one is free.
    let change = world.change();
    assert_fails(world.registry.rename_model(&world.model, "churn", &change), "already_exists", "churn");
    world.registry.rename_model(&world.model, "renamed", &change).unwrap();
    assert_fails(world.registry.model(&found.name), "not_found", found.name.as_str());
    assert!(world.registry.versions(&found.name, None, 9).unwrap().is_empty());
    assert!(world.registry.aliases(&found.name).unwrap().is_empty());
    world.model = name("renamed");
    assert_eq!((world.model().title(), world.model().tags["team"].as_str()), ("renamed", "risk"));
    assert_eq!((world.stage(one), world.champion()), (Stage::Production, Some(two)));
    assert_eq!(world.external().get(), 3, "numbers go on");
    world.is_kept();
    world.registry.verify().unwrap();

    // Back, since the numbers of the old name are its own; but to no name under which others were given.
    world.registry.rename_model(&world.model, TITLE, &world.change()).unwrap();
    world.registry.rename_model(&found.name, "again", &world.change()).unwrap();
    world.model = name("short-lived");
    world.registry.create_model(&world.model, &world.change()).unwrap();
    world.version();
    world.registry.delete_model(&world.model, &world.change()).unwrap();
    let taken = world.registry.rename_model(&name("again"), "short-lived", &world.change());
    assert_fails(taken, "already_exists", "short-lived");

    // What mlcore runs is renamed while it is not in use, to a name that it can serve.
    world.model = name("churn");
    let run = world.version();
    world.set("champion", run, Expected::Absent).unwrap();
    assert_fails(world.registry.rename_model(&world.model, "other", &world.change()), "conflict", "churn");
    world.set("champion", None, Expected::Any).unwrap();
    assert_fails(
        world.registry.rename_model(&world.model, "Süden", &world.change()),
        "invalid_input",
        "churn",
    );
    world.registry.rename_model(&world.model, "other", &world.change()).unwrap();
    assert_eq!(world.registry.version(&name("other"), run).unwrap().model, name("other"));
    world.is_kept();
    world.registry.verify().unwrap();
}

const SOURCE: &str = "s3://models/churn";
const TITLE: &str = "Rückgang (Süd)";

impl World<'_> {
    /// A new version that is kept elsewhere.
    fn external(&self) -> Version {
        let mut new = NewVersion::external(self.model.clone(), SOURCE);
        new.lineage = Lineage { run: Some(RunId::new("r1").unwrap()), ..new.lineage };
        let version: ModelVersion = self.registry.create_version(new, &self.change()).unwrap();
        version.version
    }

    fn move_to(&self, version: Version, to: Stage, archive_others: bool) -> Result<AuditEntry> {
        self.registry.move_stage(&self.model, version, to, archive_others, &self.change())
    }
}

#[track_caller]
fn assert_fails<T: std::fmt::Debug>(answer: Result<T>, kind: &str, subject: &str) {
    let error: Error = answer.unwrap_err();
    assert_eq!((error.kind(), error.context().subject()), (kind, subject), "{error}");
}
