//! How many rows passed, and examples of those that did not.

use mlcore::batch::OwnedValue;

use super::mask::Mask;
use crate::validate::report::Unexpected;

/// How many rows passed, and examples of those that did not.
#[derive(Clone, Debug, Default)]
pub(super) struct Tally {
    pub(super) elements: u64,
    pub(super) missing: u64,
    pub(super) unexpected: u64,
    pub(super) examples: Vec<Unexpected>,
}

impl Tally {
    /// Counts a stretch: the rows that are looked at, those of them that are passed over, and those that fail.
    pub(super) fn add(
        &mut self,
        (looked_at, missing, failing): (Mask, Mask, Mask),
        (most, row_of_first): (usize, u64),
        values: impl Fn(usize) -> Vec<OwnedValue>,
    ) {
        self.elements += looked_at.count();
        self.missing += missing.count();
        if failing.is_empty() {
            return;
        }
        self.unexpected += failing.count();
        let room = most.saturating_sub(self.examples.len());
        let examples = failing.rows().take(room);
        self.examples.extend(
            examples.map(|row| Unexpected { row: Some(row_of_first + row as u64), values: values(row) }),
        );
    }

    /// Adds the rows that came after these, of which there were so many.
    pub(super) fn append(&mut self, later: Self, rows: u64, most: usize) {
        self.elements += later.elements;
        self.missing += later.missing;
        self.unexpected += later.unexpected;
        let room = most.saturating_sub(self.examples.len());
        self.examples.extend(later.examples.into_iter().take(room).map(|example| example.after(rows)));
    }
}
