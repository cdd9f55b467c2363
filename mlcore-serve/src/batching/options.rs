use std::time::Duration;

use mlcore::{Error, Result};
use serde::{Deserialize, Serialize};

/// How requests share runs. The serialised names are those of Triton's `dynamic_batching`.
///
/// ```
/// use std::time::Duration;
///
/// use mlcore_serve::batching::BatchOptions;
///
/// let options = BatchOptions::default().with_max_batch_size(32).with_preferred_batch_size([8, 16]);
/// assert_eq!(options.max_queue_delay, Duration::ZERO);
/// let json = r#"{"max_batch_size": 32, "preferred_batch_size": [8, 16], "max_queue_delay_microseconds": 0}"#;
/// assert_eq!(serde_json::from_str::<BatchOptions>(json)?, options);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[non_exhaustive]
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BatchOptions {
    /// The most rows of a batch. 64 by default: beyond, the time of a run on a CPU grows as fast as its rows. A request of
    /// more rows runs alone, as it would without batching.
    pub max_batch_size: usize,
    /// Numbers of rows at which a batch is sent at once, the largest that is reached first; none by default.
    pub preferred_batch_size: Vec<usize>,
    /// How long a request waits for others while no run is under way. Zero by default: requests gather only while a run is
    /// under way, and an idle model answers at once. A request with a deadline waits at most half of its time.
    #[serde(rename = "max_queue_delay_microseconds", with = "microseconds")]
    pub max_queue_delay: Duration,
    /// The most requests of one version and arm that wait; those beyond are turned away as `Overloaded`. 1,024 by default:
    /// sixteen full batches of one row each.
    pub max_queue_size: usize,
    /// How long a request may wait to be run, where it brings no shorter time of its own. Zero, the default, is for ever.
    #[serde(rename = "default_timeout_microseconds", with = "microseconds")]
    pub default_timeout: Duration,
    /// The levels of priority, 1 before 2 and so on. Zero by default: all requests are equal.
    pub priority_levels: u32,
    /// The level of requests that name none, or one that there is not. The last level where it is zero, the default.
    pub default_priority_level: u32,
    /// The runs of one version and arm that go on at once. One by default, as Triton's instances: requests gather while a run
    /// is under way, so that more runs mean smaller batches.
    pub instance_count: usize,
}

impl Default for BatchOptions {
    fn default() -> Self {
        Self {
            max_batch_size: 64,
            preferred_batch_size: Vec::new(),
            max_queue_delay: Duration::ZERO,
            max_queue_size: 1024,
            default_timeout: Duration::ZERO,
            priority_levels: 0,
            default_priority_level: 0,
            instance_count: 1,
        }
    }
}

impl BatchOptions {
    /// The same with at most so many rows in a batch.
    #[must_use]
    pub fn with_max_batch_size(mut self, rows: usize) -> Self {
        self.max_batch_size = rows;
        self
    }

    /// The same with numbers of rows at which a batch is sent at once.
    #[must_use]
    pub fn with_preferred_batch_size(mut self, sizes: impl IntoIterator<Item = usize>) -> Self {
        self.preferred_batch_size = sizes.into_iter().collect();
        self
    }

    /// The same with so long a wait for other requests while no run is under way.
    #[must_use]
    pub fn with_max_queue_delay(mut self, delay: Duration) -> Self {
        self.max_queue_delay = delay;
        self
    }

    /// The same with room for so many requests that wait.
    #[must_use]
    pub fn with_max_queue_size(mut self, requests: usize) -> Self {
        self.max_queue_size = requests;
        self
    }

    /// The same with so long a wait for a run; zero is for ever.
    #[must_use]
    pub fn with_default_timeout(mut self, timeout: Duration) -> Self {
        self.default_timeout = timeout;
        self
    }

    /// The same with so many levels of priority, and the level of requests that name none.
    #[must_use]
    pub fn with_priority_levels(mut self, levels: u32, default_level: u32) -> Self {
        (self.priority_levels, self.default_priority_level) = (levels, default_level);
        self
    }

    /// The same with so many runs of one version and arm at once.
    #[must_use]
    pub fn with_instance_count(mut self, runs: usize) -> Self {
        self.instance_count = runs;
        self
    }

    /// Makes sure that the options describe a batcher.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] for a size or a count of zero, a preferred size beyond the largest batch, and a default level
    /// that is none of the levels.
    pub fn check(&self) -> Result<()> {
        let refused = |name: &str, problem: String| Err(Error::invalid_input(READ, name, problem));
        for (name, value) in [
            ("max_batch_size", self.max_batch_size),
            ("max_queue_size", self.max_queue_size),
            ("instance_count", self.instance_count),
        ] {
            if value == 0 {
                return refused(
                    name,
                    "it is 0, and it is at least 1: a queue without end is not offered".into(),
                );
            }
        }
        let most = self.max_batch_size;
        if let Some(size) = self.preferred_batch_size.iter().find(|size| **size == 0 || **size > most) {
            return refused(
                "preferred_batch_size",
                format!("{size} is not within 1 to max_batch_size, {most}"),
            );
        }
        let (level, levels) = (self.default_priority_level, self.priority_levels);
        if level > levels {
            return refused(
                "default_priority_level",
                format!("it is {level}, and priority_levels is {levels}"),
            );
        }
        Ok(())
    }

    /// The level of a request that asks for `priority`, as Triton finds it.
    pub(super) fn level(&self, priority: u32) -> u32 {
        match (priority, self.default_priority_level) {
            (1.., _) if priority <= self.priority_levels => priority,
            (_, 0) => self.priority_levels,
            (_, level) => level,
        }
    }
}

/// A duration as a whole number of microseconds.
mod microseconds {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(u64::try_from(duration.as_micros()).unwrap_or(u64::MAX))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        u64::deserialize(deserializer).map(Duration::from_micros)
    }
}

const READ: &str = "read batch options";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_describes_no_batcher_is_refused_by_name() {
        let options = BatchOptions::default;
        assert!(options().check().is_ok());
        for (options, name) in [
            (options().with_max_batch_size(0), "max_batch_size"),
            (options().with_max_queue_size(0), "max_queue_size"),
            (options().with_instance_count(0), "instance_count"),
            (options().with_preferred_batch_size([8, 65]), "preferred_batch_size"),
            (options().with_preferred_batch_size([0]), "preferred_batch_size"),
            (options().with_priority_levels(2, 3), "default_priority_level"),
        ] {
            let error = options.check().unwrap_err();
            assert!(error.to_string().starts_with(&format!("read batch options {name}: ")), "{error}");
        }
        let unknown = serde_json::from_str::<BatchOptions>(r#"{"max_batch": 3}"#).unwrap_err().to_string();
        assert!(unknown.contains("max_batch"), "{unknown}");
    }

    #[test]
    fn a_priority_that_there_is_not_is_the_default() {
        let levels = |options: BatchOptions| [0, 1, 3, 4].map(|priority| options.level(priority));
        assert_eq!(levels(BatchOptions::default()), [0; 4]);
        assert_eq!(levels(BatchOptions::default().with_priority_levels(3, 2)), [2, 1, 3, 2]);
        assert_eq!(levels(BatchOptions::default().with_priority_levels(3, 0)), [3, 1, 3, 3]);
    }

    #[test]
    fn options_are_read_as_they_are_written() {
        let options = BatchOptions::default()
            .with_max_queue_delay(Duration::from_micros(300))
            .with_default_timeout(Duration::from_secs(2));
        let json = serde_json::to_string(&options).unwrap();
        assert!(json.contains("\"max_queue_delay_microseconds\":300"), "{json}");
        assert_eq!(serde_json::from_str::<BatchOptions>(&json).unwrap(), options);
    }
}
