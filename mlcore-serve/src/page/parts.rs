//! Building blocks of pages: marks, tables of pairs, searches, headings that order, pages after pages.

use std::collections::BTreeMap;

use mlcore::Error;
use mlcore::name::Version;
use mlcore::registry::Stage;
use mlcore::time::Timestamp;
use mlcore::tracking::{PageToken, RunStatus, ViewType};

use super::frame::View;
use super::html::Html;
use super::shown;
use super::trouble::Result;

/// A short word in a coloured shape.
pub(super) fn pill(html: &mut Html, tone: Tone, word: &str) {
    html.raw("<span class=\"pill ").raw(tone.class()).raw("\">").text(word).raw("</span>");
}

/// What a mark says beside its word.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Tone {
    Good,
    Busy,
    Bad,
    Neutral,
}

impl Tone {
    fn class(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Busy => "busy",
            Self::Bad => "bad",
            Self::Neutral => "neutral",
        }
    }
}

pub(super) fn status(html: &mut Html, status: RunStatus) {
    let (tone, word) = match status {
        RunStatus::Running => (Tone::Busy, "running"),
        RunStatus::Scheduled => (Tone::Neutral, "scheduled"),
        RunStatus::Finished => (Tone::Good, "finished"),
        RunStatus::Failed => (Tone::Bad, "failed"),
        RunStatus::Killed => (Tone::Bad, "killed"),
        other => (Tone::Neutral, other.name()),
    };
    pill(html, tone, word);
}

pub(super) fn stage(html: &mut Html, stage: Stage) {
    let tone = match stage {
        Stage::Production => Tone::Good,
        Stage::Staging => Tone::Busy,
        _ => Tone::Neutral,
    };
    pill(html, tone, stage.name());
}

pub(super) fn time(html: &mut Html, time: Timestamp) {
    html.raw("<time datetime=\"")
        .text(shown::machine_time(time))
        .raw("\">")
        .text(shown::time(time))
        .raw("</time>");
}

/// A text of any length: its beginning, and the rest where somebody wants it.
pub(super) fn long_text(html: &mut Html, text: &str) {
    let (begin, is_all) = shown::beginning(text, SHORT);
    if is_all {
        html.text(text);
        return;
    }
    let (most, is_all) = shown::beginning(text, LONG);
    html.raw("<details class=\"long\"><summary>")
        .text(begin)
        .raw("\u{2026}</summary><div class=\"whole\">")
        .text(most);
    if !is_all {
        let left = text.len() - most.len();
        html.raw("<p class=\"note\">").text(shown::count(left as u64)).raw(" more bytes are not shown.</p>");
    }
    html.raw("</div></details>");
}

/// Names and texts as a table of two columns.
pub(super) fn pairs(
    html: &mut Html,
    caption: &str,
    heads: [&'static str; 2],
    pairs: &BTreeMap<String, String>,
) {
    if pairs.is_empty() {
        html.raw("<p class=\"nothing\">None.</p>");
        return;
    }
    table(html, caption, "pairs");
    head(html, &heads);
    for (name, value) in pairs {
        html.raw("<tr><th scope=\"row\">")
            .text(name)
            .raw("</th><td>")
            .with(|html| long_text(html, value))
            .raw("</td></tr>");
    }
    end_table(html);
}

/// Begins a table that scrolls by itself where it is too wide.
pub(super) fn table(html: &mut Html, caption: &str, class: &'static str) {
    html.raw("<div class=\"scroll\" tabindex=\"0\" role=\"group\" aria-label=\"")
        .text(caption)
        .raw("\"><table class=\"")
        .raw(class);
    html.raw("\"><caption>").text(caption).raw("</caption>");
}

/// The headings of a table, and the beginning of its rows. A heading that ends with `#` is above numbers.
pub(super) fn head(html: &mut Html, heads: &[&'static str]) {
    html.raw("<thead><tr>");
    for head in heads {
        match head.strip_suffix('#') {
            Some(head) => html.raw("<th scope=\"col\" class=\"n\">").raw(head),
            None => html.raw("<th scope=\"col\">").raw(head),
        };
        html.raw("</th>");
    }
    html.raw("</tr></thead><tbody>");
}

pub(super) fn end_table(html: &mut Html) {
    html.raw("</tbody></table></div>");
}

/// Begins a list of facts.
pub(super) fn facts(html: &mut Html, write: impl FnOnce(&mut Html)) {
    html.raw("<dl class=\"facts\">").with(write).raw("</dl>");
}

/// One fact.
pub(super) fn fact(html: &mut Html, name: &'static str, write: impl FnOnce(&mut Html)) {
    html.raw("<div><dt>").raw(name).raw("</dt><dd>").with(write).raw("</dd></div>");
}

/// Text as it is.
pub(super) fn said(html: &mut Html, text: impl AsRef<str>) {
    html.text(text);
}

/// Text in fixed width: an id, an address.
pub(super) fn code(html: &mut Html, text: impl AsRef<str>) {
    html.raw("<code>").text(text).raw("</code>");
}

pub(super) fn link(html: &mut Html, to: &str, text: &str) {
    html.raw("<a href=\"").text(to).raw("\">").text(text).raw("</a>");
}

/// A link to a version.
pub(super) fn version_link(html: &mut Html, view: &View<'_>, model: &str, version: Version, text: &str) {
    link(html, &view.link(&["models", model, "versions", &version.to_string()]), text);
}

/// The heading of a column that orders the table when it is followed.
pub(super) struct Heading<'a> {
    pub(super) text: &'a str,
    /// The column in MLflow's words.
    pub(super) column: &'a str,
    pub(super) is_number: bool,
    /// Whether the greatest comes first when it is followed for the first time.
    pub(super) falls_first: bool,
}

impl Heading<'_> {
    pub(super) fn write(&self, html: &mut Html, view: &View<'_>) {
        let order = view.query.get("order").unwrap_or_default();
        let (own, falls) = match (order.strip_suffix(" DESC"), order.strip_suffix(" ASC")) {
            (Some(own), _) => (own, true),
            (None, Some(own)) => (own, false),
            (None, None) => (order, false),
        };
        let is_own = own == self.column;
        let next = if is_own { !falls } else { self.falls_first };
        let asked = format!("{} {}", self.column, if next { "DESC" } else { "ASC" });
        let to = view.query.with("page", None).with("order", Some(&asked)).link();
        html.raw("<th scope=\"col\"").raw_if(self.is_number, " class=\"n\"");
        if is_own {
            html.raw(if falls { " aria-sort=\"descending\"" } else { " aria-sort=\"ascending\"" });
        }
        html.raw("><a href=\"").text(to).raw("\">").text(self.text).raw("</a></th>");
    }
}

/// The links to the pages around this one.
pub(super) fn pager(html: &mut Html, view: &View<'_>, next: Option<&PageToken>) {
    let is_first = !view.query.has("page");
    if is_first && next.is_none() {
        return;
    }
    html.raw("<nav class=\"pager\" aria-label=\"Pages\"><ul>");
    if !is_first {
        // A link of nothing would lead to this page.
        let first = view.query.with("page", None).link();
        html.raw("<li>")
            .with(|html| link(html, if first.is_empty() { "?" } else { &first }, "First page"))
            .raw("</li>");
    }
    if let Some(next) = next {
        let next = view.query.with("page", Some(next.as_str())).link();
        html.raw("<li>").with(|html| link(html, &next, "Next page")).raw("</li>");
    }
    html.raw("</ul></nav>");
}

/// The page that the query asks for.
pub(super) fn page_token(view: &View<'_>) -> Result<Option<PageToken>> {
    Ok(view.query.get("page").map(str::parse).transpose()?)
}

/// Which lifecycle stages the query asks for.
pub(super) fn view_type(view: &View<'_>) -> ViewType {
    match view.query.get("view") {
        Some("deleted") => ViewType::DeletedOnly,
        Some("all") => ViewType::All,
        _ => ViewType::ActiveOnly,
    }
}

/// A field of a form.
pub(super) struct Input<'a> {
    pub(super) name: &'static str,
    pub(super) label: &'static str,
    pub(super) example: &'static str,
    pub(super) error: Option<&'a Error>,
}

impl Input<'_> {
    pub(super) fn write(&self, html: &mut Html, view: &View<'_>) {
        html.raw("<div class=\"field wide\"><label for=\"")
            .raw(self.name)
            .raw("\">")
            .raw(self.label)
            .raw("</label>");
        html.raw("<input type=\"search\" autocomplete=\"off\" spellcheck=\"false\" id=\"")
            .raw(self.name)
            .raw("\" name=\"");
        html.raw(self.name).raw("\" value=\"").text(view.query.get(self.name).unwrap_or_default());
        html.raw("\" placeholder=\"").raw(self.example).raw("\"");
        if self.error.is_some() {
            html.raw(" aria-invalid=\"true\" aria-describedby=\"error\"");
        }
        html.raw("></div>");
    }
}

/// A choice of a form.
pub(super) fn choice(
    html: &mut Html,
    view: &View<'_>,
    (name, label): (&'static str, &'static str),
    choices: &[(&'static str, &'static str)],
) {
    let chosen = view.query.get(name).unwrap_or_else(|| choices.first().map_or("", |(value, _)| value));
    html.raw("<div class=\"field\"><label for=\"")
        .raw(name)
        .raw("\">")
        .raw(label)
        .raw("</label><select id=\"")
        .raw(name);
    html.raw("\" name=\"").raw(name).raw("\">");
    for (value, text) in choices {
        html.raw("<option value=\"")
            .raw(value)
            .raw("\"")
            .raw_if(*value == chosen, " selected")
            .raw(">")
            .raw(text)
            .raw("</option>");
    }
    html.raw("</select></div>");
}

/// Repeats what a form does not ask for, so that it stays as it is.
pub(super) fn hidden(html: &mut Html, view: &View<'_>, names: &[&str]) {
    for (name, value) in view.query.pairs().filter(|(name, _)| names.contains(name)) {
        html.raw("<input type=\"hidden\" name=\"").text(name).raw("\" value=\"").text(value).raw("\">");
    }
}

/// What is wrong with a search: in words, and at its column of the text.
pub(super) fn search_error(html: &mut Html, view: &View<'_>, error: &Error) {
    let context = error.context();
    html.raw("<div class=\"problem\" role=\"alert\" id=\"error\"><p><strong>")
        .text(capital(context.subject()));
    html.raw("</strong>: ").text(context.problem());
    if let Some(remedy) = context.remedy() {
        html.raw("; ").text(remedy);
    }
    html.raw(".</p>");
    let place = context.subject().rsplit_once(", column ").and_then(|(what, column)| {
        let column: usize = column.parse().ok()?;
        Some((view.query.get(if what == "order" { "order" } else { "filter" })?, column.saturating_sub(1)))
    });
    if let Some((text, column)) = place {
        let (before, _) = shown::beginning(text, column);
        let rest = text.get(before.len()..).unwrap_or_default();
        let (wrong, _) = shown::beginning(rest, 1);
        let after = rest.get(wrong.len()..).unwrap_or_default();
        html.raw("<pre class=\"place\">").text(before).raw("<mark>").text(if wrong.is_empty() {
            " "
        } else {
            wrong
        });
        html.raw("</mark>").text(after).raw("</pre>");
    }
    html.raw("</div>");
}

fn capital(text: &str) -> String {
    let mut characters = text.chars();
    characters.next().map_or_else(String::new, |first| first.to_uppercase().chain(characters).collect())
}

/// A text in the quotes of filters.
pub(super) fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// A kind and a key in the words of filters and orders.
pub(super) fn column(kind: &str, key: &str) -> String {
    format!("{kind}.`{}`", key.replace('`', "``"))
}

/// What fits into a cell.
const SHORT: usize = 300;
/// What of a text is shown at all: its end belongs into a file.
const LONG: usize = 20_000;
