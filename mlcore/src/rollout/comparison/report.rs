use std::fmt;

use serde::{Deserialize, Serialize};

use super::sample::MOST_PAIRS;
use super::{BoundedShare, Counted, LabelPair, Spreads, Tolerance};
use crate::error::{Error, Result};

/// What a [`Comparison`](super::Comparison) found, in numbers: as text by `Display`, as JSON by serde. What nothing is known of is
/// `None`.
#[non_exhaustive]
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct ComparisonReport {
    /// When two scores counted as alike.
    pub tolerance: Tolerance,
    /// The requests that both were asked.
    pub requests: u64,
    /// Of these, requests without an answer of the arm that answered.
    pub live_failures: u64,
    /// Of these, requests without an answer of the shadow.
    pub shadow_failures: u64,
    /// Of these, requests that both failed.
    pub both_failures: u64,
    /// Requests whose answers were of different outputs or shapes.
    pub mismatches: u64,
    /// The rows that were compared.
    pub rows: u64,
    /// Of these, rows whose scores, or label, were alike.
    pub within_tolerance: u64,
    /// Rows with a score that is not finite.
    pub not_finite: u64,
    /// The share of the rows beyond the tolerance, with bounds that hold at every look with a probability of 95 %. They take rows for
    /// independent of each other.
    pub outside: Option<BoundedShare>,
    /// The differences of the rows' scores.
    pub differences: Option<Spreads>,
    /// The rows with a label.
    pub labelled: u64,
    /// Of these, rows of which the shadow gave another label.
    pub flips: u64,
    /// The share of these flips, likewise.
    pub flipped: Option<BoundedShare>,
    /// Which label became which one.
    pub confusion: Vec<LabelPair>,
    /// How far the two put rows into the same order.
    pub rank_correlation: Option<RankCorrelation>,
    /// How long the arm that answered took, in seconds.
    pub live_latency: Option<Spreads>,
    /// How long the shadow took, in seconds.
    pub shadow_latency: Option<Spreads>,
}

/// Spearman's correlation of the scores.
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub struct RankCorrelation {
    /// The correlation, -1 to 1.
    pub value: f64,
    /// The rows that it was computed of: all, up to 1,024, and else a random sample of so many.
    pub pairs: u64,
    /// Its standard error where it is one of a sample, at most: that of independent scores. 0 where all rows are in it.
    pub standard_error: f64,
}

impl ComparisonReport {
    pub(super) fn of(counted: &Counted) -> Self {
        Self {
            tolerance: counted.tolerance,
            requests: counted.requests,
            live_failures: counted.live_failures,
            shadow_failures: counted.shadow_failures,
            both_failures: counted.both_failures,
            mismatches: counted.mismatches,
            rows: counted.rows,
            within_tolerance: counted.close,
            not_finite: counted.not_finite,
            outside: BoundedShare::of(counted.rows - counted.close, counted.rows, ALPHA),
            differences: counted.differences.spreads(),
            labelled: counted.labelled,
            flips: counted.flips,
            flipped: BoundedShare::of(counted.flips, counted.labelled, ALPHA),
            confusion: counted.labels.pairs(),
            rank_correlation: RankCorrelation::of(counted),
            live_latency: counted.live_latency.spreads(),
            shadow_latency: counted.shadow_latency.spreads(),
        }
    }

    /// The report as JSON.
    ///
    /// # Errors
    /// [`Error::Internal`] where it cannot be written.
    pub fn to_json(&self) -> Result<String> {
        serde_json::to_string(self).map_err(|cause| {
            Error::internal("write report", "comparison", cause.to_string()).caused_by(cause)
        })
    }
}

impl RankCorrelation {
    pub(super) fn of(counted: &Counted) -> Option<Self> {
        let pairs = counted.sample.len();
        let is_whole = pairs < MOST_PAIRS || counted.differences.count() == pairs as u64;
        let standard_error = if is_whole { 0.0 } else { 1.0 / (pairs as f64 - 1.0).sqrt() };
        Some(Self { value: counted.sample.correlation()?, pairs: pairs as u64, standard_error })
    }
}

impl fmt::Display for ComparisonReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { requests, live_failures, shadow_failures, both_failures, mismatches, rows, .. } = self;
        write!(
            f,
            "{requests} requests: the shadow failed {shadow_failures}, the arm that answered {live_failures}"
        )?;
        write!(f, ", both {both_failures}; {mismatches} answers were of another shape")?;
        let (absolute, relative) = (self.tolerance.absolute(), self.tolerance.relative());
        write!(f, "\n{rows} rows, {} of them within {absolute} + {relative} |score|", self.within_tolerance)?;
        if let Some(outside) = self.outside {
            write!(f, "; beyond it {outside}")?;
        }
        if self.not_finite > 0 {
            write!(f, "\n{} rows with a score that is not finite", self.not_finite)?;
        }
        if let Some(differences) = self.differences {
            write!(f, "\ndifference: {differences}")?;
        }
        if let Some(flipped) = self.flipped {
            write!(f, "\n{} of {} labels flipped: {flipped}", self.flips, self.labelled)?;
        }
        for pair in self.confusion.iter().filter(|pair| pair.live != pair.shadow || pair.live.is_none()) {
            let name =
                |label: Option<u8>| label.map_or_else(|| "another".to_owned(), |label| label.to_string());
            write!(f, "\n  {} became {}: {}", name(pair.live), name(pair.shadow), pair.rows)?;
        }
        if let Some(RankCorrelation { value, pairs, standard_error }) = self.rank_correlation {
            write!(f, "\nrank correlation: {value:.4} of {pairs} rows, standard error {standard_error:.3}")?;
        }
        for (who, latency) in
            [("the arm that answered", self.live_latency), ("the shadow", self.shadow_latency)]
        {
            if let Some(latency) = latency {
                write!(f, "\nseconds of {who}: {latency}")?;
            }
        }
        Ok(())
    }
}

impl fmt::Display for BoundedShare {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { share, low, high } = self;
        write!(f, "{:.3} % (within {:.3} and {:.3} %)", 100.0 * share, 100.0 * low, 100.0 * high)
    }
}

impl fmt::Display for Spreads {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { mean, median, p90, p99, greatest, .. } = self;
        write!(
            f,
            "mean {mean:.4e}, median {median:.4e}, 90 % {p90:.4e}, 99 % {p99:.4e}, greatest {greatest:.4e}"
        )
    }
}

/// The bounds of a report are wrong with this probability.
const ALPHA: f64 = 0.05;

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::rollout::{Comparison, Draw, Reply};

    #[test]
    fn it_is_told_as_text_and_as_json() {
        let mut comparison = Comparison::new(Tolerance::new(0.1, 0.0).unwrap());
        assert_eq!(
            comparison.report().to_string(),
            "0 requests: the shadow failed 0, the arm that answered 0, both 0; 0 answers were of another shape\n\
             0 rows, 0 of them within 0.1 + 0 |score|"
        );
        let latency = Duration::from_millis(2);
        comparison.add_request(Reply::Answered { latency }, Reply::Failed);
        comparison.add_scores(&[0.25, 0.75, 0.5, 0.5], &[0.75, 0.25, 0.5, 0.5], 2, Draw::new(1)).unwrap();
        comparison.add_scores(&[f64::INFINITY], &[1.0], 1, Draw::new(1)).unwrap();
        let report = comparison.report();
        assert_eq!(
            report.to_string(),
            "1 requests: the shadow failed 1, the arm that answered 0, both 0; 0 answers were of another shape\n\
             3 rows, 1 of them within 0.1 + 0 |score|; beyond it 66.667 % (within 5.758 and 99.686 %)\n\
             1 rows with a score that is not finite\n\
             difference: mean 2.5000e-1, median 0.0000e0, 90 % 5.0000e-1, 99 % 5.0000e-1, greatest 5.0000e-1\n\
             1 of 2 labels flipped: 50.000 % (within 0.629 and 99.371 %)\n  1 became 0: 1\n\
             rank correlation: -1.0000 of 2 rows, standard error 0.000\n\
             seconds of the arm that answered: mean 2.0000e-3, median 2.0000e-3, 90 % 2.0000e-3, 99 % 2.0000e-3, \
             greatest 2.0000e-3"
        );
        let back: ComparisonReport = serde_json::from_str(&report.to_json().unwrap()).unwrap();
        assert_eq!(back, report);
    }
}
