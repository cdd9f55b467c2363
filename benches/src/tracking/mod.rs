//! Tracking in process: logging that does not wait, writers that wait for the disk, and searches of a large store.

mod logging;
mod searching;
mod writing;

use std::path::Path;

use crate::Result;

pub(crate) fn run(folder: &Path) -> Result<()> {
    logging::run(folder)?;
    writing::run(folder)?;
    searching::run(folder)
}
