use super::policy::{Facts, judge};
use super::{
    AuditEntry, Change, DetachedSignature, Mutation, PolicyVerdict, PromotionPolicy, Registry, RegistryExt,
    ValidationVerdict, micros,
};
use crate::artifact::{ArtifactStore, ArtifactStoreExt};
use crate::error::Result;
use crate::name::{ModelName, Version};
use crate::time::Timestamp;

/// Who lets a version go to production, and by which rule: approvals, signatures, cards and policies of every [`Registry`].
///
/// Each change is one transaction with one audit entry; its errors are those of [`Registry::apply`], and only what is special is
/// said here.
///
/// ```
/// # use mlcore::artifact::Digest;
/// # use mlcore::name::{Alias, ModelName};
/// # use mlcore::registry::{Event, MemoryRegistry, NewVersion, RegistryExt};
/// # use mlcore::schema::Signature;
/// # use mlcore::time::Timestamp;
/// use mlcore::registry::{Change, Condition, Expected, GovernanceExt, PolicyVerdict, PromotionPolicy, Stage};
///
/// # let (registry, at) = (MemoryRegistry::new(), Timestamp::from_millis(0));
/// # let (churn, champion) = (ModelName::new("churn")?, Alias::new("champion")?);
/// # let (ana, ben) = (Change::new("ana", at), Change::new("ben", at));
/// # registry.create_model(&churn, &ana)?;
/// # let new = NewVersion::new(churn.clone(), Digest::of(b"a model"), Signature::default());
/// let policy = PromotionPolicy::new()
///     .with(Condition::metric_at_least("auc", 0.8))
///     .with(Condition::approvals(1));
/// registry.set_policy(&churn, Some(policy), &ana)?;
/// let version = registry.create_version(new.with_metric("auc", 0.83), &ana)?.version;
/// registry.transition(&churn, version, Stage::Dev, Stage::Staging, &ana)?;
///
/// let refused = registry.promote(&churn, version, &champion, Expected::Absent, &ana).unwrap_err();
/// assert!(refused.to_string().contains("1 approvals: found none"), "{refused}");
/// let verdict = std::error::Error::source(&refused).and_then(|source| source.downcast_ref::<PolicyVerdict>());
/// assert_eq!(verdict.map(|verdict| verdict.unmet().count()), Some(1));
/// assert!(registry.approve(&churn, version, None, &ana).is_err(), "nobody approves a version of one's own");
/// registry.approve(&churn, version, None, &ben)?;
/// let entry = registry.promote(&churn, version, &champion, Expected::Absent, &ana)?;
/// assert_eq!(entry.event.verdict().map(|verdict| verdict.checks.len()), Some(2));
/// # Ok::<(), mlcore::Error>(())
/// ```
pub trait GovernanceExt: Registry {
    /// Approves a version as it is now, in the name of the change's actor and with its reason. One person counts once: a second
    /// approval takes the place of the first. Approvals lapse when the version's metrics or its card change.
    ///
    /// `role` is what the caller knows of the actor; the registry believes it, as it believes the actor.
    ///
    /// # Errors
    /// [`InvalidInput`](crate::Error::InvalidInput) for the actor that made the version.
    fn approve(
        &self,
        model: &ModelName,
        version: Version,
        role: Option<&str>,
        change: &Change,
    ) -> Result<AuditEntry> {
        self.apply(
            &Mutation::Approve { model: model.clone(), version, role: role.map(str::to_owned) },
            change,
        )
    }

    /// Takes back the approval of the change's actor.
    ///
    /// # Errors
    /// [`NotFound`](crate::Error::NotFound) where there is none.
    fn withdraw_approval(&self, model: &ModelName, version: Version, change: &Change) -> Result<AuditEntry> {
        self.apply(&Mutation::WithdrawApproval { model: model.clone(), version }, change)
    }

    /// Keeps a signature of the version's artifact beside the version, in the place of the one of the same key. It is not verified:
    /// see [`verify_signatures`](super::verify_signatures).
    ///
    /// # Errors
    /// [`InvalidInput`](crate::Error::InvalidInput) for the signature of another artifact.
    fn sign(
        &self,
        model: &ModelName,
        version: Version,
        signature: DetachedSignature,
        change: &Change,
    ) -> Result<AuditEntry> {
        self.apply(&Mutation::Sign { model: model.clone(), version, signature }, change)
    }

    /// Puts a model card into `artifacts`, and attaches it to the version in the place of the one that it has.
    ///
    /// # Errors
    /// Those of the store.
    fn attach_card(
        &self,
        artifacts: &dyn ArtifactStore,
        model: &ModelName,
        version: Version,
        card: &[u8],
        change: &Change,
    ) -> Result<AuditEntry> {
        let card = Some(artifacts.put_bytes(card)?);
        self.apply(&Mutation::SetCard { model: model.clone(), version, card }, change)
    }

    /// Keeps with a version what a validation of its data came to, in the place of what the same suite came to before: the tag
    /// `mlcore.validation.<suite>`.
    ///
    /// # Errors
    /// [`InvalidInput`](crate::Error::InvalidInput) for a suite whose name no tag holds: see [`ValidationVerdict::to_tag`].
    fn record_validation(
        &self,
        model: &ModelName,
        version: Version,
        verdict: &ValidationVerdict,
        change: &Change,
    ) -> Result<AuditEntry> {
        let (key, value) = verdict.to_tag()?;
        self.set_version_tag(model, version, &key, &value, change)
    }

    /// Gives a model a policy in the place of the one that it has, or takes it away with none. What is in production stays there.
    ///
    /// # Errors
    /// [`InvalidInput`](crate::Error::InvalidInput) for a policy that asks for nothing or for what cannot be compared;
    /// [`NotFound`](crate::Error::NotFound) where there is none to take away.
    fn set_policy(
        &self,
        model: &ModelName,
        policy: Option<PromotionPolicy>,
        change: &Change,
    ) -> Result<AuditEntry> {
        self.apply(&Mutation::SetPolicy { model: model.clone(), policy }, change)
    }

    /// What the model's policy says of a version at `now`, which changes nothing; none where there is no policy. It compares with the
    /// version in production.
    ///
    /// # Errors
    /// [`NotFound`](crate::Error::NotFound), and where the registry cannot be read.
    fn policy_verdict(
        &self,
        model: &ModelName,
        version: Version,
        now: Timestamp,
    ) -> Result<Option<PolicyVerdict>> {
        let (found, version) = (self.model(model)?, self.version(model, version)?);
        let Some(policy) = &found.policy else { return Ok(None) };
        let champion = found.production.map(|champion| self.version(model, champion)).transpose()?;
        let facts = Facts { version: &version, champion: champion.as_ref(), now: micros::stored(now) };
        Ok(Some(judge(policy, &facts)))
    }
}

impl<R: Registry + ?Sized> GovernanceExt for R {}
