//! The distance between mean embeddings.

use mlcore::arrow::array::RecordBatch;
use mlcore::interrupt::Pace;
use mlcore::stats::SplitMix64;
use mlcore::{Error, Result};
use serde::{Deserialize, Serialize};

use super::asked::{self, ROUNDING, shared_options};
use super::rows::{Rows, embedding_columns};
use super::{CompiledTableTest, Contribution, TableScore, TableTest};
use crate::catalog::TestOptions;
use crate::two_sample::{Effect, Note, Score};

/// Evidently's method `distance` of embeddings: how far the mean vector moved; for columns of vectors, or of a number per
/// component.
///
/// The statistic and the effect are the distance of the two mean vectors, in the vectors' own unit: [`metric`](Self::with_metric)
/// as scipy's `euclidean`, `cosine`, `cityblock` or `chebyshev`. It sees shifts and nothing else, in time of the rows times the
/// components. Without a choice it reads every column of vectors, or where there is none every column of numbers.
///
/// **p-value.** That of [`permutations`](Self::with_permutations) random exchanges of rows. Evidently's bootstrap compares the
/// distance with that of two samples of the reference, whose 0.95 quantile is a threshold; exchanges are exact, and say how sure it is.
/// A row of a column of vectors that misses one component is incomplete, and left out.
///
/// **Effect.** The distance: 0.2 is Evidently's threshold, which means something only where vectors have lengths of about 1.
///
/// **Columns.** A column's share is its part of the squared difference of the means; a note names the components that moved most.
///
/// Source: Evidently 0.7.23, `DistanceDriftMethod`.
///
/// ```
/// use std::sync::Arc;
///
/// use mlcore::arrow::array::{FixedSizeListArray, RecordBatch};
/// use mlcore::arrow::datatypes::Float64Type;
/// use mlcore_drift::table::{EmbeddingDistance, TableTest};
///
/// let table = |shift: f64| {
///     let rows = (0..100).map(|i| Some(vec![Some(f64::from(i % 10) / 10.0 + shift), Some(f64::from(i % 7) / 7.0)]));
///     let vectors = FixedSizeListArray::from_iter_primitive::<Float64Type, _, _>(rows, 2);
///     RecordBatch::try_from_iter([("embedding", Arc::new(vectors) as _)])
/// };
/// let score = EmbeddingDistance::default().compare(&table(0.0)?, &table(0.5)?)?.score;
/// assert!((score.statistic - 0.5).abs() < 1e-9 && score.pvalue.is_some_and(|p| p <= 0.01));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EmbeddingDistance {
    #[serde(skip_serializing_if = "Option::is_none")]
    columns: Option<Vec<String>>,
    metric: Metric,
    max_rows: usize,
    permutations: usize,
    seed: u64,
    minimum_effect: f64,
}

/// A distance of two vectors, as scipy has it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub enum Metric {
    /// The root of the sum of squared differences.
    #[default]
    Euclidean,
    /// One less the cosine of the angle between them.
    Cosine,
    /// The sum of the differences.
    Cityblock,
    /// The largest difference.
    Chebyshev,
}

mlcore::words! {
    Metric, "metric": Euclidean = "euclidean", Cosine = "cosine", Cityblock = "cityblock", Chebyshev = "chebyshev"
}

impl Default for EmbeddingDistance {
    /// Evidently's metric and threshold; 199 permutations resolve a p-value to 0.005.
    fn default() -> Self {
        Self {
            columns: None,
            metric: Metric::Euclidean,
            max_rows: 5000,
            permutations: 199,
            seed: 0,
            minimum_effect: 0.2,
        }
    }
}

shared_options! { EmbeddingDistance: columns, max_rows, permutations, seed, minimum_effect }

impl EmbeddingDistance {
    /// Sets how the mean vectors are compared.
    #[must_use]
    pub fn with_metric(mut self, metric: Metric) -> Self {
        self.metric = metric;
        self
    }
}

impl TableTest for EmbeddingDistance {
    fn name(&self) -> &str {
        "embedding_distance"
    }

    fn options(&self) -> Result<TestOptions> {
        TestOptions::of(self)
    }

    fn legend(&self) -> &str {
        "Distance of mean embeddings: in the unit of the vectors; for vectors of length 1, 0.2 is Evidently's threshold."
    }

    fn default_minimum_effect(&self) -> f64 {
        self.minimum_effect
    }

    fn compile(&self, reference: &RecordBatch) -> Result<Box<dyn CompiledTableTest>> {
        asked::require_rows(OPERATION, self.max_rows, MOST_ROWS, 5000)?;
        asked::require_permutations(OPERATION, self.permutations)?;
        asked::require_size(OPERATION, "minimum_effect", self.minimum_effect, 0.2)?;
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
    test: EmbeddingDistance,
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
        let (before, after) = (self.rows.means(), current.means());
        let distance = self.test.metric.between(&before, &after);
        if !distance.is_finite() {
            let problem = "its rows are too far from the reference's";
            return Err(Error::invalid_input(OPERATION, "current", problem).remedy("rescale the columns"));
        }
        let mut score = Score::new(distance, Effect::new("distance", distance))
            .with_reference_len(self.rows.len() as u64)
            .with_current_len(current.len() as u64)
            .with_notes(asked::notes(&self.rows, self.len, &current, len));
        if self.test.permutations > 0 {
            score = score.with_pvalue(self.pvalue(&current, distance, &mut random)?);
        }
        let squares: Vec<f64> = before.iter().zip(&after).map(|(a, b)| (a - b) * (a - b)).collect();
        score = score.with_notes(components(&self.columns, &self.rows, &squares));
        let total: f64 = squares.iter().sum();
        let share = |span: &std::ops::Range<usize>| match total > 0.0 && total.is_finite() {
            true => squares.get(span.clone()).map_or(0.0, |part| part.iter().sum::<f64>() / total),
            false => 0.0,
        };
        let parts = self.columns.iter().zip(&self.rows.spans);
        Ok(TableScore::new(score, parts.map(|(name, span)| Contribution::new(name, share(span)))))
    }
}

impl Compiled {
    fn pvalue(&self, current: &Rows, distance: f64, random: &mut SplitMix64) -> Result<f64> {
        let rows: Vec<&[f64]> = self.rows.iter().chain(current.iter()).collect();
        let (n, m) = (self.rows.len() as f64, current.len() as f64);
        let total: Vec<f64> = self
            .rows
            .means()
            .iter()
            .zip(current.means())
            .map(|(before, after)| before * n + after * m)
            .collect();
        let scale = total.iter().fold(0.0, |most: f64, sum| most.max(sum.abs())) / (n + m);
        let least = distance - ROUNDING * (distance + scale);
        let few = self.rows.len().min(current.len());
        let mut order: Vec<usize> = (0..rows.len()).collect();
        let (mut as_large, mut pace) = (0_usize, Pace::default());
        let (mut sum, mut others) = (vec![0.0; self.rows.width], vec![0.0; self.rows.width]);
        for _ in 0..self.test.permutations {
            random.shuffle(&mut order);
            sum.fill(0.0);
            for row in order.iter().take(few) {
                pace.check(OPERATION, self.rows.width)?;
                sum.iter_mut().zip(rows[*row]).for_each(|(sum, value)| *sum += value);
            }
            let rest = n.max(m);
            for ((other, sum), total) in others.iter_mut().zip(&mut sum).zip(&total) {
                *other = (total - *sum) / rest;
                *sum /= few as f64;
            }
            as_large += usize::from(self.test.metric.between(&sum, &others) >= least);
        }
        Ok((1 + as_large) as f64 / (1 + self.test.permutations) as f64)
    }
}

impl Metric {
    fn between(self, a: &[f64], b: &[f64]) -> f64 {
        let differences = a.iter().zip(b).map(|(a, b)| (a - b).abs());
        match self {
            Self::Euclidean => differences.map(|difference| difference * difference).sum::<f64>().sqrt(),
            Self::Cityblock => differences.sum(),
            Self::Chebyshev => differences.fold(0.0, f64::max),
            Self::Cosine => {
                let product = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
                let lengths = (product(a, a) * product(b, b)).sqrt();
                match (lengths > 0.0, a == b) {
                    (_, true) => 0.0,
                    (true, false) => (1.0 - product(a, b) / lengths).clamp(0.0, 2.0),
                    // A vector without a direction is at a right angle to every other one.
                    (false, false) => 1.0,
                }
            }
        }
    }
}

/// The components of vectors that carry most of `sizes`.
pub(super) fn components(columns: &[String], rows: &Rows, sizes: &[f64]) -> Option<Note> {
    const MOST: usize = 5;
    let vectors = columns.iter().zip(&rows.spans).filter(|(_, span)| span.len() > 1);
    let places =
        vectors.flat_map(|(name, span)| span.clone().map(move |place| (name, place - span.start, place)));
    let size = |place: usize| sizes.get(place).copied().unwrap_or(0.0);
    let mut moved: Vec<_> = places.filter(|(.., place)| size(*place) > 0.0).collect();
    moved.sort_by(|a, b| size(b.2).total_cmp(&size(a.2)).then(a.2.cmp(&b.2)));
    let names: Vec<String> = moved
        .iter()
        .take(MOST)
        .map(|(name, place, _)| format!("{}[{place}]", crate::text::clipped(name)))
        .collect();
    let text = format!("the components that moved most: {}", names.join(", "));
    (!names.is_empty()).then_some(Note::Remark { text })
}

const OPERATION: &str = "compare with embedding_distance";
const MOST_ROWS: usize = 1_000_000;
