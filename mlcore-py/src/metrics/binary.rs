//! Precision, recall and F1: of the positive one of two labels, or of several labels.

use mlcore::evaluate::{self, Average, ScoresByLabel, ZeroDivision};
use pyo3::prelude::*;

use super::label::{Label, Positive, distinct, labels, one_label, positives, require_one_kind};
use super::weights;
use crate::door::{Asked, Numbers};
use crate::error::{detached, invalid};
use crate::stats::unknown;

macro_rules! binary {
    ($($(#[doc = $doc:literal])+ $name:ident($score:ident);)+) => {
        #[pyo3::pymodule(submodule, module = "mlcore", name = "metrics")]
        pub(crate) mod native {
            use mlcore::evaluate;
            use numpy::PyArray1;
            use pyo3::prelude::*;

            use crate::error::{detached, entry};
            use crate::metrics::binary::{Arguments, Averaging};

            $(
                $(#[doc = $doc])+
                #[pyfunction]
                #[pyo3(
                    signature = (
                        y_true, y_pred, *, labels = None, pos_label = None, average = Some("binary"),
                        sample_weight = None, zero_division = 0.0
                    ),
                    text_signature = "(y_true, y_pred, *, labels=None, pos_label=None, average='binary', \
                        sample_weight=None, zero_division=0.0)"
                )]
                #[expect(clippy::too_many_arguments, reason = "keyword-only options of a Python signature")]
                fn $name<'py>(
                    py: Python<'py>,
                    y_true: &Bound<'py, PyAny>,
                    y_pred: &Bound<'py, PyAny>,
                    labels: Option<&Bound<'py, PyAny>>,
                    pos_label: Option<&Bound<'py, PyAny>>,
                    average: Option<&str>,
                    sample_weight: Option<&Bound<'py, PyAny>>,
                    zero_division: f64,
                ) -> PyResult<Bound<'py, PyAny>> {
                    const OPERATION: &str = stringify!($name);
                    entry(py, |py| {
                        let averaging = Averaging::read(py, OPERATION, average)?;
                        let own = Arguments::read(py, OPERATION, [y_true, y_pred], labels, sample_weight, zero_division)?;
                        let weights = own.weights();
                        let number = match averaging {
                            Averaging::Binary => {
                                let (y_true, y_pred) = own.binary(py, OPERATION, pos_label)?;
                                detached(py, || evaluate::$name(&y_true, &y_pred, weights, own.division))?
                            }
                            Averaging::Over(average) => own.by_label(py, weights)?.average(average).$score,
                            Averaging::Each => {
                                let scores = own.by_label(py, weights)?.scores;
                                let scores = scores.iter().map(|scores| scores.$score);
                                return Ok(PyArray1::from_iter(py, scores).into_any());
                            }
                        };
                        Ok(number.into_pyobject(py)?.into_any())
                    })
                }
            )+
        }
    };
}

binary! {
    /// Of the rows predicted positive, the share that is: scikit-learn's ``precision_score``.
    ///
    /// Parameters
    /// ----------
    /// y_true, y_pred : array_like, shape (n,)
    ///     Labels: numbers, bools or text.
    /// labels : array_like, optional
    ///     Which labels count, and in which order, unless ``average`` is ``"binary"``. Default: all that occur, sorted.
    /// pos_label : label, optional
    ///     The label of the positive rows, where ``average`` is ``"binary"``. Default 1.
    /// average : {"binary", "micro", "macro", "weighted"} or None
    ///     Of the positive one of two labels; of the hits and errors of all labels together; the mean of the labels' scores, or
    ///     the mean that counts each label by its rows; or an array of the labels' scores.
    /// sample_weight : array_like of float, shape (n,), optional
    ///     A weight of 0 or more for each row.
    /// zero_division : {0, 1, NaN}
    ///     The answer where there is nothing to divide by.
    ///
    /// Raises
    /// ------
    /// InvalidInputError
    ///     For more than two labels, and two of which ``pos_label`` is none, where ``average`` is ``"binary"``; and as
    ///     :func:`accuracy_score`.
    ///
    /// Examples
    /// --------
    /// >>> from mlcore.metrics import precision_score
    /// >>> round(precision_score([0, 1, 1, 0], [1, 1, 1, 0]), 6)
    /// 0.666667
    /// >>> precision_score(["a", "b", "c", "c"], ["a", "b", "b", "c"], average=None).tolist()
    /// [1.0, 0.5, 1.0]
    precision_score(precision);
    /// Of the positive rows, the share that was predicted so: scikit-learn's ``recall_score``.
    ///
    /// Parameters and errors as :func:`precision_score`.
    ///
    /// Examples
    /// --------
    /// >>> from mlcore.metrics import recall_score
    /// >>> recall_score([0, 1, 1, 0], [1, 1, 0, 0])
    /// 0.5
    recall_score(recall);
    /// The harmonic mean of precision and recall: scikit-learn's ``f1_score``.
    ///
    /// Parameters and errors as :func:`precision_score`.
    ///
    /// Examples
    /// --------
    /// >>> from mlcore.metrics import f1_score
    /// >>> f1_score(["no", "yes", "yes", "no"], ["yes", "yes", "yes", "no"], pos_label="yes")
    /// 0.8
    f1_score(f1);
}

/// What becomes of the scores of several labels.
#[derive(Clone, Copy, Debug)]
enum Averaging {
    /// There are two, of which one is positive.
    Binary,
    Over(Average),
    Each,
}

impl Averaging {
    fn read(py: Python<'_>, operation: &'static str, word: Option<&str>) -> PyResult<Self> {
        Ok(match word {
            None => Self::Each,
            Some("binary") => Self::Binary,
            Some(word) => match word.parse() {
                Ok(average) => Self::Over(average),
                Err(_) => {
                    let known = "binary, micro, macro, weighted, None";
                    return Err(unknown(py, operation, "average", word, known));
                }
            },
        })
    }
}

/// The arguments of a call.
struct Arguments<'py> {
    y_true: Vec<Label>,
    y_pred: Vec<Label>,
    labels: Option<Vec<Label>>,
    weights: Option<Numbers<'py>>,
    division: ZeroDivision,
}

impl<'py> Arguments<'py> {
    fn read(
        py: Python<'py>,
        operation: &'static str,
        [y_true, y_pred]: [&Bound<'py, PyAny>; 2],
        given: Option<&Bound<'py, PyAny>>,
        sample_weight: Option<&Bound<'py, PyAny>>,
        zero_division: f64,
    ) -> PyResult<Self> {
        let read = |object, subject| labels(object, Asked { operation, subject });
        let (y_true, y_pred) = (read(y_true, "y_true")?, read(y_pred, "y_pred")?);
        let labels = given.map(|labels| read(labels, "labels")).transpose()?;
        let all =
            [("y_true", &*y_true), ("y_pred", &y_pred), ("labels", labels.as_deref().unwrap_or_default())];
        require_one_kind(py, operation, &all)?;
        let division = match zero_division {
            0.0 => ZeroDivision::Zero,
            1.0 => ZeroDivision::One,
            value if value.is_nan() => ZeroDivision::NaN,
            other => return Err(unknown(py, operation, "zero_division", &other.to_string(), "0, 1, NaN")),
        };
        Ok(Self { y_true, y_pred, labels, weights: weights(sample_weight, operation)?, division })
    }

    fn weights(&self) -> Option<&[f64]> {
        self.weights.as_ref().map(Numbers::as_slice)
    }

    /// Which rows are positive, and which are predicted to be.
    fn binary(
        &self,
        py: Python<'_>,
        operation: &'static str,
        pos_label: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<(Vec<bool>, Vec<bool>)> {
        let positive = pos_label.map_or(Ok(Label::Number(1)), |label| one_label(label, operation))?;
        // Which labels there are, both say together: one of them may lack one.
        let both = [self.y_true.as_slice(), &self.y_pred].concat();
        if distinct(py, operation, &both)?.len() > 2 {
            let problem = "there are more than two labels";
            let remedy = "pass average=\"macro\", \"micro\", \"weighted\" or None";
            return Err(invalid(py, operation, "average", problem, remedy));
        }
        let mut y_true = positives(py, operation, &both, &Positive::Given(positive))?;
        let y_pred = y_true.split_off(self.y_true.len());
        Ok((y_true, y_pred))
    }

    fn by_label(&self, py: Python<'_>, weights: Option<&[f64]>) -> PyResult<ScoresByLabel<Label>> {
        let Self { y_true, y_pred, labels, division, .. } = self;
        detached(py, || {
            evaluate::precision_recall_fscore_support(y_true, y_pred, labels.as_deref(), weights, *division)
        })
    }
}
