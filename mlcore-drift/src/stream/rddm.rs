//! RDDM: DDM that forgets the oldest values of long stretches.

use mlcore::Result;
use serde::{Deserialize, Serialize};

use super::bits::Bits;
use super::mean::Mean;
use super::parameters::{parameters, require, require_values};
use super::{Algorithm, Domain, Flags};

parameters! {
    /// The reactive drift detection method: watches an error rate; 1 is an error.
    ///
    /// As [`Ddm`](super::Ddm), with two remedies for its deafness after a long good stretch: after `max_concept_size` values
    /// it goes on with the last `min_concept_size` alone, and more than `max_num_instances_warning` warnings in a row are a
    /// change. After a change it goes on with the values since the first warning, and not from nothing.
    ///
    /// **False alarms** are not promised, and at the defaults are more frequent than DDM's: the drift level is 2.258 standard
    /// deviations. **Memory** is a bit for each of `min_concept_size` values.
    ///
    /// Source: R. S. M. Barros and others, "RDDM: Reactive drift detection method" (2017); detections and warnings are those
    /// of frouros 0.9's `RDDM`, without a reset: it restarts by itself. Two of its habits are kept: the value after a change is
    /// not counted in the number of values, and a change by too many warnings leaves the warning standing.
    ///
    /// ```
    /// use mlcore_drift::stream::{Algorithm, Rddm, StreamDetector};
    ///
    /// let mut rddm = Rddm::default().start()?;
    /// let errors: Vec<f64> = (0..1000).map(|i| f64::from(u8::from(i % 10 == 0 || (i >= 500 && i % 2 == 0)))).collect();
    /// let found = rddm.update_many(&errors)?;
    /// assert!(found.drifts.first().is_some_and(|first| (500..560).contains(first)), "{found:?}");
    /// # Ok::<(), mlcore::Error>(())
    /// ```
    pub struct Rddm {
        /// How many standard deviations above the minimum a warning is.
        warning_level, with_warning_level: f64 = 1.773;
        /// How many standard deviations above the minimum a change is; above `warning_level`.
        drift_level, with_drift_level: f64 = 2.258;
        /// After so many values without a warning the oldest are forgotten.
        max_concept_size, with_max_concept_size: u64 = 40_000;
        /// How many values are kept then, and remembered at any time.
        min_concept_size, with_min_concept_size: usize = 7_000;
        /// So many warnings in a row are a change.
        max_num_instances_warning, with_max_num_instances_warning: u64 = 1_400;
        /// Nothing is told before so many values.
        min_num_instances, with_min_num_instances: u64 = 129;
    }
}

/// The error rate, its minimum, and the latest values.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RddmState {
    latest: Bits,
    errors: Mean,
    values: u64,
    #[serde(with = "mlcore::exact")]
    p_min: f64,
    #[serde(with = "mlcore::exact")]
    s_min: f64,
    warnings: u64,
    flags: Flags,
    replay: bool,
}

impl Algorithm for Rddm {
    const NAME: &'static str = "rddm";
    const LEGEND: &'static str =
        "RDDM: an error rate (1 is an error) that rises above its minimum, over bounded stretches.";
    type Constants = ();
    type State = RddmState;

    fn prepare(&self) -> Result<()> {
        let (warning, drift) = (self.warning_level, self.drift_level);
        require(warning > 0.0, Self::NAME, "warning_level", warning, "above 0")?;
        let holds = drift > warning && drift.is_finite();
        require(holds, Self::NAME, "drift_level", drift, "above warning_level, and finite")?;
        require_values(Self::NAME, "min_concept_size", self.min_concept_size)?;
        require(
            self.min_num_instances > 0,
            Self::NAME,
            "min_num_instances",
            self.min_num_instances,
            "1 or more",
        )
    }

    fn begin(&self, (): &()) -> RddmState {
        RddmState {
            latest: Bits::default(),
            errors: Mean::default(),
            values: 0,
            p_min: f64::INFINITY,
            s_min: f64::INFINITY,
            warnings: 0,
            flags: Flags::default(),
            replay: false,
        }
    }

    #[inline]
    fn step(&self, (): &(), state: &mut RddmState, value: f64) -> Flags {
        if state.replay {
            self.replay(state);
        } else {
            state.values += 1;
        }
        if state.latest.len() == self.min_concept_size {
            state.latest.pop();
        }
        state.latest.push(value == 1.0);
        state.errors.push_divided(value);
        state.flags =
            if state.values < self.min_num_instances { Flags::default() } else { self.judge(state) };
        state.flags
    }

    fn fits(&self, (): &(), state: &RddmState) -> bool {
        state.latest.len() <= self.min_concept_size
            && state.errors.is_sound()
            && (0.0..=1.0).contains(&state.errors.mean)
            && state.p_min >= 0.0
            && state.s_min >= 0.0
            && state.values <= 1 << 53
            && state.warnings <= 1 << 53
    }

    fn domain(&self) -> Domain {
        Domain::Bits
    }

    /// It begins anew by itself, with the values since the first warning.
    fn restarts(&self) -> bool {
        false
    }

    fn statistics(&self, (): &(), state: &RddmState) -> Vec<(&'static str, f64)> {
        vec![("error_rate", state.errors.mean)]
    }
}

impl Rddm {
    fn judge(&self, state: &mut RddmState) -> Flags {
        let (p, s) = state.rate();
        if p + s < state.p_min + state.s_min {
            (state.p_min, state.s_min) = (p, s);
        }
        let mut flags = state.flags;
        if p + s > state.p_min + self.drift_level * state.s_min {
            state.replay = true;
            flags = Flags { drift: true, warning: false };
            if state.warnings == 0 {
                state.latest.keep_newest();
            }
        } else if p + s > state.p_min + self.warning_level * state.s_min {
            if state.warnings >= self.max_num_instances_warning {
                state.replay = true;
                flags.drift = true;
                state.latest.keep_newest();
            } else {
                flags = Flags { drift: false, warning: true };
                state.warnings += 1;
            }
        } else {
            flags = Flags::default();
            state.warnings = 0;
        }
        if !flags.drift && state.values >= self.max_concept_size && !flags.warning {
            state.replay = true;
        }
        flags
    }

    /// Begins anew with the values that are remembered.
    fn replay(&self, state: &mut RddmState) {
        let after_drift = state.flags.drift;
        let latest = std::mem::take(&mut state.latest);
        state.errors = Mean::default();
        (state.p_min, state.s_min) = (f64::INFINITY, f64::INFINITY);
        (state.warnings, state.values, state.replay) = (0, 0, false);
        for bit in latest.iter() {
            state.values += 1;
            state.errors.push_divided(f64::from(u8::from(bit)));
            let (p, s) = state.rate();
            if after_drift && state.values >= self.min_num_instances && p + s < state.p_min + state.s_min {
                (state.p_min, state.s_min) = (p, s);
            }
        }
        state.latest = latest;
        state.flags.drift = false;
    }
}

impl RddmState {
    /// The error rate, and its standard deviation.
    fn rate(&self) -> (f64, f64) {
        let p = self.errors.mean;
        // A mean of zeros and ones can be rounded past 1 by the value that is not counted.
        (p, (p * (1.0 - p) / self.values as f64).max(0.0).sqrt())
    }
}
