use serde::{Deserialize, Serialize};

use super::Verdict;
use super::decide::Decider;
use crate::batch::OwnedValue;
use crate::name::UnitId;
use crate::rollout::Context;

/// Which requests an experiment or a flag is for: a condition over the attributes of a request's
/// [`Context`], as a value that is serialised and checked before it serves.
///
/// The operators are flagd's, with types: text equals text and not a number that looks like it. A rule that an attribute
/// would be needed for, and which the request did not bring or brought in another type, is *undecided*, and an undecided rule
/// selects nobody. (By Kleene's logic: `not` of an undecided rule is undecided too, where flagd's JsonLogic makes it true
/// and targets everyone of whom nothing is known; `or` holds where another of its rules does.)
///
/// ```
/// use mlcore::batch::Value;
/// use mlcore::name::UnitId;
/// use mlcore::rollout::{Context, Operator, Rule, Verdict};
///
/// let rule = Rule::equals("country", "PT").and(Rule::sem_ver("app", Operator::SameMajor, "2.1"));
/// let unit = UnitId::new("user-17")?;
/// let attributes = [("country", Value::Text("PT")), ("app", Value::Text("v2.7.0"))];
/// assert_eq!(rule.verdict(&unit, &Context::EMPTY.with_attributes(&attributes)), Verdict::Met);
///
/// let Verdict::Undecided(why) = rule.verdict(&unit, &Context::EMPTY) else { panic!() };
/// assert_eq!(why.to_string(), "the attribute country is missing");
/// let line = serde_json::to_string(&Rule::equals("country", "PT"))?;
/// assert_eq!(line, r#"{"equals":{"attribute":"country","value":{"text":"PT"}}}"#);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[non_exhaustive]
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Rule {
    /// Every request.
    #[default]
    Always,
    /// The attribute has this value; numbers are equal by what they count, whatever their type.
    Equals {
        /// The attribute.
        attribute: String,
        /// The value; not null.
        value: OwnedValue,
    },
    /// The attribute has one of these values.
    In {
        /// The attribute.
        attribute: String,
        /// The values, at least one; none of them null.
        values: Vec<OwnedValue>,
    },
    /// The text begins with this one.
    StartsWith {
        /// The attribute.
        attribute: String,
        /// How it begins.
        text: String,
    },
    /// The text ends with this one.
    EndsWith {
        /// The attribute.
        attribute: String,
        /// How it ends.
        text: String,
    },
    /// The text contains this one.
    Contains {
        /// The attribute.
        attribute: String,
        /// What it contains.
        text: String,
    },
    /// The number, date or time compares so with this one.
    Compare {
        /// The attribute.
        attribute: String,
        /// The comparison; not one of versions.
        operator: Operator,
        /// What it is compared with.
        value: OwnedValue,
    },
    /// The semantic version compares so with this one. A leading `v` and absent minor and patch numbers are taken, numbers
    /// are read as text, and what a version was built of does not count.
    SemVer {
        /// The attribute.
        attribute: String,
        /// The comparison.
        operator: Operator,
        /// What it is compared with.
        version: String,
    },
    /// A share of the units, or of the values of an attribute: those that stand below `share` on a line of their own. It
    /// says who is eligible; what an experiment compares is drawn by its variants.
    Fractional {
        /// The salt of the line.
        seed: String,
        /// The attribute, a text or an integer, whose values are drawn; `None` for the unit.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        attribute: Option<String>,
        /// The share, from 0 to 1.
        share: f64,
    },
    /// All of these hold.
    And(Vec<Rule>),
    /// One of these holds.
    Or(Vec<Rule>),
    /// This one does not hold.
    Not(Box<Rule>),
}

/// How two values compare: flagd's signs.
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Operator {
    /// They are equal.
    #[serde(rename = "=")]
    Equal,
    /// They differ.
    #[serde(rename = "!=")]
    NotEqual,
    /// The attribute is the lesser one.
    #[serde(rename = "<")]
    Less,
    /// The attribute is not the greater one.
    #[serde(rename = "<=")]
    LessOrEqual,
    /// The attribute is the greater one.
    #[serde(rename = ">")]
    Greater,
    /// The attribute is not the lesser one.
    #[serde(rename = ">=")]
    GreaterOrEqual,
    /// Two versions have one major number.
    #[serde(rename = "^")]
    SameMajor,
    /// Two versions have one major and one minor number.
    #[serde(rename = "~")]
    SameMinor,
}

impl Rule {
    /// The attribute has this value.
    #[must_use]
    pub fn equals(attribute: impl Into<String>, value: impl Into<OwnedValue>) -> Self {
        Self::Equals { attribute: attribute.into(), value: value.into() }
    }

    /// The attribute has one of these values.
    #[must_use]
    pub fn is_in<V: Into<OwnedValue>>(
        attribute: impl Into<String>,
        values: impl IntoIterator<Item = V>,
    ) -> Self {
        Self::In { attribute: attribute.into(), values: values.into_iter().map(Into::into).collect() }
    }

    /// The text begins with `text`.
    #[must_use]
    pub fn starts_with(attribute: impl Into<String>, text: impl Into<String>) -> Self {
        Self::StartsWith { attribute: attribute.into(), text: text.into() }
    }

    /// The text ends with `text`.
    #[must_use]
    pub fn ends_with(attribute: impl Into<String>, text: impl Into<String>) -> Self {
        Self::EndsWith { attribute: attribute.into(), text: text.into() }
    }

    /// The text contains `text`.
    #[must_use]
    pub fn contains(attribute: impl Into<String>, text: impl Into<String>) -> Self {
        Self::Contains { attribute: attribute.into(), text: text.into() }
    }

    /// The number, date or time compares so with `value`.
    #[must_use]
    pub fn compare(attribute: impl Into<String>, operator: Operator, value: impl Into<OwnedValue>) -> Self {
        Self::Compare { attribute: attribute.into(), operator, value: value.into() }
    }

    /// The semantic version compares so with `version`.
    #[must_use]
    pub fn sem_ver(attribute: impl Into<String>, operator: Operator, version: impl Into<String>) -> Self {
        Self::SemVer { attribute: attribute.into(), operator, version: version.into() }
    }

    /// A share of the units.
    #[must_use]
    pub fn fractional(seed: impl Into<String>, share: f64) -> Self {
        Self::Fractional { seed: seed.into(), attribute: None, share }
    }

    /// A share of the values of an attribute, such as a tenth of the companies.
    #[must_use]
    pub fn fractional_by(attribute: impl Into<String>, seed: impl Into<String>, share: f64) -> Self {
        Self::Fractional { seed: seed.into(), attribute: Some(attribute.into()), share }
    }

    /// This rule and `other` hold.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self::And(vec![self, other])
    }

    /// This rule or `other` holds.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self::Or(vec![self, other])
    }

    /// Says whether the rule holds for a request of `unit` in `context`. Allocates nothing.
    #[must_use]
    pub fn verdict(&self, unit: &UnitId, context: &Context<'_>) -> Verdict<'_> {
        Decider { unit, context }.verdict(self)
    }

    /// What cannot be meant by the rule, in words.
    pub(super) fn problem(&self) -> Option<String> {
        self.problem_at(0, &mut 0)
    }

    fn problem_at(&self, depth: usize, count: &mut usize) -> Option<String> {
        *count += 1;
        if depth > DEEPEST || *count > LONGEST {
            let problem = format!("it is nested deeper than {DEEPEST} or has more than {LONGEST} conditions");
            return Some(problem);
        }
        match self {
            Self::Always | Self::StartsWith { .. } | Self::EndsWith { .. } | Self::Contains { .. } => None,
            Self::Equals { attribute, value } => odd(attribute, value),
            Self::In { attribute, values } if values.is_empty() => {
                Some(format!("it has no value that {attribute} may have"))
            }
            Self::In { attribute, values } => values.iter().find_map(|value| odd(attribute, value)),
            Self::Compare { attribute, operator, value } => {
                let text_or_bool = matches!(value, OwnedValue::Text(_) | OwnedValue::Bool(_));
                match operator {
                    Operator::SameMajor | Operator::SameMinor => {
                        Some(format!("{attribute} is compared by an operator of versions"))
                    }
                    _ if text_or_bool => Some(format!(
                        "{attribute} is compared with a {}; numbers, dates and times are",
                        value.as_value().kind()
                    )),
                    _ => odd(attribute, value),
                }
            }
            Self::SemVer { attribute, version, .. } => super::sem_ver::SemVer::parse(version)
                .is_none()
                .then(|| format!("{attribute} is compared with {version:?}, which is no semantic version")),
            Self::Fractional { share, .. } => {
                (!(0.0..=1.0).contains(share)).then(|| format!("{share} is no share; it must be 0 to 1"))
            }
            Self::And(rules) | Self::Or(rules) if rules.is_empty() => Some("an empty list of rules".into()),
            Self::And(rules) | Self::Or(rules) => {
                rules.iter().find_map(|rule| rule.problem_at(depth + 1, count))
            }
            Self::Not(rule) => rule.problem_at(depth + 1, count),
        }
    }
}

/// The rule that holds where this one fails; undecided where it is.
impl std::ops::Not for Rule {
    type Output = Self;

    fn not(self) -> Self {
        Self::Not(Box::new(self))
    }
}

/// A condition that nothing can meet.
fn odd(attribute: &str, value: &OwnedValue) -> Option<String> {
    value.as_value().is_missing().then(|| format!("{attribute} is compared with {value}, which is no value"))
}

/// A rule is decided on the stack of a request, and for every one of them.
const DEEPEST: usize = 16;
const LONGEST: usize = 1_000;
