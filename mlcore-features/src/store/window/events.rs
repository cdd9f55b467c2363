//! Events on their way into tiles.

use std::collections::BTreeMap;
use std::collections::hash_map::{Entry as Place, HashMap};

use mlcore::arrow::array::{Array, ArrayRef, RecordBatch};
use mlcore::batch::{ColumnView, Value};
use mlcore::interrupt::Pace;
use mlcore::{Error, Result};
use smallvec::SmallVec;

use super::plan::WindowPlan;
use super::state::{Parts, State};
use super::value::{Item, Values};
use crate::program::missing_column;
use crate::store::key::EntityKey;
use crate::store::offline::JoinKey;

/// Which columns of events say whose they are, when they happened, and when they became known.
///
/// ```
/// use mlcore_features::store::window::EventColumns;
///
/// let columns = EventColumns::new(["driver_id"], "time");
/// assert_eq!(columns.timestamp(), "time");
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct EventColumns {
    pub(super) keys: Vec<JoinKey>,
    pub(super) timestamp: String,
    pub(super) created: Option<String>,
}

impl EventColumns {
    /// Events whose entity is in these columns, and whose time is in the column `timestamp`. A pair is the name of the join key and
    /// that of its column.
    pub fn new<K: Into<JoinKey>>(keys: impl IntoIterator<Item = K>, timestamp: impl Into<String>) -> Self {
        Self { keys: keys.into_iter().map(Into::into).collect(), timestamp: timestamp.into(), created: None }
    }

    /// Events of history whose created time is in this column. [`OnlineWindows::fill`](super::OnlineWindows::fill) leaves out those that
    /// are not known yet, as the join does; what a stream brings is known.
    #[must_use]
    pub fn with_created_timestamp(mut self, column: impl Into<String>) -> Self {
        self.created = Some(column.into());
        self
    }

    /// The column of the times.
    #[must_use]
    pub fn timestamp(&self) -> &str {
        &self.timestamp
    }

    /// All columns that are read, each once.
    pub(super) fn all(&self, plan: &WindowPlan) -> Vec<String> {
        let mut columns: Vec<String> = Vec::new();
        let keys = self.keys.iter().map(|key| key.source.as_str());
        let created = self.created.as_deref();
        for column in keys.chain([self.timestamp.as_str()]).chain(created).chain(plan.columns()) {
            if !columns.iter().any(|known| known == column) {
                columns.push(column.to_owned());
            }
        }
        columns
    }
}

/// What became of the events of an update.
///
/// ```
/// use mlcore_features::store::window::Updated;
///
/// assert_eq!(Updated::default().added(), 0);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Updated {
    pub(super) added: u64,
    pub(super) repeated: u64,
    pub(super) expired: u64,
    pub(super) covered: u64,
    pub(super) unknown: u64,
    pub(super) without_key: u64,
    pub(super) without_time: u64,
    /// The entities whose tiles were made of history.
    pub(super) made: u64,
    /// The first and the last tile that came from history and that events were left out of.
    pub(super) late: Option<(i64, i64)>,
}

impl Updated {
    /// The events that were added.
    #[must_use]
    pub const fn added(self) -> u64 {
        self.added
    }

    /// The events that an earlier delivery of the same number had added.
    #[must_use]
    pub const fn repeated(self) -> u64 {
        self.repeated
    }

    /// The events that are too old for any window from now on.
    #[must_use]
    pub const fn expired(self) -> u64 {
        self.expired
    }

    /// The events that the other side has: of a stream, those whose tiles came from history; of history, those of a tile of which the
    /// stream has more.
    #[must_use]
    pub const fn covered(self) -> u64 {
        self.covered
    }

    /// The events of history that are not known yet: created later than now, or nobody knows when.
    #[must_use]
    pub const fn unknown(self) -> u64 {
        self.unknown
    }

    /// The events without a key, which are nobody's.
    #[must_use]
    pub const fn without_key(self) -> u64 {
        self.without_key
    }

    /// The events without a time, or with one that 64 bits of microseconds do not hold.
    #[must_use]
    pub const fn without_time(self) -> u64 {
        self.without_time
    }

    pub(super) fn and(self, other: Self) -> Self {
        Self {
            added: self.added + other.added,
            repeated: self.repeated + other.repeated,
            expired: self.expired + other.expired,
            covered: self.covered + other.covered,
            unknown: self.unknown + other.unknown,
            without_key: self.without_key + other.without_key,
            without_time: self.without_time + other.without_time,
            made: self.made + other.made,
            late: match (self.late, other.late) {
                (Some((first, last)), Some((other, end))) => Some((first.min(other), last.max(end))),
                (own, other) => own.or(other),
            },
        }
    }
}

/// Which events count: those before `end` whose windows are not over, which is from `earliest` on, both in microseconds; and of those
/// with a created time the ones that were known at a moment in nanoseconds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    pub(super) earliest: i64,
    pub(super) end: i64,
    pub(super) known: Option<i128>,
}

/// The narrowest tiles of one entity that events change: by page, each with its places.
pub(super) type Changes = BTreeMap<i64, SmallVec<[(u8, State); 2]>>;

/// Sorts events into the tiles that they belong to.
pub(super) fn sorted(
    plan: &WindowPlan,
    columns: &EventColumns,
    events: &RecordBatch,
    bounds: Bounds,
) -> Result<(HashMap<EntityKey, Changes>, Updated)> {
    let array = |name: &str| {
        let missing = || missing_column(events.schema_ref().fields(), name, UPDATE);
        events.column_by_name(name).cloned().ok_or_else(missing)
    };
    let plain = |name: &str| array(name).and_then(|array| ColumnView::plain(name, &array));
    let time = plain(&columns.timestamp)?;
    let time = ColumnView::new(&columns.timestamp, time.as_ref())?;
    let known = bounds.known.zip(columns.created.as_deref());
    let known = known.map(|(moment, name)| Ok::<_, Error>((moment, name, plain(name)?))).transpose()?;
    let known = match &known {
        Some((moment, name, array)) => Some((*moment, *name, ColumnView::new(name, array.as_ref())?)),
        None => None,
    };
    let key_arrays = columns.keys.iter().map(|key| plain(&key.source)).collect::<Result<Vec<ArrayRef>>>()?;
    let keys = columns
        .keys
        .iter()
        .zip(&key_arrays)
        .map(|(key, array)| Ok((key.entity.as_str(), ColumnView::new(&key.source, array.as_ref())?)))
        .collect::<Result<Vec<_>>>()?;
    let inputs = plan.inputs();
    let arrays = inputs
        .iter()
        .map(|input| Values::plain(&input.name, input.value_type, &array(&input.name)?))
        .collect::<Result<Vec<ArrayRef>>>()?;
    let values = inputs
        .iter()
        .zip(&arrays)
        .map(|(input, array)| Values::new(&input.name, input.value_type, array.as_ref() as &dyn Array))
        .collect::<Result<Vec<_>>>()?;

    let (mut changes, mut updated, mut pace) = (HashMap::new(), Updated::default(), Pace::default());
    let mut items: SmallVec<[Option<Item<'_>>; 8]> = SmallVec::new();
    for row in 0..events.num_rows() {
        pace.check(UPDATE, 1)?;
        let Some(event) = micros(time.value(row)).filter(|event| event.unsigned_abs() < FARTHEST) else {
            if !time.is_null(row) && micros(time.value(row)).is_none() {
                return Err(no_moment(&columns.timestamp, time.value(row)));
            }
            updated.without_time += 1;
            continue;
        };
        let is_known = match &known {
            Some((moment, name, created)) => match nanoseconds(created.value(row)) {
                Some(created) => created <= *moment,
                None if created.is_null(row) => false,
                None => return Err(no_moment(name, created.value(row))),
            },
            None => true,
        };
        if keys.iter().any(|(_, column)| column.is_null(row)) {
            updated.without_key += 1;
        } else if !is_known {
            updated.unknown += 1;
        } else if event >= bounds.end {
            updated.covered += 1;
        } else if event < bounds.earliest {
            updated.expired += 1;
        } else {
            let parts = keys.iter().map(|(name, column)| (*name, column.value(row)));
            let key = match keys.as_slice() {
                [] => EntityKey::everybody()?,
                _ => EntityKey::new(parts).map_err(|error| error.within(format!("row {row}")))?,
            };
            items.clear();
            for column in &values {
                items.push(column.item(row)?);
            }
            let own: &mut Changes = match changes.entry(key) {
                Place::Occupied(known) => known.into_mut(),
                Place::Vacant(place) => place.insert(Changes::new()),
            };
            add(plan, own, event, &items);
            updated.added += 1;
        }
    }
    Ok((changes, updated))
}

/// Adds an event to its tile.
fn add(plan: &WindowPlan, changes: &mut Changes, event: i64, items: &[Option<Item<'_>>]) {
    let Some((page, place)) = plan.ladder().place(event) else { return };
    let tiles = changes.entry(page).or_default();
    let found = tiles.iter().position(|(known, _)| *known == place).unwrap_or_else(|| {
        tiles.push((place, State::new(plan.shapes().len())));
        tiles.len() - 1
    });
    if let Some((_, state)) = tiles.get_mut(found) {
        let parts = plan.shapes().iter().map(|shape| Some::<Parts>(shape.parts));
        state.add(event, items.iter().copied(), parts);
    }
}

/// The microseconds of a moment, rounded down; one without a zone is in UTC.
fn micros(value: Value<'_>) -> Option<i64> {
    Some(i64::try_from(nanoseconds(value)?.div_euclid(1000)).unwrap_or(i64::MAX))
}

fn nanoseconds(value: Value<'_>) -> Option<i128> {
    match value {
        Value::Timestamp(moment) => Some(moment.nanoseconds()),
        Value::DateTime(moment) => Some(moment.nanoseconds()),
        Value::Date(date) => Some(i128::from(date.days()) * 86_400_000_000_000),
        _ => None,
    }
}

fn no_moment(name: &str, value: Value<'_>) -> Error {
    let problem = format!("expected timestamps or dates, got {}", value.described());
    Error::schema_mismatch(UPDATE, name, problem).remedy("name the column that says when the events were")
}

/// About the year 146,000: so far from the ends of 64 bits that windows can be added.
const FARTHEST: u64 = 1 << 62;
pub(super) const UPDATE: &str = "update windows";
