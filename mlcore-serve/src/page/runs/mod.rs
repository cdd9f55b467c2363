//! The runs of an experiment as a table: which columns, which rows, in which order.

mod columns;
mod table;

use mlcore::Error;
use mlcore::name::ExperimentId;
use mlcore::tracking::{
    Experiment, LifecycleStage, Page as Found, Projection, Run, RunSearch, Selection, Tracker,
};

use self::columns::Columns;
use super::frame::{Area, Page, View};
use super::html::Html;
use super::parts::{self, Input, Tone};
use super::shown;
use super::trouble::Result;

pub(super) fn page(view: &View<'_>, id: &ExperimentId) -> Result<Page> {
    let tracker = view.tracker()?;
    let experiment = tracker.experiment(id)?;
    let mut page = Page::new(Area::Experiments, experiment.name.as_str())
        .within("Experiments", view.link(&["experiments"]));
    if experiment.lifecycle_stage == LifecycleStage::Deleted {
        parts::pill(&mut page.marks, Tone::Neutral, "deleted");
    }
    about(&mut page.body, &experiment);
    let (columns, found) = match runs(view, &**tracker, id) {
        Err(error @ Error::InvalidInput(_)) => {
            page.status = http::StatusCode::BAD_REQUEST;
            form(&mut page.body, view, &Columns::default(), Some(&error));
            return Ok(page);
        }
        found => found?,
    };
    form(&mut page.body, view, &columns, None);
    if found.items.is_empty() {
        nothing(&mut page.body, view, &experiment);
        return Ok(page);
    }
    table::write(&mut page.body, view, &columns, &found.items);
    parts::pager(&mut page.body, view, found.next.as_ref());
    Ok(page)
}

/// The columns and rows that are asked for: only what a column shows is read.
fn runs(view: &View<'_>, tracker: &dyn Tracker, id: &ExperimentId) -> mlcore::Result<(Columns, Found<Run>)> {
    let search = search(view, id)?;
    // What there is to show is what some of them have.
    let without_inputs =
        Projection::info().with_metrics(Selection::All).with_params(Selection::All).with_tags(Selection::All);
    let sample = tracker.search_runs(&search.clone().with_limit(SAMPLE).with_projection(without_inputs))?;
    let columns = Columns::of(view, &sample.items);
    if sample.next.is_none() {
        return Ok((columns, sample));
    }
    let found = tracker.search_runs(&search.with_limit(rows(view)).with_projection(columns.projection()))?;
    Ok((columns, found))
}

fn search(view: &View<'_>, id: &ExperimentId) -> mlcore::Result<RunSearch> {
    let token = view.query.get("page").map(str::parse).transpose()?;
    let mut search = RunSearch::new([id.clone()]).with_view(parts::view_type(view)).with_page(token);
    if let Some(filter) = view.query.get("filter") {
        search = search.with_filter(filter);
    }
    if let Some(order) = view.query.get("order") {
        search = search.with_order(order);
    }
    Ok(search)
}

fn rows(view: &View<'_>) -> usize {
    let asked = view.query.get("rows").and_then(|rows| rows.parse().ok());
    asked.filter(|rows| (1..=MOST_ROWS).contains(rows)).unwrap_or(ROWS)
}

fn about(html: &mut Html, experiment: &Experiment) {
    html.raw("<details class=\"about\"><summary>About this experiment</summary>");
    parts::facts(html, |html| {
        parts::fact(html, "Id", |html| parts::code(html, &experiment.id));
        parts::fact(html, "Created", |html| parts::time(html, experiment.creation_time));
        parts::fact(html, "Changed", |html| parts::time(html, experiment.last_update_time));
        parts::fact(html, "Artifacts", |html| parts::code(html, &experiment.artifact_location));
    });
    parts::pairs(html, "Tags of the experiment", ["Tag", "Value"], &experiment.tags);
    html.raw("</details>");
}

fn form(html: &mut Html, view: &View<'_>, columns: &Columns, error: Option<&Error>) {
    html.raw("<form class=\"search\" method=\"get\" role=\"search\">");
    let example = "metrics.loss &lt; 0.5 AND params.depth = &#39;8&#39;";
    Input { name: "filter", label: "Filter", example, error }.write(html, view);
    parts::choice(
        html,
        view,
        ("view", "Show"),
        &[("active", "active"), ("deleted", "deleted"), ("all", "all")],
    );
    parts::choice(html, view, ("rows", "Rows"), &[("100", "100"), ("1000", "1,000"), ("10000", "10,000")]);
    parts::hidden(html, view, &["order"]);
    html.raw("<button type=\"submit\">Search</button>");
    columns.write_choice(html, view);
    html.raw("</form>");
    if let Some(error) = error {
        parts::search_error(html, view, error);
    }
}

fn nothing(html: &mut Html, view: &View<'_>, experiment: &Experiment) {
    if ["filter", "view", "page"].iter().any(|name| view.query.has(name)) {
        html.raw("<p class=\"nothing\">No run is as you ask for.</p>");
        return;
    }
    html.raw("<div class=\"empty\"><h2>There are no runs yet</h2><p>Log a first one from Python with the MLflow client:</p><pre>");
    html.text(format!(
        "import mlflow\n\nmlflow.set_tracking_uri(\"http://this-server:8000\")\nwith mlflow.start_run(experiment_id={:?}):\n    \
         mlflow.log_param(\"depth\", 8)\n    mlflow.log_metric(\"loss\", 0.25, step=1)\n",
        experiment.id.as_str()
    ));
    html.raw("</pre></div>");
}

/// What is said of the rows below.
fn caption(runs: &[Run]) -> String {
    format!("{} of this experiment", shown::counted(runs.len(), "run", "runs"))
}

/// Rows where nothing else is asked for, as pages are read.
const ROWS: usize = 100;
/// A larger table is nothing that a browser shows with ease.
const MOST_ROWS: usize = 10_000;
/// So many runs tell which columns there are.
const SAMPLE: usize = 20;
