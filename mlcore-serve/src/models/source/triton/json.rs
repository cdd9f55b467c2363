//! Protocol buffers as JSON.

use serde_json::Value as Json;

use super::text::{Message, Value};

/// Reads a message. A list is a field that stands there several times, and what is `null` is not there.
pub(super) fn read(text: &str) -> Result<Message, String> {
    match serde_json::from_str(text).map_err(|cause| cause.to_string())? {
        Json::Object(fields) => Ok(message(fields)),
        _ => Err("it is no object".to_owned()),
    }
}

fn message(fields: serde_json::Map<String, Json>) -> Message {
    let mut message = Message::default();
    for (name, field) in fields {
        let name = snake_case(&name);
        let values = match field {
            Json::Array(values) => values,
            value => vec![value],
        };
        message.0.extend(values.into_iter().filter_map(|one| Some((name.clone(), value(one)?))));
    }
    message
}

fn value(json: Json) -> Option<Value> {
    Some(match json {
        Json::Null => return None,
        Json::Bool(value) => Value::Word(value.to_string()),
        Json::Number(number) => Value::Word(number.to_string()),
        Json::String(text) => Value::Text(text),
        Json::Object(fields) => Value::Message(message(fields)),
        // No field of a configuration is a list of lists.
        Json::Array(_) => return None,
    })
}

/// A field's name as the file has it; JSON may have it as `maxBatchSize`.
fn snake_case(name: &str) -> String {
    let mut snake = String::with_capacity(name.len());
    for character in name.chars() {
        if character.is_ascii_uppercase() {
            snake.push('_');
        }
        snake.push(character.to_ascii_lowercase());
    }
    snake
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_read_as_the_text_form_is() {
        let json = r#"{"maxBatchSize": 8, "name": "m", "input": [{"name": "x", "dims": ["-1", 3]}],
            "dynamic_batching": {"preferred_batch_size": [4, 8]}, "output": null}"#;
        let text = r#"max_batch_size: 8 name: "m" input { dims: "-1" dims: 3 name: "x" }
            dynamic_batching { preferred_batch_size: [4, 8] }"#;
        // JSON's fields come in alphabetical order.
        let sorted = |mut message: Message| {
            message.0.sort_by(|a, b| a.0.cmp(&b.0));
            message
        };
        assert_eq!(sorted(read(json).unwrap()), sorted(super::super::text::read(text).unwrap()));
        assert!(read("[]").is_err() && read("{").is_err());
    }
}
