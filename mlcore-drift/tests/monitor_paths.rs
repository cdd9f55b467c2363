//! However rows reach a monitor, and whatever numbers they are made of, the verdicts are the same.
#![cfg(test)]

use std::sync::Arc;

use mlcore::arrow::array::{
    ArrayRef, DictionaryArray, Float32Array, Float64Array, Int8Array, Int16Array, Int32Array, Int64Array,
    RecordBatch, StringArray, UInt8Array, UInt16Array, UInt32Array, UInt64Array,
};
use mlcore::batch::{Row, Value};
use mlcore::schema::{DType, Field, Schema};
use mlcore_drift::monitor::{ColumnOptions, Monitor, MonitorOptions, Verdict};
use mlcore_drift::two_sample::Psi;
use proptest::prelude::*;

const TYPES: [DType; 10] = [
    DType::Float64,
    DType::Float32,
    DType::Int64,
    DType::Int32,
    DType::Int16,
    DType::Int8,
    DType::UInt64,
    DType::UInt32,
    DType::UInt16,
    DType::UInt8,
];

type Cells = Vec<Option<f64>>;

/// The cells as a column of a type, rounded to what it can hold.
fn column(dtype: DType, cells: &[Option<f64>]) -> ArrayRef {
    let cells = cells.iter().copied();
    match dtype {
        DType::Float32 => Arc::new(Float32Array::from_iter(cells.map(|cell| cell.map(|v| v as f32)))),
        DType::Int64 => Arc::new(Int64Array::from_iter(cells.map(|cell| cell.map(|v| v as i64)))),
        DType::Int32 => Arc::new(Int32Array::from_iter(cells.map(|cell| cell.map(|v| v as i32)))),
        DType::Int16 => Arc::new(Int16Array::from_iter(cells.map(|cell| cell.map(|v| v as i16)))),
        DType::Int8 => Arc::new(Int8Array::from_iter(cells.map(|cell| cell.map(|v| v as i8)))),
        DType::UInt64 => Arc::new(UInt64Array::from_iter(cells.map(|cell| cell.map(|v| v as u64)))),
        DType::UInt32 => Arc::new(UInt32Array::from_iter(cells.map(|cell| cell.map(|v| v as u32)))),
        DType::UInt16 => Arc::new(UInt16Array::from_iter(cells.map(|cell| cell.map(|v| v as u16)))),
        DType::UInt8 => Arc::new(UInt8Array::from_iter(cells.map(|cell| cell.map(|v| v as u8)))),
        _ => Arc::new(Float64Array::from_iter(cells)),
    }
}

/// The cell as a value of a row.
fn value(dtype: DType, cell: Option<f64>) -> Value<'static> {
    let Some(cell) = cell else { return Value::Null };
    match dtype {
        DType::Float32 => Value::Float(f64::from(cell as f32)),
        DType::Int64 => Value::Int(cell as i64),
        DType::Int32 => Value::Int((cell as i32).into()),
        DType::Int16 => Value::Int((cell as i16).into()),
        DType::Int8 => Value::Int((cell as i8).into()),
        DType::UInt64 => Value::UInt(cell as u64),
        DType::UInt32 => Value::UInt((cell as u32).into()),
        DType::UInt16 => Value::UInt((cell as u16).into()),
        DType::UInt8 => Value::UInt((cell as u8).into()),
        _ => Value::Float(cell),
    }
}

/// The cells as a dictionary of numbers, which a monitor reads as a sample before it takes it.
fn dictionary(dtype: DType, cells: &[Option<f64>]) -> ArrayRef {
    let number = |cell: &Option<f64>| match value(dtype, *cell) {
        Value::Float(value) => Some(value),
        Value::Int(value) => Some(value as f64),
        Value::UInt(value) => Some(value as f64),
        _ => None,
    };
    let keys = (0..).zip(cells).map(|(key, cell)| cell.map(|_: f64| key)).collect::<Int32Array>();
    let numbers = cells.iter().map(number).collect::<Float64Array>();
    Arc::new(DictionaryArray::new(keys, Arc::new(numbers)))
}

fn table(columns: &[(DType, Cells)], array: fn(DType, &[Option<f64>]) -> ArrayRef) -> RecordBatch {
    let named = |(position, (dtype, cells)): (usize, &(DType, Cells))| {
        (format!("column {position}"), array(*dtype, cells), true)
    };
    RecordBatch::try_from_iter_with_nullable(columns.iter().enumerate().map(named)).unwrap()
}

/// A monitor of columns of these types: most by Kolmogorov-Smirnov, one by the population stability index.
fn monitor(columns: &[(DType, Cells)]) -> Monitor {
    let reference = |(dtype, _): &(DType, Cells)| -> (DType, Cells) {
        (*dtype, (0..2000).map(|i| Some(f64::from(i * 617 % 2000) / 16.0)).collect())
    };
    let reference = table(&columns.iter().map(reference).collect::<Vec<_>>(), column);
    let options = MonitorOptions::default()
        .with_window_rows(64)
        .with_min_samples(20)
        .with_column("column 0", ColumnOptions::default().with_test(Psi::default()));
    Monitor::new(&reference, &options).unwrap()
}

fn by_tables(monitor: &mut Monitor, table: &RecordBatch, sizes: &[usize]) -> Vec<Verdict> {
    let (mut verdicts, mut start) = (Vec::new(), 0);
    for size in sizes.iter().cycle() {
        let rows = (*size).min(table.num_rows() - start);
        verdicts.extend(monitor.observe(&table.slice(start, rows)).unwrap());
        start += rows;
        if start == table.num_rows() {
            return verdicts;
        }
    }
    verdicts
}

fn cell() -> impl Strategy<Value = Option<f64>> {
    let odd = [0.0, -0.0, 1.5, f64::NAN, f64::INFINITY, f64::NEG_INFINITY, f64::MAX, 5e-324, 1e19];
    prop_oneof![
        12 => (0.0..125.0).prop_map(Some),
        1 => prop::sample::select(odd.to_vec()).prop_map(Some),
        1 => Just(None),
    ]
}

/// Columns of equal length; some without anything odd, as most are.
fn columns() -> impl Strategy<Value = Vec<(DType, Cells)>> {
    (0_usize..300).prop_flat_map(|rows| {
        let cells = prop_oneof![
            prop::collection::vec(cell(), rows),
            prop::collection::vec((0.0..125.0).prop_map(Some), rows),
        ];
        prop::collection::vec((prop::sample::select(TYPES.to_vec()), cells), 1..5)
    })
}

proptest! {
    #[test]
    fn tables_of_any_size_and_rows_give_the_same_verdicts(
        columns in columns(),
        sizes in prop::collection::vec(1_usize..150, 1..8),
    ) {
        let (plain, counted) = (table(&columns, column), table(&columns, dictionary));
        let (mut read, mut whole, mut pieces, mut rows) =
            (monitor(&columns), monitor(&columns), monitor(&columns), monitor(&columns));
        let expected = by_tables(&mut read, &counted, &[64]);
        prop_assert_eq!(expected.len(), plain.num_rows() / 64);
        prop_assert_eq!(&whole.observe(&plain).unwrap(), &expected);
        prop_assert_eq!(&by_tables(&mut pieces, &plain, &sizes), &expected);
        let field = |(position, (dtype, _)): (usize, &(DType, Cells))| {
            Field::column(format!("column {position}"), *dtype).nullable()
        };
        let schema = Schema::new(columns.iter().enumerate().map(field)).unwrap();
        let mut verdicts = Vec::new();
        for row in 0..plain.num_rows() {
            let values: Vec<Value<'_>> = columns.iter().map(|(dtype, cells)| value(*dtype, cells[row])).collect();
            verdicts.extend(rows.observe_row(Row::new(&values, &schema).unwrap()).unwrap());
        }
        prop_assert_eq!(&verdicts, &expected);
        let last = read.evaluate_now().unwrap();
        for monitor in [whole, pieces, rows] {
            prop_assert_eq!(&monitor.evaluate_now().unwrap(), &last);
        }
    }
}

#[test]
fn a_table_that_is_refused_in_its_last_column_changes_nothing() {
    let cells: Cells = (0..100).map(|i| Some(f64::from(i))).collect();
    let columns = [(DType::Float64, cells.clone()), (DType::Int64, cells.clone())];
    let mut monitor = monitor(&columns);
    let text = StringArray::from_iter_values((0..100).map(|i| i.to_string()));
    let bad: [(&str, ArrayRef); 3] = [
        ("column 0", column(DType::Float64, &cells)),
        ("column 1", Arc::new(text)),
        ("unknown", column(DType::Float64, &cells)),
    ];
    assert!(monitor.observe(&RecordBatch::try_from_iter(bad).unwrap()).is_err());
    assert_eq!(monitor.rows_in_window(), 0);
    let verdict = monitor.observe(&table(&columns, column)).unwrap().remove(0);
    assert!(verdict.new_columns.is_empty());
    assert_eq!(verdict.columns[0].score.as_ref().unwrap().current_len, 64);
}

#[test]
fn tables_of_two_schemas_may_alternate() {
    let cells: Cells = (0..40).map(|i| Some(f64::from(i))).collect();
    let columns = [(DType::Float64, cells), (DType::Int64, vec![Some(7.0); 40])];
    let mut monitor = monitor(&columns);
    let forth = table(&columns, column);
    let back = forth.project(&[1, 0]).unwrap();
    let empty = forth.slice(0, 0);
    let mut verdicts = Vec::new();
    for table in [&forth, &empty, &forth, &back, &empty, &back, &forth] {
        verdicts.extend(monitor.observe(table).unwrap());
    }
    assert_eq!(verdicts.len(), 3);
    for verdict in verdicts {
        assert!(
            verdict.column("column 1", "ks").unwrap().score.as_ref().unwrap().statistic > 0.5,
            "{verdict}"
        );
    }
}
