//! The maximum mean discrepancy of whole rows.

mod linear;

use mlcore::arrow::array::RecordBatch;
use mlcore::stats::SplitMix64;
use mlcore::{Error, Result};
use serde::{Deserialize, Serialize};

use super::asked::{self, ROUNDING, shared_options};
use super::pairs::{Pairs, Sums};
use super::rows::{Rows, numeric_columns};
use super::{CompiledTableTest, Contribution, TableScore, TableTest};
use crate::catalog::TestOptions;
use crate::two_sample::{Effect, Note, Score};

/// The maximum mean discrepancy of Gretton and others, with a Gaussian kernel: for rows of numbers and of vectors.
///
/// With `k(x, y) = exp(-|x - y|^2 / (2 sigma^2))`, the squared discrepancy is the mean of `k` over pairs within the reference,
/// plus that over pairs within the current table, less twice that over pairs between them. It is 0 if and only if the two
/// distributions are equal. The statistic is its unbiased estimate, which chance makes negative as often as positive; the
/// p-value is that of [`permutations`](Self::with_permutations) random exchanges of rows, over a kernel that is computed once.
///
/// **Bandwidth.** [`sigma`](Self::with_sigma), or by [`bandwidth`](Self::with_bandwidth) the median heuristic of alibi-detect
/// (half the median squared distance within the reference is `sigma^2`) or that of Evidently for embeddings.
///
/// **Estimate.** The quadratic one compares all pairs of at most [`max_rows`](Self::with_max_rows) rows of each table, drawn
/// with the seed. The linear one (section 6 of the paper) draws disjoint pairs of all rows: the p-value is normal and one-sided,
/// time and memory grow with the rows, and it needs far more rows to see as much.
///
/// **Effect.** The root of the discrepancy's share of the largest that its mean kernel between the tables allows, from 0 for
/// equal distributions to 1 for distant ones.
///
/// **Columns.** A column's share is the part of the discrepancy that is gone when it is left out; of more than 32 columns
/// the 32 whose means moved most are asked.
///
/// Source: A. Gretton and others, "A kernel two-sample test" (2012); numbers are those of alibi-detect 0.13 (`MMDDrift`) and
/// Evidently 0.7.23 (`mmd` of embeddings).
///
/// ```
/// use std::sync::Arc;
///
/// use mlcore::arrow::array::{ArrayRef, Float64Array, RecordBatch};
/// use mlcore_drift::table::{Mmd, TableTest};
///
/// let table = |shift: f64| {
///     let column = |step: u32, shift: f64| -> ArrayRef {
///         Arc::new(Float64Array::from_iter_values((0..200).map(|i| f64::from(i * step % 200) + shift)))
///     };
///     RecordBatch::try_from_iter([("age", column(7, 0.0)), ("income", column(3, shift))])
/// };
/// let score = Mmd::default().compare(&table(0.0)?, &table(80.0)?)?;
/// assert!(score.score.pvalue.is_some_and(|p| p <= 0.01) && score.columns[0].column == "income");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Mmd {
    #[serde(skip_serializing_if = "Option::is_none")]
    columns: Option<Vec<String>>,
    standardise: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    sigma: Option<f64>,
    bandwidth: Bandwidth,
    estimate: Estimate,
    max_rows: usize,
    permutations: usize,
    seed: u64,
    minimum_effect: f64,
}

/// How the kernel's bandwidth is chosen where none is given.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub enum Bandwidth {
    /// The root of half the median squared distance between rows of the reference: alibi-detect's.
    #[default]
    Median,
    /// The median distance between the tables, over the root of two: Evidently's for embeddings.
    Evidently,
}

mlcore::words! { Bandwidth, "bandwidth": Median = "median", Evidently = "evidently" }

/// Which pairs of rows are compared.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub enum Estimate {
    /// All pairs: sees most, in time and memory of the square of the rows.
    #[default]
    Quadratic,
    /// Disjoint pairs: time and memory of the rows.
    Linear,
}

mlcore::words! { Estimate, "estimate": Quadratic = "quadratic", Linear = "linear" }

impl Default for Mmd {
    /// As [`Energy`](super::Energy): 500 rows and 199 permutations, where alibi-detect takes all rows and 100. Columns are
    /// standardised, which alibi-detect leaves to a preprocessing step: otherwise the widest unit decides alone.
    fn default() -> Self {
        Self {
            columns: None,
            standardise: true,
            sigma: None,
            bandwidth: Bandwidth::Median,
            estimate: Estimate::Quadratic,
            max_rows: 500,
            permutations: 199,
            seed: 0,
            minimum_effect: 0.1,
        }
    }
}

shared_options! { Mmd: columns, standardise, max_rows, permutations, seed, minimum_effect }

impl Mmd {
    /// Evidently's method `mmd` of embeddings: its bandwidth, on vectors as they are, with up to 1,000 rows of each table. Its
    /// own threshold, a squared discrepancy of 0.015, has no place here: an effect and a p-value decide.
    #[must_use]
    pub fn evidently() -> Self {
        Self { standardise: false, bandwidth: Bandwidth::Evidently, max_rows: 1000, ..Self::default() }
    }

    /// Sets the kernel's bandwidth, in standard deviations of the columns unless these are not standardised.
    #[must_use]
    pub fn with_sigma(mut self, sigma: f64) -> Self {
        self.sigma = Some(sigma);
        self
    }

    /// Sets how the bandwidth is chosen where none is given.
    #[must_use]
    pub fn with_bandwidth(mut self, bandwidth: Bandwidth) -> Self {
        self.bandwidth = bandwidth;
        self
    }

    /// Sets which pairs of rows are compared.
    #[must_use]
    pub fn with_estimate(mut self, estimate: Estimate) -> Self {
        self.estimate = estimate;
        self
    }
}

impl TableTest for Mmd {
    fn name(&self) -> &str {
        "mmd"
    }

    fn options(&self) -> Result<TestOptions> {
        TestOptions::of(self)
    }

    fn legend(&self) -> &str {
        "MMD (whole rows): 0 for equal distributions, 1 for distant ones; 0.1 is about a fifth of a standard deviation in every \
         column."
    }

    fn default_minimum_effect(&self) -> f64 {
        self.minimum_effect
    }

    fn compile(&self, reference: &RecordBatch) -> Result<Box<dyn CompiledTableTest>> {
        asked::require_rows(OPERATION, self.max_rows, MOST_ROWS, 500)?;
        asked::require_permutations(OPERATION, self.permutations)?;
        asked::require_size(OPERATION, "minimum_effect", self.minimum_effect, 0.1)?;
        if let Some(sigma) = self.sigma.filter(|sigma| !(*sigma > 0.0 && sigma.is_finite())) {
            return Err(Error::invalid_input(OPERATION, "sigma", format!("{sigma} is no bandwidth"))
                .remedy("leave it out for the median heuristic"));
        }
        let asked = self.columns.as_ref();
        let columns = asked::columns(OPERATION, asked, reference, numeric_columns, "numeric column")?;
        let all = Rows::read(OPERATION, "reference", reference, &columns)?;
        let scale = if self.standardise { all.deviations() } else { vec![1.0; all.width] };
        let (len, zero) = (all.len(), vec![0.0; all.width]);
        let all = all.scaled(&zero, &scale);
        let (rows, all) = match self.estimate {
            Estimate::Quadratic => (all.thinned(self.max_rows, &mut SplitMix64::new(self.seed)), None),
            Estimate::Linear => {
                (all.clone().thinned(self.max_rows, &mut SplitMix64::new(self.seed)), Some(all))
            }
        };
        Ok(Box::new(Compiled { test: self.clone(), columns, rows, all, scale, len }))
    }
}

#[derive(Debug)]
struct Compiled {
    test: Mmd,
    columns: Vec<String>,
    rows: Rows,
    /// Every row of the reference, for the linear estimate.
    all: Option<Rows>,
    scale: Vec<f64>,
    /// The complete rows of the reference, drawn or not.
    len: usize,
}

impl CompiledTableTest for Compiled {
    fn columns(&self) -> &[String] {
        &self.columns
    }

    fn compare(&self, current: &RecordBatch) -> Result<TableScore> {
        let zero = vec![0.0; self.scale.len()];
        let all = self.rows.read_current(OPERATION, current, &self.columns)?.scaled(&zero, &self.scale);
        let len = all.len();
        for (side, rows) in [("reference", self.len), ("current", len)] {
            if rows < 2 {
                let problem = "it has one complete row, and pairs of rows are compared";
                return Err(Error::invalid_input(OPERATION, side, problem).remedy("gather more rows"));
            }
        }
        let mut random = SplitMix64::at(self.test.seed, 1 << 32);
        if let Some(reference) = &self.all {
            let drawn = all.clone().thinned(self.test.max_rows, &mut random);
            let gamma =
                self.gamma(&Pairs::squared_distances(OPERATION, &self.rows, &drawn, 0..all.width)?)?;
            return linear::compare(self, reference, &all, gamma, &mut random);
        }
        let current = all.thinned(self.test.max_rows, &mut random);
        let squared = Pairs::squared_distances(OPERATION, &self.rows, &current, 0..current.width)?;
        let gamma = self.gamma(&squared)?;
        let kernel = squared.clone().map(OPERATION, |squared| (-gamma * squared).exp())?;
        let (n, m) = (self.rows.len(), current.len());
        let statistic = |sums: Sums| discrepancy(sums, n as f64, m as f64);
        let sums = kernel.sums();
        let found = statistic(sums);
        let between = sums.across / (n * m) as f64;
        let mut score = Score::new(found, Effect::new("MMD", relative(found, between)))
            .with_reference_len(n as u64)
            .with_current_len(m as u64)
            .with_notes(asked::notes(&self.rows, self.len, &current, len));
        if self.test.permutations > 0 {
            let least = found - ROUNDING;
            let pvalue = kernel.pvalue(OPERATION, self.test.permutations, &mut random, least, statistic)?;
            score = score.with_pvalue(pvalue);
        }
        let asked = self.rows.most_moved(&current);
        if asked.len() < self.columns.len() {
            score = score.with_notes([Note::Remark {
                text: format!(
                    "of {} columns the {} whose means moved most were asked",
                    self.columns.len(),
                    asked.len()
                ),
            }]);
        }
        let mut parts = Vec::new();
        for column in asked {
            let without = self.without(&squared, &current, column, gamma)?;
            let share = if found > 0.0 { ((found - without) / found).clamp(0.0, 1.0) } else { 0.0 };
            parts.extend(self.columns.get(column).map(|name| Contribution::new(name, share)));
        }
        Ok(TableScore::new(score, parts))
    }
}

impl Compiled {
    /// What stands before the squared distance in the kernel.
    fn gamma(&self, squared: &Pairs) -> Result<f64> {
        let sigma = match (self.test.sigma, self.test.bandwidth) {
            (Some(sigma), _) => sigma,
            (None, Bandwidth::Median) => (0.5 * squared.median_within()).sqrt(),
            (None, Bandwidth::Evidently) => (0.5 * squared.median_across()).sqrt(),
        };
        let gamma = 1.0 / (2.0 * sigma * sigma);
        if gamma.is_finite() && gamma > 0.0 {
            return Ok(gamma);
        }
        let problem = "its rows are too far from each other or from the reference's, or too near";
        Err(Error::invalid_input(OPERATION, "current", problem).remedy("rescale the columns, or give sigma"))
    }

    /// The discrepancy without a column.
    fn without(&self, squared: &Pairs, current: &Rows, column: usize, gamma: f64) -> Result<f64> {
        let Some(span) = self.rows.spans.get(column) else { return Ok(0.0) };
        if self.columns.len() == 1 {
            return Ok(0.0);
        }
        let of_column = Pairs::squared_distances(OPERATION, &self.rows, current, span.clone())?;
        let rest = squared.clone().less(&of_column).map(OPERATION, |rest| (-gamma * rest.max(0.0)).exp())?;
        Ok(discrepancy(rest.sums(), self.rows.len() as f64, current.len() as f64))
    }
}

/// The unbiased estimate.
fn discrepancy(sums: Sums, n: f64, m: f64) -> f64 {
    2.0 * sums.reference / (n * (n - 1.0)) + 2.0 * sums.current / (m * (m - 1.0))
        - 2.0 * sums.across / (n * m)
}

/// The root of the share of the largest discrepancy with this mean kernel between the tables.
fn relative(discrepancy: f64, between: f64) -> f64 {
    let most = 2.0 * (1.0 - between);
    if discrepancy > 0.0 && most > 0.0 { (discrepancy / most).sqrt().min(1.0) } else { 0.0 }
}

const OPERATION: &str = "compare with mmd";
/// The pairs of so many rows of two tables fill 400 megabytes, and four numbers of each pair are held at once.
const MOST_ROWS: usize = 5000;
