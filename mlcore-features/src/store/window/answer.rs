//! What features amount to.

use std::sync::Arc;

use mlcore::arrow::array::{ArrayRef, ListArray, RecordBatch, RecordBatchOptions};
use mlcore::arrow::buffer::{NullBuffer, OffsetBuffer, ScalarBuffer};
use mlcore::arrow::datatypes::{DataType, Field as ArrowField, Schema};
use mlcore::batch::{OwnedValue, Value, column_of};
use mlcore::time::Timestamp;
use mlcore::{Error, Result, schema};

use super::WindowPlan;
use super::plan::Computed;
use super::state::{ColumnState, State};
use super::value::{Word, restored};
use crate::store::definition::{AggregationFunction, Field, ValueType};

/// The value of an aggregated feature.
///
/// ```
/// use mlcore::batch::OwnedValue;
/// use mlcore_features::store::window::Aggregate;
///
/// let last = Aggregate::List(vec![OwnedValue::Int(3), OwnedValue::Int(2)]);
/// assert!(last != Aggregate::Value(OwnedValue::Null));
/// ```
#[derive(Clone, PartialEq, Debug)]
pub enum Aggregate {
    /// A single value; null where the window has none.
    Value(OwnedValue),
    /// The values of `last_n`, the latest first.
    List(Vec<OwnedValue>),
}

const NULL: Aggregate = Aggregate::Value(OwnedValue::Null);

/// The features of some entities as of one moment, as [`OnlineWindows::read`](super::OnlineWindows::read) finds them. It is used again.
///
/// ```
/// use mlcore_features::store::window::WindowAnswer;
///
/// let answer = WindowAnswer::default();
/// assert_eq!((answer.entities(), answer.get(0, 0)), (0, None));
/// ```
#[derive(Clone, Debug, Default)]
pub struct WindowAnswer {
    pub(super) features: Arc<[Field]>,
    /// When the window of each feature ends, and the last moment before the next one.
    pub(super) ends: Vec<(Timestamp, Timestamp)>,
    pub(super) cells: Vec<Aggregate>,
}

impl WindowAnswer {
    /// The features in order; none before the first read.
    #[must_use]
    pub fn features(&self) -> &[Field] {
        &self.features
    }

    /// When the window of a feature ended that was read: events of that moment and later are not in it.
    #[must_use]
    pub fn window_end(&self, feature: usize) -> Option<Timestamp> {
        self.ends.get(feature).map(|(end, _)| *end)
    }

    /// The last moment, in microseconds, at which a read finds the same window of a feature: from the next on it is one that has slid.
    #[must_use]
    pub fn window_expiry(&self, feature: usize) -> Option<Timestamp> {
        self.ends.get(feature).map(|(_, last)| *last)
    }

    /// How many entities were asked for.
    #[must_use]
    pub fn entities(&self) -> usize {
        self.cells.len().checked_div(self.features().len()).unwrap_or(0)
    }

    /// A feature of an entity, both by their places.
    #[must_use]
    pub fn get(&self, entity: usize, feature: usize) -> Option<&Aggregate> {
        let features = self.features().len();
        self.cells.get(entity.checked_mul(features)?..)?.get(..features)?.get(feature)
    }

    /// The features as a table: a column for each, a row for each entity.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for lists of more than 2^31 - 1 values.
    pub fn to_record_batch(&self) -> Result<RecordBatch> {
        let (mut fields, mut columns) = (Vec::new(), Vec::new());
        for (place, feature) in self.features().iter().enumerate() {
            fields.push(arrow_field(feature));
            columns.push(self.column_at(place)?);
        }
        let options = RecordBatchOptions::new().with_row_count(Some(self.entities()));
        RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), columns, &options)
            .map_err(|cause| Error::internal(MAKE, "columns", cause.to_string()).caused_by(cause))
    }

    /// The column of a feature.
    pub(crate) fn column_at(&self, place: usize) -> Result<ArrayRef> {
        let width = self.features().len();
        let lost = || Error::internal(MAKE, format!("feature {place}"), "it was not read");
        let feature = self.features().get(place).ok_or_else(lost)?;
        column(feature, self.cells.iter().skip(place).step_by(width.max(1)))
    }
}

/// The field of a feature in a table.
pub(crate) fn arrow_field(feature: &Field) -> ArrowField {
    ArrowField::new(&feature.name, feature.dtype.to_arrow(), true)
}

/// A column of a feature.
pub(crate) fn column<'a>(feature: &Field, cells: impl Iterator<Item = &'a Aggregate>) -> Result<ArrayRef> {
    let field = schema::Field::column(feature.name.as_str(), feature.dtype.dtype()).nullable();
    let DataType::List(item) = feature.dtype.to_arrow() else {
        return column_of(&field, cells.map(value));
    };
    let (mut values, mut valid, mut offsets) = (Vec::new(), Vec::new(), vec![0_i32]);
    for cell in cells {
        let list = match cell {
            Aggregate::List(list) => Some(list),
            Aggregate::Value(_) => None,
        };
        values.extend(list.into_iter().flatten().map(OwnedValue::as_value));
        valid.push(list.is_some());
        offsets.push(i32::try_from(values.len()).map_err(|_| {
            Error::unsupported(
                MAKE,
                feature.name.as_str(),
                "the lists have more than 2^31 - 1 values together",
            )
            .remedy("read fewer entities at once")
        })?);
    }
    let nulls = Some(NullBuffer::from(valid.as_slice())).filter(|nulls| nulls.null_count() > 0);
    let offsets = OffsetBuffer::new(ScalarBuffer::from(offsets));
    let list = ListArray::try_new(item, offsets, column_of(&field, values)?, nulls)
        .map_err(|cause| Error::internal(MAKE, feature.name.as_str(), cause.to_string()).caused_by(cause))?;
    Ok(Arc::new(list))
}

const MAKE: &str = "make table of features";

fn value(cell: &Aggregate) -> Value<'_> {
    match cell {
        Aggregate::Value(value) => value.as_value(),
        Aggregate::List(_) => Value::Null,
    }
}

impl WindowPlan {
    /// What a feature is for an entity without a key.
    pub(crate) const NULL: Aggregate = NULL;

    /// The frame whose state a feature is computed of.
    pub(crate) fn frame_of(&self, feature: usize) -> usize {
        self.results().get(feature).map_or(0, |computed| computed.frame)
    }

    /// A feature of the state of its frame; `entity` names the entity in errors.
    pub(crate) fn aggregate(
        &self,
        feature: usize,
        state: &State,
        entity: &dyn Fn() -> String,
    ) -> Result<Aggregate> {
        let (Some(computed), Some(field)) = (self.results().get(feature), self.features().get(feature))
        else {
            return Ok(NULL);
        };
        let Some((state, column)) =
            computed.column.and_then(|place| Some((state.columns.get(place)?, self.inputs().get(place)?)))
        else {
            return Ok(Aggregate::Value(OwnedValue::Int(state.rows.cast_signed())));
        };
        computed.of(state, column.value_type, field).map_err(|fault| match fault {
            Fault::Overflow(sum) => {
                let problem = format!("the sum {sum} of the entity {} does not fit into int64", entity());
                Error::invalid_input("aggregate window", field.name.as_str(), problem)
                    .remedy("declare the column as float64 in the schema of the view")
            }
            Fault::Unheard => {
                let problem = format!("the tiles of the entity {} hold a sum that no floats have", entity());
                Error::corrupt("aggregate window", field.name.as_str(), problem)
                    .remedy("fill the tiles again from the history of events")
            }
        })
    }
}

enum Fault {
    Overflow(i128),
    Unheard,
}

impl Computed {
    fn of(
        self,
        state: &ColumnState,
        column: ValueType,
        output: &Field,
    ) -> std::result::Result<Aggregate, Fault> {
        let float = |number: f64| Ok(Aggregate::Value(OwnedValue::Float(number)));
        let none = Ok(NULL);
        match self.function {
            AggregationFunction::Count => Ok(Aggregate::Value(OwnedValue::Int(state.count.cast_signed()))),
            AggregationFunction::ApproxCountDistinct => {
                let distinct = state.rare.as_ref().map_or(0, |rare| rare.distinct.estimate());
                Ok(Aggregate::Value(OwnedValue::Int(distinct)))
            }
            _ if state.count == 0 => none,
            AggregationFunction::Sum if output.dtype.dtype().is_float() => match infinite(state) {
                Some(sum) => float(sum),
                None => float(state.sum.exact().ok_or(Fault::Unheard)?.value()),
            },
            AggregationFunction::Sum => {
                let sum = state.sum.exact().ok_or(Fault::Unheard)?.to_integer().ok_or(Fault::Unheard)?;
                let sum = i64::try_from(sum).map_err(|_| Fault::Overflow(sum))?;
                Ok(Aggregate::Value(OwnedValue::Int(sum)))
            }
            AggregationFunction::Mean => match infinite(state) {
                Some(mean) => float(mean),
                None => float(state.sum.exact().ok_or(Fault::Unheard)?.mean(state.count)),
            },
            AggregationFunction::Std if state.count < 2 => none,
            AggregationFunction::Std if infinite(state).is_some() => float(f64::NAN),
            AggregationFunction::Std => {
                let sum = state.sum.exact().ok_or(Fault::Unheard)?;
                let squares = state.squares.exact().ok_or(Fault::Unheard)?;
                let squared = squares.about_the_mean(&sum, state.count);
                float((squared / (state.count - 1) as f64).sqrt())
            }
            AggregationFunction::Min | AggregationFunction::Max => {
                let is_least = matches!(self.function, AggregationFunction::Min);
                let bits = state.extremes.map(|(least, greatest)| if is_least { least } else { greatest });
                Ok(bits.map_or(NULL, |bits| Aggregate::Value(restored(column.dtype(), bits))))
            }
            AggregationFunction::LastN(count) => {
                let words = state.rare.iter().flat_map(|rare| rare.last.words()).take(count as usize);
                Ok(Aggregate::List(words.map(|word| owned(word, column)).collect()))
            }
            AggregationFunction::ApproxQuantile(quantile) => {
                let found = state.rare.as_ref().and_then(|rare| rare.buckets.quantile(quantile));
                found.map_or(none, float)
            }
        }
    }
}

/// The sum where infinities decide it.
fn infinite(state: &ColumnState) -> Option<f64> {
    match state.infinities {
        [0, 0] => None,
        [_, 0] => Some(f64::INFINITY),
        [0, _] => Some(f64::NEG_INFINITY),
        [_, _] => Some(f64::NAN),
    }
}

fn owned(word: &Word, column: ValueType) -> OwnedValue {
    match word {
        Word::Number(bits) => restored(column.dtype(), *bits),
        Word::Text(text) => OwnedValue::Text(text.to_string()),
    }
}
