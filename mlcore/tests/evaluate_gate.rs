//! The gate lets pass what is shown, and says why it lets nothing else pass.
#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::time::Duration;

use mlcore::Error;
use mlcore::evaluate::{
    Contender, Gate, GateMetric, GateVerdict, LoggedRewards, OffPolicyEstimator, OffPolicyOptions,
    OffPolicyRequirement, Requirement, Truth, off_policy_value,
};
use mlcore::schema::{DType, Field, Schema, Signature};
use mlcore::stats::SplitMix64;

/// Labels, and probabilities that are informed by `skill`.
fn sample(random: &mut SplitMix64, rows: usize, skills: [f64; 2]) -> (Vec<bool>, [Vec<f64>; 2]) {
    let labels: Vec<bool> = (0..rows).map(|_| random.uniform() < 0.4).collect();
    let scores = skills.map(|skill| {
        labels
            .iter()
            .map(|label| 0.5 * skill * f64::from(*label) + (1.0 - 0.5 * skill) * random.uniform())
            .collect()
    });
    (labels, scores)
}

fn judge(gate: &Gate, labels: &[bool], scores: &[Vec<f64>; 2]) -> GateVerdict {
    let [champion, challenger] = scores;
    gate.judge(Truth::Labels(labels), &Contender::new(champion), &Contender::new(challenger)).unwrap()
}

#[test]
fn a_better_challenger_passes_and_a_worse_one_is_told_why_not() {
    let gate = Gate::new()
        .require(GateMetric::RocAuc, Requirement::BetterBy(0.01))
        .require(GateMetric::LogLoss, Requirement::NotWorseBy(0.01))
        .require(GateMetric::Accuracy { threshold: 0.5 }, Requirement::Reaches(0.55));
    let (labels, scores) = sample(&mut SplitMix64::new(1), 2_000, [0.2, 0.6]);
    let verdict = judge(&gate, &labels, &scores);
    assert!(verdict.passed, "{verdict}");
    assert_eq!(verdict.checks.len(), 4);
    assert_eq!(verdict.failed().count(), 0);

    let [weak, strong] = scores;
    let verdict = judge(&gate, &labels, &[strong, weak]);
    assert!(!verdict.passed);
    let roc_auc = verdict.check("roc_auc").unwrap();
    assert!(!roc_auc.passed && roc_auc.sentence.contains("worse by"), "{}", roc_auc.sentence);
    assert!(roc_auc.interval.unwrap()[1] < 0.0 && roc_auc.margin == Some(0.01));
    let text = verdict.to_string();
    assert!(text.starts_with("not passed\n") && text.contains("no  roc_auc"), "{text}");
}

#[test]
fn equal_models_pass_as_not_worse_and_hardly_ever_as_better() {
    let not_worse = Gate::new().require(GateMetric::LogLoss, Requirement::NotWorseBy(0.2));
    let better = [GateMetric::RocAuc, GateMetric::LogLoss, GateMetric::Accuracy { threshold: 0.5 }]
        .map(|metric| Gate::new().require(metric, Requirement::BetterBy(0.0)));
    let runs = 1_000;
    let mut random = SplitMix64::new(2);
    let (mut passed, mut lucky) = (0, [0; 3]);
    for _ in 0..runs {
        let (labels, scores) = sample(&mut random, 400, [0.4, 0.4]);
        passed += i32::from(judge(&not_worse, &labels, &scores).passed);
        for (gate, lucky) in better.iter().zip(&mut lucky) {
            *lucky += i32::from(judge(gate, &labels, &scores).passed);
        }
    }
    assert!(passed > 900, "{passed}");
    // alpha / 2 is 2.5 %; three standard deviations above it.
    assert!(lucky.iter().all(|lucky| *lucky <= 40), "{lucky:?} of {runs}");
}

#[test]
fn the_intervals_cover_as_often_as_they_say() {
    let gate = Gate::new()
        .require(GateMetric::RocAuc, Requirement::NotWorseBy(0.0))
        .require(GateMetric::BrierScore, Requirement::NotWorseBy(0.0))
        .require(GateMetric::Accuracy { threshold: 0.5 }, Requirement::NotWorseBy(0.0));
    let mut random = SplitMix64::new(3);
    // The truth, from a sample large enough to stand for it.
    let (labels, scores) = sample(&mut random, 2_000_000, [0.3, 0.5]);
    let truth: Vec<f64> =
        judge(&gate, &labels, &scores).checks.iter().skip(1).map(|check| check.difference.unwrap()).collect();
    let mut covered = [0; 3];
    let runs = 2_000;
    for _ in 0..runs {
        let (labels, scores) = sample(&mut random, 200, [0.3, 0.5]);
        let verdict = judge(&gate, &labels, &scores);
        for ((check, truth), covered) in verdict.checks.iter().skip(1).zip(&truth).zip(&mut covered) {
            let [low, high] = check.interval.unwrap();
            *covered += i32::from(low <= *truth && *truth <= high);
        }
    }
    // 95 %, three standard deviations and a percent for the asymptotics at 200 rows.
    assert!(covered.iter().all(|covered| (1_850..=1_950).contains(covered)), "{covered:?} of {runs}");
}

#[test]
fn too_little_is_never_enough() {
    let gate = Gate::new().require(GateMetric::LogLoss, Requirement::BetterBy(0.0));
    let (labels, scores) = sample(&mut SplitMix64::new(4), 60, [0.0, 1.0]);
    let verdict = judge(&gate, &labels, &scores);
    assert!(verdict.check("log_loss").unwrap().passed && !verdict.passed, "{verdict}");
    assert!(verdict.check("samples").unwrap().sentence.starts_with("60 rows"));
    for rows in 0..3 {
        let (labels, scores) = (vec![true; rows], [vec![0.4; rows], vec![0.6; rows]]);
        let every = [
            GateMetric::RocAuc,
            GateMetric::LogLoss,
            GateMetric::BrierScore,
            GateMetric::Accuracy { threshold: 0.5 },
        ];
        for metric in every {
            let gate = Gate::new().require(metric, Requirement::NotWorseBy(1.0)).with_min_samples(0, 0);
            let verdict = judge(&gate, &labels, &scores);
            let confident = verdict.check(metric.name()).unwrap().interval.is_some();
            assert!(!verdict.passed || confident, "{rows} rows: {verdict}");
        }
    }
    assert!(!judge(&Gate::new(), &labels, &scores).passed, "a gate without questions");
}

#[test]
fn a_challenger_that_answers_nonsense_fails_and_a_champion_is_an_error() {
    let gate = Gate::new().require(GateMetric::RocAuc, Requirement::NotWorseBy(0.5));
    let (labels, [champion, mut challenger]) = sample(&mut SplitMix64::new(5), 300, [0.4, 0.4]);
    challenger[7] = f64::NAN;
    let verdict = judge(&gate, &labels, &[champion.clone(), challenger.clone()]);
    assert_eq!(
        verdict.check("roc_auc").unwrap().sentence,
        "roc_auc: the prediction of row 7 is NaN or infinite"
    );
    assert!(!verdict.passed);
    let (first, second) = (Contender::new(&challenger), Contender::new(&champion));
    let error = gate.judge(Truth::Labels(&labels), &first, &second).unwrap_err();
    assert!(matches!(error, Error::InvalidInput(_)) && error.to_string().contains("champion"), "{error}");

    let one_class = vec![true; 300];
    let verdict = judge(&gate, &one_class, &[champion.clone(), champion]);
    assert!(!verdict.passed && verdict.check("roc_auc").unwrap().sentence.contains("only one class"));
}

#[test]
fn a_signature_that_callers_cannot_use_fails() {
    let signature = |input: &str| {
        let column = |name: &str| Schema::new([Field::column(name, DType::Float32)]).unwrap();
        Signature::new(column(input), column("probability"))
    };
    let (old, new) = (signature("age"), signature("age_years"));
    let gate = Gate::new().require(GateMetric::LogLoss, Requirement::NotWorseBy(1.0));
    let (labels, [champion, challenger]) = sample(&mut SplitMix64::new(6), 300, [0.4, 0.4]);
    let judge = |replacement| {
        let first = Contender::new(&champion).with_signature(&old);
        let second = Contender::new(&challenger).with_signature(replacement);
        gate.judge(Truth::Labels(&labels), &first, &second).unwrap()
    };
    assert!(judge(&old).passed);
    let verdict = judge(&new);
    assert!(!verdict.passed);
    assert!(verdict.check("signature").unwrap().sentence.contains("needs the input age_years"), "{verdict}");
}

#[test]
fn a_latency_budget_wants_to_be_measured_often_enough() {
    let gate = Gate::new().with_latency(Duration::from_millis(10), 0.99);
    let fast = vec![Duration::from_millis(1); 1_000];
    let mut slow = fast.clone();
    slow[..20].fill(Duration::from_millis(50));
    let judge = |latencies: Option<&[Duration]>| {
        let challenger = Contender::new(&[]);
        let challenger = latencies.map_or(challenger, |latencies| challenger.with_latencies(latencies));
        gate.judge(Truth::Labels(&[]), &Contender::new(&[]), &challenger).unwrap()
    };
    assert!(judge(Some(&fast)).passed, "{}", judge(Some(&fast)));
    for (latencies, reason) in [
        (Some(&slow[..]), "20 of 1000 answers took longer than 10ms"),
        (Some(&fast[..100]), "more answers needed"),
        (Some(&[][..]), "no answer was timed"),
        (None, "no answer was timed"),
    ] {
        let verdict = judge(latencies);
        assert!(!verdict.passed && verdict.checks[0].sentence.contains(reason), "{verdict}");
    }
    assert_eq!(judge(Some(&slow)).checks[0].challenger, Some(0.05));
}

#[test]
fn unusable_gates_are_refused() {
    let labels = vec![true; 10];
    let values = vec![0.5; 10];
    let contender = Contender::new(&values);
    let log_loss = |requirement| Gate::new().require(GateMetric::LogLoss, requirement);
    let fine = || log_loss(Requirement::NotWorseBy(0.1));
    for (gate, truth, part) in [
        (fine().with_alpha(0.0), Truth::Labels(&labels), "alpha"),
        (fine().with_alpha(f64::NAN), Truth::Labels(&labels), "alpha"),
        (fine().with_latency(Duration::ZERO, 1.0), Truth::Labels(&labels), "quantile"),
        (fine(), Truth::Labels(&labels[1..]), "champion: it has 10 predictions for 9 rows"),
        (fine(), Truth::Values(&values), "log_loss: it compares labels"),
        (log_loss(Requirement::NotWorseBy(-1.0)), Truth::Labels(&labels), "log_loss: -1"),
        (log_loss(Requirement::Reaches(f64::NAN)), Truth::Labels(&labels), "log_loss: NaN"),
        (
            Gate::new().require(GateMetric::MeanSquaredError, Requirement::BetterBy(0.0)),
            Truth::Labels(&labels),
            "mean_squared_error: it compares values",
        ),
        (Gate::new(), Truth::Values(&[f64::NAN; 10]), "truth: a value is NaN"),
    ] {
        let error = gate.judge(truth, &contender, &contender).unwrap_err();
        assert!(error.to_string().contains(part), "{error}, without {part}");
    }
}

#[test]
fn gates_and_verdicts_are_json() {
    let gate = Gate::new()
        .require(GateMetric::LogLoss, Requirement::NotWorseBy(0.005))
        .require(GateMetric::Accuracy { threshold: 0.5 }, Requirement::Reaches(0.7))
        .with_latency(Duration::from_millis(5), 0.99);
    let json = serde_json::to_string(&gate).unwrap();
    assert_eq!(serde_json::from_str::<Gate>(&json).unwrap(), gate, "{json}");
    let short = r#"{"requirements": [["log_loss", {"not_worse_by": 0.005}]], "min_samples": 500}"#;
    assert_eq!(serde_json::from_str::<Gate>(short).unwrap().min_samples, 500);
    assert!(serde_json::from_str::<Gate>(r#"{"minimum": 3}"#).is_err());
    let (labels, scores) = sample(&mut SplitMix64::new(8), 300, [0.4, 0.4]);
    let verdict = judge(&gate, &labels, &scores);
    let json = serde_json::to_string(&verdict).unwrap();
    assert_eq!(serde_json::from_str::<GateVerdict>(&json).unwrap(), verdict);
}

#[test]
fn what_a_policy_would_have_earned_must_be_sure_and_rest_on_rows_of_its_own() {
    let mut random = SplitMix64::new(8);
    let action: Vec<usize> = (0..4_000).map(|_| usize::from(random.uniform() < 0.5)).collect();
    let earns = [0.4, 0.6];
    let reward: Vec<f64> =
        action.iter().map(|arm| f64::from(u8::from(random.uniform() < earns[*arm]))).collect();
    let target = [0.1, 0.9].repeat(action.len());
    let propensity = vec![0.5; action.len()];
    let log = LoggedRewards::new(2, &action, &propensity, &reward, &target);
    let estimate = off_policy_value(&log, OffPolicyEstimator::Snips, &OffPolicyOptions::default()).unwrap();
    // 0.58 where 0.5 was earned; the interval of the gain is narrower than that of the value.
    assert!((estimate.value - 0.58).abs() < 0.03 && (estimate.gain - 0.08).abs() < 0.02, "{estimate:?}");
    let width = |interval: (f64, f64)| interval.1 - interval.0;
    assert!(width(estimate.gain_interval) < 0.9 * width(estimate.interval), "{estimate:?}");
    let (rows, nobody) = (Truth::Values(&[]), Contender::new(&[]));
    let judge = |asked: OffPolicyRequirement, own: &Contender<'_>| {
        Gate::new().with_off_policy(asked).judge(rows, &nobody, own)
    };
    let own = nobody.with_off_policy(&estimate);
    let asked = OffPolicyRequirement::new;
    for (requirement, passes) in [
        (Requirement::BetterBy(0.0), true),
        (Requirement::BetterBy(0.04), true),
        (Requirement::BetterBy(0.08), false),
        (Requirement::NotWorseBy(0.0), true),
        (Requirement::Reaches(estimate.interval.0), true),
        (Requirement::Reaches(estimate.value), false),
    ] {
        let verdict = judge(asked(requirement), &own).unwrap();
        assert_eq!(verdict.passed, passes, "{requirement:?}: {verdict}");
        // 1.64 times as many rows are needed: (0.1^2 + 0.9^2) / 0.5.
        let few = asked(requirement).with_min_effective_sample_size(2_600.0);
        assert!(!judge(few, &own).unwrap().passed);
        assert!(!judge(asked(requirement), &nobody).unwrap().passed, "nobody estimated it");
    }
    let enough = asked(Requirement::BetterBy(0.0)).with_min_effective_sample_size(2_300.0);
    let verdict = judge(enough, &own).unwrap();
    let check = verdict.check("off_policy").unwrap();
    assert_eq!((check.champion, check.challenger), (Some(estimate.logged_value), Some(estimate.value)));
    assert!(verdict.passed && check.sentence.contains("2300 are needed"), "{verdict}");
    // A gate in a file keeps what it asks, and one of an earlier version asks nothing of the kind.
    let gate = Gate::new().with_off_policy(enough);
    assert_eq!(serde_json::from_str::<Gate>(&serde_json::to_string(&gate).unwrap()).unwrap(), gate);
    assert!(!serde_json::to_string(&Gate::new()).unwrap().contains("off_policy"));
    for odd in [
        asked(Requirement::BetterBy(-0.1)),
        asked(Requirement::Reaches(f64::NAN)),
        enough.with_min_effective_sample_size(f64::INFINITY),
        enough.with_min_effective_sample_size(-1.0),
    ] {
        assert!(matches!(judge(odd, &own), Err(Error::InvalidInput(_))), "{odd:?}");
    }
}
