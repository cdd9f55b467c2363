use std::sync::Arc;

use mlcore::arrow::array::{
    Array, ArrayRef, AsArray, BinaryViewArray, FixedSizeListArray, LargeListArray, PrimitiveArray,
    RecordBatch, StringViewArray, StructArray,
};
use mlcore::arrow::buffer::{OffsetBuffer, ScalarBuffer};
use mlcore::arrow::compute::cast;
use mlcore::arrow::datatypes::{
    ArrowPrimitiveType, DataType as ArrowType, Decimal32Type, Decimal64Type, Decimal128Type, DecimalType,
    DurationMillisecondType, DurationSecondType, Field, Fields, Time32MillisecondType, Time32SecondType,
    Time64MicrosecondType, Time64NanosecondType, TimeUnit, TimestampMillisecondType, TimestampSecondType,
};
use mlcore::interrupt::Pace;
use mlcore::{Error, Result, interrupt};
use polars::prelude::{DataFrame, DataType, Field as PolarsField, IdxSize, IntoColumn as _, Series};

use super::refusal::meant;
use super::types::{polars_unit, polars_zone, refused};
use super::{categories, exchange};

const OPERATION: &str = "make frame";

/// A table as a frame. Columns that polars lays out alike are not copied; the [module](super) says what becomes of which type.
///
/// ```
/// use std::sync::Arc;
///
/// use mlcore::arrow::array::{Float64Array, RecordBatch, StringArray};
/// use mlcore_features::offline::from_table;
/// use mlcore_features::offline::polars::prelude::*;
///
/// let table = RecordBatch::try_from_iter([
///     ("age", Arc::new(Float64Array::from(vec![Some(20.0), None])) as _),
///     ("plan", Arc::new(StringArray::from(vec!["free", "pro"])) as _),
/// ])?;
/// assert!(from_table(&table)?.equals_missing(&df!("age" => [Some(20.0), None], "plan" => ["free", "pro"])?));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`Error::Unsupported`] that names a column of a type that does not cross, and for more rows than polars counts;
/// [`Error::InvalidInput`] for a value that the type of polars does not hold, with its column and row; [`Error::SchemaMismatch`]
/// for two columns of one name; and [`Error::Interrupted`].
pub fn from_table(table: &RecordBatch) -> Result<DataFrame> {
    let rows = table.num_rows();
    if IdxSize::try_from(rows).is_err() {
        let problem = format!("it has {rows} rows, and polars counts up to {}", IdxSize::MAX);
        return Err(Error::unsupported(OPERATION, "table", problem)
            .remedy("take fewer rows at a time, or build polars with its feature bigidx"));
    }
    let schema = table.schema_ref();
    let columns = schema.fields().iter().zip(table.columns()).map(|(field, array)| {
        interrupt::check(OPERATION)?;
        let name = field.name();
        let (array, dtype) = taken(name, array)?;
        let foreign = |cause| meant(OPERATION, name, cause);
        let chunk = exchange::to_polars(&array.to_data(), &dtype).map_err(foreign)?;
        let series = Series::from_chunk_and_dtype(name.as_str().into(), chunk, &dtype).map_err(foreign)?;
        Ok(series.into_column())
    });
    DataFrame::new(rows, columns.collect::<Result<_>>()?).map_err(|cause| meant(OPERATION, "columns", cause))
}

/// Tables of the same columns as one frame, with a chunk for each; a frame without columns for none.
///
/// ```
/// use mlcore_features::offline::polars::prelude::*;
/// use mlcore_features::offline::{from_batches, to_table};
///
/// let (one, two) = (df!("age" => [20, 40])?, df!("age" => [60])?);
/// let frame = from_batches(&[to_table(&one)?, to_table(&two)?])?;
/// assert!(frame.equals(&df!("age" => [20, 40, 60])?));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// As [`from_table`], and [`Error::SchemaMismatch`] for tables of different columns.
pub fn from_batches(batches: &[RecordBatch]) -> Result<DataFrame> {
    let mut batches = batches.iter().map(from_table);
    let mut whole = batches.next().transpose()?.unwrap_or_default();
    for batch in batches {
        add(&mut whole, batch?)?;
    }
    Ok(whole)
}

/// Puts the rows behind those of the frame.
pub(super) fn add(whole: &mut DataFrame, rows: DataFrame) -> Result<()> {
    let is_alike = whole.width() == rows.width()
        && whole.columns().iter().zip(rows.columns()).all(|(own, other)| own.name() == other.name());
    if !is_alike {
        let shown = |frame: &DataFrame| {
            frame.get_column_names().iter().map(|name| name.as_str()).collect::<Vec<_>>().join(", ")
        };
        let problem = format!("the first has {}, and another {}", shown(whole), shown(&rows));
        return Err(Error::schema_mismatch(OPERATION, "tables", problem)
            .remedy("give all the same columns in one order"));
    }
    let height = whole.height().saturating_add(rows.height());
    if IdxSize::try_from(height).is_err() {
        let problem = format!("they have {height} rows, and polars counts up to {}", IdxSize::MAX);
        return Err(Error::unsupported(OPERATION, "tables", problem).remedy("take fewer rows at a time"));
    }
    whole.vstack_mut_owned(rows).map_err(|cause| meant(OPERATION, "tables", cause))?;
    Ok(())
}

/// The column in a layout of polars, and its type there.
fn taken(column: &str, array: &ArrayRef) -> Result<(ArrayRef, DataType)> {
    let as_it_lies = |dtype| Ok((array.clone(), dtype));
    match array.data_type() {
        ArrowType::Null => as_it_lies(DataType::Null),
        ArrowType::Boolean => as_it_lies(DataType::Boolean),
        ArrowType::Int8 => as_it_lies(DataType::Int8),
        ArrowType::Int16 => as_it_lies(DataType::Int16),
        ArrowType::Int32 => as_it_lies(DataType::Int32),
        ArrowType::Int64 => as_it_lies(DataType::Int64),
        ArrowType::UInt8 => as_it_lies(DataType::UInt8),
        ArrowType::UInt16 => as_it_lies(DataType::UInt16),
        ArrowType::UInt32 => as_it_lies(DataType::UInt32),
        ArrowType::UInt64 => as_it_lies(DataType::UInt64),
        ArrowType::Float16 => as_it_lies(DataType::Float16),
        ArrowType::Float32 => as_it_lies(DataType::Float32),
        ArrowType::Float64 => as_it_lies(DataType::Float64),
        ArrowType::Utf8View => as_it_lies(DataType::String),
        ArrowType::Utf8 => Ok((Arc::new(StringViewArray::from(array.as_string::<i32>())), DataType::String)),
        ArrowType::LargeUtf8 => {
            Ok((Arc::new(StringViewArray::from(array.as_string::<i64>())), DataType::String))
        }
        ArrowType::BinaryView => as_it_lies(DataType::Binary),
        ArrowType::Binary => {
            Ok((Arc::new(BinaryViewArray::from(array.as_binary::<i32>())), DataType::Binary))
        }
        ArrowType::LargeBinary => {
            Ok((Arc::new(BinaryViewArray::from(array.as_binary::<i64>())), DataType::Binary))
        }
        ArrowType::Dictionary(_, words) => match words.as_ref() {
            ArrowType::Utf8 | ArrowType::LargeUtf8 | ArrowType::Utf8View => {
                categories::coded(OPERATION, column, array)
            }
            plain => taken(column, &converted(column, array, plain)?),
        },
        ArrowType::Date32 => as_it_lies(DataType::Date),
        ArrowType::Date64 => Ok((converted(column, array, &ArrowType::Date32)?, DataType::Date)),
        ArrowType::Time32(_) | ArrowType::Time64(_) => Ok((time(column, array)?, DataType::Time)),
        ArrowType::Timestamp(unit, zone) => {
            let dtype =
                DataType::Datetime(polars_unit(*unit), polars_zone(OPERATION, column, zone.as_deref())?);
            match unit {
                TimeUnit::Second => Ok((
                    scaled::<TimestampSecondType, TimestampMillisecondType>(column, array, 1000, ANY)?,
                    dtype,
                )),
                TimeUnit::Millisecond | TimeUnit::Microsecond | TimeUnit::Nanosecond => as_it_lies(dtype),
            }
        }
        ArrowType::Duration(unit) => {
            let dtype = DataType::Duration(polars_unit(*unit));
            match unit {
                TimeUnit::Second => Ok((
                    scaled::<DurationSecondType, DurationMillisecondType>(column, array, 1000, ANY)?,
                    dtype,
                )),
                TimeUnit::Millisecond | TimeUnit::Microsecond | TimeUnit::Nanosecond => as_it_lies(dtype),
            }
        }
        ArrowType::Decimal32(precision, scale) => {
            decimals::<Decimal32Type>(column, array, *precision, *scale)
        }
        ArrowType::Decimal64(precision, scale) => {
            decimals::<Decimal64Type>(column, array, *precision, *scale)
        }
        ArrowType::Decimal128(precision, scale) => {
            decimals::<Decimal128Type>(column, array, *precision, *scale)
        }
        ArrowType::List(_)
        | ArrowType::LargeList(_)
        | ArrowType::FixedSizeList(..)
        | ArrowType::Struct(_) => nested(column, array),
        other => Err(refused(OPERATION, column, &other.to_string())),
    }
}

fn converted(column: &str, array: &ArrayRef, to: &ArrowType) -> Result<ArrayRef> {
    cast(array, to).map_err(|cause| Error::unsupported(OPERATION, column, cause.to_string()).caused_by(cause))
}

fn nested(column: &str, array: &ArrayRef) -> Result<(ArrayRef, DataType)> {
    let odd = |cause: mlcore::arrow::error::ArrowError| {
        Error::internal(OPERATION, column, cause.to_string()).caused_by(cause)
    };
    let item = |part: &ArrayRef| Arc::new(Field::new("item", part.data_type().clone(), true));
    match array.data_type() {
        ArrowType::List(_) => {
            let (_, offsets, values, nulls) = array.as_list::<i32>().clone().into_parts();
            let (values, inner) = taken(column, &values)?;
            let wide: ScalarBuffer<i64> = offsets.iter().map(|offset| i64::from(*offset)).collect();
            let list = LargeListArray::try_new(item(&values), OffsetBuffer::new(wide), values, nulls);
            Ok((Arc::new(list.map_err(odd)?), DataType::List(Box::new(inner))))
        }
        ArrowType::LargeList(_) => {
            let (_, offsets, values, nulls) = array.as_list::<i64>().clone().into_parts();
            let (values, inner) = taken(column, &values)?;
            let list = LargeListArray::try_new(item(&values), offsets, values, nulls);
            Ok((Arc::new(list.map_err(odd)?), DataType::List(Box::new(inner))))
        }
        ArrowType::FixedSizeList(_, size @ 1..) => {
            let (_, _, values, nulls) = array.as_fixed_size_list().clone().into_parts();
            let (values, inner) = taken(column, &values)?;
            let list = FixedSizeListArray::try_new(item(&values), *size, values, nulls);
            let width = usize::try_from(*size).unwrap_or_default();
            Ok((Arc::new(list.map_err(odd)?), DataType::Array(Box::new(inner), width)))
        }
        ArrowType::Struct(fields) if !fields.is_empty() => {
            let (fields, parts, nulls) = array.as_struct().clone().into_parts();
            let parts: Vec<_> = parts.iter().map(|part| taken(column, part)).collect::<Result<_>>()?;
            let typed = |(field, (_, dtype)): (&Arc<Field>, &(ArrayRef, DataType))| {
                PolarsField::new(field.name().as_str().into(), dtype.clone())
            };
            let dtype = DataType::Struct(fields.iter().zip(&parts).map(typed).collect());
            let typed = |(field, (part, _)): (&Arc<Field>, &(ArrayRef, DataType))| {
                Field::new(field.name(), part.data_type().clone(), true)
            };
            let fields: Fields = fields.iter().zip(&parts).map(typed).collect();
            let parts = parts.into_iter().map(|(part, _)| part).collect();
            Ok((Arc::new(StructArray::try_new(fields, parts, nulls).map_err(odd)?), dtype))
        }
        other => Err(refused(OPERATION, column, &other.to_string())),
    }
}

/// The values that polars takes, from the first to the last.
type Bounds = (i64, i64);
const ANY: Bounds = (i64::MIN, i64::MAX);
const DAY: Bounds = (0, 86_400_000_000_000 - 1);

/// Times of day in nanoseconds, as polars counts them.
fn time(column: &str, array: &ArrayRef) -> Result<ArrayRef> {
    match array.data_type() {
        ArrowType::Time32(TimeUnit::Second) => {
            scaled::<Time32SecondType, Time64NanosecondType>(column, array, 1_000_000_000, DAY)
        }
        ArrowType::Time32(_) => {
            scaled::<Time32MillisecondType, Time64NanosecondType>(column, array, 1_000_000, DAY)
        }
        ArrowType::Time64(TimeUnit::Nanosecond) => {
            let times = array.as_primitive::<Time64NanosecondType>();
            match times.iter().position(|time| time.is_some_and(|time| !is_within(time, DAY))) {
                Some(row) => Err(beyond(column, row, times.value(row))),
                None => Ok(array.clone()),
            }
        }
        _ => scaled::<Time64MicrosecondType, Time64NanosecondType>(column, array, 1000, DAY),
    }
}

fn is_within(value: i64, (first, last): Bounds) -> bool {
    (first..=last).contains(&value)
}

fn beyond(column: &str, row: usize, value: i64) -> Error {
    Error::invalid_input(
        OPERATION,
        column,
        format!("row {row} holds {value}, which is beyond what polars counts"),
    )
    .remedy("put a missing value in its place")
}

/// The values times a factor, in another unit.
fn scaled<S, T>(column: &str, array: &ArrayRef, factor: i64, bounds: Bounds) -> Result<ArrayRef>
where
    S: ArrowPrimitiveType<Native: Into<i64>>,
    T: ArrowPrimitiveType<Native = i64>,
{
    let mut pace = Pace::default();
    let scaled = |(row, value): (usize, Option<S::Native>)| {
        pace.check(OPERATION, 1)?;
        let Some(value) = value.map(Into::into) else { return Ok(None) };
        let scaled = value.checked_mul(factor).filter(|scaled| is_within(*scaled, bounds));
        scaled.map(Some).ok_or_else(|| beyond(column, row, value))
    };
    let values = array.as_primitive::<S>().iter().enumerate().map(scaled);
    Ok(Arc::new(values.collect::<Result<PrimitiveArray<T>>>()?))
}

/// Decimals in 128 bits, as polars has them.
fn decimals<D>(column: &str, array: &ArrayRef, precision: u8, scale: i8) -> Result<(ArrayRef, DataType)>
where
    D: DecimalType<Native: Into<i128>>,
{
    let Ok(digits) = usize::try_from(scale) else {
        return Err(refused(OPERATION, column, &array.data_type().to_string()));
    };
    let decimals = array.as_primitive::<D>();
    decimals.validate_decimal_precision(precision).map_err(|cause| {
        Error::invalid_input(OPERATION, column, cause.to_string())
            .remedy("give it a type with more digits")
            .caused_by(cause)
    })?;
    let dtype = DataType::Decimal(precision.into(), digits);
    if D::DATA_TYPE == Decimal128Type::DATA_TYPE {
        return Ok((array.clone(), dtype));
    }
    let wide = decimals.unary::<_, Decimal128Type>(Into::into).with_precision_and_scale(precision, scale);
    wide.map(|wide| (Arc::new(wide) as ArrayRef, dtype))
        .map_err(|cause| Error::internal(OPERATION, column, cause.to_string()).caused_by(cause))
}
