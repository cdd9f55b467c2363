//! What every page has around it: head, navigation, the way to where one is.

use std::sync::Arc;

use http::StatusCode;
use mlcore::registry::Registry;
use mlcore::tracking::Tracker;

use super::address::{self, Query};
use super::html::Html;
use super::trouble::{Result, Trouble};
use super::{Inner, assets};

/// What a page is made from: what there is to show, and what was asked.
pub(super) struct View<'a> {
    pub(super) pages: &'a Inner,
    /// The way back to where all pages begin.
    root: String,
    pub(super) query: Query,
}

impl<'a> View<'a> {
    pub(super) fn new(pages: &'a Inner, path: &str, query: &str) -> Self {
        Self { pages, root: address::root(path), query: Query::read(query) }
    }

    /// The address of a page of ours.
    pub(super) fn link(&self, segments: &[&str]) -> String {
        address::path(&self.root, segments)
    }

    /// The address of something else that the same service answers.
    pub(super) fn link_outside(&self, path: &str) -> String {
        format!("{}../{path}", self.root)
    }

    pub(super) fn tracker(&self) -> Result<&'a Arc<dyn Tracker>> {
        self.pages
            .tracker
            .as_ref()
            .ok_or_else(|| Trouble::not_found("This server keeps no experiments and runs."))
    }

    pub(super) fn registry(&self) -> Result<&'a Arc<dyn Registry>> {
        self.pages
            .registry
            .as_ref()
            .ok_or_else(|| Trouble::not_found("This server has no registry of models."))
    }
}

/// The parts of the navigation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Area {
    Experiments,
    Models,
    Audit,
    Nothing,
}

/// A page: what it is about, and its content.
pub(super) struct Page {
    pub(super) status: StatusCode,
    area: Area,
    title: String,
    /// Names and addresses of what it lies in.
    crumbs: Vec<(String, String)>,
    /// What stands beside the heading.
    pub(super) marks: Html,
    pub(super) body: Html,
}

impl Page {
    pub(super) fn new(area: Area, title: impl Into<String>) -> Self {
        let (status, title, crumbs) = (StatusCode::OK, title.into(), Vec::new());
        Self { status, area, title, crumbs, marks: Html::new(), body: Html::new() }
    }

    /// Says what it lies in, the outermost first.
    pub(super) fn within(mut self, name: impl Into<String>, link: String) -> Self {
        self.crumbs.push((name.into(), link));
        self
    }

    /// A section with a heading, which links can name.
    pub(super) fn section(&mut self, id: &'static str, heading: &str, write: impl FnOnce(&mut Html)) {
        self.body
            .raw("<section aria-labelledby=\"")
            .raw(id)
            .raw("\"><h2 id=\"")
            .raw(id)
            .raw("\">")
            .text(heading)
            .raw("</h2>");
        write(&mut self.body);
        self.body.raw("</section>");
    }

    /// The whole document.
    pub(super) fn into_html(self, view: &View<'_>) -> String {
        let mut html = Html::new();
        html.reserve(4096);
        html.raw("<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>")
            .text(&self.title);
        html.raw(
            " \u{b7} mlcore</title><meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">",
        );
        html.raw("<meta name=\"color-scheme\" content=\"light dark\"><link rel=\"stylesheet\" href=\"");
        html.text(view.link(&["assets", "style.css"])).raw("?v=").text(assets::version());
        html.raw("\"><link rel=\"icon\" type=\"image/svg+xml\" href=\"")
            .text(view.link(&["assets", "icon.svg"]));
        html.raw("\"><script src=\"")
            .text(view.link(&["assets", "page.js"]))
            .raw("?v=")
            .text(assets::version());
        html.raw(
            "\" defer></script></head><body><a class=\"skip\" href=\"#content\">Skip to the content</a>",
        );
        self.navigation(&mut html, view);
        html.raw("<main id=\"content\" tabindex=\"-1\">");
        self.crumbs(&mut html);
        html.raw("<div class=\"title\"><h1>").text(&self.title).raw("</h1>").add(&self.marks).raw("</div>");
        html.add(&self.body).raw("</main><footer>mlcore ").raw(env!("CARGO_PKG_VERSION"));
        html.raw(" \u{b7} times are in UTC \u{b7} pages are only read</footer></body></html>\n");
        html.into_string()
    }

    fn navigation(&self, html: &mut Html, view: &View<'_>) {
        html.raw("<header class=\"bar\"><a class=\"home\" href=\"").text(view.link(&[""]));
        html.raw("\"><svg viewBox=\"0 0 16 16\" aria-hidden=\"true\"><path d=\"M1 12.5 5 6l3.5 3.5L15 2.5\"/></svg>mlcore</a>");
        html.raw("<nav aria-label=\"Main\"><ul>");
        let (tracker, registry) = (view.pages.tracker.is_some(), view.pages.registry.is_some());
        let areas = [
            (Area::Experiments, "Experiments", "experiments", tracker),
            (Area::Models, "Models", "models", registry),
            (Area::Audit, "Audit log", "audit", registry),
        ];
        for (area, name, path, _) in areas.into_iter().filter(|(.., is_there)| *is_there) {
            html.raw("<li><a href=\"").text(view.link(&[path])).raw("\"");
            html.raw_if(self.area == area, " aria-current=\"true\"").raw(">").raw(name).raw("</a></li>");
        }
        html.raw("</ul></nav></header>");
    }

    fn crumbs(&self, html: &mut Html) {
        if self.crumbs.is_empty() {
            return;
        }
        html.raw("<nav class=\"crumbs\" aria-label=\"Where this is\"><ol>");
        for (name, link) in &self.crumbs {
            html.raw("<li><a href=\"").text(link).raw("\">").text(name).raw("</a></li>");
        }
        html.raw("</ol></nav>");
    }
}

/// The page of something that cannot be shown.
pub(super) fn failed(view: &View<'_>, trouble: &Trouble) -> Page {
    let mut page = Page::new(Area::Nothing, trouble.title());
    page.status = trouble.status;
    page.body.raw("<p class=\"lead\">").text(&trouble.message).raw("</p>");
    if let Some(remedy) = &trouble.remedy {
        page.body.raw("<p>What helps: ").text(remedy).raw(".</p>");
    }
    page.body.raw("<p><a href=\"").text(view.link(&[""])).raw("\">Go to the beginning</a></p>");
    page
}
