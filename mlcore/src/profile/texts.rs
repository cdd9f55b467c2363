//! A column of text: which texts there are, how often each occurs, and how long they are.

use xxhash_rust::xxh3::xxh3_64;

use super::codec::{Reader, Writer};
use super::distinct::Registers;
use super::few::MOST;
use crate::error::Result;
use crate::text_key::{LONGEST_KEPT_BYTES, TextKey, kept_part};

/// Texts with their counts: all of them while there are few, the most frequent ones from then on.
#[derive(Clone, Debug)]
pub(super) struct Texts {
    /// The place of an entry, counted from 1; 0 for none.
    slots: Vec<u16>,
    entries: Vec<Entry>,
    kept: String,
    /// How many of the entries are given.
    given: usize,
    many: Option<Box<Many>>,
}

#[derive(Clone, Debug)]
struct Entry {
    hash: u64,
    /// All of a short text, which is compared without touching its bytes again.
    key: TextKey,
    start: usize,
    bytes: usize,
    /// How many characters the whole text has, of which a long one is kept in part.
    characters: u64,
    count: u64,
    /// Whether it is one of the categories that are counted whatever else comes.
    is_given: bool,
}

/// What is kept of more distinct texts than a table holds.
#[derive(Clone, PartialEq, Debug)]
struct Many {
    registers: Registers,
    lengths: Lengths,
    /// How much too small the count of a text may be that is not given.
    missed: u64,
}

/// How long texts are, in characters.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Lengths {
    pub(super) count: u64,
    pub(super) least: u64,
    pub(super) most: u64,
    pub(super) sum: u128,
    pub(super) squares: u128,
}

/// A text with what is known of its count.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Item<'a> {
    pub(super) text: &'a str,
    pub(super) count: u64,
    /// By how much the count may be too small.
    pub(super) missed: u64,
}

/// Texts that are not given fill at most this many places, before the rarest leave.
const ROOM: usize = 2 * MOST;
/// At most so many categories can be given.
pub(super) const MOST_GIVEN: usize = 8192;
/// No text is longer.
const MOST_CHARACTERS: u64 = 1 << 40;
const SLOTS: usize = 4096;

impl Texts {
    /// Of no row, with the categories that are to be counted in any case.
    pub(super) fn new(given: &[Box<str>]) -> Self {
        let mut texts =
            Self { slots: vec![0; SLOTS], entries: Vec::new(), kept: String::new(), given: 0, many: None };
        for text in given {
            let kept = kept_part(text);
            let hash = hash(&kept);
            if texts.found(hash, &kept).is_none() {
                texts.insert(&kept, hash, text.chars().count() as u64, 0);
                texts.given += 1;
                texts.entries.iter_mut().next_back().into_iter().for_each(|entry| entry.is_given = true);
            }
        }
        texts
    }

    /// Counts rows of one text.
    #[inline]
    pub(super) fn add(&mut self, text: &str, count: u64) {
        let kept = kept_part(text);
        let hash = hash(&kept);
        if let Some(many) = &mut self.many {
            many.registers.add(hash);
            many.lengths.add(text.chars().count() as u64, count);
        }
        if let Some(entry) = self.found(hash, &kept) {
            entry.count = entry.count.saturating_add(count);
            return;
        }
        self.add_new(&kept, hash, text.chars().count() as u64, count);
    }

    #[cold]
    fn add_new(&mut self, kept: &str, hash: u64, characters: u64, count: u64) {
        self.insert(kept, hash, characters, count);
        if self.many.is_none() && self.others() > MOST {
            self.become_many();
        }
        if self.others() > ROOM {
            self.reduce();
        }
    }

    /// The entry of a text.
    #[inline]
    fn found(&mut self, hash: u64, text: &str) -> Option<&mut Entry> {
        let mask = self.slots.len() - 1;
        let (mut slot, key) = (hash as usize & mask, TextKey::of(text.as_bytes()));
        loop {
            let place = usize::from(*self.slots.get(slot)?).checked_sub(1)?;
            let entry = self.entries.get(place)?;
            // Texts are compared, too: who chooses them could choose two with the same hash.
            let is_same = entry.key == key
                && (key.length <= TextKey::WHOLE_BYTES
                    || self.kept.as_bytes().get(entry.start..entry.start + entry.bytes)
                        == Some(text.as_bytes()));
            if is_same {
                return self.entries.get_mut(place);
            }
            slot = (slot + 1) & mask;
        }
    }

    fn insert(&mut self, kept: &str, hash: u64, characters: u64, count: u64) {
        let (start, bytes) = (self.kept.len(), kept.len());
        self.kept.push_str(kept);
        let key = TextKey::of(kept.as_bytes());
        self.entries.push(Entry { hash, key, start, bytes, characters, count, is_given: false });
        if self.entries.len() * 2 > self.slots.len() {
            self.slots = vec![0; self.slots.len() * 4];
            (0..self.entries.len()).for_each(|place| self.link(place));
        } else {
            self.link(self.entries.len() - 1);
        }
    }

    /// Makes an entry findable.
    fn link(&mut self, place: usize) {
        let mask = self.slots.len() - 1;
        let Some(entry) = self.entries.get(place) else { return };
        let mut slot = entry.hash as usize & mask;
        while self.slots.get(slot).is_some_and(|taken| *taken != 0) {
            slot = (slot + 1) & mask;
        }
        if let Some(free) = self.slots.get_mut(slot) {
            *free = place as u16 + 1;
        }
    }

    /// How many texts are kept that are not given.
    fn others(&self) -> usize {
        self.entries.len() - self.given
    }

    fn become_many(&mut self) {
        let mut many = Many { registers: Registers::default(), lengths: self.lengths(), missed: 0 };
        let occurring = self.entries.iter().filter(|entry| entry.count > 0);
        occurring.for_each(|entry| many.registers.add(entry.hash));
        self.many = Some(Box::new(many));
    }

    /// Leaves the most frequent texts (J. Misra and D. Gries, 1982), and those that are given.
    fn reduce(&mut self) {
        if self.others() <= MOST {
            return;
        }
        let mut counts: Vec<u64> =
            self.entries.iter().filter(|entry| !entry.is_given).map(|entry| entry.count).collect();
        let (_, taken, _) = counts.select_nth_unstable_by(MOST, |a, b| b.cmp(a));
        let taken = *taken;
        if let Some(many) = &mut self.many {
            many.missed = many.missed.saturating_add(taken);
        }
        let (entries, kept) = (std::mem::take(&mut self.entries), std::mem::take(&mut self.kept));
        self.slots.fill(0);
        for entry in entries {
            let count = if entry.is_given { entry.count } else { entry.count.saturating_sub(taken) };
            if !entry.is_given && count == 0 {
                continue;
            }
            let start = self.kept.len();
            self.kept.push_str(kept.get(entry.start..entry.start + entry.bytes).unwrap_or_default());
            self.entries.push(Entry { start, count, ..entry });
            self.link(self.entries.len() - 1);
        }
    }

    /// Adds the texts of another part of the column, with the same given categories.
    pub(super) fn merge(&mut self, other: &Self) {
        if other.many.is_some() && self.many.is_none() {
            self.become_many();
        }
        for entry in other.entries.iter().filter(|entry| entry.count > 0) {
            let text = other.text(entry);
            match self.found(entry.hash, text) {
                Some(own) => own.count = own.count.saturating_add(entry.count),
                None => self.insert(text, entry.hash, entry.characters, entry.count),
            }
        }
        if let Some(own) = &mut self.many {
            let theirs = other.lengths();
            own.lengths.merge(&theirs);
            match &other.many {
                Some(other) => {
                    own.registers.merge(&other.registers);
                    own.missed = own.missed.saturating_add(other.missed);
                }
                None => other
                    .entries
                    .iter()
                    .filter(|entry| entry.count > 0)
                    .for_each(|entry| own.registers.add(entry.hash)),
            }
        } else if self.others() > MOST {
            self.become_many();
        }
        if self.many.is_some() {
            self.reduce();
        }
    }

    fn text(&self, entry: &Entry) -> &str {
        self.kept.get(entry.start..entry.start + entry.bytes).unwrap_or_default()
    }

    /// Whether every text is kept with its count.
    pub(super) fn is_exact(&self) -> bool {
        self.many.is_none()
    }

    /// How many distinct texts there are, and whether that is certain.
    pub(super) fn distinct(&self) -> (f64, bool) {
        match &self.many {
            Some(many) => (many.registers.estimate(), false),
            None => (self.entries.iter().filter(|entry| entry.count > 0).count() as f64, true),
        }
    }

    /// The texts that are kept and occur, in the order of their bytes.
    pub(super) fn items(&self) -> Vec<Item<'_>> {
        let missed = self.many.as_ref().map_or(0, |many| many.missed);
        let mut items: Vec<Item<'_>> = self
            .entries
            .iter()
            .filter(|entry| entry.count > 0)
            .map(|entry| Item {
                text: self.text(entry),
                count: entry.count,
                missed: if entry.is_given { 0 } else { missed },
            })
            .collect();
        items.sort_unstable_by(|a, b| a.text.cmp(b.text));
        items
    }

    /// The given categories with their counts, in the order of their bytes.
    pub(super) fn given_items(&self) -> Vec<(&str, u64)> {
        let given = self.entries.iter().filter(|entry| entry.is_given);
        let mut items: Vec<(&str, u64)> = given.map(|entry| (self.text(entry), entry.count)).collect();
        items.sort_unstable();
        items
    }

    pub(super) fn lengths(&self) -> Lengths {
        if let Some(many) = &self.many {
            return many.lengths;
        }
        let mut lengths = Lengths::default();
        for entry in self.entries.iter().filter(|entry| entry.count > 0) {
            lengths.add(entry.characters, entry.count);
        }
        lengths
    }

    /// The part that no order of rows changes.
    pub(super) fn write_exact(&self, writer: &mut Writer) {
        writer.u8(u8::from(self.many.is_some()));
        if let Some(many) = &self.many {
            many.lengths.write(writer);
            many.registers.write(writer);
            self.given_items().iter().for_each(|(_, count)| writer.u64(*count));
        } else {
            self.write_entries(writer, true);
        }
    }

    pub(super) fn write_rest(&self, writer: &mut Writer) {
        if let Some(many) = &self.many {
            writer.u64(many.missed);
            self.write_entries(writer, false);
        }
    }

    /// Entries in the order of their bytes.
    fn write_entries(&self, writer: &mut Writer, with_given: bool) {
        let is_written = |entry: &&Entry| entry.count > 0 && (with_given || !entry.is_given);
        let mut entries: Vec<&Entry> = self.entries.iter().filter(is_written).collect();
        entries.sort_unstable_by(|a, b| self.text(a).cmp(self.text(b)));
        writer.count(entries.len());
        for entry in entries {
            writer.text(self.text(entry));
            writer.u64(entry.characters);
            writer.u64(entry.count);
        }
    }

    pub(super) fn read(reader: &mut Reader<'_>, given: &[Box<str>], count: u64) -> Result<Self> {
        let mut texts = Self::new(given);
        if reader.flag("number of texts")? {
            let lengths = Lengths::read(reader)?;
            let registers = Registers::read(reader)?;
            let mut total = 0_u64;
            let mut sorted: Vec<&Box<str>> = given.iter().collect();
            sorted.sort_unstable();
            for text in sorted {
                let kept = kept_part(text);
                let counted = reader.u64()?;
                total = total.saturating_add(counted);
                if let Some(entry) = texts.found(hash(&kept), &kept) {
                    entry.count = counted;
                }
            }
            let missed = reader.u64()?;
            total = total.saturating_add(texts.read_entries(reader, ROOM, true)?);
            reader.require(lengths.count == count, "its lengths are not as many as its rows")?;
            reader.require(total <= count && missed <= count, "its texts exceed its rows")?;
            texts.many = Some(Box::new(Many { registers, lengths, missed }));
        } else {
            let total = texts.read_entries(reader, MOST + MOST_GIVEN, false)?;
            reader
                .require(total == count && texts.others() <= MOST, "its texts are not as many as its rows")?;
        }
        Ok(texts)
    }

    fn read_entries(&mut self, reader: &mut Reader<'_>, most: usize, is_new: bool) -> Result<u64> {
        let (mut last, mut total): (Option<&str>, u64) = (None, 0);
        for _ in 0..reader.count(20, most)? {
            let text = reader.text(LONGEST_KEPT_BYTES)?;
            let (characters, count) = (reader.u64()?, reader.u64()?);
            reader.require(last.is_none_or(|last| last < text), "its texts are not sorted")?;
            reader.require(count > 0, "a text never occurs")?;
            let is_whole = text.len() < LONGEST_KEPT_BYTES - 4;
            let is_length = if is_whole {
                characters == text.chars().count() as u64
            } else {
                characters < MOST_CHARACTERS
            };
            reader.require(is_length, "a text has another length")?;
            let hash = hash(text);
            match self.found(hash, text) {
                Some(entry) if !is_new => (entry.count, entry.characters) = (count, characters),
                Some(_) => return Err(reader.corrupt("a given category stands among others")),
                None => self.insert(text, hash, characters, count),
            }
            (last, total) = (Some(text), total.saturating_add(count));
        }
        Ok(total)
    }
}

impl Default for Lengths {
    fn default() -> Self {
        Self { count: 0, least: u64::MAX, most: 0, sum: 0, squares: 0 }
    }
}

impl Lengths {
    #[inline]
    fn add(&mut self, characters: u64, count: u64) {
        self.count = self.count.saturating_add(count);
        self.least = self.least.min(characters);
        self.most = self.most.max(characters);
        let (length, count) = (u128::from(characters), u128::from(count));
        self.sum = self.sum.saturating_add(length * count);
        self.squares = self.squares.saturating_add((length * length).saturating_mul(count));
    }

    fn merge(&mut self, other: &Self) {
        self.count = self.count.saturating_add(other.count);
        self.least = self.least.min(other.least);
        self.most = self.most.max(other.most);
        self.sum = self.sum.saturating_add(other.sum);
        self.squares = self.squares.saturating_add(other.squares);
    }

    fn write(&self, writer: &mut Writer) {
        [self.count, self.least, self.most].into_iter().for_each(|value| writer.u64(value));
        writer.u128(self.sum);
        writer.u128(self.squares);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self> {
        let (count, least, most) = (reader.u64()?, reader.u64()?, reader.u64()?);
        let lengths = Self { count, least, most, sum: reader.u128()?, squares: reader.u128()? };
        reader.require(
            least <= most && most < MOST_CHARACTERS,
            "its shortest text is longer than its longest",
        )?;
        Ok(lengths)
    }
}

fn hash(kept: &str) -> u64 {
    xxh3_64(kept.as_bytes())
}
