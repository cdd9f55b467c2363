//! A judgement and its reasons in plain words.

use std::fmt;

use super::options::MonitorOptions;
use super::verdict::{ColumnVerdict, Outcome};
use crate::test::{Score, grouped};

/// Effect size, threshold, rows and adjusted p-value, in a sentence that says which of them decided.
pub(super) fn sentence(verdict: &ColumnVerdict, options: &MonitorOptions) -> String {
    let name = &verdict.column;
    let subject =
        if verdict.test == "missing_rate" { "the share of missing rows" } else { "the distribution" };
    let Some(score) = &verdict.score else {
        let fewest = options.min_samples;
        return format!("{name}: not judged by {}, fewer than {fewest} values on one side.", verdict.test);
    };
    let effect = Effect(score, verdict.threshold);
    let rows = format!("{} values against {}", grouped(score.current_len), grouped(score.reference_len));
    let chance = match verdict.pvalue_adjusted {
        Some(p) => {
            format!("adjusted p {}, alpha = {}, {}", Probability(p), options.alpha, options.correction.name())
        }
        None => "judged by its size alone".to_owned(),
    };
    let notes: String = score.notes.iter().map(|note| format!(" Note: {note}.")).collect();
    let large = score.effect.value >= verdict.threshold;
    let certain = verdict.pvalue_adjusted.is_none_or(|p| p <= options.alpha);
    let judgement = match verdict.outcome {
        Outcome::Drifted => format!("{subject} changed: {effect}; {rows}; {chance}."),
        _ if certain && !large => {
            format!("{subject} changed too little to matter: {effect}; {rows}; {chance}.")
        }
        _ if large => format!("{subject} may have changed, or it is chance: {effect}; {rows}; {chance}."),
        _ => format!("{subject} is unchanged: {effect}; {rows}; {chance}."),
    };
    format!("{name}: {judgement}{notes}")
}

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
