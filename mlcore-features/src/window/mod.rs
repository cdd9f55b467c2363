//! What went before in the rows of the same key: lags, and statistics of windows of rows or of time, for tables.
//!
//! A lag needs other rows, so it is no step of a plan, which is a function of one row. Here a table gets columns with what was known
//! before each of its rows: for training, and for scoring in batches. **Online, the same columns come from whatever keeps the
//! history of a key, a feature store**: it sends them with the request, under the names that they have here, and a plan reads
//! them as it reads any other column.
//!
//! By default a row sees the past alone: a window ends before the row, and rows of the same time are outside of it where the window
//! is one of time. Its own value, the present, counts where [`Closed`] says so, and the future where a [`Lag`] is
//! negative.
//!
//! Numbers are those of pandas: `groupby(key)[column].shift(k)` and `groupby(key)[column].rolling(window)`.

mod column;
mod lag;
mod order;
mod queue;
mod rolling;

use std::sync::Arc;

use mlcore::arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions};
use mlcore::arrow::datatypes::{Field, Schema};
use mlcore::{Error, Result};

pub use self::lag::Lag;
use self::order::Order;
pub use self::rolling::{Closed, Rolling, Statistic, Window};

const OPERATION: &str = "add window features";

/// Columns to add to a table: what went before in the rows of the same key.
///
/// Without [`order_by`](WindowFeatures::order_by) the rows of a key follow each other as they stand in the table. With it they are
/// put in order of that column first, whatever their order in the table is; those of the same time, in the order of the table. The
/// answer is in the order of the table always. A row whose key is missing belongs to no key: its new columns are null.
///
/// ```
/// use std::sync::Arc;
///
/// use mlcore::arrow::array::{Array, AsArray, Float64Array, Int64Array, RecordBatch, StringArray};
/// use mlcore::arrow::datatypes::Float64Type;
/// use mlcore_features::window::{Lag, Rolling, Statistic, Window, WindowFeatures};
///
/// let table = RecordBatch::try_from_iter([
///     ("customer", Arc::new(StringArray::from(vec!["a", "b", "a", "a"])) as _),
///     ("day", Arc::new(Int64Array::from(vec![3, 1, 1, 2])) as _),
///     ("amount", Arc::new(Float64Array::from(vec![30.0, 5.0, 10.0, 20.0])) as _),
/// ]).unwrap();
/// let more = WindowFeatures::by(["customer"])
///     .order_by("day")
///     .with(Lag::new("amount", 1))
///     .with(Rolling::new("amount", Window::Rows(2), Statistic::Mean).min_periods(1))
///     .append_to(&table)?;
/// assert_eq!(more.schema().field(3).name(), "amount_lag_1");
/// assert_eq!(more.column(3).as_primitive::<Float64Type>().iter().collect::<Vec<_>>(), [Some(20.0), None, None, Some(10.0)]);
/// assert_eq!(more.schema().field(4).name(), "amount_mean_2");
/// assert_eq!(more.column(4).as_primitive::<Float64Type>().iter().collect::<Vec<_>>(), [Some(15.0), None, None, Some(10.0)]);
/// # Ok::<(), mlcore::Error>(())
/// ```
#[derive(Clone, PartialEq, Debug, Default)]
pub struct WindowFeatures {
    by: Vec<String>,
    order_by: Option<String>,
    features: Vec<WindowFeature>,
}

/// One column that [`WindowFeatures`] adds.
#[non_exhaustive]
#[derive(Clone, PartialEq, Debug)]
pub enum WindowFeature {
    /// The value of an earlier row.
    Lag(Lag),
    /// A statistic of the rows in a window.
    Rolling(Rolling),
}

impl From<Lag> for WindowFeature {
    fn from(lag: Lag) -> Self {
        Self::Lag(lag)
    }
}

impl From<Rolling> for WindowFeature {
    fn from(rolling: Rolling) -> Self {
        Self::Rolling(rolling)
    }
}

impl WindowFeature {
    /// The name of the column that is added.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Self::Lag(lag) => lag.name(),
            Self::Rolling(rolling) => rolling.name(),
        }
    }

    /// Makes sure that there is such a feature.
    fn check(&self) -> Result<()> {
        match self {
            Self::Lag(_) => Ok(()),
            Self::Rolling(rolling) => rolling.check(),
        }
    }

    fn compute(&self, table: &RecordBatch, order: &Order) -> Result<ArrayRef> {
        match self {
            Self::Lag(lag) => lag.compute(table, order),
            Self::Rolling(rolling) => rolling.compute(table, order),
        }
    }
}

impl WindowFeatures {
    /// Rows with equal values in these columns belong together. Without a column, all rows do.
    #[must_use]
    pub fn by<C: Into<String>>(columns: impl IntoIterator<Item = C>) -> Self {
        Self { by: columns.into_iter().map(Into::into).collect(), ..Self::default() }
    }

    /// The column that says which row of a key is before which: dates, timestamps, or numbers, none of them missing.
    #[must_use]
    pub fn order_by(mut self, column: impl Into<String>) -> Self {
        self.order_by = Some(column.into());
        self
    }

    /// Adds a column.
    #[must_use]
    pub fn with(mut self, feature: impl Into<WindowFeature>) -> Self {
        self.features.push(feature.into());
        self
    }

    /// The table with the new columns behind its own. Takes `O(n log n)` for `n` rows, and `O(n)` for each column.
    ///
    /// # Errors
    /// [`Error::SchemaMismatch`] for a column that is not there or of a type that is not taken; [`Error::InvalidInput`] for a
    /// name that the table has already or that two features have, a window that is none, a missing value among those that order
    /// rows, an infinity in a window's column, and a window of time without a column of dates or timestamps to order by.
    pub fn append_to(&self, table: &RecordBatch) -> Result<RecordBatch> {
        let made = self.columns_of(table)?;
        let all =
            |table: &RecordBatch| table.schema_ref().fields().iter().cloned().collect::<Vec<Arc<Field>>>();
        let fields = [all(table), all(&made)].concat();
        let schema = Schema::new_with_metadata(fields, table.schema_ref().metadata().clone());
        assembled(schema, [table.columns(), made.columns()].concat(), table.num_rows())
    }

    /// The new columns alone, in the order of the table's rows.
    ///
    /// # Errors
    /// As [`WindowFeatures::append_to`].
    pub fn columns_of(&self, table: &RecordBatch) -> Result<RecordBatch> {
        for feature in &self.features {
            feature.check()?;
        }
        let order = Order::of(table, &self.by, self.order_by.as_deref())?;
        let (mut fields, mut columns): (Vec<Field>, Vec<ArrayRef>) = (Vec::new(), Vec::new());
        for feature in &self.features {
            let name = feature.name();
            if table.column_by_name(&name).is_some() || fields.iter().any(|field| *field.name() == name) {
                return Err(Error::invalid_input(OPERATION, name, "there is a column of this name already")
                    .remedy("give the feature another name"));
            }
            let column = feature.compute(table, &order)?;
            fields.push(Field::new(name, column.data_type().clone(), true));
            columns.push(column);
        }
        assembled(Schema::new(fields), columns, table.num_rows())
    }
}

fn assembled(schema: Schema, columns: Vec<ArrayRef>, rows: usize) -> Result<RecordBatch> {
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    RecordBatch::try_new_with_options(Arc::new(schema), columns, &options)
        .map_err(|cause| Error::internal(OPERATION, "columns", cause.to_string()).caused_by(cause))
}
