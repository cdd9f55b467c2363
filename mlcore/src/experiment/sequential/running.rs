//! What many looks say together.

use serde::{Deserialize, Serialize};

use super::super::Effect;

/// The smallest p-value and the intersection of the intervals of all looks so far: still valid, and never less sure than before.
///
/// It is for effects of [`Inference::Sequential`](super::super::Inference::Sequential) or
/// [`Inference::Mixture`](super::super::Inference::Mixture); with a test for one look it would be peeking. The intersection
/// is empty (`low` above `high`) where the effect changed between looks.
///
/// ```
/// use mlcore::experiment::{AlwaysValid, Effect, EffectOptions, Estimate, Inference};
///
/// let options = EffectOptions::default().with_inference(Inference::sequential());
/// let mut looks = AlwaysValid::new();
/// for (count, control, treatment) in [(1_000, 100, 150), (2_000, 200, 290)] {
///     let [control, treatment] = [control, treatment].map(|successes| Estimate::of_proportion(successes, count));
///     if let Some(effect) = Effect::between(control, treatment, &options)?.known() {
///         looks.look(effect);
///     }
/// }
/// assert!(looks.looks() == 2 && looks.pvalue() < 0.05 && looks.interval().0 > 0.0);
/// # Ok::<(), mlcore::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct AlwaysValid {
    looks: u64,
    pvalue: f64,
    #[serde(with = "crate::exact")]
    interval: (f64, f64),
}

impl Default for AlwaysValid {
    fn default() -> Self {
        Self::new()
    }
}

impl AlwaysValid {
    /// Before the first look.
    #[must_use]
    pub fn new() -> Self {
        Self { looks: 0, pvalue: 1.0, interval: (f64::NEG_INFINITY, f64::INFINITY) }
    }

    /// Looks once more.
    pub fn look(&mut self, effect: &Effect) {
        self.looks = self.looks.saturating_add(1);
        self.pvalue = self.pvalue.min(effect.pvalue);
        self.interval = (self.interval.0.max(effect.low), self.interval.1.min(effect.high));
    }

    /// How many looks.
    #[must_use]
    pub fn looks(&self) -> u64 {
        self.looks
    }

    /// The smallest p-value so far; 1 before the first look.
    #[must_use]
    pub fn pvalue(&self) -> f64 {
        self.pvalue
    }

    /// The intersection of the intervals.
    #[must_use]
    pub fn interval(&self) -> (f64, f64) {
        self.interval
    }
}
