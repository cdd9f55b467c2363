//! STEPD: a test of equal proportions of the latest values and all before them.

use mlcore::Result;
use mlcore::stats::norm;
use serde::{Deserialize, Serialize};

use super::bits::Bits;
use super::parameters::{parameters, require, require_share, require_values};
use super::{Algorithm, Domain, FalseAlarms, Flags};

parameters! {
    /// The statistical test of equal proportions: watches the share of ones, 1 being a right answer.
    ///
    /// The last `min_num_instances` values are compared with all before them by a z-test with continuity correction; a change
    /// is told where its one-sided p-value is below `alpha_d`, a warning where it is below `alpha_w`.
    ///
    /// **False alarms.** `alpha_d` is the rate of one test, there is one after every value, and it looks both ways, so that
    /// the rate per value is larger. **Unsound as published by frouros:** the correction can be larger than the difference,
    /// and the sign of what is left is dropped, so that no difference at all counts as a large one where the share is near 0
    /// or 1. A stream of ones alone is told as a change as soon as it is long enough. `absolute = false` keeps the sign, and is
    /// quiet there. **Memory** is a bit for each value of the window.
    ///
    /// Source: K. Nishida and K. Yamauchi, "Detecting concept drift using statistical testing" (2007); detections and warnings
    /// are those of frouros 0.9's `STEPD`, which is reset after each one. frouros goes on telling every value until somebody
    /// resets it: `restart = false`.
    ///
    /// ```
    /// use mlcore_drift::stream::{Algorithm, Stepd, StreamDetector};
    ///
    /// let right: Vec<f64> = (0..600).map(|i| f64::from(u8::from(i % 5 > 0 && (i < 500 || i % 2 == 0)))).collect();
    /// let found = Stepd::default().start()?.update_many(&right)?;
    /// assert!(found.drifts.first().is_some_and(|first| (500..530).contains(first)), "{found:?}");
    ///
    /// let mut signed = Stepd::default().with_absolute(false).start()?;
    /// assert!(signed.update_many(&[1.0; 500])?.drifts.is_empty());
    /// # Ok::<(), mlcore::Error>(())
    /// ```
    pub struct Stepd {
        /// The p-value below which a change is told.
        alpha_d, with_alpha_d: f64 = 0.003;
        /// The p-value below which a warning is told; above `alpha_d`.
        alpha_w, with_alpha_w: f64 = 0.05;
        /// How many values the window holds; nothing is told before twice as many.
        min_num_instances, with_min_num_instances: usize = 30;
        /// Whether the sign of the corrected difference is dropped, as in frouros.
        absolute, with_absolute: bool = true;
        /// Whether the value after a detection begins anew.
        restart, with_restart: bool = true;
    }
}

/// The window, and the counts of the whole.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct StepdState {
    window: Bits,
    window_ones: u64,
    ones: u64,
    values: u64,
}

/// The z-values of both p-values.
#[derive(Clone, Debug)]
pub struct StepdConstants {
    drift: f64,
    warning: f64,
}

impl Algorithm for Stepd {
    const NAME: &'static str = "stepd";
    const LEGEND: &'static str =
        "STEPD: the share of ones (1 is a right answer) in a window, against all before it.";
    type Constants = StepdConstants;
    type State = StepdState;

    fn prepare(&self) -> Result<StepdConstants> {
        require_share(Self::NAME, "alpha_d", self.alpha_d)?;
        require_share(Self::NAME, "alpha_w", self.alpha_w)?;
        require(self.alpha_w > self.alpha_d, Self::NAME, "alpha_w", self.alpha_w, "above alpha_d")?;
        require_values(Self::NAME, "min_num_instances", self.min_num_instances)?;
        Ok(StepdConstants { drift: norm::isf(self.alpha_d), warning: norm::isf(self.alpha_w) })
    }

    fn begin(&self, _: &StepdConstants) -> StepdState {
        let window = Bits::with_capacity(self.min_num_instances);
        StepdState { window, window_ones: 0, ones: 0, values: 0 }
    }

    #[inline]
    fn step(&self, constants: &StepdConstants, state: &mut StepdState, value: f64) -> Flags {
        let bit = value == 1.0;
        if state.window.len() == self.min_num_instances && state.window.pop() == Some(true) {
            state.window_ones -= 1;
        }
        state.window.push(bit);
        state.window_ones += u64::from(bit);
        state.ones += u64::from(bit);
        state.values += 1;
        if state.values < 2 * self.min_num_instances as u64 {
            return Flags::default();
        }
        let z = self.statistic(state);
        let drift = is_below(z, constants.drift, self.alpha_d);
        Flags { drift, warning: !drift && is_below(z, constants.warning, self.alpha_w) }
    }

    fn fits(&self, _: &StepdConstants, state: &StepdState) -> bool {
        let whole = state.values.min(self.min_num_instances as u64);
        let before = state.values - whole.min(state.values);
        state.window.len() as u64 == whole
            && state.window_ones == state.window.ones() as u64
            && state.window_ones <= state.ones
            && state.ones - state.window_ones <= before
            && state.values <= 1 << 53
    }

    fn domain(&self) -> Domain {
        Domain::Bits
    }

    fn restarts(&self) -> bool {
        self.restart
    }

    fn false_alarms(&self) -> FalseAlarms {
        FalseAlarms::PerValue(self.alpha_d)
    }
}

impl Stepd {
    fn statistic(&self, state: &StepdState) -> f64 {
        let (values, window) = (state.values as f64, self.min_num_instances as f64);
        let (before, ones_before) = (values - window, (state.ones - state.window_ones) as f64);
        let share = state.ones as f64 / values;
        let reciprocals = 1.0 / before + 1.0 / window;
        let difference = (ones_before / before - state.window_ones as f64 / window).abs();
        let z = (difference - 0.5 * reciprocals) / (share * (1.0 - share) * reciprocals).sqrt();
        if self.absolute { z.abs() } else { z }
    }
}

/// Whether the upper tail beyond `z` is below `alpha`; far from the border the quantile decides.
#[inline]
fn is_below(z: f64, quantile: f64, alpha: f64) -> bool {
    if (z - quantile).abs() > 1e-6 { z > quantile } else { norm::sf(z) < alpha }
}
