//! How large the parts of a change may be, in bytes of UTF-8. A backend's columns hold at least this much.

use std::collections::BTreeMap;

use crate::artifact::Digest;
use crate::error::{Error, Result};
use crate::name::ModelName;
use crate::registry::{Change, EXTERNAL, Metrics, Mutation, NewVersion};

/// A tag's key, and a metric's name: as much as MLflow's registry takes.
pub const MOST_KEY_BYTES: usize = 250;
/// A tag's value or a description: as much as MLflow's registry takes.
pub const MOST_TEXT_BYTES: usize = 100_000;
/// A change's reason, which is read in a line of a log.
pub const MOST_REASON_BYTES: usize = 10_000;
/// A change's actor.
pub const MOST_ACTOR_BYTES: usize = 256;
/// The word for what a version's artifact is.
pub const MOST_FORMAT_BYTES: usize = 128;
/// The tags of one model or version: each change of a row writes all of them.
pub const MOST_TAGS: usize = 100;
/// The bytes of a model's title.
pub const MOST_TITLE_BYTES: usize = 1000;
/// The bytes of a version's source, and of its run link.
pub const MOST_SOURCE_BYTES: usize = 10_000;
/// The metrics of one version: each change of a row writes all of them.
pub const MOST_METRICS: usize = 1000;
/// The [canonical](crate::registry::AuditEntry::canonical) text of one audit entry: far above any signature, far below
/// what a reader must fear.
pub const MOST_ENTRY_BYTES: usize = 4 << 20;

/// Refuses what is too long or unprintable, before anything is read.
pub(super) fn check(mutation: &Mutation, change: &Change) -> Result<()> {
    check_word("actor", &change.actor, MOST_ACTOR_BYTES)?;
    check_text("reason", change.reason.as_deref().unwrap_or_default(), MOST_REASON_BYTES)?;
    match mutation {
        Mutation::CreateModel(new) => {
            check_title(&new.name, new.title.as_deref())?;
            check_text("description", &new.description, MOST_TEXT_BYTES)?;
            check_tags(&new.tags)
        }
        Mutation::CreateVersion(new) => {
            check_word("format", &new.format, MOST_FORMAT_BYTES)?;
            check_source(new)?;
            check_text("description", &new.description, MOST_TEXT_BYTES)?;
            check_tags(&new.tags)?;
            check_metrics(&new.metrics)
        }
        Mutation::SetMetrics { metrics, .. } if metrics.is_empty() => {
            refuse("metrics", "there are none".to_owned())
        }
        Mutation::SetMetrics { metrics, .. } => check_metrics(metrics),
        Mutation::DeleteMetric { name, .. } => check_word("metric name", name, MOST_KEY_BYTES),
        Mutation::SetTag { key, value, .. } => check_tag(key, value.as_deref().unwrap_or_default()),
        Mutation::Describe { description, .. } => check_text("description", description, MOST_TEXT_BYTES),
        Mutation::RenameModel { name, title, .. } => check_title(name, title.as_deref()),
        Mutation::DeleteModel { .. }
        | Mutation::MoveStage { .. }
        | Mutation::DeleteVersion { .. }
        | Mutation::SetAlias { .. }
        | Mutation::Transition { .. }
        | Mutation::Promote { .. }
        | Mutation::Withdraw { .. }
        | Mutation::RollBack { .. } => Ok(()),
    }
}

/// A title and the name that it gives belong together; a name that stands for a title needs it.
fn check_title(name: &ModelName, title: Option<&str>) -> Result<()> {
    if let Some(title) = title {
        check_text("title", title, MOST_TITLE_BYTES)?;
        if title.trim().is_empty() || title.contains('\0') {
            return refuse("title", "it is blank or holds NUL".to_owned());
        }
        if ModelName::of_title(title) == *name && title != name.as_str() {
            return Ok(());
        }
    } else if !name.stands_for_title() {
        return Ok(());
    }
    Err(Error::invalid_input(CHANGE, name.as_str(), "the name and the title do not belong together")
        .remedy("let the title make the name, or give a name alone"))
}

fn check_source(new: &NewVersion) -> Result<()> {
    let source = new.lineage.source.as_deref();
    let (location, link) = (new.lineage.location.as_deref(), new.lineage.run_link.as_deref());
    for (what, text) in [("source", source), ("location", location), ("run link", link)] {
        if let Some(text) = text {
            check_word(what, text, MOST_SOURCE_BYTES)?;
        }
    }
    if new.format != EXTERNAL || source.is_some_and(|source| Digest::of(source) == new.artifact) {
        return Ok(());
    }
    refuse("source", "an external version is named by the digest of its source".to_owned())
}

pub(super) fn check_tag_count(count: usize) -> Result<()> {
    if count <= MOST_TAGS {
        return Ok(());
    }
    refuse("tags", format!("there would be {count}, and at most {MOST_TAGS} are kept"))
}

fn check_tags(tags: &BTreeMap<String, String>) -> Result<()> {
    check_tag_count(tags.len())?;
    tags.iter().try_for_each(|(key, value)| check_tag(key, value))
}

pub(super) fn check_metric_count(count: usize) -> Result<()> {
    if count <= MOST_METRICS {
        return Ok(());
    }
    refuse("metrics", format!("there would be {count}, and at most {MOST_METRICS} are kept"))
}

fn check_metrics(metrics: &Metrics) -> Result<()> {
    check_metric_count(metrics.len())?;
    metrics.iter().try_for_each(|(name, value)| {
        check_word("metric name", name, MOST_KEY_BYTES)?;
        if value.is_finite() {
            return Ok(());
        }
        let problem = format!("{name:?} is {value}, and must be a finite number");
        Err(Error::invalid_input(CHANGE, "metrics", problem).remedy("leave out what is undefined"))
    })
}

fn check_tag(key: &str, value: &str) -> Result<()> {
    check_word("tag key", key, MOST_KEY_BYTES)?;
    check_text("tag value", value, MOST_TEXT_BYTES)
}

fn check_word(what: &str, text: &str, most: usize) -> Result<()> {
    if text.is_empty() || text.chars().any(char::is_control) {
        return refuse(what, "it is empty or holds a control character".to_owned());
    }
    check_text(what, text, most)
}

fn check_text(what: &str, text: &str, most: usize) -> Result<()> {
    if text.len() > most {
        return refuse(what, format!("it has {} bytes, and at most {most} are kept", text.len()));
    }
    Ok(())
}

fn refuse(what: &str, problem: String) -> Result<()> {
    Err(Error::invalid_input(CHANGE, what, problem))
}

const CHANGE: &str = "change registry";
