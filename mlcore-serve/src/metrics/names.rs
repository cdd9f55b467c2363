use metrics::{Counter, Gauge, Histogram, Key, Label, Level, Metadata, Unit};

/// What a metric measures, and how it is called.
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Metric {
    /// Its name, with the base unit and, for a counter, `_total` at the end.
    pub name: &'static str,
    /// How it moves.
    pub kind: MetricKind,
    /// The unit of its values.
    pub unit: MetricUnit,
    /// The names of its labels.
    pub labels: &'static [&'static str],
    /// One sentence about it.
    pub meaning: &'static str,
}

/// How a metric moves.
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum MetricKind {
    /// It only grows.
    Counter,
    /// It goes up and down.
    Gauge,
    /// Observations by size.
    Histogram,
}

mlcore::words! {
    MetricKind, "kind of metric": Counter = "counter", Gauge = "gauge", Histogram = "histogram"
}

/// The unit of a metric's values.
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum MetricUnit {
    /// A number of things, or a share of 0 to 1.
    Count,
    /// Seconds.
    Seconds,
    /// Bytes.
    Bytes,
}

mlcore::words! {
    MetricUnit, "unit": Count = "1", Seconds = "seconds", Bytes = "bytes"
}

/// Makes a constant of each metric, and the list of all.
macro_rules! metrics {
    ($($constant:ident: $kind:ident $name:literal [$($label:literal),*] $unit:ident, $meaning:literal;)+) => {
        $(pub(crate) const $constant: Metric = Metric {
            name: $name,
            kind: MetricKind::$kind,
            unit: MetricUnit::$unit,
            labels: &[$($label),*],
            meaning: $meaning,
        };)+

        /// Every metric that there is.
        pub const METRICS: &[Metric] = &[$($constant),+];
    };
}

metrics! {
    REQUESTS: Counter "mlcore_requests_total" ["model", "version", "arm"] Count,
        "Requests for predictions that an arm was chosen for, answered or not.";
    FAILURES: Counter "mlcore_request_failures_total" ["model", "version", "arm", "kind"] Count,
        "Of these, requests that failed, by the kind of the error; invalid_answer is an answer that counts as a failure.";
    PREDICTIONS: Counter "mlcore_predictions_total" ["model", "version", "arm"] Count,
        "Rows that were answered.";
    DURATION: Histogram "mlcore_prediction_duration_seconds" ["model", "version", "arm"] Seconds,
        "From the choice of an arm to its answer, of answered requests.";
    REQUEST_DURATION: Histogram "mlcore_request_duration_seconds" ["model", "version", "arm"] Seconds,
        "From the arrival of an answered request at the server to its written answer.";
    STAGE_DURATION: Histogram "mlcore_request_stage_duration_seconds" ["model", "version", "arm", "stage"] Seconds,
        "A part of that: read (body and choice of an arm), queue (waiting for a thread), batch_wait (waiting for a place in a batch), features, compute (the model; in a batch the run of all), post (writing the answer).";
    IN_FLIGHT: Gauge "mlcore_requests_in_flight" ["model"] Count,
        "Requests for predictions that are being worked on.";
    BATCH_QUEUE: Gauge "mlcore_batch_queue_requests" ["model"] Count,
        "Requests that wait for a place in a batch.";
    BATCH_ROWS: Histogram "mlcore_batch_rows" ["model", "version"] Count,
        "Rows of a run of a batched model.";
    BATCH_REQUESTS: Histogram "mlcore_batch_requests" ["model", "version"] Count,
        "Requests that shared a run of a batched model.";
    LOOKUPS: Counter "mlcore_feature_lookups_total" ["model", "lookup", "outcome"] Count,
        "Lookups of features by the entities of a request: read; and, where the store failed, last_known, defaults or refused.";
    FEATURES: Counter "mlcore_features_total" ["model", "feature", "status"] Count,
        "Features that were looked up, for each entity, by the status: PRESENT, NULL_VALUE, NOT_FOUND, OUTSIDE_MAX_AGE, LAST_KNOWN, UNAVAILABLE, SENT.";
    FEATURE_AGE: Gauge "mlcore_feature_age_seconds" ["model", "feature"] Seconds,
        "How old the value of a feature was that was handed to a model last.";
    LOOKUP_DURATION: Histogram "mlcore_feature_lookup_duration_seconds" ["model", "lookup"] Seconds,
        "The read of the feature store for a request, answered or not.";
    VALIDATED: Counter "mlcore_requests_validated_total" ["model", "outcome"] Count,
        "Requests that were validated: passed, flagged, fell_back, refused.";
    EXPECTATIONS: Counter "mlcore_expectations_failed_total" ["model", "expectation", "severity"] Count,
        "Rows of requests that did not meet an expectation of the endpoint's suite.";
    OUTCOMES: Counter "mlcore_outcomes_total" ["model", "arm"] Count,
        "Outcomes that were joined with their prediction.";
    UNJOINED: Counter "mlcore_outcomes_unjoined_total" ["model", "reason"] Count,
        "Outcomes without effect: orphan (no such prediction waits), refused (it does not fit the request) or measure (a number or verdict of another version).";
    UNSCORED: Counter "mlcore_outcomes_unscored_total" ["model"] Count,
        "Joined outcomes of which no loss could be computed.";
    EXPIRED: Counter "mlcore_predictions_expired_total" ["model"] Count,
        "Predictions that were forgotten before their outcome came.";
    ABANDONED: Counter "mlcore_decisions_abandoned_total" ["model"] Count,
        "Decisions that were dropped without a record.";
    DROPPED: Counter "mlcore_dropped_total" ["model", "queue"] Count,
        "What was dropped: records and outcomes that did not fit into their queue, runs of shadows for any reason.";
    PANICS: Counter "mlcore_panics_total" ["model"] Count,
        "Panics that were caught in sinks, losses, policies, monitors and handlers of events.";
    UNMONITORED: Counter "mlcore_unmonitored_rows_total" ["model"] Count,
        "Rows that a monitor could not take.";
    EVENTS: Counter "mlcore_release_events_total" ["model", "kind"] Count,
        "What happened to the release: deployed, stepped, promoted, rolled_back and others.";
    MODELS: Gauge "mlcore_models" ["state"] Count,
        "Models by state: ready, loading, unavailable.";
    ARM_VERSION: Gauge "mlcore_arm_version" ["model", "arm"] Count,
        "The number of the version that answers behind an arm; 0 once none does.";
    ARM_SHARE: Gauge "mlcore_arm_traffic_share" ["model", "arm"] Count,
        "The share of the requests that the policy gives to an arm, 0 to 1.";
    SHADOW_REQUESTS: Counter "mlcore_shadow_requests_total" ["model", "version", "arm"] Count,
        "Requests that a shadow ran.";
    SHADOW_FAILURES: Counter "mlcore_shadow_failures_total" ["model", "version", "arm"] Count,
        "Of these, requests that it failed.";
    SHADOW_ROWS: Counter "mlcore_shadow_rows_total" ["model", "version", "arm"] Count,
        "Rows whose answers were compared with those given.";
    SHADOW_FLIPS: Counter "mlcore_shadow_flips_total" ["model", "version", "arm"] Count,
        "Of these, rows of which the shadow gave another class.";
    SHADOW_WITHIN: Counter "mlcore_shadow_rows_within_tolerance_total" ["model", "version", "arm"] Count,
        "Rows whose scores, or label, were alike to those given, by the endpoint's tolerance.";
    SHADOW_CORRELATION: Gauge "mlcore_shadow_rank_correlation" ["model", "version", "arm"] Count,
        "How far a shadow puts rows into the order of the answers given: Spearman's correlation, -1 to 1, of at most 1,024 rows.";
    SHADOW_DROPPED: Counter "mlcore_shadow_runs_dropped_total" ["model", "arm", "reason"] Count,
        "Runs of a shadow that were dropped: queue_full, over_budget, under_load (records were behind), superseded (by a release or a stop).";
    DRIFT_VERDICTS: Counter "mlcore_drift_verdicts_total" ["model", "outcome"] Count,
        "Windows of traffic that a monitor judged: stable, drifted, insufficient_data.";
    DRIFT_SCORE: Gauge "mlcore_drift_score" ["model", "column", "test"] Count,
        "The effect of the change of a column in the last window that was judged.";
    DRIFT_THRESHOLD: Gauge "mlcore_drift_threshold" ["model", "column", "test"] Count,
        "The smallest effect that counts as drift.";
    DRIFT_SHARE: Gauge "mlcore_drift_share_of_drifted_columns" ["model"] Count,
        "The share of the columns that drifted in the last window that was judged.";
    LOG_ROWS: Counter "mlcore_prediction_log_rows_total" ["kind"] Count,
        "Predictions and outcomes in finished files of prediction logs.";
    LOG_DROPPED: Counter "mlcore_prediction_log_dropped_total" ["reason"] Count,
        "Rows that prediction logs do not have: queue_full or write_failed.";
    FEATURE_REQUESTS: Counter "mlcore_feature_requests_total" ["operation"] Count,
        "Requests of Feast's clients, answered or not: read, push, write, materialise, materialise_incremental.";
    FEATURE_FAILURES: Counter "mlcore_feature_request_failures_total" ["operation"] Count,
        "Of these, requests that failed or were refused.";
    FEATURE_ROWS: Counter "mlcore_feature_rows_total" ["operation"] Count,
        "Entities that were read, rows that were written, keys that were materialised.";
    FEATURE_VALUES: Counter "mlcore_feature_values_total" ["status"] Count,
        "Values of features that were read, by status: PRESENT, NULL_VALUE, NOT_FOUND, OUTSIDE_MAX_AGE.";
    FEATURE_DURATION: Histogram "mlcore_feature_request_duration_seconds" ["operation"] Seconds,
        "From the read body of an answered request to its answer.";
    HTTP_RESPONSES: Counter "mlcore_http_responses_total" ["code"] Count,
        "Answers over HTTP, by status.";
    GRPC_RESPONSES: Counter "mlcore_grpc_responses_total" ["code"] Count,
        "Answers over gRPC, by the name of the code; a stream counts when it begins.";
    CONNECTIONS: Gauge "mlcore_connections" ["protocol"] Count,
        "Open connections.";
    CONNECTIONS_TAKEN: Counter "mlcore_connections_total" ["protocol"] Count,
        "Connections that were taken.";
    BUILD: Gauge "mlcore_build_info" ["version"] Count,
        "1, with the version of the library.";
    PROCESS_CPU: Counter "process_cpu_seconds_total" [] Seconds,
        "User and system time of the process, in whole seconds.";
    PROCESS_RESIDENT: Gauge "process_resident_memory_bytes" [] Bytes,
        "Memory of the process that lies in RAM.";
    PROCESS_VIRTUAL: Gauge "process_virtual_memory_bytes" [] Bytes,
        "Address space of the process.";
    PROCESS_OPEN_FDS: Gauge "process_open_fds" [] Count,
        "Open file descriptors of the process.";
    PROCESS_MAX_FDS: Gauge "process_max_fds" [] Count,
        "The most file descriptors that the process may open.";
    PROCESS_START: Gauge "process_start_time_seconds" [] Seconds,
        "When the process started, in seconds since 1970.";
}

impl Metric {
    /// The upper bounds of a histogram's buckets, as Prometheus counts them; none for another kind of metric.
    #[must_use]
    pub fn buckets(&self) -> &'static [f64] {
        match (self.kind, self.unit) {
            (MetricKind::Histogram, MetricUnit::Seconds) => &SECONDS,
            (MetricKind::Histogram, _) => &SIZES,
            (MetricKind::Counter | MetricKind::Gauge, _) => &[],
        }
    }

    /// The counter with these values of its labels, of the recorder that is installed now.
    pub(crate) fn counter(&self, values: &[&str]) -> Counter {
        metrics::with_recorder(|recorder| recorder.register_counter(&self.key(values), &METADATA))
    }

    /// The gauge, likewise.
    pub(crate) fn gauge(&self, values: &[&str]) -> Gauge {
        metrics::with_recorder(|recorder| recorder.register_gauge(&self.key(values), &METADATA))
    }

    /// The histogram, likewise.
    pub(crate) fn histogram(&self, values: &[&str]) -> Histogram {
        metrics::with_recorder(|recorder| recorder.register_histogram(&self.key(values), &METADATA))
    }

    fn key(&self, values: &[&str]) -> Key {
        debug_assert_eq!(self.labels.len(), values.len(), "{}", self.name);
        let label = |(name, value): (&&'static str, &&str)| Label::new(*name, (*value).to_owned());
        Key::from_parts(self.name, self.labels.iter().zip(values).map(label).collect::<Vec<_>>())
    }

    fn describe(&self, recorder: &dyn metrics::Recorder) {
        let unit = Some(match self.unit {
            MetricUnit::Count => Unit::Count,
            MetricUnit::Seconds => Unit::Seconds,
            MetricUnit::Bytes => Unit::Bytes,
        });
        match self.kind {
            MetricKind::Counter => recorder.describe_counter(self.name.into(), unit, self.meaning.into()),
            MetricKind::Gauge => recorder.describe_gauge(self.name.into(), unit, self.meaning.into()),
            MetricKind::Histogram => recorder.describe_histogram(self.name.into(), unit, self.meaning.into()),
        }
    }
}

/// Tells the recorder that is installed the unit and the meaning of every metric.
pub fn describe() {
    metrics::with_recorder(|recorder| METRICS.iter().for_each(|metric| metric.describe(recorder)));
}

const METADATA: Metadata<'static> = Metadata::new("mlcore_serve", Level::INFO, None);

/// From a tenth of the fastest model's time to the patience of a client, three to a decade.
const SECONDS: [f64; 16] = [
    0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5,
    10.0,
];
/// Powers of two, as batches are preferred.
const SIZES: [f64; 12] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0, 1024.0, 4096.0];
