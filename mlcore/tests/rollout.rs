//! Policies against their contract, and the ramp against simulated traffic.
#![cfg(feature = "conformance")]
#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::time::Duration;

use mlcore::conformance::{Stickiness, rollout_policy};
use mlcore::name::{Arm, UnitId, Version};
use mlcore::rollout::{
    Canary, CanaryOptions, Candidate, Candidates, Decision, Draw, Expiry, Fixed, Guardrail, Metric,
    Observation, Outcome, Phase, Ramp, RampOptions, RolloutPolicy, Shadowed, Weighted,
};

fn arm(name: &str) -> Arm {
    Arm::new(name).unwrap()
}

fn options() -> RampOptions {
    RampOptions::new([
        Guardrail::new(Metric::ErrorRate, 0.02).unwrap().with_limit(0.1).unwrap(),
        Guardrail::new(Metric::Loss, 0.05).unwrap(),
    ])
}

fn canary(ramp: RampOptions) -> Canary {
    Canary::new(CanaryOptions {
        control: arm("champion"),
        canary: arm("challenger"),
        salt: "release-2".into(),
        ramp,
    })
    .unwrap()
}

/// SplitMix64 in `[0, 1)`.
struct Random(u64);

impl Random {
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// Sends `requests` through a ramp, asking it after every one; returns where it ended and after how many requests.
fn simulate(
    options: RampOptions,
    seed: u64,
    requests: usize,
    errors: [f64; 2],
    loss: [f64; 2],
) -> (Phase, usize) {
    let mut ramp = Ramp::new(options).unwrap();
    let mut random = Random(seed);
    for request in 0..requests {
        let is_canary = random.next() < ramp.share();
        let which = usize::from(is_canary);
        if random.next() < errors[which] {
            ramp.observe(is_canary, &Observation::Failed);
        } else {
            ramp.observe(is_canary, &Observation::Answered { latency: Duration::from_micros(10) });
            // Exponential losses: skewed, as log losses are.
            ramp.observe(is_canary, &Observation::Scored { loss: -loss[which] * (1.0 - random.next()).ln() });
        }
        ramp.decide(Duration::from_secs(request as u64));
        if !matches!(ramp.phase(), Phase::Running { .. }) {
            return (ramp.phase().clone(), request + 1);
        }
    }
    (ramp.phase().clone(), requests)
}

#[test]
fn every_policy_keeps_the_contract() {
    rollout_policy(|| Fixed::new(arm("challenger")), Stickiness::Unit);
    let weights = || [(arm("champion"), 0.6), (arm("challenger"), 0.3), (arm("third"), 0.1)];
    rollout_policy(|| Weighted::new("salt", weights()).unwrap(), Stickiness::Unit);
    rollout_policy(|| canary(options()), Stickiness::Unit);
    let shadowed = || Shadowed::new(Weighted::new("salt", weights()).unwrap(), [arm("third")], 0.25).unwrap();
    rollout_policy(shadowed, Stickiness::Unit);
}

#[test]
fn an_equal_canary_is_hardly_ever_rolled_back_and_grows() {
    let runs = 200;
    let mut rolled_back = 0;
    let mut passed = 0;
    for seed in 0..runs {
        match simulate(options().with_steps([0.2, 0.5]), seed, 60_000, [0.01, 0.01], [0.5, 0.5]).0 {
            Phase::RolledBack { .. } => rolled_back += 1,
            Phase::Passed { .. } => passed += 1,
            Phase::Running { .. } => {}
        }
    }
    // alpha is 0.05; three standard deviations above it.
    assert!(rolled_back <= 19, "{rolled_back} of {runs} rolled back");
    assert!(passed >= 180, "{passed} of {runs} passed");
}

#[test]
fn a_worse_canary_never_passes_and_is_found() {
    let mut longest = 0;
    for seed in 0..100 {
        let (phase, requests) = simulate(options(), seed, 200_000, [0.01, 0.01], [0.5, 0.65]);
        assert!(matches!(phase, Phase::RolledBack { .. }), "{phase:?} after {requests}");
        longest = longest.max(requests);
    }
    assert!(longest < 60_000, "{longest}");
}

#[test]
fn outright_failure_is_found_within_a_few_answers() {
    for seed in 0..50 {
        let at_half = options().with_steps([0.5]);
        let (phase, requests) = simulate(at_half, seed, 1_000, [0.0, 1.0], [0.5, 0.5]);
        let Phase::RolledBack { reason } = phase else { panic!("{phase:?}") };
        assert!(requests < 30, "{requests}");
        assert!(reason.contains("error rate") && reason.contains("limit"), "{reason}");
    }
}

#[test]
fn a_limit_holds_its_promise_just_below_it() {
    let limited = || {
        RampOptions::new([Guardrail::new(Metric::ErrorRate, 0.5).unwrap().with_limit(0.1).unwrap()])
            .with_steps([0.5])
    };
    let runs = 300;
    // Errors at 0.09 in both arms: below the limit, so at most alpha of the runs may end in a rollback.
    let unlucky = (0..runs)
        .filter(|seed| {
            matches!(
                simulate(limited().with_min_samples(u64::MAX), *seed, 3_000, [0.09, 0.09], [0.1, 0.1]).0,
                Phase::RolledBack { .. }
            )
        })
        .count();
    assert!(unlucky <= 26, "{unlucky} of {runs}");
}

#[test]
fn no_data_means_hold_and_holding_ends_as_told() {
    let mut ramp = Ramp::new(options()).unwrap();
    for second in 0..1_000 {
        assert!(matches!(ramp.decide(Duration::from_secs(second)), Decision::Hold { .. }));
    }
    let limit = Duration::from_secs(60);
    let mut held = Ramp::new(options().with_max_hold(limit, Expiry::Hold)).unwrap();
    let mut withdrawn = Ramp::new(options().with_max_hold(limit, Expiry::RollBack)).unwrap();
    for ramp in [&mut held, &mut withdrawn] {
        assert!(matches!(ramp.decide(Duration::ZERO), Decision::Hold { .. }));
    }
    assert!(matches!(held.decide(Duration::from_secs(61)), Decision::Hold { .. }));
    assert!(matches!(withdrawn.decide(Duration::from_secs(61)), Decision::RollBack { .. }));
    assert_eq!(withdrawn.share(), 0.0);
}

#[test]
fn a_ramp_never_reshuffles() {
    let candidates = Candidates::new(
        ["champion", "challenger"].map(|name| Candidate { arm: arm(name), version: Version::FIRST }),
    )
    .unwrap();
    let units: Vec<UnitId> = (0..5_000).map(|i| UnitId::new(format!("user-{i}")).unwrap()).collect();
    let policy = canary(options());
    let on_trial = |policy: &Canary| -> Vec<bool> {
        units.iter().map(|unit| policy.assign(unit, &candidates, Draw::new(0)).position == 1).collect()
    };
    let mut before = on_trial(&policy);
    for _ in 0..2 {
        feed(&policy, 3_000);
        assert!(matches!(policy.decide(Duration::ZERO), Decision::Step { .. }));
        let after = on_trial(&policy);
        assert!(before.iter().zip(&after).all(|(a, b)| a <= b), "a unit left the canary");
        assert!(after.iter().filter(|unit| **unit).count() > before.iter().filter(|unit| **unit).count());
        before = after;
    }
    let saved = serde_json::to_string(&policy.ramp()).unwrap();
    let restored = Canary::restore(policy.options().clone(), serde_json::from_str(&saved).unwrap()).unwrap();
    assert_eq!(on_trial(&restored), before, "a restart moved units");
}

/// Equal, good outcomes for both arms in the present epoch.
fn feed(policy: &Canary, each: usize) {
    let epoch = policy.ramp().epoch();
    let mut random = Random(epoch.into());
    for _ in 0..each {
        for name in ["champion", "challenger"] {
            let latency = Duration::from_micros(20);
            policy.observe(&Outcome {
                arm: arm(name),
                epoch,
                observation: Observation::Answered { latency },
            });
            let loss = 0.4 + 0.2 * random.next();
            policy.observe(&Outcome { arm: arm(name), epoch, observation: Observation::Scored { loss } });
        }
    }
}

#[test]
fn evidence_of_another_epoch_is_ignored_and_a_breach_never_is() {
    let policy = canary(options());
    for _ in 0..500 {
        policy.observe(&Outcome { arm: arm("challenger"), epoch: 7, observation: Observation::Failed });
    }
    assert!(policy.ramp().evidence().iter().all(|evidence| evidence.canary.count() == 0));
    assert!(matches!(policy.decide(Duration::ZERO), Decision::Hold { .. }));
    let reason = "an operator pulled the cord".to_owned();
    policy.observe(&Outcome {
        arm: arm("challenger"),
        epoch: 7,
        observation: Observation::Breach { reason },
    });
    for _ in 0..3 {
        let Decision::RollBack { reason } = policy.decide(Duration::ZERO) else { panic!() };
        assert!(reason.contains("operator"), "{reason}");
    }
}

#[test]
fn odd_options_are_refused() {
    for steps in [vec![], vec![0.5, 0.2], vec![0.0], vec![1.0], vec![f64::NAN], vec![0.2, 0.2]] {
        assert!(Ramp::new(options().with_steps(steps.clone())).is_err(), "{steps:?}");
    }
    assert!(Ramp::new(RampOptions::new([])).is_err());
    for margin in [0.0, -0.1, f64::NAN, f64::INFINITY] {
        assert!(Guardrail::new(Metric::Loss, margin).is_err());
    }
    assert!(Guardrail::new(Metric::Loss, 0.1).unwrap().with_limit(0.5).is_err());
    let same = CanaryOptions { control: arm("a"), canary: arm("a"), salt: String::new(), ramp: options() };
    assert!(Canary::new(same).is_err());
}
