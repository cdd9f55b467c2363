//! From categories to what is written for them.

use std::sync::Arc;

use mlcore::batch::Value;
use mlcore::schema::DType;

use super::instruction::Place;
use super::lookup::{Key, Lookup};

/// What a column's categories become, before it is known how the column is read.
#[derive(Debug)]
pub(crate) struct Encoding {
    pub(crate) table: Table,
    pub(crate) missing: u32,
    pub(crate) unknown: u32,
    pub(crate) writes: Writes,
}

#[derive(Debug)]
pub(crate) enum Table {
    /// Floats, integers and bools by their bits.
    Bits(Lookup),
    Texts(Lookup),
    /// The number is its own code.
    Index,
}

/// What is written for a category: a code names one of the columns, one of the numbers, or a row of numbers.
#[derive(Debug)]
pub(crate) enum Writes {
    /// `width` columns, 1 in the one that the code names.
    OneHot { width: usize },
    /// One column, the number that the code names.
    Ordinal { values: Box<[f64]> },
    /// `width` columns, the row of `width` numbers that the code names; rows lie one after another.
    Rows { width: usize, values: Arc<[f64]> },
}

/// A code that writes nothing: all columns stay 0.
pub(crate) const ZEROS: u32 = u32::MAX - 1;
/// A code that refuses the value.
pub(crate) const REFUSED: u32 = u32::MAX;

/// From values of one kind to codes, and to what is written for them.
#[derive(Debug)]
pub(crate) struct Encoder<T> {
    table: T,
    missing: u32,
    unknown: u32,
    pub(crate) output: Codes,
}

/// What becomes of codes.
#[derive(Debug)]
pub(crate) struct Codes {
    pub(crate) writes: Writes,
    /// What to name when a value is refused.
    pub(crate) site: u32,
    /// The first of the columns.
    pub(crate) to: Place,
    /// What is written for a code that names a column: 1, or a weight where the columns are the output's.
    pub(crate) hot: f64,
}

/// Categories that are floats.
#[derive(Debug)]
pub(crate) enum NumberTable {
    Bits(BitTable),
    /// The number is its own code.
    Index,
}

/// Categories by their 64-bit patterns.
#[derive(Debug)]
pub(crate) struct BitTable(pub(crate) Lookup);

/// Categories that are texts.
#[derive(Debug)]
pub(crate) struct TextTable(pub(crate) Lookup);

impl<T> Encoder<T> {
    pub(crate) fn table(&self) -> &T {
        &self.table
    }

    /// The codes of a missing value and of an unknown one.
    pub(crate) fn codes_of_others(&self) -> (u32, u32) {
        (self.missing, self.unknown)
    }

    pub(crate) fn new(table: T, missing: u32, unknown: u32, output: Codes) -> Self {
        Self { table, missing, unknown, output }
    }
}

impl Encoder<NumberTable> {
    #[inline]
    pub(crate) fn code(&self, value: f64) -> u32 {
        if value.is_nan() {
            return self.missing;
        }
        match &self.table {
            NumberTable::Bits(BitTable(lookup)) => lookup.bits(float_bits(value)).unwrap_or(self.unknown),
            NumberTable::Index => value as u32,
        }
    }
}

impl Encoder<BitTable> {
    #[inline]
    pub(crate) fn code(&self, value: Option<u64>) -> u32 {
        value.map_or(self.missing, |bits| self.table.0.bits(bits).unwrap_or(self.unknown))
    }
}

impl Encoder<TextTable> {
    #[inline]
    pub(crate) fn code(&self, value: Option<&str>) -> u32 {
        value.map_or(self.missing, |text| self.table.0.text(text).unwrap_or(self.unknown))
    }

    /// The code of a text of which this key is all.
    #[inline(always)]
    pub(crate) fn code_of_key(&self, key: Key) -> u32 {
        self.table.0.key(key).unwrap_or(self.unknown)
    }
}

impl Codes {
    /// Where the columns begin, how many there are, and what they may be multiplied by.
    pub(crate) fn place(&mut self) -> (&mut Place, usize, Option<&mut f64>) {
        let width = self.writes.width();
        let hot = matches!(self.writes, Writes::OneHot { .. }).then_some(&mut self.hot);
        (&mut self.to, width, hot)
    }
}

impl Writes {
    /// The number of columns.
    pub(crate) fn width(&self) -> usize {
        match self {
            Self::OneHot { width } | Self::Rows { width, .. } => *width,
            Self::Ordinal { .. } => 1,
        }
    }
}

/// The number in this column of the row that a code names; NaN where there is none.
#[inline(always)]
pub(crate) fn row_number(values: &[f64], width: usize, code: u32, column: usize) -> f64 {
    let place = (code as usize).saturating_mul(width).saturating_add(column);
    values.get(place).copied().unwrap_or(f64::NAN)
}

/// The bits by which equal floats are equal: both zeros are one.
#[inline(always)]
pub(crate) fn float_bits(value: f64) -> u64 {
    if value == 0.0 { 0 } else { value.to_bits() }
}

/// The 64-bit pattern of an integer or a bool, unique within one column type, and that of the integer that a float without a
/// fraction is; `None` for a null, NaN or anything else.
#[inline(always)]
pub(crate) fn exact_bits(value: Value<'_>) -> Option<u64> {
    match value {
        Value::Bool(value) => Some(u64::from(value)),
        Value::Int(value) => Some(value as u64),
        Value::UInt(value) => Some(value),
        Value::Float(value) if !value.is_nan() => Some(value as i64 as u64),
        _ => None,
    }
}

/// The integer or bool that a 64-bit pattern stands for in a column of this type.
pub(crate) fn exact_value(bits: u64, dtype: DType) -> Value<'static> {
    match dtype {
        DType::Bool => Value::Bool(bits != 0),
        dtype if dtype.is_signed() => Value::Int(bits as i64),
        _ => Value::UInt(bits),
    }
}
