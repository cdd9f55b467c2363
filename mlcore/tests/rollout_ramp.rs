//! The ramp against simulated traffic, asked again and again: what it promises about errors of either kind, and how soon
//! it finds harm.
#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::time::Duration;

use mlcore::name::Arm;
use mlcore::rollout::{
    Decision, Expiry, Guardrail, Metric, Observation, Phase, Ramp, RampOptions, Side, Traffic as Expected,
};
use mlcore::stats::SplitMix64;

fn canary() -> Arm {
    Arm::new("canary").unwrap()
}

fn side(is_canary: bool) -> Side {
    if is_canary { Side::Canary } else { Side::Control }
}

/// Traffic: control and canary beside each other.
#[derive(Clone, Copy)]
struct Traffic {
    errors: [f64; 2],
    /// Mean of exponential losses: skewed, as log losses are.
    loss: [f64; 2],
    requests: usize,
    /// The ramp is asked after so many requests, every time.
    look_every: usize,
}

/// How a simulated ramp ended, and after how many requests of the canary.
struct End {
    phase: Phase,
    canary_requests: usize,
}

fn simulate(options: &RampOptions, seed: u64, traffic: Traffic) -> End {
    let mut ramp = Ramp::new(options.clone()).unwrap();
    let mut random = SplitMix64::new(seed.wrapping_mul(0x5851_f42d_4c95_7f2d));
    let mut canary_requests = 0;
    for request in 1..=traffic.requests {
        let is_canary = random.uniform() < ramp.share();
        let arm = usize::from(is_canary);
        canary_requests += arm;
        if random.uniform() < traffic.errors[arm] {
            ramp.observe(side(is_canary), &Observation::Failed);
        } else {
            ramp.observe(side(is_canary), &Observation::answered(Duration::from_micros(10)));
            let loss = -traffic.loss[arm] * (1.0 - random.uniform()).ln();
            ramp.observe(side(is_canary), &Observation::scored(loss));
        }
        if request % traffic.look_every == 0 {
            ramp.decide(&canary(), Duration::from_secs(request as u64));
        }
        if !matches!(ramp.phase(), Phase::Running { .. }) {
            break;
        }
    }
    End { phase: ramp.phase().clone(), canary_requests }
}

/// How many of the runs were rolled back and how many passed, and the canary's requests that 95 % of the runs needed.
fn tally(options: &RampOptions, runs: u64, traffic: Traffic) -> (u64, u64, usize) {
    let (mut rolled_back, mut passed, mut needed) = (0, 0, Vec::new());
    for seed in 0..runs {
        let end = simulate(options, seed, traffic);
        match end.phase {
            Phase::RolledBack { .. } => rolled_back += 1,
            Phase::Passed { .. } => passed += 1,
            _ => {}
        }
        needed.push(end.canary_requests);
    }
    needed.sort_unstable();
    (rolled_back, passed, needed[needed.len() * 95 / 100])
}

/// `alpha` of the runs, and three standard deviations of the simulation.
fn at_most(alpha: f64, runs: u64) -> u64 {
    let n = runs as f64;
    (n * alpha + 3.0 * (n * alpha * (1.0 - alpha)).sqrt()) as u64
}

fn error_rate(margin: f64) -> Guardrail {
    Guardrail::new(Metric::ErrorRate, margin).unwrap()
}

fn options() -> RampOptions {
    RampOptions::new([error_rate(0.02).with_limit(0.1).unwrap(), Guardrail::new(Metric::Loss, 0.05).unwrap()])
}

const EQUAL: Traffic = Traffic { errors: [0.01, 0.01], loss: [0.5, 0.5], requests: 12_000, look_every: 20 };

#[test]
fn an_equal_canary_is_hardly_ever_rolled_back_however_often_one_looks() {
    let runs = 2_000;
    let (rolled_back, _, _) = tally(&options().with_steps([0.2, 0.5]), runs, EQUAL);
    assert!(rolled_back <= at_most(0.05, runs), "{rolled_back} of {runs}");
}

#[test]
fn an_equal_canary_gets_to_the_end() {
    let traffic = Traffic { requests: 60_000, look_every: 50, ..EQUAL };
    let (_, passed, _) = tally(&options().with_steps([0.2, 0.5]), 200, traffic);
    assert!(passed >= 190, "{passed} of 200");
}

#[test]
fn harm_at_the_margin_is_neither_let_pass_nor_rolled_back_more_often_than_alpha() {
    let runs = 400;
    // Rare events are the hard ones: hundreds of values may hold none of them.
    for (share, errors, margin) in [
        (0.05, 0.001, 0.02),
        (0.05, 0.01, 0.02),
        (0.05, 0.001, 0.001),
        (0.5, 0.001, 0.02),
        (0.5, 0.1, 0.02),
        (0.05, 0.3, 0.05),
        (0.2, 0.02, 0.01),
    ] {
        let options = RampOptions::new([error_rate(margin)]).with_steps([share]);
        let traffic = Traffic {
            errors: [errors, errors + margin],
            requests: (1_500.0 / share) as usize,
            look_every: 10,
            ..EQUAL
        };
        let (rolled_back, passed, _) = tally(&options, runs, traffic);
        let most = at_most(0.05, runs);
        assert!(
            passed <= most && rolled_back <= most,
            "{errors} + {margin}: {passed} passed, {rolled_back} back"
        );
    }
}

#[test]
fn a_worse_canary_never_passes_and_is_found_soon() {
    let check = |what: &str, traffic: Traffic, soon: usize| {
        let traffic = Traffic { requests: 200_000, look_every: 10, ..traffic };
        let (rolled_back, passed, needed) = tally(&options().with_steps([0.05, 0.2, 0.5]), 200, traffic);
        assert_eq!((rolled_back, passed), (200, 0), "{what}");
        assert!(needed <= soon, "{what}: 95 % needed up to {needed} requests of the canary");
    };
    check("errors of 10 % beside 1 %", Traffic { errors: [0.01, 0.1], ..EQUAL }, 600);
    check("errors of 5 % beside 1 %", Traffic { errors: [0.01, 0.05], ..EQUAL }, 3_500);
    check("a loss a third higher", Traffic { loss: [0.5, 0.667], ..EQUAL }, 1_500);
}

#[test]
fn twice_the_errors_are_found() {
    let options = RampOptions::new([error_rate(0.01)]).with_steps([0.5]);
    let traffic = Traffic { errors: [0.03, 0.06], requests: 40_000, look_every: 10, ..EQUAL };
    let (rolled_back, passed, needed) = tally(&options, 200, traffic);
    assert!(rolled_back >= 195 && passed <= 5, "{rolled_back} rolled back, {passed} passed");
    assert!(needed <= 8_000, "{needed}");
}

/// The requests of both arms that information allows: `ln(1/alpha) / KL` answers of the canary.
fn floor(alpha: f64, share: f64, base: f64, harm: f64, margin: f64) -> f64 {
    let (p, q) = (base + harm, base + margin);
    let divergence = p * (p / q).ln() + (1.0 - p) * ((1.0 - p) / (1.0 - q)).ln();
    -alpha.ln() / divergence / share
}

/// The requests after which half of the ramps have left their first step in this way, looked at after every twentieth.
fn median_requests(options: &RampOptions, errors: [f64; 2], runs: u64, most: u64) -> u64 {
    let requests = |seed: u64| {
        let mut ramp = Ramp::new(options.clone()).unwrap();
        let mut random = SplitMix64::new(seed.wrapping_mul(0x5851_f42d_4c95_7f2d));
        (1..=most).find(|request| {
            let is_canary = random.uniform() < ramp.share();
            let failed = random.uniform() < errors[usize::from(is_canary)];
            let observation =
                if failed { Observation::Failed } else { Observation::answered(Duration::ZERO) };
            ramp.observe(side(is_canary), &observation);
            request % 20 == 0 && !matches!(ramp.decide(&canary(), Duration::ZERO), Decision::Hold { .. })
        })
    };
    let mut needed: Vec<u64> = (0..runs).map(|seed| requests(seed).unwrap_or(u64::MAX)).collect();
    needed.sort_unstable();
    needed[needed.len() / 2]
}

#[test]
fn harm_is_found_about_as_soon_as_information_allows_and_as_expected() {
    for (base, harm, margin, most) in [
        (0.02, 0.02, 0.005, 1.6),
        (0.02, 0.02, 0.01, 1.6),
        (0.2, 0.06, 0.02, 1.6),
        (0.001, 0.002, 0.0005, 2.0),
    ] {
        // Three steps, as by default, of which the first one has 5 % of the requests.
        let options = RampOptions::new([error_rate(margin)]);
        let floor = floor(0.05, 0.05, base, harm, margin);
        let needed = median_requests(&options, [base, base + harm], 61, (8.0 * floor) as u64);
        let ratio = needed as f64 / floor;
        println!(
            "{base} + {harm}, margin {margin}: {needed} requests in the median, {ratio:.2} times the floor"
        );
        assert!(ratio < most, "{base} + {harm}, margin {margin}: {needed} of {floor:.0}, {ratio:.2}");
        let expected =
            options.expected_requests(&Expected::new(Metric::ErrorRate, base, harm).unwrap()).unwrap();
        let expected = expected[0].to_roll_back.unwrap() as f64;
        assert!(
            (0.67..1.5).contains(&(needed as f64 / expected)),
            "{base} + {harm}, margin {margin}: {needed} needed, {expected} expected"
        );
    }
}

#[test]
fn an_equal_canary_leaves_its_first_step_as_expected() {
    for (base, margin, most) in [(0.02, 0.01, 60_000), (0.2, 0.05, 30_000)] {
        let options = RampOptions::new([error_rate(margin)]);
        let needed = median_requests(&options, [base; 2], 41, 200_000);
        println!(
            "{base}, margin {margin}: an equal canary leaves the step after {needed} requests in the median"
        );
        assert!(needed < most, "{base}, margin {margin}: {needed}");
        let expected = options
            .expected_requests(&Expected::new(Metric::ErrorRate, base, 2.0 * margin).unwrap())
            .unwrap();
        let expected = expected[0].to_step.unwrap() as f64;
        assert!((0.67..1.5).contains(&(needed as f64 / expected)), "{needed} needed, {expected} expected");
    }
}

#[test]
fn a_plan_that_cannot_decide_in_its_traffic_is_warned_of() {
    let traffic = Expected::new(Metric::ErrorRate, 0.02, 0.02).unwrap();
    let options = RampOptions::new([error_rate(0.01)]);
    let warnings = |traffic| options.clone().with_traffic(traffic).warnings();
    assert!(
        warnings(traffic.clone()).is_empty() && warnings(traffic.clone().with_requests(1_000_000)).is_empty()
    );
    let told = warnings(traffic.clone().with_requests(5_000));
    assert!(told.len() >= 4, "{told:?}");
    assert!(told[0].contains("step 1 (5 % of the units): error rate worse by 0.02 takes about"), "{told:?}");
    assert!(
        told[0].contains("and the step has 5000") && told[1].contains("a canary that is no worse"),
        "{told:?}"
    );
    let within = warnings(Expected::new(Metric::ErrorRate, 0.02, 0.005).unwrap());
    assert!(within.len() == 1 && within[0].contains("is within the margin"), "{within:?}");

    // A loss: the more it varies, the longer it takes.
    let losses = RampOptions::new([Guardrail::new(Metric::Loss, 0.05).unwrap()]);
    let expected = |deviation: f64| {
        losses.expected_requests(&Expected::new(Metric::Loss, deviation, 0.2).unwrap()).unwrap()
    };
    for (calm, wild) in expected(0.5).into_iter().zip(expected(1.0)) {
        assert!(calm.to_roll_back < wild.to_roll_back && calm.to_step < wild.to_step, "{calm:?} {wild:?}");
    }
    // More samples than the inference needs are waited for.
    let patient = options.clone().with_min_samples(50_000).expected_requests(&traffic).unwrap();
    assert_eq!(patient[0].to_step, Some(1_000_000));

    assert!(options.expected_requests(&Expected::new(Metric::Loss, 1.0, 0.1).unwrap()).is_err());
    for (base, harm) in [(0.5, 0.0), (0.5, f64::NAN), (-0.1, 0.1), (0.9, 0.2), (f64::NAN, 0.1)] {
        assert!(Expected::new(Metric::ErrorRate, base, harm).is_err(), "{base} {harm}");
    }
    assert!(Expected::new(Metric::Loss, 0.0, 0.1).is_err());
    let foreign = Expected::new(Metric::Loss, 1.0, 0.1).unwrap();
    assert!(Ramp::new(options.with_traffic(foreign)).is_err());
}

#[test]
fn a_loss_alone_is_not_won_by_losing_the_worst_answers() {
    let options = RampOptions::new([Guardrail::new(Metric::Loss, 0.05).unwrap()]).with_steps([0.5]);
    let worst = |canary_loses: f64, control_loses: f64, seed: u64| {
        let mut ramp = Ramp::new(options.clone()).unwrap();
        let mut random = SplitMix64::new(seed ^ 0x10_55);
        for request in 0..20_000 {
            let is_canary = random.uniform() < 0.5;
            let loses = if is_canary { canary_loses } else { control_loses };
            // The worst answers are those that are lost.
            let place = random.uniform();
            let loss = if place > 1.0 - loses { f64::NAN } else { place };
            ramp.observe(side(is_canary), &Observation::scored(loss));
            if request % 20 == 0 {
                ramp.decide(&canary(), Duration::ZERO);
            }
        }
        ramp.phase().clone()
    };
    for seed in 0..20 {
        let Phase::RolledBack { reason } = worst(0.1, 0.0, seed) else {
            panic!("{:?}", worst(0.1, 0.0, seed))
        };
        assert!(reason.contains("answers without a loss"), "{reason}");
        assert!(matches!(worst(0.1, 0.1, seed), Phase::Passed { .. }), "{:?}", worst(0.1, 0.1, seed));
    }
}

#[test]
fn outright_failure_is_found_within_a_few_answers() {
    for seed in 0..200 {
        let traffic = Traffic { errors: [0.0, 1.0], requests: 1_000, look_every: 1, ..EQUAL };
        let end = simulate(&options().with_steps([0.5]), seed, traffic);
        let Phase::RolledBack { reason } = end.phase else { panic!("{:?}", end.phase) };
        assert!(end.canary_requests <= 6, "{}", end.canary_requests);
        assert!(reason.contains("error rate") && reason.contains("limit"), "{reason}");
    }
}

#[test]
fn a_limit_holds_its_promise_just_below_it() {
    let limited = RampOptions::new([error_rate(0.5).with_limit(0.1).unwrap()])
        .with_steps([0.5])
        .with_min_samples(u64::MAX);
    let traffic = Traffic { errors: [0.095, 0.095], requests: 3_000, look_every: 1, ..EQUAL };
    let (rolled_back, _, _) = tally(&limited, 500, traffic);
    assert!(rolled_back <= at_most(0.05, 500), "{rolled_back}");
}

#[test]
fn a_limit_holds_its_promise_over_replicas_that_add_up() {
    let limited = RampOptions::new([error_rate(0.5).with_limit(0.1).unwrap()])
        .with_steps([0.5])
        .with_min_samples(u64::MAX);
    let rolled_back = (0..500).filter(|seed| {
        let mut random = SplitMix64::new(seed ^ 0x5eed);
        let mut replicas = [(); 4].map(|()| Ramp::new(limited.clone()).unwrap());
        (0..3_000_usize).any(|request| {
            let failed = random.uniform() < 0.095;
            let observation =
                if failed { Observation::Failed } else { Observation::answered(Duration::ZERO) };
            replicas[request % 4].observe(side(random.uniform() < 0.5), &observation);
            let mut together = Ramp::new(limited.clone()).unwrap();
            replicas.iter().for_each(|replica| together.merge(replica.state()).unwrap());
            matches!(together.decide(&canary(), Duration::ZERO), Decision::RollBack { .. })
        })
    });
    let rolled_back = rolled_back.count() as u64;
    assert!(rolled_back <= at_most(0.05, 500), "{rolled_back}");
}

#[test]
fn days_that_differ_are_no_harm() {
    // Both arms are equal every day, and days are not: pooled over the ramp, the canary's error rate is 0.06 beside the
    // control's 0.03, because it grew on the bad day (Simpson's paradox).
    let (mut rolled_back, runs) = (0, 300);
    for seed in 0..runs {
        let mut ramp = Ramp::new(RampOptions::new([error_rate(0.01)]).with_steps([0.05, 0.5])).unwrap();
        let mut random = SplitMix64::new(seed ^ 0xabcd);
        for (day, rate) in [0.01, 0.09].into_iter().enumerate() {
            for request in 0..6_000 {
                let is_canary = random.uniform() < ramp.share();
                let failed = random.uniform() < rate;
                let observation =
                    if failed { Observation::Failed } else { Observation::answered(Duration::ZERO) };
                if matches!(ramp.phase(), Phase::Running { step } if *step == day) {
                    ramp.observe(side(is_canary), &observation);
                }
                if request % 20 == 0 && day == 1 {
                    ramp.decide(&canary(), Duration::ZERO);
                }
            }
            if day == 0 {
                // Enough flawless answers overnight for the next step.
                let answered = Observation::answered(Duration::ZERO);
                while matches!(ramp.phase(), Phase::Running { step: 0 }) {
                    ramp.observe(Side::Canary, &answered);
                    ramp.observe(Side::Control, &answered);
                    ramp.decide(&canary(), Duration::ZERO);
                }
            }
        }
        rolled_back += u64::from(matches!(ramp.phase(), Phase::RolledBack { .. }));
    }
    assert!(rolled_back <= at_most(0.05, runs), "{rolled_back} of {runs}");
}

#[test]
fn no_data_means_hold_and_holding_ends_as_told() {
    let mut ramp = Ramp::new(options()).unwrap();
    for second in 0..1_000 {
        assert!(matches!(ramp.decide(&canary(), Duration::from_secs(second)), Decision::Hold { .. }));
    }
    // Evidence about one arm alone is none.
    for _ in 0..5_000 {
        ramp.observe(Side::Canary, &Observation::answered(Duration::ZERO));
        ramp.observe(Side::Canary, &Observation::scored(0.1));
    }
    assert!(matches!(ramp.decide(&canary(), Duration::ZERO), Decision::Hold { .. }));
    let limit = Duration::from_secs(60);
    let mut held = Ramp::new(options().with_max_hold(limit, Expiry::Hold)).unwrap();
    let mut withdrawn = Ramp::new(options().with_max_hold(limit, Expiry::RollBack)).unwrap();
    for ramp in [&mut held, &mut withdrawn] {
        assert!(matches!(ramp.decide(&canary(), Duration::from_secs(100)), Decision::Hold { .. }));
        // The process restarted, and its clock too.
        assert!(matches!(ramp.decide(&canary(), Duration::ZERO), Decision::Hold { .. }));
        assert!(matches!(ramp.decide(&canary(), Duration::from_secs(60)), Decision::Hold { .. }));
    }
    assert!(matches!(held.decide(&canary(), Duration::from_secs(61)), Decision::Hold { .. }));
    assert!(matches!(withdrawn.decide(&canary(), Duration::from_secs(61)), Decision::RollBack { .. }));
    assert_eq!(withdrawn.share(), 0.0);
}

#[test]
fn a_frozen_ramp_does_not_grow_and_still_rolls_back() {
    let flawless = || {
        let mut ramp = Ramp::new(RampOptions::new([error_rate(0.05)]).with_steps([0.5])).unwrap();
        for _ in 0..2_000 {
            ramp.observe(Side::Canary, &Observation::answered(Duration::ZERO));
            ramp.observe(Side::Control, &Observation::answered(Duration::ZERO));
        }
        ramp
    };
    let mut ramp = flawless();
    ramp.freeze("the on-call engineer sleeps");
    let Decision::Hold { reason, .. } = ramp.decide(&canary(), Duration::ZERO) else { panic!() };
    assert_eq!(reason, "the on-call engineer sleeps");
    let mut ramp: Ramp = serde_json::from_str(&serde_json::to_string(&ramp).unwrap()).unwrap();
    assert!(matches!(ramp.decide(&canary(), Duration::ZERO), Decision::Hold { .. }), "a restart thawed it");
    ramp.thaw();
    assert!(matches!(ramp.decide(&canary(), Duration::ZERO), Decision::Promote { .. }));
    ramp.freeze("a second thought");
    assert!(matches!(ramp.decide(&canary(), Duration::ZERO), Decision::Hold { .. }));

    let mut ramp = flawless();
    ramp.freeze("the on-call engineer sleeps");
    for _ in 0..1_000 {
        ramp.observe(Side::Canary, &Observation::Failed);
    }
    assert!(matches!(ramp.decide(&canary(), Duration::ZERO), Decision::RollBack { .. }));
}

#[test]
fn a_loss_that_is_no_number_is_a_failure_and_never_breaks_the_state() {
    let mut ramp = Ramp::new(options()).unwrap();
    // Three times: the first losses are counted together.
    for loss in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, f64::MAX, -f64::MAX, 1e101].repeat(3) {
        ramp.observe(Side::Canary, &Observation::scored(loss));
        ramp.observe(Side::Control, &Observation::scored(1e100));
        ramp.observe(Side::Control, &Observation::scored(-1e100));
    }
    assert_eq!((ramp.evidence()[0].canary.count(), ramp.evidence()[0].canary.mean()), (18, 1.0));
    assert_eq!((ramp.evidence()[1].canary.count(), ramp.evidence()[1].control.count()), (0, 36));
    let restored: Ramp = serde_json::from_str(&serde_json::to_string(&ramp).unwrap()).unwrap();
    assert_eq!(restored, ramp);
    assert!(
        matches!(ramp.decide(&canary(), Duration::ZERO), Decision::RollBack { .. }),
        "nothing but failures"
    );
}

#[test]
fn odd_options_and_states_are_refused() {
    for steps in [vec![], vec![0.5, 0.2], vec![0.0], vec![1.0], vec![1.5], vec![f64::NAN], vec![0.2, 0.2]] {
        assert!(Ramp::new(options().with_steps(steps.clone())).is_err(), "{steps:?}");
    }
    assert!(Ramp::new(options().with_steps([0.5, 1.0])).is_ok());
    assert!(
        Ramp::new(options().with_steps((1..=256).map(|i| f64::from(i) / 300.0).collect::<Vec<_>>())).is_err()
    );
    assert!(Ramp::new(RampOptions::new([])).is_err());
    for alpha in [0.0, 1.0, f64::NAN] {
        assert!(Ramp::new(options().with_alpha(alpha)).is_err());
    }
    for margin in [0.0, -0.1, f64::NAN, f64::INFINITY] {
        assert!(Guardrail::new(Metric::Loss, margin).is_err());
    }
    assert!(Guardrail::new(Metric::Loss, 0.1).unwrap().with_limit(0.5).is_err());

    let saved = serde_json::to_value(Ramp::new(options()).unwrap()).unwrap();
    assert!(serde_json::from_value::<Ramp>(saved.clone()).is_ok());
    let broken = [
        ("/state/phase/step", serde_json::json!(3)),
        ("/state/evidence", serde_json::json!([])),
        ("/options/alpha", serde_json::json!(7.0)),
        ("/options/guardrails/0/margin", serde_json::json!(-1.0)),
        ("/options/guardrails/1/limit", serde_json::json!(0.5)),
    ];
    for (place, value) in broken {
        let mut state = saved.clone();
        match state.pointer_mut(place) {
            Some(slot) => *slot = value,
            None => state["options"]["guardrails"][1]["limit"] = value,
        }
        assert!(serde_json::from_value::<Ramp>(state).is_err(), "{place}");
    }
}
