//! `cargo xtask quickstart`: the whole loop on real data, with the set-up that it needs.

use std::process::{Command, ExitCode};

use crate::process::{self, Failure, Result};
use crate::{project, setup};

pub(crate) fn run() -> Result<ExitCode> {
    setup::library()?;
    if process::succeeds(&mut command())? {
        return Ok(ExitCode::SUCCESS);
    }
    Err(Failure::new(
        "the quickstart did not come out as claimed; its last lines above say which step, please report it",
    ))
}

/// Optimised, because it prints how long things take.
fn command() -> Command {
    project::cargo(&["run", "--quiet", "--locked", "--release", "--package", "quickstart"])
}
