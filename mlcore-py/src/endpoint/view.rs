//! An endpoint as a piece of a notebook, and in words.

use mlcore_drift::html::{Align, KeyFigure, Page, Table, count, key_figures};
use pyo3::prelude::*;

use super::Endpoint;

#[pymethods]
impl Endpoint {
    fn _repr_html_(&self, py: Python<'_>) -> Option<String> {
        let (arms, counts) = self.ask(py, |endpoint| Ok((endpoint.arms(), endpoint.counts()))).ok()?;
        let mut table = Table::new(&[("arm", Align::Left), ("version", Align::Right)]);
        for (arm, version) in arms {
            table.row([arm.as_str().into(), version.to_string().into()]);
        }
        let figures = [
            ("requests", counts.records),
            ("failures", counts.failures),
            ("outcomes", counts.outcomes),
            ("dropped", counts.dropped()),
        ];
        let figures = figures.map(|(name, value)| KeyFigure::new(name, count(value)));
        let title = format!("Endpoint of {}", self.model);
        Some(Page::new(title).lead([table.markup(), key_figures(&figures)]).to_fragment())
    }

    fn __repr__(&self) -> String {
        let arms: Vec<String> =
            self.endpoint.arms().iter().map(|(arm, version)| format!("{arm} {version}")).collect();
        format!("<mlcore.Endpoint {}: {}>", self.model, arms.join(", "))
    }
}
