//! Golden files as tables, parameters and numbers.

use std::path::Path;
use std::sync::Arc;

use mlcore::arrow::array::{
    ArrayRef, BooleanArray, Float32Array, Float64Array, Int64Array, RecordBatch, StringArray,
};
use mlcore::arrow::datatypes::{Field, Schema};
use mlcore::batch::{OwnedValue, Value as Cell, column_of};
use mlcore::schema::DType;
use mlcore::time::{Date, DateTime, Time, Timestamp};
use mlcore_features::transform::{Parameter, Training, Transformer};
use serde_json::Value;

/// One case of a golden file.
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) parameters: Value,
    pub(crate) train: RecordBatch,
    pub(crate) test: RecordBatch,
    pub(crate) weights: Option<Vec<f64>>,
    pub(crate) target: Option<ArrayRef>,
    /// The step that refuses, and scikit-learn's words.
    pub(crate) refused: Option<(String, String)>,
    /// What scikit-learn answers.
    pub(crate) answers: Value,
}

impl Case {
    pub(crate) fn training(&self) -> Training<'_> {
        let mut training = Training::new(&self.train);
        if let Some(weights) = &self.weights {
            training = training.with_weights(weights);
        }
        match &self.target {
            None => training,
            Some(target) => training.with_target(target),
        }
    }

    /// Does this step refuse?
    pub(crate) fn is_refused_by(&self, step: &str) -> bool {
        self.refused.as_ref().is_some_and(|(own, _)| own == step)
    }
}

/// The cases of a golden file.
pub(crate) fn cases(file: &str) -> Vec<Case> {
    let path = folder().join(format!("{file}.json"));
    let bytes = std::fs::read(&path).unwrap_or_else(|cause| panic!("{}: {cause}", path.display()));
    let document: Value = serde_json::from_slice(&bytes).unwrap();
    document["cases"].as_array().unwrap().iter().map(|case| read(file, case)).collect()
}

fn read(file: &str, case: &Value) -> Case {
    let train = table(&case["train"]);
    Case {
        name: format!("{file}: {}", text(&case["name"])),
        parameters: case["parameters"].clone(),
        test: case.get("test").map_or_else(|| train.clone(), table),
        train,
        weights: case.get("weights").map(floats),
        target: case.get("target").map(array),
        refused: case.get("refused").map(|step| (text(step).to_owned(), text(&case["message"]).to_owned())),
        answers: case.clone(),
    }
}

/// Where the golden files of the transformers lie.
pub(crate) fn folder() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../testdata/golden/features")
}

/// The name of a transformer's golden file: `StandardScaler` -> `standard_scaler`, `KNNImputer` -> `knn_imputer`.
pub(crate) fn file_of(transformer: &str) -> String {
    let letters: Vec<char> = transformer.chars().collect();
    let mut file = String::new();
    for (position, letter) in letters.iter().enumerate() {
        let is_lower = |position: usize| letters.get(position).is_some_and(|letter| letter.is_lowercase());
        // A word begins after a small letter, and with the last of several great ones.
        let begins = position > 0 && (is_lower(position - 1) || is_lower(position + 1));
        if letter.is_uppercase() && begins {
            file.push('_');
        }
        file.extend(letter.to_lowercase());
    }
    file
}

/// The transformer of this name with the parameters of a case.
pub(crate) fn transformer(name: &str, case: &Case) -> mlcore::Result<Transformer> {
    let parameters = case.parameters.as_object().unwrap().iter();
    Transformer::new(name, &parameters.map(|(name, value)| (name.as_str(), parameter(value))).collect())
}

/// The different specifications in a transformer's golden file, each with its first case.
pub(crate) fn specifications(name: &str) -> Vec<(Transformer, Case)> {
    let mut all: Vec<(Transformer, Case)> = Vec::new();
    for case in cases(&file_of(name)) {
        if let Ok(transformer) = transformer(name, &case)
            && !all.iter().any(|(own, _)| *own == transformer)
        {
            all.push((transformer, case));
        }
    }
    all
}

fn parameter(value: &Value) -> Parameter {
    match value {
        Value::Null => None::<bool>.into(),
        Value::Bool(value) => (*value).into(),
        Value::Number(number) => match number.as_i64() {
            Some(whole) => whole.into(),
            None => number.as_f64().unwrap().into(),
        },
        Value::String(name) if name == "NaN" => f64::NAN.into(),
        Value::String(word) => word.as_str().into(),
        Value::Array(values) => values.iter().map(parameter).collect::<Vec<_>>().into(),
        Value::Object(_) => panic!("{value} is no parameter"),
    }
}

pub(crate) fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text"))
}

/// A number, or the name of one that JSON cannot hold.
pub(crate) fn number(value: &Value) -> f64 {
    match value {
        Value::String(name) if name == "NaN" => f64::NAN,
        Value::String(name) if name == "Infinity" => f64::INFINITY,
        Value::String(name) if name == "-Infinity" => f64::NEG_INFINITY,
        Value::Bool(value) => f64::from(u8::from(*value)),
        Value::Null => f64::NAN,
        other => other.as_f64().unwrap_or_else(|| panic!("{other} is no number")),
    }
}

pub(crate) fn floats(values: &Value) -> Vec<f64> {
    values.as_array().unwrap().iter().map(number).collect()
}

fn table(columns: &Value) -> RecordBatch {
    let columns = columns.as_array().unwrap();
    let arrays: Vec<ArrayRef> = columns.iter().map(array).collect();
    let fields: Vec<Field> = columns
        .iter()
        .zip(&arrays)
        .map(|(column, array)| Field::new(text(&column["name"]), array.data_type().clone(), true))
        .collect();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays).unwrap()
}

fn array(column: &Value) -> ArrayRef {
    let values = column["values"].as_array().unwrap();
    let present = |value: &Value| if value.is_null() { None } else { Some(number(value)) };
    match text(&column["dtype"]) {
        "float64" => Arc::new(values.iter().map(present).collect::<Float64Array>()),
        "float32" => Arc::new(
            values.iter().map(|value| present(value).map(|value| value as f32)).collect::<Float32Array>(),
        ),
        "int64" => Arc::new(values.iter().map(Value::as_i64).collect::<Int64Array>()),
        "bool" => Arc::new(values.iter().map(Value::as_bool).collect::<BooleanArray>()),
        "string" => Arc::new(values.iter().map(Value::as_str).collect::<StringArray>()),
        other => temporal(other, values),
    }
}

/// A column of dates or times, which are counted in the unit of the type.
fn temporal(dtype: &str, counts: &[Value]) -> ArrayRef {
    let dtype: DType = dtype.parse().unwrap_or_else(|_| panic!("the golden files have no {dtype}"));
    let cell = |count: &Value| match (count.as_i64(), dtype) {
        (None, _) => Cell::Null,
        (Some(count), DType::Date) => Cell::Date(Date::from_days(count.try_into().unwrap())),
        (Some(count), DType::Time(unit)) => Cell::Time(Time::new(count, unit).unwrap()),
        (Some(count), DType::Timestamp(unit, None)) => Cell::DateTime(DateTime::new(count, unit)),
        (Some(count), DType::Timestamp(unit, Some(_))) => Cell::Timestamp(Timestamp::new(count, unit)),
        (Some(_), other) => panic!("the golden files have no {other}"),
    };
    column_of(&mlcore::schema::Field::column("column", dtype).nullable(), counts.iter().map(cell)).unwrap()
}

/// Is it the same value as one of a golden file?
pub(crate) fn is_same(ours: &OwnedValue, expected: &Value, close: impl Fn(f64, f64) -> bool) -> bool {
    match (ours, expected) {
        (OwnedValue::Null, Value::Null) => true,
        (OwnedValue::Null, Value::String(name)) => name == "NaN",
        (OwnedValue::Text(ours), Value::String(expected)) => ours == expected,
        (OwnedValue::Bool(ours), Value::Bool(expected)) => ours == expected,
        (OwnedValue::Int(ours), Value::Number(expected)) if expected.is_i64() => {
            Some(*ours) == expected.as_i64()
        }
        (ours, Value::Number(_)) => ours.as_f64().is_some_and(|ours| close(ours, number(expected))),
        _ => false,
    }
}
