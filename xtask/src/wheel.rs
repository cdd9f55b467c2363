//! Building the Python wheel and proving it from outside: installed alone, as a user would.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::process::{self, Failure, Result};
use crate::project;
use crate::python::{self, Python};

/// Where maturin leaves the wheel.
pub(crate) fn folder() -> PathBuf {
    project::target().join("wheel")
}

/// Builds the wheel into an emptied [`folder`].
pub(crate) fn build(tools: &Python) -> Result<Command> {
    python::remove(&folder())?;
    let mut maturin = Command::new(tools.script("maturin"));
    maturin.current_dir(project::root());
    maturin.args([
        "build",
        "--quiet",
        "--locked",
        "--release",
        "--manifest-path",
        "mlcore-py/Cargo.toml",
        "--out",
    ]);
    maturin.arg(folder()).arg("--interpreter").arg(tools.program());
    Ok(maturin)
}

/// The one wheel that [`build`] left.
pub(crate) fn built() -> Result<PathBuf> {
    python::wheel_in(&folder()).ok_or_else(|| {
        Failure::new(format!("maturin left no wheel in {}; see its messages above", folder().display()))
    })
}

/// A new virtual environment, `target/wheel-venv`, with the wheel, what it declares, and what its tests import.
pub(crate) fn fresh_environment(wheel: &Path) -> Result<Python> {
    python::remove(&project::target().join("wheel-venv"))?;
    let python = python::environment("wheel-venv", python::OLDEST_FOR_TESTS)?;
    let pins = project::root().join("testdata").join("requirements.txt");
    let mut install = python.pip(&["install", "--quiet", "--constraint"]);
    // The peers that its tests compare with; that it needs none of them is one of the tests.
    let peers = [
        "pytest",
        "duckdb",
        "matplotlib",
        "nbconvert",
        "pandas",
        "plotly",
        "polars",
        "prometheus-client",
        "pyarrow",
        "scikit-learn",
        "scipy",
        "skl2onnx",
    ];
    install.arg(pins).arg(format!("{}[onnx]", wheel.display())).args(peers);
    if process::succeeds(&mut install)? {
        return Ok(python);
    }
    Err(Failure::new("pip could not install the wheel into a new environment; see its message above"))
}
