//! What a release moves: aliases and stages together.

use super::rules::{current, existing_version, forbidden, living_model, moved, target, unexpected, unset};
use super::{Tables, external, govern};
use crate::error::{Error, Result};
use crate::name::{Alias, ModelName, Version};
use crate::registry::{AliasChange, AliasMove, Change, Event, Expected, ModelVersion, Stage, StageMove};

pub(super) fn promote(
    tables: &dyn Tables,
    model: &ModelName,
    version: Version,
    (alias, expected): (&Alias, Expected),
    retire: Option<&Alias>,
    change: &Change,
) -> Result<Event> {
    const OPERATION: &str = "promote version";
    let production = living_model(tables, OPERATION, model)?.production;
    // A release that moved the alias already carries on from there, whatever was expected before it began.
    let begun = retire.is_some() && target(tables, model, alias)? == Some(version);
    let expected = if begun { Expected::Version(version) } else { expected };
    let from = current(tables, OPERATION, model, alias, expected)?;
    let promoted = existing_version(tables, OPERATION, model, version)?;
    external::refuse(OPERATION, &promoted)?;
    let retired = match retire {
        Some(trial) if trial == alias => {
            let problem = "it cannot be promoted to and retired at once";
            return Err(Error::invalid_input(OPERATION, format!("{model}@{alias}"), problem)
                .remedy("retire the alias under which the version was tried"));
        }
        Some(trial) => end_trial(tables, OPERATION, &promoted, trial, |_| begun)?,
        None => None,
    };
    let stages = to_production(tables, OPERATION, &promoted, production, Some(alias))?;
    // What is found done is not decided about again.
    let is_done = from == Some(version) && promoted.stage == Stage::Production;
    let verdict = if is_done { None } else { govern::ask(tables, OPERATION, &promoted, from, change)? };
    Ok(Event::Promote { alias: moved(model, alias, from, Some(version)), stages, retired, verdict })
}

pub(super) fn withdraw(
    tables: &dyn Tables,
    model: &ModelName,
    version: Version,
    trial: &Alias,
) -> Result<Event> {
    const OPERATION: &str = "withdraw version";
    let tried = existing_version(tables, OPERATION, model, version)?;
    external::refuse(OPERATION, &tried)?;
    let alias = end_trial(tables, OPERATION, &tried, trial, |meant| match tried.stage {
        Stage::Dev | Stage::Staging => meant.is_none(),
        Stage::Production => false,
        Stage::Archived => true,
    })?;
    let stages = match tried.stage {
        from @ (Stage::Dev | Stage::Staging) if alias_of(tables, model, version, Some(trial))?.is_none() => {
            vec![StageMove { version, from, to: Stage::Archived }]
        }
        // Else it answers elsewhere, or is archived already.
        Stage::Dev | Stage::Staging | Stage::Production | Stage::Archived => Vec::new(),
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
    external::refuse(OPERATION, &existing_version(tables, OPERATION, name, now)?)?;
    let earlier = earlier_targets(&tables.alias_history(name, alias)?);
    let mut target = None;
    for version in earlier.into_iter().rev().filter(|version| *version != now) {
        // What is kept elsewhere is nothing to come back to.
        target = tables.version(name, version)?.filter(|version| !version.is_external());
        if target.is_some() {
            break;
        }
    }
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
        stages.push(out_of_production(tables, name, now, Some(alias))?);
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

/// The moves that take `version` to production and what is there out of it. `moving` is the alias that leaves what is there
/// with the same change.
pub(super) fn to_production(
    tables: &dyn Tables,
    operation: &'static str,
    version: &ModelVersion,
    production: Option<Version>,
    moving: Option<&Alias>,
) -> Result<Vec<StageMove>> {
    let mut stages = Vec::new();
    if version.stage != Stage::Production {
        may_be_released(operation, version)?;
        stages.push(StageMove { version: version.version, from: version.stage, to: Stage::Production });
    }
    if let Some(other) = production.filter(|other| *other != version.version) {
        stages.push(out_of_production(tables, &version.model, other, moving)?);
    }
    Ok(stages)
}

/// The move that takes a version out of production: to the archive, or to staging while another alias than `moving` means
/// it, because what an alias means is in use.
fn out_of_production(
    tables: &dyn Tables,
    model: &ModelName,
    version: Version,
    moving: Option<&Alias>,
) -> Result<StageMove> {
    let in_use = alias_of(tables, model, version, moving)?.is_some();
    let to = if in_use { Stage::Staging } else { Stage::Archived };
    Ok(StageMove { version, from: Stage::Production, to })
}

/// Whether an alias that means `from` may be pointed at `version`: where `from` is in production, what comes in its place is
/// released, and what may be released is one rule for every way there.
pub(super) fn may_be_meant(
    tables: &dyn Tables,
    operation: &'static str,
    version: &ModelVersion,
    from: Option<Version>,
) -> Result<()> {
    let before = from.map(|from| tables.version(&version.model, from)).transpose()?.flatten();
    let is_live = before.is_some_and(|before| before.stage == Stage::Production && !before.is_external());
    if !is_live {
        return Ok(());
    }
    external::refuse(operation, version)?;
    may_be_released(operation, version)
}

/// The one rule of what may be released: what is in production, or may go there.
fn may_be_released(operation: &'static str, version: &ModelVersion) -> Result<()> {
    let released = version.stage == Stage::Production || version.stage.may_become(Stage::Production);
    if released { Ok(()) } else { Err(forbidden(operation, version, Stage::Production)) }
}

/// An alias that means the version, other than `besides`.
pub(super) fn alias_of(
    tables: &dyn Tables,
    model: &ModelName,
    version: Version,
    besides: Option<&Alias>,
) -> Result<Option<Alias>> {
    let aliases = tables.aliases(model)?.into_iter();
    let mut meaning = aliases.filter(|change| change.target() == Some(version));
    Ok(meaning.find(|change| Some(&change.moved.alias) != besides).map(|change| change.moved.alias))
}
