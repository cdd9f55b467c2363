//! The numerical kernel: two-sample tests, corrections for many tests, intervals and the distributions below them.
//!
//! Names, parameters, defaults, edge cases and numbers are those of scipy and statsmodels, checked against golden files
//! made by those libraries. All functions are pure and synchronous, and answer every `f64`: a NaN in the data gives NaN
//! in the answer, never a panic or an endless loop.
//!
//! ```
//! use mlcore::stats::{Correction, KsOptions, ks_2samp, multipletests};
//!
//! let reference: Vec<f64> = (0..500).map(f64::from).collect();
//! let current: Vec<f64> = (0..400).map(|i| f64::from(i) + 60.0).collect();
//! let test = ks_2samp(&reference, &current, &KsOptions::default())?;
//! assert_eq!(test.statistic, 0.12);
//! let corrected = multipletests(&[test.pvalue, 0.3, 0.9], 0.05, Correction::Holm)?;
//! assert_eq!(corrected.reject, [true, false, false]);
//! # Ok::<(), mlcore::Error>(())
//! ```
//!
//! | question | answer |
//! |---|---|
//! | Do two samples of a number come from one distribution? | [`ks_2samp`], [`KsReference`], [`cramervonmises_2samp`], [`anderson_ksamp`], [`epps_singleton_2samp`], [`kuiper_two`] |
//! | Does one of them tend to larger values, and how often? | [`mannwhitneyu`], [`rank_compare_2indep`] |
//! | Could samples be exchanged, by any statistic? | [`permutation_test`] |
//! | Do two numbers of each observation rise and fall together? | [`spearmanr`] |
//! | One sample against many | [`SortedSample`], [`KsReference`] |
//! | How far apart are two samples of a number? | [`wasserstein_distance`], [`energy_distance`] |
//! | Do two samples of a category? Are rows and columns independent? | [`chi2_two_sample`], [`chi2_contingency`], [`fisher_exact`] |
//! | Do categories occur as often as expected? | [`power_divergence`], [`dirichlet_multinomial_log_ratio`] |
//! | How far apart are two distributions of a category? | [`jensenshannon`], [`entropy`] |
//! | Which of many tests still count? | [`multipletests`] |
//! | Do two samples have the same mean, the same proportion? | [`ttest_ind`], [`proportions_ztest`] |
//! | How surely is a proportion known, or the difference of two? | [`proportion_confint`], [`confint_proportions_2indep`], [`test_proportions_2indep`] |
//! | How surely is a mean known, looked at after every window? | [`ConfidenceSequence`], [`Moments`] |
//! | What is a quantile of a sample? | [`QuantileMethod`] |
//! | A sum of many numbers, a grid, seeded random numbers | [`Sum`], [`pairwise_sum`], [`linspace`], [`SplitMix64`] |
//! | A tail probability or a quantile | [`norm`], [`t`], [`chi2`], [`beta`], [`binom`], [`hypergeom`], [`nct`], [`kstwo`], [`ksone`] |

mod anderson;
mod confidence_sequence;
mod contingency;
mod cramer_von_mises;
mod dirichlet_multinomial;
mod distance;
mod distributions;
mod divergence;
mod epps_singleton;
mod fisher;
mod ks;
mod kuiper;
mod mann_whitney;
mod moments;
mod multiplicity;
mod permutation;
mod power_divergence;
mod proportion;
mod quantile;
mod random;
mod rank_compare;
mod sorted;
mod spearman;
mod special;
mod sum;
mod t_test;
mod two_proportions;

pub use anderson::{
    AndersonMethod, AndersonOptions, AndersonResult, AndersonVariant, anderson_ksamp, anderson_ksamp_sorted,
};
pub use confidence_sequence::ConfidenceSequence;
pub use contingency::{Chi2Options, Chi2Result, chi2_contingency, chi2_two_sample};
pub use cramer_von_mises::{
    CramerVonMisesMethod, CramerVonMisesOptions, CramerVonMisesResult, cramervonmises_2samp,
    cramervonmises_2samp_sorted,
};
pub use dirichlet_multinomial::dirichlet_multinomial_log_ratio;
pub use distance::{
    energy_distance, energy_distance_sorted, wasserstein_distance, wasserstein_distance_sorted,
};
pub use distributions::{beta, binom, chi2, hypergeom, ksone, kstwo, nct, norm, t};
pub use divergence::{entropy, jensenshannon, jensenshannon_part};
pub use epps_singleton::{
    EppsSingletonCovariance, EppsSingletonOptions, EppsSingletonResult, epps_singleton_2samp,
    epps_singleton_2samp_scaled,
};
pub use fisher::{FisherResult, fisher_exact};
pub use ks::{KsMethod, KsOptions, KsReference, KsResult, MAX_AUTO_N, ks_2samp, ks_2samp_pvalue};
pub use kuiper::{KuiperResult, kuiper_two};
pub use mann_whitney::{
    MannWhitneyMethod, MannWhitneyOptions, MannWhitneyResult, mannwhitneyu, mannwhitneyu_sorted,
};
pub use moments::Moments;
pub use multiplicity::{Correction, MultipleTests, multipletests};
pub use permutation::{PermutationOptions, PermutationResult, permutation_test};
pub use power_divergence::{Lambda, PowerDivergenceOptions, PowerDivergenceResult, power_divergence};
pub use proportion::{
    ConfidenceInterval, ProportionMethod, ZTestResult, proportion_confint, proportions_ztest,
};
pub use quantile::{QuantileMethod, lerp, linspace};
pub use random::SplitMix64;
pub use rank_compare::{RankCompareResult, rank_compare_2indep};
pub use sorted::SortedSample;
pub use spearman::{SpearmanResult, spearmanr};
pub use sum::{Sum, pairwise_sum};
pub use t_test::{TTestOptions, TTestResult, ttest_ind, ttest_ind_from_moments};
pub use two_proportions::{ProportionDifferenceMethod, confint_proportions_2indep, test_proportions_2indep};

/// Which deviations from the null hypothesis a test looks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
#[non_exhaustive]
pub enum Alternative {
    /// Either way.
    #[default]
    TwoSided,
    /// The first is less; for [`ks_2samp`], as in scipy, the first *distribution function* is.
    Less,
    /// The first is greater; for [`ks_2samp`], as in scipy, the first *distribution function* is.
    Greater,
}

crate::words! { Alternative, "alternative": TwoSided = "two-sided", Less = "less", Greater = "greater" }
