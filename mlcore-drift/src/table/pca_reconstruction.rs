//! How well the reference's principal components reconstruct rows.

use mlcore::arrow::array::RecordBatch;
use mlcore::interrupt::{self, Pace};
use mlcore::stats::{Moments, SplitMix64};
use mlcore::{Error, Result};
use serde::{Deserialize, Serialize};

use super::asked::{self, shared_options};
use super::auc::Scored;
use super::mixed::{Encoding, Mixed, mixed_columns};
use super::rows::Rows;
use super::symmetric::{Symmetric, dot};
use super::{CompiledTableTest, Contribution, TableScore, TableTest};
use crate::catalog::TestOptions;
use crate::two_sample::{Effect, Note, Score};

/// NannyML's data reconstruction drift: for rows of numbers, vectors and categories.
///
/// Categories become their share of the reference's rows (0 for one that it does not have), every column is standardised, and
/// the first principal components of the reference that explain [`n_components`](Self::with_n_components) of its variance are
/// kept. The statistic is the mean Euclidean distance between current rows and what the components reconstruct of them: it
/// sees relations between columns that break, in time and memory of the rows times the columns.
///
/// **On purpose.** A change along a kept component leaves the reconstruction as it was, so that NannyML does not see it. Here the
/// root of the sum of squared kept components, each in its own standard deviations, is compared, too, unless
/// [`within`](Self::with_within) says otherwise; the statistic stays NannyML's. Rows that miss a value are left out;
/// [`impute`](Self::with_impute) takes the mean or the most frequent category instead, as NannyML does.
///
/// **p-value.** Of Mann and Whitney's test, two-sided: the distances of current rows against those of one half of the reference, both
/// from components of the other half, so that it has seen neither; with `within` that of both comparisons, corrected by
/// Bonferroni. NannyML's own rule is an alert beyond three standard deviations of the chunks of the reference:
/// [`thresholds`](Self::thresholds) has its numbers.
///
/// **Effect.** The change of the mean distance in standard deviations of the reference's distances (Cohen's d), or that of the kept
/// components where it is larger.
///
/// **Columns.** A column's share is what it has of the changes of the mean squared residuals, and with `within` of the mean
/// squared columns.
///
/// Source: NannyML 0.13.1, `DataReconstructionDriftCalculator`.
///
/// ```
/// use std::sync::Arc;
///
/// use mlcore::arrow::array::{ArrayRef, Float64Array, RecordBatch};
/// use mlcore_drift::table::{PcaReconstruction, TableTest};
///
/// // Height and weight go together in the reference, and do not any more.
/// let table = |step: u32| {
///     let column = |step: u32| -> ArrayRef {
///         Arc::new(Float64Array::from_iter_values((0..300).map(|i| f64::from(i * step % 300))))
///     };
///     RecordBatch::try_from_iter([("height", column(1)), ("weight", column(step))])
/// };
/// let score = PcaReconstruction::default().compare(&table(1)?, &table(7)?)?;
/// assert!(score.score.pvalue.is_some_and(|p| p <= 0.01) && score.score.effect.value > 1.0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PcaReconstruction {
    #[serde(skip_serializing_if = "Option::is_none")]
    columns: Option<Vec<String>>,
    n_components: f64,
    impute: bool,
    within: bool,
    chunks: usize,
    seed: u64,
    minimum_effect: f64,
}

impl Default for PcaReconstruction {
    /// NannyML's share of the variance, 0.65, and its ten chunks.
    fn default() -> Self {
        Self {
            columns: None,
            n_components: 0.65,
            impute: false,
            within: true,
            chunks: 10,
            seed: 0,
            minimum_effect: 0.2,
        }
    }
}

shared_options! { PcaReconstruction: columns, seed, minimum_effect }

impl PcaReconstruction {
    /// Sets the share of the variance that the kept components explain, below 1; or how many are kept, from 1 on.
    #[must_use]
    pub fn with_n_components(mut self, components: f64) -> Self {
        self.n_components = components;
        self
    }

    /// Sets whether what is missing becomes the mean or the most frequent category of the reference.
    #[must_use]
    pub fn with_impute(mut self, impute: bool) -> Self {
        self.impute = impute;
        self
    }

    /// Sets whether changes along the kept components count, too.
    #[must_use]
    pub fn with_within(mut self, within: bool) -> Self {
        self.within = within;
        self
    }

    /// Sets into how many chunks [`thresholds`](Self::thresholds) cuts the reference.
    #[must_use]
    pub fn with_chunks(mut self, chunks: usize) -> Self {
        self.chunks = chunks;
        self
    }

    /// NannyML's band of the statistic: its mean over chunks of the reference, in the order of its rows, less and plus three of its
    /// standard deviations.
    ///
    /// # Errors
    /// As [`compile`](TableTest::compile).
    pub fn thresholds(&self, reference: &RecordBatch) -> Result<(f64, f64)> {
        let (columns, mixed, encodings) = self.encoded(reference)?;
        let rows = mixed.rows(OPERATION, "reference", &encodings, self.impute)?;
        let model = Model::fit(&rows, self.n_components, columns.len())?;
        self.band(&model, &mixed, &encodings)
    }

    fn band(&self, model: &Model, mixed: &Mixed, encodings: &[Encoding]) -> Result<(f64, f64)> {
        let in_order = mixed.in_order(encodings, self.impute);
        let errors: Vec<f64> =
            interrupt::paced(in_order.iter().flatten()).map(|row| model.error(row)).collect();
        interrupt::check(OPERATION)?;
        let size = (errors.len() / self.chunks.max(1)).max(1);
        let means = errors.chunks(size).map(|chunk| chunk.iter().sum::<f64>() / chunk.len() as f64);
        let means: Moments = means.collect();
        let count = means.count() as f64;
        let deviation = (means.variance() * (count - 1.0) / count).sqrt();
        let deviation = if deviation.is_nan() { 0.0 } else { deviation };
        Ok((means.mean() - 3.0 * deviation, means.mean() + 3.0 * deviation))
    }

    fn encoded(&self, reference: &RecordBatch) -> Result<(Vec<String>, Mixed, Vec<Encoding>)> {
        if !(self.n_components > 0.0 && self.n_components.is_finite()) {
            return Err(Error::invalid_input(
                OPERATION,
                "n_components",
                format!("it is {}", self.n_components),
            )
            .remedy("give a share of the variance below 1, or a number of components"));
        }
        asked::require_size(OPERATION, "minimum_effect", self.minimum_effect, 0.2)?;
        let asked = self.columns.as_ref();
        let columns =
            asked::columns(OPERATION, asked, reference, mixed_columns, "column of numbers or text")?;
        let mixed = Mixed::read(OPERATION, reference, &columns)?;
        let encodings = mixed.shares(OPERATION)?;
        Ok((columns, mixed, encodings))
    }
}

impl TableTest for PcaReconstruction {
    fn name(&self) -> &str {
        "pca_reconstruction"
    }

    fn options(&self) -> Result<TestOptions> {
        TestOptions::of(self)
    }

    fn legend(&self) -> &str {
        "Reconstruction (whole rows): how far the mean distance between rows and what the reference's principal components \
         reconstruct of them moved, in standard deviations of the reference's rows; 0.2 is small and 0.8 large."
    }

    fn default_minimum_effect(&self) -> f64 {
        self.minimum_effect
    }

    fn compile(&self, reference: &RecordBatch) -> Result<Box<dyn CompiledTableTest>> {
        let (columns, mixed, encodings) = self.encoded(reference)?;
        let rows = mixed.rows(OPERATION, "reference", &encodings, self.impute)?;
        let model = Model::fit(&rows, self.n_components, columns.len())?;
        let fitted = Measured::of(&model, rows.iter(), &rows.spans)?;
        let beyond = self.beyond(&rows)?;
        let band = self.band(&model, &mixed, &encodings)?;
        Ok(Box::new(Compiled {
            test: self.clone(),
            columns,
            mixed,
            encodings,
            rows,
            model,
            fitted,
            beyond,
            band,
        }))
    }
}

impl PcaReconstruction {
    /// A model of one half of the reference, and what it finds in the other one.
    fn beyond(&self, rows: &Rows) -> Result<Option<Beyond>> {
        if rows.len() < FEWEST {
            return Ok(None);
        }
        let mut order: Vec<usize> = (0..rows.len()).collect();
        SplitMix64::new(self.seed).shuffle(&mut order);
        let (fitted, left) = order.split_at(rows.len() / 2);
        let part = |chosen: &[usize]| {
            let values =
                chosen.iter().filter_map(|row| rows.values.get(row * rows.width..(row + 1) * rows.width));
            Rows { values: values.flatten().copied().collect(), ..rows.clone() }
        };
        let model = Model::fit(&part(fitted), self.n_components, rows.spans.len())?;
        let found = Measured::of(&model, part(left).iter(), &rows.spans)?;
        Ok(Some(Beyond { model, found }))
    }
}

/// What p-values are computed from: rows that the model has not seen, as it has not seen current ones.
#[derive(Debug)]
struct Beyond {
    model: Model,
    found: Measured,
}

#[derive(Debug)]
struct Compiled {
    test: PcaReconstruction,
    columns: Vec<String>,
    mixed: Mixed,
    encodings: Vec<Encoding>,
    rows: Rows,
    model: Model,
    fitted: Measured,
    /// `None` for too few rows.
    beyond: Option<Beyond>,
    /// Where NannyML does not alert.
    band: (f64, f64),
}

impl CompiledTableTest for Compiled {
    fn columns(&self) -> &[String] {
        &self.columns
    }

    fn compare(&self, current: &RecordBatch) -> Result<TableScore> {
        let mixed = Mixed::read(OPERATION, current, &self.columns)?;
        self.mixed.require_alike(OPERATION, &mixed, &self.columns)?;
        let rows = mixed.rows(OPERATION, "current", &self.encodings, self.test.impute)?;
        let found = Measured::of(&self.model, rows.iter(), &rows.spans)?;
        let statistic = found.errors.mean();
        if !(statistic.is_finite() && found.within.mean().is_finite()) {
            let problem = "its rows are too far from the reference's";
            return Err(Error::invalid_input(OPERATION, "current", problem).remedy("rescale the columns"));
        }
        let moved = |before: &Moments, after: &Moments| {
            let deviation = before.variance().sqrt();
            let deviation = if deviation.is_nan() { 0.0 } else { deviation };
            (after.mean() - before.mean()).abs() / deviation.max(LEAST_DEVIATION)
        };
        let residual = moved(&self.fitted.errors, &found.errors);
        let effect = match self.test.within {
            true => residual.max(moved(&self.fitted.within, &found.within)),
            false => residual,
        };
        let mut score = Score::new(statistic, Effect::new("reconstruction", effect))
            .with_reference_len(self.rows.len() as u64)
            .with_current_len(rows.len() as u64)
            .with_notes(asked::notes(&self.rows, self.rows.len(), &rows, rows.len()))
            .with_notes([Note::Remark {
                text: format!(
                    "{} of {} components were kept; the mean distance was {:.4} and is {statistic:.4}; NannyML alerts outside {:.4} \
                     to {:.4}",
                    self.model.components.len(),
                    self.model.mean.len(),
                    self.fitted.errors.mean(),
                    self.band.0.max(0.0),
                    self.band.1
                ),
            }]);
        match &self.beyond {
            Some(beyond) if rows.len() > 1 => score = score.with_pvalue(self.pvalue(beyond, &rows)?),
            _ => {
                let text = "too few rows for a p-value".to_owned();
                score = score.with_notes([Note::Remark { text }]);
            }
        }
        Ok(TableScore::new(score, self.parts(&found)))
    }
}

impl Compiled {
    fn pvalue(&self, beyond: &Beyond, rows: &Rows) -> Result<f64> {
        let found = Measured::of(&beyond.model, rows.iter(), &rows.spans)?;
        let compared = |before: &[f64], after: &[f64]| {
            Scored { reference: before.to_vec(), current: after.to_vec() }.two_sided()
        };
        let residual = compared(&beyond.found.each_error, &found.each_error);
        Ok(match self.test.within {
            true => (2.0 * residual.min(compared(&beyond.found.each_within, &found.each_within))).min(1.0),
            false => residual,
        })
    }

    fn parts(&self, found: &Measured) -> Vec<Contribution> {
        let difference = |a: &[f64], b: &[f64], place: usize| match (a.get(place), b.get(place)) {
            (Some(a), Some(b)) => (a - b).abs(),
            _ => 0.0,
        };
        let change = |place: usize| {
            let residual = difference(&self.fitted.residual_squares, &found.residual_squares, place);
            let whole = difference(&self.fitted.squares, &found.squares, place);
            residual + if self.test.within { whole } else { 0.0 }
        };
        let changes: Vec<f64> = (0..self.columns.len()).map(change).collect();
        let total: f64 = changes.iter().sum();
        let share = |change: f64| if total > 0.0 && total.is_finite() { change / total } else { 0.0 };
        self.columns
            .iter()
            .zip(changes)
            .map(|(name, change)| Contribution::new(name, share(change)))
            .collect()
    }
}

/// Standardised columns and their first principal components.
#[derive(Debug)]
struct Model {
    mean: Vec<f64>,
    scale: Vec<f64>,
    components: Vec<Vec<f64>>,
    /// The standard deviation along each component.
    deviations: Vec<f64>,
}

impl Model {
    fn fit(rows: &Rows, n_components: f64, columns: usize) -> Result<Self> {
        if rows.len() < 2 {
            return Err(Error::invalid_input(
                OPERATION,
                "reference",
                "it has one complete row, which has no components",
            )
            .remedy("gather more rows"));
        }
        if rows.width > MOST_WIDTH {
            let problem =
                format!("its {columns} columns have {} numbers; {MOST_WIDTH} are possible", rows.width);
            return Err(Error::invalid_input(OPERATION, "reference", problem).remedy("choose columns"));
        }
        let (n, mean) = (rows.len() as f64, rows.means());
        let shrink = ((n - 1.0) / n).sqrt();
        let scale: Vec<f64> = (0..rows.width)
            .map(|place| {
                let moments: Moments = rows.component(place).collect();
                let deviation = moments.variance().sqrt() * shrink;
                if deviation.is_finite() && deviation > 0.0 { deviation } else { 1.0 }
            })
            .collect();
        let standard = rows.clone().scaled(&mean, &scale);
        let columns: Vec<Vec<f64>> =
            (0..rows.width).map(|place| standard.component(place).collect()).collect();
        let mut pace = Pace::default();
        let mut products = Vec::with_capacity(rows.width * rows.width);
        for (i, a) in columns.iter().enumerate() {
            pace.check(OPERATION, (i + 1) * a.len())?;
            products.push(columns.iter().take(i + 1).map(|b| dot(a, b) / (n - 1.0)).collect::<Vec<f64>>());
        }
        let covariance = Symmetric::from_fn(rows.width, |i, j| products[i][j]);
        let eigen = covariance.eigen(OPERATION)?;
        let total: f64 = eigen.values.iter().map(|value| value.max(0.0)).sum();
        let kept = if n_components >= 1.0 {
            (n_components as usize).min(eigen.values.len())
        } else {
            let mut explained = 0.0;
            let enough = |value: &f64| {
                explained += value.max(0.0) / total;
                explained > n_components
            };
            eigen.values.iter().position(enough).map_or(eigen.values.len(), |place| place + 1)
        };
        let deviations = eigen.values.iter().take(kept).map(|value| value.max(0.0).sqrt()).collect();
        Ok(Self { mean, scale, components: eigen.vectors.into_iter().take(kept).collect(), deviations })
    }

    /// The standardised row, what is left of it without the components, and the length of the kept ones.
    fn apply(&self, row: &[f64]) -> (Vec<f64>, Vec<f64>, f64) {
        let standard = row.iter().zip(&self.mean).zip(&self.scale);
        let standard: Vec<f64> = standard.map(|((value, mean), scale)| (value - mean) / scale).collect();
        let (mut rest, mut within) = (standard.clone(), 0.0);
        for (component, deviation) in self.components.iter().zip(&self.deviations) {
            let along = dot(component, &standard);
            rest.iter_mut().zip(component).for_each(|(rest, part)| *rest -= along * part);
            if *deviation > LEAST_DEVIATION {
                within += (along / deviation) * (along / deviation);
            }
        }
        (standard, rest, within.sqrt())
    }

    fn error(&self, row: &[f64]) -> f64 {
        let (_, rest, _) = self.apply(row);
        dot(&rest, &rest).sqrt()
    }
}

/// What a model finds in rows.
#[derive(Debug)]
struct Measured {
    errors: Moments,
    within: Moments,
    each_error: Vec<f64>,
    each_within: Vec<f64>,
    /// For each column the mean of its squared residuals, and of its squares.
    residual_squares: Vec<f64>,
    squares: Vec<f64>,
}

impl Measured {
    fn of<'a>(
        model: &Model,
        rows: impl ExactSizeIterator<Item = &'a [f64]>,
        spans: &[std::ops::Range<usize>],
    ) -> Result<Self> {
        let count = rows.len() as f64;
        let (mut errors, mut within, mut pace) = (Vec::new(), Vec::new(), Pace::default());
        let (mut residual_squares, mut squares) = (vec![0.0; spans.len()], vec![0.0; spans.len()]);
        for row in rows {
            pace.check(OPERATION, row.len() * (2 * model.components.len() + 4))?;
            let (standard, rest, along) = model.apply(row);
            let error = dot(&rest, &rest).sqrt();
            // What rounding leaves of no distance is none.
            errors.push(if error < LEAST_ERROR { 0.0 } else { error });
            within.push(along);
            for ((span, residual), square) in spans.iter().zip(&mut residual_squares).zip(&mut squares) {
                let of =
                    |values: &[f64]| values.get(span.clone()).map_or(0.0, |part| dot(part, part)) / count;
                *residual += of(&rest);
                *square += of(&standard);
            }
        }
        Ok(Self {
            errors: Moments::from_slice(&errors),
            within: Moments::from_slice(&within),
            each_error: errors,
            each_within: within,
            residual_squares,
            squares,
        })
    }
}

const OPERATION: &str = "compare with pca_reconstruction";
/// Rotations of a matrix of so many rows and columns take seconds.
const MOST_WIDTH: usize = 256;
/// Half of fewer rows is no model.
const FEWEST: usize = 20;
/// Of numbers with a standard deviation of 1, rounding leaves less than these.
const LEAST_ERROR: f64 = 1e-10;
const LEAST_DEVIATION: f64 = 1e-6;
