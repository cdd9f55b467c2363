//! Numbers of texts and bytes.

use mlcore::arrow::array::{
    Array, AsArray, BinaryArray, BinaryViewArray, FixedSizeBinaryArray, LargeBinaryArray,
};
use mlcore::arrow::array::{LargeStringArray, StringArray, StringViewArray};
use mlcore::arrow::datatypes::DataType;
use mlcore::text_key::{TextKey, fold};

use super::level::NOTHING;

/// The texts of one key column, numbered from 0 on.
#[derive(Debug)]
pub(super) struct Texts {
    /// The upper half of a text's hash, and its number.
    entries: Vec<(u32, u32)>,
    bytes: Vec<u8>,
    /// Where each text ends in `bytes`.
    ends: Vec<usize>,
    seed: u64,
}

const EMPTY: (u32, u32) = (0, NOTHING);

impl Texts {
    pub(super) fn new(seed: u64) -> Self {
        Self { entries: vec![EMPTY; 16], bytes: Vec::new(), ends: Vec::new(), seed }
    }

    fn text(&self, number: u32) -> Option<&[u8]> {
        let number = number as usize;
        let start = number.checked_sub(1).and_then(|before| self.ends.get(before)).copied().unwrap_or(0);
        self.bytes.get(start..*self.ends.get(number)?)
    }

    fn hash(&self, text: &[u8]) -> u64 {
        let key = TextKey::of(text);
        let mut hash = fold(key.head ^ self.seed, key.tail ^ 0x9e37_79b9_7f4a_7c15 ^ text.len() as u64);
        if text.len() > TextKey::WHOLE_BYTES {
            for word in text.chunks_exact(8) {
                let word = word.first_chunk::<8>().map_or(0, |bytes| u64::from_le_bytes(*bytes));
                hash = fold(hash ^ word, 0xd1b5_4a32_d192_ed03 ^ self.seed);
            }
        }
        hash
    }

    /// The place of a text: its entry, or the empty one where it belongs. There is an empty one always.
    fn place(&self, text: &[u8], hash: u64) -> (usize, u32) {
        let mask = self.entries.len() - 1;
        let (mut place, upper) = (hash as usize & mask, (hash >> 32) as u32);
        loop {
            match self.entries.get(place) {
                Some((_, NOTHING)) | None => return (place, NOTHING),
                Some((own, number)) if *own == upper && self.text(*number) == Some(text) => {
                    return (place, *number);
                }
                Some(_) => place = (place + 1) & mask,
            }
        }
    }

    /// The number of a text, [`NOTHING`] for one that was not inserted.
    pub(super) fn find(&self, text: &[u8]) -> u32 {
        self.place(text, self.hash(text)).1
    }

    /// The number of a text, the next one for a text that is new; [`NOTHING`] where there are no more numbers.
    pub(super) fn insert(&mut self, text: &[u8]) -> u32 {
        let hash = self.hash(text);
        let (mut place, found) = self.place(text, hash);
        if found != NOTHING {
            return found;
        }
        let number = u32::try_from(self.ends.len()).unwrap_or(NOTHING);
        if number == NOTHING {
            return NOTHING;
        }
        if 2 * self.ends.len() >= self.entries.len() {
            let mask = 2 * self.entries.len() - 1;
            let mut larger = vec![EMPTY; mask + 1];
            for known in 0..number {
                let hash = self.text(known).map_or(0, |text| self.hash(text));
                let mut place = hash as usize & mask;
                while larger.get(place).is_some_and(|entry| entry.1 != NOTHING) {
                    place = (place + 1) & mask;
                }
                if let Some(entry) = larger.get_mut(place) {
                    *entry = ((hash >> 32) as u32, known);
                }
            }
            self.entries = larger;
            place = self.place(text, hash).0;
        }
        if let Some(entry) = self.entries.get_mut(place) {
            *entry = ((hash >> 32) as u32, number);
        }
        self.bytes.extend_from_slice(text);
        self.ends.push(self.bytes.len());
        number
    }
}

/// A column of texts or bytes in any of Arrow's layouts but dictionaries.
pub(super) enum Bytes<'a> {
    Utf8(&'a StringArray),
    LargeUtf8(&'a LargeStringArray),
    Utf8View(&'a StringViewArray),
    Binary(&'a BinaryArray),
    LargeBinary(&'a LargeBinaryArray),
    BinaryView(&'a BinaryViewArray),
    Fixed(&'a FixedSizeBinaryArray),
}

impl<'a> Bytes<'a> {
    pub(super) fn of(array: &'a dyn Array) -> Option<Self> {
        Some(match array.data_type() {
            DataType::Utf8 => Self::Utf8(array.as_string()),
            DataType::LargeUtf8 => Self::LargeUtf8(array.as_string()),
            DataType::Utf8View => Self::Utf8View(array.as_string_view()),
            DataType::Binary => Self::Binary(array.as_binary()),
            DataType::LargeBinary => Self::LargeBinary(array.as_binary()),
            DataType::BinaryView => Self::BinaryView(array.as_binary_view()),
            DataType::FixedSizeBinary(_) => Self::Fixed(array.as_fixed_size_binary()),
            _ => return None,
        })
    }

    /// Calls `number` with the bytes of each row that is not null.
    pub(super) fn each(&self, mut number: impl FnMut(&[u8]) -> u32) -> Vec<u64> {
        fn collect<'a, B: AsRef<[u8]> + 'a + ?Sized>(
            rows: impl Iterator<Item = Option<&'a B>>,
            number: &mut impl FnMut(&[u8]) -> u32,
        ) -> Vec<u64> {
            rows.map(|row| row.map_or(NOTHING, |row| number(row.as_ref())).into()).collect()
        }
        match self {
            Self::Utf8(array) => collect(array.iter(), &mut number),
            Self::LargeUtf8(array) => collect(array.iter(), &mut number),
            Self::Utf8View(array) => collect(array.iter(), &mut number),
            Self::Binary(array) => collect(array.iter(), &mut number),
            Self::LargeBinary(array) => collect(array.iter(), &mut number),
            Self::BinaryView(array) => collect(array.iter(), &mut number),
            Self::Fixed(array) => collect(array.iter(), &mut number),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_every_length_are_told_apart() {
        let mut texts = Texts::new(11);
        let text = |length: usize| "abcdefghijklmnopqrstuvwxyz".repeat(3)[..length].to_owned();
        for length in 0..60 {
            assert_eq!(texts.insert(text(length).as_bytes()), length as u32);
            assert_eq!(texts.insert(text(length).as_bytes()), length as u32);
        }
        for length in 0..60 {
            assert_eq!(texts.find(text(length).as_bytes()), length as u32);
        }
        assert_eq!(texts.find(b"abd"), NOTHING);
        let mut middle = text(40).into_bytes();
        middle[20] = b'!';
        assert_eq!(texts.find(&middle), NOTHING);
    }
}
