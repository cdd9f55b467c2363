//! The query of a path.

use serde_json::{Map, Value};

use super::fields::{Kind, Message};
use super::refusal::{Refusal, Result};

/// The entries of a query, in order. What does not spell text has signs for it, as in MLflow.
pub(super) fn entries(query: &str) -> impl Iterator<Item = (String, String)> {
    query.split('&').filter(|entry| !entry.is_empty()).map(|entry| {
        let (key, value) = entry.split_once('=').unwrap_or((entry, ""));
        (decoded(key, true), decoded(value, true))
    })
}

/// The first value of a key.
pub(super) fn first(query: &str, key: &str) -> Option<String> {
    entries(query).find(|(name, _)| name == key).map(|(_, value)| value)
}

/// The fields of a message, as a body would have them.
pub(super) fn fields(query: &str, message: Message) -> Result<Map<String, Value>> {
    let mut map = Map::new();
    for (key, value) in entries(query) {
        let Some(field) = message.iter().find(|field| field.name == key) else { continue };
        match field.kind {
            Kind::Texts | Kind::Many(_) => {
                let list = map.entry(key).or_insert_with(|| Value::Array(Vec::new()));
                if let Value::Array(list) = list {
                    list.push(value.into());
                }
            }
            Kind::Bool => {
                let is_true = value.eq_ignore_ascii_case("true");
                if !is_true && !value.eq_ignore_ascii_case("false") {
                    let message = format!("Invalid boolean value: {value}, must be 'true' or 'false'.");
                    return Err(Refusal::invalid(message));
                }
                map.entry(key).or_insert(Value::Bool(is_true));
            }
            // Of a field given twice the first counts.
            _ => drop(map.entry(key).or_insert(Value::String(value))),
        }
    }
    Ok(map)
}

/// A text without its percent signs, and without its plus signs where these are blanks.
pub(super) fn decoded(text: &str, with_plus: bool) -> String {
    if !text.contains(['%', '+']) {
        return text.to_owned();
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((byte, after)) = rest.split_first() {
        rest = after;
        let digit = |place: usize| after.get(place).and_then(|byte| char::from(*byte).to_digit(16));
        match (byte, digit(0), digit(1)) {
            (b'%', Some(high), Some(low)) => {
                bytes.push(u8::try_from(high << 4 | low).unwrap_or_default());
                rest = after.get(2..).unwrap_or_default();
            }
            (b'+', ..) if with_plus => bytes.push(b' '),
            (byte, ..) => bytes.push(*byte),
        }
    }
    String::from_utf8(bytes).unwrap_or_else(|bytes| String::from_utf8_lossy(bytes.as_bytes()).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percent_and_plus_signs_are_read() {
        assert_eq!(decoded("a+b%20c%C3%BC%zz%", true), "a b cü%zz%");
        assert_eq!(decoded("a+b%ff", false), "a+b\u{fffd}");
        let found: Vec<_> = entries("a=1&b&&a=2").collect();
        assert_eq!(found, [("a", "1"), ("b", ""), ("a", "2")].map(|(k, v)| (k.to_owned(), v.to_owned())));
        assert_eq!(first("x=1&x=2", "x").as_deref(), Some("1"));
    }
}
