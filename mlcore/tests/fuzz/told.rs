//! What every refusal must be, whatever was refused: a log line that ends, and cannot be taken for two.

use mlcore::Error;

/// The longest that an error may be, in bytes: what was refused is shown cut.
const MOST_BYTES: usize = 64 << 10;

/// The text of an error that a caller is told.
pub(crate) fn told(error: &Error) -> String {
    let text = error.to_string();
    assert!(!text.contains(char::is_control), "an error holds a control character: {text:?}");
    assert!(text.len() <= MOST_BYTES, "an error has {} bytes: {}...", text.len(), &text[..200]);
    assert!(!error.context().problem().is_empty(), "an error says nothing: {error:?}");
    text
}
