//! Each library is published as a package that stands by itself: readme, licences, documentation, and no file of ours
//! beside them.

use std::fs;

use crate::architecture::LIBRARIES;
use crate::{cargo, packages, root};

#[test]
fn every_package_holds_its_readme_its_licences_and_its_sources() {
    for library in LIBRARIES {
        let list = cargo(&["package", "--list", "--allow-dirty", "--offline", "--package", library]);
        for file in ["README.md", "LICENSE-MIT", "LICENSE-APACHE", "src/lib.rs"] {
            assert!(list.lines().any(|line| line == file), "the package {library} lacks {file}");
        }
        // Tests read `testdata/`, which no package holds.
        let own = ["Cargo.toml", "Cargo.toml.orig", "Cargo.lock", ".cargo_vcs_info.json", "README.md"];
        let strange = list
            .lines()
            .find(|line| !line.starts_with("src/") && !line.starts_with("LICENSE-") && !own.contains(line));
        assert_eq!(strange, None, "the package {library} holds more than its sources");
    }
}

#[test]
fn licences_are_those_of_the_repository() {
    for library in LIBRARIES {
        for licence in ["LICENSE-MIT", "LICENSE-APACHE"] {
            let read = |path| fs::read_to_string(root().join(path)).expect("a licence can be read");
            assert!(
                read(format!("{library}/{licence}")) == read(licence.to_owned()),
                "{library}/{licence} is not the repository's"
            );
        }
    }
}

#[test]
fn every_readme_shows_a_first_example_that_the_documentation_tests_run() {
    for library in LIBRARIES {
        let read =
            |path: &str| fs::read_to_string(root().join(library).join(path)).expect("the file can be read");
        let (readme, crate_root) = (read("README.md"), read("src/lib.rs"));
        let crate_name = library.replace('-', "_");
        let example = readme.split("```rust\n").nth(1).and_then(|rest| rest.split("```").next());
        let example = example.unwrap_or_else(|| panic!("{library}/README.md shows no Rust that is run"));
        assert!(
            example.contains(&format!("use {crate_name}::")),
            "{library}/README.md shows an example without {crate_name}"
        );
        let hidden = example.lines().find(|line| line.starts_with("# "));
        assert_eq!(hidden, None, "{library}/README.md shows a line that only rustdoc hides");
        assert!(
            crate_root.starts_with("#![doc = include_str!(\"../README.md\")]"),
            "the documentation of {library} does not begin with its README, so nothing runs the example"
        );
    }
}

#[test]
fn the_registry_knows_what_each_package_is() {
    for package in packages() {
        let name = package["name"].as_str().expect("a package has a name");
        if !LIBRARIES.contains(&name) {
            assert!(package["publish"].is_array(), "{name} is no library, and would be published");
            continue;
        }
        let docs = &package["metadata"]["docs"]["rs"];
        assert_eq!(docs["all-features"], true, "docs.rs would leave out what {name} has behind features");
        assert_eq!(package["readme"], "README.md", "{name} publishes another README than its own");
        for list in ["keywords", "categories"] {
            let entries = package[list].as_array().map_or(0, Vec::len);
            assert!((1..=5).contains(&entries), "{name} has {entries} {list}, and 1 to 5 are taken");
        }
        assert!(package["description"].is_string(), "{name} has no description");
    }
}
