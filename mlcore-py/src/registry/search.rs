//! Searching a registry, and what it keeps of models that live elsewhere.

use mlcore::Error;
use mlcore::name::{LoggedModelId, ModelName, RunId, Version};
use mlcore::registry::{
    Dialect, Lineage, ModelSearch, NewModel, NewVersion, RegistryExt, Stage, VersionSearch,
};
use mlcore::tracking::PageToken;
use pyo3::prelude::*;
use pyo3::types::PyList;

use super::arguments::{REGISTER, dataset_of, metrics_of, tags_of};
use super::{AuditEntry, Model, ModelVersion, Registry};
use crate::door::Text;
use crate::error::entry;
use crate::tracking::records::paged;

#[expect(clippy::needless_pass_by_value, reason = "pyo3 hands over owned texts")]
#[pymethods]
impl Registry {
    /// A page of models, a list whose ``token`` says where the next page begins. Every model is looked at.
    ///
    /// Parameters
    /// ----------
    /// filter : str
    ///     MLflow's language, such as ``name LIKE 'ch%' AND tags.team = 'growth'``. Default: all.
    /// order_by : list of str
    ///     Columns, such as ``last_updated_timestamp DESC``; after them the name.
    /// dialect : {"mlcore", "mlflow"}
    ///     Whose columns are known: all that there are, or MLflow's alone.
    /// limit : int
    ///     The most models, 1 to 1,000.
    /// page : str, optional
    ///     Where the page begins, as the page before it says.
    ///
    /// Examples
    /// --------
    /// >>> import mlcore
    /// >>> registry = mlcore.Registry("memory:")
    /// >>> for name, team in (("churn", "growth"), ("fraud", "risk")):
    /// ...     _ = registry.create_model(name, tags={"team": team})
    /// >>> [model.name for model in registry.search_models("tags.team = 'risk'")]
    /// ['fraud']
    #[pyo3(
        signature = (filter = Text::new(""), *, order_by = Vec::new(), dialect = Text::new("mlcore"), limit = 100, page = None),
        text_signature = "($self, filter='', *, order_by=(), dialect='mlcore', limit=100, page=None)"
    )]
    fn search_models<'py>(
        &self,
        py: Python<'py>,
        filter: Text,
        order_by: Vec<Text>,
        dialect: Text,
        limit: usize,
        page: Option<Text>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let found = self.ask(py, |opened| {
            let search = ModelSearch::default()
                .with_filter(filter.into_string())
                .with_dialect(dialect_of(&dialect)?)
                .with_limit(limit)
                .with_page(token(page)?);
            let search =
                order_by.into_iter().fold(search, |search, column| search.with_order(column.into_string()));
            opened.backend.search_models(&search)
        })?;
        entry(py, |py| {
            let models = PyList::empty(py);
            for model in found.items {
                models.append(Bound::new(py, Model::new(model))?)?;
            }
            paged(&models, found.next.as_ref())
        })
    }

    /// A page of versions, a list whose ``token`` says where the next page begins. Every version is looked at, unless the filter
    /// says ``name = '..'``.
    ///
    /// Parameters
    /// ----------
    /// filter : str
    ///     MLflow's language, such as ``stage = 'staging' AND metrics.auc > 0.8``. Default: all.
    /// order_by : list of str
    ///     Columns, such as ``metrics.auc DESC``. Default: the last changed first.
    /// dialect : {"mlcore", "mlflow"}
    ///     Whose columns are known: all that there are, or MLflow's alone.
    /// limit : int
    ///     The most versions, 1 to 200,000.
    /// page : str, optional
    ///     Where the page begins, as the page before it says.
    ///
    /// Examples
    /// --------
    /// >>> import mlcore
    /// >>> registry = mlcore.Registry("memory:")
    /// >>> for auc in (0.79, 0.81, 0.80):
    /// ...     _ = registry.register("churn", b"any bytes", format="text", metrics={"auc": auc})
    /// >>> best = registry.search_versions("metrics.auc >= 0.8", order_by=["metrics.auc DESC"])
    /// >>> [version.version for version in best], best.token
    /// ([2, 3], None)
    #[pyo3(
        signature = (filter = Text::new(""), *, order_by = Vec::new(), dialect = Text::new("mlcore"), limit = 10_000, page = None),
        text_signature = "($self, filter='', *, order_by=(), dialect='mlcore', limit=10000, page=None)"
    )]
    fn search_versions<'py>(
        &self,
        py: Python<'py>,
        filter: Text,
        order_by: Vec<Text>,
        dialect: Text,
        limit: usize,
        page: Option<Text>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let found = self.ask(py, |opened| {
            let search = VersionSearch::default()
                .with_filter(filter.into_string())
                .with_dialect(dialect_of(&dialect)?)
                .with_limit(limit)
                .with_page(token(page)?);
            let search =
                order_by.into_iter().fold(search, |search, column| search.with_order(column.into_string()));
            opened.backend.search_versions(&search)
        })?;
        entry(py, |py| {
            let versions = PyList::empty(py);
            for version in found.items {
                versions.append(Bound::new(py, ModelVersion::new(version))?)?;
            }
            paged(&versions, found.next.as_ref())
        })
    }

    /// Gives a model another name, under which its versions, aliases, tags and numbers are from then on.
    ///
    /// Parameters
    /// ----------
    /// new_name : str
    ///     A name, or any text of at most 1,000 bytes: its title then, see :attr:`mlcore.registry.Model.title`.
    ///
    /// Raises
    /// ------
    /// AlreadyExistsError
    ///     Where the name is taken.
    /// ConflictError
    ///     While the model has an alias, or a version in production that mlcore runs.
    #[pyo3(signature = (name, new_name, *, reason = None))]
    fn rename_model(
        &self,
        py: Python<'_>,
        name: Text,
        new_name: Text,
        reason: Option<Text>,
    ) -> PyResult<AuditEntry> {
        self.ask(py, |opened| {
            let (model, change) = (ModelName::new(&name)?, self.change(reason, None)?);
            opened.backend.rename_model(&model, &new_name, &change).map(AuditEntry::new)
        })
    }

    /// Takes a version to a stage from whichever it has, through another one where the rules ask for it, all at once: MLflow's
    /// ``transition_model_version_stage``.
    ///
    /// Parameters
    /// ----------
    /// stage : {"dev", "staging", "production", "archived"}
    ///     Where it goes.
    /// archive_others : bool
    ///     Whether the other versions of the stage, ``staging`` or ``production``, are archived; those that mlcore runs and an alias
    ///     means are kept in ``staging``.
    ///
    /// Raises
    /// ------
    /// ConflictError
    ///     When production is taken, or the version should be archived while an alias means it. External versions go anywhere.
    #[pyo3(signature = (name, version, stage, *, archive_others = false, reason = None))]
    fn move_stage(
        &self,
        py: Python<'_>,
        name: Text,
        version: u64,
        stage: Text,
        archive_others: bool,
        reason: Option<Text>,
    ) -> PyResult<AuditEntry> {
        self.ask(py, |opened| {
            let (model, version, to) =
                (ModelName::new(&name)?, Version::new(version)?, stage.parse::<Stage>()?);
            let change = self.change(reason, None)?;
            opened.backend.move_stage(&model, version, to, archive_others, &change).map(AuditEntry::new)
        })
    }

    /// Registers a version whose model is kept elsewhere, in a form that mlcore does not check; creates the model where it does not
    /// exist. It is listed, tagged, aliased and moved through the stages by MLflow's rules, and neither served nor promoted.
    ///
    /// Parameters
    /// ----------
    /// name : str
    ///     The model: any text of at most 1,000 bytes; what is no name of mlcore is its title.
    /// source : str
    ///     Where its model is, such as ``runs:/a1/model`` or ``s3://models/churn``: at most 10,000 bytes.
    /// version : int, optional
    ///     Its number, higher than any before it, such as that which it has elsewhere. Default: the next one.
    /// run, run_link, logged_model, dataset, description, tags, metrics, reason, request : optional
    ///     As :meth:`register` takes them.
    #[pyo3(
        signature = (
            name, source, *, version = None, run = None, run_link = None, logged_model = None, dataset = None,
            description = Text::new(""), tags = None, metrics = None, reason = None, request = None
        ),
        text_signature = "($self, name, source, *, version=None, run=None, run_link=None, logged_model=None, dataset=None, \
            description='', tags=None, metrics=None, reason=None, request=None)"
    )]
    #[expect(clippy::too_many_arguments, reason = "keyword-only options of a Python signature")]
    fn register_external(
        &self,
        py: Python<'_>,
        name: Text,
        source: Text,
        version: Option<u64>,
        run: Option<Text>,
        run_link: Option<Text>,
        logged_model: Option<Text>,
        dataset: Option<Text>,
        description: Text,
        tags: Option<&Bound<'_, PyAny>>,
        metrics: Option<&Bound<'_, PyAny>>,
        reason: Option<Text>,
        request: Option<Text>,
    ) -> PyResult<ModelVersion> {
        let tags = tags_of(tags, REGISTER)?;
        let metrics = metrics.map_or_else(|| Ok(Vec::new()), |metrics| metrics_of(metrics, REGISTER))?;
        self.ask(py, |opened| {
            let titled = NewModel::titled(name.into_string());
            let mut new = NewVersion::external(titled.name.clone(), source.into_string())
                .with_description(description.into_string())
                .with_metrics(metrics);
            new.version = version.map(Version::new).transpose()?;
            new.lineage.dataset = dataset.map(|dataset| dataset_of(&dataset)).transpose()?;
            linked(&mut new.lineage, run, run_link, logged_model)?;
            new.tags = tags;
            let creation = self.change(None, None)?;
            match opened.backend.create_model(titled, &creation) {
                Ok(_) | Err(Error::AlreadyExists(_)) => {}
                Err(error) => return Err(error),
            }
            let change = self.change(reason, request)?;
            opened.backend.create_version(new, &change).map(ModelVersion::new)
        })
    }
}

/// Adds to a lineage where it came from.
pub(super) fn linked(
    lineage: &mut Lineage,
    run: Option<Text>,
    run_link: Option<Text>,
    logged_model: Option<Text>,
) -> mlcore::Result<()> {
    lineage.run = run.map(RunId::new).transpose()?;
    lineage.run_link = run_link.map(Text::into_string);
    lineage.logged_model = logged_model.map(LoggedModelId::new).transpose()?;
    Ok(())
}

fn dialect_of(word: &str) -> mlcore::Result<Dialect> {
    match word {
        "mlcore" => Ok(Dialect::Mlcore),
        "mlflow" => Ok(Dialect::Mlflow),
        other => {
            Err(Error::invalid_input("search registry", "dialect", format!("there is none called {other:?}"))
                .remedy("use mlcore or mlflow"))
        }
    }
}

fn token(text: Option<Text>) -> mlcore::Result<Option<PageToken>> {
    text.map(|text| text.parse()).transpose()
}
