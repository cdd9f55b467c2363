//! Everything at once: askers, a worker, swaps, canaries that fail, panic, hang and lie, and a registry that is locked now and
//! then. `MLCORE_SOAK_SECONDS=300` makes it last longer than its few seconds.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use mlcore::name::Version;
use mlcore::registry::{Expected, Registry, RegistryExt};
use mlcore::rollout::{Canary, CanaryOptions, Guardrail, Metric, RampOptions, Shadowed};
use mlcore_serve::Endpoint;
use mlcore_serve::endpoint::Request;

use crate::support::{Failing, Faulty, Place, alias, arm, change, load, model, row, unit};

/// What canaries do, by turns; the others answer their number.
const BEHAVIOURS: [&str; 7] = ["fails", "", "panics", "hangs", "", "more rows", "nothing"];

/// Registers a version that answers its own number, or behaves like this.
fn register(place: &Place, versions: &AtomicU64, behaviour: &str) -> Version {
    let number = versions.fetch_add(1, Ordering::SeqCst) + 1;
    let own = number.to_string();
    let version = place.register(if behaviour.is_empty() { &own } else { behaviour });
    (version.get() == number).then_some(version).unwrap()
}

fn canary(salt: usize) -> Arc<Shadowed<Canary>> {
    let guardrail = Guardrail::new(Metric::ErrorRate, 0.1).unwrap().with_limit(0.3).unwrap();
    let ramp = RampOptions::new([guardrail]).with_steps([0.3, 0.5]).with_min_samples(50);
    let options = CanaryOptions::new(arm("champion"), arm("challenger"), format!("release {salt}"), ramp);
    Arc::new(Shadowed::new(Canary::new(options).unwrap(), [arm("dark")], 0.1).unwrap())
}

/// Asks until it is over; answers how many answers there were, and how many of them were not those of their version.
fn ask(endpoint: &Endpoint, over: &AtomicBool, thread: usize) -> (u64, u64) {
    let (mut answers, mut wrong, mut number) = (0, 0, thread);
    while !over.load(Ordering::SeqCst) {
        if let Ok(answer) = endpoint.predict(Request::tensors(&unit(number % 5_000), &row())) {
            let got = answer.outputs.tensor("y").unwrap().values::<f64>().unwrap();
            // NaN is what the model that hangs answers, and it counts against it.
            let right = got.len() == 1 && (got[0] == answer.version.get() as f64 || got[0].is_nan());
            (answers, wrong) = (answers + 1, wrong + u64::from(!right));
            drop(endpoint.report_outcome(answer.outcome_id, 0.0));
        }
        number += 3;
        if number % 64 == 0 {
            thread::sleep(Duration::from_millis(1));
        }
    }
    (answers, wrong)
}

/// The longest of the questions that must never wait.
fn longest_question(endpoint: &Endpoint, over: &AtomicBool) -> Duration {
    let mut longest = Duration::ZERO;
    while !over.load(Ordering::SeqCst) {
        let started = Instant::now();
        drop((
            endpoint.counts(),
            endpoint.latency_quantile(0.99),
            endpoint.since_processed(),
            endpoint.arms(),
        ));
        longest = longest.max(started.elapsed());
        thread::sleep(Duration::from_millis(5));
    }
    longest
}

#[test]
fn soak() {
    let seconds = std::env::var("MLCORE_SOAK_SECONDS").ok().and_then(|text| text.parse().ok()).unwrap_or(4);
    let (place, versions) = (Place::new(), AtomicU64::new(0));
    for name in ["champion", "dark"] {
        place.point(name, register(&place, &versions, ""));
    }
    let locked = Arc::new(AtomicBool::new(false));
    let is_locked = locked.clone();
    let registry = Faulty::new(&place, move |_| is_locked.load(Ordering::SeqCst).then_some(Failing::Before));
    let endpoint = Endpoint::builder(model(), registry.clone(), place.artifacts.clone())
        .with_loader(load)
        .with_arm(alias("challenger"))
        .with_arm(alias("dark"))
        .with_follow_interval(Duration::from_millis(20))
        .build()
        .unwrap();
    let (over, told) = (AtomicBool::new(false), Arc::new(AtomicUsize::new(0)));
    let heard = told.clone();
    let worker = endpoint
        .spawn_worker(Duration::from_millis(1), move |_| {
            let told = heard.fetch_add(1, Ordering::SeqCst);
            assert!(told % 50 != 49, "the handler panics now and then, as it should in this test");
        })
        .unwrap();
    let started = Instant::now();
    let (mut releases, mut ended) = (0, 0);
    let (answers, wrong, longest) = thread::scope(|scope| {
        let askers: Vec<_> = (0..3)
            .map(|thread| {
                scope.spawn({
                    let (endpoint, over) = (&endpoint, &over);
                    move || ask(endpoint, over, thread)
                })
            })
            .collect();
        let questions = scope.spawn(|| longest_question(&endpoint, &over));
        let mut round = 0;
        while started.elapsed() < Duration::from_secs(seconds) {
            round += 1;
            locked.store(round % 7 == 0, Ordering::SeqCst);
            registry.unreadable.store(round % 11 == 0, Ordering::SeqCst);
            // The registry itself, as another process changes it.
            let trial = place.registry.alias(&model(), &alias("challenger")).unwrap();
            if trial.is_none() {
                ended += usize::from(releases > 0);
                let version = register(&place, &versions, BEHAVIOURS[releases % BEHAVIOURS.len()]);
                place.point("challenger", version);
                drop(endpoint.set_policy(canary(releases)));
                releases += 1;
            } else if round % 3 == 0 {
                place.point("champion", register(&place, &versions, ""));
            } else if endpoint.set_policy(canary(releases)).is_err() {
                // Locked, or gone in between: the next round tries again.
                drop(endpoint.refresh());
            }
            thread::sleep(Duration::from_millis(50));
        }
        // Left alone, with a registry that answers, the last release ends.
        locked.store(false, Ordering::SeqCst);
        registry.unreadable.store(false, Ordering::SeqCst);
        let last = register(&place, &versions, "panics");
        let (name, change) = (alias("challenger"), change("the last"));
        place.point("challenger", last);
        while endpoint.set_policy(canary(usize::MAX)).is_err() {}
        let left_alone = Instant::now();
        while place.registry.alias(&model(), &name).unwrap().is_some() {
            assert!(
                left_alone.elapsed() < Duration::from_secs(60),
                "stuck: {:?} {:?}",
                endpoint,
                endpoint.counts()
            );
            thread::sleep(Duration::from_millis(5));
        }
        drop(place.registry.set_alias(&model(), &name, None, Expected::Any, &change));
        over.store(true, Ordering::SeqCst);
        let asked = askers.into_iter().map(|asker| asker.join().unwrap());
        let (answers, wrong) = asked.fold((0, 0), |all, own| (all.0 + own.0, all.1 + own.1));
        (answers, wrong, questions.join().unwrap())
    });
    assert!(worker.is_alive());
    worker.stop();
    place.registry.verify().unwrap();
    eprintln!(
        "{answers} answers, {wrong} wrong; {releases} releases, {ended} ended; {} events; longest question {longest:?}; {:?}",
        told.load(Ordering::SeqCst),
        endpoint.counts()
    );
    assert_eq!(wrong, 0);
    assert!(answers > 1_000 && releases > 0);
}
