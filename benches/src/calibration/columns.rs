//! The tests of one column.

use mlcore::stats::SplitMix64;
use mlcore_drift::catalog::{Catalog, TestOptions};
use mlcore_drift::two_sample::DriftTest;

use super::shapes::{CATEGORICAL, NUMERIC, Shape};
use super::{ALPHA, cell, nominal, shares};
use crate::Result;
use crate::table::Table;

/// Rows of the reference and of a window.
const ROWS: usize = 500;

pub(super) fn tables(windows: u64) -> Result<Vec<Table>> {
    let shapes: Vec<Shape> = NUMERIC.into_iter().chain(CATEGORICAL).collect();
    let names: Vec<String> = shapes.iter().map(|shape| shape.name().to_owned()).collect();
    let columns: Vec<&str> = ["test"].into_iter().chain(names.iter().map(String::as_str)).collect();
    let title =
        |what: &str| format!("False alarms of tests of one column, {ROWS} rows against {ROWS}: {what}");
    let mut by_pvalue = Table::new(title("p at most 0.05"), &columns);
    let mut decided =
        Table::new(title("p at most 0.05 and the smallest effect, as a monitor decides"), &columns);
    let catalog = Catalog::default();
    for name in catalog.names() {
        let test = catalog.test(name, &TestOptions::default())?;
        let rates: Vec<Option<[f64; 2]>> =
            shapes.iter().map(|shape| rates(&*test, *shape, windows)).collect::<Result<_>>()?;
        let cells = |place: usize| {
            let of = rates.iter().map(move |rates| {
                cell(rates.map(|rates| rates[place]).filter(|rate| !rate.is_nan()), windows)
            });
            [name.to_owned()].into_iter().chain(of).collect::<Vec<_>>()
        };
        by_pvalue.line(cells(0));
        decided.line(cells(1));
    }
    nominal(&mut by_pvalue, windows);
    by_pvalue.note("rows that resemble each other break every p-value of independent rows: a verdict notes it, the option thin helps");
    nominal(&mut decided, windows);
    Ok(vec![by_pvalue, decided])
}

/// How often the p-value is small, NaN where there is none, and how often a monitor decides for drift; `None` for a test that
/// does not apply.
fn rates(test: &dyn DriftTest, shape: Shape, windows: u64) -> Result<Option<[f64; 2]>> {
    let sample = |seed: u64| shape.sample(&mut SplitMix64::new(seed), ROWS);
    if !test.applies_to(sample(0).kind()) {
        return Ok(None);
    }
    // A test of two categories does not take four.
    let Ok(first) = test.compare(&sample(0), &sample(1)) else { return Ok(None) };
    let measured = shares(windows, |window| {
        let score = test.compare(&sample(2 * window + 2), &sample(2 * window + 3))?;
        let certain = score.pvalue.is_none_or(|pvalue| pvalue <= ALPHA);
        let large = score.effect.value > 0.0 && score.effect.value >= test.default_minimum_effect();
        Ok(vec![f64::from(u8::from(certain)), f64::from(u8::from(certain && large))])
    })?;
    let [certain, drifted] = measured[..] else { return Ok(None) };
    Ok(Some([if first.pvalue.is_some() { certain } else { f64::NAN }, drifted]))
}
