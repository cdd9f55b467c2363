use std::collections::BTreeMap;
use std::fmt;

use mlcore::name::{ModelName, RequestId, Version};
use mlcore_features::store::feature_store::SkewReport;
use serde::Serialize;

use crate::endpoint::OutcomeId;
use crate::log::LoggedPrediction;

/// Where the features that a log has and history differ: text by its `Display`, JSON by serde.
///
/// ```
/// use mlcore_serve::log::LogSkew;
///
/// assert_eq!(LogSkew::default().to_string(), "0 rows of 0 requests\n");
/// ```
#[non_exhaustive]
#[derive(Clone, PartialEq, Debug, Default, Serialize)]
pub struct LogSkew {
    /// Each feature with its counts and the first rows that differ. A row is a row of a request that was compared, in the order of the log.
    pub report: SkewReport,
    /// The requests that were looked at.
    pub requests: u64,
    /// The rows of requests that were not compared.
    pub left_out: LeftOut,
    /// The requests of the rows that the report names.
    pub places: BTreeMap<u64, LoggedRow>,
}

/// Why rows of requests were not compared, and how many.
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize)]
pub struct LeftOut {
    /// No entity was looked up for them, or it lacks a join key of the query: redacted, or of another lookup.
    pub without_entity: u64,
    /// A feature of the query was not looked up, or its value is not in the log: no plan reads it, or it is redacted.
    pub without_feature: u64,
    /// A value that an on-demand view reads from requests is not in the log.
    pub without_request_value: u64,
    /// The store did not answer, and a default was taken.
    pub unavailable: u64,
    /// A value came with the request.
    pub sent: u64,
}

impl LeftOut {
    /// How many there are.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.counts().into_iter().map(|(count, _)| count).sum()
    }

    fn counts(&self) -> [(u64, &'static str); 5] {
        [
            (self.without_entity, "without an entity of the query"),
            (self.without_feature, "without the value of a feature"),
            (self.without_request_value, "without a value of the request"),
            (self.unavailable, "while the store did not answer"),
            (self.sent, "with a value that was sent"),
        ]
    }
}

/// A row of a request in the log.
#[non_exhaustive]
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct LoggedRow {
    /// The id under which outcomes of the request are joined.
    pub outcome_id: OutcomeId,
    /// The caller's id, where it gave one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_id: Option<RequestId>,
    /// The model.
    pub model: ModelName,
    /// The version that answered.
    pub version: Version,
    /// The row of the request, from 0.
    pub row: u64,
}

impl LoggedRow {
    pub(super) fn of(prediction: &LoggedPrediction, row: u64) -> Self {
        Self {
            outcome_id: prediction.outcome_id,
            request_id: prediction.request_id.clone(),
            model: prediction.model.clone(),
            version: prediction.version,
            row,
        }
    }
}

impl fmt::Display for LogSkew {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} rows of {} requests", self.report.rows, self.requests)?;
        for (count, why) in self.left_out.counts().into_iter().filter(|(count, _)| *count > 0) {
            writeln!(f, "left out: {count} {why}")?;
        }
        // Its first line tells the rows again.
        let report = self.report.to_string();
        f.write_str(report.split_once('\n').map_or("", |(_, columns)| columns))?;
        for (row, LoggedRow { outcome_id, request_id, row: place, .. }) in &self.places {
            write!(f, "row {row}: row {place} of the request with the outcome id {outcome_id}")?;
            match request_id {
                Some(id) => writeln!(f, ", which its caller calls {id}")?,
                None => writeln!(f)?,
            }
        }
        Ok(())
    }
}
