//! Versions that are kept elsewhere: what they must not become, and how they move by MLflow's rules.

use super::rules::{existing_version, forbidden, living_model};
use super::{Tables, govern, release};
use crate::error::{Error, Result};
use crate::name::{ModelName, Version};
use crate::registry::{Change, Event, ModelVersion, Stage, StageMove};

/// Refuses what asks mlcore to run a version that it cannot.
pub(super) fn refuse(operation: &'static str, version: &ModelVersion) -> Result<()> {
    if !version.is_external() {
        return Ok(());
    }
    let problem = "it is external: its model is kept elsewhere, and was never checked";
    Err(Error::invalid_input(operation, format!("{}/{}", version.model, version.version), problem)
        .remedy("register its ONNX file as a version"))
}

pub(super) fn move_stage(
    tables: &dyn Tables,
    name: &ModelName,
    number: Version,
    (to, archive_others): (Stage, bool),
    change: &Change,
) -> Result<Event> {
    const OPERATION: &str = "transition version";
    let production = living_model(tables, OPERATION, name)?.production;
    let version = existing_version(tables, OPERATION, name, number)?;
    if archive_others && !matches!(to, Stage::Staging | Stage::Production) {
        let problem = format!("the others of the stage {to} are not archived");
        return Err(Error::invalid_input(OPERATION, format!("{name}/{number}"), problem)
            .remedy("archive others where the stage is staging or production"));
    }
    let mut stages = if version.is_external() {
        vec![StageMove { version: number, from: version.stage, to }]
    } else {
        steps(tables, OPERATION, &version, to)?
    };
    let mut others = Vec::new();
    if archive_others {
        others = tables.versions(name, None, usize::MAX)?;
        others.retain(|other| other.stage == to && other.version != number);
    } else if to == Stage::Production
        && !version.is_external()
        && let Some(other) = production.filter(|other| *other != number)
    {
        return Err(Error::conflict(
            OPERATION,
            format!("{name}/{number}"),
            format!("version {other} is in production"),
        )
        .remedy("archive that one with the same change"));
    }
    for other in others {
        let in_use = !other.is_external() && release::alias_of(tables, name, other.version, None)?.is_some();
        let to = if in_use { Stage::Staging } else { Stage::Archived };
        if other.stage != to {
            stages.push(StageMove { version: other.version, from: other.stage, to });
        }
    }
    let verdict = govern::ask_of_stages(tables, OPERATION, &version, &stages, change)?;
    Ok(Event::Transition { model: name.clone(), stages, verdict })
}

/// The one or two steps that take a version that mlcore runs to a stage.
fn steps(
    tables: &dyn Tables,
    operation: &'static str,
    version: &ModelVersion,
    to: Stage,
) -> Result<Vec<StageMove>> {
    let (model, number, from) = (&version.model, version.version, version.stage);
    if to == Stage::Archived
        && from != to
        && let Some(alias) = release::alias_of(tables, model, number, None)?
    {
        let problem = format!("the alias {alias} means it, so it is in use");
        return Err(Error::conflict(operation, format!("{model}/{number}"), problem)
            .remedy("move or remove the alias first"));
    }
    if from == to || from.may_become(to) {
        return Ok(vec![StageMove { version: number, from, to }]);
    }
    let between = Stage::ALL.iter().copied().find(|step| from.may_become(*step) && step.may_become(to));
    let step = between.ok_or_else(|| forbidden(operation, version, to))?;
    Ok(vec![StageMove { version: number, from, to: step }, StageMove { version: number, from: step, to }])
}
