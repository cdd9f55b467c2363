//! Markup that cannot be broken out of.

use std::fmt::Write;

/// A piece of HTML in which every text was escaped. There is no way to put foreign text in unescaped: tags and attribute
/// names are `'static`, text and attribute values are escaped.
///
/// ```
/// use mlcore::html::Markup;
///
/// let cell = Markup::element("td", &[("title", "a \"b\"")], "1 < 2");
/// assert_eq!(cell.as_str(), "<td title=\"a &quot;b&quot;\">1 &lt; 2</td>");
/// ```
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Markup(String);

impl Markup {
    /// Nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Text, escaped.
    #[must_use]
    pub fn text(text: &str) -> Self {
        let mut escaped = String::with_capacity(text.len());
        escape_into(&mut escaped, text);
        Self(escaped)
    }

    /// An element with attributes and children.
    #[must_use]
    pub fn element(
        tag: &'static str,
        attributes: &[(&'static str, &str)],
        children: impl Into<Self>,
    ) -> Self {
        let mut element = open(tag, attributes);
        element.push_str(&children.into().0);
        element.push_str("</");
        element.push_str(tag);
        element.push('>');
        Self(element)
    }

    /// An element without content, such as `br` or `path`.
    #[must_use]
    pub fn empty_element(tag: &'static str, attributes: &[(&'static str, &str)]) -> Self {
        let mut element = open(tag, attributes);
        element.pop();
        element.push_str("/>");
        Self(element)
    }

    /// A `div` of classes of the page's style, named without their prefix.
    ///
    /// Pages are made of nothing else, and of `span`s, links and drawings: those are the elements that a notebook, whose
    /// style knows how it wants its tables, lists and headings, leaves as they are. What they are is said by their `role`.
    #[doc(hidden)]
    #[must_use]
    pub fn block(classes: &str, attributes: &[(&'static str, &str)], children: impl Into<Self>) -> Self {
        Self::styled("div", classes, attributes, children)
    }

    /// An element of classes of the page's style, named without their prefix.
    #[doc(hidden)]
    #[must_use]
    pub fn styled(
        tag: &'static str,
        classes: &str,
        attributes: &[(&'static str, &str)],
        children: impl Into<Self>,
    ) -> Self {
        let classes = prefixed(classes);
        let classes = [("class", classes.as_str())];
        let attributes: Vec<_> = classes.into_iter().chain(attributes.iter().copied()).collect();
        Self::element(tag, &attributes, children)
    }

    /// Appends more.
    pub fn push(&mut self, more: impl Into<Self>) {
        self.0.push_str(&more.into().0);
    }

    /// The HTML.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The HTML.
    #[must_use]
    pub fn into_string(self) -> String {
        self.0
    }

    /// Whether there is nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Text of this crate that is HTML or CSS already.
    pub(super) fn trusted(html: &'static str) -> Self {
        Self(html.to_owned())
    }
}

impl From<&str> for Markup {
    fn from(text: &str) -> Self {
        Self::text(text)
    }
}

impl From<&String> for Markup {
    fn from(text: &String) -> Self {
        Self::text(text)
    }
}

impl From<String> for Markup {
    fn from(text: String) -> Self {
        Self::text(&text)
    }
}

impl FromIterator<Markup> for Markup {
    fn from_iter<I: IntoIterator<Item = Markup>>(pieces: I) -> Self {
        let mut all = Self::new();
        pieces.into_iter().for_each(|piece| all.push(piece));
        all
    }
}

impl<const N: usize> From<[Markup; N]> for Markup {
    fn from(pieces: [Markup; N]) -> Self {
        pieces.into_iter().collect()
    }
}

impl From<Vec<Markup>> for Markup {
    fn from(pieces: Vec<Markup>) -> Self {
        pieces.into_iter().collect()
    }
}

/// Classes as the style sheet spells them: no host has rules for these.
pub(super) fn prefixed(classes: &str) -> String {
    classes.split(' ').map(|class| format!("ml-{class}")).collect::<Vec<_>>().join(" ")
}

fn open(tag: &'static str, attributes: &[(&'static str, &str)]) -> String {
    let mut element = String::with_capacity(32);
    element.push('<');
    element.push_str(tag);
    for (name, value) in attributes {
        element.push(' ');
        element.push_str(name);
        element.push_str("=\"");
        escape_into(&mut element, value);
        element.push('"');
    }
    element.push('>');
    element
}

/// Escapes what HTML reads as markup in text and in quoted attributes, and shows what a reader would not see: control
/// characters, and those that turn the direction of text and can make one name look like another.
fn escape_into(escaped: &mut String, text: &str) {
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            '`' => escaped.push_str("&#96;"),
            '\n' | '\t' => escaped.push(character),
            '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}' | '\u{200E}' | '\u{200F}' | '\u{FEFF}' => {
                // Writing to a String does not fail.
                let _ = write!(escaped, "\\u{{{:x}}}", u32::from(character));
            }
            control if control.is_control() => {
                let _ = write!(escaped, "\\u{{{:x}}}", u32::from(control));
            }
            plain => escaped.push(plain),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn no_text_opens_a_tag_or_leaves_an_attribute(text in any::<String>()) {
            let element = Markup::element("p", &[("title", &text)], text.as_str()).into_string();
            prop_assert_eq!(element.matches('<').count(), 2);
            prop_assert_eq!(element.matches('>').count(), 2);
            prop_assert_eq!(element.matches('"').count(), 2);
        }
    }

    #[test]
    fn what_cannot_be_seen_is_spelled_out() {
        assert_eq!(Markup::text("a\u{202e}b\0c\u{7f}").as_str(), "a\\u{202e}b\\u{0}c\\u{7f}");
        assert_eq!(Markup::empty_element("path", &[("d", "M0")]).as_str(), "<path d=\"M0\"/>");
    }
}
