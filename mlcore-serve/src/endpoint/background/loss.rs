use std::fmt;
use std::sync::Arc;

use mlcore::batch::natives::f16;
use mlcore::batch::{Batch, Tensor};
use mlcore::evaluate::log_loss_of;
use mlcore::schema::{DType, Dim, Schema};
use mlcore::{Error, Result};

use crate::endpoint::record::{InvalidAnswer, every};

/// How wrong an answer was, by name; less is better. A canary's guardrail on the loss compares its means.
///
/// The prediction is the model's first output of one float a row, or of two, of which the second is the score of the
/// positive class.
///
/// ```
/// use mlcore::batch::{Batch, Tensor};
/// use mlcore_serve::endpoint::Loss;
///
/// let loss: Loss = "log_loss".parse()?;
/// let outputs = Batch::single("probabilities", Tensor::new([1, 2], vec![0.2_f32, 0.8])?);
/// assert!((loss.score(&outputs, 1.0)? - 0.223).abs() < 1e-3);
/// assert!(loss.score(&outputs, 0.5).is_err(), "its labels are 0 and 1");
/// # Ok::<(), mlcore::Error>(())
/// ```
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Loss {
    /// The logarithmic loss of the positive class's probability; labels are 0 and 1.
    LogLoss,
    /// The square of the difference.
    SquaredError,
    /// The difference without its sign.
    AbsoluteError,
    /// 0 where the label is the predicted one, else 1. The predicted one is the model's label where it answers one, and
    /// else 1 above a score of 0.5.
    ZeroOne,
}

mlcore::words! {
    Loss, "loss": LogLoss = "log_loss", SquaredError = "squared_error", AbsoluteError = "absolute_error", ZeroOne = "zero_one"
}

impl Loss {
    /// Makes sure that the loss can be computed from outputs of this schema.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] listing the outputs where not.
    pub fn check(self, outputs: &Schema) -> Result<()> {
        let has = |fits: fn(DType, &[Dim]) -> bool| {
            outputs.fields().iter().any(|field| fits(field.dtype(), field.shape()))
        };
        let has_label = || has(|dtype, shape| is_label(dtype) && width(shape) == Some(1));
        let has_score = || has(|dtype, shape| dtype.is_float() && matches!(width(shape), None | Some(1 | 2)));
        let answered = match self {
            Self::ZeroOne => has_label() || has_score(),
            Self::LogLoss | Self::SquaredError | Self::AbsoluteError => has_score(),
        };
        if answered {
            return Ok(());
        }
        let names: Vec<String> = outputs.fields().iter().map(ToString::to_string).collect();
        let problem =
            format!("the model answers {}: neither a number nor the scores of two classes", names.join(", "));
        Err(Error::invalid_input(SCORE, "loss", problem).remedy("pass a function of outputs and label"))
    }

    /// Makes sure that `label` is one that the loss can be computed of.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] for a label that is not a finite number, and of the logarithmic loss for one that is neither
    /// 0 nor 1.
    pub fn check_label(self, label: f64) -> Result<()> {
        check_finite(label)?;
        if self == Self::LogLoss && label != 0.0 && label != 1.0 {
            let problem = format!("{label} is neither 0 nor 1");
            return Err(Error::invalid_input(SCORE, "label", problem).remedy("report the label as 0 or 1"));
        }
        Ok(())
    }

    /// What is wrong with an answer, of any number of rows, whatever the labels are; none where nothing is.
    ///
    /// ```
    /// use mlcore::batch::{Batch, Tensor};
    /// use mlcore_serve::endpoint::{InvalidAnswer, Loss};
    ///
    /// let answer = |values| Batch::single("y", Tensor::column(values));
    /// assert_eq!(Loss::LogLoss.fault_of(&answer(vec![0.2, 0.9])), None);
    /// assert_eq!(Loss::LogLoss.fault_of(&answer(vec![0.2, 90.0])), Some(InvalidAnswer::OutOfRange));
    /// assert_eq!(Loss::SquaredError.fault_of(&answer(vec![0.2, 90.0])), None);
    /// assert_eq!(Loss::ZeroOne.fault_of(&answer(vec![0.2, f64::NAN])), Some(InvalidAnswer::NotFinite));
    /// ```
    #[must_use]
    pub fn fault_of(self, outputs: &Batch) -> Option<InvalidAnswer> {
        InvalidAnswer::of(outputs).or_else(|| match self {
            Self::LogLoss => (!are_probabilities(outputs)).then_some(InvalidAnswer::OutOfRange),
            Self::SquaredError | Self::AbsoluteError | Self::ZeroOne => None,
        })
    }

    /// The loss of the answer to one row whose true label or value is `label`. It is not finite where the answer is one that
    /// the loss cannot take.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] for a label that the loss does not know and for the answer to several rows,
    /// [`Error::SchemaMismatch`] for outputs without a prediction.
    pub fn score(self, outputs: &Batch, label: f64) -> Result<f64> {
        self.check_label(label)?;
        match self {
            Self::LogLoss => {
                let (probability, dtype) = prediction(outputs)?;
                let (label, probability) = (label == 1.0, rounded(probability));
                // Clipped at the epsilon of the type of the answer, as scikit-learn does.
                Ok(match dtype {
                    DType::Float32 => log_loss_of(label, probability as f32),
                    DType::Float16 => log_loss_of(label, f16::from_f64(probability)),
                    _ => log_loss_of(label, probability),
                })
            }
            Self::SquaredError => Ok((prediction(outputs)?.0 - label).powi(2)),
            Self::AbsoluteError => Ok((prediction(outputs)?.0 - label).abs()),
            Self::ZeroOne => {
                let answered = outputs.iter().find(|(_, tensor)| is_label(tensor.dtype()));
                let predicted = match answered {
                    Some((name, tensor)) => only(name, &tensor.to_f64()?)?,
                    None => match prediction(outputs)?.0 {
                        score if score.is_nan() => return Ok(f64::NAN),
                        score => f64::from(u8::from(score > 0.5)),
                    },
                };
                Ok(f64::from(u8::from(predicted != label)))
            }
        }
    }
}

/// A loss by name, or a function of outputs and label.
#[derive(Clone)]
pub(crate) enum Scoring {
    Named(Loss),
    Function(Arc<Function>),
}

/// Takes the outputs of one request, or of one of its rows, and the label.
type Function = dyn Fn(&Batch, f64) -> Result<f64> + Send + Sync;

impl Scoring {
    /// Checks that the loss can be computed from such outputs; a function is taken at its word.
    pub(crate) fn check(&self, outputs: &Schema) -> Result<()> {
        match self {
            Self::Named(loss) => loss.check(outputs),
            Self::Function(_) => Ok(()),
        }
    }

    /// Makes sure that `label` is one that the loss can be computed of; of a function only that it is a number.
    pub(crate) fn check_label(&self, label: f64) -> Result<()> {
        match self {
            Self::Named(loss) => loss.check_label(label),
            Self::Function(_) => check_finite(label),
        }
    }

    /// Whether it compares rows one by one; a function may take the answer to several rows.
    pub(crate) fn takes_rows(&self) -> bool {
        match self {
            Self::Named(_) => true,
            Self::Function(_) => false,
        }
    }

    /// What is wrong with an answer whatever the labels are.
    pub(crate) fn fault_of(&self, outputs: &Batch) -> Option<InvalidAnswer> {
        match self {
            Self::Named(loss) => loss.fault_of(outputs),
            Self::Function(_) => InvalidAnswer::of(outputs),
        }
    }

    /// The loss of an answer of one row.
    ///
    /// # Errors
    /// See [`Unscored`].
    pub(crate) fn score(&self, outputs: &Batch, label: f64) -> std::result::Result<f64, Unscored> {
        match self {
            // Labels were checked when they were reported, so that only an answer to several rows is left.
            Self::Named(loss) => loss.score(outputs, label).map_err(|error| match error {
                Error::InvalidInput(_) => Unscored::Request,
                other => Unscored::Answer(other),
            }),
            Self::Function(function) => function(outputs, label).map_err(|error| {
                if error.is_transient() { Unscored::Request } else { Unscored::Answer(error) }
            }),
        }
    }
}

/// Why an answer has no loss.
#[derive(Debug)]
pub(crate) enum Unscored {
    /// It says nothing about the arm: the request was for several rows, or the loss could not be asked.
    Request,
    /// The loss cannot be computed of what the arm answered.
    Answer(Error),
}

/// Makes sure that a label is a finite number.
pub(crate) fn check_finite(label: f64) -> Result<()> {
    if label.is_finite() {
        return Ok(());
    }
    let problem = format!("{label} is not a finite number");
    Err(Error::invalid_input(REPORT, "label", problem)
        .remedy("report the true label or value; the prediction still waits for it"))
}

impl fmt::Debug for Scoring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Named(loss) => loss.fmt(f),
            Self::Function(_) => f.write_str("function"),
        }
    }
}

const SCORE: &str = "score answer";
pub(crate) const REPORT: &str = "report outcome";

/// Probabilities that were added up in float16 lie so far outside of 0 to 1.
const ROUNDING: f64 = 1e-3;

/// A probability whose rounding error is taken back.
fn rounded(probability: f64) -> f64 {
    if (-ROUNDING..=1.0 + ROUNDING).contains(&probability) {
        probability.clamp(0.0, 1.0)
    } else {
        probability
    }
}

/// Whether every prediction of the answer is a probability.
fn are_probabilities(outputs: &Batch) -> bool {
    let Some((_, tensor)) = outputs.iter().find(|(_, tensor)| is_prediction(tensor)) else { return true };
    // Of two classes the second is the prediction.
    let width = tensor.row_len();
    every(tensor, (width.saturating_sub(1), width), |value| (0.0..=1.0).contains(&rounded(value)))
}

/// Whether the tensor may be the prediction: one number a row, or the scores of two classes.
fn is_prediction(tensor: &Tensor) -> bool {
    tensor.dtype().is_float() && matches!(tensor.row_len(), 1 | 2)
}

/// Labels come as whole numbers and bools, scores as floats.
fn is_label(dtype: DType) -> bool {
    dtype == DType::Bool || (dtype.is_numeric() && !dtype.is_float())
}

/// How many numbers there are for a row, where that is known.
fn width(shape: &[Dim]) -> Option<usize> {
    shape.iter().skip(1).try_fold(1_usize, |width, dim| match dim {
        Dim::Fixed(size) => width.checked_mul(*size),
        Dim::Dynamic => None,
    })
}

/// The number that a model answers for one row, and its type: its first floats, of two classes the score of the second.
fn prediction(outputs: &Batch) -> Result<(f64, DType)> {
    let Some((name, tensor)) = outputs.iter().find(|(_, tensor)| is_prediction(tensor)) else {
        let problem = "there is no number and no score of two classes";
        return Err(Error::schema_mismatch(SCORE, "outputs", problem));
    };
    let values = tensor.to_f64()?;
    let value = match (tensor.row_len(), values.as_slice()) {
        (2, [_, positive]) => *positive,
        _ => only(name, &values)?,
    };
    Ok((value, tensor.dtype()))
}

/// The value of the one row.
fn only(name: &str, values: &[f64]) -> Result<f64> {
    match values {
        [value] => Ok(*value),
        _ => {
            let problem = format!("it has {} values, and an outcome is about one row", values.len());
            Err(Error::invalid_input(SCORE, name, problem))
        }
    }
}

#[cfg(test)]
mod tests {
    use mlcore::schema::Field;

    use super::*;

    fn score(loss: &str, outputs: &Batch, label: f64) -> Result<f64> {
        loss.parse::<Loss>().unwrap().score(outputs, label)
    }

    #[test]
    fn losses_are_those_of_their_formulas() {
        let two = Batch::single("p", Tensor::new([1, 2], vec![0.25_f32, 0.75]).unwrap());
        let one = Batch::single("p", Tensor::column(vec![0.75]));
        for outputs in [&two, &one] {
            for (loss, label, expected) in [
                ("log_loss", 1.0, -(0.75_f64.ln())),
                ("log_loss", 0.0, -(0.25_f64.ln())),
                ("squared_error", 1.0, 0.0625),
                ("absolute_error", 2.0, 1.25),
                ("zero_one", 1.0, 0.0),
                ("zero_one", 0.0, 1.0),
            ] {
                let got = score(loss, outputs, label).unwrap();
                assert!((got - expected).abs() < 1e-15, "{loss} of {label}: {got}");
            }
        }
        // A model that answers a label is taken at its word, whatever its scores say.
        let labelled =
            Batch::new([("label", Tensor::column(vec![3_i64])), ("p", Tensor::column(vec![0.1_f32]))])
                .unwrap();
        assert_eq!(
            (score("zero_one", &labelled, 3.0).unwrap(), score("zero_one", &labelled, 0.0).unwrap()),
            (0.0, 1.0)
        );
    }

    #[test]
    fn the_log_loss_is_clipped_at_the_epsilon_of_the_type_of_the_answer() {
        // As sklearn.metrics.log_loss([1], [[1, 0]], labels=[0, 1]) of such arrays.
        let zero = |tensor| Loss::LogLoss.score(&Batch::single("p", tensor), 1.0).unwrap();
        assert!((zero(Tensor::column(vec![0.0_f64])) - 36.043_653_389_117_15).abs() < 1e-12);
        assert!((zero(Tensor::column(vec![0.0_f32])) - 15.942_385_152_878_742).abs() < 1e-6);
        assert!((zero(Tensor::new([1, 2], vec![1.0_f32, 0.0]).unwrap()) - 15.942_385).abs() < 1e-6);
        assert!((zero(Tensor::column(vec![f16::ZERO])) - 6.931_471_8).abs() < 2e-3);
    }

    #[test]
    fn an_answer_that_is_no_number_has_no_finite_loss_and_is_a_fault() {
        for loss in Loss::ALL {
            for value in [f64::NAN, f64::INFINITY] {
                let one = Batch::single("p", Tensor::column(vec![value]));
                let scores = Tensor::new([1, 2], vec![0.5_f32, value as f32]).unwrap();
                for outputs in [one, Batch::single("p", scores)] {
                    assert_eq!(loss.fault_of(&outputs), Some(InvalidAnswer::NotFinite));
                    if value.is_nan() {
                        assert!(!loss.score(&outputs, 1.0).unwrap().is_finite(), "{loss} of NaN");
                        assert!(!loss.score(&outputs, 0.0).unwrap().is_finite(), "{loss} of NaN");
                    }
                }
            }
            // A label beside scores that are none: the answer is a fault all the same.
            let labelled = Batch::new([
                ("label", Tensor::column(vec![1_i64])),
                ("p", Tensor::new([1, 2], vec![0.5_f32, f32::NAN]).unwrap()),
            ]);
            assert_eq!(loss.fault_of(&labelled.unwrap()), Some(InvalidAnswer::NotFinite));
        }
        // In a table one row is enough, and of two classes only the second is the prediction.
        let rows = |values: Vec<f32>| Batch::single("p", Tensor::new([2, 2], values).unwrap());
        assert_eq!(
            Loss::LogLoss.fault_of(&rows(vec![0.5, 0.5, 20.0, 80.0])),
            Some(InvalidAnswer::OutOfRange)
        );
        assert_eq!(Loss::LogLoss.fault_of(&rows(vec![-3.0, 0.5, 20.0, 1.0])), None);
        assert_eq!(Loss::ZeroOne.fault_of(&rows(vec![-3.0, 0.5, 20.0, 80.0])), None);
        // Rounding is taken back.
        let above = Batch::single("p", Tensor::column(vec![1.000_000_1_f32]));
        assert_eq!(Loss::LogLoss.fault_of(&above), None);
        let certain = Batch::single("p", Tensor::column(vec![1.0_f32]));
        assert_eq!(Loss::LogLoss.score(&above, 1.0).unwrap(), Loss::LogLoss.score(&certain, 1.0).unwrap());
        assert!(Loss::LogLoss.score(&certain, 1.0).unwrap() < 1.2e-7);
    }

    #[test]
    fn what_cannot_be_scored_is_refused() {
        let rows = Batch::single("p", Tensor::column(vec![0.5, 0.5]));
        let three = Batch::single("p", Tensor::new([1, 3], vec![0.2_f32, 0.3, 0.5]).unwrap());
        assert!(matches!(score("squared_error", &rows, 1.0), Err(Error::InvalidInput(_))));
        assert!(matches!(score("squared_error", &three, 1.0), Err(Error::SchemaMismatch(_))));
        assert!(matches!(score("log_loss", &rows, 0.5), Err(Error::InvalidInput(_))));
        assert!("hinge".parse::<Loss>().is_err());
    }

    #[test]
    fn outputs_are_checked_before_the_first_outcome() {
        let of = |dtype, width| {
            Schema::new([Field::tensor("y", dtype, [Dim::Dynamic, Dim::Fixed(width)])]).unwrap()
        };
        for (loss, outputs, expected) in [
            (Loss::LogLoss, of(DType::Float32, 2), true),
            (Loss::LogLoss, of(DType::Float32, 3), false),
            (Loss::LogLoss, of(DType::Int64, 1), false),
            (Loss::ZeroOne, of(DType::Int64, 1), true),
            (Loss::ZeroOne, of(DType::Int64, 3), false),
            (Loss::SquaredError, of(DType::String, 1), false),
        ] {
            assert_eq!(loss.check(&outputs).is_ok(), expected, "{loss} of {outputs:?}");
        }
    }
}
