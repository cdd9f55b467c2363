//! Each library is published as a package that stands by itself: readme, licences, documentation, and no file of ours
//! beside them.

use std::fs;

use crate::architecture::{LIBRARIES, MACROS};
use crate::{cargo, packages, root};

/// What is published: each package with its folder.
fn published() -> impl Iterator<Item = (&'static str, &'static str)> {
    LIBRARIES.into_iter().map(|library| (library, library)).chain(MACROS)
}

#[test]
fn every_package_holds_its_readme_its_licences_and_its_sources() {
    for (library, _) in published() {
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
    for (_, folder) in published() {
        for licence in ["LICENSE-MIT", "LICENSE-APACHE"] {
            let read = |path| fs::read_to_string(root().join(path)).expect("a licence can be read");
            assert!(
                read(format!("{folder}/{licence}")) == read(licence.to_owned()),
                "{folder}/{licence} is not the repository's"
            );
        }
    }
}

#[test]
fn every_readme_shows_a_first_example_that_the_documentation_tests_run() {
    for (library, folder) in published() {
        let read =
            |path: &str| fs::read_to_string(root().join(folder).join(path)).expect("the file can be read");
        let (readme, crate_root) = (read("README.md"), read("src/lib.rs"));
        // Macros are shown by the library that brings them, which runs the example in their place.
        let (brings, is_macros) = match library.strip_suffix("-derive") {
            Some(brings) => (brings, true),
            None => (library, false),
        };
        let crate_name = brings.replace('-', "_");
        let example = readme.split("```rust\n").nth(1).and_then(|rest| rest.split("```").next());
        let example = example.unwrap_or_else(|| panic!("{library}/README.md shows no Rust that is run"));
        assert!(
            example.contains(&format!("use {crate_name}::")),
            "{library}/README.md shows an example without {crate_name}"
        );
        let hidden = example.lines().find(|line| line.starts_with("# "));
        assert_eq!(hidden, None, "{library}/README.md shows a line that only rustdoc hides");
        let shown = if is_macros {
            assert!(
                read("../src/typed/mod.rs").contains("#[doc = include_str!(\"../../derive/README.md\")]"),
                "{brings} does not run the example of {library}"
            );
            "#![cfg_attr(not(doctest), doc = include_str!(\"../README.md\"))]"
        } else {
            "#![doc = include_str!(\"../README.md\")]"
        };
        assert!(
            crate_root.starts_with(shown),
            "the documentation of {library} does not begin with its README, so nothing runs the example"
        );
    }
}

#[test]
fn the_registry_knows_what_each_package_is() {
    for package in packages() {
        let name = package["name"].as_str().expect("a package has a name");
        if !published().any(|(published, _)| published == name) {
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
