//! The entity rows, key by key and in order of time, and the best row of the source for each.
//!
//! A row of the source that was known from a moment on belongs to the first time of its key from there on. Each time keeps the
//! best row that belongs to it; once all rows have passed, the best of a time is handed on to the later times of its key, which
//! it is known at too. So a row of the source costs one place to look at, in whatever order rows come.

use mlcore::{Error, Result};

use super::keys::NOTHING;
use super::times::{Tick, Times};

/// The row that there is none of.
pub(super) const NO_ROW: u64 = u64::MAX;

/// The order of entity rows by key and time, which does not depend on how times are counted.
#[derive(Debug)]
pub(super) struct Order {
    /// For each place the entity row; none at the head of a key's block.
    rows: Vec<Option<u32>>,
    /// Where the block of each key begins.
    heads: Vec<u32>,
}

impl Order {
    /// Orders rows by the number of their key and their time; those without a number are left out.
    pub(super) fn new(operation: &'static str, numbers: &[u32], keys: usize, times: &Times) -> Result<Self> {
        let too_many = || {
            Error::unsupported(operation, "entity rows", format!("{} are too many at once", numbers.len()))
                .remedy("join the rows in parts")
        };
        let mut sizes = vec![0_u32; keys];
        for number in numbers {
            if let Some(size) = sizes.get_mut(*number as usize) {
                *size = size.checked_add(1).ok_or_else(too_many)?;
            }
        }
        let mut heads = Vec::with_capacity(keys);
        let mut next = 0_u32;
        for size in &sizes {
            heads.push(next);
            next = size.checked_add(1).and_then(|size| next.checked_add(size)).ok_or_else(too_many)?;
        }
        if next == NOTHING {
            return Err(too_many());
        }
        let mut rows = vec![None; next as usize];
        let mut filled = heads.clone();
        for (row, number) in numbers.iter().enumerate() {
            let Some(last) = filled.get_mut(*number as usize) else { continue };
            *last += 1;
            if let Some(place) = rows.get_mut(*last as usize) {
                *place = Some(u32::try_from(row).map_err(|_| too_many())?);
            }
        }
        for (head, last) in heads.iter().zip(&filled) {
            if let Some(block) =
                rows.get_mut(*head as usize + 1..*last as usize + 1).filter(|block| block.len() > 1)
            {
                block.sort_by_key(|row| row.and_then(|row| times.ticks().get(row as usize)).copied());
            }
        }
        Ok(Self { rows, heads })
    }

    /// Where the block of each key begins.
    pub(super) fn heads(&self) -> &[u32] {
        &self.heads
    }

    /// Each place with its entity row.
    pub(super) fn rows(&self) -> impl Iterator<Item = Option<usize>> {
        self.rows.iter().map(|row| row.map(|row| row as usize))
    }
}

/// The best row of the source for each entity row.
#[derive(Debug)]
pub(super) struct Slots<T> {
    /// A block for each key: how many times it has, and those times, the earliest first.
    blocks: Vec<T>,
    best: Vec<Best<T>>,
    /// When the best rows were created; empty where the source does not tell.
    created: Vec<T>,
    latest: T,
}

#[derive(Clone, Copy, Debug)]
struct Best<T> {
    event: T,
    row: u64,
}

/// A row of the source on its way past the slots.
#[derive(Clone, Copy)]
pub(super) struct Candidate<T> {
    /// The moment from which on it was known.
    pub(super) known: T,
    pub(super) event: T,
    pub(super) created: T,
    pub(super) row: u64,
}

impl<T: Tick> Slots<T> {
    /// Slots for entity rows at these times, in units of so many nanoseconds.
    pub(super) fn new(order: &Order, times: &Times, unit: i64, is_created_told: bool) -> Self {
        let mut blocks = vec![T::LOWEST; order.rows.len()];
        let mut latest = T::LOWEST;
        for (block, row) in blocks.iter_mut().zip(order.rows()) {
            if let Some(row) = row {
                // A time that the unit cannot count is clamped; the last check compares exactly.
                *block = T::nearest(times.nanoseconds(row).div_euclid(i128::from(unit)));
                latest = latest.max(*block);
            }
        }
        let ends = order.heads.iter().skip(1).copied().chain([order.rows.len() as u32]);
        for (head, end) in order.heads.iter().zip(ends) {
            if let Some(count) = blocks.get_mut(*head as usize) {
                *count = T::nearest(i128::from(end - head - 1));
            }
        }
        let best = vec![Best { event: T::LOWEST, row: NO_ROW }; order.rows.len()];
        let created = vec![T::LOWEST; if is_created_told { order.rows.len() } else { 0 }];
        Self { blocks, best, created, latest }
    }

    /// The latest time of all.
    pub(super) fn latest(&self) -> T {
        self.latest
    }

    /// Lets a row of the key whose block begins at `head` pass; answers the place that it is now the best of.
    ///
    /// Rows pass in the order of the source, so that of two with the same times the later one stays.
    #[inline(always)]
    pub(super) fn offer(&mut self, head: u32, candidate: Candidate<T>) -> Option<u32> {
        let start = head as usize + 1;
        let count = self.blocks.get(head as usize)?.wide() as usize;
        let times = self.blocks.get(start..start + count)?;
        // Most keys have few times, which are counted faster than halved.
        let before = if count <= 8 {
            times.iter().filter(|time| **time < candidate.known).count()
        } else {
            times.partition_point(|time| *time < candidate.known)
        };
        if before == count {
            return None;
        }
        let place = start + before;
        let best = self.best.get_mut(place)?;
        if candidate.event < best.event {
            return None;
        }
        if let Some(created) = self.created.get_mut(place) {
            if candidate.event == best.event && candidate.created < *created {
                return None;
            }
            *created = candidate.created;
        }
        *best = Best { event: candidate.event, row: candidate.row };
        u32::try_from(place).ok()
    }

    /// Takes of each place the better row, of these slots and of others over other rows.
    pub(super) fn merge(&mut self, others: &Self) {
        for (place, other) in others.best.iter().enumerate().filter(|(_, other)| other.row != NO_ROW) {
            let Some(own) = self.best.get_mut(place) else { break };
            let theirs = others.created.get(place).copied().unwrap_or(T::LOWEST);
            let created = self.created.get(place).copied().unwrap_or(T::LOWEST);
            if own.row == NO_ROW || (other.event, theirs, other.row) > (own.event, created, own.row) {
                *own = *other;
                if let Some(created) = self.created.get_mut(place) {
                    *created = theirs;
                }
            }
        }
    }

    /// The row that a place has now.
    pub(super) fn row(&self, place: u32) -> u64 {
        self.best.get(place as usize).map_or(NO_ROW, |best| best.row)
    }

    /// Gives the rows of places other numbers.
    pub(super) fn renumber(&mut self, places: impl IntoIterator<Item = u32>, number: impl Fn(u64) -> u64) {
        for place in places {
            if let Some(best) = self.best.get_mut(place as usize).filter(|best| best.row != NO_ROW) {
                best.row = number(best.row);
            }
        }
    }

    /// All rows that are the best of a place, in any order.
    pub(super) fn kept(&self) -> impl Iterator<Item = u64> {
        self.best.iter().map(|best| best.row).filter(|row| *row != NO_ROW)
    }

    pub(super) fn places(&self) -> u32 {
        self.best.len() as u32
    }

    /// Hands the best rows on to the later times of their key, and answers for each place the event, in nanoseconds, and the row.
    pub(super) fn finish(mut self, order: &Order, unit: i64) -> Vec<Option<(i128, u64)>> {
        let mut before: Option<(Best<T>, T)> = None;
        let mut answers = Vec::with_capacity(self.best.len());
        for (place, row) in order.rows().enumerate() {
            let Some(own) = self.best.get_mut(place) else { break };
            if row.is_none() {
                before = None;
                answers.push(None);
                continue;
            }
            let created = self.created.get(place).copied().unwrap_or(T::LOWEST);
            let best = match before {
                Some((earlier, known))
                    if own.row == NO_ROW
                        || earlier.row != NO_ROW
                            && (earlier.event, known, earlier.row) > (own.event, created, own.row) =>
                {
                    (earlier, known)
                }
                _ => (*own, created),
            };
            before = Some(best);
            let found = (best.0.row != NO_ROW).then(|| (best.0.event.wide() * i128::from(unit), best.0.row));
            answers.push(found);
        }
        answers
    }
}

impl Slots<i64> {
    /// The same in nanoseconds, which units that differ are compared in.
    pub(super) fn widen(self, order: &Order, times: &Times, unit: i64) -> Slots<i128> {
        let mut wide = Slots::<i128>::new(order, times, 1, !self.created.is_empty());
        let widened = |tick: i64| match tick {
            i64::MIN => i128::MIN,
            tick => i128::from(tick) * i128::from(unit),
        };
        for (wide, own) in wide.best.iter_mut().zip(&self.best) {
            *wide = Best { event: widened(own.event), row: own.row };
        }
        for (wide, own) in wide.created.iter_mut().zip(&self.created) {
            *wide = widened(*own);
        }
        wide
    }
}
