//! What is asked of one value.

use std::cmp::Ordering;
use std::collections::HashMap;

use mlcore::batch::{OwnedValue, Value};
use mlcore::schema::DType;
use regex::Regex;

use crate::validate::hash::Folded;
use crate::validate::literal::{compare, integer};
use crate::validate::{Bounds, Literal};

/// The integers up to this are floats, too.
pub(in crate::validate) const EXACT: i128 = 1 << 53;

/// What is asked of one value.
#[derive(Debug)]
pub(in crate::validate) enum Test {
    /// It is missing.
    Missing,
    /// It is not missing.
    Present,
    Within(Interval),
    /// It is in the set, or with `true` it is not.
    Among(ValueSet, bool),
    /// One of them is found, or with `true` each.
    Found(Vec<Regex>, bool),
    /// None of them is found.
    NotFound(Vec<Regex>),
    Length(Interval),
}

impl Test {
    /// Whether a value that is not missing does not pass; or, where missing values are what is asked for, any value.
    #[inline]
    pub(in crate::validate) fn fails(&self, value: Value<'_>) -> bool {
        match self {
            Self::Missing => !value.is_missing(),
            Self::Present => value.is_missing(),
            Self::Within(interval) => !interval.contains(value),
            Self::Among(set, negated) => set.contains(value) == *negated,
            Self::Found(patterns, all) => {
                let Value::Text(text) = value else { return true };
                let mut found = patterns.iter().map(|pattern| pattern.is_match(text));
                if *all { found.any(|found| !found) } else { !found.any(|found| found) }
            }
            Self::NotFound(patterns) => {
                let Value::Text(text) = value else { return true };
                patterns.iter().any(|pattern| pattern.is_match(text))
            }
            Self::Length(interval) => {
                let Value::Text(text) = value else { return true };
                !interval.contains_number(text.chars().count() as f64)
            }
        }
    }

    /// Whether missing values are looked at.
    pub(in crate::validate) const fn is_about_missing(&self) -> bool {
        matches!(self, Self::Missing | Self::Present)
    }
}

/// Bounds in the type of a column.
#[derive(Debug, Default)]
pub(in crate::validate) struct Interval {
    low: Option<OwnedValue>,
    high: Option<OwnedValue>,
    strict_low: bool,
    strict_high: bool,
    /// The ends as floats, where they are floats without loss.
    numbers: Option<(f64, f64)>,
}

impl Interval {
    pub(in crate::validate) fn new(bounds: &Bounds, dtype: DType) -> Result<Self, String> {
        let end = |end: &Option<Literal>| end.as_ref().map(|end| end.in_column(dtype)).transpose();
        let (low, high) = (end(&bounds.min_value)?, end(&bounds.max_value)?);
        if let (Some(low), Some(high)) = (&low, &high)
            && compare(low.as_value(), high.as_value()) == Some(Ordering::Greater)
        {
            return Err(format!("min_value {low} is above max_value {high}"));
        }
        let numbers =
            exact_number(low.as_ref(), f64::NEG_INFINITY).zip(exact_number(high.as_ref(), f64::INFINITY));
        let (strict_low, strict_high) =
            (bounds.strict_min && low.is_some(), bounds.strict_max && high.is_some());
        Ok(Self { low, high, strict_low, strict_high, numbers })
    }

    /// Bounds of numbers.
    pub(in crate::validate) fn of_numbers(bounds: &Bounds) -> Result<Self, String> {
        Self::new(bounds, DType::Float64)
    }

    pub(in crate::validate) fn contains(&self, value: Value<'_>) -> bool {
        let above = |low: &OwnedValue| match compare(value, low.as_value()) {
            Some(Ordering::Greater) => true,
            Some(Ordering::Equal) => !self.strict_low,
            _ => false,
        };
        let below = |high: &OwnedValue| match compare(value, high.as_value()) {
            Some(Ordering::Less) => true,
            Some(Ordering::Equal) => !self.strict_high,
            _ => false,
        };
        self.low.as_ref().is_none_or(above) && self.high.as_ref().is_none_or(below)
    }

    #[inline]
    pub(in crate::validate) fn contains_number(&self, value: f64) -> bool {
        match self.numbers {
            Some((low, high)) => {
                let above = if self.strict_low { value > low } else { value >= low };
                let below = if self.strict_high { value < high } else { value <= high };
                above & below
            }
            None => self.contains(Value::Float(value)),
        }
    }

    /// The ends as floats and whether they are strict, where they are floats without loss.
    pub(in crate::validate) fn numbers(&self) -> Option<(f64, f64, bool, bool)> {
        self.numbers.map(|(low, high)| (low, high, self.strict_low, self.strict_high))
    }
}

/// A number as a float, where nothing is lost; `absent` for none.
fn exact_number(value: Option<&OwnedValue>, absent: f64) -> Option<f64> {
    match value.map(OwnedValue::as_value) {
        None => Some(absent),
        Some(Value::Float(value)) => Some(value),
        Some(value) => integer(value).filter(|value| value.abs() <= EXACT).map(|value| value as f64),
    }
}

/// Values of one column's type, of which one is looked for.
#[derive(Debug)]
pub(in crate::validate) enum ValueSet {
    /// Numbers in ascending order, and integers that are no floats.
    Numbers(Vec<f64>, Vec<i128>, Option<Dense>),
    /// Texts, each with its place.
    Texts(HashMap<Box<str>, usize, Folded>),
    /// Dates, times and timestamps in ascending order.
    Others(Vec<OwnedValue>),
}

impl ValueSet {
    pub(in crate::validate) fn new(literals: &[Literal], dtype: DType) -> Result<Self, String> {
        let values =
            literals.iter().map(|literal| literal.in_column(dtype)).collect::<Result<_, String>>()?;
        Ok(Self::of_values(values, dtype))
    }

    /// The set of these values, which are of the type's kind; missing ones are left out.
    pub(in crate::validate) fn of_values(values: Vec<OwnedValue>, dtype: DType) -> Self {
        let values = values.into_iter().filter(|value| !value.is_missing());
        if dtype == DType::String {
            let texts = values.filter_map(|value| value.as_str().map(Box::from));
            let mut places = HashMap::<Box<str>, usize, Folded>::default();
            for text in texts {
                let next = places.len();
                places.entry(text).or_insert(next);
            }
            return Self::Texts(places);
        }
        if dtype.is_temporal() {
            let mut others: Vec<OwnedValue> = values.collect();
            others.sort_by(order);
            others.dedup();
            return Self::Others(others);
        }
        let (mut floats, mut large) = (Vec::new(), Vec::new());
        for value in values {
            match exact_number(Some(&value), 0.0) {
                // What is past 2^53 and whole is found among the integers.
                Some(float) if float.abs() > EXACT as f64 && float.is_finite() => large.push(float as i128),
                Some(float) => floats.push(float + 0.0),
                None => large.extend(integer(value.as_value())),
            }
        }
        floats.sort_by(f64::total_cmp);
        floats.dedup();
        large.sort_unstable();
        large.dedup();
        let dense = Dense::of(&floats);
        Self::Numbers(floats, large, dense)
    }

    #[inline]
    pub(in crate::validate) fn contains(&self, value: Value<'_>) -> bool {
        match (self, value) {
            (Self::Texts(texts), Value::Text(text)) => texts.contains_key(text),
            (Self::Numbers(..), Value::Float(float)) => self.contains_number(float),
            (set, value) => set.place(value).is_some(),
        }
    }

    /// Where the value stands among those of the set.
    pub(in crate::validate) fn place(&self, value: Value<'_>) -> Option<usize> {
        match (self, value) {
            (Self::Texts(texts), Value::Text(text)) => texts.get(text).copied(),
            (Self::Texts(_), _) => None,
            (Self::Numbers(floats, large, _), value) => {
                let whole = match value {
                    Value::Float(float) if float.abs() > EXACT as f64 && float.is_finite() => {
                        Some(float as i128)
                    }
                    value => integer(value),
                };
                match (whole, value) {
                    (Some(whole), _) if whole.abs() > EXACT => {
                        large.binary_search(&whole).ok().map(|place| floats.len() + place)
                    }
                    (Some(whole), _) => float_place(floats, whole as f64),
                    (None, Value::Float(float)) => float_place(floats, float),
                    (None, _) => None,
                }
            }
            (Self::Others(others), value) => {
                others.binary_search_by(|own| compare(own.as_value(), value).unwrap_or(Ordering::Less)).ok()
            }
        }
    }

    /// Whether a float is in the set.
    #[inline]
    pub(in crate::validate) fn contains_number(&self, value: f64) -> bool {
        let Self::Numbers(floats, large, dense) = self else { return false };
        if value.abs() > EXACT as f64 && value.is_finite() {
            return large.binary_search(&(value as i128)).is_ok();
        }
        if let Some(dense) = dense {
            dense.contains(value)
        } else if floats.len() <= FEW {
            floats.iter().fold(false, |found, own| found | (*own == value))
        } else {
            float_place(floats, value).is_some()
        }
    }
}

/// Whole numbers that lie close together, a bit for each: many are looked for as quickly as few.
#[derive(Debug)]
pub(in crate::validate) struct Dense {
    first: f64,
    bits: Vec<u64>,
}

/// So many bits are fewer than a processor's cache holds.
const MOST_BITS: f64 = 65_536.0;

impl Dense {
    fn of(floats: &[f64]) -> Option<Self> {
        let (first, last) = (*floats.first()?, *floats.last()?);
        let is_whole = floats.iter().all(|value| value.fract() == 0.0);
        if floats.len() <= FEW || !is_whole || last - first >= MOST_BITS {
            return None;
        }
        let mut bits = vec![0; (last - first) as usize / 64 + 1];
        for place in floats.iter().map(|value| (value - first) as usize) {
            if let Some(word) = bits.get_mut(place / 64) {
                *word |= 1_u64 << (place % 64);
            }
        }
        Some(Self { first, bits })
    }

    #[inline]
    fn contains(&self, value: f64) -> bool {
        let offset = value - self.first;
        // A negative number and NaN become 0 here, and differ from it.
        let place = offset as usize;
        let bit = self.bits.get(place / 64).map_or(0, |word| word >> (place % 64) & 1);
        bit == 1 && place as f64 == offset
    }
}

/// Where a float stands; -0.0 is the same number as 0.0, which total order tells apart.
fn float_place(floats: &[f64], value: f64) -> Option<usize> {
    floats.binary_search_by(|own| own.total_cmp(&(value + 0.0))).ok()
}

/// So few numbers are compared one by one, which processors do at once.
const FEW: usize = 16;

/// The order of two values of one column.
pub(in crate::validate) fn order(a: &OwnedValue, b: &OwnedValue) -> Ordering {
    compare(a.as_value(), b.as_value()).unwrap_or(Ordering::Equal)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_of_numbers_finds_equal_ones_of_every_type() {
        let large = (1_i64 << 53) + 1;
        let set =
            ValueSet::new(&[0.into(), 2.5.into(), large.into(), u64::MAX.into()], DType::Float64).unwrap();
        for (value, expected) in [
            (Value::Float(-0.0), true),
            (Value::UInt(0), true),
            (Value::Bool(false), true),
            (Value::Float(2.5), true),
            (Value::Int(2), false),
            (Value::Int(large), true),
            (Value::Int(large - 1), false),
            (Value::Float((large - 1) as f64), false),
            (Value::UInt(u64::MAX), true),
            (Value::Float(f64::INFINITY), false),
            (Value::Text("0"), false),
        ] {
            assert_eq!(set.contains(value), expected, "{value}");
        }
        let many: Vec<Literal> = (-50..50).map(Literal::from).collect();
        let many = ValueSet::new(&many, DType::Int64).unwrap();
        assert!(
            many.contains(Value::Float(-0.0))
                && many.contains(Value::Int(-50))
                && !many.contains(Value::Int(50))
        );
    }

    #[test]
    fn an_interval_has_ends_that_belong_to_it_or_not() {
        let interval = Interval::new(&Bounds::above(0).and_at_most(i64::MAX), DType::Int64).unwrap();
        assert!(interval.numbers().is_none() && interval.contains(Value::Int(i64::MAX)));
        assert!(!interval.contains(Value::Int(0)) && !interval.contains(Value::UInt(1 << 63)));
        assert!(!interval.contains_number(9_223_372_036_854_775_808.0));
        assert!(Interval::new(&Bounds::at_least("b").and_at_most("a"), DType::String).is_err());
    }
}
