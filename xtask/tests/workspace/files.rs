//! No file swallows a second idea, and none knows the machine that it was written on.

use std::fs;

use crate::{project_files, shown};

/// A file that grows past this has usually swallowed a second idea.
const MOST_LINES: usize = 500;
/// How code begins that nobody writes and nobody reads.
const MADE: &str = "// Made by `cargo xtask protocols`";

#[test]
fn no_source_file_is_too_long() {
    for path in project_files() {
        let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
        if matches!(extension, "rs" | "py" | "pyi") {
            let text = fs::read_to_string(&path).expect("a source file is UTF-8");
            let lines = text.lines().count();
            assert!(
                lines <= MOST_LINES || text.starts_with(MADE),
                "{} has {lines} lines, more than {MOST_LINES}; split it by idea",
                shown(&path)
            );
        }
    }
}

#[test]
fn no_file_names_a_path_of_one_machine() {
    // Put together here, so that this file does not find itself.
    let folders = ["work", "root", "home", "Users"].map(|folder| format!("/{folder}/"));
    for path in project_files() {
        let Ok(text) = fs::read_to_string(&path) else { continue };
        for (number, line) in text.lines().enumerate() {
            for folder in &folders {
                let absolute = line.match_indices(folder.as_str()).any(|(start, _)| starts_path(line, start));
                assert!(!absolute, "{}:{} names a path of one machine: {line}", shown(&path), number + 1);
            }
        }
    }
}

/// Whether a path begins here, rather than going on from a host or a folder before it.
fn starts_path(line: &str, start: usize) -> bool {
    let before = line.get(..start).and_then(|before| before.chars().next_back());
    !before.is_some_and(|c| c.is_alphanumeric() || "._-~}/".contains(c))
}

#[test]
fn no_test_is_left_out_where_nobody_watches() {
    // Put together here, so that this file does not find itself.
    let ignored = format!("#[{}", "ignore");
    for path in project_files() {
        if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).expect("a source file is UTF-8");
            let place = shown(&path);
            assert!(
                !text.contains(&ignored),
                "{place} ignores a test: what is long runs short, and whole by a variable"
            );
        }
    }
}
