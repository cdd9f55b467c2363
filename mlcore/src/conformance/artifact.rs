use std::io::{self, Read};

use super::persistence::{Persistence, Place, Places};
use crate::artifact::{ArtifactStore, ArtifactStoreExt, Digest};
use crate::error::Error;

/// Holds a store to the contract of [`ArtifactStore`], as its documentation states it. `open` opens the store of a place:
/// new and empty at the place's first opening, and afterwards what `persistence` says.
///
/// Proved: content comes back byte by byte, of every size and in reads of every size, under the SHA-256 of its bytes;
/// what fails while it is put leaves nothing; equal content is stored once; listing, deleting; threads that put the same
/// and different content at once; that what was acknowledged is there when it is opened again. Errors are compared by
/// their kind. The suite ends, whatever a store answers.
///
/// ```
/// use mlcore::artifact::MemoryStore;
/// use mlcore::conformance::{self, Persistence};
///
/// conformance::artifact_store(Persistence::Ephemeral, |_| Box::new(MemoryStore::new()));
/// ```
///
/// # Panics
/// When a promise is broken.
pub fn artifact_store(persistence: Persistence, open: impl Fn(usize) -> Box<dyn ArtifactStore>) {
    let places = Places::new(persistence, &open);
    content_comes_back(places.fresh());
    failures_leave_nothing(places.fresh());
    listing_is_ordered(places.fresh());
    deleting_is_final(places.fresh());
    threads_share_it(places.fresh());
}

/// The digests that a store lists, and what it gives for each, a line for each.
fn told<S: ArtifactStore + ?Sized>(store: &S) -> Vec<String> {
    let tell = |digest: Digest| {
        let (size, content) = (store.size(&digest).unwrap(), Digest::of(store.read(&digest).unwrap()));
        format!("{digest}: {size:?} bytes, {content}")
    };
    store.list(None, usize::MAX).unwrap().into_iter().map(tell).collect()
}

fn content_comes_back(mut store: Place<'_, dyn ArtifactStore>) {
    for size in SIZES {
        let bytes = content(size, 1);
        let digest = store.put_bytes(&bytes).unwrap();
        assert_eq!(digest, Digest::of(&bytes));
        assert_eq!(
            store.put(&mut Trickle { left: &bytes, interrupted: false }).unwrap(),
            digest,
            "equal content has one digest"
        );
        assert_eq!(store.size(&digest).unwrap(), Some(size as u64), "its size");
        assert!(store.contains(&digest).unwrap());
        assert!(read(&*store, &digest, size) == bytes, "what was put comes back: {size} bytes");
        let mut reader = store.open(&digest).unwrap();
        let (mut pieces, mut piece) = (Vec::new(), [0; 97]);
        loop {
            match reader.read(&mut piece).unwrap() {
                0 => break,
                count => pieces.extend_from_slice(&piece[..count]),
            }
        }
        assert!(pieces == bytes, "what was put comes back, in small pieces");
    }
    let unknown = Digest::of("never put");
    assert_eq!(store.open(&unknown).unwrap_err().kind(), "not_found");
    assert_eq!(store.read(&unknown).unwrap_err().kind(), "not_found");
    assert_eq!((store.size(&unknown).unwrap(), store.contains(&unknown).unwrap()), (None, false));
    assert_eq!(told(&*store).len(), SIZES.len(), "equal content is stored once");
    store.is_kept(told);
}

/// Around the block of SHA-256, and above any buffer.
const SIZES: [usize; 7] = [0, 1, 63, 64, 65, 4096, 300_000];

fn failures_leave_nothing(mut store: Place<'_, dyn ArtifactStore>) {
    let bytes = content(100_000, 2);
    let broken = Error::timeout("download", "model", "the other side went away");
    let mut failing = bytes.as_slice().chain(Failing(Some(broken)));
    let error = store.put(&mut failing).unwrap_err();
    assert_eq!(error.kind(), "timeout", "the reader's own error comes through: {error}");
    assert!(!store.contains(&Digest::of(&bytes)).unwrap(), "what failed left something");
    assert!(store.list(None, 10).unwrap().is_empty(), "what failed left something");
    store.is_kept(told);
}

fn listing_is_ordered(mut store: Place<'_, dyn ArtifactStore>) {
    assert!(store.list(None, 10).unwrap().is_empty(), "a new store is empty");
    let mut digests: Vec<_> = (0..20).map(|seed| store.put_bytes(&content(10, seed)).unwrap()).collect();
    digests.sort_unstable();
    assert_eq!(store.list(None, 100).unwrap(), digests, "equal content is stored once, in ascending order");
    assert_eq!(store.list(None, 7).unwrap(), digests[..7], "a page holds at most its limit");
    assert!(store.list(None, 0).unwrap().is_empty(), "a page holds at most its limit");
    assert_eq!(store.list(Some(&digests[6]), 7).unwrap(), digests[7..14], "the page after a digest");
    assert!(store.list(digests.last(), 7).unwrap().is_empty(), "the page after the last digest");
    assert!(store.delete(&digests[6]).unwrap());
    let next = store.list(Some(&digests[6]), 7).unwrap();
    assert_eq!(next, digests[7..14], "the page after a digest that is not there");
    store.is_kept(told);
}

fn deleting_is_final(mut store: Place<'_, dyn ArtifactStore>) {
    let [kept, gone] = [1, 2].map(|seed| store.put_bytes(&content(10, seed)).unwrap());
    assert!(store.delete(&gone).unwrap(), "there was something to delete");
    assert!(!store.contains(&gone).unwrap(), "what is deleted is gone");
    assert!(!store.delete(&gone).unwrap(), "there is nothing more to delete");
    assert!(store.open(&gone).is_err_and(|error| error.kind() == "not_found"), "what is deleted is gone");
    let left = (store.size(&gone).unwrap(), store.list(None, 9).unwrap());
    assert_eq!(left, (None, vec![kept]), "what is deleted is gone");
    store.is_kept(told);
    store.put_bytes(&content(10, 2)).unwrap();
    assert_eq!(read(&*store, &gone, 10), content(10, 2), "what was deleted may come back");
}

fn threads_share_it(mut place: Place<'_, dyn ArtifactStore>) {
    let store: &dyn ArtifactStore = &*place;
    std::thread::scope(|scope| {
        for thread in 0..4 {
            scope.spawn(move || {
                for round in 0..10 {
                    let (own, shared) = (content(5000, 100 + thread * 10 + round), content(5000, 50 + round));
                    let digests = [store.put_bytes(&own).unwrap(), store.put_bytes(&shared).unwrap()];
                    assert_eq!(read(store, &digests[0], own.len()), own);
                    assert_eq!(read(store, &digests[1], shared.len()), shared);
                }
            });
        }
    });
    assert_eq!(store.list(None, 1000).unwrap().len(), 50);
    place.is_kept(told);
}

/// The content, which must have `size` bytes: a reader that says so ends there, whatever the store gives.
#[track_caller]
fn read(store: &dyn ArtifactStore, digest: &Digest, size: usize) -> Vec<u8> {
    let mut reader = store.open(digest).unwrap();
    assert_eq!(reader.size(), size as u64, "the size that its reader says");
    let mut bytes = Vec::new();
    reader.read_to_end(&mut bytes).unwrap();
    bytes
}

/// Bytes without a pattern that a wrong chunk could repeat.
fn content(size: usize, seed: usize) -> Vec<u8> {
    (0..size).map(|place| (place.wrapping_mul(31) ^ (place >> 8) ^ seed.wrapping_mul(0x9d)) as u8).collect()
}

/// Gives a few bytes at a time, and is interrupted by a signal before each.
struct Trickle<'a> {
    left: &'a [u8],
    interrupted: bool,
}

impl Read for Trickle<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.interrupted = !self.interrupted;
        if self.interrupted {
            return Err(io::ErrorKind::Interrupted.into());
        }
        let count = buffer.len().min(self.left.len()).min(1111);
        let (now, later) = self.left.split_at(count);
        buffer[..count].copy_from_slice(now);
        self.left = later;
        Ok(count)
    }
}

/// Fails once it is asked.
struct Failing(Option<Error>);

impl Read for Failing {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(self.0.take().map_or_else(|| io::ErrorKind::BrokenPipe.into(), io::Error::other))
    }
}
