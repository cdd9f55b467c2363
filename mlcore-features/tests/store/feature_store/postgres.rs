//! Views whose history lies in PostgreSQL: joined, served and refused as those of files are.

use std::fmt::Write as _;
use std::sync::Arc;

use mlcore::arrow::array::{Array, ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray};
use mlcore::batch::Value;
use mlcore::registry::{Change, PostgresOptions};
use mlcore::stats::SplitMix64;
use mlcore_features::store::definition::{Repository, Source};
use mlcore_features::store::feature_store::{
    EntityRows, FeatureQuery, FeatureStore, HistoricalOptions, LocalSources, MaterialiseOptions, Sources,
};
use mlcore_features::store::online::MemoryStore;
use mlcore_features::store::registry::{Changes, MemoryDefinitions};

use super::{HOUR, MINUTE, at, times};
use crate::offline::postgres::server::Server;
use crate::support::refused;

const SECRET: &str = "a-password-that-nobody-shows";

/// The same views over a table, a query and a table of Arrow.
const REPOSITORY: &str = r#"
    project = "rides"

    [[entities]]
    name = "driver"
    join_keys = ["driver_id"]
    value_type = "int64"

    [[sources]]
    kind = "postgres"
    name = "by_table"
    table = 'rides."Driver Stats"'
    timestamp_field = "at"
    created_timestamp_column = "made"
    field_mapping = { rate = "conv_rate" }

    [[sources]]
    kind = "postgres"
    name = "by_query"
    query = 'SELECT driver_id, at, made, rate AS conv_rate, city, trips::bigint AS trips FROM rides."Driver Stats" -- all of it'
    timestamp_field = "at"
    created_timestamp_column = "made"

    [[sources]]
    kind = "arrow"
    name = "by_arrow"
    timestamp_field = "at"
    created_timestamp_column = "made"

    [[feature_views]]
    name = "table_stats"
    entities = ["driver"]
    source = "by_table"
    ttl = "3h"
    schema = [{ name = "conv_rate", dtype = "float64" }, { name = "trips", dtype = "int64" }, { name = "city", dtype = "string" }]

    [[feature_views]]
    name = "query_stats"
    entities = ["driver"]
    source = "by_query"
    ttl = "3h"
    schema = [{ name = "conv_rate", dtype = "float64" }, { name = "trips", dtype = "int64" }, { name = "city", dtype = "string" }]

    [[feature_views]]
    name = "arrow_stats"
    entities = ["driver"]
    source = "by_arrow"
    ttl = "3h"
    schema = [{ name = "conv_rate", dtype = "float64" }, { name = "trips", dtype = "int64" }, { name = "city", dtype = "string" }]
"#;

/// Rows of thirty drivers over ten hours, some written late, some of the same time, with nulls and NaN; in the server and in memory.
fn history(server: &Server) -> RecordBatch {
    let mut draw = SplitMix64::new(14);
    let mut below = |end: u64| (draw.next_u64() % end) as i64;
    let (mut drivers, mut events, mut made) = (Vec::new(), Vec::new(), Vec::new());
    let (mut rates, mut trips, mut cities) = (Vec::new(), Vec::new(), Vec::new());
    let mut sql = String::from(
        "CREATE SCHEMA rides; CREATE TABLE rides.\"Driver Stats\" (driver_id bigint, at timestamptz, made timestamptz, \
         rate double precision, trips integer, city text); INSERT INTO rides.\"Driver Stats\" VALUES ",
    );
    for row in 0..400 {
        let (driver, event) = (below(30), below(600) * MINUTE);
        let written = event + below(40) * MINUTE;
        let rate = [Some(row as f64 / 8.0), None, Some(f64::NAN)][if row % 7 < 5 { 0 } else { row % 7 - 4 }];
        let trip = (row % 5 != 0).then_some(row as i64);
        let comma = if row == 0 { "" } else { ", " };
        let number = |value: Option<String>| value.unwrap_or_else(|| "NULL".to_owned());
        write!(
            sql,
            "{comma}({driver}, to_timestamp({}), to_timestamp({}), {}, {}, 'city {driver}')",
            event / 1_000_000,
            written / 1_000_000,
            number(rate.map(|rate| if rate.is_nan() { "'NaN'".to_owned() } else { rate.to_string() })),
            number(trip.map(|trip| trip.to_string())),
        )
        .unwrap();
        drivers.push(driver);
        events.push(event);
        made.push(written);
        rates.push(rate);
        trips.push(trip);
        cities.push(format!("city {driver}"));
    }
    server.sql(&sql);
    let columns: [(&str, ArrayRef); 6] = [
        ("driver_id", Arc::new(Int64Array::from(drivers))),
        ("at", times(&events)),
        ("made", times(&made)),
        ("conv_rate", Arc::new(Float64Array::from(rates))),
        ("trips", Arc::new(Int64Array::from(trips))),
        ("city", Arc::new(StringArray::from(cities))),
    ];
    RecordBatch::try_from_iter(columns).unwrap()
}

fn store(sources: LocalSources) -> FeatureStore {
    let store = FeatureStore::builder(
        Arc::new(MemoryDefinitions::new("rides").unwrap()),
        Arc::new(MemoryStore::new()),
    )
    .sources(Arc::new(sources))
    .clock(|| at(10 * HOUR))
    .build()
    .unwrap();
    let repository = Repository::from_toml(REPOSITORY).unwrap();
    store.apply(&Changes::whole(&repository), &Change::new("ana", at(0))).unwrap();
    store
}

fn options(server: &Server) -> PostgresOptions {
    PostgresOptions::from_url(&server.url().replace("mlcore@", &format!("mlcore:{SECRET}@"))).unwrap()
}

fn query(view: &str) -> FeatureQuery {
    let features = ["conv_rate", "trips", "city"].map(|name| format!("{view}:{name}"));
    FeatureQuery::references(features.iter().map(String::as_str)).unwrap()
}

#[test]
fn tables_and_queries_of_a_server_are_histories() {
    let Some(mut server) = Server::start() else { return };
    let rows = history(&server);
    let sources = LocalSources::new(".").with_postgres(options(&server)).with_table("by_arrow", vec![rows]);
    let store = store(sources);

    // For training.
    let mut draw = SplitMix64::new(8);
    let labels = RecordBatch::try_from_iter([
        ("driver_id", Arc::new((0..200).map(|row| row % 32).collect::<Int64Array>()) as ArrayRef),
        (
            "event_timestamp",
            times(&(0..200).map(|_| (draw.next_u64() % 700) as i64 * MINUTE).collect::<Vec<_>>()),
        ),
    ])
    .unwrap();
    let history = |view: &str| {
        store.historical_features(&labels, &query(view), &HistoricalOptions::default()).unwrap().into_table()
    };
    let expected = history("arrow_stats");
    let found = expected.num_rows() - expected["city"].null_count();
    assert!((50..200).contains(&found), "some rows are known, and some are not: {found}");
    assert!(expected["conv_rate"].null_count() > expected["city"].null_count(), "some values are missing");
    assert_eq!(history("table_stats"), expected);
    assert_eq!(history("query_stats"), expected);

    // For serving.
    let report = store.materialise(at(0), at(9 * HOUR), &MaterialiseOptions::default()).unwrap();
    assert!(report.views.iter().all(|view| view.stored == report.views[0].stored && view.stored > 20));
    let drivers: Vec<Value<'_>> = (0..31).map(Value::Int).collect();
    let served = |view: &str| {
        let rows = EntityRows::columns([("driver_id", &drivers[..])]).unwrap();
        store.online_features(&query(view), &rows).unwrap().to_record_batch().unwrap()
    };
    assert_eq!(served("table_stats"), served("arrow_stats"));
    assert_eq!(served("query_stats"), served("arrow_stats"));

    // Nothing shows who asks: neither what is stored nor what is printed or refused.
    let shown = format!("{store:?} {:?}", store.snapshot().unwrap().repository().to_toml().unwrap());
    assert!(!shown.contains(SECRET), "{shown}");
    server.sql("DROP TABLE rides.\"Driver Stats\"");
    let gone = |view: &str| {
        store.historical_features(&labels, &query(view), &HistoricalOptions::default()).map(drop).unwrap_err()
    };
    for (view, source) in [("table_stats", "by_table"), ("query_stats", "by_query")] {
        let told = gone(view).to_string();
        assert!(told.contains("Driver Stats") && told.contains(source) && !told.contains(SECRET), "{told}");
    }
    server.kill();
    let error = gone("table_stats");
    assert!(matches!(error, mlcore::Error::Unavailable(_)) && error.is_transient(), "{error}");
    assert!(!format!("{error} {error:?}").contains(SECRET), "{error:?}");
}

#[test]
fn a_server_that_nobody_names_and_a_name_that_is_none_are_refused() {
    let store = store(LocalSources::new("."));
    let run = store.materialise(at(0), at(HOUR), &MaterialiseOptions::default().with_views(["table_stats"]));
    refused(run, "unsupported", &["by_table", "no server is named", "table_stats"]);

    let sources = LocalSources::new(".");
    sources.set_postgres(
        PostgresOptions::from_url(&format!("postgresql://ana:{SECRET}@127.0.0.1:1/x")).unwrap(),
    );
    let joined =
        Source::postgres_table("joined", "a JOIN b USING (c)").timestamp_field("at").build().unwrap();
    refused(sources.open(&joined).map(drop), "invalid_input", &["joined", "a query"]);
    let table = Source::postgres_table("trips", "trips").timestamp_field("at").build().unwrap();
    let error = sources.open(&table).map(drop).unwrap_err();
    assert!(
        error.to_string().contains("source trips") && !format!("{error:?}").contains(SECRET),
        "{error:?}"
    );
    // What is read is not written.
    let rows = RecordBatch::try_from_iter([("x", Arc::new(Int64Array::from(vec![1])) as ArrayRef)]).unwrap();
    refused(sources.append(&table, &rows), "unsupported", &["trips", "only read"]);
}
