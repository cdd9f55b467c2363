//! Whether a rule holds for a request: three values, no allocation.

use std::cmp::Ordering;
use std::fmt;
use std::io::Write;

use super::sem_ver::SemVer;
use super::{Operator, Rule};
use crate::batch::Value;
use crate::name::UnitId;
use crate::rollout::Context;
use crate::rollout::bucket::position;

/// What a [`Rule`] says of a request.
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict<'a> {
    /// It holds.
    Met,
    /// It does not hold.
    Unmet,
    /// The request does not say enough.
    Undecided(Undecided<'a>),
}

/// Why a rule could not be decided; its text says it in words.
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Undecided<'a> {
    /// The attribute that the rule asks for.
    pub attribute: &'a str,
    problem: Problem,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Problem {
    Missing,
    Kind { found: &'static str, wanted: &'static str },
    NoVersion,
}

impl fmt::Display for Undecided<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the attribute {} is ", self.attribute)?;
        match self.problem {
            Problem::Missing => f.write_str("missing"),
            Problem::Kind { found, wanted } => write!(f, "of the kind {found} where {wanted} is asked for"),
            Problem::NoVersion => f.write_str("no semantic version"),
        }
    }
}

/// A request that rules are asked about.
pub(super) struct Decider<'a> {
    pub(super) unit: &'a UnitId,
    pub(super) context: &'a Context<'a>,
}

impl Decider<'_> {
    pub(super) fn verdict<'r>(&self, rule: &'r Rule) -> Verdict<'r> {
        match self.decide(rule) {
            Ok(true) => Verdict::Met,
            Ok(false) => Verdict::Unmet,
            Err(undecided) => Verdict::Undecided(undecided),
        }
    }

    fn decide<'r>(&self, rule: &'r Rule) -> Result<bool, Undecided<'r>> {
        match rule {
            Rule::Always => Ok(true),
            Rule::Equals { attribute, value } => {
                Ok(self.ordering(attribute, value.as_value())? == Some(Ordering::Equal))
            }
            Rule::In { attribute, values } => {
                self.one_of(attribute, values.iter().map(|value| value.as_value()))
            }
            Rule::StartsWith { attribute, text } => Ok(self.text(attribute)?.starts_with(text.as_str())),
            Rule::EndsWith { attribute, text } => Ok(self.text(attribute)?.ends_with(text.as_str())),
            Rule::Contains { attribute, text } => Ok(self.text(attribute)?.contains(text.as_str())),
            Rule::Compare { attribute, operator, value } => {
                let ordering = self.ordering(attribute, value.as_value())?;
                Ok(ordering.is_some_and(|ordering| operator.holds(ordering)))
            }
            Rule::SemVer { attribute, operator, version } => self.version(attribute, *operator, version),
            Rule::Fractional { seed, attribute, share } => {
                Ok(self.place(seed, attribute.as_deref())? < *share)
            }
            Rule::And(rules) => self.all(rules, true),
            Rule::Or(rules) => self.all(rules, false),
            Rule::Not(rule) => self.decide(rule).map(|holds| !holds),
        }
    }

    /// Whether all rules answer `wanted`; one that does not decides it, even beside undecided ones. For `or`, whose all must
    /// answer false, the answer is the other one.
    fn all<'r>(&self, rules: &'r [Rule], wanted: bool) -> Result<bool, Undecided<'r>> {
        let mut undecided = None;
        for rule in rules {
            match self.decide(rule) {
                Ok(holds) if holds == wanted => {}
                Ok(holds) => return Ok(holds),
                Err(why) => undecided = undecided.or(Some(why)),
            }
        }
        undecided.map_or(Ok(wanted), Err)
    }

    fn attribute<'r>(&self, attribute: &'r str) -> Result<Value<'_>, Undecided<'r>> {
        match self.context.attribute(attribute) {
            Some(value) if !value.is_missing() => Ok(value),
            Some(_) | None => Err(Undecided { attribute, problem: Problem::Missing }),
        }
    }

    fn text<'r>(&self, attribute: &'r str) -> Result<&str, Undecided<'r>> {
        let value = self.attribute(attribute)?;
        value.as_str().ok_or_else(|| wrong_kind(attribute, value, "text"))
    }

    fn ordering<'r>(&self, attribute: &'r str, other: Value<'_>) -> Result<Option<Ordering>, Undecided<'r>> {
        let value = self.attribute(attribute)?;
        compare(value, other).ok_or_else(|| wrong_kind(attribute, value, kind(other)))
    }

    fn one_of<'r, 'v>(
        &self,
        attribute: &'r str,
        values: impl Iterator<Item = Value<'v>>,
    ) -> Result<bool, Undecided<'r>> {
        let value = self.attribute(attribute)?;
        let (mut comparable, mut wanted) = (false, "another");
        for other in values {
            match compare(value, other) {
                Some(Some(Ordering::Equal)) => return Ok(true),
                Some(_) => comparable = true,
                None => wanted = kind(other),
            }
        }
        if comparable { Ok(false) } else { Err(wrong_kind(attribute, value, wanted)) }
    }

    fn version<'r>(
        &self,
        attribute: &'r str,
        operator: Operator,
        other: &str,
    ) -> Result<bool, Undecided<'r>> {
        let value = self.attribute(attribute)?;
        let mut digits = Digits::default();
        let text = digits.text_of(value).ok_or_else(|| wrong_kind(attribute, value, "a version"))?;
        let problem = Undecided { attribute, problem: Problem::NoVersion };
        let (own, other) = (SemVer::parse(text).ok_or(problem)?, SemVer::parse(other).ok_or(problem)?);
        Ok(match operator {
            Operator::SameMajor => own.major == other.major,
            Operator::SameMinor => (own.major, own.minor) == (other.major, other.minor),
            Operator::Equal
            | Operator::NotEqual
            | Operator::Less
            | Operator::LessOrEqual
            | Operator::Greater
            | Operator::GreaterOrEqual => operator.holds(own.compare(other)),
        })
    }

    fn place<'r>(&self, seed: &str, attribute: Option<&'r str>) -> Result<f64, Undecided<'r>> {
        let Some(attribute) = attribute else { return Ok(position(seed, self.unit.as_str())) };
        let value = self.attribute(attribute)?;
        let mut digits = Digits::default();
        // The digits of a float depend on who writes them.
        let drawn = if let Value::Float(_) = value { None } else { digits.text_of(value) };
        drawn
            .map(|text| position(seed, text))
            .ok_or_else(|| wrong_kind(attribute, value, "text or an integer"))
    }
}

impl Operator {
    fn holds(self, ordering: Ordering) -> bool {
        match self {
            Self::Equal => ordering.is_eq(),
            Self::NotEqual => ordering.is_ne(),
            Self::Less => ordering.is_lt(),
            Self::LessOrEqual => ordering.is_le(),
            Self::Greater => ordering.is_gt(),
            Self::GreaterOrEqual => ordering.is_ge(),
            // Orders say nothing of what two versions have in common; rules with these do not come here.
            Self::SameMajor | Self::SameMinor => false,
        }
    }
}

/// How two values compare; the outer `None` where their kinds do not.
fn compare(one: Value<'_>, other: Value<'_>) -> Option<Option<Ordering>> {
    match (one, other) {
        (Value::Bool(one), Value::Bool(other)) => Some(Some(one.cmp(&other))),
        (Value::Text(one), Value::Text(other)) => Some(Some(one.cmp(other))),
        (Value::Date(one), Value::Date(other)) => Some(Some(one.cmp(&other))),
        (Value::Time(one), Value::Time(other)) => Some(Some(one.cmp(&other))),
        (Value::DateTime(one), Value::DateTime(other)) => Some(Some(one.cmp(&other))),
        (Value::Timestamp(one), Value::Timestamp(other)) => Some(Some(one.cmp(&other))),
        (Value::Float(one), Value::Float(other)) => Some(one.partial_cmp(&other)),
        (Value::Float(one), other) => Some(by_count(other.integer()?, one).map(Ordering::reverse)),
        (one, Value::Float(other)) => Some(by_count(one.integer()?, other)),
        (one, other) => Some(Some(one.integer()?.cmp(&other.integer()?))),
    }
}

/// An integer beside a float, neither of them rounded.
fn by_count(integer: i128, float: f64) -> Option<Ordering> {
    let whole = float.floor();
    if whole.is_nan() {
        return None;
    }
    // Floats past the integers of a cell become the ends of i128, which are past them too.
    let ordering = integer.cmp(&(whole as i128));
    Some(if ordering.is_eq() && float > whole { Ordering::Less } else { ordering })
}

fn wrong_kind<'r>(attribute: &'r str, value: Value<'_>, wanted: &'static str) -> Undecided<'r> {
    Undecided { attribute, problem: Problem::Kind { found: value.kind(), wanted } }
}

fn kind(value: Value<'_>) -> &'static str {
    match value {
        Value::Int(_) | Value::UInt(_) | Value::Float(_) => "a number",
        other => other.kind(),
    }
}

/// The digits of a number, without an allocation: none of a version is longer.
#[derive(Default)]
struct Digits {
    bytes: [u8; 32],
}

impl Digits {
    /// The text of a text, or of a number as its digits.
    fn text_of<'a>(&'a mut self, value: Value<'a>) -> Option<&'a str> {
        match value {
            Value::Text(text) => Some(text),
            Value::Int(number) => self.write(format_args!("{number}")),
            Value::UInt(number) => self.write(format_args!("{number}")),
            Value::Float(number) => self.write(format_args!("{number}")),
            Value::Null
            | Value::Bool(_)
            | Value::Date(_)
            | Value::Time(_)
            | Value::DateTime(_)
            | Value::Timestamp(_) => None,
        }
    }

    fn write(&mut self, number: fmt::Arguments<'_>) -> Option<&str> {
        let room = self.bytes.len();
        let mut rest = &mut self.bytes[..];
        rest.write_fmt(number).ok()?;
        let written = room - rest.len();
        std::str::from_utf8(&self.bytes[..written]).ok()
    }
}
