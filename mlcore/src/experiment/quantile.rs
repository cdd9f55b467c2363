//! A quantile of each arm, and how sure it is.

use super::{Answer, Estimate, JointMoments, NoVerdict};
use crate::error::{Error, Result};
use crate::profile::Ranks;
use crate::stats::{QuantileMethod, norm};

/// A quantile of the events of one arm with the quantiles around it, from which gbstats takes its variance.
///
/// The two bounds are the quantiles at the ends of the interval for the level, `nu -+ 1.96 sqrt(nu (1 - nu) / n_star)`; their
/// distance says how dense the values are. Where units have many events each, [`with_clusters`](Self::with_clusters) widens the
/// variance by what units have in common.
///
/// # Source
/// gbstats 0.8, `QuantileStatistic` and `QuantileClusteredStatistic`, after L. Yao, X. Li and J. Lu, "Quantile A/B testing at
/// scale" (2024). Its floor of the variance, 1e-5 from 100 events on, is kept, and is in squared units of the metric: state
/// latencies in milliseconds rather than in seconds, or take the floor away by [`with_variance_floor`](Self::with_variance_floor).
///
/// ```
/// use mlcore::experiment::QuantileSummary;
///
/// let latencies: Vec<f64> = (0..1000).map(|i| f64::from(i % 100)).collect();
/// let median = QuantileSummary::of_values(latencies, 0.5)?.estimate();
/// assert_eq!(median.known().map(|median| median.mean), Some(49.5));
/// # Ok::<(), mlcore::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct QuantileSummary {
    /// The events.
    pub n: u64,
    /// The sample size that the two bounds were computed for.
    pub n_star: u64,
    /// The level, inside `(0, 1)`.
    pub nu: f64,
    /// The quantile.
    pub quantile_hat: f64,
    /// The quantile at the lower end of the interval for the level.
    pub quantile_lower: f64,
    /// The quantile at its upper end.
    pub quantile_upper: f64,
    variance_floor: f64,
    /// The variance of the share of events below the quantile, by clusters.
    cluster_variance: Option<Answer<f64>>,
}

impl QuantileSummary {
    /// Of numbers kept elsewhere, in gbstats' order.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] where `nu` is not inside `(0, 1)`.
    pub fn new(n: u64, n_star: u64, nu: f64, quantile_hat: f64, bounds: [f64; 2]) -> Result<Self> {
        check_level(nu)?;
        let [quantile_lower, quantile_upper] = bounds;
        Ok(Self {
            n,
            n_star,
            nu,
            quantile_hat,
            quantile_lower,
            quantile_upper,
            variance_floor: VARIANCE_FLOOR,
            cluster_variance: None,
        })
    }

    /// Of all values of an arm, by numpy's method `linear`.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] where `nu` is not inside `(0, 1)`.
    pub fn of_values(values: Vec<f64>, nu: f64) -> Result<Self> {
        check_level(nu)?;
        let n = values.len() as u64;
        let levels = [nu, level(nu, n, -1.0), level(nu, n, 1.0)];
        let found = QuantileMethod::Linear.of(values, &levels);
        crate::interrupt::check(OPERATION)?;
        let at = |place: usize| found.get(place).copied().unwrap_or(f64::NAN);
        Self::new(n, n, nu, at(0), [at(1), at(2)])
    }

    /// Of the profile of an arm, in constant memory and as exact as [`Ranks::rank_error`] says.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] where `nu` is not inside `(0, 1)`.
    pub fn of_ranks(ranks: &Ranks, nu: f64) -> Result<Self> {
        check_level(nu)?;
        let n = ranks.len();
        let at = |level: f64| ranks.quantile(level).unwrap_or(f64::NAN);
        Self::new(n, n, nu, at(nu), [at(level(nu, n, -1.0)), at(level(nu, n, 1.0))])
    }

    /// Takes the variance of clusters: of each unit, the events that are not above the quantile, and all its events.
    #[must_use]
    pub fn with_clusters(mut self, units: &JointMoments) -> Self {
        self.cluster_variance = Some(match units.ratio() {
            Answer::Known(share) => Answer::Known(share.squared_error()),
            Answer::NoVerdict(reason) => Answer::NoVerdict(reason),
        });
        self
    }

    /// The variance of an event is at least this from 100 events on; gbstats' is 1e-5.
    #[must_use]
    pub fn with_variance_floor(mut self, variance_floor: f64) -> Self {
        self.variance_floor = variance_floor;
        self
    }

    /// The quantile with its variance; no verdict where the interval for the level leaves `(0, 1)`.
    pub fn estimate(&self) -> Answer<Estimate> {
        self.checked().into()
    }

    fn checked(&self) -> Result<Estimate, NoVerdict> {
        if self.n < 2 {
            return Err(NoVerdict::TooFewUnits);
        }
        let n = self.n as f64;
        let critical = norm::ppf(0.975);
        let fewest = critical * critical * (self.nu / (1.0 - self.nu)).max((1.0 - self.nu) / self.nu);
        if n <= fewest {
            return Err(NoVerdict::QuantileOutOfReach);
        }
        let width = (self.quantile_upper - self.quantile_lower) / (2.0 * critical);
        let mut variance = self.n_star as f64 / n * (n - 1.0) * width * width;
        if let Some(clusters) = self.cluster_variance {
            variance *= clusters.into_result()? / (self.nu * (1.0 - self.nu) / n);
        }
        if variance <= 0.0 && self.n < FEWEST_WITHOUT_VARIANCE {
            return Err(NoVerdict::NoVariance);
        }
        if self.n >= FLOOR_FROM && variance < self.variance_floor {
            variance = self.variance_floor;
        }
        Estimate::checked(self.n, self.quantile_hat, self.quantile_hat, variance)
    }
}

const OPERATION: &str = "summarise quantile";
/// gbstats' floor of the variance, from so many events on.
const VARIANCE_FLOOR: f64 = 1e-5;
const FLOOR_FROM: u64 = 100;
/// From so many events on gbstats takes the floor where nothing varies.
const FEWEST_WITHOUT_VARIANCE: u64 = 1000;

fn check_level(nu: f64) -> Result<()> {
    if nu > 0.0 && nu < 1.0 {
        return Ok(());
    }
    Err(Error::invalid_input(OPERATION, "nu", format!("{nu} is not inside (0, 1)"))
        .remedy("give the level as a share, 0.99 for the 99th percentile"))
}

/// The end of the interval for the level.
fn level(nu: f64, n: u64, sign: f64) -> f64 {
    let distance = norm::ppf(0.975) * (nu * (1.0 - nu) / (n as f64).max(1.0)).sqrt();
    (nu + sign * distance).clamp(0.0, 1.0)
}
