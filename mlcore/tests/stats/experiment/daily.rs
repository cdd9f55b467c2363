//! What changes from day to day.

use super::{cases, check, numbers};
use mlcore::experiment::{
    Answer, Difference, Effect, EffectOptions, Estimate, NoVerdict, carry_over, heterogeneity, interference,
    novelty,
};

/// An effect of this size and error, of two arms that have it.
fn effect(estimate: f64, error: f64) -> Answer<Effect> {
    let options = EffectOptions::default().with_difference(Difference::Absolute);
    let variance = error * error / 2.0 * 1_000_000.0;
    let arm = |mean: f64| Estimate::new(1_000_000, mean, variance);
    Effect::between(arm(0.0), arm(estimate), &options).expect("options")
}

#[test]
fn trends_and_heterogeneity_as_statsmodels() {
    for case in cases("trends.json") {
        let (days, effects, errors) =
            (numbers(&case["days"]), numbers(&case["effects"]), numbers(&case["errors"]));
        let effects: Vec<Answer<Effect>> =
            effects.iter().zip(&errors).map(|(estimate, error)| effect(*estimate, *error)).collect();
        let daily: Vec<_> = days.iter().copied().zip(effects.iter().copied()).collect();
        let trend = *novelty(&daily).known().expect("a trend");
        check("slope", &case, trend.slope, &case["slope"]);
        check("intercept", &case, trend.intercept, &case["intercept"]);
        check("standard error", &case, trend.standard_error, &case["standard_error"]);
        check("p-value", &case, trend.pvalue, &case["pvalue"]);
        let found = *heterogeneity(&effects).known().expect("effects");
        check("mean", &case, found.estimate, &case["mean"]);
        check("error", &case, found.standard_error, &case["mean_error"]);
        check("q", &case, found.q, &case["q"]);
        check("p-value", &case, found.pvalue, &case["q_pvalue"]);
        check("i2", &case, found.i2, &case["i2"]);
    }
}

#[test]
fn too_few_days_are_no_verdict() {
    let (good, none) = (effect(0.1, 0.05), Answer::NoVerdict(NoVerdict::NoVariance));
    assert_eq!(novelty(&[]).reason(), Some(NoVerdict::TooFewDays));
    assert_eq!(novelty(&[(1.0, good), (2.0, good), (3.0, none)]).reason(), Some(NoVerdict::TooFewDays));
    assert_eq!(novelty(&[(1.0, good); 3]).reason(), Some(NoVerdict::NoVariance));
    assert_eq!(novelty(&[(1.0, good), (f64::NAN, good), (3.0, good)]).reason(), Some(NoVerdict::NotFinite));
    assert_eq!(heterogeneity(&[good, none]).reason(), Some(NoVerdict::TooFewDays));
    assert_eq!(carry_over(good, none).reason(), Some(NoVerdict::NoVariance));
    let control = Estimate::new(100, 1.0, 1.0);
    assert_eq!(interference(&[(0.1, control), (0.2, control)]).reason(), Some(NoVerdict::TooFewDays));
    assert_eq!(interference(&[(0.1, control); 4]).reason(), Some(NoVerdict::NoVariance));
}

#[test]
fn carry_over_is_the_difference_of_two_independent_effects() {
    let [difference, error, pvalue] = *carry_over(effect(0.5, 0.3), effect(0.1, 0.4)).known().unwrap();
    assert!((difference - 0.4).abs() < 1e-12 && (error - 0.5).abs() < 1e-12);
    assert!((pvalue - 0.423_710_797_166_1).abs() < 1e-9, "{pvalue}");
}
