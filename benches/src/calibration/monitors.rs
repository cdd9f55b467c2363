//! The monitor as a whole, and Evidently's preset beside it.

use std::sync::Arc;

use mlcore::arrow::array::{ArrayRef, Float64Array, RecordBatch, StringArray};
use mlcore::stats::SplitMix64;
use mlcore_drift::monitor::{MonitorOptions, MonitorReference, Preset, Verdict};

use super::shapes::Shape;
use super::{cell, nominal, shares};
use crate::Result;
use crate::table::Table;

const COLUMNS: usize = 100;
/// Of them, as many shift where something does.
const SHIFTED: usize = 5;
const REFERENCE: usize = 5000;
const WINDOW: usize = 1000;
/// Windows that one reference is compared with: a reference is a sample, too.
const WINDOWS_EACH: u64 = 20;

/// What the numeric columns are like. The others are categories, in every case.
const MIXES: [(&str, [Shape; 3]); 4] = [
    ("normal, ties, heavy tails", [Shape::Normal, Shape::Ties, Shape::HeavyTails]),
    ("ties", [Shape::Ties; 3]),
    ("heavy tails", [Shape::HeavyTails; 3]),
    ("AR(1), 0.5", [Shape::Dependent; 3]),
];
const SHIFTS: [f64; 3] = [0.1, 0.2, 0.5];

pub(super) fn tables(windows: u64) -> Result<Vec<Table>> {
    Ok(vec![false_alarms(windows)?, power(windows)?])
}

fn false_alarms(windows: u64) -> Result<Table> {
    let title = format!(
        "Windows that alarm although nothing changed: {COLUMNS} mixed columns, {WINDOW} rows against {REFERENCE}"
    );
    let mut table = Table::new(
        title,
        &[
            "numeric columns",
            "default",
            "any effect",
            "thin 5",
            "Evidently: any column",
            "Evidently: half of them",
        ],
    );
    for (name, mix) in MIXES {
        let rates = mean(windows, |number| {
            let thin = MonitorOptions::default().with_thin(5).with_window_rows(WINDOW / 5);
            let evidently = MonitorOptions::default().with_preset(Preset::Evidently);
            let options = [MonitorOptions::default(), any_effect(), thin, evidently];
            let verdicts = judged(number, mix, 0.0, &options)?;
            Ok(verdicts
                .into_iter()
                .map(|verdicts| {
                    let alarm = |verdict: &Verdict| f64::from(u8::from(verdict.is_drifted()));
                    let any = |verdict: &Verdict| f64::from(u8::from(verdict.drifted().next().is_some()));
                    let [own, any_effect, thin, evidently] = &verdicts;
                    vec![alarm(own), alarm(any_effect), alarm(thin), any(evidently), alarm(evidently)]
                })
                .collect())
        })?;
        let cells = (0..5).map(|place| cell(rates.get(place).copied(), windows));
        table.line([name.to_owned()].into_iter().chain(cells));
    }
    nominal(&mut table, windows);
    table.note("default: corrected for the number of columns, and an effect that matters; any effect: the p-values alone");
    Ok(table)
}

fn power(windows: u64) -> Result<Table> {
    let title = format!(
        "Power: {SHIFTED} of {COLUMNS} mixed columns shift, {WINDOW} rows against {REFERENCE}, in standard deviations"
    );
    let mut table = Table::new(
        title,
        &[
            "shift",
            "window alarms",
            "of the shifted, found",
            "others, called",
            "Evidently: half of them",
            "found",
            "called",
        ],
    );
    for shift in SHIFTS {
        let rates = mean(windows.div_ceil(4), |number| {
            let evidently = MonitorOptions::default().with_preset(Preset::Evidently);
            let verdicts = judged(number, MIXES[0].1, shift, &[MonitorOptions::default(), evidently])?;
            Ok(verdicts
                .into_iter()
                .map(|[own, evidently]| [found(&own), found(&evidently)].concat())
                .collect())
        })?;
        let cells = rates.iter().map(|rate| format!("{:.1} %", 100.0 * rate));
        table.line([format!("{shift}")].into_iter().chain(cells));
    }
    table.note("the smallest effects of the default call a shift below an eighth of a standard deviation too small to matter");
    Ok(table)
}

/// Whether it alarms, the share of the shifted columns that it names, and that of the others.
fn found(verdict: &Verdict) -> Vec<f64> {
    let mut named: Vec<usize> =
        verdict.drifted().filter_map(|test| test.column.get(1..)?.parse().ok()).collect();
    named.dedup();
    let shifted = named.iter().filter(|place| **place % 4 == 0 && **place / 4 < SHIFTED).count();
    let others = named.len() - shifted;
    vec![
        f64::from(u8::from(verdict.is_drifted())),
        shifted as f64 / SHIFTED as f64,
        others as f64 / (COLUMNS - SHIFTED) as f64,
    ]
}

fn any_effect() -> MonitorOptions {
    let tests = ["ks", "chi_square", "missing_rate"];
    tests.into_iter().fold(MonitorOptions::default(), |options, test| options.with_minimum_effect(test, 0.0))
}

/// The means over about so many windows, drawn reference by reference.
fn mean(windows: u64, measure: impl Fn(u64) -> Result<Vec<Vec<f64>>> + Sync) -> Result<Vec<f64>> {
    shares(windows.div_ceil(WINDOWS_EACH), |number| {
        let measured = measure(number)?;
        let width = measured.first().map_or(0, Vec::len);
        let sum = |place: usize| measured.iter().filter_map(|line| line.get(place)).sum::<f64>();
        Ok((0..width).map(|place| sum(place) / measured.len().max(1) as f64).collect())
    })
}

/// The verdicts of monitors of each of these options on the windows of one reference.
fn judged<const N: usize>(
    number: u64,
    mix: [Shape; 3],
    shift: f64,
    options: &[MonitorOptions; N],
) -> Result<Vec<[Verdict; N]>> {
    let mut random = SplitMix64::new(number.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ 77);
    let reference = table(&mut random, mix, REFERENCE, 0.0)?;
    let mut monitors = Vec::with_capacity(N);
    for options in options {
        monitors.push(MonitorReference::new(&reference, options)?.monitor()?);
    }
    let mut all = Vec::new();
    for _ in 0..WINDOWS_EACH {
        let window = table(&mut random, mix, WINDOW, shift)?;
        let mut verdicts = Vec::with_capacity(N);
        for monitor in &mut monitors {
            verdicts.extend(monitor.observe(&window)?);
        }
        all.push(<[Verdict; N]>::try_from(verdicts).map_err(|_| "a window was not judged once")?);
    }
    Ok(all)
}

/// A column in four is of each of the three shapes and of categories; the first of them shift.
fn table(random: &mut SplitMix64, mix: [Shape; 3], rows: usize, shift: f64) -> Result<RecordBatch> {
    let columns = (0..COLUMNS).map(|place| {
        let shape = mix.get(place % 4).copied().unwrap_or(Shape::Zipf);
        let own = if place % 4 == 0 && place / 4 < SHIFTED { shift } else { 0.0 };
        let values = shape.draw(random, rows, own);
        let array: ArrayRef = match shape.is_categorical() {
            true => Arc::new(StringArray::from_iter_values(values.iter().map(|rank| format!("{rank}")))),
            false => Arc::new(Float64Array::from(values)),
        };
        (format!("c{place}"), array)
    });
    Ok(RecordBatch::try_from_iter(columns)?)
}
