//! What a child that was killed left in its folder.

use std::fs;
use std::path::{Path, PathBuf};

/// The files of a folder whose names begin so and are whole, in the order of their names. What was half written is removed, and
/// counted.
pub(crate) fn whole(folder: &Path, begin: &str) -> (Vec<PathBuf>, usize) {
    let (mut found, mut half) = (Vec::new(), 0);
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if !name.starts_with(begin) {
            continue;
        }
        if name.contains("-partial-") {
            half += usize::from(name.ends_with(|last: char| last.is_ascii_digit()));
            fs::remove_file(path).unwrap();
        } else if name.ends_with(".db") {
            found.push(path);
        }
    }
    found.sort();
    (found, half)
}

/// Removes a database and what lies beside it.
pub(crate) fn remove(path: &Path) {
    for end in ["", "-wal", "-shm", "-head"] {
        let mut path = path.as_os_str().to_owned();
        path.push(end);
        drop(fs::remove_file(path));
    }
}
