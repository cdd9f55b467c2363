//! Every transformer on tables that are laid out, typed, named and sized otherwise than expected: the same answer, or an error
//! that names the column.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arrow_select::concat::concat_batches;

use mlcore::Error;
use mlcore::arrow::array::{
    Array, ArrayRef, AsArray, BinaryArray, BooleanArray, Date32Array, Decimal128Array, DictionaryArray,
    DurationSecondArray, Float32Array, Float64Array, Int8Array, Int64Array, LargeStringArray, ListArray,
    NullArray, RecordBatch, StringArray, StringViewArray, StructArray, TimestampSecondArray, UInt64Array,
};
use mlcore::arrow::datatypes::{DataType, Field, Int16Type, Int32Type, Schema};
use mlcore::batch::Row;
use mlcore_features::pipeline::{ColumnTransformer, Plan};
use mlcore_features::transform::{Fit, Parameters, Training, Transformer};

use crate::read::{Case, specifications};
use crate::told::told;

/// Plans of the golden cases, a few of each transformer, with what they were fitted on.
fn plans() -> impl Iterator<Item = (&'static str, Plan, Transformer, Case)> {
    Transformer::NAMES.iter().flat_map(|name| {
        let fitted = specifications(name).into_iter().filter_map(|(transformer, case)| {
            let plan = Plan::new(transformer.fit(case.training()).ok()?).ok()?;
            plan.transform(&case.test).is_ok().then_some((*name, plan, transformer, case))
        });
        fitted.take(4)
    })
}

/// The table with each column changed.
fn with_columns(table: &RecordBatch, change: impl Fn(&ArrayRef) -> ArrayRef) -> RecordBatch {
    let columns: Vec<ArrayRef> = table.columns().iter().map(change).collect();
    let fields = table.schema_ref().fields().iter().zip(&columns);
    let fields: Vec<Field> = fields
        .map(|(field, column)| field.as_ref().clone().with_data_type(column.data_type().clone()))
        .collect();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).unwrap()
}

/// Texts in every layout that Arrow has for them; other columns stay as they are.
fn layouts(table: &RecordBatch) -> Vec<RecordBatch> {
    let change: [fn(&StringArray) -> ArrayRef; 3] = [
        |texts| Arc::new(texts.iter().collect::<LargeStringArray>()),
        |texts| Arc::new(texts.iter().collect::<StringViewArray>()),
        |texts| Arc::new(texts.iter().collect::<DictionaryArray<Int16Type>>()),
    ];
    let laid_out = |change: &fn(&StringArray) -> ArrayRef| {
        with_columns(table, |column| column.as_string_opt::<i32>().map_or_else(|| column.clone(), change))
    };
    let mut all: Vec<RecordBatch> = change.iter().map(laid_out).collect();
    // A slice in the middle of another table, whose columns and validity begin at an offset.
    let thrice = concat_batches(table.schema_ref(), [table, table, table]).unwrap();
    all.push(thrice.slice(table.num_rows(), table.num_rows()));
    let odd = concat_batches(table.schema_ref(), [&table.slice(0, 1), table, table]).unwrap();
    all.push(odd.slice(1, table.num_rows()));
    all
}

#[test]
fn layouts_and_slices_change_nothing() {
    for (name, plan, transformer, case) in plans() {
        let expected = plan.transform(&case.test).unwrap();
        for table in layouts(&case.test) {
            assert_eq!(plan.transform(&table).unwrap(), expected, "{name}: {:?}", table.schema());
        }
        for table in layouts(&case.train) {
            let again = transformer.fit(case.training().with_table(&table)).unwrap();
            assert_eq!(Plan::new(again).unwrap(), plan, "{name}: {:?}", table.schema());
        }
    }
}

#[test]
fn columns_of_any_other_type_are_taken_or_refused_by_name() {
    for (name, plan, transformer, case) in plans() {
        for column in plan.input().names() {
            let position = case.test.schema_ref().index_of(column).unwrap();
            for other in others(case.test.num_rows()) {
                let table = with_column(&case.test, position, other.clone());
                if let Err(error) = plan.transform(&table) {
                    is_about(&error, column, &format!("{name} of {}", other.data_type()));
                }
            }
            for other in others(case.train.num_rows()) {
                let table = with_column(&case.train, position, other.clone());
                if let Err(error) = transformer.fit(case.training().with_table(&table)) {
                    told(&error);
                    assert!(error.is_caller_fault(), "{name} of {}: {error}", other.data_type());
                }
            }
        }
    }
}

/// Columns of types that plans read and of types that none does, with extremes.
fn others(rows: usize) -> Vec<ArrayRef> {
    let keys = || (0..rows).map(|row| row as i32);
    let numbers: ArrayRef = Arc::new(Float64Array::from(vec![0.5; rows]));
    let list = ListArray::from_iter_primitive::<Int32Type, _, _>(keys().map(|row| Some(vec![Some(row)])));
    let words = StringArray::from_iter_values(keys().map(|row| format!("w{row}")));
    let places = Int8Array::from_iter_values(keys().map(|row| (row % 100) as i8));
    let coded = DictionaryArray::new(places, Arc::new(words.slice(0, rows.min(100))));
    let fields =
        StructArray::from(vec![(Arc::new(Field::new("inner", DataType::Float64, true)), numbers.clone())]);
    vec![
        numbers,
        Arc::new(Float64Array::from(vec![f64::MAX; rows])),
        Arc::new(Float32Array::from(vec![f32::MIN_POSITIVE; rows])),
        Arc::new(Int64Array::from(vec![i64::MIN; rows])),
        Arc::new(UInt64Array::from(vec![u64::MAX; rows])),
        Arc::new(Int8Array::from(vec![Some(-1), None].into_iter().cycle().take(rows).collect::<Vec<_>>())),
        Arc::new(BooleanArray::from(vec![true; rows])),
        Arc::new(words.clone()),
        Arc::new(LargeStringArray::from_iter_values(words.iter().flatten())),
        Arc::new(StringViewArray::from_iter_values(words.iter().flatten())),
        Arc::new(coded),
        Arc::new(Date32Array::from(vec![i32::MAX; rows])),
        Arc::new(TimestampSecondArray::from(vec![i64::MAX; rows])),
        Arc::new(TimestampSecondArray::from(vec![0; rows]).with_timezone("Europe/Berlin")),
        Arc::new(DurationSecondArray::from(vec![1; rows])),
        Arc::new(Decimal128Array::from(vec![i128::MAX; rows])),
        Arc::new(BinaryArray::from_iter_values(keys().map(i32::to_le_bytes))),
        Arc::new(list),
        Arc::new(fields),
        Arc::new(NullArray::new(rows)),
    ]
}

fn with_column(table: &RecordBatch, position: usize, column: ArrayRef) -> RecordBatch {
    let mut columns = table.columns().to_vec();
    let mut fields: Vec<Field> =
        table.schema_ref().fields().iter().map(|field| field.as_ref().clone()).collect();
    fields[position] = Field::new(fields[position].name(), column.data_type().clone(), true);
    columns[position] = column;
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).unwrap()
}

/// The error is the caller's, can be logged, and names the column or what became of it.
fn is_about(error: &Error, column: &str, told_of: &str) {
    let text = told(error);
    assert!(error.is_caller_fault(), "{told_of}: {text}");
    assert!(text.contains(column), "{told_of}: the error does not name {column}: {text}");
}

#[test]
fn columns_may_be_added_and_reordered_but_not_dropped_or_renamed() {
    for (name, plan, _, case) in plans() {
        let expected = plan.transform(&case.test).unwrap();
        let (fields, columns) = (case.test.schema_ref().fields(), case.test.columns());
        let rows = case.test.num_rows();
        let shuffled = fields.iter().map(|field| field.as_ref().clone()).zip(columns.iter().cloned()).rev();
        let added = (Field::new("added", DataType::Null, true), Arc::new(NullArray::new(rows)) as ArrayRef);
        let (fields, columns): (Vec<_>, Vec<_>) = std::iter::once(added).chain(shuffled).unzip();
        let table = RecordBatch::try_new(Arc::new(Schema::new(fields.clone())), columns.clone()).unwrap();
        assert_eq!(plan.transform(&table).unwrap(), expected, "{name}");
        for column in plan.input().names() {
            let renamed: Vec<Field> = fields
                .iter()
                .map(|field| match field.name() == column {
                    true => field.clone().with_name(format!("{column} ")),
                    false => field.clone(),
                })
                .collect();
            let table = RecordBatch::try_new(Arc::new(Schema::new(renamed)), columns.clone()).unwrap();
            let error = plan.transform(&table).unwrap_err();
            assert!(matches!(error, Error::SchemaMismatch(_)), "{name}: {error}");
            is_about(&error, column, name);
        }
    }
}

#[test]
fn a_name_that_two_columns_have_is_refused() {
    for (name, plan, transformer, case) in plans() {
        let Some(column) = plan.input().names().next() else { continue };
        let twice = |table: &RecordBatch| {
            let (mut fields, mut columns) = (table.schema_ref().fields().to_vec(), table.columns().to_vec());
            let position = table.schema_ref().index_of(column).unwrap();
            fields.push(fields[position].clone());
            columns.push(columns[position].clone());
            RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).unwrap()
        };
        let table = twice(&case.train);
        let error = transformer.fit(case.training().with_table(&table)).unwrap_err();
        is_about(&error, column, &format!("fit {name}"));
        let error = plan.transform(&twice(&case.test)).unwrap_err();
        is_about(&error, column, &format!("transform {name}"));
    }
}

#[test]
fn a_text_of_ten_megabytes_is_answered_or_shown_cut() {
    let long = "äb 1,".repeat(10 << 20 >> 3);
    let mut readers = BTreeSet::new();
    for (name, plan, transformer, case) in plans() {
        let is_text = |column: &&str| {
            let (_, field) = case.test.schema_ref().column_with_name(column).unwrap();
            *field.data_type() == DataType::Utf8
        };
        let Some(column) = plan.input().names().find(is_text) else { continue };
        if !readers.insert(name) {
            continue;
        }
        let start = Instant::now();
        let position = case.test.schema_ref().index_of(column).unwrap();
        let rows = case.test.num_rows();
        let texts: ArrayRef = Arc::new(StringArray::from_iter_values((0..rows).map(|row| match row {
            0 => long.as_str(),
            _ => "short",
        })));
        let table = with_column(&case.test, position, texts);
        let of_table = plan.transform(&table).map_err(|error| is_about(&error, column, name)).is_ok();
        if plan.transform_dense::<f64>(&case.test).is_ok() {
            let of_row = plan.with_row_of(&table, 0, |values| {
                plan.row_executor()
                    .run(Row::new(values, plan.input()).unwrap())
                    .map(|_| ())
                    .map_err(|e| told(&e))
            });
            assert!(of_row.unwrap().is_ok() || !of_table, "{name}: a row is refused, and the table is not");
        }
        if let Some(position) =
            case.train.schema_ref().index_of(column).ok().filter(|_| case.target.is_none())
        {
            let texts = (0..case.train.num_rows()).map(|row| if row == 1 { long.as_str() } else { "short" });
            let texts = StringArray::from_iter_values(texts);
            let table = with_column(&case.train, position, Arc::new(texts));
            if let Err(error) = transformer.fit(case.training().with_table(&table)) {
                told(&error);
            }
        }
        assert!(start.elapsed() < Duration::from_secs(60), "{name} took {:?}", start.elapsed());
    }
    assert!(readers.len() >= 10, "{readers:?} read texts");
}

#[test]
fn a_million_categories_are_learnt_and_found() {
    const CATEGORIES: usize = 1_000_000;
    let words = (0..CATEGORIES).map(|word| format!("category {word}"));
    let texts: ArrayRef = Arc::new(StringArray::from_iter_values(words));
    let numbers: ArrayRef = Arc::new(Int64Array::from_iter_values(0..CATEGORIES as i64));
    let target: ArrayRef = Arc::new(Int64Array::from_iter_values((0..CATEGORIES as i64).map(|row| row % 2)));
    // Categories are found alike by all encoders: a million texts by one of them, fewer by the others.
    const FEWER: usize = CATEGORIES / 5;
    for (name, column, categories) in [
        ("OrdinalEncoder", &texts, CATEGORIES),
        ("OrdinalEncoder", &numbers, FEWER),
        ("CountEncoder", &numbers, FEWER),
        ("TargetEncoder", &texts, FEWER),
        ("WOEEncoder", &numbers, FEWER),
    ] {
        let start = Instant::now();
        let table = RecordBatch::try_from_iter([("c", column.slice(0, categories))]).unwrap();
        let target = target.slice(0, categories);
        let fitted = Transformer::new(name, &Parameters::new())
            .unwrap()
            .fit(Training::new(&table).with_target(&target))
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        let features = Plan::new(fitted).unwrap().transform(&table).unwrap();
        assert_eq!(features.num_rows(), categories);
        assert!(start.elapsed() < Duration::from_secs(60), "{name} took {:?}", start.elapsed());
    }
    let table = RecordBatch::try_from_iter([("c", texts)]).unwrap();
    let one_hot = Transformer::new("OneHotEncoder", &Parameters::new()).unwrap().fit(&table).unwrap();
    let plan = Plan::new(one_hot).unwrap();
    assert_eq!(plan.width(), CATEGORIES);
    let few = plan.transform_dense::<f32>(&table.slice(7, 2)).unwrap();
    let ones: Vec<usize> = few
        .values::<f32>()
        .unwrap()
        .iter()
        .enumerate()
        .filter(|(_, one)| **one == 1.0)
        .map(|(at, _)| at)
        .collect();
    assert_eq!(ones.len(), 2);
    // A dense table of all of them is more than a machine has, and says so.
    for error in [plan.transform(&table).unwrap_err(), plan.transform_dense::<f64>(&table).unwrap_err()] {
        assert!(told(&error).contains("1000000"), "{error}");
    }
}

#[test]
fn ten_thousand_columns_are_fitted_and_transformed() {
    const COLUMNS: usize = 10_000;
    let column = |at: usize| -> (String, ArrayRef) {
        let numbers = [at as f64, 1.0, at as f64 * 0.5, -3.0, f64::from(at as u32 % 7), 2.0];
        (format!("column {at}"), Arc::new(Float64Array::from(numbers.to_vec())))
    };
    let table = RecordBatch::try_from_iter((0..COLUMNS).map(column)).unwrap();
    let names: Vec<String> = (0..COLUMNS).map(|at| format!("column {at}")).collect();
    let one_by_one = [
        "SimpleImputer",
        "StandardScaler",
        "MinMaxScaler",
        "MaxAbsScaler",
        "RobustScaler",
        "Normalizer",
        "OneHotEncoder",
        "OrdinalEncoder",
        "KBinsDiscretizer",
        "Binarizer",
        "QuantileTransformer",
        "Winsorizer",
        "FunctionTransformer",
        "MissingIndicator",
        "VarianceThreshold",
        "CountEncoder",
        "TruncatedSVD",
    ];
    for name in one_by_one {
        let start = Instant::now();
        let transformer = Transformer::new(name, &Parameters::new()).unwrap();
        let columns = ColumnTransformer::new().with("all", transformer, names.iter().map(String::as_str));
        let plan = columns.fit(&table).unwrap_or_else(|error| panic!("{name}: {error}"));
        let features = plan.transform(&table).unwrap();
        assert_eq!(features.num_columns(), plan.width());
        let again = Plan::from_bytes(&plan.to_bytes().unwrap()).unwrap();
        assert_eq!(again, plan);
        assert!(start.elapsed() < Duration::from_secs(60), "{name} took {:?}", start.elapsed());
    }
    let products = Transformer::new("PolynomialFeatures", &Parameters::new()).unwrap();
    let error = products.fit(&table).unwrap_err();
    assert!(told(&error).starts_with("fit PolynomialFeatures"), "{error}");
}
