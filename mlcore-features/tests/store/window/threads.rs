//! Tiles that several threads update at once, on every backend.

use std::sync::Arc;

use mlcore_features::store::online::{MemoryStore, OnlineStore};
use mlcore_features::store::window::Delivery;

use super::{Event, all_functions, offline, online, plan, rides, table, windows};

const THREADS: i64 = 4;

/// Events of few drivers from `start` on, so that all threads change the same tiles.
fn events(start: i64, count: i64) -> Vec<Event> {
    let mut random = mlcore::stats::SplitMix64::new(11);
    (0..count)
        .map(|_| {
            let mut below = |most: u64| (random.next_u64() % most) as i64;
            Event {
                driver: Some(below(3)),
                event: Some(start + below(400)),
                created: None,
                fare: Some(below(1_000_000) as f64 * 0.1),
                trips: Some(below(9)),
                city: Some(format!("city {}", below(5))),
            }
        })
        .collect()
}

/// Four producers deliver at once, each batch twice, from handles of their own.
fn race(open: &(dyn Fn() -> Arc<dyn OnlineStore> + Sync), start: i64, count: i64) {
    let plan = plan(&all_functions(300, 10));
    let events = events(start, count);
    let now = start + 450;
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let (events, plan) = (&events, &plan);
            scope.spawn(move || {
                let own = windows(open(), plan);
                let share: Vec<Event> =
                    events.iter().skip(thread as usize).step_by(THREADS as usize).cloned().collect();
                let producer = format!("partition-{thread}");
                for (number, batch) in (1..).zip(share.chunks(7)) {
                    for _ in 0..2 {
                        own.update(&Delivery::new(&producer, number), &table(batch), super::at(now)).unwrap();
                    }
                }
            });
        }
    });
    let own = windows(open(), &plan);
    let questions: Vec<(Option<i64>, i64)> = (0..4).map(|driver| (Some(driver), now)).collect();
    assert_eq!(online(&own, &[0, 1, 2, 3], now), offline(rides(&events), &plan, &questions));
}

#[test]
fn threads_lose_nothing_in_memory() {
    let store: Arc<dyn OnlineStore> = Arc::new(MemoryStore::new());
    race(&|| Arc::clone(&store), 1_700_000_000_000_000, 1200);
}

#[test]
#[cfg(feature = "cache")]
fn threads_lose_nothing_behind_caches_of_their_own() {
    use mlcore_features::store::online::{CacheOptions, CachedStore};
    use std::time::Duration;

    let store: Arc<dyn OnlineStore> = Arc::new(MemoryStore::new());
    let options = CacheOptions::default().with_max_staleness(Duration::from_secs(3600));
    race(&|| Arc::new(CachedStore::new(Arc::clone(&store), options)), 1_700_000_000_000_000, 400);
}

#[test]
#[cfg(feature = "embedded")]
fn threads_lose_nothing_in_a_file() {
    use mlcore_features::store::online::{EmbeddedOptions, EmbeddedStore};

    let folder = tempfile::tempdir().unwrap();
    let store: Arc<dyn OnlineStore> =
        Arc::new(EmbeddedStore::open(folder.path().join("online.redb"), EmbeddedOptions::default()).unwrap());
    race(&|| Arc::clone(&store), 1_700_000_000_000_000, 200);
}

#[test]
#[cfg(feature = "redis")]
fn threads_lose_nothing_on_redis() {
    use mlcore::time::Timestamp;
    use mlcore_features::store::online::{RedisOptions, RedisStore};

    let Some(server) = crate::online::server::Server::start(&[]) else { return };
    // The server removes tiles by its own clock.
    let start = Timestamp::from(std::time::SystemTime::now()).as_micros();
    race(&|| Arc::new(RedisStore::open(&server.url(), RedisOptions::default()).unwrap()), start, 300);
}
