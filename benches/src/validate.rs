//! Validation of a table of 20 columns by 40 expectations beside Great Expectations and Pandera, and of one row of a request.

use std::cell::Cell;
use std::fs::{self, File};
use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;

use mlcore::arrow::array::{
    ArrayRef, AsArray, BooleanArray, Float64Array, Int64Array, RecordBatch, StringArray,
    TimestampMicrosecondArray,
};
use mlcore::arrow::datatypes::Float64Type;
use mlcore::batch::{ColumnView, OwnedValue, Row, Value};
use mlcore::schema::Schema;
use mlcore::stats::SplitMix64;
use mlcore_features::validate::{
    Bounds, Check, CompiledSuite, Expectation, ExpectationResult, Interpolation, Literal, Observed,
    QuantileRange, References, RunOptions, Suite,
};
use parquet::arrow::ArrowWriter;

use crate::Result;
use crate::peer::Peer;
use crate::table::{Goal, Table};
use crate::timing::median_seconds;

const ROWS: usize = 1_000_000;
const WORDS: [&str; 12] = [
    "alpine",
    "boreal",
    "coastal",
    "desert",
    "estuary",
    "forest",
    "grassland",
    "highland",
    "island",
    "jungle",
    "karst plateau",
    "lagoon",
];
/// 2024-01-01 in microseconds.
const FIRST: i64 = 1_704_067_200_000_000;

pub(crate) fn run(folder: &Path) -> Result<()> {
    let (table, suite) = (table()?, suite());
    let path = folder.join("validation.parquet");
    let mut file = ArrowWriter::try_new(File::create(&path)?, table.schema(), None)?;
    file.write(&table)?;
    file.close()?;
    fs::write(folder.join("validation.json"), serde_json::to_string(&suite)?)?;
    let peer = Peer::run("MLCORE_BENCH_VALIDATION_PYTHON", "validation.py", folder, &[])?;

    let schema = Schema::from_arrow(table.schema_ref())?;
    let compiled = suite.compile(&schema)?;
    compiled.require_answers()?;
    let options = RunOptions::default();
    let answers = answers(&compiled, &table)?;
    let columns = ["1e6 rows x 20 columns, 40 expectations", "ours", "peer", "faster", "goal", "", "answers"];
    let mut shown = Table::new("Validation: one pass over a table in memory", &columns);
    let mut line = |what: &str, goal: Goal, seconds: f64, name: &str| {
        let equal = equal(&peer, name, &answers);
        shown.line(
            [what.to_owned()].into_iter().chain(goal.judge(seconds, peer.seconds(name))).chain([equal]),
        );
    };
    let one = median_seconds(|| compiled.validate(&table, &options));
    line("1 thread / Great Expectations", Goal::Times(50.0), one, "great_expectations");
    line("1 thread / Pandera", Goal::Times(10.0), one, "pandera");
    let on_two = options.clone().with_threads(2);
    let two = median_seconds(|| compiled.validate(&table, &on_two));
    line("2 threads / Great Expectations", Goal::None, two, "great_expectations");
    let file = median_seconds(|| suite.validate_parquet(&path, &References::default(), &options));
    line("from Parquet, in batches / Great Expectations in memory", Goal::None, file, "great_expectations");
    let split = median_seconds(|| compiled.split(&table));
    line("rows that pass, and rows that do not with the reasons", Goal::None, split, "");
    line("one row of 20 columns", Goal::Within(5e-6), one_row(&compiled, &schema, &table)?, "");
    shown.note(format!(
        "Answers are the counts of unexpected rows and the observed values, compared one by one. {}",
        peer.versions
    ));
    crate::print(&shown);
    Ok(())
}

/// What each expectation found: how many rows are unexpected, or what was observed.
fn answers(suite: &CompiledSuite, table: &RecordBatch) -> Result<Vec<f64>> {
    let report = suite.validate(table, &RunOptions::default())?;
    let answer = |result: &ExpectationResult| match (&result.unexpected_count, &result.observed_value) {
        (Some(count), _) => Some(*count as f64),
        (None, Some(Observed::Value(value))) => OwnedValue::as_f64(value),
        (None, Some(Observed::Quantiles(quantiles))) => quantiles.iter().map(|(_, value)| *value).sum(),
        _ => None,
    };
    report
        .results()
        .iter()
        .map(|result| answer(result).ok_or_else(|| format!("no answer: {}", result.told()).into()))
        .collect()
}

/// How many answers are the peer's, as a cell. Counts have to be equal, and what is computed of a sum may differ in its last digits.
fn equal(peer: &Peer, name: &str, answers: &[f64]) -> String {
    let theirs = |place: usize| peer.answer(&format!("{name}/{place}"));
    let told = (0..answers.len()).filter(|place| theirs(*place).is_some()).count();
    let differing: Vec<String> = answers
        .iter()
        .enumerate()
        .filter_map(|(place, own)| Some((place, own, theirs(place)?)))
        .filter(|(_, own, other)| (*own - other).abs() > 1e-9 * other.abs())
        .map(|(place, own, other)| format!("{place}: {own} and {other}"))
        .collect();
    match (told, differing.is_empty()) {
        (0, _) => String::new(),
        (told, true) => format!("{told} equal"),
        (_, false) => format!("DIFFER, {}", differing.join(", ")),
    }
}

/// Seconds for one row: over 512 different rows.
fn one_row(suite: &CompiledSuite, schema: &Schema, table: &RecordBatch) -> Result<f64> {
    const DIFFERENT: usize = 512;
    let views: Vec<ColumnView<'_>> = table
        .columns()
        .iter()
        .map(|column| ColumnView::new("column", column))
        .collect::<mlcore::Result<_>>()?;
    let rows: Vec<Vec<Value<'_>>> =
        (0..DIFFERENT).map(|row| views.iter().map(|view| view.value(row)).collect()).collect();
    let failed = Cell::new(false);
    let seconds = median_seconds(|| {
        for values in &rows {
            match Row::new(values, schema).and_then(|row| suite.check_row(row)) {
                Ok(verdict) => {
                    black_box(verdict.passes());
                }
                Err(_) => failed.set(true),
            }
        }
    });
    if failed.get() {
        return Err("a row was refused by the suite".into());
    }
    Ok(seconds / DIFFERENT as f64)
}

/// Numbers with and without missing values, keys in order and not, categories, texts that repeat and that do not.
fn table() -> Result<RecordBatch> {
    let mut random = SplitMix64::new(17);
    let mut columns: Vec<(String, ArrayRef)> = Vec::new();
    for column in 0..6 {
        let share = if column < 4 { 0.05 } else { 0.0 };
        let values: Float64Array = (0..ROWS)
            .map(|_| {
                let value = 10.0 * f64::from(column) + 3.0 * random.normal();
                (random.uniform() >= share).then_some(value)
            })
            .collect();
        columns.push((format!("f{column}"), Arc::new(values)));
    }
    let above = |value: Option<f64>| value.map(|value| value + random.normal() + 2.0);
    let last = columns.last().map(|(_, column)| column.clone()).ok_or("there is no column")?;
    let values: Float64Array = last.as_primitive::<Float64Type>().iter().map(above).collect();
    columns.push(("f6".to_owned(), Arc::new(values)));
    let mut shuffled: Vec<i64> = (0..ROWS as i64).collect();
    for place in (1..ROWS).rev() {
        shuffled.swap(place, random.below(place + 1));
    }
    let mut whole = |of: &mut dyn FnMut(usize) -> i64, name: &str| {
        let values: Int64Array = (0..ROWS).map(|row| Some(of(row))).collect();
        columns.push((name.to_owned(), Arc::new(values)));
    };
    whole(&mut |row| 1000 + row as i64, "i0");
    whole(&mut |_| random.below(101) as i64, "i1");
    whole(&mut |row| shuffled.get(row).map_or(0, |key| key * 17), "i2");
    whole(&mut |_| random.below(122) as i64, "i3");
    for column in 0..5 {
        let texts: StringArray = (0..ROWS)
            .map(|_| {
                let word = WORDS.get(random.below(WORDS.len())).copied();
                match random.below(100) {
                    0 => Some("Unknown"),
                    1 if column < 2 => None,
                    _ => word,
                }
            })
            .collect();
        columns.push((format!("t{column}"), Arc::new(texts)));
    }
    let addresses: StringArray = (0..ROWS)
        .map(|_| {
            let number = random.below(100_000);
            Some(if number < 100 { format!("user{number}") } else { format!("user{number}@example.com") })
        })
        .collect();
    columns.push(("t5".to_owned(), Arc::new(addresses)));
    let codes: StringArray = shuffled.iter().map(|key| Some(format!("K-{:07}", key / 2 * 2))).collect();
    columns.push(("t6".to_owned(), Arc::new(codes)));
    let flags: BooleanArray = (0..ROWS).map(|_| Some(random.below(3) == 0)).collect();
    columns.push(("b0".to_owned(), Arc::new(flags)));
    let moments: TimestampMicrosecondArray =
        (0..ROWS).map(|_| Some(FIRST + 1_000_000 * random.below(31_536_000) as i64)).collect();
    columns.push(("d0".to_owned(), Arc::new(moments)));
    Ok(RecordBatch::try_from_iter_with_nullable(
        columns.into_iter().map(|(name, column)| (name, column, true)),
    )?)
}

fn suite() -> Suite {
    let words = || WORDS.map(Literal::from).to_vec();
    let one = |name: &str| name.to_owned();
    let mut checks: Vec<Expectation> = Vec::new();
    for name in ["i0", "i1", "i2", "i3", "f4", "t2", "t6", "d0"] {
        checks.push(Check::ColumnValuesToNotBeNull { column: one(name) }.into());
    }
    for name in ["f0", "t0"] {
        let check = Check::ColumnValuesToNotBeNull { column: one(name) };
        checks.push(Expectation::new(check).with_mostly(0.9));
    }
    for (name, low, high) in
        [("f0", -9.0, 9.0), ("f1", 1.0, 19.0), ("f2", 11.0, 29.0), ("f3", 21.0, 39.0), ("f4", 31.0, 49.0)]
    {
        let check = Check::ColumnValuesToBeBetween { column: one(name), bounds: (low..=high).into() };
        checks.push(Expectation::new(check).with_mostly(0.99));
    }
    for (name, most) in [("i1", 100), ("i3", 120)] {
        let check = Check::ColumnValuesToBeBetween { column: one(name), bounds: (0..=most).into() };
        checks.push(Expectation::new(check).with_mostly(0.99));
    }
    let pair = Check::ColumnPairValuesAToBeGreaterThanB {
        column_a: one("f6"),
        column_b: one("f5"),
        or_equal: false,
        ignore_row_if: Default::default(),
    };
    checks.push(Expectation::new(pair).with_mostly(0.9));
    for name in ["t0", "t1", "t2", "t3"] {
        let check = Check::ColumnValuesToBeInSet { column: one(name), value_set: words() };
        checks.push(Expectation::new(check).with_mostly(0.95));
    }
    let set = (0..100).map(Literal::from).collect();
    checks.push(
        Expectation::new(Check::ColumnValuesToBeInSet { column: one("i1"), value_set: set }).with_mostly(0.9),
    );
    let set = vec!["Unknown".into(), "n/a".into()];
    checks.push(
        Expectation::new(Check::ColumnValuesToNotBeInSet { column: one("t4"), value_set: set })
            .with_mostly(0.9),
    );
    for (name, regex) in
        [("t5", r"^[^@\s]+@[^@\s]+\.[a-z]{2,}$"), ("t6", r"^K-[0-9]{7}$"), ("t0", "^[a-z ]+$")]
    {
        let check = Check::ColumnValuesToMatchRegex { column: one(name), regex: one(regex) };
        checks.push(Expectation::new(check).with_mostly(0.95));
    }
    checks.push(Check::ColumnValuesToNotMatchRegex { column: one("t5"), regex: one("spam|test") }.into());
    checks.push(Check::ColumnValueLengthsToEqual { column: one("t6"), value: 9 }.into());
    let check = Check::ColumnValueLengthsToBeBetween { column: one("t5"), bounds: (8..=24).into() };
    checks.push(Expectation::new(check).with_mostly(0.99));
    for name in ["i0", "i2", "t6"] {
        checks.push(Check::ColumnValuesToBeUnique { column: one(name) }.into());
    }
    checks.push(Check::ColumnValuesToBeIncreasing { column: one("i0"), strictly: true }.into());
    let between = |low: f64, high: f64| Bounds::from(low..=high);
    checks.push(Check::ColumnMeanToBeBetween { column: one("f1"), bounds: between(9.0, 11.0) }.into());
    checks.push(Check::ColumnStdevToBeBetween { column: one("f2"), bounds: between(2.0, 4.0) }.into());
    checks.push(Check::ColumnMedianToBeBetween { column: one("f3"), bounds: between(29.0, 31.0) }.into());
    checks.push(Check::ColumnSumToBeBetween { column: one("f4"), bounds: between(3.9e7, 4.1e7) }.into());
    checks.push(Check::ColumnMinToBeBetween { column: one("i3"), bounds: Bounds::at_least(0) }.into());
    let quantile_ranges =
        [0.1, 0.5, 0.9].map(|quantile| QuantileRange::new(quantile, Some(30.0), Some(60.0)));
    checks.push(
        Check::ColumnQuantileValuesToBeBetween {
            column: one("f5"),
            quantile_ranges: quantile_ranges.to_vec(),
            interpolation: Interpolation::Linear,
        }
        .into(),
    );
    checks.into_iter().fold(Suite::new("bench"), Suite::with)
}
