use std::sync::Arc;
use std::time::Duration;

use mlcore::artifact::Digest;
use mlcore::batch::Batch;
use mlcore::name::{Arm, RequestId, UnitId, Version};
use mlcore::rollout::Context;
use mlcore::schema::Schema;
use mlcore::time::Timestamp;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{ContextBuffer, InvalidAnswer, LookedUp, RecordedInput};
use crate::endpoint::decide::OutcomeId;
use crate::endpoint::run::ServedBy;

/// One line of the prediction log: everything needed to explain, replay or judge one decision.
///
/// ```
/// use std::time::Duration;
///
/// use mlcore::batch::{Batch, Tensor};
/// use mlcore::name::{Arm, Version};
/// use mlcore_serve::endpoint::{OutcomeId, Record, RecordedInput};
///
/// // As a test of a sink makes it; the endpoint fills its own in.
/// let id = OutcomeId::of(&"order-17".parse()?);
/// let record = Record::new(id, Arm::new("champion")?, Version::FIRST)
///     .with_latency(Duration::from_micros(80))
///     .with_outputs(Batch::single("risk", Tensor::column(vec![0.41])));
/// assert!(matches!(record.input, RecordedInput::None) && record.error.is_none());
/// # Ok::<(), mlcore::Error>(())
/// ```
///
/// Serialised, its latency is a number of `latency_seconds` and its digest 32 hexadecimal digits. A value of a row, a
/// table or a context is itself where JSON has its type (`null`, `true`, `41`, `0.5`, `"pro"`), and otherwise an object with
/// the name of its type: `{"float":"NaN"}`, `{"date":"2024-02-29"}`. A file of such lines is read back:
///
/// ```
/// # use mlcore::name::{Arm, Version};
/// # use mlcore_serve::endpoint::{OutcomeId, Record};
/// # let id = OutcomeId::of(&"order-17".parse()?);
/// # let (first, second) = (Record::new(id, Arm::new("champion")?, Version::FIRST), Record::new(id, Arm::new("new")?, Version::FIRST));
/// # let lines = format!("{}\n{}\n", serde_json::to_string(&first)?, serde_json::to_string(&second)?);
/// let records: Vec<Record> = lines.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
/// assert_eq!(records[1].arm, Arm::new("new")?);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// Three things differ then: a row does not say to which columns its values belong (to
/// [`Endpoint::columns`](super::super::Endpoint::columns), unless its request named others); an integer is a signed one where
/// it can be; and every NaN is the same.
#[non_exhaustive]
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Record {
    /// The caller's id, where it gave one.
    pub request: Option<RequestId>,
    /// The id under which the outcome will arrive.
    pub outcome_id: OutcomeId,
    /// The arm that the policy chose.
    pub arm: Arm,
    /// The version that answered.
    pub version: Version,
    /// The probability with which the policy chose the arm.
    #[serde(with = "mlcore::exact")]
    pub propensity: f64,
    /// The period of unchanged shares in which the policy chose it.
    pub epoch: u32,
    /// When it was answered, by the endpoint's wall clock; none in records of before it was kept.
    #[serde(default)]
    pub at: Option<Timestamp>,
    /// Whom the policy assigned.
    #[serde(default)]
    pub unit: Option<UnitId>,
    /// The probability with which each arm would have answered, the default first; empty where no policy chose, or where it
    /// cannot tell.
    #[serde(default, with = "probabilities")]
    pub probabilities: Vec<(Arm, f64)>,
    /// The columns to which the values of a row in `input` belong, where they are known. Not serialised.
    #[serde(skip)]
    pub columns: Option<Arc<Schema>>,
    /// What the request said of itself; empty where it said nothing.
    pub context: ContextBuffer,
    /// XXH3-128 of the model's input tensors (elements in row-major order, in the machine's byte order), with their
    /// names where there are several; 0 after an error.
    #[serde(serialize_with = "as_digits", deserialize_with = "from_digits")]
    pub features_digest: u128,
    /// The content hash of the feature plan that made them.
    pub plan: Option<Digest>,
    /// From the decision to the answer, by the endpoint's clock.
    #[serde(rename = "latency_seconds", serialize_with = "as_seconds", deserialize_with = "from_seconds")]
    pub latency: Duration,
    /// What gave the answer.
    pub served_by: ServedBy,
    /// The request's input.
    pub input: RecordedInput,
    /// The entities whose features were looked up, and what became of these; empty where none were.
    #[serde(default, skip_serializing_if = "LookedUp::is_empty")]
    pub looked_up: LookedUp,
    /// The expectations that the request does not meet, in words.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub failed_expectations: Vec<String>,
    /// The model's outputs; empty after an error.
    pub outputs: Batch,
    /// The meaning of the error, where the run failed: see [`mlcore::Error::kind`].
    #[serde(deserialize_with = "known_kind")]
    pub error: Option<Kind>,
    /// What is wrong with the outputs although the run did not fail. Such an answer is a failure of the arm as well.
    #[serde(default)]
    pub invalid: Option<InvalidAnswer>,
}

/// A word of [`mlcore::Error::KINDS`]. It has a name because serde's derive takes a `&str` that it sees for a part of the text
/// that is read.
type Kind = &'static str;

impl Record {
    /// The record of a request that `version` answered for `arm`, with certainty, at once, and of which nothing else is
    /// known.
    #[must_use]
    pub fn new(outcome_id: OutcomeId, arm: Arm, version: Version) -> Self {
        Self {
            request: None,
            outcome_id,
            arm,
            version,
            propensity: 1.0,
            epoch: 0,
            at: None,
            unit: None,
            probabilities: Vec::new(),
            columns: None,
            context: ContextBuffer::default(),
            features_digest: 0,
            plan: None,
            latency: Duration::ZERO,
            served_by: ServedBy::Model,
            input: RecordedInput::None,
            looked_up: LookedUp::default(),
            failed_expectations: Vec::new(),
            outputs: Batch::default(),
            error: None,
            invalid: None,
        }
    }

    /// The same record with the caller's id.
    #[must_use]
    pub fn with_request(mut self, request: RequestId) -> Self {
        self.request = Some(request);
        self
    }

    /// The same record of an arm that the policy chose with this probability, in this epoch.
    #[must_use]
    pub fn with_propensity(mut self, propensity: f64, epoch: u32) -> Self {
        (self.propensity, self.epoch) = (propensity, epoch);
        self
    }

    /// The same record of a request of this unit, answered at this time.
    #[must_use]
    pub fn with_unit(mut self, unit: UnitId, at: Timestamp) -> Self {
        (self.unit, self.at) = (Some(unit), Some(at));
        self
    }

    /// The same record with the probabilities of all arms.
    #[must_use]
    pub fn with_probabilities(mut self, probabilities: impl IntoIterator<Item = (Arm, f64)>) -> Self {
        self.probabilities = probabilities.into_iter().collect();
        self
    }

    /// The same record with the columns to which the values of its row belong.
    #[must_use]
    pub fn with_columns(mut self, columns: Arc<Schema>) -> Self {
        self.columns = Some(columns);
        self
    }

    /// The same record of a request that said this of itself.
    #[must_use]
    pub fn with_context(mut self, context: Context<'_>) -> Self {
        self.context.copy(context);
        self
    }

    /// The same record with the digest of the model's input and the hash of the plan that made it.
    #[must_use]
    pub fn with_features(mut self, digest: u128, plan: Option<Digest>) -> Self {
        (self.features_digest, self.plan) = (digest, plan);
        self
    }

    /// The same record of an answer that took `latency`.
    #[must_use]
    pub fn with_latency(mut self, latency: Duration) -> Self {
        self.latency = latency;
        self
    }

    /// The same record of an answer that something else gave than a run for this request alone.
    #[must_use]
    pub fn with_served_by(mut self, served_by: ServedBy) -> Self {
        self.served_by = served_by;
        self
    }

    /// The same record with the request's input.
    #[must_use]
    pub fn with_input(mut self, input: RecordedInput) -> Self {
        self.input = input;
        self
    }

    /// The same record with what became of the features of its entities.
    #[must_use]
    pub fn with_looked_up(mut self, looked_up: LookedUp) -> Self {
        self.looked_up = looked_up;
        self
    }

    /// The same record with the model's outputs.
    #[must_use]
    pub fn with_outputs(mut self, outputs: Batch) -> Self {
        self.outputs = outputs;
        self
    }

    /// The same record of a request that failed with an error of this [kind](mlcore::Error::kind).
    #[must_use]
    pub fn with_error(mut self, kind: &'static str) -> Self {
        self.error = Some(kind);
        self
    }

    /// The same record of an answer that is a failure of the arm although the model ran.
    #[must_use]
    pub fn with_invalid(mut self, invalid: InvalidAnswer) -> Self {
        self.invalid = Some(invalid);
        self
    }

    /// Whether the arm failed: by an error, or by an invalid answer.
    #[must_use]
    pub fn has_failed(&self) -> bool {
        self.error.is_some() || self.invalid.is_some()
    }
}

/// Probabilities, exactly as they are.
mod probabilities {
    use mlcore::name::Arm;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[derive(Serialize, Deserialize)]
    struct Of {
        arm: Arm,
        #[serde(with = "mlcore::exact")]
        probability: f64,
    }

    pub(super) fn serialize<S: Serializer>(own: &[(Arm, f64)], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(
            own.iter().map(|(arm, probability)| Of { arm: arm.clone(), probability: *probability }),
        )
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Vec<(Arm, f64)>, D::Error> {
        let read = Vec::<Of>::deserialize(deserializer)?;
        Ok(read.into_iter().map(|of| (of.arm, of.probability)).collect())
    }
}

/// A duration as seconds.
pub(crate) fn as_seconds<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(duration.as_secs_f64())
}

fn as_digits<S: Serializer>(digest: &u128, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&format_args!("{digest:032x}"))
}

fn from_seconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    Duration::try_from_secs_f64(f64::deserialize(deserializer)?).map_err(D::Error::custom)
}

fn from_digits<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u128, D::Error> {
    let digits = String::deserialize(deserializer)?;
    let is_digest = digits.len() == 32 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    let digest = is_digest.then(|| u128::from_str_radix(&digits, 16).ok()).flatten();
    digest.ok_or_else(|| D::Error::custom(format!("a digest is 32 hexadecimal digits, got {digits:?}")))
}

fn known_kind<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<&'static str>, D::Error> {
    let Some(kind) = Option::<String>::deserialize(deserializer)? else { return Ok(None) };
    let known = mlcore::Error::KINDS.iter().copied().find(|known| *known == kind);
    known.map(Some).ok_or_else(|| D::Error::custom(format!("{kind:?} is no kind of error")))
}

#[cfg(test)]
mod tests {
    use mlcore::arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
    use mlcore::batch::{Row, RowBuffer, Tensor, Value};
    use serde_json::json;

    use super::*;

    #[test]
    fn a_record_is_written_with_whatever_came_in() {
        let id = OutcomeId::of_halves(0, 1);
        let record = Record::new(id, Arm::new("champion").unwrap(), Version::FIRST)
            .with_latency(Duration::from_micros(80))
            .with_features(255, None)
            .with_outputs(Batch::single("y", Tensor::column(vec![0.5])));
        let written = serde_json::to_value(&record).unwrap();
        assert_eq!(written["latency_seconds"], 8e-5);
        assert_eq!(written["features_digest"], format!("{:032x}", 255));
        assert_eq!((&written["outcome_id"], &written["error"]), (&json!(id.to_string()), &json!(null)));
        assert_eq!(written["outputs"][0]["data"], json!([0.5]));

        let mut row = RowBuffer::default();
        row.copy(Row::unchecked(&[Value::Float(f64::NAN), Value::Text("pro"), Value::Null]));
        let columns: [(&str, ArrayRef); 2] = [
            ("age", Arc::new(Int64Array::from(vec![Some(41), None]))),
            ("plan", Arc::new(StringArray::from(vec!["free", "pro"]))),
        ];
        let table = Arc::new(RecordBatch::try_from_iter(columns).unwrap());
        let tensors = Batch::single("x", Tensor::column(vec![1_u8]));
        for (input, expected) in [
            (RecordedInput::None, json!("none")),
            (RecordedInput::Row(row), json!({"row": [{"float": "NaN"}, "pro", null]})),
            (
                RecordedInput::Table(table),
                json!({"table": [
                    {"name": "age", "dtype": "int64", "data": [41, null]},
                    {"name": "plan", "dtype": "string", "data": ["free", "pro"]},
                ]}),
            ),
            (RecordedInput::Tensors(tensors.clone()), json!({"tensors": tensors})),
        ] {
            assert_eq!(serde_json::to_value(record.clone().with_input(input)).unwrap()["input"], expected);
        }
        assert_eq!(written["invalid"], json!(null));
        assert_eq!(
            (&written["at"], &written["unit"], &written["probabilities"]),
            (&json!(null), &json!(null), &json!([]))
        );
        let unit = UnitId::new("user-17").unwrap();
        let told = record.clone().with_unit(unit.clone(), Timestamp::from_millis(1));
        let arms = ["champion", "new"].map(|arm| Arm::new(arm).unwrap());
        let told = told.with_probabilities(arms.into_iter().zip([0.1, 0.9]));
        let read: Record = serde_json::from_value(serde_json::to_value(&told).unwrap()).unwrap();
        assert_eq!((&read.unit, read.at), (&Some(unit), Some(Timestamp::from_millis(1))));
        assert_eq!(read.probabilities, told.probabilities);
        let invalid = record.with_invalid(InvalidAnswer::NotFinite);
        assert_eq!(serde_json::to_value(&invalid).unwrap()["invalid"], json!("not_finite"));
        assert!(invalid.has_failed() && invalid.error.is_none());
    }
}
