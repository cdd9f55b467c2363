//! CPython's generator of random numbers, as far as `random.Random(seed).sample(range(n), k)` needs it.

use serde::{Deserialize, Serialize};

/// The Mersenne Twister MT19937 of M. Matsumoto and T. Nishimura (1998), seeded as CPython seeds it with an integer.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct Mersenne {
    words: Vec<u32>,
    next: usize,
}

impl Mersenne {
    /// The generator of `random.Random(seed)`.
    pub(super) fn new(seed: u64) -> Self {
        let (low, high) = (seed as u32, (seed >> 32) as u32);
        let key: &[u32] = if high == 0 { &[low] } else { &[low, high] };
        let mut words = linear(19_650_218);
        let mut previous = words[0];
        let (mut place, mut of_key) = (1, 0);
        for _ in 0..WORDS {
            let mixed = (previous ^ (previous >> 30)).wrapping_mul(1_664_525);
            words[place] = (words[place] ^ mixed).wrapping_add(key[of_key]).wrapping_add(of_key as u32);
            previous = words[place];
            (place, of_key) = (next_place(place, &mut words), (of_key + 1) % key.len());
        }
        for _ in 1..WORDS {
            let mixed = (previous ^ (previous >> 30)).wrapping_mul(1_566_083_941);
            words[place] = (words[place] ^ mixed).wrapping_sub(place as u32);
            previous = words[place];
            place = next_place(place, &mut words);
        }
        words[0] = 0x8000_0000;
        Self { words, next: WORDS }
    }

    /// Whether it can have come from a seed.
    pub(super) fn is_sound(&self) -> bool {
        self.words.len() == WORDS && self.next <= WORDS
    }

    /// An integer from 0 to below `end`: `randrange(end)`, by as many bits as `end` has, drawn until they are below it.
    fn below(&mut self, end: u32) -> u32 {
        let bits = u32::BITS - end.leading_zeros();
        loop {
            let drawn = self.next_u32() >> (u32::BITS - bits);
            if drawn < end {
                return drawn;
            }
        }
    }

    /// `sample(range(population), picks)`: so many different numbers below `population`, into `drawn`; `scratch` is kept
    /// between calls to save memory from being asked for.
    ///
    /// CPython shuffles a list of the whole population where that is smaller than a set of what was drawn would be.
    pub(super) fn sample(
        &mut self,
        population: u32,
        picks: usize,
        drawn: &mut Vec<u32>,
        scratch: &mut Vec<u32>,
    ) {
        drawn.clear();
        scratch.clear();
        if population as usize <= set_size(picks) {
            scratch.extend(0..population);
            for taken in 0..picks.min(population as usize) {
                let left = population - taken as u32;
                let place = self.below(left) as usize;
                drawn.push(scratch[place]);
                scratch[place] = scratch[left as usize - 1];
            }
            return;
        }
        // One bit for each number that was drawn.
        scratch.resize(population.div_ceil(u32::BITS) as usize, 0);
        while drawn.len() < picks {
            let number = self.below(population);
            let (word, bit) = ((number / u32::BITS) as usize, 1 << (number % u32::BITS));
            if scratch[word] & bit == 0 {
                scratch[word] |= bit;
                drawn.push(number);
            }
        }
    }

    fn next_u32(&mut self) -> u32 {
        if self.next >= WORDS {
            self.twist();
        }
        let mut word = self.words[self.next];
        self.next += 1;
        word ^= word >> 11;
        word ^= (word << 7) & 0x9d2c_5680;
        word ^= (word << 15) & 0xefc6_0000;
        word ^ (word >> 18)
    }

    fn twist(&mut self) {
        for place in 0..WORDS {
            let joined = (self.words[place] & 0x8000_0000) | (self.words[(place + 1) % WORDS] & 0x7fff_ffff);
            let odd = if joined & 1 == 0 { 0 } else { 0x9908_b0df };
            self.words[place] = self.words[(place + SHIFT) % WORDS] ^ (joined >> 1) ^ odd;
        }
        self.next = 0;
    }
}

/// The words that a single number seeds.
fn linear(seed: u32) -> Vec<u32> {
    let mut words = vec![seed; WORDS];
    for place in 1..WORDS {
        let before = words[place - 1];
        words[place] = 1_812_433_253_u32.wrapping_mul(before ^ (before >> 30)).wrapping_add(place as u32);
    }
    words
}

/// The place after this one; past the end, the last word is copied to the first place and the second one is next.
fn next_place(place: usize, words: &mut [u32]) -> usize {
    if place + 1 < WORDS {
        return place + 1;
    }
    words[0] = words[WORDS - 1];
    1
}

/// How large a population CPython lists whole for so many picks: the size of a set of them.
fn set_size(picks: usize) -> usize {
    let mut table = 1;
    while picks > 5 && table < 3 * picks {
        table *= 4;
    }
    21 + if picks > 5 { table } else { 0 }
}

const WORDS: usize = 624;
const SHIFT: usize = 397;

#[cfg(test)]
mod tests {
    use super::*;

    /// `random.Random(seed).sample(range(population), picks)` in CPython 3.11.
    #[test]
    fn samples_are_those_of_cpython() {
        let sample = |seed, population, picks| {
            let (mut drawn, mut scratch) = (Vec::new(), Vec::new());
            Mersenne::new(seed).sample(population, picks, &mut drawn, &mut scratch);
            drawn
        };
        assert_eq!(sample(0, 70, 5), [49, 53, 5, 33, 65]);
        assert_eq!(sample(42, 70, 6), [14, 3, 35, 31, 28, 17]);
        assert_eq!(sample(7, 1000, 4), [331, 970, 154, 404]);
        assert_eq!(sample(1099511627779, 1000, 8), [225, 62, 562, 853, 96, 579, 311, 924]);
        assert_eq!(
            sample(18446744073709551615, 30, 30),
            [
                0, 7, 10, 19, 6, 14, 26, 3, 11, 1, 25, 17, 15, 2, 27, 28, 4, 13, 9, 29, 5, 12, 8, 23, 24, 16,
                22, 20, 18, 21
            ]
        );
        assert_eq!(sample(1, 5, 1), [1]);
    }
}
