//! The lengths of texts.

use mlcore::arrow::array::{Array, RecordBatch};
use mlcore::stats::{KsOptions, ks_2samp};
use mlcore::{Result, interrupt};
use serde::{Deserialize, Serialize};

use super::asked::{self, shared_options};
use super::rows::Rows;
use super::texts::{arrays, no_rows, text_columns};
use super::{CompiledTableTest, Contribution, Reads, TableScore, TableTest};
use crate::catalog::TestOptions;
use crate::two_sample::{Effect, Score};

/// The test of Kolmogorov and Smirnov of how long texts are, in characters: for columns of text.
///
/// The statistic is the largest of the columns' largest differences of distribution functions; the p-value is the smallest of
/// theirs, times the number of columns (Bonferroni). It takes time of the characters and eight bytes for each text.
///
/// **Effect.** The statistic, D, from 0 to 1; 0.1 is the threshold, as for numbers. **Columns.** A column's share is its part of the
/// sum of all D.
///
/// Source: Evidently 0.7.23, `TextLength`, which counts the same characters; scipy's `ks_2samp`.
///
/// ```
/// use std::sync::Arc;
///
/// use mlcore::arrow::array::{RecordBatch, StringArray};
/// use mlcore_drift::table::{TableTest, TextLength};
///
/// let table = |longest: usize| {
///     let texts = StringArray::from_iter_values((0..200).map(|i| "word ".repeat(1 + i % longest)));
///     RecordBatch::try_from_iter([("review", Arc::new(texts) as _)])
/// };
/// let score = TextLength::default().compare(&table(10)?, &table(20)?)?.score;
/// assert!(score.statistic == 0.5 && score.pvalue.is_some_and(|p| p < 1e-9));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TextLength {
    #[serde(skip_serializing_if = "Option::is_none")]
    columns: Option<Vec<String>>,
    minimum_effect: f64,
}

impl Default for TextLength {
    fn default() -> Self {
        Self { columns: None, minimum_effect: 0.1 }
    }
}

shared_options! { TextLength: columns, minimum_effect }

impl TableTest for TextLength {
    fn name(&self) -> &str {
        "text_length"
    }

    fn reads(&self) -> Reads {
        Reads::Texts
    }

    fn options(&self) -> Result<TestOptions> {
        TestOptions::of(self)
    }

    fn legend(&self) -> &str {
        "Text length: the largest difference between the shares of texts up to a length; 0.1 is small and 0.5 large."
    }

    fn default_minimum_effect(&self) -> f64 {
        self.minimum_effect
    }

    fn compile(&self, reference: &RecordBatch) -> Result<Box<dyn CompiledTableTest>> {
        asked::require_size(OPERATION, "minimum_effect", self.minimum_effect, 0.1)?;
        let asked = self.columns.as_ref();
        let columns = asked::columns(OPERATION, asked, reference, text_columns, "column of text")?;
        let lengths = lengths("reference", reference, &columns)?;
        Ok(Box::new(Compiled { columns, lengths }))
    }
}

/// The characters of each text, in place of the texts.
fn lengths(side: &'static str, table: &RecordBatch, columns: &[String]) -> Result<Rows> {
    let arrays = arrays(OPERATION, table, columns)?;
    let count = table.num_rows();
    if !(0..count).any(|row| arrays.iter().all(|array| array.is_valid(row))) {
        interrupt::check(OPERATION)?;
        return Err(no_rows(OPERATION, side, count));
    }
    let whole = |row: usize, to: &mut Vec<f64>| {
        arrays.iter().all(|array| {
            let length = array.is_valid(row).then(|| array.value(row).chars().count() as f64);
            length.map(|length| to.push(length)).is_some()
        })
    };
    Rows::gathered(OPERATION, side, count, &vec![1; columns.len()], whole)
}

#[derive(Debug)]
struct Compiled {
    columns: Vec<String>,
    lengths: Rows,
}

impl CompiledTableTest for Compiled {
    fn columns(&self) -> &[String] {
        &self.columns
    }

    fn compare(&self, current: &RecordBatch) -> Result<TableScore> {
        let current = lengths("current", current, &self.columns)?;
        let (mut largest, mut pvalue, mut parts) = (0.0_f64, 1.0_f64, Vec::new());
        for (place, name) in self.columns.iter().enumerate() {
            let [before, after]: [Vec<f64>; 2] =
                [&self.lengths, &current].map(|lengths| lengths.component(place).collect());
            let found = ks_2samp(&before, &after, &KsOptions::default())?;
            largest = largest.max(found.statistic);
            pvalue = pvalue.min(found.pvalue * self.columns.len() as f64);
            parts.push((name, found.statistic));
        }
        let total: f64 = parts.iter().map(|(_, difference)| difference).sum();
        let share = |difference: f64| if total > 0.0 { difference / total } else { 0.0 };
        let parts: Vec<Contribution> =
            parts.into_iter().map(|(name, difference)| Contribution::new(name, share(difference))).collect();
        let score = Score::new(largest, Effect::new("D", largest))
            .with_pvalue(pvalue)
            .with_reference_len(self.lengths.len() as u64)
            .with_current_len(current.len() as u64)
            .with_notes(asked::notes(&self.lengths, self.lengths.len(), &current, current.len()));
        Ok(TableScore::new(score, parts))
    }
}

const OPERATION: &str = "compare with text_length";
