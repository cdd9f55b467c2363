use mlcore::arrow::array::{ArrayRef, RecordBatch};
use mlcore::schema::Schema;
use mlcore::{Error, Result};
use serde::{Deserialize, Serialize};

use super::dependence::{Told, mutual_information};
use super::kept;
use super::mutual_information::MutualInformation;
use super::scores::{self, Classes, Score};
use crate::program::Lower;
use crate::program::builder::{Column, ProgramBuilder};
use crate::program::kernel::Kernel;
use crate::transform::input::FitColumn;
use crate::transform::{Attributes, Fit, Parameter, Training, Transform, input};

/// What a [`SelectKBest`] scores columns by.
#[non_exhaustive]
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(try_from = "Parameter", into = "Parameter")]
pub enum ScoreFunction {
    /// The analysis of variance between the classes of the target.
    #[default]
    FClassif,
    /// The linear regression of the target on the column.
    FRegression,
    /// Pearson's correlation of the column and the target, with its sign: the greatest are kept. Has no p-values.
    RRegression,
    /// The chi-square statistic between the classes of the target, for columns of counts.
    Chi2,
    /// The mutual information of the column and the classes of the target, in nats: how much either tells of the other,
    /// whatever the shape of their relation. Has no p-values.
    MutualInfoClassif(MutualInformation),
    /// The mutual information of the column and the numbers of the target, in nats. Has no p-values.
    MutualInfoRegression(MutualInformation),
}

impl ScoreFunction {
    const EXPECTED: &str = "\"f_classif\", \"f_regression\", \"r_regression\", \"chi2\", \"mutual_info_classif\" or \
                            \"mutual_info_regression\"";

    fn name(&self) -> &'static str {
        match self {
            Self::FClassif => "f_classif",
            Self::FRegression => "f_regression",
            Self::RRegression => "r_regression",
            Self::Chi2 => "chi2",
            Self::MutualInfoClassif(_) => "mutual_info_classif",
            Self::MutualInfoRegression(_) => "mutual_info_regression",
        }
    }

    /// The function of this name, its options at their defaults.
    fn named(name: &str) -> Option<Self> {
        let all = [
            Self::FClassif,
            Self::FRegression,
            Self::RRegression,
            Self::Chi2,
            Self::MutualInfoClassif(MutualInformation::default()),
            Self::MutualInfoRegression(MutualInformation::default()),
        ];
        all.into_iter().find(|own| own.name() == name)
    }
}

impl TryFrom<Parameter> for ScoreFunction {
    type Error = String;

    /// From a name, or from a list of a name and its options, each a pair.
    fn try_from(value: Parameter) -> Result<Self, String> {
        if let Some(own) = value.as_text().and_then(Self::named) {
            return Ok(own);
        }
        let Parameter::List(words) = value else {
            return Err(value.is_not(Self::EXPECTED));
        };
        let mut words = words.into_iter();
        let name = words.next().unwrap_or_else(|| Parameter::List(Vec::new()));
        let own = name.as_text().and_then(Self::named).ok_or_else(|| name.is_not(Self::EXPECTED))?;
        let options: Vec<Parameter> = words.collect();
        match own {
            Self::MutualInfoClassif(_) => MutualInformation::read(options).map(Self::MutualInfoClassif),
            Self::MutualInfoRegression(_) => MutualInformation::read(options).map(Self::MutualInfoRegression),
            Self::FClassif | Self::FRegression | Self::RRegression | Self::Chi2 if options.is_empty() => {
                Ok(own)
            }
            Self::FClassif | Self::FRegression | Self::RRegression | Self::Chi2 => {
                Err(format!("{} has no options", own.name()))
            }
        }
    }
}

impl From<ScoreFunction> for Parameter {
    fn from(own: ScoreFunction) -> Self {
        let name = own.name();
        match own {
            ScoreFunction::FClassif
            | ScoreFunction::FRegression
            | ScoreFunction::RRegression
            | ScoreFunction::Chi2 => name.into(),
            ScoreFunction::MutualInfoClassif(options) | ScoreFunction::MutualInfoRegression(options) => {
                options.write(name)
            }
        }
    }
}

/// Keeps the columns that tell most of the target, each looked at by itself.
///
/// Needs a target: classes for [`ScoreFunction::FClassif`], [`ScoreFunction::Chi2`] and [`ScoreFunction::MutualInfoClassif`],
/// numbers for the others. Missing values and infinities are refused in all columns while fitting, and in those that
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
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
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
    fn score(&self, columns: &[FitColumn], training: &Training<'_>) -> Result<Scores> {
        let target = training.required_target(OPERATION)?;
        let tested = |scores: Vec<Score>| Scores {
            scores: scores.iter().map(|score| score.score).collect(),
            pvalues: Some(scores.iter().map(|score| score.pvalue).collect()),
        };
        match &self.score_func {
            ScoreFunction::FClassif => {
                let classes = Classes::several(target, OPERATION)?;
                each(columns, |values| scores::f_classif(values, &classes)).map(tested)
            }
            ScoreFunction::Chi2 => chi2(columns, &Classes::several(target, OPERATION)?).map(tested),
            ScoreFunction::FRegression => {
                let target = trend(target)?;
                each(columns, |values| scores::f_regression(values, &target)).map(tested)
            }
            ScoreFunction::RRegression => {
                let target = trend(target)?;
                let scores = each(columns, |values| scores::correlation(values, &target))?;
                Ok(Scores { scores, pvalues: None })
            }
            ScoreFunction::MutualInfoClassif(options) => {
                let classes = Classes::discrete(target, OPERATION)?;
                let scores = mutual_information(columns, Told::Classes(classes.of_rows()), options)?;
                Ok(Scores { scores, pvalues: None })
            }
            ScoreFunction::MutualInfoRegression(options) => {
                let target = input::target(target, OPERATION)?;
                let scores = mutual_information(columns, Told::Numbers(&target.finite_numbers()?), options)?;
                Ok(Scores { scores, pvalues: None })
            }
        }
    }
}

/// A score for each column, and a p-value where the function has one.
struct Scores {
    scores: Vec<f64>,
    pvalues: Option<Vec<f64>>,
}

/// What a function says of the numbers of each column.
fn each<T>(columns: &[FitColumn], score: impl Fn(&[f64]) -> T) -> Result<Vec<T>> {
    columns.iter().map(|column| Ok(score(&column.finite_numbers()?))).collect()
}

/// A target that may have a trend.
fn trend(target: &ArrayRef) -> Result<Vec<f64>> {
    let target = input::target(target, OPERATION)?;
    let target = target.finite_numbers()?;
    if target.len() < 2 {
        return Err(Error::invalid_input(OPERATION, "table", "a trend needs at least two rows"));
    }
    Ok(target.into_owned())
}

fn chi2(columns: &[FitColumn], classes: &Classes) -> Result<Vec<Score>> {
    let score = |column: &FitColumn| {
        let values = column.finite_numbers()?;
        match values.iter().position(|value| *value < 0.0) {
            Some(row) => Err(column
                .error(format!("row {row} holds {}, and counts are not negative", values[row]))
                .remedy("score the column by f_classif, or bin it first")),
            None => Ok(scores::chi_square(&values, classes)),
        }
    };
    columns.iter().map(score).collect()
}

pub(super) const OPERATION: &str = "fit SelectKBest";

impl Fit for SelectKBest {
    type Fitted = FittedSelectKBest;

    fn learn(&self, training: &Training<'_>) -> Result<FittedSelectKBest> {
        let columns = input::columns(training, OPERATION)?;
        let Scores { scores, pvalues } = self.score(&columns, training)?;
        Ok(FittedSelectKBest { parameters: self.clone(), input: input::schema(&columns)?, scores, pvalues })
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
    pvalues: Option<Vec<f64>>,
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

    /// The p-value of each score (`pvalues_`); correlation and mutual information have none.
    #[must_use]
    pub fn pvalues(&self) -> Option<&[f64]> {
        self.pvalues.as_deref()
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
