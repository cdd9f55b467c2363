use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use super::*;

const THREADS: usize = 4;
const ROUNDS: usize = 12;

/// Threads race for the same alias from the same belief: one wins each round, and all see what it did.
pub(super) fn has_one_winner(places: &Places<'_, dyn Registry>) {
    let mut world = World::new(places);
    for _ in 0..THREADS {
        world.version_in(Stage::Staging);
    }
    let (registry, model, champion): (&dyn Registry, _, _) =
        (&*world.registry, &world.model, &alias("champion"));
    let change = &Change::new("race", Timestamp::default());
    let before = registry.verify().unwrap().sequence;
    for round in 0..ROUNDS {
        let expected = Expected::from(registry.alias(model, champion).unwrap());
        let wins = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for thread in 0..THREADS {
                let wins = &wins;
                scope.spawn(move || {
                    let version = number(1 + thread as u64);
                    match registry.promote(model, version, champion, expected, change) {
                        // Promoting what is there already changes nothing for the others.
                        Ok(_) if expected == Expected::Version(version) => {}
                        Ok(entry) => {
                            wins.fetch_add(1, Ordering::Relaxed);
                            assert_eq!(entry.event.alias_moves().next().unwrap().to, Some(version));
                            assert!(registry.alias(model, champion).unwrap().is_some());
                        }
                        Err(error) => assert_eq!(error.kind(), "conflict", "round {round}: {error}"),
                    }
                });
            }
        });
        assert_eq!(wins.into_inner(), 1, "round {round} has one winner");
        let now = registry.alias(model, champion).unwrap();
        assert_eq!(registry.model(model).unwrap().production, now, "alias and stage went together");
        let versions = registry.versions(model, None, THREADS).unwrap();
        assert_eq!(versions.iter().filter(|version| version.stage == Stage::Production).count(), 1);
    }
    let after = registry.verify().unwrap().sequence;
    assert!(
        (ROUNDS..=2 * ROUNDS).contains(&usize::try_from(after - before).unwrap()),
        "one entry for each that won"
    );
    world.is_kept();
}

/// Releases go on in one thread, and others read meanwhile: each reading is that of one moment between two changes.
pub(super) fn is_seen_whole(places: &Places<'_, dyn Registry>) {
    let mut world = World::new(places);
    let versions: Vec<_> = (0..=RELEASES).map(|_| world.version_in(Stage::Staging)).collect();
    world.promote(versions[0], Expected::Absent).unwrap();
    let (registry, model): (&dyn Registry, _) = (&*world.registry, &world.model);
    let (change, champion, challenger) =
        (&Change::new("release", Timestamp::default()), &alias("champion"), &alias("challenger"));
    let done = &AtomicBool::new(false);
    std::thread::scope(|scope| {
        let read = move || {
            while !done.load(Ordering::Acquire) {
                let found = registry.aliases(model).unwrap();
                let meant =
                    |alias: &Alias| found.iter().find(|(own, _)| own == alias).map(|(_, means)| *means);
                assert!(meant(champion).is_some(), "the champion's alias is never unset: {found:?}");
                assert_ne!(meant(champion), meant(challenger), "half of a release was seen");
                let all = registry.versions(model, None, RELEASES + 1).unwrap();
                let in_production = all.iter().filter(|version| version.stage == Stage::Production).count();
                assert_eq!(in_production, 1, "half of a change of stages was seen");
            }
        };
        let readers: Vec<_> = (1..THREADS).map(|_| scope.spawn(read)).collect();
        // Readers end with the writer, also where it fails.
        let ended = Ended(done);
        for pair in versions.windows(2) {
            let (now, next) = (pair[0], pair[1]);
            registry.set_alias(model, challenger, Some(next), Expected::Absent, change).unwrap();
            let expected = Expected::Version(now);
            std::thread::sleep(BETWEEN_CHANGES);
            registry.promote_trial(model, next, champion, expected, challenger, change).unwrap();
            std::thread::sleep(BETWEEN_CHANGES);
        }
        drop(ended);
        for reader in readers {
            // With the words of the promise that it saw broken.
            reader.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        }
    });
    world.is_kept();
}

const RELEASES: usize = 20;
/// Long enough that readers begin before each change and end after it.
const BETWEEN_CHANGES: Duration = Duration::from_millis(1);

/// Tells the readers when it is dropped.
struct Ended<'a>(&'a AtomicBool);

impl Drop for Ended<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}
