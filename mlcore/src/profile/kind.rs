//! What the values of a column are.

use std::fmt;

use super::codec::{Reader, Writer};
use crate::arrow::datatypes::DataType;
use crate::error::Result;
use crate::schema::DType;
use crate::time::{TimeUnit, UNITS, symbol};

/// What the values of a profiled column are. Columns of one kind are counted together, whatever their widths: 7 and 7.0 are one
/// value.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub enum ColumnKind {
    /// No value came yet, whatever the type: a column that is merged with one of any kind.
    #[default]
    Nothing,
    /// Truth values.
    Boolean,
    /// Integers and floats.
    Number,
    /// Text, also in dictionaries.
    Text,
    /// Days of the calendar.
    Date,
    /// Times of day, counted in this unit.
    Time(TimeUnit),
    /// Dates and times in no particular zone, counted in this unit.
    DateTime(TimeUnit),
    /// Moments, counted in this unit.
    Timestamp(TimeUnit),
    /// A type of which rows and nulls are counted and nothing else, by Arrow's name.
    Other(Box<str>),
}

impl ColumnKind {
    /// The kind of a column of this type.
    #[must_use]
    pub fn of_arrow(data_type: &DataType) -> Self {
        match (data_type, DType::from_arrow(data_type)) {
            (DataType::Null, _) => Self::Nothing,
            (_, Some(dtype)) => Self::of(dtype),
            (other, None) => {
                let name = other.to_string();
                Self::Other(name.get(..name.floor_char_boundary(LONGEST_NAME)).unwrap_or_default().into())
            }
        }
    }

    /// The kind of a column of this type.
    #[must_use]
    pub fn of(dtype: DType) -> Self {
        match dtype {
            DType::Bool => Self::Boolean,
            DType::String => Self::Text,
            DType::Date => Self::Date,
            DType::Time(unit) => Self::Time(unit),
            DType::Timestamp(unit, None) => Self::DateTime(unit),
            DType::Timestamp(unit, Some(_)) => Self::Timestamp(unit),
            _ => Self::Number,
        }
    }

    pub(super) fn write(&self, writer: &mut Writer) {
        let unit = |unit: &TimeUnit| UNITS.iter().position(|other| other == unit).unwrap_or(0) as u8;
        let (code, unit) = match self {
            Self::Nothing => (0, 0),
            Self::Boolean => (1, 0),
            Self::Number => (2, 0),
            Self::Text => (3, 0),
            Self::Date => (4, 0),
            Self::Time(of) => (5, unit(of)),
            Self::DateTime(of) => (6, unit(of)),
            Self::Timestamp(of) => (7, unit(of)),
            Self::Other(_) => (8, 0),
        };
        writer.u8(code);
        writer.u8(unit);
        if let Self::Other(name) = self {
            writer.text(name);
        }
    }

    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self> {
        let (code, unit) = (reader.u8()?, reader.u8()?);
        let unit = UNITS.get(usize::from(unit)).copied();
        Ok(match (code, unit) {
            (0, _) => Self::Nothing,
            (1, _) => Self::Boolean,
            (2, _) => Self::Number,
            (3, _) => Self::Text,
            (4, _) => Self::Date,
            (5, Some(unit)) => Self::Time(unit),
            (6, Some(unit)) => Self::DateTime(unit),
            (7, Some(unit)) => Self::Timestamp(unit),
            (8, _) => Self::Other(reader.text(LONGEST_NAME)?.into()),
            _ => return Err(reader.corrupt("a column is of no known kind")),
        })
    }
}

/// Names of nested types have no end.
const LONGEST_NAME: usize = 200;

impl fmt::Display for ColumnKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nothing => f.pad("nothing"),
            Self::Boolean => f.pad("boolean"),
            Self::Number => f.pad("number"),
            Self::Text => f.pad("text"),
            Self::Date => f.pad("date"),
            Self::Time(unit) => f.pad(&format!("time[{}]", symbol(*unit))),
            Self::DateTime(unit) => f.pad(&format!("datetime[{}]", symbol(*unit))),
            Self::Timestamp(unit) => f.pad(&format!("timestamp[{}]", symbol(*unit))),
            Self::Other(name) => f.pad(name),
        }
    }
}
