use std::sync::Arc;

use mlcore::arrow::array::{Array, ArrayRef, RecordBatch};
use mlcore::batch::{ColumnView, OwnedValue};
use mlcore::schema::{DType, Schema};
use mlcore::{Error, Result};
use serde::{Deserialize, Serialize};

use super::categories::{Learnt, coerce};
use super::packed;
use crate::program::Lower;
use crate::program::builder::{Column, ProgramBuilder};
use crate::program::encoder::{Encoding, REFUSED, Writes};
use crate::program::kernel::Kernel;
use crate::transform::python::without_nan;
use crate::transform::{Attribute, Attributes, Fit, Parameter, Training, Transform, input, inverse};

/// The vector of a column's key, from a table of vectors that is given beforehand.
///
/// Takes columns of text where the keys are texts, and columns of numbers where they are integers; every column is looked up
/// in the same table, and becomes as many columns of floats as a vector has numbers, named by the column, `_` and a number from
/// 0. Nothing is learnt: the table is part of the specification, and so of the plan and its digest. A stored plan holds the
/// vectors as base64, in single precision where that loses nothing.
///
/// ```
/// use std::sync::Arc;
///
/// use mlcore::arrow::array::{ArrayRef, AsArray, RecordBatch, StringArray};
/// use mlcore::arrow::datatypes::Float64Type;
/// use mlcore_features::transform::{EmbeddingLookup, Fit, Unknown};
///
/// let keys: ArrayRef = Arc::new(StringArray::from(vec!["cat", "dog"]));
/// let lookup = EmbeddingLookup::new(&keys, &[1.0, 0.5, 3.0, -0.5])?.handle_unknown(Unknown::Mean);
/// let pets = Arc::new(StringArray::from(vec!["dog", "newt"]));
/// let (_, vectors) = lookup.fit_transform(&RecordBatch::try_from_iter([("pet", pets as _)]).unwrap())?;
/// assert_eq!(vectors.schema().field(1).name(), "pet_1");
/// assert_eq!(vectors.column(0).as_primitive::<Float64Type>().values(), &[3.0, 2.0]);
/// assert_eq!(vectors.column(1).as_primitive::<Float64Type>().values(), &[-0.5, 0.0]);
/// # Ok::<(), mlcore::Error>(())
/// ```
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EmbeddingLookup {
    keys: Keys,
    vectors: Vectors,
    handle_unknown: Unknown,
    handle_missing: Unknown,
}

/// What an [`EmbeddingLookup`] writes for what is no key of its table.
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unknown {
    /// Nothing: it is refused.
    #[default]
    Error,
    /// NaN in every column.
    ReturnNan,
    /// 0 in every column.
    Zeros,
    /// The mean of all vectors of the table.
    Mean,
}

/// The keys: texts or integers, none of them missing.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(try_from = "Parameter", into = "Parameter")]
struct Keys(Arc<Vec<OwnedValue>>);

impl TryFrom<Parameter> for Keys {
    type Error = String;

    fn try_from(value: Parameter) -> Result<Self, String> {
        const EXPECTED: &str = "a list of texts, or of integers,";
        if value.clone().into_value().is_some_and(|value| value.is_missing()) {
            return Ok(Self::default());
        }
        let Parameter::List(listed) = value else { return Err(value.is_not(EXPECTED)) };
        let mut keys = Vec::with_capacity(listed.len());
        for key in listed {
            let is_first_text = keys.first().is_none_or(|first: &OwnedValue| first.as_str().is_some());
            match &key {
                Parameter::Value(OwnedValue::Text(_) | OwnedValue::Int(_) | OwnedValue::UInt(_)) => {}
                _ => return Err(key.is_not(EXPECTED)),
            }
            match key.into_value() {
                Some(OwnedValue::Text(text)) if is_first_text => keys.push(OwnedValue::Text(text)),
                Some(key @ (OwnedValue::Int(_) | OwnedValue::UInt(_)))
                    if keys.is_empty() || !is_first_text =>
                {
                    keys.push(key);
                }
                _ => return Err(format!("{EXPECTED} is expected, got both")),
            }
        }
        Ok(Self(Arc::new(keys)))
    }
}

impl From<Keys> for Parameter {
    fn from(keys: Keys) -> Self {
        if keys.0.is_empty() { None::<bool>.into() } else { keys.0.to_vec().into() }
    }
}

/// The vectors, one after another, and behind them one of zeros and the mean of them all.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(try_from = "Parameter", into = "Parameter")]
struct Vectors {
    width: usize,
    values: Arc<[f64]>,
}

impl Vectors {
    /// The vectors of these numbers, which are finite, if there are `width` for each.
    fn of(width: usize, numbers: &[f64]) -> Option<Self> {
        let rows = numbers.len().checked_div(width)?;
        if rows == 0
            || !numbers.len().is_multiple_of(width)
            || numbers.iter().any(|number| !number.is_finite())
        {
            return None;
        }
        let mut sums = vec![0.0; width];
        for row in numbers.chunks(width) {
            sums.iter_mut().zip(row).for_each(|(sum, number)| *sum += number);
        }
        let means = sums.into_iter().map(|sum| sum / rows as f64);
        let values = numbers.iter().copied().chain(std::iter::repeat_n(0.0, width)).chain(means).collect();
        Some(Self { width, values })
    }

    /// How many vectors there are.
    fn rows(&self) -> usize {
        self.values.len().checked_div(self.width).unwrap_or(0).saturating_sub(2)
    }

    /// The numbers of the vectors.
    fn numbers(&self) -> &[f64] {
        self.values.get(..self.rows().saturating_mul(self.width)).unwrap_or_default()
    }
}

impl TryFrom<Parameter> for Vectors {
    type Error = String;

    fn try_from(value: Parameter) -> Result<Self, String> {
        const EXPECTED: &str = "a list of vectors, each of as many finite numbers as the first, or what stands for one in a stored plan,";
        if let Some(text) = value.as_text() {
            let packed = text.split_once(',').and_then(|(width, packed)| {
                let numbers = packed::unpack(packed)?;
                Self::of(width.parse().ok()?, &numbers)
            });
            return packed.ok_or_else(|| format!("{EXPECTED} is expected, got another text"));
        }
        match value {
            Parameter::Value(value) if value.is_missing() => Ok(Self::default()),
            Parameter::List(rows) => {
                let read = |row: Parameter| -> Option<Vec<f64>> {
                    row.into_values()?.iter().map(OwnedValue::as_f64).collect()
                };
                let rows = rows.into_iter().map(read).collect::<Option<Vec<Vec<f64>>>>();
                let rows =
                    rows.filter(|rows| rows.iter().all(|row| Some(row.len()) == rows.first().map(Vec::len)));
                let made = rows.and_then(|rows| Self::of(rows.first()?.len(), &rows.concat()));
                made.ok_or_else(|| format!("{EXPECTED} is expected"))
            }
            Parameter::Value(value) => Err(Parameter::Value(value).is_not(EXPECTED)),
        }
    }
}

impl From<Vectors> for Parameter {
    fn from(vectors: Vectors) -> Self {
        match vectors.width {
            0 => None::<bool>.into(),
            width => format!("{width},{}", packed::pack(vectors.numbers())).into(),
        }
    }
}

impl EmbeddingLookup {
    /// The table of these keys, texts or integers, and of their vectors, which lie one after another in `vectors`.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] for a number of values that is no multiple of the number of keys, a value that is not finite, and a
    /// key that is missing; [`Error::SchemaMismatch`] for keys of another type.
    pub fn new(keys: &ArrayRef, vectors: &[f64]) -> Result<Self> {
        const MAKE: &str = "make EmbeddingLookup";
        let plain = ColumnView::plain("keys", keys)?;
        let view = ColumnView::new("keys", plain.as_ref())?;
        let is_key = DType::from_arrow(plain.data_type())
            .is_some_and(|dtype| dtype == DType::String || dtype.is_integer());
        if !is_key {
            let problem = format!("expected text or integers, got {}", keys.data_type());
            return Err(Error::schema_mismatch(MAKE, "keys", problem).remedy("cast the keys"));
        }
        let keys: Vec<OwnedValue> =
            (0..plain.len()).map(|row| without_nan(view.value(row).into_owned())).collect();
        if let Some(row) = keys.iter().position(OwnedValue::is_missing) {
            let problem = format!("key {row} is missing");
            return Err(Error::invalid_input(MAKE, "keys", problem).remedy("leave it and its vector out"));
        }
        let width = vectors.len().checked_div(keys.len()).unwrap_or(0);
        let made = Vectors::of(width, vectors).filter(|made| made.rows() == keys.len()).ok_or_else(|| {
            let problem = format!("{} numbers are no finite vectors of {} keys", vectors.len(), keys.len());
            Error::invalid_input(MAKE, "vectors", problem)
                .remedy("give each key a vector of as many finite numbers")
        })?;
        Ok(Self { keys: Keys(Arc::new(keys)), vectors: made, ..Self::default() })
    }

    /// What is written for a value that is no key. Default: it is refused.
    #[must_use]
    pub fn handle_unknown(mut self, handle_unknown: Unknown) -> Self {
        self.handle_unknown = handle_unknown;
        self
    }

    /// What is written for a missing value. Default: it is refused.
    #[must_use]
    pub fn handle_missing(mut self, handle_missing: Unknown) -> Self {
        self.handle_missing = handle_missing;
        self
    }

    /// The keys, in their order.
    #[must_use]
    pub fn keys(&self) -> &[OwnedValue] {
        &self.keys.0
    }

    /// How many numbers a vector has.
    #[must_use]
    pub fn width(&self) -> usize {
        self.vectors.width
    }

    /// The vectors, one after another.
    #[must_use]
    pub fn vectors(&self) -> &[f64] {
        self.vectors.numbers()
    }

    /// The keys as the categories of a column of this type; none where one is no value of it.
    fn learnt(&self, dtype: DType) -> Option<Learnt> {
        let keys = self.keys.0.iter().map(|key| coerce(key, dtype));
        Some(Learnt { categories: keys.collect::<Option<_>>()?, infrequent: Vec::new() })
    }

    /// The code of the vector that is written in the place of one that is not there.
    fn code(&self, unknown: Unknown) -> Option<u32> {
        let place = match unknown {
            Unknown::Error => return Some(REFUSED),
            Unknown::Zeros => self.vectors.rows(),
            Unknown::Mean => self.vectors.rows() + 1,
            // No vector has this code, and where there is none NaN is written.
            Unknown::ReturnNan => self.vectors.rows() + 2,
        };
        u32::try_from(place).ok()
    }
}

const OPERATION: &str = "fit EmbeddingLookup";

impl Fit for EmbeddingLookup {
    type Fitted = FittedEmbeddingLookup;

    fn learn(&self, training: &Training<'_>) -> Result<FittedEmbeddingLookup> {
        let columns = input::columns(training, OPERATION)?;
        let (keys, vectors) = (self.keys.0.len(), self.vectors.rows());
        if keys == 0 || keys != vectors {
            let problem = format!("there are {keys} keys and {vectors} vectors");
            return Err(Error::invalid_input(OPERATION, "keys", problem).remedy("give each key a vector"));
        }
        let are_texts = self.keys.0.first().is_some_and(|key| key.as_str().is_some());
        for column in &columns {
            if column.dtype().is_temporal() || are_texts != (column.dtype() == DType::String) {
                let expected = if are_texts { "text, as the keys are" } else { "integers, as the keys are" };
                return Err(column.unfit(expected));
            }
            if column.dtype().is_float() {
                column.numbers()?;
            }
            let learnt = self
                .learnt(column.dtype())
                .ok_or_else(|| column.error(format!("a key is no value of a {} column", column.dtype())))?;
            if learnt.table(column.dtype(), &vec![0; keys]).is_err() {
                return Err(Error::invalid_input(OPERATION, "keys", "a key is there twice")
                    .remedy("keep one vector of each key"));
            }
        }
        Ok(FittedEmbeddingLookup { parameters: self.clone(), input: input::nullable_schema(&columns)? })
    }
}

crate::transform::parts::columns_only!(EmbeddingLookup, FittedEmbeddingLookup);

/// An [`EmbeddingLookup`] that has seen its columns.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FittedEmbeddingLookup {
    parameters: EmbeddingLookup,
    input: Schema,
}

impl FittedEmbeddingLookup {
    /// The specification that was fitted.
    #[must_use]
    pub fn parameters(&self) -> &EmbeddingLookup {
        &self.parameters
    }
}

impl Transform for FittedEmbeddingLookup {
    fn attributes(&self) -> Attributes {
        vec![("embedding_dim_", Attribute::Count(self.parameters.width() as u64))]
    }

    fn inverse_transform(&self, _: &RecordBatch) -> Result<RecordBatch> {
        Err(inverse::irreversible("EmbeddingLookup"))
    }
}

impl Lower for FittedEmbeddingLookup {
    fn schema(&self) -> &Schema {
        &self.input
    }

    fn lower(&self, builder: &mut ProgramBuilder, columns: Vec<Column>) -> Result<Vec<Column>> {
        let own = &self.parameters;
        let misfit = || Error::corrupt("compile plan", "EmbeddingLookup", "its keys do not fit its vectors");
        if own.keys.0.is_empty() || own.keys.0.len() != own.vectors.rows() {
            return Err(misfit());
        }
        let codes: Vec<u32> = (0..).take(own.keys.0.len()).collect();
        let mut outputs = Vec::new();
        for column in columns {
            let site = builder.site("EmbeddingLookup", &column);
            let learnt = own.learnt(column.dtype).ok_or_else(misfit)?;
            let encoding = Encoding {
                table: learnt.table(column.dtype, &codes)?,
                missing: own.code(own.handle_missing).ok_or_else(misfit)?,
                unknown: own.code(own.handle_unknown).ok_or_else(misfit)?,
                writes: Writes::Rows { width: own.vectors.width, values: own.vectors.values.clone() },
            };
            let names = (0..own.vectors.width).map(|place| format!("{}_{place}", column.name)).collect();
            outputs.extend(builder.encode(
                &column,
                site,
                encoding,
                [Kernel::RefuseInfinite { site }],
                names,
            )?);
        }
        Ok(outputs)
    }
}
