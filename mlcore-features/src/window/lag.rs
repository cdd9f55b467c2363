use std::cmp::Ordering;

use mlcore::arrow::array::{Array, ArrayRef, MutableArrayData, RecordBatch, make_array};
use mlcore::interrupt::Pace;
use mlcore::{Error, Result};

use super::order::Order;
use super::{OPERATION, column};

/// The value that a column has some rows before, in the rows of the same key; null where there is no such row.
///
/// The column may be of any type, and the new one has its type. A null is a value like any other.
///
/// Source: pandas, `groupby(key)[column].shift(periods)`.
///
/// ```
/// use mlcore_features::window::{Lag, WindowFeature};
///
/// assert_eq!(WindowFeature::from(Lag::new("amount", 2)).name(), "amount_lag_2");
/// assert_eq!(WindowFeature::from(Lag::new("amount", 1).named("last amount")).name(), "last amount");
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Lag {
    column: String,
    periods: i64,
    name: Option<String>,
}

impl Lag {
    /// The value so many rows before. A negative number reads the future, which training may look at and a request cannot: for
    /// targets, not for features. Zero is the row itself.
    #[must_use]
    pub fn new(column: impl Into<String>, periods: i64) -> Self {
        Self { column: column.into(), periods, name: None }
    }

    /// Sets the name of the new column. Default: that of the column, `_lag_` and the number of rows, or `_lead_` where it is negative.
    #[must_use]
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    pub(super) fn name(&self) -> String {
        let direction = if self.periods < 0 { "lead" } else { "lag" };
        let default = || format!("{}_{direction}_{}", self.column, self.periods.unsigned_abs());
        self.name.clone().unwrap_or_else(default)
    }

    pub(super) fn compute(&self, table: &RecordBatch, order: &Order) -> Result<ArrayRef> {
        let array = column::named(table, &self.column)?;
        let mut earlier: Vec<Option<usize>> = vec![None; array.len()];
        let distance = usize::try_from(self.periods.unsigned_abs()).unwrap_or(usize::MAX);
        for (rows, _) in order.keys() {
            let later = rows.get(distance.min(rows.len())..).unwrap_or_default();
            let pairs = later.iter().zip(rows);
            for (later, before) in pairs {
                let (row, from) = match self.periods.cmp(&0) {
                    Ordering::Less => (before, later),
                    Ordering::Equal | Ordering::Greater => (later, before),
                };
                if let Some(earlier) = earlier.get_mut(*row) {
                    *earlier = Some(*from);
                }
            }
        }
        let data = array.to_data();
        let mut values = MutableArrayData::new(vec![&data], true, array.len());
        let mut pace = Pace::default();
        for from in earlier {
            pace.check(OPERATION, 8)?;
            let added = match from {
                Some(from) => values.try_extend(0, from, from + 1),
                None => values.try_extend_nulls(1),
            };
            added.map_err(|cause| {
                Error::unsupported(OPERATION, &self.column, cause.to_string())
                    .remedy("take fewer rows at a time")
                    .caused_by(cause)
            })?;
        }
        Ok(make_array(values.freeze()))
    }
}
