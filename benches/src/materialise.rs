//! The feature store as one value: filling the online store from a file of Parquet, and what a prepared query costs beside the query of the
//! online store that it stands on.

use std::fs::File;
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use mlcore::arrow::array::{ArrayRef, Float64Array, Int64Array, RecordBatch, TimestampMicrosecondArray};
use mlcore::batch::Value;
use mlcore::registry::Change;
use mlcore::schema::DType;
use mlcore::stats::SplitMix64;
use mlcore::time::Timestamp;
use mlcore_features::store::definition::{Entity, FeatureView, Field, Source};
use mlcore_features::store::feature_store::{
    EntityRows, FeatureQuery, FeatureStore, LocalSources, MaterialiseOptions, OnlineFeatures,
};
use mlcore_features::store::key::EntityKey;
use mlcore_features::store::online::{
    Answer, EmbeddedOptions, EmbeddedStore, MemoryStore, OnlineStore, PreparedQuery, Table as FeatureTable,
    TableId,
};
use mlcore_features::store::registry::{Changes, MemoryDefinitions};
use parquet::arrow::ArrowWriter;

use crate::Result;
use crate::table::{Goal, Table};
use crate::timing::interleaved;

const KEYS: i64 = 1_000_000;
const FEATURES: usize = 10;
/// A hundred times the 4,700 keys per second of Feast's stock SQLite store.
const GOAL_KEYS_PER_SECOND: f64 = 470_000.0;
const NOW: Timestamp = Timestamp::from_micros(1_767_225_600_000_000);

pub(crate) fn run(folder: &Path) -> Result<()> {
    write(&folder.join("customers.parquet"))?;
    let mut fills = Table::new(
        format!("Feature store, {KEYS} keys of {FEATURES} features from Parquet into the online store, each"),
        &["store, threads", "a key", "", "", "goal", ""],
    );
    let mut last = None;
    for threads in [1, 2] {
        let path = folder.join(format!("online_{threads}.redb"));
        let file: Arc<dyn OnlineStore> = Arc::new(EmbeddedStore::open(path, EmbeddedOptions::default())?);
        for (name, online) in
            [("memory", Arc::new(MemoryStore::new()) as Arc<dyn OnlineStore>), ("file", file)]
        {
            let store = store(folder, online)?;
            let options = MaterialiseOptions::default()
                .with_threads(NonZeroUsize::new(threads).unwrap_or(NonZeroUsize::MIN));
            let start = Instant::now();
            store.materialise(Timestamp::from_millis(0), NOW, &options)?;
            let seconds = start.elapsed().as_secs_f64() / KEYS as f64;
            let goal = if name == "file" { Goal::Within(1.0 / GOAL_KEYS_PER_SECOND) } else { Goal::None };
            fills.line([format!("{name}, {threads}")].into_iter().chain(goal.judge(seconds, None)));
            last = Some(store);
        }
    }
    crate::print(&fills);
    match last {
        Some(store) => reads(&store),
        None => Ok(()),
    }
}

/// A prepared query beside the query of the online store.
fn reads(store: &FeatureStore) -> Result<()> {
    let names: Vec<String> = (0..FEATURES).map(|number| format!("customers:f{number}")).collect();
    let prepared = store.prepare(&FeatureQuery::references(names.iter().map(String::as_str))?)?;
    let features = (0..FEATURES)
        .map(|number| mlcore::schema::Field::column(format!("f{number}"), DType::Float64).nullable());
    let table = FeatureTable::new(TableId::new("bench", "customers", 0)?, features)?;
    let columns: Vec<String> = (0..FEATURES).map(|number| format!("f{number}")).collect();
    let query = PreparedQuery::new(
        Arc::clone(store.online_store()),
        columns.iter().map(|name| (&table, name.as_str())),
    )?;
    let mut shown = Table::new(
        "Feature store, a prepared query from the file; peer: the query of the online store with keys that are there",
        &["entities, asked by", "ours", "peer", "faster", "goal", ""],
    );
    for count in [1_usize, 10, 100] {
        let keys: Vec<EntityKey> = (0..count as i64)
            .map(|of| EntityKey::one("customer_id", of * 9_973 % KEYS))
            .collect::<mlcore::Result<_>>()?;
        let ids: Vec<Value<'_>> = (0..count as i64).map(|of| Value::Int(of * 9_973 % KEYS)).collect();
        let (mut by_keys, mut by_rows, mut bare) =
            (OnlineFeatures::default(), OnlineFeatures::default(), Answer::default());
        let rows = EntityRows::columns([("customer_id", &ids[..])])?;
        let [own, from_rows, peer] = interleaved(
            (15, 1_000),
            [
                &mut |_| Ok(prepared.read_keys(&keys, NOW, &mut by_keys)?),
                &mut |_| Ok(prepared.read_at(&rows, NOW, &mut by_rows)?),
                &mut |_| Ok(query.read(&keys, NOW, &mut bare)?),
            ],
        )?;
        for (name, ours, goal) in
            [("keys", own, Goal::Times(1.0 / 1.1)), ("entity rows", from_rows, Goal::None)]
        {
            let ratio = peer.beside(&ours, |peer, ours| peer / ours);
            shown.line(
                [format!("{count}, {name}")]
                    .into_iter()
                    .chain(goal.judge(ours.median, Some(ours.median * ratio))),
            );
        }
    }
    crate::print(&shown);
    Ok(())
}

/// A store whose view reads the file.
fn store(folder: &Path, online: Arc<dyn OnlineStore>) -> Result<FeatureStore> {
    let definitions = Arc::new(MemoryDefinitions::new("bench")?);
    let store = FeatureStore::builder(definitions, online)
        .sources(Arc::new(LocalSources::new(folder)))
        .clock(|| NOW)
        .build()?;
    let fields = (0..FEATURES).map(|number| Field::new(format!("f{number}"), DType::Float64));
    let definitions = [
        Entity::builder("customer").join_keys(["customer_id"]).value_type(DType::Int64).build()?.into(),
        Source::file("customers.parquet").timestamp_field("at").build()?.into(),
        FeatureView::builder("customers", ["customer"])
            .schema(fields)
            .source("customers.parquet")
            .build()?
            .into(),
    ];
    store.apply(&Changes::of(definitions), &Change::new("bench", NOW))?;
    Ok(store)
}

/// A row for each key, in no order.
fn write(path: &Path) -> Result<()> {
    let mut random = SplitMix64::new(3);
    let mut ids: Vec<i64> = (0..KEYS).collect();
    for place in (1..ids.len()).rev() {
        ids.swap(place, (random.next_u64() % (place as u64 + 1)) as usize);
    }
    let moments = (0..KEYS).map(|row| NOW.as_micros() - row).collect::<Vec<_>>();
    let mut columns: Vec<(String, ArrayRef)> = vec![
        ("customer_id".to_owned(), Arc::new(Int64Array::from(ids))),
        ("at".to_owned(), Arc::new(TimestampMicrosecondArray::from(moments).with_timezone("UTC"))),
    ];
    for number in 0..FEATURES {
        let values = (0..KEYS).map(|_| random.normal());
        columns.push((format!("f{number}"), Arc::new(Float64Array::from_iter_values(values))));
    }
    let table = RecordBatch::try_from_iter(columns)?;
    let mut writer = ArrowWriter::try_new(File::create(path)?, table.schema(), None)?;
    writer.write(&table)?;
    writer.close()?;
    Ok(())
}
