//! What holds for any data: answers in range, no panic, and no dependence on what does not matter.
#![cfg(test)]

use std::sync::Arc;

use mlcore::Error;
use mlcore_drift::bins::{Binning, Recipe};
use mlcore_drift::catalog::{Catalog, TestOptions};
use mlcore_drift::sample::Sample;
use mlcore_drift::two_sample::psi::psi;
use mlcore_drift::two_sample::{ChiSquare, DriftTest, KolmogorovSmirnov, MissingRate, Psi, Score};
use proptest::prelude::*;

/// Every listed test, and some with other options.
fn tests() -> Vec<Arc<dyn DriftTest>> {
    let catalog = Catalog::default();
    let mut tests: Vec<Arc<dyn DriftTest>> =
        catalog.names().map(|name| catalog.test(name, &TestOptions::default()).unwrap()).collect();
    let psi = |recipe| Psi::new(Binning::default().with_recipe(recipe));
    tests.push(Arc::new(ChiSquare::default().with_pool_below(0.0).with_max_categories(3)));
    tests.push(Arc::new(psi(Recipe::Uniform)));
    tests.push(Arc::new(psi(Recipe::Evidently)));
    tests
}

/// Distances in the unit of the column, or, as Evidently has it, no finer than a thousandth of it.
const IN_UNITS: [&str; 3] = ["ed", "wasserstein", "wasserstein_distance"];

/// Any float, and often one that hurts.
fn float() -> impl Strategy<Value = f64> {
    let odd = [
        0.0,
        -0.0,
        1.0,
        f64::NAN,
        f64::INFINITY,
        f64::NEG_INFINITY,
        f64::MAX,
        f64::MIN,
        f64::MIN_POSITIVE,
        5e-324,
        9_007_199_254_740_993.0,
        i64::MIN as f64,
    ];
    prop_oneof![3 => -3.0..3.0, 1 => any::<f64>(), 2 => prop::sample::select(odd.to_vec())]
}

fn answered(test: &dyn DriftTest, reference: &Sample, current: &Sample) -> Option<Score> {
    match test.compare(reference, current) {
        Ok(score) => {
            assert!(score.effect.value >= 0.0 && !score.statistic.is_nan(), "{}: {score:?}", test.name());
            assert!(score.pvalue.is_none_or(|p| (0.0..=1.0).contains(&p)), "{}: {score:?}", test.name());
            Some(score)
        }
        Err(Error::InvalidInput(_)) => None,
        Err(other) => panic!("{}: {other}", test.name()),
    }
}

/// Equal but for the order in which a sum was added up.
fn near(a: &Score, b: &Score) -> bool {
    let close = |x: f64, y: f64| (x - y).abs() <= 1e-9 * x.abs().max(y.abs()) + 1e-12;
    close(a.statistic, b.statistic) && close(a.effect.value, b.effect.value)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn any_floats_are_answered(
        a in prop::collection::vec(float(), 0..60),
        b in prop::collection::vec(float(), 0..60),
    ) {
        let (reference, current) = (Sample::numeric(&a), Sample::numeric(&b));
        for test in tests() {
            let score = answered(&*test, &reference, &current);
            let compiled = test.compile(&reference).and_then(|compiled| compiled.compare(&current)).ok();
            prop_assert_eq!(score, compiled, "{}", test.name());
        }
    }

    #[test]
    fn any_texts_are_answered(
        a in prop::collection::vec(prop::option::of("[ab]{0,2}|\\PC{0,20}"), 0..60),
        b in prop::collection::vec(prop::option::of("[ab]{0,2}|\\PC{0,20}"), 0..60),
    ) {
        let sample = |rows: &[Option<String>]| Sample::categorical(rows.iter().map(Option::as_deref));
        for test in tests() {
            answered(&*test, &sample(&a), &sample(&b));
        }
    }

    #[test]
    fn order_and_unit_do_not_matter(
        a in prop::collection::vec(-100.0..100.0, 1..200),
        b in prop::collection::vec(-100.0..100.0, 1..200),
        exponent in -30_i32..30,
    ) {
        let scale = 2.0_f64.powi(exponent);
        let changed = |values: &[f64]| values.iter().rev().map(|value| value * scale).collect::<Vec<f64>>().into();
        for test in tests().into_iter().filter(|test| !IN_UNITS.contains(&test.name())) {
            let plain = answered(&*test, &Sample::numeric(&a), &Sample::numeric(&b));
            let other = answered(&*test, &changed(&a), &changed(&b));
            prop_assert!(plain.iter().zip(&other).all(|(x, y)| near(x, y)), "{}: {plain:?} {other:?}", test.name());
            prop_assert_eq!(plain.is_some(), other.is_some());
        }
    }

    #[test]
    fn neither_side_is_preferred(
        a in prop::collection::vec(0_u8..12, 1..200),
        b in prop::collection::vec(3_u8..15, 1..200),
    ) {
        let sample = |values: &[u8]| values.iter().map(|value| f64::from(*value)).collect::<Vec<f64>>().into();
        let (a, b): (Sample, Sample) = (sample(&a), sample(&b));
        let tests: [&dyn DriftTest; 3] = [&KolmogorovSmirnov::default(), &ChiSquare::default(), &MissingRate::default()];
        for test in tests {
            let (there, back) = (test.compare(&a, &b).unwrap(), test.compare(&b, &a).unwrap());
            prop_assert!(near(&there, &back), "{}: {there:?} {back:?}", test.name());
        }
    }

    #[test]
    fn psi_is_finite_and_its_shares_add_up(
        a in prop::collection::vec(float(), 1..100),
        b in prop::collection::vec(float(), 1..100),
        bins in 2_usize..40,
    ) {
        for recipe in [Recipe::Quantile, Recipe::Uniform] {
            let options = Binning::default().with_bins(bins).with_recipe(recipe);
            let Ok(result) = psi(&Sample::numeric(&a), &Sample::numeric(&b), &options) else { continue };
            prop_assert!(result.psi.is_finite() && result.psi >= 0.0 && result.psi_corrected <= result.psi);
            prop_assert_eq!(result.edges.len(), result.reference_share.len() + 1);
            prop_assert!(result.edges.windows(2).all(|pair| pair[0] < pair[1] || pair[0].is_infinite()), "{:?}", result.edges);
            for shares in [&result.reference_share, &result.current_share] {
                prop_assert!((shares.iter().sum::<f64>() - 1.0).abs() < 1e-12, "{shares:?}");
            }
        }
    }
}

#[test]
fn a_spike_gets_a_bin_of_its_own() {
    let spiked = |rest: f64| {
        (0..1000).map(|i| if i % 10 < 7 { 0.0 } else { f64::from(i) * rest + 1.0 }).collect::<Vec<f64>>()
    };
    let (reference, current): (Sample, Sample) = (spiked(1.0).into(), spiked(1.0).into());
    let same = psi(&reference, &current, &Binning::default()).unwrap();
    assert_eq!(same.psi, 0.0);
    assert_eq!(same.reference_share.iter().filter(|share| (**share - 0.7).abs() < 1e-12).count(), 1);
    // The spike dissolves: what was exactly zero is now almost zero, which no bin of equal width would see.
    let moved: Sample = spiked(1.0)
        .into_iter()
        .enumerate()
        .map(|(i, v)| if v == 0.0 && i % 2 == 0 { 1e-9 } else { v })
        .collect::<Vec<_>>()
        .into();
    let result = psi(&reference, &moved, &Binning::default()).unwrap();
    assert!(result.psi_corrected > 1.0, "{result:?}");
    assert!(
        result.notes.iter().any(|note| note.to_string().contains("70 % of the reference is exactly 0")),
        "{:?}",
        result.notes
    );
}

#[test]
fn impossible_bins_are_refused() {
    let sample = Sample::numeric(&[1.0, 2.0]);
    for bins in [0, 1, 1001, usize::MAX] {
        let error = psi(&sample, &sample, &Binning::default().with_bins(bins)).unwrap_err();
        assert!(error.to_string().starts_with("compare with psi bins: "), "{error}");
    }
    let categories = Sample::categorical(["a"]);
    assert!(matches!(psi(&sample, &categories, &Binning::default()), Err(Error::InvalidInput(_))));
}

#[test]
fn a_verdict_is_a_table_too() {
    use mlcore::arrow::array::{ArrayRef, Float64Array, RecordBatch};
    use mlcore_drift::{Monitor, MonitorOptions};

    let values = Float64Array::from_iter_values((0..200).map(f64::from));
    let table = RecordBatch::try_from_iter([("x", Arc::new(values) as ArrayRef)]).unwrap();
    let verdict = Monitor::new(&table, &MonitorOptions::default()).unwrap().evaluate_now().unwrap();
    let summary = verdict.to_table().unwrap();
    assert_eq!((summary.num_rows(), summary.num_columns()), (1, 11));
    assert_eq!(summary.column_by_name("pvalue").unwrap().null_count(), 1);
}
