use mlcore::batch::{Batch, Tensor};
use mlcore::schema::DType;

/// What is wrong with an answer although the model ran: a failure of its arm.
///
/// A model that answers NaN must not win a release by it, and no comparison with NaN finds harm. So such an answer counts
/// as a failure wherever failures count, and the caller gets it all the same.
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum InvalidAnswer {
    /// One of its numbers, in any output and any row, is NaN or infinite.
    NotFinite,
    /// One of its predictions is a number that the endpoint's loss cannot take: for the logarithmic loss one outside of 0 to
    /// 1.
    OutOfRange,
}

mlcore::words! {
    InvalidAnswer, "invalid answer": NotFinite = "not_finite", OutOfRange = "out_of_range"
}

impl InvalidAnswer {
    /// What is wrong with `outputs` whatever the loss is; none where nothing is.
    ///
    /// ```
    /// use mlcore::batch::{Batch, Tensor};
    /// use mlcore_serve::endpoint::InvalidAnswer;
    ///
    /// let outputs = Batch::single("y", Tensor::column(vec![0.5_f32, f32::NEG_INFINITY]));
    /// assert_eq!(InvalidAnswer::of(&outputs), Some(InvalidAnswer::NotFinite));
    /// ```
    #[must_use]
    pub fn of(outputs: &Batch) -> Option<Self> {
        let finite = outputs.iter().all(|(_, tensor)| {
            // What are no floats are finite.
            !tensor.dtype().is_float() || every(tensor, (0, 1), f64::is_finite)
        });
        (!finite).then_some(Self::NotFinite)
    }

    /// The fault in words.
    pub(crate) fn problem(self) -> &'static str {
        match self {
            Self::NotFinite => "the answer holds NaN or an infinite number",
            Self::OutOfRange => "the answer holds a number that the loss cannot take",
        }
    }
}

/// Whether `holds` of every float of the tensor from position `first` on, `step` apart. Allocates nothing for the types
/// that models answer.
pub(crate) fn every(tensor: &Tensor, (first, step): (usize, usize), holds: impl Fn(f64) -> bool) -> bool {
    let step = step.max(1);
    match tensor.dtype() {
        DType::Float32 => tensor.values::<f32>().is_ok_and(|values| {
            values.iter().skip(first).step_by(step).all(|value| holds(f64::from(*value)))
        }),
        DType::Float64 => tensor
            .values::<f64>()
            .is_ok_and(|values| values.iter().skip(first).step_by(step).all(|value| holds(*value))),
        _ => tensor
            .to_f64()
            .is_ok_and(|values| values.iter().skip(first).step_by(step).all(|value| holds(*value))),
    }
}
