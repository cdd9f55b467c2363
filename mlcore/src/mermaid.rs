//! Text in drawings for Mermaid, for mlcore's own crates.

use std::fmt::Write as _;

/// Text between quotes of Mermaid: what could end it or be HTML is the number of its character.
#[must_use]
pub fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_alphanumeric() || " ._/@-".contains(character) {
            quoted.push(character);
        } else {
            // Writing to a string cannot fail.
            let _ = write!(quoted, "#{};", u32::from(character));
        }
    }
    quoted
}
