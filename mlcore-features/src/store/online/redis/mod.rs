//! The store on a Redis server.

mod error;
mod options;
mod pool;
mod script;
#[cfg(feature = "redis-tls")]
mod tls;

use std::time::Duration;

use mlcore::interrupt;
use mlcore::time::Timestamp;
use mlcore::{Error, Result};
use redis::{Connection, RedisResult, cmd};

pub use self::options::RedisOptions;
use self::pool::Pool;
use super::batch::{check_limit, check_rows};
use super::stamp::ordered;
use super::{
    Capabilities, Entry, Note, OnlineStore, Stamp, Swap, Table, TableId, Visit, VisitSeries, WriteBatch,
    Written,
};
use crate::store::key::EntityKey;

/// An online store on a Redis server of version 6.2 or later, for many machines.
///
/// A read and a write are one round trip each, whatever they hold. "Newer wins" is decided by the server in one step, so that
/// any number of writers may run. Rows of tables with a time to live go away by themselves some time after they have expired
/// ([`RedisOptions::with_expiry_slack`]). What outlives a crash of the server is what its own persistence keeps (`appendonly`).
///
/// Nothing is connected before the first call. A connection that breaks is made again by itself; a server that does not answer is
/// an error after the time-out. Clones share connections.
///
/// ```no_run
/// use mlcore_features::store::online::{OnlineStore, RedisOptions, RedisStore};
///
/// let store = RedisStore::open("redis://127.0.0.1:6379/0", RedisOptions::default())?;
/// store.check()?;
/// # Ok::<(), mlcore::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct RedisStore {
    pool: std::sync::Arc<Pool>,
    prefix: String,
    expiry_slack: Duration,
}

impl RedisStore {
    /// The store on the server of this URL, `redis://user:password@host:port/database` or `unix:///path`; with the feature `redis-tls`
    /// also `rediss://`, after which `sslrootcert`, `sslcert` and `sslkey` may name PEM files, as
    /// `rediss://host:6380/0?sslrootcert=/etc/redis/ca.pem`. The server's certificate and its name are always verified.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] for a URL that is none, a prefix with other characters, a time-out of zero, and files that hold no
    /// certificate or key; those of reading them. The server is not asked:
    /// [`check`](OnlineStore::check) does that.
    pub fn open(url: &str, options: RedisOptions) -> Result<Self> {
        let refused = |what: &str, problem: &str| {
            Err(Error::invalid_input("open online store", what.to_owned(), problem.to_owned())
                .remedy("choose another value of the option"))
        };
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
        if options.prefix.is_empty() || !options.prefix.bytes().all(is_plain) {
            return refused(
                "prefix",
                "it is empty, or has a character other than letters, digits, _, - and .",
            );
        }
        if options.timeout.is_zero() {
            return refused("timeout", "no server answers in no time");
        }
        #[cfg(feature = "redis-tls")]
        let (url, options) = &tls::parameters(url, options)?;
        #[cfg(feature = "redis-tls")]
        let options = options.clone();
        let (prefix, expiry_slack) = (options.prefix.clone(), options.expiry_slack);
        Ok(Self { pool: std::sync::Arc::new(Pool::new(url, options)?), prefix, expiry_slack })
    }

    fn tables_key(&self) -> String {
        format!("{}:tables", self.prefix)
    }

    fn notes_key(&self, table: &TableId) -> String {
        format!("{}:n:{table}", self.prefix)
    }

    fn keys(&self, kind: char, table: &TableId) -> Keys {
        let bytes = format!("{}:{kind}:{table}:", self.prefix).into_bytes();
        Keys { prefix: bytes.len(), bytes }
    }

    /// When the server deletes a row of this event, in seconds since 1970; nothing for never.
    fn expiry(&self, table: &Table, entry: &Entry) -> String {
        let Some(ttl) = table.ttl() else { return String::new() };
        let micros = i128::from(entry.row().stamp().event_micros())
            + i128::try_from(ttl.as_micros()).unwrap_or(i128::MAX / 4)
            + i128::try_from(self.expiry_slack.as_micros()).unwrap_or(i128::MAX / 4);
        let seconds = micros.div_euclid(1_000_000) + 1;
        // The server refuses zero and less, and what its milliseconds do not hold, which is as good as never.
        if seconds > FOREVER { String::new() } else { seconds.max(1).to_string() }
    }

    fn ask<T>(
        &self,
        operation: &'static str,
        question: impl FnMut(&mut Connection) -> RedisResult<T>,
    ) -> Result<T> {
        self.pool.ask(operation, question)
    }

    /// Runs a script over rows, some hundred at a time, all in one round trip; answers how many it stored.
    fn run<'e>(
        &self,
        operation: &'static str,
        entries: &'e [Entry],
        call: impl Fn(&'e [Entry]) -> redis::Cmd,
    ) -> Result<Written> {
        let mut pipeline = redis::pipe();
        let mut rest = entries;
        loop {
            let (now, later) = rest.split_at(chunk(rest));
            pipeline.add_command(call(now));
            rest = later;
            if rest.is_empty() {
                break;
            }
        }
        let stored: Vec<u64> = self.ask(operation, |connection| pipeline.query(connection))?;
        let (stored, all) = (stored.iter().sum::<u64>(), entries.len() as u64);
        if stored > all {
            return Err(self.odd(operation));
        }
        Ok(Written::new(stored, all - stored))
    }

    fn write_call(&self, table: &Table, entries: &[Entry], notes: &[Note<'_>]) -> redis::Cmd {
        let mut names = self.keys('r', table.id());
        let mut call = cmd("EVAL");
        call.arg(script::WRITE).arg(entries.len() + 2).arg(self.tables_key()).arg(self.notes_key(table.id()));
        for entry in entries {
            call.arg(names.of(entry.key()));
        }
        call.arg(table.id().to_string()).arg(notes.len());
        for note in notes {
            call.arg(note.name()).arg(note.value());
        }
        for entry in entries {
            call.arg(entry.row().as_bytes()).arg(self.expiry(table, entry));
        }
        call
    }

    #[cold]
    fn odd(&self, operation: &'static str) -> Error {
        Error::corrupt(
            operation,
            self.pool.server(),
            "the server's answer has another form than was asked for",
        )
        .remedy("make sure that it is a Redis server of version 6.2 or later")
    }

    /// Goes over all keys of these kinds of a table.
    fn scan(
        &self,
        operation: &'static str,
        table: &TableId,
        kinds: &[char],
        mut step: impl FnMut(char, &[Vec<u8>]) -> Result<()>,
    ) -> Result<()> {
        for kind in kinds {
            let mut pattern = self.keys(*kind, table).bytes;
            pattern.push(b'*');
            let mut cursor = 0_u64;
            loop {
                interrupt::check(operation)?;
                let (next, keys): (u64, Vec<Vec<u8>>) = self.ask(operation, |connection| {
                    cmd("SCAN")
                        .arg(cursor)
                        .arg("MATCH")
                        .arg(&pattern)
                        .arg("COUNT")
                        .arg(CHUNK_ROWS)
                        .query(connection)
                })?;
                if !keys.is_empty() {
                    step(*kind, &keys)?;
                }
                cursor = next;
                if cursor == 0 {
                    break;
                }
            }
        }
        Ok(())
    }
}

/// The keys of one kind of a table, in memory that is used again.
struct Keys {
    bytes: Vec<u8>,
    prefix: usize,
}

impl Keys {
    fn of(&mut self, key: &EntityKey) -> &[u8] {
        self.bytes.truncate(self.prefix);
        self.bytes.extend_from_slice(key.as_bytes());
        &self.bytes
    }
}

/// The rows that one script takes: others wait for it, some hundred microseconds.
const CHUNK_ROWS: usize = 500;
const CHUNK_BYTES: usize = 1 << 20;
/// About the year 30,000.
const FOREVER: i128 = 900_000_000_000;

fn chunk(entries: &[Entry]) -> usize {
    let mut bytes = 0;
    let fits = |entry: &&Entry| {
        bytes += entry.row().as_bytes().len() + entry.key().as_bytes().len();
        bytes <= CHUNK_BYTES
    };
    let count = entries.iter().take(CHUNK_ROWS).take_while(fits).count();
    // A row that is larger by itself goes alone.
    count.max(1).min(entries.len())
}

impl OnlineStore for RedisStore {
    fn capabilities(&self) -> Capabilities {
        Capabilities::new().with_expiry().with_remote()
    }

    fn read(&self, table: &TableId, keys: &[EntityKey], visit: &mut Visit<'_>) -> Result<()> {
        const READ: &str = "read online features";
        if keys.is_empty() {
            return Ok(());
        }
        let mut names = self.keys('r', table);
        let mut question = cmd("MGET");
        for key in keys {
            question.arg(names.of(key));
        }
        let rows: Vec<redis::Value> = self.ask(READ, |connection| question.query(connection))?;
        if rows.len() != keys.len() {
            return Err(self.odd(READ));
        }
        for (place, row) in rows.iter().enumerate() {
            match row {
                redis::Value::Nil => visit(place, None)?,
                redis::Value::BulkString(bytes) => visit(place, Some(bytes))?,
                _ => return Err(self.odd(READ)),
            }
        }
        Ok(())
    }

    fn write(&self, table: &Table, batch: &WriteBatch<'_>) -> Result<Written> {
        const WRITE: &str = "write online features";
        check_rows(table, batch.entries())?;
        let entries = batch.entries();
        // One call is one step of the server, rows and notes. Of several, one may fail and the next may not.
        let fits = chunk(entries) == entries.len();
        let (with, after): (&[_], &[_]) = if fits { (batch.notes(), &[]) } else { (&[], batch.notes()) };
        let written = self.run(WRITE, entries, |entries| self.write_call(table, entries, with))?;
        if !after.is_empty() {
            self.run(WRITE, &[], |entries| self.write_call(table, entries, after))?;
        }
        Ok(written)
    }

    fn swap(&self, table: &Table, swaps: &[Swap]) -> Result<bool> {
        check_rows(table, swaps.iter().map(Swap::entry))?;
        let mut names = self.keys('r', table.id());
        let mut call = cmd("EVAL");
        call.arg(script::SWAP).arg(swaps.len() + 1).arg(self.tables_key());
        for swap in swaps {
            call.arg(names.of(swap.entry().key()));
        }
        call.arg(table.id().to_string());
        for swap in swaps {
            let expected = swap.expected().map(Stamp::to_bytes);
            call.arg(expected.as_ref().map_or(&[][..], |stamp| stamp.as_slice()));
            call.arg(swap.entry().row().as_bytes()).arg(self.expiry(table, swap.entry()));
        }
        let swapped: u64 = self.ask("swap online features", |connection| call.query(connection))?;
        Ok(swapped == 1)
    }

    fn delete(&self, table: &TableId, keys: &[EntityKey]) -> Result<u64> {
        if keys.is_empty() {
            return Ok(0);
        }
        let (mut rows, mut series) = (self.keys('r', table), self.keys('s', table));
        let mut pipeline = redis::pipe();
        for key in keys {
            pipeline.cmd("DEL").arg(rows.of(key)).arg(series.of(key));
        }
        let deleted: Vec<u64> =
            self.ask("delete online features", |connection| pipeline.query(connection))?;
        Ok(deleted.iter().filter(|count| **count > 0).count() as u64)
    }

    fn evict(&self, table: &TableId, before: Timestamp) -> Result<u64> {
        const EVICT: &str = "evict online features";
        let before = ordered(before.as_micros());
        let mut evicted = 0;
        self.scan(EVICT, table, &['r', 's'], |kind, keys| {
            let mut call = cmd("EVAL");
            call.arg(script::EVICT).arg(keys.len());
            for key in keys {
                call.arg(key);
            }
            for _ in keys {
                call.arg(u8::from(kind == 's'));
            }
            call.arg(before.as_slice());
            evicted += self.ask(EVICT, |connection| call.query::<u64>(connection))?;
            Ok(())
        })?;
        Ok(evicted)
    }

    fn append(&self, table: &Table, rows: &[Entry], limit: usize) -> Result<Written> {
        check_rows(table, rows)?;
        check_limit(table, limit)?;
        let limit = limit.min(i32::MAX as usize);
        self.run("append online features", rows, |entries| {
            let mut names = self.keys('s', table.id());
            let mut call = cmd("EVAL");
            call.arg(script::APPEND).arg(entries.len() + 1).arg(self.tables_key());
            for entry in entries {
                call.arg(names.of(entry.key()));
            }
            call.arg(table.id().to_string()).arg(limit);
            for entry in entries {
                let event = ordered(entry.row().stamp().event_micros());
                call.arg([event.as_slice(), entry.row().as_bytes()].concat()).arg(self.expiry(table, entry));
            }
            call
        })
    }

    fn read_series(&self, table: &TableId, keys: &[EntityKey], visit: &mut VisitSeries<'_>) -> Result<()> {
        const READ: &str = "read online series";
        if keys.is_empty() {
            return Ok(());
        }
        let mut names = self.keys('s', table);
        let mut pipeline = redis::pipe();
        for key in keys {
            pipeline.cmd("ZRANGE").arg(names.of(key)).arg(0).arg(-1);
        }
        let series: Vec<Vec<Vec<u8>>> = self.ask(READ, |connection| pipeline.query(connection))?;
        if series.len() != keys.len() {
            return Err(self.odd(READ));
        }
        for (place, members) in series.iter().enumerate() {
            for member in members {
                visit(place, member.get(8..).unwrap_or_default())?;
            }
        }
        Ok(())
    }

    fn note(&self, table: &TableId, name: &str) -> Result<Option<Vec<u8>>> {
        self.ask("read note", |connection| cmd("HGET").arg(self.notes_key(table)).arg(name).query(connection))
    }

    fn tables(&self) -> Result<Vec<TableId>> {
        const LIST: &str = "list tables";
        let names: Vec<Vec<u8>> =
            self.ask(LIST, |connection| cmd("SMEMBERS").arg(self.tables_key()).query(connection))?;
        let read = |name: &Vec<u8>| std::str::from_utf8(name).ok().and_then(|name| name.parse().ok());
        let mut tables = names.iter().map(read).collect::<Option<Vec<TableId>>>().ok_or_else(|| {
            Error::corrupt(LIST, self.tables_key(), "the set names a table that is none")
                .remedy("remove the member that something else wrote")
        })?;
        tables.sort_unstable();
        Ok(tables)
    }

    fn drop_table(&self, table: &TableId) -> Result<bool> {
        const DROP: &str = "drop table";
        // The notes first: what is left, should this end half way, is never taken for complete.
        self.ask(DROP, |connection| cmd("UNLINK").arg(self.notes_key(table)).query::<u64>(connection))?;
        self.scan(DROP, table, &['r', 's'], |_, keys| {
            let mut call = cmd("UNLINK");
            for key in keys {
                call.arg(key);
            }
            self.ask(DROP, |connection| call.query::<u64>(connection)).map(|_| ())
        })?;
        let removed: u64 = self.ask(DROP, |connection| {
            cmd("SREM").arg(self.tables_key()).arg(table.to_string()).query(connection)
        })?;
        Ok(removed > 0)
    }

    fn check(&self) -> Result<()> {
        self.ask("check online store", |connection| cmd("PING").query::<String>(connection)).map(|_| ())
    }
}
