//! Suites of Great Expectations 1.x, as far as they mean the same here.

mod arguments;
mod condition;
mod refusal;

use mlcore::{Error, Result};
use serde_json::{Map, Value as Json};

use super::{Expectation, Suite};

/// What became of a suite of Great Expectations.
#[non_exhaustive]
#[derive(Clone, PartialEq, Debug)]
pub struct Imported {
    /// The expectations that mean the same here.
    pub suite: Suite,
    /// Those that do not, each with the reason; nothing is dropped in silence.
    pub refused: Vec<Refused>,
}

/// An expectation of Great Expectations that was not taken over.
#[non_exhaustive]
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Refused {
    /// Its place in the suite, counted from 0.
    pub place: usize,
    /// Great Expectations' name of it.
    pub name: String,
    /// Why it was not taken over.
    pub reason: String,
}

impl Suite {
    /// Takes over a suite that Great Expectations 1.x has written as JSON; the keys of 0.x are understood, too.
    ///
    /// ```
    /// use mlcore_features::validate::Suite;
    ///
    /// let imported = Suite::from_great_expectations(
    ///     r#"{"name": "orders", "expectations": [
    ///         {"type": "expect_column_values_to_be_between", "kwargs": {"column": "price", "min_value": 0, "mostly": 0.9}},
    ///         {"type": "expect_column_values_to_match_json_schema", "kwargs": {"column": "raw", "json_schema": {}}}
    ///     ]}"#,
    /// )?;
    /// assert_eq!(imported.suite.expectations().len(), 1);
    /// assert_eq!(imported.refused[0].name, "expect_column_values_to_match_json_schema");
    /// # Ok::<(), mlcore::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::InvalidInput`] for text that is no suite of Great Expectations.
    pub fn from_great_expectations(json: &str) -> Result<Imported> {
        let invalid = |problem: String| {
            Error::invalid_input("import suite", "JSON", problem)
                .remedy("pass a suite as Great Expectations stores it")
        };
        let mut whole: Map<String, Json> =
            serde_json::from_str(json).map_err(|cause| invalid(cause.to_string()))?;
        let name = match whole.remove("name").or_else(|| whole.remove("expectation_suite_name")) {
            Some(Json::String(name)) => name,
            _ => return Err(invalid("it has no name".to_owned())),
        };
        let Some(Json::Array(expectations)) = whole.remove("expectations") else {
            return Err(invalid("it has no list of expectations".to_owned()));
        };
        let (mut suite, mut refused) = (Self::new(name), Vec::new());
        for (place, written) in expectations.into_iter().enumerate() {
            let Json::Object(written) = written else {
                return Err(invalid(format!("expectation {} is no object", place + 1)));
            };
            let kind = written.get("type").or_else(|| written.get("expectation_type")).and_then(Json::as_str);
            let name = kind.unwrap_or("?").to_owned();
            match expectation(&name, written) {
                Ok(expectation) => suite = suite.with(expectation),
                Err(reason) => refused.push(Refused { place, name, reason }),
            }
        }
        Ok(Imported { suite, refused })
    }
}

/// One expectation, or why it is not taken over.
fn expectation(name: &str, mut written: Map<String, Json>) -> Result<Expectation, String> {
    if name == "unexpected_rows_expectation" {
        return Err(refusal::why(name).to_owned());
    }
    let short = name.strip_prefix("expect_").ok_or("it has no name that begins with expect_")?;
    let kwargs = match written.remove("kwargs") {
        Some(Json::Object(kwargs)) => kwargs,
        None | Some(Json::Null) => Map::new(),
        Some(_) => return Err("its kwargs are no object".to_owned()),
    };
    let mut fields = arguments::translated(short, kwargs)?;
    fields.insert("expect".to_owned(), short.into());
    if let Some(severity) = written.remove("severity").filter(|severity| !severity.is_null()) {
        fields.insert("severity".to_owned(), severity);
    }
    let notes =
        [written.remove("description"), written.remove("notes")].into_iter().flatten().filter_map(told);
    let notes: Vec<String> = notes.collect();
    if !notes.is_empty() {
        fields.insert("notes".to_owned(), notes.join(" ").into());
    }
    let expectation: Expectation = serde_json::from_value(Json::Object(fields)).map_err(|cause| {
        let problem = cause.to_string();
        // That of a name lists all that there are.
        if problem.starts_with("unknown variant") { refusal::why(short).to_owned() } else { problem }
    })?;
    match Suite::new("").with(expectation.clone()).check() {
        Ok(()) => Ok(expectation),
        Err(error) => Err(error.context().problem().to_owned()),
    }
}

/// Notes, which are a text or several.
fn told(notes: Json) -> Option<String> {
    match notes {
        Json::String(text) if !text.is_empty() => Some(text),
        Json::Array(texts) => {
            let texts: Vec<&str> = texts.iter().filter_map(Json::as_str).collect();
            (!texts.is_empty()).then(|| texts.join(" "))
        }
        _ => None,
    }
}
