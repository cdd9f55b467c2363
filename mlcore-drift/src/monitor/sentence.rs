//! A judgement and its reasons in plain words.

use std::fmt::{self, Write};

use mlcore::stats::Correction;

use super::options::MonitorOptions;
use super::verdict::{ColumnVerdict, Outcome, TableVerdict};
use crate::table::TableScore;
use crate::text::{Grouped, Percent, clipped};
use crate::two_sample::{LooksFor, MOST_EXAMPLES, Score};

/// What judgements were made by.
pub(super) struct Level {
    pub(super) alpha: f64,
    pub(super) correction: Correction,
    pub(super) min_samples: u64,
}

impl Level {
    pub(super) fn of(options: &MonitorOptions) -> Self {
        Self { alpha: options.alpha, correction: options.correction, min_samples: options.min_samples }
    }
}

/// Effect size, threshold, rows and adjusted p-value, in a sentence that says which of them decided.
pub(super) fn sentence(verdict: &ColumnVerdict, looks_for: LooksFor, level: &Level) -> String {
    let Some(score) = &verdict.score else {
        let (column, test, fewest) = (&verdict.column, &verdict.test, level.min_samples);
        return format!("{column}: not judged by {test}, fewer than {fewest} values on one side.");
    };
    if verdict.outcome == Outcome::InsufficientData {
        let replaced = Probability(score.replaced_pvalue.unwrap_or(1.0));
        let mut text = format!(
            "{}: not judged by {}, its values are seldom equal: had all of them been replaced by others, p would be {}.",
            verdict.column,
            verdict.test,
            replaced.to_string().trim_start_matches("= "),
        );
        // Writing to a String does not fail.
        let _ = score.notes.iter().try_for_each(|note| write!(text, " Note: {note}."));
        return text;
    }
    let subject = match looks_for {
        LooksFor::Shift => "the distribution",
        LooksFor::Spread => "the spread",
        LooksFor::MissingRows => "the share of missing rows",
    };
    let mut text = String::with_capacity(USUAL_LEN);
    text.push_str(&verdict.column);
    text.push_str(": ");
    text.push_str(subject);
    let judged = Judged {
        score,
        outcome: verdict.outcome,
        pvalue_adjusted: verdict.pvalue_adjusted,
        threshold: verdict.threshold,
        unit: "values",
    };
    // Writing to a String does not fail.
    let _ = judged.write(&mut text, level);
    text
}

/// The same of whole rows, with the columns that carry the change.
pub(super) fn table_sentence(verdict: &TableVerdict, level: &Level) -> String {
    let Some(TableScore { score, columns, .. }) = &verdict.score else {
        return format!("whole rows: not judged by {}, {}.", verdict.test, verdict.sentence);
    };
    let mut text = "whole rows: the joint distribution".to_owned();
    let judged = Judged {
        score,
        outcome: verdict.outcome,
        pvalue_adjusted: verdict.pvalue_adjusted,
        threshold: verdict.threshold,
        unit: "rows",
    };
    let _ = judged.write(&mut text, level);
    if verdict.outcome == Outcome::Drifted {
        let carriers: Vec<String> = columns
            .iter()
            .take(MOST_EXAMPLES)
            .map(|part| format!("{} {}", clipped(&part.column), Percent(part.share)))
            .collect();
        let _ = write!(text, " Gone without the column: {}.", carriers.join(", "));
    }
    text
}

/// What a sentence is about.
struct Judged<'a> {
    score: &'a Score,
    outcome: Outcome,
    pvalue_adjusted: Option<f64>,
    threshold: f64,
    unit: &'static str,
}

impl Judged<'_> {
    fn write(&self, text: &mut String, level: &Level) -> fmt::Result {
        let Self { score, outcome, pvalue_adjusted, threshold, unit } = self;
        let large = score.effect.value >= *threshold;
        let certain = pvalue_adjusted.is_none_or(|p| p <= level.alpha);
        let judgement = match outcome {
            Outcome::Drifted => " changed: ",
            Outcome::Stable | Outcome::InsufficientData if certain && !large => {
                " changed too little to matter: "
            }
            Outcome::Stable | Outcome::InsufficientData if large => " may have changed, or it is chance: ",
            Outcome::Stable | Outcome::InsufficientData => " is unchanged: ",
        };
        text.push_str(judgement);
        let (current, reference) = (Grouped(score.current_len), Grouped(score.reference_len));
        write!(text, "{}; {current} {unit} against {reference}; ", Effect(score, *threshold))?;
        match pvalue_adjusted {
            Some(p) => {
                let correction = level.correction.name();
                write!(text, "adjusted p {}, alpha = {}, {correction}.", Probability(*p), level.alpha)?;
            }
            None => text.push_str("judged by its size alone."),
        }
        score.notes.iter().try_for_each(|note| write!(text, " Note: {note}."))
    }
}

/// Enough for most sentences without a note.
const USUAL_LEN: usize = 192;

struct Effect<'a>(&'a Score, f64);

impl fmt::Display for Effect<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (value, threshold) = (self.0.effect.value, self.1);
        let relation = if value >= threshold { "at least" } else { "below" };
        write!(f, "{} = {value:.3}, {relation} the threshold {threshold}", self.0.effect.name)
    }
}

/// A p-value to two digits, however small.
struct Probability(f64);

impl fmt::Display for Probability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            p if p >= 0.001 => write!(f, "= {p:.3}"),
            0.0 => f.write_str("< 1e-300"),
            p => write!(f, "= {p:.1e}"),
        }
    }
}
