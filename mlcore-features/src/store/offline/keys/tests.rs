use std::sync::Arc;

use mlcore::arrow::array::{
    Array, BinaryArray, BooleanArray, Date32Array, Date64Array, DictionaryArray, FixedSizeBinaryArray,
    Float32Array, Float64Array, Int8Array, Int64Array, LargeStringArray, StringArray, StringViewArray,
    UInt64Array,
};
use mlcore::arrow::datatypes::Int8Type;

use super::*;

/// Which of the inserted rows each row of the other column equals.
fn found(own: &dyn Array, other: &dyn Array) -> Result<Vec<Option<u32>>> {
    let own = own.slice(0, own.len());
    let other = other.slice(0, other.len());
    let mut keys = Keys::new("test", [(("a", own.data_type()), ("b", other.data_type()))])?;
    let mut numbers = Vec::new();
    keys.insert(std::slice::from_ref(&own), own.len(), &mut numbers)?;
    let by_row: Vec<u32> = (0..keys.count() as u32)
        .map(|number| numbers.iter().position(|own| *own == number).unwrap() as u32)
        .collect();
    keys.renumber(&by_row);
    keys.finder().find(std::slice::from_ref(&other), other.len(), 0, &mut numbers)?;
    Ok(numbers.into_iter().map(|number| (number != NOTHING).then_some(number)).collect())
}

#[test]
fn integers_of_any_width_and_floats_are_compared_as_numbers() {
    let narrow = Int8Array::from(vec![Some(-1), Some(3), None]);
    let wide = Int64Array::from(vec![3, -1, 255, i64::MAX]);
    assert_eq!(found(&narrow, &wide).unwrap(), [Some(1), Some(0), None, None]);
    let unsigned = UInt64Array::from(vec![u64::MAX, 3]);
    assert_eq!(found(&narrow, &unsigned).unwrap(), [None, Some(1)]);
    assert_eq!(found(&unsigned, &wide).unwrap(), [Some(1), None, None, None]);
    assert_eq!(found(&unsigned, &UInt64Array::from(vec![u64::MAX])).unwrap(), [Some(0)]);
    let floats = Float64Array::from(vec![3.0, 3.5, f64::NAN, -1.0, 1e300, 18446744073709549568.0]);
    assert_eq!(found(&narrow, &floats).unwrap(), [Some(1), None, None, Some(0), None, None]);
    let large = UInt64Array::from(vec![18446744073709549568]);
    assert_eq!(found(&large, &floats).unwrap(), [None, None, None, None, None, Some(0)]);
    let zeros = Float32Array::from(vec![-0.0, f32::NAN, 0.5]);
    let others = Float64Array::from(vec![0.0, f64::NAN, 0.5]);
    assert_eq!(found(&zeros, &others).unwrap(), [Some(0), None, Some(2)]);
}

#[test]
fn texts_of_any_layout_dates_and_bools_are_compared_by_value() {
    let words = ["alpha", "", "gamma, which is longer than sixteen bytes"];
    let plain = StringArray::from(vec![Some(words[0]), None, Some(words[1]), Some(words[2])]);
    let large = LargeStringArray::from(vec![words[2], "beta"]);
    let views = StringViewArray::from(vec![Some(words[2]), None, Some("")]);
    let coded: DictionaryArray<Int8Type> =
        vec![Some(words[0]), Some("beta"), None, Some(words[0])].into_iter().collect();
    assert_eq!(found(&plain, &large).unwrap(), [Some(3), None]);
    assert_eq!(found(&plain, &views).unwrap(), [Some(3), None, Some(2)]);
    assert_eq!(found(&plain, &coded).unwrap(), [Some(0), None, None, Some(0)]);
    assert_eq!(found(&coded, &plain).unwrap(), [Some(0), None, None, None]);
    let bytes = BinaryArray::from(vec![b"ab".as_slice()]);
    let fixed = FixedSizeBinaryArray::try_from_iter([b"zz", b"ab"].into_iter()).unwrap();
    assert_eq!(found(&bytes, &fixed).unwrap(), [None, Some(0)]);
    let days = Date32Array::from(vec![-1, 2]);
    let milliseconds = Date64Array::from(vec![-1, 2 * 86_400_000]);
    assert_eq!(found(&days, &milliseconds).unwrap(), [Some(0), Some(1)]);
    let flags = BooleanArray::from(vec![Some(true), None]);
    assert_eq!(found(&flags, &BooleanArray::from(vec![false, true])).unwrap(), [None, Some(0)]);
}

#[test]
fn types_that_do_not_compare_are_named() {
    let error = found(&Int64Array::from(vec![1]), &StringArray::from(vec!["1"])).unwrap_err();
    assert_eq!(
        error.to_string(),
        "test a: it is Int64, and the key column b of the source is Utf8; \
         cast one of the two, so that both have one type"
    );
    let lists = mlcore::arrow::array::NullArray::new(1);
    assert!(found(&lists, &lists).unwrap_err().to_string().contains("a key of type Null cannot be compared"));
}

#[test]
fn several_columns_are_one_key() {
    let number = DataType::Int64;
    let text = DataType::Utf8;
    let types = [(("a", &number), ("a", &number)), (("b", &text), ("b", &text))];
    let mut keys = Keys::new("test", types).unwrap();
    let columns = |numbers: Vec<i64>, texts: Vec<Option<&str>>| -> [ArrayRef; 2] {
        [Arc::new(Int64Array::from(numbers)), Arc::new(StringArray::from(texts))]
    };
    let mut numbers = Vec::new();
    let own = columns(vec![1, 1, 2, 1, 2], vec![Some("x"), Some("y"), Some("x"), Some("x"), None]);
    keys.insert(&own, 5, &mut numbers).unwrap();
    assert_eq!(numbers, [0, 1, 2, 0, NOTHING]);
    keys.renumber(&[10, 11, 12]);
    let other = columns(vec![2, 2, 1, 3], vec![Some("x"), Some("y"), Some("y"), Some("x")]);
    keys.finder().find(&other, 4, 0, &mut numbers).unwrap();
    assert_eq!(numbers, [12, NOTHING, 11, NOTHING]);
}

#[test]
fn without_columns_all_rows_are_one_key() {
    let mut keys = Keys::new("test", []).unwrap();
    let mut numbers = Vec::new();
    keys.insert(&[], 3, &mut numbers).unwrap();
    assert_eq!((numbers.as_slice(), keys.count()), ([0, 0, 0].as_slice(), 1));
    keys.finder().find(&[], 2, 7, &mut numbers).unwrap();
    assert_eq!(numbers, [7, 7]);
}
