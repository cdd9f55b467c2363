use serde::{Deserialize, Serialize};

/// How often a label was given, and which one the shadow gave.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Labels {
    /// In ascending order of the two labels, each pair once.
    cells: Vec<(u8, u8, u64)>,
}

/// Rows of which the answer had one label, and the shadow's another one or the same.
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct LabelPair {
    /// The label that was given: one from 0 to 31; `None` for any other.
    pub live: Option<u8>,
    /// The shadow's, likewise.
    pub shadow: Option<u8>,
    /// The rows. Where both are `None` the two need not be the same label.
    pub rows: u64,
}

/// Labels from 0 to below this are counted one by one.
const OWN: u8 = 32;

impl Labels {
    pub(super) fn add(&mut self, live: i64, shadow: i64, rows: u64) {
        let place = |label: i64| u8::try_from(label).unwrap_or(OWN).min(OWN);
        self.add_cell((place(live), place(shadow), rows));
    }

    fn add_cell(&mut self, (live, shadow, rows): (u8, u8, u64)) {
        let place = self.cells.partition_point(|cell| (cell.0, cell.1) < (live, shadow));
        match self.cells.get_mut(place).filter(|cell| (cell.0, cell.1) == (live, shadow)) {
            Some(cell) => cell.2 = cell.2.saturating_add(rows),
            None => self.cells.insert(place, (live, shadow, rows)),
        }
    }

    pub(super) fn merge(&mut self, other: &Self) {
        other.cells.iter().for_each(|cell| self.add_cell(*cell));
    }

    /// Whether it could have been counted: for what was read from somewhere.
    pub(super) fn is_valid(&self, rows: u64) -> bool {
        let is_sorted = self.cells.is_sorted_by(|a, b| (a.0, a.1) < (b.0, b.1));
        let counted = self.cells.iter().fold(0_u64, |sum, cell| sum.saturating_add(cell.2));
        is_sorted && counted == rows && self.cells.iter().all(|cell| cell.0.max(cell.1) <= OWN)
    }

    pub(super) fn pairs(&self) -> Vec<LabelPair> {
        let own = |label: u8| (label < OWN).then_some(label);
        let pair = |cell: &(u8, u8, u64)| LabelPair { live: own(cell.0), shadow: own(cell.1), rows: cell.2 };
        self.cells.iter().map(pair).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_beyond_the_first_are_counted_together() {
        let mut labels = Labels::default();
        for (live, shadow) in [(1, 0), (1, 0), (0, 0), (-1, 31), (32, i64::MAX)] {
            labels.add(live, shadow, 1);
        }
        let mut twice = labels.clone();
        twice.merge(&labels);
        let pair = |live, shadow, rows| LabelPair { live, shadow, rows };
        let expected = [
            pair(Some(0), Some(0), 2),
            pair(Some(1), Some(0), 4),
            pair(None, Some(31), 2),
            pair(None, None, 2),
        ];
        assert_eq!(twice.pairs(), expected);
        assert!(twice.is_valid(10) && !twice.is_valid(9));
        assert!(!Labels { cells: vec![(33, 0, 1)] }.is_valid(1));
        assert!(!Labels { cells: vec![(1, 0, 1), (0, 0, 1)] }.is_valid(2));
    }
}
