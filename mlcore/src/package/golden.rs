use serde::{Deserialize, Serialize};

use crate::batch::{Batch, Tensor, Value};
use crate::error::{Error, Result};
use crate::runner::{RunOptions, Runner};

/// Inputs, and what a model answered to them where it was made: a load elsewhere must answer the same, within a stated tolerance.
///
/// They find what no digest can: another version of ONNX Runtime, another processor, another provider that computes something else.
///
/// ```
/// use mlcore::batch::{Batch, Tensor};
/// use mlcore::package::GoldenVectors;
/// use mlcore::runner::FunctionRunner;
/// use mlcore::schema::{DType, Field, Schema, Signature};
///
/// let column = |name: &str| Schema::new([Field::column(name, DType::Float64)]);
/// let times = |factor: f64| {
///     Ok::<_, mlcore::Error>(FunctionRunner::new(Signature::new(column("x")?, column("y")?), move |inputs| {
///         let answers = inputs.tensor("x")?.values::<f64>()?.iter().map(|x| factor * x);
///         Ok(Batch::single("y", Tensor::column(answers.collect())))
///     }))
/// };
/// let golden = GoldenVectors::record(&times(2.0)?, [Batch::single("x", Tensor::column(vec![1.0, 2.0]))])?;
/// golden.check(&times(2.0)?)?;
/// assert!(golden.check(&times(2.1)?).is_err());
/// # Ok::<(), mlcore::Error>(())
/// ```
#[non_exhaustive]
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GoldenVectors {
    /// A float may be off by this much. Default 1e-6.
    pub absolute: f64,
    /// And by this share of what is expected. Default 1e-5: the rounding of single precision, by which the order of sums differs
    /// between processors. What is no float is equal.
    pub relative: f64,
    /// The inputs and their answers.
    pub cases: Vec<GoldenCase>,
}

/// One input and its answer.
#[non_exhaustive]
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GoldenCase {
    /// What is asked.
    pub inputs: Batch,
    /// What is to be answered.
    pub outputs: Batch,
}

impl GoldenVectors {
    /// Asks a runner, and keeps what it answers.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] for no inputs or more than 1,000, and what the runner answers.
    pub fn record(runner: &dyn Runner, inputs: impl IntoIterator<Item = Batch>) -> Result<Self> {
        let mut cases = Vec::new();
        for inputs in inputs {
            let outputs = runner.run(&inputs, &RunOptions::default())?;
            cases.push(GoldenCase { inputs, outputs });
        }
        let recorded = Self { absolute: 1e-6, relative: 1e-5, cases };
        recorded.sound()?;
        Ok(recorded)
    }

    /// Lets floats be off by `absolute` and by this share of what is expected.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] for what is negative, not finite, or a share above 1, within which everything is equal.
    pub fn with_tolerance(mut self, absolute: f64, relative: f64) -> Result<Self> {
        (self.absolute, self.relative) = (absolute, relative);
        self.sound()?;
        Ok(self)
    }

    /// Asks a runner, and compares.
    ///
    /// # Errors
    /// [`Error::InvalidModel`] that names the first output that differs, the place in it, what is expected and what was answered;
    /// and what the runner answers.
    pub fn check(&self, runner: &dyn Runner) -> Result<()> {
        self.sound()?;
        for (place, case) in self.cases.iter().enumerate() {
            crate::interrupt::check(CHECK)?;
            let answered = runner.run(&case.inputs, &RunOptions::default())?;
            if let Some(problem) = self.difference(&case.outputs, &answered) {
                return Err(Error::invalid_model(CHECK, format!("case {place}"), problem).remedy(
                    "load it where it was made, compare ONNX Runtime's versions and providers, and record the vectors again if the new answers are right",
                ));
            }
        }
        Ok(())
    }

    /// Reads vectors from JSON.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] for anything else.
    pub fn from_json(json: &[u8]) -> Result<Self> {
        let read: Self = serde_json::from_slice(json).map_err(|cause| {
            Error::invalid_input("read golden vectors", "", cause.to_string()).caused_by(cause)
        })?;
        read.sound()?;
        Ok(read)
    }

    /// The vectors as JSON: the same bytes for the same vectors.
    ///
    /// # Errors
    /// [`Error::Internal`] if they cannot be written.
    pub fn to_json(&self) -> Result<Vec<u8>> {
        serde_json::to_vec(self)
            .map_err(|cause| Error::internal("write golden vectors", "", cause.to_string()).caused_by(cause))
    }

    fn sound(&self) -> Result<()> {
        let refuse = |problem: &str| Err(Error::invalid_input("read golden vectors", "", problem));
        let is_sound = |tolerance: f64| tolerance.is_finite() && tolerance >= 0.0;
        if !is_sound(self.absolute) || !is_sound(self.relative) || self.relative > 1.0 {
            return refuse("a tolerance is negative, not finite, or so large that everything is equal");
        }
        if self.cases.is_empty() || self.cases.len() > MOST_CASES {
            return refuse("there are none, or more than 1,000 cases");
        }
        Ok(())
    }

    fn difference(&self, expected: &Batch, answered: &Batch) -> Option<String> {
        if expected.len() != answered.len() {
            return Some(format!("it has {} outputs, and {} are expected", answered.len(), expected.len()));
        }
        expected.iter().find_map(|(name, expected)| {
            let Some(answered) = answered.find(name) else {
                return Some(format!("it has no output {name:?}"));
            };
            self.difference_of(name, expected, answered)
        })
    }

    fn difference_of(&self, name: &str, expected: &Tensor, answered: &Tensor) -> Option<String> {
        if (expected.dtype(), expected.shape()) != (answered.dtype(), answered.shape()) {
            return Some(format!(
                "its output {name:?} is {} of shape {:?}, and {} of shape {:?} is expected",
                answered.dtype(),
                answered.shape(),
                expected.dtype(),
                expected.shape(),
            ));
        }
        (0..expected.len()).find_map(|place| {
            let (wanted, got) = (expected.value(place)?, answered.value(place).unwrap_or_default());
            if self.fits(wanted, got) {
                return None;
            }
            Some(format!("its output {name:?} is {got:?} at {place}, and {wanted:?} is expected"))
        })
    }

    fn fits(&self, expected: Value<'_>, answered: Value<'_>) -> bool {
        match (expected, answered) {
            (Value::Float(expected), Value::Float(answered)) => {
                expected == answered
                    || expected.is_nan() && answered.is_nan()
                    // A share of infinity is infinite: everything would be within it.
                    || expected.is_finite()
                        && (expected - answered).abs() <= self.absolute + self.relative * expected.abs()
            }
            (expected, answered) => expected == answered,
        }
    }
}

const CHECK: &str = "check golden vectors";
const MOST_CASES: usize = 1000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_fit_within_the_tolerance_and_nothing_else_is_close() {
        let vectors = GoldenVectors { absolute: 0.5, relative: 0.1, cases: Vec::new() };
        let float =
            |expected: f64, answered: f64| vectors.fits(Value::Float(expected), Value::Float(answered));
        assert!(float(10.0, 11.5) && float(f64::NAN, f64::NAN) && float(f64::INFINITY, f64::INFINITY));
        for (expected, answered) in [
            (10.0, 11.6),
            (1.0, f64::NAN),
            (f64::NAN, 1.0),
            (f64::INFINITY, 1e300),
            (1e300, f64::INFINITY),
            (f64::INFINITY, f64::NEG_INFINITY),
        ] {
            assert!(!float(expected, answered), "{expected} {answered}");
        }
        assert!(!vectors.fits(Value::Int(1), Value::Int(2)));
        assert!(!vectors.fits(Value::Text("a"), Value::Text("b")));
        for bad in
            [r#"{"absolute":-1,"relative":0,"cases":[]}"#, r#"{"absolute":0,"relative":2,"cases":[]}"#, "[]"]
        {
            assert_eq!(GoldenVectors::from_json(bad.as_bytes()).unwrap_err().kind(), "invalid_input");
        }
    }
}
