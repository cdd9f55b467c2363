//! Values as Python writes them, where MLflow's messages do.

use std::fmt::Write as _;

use serde_json::Value;

/// A value as JSON without blanks and in ASCII, cut where it grows long.
pub(super) fn json(value: &Value) -> String {
    let mut text = String::new();
    for c in value.to_string().chars() {
        if text.len() >= MOST_BYTES {
            text.push_str("...");
            break;
        }
        if c.is_ascii() {
            text.push(c);
            continue;
        }
        for unit in c.encode_utf16(&mut [0; 2]) {
            // Writing into a text cannot fail.
            let _ = write!(text, "\\u{unit:04x}");
        }
    }
    text
}

/// The same of a text.
pub(super) fn json_text(text: &str) -> String {
    json(&Value::from(text))
}

/// A value as Python's `json.dumps` writes it: with blanks, and in ASCII.
pub(super) fn dumps(value: &Value) -> String {
    let list = |items: &mut dyn Iterator<Item = String>| items.collect::<Vec<_>>().join(", ");
    match value {
        Value::Array(items) => format!("[{}]", list(&mut items.iter().map(dumps))),
        Value::Object(map) => {
            let mut entries = map.iter().map(|(key, value)| format!("{}: {}", json_text(key), dumps(value)));
            format!("{{{}}}", list(&mut entries))
        }
        value => json(value),
    }
}

/// The name of a value's type.
pub(super) fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "NoneType",
        Value::Bool(_) => "bool",
        Value::Number(number) if number.is_f64() => "float",
        Value::Number(_) => "int",
        Value::String(_) => "str",
        Value::Array(_) => "list",
        Value::Object(_) => "dict",
    }
}

/// A text in Python's quotes.
pub(super) fn repr(text: &str) -> String {
    let quote = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
    let mut shown = String::from(quote);
    for c in text.chars() {
        match c {
            '\n' => shown.push_str("\\n"),
            '\r' => shown.push_str("\\r"),
            '\t' => shown.push_str("\\t"),
            '\\' => shown.push_str("\\\\"),
            c if c == quote => shown.extend(['\\', c]),
            c if c.is_control() => {
                let _ = write!(shown, "\\x{:02x}", u32::from(c));
            }
            c => shown.push(c),
        }
    }
    shown.push(quote);
    shown
}

/// So much of a value is repeated in a message.
const MOST_BYTES: usize = 4096;
