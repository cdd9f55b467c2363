//! Records of every kind, and logs in folders that go with the test.

use std::sync::Arc;
use std::time::Duration;

use mlcore::arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use mlcore::artifact::Digest;
use mlcore::batch::{Batch, Row, RowBuffer, Tensor, Value};
use mlcore::name::{Arm, ModelName, RequestId, UnitId, Version};
use mlcore::rollout::Context;
use mlcore::schema::{DType, Field, Schema};
use mlcore::time::Timestamp;
use mlcore_features::store::key::EntityKey;
use mlcore_serve::endpoint::{
    FeatureStatus, InvalidAnswer, LookedUp, OutcomeId, Record, RecordedInput, ServedBy,
};
use mlcore_serve::log::{LogOptions, LogReader, LoggedPrediction, PredictionLog};

pub(crate) fn model() -> ModelName {
    ModelName::new("risk").unwrap()
}

pub(crate) fn arm(name: &str) -> Arm {
    Arm::new(name).unwrap()
}

pub(crate) fn id(number: u64) -> OutcomeId {
    OutcomeId::of(&RequestId::new(format!("request-{number}")).unwrap())
}

pub(crate) fn at(number: u64) -> Timestamp {
    Timestamp::from_micros(1_700_000_000_000_000 + number as i64)
}

pub(crate) fn open(folder: &tempfile::TempDir, options: LogOptions) -> PredictionLog {
    PredictionLog::open(folder.path(), options).unwrap()
}

pub(crate) fn read(folder: &tempfile::TempDir) -> Vec<LoggedPrediction> {
    LogReader::new(folder.path()).predictions_with_outcomes().unwrap().map(Result::unwrap).collect()
}

/// The least that a record has.
pub(crate) fn bare(number: u64) -> Record {
    Record::new(id(number), arm("champion"), Version::FIRST)
        .with_unit(UnitId::new(format!("user-{number}")).unwrap(), at(number))
}

/// A raw row with everything that a record can have.
pub(crate) fn full(number: u64) -> Record {
    let columns = Schema::new([
        Field::column("age", DType::Float64),
        Field::column("plan", DType::String),
        Field::column("visits", DType::Int64),
        Field::column("member", DType::Bool).nullable(),
    ]);
    let mut row = RowBuffer::default();
    row.copy(Row::unchecked(&[
        Value::Float(41.0),
        Value::Text("prö"),
        Value::Int(i64::MAX - number as i64),
        Value::Null,
    ]));
    let attributes = [("country", Value::Text("PT")), ("email", Value::Text("a@b"))];
    bare(number)
        .with_request(RequestId::new(format!("request-{number}")).unwrap())
        .with_propensity(0.1, 3)
        .with_probabilities([(arm("champion"), 0.1), (arm("challenger"), 0.9)])
        .with_context(Context::EMPTY.with_attributes(&attributes).with_features(&[0.3, f64::NAN]))
        .with_looked_up(looked_up())
        .with_features(u128::MAX - 5, Some(Digest::of(b"plan")))
        .with_input(RecordedInput::Row(row))
        .with_columns(Arc::new(columns.unwrap()))
        .with_latency(Duration::from_micros(80))
        .with_served_by(ServedBy::Batch)
        .with_outputs(
            Batch::new([
                ("risk", Tensor::column(vec![0.1_f32 + 0.2])),
                ("label", Tensor::strings([1], ["néver"]).unwrap()),
            ])
            .unwrap(),
        )
}

/// Of one entity, two features.
pub(crate) fn looked_up() -> LookedUp {
    let key = EntityKey::new([("user_id", Value::Int(7)), ("shop", Value::Text("a"))]).unwrap();
    let found = [(FeatureStatus::Present, Some(12.5)), (FeatureStatus::NotFound, None)];
    LookedUp::new(["age", "plan"], [(key, found)])
}

/// A table, tensors, an error and an answer that is no number.
pub(crate) fn others() -> [Record; 4] {
    let columns: [(&str, ArrayRef); 2] = [
        ("visits", Arc::new(Int64Array::from(vec![Some(3), None]))),
        ("plan", Arc::new(StringArray::from(vec!["free", "pro"]))),
    ];
    let table = Arc::new(RecordBatch::try_from_iter(columns).unwrap());
    let tensors = Batch::new([
        ("x", Tensor::new([2, 2], vec![1_i64 << 60, -1, 0, 7]).unwrap()),
        ("words", Tensor::strings([2], ["a", ""]).unwrap()),
    ]);
    let nan = Batch::single("risk", Tensor::column(vec![f64::NAN, f64::NEG_INFINITY]));
    [
        bare(1).with_input(RecordedInput::Table(table)),
        bare(2).with_input(RecordedInput::Tensors(tensors.unwrap())),
        bare(3).with_error("timeout").with_served_by(ServedBy::Nobody).with_propensity(1.0, u32::MAX),
        bare(4).with_outputs(nan).with_invalid(InvalidAnswer::NotFinite),
    ]
}
