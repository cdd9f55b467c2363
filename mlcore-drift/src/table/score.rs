//! The answer of a test of tables.

use serde::{Deserialize, Serialize};

use crate::two_sample::Score;

/// The answer of a [`TableTest`](super::TableTest): a score, and the columns that carry the change.
///
/// ```
/// use mlcore_drift::table::{Contribution, TableScore};
/// use mlcore_drift::two_sample::{Effect, Score};
///
/// let parts = [Contribution::new("age", 0.1), Contribution::new("income", 0.7)];
/// let score = TableScore::new(Score::new(3.2, Effect::new("distance", 0.4)), parts);
/// assert_eq!(score.columns[0].column, "income");
/// ```
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[non_exhaustive]
pub struct TableScore {
    /// Statistic, p-value and effect; its lengths are the rows of each table that entered.
    pub score: Score,
    /// The columns that carry the change, the largest share first, without those that carry nothing.
    pub columns: Vec<Contribution>,
}

/// How much of a change one column carries.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Contribution {
    /// The column.
    pub column: String,
    /// The part of the statistic that goes with the column. Columns that say the same carry less than one of them alone
    /// would, so that the parts need not add up to 1.
    pub share: f64,
}

impl TableScore {
    /// A score that these columns carry, in any order.
    #[must_use]
    pub fn new(score: Score, columns: impl IntoIterator<Item = Contribution>) -> Self {
        let mut columns: Vec<Contribution> = columns.into_iter().filter(|part| part.share > 0.0).collect();
        columns.sort_by(|a, b| b.share.total_cmp(&a.share).then_with(|| a.column.cmp(&b.column)));
        Self { score, columns }
    }
}

impl Contribution {
    /// The part of the change that `column` carries.
    #[must_use]
    pub fn new(column: impl Into<String>, share: f64) -> Self {
        Self { column: column.into(), share }
    }
}
