use mlcore::arrow::array::RecordBatch;
use mlcore::schema::{DType, Schema};
use mlcore::{Error, Result};
use serde::{Deserialize, Serialize};

use super::{documents, murmur};
use crate::program::Lower;
use crate::program::builder::{Column, ProgramBuilder};
use crate::program::kernel::Kernel;
use crate::program::text::{Refused, TextKernel, TextRow, TextScratch};
use crate::transform::{Attributes, Fit, Training, Transform, input, inverse};

/// What a [`FeatureHasher`] takes a row for.
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InputType {
    /// Values by the names of their columns: a text is the feature `column=text`, and a number is added to the feature of its
    /// column.
    #[default]
    Dict,
    /// Tokens, one in each column of text, whichever it stands in.
    String,
    /// Pairs of a name and a value, which no table has: fitting refuses it.
    Pair,
}

/// Adds the values of a row up in few features, by the hashes of their names and texts: categories are neither learnt nor
/// stored.
///
/// Takes any columns of text and numbers, as the `input_type` says; together they make features that are named
/// `featurehasher0` and on. A missing value adds nothing; an infinity is refused. Rows are dense unless
/// a plan is asked for sparse ones ([`Plan::transform_sparse`](crate::pipeline::Plan::transform_sparse)): that is why
/// `n_features` is 1024 here, where scikit-learn's sparse rows have 2^20, which is the most.
///
/// Source: scikit-learn, `FeatureHasher`, with MurmurHash3 of 32 bits.
///
/// ```
/// use std::sync::Arc;
///
/// use mlcore::arrow::array::{AsArray, Float64Array, RecordBatch, StringArray};
/// use mlcore::arrow::datatypes::Float64Type;
/// use mlcore_features::transform::{FeatureHasher, Fit};
///
/// let table = RecordBatch::try_from_iter([
///     ("city", Arc::new(StringArray::from(vec!["Rome", "Oslo"])) as _),
///     ("rooms", Arc::new(Float64Array::from(vec![3.0, 0.5])) as _),
/// ]).unwrap();
/// let (_, features) = FeatureHasher::default().n_features(4).fit_transform(&table)?;
/// let row = |row| [0, 1, 2, 3].map(|column: usize| features.column(column).as_primitive::<Float64Type>().value(row));
/// assert_eq!((row(0), row(1)), ([0.0, -3.0, 0.0, 1.0], [0.0, 0.5, 0.0, 0.0]));
/// # Ok::<(), mlcore::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FeatureHasher {
    n_features: usize,
    input_type: InputType,
    alternate_sign: bool,
}

impl Default for FeatureHasher {
    fn default() -> Self {
        // 8 KiB a row: some collisions, and no memory to speak of.
        Self { n_features: 1024, input_type: InputType::Dict, alternate_sign: true }
    }
}

impl FeatureHasher {
    /// The number of features, from 1 to 1,048,576 (2^20). Default: 1024.
    #[must_use]
    pub fn n_features(mut self, n_features: usize) -> Self {
        self.n_features = n_features;
        self
    }

    /// What a row is taken for. Default: values by the names of their columns.
    #[must_use]
    pub fn input_type(mut self, input_type: InputType) -> Self {
        self.input_type = input_type;
        self
    }

    /// Whether a hash also says whether a value is added or taken away, so that values that share a feature cancel out on
    /// average. Default: true.
    #[must_use]
    pub fn alternate_sign(mut self, alternate_sign: bool) -> Self {
        self.alternate_sign = alternate_sign;
        self
    }
}

const OPERATION: &str = "fit FeatureHasher";

impl Fit for FeatureHasher {
    type Fitted = FittedFeatureHasher;

    fn learn(&self, training: &Training<'_>) -> Result<FittedFeatureHasher> {
        documents::width(self.n_features, OPERATION)?;
        let columns = input::columns(training, OPERATION)?;
        for column in &columns {
            match (self.input_type, column.dtype()) {
                (InputType::Dict | InputType::String, DType::String) => {}
                (InputType::Dict, dtype) if dtype.is_numeric() => {
                    column.numbers()?;
                }
                (InputType::Dict, _) => return Err(column.unfit("text or numbers")),
                (InputType::String, _) => return Err(column.unfit("text")),
                (InputType::Pair, _) => {
                    return Err(Error::unsupported(OPERATION, "input_type", "a table has no pairs")
                        .remedy("use dict for values by the names of their columns, or string for tokens"));
                }
            }
        }
        Ok(FittedFeatureHasher { parameters: self.clone(), input: input::nullable_schema(&columns)? })
    }
}

crate::transform::parts::columns_only!(FeatureHasher, FittedFeatureHasher);

/// A [`FeatureHasher`] that has seen its columns.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FittedFeatureHasher {
    parameters: FeatureHasher,
    input: Schema,
}

impl FittedFeatureHasher {
    /// The specification that was fitted.
    #[must_use]
    pub fn parameters(&self) -> &FeatureHasher {
        &self.parameters
    }
}

impl Transform for FittedFeatureHasher {
    fn attributes(&self) -> Attributes {
        Attributes::new()
    }

    fn inverse_transform(&self, _: &RecordBatch) -> Result<RecordBatch> {
        Err(Error::unsupported(inverse::OPERATION, "FeatureHasher", "a hash does not tell its value")
            .remedy("keep the columns beside the features, with a ColumnTransformer"))
    }
}

impl Lower for FittedFeatureHasher {
    fn schema(&self) -> &Schema {
        &self.input
    }

    fn lower(&self, builder: &mut ProgramBuilder, columns: Vec<Column>) -> Result<Vec<Column>> {
        let FeatureHasher { n_features, input_type, alternate_sign } = self.parameters;
        let width = documents::width(n_features, "compile plan")?;
        let (mut texts, mut numbers) = (0.., 0..);
        let (mut read, mut values) = (Vec::new(), Vec::new());
        for column in columns {
            if column.dtype == DType::String {
                let prefix = match input_type {
                    InputType::Dict => format!("{}=", column.name),
                    InputType::String | InputType::Pair => String::new(),
                };
                values.extend(texts.next().map(|text| Hashed::Text { text, prefix }));
                read.push(column);
            } else {
                let (position, sign) = murmur::bucket(&column.name, width, alternate_sign);
                values.extend(numbers.next().map(|number| Hashed::Number { number, position, sign }));
                let site = builder.site("FeatureHasher", &column);
                read.push(builder.number(column, [Kernel::RefuseInfinite { site }])?);
            }
        }
        let names = (0..width).map(|feature| format!("featurehasher{feature}")).collect();
        builder.read_texts("FeatureHasher", &read, HashValues { values, width, alternate_sign }, names)
    }
}

/// Adds up values by their hashes.
#[derive(Debug)]
struct HashValues {
    values: Vec<Hashed>,
    width: u32,
    alternate_sign: bool,
}

/// One column, by its place among the texts or the numbers.
#[derive(Debug)]
enum Hashed {
    Text { text: usize, prefix: String },
    Number { number: usize, position: u32, sign: f64 },
}

impl TextKernel for HashValues {
    fn apply(&self, row: &TextRow<'_>, scratch: &mut TextScratch) -> Result<(), Refused> {
        for value in &self.values {
            match value {
                Hashed::Text { text, prefix } => {
                    let Some(text) = row.text(*text) else { continue };
                    scratch.joined.clear();
                    scratch.joined.push_str(prefix);
                    scratch.joined.push_str(text);
                    let (position, sign) = murmur::bucket(&scratch.joined, self.width, self.alternate_sign);
                    scratch.features.add(position, sign);
                }
                Hashed::Number { number, position, sign } => match row.numbers.get(*number) {
                    Some(number) if !number.is_nan() && *number != 0.0 => {
                        scratch.features.add(*position, sign * number);
                    }
                    _ => {}
                },
            }
        }
        scratch.features.add_up();
        Ok(())
    }
}
