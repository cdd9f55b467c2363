//! The share of the components of embeddings that drifted.

use mlcore::arrow::array::RecordBatch;
use mlcore::interrupt::Pace;
use mlcore::stats::{KsOptions, Moments, SplitMix64, ks_2samp_pvalue};
use mlcore::{Error, Result};
use serde::{Deserialize, Serialize};

use super::asked::{self, ROUNDING, shared_options};
use super::embedding_distance::components;
use super::rows::{Rows, embedding_columns};
use super::{CompiledTableTest, Contribution, TableScore, TableTest};
use crate::catalog::TestOptions;
use crate::two_sample::{Effect, Score};

/// Evidently's method `ratio` of embeddings: which share of the components drifted; for columns of vectors, or of a number per
/// component.
///
/// Each component is compared by itself, with [`component_test`](Self::with_component_test) and
/// [`component_threshold`](Self::with_component_threshold); the statistic is the share of those that drifted.
///
/// **p-value.** That of the sum of the components' distances over random exchanges of whole rows, which keep what components
/// have to do with each other. Evidently has none: by chance alone components of a few hundred rows reach its threshold.
///
/// **Effect.** The share of components that drifted by the threshold more than they do on average when rows are exchanged; 0.2 is
/// Evidently's threshold. Without permutations it is the statistic.
///
/// **Columns.** A column's share is its part of the sum of the components' distances; a note names the components that moved most.
///
/// Source: Evidently 0.7.23, `RatioDriftMethod`.
///
/// ```
/// use std::sync::Arc;
///
/// use mlcore::arrow::array::{FixedSizeListArray, RecordBatch};
/// use mlcore::arrow::datatypes::Float64Type;
/// use mlcore_drift::table::{EmbeddingRatio, TableTest};
///
/// let table = |shift: f64| {
///     let rows = (0..100).map(|i| Some(vec![Some(f64::from(i % 10) + shift), Some(f64::from(i % 7))]));
///     let vectors = FixedSizeListArray::from_iter_primitive::<Float64Type, _, _>(rows, 2);
///     RecordBatch::try_from_iter([("embedding", Arc::new(vectors) as _)])
/// };
/// let score = EmbeddingRatio::default().compare(&table(0.0)?, &table(4.0)?)?.score;
/// assert!(score.statistic == 0.5 && score.pvalue.is_some_and(|p| p <= 0.01));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EmbeddingRatio {
    #[serde(skip_serializing_if = "Option::is_none")]
    columns: Option<Vec<String>>,
    component_test: ComponentTest,
    component_threshold: f64,
    max_rows: usize,
    permutations: usize,
    seed: u64,
    minimum_effect: f64,
}

/// How one component is compared.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub enum ComponentTest {
    /// The Wasserstein distance over the standard deviation in the reference, or 0.001; the threshold is its least.
    #[default]
    Wasserstein,
    /// The test of Kolmogorov and Smirnov; the threshold is above its p-value.
    Ks,
}

mlcore::words! { ComponentTest, "component_test": Wasserstein = "wasserstein", Ks = "ks" }

impl Default for EmbeddingRatio {
    /// Evidently's test of components and its thresholds; 199 permutations resolve a p-value to 0.005.
    fn default() -> Self {
        Self {
            columns: None,
            component_test: ComponentTest::Wasserstein,
            component_threshold: 0.1,
            max_rows: 1000,
            permutations: 199,
            seed: 0,
            minimum_effect: 0.2,
        }
    }
}

shared_options! { EmbeddingRatio: columns, max_rows, permutations, seed, minimum_effect }

impl EmbeddingRatio {
    /// Sets how one component is compared.
    #[must_use]
    pub fn with_component_test(mut self, test: ComponentTest) -> Self {
        self.component_test = test;
        self
    }

    /// Sets from which distance on, or below which p-value, one component drifted.
    #[must_use]
    pub fn with_component_threshold(mut self, threshold: f64) -> Self {
        self.component_threshold = threshold;
        self
    }
}

impl TableTest for EmbeddingRatio {
    fn name(&self) -> &str {
        "embedding_ratio"
    }

    fn options(&self) -> Result<TestOptions> {
        TestOptions::of(self)
    }

    fn legend(&self) -> &str {
        "Share of drifted components: of the components of embeddings, those that moved by more than chance; 0.2 is Evidently's \
         threshold."
    }

    fn default_minimum_effect(&self) -> f64 {
        self.minimum_effect
    }

    fn compile(&self, reference: &RecordBatch) -> Result<Box<dyn CompiledTableTest>> {
        asked::require_rows(OPERATION, self.max_rows, MOST_ROWS, 1000)?;
        asked::require_permutations(OPERATION, self.permutations)?;
        asked::require_size(OPERATION, "minimum_effect", self.minimum_effect, 0.2)?;
        asked::require_size(OPERATION, "component_threshold", self.component_threshold, 0.1)?;
        let asked = self.columns.as_ref();
        let columns =
            asked::columns(OPERATION, asked, reference, embedding_columns, "column of vectors or numbers")?;
        let rows = Rows::read(OPERATION, "reference", reference, &columns)?;
        let len = rows.len();
        let rows = rows.thinned(self.max_rows, &mut SplitMix64::new(self.seed));
        Ok(Box::new(Compiled { test: self.clone(), columns, rows, len }))
    }
}

#[derive(Debug)]
struct Compiled {
    test: EmbeddingRatio,
    columns: Vec<String>,
    rows: Rows,
    /// The complete rows of the reference, drawn or not.
    len: usize,
}

impl CompiledTableTest for Compiled {
    fn columns(&self) -> &[String] {
        &self.columns
    }

    fn compare(&self, current: &RecordBatch) -> Result<TableScore> {
        let all = self.rows.read_current(OPERATION, current, &self.columns)?;
        let len = all.len();
        let mut random = SplitMix64::at(self.test.seed, 1 << 32);
        let current = all.thinned(self.test.max_rows, &mut random);
        let (n, m) = (self.rows.len(), current.len());
        let mut walks = Vec::with_capacity(self.rows.width);
        let mut pace = Pace::default();
        for place in 0..self.rows.width {
            pace.check(OPERATION, 8 * (n + m))?;
            walks.push(Walk::new(&self.rows, &current, place));
        }
        let ks = self.test.component_test == ComponentTest::Ks;
        let weight = |row: usize| if row < n { 1.0 / n as f64 } else { -1.0 / m as f64 };
        let weights: Vec<f64> = (0..n + m).map(weight).collect();
        let found: Vec<f64> = walks.iter().map(|walk| walk.distance(&weights, ks)).collect();
        if !found.iter().all(|distance| distance.is_finite()) {
            let problem = "its rows are too far from the reference's";
            return Err(Error::invalid_input(OPERATION, "current", problem).remedy("rescale the columns"));
        }
        let chance = self.chance(&walks, &found, weights, &mut random)?;
        let drifted = |less: &[f64]| -> Result<f64> {
            let mut count = 0_usize;
            for ((walk, found), less) in walks.iter().zip(&found).zip(less) {
                count += usize::from(match ks {
                    false => (found - less) * walk.unit >= self.test.component_threshold,
                    true => {
                        ks_2samp_pvalue(*found, n, m, &KsOptions::default())? < self.test.component_threshold
                    }
                });
            }
            Ok(count as f64 / walks.len() as f64)
        };
        let statistic = drifted(&vec![0.0; walks.len()])?;
        let effect = drifted(&chance.means)?;
        let beyond: Vec<f64> =
            found.iter().zip(&chance.means).map(|(found, mean)| (found - mean).max(0.0)).collect();
        let mut score = Score::new(statistic, Effect::new("share of components", effect))
            .with_reference_len(n as u64)
            .with_current_len(m as u64)
            .with_notes(asked::notes(&self.rows, self.len, &current, len))
            .with_notes(components(&self.columns, &self.rows, &beyond));
        if self.test.permutations > 0 {
            score = score.with_pvalue(chance.pvalue);
        }
        let total: f64 = beyond.iter().sum();
        let share = |span: &std::ops::Range<usize>| match total > 0.0 {
            true => beyond.get(span.clone()).map_or(0.0, |part| part.iter().sum::<f64>() / total),
            false => 0.0,
        };
        let parts = self.columns.iter().zip(&self.rows.spans);
        Ok(TableScore::new(score, parts.map(|(name, span)| Contribution::new(name, share(span)))))
    }
}

/// What exchanges of rows give: the mean distance of each component, and the share of sums that are as large.
struct Chance {
    means: Vec<f64>,
    pvalue: f64,
}

impl Compiled {
    fn chance(
        &self,
        walks: &[Walk],
        found: &[f64],
        mut weights: Vec<f64>,
        random: &mut SplitMix64,
    ) -> Result<Chance> {
        let ks = self.test.component_test == ComponentTest::Ks;
        let (mut means, mut pace, mut as_large) = (vec![0.0; walks.len()], Pace::default(), 0_usize);
        let sum: f64 = found.iter().sum();
        for _ in 0..self.test.permutations {
            random.shuffle(&mut weights);
            let mut exchanged = 0.0;
            for (walk, mean) in walks.iter().zip(&mut means) {
                pace.check(OPERATION, weights.len())?;
                let distance = walk.distance(&weights, ks);
                *mean += distance / self.test.permutations as f64;
                exchanged += distance;
            }
            as_large += usize::from(exchanged >= sum - ROUNDING * sum);
        }
        let pvalue = (1 + as_large) as f64 / (1 + self.test.permutations) as f64;
        Ok(Chance { means, pvalue })
    }
}

/// One component in the order of its values, in standard deviations of both tables.
struct Walk {
    /// The rows, and how far it is from each to the next one.
    steps: Vec<(u32, f64)>,
    /// The standard deviation of both tables over that of the reference.
    unit: f64,
}

impl Walk {
    fn new(reference: &Rows, current: &Rows, place: usize) -> Self {
        let mut values: Vec<(f64, u32)> =
            reference.component(place).chain(current.component(place)).zip(0..).collect();
        let deviation = |moments: Moments| {
            let count = moments.count() as f64;
            let deviation = (moments.variance() * (count - 1.0) / count).sqrt();
            if deviation.is_finite() { deviation } else { 0.0 }
        };
        let both = deviation(values.iter().map(|(value, _)| *value).collect());
        let both = if both > 0.0 { both } else { 1.0 };
        let before = deviation(reference.component(place).collect()).max(LEAST_DEVIATION);
        values.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        let next = values.iter().skip(1).map(|(value, _)| Some(*value)).chain([None]);
        let step = |((value, row), next): (&(f64, u32), Option<f64>)| {
            (*row, (next.unwrap_or(*value) - value) / both)
        };
        Self { steps: values.iter().zip(next).map(step).collect(), unit: both / before }
    }

    /// The area between the two distribution functions, or their largest difference; weights add up to 1 over the reference
    /// and to -1 over the current rows.
    fn distance(&self, weights: &[f64], largest: bool) -> f64 {
        let (mut difference, mut area, mut most) = (0.0_f64, 0.0, 0.0_f64);
        for (row, step) in &self.steps {
            difference += weights.get(*row as usize).copied().unwrap_or(0.0);
            area += difference.abs() * step;
            if *step > 0.0 {
                most = most.max(difference.abs());
            }
        }
        if largest { most } else { area }
    }
}

const OPERATION: &str = "compare with embedding_ratio";
const MOST_ROWS: usize = 100_000;
/// Evidently's least standard deviation.
const LEAST_DEVIATION: f64 = 0.001;
