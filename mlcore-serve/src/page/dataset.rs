//! Some data: who read it, and what was trained on it.

use mlcore::tracking::{ExperimentSearch, Projection, RunSearch};

use super::answer::digest_of;
use super::frame::{Area, Page, View};
use super::trouble::{Result, Trouble};
use super::{lineage, parts};

pub(super) fn page(view: &View<'_>, digest: &str) -> Result<Page> {
    let runs = match &view.pages.tracker {
        Some(tracker) => {
            let experiments = tracker.search_experiments(&ExperimentSearch::default())?.items;
            let filter = format!("datasets.digest = {}", parts::quoted(digest));
            let search = RunSearch::new(experiments.into_iter().map(|own| own.id)).with_filter(filter);
            tracker.search_runs(&search.with_limit(MOST_RUNS).with_projection(Projection::info()))?
        }
        None => mlcore::tracking::Page::new(Vec::new(), None),
    };
    let (versions, is_all) = match (&view.pages.registry, digest_of(digest)) {
        (Some(registry), Some(own)) => {
            lineage::versions_where(&**registry, |version| version.lineage.dataset == Some(own))?
        }
        _ => (Vec::new(), true),
    };
    if runs.items.is_empty() && versions.is_empty() {
        return Err(Trouble::not_found("No run and no version names this data."));
    }
    let mut page = Page::new(Area::Nothing, "Data");
    parts::facts(&mut page.body, |html| {
        parts::fact(html, "Digest", |html| parts::code(html, digest));
    });
    if !runs.items.is_empty() {
        page.section("runs", "Runs that read it", |html| {
            parts::table(html, "Runs that read this data", "list");
            parts::head(html, &["Run", "Started", "Status"]);
            for own in &runs.items {
                html.raw("<tr><th scope=\"row\">");
                parts::link(html, &view.link(&["runs", own.info.id.as_str()]), &own.info.name);
                html.raw("</th><td class=\"t\">").with(|html| parts::time(html, own.info.start_time));
                html.raw("</td><td>").with(|html| parts::status(html, own.info.status)).raw("</td></tr>");
            }
            parts::end_table(html);
            html.raw_if(runs.next.is_some(), "<p class=\"note\">There are more runs.</p>");
        });
    }
    if !versions.is_empty() {
        page.section("versions", "Versions that were trained on it", |html| {
            lineage::list(html, view, "Versions that were trained on this data", &versions);
            lineage::note_rest(html, is_all);
        });
    }
    Ok(page)
}

const MOST_RUNS: usize = 100;
