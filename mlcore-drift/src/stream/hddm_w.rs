//! HDDM_W: a weighted mean that left its extreme, by McDiarmid's inequality.

use mlcore::Result;
use serde::{Deserialize, Serialize};

use super::parameters::{parameters, require_share};
use super::{Algorithm, Domain, FalseAlarms, Flags};

parameters! {
    /// The drift detection method of McDiarmid's inequality with weighted averages: watches the mean of numbers from 0 to 1,
    /// the latest of which count most.
    ///
    /// The prefix whose exponentially weighted mean is surely lowest is kept; a change is told where the weighted mean of what
    /// came after it exceeds it by McDiarmid's bound at `drift_confidence`, a warning at `warning_confidence`. It sees sudden
    /// changes sooner than [`HddmA`](super::HddmA).
    ///
    /// **False alarms.** The bound holds for one look at one cut point, and is asked after every value; it is so conservative
    /// that there was none in 800,000 unchanged values. **Memory** is seventeen numbers.
    ///
    /// Source: I. Frias-Blanco and others, "Online and non-parametric drift detection methods based on Hoeffding's bounds"
    /// (2015); detections and warnings are those of `river.drift.binary.HDDM_W` (river 0.26.1).
    ///
    /// ```
    /// use mlcore_drift::stream::{Algorithm, HddmW, StreamDetector};
    ///
    /// let mut hddm = HddmW::default().start()?;
    /// let errors: Vec<f64> = (0..600).map(|i| f64::from(u8::from(i % 10 == 0 || i >= 500))).collect();
    /// let found = hddm.update_many(&errors)?;
    /// assert!(found.drifts.first().is_some_and(|first| (500..520).contains(first)), "{found:?}");
    /// # Ok::<(), mlcore::Error>(())
    /// ```
    pub struct HddmW {
        /// The probability of a chance excess that is told as a change: smaller is more careful.
        drift_confidence, with_drift_confidence: f64 = 0.001;
        /// The probability of a chance excess that is told as a warning.
        warning_confidence, with_warning_confidence: f64 = 0.005;
        /// The weight of the latest value: larger forgets sooner.
        lambda_val, with_lambda_val: f64 = 0.05;
        /// Whether decreases count, too.
        two_sided_test, with_two_sided_test: bool = false;
    }
}

/// A weighted mean, and the sum of its squared weights.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Weighted {
    mean: f64,
    bound: f64,
    begun: bool,
}

/// The weighted means of all values, of the best prefixes, and of what came after these.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct HddmWState {
    all: Weighted,
    lowest: Weighted,
    after_lowest: Weighted,
    highest: Weighted,
    after_highest: Weighted,
    #[serde(with = "mlcore::exact")]
    low_cut: f64,
    #[serde(with = "mlcore::exact")]
    high_cut: f64,
}

/// Logarithms of the confidences.
#[derive(Clone, Debug)]
pub struct HddmWConstants {
    drift: f64,
    warning: f64,
}

const NOTHING: Weighted = Weighted { mean: 0.0, bound: 1.0, begun: false };

impl Algorithm for HddmW {
    const NAME: &'static str = "hddm_w";
    const LEGEND: &'static str =
        "HDDM_W: the weighted mean of numbers from 0 to 1, such as an error rate, by McDiarmid's inequality.";
    type Constants = HddmWConstants;
    type State = HddmWState;

    fn prepare(&self) -> Result<HddmWConstants> {
        require_share(Self::NAME, "drift_confidence", self.drift_confidence)?;
        require_share(Self::NAME, "warning_confidence", self.warning_confidence)?;
        require_share(Self::NAME, "lambda_val", self.lambda_val)?;
        Ok(HddmWConstants {
            drift: (1.0 / self.drift_confidence).ln(),
            warning: (1.0 / self.warning_confidence).ln(),
        })
    }

    fn begin(&self, _: &HddmWConstants) -> HddmWState {
        HddmWState {
            all: NOTHING,
            lowest: NOTHING,
            after_lowest: NOTHING,
            highest: NOTHING,
            after_highest: NOTHING,
            low_cut: f64::INFINITY,
            high_cut: f64::NEG_INFINITY,
        }
    }

    #[inline]
    fn step(&self, constants: &HddmWConstants, state: &mut HddmWState, value: f64) -> Flags {
        let weight = self.lambda_val;
        state.all.push(value, weight);
        let margin = (state.all.bound * constants.drift / 2.0).sqrt();
        if state.all.mean + margin < state.low_cut {
            state.low_cut = state.all.mean + margin;
            (state.lowest, state.after_lowest) = (state.all, NOTHING);
        } else {
            state.after_lowest.push(value, weight);
        }
        let mut drift = exceeds(&state.lowest, &state.after_lowest, constants.drift);
        let mut warning = !drift && exceeds(&state.lowest, &state.after_lowest, constants.warning);
        if self.two_sided_test {
            if state.all.mean - margin > state.high_cut {
                state.high_cut = state.all.mean - margin;
                (state.highest, state.after_highest) = (state.all, NOTHING);
            } else {
                state.after_highest.push(value, weight);
            }
            if exceeds(&state.after_highest, &state.highest, constants.drift) {
                drift = true;
            } else if exceeds(&state.after_highest, &state.highest, constants.warning) {
                warning = true;
            }
        }
        Flags { drift, warning }
    }

    fn fits(&self, _: &HddmWConstants, state: &HddmWState) -> bool {
        let parts = [state.all, state.lowest, state.after_lowest, state.highest, state.after_highest];
        let sound = |part: &Weighted| (0.0..=1.0).contains(&part.mean) && (0.0..=1.0).contains(&part.bound);
        parts.iter().all(sound) && !state.low_cut.is_nan() && !state.high_cut.is_nan()
    }

    fn domain(&self) -> Domain {
        Domain::Between(0.0, 1.0)
    }

    fn false_alarms(&self) -> FalseAlarms {
        FalseAlarms::PerValue(self.drift_confidence)
    }

    fn statistics(&self, _: &HddmWConstants, state: &HddmWState) -> Vec<(&'static str, f64)> {
        vec![("mean", state.all.mean)]
    }
}

impl Weighted {
    #[inline]
    fn push(&mut self, value: f64, weight: f64) {
        let left = 1.0 - weight;
        self.mean = if self.begun { weight * value + left * self.mean } else { value };
        self.bound = weight * weight + left * left * self.bound;
        self.begun = true;
    }
}

/// Whether the second mean exceeds the first by more than McDiarmid's bound.
#[inline]
fn exceeds(first: &Weighted, second: &Weighted, log_confidence: f64) -> bool {
    first.begun
        && second.begun
        && second.mean - first.mean > ((first.bound + second.bound) * log_confidence / 2.0).sqrt()
}
