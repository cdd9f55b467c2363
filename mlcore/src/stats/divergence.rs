//! Entropy and the distances that are made of it, with scipy's numbers.

use super::Sum;
use crate::error::{Error, Result};
use crate::interrupt::{self, Pace};

/// The entropy of a distribution, or how far it lies from another one (Kullback and Leibler's divergence):
/// `scipy.stats.entropy(pk, qk, base)`.
///
/// Frequencies need not add up to 1: they are divided by their sum. With `qk` the answer is the sum of `pk ln(pk / qk)`,
/// which is infinite where `pk` has what `qk` lacks; without, the sum of `-pk ln(pk)`. `base` is that of the logarithm, `e`
/// for `None`. Frequencies that add up to 0 and NaNs make it NaN.
///
/// # Errors
///
/// [`Error::InvalidInput`] if there are no frequencies, one is negative or infinite, `qk` has not as many as `pk`, or `base`
/// is not a positive number; [`Error::Interrupted`].
///
/// ```
/// use mlcore::stats::entropy;
///
/// assert_eq!(entropy(&[0.5, 0.5], None, Some(2.0))?, 1.0);
/// assert!((entropy(&[0.5, 0.5], Some(&[0.9, 0.1]), Some(2.0))? - 0.736_965_594_166_206_2).abs() < 1e-15);
/// # Ok::<(), mlcore::Error>(())
/// ```
pub fn entropy(pk: &[f64], qk: Option<&[f64]>, base: Option<f64>) -> Result<f64> {
    const OPERATION: &str = "entropy";
    let scale = log_of_base(OPERATION, base)?;
    let pk = Frequencies::new(OPERATION, "pk", pk)?;
    let qk = qk.map(|qk| Frequencies::beside(OPERATION, "qk", qk, &pk)).transpose()?;
    let mut sum = Sum::default();
    match qk {
        None => sum.extend(interrupt::paced(pk.shares()).map(|p| if p == 0.0 { 0.0 } else { -p * p.ln() })),
        Some(qk) => {
            let terms = interrupt::paced(pk.shares().zip(qk.shares()));
            sum.extend(terms.map(|(p, q)| if p == 0.0 && !q.is_nan() { 0.0 } else { p * (p / q).ln() }));
        }
    }
    interrupt::check(OPERATION)?;
    Ok(sum.value() / scale)
}

/// Jensen and Shannon's distance of two distributions: `scipy.spatial.distance.jensenshannon(p, q, base)`.
///
/// It is the root of the mean divergence of both from the distribution halfway between them: 0 for equal ones, and for
/// disjoint ones 1 with `base` 2 and `sqrt(ln 2)` with the natural logarithm that `None` means. (What is called the
/// Jensen-Shannon *divergence* is its square.) Frequencies need not add up to 1: they are divided by their sum.
/// It is added up from differences, so that nothing is lost where the two are nearly equal.
///
/// Source: D. M. Endres and J. E. Schindelin, "A new metric for probability distributions" (2003); scipy 1.17.1.
///
/// # Errors
///
/// As [`entropy`].
///
/// ```
/// use mlcore::stats::jensenshannon;
///
/// assert_eq!(jensenshannon(&[1.0, 0.0], &[0.0, 1.0], Some(2.0))?, 1.0);
/// assert!((jensenshannon(&[1.0, 0.0], &[0.5, 0.5], None)? - 0.464_501_404_022_459).abs() < 1e-15);
/// # Ok::<(), mlcore::Error>(())
/// ```
pub fn jensenshannon(p: &[f64], q: &[f64], base: Option<f64>) -> Result<f64> {
    const OPERATION: &str = "jensenshannon";
    let scale = log_of_base(OPERATION, base)?;
    let p = Frequencies::new(OPERATION, "p", p)?;
    let q = Frequencies::beside(OPERATION, "q", q, &p)?;
    let mut sum = Sum::default();
    sum.extend(interrupt::paced(p.shares().zip(q.shares())).map(|(p, q)| jensenshannon_part(p, q)));
    interrupt::check(OPERATION)?;
    Ok((sum.value() / scale).sqrt())
}

/// A category's part of the squared distance, with natural logarithms: `(p ln(p / m) + q ln(q / m)) / 2`, where `m` is the mean
/// of `p` and `q`.
///
/// ```
/// use mlcore::stats::jensenshannon_part;
///
/// let whole = jensenshannon_part(0.5, 0.4) + jensenshannon_part(0.5, 0.6);
/// assert!((whole.sqrt() - mlcore::stats::jensenshannon(&[0.5, 0.5], &[0.4, 0.6], None)?).abs() < 1e-15);
/// # Ok::<(), mlcore::Error>(())
/// ```
#[must_use]
pub fn jensenshannon_part(p: f64, q: f64) -> f64 {
    let mean = (p + q) / 2.0;
    if mean == 0.0 {
        return 0.0;
    }
    // p = mean (1 + d) and q = mean (1 - d).
    let d = (p - q) / (p + q);
    let square = d * d;
    let doubled = if d.abs() < SERIES_BELOW {
        // (1 + d) ln(1 + d) + (1 - d) ln(1 - d), of which the linear terms cancel.
        square * (1.0 + square * (1.0 / 6.0 + square * (1.0 / 15.0 + square / 28.0)))
    } else {
        let weighted = |d: f64| if d == -1.0 { 0.0 } else { (1.0 + d) * d.ln_1p() };
        weighted(d) + weighted(-d)
    };
    mean * doubled / 2.0
}

/// From here on four terms of the series leave less than rounding does.
const SERIES_BELOW: f64 = 0.01;

/// What natural logarithms are divided by.
fn log_of_base(operation: &'static str, base: Option<f64>) -> Result<f64> {
    match base {
        None => Ok(1.0),
        Some(base) if base > 0.0 && base.is_finite() => Ok(base.ln()),
        Some(base) => Err(Error::invalid_input(operation, "base", format!("{base} is no positive number"))
            .remedy("use 2 for bits, and leave it out for the natural logarithm")),
    }
}

/// Frequencies and their sum.
struct Frequencies<'a> {
    of: &'a [f64],
    total: f64,
}

impl<'a> Frequencies<'a> {
    fn new(operation: &'static str, subject: &'static str, of: &'a [f64]) -> Result<Self> {
        if of.is_empty() {
            return Err(Error::invalid_input(operation, subject, "there are no frequencies"));
        }
        let (mut pace, mut total) = (Pace::default(), Sum::default());
        for (place, frequency) in of.iter().enumerate() {
            pace.check(operation, 1)?;
            if *frequency < 0.0 || frequency.is_infinite() {
                let problem = format!("number {place}, {frequency}, is no frequency");
                return Err(Error::invalid_input(operation, subject, problem)
                    .remedy("pass counts or shares, 0 or more each"));
            }
            total.add(*frequency);
        }
        Ok(Self { of, total: total.value() })
    }

    fn beside(
        operation: &'static str,
        subject: &'static str,
        of: &'a [f64],
        first: &Frequencies<'_>,
    ) -> Result<Self> {
        if of.len() != first.of.len() {
            let problem = format!("it has {} frequencies where the first has {}", of.len(), first.of.len());
            return Err(Error::invalid_input(operation, subject, problem)
                .remedy("give both the same categories, with 0 where one lacks it"));
        }
        Self::new(operation, subject, of)
    }

    fn shares(&self) -> impl Iterator<Item = f64> {
        self.of.iter().map(|frequency| frequency / self.total)
    }
}
