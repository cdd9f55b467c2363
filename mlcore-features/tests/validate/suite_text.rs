//! Bytes as a suite, in TOML, in JSON and as Great Expectations writes it: it is refused, or it is written and read back as it was,
//! and says the same of a table in one piece, in several, and row by row.

use std::collections::BTreeSet;
use std::sync::Arc;

use mlcore::Error;
use mlcore::arrow::array::{
    ArrayRef, BooleanArray, Float64Array, Int64Array, RecordBatch, StringArray, TimestampSecondArray,
};
use mlcore::batch::{ColumnView, Row, Value};
use mlcore::schema::Schema;
use mlcore_features::validate::{Report, RunOptions, Suite};

use crate::told::told;

/// Reads bytes as a suite; says whether they are one of any of the three forms.
pub(crate) fn check(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes);
    let mut is_suite = false;
    match Suite::from_toml(&text) {
        Ok(suite) => {
            let written = suite.to_toml().expect("what TOML held, TOML holds");
            assert_eq!(Suite::from_toml(&written).expect("it was just written"), suite, "{written}");
            is_suite |= hold(&suite);
        }
        Err(error) => refused(&error),
    }
    if let Ok(suite) = serde_json::from_str::<Suite>(&text) {
        match suite.check() {
            Ok(()) => is_suite |= hold(&suite),
            Err(error) => refused(&error),
        }
    }
    match Suite::from_great_expectations(&text) {
        Ok(imported) => {
            assert!(imported.refused.iter().all(|refused| !refused.reason.is_empty()));
            is_suite |= hold(&imported.suite);
        }
        Err(error) => refused(&error),
    }
    is_suite
}

fn refused(error: &Error) {
    told(error);
    assert!(error.is_caller_fault(), "a suite is a {} error: {error}", error.kind());
}

/// Runs a suite that was read; true.
fn hold(suite: &Suite) -> bool {
    let json = serde_json::to_string(suite).expect("a suite is JSON");
    assert_eq!(&serde_json::from_str::<Suite>(&json).expect("it was just written"), suite, "{json}");
    let table = table();
    let schema = Schema::from_arrow(table.schema_ref()).expect("the types are known");
    let compiled = match suite.compile(&schema) {
        Ok(compiled) => compiled,
        Err(error) => {
            refused(&error);
            return true;
        }
    };
    let options = RunOptions::default().with_most_unexpected(100);
    let whole = compiled.validate(&table, &options).expect("a small table is looked at");
    let pieces = (0..table.num_rows()).map(|row| Ok(table.slice(row, 1)));
    let in_pieces = compiled.validate_batches(pieces, &options).expect("a small table is looked at");
    let by_row: BTreeSet<usize> = compiled.places_for_rows().collect();
    let views: Vec<ColumnView<'_>> =
        table.columns().iter().map(|array| ColumnView::new("c", array).expect("a column is read")).collect();
    let failing: Vec<BTreeSet<usize>> = (0..table.num_rows())
        .map(|row| {
            let values: Vec<Value<'_>> = views.iter().map(|view| view.value(row)).collect();
            let row = Row::new(&values, &schema).expect("the row is the table's");
            compiled.check_row(row).expect("the row is the suite's").places().iter().copied().collect()
        })
        .collect();
    for place in by_row {
        let rows = |report: &Report| {
            let rows = report.results()[place].unexpected.iter().filter_map(|unexpected| unexpected.row);
            rows.map(|row| usize::try_from(row).expect("there are few rows")).collect::<Vec<_>>()
        };
        let own: Vec<usize> = (0..failing.len()).filter(|row| failing[*row].contains(&place)).collect();
        assert_eq!((rows(&whole), rows(&in_pieces)), (own.clone(), own), "{}", suite.expectations()[place]);
    }
    assert!(whole.to_html().ends_with("</html>\n") && !whole.to_string().is_empty());
    assert!(serde_json::from_str::<serde_json::Value>(&whole.to_json().expect("a report is JSON")).is_ok());
    true
}

/// Columns of every kind, some of whose values are missing.
fn table() -> RecordBatch {
    let x =
        Float64Array::from(vec![Some(1.0), None, Some(-0.0), Some(f64::NAN), Some(2.5), Some(f64::INFINITY)]);
    let n = Int64Array::from(vec![Some(1), Some(0), None, Some(-7), Some(1 << 60), Some(3)]);
    let b = BooleanArray::from(vec![Some(true), Some(false), None, Some(true), Some(false), None]);
    let s =
        StringArray::from(vec![Some("a"), Some(" Ab "), None, Some(""), Some("Grüße aus Zürich"), Some("b")]);
    let seconds = [Some(0), None, Some(-1), Some(1 << 31), Some(1_711_846_800), Some(1)];
    let t = TimestampSecondArray::from(seconds.to_vec());
    let columns: [(&str, ArrayRef); 5] =
        [("x", Arc::new(x)), ("n", Arc::new(n)), ("b", Arc::new(b)), ("s", Arc::new(s)), ("t", Arc::new(t))];
    let columns = columns.into_iter().map(|(name, column)| (name, column, true));
    RecordBatch::try_from_iter_with_nullable(columns).expect("the columns have one length")
}
