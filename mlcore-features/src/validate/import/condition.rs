//! Row conditions of Great Expectations.

use serde_json::{Map, Value as Json, json};

/// The clauses of a row condition.
pub(super) fn translated(value: &Json, parser: &str) -> Result<Json, String> {
    let mut clauses = Vec::new();
    match value {
        Json::String(text) if parser == "great_expectations" => clauses.push(parsed(text)?),
        Json::String(_) => return Err(format!("its row_condition is in the language of {parser}")),
        Json::Object(fields) => collect(fields, &mut clauses)?,
        other => return Err(format!("its row_condition is {other}")),
    }
    Ok(Json::Array(clauses))
}

fn collect(fields: &Map<String, Json>, clauses: &mut Vec<Json>) -> Result<(), String> {
    let column = || {
        let name = fields.get("column").and_then(|column| column.get("name")).and_then(Json::as_str);
        name.ok_or_else(|| "its row_condition names no column".to_owned())
    };
    match fields.get("type").and_then(Json::as_str) {
        Some("and") => {
            let parts =
                fields.get("conditions").and_then(Json::as_array).ok_or("its row_condition has no parts")?;
            for part in parts {
                collect(part.as_object().ok_or("a part of its row_condition is no object")?, clauses)?;
            }
        }
        Some("nullity") => {
            let is_null =
                fields.get("is_null").and_then(Json::as_bool).ok_or("its row_condition has no is_null")?;
            clauses.push(json!({"column": column()?, "is": if is_null { "null" } else { "not null" }}));
        }
        Some("comparison") => {
            let operator = match fields.get("operator").and_then(Json::as_str) {
                Some("IN") => "in",
                Some("NOT_IN") => "not in",
                Some(operator) => operator,
                None => return Err("its row_condition has no operator".to_owned()),
            };
            let values = match fields.get("parameter") {
                Some(Json::Array(values)) => values.clone(),
                Some(value) if !value.is_null() && !value.is_object() => vec![value.clone()],
                _ => return Err("its row_condition compares with no plain value".to_owned()),
            };
            clauses.push(json!({"column": column()?, "is": operator, "values": values}));
        }
        Some("or") => {
            return Err("its row_condition has an or; write an expectation for each side".to_owned());
        }
        other => return Err(format!("its row_condition is of the type {}", other.unwrap_or("unknown"))),
    }
    Ok(())
}

/// `col("age") >= 18` and `col("age").notnull()`, the language of Great Expectations.
fn parsed(text: &str) -> Result<Json, String> {
    let unknown = || format!("its row_condition {text:?} cannot be read");
    let rest = text.trim().strip_prefix("col(\"").ok_or_else(unknown)?;
    let (column, rest) = rest.split_once("\")").ok_or_else(unknown)?;
    let rest = rest.trim();
    if rest.eq_ignore_ascii_case(".notnull()") {
        return Ok(json!({"column": column, "is": "not null"}));
    }
    let operators = ["==", "!=", "<=", ">=", "<", ">"];
    let found =
        operators.into_iter().find_map(|operator| Some((operator, rest.strip_prefix(operator)?.trim())));
    let (operator, value) = found.ok_or_else(unknown)?;
    let quoted = ['"', '\''].into_iter().find_map(|quote| value.strip_prefix(quote)?.strip_suffix(quote));
    let value = match quoted {
        Some(text) => Json::from(text),
        None => {
            let number: Json = serde_json::from_str(value.trim_start_matches('+')).map_err(|_| unknown())?;
            if !number.is_number() {
                return Err(unknown());
            }
            number
        }
    };
    Ok(json!({"column": column, "is": operator, "values": [value]}))
}
