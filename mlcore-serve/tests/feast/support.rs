//! A feature store in memory behind a service.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use bytes::Bytes;
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use mlcore::arrow::array::{Float64Array, Int64Array, RecordBatch, TimestampMicrosecondArray};
use mlcore::registry::Change;
use mlcore::time::Timestamp;
use mlcore_features::store::definition::Repository;
use mlcore_features::store::feature_store::{FeatureStore, LocalSources};
use mlcore_features::store::online::MemoryStore;
use mlcore_features::store::registry::{Changes, MemoryDefinitions};
use mlcore_serve::auth::Auth;
use mlcore_serve::feast::{Feast, FeastLimits};
use mlcore_serve::http::{HttpLimits, HttpService};
use mlcore_serve::models::Models;
use serde_json::{Value, json};
use tokio::runtime::Runtime;

/// Noon of 29 February 2024, in microseconds.
pub(crate) const NOON: i64 = 1_709_208_000_000_000;
const HOUR: i64 = 3_600_000_000;

const DEFINITIONS: &str = r#"
project = "rides"

[[entities]]
name = "driver"
join_keys = ["driver_id"]
value_type = "int64"

[[entities]]
name = "city"
join_keys = ["city_name"]
value_type = "string"

[[sources]]
kind = "arrow"
name = "trips"
timestamp_field = "at"
created_timestamp_column = "made"

[[sources]]
kind = "push"
name = "trips_push"
batch_source = "trips"

[[sources]]
kind = "request"
name = "asked"
schema = [{ name = "factor", dtype = "float64" }]

[[feature_views]]
name = "stats"
entities = ["driver"]
source = "trips_push"
ttl = "1h"
schema = [{ name = "rating", dtype = "float64" }, { name = "trips", dtype = "int64" }]

[[feature_views]]
name = "kinds"
entities = ["driver"]
schema = [
    { name = "small", dtype = "float32" },
    { name = "numbers", dtype = "list[float32]" },
    { name = "seen", dtype = "timestamp[us, tz=UTC]" },
    { name = "home", dtype = "string" },
    { name = "is_new", dtype = "bool" },
]

[[feature_views]]
name = "world"
entities = []
schema = [{ name = "level", dtype = "int64" }]

[[on_demand_feature_views]]
name = "boosted"
views = ["stats"]
request_sources = ["asked"]
schema = [{ name = "boost", dtype = "float64" }]

[on_demand_feature_views.expressions]
boost = "rating * factor"

[[feature_services]]
name = "ranking"
features = ["stats:rating", { view = "stats", features = ["trips"], name = "origin", join_key_map = { driver_id = "origin_id" } }]
"#;

pub(crate) struct Place {
    pub(crate) service: HttpService,
    pub(crate) runtime: Runtime,
    pub(crate) store: FeatureStore,
    now: Arc<AtomicI64>,
}

/// What was answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("{self:?}"))
    }

    /// Status, class and message of an error, as the stock client reads them.
    pub(crate) fn refusal(&self) -> (u16, String, String) {
        let text = self.json();
        let text = text.as_str().unwrap_or_else(|| panic!("a JSON string: {self:?}"));
        let detail: Value = serde_json::from_str(text).unwrap();
        assert_eq!(detail["module"], "feast.errors");
        let of = |name: &str| detail[name].as_str().unwrap().to_owned();
        (self.status.as_u16(), of("class"), of("message"))
    }

    /// The values, statuses and times of a column of the answer.
    pub(crate) fn column(&self, name: &str) -> (Value, Value, Value) {
        assert_eq!(self.status, StatusCode::OK, "{self:?}");
        let json = self.json();
        let names = json["metadata"]["feature_names"].as_array().unwrap().clone();
        let place = names.iter().position(|own| own == name).unwrap_or_else(|| panic!("{name}: {names:?}"));
        let result = &json["results"][place];
        (result["values"].clone(), result["statuses"].clone(), result["event_timestamps"].clone())
    }
}

impl Place {
    pub(crate) fn new() -> Self {
        Self::with(FeastLimits::default(), Auth::open())
    }

    pub(crate) fn with(limits: FeastLimits, auth: Auth) -> Self {
        let now = Arc::new(AtomicI64::new(NOON));
        let clock = now.clone();
        let rows: Vec<i64> = (0..100).collect();
        let history = RecordBatch::try_from_iter([
            ("driver_id", Arc::new(Int64Array::from(rows.clone())) as _),
            (
                "at",
                Arc::new(TimestampMicrosecondArray::from(vec![NOON - HOUR / 2; 100]).with_timezone("UTC"))
                    as _,
            ),
            ("made", Arc::new(TimestampMicrosecondArray::from(vec![NOON; 100]).with_timezone("UTC")) as _),
            (
                "rating",
                Arc::new(Float64Array::from_iter(rows.iter().map(|row| Some(*row as f64 / 2.0)))) as _,
            ),
            ("trips", Arc::new(Int64Array::from(rows)) as _),
        ])
        .unwrap();
        let sources = LocalSources::new(".").with_table("trips", vec![history]);
        let definitions = Arc::new(MemoryDefinitions::new("rides").unwrap());
        let store = FeatureStore::builder(definitions, Arc::new(MemoryStore::new()))
            .sources(Arc::new(sources))
            .clock(move || Timestamp::from_micros(clock.load(Ordering::Relaxed)))
            .build()
            .unwrap();
        let repository = Repository::from_toml(DEFINITIONS).unwrap();
        store.apply(&Changes::whole(&repository), &Change::new("ana", Timestamp::from_micros(NOON))).unwrap();
        let mut of_http = HttpLimits::default();
        of_http.body_bytes = 1 << 20;
        let service = HttpService::with_limits(Models::new(), of_http)
            .with_auth(auth)
            .with_feast(Feast::with_limits(store.clone(), limits));
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        Self { service, runtime, store, now }
    }

    /// Lets time pass.
    pub(crate) fn wait(&self, hours: i64) {
        self.now.fetch_add(hours * HOUR, Ordering::Relaxed);
    }

    pub(crate) fn ask(&self, request: Request<Full<Bytes>>) -> Answer {
        self.runtime.block_on(async {
            let (parts, body) = self.service.answer(request).await.into_parts();
            let body = body.collect().await.unwrap().to_bytes();
            Answer { status: parts.status, headers: parts.headers, body }
        })
    }

    pub(crate) fn send(&self, method: Method, path: &str, body: impl Into<Bytes>) -> Answer {
        let request = Request::builder().method(method).uri(path).header("content-type", "application/json");
        self.ask(request.body(Full::new(body.into())).unwrap())
    }

    pub(crate) fn post(&self, path: &str, body: &Value) -> Answer {
        self.send(Method::POST, path, body.to_string())
    }

    pub(crate) fn read(&self, features: &[&str], entities: &Value) -> Answer {
        self.post("/get-online-features", &json!({"features": features, "entities": entities}))
    }

    pub(crate) fn write(&self, view: &str, df: &Value) -> Answer {
        self.post("/write-to-online-store", &json!({"feature_view_name": view, "df": df}))
    }

    /// Two drivers, of whom the second has no rating.
    pub(crate) fn with_two_drivers(self) -> Self {
        let df = json!({
            "driver_id": [1001, 1002],
            "rating": [4.5, null],
            "trips": [7, 8],
            "event_timestamp": ["2024-02-29T11:45:00", "2024-02-29T11:45:00.250000"],
            "created": ["2024-02-29T11:46:00", null],
        });
        let answer = self.write("stats", &df);
        assert_eq!((answer.status, &answer.body[..]), (StatusCode::OK, &b"null"[..]), "{answer:?}");
        self
    }
}
