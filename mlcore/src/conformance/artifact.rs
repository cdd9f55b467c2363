use std::io::{self, Read};

use crate::artifact::{ArtifactStore, ArtifactStoreExt, Digest};
use crate::error::Error;

/// Holds a store to the contract of [`ArtifactStore`]: `make` answers a new, empty one each time.
///
/// Proved: content comes back byte by byte, of every size and in reads of every size, under the SHA-256 of its bytes;
/// what fails while it is put leaves nothing; equal content is stored once; listing, deleting; threads that put the same
/// and different content at once.
pub fn artifact_store(make: impl Fn() -> Box<dyn ArtifactStore>) {
    content_comes_back(&*make());
    failures_leave_nothing(&*make());
    listing_is_ordered_and_deleting_final(&*make());
    threads_share_it(&*make());
}

fn content_comes_back(store: &dyn ArtifactStore) {
    for size in [0, 1, 63, 64, 65, 4096, 300_000] {
        let bytes = content(size, 1);
        let digest = store.put_bytes(&bytes).unwrap();
        assert_eq!(digest, Digest::of(&bytes));
        assert_eq!(
            store.put(&mut Trickle { left: &bytes, interrupted: false }).unwrap(),
            digest,
            "equal content has one digest"
        );
        assert_eq!(store.read(&digest).unwrap(), bytes);
        assert_eq!(store.size(&digest).unwrap(), Some(size as u64));
        assert!(store.contains(&digest).unwrap());
        let mut reader = store.open(&digest).unwrap();
        assert_eq!(reader.size(), size as u64);
        let (mut read, mut piece) = (Vec::new(), [0; 97]);
        loop {
            match reader.read(&mut piece).unwrap() {
                0 => break,
                count => read.extend_from_slice(&piece[..count]),
            }
        }
        assert!(read == bytes, "in small pieces");
    }
    let unknown = Digest::of("never put");
    assert_eq!(store.open(&unknown).unwrap_err().kind(), "not_found");
    assert_eq!(store.read(&unknown).unwrap_err().kind(), "not_found");
    assert_eq!((store.size(&unknown).unwrap(), store.contains(&unknown).unwrap()), (None, false));
}

fn failures_leave_nothing(store: &dyn ArtifactStore) {
    let bytes = content(100_000, 2);
    let broken = Error::timeout("download", "model", "the other side went away");
    let mut failing = bytes.as_slice().chain(Failing(Some(broken)));
    let error = store.put(&mut failing).unwrap_err();
    assert_eq!(error.kind(), "timeout", "the reader's own error comes through: {error}");
    assert!(!store.contains(&Digest::of(&bytes)).unwrap());
    assert!(store.list(None, 10).unwrap().is_empty());
}

fn listing_is_ordered_and_deleting_final(store: &dyn ArtifactStore) {
    assert!(store.list(None, 10).unwrap().is_empty());
    let mut digests: Vec<_> = (0..20).map(|seed| store.put_bytes(&content(10, seed)).unwrap()).collect();
    digests.sort_unstable();
    assert_eq!(store.list(None, 100).unwrap(), digests);
    assert_eq!(store.list(None, 7).unwrap(), digests[..7]);
    assert_eq!(store.list(Some(&digests[6]), 7).unwrap(), digests[7..14]);
    assert!(store.list(digests.last(), 7).unwrap().is_empty() && store.list(None, 0).unwrap().is_empty());
    let gone = digests.swap_remove(3);
    assert!(store.delete(&gone).unwrap() && !store.delete(&gone).unwrap());
    assert_eq!(store.open(&gone).unwrap_err().kind(), "not_found");
    assert_eq!(store.list(None, 100).unwrap().len(), 19);
}

fn threads_share_it(store: &dyn ArtifactStore) {
    std::thread::scope(|scope| {
        for thread in 0..4 {
            scope.spawn(move || {
                for round in 0..10 {
                    let (own, shared) = (content(5000, 100 + thread * 10 + round), content(5000, 50 + round));
                    let digests = [store.put_bytes(&own).unwrap(), store.put_bytes(&shared).unwrap()];
                    assert_eq!(store.read(&digests[0]).unwrap(), own);
                    assert_eq!(store.read(&digests[1]).unwrap(), shared);
                }
            });
        }
    });
    assert_eq!(store.list(None, 1000).unwrap().len(), 50);
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
