//! What a URL that names a store begins with, and how it is shown.

use std::path::PathBuf;

use crate::error::{Error, Result};

/// The scheme of a URL; none for a path. One letter and a colon is a drive of Windows, not a scheme.
pub(crate) fn scheme(url: &str) -> Option<&str> {
    let (scheme, _) = url.split_once(':')?;
    let named = scheme.len() > 1
        && scheme.starts_with(|first: char| first.is_ascii_alphabetic())
        && scheme.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'));
    named.then_some(scheme)
}

/// The URL as an error may show it: without a password, and cut where it grows long.
pub(crate) fn shown(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
    let authority = rest.split(['/', '?']).next().unwrap_or_default();
    let shown = match authority.rsplit_once('@') {
        Some((_, host)) => {
            format!("{scheme}://***@{host}{}", rest.get(authority.len()..).unwrap_or_default())
        }
        None => url.to_owned(),
    };
    shown.chars().take(MOST_CHARS_SHOWN).collect()
}

const MOST_CHARS_SHOWN: usize = 300;

/// The path of `file:///absolute/path`, in which `%20` is a blank, as RFC 8089 says.
pub(crate) fn file_path(operation: &'static str, url: &str) -> Result<PathBuf> {
    let refuse = |problem: &str| {
        Err(Error::invalid_input(operation, shown(url), problem).remedy("write file:///absolute/path"))
    };
    let Some(rest) = url.strip_prefix("file://") else { return refuse("it lacks two slashes") };
    let path = rest.strip_prefix("localhost").unwrap_or(rest);
    if !path.starts_with('/') {
        return refuse("its path is on another machine or relative");
    }
    if path.contains(['?', '#']) {
        return refuse("a file has no query and no fragment; in a name write %3F and %23");
    }
    match decoded(path) {
        Some(path) if !path.contains('\0') => Ok(path.into()),
        Some(_) | None => refuse("its percent signs are not followed by the two digits of a byte of UTF-8"),
    }
}

fn decoded(text: &str) -> Option<String> {
    let mut pieces = text.split('%');
    let mut bytes = pieces.next()?.as_bytes().to_vec();
    for piece in pieces {
        let (digits, rest) = piece.split_at_checked(2)?;
        if !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return None;
        }
        bytes.push(u8::from_str_radix(digits, 16).ok()?);
        bytes.extend_from_slice(rest.as_bytes());
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn a_path_has_no_scheme() {
        for path in ["", "models", "/a:b", "./s3:x", "C:\\models", "C:/models", "a b:c", "é:x"] {
            assert_eq!(scheme(path), None, "{path}");
        }
        assert_eq!(scheme("memory:"), Some("memory"));
        assert_eq!(scheme("mlflow+http://host"), Some("mlflow+http"));
    }

    #[test]
    fn a_password_is_not_shown() {
        assert_eq!(shown("postgres://ana:p@ss@host/db?x=1"), "postgres://***@host/db?x=1");
        assert_eq!(shown("sqlite:///a@b.db"), "sqlite:///a@b.db");
        assert_eq!(shown(&"x".repeat(1000)).len(), MOST_CHARS_SHOWN);
    }

    #[test]
    fn files_are_decoded() {
        for (url, path) in [("file:///a%20b/%C3%A9", "/a b/é"), ("file://localhost/a", "/a")] {
            assert_eq!(file_path("open", url).unwrap(), Path::new(path));
        }
        for bad in [
            "file:a",
            "file://host/a",
            "file:///a%",
            "file:///a%zz",
            "file:///%ff",
            "file:///a%00",
            "file:///a?b",
        ] {
            assert_eq!(file_path("open", bad).unwrap_err().kind(), "invalid_input", "{bad}");
        }
    }
}
