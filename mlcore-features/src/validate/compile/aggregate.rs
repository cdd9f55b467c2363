//! What is asked of a column as a whole.

use mlcore::batch::OwnedValue;
use mlcore::schema::DType;

use super::distribution::Compared;
use super::reference::References;
use super::test::{Interval, ValueSet, order};
use crate::validate::{Bounds, Check, Interpolation, Literal, QuantileRange};

/// What is asked of a column as a whole.
#[derive(Debug)]
pub(in crate::validate) enum Ask {
    Unique,
    ZScores { threshold: f64, double_sided: bool },
    Min(Interval),
    Max(Interval),
    Mean(Interval),
    Median(Interval),
    Stdev(Interval),
    Sum(Interval),
    Quantiles(Vec<QuantileRange>, Interpolation),
    DistinctCount(Interval),
    DistinctShare(Interval),
    PresentShare(Interval),
    DistinctIn(ValueSet),
    DistinctContain(Vec<OwnedValue>),
    DistinctEqual(ValueSet, Vec<OwnedValue>),
    MostCommon(ValueSet, bool),
    Newest(f64),
    Distribution(Compared),
}

/// What a column must be watched for, so that all that is asked of it can be answered.
#[derive(Clone, Copy, Default, Debug)]
pub(in crate::validate) struct Needs {
    pub(in crate::validate) extremes: bool,
    pub(in crate::validate) moments: bool,
    pub(in crate::validate) values: bool,
    pub(in crate::validate) value_rows: bool,
    pub(in crate::validate) counts: bool,
}

impl Needs {
    pub(in crate::validate) fn and(self, other: Self) -> Self {
        Self {
            extremes: self.extremes | other.extremes,
            moments: self.moments | other.moments,
            values: self.values | other.values,
            value_rows: self.value_rows | other.value_rows,
            counts: self.counts | other.counts,
        }
    }
}

impl Ask {
    /// What the check asks of a column of this type; `None` for a check of another kind.
    pub(in crate::validate) fn of(
        check: &Check,
        dtype: DType,
        references: &References,
    ) -> Option<Result<Self, String>> {
        let numbers = |bounds: &Bounds| number_bounds(bounds, dtype);
        let set = |literals: &[Literal]| ValueSet::new(literals, dtype);
        Some(match check {
            Check::ColumnValuesToBeUnique { .. } => Ok(Self::Unique),
            Check::ColumnValueZScoresToBeLessThan { threshold, double_sided, .. } => {
                number(dtype).map(|()| Self::ZScores { threshold: *threshold, double_sided: *double_sided })
            }
            Check::ColumnMinToBeBetween { bounds, .. } => Interval::new(bounds, dtype).map(Self::Min),
            Check::ColumnMaxToBeBetween { bounds, .. } => Interval::new(bounds, dtype).map(Self::Max),
            Check::ColumnMeanToBeBetween { bounds, .. } => numbers(bounds).map(Self::Mean),
            Check::ColumnMedianToBeBetween { bounds, .. } => numbers(bounds).map(Self::Median),
            Check::ColumnStdevToBeBetween { bounds, .. } => numbers(bounds).map(Self::Stdev),
            Check::ColumnSumToBeBetween { bounds, .. } => numbers(bounds).map(Self::Sum),
            Check::ColumnQuantileValuesToBeBetween { quantile_ranges, interpolation, .. } => {
                number(dtype).map(|()| Self::Quantiles(quantile_ranges.clone(), *interpolation))
            }
            Check::ColumnUniqueValueCountToBeBetween { bounds, .. } => {
                Interval::of_numbers(bounds).map(Self::DistinctCount)
            }
            Check::ColumnProportionOfUniqueValuesToBeBetween { bounds, .. } => {
                Interval::of_numbers(bounds).map(Self::DistinctShare)
            }
            Check::ColumnProportionOfNonNullValuesToBeBetween { bounds, .. } => {
                Interval::of_numbers(bounds).map(Self::PresentShare)
            }
            Check::ColumnDistinctValuesToBeInSet { value_set, .. } => set(value_set).map(Self::DistinctIn),
            Check::ColumnDistinctValuesToContainSet { value_set, .. } => {
                sorted(value_set, dtype).map(Self::DistinctContain)
            }
            Check::ColumnDistinctValuesToEqualSet { value_set, .. } => {
                set(value_set).and_then(|set| Ok(Self::DistinctEqual(set, sorted(value_set, dtype)?)))
            }
            Check::ColumnMostCommonValueToBeInSet { value_set, ties_okay, .. } => {
                set(value_set).map(|set| Self::MostCommon(set, *ties_okay))
            }
            Check::ColumnNewestValueToBeWithin { max_age_seconds, .. } => match dtype {
                DType::Date | DType::Timestamp(..) => Ok(Self::Newest(*max_age_seconds)),
                other => {
                    Err(format!("the column is of type {other}, and only a date or a timestamp has an age"))
                }
            },
            Check::ColumnDistributionToMatchReference { reference, measure, threshold, .. } => references
                .find(reference)
                .and_then(|reference| Compared::new(reference, *measure, *threshold, dtype))
                .map(Self::Distribution),
            _ => return None,
        })
    }

    pub(in crate::validate) fn needs(&self) -> Needs {
        let none = Needs::default();
        match self {
            Self::Unique
            | Self::DistinctCount(_)
            | Self::DistinctShare(_)
            | Self::DistinctIn(_)
            | Self::DistinctContain(_)
            | Self::DistinctEqual(..)
            | Self::MostCommon(..) => Needs { counts: true, ..none },
            Self::ZScores { .. } => Needs { moments: true, values: true, value_rows: true, ..none },
            Self::Min(_) | Self::Max(_) | Self::Newest(_) => Needs { extremes: true, ..none },
            Self::Mean(_) | Self::Stdev(_) | Self::Sum(_) => Needs { moments: true, ..none },
            Self::Median(_) | Self::Quantiles(..) => Needs { values: true, ..none },
            Self::PresentShare(_) => none,
            Self::Distribution(compared) if compared.is_of_numbers() => Needs { values: true, ..none },
            Self::Distribution(_) => Needs { counts: true, ..none },
        }
    }
}

fn number(dtype: DType) -> Result<(), String> {
    if dtype.is_numeric() {
        Ok(())
    } else {
        Err(format!("the column is of type {dtype}, and numbers are needed"))
    }
}

fn number_bounds(bounds: &Bounds, dtype: DType) -> Result<Interval, String> {
    number(dtype).and_then(|()| Interval::of_numbers(bounds))
}

/// The values in the type of the column, in ascending order, each once.
fn sorted(literals: &[Literal], dtype: DType) -> Result<Vec<OwnedValue>, String> {
    let values = literals.iter().map(|literal| literal.in_column(dtype)).collect::<Result<Vec<_>, String>>();
    values.map(|mut values| {
        values.sort_by(order);
        values.dedup_by(|a, b| order(a, b).is_eq());
        values
    })
}
