//! Rows by their key: each key that was inserted has a number, and the numbers of other rows are found by it.
//!
//! A column becomes words of 64 bits (of a text, its number), and one level after another makes of what went before and a word
//! the number of the pair, so that several columns cost a lookup each. Rows whose key is null or NaN in a column have no number.

mod domain;
mod level;
mod texts;
mod words;

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;

use mlcore::arrow::array::ArrayRef;
use mlcore::arrow::datatypes::DataType;
use mlcore::interrupt::Pace;
use mlcore::{Error, Result};

use self::domain::Domain;
use self::level::Level;
pub(super) use self::level::NOTHING;
use self::texts::Texts;
use self::words::{Memo, Words};

/// The keys of some rows.
#[derive(Debug)]
pub(super) struct Keys {
    operation: &'static str,
    columns: Vec<KeyColumn>,
}

#[derive(Debug)]
struct KeyColumn {
    domain: Domain,
    texts: Texts,
    level: Level,
    memo: Memo,
}

/// The name and the type of a key column, of the rows that are inserted and of those that are found.
pub(super) type KeyTypes<'a> = ((&'a str, &'a DataType), (&'a str, &'a DataType));

impl Keys {
    /// No keys yet, of columns that are compared pair by pair.
    pub(super) fn new<'a>(
        operation: &'static str,
        columns: impl IntoIterator<Item = KeyTypes<'a>>,
    ) -> Result<Self> {
        // Whoever makes up keys does not know the seed, and answers do not depend on it.
        let random = RandomState::new();
        let column = |(position, (own, other)): (u64, KeyTypes<'a>)| {
            let domain = Domain::of(operation, own, other)?;
            let seed = random.hash_one(position);
            Ok(KeyColumn { domain, texts: Texts::new(seed), level: Level::new(seed), memo: Memo::default() })
        };
        let columns = (0_u64..).zip(columns).map(column).collect::<Result<_>>()?;
        Ok(Self { operation, columns })
    }

    /// How many keys there are.
    pub(super) fn count(&self) -> usize {
        self.columns.last().map_or(1, |column| column.level.count())
    }

    /// The numbers of keys, those of new ones in the order in which they appear; [`NOTHING`] for rows that have none.
    pub(super) fn insert(&mut self, arrays: &[ArrayRef], rows: usize, numbers: &mut Vec<u32>) -> Result<()> {
        numbers.clear();
        numbers.resize(rows, 0);
        for (column, array) in self.columns.iter_mut().zip(arrays) {
            let texts = &mut column.texts;
            let words =
                Words::read(column.domain, array.as_ref(), &mut column.memo, |text| texts.insert(text))?;
            let before = column.level.count();
            let mut pace = Pace::default();
            for (row, number) in numbers.iter_mut().enumerate() {
                pace.check(self.operation, 1)?;
                *number = match words.get(row) {
                    Some(word) if *number != NOTHING => match column.level.insert(*number, word) {
                        NOTHING => return Err(self.too_many(before)),
                        number => number,
                    },
                    _ => NOTHING,
                };
            }
        }
        Ok(())
    }

    /// Gives keys other numbers, `numbers` by their own, and makes ready for [`finder`](Self::finder). Nothing is inserted afterwards.
    pub(super) fn renumber(&mut self, numbers: &[u32]) {
        let last = self.columns.len().saturating_sub(1);
        for (position, column) in self.columns.iter_mut().enumerate() {
            column.level.renumber((position == last).then_some(numbers), position == 0);
        }
    }

    /// What finds rows among the keys; each thread has its own.
    pub(super) fn finder(&self) -> Finder<'_> {
        Finder { columns: self.columns.iter().map(|column| (column, Memo::default())).collect() }
    }

    fn too_many(&self, keys: usize) -> Error {
        Error::unsupported(self.operation, "keys", format!("{keys} keys are more than can be counted"))
            .remedy("join the rows in parts")
    }
}

/// Keys, and the dictionary of each column that was read last.
#[derive(Debug)]
pub(super) struct Finder<'k> {
    columns: Vec<(&'k KeyColumn, Memo)>,
}

impl Finder<'_> {
    /// The numbers of keys that were inserted, [`NOTHING`] for others; `only` is the number of every row where a key has no columns.
    pub(super) fn find(
        &mut self,
        arrays: &[ArrayRef],
        rows: usize,
        only: u32,
        numbers: &mut Vec<u32>,
    ) -> Result<()> {
        numbers.clear();
        numbers.resize(rows, if self.columns.is_empty() { only } else { 0 });
        for (position, ((column, memo), array)) in self.columns.iter_mut().zip(arrays).enumerate() {
            let texts = &column.texts;
            let words = Words::read(column.domain, array.as_ref(), memo, |text| texts.find(text))?;
            let level = &column.level;
            match (level.direct().filter(|_| position == 0), words.all()) {
                (Some((low, list)), Some(words)) => {
                    for (number, word) in numbers.iter_mut().zip(words) {
                        let place = usize::try_from(word.wrapping_sub(low)).unwrap_or(usize::MAX);
                        *number = list.get(place).copied().unwrap_or(NOTHING);
                    }
                }
                (None, Some(words)) if position == 0 => {
                    for (number, word) in numbers.iter_mut().zip(words) {
                        *number = level.find(0, *word);
                    }
                }
                _ => {
                    for (row, number) in numbers.iter_mut().enumerate() {
                        *number = match words.get(row) {
                            Some(word) if *number != NOTHING => level.find(*number, word),
                            _ => NOTHING,
                        };
                    }
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
