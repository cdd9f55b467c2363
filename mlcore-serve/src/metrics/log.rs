use metrics::Counter;

use super::names;

/// The counters of a prediction log, of the recorder that is installed when it is opened.
#[derive(Debug)]
pub(crate) struct LogMetrics {
    pub(crate) predictions: Counter,
    pub(crate) outcomes: Counter,
    pub(crate) dropped: Counter,
    pub(crate) lost: Counter,
}

impl Default for LogMetrics {
    fn default() -> Self {
        Self {
            predictions: names::LOG_ROWS.counter(&["predictions"]),
            outcomes: names::LOG_ROWS.counter(&["outcomes"]),
            dropped: names::LOG_DROPPED.counter(&["queue_full"]),
            lost: names::LOG_DROPPED.counter(&["write_failed"]),
        }
    }
}
