//! Random dates and times: one row at a time and all rows at once give the same bits and the same errors.

use std::sync::Arc;

use mlcore::arrow::array::{
    ArrayRef, Date32Array, Time32SecondArray, TimestampMicrosecondArray, TimestampMillisecondArray,
};
use mlcore::stats::SplitMix64;
use mlcore_features::pipeline::{ColumnTransformer, Pipeline};
use mlcore_features::transform::{
    DatetimeFeature, DatetimeFeatures, MissingValues, StandardScaler, TimeSince,
};
use proptest::prelude::*;

use crate::parity::compare;
use crate::random::table;

/// Dates and times, of which some are missing.
fn run_moments(seed: u64, rows: usize) -> Result<&'static str, TestCaseError> {
    let mut choices = SplitMix64::new(seed);
    let mut counts = |range: usize, scale: i64| -> Vec<Option<i64>> {
        (0..rows).map(|_| Some((choices.below(range) as i64 - range as i64 / 4) * scale)).collect()
    };
    let (seen, shown) = (counts(1 << 33, 1_000_003), counts(1 << 40, 1));
    let (days, mut at) = (counts(1 << 20, 1), counts(80_000, 1));
    let ignored = seed.is_multiple_of(2);
    if let Some(place) = at.get_mut(rows / 2).filter(|_| ignored || seed.is_multiple_of(3)) {
        *place = None;
    }
    let days = days.into_iter().map(|day| day.map(|day| day as i32)).collect::<Date32Array>();
    let at =
        at.into_iter().map(|at| at.map(|at| at.rem_euclid(86_400) as i32)).collect::<Time32SecondArray>();
    let columns: Vec<(String, ArrayRef, bool)> = vec![
        (
            "x0".into(),
            Arc::new(TimestampMicrosecondArray::from(seen).with_timezone("America/New_York")),
            true,
        ),
        ("x1".into(), Arc::new(TimestampMillisecondArray::from(shown)), false),
        ("x2".into(), Arc::new(days), true),
        ("x3".into(), Arc::new(at), true),
    ];
    let missing = if ignored { MissingValues::Ignore } else { MissingValues::Raise };
    let all = DatetimeFeatures::default().missing_values(missing).features_to_extract(DatetimeFeature::ALL);
    let of_day = [DatetimeFeature::Second, DatetimeFeature::Hour];
    let of_day = DatetimeFeatures::default().missing_values(missing).features_to_extract(of_day);
    let whole = table(&columns);
    let plan = ColumnTransformer::new()
        .with(
            "zone",
            Pipeline::new().then("parts", all.clone()).then("scale", StandardScaler::default()),
            ["x0"],
        )
        .with("all", all, ["x2", "x1"])
        .with("day", of_day, ["x3"])
        .with("since", TimeSince::default().reference("x2"), ["x1", "x2"])
        .with("fixed", TimeSince::default().moment("2024-02-29T12:30Z").missing_values(missing), ["x0"]);
    // A missing time stands behind the first row.
    compare(&plan.fit(&whole.slice(0, 1)).unwrap(), &whole)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn rows_and_tables_agree_on_moments(seed in any::<u64>(), rows in 2_usize..700) {
        run_moments(seed, rows)?;
    }
}

#[test]
fn the_random_moments_see_every_outcome() {
    let outcomes: Vec<&str> = (0..40).map(|seed| run_moments(seed, 20).unwrap()).collect();
    for outcome in ["equal", "refused"] {
        assert!(outcomes.iter().filter(|own| **own == outcome).count() >= 5, "{outcomes:?}");
    }
}
