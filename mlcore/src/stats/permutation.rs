//! The permutation test of independent samples, with scipy's choices.

use serde::{Deserialize, Serialize};

use super::{Alternative, SplitMix64};
use crate::error::{Error, Result};
use crate::interrupt;
use crate::memory;

/// Options of [`permutation_test`]; the defaults are scipy's.
///
/// ```
/// use mlcore::stats::PermutationOptions;
///
/// let options = PermutationOptions::default().with_n_resamples(999).with_seed(7);
/// assert_eq!(options.n_resamples, 999);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct PermutationOptions {
    /// How often observations are exchanged. Where there are no more partitions than this, each is taken once. Default: 9999.
    pub n_resamples: usize,
    /// Which statistics count as evidence. Default: large and small ones.
    pub alternative: Alternative,
    /// The seed of the random numbers. Default: 0.
    pub seed: u64,
}

impl Default for PermutationOptions {
    fn default() -> Self {
        Self { n_resamples: 9999, alternative: Alternative::default(), seed: 0 }
    }
}

impl PermutationOptions {
    /// Sets how often observations are exchanged.
    #[must_use]
    pub fn with_n_resamples(mut self, n_resamples: usize) -> Self {
        self.n_resamples = n_resamples;
        self
    }

    /// Sets the alternative hypothesis.
    #[must_use]
    pub fn with_alternative(mut self, alternative: Alternative) -> Self {
        self.alternative = alternative;
        self
    }

    /// Sets the seed of the random numbers.
    #[must_use]
    pub fn with_seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }
}

/// What [`permutation_test`] found.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct PermutationResult {
    /// The statistic of the samples as they are.
    pub statistic: f64,
    /// The share of partitions with such a statistic, or one further out.
    pub pvalue: f64,
    /// The statistic of each partition.
    pub null_distribution: Vec<f64>,
}

/// Tests whether samples could be exchanged for each other, by any statistic:
/// `scipy.stats.permutation_test(samples, statistic, n_resamples=.., alternative=..)`.
///
/// The p-value is exact where there are at most `n_resamples` ways to part all observations into samples of these sizes:
/// each is taken once, for two samples in scipy's order. Otherwise that many random ones are drawn with the seed, and the observed one is
/// counted among them. The two-sided p-value is twice the smaller one-sided one. Statistics that differ by less than 100
/// units in the last place count as equal, as in scipy. An observed statistic that is NaN has the p-value NaN.
///
/// `statistic` gets the samples in the order given, each in any order. What it costs, the test costs `n_resamples` times;
/// the calling thread may [stop](crate::interrupt) it between two of them.
///
/// # Errors
///
/// [`Error::InvalidInput`] for fewer than two samples, an empty one, and no resamples; what `statistic` answers;
/// [`Error::Unsupported`] if the null distribution does not fit into memory.
///
/// ```
/// use mlcore::stats::{PermutationOptions, permutation_test};
///
/// let mean = |sample: &[f64]| sample.iter().sum::<f64>() / sample.len() as f64;
/// let samples = [&[1.0, 2.0, 3.0][..], &[4.0, 5.0, 6.0, 7.0]];
/// let result =
///     permutation_test(&samples, |s| Ok(mean(s[0]) - mean(s[1])), &PermutationOptions::default())?;
/// // One of the 35 partitions is as far out on either side.
/// assert_eq!((result.statistic, result.null_distribution.len()), (-3.5, 35));
/// assert!((result.pvalue - 2.0 / 35.0).abs() < 1e-15);
/// # Ok::<(), mlcore::Error>(())
/// ```
pub fn permutation_test(
    samples: &[&[f64]],
    mut statistic: impl FnMut(&[&[f64]]) -> Result<f64>,
    options: &PermutationOptions,
) -> Result<PermutationResult> {
    check(samples, options)?;
    let observed = statistic(samples)?;
    let sizes: Vec<usize> = samples.iter().map(|sample| sample.len()).collect();
    let all = samples.concat();
    let partitions = partitions(&sizes, options.n_resamples);
    let resamples = partitions.unwrap_or(options.n_resamples);
    memory::require::<f64>(OPERATION, "n_resamples", &[resamples])?;
    let mut null_distribution = Vec::with_capacity(resamples);
    let mut exchanged = all.clone();
    let mut labels = Labels::new(&sizes);
    let mut random = SplitMix64::new(options.seed);
    for _ in 0..resamples {
        interrupt::check(OPERATION)?;
        if partitions.is_some() {
            labels.part(&all, &sizes, &mut exchanged);
            labels.advance();
        } else {
            random.shuffle(&mut exchanged);
        }
        null_distribution.push(statistic(&split(&exchanged, &sizes))?);
    }
    let pvalue = share_further_out(observed, &null_distribution, partitions.is_some(), options.alternative);
    Ok(PermutationResult { statistic: observed, pvalue, null_distribution })
}

const OPERATION: &str = "permutation_test";

fn check(samples: &[&[f64]], options: &PermutationOptions) -> Result<()> {
    if samples.len() < 2 {
        return Err(Error::invalid_input(OPERATION, "samples", "there are fewer than two")
            .remedy("pass the samples that are compared"));
    }
    if let Some(place) = samples.iter().position(|sample| sample.is_empty()) {
        return Err(Error::invalid_input(OPERATION, "samples", format!("number {place} is empty"))
            .remedy("pass at least one observation in each sample"));
    }
    if options.n_resamples == 0 {
        return Err(Error::invalid_input(OPERATION, "n_resamples", "it is 0").remedy("use 1 or more"));
    }
    Ok(())
}

/// In how many ways observations are parted into samples of these sizes, if there are at most so many.
fn partitions(sizes: &[usize], most: usize) -> Option<usize> {
    let (mut ways, mut total) = (1_u128, 0_u128);
    for size in sizes {
        for i in 1..=*size as u128 {
            total += 1;
            // Each product of the first factors is a multiple of the binomial coefficient before it.
            ways = ways * total / i;
            if ways > most as u128 {
                return None;
            }
        }
    }
    usize::try_from(ways).ok()
}

fn split<'a>(all: &'a [f64], sizes: &[usize]) -> Vec<&'a [f64]> {
    let mut rest = all;
    sizes
        .iter()
        .map(|size| {
            let (sample, others) = rest.split_at(*size);
            rest = others;
            sample
        })
        .collect()
}

/// Which sample each observation belongs to; all partitions in lexicographic order.
struct Labels(Vec<usize>);

impl Labels {
    fn new(sizes: &[usize]) -> Self {
        let labels = sizes.iter().enumerate().flat_map(|(label, size)| std::iter::repeat_n(label, *size));
        Self(labels.collect())
    }

    /// Writes the observations of the first sample, then those of the second, and so on.
    fn part(&self, all: &[f64], sizes: &[usize], parted: &mut [f64]) {
        let mut next: Vec<usize> = sizes
            .iter()
            .scan(0, |end, size| {
                *end += size;
                Some(*end - size)
            })
            .collect();
        for (label, value) in self.0.iter().zip(all) {
            parted[next[*label]] = *value;
            next[*label] += 1;
        }
    }

    /// The next order of the labels; nothing after the last one.
    fn advance(&mut self) {
        let labels = &mut self.0;
        let Some(place) = labels.windows(2).rposition(|pair| pair[0] < pair[1]) else { return };
        if let Some(larger) = labels.iter().rposition(|label| *label > labels[place]) {
            labels.swap(place, larger);
            labels[place + 1..].reverse();
        }
    }
}

fn share_further_out(observed: f64, null: &[f64], is_exact: bool, alternative: Alternative) -> f64 {
    if observed.is_nan() {
        return f64::NAN;
    }
    // Two statistics that are equal but for rounding.
    let same = (100.0 * f64::EPSILON * observed).abs();
    // The observed order is one of those that could have been drawn.
    let adjustment = usize::from(!is_exact);
    let share = |count: usize| (count + adjustment) as f64 / (null.len() + adjustment) as f64;
    let less = || share(null.iter().filter(|value| **value <= observed + same).count());
    let greater = || share(null.iter().filter(|value| **value >= observed - same).count());
    match alternative {
        Alternative::Less => less(),
        Alternative::Greater => greater(),
        Alternative::TwoSided => (2.0 * less().min(greater())).min(1.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_partition_is_taken_once() {
        let (a, b, c) = ([1.0, 2.0], [4.0], [8.0, 16.0]);
        let first_and_second = |s: &[&[f64]]| Ok(s[0].iter().sum::<f64>() * 100.0 + s[1][0]);
        let options = PermutationOptions::default();
        let result = permutation_test(&[&a, &b, &c], first_and_second, &options).unwrap();
        let mut found = result.null_distribution;
        assert_eq!(found.len(), 30);
        found.sort_by(f64::total_cmp);
        found.dedup();
        assert_eq!(found.len(), 30);
        // One partition fewer than there are is drawn at random.
        let drawn = permutation_test(&[&a, &b, &c], first_and_second, &options.with_n_resamples(29)).unwrap();
        assert_eq!(drawn.null_distribution.len(), 29);
        let again = permutation_test(&[&a, &b, &c], first_and_second, &options.with_n_resamples(29)).unwrap();
        assert_eq!(drawn, again);
    }

    #[test]
    fn unusable_arguments_are_refused_by_name() {
        let options = PermutationOptions::default();
        let problem = |samples: &[&[f64]], options: &PermutationOptions| {
            permutation_test(samples, |_| Ok(0.0), options).unwrap_err().to_string()
        };
        assert!(problem(&[&[1.0]], &options).contains("samples: there are fewer than two"));
        assert!(problem(&[&[1.0], &[]], &options).contains("samples: number 1 is empty"));
        let none = options.with_n_resamples(0);
        assert!(problem(&[&[1.0], &[1.0]], &none).contains("n_resamples: it is 0"));
        let nan = permutation_test(&[&[1.0], &[2.0]], |_| Ok(f64::NAN), &options).unwrap();
        assert!(nan.pvalue.is_nan());
    }
}
