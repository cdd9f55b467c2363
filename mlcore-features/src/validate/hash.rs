//! A hash for tables of values that come from outside: quick, and with a seed of the process, so that nobody who sends data can
//! know which values fall together. No result depends on it.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};

use mlcore::text_key::{TextKey, fold};

/// Makes hashers with one seed.
#[derive(Clone, Debug)]
pub(super) struct Folded([u64; 2]);

impl Default for Folded {
    fn default() -> Self {
        let random = RandomState::new();
        Self([random.hash_one(1_u8), random.hash_one(2_u8) | 1])
    }
}

impl BuildHasher for Folded {
    type Hasher = Folding;

    fn build_hasher(&self) -> Folding {
        let Self([state, factor]) = *self;
        Folding { state, factor }
    }
}

/// Multiplies each word with what came before, and folds the product.
#[derive(Debug)]
pub(super) struct Folding {
    state: u64,
    factor: u64,
}

impl Folding {
    #[inline]
    fn word(&mut self, word: u64) {
        let product = u128::from(self.state ^ word) * u128::from(self.factor ^ 0x9e37_79b9_7f4a_7c15);
        self.state = (product as u64) ^ ((product >> 64) as u64).wrapping_add(self.factor);
    }
}

impl Hasher for Folding {
    #[inline]
    fn write(&mut self, bytes: &[u8]) {
        let (words, rest) = bytes.as_chunks::<8>();
        for word in words {
            self.word(u64::from_le_bytes(*word));
        }
        let mut last = [0; 8];
        for (into, byte) in last.iter_mut().zip(rest) {
            *into = *byte;
        }
        self.word(u64::from_le_bytes(last) ^ ((bytes.len() as u64) << 56));
    }

    #[inline]
    fn write_u8(&mut self, byte: u8) {
        self.word(byte.into());
    }

    #[inline]
    fn write_u64(&mut self, word: u64) {
        self.word(word);
    }

    #[inline]
    fn finish(&self) -> u64 {
        let product = u128::from(self.state) * u128::from(self.factor);
        (product as u64) ^ ((product >> 64) as u64)
    }
}

/// Two numbers of the process, by which short keys are hashed in one step.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seeds([u64; 2]);

impl Default for Seeds {
    fn default() -> Self {
        let Folded([state, factor]) = Folded::default();
        Self([state, factor])
    }
}

impl Seeds {
    /// A hash of a text's key.
    #[inline]
    pub(super) fn hash(self, key: TextKey) -> u64 {
        let Self([state, factor]) = self;
        fold(key.head ^ state, key.tail ^ factor ^ ((key.length as u64) << 56))
    }
}
