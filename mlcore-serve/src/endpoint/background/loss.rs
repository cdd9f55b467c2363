use std::fmt;
use std::sync::Arc;

use mlcore::batch::{Batch, Tensor};
use mlcore::evaluate::log_loss_of;
use mlcore::schema::{DType, Dim, Schema};
use mlcore::{Error, Result};

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

    /// The loss of the answer to one row whose true label or value is `label`.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] for a label that the loss does not know and for the answer to several rows,
    /// [`Error::SchemaMismatch`] for outputs without a prediction.
    pub fn score(self, outputs: &Batch, label: f64) -> Result<f64> {
        match self {
            Self::LogLoss if label != 0.0 && label != 1.0 => {
                Err(Error::invalid_input(SCORE, "label", format!("{label} is neither 0 nor 1")))
            }
            Self::LogLoss => Ok(log_loss_of(label == 1.0, prediction(outputs)?)),
            Self::SquaredError => Ok((prediction(outputs)? - label).powi(2)),
            Self::AbsoluteError => Ok((prediction(outputs)? - label).abs()),
            Self::ZeroOne => {
                let answered = outputs.iter().find(|(_, tensor)| is_label(tensor.dtype()));
                let predicted = match answered {
                    Some((name, tensor)) => only(name, &tensor.to_f64()?)?,
                    None => f64::from(u8::from(prediction(outputs)? > 0.5)),
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

/// Takes the outputs of one request and its label.
type Function = dyn Fn(&Batch, f64) -> Result<f64> + Send + Sync;

impl Scoring {
    /// Checks that the loss can be computed from such outputs; a function is taken at its word.
    pub(crate) fn check(&self, outputs: &Schema) -> Result<()> {
        match self {
            Self::Named(loss) => loss.check(outputs),
            Self::Function(_) => Ok(()),
        }
    }

    pub(crate) fn score(&self, outputs: &Batch, label: f64) -> Result<f64> {
        match self {
            Self::Named(loss) => loss.score(outputs, label),
            Self::Function(function) => function(outputs, label),
        }
    }
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

/// The number that a model answers for one row: its first floats, of two classes the score of the second.
fn prediction(outputs: &Batch) -> Result<f64> {
    let usable = |tensor: &Tensor| tensor.dtype().is_float() && matches!(tensor.row_len(), 1 | 2);
    let Some((name, tensor)) = outputs.iter().find(|(_, tensor)| usable(tensor)) else {
        let problem = "there is no number and no score of two classes";
        return Err(Error::schema_mismatch(SCORE, "outputs", problem));
    };
    let values = tensor.to_f64()?;
    match (tensor.row_len(), values.as_slice()) {
        (2, [_, positive]) => Ok(*positive),
        _ => only(name, &values),
    }
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
