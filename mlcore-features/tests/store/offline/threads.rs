//! Joins on several threads, which answer what one thread answers.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use mlcore::arrow::array::{Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray};
use mlcore::arrow::datatypes::SchemaRef;
use mlcore::stats::SplitMix64;
use mlcore::{Error, Result, interrupt};
use mlcore_features::store::offline::{Piece, Pieces, PointInTimeJoin, Scan, Source, View};

fn threads(count: usize) -> NonZeroUsize {
    NonZeroUsize::new(count).unwrap()
}

/// Rows whose keys and times are often equal.
fn table(rows: usize, seed: u64) -> RecordBatch {
    let mut random = SplitMix64::new(seed);
    let mut draw = |below: usize| (0..rows).map(|_| random.below(below) as i64).collect::<Vec<_>>();
    let (users, times, created) = (draw(500), draw(300), draw(400));
    let words: StringArray = users.iter().map(|user| Some(format!("user {}", user % 50))).collect();
    RecordBatch::try_from_iter([
        ("user", Arc::new(Int64Array::from(users)) as _),
        ("word", Arc::new(words) as _),
        ("at", Arc::new(TimestampMicrosecondArray::from(times)) as _),
        ("created", Arc::new(TimestampMicrosecondArray::from(created)) as _),
        ("row", Arc::new(Int64Array::from_iter_values(0..rows as i64)) as _),
    ])
    .unwrap()
}

#[test]
fn many_rows_are_joined_as_by_one_thread() {
    let (features, entity_rows) = (table(500_000, 1), table(3000, 2).project(&[0, 1, 2]).unwrap());
    for keys in [&["user"][..], &["user", "word"]] {
        for with_created in [false, true] {
            let join = |count: usize| {
                let mut view = View::new("v", &features, keys.iter().copied(), "at")
                    .with_features(["row"])
                    .with_event_time("v_at")
                    .with_status("v_status");
                if with_created {
                    view = view.with_created_timestamp("created");
                }
                PointInTimeJoin::new("at").with(view).on_threads(threads(count)).run(&entity_rows).unwrap()
            };
            let one = join(1);
            assert!(one.views()[0].present() > 2000);
            for count in [2, 3, 8] {
                let several = join(count);
                assert_eq!(several.table(), one.table(), "{count} threads");
                assert_eq!(several.views(), one.views(), "{count} threads");
            }
        }
    }
}

/// A table in pieces of which one is missing, or slow.
#[derive(Debug)]
struct Odd {
    table: RecordBatch,
    fails_at: Option<usize>,
    read: AtomicUsize,
}

impl Source for Odd {
    fn schema(&self) -> Result<SchemaRef> {
        Ok(self.table.schema())
    }

    fn scan<'a>(&'a self, _: &Scan<'_>) -> Result<Pieces<'a>> {
        Ok(Box::new((0..self.table.num_rows()).step_by(1000).map(|start| {
            self.read.fetch_add(1, Ordering::Relaxed);
            if self.fails_at == Some(start) {
                return Err(Error::unavailable("read", "odd", format!("row {start} is away")));
            }
            let mut rows = self.table.slice(start, 1000);
            if start == 7000 {
                // A piece that lacks its times.
                rows = rows.project(&[0, 1, 3, 4]).unwrap();
            }
            Ok(Piece::new(start as u64, rows))
        })))
    }

    fn finds_rows(&self) -> bool {
        true
    }
}

#[test]
fn the_first_error_is_told_and_ends_the_pass() {
    let entity_rows = table(100, 2).project(&[0, 1, 2]).unwrap();
    let told = |fails_at, count| {
        let odd = Odd { table: table(400_000, 3), fails_at, read: AtomicUsize::new(0) };
        let view = View::new("v", &odd, ["user"], "at").with_event_time("v_at");
        let error =
            PointInTimeJoin::new("at").with(view).on_threads(threads(count)).run(&entity_rows).unwrap_err();
        assert!(odd.read.load(Ordering::Relaxed) < 200, "it goes on for long after an error");
        error.to_string()
    };
    for count in [1, 2, 4] {
        assert!(told(Some(3000), count).contains("view v, odd: row 3000 is away"));
        let missing = told(None, count);
        assert!(missing.contains("view v, at: the column is missing"), "{missing}");
    }
}

#[test]
fn whoever_waits_may_stop() {
    /// A table without an end.
    #[derive(Debug)]
    struct Endless(RecordBatch);

    impl Source for Endless {
        fn schema(&self) -> Result<SchemaRef> {
            Ok(self.0.schema())
        }

        fn scan<'a>(&'a self, _: &Scan<'_>) -> Result<Pieces<'a>> {
            Ok(Box::new((0..).map(|piece| Ok(Piece::new(piece * 1000, self.0.clone())))))
        }

        fn finds_rows(&self) -> bool {
            true
        }
    }
    let rows = table(1000, 4);
    for count in [1, 3] {
        let started = Instant::now();
        let stopped = interrupt::scope(
            move || started.elapsed() > Duration::from_millis(100),
            || {
                let view = View::new("v", Endless(rows.clone()), ["user"], "at").with_event_time("v_at");
                let join = PointInTimeJoin::new("at").with(view).on_threads(threads(count));
                join.run(&rows.project(&[0, 1, 2]).unwrap())
            },
        );
        assert!(matches!(stopped, Err(Error::Interrupted(_))), "{stopped:?}");
        assert!(started.elapsed() < Duration::from_secs(10));
    }
}
