//! The newest rows of keys.

use std::sync::Arc;

use mlcore::arrow::array::{Array, ArrayRef, Int64Array, RecordBatch, StringArray, TimestampSecondArray};
use mlcore_features::store::offline::{Latest, View};

use super::tables::{cut, integers, source};

fn table(rows: i64) -> RecordBatch {
    let column = |of: fn(i64) -> i64| (0..rows).map(|row| Some(of(row))).collect::<Int64Array>();
    RecordBatch::try_from_iter([
        ("k", Arc::new(column(|row| row * 7919 % 100_000)) as ArrayRef),
        ("word", Arc::new((0..rows).map(|row| Some(format!("word {row}"))).collect::<StringArray>())),
        ("event", Arc::new((0..rows).map(|row| Some(row % 1000)).collect::<TimestampSecondArray>())),
        ("value", Arc::new(column(|row| row))),
    ])
    .unwrap()
}

#[test]
fn rows_come_in_batches_with_their_keys_and_times() {
    let own = table(300_000);
    let mut answers = Vec::new();
    for kind in 0..2 {
        let view = View::new("v", source(cut(&own, 10_000), kind), [("key", "k")], "event");
        let newest = Latest::new(view.with_features([("word", "w"), ("value", "v")]));
        let rows = newest.rows().unwrap();
        assert_eq!(
            (rows.remaining(), rows.report().present(), rows.report().rows()),
            (100_000, 100_000, 300_000)
        );
        let batches = rows.collect::<Result<Vec<_>, _>>().unwrap();
        assert_eq!(batches.iter().map(RecordBatch::num_rows).collect::<Vec<_>>(), [65_536, 34_464]);
        let names: Vec<String> =
            batches[0].schema().fields().iter().map(|field| field.name().clone()).collect();
        assert_eq!(names, ["key", "w", "v", "event"]);
        answers.push(batches);
    }
    assert_eq!(answers[0], answers[1]);
    // Rows 100 000 apart have the same key and, as 1000 divides that, the same event: the last one counts.
    let values: Vec<Option<i64>> = answers[0].iter().flat_map(|batch| integers(batch, "v")).collect();
    assert_eq!(values, (200_000..300_000).map(Some).collect::<Vec<_>>());
    assert_eq!(answers[0][0]["event"].len(), 65_536);
}
