//! How often each value occurs.

use std::collections::BTreeMap;
use std::path::Path;

use mlcore::Result;
use mlcore::batch::{OwnedValue, Value};
use mlcore::schema::DType;
use mlcore::time::{Date, DateTime, Time, Timestamp};

use super::spill::{Key, Spill};
use super::table::{Entry, Seen, Texts, Words};
use crate::validate::report::Unexpected;

/// How often each value of a column occurs, or each combination of several columns; with the first rows of what occurs again.
#[derive(Debug)]
pub(super) struct Counts {
    keys: Keys,
    /// The first rows, by number, of values that occur more than once.
    repeats: BTreeMap<u64, Vec<OwnedValue>>,
    most: usize,
    /// The counts that memory was not to hold.
    spill: Option<Spill>,
}

#[derive(Debug)]
enum Keys {
    /// Numbers, dates and times by their bits.
    Words(DType, Words),
    /// The same while each is greater than the one before, as keys often are, and so occurs once: with its row.
    Ascending(DType, Vec<(u64, u64)>),
    Texts(Texts),
    /// Several values, each as it is written by [`write_key`].
    Rows(Vec<DType>, Texts),
}

impl Counts {
    /// Of a column, with so many examples of what occurs again.
    pub(super) fn of_column(dtype: DType, most: usize) -> Self {
        let keys = match dtype {
            DType::String => Keys::Texts(Texts::default()),
            dtype if dtype.is_float() => Keys::Words(dtype, Words::default()),
            dtype => Keys::Ascending(dtype, Vec::new()),
        };
        Self { keys, repeats: BTreeMap::new(), most, spill: None }
    }

    /// Of several columns.
    pub(super) fn of_rows(dtypes: Vec<DType>, most: usize) -> Self {
        Self { keys: Keys::Rows(dtypes, Texts::default()), repeats: BTreeMap::new(), most, spill: None }
    }

    /// Counts values of a column of anything but text, none of which is missing: each with its row.
    pub(super) fn add_values<'a>(&mut self, values: impl Iterator<Item = (Value<'a>, u64)>) {
        let (Keys::Words(dtype, _) | Keys::Ascending(dtype, _)) = self.keys else { return };
        self.add_words(values.map(|(value, row)| (word_of(value, dtype), row)));
    }

    /// Counts numbers that are exact floats, none of which is missing: each with its row.
    pub(super) fn add_numbers(&mut self, numbers: impl Iterator<Item = (f64, u64)>) {
        let (Keys::Words(dtype, _) | Keys::Ascending(dtype, _)) = self.keys else { return };
        if dtype.is_float() {
            self.add_words(numbers.map(|(number, row)| ((number + 0.0).to_bits(), row)));
        } else {
            self.add_words(numbers.map(|(number, row)| ((number as i64).cast_unsigned(), row)));
        }
    }

    fn add_words(&mut self, mut words: impl Iterator<Item = (u64, u64)>) {
        if let Keys::Ascending(dtype, ascending) = &mut self.keys {
            let other = words.by_ref().find(|(word, row)| {
                let is_next = ascending.last().is_none_or(|(last, _)| is_below(*last, *word, *dtype));
                if is_next {
                    ascending.push((*word, *row));
                }
                !is_next
            });
            let Some(other) = other else { return };
            self.spread();
            self.look_up(std::iter::once(other).chain(words));
        } else {
            self.look_up(words);
        }
    }

    fn look_up(&mut self, words: impl Iterator<Item = (u64, u64)>) {
        let Self { keys: Keys::Words(dtype, table), repeats, most, .. } = self else { return };
        for (word, row) in words {
            let seen = table.add(word, Entry { count: 1, first: row });
            note(repeats, *most, seen, row, || vec![value_of(word, *dtype)]);
        }
    }

    /// Counts a text.
    pub(super) fn add_text(&mut self, text: &str, row: u64) {
        let Keys::Texts(texts) = &mut self.keys else { return };
        let seen = texts.add(text.as_bytes(), Entry { count: 1, first: row });
        note(&mut self.repeats, self.most, seen, row, || vec![OwnedValue::Text(text.to_owned())]);
    }

    /// Looks values up by their bits from now on.
    fn spread(&mut self) {
        if let Keys::Ascending(dtype, ascending) = &mut self.keys {
            let mut words = Words::default();
            for (word, first) in ascending.drain(..) {
                words.add(word, Entry { count: 1, first });
            }
            self.keys = Keys::Words(*dtype, words);
        }
    }

    /// Counts a combination, which `key` holds as [`write_key`] wrote it.
    pub(super) fn add_row(&mut self, key: &[u8], row: u64, values: impl Fn() -> Vec<OwnedValue>) {
        let Keys::Rows(_, rows) = &mut self.keys else { return };
        let seen = rows.add(key, Entry { count: 1, first: row });
        note(&mut self.repeats, self.most, seen, row, values);
    }

    /// How many distinct values are held in memory.
    pub(super) fn distinct(&self) -> u64 {
        let len = match &self.keys {
            Keys::Words(_, words) => words.len(),
            Keys::Ascending(_, words) => words.len(),
            Keys::Texts(texts) => texts.len(),
            Keys::Rows(_, rows) => rows.len(),
        };
        len as u64
    }

    /// How many rows hold a value that another one holds, too.
    pub(super) fn repeated(&self) -> u64 {
        let repeated = |entry: Entry| if entry.count > 1 { entry.count } else { 0 };
        match &self.keys {
            Keys::Words(_, words) => words.iter().map(|(_, entry)| repeated(entry)).sum(),
            Keys::Ascending(..) => 0,
            Keys::Texts(texts) | Keys::Rows(_, texts) => texts.iter().map(|(_, entry)| repeated(entry)).sum(),
        }
    }

    /// The first rows that hold a value that another one holds, too.
    pub(super) fn examples(&self) -> Vec<Unexpected> {
        let example =
            |(row, values): (&u64, &Vec<OwnedValue>)| Unexpected { row: Some(*row), values: values.clone() };
        self.repeats.iter().map(example).collect()
    }

    /// The values of one column with their counts, in the order in which they were seen first.
    pub(super) fn values(&self) -> Box<dyn Iterator<Item = (OwnedValue, u64)> + '_> {
        match &self.keys {
            Keys::Words(dtype, words) => {
                Box::new(words.iter().map(|(word, entry)| (value_of(word, *dtype), entry.count)))
            }
            Keys::Ascending(dtype, words) => {
                Box::new(words.iter().map(|(word, _)| (value_of(*word, *dtype), 1)))
            }
            Keys::Texts(texts) => Box::new(texts.iter().map(|(text, entry)| (text_of(text), entry.count))),
            Keys::Rows(..) => Box::new(std::iter::empty()),
        }
    }

    /// Whether the value occurs.
    pub(super) fn has(&self, value: &OwnedValue) -> bool {
        match (&self.keys, value) {
            (Keys::Texts(texts), OwnedValue::Text(text)) => texts.has(text.as_bytes()),
            (Keys::Words(dtype, _) | Keys::Ascending(dtype, _), value) => {
                // A literal that the type of the column does not hold occurs nowhere.
                let word = word_of(value.as_value(), *dtype);
                let own = value_of(word, *dtype);
                let is_equal = crate::validate::literal::compare(own.as_value(), value.as_value());
                is_equal == Some(std::cmp::Ordering::Equal) && self.has_word(word)
            }
            _ => false,
        }
    }

    fn has_word(&self, word: u64) -> bool {
        match &self.keys {
            Keys::Words(_, words) => words.has(word),
            Keys::Ascending(dtype, words) => {
                let place = words.partition_point(|(own, _)| is_below(*own, word, *dtype));
                words.get(place).is_some_and(|(own, _)| *own == word)
            }
            Keys::Texts(_) | Keys::Rows(..) => false,
        }
    }

    /// Adds the rows that came after these, of which there were so many.
    /// Where the later ones lie in files, `folder` takes both.
    pub(super) fn append(&mut self, mut later: Self, rows: u64, folder: Option<&Path>) -> Result<()> {
        if let (Keys::Ascending(dtype, own), Keys::Ascending(_, words)) = (&mut self.keys, &later.keys) {
            let ends = own.last().zip(words.first());
            let is_behind = ends.is_none_or(|((last, _), (first, _))| is_below(*last, *first, *dtype));
            if is_behind && self.spill.is_none() && later.spill.is_none() {
                own.extend(words.iter().map(|(word, row)| (*word, rows + row)));
                return Ok(());
            }
        }
        for (row, values) in std::mem::take(&mut later.repeats) {
            keep(&mut self.repeats, self.most, rows + row, || values.clone());
        }
        self.spread();
        let folder = folder.filter(|_| later.is_spilled());
        later.each_part(|part| {
            part.entries().for_each(|(key, entry)| {
                let moved = Entry { first: rows + entry.first, ..entry };
                self.add_entry(key.bytes(), moved);
            });
            folder.map_or(Ok(()), |folder| self.spill(folder))
        })
    }

    /// Adds a key with its counts.
    fn add_entry(&mut self, key: &[u8], entry: Entry) {
        let Self { keys, repeats, most, .. } = self;
        let word = || key.first_chunk().map_or(0, |word| u64::from_le_bytes(*word));
        let seen = match keys {
            Keys::Words(_, words) => words.add(word(), entry),
            Keys::Ascending(..) => return,
            Keys::Texts(texts) | Keys::Rows(_, texts) => texts.add(key, entry),
        };
        let values = || match &*keys {
            Keys::Words(dtype, _) | Keys::Ascending(dtype, _) => vec![value_of(word(), *dtype)],
            Keys::Texts(_) => vec![text_of(key)],
            Keys::Rows(dtypes, _) => read_key(key, dtypes),
        };
        // The rows of each value that was alone on either side.
        if let Seen::Second(first) = seen {
            keep(repeats, *most, first, values);
        }
        if seen != Seen::New && entry.count == 1 {
            keep(repeats, *most, entry.first, values);
        }
    }

    /// The keys in memory with their counts.
    fn entries(&self) -> Box<dyn Iterator<Item = (Key<'_>, Entry)> + '_> {
        let word = |word: u64, entry: Entry| (Key::Word(word.to_le_bytes()), entry);
        match &self.keys {
            Keys::Words(_, words) => Box::new(words.iter().map(move |(own, entry)| word(own, entry))),
            Keys::Ascending(_, words) => {
                Box::new(words.iter().map(move |(own, first)| word(*own, Entry { count: 1, first: *first })))
            }
            Keys::Texts(texts) | Keys::Rows(_, texts) => {
                Box::new(texts.iter().map(|(text, entry)| (Key::Bytes(text), entry)))
            }
        }
    }

    /// Moves what memory holds into a file of this folder.
    pub(super) fn spill(&mut self, folder: &Path) -> Result<()> {
        let mut spill = match self.spill.take() {
            Some(spill) => spill,
            None => Spill::create(folder)?,
        };
        let written = spill.write(self.entries());
        self.spill = Some(spill);
        written?;
        self.keys = self.keys.emptied();
        Ok(())
    }

    /// Whether a part of the counts lies in a file.
    pub(super) const fn is_spilled(&self) -> bool {
        self.spill.is_some()
    }

    /// Asks the counts; where they lie in a file, part by part: each value is in one of them.
    pub(super) fn each_part(&mut self, mut ask: impl FnMut(&Self) -> Result<()>) -> Result<()> {
        let Some(mut spill) = self.spill.take() else { return ask(self) };
        spill.write(self.entries())?;
        self.keys = self.keys.emptied();
        for place in 0..Spill::parts() {
            let mut part = Self {
                keys: self.keys.emptied(),
                repeats: std::mem::take(&mut self.repeats),
                most: self.most,
                spill: None,
            };
            spill.read(place, |key, entry| part.add_entry(key, entry))?;
            self.repeats = std::mem::take(&mut part.repeats);
            ask(&part)?;
        }
        self.spill = Some(spill);
        Ok(())
    }
}

impl Keys {
    /// No keys of this kind, looked up by their hashes.
    fn emptied(&self) -> Self {
        match self {
            Self::Words(dtype, _) | Self::Ascending(dtype, _) => Self::Words(*dtype, Words::default()),
            Self::Texts(_) => Self::Texts(Texts::default()),
            Self::Rows(dtypes, _) => Self::Rows(dtypes.clone(), Texts::default()),
        }
    }
}

/// Keeps the rows of a value that occurs again, as long as they are among the first.
#[inline]
fn note(
    repeats: &mut BTreeMap<u64, Vec<OwnedValue>>,
    most: usize,
    seen: Seen,
    row: u64,
    values: impl Fn() -> Vec<OwnedValue>,
) {
    let rows = match seen {
        Seen::New => return,
        Seen::Second(first) => [Some(first), Some(row)],
        Seen::Again => [Some(row), None],
    };
    for row in rows.into_iter().flatten() {
        keep(repeats, most, row, &values);
    }
}

fn keep(
    repeats: &mut BTreeMap<u64, Vec<OwnedValue>>,
    most: usize,
    row: u64,
    values: impl Fn() -> Vec<OwnedValue>,
) {
    let is_full = repeats.len() >= most;
    let is_late = repeats.last_key_value().is_none_or(|(last, _)| *last < row);
    if !(is_full && is_late) {
        repeats.insert(row, values());
        if repeats.len() > most {
            repeats.pop_last();
        }
    }
}

fn text_of(text: &[u8]) -> OwnedValue {
    OwnedValue::Text(String::from_utf8_lossy(text).into_owned())
}

/// Whether one word of a type that is no float is less than another.
fn is_below(a: u64, b: u64, dtype: DType) -> bool {
    let is_unsigned = dtype.is_integer() && !dtype.is_signed();
    if is_unsigned { a < b } else { a.cast_signed() < b.cast_signed() }
}

/// A value of a column of this type, text aside, as a word: equal values have equal words.
fn word_of(value: Value<'_>, dtype: DType) -> u64 {
    match value {
        Value::Bool(value) => value.into(),
        Value::Int(value) if dtype.is_float() => (value as f64).to_bits(),
        Value::UInt(value) if dtype.is_float() => (value as f64).to_bits(),
        Value::Int(value) => value.cast_unsigned(),
        Value::UInt(value) => value,
        Value::Float(value) if dtype.is_float() => (value + 0.0).to_bits(),
        Value::Float(value) => (value as i64).cast_unsigned(),
        value => value.count_in(dtype).unwrap_or_default().cast_unsigned(),
    }
}

/// The value of a word.
fn value_of(word: u64, dtype: DType) -> OwnedValue {
    let signed = word.cast_signed();
    match dtype {
        DType::Bool => OwnedValue::Bool(word != 0),
        DType::Date => OwnedValue::Date(Date::from_days(i32::try_from(signed).unwrap_or_default())),
        DType::Time(unit) => Time::new(signed, unit).map_or(OwnedValue::Null, OwnedValue::Time),
        DType::Timestamp(unit, None) => OwnedValue::DateTime(DateTime::new(signed, unit)),
        DType::Timestamp(unit, Some(_)) => OwnedValue::Timestamp(Timestamp::new(signed, unit)),
        dtype if dtype.is_float() => OwnedValue::Float(f64::from_bits(word)),
        dtype if dtype.is_signed() => OwnedValue::Int(signed),
        _ => OwnedValue::UInt(word),
    }
}

/// Writes a value behind the key: a byte that says whether it is there, then a word, or a text with its length.
pub(super) fn write_key(key: &mut Vec<u8>, value: Value<'_>, dtype: DType) {
    if value.is_missing() {
        key.push(0);
        return;
    }
    key.push(1);
    match value {
        Value::Text(text) => {
            key.extend((text.len() as u64).to_le_bytes());
            key.extend(text.as_bytes());
        }
        value => key.extend(word_of(value, dtype).to_le_bytes()),
    }
}

/// Reads what [`write_key`] wrote.
fn read_key(key: &[u8], dtypes: &[DType]) -> Vec<OwnedValue> {
    let mut rest = key;
    let mut values = Vec::with_capacity(dtypes.len());
    for dtype in dtypes {
        let is_there = rest.split_off_first().is_some_and(|byte| *byte == 1);
        let word = if is_there { rest.split_off(..8) } else { None };
        let word = word.and_then(|bytes| bytes.try_into().ok()).map(u64::from_le_bytes);
        values.push(match (word, dtype) {
            (None, _) => OwnedValue::Null,
            (Some(len), DType::String) => {
                let bytes =
                    usize::try_from(len).ok().and_then(|len| rest.split_off(..len)).unwrap_or_default();
                OwnedValue::Text(String::from_utf8_lossy(bytes).into_owned())
            }
            (Some(word), dtype) => value_of(word, *dtype),
        });
    }
    values
}
