//! `cargo xtask bench`: mlcore beside the libraries that its users know, in one run on one machine.

use std::process::ExitCode;

use crate::process::{self, Failure, Result};
use crate::{project, python, setup, wheel};

pub(crate) fn run() -> Result<ExitCode> {
    let python = setup::everything()?;
    // Evidently needs pandas 2, the tests pandas 3: it gets an environment of its own.
    let evidently = python::environment_with("python-evidently", "requirements-bench.txt")?;
    // whylogs needs numpy 1.
    let whylogs = python::environment_with("python-whylogs", "requirements-bench-whylogs.txt")?;
    let validation = python::environment_with("python-validation", "requirements-bench-validation.txt")?;
    // MLflow as its users have it.
    let mlflow = python::environment_with("python-clients", "requirements-clients.txt")?;
    // Feast needs pandas 2, too, and versions of its own below it.
    let feast = python::environment_with("python-feast", "requirements-bench-feast.txt")?;
    // gbstats needs numpy 1 and pandas 1.
    let experiment =
        python::environment_with("python-bench-experiment", "requirements-bench-experiment.txt")?;
    // What people call from Python is the wheel.
    if !process::succeeds(&mut wheel::build(&python)?)? {
        return Err(Failure::new("maturin could not build the wheel; see its messages above"));
    }
    let installed = wheel::fresh_environment(&wheel::built()?)?;
    let mut benches =
        project::cargo(&["run", "--quiet", "--locked", "--release", "--package", "mlcore-benches"]);
    benches.env("MLCORE_BENCH_PYTHON", python.program());
    benches.env("MLCORE_BENCH_EVIDENTLY_PYTHON", evidently.program());
    benches.env("MLCORE_BENCH_WHYLOGS_PYTHON", whylogs.program());
    benches.env("MLCORE_BENCH_VALIDATION_PYTHON", validation.program());
    benches.env("MLCORE_BENCH_MLFLOW_PYTHON", mlflow.program());
    benches.env("MLCORE_BENCH_FEAST_PYTHON", feast.program());
    benches.env("MLCORE_BENCH_EXPERIMENT_PYTHON", experiment.program());
    benches.env("MLCORE_BENCH_WHEEL_PYTHON", installed.program());
    if process::succeeds(&mut benches)? {
        return Ok(ExitCode::SUCCESS);
    }
    Err(Failure::new("the benchmarks failed; their last lines above say where"))
}
