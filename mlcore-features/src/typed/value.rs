//! Which Rust types may be a field.

use std::borrow::Cow;
use std::rc::Rc;
use std::sync::Arc;

use mlcore::batch::{Value, natives};
use mlcore::schema::DType;
use mlcore::time::{Date, DateTime, Time, TimeUnit, TimeZone, Timestamp};

/// A Rust type that may be a field of a row: a number, a truth value, text, a date, a time, an option of these, or an enum that
/// derives [`FeatureCategory`].
///
/// A type of your own is one by saying what it is in terms of these:
///
/// ```
/// use mlcore::batch::Value;
/// use mlcore::schema::DType;
/// use mlcore_features::typed::FeatureValue;
///
/// struct Cents(i64);
///
/// impl FeatureValue for Cents {
///     const TYPE: DType = DType::Int64;
///
///     fn value(&self) -> Value<'_> {
///         Value::Int(self.0)
///     }
/// }
///
/// assert_eq!(Cents(250).value(), Value::Int(250));
/// assert!(<Option<Cents>>::NULLABLE && !Cents::NULLABLE);
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no value of a column",
    label = "no bool, number, text, date, time, or option or category of these",
    note = "skip the field with `#[features(skip)]`, flatten a struct with `#[features(flatten)]`, derive `FeatureCategory` for an enum without data, or implement `FeatureValue`"
)]
pub trait FeatureValue {
    /// The type of a column of these values. Of times it names the finest unit: a plan that reads another takes each value
    /// that falls on one of its counts.
    const TYPE: DType;

    /// Whether a value may be null. Options alone may, unless an implementation says otherwise.
    const NULLABLE: bool = false;

    /// The cell, which borrows its text.
    fn value(&self) -> Value<'_>;
}

/// An enum whose variants are the categories of a column of text. `#[derive(FeatureCategory)]` implements it, and with it
/// [`FeatureValue`].
///
#[cfg_attr(feature = "derive", doc = "```")]
#[cfg_attr(not(feature = "derive"), doc = "```ignore")]
/// use mlcore_features::typed::FeatureCategory;
///
/// #[derive(FeatureCategory)]
/// #[features(rename_all = "kebab-case")]
/// enum Channel {
///     Web,
///     PhoneCall,
/// }
///
/// assert_eq!(Channel::CATEGORIES, ["web", "phone-call"]);
/// assert_eq!(Channel::PhoneCall.category(), "phone-call");
/// ```
pub trait FeatureCategory: FeatureValue {
    /// The texts of all variants, in their order.
    const CATEGORIES: &'static [&'static str];

    /// The text of this variant.
    fn category(&self) -> &'static str;
}

macro_rules! values {
    ($($native:ty => $dtype:expr;)+) => {$(
        impl FeatureValue for $native {
            const TYPE: DType = $dtype;

            #[inline]
            fn value(&self) -> Value<'_> {
                Value::from(*self)
            }
        }
    )+};
}

values! {
    bool => DType::Bool;
    i8 => DType::Int8;
    i16 => DType::Int16;
    i32 => DType::Int32;
    i64 => DType::Int64;
    isize => DType::Int64;
    u8 => DType::UInt8;
    u16 => DType::UInt16;
    u32 => DType::UInt32;
    u64 => DType::UInt64;
    usize => DType::UInt64;
    natives::f16 => DType::Float16;
    f32 => DType::Float32;
    f64 => DType::Float64;
    Date => DType::Date;
    Time => DType::Time(TimeUnit::Nanosecond);
    DateTime => DType::Timestamp(TimeUnit::Nanosecond, None);
    Timestamp => DType::Timestamp(TimeUnit::Nanosecond, Some(TimeZone::UTC));
}

impl FeatureValue for str {
    const TYPE: DType = DType::String;

    #[inline]
    fn value(&self) -> Value<'_> {
        Value::Text(self)
    }
}

impl FeatureValue for String {
    const TYPE: DType = DType::String;

    #[inline]
    fn value(&self) -> Value<'_> {
        Value::Text(self)
    }
}

/// Pointers are what they point at.
macro_rules! pointers {
    ($($pointer:ty: [$($generics:tt)+];)+) => {$(
        impl<$($generics)+> FeatureValue for $pointer {
            const TYPE: DType = T::TYPE;
            const NULLABLE: bool = T::NULLABLE;

            #[inline]
            fn value(&self) -> Value<'_> {
                T::value(self)
            }
        }
    )+};
}

pointers! {
    &T: [T: FeatureValue + ?Sized];
    Box<T>: [T: FeatureValue + ?Sized];
    Rc<T>: [T: FeatureValue + ?Sized];
    Arc<T>: [T: FeatureValue + ?Sized];
    Cow<'_, T>: [T: FeatureValue + ToOwned + ?Sized];
}

impl<T: FeatureValue> FeatureValue for Option<T> {
    const TYPE: DType = T::TYPE;
    const NULLABLE: bool = true;

    #[inline]
    fn value(&self) -> Value<'_> {
        self.as_ref().map_or(Value::Null, T::value)
    }
}
