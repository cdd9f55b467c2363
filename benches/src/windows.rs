//! Sliding windows: the join of entity rows beside DuckDB's, updates of tiles, and reads of one entity.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use mlcore::arrow::array::{AsArray, RecordBatch};
use mlcore::arrow::datatypes::Float64Type;
use mlcore::schema::DType;
use mlcore::time::Timestamp;
use mlcore_features::store::definition::{Aggregation, AggregationFunction as F, FeatureView, Field};
use mlcore_features::store::key::EntityKey;
use mlcore_features::store::offline::{PointInTimeJoin, View};
use mlcore_features::store::online::{EmbeddedOptions, EmbeddedStore, MemoryStore, OnlineStore, TableId};
use mlcore_features::store::window::{Delivery, EventColumns, OnlineWindows, WindowAnswer, WindowPlan};

use crate::Result;
use crate::peer::Peer;
use crate::store::{table, write};
use crate::table::{Goal, Table};
use crate::timing::{interleaved, median_seconds};

const ENTITY_ROWS: usize = 100_000;
const ROWS: usize = 10_000_000;
const ENTITIES: usize = 100_000;
const BATCH_ROWS: usize = 10_000;
/// The seconds that a read of one entity from memory may take.
const READ: f64 = 5e-6;

pub(crate) fn run(folder: &Path) -> Result<()> {
    let plan = plan()?;
    joined(folder, &plan)?;
    online(folder, &plan)
}

/// Ten aggregations over a week and a day, which slide by the hour.
fn plan() -> Result<WindowPlan> {
    let hour = Duration::from_secs(3600);
    let week = [F::Count, F::Sum, F::Mean, F::Min, F::Max, F::Std].map(|function| (function, 7 * 24 * hour));
    let day = [F::Count, F::Sum, F::Mean, F::Max].map(|function| (function, 24 * hour));
    let aggregations = week.into_iter().chain(day);
    let aggregations = aggregations
        .map(|(function, window)| Aggregation::new(function, "f0", window).with_slide_interval(hour));
    let schema = [Field::new("f0", DType::Float64)];
    let view =
        FeatureView::builder("features", ["user"]).schema(schema).aggregations(aggregations).build()?;
    Ok(WindowPlan::of(&view)?)
}

fn joined(folder: &Path, plan: &WindowPlan) -> Result<()> {
    let columns =
        ["1e5 entity rows x 1e7 events", "ours", "peer", "faster", "goal", "", "relative difference"];
    let mut shown = Table::new("Sliding windows: ten aggregations, one thread of ours", &columns);
    let (entity_rows, events) = (table(ENTITY_ROWS, 0, 5)?, table(ROWS, 1, 3)?);
    write(&entity_rows, &folder.join("entity_rows.parquet"))?;
    write(&events, &folder.join("feature_rows.parquet"))?;
    let run = || -> mlcore::Result<RecordBatch> {
        let view = View::new("features", &events, ["user_id"], "ts").with_windows(plan);
        Ok(PointInTimeJoin::new("ts").with(view).run(&entity_rows)?.into_table())
    };
    let answers = run()?;
    let sums = answers.column_by_name("sum_f0_604800s").ok_or("the join has no sum")?;
    let answer: f64 = sums.as_primitive::<Float64Type>().iter().flatten().sum();
    let ours = median_seconds(run);
    let mut versions = String::new();
    for threads in ["1", "2"] {
        let peer = Peer::run("MLCORE_BENCH_PYTHON", "windows.py", folder, &["--threads", threads])?;
        let cells = Goal::None.judge(ours, peer.seconds("duckdb"));
        let what = format!("in memory / DuckDB, {threads} of its threads");
        shown.line([what].into_iter().chain(cells).chain([peer.difference("duckdb", answer)]));
        versions = peer.versions;
    }
    shown.note(format!("Answers are compared by the sum over the weeks. {versions}"));
    crate::print(&shown);
    Ok(())
}

fn online(folder: &Path, plan: &WindowPlan) -> Result<()> {
    let memory: Arc<dyn OnlineStore> = Arc::new(MemoryStore::new());
    let file: Arc<dyn OnlineStore> =
        Arc::new(EmbeddedStore::open(folder.join("windows.redb"), EmbeddedOptions::default())?);
    let mut shown = Table::new(
        format!(
            "Sliding windows online: {ENTITIES} entities, events in batches of {BATCH_ROWS}; reads of one"
        ),
        &["store", "ours", "", "", "goal", ""],
    );
    let now = Timestamp::from_millis(29 * 86_400_000 + 1_234_567);
    for (name, store, rows) in [("memory", memory, 1_000_000), ("file", file, 100_000)] {
        let id = TableId::new("bench", "features", 1)?;
        let windows = OnlineWindows::new(store, &id, plan, EventColumns::new(["user_id"], "ts"))?;
        let events = table(rows, 1, 3)?;
        let start = Instant::now();
        for (number, first) in (1..).zip((0..rows).step_by(BATCH_ROWS)) {
            let batch = events.slice(first, BATCH_ROWS.min(rows - first));
            windows.update(&Delivery::new("bench", number), &batch, Timestamp::from_millis(0))?;
        }
        let seconds = start.elapsed().as_secs_f64() / rows as f64;
        shown.line([format!("{name}, an event")].into_iter().chain(Goal::None.judge(seconds, None)));
        let keys = (0..1000).map(|key| Ok([EntityKey::one("user_id", key)?]));
        let keys = keys.collect::<Result<Vec<_>>>()?;
        let mut answer = WindowAnswer::default();
        let mut read = |call: usize| match keys.get(call % keys.len()) {
            Some(key) => Ok(windows.read(key, now, &mut answer)?),
            None => Ok(()),
        };
        let [ours] = interleaved((15, 2000), [&mut read])?;
        let cells = Goal::Within(READ).judge(ours.median, None);
        shown.line([format!("{name}, a read of ten features")].into_iter().chain(cells));
    }
    crate::print(&shown);
    Ok(())
}
