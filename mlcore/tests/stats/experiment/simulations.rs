//! Simulated experiments: false alarms stay below what is promised.

use mlcore::experiment::{Alarms, EffectOptions, Inference, Simulation};

/// A short run by default; `MLCORE_EXPERIMENTS=10000` runs as many experiments, and prints what they counted.
fn simulation() -> Simulation {
    let runs = std::env::var("MLCORE_EXPERIMENTS").ok().and_then(|runs| runs.parse().ok());
    match runs {
        Some(runs) => Simulation::default().with_runs(runs),
        None => Simulation::default().with_runs(400).with_looks(50, 10),
    }
    .with_seed(7)
}

/// No more alarms than `alpha` allows: not even the lower end of the exact interval of their rate is above it.
#[track_caller]
fn check_at_most(alpha: f64, name: &str, alarms: &Alarms) {
    println!("{name}: {} of {} alarmed", alarms.alarmed, alarms.runs);
    let interval = alarms.interval(0.001).unwrap();
    assert!(interval.low <= alpha, "{name}: {} of {}", alarms.alarmed, alarms.runs);
}

#[test]
fn sequential_tests_keep_their_error_under_continuous_peeking() {
    let options = EffectOptions::default();
    let inferences = [Inference::sequential(), Inference::Mixture { effect_scale: 0.2 }];
    for inference in inferences {
        let alarms = simulation().peeking(&options.with_inference(inference)).unwrap();
        check_at_most(0.05, &format!("{inference:?}"), &alarms);
    }
    // A test for one look does not, so that the simulation would find one that does not.
    let peeking = simulation().peeking(&options).unwrap();
    println!("Welch: {} of {} alarmed", peeking.alarmed, peeking.runs);
    assert!(peeking.interval(0.001).unwrap().low > 0.1, "{peeking:?}");
}

#[test]
fn an_effect_that_is_there_is_found() {
    let options = EffectOptions::default().with_inference(Inference::Sequential { tuning_parameter: 500.0 });
    let alarms = simulation().with_effect(0.5).peeking(&options).unwrap();
    println!("with an effect of 0.5: {} of {} alarmed", alarms.alarmed, alarms.runs);
    assert!(alarms.rate() > 0.9 && alarms.looks_until_alarm > alarms.runs, "{alarms:?}");
}

#[test]
fn the_sequential_test_of_the_sample_ratio_keeps_its_error_and_the_fixed_one_does_not() {
    let sequential = simulation().sequential_srm(0.05).unwrap();
    check_at_most(0.05, "sequential sample ratio", &sequential);
    let fixed = simulation().fixed_srm(0.05).unwrap();
    println!("fixed sample ratio: {} of {} alarmed", fixed.alarmed, fixed.runs);
    assert!(fixed.interval(0.001).unwrap().low > 0.1, "{fixed:?}");
    // Looked at once, the fixed test is right.
    let once = simulation().with_looks(1, 2_000).fixed_srm(0.05).unwrap();
    let interval = once.interval(0.001).unwrap();
    assert!(interval.low <= 0.055 && interval.high >= 0.045, "{once:?}");
}

#[test]
fn equal_seeds_give_equal_answers_and_none_is_none() {
    let short = simulation().with_runs(20);
    let options = EffectOptions::default();
    assert_eq!(short.peeking(&options).unwrap(), short.peeking(&options).unwrap());
    let none = short.with_runs(0).peeking(&options).unwrap();
    assert_eq!((none.rate(), none.interval(0.05).is_err()), (0.0, true));
    assert!(short.fixed_srm(0.0).is_err() && short.sequential_srm(1.0).is_err());
    assert!(short.peeking(&options.with_alpha(2.0)).is_err());
    let stopped = mlcore::interrupt::scope(|| true, || Simulation::default().peeking(&options));
    assert!(matches!(stopped, Err(mlcore::Error::Interrupted(_))));
}
