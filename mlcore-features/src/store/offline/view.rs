//! A table of features, and what of it is joined.

use std::time::Duration;

use super::Source;
use crate::store::window::WindowPlan;

/// Features of one source: which rows belong to a key, when they were and became known, and which columns are joined.
///
/// ```
/// use std::sync::Arc;
/// use std::time::Duration;
///
/// use mlcore::arrow::array::{Array, AsArray, Float64Array, Int64Array, RecordBatch, TimestampSecondArray};
/// use mlcore_features::store::offline::{PointInTimeJoin, View};
///
/// let balances = RecordBatch::try_from_iter([
///     ("account", Arc::new(Int64Array::from(vec![1, 1, 2])) as _),
///     ("time", Arc::new(TimestampSecondArray::from(vec![100, 200, 100])) as _),
///     ("balance", Arc::new(Float64Array::from(vec![5.0, 6.0, 7.0])) as _),
/// ])
/// .unwrap();
/// let questions = RecordBatch::try_from_iter([
///     ("customer", Arc::new(Int64Array::from(vec![1, 2, 1])) as _),
///     ("asked", Arc::new(TimestampSecondArray::from(vec![199, 900, 200])) as _),
/// ])
/// .unwrap();
/// let view = View::new("accounts", balances, [("customer", "account")], "time")
///     .with_ttl(Duration::from_secs(600))
///     .with_features([("balance", "accounts__balance")])
///     .with_status("accounts__status");
/// let joined = PointInTimeJoin::new("asked").with(view).run(&questions)?;
/// let table = joined.table();
/// assert_eq!(table.column(2).as_ref(), &Float64Array::from(vec![Some(5.0), None, Some(6.0)]) as &dyn Array);
/// assert_eq!(table["accounts__status"].as_string::<i32>().value(1), "OUTSIDE_MAX_AGE");
/// # Ok::<(), mlcore::Error>(())
/// ```
#[derive(Debug)]
pub struct View<'a> {
    pub(super) name: String,
    pub(super) source: Box<dyn Source + 'a>,
    pub(super) keys: Vec<JoinKey>,
    pub(super) timestamp: String,
    pub(super) created: Option<String>,
    pub(super) is_created_filtered: bool,
    pub(super) ttl: Option<Duration>,
    pub(super) features: Vec<Feature>,
    pub(super) event_time: Option<String>,
    pub(super) status: Option<String>,
    pub(super) date_partition: Option<String>,
    pub(super) windows: Option<WindowPlan>,
    /// What the features of the windows are called in the answer, where that is not what the plan says.
    pub(super) window_names: Vec<String>,
}

/// A column of the entity rows, and the column of the source that it equals.
///
/// A name alone is that of both; a pair is the one of the entity rows, then the one of the source.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct JoinKey {
    pub(in crate::store) entity: String,
    pub(in crate::store) source: String,
}

/// A column of the source, and its name in the answer.
///
/// A name alone is both; a pair is the one in the source, then the one in the answer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Feature {
    pub(super) column: String,
    pub(super) name: String,
}

/// Which columns of a view decide which row counts. Unlike the view, whose source is on one thread, it goes to others.
#[derive(Clone, Copy, Debug)]
pub(super) struct Decisive<'a> {
    pub(super) name: &'a str,
    pub(super) keys: &'a [JoinKey],
    pub(super) timestamp: &'a str,
    pub(super) created: Option<&'a str>,
    pub(super) is_created_filtered: bool,
}

macro_rules! pairs {
    ($type:ident { $first:ident, $second:ident }) => {
        impl From<&str> for $type {
            fn from(name: &str) -> Self {
                Self { $first: name.to_owned(), $second: name.to_owned() }
            }
        }

        impl From<String> for $type {
            fn from(name: String) -> Self {
                Self { $first: name.clone(), $second: name }
            }
        }

        impl<A: Into<String>, B: Into<String>> From<(A, B)> for $type {
            fn from((first, second): (A, B)) -> Self {
                Self { $first: first.into(), $second: second.into() }
            }
        }
    };
}

pairs!(JoinKey { entity, source });
pairs!(Feature { column, name });

impl<'a> View<'a> {
    /// A view of this name of a source, whose rows belong to the entity rows with equal keys, and happened when the column
    /// `timestamp` says. Without keys, all rows belong to every entity row.
    pub fn new<K: Into<JoinKey>>(
        name: impl Into<String>,
        source: impl Source + 'a,
        keys: impl IntoIterator<Item = K>,
        timestamp: impl Into<String>,
    ) -> Self {
        Self {
            name: name.into(),
            source: Box::new(source),
            keys: keys.into_iter().map(Into::into).collect(),
            timestamp: timestamp.into(),
            created: None,
            is_created_filtered: true,
            ttl: None,
            features: Vec::new(),
            event_time: None,
            status: None,
            date_partition: None,
            windows: None,
            window_names: Vec::new(),
        }
    }

    /// The column that says when a row was created: of rows of the same event time, the one that was created last counts, and a
    /// row that was created after an entity row's time is not used for it, because nobody knew it then.
    #[must_use]
    pub fn with_created_timestamp(mut self, column: impl Into<String>) -> Self {
        self.created = Some(column.into());
        self
    }

    /// Uses rows that were created after an entity row's time, too, as Feast does unless it is told `filter_by_created_timestamp`: for
    /// tables that were filled in later, with what was known at the time.
    #[must_use]
    pub fn with_late_rows(mut self) -> Self {
        self.is_created_filtered = false;
        self
    }

    /// How old a row may be, at most: the event time plus this is the last moment at which it counts. Zero is no limit, as in Feast.
    #[must_use]
    pub fn with_ttl(mut self, ttl: Duration) -> Self {
        self.ttl = (!ttl.is_zero()).then_some(ttl);
        self
    }

    /// The columns that are joined. Without this, none is.
    #[must_use]
    pub fn with_features<F: Into<Feature>>(mut self, features: impl IntoIterator<Item = F>) -> Self {
        self.features.extend(features.into_iter().map(Into::into));
        self
    }

    /// Computes the features of a plan of the rows in its windows, instead of joining columns of one row; each has the name that the plan
    /// gives it. [Which rows these are](crate::store::window) is the same online.
    ///
    /// Without a created time every row counts that is in the window by its event time.
    #[must_use]
    pub fn with_windows(mut self, plan: &WindowPlan) -> Self {
        self.windows = Some(plan.clone());
        self
    }

    /// The same with these names of the features in the answer, in the plan's order.
    #[must_use]
    pub(in crate::store) fn with_windows_as(mut self, plan: &WindowPlan, names: Vec<String>) -> Self {
        self.windows = Some(plan.clone());
        self.window_names = names;
        self
    }

    /// Adds a column of this name: when the row that is used happened; null where none is.
    #[must_use]
    pub fn with_event_time(mut self, name: impl Into<String>) -> Self {
        self.event_time = Some(name.into());
        self
    }

    /// Adds a column of this name, text: `PRESENT`, `NOT_FOUND` where no row of the key was known, `OUTSIDE_MAX_AGE` where the newest one
    /// is older than the time to live, and `NULL_KEY` where the entity row has no key.
    #[must_use]
    pub fn with_status(mut self, name: impl Into<String>) -> Self {
        self.status = Some(name.into());
        self
    }

    /// A column of the source that is the UTC date of the event: folders of a partitioned table whose date cannot matter are not read.
    #[must_use]
    pub fn with_date_partition(mut self, column: impl Into<String>) -> Self {
        self.date_partition = Some(column.into());
        self
    }

    pub(super) fn decisive(&self) -> Decisive<'_> {
        Decisive {
            name: &self.name,
            keys: &self.keys,
            timestamp: &self.timestamp,
            created: self.created.as_deref(),
            is_created_filtered: self.is_created_filtered,
        }
    }
}
