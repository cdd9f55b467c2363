//! ADWIN: a window that shrinks when its mean changed.

use mlcore::Result;
use serde::{Deserialize, Serialize};

use super::parameters::{parameters, require, require_share, require_values};
use super::{Algorithm, FalseAlarms, Flags, Stream};

parameters! {
    /// Adaptive windowing: watches the mean of numbers of any scale.
    ///
    /// A window of recent values is kept in buckets of 1, 2, 4, ... values, `max_buckets` of each size. Every `clock` values,
    /// each border between two buckets is a possible change: where the means on its sides differ by more than
    /// `sqrt(2 m v d) + 2/3 m d`, with `v` the window's variance, `d = ln(2 ln(n) / delta)` and `m` the sum of the
    /// reciprocal lengths, the oldest bucket goes and a change is told.
    ///
    /// **False alarms.** `delta` bounds the probability of one check in theory; the bound is conservative: there was none in
    /// 800,000 unchanged normal values. **Memory** grows with the logarithm of the window. **Cost** is some twenty
    /// nanoseconds a value at the defaults.
    ///
    /// Source: A. Bifet and R. Gavalda, "Learning from time-changing data with adaptive windowing" (2007); detections, width,
    /// estimation and variance are those of `river.drift.ADWIN` (river 0.26.1).
    ///
    /// ```
    /// use mlcore_drift::stream::{Adwin, Algorithm, StreamDetector};
    ///
    /// let mut adwin = Adwin::default().start()?;
    /// let values: Vec<f64> = (0..2000).map(|i| f64::from(i % 3) + if i < 1000 { 0.0 } else { 5.0 }).collect();
    /// let found = adwin.update_many(&values)?;
    /// assert_eq!(found.drifts, [1023]);
    /// assert!(adwin.width() < 1000.0 && (adwin.estimation() - 6.0).abs() < 0.1);
    /// # Ok::<(), mlcore::Error>(())
    /// ```
    pub struct Adwin {
        /// The confidence of a cut: smaller is more careful. Above 0 and below 1.
        delta, with_delta: f64 = 0.002;
        /// How many values lie between two checks.
        clock, with_clock: u32 = 32;
        /// How many buckets of each size there are at most.
        max_buckets, with_max_buckets: usize = 5;
        /// The fewest values on either side of a cut.
        min_window_length, with_min_window_length: u32 = 5;
        /// Nothing is checked while the window has no more values than these.
        grace_period, with_grace_period: u32 = 10;
    }
}

/// The window in buckets: level `i` holds those of `2^i` values, oldest first.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AdwinState {
    width: f64,
    total: f64,
    /// The sum of squared deviations from the window's mean.
    variance: f64,
    tick: u32,
    /// How many buckets each level has.
    used: Vec<usize>,
    /// A fixed number of places for each level, of which the first `used` count.
    totals: Vec<f64>,
    variances: Vec<f64>,
}

impl Algorithm for Adwin {
    const NAME: &'static str = "adwin";
    const LEGEND: &'static str = "ADWIN: the mean of numbers, over a window that shrinks when it changed.";
    type Constants = ();
    type State = AdwinState;

    fn prepare(&self) -> Result<()> {
        require_share(Self::NAME, "delta", self.delta)?;
        require(self.clock > 0, Self::NAME, "clock", self.clock, "1 or more")?;
        require_values(Self::NAME, "max_buckets", self.max_buckets)?;
        let fewest = self.min_window_length;
        require(fewest > 0, Self::NAME, "min_window_length", fewest, "1 or more")
    }

    fn begin(&self, (): &()) -> AdwinState {
        let mut state = AdwinState {
            width: 0.0,
            total: 0.0,
            variance: 0.0,
            tick: 0,
            used: Vec::new(),
            totals: Vec::new(),
            variances: Vec::new(),
        };
        state.add_level(self.max_buckets + 1);
        state
    }

    #[inline]
    fn step(&self, (): &(), state: &mut AdwinState, value: f64) -> Flags {
        state.insert(value, self.max_buckets + 1);
        state.tick += 1;
        if state.tick < self.clock {
            return Flags::default();
        }
        state.tick = 0;
        let mut drift = false;
        if state.width > f64::from(self.grace_period) {
            while self.finds_cut(state) {
                drift = true;
                state.drop_oldest(self.max_buckets + 1);
            }
        }
        Flags { drift, warning: false }
    }

    fn fits(&self, (): &(), state: &AdwinState) -> bool {
        let (places, levels) = (self.max_buckets + 1, state.used.len());
        let size = |level: usize| (1_u64 << level) as f64;
        (1..=MOST_LEVELS).contains(&levels)
            && state.totals.len() == places * levels
            && state.variances.len() == places * levels
            && state.used.iter().all(|used| *used <= self.max_buckets)
            && (levels == 1 || state.used.last().is_some_and(|used| *used > 0))
            && state.used.iter().enumerate().map(|(level, used)| size(level) * *used as f64).sum::<f64>()
                == state.width
            && [&state.totals, &state.variances].iter().all(|values| values.iter().all(|v| v.is_finite()))
            && state.total.is_finite()
            && state.variance.is_finite()
            && state.tick < self.clock
    }

    fn false_alarms(&self) -> FalseAlarms {
        FalseAlarms::PerValue(self.delta / f64::from(self.clock))
    }

    fn statistics(&self, (): &(), state: &AdwinState) -> Vec<(&'static str, f64)> {
        vec![
            ("width", state.width),
            ("total", state.total),
            ("estimation", state.per_value(state.total)),
            ("variance", state.variance),
            ("variance_in_window", state.per_value(state.variance)),
        ]
    }
}

impl Stream<Adwin> {
    /// How many values the window holds.
    #[must_use]
    pub fn width(&self) -> f64 {
        self.state().width
    }

    /// The mean of the window; 0 where it is empty.
    #[must_use]
    pub fn estimation(&self) -> f64 {
        self.state().per_value(self.state().total)
    }

    /// The sum of squared deviations from the window's mean: river's `variance`, under its name.
    #[must_use]
    pub fn variance(&self) -> f64 {
        self.state().variance
    }

    /// The variance of the window: [`variance`](Self::variance) by its width; 0 where it is empty.
    #[must_use]
    pub fn variance_in_window(&self) -> f64 {
        self.state().per_value(self.state().variance)
    }
}

impl Adwin {
    /// Whether the means on the sides of any border differ by more than chance allows.
    fn finds_cut(&self, state: &AdwinState) -> bool {
        let (width, fewest) = (state.width, f64::from(self.min_window_length));
        let log_term = (2.0 * width.ln() / self.delta).ln();
        let variance = state.variance / width;
        let bound = |m: f64| (2.0 * m * variance * log_term).sqrt() + 2.0 / 3.0 * log_term * m;
        // The sum of two reciprocals is at least 4 by the sum of both: no bound is below this one, and most borders are
        // dismissed by it without a division.
        let least = bound(4.0 / (width - 2.0 * fewest + 2.0)) * (1.0 - 1e-9);
        let (mut n0, mut n1, mut u0, mut u1) = (0.0, width, 0.0, state.total);
        let places = self.max_buckets + 1;
        let levels = state.used.iter().zip(state.totals.chunks_exact(places)).enumerate().rev();
        for (level, (used, totals)) in levels {
            let size = (1_u64 << level) as f64;
            for total in totals.iter().take(*used) {
                n0 += size;
                n1 -= size;
                u0 += total;
                u1 -= total;
                let (a, b) = (u0 * n1, u1 * n0);
                // What rounding can have done to either form is far below the last term.
                let is_far = (a - b).abs() + 1e-14 * (a.abs() + b.abs()) > least * (n0 * n1);
                if is_far || least.is_nan() {
                    let reaches = n0 >= fewest && n1 >= fewest;
                    let m = 1.0 / (n0 - fewest + 1.0) + 1.0 / (n1 - fewest + 1.0);
                    if reaches && (u0 / n0 - u1 / n1).abs() > bound(m) {
                        return true;
                    }
                }
            }
        }
        false
    }
}

impl AdwinState {
    fn per_value(&self, sum: f64) -> f64 {
        if self.width > 0.0 { sum / self.width } else { 0.0 }
    }

    fn add_level(&mut self, places: usize) {
        self.used.push(0);
        self.totals.resize(self.totals.len() + places, 0.0);
        self.variances.resize(self.variances.len() + places, 0.0);
    }

    #[inline]
    fn insert(&mut self, value: f64, places: usize) {
        self.width += 1.0;
        if self.width > 1.0 {
            let before = self.width - 1.0;
            let deviation = value - self.total / before;
            self.variance += before * deviation * deviation / self.width;
        }
        self.total += value;
        self.put(0, value, 0.0, places);
        let mut level = 0;
        while self.used[level] == places {
            self.merge_oldest_two(level, places);
            level += 1;
        }
    }

    #[inline]
    fn put(&mut self, level: usize, total: f64, variance: f64, places: usize) {
        if level == self.used.len() {
            self.add_level(places);
        }
        let place = level * places + self.used[level];
        self.totals[place] = total;
        self.variances[place] = variance;
        self.used[level] += 1;
    }

    /// Makes one bucket of the next level of the two oldest of this one.
    fn merge_oldest_two(&mut self, level: usize, places: usize) {
        let size = (1_u64 << level) as f64;
        let first = level * places;
        let (total0, total1) = (self.totals[first], self.totals[first + 1]);
        let difference = total0 / size - total1 / size;
        let between = size * 0.5 * difference * difference;
        let variance = self.variances[first] + self.variances[first + 1] + between;
        self.put(level + 1, total0 + total1, variance, places);
        self.shift(level, 2, places);
    }

    /// Forgets the oldest buckets of a level.
    fn shift(&mut self, level: usize, gone: usize, places: usize) {
        let (first, used) = (level * places, self.used[level]);
        self.totals.copy_within(first + gone..first + used, first);
        self.variances.copy_within(first + gone..first + used, first);
        self.used[level] = used - gone;
    }

    /// Forgets the oldest bucket of the window.
    fn drop_oldest(&mut self, places: usize) {
        let level = self.used.len() - 1;
        let size = (1_u64 << level) as f64;
        let (total, variance) = (self.totals[level * places], self.variances[level * places]);
        self.width -= size;
        self.total -= total;
        let difference = total / size - self.total / self.width;
        let between = size * self.width * difference * difference / (size + self.width);
        self.variance -= variance + between;
        self.shift(level, 1, places);
        while self.used.len() > 1 && self.used.last() == Some(&0) {
            self.used.pop();
        }
        self.totals.truncate(self.used.len() * places);
        self.variances.truncate(self.used.len() * places);
    }
}

/// No stream has more values than these levels hold.
const MOST_LEVELS: usize = 60;
