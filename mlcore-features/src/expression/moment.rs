//! What is computed with dates and times.

use mlcore::batch::Value;
use mlcore::schema::DType;
use mlcore::time::{Date, DateTime, Time, Timestamp};

use super::operation::Between;
use crate::program::moment::Moment;
use crate::transform::DatetimeFeature;

/// A moment that an operation reads.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) enum MomentSource {
    /// The column of this position in the table.
    Column(usize),
    Fixed(Moment),
}

/// A number from one moment or two.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct AskMoments {
    pub(crate) question: MomentQuestion,
}

#[derive(Clone, PartialEq, Debug)]
pub(crate) enum MomentQuestion {
    IsNull {
        column: usize,
    },
    Part {
        column: usize,
        part: DatetimeFeature,
    },
    /// How many units it is from one moment to another, and how many nanoseconds a unit has.
    Apart {
        from: MomentSource,
        until: MomentSource,
        per_unit: f64,
    },
}

impl Between {
    pub(super) const fn nanoseconds(self) -> f64 {
        match self {
            Self::Days => 86_400e9,
            Self::Hours => 3600e9,
            Self::Minutes => 60e9,
            Self::Seconds => 1e9,
        }
    }
}

/// The moment that a text is, as a column of this type would hold it.
pub(super) fn fixed(text: &str, dtype: DType) -> Option<Moment> {
    let value = match dtype {
        DType::Timestamp(_, Some(_)) => Value::Timestamp(text.parse::<Timestamp>().ok()?),
        DType::Time(_) => Value::Time(text.parse::<Time>().ok()?),
        _ => match text.parse::<Date>() {
            Ok(date) => Value::Date(date),
            Err(_) => Value::DateTime(text.parse::<DateTime>().ok()?),
        },
    };
    Moment::of(value)
}

/// Whether moments of both types have a distance: dates are midnights, and a time zone stands on both sides or on none.
pub(super) fn is_comparable(left: DType, right: DType) -> bool {
    let kind = |dtype| match dtype {
        DType::Time(_) => 0,
        DType::Timestamp(_, Some(_)) => 1,
        _ => 2,
    };
    kind(left) == kind(right)
}
