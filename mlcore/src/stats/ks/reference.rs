//! One sample kept ready, to be compared with many.

use super::statistic::{Search, sorted};
use super::{KsOptions, KsResult, conclude, require_observations};
use crate::error::Result;
use std::sync::Arc;

/// A reference sample that is sorted once and compared with many current samples.
///
/// Cheap to clone; clones share the data.
///
/// ```
/// use mlcore::stats::{KsOptions, KsReference, ks_2samp};
///
/// let reference = [0.1, 0.4, 0.7, 0.2];
/// let current = [0.5, 0.9, 0.8];
/// let compiled = KsReference::new(&reference)?;
/// let options = KsOptions::default();
/// assert_eq!(compiled.compare(&current, &options)?, ks_2samp(&reference, &current, &options)?);
/// # Ok::<(), mlcore::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct KsReference {
    len: usize,
    /// `None` if the reference holds a NaN, which every comparison propagates.
    sorted: Option<Arc<[f64]>>,
}

impl KsReference {
    /// Sorts the reference.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidInput`](crate::Error::InvalidInput) if it is empty.
    pub fn new(reference: &[f64]) -> Result<Self> {
        require_observations("reference", reference)?;
        Ok(Self { len: reference.len(), sorted: sorted(reference).map(Arc::from) })
    }

    /// The number of observations.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "a reference is never empty")]
    pub fn len(&self) -> usize {
        self.len
    }

    /// The observations in ascending order; `None` if one is NaN.
    #[must_use]
    pub fn sorted(&self) -> Option<&[f64]> {
        self.sorted.as_deref()
    }

    /// The same answer as [`ks_2samp`](super::ks_2samp) of the reference and `current`.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidInput`](crate::Error::InvalidInput) if `current` is empty.
    pub fn compare(&self, current: &[f64], options: &KsOptions) -> Result<KsResult> {
        require_observations("current", current)?;
        let extremes = self.sorted.as_deref().zip(sorted(current)).map(|(x, y)| {
            let mut search = Search::new(x.len(), y.len());
            search.scan(x, &y, 0, 0);
            search.extremes()
        });
        Ok(conclude(extremes, self.len, current.len(), options))
    }
}
