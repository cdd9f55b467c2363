//! Labels as metrics compare them, and which of two is the positive one.

use std::fmt;

use arrow_cast::cast;
use mlcore::arrow::array::{Array, ArrayRef, AsArray};
use mlcore::arrow::datatypes::{DataType, Float64Type, Int64Type, UInt64Type};
use mlcore::interrupt;
use pyo3::prelude::*;
use pyo3::types::PyList;

use crate::door::{self, Asked, described};
use crate::error::{detached, invalid, watched, wrong_type};

/// A label as it is compared: 1, 1.0 and True are one label, as in Python. Text is never a number.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Label {
    Number(i128),
    Text(String),
}

impl Label {
    fn kind(&self) -> &'static str {
        match self {
            Self::Number(_) => "numbers",
            Self::Text(_) => "text",
        }
    }
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::Text(text) => write!(f, "{text:?}"),
        }
    }
}

pub(super) fn labels(object: &Bound<'_, PyAny>, asked: Asked) -> PyResult<Vec<Label>> {
    let py = object.py();
    let array = door::column(object, asked)?;
    let broken = |problem: String| {
        wrong_type(py, asked.operation, asked.subject, problem, "pass labels: integers, bools or text")
    };
    let converted = |to: &DataType| cast(&array, to).map_err(|cause| broken(cause.to_string()));
    let missing = |row: usize| {
        let problem = format!("row {row} has no label");
        invalid(py, asked.operation, asked.subject, problem, "leave rows without a label out")
    };
    if is_text(&array) {
        let texts = converted(&DataType::Utf8)?;
        let texts = texts.as_string::<i32>().iter().enumerate();
        let label = |(row, text): (usize, Option<&str>)| {
            text.map(|text| Label::Text(text.to_owned())).ok_or_else(|| missing(row))
        };
        return watched(py, texts.map(label)).collect();
    }
    if array.data_type().is_floating() {
        let floats = converted(&DataType::Float64)?;
        let floats = floats.as_primitive::<Float64Type>().values().iter().enumerate();
        let label = |(row, value): (usize, &f64)| match *value {
            value if value.is_nan() => Err(missing(row)),
            value if value.fract() == 0.0 && value.abs() < 9.0e15 => Ok(Label::Number(value as i128)),
            value => Err(broken(format!("row {row} holds {value}, which is no label"))),
        };
        return watched(py, floats.map(label)).collect();
    }
    if !array.data_type().is_integer() && *array.data_type() != DataType::Boolean {
        return Err(broken(format!("labels are expected, and it holds {}", described(array.data_type()))));
    }
    let number = |(row, value): (usize, Option<i128>)| value.map(Label::Number).ok_or_else(|| missing(row));
    if *array.data_type() == DataType::UInt64 {
        let integers = array.as_primitive::<UInt64Type>().iter().map(|value| value.map(i128::from));
        return watched(py, integers.enumerate().map(number)).collect();
    }
    let integers = converted(&DataType::Int64)?;
    let integers = integers.as_primitive::<Int64Type>().iter().map(|value| value.map(i128::from));
    watched(py, integers.enumerate().map(number)).collect()
}

fn is_text(array: &ArrayRef) -> bool {
    let is_text =
        |dtype: &DataType| matches!(dtype, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View);
    match array.data_type() {
        DataType::Dictionary(_, values) => is_text(values),
        other => is_text(other),
    }
}

pub(super) fn one_label(object: &Bound<'_, PyAny>, operation: &'static str) -> PyResult<Label> {
    let list = PyList::new(object.py(), [object])?;
    let found = labels(list.as_any(), Asked { operation, subject: "pos_label" })?;
    found.into_iter().next().ok_or_else(|| {
        invalid(object.py(), operation, "pos_label", "it is missing", "pass the label of the positive rows")
    })
}

/// Refuses labels of which some are text and some are numbers: no row of the one would ever equal one of the other.
pub(super) fn require_one_kind(
    py: Python<'_>,
    operation: &'static str,
    arguments: &[(&str, &[Label])],
) -> PyResult<()> {
    let mut kinds = arguments.iter().filter_map(|(name, labels)| Some((name, labels.first()?.kind())));
    let Some((first, kind)) = kinds.next() else { return Ok(()) };
    match kinds.find(|(_, other)| *other != kind) {
        None => Ok(()),
        Some((name, other)) => {
            let problem = format!("it holds {other}, and {first} holds {kind}");
            let remedy = "pass labels of one kind: the text \"1\" is not the number 1";
            Err(invalid(py, operation, name, problem, remedy))
        }
    }
}

/// The distinct labels, sorted.
pub(super) fn distinct<'a>(
    py: Python<'_>,
    operation: &'static str,
    labels: &'a [Label],
) -> PyResult<Vec<&'a Label>> {
    detached(py, || {
        let mut distinct: Vec<&Label> = labels.iter().collect();
        interrupt::sort_unstable_by(&mut distinct, |a, b| a.cmp(b));
        interrupt::check(operation)?;
        distinct.dedup();
        Ok(distinct)
    })
}

/// Which of two labels is the positive one, as scikit-learn has it for each metric.
#[derive(Debug, Clone)]
pub(super) enum Positive {
    /// This one, which must be among the labels where there are two.
    Given(Label),
    /// The greater of two. A single one says nothing of the other, but that 1 is positive among 0 or -1 and 1.
    Greater,
    /// 1 among 0 or -1 and 1, else the greater number; text must be given.
    Customary,
}

/// Which rows are positive.
pub(super) fn positives(
    py: Python<'_>,
    operation: &'static str,
    labels: &[Label],
    positive: &Positive,
) -> PyResult<Vec<bool>> {
    let found = distinct(py, operation, labels)?;
    let refused =
        |subject: &str, problem: String, remedy: &str| Err(invalid(py, operation, subject, problem, remedy));
    let shown = || found.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    if found.len() > 2 {
        return refused("y_true", format!("there are more than two labels: {} of them", found.len()), TWO);
    }
    let is_customary = found.iter().all(|label| matches!(label, Label::Number(-1..=1)));
    let one = Label::Number(1);
    let positive = match (positive, found.as_slice()) {
        (Positive::Given(label), all) => {
            let is_other = all.iter().any(|other| other.kind() != label.kind());
            if is_other || (all.len() == 2 && !all.contains(&label)) {
                return refused(
                    "pos_label",
                    format!("{label} is none of the labels, which are {}", shown()),
                    PASS,
                );
            }
            label
        }
        (_, []) => &one,
        (Positive::Greater, [_, greater]) => *greater,
        (Positive::Greater, [_]) if is_customary => &one,
        (Positive::Greater, [single]) => {
            let problem = format!("the only label is {single}, which may be either of the two");
            return refused("pos_label", problem, PASS);
        }
        (Positive::Customary, [Label::Text(_), ..]) => {
            return refused("pos_label", format!("the labels are text: {}", shown()), PASS);
        }
        (Positive::Customary, all) if is_customary && (all.len() == 1 || all.contains(&&one)) => &one,
        (Positive::Customary, [.., greatest]) => *greatest,
        // More than two were refused.
        (Positive::Greater, [..]) => &one,
    };
    Ok(labels.iter().map(|label| label == positive).collect())
}

const PASS: &str = "pass the label of the positive rows";
const TWO: &str = "pass labels of two classes";
