//! The test of Page and Hinkley: how far a stream has left its own mean.

use mlcore::Result;
use serde::{Deserialize, Serialize};

use super::mean::Mean;
use super::parameters::{parameters, require, require_size};
use super::{Algorithm, Flags};

/// The direction in which [`PageHinkley`] looks.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Hash)]
#[non_exhaustive]
pub enum Mode {
    /// Increases of the mean.
    Up,
    /// Decreases of the mean.
    Down,
    /// Both.
    #[default]
    Both,
}

mlcore::words! { Mode, "mode": Up = "up", Down = "down", Both = "both" }

parameters! {
    /// The Page-Hinkley test: watches the mean of numbers whose scale is known.
    ///
    /// Deviations from the running mean, less a tolerance `delta`, are added up and slowly forgotten (`alpha`); a change is
    /// told when the sum has risen by more than `threshold` above its lowest point (or fallen as far below its highest).
    ///
    /// **False alarms** are not promised: `delta` and `threshold` are in the unit of the values, so that the same numbers are
    /// deaf for one stream and alarm all the time for another. Simulate on a stretch that was good
    /// ([`calibration`](super::calibration)), or take [`Watch`](super::Watch), which states its rate. **Memory** is five
    /// numbers.
    ///
    /// Source: E. S. Page, "Continuous inspection schemes" (1954); detections are those of `river.drift.PageHinkley`
    /// (river 0.26.1).
    ///
    /// ```
    /// use mlcore_drift::stream::{Algorithm, PageHinkley, StreamDetector};
    ///
    /// let mut test = PageHinkley::default().with_threshold(10.0).start()?;
    /// let values: Vec<f64> = (0..400).map(|i| if i < 200 { 0.0 } else { 1.0 }).collect();
    /// assert_eq!(test.update_many(&values)?.drifts, [210]);
    /// # Ok::<(), mlcore::Error>(())
    /// ```
    pub struct PageHinkley {
        /// Nothing is told before so many values.
        min_instances, with_min_instances: u32 = 30;
        /// The change of the mean that is tolerated, in the unit of the values.
        delta, with_delta: f64 = 0.005;
        /// How far the sum may move.
        threshold, with_threshold: f64 = 50.0;
        /// What is left of the sum after each value: 1 forgets nothing.
        alpha, with_alpha: f64 = 1.0 - 0.0001;
        /// The direction of the changes that count.
        mode, with_mode: Mode = Mode::Both;
    }
}

/// The sums and their extremes.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PageHinkleyState {
    mean: Mean,
    sum_increase: f64,
    sum_decrease: f64,
    #[serde(with = "mlcore::exact")]
    min_increase: f64,
    max_decrease: f64,
}

impl Algorithm for PageHinkley {
    const NAME: &'static str = "page_hinkley";
    const LEGEND: &'static str =
        "Page-Hinkley: the mean of numbers whose scale is known, by a sum of deviations from it.";
    type Constants = ();
    type State = PageHinkleyState;

    fn prepare(&self) -> Result<()> {
        require_size(Self::NAME, "delta", self.delta)?;
        require_size(Self::NAME, "threshold", self.threshold)?;
        let wanted = "from 0 to 1";
        require((0.0..=1.0).contains(&self.alpha), Self::NAME, "alpha", self.alpha, wanted)
    }

    fn begin(&self, (): &()) -> PageHinkleyState {
        PageHinkleyState {
            mean: Mean::default(),
            sum_increase: 0.0,
            sum_decrease: 0.0,
            min_increase: f64::INFINITY,
            // Not the least number: river's choice, which hides a small decrease in the first few values.
            max_decrease: -1.0,
        }
    }

    #[inline]
    fn step(&self, (): &(), state: &mut PageHinkleyState, value: f64) -> Flags {
        state.mean.push(value);
        let deviation = value - state.mean.mean;
        state.sum_increase = self.alpha * state.sum_increase + deviation - self.delta;
        state.sum_decrease = self.alpha * state.sum_decrease + deviation + self.delta;
        if state.sum_increase < state.min_increase {
            state.min_increase = state.sum_increase;
        }
        if state.sum_decrease > state.max_decrease {
            state.max_decrease = state.sum_decrease;
        }
        let rises = state.sum_increase - state.min_increase > self.threshold;
        let falls = state.max_decrease - state.sum_decrease > self.threshold;
        let counts = match self.mode {
            Mode::Up => rises,
            Mode::Down => falls,
            Mode::Both => rises || falls,
        };
        Flags { drift: counts && state.mean.n >= f64::from(self.min_instances), warning: false }
    }

    fn fits(&self, (): &(), state: &PageHinkleyState) -> bool {
        let sums = [state.sum_increase, state.sum_decrease, state.max_decrease];
        state.mean.is_sound() && sums.iter().all(|sum| sum.is_finite()) && !state.min_increase.is_nan()
    }

    fn statistics(&self, (): &(), state: &PageHinkleyState) -> Vec<(&'static str, f64)> {
        vec![("mean", state.mean.mean)]
    }
}
