use std::time::Duration;

use mlcore::{Error, Result};
use serde::{Deserialize, Serialize};

/// What a prediction log keeps, and how often it ends a file.
///
/// ```
/// use std::time::Duration;
///
/// use mlcore_serve::log::LogOptions;
///
/// // One request in ten, with all its outcomes, and never a name or an address.
/// let options = LogOptions::default().with_share(0.1).with_redacted(["name", "address"]);
/// assert_eq!(options.max_age, Duration::from_secs(60));
/// ```
#[non_exhaustive]
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LogOptions {
    /// The share of requests that are kept, beyond 0 and up to 1, which is the default. A request is chosen by a hash of its
    /// outcome id, so that its outcomes are kept with it, and every replica and every restart chooses the same ones.
    pub share: f64,
    /// Names that are not written: of raw features, attributes of the context, tensors and outputs, or of the columns
    /// `request_id`, `unit`, `context`, `features`, `tensors` and `outputs`. None by default.
    pub redacted: Vec<String>,
    /// A file ends at so many rows. 100,000 by default.
    pub max_rows: usize,
    /// A file ends at so many bytes. 64 MiB by default.
    pub max_bytes: usize,
    /// A file ends when its first row is so old: what a crash can lose. A minute by default.
    #[serde(rename = "max_age_seconds", with = "seconds")]
    pub max_age: Duration,
    /// So many records and outcomes wait to be written; what comes beyond is dropped and counted. 16,384 by default.
    pub queue_capacity: usize,
}

impl Default for LogOptions {
    fn default() -> Self {
        Self {
            share: 1.0,
            redacted: Vec::new(),
            max_rows: 100_000,
            max_bytes: 64 << 20,
            max_age: Duration::from_secs(60),
            queue_capacity: 16_384,
        }
    }
}

impl LogOptions {
    /// The same with this share of the requests.
    #[must_use]
    pub fn with_share(mut self, share: f64) -> Self {
        self.share = share;
        self
    }

    /// The same without what has these names.
    #[must_use]
    pub fn with_redacted(mut self, names: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.redacted = names.into_iter().map(Into::into).collect();
        self
    }

    /// The same with files of at most so many rows.
    #[must_use]
    pub fn with_max_rows(mut self, rows: usize) -> Self {
        self.max_rows = rows;
        self
    }

    /// The same with files of about so many bytes at most.
    #[must_use]
    pub fn with_max_bytes(mut self, bytes: usize) -> Self {
        self.max_bytes = bytes;
        self
    }

    /// The same with files whose first row is so old at most.
    #[must_use]
    pub fn with_max_age(mut self, age: Duration) -> Self {
        self.max_age = age;
        self
    }

    /// The same with room for so many records and outcomes that wait.
    #[must_use]
    pub fn with_queue_capacity(mut self, items: usize) -> Self {
        self.queue_capacity = items;
        self
    }

    /// Makes sure that the options describe a log.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] for a share that is not beyond 0 and up to 1, and for a limit of zero.
    pub fn check(&self) -> Result<()> {
        let refused =
            |name: &str, problem: String| Err(Error::invalid_input("read log options", name, problem));
        if !(self.share > 0.0 && self.share <= 1.0) {
            return refused("share", format!("it is {}, and it is beyond 0 and at most 1", self.share));
        }
        for (name, value) in [
            ("max_rows", self.max_rows),
            ("max_bytes", self.max_bytes),
            ("queue_capacity", self.queue_capacity),
            ("max_age_seconds", usize::from(!self.max_age.is_zero())),
        ] {
            if value == 0 {
                return refused(name, "it is 0, and nothing could be written".to_owned());
            }
        }
        Ok(())
    }

    /// Whether what has this name is written.
    pub(super) fn keeps(&self, name: &str) -> bool {
        !self.redacted.iter().any(|redacted| redacted == name)
    }
}

/// A duration as seconds.
mod seconds {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer, de};

    pub(super) fn serialize<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(duration.as_secs_f64())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        Duration::try_from_secs_f64(f64::deserialize(deserializer)?).map_err(de::Error::custom)
    }
}
