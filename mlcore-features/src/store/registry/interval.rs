use mlcore::time::Timestamp;
use mlcore::{Error, Result};
use serde::{Deserialize, Serialize};

use crate::store::definition::ViewVersion;

/// The moments from `start` on and before `end`.
///
/// ```
/// use mlcore::time::Timestamp;
/// use mlcore_features::store::registry::Interval;
///
/// let day = Interval::new("2026-01-01T00:00:00Z".parse()?, "2026-01-02T00:00:00Z".parse()?)?;
/// assert!(day.contains("2026-01-01T00:00:00Z".parse()?) && !day.contains("2026-01-02T00:00:00Z".parse()?));
/// assert!(Interval::new(day.end(), day.start()).is_err());
/// # Ok::<(), mlcore::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(try_from = "Ends", into = "Ends")]
pub struct Interval {
    start: Timestamp,
    end: Timestamp,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Ends {
    start: Timestamp,
    end: Timestamp,
}

impl TryFrom<Ends> for Interval {
    type Error = Error;

    fn try_from(ends: Ends) -> Result<Self> {
        Self::new(ends.start, ends.end)
    }
}

impl From<Interval> for Ends {
    fn from(Interval { start, end }: Interval) -> Self {
        Self { start, end }
    }
}

impl Interval {
    /// The moments from `start` on and before `end`.
    ///
    /// # Errors
    /// [`InvalidInput`](Error::InvalidInput) where the end is not after the start.
    pub fn new(start: Timestamp, end: Timestamp) -> Result<Self> {
        if start < end {
            return Ok(Self { start, end });
        }
        let problem = format!("its end, {end}, is not after its start, {start}");
        Err(Error::invalid_input("make interval", "interval", problem).remedy("give an end after the start"))
    }

    /// The first moment.
    #[must_use]
    pub fn start(&self) -> Timestamp {
        self.start
    }

    /// The first moment after it.
    #[must_use]
    pub fn end(&self) -> Timestamp {
        self.end
    }

    /// Whether a moment is in it.
    #[must_use]
    pub fn contains(&self, moment: Timestamp) -> bool {
        self.start <= moment && moment < self.end
    }
}

/// Of which times the values of a view are stored online.
///
/// ```
/// use mlcore::time::Timestamp;
/// use mlcore_features::store::registry::{Interval, Materialised};
///
/// let hour = |from: i64, to: i64| Interval::new(Timestamp::from_millis(from), Timestamp::from_millis(to));
/// let done = Materialised::default().with(hour(0, 2)?).with(hour(5, 6)?).with(hour(2, 3)?);
/// assert_eq!(done.intervals(), [hour(0, 3)?, hour(5, 6)?]);
/// assert_eq!(done.missing(hour(1, 9)?), [hour(3, 5)?, hour(6, 9)?]);
/// assert_eq!(done.watermark(), Some(Timestamp::from_millis(6)));
/// # Ok::<(), mlcore::Error>(())
/// ```
#[non_exhaustive]
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Materialised {
    /// The version of the view.
    pub version: ViewVersion,
    intervals: Vec<Interval>,
}

impl Materialised {
    /// Nothing of this version.
    #[must_use]
    pub fn of(version: ViewVersion) -> Self {
        Self { version, intervals: Vec::new() }
    }

    /// The intervals in order, of which no two touch.
    #[must_use]
    pub fn intervals(&self) -> &[Interval] {
        &self.intervals
    }

    /// The end of the latest interval: where an incremental run goes on, as Feast's does.
    #[must_use]
    pub fn watermark(&self) -> Option<Timestamp> {
        self.intervals.last().map(Interval::end)
    }

    /// What of an interval is not stored yet, in order.
    #[must_use]
    pub fn missing(&self, wanted: Interval) -> Vec<Interval> {
        let mut missing = Vec::new();
        let mut from = wanted.start;
        for done in self.intervals.iter().filter(|done| done.end > wanted.start && done.start < wanted.end) {
            if from < done.start {
                missing.push(Interval { start: from, end: done.start });
            }
            from = from.max(done.end);
        }
        if from < wanted.end {
            missing.push(Interval { start: from, end: wanted.end });
        }
        missing
    }

    /// The same with an interval more, which becomes one with those that it touches.
    #[must_use]
    pub fn with(mut self, added: Interval) -> Self {
        let mut merged = added;
        self.intervals.retain(|known| {
            let touches = known.start <= merged.end && merged.start <= known.end;
            if touches {
                merged = Interval { start: merged.start.min(known.start), end: merged.end.max(known.end) };
            }
            !touches
        });
        let place = self.intervals.partition_point(|known| known.start < merged.start);
        self.intervals.insert(place, merged);
        self
    }

    /// What was stored, if it is what could have been.
    #[cfg(any(test, feature = "sqlite"))]
    pub(super) fn stored(version: ViewVersion, intervals: Vec<Interval>) -> Option<Self> {
        let apart = intervals.windows(2).all(|pair| matches!(pair, [one, next] if one.end < next.start));
        apart.then_some(Self { version, intervals })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn interval(start: i64, length: i64) -> Interval {
        Interval::new(Timestamp::from_millis(start), Timestamp::from_millis(start + length)).unwrap()
    }

    proptest! {
        /// Against a set of moments.
        #[test]
        fn intervals_are_a_set_of_moments(
            added in prop::collection::vec((0_i64..60, 1_i64..12), 0..12),
            wanted in (0_i64..60, 1_i64..30),
        ) {
            let mut done = Materialised::default();
            let mut moments = std::collections::BTreeSet::new();
            for (start, length) in added {
                done = done.with(interval(start, length));
                moments.extend(start..start + length);
            }
            let has = |intervals: &[Interval], moment| {
                intervals.iter().any(|own| own.contains(Timestamp::from_millis(moment)))
            };
            let missing = done.missing(interval(wanted.0, wanted.1));
            for moment in 0..100 {
                prop_assert_eq!(has(done.intervals(), moment), moments.contains(&moment));
                let is_wanted = (wanted.0..wanted.0 + wanted.1).contains(&moment);
                prop_assert_eq!(has(&missing, moment), is_wanted && !moments.contains(&moment));
            }
            prop_assert_eq!(Materialised::stored(done.version, done.intervals.clone()), Some(done));
        }
    }
}
