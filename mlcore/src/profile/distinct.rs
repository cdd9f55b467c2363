//! How many distinct values there are, in 4 KB.

use super::codec::{Reader, Writer};
use crate::error::Result;

/// HyperLogLog: of the hashes that begin alike, the longest run of zeros that follows (P. Flajolet and others, 2007).
///
/// A register holds a maximum, so that neither order nor repetition nor grouping matters. The estimate is O. Ertl's ("New
/// cardinality estimation algorithms for HyperLogLog sketches", 2017), which needs no tables and no corrections by range. Its
/// relative standard error is 1.6 %.
///
/// ```
/// use mlcore::profile::Registers;
///
/// let mut registers = Registers::default();
/// for hash in [0x9e37_79b9_7f4a_7c15, 0xbf58_476d_1ce4_e5b9, 0x9e37_79b9_7f4a_7c15] {
///     let (register, rank) = Registers::place_of(hash);
///     registers.raise(register, rank);
/// }
/// assert_eq!(registers.estimate().round(), 2.0);
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Registers {
    longest: Box<[u8; REGISTERS]>,
}

const BITS: u32 = 12;
pub(super) const REGISTERS: usize = 1 << BITS;
/// The longest run, and one more for the bit that ends it.
const MOST: u8 = 64 - BITS as u8 + 1;
/// The relative standard error of the estimate: 1.04 over the root of the number of registers.
pub(super) const STANDARD_ERROR: f64 = 1.04 / 64.0;

impl Default for Registers {
    fn default() -> Self {
        Self { longest: Box::new([0; REGISTERS]) }
    }
}

impl Registers {
    /// How many registers there are, a byte each.
    pub const COUNT: usize = REGISTERS;

    #[inline(always)]
    pub(super) fn add(&mut self, hash: u64) {
        let (place, rank) = Self::place_of(hash);
        let register = &mut self.longest[usize::from(place) % REGISTERS];
        if rank > *register {
            *register = rank;
        }
    }

    /// The register of a value's hash, and the rank that it is raised to.
    #[inline(always)]
    #[must_use]
    pub const fn place_of(hash: u64) -> (u16, u8) {
        let rank = ((hash << BITS) | (1 << (BITS - 1))).leading_zeros() as u8 + 1;
        ((hash >> (64 - BITS)) as u16, rank)
    }

    /// Whether some hash has this register and this rank.
    #[must_use]
    pub const fn is_place(register: u16, rank: u8) -> bool {
        (register as usize) < REGISTERS && rank > 0 && rank <= MOST
    }

    /// Raises a register to a rank, where it is lower. What [is no place](Self::is_place) changes nothing.
    pub fn raise(&mut self, register: u16, rank: u8) {
        if let Some(own) = self.longest.get_mut(usize::from(register)).filter(|_| rank <= MOST) {
            *own = rank.max(*own);
        }
    }

    /// The rank of each register.
    #[must_use]
    pub fn ranks(&self) -> &[u8] {
        self.longest.as_slice()
    }

    /// The registers of these ranks; `None` for another number of them, and for a rank that no hash has.
    #[must_use]
    pub fn from_ranks(ranks: &[u8]) -> Option<Self> {
        let longest: [u8; REGISTERS] = ranks.try_into().ok()?;
        longest.iter().all(|rank| *rank <= MOST).then(|| Self { longest: Box::new(longest) })
    }

    /// Adds what was added to others.
    pub fn merge(&mut self, other: &Self) {
        for (own, other) in self.longest.iter_mut().zip(other.longest.iter()) {
            *own = (*own).max(*other);
        }
    }

    /// About how many distinct values were added.
    #[must_use]
    pub fn estimate(&self) -> f64 {
        let mut counts = [0_u32; MOST as usize + 1];
        for register in self.longest.iter() {
            if let Some(count) = counts.get_mut(usize::from(*register)) {
                *count += 1;
            }
        }
        let m = REGISTERS as f64;
        let at = |rank: u8| f64::from(counts.get(usize::from(rank)).copied().unwrap_or(0));
        let mut z = m * tau(1.0 - at(MOST) / m);
        for rank in (1..MOST).rev() {
            z = 0.5 * (z + at(rank));
        }
        z += m * sigma(at(0) / m);
        m * m / (2.0 * std::f64::consts::LN_2 * z)
    }

    pub(super) fn write(&self, writer: &mut Writer) {
        writer.raw(self.longest.as_slice());
    }

    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self> {
        let bytes = reader.raw(REGISTERS)?;
        reader
            .require(bytes.iter().all(|rank| *rank <= MOST), "a register of distinct values is too large")?;
        let mut registers = Self::default();
        registers.longest.iter_mut().zip(bytes).for_each(|(register, byte)| *register = *byte);
        Ok(registers)
    }
}

/// The share of empty registers, corrected for what single values leave behind.
fn sigma(share: f64) -> f64 {
    if share == 1.0 {
        return f64::INFINITY;
    }
    let (mut x, mut y, mut sum) = (share, 1.0, share);
    loop {
        x *= x;
        let before = sum;
        sum += x * y;
        y += y;
        if sum == before {
            return sum;
        }
    }
}

/// The same for registers that are full.
fn tau(share: f64) -> f64 {
    if share <= 0.0 || share >= 1.0 {
        return 0.0;
    }
    let (mut x, mut y, mut sum) = (share, 1.0, 1.0 - share);
    loop {
        x = x.sqrt();
        let before = sum;
        y *= 0.5;
        sum -= (1.0 - x) * (1.0 - x) * y;
        if sum == before {
            return sum / 3.0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::number::Number;

    #[test]
    fn estimates_are_within_four_standard_errors() {
        let scales: [fn(u64) -> f64; 5] = [
            |i| i as f64,
            |i| i as f64 * 0.1,
            |i| -(i as f64) * 1e-300,
            |i| 1.0 + i as f64 * f64::EPSILON,
            |i| i as f64 * 1024.0 + 1e9,
        ];
        for scale in scales {
            let mut registers = Registers::default();
            let mut next = 1025;
            for i in 1..=1_000_000_u64 {
                registers.add(Number::of_float(scale(i)).hash());
                if i == next {
                    let error = registers.estimate() / i as f64 - 1.0;
                    assert!(error.abs() < 4.0 * STANDARD_ERROR, "{i}: {error}");
                    next = i * 3 / 2;
                }
            }
        }
        assert!(Registers::default().estimate().abs() < 1e-9);
    }
}
