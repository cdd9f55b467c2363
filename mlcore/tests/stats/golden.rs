//! scipy's, statsmodels' and mpmath's answers, from `testdata/golden/stats`.

use crate::recipe::sample;
use mlcore::stats::{
    Alternative, Chi2Options, ConfidenceSequence, Correction, KsMethod, KsOptions, KsReference, Moments,
    ProportionMethod, QuantileMethod, TTestOptions, beta, binom, chi2, chi2_contingency, chi2_two_sample,
    energy_distance, ks_2samp, ksone, kstwo, multipletests, norm, proportion_confint, proportions_ztest, t,
    ttest_ind, ttest_ind_from_moments, wasserstein_distance,
};
use serde_json::Value;
use std::path::Path;

/// p-values and tails agree to this, relative.
pub(crate) const PVALUE: f64 = 1e-9;
/// Statistics agree to this, relative.
pub(crate) const STATISTIC: f64 = 1e-12;
/// Below this a golden value carries fewer digits than it shows.
const SMALLEST: f64 = 1e-300;

pub(crate) fn cases(name: &str) -> Vec<Value> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../testdata/golden/stats").join(name);
    let text = std::fs::read_to_string(&path).expect("testdata/golden/make_stats.py wrote it");
    let mut file: Value = serde_json::from_str(&text).expect("JSON");
    let cases = std::mem::take(file["cases"].as_array_mut().expect("cases"));
    assert!(cases.len() >= 12, "{name} has only {} cases", cases.len());
    cases
}

/// A number of the file: JSON has no NaN and no infinity, so these are strings.
fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| value.as_str().expect("a number").parse().expect("a number"))
}

pub(crate) fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().expect("an array").iter().map(number).collect()
}

#[track_caller]
pub(crate) fn check(what: &str, case: &Value, actual: f64, expected: &Value, relative: f64) {
    let expected = number(expected);
    let same = if expected.is_nan() {
        actual.is_nan()
    } else if expected != 0.0 && expected.abs() < SMALLEST {
        actual.abs() < 2.0 * SMALLEST
    } else {
        actual == expected || (actual - expected).abs() <= relative * expected.abs()
    };
    assert!(same, "{what}: {actual:e} is not {expected:e} in {case}");
}

pub(crate) fn alternative(case: &Value) -> Alternative {
    match case["alternative"].as_str() {
        Some("two-sided") => Alternative::TwoSided,
        Some("less" | "smaller") => Alternative::Less,
        Some("greater" | "larger") => Alternative::Greater,
        other => panic!("no alternative {other:?}"),
    }
}

fn check_ks(name: &str) {
    for case in cases(name) {
        let (x, y) = (sample(&case["x"]), sample(&case["y"]));
        let method = match case["method"].as_str() {
            Some("auto") => KsMethod::Auto,
            Some("exact") => KsMethod::Exact,
            _ => KsMethod::Asymptotic,
        };
        let options = KsOptions::default().with_method(method).with_alternative(alternative(&case));
        let result = ks_2samp(&x, &y, &options).expect("both samples have values");
        check("statistic", &case, result.statistic, &case["statistic"], 0.0);
        check("pvalue", &case, result.pvalue, &case["pvalue"], PVALUE);
        check("location", &case, result.statistic_location, &case["location"], 0.0);
        assert_eq!(Some(i64::from(result.statistic_sign)), case["sign"].as_i64(), "{case}");
        let used = if result.method_used == KsMethod::Exact { "exact" } else { "asymp" };
        assert_eq!(case["method_used"], used, "{case}");
        let compiled = KsReference::new(&x).expect("values").compare(&y, &options).expect("values");
        assert_eq!(format!("{compiled:?}"), format!("{result:?}"), "{case}");
    }
}

#[test]
fn ks_exact_as_scipy() {
    check_ks("ks_exact.json");
}

#[test]
fn ks_asymptotic_as_scipy() {
    check_ks("ks_asymptotic.json");
}

#[test]
fn ks_one_sided_as_scipy() {
    check_ks("ks_one_sided.json");
}

#[test]
fn ks_of_large_samples_as_scipy() {
    check_ks("ks_large.json");
}

#[test]
fn kolmogorov_and_smirnov_tails_as_scipy() {
    for case in cases("kolmogorov.json") {
        let (n, x) = (number(&case["n"]), number(&case["x"]));
        check("kstwo", &case, kstwo::sf(x, n), &case["kstwo"], PVALUE);
        check("ksone", &case, ksone::sf(x, n), &case["ksone"], PVALUE);
    }
}

#[test]
fn chi2_contingency_as_scipy() {
    for case in cases("chi2_contingency.json") {
        let table: Vec<Vec<f64>> = case["table"].as_array().expect("rows").iter().map(numbers).collect();
        let options =
            Chi2Options::default().with_correction(case["correction"].as_bool().expect("correction"));
        let result = chi2_contingency(&table, &options).expect("a valid table");
        check("statistic", &case, result.statistic, &case["statistic"], STATISTIC);
        check("pvalue", &case, result.pvalue, &case["pvalue"], PVALUE);
        assert_eq!(Some(result.dof as u64), case["dof"].as_u64());
        let squares: f64 = result.expected_freq.iter().flatten().map(|e| e * e).sum();
        check("expected", &case, squares, &case["expected_sum_of_squares"], STATISTIC);
        let whole = |row: &Vec<f64>| row.iter().all(|count| count.fract() == 0.0);
        if table.len() == 2 && table.iter().all(whole) {
            let counts: Vec<Vec<u64>> =
                table.iter().map(|row| row.iter().map(|&count| count as u64).collect()).collect();
            assert_eq!(chi2_two_sample(&counts[0], &counts[1], &options).expect("a valid table"), result);
        }
    }
}

#[test]
fn tails_and_quantiles_as_mpmath() {
    for case in cases("distributions.json") {
        let a = numbers(&case["arguments"]);
        let whole = |i: usize| a[i] as u64;
        let value = match case["function"].as_str().expect("function") {
            "norm.sf" => norm::sf(a[0]),
            "norm.cdf" => norm::cdf(a[0]),
            "norm.isf" => norm::isf(a[0]),
            "norm.ppf" => norm::ppf(a[0]),
            "chi2.sf" => chi2::sf(a[0], a[1]),
            "chi2.cdf" => chi2::cdf(a[0], a[1]),
            "t.sf" => t::sf(a[0], a[1]),
            "beta.cdf" => beta::cdf(a[0], a[1], a[2]),
            "beta.sf" => beta::sf(a[0], a[1], a[2]),
            "binom.pmf" => binom::pmf(whole(0), whole(1), a[2]),
            "binom.cdf" => binom::cdf(whole(0), whole(1), a[2]),
            "binom.sf" => binom::sf(whole(0), whole(1), a[2]),
            other => panic!("no function {other}"),
        };
        check("tail", &case, value, &case["value"], 1e-10);
    }
}

#[test]
fn quantiles_invert_the_tails() {
    for case in cases("distributions.json") {
        let (a, p) = (numbers(&case["arguments"]), number(&case["value"]));
        match case["function"].as_str() {
            Some("t.sf") if p < 0.4 => check("t.ppf", &case, -t::ppf(p, a[1]), &case["arguments"][0], 1e-9),
            Some("beta.cdf") if p < 0.9 => {
                check("beta.ppf", &case, beta::ppf(p, a[1], a[2]), &case["arguments"][0], 1e-9);
            }
            Some("beta.sf") if p < 0.9 => {
                check("beta.isf", &case, beta::isf(p, a[1], a[2]), &case["arguments"][0], 1e-9);
            }
            _ => {}
        }
    }
}

#[test]
fn multiplicity_as_statsmodels() {
    for case in cases("multiplicity.json") {
        let correction = [
            Correction::Bonferroni,
            Correction::Holm,
            Correction::BenjaminiHochberg,
            Correction::BenjaminiYekutieli,
        ]
        .into_iter()
        .find(|correction| case["method"] == correction.name())
        .expect("a known method");
        let pvals = numbers(&case["pvals"]);
        let tests = multipletests(&pvals, number(&case["alpha"]), correction).expect("probabilities");
        let reject: Vec<bool> =
            case["reject"].as_array().expect("flags").iter().filter_map(Value::as_bool).collect();
        assert_eq!(tests.reject, reject, "{case}");
        for (&corrected, expected) in
            tests.pvals_corrected.iter().zip(case["corrected"].as_array().expect("array"))
        {
            check("corrected", &case, corrected, expected, STATISTIC);
        }
    }
}

#[test]
fn proportion_intervals_as_statsmodels() {
    for case in cases("proportion_confint.json") {
        let method = if case["method"] == "wilson" {
            ProportionMethod::Wilson
        } else {
            ProportionMethod::ClopperPearson
        };
        let (count, nobs) = (case["count"].as_u64().expect("count"), case["nobs"].as_u64().expect("nobs"));
        let interval = proportion_confint(count, nobs, number(&case["alpha"]), method).expect("valid");
        check("low", &case, interval.low, &case["low"], PVALUE);
        check("high", &case, interval.high, &case["high"], PVALUE);
    }
}

#[test]
fn proportions_ztest_as_statsmodels() {
    for case in cases("proportions_ztest.json") {
        let pair = |key: &str| [0, 1].map(|i| case[key][i].as_u64().expect(key));
        let test = proportions_ztest(pair("count"), pair("nobs"), alternative(&case)).expect("valid");
        check("statistic", &case, test.statistic, &case["statistic"], STATISTIC);
        check("pvalue", &case, test.pvalue, &case["pvalue"], PVALUE);
    }
}

#[test]
fn ttest_ind_as_scipy() {
    for case in cases("ttest_ind.json") {
        let (x, y) = (sample(&case["x"]), sample(&case["y"]));
        let options = TTestOptions::default()
            .with_equal_var(case["equal_var"].as_bool().expect("equal_var"))
            .with_alternative(alternative(&case));
        let test = ttest_ind(&x, &y, &options).expect("values");
        let streamed = |values: &[f64]| values.iter().copied().collect::<Moments>();
        let from_moments = ttest_ind_from_moments(&streamed(&x), &streamed(&y), &options);
        for test in [test, from_moments] {
            check("statistic", &case, test.statistic, &case["statistic"], 1e-11);
            check("pvalue", &case, test.pvalue, &case["pvalue"], PVALUE);
            check("df", &case, test.df, &case["df"], 1e-11);
        }
    }
}

#[test]
fn confidence_sequence_as_the_paper() {
    for case in cases("confidence_sequence.json") {
        let sequence =
            ConfidenceSequence::tuned_for(number(&case["alpha"]), number(&case["tuning"])).expect("valid");
        let (n, variance) = (number(&case["n"]), number(&case["variance"]));
        let half_width = sequence.half_width(n, variance);
        check("half width", &case, half_width, &case["half_width"], STATISTIC);
        check(
            "one-sided width",
            &case,
            sequence.one_sided_width(n, variance),
            &case["one_sided_width"],
            STATISTIC,
        );
        // The p-value of an estimate at the edge of its interval is alpha.
        check("pvalue", &case, sequence.pvalue(half_width, n, variance), &case["alpha"], PVALUE);
    }
}

#[test]
fn distances_as_scipy() {
    for case in cases("distances.json") {
        let [x, y] = ["x", "y"].map(|name| sample(&case[name]));
        let weights =
            ["x_weights", "y_weights"].map(|name| Some(&case[name]).filter(|w| !w.is_null()).map(sample));
        let (u, v) = (weights[0].as_deref(), weights[1].as_deref());
        let distances = [wasserstein_distance(&x, &y, u, v), energy_distance(&x, &y, u, v)];
        for (name, distance) in ["wasserstein_distance", "energy_distance"].into_iter().zip(distances) {
            check(name, &case, distance.expect("samples and weights"), &case[name], STATISTIC);
        }
    }
}

#[test]
fn quantiles_as_numpy() {
    for case in cases("quantiles.json") {
        let method: QuantileMethod =
            case["method"].as_str().expect("a method").parse().expect("a method of numpy");
        let found = method.of(sample(&case["x"]), &numbers(&case["levels"]));
        assert_eq!(found, numbers(&case["quantiles"]), "{case}");
    }
}
