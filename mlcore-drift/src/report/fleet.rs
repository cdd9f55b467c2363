//! A fleet's verdict as a page: what all replicas saw together, and what each of them saw of it.

use crate::html::{Align, Markup, Page, Table, count, paragraph, percent};
use crate::monitor::FleetVerdict;

impl FleetVerdict {
    /// The verdict as one self-contained page: no script, nothing loaded, readable in both themes.
    #[must_use]
    pub fn to_html(&self) -> String {
        self.page().to_html()
    }

    /// The verdict as a piece of another page, such as a notebook's output.
    #[must_use]
    pub fn to_fragment(&self) -> String {
        self.page().to_fragment()
    }

    /// Summary, tests and replicas without title and style, for a section of a [`Page`].
    #[must_use]
    pub fn markup(&self) -> Markup {
        [self.verdict.markup(), self.rows_by_replica()].into()
    }

    fn page(&self) -> Page {
        let lead = format!(
            "Window {}: {} rows of {} replicas, compared with {} of the reference.",
            self.verdict.window.index,
            count(self.verdict.window.rows),
            count(self.replicas.len() as u64),
            count(self.verdict.reference_rows)
        );
        let page = Page::new("Drift verdict of a fleet").lead([paragraph(lead), self.verdict.markup()]);
        page.section("Replicas", self.rows_by_replica())
    }

    /// The rows of each replica, and their share of the window.
    fn rows_by_replica(&self) -> Markup {
        let mut table =
            Table::new(&[("replica", Align::Left), ("rows", Align::Right), ("share", Align::Right)]);
        let total = self.verdict.window.rows.max(1) as f64;
        for (replica, rows) in &self.replicas {
            let share = percent(*rows as f64 / total);
            table.row([crate::text::clipped(replica).into(), count(*rows).into(), share.into()]);
        }
        table.markup()
    }
}
