//! Tests of two samples in `mlcore::stats`, and the noncentral t distribution.

use super::{cases, check, check_to, counts, number, numbers};
use mlcore::stats::{
    Alternative, ProportionDifferenceMethod, confint_proportions_2indep, nct, norm, rank_compare_2indep, t,
    test_proportions_2indep,
};

const ALTERNATIVES: [Alternative; 3] = [Alternative::TwoSided, Alternative::Greater, Alternative::Less];

#[test]
fn rank_comparisons_as_statsmodels() {
    for case in cases("rank_compare.json") {
        let (x1, x2) = (numbers(&case["x1"]), numbers(&case["x2"]));
        let result = rank_compare_2indep(&x1, &x2, case["use_t"].as_bool().expect("use_t")).expect("samples");
        check("statistic", &case, result.statistic, &case["statistic"]);
        check("p-value", &case, result.pvalue, &case["pvalue"]);
        check("probability", &case, result.prob1, &case["prob1"]);
        check("variance", &case, result.var_prob, &case["var_prob"]);
        for alternative in ALTERNATIVES {
            let interval = result.conf_int(0.1, alternative);
            check("low", &case, interval.low, &case[alternative.name()][0]);
            check("high", &case, interval.high, &case[alternative.name()][1]);
            let (_, pvalue) = result.test_prob_superior(0.45, alternative);
            check("p-value", &case, pvalue, &case[format!("{} test", alternative.name())]);
        }
    }
}

#[test]
fn rank_comparisons_of_odd_samples_answer() {
    assert!(rank_compare_2indep(&[], &[1.0], true).is_err());
    assert!(rank_compare_2indep(&[1.0, f64::NAN], &[1.0, 2.0], true).unwrap().prob1.is_nan());
    let apart = rank_compare_2indep(&[5.0, 6.0], &[1.0, 2.0], false).unwrap();
    assert_eq!((apart.prob1, apart.var_prob, apart.pvalue), (1.0, 0.0, 0.0));
    assert!(rank_compare_2indep(&[1.0], &[1.0, 2.0], true).unwrap().var_prob.is_nan());
}

#[test]
fn two_proportions_as_statsmodels() {
    for case in cases("two_proportions.json") {
        let pair = |key: &str| <[u64; 2]>::try_from(counts(&case[key])).expect("two counts");
        let (count, nobs) = (pair("count"), pair("nobs"));
        for method in ProportionDifferenceMethod::ALL {
            let interval =
                confint_proportions_2indep(count, nobs, number(&case["alpha"]), *method).expect("counts");
            check("low", &case, interval.low, &case[method.name()][0]);
            check("high", &case, interval.high, &case[method.name()][1]);
        }
        for alternative in ALTERNATIVES {
            let test = test_proportions_2indep(count, nobs, 0.01, alternative).expect("counts");
            check("statistic", &case, test.statistic, &case[alternative.name()][0]);
            check("p-value", &case, test.pvalue, &case[alternative.name()][1]);
        }
    }
    assert!(confint_proportions_2indep([1, 1], [0, 2], 0.05, ProportionDifferenceMethod::Wald).is_err());
    assert!(confint_proportions_2indep([1, 1], [2, 2], 0.0, ProportionDifferenceMethod::Wald).is_err());
    assert!(test_proportions_2indep([3, 1], [2, 2], 0.0, Alternative::Less).is_err());
}

#[test]
fn noncentral_t_as_mpmath() {
    for case in cases("noncentral_t.json") {
        let (x, df, nc) = (number(&case["x"]), number(&case["df"]), number(&case["nc"]));
        check("sf", &case, nct::sf(x, df, nc), &case["sf"]);
        check("cdf", &case, nct::cdf(x, df, nc), &case["cdf"]);
    }
}

#[test]
fn noncentral_t_at_its_edges() {
    let none = serde_json::Value::Null;
    assert_eq!(nct::sf(1.5, 7.0, 0.0), t::sf(1.5, 7.0));
    check_to("normal", &none, nct::sf(1.5, f64::INFINITY, 1.0), norm::sf(0.5), 1e-15);
    check_to("nearly normal", &none, nct::sf(1.5, 1e9, 1.0), norm::sf(0.5), 1e-8);
    // With so few degrees of freedom the quantile is larger than any float.
    assert_eq!((t::ppf(0.025, 4e-9), t::ppf(0.975, 4e-9)), (f64::NEG_INFINITY, f64::INFINITY));
    assert!(t::ppf(0.975, 0.01) > 1e120 && t::ppf(0.975, 1e300) < 2.0);
    assert_eq!((nct::sf(2.0, 10.0, 1e5), nct::cdf(2.0, 10.0, 1e5)), (1.0, 0.0));
    check_to("infinite", &none, nct::sf(f64::INFINITY, 5.0, 1.0), 0.0, 0.0);
    for (x, df, nc) in [(f64::NAN, 1.0, 1.0), (1.0, 0.0, 1.0), (1.0, 1.0, f64::NAN)] {
        assert!(nct::sf(x, df, nc).is_nan() && nct::cdf(x, df, nc).is_nan());
    }
}
