//! A queue of zeros and ones.

use std::collections::VecDeque;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A queue of bits; in JSON a text of the digits 0 and 1.
#[derive(Clone, PartialEq, Debug, Default)]
pub(super) struct Bits(VecDeque<bool>);

impl Bits {
    pub(super) fn with_capacity(bits: usize) -> Self {
        Self(VecDeque::with_capacity(bits))
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// How many ones there are.
    pub(super) fn ones(&self) -> usize {
        self.iter().filter(|bit| *bit).count()
    }

    pub(super) fn iter(&self) -> impl DoubleEndedIterator<Item = bool> + '_ {
        self.0.iter().copied()
    }

    /// The bit `back` places before the newest one.
    #[inline]
    pub(super) fn before_newest(&self, back: usize) -> Option<bool> {
        self.0.len().checked_sub(back + 1).and_then(|at| self.0.get(at)).copied()
    }

    #[inline]
    pub(super) fn push(&mut self, bit: bool) {
        self.0.push_back(bit);
    }

    #[inline]
    pub(super) fn pop(&mut self) -> Option<bool> {
        self.0.pop_front()
    }

    /// Forgets all but the newest bit.
    pub(super) fn keep_newest(&mut self) {
        self.0.drain(..self.0.len().saturating_sub(1));
    }
}

impl Serialize for Bits {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.iter().map(|bit| if bit { '1' } else { '0' }).collect::<String>())
    }
}

impl<'de> Deserialize<'de> for Bits {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let bit = |digit| match digit {
            '0' => Ok(false),
            '1' => Ok(true),
            other => Err(D::Error::custom(format!("a digit 0 or 1 is expected, got {other:?}"))),
        };
        String::deserialize(deserializer)?.chars().map(bit).collect::<Result<_, _>>().map(Self)
    }
}
