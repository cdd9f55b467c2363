//! Artifacts in object stores: S3-compatible ones, Google Cloud Storage and Azure Blob Storage.
//!
//! The crate beneath is asynchronous. What it does runs on a thread of mlcore's own, and a caller hands its work to that thread
//! and waits, so that a host that calls from inside its own runtime is no different from one that has none.

mod credentials;
mod environment;
mod error;
mod http;
mod journal;
mod objects;
mod options;
mod place;
mod ranges;
mod reader;
mod runtime;
mod spool;
mod upload;

use std::fmt;
use std::io::Read;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::StreamExt as _;
use object_store::path::Path;
use object_store::{ObjectStore as _, ObjectStoreExt as _, PutMode, PutPayload};

pub use self::credentials::Credentials;
use self::environment::Backend;
use self::error::asked;
pub use self::objects::FoundObject;
pub use self::options::ObjectStoreOptions;
pub use self::place::ObjectStoreKind;
pub use self::ranges::ObjectVersion;
use self::reader::Download;
use self::runtime::Runtime;
use self::spool::{Source, Spooled};
use super::memory::missing;
use super::{ArtifactStore, Digest, VerifiedReader};
use crate::error::{Error, Result};
use crate::interrupt;

/// Artifacts in a bucket, for any number of machines. Clones share connections.
///
/// Content lies below the prefix at `sha256/ab/cdef...`, as in a [`FolderStore`](super::FolderStore), so that a folder may be
/// copied into a bucket and back. An object appears under its name when it is whole, or not at all; content that is there is not
/// sent again.
///
/// A name is a digest, which is known when the content has ended. So [`put`](ArtifactStore::put) hashes content on its way into
/// memory or, above [`part_bytes`](ObjectStoreOptions::part_bytes), into a file of the folder
/// [`spool`](ObjectStoreOptions::spool), and sends it then: memory stays at a few parts, however large the content is. Large
/// content goes in parts, several at once. Which parts have arrived stands in a small file there, so that putting the same content
/// again, after a lost connection or a crash, sends the rest alone. Parts of uploads that nobody goes on with are kept by the
/// server: let a rule of the bucket remove them (S3 calls it `AbortIncompleteMultipartUpload`).
///
/// Requests that fail for a moment are repeated with growing pauses. An error names what the server answered, its code and the
/// request id, and never a credential. Redirects are not followed.
///
/// S3 is tested against the server of the crate `s3s-fs`, Azure against Azurite. Google Cloud Storage is compiled, and was never
/// tried against the service.
///
/// ```no_run
/// use mlcore::artifact::{ArtifactStoreExt, Credentials, ObjectStore, ObjectStoreOptions};
///
/// let options = ObjectStoreOptions::from_url("s3://models/team-a?region=eu-central-1")?
///     .with_credentials(Credentials::s3("AKIAEXAMPLE", "the secret key"));
/// let artifacts = ObjectStore::open_with(&options)?;
/// let digest = artifacts.put_bytes(b"a model")?;
/// assert_eq!(artifacts.read(&digest)?, b"a model");
/// # Ok::<(), mlcore::Error>(())
/// ```
#[derive(Clone)]
pub struct ObjectStore {
    options: Arc<ObjectStoreOptions>,
    connected: Arc<Mutex<Option<Connected>>>,
}

/// The runtime and the client of one process.
#[derive(Clone)]
struct Connected {
    process: u32,
    runtime: Arc<Runtime>,
    backend: Backend,
}

impl ObjectStore {
    /// Opens the store of a URL; see [`ObjectStoreOptions::from_url`].
    ///
    /// # Errors
    /// As [`open_with`](Self::open_with).
    pub fn open(url: &str) -> Result<Self> {
        Self::open_with(&ObjectStoreOptions::from_url(url)?)
    }

    /// Opens a store. Nothing is sent yet: a bucket that is not there, and credentials that are wrong, are told by the first call.
    ///
    /// # Errors
    /// [`InvalidInput`](Error::InvalidInput) for options that contradict each other or lack something.
    pub fn open_with(options: &ObjectStoreOptions) -> Result<Self> {
        options.check()?;
        let store = Self { options: Arc::new(options.clone()), connected: Arc::new(Mutex::new(None)) };
        store.connected()?;
        Ok(store)
    }

    /// What is connected in this process. A fork leaves its child without the threads of the parent: the child makes its own.
    fn connected(&self) -> Result<Connected> {
        let mut connected = self.connected.lock().unwrap_or_else(PoisonError::into_inner);
        let process = std::process::id();
        if let Some(found) = connected.as_ref().filter(|found| found.process == process) {
            return Ok(found.clone());
        }
        // Its threads are not here to be ended.
        std::mem::forget(connected.take());
        let made = Connected {
            process,
            runtime: Arc::new(Runtime::start(self.options.url())?),
            backend: environment::backend(&self.options)?,
        };
        *connected = Some(made.clone());
        Ok(made)
    }

    /// Runs one request on the runtime.
    fn ask<T, F>(
        &self,
        operation: &'static str,
        request: impl FnOnce(Backend) -> F + Send + 'static,
    ) -> Result<T>
    where
        T: Send + 'static,
        F: Future<Output = object_store::Result<T>> + Send + 'static,
    {
        let Connected { runtime, backend, .. } = self.connected()?;
        let url = self.options.url().to_owned();
        runtime.run(operation, self.options.url(), async move {
            asked(operation, &url, request(backend)).await
        })?
    }

    /// Runs a request that the crate beneath does not repeat, and that may be carried out twice.
    fn repeat<T, F>(
        &self,
        operation: &'static str,
        request: impl Fn(Backend) -> F + Clone + Send + 'static,
    ) -> Result<T>
    where
        T: Send + 'static,
        F: Future<Output = object_store::Result<T>> + Send + 'static,
    {
        let mut pause = FIRST_PAUSE;
        for _ in 0..self.options.retries {
            match self.ask(operation, request.clone()) {
                Err(error) if is_lost(&error) => interrupt::sleep(operation, pause)?,
                answer => return answer,
            }
            pause = (2 * pause).min(LONGEST_PAUSE);
        }
        self.ask(operation, request)
    }

    fn key(&self, digest: &Digest) -> Path {
        let hex = digest.to_hex();
        let (shelf, name) = hex.split_at(2);
        self.options.place().path([ALGORITHM, shelf, name])
    }

    /// Sends what fits into one request, unless it is there by now.
    fn send(&self, key: &Path, bytes: &bytes::Bytes, mode: PutMode) -> Result<()> {
        let send = |mode: PutMode| {
            let (key, payload) = (key.clone(), PutPayload::from_bytes(bytes.clone()));
            let sent = self.ask(PUT, move |backend| async move {
                backend.objects().put_opts(&key, payload, mode.into()).await
            });
            sent.map(drop)
        };
        match send(mode) {
            // Another writer was first, with the same content.
            Err(Error::AlreadyExists(_) | Error::Conflict(_)) => Ok(()),
            // Servers that cannot be asked for that; and an answer that was lost, after which the crate beneath repeats only what
            // has no condition. The content is the same, however often it is written.
            Err(error) if matches!(error, Error::Unsupported(_)) || is_lost(&error) => {
                send(PutMode::Overwrite)
            }
            sent => sent,
        }
    }
}

impl ArtifactStore for ObjectStore {
    fn put(&self, content: &mut dyn Read) -> Result<Digest> {
        let Spooled { digest, size, source } = Spooled::of(content, &self.options)?;
        let key = self.key(&digest);
        let there = self.size(&digest)?;
        if there == Some(size) {
            return Ok(digest);
        }
        match source {
            // What has another size was damaged: it is replaced.
            Source::Memory(bytes) if there.is_some() => self.send(&key, &bytes, PutMode::Overwrite)?,
            Source::Memory(bytes) => self.send(&key, &bytes, PutMode::Create)?,
            Source::File(mut file) => upload::upload(self, &key, size, &mut file)?,
        }
        Ok(digest)
    }

    fn open(&self, digest: &Digest) -> Result<VerifiedReader> {
        let key = self.key(digest);
        let found = self.ask(OPEN, move |backend| async move {
            let found = backend.objects().get(&key).await?;
            Ok((found.meta.size, found.into_stream()))
        });
        let (size, stream) =
            found.map_err(|error| if is_missing(&error) { missing(digest) } else { error })?;
        if size > self.options.max_bytes {
            let most = self.options.max_bytes;
            let problem = format!("it has {size} bytes, and at most {most} are put or read here");
            return Err(Error::corrupt(OPEN, digest.to_string(), problem).remedy(
                "delete it and put the original content again, or open the store with a larger limit",
            ));
        }
        let download = Download::new(self.connected()?.runtime, self.options.url(), stream);
        Ok(VerifiedReader::new(*digest, size, Box::new(download))
            .with_remedy("delete it and put the original content again"))
    }

    fn size(&self, digest: &Digest) -> Result<Option<u64>> {
        let key = self.key(digest);
        match self.ask("look up artifact", move |backend| async move { backend.objects().head(&key).await }) {
            Ok(found) => Ok(Some(found.size)),
            Err(error) if is_missing(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn list(&self, after: Option<&Digest>, limit: usize) -> Result<Vec<Digest>> {
        const OPERATION: &str = "list artifacts";
        if limit == 0 {
            return Ok(Vec::new());
        }
        let prefix = self.options.place().path([ALGORITHM]);
        let last = after.copied();
        let offset = after.map(|after| self.key(after));
        let below = format!("{prefix}/");
        let listed = self.ask(OPERATION, move |backend| async move {
            let objects = backend.objects();
            let mut found = match &offset {
                Some(offset) => objects.list_with_offset(Some(&prefix), offset),
                None => objects.list(Some(&prefix)),
            };
            let mut digests = Vec::new();
            while let Some(object) = found.next().await {
                // Names that are no digests are not ours.
                let digest = object?.location.as_ref().strip_prefix(&below).and_then(digest_of);
                // Some servers know no place to begin at, and begin at the first.
                digests.extend(digest.filter(|digest| last.is_none_or(|last| *digest > last)));
                if digests.len() >= limit {
                    break;
                }
            }
            Ok(digests)
        })?;
        if listed.is_sorted() {
            return Ok(listed);
        }
        Err(Error::unsupported(OPERATION, self.options.url(), "the server lists names out of order")
            .remedy("use a bucket of a kind that lists them in order"))
    }

    fn delete(&self, digest: &Digest) -> Result<bool> {
        // A server answers the same whether or not there was anything.
        if self.size(digest)?.is_none() {
            return Ok(false);
        }
        let key = self.key(digest);
        let deleted = self.repeat("delete artifact", move |backend| {
            let key = key.clone();
            async move { backend.objects().delete(&key).await }
        });
        match deleted {
            Ok(()) => Ok(true),
            Err(error) if is_missing(&error) => Ok(false),
            Err(error) => Err(error),
        }
    }
}

impl fmt::Debug for ObjectStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ObjectStore").field("options", &self.options).finish_non_exhaustive()
    }
}

/// Whether an object is not there, while its bucket is.
fn is_missing(error: &Error) -> bool {
    matches!(error, Error::NotFound(context) if context.remedy().is_none())
}

/// Whether another attempt may succeed, and the caller did not stop this one.
fn is_lost(error: &Error) -> bool {
    matches!(error, Error::Unavailable(_) | Error::Timeout(_))
}

/// The digest that `ab/cdef...` means.
fn digest_of(name: &str) -> Option<Digest> {
    let (shelf, rest) = name.split_once('/')?;
    let is_ours = shelf.len() == 2 && rest.len() == 62 && !name.bytes().any(|byte| byte.is_ascii_uppercase());
    if is_ours { format!("{shelf}{rest}").parse().ok() } else { None }
}

const ALGORITHM: &str = "sha256";
const OPEN: &str = "open artifact";
const PUT: &str = "put artifact";
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(15);
