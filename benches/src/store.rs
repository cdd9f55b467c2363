//! The point-in-time join beside the as-of joins of polars and DuckDB.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use mlcore::arrow::array::{
    ArrayRef, AsArray, Float64Array, Int64Array, RecordBatch, TimestampMicrosecondArray,
};
use mlcore::arrow::datatypes::Float64Type;
use mlcore::stats::SplitMix64;
use mlcore_features::store::offline::{ParquetTable, PointInTimeJoin, Source, View};
use parquet::arrow::ArrowWriter;

use crate::Result;
use crate::peer::Peer;
use crate::table::{Goal, Table};
use crate::timing::median_seconds;

const ENTITY_ROWS: usize = 100_000;
const KEYS: usize = 100_000;
const FEATURES: usize = 10;
const DAYS: usize = 30;

pub(crate) fn run(folder: &Path) -> Result<()> {
    let columns =
        ["1e5 entity rows, 10 features", "ours", "peer", "faster", "goal", "", "relative difference"];
    let mut shown = Table::new("Feature store: point-in-time join, one thread of ours", &columns);
    let entity_rows = table(ENTITY_ROWS, 0, 5)?;
    write(&entity_rows, &folder.join("entity_rows.parquet"))?;
    let mut versions = String::new();
    for (rows, name) in [(1_000_000, "1e6"), (10_000_000, "1e7")] {
        let path = folder.join("feature_rows.parquet");
        write(&table(rows, FEATURES, 3)?, &path)?;
        let peers = ["1", "2"].map(|threads| {
            Peer::run("MLCORE_BENCH_PYTHON", "point_in_time.py", folder, &["--threads", threads])
        });
        let features = table(rows, FEATURES, 3)?;
        let answer = answer(&features, &entity_rows)?;
        let memory = median_seconds(|| join(&features, &entity_rows));
        let file = median_seconds(|| ParquetTable::open(&path).and_then(|file| join(file, &entity_rows)));
        for (threads, peer) in ["1", "2"].iter().zip(peers) {
            let peer = peer?;
            for (what, of, goal, seconds) in [
                ("in memory / polars, sorted and joined", "polars/memory", Goal::Times(3.0), memory),
                ("in memory / DuckDB", "duckdb/memory", Goal::Times(3.0), memory),
                ("from Parquet / polars", "polars/parquet", Goal::None, file),
                ("from Parquet / DuckDB", "duckdb/parquet", Goal::None, file),
            ] {
                let what = format!("{name} rows {what}, {threads} of its threads");
                let cells = goal.judge(seconds, peer.seconds(of));
                shown.line([what].into_iter().chain(cells).chain([peer.difference(of, answer)]));
            }
            versions = peer.versions;
        }
    }
    shown.note(format!("Answers are compared by the sum of the first feature. {versions}"));
    crate::print(&shown);
    Ok(())
}

fn join(features: impl Source, entity_rows: &RecordBatch) -> mlcore::Result<RecordBatch> {
    let names = (0..FEATURES).map(|feature| format!("f{feature}"));
    let view = View::new("features", features, ["user_id"], "ts").with_features(names);
    Ok(PointInTimeJoin::new("ts").with(view).run(entity_rows)?.into_table())
}

/// The sum of the first feature over all entity rows.
fn answer(features: &RecordBatch, entity_rows: &RecordBatch) -> Result<f64> {
    let joined = join(features, entity_rows)?;
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
