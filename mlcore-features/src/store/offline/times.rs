//! When rows were: columns of timestamps and dates as counts of one unit.

use mlcore::arrow::array::{Array, ArrayRef, AsArray, PrimitiveArray};
use mlcore::arrow::buffer::{NullBuffer, ScalarBuffer};
use mlcore::arrow::datatypes::{
    self, DataType, Date32Type, Date64Type, TimeUnit, TimestampMicrosecondType, TimestampMillisecondType,
    TimestampNanosecondType, TimestampSecondType,
};
use mlcore::{Error, Result};

/// What one row after another counts in: a moment as a number of units since 1970 began in UTC.
///
/// Views whose columns have one unit are counted in it, as they are stored; others in nanoseconds of 128 bits, in which every
/// moment of every unit is exact.
pub(super) trait Tick: Copy + Ord + std::fmt::Debug {
    const LOWEST: Self;

    /// The nearest that there is.
    fn nearest(wide: i128) -> Self;

    fn wide(self) -> i128;
}

impl Tick for i64 {
    const LOWEST: Self = Self::MIN;

    #[inline(always)]
    fn nearest(wide: i128) -> Self {
        wide.clamp(i128::from(Self::MIN), i128::from(Self::MAX)) as Self
    }

    #[inline(always)]
    fn wide(self) -> i128 {
        i128::from(self)
    }
}

impl Tick for i128 {
    const LOWEST: Self = Self::MIN;

    #[inline(always)]
    fn nearest(wide: i128) -> Self {
        wide
    }

    #[inline(always)]
    fn wide(self) -> i128 {
        self
    }
}

/// A column of moments.
#[derive(Clone, Debug)]
pub(super) struct Times {
    ticks: ScalarBuffer<i64>,
    unit: i64,
    nulls: Option<NullBuffer>,
}

/// The nanoseconds of a type's unit; `None` for a type that is no moment.
pub(super) fn unit(data_type: &DataType) -> Option<i64> {
    Some(match data_type {
        DataType::Timestamp(TimeUnit::Second, _) => 1_000_000_000,
        DataType::Timestamp(TimeUnit::Millisecond, _) | DataType::Date64 => 1_000_000,
        DataType::Timestamp(TimeUnit::Microsecond, _) => 1_000,
        DataType::Timestamp(TimeUnit::Nanosecond, _) => 1,
        DataType::Date32 => 86_400_000_000_000,
        _ => return None,
    })
}

/// Makes sure that a column holds moments, and, where that is asked for, that they have a time zone.
pub(super) fn check(operation: &'static str, name: &str, data_type: &DataType, zoned: bool) -> Result<()> {
    if unit(data_type).is_none() {
        let problem = format!("expected timestamps or dates, got {data_type}");
        return Err(Error::schema_mismatch(operation, name, problem)
            .remedy("cast the column to a timestamp, or name the column that says when the rows were"));
    }
    if zoned && matches!(data_type, DataType::Timestamp(_, None)) {
        let problem = "the timestamps have no time zone, and one is required";
        return Err(Error::schema_mismatch(operation, name, problem)
            .remedy("give the column its time zone, or read such columns as UTC"));
    }
    Ok(())
}

impl Times {
    /// The moments of a column that [`check`] has let through.
    pub(super) fn read(operation: &'static str, name: &str, array: &dyn Array) -> Result<Self> {
        let ticks = match array.data_type() {
            DataType::Timestamp(TimeUnit::Second, _) => {
                array.as_primitive::<TimestampSecondType>().values().clone()
            }
            DataType::Timestamp(TimeUnit::Millisecond, _) => {
                array.as_primitive::<TimestampMillisecondType>().values().clone()
            }
            DataType::Timestamp(TimeUnit::Microsecond, _) => {
                array.as_primitive::<TimestampMicrosecondType>().values().clone()
            }
            DataType::Timestamp(TimeUnit::Nanosecond, _) => {
                array.as_primitive::<TimestampNanosecondType>().values().clone()
            }
            DataType::Date64 => array.as_primitive::<Date64Type>().values().clone(),
            DataType::Date32 => {
                array.as_primitive::<Date32Type>().values().iter().map(|day| i64::from(*day)).collect()
            }
            other => {
                check(operation, name, other, false)?;
                ScalarBuffer::from(Vec::new())
            }
        };
        let unit = unit(array.data_type()).unwrap_or(1);
        Ok(Self { ticks, unit, nulls: array.nulls().filter(|nulls| nulls.null_count() > 0).cloned() })
    }

    /// The nanoseconds of a count.
    pub(super) fn unit(&self) -> i64 {
        self.unit
    }

    pub(super) fn ticks(&self) -> &[i64] {
        &self.ticks
    }

    pub(super) fn nulls(&self) -> Option<&NullBuffer> {
        self.nulls.as_ref()
    }

    /// The row in nanoseconds, whether it is null or not.
    pub(super) fn nanoseconds(&self, row: usize) -> i128 {
        self.ticks.get(row).map_or(0, |tick| i128::from(*tick) * i128::from(self.unit))
    }

    /// All rows in nanoseconds.
    pub(super) fn all_nanoseconds(&self) -> Vec<i128> {
        self.ticks.iter().map(|tick| i128::from(*tick) * i128::from(self.unit)).collect()
    }
}

/// A column of this type of moments; null where there is none.
pub(super) fn column(data_type: &DataType, moments: &[Option<i128>]) -> ArrayRef {
    fn array<T: datatypes::ArrowPrimitiveType<Native = i64>>(
        data_type: &DataType,
        ticks: impl Iterator<Item = Option<i64>>,
    ) -> ArrayRef {
        std::sync::Arc::new(ticks.collect::<PrimitiveArray<T>>().with_data_type(data_type.clone()))
    }
    let unit = i128::from(unit(data_type).unwrap_or(1));
    let ticks = moments.iter().map(|moment| moment.map(|moment| i64::nearest(moment.div_euclid(unit))));
    match data_type {
        DataType::Timestamp(TimeUnit::Second, _) => array::<TimestampSecondType>(data_type, ticks),
        DataType::Timestamp(TimeUnit::Millisecond, _) => array::<TimestampMillisecondType>(data_type, ticks),
        DataType::Timestamp(TimeUnit::Nanosecond, _) => array::<TimestampNanosecondType>(data_type, ticks),
        DataType::Date64 => array::<Date64Type>(data_type, ticks),
        DataType::Date32 => {
            let days = ticks.map(|day| day.and_then(|day| i32::try_from(day).ok()));
            std::sync::Arc::new(days.collect::<PrimitiveArray<Date32Type>>())
        }
        _ => array::<TimestampMicrosecondType>(
            if matches!(data_type, DataType::Timestamp(..)) {
                data_type
            } else {
                &DataType::Timestamp(TimeUnit::Microsecond, None)
            },
            ticks,
        ),
    }
}
