use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// How long outcomes count.
///
/// Time is that of a clock that all replicas share, such as the time since 1970: outcomes are kept apart by stretches of it, so
/// that states that are merged give what one bandit would have that saw all, to the last bit.
///
/// ```
/// use std::time::Duration;
///
/// use mlcore::bandit::Memory;
///
/// let day = Duration::from_secs(86_400);
/// assert_eq!(serde_json::to_string(&Memory::Everything)?, r#"{"memory":"everything"}"#);
/// Memory::HalfLife { half_life: 7 * day }.check()?;
/// assert!(Memory::Window { length: 7 * day, buckets: 0 }.check().is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(tag = "memory", rename_all = "snake_case", deny_unknown_fields)]
pub enum Memory {
    /// For ever.
    #[default]
    Everything,
    /// Half as much after each half-life. Those older than 40 half-lives, which weigh 1e-12, are forgotten.
    HalfLife {
        /// The time in which an outcome loses half of its weight.
        half_life: Duration,
    },
    /// As long as they are within a window, and then not at all.
    Window {
        /// The length of the window. One of its buckets is still being filled.
        length: Duration,
        /// How many buckets of equal length it consists of, 1 to 1000.
        buckets: u32,
    },
}

impl Memory {
    /// Refuses lengths that mean nothing.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] for a time of less than a microsecond, and for no buckets or more than 1000.
    pub fn check(&self) -> Result<()> {
        let refuse = |subject: &str, problem: String| {
            Err(Error::invalid_input("build bandit", subject, problem).remedy("choose another length"))
        };
        match *self {
            Self::Window { buckets, .. } if !(1..=1000).contains(&buckets) => {
                refuse("buckets of the window", format!("they are {buckets}, and must be 1 to 1000"))
            }
            Self::Everything => Ok(()),
            Self::HalfLife { .. } | Self::Window { .. } if self.stretch() < SHORTEST.as_nanos() => refuse(
                "memory",
                "a half-life, or a bucket of the window, is shorter than a microsecond".into(),
            ),
            Self::HalfLife { .. } | Self::Window { .. } => Ok(()),
        }
    }

    /// The length of a bucket, in nanoseconds.
    fn stretch(&self) -> u128 {
        match self {
            Self::Everything => u128::MAX,
            Self::HalfLife { half_life } => half_life.as_nanos(),
            Self::Window { length, buckets } => length.as_nanos() / u128::from(*buckets).max(1),
        }
        .max(1)
    }

    /// The bucket of this time.
    pub(crate) fn bucket(&self, time: Duration) -> u64 {
        u64::try_from(time.as_nanos() / self.stretch()).unwrap_or(u64::MAX)
    }

    /// The weight of an outcome of this time within its bucket: from 1 at its beginning to 2 at its end where outcomes fade. It has
    /// so few digits that its product with a reward of up to 30 digits is exact.
    pub(super) fn weight(&self, time: Duration) -> f64 {
        match self {
            Self::Everything | Self::Window { .. } => 1.0,
            Self::HalfLife { .. } => (self.part(time).exp2() * WEIGHT_STEPS).round() / WEIGHT_STEPS,
        }
    }

    /// What a bucket counts at `now`.
    pub(super) fn scale(&self, bucket: u64, now: Duration) -> f64 {
        match self {
            Self::Everything | Self::Window { .. } => 1.0,
            Self::HalfLife { .. } => {
                let age = self.bucket(now).saturating_sub(bucket) as f64 + self.part(now);
                (-age).exp2()
            }
        }
    }

    /// The oldest bucket that counts when `newest` is the newest.
    pub(super) fn oldest(&self, newest: u64) -> u64 {
        newest.saturating_sub(match self {
            Self::Everything => 0,
            Self::HalfLife { .. } => HALF_LIVES,
            Self::Window { buckets, .. } => u64::from(*buckets).saturating_sub(1),
        })
    }

    /// How much of its bucket is over at this time.
    fn part(&self, time: Duration) -> f64 {
        let stretch = self.stretch();
        (time.as_nanos() % stretch) as f64 / stretch as f64
    }
}

/// After so many half-lives an outcome is forgotten.
const HALF_LIVES: u64 = 40;
const SHORTEST: Duration = Duration::from_micros(1);
const WEIGHT_STEPS: f64 = (1_u32 << 22) as f64;
