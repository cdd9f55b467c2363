//! What people call from Python, beside the library that they would call instead.

use std::path::Path;

use crate::Result;
use crate::peer::Peer;
use crate::table::{Goal, Table};
use crate::timing::show;

/// Columns of 100,000 rows in both tables of a report.
const COLUMNS: f64 = 500.0;
/// Evidently would take minutes for so many; it is asked for fewer, and what it takes for each of them counts.
const PEER_COLUMNS: &str = "10";
const REPORT_WITHIN: f64 = 2.0;
const MEGABYTES: f64 = 300.0;

pub(crate) fn run(folder: &Path) -> Result<()> {
    let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("../testdata/models/runner");
    let models = models.to_string_lossy();
    let measured = Peer::run("MLCORE_BENCH_WHEEL_PYTHON", "python.py", folder, &["--models", &models])?;
    let evidently = Peer::run(
        "MLCORE_BENCH_EVIDENTLY_PYTHON",
        "evidently_report.py",
        folder,
        &["--columns", PEER_COLUMNS],
    )?;
    calls(&measured);
    logging(folder)?;
    reports(&measured, &evidently);
    Ok(())
}

fn calls(measured: &Peer) {
    let columns = ["call from Python", "ours", "peer", "faster", "goal", ""];
    let mut table = Table::new("Python: the wheel beside its peers in one process, in turn", &columns);
    for (what, name, goal) in [
        (
            "one row of pandas, 24 columns, through a plan / scikit-learn",
            "one row of pandas",
            Goal::Times(10.0),
        ),
        ("1e5 rows of 8 columns of Python's strings to Arrow / pyarrow", "text of pandas", Goal::Times(1.0)),
        ("MinMaxScaler.transform of 1e5 x 30 / scikit-learn", "MinMaxScaler/transform", Goal::Times(1.0)),
        ("MinMaxScaler.fit", "MinMaxScaler/fit", Goal::None),
        ("StandardScaler.transform", "StandardScaler/transform", Goal::Times(1.0)),
        ("StandardScaler.fit", "StandardScaler/fit", Goal::None),
        ("MaxAbsScaler.transform", "MaxAbsScaler/transform", Goal::Times(1.0)),
        ("MaxAbsScaler.fit", "MaxAbsScaler/fit", Goal::None),
        ("a model of 8 columns of text, 1 row / onnxruntime", "texts8/1", Goal::Times(0.9)),
        ("the same, 256 rows", "texts8/256", Goal::Times(0.9)),
        ("a model of an array of text, 1 row x 2", "strings/1", Goal::Times(0.9)),
        ("the same, 4096 rows x 2", "strings/4096", Goal::Times(0.9)),
    ] {
        let Some(ours) = measured.seconds(&format!("{name}/ours")) else { continue };
        let cells = goal.judge(ours, measured.seconds(&format!("{name}/peer")));
        table.line([what.to_owned()].into_iter().chain(cells));
    }
    table.note(measured.versions.clone());
    crate::print(&table);
}

/// `log_metric` beside a function of Python that does nothing, and beside MLflow's.
fn logging(folder: &Path) -> Result<()> {
    let ours = Peer::run("MLCORE_BENCH_WHEEL_PYTHON", "tracking.py", folder, &[])?;
    let mlflow = Peer::run("MLCORE_BENCH_MLFLOW_PYTHON", "tracking.py", folder, &[])?;
    let columns = ["call from Python", "ours", "peer", "faster", "goal", ""];
    let mut table = Table::new("Python: mlcore.log_metric into a file, while a thread flushes", &columns);
    if let Some(seconds) = ours.seconds("log_metric/ours") {
        let cells = Goal::Times(30.0).judge(seconds, mlflow.seconds("log_metric/peer"));
        table.line(["log_metric / mlflow.log_metric, SQLite".to_owned()].into_iter().chain(cells));
        let cells = Goal::None.judge(seconds, ours.seconds("log_metric/bare"));
        table.line(["log_metric / a function that returns None".to_owned()].into_iter().chain(cells));
    }
    if let Some(seconds) = ours.seconds("log_metric/flush") {
        table.note(format!("What waited after 350,000 calls was written in {}.", show(seconds)));
    }
    table.note(format!("{}; {}", ours.versions, mlflow.versions));
    crate::print(&table);
    Ok(())
}

fn reports(measured: &Peer, evidently: &Peer) {
    let columns =
        ["report of 500 columns x 1e5 rows", "ours", "peer", "faster", "goal", "", "memory", "goal", ""];
    let mut table =
        Table::new("Python: a drift report of tables in memory; peer: Evidently, by columns", &columns);
    let peer = evidently.seconds("report/column").map(|seconds| seconds * COLUMNS);
    let alone = |library: &str| measured.seconds(&format!("report/{library}/1"));
    for library in ["pandas", "polars"] {
        for threads in [1, 2] {
            let Some(ours) = measured.seconds(&format!("report/{library}/{threads}")) else { continue };
            let within = match threads {
                1 => REPORT_WITHIN,
                _ => alone(library).unwrap_or(REPORT_WITHIN) / 2.0,
            };
            let grown = measured.seconds(&format!("memory/{library}/{threads}")).unwrap_or(f64::NAN);
            let reached = crate::table::verdict(Some(grown < MEGABYTES)).to_owned();
            let memory = [format!("{grown:.0} MB"), format!("< {MEGABYTES:.0} MB"), reached];
            let what = format!("from {library}, {threads} thread{}", if threads == 1 { "" } else { "s" });
            table.line([what].into_iter().chain(Goal::Within(within).judge(ours, peer)).chain(memory));
        }
    }
    if let Some(reading) = measured.seconds("report/reading") {
        table.note(format!("Adding up all numbers twice takes {}.", show(reading)));
    }
    table.note(format!(
        "Evidently's figure is that of {PEER_COLUMNS} columns, for each of 500. {}",
        evidently.versions
    ));
    crate::print(&table);
}
