//! scipy's answers about counts, from `testdata/golden/stats`: Fisher's test, power divergences, entropies; and what is no count.

use std::path::Path;
use std::time::{Duration, Instant};

use mlcore::stats::{
    Alternative, Chi2Options, Lambda, PowerDivergenceOptions, SplitMix64, chi2_contingency, entropy,
    fisher_exact, hypergeom, jensenshannon, power_divergence,
};
use mlcore::{Error, interrupt};
use proptest::prelude::*;
use serde_json::Value;

/// Relative.
const CLOSE: f64 = 1e-9;

fn cases(name: &str) -> Vec<Value> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../testdata/golden/stats").join(name);
    let text = std::fs::read_to_string(&path).expect("testdata/golden/make_stats_counts.py wrote it");
    let file: Value = serde_json::from_str(&text).expect("JSON");
    let cases = file["cases"].as_array().expect("cases").clone();
    assert!(cases.len() >= 15, "{name} has only {} cases", cases.len());
    cases
}

/// A number of the file: JSON has no NaN and no infinity, so these are strings.
fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| value.as_str().expect("a number").parse().expect("a number"))
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().expect("an array").iter().map(number).collect()
}

/// The largest relative difference so far; `floor` is what is as good as zero.
struct Largest(f64);

impl Largest {
    #[track_caller]
    fn check(&mut self, what: &str, case: &Value, actual: f64, expected: &Value, floor: f64) {
        let expected = number(expected);
        if actual == expected || (actual.is_nan() && expected.is_nan()) || (actual - expected).abs() < floor {
            return;
        }
        let difference = (actual - expected).abs() / expected.abs();
        assert!(difference <= CLOSE, "{what}: {actual:e} is not {expected:e} in {case}");
        self.0 = self.0.max(difference);
    }
}

fn lambda(case: &Value) -> Lambda {
    match &case["lambda"] {
        Value::String(name) => name.parse().expect("a name of scipy"),
        power => Lambda::from(number(power)),
    }
}

#[test]
fn power_divergence_as_scipy() {
    let mut largest = Largest(0.0);
    for case in cases("power_divergence.json") {
        let (f_obs, f_exp) =
            (numbers(&case["f_obs"]), Some(&case["f_exp"]).filter(|f| !f.is_null()).map(numbers));
        let mut options = PowerDivergenceOptions::default()
            .with_ddof(case["ddof"].as_u64().expect("ddof"))
            .with_lambda(lambda(&case));
        options.f_exp = f_exp.as_deref();
        let result = power_divergence(&f_obs, &options).expect("frequencies");
        // Of frequencies that are as expected scipy's logarithms leave what rounding leaves.
        let rounding = 1e-12 * f_obs.iter().sum::<f64>();
        largest.check("statistic", &case, result.statistic, &case["statistic"], rounding);
        largest.check("pvalue", &case, result.pvalue, &case["pvalue"], 1e-290);
    }
    println!("power_divergence: {:e}", largest.0);
}

#[test]
fn chi2_contingency_with_lambda_as_scipy() {
    let mut largest = Largest(0.0);
    for case in cases("chi2_contingency_lambda.json") {
        let table: Vec<Vec<f64>> = case["table"].as_array().expect("rows").iter().map(numbers).collect();
        let correction = case["correction"].as_bool().expect("correction");
        let options = Chi2Options::default().with_correction(correction).with_lambda(lambda(&case));
        let result = chi2_contingency(&table, &options).expect("a valid table");
        let rounding = 1e-12 * table.iter().flatten().sum::<f64>();
        largest.check("statistic", &case, result.statistic, &case["statistic"], rounding);
        largest.check("pvalue", &case, result.pvalue, &case["pvalue"], 1e-290);
        assert_eq!(Some(result.dof as u64), case["dof"].as_u64());
    }
    println!("chi2_contingency: {:e}", largest.0);
}

#[test]
fn fisher_exact_as_scipy() {
    let mut largest = Largest(0.0);
    for case in cases("fisher_exact.json") {
        let cell = |i: usize, j: usize| case["table"][i][j].as_u64().expect("a count");
        let alternative: Alternative = case["alternative"].as_str().expect("a word").parse().expect("known");
        let result =
            fisher_exact(&[[cell(0, 0), cell(0, 1)], [cell(1, 0), cell(1, 1)]], alternative).unwrap();
        if !case["statistic"].is_null() {
            largest.check("statistic", &case, result.statistic, &case["statistic"], 0.0);
        }
        largest.check("pvalue", &case, result.pvalue, &case["pvalue"], 0.0);
    }
    println!("fisher_exact: {:e}", largest.0);
}

#[test]
fn entropies_as_scipy() {
    let mut largest = Largest(0.0);
    for case in cases("divergences.json") {
        let (p, q) = (numbers(&case["p"]), numbers(&case["q"]));
        let base = case["base"].as_f64();
        // The root of what rounding leaves in scipy's sum of nearly equal shares.
        largest.check("js", &case, jensenshannon(&p, &q, base).unwrap(), &case["jensenshannon"], 3e-8);
        largest.check("entropy", &case, entropy(&p, None, base).unwrap(), &case["entropy"], 1e-15);
        let relative = entropy(&p, Some(&q), base).unwrap();
        largest.check("relative entropy", &case, relative, &case["relative_entropy"], 1e-15);
    }
    println!("entropies: {:e}", largest.0);
}

#[test]
fn a_large_table_takes_no_time() {
    let begun = Instant::now();
    let table = [[400_000_000, 600_000_000], [400_030_000, 599_970_000]];
    let result = fisher_exact(&table, Alternative::TwoSided).unwrap();
    assert!((0.0..=1.0).contains(&result.pvalue) && result.pvalue < 0.5, "{result:?}");
    let nearly_all = [[u64::MAX / 8, 3], [u64::MAX / 8, 1]];
    assert!((fisher_exact(&nearly_all, Alternative::TwoSided).unwrap().pvalue - 0.625).abs() < 1e-9);
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    // A caller that asks to stop is heard.
    let stopped = interrupt::scope(|| true, || fisher_exact(&table, Alternative::TwoSided));
    assert!(matches!(stopped, Err(Error::Interrupted(_))));
}

#[test]
fn what_is_no_count_is_refused_or_nan() {
    let most = u64::MAX;
    assert!(matches!(fisher_exact(&[[most, 1], [1, 1]], Alternative::TwoSided), Err(Error::InvalidInput(_))));
    let empty = fisher_exact(&[[0, 0], [0, 0]], Alternative::Less).unwrap();
    assert!(empty.statistic.is_nan() && empty.pvalue == 1.0);

    let with = |f_exp| PowerDivergenceOptions::default().with_f_exp(f_exp);
    let problem = |answer: mlcore::Result<_>| {
        answer.map(|_: mlcore::stats::PowerDivergenceResult| ()).unwrap_err().to_string()
    };
    assert_eq!(problem(power_divergence(&[], &with(&[]))), "power_divergence f_obs: there are no categories");
    assert_eq!(
        problem(power_divergence(&[1.0, 2.0], &with(&[3.0]))),
        "power_divergence f_exp: 1 frequencies for 2 categories"
    );
    assert_eq!(
        problem(power_divergence(&[1.0, 2.0], &with(&[3.0, 3.0]))),
        "power_divergence f_exp: they add up to 6 where the observed ones add up to 3; multiply them by the ratio of the totals"
    );
    for name in ["pearson", "log-likelihood", "freeman-tukey", "mod-log-likelihood", "neyman", "cressie-read"]
    {
        let lambda: Lambda = name.parse().unwrap();
        let options = with(&[1.0, 2.0, 0.0]).with_lambda(lambda);
        let unexpected = power_divergence(&[1.0, 1.0, 1.0], &options).unwrap();
        if lambda.value() > -1.0 && lambda.value() >= 0.0 {
            assert_eq!((unexpected.statistic, unexpected.pvalue), (f64::INFINITY, 0.0), "{name}");
        }
        assert!(
            power_divergence(&[f64::NAN, 1.0], &with(&[1.0, 1.0]).with_lambda(lambda))
                .unwrap()
                .pvalue
                .is_nan()
        );
        let gone = power_divergence(&[0.0, 2.0], &with(&[1.0, 1.0]).with_lambda(lambda)).unwrap();
        assert!(
            !gone.statistic.is_nan() && (gone.statistic.is_finite() || gone.pvalue == 0.0),
            "{name}: {gone:?}"
        );
    }
    assert!("g".parse::<Lambda>().unwrap_err().to_string().contains("use one of pearson, log-likelihood"));
    assert!(power_divergence(&[1.0, 2.0], &with(&[1.0, 2.0]).with_ddof(1)).unwrap().pvalue.is_nan());

    assert_eq!(
        jensenshannon(&[1.0], &[], None).unwrap_err().to_string().split(';').next(),
        Some("jensenshannon q: it has 0 frequencies where the first has 1")
    );
    for bad in [-1.0, f64::INFINITY] {
        assert!(matches!(entropy(&[bad, 1.0], None, None), Err(Error::InvalidInput(_))));
    }
    for base in [0.0, -2.0, f64::NAN, f64::INFINITY] {
        assert!(matches!(entropy(&[1.0], None, Some(base)), Err(Error::InvalidInput(_))));
    }
    assert!(entropy(&[], None, None).is_err() && entropy(&[f64::NAN, 1.0], None, None).unwrap().is_nan());
    assert!(hypergeom::pmf(1, 3, 4, 1).is_nan() && hypergeom::cdf(0, 3, 1, 4).is_nan());
    assert_eq!((hypergeom::cdf(9, 10, 3, 5), hypergeom::sf(u64::MAX, 10, 3, 5)), (1.0, 0.0));
}

#[test]
fn drawn_counts_are_hypergeometric() {
    let mut random = SplitMix64::new(20_261_127);
    for (good, bad, drawn) in [(30, 70, 50), (3, 4, 5), (1, 999, 10), (5000, 5000, 4000)] {
        let draws = 20_000;
        let mut counts = vec![0.0; 5001];
        for _ in 0..draws {
            counts[random.hypergeometric(good, bad, drawn).unwrap() as usize] += 1.0;
        }
        let expected = |k: u64| f64::from(draws) * hypergeom::pmf(k, good + bad, good, drawn);
        // What is rarer is one category.
        let (mut observed, mut frequencies, mut rare) = (Vec::new(), Vec::new(), (0.0, 0.0));
        for (k, count) in (0..).zip(&counts) {
            if expected(k) < 10.0 {
                rare = (rare.0 + count, rare.1 + expected(k));
            } else {
                observed.push(*count);
                frequencies.push(expected(k));
            }
        }
        if rare.1 > 5.0 {
            observed.push(rare.0);
            frequencies.push(rare.1);
        }
        let total: f64 = observed.iter().sum();
        let scale = total / frequencies.iter().sum::<f64>();
        frequencies.iter_mut().for_each(|frequency| *frequency *= scale);
        let options = PowerDivergenceOptions::default().with_f_exp(&frequencies);
        let pvalue = power_divergence(&observed, &options).unwrap().pvalue;
        assert!(pvalue > 1e-3, "{good} {bad} {drawn}: {pvalue}");
    }
}

proptest! {
    #[test]
    fn fishers_test_is_the_sum_of_its_definition(a in 0_u64..40, b in 0_u64..40, c in 0_u64..40, d in 0_u64..40) {
        let (total, row, column) = (a + b + c + d, a + b, a + c);
        let mass = |x| hypergeom::pmf(x, total, row, column);
        let all: Vec<f64> = (0..=column).map(mass).collect();
        let expected: f64 = all.iter().filter(|p| **p <= mass(a) * (1.0 + 1e-9)).sum();
        let found = fisher_exact(&[[a, b], [c, d]], Alternative::TwoSided).unwrap();
        if row * column * (total - row) * (total - column) > 0 {
            prop_assert!((found.pvalue - expected.min(1.0)).abs() <= 1e-11 * expected, "{found:?} {expected}");
            let less = fisher_exact(&[[a, b], [c, d]], Alternative::Less).unwrap().pvalue;
            let greater = fisher_exact(&[[a, b], [c, d]], Alternative::Greater).unwrap().pvalue;
            prop_assert!((less + greater - 1.0 - mass(a)).abs() < 1e-12);
        } else {
            prop_assert_eq!(found.pvalue, 1.0);
        }
        let turned = fisher_exact(&[[a, c], [b, d]], Alternative::TwoSided).unwrap();
        prop_assert!((turned.pvalue - found.pvalue).abs() <= 1e-10 * found.pvalue);
    }

    #[test]
    fn a_distance_is_symmetric_and_bounded(p in prop::collection::vec(0_u32..50, 6), q in prop::collection::vec(0_u32..50, 6)) {
        let of = |counts: &[u32]| counts.iter().map(|count| f64::from(*count)).collect::<Vec<f64>>();
        let (p, q) = (of(&p), of(&q));
        let (there, back) = (jensenshannon(&p, &q, Some(2.0)).unwrap(), jensenshannon(&q, &p, Some(2.0)).unwrap());
        prop_assert!(there.is_nan() || ((0.0..=1.0 + 1e-15).contains(&there) && (there - back).abs() < 1e-15));
    }
}
