//! What is known of a column, or of some rows of it, as a whole.

use std::cmp::Ordering;
use std::path::Path;

use mlcore::Result;
use mlcore::batch::{OwnedValue, Value};
use mlcore::stats::{Moments, Sum};

use super::counts::Counts;
use super::lane::Lane;
use super::mask::Mask;
use crate::validate::compile::{Domain, Needs};
use crate::validate::literal::{compare, integer};

/// What is known of a column as a whole: no more than its domain needs.
#[derive(Debug)]
pub(super) struct DomainState {
    pub(super) rows: u64,
    pub(super) missing: u64,
    pub(super) extremes: Option<(OwnedValue, OwnedValue)>,
    pub(super) moments: Moments,
    sum: Sum,
    /// The sum of integers, exactly.
    whole: i128,
    /// The numbers, in the order of their rows until the end of the pass.
    pub(super) values: Vec<f64>,
    /// The same numbers in any order, where the rows of `values` are needed, too.
    unordered: Vec<f64>,
    /// The rows of `values`.
    pub(super) value_rows: Vec<u64>,
    pub(super) counts: Option<Counts>,
}

impl DomainState {
    pub(super) fn new(domain: &Domain, lane_dtype: mlcore::schema::DType, most: usize) -> Self {
        Self {
            rows: 0,
            missing: 0,
            extremes: None,
            moments: Moments::new(),
            sum: Sum::default(),
            whole: 0,
            values: Vec::new(),
            unordered: Vec::new(),
            value_rows: Vec::new(),
            counts: domain.needs.counts.then(|| Counts::of_column(lane_dtype, most)),
        }
    }

    /// The numbers, whose order may be changed.
    pub(super) fn numbers(&mut self) -> &mut [f64] {
        if self.value_rows.is_empty() {
            return &mut self.values;
        }
        if self.unordered.is_empty() {
            self.unordered.clone_from(&self.values);
        }
        &mut self.unordered
    }

    /// The values that are not missing.
    pub(super) fn present(&self) -> u64 {
        self.rows - self.missing
    }

    /// The sum: an integer of integers, where it is one of 64 bits.
    pub(super) fn sum(&self, is_integer: bool) -> OwnedValue {
        match i64::try_from(self.whole) {
            Ok(whole) if is_integer => OwnedValue::Int(whole),
            _ if is_integer => OwnedValue::Float(self.whole as f64),
            _ => OwnedValue::Float(self.sum.value()),
        }
    }

    /// The mean; `None` without a value.
    pub(super) fn mean(&self, is_integer: bool) -> Option<f64> {
        let sum = if is_integer { self.whole as f64 } else { self.sum.value() };
        (self.present() > 0).then(|| sum / self.present() as f64)
    }

    /// The standard deviation with n - 1; `None` of fewer than two values.
    pub(super) fn deviation(&self) -> Option<f64> {
        (self.present() > 1).then(|| self.moments.standard_deviation())
    }

    /// Adds a stretch, whose first row is the `first`th of all.
    pub(super) fn add(
        &mut self,
        needs: Needs,
        lane: &Lane<'_>,
        looked_at: Mask,
        first: u64,
        scratch: &mut Vec<f64>,
    ) {
        let present = looked_at.without(lane.missing);
        self.rows += looked_at.count();
        self.missing += looked_at.and(lane.missing).count();
        if present.is_empty() {
            return;
        }
        let extremes_of_numbers = needs.extremes && lane.is_exact;
        if needs.moments || needs.values || extremes_of_numbers {
            let numbers = lane.numbers();
            let is_whole = present == Mask::first(numbers.len());
            if !is_whole {
                scratch.clear();
                scratch.extend(present.rows().filter_map(|row| numbers.get(row)));
            }
            let numbers = if is_whole { numbers } else { scratch.as_slice() };
            if needs.moments {
                self.add_moments(lane, present, numbers);
            }
            if extremes_of_numbers {
                let ends = (f64::INFINITY, f64::NEG_INFINITY);
                let (low, high) =
                    numbers.iter().fold(ends, |(low, high), number| (low.min(*number), high.max(*number)));
                self.widen(lane.value_of(low).as_value(), lane.value_of(high).as_value());
            }
            if needs.values {
                self.values.extend_from_slice(numbers);
            }
            if needs.value_rows {
                self.value_rows.extend(present.rows().map(|row| first + row as u64));
            }
        }
        if needs.extremes && !extremes_of_numbers {
            self.add_extremes(lane, present);
        }
        if let Some(counts) = &mut self.counts {
            lane.count(present, first, counts);
        }
    }

    fn add_moments(&mut self, lane: &Lane<'_>, present: Mask, numbers: &[f64]) {
        self.moments = self.moments.merge(&Moments::from_slice(numbers));
        if lane.dtype().is_float() {
            numbers.iter().for_each(|number| self.sum.add(*number));
        } else if lane.is_exact {
            // So few integers of 53 bits add up to one of 64 bits.
            let sums = numbers.chunks(512).map(|few| few.iter().map(|number| *number as i64).sum::<i64>());
            self.whole += sums.map(i128::from).sum::<i128>();
        } else {
            self.whole += present.rows().filter_map(|row| integer(lane.value(row))).sum::<i128>();
        }
    }

    fn add_extremes(&mut self, lane: &Lane<'_>, present: Mask) {
        let mut rows = present.rows();
        let Some(first) = rows.next().map(|row| lane.value(row)) else { return };
        let (mut low, mut high) = (first, first);
        for value in rows.map(|row| lane.value(row)) {
            if compare(value, low) == Some(Ordering::Less) {
                low = value;
            }
            if compare(value, high) == Some(Ordering::Greater) {
                high = value;
            }
        }
        self.widen(low, high);
    }

    fn widen(&mut self, low: Value<'_>, high: Value<'_>) {
        match &mut self.extremes {
            None => self.extremes = Some((low.into_owned(), high.into_owned())),
            Some((least, most)) => {
                if compare(low, least.as_value()) == Some(Ordering::Less) {
                    *least = low.into_owned();
                }
                if compare(high, most.as_value()) == Some(Ordering::Greater) {
                    *most = high.into_owned();
                }
            }
        }
    }

    /// Adds the rows that came after these, of which there were so many.
    pub(super) fn append(&mut self, later: Self, rows: u64, folder: Option<&Path>) -> Result<()> {
        self.rows += later.rows;
        self.missing += later.missing;
        self.moments = self.moments.merge(&later.moments);
        self.sum.add(later.sum.value());
        self.whole += later.whole;
        self.values.extend(later.values);
        self.value_rows.extend(later.value_rows.into_iter().map(|row| rows + row));
        if let Some((low, high)) = later.extremes {
            self.widen(low.as_value(), high.as_value());
        }
        match (&mut self.counts, later.counts) {
            (Some(own), Some(counts)) => own.append(counts, rows, folder),
            _ => Ok(()),
        }
    }
}
