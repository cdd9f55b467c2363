//! How many distinct values there are, in 4 KB.

use super::codec::{Reader, Writer};
use crate::error::Result;

/// HyperLogLog: of the hashes that begin alike, the longest run of zeros that follows (P. Flajolet and others, 2007).
///
/// A register holds a maximum, so that neither order nor repetition nor grouping matters. The estimate is O. Ertl's ("New
/// cardinality estimation algorithms for HyperLogLog sketches", 2017), which needs no tables and no corrections by range.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Registers {
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
    #[inline(always)]
    pub(super) fn add(&mut self, hash: u64) {
        let rank = ((hash << BITS) | (1 << (BITS - 1))).leading_zeros() as u8 + 1;
        let register = &mut self.longest[(hash >> (64 - BITS)) as usize % REGISTERS];
        if rank > *register {
            *register = rank;
        }
    }

    pub(super) fn merge(&mut self, other: &Self) {
        for (own, other) in self.longest.iter_mut().zip(other.longest.iter()) {
            *own = (*own).max(*other);
        }
    }

    /// About how many distinct values were added.
    pub(super) fn estimate(&self) -> f64 {
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
