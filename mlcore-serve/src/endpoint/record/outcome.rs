use mlcore::rollout::Observation;
use mlcore::time::Timestamp;

use crate::endpoint::decide::OutcomeId;
use crate::endpoint::measures::MeasureSubject;

/// What came of a prediction, as a sink hears of it.
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct OutcomeRecord {
    /// The id of the prediction.
    pub outcome_id: OutcomeId,
    /// When it was worked off, by the endpoint's wall clock.
    pub at: Timestamp,
    /// The row of the request that it is about; none for a request as a whole.
    pub row: Option<usize>,
    /// What was reported.
    pub label: f64,
    /// Whether it found its prediction.
    pub status: OutcomeStatus,
    /// The loss of the answer, where one was computed.
    pub loss: Option<f64>,
}

/// Whether an outcome found its prediction.
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum OutcomeStatus {
    /// It did.
    Joined,
    /// No prediction of this id waited here: another replica's, or one that was forgotten.
    Orphan,
    /// It did not fit the request.
    Refused,
}

mlcore::words! {
    OutcomeStatus, "outcome status": Joined = "joined", Orphan = "orphan", Refused = "refused"
}

impl OutcomeRecord {
    /// An outcome of a whole request that was joined: as a test of a sink makes it.
    #[must_use]
    pub fn new(outcome_id: OutcomeId, at: Timestamp, label: f64) -> Self {
        Self { outcome_id, at, row: None, label, status: OutcomeStatus::Joined, loss: None }
    }

    /// The same outcome of one row of a request.
    #[must_use]
    pub fn with_row(mut self, row: usize) -> Self {
        self.row = Some(row);
        self
    }

    /// The same outcome with what became of it.
    #[must_use]
    pub fn with_status(mut self, status: OutcomeStatus, loss: Option<f64>) -> Self {
        (self.status, self.loss) = (status, loss);
        self
    }
}

/// An outcome on its way, in the 32 bytes that its id and its label take anyway.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Reported {
    pub(crate) id: OutcomeId,
    pub(crate) label: f64,
    /// [`WHOLE`](Self::WHOLE) for the whole request.
    row: u32,
    /// How many were reported together; 0 for a row by itself.
    rows: u32,
}

/// A number or a verdict on its way.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct ReportedMeasure {
    pub(crate) about: MeasureSubject,
    /// Epoch and propensity of its arm when it was reported; those of a prediction are looked up.
    pub(crate) assigned: Option<(u32, f64)>,
    pub(crate) observation: Observation,
}

/// What an outcome is about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum About {
    Request,
    /// A row, and the number of rows that the caller takes the request for where it reported all of them.
    Row(usize, Option<usize>),
}

impl Reported {
    const WHOLE: u32 = u32::MAX;

    pub(crate) fn of_request(id: OutcomeId, label: f64) -> Self {
        Self { id, label, row: Self::WHOLE, rows: 0 }
    }

    /// Rows beyond 32 bits are the last row, which no request has.
    pub(crate) fn of_row(id: OutcomeId, label: f64, row: usize, rows: Option<usize>) -> Self {
        let rows = rows.map_or(0, |rows| u32::try_from(rows).unwrap_or(u32::MAX));
        Self { id, label, row: u32::try_from(row).unwrap_or(u32::MAX).min(Self::WHOLE - 1), rows }
    }

    pub(crate) fn about(self) -> About {
        match self.row {
            Self::WHOLE => About::Request,
            row => About::Row(row as usize, (self.rows > 0).then_some(self.rows as usize)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_reported_comes_out_again() {
        let id = OutcomeId::of_halves(1, 2);
        assert_eq!(size_of::<Reported>(), 32);
        assert_eq!(Reported::of_request(id, 0.5).about(), About::Request);
        assert_eq!(Reported::of_row(id, 0.5, 0, None).about(), About::Row(0, None));
        assert_eq!(Reported::of_row(id, 0.5, 3, Some(9)).about(), About::Row(3, Some(9)));
        let beyond = Reported::of_row(id, 0.5, usize::MAX, None).about();
        assert!(matches!(beyond, About::Row(row, None) if row > 1 << 31), "{beyond:?}");
    }
}
