//! How often each value occurs.

use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;

use mlcore::batch::{OwnedValue, Value};
use mlcore::schema::DType;
use mlcore::time::{Date, DateTime, Time, Timestamp};

use crate::validate::hash::Folded;
use crate::validate::report::Unexpected;

/// How often a value occurs, and in which row first.
#[derive(Clone, Copy, Debug)]
struct Entry {
    count: u64,
    first: u64,
}

/// How often each value of a column occurs, or each combination of several columns; with the first rows of what occurs again.
#[derive(Clone, Debug)]
pub(super) struct Counts {
    keys: Keys,
    /// The first rows, by number, of values that occur more than once.
    repeats: BTreeMap<u64, Vec<OwnedValue>>,
    most: usize,
}

#[derive(Clone, Debug)]
enum Keys {
    /// Numbers, dates and times by their bits.
    Words(DType, HashMap<u64, Entry, Folded>),
    /// The same while each is greater than the one before, as keys often are, and so occurs once: with its row.
    Ascending(DType, Vec<(u64, u64)>),
    Texts(HashMap<Box<str>, Entry, Folded>),
    /// Several values, each as it is written by [`write_key`].
    Rows(Vec<DType>, HashMap<Box<[u8]>, Entry, Folded>),
}

/// The row in which a value was seen first, where it is seen for the second time.
#[derive(Clone, Copy)]
enum Seen {
    New,
    Second(u64),
    Again,
}

fn bump<K: Hash + Eq + std::borrow::Borrow<Q>, Q: Hash + Eq + ?Sized>(
    entries: &mut HashMap<K, Entry, Folded>,
    key: &Q,
    row: u64,
    owned: impl FnOnce() -> K,
) -> Seen {
    match entries.get_mut(key) {
        Some(entry) => {
            entry.count += 1;
            if entry.count == 2 { Seen::Second(entry.first) } else { Seen::Again }
        }
        None => {
            entries.insert(owned(), Entry { count: 1, first: row });
            Seen::New
        }
    }
}

impl Counts {
    /// Of a column, with so many examples of what occurs again.
    pub(super) fn of_column(dtype: DType, most: usize) -> Self {
        let keys = match dtype {
            DType::String => Keys::Texts(HashMap::default()),
            dtype if dtype.is_float() => Keys::Words(dtype, HashMap::default()),
            dtype => Keys::Ascending(dtype, Vec::new()),
        };
        Self { keys, repeats: BTreeMap::new(), most }
    }

    /// Of several columns.
    pub(super) fn of_rows(dtypes: Vec<DType>, most: usize) -> Self {
        Self { keys: Keys::Rows(dtypes, HashMap::default()), repeats: BTreeMap::new(), most }
    }

    /// Counts a value that is not missing.
    pub(super) fn add(&mut self, value: Value<'_>, row: u64) {
        if let Keys::Ascending(dtype, words) = &mut self.keys {
            let word = word_of(value, *dtype);
            let is_next = words.last().is_none_or(|(last, _)| is_below(*last, word, *dtype));
            if is_next {
                words.push((word, row));
                return;
            }
            self.spread();
        }
        let seen = match &mut self.keys {
            Keys::Texts(texts) => {
                let Value::Text(text) = value else { return };
                bump(texts, text, row, || text.into())
            }
            Keys::Words(dtype, words) => {
                let word = word_of(value, *dtype);
                bump(words, &word, row, || word)
            }
            Keys::Rows(..) | Keys::Ascending(..) => return,
        };
        self.note(seen, row, || vec![value.into_owned()]);
    }

    /// Looks values up by their bits from now on.
    fn spread(&mut self) {
        if let Keys::Ascending(dtype, words) = &mut self.keys {
            let entries = words.drain(..).map(|(word, first)| (word, Entry { count: 1, first }));
            self.keys = Keys::Words(*dtype, entries.collect());
        }
    }

    /// Counts a combination, which `key` holds as [`write_key`] wrote it.
    pub(super) fn add_row(&mut self, key: &[u8], row: u64, values: impl Fn() -> Vec<OwnedValue>) {
        let Keys::Rows(_, rows) = &mut self.keys else { return };
        let seen = bump(rows, key, row, || key.into());
        self.note(seen, row, values);
    }

    fn note(&mut self, seen: Seen, row: u64, values: impl Fn() -> Vec<OwnedValue>) {
        let rows = match seen {
            Seen::New => return,
            Seen::Second(first) => [Some(first), Some(row)],
            Seen::Again => [Some(row), None],
        };
        for row in rows.into_iter().flatten() {
            let is_full = self.repeats.len() >= self.most;
            let is_late = self.repeats.last_key_value().is_none_or(|(last, _)| *last < row);
            if !(is_full && is_late) {
                self.repeats.insert(row, values());
                if self.repeats.len() > self.most {
                    self.repeats.pop_last();
                }
            }
        }
    }

    /// How many distinct values there are.
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
        let repeated = |entry: &Entry| if entry.count > 1 { entry.count } else { 0 };
        match &self.keys {
            Keys::Words(_, words) => words.values().map(repeated).sum(),
            Keys::Ascending(..) => 0,
            Keys::Texts(texts) => texts.values().map(repeated).sum(),
            Keys::Rows(_, rows) => rows.values().map(repeated).sum(),
        }
    }

    /// The first rows that hold a value that another one holds, too.
    pub(super) fn examples(&self) -> Vec<Unexpected> {
        let example =
            |(row, values): (&u64, &Vec<OwnedValue>)| Unexpected { row: Some(*row), values: values.clone() };
        self.repeats.iter().map(example).collect()
    }

    /// The values of one column with their counts, in no order.
    pub(super) fn values(&self) -> Box<dyn Iterator<Item = (OwnedValue, u64)> + '_> {
        match &self.keys {
            Keys::Words(dtype, words) => {
                Box::new(words.iter().map(|(word, entry)| (value_of(*word, *dtype), entry.count)))
            }
            Keys::Ascending(dtype, words) => {
                Box::new(words.iter().map(|(word, _)| (value_of(*word, *dtype), 1)))
            }
            Keys::Texts(texts) => {
                Box::new(texts.iter().map(|(text, entry)| (OwnedValue::Text(text.to_string()), entry.count)))
            }
            Keys::Rows(..) => Box::new(std::iter::empty()),
        }
    }

    /// Whether the value occurs.
    pub(super) fn has(&self, value: &OwnedValue) -> bool {
        match (&self.keys, value) {
            (Keys::Texts(texts), OwnedValue::Text(text)) => texts.contains_key(text.as_str()),
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
            Keys::Words(_, words) => words.contains_key(&word),
            Keys::Ascending(dtype, words) => {
                let place = words.partition_point(|(own, _)| is_below(*own, word, *dtype));
                words.get(place).is_some_and(|(own, _)| *own == word)
            }
            Keys::Texts(_) | Keys::Rows(..) => false,
        }
    }

    /// Adds the rows that came after these, of which there were so many.
    pub(super) fn append(&mut self, mut later: Self, rows: u64) {
        if let (Keys::Ascending(dtype, own), Keys::Ascending(_, words)) = (&mut self.keys, &later.keys) {
            let ends = own.last().zip(words.first());
            if ends.is_none_or(|((last, _), (first, _))| is_below(*last, *first, *dtype)) {
                own.extend(words.iter().map(|(word, row)| (*word, rows + row)));
                return;
            }
        }
        self.spread();
        later.spread();
        let mut seconds = Vec::new();
        match (&mut self.keys, later.keys) {
            (Keys::Words(dtype, own), Keys::Words(_, words)) => {
                let dtype = *dtype;
                append(own, words, rows, |word, row| seconds.push((row, vec![value_of(*word, dtype)])));
            }
            (Keys::Texts(own), Keys::Texts(texts)) => append(own, texts, rows, |text, row| {
                seconds.push((row, vec![OwnedValue::Text(text.to_string())]));
            }),
            (Keys::Rows(dtypes, own), Keys::Rows(_, keys)) => {
                append(own, keys, rows, |key, row| seconds.push((row, read_key(key, dtypes))));
            }
            _ => {}
        }
        let shifted = later.repeats.into_iter().map(|(row, values)| (rows + row, values));
        self.repeats.extend(shifted.chain(seconds));
        while self.repeats.len() > self.most {
            self.repeats.pop_last();
        }
    }
}

/// Adds later counts, and tells of each value that both have the first rows that were alone before.
fn append<K: Hash + Eq>(
    own: &mut HashMap<K, Entry, Folded>,
    later: HashMap<K, Entry, Folded>,
    rows: u64,
    mut alone: impl FnMut(&K, u64),
) {
    for (key, entry) in later {
        let first = rows + entry.first;
        match own.get_mut(&key) {
            None => {
                own.insert(key, Entry { count: entry.count, first });
            }
            Some(known) => {
                if known.count == 1 {
                    alone(&key, known.first);
                }
                if entry.count == 1 {
                    alone(&key, first);
                }
                known.count += entry.count;
            }
        }
    }
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
