//! The prediction log: what is written comes out again, in files that anybody can read.
#![expect(clippy::unwrap_used, reason = "a test reports by panicking, in its helpers too")]

mod files;
mod kill;
mod properties;
mod replay;
mod support;

use std::fs;

use mlcore::batch::{Batch, OwnedValue, Tensor, Value};
use mlcore::name::RequestId;
use mlcore_serve::conformance;
use mlcore_serve::endpoint::{InvalidAnswer, OutcomeId, OutcomeRecord, OutcomeStatus, RecordSink, ServedBy};
use mlcore_serve::log::{LogOptions, LogReader, SCHEMA_VERSION, outcomes_schema, predictions_schema};

use crate::support::{arm, at, bare, full, id, model, open, others, read};

#[test]
fn the_columns_are_those_of_the_second_version() {
    let described = |schema: mlcore::arrow::datatypes::SchemaRef| -> Vec<String> {
        let fields = schema.fields().iter();
        fields
            .map(|field| {
                let null = if field.is_nullable() { " or null" } else { "" };
                format!("{}: {}{null}", field.name(), field.data_type())
            })
            .collect()
    };
    // A column that is added, removed or changed is another version; readers of files that are there go on.
    assert_eq!(SCHEMA_VERSION, 2);
    let golden = include_str!("schema.txt");
    let now = [
        &["predictions".to_owned()],
        &described(predictions_schema())[..],
        &["outcomes".to_owned()],
        &described(outcomes_schema()),
    ]
    .concat();
    assert_eq!(golden.lines().collect::<Vec<_>>(), now);
    // Each is explained.
    let page = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../ARCHITECTURE.md")).unwrap();
    for schema in [predictions_schema(), outcomes_schema()] {
        for field in schema.fields() {
            assert!(
                page.contains(&format!("| `{}` |", field.name())),
                "ARCHITECTURE.md says nothing of {}",
                field.name()
            );
        }
    }
}

#[test]
fn a_record_comes_out_as_it_went_in() {
    let folder = tempfile::tempdir().unwrap();
    let log = open(&folder, LogOptions::default());
    let mut sink = log.sink(model());
    let mut record = full(7);
    record.failed_expectations = vec!["column_values_to_not_be_null(age)".to_owned()];
    sink.record(&record);
    others().iter().for_each(|record| sink.record(record));
    log.flush().unwrap();
    let rows = read(&folder);
    assert_eq!(rows.len(), 5);
    let own = &rows[0];
    assert_eq!((own.time, own.outcome_id), (at(7), id(7)));
    assert_eq!((&own.request_id, &own.unit, &own.model), (&record.request, &record.unit, &model()));
    assert_eq!(
        (own.version, &own.arm, own.propensity, own.epoch),
        (record.version, &record.arm, 0.1, Some(3))
    );
    assert_eq!(own.probabilities, [(arm("champion"), 0.1), (arm("challenger"), 0.9)]);
    assert_eq!((own.features_digest, own.plan), (record.features_digest, record.plan));
    assert_eq!((own.served_by, own.latency, own.weight), (ServedBy::Batch, record.latency, 1.0));
    assert_eq!(own.outputs, record.outputs);
    assert_eq!((&own.looked_up, &own.failed_expectations), (&record.looked_up, &record.failed_expectations));
    assert!(own.context.attributes().eq(record.context.attributes()));
    assert!(own.context.features()[1].is_nan() && own.context.features()[0] == 0.3);
    let [row] = &own.features[..] else { panic!("{:?}", own.features) };
    let expected = [
        ("age", Value::Float(41.0)),
        ("plan", Value::Text("prö")),
        ("visits", Value::Int(i64::MAX - 7)),
        ("member", Value::Null),
    ];
    let found: Vec<(&str, Value<'_>)> =
        row.iter().map(|(name, value)| (name.as_str(), value.as_value())).collect();
    assert_eq!(found, expected);

    let [table, tensors, error, invalid] = &rows[1..] else { panic!("{rows:?}") };
    assert_eq!(table.features.len(), 2);
    assert_eq!(
        table.features[1],
        [("visits".to_owned(), OwnedValue::Null), ("plan".to_owned(), OwnedValue::Text("pro".into()))]
    );
    let sent = tensors.tensors.as_ref().unwrap();
    assert_eq!(sent.tensor("x").unwrap().values::<i64>().unwrap(), [1 << 60, -1, 0, 7]);
    assert!(tensors.features.is_empty() && tensors.outputs.is_empty() && tensors.request_id.is_none());
    assert_eq!(
        (error.error.as_deref(), error.epoch, error.served_by),
        (Some("timeout"), None, ServedBy::Nobody)
    );
    let numbers = invalid.outputs.tensor("risk").unwrap().values::<f64>().unwrap();
    assert!(numbers[0].is_nan() && numbers[1] == f64::NEG_INFINITY);
    assert_eq!(invalid.invalid, Some(InvalidAnswer::NotFinite));
}

#[test]
fn outcomes_are_joined_by_their_id() {
    let folder = tempfile::tempdir().unwrap();
    let log = open(&folder, LogOptions::default());
    let mut sink = log.sink(model());
    (0..3).for_each(|number| sink.record(&bare(number)));
    let outcome = |number, label| OutcomeRecord::new(id(number), at(9), label);
    sink.outcome(&outcome(1, 1.0).with_status(OutcomeStatus::Joined, Some(0.25)));
    sink.outcome(&outcome(2, 0.0).with_row(0).with_status(OutcomeStatus::Joined, None));
    log.flush().unwrap();
    // In another file, and one of nobody's.
    sink.outcome(&outcome(2, 1.0).with_row(1));
    sink.outcome(&outcome(99, f64::INFINITY).with_status(OutcomeStatus::Orphan, None));
    log.flush().unwrap();
    let joined: Vec<Vec<_>> = read(&folder)
        .into_iter()
        .map(|row| row.outcomes.iter().map(|own| (own.row, own.label, own.loss)).collect())
        .collect();
    assert_eq!(
        joined,
        [vec![], vec![(None, 1.0, Some(0.25))], vec![(Some(0), 0.0, None), (Some(1), 1.0, None)]]
    );
    let all: Vec<_> = LogReader::new(folder.path()).outcomes().unwrap().map(Result::unwrap).collect();
    assert_eq!((all.len(), all[3].status, all[3].label), (4, OutcomeStatus::Orphan, f64::INFINITY));
    let counts = log.counts();
    assert_eq!((counts.predictions, counts.outcomes, counts.files, counts.dropped), (3, 4, 3, 0));
}

#[test]
fn a_name_that_is_redacted_is_nowhere() {
    let folder = tempfile::tempdir().unwrap();
    let redacted = ["plan", "email", "unit", "request_id", "words", "label"];
    let log = open(&folder, LogOptions::default().with_redacted(redacted));
    let mut sink = log.sink(model());
    sink.record(&full(1));
    others().iter().for_each(|record| sink.record(record));
    log.close().unwrap();
    let rows = read(&folder);
    assert_eq!((&rows[0].unit, &rows[0].request_id), (&None, &None));
    let names: Vec<&str> = rows[0].features[0].iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["age", "visits", "member"]);
    assert_eq!(rows[0].context.attributes().collect::<Vec<_>>(), [("country", Value::Text("PT"))]);
    assert_eq!(rows[0].outputs.names().collect::<Vec<_>>(), ["risk"]);
    // Of what was looked up, what is redacted is left out, too.
    let told: Vec<&str> = rows[0].looked_up.of_entity(0).map(|(name, ..)| name).collect();
    assert_eq!(told, ["age"]);
    assert_eq!(rows[1].features[1].len(), 1);
    assert_eq!(rows[2].tensors.as_ref().unwrap().names().collect::<Vec<_>>(), ["x"]);

    let folder = tempfile::tempdir().unwrap();
    // A key without one of its parts would be the key of another.
    let whole = ["features", "tensors", "outputs", "context", "shop"];
    let log = open(&folder, LogOptions::default().with_redacted(whole));
    let mut sink = log.sink(model());
    sink.record(&full(1));
    others().iter().for_each(|record| sink.record(record));
    log.close().unwrap();
    for row in read(&folder) {
        assert!(row.features.is_empty() && row.tensors.is_none());
        assert!(row.outputs.is_empty() && row.context.is_empty() && row.looked_up.is_empty());
    }
}

#[test]
fn a_sample_keeps_requests_with_their_outcomes_and_says_what_they_stand_for() {
    const REQUESTS: u64 = 4000;
    let kept = |share: f64| {
        let folder = tempfile::tempdir().unwrap();
        let log = open(&folder, LogOptions::default().with_share(share));
        let mut sink = log.sink(model());
        for number in 0..REQUESTS {
            sink.record(&bare(number));
            sink.outcome(&OutcomeRecord::new(id(number), at(number), 1.0));
        }
        log.flush().unwrap();
        let rows = read(&folder);
        assert!(rows.iter().all(|row| row.outcomes.len() == 1 && row.weight == 1.0 / share));
        let counts = log.counts();
        assert_eq!(counts.left_out, 2 * (REQUESTS - rows.len() as u64));
        rows.into_iter().map(|row| row.outcome_id).collect::<Vec<OutcomeId>>()
    };
    let (some, more) = (kept(0.25), kept(0.5));
    assert!((850..1150).contains(&some.len()), "{}", some.len());
    assert!(some.iter().all(|id| more.contains(id)), "what a small share keeps a larger one keeps, too");
    assert_eq!(some, kept(0.25), "and a restart chooses the same");
}

#[test]
fn it_keeps_the_contract_of_a_sink() {
    let folder = tempfile::tempdir().unwrap();
    let log = open(&folder, LogOptions::default());
    conformance::record_sink(&mut log.sink(model()));
    log.flush().unwrap();
    let rows = read(&folder);
    assert_eq!(rows.len() as u64, log.counts().predictions);
    assert!(rows.len() > 20);
    // Of one that is closed, too.
    let mut late = log.sink(model());
    log.close().unwrap();
    late.record(&bare(1));
    late.outcome(&OutcomeRecord::new(id(1), at(1), 0.0));
    assert_eq!(read(&folder).len(), rows.len());
}

#[test]
fn odd_options_are_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let options = LogOptions::default;
    for (options, name) in [
        (options().with_share(0.0), "share"),
        (options().with_share(f64::NAN), "share"),
        (options().with_share(1.5), "share"),
        (options().with_max_rows(0), "max_rows"),
        (options().with_max_bytes(0), "max_bytes"),
        (options().with_queue_capacity(0), "queue_capacity"),
        (options().with_max_age(std::time::Duration::ZERO), "max_age_seconds"),
    ] {
        let error = mlcore_serve::log::PredictionLog::open(folder.path(), options).unwrap_err().to_string();
        assert!(error.starts_with(&format!("read log options {name}: ")), "{error}");
    }
    let read: LogOptions = serde_json::from_str(r#"{"share": 0.5, "max_age_seconds": 0.5}"#).unwrap();
    assert_eq!(read, options().with_share(0.5).with_max_age(std::time::Duration::from_millis(500)));
}

#[test]
fn an_endpoint_logs_what_it_answers_and_learns() {
    let (folder, place) = (tempfile::tempdir().unwrap(), endpoint::Place::new());
    let log = open(&folder, LogOptions::default());
    let endpoint = place.build(log.sink(model()));
    endpoint::ask(&endpoint, "user-1", "first");
    endpoint::ask(&endpoint, "user-2", "second");
    endpoint.report_outcome(OutcomeId::of(&RequestId::new("first").unwrap()), 1.0).unwrap();
    endpoint.process();
    log.flush().unwrap();
    let rows = read(&folder);
    assert_eq!(rows.len(), 2);
    assert_eq!(rows[0].unit.as_ref().unwrap().as_str(), "user-1");
    assert_eq!(rows[0].tensors.as_ref().unwrap(), &Batch::single("x", Tensor::column(vec![0.5])));
    // Of three arms with the weights 1, 2 and 1.
    for row in &rows {
        let probabilities: Vec<f64> = row.probabilities.iter().map(|(_, probability)| *probability).collect();
        assert_eq!(probabilities, [0.25, 0.5, 0.25]);
        let own = row.probabilities.iter().find(|(arm, _)| *arm == row.arm).unwrap();
        assert_eq!(own.1, row.propensity);
    }
    assert_eq!((rows[0].outcomes[0].label, rows[0].outcomes[0].loss), (1.0, Some(0.25)));
    assert!(rows[1].outcomes.is_empty());
    // The clock's, not that of the file.
    assert!(rows[0].time.as_micros() > 1_700_000_000_000_000);
}

/// An endpoint of three arms.
mod endpoint {
    use std::sync::Arc;

    use mlcore::artifact::{ArtifactStore, ArtifactStoreExt, MemoryStore};
    use mlcore::batch::{Batch, Tensor};
    use mlcore::name::{Alias, RequestId, UnitId};
    use mlcore::registry::{Change, Expected, MemoryRegistry, ModelVersion, NewVersion, RegistryExt};
    use mlcore::rollout::Weighted;
    use mlcore::runner::{FunctionRunner, Runner};
    use mlcore::schema::{DType, Field, Schema, Signature};
    use mlcore::time::Timestamp;
    use mlcore_serve::Endpoint;
    use mlcore_serve::endpoint::Request;
    use mlcore_serve::log::LogSink;

    use crate::support::{arm, model};

    pub(crate) struct Place {
        registry: Arc<MemoryRegistry>,
        artifacts: Arc<MemoryStore>,
    }

    const ARMS: [&str; 3] = ["champion", "second", "third"];

    fn signature() -> Signature {
        let one = |name| Schema::new([Field::column(name, DType::Float64)]).unwrap();
        Signature::new(one("x"), one("y"))
    }

    impl Place {
        pub(crate) fn new() -> Self {
            let place = Self { registry: Arc::default(), artifacts: Arc::default() };
            let change = Change::new("test", Timestamp::from_millis(0));
            for name in ARMS {
                let artifact = place.artifacts.put_bytes(name.as_bytes()).unwrap();
                let new = NewVersion::new(model(), artifact, signature());
                let version = place.registry.register(&place.artifacts, new, &change).unwrap().version;
                let alias = Alias::new(name).unwrap();
                place.registry.set_alias(&model(), &alias, Some(version), Expected::Absent, &change).unwrap();
            }
            place
        }

        pub(crate) fn build(&self, sink: LogSink) -> Endpoint {
            let load = |_: &ModelVersion, _: &dyn ArtifactStore| {
                let answer = |inputs: &Batch| Ok(Batch::single("y", inputs.tensor("x")?.clone()));
                Ok(Arc::new(FunctionRunner::new(signature(), answer)) as Arc<dyn Runner>)
            };
            let weights = ARMS.into_iter().zip([1.0, 2.0, 1.0]).map(|(name, weight)| (arm(name), weight));
            let mut builder = Endpoint::builder(model(), self.registry.clone(), self.artifacts.clone());
            for name in &ARMS[1..] {
                builder = builder.with_arm(Alias::new(name).unwrap());
            }
            builder
                .with_loader(load)
                .with_policy(Weighted::new("salt", weights).unwrap())
                .with_loss_function(|outputs, label| {
                    Ok((outputs.tensor("y")?.values::<f64>()?[0] - label).powi(2))
                })
                .with_sink(sink)
                .build()
                .unwrap()
        }
    }

    pub(crate) fn ask(endpoint: &Endpoint, unit: &str, id: &str) {
        let (unit, id) = (UnitId::new(unit).unwrap(), RequestId::new(id).unwrap());
        let x = Batch::single("x", Tensor::column(vec![0.5]));
        endpoint.predict(Request::tensors(&unit, &x).with_id(&id)).unwrap();
    }
}
