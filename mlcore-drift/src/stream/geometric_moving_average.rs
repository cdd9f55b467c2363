//! The geometric moving average of deviations.

use mlcore::Result;
use serde::{Deserialize, Serialize};

use super::mean::Mean;
use super::parameters::{parameters, require, require_size};
use super::{Algorithm, Flags};

parameters! {
    /// The geometric (exponentially weighted) moving average of deviations from the running mean: watches numbers whose scale
    /// is known, for increases.
    ///
    /// `sum = alpha sum + (1 - alpha)(value - mean)`; a change is told where it exceeds `lambda_`.
    ///
    /// **False alarms** are not promised: `lambda_` is in the unit of the values, and its default 1 hears nothing of a rate
    /// between 0 and 1. For a limit in standard deviations see [`EcddWt`](super::EcddWt). **Memory** is three numbers.
    ///
    /// Source: S. W. Roberts, "Control chart tests based on geometric moving averages" (1959); detections are those of
    /// frouros 0.9's `GeometricMovingAverage`, which is reset after each one. frouros goes on telling every value until
    /// somebody resets it: `restart = false`.
    ///
    /// ```
    /// use mlcore_drift::stream::{Algorithm, GeometricMovingAverage, StreamDetector};
    ///
    /// let mut average = GeometricMovingAverage::default().with_lambda(0.2).start()?;
    /// let values: Vec<f64> = (0..400).map(|i| if i < 200 { 0.0 } else { 1.0 }).collect();
    /// assert_eq!(average.update_many(&values)?.drifts, [223]);
    /// # Ok::<(), mlcore::Error>(())
    /// ```
    pub struct GeometricMovingAverage {
        /// What is left of the average after each value: larger forgets later.
        alpha, with_alpha: f64 = 0.99;
        /// How large the average may become.
        #[serde(rename = "lambda_")]
        lambda, with_lambda: f64 = 1.0;
        /// Nothing is told before so many values.
        min_num_instances, with_min_num_instances: u32 = 30;
        /// Whether the value after a detection begins anew.
        restart, with_restart: bool = true;
    }
}

/// The mean and the average of deviations.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct GeometricMovingAverageState {
    mean: Mean,
    sum: f64,
}

impl Algorithm for GeometricMovingAverage {
    const NAME: &'static str = "geometric_moving_average";
    const LEGEND: &'static str = "GMA: increases of numbers whose scale is known, by a weighted average of deviations from their mean.";
    type Constants = ();
    type State = GeometricMovingAverageState;

    fn prepare(&self) -> Result<()> {
        let holds = (0.0..=1.0).contains(&self.alpha);
        require(holds, Self::NAME, "alpha", self.alpha, "from 0 to 1")?;
        require_size(Self::NAME, "lambda_", self.lambda)
    }

    fn begin(&self, (): &()) -> GeometricMovingAverageState {
        GeometricMovingAverageState::default()
    }

    #[inline]
    fn step(&self, (): &(), state: &mut GeometricMovingAverageState, value: f64) -> Flags {
        state.mean.push_divided(value);
        state.sum = self.alpha * state.sum + (1.0 - self.alpha) * (value - state.mean.mean);
        let drift = state.mean.n >= f64::from(self.min_num_instances) && state.sum > self.lambda;
        Flags { drift, warning: false }
    }

    fn fits(&self, (): &(), state: &GeometricMovingAverageState) -> bool {
        state.mean.is_sound() && state.sum.is_finite()
    }

    fn restarts(&self) -> bool {
        self.restart
    }

    fn statistics(&self, (): &(), state: &GeometricMovingAverageState) -> Vec<(&'static str, f64)> {
        vec![("mean", state.mean.mean), ("sum", state.sum)]
    }
}
