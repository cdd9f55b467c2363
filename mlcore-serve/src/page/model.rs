//! A registered model: its versions, its aliases, and where these pointed when.

use std::collections::{BTreeMap, BTreeSet};

use mlcore::name::{Alias, ModelName, Version};
use mlcore::registry::{AliasChange, Model, ModelVersion, Registry, RegistryExt as _, VersionSearch};

use super::chart::{Along, Chart, Series, Size};
use super::frame::{Area, Page, View};
use super::html::Html;
use super::trouble::Result;
use super::{log, parts};

pub(super) fn page(view: &View<'_>, name: &ModelName) -> Result<Page> {
    let registry = view.registry()?;
    let model = registry.model(name)?;
    let mut page = Page::new(Area::Models, model.title()).within("Models", view.link(&["models"]));
    about(&mut page.body, view, &model);
    let aliases = registry.aliases(name)?;
    versions(&mut page, view, &**registry, &model, &aliases)?;
    history(&mut page, view, &**registry, name, &aliases)?;
    page.section("tags", "Tags", |html| {
        parts::pairs(html, "Tags of this model", ["Tag", "Value"], &model.tags);
    });
    let (entries, is_all) = log::entries_where(&**registry, |entry| entry.event.model() == name)?;
    page.section("log", "Audit log", |html| {
        log::table(html, view, "Last entries about this model", &entries);
        html.raw_if(!is_all, "<p class=\"note\">Older entries are in the audit log.</p>");
    });
    Ok(page)
}

fn about(html: &mut Html, view: &View<'_>, model: &Model) {
    if !model.description.is_empty() {
        html.raw("<div class=\"prose\">")
            .with(|html| parts::long_text(html, &model.description))
            .raw("</div>");
    }
    parts::facts(html, |html| {
        if model.title.is_some() {
            parts::fact(html, "Name", |html| parts::code(html, &model.name));
        }
        if let Some(version) = model.production {
            parts::fact(html, "In production", |html| {
                parts::version_link(html, view, model.name.as_str(), version, &format!("version {version}"));
            });
        }
        parts::fact(html, "Created", |html| parts::time(html, model.created_at));
        parts::fact(html, "By", |html| parts::said(html, &model.created_by));
        parts::fact(html, "Changed", |html| parts::time(html, model.updated_at));
    });
}

fn versions(
    page: &mut Page,
    view: &View<'_>,
    registry: &dyn Registry,
    model: &Model,
    aliases: &[(Alias, Version)],
) -> Result<()> {
    let filter = format!("name = {}", parts::quoted(model.title()));
    let search =
        VersionSearch::default().with_filter(filter).with_order("version_number DESC").with_limit(ROWS);
    let found = registry.search_versions(&search.with_page(parts::page_token(view)?))?;
    page.section("versions", "Versions", |html| {
        if found.items.is_empty() {
            html.raw("<p class=\"nothing\">There are no versions yet.</p>");
            return;
        }
        let metrics = metrics(&found.items);
        parts::table(html, "Versions of this model, the last first", "list");
        html.raw("<thead><tr><th scope=\"col\" class=\"n\">Version</th><th scope=\"col\">Stage</th><th scope=\"col\">Aliases</th>");
        for metric in &metrics {
            html.raw("<th scope=\"col\" class=\"n\">").text(metric).raw("</th>");
        }
        html.raw("<th scope=\"col\">Created</th><th scope=\"col\">By</th><th scope=\"col\">Run</th></tr></thead><tbody>");
        found.items.iter().for_each(|own| row(html, view, own, aliases, &metrics));
        parts::end_table(html);
        parts::pager(html, view, found.next.as_ref());
    });
    Ok(())
}

/// The metrics that versions have: as many as fit.
fn metrics(versions: &[ModelVersion]) -> Vec<String> {
    let all: BTreeSet<&str> =
        versions.iter().flat_map(|own| own.metrics.iter().map(|(name, _)| name)).collect();
    all.into_iter().take(MOST_METRICS).map(str::to_owned).collect()
}

fn row(
    html: &mut Html,
    view: &View<'_>,
    own: &ModelVersion,
    aliases: &[(Alias, Version)],
    metrics: &[String],
) {
    html.raw("<tr><th scope=\"row\" class=\"n\">");
    parts::version_link(html, view, own.model.as_str(), own.version, &own.version.to_string());
    html.raw("</th><td>").with(|html| parts::stage(html, own.stage));
    if own.is_external() {
        html.raw(" ").with(|html| parts::pill(html, parts::Tone::Neutral, "external"));
    }
    html.raw("</td><td>");
    for (alias, _) in aliases.iter().filter(|(_, version)| *version == own.version) {
        html.raw("<span class=\"tag\">").text(alias).raw("</span> ");
    }
    html.raw("</td>");
    for metric in metrics {
        html.raw("<td class=\"n\">");
        if let Some(value) = own.metrics.value(metric) {
            html.text(super::shown::aligned(value));
        }
        html.raw("</td>");
    }
    html.raw("<td class=\"t\">")
        .with(|html| parts::time(html, own.created_at))
        .raw("</td><td>")
        .text(&own.created_by)
        .raw("</td><td>");
    if let Some(run) = &own.lineage.run {
        run_link(html, view, run.as_str());
    }
    html.raw("</td></tr>");
}

/// A run by its id, which leads to its page where runs are shown.
pub(super) fn run_link(html: &mut Html, view: &View<'_>, run: &str) {
    match view.pages.tracker.is_some() {
        true => parts::link(html, &view.link(&["runs", run]), run),
        false => parts::code(html, run),
    }
}

/// Every move of every alias that is set, as a table and as a chart.
fn history(
    page: &mut Page,
    view: &View<'_>,
    registry: &dyn Registry,
    name: &ModelName,
    aliases: &[(Alias, Version)],
) -> Result<()> {
    let mut histories: BTreeMap<&Alias, Vec<AliasChange>> = BTreeMap::new();
    for (alias, _) in aliases.iter().take(MOST_ALIASES) {
        histories.insert(alias, registry.alias_history(name, alias)?);
    }
    if histories.is_empty() {
        return Ok(());
    }
    page.section("aliases", "Aliases over time", |html| {
        let series = histories.iter().map(|(alias, moves)| Series {
            name: alias.to_string(),
            link: None,
            points: points(moves),
        });
        let mut chart = Chart::new("Version that an alias means", Along::Time, series.collect());
        (chart.holds, chart.size) = (true, Size::Large);
        chart.write(html);
        parts::table(html, "Moves of the aliases, the last first", "list");
        parts::head(html, &["Alias", "Time", "From", "To", "By", "Why", "Entry#"]);
        let mut moves: Vec<(&Alias, &AliasChange)> =
            histories.iter().flat_map(|(alias, moves)| moves.iter().map(|moved| (*alias, moved))).collect();
        moves.sort_by_key(|(_, moved)| std::cmp::Reverse(moved.sequence));
        for (alias, moved) in moves.into_iter().take(MOST_MOVES) {
            html.raw("<tr><th scope=\"row\">").text(alias).raw("</th><td class=\"t\">");
            html.with(|html| parts::time(html, moved.at));
            for version in [moved.moved.from, moved.moved.to] {
                html.raw("</td><td>");
                match version {
                    Some(version) => html.raw("version ").show(version).end(),
                    None => html.raw("nothing").end(),
                }
            }
            html.raw("</td><td>")
                .text(&moved.actor)
                .raw("</td><td>")
                .raw_if(moved.rolled_back, "<span class=\"pill neutral\">rolled back</span> ");
            parts::long_text(html, moved.reason.as_deref().unwrap_or_default());
            html.raw("</td><td class=\"n\">");
            let entry = moved.sequence.to_string();
            parts::link(html, &view.link(&["audit", &entry]), &entry);
            html.raw("</td></tr>");
        }
        parts::end_table(html);
    });
    Ok(())
}

/// When an alias began to mean which version; nothing while it meant none.
fn points(moves: &[AliasChange]) -> Vec<(f64, f64)> {
    let milliseconds = |moved: &AliasChange| moved.effective_at.as_micros() as f64 / 1000.0;
    moves
        .iter()
        .map(|own| (milliseconds(own), own.target().map_or(f64::NAN, |version| version.get() as f64)))
        .collect()
}

const ROWS: usize = 100;
const MOST_METRICS: usize = 5;
const MOST_ALIASES: usize = 12;
const MOST_MOVES: usize = 200;
