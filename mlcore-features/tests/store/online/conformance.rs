use std::sync::Arc;

use mlcore_features::store::conformance;
use mlcore_features::store::online::MemoryStore;

#[test]
fn memory_keeps_the_contract() {
    conformance::online(|_| Arc::new(MemoryStore::new()));
}

#[test]
#[cfg(feature = "embedded")]
fn the_embedded_store_keeps_the_contract() {
    use mlcore_features::store::online::{EmbeddedOptions, EmbeddedStore};

    let folder = tempfile::tempdir().unwrap();
    conformance::online(|place| {
        Arc::new(EmbeddedStore::open(folder.path().join(place), EmbeddedOptions::default()).unwrap())
    });
}

#[test]
#[cfg(feature = "redis")]
fn redis_keeps_the_contract() {
    use mlcore_features::store::online::{RedisOptions, RedisStore};

    let Some(server) = super::server::Server::start(&[]) else { return };
    conformance::online(|place| {
        let options = RedisOptions::default().with_prefix(format!("suite-{place}"));
        Arc::new(RedisStore::open(&server.url(), options).unwrap())
    });
}

#[test]
#[cfg(feature = "cache")]
fn a_cached_store_keeps_the_contract() {
    use std::time::Duration;

    use mlcore_features::store::online::{CacheOptions, CachedStore};

    for entries in [0, 3, 100_000] {
        let options =
            CacheOptions::default().with_max_entries(entries).with_max_staleness(Duration::from_secs(3600));
        conformance::online(|_| Arc::new(CachedStore::new(Arc::new(MemoryStore::new()), options)));
    }
}
