//! A run.

use mlcore::Error;
use mlcore::name::{LoggedModelId, RunId};
use mlcore::tracking::{
    DatasetInput, LifecycleStage, PARENT_TAG, Projection, Run, RunSearch, Selection, Tracker,
};

use super::chart::{Along, Chart, Series};
use super::frame::{Area, Page, View};
use super::html::Html;
use super::parts::{self, Tone};
use super::trouble::Result;
use super::{history, lineage, shown};

pub(super) fn page(view: &View<'_>, id: &RunId) -> Result<Page> {
    let tracker = view.tracker()?;
    let run = tracker.run(id)?;
    let mut page = crumbs(Page::new(Area::Experiments, run.info.name.as_str()), view, &run)?;
    parts::status(&mut page.marks, run.info.status);
    if run.info.lifecycle_stage == LifecycleStage::Deleted {
        page.marks.raw(" ").with(|html| parts::pill(html, Tone::Neutral, "deleted"));
    }
    about(&mut page.body, view, &run);
    let versions = lineage::versions_of_run(view, id)?;
    if !versions.is_empty() {
        page.section("versions", "Registered versions", |html| {
            lineage::list(html, view, "Versions that came of this run", &versions);
        });
    }
    page.section("metrics", "Metrics", |html| metrics(html, view, &run));
    charts(&mut page, view, &**tracker, &run)?;
    page.body.raw("<div class=\"beside\">");
    page.section("params", "Parameters", |html| {
        parts::pairs(html, "Parameters of this run", ["Parameter", "Value"], &run.data.params);
    });
    page.section("tags", "Tags", |html| {
        parts::pairs(html, "Tags of this run", ["Tag", "Value"], &run.data.tags);
    });
    page.body.raw("</div>");
    if !run.inputs.datasets.is_empty() {
        page.section("data", "Data", |html| datasets(html, view, &run.inputs.datasets));
    }
    models(&mut page, &**tracker, &run)?;
    nested(&mut page, view, &**tracker, &run)?;
    files(&mut page, view, &run);
    Ok(page)
}

/// The experiment, and the run that this one is nested in.
pub(super) fn crumbs(mut page: Page, view: &View<'_>, run: &Run) -> Result<Page> {
    let tracker = view.tracker()?;
    page = page.within("Experiments", view.link(&["experiments"]));
    let id = run.info.experiment.as_str();
    page = match tracker.experiment(&run.info.experiment) {
        Ok(found) => page.within(found.name, view.link(&["experiments", id])),
        Err(Error::NotFound(_)) => page,
        Err(error) => return Err(error.into()),
    };
    let Some(parent) = run.data.tags.get(PARENT_TAG).and_then(|parent| RunId::new(parent).ok()) else {
        return Ok(page);
    };
    Ok(match tracker.run(&parent) {
        Ok(found) => page.within(found.info.name, view.link(&["runs", parent.as_str()])),
        // It may be elsewhere, or no run at all.
        Err(Error::NotFound(_) | Error::InvalidInput(_)) => page,
        Err(error) => return Err(error.into()),
    })
}

/// What the charts are laid out along.
pub(super) fn along(view: &View<'_>) -> Along {
    if view.query.get("x") == Some("time") { Along::Time } else { Along::Step }
}

pub(super) fn is_log(view: &View<'_>) -> bool {
    view.query.get("scale") == Some("log")
}

/// The fields of a form that choose a chart's axes.
pub(super) fn axes(html: &mut Html, view: &View<'_>) {
    parts::choice(html, view, ("x", "Along"), &[("step", "steps"), ("time", "time")]);
    parts::choice(html, view, ("scale", "Values"), &[("linear", "linear"), ("log", "logarithmic")]);
}

fn about(html: &mut Html, view: &View<'_>, run: &Run) {
    let info = &run.info;
    parts::facts(html, |html| {
        parts::fact(html, "Started", |html| parts::time(html, info.start_time));
        if let Some(end) = info.end_time {
            parts::fact(html, "Ended", |html| parts::time(html, end));
            let took = end.as_micros().saturating_sub(info.start_time.as_micros()) / 1000;
            parts::fact(html, "Took", |html| parts::said(html, shown::duration(took)));
        }
        if !info.user_id.is_empty() {
            parts::fact(html, "By", |html| parts::said(html, &info.user_id));
        }
        parts::fact(html, "Id", |html| parts::code(html, &info.id));
        parts::fact(html, "Artifacts", |html| parts::code(html, &info.artifact_uri));
    });
    if let Some(note) = run.data.tags.get("mlflow.note.content") {
        html.raw("<p class=\"prose\">").with(|html| parts::long_text(html, note)).raw("</p>");
    }
    let _ = view;
}

fn metrics(html: &mut Html, view: &View<'_>, run: &Run) {
    if run.data.metrics.is_empty() {
        html.raw("<p class=\"nothing\">None.</p>");
        return;
    }
    let on_data = run.data.metrics.values().any(|metric| metric.dataset_name.is_some());
    parts::table(html, "The last value of each metric", "short");
    parts::head(
        html,
        if on_data {
            &["Metric", "Value#", "Step#", "Measured", "On"]
        } else {
            &["Metric", "Value#", "Step#", "Measured"]
        },
    );
    for (name, metric) in &run.data.metrics {
        html.raw("<tr><th scope=\"row\">");
        parts::link(html, &view.link(&["runs", run.info.id.as_str(), "metrics", name]), name);
        html.raw("</th><td class=\"n\">")
            .text(shown::exact(metric.value))
            .raw("</td><td class=\"n\">")
            .show(metric.step);
        html.raw("</td><td class=\"t\">")
            .text(shown::moment(metric.timestamp_ms.div_euclid(1000), ' '))
            .raw("</td>");
        if on_data {
            html.raw("<td>").text(metric.dataset_name.as_deref().unwrap_or_default()).raw("</td>");
        }
        html.raw("</tr>");
    }
    parts::end_table(html);
}

/// A chart of each metric that has more than one point.
fn charts(page: &mut Page, view: &View<'_>, tracker: &dyn Tracker, run: &Run) -> Result<()> {
    let (along, log) = (along(view), is_log(view));
    let first: usize = view.query.get("charts").and_then(|first| first.parse().ok()).unwrap_or(0);
    let first = first.min(run.data.metrics.len());
    let mut charts = Vec::new();
    let mut left = history::MOST_POINTS;
    for name in run.data.metrics.keys().skip(first).take(CHARTS) {
        // A little of each, where there are so many.
        let history = history::read(tracker, &run.info.id, name, along, left.max(LEAST_POINTS))?;
        left = left.saturating_sub(history.points.len());
        if history.points.len() < 2 {
            continue;
        }
        let series = vec![Series { name: name.clone(), link: None, points: history.points }];
        let mut chart = Chart::new(name, along, series);
        chart.link = Some(view.link(&["runs", run.info.id.as_str(), "metrics", name]));
        (chart.log, chart.notes) = (log, history.notes);
        charts.push(chart);
    }
    let more = first + CHARTS < run.data.metrics.len();
    if charts.is_empty() && first == 0 && !more {
        return Ok(());
    }
    page.section("charts", "Charts", |html| {
        html.raw("<form class=\"search\" method=\"get\" action=\"#charts\">").with(|html| axes(html, view));
        parts::hidden(html, view, &["charts"]);
        html.raw("<button type=\"submit\">Draw</button></form><div class=\"charts\">");
        charts.iter().for_each(|chart| chart.write(html));
        html.raw("</div>");
        if more || first > 0 {
            html.raw("<p>");
            if first > 0 {
                let before =
                    view.query.with("charts", Some(&first.saturating_sub(CHARTS).to_string())).link();
                parts::link(html, &format!("{before}#charts"), "Charts before");
                html.raw(" ");
            }
            if more {
                let next = view.query.with("charts", Some(&(first + CHARTS).to_string())).link();
                parts::link(html, &format!("{next}#charts"), "More charts");
            }
            html.raw("</p>");
        }
    });
    Ok(())
}

fn datasets(html: &mut Html, view: &View<'_>, inputs: &[DatasetInput]) {
    parts::table(html, "What this run read", "list");
    parts::head(html, &["Dataset", "For", "Digest", "Source", "Columns"]);
    for input in inputs {
        let own = &input.dataset;
        html.raw("<tr><th scope=\"row\">").text(&own.name).raw("</th><td>");
        for (key, value) in &input.tags {
            html.raw("<span class=\"tag\">");
            if key != mlcore::tracking::CONTEXT_TAG {
                html.text(key).raw(": ");
            }
            html.text(value).raw("</span> ");
        }
        html.raw("</td><td>");
        parts::link(html, &view.link(&["datasets", &own.digest]), &own.digest);
        html.raw("</td><td>")
            .text(&own.source_type)
            .raw(": ")
            .with(|html| parts::long_text(html, &own.source))
            .raw("</td><td>");
        if let Some(schema) = &own.schema {
            parts::long_text(html, schema);
        }
        html.raw("</td></tr>");
    }
    parts::end_table(html);
}

/// The logged models that it read and made.
fn models(page: &mut Page, tracker: &dyn Tracker, run: &Run) -> Result<()> {
    let read = run.inputs.models.iter().map(|id| (id, "read", None));
    let made = run.outputs.iter().map(|output| (&output.model, "made", Some(output.step)));
    let mut found = Vec::new();
    for (id, how, step) in read.chain(made).take(MOST_MODELS) {
        let model = match tracker.logged_model(id) {
            Ok(model) => Some(model),
            Err(Error::NotFound(_)) => None,
            Err(error) => return Err(error.into()),
        };
        found.push((id.clone(), how, step, model));
    }
    if found.is_empty() {
        return Ok(());
    }
    page.section("models", "Models", |html| {
        parts::table(html, "Models that this run read and made", "list");
        parts::head(html, &["Model", "How", "Step#", "Status", "Files"]);
        for (id, how, step, model) in &found {
            let id: &LoggedModelId = id;
            html.raw("<tr><th scope=\"row\">")
                .text(model.as_ref().map_or(id.as_str(), |own| own.name.as_str()));
            html.raw(" <code>").text(id).raw("</code></th><td>").raw(how).raw("</td><td class=\"n\">");
            if let Some(step) = step {
                html.show(step);
            }
            html.raw("</td><td>")
                .text(model.as_ref().map_or("deleted", |own| own.status.name()).to_lowercase());
            html.raw("</td><td><code>").text(model.as_ref().map_or("", |own| own.artifact_location.as_str()));
            html.raw("</code></td></tr>");
        }
        parts::end_table(html);
    });
    Ok(())
}

/// The runs that are nested in it.
fn nested(page: &mut Page, view: &View<'_>, tracker: &dyn Tracker, run: &Run) -> Result<()> {
    let filter = format!("{} = {}", parts::column("tags", PARENT_TAG), parts::quoted(run.info.id.as_str()));
    let metrics = Selection::keys(run.data.metrics.keys().take(MOST_NESTED_METRICS));
    let search =
        RunSearch::new([run.info.experiment.clone()]).with_filter(filter.as_str()).with_limit(MOST_NESTED);
    let found = tracker.search_runs(&search.with_projection(Projection::info().with_metrics(metrics)))?;
    if found.items.is_empty() {
        return Ok(());
    }
    page.section("nested", "Nested runs", |html| {
        parts::table(html, "Runs that are nested in this one", "list");
        parts::head(html, &["Run", "Started", "Status"]);
        for own in &found.items {
            html.raw("<tr><th scope=\"row\">");
            parts::link(html, &view.link(&["runs", own.info.id.as_str()]), &own.info.name);
            html.raw("</th><td class=\"t\">").with(|html| parts::time(html, own.info.start_time));
            html.raw("</td><td>").with(|html| parts::status(html, own.info.status)).raw("</td></tr>");
        }
        parts::end_table(html);
        let all = super::address::Query::default().with("filter", Some(&filter)).link();
        let all = format!("{}{all}", view.link(&["experiments", run.info.experiment.as_str()]));
        html.raw("<p>").with(|html| parts::link(html, &all, "Show them as a table with metrics")).raw("</p>");
    });
    Ok(())
}

/// The files of one folder, where somebody knows them.
fn files(page: &mut Page, view: &View<'_>, run: &Run) {
    let Some(files) = &view.pages.artifacts else { return };
    let folder = view.query.get("folder").unwrap_or_default();
    let found = files.list(&run.info, folder);
    page.section("files", "Files", |html| {
        let list = match found {
            Ok(list) => list,
            Err(error) => {
                tracing::warn!(%error, "the files of a run cannot be listed");
                html.raw("<p class=\"problem\">They cannot be listed: ")
                    .text(error.context().problem())
                    .raw(".</p>");
                return;
            }
        };
        let within = |folder: &str| {
            let link = view.query.with("folder", Some(folder)).link();
            format!("{}#files", if link.is_empty() { "?" } else { &link })
        };
        if !folder.is_empty() {
            html.raw("<p>In <code>").text(folder).raw("</code> \u{b7} ");
            let above = folder.rsplit_once('/').map_or("", |(above, _)| above);
            parts::link(html, &within(above), "one folder up");
            html.raw("</p>");
        }
        if list.is_empty() {
            html.raw("<p class=\"nothing\">None.</p>");
            return;
        }
        parts::table(html, "Files of this run", "short");
        parts::head(html, &["Name", "Bytes#"]);
        for file in list.iter().take(MOST_FILES) {
            let path = if folder.is_empty() { file.name.clone() } else { format!("{folder}/{}", file.name) };
            html.raw("<tr><th scope=\"row\">");
            match (file.bytes, files.address(&run.info, &path)) {
                (None, _) => parts::link(html, &within(&path), &format!("{}/", file.name)),
                (Some(_), Some(address)) => parts::link(html, &view.link_outside(&address), &file.name),
                (Some(_), None) => parts::said(html, &file.name),
            }
            html.raw("</th><td class=\"n\">");
            if let Some(bytes) = file.bytes {
                html.text(shown::count(bytes));
            }
            html.raw("</td></tr>");
        }
        parts::end_table(html);
    });
}

const CHARTS: usize = 24;
const LEAST_POINTS: usize = 2000;
const MOST_MODELS: usize = 100;
const MOST_NESTED: usize = 100;
const MOST_NESTED_METRICS: usize = 3;
const MOST_FILES: usize = 2000;
