//! Objects by paths that their writers choose, beside those that are named by their content.

use std::io::Read;

use futures_util::StreamExt as _;
use object_store::path::Path;
use object_store::{
    GetOptions, GetRange, MultipartUpload, ObjectStore as _, ObjectStoreExt as _, PutMode, PutPayload,
};

use super::error::asked;
use super::reader::Download;
use super::spool::{Scratch, Source, Spooled};
use super::{ObjectStore, PUT, is_missing};
use crate::error::{Error, Result};
use crate::interrupt;
use crate::url::decoded;

/// An object, or what stands for a folder: the beginning of the paths of others.
#[non_exhaustive]
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct FoundObject {
    /// The last part of its path.
    pub name: String,
    /// Bytes of an object; none of a folder.
    pub size: Option<u64>,
}

impl ObjectStore {
    /// Puts what `content` holds at a path below the prefix, in the place of what is there; answers its size. It is seen when it is
    /// whole, or not at all. Above [`part_bytes`](super::ObjectStoreOptions::part_bytes) it goes in parts, one after the other.
    ///
    /// A path has parts between slashes, none of which is empty, `.` or `..`.
    ///
    /// ```no_run
    /// use std::io::Read;
    ///
    /// use mlcore::artifact::ObjectStore;
    ///
    /// let bucket = ObjectStore::open("s3://models/notes")?;
    /// bucket.put_object("1/run/note.txt", &mut b"a note".as_slice())?;
    /// let (size, mut content) = bucket.open_object("1/run/note.txt", 2)?;
    /// let mut text = String::new();
    /// content.read_to_string(&mut text)?;
    /// assert_eq!((size, text.as_str()), (6, "note"));
    /// assert_eq!(bucket.list_objects("1")?[0].name, "run");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`InvalidInput`](Error::InvalidInput) for a path that is none and for content that is larger than the store takes, and what the
    /// server answers.
    pub fn put_object(&self, path: &str, content: &mut dyn Read) -> Result<u64> {
        let key = self.key_of(PUT, path)?;
        let Spooled { size, source, .. } = Spooled::of(content, &self.options)?;
        match source {
            Source::Memory(bytes) => {
                self.repeat(PUT, move |backend| {
                    let (key, payload) = (key.clone(), PutPayload::from_bytes(bytes.clone()));
                    async move {
                        backend.objects().put_opts(&key, payload, PutMode::Overwrite.into()).await.map(drop)
                    }
                })?;
            }
            Source::File(mut file) => self.put_parts(key, size, &mut file)?,
        }
        Ok(size)
    }

    fn put_parts(&self, key: Path, size: u64, file: &mut Scratch) -> Result<()> {
        let upload =
            self.ask(PUT, move |backend| async move { backend.objects().put_multipart(&key).await })?;
        let mut upload = Parts { store: self, upload: Some(upload) };
        let part_bytes = self.options.part_bytes.max(size.div_ceil(super::options::MOST_PARTS));
        let mut start = 0;
        let sent = loop {
            if start >= size {
                break upload.complete();
            }
            let bytes = part_bytes.min(size - start);
            let part = interrupt::check(PUT).and_then(|()| file.part(start, bytes));
            if let Err(error) = part.and_then(|part| upload.put(part.into())) {
                break Err(error);
            }
            start += bytes;
        };
        if sent.is_err() {
            upload.abort();
        }
        sent
    }

    /// Opens what lies at a path, from its byte `from` on; answers the size of the whole, too.
    ///
    /// # Errors
    /// [`NotFound`](Error::NotFound), and what the server answers.
    pub fn open_object(&self, path: &str, from: u64) -> Result<(u64, Box<dyn Read + Send>)> {
        let key = self.key_of(READ, path)?;
        let head = key.clone();
        let absent = |error| {
            if is_missing(&error) { Error::not_found(READ, path, "there is no such object") } else { error }
        };
        // A server refuses to answer what begins behind the end.
        let size = self.ask(READ, move |backend| async move { backend.objects().head(&head).await });
        let size = size.map_err(absent)?.size;
        if from >= size {
            return Ok((size, Box::new(std::io::empty())));
        }
        let found = self.ask(READ, move |backend| async move {
            let range = (from > 0).then_some(GetRange::Offset(from));
            let found =
                backend.objects().get_opts(&key, GetOptions { range, ..GetOptions::default() }).await?;
            Ok((found.meta.size, found.into_stream()))
        });
        let (size, stream) = found.map_err(absent)?;
        let download = Download::new(self.connected()?.runtime, self.options.url(), stream);
        Ok((size, Box::new(download)))
    }

    /// What lies in a folder, by name; nothing where there is no such folder. The empty path is the prefix itself.
    ///
    /// # Errors
    /// What the server answers.
    pub fn list_objects(&self, path: &str) -> Result<Vec<FoundObject>> {
        let key = self.folder_of(LIST, path)?;
        let listed =
            self.ask(
                LIST,
                move |backend| async move { backend.objects().list_with_delimiter(Some(&key)).await },
            )?;
        let name = |path: &Path| decoded(path.filename()?);
        let folders = listed.common_prefixes.iter().filter_map(name);
        let mut found: Vec<FoundObject> = folders.map(|name| FoundObject { name, size: None }).collect();
        found.extend(listed.objects.iter().filter_map(|object| {
            Some(FoundObject { name: name(&object.location)?, size: Some(object.size) })
        }));
        found.sort_unstable();
        Ok(found)
    }

    /// Deletes what lies at a path, and everything below it. What is not there stays so.
    ///
    /// # Errors
    /// [`InvalidInput`](Error::InvalidInput) for the empty path, which is everything; and what the server answers.
    pub fn delete_objects(&self, path: &str) -> Result<()> {
        let key = self.key_of(DELETE, path)?;
        let above = key.clone();
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
        let mut keys = self.ask(DELETE, move |backend| async move {
            let objects = backend.objects();
            let mut found = objects.list(Some(&above));
            let mut keys = Vec::new();
            while let Some(object) = found.next().await {
                keys.push(object?.location);
            }
            Ok(keys)
        })?;
        // Below an object others may lie; a folder is none itself.
        let is_object = |found: &FoundObject| found.name == name && found.size.is_some();
        if keys.is_empty() || self.list_objects(folder)?.iter().any(is_object) {
            keys.push(key);
        }
        for key in keys {
            interrupt::check(DELETE)?;
            let deleted = self.repeat(DELETE, move |backend| {
                let key = key.clone();
                async move { backend.objects().delete(&key).await }
            });
            match deleted {
                Err(error) if is_missing(&error) => {}
                deleted => deleted?,
            }
        }
        Ok(())
    }

    fn key_of(&self, operation: &'static str, path: &str) -> Result<Path> {
        if path.is_empty() {
            return Err(Error::invalid_input(operation, self.options.url(), "an object has a path"));
        }
        self.folder_of(operation, path)
    }

    fn folder_of(&self, operation: &'static str, path: &str) -> Result<Path> {
        let is_part = |part: &str| !part.is_empty() && part != "." && part != ".." && !part.contains('\0');
        if !path.is_empty() && !path.split('/').all(is_part) {
            return Err(Error::invalid_input(operation, path.escape_debug().to_string(), "it is no path"));
        }
        Ok(self.options.place().path(path.split('/').filter(|part| !part.is_empty())))
    }
}

/// An upload in parts.
struct Parts<'a> {
    store: &'a ObjectStore,
    /// None while the runtime has it.
    upload: Option<Box<dyn MultipartUpload>>,
}

impl Parts<'_> {
    fn put(&mut self, part: PutPayload) -> Result<()> {
        self.run(move |upload| upload.put_part(part))
    }

    fn complete(&mut self) -> Result<()> {
        let Some(mut upload) = self.upload.take() else { return Err(gone()) };
        let (runtime, url) = (self.store.connected()?.runtime, self.store.options.url().to_owned());
        runtime.run(PUT, self.store.options.url(), async move {
            asked(PUT, &url, async { upload.complete().await.map(drop) }).await
        })?
    }

    fn run(
        &mut self,
        send: impl FnOnce(&mut Box<dyn MultipartUpload>) -> object_store::UploadPart + Send + 'static,
    ) -> Result<()> {
        let Some(mut upload) = self.upload.take() else { return Err(gone()) };
        let (runtime, url) = (self.store.connected()?.runtime, self.store.options.url().to_owned());
        let (upload, sent) = runtime.run(PUT, self.store.options.url(), async move {
            let sent = asked(PUT, &url, send(&mut upload)).await;
            (upload, sent)
        })?;
        self.upload = Some(upload);
        sent
    }

    /// Lets the server forget the parts; where that fails, a rule of the bucket does.
    fn abort(&mut self) {
        let (Some(mut upload), Ok(connected)) = (self.upload.take(), self.store.connected()) else { return };
        let aborted = connected.runtime.run(PUT, self.store.options.url(), async move {
            // Nobody waits for the answer.
            drop(upload.abort().await);
        });
        drop(aborted);
    }
}

fn gone() -> Error {
    Error::internal(PUT, "upload", "it has ended before")
}

const READ: &str = "read object";
const LIST: &str = "list objects";
const DELETE: &str = "delete objects";
