//! Columns of every type that Arrow has: taken, or refused by name with what to do, by fitting, by tables and by rows.

use std::sync::Arc;

use mlcore::Error;
use mlcore::arrow::array::{
    Array, ArrayData, ArrayRef, AsArray, Decimal128Array, Decimal256Array, DictionaryArray,
    FixedSizeListArray, Float64Array, Int64Array, ListArray, RecordBatch, RunArray, StringArray, StructArray,
    make_array, new_null_array,
};
use mlcore::arrow::datatypes::{
    DataType, Field, Fields, Float64Type, Int8Type, Int32Type, IntervalUnit, TimeUnit, UnionMode, i256,
};
use mlcore::batch::{Row, Value};
use mlcore::schema::{DType, Schema};
use mlcore::time::{Date, DateTime, Time, Timestamp};
use mlcore_features::nested::flatten;
use mlcore_features::pipeline::{ColumnTransformer, Pipeline, Plan, Step};
use mlcore_features::transform::{Fit, OneHotEncoder, SimpleImputer, StandardScaler, Training};

/// One of each of Arrow's types, several where parameters matter, and whether a column of it is taken.
fn types() -> Vec<(DataType, bool)> {
    use DataType::*;
    let item = |data_type: DataType| Arc::new(Field::new("item", data_type, true));
    let pair: Fields = vec![Field::new("a", Int64, true), Field::new("b", Utf8, true)].into();
    let entries = Field::new(
        "entries",
        Struct(vec![Field::new("key", Utf8, false), Field::new("value", Int64, true)].into()),
        false,
    );
    let union = std::iter::once((0, Arc::new(Field::new("a", Int64, true)))).collect();
    let zone = || Some("Europe/Zurich".into());
    let taken = vec![
        Boolean,
        Int8,
        Int16,
        Int32,
        Int64,
        UInt8,
        UInt16,
        UInt32,
        UInt64,
        Float16,
        Float32,
        Float64,
        Utf8,
        LargeUtf8,
        Utf8View,
        Date32,
        Date64,
        Time32(TimeUnit::Second),
        Time32(TimeUnit::Millisecond),
        Time64(TimeUnit::Microsecond),
        Time64(TimeUnit::Nanosecond),
        Timestamp(TimeUnit::Second, None),
        Timestamp(TimeUnit::Millisecond, zone()),
        Timestamp(TimeUnit::Microsecond, None),
        Timestamp(TimeUnit::Nanosecond, zone()),
        Decimal32(9, 2),
        Decimal64(18, 4),
        Decimal128(38, 10),
        Decimal256(76, 3),
        Decimal128(10, -2),
        Dictionary(Box::new(Int8), Box::new(Utf8)),
        Dictionary(Box::new(Int32), Box::new(Int64)),
    ];
    let refused = vec![
        // What it is missing values of, only a plan knows.
        Null,
        Duration(TimeUnit::Second),
        Interval(IntervalUnit::YearMonth),
        Interval(IntervalUnit::DayTime),
        Interval(IntervalUnit::MonthDayNano),
        Binary,
        LargeBinary,
        BinaryView,
        FixedSizeBinary(4),
        List(item(Float64)),
        LargeList(item(Float64)),
        ListView(item(Float64)),
        LargeListView(item(Float64)),
        FixedSizeList(item(Float64), 2),
        Struct(pair),
        Map(Arc::new(entries), false),
        Union(union, UnionMode::Sparse),
        RunEndEncoded(Arc::new(Field::new("run_ends", Int32, false)), item(Utf8)),
        Dictionary(Box::new(Int8), Box::new(Binary)),
        Dictionary(Box::new(Int8), Box::new(Decimal128(10, 2))),
    ];
    taken.into_iter().map(|own| (own, true)).chain(refused.into_iter().map(|own| (own, false))).collect()
}

/// Two rows: of zeros, empty texts and the like where the type has them without a null, otherwise of nulls.
fn sample(data_type: &DataType) -> ArrayRef {
    match data_type {
        DataType::Dictionary(..) | DataType::Union(..) | DataType::Null | DataType::RunEndEncoded(..) => {
            new_null_array(data_type, 2)
        }
        _ => make_array(ArrayData::new_null(data_type, 2).into_builder().nulls(None).build().unwrap()),
    }
}

fn table(name: &str, array: ArrayRef) -> RecordBatch {
    RecordBatch::try_from_iter_with_nullable([(name, array, true)]).unwrap()
}

/// An error that names the column and says what to do.
fn told(error: &Error, name: &str, data_type: &DataType) {
    let problem = error.to_string();
    assert!(!matches!(error, Error::Internal(_) | Error::Corrupt(_)), "{data_type}: {problem}");
    assert!(error.context().subject().starts_with(name), "{data_type}: {problem}");
    assert!(error.context().remedy().is_some_and(|remedy| !remedy.is_empty()), "{data_type}: {problem}");
    assert!(!problem.contains("::"), "{data_type}: {problem}");
}

#[test]
fn fitting_takes_a_column_of_every_type_or_refuses_it_by_name() {
    for (data_type, is_taken) in types() {
        for array in [sample(&data_type), new_null_array(&data_type, 2)] {
            let table = table("column", array);
            match Step::Passthrough.fit(&table) {
                Ok(fitted) => {
                    assert!(is_taken, "{data_type} is taken");
                    let plan = Plan::new(fitted).unwrap();
                    assert_eq!(plan.transform(&table).unwrap().num_rows(), 2, "{data_type}");
                }
                Err(error) => {
                    assert!(!is_taken, "{data_type}: {error}");
                    told(&error, "column", &data_type);
                }
            }
            for step in [
                StandardScaler::default().into(),
                OneHotEncoder::default().into(),
                Step::from(SimpleImputer::default()),
            ] {
                if let Err(error) = step.fit(&table) {
                    told(&error, "column", &data_type);
                }
            }
            let target = table.column(0).clone();
            let numbers = self::table("x", Arc::new(Float64Array::from(vec![1.0, 2.0])));
            let learnt = mlcore_features::transform::TargetEncoder::default()
                .fit(Training::new(&numbers).with_target(&target));
            if let Err(error) = learnt {
                assert!(!matches!(error, Error::Internal(_)), "{data_type}: {error}");
            }
        }
    }
}

fn plans() -> Vec<Plan> {
    let numbers = table("column", Arc::new(Float64Array::from(vec![1.0, 2.0])));
    let whole = table("column", Arc::new(Int64Array::from(vec![0, 2])));
    let words = table("column", Arc::new(StringArray::from(vec!["a", ""])));
    let plan = |step: Step, table: &RecordBatch| Plan::new(step.fit(table).unwrap()).unwrap();
    vec![
        plan(StandardScaler::default().into(), &numbers),
        plan(StandardScaler::default().into(), &whole),
        plan(OneHotEncoder::default().into(), &whole),
        plan(OneHotEncoder::default().into(), &words),
        plan(Step::Passthrough, &table("column", sample(&DataType::Date32))),
        plan(Step::Passthrough, &table("column", sample(&DataType::Time32(TimeUnit::Second)))),
        plan(Step::Passthrough, &table("column", sample(&DataType::Timestamp(TimeUnit::Second, None)))),
    ]
}

#[test]
fn tables_with_a_column_of_every_type_are_answered_or_refused_by_name() {
    let mut taken = 0;
    for plan in plans() {
        for (data_type, _) in types() {
            for array in [sample(&data_type), new_null_array(&data_type, 2)] {
                let table = table("column", array);
                match (plan.transform(&table), plan.transform_sparse::<f32>(&table)) {
                    (Ok(features), _) => {
                        taken += 1;
                        assert_eq!(features.num_rows(), 2);
                    }
                    (Err(error), Err(sparse)) => {
                        told(&error, "column", &data_type);
                        told(&sparse, "column", &data_type);
                    }
                    (Err(error), Ok(_)) => panic!("{data_type}: only the table is refused: {error}"),
                }
            }
        }
    }
    assert!(taken > 80, "{taken} of the columns are taken");
}

#[test]
fn rows_with_a_value_of_every_kind_are_answered_or_refused_by_name() {
    let values = [
        Value::Null,
        Value::Bool(true),
        Value::Int(-1),
        Value::UInt(u64::MAX),
        Value::Float(0.5),
        Value::Float(f64::NAN),
        Value::Text("a"),
        Value::Date(Date::from_days(1)),
        Value::Time(Time::new(1, TimeUnit::Second).unwrap()),
        Value::DateTime(DateTime::new(1, TimeUnit::Nanosecond)),
        Value::Timestamp(Timestamp::new(1, TimeUnit::Second)),
    ];
    let mut taken = 0;
    for plan in plans() {
        let nullable = plan.input().fields().iter().map(|field| field.clone().nullable());
        let schema = Schema::new(nullable).unwrap();
        for value in values {
            let row = [value];
            let Ok(row) = Row::new(&row, &schema) else { continue };
            match plan.row_executor().run(row) {
                Ok(_) => taken += 1,
                Err(error) => {
                    assert!(error.is_caller_fault() || matches!(error, Error::Unsupported(_)), "{error}");
                    assert!(error.context().subject().starts_with("column"), "{error}");
                }
            }
        }
    }
    assert!(taken >= 10, "{taken} values are taken");
}

fn money(digits: &[Option<i128>], precision: u8, scale: i8) -> ArrayRef {
    Arc::new(Decimal128Array::from(digits.to_vec()).with_precision_and_scale(precision, scale).unwrap())
}

#[test]
fn decimals_are_the_floats_of_their_digits() {
    let plan =
        Plan::new(Step::Passthrough.fit(&table("price", money(&[Some(1), None], 10, 2))).unwrap()).unwrap();
    assert_eq!(plan.input().fields()[0].dtype(), DType::Float64);
    let features =
        plan.transform(&table("price", money(&[Some(1995), None, Some(-1), Some(0)], 38, 2))).unwrap();
    let prices = features.column(0).as_primitive::<Float64Type>();
    assert_eq!(prices.iter().collect::<Vec<_>>(), [Some(19.95), None, Some(-0.01), Some(0.0)]);
    // Of more than 15 digits, those that a float is written with are taken.
    let long = |digits: i128| plan.transform(&table("price", money(&[Some(1), Some(digits)], 38, 16)));
    assert_eq!(
        long(30_000_000_000_000_004).unwrap().column(0).as_primitive::<Float64Type>().value(1),
        3.0000000000000004
    );
    let error = long(30_000_000_000_000_005).unwrap_err();
    let expected =
        "transform price: row 1: 3.0000000000000005 has more digits than a float64 tells apart; round it";
    assert!(error.to_string().starts_with(expected), "{error}");
    let wide =
        Decimal256Array::from(vec![i256::from_i128(i128::MAX)]).with_precision_and_scale(76, 0).unwrap();
    let error = StandardScaler::default().fit(&table("price", Arc::new(wide))).unwrap_err().to_string();
    assert!(
        error
            .starts_with("fit StandardScaler price: row 0: 170141183460469231731687303715884105727 has more"),
        "{error}"
    );
}

#[test]
fn decimals_are_numbers_to_every_step() {
    let prices = table("price", money(&[Some(150), Some(250), Some(150)], 20, 2));
    let floats = table("price", Arc::new(Float64Array::from(vec![1.5, 2.5, 1.5])));
    let plan = ColumnTransformer::new()
        .with("scale", StandardScaler::default(), ["price"])
        .with("hot", OneHotEncoder::default(), ["price"])
        .with("kept", Step::Passthrough, ["price"]);
    let (of_decimals, of_floats) = (plan.fit(&prices).unwrap(), plan.fit(&floats).unwrap());
    assert_eq!(of_decimals, of_floats);
    let dense = |plan: &Plan, table: &RecordBatch| {
        plan.transform_dense::<f64>(table).unwrap().values::<f64>().unwrap().to_vec()
    };
    assert_eq!(dense(&of_floats, &prices), dense(&of_floats, &floats));
    // A column of integers takes decimals without a fraction.
    let whole =
        Plan::new(OneHotEncoder::default().fit(&table("x", Arc::new(Int64Array::from(vec![1, 2])))).unwrap())
            .unwrap();
    assert_eq!(dense(&whole, &table("x", money(&[Some(200)], 20, 2))), [0.0, 1.0]);
    assert!(whole.transform(&table("x", money(&[Some(250)], 20, 2))).is_err());
}

fn nested() -> RecordBatch {
    let city: ArrayRef = Arc::new(StringArray::from(vec![Some("Bern"), Some("Basel"), None]));
    let tags = FixedSizeListArray::from_iter_primitive::<Int32Type, _, _>(
        vec![Some(vec![Some(1), Some(2)]), None, Some(vec![None, Some(4)])],
        2,
    );
    let inner = StructArray::from(vec![(
        Arc::new(Field::new("tags", tags.data_type().clone(), true)),
        Arc::new(tags) as ArrayRef,
    )]);
    let fields: Fields =
        vec![Field::new("city", DataType::Utf8, true), Field::new("more", inner.data_type().clone(), true)]
            .into();
    let address = StructArray::new(fields, vec![city, Arc::new(inner)], Some(vec![true, true, false].into()));
    let age: ArrayRef = Arc::new(Float64Array::from(vec![20.0, 30.0, 40.0]));
    RecordBatch::try_from_iter([("address", Arc::new(address) as ArrayRef), ("age", age)]).unwrap()
}

#[test]
fn what_is_nested_is_taken_apart_by_name() {
    for (start, count) in [(0, 3), (1, 2), (2, 1), (0, 0)] {
        let flat = flatten(&nested().slice(start, count)).unwrap();
        let names: Vec<&str> = flat.schema_ref().fields().iter().map(|field| field.name().as_str()).collect();
        assert_eq!(names, ["address.city", "address.more.tags_0", "address.more.tags_1", "age"]);
        let whole = flatten(&nested()).unwrap().slice(start, count);
        assert_eq!(flat, whole);
    }
    let flat = flatten(&nested()).unwrap();
    let tags = flat.column(2).as_primitive::<Int32Type>();
    assert_eq!(tags.iter().collect::<Vec<_>>(), [Some(2), None, None]);
    assert!(flat.column(0).is_null(2) && flat.schema_ref().field(0).is_nullable());
    let plan = Pipeline::new()
        .then("columns", ColumnTransformer::new().with("city", OneHotEncoder::default(), ["address.city"]))
        .fit(&flat)
        .unwrap();
    assert_eq!(plan.width(), 3);
    // A table that nobody flattened is refused with what to do about it.
    let error = plan.transform(&nested()).unwrap_err().to_string();
    assert!(
        error.starts_with("transform address.city: the column is missing")
            && error.contains("flatten the table first"),
        "{error}"
    );
    let error = Step::Passthrough.fit(&nested()).unwrap_err().to_string();
    assert!(
        error.starts_with("fit passthrough address: columns of type Struct")
            && error.contains("flatten the table first"),
        "{error}"
    );
}

#[test]
fn lists_of_any_length_and_equal_names_are_refused() {
    let lists: ArrayRef =
        Arc::new(ListArray::from_iter_primitive::<Int32Type, _, _>(vec![Some(vec![Some(1)])]));
    let lists = table("tags", lists);
    assert_eq!(flatten(&lists).unwrap(), lists);
    let error = StandardScaler::default().fit(&lists).unwrap_err().to_string();
    assert!(
        error.contains("tags: columns of type List") && error.contains("cast it to a list of fixed length"),
        "{error}"
    );
    let pair =
        FixedSizeListArray::from_iter_primitive::<Int32Type, _, _>(vec![Some(vec![Some(1), Some(2)])], 2);
    let one: ArrayRef = Arc::new(Int64Array::from(vec![1]));
    let twice = RecordBatch::try_from_iter([("a", Arc::new(pair) as ArrayRef), ("a_1", one)]).unwrap();
    let error = flatten(&twice).unwrap_err().to_string();
    assert!(error.starts_with("flatten table a_1: two columns have this name; rename the column"), "{error}");
    let runs: ArrayRef = Arc::new(["a", "a"].into_iter().map(Some).collect::<RunArray<Int32Type>>());
    let coded: ArrayRef = Arc::new(["a", "b"].into_iter().collect::<DictionaryArray<Int8Type>>());
    assert!(
        Step::Passthrough.fit(&table("x", runs)).is_err()
            && Step::Passthrough.fit(&table("x", coded)).is_ok()
    );
}
