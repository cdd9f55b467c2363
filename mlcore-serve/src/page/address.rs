//! Addresses: what a path and a query of this page say, and how links are written.

use std::borrow::Cow;
use std::fmt::Write as _;

/// The pairs behind a question mark, in order.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Query(Vec<(String, String)>);

impl Query {
    /// Reads what a form sends. What does not spell text is left out, and so is what comes after [`MOST_PAIRS`].
    pub(super) fn read(query: &str) -> Self {
        let pairs = query.split('&').filter(|pair| !pair.is_empty()).take(MOST_PAIRS).filter_map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            Some((decoded(name, true)?.into_owned(), decoded(value, true)?.into_owned()))
        });
        Self(pairs.collect())
    }

    /// The last value of this name that says something.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.all(name).last()
    }

    /// Every value of this name that says something.
    pub(super) fn all<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a str> {
        self.0
            .iter()
            .filter(move |(own, value)| own == name && !value.trim().is_empty())
            .map(|(_, value)| value.as_str())
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// The same with this value instead of those of the name; without a value the name is left out.
    pub(super) fn with(&self, name: &str, value: Option<&str>) -> Self {
        let others = self.0.iter().filter(|(own, _)| own != name).cloned();
        Self(others.chain(value.map(|value| (name.to_owned(), value.to_owned()))).collect())
    }

    /// The pairs that say something.
    pub(super) fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0
            .iter()
            .filter(|(_, value)| !value.is_empty())
            .map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// The text behind a link's path: with its question mark, or empty.
    pub(super) fn link(&self) -> String {
        let mut text = String::new();
        for (name, value) in self.pairs() {
            text.push(if text.is_empty() { '?' } else { '&' });
            encode_into(&mut text, name);
            text.push('=');
            encode_into(&mut text, value);
        }
        text
    }
}

/// A segment of a path, or a part of a query, without its percent signs; `None` where they do not spell text.
pub(super) fn decoded(text: &str, is_form: bool) -> Option<Cow<'_, str>> {
    if !text.contains(['%', '+']) {
        return Some(Cow::Borrowed(text));
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((byte, after)) = rest.split_first() {
        rest = after;
        match byte {
            b'+' if is_form => bytes.push(b' '),
            b'%' => {
                let ([high, low], after) = rest.split_first_chunk::<2>()?;
                let digit =
                    |digit: &u8| char::from(*digit).to_digit(16).and_then(|value| u8::try_from(value).ok());
                bytes.push(digit(high)? << 4 | digit(low)?);
                rest = after;
            }
            byte => bytes.push(*byte),
        }
    }
    String::from_utf8(bytes).ok().map(Cow::Owned)
}

/// Writes text so that it is one segment of a path, or one part of a query, whatever it holds.
pub(super) fn encode_into(encoded: &mut String, text: &str) {
    // As a whole segment these two would name another place.
    if let "." | ".." = text {
        text.chars().for_each(|_| encoded.push_str("%2E"));
        return;
    }
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                encoded.push(char::from(byte));
            }
            // Writing to a text does not fail.
            byte => drop(write!(encoded, "%{byte:02X}")),
        }
    }
}

/// A path below `root` of these segments.
pub(super) fn path(root: &str, segments: &[&str]) -> String {
    let mut path = root.to_owned();
    for (place, segment) in segments.iter().enumerate() {
        if place > 0 {
            path.push('/');
        }
        encode_into(&mut path, segment);
    }
    path
}

/// The way from a path below `/ui/` back to `/ui/`: pages work wherever a host or a proxy puts them.
pub(super) fn root(path: &str) -> String {
    let below = path.strip_prefix("/ui/").unwrap_or_default();
    match below.matches('/').count() {
        0 => "./".to_owned(),
        folders => "../".repeat(folders),
    }
}

/// A form of ours sends fewer, but for a comparison's runs and a table's columns.
const MOST_PAIRS: usize = 2000;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_linked_is_read_back(name in ".{1,8}", value in "[^ ].{0,20}[^ ]", segment in any::<String>()) {
            let query = Query::default().with(&name, Some(&value));
            let read = Query::read(query.link().strip_prefix('?').unwrap());
            prop_assert_eq!(read.get(&name), Some(value.as_str()).filter(|value| !value.trim().is_empty()));
            let mut encoded = String::new();
            encode_into(&mut encoded, &segment);
            prop_assert!(encoded.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.~%".contains(&byte)));
            prop_assert!(encoded != "." && encoded != "..");
            prop_assert_eq!(decoded(&encoded, false).unwrap(), segment);
        }
    }

    #[test]
    fn paths_lead_back_to_where_pages_begin() {
        for (own, way) in [
            ("/ui/", "./"),
            ("/ui/models", "./"),
            ("/ui/runs/a", "../"),
            ("/ui/models/m/versions/1", "../../../"),
        ] {
            assert_eq!(root(own), way, "{own}");
        }
        assert_eq!(path("../", &["runs", "a/b c", ".."]), "../runs/a%2Fb%20c/%2E%2E");
    }

    #[test]
    fn queries_of_forms_are_read() {
        let query = Query::read("filter=a+%3D+%27b%27&run=1&run=2&order=&%ff=x&page");
        assert_eq!(query.get("filter"), Some("a = 'b'"));
        assert_eq!(query.all("run").collect::<Vec<_>>(), ["1", "2"]);
        assert_eq!((query.get("order"), query.has("page")), (None, false));
        assert_eq!(query.with("run", None).link(), "?filter=a%20%3D%20%27b%27");
    }
}
