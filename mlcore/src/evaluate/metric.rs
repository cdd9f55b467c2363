//! Metrics as values, found by name.

use super::{classification, probability, ranking, regression};
use crate::error::Result;

/// A metric as a value: the function that computes it, by what it compares.
///
/// A configuration or a tracker names metrics; this finds the function. Metrics with further options have scikit-learn's
/// defaults here.
///
/// ```
/// use mlcore::evaluate::Metric;
///
/// let Metric::Values(r2) = Metric::named("r2_score")? else { unreachable!() };
/// assert_eq!(r2(&[1.0, 2.0, 3.0], &[1.0, 2.0, 3.0], None)?, 1.0);
/// # Ok::<(), mlcore::Error>(())
/// ```
#[non_exhaustive]
#[derive(Clone, Copy, Debug)]
pub enum Metric {
    /// Compares labels, of any number of classes.
    Labels(MetricFunction<i64, i64>),
    /// Compares two labels, of which `true` is the positive one.
    Binary(MetricFunction<bool, bool>),
    /// Compares labels with probabilities of `true`, or with scores that rank.
    Scores(MetricFunction<bool, f64>),
    /// Compares numbers.
    Values(MetricFunction<f64, f64>),
}

/// The function of a [`Metric`]: of the truth, the predictions, and one weight for each row or `None`.
pub type MetricFunction<T, P> = fn(&[T], &[P], Option<&[f64]>) -> Result<f64>;

impl Metric {
    /// The metric of this name of scikit-learn.
    ///
    /// # Errors
    /// [`Error::InvalidInput`](crate::Error::InvalidInput) for a name that no metric has.
    pub fn named(name: &str) -> Result<Self> {
        Self::all().find(|(known, _)| *known == name).map(|(_, metric)| metric).ok_or_else(|| {
            let known: Vec<&str> = Self::all().map(|(name, _)| name).collect();
            crate::words::unknown("metric", name, &known)
        })
    }

    /// Every metric that answers one number, with its name.
    pub fn all() -> impl Iterator<Item = (&'static str, Self)> {
        let families = [classification::METRICS, probability::METRICS, ranking::METRICS, regression::METRICS];
        families.into_iter().flatten().copied()
    }
}
