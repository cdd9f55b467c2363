//! The audit log: its entries, and whether its chain is whole.

use std::sync::PoisonError;

use mlcore::registry::{AuditHead, Event, Registry};

use super::frame::{Area, Page, View};
use super::html::Html;
use super::trouble::{Result, Trouble};
use super::{log, parts, shown};

pub(super) fn page(view: &View<'_>) -> Result<Page> {
    let registry = view.registry()?;
    let head = log::head(&**registry)?;
    let mut page = Page::new(Area::Audit, "Audit log");
    verification(&mut page.body, view, &**registry, &head);
    if head.sequence == 0 {
        page.body.raw("<p class=\"nothing\">Nothing has happened yet.</p>");
        return Ok(page);
    }
    let before = view.query.get("before").and_then(|before| before.parse().ok());
    let before = before.unwrap_or(u64::MAX).clamp(1, head.sequence.saturating_add(1));
    let entries = log::before(&**registry, before, ROWS)?;
    log::table(&mut page.body, view, "Entries, the last first", &entries);
    let html = &mut page.body;
    html.raw("<nav class=\"pager\" aria-label=\"Pages\"><ul>");
    if before <= head.sequence {
        html.raw("<li>").with(|html| parts::link(html, "?", "Last entries")).raw("</li>");
    }
    if let Some(first) = entries.last().filter(|first| first.sequence > 1) {
        let next = view.query.with("verify", None).with("before", Some(&first.sequence.to_string())).link();
        html.raw("<li>").with(|html| parts::link(html, &next, "Older entries")).raw("</li>");
    }
    html.raw("</ul></nav>");
    Ok(page)
}

/// Where the log ends, and whether all of it was found whole. A short log is verified at once, a long one when it is asked for: it
/// is read from the beginning.
fn verification(html: &mut Html, view: &View<'_>, registry: &dyn Registry, head: &AuditHead) {
    let verified = || view.pages.verified.lock().unwrap_or_else(PoisonError::into_inner);
    let known = *verified();
    let is_known = known.is_some_and(|known| (known.sequence, known.hash) == (head.sequence, head.hash));
    let is_asked = view.query.has("verify");
    let mut problem = None;
    if is_asked || !is_known && head.sequence <= SHORT {
        match registry.verify() {
            Ok(found) => *verified() = Some(found),
            Err(error) => problem = Some(error),
        }
    }
    let known = *verified();
    parts::facts(html, |html| {
        parts::fact(html, "Entries", |html| parts::said(html, shown::count(head.sequence)));
        if let Some(time) = head.effective_at {
            parts::fact(html, "Last change", |html| parts::time(html, time));
        }
        parts::fact(html, "Hash of the last entry", |html| parts::code(html, head.hash.to_hex()));
        parts::fact(html, "Chain", |html| match (&problem, known) {
            (Some(_), _) => parts::pill(html, parts::Tone::Bad, "broken"),
            (None, Some(known)) if known.sequence >= head.sequence => {
                parts::pill(html, parts::Tone::Good, "whole");
            }
            (None, Some(known)) => html.raw("whole up to entry ").show(known.sequence).end(),
            (None, None) => html.raw("not verified by this server yet").end(),
        });
    });
    if let Some(error) = problem {
        let context = error.context();
        html.raw("<div class=\"problem\" role=\"alert\"><p><strong>The log does not verify</strong>: ")
            .text(context.problem());
        html.raw(". ").text(context.remedy().unwrap_or_default()).raw("</p></div>");
    }
    html.raw("<p>").with(|html| parts::link(html, "?verify=yes", "Verify the whole log now")).raw("</p>");
}

/// One entry.
pub(super) fn entry(view: &View<'_>, number: u64) -> Result<Page> {
    let registry = view.registry()?;
    let nothing = || Trouble::not_found(format!("The audit log has no entry {number}."));
    let found = registry.audit(number, 1)?.into_iter().next().filter(|entry| entry.sequence == number);
    let entry = found.ok_or_else(nothing)?;
    let mut page = Page::new(Area::Audit, format!("Entry {number}: {}", entry.event.operation()));
    page = page.within("Audit log", view.link(&["audit"]));
    parts::facts(&mut page.body, |html| {
        parts::fact(html, "Of", |html| subject(html, view, registry.as_ref(), &entry.event));
        parts::fact(html, "Time", |html| parts::time(html, entry.at));
        parts::fact(html, "By", |html| parts::said(html, &entry.actor));
        if let Some(reason) = &entry.reason {
            parts::fact(html, "Why", |html| parts::long_text(html, reason));
        }
        if let Some(request) = &entry.request {
            parts::fact(html, "Request", |html| parts::code(html, request));
        }
        parts::fact(html, "Hash", |html| parts::code(html, entry.hash.to_hex()));
        parts::fact(html, "Hash before", |html| parts::code(html, entry.previous.to_hex()));
    });
    page.section("text", "The text that is hashed", |html| {
        let (begin, is_all) = shown::beginning(entry.canonical(), MOST_TEXT);
        html.raw("<pre class=\"whole\">").text(begin).raw_if(!is_all, "\u{2026}").raw("</pre>");
    });
    page.body.raw("<nav class=\"pager\" aria-label=\"Entries\"><ul>");
    for (other, text) in
        [(number.saturating_sub(1), "Entry before"), (number.saturating_add(1), "Entry after")]
    {
        if other == 0 || registry.audit(other, 1)?.is_empty() {
            continue;
        }
        let link = view.link(&["audit", &other.to_string()]);
        page.body.raw("<li>").with(|html| parts::link(html, &link, text)).raw("</li>");
    }
    page.body.raw("</ul></nav>");
    Ok(page)
}

/// What it is about, as a link where that is still there.
fn subject(html: &mut Html, view: &View<'_>, registry: &dyn Registry, event: &Event) {
    let model = match event {
        Event::RenameModel { name, .. } => name,
        event => event.model(),
    };
    match registry.model(model) {
        Ok(_) => parts::link(html, &view.link(&["models", model.as_str()]), &event.subject()),
        // It was deleted, or cannot be read now.
        Err(_) => parts::said(html, event.subject()),
    }
}

const ROWS: usize = 100;
/// So many entries are verified within some milliseconds.
const SHORT: u64 = 1000;
const MOST_TEXT: usize = 100_000;
