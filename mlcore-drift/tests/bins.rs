//! The bins that tests of histograms share.

#![cfg(test)]

use mlcore::Error;
use mlcore_drift::Sample;
use mlcore_drift::bins::{BinCounts, BinnedReference, Binning, Recipe};

fn counts(reference: &Sample, current: &Sample, binning: &Binning) -> BinCounts {
    let counts = BinnedReference::new("compare", reference, binning).unwrap().count(current).unwrap();
    assert_eq!(counts, BinnedReference::count_once("compare", reference, current, binning).unwrap());
    counts
}

/// `numpy.histogram_bin_edges(x, bins="doane")` and `numpy.histogram(.., edges)` of numpy 2.4.6.
#[test]
fn nannymls_bins_are_numpys() {
    type Case = (i32, fn(i32) -> f64, usize, f64, f64, &'static [u64], u64);
    let cases: [Case; 6] = [
        (1000, |i| f64::from(i * 617 % 1000) / 10.0, 11, 9.081_818_181_818_182, 99.9, &[91, 91, 91], 768),
        (
            1000,
            |i| (f64::from(i * 617 % 1000) / 100.0).powi(3),
            15,
            66.466_866_6,
            997.002_999,
            &[406, 105, 74],
            800,
        ),
        (3, |i| f64::from(i) * 1.5, 3, 1.0, 3.0, &[1, 1, 1], 1),
        (2, f64::from, 1, 1.0, 1.0, &[2], 0),
        (50, |_| 3.0, 1, 3.5, 3.5, &[50], 0),
        (512, f64::from, 11, 46.454_545_454_545_45, 511.0, &[47, 46, 47], 393),
    ];
    let binning = Binning::default().with_recipe(Recipe::NannyMl);
    for (len, value, bins, second_edge, last_edge, first, inside) in cases {
        let reference = Sample::from_numbers((0..len).map(value).collect());
        let current = Sample::from_numbers((0..len).map(|i| value(i) * 1.3 - 2.0).collect());
        let counts = counts(&reference, &current, &binning);
        assert_eq!(counts.edges.len(), bins + 1);
        assert!((counts.edges[1] - second_edge).abs() < 1e-9, "{:?}", counts.edges);
        assert_eq!(counts.edges.last(), Some(&last_edge));
        assert_eq!(&counts.reference[..first.len()], first);
        // One more bin holds what lies outside: nothing of the reference.
        assert_eq!((counts.reference.len(), counts.reference.last()), (bins + 1, Some(&0)));
        assert_eq!(counts.current.iter().take(bins).sum::<u64>(), inside);
        assert_eq!(counts.current.iter().sum::<u64>(), len as u64);
    }
}

/// `numpy.histogram_bin_edges(list(set(x) | set(y)), bins="sturges")`, as Evidently's Hellinger distance calls it.
#[test]
fn evidentlys_bins_may_be_as_many_as_distinct_values_ask_for() {
    type Values = fn(i32) -> f64;
    type Case = (i32, Values, i32, Values, usize, [f64; 2], &'static [u64], &'static [u64]);
    let cases: [Case; 3] = [
        (
            1000,
            |i| f64::from(i * 617 % 1000) / 10.0,
            700,
            |i| f64::from(i * 617 % 500) / 7.0,
            12,
            [8.325_000_000_000_001, 99.9],
            &[84, 83, 83],
            &[81, 83, 80],
        ),
        (
            400,
            |i| f64::from(i % 5),
            300,
            |i| f64::from(i % 6),
            4,
            [1.25, 5.0],
            &[160, 80, 80],
            &[100, 50, 50],
        ),
        (9, |_| 3.0, 4, |_| 3.0, 1, [3.5, 3.5], &[9], &[4]),
    ];
    let binning = Binning::default().with_recipe(Recipe::Evidently).with_distinct_values(true);
    for (n, x, m, y, bins, [second_edge, last_edge], reference, current) in cases {
        let counts = counts(
            &Sample::from_numbers((0..n).map(x).collect()),
            &Sample::from_numbers((0..m).map(y).collect()),
            &binning,
        );
        assert_eq!((counts.edges.len(), counts.edges[1]), (bins + 1, second_edge));
        assert_eq!(counts.edges.last(), Some(&last_edge));
        assert_eq!(&counts.reference[..reference.len()], reference);
        assert_eq!(&counts.current[..current.len()], current);
    }
}

#[test]
fn missing_rows_are_a_bin_where_asked() {
    let reference = Sample::numeric(&[1.0, 2.0, 3.0, f64::NAN]);
    let current = Sample::numeric(&[f64::NAN, f64::NAN, 2.5]);
    let binning = Binning::default().with_bins(2).with_missing_bin(true);
    let numbers = counts(&reference, &current, &binning);
    assert_eq!((numbers.reference, numbers.current), (vec![1, 2, 1], vec![0, 1, 2]));
    let plans = |plans: [Option<&'static str>; 3]| Sample::categorical(plans);
    let (reference, current) = (plans([Some("a"), Some("b"), None]), plans([Some("a"), None, None]));
    let named = counts(&reference, &current, &binning);
    assert_eq!(named.categories, ["a", "b", "(missing)"]);
    assert_eq!((named.reference, named.current), (vec![1, 1, 1], vec![1, 0, 2]));
    for recipe in [Recipe::Evidently, Recipe::NannyMl] {
        let error = BinnedReference::new("compare", &reference, &binning.with_recipe(recipe)).unwrap_err();
        assert!(error.to_string().contains("leaves missing rows out"), "{error}");
    }
}

#[test]
fn a_reference_that_cannot_be_divided_is_refused() {
    let infinite = Sample::numeric(&[1.0, f64::INFINITY]);
    let binning = Binning::default().with_recipe(Recipe::NannyMl);
    let error = BinnedReference::new("compare", &infinite, &binning).unwrap_err();
    assert!(matches!(error, Error::InvalidInput(_)) && error.to_string().contains("infinities"), "{error}");
    let current = Sample::numeric(&[f64::INFINITY, f64::NEG_INFINITY, 2.0]);
    let outside = counts(&Sample::numeric(&[1.0, 2.0, 3.0]), &current, &binning);
    assert_eq!(outside.current.last(), Some(&2));
}

#[test]
fn shares_are_as_counted_smoothed_or_lifted() {
    let plans = |counts: [(&'static str, usize); 2]| {
        Sample::categorical(counts.into_iter().flat_map(|(name, count)| vec![name; count]))
    };
    let counts = counts(&plans([("a", 3), ("b", 1)]), &plans([("a", 2), ("c", 2)]), &Binning::default());
    assert_eq!(counts.categories, ["a", "b", "c"]);
    let plain = counts.shares();
    assert_eq!((plain.reference, plain.current), (vec![0.75, 0.25, 0.0], vec![0.5, 0.0, 0.5]));
    assert_eq!(counts.smoothed_shares().reference, [3.5 / 5.5, 1.5 / 5.5, 0.5 / 5.5]);
    let (lifted, note) = counts.lifted_shares();
    assert_eq!((lifted.reference, lifted.current), (vec![0.75, 0.25, 1e-4], vec![0.5, 1e-4, 0.5]));
    assert!(note.is_some_and(|note| note.to_string().contains("1 of the reference, 1 current")));
}
