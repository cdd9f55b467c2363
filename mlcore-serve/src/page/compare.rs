//! Runs beside each other.

use std::collections::{BTreeMap, BTreeSet};

use http::StatusCode;
use mlcore::name::RunId;
use mlcore::tracking::{Run, Tracker};

use super::chart::{Chart, Series};
use super::frame::{Area, Page, View};
use super::html::Html;
use super::trouble::{Result, Trouble};
use super::{history, parts, run, shown};

pub(super) fn page(view: &View<'_>) -> Result<Page> {
    let tracker = view.tracker()?;
    let mut runs: Vec<Run> = Vec::new();
    for id in view.query.all("run") {
        let id = RunId::new(id)?;
        if runs.iter().any(|run| run.info.id == id) {
            continue;
        }
        if runs.len() == MOST_RUNS {
            let message = format!("At most {MOST_RUNS} runs are compared at once.");
            return Err(Trouble {
                remedy: Some("choose fewer".to_owned()),
                ..Trouble::new(StatusCode::BAD_REQUEST, message)
            });
        }
        runs.push(tracker.run(&id)?);
    }
    let mut page =
        Page::new(Area::Experiments, format!("Comparison of {}", shown::counted(runs.len(), "run", "runs")));
    page = page.within("Experiments", view.link(&["experiments"]));
    if runs.is_empty() {
        page.body
            .raw("<p class=\"nothing\">No runs are chosen. Choose some in the table of an experiment.</p>");
        return Ok(page);
    }
    if let Some(first) =
        runs.first().filter(|first| runs.iter().all(|run| run.info.experiment == first.info.experiment))
    {
        let experiment = tracker.experiment(&first.info.experiment)?;
        page = page.within(experiment.name, view.link(&["experiments", experiment.id.as_str()]));
    }
    form(&mut page.body, view);
    page.section("values", "Values", |html| table(html, view, &runs));
    charts(&mut page, view, &**tracker, &runs)?;
    Ok(page)
}

fn only_different(view: &View<'_>) -> bool {
    view.query.get("only") == Some("different")
}

fn form(html: &mut Html, view: &View<'_>) {
    html.raw("<form class=\"search\" method=\"get\">");
    parts::hidden(html, view, &["run"]);
    parts::choice(html, view, ("only", "Rows"), &[("all", "all"), ("different", "what differs")]);
    run::axes(html, view);
    html.raw("<button type=\"submit\">Show</button></form>");
}

/// One row for each thing that some run has, one column for each run.
fn table(html: &mut Html, view: &View<'_>, runs: &[Run]) {
    parts::table(html, "Values of the runs; what differs is marked", "list compare");
    html.raw("<thead><tr><th scope=\"col\"><span class=\"hidden\">Of each run</span></th>");
    for run in runs {
        html.raw("<th scope=\"col\">");
        parts::link(html, &view.link(&["runs", run.info.id.as_str()]), &run.info.name);
        html.raw("</th>");
    }
    html.raw("</tr></thead>");
    let texts = |values: fn(&Run) -> BTreeMap<String, String>| runs.iter().map(values).collect::<Vec<_>>();
    group(html, view, "Run", &texts(of_run));
    group(html, view, "Metrics", &texts(of_metrics));
    group(html, view, "Parameters", &texts(|run| run.data.params.clone()));
    group(html, view, "Data", &texts(of_data));
    group(
        html,
        view,
        "Tags",
        &texts(|run| run.data.tags.iter().filter(|(key, _)| !is_of_run(key)).map(owned).collect()),
    );
    html.raw("</table></div>");
}

fn owned((key, value): (&String, &String)) -> (String, String) {
    (key.clone(), value.clone())
}

/// Tags that differ between any two runs.
fn is_of_run(key: &str) -> bool {
    key == mlcore::tracking::RUN_NAME_TAG || key == "mlflow.log-model.history"
}

fn of_run(run: &Run) -> BTreeMap<String, String> {
    let mut facts = BTreeMap::from([
        ("started".to_owned(), shown::time(run.info.start_time)),
        ("status".to_owned(), run.info.status.name().to_lowercase()),
    ]);
    if let Some(end) = run.info.end_time {
        let took = end.as_micros().saturating_sub(run.info.start_time.as_micros()) / 1000;
        facts.insert("took".to_owned(), shown::duration(took));
    }
    facts
}

fn of_metrics(run: &Run) -> BTreeMap<String, String> {
    run.data.metrics.iter().map(|(key, metric)| (key.clone(), shown::exact(metric.value))).collect()
}

fn of_data(run: &Run) -> BTreeMap<String, String> {
    let name = |input: &mlcore::tracking::DatasetInput| {
        let context = input.tags.get(mlcore::tracking::CONTEXT_TAG).map_or("data", String::as_str);
        (context.to_owned(), format!("{} {}", input.dataset.name, input.dataset.digest))
    };
    run.inputs.datasets.iter().map(name).collect()
}

fn group(html: &mut Html, view: &View<'_>, heading: &'static str, of_runs: &[BTreeMap<String, String>]) {
    let keys: BTreeSet<&String> = of_runs.iter().flat_map(BTreeMap::keys).collect();
    let differs = |key: &String| {
        let values: BTreeSet<_> = of_runs.iter().map(|own| own.get(key)).collect();
        values.len() > 1
    };
    let rows: Vec<(&String, bool)> = keys
        .into_iter()
        .map(|key| (key, differs(key)))
        .filter(|(_, differs)| *differs || !only_different(view))
        .collect();
    if rows.is_empty() {
        return;
    }
    html.raw("<tbody><tr><th class=\"group\" scope=\"rowgroup\" colspan=\"")
        .show(of_runs.len() + 1)
        .raw("\">")
        .raw(heading)
        .raw("</th></tr>");
    for (key, differs) in rows {
        html.raw(if differs { "<tr class=\"differs\">" } else { "<tr>" }).raw("<th scope=\"row\">").text(key);
        html.raw_if(differs, "<span class=\"hidden\"> (differs)</span>").raw("</th>");
        for own in of_runs {
            html.raw(if heading == "Metrics" { "<td class=\"n\">" } else { "<td>" });
            if let Some(value) = own.get(key) {
                parts::long_text(html, value);
            }
            html.raw("</td>");
        }
        html.raw("</tr>");
    }
    html.raw("</tbody>");
}

/// A chart of each metric that has a history, with a line for each run.
fn charts(page: &mut Page, view: &View<'_>, tracker: &dyn Tracker, runs: &[Run]) -> Result<()> {
    let (along, log) = (run::along(view), run::is_log(view));
    let names: BTreeSet<&String> = runs.iter().flat_map(|run| run.data.metrics.keys()).collect();
    let mut charts = Vec::new();
    let mut left = history::MOST_POINTS * 2;
    for name in names.iter().take(CHARTS) {
        let (mut series, mut notes) = (Vec::new(), Vec::new());
        for run in runs.iter().filter(|run| run.data.metrics.contains_key(*name)) {
            let history = history::read(tracker, &run.info.id, name, along, left.max(LEAST_POINTS))?;
            left = left.saturating_sub(history.points.len());
            notes.extend(history.notes);
            let link = Some(view.link(&["runs", run.info.id.as_str(), "metrics", name]));
            series.push(Series { name: run.info.name.clone(), link, points: history.points });
        }
        if series.iter().any(|own| own.points.len() > 1) {
            notes.dedup();
            let mut chart = Chart::new(name.as_str(), along, series);
            (chart.log, chart.notes) = (log, notes);
            charts.push(chart);
        }
    }
    if charts.is_empty() {
        return Ok(());
    }
    page.section("charts", "Charts", |html| {
        html.raw("<div class=\"charts\">");
        charts.iter().for_each(|chart| chart.write(html));
        html.raw("</div>");
        if names.len() > CHARTS {
            let left = shown::counted(names.len() - CHARTS, "metric", "metrics");
            html.raw("<p class=\"note\">").text(left).raw(" more are not drawn.</p>");
        }
    });
    Ok(())
}

/// As many as there are ways to draw a line.
const MOST_RUNS: usize = 24;
const CHARTS: usize = 24;
const LEAST_POINTS: usize = 500;
