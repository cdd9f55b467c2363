//! Logs that the crate's writer wrote, replayed: what another policy would have done, and when.

use std::sync::Arc;
use std::time::Duration;

use mlcore::bandit::{BanditOptions, ThompsonBeta};
use mlcore::name::{Arm, UnitId, Version};
use mlcore::rollout::{
    Ask, BanditRollout, BanditRolloutOptions, Canary, CanaryOptions, Candidate, Candidates, Decision, Draw,
    Guardrail, Metric, RampOptions, RewardRule, RolloutPolicy, Weighted,
};
use mlcore::stats::SplitMix64;
use mlcore::time::Timestamp;
use mlcore_drift::monitor::{Monitor, MonitorOptions};
use mlcore_drift::stream::{Adwin, Algorithm};
use mlcore_serve::endpoint::{OutcomeRecord, OutcomeStatus, Record, RecordSink};
use mlcore_serve::log::{LogOptions, LogReader, PredictionLog};
use mlcore_serve::replay::{
    Matching, ReplayLog, ReplayOptions, ReplayReport, ReplayVersions, SimulatedAnswer, StreamValue, Truth,
    WorseBy,
};

use crate::support::{arm, at, full, id, model, open};

/// A second between two requests.
const STEP: u64 = 1_000_000;

/// One request of a log that is made.
#[derive(Clone, Debug)]
struct Made {
    unit: String,
    arm: &'static str,
    propensity: f64,
    failed: bool,
    /// The loss, and how many seconds after the answer it was known.
    loss: Option<(f64, u64)>,
}

fn record(number: u64, made: &Made) -> Record {
    let version = if made.arm == "champion" { Version::FIRST } else { Version::FIRST.next() };
    let other = 1.0 - made.propensity;
    let [champion, canary] =
        if made.arm == "champion" { [made.propensity, other] } else { [other, made.propensity] };
    let record = Record::new(id(number), arm(made.arm), version)
        .with_unit(UnitId::new(&made.unit).unwrap(), at(number * STEP))
        .with_propensity(made.propensity, 0)
        .with_probabilities([(arm("champion"), champion), (arm("canary"), canary)])
        .with_latency(Duration::from_millis(2));
    if made.failed { record.with_error("internal") } else { record }
}

fn write(folder: &tempfile::TempDir, requests: impl IntoIterator<Item = Made>) {
    let log = open(folder, LogOptions::default().with_queue_capacity(1 << 20));
    let mut sink = log.sink(model());
    for (number, made) in requests.into_iter().enumerate() {
        let number = number as u64;
        sink.record(&record(number, &made));
        if let Some((loss, delay)) = made.loss {
            let time = at(number * STEP + delay * STEP);
            let outcome = OutcomeRecord::new(id(number), time, 1.0);
            sink.outcome(&outcome.with_status(OutcomeStatus::Joined, Some(loss)));
        }
    }
    log.close().unwrap();
}

fn read(folder: &tempfile::TempDir, options: &ReplayOptions) -> ReplayLog {
    ReplayLog::read(&LogReader::new(folder.path()), options).unwrap()
}

fn canary(salt: &str, margin: f64, steps: &[f64]) -> Canary {
    let guardrail = Guardrail::new(Metric::ErrorRate, margin).unwrap();
    let ramp = RampOptions::new([guardrail]).with_steps(steps);
    Canary::new(CanaryOptions::new(arm("champion"), arm("canary"), salt, ramp)).unwrap()
}

/// A canary with a share of a half that comes to no end.
fn endless(salt: &str, margin: f64) -> Canary {
    let guardrail = Guardrail::new(Metric::ErrorRate, margin).unwrap();
    let ramp = RampOptions::new([guardrail]).with_steps([0.5]).with_min_samples(1_000_000);
    Canary::new(CanaryOptions::new(arm("champion"), arm("canary"), salt, ramp)).unwrap()
}

/// Traffic that a canary with a share of a half answered, which never decided anything. From `worse_from` on the canary fails on 20 % of
/// its requests, and before on 1 %, as the champion does.
fn released(requests: u64, worse_from: u64) -> Vec<Made> {
    let policy = canary("release", 0.9, &[0.5]);
    let list = ["champion", "canary"].map(|name| Candidate::new(arm(name), Version::FIRST));
    let candidates = Candidates::new(list).unwrap();
    let mut random = SplitMix64::new(3);
    let made = |number: u64| {
        let unit = format!("user-{}", number % 5_000);
        let own = UnitId::new(&unit).unwrap();
        let assigned = policy.assign(&Ask::new(&own, &candidates, Draw::new(0)));
        let is_canary = assigned.position == 1;
        let rate = if is_canary && number >= worse_from { 0.2 } else { 0.01 };
        let failed = random.uniform() < rate;
        let loss = (!failed).then(|| (random.uniform(), 30));
        let arm = if is_canary { "canary" } else { "champion" };
        Made { unit, arm, propensity: 0.5, failed, loss }
    };
    (0..requests).map(made).collect()
}

#[test]
fn a_canary_whose_errors_grew_is_rolled_back_and_the_report_says_when() {
    let folder = tempfile::tempdir().unwrap();
    write(&folder, released(6_000, 1_000));
    // Worse from the thousandth request on, which was decided 2 ms before its answer.
    let worse_from = at(1_000 * STEP - 2_000);
    let options = ReplayOptions::default().with_truth(Truth::worse(arm("canary"), worse_from));
    let log = read(&folder, &options);
    assert_eq!((log.requests(), log.arms()), (6_000, &[arm("champion"), arm("canary")][..]));

    // The same units, the same share, a margin that says something: all requests match until the rollback.
    let report = log.replay(Arc::new(endless("release", 0.05)), &options).unwrap();
    let rollback = report.rollback.clone().unwrap_or_else(|| panic!("{report}"));
    let judged = report.judged.clone().unwrap();
    let found = judged.detection.unwrap();
    assert_eq!((judged.false_alarms, judged.promoted_worse, &rollback.arm), (0, false, &arm("canary")));
    assert!(rollback.at >= at(1_000 * STEP) && rollback.at == found.at, "{report}");
    assert!(found.requests > 20 && found.requests < 1_000, "{report}");
    // A request a second; what one brought is decided about before the next one.
    assert_eq!(found.delay.as_secs(), found.requests);
    assert_eq!(rollback.elapsed.as_secs(), rollback.requests);
    // Nobody gets it from then on.
    let canary_requests = report.arms[1].requests;
    assert_eq!(rollback.arm_requests, canary_requests);
    let (last, worse) = (report.shares.last().unwrap(), report.worse_arm.clone().unwrap());
    assert_eq!((&last.shares[..], worse.by), (&[1.0, 0.0][..], WorseBy::Truth));
    assert!(worse.requests < found.requests && worse.requests > found.requests / 4, "{report}");
    // Matched while both were there, and half of the requests after that.
    assert_eq!(report.arms[1].matched, canary_requests);
    assert!(report.matched < report.requests && report.matched > report.requests / 2, "{report}");
    let text = report.to_string();
    assert!(
        text.contains("canary rolled back: ") && text.contains("false alarms: 0; found after "),
        "{text}"
    );

    // A margin of 90 % never finds it, and a canary that was never worse is let pass.
    let blind = log.replay(Arc::new(endless("release", 0.9)), &options).unwrap();
    assert!(blind.rollback.is_none() && blind.judged.as_ref().unwrap().detection.is_none(), "{blind}");
    let until = options.with_until(at(1_000 * STEP)).with_truth(Truth::Equal);
    let before = read(&folder, &until);
    let fine = before.replay(Arc::new(canary("release", 0.05, &[0.5])), &until).unwrap();
    assert_eq!(fine.judged.as_ref().unwrap().false_alarms, 0);
    let promotion = fine.promotion.clone().unwrap_or_else(|| panic!("{fine}"));
    assert!(fine.rollback.is_none() && promotion.requests < 1_000);
    // After the promotion the default arm is what was the canary.
    assert_eq!(fine.shares.last().unwrap().shares, [0.0, 1.0]);
    let decided: Vec<&Decision> = fine.decisions.iter().map(|own| &own.decision).collect();
    assert!(matches!(decided[..], [Decision::Promote { .. }]), "{decided:?}");
}

#[test]
fn the_same_replay_gives_the_same_report_to_the_last_bit() {
    let folder = tempfile::tempdir().unwrap();
    write(&folder, released(2_000, 500));
    let options = ReplayOptions::default()
        .with_reward(RewardRule::ScaledLoss { best: 0.0, worst: 1.0 })
        .with_matching(Matching::Rejection);
    let bandit = || {
        let learner = BanditOptions::new(ThompsonBeta::default()).with_min_prob(0.05);
        let reward = RewardRule::ScaledLoss { best: 0.0, worst: 1.0 };
        let arms = [arm("champion"), arm("canary")];
        Arc::new(BanditRollout::new(BanditRolloutOptions::new("replayed", arms, learner, reward)).unwrap())
    };
    let json = |options: &ReplayOptions| {
        let report = read(&folder, options).replay(bandit(), options).unwrap();
        serde_json::to_string(&report).unwrap()
    };
    assert_eq!(json(&options), json(&options));
    assert_ne!(json(&options), json(&options.clone().with_seed(2)));
    // A policy with another salt matches a half, and one of the same units everything.
    let log = read(&folder, &options);
    let other = log.replay(Arc::new(endless("another", 0.9)), &ReplayOptions::default()).unwrap();
    assert!((900..1_100).contains(&other.matched), "{}", other.matched);
    let own = log.replay(Arc::new(endless("release", 0.9)), &ReplayOptions::default()).unwrap();
    assert_eq!(own.matched, 2_000);
    assert!((own.effective_sample_size.unwrap() - 2_000.0).abs() < 1e-9, "as its own log");
}

/// A log of two arms that were drawn with unequal chances, of which the canary loses less.
fn drawn(requests: u64) -> Vec<Made> {
    let mut random = SplitMix64::new(8);
    let made = |number: u64| {
        let is_canary = random.uniform() < 0.3;
        let mean = if is_canary { 0.3 } else { 0.5 };
        let loss = f64::from(u8::from(random.uniform() < mean));
        let (arm, propensity) = if is_canary { ("canary", 0.3) } else { ("champion", 0.7) };
        Made { unit: format!("user-{number}"), arm, propensity, failed: false, loss: Some((loss, 5)) }
    };
    (0..requests).map(made).collect()
}

#[test]
fn values_and_regret_are_estimated_by_propensities() {
    let folder = tempfile::tempdir().unwrap();
    write(&folder, drawn(8_000));
    let reward = RewardRule::ScaledLoss { best: 0.0, worst: 1.0 };
    let options = ReplayOptions::default().with_reward(reward);
    let log = read(&folder, &options);
    let shares = [(arm("champion"), 1.0), (arm("canary"), 1.0)];
    let report = log.replay(Arc::new(Weighted::new("even", shares).unwrap()), &options).unwrap();
    // Half of the requests earn 0.5, and half 0.7.
    let check = |report: &ReplayReport, due: f64| {
        let value = report.value.unwrap();
        let (low, high) = value.interval.unwrap();
        let error = value.standard_error.unwrap();
        assert!(low < due && due < high && error < 0.02, "{due}: {value:?}");
    };
    check(&report, 0.6);
    let [champion, canary] = [0, 1].map(|position: usize| report.arms[position].value.unwrap());
    assert!((champion.value - 0.5).abs() < 0.03 && (canary.value - 0.7).abs() < 0.04, "{report}");
    let regret = report.regret.clone().unwrap();
    assert!(regret.is_estimated && regret.best == arm("canary"));
    assert!((regret.per_request - 0.1).abs() < 0.03, "{report}");
    assert!((regret.total - 8_000.0 * regret.per_request).abs() < 1e-6);
    let worse = report.worse_arm.clone().unwrap();
    assert_eq!((&worse.arms[..], worse.by), (&[arm("champion")][..], WorseBy::EstimatedRewards));
    assert_eq!(worse.requests, report.arms[0].requests);
    // 0.5 / 0.7 and 0.5 / 0.3: (sum of weights)^2 / sum of squares.
    let size = report.effective_sample_size.unwrap() / 8_000.0;
    assert!((size - 1.0 / (0.25 / 0.7 + 0.25 / 0.3)).abs() < 0.02, "{size}");

    // Rejection keeps the arms in the shares of the policy: 0.3 / 0.7 of the champion's, all of the canary's.
    let rejection = options.with_matching(Matching::Rejection);
    let even = Weighted::new("even", [(arm("champion"), 1.0), (arm("canary"), 1.0)]).unwrap();
    let rejected = log.replay(Arc::new(even), &rejection).unwrap();
    let [champion, canary] = [0, 1].map(|position: usize| rejected.arms[position].matched as f64);
    assert!((champion / canary - 1.0).abs() < 0.15, "{champion} and {canary}");

    // A bandit learns from it, and ends with the arm that earns more; regret is below that of even shares.
    let learner = BanditOptions::new(ThompsonBeta::default()).with_min_prob(0.01);
    let arms = [arm("champion"), arm("canary")];
    let bandit = BanditRollout::new(BanditRolloutOptions::new("learns", arms, learner, reward)).unwrap();
    let learnt = log.replay(Arc::new(bandit), &rejection).unwrap();
    assert!(learnt.shares.last().unwrap().shares[1] > 0.9, "{learnt}");
    assert!(learnt.regret.unwrap().per_request < 0.05);
}

#[test]
fn simulated_arms_are_all_asked_and_regret_is_known() {
    let folder = tempfile::tempdir().unwrap();
    write(&folder, released(4_000, u64::MAX));
    let options = ReplayOptions::default().with_reward(RewardRule::Answered).with_seed(5);
    let log = read(&folder, &options);
    let simulate = |policy: Canary| {
        log.simulate(Arc::new(policy), &options, |request, own| {
            let rate = if *own == arm("canary") { 0.3 } else { 0.01 };
            let latency = Duration::from_millis(3);
            assert!(request.logged.unit.is_some());
            if request.draw.unit_interval() < rate {
                SimulatedAnswer::failed(latency)
            } else {
                SimulatedAnswer::answered(latency).with_loss(0.5, Duration::from_secs(60))
            }
        })
        .unwrap()
    };
    let report = simulate(canary("other", 0.02, &[0.2, 0.5]));
    assert!(report.rollback.is_some() && report.effective_sample_size.is_none(), "{report}");
    assert_eq!(report.matched, report.requests);
    let (regret, worse) = (report.regret.clone().unwrap(), report.worse_arm.clone().unwrap());
    assert_eq!((&worse.arms[..], worse.by), (&[arm("canary")][..], WorseBy::SimulatedRewards));
    assert_eq!((worse.requests, regret.is_estimated), (report.arms[1].requests, false));
    // The canary's failures beyond the champion's, exactly: both have the same luck.
    let values = [0, 1].map(|position: usize| report.arms[position].value.unwrap().value);
    assert!((values[0] - 0.99).abs() < 0.01 && (values[1] - 0.7).abs() < 0.03, "{values:?}");
    assert!(regret.total > 0.0 && regret.total <= worse.requests as f64, "{report}");
    assert_eq!(
        serde_json::to_string(&report).unwrap(),
        serde_json::to_string(&simulate(canary("other", 0.02, &[0.2, 0.5]))).unwrap()
    );
}

#[test]
fn bad_rows_are_left_out_and_counted() {
    let folder = tempfile::tempdir().unwrap();
    let log = open(&folder, LogOptions::default());
    let mut sink = log.sink(model());
    let made = |arm, propensity| Made { unit: "user-1".into(), arm, propensity, failed: false, loss: None };
    let first = made("champion", 0.5);
    sink.record(&record(0, &first));
    // A minute before: another replica's, or a clock that was set.
    sink.record(&record(1, &first).with_unit(UnitId::new("user-2").unwrap(), Timestamp::from_millis(0)));
    for (number, propensity) in [(2, f64::NAN), (3, 0.0), (4, -0.5), (5, 1.5)] {
        sink.record(&record(number, &first).with_propensity(propensity, 0));
    }
    // No policy chose it.
    sink.record(&record(6, &first).with_propensity(1.0, u32::MAX));
    // A unit that the replayed policy gives to the canary, too.
    let list = ["champion", "canary"].map(|name| Candidate::new(arm(name), Version::FIRST));
    let (policy, candidates) = (canary("release", 0.05, &[0.5]), Candidates::new(list).unwrap());
    let assigned = |unit: &UnitId| policy.assign(&Ask::new(unit, &candidates, Draw::new(0))).position;
    let mut units = (1..).map(|number| UnitId::new(format!("user-{number}")).unwrap());
    let unit = units.find(|unit| assigned(unit) == 1).unwrap();
    sink.record(&record(7, &Made { unit: unit.as_str().to_owned(), ..made("canary", 0.5) }));
    // The outcome came before its answer, and has no loss.
    sink.outcome(&OutcomeRecord::new(id(7), at(0), 1.0));
    sink.outcome(
        &OutcomeRecord::new(id(7), at(60 * STEP), 1.0).with_status(OutcomeStatus::Joined, Some(0.5)),
    );
    let mut next = record(8, &made("canary", 0.5));
    next.version = next.version.next();
    sink.record(&next);
    let mut unknown = record(9, &first);
    unknown.unit = None;
    sink.record(&unknown);
    log.close().unwrap();

    let options = ReplayOptions::default().with_arms([arm("champion"), arm("canary")]);
    let log = read(&folder, &options);
    let out = log.left_out();
    assert_eq!(
        (out.without_propensity, out.without_policy, out.unknown_arm, out.other_version),
        (4, 1, 0, 1)
    );
    assert_eq!(
        (out.out_of_order, out.without_unit, out.early_outcomes, out.outcomes_without_loss),
        (1, 1, 1, 1)
    );
    assert_eq!((out.total(), log.requests()), (6, 4));
    let report = log.replay(Arc::new(canary("release", 0.05, &[0.5])), &options).unwrap();
    assert_eq!((report.span.0, report.arms[1].losses), (Timestamp::from_micros(-2_000), 1));
    // Of one arm, and of all versions.
    let alone = options.clone().with_arms([arm("champion")]);
    assert_eq!(read(&folder, &alone).left_out().unknown_arm, 2);
    let all = options.clone().with_versions(ReplayVersions::All);
    assert_eq!(read(&folder, &all).requests(), 5);
    // What cannot be replayed at all says why.
    let refused = |options: &ReplayOptions| {
        ReplayLog::read(&LogReader::new(folder.path()), options).unwrap_err().to_string()
    };
    let none = refused(&options.clone().with_arms([arm("nobody")]));
    assert!(none.starts_with("replay log log: no row of it can be replayed; 10 were left out"), "{none}");
    assert!(refused(&options.clone().with_alpha(0.0)).contains("alpha"));
    let reversed = RewardRule::ScaledLoss { best: 1.0, worst: 0.0 };
    assert!(refused(&options.clone().with_reward(reversed)).contains("best is 1 and worst is 0"));
    assert!(refused(&options.clone().with_share_points(0)).contains("share_points"));
    assert!(refused(&options.clone().with_since(at(5)).with_until(at(5))).contains("since"));
    assert!(refused(&options.clone().with_arms([arm("champion"), arm("champion")])).contains("twice"));
    let stopped = mlcore::interrupt::scope(
        || true,
        || log.replay(Arc::new(canary("release", 0.05, &[0.5])), &options).map(drop),
    );
    assert!(stopped.is_ok() || matches!(stopped, Err(mlcore::Error::Interrupted(_))));
}

#[test]
fn of_several_models_one_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let log: PredictionLog = open(&folder, LogOptions::default());
    let made = Made { unit: "u".into(), arm: "champion", propensity: 1.0, failed: false, loss: None };
    log.sink(model()).record(&record(0, &made));
    log.sink("fraud".parse().unwrap()).record(&record(1, &made));
    log.close().unwrap();
    let error = ReplayLog::read(&LogReader::new(folder.path()), &ReplayOptions::default()).unwrap_err();
    assert!(error.to_string().contains("the log has the models fraud, risk"), "{error}");
    let one = ReplayOptions::default().with_model(model());
    assert_eq!(read(&folder, &one).requests(), 1);
}

#[test]
fn detectors_are_replayed_on_failures_and_losses() {
    let folder = tempfile::tempdir().unwrap();
    write(&folder, released(6_000, 3_000));
    let log = read(&folder, &ReplayOptions::default());
    let truth = Truth::worse(arm("canary"), at(3_000 * STEP));
    let of = |value: &StreamValue, own: Option<&Arm>| {
        let mut detector = Adwin::default().start().unwrap();
        log.replay_detector(&mut detector, value, own, &truth).unwrap()
    };
    let failures = of(&StreamValue::Failure, Some(&arm("canary")));
    let judged = failures.judged.clone().unwrap();
    let found = judged.detection.unwrap_or_else(|| panic!("{failures}"));
    assert_eq!(judged.false_alarms, 0);
    assert!(found.requests < 500 && found.at > at(3_000 * STEP), "{failures}");
    // Of the champion nothing changed, and what would be found is none of the truth.
    let champion = of(&StreamValue::Failure, Some(&arm("champion")));
    assert!(champion.alarms.is_empty() && champion.judged.unwrap().detection.is_none());
    let losses = of(&StreamValue::Loss, None);
    assert!(losses.values > 5_000 && losses.alarms.is_empty(), "{losses}");
    assert!(of(&StreamValue::Feature("age".into()), None).values == 0);
    let mut detector = Adwin::default().start().unwrap();
    let unknown = log.replay_detector(&mut detector, &StreamValue::Loss, Some(&arm("nobody")), &truth);
    assert!(unknown.unwrap_err().to_string().contains("the arms are champion, canary"));
}

#[test]
fn a_monitor_is_replayed_on_raw_features() {
    use mlcore::arrow::array::{ArrayRef, Float64Array, RecordBatch};

    let folder = tempfile::tempdir().unwrap();
    let log = open(&folder, LogOptions::default());
    let mut sink = log.sink(model());
    // `age` is 41 in all of them.
    (0..200).for_each(|number| sink.record(&full(number)));
    log.close().unwrap();
    let log = read(&folder, &ReplayOptions::default());
    let ages: ArrayRef = Arc::new(Float64Array::from_iter_values((0..500).map(|i| f64::from(20 + i % 40))));
    let reference = RecordBatch::try_from_iter([("age", ages)]).unwrap();
    let options = MonitorOptions::default().with_window_rows(100);
    let mut monitor = Monitor::new(&reference, &options).unwrap();
    let report = log.replay_monitor(&mut monitor, &Truth::Equal).unwrap();
    assert_eq!((report.rows, report.refused, report.windows.len()), (200, 0, 2));
    assert!(report.windows.iter().all(|window| window.is_drifted() && window.columns == ["age"]), "{report}");
    assert_eq!((report.windows[1].first_row, report.windows[1].last_row), (100, 199));
    assert_eq!(report.judged.unwrap().false_alarms, 2);
    let others: ArrayRef = Arc::new(Float64Array::from(vec![1.0; 100]));
    let others = RecordBatch::try_from_iter([("height", others)]).unwrap();
    let mut monitor = Monitor::new(&others, &options).unwrap();
    let error = log.replay_monitor(&mut monitor, &Truth::Unknown).unwrap_err();
    assert!(error.to_string().contains("no row has one of the columns height"), "{error}");
}
