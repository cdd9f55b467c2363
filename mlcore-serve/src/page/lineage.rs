//! What versions came of: asked from the other end, of runs, data and versions.

use mlcore::name::{ModelName, RunId, Version};
use mlcore::registry::{ModelVersion, Registry, RegistryExt as _, VersionSearch};

use super::frame::View;
use super::html::Html;
use super::parts;
use super::trouble::Result;

/// The versions that a run made.
pub(super) fn versions_of_run(view: &View<'_>, run: &RunId) -> Result<Vec<ModelVersion>> {
    let Some(registry) = &view.pages.registry else { return Ok(Vec::new()) };
    let filter = format!("run_id = {}", parts::quoted(run.as_str()));
    Ok(registry.search_versions(&VersionSearch::default().with_filter(filter).with_limit(MOST_LISTED))?.items)
}

/// The versions that something holds for, of all that there are: the first ones, and whether all were looked at.
pub(super) fn versions_where(
    registry: &dyn Registry,
    holds: impl Fn(&ModelVersion) -> bool,
) -> Result<(Vec<ModelVersion>, bool)> {
    let (mut found, mut looked_at) = (Vec::new(), 0);
    let mut model: Option<ModelName> = None;
    loop {
        let models = registry.models(model.as_ref(), PAGE)?;
        let Some(last) = models.last() else { return Ok((found, true)) };
        model = Some(last.name.clone());
        for own in &models {
            let mut after: Option<Version> = None;
            loop {
                mlcore::interrupt::check("read registry")?;
                let versions = registry.versions(&own.name, after, PAGE)?;
                let Some(last) = versions.last() else { break };
                after = Some(last.version);
                looked_at += versions.len();
                let is_last = versions.len() < PAGE;
                found.extend(versions.into_iter().filter(&holds));
                if found.len() > MOST_LISTED || looked_at > MOST_LOOKED_AT {
                    found.truncate(MOST_LISTED);
                    return Ok((found, false));
                }
                if is_last {
                    break;
                }
            }
        }
    }
}

/// Versions of any models as a table.
pub(super) fn list(html: &mut Html, view: &View<'_>, caption: &str, versions: &[ModelVersion]) {
    parts::table(html, caption, "list");
    parts::head(html, &["Version", "Stage", "Created", "By"]);
    for own in versions {
        html.raw("<tr><th scope=\"row\">");
        parts::version_link(
            html,
            view,
            own.model.as_str(),
            own.version,
            &format!("{} {}", own.model, own.version),
        );
        html.raw("</th><td>").with(|html| parts::stage(html, own.stage)).raw("</td><td class=\"t\">");
        parts::time(html, own.created_at);
        html.raw("</td><td>").text(&own.created_by).raw("</td></tr>");
    }
    parts::end_table(html);
}

/// Says that not everything was looked at.
pub(super) fn note_rest(html: &mut Html, is_all: bool) {
    html.raw_if(!is_all, "<p class=\"note\">There are more versions than were looked at.</p>");
}

const PAGE: usize = 1000;
const MOST_LISTED: usize = 200;
const MOST_LOOKED_AT: usize = 50_000;
