use mlcore::name::ModelName;
use mlcore::time::Timestamp;
use mlcore_features::store::feature_store::SkewOptions;

use super::rows::decided_at;
use crate::log::LoggedPrediction;

/// Which value of a looked-up feature is compared with history.
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum ComparedValue {
    /// What the feature store answered: null where it had nothing that counts, whatever the model got in its place. Rows whose value
    /// came with the request, and rows for which the store did not answer, are left out.
    #[default]
    Stored,
    /// What the model got: defaults, and values of requests, too.
    Given,
}

mlcore::words! { ComparedValue, "value that is compared": Stored = "stored", Given = "given" }

/// What of a log is compared with history, and how.
///
/// ```
/// use mlcore_features::store::feature_store::SkewOptions;
/// use mlcore_serve::log::{ComparedValue, LogSkewOptions};
///
/// let options = LogSkewOptions::default()
///     .with_model("risk".parse()?)
///     .with_value(ComparedValue::Given)
///     .with_skew(SkewOptions::default().with_differences(3));
/// assert_eq!(options.skew.differences, 3);
/// # Ok::<(), mlcore::Error>(())
/// ```
#[non_exhaustive]
#[derive(Clone, PartialEq, Debug)]
pub struct LogSkewOptions {
    /// How features are recomputed, and how many differing rows of each are kept. Its column of times has the times of the requests;
    /// `event_timestamp` where it names none.
    pub skew: SkewOptions,
    /// The model whose requests are looked at; those of all models where there is none.
    pub model: Option<ModelName>,
    /// The first moment of requests that are looked at.
    pub since: Option<Timestamp>,
    /// The moment from which on requests are not looked at.
    pub until: Option<Timestamp>,
    /// Which values are compared.
    pub value: ComparedValue,
    /// History is read once for so many rows, which are in memory meanwhile. Default 100 000.
    pub rows_at_once: usize,
}

impl Default for LogSkewOptions {
    fn default() -> Self {
        Self {
            skew: SkewOptions::default(),
            model: None,
            since: None,
            until: None,
            value: ComparedValue::default(),
            rows_at_once: 100_000,
        }
    }
}

impl LogSkewOptions {
    /// Recomputes features in this way.
    #[must_use]
    pub fn with_skew(mut self, skew: SkewOptions) -> Self {
        self.skew = skew;
        self
    }

    /// Looks at the requests of this model alone.
    #[must_use]
    pub fn with_model(mut self, model: ModelName) -> Self {
        self.model = Some(model);
        self
    }

    /// Looks at requests from this moment on.
    #[must_use]
    pub fn with_since(mut self, since: Timestamp) -> Self {
        self.since = Some(since);
        self
    }

    /// Looks at requests before this moment.
    #[must_use]
    pub fn with_until(mut self, until: Timestamp) -> Self {
        self.until = Some(until);
        self
    }

    /// Compares these values.
    #[must_use]
    pub fn with_value(mut self, value: ComparedValue) -> Self {
        self.value = value;
        self
    }

    /// Reads history once for so many rows.
    #[must_use]
    pub fn with_rows_at_once(mut self, rows: usize) -> Self {
        self.rows_at_once = rows;
        self
    }

    /// Whether a request is one that is looked at.
    pub(super) fn takes(&self, prediction: &LoggedPrediction) -> bool {
        let time = decided_at(prediction).as_micros();
        self.model.as_ref().is_none_or(|model| *model == prediction.model)
            && self.since.is_none_or(|since| since.as_micros() <= time)
            && self.until.is_none_or(|until| time < until.as_micros())
    }
}
