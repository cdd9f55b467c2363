//! The samples that `testdata/golden/make_drift.py` describes, made again bit for bit.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use mlcore::arrow::array::{
    ArrayRef, AsArray, FixedSizeListArray, Float32Array, Float64Array, Int64Array, RecordBatch, StringArray,
};
use mlcore::arrow::datatypes::{DataType, Field, Float64Type};
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
    Texts(Texts),
    Vectors(Vectors),
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

/// Texts of made words.
#[derive(Deserialize)]
pub(crate) struct Texts {
    seed: u64,
    n: u64,
    words: f64,
    #[serde(default)]
    first: u64,
    #[serde(default = "nine")]
    longest: f64,
}

/// A column of vectors, each component of which is described.
#[derive(Deserialize)]
pub(crate) struct Vectors {
    vector: Vec<Numbers>,
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
pub(crate) struct Columns(Vec<Spec>);

impl Columns {
    pub(crate) fn table(&self) -> RecordBatch {
        let named = self
            .0
            .iter()
            .enumerate()
            .map(|(place, column)| (format!("column {place}"), column.array(), true));
        RecordBatch::try_from_iter_with_nullable(named).unwrap()
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
            Self::Texts(texts) => texts.array(),
            Self::Vectors(vectors) => vectors.array(),
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

impl Texts {
    fn array(&self) -> ArrayRef {
        let written = |text: u64| {
            let count = (uniform(self.seed, 16 * text, 0) * self.longest) as u64 + 1;
            let word = |place: u64| {
                let drawn = uniform(self.seed, 16 * text + place, 1);
                spelled((drawn * drawn * self.words) as u64 + self.first)
            };
            (0..count).map(word).collect::<Vec<_>>().join(" ")
        };
        Arc::new(StringArray::from_iter_values((0..self.n).map(written)))
    }
}

/// A word for a number.
fn spelled(mut number: u64) -> String {
    let mut letters = String::new();
    loop {
        letters.push(char::from(b"bcdfghjklmnpqrstvwxz"[(number % 20) as usize]));
        letters.push(char::from(b"aeiou"[(number % 5) as usize]));
        number /= 20;
        if number == 0 {
            return letters;
        }
    }
}

impl Vectors {
    fn array(&self) -> ArrayRef {
        let components: Vec<Float64Array> =
            self.vector.iter().map(|column| column.array().as_primitive::<Float64Type>().clone()).collect();
        let rows = components[0].len();
        let items = (0..rows).flat_map(|row| components.iter().map(move |column| column.value(row)));
        let items: ArrayRef = Arc::new(Float64Array::from_iter_values(items));
        let item = Arc::new(Field::new("item", DataType::Float64, true));
        Arc::new(FixedSizeListArray::new(item, components.len() as i32, items, None))
    }
}

/// SplitMix64, one counter per value and stream.
fn uniform(seed: u64, i: u64, stream: u64) -> f64 {
    SplitMix64::at(seed, i * 4 + stream).uniform()
}

fn nine() -> f64 {
    9.0
}

fn one() -> f64 {
    1.0
}
