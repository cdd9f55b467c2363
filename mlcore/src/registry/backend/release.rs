//! What a release moves: aliases and stages together.

use super::Tables;
use super::rules::{current, existing_version, forbidden, living_model, moved, target, unexpected, unset};
use crate::error::{Error, Result};
use crate::name::{Alias, ModelName, Version};
use crate::registry::{AliasChange, AliasMove, Event, Expected, ModelVersion, Stage, StageMove};

pub(super) fn promote(
    tables: &dyn Tables,
    model: &ModelName,
    version: Version,
    (alias, expected): (&Alias, Expected),
    retire: Option<&Alias>,
) -> Result<Event> {
    const OPERATION: &str = "promote version";
    let production = living_model(tables, OPERATION, model)?.production;
    // A release that moved the alias already carries on from there, whatever was expected before it began.
    let begun = retire.is_some() && target(tables, model, alias)? == Some(version);
    let expected = if begun { Expected::Version(version) } else { expected };
    let from = current(tables, OPERATION, model, alias, expected)?;
    let promoted = existing_version(tables, OPERATION, model, version)?;
    let retired = match retire {
        Some(trial) if trial == alias => {
            let problem = "it cannot be promoted to and retired at once";
            return Err(Error::invalid_input(OPERATION, format!("{model}@{alias}"), problem)
                .remedy("retire the alias under which the version was tried"));
        }
        Some(trial) => end_trial(tables, OPERATION, &promoted, trial, |_| begun)?,
        None => None,
    };
    let stages = to_production(OPERATION, &promoted, production)?;
    Ok(Event::Promote { alias: moved(model, alias, from, Some(version)), stages, retired })
}

pub(super) fn withdraw(
    tables: &dyn Tables,
    model: &ModelName,
    version: Version,
    trial: &Alias,
) -> Result<Event> {
    const OPERATION: &str = "withdraw version";
    let tried = existing_version(tables, OPERATION, model, version)?;
    let alias = end_trial(tables, OPERATION, &tried, trial, |meant| match tried.stage {
        Stage::Dev | Stage::Staging => meant.is_none(),
        Stage::Production => false,
        Stage::Archived => true,
    })?;
    let stages = match tried.stage {
        from @ (Stage::Dev | Stage::Staging) => vec![StageMove { version, from, to: Stage::Archived }],
        Stage::Production | Stage::Archived => Vec::new(),
    };
    Ok(Event::Withdraw { model: model.clone(), version, alias, stages })
}

/// The move that removes the alias `trial` of `version`; none where it means something by which the trial is `ended`.
fn end_trial(
    tables: &dyn Tables,
    operation: &'static str,
    version: &ModelVersion,
    trial: &Alias,
    ended: impl Fn(Option<Version>) -> bool,
) -> Result<Option<AliasMove>> {
    let (model, tried) = (&version.model, Some(version.version));
    let meant = target(tables, model, trial)?;
    if meant == tried {
        return Ok(Some(moved(model, trial, tried, None)));
    }
    if ended(meant) {
        return Ok(None);
    }
    Err(unexpected(operation, model, trial, Expected::from(tried), meant))
}

pub(super) fn roll_back(
    tables: &dyn Tables,
    name: &ModelName,
    alias: &Alias,
    expected: Expected,
) -> Result<Event> {
    const OPERATION: &str = "roll back alias";
    let production = living_model(tables, OPERATION, name)?.production;
    let Some(now) = current(tables, OPERATION, name, alias, expected)? else {
        return Err(unset(OPERATION, name, alias));
    };
    let earlier = earlier_targets(&tables.alias_history(name, alias)?);
    let mut still_there = earlier.into_iter().rev().filter(|version| *version != now);
    let target = still_there.find_map(|version| tables.version(name, version).transpose()).transpose()?;
    let Some(target) = target else {
        return Err(Error::not_found(
            OPERATION,
            format!("{name}@{alias}"),
            "it meant no other version before",
        )
        .remedy("promote the version that is wanted"));
    };
    let mut stages = Vec::new();
    if production == Some(now) {
        // What was never staged does not come to production this way either; it answers as it did before.
        if target.stage.may_become(Stage::Production) {
            stages.push(StageMove { version: target.version, from: target.stage, to: Stage::Production });
        }
        stages.push(StageMove { version: now, from: Stage::Production, to: Stage::Archived });
    }
    Ok(Event::RollBack { alias: moved(name, alias, Some(now), Some(target.version)), stages })
}

/// What the alias meant before, the latest last: moves add to it, a roll-back takes away what it rolled back from.
fn earlier_targets(history: &[AliasChange]) -> Vec<Version> {
    let mut targets: Vec<Version> = Vec::new();
    for change in history {
        if change.rolled_back {
            while targets.pop_if(|last| Some(*last) != change.target()).is_some() {}
        }
        if let Some(target) = change.target()
            && targets.last() != Some(&target)
        {
            targets.push(target);
        }
    }
    targets
}

/// The moves that take `version` to production and what is there to the archive.
pub(super) fn to_production(
    operation: &'static str,
    version: &ModelVersion,
    production: Option<Version>,
) -> Result<Vec<StageMove>> {
    let mut stages = Vec::new();
    if version.stage != Stage::Production {
        if !version.stage.may_become(Stage::Production) {
            return Err(forbidden(operation, version, Stage::Production));
        }
        stages.push(StageMove { version: version.version, from: version.stage, to: Stage::Production });
    }
    if let Some(other) = production.filter(|other| *other != version.version) {
        stages.push(StageMove { version: other, from: Stage::Production, to: Stage::Archived });
    }
    Ok(stages)
}
