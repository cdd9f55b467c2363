use std::cmp::Ordering;

use crate::name::LoggedModelId;

/// One point of a metric's history.
///
/// ```
/// use mlcore::tracking::Metric;
///
/// let early = Metric::new("loss", f64::NAN, 1_000).at_step(1);
/// let late = Metric::new("loss", 0.25, 900).at_step(2);
/// assert!(late.supersedes(&early));
/// ```
#[non_exhaustive]
#[derive(Clone, PartialEq, Debug)]
pub struct Metric {
    /// The metric.
    pub key: String,
    /// Its value; NaN and the infinities are values, too.
    pub value: f64,
    /// When it was measured, in milliseconds since 1970; not negative. A plain number, because a history has millions.
    pub timestamp_ms: i64,
    /// The training step at which it was measured.
    pub step: i64,
    /// The logged model that it says something about.
    pub model: Option<LoggedModelId>,
    /// The name of the dataset on which it was measured.
    pub dataset_name: Option<String>,
    /// The digest of that dataset.
    pub dataset_digest: Option<String>,
}

impl Metric {
    /// A point at step 0.
    #[must_use]
    pub fn new(key: impl Into<String>, value: f64, timestamp_ms: i64) -> Self {
        Self {
            key: key.into(),
            value,
            timestamp_ms,
            step: 0,
            model: None,
            dataset_name: None,
            dataset_digest: None,
        }
    }

    /// Sets the step.
    #[must_use]
    pub fn at_step(mut self, step: i64) -> Self {
        self.step = step;
        self
    }

    /// Says which logged model it is about.
    #[must_use]
    pub fn of_model(mut self, model: LoggedModelId) -> Self {
        self.model = Some(model);
        self
    }

    /// Says on which dataset it was measured.
    #[must_use]
    pub fn on_dataset(mut self, name: impl Into<String>, digest: impl Into<String>) -> Self {
        self.dataset_name = Some(name.into());
        self.dataset_digest = Some(digest.into());
        self
    }

    /// Says whether a run shows this point rather than `other` as the metric's latest: by step, then time, then value, where
    /// NaN counts as 0. Of equal points the one that was logged last. MLflow's rule.
    #[must_use]
    pub fn supersedes(&self, other: &Self) -> bool {
        let number = |value: f64| if value.is_nan() { 0.0 } else { value };
        let by_value = || number(self.value).partial_cmp(&number(other.value)).unwrap_or(Ordering::Equal);
        let order = (self.step, self.timestamp_ms).cmp(&(other.step, other.timestamp_ms)).then_with(by_value);
        order != Ordering::Less
    }

    /// The place of a point in its metric's history. Points of one run and key with equal places are one point.
    pub(crate) fn place(&self) -> Place {
        // One zero, and one NaN.
        let value = if self.value.is_nan() { f64::NAN } else { self.value + 0.0 };
        Place { timestamp_ms: self.timestamp_ms, step: self.step, value }
    }
}

/// Time, step, value: the order of a history. NaN comes last.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    pub(crate) timestamp_ms: i64,
    pub(crate) step: i64,
    pub(crate) value: f64,
}

impl Ord for Place {
    fn cmp(&self, other: &Self) -> Ordering {
        let key = |place: &Self| (place.timestamp_ms, place.step);
        key(self).cmp(&key(other)).then_with(|| self.value.total_cmp(&other.value))
    }
}

impl PartialOrd for Place {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Place {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Place {}
