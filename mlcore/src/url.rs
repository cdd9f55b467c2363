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
    let without = match url.rsplit_once('@') {
        // A password is written with %40, %2F and %3F for @, / and ?, and often is not: everything before the last @ may be it.
        Some((before, host)) if !is_path(url) => {
            let scheme = before.find(':').map_or(0, |colon| colon + 1);
            let slashes = if before.get(scheme..).is_some_and(|rest| rest.starts_with("//")) { 2 } else { 0 };
            format!("{}***@{host}", before.get(..scheme + slashes).unwrap_or_default())
        }
        _ => url.to_owned(),
    };
    let (place, query) = without.split_once('?').unwrap_or((&without, ""));
    let mut shown = place.to_owned();
    for (position, entry) in query.split('&').enumerate().filter(|_| place.len() < without.len()) {
        shown.push(if position == 0 { '?' } else { '&' });
        match entry.split_once('=') {
            Some((key, _)) if is_secret(key) => shown.extend([key, "=***"]),
            _ => shown.push_str(entry),
        }
    }
    shown.chars().take(MOST_CHARS_SHOWN).collect()
}

/// Whether nobody logs in where it leads.
fn is_path(url: &str) -> bool {
    let is_file = ["sqlite:///", "file:///"].iter().any(|begin| url.starts_with(begin));
    is_file || scheme(url).is_none() && !url.contains("://")
}

fn is_secret(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    ["pass", "pwd", "secret", "token", "key"].iter().any(|word| key.contains(word))
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

pub(crate) fn decoded(text: &str) -> Option<String> {
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
        for (url, expected) in [
            ("sqlite:///a@b.db", "sqlite:///a@b.db"),
            ("sqlite:///a.db?mode=rwc&", "sqlite:///a.db?mode=rwc&"),
            ("models/a@b", "models/a@b"),
            ("sqlite://ana:secret@host/a.db", "sqlite://***@host/a.db"),
            // Characters that a URL would write with percent signs.
            ("postgres://ana:p/w?s@host/db", "postgres://***@host/db"),
            ("postgres:ana:secret@host", "postgres:***@host"),
            ("ana:secret@host", "ana:***@host"),
            (" postgres://ana:secret@host", " postgres://***@host"),
            ("postgres://host/db?user=ana&password=secret&x", "postgres://host/db?user=ana&password=***&x"),
            ("s3://bucket?Secret_Access_Key=a", "s3://bucket?Secret_Access_Key=***"),
        ] {
            assert_eq!(shown(url), expected);
        }
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
