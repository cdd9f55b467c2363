use crate::endpoint::record::{OutcomeRecord, Record};

/// Takes every record after it was made, off the path of the request: a file, a table, a topic.
///
/// Contract, proved for any implementation by `conformance::record_sink`:
/// - it takes every record, of an answer and of an error, with input of every kind or none, without a panic;
/// - what it cannot write it counts; nothing is handed to it twice.
///
/// A sink holds up the joining of outcomes for as long as it takes, and with it the release: one that waits for a disk or
/// a network keeps a queue and a thread of its own. It may ask the endpoint for its [counts](super::Endpoint::counts).
///
/// ```
/// use mlcore_serve::endpoint::{OutcomeId, Record, RecordSink};
///
/// /// Counts requests by arm.
/// #[derive(Default)]
/// struct Share {
///     by_arm: std::collections::BTreeMap<String, u64>,
/// }
///
/// impl RecordSink for Share {
///     fn record(&mut self, record: &Record) {
///         *self.by_arm.entry(record.arm.to_string()).or_default() += 1;
///     }
/// }
///
/// let mut share = Share::default();
/// share.record(&Record::new(OutcomeId::of(&"order-17".parse()?), "champion".parse()?, "3".parse()?));
/// assert_eq!(share.by_arm["champion"], 1);
/// # Ok::<(), mlcore::Error>(())
/// ```
pub trait RecordSink: Send {
    /// Takes one record.
    fn record(&mut self, record: &Record);

    /// Takes what came of a prediction, joined or not. The default passes it over.
    fn outcome(&mut self, outcome: &OutcomeRecord) {
        let _ = outcome;
    }
}

impl<F: FnMut(&Record) + Send> RecordSink for F {
    fn record(&mut self, record: &Record) {
        self(record);
    }
}
