//! A sequential test of one number against its baseline, with a stated rate of false alarms.

mod baseline;

use mlcore::Result;
use serde::{Deserialize, Serialize};

pub use self::baseline::Baseline;
use super::parameters::{require, require_size};
use super::{Algorithm, Domain, FalseAlarms, Flags, Stream, is_finite_number};

/// The changes that a [`Watch`] looks for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Hash)]
#[non_exhaustive]
pub enum Direction {
    /// The mean rises above the baseline.
    Up,
    /// The mean falls below the baseline.
    Down,
    /// Either.
    #[default]
    Either,
}

mlcore::words! { Direction, "direction": Up = "up", Down = "down", Either = "either" }

/// Watches one number, such as an approval rate, a mean score or an error rate, against a baseline: its false alarms per time
/// are stated, and hold for every distribution.
///
/// Values lie between two known bounds ([`with_range`](Self::with_range)). While the expectation of each value, given those
/// before it, stays within the [`Baseline`], a false alarm comes
///
/// - on average at most once in [`with_one_false_alarm_in`](Self::with_one_false_alarm_in) values (by default 10,000): the
///   expected number of values from a start, or from the last alarm, to a false alarm is at least that; or
/// - ever, from a start or from the last alarm, with at most the probability of
///   [`with_false_alarm_probability`](Self::with_false_alarm_probability).
///
/// Both hold for finite streams, not in a limit, without a guess at the variance, and for values that depend on each other,
/// as long as the expectation holds. Where the baseline comes from a sample they hold if it covers the truth, which it does
/// with its own confidence.
///
/// # How
/// With values scaled to `[0, 1]` and `m` the end of the baseline on the side looked at, a bet of `lambda` on a rise
/// multiplies money by `1 + lambda (x - m)`, which cannot gain on average while nothing has changed. Money `1` is put in before
/// every value: `M = (M + 1)(1 + lambda (x - m))`, so that `M` less the number of values is a supermartingale, and the time
/// until `M` reaches `N` is at least `N` on average (the Shiryaev-Roberts e-detector). For the other budget the money put in
/// before value `n` is `1 / (n (n + 1))`, one in all, and Ville's inequality bounds the probability that it ever becomes
/// `1 / alpha`. `M` is the mean over eight `lambda` from `delta / (m (1 - m))`, the best bet on a change of
/// [`delta`](Self::with_delta) in zeros and ones, up to nearly everything, which is right for larger changes and smaller
/// variances; over both directions, where both are looked at.
///
/// A change much smaller than `delta` may never be told, a larger one is. Delays at the defaults, `delta` 0.05 and an error
/// rate of 0.1 that rises after 1,000 values (200 simulations, held by a test): to 0.15 about 450 values, to 0.2 about 140, to
/// 0.3 about 50.
///
/// **Memory** is sixteen numbers; **cost** some ten nanoseconds a value.
///
/// # Source
/// J. Shin, A. Ramdas and A. Rinaldo, "E-detectors: a nonparametric framework for sequential change detection" (2023);
/// I. Waudby-Smith and A. Ramdas, "Estimating means of bounded random variables by betting" (2024).
///
/// ```
/// use mlcore::stats::SplitMix64;
/// use mlcore_drift::stream::{Algorithm, Baseline, Direction, StreamDetector, Watch};
///
/// let watch = Watch::new(Baseline::fixed(0.9)).with_direction(Direction::Down).with_delta(0.05);
/// let mut approvals = watch.with_one_false_alarm_in(100_000.0).start()?;
/// let mut random = SplitMix64::new(3);
/// let mut draw = |rate: f64| f64::from(u8::from(random.uniform() < rate));
/// let good: Vec<f64> = (0..5000).map(|_| draw(0.9)).collect();
/// assert!(approvals.update_many(&good)?.drifts.is_empty());
/// let bad: Vec<f64> = (0..500).map(|_| draw(0.8)).collect();
/// let found = approvals.update_many(&bad)?;
/// assert!(found.drifts[0] < 250, "{found:?}");
/// # Ok::<(), mlcore::Error>(())
/// ```
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Watch {
    baseline: Baseline,
    direction: Direction,
    delta: f64,
    low: f64,
    high: f64,
    one_false_alarm_in: Option<f64>,
    false_alarm_probability: Option<f64>,
}

impl Default for Watch {
    /// A rate of one half, a change of 0.05 either way, one false alarm in 10,000 values.
    fn default() -> Self {
        Self::new(Baseline::fixed(0.5))
    }
}

impl Watch {
    /// A watch of numbers from 0 to 1 against this baseline, for changes of 0.05 either way, with at most one false alarm in
    /// 10,000 values on average.
    #[must_use]
    pub fn new(baseline: Baseline) -> Self {
        Self {
            baseline,
            direction: Direction::Either,
            delta: 0.05,
            low: 0.0,
            high: 1.0,
            one_false_alarm_in: None,
            false_alarm_probability: None,
        }
    }

    /// Sets the changes that count.
    #[must_use]
    pub fn with_direction(mut self, direction: Direction) -> Self {
        self.direction = direction;
        self
    }

    /// Sets the smallest change that matters, in the unit of the values.
    #[must_use]
    pub fn with_delta(mut self, delta: f64) -> Self {
        self.delta = delta;
        self
    }

    /// Sets the bounds between which all values lie, by default 0 and 1. The narrower, the sooner a change is told.
    #[must_use]
    pub fn with_range(mut self, low: f64, high: f64) -> Self {
        (self.low, self.high) = (low, high);
        self
    }

    /// Allows on average at most one false alarm in so many values.
    #[must_use]
    pub fn with_one_false_alarm_in(mut self, values: f64) -> Self {
        (self.one_false_alarm_in, self.false_alarm_probability) = (Some(values), None);
        self
    }

    /// Allows a false alarm with this probability, ever.
    #[must_use]
    pub fn with_false_alarm_probability(mut self, alpha: f64) -> Self {
        (self.one_false_alarm_in, self.false_alarm_probability) = (None, Some(alpha));
        self
    }
}

/// The money on each bet.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct WatchState {
    values: u64,
    sum: f64,
    money: Vec<f64>,
}

/// The bets, and what they are to reach.
#[derive(Clone, Debug)]
pub struct WatchConstants {
    bets: Vec<Bet>,
    threshold: f64,
    spends: bool,
    /// One by the width of the range.
    scale: f64,
}

/// A stake on values above the centre (below it, where negative), and its part of the whole.
#[derive(Clone, Copy, Debug)]
struct Bet {
    stake: f64,
    centre: f64,
    weight: f64,
}

impl Algorithm for Watch {
    const NAME: &'static str = "watch";
    const LEGEND: &'static str =
        "Watch: one bounded number against its baseline, with a stated rate of false alarms.";
    type Constants = WatchConstants;
    type State = WatchState;

    fn prepare(&self) -> Result<WatchConstants> {
        let ranged = is_finite_number(self.low) && is_finite_number(self.high) && self.low < self.high;
        require(ranged, Self::NAME, "low", self.low, "below high, both of them numbers")?;
        let (low, high) = self.baseline.bounds();
        let inside = self.low <= low && low <= high && high <= self.high;
        let wanted =
            format!("between {:?} and {:?}, the bounds low and high of all values", self.low, self.high);
        require(inside, Self::NAME, "baseline", self.baseline, &wanted)?;
        require_size(Self::NAME, "delta", self.delta)?;
        let width = self.high - self.low;
        require(
            self.delta >= LEAST_DELTA * width && self.delta < width,
            Self::NAME,
            "delta",
            self.delta,
            "above 0 (from 1e-100 of the range on), and below the range",
        )?;
        let (threshold, spends) = self.threshold()?;
        let scaled = |value: f64| (value - self.low) / width;
        let up = bets(scaled(high), self.delta / width).into_iter();
        let down = bets(1.0 - scaled(low), self.delta / width).into_iter().map(Bet::mirrored);
        let mut bets: Vec<Bet> = match self.direction {
            Direction::Up => up.collect(),
            Direction::Down => down.collect(),
            Direction::Either => up.chain(down).collect(),
        };
        let directions = if self.direction == Direction::Either { 2.0 } else { 1.0 };
        bets.iter_mut().for_each(|bet| bet.weight /= directions);
        Ok(WatchConstants { bets, threshold, spends, scale: 1.0 / width })
    }

    fn begin(&self, constants: &WatchConstants) -> WatchState {
        WatchState { values: 0, sum: 0.0, money: vec![0.0; constants.bets.len()] }
    }

    #[inline]
    fn step(&self, constants: &WatchConstants, state: &mut WatchState, value: f64) -> Flags {
        state.values += 1;
        state.sum += value;
        let n = state.values as f64;
        let paid = if constants.spends { 1.0 / (n * (n + 1.0)) } else { 1.0 };
        let x = (value - self.low) * constants.scale;
        let mut whole = 0.0;
        for (money, bet) in state.money.iter_mut().zip(&constants.bets) {
            *money = (*money + paid) * (1.0 + bet.stake * (x - bet.centre)).max(0.0);
            whole += bet.weight * *money;
        }
        Flags { drift: whole >= constants.threshold, warning: false }
    }

    fn fits(&self, constants: &WatchConstants, state: &WatchState) -> bool {
        state.money.len() == constants.bets.len()
            && state.money.iter().all(|money| *money >= 0.0 && money.is_finite())
            && state.values <= 1 << 53
            && state.sum.is_finite()
    }

    fn domain(&self) -> Domain {
        Domain::Between(self.low, self.high)
    }

    fn false_alarms(&self) -> FalseAlarms {
        match self.false_alarm_probability {
            Some(alpha) => FalseAlarms::Ever(alpha),
            None => FalseAlarms::PerValue(1.0 / self.one_false_alarm_in.unwrap_or(DEFAULT_ONE_IN)),
        }
    }

    fn statistics(&self, constants: &WatchConstants, state: &WatchState) -> Vec<(&'static str, f64)> {
        vec![("mean", state.mean()), ("evidence", state.evidence(constants))]
    }
}

impl Stream<Watch> {
    /// The mean of all values since the start, or since the last alarm; 0 where there are none.
    #[must_use]
    pub fn mean(&self) -> f64 {
        self.state().mean()
    }

    /// How near an alarm is: 1 and more is one.
    #[must_use]
    pub fn evidence(&self) -> f64 {
        self.state().evidence(self.constants())
    }
}

impl WatchState {
    fn mean(&self) -> f64 {
        if self.values == 0 { 0.0 } else { self.sum / self.values as f64 }
    }

    fn evidence(&self, constants: &WatchConstants) -> f64 {
        let whole: f64 = self.money.iter().zip(&constants.bets).map(|(money, bet)| bet.weight * money).sum();
        whole / constants.threshold
    }
}

impl Watch {
    /// What the money is to reach, and whether one unit is spent in all.
    fn threshold(&self) -> Result<(f64, bool)> {
        if let Some(alpha) = self.false_alarm_probability {
            let wanted = "given without one_false_alarm_in: a budget is one of the two";
            require(self.one_false_alarm_in.is_none(), Self::NAME, "false_alarm_probability", alpha, wanted)?;
            let holds = (1e-15..1.0).contains(&alpha);
            require(holds, Self::NAME, "false_alarm_probability", alpha, "from 1e-15 to below 1")?;
            return Ok((1.0 / alpha, true));
        }
        let values = self.one_false_alarm_in.unwrap_or(DEFAULT_ONE_IN);
        let holds = (1.0..=1e15).contains(&values);
        require(holds, Self::NAME, "one_false_alarm_in", values, "from 1 to 1e15")?;
        Ok((values, false))
    }
}

/// Bets on a mean above `centre`, for a change of at least `delta`; everything in `[0, 1]`.
fn bets(centre: f64, delta: f64) -> Vec<Bet> {
    let centre = centre.clamp(LEAST_CENTRE, 1.0 - LEAST_CENTRE);
    let most = MOST_STAKED / centre;
    let least = (delta / (centre * (1.0 - centre))).min(most);
    let ratio = (most / least).powf(1.0 / (BETS - 1) as f64);
    let bet = |i| Bet { stake: least * ratio.powi(i), centre, weight: 1.0 / BETS as f64 };
    (0..BETS as i32).map(bet).collect()
}

impl Bet {
    /// The same bet on `1 - x`.
    fn mirrored(self) -> Self {
        Self { stake: -self.stake, centre: 1.0 - self.centre, ..self }
    }
}

/// About one false alarm a week at a request a minute.
const DEFAULT_ONE_IN: f64 = 10_000.0;
const BETS: usize = 8;
/// Bets on a smaller change of the whole range would be no numbers.
const LEAST_DELTA: f64 = 1e-100;
/// No bet loses more than this share of its money.
const MOST_STAKED: f64 = 0.95;
/// A baseline nearer to the end of the range than this is taken for this.
const LEAST_CENTRE: f64 = 1e-9;
