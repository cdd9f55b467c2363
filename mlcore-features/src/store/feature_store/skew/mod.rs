//! What was served, held against what history says.

mod compare;
mod report;
mod served;

use mlcore::arrow::array::RecordBatch;
use mlcore::{Error, Result};

use self::compare::Compared;
pub use self::report::{ColumnSkew, Difference, SkewReport};
pub use self::served::ServedRows;
use super::conform::{conform, moments};
use super::{FeatureQuery, FeatureStore, HistoricalOptions};
use crate::program::project;

/// How served features are checked.
///
/// ```
/// use mlcore_features::store::feature_store::SkewOptions;
///
/// assert_eq!(SkewOptions::default().with_differences(3).differences, 3);
/// ```
#[non_exhaustive]
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SkewOptions {
    /// How the features are recomputed; its column of times is that of the requests.
    pub historical: HistoricalOptions,
    /// How many differing rows of each column are kept with both values. Default: 10.
    pub differences: usize,
}

impl Default for SkewOptions {
    fn default() -> Self {
        Self { historical: HistoricalOptions::default(), differences: 10 }
    }
}

impl SkewOptions {
    /// Recomputes the features in this way.
    #[must_use]
    pub fn with_historical(mut self, historical: HistoricalOptions) -> Self {
        self.historical = historical;
        self
    }

    /// Keeps so many differing rows of each column.
    #[must_use]
    pub fn with_differences(mut self, differences: usize) -> Self {
        self.differences = differences;
        self
    }
}

impl FeatureStore {
    /// Compares features that were served with those that history has for the same keys and times, bit for bit.
    ///
    /// `served` has a row for each request: its join keys, its time, the values that came with it for on-demand views, and a column for each
    /// feature of the query under the name of the answer. Nothing is wrong where a feature became known later than it was served: the
    /// report says how many rows differ and which, and whether history or the online store has a value that the other lacks.
    ///
    /// # Errors
    /// [`SchemaMismatch`](Error::SchemaMismatch) for a feature that `served` lacks or has in a type that it is not; as
    /// [`historical_features`](Self::historical_features).
    pub fn check_skew(
        &self,
        served: &RecordBatch,
        query: &FeatureQuery,
        options: &SkewOptions,
    ) -> Result<SkewReport> {
        let compiled = self.compile(query)?;
        let is_feature = |name: &str| compiled.outputs.iter().any(|output| output.name == name);
        let schema = served.schema_ref();
        let names = schema.fields().iter().map(|field| field.name().clone());
        let asked: Vec<String> = names.filter(|name| !is_feature(name)).collect();
        let rows = project(served, &asked, OPERATION)?;
        let history = self.historical_features(&rows, query, &options.historical)?;
        let times = history.table().column_by_name(history.event_timestamp()).ok_or_else(|| {
            Error::internal(OPERATION, history.event_timestamp(), "the join does not answer it")
        })?;
        let requests = moments(OPERATION, history.event_timestamp(), times)?;
        let keys: Vec<&str> = compiled.join_keys.iter().map(|key| key.key.column.as_str()).collect();
        let mut columns = Vec::new();
        for (output, read) in compiled.outputs.iter().zip(&history.read_of) {
            let served_column = served
                .column_by_name(&output.name)
                .ok_or_else(|| crate::program::missing_column(schema.fields(), &output.name, OPERATION))?;
            let known = history.table().column_by_name(&output.name).ok_or_else(|| {
                Error::internal(OPERATION, output.name.as_str(), "the join does not answer it")
            })?;
            let compared = Compared {
                name: &output.name,
                online: conform(OPERATION, &output.name, served_column, output.dtype)?,
                offline: known.clone(),
                requests: &requests,
                events: match read.and_then(|read| history.event_times.get(read)) {
                    Some(events) => moments(OPERATION, "event time", events)?,
                    None => Vec::new(),
                },
            };
            columns.push(compared.skew(&rows, &keys, options.differences)?);
        }
        Ok(SkewReport { rows: served.num_rows() as u64, columns })
    }
}

const OPERATION: &str = "check skew";
