use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use mlcore::arrow::array::{Array, RecordBatch};
use mlcore::arrow::datatypes::{FieldRef, SchemaRef};
#[cfg(feature = "object-store")]
use mlcore::artifact::ObjectStore;
#[cfg(feature = "postgres")]
use mlcore::registry::PostgresOptions;
use mlcore::{Error, Result};

#[cfg(feature = "object-store")]
use super::bucket::Buckets;
#[cfg(feature = "postgres")]
use super::postgres;
use super::{OPERATION, Sources, unappendable};
use crate::store::definition::{self, Origin};
use crate::store::offline::Source;

/// Files of Parquet below a folder, and tables of Arrow that the host registers under the names of their sources; with the feature
/// `postgres` tables and queries of a server, and with `object-store` tables of Parquet in buckets.
///
/// A path such as `s3://bucket/trips`, `gs://bucket/trips` or `az://container/trips` is a table in a bucket. After a question mark it may
/// say `endpoint`, `region`, `account`, `allow_http` and `sslrootcert`; who asks says the environment, or the bucket that the host opened.
///
/// A source that is a folder is appended to by a file of its own for each call, which is whole on the disk before the call returns.
///
/// ```
/// use std::sync::Arc;
///
/// use mlcore::arrow::array::{Int64Array, RecordBatch};
/// use mlcore_features::store::definition::Source;
/// use mlcore_features::store::feature_store::{LocalSources, Sources};
///
/// let table = RecordBatch::try_from_iter([("driver_id", Arc::new(Int64Array::from(vec![7])) as _)]).unwrap();
/// let sources = LocalSources::new("features").with_table("weather", vec![table]);
/// let weather = Source::arrow("weather").timestamp_field("hour").build()?;
/// assert_eq!(sources.open(&weather)?.schema()?.fields().len(), 1);
/// assert!(sources.open(&Source::arrow("tides").timestamp_field("hour").build()?).is_err());
/// # Ok::<(), mlcore::Error>(())
/// ```
#[derive(Debug, Default)]
pub struct LocalSources {
    root: PathBuf,
    #[cfg(feature = "postgres")]
    postgres: RwLock<Option<PostgresOptions>>,
    #[cfg(feature = "object-store")]
    buckets: Buckets,
    tables: RwLock<BTreeMap<String, Vec<RecordBatch>>>,
}

impl LocalSources {
    /// Files relative to this folder, and no tables.
    #[must_use]
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into(), ..Self::default() }
    }

    /// Reads what lies in this bucket, below its prefix, by this client: with its credentials and its endpoint, whatever paths of sources
    /// say of these. Needs the feature `object-store`.
    ///
    /// ```no_run
    /// use mlcore::artifact::{Credentials, ObjectStore, ObjectStoreOptions};
    /// use mlcore_features::store::definition::Source;
    /// use mlcore_features::store::feature_store::{LocalSources, Sources};
    ///
    /// let options = ObjectStoreOptions::from_url("s3://features?region=eu-central-1")?
    ///     .with_credentials(Credentials::s3("AKIAEXAMPLE", "the secret key"));
    /// let sources = LocalSources::new(".").with_bucket(ObjectStore::open_with(&options)?);
    /// let trips = Source::file("s3://features/trips/day=*").name("trips").timestamp_field("event_timestamp").build()?;
    /// let table = sources.open(&trips)?;
    /// # Ok::<(), mlcore::Error>(())
    /// ```
    #[cfg(feature = "object-store")]
    #[must_use]
    pub fn with_bucket(self, bucket: ObjectStore) -> Self {
        self.buckets.add(bucket);
        self
    }

    /// Reads sources that are tables or queries of PostgreSQL from this server: see
    /// [`PostgresQuery`](crate::store::offline::PostgresQuery) for types, transactions and time zones. Needs the feature `postgres`.
    ///
    /// Definitions name tables and queries alone. Where the server is and who asks stands here and nowhere else; no error repeats a
    /// password. A role that may only read is enough.
    ///
    /// ```no_run
    /// use mlcore::registry::PostgresOptions;
    /// use mlcore_features::store::definition::Source;
    /// use mlcore_features::store::feature_store::{LocalSources, Sources};
    ///
    /// let server = PostgresOptions::from_url("postgresql://reader:secret@db.example.com/trips?sslmode=require")?;
    /// let sources = LocalSources::new("features").with_postgres(server);
    /// let trips = Source::postgres_table("trips", "public.driver_trips").timestamp_field("event_timestamp").build()?;
    /// let table = sources.open(&trips)?;
    /// # Ok::<(), mlcore::Error>(())
    /// ```
    #[cfg(feature = "postgres")]
    #[must_use]
    pub fn with_postgres(self, server: PostgresOptions) -> Self {
        self.set_postgres(server);
        self
    }

    /// Reads PostgreSQL from this server from now on.
    #[cfg(feature = "postgres")]
    pub fn set_postgres(&self, server: PostgresOptions) {
        *self.postgres.write().unwrap_or_else(PoisonError::into_inner) = Some(server);
    }

    #[cfg(feature = "postgres")]
    fn postgres(&self) -> Option<PostgresOptions> {
        self.postgres.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Registers a table for the source of this name.
    #[must_use]
    pub fn with_table(self, source: impl Into<String>, batches: Vec<RecordBatch>) -> Self {
        self.register(source, batches);
        self
    }

    /// Registers a table for the source of this name, or another one instead of it.
    pub fn register(&self, source: impl Into<String>, batches: Vec<RecordBatch>) {
        self.tables.write().unwrap_or_else(PoisonError::into_inner).insert(source.into(), batches);
    }

    /// The folder that paths are relative to.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }
}

impl Sources for LocalSources {
    fn open(&self, source: &definition::Source) -> Result<Box<dyn Source + '_>> {
        match source.origin() {
            #[cfg(feature = "object-store")]
            Origin::File { path, .. } if is_remote(path) => self.buckets.table(source, path),
            #[cfg(not(feature = "object-store"))]
            Origin::File { path, .. } if is_remote(path) => Err(unread(
                source,
                "it lies in a bucket, and the feature `object-store` of this build is off",
                "build with the feature `object-store`",
            )),
            Origin::File { path, .. } => file(&self.root.join(path)),
            Origin::Arrow => {
                let tables = self.tables.read().unwrap_or_else(PoisonError::into_inner);
                let Some(batches) = tables.get(source.name()) else {
                    let known: Vec<&str> = tables.keys().map(String::as_str).take(10).collect();
                    let problem = "no table is registered for the source";
                    return Err(Error::not_found(OPERATION, source.name(), problem).remedy(format!(
                        "register one under its name; {} are registered",
                        if known.is_empty() { "none".to_owned() } else { known.join(", ") }
                    )));
                };
                Ok(Box::new(batches.clone()))
            }
            #[cfg(feature = "postgres")]
            Origin::PostgresTable { table } => postgres::table(self.postgres().as_ref(), source, table),
            #[cfg(feature = "postgres")]
            Origin::PostgresQuery { query } => postgres::query(self.postgres().as_ref(), source, query),
            #[cfg(not(feature = "postgres"))]
            Origin::PostgresTable { .. } | Origin::PostgresQuery { .. } => Err(unread(
                source,
                "it lies in PostgreSQL, and the feature `postgres` of this build is off",
                "build with the feature `postgres`",
            )),
            Origin::Push { .. } => {
                Err(unread(source, "rows are sent to it, and it has no history", "give it a batch_source"))
            }
            Origin::Request { .. } => Err(unread(
                source,
                "its values come with requests",
                "pass them as columns of the entity rows",
            )),
        }
    }

    fn append(&self, source: &definition::Source, rows: &RecordBatch) -> Result<()> {
        match source.origin() {
            Origin::File { path, .. } if is_remote(path) => {
                Err(unappendable(source, "its files lie in a bucket, which is only read"))
            }
            #[cfg(feature = "parquet")]
            Origin::File { path, partition_columns } => {
                if !partition_columns.is_empty() {
                    return Err(unappendable(source, "its files lie in folders by the values of columns"));
                }
                super::folder::append(source, &self.root.join(path), rows)
            }
            #[cfg(not(feature = "parquet"))]
            Origin::File { .. } => Err(unappendable(
                source,
                "this build writes no Parquet, because the feature `parquet` is off",
            )),
            Origin::Arrow => {
                let mut tables = self.tables.write().unwrap_or_else(PoisonError::into_inner);
                let batches = tables.entry(source.name().to_owned()).or_default();
                let rows = match batches.first() {
                    Some(first) => as_table(source, &first.schema(), rows)?,
                    None => rows.clone(),
                };
                batches.push(rows);
                Ok(())
            }
            Origin::PostgresTable { .. }
            | Origin::PostgresQuery { .. }
            | Origin::Push { .. }
            | Origin::Request { .. } => Err(unappendable(source, "its kind of source is only read")),
        }
    }
}

/// The rows under the schema of the table that they are added to: their columns are its own, and null only where it lets them.
fn as_table(source: &definition::Source, schema: &SchemaRef, rows: &RecordBatch) -> Result<RecordBatch> {
    let refused = |problem: String| {
        Err(Error::schema_mismatch(super::APPEND, source.name(), problem)
            .remedy("pass the table's columns in their order and with their types"))
    };
    let is_same = |(own, sent): (&FieldRef, &FieldRef)| {
        own.name() == sent.name() && own.data_type() == sent.data_type()
    };
    let sent = rows.schema();
    if schema.fields().len() != sent.fields().len() || !schema.fields().iter().zip(sent.fields()).all(is_same)
    {
        return refused("the rows have other columns than the registered table".to_owned());
    }
    for (field, column) in schema.fields().iter().zip(rows.columns()) {
        if !field.is_nullable() && column.null_count() > 0 {
            return refused(format!("column {} has nulls, and the registered table has none", field.name()));
        }
    }
    RecordBatch::try_new(Arc::clone(schema), rows.columns().to_vec())
        .map_err(|cause| Error::internal(super::APPEND, source.name(), cause.to_string()).caused_by(cause))
}

#[cfg(feature = "parquet")]
fn file(path: &Path) -> Result<Box<dyn Source + 'static>> {
    Ok(Box::new(crate::store::offline::ParquetTable::open(path)?))
}

#[cfg(not(feature = "parquet"))]
fn file(path: &Path) -> Result<Box<dyn Source + 'static>> {
    let problem = "this build reads no Parquet, because the feature `parquet` is off";
    Err(Error::unsupported(OPERATION, path.display().to_string(), problem)
        .remedy("build with the feature `parquet`, or register tables of Arrow"))
}

/// Whether a path is the URL of a table in a bucket.
fn is_remote(path: &str) -> bool {
    ["s3://", "gs://", "az://"].iter().any(|scheme| path.starts_with(scheme))
}

fn unread(source: &definition::Source, problem: &str, remedy: &str) -> Error {
    Error::unsupported(OPERATION, source.name(), problem).remedy(remedy)
}
