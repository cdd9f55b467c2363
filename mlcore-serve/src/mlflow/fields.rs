//! The fields of a request: which there are, of which type, and which must be there. Checks run in MLflow's order and refuse in
//! its words.

use std::fmt;

use serde_json::{Map, Value};

use super::python;
use super::refusal::{Refusal, Result, SEE_DOCS};

/// What a field holds.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    Text,
    Int32,
    Int64,
    Double,
    Bool,
    /// A word, or its number.
    Word(&'static [(&'static str, i64)]),
    Texts,
    /// A message.
    One(Message),
    /// A list of messages.
    Many(Message),
}

/// A field of a message.
#[derive(Clone, Copy)]
pub(super) struct Field {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) is_required: bool,
}

/// The fields of a message, in the order in which they are checked.
pub(super) type Message = &'static [Field];

impl Field {
    /// The same, which must be there.
    pub(super) const fn required(self) -> Self {
        Self { is_required: true, ..self }
    }
}

macro_rules! fields {
    ($($name:ident: $kind:ident,)+) => {
        $(pub(super) const fn $name(name: &'static str) -> Field {
            Field { name, kind: Kind::$kind, is_required: false }
        })+
    };
}

fields! { text: Text, int32: Int32, int64: Int64, double: Double, boolean: Bool, texts: Texts, }

pub(super) const fn word(name: &'static str, words: &'static [(&'static str, i64)]) -> Field {
    Field { name, kind: Kind::Word(words), is_required: false }
}

pub(super) const fn one(name: &'static str, message: Message) -> Field {
    Field { name, kind: Kind::One(message), is_required: false }
}

pub(super) const fn many(name: &'static str, message: Message) -> Field {
    Field { name, kind: Kind::Many(message), is_required: false }
}

/// The fields that were sent, once they were checked.
#[derive(Clone, Copy)]
pub(super) struct Fields<'f> {
    map: &'f Map<String, Value>,
}

impl<'f> Fields<'f> {
    /// Checks fields against a message.
    pub(super) fn checked(map: &'f Map<String, Value>, message: Message) -> Result<Self> {
        check_spellings(map, message)?;
        check(map, message, &"")?;
        Ok(Self { map })
    }

    /// A field by one of its spellings, unless it is null.
    pub(super) fn get(self, name: &str) -> Option<&'f Value> {
        self.map.get(name).or_else(|| camel(self.map, name)).filter(|value| !value.is_null())
    }

    /// A text; empty where there is none.
    pub(super) fn text(self, name: &str) -> &'f str {
        self.get(name).and_then(Value::as_str).unwrap_or_default()
    }

    /// A text that is not empty.
    pub(super) fn some(self, name: &str) -> Option<&'f str> {
        Some(self.text(name)).filter(|text| !text.is_empty())
    }

    /// The run: by its id, or by the older name of that.
    pub(super) fn run(self) -> &'f str {
        self.some("run_id").unwrap_or_else(|| self.text("run_uuid"))
    }

    pub(super) fn int(self, name: &str) -> Option<i64> {
        self.get(name).and_then(int)
    }

    pub(super) fn double(self, name: &str) -> Option<f64> {
        self.get(name).and_then(double_of)
    }

    pub(super) fn boolean(self, name: &str) -> Option<bool> {
        self.get(name).and_then(Value::as_bool)
    }

    /// The number of a word.
    pub(super) fn word(self, name: &str, words: &[(&str, i64)]) -> Option<i64> {
        self.get(name).and_then(|value| word_of(value, words))
    }

    pub(super) fn texts(self, name: &str) -> impl Iterator<Item = &'f str> + use<'f> {
        self.list(name).iter().filter_map(Value::as_str)
    }

    pub(super) fn one(self, name: &str) -> Option<Self> {
        self.get(name).and_then(Value::as_object).map(|map| Self { map })
    }

    pub(super) fn many(self, name: &str) -> impl ExactSizeIterator<Item = Self> + use<'f> {
        self.list(name).iter().map(|value| Self { map: value.as_object().unwrap_or(&EMPTY) })
    }

    fn list(self, name: &str) -> &'f [Value] {
        self.get(name).and_then(Value::as_array).map_or(&[], Vec::as_slice)
    }
}

static EMPTY: std::sync::LazyLock<Map<String, Value>> = std::sync::LazyLock::new(Map::new);

/// The value of a field whose name is spelt in `camelCase`.
fn camel<'f>(map: &'f Map<String, Value>, name: &str) -> Option<&'f Value> {
    if !name.contains('_') {
        return None;
    }
    map.iter().find(|(key, _)| is_camel(key, name)).map(|(_, value)| value)
}

/// Says whether `key` is the `snake_case` of `name` in `camelCase`.
fn is_camel(key: &str, name: &str) -> bool {
    let mut after_line = false;
    let mut letters = name.bytes().filter_map(|letter| {
        let begins_word = std::mem::replace(&mut after_line, letter == b'_');
        (letter != b'_').then(|| if begins_word { letter.to_ascii_uppercase() } else { letter })
    });
    key.bytes().all(|letter| letters.next() == Some(letter)) && letters.next().is_none()
}

/// How a field is spelt in `camelCase`, for a message.
fn camel_of<'f>(map: &'f Map<String, Value>, name: &str) -> &'f str {
    map.keys().find(|key| is_camel(key, name)).map_or("", String::as_str)
}

/// A field is spelt one way or the other, in the messages within, too.
fn check_spellings(map: &Map<String, Value>, message: Message) -> Result<()> {
    for field in message {
        let name = field.name;
        let sent = map.get(name);
        if sent.is_some() && camel(map, name).is_some() {
            let other = camel_of(map, name);
            return Err(Refusal::invalid(format!(
                "Request specifies both '{name}' and '{other}'; provide only one of them."
            )));
        }
        let (Kind::One(inner) | Kind::Many(inner)) = field.kind else { continue };
        match sent.or_else(|| camel(map, name)) {
            Some(Value::Object(own)) => check_spellings(own, inner)?,
            Some(Value::Array(list)) => {
                list.iter().filter_map(Value::as_object).try_for_each(|own| check_spellings(own, inner))?;
            }
            _ => {}
        }
    }
    Ok(())
}

/// Types, and what must be there. Only `snake_case` is known to the check for what must be there, as in MLflow.
fn check(map: &Map<String, Value>, message: Message, path: &dyn fmt::Display) -> Result<()> {
    for field in message {
        let mut value = map.get(field.name).filter(|value| !value.is_null());
        if value.is_none() && field.name == "run_id" {
            value = map.get("run_uuid").filter(|value| !value.is_null());
        }
        let name = field.name;
        if let Some(value) = value.or_else(|| camel(map, field.name).filter(|value| !value.is_null())) {
            check_type(value, field, path)?;
        }
        let is_missing = value.is_none_or(|value| value.as_str() == Some(""));
        if field.is_required && is_missing {
            return Err(Refusal::missing(&format!("{path}{name}")));
        }
    }
    Ok(())
}

fn check_type(value: &Value, field: &Field, path: &dyn fmt::Display) -> Result<()> {
    let name = field.name;
    let fits = match field.kind {
        Kind::Text => value.as_str().is_some_and(|text| !is_bare(text)),
        Kind::Int64 => int(value).is_some(),
        Kind::Int32 => int(value).is_some_and(|number| i32::try_from(number).is_ok()),
        // Nothing is a missing value, which is told as such.
        Kind::Double => double_of(value).is_some() || field.is_required && value.as_str() == Some(""),
        Kind::Bool => value.is_boolean(),
        Kind::Word(words) => {
            word_of(value, words).is_some() || field.is_required && value.as_str() == Some("")
        }
        Kind::Texts => value.as_array().is_some_and(|list| list.iter().all(Value::is_string)),
        Kind::One(inner) => match value.as_object() {
            Some(own) => return check(own, inner, &format_args!("{path}{name}.")),
            None => false,
        },
        Kind::Many(inner) => match value.as_array() {
            Some(list) if list.iter().all(Value::is_object) => {
                let own = list.iter().filter_map(Value::as_object).enumerate();
                for (place, own) in own {
                    check(own, inner, &format_args!("{path}{name}[{place}]."))?;
                }
                return Ok(());
            }
            _ => false,
        },
    };
    let is_missing_int =
        matches!(field.kind, Kind::Int64 | Kind::Int32) && field.is_required && value.as_str() == Some("");
    if fits || is_missing_int { Ok(()) } else { Err(wrong(&format!("{path}{name}"), value)) }
}

/// A value of another type, or out of its bounds.
pub(super) fn wrong(name: &str, value: &Value) -> Refusal {
    let bare = value.as_str().filter(|text| is_bare(text)).and_then(|text| text.strip_prefix(BARE));
    let (shown, kind) = match bare {
        Some(word) => (word.to_owned(), "float"),
        None => (python::json(value), python::type_of(value)),
    };
    Refusal::invalid(format!(
        "Invalid value {shown} for parameter '{name}' supplied:  Hint: Value was of type '{kind}'.{SEE_DOCS}"
    ))
}

/// A whole number: a number, one with a fraction of zero, or a text of digits.
fn int(value: &Value) -> Option<i64> {
    match value {
        Value::Number(number) => number.as_i64().or_else(|| {
            let number = number.as_f64()?;
            let is_whole = number.fract() == 0.0 && number.abs() < EXACT;
            #[expect(clippy::cast_possible_truncation, reason = "it is whole, and in the bounds of the type")]
            is_whole.then_some(number as i64)
        }),
        Value::String(text) => text.parse().ok(),
        _ => None,
    }
}

/// A number, or the text of one: `NaN` and `Infinity`, too.
fn double_of(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => match text.strip_prefix(BARE).unwrap_or(text) {
            "Infinity" => Some(f64::INFINITY),
            "-Infinity" => Some(f64::NEG_INFINITY),
            text => text.parse().ok(),
        },
        _ => None,
    }
}

fn word_of(value: &Value, words: &[(&str, i64)]) -> Option<i64> {
    let found = match value {
        Value::String(text) => {
            let number = text.parse::<i64>().ok();
            words.iter().find(|(word, own)| word == text || number == Some(*own))
        }
        value => {
            let number = int(value)?;
            words.iter().find(|(_, own)| *own == number)
        }
    };
    found.map(|(_, number)| *number)
}

/// Stands before a word that was no text: `NaN`, `Infinity`.
pub(super) const BARE: char = '\u{1}';

fn is_bare(text: &str) -> bool {
    matches!(text.strip_prefix(BARE), Some("NaN" | "Infinity" | "-Infinity"))
}

/// Floats below it have whole neighbours.
const EXACT: f64 = 9_007_199_254_740_992.0;

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const TAG: Message = &[text("key").required(), text("value")];
    const MESSAGE: Message =
        &[text("run_id").required(), int64("start_time"), many("tags", TAG), double("value")];

    fn refused(value: &Value) -> String {
        match Fields::checked(value.as_object().unwrap(), MESSAGE) {
            Ok(_) => panic!("{value} is taken"),
            Err(refusal) => refusal.message,
        }
    }

    #[test]
    fn what_is_wrong_is_told_in_the_order_of_the_fields() {
        assert!(refused(&json!({})).starts_with("Missing value for required parameter 'run_id'."));
        assert!(refused(&json!({"runId": "a"})).starts_with("Missing value"));
        assert!(refused(&json!({"run_id": "a", "startTime": "x"})).starts_with("Invalid value \"x\""));
        assert!(refused(&json!({"run_id": "a", "runId": "a"})).starts_with("Request specifies both"));
        assert!(refused(&json!({"run_id": "a", "tags": [{"value": "v"}]})).contains("'tags[0].key'"));
        assert!(refused(&json!({"run_id": "a", "tags": {"ü": 1}})).contains("{\"\\u00fc\":1}"));
    }

    #[test]
    fn numbers_come_as_numbers_and_as_texts() {
        let sent = json!({"run_uuid": "a", "start_time": "12", "value": "-Infinity", "tags": null});
        let fields = Fields::checked(sent.as_object().unwrap(), MESSAGE).unwrap();
        assert_eq!((fields.run(), fields.int("start_time")), ("a", Some(12)));
        assert_eq!(fields.double("value"), Some(f64::NEG_INFINITY));
        assert_eq!(fields.many("tags").len(), 0);
        assert_eq!((int(&json!(2.0)), int(&json!(2.5)), int(&json!(true))), (Some(2), None, None));
        assert!(double_of(&json!("nan")).unwrap().is_nan());
    }
}
