//! Who lets a version go to production, and by which rule: approvals, policies, cards.

use mlcore::Error;
use mlcore::artifact::{ArtifactStore, ArtifactStoreExt};
use mlcore::name::{ModelName, Version};
use mlcore::package::{CARD_TAG, tagged};
use mlcore::registry::{self, Condition, GovernanceExt, PromotionPolicy, Registry as _};
use mlcore::time::Timestamp;
use pyo3::prelude::*;
use pyo3::types::PyString;
use serde::Serialize;
use std::time::SystemTime;

use super::card::ModelCard;
use super::{AuditEntry, Model, ModelVersion, Registry, datetime};
use crate::door::{Text, type_name};
use crate::error::{entry, raise, wrong_type};
use crate::plain::{json, plain};

#[expect(clippy::needless_pass_by_value, reason = "pyo3 hands over owned texts")]
#[pymethods]
impl Registry {
    /// Approves a version as it is now, in the name of :attr:`actor`. One person counts once: a second approval takes the place of the
    /// first. Approvals lapse when the version's metrics or its card change.
    ///
    /// Parameters
    /// ----------
    /// role : str, optional
    ///     The role in which the person approves. The registry believes it, as it believes the actor.
    /// reason : str, optional
    ///     Why, in words.
    ///
    /// Raises
    /// ------
    /// InvalidInputError
    ///     For the one who registered the version: nobody approves a version of one's own.
    ///
    /// Examples
    /// --------
    /// >>> import mlcore
    /// >>> registry = mlcore.Registry("memory:", actor="ana")
    /// >>> _ = registry.register("churn", b"any bytes", format="text")
    /// >>> registry.approve("churn", 1)
    /// Traceback (most recent call last):
    /// mlcore.exceptions.InvalidInputError: approve version churn/1: ana made the version, and nobody approves a version of one's own; have another person approve it
    #[pyo3(signature = (name, version, *, role = None, reason = None))]
    fn approve(
        &self,
        py: Python<'_>,
        name: Text,
        version: u64,
        role: Option<Text>,
        reason: Option<Text>,
    ) -> PyResult<AuditEntry> {
        self.ask(py, |opened| {
            let (model, version) = (ModelName::new(&name)?, Version::new(version)?);
            let change = self.change(reason, None)?;
            opened.backend.approve(&model, version, role.as_deref(), &change).map(AuditEntry::new)
        })
    }

    /// Takes back the approval of :attr:`actor`.
    ///
    /// Raises
    /// ------
    /// NotFoundError
    ///     Where there is none.
    #[pyo3(signature = (name, version, *, reason = None))]
    fn withdraw_approval(
        &self,
        py: Python<'_>,
        name: Text,
        version: u64,
        reason: Option<Text>,
    ) -> PyResult<AuditEntry> {
        self.ask(py, |opened| {
            let (model, version) = (ModelName::new(&name)?, Version::new(version)?);
            let change = self.change(reason, None)?;
            opened.backend.withdraw_approval(&model, version, &change).map(AuditEntry::new)
        })
    }

    /// Gives a model a policy in the place of the one that it has, or takes it away. What is in production stays there.
    ///
    /// From then on every way to production asks it: :meth:`promote`, :meth:`transition`, :meth:`move_stage`, and :meth:`set_alias` where the
    /// alias means the version in production or is one of the policy's. :meth:`roll_back` is never stopped.
    ///
    /// Parameters
    /// ----------
    /// policy : PromotionPolicy, dict or None
    ///     :class:`mlcore.registry.PromotionPolicy`, or the same as plain values, such as of a file of JSON or TOML. ``None`` takes it away.
    ///
    /// Raises
    /// ------
    /// InvalidInputError
    ///     For a policy that asks for nothing, for what cannot be compared, and for an unknown key.
    /// NotFoundError
    ///     Where there is none to take away.
    ///
    /// Examples
    /// --------
    /// >>> import mlcore
    /// >>> from mlcore.registry import Condition, PromotionPolicy
    /// >>> registry = mlcore.Registry("memory:", actor="ana")
    /// >>> version = registry.register("churn", b"any bytes", format="text", metrics={"auc": 0.79}).version
    /// >>> _ = registry.set_policy("churn", PromotionPolicy([Condition.metric_at_least("auc", 0.8), Condition.card_present()]))
    /// >>> _ = registry.transition("churn", version, "staging")
    /// >>> try:
    /// ...     registry.promote("churn", version)
    /// ... except mlcore.PolicyNotMetError as refused:
    /// ...     [(str(check.condition), check.found) for check in refused.verdict.unmet]
    /// [('"auc" at least 0.8', '0.79'), ('a model card', 'none')]
    #[pyo3(signature = (name, policy, *, reason = None))]
    fn set_policy(
        &self,
        py: Python<'_>,
        name: Text,
        policy: Option<&Bound<'_, PyAny>>,
        reason: Option<Text>,
    ) -> PyResult<AuditEntry> {
        let policy = policy.map(policy_of).transpose()?;
        self.ask(py, |opened| {
            let change = self.change(reason, None)?;
            opened.backend.set_policy(&ModelName::new(&name)?, policy, &change).map(AuditEntry::new)
        })
    }

    /// Demands that so many people approve a version before it goes to production: in the place of what the model's policy says of approvals,
    /// and beside everything else that it asks for.
    ///
    /// Parameters
    /// ----------
    /// at_least : int
    ///     How many, 1 to 100; 0 demands none any more.
    /// by : list of str, optional
    ///     The people whose approvals count. Default: everybody's but the one's who registered the version.
    /// role : str, optional
    ///     The role in which they must approve.
    ///
    /// Examples
    /// --------
    /// >>> import mlcore
    /// >>> registry = mlcore.Registry("memory:", actor="ana")
    /// >>> _ = registry.create_model("churn")
    /// >>> _ = registry.require_approvals("churn", 2, by=["ben", "cem", "dia"])
    /// >>> [str(condition) for condition in registry.policy("churn").conditions]
    /// ['2 approvals of ben, cem, dia']
    #[pyo3(signature = (name, at_least, *, by = None, role = None, reason = None))]
    fn require_approvals(
        &self,
        py: Python<'_>,
        name: Text,
        at_least: u32,
        by: Option<Vec<Text>>,
        role: Option<Text>,
        reason: Option<Text>,
    ) -> PyResult<AuditEntry> {
        self.ask(py, |opened| {
            let (model, change) = (ModelName::new(&name)?, self.change(reason, None)?);
            let stored = opened.backend.model(&model)?.policy;
            let mut policy = stored.map_or_else(PromotionPolicy::new, |stored| stored.policy);
            policy.conditions.retain(|condition| !matches!(condition, Condition::Approvals { .. }));
            if at_least > 0 {
                let people = by.unwrap_or_default().into_iter().map(Text::into_string);
                let approvals = Condition::approvals(at_least).by(people);
                policy = policy.with(match role {
                    Some(role) => approvals.in_role(role.into_string()),
                    None => approvals,
                });
            }
            let policy = (!policy.conditions.is_empty()).then_some(policy);
            opened.backend.set_policy(&model, policy, &change).map(AuditEntry::new)
        })
    }

    /// The policy of a model, or ``None``.
    fn policy<'py>(&self, py: Python<'py>, name: Text) -> PyResult<Option<Bound<'py, PyAny>>> {
        let found = self.ask(py, |opened| Ok(opened.backend.model(&ModelName::new(&name)?)?.policy))?;
        found.map(|policy| record(py, "PromotionPolicy", &policy)).transpose()
    }

    /// What the model's policy says of a version now, which changes nothing; ``None`` where there is no policy. It compares with the version in
    /// production.
    fn policy_verdict<'py>(
        &self,
        py: Python<'py>,
        name: Text,
        version: u64,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        let found = self.ask(py, |opened| {
            let now = Timestamp::from(SystemTime::now());
            opened.backend.policy_verdict(&ModelName::new(&name)?, Version::new(version)?, now)
        })?;
        found.map(|verdict| record(py, "PolicyVerdict", &verdict)).transpose()
    }

    /// What the registry knows of a version, for people: what it is, what it was made of, how good it is, who let it go where. The whole log is
    /// read.
    ///
    /// Examples
    /// --------
    /// >>> import mlcore
    /// >>> registry = mlcore.Registry("memory:", actor="ana")
    /// >>> _ = registry.register("churn", b"any bytes", format="text", metrics={"auc": 0.81}, description="who leaves <soon>?")
    /// >>> card = registry.card("churn", 1)
    /// >>> print(card.to_markdown().splitlines()[0])
    /// # churn, version 1
    /// >>> "who leaves &lt;soon&gt;?" in card.to_html()
    /// True
    fn card(&self, py: Python<'_>, name: Text, version: u64) -> PyResult<ModelCard> {
        self.ask(py, |opened| {
            let (model, version) = (ModelName::new(&name)?, Version::new(version)?);
            let card = registry::ModelCard::of(&*opened.backend, &model, version)?;
            let attached = attached(&card.version, &*opened.artifacts)?;
            Ok(ModelCard { card, attached })
        })
    }

    /// Attaches a text about a version, in the place of the one that it has: what no stored fact says, such as for whom it is and what it must
    /// not be used for. Approvals of the version lapse.
    ///
    /// Parameters
    /// ----------
    /// card : str or ModelCard
    ///     The text, in Markdown; or what :meth:`card` answered, as it is now.
    ///
    /// Examples
    /// --------
    /// >>> import mlcore
    /// >>> registry = mlcore.Registry("memory:", actor="ana")
    /// >>> _ = registry.register("churn", b"any bytes", format="text")
    /// >>> _ = registry.set_card("churn", 1, "For marketing in the EU. Not for credit decisions.")
    /// >>> registry.card("churn", 1).attached
    /// 'For marketing in the EU. Not for credit decisions.'
    #[pyo3(signature = (name, version, card, *, reason = None))]
    fn set_card(
        &self,
        py: Python<'_>,
        name: Text,
        version: u64,
        card: &Bound<'_, PyAny>,
        reason: Option<Text>,
    ) -> PyResult<AuditEntry> {
        let text = entry(py, |py| {
            if let Ok(card) = card.cast::<ModelCard>() {
                return Ok(card.get().card.to_markdown());
            }
            if card.is_instance_of::<PyString>() {
                return card.extract::<Text>().map(Text::into_string);
            }
            let problem = format!("text is expected, and it is a {}", type_name(card));
            Err(wrong_type(
                py,
                "attach card",
                "card",
                problem,
                "pass Markdown, such as Path(\"card.md\").read_text()",
            ))
        })?;
        self.ask(py, |opened| {
            let (model, version) = (ModelName::new(&name)?, Version::new(version)?);
            let change = self.change(reason, None)?;
            let store = opened.artifacts.as_ref();
            opened.backend.attach_card(store, &model, version, text.as_bytes(), &change).map(AuditEntry::new)
        })
    }
}

/// The card that people wrote: that of the version, or that of its package.
fn attached(
    version: &registry::ModelVersion,
    artifacts: &dyn ArtifactStore,
) -> mlcore::Result<Option<String>> {
    let digest = match version.card {
        Some(card) => Some(card),
        None => tagged(version, CARD_TAG)?,
    };
    let Some(digest) = digest else { return Ok(None) };
    let bytes = artifacts.read_up_to(&digest, MOST_CARD_BYTES)?;
    String::from_utf8(bytes).map(Some).map_err(|cause| {
        Error::corrupt("read card", digest.to_string(), "it is no text in UTF-8").caused_by(cause)
    })
}

const MOST_CARD_BYTES: u64 = 64 << 20;

#[pymethods]
impl ModelVersion {
    /// Who approved it as it is, the first first.
    #[getter]
    fn approvals<'py>(&self, py: Python<'py>) -> PyResult<Vec<Bound<'py, PyAny>>> {
        self.inner().approvals.iter().map(|approval| record(py, "Approval", approval)).collect()
    }

    /// The signatures of its artifact that are kept with it. They are verified where it is loaded.
    #[getter]
    fn signatures<'py>(&self, py: Python<'py>) -> PyResult<Vec<Bound<'py, PyAny>>> {
        self.inner().signatures.iter().map(|found| record(py, "VersionSignature", found)).collect()
    }

    /// The digest of the card that people attached; :meth:`Registry.card` reads it.
    #[getter]
    fn card(&self) -> Option<String> {
        self.inner().card.map(|digest| digest.to_string())
    }

    /// When its metrics were set last, in UTC.
    #[getter]
    fn measured_at<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        self.inner().measured_at.map(|at| datetime(py, at)).transpose()
    }

    /// Where its files lay when it was registered, if that is another address than :attr:`source`.
    #[getter]
    fn location(&self) -> Option<&str> {
        self.inner().lineage.location.as_deref()
    }
}

#[pymethods]
impl Model {
    /// What its versions must be before they go to production.
    #[getter]
    fn policy<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        self.inner().policy.as_ref().map(|policy| record(py, "PromotionPolicy", policy)).transpose()
    }
}

#[pymethods]
impl AuditEntry {
    /// What the model's policy said of the version that was released; ``None`` where there was no policy, or nothing was released.
    #[getter]
    fn verdict<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        self.inner().event.verdict().map(|verdict| record(py, "PolicyVerdict", verdict)).transpose()
    }
}

/// A record of `mlcore._governance`.
pub(crate) fn record<'py>(
    py: Python<'py>,
    class: &str,
    found: &impl Serialize,
) -> PyResult<Bound<'py, PyAny>> {
    entry(py, |py| {
        let module = py.import("mlcore._governance")?;
        module.getattr(class)?.call_method1("_of", (plain(py, "read registry", found)?,))
    })
}

fn policy_of(object: &Bound<'_, PyAny>) -> PyResult<PromotionPolicy> {
    let py = object.py();
    entry(py, |py| {
        let text = py.import("mlcore._governance")?.call_method1("_policy_json", (object,))?;
        let text = text.extract::<String>()?;
        PromotionPolicy::from_json(&text).map_err(|error| raise(py, &error))
    })
}

/// A policy in JSON as it would be kept, and its conditions in words.
#[pyfunction]
pub(super) fn _read_policy(py: Python<'_>, text: &str) -> PyResult<(String, Vec<String>)> {
    entry(py, |py| {
        let policy = PromotionPolicy::from_json(text).map_err(|error| raise(py, &error))?;
        let words = policy.conditions.iter().map(ToString::to_string).collect();
        Ok((json(py, "read policy", &policy)?, words))
    })
}
