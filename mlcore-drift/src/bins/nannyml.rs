//! NannyML's bins (0.13): Doane's rule over the reference, and one more bin for all current values outside its range.

use mlcore::{Error, Result};

use super::counts::BinCounts;
use super::even::EvenBins;
use super::interior::Interior;
use crate::sample::Sample;

#[derive(Debug)]
pub(super) struct NannyMlReference {
    /// Every edge, so that what lies outside is counted apart: below the first, and from the last one on.
    interior: Interior,
    edges: Vec<f64>,
    counts: Vec<u64>,
}

impl NannyMlReference {
    pub(super) fn new(operation: &'static str, reference: &Sample) -> Result<Self> {
        let values = reference.require_numbers(operation, "reference")?;
        let range = reference.range();
        if !(range.0.is_finite() && range.1.is_finite()) {
            return Err(Error::invalid_input(
                operation,
                "reference",
                "it has infinities, which NannyML refuses",
            )
            .remedy("use the quantile recipe, which takes infinities"));
        }
        let edges = EvenBins::doane(operation, values, range)?.edges;
        let mut closed = edges.clone();
        if let Some(last) = closed.last_mut() {
            // The last bin holds its upper edge.
            *last = last.next_up();
        }
        let mut bins = Self { interior: Interior::new(closed), edges, counts: Vec::new() };
        bins.counts = bins.count_with_outside(values);
        Ok(bins)
    }

    pub(super) fn count(&self, operation: &'static str, current: &Sample) -> Result<BinCounts> {
        let values = current.require_numbers(operation, "current")?;
        let counts = self.count_with_outside(values);
        Ok(BinCounts::numeric(self.edges.clone(), self.counts.clone(), counts))
    }

    /// The values in each bin, and last those in none.
    fn count_with_outside(&self, values: &[f64]) -> Vec<u64> {
        let mut counts = self.interior.count(values);
        let above = counts.pop().unwrap_or(0);
        let below = if counts.is_empty() { 0 } else { counts.remove(0) };
        counts.push(below + above);
        counts
    }
}
