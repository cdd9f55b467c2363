//! Two samples as tests of order see them: sorted, and integers past 2^53 told apart.

use mlcore::Result;
use mlcore::stats::SortedSample;

use crate::sample::Sample;

/// A reference in order, ready for tests that depend on the order of the values alone.
#[derive(Debug)]
pub(super) struct Ordered {
    operation: &'static str,
    sorted: SortedSample,
    /// The reference itself, if it holds integers that floats do not tell apart.
    exact: Option<Sample>,
}

impl Ordered {
    /// Sorts the reference of `operation`.
    pub(super) fn new(operation: &'static str, reference: &Sample) -> Result<Self> {
        let sorted = SortedSample::new(reference.require_numbers(operation, "reference")?)?;
        Ok(Self { operation, sorted, exact: reference.remainders().map(|_| reference.clone()) })
    }

    /// What `test` says of the reference and `current`, both in order: of their values, or of ranks in their place.
    pub(super) fn compare<T>(
        &self,
        current: &Sample,
        test: impl FnOnce(&SortedSample, &SortedSample) -> Result<T>,
    ) -> Result<T> {
        let values = current.require_numbers(self.operation, "current")?;
        let ranks = match (&self.exact, current.remainders()) {
            (Some(exact), _) => exact.ranked(current),
            (None, Some(_)) => {
                self.sorted.values().and_then(|sorted| Sample::numeric(sorted).ranked(current))
            }
            (None, None) => None,
        };
        match ranks {
            Some((x, y)) => {
                let ranks =
                    |sample: &Sample, side| SortedSample::new(sample.require_numbers(self.operation, side)?);
                test(&ranks(&x, "reference")?, &ranks(&y, "current")?)
            }
            None => test(&self.sorted, &SortedSample::new(values)?),
        }
    }

    /// What `test` says of the values of the reference and of `current`, integers past 2^53 as the nearest floats.
    pub(super) fn compare_values<T>(
        &self,
        current: &Sample,
        test: impl FnOnce(&SortedSample, &SortedSample) -> Result<T>,
    ) -> Result<T> {
        test(&self.sorted, &SortedSample::new(current.require_numbers(self.operation, "current")?)?)
    }
}
