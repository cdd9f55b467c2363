//! The feature store as one value, beside Feast on the same file: filling the online store from Parquet, and reading entities, from Rust and
//! from Python; and what a prepared query costs beside the query of the online store that it stands on.

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

use crate::Result;
use crate::peer::Peer;
use crate::store::write;
use crate::table::{Goal, Table};
use crate::timing::interleaved;

/// What Feast fills in reasonable time, and what shows how ours goes on.
const SIZES: [i64; 2] = [100_000, 1_000_000];
const FEATURES: usize = 10;
/// How many entities a read asks for, and the seconds that it may take from the file.
const READS: [(usize, f64); 3] = [(1, 2e-6), (10, 8e-6), (100, 60e-6)];
const NOW: Timestamp = Timestamp::from_micros(1_767_225_600_000_000);

pub(crate) fn run(folder: &Path) -> Result<()> {
    let mut fills = Table::new(
        format!(
            "Feature store: {FEATURES} features of each key from Parquet into the online store, each key"
        ),
        &["store, keys, threads", "ours", "Feast", "faster", "goal", ""],
    );
    let (mut feast, mut wheel, mut last) = (Peer::default(), Peer::default(), None);
    for keys in SIZES {
        write(&table(keys)?, &folder.join("customers.parquet"))?;
        if keys == SIZES[0] {
            let count = keys.to_string();
            let asked = |library| ["--keys", &count, "--library", library];
            feast = Peer::run("MLCORE_BENCH_FEAST_PYTHON", "feature_store.py", folder, &asked("feast"))?;
            wheel = Peer::run("MLCORE_BENCH_WHEEL_PYTHON", "feature_store.py", folder, &asked("mlcore"))?;
        }
        let peer = feast.seconds("materialise").filter(|_| keys == SIZES[0]);
        for threads in [1, 2] {
            let file = folder.join(format!("online_{keys}_{threads}.redb"));
            let file: Arc<dyn OnlineStore> = Arc::new(EmbeddedStore::open(file, EmbeddedOptions::default())?);
            for (name, online) in
                [("memory", Arc::new(MemoryStore::new()) as Arc<dyn OnlineStore>), ("file", file)]
            {
                let store = store(folder, online)?;
                let options = MaterialiseOptions::default()
                    .with_threads(NonZeroUsize::new(threads).unwrap_or(NonZeroUsize::MIN));
                let start = Instant::now();
                store.materialise(Timestamp::from_millis(0), NOW, &options)?;
                let seconds = start.elapsed().as_secs_f64() / keys as f64;
                let goal = if name == "file" && peer.is_some() { Goal::Times(100.0) } else { Goal::None };
                let peer = peer.filter(|_| name == "file");
                fills.line(
                    [format!("{name}, {keys}, {threads}")].into_iter().chain(goal.judge(seconds, peer)),
                );
                last = Some(store);
            }
        }
        if let Some(seconds) = wheel.seconds("materialise").filter(|_| peer.is_some()) {
            let cells = Goal::None.judge(seconds, peer);
            fills.line([format!("file, {keys}, 1, from Python")].into_iter().chain(cells));
        }
    }
    fills.note(format!("Feast writes into its SQLite store. {}", feast.versions));
    crate::print(&fills);
    match last {
        Some(store) => reads(&store, &feast, &wheel),
        None => Ok(()),
    }
}

/// Prepared queries beside Feast, and beside the query of the online store.
fn reads(store: &FeatureStore, feast: &Peer, wheel: &Peer) -> Result<()> {
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
        format!("Feature store: {FEATURES} features of entities, from the file"),
        &["entities, asked by", "ours", "peer", "faster", "goal", ""],
    );
    let keys = SIZES[1];
    for (count, goal) in READS {
        let of = |number: i64| number * 9_973 % keys;
        let asked: Vec<EntityKey> = (0..count as i64)
            .map(|number| EntityKey::one("customer_id", of(number)))
            .collect::<mlcore::Result<_>>()?;
        let ids: Vec<Value<'_>> = (0..count as i64).map(|number| Value::Int(of(number))).collect();
        let (mut by_keys, mut by_rows, mut bare) =
            (OnlineFeatures::default(), OnlineFeatures::default(), Answer::default());
        let rows = EntityRows::columns([("customer_id", &ids[..])])?;
        let [own, from_rows, peer] = interleaved(
            (15, 1_000),
            [
                &mut |_| Ok(prepared.read_keys(&asked, NOW, &mut by_keys)?),
                &mut |_| Ok(prepared.read_at(&rows, NOW, &mut by_rows)?),
                &mut |_| Ok(query.read(&asked, NOW, &mut bare)?),
            ],
        )?;
        let from_feast = feast.seconds(&format!("read/{count}"));
        let mut line = |what: String, goal: Goal, ours: f64, peer: Option<f64>| {
            shown.line([what].into_iter().chain(goal.judge(ours, peer)));
        };
        let ratio = peer.beside(&own, |peer, ours| peer / ours);
        line(format!("{count}, keys"), Goal::Within(goal), own.median, None);
        line(format!("{count}, keys / Feast"), Goal::Times(100.0), own.median, from_feast);
        line(format!("{count}, entity rows / Feast"), Goal::Times(100.0), from_rows.median, from_feast);
        line(
            format!("{count}, keys / the online store's query"),
            Goal::None,
            own.median,
            Some(own.median * ratio),
        );
        if let Some(seconds) = wheel.seconds(&format!("read/{count}")) {
            line(format!("{count}, from Python as a dict / Feast"), Goal::Times(25.0), seconds, from_feast);
        }
    }
    shown.note(format!(
        "Feast reads from its SQLite store, with `to_dict`. {} {}",
        feast.versions, wheel.versions
    ));
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
fn table(keys: i64) -> Result<RecordBatch> {
    let mut random = SplitMix64::new(3);
    let mut ids: Vec<i64> = (0..keys).collect();
    for place in (1..ids.len()).rev() {
        ids.swap(place, (random.next_u64() % (place as u64 + 1)) as usize);
    }
    let moments = (0..keys).map(|row| NOW.as_micros() - 1 - row).collect::<Vec<_>>();
    let mut columns: Vec<(String, ArrayRef)> = vec![
        ("customer_id".to_owned(), Arc::new(Int64Array::from(ids))),
        ("at".to_owned(), Arc::new(TimestampMicrosecondArray::from(moments).with_timezone("UTC"))),
    ];
    for number in 0..FEATURES {
        let values = (0..keys).map(|_| random.normal());
        columns.push((format!("f{number}"), Arc::new(Float64Array::from_iter_values(values))));
    }
    Ok(RecordBatch::try_from_iter(columns)?)
}
