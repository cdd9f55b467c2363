//! An interval between two values.

use std::fmt;
use std::ops::{RangeFrom, RangeInclusive, RangeToInclusive};

use serde::{Deserialize, Serialize};

use super::Literal;

/// An interval, with Great Expectations' names: both ends are optional, and belong to it unless they are strict.
///
/// ```
/// use mlcore_features::validate::Bounds;
///
/// let age = Bounds::from(0..=120);
/// assert_eq!(age, Bounds::at_least(0).and_at_most(120));
/// assert_eq!(Bounds::above(0.0).to_string(), "above 0.0");
/// ```
#[non_exhaustive]
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Bounds {
    /// The lower end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_value: Option<Literal>,
    /// The upper end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_value: Option<Literal>,
    /// Whether the lower end is outside.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub strict_min: bool,
    /// Whether the upper end is outside.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub strict_max: bool,
}

impl Bounds {
    /// From this value on.
    pub fn at_least(min: impl Into<Literal>) -> Self {
        Self { min_value: Some(min.into()), ..Self::default() }
    }

    /// Up to this value, which belongs to it.
    pub fn at_most(max: impl Into<Literal>) -> Self {
        Self { max_value: Some(max.into()), ..Self::default() }
    }

    /// Greater than this value.
    pub fn above(min: impl Into<Literal>) -> Self {
        Self { min_value: Some(min.into()), strict_min: true, ..Self::default() }
    }

    /// Less than this value.
    pub fn below(max: impl Into<Literal>) -> Self {
        Self { max_value: Some(max.into()), strict_max: true, ..Self::default() }
    }

    /// The same, and up to this value.
    #[must_use]
    pub fn and_at_most(self, max: impl Into<Literal>) -> Self {
        Self { max_value: Some(max.into()), strict_max: false, ..self }
    }

    /// The same, and less than this value.
    #[must_use]
    pub fn and_below(self, max: impl Into<Literal>) -> Self {
        Self { max_value: Some(max.into()), strict_max: true, ..self }
    }

    /// Both ends that there are.
    pub(super) fn ends(&self) -> impl Iterator<Item = &Literal> {
        self.min_value.iter().chain(&self.max_value)
    }
}

impl<T: Into<Literal> + Clone> From<RangeInclusive<T>> for Bounds {
    fn from(range: RangeInclusive<T>) -> Self {
        Self::at_least(range.start().clone()).and_at_most(range.end().clone())
    }
}

impl<T: Into<Literal>> From<RangeFrom<T>> for Bounds {
    fn from(range: RangeFrom<T>) -> Self {
        Self::at_least(range.start)
    }
}

impl<T: Into<Literal>> From<RangeToInclusive<T>> for Bounds {
    fn from(range: RangeToInclusive<T>) -> Self {
        Self::at_most(range.end)
    }
}

impl fmt::Display for Bounds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let low = if self.strict_min { "above" } else { "at least" };
        let high = if self.strict_max { "below" } else { "at most" };
        match (&self.min_value, &self.max_value) {
            (Some(min), Some(max)) => write!(f, "{low} {min} and {high} {max}"),
            (Some(min), None) => write!(f, "{low} {min}"),
            (None, Some(max)) => write!(f, "{high} {max}"),
            (None, None) => f.write_str("anything"),
        }
    }
}
