//! FHDDM: a window of right answers whose share has fallen.

use mlcore::Result;
use serde::{Deserialize, Serialize};

use super::bits::Bits;
use super::parameters::{parameters, require, require_share, require_values};
use super::{Algorithm, Domain, FalseAlarms, Flags};

parameters! {
    /// The fast Hoeffding drift detection method: watches the share of ones, 1 being a right answer, in a window.
    ///
    /// A change is told where the share of ones in the last `sliding_window_size` values is below the largest share that any
    /// window had by more than `sqrt(ln(1 / confidence_level) / (2 size))`; the last `short_window_size` values are compared
    /// with their own largest share, too, where they are given. It sees decreases only: feed it `1 - error`.
    ///
    /// **False alarms.** The bound holds for one window against a known rate; the largest share of all windows lies above it,
    /// so that `confidence_level` is no rate. At the default there was none in 800,000 unchanged values. **Memory** is a bit
    /// for each value of the window.
    ///
    /// Source: A. Pesaranghader and H. Viktor, "Fast Hoeffding drift detection method for evolving data streams" (2016), and
    /// with R. Paquet for the two windows (2018); detections are those of `river.drift.binary.FHDDM` (river 0.26.1).
    ///
    /// ```
    /// use mlcore_drift::stream::{Algorithm, Fhddm, StreamDetector};
    ///
    /// let mut fhddm = Fhddm::default().start()?;
    /// let right: Vec<f64> = (0..600).map(|i| f64::from(u8::from(i < 500 || i % 2 == 0))).collect();
    /// assert_eq!(fhddm.update_many(&right)?.drifts, [553]);
    /// # Ok::<(), mlcore::Error>(())
    /// ```
    pub struct Fhddm {
        /// How many values the window holds.
        sliding_window_size, with_sliding_window_size: usize = 100;
        /// The probability of a chance fall: smaller is more careful.
        confidence_level, with_confidence_level: f64 = 1e-6;
        /// How many values the short window holds, where there is one; at most as many as the other.
        short_window_size, with_short_window_size: Option<usize> = None;
    }
}

/// The window, and the largest shares.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct FhddmState {
    window: Bits,
    ones: usize,
    short_ones: usize,
    largest: f64,
    largest_short: f64,
    /// So many ones, or fewer, are a change; -1 where none are few enough. It changes with the largest share alone, which
    /// saves a division for each value.
    critical: i64,
}

/// The two margins.
#[derive(Clone, Debug)]
pub struct FhddmConstants {
    margin: f64,
    short_margin: f64,
}

impl Algorithm for Fhddm {
    const NAME: &'static str = "fhddm";
    const LEGEND: &'static str =
        "FHDDM: the share of ones (1 is a right answer) in a window, against its largest.";
    type Constants = FhddmConstants;
    type State = FhddmState;

    fn prepare(&self) -> Result<FhddmConstants> {
        let size = self.sliding_window_size;
        require_values(Self::NAME, "sliding_window_size", size)?;
        require_share(Self::NAME, "confidence_level", self.confidence_level)?;
        let short = self.short_window_size.unwrap_or(1);
        require(
            (1..=size).contains(&short),
            Self::NAME,
            "short_window_size",
            short,
            "from 1 to sliding_window_size",
        )?;
        let margin = |size: usize| ((1.0 / self.confidence_level).ln() / (2.0 * size as f64)).sqrt();
        Ok(FhddmConstants { margin: margin(size), short_margin: margin(short) })
    }

    fn begin(&self, _: &FhddmConstants) -> FhddmState {
        let window = Bits::with_capacity(self.sliding_window_size);
        FhddmState { window, ones: 0, short_ones: 0, largest: 0.0, largest_short: 0.0, critical: -1 }
    }

    #[inline]
    fn step(&self, constants: &FhddmConstants, state: &mut FhddmState, value: f64) -> Flags {
        let (bit, size) = (value == 1.0, self.sliding_window_size);
        state.window.push(bit);
        state.ones += usize::from(bit);
        if let Some(short) = self.short_window_size {
            state.short_ones += usize::from(bit);
            state.short_ones -= usize::from(state.window.before_newest(short) == Some(true));
        }
        if state.window.len() < size {
            return Flags::default();
        }
        if state.ones as f64 > state.largest * size as f64 + 0.5 {
            state.largest = state.ones as f64 / size as f64;
            state.critical = self.critical(constants, state.largest);
        }
        let mut drift = state.ones as i64 <= state.critical;
        if let Some(short) = self.short_window_size {
            let share = state.short_ones as f64 / short as f64;
            state.largest_short = if state.largest_short < share { share } else { state.largest_short };
            drift |= state.largest_short - share > constants.short_margin;
        }
        // A short window as long as the other has no bit before it to be taken off: this one is.
        let oldest = usize::from(state.window.pop() == Some(true));
        state.ones -= oldest;
        if self.short_window_size == Some(size) {
            state.short_ones -= oldest;
        }
        Flags { drift, warning: false }
    }

    fn fits(&self, constants: &FhddmConstants, state: &FhddmState) -> bool {
        let short = self.short_window_size.map_or(0, |short| short.min(self.sliding_window_size - 1));
        let short_ones = state.window.iter().rev().take(short).filter(|bit| *bit).count();
        let shares = [state.largest, state.largest_short];
        state.window.len() < self.sliding_window_size
            && state.ones == state.window.ones()
            && state.short_ones == short_ones
            && shares.iter().all(|share| (0.0..=1.0).contains(share))
            && state.critical == self.critical(constants, state.largest)
    }

    fn domain(&self) -> Domain {
        Domain::Bits
    }

    fn false_alarms(&self) -> FalseAlarms {
        FalseAlarms::PerValue(self.confidence_level)
    }

    fn statistics(&self, _: &FhddmConstants, state: &FhddmState) -> Vec<(&'static str, f64)> {
        let share = if state.window.len() == 0 { 0.0 } else { state.ones as f64 / state.window.len() as f64 };
        vec![("share", share), ("largest_share", state.largest)]
    }
}

impl Fhddm {
    /// The most ones that are a change below the largest share.
    fn critical(&self, constants: &FhddmConstants, largest: f64) -> i64 {
        let size = self.sliding_window_size as f64;
        let is_change = |ones: i64| largest - ones as f64 / size > constants.margin;
        // One more than what the formula without rounding gives, and then down to what holds.
        let mut ones = ((largest - constants.margin) * size).floor() as i64 + 1;
        while ones >= 0 && !is_change(ones) {
            ones -= 1;
        }
        ones.max(-1)
    }
}
