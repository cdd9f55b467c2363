//! A judgement and its reasons in plain words.

use std::fmt::{self, Write};

use super::options::MonitorOptions;
use super::verdict::{ColumnVerdict, Outcome};
use crate::text::Grouped;
use crate::two_sample::{LooksFor, Score};

/// Effect size, threshold, rows and adjusted p-value, in a sentence that says which of them decided.
pub(super) fn sentence(verdict: &ColumnVerdict, looks_for: LooksFor, options: &MonitorOptions) -> String {
    let mut text = String::with_capacity(USUAL_LEN);
    // Writing to a String does not fail.
    let _ = write_sentence(&mut text, verdict, looks_for, options);
    text
}

fn write_sentence(
    text: &mut String,
    verdict: &ColumnVerdict,
    looks_for: LooksFor,
    options: &MonitorOptions,
) -> fmt::Result {
    text.push_str(&verdict.column);
    text.push_str(": ");
    let Some(score) = &verdict.score else {
        let fewest = options.min_samples;
        return write!(text, "not judged by {}, fewer than {fewest} values on one side.", verdict.test);
    };
    let subject = match looks_for {
        LooksFor::Shift => "the distribution",
        LooksFor::Spread => "the spread",
        LooksFor::MissingRows => "the share of missing rows",
    };
    let large = score.effect.value >= verdict.threshold;
    let certain = verdict.pvalue_adjusted.is_none_or(|p| p <= options.alpha);
    let judgement = match verdict.outcome {
        Outcome::Drifted => " changed: ",
        Outcome::Stable | Outcome::InsufficientData if certain && !large => " changed too little to matter: ",
        Outcome::Stable | Outcome::InsufficientData if large => " may have changed, or it is chance: ",
        Outcome::Stable | Outcome::InsufficientData => " is unchanged: ",
    };
    text.push_str(subject);
    text.push_str(judgement);
    let (current, reference) = (Grouped(score.current_len), Grouped(score.reference_len));
    write!(text, "{}; {current} values against {reference}; ", Effect(score, verdict.threshold))?;
    match verdict.pvalue_adjusted {
        Some(p) => {
            let correction = options.correction.name();
            write!(text, "adjusted p {}, alpha = {}, {correction}.", Probability(p), options.alpha)?;
        }
        None => text.push_str("judged by its size alone."),
    }
    score.notes.iter().try_for_each(|note| write!(text, " Note: {note}."))
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
