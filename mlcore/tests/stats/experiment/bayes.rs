//! Posteriors.

use super::{arms, cases, check, check_to, counts, difference, number, numbers};
use mlcore::Error;
use mlcore::experiment::{
    BayesianEffect, BayesianOptions, BetaBinomial, BetaPrior, Estimate, GaussianPrior, NoVerdict,
    PreferredDirection,
};

#[test]
fn posteriors_as_gbstats() {
    for case in cases("bayesian_effects.json") {
        let [control, treatment] = arms(&case);
        let prior = numbers(&case["prior"]);
        let prior = if case["proper"] == true {
            GaussianPrior::new(prior[0], prior[1]).expect("a prior")
        } else {
            GaussianPrior::default()
        };
        let mut options = BayesianOptions::default()
            .with_difference(difference(&case))
            .with_prior(prior, case["prior_type"].as_str().unwrap().parse().expect("a difference"));
        if case["inverse"] == true {
            options = options.with_preferred_direction(PreferredDirection::Decrease);
        }
        let effect = BayesianEffect::between(control, treatment, &options).expect("options");
        let effect = effect.known().expect("an effect");
        check("estimate", &case, effect.estimate, &case["estimate"]);
        check("deviation", &case, effect.standard_deviation, &case["standard_deviation"]);
        check("low", &case, effect.low, &case["ci"][0]);
        check("high", &case, effect.high, &case["ci"][1]);
        check("chance to win", &case, effect.chance_to_win, &case["chance_to_win"]);
        for (risk, expected) in effect.risk.iter().zip(numbers(&case["risk"])) {
            // The reference subtracts two numbers of the size of the effect.
            let scale = effect.standard_deviation + effect.estimate.abs();
            assert!(
                (risk - expected).abs() <= 1e-9 * expected + 1e-13 * scale,
                "{risk:e} {expected:e} {case}"
            );
        }
    }
}

#[test]
fn beta_posteriors_as_integrals() {
    for case in cases("beta_binomial.json") {
        let pair = |key: &str| <[u64; 2]>::try_from(counts(&case[key])).expect("two counts");
        let prior = numbers(&case["prior"]);
        let prior = BetaPrior::new(prior[0], prior[1]).expect("a prior");
        let posterior = BetaBinomial::of(pair("successes"), pair("counts"), prior).expect("counts");
        check("chance to win", &case, posterior.chance_to_win(), &case["chance_to_win"]);
        for (loss, expected) in posterior.expected_loss().iter().zip(numbers(&case["expected_loss"])) {
            check_to("loss", &case, *loss, expected, 1e-9);
        }
        // The interval whose ends are quantiles of the difference.
        let (difference, at_most) = (number(&case["at_most"][0]), number(&case["at_most"][1]));
        if at_most > 1e-6 && at_most < 0.499 {
            let interval = posterior.credible_interval(2.0 * at_most).expect("alpha");
            assert!((interval.low - difference).abs() < 1e-9, "{} {case}", interval.low);
        }
    }
}

#[test]
fn beta_posteriors_of_extremes_are_probabilities() {
    for (successes, counts) in [
        ([0, 0], [0, 0]),
        ([0, 10], [10, 10]),
        ([1_000_000_000, 1_000_100_000], [10_000_000_000, 10_000_000_000]),
        ([999_999_990, 999_999_980], [1_000_000_000, 1_000_000_000]),
        ([3, 300_000_000], [10, 1_000_000_000]),
    ] {
        let posterior = BetaBinomial::of(successes, counts, BetaPrior::new(0.5, 0.5).unwrap()).unwrap();
        let mirrored = BetaBinomial::of(
            [successes[1], successes[0]],
            [counts[1], counts[0]],
            BetaPrior::new(0.5, 0.5).unwrap(),
        );
        let chance = posterior.chance_to_win();
        assert!((chance + mirrored.unwrap().chance_to_win() - 1.0).abs() < 1e-9, "{chance}");
        let [control, treatment] = posterior.expected_loss();
        let means = posterior.means();
        assert!((control - treatment - (means[1] - means[0])).abs() < 1e-9);
        let interval = posterior.credible_interval(0.05).unwrap();
        assert!(interval.low < interval.high && interval.low >= -1.0 && interval.high <= 1.0);
    }
}

#[test]
fn what_is_no_posterior_is_refused_or_no_verdict() {
    for refused in [
        GaussianPrior::new(f64::NAN, 1.0),
        GaussianPrior::new(0.0, 0.0),
        GaussianPrior::new(0.0, f64::INFINITY),
    ] {
        assert!(matches!(refused, Err(Error::InvalidInput(_))));
    }
    for refused in [BetaPrior::new(0.0, 1.0), BetaPrior::new(1.0, f64::NAN)] {
        assert!(matches!(refused, Err(Error::InvalidInput(_))));
    }
    assert!(BetaBinomial::of([5, 1], [4, 4], BetaPrior::default()).is_err());
    assert!(BetaBinomial::of([1, 1], [u64::MAX, 4], BetaPrior::default()).is_err());
    let posterior = BetaBinomial::of([1, 1], [4, 4], BetaPrior::default()).unwrap();
    assert!(posterior.credible_interval(0.0).is_err());
    let (good, bad) = (Estimate::new(100, 1.0, 1.0), Estimate::new(1, 1.0, 1.0));
    let options = BayesianOptions::default();
    let effect = BayesianEffect::between(good, bad, &options).unwrap();
    assert_eq!(effect.reason(), Some(NoVerdict::TooFewUnits));
    assert!(BayesianEffect::between(good, good, &options.with_alpha(1.5)).is_err());
    let stored = serde_json::to_string(&options).unwrap();
    assert_eq!(serde_json::from_str::<BayesianOptions>(&stored).unwrap(), options);
}
