//! The audit log, read from its end.

use mlcore::name::{ModelName, Version};
use mlcore::registry::{AuditEntry, AuditHead, Event, Registry};

use super::frame::View;
use super::html::Html;
use super::parts;
use super::trouble::Result;

/// The last entry, found by a few looks; none of an empty log.
pub(super) fn last(registry: &dyn Registry) -> Result<Option<AuditEntry>> {
    let look =
        |sequence: u64| -> Result<Option<AuditEntry>> { Ok(registry.audit(sequence, 1)?.into_iter().next()) };
    let Some(mut found) = look(1)? else { return Ok(None) };
    // Twice as far until there is nothing, and then half of what is between.
    let (mut there, mut beyond) = (1, 2);
    while let Some(entry) = look(beyond)? {
        (there, beyond, found) = (beyond, beyond.saturating_mul(2), entry);
    }
    while beyond - there > 1 {
        let middle = there + (beyond - there) / 2;
        match look(middle)? {
            Some(entry) => (there, found) = (middle, entry),
            None => beyond = middle,
        }
    }
    Ok(Some(found))
}

/// The end of the log.
pub(super) fn head(registry: &dyn Registry) -> Result<AuditHead> {
    Ok(last(registry)?.map_or_else(AuditHead::default, |entry| entry.head()))
}

/// Up to `most` entries before this one, the last first.
pub(super) fn before(registry: &dyn Registry, sequence: u64, most: usize) -> Result<Vec<AuditEntry>> {
    let from = sequence.saturating_sub(most as u64).max(1);
    let count = usize::try_from(sequence.saturating_sub(from)).unwrap_or(most);
    if count == 0 {
        return Ok(Vec::new());
    }
    let mut entries = registry.audit(from, count)?;
    entries.retain(|entry| entry.sequence < sequence);
    entries.reverse();
    Ok(entries)
}

/// The last entries that something holds for, and whether the whole log was looked at.
pub(super) fn entries_where(
    registry: &dyn Registry,
    holds: impl Fn(&AuditEntry) -> bool,
) -> Result<(Vec<AuditEntry>, bool)> {
    let mut sequence = head(registry)?.sequence.saturating_add(1);
    let (mut found, mut looked_at) = (Vec::new(), 0);
    while sequence > 1 {
        mlcore::interrupt::check("read audit log")?;
        let entries = before(registry, sequence, PAGE)?;
        let Some(first) = entries.last() else { break };
        (sequence, looked_at) = (first.sequence, looked_at + entries.len());
        found.extend(entries.into_iter().filter(&holds));
        if found.len() >= MOST_LISTED || looked_at >= MOST_LOOKED_AT {
            found.truncate(MOST_LISTED);
            return Ok((found, sequence == 1));
        }
    }
    Ok((found, true))
}

/// Whether an entry is about a version: by its number, a stage or an alias of it.
pub(super) fn is_about(entry: &AuditEntry, model: &ModelName, version: Version) -> bool {
    let event = &entry.event;
    if event.model() != model {
        return false;
    }
    let is_own = match event {
        Event::CreateVersion { version: own, .. }
        | Event::DeleteVersion { version: own, .. }
        | Event::Withdraw { version: own, .. }
        | Event::SetMetrics { version: own, .. }
        | Event::DeleteMetric { version: own, .. } => *own == version,
        Event::SetTag { subject, .. } | Event::Describe { subject, .. } => subject.version == Some(version),
        _ => false,
    };
    is_own
        || event.stage_moves().iter().any(|moved| moved.version == version)
        || event.alias_moves().any(|moved| moved.from == Some(version) || moved.to == Some(version))
}

/// Entries as a table.
pub(super) fn table(html: &mut Html, view: &View<'_>, caption: &str, entries: &[AuditEntry]) {
    parts::table(html, caption, "list");
    parts::head(html, &["Entry#", "Time", "By", "What", "Of", "Why"]);
    for entry in entries {
        let number = entry.sequence.to_string();
        html.raw("<tr><th scope=\"row\" class=\"n\">");
        parts::link(html, &view.link(&["audit", &number]), &number);
        html.raw("</th><td class=\"t\">")
            .with(|html| parts::time(html, entry.at))
            .raw("</td><td>")
            .text(&entry.actor);
        html.raw("</td><td>").raw(entry.event.operation()).raw("</td><td class=\"w\">");
        html.text(entry.event.subject()).with(|html| moves(html, &entry.event)).raw("</td><td class=\"w\">");
        parts::long_text(html, entry.reason.as_deref().unwrap_or_default());
        html.raw("</td></tr>");
    }
    parts::end_table(html);
}

/// Where aliases and stages went.
fn moves(html: &mut Html, event: &Event) {
    for moved in event.alias_moves() {
        let version =
            |version: Option<Version>| version.map_or_else(|| "nothing".to_owned(), |own| own.to_string());
        html.raw("<br><span class=\"note\">")
            .text(&moved.alias)
            .raw(": ")
            .text(version(moved.from))
            .raw(" \u{2192} ");
        html.text(version(moved.to)).raw("</span>");
    }
    for moved in event.stage_moves() {
        html.raw("<br><span class=\"note\">version ")
            .show(moved.version)
            .raw(": ")
            .raw(moved.from.name())
            .raw(" \u{2192} ");
        html.raw(moved.to.name()).raw("</span>");
    }
}

const PAGE: usize = 1000;
const MOST_LISTED: usize = 100;
const MOST_LOOKED_AT: usize = 20_000;
