//! What is counted of one column, so that counts of many replicas add up to those of one process.

use std::collections::{BTreeMap, BTreeSet};

use mlcore::Result;
use serde::{Deserialize, Serialize};

use super::other_reference;
use crate::sample::{Categories, CountsBelow, EdgeCounts, Kind, NumberCounts, Sample, Spelling, priority};
use crate::two_sample::Needs;

/// How a column is counted: what its test needs of a summary.
#[derive(Clone, Debug)]
pub(crate) enum Counting {
    /// Below edges. The edges are the reference's, and no part of what is sent.
    Edges(Vec<f64>),
    /// By value, with the values that the reference has.
    Values { known: Categories, spelling: Spelling, limit: usize },
}

/// The counts of one column.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ColumnCounts {
    nulls: u64,
    nans: u64,
    values: Counted,
}

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Counted {
    Edges(CountsBelow),
    Values(ByValue),
}

/// Counts by value in bounded memory. The values that the reference has are all kept; of the others those with the smallest
/// priority, a hash of the value, as many as the limit allows. A value that is kept of all rows is kept of any part of them,
/// so that its count is exact and what is kept does not depend on how parts were merged.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
struct ByValue {
    known: BTreeMap<Box<str>, u64>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    new: BTreeMap<Box<str>, u64>,
    #[serde(default)]
    overflow: u64,
}

impl Counting {
    /// How a column with this reference is counted for a test with these needs; `None` where it needs every value.
    pub(crate) fn of(reference: &Sample, needs: Needs, limit: usize) -> Result<Option<Self>> {
        let by_value = |known: Categories| {
            let spelling = known.spelling();
            Self::Values { known: known.unordered(), spelling, limit }
        };
        Ok(match (reference.kind(), needs) {
            (Kind::Categorical, _) => Some(by_value(reference.categories().cloned().unwrap_or_default())),
            (Kind::Numeric, Needs::CountsBelow(edges)) => Some(Self::Edges(edges)),
            (Kind::Numeric, Needs::Rows) => Some(Self::Edges(Vec::new())),
            (Kind::Numeric, Needs::Counts) => {
                // A reference without a value is compared with nothing.
                let known = match reference.is_empty() {
                    true => Categories::default(),
                    false => reference.require_counts(OPERATION, "reference")?.into_owned(),
                };
                Some(by_value(known.spelled(Spelling::Number)))
            }
            (Kind::Numeric, Needs::Values) => None,
        })
    }

    /// The counts of no rows.
    pub(crate) fn nothing(&self) -> ColumnCounts {
        let values = match self {
            Self::Edges(edges) => Counted::Edges(CountsBelow {
                below: vec![0; edges.len()],
                len: 0,
                range: (f64::INFINITY, f64::NEG_INFINITY),
            }),
            Self::Values { .. } => Counted::Values(ByValue::default()),
        };
        ColumnCounts { nulls: 0, nans: 0, values }
    }

    /// Adds the rows of a sample with values.
    pub(crate) fn add(&self, counts: &mut ColumnCounts, sample: &Sample) -> Result<()> {
        let added = match self {
            Self::Edges(edges) => {
                let mut below = EdgeCounts::new(edges)?;
                below.add(sample.values().unwrap_or_default());
                Counted::Edges(below.stored())
            }
            Self::Values { known, spelling, limit } => {
                let counted = match sample.kind() {
                    Kind::Categorical => sample.categories().cloned().unwrap_or_default(),
                    Kind::Numeric if sample.is_empty() => Categories::default().spelled(Spelling::Number),
                    Kind::Numeric => sample.require_counts(OPERATION, "current")?.into_owned(),
                };
                Counted::Values(ByValue::of(&counted, known, *spelling, *limit))
            }
        };
        let added = ColumnCounts { nulls: sample.nulls(), nans: sample.nans(), values: added };
        self.merge(counts, &added)
    }

    /// Whether counts may be those of a column of this kind.
    pub(super) fn fits(&self, counts: &ColumnCounts, kind: Kind) -> bool {
        match (self, &counts.values) {
            (Self::Edges(edges), Counted::Edges(below)) => EdgeCounts::from_stored(edges, below).is_some(),
            (Self::Values { known, limit, .. }, Counted::Values(by_value)) => {
                by_value.fits(known, *limit, kind == Kind::Numeric)
            }
            (Self::Edges(_), Counted::Values(_)) | (Self::Values { .. }, Counted::Edges(_)) => false,
        }
    }

    /// Adds the counts of other rows, which [fit](Self::fits); together they are within 64 bits.
    pub(crate) fn merge(&self, counts: &mut ColumnCounts, other: &ColumnCounts) -> Result<()> {
        match (self, &mut counts.values, &other.values) {
            (Self::Edges(edges), Counted::Edges(own), Counted::Edges(theirs)) => {
                let mut merged = EdgeCounts::from_stored(edges, own).ok_or_else(other_reference)?;
                merged.merge(&EdgeCounts::from_stored(edges, theirs).ok_or_else(other_reference)?)?;
                *own = merged.stored();
            }
            (Self::Values { limit, .. }, Counted::Values(own), Counted::Values(theirs)) => {
                own.merge(theirs, *limit);
            }
            _ => return Err(other_reference()),
        }
        counts.nulls = counts.nulls.saturating_add(other.nulls);
        counts.nans = counts.nans.saturating_add(other.nans);
        Ok(())
    }

    /// What a test sees of the counts, in the kind of the reference.
    pub(crate) fn sample(&self, counts: &ColumnCounts, kind: Kind) -> Result<Sample> {
        let ColumnCounts { nulls, nans, values } = counts;
        match (self, values, kind) {
            (Self::Edges(edges), Counted::Edges(below), Kind::Numeric) => {
                let counts = EdgeCounts::from_stored(edges, below).ok_or_else(other_reference)?;
                Ok(Sample::from_sketch(counts, *nulls, *nans))
            }
            (Self::Values { spelling, .. }, Counted::Values(by_value), Kind::Numeric) => {
                let counts = NumberCounts::from_categories(by_value.categories(*spelling));
                Ok(Sample::from_sketch(counts, *nulls, *nans))
            }
            (Self::Values { spelling, .. }, Counted::Values(by_value), Kind::Categorical) => {
                Ok(Sample::from_categories(by_value.categories(*spelling), nulls.saturating_add(*nans)))
            }
            _ => Err(other_reference()),
        }
    }
}

impl ColumnCounts {
    /// Whether they are counts of so many rows, as far as they can tell.
    pub(crate) fn are_of(&self, rows: u64) -> bool {
        let values = match &self.values {
            Counted::Edges(below) => Some(below.len),
            Counted::Values(by_value) => by_value.total(),
        };
        let sum = values.and_then(|values| values.checked_add(self.nulls)?.checked_add(self.nans));
        sum == Some(rows)
    }
}

impl ByValue {
    fn of(counted: &Categories, known: &Categories, spelling: Spelling, limit: usize) -> Self {
        let mut found = Self { overflow: counted.overflow(), ..Self::default() };
        for (text, count) in counted.iter() {
            let text = spelling.respelled(counted.spelling(), text);
            let counts = if known.count(text) > 0 { &mut found.known } else { &mut found.new };
            *counts.entry(text.into()).or_default() += count;
        }
        found.bound(limit);
        found
    }

    /// Whether all values are where they belong, beside those of the reference, and numbers where numbers are counted.
    fn fits(&self, known: &Categories, limit: usize, are_numbers: bool) -> bool {
        let is_number = |text: &str| text.parse::<f64>().is_ok_and(|number| !number.is_nan());
        let fit = |counts: &BTreeMap<Box<str>, u64>, are_known: bool| {
            counts.iter().all(|(text, count)| {
                *count > 0 && (known.count(text) > 0) == are_known && (!are_numbers || is_number(text))
            })
        };
        self.new.len() <= limit && fit(&self.known, true) && fit(&self.new, false)
    }

    fn merge(&mut self, other: &Self, limit: usize) {
        let add = |own: &mut BTreeMap<Box<str>, u64>, theirs: &BTreeMap<Box<str>, u64>| {
            for (text, count) in theirs {
                let own = own.entry(text.clone()).or_default();
                *own = own.saturating_add(*count);
            }
        };
        add(&mut self.known, &other.known);
        add(&mut self.new, &other.new);
        self.overflow = self.overflow.saturating_add(other.overflow);
        self.bound(limit);
    }

    /// Keeps `limit` of the values that the reference does not have.
    fn bound(&mut self, limit: usize) {
        if self.new.len() <= limit {
            return;
        }
        let in_order: BTreeSet<(u64, &str)> = self.new.keys().map(|text| (priority(text), &**text)).collect();
        let gone: Vec<Box<str>> = in_order.into_iter().skip(limit).map(|(_, text)| text.into()).collect();
        for text in gone {
            let count = self.new.remove(&text).unwrap_or_default();
            self.overflow = self.overflow.saturating_add(count);
        }
    }

    fn categories(&self, spelling: Spelling) -> Categories {
        let all = self.known.iter().chain(&self.new).map(|(text, count)| (text.clone(), *count));
        Categories::with_overflow(all, self.overflow).spelled(spelling)
    }

    fn total(&self) -> Option<u64> {
        let mut counts = self.known.values().chain(self.new.values());
        counts.try_fold(self.overflow, |sum, count| sum.checked_add(*count))
    }
}

const OPERATION: &str = "count window";
