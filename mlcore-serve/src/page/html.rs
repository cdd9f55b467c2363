//! Markup that cannot be broken out of.

use std::fmt::{self, Display, Write as _};

/// HTML that is written from the front: markup of this crate as it is, everything else escaped.
///
/// `raw` takes text of the program alone; whatever comes from outside goes through [`text`](Self::text) or [`show`](Self::show), in
/// elements as in quoted attributes. A page of ten thousand rows is one text that grows, and not a tree.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Html(String);

impl Html {
    pub(super) fn new() -> Self {
        Self::default()
    }

    /// Markup.
    pub(super) fn raw(&mut self, markup: &'static str) -> &mut Self {
        self.0.push_str(markup);
        self
    }

    /// Text from outside, escaped.
    pub(super) fn text(&mut self, text: impl AsRef<str>) -> &mut Self {
        escape_into(&mut self.0, text.as_ref());
        self
    }

    /// What a value is written as, escaped.
    pub(super) fn show(&mut self, value: impl Display) -> &mut Self {
        // Writing to a text does not fail; a value that does is left where it stopped.
        let _ = write!(Escaping(&mut self.0), "{value}");
        self
    }

    /// What was written elsewhere.
    pub(super) fn add(&mut self, other: &Self) -> &mut Self {
        self.0.push_str(&other.0);
        self
    }

    /// What a function writes.
    pub(super) fn with(&mut self, write: impl FnOnce(&mut Self)) -> &mut Self {
        write(self);
        self
    }

    /// Markup where something holds.
    pub(super) fn raw_if(&mut self, holds: bool, markup: &'static str) -> &mut Self {
        if holds { self.raw(markup) } else { self }
    }

    /// Ends a chain where a function answers nothing.
    pub(super) fn end(&mut self) {}

    pub(super) fn reserve(&mut self, bytes: usize) {
        self.0.reserve(bytes);
    }

    pub(super) fn into_string(self) -> String {
        self.0
    }
}

struct Escaping<'a>(&'a mut String);

impl fmt::Write for Escaping<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        escape_into(self.0, text);
        Ok(())
    }
}

/// Escapes what HTML reads as markup in text and in quoted attributes, and spells out what a reader would not see: control
/// characters, and those that turn the direction of text and can make one name look like another.
fn escape_into(escaped: &mut String, text: &str) {
    let mut rest = text;
    while let Some(place) = rest.bytes().position(is_looked_at) {
        escaped.push_str(rest.get(..place).unwrap_or_default());
        let mut characters = rest.get(place..).unwrap_or_default().chars();
        if let Some(character) = characters.next() {
            escape_character(escaped, character);
        }
        rest = characters.as_str();
    }
    escaped.push_str(rest);
}

/// Whether a character that begins with this byte may need more than to be copied. None of them is inside of a character.
fn is_looked_at(byte: u8) -> bool {
    match byte {
        b'&' | b'<' | b'>' | b'"' | b'\'' | b'`' | 0x7f | 0xc2 | 0xd8 | 0xe2 | 0xef | 0xf3 => true,
        b'\n' | b'\t' => false,
        byte => byte < 0x20,
    }
}

fn escape_character(escaped: &mut String, character: char) {
    match character {
        '&' => escaped.push_str("&amp;"),
        '<' => escaped.push_str("&lt;"),
        '>' => escaped.push_str("&gt;"),
        '"' => escaped.push_str("&quot;"),
        '\'' => escaped.push_str("&#39;"),
        '`' => escaped.push_str("&#96;"),
        // Marks and overrides of direction, joiners and blanks of no width, and the invisible letters of tags.
        '\u{61c}'
        | '\u{200b}'..='\u{200f}'
        | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}'
        | '\u{feff}'
        | '\u{e0000}'..='\u{e007f}' => spell_out(escaped, character),
        control if control.is_control() => spell_out(escaped, control),
        plain => escaped.push(plain),
    }
}

fn spell_out(escaped: &mut String, character: char) {
    let _ = write!(escaped, "\\u{{{:x}}}", u32::from(character));
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn escaped(text: &str) -> String {
        let mut html = Html::new();
        html.text(text);
        html.into_string()
    }

    proptest! {
        #[test]
        fn no_text_opens_a_tag_or_leaves_an_attribute(text in any::<String>()) {
            let shown = escaped(&text);
            prop_assert!(!shown.contains(['<', '>', '"', '\'', '`']));
            prop_assert!(shown.chars().all(|c| !c.is_control() || c == '\n' || c == '\t'));
            // A value that is shown is escaped just so.
            let mut html = Html::new();
            prop_assert_eq!(&html.show(&text).clone().into_string(), &shown);
            let read = shown.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&#39;", "'");
            let read = read.replace("&#96;", "`").replace("&amp;", "&");
            if text.chars().all(|c| c.is_ascii_graphic() || c == ' ') {
                prop_assert_eq!(read, text);
            }
        }
    }

    #[test]
    fn what_cannot_be_seen_is_spelled_out() {
        assert_eq!(
            escaped("a\u{202e}b\0c\u{7f}\u{85}é\u{200b}€ö🦀"),
            "a\\u{202e}b\\u{0}c\\u{7f}\\u{85}é\\u{200b}€ö🦀"
        );
        assert_eq!(escaped("\u{feff}\u{61c}\u{e0041}&"), "\\u{feff}\\u{61c}\\u{e0041}&amp;");
    }
}
