//! How detectors write down and check their parameters.

use std::fmt::Display;

use mlcore::{Error, Result};

use super::LARGEST;

/// A struct of parameters: public fields, their defaults, one `with_*` for each, and serde's traits.
macro_rules! parameters {
    (
        $(#[$about:meta])*
        pub struct $name:ident {
            $($(#[$field_about:meta])* $field:ident, $with:ident: $type:ty = $default:expr;)*
        }
    ) => {
        $(#[$about])*
        #[derive(Clone, PartialEq, Debug, ::serde::Serialize, ::serde::Deserialize)]
        #[serde(default, deny_unknown_fields)]
        #[non_exhaustive]
        pub struct $name {
            $($(#[$field_about])* pub $field: $type,)*
        }

        impl Default for $name {
            fn default() -> Self {
                Self { $($field: $default,)* }
            }
        }

        impl $name {
            $(
                #[doc = concat!("Sets [`", stringify!($field), "`](Self::", stringify!($field), ").")]
                #[must_use]
                pub fn $with(mut self, $field: $type) -> Self {
                    self.$field = $field;
                    self
                }
            )*
        }
    };
}

pub(super) use parameters;

/// Refuses a parameter that does not hold.
pub(super) fn require(
    holds: bool,
    detector: &'static str,
    parameter: &'static str,
    value: impl Display,
    wanted: &str,
) -> Result<()> {
    if holds {
        return Ok(());
    }
    let problem = format!("it is {value}, and must be {wanted}");
    Err(Error::invalid_input(format!("make {detector}"), parameter, problem))
}

/// Refuses a number that is not inside `(0, 1)`.
pub(super) fn require_share(detector: &'static str, parameter: &'static str, value: f64) -> Result<()> {
    require(value > 0.0 && value < 1.0, detector, parameter, value, "above 0 and below 1")
}

/// Refuses a number that is negative or larger than any value: sums of it over a stream would leave the range of floats.
pub(super) fn require_size(detector: &'static str, parameter: &'static str, value: f64) -> Result<()> {
    let holds = (0.0..=LARGEST).contains(&value);
    require(holds, detector, parameter, value, &format!("from 0 to {LARGEST:e}"))
}

/// Refuses a count of values that is 0 or beyond [`MOST_VALUES`].
pub(super) fn require_values(detector: &'static str, parameter: &'static str, value: usize) -> Result<()> {
    let wanted = format!("from 1 to {MOST_VALUES}");
    require((1..=MOST_VALUES).contains(&value), detector, parameter, value, &wanted)
}

/// The most values that a window may hold, or a detector wait for: 8 MB of numbers.
pub(super) const MOST_VALUES: usize = 1 << 20;
