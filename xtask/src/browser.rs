//! Chromium, which the tests of pages look with.

use std::path::Path;
use std::process::Command;

use crate::process::{self, Result};

/// Makes sure of a Chromium where that is possible without asking: on Debian, as root. Without one the tests of pages are
/// skipped, and say so.
pub(crate) fn ensure() -> Result<()> {
    if let Some(found) = find() {
        println!("Chromium: {found}");
        return Ok(());
    }
    let is_root = process::answer(Command::new("id").arg("-u")).is_some_and(|id| id == "0");
    if !is_root || !Path::new("/usr/bin/apt-get").exists() {
        println!(
            "Chromium: none; tests of pages are skipped (install it, or set MLCORE_CHROMIUM to its program)"
        );
        return Ok(());
    }
    let apt = |arguments: &[&str]| {
        let mut command = Command::new("apt-get");
        command.args(["-q", "-y"]).args(arguments).env("DEBIAN_FRONTEND", "noninteractive");
        process::succeeds(&mut command)
    };
    if !(apt(&["update"])? && apt(&["install", "--no-install-recommends", "chromium"])?) {
        println!("Chromium: apt-get could not install it; tests of pages are skipped");
    }
    Ok(())
}

fn find() -> Option<String> {
    let named = std::env::var("MLCORE_CHROMIUM").ok();
    let names = ["chromium", "chromium-browser", "google-chrome", "chrome"].map(str::to_owned);
    named.into_iter().chain(names).find_map(|name| process::answer(Command::new(name).arg("--version")))
}
