use super::{Tables, external, govern, limits, release, removal};
use crate::error::{Error, Result};
use crate::name::{Alias, ModelName, Version};
use crate::registry::{
    AliasMove, Change, EXTERNAL, Event, Expected, Incumbent, Model, ModelVersion, Mutation, NewVersion,
    Stage, StageMove, Subject,
};

/// What happens when `mutation` is carried out now, or why it must not.
pub(super) fn decide(tables: &dyn Tables, mutation: &Mutation, change: &Change) -> Result<Event> {
    match mutation {
        Mutation::CreateModel(new) => match tables.model(&new.name)? {
            Some(model) if !model.deleted => {
                Err(Error::already_exists("create model", new.name.as_str(), "there is a model of this name"))
            }
            _ => Ok(Event::CreateModel(new.clone())),
        },
        Mutation::DeleteModel { model } => removal::delete_model(tables, model),
        Mutation::RenameModel { model, name, title } => {
            removal::rename_model(tables, model, name, title.as_deref())
        }
        Mutation::CreateVersion(new) => create_version(tables, new),
        Mutation::DeleteVersion { model, version } => removal::delete_version(tables, model, *version),
        Mutation::SetAlias { model, alias, version, expected } => {
            let operation = if version.is_some() { "set alias" } else { "delete alias" };
            living_model(tables, operation, model)?;
            let from = current(tables, operation, model, alias, *expected)?;
            let verdict = match version {
                Some(version) => {
                    let meant = existing_version(tables, operation, model, *version)?;
                    release::may_be_meant(tables, operation, &meant, from)?;
                    govern::ask_of_alias(tables, operation, &meant, (alias, from), change)?
                }
                None if from.is_none() => return Err(unset(operation, model, alias)),
                None => None,
            };
            Ok(Event::SetAlias { alias: moved(model, alias, from, *version), verdict })
        }
        Mutation::Transition { model, version, from, to, incumbent } => {
            transition(tables, model, *version, (*from, *to), *incumbent, change)
        }
        Mutation::MoveStage { model, version, to, archive_others } => {
            external::move_stage(tables, model, *version, (*to, *archive_others), change)
        }
        Mutation::Promote { model, version, alias, expected, retire } => {
            release::promote(tables, model, *version, (alias, *expected), retire.as_ref(), change)
        }
        Mutation::Withdraw { model, version, alias } => release::withdraw(tables, model, *version, alias),
        Mutation::RollBack { model, alias, expected } => release::roll_back(tables, model, alias, *expected),
        Mutation::SetTag { subject, key, value } => {
            let operation = if value.is_some() { "set tag" } else { "delete tag" };
            let mut tags = match subject.version {
                Some(version) => existing_version(tables, operation, &subject.model, version)?.tags,
                None => living_model(tables, operation, &subject.model)?.tags,
            };
            match value {
                Some(value) => drop(tags.insert(key.clone(), value.clone())),
                None if tags.contains_key(key) => {}
                None => {
                    let problem = format!("it has no tag {key:?}");
                    return Err(Error::not_found(operation, subject.to_string(), problem));
                }
            }
            limits::check_tag_count(tags.len())?;
            Ok(Event::SetTag { subject: subject.clone(), key: key.clone(), value: value.clone() })
        }
        Mutation::SetMetrics { model, version, metrics } => {
            let mut all = existing_version(tables, "set metrics", model, *version)?.metrics;
            all.extend(metrics);
            limits::check_metric_count(all.len())?;
            let (model, metrics) = (model.clone(), metrics.clone());
            Ok(Event::SetMetrics { model, version: *version, metrics, measured: true })
        }
        Mutation::DeleteMetric { model, version, name } => {
            const OPERATION: &str = "delete metric";
            let found = existing_version(tables, OPERATION, model, *version)?;
            if found.metrics.value(name).is_none() {
                let (subject, problem) = (format!("{model}/{version}"), format!("it has no metric {name:?}"));
                return Err(Error::not_found(OPERATION, subject, problem));
            }
            Ok(Event::DeleteMetric { model: model.clone(), version: *version, name: name.clone() })
        }
        Mutation::Describe { subject, description } => {
            existing(tables, "describe", subject)?;
            Ok(Event::Describe { subject: subject.clone(), description: description.clone() })
        }
        Mutation::Approve { model, version, role } => {
            govern::approve(tables, model, *version, role.as_deref(), change)
        }
        Mutation::WithdrawApproval { model, version } => {
            govern::withdraw_approval(tables, model, *version, change)
        }
        Mutation::Sign { model, version, signature } => govern::sign(tables, model, *version, signature),
        Mutation::SetCard { model, version, card } => govern::set_card(tables, model, *version, *card),
        Mutation::SetPolicy { model, policy } => govern::set_policy(tables, model, policy.as_ref()),
    }
}

fn create_version(tables: &dyn Tables, new: &NewVersion) -> Result<Event> {
    const OPERATION: &str = "create version";
    let model = living_model(tables, OPERATION, &new.model)?;
    if let Some(title) = model.title.as_ref().filter(|_| new.format != EXTERNAL) {
        let problem =
            format!("{title:?} is no name of a model, so that it takes only what is kept elsewhere");
        return Err(Error::invalid_input(OPERATION, new.model.as_str(), problem)
            .remedy("rename the model to 1 to 128 letters, digits, dots, dashes and underscores"));
    }
    if let Some(parent) = &new.lineage.parent {
        existing_version(tables, OPERATION, &parent.model, parent.version).map_err(|error| match error {
            Error::NotFound(context) => {
                let problem = format!("its parent {}: {}", context.subject(), context.problem());
                Error::not_found(OPERATION, new.model.as_str(), problem)
            }
            other => other,
        })?;
    }
    let next = model.last_version.map_or(Version::FIRST, Version::next);
    // Counting on from the last number there is would give it twice.
    if Some(next) == model.last_version {
        return Err(Error::invalid_input(OPERATION, new.model.as_str(), "all version numbers are used"));
    }
    let version = new.version.unwrap_or(next);
    if version < next {
        let problem = format!("numbers only rise, and {next} is the next one");
        return Err(Error::already_exists(OPERATION, format!("{}/{version}", new.model), problem));
    }
    Ok(Event::CreateVersion { version, measured: !new.metrics.is_empty(), content: Box::new(new.clone()) })
}

fn transition(
    tables: &dyn Tables,
    name: &ModelName,
    number: Version,
    (from, to): (Stage, Stage),
    incumbent: Incumbent,
    change: &Change,
) -> Result<Event> {
    const OPERATION: &str = "transition version";
    let production = living_model(tables, OPERATION, name)?.production;
    let version = existing_version(tables, OPERATION, name, number)?;
    external::refuse(OPERATION, &version)?;
    let subject = || format!("{name}/{number}");
    if version.stage != from {
        let problem = format!("expected stage {from}, found {}", version.stage);
        return Err(Error::conflict(OPERATION, subject(), problem)
            .remedy("read the version again, then decide again"));
    }
    let stages = if to == Stage::Production && from != to {
        if let (Incumbent::Keep, Some(other)) = (incumbent, production) {
            return Err(Error::conflict(OPERATION, subject(), format!("version {other} is in production"))
                .remedy("promote this version, or archive that one with the same change"));
        }
        release::to_production(tables, OPERATION, &version, production, None)?
    } else if !from.may_become(to) {
        return Err(forbidden(OPERATION, &version, to));
    } else {
        if to == Stage::Archived
            && let Some(alias) = release::alias_of(tables, name, number, None)?
        {
            let problem = format!("the alias {alias} means it, so it is in use");
            return Err(Error::conflict(OPERATION, subject(), problem)
                .remedy("move or remove the alias first, or promote another version to it"));
        }
        vec![StageMove { version: number, from, to }]
    };
    let verdict = govern::ask_of_stages(tables, OPERATION, &version, &stages, change)?;
    Ok(Event::Transition { model: name.clone(), stages, verdict })
}

pub(super) fn forbidden(operation: &'static str, version: &ModelVersion, to: Stage) -> Error {
    let from = version.stage;
    let subject = format!("{}/{}", version.model, version.version);
    let error =
        Error::invalid_input(operation, subject, format!("a version does not go from {from} to {to}"));
    match Stage::ALL.iter().find(|step| from.may_become(**step) && step.may_become(to)) {
        Some(step) if from != to => error.remedy(format!("take it to {step} first")),
        _ => error,
    }
}

/// What the alias means, if that is what was expected.
pub(super) fn current(
    tables: &dyn Tables,
    operation: &'static str,
    model: &ModelName,
    alias: &Alias,
    expected: Expected,
) -> Result<Option<Version>> {
    let found = target(tables, model, alias)?;
    if expected.accepts(found) {
        Ok(found)
    } else {
        Err(unexpected(operation, model, alias, expected, found))
    }
}

/// The version that the alias means.
pub(super) fn target(tables: &dyn Tables, model: &ModelName, alias: &Alias) -> Result<Option<Version>> {
    Ok(tables.alias(model, alias)?.and_then(|change| change.target()))
}

pub(super) fn unexpected(
    operation: &'static str,
    model: &ModelName,
    alias: &Alias,
    expected: Expected,
    found: Option<Version>,
) -> Error {
    let problem = format!("expected {expected}, found {}", Expected::from(found));
    Error::conflict(operation, format!("{model}@{alias}"), problem)
        .remedy("read the alias again, then decide again")
}

pub(super) fn unset(operation: &'static str, model: &ModelName, alias: &Alias) -> Error {
    Error::not_found(operation, format!("{model}@{alias}"), "the alias is not set")
}

pub(super) fn moved(
    model: &ModelName,
    alias: &Alias,
    from: Option<Version>,
    to: Option<Version>,
) -> AliasMove {
    AliasMove { model: model.clone(), alias: alias.clone(), from, to }
}

pub(super) fn living_model(tables: &dyn Tables, operation: &'static str, name: &ModelName) -> Result<Model> {
    tables.model(name)?.filter(|model| !model.deleted).ok_or_else(|| {
        Error::not_found(operation, name.as_str(), "there is no model of this name")
            .remedy("create the model first")
    })
}

pub(super) fn existing_version(
    tables: &dyn Tables,
    operation: &'static str,
    model: &ModelName,
    version: Version,
) -> Result<ModelVersion> {
    let known = living_model(tables, operation, model)?;
    tables.version(model, version)?.ok_or_else(|| {
        let given = known.last_version.is_some_and(|last| version <= last);
        let problem = if given { "it was deleted" } else { "there is no such version" };
        Error::not_found(operation, format!("{model}/{version}"), problem)
    })
}

fn existing(tables: &dyn Tables, operation: &'static str, subject: &Subject) -> Result<()> {
    match subject.version {
        Some(version) => existing_version(tables, operation, &subject.model, version).map(drop),
        None => living_model(tables, operation, &subject.model).map(drop),
    }
}
