//! The energy distance of whole rows.

use std::ops::Range;

use mlcore::arrow::array::RecordBatch;
use mlcore::interrupt::{self, Pace};
use mlcore::stats::SplitMix64;
use mlcore::{Error, Result};
use serde::{Deserialize, Serialize};

use super::asked::{self, notes};
use super::rows::{Rows, numeric_columns};
use super::{CompiledTableTest, Contribution, TableScore, TableTest};
use crate::catalog::TestOptions;
use crate::two_sample::{Effect, Score};

/// The energy test of equal distributions of Szekely and Rizzo, for rows of any number of numeric columns.
///
/// With `X, X'` rows of the reference, `Y, Y'` rows of the current table and Euclidean distances, the energy distance is
/// `E = 2 mean |X - Y| - mean |X - X'| - mean |Y - Y'|`. It is 0 if and only if the two distributions are equal, so that
/// it sees shifts, spreads, shapes and relations between columns. The statistic is `n m / (n + m) E`; the p-value is that
/// of [`permutations`](Self::with_permutations) random exchanges of rows, `(1 + as large) / (1 + permutations)`.
///
/// Each column is divided by its standard deviation in the reference (a constant one is not), so that no unit outweighs
/// the others; [`with_standardise`](Self::with_standardise) turns that off. Rows that miss a number are left out. Time and
/// memory grow with the square of the rows, so that at most [`max_rows`](Self::with_max_rows) of each table enter, drawn
/// with the seed; a [note](crate::two_sample::Note::Remark) says so.
///
/// **Effect.** The square root of `E / (2 mean |X - Y|)`, from 0 to 1: twice that is about the root mean square shift of
/// the columns in standard deviations. A shift of every column by a fifth of one, or of one column in four by two fifths,
/// gives 0.1.
///
/// **Columns.** A column's share is the part of `E` that is gone when it is left out.
///
/// Source: G. J. Szekely and M. L. Rizzo, "Energy statistics: A class of statistics based on distances" (2013); numbers
/// are those of `dcor.energy_distance` (dcor 0.7).
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Energy {
    #[serde(skip_serializing_if = "Option::is_none")]
    columns: Option<Vec<String>>,
    standardise: bool,
    max_rows: usize,
    permutations: usize,
    seed: u64,
    minimum_effect: f64,
}

impl Default for Energy {
    /// 500 rows see a shift of all columns by a fifth of a standard deviation nearly always, in tens of milliseconds; 199
    /// permutations resolve a p-value to 0.005.
    fn default() -> Self {
        Self {
            columns: None,
            standardise: true,
            max_rows: 500,
            permutations: 199,
            seed: 0,
            minimum_effect: 0.1,
        }
    }
}

impl Energy {
    /// Reads these columns; without it, every numeric column of the reference.
    #[must_use]
    pub fn with_columns(mut self, names: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.columns = Some(names.into_iter().map(Into::into).collect());
        self
    }

    /// Sets whether columns are divided by their standard deviation.
    #[must_use]
    pub fn with_standardise(mut self, standardise: bool) -> Self {
        self.standardise = standardise;
        self
    }

    /// Sets how many rows of each table enter at most, up to 10,000.
    #[must_use]
    pub fn with_max_rows(mut self, rows: usize) -> Self {
        self.max_rows = rows;
        self
    }

    /// Sets how many times rows are exchanged for the p-value; 0 for no p-value.
    #[must_use]
    pub fn with_permutations(mut self, permutations: usize) -> Self {
        self.permutations = permutations;
        self
    }

    /// Sets the smallest effect that counts as drift (default 0.1: every column moved by a fifth of a standard deviation).
    #[must_use]
    pub fn with_minimum_effect(mut self, effect: f64) -> Self {
        self.minimum_effect = effect;
        self
    }

    /// Sets the seed of the random numbers.
    #[must_use]
    pub fn with_seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }
}

impl TableTest for Energy {
    fn name(&self) -> &str {
        "energy"
    }

    fn options(&self) -> Result<TestOptions> {
        TestOptions::of(self)
    }

    fn legend(&self) -> &str {
        "Energy (whole rows): 0 for equal distributions, 1 for distant ones; twice it is about the shift of the columns in \
         standard deviations, root mean square."
    }

    fn default_minimum_effect(&self) -> f64 {
        self.minimum_effect
    }

    fn compile(&self, reference: &RecordBatch) -> Result<Box<dyn CompiledTableTest>> {
        asked::require_rows(OPERATION, self.max_rows, MOST_ROWS, 500)?;
        asked::require_permutations(OPERATION, self.permutations)?;
        asked::require_size(OPERATION, "minimum_effect", self.minimum_effect, 0.1)?;
        let columns = self.columns.clone().unwrap_or_else(|| numeric_columns(reference));
        if columns.is_empty() {
            return Err(Error::invalid_input(OPERATION, "reference", "it has no numeric column")
                .remedy("choose columns of numbers"));
        }
        let rows = Rows::read(OPERATION, "reference", reference, &columns)?;
        let scale = if self.standardise { rows.deviations() } else { vec![1.0; rows.width] };
        let len = rows.len();
        let rows = rows.thinned(self.max_rows, &mut SplitMix64::new(self.seed));
        Ok(Box::new(Compiled { test: self.clone(), columns, rows: scaled(rows, &scale), scale, len }))
    }
}

#[derive(Debug)]
struct Compiled {
    test: Energy,
    columns: Vec<String>,
    rows: Rows,
    scale: Vec<f64>,
    /// The complete rows of the reference, drawn or not.
    len: usize,
}

impl CompiledTableTest for Compiled {
    fn columns(&self) -> &[String] {
        &self.columns
    }

    fn compare(&self, current: &RecordBatch) -> Result<TableScore> {
        let rows = self.rows.read_current(OPERATION, current, &self.columns)?;
        let len = rows.len();
        let mut random = SplitMix64::at(self.test.seed, 1 << 32);
        let current = scaled(rows.thinned(self.test.max_rows, &mut random), &self.scale);
        let distances = Distances::of(&self.rows, &current)?;
        if !distances.all.iter().all(|distance| distance.is_finite()) {
            return Err(Error::invalid_input(
                OPERATION,
                "current",
                "its rows are too far from the reference's",
            )
            .remedy("rescale the columns"));
        }
        let energy = distances.energy();
        let (n, m) = (self.rows.len(), current.len());
        let weight = (n * m) as f64 / (n + m) as f64;
        let effect =
            if energy.between > 0.0 { (energy.distance / (2.0 * energy.between)).sqrt() } else { 0.0 };
        let mut score = Score::new(weight * energy.distance, Effect::new("energy", effect))
            .with_reference_len(n as u64)
            .with_current_len(m as u64)
            .with_notes(notes(&self.rows, self.len, &current, len));
        if self.test.permutations > 0 {
            score = score.with_pvalue(distances.pvalue(energy, self.test.permutations, &mut random)?);
        }
        let parts = self.columns.iter().zip(distances.without(&self.rows, &current)?);
        let share = |without: f64| ((energy.distance - without) / energy.distance).clamp(0.0, 1.0);
        let parts = parts.map(|(column, without)| Contribution::new(column, share(without)));
        Ok(TableScore::new(score, parts.filter(|_| energy.distance > 0.0)))
    }
}

/// The distances between all rows of both tables, the reference's first.
struct Distances {
    all: Vec<f64>,
    n: usize,
    size: usize,
}

/// The energy distance, and the mean distance between the tables.
#[derive(Clone, Copy)]
struct EnergyDistance {
    distance: f64,
    between: f64,
}

impl Distances {
    fn of(reference: &Rows, current: &Rows) -> Result<Self> {
        let rows: Vec<&[f64]> = reference.iter().chain(current.iter()).collect();
        let size = rows.len();
        let mut all = vec![0.0; size * size];
        let mut pace = Pace::default();
        for (i, a) in rows.iter().enumerate() {
            pace.check(OPERATION, size * a.len())?;
            for (j, b) in rows.iter().enumerate().skip(i + 1) {
                let squared: f64 = a.iter().zip(*b).map(|(a, b)| (a - b) * (a - b)).sum();
                (all[i * size + j], all[j * size + i]) = (squared.sqrt(), squared.sqrt());
            }
        }
        Ok(Self { all, n: reference.len(), size })
    }

    fn energy(&self) -> EnergyDistance {
        let (n, size) = (self.n, self.size);
        // Each mean adds up in the same order, so that identical tables have a distance of exactly 0.
        let mean = |from: Range<usize>, to: Range<usize>| {
            let pairs = (from.len() * to.len()) as f64;
            let row = |i: usize| self.all.get(i * size + to.start..i * size + to.end).unwrap_or_default();
            from.map(|i| row(i).iter().sum::<f64>()).sum::<f64>() / pairs
        };
        let between = mean(0..n, n..size);
        let distance = 2.0 * between - mean(0..n, 0..n) - mean(n..size, n..size);
        EnergyDistance { distance: distance.max(0.0), between }
    }

    /// The share of random exchanges of rows whose distance is as large.
    fn pvalue(&self, observed: EnergyDistance, permutations: usize, random: &mut SplitMix64) -> Result<f64> {
        let row = |i: usize| self.all.get(i * self.size..(i + 1) * self.size).unwrap_or_default();
        let row_sums: Vec<f64> = (0..self.size).map(|i| row(i).iter().sum()).collect();
        let total: f64 = row_sums.iter().sum();
        let (n, m) = (self.n as f64, (self.size - self.n) as f64);
        // What is equal but for the order of a sum is as large.
        let least = observed.distance - ROUNDING * observed.between;
        let mut order: Vec<usize> = (0..self.size).collect();
        let (mut as_large, mut pace) = (0_usize, Pace::default());
        for _ in 0..permutations {
            random.shuffle(&mut order);
            let reference = order.get(..self.n).unwrap_or_default();
            // One sum over the pairs of the reference gives all three, with the sums of whole rows.
            let mut within = 0.0;
            for (place, i) in reference.iter().enumerate() {
                pace.check(OPERATION, place)?;
                within += reference.iter().take(place).filter_map(|j| row(*i).get(*j)).sum::<f64>();
            }
            within *= 2.0;
            let across = reference.iter().filter_map(|i| row_sums.get(*i)).sum::<f64>() - within;
            let rest = total - within - 2.0 * across;
            let distance = 2.0 * across / (n * m) - within / (n * n) - rest / (m * m);
            as_large += usize::from(distance >= least);
        }
        Ok((1 + as_large) as f64 / (1 + permutations) as f64)
    }

    /// The energy distance without each of the columns.
    fn without(&self, reference: &Rows, current: &Rows) -> Result<Vec<f64>> {
        let rows: Vec<&[f64]> = reference.iter().chain(current.iter()).collect();
        let without = |span: &Range<usize>| {
            let column: Vec<&[f64]> =
                rows.iter().map(|row| row.get(span.clone()).unwrap_or_default()).collect();
            let all = interrupt::paced(self.all.iter().enumerate()).map(|(place, distance)| {
                let (a, b) = (column[place / self.size], column[place % self.size]);
                let squared: f64 = a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum();
                (distance * distance - squared).max(0.0).sqrt()
            });
            let all: Vec<f64> = all.collect();
            interrupt::check(OPERATION)?;
            Ok(Self { all, n: self.n, size: self.size }.energy().distance)
        };
        let spans = &reference.spans;
        if spans.len() == 1 { Ok(vec![0.0]) } else { spans.iter().map(without).collect() }
    }
}

/// Not centred: distances do not see it, and rounding does.
fn scaled(rows: Rows, scale: &[f64]) -> Rows {
    let centre = vec![0.0; scale.len()];
    rows.scaled(&centre, scale)
}

const OPERATION: &str = "compare with energy";
/// Of the distance between two tables, far more than adding up in another order can change.
const ROUNDING: f64 = 1e-12;
/// The distances of so many rows of two tables fill three gigabytes.
const MOST_ROWS: usize = 10_000;
