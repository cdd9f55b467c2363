//! A whole page, or the piece of one.

use super::Markup;

const STYLE: &str = include_str!("style.css");

/// A self-contained page: a title, a line of explanation, sections.
#[derive(Clone, Debug)]
pub struct Page {
    title: String,
    lead: Markup,
    sections: Vec<Markup>,
}

impl Page {
    /// An empty page.
    #[must_use]
    pub fn new(title: impl Into<String>) -> Self {
        Self { title: title.into(), lead: Markup::new(), sections: Vec::new() }
    }

    /// Sets what stands below the title: what the page is about and what came out.
    #[must_use]
    pub fn lead(mut self, lead: impl Into<Markup>) -> Self {
        self.lead = lead.into();
        self
    }

    /// Appends a section with a heading.
    #[must_use]
    pub fn section(mut self, heading: &str, content: impl Into<Markup>) -> Self {
        let title = Markup::block("heading", &[("role", "heading"), ("aria-level", "2")], heading);
        let section = [("role", "region"), ("aria-label", heading)];
        self.sections.push(Markup::block("section", &section, [title, content.into()]));
        self
    }

    /// The page as an HTML document. Nothing in it is loaded or executed.
    #[must_use]
    pub fn to_html(&self) -> String {
        let head = Markup::from([
            Markup::empty_element("meta", &[("charset", "utf-8")]),
            Markup::empty_element(
                "meta",
                &[
                    ("http-equiv", "Content-Security-Policy"),
                    ("content", "default-src 'none'; style-src 'unsafe-inline'"),
                ],
            ),
            Markup::empty_element(
                "meta",
                &[("name", "viewport"), ("content", "width=device-width, initial-scale=1")],
            ),
            Markup::empty_element("meta", &[("name", "color-scheme"), ("content", "light dark")]),
            Markup::element("title", &[], self.title.as_str()),
            Markup::element("style", &[], Markup::trusted(STYLE)),
        ]);
        let body = Markup::element("body", &[("class", "mlcore mlcore-page")], self.content("main"));
        let html = Markup::element("html", &[("lang", "en")], [Markup::element("head", &[], head), body]);
        format!("<!DOCTYPE html>\n{}\n", html.as_str())
    }

    /// The page as a piece of another one, such as a notebook's output; its style touches nothing outside of it.
    #[must_use]
    pub fn to_fragment(&self) -> String {
        let style = Markup::element("style", &[], Markup::trusted(STYLE));
        Markup::element("div", &[("class", "mlcore")], [style, self.content("group")]).into_string()
    }

    fn content(&self, role: &str) -> Markup {
        let title = [("role", "heading"), ("aria-level", "1")];
        let mut content = Markup::block("title", &title, self.title.as_str());
        content.push(self.lead.clone());
        self.sections.iter().for_each(|section| content.push(section.clone()));
        Markup::block("content", &[("role", role)], content)
    }
}
