//! Chromium, which the tests of pages look with.

use std::process::Command;

use crate::packages;
use crate::process::{self, Result};

/// Makes sure of a Chromium where that is possible without asking: on Debian, as root. Without one the tests of pages are
/// skipped, and say so.
pub(crate) fn ensure() -> Result<()> {
    if let Some(found) = find() {
        println!("Chromium: {found}");
        return Ok(());
    }
    if !packages::ensure("chromium", "chromium")? {
        println!(
            "Chromium: none; tests of pages are skipped (install it, or set MLCORE_CHROMIUM to its program)"
        );
    }
    Ok(())
}

fn find() -> Option<String> {
    let named = std::env::var("MLCORE_CHROMIUM").ok();
    let names = ["chromium", "chromium-browser", "google-chrome", "chrome"].map(str::to_owned);
    named.into_iter().chain(names).find_map(|name| process::answer(Command::new(name).arg("--version")))
}
