//! Tests of many columns at once: whether the joint distribution changed, and which columns carry the change.
//!
//! Each column may keep its distribution while their relation changes: height and weight that were one person's come to
//! be two persons'. A [`TableTest`] compares whole rows. A [`report`](crate::report::report) makes the table tests that it
//! is asked for; a [`Monitor`](crate::Monitor) makes none, because its window keeps columns apart, in a few bytes per value:
//! gather the rows of a window and hand them to a [`CompiledTableTest`].
//!
//! | test | what it sees | anchor | cost of `n` rows of each table, `d` columns, `p` exchanges | what differs on purpose |
//! |---|---|---|---|---|
//! | [`Energy`] | any change of numbers and vectors | dcor 0.7 | `n^2 (d + p / 4)`, memory `64 n^2` bytes | columns are standardised; rows are drawn |
//! | [`Mmd`] | any change; narrow ones better | alibi-detect 0.13, Evidently 0.7.23 | `n^2 (2 d + p / 4)`, memory `64 n^2` bytes; linear: `n d` | the p-value counts itself, so that it is never 0; standardised; with many equal rows the median is of those that differ |
//! | [`Lsdd`] | any change; wide ones better | alibi-detect 0.13 | `n b (d + p)` of `b` centres | centres of both tables, none set aside: equal tables have a statistic of 0, and the p-value is exact; constant columns are not divided by 1e-12 |
//! | [`PcaReconstruction`] | relations of columns that break, changes of size | NannyML 0.13.1 | `n d^2 + d^3` | a p-value, where NannyML has a band; changes along the kept components count, too; incomplete rows are left out unless `impute` |
//! | `DomainClassifier` (feature `classifier`) | any change, of categories, too | NannyML 0.13.1, Evidently 0.7.23 | trees times `n log n` times the root of `d` | a forest on ranks; an interval and a p-value; folds are drawn |
//! | [`EmbeddingDistance`] | shifts of mean vectors | Evidently 0.7.23 | `n d p` | exchanges of rows in the place of the reference's bootstrap: a p-value |
//! | [`EmbeddingRatio`] | changes of single components | Evidently 0.7.23 | `n d (p + log n)` | a p-value, and an effect less what chance gives |
//! | [`TextLength`] | longer and shorter texts | Evidently 0.7.23, scipy | characters | all columns of text at once, corrected by Bonferroni |
//! | [`TextVocabulary`] | new words | Evidently 0.7.23 | characters | the reference's vocabulary instead of an English dictionary; what it lacks by chance is subtracted |
//! | [`TextClassifier`] | any change of texts | Evidently 0.7.23 | characters | n-grams of characters instead of English words; cross-validation; an interval and a p-value |
//!
//! Evidently's four methods of embeddings are [`EmbeddingDistance`], [`EmbeddingRatio`], [`Mmd::evidently`] and
//! `DomainClassifier` with the model `linear`; its option `pca_components` is not here. Columns of vectors (lists of one length) are
//! read by every test of numbers.
//!
//! **Categories** are read by [`PcaReconstruction`] (as their share of the reference's rows, which is NannyML's encoding, so that two
//! categories of one share are one) and by `DomainClassifier` (by alphabetical place, as NannyML's, which a tree cuts apart). Tests that
//! measure distances leave them out, because a distance between categories is a choice that nobody made.

mod asked;
mod auc;
#[cfg(feature = "classifier")]
mod domain_classifier;
mod embedding_distance;
mod embedding_ratio;
mod energy;
mod lsdd;
mod mixed;
mod mmd;
mod pairs;
mod pca_reconstruction;
mod rows;
mod score;
mod symmetric;
mod text_classifier;
mod text_length;
mod text_vocabulary;
mod texts;

use std::fmt;

use mlcore::Result;
use mlcore::arrow::array::RecordBatch;

#[cfg(feature = "classifier")]
pub use self::domain_classifier::Model;
pub use self::embedding_distance::Metric;
pub use self::embedding_ratio::ComponentTest;
pub use self::mmd::{Bandwidth, Estimate};
pub use self::score::{Contribution, TableScore};
use crate::catalog::{Catalog, TestOptions};

/// The list of tests of tables: each gets its type in this module, and its name in
/// [`Catalog::default`](crate::catalog::Catalog).
macro_rules! table_tests {
    ($($(#[$gate:meta])? $module:ident::$test:ident),+ $(,)?) => {
        $($(#[$gate])? pub use self::$module::$test;)+

        pub(crate) fn with_table_tests(catalog: Catalog) -> Catalog {
            $($(#[$gate])? let catalog = catalog.with_table_test_of::<$test>();)+
            catalog
        }
    };
}

table_tests! {
    #[cfg(feature = "classifier")] domain_classifier::DomainClassifier,
    embedding_distance::EmbeddingDistance,
    embedding_ratio::EmbeddingRatio,
    energy::Energy,
    lsdd::Lsdd,
    mmd::Mmd,
    pca_reconstruction::PcaReconstruction,
    text_classifier::TextClassifier,
    text_length::TextLength,
    text_vocabulary::TextVocabulary,
}

/// What the columns of a table hold that a [`TableTest`] reads.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub enum Reads {
    /// Numbers, and maybe vectors and categories.
    #[default]
    Numbers,
    /// Texts.
    Texts,
}

/// A two-sample test of whole rows.
///
/// # Contract
/// `mlcore_drift::conformance::table_test` (feature `conformance`) demands what stands here and nothing else, with tables of
/// what the test [reads](Self::reads); texts shift by as many new words as numbers do by standard deviations. Numbers are equal that differ by at most [`TOLERANCE`](crate::two_sample::TOLERANCE), of the larger one or of
/// 1.
///
/// - **Rows have no order**, columns are found by their names, and other columns than those of the reference do not
///   matter.
/// - **Repeatable.** The same two tables score the same to the bit; a test that draws random numbers takes a seed as an
///   option. [`compile`](Self::compile), then [`compare`](CompiledTableTest::compare), gives the score of
///   [`compare`](Self::compare).
/// - **Ranges.** The statistic is not NaN, a p-value lies in `[0, 1]`, effect and shares are 0 or more, the columns stand
///   with the largest share first, and the score says how many rows of each table entered.
/// - **No change.** Identical tables, if all their rows enter, have an effect of 0 and, where there is one, a p-value of at least 0.2.
/// - **A change.** Of two shifts of one column in a few hundred rows the larger has no smaller effect and no larger p-value;
///   a shift by three standard deviations reaches [`default_minimum_effect`](Self::default_minimum_effect), with a p-value
///   of at most 0.01, and the first column that the score names is the one that was shifted.
/// - **Size is not certainty.** The same change in five times as many rows has 0.4 to 2.5 times the effect.
/// - **Missing values** make a row incomplete, and incomplete rows do not enter; a test that can use them says so.
/// - **Refused** as [`Error::InvalidInput`](mlcore::Error::InvalidInput) is a table without a complete row, and as
///   [`Error::SchemaMismatch`](mlcore::Error::SchemaMismatch) a current table that lacks a column of the reference.
/// - **Odd tables** (constants, single rows, infinities) get an answer or
///   [`Error::InvalidInput`](mlcore::Error::InvalidInput). Nothing panics.
///
/// ```
/// use std::sync::Arc;
///
/// use mlcore::arrow::array::{ArrayRef, Float64Array, RecordBatch};
/// use mlcore_drift::table::{Energy, TableTest};
///
/// // Each column keeps its values; what they have to do with each other changes.
/// let table = |step: u32| {
///     let column = |step: u32| -> ArrayRef {
///         Arc::new(Float64Array::from_iter_values((0..300).map(|i| f64::from(i * step % 300))))
///     };
///     let steady = Arc::new(Float64Array::from_iter_values((0..300).map(|i| f64::from(i * 7 % 300))));
///     RecordBatch::try_from_iter([("height", column(1)), ("weight", column(step)), ("age", steady)])
/// };
/// let score = Energy::default().compare(&table(1)?, &table(299)?)?;
/// assert!(score.score.pvalue.is_some_and(|p| p <= 0.01));
/// let carriers: Vec<&str> = score.columns.iter().take(2).map(|part| part.column.as_str()).collect();
/// assert!(!carriers.contains(&"age"), "{score:?}");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait TableTest: fmt::Debug + Send + Sync {
    /// The name in verdicts and reports: `energy`.
    fn name(&self) -> &str;

    /// Which columns it reads unless it is told: the conformance suite makes its tables of them.
    fn reads(&self) -> Reads {
        Reads::Numbers
    }

    /// The options that make this test again under its name: as
    /// [`DriftTest::options`](crate::two_sample::DriftTest::options).
    ///
    /// # Errors
    /// [`Error::InvalidInput`](mlcore::Error::InvalidInput) for options that do not serialise.
    fn options(&self) -> Result<TestOptions> {
        Ok(TestOptions::default())
    }

    /// A sentence for readers of a report: what its effect measures, and which sizes are small or large. Empty for none.
    fn legend(&self) -> &str {
        ""
    }

    /// The smallest effect that a report calls drift unless told otherwise.
    fn default_minimum_effect(&self) -> f64;

    /// Prepares a reference once, to be compared with many current tables.
    ///
    /// # Errors
    /// [`Error::InvalidInput`](mlcore::Error::InvalidInput) for a table without a complete row, or without a column that the
    /// test reads.
    fn compile(&self, reference: &RecordBatch) -> Result<Box<dyn CompiledTableTest>>;

    /// Compares two tables.
    ///
    /// # Errors
    /// As [`compile`](Self::compile) and [`CompiledTableTest::compare`].
    fn compare(&self, reference: &RecordBatch, current: &RecordBatch) -> Result<TableScore> {
        self.compile(reference)?.compare(current)
    }
}

/// A [`TableTest`] with its reference ready.
///
/// ```
/// use std::sync::Arc;
///
/// use mlcore::arrow::array::{ArrayRef, AsArray, Float64Array, RecordBatch};
/// use mlcore::arrow::datatypes::Float64Type;
/// use mlcore::{Error, Result};
/// use mlcore_drift::table::{CompiledTableTest, Contribution, TableScore, TableTest};
/// use mlcore_drift::two_sample::{Effect, Score};
///
/// /// Compares how often income and spending have the same sign.
/// #[derive(Debug)]
/// struct SameSign;
///
/// #[derive(Debug)]
/// struct Compiled {
///     columns: [String; 2],
///     reference: (f64, u64),
/// }
///
/// const OPERATION: &str = "compare with same_sign";
///
/// /// The share of the complete rows whose numbers have the same sign, and how many complete rows there are.
/// fn same_sign(table: &RecordBatch, columns: &[String; 2]) -> Result<(f64, u64)> {
///     let numbers = |name: &String| {
///         let column = table.column_by_name(name).and_then(|column| column.as_primitive_opt::<Float64Type>());
///         column.ok_or_else(|| Error::schema_mismatch(OPERATION, name.as_str(), "no such column of float64"))
///     };
///     let [a, b] = columns;
///     let pairs = numbers(a)?.iter().zip(numbers(b)?.iter());
///     let complete: Vec<(f64, f64)> = pairs.filter_map(|(a, b)| Some((a?, b?))).collect();
///     if complete.is_empty() {
///         return Err(Error::invalid_input(OPERATION, "table", "it has no complete row"));
///     }
///     let same = complete.iter().filter(|(a, b)| a.signum() == b.signum()).count();
///     Ok((same as f64 / complete.len() as f64, complete.len() as u64))
/// }
///
/// impl TableTest for SameSign {
///     fn name(&self) -> &str {
///         "same_sign"
///     }
///
///     fn default_minimum_effect(&self) -> f64 {
///         0.1
///     }
///
///     fn compile(&self, reference: &RecordBatch) -> Result<Box<dyn CompiledTableTest>> {
///         let columns = ["income", "spending"].map(str::to_owned);
///         Ok(Box::new(Compiled { reference: same_sign(reference, &columns)?, columns }))
///     }
/// }
///
/// impl CompiledTableTest for Compiled {
///     fn columns(&self) -> &[String] {
///         &self.columns
///     }
///
///     fn compare(&self, current: &RecordBatch) -> Result<TableScore> {
///         let (before, (share, rows)) = (self.reference, same_sign(current, &self.columns)?);
///         let difference = (share - before.0).abs();
///         let score = Score::new(difference, Effect::new("difference of shares", difference))
///             .with_reference_len(before.1)
///             .with_current_len(rows);
///         Ok(TableScore::new(score, self.columns.iter().map(|column| Contribution::new(column, difference / 2.0))))
///     }
/// }
///
/// let table = |spending: [f64; 2]| {
///     let column = |numbers: [f64; 2]| -> ArrayRef { Arc::new(Float64Array::from(numbers.to_vec())) };
///     RecordBatch::try_from_iter([("income", column([1.0, -1.0])), ("spending", column(spending))]).unwrap()
/// };
/// let score = SameSign.compare(&table([1.0, -1.0]), &table([-1.0, -1.0]))?;
/// assert_eq!(score.score.effect.value, 0.5);
/// # Ok::<(), mlcore::Error>(())
/// ```
pub trait CompiledTableTest: fmt::Debug + Send + Sync {
    /// The columns that it reads.
    fn columns(&self) -> &[String];

    /// Compares the reference with `current`.
    ///
    /// # Errors
    /// [`Error::SchemaMismatch`](mlcore::Error::SchemaMismatch) for a table that lacks a column or has it in another kind,
    /// [`Error::InvalidInput`](mlcore::Error::InvalidInput) for one without a complete row.
    fn compare(&self, current: &RecordBatch) -> Result<TableScore>;
}
