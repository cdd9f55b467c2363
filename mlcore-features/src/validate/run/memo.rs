//! What was found out about a text is remembered for the next row that holds the same.

use std::hash::BuildHasher;

use mlcore::batch::Value;

use crate::validate::compile::Test;
use crate::validate::hash::Folded;

/// So many texts are remembered: those of most columns with categories, in a processor's second cache.
const SLOTS: usize = 4096;

/// Whether texts fail a test that is slow: a text in each slot, which another one may take.
pub(super) struct Memo<'a> {
    hasher: Folded,
    slots: Vec<(&'a str, bool)>,
}

impl<'a> Memo<'a> {
    /// A memo of a test that is slower than to look a text up; `None` for others.
    pub(super) fn of(test: &Test) -> Option<Self> {
        matches!(test, Test::Found(..) | Test::NotFound(_)).then(|| {
            let empty = ("", test.fails(Value::Text("")));
            Self { hasher: Folded::default(), slots: vec![empty; SLOTS] }
        })
    }

    /// Whether the text fails the test, which is always the same one.
    #[inline]
    pub(super) fn fails(&mut self, test: &Test, text: &'a str) -> bool {
        let place = self.hasher.hash_one(text) as usize % SLOTS;
        match self.slots.get_mut(place) {
            Some((own, fails)) if *own == text => *fails,
            Some(slot) => {
                *slot = (text, test.fails(Value::Text(text)));
                slot.1
            }
            None => test.fails(Value::Text(text)),
        }
    }
}
