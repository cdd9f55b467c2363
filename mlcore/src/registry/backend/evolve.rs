use super::{Row, Tables};
use crate::error::{Error, Result};
use crate::name::{ModelName, Version};
use crate::registry::{
    Approval, AuditEntry, Event, Model, ModelVersion, NewModel, NewVersion, Stage, StageMove, StoredPolicy,
    Subject,
};

/// The rows that an entry writes, the entry itself first, read from `tables` as they are before it.
///
/// It carries out what was decided and judges nothing, so that the log of an earlier version replays.
///
/// # Errors
/// [`Corrupt`](Error::Corrupt) for an entry that changes what is not there, and those of `tables`.
pub fn evolve(tables: &dyn Tables, entry: &AuditEntry) -> Result<Vec<Row>> {
    let mut rows = vec![Row::Entry(entry.clone())];
    // They go last: until then an alias may mean them.
    let mut removed = Vec::new();
    match &entry.event {
        Event::CreateModel(new) => {
            let last_version = tables.model(&new.name)?.and_then(|deleted| deleted.last_version);
            rows.push(Row::Model(new_model(entry, new, last_version)));
        }
        Event::DeleteModel { model, versions, .. } => {
            removed.extend(versions.iter().map(|version| Row::NoVersion(model.clone(), *version)));
            let mut model = touched_model(tables, entry, model)?;
            model.deleted = true;
            rows.push(Row::Model(model));
        }
        Event::RenameModel { model, name, title, versions, .. } => {
            let mut old = touched_model(tables, entry, model)?;
            let new = Model { name: name.clone(), title: title.clone(), ..old.clone() };
            old.deleted = true;
            old.renamed = Some(name.clone());
            rows.extend([Row::Model(old), Row::Model(new)]);
            for number in versions {
                let version = tables.version(model, *number)?.ok_or_else(|| absent(entry))?;
                rows.push(Row::Version(ModelVersion { model: name.clone(), ..version }));
                removed.push(Row::NoVersion(model.clone(), *number));
            }
        }
        Event::CreateVersion { version, content, measured } => {
            let mut model = touched_model(tables, entry, &content.model)?;
            model.last_version = Some(*version);
            rows.push(Row::Model(model));
            rows.push(Row::Version(new_version(entry, *version, content, *measured)));
        }
        Event::DeleteVersion { model, version, .. } => {
            removed.push(Row::NoVersion(model.clone(), *version));
        }
        Event::SetAlias { .. } => {}
        Event::Transition { model, stages, .. } => move_stages(tables, entry, model, stages, &mut rows)?,
        Event::Promote { alias, stages, .. } | Event::RollBack { alias, stages } => {
            move_stages(tables, entry, &alias.model, stages, &mut rows)?;
        }
        Event::Withdraw { model, stages, .. } => move_stages(tables, entry, model, stages, &mut rows)?,
        Event::SetTag { subject, key, value } => {
            let edit: Edit<'_> = &|_, tags| match value {
                Some(value) => drop(tags.insert(key.clone(), value.clone())),
                None => drop(tags.remove(key)),
            };
            rows.push(edited(tables, entry, subject, edit)?);
        }
        Event::SetMetrics { model, version, metrics, measured } => {
            let mut version = touched_version(tables, entry, model, *version)?;
            let before = version.metrics.clone();
            version.metrics.extend(metrics);
            if version.metrics != before {
                version.approvals.clear();
            }
            version.measured_at = measured.then_some(entry.at).or(version.measured_at);
            rows.push(Row::Version(version));
        }
        Event::DeleteMetric { model, version, name } => {
            let mut version = touched_version(tables, entry, model, *version)?;
            version.metrics.remove(name);
            version.approvals.clear();
            rows.push(Row::Version(version));
        }
        Event::Describe { subject, description } => {
            rows.push(edited(tables, entry, subject, &|text, _| text.clone_from(description))?);
        }
        Event::Approve { .. }
        | Event::WithdrawApproval { .. }
        | Event::Sign { .. }
        | Event::SetCard { .. }
        | Event::SetPolicy { .. } => rows.push(governed(tables, entry)?),
    }
    rows.extend(entry.alias_changes().map(Row::Alias));
    rows.extend(removed);
    Ok(rows)
}

/// The version as it was registered.
pub(in crate::registry) fn new_version(
    entry: &AuditEntry,
    version: Version,
    new: &NewVersion,
    measured: bool,
) -> ModelVersion {
    ModelVersion {
        model: new.model.clone(),
        version,
        artifact: new.artifact,
        format: new.format.clone(),
        signature: new.signature.clone(),
        stage: Stage::Dev,
        description: new.description.clone(),
        tags: new.tags.clone(),
        metrics: new.metrics.clone(),
        lineage: new.lineage.clone(),
        measured_at: measured.then_some(entry.at),
        approvals: Vec::new(),
        signatures: Vec::new(),
        card: None,
        created_at: entry.at,
        created_by: entry.actor.clone(),
        updated_at: entry.at,
    }
}

fn new_model(entry: &AuditEntry, new: &NewModel, last_version: Option<Version>) -> Model {
    Model {
        name: new.name.clone(),
        title: new.title.clone(),
        description: new.description.clone(),
        tags: new.tags.clone(),
        last_version,
        production: None,
        policy: None,
        created_at: entry.at,
        created_by: entry.actor.clone(),
        updated_at: entry.at,
        deleted: false,
        renamed: None,
    }
}

fn move_stages(
    tables: &dyn Tables,
    entry: &AuditEntry,
    name: &ModelName,
    stages: &[StageMove],
    rows: &mut Vec<Row>,
) -> Result<()> {
    if stages.is_empty() {
        return Ok(());
    }
    let mut model = touched_model(tables, entry, name)?;
    let mut risen = None;
    for moved in stages {
        let mut version = touched_version(tables, entry, name, moved.version)?;
        version.stage = moved.to;
        if model.production == Some(moved.version) {
            model.production = None;
        }
        if moved.to == Stage::Production && !version.is_external() {
            risen = Some(moved.version);
        }
        rows.push(Row::Version(version));
    }
    model.production = risen.or(model.production);
    rows.push(Row::Model(model));
    Ok(())
}

/// The version or model after what was said of it: approvals, signatures, a card, a policy.
fn governed(tables: &dyn Tables, entry: &AuditEntry) -> Result<Row> {
    let version = |model, version| touched_version(tables, entry, model, version);
    Ok(match &entry.event {
        Event::Approve { model, version: number, role } => {
            let mut version = version(model, *number)?;
            version.approvals.retain(|approval| approval.by != entry.actor);
            version.approvals.push(Approval {
                by: entry.actor.clone(),
                role: role.clone(),
                reason: entry.reason.clone(),
                at: entry.at,
                sequence: entry.sequence,
            });
            Row::Version(version)
        }
        Event::WithdrawApproval { model, version: number } => {
            let mut version = version(model, *number)?;
            version.approvals.retain(|approval| approval.by != entry.actor);
            Row::Version(version)
        }
        Event::Sign { model, version: number, signature } => {
            let mut version = version(model, *number)?;
            version.signatures.retain(|other| other.key != signature.key);
            version.signatures.push(signature.clone());
            Row::Version(version)
        }
        Event::SetCard { model, version: number, card } => {
            let mut version = version(model, *number)?;
            if version.card != *card {
                version.approvals.clear();
            }
            version.card = *card;
            Row::Version(version)
        }
        Event::SetPolicy { model, policy } => {
            let mut model = touched_model(tables, entry, model)?;
            let stored = |policy| StoredPolicy { revision: entry.sequence, policy };
            model.policy = policy.clone().map(stored);
            Row::Model(model)
        }
        Event::CreateModel(_)
        | Event::DeleteModel { .. }
        | Event::RenameModel { .. }
        | Event::CreateVersion { .. }
        | Event::DeleteVersion { .. }
        | Event::SetAlias { .. }
        | Event::Transition { .. }
        | Event::Promote { .. }
        | Event::Withdraw { .. }
        | Event::RollBack { .. }
        | Event::SetTag { .. }
        | Event::SetMetrics { .. }
        | Event::DeleteMetric { .. }
        | Event::Describe { .. } => return Err(absent(entry)),
    })
}

type Edit<'a> = &'a dyn Fn(&mut String, &mut std::collections::BTreeMap<String, String>);

/// The model or version with its description and tags edited.
fn edited(tables: &dyn Tables, entry: &AuditEntry, subject: &Subject, edit: Edit<'_>) -> Result<Row> {
    Ok(match subject.version {
        Some(version) => {
            let mut version = touched_version(tables, entry, &subject.model, version)?;
            edit(&mut version.description, &mut version.tags);
            Row::Version(version)
        }
        None => {
            let mut model = touched_model(tables, entry, &subject.model)?;
            edit(&mut model.description, &mut model.tags);
            Row::Model(model)
        }
    })
}

fn touched_model(tables: &dyn Tables, entry: &AuditEntry, name: &ModelName) -> Result<Model> {
    let mut model = tables.model(name)?.ok_or_else(|| absent(entry))?;
    model.updated_at = entry.at;
    Ok(model)
}

fn touched_version(
    tables: &dyn Tables,
    entry: &AuditEntry,
    name: &ModelName,
    number: Version,
) -> Result<ModelVersion> {
    let mut version = tables.version(name, number)?.ok_or_else(|| absent(entry))?;
    version.updated_at = entry.at;
    Ok(version)
}

/// Deciding has seen it in the same transaction: only a log that was tampered with gets here.
fn absent(entry: &AuditEntry) -> Error {
    let problem = format!("entry {} changes {}, which is not there", entry.sequence, entry.event.subject());
    Error::corrupt("replay audit log", format!("entry {}", entry.sequence), problem)
        .remedy("restore the registry from a backup")
}
