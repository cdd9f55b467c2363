use std::fmt;
use std::sync::Arc;

use mlcore::Result;
use mlcore::batch::{RecordReader, Row, Value};
use mlcore::schema::Schema;
use serde::{Deserializer, Serialize};

use crate::endpoint::Endpoint;

/// Reads raw records whose values have names (JSON objects, structs, pairs) into rows that every arm answers, in memory that
/// is used again: one reader for each thread.
///
/// Its columns are [those that the arms read](Endpoint::columns) between them, also after a release that reads others. What
/// each makes of a value is said by [`RecordReader`], with [any number](RecordReader::with_any_number) in a column of numbers:
/// the plan that answers says whether it needs one that its column's type holds. A name that no arm reads is passed over, as a column of a table is,
/// unless [strict names](Records::with_strict_names) are asked for. A column that the answering arm reads must be sent, as
/// null where it is missing, unless [absent names are nulls](Records::with_absent_as_null); those of other arms need not be.
pub struct Records {
    endpoint: Endpoint,
    columns: Arc<Schema>,
    reader: RecordReader,
    is_strict: bool,
    is_absent_null: bool,
}

impl Endpoint {
    /// Begins to read records by name.
    ///
    /// ```no_run
    /// # fn serve(endpoint: &mlcore_serve::Endpoint) -> mlcore::Result<()> {
    /// use mlcore::name::UnitId;
    /// use mlcore_serve::endpoint::Request;
    ///
    /// #[derive(serde::Serialize)]
    /// struct Customer {
    ///     age: f64,
    ///     plan: &'static str,
    /// }
    ///
    /// let (user, mut records) = (UnitId::new("user-17")?, endpoint.records()?);
    /// let customer = Customer { age: 41.0, plan: "pro" };
    /// records.read(&customer, |row| endpoint.predict(Request::row(&user, row)))?;
    /// records.read_json(br#"{"plan": "pro", "age": 41}"#, |row| endpoint.predict(Request::row(&user, row)))?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`RecordReader::new`].
    pub fn records(&self) -> Result<Records> {
        let columns = self.columns();
        let reader = RecordReader::new(&columns)?.with_any_number().with_absent_told();
        Ok(Records { endpoint: self.clone(), columns, reader, is_strict: false, is_absent_null: false })
    }
}

impl Records {
    /// Refuses records that name a column that no arm reads: a slip of the pen in a name is found.
    #[must_use]
    pub fn with_strict_names(mut self) -> Self {
        self.is_strict = true;
        self.reader = self.reader.with_strict_names();
        self
    }

    /// Takes a name that is absent as null, where the plan that answers allows nulls: for callers that leave them away.
    #[must_use]
    pub fn with_absent_as_null(mut self) -> Self {
        self.is_absent_null = true;
        self.reader = self.reader.with_absent_as_null();
        self
    }

    /// Calls `use_row` with the row of a struct or a map that serde serialises.
    ///
    /// # Errors
    /// As [`RecordReader::read`].
    pub fn read<T: Serialize + ?Sized, R>(
        &mut self,
        record: &T,
        use_row: impl FnOnce(Row<'_>) -> Result<R>,
    ) -> Result<R> {
        self.current()?.read(record, use_row)
    }

    /// Calls `use_row` with the row of a JSON object.
    ///
    /// # Errors
    /// As [`RecordReader::read_json`].
    pub fn read_json<R>(&mut self, json: &[u8], use_row: impl FnOnce(Row<'_>) -> Result<R>) -> Result<R> {
        self.current()?.read_json(json, use_row)
    }

    /// Calls `use_row` with the row of a record in any format that serde knows.
    ///
    /// # Errors
    /// As [`RecordReader::read_from`].
    pub fn read_from<'de, R>(
        &mut self,
        deserializer: impl Deserializer<'de>,
        use_row: impl FnOnce(Row<'_>) -> Result<R>,
    ) -> Result<R> {
        self.current()?.read_from(deserializer, use_row)
    }

    /// Calls `use_row` with the row of these names and values.
    ///
    /// # Errors
    /// As [`RecordReader::read_pairs`].
    pub fn read_pairs<'v, R>(
        &mut self,
        pairs: impl IntoIterator<Item = (impl AsRef<str>, Value<'v>)>,
        use_row: impl FnOnce(Row<'_>) -> Result<R>,
    ) -> Result<R> {
        self.current()?.read_pairs(pairs, use_row)
    }

    /// The reader of the columns that the arms read now.
    fn current(&mut self) -> Result<&mut RecordReader> {
        let deployment = self.endpoint.inner.deployment.load();
        let columns = deployment.columns.all();
        if !Arc::ptr_eq(columns, &self.columns) {
            let reader = RecordReader::new(columns)?.with_any_number();
            let reader = if self.is_strict { reader.with_strict_names() } else { reader };
            let is_null = self.is_absent_null;
            self.reader = if is_null { reader.with_absent_as_null() } else { reader.with_absent_told() };
            self.columns = columns.clone();
        }
        Ok(&mut self.reader)
    }
}

impl fmt::Debug for Records {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.columns.names().collect();
        f.debug_struct("Records").field("columns", &names).finish_non_exhaustive()
    }
}
