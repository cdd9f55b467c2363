//! EDDM: errors that follow each other sooner.

use mlcore::Result;
use serde::{Deserialize, Serialize};

use super::mean::Mean;
use super::parameters::{parameters, require};
use super::{Algorithm, Domain, Flags};

parameters! {
    /// The early drift detection method: watches the distance between two errors; 1 is an error.
    ///
    /// With `p` the mean number of values from one error to the next and `s` its standard deviation, the largest `p + 2 s` is
    /// kept; a warning is told where `p + 2 s` falls below `alpha` times it, a change below `beta` times.
    ///
    /// **False alarms** are not promised, and are frequent: 36 detections in 20,000 values of which five segments differ. It
    /// was made for slow changes of small error rates. **Memory** is seven numbers.
    ///
    /// Source: M. Baena-Garcia and others, "Early drift detection method" (2006); detections and warnings are those of
    /// `river.drift.binary.EDDM` (river 0.26.1), which keeps a warning until an error lifts it.
    ///
    /// ```
    /// use mlcore_drift::stream::{Algorithm, Eddm, StreamDetector};
    ///
    /// let mut eddm = Eddm::default().start()?;
    /// let every = |i: usize| if i < 1000 { 20 } else { 4 };
    /// let errors: Vec<f64> = (0..2000).map(|i| f64::from(u8::from(i % every(i) == every(i) - 1))).collect();
    /// let found = eddm.update_many(&errors)?;
    /// assert!(found.drifts.first().is_some_and(|first| (1000..1300).contains(first)), "{found:?}");
    /// # Ok::<(), mlcore::Error>(())
    /// ```
    pub struct Eddm {
        /// Nothing is told before more values, and more errors, than these.
        warm_start, with_warm_start: u32 = 30;
        /// The share of the largest distance below which a warning is told; not below `beta`.
        alpha, with_alpha: f64 = 0.95;
        /// The share of the largest distance below which a change is told.
        beta, with_beta: f64 = 0.9;
    }
}

/// The distances between errors.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct EddmState {
    distances: Mean,
    squares: f64,
    values: u64,
    last_error: u64,
    largest: f64,
    warning: bool,
}

impl Algorithm for Eddm {
    const NAME: &'static str = "eddm";
    const LEGEND: &'static str = "EDDM: the distance between two errors (1 is an error).";
    type Constants = ();
    type State = EddmState;

    fn prepare(&self) -> Result<()> {
        let wanted = "at least beta, both from 0 to 1";
        let holds = (0.0..=1.0).contains(&self.beta) && self.alpha >= self.beta && self.alpha <= 1.0;
        require(holds, Self::NAME, "alpha", self.alpha, wanted)
    }

    fn begin(&self, (): &()) -> EddmState {
        EddmState {
            distances: Mean::default(),
            squares: 0.0,
            values: 0,
            last_error: 0,
            largest: -1.0,
            warning: false,
        }
    }

    #[inline]
    fn step(&self, (): &(), state: &mut EddmState, value: f64) -> Flags {
        state.values += 1;
        let drift = value == 1.0 && self.meets_error(state);
        Flags { drift, warning: state.warning }
    }

    fn fits(&self, (): &(), state: &EddmState) -> bool {
        state.distances.is_sound()
            && state.squares.is_finite()
            && state.largest.is_finite()
            && state.last_error <= state.values
            && state.values <= 1 << 53
    }

    fn domain(&self) -> Domain {
        Domain::Bits
    }

    fn statistics(&self, (): &(), state: &EddmState) -> Vec<(&'static str, f64)> {
        vec![("distance", state.distances.mean)]
    }
}

impl Eddm {
    fn meets_error(&self, state: &mut EddmState) -> bool {
        let distance = (state.values - state.last_error) as f64;
        state.last_error = state.values;
        let before = state.distances.mean;
        state.distances.push(distance);
        let (n, mean) = (state.distances.n, state.distances.mean);
        state.squares += (distance - before) * (distance - mean);
        if state.values <= u64::from(self.warm_start) {
            return false;
        }
        let variance = if n > 1.0 { state.squares / (n - 1.0) } else { 0.0 };
        let spread = mean + 2.0 * variance.sqrt();
        if spread > state.largest {
            state.largest = spread;
        } else if n > f64::from(self.warm_start) {
            let level = spread / state.largest;
            if level < self.beta {
                return true;
            }
            state.warning = level < self.alpha;
        }
        false
    }
}
