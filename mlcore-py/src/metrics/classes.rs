//! Metrics of scores and probabilities, of two classes or of more.

use mlcore::evaluate::{Average, MultiClass};
use pyo3::prelude::*;

use super::label::{Label, Positive, distinct, labels, one_label, positives, require_one_kind};
use super::predicted::{Matrix, Predicted, matrix, predicted};
use super::weights;
use crate::door::{Asked, Numbers};
use crate::error::invalid;
use crate::stats::unknown;

#[pyo3::pymodule(submodule, module = "mlcore", name = "metrics")]
pub(crate) mod native {
    use mlcore::evaluate::{self, MultiClass};
    use numpy::PyArray1;
    use pyo3::prelude::*;

    use crate::error::{detached, entry, invalid};
    use crate::metrics::Numeric;
    use crate::metrics::classes::{self, Averaging, Compared, Question};
    use crate::metrics::label::{Label, Positive};
    use crate::metrics::predicted::Matrix;

    /// The area under the receiver operating characteristic: scikit-learn's ``roc_auc_score``, of two classes or of more.
    ///
    /// Parameters
    /// ----------
    /// y_true : array_like, shape (n,)
    ///     Labels: numbers, bools or text.
    /// y_score : array_like of float, shape (n,) or (n, classes)
    ///     Of two labels scores that rank: larger means more likely positive. Of more the probabilities that ``predict_proba``
    ///     answers, a column for each class in ascending order; rows sum to 1.
    /// average : {"macro", "weighted", "micro"} or None
    ///     Of more than two classes: the mean of the classes' scores, the mean that counts each class by its rows, the score of
    ///     all classes together, or an array of the classes' scores. The last two are for ``"ovr"``.
    /// sample_weight : array_like of float, shape (n,), optional
    ///     A weight of 0 or more for each row. Not for ``"ovo"``.
    /// pos_label : label, optional
    ///     The label of the positive rows, of two. Default: the greater one.
    /// multi_class : {"raise", "ovr", "ovo"}
    ///     Of more than two classes, each is compared with all others together, or with each other one. One of the two must
    ///     be chosen.
    /// labels : array_like, optional
    ///     The classes of the columns, in ascending order. Default: those that occur in ``y_true``.
    ///
    /// Raises
    /// ------
    /// InvalidInputError
    ///     When only one of the labels occurs, for a class without rows whose score is asked for, for NaN, and as
    ///     :func:`accuracy_score`.
    ///
    /// Examples
    /// --------
    /// >>> from mlcore.metrics import roc_auc_score
    /// >>> roc_auc_score([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8])
    /// 0.75
    /// >>> proba = [[0.7, 0.2, 0.1], [0.1, 0.8, 0.1], [0.2, 0.2, 0.6], [0.5, 0.3, 0.2]]
    /// >>> roc_auc_score(["a", "b", "c", "c"], proba, multi_class="ovr")
    /// 1.0
    #[pyfunction]
    #[pyo3(
        signature = (
            y_true, y_score, *, average = Some("macro"), sample_weight = None, pos_label = None,
            multi_class = "raise", labels = None
        ),
        text_signature = "(y_true, y_score, *, average='macro', sample_weight=None, pos_label=None, \
            multi_class='raise', labels=None)"
    )]
    #[expect(clippy::too_many_arguments, reason = "keyword-only options of a Python signature")]
    fn roc_auc_score<'py>(
        py: Python<'py>,
        y_true: &Bound<'py, PyAny>,
        y_score: &Bound<'py, PyAny>,
        average: Option<&str>,
        sample_weight: Option<&Bound<'py, PyAny>>,
        pos_label: Option<&Bound<'py, PyAny>>,
        multi_class: &str,
        labels: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        const OPERATION: &str = "roc_auc_score";
        entry(py, |py| {
            let averaging = Averaging::read(py, OPERATION, average)?;
            let asked = classes::multi_class(py, OPERATION, multi_class)?;
            let question =
                Question { operation: OPERATION, subject: "y_score", otherwise: Positive::Greater };
            let compared = question.read(py, y_true, y_score, (pos_label, labels), sample_weight)?;
            let weights = compared.weights();
            let number = match &compared {
                Compared::Two { y_true, scores, .. } => {
                    let scores = scores.numeric();
                    detached(py, || evaluate::roc_auc_score(y_true, &scores.widened(), weights))?
                }
                Compared::Many { y_true, scores, labels, .. } => {
                    let labels = labels.as_deref();
                    let Some(asked) = asked else {
                        let problem = "there are more than two classes";
                        let remedy = "pass multi_class=\"ovr\" or \"ovo\"";
                        return Err(invalid(py, OPERATION, "multi_class", problem, remedy));
                    };
                    let scores = scores.widened();
                    let Averaging::Over(average) = averaging else {
                        if asked == MultiClass::OneVsOne {
                            let problem = "pairs of classes have no score for each class";
                            let remedy = "pass average=\"macro\" or \"weighted\", or multi_class=\"ovr\"";
                            return Err(invalid(py, OPERATION, "average", problem, remedy));
                        }
                        let found = detached(py, || {
                            evaluate::roc_auc_scores_by_class(y_true, &scores, labels, weights)
                        })?;
                        return Ok(PyArray1::from_vec(py, found).into_any());
                    };
                    detached(py, || {
                        evaluate::multiclass_roc_auc_score(y_true, &scores, labels, asked, average, weights)
                    })?
                }
            };
            Ok(number.into_pyobject(py)?.into_any())
        })
    }

    /// The mean precision over the recalls that a threshold reaches: scikit-learn's ``average_precision_score``, of two classes
    /// or of more.
    ///
    /// Parameters and errors as :func:`roc_auc_score`, but that ``pos_label`` is 1 by default, as for :func:`f1_score`: other
    /// labels need it. Of more than two classes each is compared with all others, and rows need not sum to 1.
    ///
    /// Examples
    /// --------
    /// >>> from mlcore.metrics import average_precision_score
    /// >>> round(average_precision_score([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8]), 6)
    /// 0.833333
    /// >>> average_precision_score(["a", "b", "c"], [[0.7, 0.2, 0.1], [0.1, 0.8, 0.1], [0.2, 0.2, 0.6]], average=None).tolist()
    /// [1.0, 1.0, 1.0]
    #[pyfunction]
    #[pyo3(
        signature = (y_true, y_score, *, average = Some("macro"), sample_weight = None, pos_label = None),
        text_signature = "(y_true, y_score, *, average='macro', sample_weight=None, pos_label=None)"
    )]
    fn average_precision_score<'py>(
        py: Python<'py>,
        y_true: &Bound<'py, PyAny>,
        y_score: &Bound<'py, PyAny>,
        average: Option<&str>,
        sample_weight: Option<&Bound<'py, PyAny>>,
        pos_label: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        const OPERATION: &str = "average_precision_score";
        entry(py, |py| {
            let averaging = Averaging::read(py, OPERATION, average)?;
            let otherwise = Positive::Given(Label::Number(1));
            let question = Question { operation: OPERATION, subject: "y_score", otherwise };
            let compared = question.read(py, y_true, y_score, (pos_label, None), sample_weight)?;
            let weights = compared.weights();
            let number = match &compared {
                Compared::Two { y_true, scores, .. } => {
                    let scores = scores.numeric();
                    detached(py, || evaluate::average_precision_score(y_true, &scores.widened(), weights))?
                }
                Compared::Many { y_true, scores, .. } => {
                    let scores = scores.widened();
                    let Averaging::Over(average) = averaging else {
                        let found = detached(py, || {
                            evaluate::average_precision_scores_by_class(y_true, &scores, weights)
                        })?;
                        return Ok(PyArray1::from_vec(py, found).into_any());
                    };
                    detached(py, || {
                        evaluate::multiclass_average_precision_score(y_true, &scores, average, weights)
                    })?
                }
            };
            Ok(number.into_pyobject(py)?.into_any())
        })
    }

    /// The mean negative log-likelihood: scikit-learn's ``log_loss``, of two classes or of more.
    ///
    /// It is computed in the type of the probabilities, as in scikit-learn, and probabilities are clipped at its epsilon: a
    /// certain mistake of ``float32``, which ONNX models answer in, costs 15.94, and one of ``float64`` 36.04.
    ///
    /// Parameters
    /// ----------
    /// y_true : array_like, shape (n,)
    ///     Labels: numbers, bools or text.
    /// y_pred : array_like of float, shape (n,) or (n, classes)
    ///     Probabilities of the positive one of two labels, or of all classes in ascending order, as ``predict_proba`` answers
    ///     them.
    /// sample_weight : array_like of float, shape (n,), optional
    ///     A weight of 0 or more for each row.
    /// pos_label : label, optional
    ///     The label of the positive rows, of two. Default: the greater one.
    /// labels : array_like, optional
    ///     The classes, in ascending order, where not all of them occur in ``y_true``.
    ///
    /// Raises
    /// ------
    /// InvalidInputError
    ///     For probabilities outside 0 to 1, for rows of more than two that do not sum to 1, and as :func:`accuracy_score`.
    ///
    /// Examples
    /// --------
    /// >>> from mlcore.metrics import log_loss
    /// >>> round(log_loss([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8]), 6)
    /// 0.472288
    /// >>> round(log_loss(["a", "b", "c"], [[0.7, 0.2, 0.1], [0.1, 0.8, 0.1], [0.2, 0.2, 0.6]]), 6)
    /// 0.363548
    #[pyfunction]
    #[pyo3(signature = (y_true, y_pred, *, sample_weight = None, pos_label = None, labels = None))]
    fn log_loss(
        py: Python<'_>,
        y_true: &Bound<'_, PyAny>,
        y_pred: &Bound<'_, PyAny>,
        sample_weight: Option<&Bound<'_, PyAny>>,
        pos_label: Option<&Bound<'_, PyAny>>,
        labels: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<f64> {
        entry(py, |py| {
            let question =
                Question { operation: "log_loss", subject: "y_pred", otherwise: Positive::Greater };
            let compared = question.read(py, y_true, y_pred, (pos_label, labels), sample_weight)?;
            let weights = compared.weights();
            match &compared {
                Compared::Two { y_true, scores, .. } => {
                    let scores = scores.numeric();
                    detached(py, || match scores {
                        Numeric::Float64(values) => evaluate::log_loss(y_true, values, weights),
                        Numeric::Float32(values) => evaluate::log_loss(y_true, values, weights),
                        Numeric::Float16(values) => evaluate::log_loss(y_true, values, weights),
                    })
                }
                Compared::Many { y_true, scores, labels, .. } => {
                    let labels = labels.as_deref();
                    detached(py, || match scores {
                        Matrix::Float64(values) => {
                            evaluate::multiclass_log_loss(y_true, values, labels, weights)
                        }
                        Matrix::Float32(values) => {
                            evaluate::multiclass_log_loss(y_true, values, labels, weights)
                        }
                        Matrix::Float16(values) => {
                            evaluate::multiclass_log_loss(y_true, values, labels, weights)
                        }
                    })
                }
            }
        })
    }
}

/// What becomes of the scores of several classes.
#[derive(Clone, Copy, Debug)]
enum Averaging {
    Over(Average),
    Each,
}

impl Averaging {
    fn read(py: Python<'_>, operation: &'static str, word: Option<&str>) -> PyResult<Self> {
        let Some(word) = word else { return Ok(Self::Each) };
        let known = "macro, weighted, micro, None";
        word.parse().map(Self::Over).map_err(|_| unknown(py, operation, "average", word, known))
    }
}

/// The option `multi_class`; none where several classes are an error.
fn multi_class(py: Python<'_>, operation: &'static str, word: &str) -> PyResult<Option<MultiClass>> {
    if word == "raise" {
        return Ok(None);
    }
    word.parse().map(Some).map_err(|_| unknown(py, operation, "multi_class", word, "ovr, ovo, raise"))
}

/// A call of a metric: its name, that of its second argument, and which of two labels is positive by itself.
struct Question {
    operation: &'static str,
    subject: &'static str,
    otherwise: Positive,
}

/// The arguments of a call.
enum Compared<'py> {
    Two { y_true: Vec<bool>, scores: Predicted<'py>, weights: Option<Numbers<'py>> },
    Many { y_true: Vec<Label>, scores: Matrix, labels: Option<Vec<Label>>, weights: Option<Numbers<'py>> },
}

impl Compared<'_> {
    fn weights(&self) -> Option<&[f64]> {
        let (Self::Two { weights, .. } | Self::Many { weights, .. }) = self;
        weights.as_ref().map(Numbers::as_slice)
    }
}

impl Question {
    fn read<'py>(
        self,
        py: Python<'py>,
        y_true: &Bound<'py, PyAny>,
        scores: &Bound<'py, PyAny>,
        (pos_label, given): (Option<&Bound<'py, PyAny>>, Option<&Bound<'py, PyAny>>),
        sample_weight: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Compared<'py>> {
        let Self { operation, subject, otherwise } = self;
        let y_true = labels(y_true, Asked { operation, subject: "y_true" })?;
        let given = given.map(|given| labels(given, Asked { operation, subject: "labels" })).transpose()?;
        let all = [("y_true", &*y_true), ("labels", given.as_deref().unwrap_or_default())];
        require_one_kind(py, operation, &all)?;
        let weights = weights(sample_weight, operation)?;
        let positive = pos_label.map(|label| one_label(label, operation)).transpose()?;
        let classes = match &given {
            Some(given) => given.len(),
            None => distinct(py, operation, &y_true)?.len(),
        };
        if let Some(scores) = matrix(scores, Asked { operation, subject }, classes)? {
            if positive.is_some() {
                let problem = "it is about two classes, and there are more";
                return Err(invalid(py, operation, "pos_label", problem, "leave it out"));
            }
            return Ok(Compared::Many { y_true, scores, labels: given, weights });
        }
        let positive = match (positive, given.as_deref()) {
            (Some(label), _) => Positive::Given(label),
            (None, Some([first, second])) => {
                if first >= second {
                    let problem = "they are not in ascending order";
                    return Err(invalid(py, operation, "labels", problem, "give them as the columns are"));
                }
                if let Some(label) = y_true.iter().find(|label| ![first, second].contains(label)) {
                    let problem = format!("the label {label} is not among labels");
                    return Err(invalid(py, operation, "y_true", problem, "name every label in labels="));
                }
                Positive::Given(second.clone())
            }
            (None, _) => otherwise,
        };
        let y_true = positives(py, operation, &y_true, &positive)?;
        Ok(Compared::Two { y_true, scores: predicted(scores, operation, subject)?, weights })
    }
}
