//! Tests of two samples: whether the distribution of a column changed, by how much, and whether it could be chance.
//!
//! A [`DriftTest`] answers with a [`Score`]: the statistic, the p-value (could it be chance?) and an effect size (does it
//! matter?). The two are different questions. At a million rows a Kolmogorov-Smirnov test rejects a shift of a hundredth
//! of a standard deviation with certainty, so a verdict asks both: see [`monitor`](crate::monitor).
//!
//! # Whose numbers they are
//!
//! Every test has the numbers of a library to 1e-9, by default or by an option, and golden files prove it. What differs, differs
//! on purpose:
//!
//! | test | name | equals | what differs, and why |
//! |---|---|---|---|
//! | [`KolmogorovSmirnov`] | `ks` | `scipy.stats.ks_2samp`; Evidently `ks`, NannyML `kolmogorov_smirnov` below 10,000 rows | NannyML takes quantiles of a larger reference in the place of its values; here they are all compared |
//! | [`ChiSquare`] | `chi_square` | `scipy.stats.chi2_contingency(correction=False)` with `pool_below` 0; Evidently `chisquare` with `goodness_of_fit` | rare categories are pooled, for which the distribution does not hold; the reference is a sample, and not exact as for Evidently, which alarms falsely in 17 to 49 of 100 cases; NannyML's `chi2` corrects two categories by Yates |
//! | [`GTest`] | `g_test` | `chi2_contingency(lambda_="log-likelihood")` with `pool_below` 0; Evidently `g_test` with `goodness_of_fit` | as chi-square; samples of different sizes are compared, which Evidently refuses |
//! | [`Fisher`] | `fisher` | `scipy.stats.fisher_exact`; Evidently `fisher_exact` | samples of different sizes and more than two values are compared, which Evidently refuses; ties of two tables are found up to 1e-11, which scipy looks for up to 1e-14 |
//! | [`TwoProportionZ`] | `z` | statsmodels `proportions_ztest`; Evidently `z` | a small p-value keeps its digits, where `1 - cdf` is 0; of more than two values all are compared, not the first alone |
//! | [`Psi`] | `psi` | Evidently `psi` with its recipe | by default half a count in each bin and no epsilon, what chance gives taken off, a p-value; frouros' PSI, hundreds for an empty bin, is refused |
//! | [`Hellinger`] | `hellinger` | Evidently, NannyML, frouros, each with its recipe | by default without what chance gives, with a p-value; `float32` columns are added up in double precision |
//! | [`JensenShannon`] | `jensen_shannon` | `scipy.spatial.distance.jensenshannon` of the shares; Evidently (base e), NannyML (base 2) with their recipes | distance and divergence are named; by default without what chance gives, with a p-value; frouros compares two smoothed histograms of different bins, which is refused |
//! | [`KullbackLeibler`] | `kullback_leibler` | `scipy.stats.entropy` of the shares; Evidently `kl_div` with its recipe | by default half a count in each bin, so that it is never infinite; frouros' is, and is refused |
//! | [`Bhattacharyya`] | `bhattacharyya` | frouros with its recipe | equal samples have 0, where 1 - 1 leaves 1e-16; by default without what chance gives, with a p-value |
//! | [`TotalVariation`] | `total_variation` | the distance of Evidently `TVD`, and its p-value within the error of 1,000 draws; frouros' `HINormalizedComplement` with its recipe | the draws are seeded and ours; the data count as one of them, so that no p-value is 0; numbers are compared, too |
//! | [`LInfinity`] | `l_infinity` | NannyML `l_infinity` with its recipe | by default without what chance gives, with a p-value; numbers are compared, too |
//! | [`MissingRate`] | `missing_rate` | `chi2_contingency` of missing and present rows | |
//!
//! Thresholds are those of the libraries where these have one in the unit of the effect. Evidently's 0.1 of `g_test`, `fisher_exact`
//! and `TVD` is a p-value; NannyML derives its own from chunks of the reference, which
//! [`Preset::NannyMl`](crate::monitor::Preset::NannyMl) does, too.
//!
//! Tests of numbers, under the names that Evidently has for them where it has one; effects do not grow with the samples:
//!
//! | name | test | effect | p-value | differs from its library |
//! |---|---|---|---|---|
//! | `cramer_von_mises` | [`CramerVonMises`] | root mean square of `F - G` | scipy | ties allowed for, scipy's as an option; tails keep their digits; statistic exact |
//! | `anderson` | [`AndersonDarling`] | the same, weighted in the tails | limit, ties allowed for | scipy's table as an option |
//! | `mannw` | [`MannWhitney`] | rank-biserial correlation | scipy | either way, where Evidently looks for a rise only |
//! | `t_test`, `welch_t_test` | [`StudentT`], [`WelchT`] | Cohen's d | scipy | columns without variance are answered |
//! | `es` | [`EppsSingleton`] | distance of characteristic functions | scipy | one covariance of both samples, scipy's two as an option; answers where the interquartile range is 0 |
//! | `kuiper` | [`Kuiper`] | V | astropy | no one-sample formulas; frouros compares D |
//! | `ed` | [`EnergyDistance`] | the distance, in the root of the column's unit | none | |
//! | `wasserstein` | [`NormedWasserstein`] | the distance, in standard deviations | none | |
//! | `wasserstein_distance` | [`Wasserstein`] | the distance, in the column's unit | none | |
//!
//! # What is left out
//!
//! | of | left out | why |
//! |---|---|---|
//! | Evidently | dashboards, test suites | a [report](fn@crate::report) is one page and plain data, which other programs draw and judge |
//! | alibi-detect | learned kernels, context-aware MMD, spot-the-diff, uncertainty of classifiers and regressors | they train a network with the user's framework; a score that a model gives is a column like any other |
//! | alibi-detect | outlier detectors (Mahalanobis, isolation forest, LOF, autoencoders, spectral residual, ..) | they judge single rows, and are models to be served, not tests of two samples |
//! | alibi-detect | online CVM, FET, LSDD, MMD | their thresholds are simulated for hours before the first row; windows of a monitor and stream detectors answer at once |
//! | NannyML | CBPE and DLE, sampling error bands, rankers | estimates of performance, and another question than whether data changed |
//! | NannyML | chunkers by period | a monitor reads no clock; rows come in windows, or the caller ends one with `evaluate_now` |
//! | river | `PeriodicTrigger`, `DriftRetrainingClassifier` | a timer and a training loop, which the host has |
//! | frouros | BWS | a rank test for the tails, where Anderson and Darling's has the power |
//! | frouros | incremental KS, streaming MMD, permutation callbacks | a monitor compares windows in bounded memory, and tests that permute do so by themselves |
//! | whylogs | KS, Hellinger and chi-square on sketches | a [summary](crate::sample::Sketch) is compared with its error counted in, which whylogs leaves out |
//! | deepchecks | label and prediction drift | labels and predictions are columns of the table |
//! | scouter | SPC | its limits are those of single values where means are compared |

mod anderson_darling;
mod bhattacharyya;
mod chance;
mod chi_square;
mod cramer_von_mises;
mod crossed;
mod distance_bounds;
mod energy_distance;
mod epps_singleton;
mod fisher;
mod g_test;
mod hellinger;
mod jensen_shannon;
mod kolmogorov_smirnov;
mod kuiper;
mod kullback_leibler;
mod l_infinity;
mod located;
mod mann_whitney;
mod missing_rate;
mod needs;
mod note;
mod one_against_rest;
mod ordered;
pub mod psi;
mod quadratic;
mod score;
mod t_test;
mod total_variation;
mod two_proportion_z;
mod wasserstein;

use std::fmt;

use mlcore::Result;

pub use self::jensen_shannon::JensenShannonMeasure;
pub use self::kolmogorov_smirnov::MOST_TIES;
pub use self::needs::Needs;
pub use self::note::{MOST_EXAMPLES, Note};
pub use self::score::{Effect, Score};
use crate::catalog::{Catalog, TestOptions};
use crate::sample::{Kind, Sample};

/// The list of tests: each gets its type in this module, and its name in [`Catalog::default`]. Golden cases, the contract,
/// simulations and the Python classes are looked for by the names in there.
macro_rules! drift_tests {
    ($($module:ident::$test:ident),+ $(,)?) => {
        $(pub use self::$module::$test;)+

        pub(crate) fn with_drift_tests(catalog: Catalog) -> Catalog {
            catalog$(.with_test_of::<$test>())+
        }
    };
}

drift_tests! {
    kolmogorov_smirnov::KolmogorovSmirnov,
    chi_square::ChiSquare,
    psi::Psi,
    hellinger::Hellinger,
    missing_rate::MissingRate,
    jensen_shannon::JensenShannon,
    kullback_leibler::KullbackLeibler,
    bhattacharyya::Bhattacharyya,
    total_variation::TotalVariation,
    l_infinity::LInfinity,
    g_test::GTest,
    fisher::Fisher,
    two_proportion_z::TwoProportionZ,
    // Tests of numbers with scipy's p-values, then distances of numbers.
    cramer_von_mises::CramerVonMises,
    anderson_darling::AndersonDarling,
    mann_whitney::MannWhitney,
    t_test::StudentT,
    t_test::WelchT,
    epps_singleton::EppsSingleton,
    kuiper::Kuiper,
    energy_distance::EnergyDistance,
    wasserstein::Wasserstein,
    wasserstein::NormedWasserstein,
}

/// A two-sample test of one column.
///
/// # Contract
/// `mlcore_drift::conformance::drift_test` (feature `conformance`) demands what stands here and nothing else. Numbers are
/// equal that differ by at most [`TOLERANCE`], of the larger one or of 1: a test may add up in any order.
///
/// - **Rows have no order.** A score depends on the two multisets of values only: not on the order of rows, nor on the
///   codes of a dictionary.
/// - **Repeatable.** The same two samples score the same to the bit; a test that draws random numbers takes a seed as an
///   option. [`compile`](Self::compile), then [`compare`](CompiledTest::compare), gives the score of
///   [`compare`](Self::compare).
/// - **Ranges.** The statistic is not NaN, a p-value lies in `[0, 1]`, the effect is 0 or more, and the score says how
///   many values (rows, for a test of missing rows) each sample had.
/// - **No change.** Identical samples have an effect of 0 and, where there is one, a p-value of at least 0.2.
/// - **A change.** A test says what it [looks for](Self::looks_for): a shift, a spread, missing rows. Of two such changes of a
///   thousand rows the larger has no smaller effect and no larger p-value; a change of most rows reaches
///   [`default_minimum_effect`](Self::default_minimum_effect), with a p-value of at most 0.01. Whether the test sees any
///   other change is not asked.
/// - **Size is not certainty.** The same change in twenty times as many rows has 0.4 to 2.5 times the effect.
/// - **Missing rows** do not enter, unless they are what the test looks for.
/// - **Summaries.** A current sample may be a [summary](crate::sample::Sketch) of numbers. Where it is exact at what the
///   compiled test [needs](CompiledTest::needs), the score is that of the values. Otherwise the test errs on the side of no
///   change, with no larger effect and no smaller p-value than the values have, or refuses with
///   [`Error::InvalidInput`](mlcore::Error::InvalidInput). The same holds for a reference of which a summary is left;
///   [`KolmogorovSmirnov`] takes one.
/// - **Refused** as [`Error::InvalidInput`](mlcore::Error::InvalidInput) are a sample without any value (without rows, for
///   a test of missing rows), a sample of a kind that the test does not apply to, and two samples of different kinds.
/// - **Odd samples** (constants, single values, infinities, numbers at the limits of floats) get an answer or
///   [`Error::InvalidInput`](mlcore::Error::InvalidInput). Nothing panics.
///
/// ```
/// use mlcore_drift::sample::Sample;
/// use mlcore_drift::two_sample::{DriftTest, KolmogorovSmirnov};
///
/// let reference = Sample::from_numbers((0..1000).map(f64::from).collect());
/// let current = Sample::from_numbers((0..1000).map(|i| f64::from(i) + 100.0).collect());
/// let score = KolmogorovSmirnov::default().compare(&reference, &current)?;
/// assert_eq!(score.effect.value, 0.1);
/// assert!(score.pvalue.unwrap() < 1e-3);
/// # Ok::<(), mlcore::Error>(())
/// ```
///
/// # A test of your own
///
/// ```
/// use mlcore::Result;
/// use mlcore_drift::sample::{Kind, Sample};
/// use mlcore_drift::two_sample::{CompiledTest, DriftTest, Effect, Score};
///
/// /// Compares how often a number is negative.
/// #[derive(Debug)]
/// struct NegativeShare;
///
/// #[derive(Debug)]
/// struct Compiled {
///     share: f64,
///     len: u64,
/// }
///
/// fn negative_share(sample: &Sample, side: &'static str) -> Result<f64> {
///     let values = sample.require_numbers("compare with negative_share", side)?;
///     Ok(values.iter().filter(|value| **value < 0.0).count() as f64 / values.len() as f64)
/// }
///
/// impl DriftTest for NegativeShare {
///     fn name(&self) -> &str {
///         "negative_share"
///     }
///
///     fn applies_to(&self, kind: Kind) -> bool {
///         kind == Kind::Numeric
///     }
///
///     fn default_minimum_effect(&self) -> f64 {
///         0.05
///     }
///
///     fn compile(&self, reference: &Sample) -> Result<Box<dyn CompiledTest>> {
///         let share = negative_share(reference, "reference")?;
///         Ok(Box::new(Compiled { share, len: reference.len() }))
///     }
/// }
///
/// impl CompiledTest for Compiled {
///     fn compare(&self, current: &Sample) -> Result<Score> {
///         let difference = (negative_share(current, "current")? - self.share).abs();
///         Ok(Score::new(difference, Effect::new("difference of shares", difference))
///             .with_reference_len(self.len)
///             .with_current_len(current.len()))
///     }
/// }
///
/// let score = NegativeShare.compare(&Sample::numeric(&[-1.0, 2.0]), &Sample::numeric(&[3.0, 4.0, 5.0]))?;
/// assert_eq!((score.effect.value, score.reference_len, score.current_len), (0.5, 2, 3));
/// # Ok::<(), mlcore::Error>(())
/// ```
pub trait DriftTest: fmt::Debug + Send + Sync {
    /// The name in verdicts and reports: `ks`, `psi`, `chi_square`.
    fn name(&self) -> &str;

    /// The options that make this test again under its name, beside which they are written in a configuration. A test
    /// that does not say has none.
    ///
    /// # Errors
    /// [`Error::InvalidInput`](mlcore::Error::InvalidInput) for options that do not serialise.
    fn options(&self) -> Result<TestOptions> {
        Ok(TestOptions::default())
    }

    /// The change that the test looks for, which the contract is proved with and a verdict's sentence names.
    fn looks_for(&self) -> LooksFor {
        LooksFor::Shift
    }

    /// A sentence for readers of a report: what its effect measures, and which sizes are small or large. Empty for none.
    fn legend(&self) -> &str {
        ""
    }

    /// Whether the test makes sense for such a column.
    fn applies_to(&self, kind: Kind) -> bool;

    /// The smallest effect that a monitor calls drift unless told otherwise, in the unit of [`Score::effect`].
    fn default_minimum_effect(&self) -> f64;

    /// Prepares a reference once, to be compared with many current samples.
    ///
    /// # Errors
    /// [`Error::InvalidInput`](mlcore::Error::InvalidInput) for a reference without values or of the wrong kind.
    fn compile(&self, reference: &Sample) -> Result<Box<dyn CompiledTest>>;

    /// Compares two samples.
    ///
    /// # Errors
    /// [`Error::InvalidInput`](mlcore::Error::InvalidInput) for a sample without values or of the wrong kind.
    fn compare(&self, reference: &Sample, current: &Sample) -> Result<Score> {
        self.compile(reference)?.compare(current)
    }
}

/// A [`DriftTest`] with its reference ready.
///
/// It is what a monitor keeps: everything that [`compare`](Self::compare) asks of the reference is computed once, in
/// [`DriftTest::compile`].
///
/// ```
/// use mlcore::Result;
/// use mlcore_drift::sample::Sample;
/// use mlcore_drift::two_sample::{CompiledTest, Effect, Needs, Score};
///
/// /// Compares the share of missing rows with that of the reference.
/// #[derive(Debug)]
/// struct MissingShare {
///     reference: f64,
///     rows: u64,
/// }
///
/// impl CompiledTest for MissingShare {
///     fn compare(&self, current: &Sample) -> Result<Score> {
///         let difference = (current.missing_rate() - self.reference).abs();
///         Ok(Score::new(difference, Effect::new("difference of rates", difference))
///             .with_reference_len(self.rows)
///             .with_current_len(current.rows()))
///     }
///
///     /// A window keeps two numbers for this test, and no values.
///     fn needs(&self) -> Needs {
///         Needs::Rows
///     }
/// }
///
/// let compiled = MissingShare { reference: 0.0, rows: 1000 };
/// let score = compiled.compare(&Sample::categorical([Some("free"), None, None, Some("pro")]))?;
/// assert_eq!((score.effect.value, score.current_len), (0.5, 4));
/// # Ok::<(), mlcore::Error>(())
/// ```
pub trait CompiledTest: fmt::Debug + Send + Sync {
    /// Compares the reference with `current`.
    ///
    /// # Errors
    /// As [`DriftTest::compare`].
    fn compare(&self, current: &Sample) -> Result<Score>;

    /// What the test must know of a current sample for the score that its values have: who counts a window, and keeps no
    /// values, counts this.
    fn needs(&self) -> Needs {
        Needs::Values
    }

    /// What a summary of bounded size should hold for the test, with at most `most` edges: for one that needs every value,
    /// edges at which the counts say most about its score. A test that cannot be made of a summary says
    /// [`Needs::Values`] here, and a fleet refuses it.
    fn summary(&self, most: usize) -> Needs {
        let _ = most;
        self.needs()
    }
}

/// The change that a test looks for.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum LooksFor {
    /// Values that move in one direction; other frequencies of categories.
    Shift,
    /// Values that lie farther apart; other frequencies of categories.
    Spread,
    /// More missing rows.
    MissingRows,
}

mlcore::words! { LooksFor, "change": Shift = "shift", Spread = "spread", MissingRows = "missing_rows" }

/// Two numbers of a score are equal if they differ by at most this share of the larger one, or of 1.
pub const TOLERANCE: f64 = 1e-9;
