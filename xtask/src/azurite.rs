//! Azurite, Azure's emulator, which the tests of object stores ask.

use std::process::Command;

use crate::process::{self, Result};
use crate::project;

/// Makes sure of Azurite in `target/azurite`, where there is npm; done once. Without it those tests are skipped, and say so.
pub(crate) fn ensure() -> Result<()> {
    let folder = project::target().join("azurite");
    let manifest = folder.join("node_modules/azurite/package.json");
    let installed = std::fs::read_to_string(&manifest).unwrap_or_default();
    if installed.contains(&format!("\"version\": \"{VERSION}\"")) {
        return Ok(());
    }
    if process::answer(Command::new("npm").arg("--version")).is_none() {
        println!("Azurite: no npm to install it with; tests of Azure are skipped");
        return Ok(());
    }
    let mut npm = Command::new("npm");
    npm.args(["install", "--no-audit", "--no-fund", "--no-save", "--ignore-scripts", "--prefix"])
        .arg(&folder);
    npm.arg(format!("azurite@{VERSION}"));
    if !process::succeeds(&mut npm)? {
        println!("Azurite: npm could not install it; tests of Azure are skipped");
    }
    Ok(())
}

const VERSION: &str = "3.35.0";
