//! What `fuzz/` throws at the bytes of monitors, on the inputs that are kept: no panic, no hang, and every property that the
//! targets hold for any input. Finding more is `fuzz/run`'s work.

#![cfg(test)]

mod judged;
mod monitor_reference;
mod sealed;
#[path = "../../../mlcore/tests/fuzz/told.rs"]
mod told;
mod window_counts;

use std::fs;
use std::path::Path;

/// How many inputs of the corpus are taken, of how many.
fn taken(target: &str, check: fn(&[u8]) -> bool) -> (usize, usize) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus").join(target);
    let mut paths: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let taken = paths.iter().filter(|path| {
        println!("{}", path.display());
        check(&fs::read(path).unwrap())
    });
    (taken.count(), paths.len())
}

#[test]
fn references_of_the_corpus_are_read_or_refused() {
    let (read, all) = taken("monitor_reference", monitor_reference::check);
    assert!(read >= 30 && all >= read + 10, "{read} of {all} are references: too few to prove anything");
}

#[test]
fn counts_of_the_corpus_are_read_or_refused() {
    let (read, all) = taken("window_counts", window_counts::check);
    assert!(read >= 20 && all >= read + 5, "{read} of {all} are counts: too few to prove anything");
}
