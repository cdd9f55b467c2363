//! DDM: an error rate that has left its minimum.

use mlcore::Result;
use serde::{Deserialize, Serialize};

use super::mean::Mean;
use super::parameters::{parameters, require_size};
use super::{Algorithm, Domain, Flags};

parameters! {
    /// The drift detection method of Gama: watches an error rate; 1 is an error.
    ///
    /// With `p` the error rate and `s = sqrt(p (1 - p) / n)` so far, the smallest `p + s` is kept as `p_min` and `s_min`. A
    /// warning is told above `p_min + warning_threshold s_min`, a change above `p_min + drift_threshold s_min`.
    ///
    /// **False alarms** are not promised: the threshold is three standard deviations of a minimum over all that was seen,
    /// asked after every value, and so it is crossed again and again where nothing changes, the sooner the smaller the rate.
    /// It sees increases only, and the longer a stream was good, the later. **Memory** is six numbers.
    ///
    /// Source: J. Gama, P. Medas, G. Castillo and P. Rodrigues, "Learning with drift detection" (2004); detections and
    /// warnings are those of `river.drift.binary.DDM` (river 0.26.1).
    ///
    /// ```
    /// use mlcore_drift::stream::{Algorithm, Ddm, StreamDetector};
    ///
    /// let mut ddm = Ddm::default().start()?;
    /// let errors: Vec<f64> = (0..1000).map(|i| f64::from(u8::from(i % 10 == 0 || (i >= 500 && i % 2 == 0)))).collect();
    /// let found = ddm.update_many(&errors)?;
    /// assert!(found.drifts.len() == 1 && (500..560).contains(&found.drifts[0]), "{found:?}");
    /// assert!(ddm.update(0.5).is_err());
    /// # Ok::<(), mlcore::Error>(())
    /// ```
    pub struct Ddm {
        /// Nothing is told before more values than these.
        warm_start, with_warm_start: u32 = 30;
        /// How many standard deviations above the minimum a warning is.
        warning_threshold, with_warning_threshold: f64 = 2.0;
        /// How many standard deviations above the minimum a change is.
        drift_threshold, with_drift_threshold: f64 = 3.0;
    }
}

/// The error rate and its minimum.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DdmState {
    errors: Mean,
    #[serde(with = "mlcore::exact")]
    p_min: f64,
    #[serde(with = "mlcore::exact")]
    s_min: f64,
}

impl Algorithm for Ddm {
    const NAME: &'static str = "ddm";
    const LEGEND: &'static str = "DDM: an error rate (1 is an error) that rises above its minimum.";
    type Constants = ();
    type State = DdmState;

    fn prepare(&self) -> Result<()> {
        require_size(Self::NAME, "warning_threshold", self.warning_threshold)?;
        require_size(Self::NAME, "drift_threshold", self.drift_threshold)
    }

    fn begin(&self, (): &()) -> DdmState {
        DdmState { errors: Mean::default(), p_min: f64::INFINITY, s_min: f64::INFINITY }
    }

    #[inline]
    fn step(&self, (): &(), state: &mut DdmState, value: f64) -> Flags {
        state.errors.push(value);
        let (n, p) = (state.errors.n, state.errors.mean);
        if n <= f64::from(self.warm_start) {
            return Flags::default();
        }
        let s = (p * (1.0 - p) / n).sqrt();
        if p + s <= state.p_min + state.s_min {
            (state.p_min, state.s_min) = (p, s);
        }
        let drift = p + s > state.p_min + self.drift_threshold * state.s_min;
        let warning = !drift && p + s > state.p_min + self.warning_threshold * state.s_min;
        Flags { drift, warning }
    }

    fn fits(&self, (): &(), state: &DdmState) -> bool {
        let mean = state.errors;
        mean.is_sound() && (0.0..=1.0).contains(&mean.mean) && state.p_min >= 0.0 && state.s_min >= 0.0
    }

    fn domain(&self) -> Domain {
        Domain::Bits
    }

    fn statistics(&self, (): &(), state: &DdmState) -> Vec<(&'static str, f64)> {
        vec![("error_rate", state.errors.mean)]
    }
}
