//! Each fuzz target has small inputs to begin with, is explained, and stands on what everything else stands on.

use std::collections::BTreeSet;
use std::fs;

use crate::root;

/// Small inputs run fast and mutate well.
const MOST_BYTES: u64 = 8 << 10;

#[test]
fn every_fuzz_target_has_small_inputs_and_is_explained() {
    let read = |name: &str| fs::read_to_string(root().join(name)).expect("the file is there");
    let (manifest, security, contributing) =
        (read("fuzz/Cargo.toml"), read("SECURITY.md"), read("CONTRIBUTING.md"));
    let targets = fs::read_dir(root().join("fuzz/fuzz_targets")).expect("the targets are there");
    for target in targets {
        let path = target.expect("the folder can be listed").path();
        let name = path.file_stem().expect("a target has a name").to_string_lossy();
        assert!(manifest.contains(&format!("\nname = \"{name}\"\n")), "fuzz/Cargo.toml builds no {name}");
        for (file, text) in [("SECURITY.md", &security), ("CONTRIBUTING.md", &contributing)] {
            assert!(text.contains(&format!("`{name}`")), "{file} says nothing of the fuzz target {name}");
        }
        let inputs = fs::read_dir(root().join("fuzz/corpus").join(&*name)).expect("a target has a corpus");
        let mut count = 0;
        for input in inputs {
            let input = input.expect("the folder can be listed");
            let bytes = input.metadata().expect("an input has a size").len();
            assert!(bytes <= MOST_BYTES, "{} has {bytes} bytes", input.path().display());
            count += 1;
        }
        assert!((20..=200).contains(&count), "{name} begins with {count} inputs, and tens are wanted");
    }
}

#[test]
fn what_is_fuzzed_is_what_is_built() {
    let (ours, fuzzed) = (locked("Cargo.lock"), locked("fuzz/Cargo.lock"));
    let names: BTreeSet<&str> = ours.iter().map(|(name, _)| name.as_str()).collect();
    // libFuzzer's own packages are nobody else's.
    let others: Vec<_> = fuzzed
        .iter()
        .filter(|package| names.contains(package.0.as_str()) && !ours.contains(*package))
        .collect();
    assert!(others.is_empty(), "fuzz/Cargo.lock holds other versions than Cargo.lock: {others:?}");
}

/// The packages of a lock file, by name and version.
fn locked(file: &str) -> BTreeSet<(String, String)> {
    let text = fs::read_to_string(root().join(file)).expect("the lock file is there");
    let value = |line: Option<&str>, key: &str| {
        let quoted =
            line.and_then(|line| line.strip_prefix(key)).expect("a package has a name and a version");
        quoted.trim_matches('"').to_owned()
    };
    let packages = text.split("[[package]]\n").skip(1);
    packages
        .map(|package| {
            let mut lines = package.lines();
            (value(lines.next(), "name = "), value(lines.next(), "version = "))
        })
        .collect()
}
