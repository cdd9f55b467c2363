//! What is measured of requests for features.

#[cfg(feature = "metrics")]
mod measured {
    use std::time::Duration;

    use metrics::{Counter, Histogram};
    use mlcore_features::store::online::Status;

    use crate::feast::Endpoint;
    use crate::metrics::names;

    /// Handles of the recorder that was installed when the server was made.
    pub(in crate::feast) struct Told {
        operations: [Operation; OPERATIONS.len()],
        /// In the order of [`STATUSES`].
        values: [Counter; STATUSES.len()],
    }

    struct Operation {
        requests: Counter,
        failures: Counter,
        rows: Counter,
        duration: Histogram,
    }

    impl Told {
        pub(in crate::feast) fn new() -> Self {
            Self {
                operations: OPERATIONS.map(|(_, name)| Operation {
                    requests: names::FEATURE_REQUESTS.counter(&[name]),
                    failures: names::FEATURE_FAILURES.counter(&[name]),
                    rows: names::FEATURE_ROWS.counter(&[name]),
                    duration: names::FEATURE_DURATION.histogram(&[name]),
                }),
                values: STATUSES.map(|status| names::FEATURE_VALUES.counter(&[status.name()])),
            }
        }

        /// Counts a request that took so long.
        pub(in crate::feast) fn answered(&self, endpoint: Endpoint, took: Duration, is_failure: bool) {
            let Some(operation) = self.operation(endpoint) else { return };
            operation.requests.increment(1);
            if is_failure {
                operation.failures.increment(1);
            } else {
                operation.duration.record(took);
            }
        }

        /// Counts rows that were read or written.
        pub(in crate::feast) fn rows(&self, endpoint: Endpoint, rows: u64) {
            if let Some(operation) = self.operation(endpoint) {
                operation.rows.increment(rows);
            }
        }

        /// Counts values that were read, by the place of their status.
        pub(in crate::feast) fn values(&self, counts: [u64; 4]) {
            self.values.iter().zip(counts).for_each(|(counter, count)| counter.increment(count));
        }

        fn operation(&self, endpoint: Endpoint) -> Option<&Operation> {
            let place = OPERATIONS.iter().position(|(own, _)| *own == endpoint)?;
            self.operations.get(place)
        }
    }

    const OPERATIONS: [(Endpoint, &str); 5] = [
        (Endpoint::Read, "read"),
        (Endpoint::Push, "push"),
        (Endpoint::Write, "write"),
        (Endpoint::Materialise, "materialise"),
        (Endpoint::MaterialiseIncremental, "materialise_incremental"),
    ];
    const STATUSES: [Status; 4] =
        [Status::Present, Status::NullValue, Status::NotFound, Status::OutsideMaxAge];
}

#[cfg(not(feature = "metrics"))]
mod measured {
    use std::time::Duration;

    use crate::feast::Endpoint;

    /// Nothing is measured.
    pub(in crate::feast) struct Told;

    #[expect(clippy::unused_self, reason = "with the feature `metrics` it has counters")]
    impl Told {
        pub(in crate::feast) fn new() -> Self {
            Self
        }

        pub(in crate::feast) fn answered(&self, _: Endpoint, _: Duration, _: bool) {}

        pub(in crate::feast) fn rows(&self, _: Endpoint, _: u64) {}

        pub(in crate::feast) fn values(&self, _: [u64; 4]) {}
    }
}

use mlcore_features::store::online::Status;

pub(super) use self::measured::Told;

/// The place of a status among those that are counted.
pub(super) const fn place(status: Status) -> usize {
    match status {
        Status::Present => 0,
        Status::NullValue => 1,
        Status::NotFound => 2,
        Status::OutsideMaxAge => 3,
    }
}
