use std::borrow::Cow;

use mlcore::arrow::array::{ArrayRef, RecordBatch};
use mlcore::batch::{ColumnView, Value};
use mlcore::{Error, Result};

/// Whom a request asks about: columns of join keys, and of values for on-demand views. A row is one entity.
///
/// A column has the name of a join key, or, as in Feast, that of its entity. Columns that nothing asks for are left alone.
///
/// ```
/// use mlcore::batch::Value;
/// use mlcore_features::store::feature_store::EntityRows;
///
/// let one = EntityRows::one([("driver_id", Value::Int(1001)), ("val", Value::Float(0.5))]);
/// assert_eq!(one.len(), 1);
/// let drivers = [Value::Int(1001), Value::Int(1002)];
/// assert_eq!(EntityRows::columns([("driver_id", &drivers[..])])?.len(), 2);
/// # Ok::<(), mlcore::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct EntityRows<'a> {
    columns: Vec<(Cow<'a, str>, Column<'a>)>,
    rows: usize,
}

#[derive(Clone, Debug)]
enum Column<'a> {
    One(Value<'a>),
    Values(&'a [Value<'a>]),
    Array(ArrayRef),
}

impl<'a> EntityRows<'a> {
    /// One entity.
    #[must_use]
    pub fn one(values: impl IntoIterator<Item = (&'a str, Value<'a>)>) -> Self {
        let columns = values.into_iter().map(|(name, value)| (Cow::Borrowed(name), Column::One(value)));
        Self { columns: columns.collect(), rows: 1 }
    }

    /// Columns of values, all of the same length.
    ///
    /// # Errors
    /// [`InvalidInput`](Error::InvalidInput) for columns of different lengths, and for a name that occurs twice.
    pub fn columns(columns: impl IntoIterator<Item = (&'a str, &'a [Value<'a>])>) -> Result<Self> {
        let mut made = Self { columns: Vec::new(), rows: 0 };
        for (name, values) in columns {
            let refuse = |problem: String| {
                Err(Error::invalid_input(OPERATION, format!("column {name}"), problem)
                    .remedy("pass each column once, with a value for each row"))
            };
            if made.find(name).is_some() {
                return refuse("two columns have this name".to_owned());
            }
            if !made.columns.is_empty() && values.len() != made.rows {
                return refuse(format!(
                    "it has {} values, and the first column has {}",
                    values.len(),
                    made.rows
                ));
            }
            made.rows = values.len();
            made.columns.push((Cow::Borrowed(name), Column::Values(values)));
        }
        Ok(made)
    }

    /// The rows of a table.
    ///
    /// # Errors
    /// [`InvalidInput`](Error::InvalidInput) for a date that is no whole day, by its column.
    pub fn of(table: &RecordBatch) -> Result<Self> {
        let mut columns = Vec::with_capacity(table.num_columns());
        for (field, column) in table.schema_ref().fields().iter().zip(table.columns()) {
            let column = Column::Array(ColumnView::plain(field.name(), column)?);
            columns.push((Cow::Owned(field.name().clone()), column));
        }
        Ok(Self { columns, rows: table.num_rows() })
    }

    /// How many entities there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.rows
    }

    /// Says whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.rows == 0
    }

    fn find(&self, name: &str) -> Option<&Column<'a>> {
        self.columns.iter().find(|(known, _)| known == name).map(|(_, column)| column)
    }

    /// The names of the columns.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.columns.iter().map(|(name, _)| &**name)
    }

    /// The values of a column; `None` where there is none of this name.
    pub(super) fn values(&self, name: &str) -> Result<Option<Reader<'_>>> {
        Ok(match self.find(name) {
            None => None,
            Some(Column::One(value)) => Some(Reader::One(*value)),
            Some(Column::Values(values)) => Some(Reader::Values(values)),
            Some(Column::Array(array)) => {
                Some(Reader::View(Box::new(ColumnView::new(name, array.as_ref())?)))
            }
        })
    }
}

/// Reads a column row by row.
pub(super) enum Reader<'a> {
    One(Value<'a>),
    Values(&'a [Value<'a>]),
    View(Box<ColumnView<'a>>),
}

impl<'a> Reader<'a> {
    pub(super) fn get(&self, row: usize) -> Value<'a> {
        match self {
            Self::One(value) => *value,
            Self::Values(values) => values.get(row).copied().unwrap_or_default(),
            Self::View(view) => view.value(row),
        }
    }
}

const OPERATION: &str = "read entity rows";
