//! A report as a page.

use super::{ColumnReport, Report};
use crate::html::{
    Align, BarPlot, BarRow, HistogramPlot, KeyFigure, Markup, Page, Table, Tone, compact, count, details,
    key_figures, legend_key, list, paragraph, percent, pill, subheading,
};
use crate::monitor::{ColumnVerdict, Outcome, Verdict};
use crate::sample::Kind;
use crate::two_sample::{DriftTest, Psi};

impl Report {
    /// The report as one self-contained page: no script, nothing loaded, readable in both themes.
    #[must_use]
    pub fn to_html(&self) -> String {
        self.page().to_html()
    }

    /// The report as a piece of another page, such as a notebook's output.
    #[must_use]
    pub fn to_fragment(&self) -> String {
        self.page().to_fragment()
    }

    /// Summary and columns without title and style, for a section of a [`Page`].
    #[must_use]
    pub fn markup(&self) -> Markup {
        [self.figures(), self.summary_table(), self.findings(), self.tables(), legend(), self.cards()].into()
    }

    fn page(&self) -> Page {
        let lead = Markup::block("text lead", &[], self.lead());
        let mut page = Page::new(&self.title)
            .lead([lead, self.figures()])
            .section("Summary", [self.summary_table(), self.findings()]);
        if !self.verdict.tables.is_empty() {
            page = page.section("Whole rows", self.tables());
        }
        page = page.section("Columns", [legend(), self.cards()]);
        if !self.verdict.skipped.is_empty() {
            let skipped = self.verdict.skipped.iter();
            let items =
                skipped.map(|skipped| Markup::text(&format!("{}: {}", skipped.column, skipped.reason)));
            page = page.section("Not compared", list(items));
        }
        page.section("How to read this", how_to_read(self))
    }

    fn lead(&self) -> String {
        let drifted: Vec<&str> = self.drifted().map(|column| column.name.as_str()).collect();
        let all = self.columns.len();
        match drifted.as_slice() {
            [] if self.verdict.overall == Outcome::InsufficientData => {
                "Not enough data to say whether anything changed.".to_owned()
            }
            [] if self.verdict.is_drifted() => {
                format!("None of {all} columns changed by itself, and whole rows did.")
            }
            [] => format!(
                "None of {all} columns changed in a way that is both certain and large enough to matter."
            ),
            names => {
                const SHOWN: usize = 6;
                let shown: Vec<String> =
                    names.iter().take(SHOWN).map(|name| crate::text::clipped(name)).collect();
                let more = if names.len() > SHOWN {
                    format!(" and {} more", names.len() - SHOWN)
                } else {
                    String::new()
                };
                let changed = format!("{} of {all} columns changed: {}{more}", names.len(), shown.join(", "));
                match self.verdict.drift_share {
                    Some(share) if !self.verdict.is_drifted() => {
                        format!("{changed}. They are fewer than the {} that make a drift.", percent(share))
                    }
                    _ => format!("{changed}."),
                }
            }
        }
    }

    /// The tests of whole rows, a sentence each.
    fn tables(&self) -> Markup {
        if self.verdict.tables.is_empty() {
            return Markup::text("");
        }
        let judged = self.verdict.tables.iter();
        list(
            judged.map(|table| {
                [outcome_pill(table.outcome), Markup::text(&format!(" {}", table.sentence))].into()
            }),
        )
    }

    fn figures(&self) -> Markup {
        let drifted = self.drifted().count();
        let tone = if drifted > 0 { Tone::Bad } else { Tone::Good };
        key_figures(&[
            KeyFigure::new("verdict", words(self.verdict.overall)).tone(outcome_tone(self.verdict.overall)),
            KeyFigure::new("drifted columns", format!("{drifted} of {}", self.columns.len())).tone(tone),
            KeyFigure::new("drift from", drift_from(&self.verdict)),
            KeyFigure::new("reference rows", count(self.verdict.reference_rows)),
            KeyFigure::new("current rows", count(self.verdict.window.rows)),
            KeyFigure::new("alpha", format!("{} ({})", self.verdict.alpha, self.verdict.correction)),
        ])
    }

    fn summary_table(&self) -> Markup {
        let mut table = Table::new(&[
            ("column", Align::Left),
            ("", Align::Left),
            ("test", Align::Left),
            ("effect", Align::Right),
            ("threshold", Align::Right),
            ("adjusted p", Align::Right),
            ("PSI", Align::Right),
            ("missing", Align::Right),
        ]);
        for (position, column) in self.columns.iter().enumerate() {
            let link = format!("#{}", self.anchor(position));
            let name = Markup::styled("a", "link", &[("href", &link)], crate::text::clipped(&column.name));
            let test = column.most_urgent_test();
            let score = test.and_then(|test| test.score.as_ref());
            table.row([
                name,
                outcome_pill(column.outcome),
                test.map_or("-", |test| &test.test).into(),
                score
                    .map_or_else(
                        || "-".to_owned(),
                        |s| format!("{} {}", s.effect.name, thousandths(s.effect.value)),
                    )
                    .into(),
                compact(test.map(|test| test.threshold)).into(),
                probability(test.and_then(|test| test.pvalue_adjusted)).into(),
                column.psi.map_or_else(|| "-".to_owned(), |psi| thousandths(psi.psi)).into(),
                column.missing().into(),
            ]);
        }
        table.markup()
    }

    /// What is new or gone, beside the columns, and what all p-values depend on.
    fn findings(&self) -> Markup {
        let notes = self.verdict.notes.iter().map(|note| paragraph(format!("Note: {note}.")));
        let notes: Markup = notes.collect();
        if self.verdict.new_columns.is_empty() {
            return notes;
        }
        let names: Vec<String> =
            self.verdict.new_columns.iter().map(|name| crate::text::clipped(name)).collect();
        let new = paragraph(format!("Columns that the reference does not have: {}.", names.join(", ")));
        [notes, new].into()
    }

    fn cards(&self) -> Markup {
        let cards =
            self.columns.iter().enumerate().map(|(position, column)| column.card(&self.anchor(position)));
        Markup::block("cards", &[], cards.collect::<Markup>())
    }

    /// An id that two reports on one page do not share, unless they are the same.
    fn anchor(&self, position: usize) -> String {
        let identity = format!("{} {:?} {:?}", self.title, self.verdict.window, self.verdict.reference_rows);
        let hash = identity.bytes().fold(0xCBF2_9CE4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3)
        });
        format!("column-{:08x}-{position}", hash as u32)
    }
}

impl ColumnReport {
    /// The test that explains the column's judgement.
    fn most_urgent_test(&self) -> Option<&ColumnVerdict> {
        let drifted = self.tests.iter().find(|test| test.outcome == Outcome::Drifted);
        drifted.or_else(|| self.tests.first())
    }

    fn card(&self, anchor: &str) -> Markup {
        let class = if self.outcome == Outcome::Drifted { "card bad" } else { "card" };
        let name = subheading(&crate::text::clipped(&self.name));
        let head = Markup::block("top", &[], [name, outcome_pill(self.outcome)]);
        let mut tests: Vec<&ColumnVerdict> = self.tests.iter().collect();
        tests.sort_by_key(|test| test.outcome != Outcome::Drifted);
        let sentences = tests.into_iter().map(|test| paragraph(self.without_name(&test.sentence))).collect();
        let attributes = [("role", "article"), ("id", anchor)];
        Markup::block(class, &attributes, [head, self.plot(), sentences, self.moments()])
    }

    /// A sentence as it reads below the column's name.
    fn without_name(&self, sentence: &str) -> String {
        let rest = sentence.strip_prefix(self.name.as_str()).and_then(|rest| rest.strip_prefix(": "));
        let rest = rest.unwrap_or(sentence);
        let mut letters = rest.chars();
        letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
    }

    fn missing(&self) -> String {
        match (self.reference_missing_rate, self.current_missing_rate) {
            (0.0, 0.0) => "none".to_owned(),
            (before, after) => format!("{} \u{2192} {}", percent(before), percent(after)),
        }
    }

    fn plot(&self) -> Markup {
        if let Some(histogram) = &self.histogram {
            let largest_tail = [histogram.below, histogram.above].concat().into_iter().fold(0.0, f64::max);
            let plot = HistogramPlot::new(
                format!("Histograms of {}: reference and current", self.name),
                &histogram.edges,
                &histogram.reference,
                &histogram.current,
            );
            let mut markup = plot.markup();
            if largest_tail >= WORTH_MENTIONING {
                let [[below_r, below_c], [above_r, above_c]] = [histogram.below, histogram.above];
                let text = format!(
                    "Beyond the picture: below {} / {}, above {} / {} (reference / current).",
                    percent(below_r),
                    percent(below_c),
                    percent(above_r),
                    percent(above_c)
                );
                markup.push(Markup::block("text muted", &[], text));
            }
            return markup;
        }
        if self.categories.is_empty() {
            return Markup::new();
        }
        let rows = self.categories.iter().map(|row| BarRow::new(&row.category, row.reference, row.current));
        let description = format!("Shares of the categories of {}: reference and current", self.name);
        let mut markup = BarPlot::new(description, rows.collect::<Vec<_>>()).markup();
        if self.other_categories > 0 {
            let text = format!("{} more categories are not shown.", count(self.other_categories));
            markup.push(Markup::block("text muted", &[], text));
        }
        markup
    }

    fn moments(&self) -> Markup {
        let (Some(reference), Some(current), Kind::Numeric) =
            (&self.reference_moments, &self.current_moments, self.kind)
        else {
            return Markup::new();
        };
        let mut table = Table::new(&[
            ("", Align::Left),
            ("mean", Align::Right),
            ("sd", Align::Right),
            ("min", Align::Right),
            ("25 %", Align::Right),
            ("median", Align::Right),
            ("75 %", Align::Right),
            ("max", Align::Right),
        ]);
        for (name, moments) in [("reference", reference), ("current", current)] {
            let figures = [
                moments.mean,
                moments.standard_deviation,
                moments.min,
                moments.lower_quartile,
                moments.median,
                moments.upper_quartile,
                moments.max,
            ];
            let cells = figures.map(|figure| Markup::text(&compact(figure)));
            table.row([Markup::text(name)].into_iter().chain(cells));
        }
        table.markup()
    }
}

/// How many columns make the whole a drift.
pub(super) fn drift_from(verdict: &Verdict) -> String {
    verdict
        .drift_share
        .map_or_else(|| "one column".to_owned(), |share| format!("{} of columns", percent(share)))
}

/// What makes the whole a drift, in a sentence.
pub(super) fn rule(verdict: &Verdict) -> String {
    let columns = match verdict.drift_share {
        None => "any column did".to_owned(),
        Some(share) => format!("at least {} of the columns did", percent(share)),
    };
    format!("The data as a whole drifted if {columns}, or a test of whole rows says so.")
}

/// The picture spans the central 99 %; a tail with more than this is said in words.
const WORTH_MENTIONING: f64 = 0.02;

/// An effect size as it is read: three digits after the point.
pub(super) fn thousandths(value: f64) -> String {
    if value.abs() > 0.0 && value.abs() < 0.0005 { "< 0.001".to_owned() } else { format!("{value:.3}") }
}

fn legend() -> Markup {
    let keys = [legend_key("reference", "reference"), legend_key("current", "current")];
    Markup::block("legend", &[], keys)
}

pub(super) fn outcome_tone(outcome: Outcome) -> Tone {
    match outcome {
        Outcome::Drifted => Tone::Bad,
        Outcome::Stable => Tone::Good,
        Outcome::InsufficientData => Tone::Neutral,
    }
}

pub(super) fn outcome_pill(outcome: Outcome) -> Markup {
    pill(&words(outcome), outcome_tone(outcome))
}

pub(super) fn words(outcome: Outcome) -> String {
    outcome.name().replace('_', " ")
}

pub(super) fn probability(pvalue: Option<f64>) -> String {
    match pvalue {
        None => "-".to_owned(),
        Some(0.0) => "< 1e-300".to_owned(),
        Some(p) if p >= 0.001 => format!("{p:.3}"),
        Some(p) => format!("{p:.1e}"),
    }
}

fn how_to_read(report: &Report) -> Markup {
    let alpha = report.verdict.alpha;
    let judgement = format!(
        "A column drifted if its change is both certain (the p-value, corrected for all tests of this page, is at most {alpha}) \
         and large (the effect size reaches the threshold). Either alone is worthless: with enough rows every column \
         changes \u{201c}significantly\u{201d}, and with few rows every effect looks large. P-values are those of rows that do \
         not depend on each other."
    );
    // Each column shows the stability index beside its tests.
    let psi = Psi::default();
    let of_psi = (!report.legends.contains_key(psi.name())).then(|| psi.legend().to_owned());
    let effects = list(report.legends.values().cloned().chain(of_psi).map(|legend| Markup::text(&legend)));
    [paragraph(judgement), paragraph(rule(&report.verdict)), details("What the numbers mean", effects)].into()
}
