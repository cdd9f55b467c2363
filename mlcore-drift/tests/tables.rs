//! Tests of whole rows: the suite catches planted faults, reports make them, and they keep their rate of false alarms.

#![cfg(test)]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use mlcore::arrow::array::{ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray};
use mlcore::stats::SplitMix64;
use mlcore::{Error, Result};
use mlcore_drift::catalog::Catalog;
use mlcore_drift::conformance::table_test;
use mlcore_drift::monitor::Outcome;
use mlcore_drift::table::{CompiledTableTest, Contribution, Energy, TableScore, TableTest};
use mlcore_drift::{Report, ReportOptions, report};

/// The energy test, with a fault in what it answers.
#[derive(Clone, Debug)]
struct Faulty(fn(TableScore, &RecordBatch) -> Result<TableScore>);

#[derive(Debug)]
struct Compiled(Faulty, Box<dyn CompiledTableTest>);

impl TableTest for Faulty {
    fn name(&self) -> &str {
        "faulty"
    }

    fn default_minimum_effect(&self) -> f64 {
        0.1
    }

    fn compile(&self, reference: &RecordBatch) -> Result<Box<dyn CompiledTableTest>> {
        let energy = Energy::default().with_permutations(99).compile(reference)?;
        Ok(Box::new(Compiled(self.clone(), energy)))
    }
}

impl CompiledTableTest for Compiled {
    fn columns(&self) -> &[String] {
        self.1.columns()
    }

    fn compare(&self, current: &RecordBatch) -> Result<TableScore> {
        self.0.0(self.1.compare(current)?, current)
    }
}

#[test]
fn an_honest_test_conforms_and_planted_faults_are_caught() {
    table_test(&Faulty(|score, _| Ok(score)));
    let caught = |fault: fn(TableScore, &RecordBatch) -> Result<TableScore>, words: &str| {
        let outcome = catch_unwind(AssertUnwindSafe(|| table_test(&Faulty(fault))));
        let payload = outcome.expect_err(&format!("not noticed: {words}"));
        let message = payload.downcast_ref::<String>().cloned().unwrap_or_default();
        assert!(message.contains(words), "{message}");
    };
    caught(
        |mut found, _| {
            let score = &mut found.score;
            (score.reference_len, score.current_len) = (score.current_len, score.reference_len);
            Ok(found)
        },
        "the rows of reference and current table",
    );
    caught(
        |mut found, current| {
            found.score.statistic += current.num_columns() as f64;
            Ok(found)
        },
        "a column that the reference does not have, matters",
    );
    caught(
        |mut found, _| {
            found.columns.reverse();
            Ok(found)
        },
        "the shares of the columns are",
    );
    caught(
        |found, _| {
            let parts = found.columns.into_iter().map(|part| {
                let column = if part.column == "b" { "c".to_owned() } else { part.column };
                Contribution::new(column, part.share)
            });
            Ok(TableScore::new(found.score, parts))
        },
        "the column that was shifted does not come first",
    );
    caught(
        |mut found, _| {
            found.score.effect.value = found.score.statistic;
            Ok(found)
        },
        "with rows",
    );
    caught(
        |mut found, current| {
            found.score.statistic += current.num_rows() as f64;
            found.score.current_len = 200.min(current.num_rows() as u64);
            Ok(found)
        },
        "incomplete rows enter",
    );
}

/// Two columns that agree more or less, a text, and an integer that misses values.
fn table(rows: usize, agreement: f64, shift: f64, seed: u64) -> RecordBatch {
    let mut random = SplitMix64::new(seed);
    let (mut height, mut weight, mut age) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..rows {
        let common = random.normal();
        height.push(common);
        weight.push(agreement * common + (1.0 - agreement * agreement).sqrt() * random.normal() + shift);
        age.push(Some(random.below(60) as i64).filter(|_| random.uniform() > 0.02));
    }
    let plan = StringArray::from_iter_values((0..rows).map(|row| ["free", "pro"][row % 2]));
    let columns: [(&str, ArrayRef); 4] = [
        ("height", Arc::new(Float64Array::from(height))),
        ("weight", Arc::new(Float64Array::from(weight))),
        ("age", Arc::new(Int64Array::from(age))),
        ("plan", Arc::new(plan)),
    ];
    RecordBatch::try_from_iter_with_nullable(columns.map(|(name, column)| (name, column, true))).unwrap()
}

#[test]
fn a_report_sees_a_relation_that_changes_while_no_column_does() {
    let (reference, current) = (table(1000, 0.95, 0.0, 1), table(800, 0.0, 0.0, 2));
    let alone = report(&reference, &current, &ReportOptions::default()).unwrap();
    assert_eq!(alone.verdict.overall, Outcome::Stable);
    let options = ReportOptions::default().with_table_test("energy");
    let found = report(&reference, &current, &options).unwrap();
    assert!(found.verdict.is_drifted() && found.drifted().count() == 0);
    let rows = &found.verdict.tables[0];
    assert_eq!((&*rows.test, rows.outcome, rows.threshold), ("energy", Outcome::Drifted, 0.1));
    assert_eq!(rows.columns, ["height", "weight", "age"]);
    let carriers: Vec<&str> =
        rows.score.as_ref().unwrap().columns.iter().take(2).map(|part| &*part.column).collect();
    assert!(carriers.contains(&"height") && carriers.contains(&"weight"), "{carriers:?}");
    for words in
        ["whole rows: the joint distribution changed: energy = 0.", "500 of 9", "Gone without the column: "]
    {
        assert!(rows.sentence.contains(words), "{}", rows.sentence);
    }
    assert!(found.verdict.to_string().contains("whole rows"), "{}", found.verdict);
    assert_eq!(Report::from_json(&found.to_json()).unwrap(), found);
    let page = found.to_html();
    assert!(
        page.contains("Whole rows")
            && page.contains("None of 4 columns changed by itself, and whole rows did.")
    );
    assert!(page.contains("Energy (whole rows)") && !alone.to_html().contains("Whole rows"));

    // It is one of the tests of the page: its p-value is corrected with theirs.
    let pvalue = rows.score.as_ref().unwrap().score.pvalue;
    assert!(pvalue == Some(0.005) && rows.pvalue_adjusted > pvalue, "{rows:?}");
    let json = serde_json::to_string(&options).unwrap();
    let again: ReportOptions = serde_json::from_str(&json).unwrap();
    assert_eq!(report(&reference, &current, &again).unwrap(), found);
}

#[test]
fn what_cannot_be_compared_is_a_finding_and_no_error() {
    let reference = table(300, 0.5, 0.0, 3);
    let options = ReportOptions::default().with_table_test(Energy::default());
    let nothing = reference.slice(0, 0);
    let few = reference.slice(0, 50);
    for (current, words) in
        [(&nothing, "none of its 0 rows has a number"), (&few, "fewer than 100 complete rows")]
    {
        let found = report(&reference, current, &options).unwrap();
        let rows = &found.verdict.tables[0];
        assert!(
            rows.outcome == Outcome::InsufficientData && rows.sentence.contains(words),
            "{}",
            rows.sentence
        );
    }
    let texts = reference.project(&[3]).unwrap();
    let error = report(&texts, &texts, &options).unwrap_err();
    assert!(error.to_string().contains("it has no numeric column"), "{error}");
    let options = ReportOptions::default().with_table_test("mahalanobis");
    let error = report(&reference, &reference, &options).unwrap_err();
    assert!(error.to_string().contains("no test has this name; the tests are "), "{error}");
}

#[test]
fn impossible_options_are_refused() {
    let reference = table(50, 0.5, 0.0, 3);
    for (energy, words) in [
        (Energy::default().with_max_rows(1), "energy max_rows: 1 rows; 2 to 10000 are possible"),
        (Energy::default().with_minimum_effect(f64::NAN), "energy minimum_effect: NaN"),
        (Energy::default().with_columns(["size"]), "energy size: the table does not have this column"),
        (
            Energy::default().with_columns(["plan"]),
            "energy plan: numbers are expected, and the column is Utf8",
        ),
    ] {
        let error = energy.compile(&reference).unwrap_err();
        assert!(error.is_caller_fault() && error.to_string().contains(words), "{error}");
    }
}

#[test]
fn a_strangers_test_is_found_by_name() {
    #[derive(Debug, Default, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Never {}

    impl TableTest for Never {
        fn name(&self) -> &str {
            "never"
        }

        fn default_minimum_effect(&self) -> f64 {
            1.0
        }

        fn compile(&self, _: &RecordBatch) -> Result<Box<dyn CompiledTableTest>> {
            Err(Error::unsupported("compare", "never", "it never compares"))
        }
    }

    let catalog = Catalog::default().with_table_test_of::<Never>();
    assert!(catalog.table_names().any(|name| name == "never"));
    let mut options = ReportOptions::default().with_table_test("never");
    options.monitor.catalog = catalog;
    let reference = table(200, 0.5, 0.0, 3);
    let error = report(&reference, &reference, &options).unwrap_err();
    assert!(error.to_string().contains("it never compares"), "{error}");
}

#[test]
fn equal_tables_are_rejected_no_more_often_than_promised_and_shifts_are_seen() {
    let energy = Energy::default().with_permutations(99);
    let pvalue = |seed: u64, shift: f64, rows: usize| {
        let (reference, current) =
            (table(rows, 0.5, 0.0, 2 * seed), table(rows / 2, 0.5, shift, 2 * seed + 1));
        energy.compare(&reference, &current).unwrap().score.pvalue.unwrap()
    };
    let runs = 300;
    let alarms = (0..runs).filter(|seed| pvalue(*seed, 0.0, 120) <= 0.05).count();
    // The nominal rate and three standard errors.
    assert!(
        alarms as f64 <= 0.05 * runs as f64 + 3.0 * (0.05 * 0.95 * runs as f64).sqrt(),
        "{alarms} of {runs}"
    );
    assert!(alarms >= 3, "{alarms} of {runs}: the test is asleep");
    let seen = (0..40).filter(|seed| pvalue(*seed, 0.5, 600) <= 0.05).count();
    assert!(seen >= 38, "{seen} of 40 shifts by half a standard deviation were seen");
}
