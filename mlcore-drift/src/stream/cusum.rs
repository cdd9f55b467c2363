//! CUSUM: a sum of deviations that never falls below zero.

use mlcore::Result;
use serde::{Deserialize, Serialize};

use super::mean::Mean;
use super::parameters::{parameters, require_size};
use super::{Algorithm, Flags};

parameters! {
    /// The cumulative sum of deviations from the running mean: watches numbers whose scale is known, for increases.
    ///
    /// `sum = max(0, sum + value - mean - delta)`; a change is told where it exceeds `lambda_`.
    ///
    /// **False alarms** are not promised: `delta` and `lambda_` are in the unit of the values; simulate them on a stretch that
    /// was good, or take [`Watch`](super::Watch), which states its rate. **Memory** is three numbers.
    ///
    /// Source: E. S. Page, "Continuous inspection schemes" (1954); detections are those of frouros 0.9's `CUSUM`, which is
    /// reset after each one. frouros goes on telling every value until somebody resets it: `restart = false`.
    ///
    /// ```
    /// use mlcore_drift::stream::{Algorithm, Cusum, StreamDetector};
    ///
    /// let mut cusum = Cusum::default().with_lambda(5.0).start()?;
    /// let values: Vec<f64> = (0..400).map(|i| if i < 200 { 0.0 } else { 1.0 }).collect();
    /// assert_eq!(cusum.update_many(&values)?.drifts, [205]);
    /// # Ok::<(), mlcore::Error>(())
    /// ```
    pub struct Cusum {
        /// The deviation that is tolerated, in the unit of the values.
        delta, with_delta: f64 = 0.005;
        /// How large the sum may become.
        #[serde(rename = "lambda_")]
        lambda, with_lambda: f64 = 50.0;
        /// Nothing is told before so many values.
        min_num_instances, with_min_num_instances: u32 = 30;
        /// Whether the value after a detection begins anew.
        restart, with_restart: bool = true;
    }
}

/// The mean and the sum.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct CusumState {
    mean: Mean,
    sum: f64,
}

impl Algorithm for Cusum {
    const NAME: &'static str = "cusum";
    const LEGEND: &'static str =
        "CUSUM: increases of numbers whose scale is known, by a sum of deviations from their mean.";
    type Constants = ();
    type State = CusumState;

    fn prepare(&self) -> Result<()> {
        require_size(Self::NAME, "delta", self.delta)?;
        require_size(Self::NAME, "lambda_", self.lambda)
    }

    fn begin(&self, (): &()) -> CusumState {
        CusumState::default()
    }

    #[inline]
    fn step(&self, (): &(), state: &mut CusumState, value: f64) -> Flags {
        state.mean.push_divided(value);
        state.sum = (state.sum + value - state.mean.mean - self.delta).max(0.0);
        let drift = state.mean.n >= f64::from(self.min_num_instances) && state.sum > self.lambda;
        Flags { drift, warning: false }
    }

    fn fits(&self, (): &(), state: &CusumState) -> bool {
        state.mean.is_sound() && state.sum >= 0.0 && state.sum.is_finite()
    }

    fn restarts(&self) -> bool {
        self.restart
    }

    fn statistics(&self, (): &(), state: &CusumState) -> Vec<(&'static str, f64)> {
        vec![("mean", state.mean.mean), ("sum", state.sum)]
    }
}
