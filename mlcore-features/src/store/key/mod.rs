//! The key of an entity in one canonical form.

mod select;

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};

use mlcore::batch::{OwnedValue, Value};
use mlcore::time::{Date, TimeUnit, Timestamp};
use mlcore::{Error, Result};
use smallvec::SmallVec;
use xxhash_rust::xxh3::xxh3_64;

/// The names and values of an entity's join keys, as canonical bytes.
///
/// Two keys are equal when they have the same names and values: the order of the names does not matter, nor does the width or
/// the sign of an integer's type. An integer and its text are two keys. Keys are ordered by their bytes, which is the order of
/// the values where the names are the same. A key of an integer or of a short text is made without allocating.
///
/// Values are bools, integers, texts, dates and timestamps. Floats are refused, because NaN equals nothing.
///
/// ```
/// use mlcore::batch::Value;
/// use mlcore_features::store::key::EntityKey;
///
/// let key = EntityKey::one("driver_id", Value::Int(1001))?;
/// assert_eq!(key, EntityKey::one("driver_id", Value::UInt(1001))?);
/// assert_ne!(key, EntityKey::one("driver_id", Value::Text("1001"))?);
///
/// let pair = EntityKey::new([("region", Value::Text("eu")), ("driver_id", Value::Int(1001))])?;
/// assert_eq!(pair, EntityKey::new([("driver_id", Value::Int(1001)), ("region", Value::Text("eu"))])?);
/// assert_eq!(pair.to_string(), r#"driver_id=1001, region="eu""#);
/// # Ok::<(), mlcore::Error>(())
/// ```
#[derive(Clone)]
pub struct EntityKey {
    bytes: SmallVec<[u8; INLINE]>,
    hash: u64,
}

/// The bytes of a key that are stored in place: a name and an integer, or a name and a short text.
const INLINE: usize = 64;

impl EntityKey {
    /// The most bytes that a key may have. Every backend stores keys of this size.
    pub const MAX_BYTES: usize = 4096;
    /// The most join keys that a key may have.
    pub const MAX_PARTS: usize = 64;

    /// The key of several join keys, in any order.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] naming the join key: no name at all, a name that is empty or occurs twice, a null, a value that
    /// is no key, and a key of more than [`MAX_BYTES`](Self::MAX_BYTES) or [`MAX_PARTS`](Self::MAX_PARTS).
    pub fn new<'a>(parts: impl IntoIterator<Item = (&'a str, Value<'a>)>) -> Result<Self> {
        let mut parts: SmallVec<[(&str, Value<'_>); 4]> =
            parts.into_iter().take(Self::MAX_PARTS + 1).collect();
        parts.sort_unstable_by_key(|(name, _)| *name);
        Self::of_sorted(&parts)
    }

    /// The key of one join key.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn one<'a>(name: &'a str, value: impl Into<Value<'a>>) -> Result<Self> {
        Self::of_sorted(&[(name, value.into())])
    }

    /// The key of a view without entities, which has one row for everybody: Feast's.
    pub(in crate::store) fn everybody() -> Result<Self> {
        Self::one("__dummy_id", "")
    }

    fn of_sorted(parts: &[(&str, Value<'_>)]) -> Result<Self> {
        let count = match u8::try_from(parts.len()) {
            Ok(0) => {
                return Err(Error::invalid_input(OPERATION, "", "it has no join key")
                    .remedy("pass at least one name and value"));
            }
            Ok(count) if parts.len() <= Self::MAX_PARTS => count,
            _ => {
                let problem = format!("it has more than {} join keys", Self::MAX_PARTS);
                return Err(Error::invalid_input(OPERATION, "", problem)
                    .remedy("join the names into one text before"));
            }
        };
        let mut bytes = SmallVec::new();
        bytes.push(count);
        let mut previous = "";
        for (name, value) in parts {
            if name.is_empty() {
                return Err(Error::invalid_input(OPERATION, "", "the name of a join key is empty")
                    .remedy("name each join key"));
            }
            if *name == previous {
                return Err(Error::invalid_input(OPERATION, *name, "the join key occurs twice")
                    .remedy("pass one value for each join key"));
            }
            previous = name;
            push_text(&mut bytes, name);
            push_value(&mut bytes, name, *value)?;
            if bytes.len() > Self::MAX_BYTES {
                let problem = format!("the key has more than {} bytes", Self::MAX_BYTES);
                return Err(Error::invalid_input(OPERATION, *name, problem)
                    .remedy("use a digest of the value instead"));
            }
        }
        Ok(Self { hash: xxh3_64(&bytes), bytes })
    }

    /// The key of a part of what is kept of this entity, told apart by a number.
    pub(in crate::store) fn part(&self, number: i64) -> Result<Self> {
        let mut bytes = self.bytes.clone();
        if let Some(count) = bytes.first_mut() {
            *count = count.saturating_add(1);
        }
        push_text(&mut bytes, PART);
        push_value(&mut bytes, PART, Value::Int(number))?;
        if bytes.len() > Self::MAX_BYTES {
            let problem =
                format!("the key has more than {} bytes with the number of a part", Self::MAX_BYTES);
            return Err(
                Error::invalid_input(OPERATION, "", problem).remedy("use a digest of the value instead")
            );
        }
        Ok(Self { hash: xxh3_64(&bytes), bytes })
    }

    /// The key whose [`bytes`](Self::as_bytes) these are.
    ///
    /// # Errors
    /// [`Error::Corrupt`] for bytes that no key has.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        // Made again of its parts, so that names in another order are found out.
        let key = decode(bytes).and_then(|parts| {
            Self::new(parts.iter().map(|(name, value)| (name.as_str(), value.as_value()))).ok()
        });
        key.filter(|key| key.as_bytes() == bytes).ok_or_else(|| {
            Error::corrupt(
                "read entity key",
                format!("{} bytes", bytes.len()),
                "they are no key in canonical form",
            )
            .remedy("write the entity again; the stored bytes were changed by something else")
        })
    }

    /// The canonical bytes. No key's bytes begin with those of another key.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// XXH3-64 of the canonical bytes: the same on every machine and in every version.
    #[must_use]
    pub const fn hash64(&self) -> u64 {
        self.hash
    }

    /// The join keys and their values, in ascending order of the names. Integers come back as [`OwnedValue::Int`] where 64 signed
    /// bits hold them.
    #[must_use]
    pub fn parts(&self) -> Vec<(String, OwnedValue)> {
        decode(&self.bytes).unwrap_or_default()
    }
}

impl PartialEq for EntityKey {
    fn eq(&self, other: &Self) -> bool {
        self.hash == other.hash && self.bytes == other.bytes
    }
}

impl Eq for EntityKey {}

impl PartialOrd for EntityKey {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for EntityKey {
    fn cmp(&self, other: &Self) -> Ordering {
        self.bytes.cmp(&other.bytes)
    }
}

impl Hash for EntityKey {
    /// Hashes the bytes, not their stable hash, so that the secret of a hash map protects it from chosen keys.
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.bytes.hash(state);
    }
}

impl fmt::Display for EntityKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, (name, value)) in self.parts().iter().enumerate() {
            write!(f, "{}{name}={value}", if place == 0 { "" } else { ", " })?;
        }
        Ok(())
    }
}

impl fmt::Debug for EntityKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EntityKey({self})")
    }
}

const OPERATION: &str = "make entity key";
/// The name of the number of a part: behind all names that people give, so that keys stay in order.
const PART: &str = "\u{10ffff}part";

// The kinds of values, in the order in which they sort.
const BOOL: u8 = 1;
const NEGATIVE: u8 = 2;
const NATURAL: u8 = 3;
const TEXT: u8 = 4;
const DATE: u8 = 5;
const TIMESTAMP: u8 = 6;

/// A zero byte within a text is followed by this; one that ends a text is followed by [`END`], which is less.
const ESCAPED: u8 = 0xff;
const END: u8 = 0;

fn push_text(bytes: &mut SmallVec<[u8; INLINE]>, text: &str) {
    for (place, piece) in text.as_bytes().split(|byte| *byte == 0).enumerate() {
        if place > 0 {
            bytes.extend_from_slice(&[0, ESCAPED]);
        }
        bytes.extend_from_slice(piece);
    }
    bytes.extend_from_slice(&[0, END]);
}

fn push_value(bytes: &mut SmallVec<[u8; INLINE]>, name: &str, value: Value<'_>) -> Result<()> {
    match value {
        Value::Bool(value) => bytes.extend_from_slice(&[BOOL, value.into()]),
        Value::Int(value) => {
            bytes.push(if value < 0 { NEGATIVE } else { NATURAL });
            // The bits of a negative number ascend with it.
            bytes.extend_from_slice(&value.cast_unsigned().to_be_bytes());
        }
        Value::UInt(value) => {
            bytes.push(NATURAL);
            bytes.extend_from_slice(&value.to_be_bytes());
        }
        Value::Text(text) => {
            bytes.push(TEXT);
            push_text(bytes, text);
        }
        Value::Date(date) => {
            bytes.push(DATE);
            bytes.extend_from_slice(&(date.days().cast_unsigned() ^ (1 << 31)).to_be_bytes());
        }
        Value::Timestamp(moment) => {
            bytes.push(TIMESTAMP);
            bytes.extend_from_slice(&(moment.nanoseconds().cast_unsigned() ^ (1 << 127)).to_be_bytes());
        }
        other => {
            let remedy = match other {
                Value::Null => "leave out rows without a key, or give them one",
                Value::Float(_) => "cast the join key to an integer or to text",
                _ => "use an integer, a text, a bool, a date or a timestamp as the join key",
            };
            let problem = format!("{} is no key", other.described());
            return Err(Error::invalid_input(OPERATION, name, problem).remedy(remedy));
        }
    }
    Ok(())
}

/// The parts of a key; `None` where the bytes are not whole. That they are canonical is not checked.
fn decode(bytes: &[u8]) -> Option<Vec<(String, OwnedValue)>> {
    let (count, mut rest) = bytes.split_first()?;
    let mut parts = Vec::new();
    for _ in 0..*count {
        let name = take_text(&mut rest)?;
        parts.push((name, take_value(&mut rest)?));
    }
    rest.is_empty().then_some(parts)
}

fn take<'a, const N: usize>(rest: &mut &'a [u8]) -> Option<&'a [u8; N]> {
    let (first, others) = rest.split_first_chunk()?;
    *rest = others;
    Some(first)
}

fn take_text(rest: &mut &[u8]) -> Option<String> {
    let mut text = Vec::new();
    loop {
        let zero = rest.iter().position(|byte| *byte == 0)?;
        text.extend_from_slice(rest.get(..zero)?);
        let mark = *rest.get(zero + 1)?;
        *rest = rest.get(zero + 2..)?;
        match mark {
            END => return String::from_utf8(text).ok(),
            ESCAPED => text.push(0),
            _ => return None,
        }
    }
}

fn take_value(rest: &mut &[u8]) -> Option<OwnedValue> {
    let [kind] = *take(rest)?;
    Some(match kind {
        BOOL => match take(rest)? {
            [0] => OwnedValue::Bool(false),
            [1] => OwnedValue::Bool(true),
            _ => return None,
        },
        NEGATIVE => OwnedValue::Int(i64::from_be_bytes(*take(rest)?)),
        NATURAL => {
            let value = u64::from_be_bytes(*take(rest)?);
            i64::try_from(value).map_or(OwnedValue::UInt(value), OwnedValue::Int)
        }
        TEXT => OwnedValue::Text(take_text(rest)?),
        DATE => {
            let days = u32::from_be_bytes(*take(rest)?) ^ (1 << 31);
            OwnedValue::Date(Date::from_days(days.cast_signed()))
        }
        TIMESTAMP => {
            let nanoseconds = (u128::from_be_bytes(*take(rest)?) ^ (1 << 127)).cast_signed();
            OwnedValue::Timestamp(moment(nanoseconds)?)
        }
        _ => return None,
    })
}

/// The moment of this many nanoseconds after 1970, in the coarsest unit that holds it.
fn moment(nanoseconds: i128) -> Option<Timestamp> {
    let units = [
        (1_000_000_000, TimeUnit::Second),
        (1_000_000, TimeUnit::Millisecond),
        (1_000, TimeUnit::Microsecond),
        (1, TimeUnit::Nanosecond),
    ];
    units.into_iter().find_map(|(per_unit, unit)| {
        let count = i64::try_from(nanoseconds / per_unit).ok()?;
        (nanoseconds % per_unit == 0).then_some(Timestamp::new(count, unit))
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn value() -> impl Strategy<Value = OwnedValue> {
        prop_oneof![
            any::<bool>().prop_map(OwnedValue::Bool),
            prop_oneof![any::<i64>(), -3..3i64].prop_map(OwnedValue::Int),
            any::<u64>().prop_map(OwnedValue::UInt),
            prop_oneof![any::<String>(), "[\0a]{0,4}"].prop_map(OwnedValue::Text),
            any::<i32>().prop_map(|days| OwnedValue::Date(Date::from_days(days))),
            any::<i64>().prop_map(|count| OwnedValue::Timestamp(Timestamp::new(count, TimeUnit::Nanosecond))),
            any::<i64>().prop_map(|count| OwnedValue::Timestamp(Timestamp::new(count, TimeUnit::Second))),
        ]
    }

    fn parts() -> impl Strategy<Value = Vec<(String, OwnedValue)>> {
        prop::collection::btree_map(prop_oneof!["[\0a-c]{1,3}", "[^\0]{1,9}"], value(), 1..4)
            .prop_map(|parts| parts.into_iter().collect())
    }

    fn key(parts: &[(String, OwnedValue)]) -> EntityKey {
        EntityKey::new(parts.iter().map(|(name, value)| (name.as_str(), value.as_value()))).unwrap()
    }

    type Plain<'a> = (u8, i128, &'a str);

    /// A value as all its spellings have it in common, in the order of kinds.
    fn plain(value: &OwnedValue) -> Plain<'_> {
        match value {
            OwnedValue::Bool(value) => (0, i128::from(*value), ""),
            OwnedValue::Int(value) => (1, i128::from(*value), ""),
            OwnedValue::UInt(value) => (1, i128::from(*value), ""),
            OwnedValue::Text(text) => (2, 0, text),
            OwnedValue::Date(date) => (3, i128::from(date.days()), ""),
            OwnedValue::Timestamp(moment) => (4, moment.nanoseconds(), ""),
            other => panic!("{other:?} is no key"),
        }
    }

    fn plain_parts(parts: &[(String, OwnedValue)]) -> (usize, Vec<(&str, Plain<'_>)>) {
        (parts.len(), parts.iter().map(|(name, value)| (name.as_str(), plain(value))).collect())
    }

    proptest! {
        #[test]
        fn bytes_are_equal_and_ordered_as_names_and_values_are(a in parts(), b in parts()) {
            let (one, other) = (key(&a), key(&b));
            prop_assert_eq!(one.cmp(&other), plain_parts(&a).cmp(&plain_parts(&b)));
            prop_assert_eq!(one == other, plain_parts(&a) == plain_parts(&b));
            prop_assert!(one == other || !other.as_bytes().starts_with(one.as_bytes()));
            let turned: Vec<_> = a.iter().rev().cloned().collect();
            prop_assert!(key(&turned) == one);
            let read = EntityKey::from_bytes(one.as_bytes()).unwrap();
            prop_assert_eq!(read.hash64(), one.hash64());
            let part = one.part(-5).unwrap();
            prop_assert!(part != one && EntityKey::from_bytes(part.as_bytes()).unwrap() == part);
            let read_parts = read.parts();
            prop_assert_eq!(plain_parts(&read_parts), plain_parts(&a));
        }

        #[test]
        fn forged_bytes_are_refused_or_canonical(bytes in prop::collection::vec(prop_oneof![0..8u8, any::<u8>()], 0..40)) {
            match EntityKey::from_bytes(&bytes) {
                Ok(key) => prop_assert_eq!(key.as_bytes(), bytes.as_slice()),
                Err(error) => prop_assert_eq!(error.kind(), "corrupt"),
            }
        }

        #[test]
        fn changed_bytes_are_no_other_spelling(parts in parts(), place: prop::sample::Index, byte: u8) {
            let mut bytes = key(&parts).as_bytes().to_vec();
            let place = place.index(bytes.len());
            bytes[place] = byte;
            if let Ok(read) = EntityKey::from_bytes(&bytes) {
                prop_assert_eq!(read.as_bytes(), bytes.as_slice());
                let read_parts = read.parts();
                prop_assert!(key(&read_parts).as_bytes() == bytes.as_slice());
            }
        }
    }

    #[test]
    fn what_is_no_key_is_refused_by_name() {
        let long = "x".repeat(EntityKey::MAX_BYTES);
        for (parts, expected) in [
            (vec![], "it has no join key"),
            (vec![("", Value::Int(1))], "name of a join key is empty"),
            (vec![("a", Value::Int(1)), ("a", Value::Int(2))], "a: the join key occurs twice"),
            (vec![("a", Value::Null)], "a: null is no key; leave out rows"),
            (vec![("a", Value::Float(f64::NAN))], "a: float NaN is no key; cast"),
            (vec![("a", Value::Text(&long))], "a: the key has more than 4096 bytes"),
        ] {
            let error = EntityKey::new(parts).unwrap_err();
            assert!(error.kind() == "invalid_input" && error.to_string().contains(expected), "{error}");
        }
        let names: Vec<String> = (0..65).map(|number| number.to_string()).collect();
        let error = EntityKey::new(names.iter().map(|name| (name.as_str(), Value::Int(0)))).unwrap_err();
        assert!(error.to_string().contains("more than 64 join keys"), "{error}");
    }

    #[test]
    fn the_hash_and_the_bytes_are_pinned() {
        let key = EntityKey::one("driver_id", 1001).unwrap();
        assert_eq!(key.as_bytes(), b"\x01driver_id\0\0\x03\0\0\0\0\0\0\x03\xe9");
        assert_eq!(key.hash64(), xxh3_64(key.as_bytes()));
        assert!(
            !key.bytes.spilled()
                && !EntityKey::one("user_id", "a short text of a user").unwrap().bytes.spilled()
        );
    }
}
