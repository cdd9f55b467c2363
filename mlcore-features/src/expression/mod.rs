//! A small language for columns that are derived from others: `income / family_size`.
//!
//! An [`Expression`] is parsed once, checked against the types of the columns, and compiled into the program that a plan
//! runs, so that rows and tables have the same bits. It has no loops, reads nothing but its row, and its cost is bounded: a
//! text has at most 64 KiB, 4096 operations and operands, and 64 parts inside each other.
//!
//! # The language
//!
//! | what | how it is written | what it is for missing values |
//! |---|---|---|
//! | columns | `income`, `` `monthly income` `` | null and NaN are missing |
//! | numbers, texts | `1.5`, `2e-3`, `inf`, `"free"`, `'free'`, `true`, `false`, `null` | |
//! | arithmetic | `+ - * / % **`, `-x` | missing where one side is |
//! | comparison | `== != < <= > >=` of two numbers, texts or moments | missing where one side is |
//! | membership | `x in (1, 2)`, `plan not in ("free", "trial")` | missing where `x` is |
//! | logic | `and`, `or`, `not` | Kleene's: `false and null` is false, `true or null` is true, else missing |
//! | choice | `a if condition else b`, of numbers or of texts | `b` where the condition is missing |
//! | nulls | `is_null(x)`, `coalesce(a, b, ...)`, `fill_null(x, 0)` | never missing; the first that is present |
//! | functions | `abs`, `ceil`, `exp`, `floor`, `log`, `log1p`, `round` (ties to even), `round(x, 2)`, `sqrt` | missing |
//! | | `min(a, b, ...)`, `max(a, b, ...)` | of those that are present |
//! | | `clip(x, low, high)` | missing where `x` is; a missing bound bounds nothing |
//! | look-up | `lookup(plan, {"free": 0, "pro": 9.5}, -1)`, `lookup(n, {1: "one"}, "many")` | the default, or missing without one |
//! | texts | `length` in characters, `contains(x, "a")`, `starts_with`, `ends_with` | missing |
//! | | `lower`, `upper` (each character by itself), `trim`, `coalesce(x, "none")` | missing |
//! | parts of moments | `year(t)`, `month`, `day`, `day_of_week` from 0 for Monday, `hour`, and every [`DatetimeFeature`] by its name | missing |
//! | distances | `days_between(from, until)`, `hours_between`, `minutes_between`, `seconds_between`, with fractions | missing |
//!
//! A result is a number, a truth value or a text. A text that is chosen or looked up is the result: nothing reads it again
//! but a further choice.
//!
//! What binds tighter stands further up: `**`, then the sign, `* / %`, `+ -`, comparisons and `in`, `not`, `and`, `or`, and
//! the choice. Comparisons are not chained. A moment is compared with another, or with one that is written as ISO 8601 does:
//! `seen < "2024-02-29"`.
//!
//! # Numbers
//!
//! All numbers are `f64`, and nothing overflows but to infinity. Division by zero is that of IEEE 754: infinity, or missing for `0 / 0`. What has no number,
//! such as `log(-1)`, is missing too. `x % y` has the sign of `y`, as in Python. Truth values are 1 and 0 and count as
//! numbers; a number is no truth value. Integers past 2^53 are rounded as they are by every numeric step; one that is
//! written in the text is refused.
//!
//! Source: syntax as in Python; missing values, functions and their numbers as in polars, of which null is our missing value.

mod build;
mod choice;
mod compile;
mod evaluate;
mod moment;
mod onnx;
mod operation;
mod parse;
mod print;
mod text;
mod token;

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use mlcore::{Error, Result};
use serde::{Deserialize, Serialize};

pub use self::build::{Literal, Then, When, col, lit, when};
pub(crate) use self::compile::{Columns, Compiled, Read};
pub(crate) use self::evaluate::Evaluate;
pub(crate) use self::moment::{MomentQuestion, MomentSource};
use self::operation::Operation;
pub(crate) use self::text::SayText;
#[cfg(doc)]
use crate::transform::DatetimeFeature;

/// A formula over the columns of a row. The module tells the language.
///
/// ```
/// use mlcore_features::expression::{Expression, col};
///
/// let parsed = Expression::parse("log1p(income / family_size)")?;
/// assert_eq!(parsed, (col("income") / col("family_size")).log1p());
/// assert_eq!(parsed.to_string().parse::<Expression>()?, parsed);
///
/// let error = Expression::parse("income // 2").unwrap_err();
/// assert_eq!(
///     error.to_string(),
///     "parse expression line 1, character 9: a value is expected here; it stands at the mark: income /--> / 2"
/// );
/// # Ok::<(), mlcore::Error>(())
/// ```
#[derive(Clone, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Expression {
    operations: Vec<Operation>,
    /// The text as it was written.
    source: Option<Arc<Source>>,
}

#[derive(Debug)]
struct Source {
    text: String,
    /// The byte that each operation stands at.
    places: Vec<usize>,
}

impl Expression {
    /// Parses a text.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] for a text that is no expression, which tells the line and the character, and for one beyond the bounds.
    pub fn parse(text: &str) -> Result<Self> {
        match parse::parse(text) {
            Ok(parse::Parsed { operations, places }) => {
                let source = Some(Arc::new(Source { text: text.to_owned(), places }));
                Ok(Self { operations, source })
            }
            Err(fault) => Err(fault_at(PARSE, text, fault.at, &fault.problem)),
        }
    }

    /// The columns that it names, as often as it names them.
    pub(crate) fn columns(&self) -> impl Iterator<Item = &str> {
        self.operations.iter().filter_map(|operation| match operation {
            Operation::Column(name) => Some(&**name),
            _ => None,
        })
    }

    /// What it is for these columns.
    pub(crate) fn compile(&self, columns: &Columns<'_>) -> Result<Compiled> {
        let parsed = match &self.source {
            Some(source) => source.clone(),
            None => self.parsed()?,
        };
        compile::compile(&self.operations, columns).map_err(|misuse| {
            let at = parsed.places.get(misuse.operation).copied().unwrap_or(0);
            fault_at("check expression", &parsed.text, at, &misuse.problem)
        })
    }

    /// What is parsed from the text of what was built, which is thereby within the bounds.
    fn parsed(&self) -> Result<Arc<Source>> {
        if self.operations.len() > parse::MOST_OPERATIONS {
            let problem = format!("it has more than {} operations and operands", parse::MOST_OPERATIONS);
            return Err(Error::invalid_input(PARSE, "expression", problem));
        }
        let parsed = Self::parse(&self.to_string())?;
        match parsed.source {
            Some(source) if parsed.operations == self.operations => Ok(source),
            _ => Err(Error::internal(PARSE, "expression", "its text means something else")),
        }
    }
}

const PARSE: &str = "parse expression";

/// The error at this byte of the text.
fn fault_at(operation: &'static str, text: &str, at: usize, problem: &str) -> Error {
    let before = text.get(..at).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let begin = before.rfind('\n').map_or(0, |place| place + 1);
    let character = before.get(begin..).unwrap_or_default().chars().count() + 1;
    let own = text.get(begin..).and_then(|rest| rest.lines().next()).unwrap_or_default();
    let skipped = (character - 1).saturating_sub(AROUND);
    let left: String = own.chars().skip(skipped).take(character - 1 - skipped).collect();
    let right: String = own.chars().skip(character - 1).take(AROUND).collect();
    let cut = if skipped > 0 { "..." } else { "" };
    let more = if own.chars().nth(character - 1 + AROUND).is_some() { "..." } else { "" };
    let subject = format!("line {line}, character {character}");
    let shown = format!("{problem}; it stands at the mark: {cut}{left}--> {right}{more}");
    Error::invalid_input(operation, subject, shown)
}

/// How many characters of the line are shown on each side of what is wrong.
const AROUND: usize = 60;

impl PartialEq for Expression {
    /// Whether both compute the same in the same way, however they are written.
    fn eq(&self, other: &Self) -> bool {
        self.operations == other.operations
    }
}

impl fmt::Display for Expression {
    /// As a text that parses to the same expression, with no more parentheses than it needs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&print::print(&self.operations))
    }
}

impl fmt::Debug for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Expression").field(&self.to_string()).finish()
    }
}

impl FromStr for Expression {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Self::parse(text)
    }
}

impl TryFrom<String> for Expression {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        Self::parse(&text)
    }
}

impl From<Expression> for String {
    fn from(expression: Expression) -> Self {
        expression.to_string()
    }
}
