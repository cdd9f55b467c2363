//! The suite for artifact stores notices each broken promise, says which one it was, and ends.
#![cfg(feature = "conformance")]

use std::cell::RefCell;
use std::io::{self, Read};
use std::panic::{AssertUnwindSafe, catch_unwind};

use mlcore::artifact::{ArtifactStore, ArtifactStoreExt, Digest, MemoryStore, VerifiedReader};
use mlcore::conformance::{self, Persistence};
use mlcore::{Error, Result};

/// A promise that a store breaks.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Fault {
    None,
    NeverPersists,
    KeepsHalfOfWhatFailed,
    EndsAtAnInterruption,
    HidesTheReadersError,
    PagesIncludeTheirStart,
    IgnoresTheLimit,
    ListsTwice,
    DeletesNothing,
    DeletesAlways,
    SaysAnotherSize,
    GivesOtherBytes,
}

/// A store that breaks one promise.
struct Broken {
    honest: MemoryStore,
    fault: Fault,
}

impl ArtifactStore for Broken {
    fn put(&self, content: &mut dyn Read) -> Result<Digest> {
        let mut bytes = Vec::new();
        let read = match self.fault {
            Fault::EndsAtAnInterruption => read_once(content, &mut bytes),
            _ => content.read_to_end(&mut bytes).map(drop),
        };
        match read {
            Err(_) if self.fault == Fault::KeepsHalfOfWhatFailed => drop(self.honest.put_bytes(&bytes)?),
            Err(_) if self.fault == Fault::HidesTheReadersError => {
                return Err(Error::internal("put artifact", "content", "it cannot be read"));
            }
            _ => {}
        }
        read.map_err(|cause| Error::from_io("put artifact", "content", cause))?;
        self.honest.put_bytes(&bytes)
    }

    fn open(&self, digest: &Digest) -> Result<VerifiedReader> {
        if self.fault != Fault::GivesOtherBytes {
            return self.honest.open(digest);
        }
        let mut bytes = self.honest.read(digest)?;
        bytes.reverse();
        Ok(VerifiedReader::new(Digest::of(&bytes), bytes.len() as u64, Box::new(io::Cursor::new(bytes))))
    }

    fn size(&self, digest: &Digest) -> Result<Option<u64>> {
        let size = self.honest.size(digest)?;
        Ok(if self.fault == Fault::SaysAnotherSize { size.map(|size| size + 1) } else { size })
    }

    fn list(&self, after: Option<&Digest>, limit: usize) -> Result<Vec<Digest>> {
        match self.fault {
            Fault::PagesIncludeTheirStart => {
                let all = self.honest.list(None, usize::MAX)?.into_iter();
                Ok(all.filter(|digest| after.is_none_or(|after| digest >= after)).take(limit).collect())
            }
            Fault::IgnoresTheLimit => self.honest.list(after, usize::MAX),
            Fault::ListsTwice => {
                Ok(self.honest.list(after, limit)?.into_iter().flat_map(|digest| [digest; 2]).collect())
            }
            _ => self.honest.list(after, limit),
        }
    }

    fn delete(&self, digest: &Digest) -> Result<bool> {
        match self.fault {
            Fault::DeletesNothing => Ok(self.honest.contains(digest)?),
            Fault::DeletesAlways => self.honest.delete(digest).map(|_| true),
            _ => self.honest.delete(digest),
        }
    }
}

/// Reads until the first error, and takes an interruption for the end.
fn read_once(content: &mut dyn Read, bytes: &mut Vec<u8>) -> io::Result<()> {
    let mut buffer = [0; 4096];
    loop {
        match content.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(count) => bytes.extend_from_slice(&buffer[..count]),
            Err(cause) if cause.kind() == io::ErrorKind::Interrupted => return Ok(()),
            Err(cause) => return Err(cause),
        }
    }
}

/// What the suite says of a store with this fault; none where it finds nothing.
fn verdict(fault: Fault) -> Option<String> {
    let places: RefCell<Vec<MemoryStore>> = RefCell::default();
    let open = |place: usize| -> Box<dyn ArtifactStore> {
        let mut places = places.borrow_mut();
        let opened = places.len().max(place + 1);
        places.resize_with(opened, MemoryStore::new);
        let honest = match fault {
            Fault::NeverPersists => MemoryStore::new(),
            _ => places[place].clone(),
        };
        Box::new(Broken { honest, fault })
    };
    let ran = catch_unwind(AssertUnwindSafe(|| conformance::artifact_store(Persistence::Exclusive, open)));
    ran.err().map(|panic| match panic.downcast::<String>() {
        Ok(words) => *words,
        Err(panic) => panic.downcast_ref::<&str>().copied().unwrap_or_default().to_owned(),
    })
}

#[test]
fn an_honest_store_passes() {
    assert_eq!(verdict(Fault::None), None);
}

#[test]
fn each_broken_promise_is_noticed() {
    for (fault, words) in [
        (Fault::NeverPersists, "opened again, it tells otherwise"),
        (Fault::KeepsHalfOfWhatFailed, "what failed left something"),
        (Fault::EndsAtAnInterruption, "equal content has one digest"),
        (Fault::HidesTheReadersError, "the reader's own error comes through"),
        (Fault::PagesIncludeTheirStart, "the page after"),
        (Fault::IgnoresTheLimit, "a page holds at most its limit"),
        (Fault::ListsTwice, "equal content is stored once"),
        (Fault::DeletesNothing, "what is deleted is gone"),
        (Fault::DeletesAlways, "there is nothing more to delete"),
        (Fault::SaysAnotherSize, "its size"),
        (Fault::GivesOtherBytes, "what was put comes back"),
    ] {
        let said = verdict(fault);
        assert!(said.as_ref().is_some_and(|said| said.contains(words)), "{fault:?}: {said:?}");
    }
}
