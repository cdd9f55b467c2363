//! Views whose history lies in a bucket.

use std::sync::Arc;

use mlcore::arrow::array::{ArrayRef, Int64Array, RecordBatch};
use mlcore::registry::Change;
use mlcore::schema::DType;
use mlcore_features::store::definition::{Definition, FeatureView, Field, Source};
use mlcore_features::store::feature_store::{
    FeatureQuery, FeatureStore, HistoricalOptions, LocalSources, MaterialiseOptions, Sources,
};
use mlcore_features::store::online::MemoryStore;
use mlcore_features::store::registry::{Changes, MemoryDefinitions};

use super::{HOUR, MINUTE, at, driver, drivers, times, write};
use crate::offline::objects::bucket;
use crate::offline::objects::server::{SECRET, Server};
use crate::support::refused;

/// Drivers, their times in minutes, and trips.
fn rows() -> RecordBatch {
    drivers(&[(1, 120, 121, 20), (1, 60, 61, 10), (2, 60, 200, 5), (1, 120, 130, 21), (3, 500, 500, 3)])
}

fn definitions(path: &str) -> Vec<Definition> {
    let source = Source::file(path).name("stats").timestamp_field("at").created_timestamp_column("made");
    vec![
        driver(),
        source.build().unwrap().into(),
        FeatureView::builder("driver_stats", ["driver"])
            .schema([Field::new("trips", DType::Int64), Field::new("city", DType::String)])
            .source("stats")
            .build()
            .unwrap()
            .into(),
    ]
}

fn store(sources: LocalSources, path: &str) -> FeatureStore {
    let store = FeatureStore::builder(
        Arc::new(MemoryDefinitions::new("rides").unwrap()),
        Arc::new(MemoryStore::new()),
    )
    .sources(Arc::new(sources))
    .clock(|| at(10 * HOUR))
    .build()
    .unwrap();
    store.apply(&Changes::of(definitions(path)), &Change::new("ana", at(0))).unwrap();
    store
}

#[test]
fn a_bucket_is_a_history() {
    let server = Server::start();
    write(&server.objects().join("lake/stats/day=1970-01-01/a.parquet"), &rows());
    let query = FeatureQuery::references(["driver_stats:trips", "driver_stats:city"]).unwrap();
    let labels = RecordBatch::try_from_iter([
        ("driver_id", Arc::new(Int64Array::from(vec![1, 1, 2, 3, 4])) as ArrayRef),
        ("event_timestamp", times(&[125, 131, 190, 600, 600].map(|minutes| minutes * MINUTE))),
    ])
    .unwrap();
    let history = |store: &FeatureStore| {
        store.historical_features(&labels, &query, &HistoricalOptions::default()).unwrap().into_table()
    };
    let files = store(LocalSources::new(server.objects()), "lake/stats");
    let sources = || LocalSources::new("nowhere").with_bucket(bucket(&server, "lake"));
    for path in
        ["s3://models/lake/stats", "s3://models/lake/stats/day=*", "s3://models/lake/stats/?region=eu-west-1"]
    {
        let objects = store(sources(), path);
        assert_eq!(history(&objects), history(&files), "{path}");
        let report = objects.materialise(at(0), at(10 * HOUR), &MaterialiseOptions::default()).unwrap();
        assert_eq!(report.views[0].stored, 3, "{path}");
        assert!(!format!("{objects:?}").contains(SECRET));
    }
    // Of several buckets the one that says most of the path is asked.
    let nearer =
        LocalSources::new(".").with_bucket(bucket(&server, "")).with_bucket(bucket(&server, "lake/stats"));
    assert_eq!(history(&store(nearer, "s3://models/lake/stats")), history(&files));

    // Where no bucket is opened, the path says where it is, and is held to the same rules.
    let url = "s3://models/lake/stats?endpoint=http://minio.example.com";
    let unsafely = store(LocalSources::new("."), url);
    let unsafely = unsafely.historical_features(&labels, &query, &HistoricalOptions::default());
    refused(unsafely.map(drop), "invalid_input", &["source stats", "without TLS"]);
    let gone = store(sources(), "s3://models/lake/none");
    let gone = gone.historical_features(&labels, &query, &HistoricalOptions::default());
    refused(gone.map(drop), "not_found", &["s3://models/lake/none", "source stats"]);
    let source = Source::file("s3://models/lake/stats").timestamp_field("at").build().unwrap();
    refused(sources().append(&source, &rows()), "unsupported", &["bucket"]);
    let with_key = Source::file("s3://key:secret@models/lake").timestamp_field("at").build().unwrap();
    let error = LocalSources::new(".").open(&with_key).map(drop).unwrap_err();
    assert!(error.to_string().contains("credentials are no part"), "{error}");
}
