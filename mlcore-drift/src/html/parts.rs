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
    Markup::element("p", &[], content)
}

/// A short word in a coloured shape: a judgement.
#[must_use]
pub fn pill(word: &str, tone: Tone) -> Markup {
    Markup::element("span", &[("class", &format!("pill {}", tone.class()))], word)
}

/// Text in fixed width, within a sentence.
#[must_use]
pub fn code(text: &str) -> Markup {
    Markup::element("code", &[], text)
}

/// Lines in fixed width.
#[must_use]
pub fn text_block(text: &str) -> Markup {
    Markup::element("pre", &[], text)
}

/// A bulleted list.
#[must_use]
pub fn list(items: impl IntoIterator<Item = Markup>) -> Markup {
    let items: Markup = items.into_iter().map(|item| Markup::element("li", &[], item)).collect();
    Markup::element("ul", &[], items)
}

/// Content that opens when its summary is clicked, without a script.
#[must_use]
pub fn details(summary: &str, content: impl Into<Markup>) -> Markup {
    Markup::element("details", &[], [Markup::element("summary", &[], summary), content.into()])
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
        let name = Markup::element("dt", &[], figure.name.as_str());
        let value = Markup::element("dd", &[("class", figure.tone.class())], figure.value.as_str());
        Markup::element("div", &[], [name, value])
    };
    Markup::element("dl", &[("class", "figures")], figures.iter().map(figure).collect::<Markup>())
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
/// use mlcore_drift::html::{Align, Table};
///
/// let mut table = Table::new(&[("column", Align::Left), ("D", Align::Right)]);
/// table.row(["age".into(), "0.12".into()]);
/// assert!(table.markup().as_str().contains("<td>age</td><td class=\"number\">0.12</td>"));
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
            Some((_, Align::Right)) => Markup::element("td", &[("class", "number")], cell),
            _ => Markup::element("td", &[], cell),
        };
        let row = cells.into_iter().enumerate().map(cell).collect::<Markup>();
        self.rows.push(Markup::element("tr", &[], row));
    }

    /// The table.
    #[must_use]
    pub fn markup(&self) -> Markup {
        let heading = |(heading, align): &(String, Align)| match align {
            Align::Right => Markup::element("th", &[("scope", "col"), ("class", "number")], heading.as_str()),
            Align::Left => Markup::element("th", &[("scope", "col")], heading.as_str()),
        };
        let head = Markup::element("tr", &[], self.headings.iter().map(heading).collect::<Markup>());
        let body = self.rows.iter().cloned().collect::<Markup>();
        let table = Markup::element(
            "table",
            &[],
            [Markup::element("thead", &[], head), Markup::element("tbody", &[], body)],
        );
        Markup::element("div", &[("class", "scroll")], table)
    }
}
