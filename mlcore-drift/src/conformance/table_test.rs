//! The contract of [`TableTest`].

use std::sync::Arc;

use mlcore::arrow::array::{ArrayRef, Float64Array, RecordBatch, StringArray};
use mlcore::stats::SplitMix64;
use mlcore::{Error, Result};

use super::numbers::same;
use super::{assert_larger_scores_higher, assert_no_change, assert_steady};
use crate::table::{Reads, TableScore, TableTest};

/// Checks every promise of [`TableTest`], on tables of numbers or of texts.
///
/// # Panics
/// At the first promise that `test` breaks.
pub fn table_test(test: &dyn TableTest) {
    let name = test.name();
    assert!(!name.is_empty(), "a test has a name");
    let minimum = test.default_minimum_effect();
    assert!(minimum > 0.0 && minimum.is_finite(), "{name}: the default smallest effect is {minimum}");
    let suite = Suite { test };
    suite.a_score_says_how_many_rows_entered();
    suite.the_same_tables_score_the_same();
    suite.rows_have_no_order_and_columns_have_names();
    suite.identical_tables_do_not_differ();
    suite.larger_changes_score_higher_and_are_named();
    suite.effects_do_not_grow_with_rows();
    suite.incomplete_rows_do_not_enter();
    suite.what_cannot_be_compared_is_refused();
    suite.odd_tables_are_answered();
}

struct Suite<'a> {
    test: &'a dyn TableTest,
}

const COLUMNS: [&str; 3] = ["a", "b", "c"];

/// Three columns of normal numbers, the second one shifted; of shifts alone for texts, which are drawn by them.
fn columns(reads: Reads, rows: usize, shift: f64, seed: u64) -> [Vec<f64>; 3] {
    let mut random = SplitMix64::new(seed);
    let mut drawn = || -> Vec<f64> {
        let drawn =
            (0..rows).map(|_| if reads == Reads::Texts { random.uniform() * 0.09 } else { random.normal() });
        drawn.collect()
    };
    let [a, b, c] = [drawn(), drawn(), drawn()];
    [a, b.into_iter().map(|value| value + shift).collect(), c]
}

fn array(reads: Reads, values: &[f64]) -> ArrayRef {
    match reads {
        Reads::Texts => Arc::new(StringArray::from_iter(values.iter().map(|value| text(*value)))),
        Reads::Numbers => Arc::new(Float64Array::from_iter_values(values.iter().copied())),
    }
}

/// Words that are drawn by a number; of a shift of three half are new, and twice as many.
fn text(value: f64) -> Option<String> {
    if value.is_nan() {
        return None;
    }
    let shift = (value * 10.0).floor().clamp(0.0, 60.0) / 10.0;
    let mut random = SplitMix64::new(value.to_bits());
    let count = 5 + random.below(4) + (2.0 * shift) as usize;
    let word = |_| {
        let book = if random.uniform() < shift / 6.0 { "abcdefgh" } else { "stuvwxyz" };
        let letter = || book.chars().nth(random.below(8)).unwrap_or('a');
        std::iter::repeat_with(letter).take(2).collect::<String>()
    };
    Some((0..count).map(word).collect::<Vec<_>>().join(" "))
}

fn batch<'a>(columns: impl IntoIterator<Item = (&'a str, ArrayRef)>) -> RecordBatch {
    RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, array)| (name, array, true)))
        .unwrap_or_else(|error| panic!("the suite's own table cannot be made: {error}"))
}

impl Suite<'_> {
    fn columns(&self, rows: usize, shift: f64, seed: u64) -> [Vec<f64>; 3] {
        columns(self.test.reads(), rows, shift, seed)
    }

    fn array(&self, values: &[f64]) -> ArrayRef {
        array(self.test.reads(), values)
    }

    fn table(&self, columns: &[Vec<f64>]) -> RecordBatch {
        batch(COLUMNS.iter().zip(columns).map(|(name, values)| (*name, self.array(values))))
    }

    fn answered<T>(&self, answer: Result<T>) -> T {
        answer.unwrap_or_else(|error| panic!("{}: no answer: {error}", self.test.name()))
    }

    /// The score of either way of comparing, its numbers in range.
    fn score(&self, reference: &RecordBatch, current: &RecordBatch) -> TableScore {
        let name = self.test.name();
        let found = self.answered(self.test.compare(reference, current));
        let compiled = self.answered(self.test.compile(reference));
        assert!(!compiled.columns().is_empty(), "{name}: it reads no column");
        let score = &found.score;
        assert!(score.effect.value >= 0.0, "{name}: the effect is {}", score.effect.value);
        assert!(
            score.pvalue.is_none_or(|p| (0.0..=1.0).contains(&p)),
            "{name}: the p-value is {:?}",
            score.pvalue
        );
        assert!(!score.statistic.is_nan(), "{name}: the statistic is NaN");
        let shares: Vec<f64> = found.columns.iter().map(|part| part.share).collect();
        assert!(
            shares.iter().all(|share| *share >= 0.0) && shares.windows(2).all(|pair| pair[0] >= pair[1]),
            "{name}: the shares of the columns are {shares:?}"
        );
        assert!(
            found.columns.iter().all(|part| compiled.columns().contains(&part.column)),
            "{name}: it names columns that it does not read: {:?}",
            found.columns
        );
        let again = self.answered(compiled.compare(current));
        assert!(same(score, &again.score), "{name}: compiling changes the score: {found:?}, {again:?}");
        found
    }

    fn pair(&self) -> (RecordBatch, RecordBatch) {
        (self.table(&self.columns(300, 0.0, 1)), self.table(&self.columns(200, 0.7, 2)))
    }

    fn a_score_says_how_many_rows_entered(&self) {
        let (reference, current) = self.pair();
        let score = self.score(&reference, &current).score;
        assert_eq!(
            (score.reference_len, score.current_len),
            (300, 200),
            "{}: the rows of reference and current table",
            self.test.name()
        );
    }

    fn the_same_tables_score_the_same(&self) {
        let (reference, current) = self.pair();
        let compiled = self.answered(self.test.compile(&reference));
        let other = self.table(&self.columns(100, 2.0, 3));
        let [first, _, third] =
            [&current, &other, &current].map(|current| self.answered(compiled.compare(current)));
        assert_eq!(first, third, "{}: a comparison changes the next one", self.test.name());
    }

    fn rows_have_no_order_and_columns_have_names(&self) {
        let (name, (reference, _)) = (self.test.name(), self.pair());
        let [a, b, c] = self.columns(200, 0.7, 2);
        let straight = self.score(&reference, &self.table(&[a.clone(), b.clone(), c.clone()]));
        let reversed = |values: &[f64]| -> Vec<f64> { values.iter().rev().copied().collect() };
        let other = self.score(&reference, &self.table(&[reversed(&a), reversed(&b), reversed(&c)]));
        assert!(same(&straight.score, &other.score), "{name}: the order of rows matters");
        let names: ArrayRef = Arc::new(StringArray::from_iter_values((0..200).map(|row| row.to_string())));
        let more = batch([
            ("z", self.array(&a)),
            ("c", self.array(&c)),
            ("id", names),
            ("b", self.array(&b)),
            ("a", self.array(&a)),
        ]);
        let other = self.score(&reference, &more);
        assert!(
            same(&straight.score, &other.score),
            "{name}: the order of columns, or a column that the reference does not have, matters"
        );
    }

    fn identical_tables_do_not_differ(&self) {
        let reference = self.table(&self.columns(300, 0.0, 1));
        let score = self.score(&reference, &reference).score;
        assert_no_change(self.test.name(), &score);
    }

    fn larger_changes_score_higher_and_are_named(&self) {
        let reference = self.table(&self.columns(300, 0.0, 1));
        let [small, large] =
            [0.5, 3.0].map(|shift| self.score(&reference, &self.table(&self.columns(300, shift, 2))));
        let (name, first) = (self.test.name(), large.columns.first().map(|part| part.column.as_str()));
        let minimum = self.test.default_minimum_effect();
        assert_larger_scores_higher(name, minimum, &small.score, &large.score);
        assert_eq!(first, Some("b"), "{name}: the column that was shifted does not come first");
    }

    fn effects_do_not_grow_with_rows(&self) {
        let effect = |rows| {
            let (reference, current) =
                (self.table(&self.columns(rows, 0.0, 1)), self.table(&self.columns(rows, 1.0, 2)));
            self.score(&reference, &current).score.effect.value
        };
        let (few, many) = (effect(100), effect(500));
        assert_steady(self.test.name(), few, many);
    }

    fn incomplete_rows_do_not_enter(&self) {
        let (reference, current) = self.pair();
        let [mut a, mut b, mut c] = self.columns(200, 0.7, 2);
        for (column, values) in [&mut a, &mut b, &mut c].into_iter().enumerate() {
            values.extend((0..30).map(|row| if row % 3 == column { f64::NAN } else { 50.0 }));
        }
        let (whole, gappy) =
            (self.score(&reference, &current), self.score(&reference, &self.table(&[a, b, c])));
        let name = self.test.name();
        assert!(same(&whole.score, &gappy.score), "{name}: incomplete rows enter: {whole:?}, {gappy:?}");
    }

    fn what_cannot_be_compared_is_refused(&self) {
        let ((reference, current), name) = (self.pair(), self.test.name());
        let gaps = vec![f64::NAN; 5];
        for silent in [reference.slice(0, 0), self.table(&[gaps.clone(), gaps.clone(), gaps])] {
            for (reference, current) in [(&silent, &current), (&reference, &silent), (&silent, &silent)] {
                match self.test.compare(reference, current) {
                    Err(Error::InvalidInput(_)) => {}
                    other => panic!("{name}: a table without a complete row: {other:?}"),
                }
            }
        }
        let fewer = batch([("a", self.array(&[1.0, 2.0])), ("c", self.array(&[1.0, 2.0]))]);
        match self.test.compare(&reference, &fewer) {
            Err(Error::SchemaMismatch(_)) => {}
            other => panic!("{name}: a table without a column of the reference: {other:?}"),
        }
    }

    fn odd_tables_are_answered(&self) {
        let of = |values: &[f64]| self.table(&[values.to_vec(), values.to_vec(), vec![1.0; values.len()]]);
        let odd = [
            of(&[0.0]),
            of(&[0.0; 40]),
            of(&[f64::INFINITY, 1.0, 2.0]),
            of(&[f64::MIN, f64::MAX, 0.0, 1.0]),
            of(&[5e-324, 0.0, -5e-324]),
            of(&[1e300; 5]),
        ];
        let ordinary = self.pair().0;
        for (position, a) in odd.iter().enumerate() {
            for b in odd.iter().chain([&ordinary]) {
                for (reference, current) in [(a, b), (b, a)] {
                    match self.test.compare(reference, current) {
                        Ok(_) => drop(self.score(reference, current)),
                        Err(Error::InvalidInput(_)) => {}
                        Err(other) => panic!("{} on odd table {position}: {other}", self.test.name()),
                    }
                }
            }
        }
    }
}
