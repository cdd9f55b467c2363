//! `mlcore.metrics`: how good a model is, with scikit-learn's names and numbers.

use mlcore::arrow::array::{Array, AsArray};
use mlcore::arrow::compute::cast;
use mlcore::arrow::datatypes::{DataType, Float64Type, Int64Type};
use mlcore::evaluate::{self, ZeroDivision};
use numpy::{PyArray2, ToPyArray};
use pyo3::prelude::*;

use crate::door::{self, Asked, Numbers, described};
use crate::error::{detached, entry, invalid, raise, wrong_type};
use crate::stats::unknown;

/// A label as it is compared: 1, 1.0 and True are one label, as in Python.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Label {
    Number(i64),
    Text(String),
}

fn labels(object: &Bound<'_, PyAny>, asked: Asked) -> PyResult<Vec<Label>> {
    let py = object.py();
    let array = door::column(object, asked)?;
    let broken = |problem: String| {
        wrong_type(py, asked.operation, asked.subject, problem, "pass labels: integers, bools or text")
    };
    let converted = |to: &DataType| cast(&array, to).map_err(|cause| broken(cause.to_string()));
    let text = match array.data_type() {
        DataType::Dictionary(_, values) => {
            matches!(**values, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View)
        }
        other => matches!(other, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View),
    };
    let missing = |row: usize| {
        let problem = format!("row {row} has no label");
        invalid(py, asked.operation, asked.subject, problem, "leave rows without a label out")
    };
    if text {
        let texts = converted(&DataType::Utf8)?;
        let texts = texts.as_string::<i32>().iter().enumerate();
        return texts
            .map(|(row, text)| text.map(|text| Label::Text(text.to_owned())).ok_or_else(|| missing(row)))
            .collect();
    }
    if array.data_type().is_floating() {
        let floats = converted(&DataType::Float64)?;
        let floats = floats.as_primitive::<Float64Type>().values().iter().enumerate();
        return floats
            .map(|(row, value)| match *value {
                value if value.is_nan() => Err(missing(row)),
                value if value.fract() == 0.0 && value.abs() < 9.0e15 => Ok(Label::Number(value as i64)),
                value => Err(broken(format!("row {row} holds {value}, which is no label"))),
            })
            .collect();
    }
    if !array.data_type().is_integer() && *array.data_type() != DataType::Boolean {
        return Err(broken(format!("labels are expected, and it holds {}", described(array.data_type()))));
    }
    let integers = converted(&DataType::Int64)?;
    let integers = integers.as_primitive::<Int64Type>().iter().enumerate();
    integers.map(|(row, value)| value.map(Label::Number).ok_or_else(|| missing(row))).collect()
}

fn one_label(object: &Bound<'_, PyAny>, operation: &'static str) -> PyResult<Label> {
    let list = pyo3::types::PyList::new(object.py(), [object])?;
    let found = labels(list.as_any(), Asked { operation, subject: "pos_label" })?;
    found.into_iter().next().ok_or_else(|| {
        invalid(object.py(), operation, "pos_label", "it is missing", "pass the label of the positive rows")
    })
}

/// Which rows are positive. Without a positive label it is 1 among 0 and 1 or -1 and 1, else the greater of two.
fn positives(
    object: &Bound<'_, PyAny>,
    positive: Option<Label>,
    operation: &'static str,
    subject: &'static str,
) -> PyResult<Vec<bool>> {
    let labels = labels(object, Asked { operation, subject })?;
    let customary = || labels.iter().all(|label| matches!(label, Label::Number(-1..=1)));
    let positive = match positive {
        Some(positive) => positive,
        None if customary() => Label::Number(1),
        None => labels.iter().max().cloned().unwrap_or(Label::Number(1)),
    };
    evaluate::binary_labels(&labels, &positive).map_err(|error| raise(object.py(), &error))
}

fn weights<'py>(
    object: Option<&Bound<'py, PyAny>>,
    operation: &'static str,
) -> PyResult<Option<Numbers<'py>>> {
    object.map(|object| door::numbers(object, Asked { operation, subject: "sample_weight" })).transpose()
}

/// Which rows are positive, by custom.
pub(crate) fn binary_truth(y_true: &Bound<'_, PyAny>, operation: &'static str) -> PyResult<Vec<bool>> {
    positives(y_true, None, operation, "y_true")
}

/// Probabilities of the positive class: a column, or the second of two as `predict_proba` answers.
pub(crate) fn probabilities<'py>(
    object: &Bound<'py, PyAny>,
    operation: &'static str,
    subject: &'static str,
) -> PyResult<Numbers<'py>> {
    if let Ok(shape) = object.getattr("shape").and_then(|shape| shape.extract::<Vec<usize>>())
        && let [_, columns] = shape.as_slice()
    {
        if *columns != 2 {
            let problem = format!("it has {columns} columns, and two classes are compared");
            return Err(invalid(
                object.py(),
                operation,
                subject,
                problem,
                "pass the probability of the positive class",
            ));
        }
        let rows = door::matrix(object, Asked { operation, subject })?;
        return Ok(Numbers::Owned(rows.iter().filter_map(|row| row.get(1).copied()).collect()));
    }
    door::numbers(object, Asked { operation, subject })
}

macro_rules! regression {
    ($($(#[doc = $doc:literal])+ $name:ident;)+) => {$(
        $(#[doc = $doc])+
        #[pyfunction]
        #[pyo3(signature = (y_true, y_pred, *, sample_weight = None))]
        pub(crate) fn $name(
            py: Python<'_>,
            y_true: &Bound<'_, PyAny>,
            y_pred: &Bound<'_, PyAny>,
            sample_weight: Option<&Bound<'_, PyAny>>,
        ) -> PyResult<f64> {
            const OPERATION: &str = stringify!($name);
            entry(py, |py| {
                let y_true = door::numbers(y_true, Asked { operation: OPERATION, subject: "y_true" })?;
                let y_pred = door::numbers(y_pred, Asked { operation: OPERATION, subject: "y_pred" })?;
                let weights = weights(sample_weight, OPERATION)?;
                let (y_true, y_pred) = (y_true.as_slice(), y_pred.as_slice());
                let weights = weights.as_ref().map(Numbers::as_slice);
                detached(py, || evaluate::$name(y_true, y_pred, weights))
            })
        }
    )+};
}

regression! {
    /// The mean absolute difference: scikit-learn's ``mean_absolute_error``.
    ///
    /// Parameters
    /// ----------
    /// y_true, y_pred : array_like of float, shape (n,)
    ///     What was true and what was predicted.
    /// sample_weight : array_like of float, shape (n,), optional
    ///     A weight of 0 or more for each row.
    ///
    /// Raises
    /// ------
    /// InvalidInputError
    ///     For no rows, differing lengths, NaN or infinities, and unusable weights.
    ///
    /// Examples
    /// --------
    /// >>> from mlcore.metrics import mean_absolute_error
    /// >>> mean_absolute_error([3.0, -0.5, 2.0, 7.0], [2.5, 0.0, 2.0, 8.0])
    /// 0.5
    mean_absolute_error;
    /// The mean squared difference: scikit-learn's ``mean_squared_error``.
    ///
    /// Parameters, errors and weights as :func:`mean_absolute_error`.
    ///
    /// Examples
    /// --------
    /// >>> from mlcore.metrics import mean_squared_error
    /// >>> mean_squared_error([3.0, -0.5, 2.0, 7.0], [2.5, 0.0, 2.0, 8.0])
    /// 0.375
    mean_squared_error;
    /// The root of the mean squared difference: scikit-learn's ``root_mean_squared_error``.
    ///
    /// Parameters, errors and weights as :func:`mean_absolute_error`.
    ///
    /// Examples
    /// --------
    /// >>> from mlcore.metrics import root_mean_squared_error
    /// >>> round(root_mean_squared_error([3.0, -0.5, 2.0, 7.0], [2.5, 0.0, 2.0, 8.0]), 6)
    /// 0.612372
    root_mean_squared_error;
    /// The share of the variance that is explained: scikit-learn's ``r2_score``.
    ///
    /// Parameters, errors and weights as :func:`mean_absolute_error`; a single row is refused.
    ///
    /// Examples
    /// --------
    /// >>> from mlcore.metrics import r2_score
    /// >>> round(r2_score([3.0, -0.5, 2.0, 7.0], [2.5, 0.0, 2.0, 8.0]), 6)
    /// 0.948608
    r2_score;
}

macro_rules! scored {
    ($($(#[doc = $doc:literal])+ $name:ident($scores:ident);)+) => {$(
        $(#[doc = $doc])+
        #[pyfunction]
        #[pyo3(signature = (y_true, $scores, *, sample_weight = None, pos_label = None))]
        pub(crate) fn $name(
            py: Python<'_>,
            y_true: &Bound<'_, PyAny>,
            $scores: &Bound<'_, PyAny>,
            sample_weight: Option<&Bound<'_, PyAny>>,
            pos_label: Option<&Bound<'_, PyAny>>,
        ) -> PyResult<f64> {
            const OPERATION: &str = stringify!($name);
            entry(py, |py| {
                let positive = pos_label.map(|label| one_label(label, OPERATION)).transpose()?;
                let y_true = positives(y_true, positive, OPERATION, "y_true")?;
                let scores = probabilities($scores, OPERATION, stringify!($scores))?;
                let weights = weights(sample_weight, OPERATION)?;
                let (scores, weights) = (scores.as_slice(), weights.as_ref().map(Numbers::as_slice));
                detached(py, || evaluate::$name(&y_true, scores, weights))
            })
        }
    )+};
}

scored! {
    /// The area under the receiver operating characteristic: scikit-learn's ``roc_auc_score``, binary.
    ///
    /// Parameters
    /// ----------
    /// y_true : array_like, shape (n,)
    ///     Two labels: numbers, bools or text.
    /// y_score : array_like of float, shape (n,)
    ///     Scores that rank: larger means more likely positive.
    /// sample_weight : array_like of float, shape (n,), optional
    ///     A weight of 0 or more for each row.
    /// pos_label : label, optional
    ///     The label of the positive rows. Default: 1 among 0 and 1 or -1 and 1, else the greater one.
    ///
    /// Raises
    /// ------
    /// InvalidInputError
    ///     When only one of the two labels occurs, for NaN, and as :func:`accuracy_score`.
    ///
    /// Examples
    /// --------
    /// >>> from mlcore.metrics import roc_auc_score
    /// >>> roc_auc_score([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8])
    /// 0.75
    roc_auc_score(y_score);
    /// The mean precision over the recalls that a threshold reaches: scikit-learn's ``average_precision_score``, binary.
    ///
    /// Parameters and errors as :func:`roc_auc_score`.
    ///
    /// Examples
    /// --------
    /// >>> from mlcore.metrics import average_precision_score
    /// >>> round(average_precision_score([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8]), 6)
    /// 0.833333
    average_precision_score(y_score);
    /// The mean negative log-likelihood: scikit-learn's ``log_loss``, binary.
    ///
    /// Parameters
    /// ----------
    /// y_true : array_like, shape (n,)
    ///     Two labels: numbers, bools or text.
    /// y_pred : array_like of float, shape (n,) or (n, 2)
    ///     Probabilities of the positive label, or of both as ``predict_proba`` answers them.
    /// sample_weight : array_like of float, shape (n,), optional
    ///     A weight of 0 or more for each row.
    /// pos_label : label, optional
    ///     The label of the positive rows, as in :func:`roc_auc_score`.
    ///
    /// Raises
    /// ------
    /// InvalidInputError
    ///     For probabilities outside 0 to 1, and as :func:`accuracy_score`.
    ///
    /// Examples
    /// --------
    /// >>> from mlcore.metrics import log_loss
    /// >>> round(log_loss([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8]), 6)
    /// 0.472288
    log_loss(y_pred);
    /// The mean squared difference between probability and outcome: scikit-learn's ``brier_score_loss``, binary.
    ///
    /// Parameters and errors as :func:`log_loss`.
    ///
    /// Examples
    /// --------
    /// >>> from mlcore.metrics import brier_score_loss
    /// >>> round(brier_score_loss([0, 1, 1, 0], [0.1, 0.9, 0.8, 0.3]), 6)
    /// 0.0375
    brier_score_loss(y_proba);
}

macro_rules! binary {
    ($($(#[doc = $doc:literal])+ $name:ident;)+) => {$(
        $(#[doc = $doc])+
        #[pyfunction]
        #[pyo3(signature = (y_true, y_pred, *, pos_label = None, sample_weight = None, zero_division = 0.0))]
        pub(crate) fn $name(
            py: Python<'_>,
            y_true: &Bound<'_, PyAny>,
            y_pred: &Bound<'_, PyAny>,
            pos_label: Option<&Bound<'_, PyAny>>,
            sample_weight: Option<&Bound<'_, PyAny>>,
            zero_division: f64,
        ) -> PyResult<f64> {
            const OPERATION: &str = stringify!($name);
            entry(py, |py| {
                let positive = pos_label.map_or(Ok(Label::Number(1)), |label| one_label(label, OPERATION))?;
                let y_true = positives(y_true, Some(positive.clone()), OPERATION, "y_true")?;
                let y_pred = positives(y_pred, Some(positive), OPERATION, "y_pred")?;
                let weights = weights(sample_weight, OPERATION)?;
                let weights = weights.as_ref().map(Numbers::as_slice);
                let division = match zero_division {
                    0.0 => ZeroDivision::Zero,
                    1.0 => ZeroDivision::One,
                    value if value.is_nan() => ZeroDivision::NaN,
                    other => return Err(unknown(py, OPERATION, "zero_division", &other.to_string(), "0, 1, NaN")),
                };
                detached(py, || evaluate::$name(&y_true, &y_pred, weights, division))
            })
        }
    )+};
}

binary! {
    /// Of the rows predicted positive, the share that is: scikit-learn's ``precision_score``, binary.
    ///
    /// Parameters
    /// ----------
    /// y_true, y_pred : array_like, shape (n,)
    ///     Two labels: numbers, bools or text.
    /// pos_label : label, optional
    ///     The label of the positive rows. Default 1.
    /// sample_weight : array_like of float, shape (n,), optional
    ///     A weight of 0 or more for each row.
    /// zero_division : {0, 1, NaN}
    ///     The answer where there is nothing to divide by.
    ///
    /// Raises
    /// ------
    /// InvalidInputError
    ///     For more than two labels, and as :func:`accuracy_score`.
    ///
    /// Examples
    /// --------
    /// >>> from mlcore.metrics import precision_score
    /// >>> round(precision_score([0, 1, 1, 0], [1, 1, 1, 0]), 6)
    /// 0.666667
    precision_score;
    /// Of the positive rows, the share that was predicted so: scikit-learn's ``recall_score``, binary.
    ///
    /// Parameters and errors as :func:`precision_score`.
    ///
    /// Examples
    /// --------
    /// >>> from mlcore.metrics import recall_score
    /// >>> recall_score([0, 1, 1, 0], [1, 1, 0, 0])
    /// 0.5
    recall_score;
    /// The harmonic mean of precision and recall: scikit-learn's ``f1_score``, binary.
    ///
    /// Parameters and errors as :func:`precision_score`.
    ///
    /// Examples
    /// --------
    /// >>> from mlcore.metrics import f1_score
    /// >>> f1_score(["no", "yes", "yes", "no"], ["yes", "yes", "yes", "no"], pos_label="yes")
    /// 0.8
    f1_score;
}

/// The share of rows whose label was predicted: scikit-learn's ``accuracy_score``.
///
/// Parameters
/// ----------
/// y_true, y_pred : array_like, shape (n,)
///     Labels: numbers, bools or text.
/// sample_weight : array_like of float, shape (n,), optional
///     A weight of 0 or more for each row.
///
/// Raises
/// ------
/// InvalidInputError
///     For no rows, differing lengths, rows without a label, and weights that are negative, not finite or all 0.
///
/// Examples
/// --------
/// >>> from mlcore.metrics import accuracy_score
/// >>> accuracy_score(["a", "b", "b", "c"], ["a", "b", "c", "c"])
/// 0.75
#[pyfunction]
#[pyo3(signature = (y_true, y_pred, *, sample_weight = None))]
pub(crate) fn accuracy_score(
    py: Python<'_>,
    y_true: &Bound<'_, PyAny>,
    y_pred: &Bound<'_, PyAny>,
    sample_weight: Option<&Bound<'_, PyAny>>,
) -> PyResult<f64> {
    const OPERATION: &str = "accuracy_score";
    entry(py, |py| {
        let y_true = labels(y_true, Asked { operation: OPERATION, subject: "y_true" })?;
        let y_pred = labels(y_pred, Asked { operation: OPERATION, subject: "y_pred" })?;
        let weights = weights(sample_weight, OPERATION)?;
        let weights = weights.as_ref().map(Numbers::as_slice);
        detached(py, || evaluate::accuracy_score(&y_true, &y_pred, weights))
    })
}

/// How often each label was predicted as each other: scikit-learn's ``confusion_matrix``.
///
/// Parameters
/// ----------
/// y_true, y_pred : array_like, shape (n,)
///     Labels: numbers, bools or text.
/// labels : array_like, optional
///     Which labels count, and in which order. Default: all that occur, sorted.
/// sample_weight : array_like of float, shape (n,), optional
///     A weight of 0 or more for each row.
///
/// Returns
/// -------
/// ndarray of float, shape (labels, labels)
///     Rows are true labels, columns predicted ones.
///
/// Raises
/// ------
/// InvalidInputError
///     When none of the labels occurs in ``y_true``, and as :func:`accuracy_score`.
///
/// Examples
/// --------
/// >>> from mlcore.metrics import confusion_matrix
/// >>> confusion_matrix([2, 0, 2, 2, 0, 1], [0, 0, 2, 2, 0, 2]).astype(int).tolist()
/// [[2, 0, 0], [0, 0, 1], [1, 0, 2]]
#[pyfunction]
#[pyo3(signature = (y_true, y_pred, *, labels = None, sample_weight = None))]
pub(crate) fn confusion_matrix<'py>(
    py: Python<'py>,
    y_true: &Bound<'py, PyAny>,
    y_pred: &Bound<'py, PyAny>,
    labels: Option<&Bound<'py, PyAny>>,
    sample_weight: Option<&Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, PyArray2<f64>>> {
    const OPERATION: &str = "confusion_matrix";
    entry(py, |py| {
        let read = |object, subject| self::labels(object, Asked { operation: OPERATION, subject });
        let (y_true, y_pred) = (read(y_true, "y_true")?, read(y_pred, "y_pred")?);
        let wanted = labels.map(|labels| read(labels, "labels")).transpose()?;
        let weights = weights(sample_weight, OPERATION)?;
        let weights = weights.as_ref().map(Numbers::as_slice);
        let counted =
            detached(py, || evaluate::confusion_matrix(&y_true, &y_pred, wanted.as_deref(), weights))?;
        Ok(counted.matrix.to_pyarray(py))
    })
}
