//! What is committed to under which key of the tree of hashes, and how the tree follows the rows.
//!
//! | key | value |
//! |---|---|
//! | `model`, its name | the digest of the row |
//! | `next model`, a name or nothing | the key of the model that follows in order: none is left out of a list |
//! | `version`, model, number | the digest of the row |
//! | `versions`, model, k | the numbers and digests of the versions from 64 k + 1 to 64 k + 64 |
//! | `alias`, model, alias | the digest of the row |
//! | `aliases`, model | the names and digests of the aliases that are set |
//! | `history`, model, alias | the digests of all moves, hashed one after the other |
//! | `request`, its id | the sequence of its entry |
//! | `audit`, a multiple of 64 | the hash of that entry, unless it is the last: the way from any entry to the root is short |

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fmt::Display;
use std::path::Path;

use rusqlite::Connection;

use super::proof::{CHILDREN_BYTES, DIGEST_BYTES, FIRST_LEAF, ROOT, WIDTH, digest_of, leaf_of};
use super::tables::SqlTables;
use super::values;
use crate::artifact::Digest;
use crate::error::{Error, Result};
use crate::name::{Alias, ModelName, Version};
use crate::registry::backend::Row;
use crate::registry::row::integer;
use crate::registry::{AliasChange, AuditEntry};
use crate::sql::meaning;

/// The key of something; names hold no control characters.
pub(super) fn key(parts: &[&dyn Display]) -> Digest {
    use std::fmt::Write as _;

    let mut text = String::with_capacity(64);
    for part in parts {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{part}");
    }
    Digest::of(text)
}

/// Versions are listed in chunks of this many numbers, and entries are committed to at multiples of it.
pub(super) const CHUNK: u64 = 64;

/// The chunk that holds a version.
pub(super) fn chunk_of(version: u64) -> u64 {
    version.saturating_sub(1) / CHUNK
}

/// The value of a list: its names and digests in order; `None` for an empty one.
pub(super) fn list_value<'a, N: AsRef<[u8]>>(rows: impl Iterator<Item = (N, &'a Digest)>) -> Option<Digest> {
    let mut bytes = Vec::new();
    for (name, digest) in rows {
        bytes.extend_from_slice(name.as_ref());
        bytes.push(b'\n');
        bytes.extend_from_slice(digest.as_bytes());
    }
    (!bytes.is_empty()).then(|| Digest::of(bytes))
}

/// The value of a history that had the value `before` and is continued by a row.
pub(super) fn history_value(before: Option<Digest>, row: &Digest) -> Digest {
    Digest::of([before.unwrap_or_default().as_bytes().as_slice(), row.as_bytes()].concat())
}

pub(super) fn request_value(sequence: u64) -> Digest {
    Digest::of(sequence.to_be_bytes())
}

/// The nodes that rows change, and the root that comes of it.
#[derive(Debug)]
pub(super) struct Update {
    pub(super) root: Digest,
    pub(super) nodes: BTreeMap<i64, Vec<u8>>,
}

/// What `rows` make of the tree; nothing is written.
pub(super) fn update(tables: &SqlTables<'_>, rows: &[Row]) -> Result<Update> {
    let mut changes =
        Changes { tables, changed: BTreeMap::new(), versions: BTreeMap::new(), aliases: BTreeMap::new() };
    for row in rows {
        match row {
            Row::Entry(entry) => changes.entry(entry),
            Row::Model(model) => {
                changes.model(&model.name, values::digest_of_row(&values::model_values(model)?)?)?;
            }
            Row::Version(version) => {
                let digest = values::digest_of_row(&values::version_values(version)?)?;
                changes.version(&version.model, version.version, Some(digest))?;
            }
            Row::NoVersion(model, version) => changes.version(model, *version, None)?,
            Row::Alias(change) => changes.alias(change)?,
        }
    }
    changes.finish()
}

struct Changes<'a, 'b> {
    tables: &'a SqlTables<'b>,
    changed: BTreeMap<Digest, Option<Digest>>,
    versions: BTreeMap<(ModelName, u64), BTreeMap<u64, Digest>>,
    aliases: BTreeMap<ModelName, BTreeMap<Alias, Digest>>,
}

impl Changes<'_, '_> {
    fn value(&self, key: &Digest) -> Result<Option<Digest>> {
        match self.changed.get(key) {
            Some(value) => Ok(*value),
            None => self.tables.committed(key),
        }
    }

    fn entry(&mut self, entry: &AuditEntry) {
        if let Some(request) = &entry.request {
            self.changed.insert(key(&[&"request", request]), Some(request_value(entry.sequence)));
        }
        let before = entry.sequence.saturating_sub(1);
        if before > 0 && before.is_multiple_of(CHUNK) {
            self.changed.insert(key(&[&"audit", &before]), Some(entry.previous));
        }
    }

    fn model(&mut self, name: &ModelName, digest: Digest) -> Result<()> {
        let own = key(&[&"model", name]);
        if self.value(&own)?.is_none() {
            let before = key(&[&"next model", &self.tables.model_before(name)?]);
            let next = self.value(&before)?;
            self.changed.insert(key(&[&"next model", name]), next);
            self.changed.insert(before, Some(own));
        }
        self.changed.insert(own, Some(digest));
        Ok(())
    }

    fn version(&mut self, model: &ModelName, version: Version, digest: Option<Digest>) -> Result<()> {
        let (number, chunk) = (version.get(), chunk_of(version.get()));
        self.changed.insert(key(&[&"version", model, &number]), digest);
        let place = (model.clone(), chunk);
        if !self.versions.contains_key(&place) {
            self.versions.insert(place.clone(), self.tables.version_digests(model, chunk)?);
        }
        set(self.versions.entry(place).or_default(), number, digest);
        Ok(())
    }

    fn alias(&mut self, change: &AliasChange) -> Result<()> {
        let (model, alias) = (&change.moved.model, &change.moved.alias);
        let digest = match values::alias_values(change)? {
            Some(values) => Some(values::digest_of_row(&values)?),
            None => None,
        };
        self.changed.insert(key(&[&"alias", model, alias]), digest);
        let history = key(&[&"history", model, alias]);
        let row = values::digest_of_row(&values::alias_change_values(change)?)?;
        let value = history_value(self.value(&history)?, &row);
        self.changed.insert(history, Some(value));
        if !self.aliases.contains_key(model) {
            self.aliases.insert(model.clone(), self.tables.alias_digests(model)?);
        }
        set(self.aliases.entry(model.clone()).or_default(), alias.clone(), digest);
        Ok(())
    }

    fn finish(mut self) -> Result<Update> {
        for ((model, chunk), digests) in &self.versions {
            let value = list_value(digests.iter().map(|(number, digest)| (number.to_be_bytes(), digest)));
            self.changed.insert(key(&[&"versions", model, chunk]), value);
        }
        for (model, digests) in &self.aliases {
            let value = list_value(digests.iter().map(|(alias, digest)| (alias.as_str(), digest)));
            self.changed.insert(key(&[&"aliases", model]), value);
        }
        let mut nodes: BTreeMap<i64, Vec<u8>> = BTreeMap::new();
        let mut leaves: BTreeMap<i64, Pairs> = BTreeMap::new();
        for (key, value) in self.changed {
            let leaf = leaf_of(&key);
            let pairs = match leaves.entry(leaf) {
                Entry::Occupied(pairs) => pairs.into_mut(),
                Entry::Vacant(place) => {
                    for (node, body) in self.tables.nodes_above(leaf)? {
                        nodes.entry(node).or_insert(body);
                    }
                    place.insert(pairs_of(&self.tables.leaf(leaf)?))
                }
            };
            set(pairs, *key.as_bytes(), value);
        }
        for (leaf, pairs) in leaves {
            nodes.insert(leaf, body_of(&pairs));
        }
        // An entry may change no row.
        let mut root = self.tables.end().root;
        // From the largest number: each node before the one above it.
        let numbers: Vec<i64> = nodes.keys().rev().copied().collect();
        for node in numbers {
            let digest = nodes.get(&node).map_or(Digest::ZERO, |body| node_digest(body));
            match nodes.get_mut(&(node / WIDTH)) {
                Some(above) if node != ROOT => write_child(above, node % WIDTH, &digest),
                _ => root = digest,
            }
        }
        Ok(Update { root, nodes })
    }
}

type Pairs = BTreeMap<[u8; DIGEST_BYTES], Digest>;

fn set<K: Ord>(map: &mut BTreeMap<K, Digest>, key: K, value: Option<Digest>) {
    match value {
        Some(value) => drop(map.insert(key, value)),
        None => drop(map.remove(&key)),
    }
}

fn pairs_of(body: &[u8]) -> Pairs {
    let pairs = body.chunks_exact(2 * DIGEST_BYTES).filter_map(|pair| {
        let (key, value) = pair.split_first_chunk::<DIGEST_BYTES>()?;
        Some((*key, Digest::from_bytes(*value.first_chunk()?)))
    });
    pairs.collect()
}

fn body_of(pairs: &Pairs) -> Vec<u8> {
    pairs.iter().flat_map(|(key, value)| [*key, *value.as_bytes()]).flatten().collect()
}

/// A node above leaves without children is one that is not there.
fn node_digest(body: &[u8]) -> Digest {
    if body.iter().all(|byte| *byte == 0) { Digest::ZERO } else { digest_of(body) }
}

fn write_child(body: &mut [u8], child: i64, digest: &Digest) {
    let start = usize::try_from(child).unwrap_or(0) * DIGEST_BYTES;
    if let Some(place) = body.get_mut(start..start + DIGEST_BYTES) {
        place.copy_from_slice(digest.as_bytes());
    }
}

/// Whether a node is left out of the table.
pub(super) fn is_absent(body: &[u8]) -> bool {
    body.iter().all(|byte| *byte == 0)
}

/// Makes the tree of all rows, in place of the one that is there, and answers its root. The memory that it takes does not grow.
pub(super) fn build(connection: &Connection, file: &Path) -> Result<Digest> {
    let failed = meaning(BUILD, file);
    let leaves = "DELETE FROM commitment;
        CREATE TEMP TABLE leaf (key BLOB PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;";
    connection.execute_batch(leaves).map_err(&failed)?;
    let builder = Builder { connection, file };
    builder.models()?;
    builder.versions()?;
    builder.aliases()?;
    builder.histories()?;
    builder.log()?;
    let root = builder.tree()?;
    connection.execute_batch("DROP TABLE temp.leaf").map_err(&failed)?;
    Ok(root)
}

struct Builder<'a> {
    connection: &'a Connection,
    file: &'a Path,
}

impl Builder<'_> {
    fn each(
        &self,
        sql: &str,
        mut visit: impl FnMut(&rusqlite::Row<'_>) -> rusqlite::Result<()>,
    ) -> Result<()> {
        let failed = meaning(BUILD, self.file);
        let mut statement = self.connection.prepare(sql).map_err(&failed)?;
        let mut rows = statement.query(()).map_err(&failed)?;
        while let Some(row) = rows.next().map_err(&failed)? {
            visit(row).map_err(&failed)?;
        }
        Ok(())
    }

    fn leaf(&self, key: &Digest, value: Option<Digest>) -> rusqlite::Result<()> {
        let Some(value) = value else { return Ok(()) };
        let mut statement = self.connection.prepare_cached("INSERT INTO temp.leaf VALUES (?1, ?2)")?;
        statement.execute((key.as_bytes(), value.as_bytes())).map(drop)
    }

    fn models(&self) -> Result<()> {
        let mut before = String::new();
        self.each("SELECT name, digest FROM model ORDER BY name", |row| {
            let (name, digest) = (row.get::<_, String>(0)?, digest_at(row, 1)?);
            let own = key(&[&"model", &name]);
            self.leaf(&key(&[&"next model", &before]), Some(own))?;
            before = name;
            self.leaf(&own, Some(digest))
        })
    }

    fn versions(&self) -> Result<()> {
        let mut place = (String::new(), 0);
        let mut digests: BTreeMap<u64, Digest> = BTreeMap::new();
        let close = |place: &(String, u64), digests: &BTreeMap<u64, Digest>| {
            let value = list_value(digests.iter().map(|(number, digest)| (number.to_be_bytes(), digest)));
            self.leaf(&key(&[&"versions", &place.0, &place.1]), value)
        };
        self.each("SELECT model, version, digest FROM version ORDER BY model, version", |row| {
            let (model, number, digest) =
                (row.get::<_, String>(0)?, row.get::<_, i64>(1)?, digest_at(row, 2)?);
            let number = u64::try_from(number).unwrap_or(0);
            self.leaf(&key(&[&"version", &model, &number]), Some(digest))?;
            let own = (model, chunk_of(number));
            if own != place {
                close(&place, &digests)?;
                digests.clear();
                place = own;
            }
            digests.insert(number, digest);
            Ok(())
        })?;
        close(&place, &digests).map_err(meaning(BUILD, self.file))
    }

    fn aliases(&self) -> Result<()> {
        let mut of = String::new();
        let mut digests: BTreeMap<String, Digest> = BTreeMap::new();
        let close = |model: &String, digests: &BTreeMap<String, Digest>| {
            let value = list_value(digests.iter().map(|(alias, digest)| (alias.as_str(), digest)));
            self.leaf(&key(&[&"aliases", model]), value)
        };
        self.each("SELECT model, alias, digest FROM alias ORDER BY model, alias", |row| {
            let (model, alias, digest) =
                (row.get::<_, String>(0)?, row.get::<_, String>(1)?, digest_at(row, 2)?);
            self.leaf(&key(&[&"alias", &model, &alias]), Some(digest))?;
            if model != of {
                close(&of, &digests)?;
                digests.clear();
                of = model;
            }
            digests.insert(alias, digest);
            Ok(())
        })?;
        close(&of, &digests).map_err(meaning(BUILD, self.file))
    }

    fn histories(&self) -> Result<()> {
        let mut open: Option<(Digest, Digest)> = None;
        self.each("SELECT model, alias, digest FROM alias_change ORDER BY model, alias, sequence", |row| {
            let (model, alias, digest) =
                (row.get::<_, String>(0)?, row.get::<_, String>(1)?, digest_at(row, 2)?);
            let own = key(&[&"history", &model, &alias]);
            open = match open {
                Some((key, value)) if key == own => Some((own, history_value(Some(value), &digest))),
                earlier => {
                    if let Some((key, value)) = earlier {
                        self.leaf(&key, Some(value))?;
                    }
                    Some((own, history_value(None, &digest)))
                }
            };
            Ok(())
        })?;
        match open {
            Some((key, value)) => self.leaf(&key, Some(value)).map_err(meaning(BUILD, self.file)),
            None => Ok(()),
        }
    }

    fn log(&self) -> Result<()> {
        self.each("SELECT id, sequence FROM request", |row| {
            let sequence = u64::try_from(row.get::<_, i64>(1)?).unwrap_or(0);
            self.leaf(&key(&[&"request", &row.get::<_, String>(0)?]), Some(request_value(sequence)))
        })?;
        let sql = format!(
            "SELECT sequence, hash FROM audit
             WHERE sequence % {CHUNK} = 0 AND sequence < (SELECT max(sequence) FROM audit)"
        );
        self.each(&sql, |row| self.leaf(&key(&[&"audit", &row.get::<_, i64>(0)?]), Some(digest_at(row, 1)?)))
    }

    /// The leaves in order, each written when its last pair was read, and the nodes above them.
    fn tree(&self) -> Result<Digest> {
        let failed = meaning(BUILD, self.file);
        let mut above: BTreeMap<i64, Vec<u8>> = BTreeMap::new();
        let (mut leaf, mut body) = (FIRST_LEAF, Vec::new());
        let mut close = |leaf: i64, body: &[u8]| {
            let parent = above.entry(leaf / WIDTH).or_insert_with(|| vec![0; CHILDREN_BYTES]);
            write_child(parent, leaf % WIDTH, &digest_of(body));
            self.node(leaf, body)
        };
        self.each("SELECT key, value FROM temp.leaf ORDER BY key", |row| {
            let (key, value) = (digest_at(row, 0)?, digest_at(row, 1)?);
            let own = leaf_of(&key);
            if own != leaf {
                close(leaf, &body)?;
                (leaf, body) = (own, Vec::new());
            }
            body.extend_from_slice(key.as_bytes());
            body.extend_from_slice(value.as_bytes());
            Ok(())
        })?;
        close(leaf, &body).map_err(&failed)?;
        let mut root = Digest::ZERO;
        while let Some((node, body)) = above.pop_last() {
            let digest = node_digest(&body);
            self.node(node, &body).map_err(&failed)?;
            if node == ROOT {
                root = digest;
            } else {
                let parent = above.entry(node / WIDTH).or_insert_with(|| vec![0; CHILDREN_BYTES]);
                write_child(parent, node % WIDTH, &digest);
            }
        }
        Ok(root)
    }

    fn node(&self, node: i64, body: &[u8]) -> rusqlite::Result<()> {
        if is_absent(body) {
            return Ok(());
        }
        let mut statement = self.connection.prepare_cached("INSERT INTO commitment VALUES (?1, ?2)")?;
        statement.execute((node, body)).map(drop)
    }
}

fn digest_at(row: &rusqlite::Row<'_>, column: usize) -> rusqlite::Result<Digest> {
    row.get(column).map(Digest::from_bytes)
}

/// Fails for a value that this code has made itself; nothing of a user leads here.
pub(super) fn unmade() -> Error {
    Error::internal(BUILD, "", "a row has no digest")
}

/// The numbers of the versions of a chunk, the first and the last, as SQLite counts.
pub(super) fn numbers_of(chunk: u64) -> (i64, i64) {
    (integer(chunk * CHUNK + 1), integer(chunk * CHUNK + CHUNK))
}

const BUILD: &str = "commit to registry";
