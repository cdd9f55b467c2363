use std::collections::BTreeMap;

use mlcore::{Error, Result};
use serde::{Deserialize, Serialize};

use super::field::check_all;
use super::metadata::{built_from, metadata_getters, metadata_setters};
use super::{Field, Kind, name};

/// What kind of place values come from.
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum SourceKind {
    /// Parquet: one file, a folder of files, or a pattern.
    File,
    /// Rows that are sent to the store, with a batch source of their history.
    Push,
    /// Values that a request brings along.
    Request,
    /// A table or a query of PostgreSQL.
    Postgres,
    /// A table of Arrow that is bound to the source's name at run time.
    Arrow,
}

mlcore::words! {
    SourceKind, "kind of source":
    File = "file", Push = "push", Request = "request", Postgres = "postgres", Arrow = "arrow",
}

/// Where values come from. Feast's `DataSource`.
///
/// ```
/// use mlcore::schema::DType;
/// use mlcore_features::store::definition::{Field, Origin, Source};
///
/// let stats = Source::file("data/stats/*.parquet")
///     .name("stats")
///     .timestamp_field("event_timestamp")
///     .created_timestamp_column("created")
///     .map_field("avg_trips", "avg_daily_trips")
///     .build()?;
/// let pushed = Source::push("stats_push").batch_source("stats").build()?;
/// let request = Source::request("vals", [Field::new("val", DType::Int64)]).build()?;
/// let customers = Source::postgres_query("customers", "SELECT * FROM customers").timestamp_field("seen").build()?;
/// let table = Source::arrow("weather").timestamp_field("hour").build()?;
/// assert!(matches!(stats.origin(), Origin::File { path: "data/stats/*.parquet", .. }));
/// # let _ = (pushed, request, customers, table);
/// # Ok::<(), mlcore::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(try_from = "SourceBuilder", into = "SourceBuilder")]
pub struct Source(SourceBuilder);

/// Collects what a [`Source`] is, and is how one is stored.
#[must_use = "a source is made by `build`"]
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SourceBuilder {
    kind: SourceKind,
    #[serde(default)]
    name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    path: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    partition_columns: Vec<Field>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    table: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    query: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    batch_source: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    schema: Vec<Field>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    timestamp_field: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    created_timestamp_column: Option<String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    field_mapping: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    description: String,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    tags: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    owner: String,
}

/// What a source reads, by its kind.
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Origin<'a> {
    /// Parquet.
    #[non_exhaustive]
    File {
        /// A file, a folder, or a pattern with `*` and `**`. A relative path begins where the store's configuration lies; that of a bucket
        /// is a URL, `s3://bucket/folder`.
        path: &'a str,
        /// Columns that stand in the names of folders, `day=2026-01-01`, with their types.
        partition_columns: &'a [Field],
    },
    /// Rows that are sent.
    #[non_exhaustive]
    Push {
        /// The source of their history.
        batch_source: Option<&'a str>,
    },
    /// Values of requests.
    #[non_exhaustive]
    Request {
        /// The values.
        schema: &'a [Field],
    },
    /// A table of PostgreSQL.
    #[non_exhaustive]
    PostgresTable {
        /// Its name, with its schema where that is another than the default one.
        table: &'a str,
    },
    /// A query of PostgreSQL.
    #[non_exhaustive]
    PostgresQuery {
        /// The text of a `SELECT`.
        query: &'a str,
    },
    /// A table of Arrow, bound by the source's name.
    Arrow,
}

impl Source {
    fn of_kind(kind: SourceKind, name: impl Into<String>) -> SourceBuilder {
        SourceBuilder {
            kind,
            name: name.into(),
            path: None,
            partition_columns: Vec::new(),
            table: None,
            query: None,
            batch_source: None,
            schema: Vec::new(),
            timestamp_field: None,
            created_timestamp_column: None,
            field_mapping: BTreeMap::new(),
            description: String::new(),
            tags: BTreeMap::new(),
            owner: String::new(),
        }
    }

    /// Begins a source of Parquet: a file, a folder, or a pattern. Its name is the path, unless it is given another.
    pub fn file(path: impl Into<String>) -> SourceBuilder {
        SourceBuilder { path: Some(path.into()), ..Self::of_kind(SourceKind::File, "") }
    }

    /// Begins a source of rows that are sent to the store.
    pub fn push(name: impl Into<String>) -> SourceBuilder {
        Self::of_kind(SourceKind::Push, name)
    }

    /// Begins a source of values that a request brings along.
    pub fn request(name: impl Into<String>, schema: impl IntoIterator<Item = Field>) -> SourceBuilder {
        SourceBuilder { schema: schema.into_iter().collect(), ..Self::of_kind(SourceKind::Request, name) }
    }

    /// Begins a source that is a table of PostgreSQL. The connection is given at run time, and never stored.
    pub fn postgres_table(name: impl Into<String>, table: impl Into<String>) -> SourceBuilder {
        SourceBuilder { table: Some(table.into()), ..Self::of_kind(SourceKind::Postgres, name) }
    }

    /// Begins a source that is a query of PostgreSQL. The connection is given at run time, and never stored.
    pub fn postgres_query(name: impl Into<String>, query: impl Into<String>) -> SourceBuilder {
        SourceBuilder { query: Some(query.into()), ..Self::of_kind(SourceKind::Postgres, name) }
    }

    /// Begins a source that is a table of Arrow, which is bound to its name at run time.
    pub fn arrow(name: impl Into<String>) -> SourceBuilder {
        Self::of_kind(SourceKind::Arrow, name)
    }

    /// Its kind.
    #[must_use]
    pub fn kind(&self) -> SourceKind {
        self.0.kind
    }

    /// What it reads.
    #[must_use]
    pub fn origin(&self) -> Origin<'_> {
        let own = &self.0;
        match own.kind {
            SourceKind::File => Origin::File {
                path: own.path.as_deref().unwrap_or_default(),
                partition_columns: &own.partition_columns,
            },
            SourceKind::Push => Origin::Push { batch_source: own.batch_source.as_deref() },
            SourceKind::Request => Origin::Request { schema: &own.schema },
            SourceKind::Postgres => match &own.query {
                Some(query) => Origin::PostgresQuery { query },
                None => Origin::PostgresTable { table: own.table.as_deref().unwrap_or_default() },
            },
            SourceKind::Arrow => Origin::Arrow,
        }
    }

    /// The column of the time at which a row was true. A push source with a batch source, and a request, have none of their own.
    #[must_use]
    pub fn timestamp_field(&self) -> Option<&str> {
        self.0.timestamp_field.as_deref()
    }

    /// The column of the time at which a row was written, by which rows of one key and time are told apart.
    #[must_use]
    pub fn created_timestamp_column(&self) -> Option<&str> {
        self.0.created_timestamp_column.as_deref()
    }

    /// The names of its columns that have another name as features: from the column's name to the feature's.
    #[must_use]
    pub fn field_mapping(&self) -> &BTreeMap<String, String> {
        &self.0.field_mapping
    }

    /// Whether it holds history that can be read as a table: a file, PostgreSQL or Arrow.
    #[must_use]
    pub fn is_batch(&self) -> bool {
        matches!(self.0.kind, SourceKind::File | SourceKind::Postgres | SourceKind::Arrow)
    }
}

metadata_getters!(Source);
built_from!(Source, SourceBuilder);
metadata_setters!(SourceBuilder);

impl SourceBuilder {
    /// Names it.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// Names the column of the time at which a row was true.
    pub fn timestamp_field(mut self, column: impl Into<String>) -> Self {
        self.timestamp_field = Some(column.into());
        self
    }

    /// Names the column of the time at which a row was written.
    pub fn created_timestamp_column(mut self, column: impl Into<String>) -> Self {
        self.created_timestamp_column = Some(column.into());
        self
    }

    /// Gives a column another name as a feature.
    pub fn map_field(mut self, column: impl Into<String>, feature: impl Into<String>) -> Self {
        self.field_mapping.insert(column.into(), feature.into());
        self
    }

    /// Names the columns that stand in the names of a file source's folders, with their types.
    pub fn partition_columns(mut self, columns: impl IntoIterator<Item = Field>) -> Self {
        self.partition_columns = columns.into_iter().collect();
        self
    }

    /// Names the source of the history of what a push source is sent.
    pub fn batch_source(mut self, name: impl Into<String>) -> Self {
        self.batch_source = Some(name.into());
        self
    }

    /// Makes the source.
    ///
    /// # Errors
    /// [`InvalidInput`](Error::InvalidInput) for a name or a column that may not be, for what the kind needs and lacks (`path`,
    /// `timestamp_field`, `query` or `table`, `schema`), and for what another kind has.
    pub fn build(mut self) -> Result<Source> {
        if self.name.is_empty()
            && let (SourceKind::File, Some(path)) = (self.kind, &self.path)
        {
            self.name.clone_from(path);
        }
        name::check_object(Kind::Source, &self.name)?;
        self.check_parts().map_err(|error| error.within(name::shown(&self.name)))?;
        check_all(OPERATION, &self.name, &self.schema)?;
        check_all(OPERATION, &self.name, &self.partition_columns)?;
        Ok(Source(self))
    }

    fn check_parts(&self) -> Result<()> {
        name::check_metadata(OPERATION, &self.description, &self.tags, &self.owner)?;
        self.check_kind()?;
        let columns = [
            ("timestamp_field", self.timestamp_field.as_deref()),
            ("created_timestamp_column", self.created_timestamp_column.as_deref()),
        ];
        for (what, column) in columns {
            column.map_or(Ok(()), |column| name::check_column(OPERATION, what, column))?;
        }
        if self.timestamp_field.is_some() && self.timestamp_field == self.created_timestamp_column {
            let problem = "it is the timestamp_field, too";
            return Err(Error::invalid_input(OPERATION, "created_timestamp_column", problem)
                .remedy("name the column of the time of writing, or leave it away"));
        }
        name::check_count(OPERATION, "field_mapping", self.field_mapping.len())?;
        let mut features = std::collections::BTreeSet::new();
        for (column, feature) in &self.field_mapping {
            name::check_column(OPERATION, "field_mapping", column)?;
            name::check_column(OPERATION, "field_mapping", feature)?;
            if !features.insert(feature) {
                let problem = format!("two columns would be called {}", name::shown(feature));
                return Err(Error::invalid_input(OPERATION, "field_mapping", problem)
                    .remedy("give each column a name of its own"));
            }
        }
        Ok(())
    }

    /// Each kind has what it needs, and nothing of another.
    fn check_kind(&self) -> Result<()> {
        let needed: &[&str] = match self.kind {
            SourceKind::File => &["path", "timestamp_field"],
            SourceKind::Push if self.batch_source.is_some() => &["batch_source"],
            SourceKind::Push | SourceKind::Arrow => &["timestamp_field"],
            SourceKind::Request => &["schema"],
            SourceKind::Postgres if self.query.is_some() => &["query", "timestamp_field"],
            SourceKind::Postgres => &["table", "timestamp_field"],
        };
        let allowed: &[&str] = match self.kind {
            SourceKind::File => &["partition_columns", "created_timestamp_column", "field_mapping"],
            SourceKind::Push if self.batch_source.is_some() => &[],
            SourceKind::Push | SourceKind::Postgres | SourceKind::Arrow => {
                &["created_timestamp_column", "field_mapping"]
            }
            SourceKind::Request => &[],
        };
        let parts = [
            ("path", self.path.is_some()),
            ("partition_columns", !self.partition_columns.is_empty()),
            ("table", self.table.is_some()),
            ("query", self.query.is_some()),
            ("batch_source", self.batch_source.is_some()),
            ("schema", !self.schema.is_empty()),
            ("timestamp_field", self.timestamp_field.is_some()),
            ("created_timestamp_column", self.created_timestamp_column.is_some()),
            ("field_mapping", !self.field_mapping.is_empty()),
        ];
        for (part, is_there) in parts {
            if needed.contains(&part) && !is_there {
                let problem = format!("a {} source needs it", self.kind);
                return Err(Error::invalid_input(OPERATION, part, problem).remedy(format!("say {part}")));
            }
            if is_there && !needed.contains(&part) && !allowed.contains(&part) {
                let problem = if self.kind == SourceKind::Push {
                    "a push source with a batch source has that of the latter".to_owned()
                } else {
                    format!("a {} source has none", self.kind)
                };
                return Err(Error::invalid_input(OPERATION, part, problem).remedy("leave it away"));
            }
        }
        for text in [&self.path, &self.table, &self.query, &self.batch_source].into_iter().flatten() {
            name::check_text(OPERATION, "text", text)?;
            if text.trim().is_empty() || text.contains('\0') {
                let problem = format!("a text of the {} source is empty or holds a zero byte", self.kind);
                return Err(Error::invalid_input(OPERATION, "text", problem).remedy("say what it reads"));
            }
        }
        Ok(())
    }
}

const OPERATION: &str = "define source";
