//! Objects of others that are read in pieces, all of which are of one writing.

use std::ops::Range;

use futures_util::StreamExt as _;
use object_store::path::Path;
use object_store::{GetOptions, GetRange, ObjectMeta, ObjectStore as _, ObjectStoreExt as _};

use super::{ObjectStore, is_missing};
use crate::error::{Error, Result};

/// An object as it was when somebody looked: what [`read_range`](ObjectStore::read_range) hands out is of this writing, or refused.
///
/// It is told by the server's entity tag and, where the server sends none, by size and time of writing.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ObjectVersion {
    key: Path,
    url: String,
    size: u64,
    tag: Option<String>,
    modified_millis: i64,
}

impl ObjectVersion {
    fn new(url: String, found: ObjectMeta) -> Self {
        let ObjectMeta { location, last_modified, size, e_tag, .. } = found;
        Self { key: location, url, size, tag: e_tag, modified_millis: last_modified.timestamp_millis() }
    }

    /// Its URL, without parameters.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Its bytes.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// Whether an answer is of the same writing.
    fn is_that_of(&self, found: &ObjectMeta) -> bool {
        self.size == found.size
            && match (&self.tag, &found.e_tag) {
                (Some(own), Some(found)) => own == found,
                _ => self.modified_millis == found.last_modified.timestamp_millis(),
            }
    }
}

impl ObjectStore {
    /// The URL of the prefix, without parameters.
    #[must_use]
    pub fn url(&self) -> &str {
        self.options.url()
    }

    /// The paths of all objects in a folder and in those below it, in order, as the server writes them; nothing where there is no such
    /// folder. The empty path is the prefix itself.
    ///
    /// # Errors
    /// [`InvalidInput`](Error::InvalidInput) for a path with empty parts, `.` or `..`; what the server answers.
    pub fn find_objects(&self, path: &str) -> Result<Vec<String>> {
        let key = self.raw(LIST, path)?;
        let below = self.options.place().path(std::iter::empty());
        let found = self.ask(LIST, move |backend| async move {
            let objects = backend.objects();
            let mut listed = objects.list(Some(&key));
            let mut found = Vec::new();
            while let Some(object) = listed.next().await {
                found.push(object?.location);
            }
            Ok(found)
        })?;
        let relative = |key: &Path| match below.as_ref() {
            "" => Some(key.as_ref().to_owned()),
            below => Some(key.as_ref().strip_prefix(below)?.strip_prefix('/')?.to_owned()),
        };
        let mut paths: Vec<String> = found.iter().filter_map(relative).collect();
        paths.sort_unstable();
        Ok(paths)
    }

    /// What lies at a path, as it is now; `None` where nothing does.
    ///
    /// # Errors
    /// As [`find_objects`](Self::find_objects).
    pub fn object_version(&self, path: &str) -> Result<Option<ObjectVersion>> {
        let key = self.raw(READ, path)?;
        let url = format!("{}/{}", self.options.url().trim_end_matches('/'), path.trim_matches('/'));
        match self.ask(READ, move |backend| async move { backend.objects().head(&key).await }) {
            Ok(found) => Ok(Some(ObjectVersion::new(url, found))),
            Err(error) if is_missing(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Some bytes of an object, and no others.
    ///
    /// ```no_run
    /// use mlcore::artifact::ObjectStore;
    ///
    /// let bucket = ObjectStore::open("s3://tables/trips?region=eu-central-1")?;
    /// for path in bucket.find_objects("day=2026-01-01")? {
    ///     let Some(object) = bucket.object_version(&path)? else { continue };
    ///     let end = bucket.read_range(&object, object.size() - 8..object.size())?;
    ///     assert_eq!(end.len(), 8);
    /// }
    /// # Ok::<(), mlcore::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Conflict`](Error::Conflict) where the object was written anew since its [version](Self::object_version) was asked for;
    /// [`NotFound`](Error::NotFound) where it was deleted; [`InvalidInput`](Error::InvalidInput) for bytes that it has not; what the
    /// server answers. All name the object.
    pub fn read_range(&self, object: &ObjectVersion, range: Range<u64>) -> Result<Vec<u8>> {
        if range.start > range.end || range.end > object.size {
            let problem =
                format!("bytes {} to {} are asked for, and it has {}", range.start, range.end, object.size);
            return Err(Error::invalid_input(READ, object.url(), problem));
        }
        if range.is_empty() {
            return Ok(Vec::new());
        }
        let (key, tag, wanted) = (object.key.clone(), object.tag.clone(), range.clone());
        let answer = self.repeat(READ, move |backend| {
            let (key, wanted) = (key.clone(), wanted.clone());
            let options = GetOptions {
                if_match: tag.clone(),
                range: Some(GetRange::Bounded(wanted)),
                ..GetOptions::default()
            };
            async move {
                let found = backend.objects().get_opts(&key, options).await?;
                let (meta, range) = (found.meta.clone(), found.range.clone());
                Ok((meta, range, found.bytes().await?))
            }
        });
        let changed = || {
            Error::conflict(READ, object.url(), "it was written anew while it was read")
                .remedy("read it from the beginning, and write other contents under other names")
        };
        let (meta, found, bytes) = answer.map_err(|error| match error {
            // So the condition is refused.
            Error::AlreadyExists(_) => changed(),
            // So are bytes behind the end of what is shorter by now.
            Error::InvalidInput(_) if self.is_changed(object) => changed(),
            Error::Interrupted(_) => error,
            error if is_missing(&error) => {
                Error::not_found(READ, object.url(), "it was deleted while it was read")
            }
            error => error.within(format!("object {}", object.url())),
        })?;
        // Some servers know no conditions.
        if !object.is_that_of(&meta) {
            return Err(changed());
        }
        if found != range || bytes.len() as u64 != range.end - range.start {
            let problem = "the server sent other bytes than it was asked for";
            return Err(Error::unavailable(READ, object.url(), problem)
                .remedy("check that the endpoint answers requests for ranges"));
        }
        Ok(bytes.into())
    }

    fn is_changed(&self, object: &ObjectVersion) -> bool {
        let key = object.key.clone();
        let now = self.ask(READ, move |backend| async move { backend.objects().head(&key).await });
        now.is_ok_and(|now| !object.is_that_of(&now))
    }

    /// The key of a path that is written as the server writes it.
    fn raw(&self, operation: &'static str, path: &str) -> Result<Path> {
        let refuse = || {
            Error::invalid_input(operation, path.escape_debug().to_string(), "it is no path")
                .remedy("write names with single slashes between them, and without . and ..")
        };
        let below = self.options.place().path(std::iter::empty());
        let path = path.trim_matches('/');
        if path.split('/').any(|part| part == "." || part == "..") {
            return Err(refuse());
        }
        match (below.as_ref(), path) {
            (_, "") => Ok(below),
            ("", path) => Path::parse(path).map_err(|_| refuse()),
            (below, path) => Path::parse(format!("{below}/{path}")).map_err(|_| refuse()),
        }
    }
}

const READ: &str = "read object";
const LIST: &str = "list objects";
