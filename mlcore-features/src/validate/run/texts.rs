//! All that is asked of the texts of a column, found out together: once for each distinct text, as far as it is remembered.

use mlcore::batch::{Dictionary, Texts, Value};
use mlcore::text_key::TextKey;

use super::lane::Lane;
use super::mask::{Mask, ROWS};
use crate::validate::compile::{Inner, Plan, Test};
use crate::validate::hash::Seeds;

/// So many texts are remembered: those of most columns with categories, in a processor's second cache.
const MOST_SLOTS: usize = 4096;
const LEAST_SLOTS: usize = 64;
/// So many tests share a word, a bit for each.
const TESTS: usize = 64;

/// The tests of the texts of one column, at most 64 of them.
pub(super) struct TextTests<'a> {
    pub(super) column: usize,
    /// The places of their expectations, and the tests.
    tests: Vec<(usize, &'a Test)>,
    seeds: Seeds,
    slots: Vec<Slot<'a>>,
    /// Which tests the text of each code of a dictionary fails.
    by_code: Option<Vec<u64>>,
}

/// A text, and which tests it fails.
#[derive(Clone, Copy)]
struct Slot<'a> {
    text: &'a str,
    key: TextKey,
    failing: u64,
}

impl<'a> TextTests<'a> {
    /// The tests of all columns of text, for a batch of so many rows.
    pub(super) fn of(inner: &'a Inner, lanes: &[Lane<'a>], rows: usize) -> Vec<Self> {
        let mut groups: Vec<Self> = Vec::new();
        for (place, plan) in inner.plans.iter().enumerate() {
            let Plan::Column { column, test, .. } = plan else { continue };
            if test.is_about_missing() || lanes.get(*column).and_then(Lane::texts).is_none() {
                continue;
            }
            let room = |group: &&mut Self| group.column == *column && group.tests.len() < TESTS;
            match groups.iter_mut().find(room) {
                Some(group) => group.tests.push((place, test)),
                None => groups.push(Self {
                    column: *column,
                    tests: vec![(place, test)],
                    seeds: Seeds::default(),
                    slots: Vec::new(),
                    by_code: None,
                }),
            }
        }
        for group in &mut groups {
            group.prepare(lanes, rows);
        }
        groups
    }

    fn prepare(&mut self, lanes: &[Lane<'a>], rows: usize) {
        let texts = lanes.get(self.column).and_then(Lane::texts);
        match texts {
            // Of a large dictionary a small batch has few texts.
            Some(Texts::Dictionary(words)) if words.texts().len() <= rows => {
                self.by_code =
                    Some(words.texts().iter().map(|text| text.map_or(0, |text| self.asked(text))).collect());
            }
            _ => {
                self.by_code = None;
                let empty = Slot { text: "", key: TextKey::of(b""), failing: self.asked("") };
                let slots = rows.next_power_of_two().clamp(LEAST_SLOTS, MOST_SLOTS);
                self.slots = vec![empty; slots];
            }
        }
    }

    /// Which tests a text fails.
    fn asked(&self, text: &str) -> u64 {
        let failing = self.tests.iter().enumerate().map(|(bit, (_, test))| {
            let fails = test.fails(Value::Text(text));
            u64::from(fails) << bit
        });
        failing.fold(0, |failing, bit| failing | bit)
    }

    /// Which tests a text fails, as it is remembered.
    #[inline]
    fn failing(&mut self, text: &'a str) -> u64 {
        let key = TextKey::of(text.as_bytes());
        let place = self.seeds.hash(key) as usize & self.slots.len().wrapping_sub(1);
        if let Some(slot) = self.slots.get(place)
            && slot.key == key
            && (key.length <= TextKey::WHOLE_BYTES || slot.text == text)
        {
            return slot.failing;
        }
        let failing = self.asked(text);
        if let Some(slot) = self.slots.get_mut(place) {
            *slot = Slot { text, key, failing };
        }
        failing
    }

    /// Writes the rows of a stretch that fail each test into the masks, at the places of their expectations.
    pub(super) fn add(&mut self, lane: &Lane<'a>, masks: &mut [Mask]) {
        let among = lane.rows().without(lane.missing);
        // A bit for each test and row, which is turned into one for each row and test.
        let mut failing = [0_u64; ROWS];
        let start = lane.start();
        let told = &mut failing;
        let mut any = 0;
        let mut tell = |row: usize, tests: u64| {
            any |= tests;
            if let Some(own) = told.get_mut(row) {
                *own = tests;
            }
        };
        match lane.texts() {
            Some(Texts::Utf8(texts)) => {
                among.rows().for_each(|row| tell(row, self.failing(texts.value(start + row))));
            }
            Some(Texts::Large(texts)) => {
                among.rows().for_each(|row| tell(row, self.failing(texts.value(start + row))));
            }
            Some(Texts::View(texts)) => {
                among.rows().for_each(|row| tell(row, self.failing(texts.value(start + row))));
            }
            Some(Texts::Dictionary(words)) => {
                among.rows().for_each(|row| tell(row, self.of_code(words, start + row)));
            }
            _ => return,
        }
        for (bit, (place, _)) in self.tests.iter().enumerate().filter(|(bit, _)| any >> bit & 1 == 1) {
            if let Some(mask) = masks.get_mut(*place) {
                *mask = Mask::of_words(&failing, bit);
            }
        }
    }

    fn of_code(&mut self, words: &Dictionary<'a>, row: usize) -> u64 {
        let code = words.codes().get(row).copied().unwrap_or_default() as usize;
        match &self.by_code {
            Some(failing) => failing.get(code).copied().unwrap_or_default(),
            None => words.texts().get(code).copied().flatten().map_or(0, |text| self.failing(text)),
        }
    }
}
