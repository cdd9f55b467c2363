//! Columns as words of 64 bits.

use std::sync::Arc;

use mlcore::arrow::array::{Array, ArrayRef, AsArray};
use mlcore::arrow::buffer::{NullBuffer, ScalarBuffer};
use mlcore::arrow::compute::cast;
use mlcore::arrow::datatypes::{self, ArrowPrimitiveType, DataType, TimeUnit};
use mlcore::{Error, Result};

use super::domain::Domain;
use super::level::NOTHING;
use super::texts::Bytes;

/// The words of a column; null where a value equals none.
pub(super) struct Words {
    words: ScalarBuffer<u64>,
    nulls: Option<NullBuffer>,
}

/// The words of the dictionary that was read last: batches of a column share one.
#[derive(Default, Debug)]
pub(super) struct Memo(Option<(ArrayRef, ScalarBuffer<u64>, Option<NullBuffer>)>);

impl Words {
    /// The words of the values that are equal in a domain; `number` is that of a text.
    pub(super) fn read(
        domain: Domain,
        array: &dyn Array,
        memo: &mut Memo,
        number: impl FnMut(&[u8]) -> u32,
    ) -> Result<Self> {
        if let DataType::Dictionary(..) = array.data_type() {
            return dictionary(domain, array, memo, number);
        }
        plain(domain, array, number)
    }

    /// The word of a row; `None` for a value that equals none.
    #[inline(always)]
    pub(super) fn get(&self, row: usize) -> Option<u64> {
        if self.nulls.as_ref().is_some_and(|nulls| nulls.is_null(row)) {
            return None;
        }
        self.words.get(row).copied()
    }

    /// All words, where each value has one.
    pub(super) fn all(&self) -> Option<&[u64]> {
        self.nulls.is_none().then_some(&self.words)
    }
}

fn plain(domain: Domain, array: &dyn Array, number: impl FnMut(&[u8]) -> u32) -> Result<Words> {
    macro_rules! whole {
        ($type:ident) => {{
            let array = array.as_primitive::<datatypes::$type>();
            each(array.values(), array.nulls(), |value| {
                let value = i128::from(*value);
                match domain {
                    Domain::Unsigned => u64::try_from(value).ok(),
                    _ => i64::try_from(value).ok().map(|value| value as u64),
                }
            })
        }};
    }
    macro_rules! float {
        ($type:ident) => {{
            let array = array.as_primitive::<datatypes::$type>();
            each(array.values(), array.nulls(), |value| float(domain, f64::from(*value)))
        }};
    }
    /// The buffer as it is: a number of 64 bits is its own word.
    fn same<T: ArrowPrimitiveType>(array: &dyn Array) -> Words {
        let array = array.as_primitive::<T>();
        let words = ScalarBuffer::new(array.values().inner().clone(), 0, array.len());
        Words { words, nulls: present(array.nulls()) }
    }
    Ok(match (array.data_type(), domain) {
        (DataType::Int64, Domain::Signed) => same::<datatypes::Int64Type>(array),
        (DataType::UInt64, Domain::Unsigned) => same::<datatypes::UInt64Type>(array),
        (DataType::Int8, _) => whole!(Int8Type),
        (DataType::Int16, _) => whole!(Int16Type),
        (DataType::Int32, _) => whole!(Int32Type),
        (DataType::Int64, _) => whole!(Int64Type),
        (DataType::UInt8, _) => whole!(UInt8Type),
        (DataType::UInt16, _) => whole!(UInt16Type),
        (DataType::UInt32, _) => whole!(UInt32Type),
        (DataType::UInt64, _) => whole!(UInt64Type),
        (DataType::Float16, _) => float!(Float16Type),
        (DataType::Float32, _) => float!(Float32Type),
        (DataType::Float64, _) => float!(Float64Type),
        (DataType::Boolean, _) => {
            let array = array.as_boolean();
            let words = array.values().iter().map(u64::from).collect();
            Words { words, nulls: present(array.nulls()) }
        }
        (DataType::Date32, _) => {
            let array = array.as_primitive::<datatypes::Date32Type>();
            each(array.values(), array.nulls(), |day| Some(i64::from(*day) as u64))
        }
        (DataType::Date64, _) => {
            const MILLISECONDS_PER_DAY: i64 = 86_400_000;
            let array = array.as_primitive::<datatypes::Date64Type>();
            each(array.values(), array.nulls(), |tick| Some(tick.div_euclid(MILLISECONDS_PER_DAY) as u64))
        }
        (DataType::Timestamp(TimeUnit::Second, _), _) => same::<datatypes::TimestampSecondType>(array),
        (DataType::Timestamp(TimeUnit::Millisecond, _), _) => {
            same::<datatypes::TimestampMillisecondType>(array)
        }
        (DataType::Timestamp(TimeUnit::Microsecond, _), _) => {
            same::<datatypes::TimestampMicrosecondType>(array)
        }
        (DataType::Timestamp(TimeUnit::Nanosecond, _), _) => {
            same::<datatypes::TimestampNanosecondType>(array)
        }
        (other, _) => {
            let bytes = Bytes::of(array).ok_or_else(|| {
                Error::unsupported("compare keys", "column", format!("{other} cannot be compared"))
                    .remedy("cast the column to integers or text")
            })?;
            let words = bytes.each(number);
            let nulls: NullBuffer = words.iter().map(|word| *word != u64::from(NOTHING)).collect();
            Words { words: words.into(), nulls: present(Some(&nulls)) }
        }
    })
}

/// The word of a float: its own, or in a domain of integers that of the integer that it is.
fn float(domain: Domain, value: f64) -> Option<u64> {
    match domain {
        Domain::Float if value.is_nan() => None,
        // Both zeros are one key.
        Domain::Float => Some(if value == 0.0 { 0 } else { value.to_bits() }),
        _ if value.fract() != 0.0 => None,
        // As wide as 64 bits with and without a sign, so that the cast is exact. NaN and infinities are outside of it.
        _ if !(-9_223_372_036_854_775_808.0..18_446_744_073_709_551_616.0).contains(&value) => None,
        Domain::Unsigned => u64::try_from(value as i128).ok(),
        _ => i64::try_from(value as i128).ok().map(|value| value as u64),
    }
}

fn each<T>(values: &[T], nulls: Option<&NullBuffer>, word: impl Fn(&T) -> Option<u64>) -> Words {
    let mut words = Vec::with_capacity(values.len());
    let mut unequal = Vec::new();
    for value in values {
        match word(value) {
            Some(word) => words.push(word),
            None => {
                unequal.push(words.len());
                words.push(0);
            }
        }
    }
    if unequal.is_empty() {
        return Words { words: words.into(), nulls: present(nulls) };
    }
    let mut valid = vec![true; words.len()];
    for row in unequal {
        if let Some(valid) = valid.get_mut(row) {
            *valid = false;
        }
    }
    Words { words: words.into(), nulls: NullBuffer::union(Some(&valid.into()), nulls) }
}

/// The nulls, where there are any.
fn present(nulls: Option<&NullBuffer>) -> Option<NullBuffer> {
    nulls.filter(|nulls| nulls.null_count() > 0).cloned()
}

/// Each value of the dictionary is read once, and codes choose among their words.
fn dictionary(
    domain: Domain,
    array: &dyn Array,
    memo: &mut Memo,
    number: impl FnMut(&[u8]) -> u32,
) -> Result<Words> {
    let dictionary = array.as_any_dictionary();
    let values = dictionary.values();
    if !memo.0.as_ref().is_some_and(|(known, ..)| Arc::ptr_eq(known, values)) {
        let words = plain(domain, values.as_ref(), number)?;
        memo.0 = Some((values.clone(), words.words, words.nulls));
    }
    let codes = cast(dictionary.keys(), &DataType::UInt64)
        .map_err(|cause| Error::internal("compare keys", "codes", cause.to_string()).caused_by(cause))?;
    let codes = codes.as_primitive::<datatypes::UInt64Type>();
    let word = |row: usize| {
        let (_, words, nulls) = memo.0.as_ref()?;
        let code = (!codes.is_null(row)).then(|| usize::try_from(codes.value(row)).ok()).flatten()?;
        if nulls.as_ref().is_some_and(|nulls| code >= nulls.len() || nulls.is_null(code)) {
            return None;
        }
        words.get(code).copied()
    };
    let rows: Vec<usize> = (0..array.len()).collect();
    Ok(each(&rows, None, |row| word(*row)))
}
