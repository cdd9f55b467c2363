//! Bandits that answer: what they learn survives a restart and a kill, and replicas count each outcome once.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use mlcore::Error;
use mlcore::bandit::{BanditOptions, Stopping, ThompsonBeta, TrackAndStop};
use mlcore::name::Version;
use mlcore::registry::Registry;
use mlcore::rollout::{AssignBy, BanditRollout, BanditRolloutOptions, RewardRule};
use mlcore_serve::Endpoint;
use mlcore_serve::endpoint::{EndpointBuilder, EventKind, Request};

use crate::support::{Failing, Faulty, ManualClock, Place, alias, arm, ask, change, load, model, row, unit};

const KEY: &str = "mlcore.policy.offers";

fn options() -> BanditRolloutOptions {
    let learner = BanditOptions::new(ThompsonBeta::default()).with_min_prob(0.05);
    BanditRolloutOptions::new("offers", ["champion", "challenger"].map(arm), learner, RewardRule::Answered)
}

fn bandit() -> Arc<BanditRollout> {
    Arc::new(BanditRollout::new(options()).unwrap())
}

fn builder(
    place: &Place,
    registry: Arc<dyn Registry>,
    policy: &Arc<BanditRollout>,
    clock: &ManualClock,
) -> EndpointBuilder {
    Endpoint::builder(model(), registry, place.artifacts.clone())
        .with_loader(load)
        .with_arm(alias("challenger"))
        .with_policy(policy.clone())
        .with_clock(clock.clone())
        .with_share_interval(Duration::from_secs(60))
}

/// Asks for these units, whichever arm answers, and lets the policy learn of it.
fn play(endpoint: &Endpoint, clock: &ManualClock, units: std::ops::Range<usize>) {
    for number in units {
        // The challenger fails.
        drop(ask(endpoint, number));
        if number % 50 == 49 {
            clock.advance(Duration::from_secs(1));
            endpoint.process();
        }
    }
}

/// The outcomes and the rewards of the two arms.
fn learnt(policy: &BanditRollout) -> Vec<(f64, f64)> {
    policy.statistics().iter().map(|(_, known)| (known.count, known.sum)).collect()
}

fn propensities(endpoint: &Endpoint) -> Vec<(String, u64)> {
    let answer = |number| {
        let decided = endpoint.decide(Request::tensors(&unit(number), &row()));
        (decided.arm().to_string(), decided.assignment().propensity.to_bits())
    };
    (0..200).map(answer).collect()
}

#[test]
fn a_bandit_goes_on_where_a_killed_process_had_shared() {
    let (place, clock) = (Place::with_trial("fails"), ManualClock::default());
    let first = bandit();
    let endpoint = builder(&place, place.registry.clone(), &first, &clock).build().unwrap();
    assert!(!place.registry.model(&model()).unwrap().tags.contains_key(KEY));
    let before = place.registry.verify().unwrap().sequence;
    play(&endpoint, &clock, 0..1_000);
    // Twenty seconds: nothing is written by each request, or each decision.
    let written = place.registry.verify().unwrap().sequence - before;
    assert!(written <= 1, "{written} changes");
    clock.advance(Duration::from_secs(60));
    endpoint.process();
    assert!(first.probability_of(&arm("champion")) > 0.9);
    assert_eq!(first.outcomes(), 1_000);
    // Killed: nothing is told or saved any more.
    let second = bandit();
    let restarted = builder(&place, place.registry.clone(), &second, &clock).build().unwrap();
    assert_eq!((second.outcomes(), learnt(&second)), (1_000, learnt(&first)));
    assert_eq!(propensities(&restarted), propensities(&endpoint));
    // Another version is another arm to learn of, and the other one is known.
    place.point("challenger", place.register("1"));
    let third = bandit();
    let endpoint = builder(&place, place.registry.clone(), &third, &clock).build().unwrap();
    assert_eq!(learnt(&third)[0], learnt(&first)[0]);
    assert_eq!(learnt(&third)[1], (0.0, 0.0));
    let events = endpoint.process();
    assert!(
        matches!(&events[0].kind, EventKind::Renewed { reason } if reason.contains("version 3 instead of 2")),
        "{events:?}"
    );
}

#[test]
fn replicas_agree_and_count_each_outcome_once() {
    let (place, clock) = (Place::with_trial("fails"), ManualClock::default());
    let policies = [(); 2].map(|()| bandit());
    let replicas = [0, 1].map(|replica: usize| {
        builder(&place, place.registry.clone(), &policies[replica], &clock)
            .with_share_interval(Duration::from_secs(3_600))
            .build()
            .unwrap()
    });
    // The first exchange, while there is nothing to share; the next is due in an hour.
    replicas.iter().for_each(|replica| drop(replica.process()));
    play(&replicas[0], &clock, 0..500);
    play(&replicas[1], &clock, 500..1_100);
    let seen: Vec<_> = policies.iter().map(|policy| learnt(policy)).collect();
    let expected: Vec<(f64, f64)> =
        seen[0].iter().zip(&seen[1]).map(|(one, other)| (one.0 + other.0, one.1 + other.1)).collect();
    // However often they exchange.
    for _ in 0..5 {
        replicas.iter().for_each(|replica| replica.share_policy().unwrap());
    }
    for policy in &policies {
        assert_eq!((policy.outcomes(), learnt(policy)), (1_100, expected.clone()));
    }
    assert_eq!(propensities(&replicas[0]), propensities(&replicas[1]));
    let third = bandit();
    let endpoint = builder(&place, place.registry.clone(), &third, &clock).build().unwrap();
    assert_eq!((third.outcomes(), learnt(&third)), (1_100, expected));
    assert_eq!(propensities(&endpoint), propensities(&replicas[0]));
}

/// Every change of the registry fails in one of two ways, or not, in an order that differs from seed to seed.
#[test]
fn what_could_not_be_written_or_whose_answer_was_lost_counts_once() {
    for seed in 0_usize..8 {
        let (place, clock) = (Place::with_trial("fails"), ManualClock::default());
        let calls = Arc::new(AtomicUsize::new(0));
        let policies = [(); 2].map(|()| bandit());
        let replicas = [0, 1].map(|replica: usize| {
            let calls = calls.clone();
            let faulty = Faulty::new(&place, move |_| {
                let call = calls.fetch_add(1, Ordering::SeqCst);
                match (call * 7 + seed) % 5 {
                    0 | 3 => Some(Failing::After),
                    1 => Some(Failing::Before),
                    _ => None,
                }
            });
            builder(&place, faulty, &policies[replica], &clock).build().unwrap()
        });
        let mut failures = 0;
        for round in 0..12 {
            for (replica, endpoint) in replicas.iter().enumerate() {
                let from = 1_000 * replica + 50 * round;
                play(endpoint, &clock, from..from + 50);
                match endpoint.share_policy() {
                    Ok(()) => {}
                    Err(Error::Unavailable(_) | Error::OutcomeUnknown(_)) => failures += 1,
                    Err(error) => panic!("{error}"),
                }
            }
        }
        assert!(failures > 4, "{failures}");
        for _ in 0..20 {
            replicas.iter().for_each(|endpoint| drop(endpoint.share_policy()));
        }
        for policy in &policies {
            assert_eq!(policy.outcomes(), 1_200, "seed {seed}");
        }
        assert_eq!(learnt(&policies[0]), learnt(&policies[1]));
        assert_eq!(propensities(&replicas[0]), propensities(&replicas[1]));
    }
}

#[test]
fn a_failing_registry_is_told_of_once_and_other_options_are_refused() {
    let (place, clock, policy) = (Place::with_trial("fails"), ManualClock::default(), bandit());
    let faulty = Faulty::new(&place, |_| Some(Failing::Before));
    let endpoint = builder(&place, faulty, &policy, &clock).build().unwrap();
    let mut events = Vec::new();
    for number in 0..200 {
        drop(ask(&endpoint, number));
        clock.advance(Duration::from_secs(2));
        events.extend(endpoint.process());
    }
    let names: Vec<String> = events.iter().map(|event| event.kind.to_string()).collect();
    assert_eq!(names.len(), 1, "{names:?}");
    assert!(names[0].contains("share policy failed"), "{names:?}");
    // Nothing was lost: another registry that works takes it all.
    let endpoint = builder(&place, place.registry.clone(), &policy, &clock).build().unwrap();
    endpoint.share_policy().unwrap();
    let mut other = options();
    other.bandit.min_prob = 0.2;
    let other = Arc::new(BanditRollout::new(other).unwrap());
    let refused = builder(&place, place.registry.clone(), &other, &clock).build().unwrap_err();
    assert!(
        matches!(refused, Error::InvalidInput(_)) && refused.to_string().contains("bandit.min_prob is 0.05"),
        "{refused}"
    );
    // What somebody else wrote there is refused by name, and a tag that was removed is written anew.
    place.registry.set_tag(KEY, "nonsense");
    let refused = endpoint.share_policy().unwrap_err();
    assert!(matches!(refused, Error::Corrupt(_)) && refused.to_string().contains(KEY), "{refused}");
    place.registry.remove_tag(KEY);
    endpoint.share_policy().unwrap();
    let last = bandit();
    builder(&place, place.registry.clone(), &last, &clock).build().unwrap();
    assert_eq!(last.outcomes(), 200);
}

#[test]
fn a_start_without_a_registry_goes_on_from_the_snapshot_and_counts_it_once() {
    let (place, clock, policy) = (Place::with_trial("fails"), ManualClock::default(), bandit());
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("served.json");
    let faulty = Faulty::new(&place, |_| None);
    let start = |policy: &Arc<BanditRollout>| {
        builder(&place, faulty.clone(), policy, &clock).with_snapshot(&file).build().unwrap()
    };
    let endpoint = start(&policy);
    play(&endpoint, &clock, 0..300);
    endpoint.share_policy().unwrap();
    // A snapshot is written where something is deployed.
    place.point("champion", place.register("2"));
    clock.advance(Duration::from_secs(5));
    endpoint.process();
    faulty.unreadable.store(true, Ordering::SeqCst);
    let second = bandit();
    let restarted = start(&second);
    assert_eq!(second.outcomes(), 300);
    faulty.unreadable.store(false, Ordering::SeqCst);
    restarted.share_policy().unwrap();
    assert_eq!(second.outcomes(), 300);
}

#[test]
fn the_best_arm_is_promoted_in_the_registry() {
    // The champion is the one that fails.
    let (place, clock) = (Place::new(), ManualClock::default());
    place.point("champion", place.register("fails"));
    place.point("challenger", place.register("1"));
    let search = TrackAndStop { delta: 0.05, epsilon: 0.0, stopping: Stopping::Mixture };
    let mut options = options().with_promotes_winner(true).with_assign_by(AssignBy::Draw);
    options.bandit = BanditOptions::new(search).with_min_prob(0.1).with_min_samples(10);
    let policy = Arc::new(BanditRollout::new(options).unwrap());
    let endpoint = builder(&place, place.registry.clone(), &policy, &clock).with_seed(7).build().unwrap();
    let mut promoted = None;
    for number in 0..2_000 {
        drop(ask(&endpoint, number));
        clock.advance(Duration::from_secs(2));
        let mut events = endpoint.process().into_iter().map(|event| event.kind);
        promoted = promoted.or_else(|| events.find(|kind| matches!(kind, EventKind::Promoted { .. })));
        if promoted.is_some() {
            break;
        }
    }
    let Some(EventKind::Promoted { to, reason, .. }) = promoted else { panic!("nothing was promoted") };
    assert_eq!(reason, "challenger is the best of 2 arms, with a confidence of 95 %");
    assert_eq!(place.registry.alias(&model(), &alias("champion")).unwrap(), Some(to));
    assert_eq!(endpoint.arms(), [(arm("champion"), Version::FIRST.next())]);
    assert_eq!(ask(&endpoint, 1).unwrap(), 1.0);
}

/// A worker shares when it is stopped, and no request waits for it.
#[test]
fn a_worker_shares_what_was_learnt_until_it_is_stopped() {
    let (place, policy) = (Place::with_trial("fails"), bandit());
    let endpoint = Endpoint::builder(model(), place.registry.clone(), place.artifacts.clone())
        .with_loader(load)
        .with_arm(alias("challenger"))
        .with_policy(policy)
        .build()
        .unwrap();
    let worker = endpoint.spawn_worker(Duration::from_millis(1), |_| {}).unwrap();
    for number in 0..100 {
        drop(ask(&endpoint, number));
    }
    worker.stop();
    let second = bandit();
    builder(&place, place.registry.clone(), &second, &ManualClock::default()).build().unwrap();
    assert_eq!(second.outcomes(), 100);
}

/// Changes of a tag by somebody else.
trait Tags {
    fn set_tag(&self, key: &str, value: &str);

    fn remove_tag(&self, key: &str);
}

impl Tags for mlcore::registry::MemoryRegistry {
    fn set_tag(&self, key: &str, value: &str) {
        mlcore::registry::RegistryExt::set_model_tag(self, &model(), key, value, &change("odd")).unwrap();
    }

    fn remove_tag(&self, key: &str) {
        mlcore::registry::RegistryExt::delete_model_tag(self, &model(), key, &change("gone")).unwrap();
    }
}

#[cfg(feature = "server")]
mod kill {
    use std::env;
    use std::io::{BufRead, BufReader};
    use std::path::{Path, PathBuf};
    use std::process::{Child, ChildStdout, Command, Stdio};

    use mlcore::registry::SqliteRegistry;
    use mlcore::registry::{Expected, NewVersion, RegistryExt, Stage};

    use super::*;
    use crate::support::signature;

    const FILE: &str = "MLCORE_TEST_BANDIT_REGISTRY";
    const FIRST_UNIT: &str = "MLCORE_TEST_BANDIT_FIRST_UNIT";
    const EACH: usize = 20;

    fn place(file: &Path) -> (Place, Arc<SqliteRegistry>) {
        let place = Place::new();
        // The artifacts of the versions, by digest.
        place.register("1");
        place.register("fails");
        (place, Arc::new(SqliteRegistry::open(file).unwrap()))
    }

    /// A replica that answers and shares until it is killed, and says what it has shared.
    #[test]
    fn child() {
        let Some(file) = env::var_os(FILE) else { return };
        let first: usize = env::var(FIRST_UNIT).unwrap().parse().unwrap();
        let (place, registry) = place(&PathBuf::from(file));
        let (policy, clock) = (bandit(), ManualClock::default());
        let endpoint = builder(&place, registry, &policy, &clock).build().unwrap();
        for round in 1_usize.. {
            for number in 0..EACH {
                drop(ask(&endpoint, first + round * EACH + number));
            }
            endpoint.process();
            while endpoint.share_policy().is_err() {}
            println!("\nshared {}", round * EACH);
        }
    }

    fn start(file: &Path, first: usize) -> (Child, std::io::Lines<BufReader<ChildStdout>>) {
        let mut child = Command::new(env::current_exe().unwrap())
            .args(["bandits::kill::child", "--exact", "--nocapture"])
            .env(FILE, file)
            .env(FIRST_UNIT, first.to_string())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        (child, lines)
    }

    fn shared(line: &str) -> Option<u64> {
        line.strip_prefix("shared ").map(|number| number.parse().unwrap())
    }

    /// Two replicas at a time on one registry, killed at any moment: what was shared is there once.
    #[test]
    fn killed_replicas_leave_what_they_had_shared() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("registry.db");
        let (memory, registry) = place(&file);
        registry.create_model(model(), &change("begin")).unwrap();
        for (name, version) in [("champion", Version::FIRST), ("challenger", Version::FIRST.next())] {
            let artifact = memory.registry.version(&model(), version).unwrap().artifact;
            let new = NewVersion::new(model(), artifact, signature()).with_format("test");
            registry.create_version(new, &change("new")).unwrap();
            registry.transition(&model(), version, Stage::Dev, Stage::Staging, &change("stage")).unwrap();
            registry
                .set_alias(&model(), &alias(name), Some(version), Expected::Any, &change("point"))
                .unwrap();
        }
        let rounds: u64 = env::var("MLCORE_KILLS").map_or(3, |kills| kills.parse().unwrap());
        let (mut acknowledged, mut killed) = (0, 0);
        for round in 0..rounds {
            let mut children = [0, 1].map(|replica| start(&file, (2 * round as usize + replica) * 1_000_000));
            let mut told = [0, 0];
            for (replica, (_, lines)) in children.iter_mut().enumerate() {
                for line in lines.by_ref().map_while(Result::ok) {
                    told[replica] = shared(&line).unwrap_or(told[replica]);
                    if told[replica] >= 5 * EACH as u64 {
                        break;
                    }
                }
            }
            std::thread::sleep(Duration::from_micros(700 * round));
            for (replica, (child, lines)) in children.iter_mut().enumerate() {
                child.kill().unwrap();
                child.wait().unwrap();
                let last = lines.map_while(Result::ok).filter_map(|line| shared(&line)).last();
                assert!(told[replica] > 0);
                acknowledged += last.unwrap_or(told[replica]);
                killed += 1;
            }
            let policy = bandit();
            builder(&memory, registry.clone(), &policy, &ManualClock::default()).build().unwrap();
            // Each that was killed may have shared once more than it could say.
            let (known, each) = (policy.outcomes(), EACH as u64);
            assert!(
                known % each == 0 && (acknowledged..=acknowledged + killed * each).contains(&known),
                "{known} outcomes, and {acknowledged} were acknowledged by {killed} processes"
            );
            let counted: f64 = policy.statistics().iter().map(|(_, known)| known.count).sum();
            assert_eq!(counted, known as f64);
            registry.verify().unwrap();
        }
    }
}
