//! `kill -9` while the online store is filled, many times: nothing that was told is lost, no key is missing after the next run, and nothing
//! older lies on something newer.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use mlcore::batch::Value;
use mlcore::registry::Change;
use mlcore::schema::DType;
use mlcore_features::store::definition::{Entity, FeatureView, Field, Source};
use mlcore_features::store::feature_store::{
    EntityRows, FeatureQuery, FeatureStore, LocalSources, MaterialiseOptions, OnlineFeatures, Progress,
};
use mlcore_features::store::online::{Cell, OnlineStore};
use mlcore_features::store::registry::{Changes, SqliteDefinitions};

use super::{HOUR, MINUTE, at, drivers, write};

const KEYS: i64 = 400;
/// Rounds by default: enough to meet reading, writing, the note and the registry.
const ROUNDS: u64 = 20;

/// The store of a folder; on a Redis server where its address lies in the folder.
fn open(folder: &Path) -> FeatureStore {
    let now = || at(1_000_000 * HOUR);
    #[cfg(feature = "redis")]
    if let Ok(url) = std::fs::read_to_string(folder.join("redis")) {
        use mlcore_features::store::online::{RedisOptions, RedisStore};
        let definitions = SqliteDefinitions::open(folder.join("definitions.db"), "rides").unwrap();
        let options = RedisOptions::default().with_timeout(Duration::from_secs(20));
        let online: Arc<dyn OnlineStore> = Arc::new(RedisStore::open(&url, options).unwrap());
        let sources = Arc::new(LocalSources::new(folder));
        return FeatureStore::builder(Arc::new(definitions), online)
            .sources(sources)
            .clock(now)
            .build()
            .unwrap();
    }
    FeatureStore::builder_in(folder, "rides").unwrap().clock(now).build().unwrap()
}

/// Applies the view, and writes rows of ten hours: all keys in each hour, their trips the hour.
fn begin(folder: &Path) {
    let store = open(folder);
    let rows: Vec<_> = (1..=10)
        .flat_map(|hour| (0..KEYS).map(move |driver| (driver, hour * 60, hour * 60, hour * 1000 + driver)))
        .collect();
    write(&folder.join("stats/part-0.parquet"), &drivers(&rows));
    let change = Change::new("ana", at(0));
    let definitions = [
        Entity::builder("driver").join_keys(["driver_id"]).value_type(DType::Int64).build().unwrap().into(),
        Source::file("stats").timestamp_field("at").build().unwrap().into(),
        FeatureView::builder("trips", ["driver"])
            .schema([Field::new("trips", DType::Int64)])
            .source("stats")
            .build()
            .unwrap()
            .into(),
    ];
    store.apply(&Changes::of(definitions), &change).unwrap();
}

/// The child: hour after hour until it is killed, and says which hour is done.
#[test]
fn child_materialises_until_it_is_killed() {
    let Some((_, folder)) = crate::kill::told() else { return };
    let store = open(&folder);
    crate::kill::say("ready");
    let tell = |progress: &Progress| crate::kill::say(&format!("wrote {}", progress.done));
    let options = MaterialiseOptions::default().with_batch_rows(64).with_progress(&tell);
    loop {
        let done = store.definitions().materialised("trips").unwrap();
        let hour = done.watermark().map_or(0, |moment| moment.as_micros() / HOUR);
        if hour < 10 {
            store.materialise_incremental(at((hour + 1) * HOUR), &options).unwrap();
            crate::kill::say(&format!("hour {}", hour + 1));
        } else {
            // All again, from the newest hour to the oldest: what is newer stays.
            for hour in (1..=10).rev() {
                store.materialise(at(hour * HOUR - 30 * MINUTE), at(hour * HOUR), &options).unwrap();
            }
        }
    }
}

fn check(folder: &Path, said: &[String], before: i64) -> i64 {
    let store = open(folder);
    let acknowledged =
        said.iter().filter_map(|line| line.strip_prefix("hour ")?.parse().ok()).max().unwrap_or(before);
    let hour_of = |store: &FeatureStore| {
        let done = store.definitions().materialised("trips").unwrap();
        assert!(done.intervals().len() <= 1, "no gap: {:?}", done.intervals());
        done.watermark().map_or(0, |moment| moment.as_micros() / HOUR)
    };
    let hour = hour_of(&store);
    assert!(
        (acknowledged..=acknowledged + 1).contains(&hour),
        "hour {hour} after {acknowledged} was acknowledged"
    );
    let read = |store: &FeatureStore| -> Vec<i64> {
        let prepared = store.prepare(&FeatureQuery::references(["trips:trips"]).unwrap()).unwrap();
        let ids: Vec<Value<'_>> = (0..KEYS).map(Value::Int).collect();
        let mut answer = OnlineFeatures::default();
        prepared.read(&EntityRows::columns([("driver_id", &ids[..])]).unwrap(), &mut answer).unwrap();
        (0..answer.rows())
            .map(|row| match answer.cell(row, 0) {
                Cell::Value(Value::Int(trips)) => {
                    assert_eq!(trips % 1000, row as i64, "it is the row of its key");
                    trips / 1000
                }
                _ => 0,
            })
            .collect()
    };
    // What is noted as done is there, and what is there is of the hour done or of the next.
    assert!(
        read(&store).iter().all(|trips| (hour..=hour + 1).contains(trips)),
        "after hour {hour}: {:?}",
        read(&store)
    );
    // The next run leaves no gap and nothing older.
    let next = (hour + 1).min(10);
    store.materialise_incremental(at(next * HOUR), &MaterialiseOptions::default()).unwrap();
    assert_eq!(read(&store), vec![next; KEYS as usize]);
    assert_eq!(hour_of(&store), next);
    next
}

fn run(folder: &Path) {
    begin(folder);
    let rounds = std::env::var("MLCORE_KILLS").map_or(ROUNDS, |text| text.parse().unwrap());
    let mut hour = 0;
    for round in 0..rounds {
        let time = Duration::from_micros(round * 7_919 % 20_000);
        let said = crate::kill::run_and_kill(
            "feature_store::kill::child_materialises_until_it_is_killed",
            "materialise",
            folder,
            1 + round * 5 % 13,
            time,
        );
        hour = check(folder, &said, hour);
    }
    println!("{rounds} kills, hour {hour}");
}

#[test]
fn a_killed_run_leaves_no_gap_in_the_embedded_store() {
    let folder = tempfile::tempdir().unwrap();
    run(folder.path());
}

#[cfg(feature = "redis")]
#[test]
fn a_killed_run_leaves_no_gap_on_redis() {
    let Some(server) = crate::online::server::Server::start(&[]) else { return };
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("redis"), server.url()).unwrap();
    run(folder.path());
}
