//! What a tracker and a run are as pieces of a notebook.

use mlcore::tracking::{Experiment, ExperimentSearch, Page};
use mlcore_drift::html::{self, Align, Markup, Table, code, paragraph};
use pyo3::prelude::*;

use crate::error::entry;

/// The experiments that a notebook shows.
pub(super) fn experiments() -> ExperimentSearch {
    ExperimentSearch::default().with_limit(MOST_SHOWN)
}

pub(super) fn tracker_html(url: &str, page: &Page<Experiment>) -> String {
    let mut table = Table::new(&[("id", Align::Left), ("experiment", Align::Left), ("changed", Align::Left)]);
    for found in &page.items {
        table.row([
            found.id.as_str().into(),
            found.name.as_str().into(),
            found.last_update_time.to_string().into(),
        ]);
    }
    let mut lead = Markup::new();
    lead.push(paragraph(code(url)));
    lead.push(table.markup());
    if page.next.is_some() {
        lead.push(paragraph("More experiments are not shown: search_experiments() has them all."));
    }
    html::Page::new("Tracker").lead(lead).to_fragment()
}

/// Tables of two columns under headings, as a piece of a notebook; all text is escaped.
#[pyfunction]
pub(super) fn _page(
    py: Python<'_>,
    title: &str,
    sections: Vec<(String, Vec<(String, String)>)>,
) -> PyResult<String> {
    entry(py, |_| {
        let mut page = html::Page::new(title);
        for (heading, rows) in sections {
            let mut table = Table::new(&[("", Align::Left), ("", Align::Left)]);
            for (name, value) in rows {
                table.row([name.as_str().into(), value.as_str().into()]);
            }
            page = page.section(&heading, table.markup());
        }
        Ok(page.to_fragment())
    })
}

/// A table that fits a screen.
const MOST_SHOWN: usize = 50;
