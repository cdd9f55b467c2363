//! What numpy's `RandomState(seed)` draws with `randint(0, count, size)`, `shuffle` and `standard_normal`: MT19937, rejection
//! under a mask, and the polar method.

use mlcore::{Error, Result};

/// Draws `size` row numbers below `count`, with replacement: `randint(0, count, size)`.
///
/// # Errors
/// [`Error::Unsupported`] for more rows than 32 bits count.
pub(super) fn draw_rows(seed: u32, count: usize, size: usize) -> Result<Vec<usize>> {
    let last = last_of(count)?;
    let mut twister = MersenneTwister::new(seed);
    Ok((0..size).map(|_| twister.up_to(last) as usize).collect())
}

/// The first `size` row numbers below `count` after all were shuffled: `shuffle(arange(count))`.
///
/// # Errors
/// [`Error::Unsupported`] for more rows than 32 bits count.
pub(super) fn shuffled_rows(seed: u32, count: usize, size: usize) -> Result<Vec<usize>> {
    last_of(count)?;
    let mut rows: Vec<usize> = (0..count).collect();
    Shuffler::new(seed).shuffle(&mut rows)?;
    rows.truncate(size);
    Ok(rows)
}

/// The last row of so many.
fn last_of(count: usize) -> Result<u32> {
    count.checked_sub(1).and_then(|last| u32::try_from(last).ok()).ok_or_else(|| {
        Error::unsupported("draw subsample", format!("{count} rows"), "at most 2^32 rows are drawn from")
            .remedy("set subsample to None, or fit on fewer rows")
    })
}

/// Puts lists into a random order, one after another, as one `RandomState` does.
pub(super) struct Shuffler(MersenneTwister);

impl Shuffler {
    pub(super) fn new(seed: u32) -> Self {
        Self(MersenneTwister::new(seed))
    }

    /// Shuffles the values, of which there must be at most 2^32.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for more.
    pub(super) fn shuffle<T>(&mut self, values: &mut [T]) -> Result<()> {
        for last in (1..values.len()).rev() {
            let bound = u32::try_from(last).map_err(|_| {
                Error::unsupported("shuffle", format!("{last} rows"), "at most 2^32 rows are shuffled")
                    .remedy("set shuffle to False, or fit on fewer rows")
            })?;
            values.swap(last, self.0.up_to(bound) as usize);
        }
        Ok(())
    }
}

/// Draws normally distributed numbers of mean 0 and variance 1, as `standard_normal` does: Marsaglia's polar method, two at
/// a time, of which the second is kept for the next draw.
pub(super) struct Normals {
    twister: MersenneTwister,
    kept: Option<f64>,
}

impl Normals {
    pub(super) fn new(seed: u32) -> Self {
        Self { twister: MersenneTwister::new(seed), kept: None }
    }

    pub(super) fn draw(&mut self) -> f64 {
        if let Some(kept) = self.kept.take() {
            return kept;
        }
        loop {
            let first = 2.0 * self.twister.next_double() - 1.0;
            let second = 2.0 * self.twister.next_double() - 1.0;
            let square = first * first + second * second;
            if square < 1.0 && square != 0.0 {
                let factor = (-2.0 * square.ln() / square).sqrt();
                self.kept = Some(factor * first);
                return factor * second;
            }
        }
    }
}

const SIZE: usize = 624;

/// Matsumoto and Nishimura (1998), seeded as numpy seeds it from one integer.
struct MersenneTwister {
    state: [u32; SIZE],
    position: usize,
}

impl MersenneTwister {
    fn new(seed: u32) -> Self {
        let mut state = [0; SIZE];
        let mut word = seed;
        for (position, place) in (0_u32..).zip(&mut state) {
            *place = word;
            word = 1_812_433_253_u32.wrapping_mul(word ^ (word >> 30)).wrapping_add(position + 1);
        }
        Self { state, position: SIZE }
    }

    /// A number from 0 to `last`: the first of those under the mask of its bits that is not above it.
    fn up_to(&mut self, last: u32) -> u32 {
        if last == 0 {
            return 0;
        }
        let mask = u32::MAX >> last.leading_zeros();
        loop {
            let number = self.next_u32() & mask;
            if number <= last {
                return number;
            }
        }
    }

    /// A number from 0 to below 1, with 53 random bits.
    fn next_double(&mut self) -> f64 {
        let (high, low) = (self.next_u32() >> 5, self.next_u32() >> 6);
        (f64::from(high) * 67_108_864.0 + f64::from(low)) / 9_007_199_254_740_992.0
    }

    fn next_u32(&mut self) -> u32 {
        if self.position >= SIZE {
            self.twist();
        }
        let mut word = self.state[self.position];
        self.position += 1;
        word ^= word >> 11;
        word ^= (word << 7) & 0x9D2C_5680;
        word ^= (word << 15) & 0xEFC6_0000;
        word ^ (word >> 18)
    }

    fn twist(&mut self) {
        for position in 0..SIZE {
            let joined =
                (self.state[position] & 0x8000_0000) | (self.state[(position + 1) % SIZE] & 0x7FFF_FFFF);
            let twisted = (joined >> 1) ^ if joined & 1 == 1 { 0x9908_B0DF } else { 0 };
            self.state[position] = self.state[(position + 397) % SIZE] ^ twisted;
        }
        self.position = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rows_are_numpys() {
        // numpy.random.RandomState(42).randint(0, 1000, 8), and RandomState(0).randint(0, 7, 10)
        assert_eq!(draw_rows(42, 1000, 8).unwrap(), [102, 435, 860, 270, 106, 71, 700, 20]);
        assert_eq!(draw_rows(0, 7, 10).unwrap(), [4, 5, 0, 3, 3, 3, 1, 3, 5, 2]);
        assert_eq!(draw_rows(0, 1, 3).unwrap(), [0, 0, 0]);
        // RandomState(42).shuffle(numpy.arange(10)), and RandomState(0).shuffle(numpy.arange(5))
        assert_eq!(shuffled_rows(42, 10, 10).unwrap(), [8, 1, 5, 0, 7, 2, 9, 4, 3, 6]);
        assert_eq!(shuffled_rows(0, 5, 3).unwrap(), [2, 0, 1]);
    }

    #[test]
    fn the_order_is_numpys() {
        // rng = numpy.random.RandomState(42); for n in (10, 3): a = numpy.arange(n); rng.shuffle(a)
        let mut shuffler = Shuffler::new(42);
        for expected in [&[8, 1, 5, 0, 7, 2, 9, 4, 3, 6][..], &[1, 0, 2]] {
            let mut values: Vec<i32> = (0..).take(expected.len()).collect();
            shuffler.shuffle(&mut values).unwrap();
            assert_eq!(values, expected);
        }
    }

    #[test]
    fn the_normal_numbers_are_numpys() {
        // numpy.random.RandomState(seed).standard_normal(5)
        for (seed, expected) in [
            (
                0,
                [
                    1.764052345967664,
                    0.4001572083672233,
                    0.9787379841057392,
                    2.240893199201458,
                    1.8675579901499675,
                ],
            ),
            (
                42,
                [
                    0.4967141530112327,
                    -0.13826430117118466,
                    0.6476885381006925,
                    1.5230298564080254,
                    -0.23415337472333597,
                ],
            ),
            (
                4294967295,
                [
                    0.6484086742306527,
                    0.6693235306338161,
                    -1.0805437227474493,
                    0.2845010447986309,
                    0.11388773652167104,
                ],
            ),
        ] {
            let mut normals = Normals::new(seed);
            for expected in expected {
                let drawn: f64 = normals.draw();
                assert!((drawn - expected).abs() <= 1e-15 * f64::abs(expected), "{drawn} {expected}");
            }
        }
    }
}
