//! The arguments of an expectation, from Great Expectations' names to the fields of a check.

use serde_json::{Map, Value as Json, json};

use super::condition;

/// Arguments that say how results are shown or where data lies, and nothing of what is expected.
const OF_NO_ACCOUNT: [&str; 6] =
    ["batch_id", "result_format", "include_config", "catch_exceptions", "windows", "unexpected_rows_query"];
/// Arguments of older versions that change what is meant, unless they are not set.
const CHANGES_THE_MEANING: [&str; 6] = [
    "parse_strings_as_datetimes",
    "auto",
    "profiler_config",
    "allow_cross_type_comparisons",
    "output_strftime_format",
    "min_max_as_timestamps",
];

/// The fields of the check, without its name.
pub(super) fn translated(name: &str, kwargs: Map<String, Json>) -> Result<Map<String, Json>, String> {
    let mut fields = Map::new();
    let mut bounds = Map::new();
    let has_bounds = name.ends_with("_to_be_between") && name != "column_quantile_values_to_be_between";
    let parser =
        kwargs.get("condition_parser").and_then(Json::as_str).unwrap_or("great_expectations").to_owned();
    for (key, value) in kwargs {
        if value.is_null() || OF_NO_ACCOUNT.contains(&key.as_str()) {
            continue;
        }
        if has_parameter(&value) {
            return Err(format!("{key} is a parameter of the suite, whose value is known when it is run"));
        }
        match key.as_str() {
            "min_value" | "max_value" | "strict_min" | "strict_max" if has_bounds => {
                bounds.insert(key, value);
            }
            "condition_parser" => {}
            "row_condition" => {
                fields.insert("where".to_owned(), condition::translated(&value, &parser)?);
            }
            "ignore_row_if" => {
                fields.insert(key, ignore(&value)?);
            }
            "match_on" => match value.as_str() {
                Some("any") => {}
                Some("all") => {
                    fields.insert("match_all".to_owned(), true.into());
                }
                _ => return Err(format!("match_on is {value}, and must be any or all")),
            },
            "quantile_ranges" => {
                fields.insert(key, quantiles(&value)?);
            }
            "allow_relative_error" => match value {
                Json::Bool(false) => {}
                Json::String(interpolation) => {
                    fields.insert("interpolation".to_owned(), interpolation.into());
                }
                other => return Err(format!("allow_relative_error is {other}, which only databases take")),
            },
            "type_" => {
                fields.insert(key, type_name(&value)?.into());
            }
            "type_list" => {
                let names = value.as_array().ok_or("type_list is no list")?;
                let names = names.iter().map(type_name).collect::<Result<Vec<_>, String>>()?;
                fields.insert(key, names.into());
            }
            // Great Expectations takes position 0 for none.
            "column_index" if value == json!(0) => {}
            "value" | "column_index" => {
                fields.insert(key, whole(value));
            }
            key if CHANGES_THE_MEANING.contains(&key) => {
                if value != Json::Bool(false) {
                    return Err(format!(
                        "{key} is {value}, which changes what is meant and has no equal here"
                    ));
                }
            }
            _ => {
                fields.insert(key, value);
            }
        }
    }
    if has_bounds {
        fields.insert("bounds".to_owned(), Json::Object(bounds));
    }
    Ok(fields)
}

fn has_parameter(value: &Json) -> bool {
    value.as_object().is_some_and(|fields| fields.contains_key("$PARAMETER"))
}

/// A number that counts something: Great Expectations writes 4 as 4.0.
fn whole(value: Json) -> Json {
    match value.as_f64() {
        Some(float) if value.is_f64() && float.fract() == 0.0 && (0.0..9e15).contains(&float) => {
            json!(float as u64)
        }
        _ => value,
    }
}

fn ignore(value: &Json) -> Result<Json, String> {
    let word = match value.as_str() {
        Some("both_values_are_missing" | "all_values_are_missing") => "all_values_are_missing",
        Some("either_value_is_missing" | "any_value_is_missing") => "any_value_is_missing",
        Some("neither" | "never") => "never",
        _ => return Err(format!("ignore_row_if is {value}, which is not known")),
    };
    Ok(word.into())
}

fn quantiles(value: &Json) -> Result<Json, String> {
    let list = |name: &str| value.get(name).and_then(Json::as_array);
    let (Some(quantiles), Some(ranges)) = (list("quantiles"), list("value_ranges")) else {
        return Err("quantile_ranges has no quantiles or no value_ranges".to_owned());
    };
    if quantiles.len() != ranges.len() {
        return Err(format!("{} quantiles have {} value_ranges", quantiles.len(), ranges.len()));
    }
    let range = |(quantile, range): (&Json, &Json)| match range.as_array().map(Vec::as_slice) {
        Some([min, max]) => {
            let mut fields = Map::new();
            fields.insert("quantile".to_owned(), quantile.clone());
            for (name, end) in [("min_value", min), ("max_value", max)] {
                if !end.is_null() {
                    fields.insert(name.to_owned(), end.clone());
                }
            }
            Ok(Json::Object(fields))
        }
        _ => Err(format!("{range} is no range of two ends")),
    };
    quantiles.iter().zip(ranges).map(range).collect::<Result<Vec<_>, String>>().map(Json::Array)
}

/// numpy's and pandas' names of types that mean one type here. Those of databases and of Spark mean what their engine makes of them.
fn type_name(value: &Json) -> Result<String, String> {
    let name = value.as_str().ok_or_else(|| format!("{value} is no name of a type"))?;
    let own = match name {
        "bool" | "bool_" | "boolean" => "bool",
        "int8" | "int16" | "int32" | "int64" | "uint8" | "uint16" | "uint32" | "uint64" | "float16"
        | "float32" | "float64" => name,
        "Int8Dtype" => "int8",
        "Int16Dtype" => "int16",
        "Int32Dtype" => "int32",
        "Int64Dtype" => "int64",
        "str" | "StringDtype" => "string",
        "datetime64[s]" => "timestamp[s]",
        "datetime64[ms]" => "timestamp[ms]",
        "datetime64[us]" => "timestamp[us]",
        "datetime64[ns]" => "timestamp[ns]",
        _ => return Err(format!("the type {name:?} is one of an engine of Great Expectations")),
    };
    Ok(own.to_owned())
}
