//! Shadows run beside everything else: one that never ends holds up nothing but itself.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use mlcore::Result;
use mlcore::artifact::{ArtifactStore, ArtifactStoreExt};
use mlcore::batch::{Batch, Tensor};
use mlcore::registry::ModelVersion;
use mlcore::rollout::{
    AgreementOptions, AgreementVerdict, Canary, CanaryOptions, Fixed, Guardrail, Metric, RampOptions,
    Shadowed, Tolerance,
};
use mlcore::runner::{FunctionRunner, RunOptions, Runner};
use mlcore::schema::Signature;
use mlcore_serve::Endpoint;
use mlcore_serve::endpoint::{
    EndpointBuilder, EventKind, ModelLoader, Record, Request, ShadowBudget, ShadowComparison, ShadowCounts,
};

use crate::support::{self, ManualClock, Place, alias, arm, ask, row, unit};

/// A gate that shadows stand at until it is opened.
#[derive(Clone, Default)]
struct Gate(Arc<(Mutex<bool>, Condvar, AtomicUsize)>);

impl Gate {
    fn pass(&self) {
        self.0.2.fetch_add(1, Ordering::SeqCst);
        let open = self.0.0.lock().unwrap();
        drop(self.0.1.wait_while(open, |open| !*open).unwrap());
    }

    fn open(&self) {
        *self.0.0.lock().unwrap() = true;
        self.0.1.notify_all();
    }

    /// How many came to it.
    fn arrived(&self) -> usize {
        self.0.2.load(Ordering::SeqCst)
    }
}

/// Loads the version `shadow` as a model that stands at the gate, and all others as ever.
fn loader(gate: &Gate) -> impl Fn(&ModelVersion, &dyn ArtifactStore) -> Result<Arc<dyn Runner>> + use<> {
    let gate = gate.clone();
    move |version, artifacts| {
        if artifacts.read(&version.artifact)? != b"shadow" {
            return support::load(version, artifacts);
        }
        let gate = gate.clone();
        Ok(Arc::new(FunctionRunner::new(support::signature(), move |_| {
            gate.pass();
            Ok(Batch::single("y", Tensor::column(vec![9.0])))
        })))
    }
}

/// A canary that fails beside a shadow that stands at the gate.
fn served(gate: &Gate) -> (Place, Endpoint) {
    let place = Place::new();
    place.point("champion", place.register("1"));
    place.point("challenger", place.register("fails"));
    place.point("dark", place.register("shadow"));
    let guardrail = Guardrail::new(Metric::ErrorRate, 0.05).unwrap().with_limit(0.2).unwrap();
    let ramp = RampOptions::new([guardrail]).with_steps([0.5]);
    let canary = Canary::new(CanaryOptions::new(arm("champion"), arm("challenger"), "s", ramp));
    let endpoint = place
        .endpoint()
        .with_loader(loader(gate))
        .with_arm(alias("challenger"))
        .with_arm(alias("dark"))
        .with_policy(Shadowed::new(canary.unwrap(), [arm("dark")], 1.0).unwrap())
        .build()
        .unwrap();
    (place, endpoint)
}

/// A champion that answers 1, and a shadow beside each of its answers.
fn shadowed(loader: impl ModelLoader + 'static) -> (Place, EndpointBuilder) {
    let place = Place::new();
    place.point("champion", place.register("1"));
    place.point("dark", place.register("shadow"));
    let policy = Shadowed::new(Fixed::new(arm("champion")), [arm("dark")], 1.0).unwrap();
    let builder = place.endpoint().with_loader(loader).with_arm(alias("dark")).with_policy(policy);
    (place, builder)
}

/// Asks so many times.
fn ask_all(endpoint: &Endpoint, requests: usize) {
    for number in 0..requests {
        ask(endpoint, number).unwrap();
    }
}

/// Waits for what another thread does.
fn wait_for(what: &str, mut done: impl FnMut() -> bool) {
    let started = Instant::now();
    while !done() {
        assert!(started.elapsed() < Duration::from_secs(20), "waited in vain until {what}");
        thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn an_endless_shadow_stops_neither_outcomes_nor_decisions_nor_counts() {
    let gate = Gate::default();
    let (_place, endpoint) = served(&gate);
    let rolled_back = Arc::new(AtomicBool::new(false));
    let seen = rolled_back.clone();
    let worker = endpoint
        .spawn_worker(Duration::from_millis(1), move |event| {
            seen.fetch_or(matches!(event.kind, EventKind::RolledBack { .. }), Ordering::SeqCst);
        })
        .unwrap();
    wait_for("a shadow stands at the gate", || {
        drop(ask(&endpoint, 0));
        gate.arrived() == 1
    });
    // With the shadow at the gate: an outcome is joined, the failing canary is withdrawn, questions are answered.
    let id =
        (0..).find_map(|n| endpoint.predict(Request::tensors(&unit(n), &row())).ok()).unwrap().outcome_id;
    endpoint.report_outcome(id, 1.0).unwrap();
    wait_for("the outcome is joined", || endpoint.counts().outcomes == 1);
    let mut number = 0;
    wait_for("the canary is rolled back", || {
        number += 1;
        drop(ask(&endpoint, number));
        rolled_back.load(Ordering::SeqCst)
    });
    assert!(endpoint.latency_quantile(0.5) > Duration::ZERO && endpoint.judge_now().unwrap().is_empty());
    assert_eq!((gate.arrived(), endpoint.shadows().len()), (1, 0));
    // A stop gives up on it, and what waited behind it is counted.
    let started = Instant::now();
    worker.stop();
    assert!(started.elapsed() < Duration::from_secs(10));
    assert!(endpoint.counts().dropped_shadows > 0);
    gate.open();
}

#[test]
fn a_host_without_a_worker_runs_shadows_when_it_likes() {
    let gate = Gate::default();
    gate.open();
    let (_place, builder) = shadowed(loader(&gate));
    let endpoint = builder.build().unwrap();
    ask_all(&endpoint, 10);
    endpoint.process();
    assert_eq!((gate.arrived(), endpoint.run_shadows(), endpoint.run_shadows()), (0, 10, 0));
    assert_eq!(endpoint.shadows()[0].requests, 10);
}

#[test]
fn shadows_are_dropped_before_records_and_counted() {
    let gate = Gate::default();
    gate.open();
    let (_place, builder) = shadowed(loader(&gate));
    let endpoint = builder.with_shadow_capacity(4).build().unwrap();
    ask_all(&endpoint, 10);
    endpoint.process();
    let counts = endpoint.counts();
    assert_eq!((counts.records, counts.dropped_records, counts.dropped_shadows), (10, 0, 6));
    assert_eq!(endpoint.run_shadows(), 4);
}

/// Answers 1; as a shadow it notes the deadline it was given, and panics.
struct Noting {
    signature: Signature,
    is_shadow: bool,
    timeouts: Arc<Mutex<Vec<Option<Duration>>>>,
}

impl Runner for Noting {
    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn run(&self, _: &Batch, options: &RunOptions) -> Result<Batch> {
        if self.is_shadow {
            self.timeouts.lock().unwrap().push(options.timeout);
        }
        assert!(!self.is_shadow, "a shadow that panics, as it should in this test");
        Ok(Batch::single("y", Tensor::column(vec![1.0])))
    }
}

#[test]
fn shadows_run_under_the_endpoints_run_options_and_a_panic_is_their_failure() {
    let timeouts: Arc<Mutex<Vec<Option<Duration>>>> = Arc::default();
    let noted = timeouts.clone();
    let loader = move |version: &ModelVersion, artifacts: &dyn ArtifactStore| {
        let is_shadow = artifacts.read(&version.artifact)? == b"shadow";
        let signature = support::signature();
        Ok(Arc::new(Noting { signature, is_shadow, timeouts: noted.clone() }) as Arc<dyn Runner>)
    };
    let timeout = Duration::from_millis(70);
    for (options, expected) in [
        (RunOptions::default().with_timeout(timeout), timeout),
        // None is without a deadline.
        (RunOptions::default(), Duration::from_secs(10)),
    ] {
        let (_place, builder) = shadowed(loader.clone());
        let endpoint = builder.with_run_options(options).build().unwrap();
        ask_all(&endpoint, 3);
        endpoint.run_shadows();
        assert_eq!(std::mem::take(&mut *timeouts.lock().unwrap()), [Some(expected); 3]);
        assert_eq!((endpoint.shadows()[0].requests, endpoint.shadows()[0].failures), (3, 3));
    }
}

#[test]
fn a_release_begins_the_comparison_anew() {
    let gate = Gate::default();
    gate.open();
    let (place, builder) = shadowed(loader(&gate));
    let endpoint = builder.build().unwrap();
    let ask_and_run = || {
        ask_all(&endpoint, 1);
        endpoint.run_shadows();
        endpoint.shadows()[0].clone()
    };
    assert_eq!(ask_and_run().mean_difference, 8.0);
    // A refresh that changes nothing ends no comparison, and a run that waits is not lost.
    ask_all(&endpoint, 1);
    assert!(endpoint.refresh().unwrap().is_empty());
    assert_eq!(ask_and_run().requests, 3);
    ask_all(&endpoint, 1);
    place.point("champion", place.register("4"));
    endpoint.refresh().unwrap();
    assert!(endpoint.shadows().is_empty());
    let shadow = ask_and_run();
    assert_eq!((shadow.requests, shadow.mean_difference), (1, 5.0));
    assert_eq!(endpoint.counts().dropped_shadows, 1);
}

/// A champion that answers 1, and beside each of its answers shadows that behave so, each behind an alias of its name.
fn beside(champion: &str, shadows: &[(&str, &str)]) -> (Place, EndpointBuilder) {
    let place = Place::new();
    place.point("champion", place.register(champion));
    let arms = shadows.iter().map(|(name, _)| arm(name));
    let policy = Shadowed::new(Fixed::new(arm("champion")), arms, 1.0).unwrap();
    let mut builder = place.endpoint().with_policy(policy);
    for (name, behaviour) in shadows {
        place.point(name, place.register(behaviour));
        builder = builder.with_arm(alias(name));
    }
    (place, builder)
}

fn counts_of(endpoint: &Endpoint, name: &str) -> ShadowCounts {
    let all = endpoint.shadow_counts();
    all.into_iter().find(|counts| counts.arm.as_str() == name).unwrap()
}

fn comparison_of(endpoint: &Endpoint, name: &str) -> ShadowComparison {
    let all = endpoint.shadows();
    all.into_iter().find(|shadow| shadow.arm.as_str() == name).unwrap()
}

#[test]
fn of_three_shadows_one_hangs_one_fails_one_differs_and_each_keeps_to_itself() {
    const ASKED: usize = 1_200;
    let gate = Gate::default();
    let (_place, builder) = beside("1", &[("stuck", "shadow"), ("broken", "fails"), ("other", "1.5")]);
    let endpoint = builder
        .with_loader(loader(&gate))
        .with_shadow_budget_of(arm("stuck"), ShadowBudget::default().with_waiting(4))
        .with_shadow_tolerance(Tolerance::new(0.1, 0.0).unwrap().with_threshold(1.2).unwrap())
        .build()
        .unwrap();
    let worker = endpoint.spawn_worker(Duration::from_millis(1), drop).unwrap();
    let answers: Vec<f64> = (0..ASKED).map(|number| ask(&endpoint, number).unwrap()).collect();
    assert!(answers.iter().all(|answer| *answer == 1.0), "a shadow's answer reached a caller");
    wait_for("the two other shadows ran all requests", || {
        let done = |name| {
            endpoint
                .shadow_counts()
                .iter()
                .any(|counts| counts.arm == arm(name) && counts.done == ASKED as u64)
        };
        done("broken") && done("other")
    });
    wait_for("one stands at the gate", || gate.arrived() == 1);
    // What does not fit behind the run that hangs is dropped, of this shadow and of no other.
    let stuck = counts_of(&endpoint, "stuck");
    assert_eq!((stuck.done, stuck.over_budget, stuck.under_load, stuck.superseded), (0, 0, 0, 0));
    assert!(stuck.waiting <= 4 && stuck.queue_full + stuck.waiting as u64 + 1 == ASKED as u64, "{stuck:?}");
    assert_eq!(endpoint.counts().dropped_shadows, stuck.queue_full);
    assert_eq!([counts_of(&endpoint, "broken").dropped(), counts_of(&endpoint, "other").dropped()], [0, 0]);

    let (broken, other) = (comparison_of(&endpoint, "broken"), comparison_of(&endpoint, "other"));
    assert_eq!((broken.requests, broken.failures, broken.rows), (ASKED as u64, ASKED as u64, 0));
    let report = other.comparison().report();
    assert_eq!((report.rows, report.within_tolerance, report.flips), (ASKED as u64, 0, ASKED as u64));
    assert_eq!((other.mean_difference, report.differences.unwrap().median), (0.5, 0.5));
    assert!(report.live_latency.is_some() && report.shadow_latency.is_some());
    let (pair, options) = (report.confusion[0], AgreementOptions::default());
    assert_eq!((pair.live, pair.shadow, pair.rows), (Some(0), Some(1), ASKED as u64));
    let verdict =
        |shadow: &ShadowComparison, options| shadow.comparison().agreement(&options).unwrap().verdict;
    assert_eq!(verdict(&other, options.clone().with_max_flip_share(0.01)), AgreementVerdict::Differs);
    assert_eq!(verdict(&other, options.clone().with_max_failure_share(0.01)), AgreementVerdict::Agrees);
    assert_eq!(verdict(&broken, options.clone().with_max_failure_share(0.01)), AgreementVerdict::Differs);
    assert_eq!(verdict(&broken, options.with_max_flip_share(0.01)), AgreementVerdict::Hold);
    let started = Instant::now();
    worker.stop();
    assert!(started.elapsed() < Duration::from_secs(10));
    gate.open();
}

#[test]
fn a_shadow_that_has_used_its_share_of_a_core_is_dropped_and_no_other() {
    let clock = ManualClock::default();
    let ticking = clock.clone();
    let loader = move |version: &ModelVersion, artifacts: &dyn ArtifactStore| {
        if artifacts.read(&version.artifact)? != b"shadow" {
            return support::load(version, artifacts);
        }
        let clock = ticking.clone();
        Ok(Arc::new(FunctionRunner::new(support::signature(), move |_| {
            clock.advance(Duration::from_millis(100));
            Ok(Batch::single("y", Tensor::column(vec![1.0])))
        })) as Arc<dyn Runner>)
    };
    let (_place, builder) = beside("1", &[("slow", "shadow"), ("quick", "1")]);
    let budget = ShadowBudget::default().with_core_share(0.1);
    let endpoint = builder
        .with_loader(loader)
        .with_clock(clock.clone())
        .with_shadow_budget_of(arm("slow"), budget)
        .build()
        .unwrap();
    // A run of 100 ms is paid for in a second, and one second may be owed.
    ask_all(&endpoint, 10);
    endpoint.run_shadows();
    let (slow, quick) = (counts_of(&endpoint, "slow"), counts_of(&endpoint, "quick"));
    assert_eq!((slow.done, slow.over_budget, quick.done, quick.dropped()), (2, 8, 10, 0));
    // From now on its requests are not even queued.
    ask_all(&endpoint, 5);
    let (slow, quick) = (counts_of(&endpoint, "slow"), counts_of(&endpoint, "quick"));
    assert_eq!((slow.over_budget, slow.waiting, quick.waiting), (13, 0, 5));
    clock.advance(Duration::from_secs(1));
    ask_all(&endpoint, 1);
    assert_eq!((endpoint.run_shadow(&arm("slow")), endpoint.run_shadow(&arm("unknown"))), (1, 0));
    assert_eq!((counts_of(&endpoint, "slow").done, comparison_of(&endpoint, "slow").requests), (3, 3));
}

#[test]
fn shadows_are_left_out_while_records_are_behind() {
    let (_place, builder) = beside("1", &[("dark", "1")]);
    let endpoint = builder.with_queue_capacity(4).build().unwrap();
    ask_all(&endpoint, 10);
    let dark = counts_of(&endpoint, "dark");
    assert_eq!((dark.waiting, dark.under_load, endpoint.counts().dropped_records), (3, 7, 6));
    endpoint.process();
    ask_all(&endpoint, 1);
    assert_eq!(endpoint.run_shadows(), 4);
}

#[test]
fn what_the_arm_fails_its_shadow_may_answer() {
    let (_place, builder) = beside("fails", &[("dark", "2"), ("broken", "fails")]);
    let endpoint = builder.build().unwrap();
    (0..7).for_each(|number| assert!(ask(&endpoint, number).is_err()));
    // What the caller did wrong says nothing about any of them.
    let wrong = Batch::single("z", Tensor::column(vec![1.0_f32]));
    assert!(endpoint.predict(Request::tensors(&unit(1), &wrong)).is_err());
    assert_eq!(endpoint.run_shadows(), 14);
    let report = |name| comparison_of(&endpoint, name).comparison().report();
    let (dark, broken) = (report("dark"), report("broken"));
    assert_eq!((dark.requests, dark.live_failures, dark.shadow_failures, dark.rows), (7, 7, 0, 0));
    assert_eq!((broken.requests, broken.both_failures), (7, 7));
}

#[test]
fn budgets_that_mean_nothing_are_refused() {
    let refused = |make: fn(EndpointBuilder) -> EndpointBuilder, words: &str| {
        let (_place, builder) = beside("1", &[("dark", "2")]);
        let error = make(builder).build().unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
    };
    let none =
        |builder: EndpointBuilder| builder.with_shadow_budget(ShadowBudget::default().with_core_share(0.0));
    refused(none, "a core share of 0 lets no run begin");
    let unknown =
        |builder: EndpointBuilder| builder.with_shadow_budget_of(arm("gone"), ShadowBudget::default());
    refused(unknown, "the endpoint does not have the arm");
    let huge = |builder: EndpointBuilder| builder.with_shadow_capacity(usize::MAX / 64);
    refused(huge, "which cannot be had");
}

/// The worker's lock is held while a sink works: a question from there would wait for itself.
#[test]
fn a_sink_may_ask_the_endpoint_for_its_counts() {
    let place = Place::new();
    place.point("champion", place.register("1"));
    let handle: Arc<Mutex<Option<Endpoint>>> = Arc::default();
    let seen: Arc<Mutex<Vec<u64>>> = Arc::default();
    let (asked, noted) = (handle.clone(), seen.clone());
    let sink = move |_: &Record| {
        let endpoint = asked.lock().unwrap().clone().unwrap();
        noted.lock().unwrap().push(endpoint.counts().records);
        assert!(endpoint.shadows().is_empty() && endpoint.latency_quantile(0.5) < Duration::from_secs(60));
    };
    let endpoint = place.endpoint().with_sink(sink).build().unwrap();
    *handle.lock().unwrap() = Some(endpoint.clone());
    ask_all(&endpoint, 3);
    endpoint.process();
    assert_eq!(*seen.lock().unwrap(), [1, 2, 3]);
    // Else the endpoint would hold the sink that holds the endpoint.
    *handle.lock().unwrap() = None;
}
