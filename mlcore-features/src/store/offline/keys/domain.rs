//! Which types of key columns are compared with each other, and how.

use mlcore::arrow::datatypes::{DataType, TimeUnit};
use mlcore::{Error, Result};

/// How the values of two columns are made comparable.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Domain {
    /// Integers within 64 bits with a sign; of a float, what is one.
    Signed,
    /// Integers within 64 bits without a sign; of a float, what is one.
    Unsigned,
    /// Floats, both zeros as one.
    Float,
    Bool,
    /// Days since 1970.
    Date,
    /// Counts of one unit.
    Timestamp,
    /// Texts and bytes, by numbers.
    Texts,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    Signed,
    Unsigned,
    Float,
    Bool,
    Date,
    Timestamp(TimeUnit),
    Text,
    Bytes,
}

fn kind(data_type: &DataType) -> Option<Kind> {
    Some(match data_type {
        DataType::Int8 | DataType::Int16 | DataType::Int32 | DataType::Int64 => Kind::Signed,
        DataType::UInt8 | DataType::UInt16 | DataType::UInt32 | DataType::UInt64 => Kind::Unsigned,
        DataType::Float16 | DataType::Float32 | DataType::Float64 => Kind::Float,
        DataType::Boolean => Kind::Bool,
        DataType::Date32 | DataType::Date64 => Kind::Date,
        DataType::Timestamp(unit, _) => Kind::Timestamp(*unit),
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => Kind::Text,
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_) => {
            Kind::Bytes
        }
        DataType::Dictionary(_, values) => return kind(values).filter(|_| !is_dictionary(values)),
        _ => return None,
    })
}

fn is_dictionary(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Dictionary(..))
}

impl Domain {
    /// How two key columns are compared, each with its name and type.
    pub(super) fn of(
        operation: &'static str,
        (left, left_type): (&str, &DataType),
        (right, right_type): (&str, &DataType),
    ) -> Result<Self> {
        let known = |name: &str, data_type: &DataType| {
            kind(data_type).ok_or_else(|| {
                Error::unsupported(operation, name, format!("a key of type {data_type} cannot be compared"))
                    .remedy("cast the column to integers or text")
            })
        };
        Ok(match (known(left, left_type)?, known(right, right_type)?) {
            (Kind::Float, Kind::Float) => Self::Float,
            (Kind::Unsigned, Kind::Unsigned | Kind::Float) | (Kind::Float, Kind::Unsigned) => Self::Unsigned,
            (Kind::Signed, Kind::Signed | Kind::Unsigned | Kind::Float)
            | (Kind::Unsigned | Kind::Float, Kind::Signed) => Self::Signed,
            (Kind::Bool, Kind::Bool) => Self::Bool,
            (Kind::Date, Kind::Date) => Self::Date,
            (Kind::Timestamp(own), Kind::Timestamp(other)) if own == other => Self::Timestamp,
            (Kind::Text, Kind::Text) | (Kind::Bytes, Kind::Bytes) => Self::Texts,
            _ => {
                let problem =
                    format!("it is {left_type}, and the key column {right} of the source is {right_type}");
                return Err(Error::schema_mismatch(operation, left, problem)
                    .remedy("cast one of the two, so that both have one type"));
            }
        })
    }
}
