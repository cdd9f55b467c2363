//! Programs of the system that tests want.

use std::path::Path;
use std::process::Command;

use crate::process::{self, Result};

/// Makes sure of a program where that is possible without asking: on Debian, as root, from this package. Says whether it is there.
pub(crate) fn ensure(program: &str, package: &str) -> Result<bool> {
    ensure_that(|| process::answer(Command::new(program).arg("--version")).is_some(), package)
}

/// Makes sure of a PostgreSQL server, whose programs are on nobody's path.
pub(crate) fn ensure_postgresql() -> Result<bool> {
    let is_there = || {
        let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten();
        versions.filter_map(std::result::Result::ok).any(|version| version.path().join("bin/initdb").exists())
    };
    ensure_that(is_there, "postgresql")
}

fn ensure_that(is_there: impl Fn() -> bool, package: &str) -> Result<bool> {
    if is_there() {
        return Ok(true);
    }
    let is_root = process::answer(Command::new("id").arg("-u")).is_some_and(|id| id == "0");
    if !is_root || !Path::new("/usr/bin/apt-get").exists() {
        return Ok(false);
    }
    let apt = |arguments: &[&str]| {
        let mut command = Command::new("apt-get");
        command.args(["-q", "-y"]).args(arguments).env("DEBIAN_FRONTEND", "noninteractive");
        process::succeeds(&mut command)
    };
    let installed = apt(&["update"])? && apt(&["install", "--no-install-recommends", package])?;
    Ok(installed && is_there())
}
