//! The answer of a drift test.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::Note;

/// The answer of a [`DriftTest`](super::DriftTest).
///
/// ```
/// use mlcore_drift::two_sample::{Effect, Score};
///
/// let score = Score::new(0.31, Effect::new("D", 0.31))
///     .with_pvalue(0.002)
///     .with_reference_len(1000)
///     .with_current_len(80);
/// assert_eq!((score.pvalue, score.current_len), (Some(0.002), 80));
/// ```
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Score {
    /// The test's statistic.
    pub statistic: f64,
    /// The probability of such a statistic, or a larger one, if nothing changed; `None` for a test without one.
    pub pvalue: Option<f64>,
    /// The p-value, had every value been replaced by another one; `None` where that is certainly small. Where it is large the
    /// test sees no change of categories at all, as in a column of which no value occurs twice: its p-value is no evidence
    /// that nothing changed, and a monitor gives no judgement.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replaced_pvalue: Option<f64>,
    /// How large the change is, on a scale that does not grow with the number of rows.
    pub effect: Effect,
    /// Values of the reference.
    pub reference_len: u64,
    /// Values of the current sample.
    pub current_len: u64,
    /// What a reader of the numbers should know.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<Note>,
}

impl Score {
    /// A score without a p-value, of samples whose sizes are still to be given.
    #[must_use]
    pub fn new(statistic: f64, effect: Effect) -> Self {
        Self {
            statistic,
            pvalue: None,
            replaced_pvalue: None,
            effect,
            reference_len: 0,
            current_len: 0,
            notes: Vec::new(),
        }
    }

    /// Sets the probability of such a statistic, or a larger one, if nothing changed.
    #[must_use]
    pub fn with_pvalue(mut self, pvalue: f64) -> Self {
        self.pvalue = Some(pvalue);
        self
    }

    /// Sets the p-value, had every value been replaced by another one.
    #[must_use]
    pub fn with_replaced_pvalue(mut self, pvalue: impl Into<Option<f64>>) -> Self {
        self.replaced_pvalue = pvalue.into();
        self
    }

    /// Sets the number of values of the reference.
    #[must_use]
    pub fn with_reference_len(mut self, values: u64) -> Self {
        self.reference_len = values;
        self
    }

    /// Sets the number of values of the current sample.
    #[must_use]
    pub fn with_current_len(mut self, values: u64) -> Self {
        self.current_len = values;
        self
    }

    /// Adds notes.
    #[must_use]
    pub fn with_notes(mut self, notes: impl IntoIterator<Item = Note>) -> Self {
        self.notes.extend(notes);
        self
    }
}

/// The size of a change: a named number, 0 for none.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Effect {
    /// What is measured: `D`, `Cramer's V`, `PSI`, `difference of rates`.
    pub name: Cow<'static, str>,
    /// How much of it.
    pub value: f64,
}

impl Effect {
    /// An effect of this size.
    #[must_use]
    pub fn new(name: impl Into<Cow<'static, str>>, value: f64) -> Self {
        Self { name: name.into(), value }
    }
}
