//! `cargo xtask lint`: what can be said about the sources without running them.

use std::process::{Command, ExitCode};

use crate::process::{self, Result};
use crate::project;
use crate::tally::Tally;

pub(crate) fn run() -> Result<ExitCode> {
    let mut tally = Tally::default();
    tally.check("formatting", &mut formatting())?;
    for (name, command) in &mut formatting_of_others() {
        tally.check(name, command)?;
    }
    tally.check("clippy", &mut clippy())?;
    if process::answer(&mut project::cargo(&["deny", "--version"])).is_some() {
        tally.check("licences, bans and sources", &mut deny(&["bans", "licenses", "sources"]))?;
        // Apart, because this one needs the RustSec database from the network.
        tally.check("advisories", &mut deny(&["advisories"]))?;
    } else {
        tally.skip(
            "licences, bans, sources and advisories (`cargo install --locked cargo-deny` brings the tool)",
        );
    }
    Ok(tally.close())
}

pub(crate) fn formatting() -> Command {
    project::cargo(&["fmt", "--all", "--check"])
}

/// What is a workspace of its own.
pub(crate) fn formatting_of_others() -> [(&'static str, Command); 2] {
    let of = |manifest| project::cargo(&["fmt", "--check", "--manifest-path", manifest]);
    [
        ("formatting of the fuzz targets", of("fuzz/Cargo.toml")),
        ("formatting of what makes the protocols", of("xtask/protocols/Cargo.toml")),
    ]
}

pub(crate) fn clippy() -> Command {
    let mut command =
        project::cargo(&["clippy", "--locked", "--workspace", "--all-targets", "--all-features"]);
    command.args(["--", "--deny", "warnings"]);
    command
}

fn deny(checks: &[&str]) -> Command {
    let mut command = project::cargo(&["deny", "--workspace", "--all-features", "check"]);
    command.args(checks);
    command
}
