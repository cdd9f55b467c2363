//! A report as text.

use std::fmt;

use mlcore::batch::OwnedValue;

use super::{ExpectationResult, Observed, Report, Unexpected};

/// So many unexpected values are told in a sentence.
const MOST_TOLD: usize = 5;
/// So many characters of a text are shown.
const LONGEST_SHOWN: usize = 80;

/// A result as one sentence.
pub(super) fn told(result: &ExpectationResult) -> String {
    if let Some(problem) = &result.problem {
        return format!("could not be answered: {problem}");
    }
    let mut parts = Vec::new();
    if let (Some(unexpected), Some(elements)) = (result.unexpected_count, result.element_count) {
        let share = result.unexpected_percent().map_or_else(String::new, |share| format!(" ({share:.4} %)"));
        parts.push(format!("{unexpected} of {elements} rows unexpected{share}"));
        if let Some(missing) = result.missing_count.filter(|missing| *missing > 0) {
            parts.push(format!("{missing} passed over"));
        }
    } else if let Some(unexpected) = result.unexpected_count.filter(|count| *count > 0) {
        parts.push(format!("{unexpected} distinct values unexpected"));
    }
    if let Some(value) = &result.observed_value {
        parts.push(observed(value));
    }
    if !result.unexpected.is_empty() {
        let told: Vec<String> = result.unexpected.iter().take(MOST_TOLD).map(example).collect();
        parts.push(told.join(", "));
    }
    parts.join("; ")
}

/// A value and its row.
pub(super) fn example(unexpected: &Unexpected) -> String {
    let values: Vec<String> = unexpected.values.iter().map(shown).collect();
    let values =
        if let [value] = values.as_slice() { value.clone() } else { format!("({})", values.join(", ")) };
    match unexpected.row {
        Some(row) => format!("row {row}: {values}"),
        None => values,
    }
}

/// What was found.
pub(super) fn observed(observed: &Observed) -> String {
    let list = |values: &[OwnedValue]| {
        let told: Vec<String> = values.iter().take(MOST_TOLD).map(shown).collect();
        let more = if values.len() > MOST_TOLD { ", ..." } else { "" };
        format!("{}{more}", told.join(", "))
    };
    match observed {
        Observed::Value(value) => format!("observed {}", shown(value)),
        Observed::Values(values) => format!("observed {}", list(values)),
        Observed::Lacking(values) if values.is_empty() => "all values occur".to_owned(),
        Observed::Lacking(values) => format!("not there: {}", list(values)),
        Observed::Names(names) => format!("observed {}", names.join(", ")),
        Observed::Quantiles(quantiles) => {
            let told = quantiles.iter().map(|(share, value)| match value {
                Some(value) => format!("{share}: {value}"),
                None => format!("{share}: none"),
            });
            format!("observed {}", told.collect::<Vec<_>>().join(", "))
        }
    }
}

/// A value; a long text is cut.
fn shown(value: &OwnedValue) -> String {
    match value {
        OwnedValue::Text(text) => match text.char_indices().nth(LONGEST_SHOWN) {
            Some((end, _)) => format!("{:?}...", text.get(..end).unwrap_or_default()),
            None => format!("{text:?}"),
        },
        value => value.to_string(),
    }
}

impl fmt::Display for Report {
    /// A line for each expectation, those that were not met first.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let failed = self.failures().count();
        let verdict = if failed == 0 { "met" } else { "not met" };
        write!(
            f,
            "suite {:?} {verdict}: {} of {} expectations hold of {} rows",
            self.suite(),
            self.results().len() - failed,
            self.results().len(),
            self.rows()
        )?;
        let met = self.results().iter().filter(|result| result.success);
        for result in self.failures().chain(met) {
            let word = if result.success { "pass" } else { result.expectation.severity.name() };
            // One line each, whatever text is in it.
            let line = format!("{}: {}", result.expectation, told(result));
            write!(
                f,
                "\n{word:>8}  {}",
                line.escape_debug().to_string().replace("\\\"", "\"").replace("\\'", "'")
            )?;
        }
        Ok(())
    }
}
