use mlcore::arrow::datatypes::{DataType as ArrowType, Field, TimeUnit as ArrowUnit};
use mlcore::{Error, Result};
use polars::prelude::{DataType, TimeUnit, TimeZone};

/// The type of Arrow in whose layout polars keeps a column of this type. Categories are their codes.
pub(super) fn carried(operation: &'static str, column: &str, dtype: &DataType) -> Result<ArrowType> {
    let item = |inner: &DataType| {
        let inner = carried(operation, column, inner)?;
        Ok::<_, Error>(Field::new("item", inner, true).into())
    };
    Ok(match dtype {
        DataType::Boolean => ArrowType::Boolean,
        DataType::Int8 => ArrowType::Int8,
        DataType::Int16 => ArrowType::Int16,
        DataType::Int32 => ArrowType::Int32,
        DataType::Int64 => ArrowType::Int64,
        DataType::UInt8 => ArrowType::UInt8,
        DataType::UInt16 => ArrowType::UInt16,
        DataType::UInt32 => ArrowType::UInt32,
        DataType::UInt64 => ArrowType::UInt64,
        DataType::Float16 => ArrowType::Float16,
        DataType::Float32 => ArrowType::Float32,
        DataType::Float64 => ArrowType::Float64,
        DataType::Decimal(precision, scale) => match (u8::try_from(*precision), i8::try_from(*scale)) {
            (Ok(precision), Ok(scale)) => ArrowType::Decimal128(precision, scale),
            _ => return Err(refused(operation, column, &dtype.to_string())),
        },
        DataType::String => ArrowType::Utf8View,
        DataType::Binary => ArrowType::BinaryView,
        DataType::BinaryOffset => ArrowType::LargeBinary,
        DataType::Date => ArrowType::Date32,
        DataType::Datetime(unit, zone) => {
            ArrowType::Timestamp(arrow_unit(*unit), zone.as_ref().map(|zone| zone.as_str().into()))
        }
        DataType::Duration(unit) => ArrowType::Duration(arrow_unit(*unit)),
        DataType::Time => ArrowType::Time64(ArrowUnit::Nanosecond),
        DataType::Null => ArrowType::Null,
        DataType::Categorical(..) | DataType::Enum(..) => carried(operation, column, &dtype.to_physical())?,
        DataType::List(inner) => ArrowType::LargeList(item(inner)?),
        DataType::Array(inner, width) => match i32::try_from(*width) {
            Ok(width @ 1..) => ArrowType::FixedSizeList(item(inner)?, width),
            _ => return Err(refused(operation, column, &format!("array of width {width}"))),
        },
        DataType::Struct(fields) if !fields.is_empty() => {
            let field = |field: &polars::prelude::Field| {
                let data_type = carried(operation, column, field.dtype())?;
                Ok::<_, Error>(Field::new(field.name().as_str(), data_type, true))
            };
            ArrowType::Struct(fields.iter().map(field).collect::<Result<_>>()?)
        }
        other => return Err(refused(operation, column, &other.to_string())),
    })
}

/// The error for a column of a type that does not cross.
pub(super) fn refused(operation: &'static str, column: &str, data_type: &str) -> Error {
    Error::unsupported(operation, column, format!("columns of type {data_type} are not taken"))
        .remedy("cast it to a number, a bool, text, a date or a timestamp first, or leave it out")
}

pub(super) fn arrow_unit(unit: TimeUnit) -> ArrowUnit {
    match unit {
        TimeUnit::Nanoseconds => ArrowUnit::Nanosecond,
        TimeUnit::Microseconds => ArrowUnit::Microsecond,
        TimeUnit::Milliseconds => ArrowUnit::Millisecond,
    }
}

/// The unit of polars in which moments of this one lie; seconds become milliseconds.
pub(super) fn polars_unit(unit: ArrowUnit) -> TimeUnit {
    match unit {
        ArrowUnit::Second | ArrowUnit::Millisecond => TimeUnit::Milliseconds,
        ArrowUnit::Microsecond => TimeUnit::Microseconds,
        ArrowUnit::Nanosecond => TimeUnit::Nanoseconds,
    }
}

/// The zone of that name, none for none.
pub(super) fn polars_zone(
    operation: &'static str,
    column: &str,
    zone: Option<&str>,
) -> Result<Option<TimeZone>> {
    TimeZone::opt_try_new(zone).map_err(|cause| {
        Error::unsupported(operation, column, format!("polars does not take its time zone: {cause}"))
            .remedy("name it as in Europe/Berlin")
            .caused_by(cause)
    })
}
