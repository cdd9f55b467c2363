use super::*;

/// A release is one entry, and carries on where an earlier attempt stopped.
pub(super) fn carries_on(places: &Places<'_, dyn Registry>) {
    promotion_ends_the_trial(places);
    a_half_done_promotion_is_ended(places);
    withdrawal_archives(places);
    a_half_done_withdrawal_is_ended(places);
}

/// Version 1 in production as `champion`, and version 2 in `stage`, on trial as `challenger`.
struct Trial<'a> {
    world: World<'a>,
    champion: Version,
    challenger: Version,
}

impl<'a> Trial<'a> {
    fn new(places: &'a Places<'a, dyn Registry>, stage: Stage) -> Self {
        let world = World::new(places);
        let (champion, challenger) = (world.version_in(Stage::Staging), world.version_in(stage));
        world.promote(champion, Expected::Absent).unwrap();
        world.set("challenger", challenger, Expected::Absent).unwrap();
        Self { world, champion, challenger }
    }

    fn promote(&self) -> Result<AuditEntry> {
        let (world, expected) = (&self.world, Expected::Version(self.champion));
        let (to, trial) = (alias("champion"), alias("challenger"));
        world.registry.promote_trial(&world.model, self.challenger, &to, expected, &trial, &world.change())
    }

    fn withdraw(&self) -> Result<AuditEntry> {
        let world = &self.world;
        world.registry.withdraw(&world.model, self.challenger, &alias("challenger"), &world.change())
    }

    fn entries(&self) -> u64 {
        self.world.registry.verify().unwrap().sequence
    }

    /// The aliases, and the stages of champion and challenger.
    fn found(&self) -> (Option<Version>, Option<Version>, Stage, Stage) {
        let world = &self.world;
        let tried = world.registry.alias(&world.model, &alias("challenger")).unwrap();
        (world.champion(), tried, world.stage(self.champion), world.stage(self.challenger))
    }

    #[track_caller]
    fn is_promoted(&mut self) {
        let end = (Some(self.challenger), None, Stage::Archived, Stage::Production);
        assert_eq!(self.found(), end, "champion, challenger and their stages after a promotion");
        assert_eq!(self.world.model().production, Some(self.challenger));
        self.world.is_kept();
    }

    #[track_caller]
    fn is_withdrawn(&mut self) {
        let end = (Some(self.champion), None, Stage::Production, Stage::Archived);
        assert_eq!(self.found(), end, "champion, challenger and their stages after a withdrawal");
        assert_eq!(self.world.model().production, Some(self.champion));
        self.world.is_kept();
    }
}

fn promotion_ends_the_trial(places: &Places<'_, dyn Registry>) {
    let mut trial = Trial::new(places, Stage::Staging);
    let before = trial.entries();
    let entry = trial.promote().unwrap();
    trial.is_promoted();
    assert_eq!(trial.entries(), before + 1, "a release is one entry");
    assert_eq!(entry.event.alias_moves().count(), 2);
    let world = &trial.world;
    let history = world.registry.alias_history(&world.model, &alias("challenger")).unwrap();
    let last = history.last().unwrap();
    assert_eq!(
        (last.sequence, last.moved.from, last.target()),
        (entry.sequence, Some(trial.challenger), None)
    );
    trial.promote().unwrap();
    trial.is_promoted();

    let trial = Trial::new(places, Stage::Dev);
    trial.world.refuses("invalid_input", || trial.promote());
    let world = &trial.world;
    world.transition(trial.challenger, Stage::Dev, Stage::Staging).unwrap();
    let (to, expected) = (alias("champion"), Expected::Any);
    world.refuses("invalid_input", || {
        world.registry.promote_trial(&world.model, trial.challenger, &to, expected, &to, &world.change())
    });
    // Somebody withdrew the trial, gave its alias to another version, or moved the champion: nothing is as expected.
    world.set("challenger", None, Expected::Any).unwrap();
    world.refuses("conflict", || trial.promote());
    world.set("challenger", trial.champion, Expected::Any).unwrap();
    world.refuses("conflict", || trial.promote());
    world.set("challenger", trial.challenger, Expected::Any).unwrap();
    let third = world.version_in(Stage::Staging);
    world.promote(third, Expected::Any).unwrap();
    world.refuses("conflict", || trial.promote());
}

fn a_half_done_promotion_is_ended(places: &Places<'_, dyn Registry>) {
    let mut trial = Trial::new(places, Stage::Staging);
    let world = &trial.world;
    world.promote(trial.challenger, Expected::Version(trial.champion)).unwrap();
    trial.promote().unwrap();
    trial.is_promoted();
    // The alias of a finished trial belongs to the next one.
    let world = &trial.world;
    let third = world.version();
    world.set("challenger", third, Expected::Absent).unwrap();
    trial.promote().unwrap();
    let next = (Some(trial.challenger), Some(third), Stage::Archived, Stage::Production);
    assert_eq!(trial.found(), next);
    world.registry.verify().unwrap();
}

fn withdrawal_archives(places: &Places<'_, dyn Registry>) {
    for stage in [Stage::Dev, Stage::Staging] {
        let mut trial = Trial::new(places, stage);
        let before = trial.entries();
        let entry = trial.withdraw().unwrap();
        trial.is_withdrawn();
        assert_eq!(trial.entries(), before + 1, "a withdrawal is one entry");
        let moved: Vec<_> = entry.event.alias_moves().map(|moved| (moved.from, moved.to)).collect();
        assert_eq!(moved, [(Some(trial.challenger), None)]);
        trial.withdraw().unwrap();
        trial.is_withdrawn();
    }
    let mut trial = Trial::new(places, Stage::Staging);
    let world = &trial.world;
    world.promote(trial.challenger, Expected::Any).unwrap();
    trial.withdraw().unwrap();
    trial.is_promoted();
    let world = &trial.world;
    world.refuses("conflict", || trial.withdraw());
    let gone = world.version();
    world.registry.delete_version(&world.model, gone, &world.change()).unwrap();
    world.refuses("not_found", || {
        world.registry.withdraw(&world.model, gone, &alias("challenger"), &world.change())
    });
}

fn a_half_done_withdrawal_is_ended(places: &Places<'_, dyn Registry>) {
    let mut trial = Trial::new(places, Stage::Staging);
    let world = &trial.world;
    world.set("challenger", None, Expected::Any).unwrap();
    trial.withdraw().unwrap();
    trial.is_withdrawn();

    // It was withdrawn before, and tried again: it is withdrawn or promoted as any other.
    let mut trial = Trial::new(places, Stage::Archived);
    trial.withdraw().unwrap();
    trial.is_withdrawn();
    trial.world.set("challenger", trial.challenger, Expected::Absent).unwrap();
    trial.promote().unwrap();
    trial.is_promoted();

    // Somebody gave the alias to another version: only of what is withdrawn already that is no news.
    let trial = Trial::new(places, Stage::Staging);
    let (world, third) = (&trial.world, trial.world.version());
    world.set("challenger", third, Expected::Any).unwrap();
    world.refuses("conflict", || trial.withdraw());
    world.transition(trial.challenger, Stage::Staging, Stage::Archived).unwrap();
    trial.withdraw().unwrap();
    assert_eq!(trial.found(), (Some(trial.champion), Some(third), Stage::Production, Stage::Archived));
}
