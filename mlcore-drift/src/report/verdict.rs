//! A verdict as a page: what a monitor says at the end of a window, without pictures of the data.

use super::page::{drift_from, outcome_pill, outcome_tone, probability, rule, thousandths, words};
use crate::html::{
    Align, KeyFigure, Markup, Page, Table, compact, count, details, key_figures, list, paragraph, percent,
};
use crate::monitor::{ColumnVerdict, Outcome, Verdict, Window};

impl Verdict {
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

    /// Summary and tests without title and style, for a section of a [`Page`].
    ///
    /// ```
    /// use std::sync::Arc;
    ///
    /// use mlcore::arrow::array::{ArrayRef, Float64Array, RecordBatch};
    /// use mlcore_drift::html::Page;
    /// use mlcore_drift::monitor::{Monitor, MonitorOptions};
    ///
    /// let age = Float64Array::from_iter_values((0..500).map(f64::from));
    /// let table = RecordBatch::try_from_iter([("age", Arc::new(age) as ArrayRef)])?;
    /// let mut monitor = Monitor::new(&table, &MonitorOptions::default().with_window_rows(500))?;
    /// let verdicts = monitor.observe(&table)?;
    /// let page = Page::new("Night shift").section("Drift", verdicts[0].markup());
    /// assert!(page.to_html().contains("stable"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn markup(&self) -> Markup {
        let tables = self.tables.iter().map(|table| judged(table.outcome, &table.sentence));
        let drifted = self.drifted().map(|column| judged(column.outcome, &column.sentence));
        let notes = self.notes.iter().map(|note| Markup::text(&format!("Note: {note}.")));
        let new = (!self.new_columns.is_empty()).then(|| {
            let names: Vec<String> = self.new_columns.iter().map(|name| crate::text::clipped(name)).collect();
            Markup::text(&format!("Columns that the reference does not have: {}.", names.join(", ")))
        });
        let vanished = (!self.vanished_columns.is_empty()).then(|| {
            let names: Vec<String> =
                self.vanished_columns.iter().map(|name| crate::text::clipped(name)).collect();
            Markup::text(&format!(
                "Columns that were not there, whose rows count as missing: {}.",
                names.join(", ")
            ))
        });
        let skipped = self.skipped.iter().map(|skipped| {
            Markup::text(&format!(
                "{} was not compared: {}",
                crate::text::clipped(&skipped.column),
                skipped.reason
            ))
        });
        let findings: Vec<Markup> =
            drifted.chain(tables).chain(notes).chain(new).chain(vanished).chain(skipped).collect();
        let findings = if findings.is_empty() { Markup::new() } else { list(findings) };
        [self.figures(), findings, self.table(), details("How to read this", paragraph(rule(self)))].into()
    }

    fn page(&self) -> Page {
        let Window { index, first_row, rows } = self.window;
        let lead = format!(
            "Window {index}: {} rows from row {} on, compared with {} of the reference.",
            count(rows),
            count(first_row),
            count(self.reference_rows)
        );
        Page::new("Drift verdict").lead([paragraph(lead), self.markup()])
    }

    fn figures(&self) -> Markup {
        key_figures(&[
            KeyFigure::new("verdict", words(self.overall)).tone(outcome_tone(self.overall)),
            KeyFigure::new("drifted columns", percent(self.share_of_drifted_columns)),
            KeyFigure::new("drift from", drift_from(self)),
            KeyFigure::new("alpha", format!("{} ({})", self.alpha, self.correction)),
        ])
    }

    /// The tests, those that found drift first.
    fn table(&self) -> Markup {
        let mut table = Table::new(&[
            ("column", Align::Left),
            ("", Align::Left),
            ("test", Align::Left),
            ("effect", Align::Right),
            ("threshold", Align::Right),
            ("adjusted p", Align::Right),
        ]);
        let mut tests: Vec<&ColumnVerdict> = self.columns.iter().collect();
        tests.sort_by_key(|test| test.outcome != Outcome::Drifted);
        for test in tests {
            let effect = test.score.as_ref().map(|score| &score.effect);
            let effect = effect.map(|effect| format!("{} {}", effect.name, thousandths(effect.value)));
            table.row([
                crate::text::clipped(&test.column).into(),
                outcome_pill(test.outcome),
                test.test.as_str().into(),
                effect.unwrap_or_else(|| "-".to_owned()).into(),
                compact(Some(test.threshold)).into(),
                probability(test.pvalue_adjusted).into(),
            ]);
        }
        table.markup()
    }
}

/// A sentence behind its judgement.
fn judged(outcome: Outcome, sentence: &str) -> Markup {
    [outcome_pill(outcome), Markup::text(&format!(" {sentence}"))].into()
}
