//! Tables through a plan on several threads.

use std::num::NonZeroUsize;

use mlcore::Result;
use mlcore::arrow::array::RecordBatch;
use mlcore::batch::Tensor;

use super::{Csr, Output, Plan};
use crate::program::{columnar, csr};

/// A plan that runs tables on several threads: [`Plan::on_threads`].
///
/// Each thread takes rows that follow each other, 512 or more; a small table is run on fewer threads. The answers have the
/// same bits on any number of threads, and of several refused rows the first is told. The threads end with the call, and
/// one of them is the caller's.
///
/// ```
/// use std::num::NonZeroUsize;
/// use std::sync::Arc;
///
/// use mlcore::arrow::array::{Float64Array, RecordBatch};
/// use mlcore_features::pipeline::Plan;
/// use mlcore_features::transform::{Fit, StandardScaler};
///
/// let ages = Arc::new(Float64Array::from_iter_values((0..5000).map(f64::from)));
/// let table = RecordBatch::try_from_iter([("age", ages as _)]).unwrap();
/// let plan = Plan::new(StandardScaler::default().fit(&table)?)?;
/// let two = NonZeroUsize::new(2).unwrap();
/// assert_eq!(plan.on_threads(two).transform(&table)?, plan.transform(&table)?);
/// # Ok::<(), mlcore::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct OnThreads<'a> {
    plan: &'a Plan,
    threads: NonZeroUsize,
}

impl Plan {
    /// The plan on so many threads, where its own methods use the caller's alone.
    #[must_use]
    pub fn on_threads(&self, threads: NonZeroUsize) -> OnThreads<'_> {
        OnThreads { plan: self, threads }
    }
}

impl OnThreads<'_> {
    #[cfg(feature = "offline")]
    pub(crate) fn plan(&self) -> &Plan {
        self.plan
    }

    /// As [`Plan::transform`].
    ///
    /// # Errors
    /// As [`Plan::transform`], and [`Error::Unsupported`](mlcore::Error::Unsupported) where the system starts no more threads.
    pub fn transform(&self, table: &RecordBatch) -> Result<RecordBatch> {
        columnar::to_table(self.plan.program(), table, self.threads)
    }

    /// As [`Plan::transform_dense`].
    ///
    /// # Errors
    /// As [`Plan::transform_dense`] and [`OnThreads::transform`].
    pub fn transform_dense<T: Output + Default>(&self, table: &RecordBatch) -> Result<Tensor> {
        columnar::to_matrix::<T>(self.plan.program(), table, self.threads)
    }

    /// As [`Plan::transform_into`].
    ///
    /// # Errors
    /// As [`Plan::transform_into`] and [`OnThreads::transform`].
    pub fn transform_into<T: Output>(&self, table: &RecordBatch, features: &mut [T]) -> Result<()> {
        columnar::fill_matrix(self.plan.program(), table, features, self.threads)
    }

    /// As [`Plan::transform_rows`].
    ///
    /// # Errors
    /// As [`Plan::transform_rows`] and [`OnThreads::transform`].
    pub fn transform_rows<I, T>(&self, rows: &[I]) -> Result<Vec<T>>
    where
        I: Copy + Into<f64> + Sync,
        T: Output + Default,
    {
        columnar::of_rows(self.plan.program(), rows, self.threads)
    }

    /// As [`Plan::transform_sparse`].
    ///
    /// # Errors
    /// As [`Plan::transform_sparse`] and [`OnThreads::transform`].
    pub fn transform_sparse<T: Output>(&self, table: &RecordBatch) -> Result<Csr<T>> {
        csr::to_csr(self.plan.program(), table, self.threads)
    }
}
