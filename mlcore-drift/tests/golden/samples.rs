//! The samples that `testdata/golden/make_drift.py` describes, made again bit for bit.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use mlcore::arrow::array::{ArrayRef, Float32Array, Float64Array, Int64Array, RecordBatch, StringArray};
use mlcore::stats::SplitMix64;
use mlcore_drift::Sample;
use mlcore_drift::catalog::TestOptions;
use serde::Deserialize;
use serde_json::Value;

/// One line of a golden file, about columns or whole tables.
#[derive(Deserialize)]
pub(crate) struct Case<Of = Spec> {
    pub(crate) name: String,
    pub(crate) reference: Of,
    pub(crate) current: Of,
    pub(crate) options: TestOptions,
    pub(crate) expected: BTreeMap<String, f64>,
}

#[derive(Deserialize)]
#[serde(untagged)]
pub(crate) enum Spec {
    Numbers(Numbers),
    Categories(Categories),
}

#[derive(Deserialize)]
#[serde(untagged)]
pub(crate) enum Numbers {
    Listed {
        values: Vec<Value>,
        #[serde(default)]
        missing: usize,
    },
    Drawn {
        shape: String,
        seed: u64,
        n: u64,
        #[serde(default = "one")]
        scale: f64,
        #[serde(default)]
        shift: f64,
        #[serde(default)]
        dtype: Option<String>,
        #[serde(default)]
        distinct: Option<f64>,
        #[serde(default)]
        missing: usize,
    },
}

#[derive(Deserialize)]
pub(crate) struct Categories {
    seed: u64,
    n: u64,
    distinct: f64,
    #[serde(default)]
    skew: u8,
    #[serde(default)]
    first: i64,
}

/// The golden cases of a listed test, which are missing for none.
pub(crate) fn cases<Of: for<'de> Deserialize<'de>>(test: &str) -> Vec<Case<Of>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../testdata/golden/drift/{test}.json"));
    let file = std::fs::read_to_string(&path).unwrap_or_else(|_| {
        panic!("the test {test} has no golden cases: add them to testdata/golden/make_drift.py")
    });
    let cases: Vec<Case<Of>> = serde_json::from_str(&file).unwrap();
    assert!(cases.len() >= 12, "{test} has {} golden cases, and 12 are the fewest", cases.len());
    cases
}

/// The columns of a table.
#[derive(Deserialize)]
pub(crate) struct Columns(Vec<Numbers>);

impl Columns {
    pub(crate) fn table(&self) -> RecordBatch {
        let named =
            self.0.iter().enumerate().map(|(place, column)| (format!("column {place}"), column.array()));
        RecordBatch::try_from_iter(named).unwrap()
    }
}

impl Spec {
    pub(crate) fn sample(&self) -> Sample {
        Sample::from_array(&self.array()).unwrap()
    }

    pub(crate) fn array(&self) -> ArrayRef {
        match self {
            Self::Numbers(numbers) => numbers.array(),
            Self::Categories(categories) => categories.array(),
        }
    }
}

impl Numbers {
    /// The column, in its type.
    pub(crate) fn array(&self) -> ArrayRef {
        match self {
            Self::Listed { values, missing } => {
                let parse = |value: &Value| match value {
                    Value::String(text) => text.parse().unwrap(),
                    number => number.as_f64().unwrap(),
                };
                let missing = vec![f64::NAN; *missing];
                Arc::new(Float64Array::from_iter_values(values.iter().map(parse).chain(missing)))
            }
            Self::Drawn { shape, seed, n, scale, shift, dtype, distinct, missing } => {
                let draw = |i: u64| {
                    let u: [f64; 4] = std::array::from_fn(|stream| uniform(*seed, i, stream as u64));
                    let bell = ((u[0] + u[1]) + u[2]) + u[3] - 2.0;
                    let value = match shape.as_str() {
                        "uniform" => u[0],
                        "bell" => bell,
                        "heavy" => bell / (u[0] + 1e-3),
                        "rounded" => (bell * 20.0).floor() / 20.0,
                        "spike" => {
                            if u[0] < 0.7 {
                                0.0
                            } else {
                                bell
                            }
                        }
                        "integer" => (u[0] * distinct.unwrap_or(100.0)).floor(),
                        "constant" => 0.0,
                        other => panic!("unknown shape {other}"),
                    };
                    value * scale + shift
                };
                let values = (0..*n).map(draw);
                match dtype.as_deref() {
                    None | Some("float64") => {
                        Arc::new(Float64Array::from_iter_values(values.chain(vec![f64::NAN; *missing])))
                    }
                    Some("float32") => Arc::new(Float32Array::from_iter_values(values.map(|v| v as f32))),
                    Some("int64") => Arc::new(Int64Array::from_iter_values(values.map(|v| v as i64))),
                    Some(other) => panic!("unknown dtype {other}"),
                }
            }
        }
    }
}

impl Categories {
    pub(crate) fn array(&self) -> ArrayRef {
        let draw = |i: u64| {
            let u = uniform(self.seed, i, 0);
            let u = if self.skew == 2 { u * u } else { u };
            format!("c{}", (u * self.distinct).floor() as i64 + self.first)
        };
        Arc::new(StringArray::from_iter_values((0..self.n).map(draw)))
    }
}

/// SplitMix64, one counter per value and stream.
fn uniform(seed: u64, i: u64, stream: u64) -> f64 {
    SplitMix64::at(seed, i * 4 + stream).uniform()
}

fn one() -> f64 {
    1.0
}
