//! ECDD: a weighted error rate above control limits.

use mlcore::Result;
use serde::{Deserialize, Serialize};

use super::mean::Mean;
use super::parameters::{parameters, require, require_share};
use super::{Algorithm, Domain, FalseAlarms, Flags};

parameters! {
    /// The exponentially weighted moving average for concept drift detection, with warnings (ECDD-WT): watches an error rate;
    /// 1 is an error.
    ///
    /// With `p` the error rate so far and `z` its weighted average, a change is told where `z` exceeds `p + L s`, with `s` the
    /// standard deviation of `z` and `L` a polynomial in `p` that was fitted so that false alarms are `average_run_length`
    /// values apart; a warning is told at `warning_level` of the way.
    ///
    /// **False alarms.** The polynomials were fitted to rates below about 0.5 and to a `lambda_` of 0.2; outside they are
    /// wrong, and above a rate of 0.7 fall below zero, so that every value alarms. Inside, it speaks 2.8
    /// times in 1,000 unchanged values where 2.5 are nominal. **Memory** is three numbers.
    ///
    /// Source: G. J. Ross, N. M. Adams, D. K. Tasoulis and D. J. Hand, "Exponentially weighted moving average charts for
    /// detecting concept drift" (2012); detections and warnings are those of frouros 0.9's `ECDDWT`, which is reset after each
    /// detection. frouros goes on telling every value until somebody resets it: `restart = false`.
    ///
    /// ```
    /// use mlcore_drift::stream::{Algorithm, EcddWt, StreamDetector};
    ///
    /// let mut ecdd = EcddWt::default().start()?;
    /// let errors: Vec<f64> = (0..600).map(|i| f64::from(u8::from(i % 10 == 0 || i >= 500))).collect();
    /// assert!((500..505).contains(&ecdd.update_many(&errors)?.drifts[0]));
    /// # Ok::<(), mlcore::Error>(())
    /// ```
    pub struct EcddWt {
        /// The weight of the latest value.
        #[serde(rename = "lambda_")]
        lambda, with_lambda: f64 = 0.2;
        /// How many unchanged values lie between two false alarms: 100, 400 or 1000.
        average_run_length, with_average_run_length: u32 = 400;
        /// The share of the limit at which a warning is told.
        warning_level, with_warning_level: f64 = 0.5;
        /// Nothing is told before so many values.
        min_num_instances, with_min_num_instances: u32 = 30;
        /// Whether the value after a detection begins anew.
        restart, with_restart: bool = true;
    }
}

/// The error rate and its weighted average.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct EcddWtState {
    errors: Mean,
    average: f64,
}

impl Algorithm for EcddWt {
    const NAME: &'static str = "ecdd";
    const LEGEND: &'static str =
        "ECDD-WT: an error rate (1 is an error) whose weighted average rises above a control limit.";
    /// Constant, first, third, fifth and seventh power of the limit.
    type Constants = [f64; 5];
    type State = EcddWtState;

    fn prepare(&self) -> Result<[f64; 5]> {
        require((0.0..=1.0).contains(&self.lambda), Self::NAME, "lambda_", self.lambda, "from 0 to 1")?;
        require_share(Self::NAME, "warning_level", self.warning_level)?;
        match self.average_run_length {
            100 => Ok([2.76, -6.23, 18.12, -312.45, 1002.18]),
            400 => Ok([3.97, -6.56, 48.73, -330.13, 848.18]),
            1000 => Ok([1.17, 7.56, -21.24, 112.12, -987.23]),
            other => {
                require(false, Self::NAME, "average_run_length", other, "100, 400 or 1000")?;
                Ok([0.0; 5])
            }
        }
    }

    fn begin(&self, _: &[f64; 5]) -> EcddWtState {
        EcddWtState::default()
    }

    #[inline]
    fn step(&self, [c0, c1, c3, c5, c7]: &[f64; 5], state: &mut EcddWtState, value: f64) -> Flags {
        let left = 1.0 - self.lambda;
        state.errors.push_divided(value);
        state.average = self.lambda * value + left * state.average;
        let (n, p, z) = (state.errors.n, state.errors.mean, state.average);
        if n < f64::from(self.min_num_instances) {
            return Flags::default();
        }
        let faded = 1.0 - left.powf(2.0 * n);
        let s = (self.lambda / (2.0 - self.lambda) * faded * (p * (1.0 - p))).sqrt();
        let limit = c0 + c1 * p + c3 * p.powf(3.0) + c5 * p.powf(5.0) + c7 * p.powf(7.0);
        let drift = z > p + limit * s;
        Flags { drift, warning: !drift && z > p + self.warning_level * limit * s }
    }

    fn fits(&self, _: &[f64; 5], state: &EcddWtState) -> bool {
        let shares = [state.errors.mean, state.average];
        state.errors.is_sound() && shares.iter().all(|share| (0.0..=1.0).contains(share))
    }

    fn domain(&self) -> Domain {
        Domain::Bits
    }

    fn restarts(&self) -> bool {
        self.restart
    }

    fn false_alarms(&self) -> FalseAlarms {
        FalseAlarms::PerValue(1.0 / f64::from(self.average_run_length))
    }

    fn statistics(&self, _: &[f64; 5], state: &EcddWtState) -> Vec<(&'static str, f64)> {
        vec![("error_rate", state.errors.mean), ("average", state.average)]
    }
}
