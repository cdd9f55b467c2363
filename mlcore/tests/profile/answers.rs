//! What a profile answers is what the values say.

use std::sync::Arc;

use mlcore::arrow::array::{
    ArrayRef, BooleanArray, Decimal128Array, DictionaryArray, Float64Array, Int64Array, RecordBatch,
    StringArray, StringViewArray, UInt64Array,
};
use mlcore::arrow::datatypes::Int8Type;
use mlcore::batch::OwnedValue;
use mlcore::profile::{ColumnProfile, Profile, ProfileOptions};
use mlcore::stats::SplitMix64;

use crate::support::{column, doubles, profile_of, table};

fn only(profile: &Profile) -> &ColumnProfile {
    profile.column("x").unwrap()
}

#[test]
fn moments_are_those_of_the_values_however_far_from_zero() {
    for (offset, rows) in [(0.0, 1000), (0.0, 50_000), (1e6, 50_000), (1e12, 50_000)] {
        let mut random = SplitMix64::new(4);
        let drawn: Vec<i64> = (0..rows).map(|_| (random.normal().exp() * 1e6) as i64).collect();
        let profile = profile_of(&doubles(drawn.iter().map(|value| offset + *value as f64)));
        // Integers, so that every power is exact but for its last rounding.
        let n = rows as f64;
        let sum: i128 = drawn.iter().map(|value| i128::from(*value)).sum();
        let deviation = |value: &i64| (i128::from(*value) * rows as i128 - sum) as f64 / n;
        let power = |power: i32| drawn.iter().map(|value| deviation(value).powi(power)).sum::<f64>() / n;
        let (squares, cubes, fourths) = (power(2), power(3), power(4));
        let found = only(&profile);
        let near = |found: Option<f64>, truth: f64, within: f64| {
            assert!((found.unwrap() / truth - 1.0).abs() < within, "{offset}: {found:?} {truth}");
        };
        near(found.mean(), offset + sum as f64 / n, 1e-15);
        near(found.variance(), squares * n / (n - 1.0), 1e-12);
        near(found.skewness(), cubes / squares.powf(1.5), 1e-9);
        near(found.kurtosis(), fourths / (squares * squares) - 3.0, 1e-9);
    }
}

#[test]
fn magnitudes_that_no_square_holds_are_summed_exactly() {
    let mut values = vec![1e300, 1.0, -1e300, 1e-300];
    values.extend((0..5000).map(|i| f64::from(i) * 1e-310));
    values.extend((0..5000).map(|i| f64::from(i) * 1e300));
    let profile = profile_of(&doubles(values.iter().copied().chain(values.iter().map(|value| -value))));
    assert_eq!(only(&profile).mean(), Some(0.0));
    assert_eq!(only(&profile).variance(), Some(f64::INFINITY));
    assert_eq!((only(&profile).skewness(), only(&profile).kurtosis()), (None, None));
    assert!(only(&profile).standard_deviation() == Some(f64::INFINITY));
    assert!(profile.summary().columns[0].standard_deviation.is_none());
}

#[test]
fn few_values_are_known_exactly() {
    let values: Vec<f64> = (0..100_000).map(|i| f64::from(i % 1000)).collect();
    let profile = profile_of(&doubles(values));
    let ranks = only(&profile).ranks().unwrap();
    assert_eq!((ranks.below(500.0), ranks.at_or_below(500.0)), ((50_000, 50_000), (50_100, 50_100)));
    assert_eq!((ranks.quantile(0.5), ranks.rank_error()), (Some(499.0), 0.0));
    let distinct = only(&profile).distinct().unwrap();
    assert_eq!((distinct.estimate, distinct.is_exact), (1000, true));
    let items = only(&profile).frequent_items(3);
    assert_eq!((items.len(), items[0].count, items[0].at_most), (3, 100, 100));
    assert_eq!(only(&profile).distinct_numbers().unwrap().len(), 1000);
}

#[test]
fn many_values_are_known_within_the_stated_bounds() {
    let mut random = SplitMix64::new(9);
    // Two spikes beside a continuous part.
    let drawn = |random: &mut SplitMix64| match random.below(10) {
        0..3 => 0.0,
        3 => 42.0,
        _ => random.normal() * 10.0,
    };
    let values: Vec<f64> = (0..1_000_000).map(|_| drawn(&mut random)).collect();
    let profile = profile_of(&doubles(values.iter().copied()));
    let found = only(&profile);
    let (zeros, count) = (values.iter().filter(|value| **value == 0.0).count() as u64, values.len() as u64);
    let items = found.frequent_items(10);
    assert_eq!(items.iter().map(|item| item.value.clone()).collect::<Vec<_>>(), [0.0.into(), 42.0.into()]);
    assert!(
        items[0].count <= zeros
            && zeros <= items[0].at_most
            && items[0].at_most - items[0].count < count / 200
    );
    let distinct = found.distinct().unwrap();
    assert!(
        (distinct.estimate as f64 / 600_000.0 - 1.0).abs() < 4.0 * distinct.relative_error,
        "{distinct:?}"
    );
    assert!(!distinct.is_exact);
    let mut sorted = values;
    sorted.sort_unstable_by(f64::total_cmp);
    let ranks = found.ranks().unwrap();
    assert!(ranks.rank_error() < 0.0055, "{}", ranks.rank_error());
    let mut largest: f64 = 0.0;
    for step in 1..100 {
        let share = f64::from(step) / 100.0;
        let value = ranks.quantile(share).unwrap();
        let (below, up_to) =
            (sorted.partition_point(|v| *v < value), sorted.partition_point(|v| *v <= value));
        let error = (below as f64 / 1e6 - share).max(share - up_to as f64 / 1e6);
        largest = largest.max(error);
        let (low, high) = ranks.at_or_below(value);
        assert!(low <= up_to as u64 && up_to as u64 <= high);
    }
    assert!(largest <= ranks.rank_error() / 2.0, "{largest}");
    assert_eq!(ranks.quantile(0.0), sorted.first().copied());
    assert_eq!((ranks.quantile(1.0), ranks.quantile(1.1)), (sorted.last().copied(), None));
}

#[test]
fn histograms_and_ranks_at_given_edges_are_exact() {
    let edges = vec![-1.0, 0.0, 0.25, f64::INFINITY];
    for rows in [500, 5000, 300_000] {
        let mut random = SplitMix64::new(1);
        let mut values: Vec<f64> = (0..rows).map(|_| random.normal()).collect();
        values.extend([f64::INFINITY, f64::NEG_INFINITY, 0.0, -0.0]);
        let mut profile = Profile::new(&ProfileOptions::default().with_edges("x", edges.clone())).unwrap();
        profile.add(&doubles(values.iter().copied())).unwrap();
        let ranks = only(&profile).ranks().unwrap();
        let below: Vec<u64> =
            edges.iter().map(|edge| values.iter().filter(|value| *value < edge).count() as u64).collect();
        for (edge, below) in edges.iter().zip(&below) {
            assert_eq!(ranks.below(*edge), (*below, *below));
        }
        let histogram = only(&profile).histogram().unwrap();
        let ends = below.iter().copied().chain([values.len() as u64]);
        let sums: Vec<u64> = histogram
            .counts
            .iter()
            .scan(0, |sum, count| {
                *sum += count;
                Some(*sum)
            })
            .collect();
        assert_eq!(sums, ends.collect::<Vec<_>>());
        assert_eq!(ranks.range(), (f64::NEG_INFINITY, f64::INFINITY));
        assert_eq!((only(&profile).positive_infinities(), only(&profile).negative_infinities()), (1, 1));
        assert!(matches!(only(&profile).max(), Some(OwnedValue::Float(value)) if value.is_finite()));
    }
}

#[test]
fn text_is_counted_by_value_in_every_layout() {
    let words = ["free", "pro", "é", "free"];
    let arrays: [ArrayRef; 3] = [
        Arc::new(StringArray::from(words.to_vec())),
        Arc::new(StringViewArray::from(words.to_vec())),
        Arc::new(words.into_iter().collect::<DictionaryArray<Int8Type>>()),
    ];
    let profiles: Vec<Profile> = arrays.into_iter().map(|array| profile_of(&column(array))).collect();
    assert!(profiles.windows(2).all(|pair| pair[0] == pair[1]));
    let found = only(&profiles[0]);
    let categories = found.categories().unwrap();
    let expected = [("free", 2), ("pro", 1), ("é", 1)].map(|(text, count)| (text.to_owned(), count));
    assert_eq!((categories.counts, categories.others), (expected.to_vec(), 0));
    let lengths = found.lengths().unwrap();
    assert_eq!((lengths.shortest, lengths.longest, lengths.mean), (1, 4, 3.0));
    assert!((lengths.standard_deviation.unwrap() - 2_f64.sqrt()).abs() < 1e-12);
}

#[test]
fn a_million_categories_stay_within_memory_and_bounds() {
    let mut random = SplitMix64::new(5);
    let text = |i: usize| match i % 10 {
        0 => "often".to_owned(),
        1 if i % 1000 == 1 => "given".to_owned(),
        _ => format!("one of a million, number {}", random.below(1_000_000)),
    };
    let texts: Vec<String> = (0..400_000).map(text).collect();
    let distinct = texts.iter().collect::<std::collections::HashSet<_>>().len() as f64;
    let mut profile =
        Profile::new(&ProfileOptions::default().with_categories("x", ["given", "never"])).unwrap();
    profile.add(&column(Arc::new(StringArray::from(texts)) as ArrayRef)).unwrap();
    let found = only(&profile);
    let often = &found.frequent_items(1)[0];
    assert_eq!(often.value, "often".into());
    assert!(often.count <= 40_000 && 40_000 <= often.at_most && often.at_most - often.count <= 400);
    let categories = found.categories().unwrap();
    assert_eq!((categories.counts, categories.others), (vec![("given".to_owned(), 400)], 399_600));
    let estimate = found.distinct().unwrap();
    assert!(
        (estimate.estimate as f64 / distinct - 1.0).abs() < 4.0 * estimate.relative_error,
        "{estimate:?}"
    );
    assert!(profile.to_bytes().len() < 200_000);
}

#[test]
fn other_types_are_counted_and_named() {
    let flags =
        profile_of(&column(
            Arc::new(BooleanArray::from(vec![Some(true), None, Some(true), Some(false)])) as ArrayRef
        ));
    let found = only(&flags);
    assert_eq!((found.mean(), found.nulls(), found.distinct().unwrap().estimate), (Some(2.0 / 3.0), 1, 2));
    assert_eq!(found.frequent_items(9)[0].value, true.into());
    let decimals = Decimal128Array::from(vec![Some(1), None]);
    let found = profile_of(&column(Arc::new(decimals) as ArrayRef));
    let found = only(&found);
    assert_eq!(
        (found.kind().to_string().as_str(), found.nulls(), found.values()),
        ("Decimal128(38, 10)", 1, 1)
    );
    assert_eq!((found.mean(), found.distinct(), found.frequent_items(3)), (None, None, Vec::new()));
    let profile = profile_of(&table(100, 1));
    assert_eq!(profile.column("day").unwrap().min().unwrap().to_string().len(), 10);
    let at = profile.column("at").unwrap();
    assert_eq!(at.kind().to_string(), "timestamp[us]");
    assert!(at.max().unwrap().to_string().ends_with('Z'));
}

#[test]
fn integers_past_2_53_are_told_apart() {
    let edge = 1_i64 << 53;
    let profile =
        profile_of(&column(Arc::new(Int64Array::from(vec![edge, edge + 1, -edge - 1])) as ArrayRef));
    let found = only(&profile);
    assert_eq!(
        (found.min(), found.max()),
        (Some(OwnedValue::Int(-edge - 1)), Some(OwnedValue::Int(edge + 1)))
    );
    assert_eq!(found.distinct().unwrap().estimate, 3);
    let profile =
        profile_of(&column(Arc::new(UInt64Array::from(vec![0, u64::MAX, u64::MAX - 1])) as ArrayRef));
    assert_eq!(only(&profile).max(), Some(OwnedValue::UInt(u64::MAX)));
    assert_eq!(only(&profile).distinct().unwrap().estimate, 3);
    // A float and an integer that are equal are one value.
    let mut both = profile_of(&doubles([7.0, 0.5]));
    both.add(&column(Arc::new(Int64Array::from(vec![7, 8])) as ArrayRef)).unwrap();
    assert_eq!(
        (only(&both).distinct().unwrap().estimate, only(&both).max()),
        (3, Some(OwnedValue::Float(8.0)))
    );
}

#[test]
fn a_summary_is_json_and_text() {
    let columns: [(&str, ArrayRef); 2] = [
        ("age", Arc::new(Float64Array::from(vec![Some(20.0), None, Some(41.0)]))),
        ("plan", Arc::new(StringArray::from(vec!["free", "pro", "free"]))),
    ];
    let profile =
        profile_of(&RecordBatch::try_from_iter_with_nullable(columns.map(|(n, a)| (n, a, true))).unwrap());
    let json = serde_json::to_value(profile.summary()).unwrap();
    assert_eq!(json["columns"][0]["mean"], 30.5);
    assert_eq!(json["columns"][1]["frequent"][0], serde_json::json!(["free", 2]));
    assert!(json["columns"][0]["kurtosis"].is_number() && json["columns"][1]["mean"].is_null());
    let text = profile.summary().to_string();
    let lines: Vec<Vec<&str>> = text.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(lines[0], ["3", "rows,", "2", "columns"]);
    assert_eq!(lines[2], ["age", "number", "33.33", "%", "2", "20.0", "20.000000", "41.0", "30.500000"]);
    assert_eq!(lines[3], ["plan", "text", "0.00", "%", "2", "-", "-", "-", "-"]);
}
