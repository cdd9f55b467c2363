//! A verdict as an Arrow table.

use std::sync::Arc;

use mlcore::arrow::array::{ArrayRef, Float64Array, RecordBatch, StringArray};
use mlcore::{Error, Result};

use super::verdict::{ColumnVerdict, Verdict};
use crate::two_sample::Score;

impl Verdict {
    /// The tests as a table, one row each: `column`, `kind`, `test`, `outcome`, `statistic`, `pvalue`,
    /// `pvalue_adjusted`, `effect_name`, `effect`, `threshold`, `sentence`. What a test does not have is null.
    ///
    /// # Errors
    /// [`Error::Internal`] only.
    pub fn to_table(&self) -> Result<RecordBatch> {
        let texts = |text: fn(&ColumnVerdict) -> Option<String>| -> ArrayRef {
            Arc::new(self.columns.iter().map(text).collect::<StringArray>())
        };
        let numbers = |number: fn(&ColumnVerdict) -> Option<f64>| -> ArrayRef {
            Arc::new(self.columns.iter().map(number).collect::<Float64Array>())
        };
        fn score(column: &ColumnVerdict) -> Option<&Score> {
            column.score.as_ref()
        }
        let columns = [
            ("column", texts(|column| Some(column.column.clone()))),
            ("kind", texts(|column| Some(column.kind.to_string()))),
            ("test", texts(|column| Some(column.test.clone()))),
            ("outcome", texts(|column| Some(column.outcome.to_string()))),
            ("statistic", numbers(|column| Some(score(column)?.statistic))),
            ("pvalue", numbers(|column| score(column)?.pvalue)),
            ("pvalue_adjusted", numbers(|column| column.pvalue_adjusted)),
            ("effect_name", texts(|column| Some(score(column)?.effect.name.to_string()))),
            ("effect", numbers(|column| Some(score(column)?.effect.value))),
            ("threshold", numbers(|column| Some(column.threshold))),
            ("sentence", texts(|column| Some(column.sentence.clone()))),
        ];
        RecordBatch::try_from_iter_with_nullable(columns.map(|(name, column)| (name, column, true)))
            .map_err(|cause| Error::internal("make table", "verdict", cause.to_string()).caused_by(cause))
    }
}
