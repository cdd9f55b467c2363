//! What changes a registry.

use mlcore::name::{Alias, ModelName, Version};
use mlcore::registry::{Expected, NewModel, Registry as _, RegistryExt, Stage};
use pyo3::prelude::*;

use super::arguments::{Believed, metrics_of, tag_of, tags_of};
use super::{AuditEntry, Model, Registry};
use crate::door::Text;

#[expect(clippy::needless_pass_by_value, reason = "pyo3 hands over owned texts")]
#[pymethods]
impl Registry {
    /// Registers a model without versions.
    ///
    /// Parameters
    /// ----------
    /// name : str
    ///     Its name; or any text of at most 1,000 bytes, its title then: it takes external versions only.
    ///
    /// Raises
    /// ------
    /// AlreadyExistsError
    ///     Where there is one of this name.
    #[pyo3(
        signature = (name, *, description = Text::new(""), tags = None, reason = None),
        text_signature = "($self, name, *, description='', tags=None, reason=None)"
    )]
    fn create_model(
        &self,
        py: Python<'_>,
        name: Text,
        description: Text,
        tags: Option<&Bound<'_, PyAny>>,
        reason: Option<Text>,
    ) -> PyResult<Model> {
        let tags = tags_of(tags, "create model")?;
        self.ask(py, |opened| {
            let mut new = NewModel::titled(name.into_string()).with_description(description.into_string());
            for (key, value) in tags {
                new = new.with_tag(key, value);
            }
            opened.backend.create_model(new, &self.change(reason, None)?).map(Model::new)
        })
    }

    /// Points an alias at a version if it means what is expected.
    ///
    /// Parameters
    /// ----------
    /// expected : int, None or "any"
    ///     What the alias must mean before: a version, nothing (``None``), or anything (``"any"``).
    ///
    /// Raises
    /// ------
    /// ConflictError
    ///     When it means something else by now.
    /// InvalidInputError
    ///     For a version in ``dev`` where the alias means the version in production, as :meth:`promote` refuses it.
    #[pyo3(
        signature = (name, alias, version, *, expected = Believed(Expected::Any), reason = None),
        text_signature = "($self, name, alias, version, *, expected='any', reason=None)"
    )]
    fn set_alias(
        &self,
        py: Python<'_>,
        name: Text,
        alias: Text,
        version: u64,
        expected: Believed,
        reason: Option<Text>,
    ) -> PyResult<AuditEntry> {
        self.ask(py, |opened| {
            let (model, alias, version) =
                (ModelName::new(&name)?, Alias::new(&alias)?, Version::new(version)?);
            let change = self.change(reason, None)?;
            opened.backend.set_alias(&model, &alias, Some(version), expected.0, &change).map(AuditEntry::new)
        })
    }

    /// Removes an alias if it means what is expected.
    #[pyo3(
        signature = (name, alias, *, expected = Believed(Expected::Any), reason = None),
        text_signature = "($self, name, alias, *, expected='any', reason=None)"
    )]
    fn delete_alias(
        &self,
        py: Python<'_>,
        name: Text,
        alias: Text,
        expected: Believed,
        reason: Option<Text>,
    ) -> PyResult<AuditEntry> {
        self.ask(py, |opened| {
            let (model, alias) = (ModelName::new(&name)?, Alias::new(&alias)?);
            let change = self.change(reason, None)?;
            opened.backend.set_alias(&model, &alias, None, expected.0, &change).map(AuditEntry::new)
        })
    }

    /// Points an alias at a version, takes that version to production and archives the one that was there (while another
    /// alias means it, it goes to ``staging`` instead): all at once.
    ///
    /// Parameters
    /// ----------
    /// expected : int, None or "any"
    ///     What the alias must mean before: a version, nothing (``None``), or anything (``"any"``).
    /// retire : str, optional
    ///     The alias under which the version was tried. It must mean this version, and is removed with the same change. A
    ///     promotion that was half done is carried on then: what is done already counts as done.
    ///
    /// Raises
    /// ------
    /// ConflictError
    ///     When an alias means something else than expected by now.
    /// InvalidInputError
    ///     For a version that is still in ``dev``.
    #[pyo3(
        signature = (
            name, version, alias = Text::new("champion"), *, expected = Believed(Expected::Any), retire = None, reason = None
        ),
        text_signature =
            "($self, name, version, alias='champion', *, expected='any', retire=None, reason=None)"
    )]
    #[expect(clippy::too_many_arguments, reason = "keyword-only options of a Python signature")]
    fn promote(
        &self,
        py: Python<'_>,
        name: Text,
        version: u64,
        alias: Text,
        expected: Believed,
        retire: Option<Text>,
        reason: Option<Text>,
    ) -> PyResult<AuditEntry> {
        self.ask(py, |opened| {
            let (model, alias, version) =
                (ModelName::new(&name)?, Alias::new(&alias)?, Version::new(version)?);
            let (expected, change) = (expected.0, self.change(reason, None)?);
            match retire.as_deref().map(Alias::new).transpose()? {
                Some(trial) => {
                    opened.backend.promote_trial(&model, version, &alias, expected, &trial, &change)
                }
                None => opened.backend.promote(&model, version, &alias, expected, &change),
            }
            .map(AuditEntry::new)
        })
    }

    /// Ends the trial of a version without a release: removes the alias where it means that version, and archives the
    /// version unless another alias means it, all at once. Repeated, it does nothing more.
    ///
    /// Raises
    /// ------
    /// ConflictError
    ///     When the alias means another version by now, or is not set although the version went to production.
    #[pyo3(signature = (name, version, alias, *, reason = None))]
    fn withdraw(
        &self,
        py: Python<'_>,
        name: Text,
        version: u64,
        alias: Text,
        reason: Option<Text>,
    ) -> PyResult<AuditEntry> {
        self.ask(py, |opened| {
            let (model, alias, version) =
                (ModelName::new(&name)?, Alias::new(&alias)?, Version::new(version)?);
            let change = self.change(reason, None)?;
            opened.backend.withdraw(&model, version, &alias, &change).map(AuditEntry::new)
        })
    }

    /// Points an alias back at the version that it meant before; the production stage goes with it where it was there.
    ///
    /// Raises
    /// ------
    /// NotFoundError
    ///     When the alias is not set, or meant nothing before.
    #[pyo3(
        signature = (name, alias = Text::new("champion"), *, expected = Believed(Expected::Any), reason = None),
        text_signature = "($self, name, alias='champion', *, expected='any', reason=None)"
    )]
    fn roll_back(
        &self,
        py: Python<'_>,
        name: Text,
        alias: Text,
        expected: Believed,
        reason: Option<Text>,
    ) -> PyResult<AuditEntry> {
        self.ask(py, |opened| {
            let (model, alias) = (ModelName::new(&name)?, Alias::new(&alias)?);
            let change = self.change(reason, None)?;
            opened.backend.roll_back(&model, &alias, expected.0, &change).map(AuditEntry::new)
        })
    }

    /// Moves a version to another stage.
    ///
    /// Parameters
    /// ----------
    /// stage : {"dev", "staging", "production", "archived"}
    ///     Where it goes.
    /// expected : str, optional
    ///     The stage that it must have before. Default: the one that it has.
    ///
    /// Raises
    /// ------
    /// ConflictError
    ///     When it has another stage by now, another version is in production, or it should be archived while an alias means
    ///     it.
    /// InvalidInputError
    ///     For a move that is not allowed, such as from ``dev`` to ``production``.
    #[pyo3(signature = (name, version, stage, *, expected = None, reason = None))]
    fn transition(
        &self,
        py: Python<'_>,
        name: Text,
        version: u64,
        stage: Text,
        expected: Option<Text>,
        reason: Option<Text>,
    ) -> PyResult<AuditEntry> {
        self.ask(py, |opened| {
            let (model, version) = (ModelName::new(&name)?, Version::new(version)?);
            let to: Stage = stage.parse()?;
            let from = match &expected {
                Some(stage) => stage.parse()?,
                None => opened.backend.version(&model, version)?.stage,
            };
            let change = self.change(reason, None)?;
            opened.backend.transition(&model, version, from, to, &change).map(AuditEntry::new)
        })
    }

    /// Labels a model, or one of its versions.
    #[pyo3(signature = (name, key, value, *, version = None))]
    fn set_tag(
        &self,
        py: Python<'_>,
        name: Text,
        key: Text,
        value: &Bound<'_, PyAny>,
        version: Option<u64>,
    ) -> PyResult<AuditEntry> {
        let value = &tag_of(&key, value, "set tag")?;
        self.ask(py, |opened| {
            let (model, change) = (ModelName::new(&name)?, self.change(None, None)?);
            match version {
                Some(version) => {
                    opened.backend.set_version_tag(&model, Version::new(version)?, &key, value, &change)
                }
                None => opened.backend.set_model_tag(&model, &key, value, &change),
            }
            .map(AuditEntry::new)
        })
    }

    /// Removes a label from a model, or from one of its versions.
    #[pyo3(signature = (name, key, *, version = None))]
    fn delete_tag(
        &self,
        py: Python<'_>,
        name: Text,
        key: Text,
        version: Option<u64>,
    ) -> PyResult<AuditEntry> {
        self.ask(py, |opened| {
            let (model, change) = (ModelName::new(&name)?, self.change(None, None)?);
            match version {
                Some(version) => {
                    opened.backend.delete_version_tag(&model, Version::new(version)?, &key, &change)
                }
                None => opened.backend.delete_model_tag(&model, &key, &change),
            }
            .map(AuditEntry::new)
        })
    }

    /// Sets metrics of a version: each joins those it has, or replaces the one of its name. One change in the audit log.
    ///
    /// Parameters
    /// ----------
    /// metrics : dict of str to float
    ///     Finite numbers by name, such as ``{"auc": 0.81}`` or ``verdict.metrics`` of a gate. They are kept exactly, as 64-bit
    ///     floats.
    ///
    /// Raises
    /// ------
    /// InvalidInputError
    ///     For no metrics, NaN and infinity: leave out what is undefined.
    /// NotFoundError
    ///     Where there is no such version.
    ///
    /// Examples
    /// --------
    /// >>> import mlcore
    /// >>> registry = mlcore.Registry("memory:")
    /// >>> version = registry.register("churn", b"any bytes", format="text", metrics={"auc": 0.79}).version
    /// >>> _ = registry.set_metrics("churn", version, {"auc": 0.81, "log_loss": 0.43})
    /// >>> registry.version("churn", version).metrics
    /// {'auc': 0.81, 'log_loss': 0.43}
    #[pyo3(signature = (name, version, metrics, *, reason = None))]
    fn set_metrics(
        &self,
        py: Python<'_>,
        name: Text,
        version: u64,
        metrics: &Bound<'_, PyAny>,
        reason: Option<Text>,
    ) -> PyResult<AuditEntry> {
        let metrics = metrics_of(metrics, "set metrics")?;
        self.ask(py, |opened| {
            let (model, version) = (ModelName::new(&name)?, Version::new(version)?);
            let change = self.change(reason, None)?;
            opened.backend.set_metrics(&model, version, metrics, &change).map(AuditEntry::new)
        })
    }

    /// Removes a metric from a version.
    ///
    /// Raises
    /// ------
    /// NotFoundError
    ///     Where there is no such metric.
    #[pyo3(signature = (name, version, metric, *, reason = None))]
    fn delete_metric(
        &self,
        py: Python<'_>,
        name: Text,
        version: u64,
        metric: Text,
        reason: Option<Text>,
    ) -> PyResult<AuditEntry> {
        self.ask(py, |opened| {
            let (model, version) = (ModelName::new(&name)?, Version::new(version)?);
            let change = self.change(reason, None)?;
            opened.backend.delete_metric(&model, version, &metric, &change).map(AuditEntry::new)
        })
    }

    /// Replaces the description of a model, or of one of its versions.
    #[pyo3(signature = (name, description, *, version = None))]
    fn describe(
        &self,
        py: Python<'_>,
        name: Text,
        description: Text,
        version: Option<u64>,
    ) -> PyResult<AuditEntry> {
        self.ask(py, |opened| {
            let (model, change) = (ModelName::new(&name)?, self.change(None, None)?);
            let version = version.map(Version::new).transpose()?;
            opened.backend.describe(&model, version, &description, &change).map(AuditEntry::new)
        })
    }

    /// Removes a version. Its number stays taken, its history stays in the log, its artifact stays in the store.
    ///
    /// Raises
    /// ------
    /// ConflictError
    ///     While an alias means it, or it is in production.
    #[pyo3(signature = (name, version, *, reason = None))]
    fn delete_version(
        &self,
        py: Python<'_>,
        name: Text,
        version: u64,
        reason: Option<Text>,
    ) -> PyResult<AuditEntry> {
        self.ask(py, |opened| {
            let (model, version) = (ModelName::new(&name)?, Version::new(version)?);
            opened.backend.delete_version(&model, version, &self.change(reason, None)?).map(AuditEntry::new)
        })
    }

    /// Removes a model and its versions.
    ///
    /// Raises
    /// ------
    /// ConflictError
    ///     While it has an alias, or a version in production.
    #[pyo3(signature = (name, *, reason = None))]
    fn delete_model(&self, py: Python<'_>, name: Text, reason: Option<Text>) -> PyResult<AuditEntry> {
        self.ask(py, |opened| {
            opened
                .backend
                .delete_model(&ModelName::new(&name)?, &self.change(reason, None)?)
                .map(AuditEntry::new)
        })
    }
}
