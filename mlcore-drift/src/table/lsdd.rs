//! The least-squares density difference of whole rows.

use mlcore::arrow::array::RecordBatch;
use mlcore::interrupt::{self, Pace};
use mlcore::stats::SplitMix64;
use mlcore::{Error, Result};
use serde::{Deserialize, Serialize};

use super::asked::{self, ROUNDING, shared_options};
use super::pairs::Pairs;
use super::rows::{Rows, numeric_columns};
use super::symmetric::{Cholesky, Symmetric};
use super::{CompiledTableTest, Contribution, TableScore, TableTest};
use crate::catalog::TestOptions;
use crate::two_sample::{Effect, Note, Score};

/// The least-squares density difference of Bu, Alippi and Zhao, as alibi-detect has it: for rows of numbers and of vectors.
///
/// The integral of the squared difference of the two densities, as a sum of Gaussian bells on some rows, the kernel's centres.
/// With `h` the difference of the mean kernels with each centre, `H` the kernel of the centres among themselves at `2 sigma^2`
/// and `A = (H + lambda I)^-1`, the statistic is `h (2 A - A H A) h`; like alibi-detect's it lacks the factor
/// `(pi sigma^2)^(d / 2)`. The p-value is that of [`permutations`](Self::with_permutations) random exchanges of rows.
///
/// **On purpose.** alibi-detect sets a twentieth of the reference aside as centres, so that equal tables differ; here the centres
/// are drawn from both tables together, and all rows are compared: the p-value is exact, too. Columns that are constant in the
/// reference are not divided by 1e-12.
///
/// **Regularisation.** Lambda is [given](Self::with_regularisation), or the largest of 1, 1/4, 1/16 ... that lets two estimates differ by less than a fifth on average over exchanges of
/// rows, as in alibi-detect; where none does, the smallest (it raises an error).
///
/// **Effect.** The root of the statistic, less its mean over exchanges of rows, over the same integral of the sum of the squared
/// densities: from 0 for equal distributions to 1 for disjoint ones.
///
/// **Columns.** A column's share is the part of the statistic that is gone when it is left out; of more than 32 columns the 32
/// whose means moved most are asked.
///
/// Source: L. Bu, C. Alippi and D. Zhao, "A pdf-free change detection test based on density difference estimation" (2018);
/// numbers are those of alibi-detect 0.13 (`LSDDDrift`).
///
/// ```
/// use std::sync::Arc;
///
/// use mlcore::arrow::array::{ArrayRef, Float64Array, RecordBatch};
/// use mlcore_drift::table::{Lsdd, TableTest};
///
/// let table = |shift: f64| {
///     let column = |step: u32, shift: f64| -> ArrayRef {
///         Arc::new(Float64Array::from_iter_values((0..200).map(|i| f64::from(i * step % 200) + shift)))
///     };
///     RecordBatch::try_from_iter([("age", column(7, 0.0)), ("income", column(3, shift))])
/// };
/// let score = Lsdd::default().compare(&table(0.0)?, &table(80.0)?)?;
/// assert!(score.score.pvalue.is_some_and(|p| p <= 0.01) && score.columns[0].column == "income");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Lsdd {
    #[serde(skip_serializing_if = "Option::is_none")]
    columns: Option<Vec<String>>,
    standardise: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    sigma: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    regularisation: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    n_kernel_centers: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    kernel_centers: Option<Vec<Vec<f64>>>,
    max_rows: usize,
    permutations: usize,
    seed: u64,
    minimum_effect: f64,
}

impl Default for Lsdd {
    /// 1,000 rows, because time grows with the rows times the centres; 199 permutations resolve a p-value to 0.005.
    fn default() -> Self {
        Self {
            columns: None,
            standardise: true,
            sigma: None,
            regularisation: None,
            n_kernel_centers: None,
            kernel_centers: None,
            max_rows: 1000,
            permutations: 199,
            seed: 0,
            minimum_effect: 0.15,
        }
    }
}

shared_options! { Lsdd: columns, standardise, max_rows, permutations, seed, minimum_effect }

impl Lsdd {
    /// Sets the kernel's bandwidth, in standard deviations of the columns unless these are not standardised; without it, the
    /// median heuristic within the reference.
    #[must_use]
    pub fn with_sigma(mut self, sigma: f64) -> Self {
        self.sigma = Some(sigma);
        self
    }

    /// Sets lambda, the regularisation.
    #[must_use]
    pub fn with_regularisation(mut self, lambda: f64) -> Self {
        self.regularisation = Some(lambda);
        self
    }

    /// Sets how many rows of both tables are drawn as centres; without it, a twentieth of the reference's, and 20 at least.
    #[must_use]
    pub fn with_n_kernel_centers(mut self, centers: usize) -> Self {
        self.n_kernel_centers = Some(centers);
        self
    }

    /// Gives the kernel's centres, each a row in the columns' own units, instead of drawing them.
    #[must_use]
    pub fn with_kernel_centers(mut self, centers: impl IntoIterator<Item = Vec<f64>>) -> Self {
        self.kernel_centers = Some(centers.into_iter().collect());
        self
    }

    fn require(&self) -> Result<()> {
        asked::require_rows(OPERATION, self.max_rows, MOST_ROWS, 1000)?;
        asked::require_permutations(OPERATION, self.permutations)?;
        asked::require_size(OPERATION, "minimum_effect", self.minimum_effect, 0.15)?;
        for (option, value) in [("sigma", self.sigma), ("regularisation", self.regularisation)] {
            if let Some(value) = value.filter(|value| !(*value > 0.0 && value.is_finite())) {
                return Err(Error::invalid_input(OPERATION, option, format!("it is {value}"))
                    .remedy("give a positive number, or leave it out"));
            }
        }
        if self.n_kernel_centers.is_some_and(|centers| !(1..=MOST_CENTERS).contains(&centers)) {
            let problem = format!("1 to {MOST_CENTERS} are possible");
            return Err(Error::invalid_input(OPERATION, "n_kernel_centers", problem)
                .remedy("leave it out for a twentieth of the reference"));
        }
        Ok(())
    }
}

impl TableTest for Lsdd {
    fn name(&self) -> &str {
        "lsdd"
    }

    fn options(&self) -> Result<TestOptions> {
        TestOptions::of(self)
    }

    fn legend(&self) -> &str {
        "LSDD (whole rows): how much of the two densities is not common, 0 for equal ones and 1 for disjoint ones; 0.15 is about \
         a fifth of a standard deviation in every column."
    }

    fn default_minimum_effect(&self) -> f64 {
        self.minimum_effect
    }

    fn compile(&self, reference: &RecordBatch) -> Result<Box<dyn CompiledTableTest>> {
        self.require()?;
        let asked = self.columns.as_ref();
        let columns = asked::columns(OPERATION, asked, reference, numeric_columns, "numeric column")?;
        let rows = Rows::read(OPERATION, "reference", reference, &columns)?;
        let (centre, scale) = if self.standardise {
            // The deviation of the rows themselves, as alibi-detect's.
            let shrink = ((rows.len().max(2) - 1) as f64 / rows.len().max(2) as f64).sqrt();
            (rows.means(), rows.deviations().iter().map(|deviation| deviation * shrink).collect())
        } else {
            (vec![0.0; rows.width], vec![1.0; rows.width])
        };
        let (len, spans) = (rows.len(), rows.spans.clone());
        let rows = rows.scaled(&centre, &scale).thinned(self.max_rows, &mut SplitMix64::new(self.seed));
        let centers = self.kernel_centers.as_ref().map(|centers| {
            if centers.is_empty()
                || centers.len() > MOST_CENTERS
                || centers.iter().any(|row| row.len() != rows.width)
            {
                let problem = format!("1 to {MOST_CENTERS} rows of {} numbers are expected", rows.width);
                return Err(Error::invalid_input(OPERATION, "kernel_centers", problem));
            }
            let centers = Rows { values: centers.concat(), width: rows.width, spans, incomplete: 0 };
            Ok(centers.scaled(&centre, &scale))
        });
        let centers = centers.transpose()?;
        Ok(Box::new(Compiled { test: self.clone(), columns, rows, centers, centre, scale, len }))
    }
}

#[derive(Debug)]
struct Compiled {
    test: Lsdd,
    columns: Vec<String>,
    rows: Rows,
    centers: Option<Rows>,
    centre: Vec<f64>,
    scale: Vec<f64>,
    /// The complete rows of the reference, drawn or not.
    len: usize,
}

impl CompiledTableTest for Compiled {
    fn columns(&self) -> &[String] {
        &self.columns
    }

    fn compare(&self, current: &RecordBatch) -> Result<TableScore> {
        let all =
            self.rows.read_current(OPERATION, current, &self.columns)?.scaled(&self.centre, &self.scale);
        let len = all.len();
        let mut random = SplitMix64::at(self.test.seed, 1 << 32);
        let current = all.thinned(self.test.max_rows, &mut random);
        let sigma = self.sigma(&current)?;
        let centers = self.centers(&current, &mut random);
        let places: Vec<usize> = (0..self.rows.width).collect();
        let kernel = Kernel::new(&self.rows, &current, &centers, sigma, &places)?;
        let exchanged = kernel.exchanged(self.test.permutations.max(TRIALS), &mut random)?;
        let (lambda, chosen) = match self.test.regularisation {
            Some(lambda) => (lambda, true),
            None => kernel.lambda(exchanged.get(..TRIALS).unwrap_or_default())?,
        };
        let model = Model::new(&kernel, lambda)?;
        let found = model.difference(&kernel.difference());
        let mut chance = Vec::with_capacity(exchanged.len());
        chance.extend(interrupt::paced(&exchanged).map(|h| model.difference(h)));
        interrupt::check(OPERATION)?;
        let expected = chance.iter().sum::<f64>() / chance.len() as f64;
        let whole = model.difference(&kernel.reference) + model.difference(&kernel.current);
        let effect = ((found - expected) / whole).max(0.0).sqrt();
        let effect = if effect.is_finite() { effect } else { 0.0 };
        let (n, m) = (self.rows.len(), current.len());
        let mut score = Score::new(found, Effect::new("LSDD", effect))
            .with_reference_len(n as u64)
            .with_current_len(m as u64)
            .with_notes(asked::notes(&self.rows, self.len, &current, len));
        if !chosen {
            let text = "no regularisation keeps two estimates alike; the smallest one was taken".to_owned();
            score = score.with_notes([Note::Remark { text }]);
        }
        if self.test.permutations > 0 {
            let least = found - ROUNDING * whole;
            let as_large =
                chance.iter().take(self.test.permutations).filter(|value| **value >= least).count();
            score = score.with_pvalue((1 + as_large) as f64 / (1 + self.test.permutations) as f64);
        }
        let mut parts = Vec::new();
        for column in self.rows.most_moved(&current) {
            let Some((span, name)) = self.rows.spans.get(column).zip(self.columns.get(column)) else {
                continue;
            };
            let rest: Vec<usize> = places.iter().copied().filter(|place| !span.contains(place)).collect();
            let without = if rest.is_empty() {
                0.0
            } else {
                let kernel = Kernel::new(&self.rows, &current, &centers, sigma, &rest)?;
                Model::new(&kernel, lambda)?.difference(&kernel.difference())
            };
            let share = if found > 0.0 { ((found - without) / found).clamp(0.0, 1.0) } else { 0.0 };
            parts.push(Contribution::new(name, share));
        }
        Ok(TableScore::new(score, parts))
    }
}

impl Compiled {
    fn sigma(&self, current: &Rows) -> Result<f64> {
        let sigma = match self.test.sigma {
            Some(sigma) => sigma,
            None => {
                let squared = Pairs::squared_distances(OPERATION, &self.rows, current, 0..self.rows.width)?;
                (0.5 * squared.median_within()).sqrt()
            }
        };
        if (2.0 * sigma * sigma).recip().is_finite() && sigma.is_finite() {
            return Ok(sigma);
        }
        let problem = "its rows are too far from each other or from the reference's, or too near";
        Err(Error::invalid_input(OPERATION, "current", problem).remedy("rescale the columns, or give sigma"))
    }

    fn centers(&self, current: &Rows, random: &mut SplitMix64) -> Rows {
        if let Some(centers) = &self.centers {
            return centers.clone();
        }
        let both = Rows {
            values: [self.rows.values.as_slice(), current.values.as_slice()].concat(),
            width: self.rows.width,
            spans: self.rows.spans.clone(),
            incomplete: 0,
        };
        let count = self.test.n_kernel_centers.unwrap_or((self.rows.len() / 20).max(FEWEST_CENTERS));
        both.thinned(count.min(MOST_CENTERS), random)
    }
}

/// The kernel of rows and centres.
struct Kernel {
    /// For each row the kernel with every centre, the reference's rows first.
    values: Vec<f64>,
    /// The kernel of the centres, at twice the squared bandwidth.
    among: Symmetric,
    /// The mean kernel of the rows of a table with every centre.
    reference: Vec<f64>,
    current: Vec<f64>,
    n: usize,
    m: usize,
}

impl Kernel {
    fn new(reference: &Rows, current: &Rows, centers: &Rows, sigma: f64, places: &[usize]) -> Result<Self> {
        let squared = |a: &[f64], b: &[f64]| -> f64 {
            places.iter().map(|place| (a[*place] - b[*place]) * (a[*place] - b[*place])).sum()
        };
        let gamma = 1.0 / (2.0 * sigma * sigma);
        let (n, m) = (reference.len(), current.len());
        let (mut values, mut pace) = (Vec::with_capacity((n + m) * centers.len()), Pace::default());
        for row in reference.iter().chain(current.iter()) {
            pace.check(OPERATION, centers.len() * places.len())?;
            values.extend(centers.iter().map(|centre| (-gamma * squared(row, centre)).exp()));
        }
        let rows: Vec<&[f64]> = centers.iter().collect();
        let among = Symmetric::from_fn(rows.len(), |i, j| (-gamma / 2.0 * squared(rows[i], rows[j])).exp());
        let mut made = Self { values, among, reference: Vec::new(), current: Vec::new(), n, m };
        let mean = |from: usize, rows: usize| {
            let mut sum = made.sum(from..from + rows);
            sum.iter_mut().for_each(|value| *value /= rows as f64);
            sum
        };
        (made.reference, made.current) = (mean(0, n), mean(n, m));
        Ok(made)
    }

    fn centers(&self) -> usize {
        self.values.len() / (self.n + self.m).max(1)
    }

    fn sum(&self, rows: impl Iterator<Item = usize>) -> Vec<f64> {
        let size = self.centers();
        let mut sum = vec![0.0; size];
        for row in rows {
            let values = self.values.get(row * size..(row + 1) * size).unwrap_or_default();
            sum.iter_mut().zip(values).for_each(|(sum, value)| *sum += value);
        }
        sum
    }

    /// The difference of the mean kernels.
    fn difference(&self) -> Vec<f64> {
        self.reference.iter().zip(&self.current).map(|(reference, current)| reference - current).collect()
    }

    /// The differences with rows exchanged at random.
    fn exchanged(&self, times: usize, random: &mut SplitMix64) -> Result<Vec<Vec<f64>>> {
        let total = self.sum(0..self.n + self.m);
        let mut order: Vec<usize> = (0..self.n + self.m).collect();
        let (n, m, mut pace) = (self.n as f64, self.m as f64, Pace::default());
        let one = |_| {
            pace.check(OPERATION, self.n * self.centers())?;
            random.shuffle(&mut order);
            let sum = self.sum(order.iter().take(self.n).copied());
            Ok(sum.iter().zip(&total).map(|(sum, total)| sum / n - (total - sum) / m).collect())
        };
        (0..times).map(one).collect()
    }

    /// The largest regularisation that leaves two estimates alike, and whether there is one.
    fn lambda(&self, exchanged: &[Vec<f64>]) -> Result<(f64, bool)> {
        let mut lambda = 1.0;
        for _ in 0..CANDIDATES {
            if let Some(solver) = self.among.cholesky(OPERATION, lambda)? {
                let difference = |h: &Vec<f64>| {
                    let weights = solver.solve(h);
                    let estimate: f64 = weights.iter().zip(h).map(|(weight, h)| weight * h).sum();
                    let relative = 1.0 - self.among.quadratic(&weights) / estimate;
                    if relative.is_nan() { 0.0 } else { relative }
                };
                let mean = exchanged.iter().map(difference).sum::<f64>() / exchanged.len().max(1) as f64;
                if mean < MOST_DIFFERENCE {
                    return Ok((lambda, true));
                }
            }
            lambda /= 4.0;
        }
        Ok((lambda * 4.0, false))
    }
}

/// The estimate at one regularisation.
struct Model<'a> {
    among: &'a Symmetric,
    solver: Cholesky,
}

impl<'a> Model<'a> {
    fn new(kernel: &'a Kernel, lambda: f64) -> Result<Self> {
        let solver = kernel.among.cholesky(OPERATION, lambda)?.ok_or_else(|| {
            Error::invalid_input(
                OPERATION,
                "regularisation",
                "the kernel of the centres cannot be solved with it",
            )
            .remedy("give a larger one, or leave it out")
        })?;
        Ok(Self { among: &kernel.among, solver })
    }

    fn difference(&self, h: &[f64]) -> f64 {
        let weights = self.solver.solve(h);
        let estimate: f64 = weights.iter().zip(h).map(|(weight, h)| weight * h).sum();
        (2.0 * estimate - self.among.quadratic(&weights)).max(0.0)
    }
}

const OPERATION: &str = "compare with lsdd";
const MOST_ROWS: usize = 5000;
const MOST_CENTERS: usize = 1000;
/// With fewer bells than these most densities cannot be told apart.
const FEWEST_CENTERS: usize = 20;
/// As many exchanges of rows as alibi-detect chooses lambda by.
const TRIALS: usize = 100;
/// The candidates 1, 1/4 ... of alibi-detect, and the largest relative difference of two estimates, from the paper.
const CANDIDATES: usize = 10;
const MOST_DIFFERENCE: f64 = 0.2;
