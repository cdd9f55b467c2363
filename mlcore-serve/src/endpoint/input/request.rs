use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use mlcore::arrow::array::RecordBatch;
use mlcore::batch::{Batch, Row};
use mlcore::name::{Arm, RequestId, UnitId, Version};
use mlcore::{Error, Result};
use xxhash_rust::xxh3::xxh3_128;

/// What a request brings.
#[derive(Clone, Copy, Debug)]
pub enum Input<'a> {
    /// One raw record, in the order of the plan's input schema. The model version needs a feature plan. Where the plans of
    /// the arms read different columns, send tables: a row is refused by a plan that it was not made for.
    Row(Row<'a>),
    /// Raw records as a table, columns bound by name. The model version needs a feature plan.
    ///
    /// Behind an `Arc`, because the record of the request shares it with monitors and sinks: one count instead of one for
    /// each column, all of which two processors would pass to and fro.
    Table(&'a Arc<RecordBatch>),
    /// Tensors that fit the model's own signature; a feature plan is passed by.
    Tensors(&'a Batch),
}

/// One request: who asks, and what about.
///
/// The unit decides the arm and sticks to it; the id, where the caller has one, names the request when its outcome
/// is known.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// Whom the policy assigns to an arm: a user, a session, a device.
    pub unit: &'a UnitId,
    /// The caller's own id; without one the endpoint makes an [`OutcomeId`].
    pub id: Option<&'a RequestId>,
    /// The data.
    pub input: Input<'a>,
}

impl<'a> Request<'a> {
    /// A request of `unit` about one raw record.
    #[must_use]
    pub fn row(unit: &'a UnitId, row: Row<'a>) -> Self {
        Self { unit, id: None, input: Input::Row(row) }
    }

    /// A request of `unit` about a table of raw records.
    #[must_use]
    pub fn table(unit: &'a UnitId, table: &'a Arc<RecordBatch>) -> Self {
        Self { unit, id: None, input: Input::Table(table) }
    }

    /// A request of `unit` about tensors that are ready for the model.
    #[must_use]
    pub fn tensors(unit: &'a UnitId, tensors: &'a Batch) -> Self {
        Self { unit, id: None, input: Input::Tensors(tensors) }
    }

    /// Names the request, so that its outcome can be reported under the caller's own id.
    #[must_use]
    pub fn with_id(mut self, id: &'a RequestId) -> Self {
        self.id = Some(id);
        self
    }
}

/// What the endpoint answers.
#[derive(Clone, Debug)]
pub struct Prediction {
    /// The model's outputs, one row per row of the request.
    pub outputs: Batch,
    /// The version that answered.
    pub version: Version,
    /// The arm that the policy chose.
    pub arm: Arm,
    /// The probability with which the policy chose it.
    pub propensity: f64,
    /// Under which the outcome is reported.
    pub outcome_id: OutcomeId,
}

/// Joins a prediction with what came of it: 32 hexadecimal digits.
///
/// Derived from the caller's request id where there is one, so that either name reaches the same prediction.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OutcomeId(u128);

impl OutcomeId {
    /// The id under which the outcome of the caller's request `id` is joined.
    #[must_use]
    pub fn of(id: &RequestId) -> Self {
        Self(xxh3_128(id.as_str().as_bytes()))
    }

    /// The id number `sequence` of the endpoint that was started with `seed`.
    pub(crate) fn generated(seed: u64, sequence: u64) -> Self {
        Self((u128::from(seed) << 64) | u128::from(sequence))
    }

    /// The id as 128 bits.
    #[must_use]
    pub fn to_u128(self) -> u128 {
        self.0
    }
}

impl fmt::Display for OutcomeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Debug for OutcomeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OutcomeId({self})")
    }
}

impl FromStr for OutcomeId {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let hexadecimal = text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        hexadecimal.then(|| u128::from_str_radix(text, 16).ok()).flatten().map(Self).ok_or_else(|| {
            Error::invalid_input("parse outcome id", "text", "an outcome id is 32 hexadecimal digits")
                .remedy("take it from Prediction::outcome_id, or OutcomeId::of the request id")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outcome_ids_round_trip_and_follow_the_request() {
        let id = OutcomeId::generated(7, 42);
        assert_eq!(id.to_string().parse::<OutcomeId>().unwrap(), id);
        let request = RequestId::new("order-17").unwrap();
        assert_eq!(OutcomeId::of(&request), OutcomeId::of(&request.clone()));
        for bad in ["", "12", "+0000000000000000000000000000001", &"g".repeat(32)] {
            assert!(bad.parse::<OutcomeId>().is_err(), "{bad}");
        }
    }
}
