//! A column in another type of the same meaning is the same column: read whole, row by row, and in either order.
#![cfg(test)]

use std::sync::Arc;

use mlcore::arrow::array::{
    Array, ArrayRef, BooleanArray, Decimal128Array, Decimal256Array, DictionaryArray, Float32Array,
    Float64Array, Int8Array, Int32Array, Int64Array, NullArray, RecordBatch, StringArray, UInt8Array,
    UInt64Array,
};
use mlcore::arrow::datatypes::i256;
use mlcore::batch::{Row, Value};
use mlcore_drift::bins::Binning;
use mlcore_drift::monitor::{ColumnOptions, ColumnVerdict, Monitor, MonitorOptions, Outcome};
use mlcore_drift::report::{ReportOptions, report};
use mlcore_drift::sample::{Kind, Sample};
use mlcore_drift::two_sample::psi::psi;
use mlcore_drift::two_sample::{ChiSquare, DriftTest, KolmogorovSmirnov, Psi};

fn table(column: &ArrayRef) -> RecordBatch {
    RecordBatch::try_from_iter([("z", column.clone())]).unwrap()
}

/// The judgement of the column's values by a report and by a monitor of tables, which agree.
fn judged(reference: &ArrayRef, current: &ArrayRef, options: &MonitorOptions) -> ColumnVerdict {
    let (reference, current) = (table(reference), table(current));
    let by_report =
        report(&reference, &current, &ReportOptions::default().with_monitor(options.clone())).unwrap();
    let mut monitor =
        Monitor::new(&reference, &options.clone().with_window_rows(current.num_rows())).unwrap();
    let by_monitor = monitor.observe(&current).unwrap().remove(0);
    assert_eq!(by_report.verdict.columns, by_monitor.columns);
    by_monitor.columns[0].clone()
}

/// The same by a monitor of rows.
fn judged_by_rows(reference: &ArrayRef, current: &[Value<'_>], options: &MonitorOptions) -> ColumnVerdict {
    let mut monitor =
        Monitor::new(&table(reference), &options.clone().with_window_rows(current.len())).unwrap();
    let verdicts: Vec<_> =
        current.iter().filter_map(|value| monitor.observe_row(Row::unchecked(&[*value])).unwrap()).collect();
    verdicts[0].columns[0].clone()
}

fn categories() -> MonitorOptions {
    MonitorOptions::default().with_column("z", ColumnOptions::default().with_kind(Kind::Categorical))
}

const ROWS: usize = 300;

fn is_set(row: usize) -> bool {
    row.is_multiple_of(3)
}

/// One column of zeros and ones in every type that says so.
fn flags() -> Vec<(&'static str, ArrayRef)> {
    let bits = || (0..ROWS).map(|row| u8::from(is_set(row)));
    let keys: Int8Array = bits().map(|bit| bit as i8).collect::<Vec<_>>().into();
    let of = |values: ArrayRef| Arc::new(DictionaryArray::new(keys.clone(), values)) as ArrayRef;
    let decimals = Decimal128Array::from_iter_values(bits().map(|bit| i128::from(bit) * 100));
    vec![
        ("bool", Arc::new(BooleanArray::from_iter((0..ROWS).map(|row| Some(is_set(row)))))),
        ("int64", Arc::new(Int64Array::from_iter_values(bits().map(i64::from)))),
        ("uint8", Arc::new(UInt8Array::from_iter_values(bits()))),
        ("float64", Arc::new(Float64Array::from_iter_values(bits().map(f64::from)))),
        ("float32", Arc::new(Float32Array::from_iter_values(bits().map(f32::from)))),
        ("decimal", Arc::new(decimals.with_precision_and_scale(10, 2).unwrap())),
        ("dictionary of bools", of(Arc::new(BooleanArray::from(vec![false, true])))),
        ("dictionary of ints", of(Arc::new(Int64Array::from(vec![0, 1])))),
        ("dictionary of floats", of(Arc::new(Float64Array::from(vec![-0.0, 1.0])))),
        (
            "dictionary of decimals",
            of(Arc::new(Decimal128Array::from(vec![0, 1000]).with_precision_and_scale(9, 3).unwrap())),
        ),
    ]
}

#[test]
fn truth_values_zeros_and_ones_are_one_column() {
    for (reference_type, reference) in flags() {
        for (current_type, current) in flags() {
            let what = format!("{reference_type} against {current_type}");
            for options in [MonitorOptions::default(), categories()] {
                let verdict = judged(&reference, &current, &options);
                let score = verdict.score.as_ref().unwrap();
                assert_eq!((verdict.outcome, score.effect.value), (Outcome::Stable, 0.0), "{what}");
                assert!(score.notes.is_empty(), "{what}: {:?}", score.notes);
            }
            let (x, y) = Sample::pair(&reference, &current).unwrap();
            assert_eq!(psi(&x, &y, &Binning::default()).unwrap().psi, 0.0, "{what}");
        }
        // Half the rows are the other way round.
        let other: ArrayRef = Arc::new(BooleanArray::from_iter((0..ROWS).map(|row| Some(row % 2 == 0))));
        let changed = judged(&reference, &other, &MonitorOptions::default());
        let flags: ArrayRef = Arc::new(BooleanArray::from_iter((0..ROWS).map(|row| Some(is_set(row)))));
        let expected = judged(&flags, &other, &MonitorOptions::default());
        let numbers = |verdict: &ColumnVerdict| {
            let score = verdict.score.clone().unwrap();
            (score.statistic, score.pvalue, score.effect.value)
        };
        assert_eq!(
            (changed.outcome, numbers(&changed)),
            (Outcome::Drifted, numbers(&expected)),
            "{reference_type}"
        );
    }
}

#[test]
fn rows_of_any_type_of_the_same_meaning_are_taken() {
    let of = |value: fn(bool) -> Value<'static>| (0..ROWS).map(|row| value(is_set(row))).collect::<Vec<_>>();
    let rows = [
        of(Value::Bool),
        of(|flag| Value::Int(i64::from(flag))),
        of(|flag| Value::UInt(u64::from(flag))),
        of(|flag| Value::Float(if flag { 1.0 } else { -0.0 })),
        // A library that writes both, as a column of objects does.
        (0..ROWS)
            .map(
                |row| {
                    if row % 2 == 0 { Value::Bool(is_set(row)) } else { Value::Int(i64::from(is_set(row))) }
                },
            )
            .collect(),
    ];
    for (what, reference) in flags() {
        let expected = judged(&reference, &reference, &MonitorOptions::default());
        for current in &rows {
            assert_eq!(judged_by_rows(&reference, current, &MonitorOptions::default()), expected, "{what}");
        }
    }
}

/// Integer codes of which a float tells none from its neighbour.
fn codes(first: i64) -> Vec<i64> {
    (0..ROWS as i64).map(|row| first + row % 10).collect()
}

#[test]
fn integers_past_two_to_the_53_are_not_rounded() {
    for base in [1_i64 << 53, (1 << 60) + 1, i64::MAX - 100, -(1 << 62)] {
        let (old, new) = (codes(base), codes(base + 10));
        let integers = |values: &[i64]| Arc::new(Int64Array::from(values.to_vec())) as ArrayRef;
        let keyed = |values: &[i64]| {
            let keys = Int32Array::from_iter_values(0..values.len() as i32);
            Arc::new(DictionaryArray::new(keys, integers(values))) as ArrayRef
        };
        let decimal = |values: &[i64]| {
            let values =
                Decimal128Array::from_iter_values(values.iter().map(|value| i128::from(*value) * 10));
            Arc::new(values.with_precision_and_scale(30, 1).unwrap()) as ArrayRef
        };
        let decimal_256 = |values: &[i64]| {
            let values = values.iter().map(|value| i256::from_i128(i128::from(*value)));
            let array = Decimal256Array::from_iter_values(values).with_precision_and_scale(60, 0).unwrap();
            Arc::new(array) as ArrayRef
        };
        // As codes, in every type.
        let columns =
            |values: &[i64]| [integers(values), keyed(values), decimal(values), decimal_256(values)];
        for reference in columns(&old) {
            for (same, other) in columns(&old).iter().zip(columns(&new)) {
                assert_eq!(judged(&reference, same, &categories()).outcome, Outcome::Stable, "{base}");
                let changed = judged(&reference, &other, &categories());
                assert_eq!((changed.outcome, changed.score.unwrap().effect.value), (Outcome::Drifted, 1.0));
            }
            let rows = |values: &[i64]| values.iter().map(|value| Value::Int(*value)).collect::<Vec<_>>();
            assert_eq!(judged_by_rows(&reference, &rows(&old), &categories()).outcome, Outcome::Stable);
            assert_eq!(judged_by_rows(&reference, &rows(&new), &categories()).outcome, Outcome::Drifted);
        }
        // As numbers, by every test, whole and row by row.
        for options in [
            MonitorOptions::default(),
            MonitorOptions::default().with_numeric_test(KolmogorovSmirnov::default()),
            MonitorOptions::default().with_numeric_test(ChiSquare::default()),
            MonitorOptions::default().with_numeric_test(Psi::default()),
        ] {
            let (reference, current) = (integers(&old), integers(&new));
            let changed = judged(&reference, &current, &options);
            assert_eq!(changed.outcome, Outcome::Drifted, "{base} {changed:?}");
            assert_eq!(judged(&current, &reference, &options).outcome, Outcome::Drifted, "{base}");
            let rows: Vec<Value<'_>> = new.iter().map(|value| Value::Int(*value)).collect();
            assert_eq!(judged_by_rows(&reference, &rows, &options), changed);
            let same = judged(&reference, &reference, &options);
            assert_eq!((same.outcome, same.score.unwrap().effect.value), (Outcome::Stable, 0.0), "{base}");
        }
    }
    let unsigned =
        |first: u64| Arc::new(UInt64Array::from_iter_values((0..ROWS as u64).map(|row| first + row % 8)));
    let (old, new) = (unsigned(u64::MAX - 20), unsigned(u64::MAX - 10));
    let (x, y) = (Sample::from_array(&*old).unwrap(), Sample::from_array(&*new).unwrap());
    let score = KolmogorovSmirnov::default().compare(&x, &y).unwrap();
    assert_eq!(score.statistic, 1.0);
    assert_eq!(score, KolmogorovSmirnov::default().compile(&x).unwrap().compare(&y).unwrap());
}

#[test]
fn large_integers_and_small_ones_are_compared_exactly() {
    // The reference holds floats; the window one more than each, which only an integer column can say.
    let base = 1_i64 << 53;
    let floats: ArrayRef =
        Arc::new(Float64Array::from_iter_values((0..ROWS as i64).map(|row| (base + 2 * row) as f64)));
    let integers: ArrayRef =
        Arc::new(Int64Array::from_iter_values((0..ROWS as i64).map(|row| base + 2 * row + 1)));
    let (x, y) = Sample::pair(&floats, &integers).unwrap();
    let ks = KolmogorovSmirnov::default();
    assert_eq!(ks.compare(&x, &y).unwrap(), ks.compile(&x).unwrap().compare(&y).unwrap());
    assert_eq!(ks.compare(&x, &y).unwrap().statistic, 1.0 / ROWS as f64);
    assert_eq!(ks.compare(&x, &x).unwrap().statistic, 0.0);
    assert_eq!(ChiSquare::default().with_pool_below(0.0).compare(&x, &y).unwrap().effect.value, 1.0);
}

#[test]
fn what_is_no_number_is_no_number() {
    let text: ArrayRef = Arc::new(StringArray::from(vec!["a"; ROWS]));
    let numbers: ArrayRef = Arc::new(Float64Array::from(vec![1.0; ROWS]));
    let nothing: ArrayRef = Arc::new(NullArray::new(ROWS));
    assert!(report(&table(&numbers), &table(&text), &ReportOptions::default()).is_err());
    let (x, y) = Sample::pair(&text, &numbers).unwrap();
    assert_eq!((x.kind(), y.kind()), (Kind::Categorical, Kind::Numeric));
    for other in [&text, &numbers] {
        let (x, y) = Sample::pair(other, &nothing).unwrap();
        assert_eq!((x.kind(), y.len(), y.rows()), (y.kind(), 0, ROWS as u64));
        assert_eq!(Sample::pair(&nothing, other).unwrap().0.nulls(), nothing.len() as u64);
    }
}

#[test]
fn long_categories_of_a_window_are_those_of_the_reference() {
    let texts = |from: usize| {
        let long = |row: usize| format!("{}{}", "a long category, ".repeat(40), from + row % 3);
        Arc::new(StringArray::from_iter_values((0..ROWS).map(long))) as ArrayRef
    };
    assert_eq!(judged(&texts(0), &texts(0), &MonitorOptions::default()).outcome, Outcome::Stable);
    assert_eq!(judged(&texts(0), &texts(3), &MonitorOptions::default()).outcome, Outcome::Drifted);
}
