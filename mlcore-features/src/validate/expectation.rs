//! One expectation: what is expected, of which rows, how strictly.

use std::fmt;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value as Json};

use super::{Bounds, Check, Condition};

/// How bad it is when an expectation is not met.
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub enum Severity {
    /// To be known.
    Info,
    /// To be looked at.
    Warning,
    /// Not to be used.
    #[default]
    Critical,
}
mlcore::words! { Severity, "severity": Info = "info", Warning = "warning", Critical = "critical" }

/// A [`Check`] with the share of rows that must pass, a severity, and the rows that are looked at.
///
/// ```
/// use mlcore_features::validate::{Bounds, Check, Condition, Expectation, Operator, Severity};
///
/// let expectation = Expectation::new(Check::ColumnValuesToBeBetween { column: "age".into(), bounds: (0..=120).into() })
///     .with_mostly(0.99)
///     .with_severity(Severity::Warning)
///     .with_condition(Condition::new("kind", Operator::Equal, ["person"]));
/// assert_eq!(
///     expectation.to_string(),
///     r#"column_values_to_be_between(age, at least 0 and at most 120), mostly 0.99, where kind == "person""#
/// );
/// # let _ = Bounds::default();
/// ```
#[non_exhaustive]
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Expectation {
    /// What is expected.
    #[serde(flatten)]
    pub check: Check,
    /// The share of the rows looked at that must pass: not missing ones, but for the checks of missing values. 1 by default, and
    /// of no account for what the table as a whole is asked.
    #[serde(skip_serializing_if = "is_one")]
    pub mostly: f64,
    /// How bad it is when it is not met.
    #[serde(skip_serializing_if = "is_critical")]
    pub severity: Severity,
    /// Why it is expected, for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub notes: Option<String>,
    /// The rows that are looked at; all of them when empty.
    #[serde(rename = "where", skip_serializing_if = "Condition::is_empty")]
    pub condition: Condition,
}

fn is_one(mostly: &f64) -> bool {
    *mostly == 1.0
}

fn is_critical(severity: &Severity) -> bool {
    *severity == Severity::Critical
}

impl Expectation {
    /// An expectation of all rows, critical.
    #[must_use]
    pub fn new(check: Check) -> Self {
        Self {
            check,
            mostly: 1.0,
            severity: Severity::Critical,
            condition: Condition::default(),
            notes: None,
        }
    }

    /// Lets the rest of the rows fail.
    #[must_use]
    pub fn with_mostly(mut self, mostly: f64) -> Self {
        self.mostly = mostly;
        self
    }

    /// Says how bad it is when it is not met.
    #[must_use]
    pub fn with_severity(mut self, severity: Severity) -> Self {
        self.severity = severity;
        self
    }

    /// Looks at these rows alone.
    #[must_use]
    pub fn with_condition(mut self, condition: Condition) -> Self {
        self.condition = condition;
        self
    }

    /// Says why it is expected.
    #[must_use]
    pub fn with_notes(mut self, notes: impl Into<String>) -> Self {
        self.notes = Some(notes.into());
        self
    }

    /// Great Expectations' name of the check, without `expect_`.
    #[must_use]
    pub fn name(&self) -> String {
        match self.fields().get("expect") {
            Some(Json::String(name)) => name.clone(),
            _ => String::new(),
        }
    }

    /// The columns that it is about, as it names them; those of a condition are not among them.
    #[must_use]
    pub fn columns(&self) -> Vec<String> {
        let fields = self.fields();
        let listed = fields.get("column_list").and_then(Json::as_array).into_iter().flatten();
        ["column", "column_a", "column_b"]
            .into_iter()
            .filter_map(|name| fields.get(name))
            .chain(listed)
            .filter_map(|name| name.as_str().map(str::to_owned))
            .collect()
    }

    /// The check as an object.
    fn fields(&self) -> Map<String, Json> {
        match serde_json::to_value(&self.check) {
            Ok(Json::Object(fields)) => fields,
            _ => Map::new(),
        }
    }

    /// The parameters beside the columns, as a sentence names them.
    fn parameters(&self) -> Vec<String> {
        let mut shown = Vec::new();
        for (name, value) in self.fields() {
            match (name.as_str(), value) {
                ("expect" | "column" | "column_a" | "column_b" | "column_list" | "ignore_row_if", _) => {}
                ("bounds", value) => {
                    shown.extend(serde_json::from_value::<Bounds>(value).map(|bounds| bounds.to_string()));
                }
                (_, Json::Array(values)) if values.len() > MOST_SHOWN => {
                    let first: Vec<String> =
                        values.iter().take(MOST_SHOWN).map(ToString::to_string).collect();
                    shown.push(format!("{name} [{}, ... {} in all]", first.join(","), values.len()));
                }
                (name, value) => shown.push(format!("{name} {value}")),
            }
        }
        shown
    }
}

/// So many values of a list are shown.
const MOST_SHOWN: usize = 12;

impl From<Check> for Expectation {
    fn from(check: Check) -> Self {
        Self::new(check)
    }
}

impl fmt::Display for Expectation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut inside = self.columns();
        inside.extend(self.parameters());
        write!(f, "{}({})", self.name(), inside.join(", "))?;
        if self.mostly < 1.0 {
            write!(f, ", mostly {}", self.mostly)?;
        }
        if !self.condition.is_empty() {
            write!(f, ", where {}", self.condition)?;
        }
        Ok(())
    }
}

/// What an expectation has beside its check.
#[derive(Deserialize)]
struct Rest {
    #[serde(default = "one")]
    mostly: f64,
    #[serde(default)]
    severity: Severity,
    #[serde(default, rename = "where")]
    condition: Condition,
    #[serde(default)]
    notes: Option<String>,
}

const fn one() -> f64 {
    1.0
}

impl<'de> Deserialize<'de> for Expectation {
    /// Fields that nobody knows are refused: a misspelt `mostly` must not be taken for none.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut fields = Map::<String, Json>::deserialize(deserializer)?;
        let mut rest = Map::new();
        for name in ["mostly", "severity", "where", "notes"] {
            if let Some(value) = fields.remove(name) {
                rest.insert(name.to_owned(), value);
            }
        }
        if let Some(Json::String(name)) = fields.get_mut("expect")
            && let Some(short) = name.strip_prefix("expect_")
        {
            *name = short.to_owned();
        }
        let rest: Rest = serde_json::from_value(Json::Object(rest)).map_err(D::Error::custom)?;
        let check: Check = serde_json::from_value(Json::Object(fields)).map_err(D::Error::custom)?;
        let Rest { mostly, severity, condition, notes } = rest;
        Ok(Self { check, mostly, severity, condition, notes })
    }
}
