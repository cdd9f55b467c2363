//! A model card in a notebook, as Markdown and as a page.

use mlcore::registry;
use pyo3::prelude::*;

use super::{AuditEntry, Model, ModelVersion};

/// What a registry knows of one version, for people. Made of stored facts alone, so that the same registry gives the same text; every text that
/// people wrote is escaped. Made by :meth:`mlcore.Registry.card`.
#[pyclass(module = "mlcore.registry", frozen)]
pub(crate) struct ModelCard {
    pub(super) card: registry::ModelCard,
    pub(super) attached: Option<String>,
}

#[pymethods]
impl ModelCard {
    /// The model.
    #[getter]
    fn model(&self) -> Model {
        Model::new(self.card.model.clone())
    }

    /// The version.
    #[getter]
    fn version(&self) -> ModelVersion {
        ModelVersion::new(self.card.version.clone())
    }

    /// The aliases that mean it, in the order of their names.
    #[getter]
    fn aliases(&self) -> Vec<&str> {
        self.card.aliases.iter().map(mlcore::name::Alias::as_str).collect()
    }

    /// What was done about it, the first first; the latest thousand.
    #[getter]
    fn history(&self) -> Vec<AuditEntry> {
        self.card.history.iter().cloned().map(AuditEntry::new).collect()
    }

    /// The text that people attached with :meth:`mlcore.Registry.set_card`, or ``None``. It is as they wrote it.
    #[getter]
    fn attached(&self) -> Option<&str> {
        self.attached.as_deref()
    }

    /// The card as Markdown (CommonMark with GitHub's tables).
    fn to_markdown(&self) -> String {
        self.card.to_markdown()
    }

    /// The card as one HTML page that loads nothing and runs nothing.
    fn to_html(&self) -> String {
        self.card.to_html()
    }

    /// What the page shows, for a notebook with a style of its own.
    fn _repr_html_(&self) -> String {
        let page = self.card.to_html();
        let inside = page.split_once("<main>").and_then(|(_, rest)| rest.split_once("</main>"));
        inside.map_or_else(String::new, |(inside, _)| format!("<div>{inside}</div>"))
    }

    fn __str__(&self) -> String {
        self.card.to_markdown()
    }

    fn __repr__(&self) -> String {
        format!("<mlcore.registry.ModelCard {}/{}>", self.card.version.model, self.card.version.version)
    }
}
