//! Tables of every kind of column, drawn at random, and the profiles of their parts.

use std::sync::Arc;

use mlcore::arrow::array::{
    ArrayRef, BooleanArray, Date32Array, DictionaryArray, Float32Array, Float64Array, Int64Array,
    RecordBatch, StringArray, TimestampMicrosecondArray,
};
use mlcore::arrow::datatypes::Int32Type;
use mlcore::profile::{Profile, ProfileOptions};
use mlcore::stats::SplitMix64;

/// A table of one column.
pub(crate) fn column(array: impl Into<ArrayRef>) -> RecordBatch {
    RecordBatch::try_from_iter_with_nullable([("x", array.into(), true)]).unwrap()
}

pub(crate) fn doubles(values: impl IntoIterator<Item = f64>) -> RecordBatch {
    column(Arc::new(Float64Array::from_iter_values(values)) as ArrayRef)
}

pub(crate) fn profile_of(batch: &RecordBatch) -> Profile {
    let mut profile = Profile::default();
    profile.add(batch).unwrap();
    profile
}

/// The bins that [`table`] is counted in.
pub(crate) fn options() -> ProfileOptions {
    ProfileOptions::default()
        .with_edges("normal", [-1.0, 0.0, 0.5])
        .with_edges("few", (0..40).map(f64::from).collect::<Vec<_>>())
        .with_categories("word", ["w-1", "w-2", "never"])
}

/// A table of mixed columns, with gaps, infinities, repeated values and integers past 2^53.
pub(crate) fn table(rows: usize, seed: u64) -> RecordBatch {
    let mut random = SplitMix64::new(seed);
    let mut gaps = SplitMix64::new(seed ^ 1);
    let mut sometimes = move |count: usize| gaps.below(count) == 0;
    let normal: Float64Array = (0..rows)
        .map(|_| match random.below(40) {
            0 => None,
            1 => Some(f64::NAN),
            2 => Some(f64::INFINITY),
            3..8 => Some(0.0),
            _ => Some(random.normal() * 10_f64.powi(random.below(3) as i32)),
        })
        .collect();
    let floats: Float32Array = (0..rows).map(|_| Some(random.normal() as f32)).collect();
    let few: Int64Array = (0..rows).map(|_| (!sometimes(9)).then(|| random.below(37) as i64)).collect();
    let large: Int64Array = (0..rows).map(|_| Some(i64::MAX - random.below(1 << 40) as i64)).collect();
    let word: StringArray = (0..rows)
        .map(|_| (!sometimes(9)).then(|| format!("w-{}", random.below(random.clone().below(5000) + 1))))
        .collect();
    let plan: DictionaryArray<Int32Type> =
        (0..rows).map(|_| Some(["free", "pro", "é"][random.below(3)])).collect();
    let flag: BooleanArray = (0..rows).map(|_| (!sometimes(5)).then(|| random.below(3) == 0)).collect();
    let day: Date32Array = (0..rows).map(|_| Some(random.below(9000) as i32)).collect();
    let at: TimestampMicrosecondArray =
        (0..rows).map(|_| Some(1_700_000_000_000_000 + random.below(1 << 50) as i64)).collect();
    let columns: [(&str, ArrayRef); 9] = [
        ("normal", Arc::new(normal)),
        ("floats", Arc::new(floats)),
        ("few", Arc::new(few)),
        ("large", Arc::new(large)),
        ("word", Arc::new(word)),
        ("plan", Arc::new(plan)),
        ("flag", Arc::new(flag)),
        ("day", Arc::new(day)),
        ("at", Arc::new(at.with_timezone("UTC"))),
    ];
    RecordBatch::try_from_iter_with_nullable(columns.map(|(name, array)| (name, array, true))).unwrap()
}

/// The profile of the parts of a table that are cut at these rows, merged as a tree that `order` chooses.
pub(crate) fn merged(batch: &RecordBatch, cuts: &[usize], mut order: SplitMix64) -> Profile {
    let mut ends: Vec<usize> = cuts.iter().map(|cut| cut % (batch.num_rows() + 1)).collect();
    ends.extend([0, batch.num_rows()]);
    ends.sort_unstable();
    let mut parts: Vec<Profile> = ends
        .windows(2)
        .map(|pair| {
            let mut profile = Profile::new(&options()).unwrap();
            profile.add(&batch.slice(pair[0], pair[1] - pair[0])).unwrap();
            profile
        })
        .collect();
    order.shuffle(&mut parts);
    while parts.len() > 1 {
        let other = parts.swap_remove(order.below(parts.len()));
        let into = order.below(parts.len());
        // Now and then one goes over the wire first.
        let other = if order.below(2) == 0 { Profile::from_bytes(&other.to_bytes()).unwrap() } else { other };
        parts[into].merge(&other).unwrap();
    }
    parts.remove(0)
}
