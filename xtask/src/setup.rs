//! `cargo xtask setup`: what the other commands need and a fresh machine lacks.

use std::process::ExitCode;

use crate::onnxruntime;
use crate::process::Result;
use crate::python::{self, Python};

pub(crate) fn run() -> Result<ExitCode> {
    everything()?;
    Ok(ExitCode::SUCCESS)
}

/// The Python environment of the tests and ONNX Runtime in the cache folder; done once, a second call only looks.
pub(crate) fn everything() -> Result<Python> {
    let python = python::environment_with("python", "requirements.txt")?;
    onnxruntime::ensure(|| Ok(python.clone()))?;
    Ok(python)
}

/// ONNX Runtime alone: the only thing that the quickstart needs.
pub(crate) fn library() -> Result<()> {
    onnxruntime::ensure(|| {
        let python = Python::find(python::OLDEST)?;
        // Debian's python3 comes without pip; an environment brings its own.
        if python.has_pip() { Ok(python) } else { python::environment("pip", python::OLDEST) }
    })
}
