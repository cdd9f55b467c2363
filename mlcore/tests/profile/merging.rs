//! Any cutting, order and grouping gives the same profile: exactly in its exact part, within the stated bounds in the rest.

use std::sync::Arc;

use mlcore::arrow::array::{
    Array, ArrayRef, AsArray, Float64Array, Int64Array, NullArray, RecordBatch, StringArray,
};
use mlcore::arrow::datatypes::Float64Type;
use mlcore::batch::{ColumnView, OwnedValue, Row, Value};
use mlcore::profile::{ColumnKind, Profile, ProfileOptions};
use mlcore::schema::Schema;
use mlcore::stats::SplitMix64;
use proptest::prelude::*;

use crate::support::{column, doubles, merged, options, profile_of, table};

/// The values of the column of doubles that are neither null nor NaN, in ascending order.
fn sorted(batch: &RecordBatch) -> Vec<f64> {
    let column = batch.column_by_name("normal").unwrap().as_primitive::<Float64Type>();
    let mut values: Vec<f64> = column.iter().flatten().filter(|value| !value.is_nan()).collect();
    values.sort_unstable_by(f64::total_cmp);
    values
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn every_tree_of_merges_gives_the_same(
        rows in prop_oneof![0_usize..40, 900_usize..1300, 4000_usize..20_000],
        seed in any::<u64>(),
        trees in prop::collection::vec((prop::collection::vec(any::<usize>(), 0..9), any::<u64>()), 2..4),
    ) {
        let batch = table(rows, seed);
        let values = sorted(&batch);
        let mut whole = Profile::new(&options()).unwrap();
        whole.add(&batch).unwrap();
        for (cuts, order) in trees {
            let profile = merged(&batch, &cuts, SplitMix64::new(order));
            prop_assert!(profile.exact_bytes() == whole.exact_bytes());
            prop_assert!(merged(&batch, &cuts, SplitMix64::new(order)) == profile);
            prop_assert!(Profile::from_bytes(&profile.to_bytes()).unwrap() == profile);
            let (own, other) = (profile.column("normal").unwrap(), whole.column("normal").unwrap());
            prop_assert_eq!((own.mean(), own.variance()), (other.mean(), other.variance()));
            for (own, other) in [(own.skewness(), other.skewness()), (own.kurtosis(), other.kurtosis())] {
                prop_assert!(own == other || (own.unwrap() / other.unwrap() - 1.0).abs() < 1e-9);
            }
            let Some(ranks) = own.ranks() else {
                prop_assert!(values.is_empty());
                continue;
            };
            let places = (0..values.len()).step_by(values.len() / 50 + 1);
            let mut last = (0, 0);
            for value in places.map(|place| values[place]) {
                let below = values.partition_point(|other| *other < value) as u64;
                let (low, high) = ranks.below(value);
                prop_assert!(low <= below && below <= high, "{value}: {low} {below} {high}");
                prop_assert!(last.0 <= low && last.1 <= high);
                last = (low, high);
            }
            prop_assert!(ranks.rank_error() <= 0.008, "{}", ranks.rank_error());
        }
    }
}

#[test]
fn rows_and_columns_give_the_same_profile() {
    let batch = table(3000, 7);
    let schema = Schema::from_arrow(&batch.schema()).unwrap();
    let (mut by_row, mut by_column) = (Profile::new(&options()).unwrap(), Profile::new(&options()).unwrap());
    by_column.add(&batch).unwrap();
    let names = schema.names().map(str::to_owned).collect::<Vec<_>>();
    let arrays: Vec<ArrayRef> = names
        .iter()
        .zip(batch.columns())
        .map(|(name, array)| ColumnView::plain(name, array).unwrap())
        .collect();
    let views: Vec<ColumnView<'_>> = names
        .iter()
        .zip(&arrays)
        .map(|(name, array)| ColumnView::new(name, array.as_ref()).unwrap())
        .collect();
    for row in 0..batch.num_rows() {
        let values: Vec<Value<'_>> = views.iter().map(|view| view.value(row)).collect();
        by_row.add_row(Row::new(&values, &schema).unwrap(), &schema).unwrap();
    }
    assert!(by_row.exact_bytes() == by_column.exact_bytes());
}

#[test]
fn a_large_batch_is_read_like_small_ones() {
    let mut random = SplitMix64::new(2);
    let batch = doubles((0..300_000).map(|_| random.normal()));
    let (whole, mut parts) = (profile_of(&batch), Profile::default());
    for start in (0..300_000).step_by(51_200) {
        parts.add(&batch.slice(start, 51_200.min(300_000 - start))).unwrap();
    }
    // One reader took both, in the same order.
    assert!(whole == parts);
    let threads = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..4)
            .map(|part| {
                scope.spawn({
                    let batch = &batch;
                    move || profile_of(&batch.slice(part * 75_000, 75_000))
                })
            })
            .collect();
        let mut fleet = Profile::default();
        for worker in workers {
            fleet.merge(&worker.join().unwrap()).unwrap();
        }
        fleet
    });
    assert!(threads.exact_bytes() == whole.exact_bytes());
}

#[test]
fn a_profile_of_nothing_changes_nothing() {
    let profile = profile_of(&table(5000, 3));
    let (mut before, mut after) = (Profile::default(), profile.clone());
    before.merge(&profile).unwrap();
    after.merge(&Profile::default()).unwrap();
    assert!(before == profile && after == profile);
    // A column of which only nulls came so far takes any kind.
    let nulls = profile_of(&column(Arc::new(NullArray::new(3)) as ArrayRef));
    assert_eq!(*nulls.column("x").unwrap().kind(), ColumnKind::Nothing);
    for values in [doubles([1.0, 2.0]), column(Arc::new(StringArray::from(vec!["a"])) as ArrayRef)] {
        let (mut one, mut other) = (nulls.clone(), profile_of(&values));
        one.merge(&profile_of(&values)).unwrap();
        other.merge(&nulls).unwrap();
        assert_eq!(one, other);
        assert_eq!(one.column("x").unwrap().nulls(), 3);
    }
}

#[test]
fn columns_that_only_some_parts_have_are_absent_from_the_others() {
    let a =
        RecordBatch::try_from_iter([("a", Arc::new(Int64Array::from(vec![1, 2, 3])) as ArrayRef)]).unwrap();
    let b = RecordBatch::try_from_iter([("b", Arc::new(Int64Array::from(vec![4])) as ArrayRef)]).unwrap();
    let (mut ab, mut ba) = (profile_of(&a), profile_of(&b));
    ab.merge(&profile_of(&b)).unwrap();
    ba.merge(&profile_of(&a)).unwrap();
    assert_eq!(ab, ba);
    assert_eq!((ab.rows(), ab.absent("a"), ab.absent("b"), ab.absent("c")), (4, 1, 3, 4));
    assert_eq!((ab.column("a").unwrap().rows(), ab.column("a").unwrap().nulls()), (3, 0));
    assert_eq!(Profile::from_bytes(&ab.to_bytes()).unwrap(), ab);
}

#[test]
fn what_does_not_fit_is_refused_by_name_and_changes_nothing() {
    let mut numbers = profile_of(&doubles([1.0, 2.0]));
    let words = profile_of(&column(Arc::new(StringArray::from(vec!["a"])) as ArrayRef));
    let before = numbers.to_bytes();
    let error = numbers.merge(&words).unwrap_err().to_string();
    assert!(
        error.starts_with("profile x: the column was of kind number, and now it is of kind text"),
        "{error}"
    );
    let mut binned = Profile::new(&ProfileOptions::default().with_edges("x", [0.0])).unwrap();
    binned.add(&doubles([1.0])).unwrap();
    let error = numbers.merge(&binned).unwrap_err().to_string();
    assert!(error.starts_with("merge profiles x: the two profiles count it in different bins"), "{error}");
    assert_eq!(numbers.to_bytes(), before);
    // The first column of the batch would fit.
    let mixed = RecordBatch::try_from_iter([
        ("w", Arc::new(Float64Array::from(vec![1.0])) as ArrayRef),
        ("x", Arc::new(StringArray::from(vec!["1"])) as ArrayRef),
    ]);
    let error = numbers.add(&mixed.unwrap()).unwrap_err().to_string();
    assert!(error.contains("profile x: "), "{error}");
    assert_eq!(numbers.to_bytes(), before);
}

#[test]
fn integers_keep_their_digits_whatever_the_tree() {
    let batch = table(6000, 11);
    let profile = merged(&batch, &[10, 3000], SplitMix64::new(1));
    let large = batch.column_by_name("large").unwrap().as_primitive::<mlcore::arrow::datatypes::Int64Type>();
    let (low, high) = (large.values().iter().min().unwrap(), large.values().iter().max().unwrap());
    let column = profile.column("large").unwrap();
    assert_eq!((column.min(), column.max()), (Some(OwnedValue::Int(*low)), Some(OwnedValue::Int(*high))));
    assert_eq!(large.null_count(), 0);
}
