//! Which test a column gets unless it is told otherwise.

use mlcore::stats::KsOptions;

use crate::catalog::TestSpec;
use crate::sample::{Kind, Sample};
use crate::two_sample::{ChiSquare, DriftTest, KolmogorovSmirnov, MOST_TIES};

/// A named choice of tests, by the kind and the values of a reference column.
///
/// ```
/// use mlcore_drift::Sample;
/// use mlcore_drift::monitor::{MAX_EXACT_N, Preset};
///
/// let ages = Sample::from_numbers((0..500).map(|i| f64::from(i) / 10.0).collect());
/// assert_eq!(Preset::Default.test(&ages, MAX_EXACT_N).name(), "ks");
/// assert_eq!(Preset::Default.test(&Sample::categorical(["free", "pro"]), MAX_EXACT_N).name(), "chi_square");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
#[non_exhaustive]
pub enum Preset {
    /// Kolmogorov-Smirnov for numbers, because it sees shifts, spreads and shapes without a choice of bins; chi-square for
    /// categories, and for numbers with at most [`MOST_DISCRETE_VALUES`] distinct values that repeat, where
    /// Kolmogorov-Smirnov is blind.
    #[default]
    Default,
}

mlcore::words! { Preset, "preset": Default = "default" }

impl Preset {
    /// The test of a column with this reference, which computes its p-value exactly up to `max_exact_n` values.
    #[must_use]
    pub fn test(self, reference: &Sample, max_exact_n: usize) -> TestSpec {
        match self {
            Self::Default => match reference.kind() {
                Kind::Numeric if !is_discrete(reference) => {
                    KolmogorovSmirnov::new(KsOptions::default().with_max_auto_n(max_exact_n)).into()
                }
                Kind::Numeric | Kind::Categorical => ChiSquare::default().into(),
            },
        }
    }

    /// The names of the tests that it chooses from.
    pub(super) fn names(self) -> Vec<String> {
        match self {
            Self::Default => {
                let tests: [&dyn DriftTest; 2] = [&KolmogorovSmirnov::default(), &ChiSquare::default()];
                tests.map(|test| test.name().to_owned()).into()
            }
        }
    }
}

/// Up to this many values of the reference and the window a monitor computes the exact p-value of Kolmogorov-Smirnov.
///
/// Beyond, it takes the asymptotic one, `method="asymp"` in scipy: the exact one takes time in proportion to the product of
/// the sizes, for every column of every window, to change digits that no alarm depends on. A report, made once, stays
/// with scipy's 10,000, as the numeric test `KolmogorovSmirnov::default()` does in a monitor.
pub const MAX_EXACT_N: usize = 1_000;

/// A numeric column with at most this many distinct values is compared by value.
pub const MOST_DISCRETE_VALUES: usize = 20;

pub(super) fn is_discrete(reference: &Sample) -> bool {
    reference.is_discrete(MOST_DISCRETE_VALUES, MOST_TIES)
}
