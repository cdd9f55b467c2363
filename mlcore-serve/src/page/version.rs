//! A version of a model.

use mlcore::name::{ModelName, Version};
use mlcore::registry::{ModelVersion, Registry};
use mlcore::schema::Schema;

use super::frame::{Area, Page, View};
use super::html::Html;
use super::parts::{self, Tone};
use super::trouble::Result;
use super::{lineage, log, model, shown};

pub(super) fn page(view: &View<'_>, name: &ModelName, number: Version) -> Result<Page> {
    let registry = view.registry()?;
    let (model, own) = (registry.model(name)?, registry.version(name, number)?);
    let mut page = Page::new(Area::Models, format!("{}, version {number}", model.title()));
    page = page
        .within("Models", view.link(&["models"]))
        .within(model.title(), view.link(&["models", name.as_str()]));
    parts::stage(&mut page.marks, own.stage);
    if own.is_external() {
        page.marks.raw(" ").with(|html| parts::pill(html, Tone::Neutral, "external"));
    }
    for (alias, _) in registry.aliases(name)?.iter().filter(|(_, version)| *version == number) {
        page.marks.raw(" <span class=\"tag\">").text(alias).raw("</span>");
    }
    about(&mut page.body, &own);
    page.section("metrics", "Metrics", |html| metrics(html, &own));
    origin(&mut page, view, &own);
    descendants(&mut page, view, &**registry, &own)?;
    page.section("inputs", "Inputs", |html| schema(html, "Inputs of the model", &own.signature.inputs));
    if !own.signature.optional.is_empty() {
        page.section("optional", "Optional inputs", |html| {
            schema(html, "Optional inputs of the model", &own.signature.optional);
        });
    }
    page.section("outputs", "Outputs", |html| schema(html, "Outputs of the model", &own.signature.outputs));
    page.section("tags", "Tags", |html| {
        parts::pairs(html, "Tags of this version", ["Tag", "Value"], &own.tags);
    });
    let (entries, is_all) = log::entries_where(&**registry, |entry| log::is_about(entry, name, number))?;
    page.section("log", "Audit log", |html| {
        log::table(html, view, "Last entries about this version", &entries);
        html.raw_if(!is_all, "<p class=\"note\">Older entries are in the audit log.</p>");
    });
    Ok(page)
}

fn about(html: &mut Html, own: &ModelVersion) {
    if !own.description.is_empty() {
        html.raw("<div class=\"prose\">").with(|html| parts::long_text(html, &own.description)).raw("</div>");
    }
    parts::facts(html, |html| {
        parts::fact(html, "Format", |html| parts::said(html, &own.format));
        parts::fact(html, "Created", |html| parts::time(html, own.created_at));
        parts::fact(html, "By", |html| parts::said(html, &own.created_by));
        parts::fact(html, "Changed", |html| parts::time(html, own.updated_at));
        parts::fact(html, "Artifact", |html| parts::code(html, own.artifact.to_hex()));
    });
    if own.is_external() {
        html.raw("<p>Its files are kept elsewhere, in a form that is not checked here: it is neither served nor promoted.</p>");
    }
}

fn metrics(html: &mut Html, own: &ModelVersion) {
    if own.metrics.is_empty() {
        html.raw("<p class=\"nothing\">None.</p>");
        return;
    }
    parts::table(html, "What evaluations found", "pairs");
    parts::head(html, &["Metric", "Value#"]);
    for (name, value) in own.metrics.iter() {
        html.raw("<tr><th scope=\"row\">")
            .text(name)
            .raw("</th><td class=\"n\">")
            .text(shown::exact(value))
            .raw("</td></tr>");
    }
    parts::end_table(html);
}

/// What it was made of.
fn origin(page: &mut Page, view: &View<'_>, own: &ModelVersion) {
    let from = &own.lineage;
    page.section("origin", "Where it came from", |html| {
        parts::facts(html, |html| {
            if let Some(run) = &from.run {
                parts::fact(html, "Run", |html| model::run_link(html, view, run.as_str()));
            }
            if let Some(link) = &from.run_link {
                parts::fact(html, "Page of the run", |html| outside(html, link));
            }
            if let Some(dataset) = &from.dataset {
                let digest = dataset.to_hex();
                parts::fact(html, "Data", |html| {
                    parts::link(html, &view.link(&["datasets", &digest]), &digest);
                });
            }
            if let Some(plan) = &from.plan {
                parts::fact(html, "Feature plan", |html| parts::code(html, plan.hash.to_hex()));
            }
            if let Some(parent) = &from.parent {
                parts::fact(html, "Derived from", |html| {
                    let text = format!("{} {}", parent.model, parent.version);
                    parts::version_link(html, view, parent.model.as_str(), parent.version, &text);
                });
            }
            if let Some(monitor) = &from.monitor {
                parts::fact(html, "Watched against", |html| parts::code(html, monitor.to_hex()));
            }
            if let Some(logged) = &from.logged_model {
                parts::fact(html, "Logged model", |html| parts::code(html, logged));
            }
            if let Some(source) = &from.source {
                parts::fact(html, "Source", |html| outside(html, source));
            }
        });
        if *from == mlcore::registry::Lineage::default() {
            html.raw("<p class=\"nothing\">Nothing is known of that.</p>");
        }
    });
}

/// An address that somebody gave. Only pages of the web are linked: other schemes run or open something.
fn outside(html: &mut Html, address: &str) {
    let is_web = ["http://", "https://"].iter().any(|begin| address.starts_with(begin));
    if is_web && !address.contains(char::is_whitespace) {
        html.raw("<a rel=\"noreferrer noopener external\" href=\"")
            .text(address)
            .raw("\">")
            .text(address)
            .raw("</a>");
    } else {
        html.raw("<code>").text(address).raw("</code>");
    }
}

/// What was made of it.
fn descendants(page: &mut Page, view: &View<'_>, registry: &dyn Registry, own: &ModelVersion) -> Result<()> {
    let (found, is_all) = lineage::versions_where(registry, |other| {
        let parent = other.lineage.parent.as_ref();
        parent.is_some_and(|parent| parent.model == own.model && parent.version == own.version)
    })?;
    if found.is_empty() {
        return Ok(());
    }
    page.section("derived", "What came of it", |html| {
        lineage::list(html, view, "Versions that were derived from this one", &found);
        lineage::note_rest(html, is_all);
    });
    Ok(())
}

fn schema(html: &mut Html, caption: &str, schema: &Schema) {
    if schema.is_empty() {
        html.raw("<p class=\"nothing\">None are known.</p>");
        return;
    }
    parts::table(html, caption, "list");
    parts::head(html, &["Name", "Type", "Shape", "May be missing", "Meaning of the last axis"]);
    for field in schema.fields().iter().take(MOST_FIELDS) {
        html.raw("<tr><th scope=\"row\">")
            .text(field.name())
            .raw("</th><td>")
            .show(field.dtype())
            .raw("</td><td>");
        match field.is_of_any_shape() {
            true => html.raw("any").end(),
            false => {
                let sizes: Vec<String> = field.shape().iter().map(ToString::to_string).collect();
                html.raw("[").text(sizes.join(", ")).raw("]");
            }
        }
        html.raw("</td><td>").raw(if field.is_nullable() { "yes" } else { "no" }).raw("</td><td>");
        parts::long_text(html, &field.labels().join(", "));
        html.raw("</td></tr>");
    }
    parts::end_table(html);
    if schema.len() > MOST_FIELDS {
        let left = shown::count((schema.len() - MOST_FIELDS) as u64);
        html.raw("<p class=\"note\">").text(left).raw(" more are not shown.</p>");
    }
}

const MOST_FIELDS: usize = 2000;
