//! A metric as it comes into an experiment.

use super::super::{Answer, Effect, Estimate, JointMoments, PreferredDirection, cuped};
use crate::stats::Moments;

/// A metric of all arms, the control first: what it is called, which direction is better, and what each arm says.
///
/// ```
/// use mlcore::experiment::{Metric, PreferredDirection};
///
/// let metric = Metric::new("clicked", PreferredDirection::Increase)
///     .proportions([(500, 5_000), (560, 5_000)])
///     .in_segment("country", "DE")
///     .with_margin(0.01);
/// assert_eq!(metric.arms(), 2);
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Metric {
    pub(super) name: String,
    pub(super) preferred_direction: PreferredDirection,
    pub(super) segment: Option<(String, String)>,
    pub(super) margin: Option<f64>,
    /// The control with each treatment: an adjustment by a covariate differs from pair to pair.
    pub(super) pairs: Vec<[Answer<Estimate>; 2]>,
    pub(super) days: Vec<(f64, Answer<Effect>)>,
}

impl Metric {
    /// A metric of no arm so far.
    #[must_use]
    pub fn new(name: impl Into<String>, preferred_direction: PreferredDirection) -> Self {
        Self {
            name: name.into(),
            preferred_direction,
            segment: None,
            margin: None,
            pairs: Vec::new(),
            days: Vec::new(),
        }
    }

    /// What each arm says, the control first.
    #[must_use]
    pub fn estimates(mut self, arms: impl IntoIterator<Item = Answer<Estimate>>) -> Self {
        let mut arms = arms.into_iter();
        if let Some(control) = arms.next() {
            self.pairs = arms.map(|treatment| [control, treatment]).collect();
        }
        self
    }

    /// The means of units, the control's first.
    #[must_use]
    pub fn means<'a>(self, arms: impl IntoIterator<Item = &'a Moments>) -> Self {
        self.estimates(arms.into_iter().map(Estimate::of_mean))
    }

    /// Successes and units of each arm, the control first.
    #[must_use]
    pub fn proportions(self, arms: impl IntoIterator<Item = (u64, u64)>) -> Self {
        self.estimates(arms.into_iter().map(|(successes, count)| Estimate::of_proportion(successes, count)))
    }

    /// Ratios of the two numbers of each unit, the control first.
    #[must_use]
    pub fn ratios<'a>(self, arms: impl IntoIterator<Item = &'a JointMoments>) -> Self {
        self.estimates(arms.into_iter().map(JointMoments::ratio))
    }

    /// The metric and a covariate of each unit, the control first, adjusted by [`cuped`].
    #[must_use]
    pub fn cuped(mut self, arms: impl IntoIterator<Item = JointMoments>) -> Self {
        let mut arms = arms.into_iter();
        if let Some(control) = arms.next() {
            self.pairs = arms.map(|treatment| cuped(&control, &treatment)).collect();
        }
        self
    }

    /// Sets which units are meant.
    #[must_use]
    pub fn in_segment(mut self, dimension: impl Into<String>, value: impl Into<String>) -> Self {
        self.segment = Some((dimension.into(), value.into()));
        self
    }

    /// Asks only that the treatment is not worse by more than this share of the control's mean.
    #[must_use]
    pub fn with_margin(mut self, margin: f64) -> Self {
        self.margin = Some(margin);
        self
    }

    /// The effects of single days of the first treatment, for the check of [`novelty`](super::super::novelty) and a drawing.
    #[must_use]
    pub fn with_days(mut self, days: impl IntoIterator<Item = (f64, Answer<Effect>)>) -> Self {
        self.days = days.into_iter().collect();
        self
    }

    /// How many arms the metric has.
    #[must_use]
    pub fn arms(&self) -> usize {
        if self.pairs.is_empty() { 0 } else { self.pairs.len() + 1 }
    }
}
