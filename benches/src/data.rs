//! The data of all measurements: seeded, and the same for every contender.

use std::fs;
use std::path::Path;

use mlcore::arrow::array::{Float64Array, StringArray};

use crate::Result;

/// A generator of reproducible numbers (SplitMix64, G. L. Steele et al., 2014).
#[derive(Debug)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// From 0 to below 1.
    pub(crate) fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// From 0 to below `end`.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        (self.unit() * end as f64) as usize
    }

    /// Normal, by Box and Muller.
    pub(crate) fn normal(&mut self, mean: f64, deviation: f64) -> f64 {
        let radius = (-2.0 * (1.0 - self.unit()).ln()).sqrt();
        mean + deviation * radius * (std::f64::consts::TAU * self.unit()).cos()
    }
}

/// The two columns that the drift tests compare: numbers and category codes, a little shifted.
#[derive(Debug)]
pub(crate) struct Part {
    pub(crate) numbers: Float64Array,
    pub(crate) codes: Vec<u8>,
}

/// Distinct values of a column of text.
pub(crate) const CATEGORIES: usize = 20;

impl Part {
    pub(crate) fn new(rows: usize, seed: u64, (mean, deviation): (f64, f64)) -> Self {
        let mut random = Random::new(seed);
        let numbers = Float64Array::from_iter_values((0..rows).map(|_| random.normal(mean, deviation)));
        let codes = (0..rows).map(|_| random.below(CATEGORIES) as u8).collect();
        Self { numbers, codes }
    }

    /// The codes as the text that Python makes of them too.
    pub(crate) fn words(&self) -> StringArray {
        let words: Vec<String> = (0..CATEGORIES).map(|code| format!("cat_{code}")).collect();
        StringArray::from_iter(self.codes.iter().map(|code| words.get(usize::from(*code))))
    }

    /// Writes `<name>_<rows>.f64` and `.u8`, raw and little-endian.
    pub(crate) fn write(&self, folder: &Path, name: &str) -> Result<()> {
        let bytes: Vec<u8> = self.numbers.values().iter().flat_map(|number| number.to_le_bytes()).collect();
        let rows = self.codes.len();
        fs::write(folder.join(format!("{name}_{rows}.f64")), bytes)?;
        fs::write(folder.join(format!("{name}_{rows}.u8")), &self.codes)?;
        Ok(())
    }
}
