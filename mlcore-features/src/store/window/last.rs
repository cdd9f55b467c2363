//! The last values, in an order that does not depend on how they came.

use super::bytes::{Reader, put_count, put_u64};
use super::value::Word;

/// The last values with the microseconds of their events, the latest first. Of one microsecond the greatest value is the latest.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Last {
    values: Vec<(i64, Word)>,
}

impl Last {
    /// Adds a value, of which at most `most` stay.
    pub(super) fn add(&mut self, event: i64, word: Word, most: usize) {
        let own = (event, word);
        let place = self.values.partition_point(|known| *known >= own);
        if place < most {
            self.values.insert(place, own);
            self.values.truncate(most);
        }
    }

    pub(super) fn merge(&mut self, other: &Self, most: usize) {
        for (event, word) in &other.values {
            // All that follow are earlier still.
            if self.values.len() >= most && self.values.last().is_some_and(|(last, _)| event < last) {
                return;
            }
            self.add(*event, word.clone(), most);
        }
    }

    pub(super) fn words(&self) -> impl Iterator<Item = &Word> {
        self.values.iter().map(|(_, word)| word)
    }

    pub(super) fn write(&self, bytes: &mut Vec<u8>) {
        put_count(bytes, self.values.len() as u64);
        for (event, word) in &self.values {
            put_u64(bytes, event.cast_unsigned());
            match word {
                Word::Number(number) => put_u64(bytes, *number),
                Word::Text(text) => {
                    put_count(bytes, text.len() as u64);
                    bytes.extend_from_slice(text.as_bytes());
                }
            }
        }
    }

    pub(super) fn absorb(&mut self, reader: &mut Reader<'_>, is_text: bool, most: usize) -> Option<()> {
        Self::each(reader, is_text, |event, word| {
            let word = match word {
                Raw::Number(number) => Word::Number(number),
                Raw::Text(text) => Word::Text(std::str::from_utf8(text).ok()?.into()),
            };
            self.add(event, word, most);
            Some(())
        })
    }

    pub(super) fn skip(reader: &mut Reader<'_>, is_text: bool) -> Option<()> {
        Self::each(reader, is_text, |_, _| Some(()))
    }

    fn each<'a>(
        reader: &mut Reader<'a>,
        is_text: bool,
        mut visit: impl FnMut(i64, Raw<'a>) -> Option<()>,
    ) -> Option<()> {
        for _ in 0..reader.length(9)? {
            let event = reader.u64()?.cast_signed();
            let word = if is_text {
                let length = reader.length(1)?;
                Raw::Text(reader.raw(length)?)
            } else {
                Raw::Number(reader.u64()?)
            };
            visit(event, word)?;
        }
        Some(())
    }
}

enum Raw<'a> {
    Number(u64),
    Text(&'a [u8]),
}
