//! A data frame: columns by name, and cells that get a type once it is known what takes them.

use std::borrow::Cow;
use std::collections::BTreeSet;

use mlcore::schema::DType;
use mlcore::{Error, Result};
use serde_json::Value;

use super::READ;
use crate::v2::shortened;

/// Rows of cells under names, each row as wide as the names.
#[derive(Debug)]
pub(super) struct Frame<'b> {
    pub(super) columns: Vec<String>,
    pub(super) rows: Vec<Vec<Cell<'b>>>,
}

/// A cell.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum Cell<'b> {
    /// Its JSON.
    Json(&'b str),
    /// A text without a type.
    Csv(Cow<'b, str>),
}

impl<'b> Frame<'b> {
    pub(super) fn new(columns: Vec<String>, rows: Vec<Vec<Cell<'b>>>) -> Result<Self> {
        let mut known = BTreeSet::new();
        if let Some(twice) = columns.iter().find(|name| !known.insert(name.as_str())) {
            let problem = format!("it has the column {} twice", shortened(twice));
            return Err(Error::invalid_input(READ, "data frame", problem));
        }
        Ok(Self { columns, rows })
    }

    /// The place of a column.
    pub(super) fn position(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|own| own == name)
    }

    /// The cells of a column, as JSON for values of this type.
    pub(super) fn column(&self, place: usize, dtype: DType) -> Vec<Cow<'_, str>> {
        self.rows.iter().filter_map(|row| row.get(place)).map(|cell| cell.json(dtype)).collect()
    }

    /// These columns in this order; others are left away.
    pub(super) fn in_order(self, names: &[String]) -> Result<Self> {
        if self.columns == names {
            return Ok(self);
        }
        let places = names.iter().map(|name| {
            self.position(name).ok_or_else(|| {
                let problem = format!("it lacks the column {}", shortened(name));
                Error::schema_mismatch(READ, "data frame", problem)
                    .remedy(format!("send the columns {}", names.join(", ")))
            })
        });
        let places: Vec<usize> = places.collect::<Result<_>>()?;
        let chosen = |row: Vec<Cell<'b>>| -> Vec<Cell<'b>> {
            places.iter().filter_map(|place| row.get(*place).cloned()).collect()
        };
        Ok(Self { columns: names.to_vec(), rows: self.rows.into_iter().map(chosen).collect() })
    }
}

impl Cell<'_> {
    /// The cell as JSON for a value of this type, as pandas would read it.
    pub(super) fn json(&self, dtype: DType) -> Cow<'_, str> {
        match self {
            Self::Json(json) => Cow::Borrowed(json),
            Self::Csv(text) => Cow::Owned(typed(text, dtype)),
        }
    }
}

/// A text of CSV as JSON.
fn typed(text: &str, dtype: DType) -> String {
    if MISSING.contains(&text.trim()) {
        return "null".to_owned();
    }
    let bare = text.trim();
    if dtype == DType::Bool || dtype.is_numeric() {
        match bare {
            "True" | "true" | "TRUE" => return "true".to_owned(),
            "False" | "false" | "FALSE" => return "false".to_owned(),
            _ => {}
        }
        if let Ok(number) = bare.parse::<i128>() {
            return number.to_string();
        }
        if let Ok(number) = bare.parse::<f64>() {
            return match number.is_finite() {
                true => format!("{number:?}"),
                false => format!("\"{}Infinity\"", if number < 0.0 { "-" } else { "" }),
            };
        }
    }
    // What is no number is told where it was to be one.
    Value::from(text).to_string()
}

/// What pandas reads as missing.
const MISSING: [&str; 18] = [
    "", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN", "<NA>", "N/A",
    "NA", "NULL", "NaN", "None", "n/a", "nan",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_of_csv_become_what_their_column_holds() {
        for (text, dtype, json) in [
            ("1", DType::Float32, "1"),
            (" 1.50 ", DType::Float64, "1.5"),
            ("1e3", DType::Float64, "1000.0"),
            ("-inf", DType::Float64, "\"-Infinity\""),
            ("", DType::Float64, "null"),
            ("NaN", DType::String, "null"),
            ("True", DType::Bool, "true"),
            ("007", DType::String, "\"007\""),
            ("a \"b\"", DType::String, r#""a \"b\"""#),
            ("many", DType::Int64, "\"many\""),
            ("18446744073709551615", DType::UInt64, "18446744073709551615"),
        ] {
            assert_eq!(typed(text, dtype), json, "{text:?}");
        }
    }
}
