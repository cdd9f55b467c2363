//! Suites as TOML, which people edit.

use mlcore::{Error, Result};
use serde::Deserialize;
use toml::{Spanned, Table};

use super::{Expectation, Suite};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    name: String,
    #[serde(default)]
    expectations: Vec<Spanned<Table>>,
}

impl Suite {
    /// The suite as TOML: a table `[[expectations]]` for each.
    ///
    /// ```
    /// use mlcore_features::validate::{Check, Suite};
    ///
    /// let suite = Suite::new("orders").with(Check::ColumnValuesToNotBeNull { column: "id".into() });
    /// let text = suite.to_toml()?;
    /// assert_eq!(
    ///     text,
    ///     "name = \"orders\"\n\n[[expectations]]\nexpect = \"column_values_to_not_be_null\"\ncolumn = \"id\"\n"
    /// );
    /// assert_eq!(Suite::from_toml(&text)?, suite);
    /// # Ok::<(), mlcore::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Unsupported`] for an integer that TOML cannot write.
    pub fn to_toml(&self) -> Result<String> {
        let refused = |problem: String| {
            Error::unsupported("write suite", self.name(), problem).remedy("write it as JSON")
        };
        let json = serde_json::to_value(self).map_err(|cause| refused(cause.to_string()).caused_by(cause))?;
        // The writer takes it, and the reader does not.
        if let Some(large) = past_signed(&json) {
            return Err(refused(format!("TOML has no integer {large}")));
        }
        toml::to_string(self).map_err(|cause| refused(cause.to_string()).caused_by(cause))
    }

    /// Reads a suite from TOML, and [checks](Self::check) it.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] with the line and the column of what cannot be read, a field that nobody knows among it, or with
    /// the line of an expectation that cannot be meant.
    pub fn from_toml(text: &str) -> Result<Self> {
        let file: File = toml::from_str(text).map_err(|cause| {
            let place = cause.span().map_or_else(String::new, |span| place(text, span.start));
            invalid(format!("{place}{}", cause.message())).caused_by(cause)
        })?;
        let mut suite = Self::new(file.name);
        for (number, spanned) in file.expectations.into_iter().enumerate() {
            let start = spanned.span().start;
            let wrong = |problem: String| {
                invalid(format!("{}expectation {}: {problem}", place(text, start), number + 1))
            };
            let expectation: Expectation = spanned
                .into_inner()
                .try_into()
                .map_err(|cause: toml::de::Error| wrong(cause.message().to_owned()))?;
            let alone = Self::new("").with(expectation.clone());
            alone.check().map_err(|error| wrong(format!("{expectation}: {}", error.context().problem())))?;
            suite = suite.with(expectation);
        }
        Ok(suite)
    }
}

fn invalid(problem: String) -> Error {
    Error::invalid_input("read suite", "TOML", problem).remedy("correct the text at this place")
}

/// An integer past the largest signed one.
fn past_signed(value: &serde_json::Value) -> Option<u64> {
    match value {
        serde_json::Value::Number(number) if !number.is_i64() => number.as_u64(),
        serde_json::Value::Array(values) => values.iter().find_map(past_signed),
        serde_json::Value::Object(fields) => fields.values().find_map(past_signed),
        _ => None,
    }
}

/// `line 3, column 1: `, counted from 1.
fn place(text: &str, offset: usize) -> String {
    let before = text.get(..offset).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().map_or(0, |rest| rest.chars().count()) + 1;
    format!("line {line}, column {column}: ")
}
