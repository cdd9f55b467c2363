use mlcore::arrow::array::RecordBatch;
use mlcore::batch::{Row, TableBuilder, Value};
use mlcore::schema::{DType, Field, Schema};
use mlcore::time::{TimeUnit, TimeZone, Timestamp};
use mlcore::{Error, Result};

use super::super::compile::Compiled;
use super::super::conform::adapted;
use super::super::{FeatureQuery, FeatureStore};
use super::OPERATION;
use crate::store::definition::ValueType;

/// Collects what was served, request by request, as the table that [`FeatureStore::check_skew`] compares with history.
///
/// ```no_run
/// use mlcore::batch::Value;
/// use mlcore::time::Timestamp;
/// use mlcore_features::store::feature_store::{FeatureQuery, FeatureStore, SkewOptions};
///
/// # fn check(store: &FeatureStore) -> mlcore::Result<()> {
/// let query = FeatureQuery::references(["stats:rating"])?;
/// let mut served = store.served_rows(&query, "served_at")?;
/// served.push(Timestamp::from_millis(9_000), |column| match column {
///     "driver_id" => Some(Value::Int(7)),
///     "rating" => Some(Value::Float(4.5)),
///     _ => None,
/// })?;
/// println!("{}", store.check_skew(&served.finish()?, &query, &SkewOptions::default())?);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct ServedRows {
    schema: Schema,
    table: TableBuilder,
    /// How many of the columns are features; they are the last ones.
    features: usize,
}

impl FeatureStore {
    /// Begins to collect what was served of a query, with the times of requests in the column `served_at`.
    ///
    /// # Errors
    /// As [`prepare`](Self::prepare), but for views that are not online; [`InvalidInput`](Error::InvalidInput) where `served_at` is a join
    /// key or a feature; [`Unsupported`](Error::Unsupported) for features that are lists.
    pub fn served_rows(&self, query: &FeatureQuery, served_at: &str) -> Result<ServedRows> {
        ServedRows::new(&self.compile(query)?, served_at)
    }
}

impl ServedRows {
    fn new(compiled: &Compiled, served_at: &str) -> Result<Self> {
        let keys =
            compiled.join_keys.iter().map(|key| (key.key.column.as_str(), key.key.field.dtype, "a join key"));
        let request =
            compiled.request.iter().map(|field| (field.name.as_str(), field.dtype, "a value of requests"));
        let features =
            compiled.outputs.iter().map(|output| (output.name.as_str(), output.dtype, "a feature"));
        let time = DType::Timestamp(TimeUnit::Microsecond, Some(TimeZone::UTC));
        let mut fields = vec![Field::column(served_at, time)];
        for (name, dtype, what) in keys.chain(request).chain(features) {
            if name == served_at {
                let problem = format!("it is {what} of the query, and the column of times cannot be it");
                return Err(Error::invalid_input(OPERATION, name, problem)
                    .remedy("take another name for the times of requests"));
            }
            let ValueType::Scalar(dtype) = dtype else {
                return Err(Error::unsupported(OPERATION, name, "rows of single values hold no list")
                    .remedy("leave it out, or make the table of served features yourself"));
            };
            fields.push(Field::column(name, dtype).nullable());
        }
        let schema = Schema::new(fields)?;
        Ok(Self { table: TableBuilder::new(&schema)?, schema, features: compiled.outputs.len() })
    }

    /// The columns of join keys and of values that requests brought, which each row must have.
    pub fn asked(&self) -> impl Iterator<Item = &str> {
        self.columns().take(self.schema.len().saturating_sub(self.features + 1))
    }

    /// The features, in the order of the query.
    pub fn features(&self) -> impl Iterator<Item = &str> {
        self.columns().skip(self.schema.len().saturating_sub(self.features + 1))
    }

    /// All columns but that of the times.
    fn columns(&self) -> impl Iterator<Item = &str> {
        self.schema.names().skip(1)
    }

    /// Adds a request, of which `value` answers the join keys, what it brought, and the features that were served; null for a feature
    /// without a value.
    ///
    /// # Errors
    /// [`InvalidInput`](Error::InvalidInput) naming a column of which there is no answer, and
    /// [`SchemaMismatch`](Error::SchemaMismatch) naming one whose value is of another type. The rows before are not affected.
    pub fn push<'v>(&mut self, time: Timestamp, value: impl Fn(&str) -> Option<Value<'v>>) -> Result<()> {
        let row = self.table.rows();
        let mut values = Vec::with_capacity(self.schema.len());
        values.push(Value::Timestamp(Timestamp::from_micros(time.as_micros())));
        for field in self.schema.fields().iter().skip(1) {
            let subject = || format!("column {}, row {row}", field.name());
            let value = value(field.name()).ok_or_else(|| {
                Error::invalid_input(OPERATION, subject(), "the request has no value of it")
                    .remedy("leave requests out that did not ask for it")
            })?;
            values.push(adapted(value, field.dtype()).ok_or_else(|| {
                let problem = format!("expected {}, got {}", field.dtype(), value.described());
                Error::schema_mismatch(OPERATION, subject(), problem)
                    .remedy("compare with the definitions that it was served by")
            })?);
        }
        self.table.append(Row::new(&values, &self.schema)?)
    }

    /// The requests so far.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.table.rows()
    }

    /// The table of the requests so far; there are none after it.
    ///
    /// # Errors
    /// [`Internal`](Error::Internal) only.
    pub fn finish(&mut self) -> Result<RecordBatch> {
        self.table.finish()
    }
}
