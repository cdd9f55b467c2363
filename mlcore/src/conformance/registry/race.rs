use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;

const THREADS: usize = 4;
const ROUNDS: usize = 12;

/// Threads race for the same alias from the same belief: one wins each round, and all see what it did.
pub(super) fn has_one_winner(registry: &dyn Registry) {
    let (model, champion) = (name("churn"), alias("champion"));
    let change = Change::new("race", Timestamp::default());
    registry.create_model(&model, &change).unwrap();
    for _ in 0..THREADS {
        let new = NewVersion::new(model.clone(), Digest::of("model"), Signature::default());
        let version = registry.create_version(new, &change).unwrap().version;
        registry.transition(&model, version, Stage::Dev, Stage::Staging, &change).unwrap();
    }
    let before = registry.verify().unwrap().sequence;
    for round in 0..ROUNDS {
        let expected = Expected::from(registry.alias(&model, &champion).unwrap());
        let wins = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for thread in 0..THREADS {
                let (model, champion, change, wins) = (&model, &champion, &change, &wins);
                scope.spawn(move || {
                    let version = number(1 + thread as u64);
                    match registry.promote(model, version, champion, expected, change) {
                        // Whoever promotes what is there already changes nothing for the others.
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
        let now = registry.alias(&model, &champion).unwrap();
        assert_eq!(registry.model(&model).unwrap().production, now, "alias and stage went together");
        let versions = registry.versions(&model, None, THREADS).unwrap();
        assert_eq!(versions.iter().filter(|version| version.stage == Stage::Production).count(), 1);
    }
    let after = registry.verify().unwrap().sequence;
    assert!(
        (ROUNDS..=2 * ROUNDS).contains(&usize::try_from(after - before).unwrap()),
        "one entry for each that won"
    );
}
