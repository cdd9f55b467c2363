//! Bytes as the text of an expression: it is refused at a place of the text, or it prints to what is read the same and computes
//! the same for a row as for a table.

use std::sync::Arc;

use mlcore::Error;
use mlcore::arrow::array::{
    ArrayRef, BooleanArray, Float64Array, Int64Array, RecordBatch, StringArray, TimestampSecondArray,
};
use mlcore::batch::Row;
use mlcore_features::expression::Expression;
use mlcore_features::pipeline::Plan;
use mlcore_features::transform::{DerivedColumns, Fit};

use crate::told::told;

/// Reads bytes as an expression; says whether they are one that a table of these columns has.
pub(crate) fn check(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes);
    let expression = match Expression::parse(&text) {
        Ok(expression) => expression,
        Err(error) => return refused(&error),
    };
    let printed = expression.to_string();
    match Expression::parse(&printed) {
        Ok(again) => assert_eq!(again, expression, "{printed:?} is read otherwise"),
        // What is printed has all its parentheses, and may be longer than what was written.
        Err(error) => assert!(error.to_string().contains("are the most"), "{printed:?}: {error}"),
    }
    let table = table();
    let fitted = match DerivedColumns::default().column("made", expression).fit(&table) {
        Ok(fitted) => fitted,
        Err(error) => return refused(&error),
    };
    let plan = match Plan::new(fitted) {
        Ok(plan) => plan,
        Err(error) => return refused(&error),
    };
    let Ok(made) = plan.transform_dense::<f64>(&table) else { return true };
    let made = made.values::<f64>().expect("features are doubles");
    let mut executor = plan.row_executor();
    for (row, expected) in made.iter().enumerate() {
        let single = plan
            .with_row_of(&table, row, |values| {
                executor
                    .run(Row::new(values, plan.input()).expect("the row is the plan's"))
                    .map(<[f64]>::to_vec)
            })
            .expect("the table has the row")
            .expect("a row is answered as its table was");
        assert_eq!(
            single[0].to_bits(),
            expected.to_bits(),
            "row {row} of {printed:?}: {single:?}, {expected}"
        );
    }
    true
}

fn refused(error: &Error) -> bool {
    told(error);
    assert!(error.is_caller_fault(), "an expression is a {} error: {error}", error.kind());
    false
}

/// Columns of every type that expressions know.
pub(crate) fn table() -> RecordBatch {
    let x =
        Float64Array::from(vec![Some(1.0), None, Some(-0.0), Some(f64::NAN), Some(2.5), Some(f64::INFINITY)]);
    let n = Int64Array::from(vec![Some(1), Some(0), None, Some(-7), Some(1 << 60), Some(3)]);
    let b = BooleanArray::from(vec![Some(true), Some(false), None, Some(true), Some(false), None]);
    let s =
        StringArray::from(vec![Some("a"), Some(" Ab "), None, Some(""), Some("Grüße aus Zürich"), Some("b")]);
    let seconds = [Some(0), None, Some(-1), Some(1 << 31), Some(1_711_846_800), Some(1)];
    let t = TimestampSecondArray::from(seconds.to_vec()).with_timezone("Europe/Berlin");
    let columns: [(&str, ArrayRef); 5] =
        [("x", Arc::new(x)), ("n", Arc::new(n)), ("b", Arc::new(b)), ("s", Arc::new(s)), ("t", Arc::new(t))];
    RecordBatch::try_from_iter(columns).expect("the columns have one length")
}
