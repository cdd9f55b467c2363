//! Content in parts, several at once, which goes on where an earlier attempt ended.

use std::collections::VecDeque;
use std::sync::mpsc;

use bytes::Bytes;
use object_store::multipart::PartId;
use object_store::path::Path;
use object_store::{ObjectStoreExt as _, PutPayload};
use tokio::task::AbortHandle;

use super::error::asked;
use super::journal::Journal;
use super::options::MOST_PARTS;
use super::runtime::wait;
use super::spool::Scratch;
use super::{Connected, ObjectStore, PUT, is_lost, is_missing};
use crate::error::{Error, Result};

/// Sends `file`. Nothing is seen under `key` before all of it has arrived.
pub(super) fn upload(store: &ObjectStore, key: &Path, size: u64, file: &mut Scratch) -> Result<()> {
    // Parts of one size, as some servers demand, the same in every attempt.
    let part_bytes = store.options.part_bytes.max(size.div_ceil(MOST_PARTS));
    let mut journal = Journal::open(&store.options, key.as_ref(), size, part_bytes);
    let mut work = Work { store, key, size, part_bytes, file };
    loop {
        let is_resumed = journal.upload().is_some();
        let failed = match work.attempt(&mut journal) {
            Ok(()) => {
                journal.remove();
                return Ok(());
            }
            Err(error) => error,
        };
        // What may have arrived is gone on with.
        let is_denied = matches!(failed, Error::PermissionDenied(_));
        if failed.is_transient() || is_denied && !is_resumed {
            return Err(failed);
        }
        if !is_denied {
            work.abort(&journal);
        }
        if !is_resumed {
            journal.remove();
            return Err(failed);
        }
        // The server knows the upload no more, or has other parts than are noted: it begins anew, once.
        journal.forget();
    }
}

struct Work<'a> {
    store: &'a ObjectStore,
    key: &'a Path,
    size: u64,
    part_bytes: u64,
    file: &'a mut Scratch,
}

type Arrived = (u64, Result<String>);

impl Work<'_> {
    fn attempt(&mut self, journal: &mut Journal) -> Result<()> {
        let id = match journal.upload() {
            Some(id) => id.to_owned(),
            None => {
                let key = self.key.clone();
                // One that nobody knows of may be left at the server.
                let id = self.store.repeat(PUT, move |backend| {
                    let key = key.clone();
                    async move { backend.parts().create_multipart(&key).await }
                })?;
                journal.begin(&id, self.key.as_ref(), self.size, self.part_bytes);
                id
            }
        };
        self.send_missing(&id, journal)?;
        let parts = journal
            .parts()
            .range(..self.count())
            .map(|(_, content)| PartId { content_id: content.clone() })
            .collect();
        let key = self.key.clone();
        let completed = self.store.ask(PUT, move |backend| async move {
            backend.parts().complete_multipart(&key, &id, parts).await
        });
        match completed {
            // The answer was lost: perhaps it was done.
            Err(error) if is_lost(&error) && self.is_there()? => Ok(()),
            completed => completed.map(drop),
        }
    }

    /// Whether the whole is there.
    fn is_there(&self) -> Result<bool> {
        let key = self.key.clone();
        let found = self.store.ask(PUT, move |backend| async move { backend.objects().head(&key).await });
        match found {
            Ok(found) => Ok(found.size == self.size),
            Err(error) if is_missing(&error) => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn count(&self) -> u64 {
        self.size.div_ceil(self.part_bytes)
    }

    /// Sends the parts that have not arrived, a few at once.
    fn send_missing(&mut self, id: &str, journal: &mut Journal) -> Result<()> {
        let mut missing: VecDeque<u64> =
            (0..self.count()).filter(|part| !journal.parts().contains_key(part)).collect();
        let connected = self.store.connected()?;
        let url = self.store.options.url();
        let most = self.store.options.parallel_parts.get();
        let (told, answers) = mpsc::channel();
        let mut running = Running(Vec::new());
        let mut underway = 0;
        let mut failed = None;
        loop {
            while failed.is_none() && underway < most {
                let Some(part) = missing.pop_front() else { break };
                let start = part * self.part_bytes;
                let bytes = self.file.part(start, self.part_bytes.min(self.size - start))?;
                running.0.extend(self.begin(&connected, id, part, bytes, told.clone()));
                underway += 1;
            }
            if underway == 0 {
                return failed.map_or(Ok(()), Err);
            }
            let (part, arrived) = wait(PUT, url, &answers)?;
            underway -= 1;
            match arrived {
                Ok(content) => journal.arrived(part, content),
                // Those that are underway may arrive yet.
                Err(error) => failed = failed.or(Some(error)),
            }
        }
    }

    fn begin(
        &self,
        connected: &Connected,
        id: &str,
        part: u64,
        bytes: Bytes,
        told: mpsc::Sender<Arrived>,
    ) -> Option<AbortHandle> {
        let parts = connected.backend.parts();
        let (key, id, url) = (self.key.clone(), id.to_owned(), self.store.options.url().to_owned());
        let sent = async move {
            let number = usize::try_from(part).unwrap_or(usize::MAX);
            let request = parts.put_part(&key, &id, number, PutPayload::from_bytes(bytes));
            (part, asked(PUT, &url, request).await.map(|part| part.content_id))
        };
        connected.runtime.begin(sent, told)
    }

    /// Lets the server forget what has arrived. Where it cannot be told, a rule of the bucket does.
    fn abort(&self, journal: &Journal) {
        let Some(id) = journal.upload().map(str::to_owned) else { return };
        let key = self.key.clone();
        let aborted = self
            .store
            .ask(PUT, move |backend| async move { backend.parts().abort_multipart(&key, &id).await });
        if let Err(error) = aborted {
            tracing::debug!(%error, "an upload was not aborted");
        }
    }
}

/// Requests that end when nobody waits for them any more.
struct Running(Vec<AbortHandle>);

impl Drop for Running {
    fn drop(&mut self) {
        for request in &self.0 {
            request.abort();
        }
    }
}
