//! The Epps-Singleton test as a drift test.

use mlcore::stats::{
    EppsSingletonCovariance, EppsSingletonOptions, Moments, epps_singleton_2samp, epps_singleton_2samp_scaled,
};
use mlcore::{Error, Result};
use serde::{Deserialize, Serialize};

use super::located::{Located, Pair, bounded};
use super::{CompiledTest, DriftTest, Effect, Score};
use crate::catalog::TestOptions;
use crate::sample::{Kind, Sample};

/// Means of cosines and sines of the values, which see a shift, a spread and other shapes, of continuous columns and of
/// others: `scipy.stats.epps_singleton_2samp`, and Evidently's `es`.
///
/// scipy measures by each sample's own covariance, and rejects too often where one is small and the other large (9 of 100 unchanged
/// windows of 114 rows at a nominal 5). By default both have one covariance, as they do if nothing changed; with
/// [`EppsSingletonCovariance::Separate`] statistic and p-value are scipy's.
///
/// The effect size is the distance of these means in standard deviations (Mahalanobis), which does not grow with the
/// samples. A shift of a normal column by `s` standard deviations gives about `0.9 s`.
///
/// scipy and Evidently refuse columns of whose values the middle half is one value. Half the standard deviation of all values
/// takes the place of the semi-interquartile range there: any scale keeps the rate of false alarms. Infinite values are left out
/// ([`Note::InfinitiesDropped`](super::Note::InfinitiesDropped)), and fewer than five values in a sample are refused.
///
/// Sources: scipy 1.17.1; evidently 0.7.23; T. W. Epps and K. J. Singleton, "An omnibus test for the two-sample problem using the
/// empirical characteristic function" (1986).
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct EppsSingleton {
    /// Where the characteristic functions are compared, in units of one over the semi-interquartile range.
    pub t: Vec<f64>,
    /// Whose covariance the difference is measured by. Default: that of both samples together.
    pub covariance: EppsSingletonCovariance,
}

impl Default for EppsSingleton {
    fn default() -> Self {
        Self { t: EppsSingletonOptions::default().t, covariance: EppsSingletonCovariance::Pooled }
    }
}

impl EppsSingleton {
    /// Sets where the characteristic functions are compared.
    #[must_use]
    pub fn with_t(mut self, t: impl Into<Vec<f64>>) -> Self {
        self.t = t.into();
        self
    }

    /// Sets whose covariance the difference is measured by.
    #[must_use]
    pub fn with_covariance(mut self, covariance: EppsSingletonCovariance) -> Self {
        self.covariance = covariance;
        self
    }
}

impl DriftTest for EppsSingleton {
    fn name(&self) -> &str {
        "es"
    }

    fn options(&self) -> Result<TestOptions> {
        TestOptions::of(self)
    }

    fn legend(&self) -> &str {
        "Distance of characteristic functions (Epps-Singleton): of means of cosines and sines of the values, in standard \
         deviations; a shift by one standard deviation gives about 0.9."
    }

    fn applies_to(&self, kind: Kind) -> bool {
        kind == Kind::Numeric
    }

    /// 0.11: a shift of an eighth of a standard deviation.
    fn default_minimum_effect(&self) -> f64 {
        0.11
    }

    fn compile(&self, reference: &Sample) -> Result<Box<dyn CompiledTest>> {
        let options = EppsSingletonOptions::default().with_t(self.t.clone()).with_covariance(self.covariance);
        Ok(Box::new(Compiled { reference: Located::new(OPERATION, reference)?, options }))
    }
}

const OPERATION: &str = "compare with es";
const EFFECT: &str = "distance of characteristic functions";

#[derive(Debug)]
struct Compiled {
    reference: Located,
    options: EppsSingletonOptions,
}

impl CompiledTest for Compiled {
    fn compare(&self, current: &Sample) -> Result<Score> {
        self.reference.compare(current, |pair| {
            let (x, y) = (&*pair.reference, &*pair.current);
            if x.len().min(y.len()) < FEWEST_VALUES {
                let problem = format!("a sample has fewer than {FEWEST_VALUES} values");
                return Err(Error::invalid_input(OPERATION, "current", problem).remedy("pass more values"));
            }
            if pair.is_constant() || x == y {
                return Ok(Score::new(0.0, Effect::new(EFFECT, 0.0)).with_pvalue(1.0));
            }
            let result = match epps_singleton_2samp(x, y, &self.options) {
                // The samples are as they should be: the middle half is one value.
                Err(Error::InvalidInput(_)) => {
                    epps_singleton_2samp_scaled(x, y, half_deviation(pair), &self.options)?
                }
                other => other?,
            };
            // Without variance in either sample a difference is certain.
            let [pvalue, statistic, effect] = if result.pvalue.is_nan() {
                [0.0, f64::MAX, f64::MAX]
            } else {
                [result.pvalue, bounded(result.statistic), bounded(result.distance)]
            };
            Ok(Score::new(statistic, Effect::new(EFFECT, effect)).with_pvalue(pvalue))
        })
    }
}

const FEWEST_VALUES: usize = 5;

/// Half the standard deviation of all values of both samples.
fn half_deviation(pair: &Pair<'_>) -> f64 {
    pair.reference_moments.merge(&Moments::from_slice(&pair.current)).standard_deviation() / 2.0
}
