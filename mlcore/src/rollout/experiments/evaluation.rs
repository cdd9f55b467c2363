use std::collections::BTreeMap;
use std::fmt;

use serde::{Serialize, Serializer};

use super::Undecided;
use crate::batch::{OwnedValue, Value};
use crate::name::Arm;

/// What a flag says to a unit, and why: OpenFeature's evaluation details (specification 0.8, "Evaluation Details"), borrowed
/// from the policy. Serialised it has OpenFeature's names and plain JSON values.
///
/// ```
/// use mlcore::name::{Arm, UnitId};
/// use mlcore::rollout::{Context, ErrorCode, Experiments, ExperimentsOptions, Layer, Reason};
///
/// let policy = Experiments::new(ExperimentsOptions::new("shop", Layer::new("models")))?;
/// let unit = UnitId::new("user-17")?;
/// let details = policy.evaluate("gone", &unit, &Context::EMPTY);
/// assert_eq!((details.reason, details.error_code), (Reason::Error, Some(ErrorCode::FlagNotFound)));
/// assert_eq!(details.with_fallback("blue".into()).value, "blue".into());
/// # Ok::<(), mlcore::Error>(())
/// ```
#[non_exhaustive]
#[derive(Clone, PartialEq, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EvaluationDetails<'a> {
    /// The key that was asked for.
    pub flag_key: &'a str,
    /// The value of the variant; null where there is none.
    pub value: Value<'a>,
    /// The variant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub variant: Option<&'a Arm>,
    /// Why.
    pub reason: Reason,
    /// What went wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_code: Option<ErrorCode>,
    /// The same in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_message: Option<&'static str>,
    /// What else is known.
    pub flag_metadata: FlagMetadata<'a>,
}

/// What an evaluation tells besides value and reason.
#[non_exhaustive]
#[derive(Clone, PartialEq, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FlagMetadata<'a> {
    /// The layer of the flag.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub layer: Option<&'a str>,
    /// The probability of this variant for a unit that the rules say the same of; 1 for an override.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub propensity: Option<f64>,
    /// The reason of the override that gave the variant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub override_reason: Option<&'a str>,
    /// Why a rule could not be decided, and selected nobody.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "in_words")]
    pub undecided: Option<Undecided<'a>>,
    /// What the options say of the flag.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "plain")]
    pub own: Option<&'a BTreeMap<String, OwnedValue>>,
}

/// Why a flag has its value, by OpenFeature's names.
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Reason {
    /// The flag says the same to everyone.
    Static,
    /// No rule selects the unit, or it is in no variant's share, or held out.
    Default,
    /// A rule, or an override, selects the variant.
    TargetingMatch,
    /// The variant was drawn.
    Split,
    /// The flag does not run.
    Disabled,
    /// The flag could not be evaluated.
    Error,
}

/// What went wrong with an evaluation, by OpenFeature's names.
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ErrorCode {
    /// There is no flag with this key.
    FlagNotFound,
    /// The value is of another type than the caller's.
    TypeMismatch,
}

impl<'a> EvaluationDetails<'a> {
    /// The same with the caller's value where the flag has none, or one of another type, as OpenFeature's clients do it: that is
    /// [`ErrorCode::TypeMismatch`]. Integers and floats are one type.
    #[must_use]
    pub fn with_fallback(mut self, fallback: Value<'a>) -> Self {
        let numbers = |value: Value<'_>| matches!(value, Value::Int(_) | Value::UInt(_) | Value::Float(_));
        let alike = self.value.kind() == fallback.kind() || numbers(self.value) && numbers(fallback);
        if self.value.is_null() {
            self.value = fallback;
        } else if !alike && !fallback.is_null() {
            (self.value, self.variant, self.reason) = (fallback, None, Reason::Error);
            self.error_code = Some(ErrorCode::TypeMismatch);
            self.error_message = Some("the value of the flag is of another type than the fallback");
        }
        self
    }

    pub(super) fn not_found(flag_key: &'a str) -> Self {
        Self {
            flag_key,
            value: Value::Null,
            variant: None,
            reason: Reason::Error,
            error_code: Some(ErrorCode::FlagNotFound),
            error_message: Some("no layer has a flag with this key"),
            flag_metadata: FlagMetadata::default(),
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Static => "STATIC",
            Self::Default => "DEFAULT",
            Self::TargetingMatch => "TARGETING_MATCH",
            Self::Split => "SPLIT",
            Self::Disabled => "DISABLED",
            Self::Error => "ERROR",
        })
    }
}

fn in_words<S: Serializer>(undecided: &Option<Undecided<'_>>, serializer: S) -> Result<S::Ok, S::Error> {
    match undecided {
        Some(undecided) => serializer.collect_str(undecided),
        None => serializer.serialize_none(),
    }
}

fn plain<S: Serializer>(
    own: &Option<&BTreeMap<String, OwnedValue>>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let values = own.iter().flat_map(|own| own.iter());
    serializer.collect_map(values.map(|(name, value)| (name, value.as_value())))
}
