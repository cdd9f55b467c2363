//! ARCHITECTURE.md names every folder of sources, and no folder that is not there.

use std::collections::BTreeSet;
use std::fs;

use crate::{project_files, root, shown};

pub(crate) const LIBRARIES: [&str; 4] = ["mlcore", "mlcore-features", "mlcore-drift", "mlcore-serve"];
/// Packages of macros, each with its folder, which lies in that of the library that brings them.
pub(crate) const MACROS: [(&str, &str); 1] = [("mlcore-features-derive", "mlcore-features/derive")];

#[test]
fn every_source_folder_is_explained() {
    let text = architecture();
    for library in LIBRARIES {
        let section = section(&text, library);
        let missing: Vec<String> = source_folders(library)
            .into_iter()
            .map(|folder| format!("`{folder}/`"))
            .filter(|folder| !section.contains(folder))
            .collect();
        assert!(
            missing.is_empty(),
            "ARCHITECTURE.md, section `{library}/src`, says nothing of {}",
            missing.join(", ")
        );
    }
}

#[test]
fn every_explained_folder_exists() {
    let text = architecture();
    for library in LIBRARIES {
        let folders = source_folders(library);
        for name in section(&text, library).split('`').skip(1).step_by(2).filter(|name| name.ends_with('/')) {
            let folder = name.trim_end_matches('/');
            assert!(
                folders.contains(folder),
                "ARCHITECTURE.md explains {library}/src/{name}, which does not exist"
            );
        }
    }
}

#[test]
fn every_top_level_folder_is_named() {
    let text = architecture();
    let folders: BTreeSet<String> = project_files()
        .iter()
        .filter_map(|path| Some(shown(path).split_once('/')?.0.to_owned()))
        .filter(|folder| !folder.starts_with('.'))
        .collect();
    for folder in folders {
        let named = [format!("`{folder}`"), format!("`{folder}/`"), format!("`{folder}/src`")];
        assert!(named.iter().any(|name| text.contains(name)), "ARCHITECTURE.md says nothing of {folder}/");
    }
}

#[test]
fn every_package_of_macros_is_explained() {
    let text = architecture();
    for (name, folder) in MACROS {
        assert!(
            text.contains(&format!("| `{name}` |")) && text.contains(&format!("`{folder}/`")),
            "ARCHITECTURE.md says nothing of {name} in {folder}/"
        );
    }
}

fn architecture() -> String {
    fs::read_to_string(root().join("ARCHITECTURE.md")).expect("ARCHITECTURE.md is there")
}

/// The part of the text under a library's heading.
fn section<'a>(text: &'a str, library: &str) -> &'a str {
    let heading = format!("\n## `{library}/src`\n");
    let (_, rest) =
        text.split_once(&heading).unwrap_or_else(|| panic!("ARCHITECTURE.md has no section{heading}"));
    rest.split("\n## ").next().unwrap_or(rest)
}

/// The folders below `<library>/src` that hold a file, as paths relative to it.
fn source_folders(library: &str) -> BTreeSet<String> {
    let sources = format!("{library}/src/");
    let files = project_files();
    let inside = files.iter().filter_map(|path| shown(path).strip_prefix(&sources).map(str::to_owned));
    inside.filter_map(|path| Some(path.rsplit_once('/')?.0.to_owned())).collect()
}
