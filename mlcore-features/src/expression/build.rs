//! Expressions from Rust: columns, literals, operators and functions as methods.

use std::ops;
use std::sync::Arc;

use super::Expression;
use super::operation::{Between, Binary, Function, Members, Operation, Table};
use crate::transform::DatetimeFeature;

/// The column of this name.
///
/// ```
/// use mlcore_features::expression::{col, lit, when};
///
/// let ratio = when(col("size").gt(0)).then(col("income") / col("size")).otherwise(lit(0));
/// assert_eq!(ratio.to_string(), "income / size if size > 0 else 0");
/// ```
pub fn col(name: impl AsRef<str>) -> Expression {
    Expression::of(vec![Operation::Column(name.as_ref().into())])
}

/// A number, a truth value or a text that stands for itself. NaN is a missing number.
pub fn lit(value: impl Into<Expression>) -> Expression {
    value.into()
}

/// Begins a choice: `when(condition).then(a).otherwise(b)`.
pub fn when(condition: impl Into<Expression>) -> When {
    When(condition.into())
}

/// A choice of which the condition is known.
#[derive(Clone, PartialEq, Debug)]
#[must_use]
pub struct When(Expression);

impl When {
    /// The value where the condition holds.
    pub fn then(self, value: impl Into<Expression>) -> Then {
        Then { condition: self.0, value: value.into() }
    }
}

/// A choice of which the value is missing for where the condition does not hold.
#[derive(Clone, PartialEq, Debug)]
#[must_use]
pub struct Then {
    condition: Expression,
    value: Expression,
}

impl Then {
    /// The value where the condition does not hold, or is missing.
    pub fn otherwise(self, value: impl Into<Expression>) -> Expression {
        self.value.and_then(self.condition).and_then(value.into()).and(Operation::Choose)
    }
}

/// A kind of values that lists and the keys of look-up tables hold: numbers or texts.
pub trait Literal: Sized {
    #[doc(hidden)]
    fn members(values: Vec<Self>) -> MembersOf;
    #[doc(hidden)]
    fn table(entries: Vec<(Self, f64)>) -> TableOf;
}

#[doc(hidden)]
#[derive(Debug)]
pub struct MembersOf(Members);

#[doc(hidden)]
#[derive(Debug)]
pub struct TableOf(Table);

macro_rules! literals {
    ($($kind:ty => $variant:ident, |$value:ident| $made:expr;)+) => {$(
        impl Literal for $kind {
            fn members(values: Vec<Self>) -> MembersOf {
                MembersOf(Members::$variant(values.into_iter().map(|$value| $made).collect()))
            }

            fn table(entries: Vec<(Self, f64)>) -> TableOf {
                TableOf(Table::$variant(entries.into_iter().map(|($value, number)| ($made, number)).collect()))
            }
        }
    )+};
}

literals! {
    f64 => Numbers, |value| value;
    i32 => Numbers, |value| value.into();
    &str => Texts, |value| value.into();
    String => Texts, |value| value.into();
}

impl From<f64> for Expression {
    fn from(number: f64) -> Self {
        if number.is_nan() {
            return Self::of(vec![Operation::Null]);
        }
        let size = Self::of(vec![Operation::Number(number.abs())]);
        if number.is_sign_negative() { -size } else { size }
    }
}

impl From<i32> for Expression {
    fn from(number: i32) -> Self {
        f64::from(number).into()
    }
}

impl From<bool> for Expression {
    fn from(truth: bool) -> Self {
        Self::of(vec![Operation::Truth(truth)])
    }
}

impl From<&str> for Expression {
    fn from(text: &str) -> Self {
        Self::of(vec![Operation::Text(text.into())])
    }
}

macro_rules! operators {
    ($($operator:ident $method:ident $binary:ident;)+) => {$(
        impl<T: Into<Expression>> ops::$operator<T> for Expression {
            type Output = Expression;

            fn $method(self, other: T) -> Expression {
                self.binary(Binary::$binary, other)
            }
        }
    )+};
}

operators! {
    Add add Add;
    Sub sub Subtract;
    Mul mul Multiply;
    Div div Divide;
    Rem rem Remainder;
    BitAnd bitand And;
    BitOr bitor Or;
}

impl ops::Neg for Expression {
    type Output = Self;

    fn neg(self) -> Self {
        self.and(Operation::Negate)
    }
}

impl ops::Not for Expression {
    type Output = Self;

    fn not(self) -> Self {
        self.and(Operation::Not)
    }
}

impl Expression {
    pub(super) fn of(operations: Vec<Operation>) -> Self {
        Self { operations, source: None }
    }

    fn and(mut self, operation: Operation) -> Self {
        self.operations.push(operation);
        self.source = None;
        self
    }

    fn and_then(mut self, other: Self) -> Self {
        self.operations.extend(other.operations);
        self.source = None;
        self
    }

    fn binary(self, binary: Binary, other: impl Into<Self>) -> Self {
        self.and_then(other.into()).and(Operation::Binary(binary))
    }

    fn call(self, function: Function) -> Self {
        self.and(Operation::Call(function, 1))
    }

    fn call_with(self, function: Function, others: impl IntoIterator<Item = Self>) -> Self {
        let mut count = 1;
        let all = others.into_iter().fold(self, |all, other| {
            count += 1;
            all.and_then(other)
        });
        all.and(Operation::Call(function, count))
    }

    /// This to the power of another (`**`).
    #[must_use]
    pub fn pow(self, exponent: impl Into<Self>) -> Self {
        self.binary(Binary::Power, exponent)
    }

    /// Is it one of these numbers or texts? (`in`)
    #[must_use]
    pub fn is_in<T: Literal>(self, values: impl IntoIterator<Item = T>) -> Self {
        let MembersOf(members) = T::members(values.into_iter().collect());
        self.and(Operation::Among(members))
    }

    /// The number of the table that has this as its key, or `default`.
    #[must_use]
    pub fn lookup<T: Literal>(
        self,
        table: impl IntoIterator<Item = (T, f64)>,
        default: impl Into<Self>,
    ) -> Self {
        let TableOf(table) = T::table(table.into_iter().collect());
        self.and_then(default.into()).and(Operation::Lookup(table))
    }

    /// The text of the table that has this as its key, or `default`.
    #[must_use]
    pub fn relabel<T: Literal>(
        self,
        table: impl IntoIterator<Item = (T, impl AsRef<str>)>,
        default: impl Into<Self>,
    ) -> Self {
        let mut words = Vec::new();
        let position = |(key, word): (T, _)| {
            words.push(Arc::from(AsRef::<str>::as_ref(&word)));
            (key, (words.len() - 1) as f64)
        };
        let TableOf(table) = T::table(table.into_iter().map(position).collect());
        self.and_then(default.into()).and(Operation::Relabel(table, words))
    }

    /// This part of a date or a time, such as its year.
    #[must_use]
    pub fn part(self, part: DatetimeFeature) -> Self {
        self.call(Function::Part(part))
    }

    /// The nearest number of so many digits behind the point, from 0 to 22; of two the one whose last digit is even.
    #[must_use]
    pub fn round_to(self, digits: u32) -> Self {
        self.call_with(Function::Round, [f64::from(digits).into()])
    }

    /// The number between two bounds, either of which replaces what is beyond it.
    #[must_use]
    pub fn clip(self, low: impl Into<Self>, high: impl Into<Self>) -> Self {
        self.call_with(Function::Clip, [low.into(), high.into()])
    }
}

macro_rules! methods {
    ($($(#[doc = $doc:literal])+ $name:ident => $function:expr;)+) => {
        impl Expression {$(
            $(#[doc = $doc])+
            #[must_use]
            pub fn $name(self) -> Self {
                self.call($function)
            }
        )+}
    };
}

methods! {
    /// The size of a number.
    abs => Function::Abs;
    /// The least whole number that is not below it.
    ceil => Function::Ceil;
    /// The exponential function of it.
    exp => Function::Exp;
    /// The greatest whole number that is not above it.
    floor => Function::Floor;
    /// Is it missing?
    is_null => Function::IsNull;
    /// The number of characters of a text.
    length => Function::Length;
    /// The natural logarithm of it.
    log => Function::Log;
    /// The natural logarithm of one more than it.
    log1p => Function::Log1p;
    /// A text with small letters.
    lower => Function::Lower;
    /// The nearest whole number, of two the even one.
    round => Function::Round;
    /// The square root of it.
    sqrt => Function::Sqrt;
    /// A text without white space at its ends.
    trim => Function::Trim;
    /// A text with capital letters.
    upper => Function::Upper;
}

macro_rules! comparisons {
    ($($(#[doc = $doc:literal])+ $name:ident => $binary:ident;)+) => {
        impl Expression {$(
            $(#[doc = $doc])+
            #[must_use]
            pub fn $name(self, other: impl Into<Self>) -> Self {
                self.binary(Binary::$binary, other)
            }
        )+}
    };
}

comparisons! {
    /// Are both equal? (`==`)
    eq => Equal;
    /// Are both unequal? (`!=`)
    ne => Unequal;
    /// Is this less than the other? (`<`)
    lt => Less;
    /// Is this at most the other? (`<=`)
    le => AtMost;
    /// Is this greater than the other? (`>`)
    gt => Greater;
    /// Is this at least the other? (`>=`)
    ge => AtLeast;
}

macro_rules! pairs {
    ($($(#[doc = $doc:literal])+ $name:ident => $function:expr;)+) => {
        impl Expression {$(
            $(#[doc = $doc])+
            #[must_use]
            pub fn $name(self, other: impl Into<Self>) -> Self {
                self.call_with($function, [other.into()])
            }
        )+}
    };
}

pairs! {
    /// This, or the other where it is missing (`coalesce`).
    fill_null => Function::Coalesce;
    /// The lesser of both; the one that is present where the other is missing.
    min => Function::Min;
    /// The greater of both; the one that is present where the other is missing.
    max => Function::Max;
    /// Does the text hold the other?
    contains => Function::Contains;
    /// Does the text begin with the other?
    starts_with => Function::StartsWith;
    /// Does the text end with the other?
    ends_with => Function::EndsWith;
    /// The days from this moment to the other, with their fraction.
    days_between => Function::Between(Between::Days);
    /// The hours from this moment to the other, with their fraction.
    hours_between => Function::Between(Between::Hours);
    /// The minutes from this moment to the other, with their fraction.
    minutes_between => Function::Between(Between::Minutes);
    /// The seconds from this moment to the other, with their fraction.
    seconds_between => Function::Between(Between::Seconds);
}
