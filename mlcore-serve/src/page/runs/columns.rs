//! Which metrics, parameters and tags are columns.

use std::collections::BTreeSet;

use mlcore::tracking::{Projection, Run, Selection};

use crate::page::frame::View;
use crate::page::html::Html;
use crate::page::parts;

/// What a column shows.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Kind {
    Metric,
    Param,
    Tag,
}

impl Kind {
    /// The word of filters and orders.
    fn word(self) -> &'static str {
        match self {
            Self::Metric => "metrics",
            Self::Param => "params",
            Self::Tag => "tags",
        }
    }

    fn heading(self) -> &'static str {
        match self {
            Self::Metric => "Metrics",
            Self::Param => "Parameters",
            Self::Tag => "Tags",
        }
    }
}

/// A column.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Column {
    pub(super) kind: Kind,
    pub(super) key: String,
}

impl Column {
    /// How an address names it.
    fn told(&self) -> String {
        format!("{}.{}", self.kind.word(), self.key)
    }

    fn read(text: &str) -> Option<Self> {
        let (word, key) = text.split_once('.')?;
        let kind = KINDS.into_iter().find(|kind| kind.word() == word)?;
        Some(Self { kind, key: key.to_owned() })
    }

    /// What an order names it.
    pub(super) fn order(&self) -> String {
        parts::column(self.kind.word(), &self.key)
    }
}

/// The columns that are shown, and those that there are.
#[derive(Clone, Debug, Default)]
pub(super) struct Columns {
    pub(super) shown: Vec<Column>,
    known: BTreeSet<Column>,
}

impl Columns {
    /// The columns that the query names, else a few that some runs have.
    pub(super) fn of(view: &View<'_>, sample: &[Run]) -> Self {
        let mut known = BTreeSet::new();
        for run in sample {
            let keys = |kind| move |key: &String| Column { kind, key: key.clone() };
            known.extend(run.data.metrics.keys().map(keys(Kind::Metric)));
            known.extend(run.data.params.keys().map(keys(Kind::Param)));
            let tags = run.data.tags.keys().filter(|key| *key != mlcore::tracking::RUN_NAME_TAG);
            known.extend(tags.map(keys(Kind::Tag)));
        }
        let mut shown: Vec<Column> = Vec::new();
        for column in view.query.all("show").filter_map(Column::read).take(MOST_COLUMNS) {
            if !shown.contains(&column) {
                shown.push(column);
            }
        }
        if shown.is_empty() {
            shown = default(&known, sample);
        }
        shown.sort_by_key(|column| column.kind);
        known.extend(shown.iter().cloned());
        Self { shown, known }
    }

    /// What is read of each run.
    pub(super) fn projection(&self) -> Projection {
        let keys = |kind| {
            Selection::keys(self.shown.iter().filter(move |own| own.kind == kind).map(|own| own.key.as_str()))
        };
        Projection::info()
            .with_metrics(keys(Kind::Metric))
            .with_params(keys(Kind::Param))
            .with_tags(keys(Kind::Tag))
    }

    /// The boxes of a form that choose columns.
    pub(super) fn write_choice(&self, html: &mut Html, _: &View<'_>) {
        if self.known.is_empty() {
            return;
        }
        html.raw("<details class=\"columns\"><summary>Columns</summary><div class=\"choices\">");
        for kind in KINDS {
            let mut of_kind = self.known.iter().filter(|column| column.kind == kind).peekable();
            if of_kind.peek().is_none() {
                continue;
            }
            html.raw("<fieldset><legend>").raw(kind.heading()).raw("</legend>");
            for column in of_kind.take(MOST_OFFERED) {
                html.raw("<label><input type=\"checkbox\" name=\"show\" value=\"")
                    .text(column.told())
                    .raw("\"");
                html.raw_if(self.shown.contains(column), " checked")
                    .raw("> ")
                    .text(&column.key)
                    .raw("</label>");
            }
            html.raw("</fieldset>");
        }
        html.raw("<p class=\"note\">These are the columns of the first runs below.</p>");
        html.raw("<button type=\"submit\">Show these columns</button></div></details>");
    }
}

/// The metrics that most of them have, and the parameters in which they differ.
fn default(known: &BTreeSet<Column>, sample: &[Run]) -> Vec<Column> {
    let mut metrics: Vec<(usize, &Column)> = Vec::new();
    let mut params: Vec<(bool, &Column)> = Vec::new();
    for column in known {
        match column.kind {
            // Of the machine: nothing that runs are compared by.
            Kind::Metric if column.key.starts_with("system/") => {}
            Kind::Metric => {
                let without = sample.iter().filter(|run| !run.data.metrics.contains_key(&column.key)).count();
                metrics.push((without, column));
            }
            Kind::Param => {
                let values: BTreeSet<_> = sample.iter().map(|run| run.data.params.get(&column.key)).collect();
                params.push((values.len() < 2, column));
            }
            Kind::Tag => {}
        }
    }
    metrics.sort();
    params.sort();
    let metrics = metrics.into_iter().take(FIRST_METRICS).map(|(_, column)| column.clone());
    metrics.chain(params.into_iter().take(FIRST_PARAMS).map(|(_, column)| column.clone())).collect()
}

const KINDS: [Kind; 3] = [Kind::Metric, Kind::Param, Kind::Tag];
const FIRST_METRICS: usize = 4;
const FIRST_PARAMS: usize = 3;
const MOST_COLUMNS: usize = 40;
/// A longer list of boxes is nothing that anybody reads.
const MOST_OFFERED: usize = 200;
