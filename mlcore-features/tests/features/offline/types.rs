//! What becomes of which type, in both directions, and what is not copied.

use std::sync::Arc;

use mlcore::arrow::array::{
    Array, ArrayRef, AsArray, BinaryArray, Date64Array, Decimal32Array, Decimal64Array, Decimal128Array,
    Decimal256Array, DictionaryArray, DurationSecondArray, FixedSizeBinaryArray, Float32Array, Float64Array,
    Int32Array, Int64Array, IntervalYearMonthArray, LargeBinaryArray, LargeStringArray, ListArray,
    RecordBatch, StringArray, StringViewArray, StructArray, Time32MillisecondArray, Time32SecondArray,
    Time64MicrosecondArray, Time64NanosecondArray, TimestampMillisecondArray, TimestampSecondArray,
    UInt8Array, new_empty_array, new_null_array,
};
use mlcore::arrow::datatypes::{
    DataType as ArrowType, Field as ArrowField, Fields, Float64Type, Int8Type, Int32Type, TimeUnit as Unit,
};
use mlcore::{Error, interrupt};
use mlcore_features::offline::polars::prelude::*;
use mlcore_features::offline::{from_batches, from_table, to_batches, to_table};

use super::{categorical, chunked, frame};

/// A series of each type, with a null, and the type of Arrow that it becomes.
fn every_type() -> Vec<(Series, ArrowType)> {
    let numbers = Series::new("x".into(), [Some(1_i64), None, Some(3)]);
    let cast = |dtype: DataType| numbers.cast(&dtype).unwrap();
    let berlin = || TimeZone::opt_try_new(Some("Europe/Berlin")).unwrap();
    let item = |inner: ArrowType| Arc::new(ArrowField::new("item", inner, true));
    let words = Series::new("x".into(), [Some("a"), None, Some("a word of more than twelve bytes")]);
    let days = FrozenCategories::new(["a", "a word of more than twelve bytes"]).unwrap();
    let lists = Series::new("x".into(), [numbers.clone(), numbers.slice(0, 0), numbers.slice(1, 2)]);
    let nulls = Series::new_null("x".into(), 3);
    let nulls_in_lists = Series::new("x".into(), [nulls.clone(), nulls.slice(0, 0), nulls.slice(1, 2)]);
    let words_in_lists = Series::new("x".into(), [words.clone(), words.slice(0, 0), words.slice(0, 1)]);
    let arrays = Series::new("x".into(), [numbers.clone(), numbers.clone(), numbers.clone()]);
    let array = DataType::Array(Box::new(DataType::Int64), 3);
    let part = |name: &str, series: &Series| series.clone().with_name(name.into());
    let structs = [part("number", &numbers), part("kind", &words.cast(&categorical()).unwrap())];
    let structs = StructChunked::from_series("x".into(), 3, structs.iter()).unwrap().into_series();
    let dictionary = |key| ArrowType::Dictionary(Box::new(key), Box::new(ArrowType::Utf8View));
    let fields = Fields::from(vec![
        ArrowField::new("number", ArrowType::Int64, true),
        ArrowField::new("kind", dictionary(ArrowType::UInt32), true),
    ]);
    vec![
        (cast(DataType::Boolean), ArrowType::Boolean),
        (cast(DataType::Int8), ArrowType::Int8),
        (cast(DataType::Int16), ArrowType::Int16),
        (cast(DataType::Int32), ArrowType::Int32),
        (numbers.clone(), ArrowType::Int64),
        (cast(DataType::UInt8), ArrowType::UInt8),
        (cast(DataType::UInt16), ArrowType::UInt16),
        (cast(DataType::UInt32), ArrowType::UInt32),
        (cast(DataType::UInt64), ArrowType::UInt64),
        (cast(DataType::Float16), ArrowType::Float16),
        (cast(DataType::Float32), ArrowType::Float32),
        (cast(DataType::Float64), ArrowType::Float64),
        (cast(DataType::Decimal(20, 3)), ArrowType::Decimal128(20, 3)),
        (words.clone(), ArrowType::Utf8View),
        (words.cast(&DataType::Binary).unwrap(), ArrowType::BinaryView),
        (words.cast(&categorical()).unwrap(), dictionary(ArrowType::UInt32)),
        (words.cast(&DataType::from_frozen_categories(days)).unwrap(), dictionary(ArrowType::UInt8)),
        (cast(DataType::Date), ArrowType::Date32),
        (cast(DataType::Time), ArrowType::Time64(Unit::Nanosecond)),
        (
            cast(DataType::Datetime(TimeUnit::Milliseconds, None)),
            ArrowType::Timestamp(Unit::Millisecond, None),
        ),
        (cast(DataType::Datetime(TimeUnit::Nanoseconds, None)), ArrowType::Timestamp(Unit::Nanosecond, None)),
        (
            numbers.i64().unwrap().clone().into_datetime(TimeUnit::Microseconds, berlin()).into_series(),
            ArrowType::Timestamp(Unit::Microsecond, Some("Europe/Berlin".into())),
        ),
        (cast(DataType::Duration(TimeUnit::Microseconds)), ArrowType::Duration(Unit::Microsecond)),
        (Series::new_null("x".into(), 3), ArrowType::Null),
        (nulls_in_lists, ArrowType::LargeList(item(ArrowType::Null))),
        (lists, ArrowType::LargeList(item(ArrowType::Int64))),
        (
            words_in_lists.cast(&DataType::List(Box::new(categorical()))).unwrap(),
            ArrowType::LargeList(item(dictionary(ArrowType::UInt32))),
        ),
        (arrays.cast(&array).unwrap(), ArrowType::FixedSizeList(item(ArrowType::Int64), 3)),
        (structs, ArrowType::Struct(fields)),
    ]
}

fn framed(series: &Series) -> DataFrame {
    DataFrame::new(series.len(), vec![series.clone().into_column()]).unwrap()
}

fn same(own: &Series, expected: &Series) {
    let is_worded = matches!(expected.dtype(), DataType::Enum(..));
    let expected = if is_worded { expected.cast(&categorical()).unwrap() } else { expected.clone() };
    assert_eq!(own.dtype(), expected.dtype());
    assert!(own.equals_missing(&expected), "{} {own:?} {expected:?}", own.dtype());
}

#[test]
fn every_type_crosses_and_comes_back() {
    for (series, data_type) in every_type() {
        let pieces = [
            series.clone(),
            series.slice(1, 2),
            series.slice(2, 1),
            series.slice(1, 0),
            series.new_from_index(0, 3),
        ];
        for piece in pieces {
            let table = to_table(&framed(&piece)).unwrap();
            assert_eq!(table.column(0).data_type(), &data_type);
            assert_eq!(table.column(0).logical_null_count(), piece.null_count(), "{data_type}");
            table.column(0).to_data().validate_full().unwrap();
            let back = from_table(&table).unwrap();
            same(back.columns()[0].as_materialized_series(), &piece);
            // Slices of Arrow begin in the middle of their buffers, too.
            if piece.len() == 3 {
                let back = from_table(&table.slice(1, 2)).unwrap();
                same(back.columns()[0].as_materialized_series(), &piece.slice(1, 2));
            }
        }
        // Behind one another, in two chunks.
        let mut twice = series.clone();
        twice.append(&series.slice(1, 2)).unwrap();
        let batches = to_batches(&framed(&twice)).unwrap();
        let rows: Vec<usize> = batches.iter().map(RecordBatch::num_rows).collect();
        assert_eq!(rows, [3, 2], "{data_type}");
        let back = from_batches(&batches).unwrap();
        same(back.columns()[0].as_materialized_series(), &twice);
        let whole = from_table(&to_table(&framed(&twice)).unwrap()).unwrap();
        same(whole.columns()[0].as_materialized_series(), &twice);
    }
}

fn one(array: impl Array + 'static) -> RecordBatch {
    RecordBatch::try_from_iter([("x", Arc::new(array) as ArrayRef)]).unwrap()
}

#[track_caller]
fn becomes(array: impl Array + 'static, expected: &Series) {
    let frame = from_table(&one(array)).unwrap();
    same(frame.columns()[0].as_materialized_series(), expected);
}

#[test]
fn other_layouts_of_arrow_are_taken() {
    let long = "a word of more than twelve bytes";
    let words = Series::new("x".into(), [Some("a"), None, Some(long)]);
    becomes(StringArray::from(vec![Some("a"), None, Some(long)]), &words);
    becomes(LargeStringArray::from(vec![Some("a"), None, Some(long)]), &words);
    let bytes = words.cast(&DataType::Binary).unwrap();
    let raw = vec![Some(&b"a"[..]), None, Some(long.as_bytes())];
    becomes(BinaryArray::from(raw.clone()), &bytes);
    becomes(LargeBinaryArray::from(raw), &bytes);
    becomes(LargeStringArray::from(vec![Some("z"), Some("a"), None, Some(long)]).slice(1, 3), &words);

    let numbers = Series::new("x".into(), [Some(7_i64), None, Some(-1)]);
    let keys = Int32Array::from(vec![Some(1), None, Some(0)]);
    becomes(
        DictionaryArray::<Int32Type>::new(keys.clone(), Arc::new(Int64Array::from(vec![-1, 7]))),
        &numbers,
    );
    for words_of in [
        Arc::new(StringArray::from(vec![long, "a", "unused"])) as ArrayRef,
        Arc::new(LargeStringArray::from(vec![long, "a"])),
        Arc::new(StringViewArray::from(vec![long, "a"])),
    ] {
        let dictionary = DictionaryArray::<Int32Type>::new(keys.clone(), words_of);
        becomes(dictionary, &words.cast(&categorical()).unwrap());
    }
    let nothing = DictionaryArray::<Int32Type>::new(
        Int32Array::new_null(2),
        Arc::new(StringArray::from(Vec::<&str>::new())),
    );
    becomes(nothing, &Series::full_null("x".into(), 2, &categorical()));
    // A word that is null is a missing value.
    let nulls = DictionaryArray::<Int8Type>::new(
        vec![Some(0_i8), Some(1)].into(),
        Arc::new(StringArray::from(vec![None, Some("a")])),
    );
    becomes(nulls, &Series::new("x".into(), [None, Some("a")]).cast(&categorical()).unwrap());

    let cast =
        |values: [Option<i64>; 2], dtype: DataType| Series::new("x".into(), values).cast(&dtype).unwrap();
    becomes(Date64Array::from(vec![Some(86_400_000 * 3), None]), &cast([Some(3), None], DataType::Date));
    let second = Some(1_000_000_000);
    becomes(Time32SecondArray::from(vec![Some(1), None]), &cast([second, None], DataType::Time));
    becomes(Time32MillisecondArray::from(vec![Some(1000), None]), &cast([second, None], DataType::Time));
    becomes(Time64MicrosecondArray::from(vec![Some(1_000_000), None]), &cast([second, None], DataType::Time));
    let moments = TimestampSecondArray::from(vec![Some(5), None]).with_timezone("UTC");
    let zone = TimeZone::opt_try_new(Some("UTC")).unwrap();
    let expected = Int64Chunked::from_slice_options("x".into(), &[Some(5000), None]);
    becomes(moments, &expected.into_datetime(TimeUnit::Milliseconds, zone).into_series());
    let spans = DurationSecondArray::from(vec![Some(-5), None]);
    becomes(spans, &cast([Some(-5000), None], DataType::Duration(TimeUnit::Milliseconds)));
    let money = |digits: [Option<i64>; 2]| {
        let scaled = cast(digits, DataType::Decimal(9, 2));
        (&scaled / &Series::new("x".into(), [100_i64])).unwrap().cast(&DataType::Decimal(9, 2)).unwrap()
    };
    let expected = money([Some(12_345), None]);
    let as_decimal = |array: ArrayRef| {
        let frame = from_table(&RecordBatch::try_from_iter([("x", array)]).unwrap()).unwrap();
        same(frame.columns()[0].as_materialized_series(), &expected);
    };
    let digits = vec![Some(12_345), None];
    as_decimal(Arc::new(Decimal32Array::from(digits.clone()).with_precision_and_scale(9, 2).unwrap()));
    let digits = digits.iter().map(|digit| digit.map(i64::from)).collect::<Vec<_>>();
    as_decimal(Arc::new(Decimal64Array::from(digits.clone()).with_precision_and_scale(9, 2).unwrap()));
    let digits = digits.iter().map(|digit| digit.map(i128::from)).collect::<Vec<_>>();
    as_decimal(Arc::new(Decimal128Array::from(digits).with_precision_and_scale(9, 2).unwrap()));
    let lists =
        ListArray::from_iter_primitive::<Int32Type, _, _>([Some(vec![Some(1), None]), None, Some(vec![])]);
    let frame = from_table(&one(lists.slice(0, 2))).unwrap();
    assert_eq!(frame.columns()[0].dtype(), &DataType::List(Box::new(DataType::Int32)));
    assert_eq!(frame.columns()[0].null_count(), 1);
}

#[test]
fn nan_and_null_are_two_things_with_their_bits() {
    let quiet = f64::from_bits(0x7ff8_0000_0000_1234);
    let series = Series::new("x".into(), [Some(quiet), None, Some(-0.0), Some(f64::INFINITY)]);
    let table = to_table(&framed(&series)).unwrap();
    let floats = table.column(0).as_primitive::<Float64Type>();
    assert_eq!(floats.value(0).to_bits(), quiet.to_bits());
    assert!(floats.is_null(1) && floats.null_count() == 1);
    let back = from_table(&table).unwrap();
    let back =
        back.columns()[0].f64().unwrap().iter().map(|value| value.map(f64::to_bits)).collect::<Vec<_>>();
    assert_eq!(
        back,
        [Some(quiet.to_bits()), None, Some((-0.0_f64).to_bits()), Some(f64::INFINITY.to_bits())]
    );
}

#[test]
fn what_is_laid_out_alike_stays_where_it_lies() {
    let frame = frame(1000).slice(100, 700);
    let table = to_table(&frame).unwrap();
    let place = |name: &str| table.column_by_name(name).unwrap().to_data();

    let values =
        frame.column("age").unwrap().f64().unwrap().downcast_iter().next().unwrap().values().as_ptr();
    assert_eq!(place("age").buffer::<f64>(0).as_ptr(), values);
    let values =
        frame.column("visits").unwrap().i8().unwrap().downcast_iter().next().unwrap().values().as_ptr();
    assert_eq!(place("visits").buffer::<i8>(0).as_ptr(), values);
    let text = frame.column("plan").unwrap().str().unwrap().downcast_iter().next().unwrap();
    assert_eq!(place("plan").buffer::<u128>(0).as_ptr().cast(), text.views().as_ptr());
    assert_eq!(place("plan").buffers()[1].as_ptr(), text.data_buffers()[0].as_ptr());

    let back = from_table(&table).unwrap();
    let values = back.column("age").unwrap().f64().unwrap().downcast_iter().next().unwrap().values().as_ptr();
    assert_eq!(values, place("age").buffer::<f64>(0).as_ptr());
    let text = back.column("plan").unwrap().str().unwrap().downcast_iter().next().unwrap();
    assert_eq!(text.data_buffers()[0].as_ptr(), place("plan").buffers()[1].as_ptr());
    let moments = back.column("seen").unwrap().to_physical_repr();
    let values = moments.i64().unwrap().downcast_iter().next().unwrap().values().as_ptr();
    assert_eq!(values, place("seen").buffer::<i64>(0).as_ptr());
    // It lives on without what it came from.
    let kept = from_table(&to_table(&super::frame(50)).unwrap()).unwrap();
    assert!(kept.equals_missing(&super::frame(50)));
}

#[test]
fn columns_of_different_chunks_are_cut_and_not_copied() {
    let mut one = Series::new("a".into(), [1_i64, 2, 3]);
    one.append(&Series::new("a".into(), [4_i64])).unwrap();
    let mut two = Series::new("b".into(), [1.0]);
    two.append(&Series::new("b".into(), [2.0, 3.0, 4.0])).unwrap();
    let third = Column::new_scalar("c".into(), Scalar::from(7_i32), 4);
    let frame = DataFrame::new(4, vec![one.clone().into_column(), two.into_column(), third]).unwrap();
    let batches = to_batches(&frame).unwrap();
    assert_eq!(batches.iter().map(RecordBatch::num_rows).collect::<Vec<_>>(), [1, 2, 1]);
    assert!(from_batches(&batches).unwrap().equals(&frame));
    let first = one.i64().unwrap().downcast_iter().next().unwrap().values().as_ptr();
    let own = batches[1].column(0).to_data();
    assert_eq!(own.buffer::<i64>(0).as_ptr().wrapping_sub(1), first);
    assert!(from_table(&to_table(&frame).unwrap()).unwrap().equals(&frame));
}

#[test]
fn frames_without_rows_or_columns_cross() {
    let empty = frame(0);
    let [table] = &to_batches(&empty).unwrap()[..] else { panic!("one table") };
    assert_eq!((table.num_rows(), table.num_columns()), (0, empty.width()));
    assert!(from_table(table).unwrap().equals_missing(&empty));
    let tall = DataFrame::empty_with_height(5);
    let table = to_table(&tall).unwrap();
    assert_eq!((table.num_rows(), table.num_columns()), (5, 0));
    assert_eq!(from_table(&table).unwrap().shape(), (5, 0));
    assert_eq!(from_batches(&[]).unwrap().shape(), (0, 0));
    // Chunks without rows are passed over.
    let mut holes = chunked(&frame(10), &[0, 0, 4, 4]);
    holes.vstack_mut(&frame(0)).unwrap();
    assert_eq!(to_batches(&holes).unwrap().len(), 2);
}

#[track_caller]
fn is_refused(error: mlcore::Result<impl Sized>, part: &str) {
    let error = error.err().expect("it is refused");
    assert!(
        matches!(error, Error::Unsupported(_) | Error::InvalidInput(_) | Error::SchemaMismatch(_)),
        "{error:?}"
    );
    assert!(error.to_string().contains(part), "{error}");
}

#[test]
fn what_does_not_cross_is_refused_by_name() {
    let numbers = Series::new("x".into(), [1_i64, 2]);
    let refused = |series: Series, part: &str| is_refused(to_batches(&framed(&series)), part);
    refused(
        numbers.cast(&DataType::Int128).unwrap(),
        "read frame x: columns of type i128 are not taken; cast it",
    );
    let lists = Series::new("x".into(), [numbers.cast(&DataType::Int128).unwrap()]);
    refused(lists, "x: columns of type i128 are not taken");
    refused(
        Series::new_empty("x".into(), &DataType::Array(Box::new(DataType::Int64), 0)),
        "x: columns of type array of width 0 are not taken",
    );
    refused(Series::new_empty("x".into(), &DataType::Struct(vec![])), "x: columns of type struct");

    let back = |array: ArrayRef, part: &str| {
        is_refused(from_table(&RecordBatch::try_from_iter([("x", array)]).unwrap()), part);
    };
    back(
        Arc::new(IntervalYearMonthArray::from(vec![1])),
        "make frame x: columns of type Interval(YearMonth) are not",
    );
    back(
        Arc::new(FixedSizeBinaryArray::try_from_iter([[1_u8, 2]].into_iter()).unwrap()),
        "FixedSizeBinary(2)",
    );
    back(Arc::new(Decimal256Array::from(vec![None])), "Decimal256(76, 10)");
    let tens = Decimal128Array::from(vec![1]).with_precision_and_scale(5, -1).unwrap();
    back(Arc::new(tens), "Decimal128(5, -1)");
    let long = Decimal128Array::from(vec![123_456]).with_precision_and_scale(3, 0).unwrap();
    back(Arc::new(long), "make frame x: ");
    let item = Arc::new(ArrowField::new("item", ArrowType::Int8, true));
    back(new_null_array(&ArrowType::FixedSizeList(item.clone(), 0), 2), "FixedSizeList(0");
    back(new_empty_array(&ArrowType::ListView(item)), "ListView");
    back(Arc::new(StructArray::new_empty_fields(2, None)), "Struct()");
    back(
        Arc::new(TimestampSecondArray::from(vec![0, i64::MAX])),
        "x: row 1 holds 9223372036854775807, which is beyond",
    );
    back(Arc::new(Time32SecondArray::from(vec![86_399, 86_400])), "row 1 holds 86400");
    back(Arc::new(Time64MicrosecondArray::from(vec![i64::MIN])), "row 0 holds");
    back(Arc::new(Time64NanosecondArray::from(vec![-1])), "row 0 holds -1");
    let twins = ArrowField::new("x", ArrowType::UInt8, true);
    let schema = mlcore::arrow::datatypes::Schema::new(vec![twins.clone(), twins]);
    let column: ArrayRef = Arc::new(UInt8Array::from(vec![1]));
    let twins = RecordBatch::try_new(Arc::new(schema), vec![column.clone(), column]).unwrap();
    is_refused(from_table(&twins), "make frame columns: ");
    let (one, other) = (one(Float64Array::from(vec![1.0])), one(Float32Array::from(vec![1.0])));
    is_refused(from_batches(&[one.clone(), other]), "make frame tables: ");
    let named = RecordBatch::try_from_iter([("y", one.column(0).clone())]).unwrap();
    is_refused(from_batches(&[one, named]), "the first has x, and another y; give all the same columns");
}

#[test]
fn odd_names_cross() {
    for name in ["", "*", "^a.*$", "nul\0inside", "\u{202e}", "a.b"] {
        let frame = framed(&Series::new(name.into(), [1_i64, 2]));
        let table = to_table(&frame).unwrap();
        assert_eq!(table.schema_ref().field(0).name(), name);
        assert!(from_table(&table).unwrap().equals(&frame));
        let structs = StructChunked::from_series(
            "x".into(),
            2,
            [frame.columns()[0].as_materialized_series()].into_iter(),
        );
        let frame = framed(&structs.unwrap().into_series());
        assert!(from_table(&to_table(&frame).unwrap()).unwrap().equals(&frame), "{name:?}");
    }
}

#[test]
fn a_caller_can_stop_it() {
    let frame = frame(10);
    let table = to_table(&frame).unwrap();
    assert!(matches!(interrupt::scope(|| true, || to_batches(&frame)), Err(Error::Interrupted(_))));
    assert!(matches!(interrupt::scope(|| true, || from_table(&table)), Err(Error::Interrupted(_))));
    let seen = TimestampMillisecondArray::from(vec![1]);
    assert!(from_table(&one(seen)).is_ok());
}
