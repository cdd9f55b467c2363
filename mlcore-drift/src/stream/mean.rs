//! The running means of river and frouros, which round differently.

use serde::{Deserialize, Serialize};

/// A mean of the values so far.
#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize, Deserialize)]
pub(super) struct Mean {
    /// How many values there were, as a float: it is only ever divided by.
    pub(super) n: f64,
    pub(super) mean: f64,
}

impl Mean {
    /// Takes a value, rounding as river does: the weight first.
    #[inline]
    pub(super) fn push(&mut self, value: f64) {
        self.n += 1.0;
        self.mean += (1.0 / self.n) * (value - self.mean);
    }

    /// Takes a value, rounding as frouros does: one division.
    #[inline]
    pub(super) fn push_divided(&mut self, value: f64) {
        self.n += 1.0;
        self.mean += (value - self.mean) / self.n;
    }

    /// Whether it can have come from a stream.
    pub(super) fn is_sound(&self) -> bool {
        self.n >= 0.0 && self.n.is_finite() && self.n.fract() == 0.0 && self.mean.is_finite()
    }
}
