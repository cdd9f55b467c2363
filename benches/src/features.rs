//! A plan of 23 mixed columns beside scikit-learn and polars: one row, a table, and fitting.

use std::cell::Cell;
use std::fs::File;
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;

use mlcore::arrow::array::{Array, ArrayRef, AsArray, Float64Array, RecordBatch, StringArray};
use mlcore::arrow::datatypes::Float64Type;
use mlcore::batch::{Row, Value};
use mlcore::stats::SplitMix64;
use mlcore_features::pipeline::{ColumnTransformer, Pipeline, Plan};
use mlcore_features::transform::{
    Encode, HandleUnknown, KBinsDiscretizer, OneHotEncoder, OrdinalEncoder, SimpleImputer, StandardScaler,
};
use parquet::arrow::ArrowWriter;

use crate::Result;
use crate::peer::Peer;
use crate::table::{Goal, Table};
use crate::timing::median_seconds;

const ROWS: usize = 1_000_000;
const FITTED_ROWS: usize = 200_000;
const WORDS: [&str; 12] = [
    "alpine",
    "boreal",
    "coastal",
    "desert",
    "estuary",
    "forest",
    "grassland",
    "highland",
    "island",
    "jungle",
    "karst plateau",
    "lagoon",
];

pub(crate) fn run(folder: &Path) -> Result<()> {
    let table = mixed(ROWS)?;
    let mut file =
        ArrowWriter::try_new(File::create(folder.join("features.parquet"))?, table.schema(), None)?;
    file.write(&table)?;
    file.close()?;
    let peers = ["1", "2"]
        .map(|threads| Peer::run("MLCORE_BENCH_PYTHON", "features.py", folder, &["--threads", threads]));
    let [peer, on_two] = peers;
    let (peer, on_two) = (peer?, on_two?);
    let python = Peer::run("MLCORE_BENCH_WHEEL_PYTHON", "features_row.py", folder, &[])?;
    let plan = specification().fit(&table.slice(0, FITTED_ROWS))?;

    let columns = ["plan of 23 columns", "ours", "peer", "faster", "goal", "", "relative difference"];
    let mut shown = Table::new(
        "Features: 14 imputed and scaled, 2 binned by quantiles, 6 one-hot of 12 words, 1 ordinal",
        &columns,
    );
    let mut line = |what: &str, goal: Goal, seconds: f64, (peer, name): (&Peer, &str), answer: f64| {
        let cells = goal.judge(seconds, peer.seconds(name));
        shown.line([what.to_owned()].into_iter().chain(cells).chain([peer.difference(name, answer)]));
    };
    let one_row = one_row(&plan, &table)?;
    line("one row / scikit-learn", Goal::Within(0.2e-6), one_row, (&peer, "row/sklearn"), f64::NAN);
    line("one row / polars, lazy", Goal::None, one_row, (&peer, "row/polars"), f64::NAN);
    if let Some(seconds) = python.seconds("row/python") {
        let from_python = "one row from Python, dict to array / scikit-learn";
        line(from_python, Goal::Within(3e-6), seconds, (&peer, "row/sklearn"), f64::NAN);
    }
    let sum = plan.transform_dense::<f64>(&table)?.values::<f64>()?.iter().sum();
    let dense = median_seconds(|| plan.transform_dense::<f64>(&table));
    line(
        "1e6 rows to a matrix of f64 / scikit-learn",
        Goal::Times(10.0),
        dense,
        (&peer, "table/sklearn"),
        sum,
    );
    let two = NonZeroUsize::MIN.saturating_add(1);
    for (what, threads, polars) in [
        ("1e6 rows to columns of f64, 1 thread / polars", NonZeroUsize::MIN, &peer),
        ("1e6 rows to columns of f64, 2 threads / polars", two, &on_two),
    ] {
        let seconds = median_seconds(|| plan.on_threads(threads).transform(&table));
        line(what, Goal::Times(1.5), seconds, (polars, "table/polars"), sum);
    }
    let mut memory = vec![0.0_f32; ROWS * plan.width()];
    let reused = median_seconds(|| plan.transform_into(&table, &mut memory));
    line("1e6 rows to f32 in memory used before", Goal::Within(0.1), reused, (&peer, ""), f64::NAN);
    memory.fill(0.0);
    let filled = median_seconds(|| std::hint::black_box(&mut memory).fill(1.0));
    line("   the same memory filled with one number", Goal::None, filled, (&peer, ""), f64::NAN);
    let first = table.slice(0, FITTED_ROWS);
    let fitted = median_seconds(|| specification().fit(&first));
    line("fit on 2e5 rows / scikit-learn", Goal::Times(15.0), fitted, (&peer, "fit/sklearn"), f64::NAN);
    shown.note(format!("Tables are compared by the sum of all {} features. {}", plan.width(), peer.versions));
    crate::print(&shown);
    Ok(())
}

/// The columns that `peers/features.py` reads: n0 to n13 with one value in twenty missing, b0, b1, c0 to c5, o0.
fn mixed(rows: usize) -> Result<RecordBatch> {
    let mut random = SplitMix64::new(11);
    let mut columns: Vec<(String, ArrayRef)> = Vec::new();
    for column in 0..16 {
        let name = if column < 14 { format!("n{column}") } else { format!("b{}", column - 14) };
        let values: Float64Array = (0..rows)
            .map(|_| {
                let value = column as f64 + 3.0 * random.normal();
                (column >= 14 || random.uniform() >= 0.05).then_some(value)
            })
            .collect();
        columns.push((name, Arc::new(values)));
    }
    for column in 0..7 {
        let name = if column < 6 { format!("c{column}") } else { "o0".to_owned() };
        let words: StringArray = (0..rows).map(|_| WORDS.get(random.below(WORDS.len()))).collect();
        columns.push((name, Arc::new(words)));
    }
    Ok(RecordBatch::try_from_iter(columns)?)
}

fn specification() -> ColumnTransformer {
    let names = |prefix: &str, count: usize| (0..count).map(|i| format!("{prefix}{i}")).collect::<Vec<_>>();
    let number =
        Pipeline::new().then("impute", SimpleImputer::default()).then("scale", StandardScaler::default());
    ColumnTransformer::new()
        .with("scaled", number, names("n", 14))
        .with("binned", KBinsDiscretizer::default().n_bins(5).encode(Encode::Ordinal), names("b", 2))
        .with("one_hot", OneHotEncoder::default().handle_unknown(HandleUnknown::Ignore), names("c", 6))
        .with("ordinal", OrdinalEncoder::default().unknown_value(-1.0), names("o", 1))
}

/// Seconds for one row: checked against the schema, through the plan, into a reused buffer; over 512 different rows.
fn one_row(plan: &Plan, table: &RecordBatch) -> Result<f64> {
    const DIFFERENT: usize = 512;
    let mut rows: Vec<Vec<Value<'_>>> = Vec::with_capacity(DIFFERENT);
    for row in 0..DIFFERENT {
        rows.push(cells(table, row)?);
    }
    let mut executor = plan.row_executor();
    let mut features = vec![0.0_f32; plan.width()];
    let failed = Cell::new(false);
    let seconds = median_seconds(|| {
        for values in &rows {
            let ran = Row::new(values, plan.input()).and_then(|row| executor.run_into(row, &mut features));
            failed.set(failed.get() || ran.is_err());
            std::hint::black_box(&mut features);
        }
    });
    if failed.get() {
        return Err("a row failed in the plan".into());
    }
    Ok(seconds / DIFFERENT as f64)
}

fn cells(table: &RecordBatch, row: usize) -> Result<Vec<Value<'_>>> {
    let cells: Option<Vec<Value<'_>>> = table.columns().iter().map(|column| cell(column, row)).collect();
    cells.ok_or_else(|| "the table holds numbers and words only".into())
}

fn cell(column: &ArrayRef, row: usize) -> Option<Value<'_>> {
    if column.is_null(row) {
        return Some(Value::Null);
    }
    let number = || column.as_primitive_opt::<Float64Type>().map(|numbers| Value::Float(numbers.value(row)));
    column.as_string_opt::<i32>().map(|words| Value::Text(words.value(row))).or_else(number)
}
