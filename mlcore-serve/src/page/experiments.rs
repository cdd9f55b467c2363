//! The list of experiments.

use mlcore::Error;
use mlcore::tracking::{Experiment, ExperimentSearch, LifecycleStage};

use super::frame::{Area, Page, View};
use super::html::Html;
use super::parts::{self, Heading, Input, Tone};
use super::trouble::Result;

pub(super) fn page(view: &View<'_>) -> Result<Page> {
    let tracker = view.tracker()?;
    let mut search = ExperimentSearch::default().with_view(parts::view_type(view)).with_limit(ROWS);
    search = search.with_page(parts::page_token(view)?);
    if let Some(order) = view.query.get("order") {
        search = search.with_order(order);
    }
    search = search.with_filter(filter(view));
    let mut page = Page::new(Area::Experiments, "Experiments");
    let found = match tracker.search_experiments(&search) {
        Err(error @ Error::InvalidInput(_)) => {
            page.status = http::StatusCode::BAD_REQUEST;
            form(&mut page.body, view, Some(&error));
            return Ok(page);
        }
        found => found?,
    };
    form(&mut page.body, view, None);
    if found.items.is_empty() {
        nothing(&mut page.body, view);
        return Ok(page);
    }
    table(&mut page.body, view, &found.items);
    parts::pager(&mut page.body, view, found.next.as_ref());
    Ok(page)
}

/// The filter, and the part of a name that is looked for.
fn filter(view: &View<'_>) -> String {
    let own = view.query.get("filter").unwrap_or_default();
    match view.query.get("name") {
        Some(part) => {
            let name = format!("name ILIKE {}", parts::quoted(&format!("%{part}%")));
            // Behind the reader's own text, so that columns of errors are those of that.
            if own.trim().is_empty() { name } else { format!("{own} AND {name}") }
        }
        None => own.to_owned(),
    }
}

fn form(html: &mut Html, view: &View<'_>, error: Option<&Error>) {
    html.raw("<form class=\"search\" method=\"get\" role=\"search\">");
    Input { name: "name", label: "Name contains", example: "", error: None }.write(html, view);
    Input {
        name: "filter",
        label: "Filter",
        example: "tags.team = 'growth' AND creation_time &gt; 0",
        error,
    }
    .write(html, view);
    parts::choice(
        html,
        view,
        ("view", "Show"),
        &[("active", "active"), ("deleted", "deleted"), ("all", "all")],
    );
    parts::hidden(html, view, &["order"]);
    html.raw("<button type=\"submit\">Search</button></form>");
    if let Some(error) = error {
        parts::search_error(html, view, error);
    }
}

fn table(html: &mut Html, view: &View<'_>, experiments: &[Experiment]) {
    parts::table(html, "Experiments", "list");
    html.raw("<thead><tr>");
    for (text, column, falls_first) in
        [("Name", "name", false), ("Changed", "last_update_time", true), ("Created", "creation_time", true)]
    {
        Heading { text, column, is_number: false, falls_first }.write(html, view);
    }
    html.raw("<th scope=\"col\">Tags</th></tr></thead><tbody>");
    for own in experiments {
        html.raw("<tr><th scope=\"row\">");
        parts::link(html, &view.link(&["experiments", own.id.as_str()]), &own.name);
        if own.lifecycle_stage == LifecycleStage::Deleted {
            html.raw(" ").with(|html| parts::pill(html, Tone::Neutral, "deleted"));
        }
        html.raw("</th><td class=\"t\">").with(|html| parts::time(html, own.last_update_time));
        html.raw("</td><td class=\"t\">").with(|html| parts::time(html, own.creation_time)).raw("</td><td>");
        tags(html, own);
        html.raw("</td></tr>");
    }
    parts::end_table(html);
}

/// What people say of it; what programs note for themselves is on its own page.
fn tags(html: &mut Html, experiment: &Experiment) {
    let own = experiment.tags.iter().filter(|(key, _)| !key.starts_with("mlflow."));
    for (key, value) in own.take(MOST_TAGS) {
        html.raw("<span class=\"tag\">").text(key).raw(": ");
        let (begin, is_all) = super::shown::beginning(value, MOST_TAG_CHARS);
        html.text(begin).raw_if(!is_all, "\u{2026}").raw("</span> ");
    }
}

fn nothing(html: &mut Html, view: &View<'_>) {
    if view.query.has("name") || view.query.has("filter") || view.query.has("view") || view.query.has("page")
    {
        html.raw("<p class=\"nothing\">No experiment is as you ask for.</p>");
        return;
    }
    html.raw("<div class=\"empty\"><h2>There are no experiments yet</h2><p>Log a first run from Python with the MLflow client:</p><pre>");
    html.text(FIRST_RUN)
        .raw("</pre><p>or from Rust with <code>create_experiment</code>. It is shown here then.</p></div>");
}

const FIRST_RUN: &str = "import mlflow

mlflow.set_tracking_uri(\"http://this-server:8000\")
mlflow.set_experiment(\"churn\")
with mlflow.start_run():
    mlflow.log_param(\"depth\", 8)
    mlflow.log_metric(\"loss\", 0.25, step=1)
";
const ROWS: usize = 100;
const MOST_TAGS: usize = 6;
const MOST_TAG_CHARS: usize = 60;
