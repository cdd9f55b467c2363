use std::fmt::Write as _;

use mlcore::arrow::array::RecordBatch;
use mlcore::schema::{DType, Schema};
use mlcore::{Error, Result};
use serde::{Deserialize, Serialize};

use super::{documents, murmur};
use crate::program::Lower;
use crate::program::builder::{Column, ProgramBuilder};
use crate::program::encoder::float_bits;
use crate::program::kernel::Kernel;
use crate::program::text::{Refused, TextKernel, TextRow, TextScratch};
use crate::transform::{Attributes, Fit, Handling, Training, Transform, input, inverse};

/// The bin of the values of several columns together: a cross, of which the number of bins is chosen and not learnt.
///
/// Takes two columns or more, of text, integers, bools and finite floats. The values of a row are joined into a key, whose hash
/// says the bin: MurmurHash3 of 32 bits with the seed 0, as a signed number whose size is taken modulo the number of bins, as a
/// [`FeatureHasher`](crate::transform::FeatureHasher) does it.
///
/// The key is written so that different rows have different keys, and only hashes collide. Each column in its order adds
///
/// - a text as the number of its bytes in decimal digits, `:` and the bytes in UTF-8: `4:Oslo`;
/// - an integer or a bool as `i`, its decimal digits and `;`: `i-7;`, `i1;`;
/// - a float as `f` and the 16 hexadecimal digits of its bits, both zeros being one: `f3ff8000000000000`;
/// - a missing value as `n`.
///
/// Source: Keras, `HashedCrossing`, for the name, the parameters and what they mean; its hash is another one.
///
/// ```
/// use std::sync::Arc;
///
/// use mlcore::arrow::array::{AsArray, Int64Array, RecordBatch, StringArray};
/// use mlcore::arrow::datatypes::Float64Type;
/// use mlcore_features::transform::{Fit, HashedCrossing, Transform};
///
/// let table = RecordBatch::try_from_iter([
///     ("city", Arc::new(StringArray::from(vec!["Oslo", "Rome", "Oslo"])) as _),
///     ("hour", Arc::new(Int64Array::from(vec![7, 7, 7])) as _),
/// ]).unwrap();
/// let (fitted, bins) = HashedCrossing::default().num_bins(100).fit_transform(&table)?;
/// assert_eq!(fitted.feature_names_out()?, ["city_X_hour"]);
/// // The hash of `4:Osloi7;` is -272,274,191.
/// assert_eq!(bins.column(0).as_primitive::<Float64Type>().values(), &[91.0, 20.0, 91.0]);
/// # Ok::<(), mlcore::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HashedCrossing {
    num_bins: usize,
    output_mode: OutputMode,
    handle_missing: Handling,
}

/// What a [`HashedCrossing`] makes of a bin.
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OutputMode {
    /// One column, the number of the bin.
    #[default]
    Int,
    /// One column for each bin, 1 in that of the row.
    OneHot,
}

impl Default for HashedCrossing {
    fn default() -> Self {
        // As many as a `FeatureHasher` has.
        Self { num_bins: 1024, output_mode: OutputMode::Int, handle_missing: Handling::Value }
    }
}

impl HashedCrossing {
    /// The number of bins, from 1 to 65,536. Default: 1024.
    #[must_use]
    pub fn num_bins(mut self, num_bins: usize) -> Self {
        self.num_bins = num_bins;
        self
    }

    /// What is made of the bin. Default: its number.
    #[must_use]
    pub fn output_mode(mut self, output_mode: OutputMode) -> Self {
        self.output_mode = output_mode;
        self
    }

    /// What becomes of a row in which a value is missing. Default [`Handling::Value`]: a missing value is a value of its own.
    /// [`Handling::ReturnNan`] makes the number of the bin NaN, and is refused for one column for each bin;
    /// [`Handling::Error`] refuses the row, while fitting too.
    #[must_use]
    pub fn handle_missing(mut self, handle_missing: Handling) -> Self {
        self.handle_missing = handle_missing;
        self
    }
}

const OPERATION: &str = "fit HashedCrossing";

impl Fit for HashedCrossing {
    type Fitted = FittedHashedCrossing;

    fn learn(&self, training: &Training<'_>) -> Result<FittedHashedCrossing> {
        let columns = input::columns(training, OPERATION)?;
        width(self.num_bins, OPERATION)?;
        if columns.len() < 2 {
            let problem = "a cross is of two columns or more, and there is one";
            return Err(Error::invalid_input(OPERATION, "columns", problem)
                .remedy("add a column, or use a FeatureHasher for one"));
        }
        if (self.output_mode, self.handle_missing) == (OutputMode::OneHot, Handling::ReturnNan) {
            let problem = "return_nan has no meaning for one column for each bin";
            return Err(Error::invalid_input(OPERATION, "handle_missing", problem)
                .remedy("use value or error, or the output_mode int"));
        }
        for column in &columns {
            if column.dtype().is_float() {
                column.numbers()?;
            } else if column.dtype() != DType::String && !column.dtype().is_numeric() {
                return Err(column.unfit("text, numbers or bools"));
            }
            if self.handle_missing == Handling::Error {
                column.present()?;
            }
        }
        Ok(FittedHashedCrossing { parameters: self.clone(), input: input::nullable_schema(&columns)? })
    }
}

/// The number of bins as a hash is taken modulo it.
fn width(num_bins: usize, operation: &'static str) -> Result<u32> {
    documents::width(num_bins, operation).map_err(|_| {
        let problem = format!("{num_bins} bins are none, or too many for rows that are dense");
        Error::invalid_input(operation, "num_bins", problem)
            .remedy(format!("set num_bins to a number from 1 to {}", documents::MOST_FEATURES))
    })
}

crate::transform::parts::columns_only!(HashedCrossing, FittedHashedCrossing);

/// A [`HashedCrossing`] that has seen its columns.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FittedHashedCrossing {
    parameters: HashedCrossing,
    input: Schema,
}

impl FittedHashedCrossing {
    /// The specification that was fitted.
    #[must_use]
    pub fn parameters(&self) -> &HashedCrossing {
        &self.parameters
    }
}

impl Transform for FittedHashedCrossing {
    fn attributes(&self) -> Attributes {
        Attributes::new()
    }

    fn inverse_transform(&self, _: &RecordBatch) -> Result<RecordBatch> {
        Err(Error::unsupported(inverse::OPERATION, "HashedCrossing", "a hash does not tell its values")
            .remedy("keep the columns beside the cross, with a ColumnTransformer"))
    }
}

impl Lower for FittedHashedCrossing {
    fn schema(&self) -> &Schema {
        &self.input
    }

    fn lower(&self, builder: &mut ProgramBuilder, mut columns: Vec<Column>) -> Result<Vec<Column>> {
        let HashedCrossing { num_bins, output_mode, handle_missing } = self.parameters;
        let bins = width(num_bins, "compile plan")?;
        let names: Vec<&str> = columns.iter().map(|column| column.name.as_str()).collect();
        let name = names.join("_X_");
        let (mut parts, mut read) = (Vec::with_capacity(columns.len()), Vec::with_capacity(columns.len()));
        let (mut texts, mut exacts, mut numbers) = (0.., 0.., 0..);
        for column in &mut columns {
            if handle_missing == Handling::Error {
                builder.require_present("HashedCrossing", column)?;
            }
            let dtype = column.dtype;
            parts.extend(match dtype {
                DType::String => texts.next().map(Part::Text),
                dtype if dtype.is_float() => numbers.next().map(Part::Float),
                dtype => exacts.next().map(|exact| Part::Exact { exact, is_signed: dtype.is_signed() }),
            });
            read.push(if dtype.is_float() {
                let site = builder.site("HashedCrossing", column);
                builder.number(column.clone(), [Kernel::RefuseInfinite { site }])?
            } else {
                column.clone()
            });
        }
        let is_one_hot = output_mode == OutputMode::OneHot;
        let names =
            if is_one_hot { (0..bins).map(|bin| format!("{name}_{bin}")).collect() } else { vec![name] };
        let may_return_nan = handle_missing == Handling::ReturnNan;
        let kernel = Cross { parts, bins, is_one_hot, may_return_nan };
        builder.read_exactly("HashedCrossing", &read, kernel, names)
    }
}

/// A column of a cross, by its place among those of its kind.
#[derive(Clone, Copy, Debug)]
enum Part {
    Text(usize),
    Exact { exact: usize, is_signed: bool },
    Float(usize),
}

/// Hashes the values of a row.
#[derive(Debug)]
struct Cross {
    parts: Vec<Part>,
    bins: u32,
    is_one_hot: bool,
    may_return_nan: bool,
}

impl Cross {
    /// Appends what stands for a value, and says whether there is one. Nothing that writes into a text fails.
    fn write(part: Part, row: &TextRow<'_>, key: &mut String) -> bool {
        let written = match part {
            Part::Text(position) => row.text(position).map(|text| write!(key, "{}:{text}", text.len())),
            Part::Exact { exact, is_signed: true } => {
                row.exact(exact).map(|bits| write!(key, "i{};", bits as i64))
            }
            Part::Exact { exact, is_signed: false } => row.exact(exact).map(|bits| write!(key, "i{bits};")),
            Part::Float(number) => row
                .numbers
                .get(number)
                .filter(|number| !number.is_nan())
                .map(|number| write!(key, "f{:016x}", float_bits(*number))),
        };
        if written.is_none() {
            key.push('n');
        }
        written.is_some()
    }
}

impl TextKernel for Cross {
    fn apply(&self, row: &TextRow<'_>, scratch: &mut TextScratch) -> Result<(), Refused> {
        let TextScratch { joined, features, .. } = scratch;
        joined.clear();
        let mut is_whole = true;
        for part in &self.parts {
            is_whole &= Self::write(*part, row, joined);
        }
        let (bin, _) = murmur::bucket(joined, self.bins, false);
        if self.is_one_hot {
            features.add(bin, 1.0);
        } else if self.may_return_nan && !is_whole {
            features.add(0, f64::NAN);
        } else if bin > 0 {
            features.add(0, bin.into());
        }
        Ok(())
    }
}
