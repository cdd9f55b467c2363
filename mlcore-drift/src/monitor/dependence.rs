//! Whether the rows of a window depend on each other.

use super::plan::Watched;
use crate::sample::Sample;
use crate::two_sample::Note;

/// A note where neighbouring rows are alike beyond chance: the runs test of every column, corrected for their number
/// (Bonferroni). Of windows of independent rows at most one in a thousand gets it.
pub(super) fn dependence(columns: &[Watched], current: &[Sample]) -> Option<Note> {
    let tested = columns.iter().zip(current);
    let tested = tested.filter_map(|(column, sample)| Some((column, sample, sample.resemblance()?)));
    let tested: Vec<_> = tested.collect();
    let level = FALSE_NOTES / tested.len() as f64;
    let alike: Vec<_> = tested.into_iter().filter(|(_, _, found)| found.pvalue <= level).collect();
    let (column, sample, surest) = alike.iter().min_by(|a, b| a.2.pvalue.total_cmp(&b.2.pvalue))?;
    let autocorrelation = surest.autocorrelation.clamp(0.0, 1.0);
    Some(Note::DependentRows {
        column: column.name.clone(),
        columns: alike.len() as u64,
        autocorrelation,
        effective_rows: (sample.len() as f64 * (1.0 - autocorrelation) / (1.0 + autocorrelation)).max(1.0),
    })
}

/// The share of windows of independent rows that get the note.
const FALSE_NOTES: f64 = 0.001;
