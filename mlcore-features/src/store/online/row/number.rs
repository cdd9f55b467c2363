//! The elements of slots and lists as little-endian bytes.

use mlcore::batch::{Element, Value, natives};
use mlcore::match_element;
use mlcore::schema::DType;
use mlcore::time::{Date, DateTime, Time, TimeUnit, Timestamp};

/// A number as its bytes.
trait Packed: Element {
    fn write(self, bytes: &mut [u8]) -> Option<()>;
    /// `None` for another number of bytes, and for bytes that are none of the type.
    fn read(bytes: &[u8]) -> Option<Self>;
}

macro_rules! packed {
    ($($native:ident),+) => {$(
        impl Packed for natives::$native {
            fn write(self, bytes: &mut [u8]) -> Option<()> {
                <&mut [u8; size_of::<Self>()]>::try_from(bytes).ok().map(|place| *place = self.to_le_bytes())
            }

            fn read(bytes: &[u8]) -> Option<Self> {
                Some(Self::from_le_bytes(bytes.try_into().ok()?))
            }
        }
    )+};
}
packed!(i8, i16, i32, i64, u8, u16, u32, u64, f16, f32, f64);

impl Packed for bool {
    fn write(self, bytes: &mut [u8]) -> Option<()> {
        u8::from(self).write(bytes)
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        match bytes {
            [0] => Some(false),
            [1] => Some(true),
            _ => None,
        }
    }
}

/// The bytes of one element; of a text, those of the place where it ends.
pub(crate) fn width(dtype: DType) -> usize {
    match_element!(dtype, T => size_of::<T>(), _ => match dtype {
        DType::String | DType::Date => 4,
        _ => 8,
    })
}

/// Writes a value that is not text; `None` where the type does not hold it.
pub(crate) fn write(dtype: DType, value: Value<'_>, bytes: &mut [u8]) -> Option<()> {
    match_element!(dtype, T => T::from_value(value)?.write(bytes), _ => {
        let count = value.count_in(dtype)?;
        match dtype {
            DType::Date => i32::try_from(count).ok()?.write(bytes),
            _ => count.write(bytes),
        }
    })
}

/// Reads what [`write`] wrote; `None` for bytes that it never writes.
#[inline]
pub(crate) fn read(dtype: DType, bytes: &[u8]) -> Option<Value<'static>> {
    match_element!(dtype, T => T::read(bytes).map(Element::to_value), _ => Some(match dtype {
        DType::Date => Value::Date(Date::from_days(i32::read(bytes)?)),
        DType::Time(unit) => Value::Time(time(i64::read(bytes)?, unit)?),
        DType::Timestamp(unit, None) => Value::DateTime(DateTime::new(i64::read(bytes)?, unit)),
        DType::Timestamp(unit, Some(_)) => Value::Timestamp(Timestamp::new(i64::read(bytes)?, unit)),
        _ => return None,
    }))
}

fn time(count: i64, unit: TimeUnit) -> Option<Time> {
    Time::new(count, unit).ok()
}
