//! Which test a column gets unless it is told otherwise, and by which rule it decides.

mod evidently;
mod nannyml;

use mlcore::stats::{Correction, KsOptions};

pub(super) use self::evidently::{Candidate, Evidently};
pub(super) use self::nannyml::threshold as threshold_of_chunks;
use crate::bins::{Binning, Recipe};
use crate::catalog::TestSpec;
use crate::sample::{Kind, Sample};
use crate::two_sample::{ChiSquare, DriftTest, JensenShannon, KolmogorovSmirnov, MOST_TIES};

/// A named choice of tests, by the kind and the values of a reference column, and all else that decides whether it drifted.
///
/// [`MonitorOptions::with_preset`](super::MonitorOptions::with_preset), and the word in a configuration, set what goes with it:
///
/// | | [`Default`](Self::Default) | [`Evidently`](Self::Evidently) | [`NannyMl`](Self::NannyMl) |
/// |---|---|---|---|
/// | a column drifted if | p, corrected, is at most alpha *and* the effect is large | p is at most alpha, or the distance is 0.1 | the distance is beyond that of ten chunks of the reference |
/// | correction for many columns | Benjamini-Hochberg | none | none |
/// | the data drifted if | one column did | half of the columns did | one column did |
/// | rows that a test needs | 100 | 1 | 1 |
/// | missing rows | a test of their own | not compared | not compared |
///
/// **Ours is the default** because the other two answer another question. A p-value without a smallest effect calls every column
/// of a million rows drifted, and one without a correction calls one in twenty unchanged columns drifted; a distance without
/// what chance gives calls small samples drifted. With 50 unchanged columns and 1,000 rows Evidently's rule calls some column
/// drifted in 92 of 100 reports; that half of the columns must drift then hides that one did.
///
/// ```
/// use mlcore_drift::Sample;
/// use mlcore_drift::monitor::{MAX_EXACT_N, Preset};
///
/// let ages = Sample::from_numbers((0..500).map(|i| f64::from(i) / 10.0).collect());
/// assert_eq!(Preset::Default.test(&ages, MAX_EXACT_N).name(), "ks");
/// assert_eq!(Preset::Default.test(&Sample::categorical(["free", "pro"]), MAX_EXACT_N).name(), "chi_square");
/// assert_eq!(Preset::Evidently.test(&Sample::categorical(["free", "pro"]), MAX_EXACT_N).name(), "z");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
#[non_exhaustive]
pub enum Preset {
    /// Kolmogorov-Smirnov for numbers, because it sees shifts, spreads and shapes without a choice of bins; chi-square for
    /// categories, and for numbers with at most [`MOST_DISCRETE_VALUES`] distinct values that repeat, where
    /// Kolmogorov-Smirnov is blind.
    #[default]
    Default,
    /// The decisions of Evidently 0.7.23's `DataDriftPreset` on the same two tables.
    ///
    /// Of a reference of at most 1,000 values: the z-test of two proportions where both samples together have at most two values,
    /// chi-square against the reference's shares for categories and for numbers with at most five, Kolmogorov-Smirnov for other
    /// numbers, each at p of at most alpha, which is 0.05. Of more values: the Jensen-Shannon distance of categories and of numbers
    /// with at most five values, the Wasserstein distance in standard deviations of the reference for other numbers, each from 0.1
    /// on. Integers with at most ten values in the current table are categories. Infinities are left out.
    ///
    /// Text columns whose values mostly differ, which Evidently compares by a classifier of their words, are categories here.
    Evidently,
    /// The decisions of NannyML 0.13.1's univariate drift with its defaults, a window being a chunk: the Jensen-Shannon distance
    /// of every column, which alerts beyond the mean and three standard deviations of what ten chunks of the reference, in the order
    /// of its rows, have to the whole of it.
    NannyMl,
}

mlcore::words! { Preset, "preset": Default = "default", Evidently = "evidently", NannyMl = "nannyml" }

impl Preset {
    /// The test of a column with this reference, which computes its p-value exactly up to `max_exact_n` values.
    /// [`Evidently`](Self::Evidently), which looks at both samples, chooses as if the current one had the values of the reference,
    /// and is exact up to scipy's 10,000 values.
    #[must_use]
    pub fn test(self, reference: &Sample, max_exact_n: usize) -> TestSpec {
        match self {
            Self::Default => match reference.kind() {
                Kind::Numeric if !is_discrete(reference) => {
                    KolmogorovSmirnov::new(KsOptions::default().with_max_auto_n(max_exact_n)).into()
                }
                Kind::Numeric | Kind::Categorical => ChiSquare::default().into(),
            },
            Self::Evidently => Evidently::of(reference).pick(reference).test().into(),
            Self::NannyMl => JensenShannon::new(Binning::default().with_recipe(Recipe::NannyMl)).into(),
        }
    }

    /// How p-values are corrected for the number of tests.
    #[must_use]
    pub fn correction(self) -> Correction {
        match self {
            Self::Default => Correction::BenjaminiHochberg,
            Self::Evidently | Self::NannyMl => Correction::None,
        }
    }

    /// The share of drifted columns from which on the data as a whole drifted; `None` for one column.
    #[must_use]
    pub fn drift_share(self) -> Option<f64> {
        match self {
            Self::Default | Self::NannyMl => None,
            Self::Evidently => Some(0.5),
        }
    }

    /// The fewest values of either sample that a test is made with.
    #[must_use]
    pub fn min_samples(self) -> u64 {
        match self {
            Self::Default => 100,
            Self::Evidently | Self::NannyMl => 1,
        }
    }

    /// Whether missing rows are compared where nobody names a smallest effect for them.
    pub(super) fn compares_missing_rows(self) -> bool {
        self == Self::Default
    }

    /// The names of the tests that it chooses from.
    pub(super) fn names(self) -> Vec<String> {
        let names = |tests: &[&dyn DriftTest]| tests.iter().map(|test| test.name().to_owned()).collect();
        match self {
            Self::Default => names(&[&KolmogorovSmirnov::default(), &ChiSquare::default()]),
            Self::Evidently => Candidate::ALL.map(|candidate| candidate.test().name().to_owned()).into(),
            Self::NannyMl => names(&[&JensenShannon::default()]),
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
