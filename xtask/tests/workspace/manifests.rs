//! Every crate takes its lints, versions and dependencies from the workspace's tables.

use std::fs;

use crate::packages;

#[test]
fn every_crate_inherits_the_tables() {
    for (name, manifest) in manifests() {
        // Programs to copy are the reader's: they print, and document nothing for others.
        assert!(
            ["readme", "custom-function", "feature-store"].contains(&name.as_str())
                || manifest.contains("\n[lints]\nworkspace = true\n"),
            "{name} does not inherit the workspace's lint table"
        );
        for key in ["version", "edition", "rust-version", "license"] {
            assert!(
                manifest.contains(&format!("\n{key}.workspace = true\n")),
                "{name} does not inherit `{key}`"
            );
        }
    }
}

#[test]
fn every_dependency_comes_from_the_version_table() {
    for (name, manifest) in manifests() {
        let mut in_dependencies = false;
        for line in manifest.lines().map(str::trim) {
            if line.starts_with('[') {
                in_dependencies = line.trim_end_matches(']').ends_with("dependencies");
            } else if in_dependencies && line.contains('=') && !line.starts_with('#') {
                let inherits = line.contains("workspace = true");
                // A crate may name itself by path, to switch on a feature of its own tests.
                let is_itself = line.contains("path = \".\"");
                assert!(inherits || is_itself, "{name}: `{line}` is not in the workspace's version table");
            }
        }
    }
}

fn manifests() -> Vec<(String, String)> {
    let packages = packages();
    let read = |package: &serde_json::Value| {
        let name = package["name"].as_str().expect("a package has a name");
        let path = package["manifest_path"].as_str().expect("a package has a manifest");
        (name.to_owned(), fs::read_to_string(path).expect("the manifest can be read"))
    };
    packages.iter().map(read).collect()
}
