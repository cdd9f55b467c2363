//! Columns of PostgreSQL, in its binary format, as Arrow's.

use std::borrow::Cow;
use std::sync::Arc;

use mlcore::arrow::array::{
    ArrayRef, BinaryBuilder, BooleanBuilder, Decimal128Array, Decimal256Array, ListArray, PrimitiveArray,
    PrimitiveBuilder, StringBuilder,
};
use mlcore::arrow::buffer::{NullBuffer, OffsetBuffer, ScalarBuffer};
use mlcore::arrow::datatypes::{
    ArrowPrimitiveType, DataType, Date32Type, Decimal128Type, Decimal256Type, Field, Float32Type,
    Float64Type, Int16Type, Int32Type, Int64Type, Time64MicrosecondType, TimeUnit, TimestampMicrosecondType,
    UInt32Type,
};
use mlcore::postgres::{Kind, Type};

use super::numeric::{self, Digits};

/// How the values of a type are read.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum Reading {
    Bool,
    Int16,
    Int32,
    Int64,
    Oid,
    Float32,
    Float64,
    Decimal128(Digits),
    Decimal256(Digits),
    Text,
    Jsonb,
    Uuid,
    Bytes,
    Date,
    Time,
    Timestamp { is_zoned: bool },
    List(Box<Reading>),
}

/// How a type counts moments.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Clock {
    Days,
    Moments,
    MomentsWithZone,
}

/// A value that Arrow has not.
#[derive(PartialEq, Eq, Debug)]
pub(super) struct Problem {
    pub(super) cell: usize,
    /// What it has, with a verb.
    pub(super) text: String,
    pub(super) remedy: String,
}

/// What a value has that it should not have, and what to do.
type Fault = (String, &'static str);

impl Reading {
    /// The reading of a type; `None` for a type that has no like.
    pub(super) fn of(data_type: &Type, modifier: i32) -> Option<Self> {
        match data_type.kind() {
            Kind::Array(element) => {
                // Lists of lists have one type in PostgreSQL, whatever their dimensions.
                let element = Self::of(element, modifier)?;
                return (!matches!(element, Self::List(_))).then(|| Self::List(Box::new(element)));
            }
            Kind::Domain(below) => return Self::of(below, modifier),
            Kind::Enum(_) => return Some(Self::Text),
            Kind::Simple if data_type.name() == "citext" => return Some(Self::Text),
            _ => {}
        }
        Some(match *data_type {
            Type::BOOL => Self::Bool,
            Type::INT2 => Self::Int16,
            Type::INT4 => Self::Int32,
            Type::INT8 => Self::Int64,
            Type::OID => Self::Oid,
            Type::FLOAT4 => Self::Float32,
            Type::FLOAT8 => Self::Float64,
            Type::NUMERIC => {
                let digits = Digits::of(modifier)?;
                if digits.fits_128() { Self::Decimal128(digits) } else { Self::Decimal256(digits) }
            }
            Type::TEXT | Type::VARCHAR | Type::BPCHAR | Type::NAME | Type::JSON => Self::Text,
            Type::JSONB => Self::Jsonb,
            Type::UUID => Self::Uuid,
            Type::BYTEA => Self::Bytes,
            Type::DATE => Self::Date,
            Type::TIME => Self::Time,
            Type::TIMESTAMP => Self::Timestamp { is_zoned: false },
            Type::TIMESTAMPTZ => Self::Timestamp { is_zoned: true },
            _ => return None,
        })
    }

    pub(super) fn data_type(&self) -> DataType {
        match self {
            Self::Bool => DataType::Boolean,
            Self::Int16 => DataType::Int16,
            Self::Int32 => DataType::Int32,
            Self::Int64 => DataType::Int64,
            Self::Oid => DataType::UInt32,
            Self::Float32 => DataType::Float32,
            Self::Float64 => DataType::Float64,
            Self::Decimal128(digits) => DataType::Decimal128(digits.precision, digits.scale),
            Self::Decimal256(digits) => DataType::Decimal256(digits.precision, digits.scale),
            Self::Text | Self::Jsonb | Self::Uuid => DataType::Utf8,
            Self::Bytes => DataType::Binary,
            Self::Date => DataType::Date32,
            Self::Time => DataType::Time64(TimeUnit::Microsecond),
            Self::Timestamp { is_zoned } => {
                DataType::Timestamp(TimeUnit::Microsecond, is_zoned.then(|| "UTC".into()))
            }
            Self::List(element) => DataType::List(Arc::new(Field::new_list_field(element.data_type(), true))),
        }
    }

    /// How moments are counted; `None` for a type that has none.
    pub(super) fn clock(&self) -> Option<Clock> {
        match self {
            Self::Date => Some(Clock::Days),
            Self::Timestamp { is_zoned: false } => Some(Clock::Moments),
            Self::Timestamp { is_zoned: true } => Some(Clock::MomentsWithZone),
            _ => None,
        }
    }

    /// The values of some rows, `None` for null.
    pub(super) fn array(&self, cells: &[Option<&[u8]>]) -> Result<ArrayRef, Problem> {
        Ok(match self {
            Self::Bool => {
                let mut made = BooleanBuilder::with_capacity(cells.len());
                each(cells, |value| {
                    made.append_option(value.map(exact::<1>).transpose()?.map(|[b]| b != 0));
                    Ok(())
                })?;
                Arc::new(made.finish())
            }
            Self::Int16 => {
                Arc::new(numbers::<Int16Type>(cells, |value| Ok(i16::from_be_bytes(exact(value)?)))?)
            }
            Self::Int32 => {
                Arc::new(numbers::<Int32Type>(cells, |value| Ok(i32::from_be_bytes(exact(value)?)))?)
            }
            Self::Int64 => {
                Arc::new(numbers::<Int64Type>(cells, |value| Ok(i64::from_be_bytes(exact(value)?)))?)
            }
            Self::Oid => {
                Arc::new(numbers::<UInt32Type>(cells, |value| Ok(u32::from_be_bytes(exact(value)?)))?)
            }
            Self::Float32 => {
                Arc::new(numbers::<Float32Type>(cells, |value| Ok(f32::from_be_bytes(exact(value)?)))?)
            }
            Self::Float64 => {
                Arc::new(numbers::<Float64Type>(cells, |value| Ok(f64::from_be_bytes(exact(value)?)))?)
            }
            Self::Decimal128(digits) => {
                let made: Decimal128Array =
                    numbers::<Decimal128Type>(cells, |value| numeric::read_128(value, *digits))?;
                Arc::new(made.with_data_type(self.data_type()))
            }
            Self::Decimal256(digits) => {
                let made: Decimal256Array =
                    numbers::<Decimal256Type>(cells, |value| numeric::read_256(value, *digits))?;
                Arc::new(made.with_data_type(self.data_type()))
            }
            Self::Text => texts(cells, |value| std::str::from_utf8(value).ok().map(Into::into))?,
            Self::Jsonb => texts(cells, |value| match value.split_first() {
                // The version of the format.
                Some((1, text)) => std::str::from_utf8(text).ok().map(Into::into),
                _ => None,
            })?,
            Self::Uuid => texts(cells, |value| exact(value).ok().map(|bytes| uuid(bytes).into()))?,
            Self::Bytes => {
                fits(cells)?;
                let mut made = BinaryBuilder::new();
                each(cells, |value| {
                    made.append_option(value);
                    Ok(())
                })?;
                Arc::new(made.finish())
            }
            Self::Date => Arc::new(numbers::<Date32Type>(cells, date)?),
            Self::Time => Arc::new(numbers::<Time64MicrosecondType>(cells, time)?),
            Self::Timestamp { .. } => Arc::new(
                numbers::<TimestampMicrosecondType>(cells, timestamp)?.with_data_type(self.data_type()),
            ),
            Self::List(element) => list(element, cells)?,
        })
    }
}

impl Clock {
    /// A moment, in nanoseconds since 1970 began, in the words of the server; rounded down to what it counts. `None` for a moment
    /// that is none of the server's.
    pub(super) fn literal(self, nanoseconds: i128) -> Option<String> {
        // The years -4712 to 5874897 of dates, and to 294276 of moments, but for a little at both ends.
        let (ticks, first, last) = match self {
            Self::Days => (86_400_000_000_000, -2_440_000, 2_000_000_000),
            Self::Moments | Self::MomentsWithZone => {
                (1000, -210_800_000_000_000_000, 9_200_000_000_000_000_000)
            }
        };
        let count = nanoseconds.div_euclid(ticks);
        if !(first..=last).contains(&count) {
            return None;
        }
        Some(match self {
            Self::Days => format!("DATE 'epoch' + {count}"),
            Self::Moments => format!("TIMESTAMP 'epoch' + INTERVAL '{count} microseconds'"),
            Self::MomentsWithZone => {
                format!("(TIMESTAMP 'epoch' + INTERVAL '{count} microseconds') AT TIME ZONE 'UTC'")
            }
        })
    }
}

/// Reads one value after another; a problem is that of its cell.
fn each<'a>(
    cells: &[Option<&'a [u8]>],
    mut read: impl FnMut(Option<&'a [u8]>) -> Result<(), Fault>,
) -> Result<(), Problem> {
    for (cell, value) in cells.iter().enumerate() {
        read(*value).map_err(|(text, remedy)| Problem { cell, text, remedy: remedy.to_owned() })?;
    }
    Ok(())
}

fn numbers<T: ArrowPrimitiveType>(
    cells: &[Option<&[u8]>],
    read: impl Fn(&[u8]) -> Result<T::Native, Fault>,
) -> Result<PrimitiveArray<T>, Problem> {
    let mut made = PrimitiveBuilder::<T>::with_capacity(cells.len());
    each(cells, |value| {
        made.append_option(value.map(&read).transpose()?);
        Ok(())
    })?;
    Ok(made.finish())
}

/// A value of so many bytes.
fn exact<const BYTES: usize>(value: &[u8]) -> Result<[u8; BYTES], Fault> {
    value.try_into().map_err(|_| {
        (format!("has {} bytes, and the type has {BYTES}", value.len()), "check the server and its version")
    })
}

fn texts<'a>(
    cells: &[Option<&'a [u8]>],
    read: impl Fn(&'a [u8]) -> Option<Cow<'a, str>>,
) -> Result<ArrayRef, Problem> {
    fits(cells)?;
    let mut made = StringBuilder::new();
    each(cells, |value| {
        let text =
            value.map(|value| read(value).ok_or_else(|| ("has no text".to_owned(), "cast it to text")));
        made.append_option(text.transpose()?);
        Ok(())
    })?;
    Ok(Arc::new(made.finish()))
}

/// Makes sure that offsets of 32 bits reach, where a text becomes up to three times as long as it was sent.
fn fits(cells: &[Option<&[u8]>]) -> Result<(), Problem> {
    let mut bytes = 0_usize;
    for (cell, value) in cells.iter().enumerate() {
        bytes = bytes.saturating_add(value.map_or(0, <[u8]>::len));
        if bytes > i32::MAX as usize / 3 {
            let text =
                "is large, and the rows of one batch up to it have more bytes than a column can".to_owned();
            return Err(Problem { cell, text, remedy: "read it in smaller batches".to_owned() });
        }
    }
    Ok(())
}

fn uuid(bytes: [u8; 16]) -> String {
    let hex = |range: std::ops::Range<usize>| {
        bytes.get(range).unwrap_or_default().iter().map(|byte| format!("{byte:02x}")).collect::<String>()
    };
    [hex(0..4), hex(4..6), hex(6..8), hex(8..10), hex(10..16)].join("-")
}

/// Days from the beginning of 1970 to that of 2000, from which the server counts.
const DAYS_TO_2000: i32 = 10_957;

const BEYOND: &str =
    "leave such rows out in the query, or put a date in its place with NULLIF, LEAST or GREATEST";

fn date(value: &[u8]) -> Result<i32, Fault> {
    let days = i32::from_be_bytes(exact(value)?);
    match days {
        i32::MAX | i32::MIN => Err(("has an infinite date".to_owned(), BEYOND)),
        days => {
            days.checked_add(DAYS_TO_2000).ok_or_else(|| ("has a date beyond Arrow's".to_owned(), BEYOND))
        }
    }
}

fn timestamp(value: &[u8]) -> Result<i64, Fault> {
    let ticks = i64::from_be_bytes(exact(value)?);
    match ticks {
        i64::MAX | i64::MIN => Err(("has an infinite time".to_owned(), BEYOND)),
        ticks => ticks
            .checked_add(i64::from(DAYS_TO_2000) * MICROSECONDS_PER_DAY)
            .ok_or_else(|| ("has a time beyond Arrow's".to_owned(), BEYOND)),
    }
}

const MICROSECONDS_PER_DAY: i64 = 86_400_000_000;

fn time(value: &[u8]) -> Result<i64, Fault> {
    let ticks = i64::from_be_bytes(exact(value)?);
    if (0..MICROSECONDS_PER_DAY).contains(&ticks) {
        return Ok(ticks);
    }
    Err((
        "has the time 24:00, which is beyond the day".to_owned(),
        "write NULLIF(column, '24:00') in the query",
    ))
}

/// An array of PostgreSQL: dimensions, flags, the type of elements, each dimension's length and first index, then the elements.
fn list(element: &Reading, cells: &[Option<&[u8]>]) -> Result<ArrayRef, Problem> {
    let mut elements: Vec<Option<&[u8]>> = Vec::new();
    let mut ends = Vec::with_capacity(cells.len());
    each(cells, |value| {
        if let Some(value) = value {
            read_elements(value, &mut elements)?;
        }
        let end = i32::try_from(elements.len());
        let end =
            end.map_err(|_| ("has more elements than a column can".to_owned(), "read it in smaller batches"));
        ends.push(end?);
        Ok(())
    })?;
    let values = element.array(&elements).map_err(|problem| {
        let cell = ends.partition_point(|end| *end as usize <= problem.cell);
        let first = cell.checked_sub(1).and_then(|before| ends.get(before)).map_or(0, |end| *end as usize);
        let text =
            format!("has an array whose element {} {}", problem.cell.saturating_sub(first), problem.text);
        Problem { cell, text, ..problem }
    })?;
    let offsets: ScalarBuffer<i32> = std::iter::once(0).chain(ends).collect();
    let nulls: NullBuffer = cells.iter().map(Option::is_some).collect();
    let field = Arc::new(Field::new_list_field(element.data_type(), true));
    let nulls = (nulls.null_count() > 0).then_some(nulls);
    let made = ListArray::try_new(field, OffsetBuffer::new(offsets), values, nulls);
    made.map(|made| Arc::new(made) as ArrayRef).map_err(|cause| Problem {
        cell: 0,
        text: format!("is in a batch of arrays that make no column: {cause}"),
        remedy: "report this to mlcore".to_owned(),
    })
}

fn read_elements<'a>(mut value: &'a [u8], elements: &mut Vec<Option<&'a [u8]>>) -> Result<(), Fault> {
    let cut = || ("has an array that is cut off".to_owned(), "check the server and its version");
    let word = |rest: &mut &'a [u8]| -> Result<i32, Fault> {
        let (word, after) = rest.split_first_chunk::<4>().ok_or_else(cut)?;
        *rest = after;
        Ok(i32::from_be_bytes(*word))
    };
    let dimensions = word(&mut value)?;
    let (_flags, _element) = (word(&mut value)?, word(&mut value)?);
    match dimensions {
        0 => return Ok(()),
        1 => {}
        other => {
            let text = format!("has an array of {other} dimensions, and a list has one");
            return Err((text, "write its parts as columns of the query"));
        }
    }
    let (length, _first) = (word(&mut value)?, word(&mut value)?);
    for _ in 0..length {
        let bytes = word(&mut value)?;
        elements.push(match usize::try_from(bytes) {
            Ok(bytes) => {
                let (own, after) = value.split_at_checked(bytes).ok_or_else(cut)?;
                value = after;
                Some(own)
            }
            // The length -1 is null.
            Err(_) => None,
        });
    }
    Ok(())
}
