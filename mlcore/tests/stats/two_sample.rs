//! scipy's, astropy's and mpmath's answers about two samples and more, from `testdata/golden/stats`.

use crate::golden::{PVALUE, STATISTIC, alternative, cases, check, numbers};
use crate::recipe::sample;
use mlcore::stats::{
    AndersonMethod, AndersonOptions, CramerVonMisesOptions, EppsSingletonOptions, KsReference,
    MannWhitneyOptions, PermutationOptions, SortedSample, anderson_ksamp, anderson_ksamp_sorted,
    cramervonmises_2samp, cramervonmises_2samp_sorted, energy_distance, energy_distance_sorted,
    epps_singleton_2samp, kuiper_two, mannwhitneyu, mannwhitneyu_sorted, permutation_test, spearmanr,
    wasserstein_distance, wasserstein_distance_sorted,
};
use serde_json::Value;

fn pair(case: &Value) -> [Vec<f64>; 2] {
    ["x", "y"].map(|name| sample(&case[name]))
}

fn sorted([x, y]: &[Vec<f64>; 2]) -> [SortedSample; 2] {
    [x, y].map(|values| SortedSample::new(values).expect("values"))
}

/// An option's value, by the word that names it.
fn word<T: std::str::FromStr<Err = mlcore::Error>>(case: &Value, name: &str) -> T {
    case[name].as_str().expect(name).parse().expect("a word that is known")
}

fn samples(case: &Value) -> Vec<Vec<f64>> {
    case["samples"].as_array().expect("samples").iter().map(sample).collect()
}

#[test]
fn mannwhitneyu_as_scipy() {
    for case in cases("mannwhitneyu.json") {
        let both = pair(&case);
        let options = MannWhitneyOptions::default()
            .with_use_continuity(case["use_continuity"].as_bool().expect("a flag"))
            .with_alternative(alternative(&case))
            .with_method(word(&case, "method"));
        let result = mannwhitneyu(&both[0], &both[1], &options).expect("values");
        check("statistic", &case, result.statistic, &case["statistic"], 0.0);
        check("pvalue", &case, result.pvalue, &case["pvalue"], PVALUE);
        let [x, y] = sorted(&both);
        assert_eq!(mannwhitneyu_sorted(&x, &y, &options).expect("values"), result);
    }
}

#[test]
fn cramervonmises_2samp_as_scipy() {
    for case in cases("cramervonmises_2samp.json") {
        let both = pair(&case);
        let options = CramerVonMisesOptions::default().with_method(word(&case, "method"));
        let result = cramervonmises_2samp(&both[0], &both[1], &options).expect("values");
        check("statistic", &case, result.statistic, &case["statistic"], 1e-13);
        check("pvalue", &case, result.pvalue, &case["pvalue"], PVALUE);
        if !case["distance"].is_null() {
            check("distance", &case, result.distance, &case["distance"], STATISTIC);
        }
        let [x, y] = sorted(&both);
        assert_eq!(cramervonmises_2samp_sorted(&x, &y, &options).expect("values"), result);
    }
}

#[test]
fn anderson_ksamp_as_scipy() {
    for case in cases("anderson_ksamp.json") {
        let values = samples(&case);
        let values: Vec<&[f64]> = values.iter().map(Vec::as_slice).collect();
        let options = AndersonOptions::default().with_variant(word(&case, "variant"));
        let result = anderson_ksamp(&values, &options).expect("values");
        check("statistic", &case, result.statistic, &case["statistic"], PVALUE);
        check("pvalue", &case, result.pvalue, &case["pvalue"], PVALUE);
        if let Some(critical) = case["critical_values"].as_array() {
            for (found, expected) in result.critical_values.into_iter().zip(critical) {
                check("critical value", &case, found, expected, STATISTIC);
            }
        }
        let asymptotic = options.with_method(AndersonMethod::Asymptotic);
        if !case["limit"].is_null() {
            let limit = anderson_ksamp(&values, &asymptotic).expect("two samples").pvalue;
            check("limit", &case, limit, &case["limit"], PVALUE);
        } else if values.len() > 2 {
            assert!(anderson_ksamp(&values, &asymptotic).is_err());
        }
        let sorted: Vec<SortedSample> =
            values.iter().map(|sample| SortedSample::new(sample).expect("values")).collect();
        let sorted: Vec<&SortedSample> = sorted.iter().collect();
        assert_eq!(anderson_ksamp_sorted(&sorted, &options).expect("values"), result);
    }
}

#[test]
fn epps_singleton_2samp_as_scipy() {
    for case in cases("epps_singleton_2samp.json") {
        let [x, y] = pair(&case);
        let options = EppsSingletonOptions::default().with_t(numbers(&case["t"]));
        let result = epps_singleton_2samp(&x, &y, &options).expect("values");
        check("statistic", &case, result.statistic, &case["statistic"], PVALUE);
        check("pvalue", &case, result.pvalue, &case["pvalue"], PVALUE);
    }
}

#[test]
fn spearmanr_as_scipy() {
    for case in cases("spearmanr.json") {
        let ([x, y], share) = (pair(&case), case["share"].as_f64().expect("a share"));
        let mixed: Vec<f64> = x.iter().zip(&y).map(|(x, y)| x * share + y * (1.0 - share.abs())).collect();
        let result = spearmanr(&x, &mixed, alternative(&case)).expect("samples of one length");
        // To the last digit: of a perfect order the p-value hangs on it.
        check("statistic", &case, result.statistic, &case["statistic"], 0.0);
        check("pvalue", &case, result.pvalue, &case["pvalue"], PVALUE);
    }
}

#[test]
fn kuiper_two_as_astropy() {
    for case in cases("kuiper_two.json") {
        let [x, y] = pair(&case);
        let result = kuiper_two(&x, &y).expect("values");
        // astropy adds 1 / n up.
        check("statistic", &case, result.statistic, &case["statistic"], PVALUE);
        check("pvalue", &case, result.pvalue, &case["pvalue"], PVALUE);
        assert_eq!(KsReference::new(&x).expect("values").kuiper_two(&y).expect("values"), result);
    }
}

#[test]
fn permutation_test_as_scipy() {
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    for case in cases("permutation_test.json") {
        let values = samples(&case);
        let values: Vec<&[f64]> = values.iter().map(Vec::as_slice).collect();
        let statistic = |s: &[&[f64]]| {
            Ok(match case["name"].as_str() {
                Some("mean difference") => mean(s[0]) - mean(s[1]),
                Some("sum of the first") => s[0].iter().sum(),
                _ => s[0].iter().copied().fold(f64::NEG_INFINITY, f64::max),
            })
        };
        let options =
            PermutationOptions::default().with_n_resamples(10_000).with_alternative(alternative(&case));
        let result = permutation_test(&values, statistic, &options).expect("values");
        check("statistic", &case, result.statistic, &case["statistic"], STATISTIC);
        check("pvalue", &case, result.pvalue, &case["pvalue"], STATISTIC);
        assert_eq!(Some(result.null_distribution.len() as u64), case["partitions"].as_u64());
        if values.len() == 2 {
            // In scipy's order.
            let null = result.null_distribution.iter().enumerate();
            let weighted: f64 = null.map(|(place, value)| place as f64 * value).sum();
            check("null distribution", &case, weighted, &case["weighted"], PVALUE);
        }
        let few = permutation_test(&values, statistic, &options.with_n_resamples(1)).expect("values");
        assert_eq!(few.null_distribution.len(), 1);
    }
}

#[test]
fn the_permutation_p_value_of_anderson_and_darling_is_near_the_limit() {
    let recipe = |seed: u64, offset: f64| {
        serde_json::json!({
            "seed": seed, "n": 60, "shape": "uniform", "scale": 1.0, "offset": offset, "levels": 0.0
        })
    };
    let (x, y) = (sample(&recipe(1, 0.0)), sample(&recipe(2, 0.12)));
    let pvalue = |method| {
        let options = AndersonOptions::default().with_method(method);
        anderson_ksamp(&[&x, &y], &options).expect("values").pvalue
    };
    let (drawn, limit) = (pvalue(AndersonMethod::Permutation), pvalue(AndersonMethod::Asymptotic));
    let error = 4.0 * (limit * (1.0 - limit) / 9999.0).sqrt() + 0.002;
    assert!((drawn - limit).abs() < error, "{drawn} {limit}");
}

#[test]
fn distances_of_sorted_samples_are_those_of_plain_ones() {
    for case in cases("distances.json") {
        let both = pair(&case);
        let [u, v] = sorted(&both);
        assert_eq!(
            wasserstein_distance_sorted(&u, &v).expect("values"),
            wasserstein_distance(&both[0], &both[1], None, None).expect("values")
        );
        assert_eq!(
            energy_distance_sorted(&u, &v).expect("values"),
            energy_distance(&both[0], &both[1], None, None).expect("values")
        );
    }
}
