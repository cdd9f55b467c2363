//! A classifier that tells the rows of two tables apart.

mod model;

use mlcore::arrow::array::RecordBatch;
use mlcore::interrupt;
use mlcore::stats::SplitMix64;
use mlcore::{Error, Result};
use serde::{Deserialize, Serialize};

use self::model::Fitted;
use super::asked::{self, shared_options};
use super::auc::{Scored, dependence, pvalue};
use super::mixed::{Mixed, mixed_columns};
use super::rows::Rows;
use super::{CompiledTableTest, Contribution, TableScore, TableTest};
use crate::catalog::TestOptions;
use crate::two_sample::{Effect, Note, Score};

/// The domain classifier of NannyML and Evidently: for rows of numbers, vectors and categories.
///
/// A model learns which rows are current, and the statistic is the area under the ROC curve (AUC) of its scores for rows that it
/// did not learn from, [`folds`](Self::with_folds) times: 0.5 where nobody can tell, 1 where every row gives itself away. The interval
/// is DeLong's (a [note](Note::Interval)); the p-value is one-sided, of Mann and Whitney's ranks within each fold; both allow for
/// models that have learnt from each other's rows, as Nadeau and Bengio do, and are rather too wide than too narrow.
///
/// **Model.** A forest of the library smartcore, or its logistic regression ([`model`](Self::with_model)), which sees small
/// shifts of many components, as of embeddings. Numbers enter as their ranks in both tables, so that no unit and no extreme value
/// matters; categories by their place in alphabetical order, as NannyML's. Rows that miss a value are left out.
///
/// **Cost.** The forest takes time of rows, trees and the root of the columns. More than
/// [`max_rows`](Self::with_max_rows) rows are drawn with the seed.
///
/// **Effect.** Twice the area's distance above one half (Gini): 0.3 is NannyML's upper threshold, an area of 0.65.
///
/// **Columns.** A column's share is the part of that distance that is gone when its values are exchanged between the rows that
/// are scored; of more than 32 columns the 32 whose means moved most are asked.
///
/// **On purpose.** NannyML trains LightGBM, whose areas differ within the interval, and has no p-value; its folds are stretches of
/// rows as they come, so that sorted tables are told apart by their order; here they are drawn.
///
/// Source: NannyML 0.13.1, `DomainClassifierCalculator`; Evidently 0.7.23, `model` of embeddings.
///
/// ```
/// use std::sync::Arc;
///
/// use mlcore::arrow::array::{ArrayRef, Float64Array, RecordBatch, StringArray};
/// use mlcore_drift::table::{DomainClassifier, TableTest};
///
/// let table = |shift: f64| {
///     let age = Float64Array::from_iter_values((0..150).map(|i| f64::from(i * 7 % 150) + shift));
///     let plan = StringArray::from_iter_values((0..150).map(|i| ["free", "pro"][i % 2]));
///     RecordBatch::try_from_iter([("age", Arc::new(age) as ArrayRef), ("plan", Arc::new(plan))])
/// };
/// let score = DomainClassifier::default().compare(&table(0.0)?, &table(90.0)?)?;
/// assert!(score.score.statistic > 0.7 && score.columns[0].column == "age");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DomainClassifier {
    #[serde(skip_serializing_if = "Option::is_none")]
    columns: Option<Vec<String>>,
    model: Model,
    trees: usize,
    folds: usize,
    max_rows: usize,
    seed: u64,
    minimum_effect: f64,
}

/// What tells rows apart.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub enum Model {
    /// A random forest: any change, relations between columns among them.
    #[default]
    Forest,
    /// Logistic regression: shifts, however small, of many columns.
    Linear,
}

mlcore::words! { Model, "model": Forest = "forest", Linear = "linear" }

impl Default for DomainClassifier {
    /// NannyML's five folds and its threshold; the golden cases' areas of 50 trees and of its 100 boosted ones agree.
    fn default() -> Self {
        Self {
            columns: None,
            model: Model::Forest,
            trees: 50,
            folds: 5,
            max_rows: 1000,
            seed: 0,
            minimum_effect: 0.3,
        }
    }
}

shared_options! { DomainClassifier: columns, max_rows, seed, minimum_effect }

impl DomainClassifier {
    /// Sets what tells rows apart.
    #[must_use]
    pub fn with_model(mut self, model: Model) -> Self {
        self.model = model;
        self
    }

    /// Sets the trees of each fold's forest, up to 1,000.
    #[must_use]
    pub fn with_trees(mut self, trees: usize) -> Self {
        self.trees = trees;
        self
    }

    /// Sets how many models are trained, each without one part of the rows, 2 to 20.
    #[must_use]
    pub fn with_folds(mut self, folds: usize) -> Self {
        self.folds = folds;
        self
    }

    fn require(&self) -> Result<()> {
        asked::require_rows(OPERATION, self.max_rows, MOST_ROWS, 1000)?;
        asked::require_size(OPERATION, "minimum_effect", self.minimum_effect, 0.3)?;
        for (option, value, range) in [("folds", self.folds, 2..=20), ("trees", self.trees, 1..=1000)] {
            if !range.contains(&value) {
                let problem = format!("it is {value}; {} to {} are possible", range.start(), range.end());
                return Err(
                    Error::invalid_input(OPERATION, option, problem).remedy("leave it out for the default")
                );
            }
        }
        Ok(())
    }
}

impl TableTest for DomainClassifier {
    fn name(&self) -> &str {
        "domain_classifier"
    }

    fn options(&self) -> Result<TestOptions> {
        TestOptions::of(self)
    }

    fn legend(&self) -> &str {
        "Domain classifier (whole rows): how well a model tells current rows from the reference's, 0 for not at all and 1 for \
         always; 0.3 is an area under the ROC curve of 0.65."
    }

    fn default_minimum_effect(&self) -> f64 {
        self.minimum_effect
    }

    fn compile(&self, reference: &RecordBatch) -> Result<Box<dyn CompiledTableTest>> {
        self.require()?;
        let asked = self.columns.as_ref();
        let columns =
            asked::columns(OPERATION, asked, reference, mixed_columns, "column of numbers or text")?;
        let mixed = Mixed::read(OPERATION, reference, &columns)?;
        // Refused now and not at the first comparison.
        mixed.rows(OPERATION, "reference", &mixed.places(&mixed), false)?;
        Ok(Box::new(Compiled { test: self.clone(), columns, mixed }))
    }
}

#[derive(Debug)]
struct Compiled {
    test: DomainClassifier,
    columns: Vec<String>,
    mixed: Mixed,
}

impl CompiledTableTest for Compiled {
    fn columns(&self) -> &[String] {
        &self.columns
    }

    fn compare(&self, current: &RecordBatch) -> Result<TableScore> {
        let mixed = Mixed::read(OPERATION, current, &self.columns)?;
        self.mixed.require_alike(OPERATION, &mixed, &self.columns)?;
        let encodings = self.mixed.places(&mixed);
        let all = self.mixed.rows(OPERATION, "reference", &encodings, false)?;
        let all_current = mixed.rows(OPERATION, "current", &encodings, false)?;
        let lens = (all.len(), all_current.len());
        for (side, rows) in [("reference", lens.0), ("current", lens.1)] {
            if rows < 2 * self.test.folds {
                let problem =
                    format!("it has {rows} complete rows, and {} folds want two each", self.test.folds);
                return Err(Error::invalid_input(OPERATION, side, problem).remedy("gather more rows"));
            }
        }
        let reference = all.thinned(self.test.max_rows, &mut SplitMix64::new(self.test.seed));
        let mut random = SplitMix64::at(self.test.seed, 1 << 32);
        let current = all_current.thinned(self.test.max_rows, &mut random);
        let rows = Both::new(&reference, &current);
        let folds = rows.folds(&self.test, &mut random)?;
        let scored: Vec<Scored> = folds.iter().map(|fold| fold.scored.clone()).collect();
        let area = Scored::pooled(&scored).area(CONFIDENCE, dependence(self.test.folds));
        interrupt::check(OPERATION)?;
        let effect = (2.0 * area.auc - 1.0).max(0.0);
        let score = Score::new(area.auc, Effect::new("Gini", effect))
            .with_pvalue(pvalue(&scored))
            .with_reference_len(reference.len() as u64)
            .with_current_len(current.len() as u64)
            .with_notes(asked::notes(&reference, lens.0, &current, lens.1))
            .with_notes([Note::Interval {
                of: "AUC".to_owned(),
                low: area.low,
                high: area.high,
                confidence: CONFIDENCE,
            }]);
        let mut parts = Vec::new();
        for place in reference.most_moved(&current) {
            let Some((span, name)) = reference.spans.get(place).zip(self.columns.get(place)) else {
                continue;
            };
            let without = rows
                .exchanged(&folds, span.clone(), &mut random)?
                .area(CONFIDENCE, dependence(self.test.folds))
                .auc;
            let share =
                if effect > 0.0 { ((area.auc - without) / (area.auc - 0.5)).clamp(0.0, 1.0) } else { 0.0 };
            parts.push(Contribution::new(name, share));
        }
        Ok(TableScore::new(score, parts))
    }
}

/// The rows of both tables as ranks, column by column, the reference's first.
struct Both {
    columns: Vec<Vec<f64>>,
    n: usize,
    size: usize,
}

/// A model and the rows that it did not learn from.
struct Fold {
    model: Fitted,
    rows: Vec<usize>,
    scored: Scored,
}

impl Both {
    fn new(reference: &Rows, current: &Rows) -> Self {
        let (n, size) = (reference.len(), reference.len() + current.len());
        let ranks = |place: usize| {
            let mut order: Vec<(f64, usize)> =
                reference.component(place).chain(current.component(place)).zip(0..).collect();
            interrupt::sort_unstable_by(&mut order, |a, b| a.0.total_cmp(&b.0));
            let (mut ranks, mut before) = (vec![0.0; size], 0);
            for tied in order.chunk_by(|a, b| a.0 == b.0) {
                let middle = (before + before + tied.len()) as f64 / 2.0;
                // From -1 to 1.
                let rank = 2.0 * middle / size as f64 - 1.0;
                tied.iter().for_each(|(_, row)| ranks[*row] = rank);
                before += tied.len();
            }
            ranks
        };
        Self { columns: (0..reference.width).map(ranks).collect(), n, size }
    }

    /// Models that are each trained without a part of the rows, and what they say of it.
    fn folds(&self, test: &DomainClassifier, random: &mut SplitMix64) -> Result<Vec<Fold>> {
        let mut fold_of = vec![0; self.size];
        for range in [0..self.n, self.n..self.size] {
            let mut order: Vec<usize> = range.collect();
            random.shuffle(&mut order);
            order.into_iter().enumerate().for_each(|(place, row)| fold_of[row] = place % test.folds);
        }
        let fold = |fold: usize| {
            interrupt::check(OPERATION)?;
            let part =
                |inside: bool| (0..self.size).filter(|row| (fold_of[*row] == fold) == inside).collect();
            let (learnt, rows): (Vec<usize>, Vec<usize>) = (part(false), part(true));
            let current: Vec<bool> = learnt.iter().map(|row| *row >= self.n).collect();
            let model = Fitted::train(&self.chosen(&learnt), &current, test, random.next_u64())?;
            let scores = model.scores(&self.chosen(&rows))?;
            Ok(Fold { scored: self.scored(&rows, &scores), model, rows })
        };
        (0..test.folds).map(fold).collect()
    }

    /// The columns of these rows.
    fn chosen(&self, rows: &[usize]) -> Vec<Vec<f64>> {
        self.columns.iter().map(|column| rows.iter().map(|row| column[*row]).collect()).collect()
    }

    fn scored(&self, rows: &[usize], scores: &[f64]) -> Scored {
        let of = |current: bool| {
            let pairs = rows.iter().zip(scores).filter(|(row, _)| (**row >= self.n) == current);
            pairs.map(|(_, score)| *score).collect()
        };
        Scored { reference: of(false), current: of(true) }
    }

    /// The scores with the values of one column exchanged between the rows of each fold.
    fn exchanged(
        &self,
        folds: &[Fold],
        span: std::ops::Range<usize>,
        random: &mut SplitMix64,
    ) -> Result<Scored> {
        let mut scored = Vec::with_capacity(folds.len());
        for fold in folds {
            interrupt::check(OPERATION)?;
            let mut columns = self.chosen(&fold.rows);
            let mut order: Vec<usize> = (0..fold.rows.len()).collect();
            random.shuffle(&mut order);
            for column in columns.get_mut(span.clone()).unwrap_or_default() {
                *column = order.iter().map(|row| column[*row]).collect();
            }
            scored.push(self.scored(&fold.rows, &fold.model.scores(&columns)?));
        }
        Ok(Scored::pooled(&scored))
    }
}

const OPERATION: &str = "compare with domain_classifier";
const MOST_ROWS: usize = 100_000;
const CONFIDENCE: f64 = 0.95;
