use std::fmt;
use std::sync::OnceLock;

use metrics::Counter;

use super::names::Metric;

/// Counts answers by a code that is one of a few.
#[derive(Clone)]
pub(crate) struct Responses {
    metric: Metric,
    codes: &'static [&'static str],
    /// One more than there are codes: for all others.
    counters: Vec<OnceLock<Counter>>,
}

impl Responses {
    /// Counts by these codes, and all others as `other`.
    pub(crate) fn new(metric: Metric, codes: &'static [&'static str]) -> Self {
        Self { metric, codes, counters: (0..=codes.len()).map(|_| OnceLock::new()).collect() }
    }

    pub(crate) fn count(&self, code: &str) {
        let place = self.codes.iter().position(|own| *own == code).unwrap_or(self.codes.len());
        let code = self.codes.get(place).copied().unwrap_or("other");
        if let Some(counter) = self.counters.get(place) {
            counter.get_or_init(|| self.metric.counter(&[code])).increment(1);
        }
    }
}

impl fmt::Debug for Responses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Responses").field("metric", &self.metric.name).finish_non_exhaustive()
    }
}
