use std::fmt;
use std::str::FromStr;

use half::f16;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::types::{Native, numbers};
use crate::arrow::datatypes::DataType;
use crate::error::{Error, Result};
use crate::time::{TimeUnit, TimeZone, UNITS, symbol};

macro_rules! dtype {
    ([$($variant:ident, $native:ident, $name:literal, $arrow:ident, $onnx:ident, $doc:literal;)+]) => {
        /// The type of one element of a column or a tensor.
        ///
        /// Numbers, bools and text are what Arrow, ONNX, the Open Inference Protocol and MLflow signatures have in common, and
        /// what tensors hold. Dates and times are types of columns only: no model of ONNX takes them, so a feature plan
        /// derives numbers from them first.
        ///
        /// A type prints and is serialised as its name: `float32`, `string`, `date`, `time[us]`, `timestamp[ms]`,
        /// `timestamp[us, tz=Europe/Berlin]`. Decimals, durations, binary and nested types have no counterpart here and are
        /// refused by the name of their column.
        #[non_exhaustive]
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
        pub enum DType {
            /// One bit of truth, stored as a byte.
            Bool,
            $(#[doc = $doc] $variant,)+
            /// UTF-8 text of any length.
            String,
            /// A day of the calendar: days since 1970-01-01 in 32 bits.
            Date,
            /// A time of day, counted in this unit from midnight.
            Time(TimeUnit),
            /// A moment, counted in this unit from the beginning of 1970 in UTC, and the zone in which people read it; or,
            /// without a zone, a date and a time as a calendar and a clock on the wall show them.
            Timestamp(TimeUnit, Option<TimeZone>),
        }

        impl DType {
            /// The types that tensors hold, in declaration order.
            pub const ELEMENTS: [Self; 13] = [Self::Bool, $(Self::$variant,)+ Self::String];

            /// The name of a type without parameters.
            const fn plain_name(self) -> Option<&'static str> {
                match self {
                    Self::Bool => Some("bool"),
                    $(Self::$variant => Some($name),)+
                    Self::String => Some("string"),
                    Self::Date => Some("date"),
                    Self::Time(_) | Self::Timestamp(..) => None,
                }
            }

            /// Whether it is a binary floating-point type.
            #[must_use]
            pub const fn is_float(self) -> bool {
                match self {
                    $(Self::$variant => <$native as Native>::IS_FLOAT,)+
                    Self::Bool | Self::String | Self::Date | Self::Time(_) | Self::Timestamp(..) => false,
                }
            }

            /// The integers that the type holds exactly, from the lowest to the highest; `None` where it holds no numbers.
            pub(crate) const fn exact_integers(self) -> Option<(i128, i128)> {
                match self {
                    $(Self::$variant => Some(<$native as Native>::EXACT_INTEGERS),)+
                    Self::Bool | Self::String | Self::Date | Self::Time(_) | Self::Timestamp(..) => None,
                }
            }

            /// The Arrow type of the same elements.
            #[must_use]
            pub fn to_arrow(self) -> DataType {
                match self {
                    Self::Bool => DataType::Boolean,
                    $(Self::$variant => DataType::$variant,)+
                    Self::String => DataType::Utf8,
                    Self::Date => DataType::Date32,
                    Self::Time(unit @ (TimeUnit::Second | TimeUnit::Millisecond)) => DataType::Time32(unit),
                    Self::Time(unit) => DataType::Time64(unit),
                    Self::Timestamp(unit, zone) => DataType::Timestamp(unit, zone.map(|zone| zone.name().into())),
                }
            }

            /// The element type of an Arrow column; text in any of Arrow's layouts is [`DType::String`], dates in either are
            /// [`DType::Date`], and a dictionary has the type of its values. `None` where there is no counterpart (decimals,
            /// durations, structs), and for a time zone whose name is none.
            #[must_use]
            pub fn from_arrow(data_type: &DataType) -> Option<Self> {
                Some(match data_type {
                    DataType::Boolean => Self::Bool,
                    $(DataType::$variant => Self::$variant,)+
                    DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => Self::String,
                    DataType::Date32 | DataType::Date64 => Self::Date,
                    DataType::Time32(unit) | DataType::Time64(unit) => Self::Time(*unit),
                    DataType::Timestamp(unit, None) => Self::Timestamp(*unit, None),
                    DataType::Timestamp(unit, Some(zone)) => {
                        Self::Timestamp(*unit, Some(TimeZone::new(zone).ok()?))
                    }
                    DataType::Dictionary(_, values) => Self::from_arrow(values)?,
                    _ => return None,
                })
            }
        }
    };
}
numbers!(dtype!);

impl DType {
    /// The types that a column can have, in declaration order; of timestamps, which have as many as there are time zones,
    /// those without one and those in UTC.
    pub fn columns() -> impl Iterator<Item = Self> {
        let timestamps = |zone| UNITS.map(|unit| Self::Timestamp(unit, zone));
        Self::ELEMENTS
            .into_iter()
            .chain([Self::Date])
            .chain(UNITS.map(Self::Time))
            .chain(timestamps(None))
            .chain(timestamps(Some(TimeZone::UTC)))
    }

    /// Whether it is an integer, a float or a bool, so that every value has a numeric reading.
    #[must_use]
    pub const fn is_numeric(self) -> bool {
        self.is_element() && !matches!(self, Self::String)
    }

    /// Whether it is an integer type, signed or unsigned.
    #[must_use]
    pub const fn is_integer(self) -> bool {
        self.is_numeric() && !self.is_float() && !matches!(self, Self::Bool)
    }

    /// Whether it is a signed integer type.
    #[must_use]
    pub const fn is_signed(self) -> bool {
        matches!(self.exact_integers(), Some((low, _)) if low < 0) && !self.is_float()
    }

    /// Whether it is a date, a time of day or a timestamp.
    #[must_use]
    pub const fn is_temporal(self) -> bool {
        matches!(self, Self::Date | Self::Time(_) | Self::Timestamp(..))
    }

    /// Whether a tensor can hold it.
    #[must_use]
    pub const fn is_element(self) -> bool {
        !self.is_temporal()
    }
}

impl fmt::Display for DType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Time(unit) => write!(f, "time[{}]", symbol(*unit)),
            Self::Timestamp(unit, None) => write!(f, "timestamp[{}]", symbol(*unit)),
            Self::Timestamp(unit, Some(zone)) => write!(f, "timestamp[{}, tz={zone}]", symbol(*unit)),
            plain => f.write_str(plain.plain_name().unwrap_or_default()),
        }
    }
}

impl FromStr for DType {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        if let Some(plain) =
            Self::ELEMENTS.into_iter().chain([Self::Date]).find(|dtype| dtype.plain_name() == Some(text))
        {
            return Ok(plain);
        }
        let parameters = |family: &str| text.strip_prefix(family)?.strip_prefix('[')?.strip_suffix(']');
        let unit = |text: &str| UNITS.into_iter().find(|unit| symbol(*unit) == text);
        if let Some(unit) = parameters("time").and_then(unit) {
            return Ok(Self::Time(unit));
        }
        match parameters("timestamp").map(|inner| inner.split_once(", tz=").unwrap_or((inner, ""))) {
            Some((counted, zone)) if unit(counted).is_some() => {
                let zone = if zone.is_empty() { None } else { Some(TimeZone::new(zone)?) };
                Ok(Self::Timestamp(unit(counted).unwrap_or(TimeUnit::Second), zone))
            }
            _ => {
                let known: Vec<String> = Self::ELEMENTS.iter().map(Self::to_string).collect();
                let problem = format!(
                    "it is none of {}, date, time[us], timestamp[us] and timestamp[us, tz=UTC] (units: s, ms, us, ns)",
                    known.join(", ")
                );
                Err(Error::invalid_input("read type", format!("{text:?}"), problem))
            }
        }
    }
}

impl Serialize for DType {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.plain_name() {
            Some(name) => serializer.serialize_str(name),
            None => serializer.collect_str(self),
        }
    }
}

impl<'de> Deserialize<'de> for DType {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = std::borrow::Cow::<str>::deserialize(deserializer)?;
        name.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_round_trips_through_its_name_its_json_and_arrow() {
        let zoned = DType::Timestamp(TimeUnit::Second, Some(TimeZone::new("America/New_York").unwrap()));
        for dtype in DType::columns().chain([zoned]) {
            assert_eq!(dtype.to_string().parse::<DType>().unwrap(), dtype);
            assert_eq!(serde_json::to_string(&dtype).unwrap(), format!("\"{dtype}\""));
            assert_eq!(serde_json::from_str::<DType>(&format!("\"{dtype}\"")).unwrap(), dtype);
            assert_eq!(DType::from_arrow(&dtype.to_arrow()), Some(dtype));
        }
        assert_eq!(DType::columns().count(), DType::ELEMENTS.len() + 1 + 4 + 4 + 4);
        assert_eq!(zoned.to_string(), "timestamp[s, tz=America/New_York]");
    }

    #[test]
    fn what_is_no_type_is_refused() {
        for name in
            ["float8", "time", "time[m]", "timestamp[us, UTC]", "timestamp[us, tz=]]", "timestamp", "decimal"]
        {
            assert!(name.parse::<DType>().is_err(), "{name}");
        }
        for data_type in [
            DataType::Decimal128(10, 2),
            DataType::Duration(TimeUnit::Second),
            DataType::Binary,
            DataType::Timestamp(TimeUnit::Second, Some("no zone".into())),
        ] {
            assert_eq!(DType::from_arrow(&data_type), None);
        }
    }

    #[test]
    fn a_type_is_small_and_two_zones_are_two_types() {
        assert!(size_of::<Option<DType>>() <= 4);
        let in_zone = |name| DType::Timestamp(TimeUnit::Second, Some(TimeZone::new(name).unwrap()));
        assert_ne!(in_zone("UTC"), in_zone("Europe/Berlin"));
    }
}
