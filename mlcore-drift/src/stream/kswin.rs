//! KSWIN: the latest values of a window against a random draw of the others.

use std::collections::VecDeque;

use mlcore::Result;
use mlcore::stats::{KsOptions, ks_2samp_pvalue};
use serde::{Deserialize, Serialize};

use super::mersenne::Mersenne;
use super::parameters::{parameters, require, require_values};
use super::{Algorithm, FalseAlarms, Flags, Stream, is_finite_number};

parameters! {
    /// Kolmogorov-Smirnov windowing: watches the distribution of numbers.
    ///
    /// A window holds the last `window_size` values. After each one, the latest `stat_size` are compared by a two-sample
    /// Kolmogorov-Smirnov test with as many that are drawn from the others. A change is told where the p-value is at most
    /// `alpha` and the statistic above 0.1.
    ///
    /// **False alarms.** `alpha` is the rate of one test, and there is one after every value: 1,000 values are 900 tests that
    /// overlap, and the default 0.005 speaks about once in 1,000 unchanged values, `alpha = 0.0001` once in 10,000; [`Watch`](super::Watch) states a rate. **Memory** is the window and 2.5 KB for the generator. **Cost** is about
    /// a microsecond a value at the defaults, `stat_size ln(stat_size)` in general.
    ///
    /// **Random numbers** are those of CPython's `random.Random(seed).sample`, so that the same seed gives river's detections.
    /// Without a seed river draws another one in every process; here it is 0. After a detection the generator and the window
    /// begin anew, as in river, which keeps the latest values only until the next one comes.
    ///
    /// Source: C. Raab, M. Heusinger and F.-M. Schleif, "Reactive soft prototype computing for concept drift streams" (2020);
    /// detections are those of `river.drift.KSWIN` (river 0.26.1, scipy 1.17.1).
    ///
    /// ```
    /// use mlcore_drift::stream::{Algorithm, Kswin, StreamDetector};
    ///
    /// let mut kswin = Kswin::default().with_alpha(1e-4).with_seed(Some(42)).start()?;
    /// let values: Vec<f64> = (0..400).map(|i| f64::from(i * 37 % 100) + if i < 200 { 0.0 } else { 60.0 }).collect();
    /// let found = kswin.update_many(&values)?;
    /// assert!((200..240).contains(&found.drifts[0]), "{found:?}");
    /// # Ok::<(), mlcore::Error>(())
    /// ```
    pub struct Kswin {
        /// The largest p-value that is told.
        alpha, with_alpha: f64 = 0.005;
        /// How many values the window holds.
        window_size, with_window_size: usize = 100;
        /// How many of the latest values are compared with as many others; at most half the window.
        stat_size, with_stat_size: usize = 30;
        /// The seed of the draws.
        seed, with_seed: Option<u64> = None;
        /// Values that were collected before, the last of which fill the window.
        window, with_window: Vec<f64> = Vec::new();
    }
}

/// The window, and the generator of draws.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct KswinState {
    window: VecDeque<f64>,
    random: Mersenne,
    /// The statistic of the latest test in steps of `1 / stat_size`.
    level: Option<usize>,
    #[serde(skip)]
    scratch: Scratch,
}

/// Memory that is used again for each value.
#[derive(Clone, Debug, Default)]
struct Scratch {
    places: Vec<u32>,
    pool: Vec<u32>,
    drawn: Vec<f64>,
    latest: Vec<f64>,
}

/// The least statistic that is told, in steps of `1 / stat_size`.
#[derive(Clone, Debug)]
pub struct KswinConstants {
    critical: usize,
}

impl Algorithm for Kswin {
    const NAME: &'static str = "kswin";
    const LEGEND: &'static str =
        "KSWIN: the distribution of numbers, the latest of a window against a draw of the others.";
    type Constants = KswinConstants;
    type State = KswinState;

    fn prepare(&self) -> Result<KswinConstants> {
        let holds = (0.0..=1.0).contains(&self.alpha);
        require(holds, Self::NAME, "alpha", self.alpha, "from 0 to 1")?;
        require_values(Self::NAME, "window_size", self.window_size)?;
        require_values(Self::NAME, "stat_size", self.stat_size)?;
        let halved = 2 * self.stat_size <= self.window_size;
        require(halved, Self::NAME, "stat_size", self.stat_size, "at most half of window_size")?;
        let numbers = self.window.iter().all(|value| is_finite_number(*value));
        require(numbers, Self::NAME, "window", "no list of numbers", "one, without NaN and infinities")?;
        Ok(KswinConstants { critical: self.critical_level()? })
    }

    fn begin(&self, _: &KswinConstants) -> KswinState {
        let from = self.window.len().saturating_sub(self.window_size);
        let mut state = self.empty();
        state.window.extend(self.window.iter().skip(from).map(|value| value + 0.0));
        state
    }

    /// Without the values that were collected before the stream.
    fn begin_again(&self, _: &KswinConstants, _: &KswinState) -> KswinState {
        self.empty()
    }

    #[inline]
    fn step(&self, constants: &KswinConstants, state: &mut KswinState, value: f64) -> Flags {
        if state.window.len() == self.window_size {
            state.window.pop_front();
        }
        // One zero: the test orders by value.
        state.window.push_back(value + 0.0);
        if state.window.len() < self.window_size {
            return Flags::default();
        }
        let level = self.statistic(state);
        state.level = Some(level);
        Flags { drift: level >= constants.critical, warning: false }
    }

    fn fits(&self, _: &KswinConstants, state: &KswinState) -> bool {
        state.window.len() <= self.window_size
            && state.window.iter().all(|value| is_finite_number(*value))
            && state.random.is_sound()
            && state.level.is_none_or(|level| level <= self.stat_size)
    }

    fn false_alarms(&self) -> FalseAlarms {
        FalseAlarms::PerValue(self.alpha)
    }

    fn statistics(&self, _: &KswinConstants, state: &KswinState) -> Vec<(&'static str, f64)> {
        vec![("p_value", self.pvalue(state))]
    }
}

impl Stream<Kswin> {
    /// The p-value of the latest test; 0 before the first one, as in river.
    #[must_use]
    pub fn p_value(&self) -> f64 {
        self.algorithm().pvalue(self.state())
    }
}

impl Kswin {
    fn empty(&self) -> KswinState {
        let random = Mersenne::new(self.seed.unwrap_or_default());
        let window = VecDeque::with_capacity(self.window_size);
        KswinState { window, random, level: None, scratch: Scratch::default() }
    }

    fn pvalue(&self, state: &KswinState) -> f64 {
        state.level.and_then(|level| self.pvalue_of(level).ok()).unwrap_or(0.0)
    }

    fn pvalue_of(&self, level: usize) -> Result<f64> {
        let statistic = level as f64 / self.stat_size as f64;
        ks_2samp_pvalue(statistic, self.stat_size, self.stat_size, &KsOptions::default())
    }

    /// The least level that is told: p-values fall as the statistic rises, so that one number decides in place of a test.
    fn critical_level(&self) -> Result<usize> {
        let (mut low, mut high) = (0, self.stat_size + 1);
        while low < high {
            let middle = usize::midpoint(low, high);
            let told = middle as f64 / self.stat_size as f64 > LEAST_STATISTIC;
            if middle <= self.stat_size && !(told && self.pvalue_of(middle)? <= self.alpha) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        Ok(low)
    }

    /// The largest difference of the two distribution functions, in steps of `1 / stat_size`.
    fn statistic(&self, state: &mut KswinState) -> usize {
        let older = self.window_size - self.stat_size;
        let Scratch { places, pool, drawn, latest } = &mut state.scratch;
        state.random.sample(older as u32, self.stat_size, places, pool);
        drawn.clear();
        drawn.extend(places.iter().filter_map(|place| state.window.get(*place as usize)));
        latest.clear();
        latest.extend(state.window.range(older..));
        drawn.sort_unstable_by(f64::total_cmp);
        latest.sort_unstable_by(f64::total_cmp);
        largest_difference(drawn, latest)
    }
}

/// The largest difference between the counts of both that lie at or below any value; both are sorted.
fn largest_difference(x: &[f64], y: &[f64]) -> usize {
    let (mut i, mut j, mut largest) = (0, 0, 0);
    while let (Some(a), Some(b)) = (x.get(i), y.get(j)) {
        let value = a.min(*b);
        i += x.iter().skip(i).take_while(|a| **a <= value).count();
        j += y.iter().skip(j).take_while(|b| **b <= value).count();
        largest = largest.max(i.abs_diff(j));
    }
    // What is left of one of them brings its count back towards the other's.
    largest
}

/// A smaller statistic is not told, whatever its p-value: river's guard for large windows.
const LEAST_STATISTIC: f64 = 0.1;
