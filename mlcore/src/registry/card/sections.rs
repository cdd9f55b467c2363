//! What stands on a card, without a form.

use super::ModelCard;
use crate::registry::{AuditEntry, Event};
use crate::schema::Schema;

/// A heading, and what stands below it.
pub(super) struct Section {
    pub(super) title: &'static str,
    pub(super) blocks: Vec<Block>,
}

pub(super) enum Block {
    /// Words of people, line by line.
    Words(String),
    /// Rows of as many texts as the head has.
    Table(Vec<&'static str>, Vec<Vec<String>>),
}

pub(super) fn of(card: &ModelCard) -> Vec<Section> {
    let sections = [
        details(card),
        uses(card),
        training(card),
        evaluation(card),
        specifications(card),
        release(card),
        history(card),
    ];
    sections.into_iter().filter(|section| !section.blocks.is_empty()).collect()
}

fn details(card: &ModelCard) -> Section {
    let version = &card.version;
    let mut blocks = words(&version.description);
    let aliases: Vec<&str> = card.aliases.iter().map(crate::name::Alias::as_str).collect();
    let mut rows = vec![
        fact("Model", &card.model.title()),
        fact("Version", &version.version),
        fact("Developed by", &version.created_by),
        fact("Created at", &version.created_at),
        fact("Format", &version.format),
        fact("Stage", &version.stage),
    ];
    if !aliases.is_empty() {
        rows.push(fact("Aliases", &aliases.join(", ")));
    }
    rows.push(fact("Artifact", &version.artifact));
    if let Some(card) = version.card {
        rows.push(fact("Attached card", &card));
    }
    blocks.push(facts(rows));
    let tags = |tags: &std::collections::BTreeMap<String, String>, of: &str| {
        tags.iter().map(|(key, value)| vec![key.clone(), value.clone(), of.to_owned()]).collect::<Vec<_>>()
    };
    let labels = [tags(&card.model.tags, "model"), tags(&version.tags, "version")].concat();
    if !labels.is_empty() {
        blocks.push(Block::Table(vec!["Tag", "Value", "Of the"], labels));
    }
    Section { title: "Model Details", blocks }
}

fn uses(card: &ModelCard) -> Section {
    Section { title: "Uses", blocks: words(&card.model.description) }
}

fn training(card: &ModelCard) -> Section {
    let lineage = &card.version.lineage;
    let mut rows = Vec::new();
    rows.extend(lineage.dataset.map(|digest| fact("Data set", &digest)));
    rows.extend(lineage.plan.map(|plan| fact("Feature plan", &plan.hash)));
    rows.extend(lineage.run.as_ref().map(|run| fact("Run", &run)));
    rows.extend(lineage.run_link.as_ref().map(|link| fact("Page of the run", &link)));
    rows.extend(lineage.logged_model.as_ref().map(|model| fact("Logged model", &model)));
    rows.extend(lineage.source.as_ref().map(|source| fact("Source", &source)));
    let parent = lineage.parent.as_ref();
    rows.extend(parent.map(|parent| fact("Derived from", &format!("{}/{}", parent.model, parent.version))));
    Section { title: "Training Details", blocks: some_facts(rows) }
}

fn evaluation(card: &ModelCard) -> Section {
    let version = &card.version;
    let metrics: Vec<Vec<String>> =
        version.metrics.iter().map(|(name, value)| vec![name.to_owned(), value.to_string()]).collect();
    let mut blocks = Vec::new();
    if !metrics.is_empty() {
        blocks.push(Block::Table(vec!["Metric", "Value"], metrics));
    }
    blocks.extend(some_facts(version.measured_at.map(|at| fact("Measured at", &at)).into_iter().collect()));
    blocks.extend(some_facts(
        version.lineage.monitor.map(|monitor| fact("Monitored against", &monitor)).into_iter().collect(),
    ));
    Section { title: "Evaluation", blocks }
}

fn specifications(card: &ModelCard) -> Section {
    let signature = &card.version.signature;
    let fields = |schema: &Schema, what: &str| -> Vec<Vec<String>> {
        schema.fields().iter().map(|field| vec![what.to_owned(), field.to_string()]).collect()
    };
    let rows = [fields(&signature.inputs, "input"), fields(&signature.outputs, "output")].concat();
    let blocks = if rows.is_empty() { Vec::new() } else { vec![Block::Table(vec!["What", "Field"], rows)] };
    Section { title: "Technical Specifications", blocks }
}

fn release(card: &ModelCard) -> Section {
    let version = &card.version;
    let mut blocks = Vec::new();
    let approvals: Vec<Vec<String>> = version
        .approvals
        .iter()
        .map(|approval| {
            let or_none = |text: &Option<String>| text.clone().unwrap_or_default();
            vec![
                approval.by.clone(),
                or_none(&approval.role),
                approval.at.to_string(),
                or_none(&approval.reason),
            ]
        })
        .collect();
    if !approvals.is_empty() {
        blocks.push(Block::Table(vec!["Approved by", "Role", "At", "Reason"], approvals));
    }
    let signatures: Vec<Vec<String>> = version
        .signatures
        .iter()
        .map(|signature| {
            vec![signature.key.clone(), signature.algorithm.clone(), signature.artifact.to_string()]
        })
        .collect();
    if !signatures.is_empty() {
        blocks.push(Block::Table(vec!["Signed with", "Algorithm", "Artifact"], signatures));
    }
    if let Some(stored) = &card.model.policy {
        let conditions = stored.policy.conditions.iter().map(|condition| vec![condition.to_string()]);
        blocks.push(Block::Table(vec!["The policy asks for"], conditions.collect()));
    }
    let lets_in = |entry: &&AuditEntry| {
        let moves = entry.event.stage_moves().first().map(|moved| moved.version);
        let meant = entry.event.alias_moves().next().and_then(|moved| moved.to);
        meant.or(moves) == Some(version.version)
    };
    let verdict = card.history.iter().rev().filter(lets_in).find_map(|entry| entry.event.verdict());
    if let Some(verdict) = verdict {
        let rows = verdict.checks.iter().map(|check| {
            let met = if check.met { "met" } else { "not met" };
            vec![check.condition.to_string(), check.found.clone(), met.to_owned()]
        });
        blocks.push(Block::Table(vec!["At its release", "Found", "Verdict"], rows.collect()));
    }
    Section { title: "Release", blocks }
}

fn history(card: &ModelCard) -> Section {
    let rows = card.history.iter().map(|entry| {
        vec![
            entry.sequence.to_string(),
            entry.at.to_string(),
            entry.actor.clone(),
            told(&entry.event),
            entry.reason.clone().unwrap_or_default(),
        ]
    });
    let rows: Vec<_> = rows.collect();
    let head = vec!["Entry", "At", "By", "What", "Reason"];
    let blocks = if rows.is_empty() { Vec::new() } else { vec![Block::Table(head, rows)] };
    Section { title: "History", blocks }
}

fn told(event: &Event) -> String {
    let mut text = format!("{} {}", event.operation(), event.subject());
    for moved in event.stage_moves() {
        text.push_str(&format!("; {} from {} to {}", moved.version, moved.from, moved.to));
    }
    for moved in event.alias_moves() {
        let version = |version: Option<crate::name::Version>| {
            version.map_or_else(|| "none".to_owned(), |version| version.to_string())
        };
        text.push_str(&format!("; {} from {} to {}", moved.alias, version(moved.from), version(moved.to)));
    }
    text
}

fn words(text: &str) -> Vec<Block> {
    if text.trim().is_empty() { Vec::new() } else { vec![Block::Words(text.to_owned())] }
}

fn some_facts(rows: Vec<Vec<String>>) -> Vec<Block> {
    if rows.is_empty() { Vec::new() } else { vec![facts(rows)] }
}

fn facts(rows: Vec<Vec<String>>) -> Block {
    Block::Table(vec!["Fact", "Value"], rows)
}

fn fact(name: &str, value: &(impl ToString + ?Sized)) -> Vec<String> {
    vec![name.to_owned(), value.to_string()]
}
