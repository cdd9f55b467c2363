//! The feature store as one value: for training, for serving, filled, sent to, killed and checked.

mod bad_input;
mod golden;
mod historical;
#[cfg(all(feature = "sqlite", feature = "embedded", unix))]
mod kill;
mod materialise;
mod missing;
#[cfg(feature = "object-store")]
mod objects;
mod on_demand;
mod online;
#[cfg(all(feature = "postgres", feature = "toml", unix))]
mod postgres;
mod push;
mod reader;
mod skew;
mod tables;
mod windows;
mod windows_equality;
#[cfg(all(feature = "sqlite", feature = "embedded", unix))]
mod windows_kill;

use std::fs::File;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use mlcore::arrow::array::{
    ArrayRef, Float32Array, Float64Array, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray,
};
use mlcore::batch::Value;
use mlcore::registry::Change;
use mlcore::schema::DType;
use mlcore::time::Timestamp;
use mlcore_features::expression::{Expression, col};
use mlcore_features::store::definition::{
    Definition, Entity, FeatureService, FeatureView, Field, OnDemandFeatureView, Source,
};
use mlcore_features::store::feature_store::{
    EntityRows, FeatureQuery, FeatureStore, LocalSources, MaterialiseOptions,
};
use mlcore_features::store::online::{MemoryStore, OnlineStore};
use mlcore_features::store::registry::{Changes, Definitions, MemoryDefinitions};
use parquet::arrow::ArrowWriter;
use tempfile::TempDir;

pub(crate) const MINUTE: i64 = 60_000_000;
pub(crate) const HOUR: i64 = 60 * MINUTE;

/// A store of drivers and customers in a folder, with a clock that stands until it is set.
pub(crate) struct World {
    pub(crate) store: FeatureStore,
    pub(crate) folder: TempDir,
    now: Arc<AtomicI64>,
}

impl World {
    /// With these rows of drivers in one file of the folder `stats`, and now at ten hours.
    pub(crate) fn with(rows: &RecordBatch) -> Self {
        Self::of(rows, Arc::new(MemoryStore::new()))
    }

    pub(crate) fn of(rows: &RecordBatch, online: Arc<dyn OnlineStore>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        write(&folder.path().join("stats/part-0.parquet"), rows);
        let now = Arc::new(AtomicI64::new(10 * HOUR));
        let definitions: Arc<dyn Definitions> = Arc::new(MemoryDefinitions::new("rides").unwrap());
        let clock = Arc::clone(&now);
        let sources = LocalSources::new(folder.path()).with_table("spend", vec![spend()]);
        let store = FeatureStore::builder(definitions, online)
            .sources(Arc::new(sources))
            .clock(move || at(clock.load(Ordering::SeqCst)))
            .build()
            .unwrap();
        let world = Self { store, folder, now };
        world.apply(definitions_of_world());
        world
    }

    pub(crate) fn apply(&self, definitions: impl IntoIterator<Item = Definition>) {
        self.store.apply(&Changes::of(definitions), &Change::new("ana", self.store.now())).unwrap();
    }

    pub(crate) fn set(&self, micros: i64) {
        self.now.store(micros, Ordering::SeqCst);
    }

    pub(crate) fn materialise(&self, start: i64, end: i64) {
        self.store.materialise(at(start), at(end), &MaterialiseOptions::default()).unwrap();
    }

    /// The status and the value of a feature of a driver, as they print.
    pub(crate) fn driver(&self, reference: &str, driver: i64) -> String {
        let query = FeatureQuery::references([reference]).unwrap();
        let rows = EntityRows::one([("driver_id", Value::Int(driver))]);
        let answer = self.store.online_features(&query, &rows).unwrap();
        let shown = answer.cell(0, 0).value().map_or("a list".to_owned(), |value| value.to_string());
        format!("{} {shown}", answer.status(0, 0))
    }
}

pub(crate) fn at(micros: i64) -> Timestamp {
    Timestamp::from_micros(micros)
}

pub(crate) fn driver() -> Definition {
    Entity::builder("driver").join_keys(["driver_id"]).value_type(DType::Int64).build().unwrap().into()
}

pub(crate) fn stats() -> FeatureView {
    FeatureView::builder("driver_stats", ["driver"])
        .schema([
            Field::new("conv_rate", DType::Float32),
            Field::new("trips", DType::Int64),
            Field::new("city", DType::String),
        ])
        .ttl(Duration::from_secs(3 * 3600))
        .source("stats_push")
        .offline(true)
        .build()
        .unwrap()
}

pub(crate) fn definitions_of_world() -> Vec<Definition> {
    vec![
        driver(),
        Entity::builder("customer")
            .join_keys(["customer_id"])
            .value_type(DType::String)
            .build()
            .unwrap()
            .into(),
        Source::file("stats")
            .timestamp_field("at")
            .created_timestamp_column("made")
            .map_field("rate", "conv_rate")
            .build()
            .unwrap()
            .into(),
        Source::push("stats_push").batch_source("stats").build().unwrap().into(),
        Source::arrow("spend").timestamp_field("at").build().unwrap().into(),
        Source::request("vals", [Field::new("val", DType::Float64)]).build().unwrap().into(),
        stats().into(),
        FeatureView::builder("spend", ["customer"])
            .schema([Field::new("amount", DType::Float64)])
            .source("spend")
            .build()
            .unwrap()
            .into(),
        OnDemandFeatureView::builder("scores")
            .view("driver_stats")
            .request_source("vals")
            .schema([Field::new("rate_plus_val", DType::Float64), Field::new("size", DType::String)])
            .expression("rate_plus_val", col("conv_rate") + col("val"))
            .expression("size", Expression::parse("'big' if trips > 10 else 'small'").unwrap())
            .build()
            .unwrap()
            .into(),
        FeatureService::builder("ranking")
            .feature("driver_stats:trips")
            .feature("spend:amount")
            .feature("scores:rate_plus_val")
            .build()
            .unwrap()
            .into(),
    ]
}

fn spend() -> RecordBatch {
    let columns: [(&str, ArrayRef); 3] = [
        ("customer_id", Arc::new(StringArray::from(vec!["ann", "bob"]))),
        ("at", times(&[HOUR, 2 * HOUR])),
        ("amount", Arc::new(Float64Array::from(vec![1.5, 2.5]))),
    ];
    RecordBatch::try_from_iter(columns).unwrap()
}

pub(crate) fn times(micros: &[i64]) -> ArrayRef {
    Arc::new(TimestampMicrosecondArray::from(micros.to_vec()).with_timezone("UTC"))
}

/// Rows of drivers: driver, event and created time in minutes, trips. The rate is a tenth of the trips, the city by the driver.
pub(crate) fn drivers(rows: &[(i64, i64, i64, i64)]) -> RecordBatch {
    let of = |pick: fn(&(i64, i64, i64, i64)) -> i64| rows.iter().map(pick).collect::<Vec<i64>>();
    let minutes = |pick| times(&of(pick).into_iter().map(|minutes| minutes * MINUTE).collect::<Vec<_>>());
    let columns: [(&str, ArrayRef); 6] = [
        ("driver_id", Arc::new(Int64Array::from(of(|row| row.0)))),
        ("at", minutes(|row| row.1)),
        ("made", minutes(|row| row.2)),
        ("rate", Arc::new(rows.iter().map(|row| Some(row.3 as f32 / 10.0)).collect::<Float32Array>())),
        ("trips", Arc::new(Int64Array::from(of(|row| row.3)))),
        ("city", Arc::new(rows.iter().map(|row| Some(format!("city {}", row.0))).collect::<StringArray>())),
    ];
    RecordBatch::try_from_iter(columns).unwrap()
}

/// A table without one column.
pub(crate) fn without(table: &RecordBatch, name: &str) -> RecordBatch {
    let kept: Vec<usize> =
        (0..table.num_columns()).filter(|place| table.schema().field(*place).name() != name).collect();
    table.project(&kept).unwrap()
}

/// A table with a column more, or another one instead of one of its name.
pub(crate) fn with(table: &RecordBatch, name: &str, column: ArrayRef) -> RecordBatch {
    let schema = table.schema();
    let own = schema.fields().iter().zip(table.columns());
    let mut columns: Vec<(String, ArrayRef, bool)> =
        own.map(|(field, column)| (field.name().clone(), column.clone(), true)).collect();
    match columns.iter_mut().find(|(known, ..)| known == name) {
        Some(known) => known.1 = column,
        None => columns.push((name.to_owned(), column, true)),
    }
    RecordBatch::try_from_iter_with_nullable(columns).unwrap()
}

pub(crate) fn write(path: &Path, table: &RecordBatch) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    let mut writer = ArrowWriter::try_new(File::create(path).unwrap(), table.schema(), None).unwrap();
    writer.write(table).unwrap();
    writer.close().unwrap();
}
