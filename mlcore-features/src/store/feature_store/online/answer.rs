use std::fmt;
use std::sync::Arc;

use mlcore::arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use mlcore::arrow::datatypes::DataType;
use mlcore::batch::{ColumnView, Value};
use mlcore::time::Timestamp;
use mlcore::{Error, Result};

use super::EntityRows;
use super::prepared::{Prepared, key_column};
use super::view::ViewAnswer;
use crate::store::definition::ValueType;
use crate::store::feature_store::compile::Place;
use crate::store::feature_store::on_demand::table;
use crate::store::key::EntityKey;
use crate::store::online::{Cell, Status};

/// What was read of entities: a status, an event time and a value for each entity and feature. Its memory is used again by the next read.
///
/// Rows are numbered as the entity rows are, features as they were asked for. A value is handed out where its status is
/// [`Status::Present`], and nowhere else.
///
/// ```
/// use mlcore_features::store::feature_store::OnlineFeatures;
///
/// assert_eq!(OnlineFeatures::default().rows(), 0);
/// ```
#[derive(Default)]
pub struct OnlineFeatures {
    pub(super) prepared: Option<Arc<Prepared>>,
    pub(super) rows: usize,
    /// What was read of each view.
    pub(super) answers: Vec<ViewAnswer>,
    /// What each step has computed.
    pub(super) computed: Vec<Vec<ArrayRef>>,
    /// The keys of each set of join keys.
    pub(super) keys: Vec<Vec<EntityKey>>,
}

/// A feature of an answer.
#[non_exhaustive]
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OutputFeature {
    /// What it is called in the answer.
    pub name: String,
    /// Its type.
    pub dtype: ValueType,
}

impl fmt::Debug for OnlineFeatures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.features().iter().map(|feature| feature.name.as_str()).collect();
        f.debug_struct("OnlineFeatures").field("rows", &self.rows).field("features", &names).finish()
    }
}

impl OnlineFeatures {
    /// The number of entities.
    #[must_use]
    pub const fn rows(&self) -> usize {
        self.rows
    }

    /// The features in order; none before the first read.
    #[must_use]
    pub fn features(&self) -> &[OutputFeature] {
        self.prepared.as_ref().map_or(&[], |prepared| &prepared.features)
    }

    /// The columns by which entities were asked for, in order. Feast's answers have them before the features.
    pub fn join_keys(&self) -> impl ExactSizeIterator<Item = &str> {
        let keys = self.prepared.as_ref().map_or(&[][..], |prepared| &prepared.compiled.join_keys);
        keys.iter().map(|key| key.key.column.as_str())
    }

    /// The status of a feature; [`Status::NotFound`] for a row or a feature that was not asked for.
    #[must_use]
    pub fn status(&self, row: usize, feature: usize) -> Status {
        match self.place(feature) {
            Some(Place::Read { read, feature }) => {
                self.answers.get(read).map_or(Status::NotFound, |answer| answer.status(row, feature))
            }
            Some(Place::Step { step, feature }) => match self.computed(step, feature) {
                Some(column) if row < column.len() => {
                    if column.is_null(row) {
                        Status::NullValue
                    } else {
                        Status::Present
                    }
                }
                _ => Status::NotFound,
            },
            Some(Place::Request(_)) | None => Status::NotFound,
        }
    }

    /// When the event was that a feature was read from, also where its value is too old, or when its window ended; `None` where there is
    /// no row, and for a feature that is computed on demand.
    #[must_use]
    pub fn event_time(&self, row: usize, feature: usize) -> Option<Timestamp> {
        match self.place(feature)? {
            Place::Read { read, feature } => self.answers.get(read)?.event_time(row, feature),
            Place::Step { .. } | Place::Request(_) => None,
        }
    }

    /// The last moment at which a value counts; `None` for ever. A feature that is computed counts as long as what it is computed of.
    #[must_use]
    pub fn expiry(&self, row: usize, feature: usize) -> Option<Timestamp> {
        self.expiry_at(self.place(feature)?, row)
    }

    /// Steps read what stands before them.
    fn expiry_at(&self, place: Place, row: usize) -> Option<Timestamp> {
        match place {
            Place::Read { read, feature } => self.answers.get(read)?.expiry(row, feature),
            Place::Step { step, .. } => {
                let inputs = &self.prepared.as_ref()?.compiled.steps.get(step)?.inputs;
                inputs.iter().filter_map(|input| self.expiry_at(input.place, row)).min()
            }
            Place::Request(_) => None,
        }
    }

    /// The value of a feature; null where its status is not [`Status::Present`]. Lists that an on-demand view makes are read from the
    /// [table](Self::to_record_batch) alone.
    #[must_use]
    pub fn cell(&self, row: usize, feature: usize) -> Cell<'_> {
        match self.place(feature) {
            Some(Place::Read { read, feature }) => {
                self.answers.get(read).map_or(Cell::NULL, |answer| answer.cell(row, feature))
            }
            Some(Place::Step { step, feature }) => {
                let column = self.computed(step, feature).filter(|column| row < column.len());
                column.map_or(Cell::NULL, |column| Cell::from(value(column, row)))
            }
            Some(Place::Request(_)) | None => Cell::NULL,
        }
    }

    /// The features as a table: a column for each, a row for each entity. What is null, not found or too old is null.
    ///
    /// # Errors
    /// [`Unsupported`](Error::Unsupported) for lists of more than 2^31 - 1 numbers.
    pub fn to_record_batch(&self) -> Result<RecordBatch> {
        let columns = (0..self.features().len()).map(|feature| self.column(feature));
        let columns = columns.collect::<Result<Vec<_>>>()?;
        table(self.features().iter().map(|feature| feature.name.as_str()), columns, self.rows)
    }

    /// The same behind the join keys of the rows that were asked for: the columns of Feast's answer, in its order.
    ///
    /// # Errors
    /// As [`to_record_batch`](Self::to_record_batch); [`InvalidInput`](Error::InvalidInput) for other entity rows than those of the read.
    pub fn with_join_keys(&self, rows: &EntityRows<'_>) -> Result<RecordBatch> {
        if rows.len() != self.rows {
            let problem = format!("they are {}, and the answer is about {}", rows.len(), self.rows);
            return Err(Error::invalid_input(OPERATION, "entity rows", problem)
                .remedy("pass the rows that were read"));
        }
        let (mut names, mut columns) = (Vec::new(), Vec::new());
        for key in self.prepared.iter().flat_map(|prepared| &prepared.compiled.join_keys) {
            names.push(key.key.column.as_str());
            columns.push(key_column(rows, key)?);
        }
        for (number, feature) in self.features().iter().enumerate() {
            names.push(feature.name.as_str());
            columns.push(self.column(number)?);
        }
        table(names, columns, self.rows)
    }

    fn place(&self, feature: usize) -> Option<Place> {
        Some(self.prepared.as_ref()?.compiled.outputs.get(feature)?.place)
    }

    fn computed(&self, step: usize, feature: usize) -> Option<&ArrayRef> {
        self.computed.get(step)?.get(feature)
    }

    fn column(&self, feature: usize) -> Result<ArrayRef> {
        let lost = || Error::internal(OPERATION, format!("feature {feature}"), "it was not read");
        match self.place(feature).ok_or_else(lost)? {
            Place::Read { read, feature } => self.answers.get(read).ok_or_else(lost)?.column_at(feature),
            Place::Step { step, feature } => self.computed(step, feature).cloned().ok_or_else(lost),
            Place::Request(_) => Err(lost()),
        }
    }
}

/// One value of a column that is no list; null for a list.
fn value(column: &ArrayRef, row: usize) -> Value<'_> {
    if let DataType::Utf8 = column.data_type() {
        return if column.is_null(row) {
            Value::Null
        } else {
            Value::Text(column.as_string::<i32>().value(row))
        };
    }
    ColumnView::new("feature", column.as_ref()).map_or(Value::Null, |view| view.value(row))
}

const OPERATION: &str = "make table of features";
