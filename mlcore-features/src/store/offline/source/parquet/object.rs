//! Files that lie in a bucket: which objects a table has, and their bytes in pieces.

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::ops::Range;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use ::bytes::Bytes;
use ::parquet::errors::{ParquetError, Result as ParquetResult};
use ::parquet::file::reader::{ChunkReader, Length};
use mlcore::artifact::{ObjectStore, ObjectVersion};
use mlcore::{Error, Result};

use super::OPERATION;
use super::files::{FoundFile, Place, fits, is_parquet, partition};

/// An object as it was when the table was opened.
#[derive(Clone, Debug)]
pub(super) struct Object {
    store: ObjectStore,
    version: ObjectVersion,
}

/// The objects that a path below the prefix means, in the order of their paths: as of files, one, those of a folder, or those that a
/// pattern names.
pub(super) fn find(store: &ObjectStore, path: &str) -> Result<Vec<FoundFile>> {
    let pattern: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    let is_wild = |part: &&str| part.contains(['*', '?']);
    let fixed = pattern.iter().take_while(|part| !is_wild(part)).count();
    let (above, rest) = pattern.split_at(fixed);
    let above = above.join("/");
    if rest.is_empty() && is_parquet(&above) {
        let found = one(store, &above)?;
        if !found.is_empty() {
            return Ok(found);
        }
    }
    let mut found = Vec::new();
    for name in store.find_objects(&above)? {
        let below = match above.as_str() {
            "" => name.as_str(),
            above => name.strip_prefix(above).unwrap_or_default().trim_start_matches('/'),
        };
        let parts: Vec<&str> = below.split('/').collect();
        // Engines write these beside their data.
        if parts.iter().any(|part| part.is_empty() || part.starts_with(['.', '_'])) || !is_named(rest, &parts)
        {
            continue;
        }
        let folders: Vec<&str> = match rest {
            [] => parts,
            // As of files, a pattern gives rows the values of all folders that it names.
            _ => pattern.iter().take(fixed).copied().chain(parts).collect(),
        };
        let folders = folders.split_last().map_or(&[][..], |(_, folders)| folders);
        let partitions = folders.iter().filter_map(|folder| partition(folder)).collect();
        found.extend(file(store, &name, partitions)?);
    }
    if found.is_empty() && rest.is_empty() && !above.is_empty() {
        found = one(store, &above)?;
    }
    if found.is_empty() {
        return Err(Error::not_found(OPERATION, shown(store, path), "it holds no objects of Parquet")
            .remedy("name an object of Parquet, a folder of them, or a pattern such as day=*/*.parquet"));
    }
    // As of files: rows have the same order wherever a table lies.
    found.sort_by(|left, right| left.path.cmp(&right.path));
    Ok(found)
}

/// The object at a path, where there is one.
fn one(store: &ObjectStore, path: &str) -> Result<Vec<FoundFile>> {
    Ok(file(store, path, Vec::new())?.into_iter().collect())
}

fn file(
    store: &ObjectStore,
    path: &str,
    partitions: Vec<(String, Option<String>)>,
) -> Result<Option<FoundFile>> {
    let Some(version) = store.object_version(path)? else { return Ok(None) };
    let path = PathBuf::from(version.url());
    let object = Object { store: store.clone(), version };
    Ok(Some(FoundFile { path, place: Place::Object(Arc::new(object)), partitions }))
}

fn shown(store: &ObjectStore, path: &str) -> String {
    format!("{}/{}", store.url(), path.trim_matches('/'))
}

/// Whether the parts of a path are those of a pattern, or go on below a folder that is, to a file of Parquet. `**` is any number of parts.
fn is_named(pattern: &[&str], parts: &[&str]) -> bool {
    // After which parts the pattern, as far as it was read, may have ended.
    let mut ends = vec![false; parts.len() + 1];
    if let Some(first) = ends.first_mut() {
        *first = true;
    }
    for own in pattern {
        let mut next = vec![false; ends.len()];
        let mut is_open = false;
        for (place, slot) in next.iter_mut().enumerate() {
            let before = |back: usize| {
                place.checked_sub(back).and_then(|place| ends.get(place)).copied().unwrap_or(false)
            };
            *slot = if *own == "**" {
                is_open |= before(0);
                is_open
            } else {
                let part = place.checked_sub(1).and_then(|place| parts.get(place));
                before(1) && part.is_some_and(|part| fits(own.as_bytes(), part.as_bytes()))
            };
        }
        ends = next;
    }
    let (last, others) = match ends.split_last() {
        Some((last, others)) => (*last, others),
        None => return false,
    };
    let is_table = parts.last().is_some_and(|name| is_parquet(name));
    (last && !pattern.is_empty()) || (is_table && others.contains(&true))
}

impl Object {
    /// Opens it for reading what it says of itself: its end is fetched by one request.
    pub(super) fn open_end(self: &Arc<Self>) -> Result<ObjectReader> {
        let start = self.version.size().saturating_sub(END_BYTES);
        let piece = start..self.version.size();
        let end = self.store.read_range(&self.version, piece.clone())?;
        let held = BTreeMap::from([(start, (start, Bytes::from(end)))]);
        Ok(ObjectReader::new(self, vec![piece], held))
    }

    /// Opens it for reading these pieces, each of which is read from its beginning on.
    pub(super) fn open(self: &Arc<Self>, pieces: Vec<Range<u64>>) -> ObjectReader {
        ObjectReader::new(self, joined(pieces), BTreeMap::new())
    }
}

/// Small pieces beside each other as one, which one request fetches. The columns of a table are beside each other.
fn joined(mut pieces: Vec<Range<u64>>) -> Vec<Range<u64>> {
    pieces.retain(|piece| !piece.is_empty());
    pieces.sort_by_key(|piece| piece.start);
    let mut joined: Vec<Range<u64>> = Vec::with_capacity(pieces.len());
    for piece in pieces {
        match joined.last_mut() {
            Some(last)
                if piece.start.saturating_sub(last.end) <= GAP_BYTES
                    && piece.end.saturating_sub(last.start) <= AHEAD_BYTES =>
            {
                last.end = last.end.max(piece.end);
            }
            // What overlaps is wrong, and is read by itself.
            _ => joined.push(piece),
        }
    }
    joined
}

/// Reads an object by requests for ranges, some megabytes at once. A clone shares what was fetched.
#[derive(Clone, Debug)]
pub(super) struct ObjectReader {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    object: Arc<Object>,
    /// What will be read, in order.
    pieces: Vec<Range<u64>>,
    /// Of each piece, by its beginning, what was fetched last, and where that begins.
    held: Mutex<BTreeMap<u64, (u64, Bytes)>>,
    /// Why a request failed: the reader of Parquet keeps the words of an error alone.
    failure: Mutex<Option<Error>>,
}

impl ObjectReader {
    fn new(object: &Arc<Object>, pieces: Vec<Range<u64>>, held: BTreeMap<u64, (u64, Bytes)>) -> Self {
        let (held, failure) = (Mutex::new(held), Mutex::new(None));
        Self { shared: Arc::new(Shared { object: Arc::clone(object), pieces, held, failure }) }
    }

    /// The error of the request that failed, once.
    pub(super) fn failure(&self) -> Option<Error> {
        self.shared.failure.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn bytes(&self, start: u64, length: usize) -> io::Result<Bytes> {
        let Shared { object, pieces, held, failure } = &*self.shared;
        let size = object.version.size();
        let end = start.checked_add(length as u64).filter(|end| *end <= size);
        let end = end.ok_or_else(|| {
            let problem = format!("it says that it goes on to byte {}", start.saturating_add(length as u64));
            io::Error::new(io::ErrorKind::UnexpectedEof, problem)
        })?;
        let place = pieces.partition_point(|piece| piece.end <= start);
        let piece = pieces.get(place).filter(|piece| piece.start <= start);
        let (name, ahead) = piece
            .map_or((start, end), |piece| (piece.start, piece.end.min(start.saturating_add(AHEAD_BYTES))));
        let mut held = held.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((from, bytes)) = held.get(&name)
            && let Some(found) = slice(bytes, *from, start, length)
        {
            return Ok(found);
        }
        let fetched = object.store.read_range(&object.version, start..end.max(ahead).min(size));
        let bytes = match fetched {
            Ok(bytes) => Bytes::from(bytes),
            Err(error) => {
                let told = io::Error::other(error.to_string());
                *failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
                return Err(told);
            }
        };
        let found = slice(&bytes, start, start, length);
        held.insert(name, (start, bytes));
        found.ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
    }
}

/// Some of the bytes that begin at `from`.
fn slice(bytes: &Bytes, from: u64, start: u64, length: usize) -> Option<Bytes> {
    let begin = usize::try_from(start.checked_sub(from)?).ok()?;
    let end = begin.checked_add(length)?;
    (end <= bytes.len()).then(|| bytes.slice(begin..end))
}

impl Length for ObjectReader {
    fn len(&self) -> u64 {
        self.shared.object.version.size()
    }
}

impl ChunkReader for ObjectReader {
    type T = ObjectBytes;

    fn get_read(&self, start: u64) -> ParquetResult<ObjectBytes> {
        Ok(ObjectBytes { reader: self.clone(), next: start })
    }

    fn get_bytes(&self, start: u64, length: usize) -> ParquetResult<Bytes> {
        self.bytes(start, length).map_err(|cause| ParquetError::External(Box::new(cause)))
    }
}

/// Reads on from a byte.
#[derive(Debug)]
pub(super) struct ObjectBytes {
    reader: ObjectReader,
    next: u64,
}

impl Read for ObjectBytes {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let rest = usize::try_from(self.reader.len().saturating_sub(self.next)).unwrap_or(usize::MAX);
        let count = buffer.len().min(rest);
        let found = self.reader.bytes(self.next, count)?;
        if let Some(buffer) = buffer.get_mut(..count) {
            buffer.copy_from_slice(&found);
        }
        self.next = self.next.saturating_add(count as u64);
        Ok(count)
    }
}

/// The end of an object that is fetched first: what most files of some hundred columns and row groups say of themselves.
const END_BYTES: u64 = 64 << 10;
/// What is fetched at once of a piece. A request takes about as long as a megabyte, so that more gains little; each column holds so much.
const AHEAD_BYTES: u64 = 4 << 20;
/// Bytes between two pieces that are sooner fetched than asked around.
const GAP_BYTES: u64 = 64 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_matched_by_their_parts() {
        for (pattern, path, is_fit) in [
            ("", "a.parquet", true),
            ("", "day=1/a.parquet", true),
            ("", "a.csv", false),
            ("*.parquet", "a.parquet", true),
            ("*.parquet", "day=1/a.parquet", false),
            ("day=*", "day=1/a.parquet", true),
            ("day=*", "day=1/a.txt", false),
            ("day=*/*", "day=1/a.txt", true),
            ("**/*.parquet", "a.parquet", true),
            ("**/*.parquet", "x/y/a.parquet", true),
            ("x/**", "x/y/a.parquet", true),
            ("x/**", "y/a.parquet", false),
            ("day=?", "day=12/a.parquet", false),
        ] {
            let pattern: Vec<&str> = pattern.split('/').filter(|part| !part.is_empty()).collect();
            let parts: Vec<&str> = path.split('/').collect();
            assert_eq!(is_named(&pattern, &parts), is_fit, "{pattern:?} {path}");
        }
    }

    #[test]
    fn pieces_beside_each_other_are_one_unless_they_are_large() {
        let (near, whole) = (joined(vec![100..200, 4..90, 300..300]), 4..200);
        assert_eq!(near, [whole]);
        let far = GAP_BYTES + 201;
        assert_eq!(joined(vec![100..200, far..far + 5]), [100..200, far..far + 5]);
        let large = AHEAD_BYTES;
        assert_eq!(joined(vec![0..large, large..large + 1]), [0..large, large..large + 1]);
    }
}
