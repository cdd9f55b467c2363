//! Power, sample size, minimum detectable effect.

use super::{alternative, cases, check, number};
use mlcore::Error;
use mlcore::experiment::{
    Design, Difference, Estimate, PowerAnalysis, PowerDistribution, power_proportions_2indep,
    proportion_effectsize, required_sample_size, samplesize_proportions_2indep_onetail,
};
use mlcore::stats::Alternative;

#[test]
fn power_as_statsmodels() {
    for case in cases("power.json") {
        let analysis = PowerAnalysis::default()
            .with_distribution(case["distribution"].as_str().unwrap().parse().expect("a distribution"))
            .with_alternative(alternative(&case))
            .with_ratio(number(&case["ratio"]));
        let (effect, target) = (number(&case["effect"]), number(&case["target"]));
        check("power", &case, analysis.power(effect, 40.0).unwrap(), &case["power"]);
        check("nobs1", &case, analysis.nobs1(effect, target).unwrap(), &case["nobs1"]);
        check("effect", &case, analysis.effect_size(50.5, target).unwrap(), &case["effect_size"]);
    }
}

#[test]
fn power_of_proportions_as_statsmodels() {
    for case in cases("proportions_power.json") {
        let (diff, prop2, ratio) = (number(&case["diff"]), number(&case["prop2"]), number(&case["ratio"]));
        let alpha = case["alpha"].as_f64().unwrap_or(0.05);
        let nobs = case["nobs"].as_f64().unwrap_or(900.0);
        let alternative = alternative(&case);
        let power = power_proportions_2indep(diff, prop2, nobs, ratio, alpha, alternative).unwrap();
        check("power", &case, power, &case["power"]);
        let nobs1 =
            samplesize_proportions_2indep_onetail(diff, prop2, 0.8, ratio, alpha, alternative).unwrap();
        check("nobs1", &case, nobs1, &case["nobs1"]);
        let effect = proportion_effectsize(prop2 + diff, prop2).unwrap();
        check("effect", &case, effect, &case["effect_size"]);
    }
}

#[test]
fn plans_as_spotify_confidence() {
    for case in cases("required_sizes.json") {
        let control = Estimate::new(1000, number(&case["mean"]), number(&case["variance"]));
        let analysis = PowerAnalysis::default()
            .with_alpha(number(&case["alpha"]))
            .with_ratio(1.0 / number(&case["kappa"]));
        let total = required_sample_size(
            control.known().unwrap(),
            number(&case["effect"]),
            0.8,
            number(&case["share"]),
            case["binary"].as_bool().unwrap(),
            &analysis,
        );
        assert_eq!(Some(total.unwrap()), case["total"].as_u64(), "{case}");
    }
}

#[test]
fn a_plan_holds_what_it_says() {
    let pilot = *Estimate::new(5_000, 4.0, 25.0).known().unwrap();
    for (difference, effect) in [(Difference::Relative, 0.05), (Difference::Absolute, 0.2)] {
        let design = Design::new(pilot).with_difference(difference);
        let size = design.sample_size(effect, 0.8).unwrap();
        assert_eq!(size.control, size.treatment);
        assert!(design.power(effect, size.control as f64).unwrap() >= 0.8);
        assert!(design.power(effect, size.control as f64 - 1.0).unwrap() < 0.8);
        let seen = design.minimum_detectable_effect(size.control as f64, 0.8).unwrap();
        assert!(seen <= effect && seen > 0.999 * effect);
    }
    let zero = *Estimate::new(10, 0.0, 1.0).known().unwrap();
    assert!(matches!(Design::new(zero).sample_size(0.1, 0.8), Err(Error::InvalidInput(_))));
}

#[test]
fn what_cannot_be_planned_is_refused() {
    let analysis = PowerAnalysis::default();
    let less = analysis.with_alternative(Alternative::Less);
    let t = analysis.with_distribution(PowerDistribution::T);
    for refused in [
        analysis.nobs1(0.0, 0.8),
        analysis.nobs1(f64::NAN, 0.8),
        analysis.nobs1(0.1, 0.05),
        analysis.nobs1(0.1, 1.0),
        analysis.nobs1(1e-9, 0.8),
        analysis.with_alpha(0.0).nobs1(0.1, 0.8),
        analysis.with_ratio(0.0).nobs1(0.1, 0.8),
        less.nobs1(0.1, 0.8),
        t.power(0.1, 1.0),
        analysis.power(0.1, 0.0),
        analysis.effect_size(f64::INFINITY, 0.8),
        power_proportions_2indep(0.5, 0.6, 100.0, 1.0, 0.05, Alternative::TwoSided),
        samplesize_proportions_2indep_onetail(0.0, 0.6, 0.8, 1.0, 0.05, Alternative::TwoSided),
        proportion_effectsize(1.5, 0.5),
    ] {
        assert!(matches!(refused, Err(Error::InvalidInput(_))), "{refused:?}");
    }
    assert!(less.effect_size(100.0, 0.8).unwrap() < 0.0);
    // A huge effect is seen with as few units as the distribution allows.
    assert!(t.nobs1(1e5, 0.8).unwrap() < 2.0);
    let control = *Estimate::of_proportion(950, 1_000).known().unwrap();
    assert!(required_sample_size(&control, 0.1, 0.8, 1.0, true, &analysis).is_err());
    assert!(required_sample_size(&control, 0.0, 0.8, 1.0, true, &analysis).is_err());
    assert!(required_sample_size(&control, 0.01, 0.8, 0.0, true, &analysis).is_err());
    assert!(required_sample_size(&control, 0.01, 0.8, 1.0, true, &t).is_err());
}
