//! Which categories are put together as infrequent.

use mlcore::batch::OwnedValue;
use mlcore::{Error, Result};
use serde::{Deserialize, Serialize};

use crate::transform::Parameter;

/// Below which frequency a category is called infrequent.
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(try_from = "Parameter", into = "Parameter")]
pub enum MinFrequency {
    /// Fewer rows than this, at least 1.
    Count(u64),
    /// Fewer than this share of the rows, between 0 and 1.
    Fraction(f64),
}

impl TryFrom<Parameter> for MinFrequency {
    type Error = String;

    fn try_from(value: Parameter) -> Result<Self, String> {
        match (value.as_count(), &value) {
            (Some(count), _) => Ok(Self::Count(count)),
            (None, Parameter::Value(OwnedValue::Float(share))) => Ok(Self::Fraction(*share)),
            (None, _) => Err(value.is_not("a number of rows, or a share between 0.0 and 1.0,")),
        }
    }
}

impl From<MinFrequency> for Parameter {
    fn from(frequency: MinFrequency) -> Self {
        match frequency {
            MinFrequency::Count(count) => count.into(),
            MinFrequency::Fraction(share) => share.into(),
        }
    }
}

/// Which categories to put together as infrequent.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub(crate) struct Grouping {
    pub(crate) min_frequency: Option<MinFrequency>,
    pub(crate) max_categories: Option<usize>,
}

impl Grouping {
    fn is_enabled(&self) -> bool {
        self.min_frequency.is_some() || self.max_categories.is_some()
    }

    pub(crate) fn check(&self, operation: &'static str) -> Result<()> {
        let problem = match (self.min_frequency, self.max_categories) {
            (Some(MinFrequency::Count(0)), _) => "min_frequency must be at least 1",
            (Some(MinFrequency::Fraction(share)), _) if !(share > 0.0 && share < 1.0) => {
                "min_frequency must be between 0 and 1 as a fraction"
            }
            (_, Some(0)) => "max_categories must be at least 1",
            _ => return Ok(()),
        };
        Err(Error::invalid_input(operation, "parameters", problem))
    }

    /// The positions of the infrequent categories, in order.
    pub(super) fn infrequent(&self, counts: &[u64], rows: usize) -> Vec<usize> {
        if !self.is_enabled() {
            return Vec::new();
        }
        let mut rare: Vec<bool> = counts
            .iter()
            .map(|count| match self.min_frequency {
                None => false,
                Some(MinFrequency::Count(least)) => *count < least,
                Some(MinFrequency::Fraction(share)) => (*count as f64) < rows as f64 * share,
            })
            .collect();
        let rare_count = rare.iter().filter(|rare| **rare).count();
        // The group of infrequent ones counts as a category even while it is empty: scikit-learn's arithmetic.
        let columns = counts.len() - rare_count + 1;
        if let Some(most) = self.max_categories
            && most < columns
        {
            let mut order: Vec<usize> = (0..counts.len()).collect();
            order.sort_by_key(|position| counts[*position]);
            let kept = most.saturating_sub(1);
            for position in order.iter().take(counts.len().saturating_sub(kept)) {
                rare[*position] = true;
            }
        }
        rare.iter().enumerate().filter(|(_, rare)| **rare).map(|(position, _)| position).collect()
    }
}
