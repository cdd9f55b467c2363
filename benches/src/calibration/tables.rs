//! The tests of whole rows.

use std::sync::Arc;

use mlcore::arrow::array::{ArrayRef, Float64Array, RecordBatch, StringArray};
use mlcore::stats::SplitMix64;
use mlcore_drift::catalog::{Catalog, TestOptions};

use super::{ALPHA, cell, nominal, shares};
use crate::Result;
use crate::table::Table;

/// Rows of the reference and of a window: few, because permutations and classifiers take their time.
const ROWS: usize = 100;
const COLUMNS: usize = 4;
const WORDS: [&str; 12] = [
    "alpha", "bravo", "charlie", "delta", "echo", "foxtrot", "golf", "hotel", "india", "juliet", "kilo",
    "lima",
];

/// Makes the rows of one side.
type Draw = fn(&mut SplitMix64) -> Result<RecordBatch>;

pub(super) fn tables(windows: u64) -> Result<Vec<Table>> {
    let title =
        format!("False alarms of tests of whole rows, {ROWS} rows of {COLUMNS} columns against {ROWS}");
    let mut table = Table::new(title, &["test", "rows", "p at most 0.05", "and the smallest effect"]);
    let catalog = Catalog::default();
    for name in catalog.table_names() {
        let test = catalog.table_test(name, &TestOptions::default())?;
        let kinds: [(&str, Draw); 2] = [("numbers", numbers), ("texts", texts)];
        for (kind, draw) in kinds {
            let of = |seed: u64| draw(&mut SplitMix64::new(seed));
            let Ok(first) = test.compare(&of(0)?, &of(1)?) else { continue };
            let rates = shares(windows, |window| {
                let score = test.compare(&of(2 * window + 2)?, &of(2 * window + 3)?)?.score;
                let certain = score.pvalue.is_none_or(|pvalue| pvalue <= ALPHA);
                let large = score.effect.value > 0.0 && score.effect.value >= test.default_minimum_effect();
                Ok(vec![f64::from(u8::from(certain)), f64::from(u8::from(certain && large))])
            })?;
            let certain = rates.first().copied().filter(|_| first.score.pvalue.is_some());
            let cells = [cell(certain, windows), cell(rates.get(1).copied(), windows)];
            table.line([name.to_owned(), kind.to_owned()].into_iter().chain(cells));
        }
    }
    nominal(&mut table, windows);
    Ok(vec![table])
}

fn numbers(random: &mut SplitMix64) -> Result<RecordBatch> {
    let columns = (0..COLUMNS).map(|place| {
        let values = Float64Array::from_iter_values((0..ROWS).map(|_| random.normal()));
        (format!("x{place}"), Arc::new(values) as ArrayRef)
    });
    Ok(RecordBatch::try_from_iter(columns)?)
}

fn texts(random: &mut SplitMix64) -> Result<RecordBatch> {
    let mut text = || {
        let words = 3 + (random.uniform() * 6.0) as usize;
        let word = |random: &mut SplitMix64| {
            WORDS.get((random.uniform() * WORDS.len() as f64) as usize).copied().unwrap_or("mike")
        };
        (0..words).map(|_| word(random)).collect::<Vec<_>>().join(" ")
    };
    let column = StringArray::from_iter_values((0..ROWS).map(|_| text()));
    Ok(RecordBatch::try_from_iter([("comment", Arc::new(column) as ArrayRef)])?)
}
