//! Which rows belong together, and which is before which.

use std::collections::HashMap;
use std::ops::Range;

use mlcore::arrow::array::RecordBatch;
use mlcore::batch::{ColumnView, Value};
use mlcore::interrupt::{self, Pace};
use mlcore::schema::DType;
use mlcore::time::TimeUnit;
use mlcore::{Error, Result};

use super::{OPERATION, column};

/// The rows of a table, key by key, those of a key in order.
pub(super) struct Order {
    /// Positions in the table.
    rows: Vec<usize>,
    /// The rows of each key, as a range of `rows`.
    keys: Vec<Range<usize>>,
    /// When each row of `rows` was, in nanoseconds, where the column that orders them tells.
    times: Option<Vec<i128>>,
}

/// What rows are ordered by: a moment in nanoseconds, or a number.
#[derive(Clone, Copy, PartialEq, PartialOrd)]
enum Place {
    Moment(i128),
    Whole(i128),
    Number(f64),
}

impl Order {
    pub(super) fn of(table: &RecordBatch, by: &[String], order_by: Option<&str>) -> Result<Self> {
        let groups = groups(table, by)?;
        let places = order_by.map(|name| places(table, name)).transpose()?;
        let mut rows: Vec<usize> =
            (0..table.num_rows()).filter(|row| group(&groups, *row).is_some()).collect();
        interrupt::check(OPERATION)?;
        // Stable: those of the same key and place stay in the order of the table.
        match &places {
            None => rows.sort_by_key(|row| group(&groups, *row)),
            Some(places) => rows.sort_by(|left, right| {
                let key = |row: usize| group(&groups, row);
                key(*left).cmp(&key(*right)).then_with(|| {
                    let place = |row: usize| places.get(row).copied().unwrap_or(Place::Whole(0));
                    place(*left).partial_cmp(&place(*right)).unwrap_or(std::cmp::Ordering::Equal)
                })
            }),
        }
        interrupt::check(OPERATION)?;
        let mut keys: Vec<Range<usize>> = Vec::new();
        let mut before = None;
        for (position, row) in rows.iter().enumerate() {
            let own = group(&groups, *row);
            match keys.last_mut() {
                Some(key) if own == before => key.end = position + 1,
                _ => keys.push(position..position + 1),
            }
            before = own;
        }
        let moment = |row: &usize| match places.as_ref()?.get(*row)? {
            Place::Moment(moment) => Some(*moment),
            Place::Whole(_) | Place::Number(_) => None,
        };
        let times =
            places.is_some().then(|| rows.iter().map(moment).collect::<Option<Vec<i128>>>()).flatten();
        Ok(Self { rows, keys, times })
    }

    /// The positions in the table of the rows of each key, and when they were, where that is known.
    pub(super) fn keys(&self) -> impl Iterator<Item = (&[usize], Option<&[i128]>)> {
        self.keys.iter().map(|key| {
            let times = self.times.as_ref().and_then(|times| times.get(key.clone()));
            (self.rows.get(key.clone()).unwrap_or_default(), times)
        })
    }

    /// Whether the rows are ordered by moments, or there are none.
    pub(super) fn has_times(&self) -> bool {
        self.times.is_some()
    }
}

/// The number of a row's key; none where part of the key is missing.
fn group(groups: &[Option<u32>], row: usize) -> Option<u32> {
    groups.get(row).copied().flatten()
}

/// The number of the key of each row.
fn groups(table: &RecordBatch, by: &[String]) -> Result<Vec<Option<u32>>> {
    let mut groups = vec![Some(0); table.num_rows()];
    for name in by {
        let (array, _) = column::readable(table, name)?;
        let view = ColumnView::new(name, array.as_ref())?;
        let (mut codes, mut pairs) = (HashMap::new(), HashMap::new());
        let mut pace = Pace::default();
        for (row, group) in groups.iter_mut().enumerate() {
            pace.check(OPERATION, 4)?;
            *group = match (*group, part(view.value(row))) {
                (Some(group), Some(part)) => {
                    let next = next(codes.len())?;
                    let code = *codes.entry(part).or_insert(next);
                    let next = self::next(pairs.len())?;
                    Some(*pairs.entry((group, code)).or_insert(next))
                }
                _ => None,
            };
        }
    }
    Ok(groups)
}

fn next(count: usize) -> Result<u32> {
    u32::try_from(count)
        .map_err(|_| Error::unsupported(OPERATION, "table", "it has more keys than can be counted"))
}

/// A value of a key column, by which equal values are equal.
#[derive(PartialEq, Eq, Hash)]
enum Part<'a> {
    Text(&'a str),
    Bits(u64),
    Whole(i128),
}

fn part(value: Value<'_>) -> Option<Part<'_>> {
    match value {
        Value::Text(text) => Some(Part::Text(text)),
        Value::Bool(flag) => Some(Part::Whole(flag.into())),
        Value::Int(whole) => Some(Part::Whole(whole.into())),
        Value::UInt(whole) => Some(Part::Whole(whole.into())),
        Value::Float(number) if number.is_nan() => None,
        // Both zeros are one key.
        Value::Float(number) => Some(Part::Bits(if number == 0.0 { 0 } else { number.to_bits() })),
        other => whole(other).map(Part::Whole),
    }
}

/// A date or a time as a number of days or nanoseconds.
fn whole(value: Value<'_>) -> Option<i128> {
    match value {
        Value::Date(date) => Some(i128::from(date.days())),
        Value::Time(time) => time.count_in(TimeUnit::Nanosecond).map(i128::from),
        Value::DateTime(moment) => Some(moment.nanoseconds()),
        Value::Timestamp(moment) => Some(moment.nanoseconds()),
        _ => None,
    }
}

/// What each row is ordered by.
fn places(table: &RecordBatch, name: &str) -> Result<Vec<Place>> {
    const NANOSECONDS_PER_DAY: i128 = 86_400_000_000_000;
    let (array, dtype) = column::readable(table, name)?;
    if dtype == DType::String {
        return Err(column::unfit(name, "dates, timestamps or numbers to order by", "text"));
    }
    let view = ColumnView::new(name, array.as_ref())?;
    let mut pace = Pace::default();
    let place = |row: usize| {
        pace.check(OPERATION, 1)?;
        match view.value(row) {
            Value::Date(date) => Ok(Place::Moment(i128::from(date.days()) * NANOSECONDS_PER_DAY)),
            Value::DateTime(moment) => Ok(Place::Moment(moment.nanoseconds())),
            Value::Timestamp(moment) => Ok(Place::Moment(moment.nanoseconds())),
            Value::Int(whole) => Ok(Place::Whole(whole.into())),
            Value::UInt(whole) => Ok(Place::Whole(whole.into())),
            Value::Bool(flag) => Ok(Place::Whole(flag.into())),
            Value::Float(number) if !number.is_nan() => Ok(Place::Number(number)),
            Value::Null | Value::Float(_) => Err(Error::invalid_input(
                OPERATION,
                name,
                format!("row {row}: a missing value orders no rows"),
            )
            .remedy("leave such rows out, or say when they were")),
            other => whole(other).map(Place::Whole).ok_or_else(|| {
                column::unfit(name, "dates, timestamps or numbers to order by", &dtype.to_string())
            }),
        }
    };
    (0..array.len()).map(place).collect()
}
