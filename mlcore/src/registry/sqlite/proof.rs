//! Reading the tree of hashes: what the audit log says that the rows are.

use std::cell::RefCell;
use std::collections::HashMap;
use std::path::Path;

use rusqlite::{Connection, OptionalExtension};

use crate::artifact::Digest;
use crate::error::Result;
use crate::registry::{AuditEntry, AuditHead};
use crate::sql::{damaged, meaning};

/// Where the log ends, and what the rows are then.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct End {
    pub(super) sequence: u64,
    pub(super) hash: Digest,
    pub(super) root: Digest,
}

impl End {
    pub(super) const EMPTY: Self = Self { sequence: 0, hash: Digest::ZERO, root: Digest::ZERO };

    /// The end once `entry` was written, which names the root.
    pub(super) fn after(entry: &AuditEntry) -> Self {
        Self { sequence: entry.sequence, hash: entry.hash, root: entry.state.unwrap_or_default() }
    }

    pub(super) fn to_bytes(self) -> Vec<u8> {
        [&self.sequence.to_be_bytes()[..], self.hash.as_bytes(), self.root.as_bytes()].concat()
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (sequence, digests) = bytes.split_first_chunk::<8>()?;
        let [hash, root] = digests_of(digests)?;
        Some(Self { sequence: u64::from_be_bytes(*sequence), hash, root })
    }
}

/// What one connection has checked so far, so that it is not checked again.
#[derive(Debug)]
pub(super) struct Known {
    end: End,
    /// Whether the end of the file was compared with the log; what it was opened with was not.
    checked: bool,
    /// What nodes must hash to below the root of the end.
    digests: HashMap<i64, Digest>,
}

impl Known {
    /// Everything is still to be checked, and the log must go through `head`.
    pub(super) fn new(head: &AuditHead) -> Self {
        let end = End { sequence: head.sequence, hash: head.hash, root: Digest::ZERO };
        Self { end, checked: false, digests: HashMap::new() }
    }

    /// The end of the log that this connection knows.
    pub(super) fn head(&self) -> AuditHead {
        AuditHead::noted(self.end.sequence, self.end.hash)
    }

    /// The file ends so now: this connection has written it.
    pub(super) fn written(&mut self, end: End) {
        self.digests.clear();
        (self.end, self.checked) = (end, true);
    }
}

/// The tree of one snapshot of the file.
#[derive(Debug)]
pub(super) struct Proof<'a> {
    pub(super) connection: &'a Connection,
    pub(super) file: &'a Path,
    pub(super) known: &'a RefCell<Known>,
}

impl Proof<'_> {
    /// Compares the end of the file with what is known. Where that moved, the last entry must say so, and the log must still go
    /// through the end that was known.
    pub(super) fn begin(&self) -> Result<()> {
        let end = self.stored_end()?;
        let mut known = self.known.borrow_mut();
        if known.checked && known.end == end {
            return Ok(());
        }
        self.check_end(&end)?;
        if known.end.sequence > 0 && self.hash_of(known.end.sequence)? != Some(known.end.hash) {
            let problem = format!(
                "its log ends with entry {}, and entry {} is not the one that was acknowledged: the write-ahead log or \
                 the file was cut, replaced or rewritten",
                end.sequence, known.end.sequence
            );
            return Err(crate::Error::corrupt(READ, self.file.display().to_string(), problem)
                .remedy(
                    "restore the registry from a backup; where this is the backup, remove the file that ends in -head \
                     beside it",
                ));
        }
        known.written(end);
        Ok(())
    }

    /// The value that the log gives a key; `None` where it says that there is none.
    pub(super) fn value(&self, key: &Digest) -> Result<Option<Digest>> {
        self.leaf(leaf_of(key)).map(|leaf| find(&leaf, key))
    }

    /// The pairs of a leaf, as the log has them.
    pub(super) fn leaf(&self, node: i64) -> Result<Vec<u8>> {
        let due = self.due(node)?;
        self.checked(node, due)
    }

    /// The bodies of the nodes above a leaf, the root last.
    pub(super) fn above(&self, node: i64) -> Result<Vec<(i64, Vec<u8>)>> {
        let mut nodes = Vec::with_capacity(3);
        let mut node = node / WIDTH;
        while node > 0 {
            let due = self.due(node)?;
            let mut body = self.checked(node, due)?;
            body.resize(CHILDREN_BYTES, 0);
            nodes.push((node, body));
            node /= WIDTH;
        }
        Ok(nodes)
    }

    pub(super) fn end(&self) -> End {
        self.known.borrow().end
    }

    /// What a node must hash to.
    fn due(&self, node: i64) -> Result<Digest> {
        if node == ROOT {
            return Ok(self.end().root);
        }
        if let Some(due) = self.known.borrow().digests.get(&node) {
            return Ok(*due);
        }
        let parent = node / WIDTH;
        let due = self.due(parent)?;
        let body = self.checked(parent, due)?;
        let mut known = self.known.borrow_mut();
        for child in 0..WIDTH {
            known.digests.insert(parent * WIDTH + child, child_of(&body, child));
        }
        Ok(child_of(&body, node % WIDTH))
    }

    fn checked(&self, node: i64, due: Digest) -> Result<Vec<u8>> {
        let body = self.body(node)?;
        if digest_of(&body) == due { Ok(body) } else { Err(self.changed()) }
    }

    fn body(&self, node: i64) -> Result<Vec<u8>> {
        let failed = meaning(READ, self.file);
        let sql = "SELECT body FROM commitment WHERE node = ?1";
        let mut statement = self.connection.prepare_cached(sql).map_err(&failed)?;
        let body = statement.query_row((node,), |row| row.get(0)).optional().map_err(&failed)?;
        Ok(body.unwrap_or_default())
    }

    fn stored_end(&self) -> Result<End> {
        match self.body(END)? {
            body if body.is_empty() => Ok(End::EMPTY),
            body => End::from_bytes(&body).ok_or_else(|| self.changed()),
        }
    }

    /// Fails unless the log ends so, by its last entry.
    fn check_end(&self, end: &End) -> Result<()> {
        let failed = meaning(READ, self.file);
        let sql = "SELECT line, hash FROM audit ORDER BY sequence DESC LIMIT 1";
        let mut statement = self.connection.prepare_cached(sql).map_err(&failed)?;
        let last = statement
            .query_row((), |row| Ok((row.get::<_, String>(0)?, row.get::<_, [u8; 32]>(1)?)))
            .optional()
            .map_err(&failed)?;
        let fits = match last {
            None => *end == End::EMPTY,
            Some((line, hash)) => {
                let entry = AuditEntry::parse(&line, Digest::from_bytes(hash))?;
                // The entries of files of version 2 name no root; the first change gives them one.
                let root = entry.state.unwrap_or(end.root);
                *end == End { sequence: entry.sequence, hash: entry.hash, root }
            }
        };
        if fits { Ok(()) } else { Err(self.changed()) }
    }

    fn hash_of(&self, sequence: u64) -> Result<Option<Digest>> {
        let failed = meaning(READ, self.file);
        let sql = "SELECT hash FROM audit WHERE sequence = ?1";
        let mut statement = self.connection.prepare_cached(sql).map_err(&failed)?;
        let sequence = i64::try_from(sequence).unwrap_or(i64::MAX);
        let hash = statement.query_row((sequence,), |row| row.get(0)).optional().map_err(&failed)?;
        Ok(hash.map(Digest::from_bytes))
    }

    fn changed(&self) -> crate::Error {
        let problem = "its rows are not those that its audit log names".to_owned();
        damaged(READ, self.file.display().to_string(), problem)
    }
}

/// The node that holds a key.
pub(super) fn leaf_of(key: &Digest) -> i64 {
    let [first, second, ..] = *key.as_bytes();
    FIRST_LEAF + (i64::from(first) << 4 | i64::from(second) >> 4)
}

/// What stands for a node in the one above: zeros where it is not there.
pub(super) fn digest_of(body: &[u8]) -> Digest {
    if body.is_empty() { Digest::ZERO } else { Digest::of(body) }
}

fn find(leaf: &[u8], key: &Digest) -> Option<Digest> {
    let mut pairs = leaf.chunks_exact(2 * DIGEST_BYTES);
    let pair = pairs.find(|pair| pair.starts_with(key.as_bytes()))?;
    digests_of(pair).map(|[_, value]| value)
}

fn child_of(body: &[u8], child: i64) -> Digest {
    let start = usize::try_from(child).unwrap_or(0) * DIGEST_BYTES;
    let digest = body.get(start..).and_then(|rest| rest.first_chunk::<DIGEST_BYTES>());
    digest.map_or(Digest::ZERO, |digest| Digest::from_bytes(*digest))
}

fn digests_of(bytes: &[u8]) -> Option<[Digest; 2]> {
    let (first, rest) = bytes.split_first_chunk::<DIGEST_BYTES>()?;
    let second: &[u8; DIGEST_BYTES] = rest.try_into().ok()?;
    Some([Digest::from_bytes(*first), Digest::from_bytes(*second)])
}

pub(super) const DIGEST_BYTES: usize = 32;
pub(super) const WIDTH: i64 = 16;
pub(super) const CHILDREN_BYTES: usize = 16 * DIGEST_BYTES;
/// The node of the [`End`].
pub(super) const END: i64 = 0;
pub(super) const ROOT: i64 = 1;
pub(super) const FIRST_LEAF: i64 = WIDTH * WIDTH * WIDTH;
const READ: &str = "read registry";
