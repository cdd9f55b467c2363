use std::sync::Arc;

use mlcore::schema::DType;
use mlcore::{Error, Result};

use super::fitted::{guarded, title};
use super::{CustomFunction, FittedCustomTransformer};
use crate::transform::{Fit, Parameters, Training, input};

/// A step that is a function of the host, not yet fitted.
///
/// It takes columns of numbers, truth values and text. A missing number is NaN and a missing text `None`; a column may be null
/// where the training table's was, as for every step that imputes nothing. Two are equal that have the same name, version and
/// parameters.
///
/// ```
/// use mlcore_features::pipeline::Pipeline;
/// use mlcore_features::transform::custom::{CustomTransformer, RowFunction};
///
/// let length = RowFunction::new("length", 1, ["length"], |row, features| {
///     features.fill(row.text(0).map_or(f64::NAN, |text| text.len() as f64));
///     Ok(())
/// });
/// let step = CustomTransformer::new(length);
/// assert_eq!((step.name(), step.version()), ("length", 1));
/// let pipeline = Pipeline::new().then("length", step);
/// assert_eq!(pipeline.names().collect::<Vec<_>>(), ["length"]);
/// ```
#[derive(Clone, Debug)]
pub struct CustomTransformer {
    function: Arc<dyn CustomFunction>,
}

impl CustomTransformer {
    /// A step with this function.
    #[must_use]
    pub fn new(function: impl CustomFunction + 'static) -> Self {
        Self::shared(Arc::new(function))
    }

    /// The same with a function that others hold, too.
    #[must_use]
    pub fn shared(function: Arc<dyn CustomFunction>) -> Self {
        Self { function }
    }

    /// The function.
    #[must_use]
    pub fn function(&self) -> &Arc<dyn CustomFunction> {
        &self.function
    }

    /// The function's name.
    #[must_use]
    pub fn name(&self) -> &str {
        self.function.name()
    }

    /// The function's version.
    #[must_use]
    pub fn version(&self) -> u32 {
        self.function.version()
    }

    /// The function's parameters, in the alphabetical order of their names.
    #[must_use]
    pub fn parameters(&self) -> Parameters {
        let own = self.function.parameters();
        let mut entries: Vec<_> = own.iter().map(|(name, value)| (name.to_owned(), value.clone())).collect();
        entries.sort_by(|(one, _), (other, _)| one.cmp(other));
        entries.into_iter().collect()
    }
}

impl PartialEq for CustomTransformer {
    fn eq(&self, other: &Self) -> bool {
        let named = (self.name(), self.version()) == (other.name(), other.version());
        // By their words, in which NaN is NaN.
        named && self.parameters().to_string() == other.parameters().to_string()
    }
}

impl Fit for CustomTransformer {
    type Fitted = FittedCustomTransformer;

    fn learn(&self, training: &Training<'_>) -> Result<FittedCustomTransformer> {
        let title = title(self.name(), self.version());
        if self.name().trim().is_empty() {
            return Err(Error::invalid_input("fit custom function", title, "its name is empty")
                .remedy("give the function a name by which plans know it"));
        }
        let columns =
            input::columns(training, "fit custom function").map_err(|error| error.within(&title))?;
        for column in &columns {
            if !column.dtype().is_numeric() && column.dtype() != DType::String {
                return Err(column.unfit("numbers or text"));
            }
        }
        let schema = input::schema(&columns)?;
        let state = guarded("fit", &title, || self.function.learn(training))?;
        FittedCustomTransformer::new(self.function.clone(), self.parameters(), state, schema)
    }
}
