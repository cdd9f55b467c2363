//! Approvals, signatures, cards, and the policy that every way to production asks.

use super::rules::{existing_version, living_model};
use super::{Tables, external, limits};
use crate::artifact::Digest;
use crate::error::{Error, Result};
use crate::name::{Alias, ModelName, Version};
use crate::registry::policy::{Facts, judge};
use crate::registry::{
    Change, DetachedSignature, Event, ModelVersion, PolicyVerdict, PromotionPolicy, Stage, StageMove, micros,
};

pub(super) fn approve(
    tables: &dyn Tables,
    model: &ModelName,
    version: Version,
    role: Option<&str>,
    change: &Change,
) -> Result<Event> {
    const OPERATION: &str = "approve version";
    let found = existing_version(tables, OPERATION, model, version)?;
    let subject = || format!("{model}/{version}");
    if found.created_by == change.actor {
        let problem = format!("{:?} made it, and nobody approves a version of one's own", change.actor);
        return Err(Error::invalid_input(OPERATION, subject(), problem).remedy("ask somebody else"));
    }
    let others = found.approvals.iter().filter(|approval| approval.by != change.actor).count();
    limits::check_approval_count(others.saturating_add(1))?;
    Ok(Event::Approve { model: model.clone(), version, role: role.map(str::to_owned) })
}

pub(super) fn withdraw_approval(
    tables: &dyn Tables,
    model: &ModelName,
    version: Version,
    change: &Change,
) -> Result<Event> {
    const OPERATION: &str = "withdraw approval";
    let found = existing_version(tables, OPERATION, model, version)?;
    if found.approvals.iter().any(|approval| approval.by == change.actor) {
        return Ok(Event::WithdrawApproval { model: model.clone(), version });
    }
    let problem = format!("{:?} has not approved it", change.actor);
    Err(Error::not_found(OPERATION, format!("{model}/{version}"), problem))
}

pub(super) fn sign(
    tables: &dyn Tables,
    model: &ModelName,
    version: Version,
    signature: &DetachedSignature,
) -> Result<Event> {
    const OPERATION: &str = "sign version";
    let found = existing_version(tables, OPERATION, model, version)?;
    external::refuse(OPERATION, &found)?;
    if signature.artifact != found.artifact {
        let problem = format!("its artifact is {}, and {} was signed", found.artifact, signature.artifact);
        return Err(Error::invalid_input(OPERATION, format!("{model}/{version}"), problem));
    }
    let others = found.signatures.iter().filter(|other| other.key != signature.key).count();
    limits::check_signature_count(others.saturating_add(1))?;
    Ok(Event::Sign { model: model.clone(), version, signature: signature.clone() })
}

pub(super) fn set_card(
    tables: &dyn Tables,
    model: &ModelName,
    version: Version,
    card: Option<Digest>,
) -> Result<Event> {
    let operation = if card.is_some() { "attach card" } else { "remove card" };
    let found = existing_version(tables, operation, model, version)?;
    if card.is_none() && found.card.is_none() {
        return Err(Error::not_found(operation, format!("{model}/{version}"), "it has no card"));
    }
    Ok(Event::SetCard { model: model.clone(), version, card })
}

pub(super) fn set_policy(
    tables: &dyn Tables,
    model: &ModelName,
    policy: Option<&PromotionPolicy>,
) -> Result<Event> {
    let operation = if policy.is_some() { "set policy" } else { "remove policy" };
    let found = living_model(tables, operation, model)?;
    if policy.is_none() && found.policy.is_none() {
        return Err(Error::not_found(operation, model.as_str(), "it has no policy"));
    }
    Ok(Event::SetPolicy { model: model.clone(), policy: policy.cloned() })
}

/// Asks the model's policy whether `version` may go to production, or take the place of `before` behind an alias; none where
/// there is no policy.
pub(super) fn ask(
    tables: &dyn Tables,
    operation: &'static str,
    version: &ModelVersion,
    before: Option<Version>,
    change: &Change,
) -> Result<Option<PolicyVerdict>> {
    let model = living_model(tables, operation, &version.model)?;
    let Some(policy) = &model.policy else { return Ok(None) };
    let champion = match model.production.or(before) {
        Some(champion) => tables.version(&version.model, champion)?,
        None => None,
    };
    let at = micros::stored(change.at);
    let now = tables.head()?.effective_at.map_or(at, |latest| latest.max(at));
    let verdict = judge(policy, &Facts { version, champion: champion.as_ref(), now });
    if verdict.is_met() { Ok(Some(verdict)) } else { Err(verdict.refusal(operation, version)) }
}

/// The same where `stages` take `version` to production, and none elsewhere.
pub(super) fn ask_of_stages(
    tables: &dyn Tables,
    operation: &'static str,
    version: &ModelVersion,
    stages: &[StageMove],
    change: &Change,
) -> Result<Option<PolicyVerdict>> {
    let rises = stages.iter().any(|moved| {
        moved.version == version.version && moved.to == Stage::Production && moved.from != Stage::Production
    });
    if rises { ask(tables, operation, version, None, change) } else { Ok(None) }
}

/// The same for an alias that is pointed at `version`: where it means the version in production, or the policy guards it.
pub(super) fn ask_of_alias(
    tables: &dyn Tables,
    operation: &'static str,
    version: &ModelVersion,
    (alias, from): (&Alias, Option<Version>),
    change: &Change,
) -> Result<Option<PolicyVerdict>> {
    if from == Some(version.version) {
        return Ok(None);
    }
    let model = living_model(tables, operation, &version.model)?;
    let is_live = from.is_some() && model.production == from;
    let guarded = model.policy.is_some_and(|stored| stored.policy.aliases.contains(alias));
    if is_live || guarded { ask(tables, operation, version, from, change) } else { Ok(None) }
}
