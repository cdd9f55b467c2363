use mlcore::arrow::array::RecordBatch;
use mlcore::schema::Schema;
use mlcore::{Error, Result};
use serde::{Deserialize, Serialize};

use super::kept;
use super::scores::{self, Classes, Score};
use crate::program::Lower;
use crate::program::builder::{Column, ProgramBuilder};
use crate::program::kernel::Kernel;
use crate::transform::input::FitColumn;
use crate::transform::{Attributes, Fit, Parameter, Training, Transform, input};

/// What a [`SelectKBest`] scores columns by.
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(try_from = "Parameter", into = "Parameter")]
pub enum ScoreFunction {
    /// The analysis of variance between the classes of the target.
    #[default]
    FClassif,
    /// The linear regression of the target on the column.
    FRegression,
    /// The chi-square statistic between the classes of the target, for columns of counts.
    Chi2,
}

impl ScoreFunction {
    const ALL: [(Self, &str); 3] =
        [(Self::FClassif, "f_classif"), (Self::FRegression, "f_regression"), (Self::Chi2, "chi2")];
}

impl TryFrom<Parameter> for ScoreFunction {
    type Error = String;

    fn try_from(value: Parameter) -> Result<Self, String> {
        let known = Self::ALL.iter().find(|(_, name)| value.as_text() == Some(name));
        known.map(|(own, _)| *own).ok_or_else(|| match value.as_text() {
            Some(name) if name.starts_with("mutual_info") => format!(
                "{name} is not offered, because its neighbours are found among values with random noise; \
                 \"f_classif\", \"f_regression\" or \"chi2\" is expected"
            ),
            _ => value.is_not("\"f_classif\", \"f_regression\" or \"chi2\""),
        })
    }
}

impl From<ScoreFunction> for Parameter {
    fn from(own: ScoreFunction) -> Self {
        let name = match own {
            ScoreFunction::FClassif => "f_classif",
            ScoreFunction::FRegression => "f_regression",
            ScoreFunction::Chi2 => "chi2",
        };
        name.into()
    }
}

/// Keeps the columns that tell most of the target, each looked at by itself.
///
/// Needs a target: classes for [`ScoreFunction::FClassif`] and [`ScoreFunction::Chi2`], numbers for
/// [`ScoreFunction::FRegression`]. Missing values and infinities are refused in all columns while fitting, and in those that
/// are kept thereafter; scikit-learn refuses them in the others too. Of columns with equal scores, the later ones are kept.
/// Source: scikit-learn, `SelectKBest`.
///
/// ```
/// use std::sync::Arc;
///
/// use mlcore::arrow::array::{ArrayRef, BooleanArray, Float64Array, RecordBatch};
/// use mlcore_features::transform::{Fit, SelectKBest, Training, Transform};
///
/// let table = RecordBatch::try_from_iter([
///     ("noise", Arc::new(Float64Array::from(vec![1.0, 3.0, 2.0, 2.0])) as _),
///     ("amount", Arc::new(Float64Array::from(vec![1.0, 2.0, 8.0, 9.0])) as _),
/// ]).unwrap();
/// let fraud: ArrayRef = Arc::new(BooleanArray::from(vec![false, false, true, true]));
/// let fitted = SelectKBest::default().k(1).fit(Training::new(&table).with_target(&fraud))?;
/// assert_eq!(fitted.scores(), [0.0, 98.0]);
/// assert_eq!(fitted.feature_names_out()?, ["amount"]);
/// # Ok::<(), mlcore::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SelectKBest {
    score_func: ScoreFunction,
    k: Kept,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(try_from = "Parameter", into = "Parameter")]
enum Kept {
    All,
    Best(u64),
}

impl TryFrom<Parameter> for Kept {
    type Error = String;

    fn try_from(value: Parameter) -> Result<Self, String> {
        match (value.as_count(), value.as_text()) {
            (Some(count), _) => Ok(Self::Best(count)),
            (None, Some("all")) => Ok(Self::All),
            _ => Err(value.is_not("a number of columns, or \"all\",")),
        }
    }
}

impl From<Kept> for Parameter {
    fn from(kept: Kept) -> Self {
        match kept {
            Kept::All => "all".into(),
            Kept::Best(count) => count.into(),
        }
    }
}

impl Default for SelectKBest {
    fn default() -> Self {
        Self { score_func: ScoreFunction::FClassif, k: Kept::Best(10) }
    }
}

impl SelectKBest {
    /// What to score columns by. Default: the analysis of variance between classes.
    #[must_use]
    pub fn score_func(mut self, score_func: ScoreFunction) -> Self {
        self.score_func = score_func;
        self
    }

    /// How many columns to keep; all where there are fewer. Default 10.
    #[must_use]
    pub fn k(mut self, k: u64) -> Self {
        self.k = Kept::Best(k);
        self
    }

    /// Keeps all columns, and only scores them.
    #[must_use]
    pub fn all(mut self) -> Self {
        self.k = Kept::All;
        self
    }

    /// The scores of all columns.
    fn score(&self, columns: &[FitColumn], training: &Training<'_>) -> Result<Vec<Score>> {
        let target = training.required_target(OPERATION)?;
        if self.score_func == ScoreFunction::FRegression {
            let target = input::target(target, OPERATION)?;
            let target = target.finite_numbers()?;
            if target.len() < 2 {
                return Err(Error::invalid_input(OPERATION, "table", "a trend needs at least two rows"));
            }
            let score = |column: &FitColumn| Ok(scores::f_regression(&column.finite_numbers()?, &target));
            return columns.iter().map(score).collect();
        }
        let classes = Classes::read(target, OPERATION)?;
        let score = |column: &FitColumn| {
            let values = column.finite_numbers()?;
            if self.score_func == ScoreFunction::FClassif {
                return Ok(scores::f_classif(&values, &classes));
            }
            match values.iter().position(|value| *value < 0.0) {
                Some(row) => Err(column
                    .error(format!("row {row} holds {}, and counts are not negative", values[row]))
                    .remedy("score the column by f_classif, or bin it first")),
                None => Ok(scores::chi_square(&values, &classes)),
            }
        };
        columns.iter().map(score).collect()
    }
}

const OPERATION: &str = "fit SelectKBest";

impl Fit for SelectKBest {
    type Fitted = FittedSelectKBest;

    fn learn(&self, training: &Training<'_>) -> Result<FittedSelectKBest> {
        let columns = input::columns(training, OPERATION)?;
        let scores = self.score(&columns, training)?;
        Ok(FittedSelectKBest {
            parameters: *self,
            input: input::schema(&columns)?,
            scores: scores.iter().map(|score| score.score).collect(),
            pvalues: scores.iter().map(|score| score.pvalue).collect(),
        })
    }
}

/// A [`SelectKBest`] that has seen its data.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FittedSelectKBest {
    parameters: SelectKBest,
    input: Schema,
    #[serde(with = "mlcore::exact")]
    scores: Vec<f64>,
    #[serde(with = "mlcore::exact")]
    pvalues: Vec<f64>,
}

impl FittedSelectKBest {
    /// The specification that was fitted.
    #[must_use]
    pub fn parameters(&self) -> &SelectKBest {
        &self.parameters
    }

    /// The score of each column (`scores_`); NaN where it has none.
    #[must_use]
    pub fn scores(&self) -> &[f64] {
        &self.scores
    }

    /// The p-value of each score (`pvalues_`).
    #[must_use]
    pub fn pvalues(&self) -> &[f64] {
        &self.pvalues
    }

    /// Which columns are kept (`get_support`).
    #[must_use]
    pub fn support(&self) -> Vec<bool> {
        let count = match self.parameters.k {
            Kept::All => return vec![true; self.scores.len()],
            Kept::Best(count) => usize::try_from(count).unwrap_or(usize::MAX),
        };
        // A column without a score is the worst.
        let rank = |score: f64| if score.is_nan() { f64::MIN } else { score };
        let mut best: Vec<(usize, f64)> = self.scores.iter().copied().map(rank).enumerate().collect();
        best.sort_by(|one, other| other.1.total_cmp(&one.1).then(other.0.cmp(&one.0)));
        let mut kept = vec![false; self.scores.len()];
        for (position, _) in best.into_iter().take(count) {
            kept[position] = true;
        }
        kept
    }
}

impl Transform for FittedSelectKBest {
    fn attributes(&self) -> Attributes {
        vec![("scores_", self.scores().into()), ("pvalues_", self.pvalues().into())]
    }

    /// The columns that were left out come back as zeros.
    fn inverse_transform(&self, table: &RecordBatch) -> Result<RecordBatch> {
        kept::restored(self, &self.support(), table)
    }
}

impl Lower for FittedSelectKBest {
    fn schema(&self) -> &Schema {
        &self.input
    }

    fn lower(&self, builder: &mut ProgramBuilder, columns: Vec<Column>) -> Result<Vec<Column>> {
        if self.scores.len() != columns.len() {
            return Err(Error::corrupt(
                "compile plan",
                "SelectKBest",
                "it has not one score for each column",
            ));
        }
        let kept = columns.into_iter().zip(self.support()).filter(|(_, kept)| *kept);
        kept.map(|(column, _)| {
            let site = builder.site("SelectKBest", &column);
            builder.number(column, [Kernel::RefuseNonFinite { site }])
        })
        .collect()
    }
}
