/// The JSON with the bare words `NaN`, `Infinity` and `-Infinity` as texts; `None` where it holds none of them.
///
/// Python's `json` writes them, and so does what stands on it.
pub(crate) fn quoted(json: &str) -> Option<String> {
    quoted_behind(json, "")
}

/// The same with a character before each, which tells them from texts.
#[cfg(feature = "mlflow")]
pub(crate) fn marked(json: &str, mark: char) -> Option<String> {
    quoted_behind(json, &format!("\\u{:04x}", u32::from(mark)))
}

fn quoted_behind(json: &str, mark: &str) -> Option<String> {
    const WORDS: [&[u8]; 3] = [b"NaN", b"Infinity", b"-Infinity"];
    if !json.contains("NaN") && !json.contains("Infinity") {
        return None;
    }
    let json = json.as_bytes();
    let mut quoted: Option<Vec<u8>> = None;
    let (mut copied, mut place) = (0, 0);
    let mut in_text = false;
    while let Some(byte) = json.get(place) {
        match byte {
            b'\\' if in_text => place += 1,
            b'"' => in_text = !in_text,
            b'N' | b'I' | b'-' if !in_text => {
                let rest = json.get(place..).unwrap_or_default();
                if let Some(word) = WORDS.into_iter().find(|word| rest.starts_with(word)) {
                    let own = quoted.get_or_insert_with(|| Vec::with_capacity(json.len() + json.len() / 2));
                    own.extend_from_slice(json.get(copied..place).unwrap_or_default());
                    own.push(b'"');
                    own.extend_from_slice(mark.as_bytes());
                    own.extend_from_slice(word);
                    own.push(b'"');
                    place += word.len();
                    copied = place;
                    continue;
                }
            }
            _ => {}
        }
        place += 1;
    }
    let mut quoted = quoted?;
    quoted.extend_from_slice(json.get(copied..).unwrap_or_default());
    // It was cut before and behind bytes of ASCII only.
    String::from_utf8(quoted).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_outside_of_texts_become_texts() {
        assert_eq!(
            quoted(r#"{"NaN": [NaN, -Infinity, -1, "a\"NaN", Infinity]}"#).unwrap(),
            r#"{"NaN": ["NaN", "-Infinity", -1, "a\"NaN", "Infinity"]}"#
        );
        assert_eq!(quoted(r#"{"NaN": [1, "Infinity", -2]}"#), None);
        assert_eq!(quoted(r#"["\"#), None);
    }
}
