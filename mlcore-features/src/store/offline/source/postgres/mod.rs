//! Queries of a PostgreSQL server, of which the server answers the columns and the times that are needed.

mod columns;
mod numeric;

use std::fmt;
use std::sync::Arc;

use mlcore::arrow::array::RecordBatch;
use mlcore::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use mlcore::postgres::{Column, Cursor, Database, Rows, Type};
use mlcore::registry::PostgresOptions;
use mlcore::{Error, Result};

use self::columns::Reading;
use super::{Bound, Piece, Pieces, Scan, Source};
use crate::pipeline::{BatchStream, Batches};
use crate::program::missing_column;
use crate::store::offline::kept::assembled;

const OPERATION: &str = "read features";
/// Enough that the way to the server and back does not count.
const BATCH_ROWS: u32 = 1 << 14;
/// As many rows are fetched first: after them it is known how large rows are.
const FIRST_ROWS: u32 = 64;
/// Rows that are large are fetched so many bytes at a time.
const BATCH_BYTES: usize = 8 << 20;

/// The answer of a query to a PostgreSQL server. Needs the feature `postgres`.
///
/// Of a join, the server sends the columns that are needed, and of the rows those whose event and created time may matter: an index on
/// them is used. Rows come in batches from one snapshot, over a connection of its own for each pass, within a transaction that cannot
/// write. The session's time zone is UTC, and tables are found by the role's `search_path`; a `schema` in the URL is looked in first.
///
/// The query is written without parameters, and its columns have names of their own. Where rows of equal keys and times differ, it says
/// by `ORDER BY` which of them comes last and is used.
///
/// | PostgreSQL | Arrow |
/// |---|---|
/// | `boolean` | `Boolean` |
/// | `smallint`, `integer`, `bigint`, `oid` | `Int16`, `Int32`, `Int64`, `UInt32` |
/// | `real`, `double precision` | `Float32`, `Float64` |
/// | `numeric(p, s)` | `Decimal128(p, s)` up to 38 digits, `Decimal256(p, s)` up to 76 |
/// | `text`, `varchar`, `char`, `name`, `citext`, enums, `json`, `jsonb`, `uuid` | `Utf8` |
/// | `bytea` | `Binary` |
/// | `date` | `Date32` |
/// | `time` | `Time64` in microseconds |
/// | `timestamp`, `timestamptz` | `Timestamp` in microseconds, without a zone and in UTC |
/// | arrays of one dimension of these | `List` |
/// | a domain | as the type below it |
///
/// Other types, and `numeric` that says no digits, are refused by name: a cast in the query says what they are to be. So are values that
/// Arrow has not, by the row: `infinity`, and NaN of a `numeric`.
///
/// ```no_run
/// use std::sync::Arc;
///
/// use mlcore::arrow::array::{Int64Array, RecordBatch, TimestampMicrosecondArray};
/// use mlcore_features::store::offline::{PointInTimeJoin, PostgresQuery, View};
///
/// let trips = PostgresQuery::open(
///     "postgresql://reader:secret@db.example.com/trips?sslmode=require",
///     "SELECT driver_id, event_timestamp, created, trips_today FROM driver_trips",
/// )?;
/// let view = View::new("trips", trips, ["driver_id"], "event_timestamp")
///     .with_created_timestamp("created")
///     .with_features(["trips_today"]);
/// let labels = RecordBatch::try_from_iter([
///     ("driver_id", Arc::new(Int64Array::from(vec![7])) as _),
///     ("event_timestamp", Arc::new(TimestampMicrosecondArray::from(vec![1_767_225_600_000_000])) as _),
/// ])
/// .unwrap();
/// let joined = PointInTimeJoin::new("event_timestamp").with(view).run(&labels)?;
/// # Ok::<(), mlcore::Error>(())
/// ```
pub struct PostgresQuery {
    database: Database,
    query: String,
    columns: Vec<Column>,
    readings: Vec<Option<Reading>>,
    schema: SchemaRef,
    batch_rows: u32,
}

impl PostgresQuery {
    /// Asks the server at a URL which columns a query has. The URL is that of
    /// [`PostgresOptions::from_url`](mlcore::registry::PostgresOptions::from_url).
    ///
    /// # Errors
    /// [`Error::InvalidInput`] for a URL or a query that cannot be meant, and for two columns of one name; [`Error::NotFound`] for a
    /// table or a database that is not there; [`Error::PermissionDenied`]; [`Error::Unavailable`] for a server that does not answer.
    pub fn open(url: &str, query: impl Into<String>) -> Result<Self> {
        Self::open_with(&PostgresOptions::from_url(url)?, query)
    }

    /// The same, with options: authorities of certificates, and how long opening a connection and fetching a batch may take.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_with(options: &PostgresOptions, query: impl Into<String>) -> Result<Self> {
        let query = query.into().trim_end_matches(|c: char| c == ';' || c.is_whitespace()).to_owned();
        let database = Database::new(options.clone())?;
        let described = database.describe(OPERATION, &selected("*", &query));
        let columns = described.map_err(|error| within(error, &query))?;
        let mut fields: Vec<Field> = Vec::with_capacity(columns.len());
        let mut readings = Vec::with_capacity(columns.len());
        for column in &columns {
            if fields.iter().any(|field| field.name() == &column.name) {
                let problem = "the query has two columns of this name";
                let error = Error::invalid_input(OPERATION, &column.name, problem)
                    .remedy("name each column once; AS gives one another name");
                return Err(within(error, &query));
            }
            let reading = Reading::of(&column.data_type, column.modifier);
            // A column that cannot be read is refused when it is asked for.
            let data_type = reading.as_ref().map_or(DataType::Null, Reading::data_type);
            fields.push(Field::new(&column.name, data_type, true));
            readings.push(reading);
        }
        let schema = Arc::new(Schema::new(fields));
        Ok(Self { database, query, columns, readings, schema, batch_rows: BATCH_ROWS })
    }

    /// How many rows are fetched at once, at least 1, where they are not large. Default 16 384.
    #[must_use]
    pub fn with_batch_rows(mut self, batch_rows: u32) -> Self {
        self.batch_rows = batch_rows.max(1);
        self
    }

    /// The query.
    #[must_use]
    pub fn query(&self) -> &str {
        &self.query
    }

    /// Begins to read some columns of the rows that a condition lets through.
    fn read(&self, names: &[String], condition: Option<&str>) -> Result<Reader> {
        let mut columns = Vec::with_capacity(names.len());
        for name in names {
            let Some((position, field)) = self.schema.fields().find(name) else {
                return Err(missing_column(self.schema.fields(), name, OPERATION));
            };
            let (Some(column), Some(Some(reading))) =
                (self.columns.get(position), self.readings.get(position))
            else {
                return Err(self.refused(name, position));
            };
            columns.push((Arc::clone(field), column.clone(), reading.clone()));
        }
        let list: Vec<String> = names.iter().map(|name| quoted(name)).collect();
        let mut sql = selected(&list.join(", "), &self.query);
        if let Some(condition) = condition {
            sql.push_str(" WHERE ");
            sql.push_str(condition);
        }
        let cursor = self.database.open(OPERATION, &sql)?;
        Ok(Reader { cursor, columns, next: 0, batch_rows: self.batch_rows, rows: FIRST_ROWS })
    }

    fn refused(&self, name: &str, position: usize) -> Error {
        let named = self.columns.get(position).map_or("", |column| column.data_type.name());
        let (problem, remedy) = if named.trim_start_matches('_') == Type::NUMERIC.name() {
            (
                format!("{named} says no digits, or more than 76, and Arrow's decimals have some"),
                format!(
                    "write CAST({name} AS numeric(18, 4)) or CAST({name} AS double precision) in the query"
                ),
            )
        } else {
            (
                format!("the type {named} has no like in Arrow"),
                format!("cast it in the query, as in CAST({name} AS text)"),
            )
        };
        Error::unsupported(OPERATION, name, problem).remedy(remedy)
    }

    /// The rows that may matter by a column of times, in the words of the server; `None` where all may.
    fn condition(&self, bound: &Bound<'_>) -> Option<String> {
        let position = self.schema.index_of(bound.column).ok()?;
        let clock = self.readings.get(position)?.as_ref()?.clock()?;
        let column = quoted(bound.column);
        // A moment is rounded down on both sides: a date that bounds moments is the day of the first of them.
        let side = |moment: Option<i128>, comparison: &str| {
            let literal = clock.literal(moment?)?;
            Some(format!("{column} {comparison} {literal}"))
        };
        let sides: Vec<String> =
            [side(bound.earliest, ">="), side(bound.latest, "<=")].into_iter().flatten().collect();
        // Rows without a time are counted, as those of other sources are.
        (!sides.is_empty()).then(|| format!("({} OR {column} IS NULL)", sides.join(" AND ")))
    }
}

impl Source for PostgresQuery {
    fn schema(&self) -> Result<SchemaRef> {
        Ok(self.schema.clone())
    }

    fn scan<'a>(&'a self, scan: &Scan<'_>) -> Result<Pieces<'a>> {
        let conditions: Vec<String> = scan.bounds.iter().filter_map(|bound| self.condition(bound)).collect();
        let condition = (!conditions.is_empty()).then(|| conditions.join(" AND "));
        let reader = self.read(scan.columns(), condition.as_deref());
        let reader = reader.map_err(|error| within(error, &self.query))?;
        Ok(Box::new(reader.map(|piece| piece.map_err(|error| within(error, &self.query)))))
    }
}

/// The rows, of which the columns that are not wanted are not sent.
impl Batches for PostgresQuery {
    fn open<'a>(&'a self, wanted: &dyn Fn(&str) -> bool) -> Result<BatchStream<'a>> {
        let names = self.schema.fields().iter().map(|field| field.name()).filter(|name| wanted(name));
        let names: Vec<String> = names.cloned().collect();
        let reader = self.read(&names, None).map_err(|error| within(error, &self.query))?;
        Ok(Box::new(reader.map(|piece| match piece {
            Ok(piece) => Ok(piece.rows),
            Err(error) => Err(within(error, &self.query)),
        })))
    }
}

impl fmt::Debug for PostgresQuery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresQuery")
            .field("server", &self.database.subject())
            .field("query", &self.query)
            .finish_non_exhaustive()
    }
}

/// The rows of a query on their way here; it ends behind an error.
struct Reader {
    cursor: Cursor,
    columns: Vec<(Arc<Field>, Column, Reading)>,
    /// The number of the next row.
    next: u64,
    batch_rows: u32,
    /// How many rows are fetched next; none once all came.
    rows: u32,
}

impl Iterator for Reader {
    type Item = Result<Piece>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rows == 0 {
            return None;
        }
        let asked = self.rows.min(self.batch_rows);
        let piece = self.cursor.fetch(asked).and_then(|rows| self.piece(&rows));
        self.rows = match &piece {
            Ok(piece) if piece.rows.num_rows() as u32 == asked => {
                let bytes = piece.rows.get_array_memory_size() / asked.max(1) as usize;
                u32::try_from(BATCH_BYTES / bytes.max(1)).unwrap_or(u32::MAX).max(1)
            }
            _ => 0,
        };
        match piece {
            Ok(piece) if piece.rows.num_rows() == 0 => None,
            piece => Some(piece),
        }
    }
}

impl Reader {
    fn piece(&mut self, rows: &Rows) -> Result<Piece> {
        let first = self.next;
        let found = rows.columns();
        let mut arrays = Vec::with_capacity(self.columns.len());
        for (position, (field, column, reading)) in self.columns.iter().enumerate() {
            let name = field.name();
            if let Some(found) = found.get(position).filter(|found| *found != column) {
                let problem = format!(
                    "it was of type {} when the query was opened, and is of type {}",
                    column.data_type.name(),
                    found.data_type.name()
                );
                return Err(Error::conflict(OPERATION, name, problem).remedy("open the query again"));
            }
            let array = reading.array(&rows.values(position)).map_err(|problem| {
                let row = first + problem.cell as u64;
                Error::unsupported(OPERATION, name, format!("row {row} of the answer {}", problem.text))
                    .remedy(problem.remedy)
            })?;
            arrays.push(array);
        }
        self.next += rows.len() as u64;
        let fields = self.columns.iter().map(|(field, ..)| Arc::clone(field)).collect();
        let batch: RecordBatch = assembled(OPERATION, fields, arrays, rows.len())?;
        Ok(Piece::new(first, batch))
    }
}

/// Columns of a query. A comment may end it.
fn selected(columns: &str, query: &str) -> String {
    format!("SELECT {columns} FROM ({query}\n) AS mlcore_query")
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// Names the query in an error: its beginning, in one line.
fn within(error: Error, query: &str) -> Error {
    const MOST_CHARS: usize = 80;
    if matches!(error, Error::Interrupted(_)) {
        return error;
    }
    let line = query.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut shown: String = line.chars().take(MOST_CHARS).collect();
    if shown.len() < line.len() {
        shown.push_str("..");
    }
    error.within(format!("query {shown}"))
}
