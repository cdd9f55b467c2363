//! The parameters of a transformer as names and values: scikit-learn's `get_params` and `set_params`.

mod json;
mod read;

use mlcore::batch::OwnedValue;
use mlcore::{Error, Result};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Transformer;
use super::python::{python_repr, without_nan};

/// The value of one parameter: a single value, or a list of values.
///
/// ```
/// use mlcore_features::transform::Parameter;
///
/// let sizes = Parameter::from(vec!["small", "large"]);
/// assert_eq!(sizes.to_string(), r#"["small", "large"]"#);
/// assert_eq!(Parameter::from(None::<bool>).to_string(), "None");
/// ```
#[non_exhaustive]
#[derive(Clone, PartialEq, Debug)]
pub enum Parameter {
    /// A single value; a missing one stands for scikit-learn's `None`.
    Value(OwnedValue),
    /// A list or a tuple.
    List(Vec<Parameter>),
}

/// Named parameters in the order of their declaration.
///
/// ```
/// use mlcore_features::transform::{Fit, Parameters, StandardScaler, Transformer};
///
/// let scaler = Transformer::new("StandardScaler", &Parameters::from_iter([("with_mean", false)]))?;
/// assert_eq!(scaler, StandardScaler::default().with_mean(false).into());
/// assert_eq!(scaler.parameters()?.to_string(), "with_mean=False, with_std=True");
///
/// let error = Transformer::new("StandardScaler", &Parameters::from_iter([("with_maen", false)])).unwrap_err();
/// assert_eq!(
///     error.to_string(),
///     "configure StandardScaler with_maen: there is no such parameter; use one of with_mean, with_std"
/// );
/// # Ok::<(), mlcore::Error>(())
/// ```
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Parameters {
    values: Vec<(String, Parameter)>,
}

impl Parameters {
    /// No parameters: every one has its default.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Names and values in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &Parameter)> {
        self.values.iter().map(|(name, value)| (name.as_str(), value))
    }

    /// The value of the parameter of this name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Parameter> {
        self.iter().find(|(own, _)| *own == name).map(|(_, value)| value)
    }

    /// The specification with these parameters and the default of every other.
    pub(crate) fn read<T: DeserializeOwned>(&self, transformer: &str) -> Result<T> {
        T::deserialize(read::Reader(self)).map_err(|refused| {
            let error = Error::invalid_input(
                format!("configure {transformer}"),
                refused.parameter.unwrap_or_else(|| "parameters".to_owned()),
                refused.problem,
            );
            match refused.remedy {
                Some(remedy) => error.remedy(remedy),
                None => error,
            }
        })
    }

    /// The parameters of a specification, those at their default too.
    pub(crate) fn of<T: Serialize>(specification: &T, transformer: &'static str) -> Result<Self> {
        serde_json::to_vec(specification).and_then(|json| serde_json::from_slice(&json)).map_err(|cause| {
            Error::internal("list parameters", transformer, cause.to_string()).caused_by(cause)
        })
    }
}

impl Transformer {
    /// Its parameters that are not at their defaults.
    ///
    /// ```
    /// use mlcore_features::transform::{MinMaxScaler, Transformer};
    ///
    /// let scaler = Transformer::from(MinMaxScaler::default().clip(true));
    /// assert_eq!(scaler.changed_parameters()?.to_string(), "clip=True");
    /// # Ok::<(), mlcore::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Transformer::parameters`].
    pub fn changed_parameters(&self) -> Result<Parameters> {
        let (own, default) = (self.parameters()?, Self::new(self.name(), &Parameters::new())?.parameters()?);
        // By their words, in which NaN is NaN.
        let is_default = |name: &str, value: &Parameter| {
            default.get(name).is_some_and(|default| default.to_string() == value.to_string())
        };
        Ok(own.values.into_iter().filter(|(name, value)| !is_default(name, value)).collect())
    }
}

impl<N: Into<String>, V: Into<Parameter>> FromIterator<(N, V)> for Parameters {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(parameters: I) -> Self {
        let values = parameters.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
        Self { values }
    }
}

impl std::fmt::Display for Parameters {
    /// As a call in Python: `with_mean=False, with_std=True`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (position, (name, value)) in self.iter().enumerate() {
            let separator = if position == 0 { "" } else { ", " };
            write!(f, "{separator}{name}={value}")?;
        }
        Ok(())
    }
}

impl Parameter {
    /// The problem of a value that is no such thing.
    pub(crate) fn is_not(&self, expected: &str) -> String {
        format!("{expected} is expected, got {self}")
    }

    /// The single value, NaN as a missing one.
    pub(crate) fn into_value(self) -> Option<OwnedValue> {
        match self {
            Self::Value(value) => Some(without_nan(value)),
            Self::List(_) => None,
        }
    }

    /// The list of single values.
    pub(crate) fn into_values(self) -> Option<Vec<OwnedValue>> {
        match self {
            Self::Value(_) => None,
            Self::List(values) => values.into_iter().map(Self::into_value).collect(),
        }
    }

    /// The value as a number of things.
    pub(crate) fn as_count(&self) -> Option<u64> {
        match self {
            Self::Value(OwnedValue::Int(value)) => u64::try_from(*value).ok(),
            Self::Value(OwnedValue::UInt(value)) => Some(*value),
            _ => None,
        }
    }

    pub(crate) fn as_text(&self) -> Option<&str> {
        match self {
            Self::Value(value) => value.as_str(),
            Self::List(_) => None,
        }
    }
}

impl std::fmt::Display for Parameter {
    /// As Python writes it, text in double quotes.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Value(OwnedValue::Null) => f.write_str("None"),
            Self::Value(value) => f.write_str(&python_repr(value)),
            Self::List(values) => {
                f.write_str("[")?;
                for (position, value) in values.iter().enumerate() {
                    let separator = if position == 0 { "" } else { ", " };
                    write!(f, "{separator}{value}")?;
                }
                f.write_str("]")
            }
        }
    }
}

impl From<OwnedValue> for Parameter {
    fn from(value: OwnedValue) -> Self {
        Self::Value(value)
    }
}

macro_rules! single {
    ($($kind:ty => |$value:ident| $owned:expr;)+) => {$(
        impl From<$kind> for Parameter {
            fn from($value: $kind) -> Self {
                Self::Value($owned)
            }
        }
    )+};
}

single! {
    bool => |value| OwnedValue::Bool(value);
    i32 => |value| OwnedValue::Int(value.into());
    i64 => |value| OwnedValue::Int(value);
    u32 => |value| OwnedValue::Int(value.into());
    u64 => |value| i64::try_from(value).map_or(OwnedValue::UInt(value), OwnedValue::Int);
    usize => |value| i64::try_from(value).map_or(OwnedValue::UInt(value as u64), OwnedValue::Int);
    f64 => |value| OwnedValue::Float(value);
    &str => |value| OwnedValue::from(value);
    String => |value| OwnedValue::from(value);
}

impl<T: Into<Parameter>> From<Option<T>> for Parameter {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Value(OwnedValue::Null), Into::into)
    }
}

impl<T: Into<Parameter>> From<Vec<T>> for Parameter {
    fn from(values: Vec<T>) -> Self {
        Self::List(values.into_iter().map(Into::into).collect())
    }
}

impl<T: Into<Parameter>> From<(T, T)> for Parameter {
    fn from((first, second): (T, T)) -> Self {
        Self::List(vec![first.into(), second.into()])
    }
}
