//! HDDM_A: a mean that left its extreme, by Hoeffding's inequality.

use mlcore::Result;
use serde::{Deserialize, Serialize};

use super::mean::Mean;
use super::parameters::{parameters, require_share};
use super::{Algorithm, Domain, FalseAlarms, Flags};

parameters! {
    /// The drift detection method of Hoeffding's inequality with averages: watches the mean of numbers from 0 to 1; of an
    /// error rate where 1 is an error.
    ///
    /// The prefix of the stream whose mean is surely lowest is kept as a cut point; a change is told where the mean of the
    /// whole exceeds it by Hoeffding's bound at `drift_confidence`, a warning at `warning_confidence`.
    ///
    /// **False alarms.** The bound holds for one look at one cut point, and is asked after every value; it is so conservative
    /// that there was none in 800,000 unchanged values. It sees increases, and decreases too where `two_sided_test` is set.
    /// **Memory** is six numbers.
    ///
    /// Source: I. Frias-Blanco and others, "Online and non-parametric drift detection methods based on Hoeffding's bounds"
    /// (2015); detections and warnings are those of `river.drift.binary.HDDM_A` (river 0.26.1).
    ///
    /// ```
    /// use mlcore_drift::stream::{Algorithm, HddmA, StreamDetector};
    ///
    /// let mut hddm = HddmA::default().start()?;
    /// let errors: Vec<f64> = (0..1000).map(|i| f64::from(u8::from(i % 10 == 0 || (i >= 500 && i % 2 == 0)))).collect();
    /// let found = hddm.update_many(&errors)?;
    /// assert!(found.drifts.len() == 1 && (500..560).contains(&found.drifts[0]), "{found:?}");
    /// # Ok::<(), mlcore::Error>(())
    /// ```
    pub struct HddmA {
        /// The probability of a chance excess that is told as a change: smaller is more careful.
        drift_confidence, with_drift_confidence: f64 = 0.001;
        /// The probability of a chance excess that is told as a warning.
        warning_confidence, with_warning_confidence: f64 = 0.005;
        /// Whether decreases count, too.
        two_sided_test, with_two_sided_test: bool = false;
    }
}

/// The mean of all values and of the two best prefixes.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct HddmAState {
    all: Mean,
    lowest: Mean,
    highest: Mean,
}

/// Logarithms of the confidences.
#[derive(Clone, Debug)]
pub struct HddmAConstants {
    bound: f64,
    drift: f64,
    warning: f64,
}

impl Algorithm for HddmA {
    const NAME: &'static str = "hddm_a";
    const LEGEND: &'static str =
        "HDDM_A: the mean of numbers from 0 to 1, such as an error rate, by Hoeffding's inequality.";
    type Constants = HddmAConstants;
    type State = HddmAState;

    fn prepare(&self) -> Result<HddmAConstants> {
        require_share(Self::NAME, "drift_confidence", self.drift_confidence)?;
        require_share(Self::NAME, "warning_confidence", self.warning_confidence)?;
        Ok(HddmAConstants {
            bound: (1.0 / self.drift_confidence).ln(),
            drift: (2.0 / self.drift_confidence).ln(),
            warning: (2.0 / self.warning_confidence).ln(),
        })
    }

    fn begin(&self, _: &HddmAConstants) -> HddmAState {
        HddmAState { all: Mean::default(), lowest: Mean::default(), highest: Mean::default() }
    }

    #[inline]
    fn step(&self, constants: &HddmAConstants, state: &mut HddmAState, value: f64) -> Flags {
        state.all.push(value);
        let all = state.all;
        if state.lowest.n == 0.0 {
            (state.lowest, state.highest) = (all, all);
        }
        let bound = |n: f64| (1.0 / (2.0 * n) * constants.bound).sqrt();
        let own = bound(all.n);
        if state.lowest.mean + bound(state.lowest.n) >= all.mean + own {
            state.lowest = all;
        }
        if state.highest.mean - bound(state.highest.n) <= all.mean - own {
            state.highest = all;
        }
        let rise = all.mean - state.lowest.mean;
        let mut drift = exceeds(rise, state.lowest.n, all.n, constants.drift);
        let mut warning = !drift && exceeds(rise, state.lowest.n, all.n, constants.warning);
        if self.two_sided_test {
            let fall = state.highest.mean - all.mean;
            if exceeds(fall, state.highest.n, all.n, constants.drift) {
                drift = true;
            } else if exceeds(fall, state.highest.n, all.n, constants.warning) {
                warning = true;
            }
        }
        Flags { drift, warning }
    }

    fn fits(&self, _: &HddmAConstants, state: &HddmAState) -> bool {
        let prefix =
            |mean: &Mean| mean.is_sound() && mean.n <= state.all.n && (mean.n > 0.0) == (state.all.n > 0.0);
        [state.all, state.lowest, state.highest].iter().all(prefix)
    }

    fn domain(&self) -> Domain {
        Domain::Between(0.0, 1.0)
    }

    fn false_alarms(&self) -> FalseAlarms {
        FalseAlarms::PerValue(self.drift_confidence)
    }

    fn statistics(&self, _: &HddmAConstants, state: &HddmAState) -> Vec<(&'static str, f64)> {
        vec![("mean", state.all.mean)]
    }
}

/// Whether the mean of `all` values differs from that of the first `first` by more than Hoeffding's bound.
#[inline]
fn exceeds(difference: f64, first: f64, all: f64, log_confidence: f64) -> bool {
    if first == all {
        return false;
    }
    let m = (all - first) / first * (1.0 / all);
    difference >= (m / 2.0 * log_confidence).sqrt()
}
