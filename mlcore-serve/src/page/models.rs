//! The list of registered models.

use mlcore::Error;
use mlcore::registry::{Model, ModelSearch, Registry, RegistryExt as _};

use super::frame::{Area, Page, View};
use super::html::Html;
use super::parts::{self, Heading, Input};
use super::shown;
use super::trouble::Result;

pub(super) fn page(view: &View<'_>) -> Result<Page> {
    let registry = view.registry()?;
    let mut search = ModelSearch::default().with_limit(ROWS).with_page(parts::page_token(view)?);
    if let Some(order) = view.query.get("order") {
        search = search.with_order(order);
    }
    search = search.with_filter(filter(view));
    let mut page = Page::new(Area::Models, "Models");
    let found = match registry.search_models(&search) {
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
    table(&mut page.body, view, &**registry, &found.items)?;
    parts::pager(&mut page.body, view, found.next.as_ref());
    Ok(page)
}

fn filter(view: &View<'_>) -> String {
    let own = view.query.get("filter").unwrap_or_default();
    match view.query.get("name") {
        Some(part) => {
            let name = format!("name ILIKE {}", parts::quoted(&format!("%{part}%")));
            if own.trim().is_empty() { name } else { format!("{own} AND {name}") }
        }
        None => own.to_owned(),
    }
}

fn form(html: &mut Html, view: &View<'_>, error: Option<&Error>) {
    html.raw("<form class=\"search\" method=\"get\" role=\"search\">");
    Input { name: "name", label: "Name contains", example: "", error: None }.write(html, view);
    let example = "tags.team = &#39;growth&#39; AND created_by = &#39;ana&#39;";
    Input { name: "filter", label: "Filter", example, error }.write(html, view);
    parts::hidden(html, view, &["order"]);
    html.raw("<button type=\"submit\">Search</button></form>");
    if let Some(error) = error {
        parts::search_error(html, view, error);
    }
}

fn table(html: &mut Html, view: &View<'_>, registry: &dyn Registry, models: &[Model]) -> Result<()> {
    parts::table(html, "Registered models", "list");
    html.raw("<thead><tr>");
    Heading { text: "Model", column: "name", is_number: false, falls_first: false }.write(html, view);
    html.raw("<th scope=\"col\" class=\"n\">Last version</th><th scope=\"col\">In production</th><th scope=\"col\">Aliases</th>");
    Heading { text: "Changed", column: "last_updated_timestamp", is_number: false, falls_first: true }
        .write(html, view);
    html.raw("<th scope=\"col\">Description</th></tr></thead><tbody>");
    for model in models {
        let name = model.name.as_str();
        html.raw("<tr><th scope=\"row\">");
        parts::link(html, &view.link(&["models", name]), model.title());
        html.raw("</th><td class=\"n\">");
        if let Some(last) = model.last_version {
            html.show(last);
        }
        html.raw("</td><td>");
        if let Some(version) = model.production {
            parts::version_link(html, view, name, version, &format!("version {version}"));
        }
        html.raw("</td><td>");
        for (alias, version) in registry.aliases(&model.name)? {
            html.raw("<span class=\"tag\">").text(alias).raw(" \u{2192} ");
            parts::version_link(html, view, name, version, &version.to_string());
            html.raw("</span> ");
        }
        html.raw("</td><td class=\"t\">").with(|html| parts::time(html, model.updated_at)).raw("</td><td>");
        let (begin, is_all) = shown::beginning(&model.description, MOST_DESCRIPTION_CHARS);
        html.text(begin).raw_if(!is_all, "\u{2026}").raw("</td></tr>");
    }
    parts::end_table(html);
    Ok(())
}

fn nothing(html: &mut Html, view: &View<'_>) {
    if ["name", "filter", "page"].iter().any(|name| view.query.has(name)) {
        html.raw("<p class=\"nothing\">No model is as you ask for.</p>");
        return;
    }
    html.raw(
        "<div class=\"empty\"><h2>There are no models yet</h2><p>Register a first one from Python:</p><pre>",
    );
    html.text(FIRST_MODEL)
        .raw("</pre><p>or from Rust with <code>register</code>. It is shown here then.</p></div>");
}

const FIRST_MODEL: &str = "import mlcore

registry = mlcore.Registry(\"sqlite:///registry.db\", actor=\"ana\")
registry.register(\"churn\", open(\"model.onnx\", \"rb\").read())
";
const ROWS: usize = 100;
const MOST_DESCRIPTION_CHARS: usize = 140;
