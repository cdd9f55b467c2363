//! Tests of whole rows, judged beside those of single columns.

use std::sync::Arc;

use mlcore::arrow::array::RecordBatch;
use mlcore::{Error, Result};

use super::verdict::{Outcome, TableVerdict};
use crate::catalog::{Catalog, TableTestSpec};
use crate::table::TableTest;

/// The tests of tables that were asked for, in their order.
pub(crate) fn table_tests(specs: &[TableTestSpec], catalog: &Catalog) -> Result<Vec<Arc<dyn TableTest>>> {
    specs.iter().map(|spec| spec.test(catalog)).collect()
}

/// What each test says, before p-values are corrected and anything is judged.
pub(crate) fn compare_tables(
    tests: &[Arc<dyn TableTest>],
    reference: &RecordBatch,
    current: &RecordBatch,
    min_samples: u64,
) -> Result<Vec<TableVerdict>> {
    let compare = |test: &Arc<dyn TableTest>| {
        let compiled = test.compile(reference)?;
        let answer = match compiled.compare(current) {
            Ok(score) => Ok(score),
            // A table that cannot be compared is a finding of a report, and no reason to have none.
            Err(Error::InvalidInput(context)) => Err(context.problem().to_owned()),
            Err(other) => return Err(other),
        };
        let enough = |score: &crate::table::TableScore| {
            score.score.reference_len.min(score.score.current_len) >= min_samples
        };
        let (score, reason) = match answer {
            Ok(score) if enough(&score) => (Some(score), String::new()),
            Ok(_) => (None, format!("fewer than {min_samples} complete rows on one side")),
            Err(problem) => (None, problem),
        };
        Ok(TableVerdict {
            test: test.name().to_owned(),
            columns: compiled.columns().to_vec(),
            outcome: Outcome::InsufficientData,
            score,
            pvalue_adjusted: None,
            threshold: test.default_minimum_effect(),
            sentence: reason,
        })
    };
    tests.iter().map(compare).collect()
}
