//! Ramps whose process is killed at any moment: evidence and step are those that were acknowledged last, and no unit changes its arm.

use std::collections::BTreeMap;
use std::env;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use mlcore::name::Version;
use mlcore::registry::{Expected, NewVersion, Registry, RegistryExt, SqliteRegistry, Stage};
use mlcore::rollout::{
    Ask, Canary, CanaryOptions, CanaryStep, Candidate, Candidates, Decision, Draw, Guardrail, Metric,
    RampOptions, RolloutPolicy, SteppedCanary, SteppedCanaryOptions,
};
use mlcore::stats::SplitMix64;
use mlcore_serve::Endpoint;

use crate::support::{ManualClock, Place, alias, arm, ask, change, load, model, signature, unit};

const FILE: &str = "MLCORE_TEST_RAMP_REGISTRY";
const FROM: &str = "MLCORE_TEST_RAMP_FROM";
const KIND: &str = "MLCORE_TEST_RAMP_KIND";
/// So many requests come between two acknowledgements.
const EACH: usize = 10;
/// The units whose arms are compared.
const UNITS: usize = 500;
const KINDS: [&str; 2] = ["canary", "stepped"];

/// A release on trial of either kind.
#[derive(Clone)]
enum Release {
    Canary(Arc<Canary>),
    Stepped(Arc<SteppedCanary>),
}

impl Release {
    fn new(kind: &str) -> Self {
        let guardrail = Guardrail::new(Metric::ErrorRate, 0.1).unwrap();
        let (champion, challenger) = (arm("champion"), arm("challenger"));
        if kind == "canary" {
            let ramp = RampOptions::new([guardrail]).with_steps([0.2, 0.5, 0.8]).with_min_samples(20);
            let options = CanaryOptions::new(champion, challenger, "killed", ramp);
            return Self::Canary(Arc::new(Canary::new(options).unwrap()));
        }
        let steps = [
            CanaryStep::set_weight(0.2),
            CanaryStep::Analysis,
            CanaryStep::set_weight(0.5),
            CanaryStep::ManualGate,
            CanaryStep::Analysis,
            CanaryStep::set_weight(0.8),
            CanaryStep::Analysis,
        ];
        let options = SteppedCanaryOptions::new(champion, challenger, "killed", steps, [guardrail]);
        Self::Stepped(Arc::new(SteppedCanary::new(options.with_min_samples(20)).unwrap()))
    }

    fn policy(&self) -> Arc<dyn RolloutPolicy> {
        match self {
            Self::Canary(canary) => canary.clone(),
            Self::Stepped(canary) => canary.clone(),
        }
    }

    fn share(&self) -> f64 {
        match self {
            Self::Canary(canary) => canary.ramp().share(),
            Self::Stepped(canary) => canary.share(),
        }
    }

    /// An operator passes a gate as soon as it is come to, and has nothing to say elsewhere.
    fn operate(&self) {
        if let Self::Stepped(canary) = self {
            drop(canary.resume());
        }
    }

    /// What it would save, but for the time at the present step: a process that was not there counts none.
    fn state(&self) -> String {
        let mut state = serde_json::to_value(self.policy().save().unwrap()).unwrap();
        without_times(&mut state);
        state.to_string()
    }

    /// Which units get the trial.
    fn trial(&self) -> Vec<bool> {
        let list = [("champion", Version::FIRST), ("challenger", Version::FIRST.next())];
        let candidates =
            Candidates::new(list.map(|(name, version)| Candidate::new(arm(name), version))).unwrap();
        let policy = self.policy();
        let gets = |number| policy.assign(&Ask::new(&unit(number), &candidates, Draw::new(1))).position == 1;
        (0..UNITS).map(gets).collect()
    }
}

fn without_times(value: &mut serde_json::Value) {
    match value {
        serde_json::Value::Object(map) => {
            map.retain(|key, _| key != "held" && key != "waited");
            map.values_mut().for_each(without_times);
        }
        serde_json::Value::Array(list) => list.iter_mut().for_each(without_times),
        _ => {}
    }
}

/// Artifacts in memory, by digest, and the registry's file beside them.
fn place(file: &Path) -> (Place, Arc<SqliteRegistry>) {
    let place = Place::new();
    place.register("1");
    place.register("1.5");
    (place, Arc::new(SqliteRegistry::open(file).unwrap()))
}

/// A registry with a champion and a challenger in it.
fn begin(file: &Path) -> Place {
    let (memory, registry) = place(file);
    registry.create_model(model(), &change("begin")).unwrap();
    for (name, version) in [("champion", Version::FIRST), ("challenger", Version::FIRST.next())] {
        let artifact = memory.registry.version(&model(), version).unwrap().artifact;
        let new = NewVersion::new(model(), artifact, signature()).with_format("test");
        registry.create_version(new, &change("new")).unwrap();
        registry.transition(&model(), version, Stage::Dev, Stage::Staging, &change("stage")).unwrap();
        if name == "champion" {
            let first = change("first");
            registry.promote(&model(), version, &alias(name), Expected::Absent, &first).unwrap();
        } else {
            registry
                .set_alias(&model(), &alias(name), Some(version), Expected::Any, &change("point"))
                .unwrap();
        }
    }
    memory
}

fn endpoint(place: &Place, registry: Arc<dyn Registry>, release: &Release, clock: &ManualClock) -> Endpoint {
    Endpoint::builder(model(), registry, place.artifacts.clone())
        .with_loader(load)
        .with_arm(alias("challenger"))
        .with_shared_policy(release.policy())
        .with_clock(clock.clone())
        .with_kept_evidence("replica", Duration::ZERO)
        .build()
        .unwrap()
}

/// What happens between two acknowledgements; whether the release goes on.
fn go_on(endpoint: &Endpoint, release: &Release, clock: &ManualClock, number: usize) -> bool {
    for request in 0..EACH {
        ask(endpoint, number * EACH + request).unwrap();
    }
    release.operate();
    endpoint.process();
    clock.advance(Duration::from_secs(1));
    endpoint.arms().len() > 1
}

#[test]
fn child() {
    let Some(file) = env::var_os(FILE) else { return };
    let from: usize = env::var(FROM).unwrap().parse().unwrap();
    let (place, registry) = place(&PathBuf::from(file));
    let (release, clock) = (Release::new(&env::var(KIND).unwrap()), ManualClock::default());
    let endpoint = endpoint(&place, registry, &release, &clock);
    for number in from.. {
        let goes_on = go_on(&endpoint, &release, &clock, number);
        println!("\nacknowledged {}", number + 1);
        if !goes_on {
            break;
        }
    }
}

/// Lets a process go on from there until it has said `count` things and a moment longer; what it acknowledged last.
fn run_and_kill(file: &Path, kind: &str, from: usize, count: usize, longer: Duration) -> usize {
    let mut child = Command::new(env::current_exe().unwrap())
        .args(["steps_kill::child", "--exact", "--nocapture"])
        .envs([(KIND, kind), (FROM, &from.to_string())])
        .env(FILE, file)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    let mut said =
        lines.filter_map(|line| Some(line.strip_prefix("acknowledged ")?.parse::<usize>().unwrap()));
    let last = said.by_ref().take(count).last().unwrap_or(from);
    std::thread::sleep(longer);
    child.kill().unwrap();
    child.wait().unwrap();
    said.last().unwrap_or(last)
}

/// The course of a release that nobody kills: what is known, who gets the trial and its share after so many acknowledgements.
fn unharmed(kind: &str) -> Vec<(String, Vec<bool>, f64)> {
    let place = Place::with_trial("1.5");
    let (release, clock) = (Release::new(kind), ManualClock::default());
    let endpoint = endpoint(&place, place.registry.clone(), &release, &clock);
    let now = || (release.state(), release.trial(), release.share());
    let mut course = vec![now()];
    while go_on(&endpoint, &release, &clock, course.len() - 1) {
        course.push(now());
    }
    course
}

#[test]
fn a_ramp_that_is_killed_goes_on_where_it_was() {
    let rounds: usize = env::var("MLCORE_KILLS").map_or(20, |kills| kills.parse().unwrap());
    let courses = KINDS.map(unharmed);
    for course in &courses {
        assert!(course.len() > 20, "{}", course.len());
        // A share that grows takes the trial from nobody.
        for pair in course.windows(2) {
            assert!(pair[0].1.iter().zip(&pair[1].1).all(|(before, after)| after | !before));
        }
    }
    let (mut random, mut killed, mut promoted) = (SplitMix64::new(11), BTreeMap::new(), 0);
    let folder = tempfile::tempdir().unwrap();
    let (mut releases, mut at) = (0, 0);
    let mut file = PathBuf::new();
    for round in 0..rounds {
        let (kind, course) = (KINDS[releases % 2], &courses[releases % 2]);
        if at == 0 {
            file = folder.path().join(format!("registry-{releases}.db"));
            begin(&file);
        }
        // Six kills or so on the way to a promotion.
        let count = 1 + (random.uniform() * course.len() as f64 / 3.0) as usize;
        let longer = Duration::from_micros((random.uniform() * 4_000.0) as u64);
        let told = run_and_kill(&file, kind, at, count, longer);
        let (memory, registry) = place(&file);
        registry.verify().unwrap();
        let release = Release::new(kind);
        let endpoint = endpoint(&memory, registry.clone(), &release, &ManualClock::default());
        let champion = registry.alias(&model(), &alias("champion")).unwrap().unwrap();
        let state = release.state();
        // It may have been killed after it had kept and before it could say so, or carry out what it had decided.
        let found = (told..course.len()).take(2).find(|index| course[*index].0 == state);
        let has_passed = found.is_none() && told + 1 >= course.len() && {
            matches!(release.policy().decide(Duration::ZERO), Decision::Promote { .. })
        };
        if endpoint.arms().len() == 1 || has_passed || champion != Version::FIRST {
            // Killed on the way through its promotion, it is carried out.
            let mut number = told;
            while go_on(&endpoint, &release, &ManualClock::default(), number) {
                number += 1;
                assert!(number < told + 5, "round {round}: a promotion of {kind} is not carried out");
            }
            let version = registry.alias(&model(), &alias("champion")).unwrap().unwrap();
            assert_eq!((version, endpoint.arms().len()), (Version::FIRST.next(), 1), "round {round}: {kind}");
            let tags = registry.model(&model()).unwrap().tags;
            assert!(tags.is_empty(), "round {round}: {tags:?}");
            (releases, at, promoted) = (releases + 1, 0, promoted + 1);
            *killed.entry((kind, "promoted".to_owned())).or_insert(0) += 1;
            continue;
        }
        at = found.unwrap_or_else(|| {
            let last = course.get(told).map(|known| &known.0);
            panic!("round {round}: {kind} acknowledged {told}: {last:?}\nand has\n{state}")
        });
        assert_eq!((release.trial(), release.share()), (course[at].1.clone(), course[at].2));
        *killed.entry((kind, format!("{} %", course[at].2 * 100.0))).or_insert(0) += 1;
    }
    println!("{rounds} kills: {killed:?}, {promoted} promotions");
    for (kind, course) in KINDS.iter().zip(&courses).take(if rounds < 100 { 0 } else { 2 }) {
        for share in [20.0, 50.0, 80.0] {
            assert!(killed.contains_key(&(*kind, format!("{share} %"))), "{kind} at {share}: {killed:?}");
        }
        assert!(course.last().unwrap().2 >= 0.8);
    }
}
