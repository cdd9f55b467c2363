//! Numbers that mean nothing are refused by name, and forged states too.

use std::time::Duration;

use mlcore::Error;
use mlcore::bandit::{
    ArmStatistics, Bandit, BanditOptions, BanditPolicy, BanditState, EpsilonGreedy, Exp3, KlUcb, Memory,
    Reward, Softmax, Stopping, ThompsonBeta, ThompsonGammaPoisson, ThompsonGaussian, TrackAndStop, Ucb1,
};
use serde_json::{Value, json};

use crate::cases::arms;

/// Every policy with its defaults.
pub(crate) fn policies() -> Vec<BanditPolicy> {
    vec![
        EpsilonGreedy::default().into(),
        Ucb1::default().into(),
        KlUcb::default().into(),
        Softmax::default().into(),
        Exp3 { gamma: 0.1 }.into(),
        ThompsonBeta::default().into(),
        ThompsonGaussian::default().into(),
        ThompsonGaussian::default().with_sigma(0.5).into(),
        ThompsonGammaPoisson::default().into(),
        TrackAndStop::default().into(),
        TrackAndStop { stopping: Stopping::ConfidenceSequence, ..TrackAndStop::default() }.into(),
    ]
}

fn refused<T: std::fmt::Debug>(result: mlcore::Result<T>, words: &str) {
    let error = result.unwrap_err().to_string();
    assert!(error.contains(words) && !error.contains("::"), "{error:?} lacks {words:?}");
}

#[test]
fn rewards_and_propensities_that_mean_nothing_are_refused() {
    let names = arms(3);
    for policy in policies() {
        let mut bandit = Bandit::new(BanditOptions::new(policy.clone()), names.clone()).unwrap();
        bandit.update(&Reward::new(&names[0], 1.0)).unwrap();
        let before = bandit.clone();
        for reward in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1e101, -1e300] {
            refused(bandit.update(&Reward::new(&names[1], reward)), "reward of arm arm-01");
        }
        for propensity in [f64::NAN, 0.0, -0.5, 1.5, f64::INFINITY, 5e-324] {
            refused(
                bandit.update(&Reward::new(&names[1], 0.5).with_propensity(propensity)),
                "propensity of arm arm-01",
            );
        }
        let stranger = arms(5).pop().unwrap();
        assert!(matches!(bandit.update(&Reward::new(&stranger, 0.5)), Err(Error::NotFound(_))));
        assert_eq!(bandit, before, "{policy:?}: what was refused changed something");
        if !policy.support().contains(2.0) {
            refused(
                bandit.update(&Reward::new(&names[1], 2.0)),
                "it is 2, and the policy takes a number from 0 to 1",
            );
        }
    }
    let ranged = BanditOptions::new(Ucb1::default()).with_reward_range(-1.0, 1.0);
    let mut bandit = Bandit::new(ranged, names.clone()).unwrap();
    refused(bandit.update(&Reward::new(&names[0], 1.5)), "rewards are from -1 to 1");
}

#[test]
fn options_that_mean_nothing_are_refused_by_name() {
    let nan = f64::NAN;
    let bad: Vec<(BanditPolicy, &str)> = vec![
        (EpsilonGreedy { epsilon: 1.5, decay: 0.0 }.into(), "epsilon of epsilon_greedy: it is 1.5"),
        (EpsilonGreedy { epsilon: 0.5, decay: -1.0 }.into(), "decay of epsilon_greedy"),
        (Ucb1 { alpha: nan }.into(), "alpha of ucb1: it is NaN"),
        (KlUcb { c: -1.0 }.into(), "c of kl_ucb"),
        (Softmax { tau: 0.0 }.into(), "tau of softmax"),
        (Exp3 { gamma: 2.0 }.into(), "gamma of exp3"),
        (ThompsonBeta { alpha: 0.0, beta: 1.0 }.into(), "alpha of thompson_beta"),
        (ThompsonGammaPoisson { shape: 1.0, rate: nan }.into(), "rate of thompson_gamma_poisson"),
        (ThompsonGaussian::default().with_sigma(0.0).into(), "sigma of thompson_gaussian"),
        (TrackAndStop { delta: 1.0, ..TrackAndStop::default() }.into(), "delta of track_and_stop"),
    ];
    for (policy, words) in bad {
        refused(Bandit::new(BanditOptions::new(policy), arms(2)), words);
    }
    let good = || BanditOptions::new(Ucb1::default());
    refused(Bandit::new(good().with_min_prob(nan), arms(2)), "min_prob");
    refused(Bandit::new(good().with_refresh(-1.0), arms(2)), "refresh");
    refused(Bandit::new(good().with_reward_range(1.0, 1.0), arms(2)), "reward_range");
    refused(
        Bandit::new(good().with_memory(Memory::HalfLife { half_life: Duration::ZERO }), arms(2)),
        "half-life",
    );
    let prior = ArmStatistics::believed(-1.0, 0.5, 0.1);
    refused(Bandit::new(good().with_prior(arms(1).remove(0), prior), arms(2)), "prior of arm arm-00");
    refused(Bandit::new(good(), []), "there are none");
    refused(Bandit::new(good(), [arms(1), arms(1)].concat()), "the arm occurs twice");
    refused(Bandit::new(good(), arms(1_001)), "more than 1000");
}

#[test]
fn probabilities_are_probabilities_whatever_was_seen() {
    let extremes = [0.0, 1.0, 1e-300, 0.5, 1.0 - f64::EPSILON, 1e99, -1e99, 1e9];
    for policy in policies() {
        let support = policy.support();
        for count in [1, 2, 5, 64] {
            let names = arms(count);
            let mut bandit =
                Bandit::new(BanditOptions::new(policy.clone()).with_min_prob(0.001), names.clone()).unwrap();
            for (number, reward) in extremes.iter().cycle().take(200).enumerate() {
                let reward = if support.contains(*reward) { *reward } else { reward.abs().min(1.0) };
                // The last arm never answers.
                let arm = &names[(number * 7) % count.max(2).saturating_sub(1).max(1)];
                bandit.update(&Reward::new(arm, reward).with_propensity(1e-3)).unwrap();
                let shares = bandit.allocation().probabilities();
                let sum: f64 = shares.iter().sum();
                assert!(
                    (sum - 1.0).abs() < 1e-9 && shares.iter().all(|share| *share >= 0.000_9),
                    "{policy:?}: {shares:?}"
                );
            }
        }
    }
}

fn state() -> Value {
    let names = arms(3);
    let options = BanditOptions::new(ThompsonBeta::default())
        .with_memory(Memory::Window { length: Duration::from_secs(10), buckets: 5 });
    let mut bandit = Bandit::new(options, names.clone()).unwrap();
    for number in 0..40 {
        let reward = Reward::new(&names[number % 3], f64::from(u8::from(number % 4 == 0)));
        bandit.update(&reward.with_propensity(0.3).at(Duration::from_millis(500 * number as u64))).unwrap();
    }
    serde_json::to_value(bandit.save()).unwrap()
}

#[test]
fn forged_states_are_refused() {
    let read = |value: Value| -> mlcore::Result<Bandit> {
        let state: BanditState = serde_json::from_value(value)
            .map_err(|error| Error::corrupt("read", "state", error.to_string()))?;
        Bandit::from_state(&state)
    };
    read(state()).unwrap();
    let forgeries: Vec<(&str, Value)> = vec![
        ("/version", json!(2)),
        ("/options/min_prob", json!(7.0)),
        ("/options/policy/alpha", json!(-1.0)),
        ("/outcomes", json!(1)),
        ("/known", json!(-1.0)),
        ("/arms", json!([])),
        ("/arms/0/arm", json!("arm-02")),
        ("/arms/0/arm", json!("../x y")),
        ("/arms/1/probability", json!(-0.5)),
        ("/arms/1/probability", json!(0.9)),
        ("/arms/0/buckets/0/bucket", json!(u64::MAX)),
        ("/arms/0/buckets/0/bucket", json!(0)),
        ("/arms/0/buckets/0/sums/0", json!([-3.0])),
        ("/arms/0/buckets/0/sums/0", json!([])),
        ("/arms/0/buckets/0/sums/1", json!([1e9])),
        ("/arms/0/buckets/0/sums/2", json!([-1.0])),
        ("/arms/0/buckets/0/sums/2", json!([1e300])),
        ("/arms/0/buckets/0/sums/3", json!([0.0])),
        ("/arms/0/buckets/0/sums/4", json!(vec![1.0; 49])),
        ("/arms/0/buckets/0/more", json!(1)),
        ("/winners", json!(["stranger"])),
    ];
    for (place, value) in forgeries {
        let mut forged = state();
        let (parent, key) = place.rsplit_once('/').unwrap();
        match forged.pointer_mut(parent).unwrap() {
            Value::Object(entries) => drop(entries.insert(key.into(), value.clone())),
            Value::Array(items) => items[key.parse::<usize>().unwrap()] = value.clone(),
            _ => unreachable!(),
        }
        assert_ne!(forged, state(), "{place}");
        assert!(read(forged).is_err(), "{place} = {value} was taken");
    }
}
