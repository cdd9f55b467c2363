//! Paths of artifacts as clients send them: decoded until nothing is left to decode, and refused where they would leave the tree.

use std::borrow::Cow;

use super::super::query;
use super::super::refusal::{Refusal, Result};

/// The path that a client means, without a slash at its end.
pub(in super::super) fn safe(sent: &str) -> Result<String> {
    let mut path = Cow::Borrowed(sent);
    // Each turn makes it shorter.
    loop {
        let decoded = query::decoded(&path, false);
        if decoded == *path {
            break;
        }
        path = decoded.into();
    }
    if path.starts_with('/') {
        return Err(invalid());
    }
    let path = path.strip_suffix('/').unwrap_or(&path);
    if path.is_empty() || path == "." {
        return Ok(String::new());
    }
    let is_drive = |path: &str| {
        let mut letters = path.chars();
        letters.next().is_some_and(|first| first.is_ascii_alphabetic()) && letters.as_str().starts_with(":/")
    };
    let is_outside = path.len() > MOST_BYTES
        || path.starts_with("file:")
        || is_drive(path)
        || path.contains(|c: char| c.is_control() || matches!(c, '\\' | '#' | '\u{fffd}'))
        || path.split('/').any(|part| matches!(part, "" | "." | "..") || part.len() > MOST_PART_BYTES)
        || path.split('/').next() == Some(super::folder::PARTIAL);
    if is_outside { Err(invalid()) } else { Ok(path.to_owned()) }
}

pub(super) fn invalid() -> Refusal {
    Refusal::invalid("Invalid path")
}

/// The path in the tree of a URI of this server's artifacts.
pub(super) fn of_uri(uri: &str) -> Result<String> {
    let Some(rest) = uri.strip_prefix("mlflow-artifacts:") else {
        return Err(Refusal::not_implemented(format!(
            "the artifacts at {uri} are not kept by this server: its clients reach them themselves"
        )));
    };
    let path = match rest.strip_prefix("//") {
        // A server is named, which is this one.
        Some(authority) => authority.split_once('/').map_or("", |(_, path)| path),
        None => rest,
    };
    let path = path.trim_matches('/');
    // A location that a client chose: it is no less looked at than a path.
    safe(path)
}

/// A path below another one.
pub(super) fn joined(base: &str, path: &str) -> String {
    match (base, path) {
        ("", path) => path.to_owned(),
        (base, "") => base.to_owned(),
        (base, path) => format!("{base}/{path}"),
    }
}

/// The last part of a path.
pub(super) fn name_of(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

const MOST_BYTES: usize = 4096;
/// What file systems take.
const MOST_PART_BYTES: usize = 255;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_leaves_the_tree_is_refused() {
        for (sent, path) in [
            ("a/b.txt", "a/b.txt"),
            ("a/", "a"),
            ("", ""),
            (".", ""),
            ("a%20b", "a b"),
            ("a%2520b", "a b"),
            ("%C3%BC", "ü"),
            ("a+b", "a+b"),
            ("a..b/..c", "a..b/..c"),
        ] {
            assert_eq!(safe(sent).unwrap(), path, "{sent}");
        }
        for sent in [
            "..",
            "../x",
            "a/../b",
            "%2e%2e/x",
            "%252e%252e%252fx",
            "..%2fx",
            "/",
            "/etc",
            "%2fetc",
            "//",
            "a//b",
            "./a",
            "a%00b",
            "..%5cx",
            "c:/x",
            "file:x",
            "a%23b",
            "a\nb",
            "a%ff",
            ".mlcore-partial/x",
        ] {
            assert_eq!(
                safe(sent).map_err(|refusal| refusal.message),
                Err("Invalid path".to_owned()),
                "{sent}"
            );
        }
    }

    #[test]
    fn a_location_is_a_path_of_the_tree() {
        for (uri, path) in [
            ("mlflow-artifacts:/1/r/artifacts", "1/r/artifacts"),
            ("mlflow-artifacts://host:5000/1/r", "1/r"),
            ("mlflow-artifacts:/", ""),
        ] {
            assert_eq!(of_uri(uri).unwrap(), path, "{uri}");
        }
        for uri in ["s3://bucket/a", "/tmp/x", "mlflow-artifacts:/a/../../b"] {
            assert!(of_uri(uri).is_err(), "{uri}");
        }
    }
}
