//! Tables of Parquet in buckets.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use mlcore::artifact::{ObjectStore, ObjectStoreOptions};
use mlcore::{Error, Result};

use crate::store::definition;
use crate::store::offline::{ParquetTable, Source};

/// The buckets that are open: those that the host opened, and those that paths of sources name.
#[derive(Debug, Default)]
pub(super) struct Buckets {
    /// By their URLs.
    named: Mutex<BTreeMap<String, ObjectStore>>,
    /// By bucket and parameters, as paths write them.
    found: Mutex<BTreeMap<String, ObjectStore>>,
}

impl Buckets {
    pub(super) fn add(&self, bucket: ObjectStore) {
        let mut named = self.named.lock().unwrap_or_else(PoisonError::into_inner);
        named.insert(bucket.url().trim_end_matches('/').to_owned(), bucket);
    }

    /// The table that lies at a URL.
    pub(super) fn table(&self, source: &definition::Source, url: &str) -> Result<Box<dyn Source + 'static>> {
        let opened = || {
            let (place, parameters) = url.split_once('?').unwrap_or((url, ""));
            let (bucket, path) = match self.named(place) {
                Some(found) => found,
                None => self.found(place, parameters)?,
            };
            ParquetTable::open_objects(&bucket, &path)
        };
        match opened() {
            Ok(table) => Ok(Box::new(table)),
            Err(error @ Error::Interrupted(_)) => Err(error),
            Err(error) => Err(error.within(format!("source {}", source.name()))),
        }
    }

    /// The bucket of the host that a place lies in, of several the one that says most of it, and the path below it.
    fn named(&self, place: &str) -> Option<(ObjectStore, String)> {
        let named = self.named.lock().unwrap_or_else(PoisonError::into_inner);
        let below = |url: &str| {
            let rest = place.strip_prefix(url)?;
            (rest.is_empty() || rest.starts_with('/')).then(|| rest.trim_matches('/').to_owned())
        };
        let fits = named.iter().filter_map(|(url, bucket)| Some((url.len(), bucket, below(url)?)));
        fits.max_by_key(|(length, ..)| *length).map(|(_, bucket, path)| (bucket.clone(), path))
    }

    /// The bucket that a place names itself, asked as its parameters and the environment say.
    fn found(&self, place: &str, parameters: &str) -> Result<(ObjectStore, String)> {
        let (scheme, rest) = place.split_once("://").unwrap_or((place, ""));
        let (bucket, path) = rest.split_once('/').unwrap_or((rest, ""));
        let url = match parameters {
            "" => format!("{scheme}://{bucket}"),
            _ => format!("{scheme}://{bucket}?{parameters}"),
        };
        let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        let bucket = match found.get(&url) {
            Some(bucket) => bucket.clone(),
            None => {
                let bucket = ObjectStore::open_with(&ObjectStoreOptions::from_url(&url)?)?;
                found.insert(url, bucket.clone());
                bucket
            }
        };
        Ok((bucket, path.trim_matches('/').to_owned()))
    }
}
