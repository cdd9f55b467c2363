//! Differences of arms.

use super::{alternative, arms, cases, check, difference, number, numbers};
use mlcore::Error;
use mlcore::experiment::{
    Answer, Difference, Effect, EffectOptions, Estimate, Inference, JointMoments, NoVerdict, NonInferiority,
    PreferredDirection, QuantileSummary, cuped,
};
use mlcore::stats::{Alternative, Moments};
use proptest::prelude::*;

#[test]
fn effects_as_gbstats() {
    for case in cases("effects.json") {
        let [control, treatment] = arms(&case);
        let options = EffectOptions::default()
            .with_difference(difference(&case))
            .with_alpha(number(&case["alpha"]))
            .with_value(number(&case["value"]))
            .with_alternative(alternative(&case));
        let effect = Effect::between(control, treatment, &options).expect("options");
        let effect = effect.known().unwrap_or_else(|| panic!("an effect of {case}"));
        check("estimate", &case, effect.estimate, &case["estimate"]);
        check("standard error", &case, effect.standard_error, &case["standard_error"]);
        check("low", &case, effect.low, &case["ci"][0]);
        check("high", &case, effect.high, &case["ci"][1]);
        check("p-value", &case, effect.pvalue, &case["pvalue"]);
        check("df", &case, effect.df, &case["df"]);
    }
}

#[test]
fn sequential_effects_as_gbstats() {
    for case in cases("sequential_effects.json") {
        let [control, treatment] = arms(&case);
        let options = EffectOptions::default()
            .with_difference(difference(&case))
            .with_alpha(number(&case["alpha"]))
            .with_value(number(&case["value"]))
            .with_inference(Inference::Sequential { tuning_parameter: number(&case["tuning"]) });
        let effect = Effect::between(control, treatment, &options).expect("options");
        let effect = effect.known().expect("an effect");
        check("estimate", &case, effect.estimate, &case["estimate"]);
        check("low", &case, effect.low, &case["ci"][0]);
        check("high", &case, effect.high, &case["ci"][1]);
        check("p-value", &case, effect.pvalue, &case["pvalue"]);
    }
}

#[test]
fn z_tests_and_margins_as_spotify_confidence() {
    for case in cases("non_inferiority.json") {
        let [control, treatment] = [&case["a"], &case["b"]]
            .map(|arm| Estimate::of_mean(&numbers(arm).into_iter().collect::<Moments>()));
        let inference = if case["inference"] == "normal" { Inference::Normal } else { Inference::Welch };
        let mut options =
            EffectOptions::default().with_difference(Difference::Absolute).with_inference(inference);
        if let Some(margin) = case["margin"].as_array() {
            let direction = margin[1].as_str().expect("a direction").parse().expect("a direction");
            let margin = NonInferiority::new(number(&margin[0]), direction).expect("a margin");
            options = margin.options(&options, control.known().expect("a control"));
        }
        let effect = Effect::between(control, treatment, &options).expect("options");
        let effect = effect.known().expect("an effect");
        check("estimate", &case, effect.estimate, &case["estimate"]);
        check("low", &case, effect.low, &case["ci"][0]);
        check("high", &case, effect.high, &case["ci"][1]);
        check("p-value", &case, effect.pvalue, &case["pvalue"]);
    }
}

#[test]
fn a_margin_of_a_relative_difference_is_the_margin() {
    let control = Estimate::new(1_000, 20.0, 9.0);
    let treatment = Estimate::new(1_000, 19.9, 9.0);
    for (direction, value) in [(PreferredDirection::Increase, -0.05), (PreferredDirection::Decrease, 0.05)] {
        let margin = NonInferiority::new(0.05, direction).unwrap();
        let options = margin.options(&EffectOptions::default(), control.known().unwrap());
        assert_eq!(options.value, value);
        let effect = Effect::between(control, treatment, &options).unwrap();
        assert!(effect.known().unwrap().pvalue < 1e-3);
    }
    assert!(NonInferiority::new(0.0, PreferredDirection::Increase).is_err());
}

#[test]
fn too_little_data_is_no_verdict_and_never_nan() {
    let good = Estimate::new(100, 2.0, 1.0);
    let infinity = f64::INFINITY;
    for (bad, reason) in [
        (Estimate::of_mean(&Moments::new()), NoVerdict::TooFewUnits),
        (Estimate::of_mean(&Moments::from_slice(&[1.0])), NoVerdict::TooFewUnits),
        (Estimate::of_mean(&Moments::from_slice(&[2.0; 9])), NoVerdict::NoVariance),
        (Estimate::of_mean(&Moments::from_slice(&[1.0, f64::NAN])), NoVerdict::NotFinite),
        (Estimate::of_mean(&Moments::from_slice(&[1.0, infinity])), NoVerdict::NotFinite),
        (Estimate::of_mean(&Moments::from_slice(&[1e300, -1e300])), NoVerdict::NotFinite),
        (Estimate::of_proportion(0, 0), NoVerdict::TooFewUnits),
        (Estimate::of_proportion(5, 5), NoVerdict::NoVariance),
        (Estimate::of_proportion(6, 5), NoVerdict::NotFinite),
        (JointMoments::new().ratio(), NoVerdict::TooFewUnits),
        (
            [(1.0, 0.0), (2.0, 0.0)].into_iter().collect::<JointMoments>().ratio(),
            NoVerdict::DenominatorIsZero,
        ),
        (QuantileSummary::of_values(vec![], 0.5).unwrap().estimate(), NoVerdict::TooFewUnits),
        (
            QuantileSummary::of_values(vec![1.0, 2.0, 3.0], 0.5).unwrap().estimate(),
            NoVerdict::QuantileOutOfReach,
        ),
        (QuantileSummary::of_values(vec![1.0; 50], 0.5).unwrap().estimate(), NoVerdict::NoVariance),
        (QuantileSummary::of_values(vec![f64::NAN; 50], 0.5).unwrap().estimate(), NoVerdict::NotFinite),
    ] {
        assert_eq!(bad.reason(), Some(reason));
        let options = EffectOptions::default();
        assert_eq!(Effect::between(bad, good, &options).unwrap().reason(), Some(reason));
        assert_eq!(Effect::between(good, bad, &options).unwrap().reason(), Some(reason));
        assert!(!reason.sentence().is_empty());
    }
    let zero = Estimate::new(100, 0.0, 1.0);
    let options = EffectOptions::default();
    assert_eq!(Effect::between(zero, good, &options).unwrap().reason(), Some(NoVerdict::ControlIsZero));
    let absolute = options.with_difference(Difference::Absolute);
    assert_eq!(Effect::between(zero, good, &absolute).unwrap().known().unwrap().estimate, 2.0);
}

#[test]
fn options_that_cannot_be_meant_are_refused() {
    let arm = Estimate::new(100, 2.0, 1.0);
    let options = EffectOptions::default();
    for bad in [
        options.with_alpha(0.0),
        options.with_alpha(1.0),
        options.with_alpha(f64::NAN),
        options.with_value(f64::INFINITY),
        options.with_inference(Inference::Sequential { tuning_parameter: 0.0 }),
        options.with_inference(Inference::Mixture { effect_scale: f64::NAN }),
    ] {
        assert!(matches!(Effect::between(arm, arm, &bad), Err(Error::InvalidInput(_))), "{bad:?}");
    }
    let effect = Effect::between(arm, arm, &options).unwrap();
    assert!(effect.known().unwrap().scaled(100, 0.5, 7.0).is_err());
    let absolute = options.with_difference(Difference::Absolute);
    let effect = Effect::between(arm, Estimate::new(100, 2.5, 1.0), &absolute).unwrap();
    let scaled = effect.known().unwrap().scaled(100, 0.5, 4.0).unwrap();
    assert_eq!(scaled.estimate, 0.5 * 50.0);
    assert!(effect.known().unwrap().scaled(100, 0.0, 4.0).is_err());
}

#[test]
fn a_covariate_that_says_nothing_leaves_the_arms_as_they_are() {
    let arm: JointMoments = (0..20).map(|i| (f64::from(i % 5), 3.0)).collect();
    let [control, treatment] = cuped(&arm, &arm);
    assert_eq!((control, treatment), (arm.first(), arm.first()));
    assert!((control.known().unwrap().mean - 2.0).abs() < 1e-12);
}

#[test]
fn one_sided_intervals_end_where_the_test_decides() {
    let (control, treatment) = (Estimate::new(400, 10.0, 9.0), Estimate::new(500, 10.6, 10.0));
    let inferences = [
        Inference::Welch,
        Inference::Normal,
        Inference::sequential(),
        Inference::Mixture { effect_scale: 0.05 },
    ];
    for inference in inferences {
        for alternative in [Alternative::TwoSided, Alternative::Greater, Alternative::Less] {
            let options = EffectOptions::default().with_inference(inference).with_alternative(alternative);
            let effect = *Effect::between(control, treatment, &options).unwrap().known().unwrap();
            let end = if alternative == Alternative::Less { effect.high } else { effect.low };
            // At the end of the interval the p-value is alpha.
            let at_end = Effect::between(control, treatment, &options.with_value(end)).unwrap();
            let pvalue = at_end.known().unwrap().pvalue;
            assert!((pvalue - 0.05).abs() < 1e-9, "{inference:?} {alternative:?}: {pvalue}");
        }
    }
}

/// Thirty units in each of two arms alike: fewer do not tell a variance that a mixture may take for known.
#[test]
fn a_mixture_waits_until_variances_are_known() {
    let options = EffectOptions::default().with_inference(Inference::Mixture { effect_scale: 1.0 });
    let between = |count: u64, other: u64| {
        Effect::between(Estimate::new(count, 2.0, 1.0), Estimate::new(other, 12.0, 1.0), &options).unwrap()
    };
    for (count, other) in [(2, 2), (29, 29), (20, 10_000)] {
        assert_eq!(between(count, other).reason(), Some(NoVerdict::TooFewForTest));
    }
    assert!(between(30, 30).known().unwrap().pvalue < 1e-6);
}

#[test]
fn effects_and_options_are_stored_without_loss() {
    let options = EffectOptions::default()
        .with_alternative(Alternative::Greater)
        .with_inference(Inference::sequential());
    let stored = serde_json::to_string(&options).unwrap();
    assert_eq!(serde_json::from_str::<EffectOptions>(&stored).unwrap(), options);
    assert!(serde_json::from_str::<EffectOptions>(r#"{"aplha":0.1}"#).is_err());
    let effect = Effect::between(Estimate::new(9, 1.0, 2.0), Estimate::new(9, 2.0, 2.0), &options).unwrap();
    let stored = serde_json::to_string(&effect).unwrap();
    assert_eq!(serde_json::from_str::<Answer<Effect>>(&stored).unwrap(), effect);
    let none: Answer<Effect> = Answer::NoVerdict(NoVerdict::NoVariance);
    assert_eq!(serde_json::to_string(&none).unwrap(), r#"{"no_verdict":"no_variance"}"#);
}

proptest! {
    /// Whatever numbers come in, known answers are numbers.
    #[test]
    fn what_is_known_is_finite(
        means in proptest::array::uniform2(any::<f64>()),
        variances in proptest::array::uniform2(any::<f64>()),
        counts in proptest::array::uniform2(any::<u64>()),
        value in any::<f64>(),
        which in 0_usize..8,
    ) {
        let arm = |at: usize| Estimate::new(counts[at], means[at], variances[at]);
        let difference = if which % 2 == 0 { Difference::Relative } else { Difference::Absolute };
        let inference = [
            Inference::Welch,
            Inference::Normal,
            Inference::sequential(),
            Inference::Mixture { effect_scale: 0.1 },
        ][which / 2];
        let options =
            EffectOptions::default().with_difference(difference).with_inference(inference).with_value(value);
        if let Ok(Answer::Known(effect)) = Effect::between(arm(0), arm(1), &options) {
            for number in [effect.estimate, effect.standard_error, effect.low, effect.high, effect.pvalue] {
                prop_assert!(!number.is_nan());
            }
            prop_assert!((0.0..=1.0).contains(&effect.pvalue));
            prop_assert!(effect.estimate.is_finite() && effect.standard_error.is_finite());
        }
    }
}
