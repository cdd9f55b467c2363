//! Odd columns are profiled, or refused by name.

use std::sync::Arc;

use mlcore::arrow::array::{
    Array, ArrayRef, Date64Array, Float64Array, Int64Array, NullArray, RecordBatch, StringArray,
    new_null_array,
};
use mlcore::arrow::datatypes::{DataType, Field, Schema};
use mlcore::batch::{Row, Value};
use mlcore::profile::{Profile, ProfileOptions};
use mlcore::schema::{DType, Field as Named, Schema as Names};
use mlcore::{Error, interrupt};

use crate::support::{column, doubles, profile_of};

/// Everything that can be asked is answered without NaN.
fn answered(batch: &RecordBatch) -> Profile {
    let profile = profile_of(batch);
    let json = serde_json::to_string(&profile.summary()).unwrap();
    // An infinite value may be a frequent one, and nothing else.
    assert!(!json.contains("NaN") && !json.replace("[\"Infinity\",", "").contains(":Infinity"), "{json}");
    assert_eq!(Profile::from_bytes(&profile.to_bytes()).unwrap(), profile);
    for (_, column) in profile.columns() {
        if let Some(ranks) = column.ranks() {
            assert!(ranks.below(f64::NEG_INFINITY) == (0, 0) && ranks.below(0.0).0 <= ranks.len());
        }
    }
    profile
}

#[test]
fn odd_columns_have_profiles() {
    let nan = f64::NAN;
    for (values, present, infinite) in [
        (vec![], 0, 0),
        (vec![1.0], 1, 0),
        (vec![3.0; 5000], 5000, 0),
        (vec![nan; 3000], 0, 0),
        (vec![f64::INFINITY; 3000], 3000, 3000),
        (vec![f64::INFINITY, f64::NEG_INFINITY, nan, 1.0], 3, 2),
        ((0..3000).map(|i| [nan, f64::INFINITY, f64::from(i)][i as usize % 3]).collect(), 2000, 1000),
        ((0..3000).map(|i| f64::MAX / f64::from(i + 1)).collect(), 3000, 0),
        ((0..3000).map(|i| 5e-324 * f64::from(i)).collect(), 3000, 0),
    ] {
        let profile = answered(&doubles(values.iter().copied()));
        let found = profile.column("x").unwrap();
        assert_eq!(found.values(), present, "{:?}", values.first());
        assert_eq!(found.positive_infinities() + found.negative_infinities(), infinite);
        assert_eq!(found.rows(), values.len() as u64);
        assert!(found.variance().is_none_or(|variance| variance >= 0.0));
    }
    let constant = profile_of(&doubles([3.0; 5000]));
    let found = constant.column("x").unwrap();
    assert_eq!((found.mean(), found.variance(), found.skewness()), (Some(3.0), Some(0.0), None));
}

#[test]
fn columns_without_values_are_counted() {
    for array in [
        Arc::new(NullArray::new(5)) as ArrayRef,
        new_null_array(&DataType::Utf8, 5),
        new_null_array(&DataType::Boolean, 5),
        new_null_array(&DataType::Float64, 5),
        new_null_array(&DataType::Int64, 5),
        new_null_array(&DataType::Date64, 5),
        new_null_array(&DataType::Dictionary(Box::new(DataType::Int8), Box::new(DataType::Utf8)), 5),
        new_null_array(&DataType::List(Arc::new(Field::new("item", DataType::Int8, true))), 5),
    ] {
        let profile = answered(&column(array));
        let found = profile.column("x").unwrap();
        assert_eq!((found.rows(), found.nulls(), found.values(), found.missing_rate()), (5, 5, 0, 1.0));
        assert_eq!((found.min(), found.mean(), found.frequent_items(5).len()), (None, None, 0));
    }
    let empty = RecordBatch::new_empty(Arc::new(Schema::new(vec![Field::new("x", DataType::Utf8, true)])));
    assert_eq!(answered(&empty).column("x").unwrap().missing_rate(), 0.0);
    answered(&RecordBatch::new_empty(Arc::new(Schema::empty())));
}

#[test]
fn very_long_texts_are_counted_and_not_kept() {
    let long = |end: &str| format!("{}{end}", "é".repeat(1 << 20));
    let texts = StringArray::from(vec![long("a"), long("b"), long("a"), String::new()]);
    let profile = answered(&column(Arc::new(texts) as ArrayRef));
    let found = profile.column("x").unwrap();
    let lengths = found.lengths().unwrap();
    assert_eq!((lengths.shortest, lengths.longest), (0, (1 << 20) + 1));
    assert_eq!((found.distinct().unwrap().estimate, found.frequent_items(1)[0].count), (3, 2));
    assert!(profile.to_bytes().len() < 1000);
}

#[test]
fn integers_of_a_wide_range_are_summed_exactly() {
    let values: Vec<i64> = (0..20_000).map(|i| 1_000_000_000 * (i % 2) + i).collect();
    let profile = answered(&column(Arc::new(Int64Array::from(values.clone())) as ArrayRef));
    let sum: i128 = values.iter().map(|value| i128::from(*value)).sum();
    assert_eq!(profile.column("x").unwrap().mean(), Some(sum as f64 / 20_000.0));
}

#[test]
fn what_cannot_be_counted_is_refused_by_name() {
    for edges in [vec![1.0, 0.0], vec![1.0, 1.0], vec![f64::NAN], (0..5000).map(f64::from).collect()] {
        let error = Profile::new(&ProfileOptions::default().with_edges("x", edges)).unwrap_err().to_string();
        assert!(error.starts_with("profile x: "), "{error}");
    }
    let array = || Arc::new(Float64Array::from(vec![1.0])) as ArrayRef;
    let schema = Schema::new(vec![Field::new("x", DataType::Float64, true); 2]);
    let twice = RecordBatch::try_new(Arc::new(schema), vec![array(), array()]).unwrap();
    let mut profile = Profile::default();
    let error = profile.add(&twice).unwrap_err().to_string();
    assert!(error.contains("profile x: two columns have this name"), "{error}");
    let odd = column(Arc::new(Date64Array::from(vec![1])) as ArrayRef);
    assert!(profile.add(&odd).unwrap_err().to_string().contains("no whole day"));
    assert_eq!(profile, Profile::default());
}

#[test]
fn a_bad_row_changes_nothing() {
    let schema = Names::new([Named::column("a", DType::Float64), Named::column("b", DType::String)]).unwrap();
    let mut profile = Profile::default();
    profile.add_row(Row::unchecked(&[Value::Int(3), Value::Text("x")]), &schema).unwrap();
    let before = profile.clone();
    for values in [[Value::Float(1.0), Value::Int(2)], [Value::Text("1"), Value::Text("x")]] {
        let error = profile.add_row(Row::unchecked(&values), &schema).unwrap_err();
        assert!(matches!(error, Error::SchemaMismatch(_)), "{error}");
    }
    assert!(profile.add_row(Row::unchecked(&[Value::Null]), &schema).is_err());
    let other = Names::new([Named::column("a", DType::String), Named::column("b", DType::String)]).unwrap();
    let error =
        profile.add_row(Row::unchecked(&[Value::Text("x"), Value::Null]), &other).unwrap_err().to_string();
    assert!(error.contains("profile a: the column was of kind number"), "{error}");
    assert_eq!(profile, before);
    let row = [Value::Null, Value::Text("x")];
    profile.add_row(Row::unchecked(&row).with_absent(&[0]), &schema).unwrap();
    assert_eq!((profile.absent("a"), profile.absent("b"), profile.rows()), (1, 0, 2));
}

#[test]
fn a_long_batch_stops_when_asked_and_changes_nothing() {
    let batch = doubles((0..400_000).map(f64::from));
    let mut profile = profile_of(&doubles([1.0]));
    let before = profile.clone();
    let asked = std::cell::Cell::new(0);
    let stop = std::rc::Rc::new(asked);
    let counter = std::rc::Rc::clone(&stop);
    let result = interrupt::scope(
        move || {
            counter.set(counter.get() + 1);
            counter.get() > 0
        },
        || profile.add(&batch),
    );
    assert!(matches!(result, Err(Error::Interrupted(_))) && stop.get() > 0);
    assert_eq!(profile, before);
    assert_eq!(batch.column(0).len(), 400_000);
}
