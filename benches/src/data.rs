//! The data of all measurements: seeded, and the same for every contender.

use std::fs;
use std::path::Path;

use mlcore::arrow::array::{Float64Array, StringArray};
use mlcore::stats::SplitMix64;

use crate::Result;

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
        let mut random = SplitMix64::new(seed);
        let numbers = Float64Array::from_iter_values((0..rows).map(|_| mean + deviation * random.normal()));
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
