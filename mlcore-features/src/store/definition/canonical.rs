//! One text for one value: JSON with sorted keys and no spaces, whatever order a map is kept in.

use mlcore::artifact::Digest;
use mlcore::{Error, Result};
use serde::Serialize;
use serde_json::Value;

/// The text.
pub(in crate::store) fn text(value: &Value) -> String {
    let mut out = String::new();
    write(value, &mut out);
    out
}

/// What a value is as JSON.
pub(in crate::store) fn value_of(value: &impl Serialize) -> Result<Value> {
    serde_json::to_value(value)
        .map_err(|cause| Error::internal("write definition", "JSON", cause.to_string()).caused_by(cause))
}

/// The digest of a value, of this kind of content.
pub(in crate::store) fn digest(kind: &str, value: &Value) -> Digest {
    Digest::of(format!("mlcore.{kind}.1\n{}", text(value)))
}

fn write(value: &Value, out: &mut String) {
    match value {
        Value::Object(map) => {
            let mut entries: Vec<(&String, &Value)> = map.iter().collect();
            entries.sort_by_key(|(key, _)| *key);
            out.push('{');
            for (place, (key, value)) in entries.into_iter().enumerate() {
                if place > 0 {
                    out.push(',');
                }
                out.push_str(&Value::String(key.clone()).to_string());
                out.push(':');
                write(value, out);
            }
            out.push('}');
        }
        Value::Array(items) => {
            out.push('[');
            for (place, item) in items.iter().enumerate() {
                if place > 0 {
                    out.push(',');
                }
                write(item, out);
            }
            out.push(']');
        }
        plain => out.push_str(&plain.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_sorted_at_every_depth() {
        let value: Value = serde_json::from_str(r#"{"b":[{"z":1,"a":"\n"}],"a":null}"#).unwrap();
        assert_eq!(text(&value), r#"{"a":null,"b":[{"a":"\n","z":1}]}"#);
        assert_ne!(digest("one", &value), digest("two", &value));
    }
}
