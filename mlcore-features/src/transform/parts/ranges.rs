use mlcore::Result;
use serde::{Deserialize, Serialize};

use super::Merge;
use crate::transform::input::FitColumn;

/// The least and the greatest number of each column; NaN where there is none.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ranges {
    #[serde(with = "mlcore::exact")]
    pub(crate) least: Vec<f64>,
    #[serde(with = "mlcore::exact")]
    pub(crate) greatest: Vec<f64>,
}

impl Ranges {
    /// Those of these columns, whose numbers `read` answers.
    pub(crate) fn of(columns: &[FitColumn], read: impl Fn(&FitColumn) -> Result<(f64, f64)>) -> Result<Self> {
        let ends = columns.iter().map(read).collect::<Result<Vec<_>>>()?;
        let (least, greatest) = ends.into_iter().unzip();
        Ok(Self { least, greatest })
    }

    /// Both ends of each column.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (f64, f64)> + '_ {
        self.least.iter().copied().zip(self.greatest.iter().copied())
    }

    pub(crate) fn holds(&self, columns: usize) -> bool {
        self.least.len() == columns && self.greatest.len() == columns
    }
}

impl Merge for Ranges {
    fn merge(self, other: Self) -> Self {
        // The minimum and maximum of `f64` pass over NaN.
        let each = |left: Vec<f64>, right: Vec<f64>, keep: fn(f64, f64) -> f64| {
            left.into_iter().zip(right).map(|(left, right)| keep(left, right)).collect()
        };
        Self {
            least: each(self.least, other.least, f64::min),
            greatest: each(self.greatest, other.greatest, f64::max),
        }
    }
}

/// The least and the greatest of the numbers that are there, NaN where there is none.
pub(crate) fn extremes(values: &[f64]) -> (f64, f64) {
    const LANES: usize = 8;
    let (mut least, mut greatest) = ([f64::NAN; LANES], [f64::NAN; LANES]);
    let (blocks, rest) = values.as_chunks::<LANES>();
    // The minimum and maximum of `f64` pass over NaN and answer NaN where there is nothing else.
    for block in blocks {
        for ((least, greatest), value) in least.iter_mut().zip(&mut greatest).zip(block) {
            (*least, *greatest) = (least.min(*value), greatest.max(*value));
        }
    }
    let all = |lanes: [f64; LANES], keep: fn(f64, f64) -> f64| {
        lanes.into_iter().chain(rest.iter().copied()).fold(f64::NAN, keep)
    };
    (all(least, f64::min), all(greatest, f64::max))
}
