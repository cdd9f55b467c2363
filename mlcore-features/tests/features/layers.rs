//! The layers of the crate: `program/` knows no transformer, `transform/` no pipeline, `pipeline/` no struct, `window/` none of
//! these.

use std::fs;
use std::path::{Path, PathBuf};

/// From the bottom up, each layer with those above it.
const ABOVE: [(&str, &[&str]); 5] = [
    ("graph", &["program", "expression", "transform", "pipeline", "onnx", "typed", "offline"]),
    ("program", &["transform", "pipeline", "onnx", "typed", "offline"]),
    ("transform", &["pipeline", "onnx", "typed", "offline"]),
    ("pipeline", &["onnx", "typed", "offline"]),
    ("window", &["transform", "pipeline", "onnx", "typed", "offline"]),
];

#[test]
fn no_layer_names_one_above_it() {
    for (layer, above) in ABOVE {
        let files = sources(&root().join(layer));
        assert!(files.len() >= 4, "{layer}/ has {} files", files.len());
        for file in files {
            let text = fs::read_to_string(&file).unwrap();
            for (number, line) in text.lines().enumerate() {
                let named = above.iter().find(|above| names(line, above));
                assert!(
                    named.is_none(),
                    "{}:{} names {}/, which stands above {layer}/: {line}",
                    file.display(),
                    number + 1,
                    named.unwrap()
                );
            }
        }
    }
}

/// Does the line of code use something of this module? Comments may speak of it.
fn names(line: &str, module: &str) -> bool {
    let code = line.split("//").next().unwrap_or(line);
    let paths = [
        format!("crate::{module}"),
        format!("{{{module}::"),
        format!(" {module}::"),
        format!("super::super::{module}"),
    ];
    let nested = code.trim_start().starts_with("use crate::{") && code.contains(module);
    nested || paths.iter().any(|path| code.contains(path.as_str()))
}

/// The sources of the crate.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

/// The Rust files below a folder.
pub(crate) fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files
}

#[test]
fn a_use_is_found_however_it_is_written() {
    for line in [
        "use crate::transform::Fit;",
        "use crate::{bind, transform::Fit};",
        "    let x = crate::transform::select(table);",
        "pub(crate) use crate::transform;",
        "builder: &mut $crate::transform::Builder,",
    ] {
        assert!(names(line, "transform"), "{line}");
    }
    for line in ["//! [`Fit`](crate::transform::Fit)", "use super::kernel::transform;", "fn transform() {}"] {
        assert!(!names(line, "transform"), "{line}");
    }
}
