//! `cargo xtask protocols`: the Rust code of the protocols of gRPC, of the descriptions beside it.

use std::process::ExitCode;

use crate::process::{self, Result};
use crate::project;

pub(crate) fn run() -> Result<ExitCode> {
    let mut command =
        project::cargo(&["run", "--quiet", "--locked", "--manifest-path", "xtask/protocols/Cargo.toml"]);
    // What it makes it with is not built into the folder of the workspace's own packages.
    command.env("CARGO_TARGET_DIR", project::target().join("protocols"));
    Ok(if process::succeeds(&mut command)? { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
