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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batch::OwnedValue;
    use crate::time::Date;

    fn verdict(rule: &Rule, attributes: &[(&str, Value<'_>)]) -> String {
        let unit = UnitId::new("u").unwrap();
        match rule.verdict(&unit, &Context::EMPTY.with_attributes(attributes)) {
            Verdict::Met => "met".into(),
            Verdict::Unmet => "unmet".into(),
            Verdict::Undecided(why) => why.to_string(),
        }
    }

    fn check(rule: &Rule, value: impl Into<OwnedValue>, expected: &str) {
        let value = value.into();
        assert_eq!(verdict(rule, &[("it", value.as_value())]), expected, "{rule:?} {value}");
    }

    /// The cases of flagd's documentation and of its test bed (`evaluator/gherkin/semver.feature`).
    #[test]
    fn versions_compare_as_flagd_does() {
        const NONE: &str = "the attribute it is no semantic version";
        for (version, operator, other, expected) in [
            ("2.0.0", Operator::Equal, "2.0.0", "met"),
            ("2.1.0", Operator::Greater, "2.0.0", "met"),
            ("1.9.0", Operator::Less, "2.0.0", "met"),
            ("2.0.0-alpha", Operator::Less, "2.0.0", "met"),
            ("2.0.0.0", Operator::Less, "2.0.0", NONE),
            ("3.0.1", Operator::SameMinor, "3.0.0", "met"),
            ("3.1.0", Operator::SameMinor, "3.0.0", "unmet"),
            ("3.1.0", Operator::SameMajor, "3.0.0", "met"),
            ("4.0.0", Operator::SameMajor, "3.0.0", "unmet"),
            ("not-a-version", Operator::Equal, "1.0.0", NONE),
            ("1.0.0", Operator::Equal, "v1.0.0", "met"),
            ("V1.0.0", Operator::Equal, "v1.0.0", "met"),
            ("2.0.0", Operator::Equal, "v1.0.0", "unmet"),
            ("1.0", Operator::SameMajor, "1", "met"),
            ("1", Operator::SameMajor, "1", "met"),
            ("1.0.0+other", Operator::Equal, "1.0.0+build", "met"),
            ("1.0.1", Operator::GreaterOrEqual, "1.0.0", "met"),
            ("0.1.0", Operator::GreaterOrEqual, "1.0.0", "unmet"),
            ("0.0.1", Operator::LessOrEqual, "0.0.1", "met"),
            ("0.0.2", Operator::LessOrEqual, "0.0.1", "unmet"),
            ("0.0.1", Operator::NotEqual, "0.0.2", "met"),
        ] {
            check(&Rule::sem_ver("it", operator, other), version, expected);
        }
        // Numbers are read as text.
        check(&Rule::sem_ver("it", Operator::Equal, "1.2"), 1.2, "met");
        check(&Rule::sem_ver("it", Operator::SameMajor, "1"), 1, "met");
        check(&Rule::sem_ver("it", Operator::SameMajor, "1"), 1.0, "met");
        check(
            &Rule::sem_ver("it", Operator::SameMajor, "1"),
            1e300,
            "the attribute it is of the kind float where a version is asked for",
        );
        check(&Rule::sem_ver("it", Operator::Equal, "1"), -1, NONE);
        check(
            &Rule::sem_ver("it", Operator::Equal, "1"),
            true,
            "the attribute it is of the kind bool where a version is asked for",
        );
    }

    /// `evaluator/gherkin/string.feature` of flagd's test bed.
    #[test]
    fn texts_begin_and_end_and_contain() {
        for (text, starts, ends, contains) in [
            ("abcdef", "met", "unmet", "met"),
            ("uvwxyz", "unmet", "met", "unmet"),
            ("abcxyz", "met", "met", "unmet"),
            ("lmnopq", "unmet", "unmet", "unmet"),
            ("", "unmet", "unmet", "unmet"),
        ] {
            check(&Rule::starts_with("it", "abc"), text, starts);
            check(&Rule::ends_with("it", "xyz"), text, ends);
            check(&Rule::contains("it", "cde"), text, contains);
        }
        let wrong = "the attribute it is of the kind integer where text is asked for";
        for rule in [Rule::starts_with("it", "1"), Rule::ends_with("it", "3"), Rule::contains("it", "")] {
            check(&rule, 123, wrong);
        }
    }

    #[test]
    fn numbers_compare_by_what_they_count() {
        let less =
            |value: OwnedValue| Rule::Compare { attribute: "it".into(), operator: Operator::Less, value };
        check(&less(18.into()), 17_u8, "met");
        check(&less(18.into()), 18.0, "unmet");
        check(&less(17.5.into()), 17, "met");
        check(&less(17.5.into()), 18, "unmet");
        // Neither is rounded to the other: 2^53 + 1 is no float.
        check(&less(((1_i64 << 53) + 1).into()), (1_u64 << 53) as f64, "met");
        check(&Rule::equals("it", (1_i64 << 53) + 1), (1_u64 << 53) as f64, "unmet");
        check(&less(u64::MAX.into()), f64::INFINITY, "unmet");
        check(&less((-3.5).into()), -4, "met");
        check(&Rule::equals("it", 3_u8), 3_i64, "met");
        check(&Rule::equals("it", 3), 3.0, "met");
        check(&Rule::equals("it", 3), f64::NAN, "the attribute it is missing");
        check(
            &Rule::equals("it", 3),
            "3",
            "the attribute it is of the kind text where a number is asked for",
        );
        check(
            &Rule::equals("it", true),
            1,
            "the attribute it is of the kind integer where bool is asked for",
        );
        check(&less(Date::from_days(7).into()), Date::from_days(6), "met");
        check(&Rule::compare("it", Operator::NotEqual, 3), 4, "met");
    }

    #[test]
    fn a_value_is_one_of_a_list() {
        let rule = Rule::is_in("it", ["PT", "ES"]);
        check(&rule, "ES", "met");
        check(&rule, "FR", "unmet");
        check(&rule, 3, "the attribute it is of the kind integer where text is asked for");
        let mixed = Rule::is_in("it", [OwnedValue::from("PT"), 3.into()]);
        check(&mixed, 3.0, "met");
        check(&mixed, 4, "unmet");
        check(&mixed, false, "the attribute it is of the kind bool where a number is asked for");
    }

    /// Kleene's tables.
    #[test]
    fn what_is_unknown_stays_unknown_unless_the_rest_decides() {
        let (yes, no) = (|| Rule::Always, || !Rule::Always);
        let unknown = || Rule::equals("gone", 1);
        let missing = "the attribute gone is missing";
        for (rule, expected) in [
            (unknown(), missing),
            (!unknown(), missing),
            (yes().and(unknown()), missing),
            (no().and(unknown()), "unmet"),
            (unknown().and(no()), "unmet"),
            (yes().or(unknown()), "met"),
            (unknown().or(yes()), "met"),
            (no().or(unknown()), missing),
            (unknown().or(Rule::equals("other", 1)), missing),
            (yes().and(yes()), "met"),
            (no().or(no()), "unmet"),
            (!no(), "met"),
        ] {
            assert_eq!(verdict(&rule, &[]), expected, "{rule:?}");
            assert_eq!(verdict(&rule, &[("gone", Value::Null)]), expected, "null is missing");
        }
    }

    #[test]
    fn a_fraction_is_drawn_by_unit_or_by_attribute() {
        let share = |rule: &Rule| {
            let holds = |number: &usize| {
                let unit = UnitId::new(format!("unit-{number}")).unwrap();
                let company = format!("company-{}", number / 10);
                let attributes = [("company", Value::Text(&company))];
                rule.verdict(&unit, &Context::EMPTY.with_attributes(&attributes)) == Verdict::Met
            };
            (0..20_000).map(|number| holds(&number)).collect::<Vec<bool>>()
        };
        let count = |held: &[bool]| held.iter().filter(|held| **held).count();
        let (by_unit, by_company) = (Rule::fractional("s", 0.3), Rule::fractional_by("company", "s", 0.3));
        let (units, companies) = (share(&by_unit), share(&by_company));
        assert!((5_600..6_400).contains(&count(&units)), "{}", count(&units));
        assert!(companies.chunks(10).all(|company| company.iter().all(|held| *held == company[0])));
        assert!((5_000..7_000).contains(&count(&companies)), "{}", count(&companies));
        // A growing share keeps those whom it had.
        assert!(share(&Rule::fractional("s", 0.5)).iter().zip(&units).all(|(more, held)| more >= held));
        assert!(
            count(&share(&Rule::fractional("s", 1.0))) == 20_000
                && count(&share(&Rule::fractional("s", 0.0))) == 0
        );
        assert_eq!(verdict(&by_company, &[]), "the attribute company is missing");
        let number = [("company", Value::Int(7))];
        assert_eq!(verdict(&by_company, &number), verdict(&by_company, &[("company", Value::Text("7"))]));
        let float = verdict(&by_company, &[("company", Value::Float(7.0))]);
        assert_eq!(float, "the attribute company is of the kind float where text or an integer is asked for");
    }

    #[test]
    fn a_rule_reads_what_it_wrote() {
        let rule = Rule::is_in("a", [1, 2])
            .and(!Rule::sem_ver("b", Operator::SameMinor, "v1.2"))
            .or(Rule::fractional_by("c", "s", 0.25).and(Rule::fractional("t", 0.5)))
            .or(Rule::starts_with("d", "x").and(Rule::ends_with("d", "y")).and(Rule::contains("d", "z")))
            .and(Rule::compare("e", Operator::GreaterOrEqual, 0.5));
        let text = serde_json::to_string(&rule).unwrap();
        assert_eq!(serde_json::from_str::<Rule>(&text).unwrap(), rule);
        assert!(text.contains(r#"{"sem_ver":{"attribute":"b","operator":"~","version":"v1.2"}}"#), "{text}");
    }
}
