//! Reads of the online store: 1, 10 and 100 entities of ten features, from memory, from a file, and from a Redis server, there
//! beside a bare pipelined client of the same crate.

use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use mlcore::schema::{DType, Field};
use mlcore::stats::SplitMix64;
use mlcore::time::Timestamp;
use mlcore_features::store::key::EntityKey;
use mlcore_features::store::online::{
    Answer, Cell, EmbeddedOptions, EmbeddedStore, Entry, MemoryStore, OnlineStore, PreparedQuery,
    RedisOptions, RedisStore, Stamp, Table as FeatureTable, TableId, WriteBatch,
};

use crate::Result;
use crate::table::{Goal, Table};
use crate::timing::interleaved;

const ENTITIES: u64 = 100_000;
const FEATURES: usize = 10;
/// How many entities a read asks for, and the seconds that a read from memory or a file may take.
const SIZES: [(usize, f64); 3] = [(1, 2e-6), (10, 8e-6), (100, 60e-6)];
const BLOCKS: (usize, usize) = (15, 2_000);

pub(crate) fn run(folder: &Path) -> Result<()> {
    let features =
        (0..FEATURES).map(|number| Field::column(format!("feature_{number}"), DType::Float64).nullable());
    let table = FeatureTable::new(TableId::new("bench", "customers", 1)?, features)?
        .with_ttl(Duration::from_secs(86_400));
    let now = Timestamp::from(std::time::SystemTime::now());
    let memory: Arc<dyn OnlineStore> = Arc::new(MemoryStore::new());
    let file: Arc<dyn OnlineStore> =
        Arc::new(EmbeddedStore::open(folder.join("online.redb"), EmbeddedOptions::default())?);
    let server = Server::start(folder)?;
    let redis: Option<Arc<dyn OnlineStore>> = match &server {
        Some(server) => Some(Arc::new(RedisStore::open(&server.url(), RedisOptions::default())?)),
        None => None,
    };
    let mut writes = Table::new(
        format!("Online store, {ENTITIES} rows of {FEATURES} features written in batches of 1,000"),
        &["store", "a row", "", "", "", ""],
    );
    for (name, store) in [("memory", Some(&memory)), ("file", Some(&file)), ("Redis", redis.as_ref())] {
        let Some(store) = store else { continue };
        let seconds = fill(&**store, &table, now)? / ENTITIES as f64;
        writes.line([name.to_owned()].into_iter().chain(Goal::None.judge(seconds, None)));
    }
    crate::print(&writes);

    let mut reads = Table::new(
        format!(
            "Online store, a prepared query of {FEATURES} features, read into numbers; peer: a pipeline of GET"
        ),
        &["store, entities", "ours", "peer", "faster", "goal", ""],
    );
    for (count, goal) in SIZES {
        for (name, store) in [("memory", &memory), ("file", &file)] {
            let mut reader = Reader::new(store, &table, count)?;
            let [ours] = interleaved(BLOCKS, [&mut |call| reader.read(call, now)])?;
            let cells = Goal::Within(goal).judge(ours.median, None);
            reads.line([format!("{name}, {count}")].into_iter().chain(cells));
        }
        if let (Some(store), Some(server)) = (&redis, &server) {
            let mut reader = Reader::new(store, &table, count)?;
            let mut bare = Bare::new(&server.url(), count)?;
            let calls = (BLOCKS.0, BLOCKS.1 / 4);
            let [ours, peer] =
                interleaved(calls, [&mut |call| reader.read(call, now), &mut |call| bare.read(call)])?;
            let ratio = peer.beside(&ours, |peer, ours| peer / ours);
            let cells = Goal::Times(1.0 / 1.3).judge(ours.median, Some(ours.median * ratio));
            reads.line([format!("Redis, {count}")].into_iter().chain(cells));
        }
    }
    if server.is_none() {
        reads.note("No Redis: its server is not installed (Debian: redis-server).");
    }
    crate::print(&reads);
    Ok(())
}

/// Writes all entities, and answers the seconds that it took.
fn fill(store: &dyn OnlineStore, table: &FeatureTable, now: Timestamp) -> Result<f64> {
    let mut random = SplitMix64::new(5);
    let mut seconds = 0.0;
    for first in (0..ENTITIES).step_by(1000) {
        let mut rows = Vec::new();
        for of in first..first + 1000 {
            let cells: Vec<Cell<'_>> = (0..FEATURES).map(|_| Cell::from(random.normal())).collect();
            rows.push(Entry::new(key(of)?, table.pack(Stamp::new(now, now), &cells)?));
        }
        let start = Instant::now();
        store.write(table, &WriteBatch::rows(&rows))?;
        seconds += start.elapsed().as_secs_f64();
    }
    Ok(seconds)
}

fn key(of: u64) -> mlcore::Result<EntityKey> {
    EntityKey::one("customer_id", of)
}

/// The entities that call `call` asks for: others each time.
fn asked(call: usize, count: usize) -> impl Iterator<Item = u64> {
    let mut random = SplitMix64::new(call as u64);
    (0..count).map(move |_| random.next_u64() % ENTITIES)
}

/// A prepared query with the memory that it uses again.
struct Reader {
    query: PreparedQuery,
    keys: Vec<EntityKey>,
    answer: Answer,
    numbers: Vec<f64>,
}

impl Reader {
    fn new(store: &Arc<dyn OnlineStore>, table: &FeatureTable, count: usize) -> Result<Self> {
        let names: Vec<String> = table.features().names().map(str::to_owned).collect();
        let query = PreparedQuery::new(Arc::clone(store), names.iter().map(|name| (table, name.as_str())))?;
        Ok(Self { query, keys: Vec::new(), answer: Answer::default(), numbers: vec![0.0; count * FEATURES] })
    }

    fn read(&mut self, call: usize, now: Timestamp) -> Result<()> {
        let count = self.numbers.len() / FEATURES;
        self.keys.clear();
        for of in asked(call, count) {
            self.keys.push(key(of)?);
        }
        self.query.read(&self.keys, now, &mut self.answer)?;
        self.answer.write_f64(&mut self.numbers)?;
        Ok(())
    }
}

/// A bare connection that asks for the same rows and does nothing with them.
struct Bare {
    connection: redis::Connection,
    count: usize,
}

impl Bare {
    fn new(url: &str, count: usize) -> Result<Self> {
        Ok(Self { connection: redis::Client::open(url)?.get_connection()?, count })
    }

    fn read(&mut self, call: usize) -> Result<()> {
        let mut pipeline = redis::pipe();
        for of in asked(call, self.count) {
            let place = [&b"mlcore:r:bench/customers@1:"[..], key(of)?.as_bytes()].concat();
            pipeline.cmd("GET").arg(place);
        }
        let rows: Vec<Option<Vec<u8>>> = pipeline.query(&mut self.connection)?;
        if rows.iter().all(Option::is_some) { Ok(()) } else { Err("a row is missing".into()) }
    }
}

/// A Redis server of its own, which ends when it is dropped.
struct Server {
    port: u16,
    process: Child,
}

impl Server {
    /// None where Redis is not installed.
    fn start(folder: &Path) -> Result<Option<Self>> {
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let mut command = Command::new("redis-server");
        command.args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", "", "--dir"]).arg(folder);
        let Ok(process) = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn() else {
            return Ok(None);
        };
        let server = Self { port, process };
        let store = RedisStore::open(&server.url(), RedisOptions::default())?;
        let end = Instant::now() + Duration::from_secs(10);
        while let Err(error) = store.check() {
            if Instant::now() > end {
                return Err(error.into());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(Some(server))
    }

    fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/0", self.port)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // One that is gone already is as good.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
