//! Paragraphs, pills, key figures and tables.

use super::Markup;

/// What a mark says beside its word.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Tone {
    /// As it should be.
    Good,
    /// Something to look at.
    Bad,
    /// Neither.
    Neutral,
}

impl Tone {
    fn class(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Bad => "bad",
            Self::Neutral => "neutral",
        }
    }
}

/// A paragraph.
#[must_use]
pub fn paragraph(content: impl Into<Markup>) -> Markup {
    Markup::block("text", &[], content)
}

/// A short word in a coloured shape: a judgement.
#[must_use]
pub fn pill(word: &str, tone: Tone) -> Markup {
    Markup::styled("span", &format!("pill {}", tone.class()), &[], word)
}

/// Text in fixed width, within a sentence.
#[must_use]
pub fn code(text: &str) -> Markup {
    Markup::styled("span", "code", &[], text)
}

/// Lines in fixed width.
#[must_use]
pub fn text_block(text: &str) -> Markup {
    Markup::block("lines", &[], text)
}

/// The heading of a part of a section.
#[must_use]
pub fn subheading(text: &str) -> Markup {
    Markup::block("subheading", &[("role", "heading"), ("aria-level", "3")], text)
}

/// A bulleted list.
#[must_use]
pub fn list(items: impl IntoIterator<Item = Markup>) -> Markup {
    let item = |item| Markup::block("item", &[("role", "listitem")], item);
    Markup::block("list", &[("role", "list")], items.into_iter().map(item).collect::<Markup>())
}

/// Content that opens when its summary is clicked, without a script.
#[must_use]
pub fn details(summary: &str, content: impl Into<Markup>) -> Markup {
    let summary = Markup::styled("summary", "summary", &[], summary);
    Markup::styled("details", "more", &[], [summary, content.into()])
}

/// One number that matters, with its name.
#[derive(Clone, Debug)]
pub struct KeyFigure {
    name: String,
    value: String,
    tone: Tone,
}

impl KeyFigure {
    /// A figure.
    #[must_use]
    pub fn new(name: impl Into<String>, value: impl Into<String>) -> Self {
        Self { name: name.into(), value: value.into(), tone: Tone::Neutral }
    }

    /// Colours it.
    #[must_use]
    pub fn tone(mut self, tone: Tone) -> Self {
        self.tone = tone;
        self
    }
}

/// A row of key figures.
#[must_use]
pub fn key_figures(figures: &[KeyFigure]) -> Markup {
    let figure = |figure: &KeyFigure| {
        let name = Markup::block("name", &[], figure.name.as_str());
        let value = Markup::block(&format!("value {}", figure.tone.class()), &[], figure.value.as_str());
        Markup::block("figures-item", &[("role", "listitem")], [name, value])
    };
    Markup::block("figures", &[("role", "list")], figures.iter().map(figure).collect::<Markup>())
}

/// How a column of a table is set.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Align {
    /// Text.
    Left,
    /// Numbers.
    Right,
}

/// A table with a heading row; it scrolls by itself where it is too wide.
///
/// ```
/// use mlcore::html::{Align, Table};
///
/// let mut table = Table::new(&[("column", Align::Left), ("D", Align::Right)]);
/// table.row(["age".into(), "0.12".into()]);
/// assert!(table.markup().as_str().contains("<div class=\"ml-cell ml-number\" role=\"cell\">0.12</div>"));
/// ```
#[derive(Clone, Debug)]
pub struct Table {
    headings: Vec<(String, Align)>,
    rows: Vec<Markup>,
}

impl Table {
    /// An empty table with these columns.
    #[must_use]
    pub fn new(headings: &[(&str, Align)]) -> Self {
        let headings = headings.iter().map(|(heading, align)| ((*heading).to_owned(), *align)).collect();
        Self { headings, rows: Vec::new() }
    }

    /// Appends a row; cells beyond the headings are set as text.
    pub fn row(&mut self, cells: impl IntoIterator<Item = Markup>) {
        let cell = |(position, cell): (usize, Markup)| match self.headings.get(position) {
            Some((_, Align::Right)) => Markup::block("cell number", &[("role", "cell")], cell),
            _ => Markup::block("cell", &[("role", "cell")], cell),
        };
        let row = cells.into_iter().enumerate().map(cell).collect::<Markup>();
        self.rows.push(Markup::block("row", &[("role", "row")], row));
    }

    /// The table.
    #[must_use]
    pub fn markup(&self) -> Markup {
        let heading = |(heading, align): &(String, Align)| match align {
            Align::Right => Markup::block("column number", &[("role", "columnheader")], heading.as_str()),
            Align::Left => Markup::block("column", &[("role", "columnheader")], heading.as_str()),
        };
        let group = [("role", "rowgroup")];
        let head = self.headings.iter().map(heading).collect::<Markup>();
        let head = Markup::block("head", &group, Markup::block("row", &[("role", "row")], head));
        let body = Markup::block("body", &group, self.rows.iter().cloned().collect::<Markup>());
        Markup::block("scroll", &[], Markup::block("table", &[("role", "table")], [head, body]))
    }
}
