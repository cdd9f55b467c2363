//! From values to places of a drawing, and the round numbers beside an axis.

use crate::page::shown;

/// Lays a range of values out between two places.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Scale {
    low: f64,
    high: f64,
    from: f64,
    to: f64,
    log: bool,
}

impl Scale {
    /// A scale of this range, the lower end first, which may be one value; above zero where it is by logarithm.
    pub(super) fn new((low, high): (f64, f64), (from, to): (f64, f64), log: bool) -> Self {
        Self { low, high, from, to, log }
    }

    /// The same with a little room at both ends, so that no line runs along the frame.
    pub(super) fn widened(self) -> Self {
        let (low, high) =
            if self.log { (self.low.log10(), self.high.log10()) } else { (self.low, self.high) };
        let room = match high - low {
            range if range > 0.0 && range.is_finite() => range * 0.06,
            // One value stands in the middle; a range beyond all floats has no room left.
            0.0 if self.log => 0.5,
            0.0 => (low.abs() * 0.1).max(1e-300),
            _ => 0.0,
        };
        // A value that is never negative has its axis begin at zero where that is near.
        let lowest = if !self.log && low >= 0.0 && low - room < 0.0 { 0.0 } else { low - room };
        let (low, high) = match self.log {
            true => (10_f64.powf(lowest).max(f64::MIN_POSITIVE), 10_f64.powf(high + room).min(f64::MAX)),
            false => (lowest.max(f64::MIN), (high + room).min(f64::MAX)),
        };
        Self { low, high, ..self }
    }

    /// Where a value lies.
    pub(super) fn at(&self, value: f64) -> f64 {
        let share = match self.log {
            true => share(value.log10(), self.low.log10(), self.high.log10()),
            false => share(value, self.low, self.high),
        };
        self.from + share * (self.to - self.from)
    }

    /// How many pixels there are.
    pub(super) fn pixels(&self) -> f64 {
        (self.to - self.from).abs()
    }

    /// What a script needs to turn a place into a value again: both ends of both, and whether it is by logarithm.
    pub(super) fn told(&self) -> String {
        format!("{:e} {:e} {} {} {}", self.low, self.high, self.from, self.to, u8::from(self.log))
    }

    /// Round values with their texts, about so many.
    pub(super) fn ticks(&self, most: usize) -> Vec<(f64, String)> {
        let values = match self.log {
            true => decades(self.low, self.high, most),
            false => round(self.low, self.high, most, false),
        };
        values.into_iter().map(|value| (value, shown::number(value))).collect()
    }

    /// Whole steps with their texts.
    pub(super) fn whole_ticks(&self, most: usize) -> Vec<(f64, String)> {
        let values = round(self.low, self.high, most, true);
        values.into_iter().map(|value| (value, shown::number(value))).collect()
    }

    /// Moments with their texts, where values are milliseconds since 1970.
    pub(super) fn moments(&self, most: usize) -> Vec<(f64, String)> {
        let rough = (self.high - self.low) / most as f64;
        let step = UNITS.iter().copied().find(|step| *step >= rough).unwrap_or_else(|| {
            let years = (rough / YEAR).ceil().max(1.0);
            years * YEAR
        });
        let text = |value: f64| {
            let own = shown::moment((value / 1000.0).floor() as i64, ' ');
            let part = match step {
                // Below a second: seconds and milliseconds.
                step if step < 1000.0 => {
                    let seconds = own.get(17..).unwrap_or_default();
                    return format!("{seconds}.{:03}", value.rem_euclid(1000.0));
                }
                step if step < 60_000.0 => own.get(11..),
                step if step < DAY => own.get(11..16),
                _ => own.get(..10),
            };
            part.unwrap_or_default().to_owned()
        };
        multiples(self.low, self.high, step).into_iter().map(|value| (value, text(value))).collect()
    }
}

/// Where `value` lies between the ends, from 0 to 1.
fn share(value: f64, low: f64, high: f64) -> f64 {
    // Halves: the range may exceed that of floats.
    let share = (value / 2.0 - low / 2.0) / (high / 2.0 - low / 2.0);
    if share.is_nan() { 0.5 } else { share.clamp(0.0, 1.0) }
}

/// Multiples of 1, 2 or 5 times a power of ten.
fn round(low: f64, high: f64, most: usize, whole: bool) -> Vec<f64> {
    let range = high - low;
    if !(range.is_finite() && range > 0.0) {
        return if low == high { vec![low] } else { Vec::new() };
    }
    let rough = range / most.max(1) as f64;
    let power = 10_f64.powf(rough.log10().floor());
    let step =
        [1.0, 2.0, 5.0, 10.0].map(|times| times * power).into_iter().find(|step| *step >= rough * 0.999);
    let step = step.map(|step| if whole { step.max(1.0) } else { step });
    match step.filter(|step| step.is_normal()) {
        Some(step) => multiples(low, high, step),
        None => Vec::new(),
    }
}

fn multiples(low: f64, high: f64, step: f64) -> Vec<f64> {
    let first = (low / step).ceil();
    (0..MOST_TICKS)
        .map(|place| (first + f64::from(place)) * step)
        .take_while(|tick| *tick <= high + step * 1e-9)
        // Multiples of 0.1 carry rounding errors that no axis should show.
        .map(|tick| if tick.abs() < step * 1e-9 { 0.0 } else { tick })
        .collect()
}

/// Powers of ten, and between them 2 and 5 where there are few.
fn decades(low: f64, high: f64, most: usize) -> Vec<f64> {
    let (first, last) = (low.log10().floor() as i32, high.log10().ceil() as i32);
    let count = usize::try_from(last - first).unwrap_or_default();
    let within = |value: &f64| *value >= low * (1.0 - 1e-9) && *value <= high * (1.0 + 1e-9);
    if count <= 2 {
        let times = if count <= 1 { &[1.0, 2.0, 3.0, 5.0, 7.0][..] } else { &[1.0, 2.0, 5.0][..] };
        let values =
            (first..=last).flat_map(|power| times.iter().map(move |times| times * 10_f64.powi(power)));
        return values.filter(within).collect();
    }
    let stride = count.div_ceil(most.max(1)).max(1);
    (first..=last).step_by(stride).map(|power| 10_f64.powi(power)).filter(within).collect()
}

const MOST_TICKS: u32 = 24;
const DAY: f64 = 86_400_000.0;
const YEAR: f64 = 365.2425 * DAY;
/// Lengths of time between marks, in milliseconds: from a millisecond to a year.
const UNITS: [f64; 31] = [
    1.0,
    2.0,
    5.0,
    10.0,
    20.0,
    50.0,
    100.0,
    200.0,
    500.0,
    1e3,
    2e3,
    5e3,
    10e3,
    20e3,
    30e3,
    60e3,
    120e3,
    300e3,
    600e3,
    1200e3,
    1800e3,
    3600e3,
    7200e3,
    4.0 * 3600e3,
    6.0 * 3600e3,
    12.0 * 3600e3,
    DAY,
    2.0 * DAY,
    7.0 * DAY,
    30.0 * DAY,
    91.0 * DAY,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_few() {
        let ticks = |low, high| round(low, high, 4, false);
        assert_eq!(ticks(0.0, 1.0), [0.0, 0.5, 1.0]);
        assert_eq!(round(0.0, 3.0, 6, true), [0.0, 1.0, 2.0, 3.0]);
        assert_eq!(decades(1e-4, 1e2, 4), [1e-4, 1e-2, 1.0, 1e2]);
        assert_eq!(decades(1.5, 6.0, 4), [2.0, 3.0, 5.0]);
        let odd = [f64::MIN, -1.0, 0.0, 5e-324, 1e-300, 1.0, f64::MAX];
        for low in odd {
            for high in odd.into_iter().filter(|high| *high >= low) {
                for log in [false, true] {
                    if log && low <= 0.0 {
                        continue;
                    }
                    let scale = Scale::new((low, high), (0.0, 100.0), log).widened();
                    assert!(scale.ticks(4).len() <= 24, "{low} {high}");
                    assert!(scale.whole_ticks(4).len() <= 24 && scale.moments(4).len() <= 24);
                    for value in [low, high] {
                        assert!((0.0..=100.0).contains(&scale.at(value)), "{low} {high} {value}");
                    }
                }
            }
        }
    }

    #[test]
    fn moments_are_written_by_what_is_between_them() {
        let texts = |low: f64, high: f64| {
            let scale = Scale::new((low, high), (0.0, 1.0), false);
            scale.moments(3).into_iter().map(|(_, text)| text).collect::<Vec<_>>()
        };
        let start = 1_700_000_000_000.0;
        assert_eq!(texts(start, start + 10.0), ["20.000", "20.005", "20.010"]);
        assert_eq!(texts(start, start + 60_000.0), ["22:13:20", "22:13:40", "22:14:00", "22:14:20"]);
        assert_eq!(texts(start, start + 3.0 * DAY), ["2023-11-15", "2023-11-16", "2023-11-17"]);
    }
}
