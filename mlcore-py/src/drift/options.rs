//! The options of monitors and reports: keywords and plain values, as a configuration file has them.

use mlcore_drift::monitor::MonitorOptions;
use mlcore_drift::report::ReportOptions;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PyFloat, PyInt, PyList, PyMapping, PyString, PyTuple};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::drift_test::DriftTest;
use super::table_test::TableTest;
use crate::door::{is_of, type_name};
use crate::error::{invalid, wrong_type};

/// The options of a monitor.
pub(super) fn of_monitor(keywords: Option<&Bound<'_, PyDict>>) -> PyResult<MonitorOptions> {
    let Some(keywords) = keywords else { return Ok(MonitorOptions::default()) };
    read("make monitor", keywords, &given("make monitor", keywords)?)
}

/// The options of a report: of the page, and of a monitor that judges both tables.
pub(super) fn of_report(keywords: Option<&Bound<'_, PyDict>>) -> PyResult<ReportOptions> {
    const OPERATION: &str = "make report";
    let Some(keywords) = keywords else { return Ok(ReportOptions::default()) };
    let is_of_page = |name: &str, value: &Value| {
        let alone = Map::from_iter([(name.to_owned(), value.clone())]);
        name != "monitor"
            && !serde_json::from_value::<ReportOptions>(Value::Object(alone))
                .is_err_and(|error| error.to_string().starts_with(UNKNOWN))
    };
    let (page, monitor): (Map<String, Value>, Map<String, Value>) =
        given(OPERATION, keywords)?.into_iter().partition(|(name, value)| is_of_page(name, value));
    let page: ReportOptions = read(OPERATION, keywords, &page)?;
    let max_exact_n = page.monitor.max_exact_n;
    let names_exact_n = monitor.contains_key("max_exact_n");
    let mut judged: MonitorOptions = read(OPERATION, keywords, &monitor)?;
    if !names_exact_n {
        judged.max_exact_n = max_exact_n;
    }
    Ok(page.with_monitor(judged))
}

/// The keywords that are not `None`, as plain values.
fn given(operation: &'static str, keywords: &Bound<'_, PyDict>) -> PyResult<Map<String, Value>> {
    let named = keywords.iter().filter(|(_, value)| !value.is_none());
    named
        .map(|(name, value)| {
            let name: String = name.extract()?;
            let value = as_json(operation, &name, &value)?;
            Ok((name, value))
        })
        .collect()
}

/// A Python value as a configuration file has it: tests by name and options, whatever else as it is.
pub(super) fn as_json(operation: &'static str, subject: &str, value: &Bound<'_, PyAny>) -> PyResult<Value> {
    let py = value.py();
    if value.is_none() {
        return Ok(Value::Null);
    }
    let spec = if let Ok(test) = value.cast::<DriftTest>() {
        Some(serde_json::to_value(test.get().spec()))
    } else if let Ok(test) = value.cast::<TableTest>() {
        Some(serde_json::to_value(test.get().spec()))
    } else {
        None
    };
    if let Some(spec) = spec {
        return spec
            .map_err(|cause| invalid(py, operation, subject, cause.to_string(), "report this to mlcore"));
    }
    if let Ok(flag) = value.cast::<PyBool>() {
        return Ok(flag.is_true().into());
    }
    if value.is_instance_of::<PyInt>() {
        return match value.extract::<i64>() {
            Ok(int) => Ok(int.into()),
            Err(_) => value.extract::<u64>().map(Into::into).map_err(|_| {
                invalid(py, operation, subject, "it is beyond 64 bits", "pass a smaller integer")
            }),
        };
    }
    if value.is_instance_of::<PyFloat>() {
        let number = serde_json::Number::from_f64(value.extract()?);
        return number
            .map(Value::Number)
            .ok_or_else(|| invalid(py, operation, subject, "it is NaN or infinite", "pass a finite number"));
    }
    if value.is_instance_of::<PyString>() {
        return value.extract::<String>().map(Value::String);
    }
    if let Ok(mapping) = value.cast::<PyMapping>() {
        let items = mapping.items()?.into_iter().map(|item| {
            let (name, value): (String, Bound<'_, PyAny>) = item.extract()?;
            let value = as_json(operation, &name, &value)?;
            Ok((name, value))
        });
        return items.collect::<PyResult<Map<String, Value>>>().map(Value::Object);
    }
    if value.is_instance_of::<PyList>() || value.is_instance_of::<PyTuple>() {
        let items = value.try_iter()?.map(|item| as_json(operation, subject, &item?));
        return items.collect::<PyResult<Vec<Value>>>().map(Value::Array);
    }
    if is_of(value, "numpy", &["generic", "ndarray"]) || is_of(value, "pandas", &["Index"]) {
        return as_json(operation, subject, &value.call_method0("tolist")?);
    }
    let problem = format!("a plain value or a test is expected, and it is a {}", type_name(value));
    Err(wrong_type(py, operation, subject, problem, "pass a str, a number, a list, a dict or a test"))
}

/// The options that are named; an error says which of them is to blame.
fn read<T: DeserializeOwned>(
    operation: &'static str,
    keywords: &Bound<'_, PyDict>,
    named: &Map<String, Value>,
) -> PyResult<T> {
    let of = |named: Map<String, Value>| serde_json::from_value::<T>(Value::Object(named));
    of(named.clone()).map_err(|whole| {
        let alone = |(name, value): (&String, &Value)| {
            let error = of(Map::from_iter([(name.clone(), value.clone())])).err()?;
            Some((name.clone(), error))
        };
        let (name, error) = named.iter().find_map(alone).unwrap_or_else(|| ("options".to_owned(), whole));
        let problem = error.to_string();
        let problem = problem.strip_prefix(&format!("{name}: ")).unwrap_or(&problem);
        refused(operation, keywords, &name, problem)
    })
}

fn refused(operation: &'static str, keywords: &Bound<'_, PyDict>, name: &str, problem: &str) -> PyErr {
    let py = keywords.py();
    if let Some((_, expected)) =
        problem.split_once("invalid type: ").and_then(|(_, of)| of.split_once(", expected "))
    {
        let expected = match expected {
            "f64" => "a number",
            "usize" | "u64" => "a positive integer",
            "a string" => "a str",
            "a sequence" => "a list of names",
            "a map" => "a dict",
            other => other,
        };
        let kind = keywords.get_item(name).ok().flatten().map_or_else(String::new, |value| type_name(&value));
        let remedy = format!("pass {expected}");
        return wrong_type(
            py,
            operation,
            name,
            format!("{expected} is expected, and it is a {kind}"),
            &remedy,
        );
    }
    let unknown = problem.strip_prefix(UNKNOWN).and_then(|rest| rest.split_once(", expected one of "));
    match unknown {
        Some((option, known)) => {
            let problem = format!("no option is called {}", option.trim().trim_matches('`'));
            invalid(py, operation, name, problem, &format!("use one of {}", known.replace('`', "")))
        }
        None => invalid(py, operation, name, problem, "see the options in the documentation"),
    }
}

/// How serde begins its answer to a name that a type does not have.
const UNKNOWN: &str = "unknown field";
