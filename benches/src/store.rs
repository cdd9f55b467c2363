//! The point-in-time join beside the as-of joins of polars and DuckDB, and beside Feast's.

use std::fs::File;
use std::num::NonZeroUsize;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use mlcore::arrow::array::{
    ArrayRef, AsArray, Float64Array, Int64Array, RecordBatch, TimestampMicrosecondArray,
};
use mlcore::arrow::datatypes::Float64Type;
use mlcore::stats::SplitMix64;
use mlcore_features::store::offline::{ParquetTable, PointInTimeJoin, Source, View};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde::{Deserialize, Serialize};

use crate::Result;
use crate::peer::Peer;
use crate::table::{Goal, Table, verdict};
use crate::timing::median_seconds;

const ENTITY_ROWS: usize = 100_000;
const KEYS: usize = 100_000;
const FEATURES: usize = 10;
const DAYS: usize = 30;
const ONE: NonZeroUsize = NonZeroUsize::MIN;
const TWO: NonZeroUsize = ONE.saturating_add(1);

/// The first argument of a process that joins from Parquet, and says how long and with how much memory.
pub(crate) const CHILD: &str = "join-of";

/// What such a process found.
#[derive(Serialize, Deserialize)]
struct Found {
    seconds: f64,
    seconds_on_two_threads: f64,
    /// The most memory of the whole process, on one thread.
    megabytes: f64,
    answer: f64,
}

pub(crate) fn run(folder: &Path) -> Result<()> {
    let columns =
        ["1e5 entity rows, 10 features", "ours", "peer", "faster", "goal", "", "relative difference"];
    let mut shown = Table::new("Feature store: point-in-time join, one thread of ours", &columns);
    let entity_rows = table(ENTITY_ROWS, 0, 5)?;
    write(&entity_rows, &folder.join("entity_rows.parquet"))?;
    let mut versions = String::new();
    let mut memory_of = Vec::new();
    for (rows, name) in [(1_000_000, "1e6"), (10_000_000, "1e7")] {
        let path = folder.join("feature_rows.parquet");
        write(&table(rows, FEATURES, 3)?, &path)?;
        let peers = ["1", "2"].map(|threads| {
            Peer::run("MLCORE_BENCH_PYTHON", "point_in_time.py", folder, &["--threads", threads])
        });
        // Feast's default takes half a minute for a call of 1e7 rows, so that it is called once.
        let calls = if rows < 2_000_000 { "3" } else { "1" };
        let feast = |store: &str, calls: &str| {
            let arguments = ["--store", store, "--calls", calls];
            Peer::run("MLCORE_BENCH_FEAST_PYTHON", "feast_join.py", folder, &arguments)
        };
        let feast = [("dask", feast("dask", calls)?), ("duckdb", feast("duckdb", "3")?)];
        let found = child(folder)?;
        let features = table(rows, FEATURES, 3)?;
        let answer = answer(&features, &entity_rows)?;
        let memory = median_seconds(|| join(&features, &entity_rows, ONE));
        let memory_on_two = median_seconds(|| join(&features, &entity_rows, TWO));
        for (threads, peer) in ["1", "2"].iter().zip(peers) {
            let peer = peer?;
            for (what, of, goal, seconds) in [
                ("in memory / polars, sorted and joined", "polars/memory", Goal::Times(3.0), memory),
                ("in memory / DuckDB", "duckdb/memory", Goal::Times(3.0), memory),
                ("from Parquet / polars", "polars/parquet", Goal::None, found.seconds),
                ("from Parquet / DuckDB", "duckdb/parquet", Goal::None, found.seconds),
            ] {
                let what = format!("{name} rows {what}, {threads} of its threads");
                let cells = goal.judge(seconds, peer.seconds(of));
                shown.line([what].into_iter().chain(cells).chain([peer.difference(of, answer)]));
            }
            versions = peer.versions;
        }
        let is_claimed = rows > 2_000_000;
        for ((store, peer), (words, times)) in
            feast.iter().zip([("its default, Dask", 60.0), ("its DuckDB store", 8.0)])
        {
            let goal = if is_claimed { Goal::Times(times) } else { Goal::None };
            let what = format!("{name} rows from Parquet / Feast, {words}, all threads");
            let cells = goal.judge(found.seconds, peer.seconds(store));
            shown.line([what].into_iter().chain(cells).chain([peer.difference(store, found.answer)]));
            versions = format!("{versions}; {}", peer.versions);
            let megabytes = peer.seconds(&format!("{store}/megabytes"));
            let goal = (is_claimed && *store == "duckdb").then_some(0.2);
            memory_of.push(memory_line(name, words, found.megabytes, megabytes, goal));
        }
        for (what, one, two) in [
            ("in memory", memory, memory_on_two),
            ("from Parquet", found.seconds, found.seconds_on_two_threads),
        ] {
            let what = format!("{name} rows {what} on two threads / on one, both ours");
            shown.line([what].into_iter().chain(Goal::None.judge(two, Some(one))).chain([String::new()]));
        }
    }
    for line in memory_of {
        shown.line(line);
    }
    shown.note("Answers are compared by the sum of the first feature. Joins from Parquet are measured in a process of their own,");
    shown.note("whose peak of memory is that of all it does, as is Feast's: Python, Feast and pandas are some 200 MB of it.");
    shown.note(format!("Feast's default is called once at 1e7 rows, and three times at 1e6. {versions}"));
    crate::print(&shown);
    Ok(())
}

/// The peaks of memory of both sides, as cells.
fn memory_line(name: &str, words: &str, ours: f64, peer: Option<f64>, goal: Option<f64>) -> Vec<String> {
    let share = peer.map(|peer| ours / peer);
    vec![
        format!("{name} rows from Parquet, memory / Feast, {words}"),
        format!("{ours:.0} MB"),
        peer.map_or_else(|| "-".to_owned(), |peer| format!("{peer:.0} MB")),
        share.map_or_else(String::new, |share| format!("{:.0} %", 100.0 * share)),
        goal.map_or_else(String::new, |goal| format!("< {:.0} %", 100.0 * goal)),
        verdict(goal.and_then(|goal| share.map(|share| share < goal))).to_owned(),
        String::new(),
    ]
}

/// Joins the files in a process of its own.
fn child(folder: &Path) -> Result<Found> {
    let output = Command::new(std::env::current_exe()?).arg(CHILD).arg(folder).output()?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned().into());
    }
    Ok(serde_json::from_slice(&output.stdout)?)
}

/// In that process: the files opened, read and joined.
pub(crate) fn measure_case(folder: &Path) -> Result<String> {
    let entity_rows = File::open(folder.join("entity_rows.parquet"))?;
    let mut entity_rows =
        ParquetRecordBatchReaderBuilder::try_new(entity_rows)?.with_batch_size(ENTITY_ROWS).build()?;
    let entity_rows = entity_rows.next().ok_or("there are no entity rows")??;
    let path = folder.join("feature_rows.parquet");
    let on = |threads| {
        let table = ParquetTable::open(&path)?.on_threads(threads);
        join(table, &entity_rows, threads)
    };
    let first = on(ONE)?;
    let seconds = median_seconds(|| on(ONE));
    let megabytes = crate::reports::megabytes("VmHWM:")?;
    let found = Found {
        seconds,
        seconds_on_two_threads: median_seconds(|| on(TWO)),
        megabytes,
        answer: sum(&first)?,
    };
    Ok(serde_json::to_string(&found)?)
}

fn join(
    features: impl Source,
    entity_rows: &RecordBatch,
    threads: NonZeroUsize,
) -> mlcore::Result<RecordBatch> {
    let names = (0..FEATURES).map(|feature| format!("f{feature}"));
    let view = View::new("features", features, ["user_id"], "ts").with_features(names);
    Ok(PointInTimeJoin::new("ts").with(view).on_threads(threads).run(entity_rows)?.into_table())
}

/// The sum of the first feature over all entity rows.
fn answer(features: &RecordBatch, entity_rows: &RecordBatch) -> Result<f64> {
    sum(&join(features, entity_rows, ONE)?)
}

fn sum(joined: &RecordBatch) -> Result<f64> {
    let first = joined.column_by_name("f0").ok_or("the join has no column f0")?;
    Ok(first.as_primitive::<Float64Type>().iter().flatten().sum())
}

/// Rows of random keys and moments, in no order.
pub(crate) fn table(rows: usize, features: usize, seed: u64) -> Result<RecordBatch> {
    const SECONDS: usize = DAYS * 86_400;
    let mut random = SplitMix64::new(seed);
    let keys: Int64Array = (0..rows).map(|_| i64::try_from(random.below(KEYS)).ok()).collect();
    let mut moment = || {
        let (second, rest) = (random.below(SECONDS) as i64, random.below(1_000_000) as i64);
        Some(1_000_000 * second + rest)
    };
    let moments: TimestampMicrosecondArray = (0..rows).map(|_| moment()).collect();
    let mut columns: Vec<(String, ArrayRef)> =
        vec![("user_id".to_owned(), Arc::new(keys)), ("ts".to_owned(), Arc::new(moments))];
    for feature in 0..features {
        let values: Float64Array = (0..rows).map(|_| Some(random.uniform())).collect();
        columns.push((format!("f{feature}"), Arc::new(values)));
    }
    Ok(RecordBatch::try_from_iter(columns)?)
}

pub(crate) fn write(table: &RecordBatch, path: &Path) -> Result<()> {
    let mut file = ArrowWriter::try_new(File::create(path)?, table.schema(), None)?;
    file.write(table)?;
    file.close()?;
    Ok(())
}
