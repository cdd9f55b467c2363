//! Whether values go up or down.

use std::cmp::Ordering;

use mlcore::batch::{OwnedValue, Value};

use super::lane::Lane;
use super::mask::Mask;
use super::tally::Tally;
use crate::validate::literal::compare;
use crate::validate::report::Unexpected;

/// The first and the last value so far, and the values that are on the wrong side of the one before.
#[derive(Clone, Debug, Default)]
pub(super) struct OrderState {
    first: Option<(u64, OwnedValue)>,
    last: Option<OwnedValue>,
    pub(super) tally: Tally,
}

/// Which way values go, and whether neighbours may be equal.
#[derive(Clone, Copy)]
pub(super) struct Direction {
    pub(super) descending: bool,
    pub(super) strictly: bool,
}

impl Direction {
    fn fails(self, before: Value<'_>, value: Value<'_>) -> bool {
        let wrong = if self.descending { Ordering::Greater } else { Ordering::Less };
        match compare(value, before) {
            Some(Ordering::Equal) => self.strictly,
            Some(order) => order == wrong,
            None => false,
        }
    }

    #[inline]
    fn fails_number(self, before: f64, number: f64) -> bool {
        let is_wrong = if self.descending { number > before } else { number < before };
        is_wrong | (self.strictly & (number == before))
    }
}

impl OrderState {
    pub(super) fn add(&mut self, direction: Direction, lane: &Lane<'_>, looked_at: Mask, room: (usize, u64)) {
        let mut failing = Mask::default();
        let last = self.last.take();
        let mut before = last.as_ref().map_or(Value::Null, OwnedValue::as_value);
        // The first value follows one of the stretch before. Of the others floats are compared, where nothing is lost by that.
        let numbers = if lane.is_exact { lane.numbers() } else { &[] };
        let mut number = f64::NAN;
        for row in looked_at.without(lane.missing).rows() {
            if let Some(next) = numbers.get(row)
                && !number.is_nan()
            {
                if direction.fails_number(number, *next) {
                    failing.set(row);
                }
                number = *next;
                continue;
            }
            let value = lane.value(row);
            if self.first.is_none() {
                self.first = Some((room.1 + row as u64, value.into_owned()));
            } else if direction.fails(before, value) {
                failing.set(row);
            }
            before = value;
            number = numbers.get(row).copied().unwrap_or(f64::NAN);
        }
        if !number.is_nan()
            && let Some(row) = looked_at.without(lane.missing).last()
        {
            before = lane.value(row);
        }
        self.last = Some(before).filter(|value| !value.is_null()).map(Value::into_owned);
        let missing = looked_at.and(lane.missing);
        self.tally.add((looked_at, missing, failing), room, |row| vec![lane.value(row).into_owned()]);
    }

    /// Adds the rows that came after these, of which there were so many.
    pub(super) fn append(&mut self, direction: Direction, later: Self, rows: u64, most: usize) {
        if let (Some(last), Some((row, first))) = (&self.last, &later.first)
            && direction.fails(last.as_value(), first.as_value())
        {
            self.tally.unexpected += 1;
            if self.tally.examples.len() < most {
                self.tally.examples.push(Unexpected { row: Some(rows + row), values: vec![first.clone()] });
            }
        }
        self.first = self.first.take().or(later.first.map(|(row, value)| (rows + row, value)));
        self.last = later.last.or(self.last.take());
        self.tally.append(later.tally, rows, most);
    }
}
