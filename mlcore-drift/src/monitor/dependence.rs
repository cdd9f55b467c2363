//! Whether the rows of a window depend on each other.

use crate::sample::Sample;
use crate::two_sample::Note;

/// How alike neighbouring rows of one column are.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Alike {
    column: String,
    rows: u64,
    pvalue: f64,
    /// Known where the p-value is small enough for a note.
    autocorrelation: f64,
}

impl Alike {
    /// The runs test of one column; `None` where its order is not known or says nothing.
    pub(super) fn of(column: &str, sample: &Sample) -> Option<Self> {
        let found = sample.resemblance(FALSE_NOTES)?;
        let (pvalue, autocorrelation) = (found.pvalue, found.autocorrelation);
        Some(Self { column: column.to_owned(), rows: sample.len(), pvalue, autocorrelation })
    }
}

/// A note where neighbouring rows are alike beyond chance: the runs test of every column, corrected for their number
/// (Bonferroni). Of windows of independent rows at most one in a thousand gets it.
pub(super) fn dependence(tested: &[&Alike]) -> Option<Note> {
    let level = FALSE_NOTES / tested.len() as f64;
    let alike: Vec<_> = tested.iter().filter(|column| column.pvalue <= level).collect();
    let surest = alike.iter().min_by(|a, b| a.pvalue.total_cmp(&b.pvalue))?;
    let autocorrelation = surest.autocorrelation.clamp(0.0, 1.0);
    Some(Note::DependentRows {
        column: surest.column.clone(),
        columns: alike.len() as u64,
        autocorrelation,
        effective_rows: (surest.rows as f64 * (1.0 - autocorrelation) / (1.0 + autocorrelation)).max(1.0),
    })
}

/// The share of windows of independent rows that get the note.
const FALSE_NOTES: f64 = 0.001;
