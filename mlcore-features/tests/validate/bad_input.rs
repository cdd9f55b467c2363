//! Tables that nobody meant: unknown columns, wrong types, NaN and null, no rows, odd layouts, large integers, huge texts.

use std::sync::Arc;

use mlcore::Error;
use mlcore::arrow::array::{
    Array, ArrayRef, DictionaryArray, Float64Array, Int64Array, LargeStringArray, NullArray, RecordBatch,
    StringArray, StringViewArray, Time32SecondArray, UInt64Array,
};
use mlcore::arrow::datatypes::Int8Type;
use mlcore::interrupt;
use mlcore::schema::{DType, Field, Schema};
use mlcore_features::validate::{Bounds, Check, Condition, Expectation, Operator, Report, RunOptions, Suite};

use crate::tables::{column, schema_of, table};

fn run(suite: &Suite, table: &RecordBatch) -> Report {
    suite.compile(&schema_of(table)).unwrap().validate(table, &RunOptions::default()).unwrap()
}

fn between(name: &str, bounds: Bounds) -> Check {
    Check::ColumnValuesToBeBetween { column: name.to_owned(), bounds }
}

fn regex(name: &str, regex: &str) -> Check {
    Check::ColumnValuesToMatchRegex { column: name.to_owned(), regex: regex.to_owned() }
}

#[test]
fn what_cannot_be_asked_fails_and_says_why_and_the_rest_is_answered() {
    let table = table([
        ("n", column::<Int64Array, _>(vec![1, 2])),
        ("t", column::<StringArray, _>(vec!["a", "b"])),
        ("at", column::<mlcore::arrow::array::Date32Array, _>(vec![1, 2])),
    ]);
    let name = || "n".to_owned();
    let suite = Suite::new("s")
        .with(between("m", Bounds::at_least(0)))
        .with(between("n", Bounds::at_least("a")))
        .with(between("t", Bounds::at_least(0)))
        .with(between("at", Bounds::at_least("yesterday")))
        .with(regex("n", "1"))
        .with(Check::ColumnMeanToBeBetween { column: "t".into(), bounds: Bounds::at_least(0) })
        .with(Check::ColumnPairValuesToBeEqual {
            column_a: name(),
            column_b: "t".into(),
            ignore_row_if: Default::default(),
        })
        .with(Check::MulticolumnSumToEqual {
            column_list: vec![name(), "t".into()],
            sum_total: 1.0,
            ignore_row_if: Default::default(),
        })
        .with(Check::ColumnNewestValueToBeWithin { column: name(), max_age_seconds: 1.0 })
        .with(Check::ColumnNewestValueToBeWithin { column: "at".into(), max_age_seconds: 1.0 })
        .with(Check::ColumnValuesToBeInReference { column: name(), reference: "keys".into() })
        .with(Expectation::new(between("n", Bounds::at_least(0))).with_condition(Condition::new(
            "x",
            Operator::Equal,
            [1],
        )))
        .with(between("n", Bounds::at_least(0)));
    let compiled = suite.compile(&schema_of(&table)).unwrap();
    let error = compiled.require_answers().unwrap_err();
    assert!(
        matches!(error, Error::SchemaMismatch(_))
            && error.to_string().contains("there is no column \"m\"; the columns are n, t, at")
    );
    let report = compiled.validate(&table, &RunOptions::default()).unwrap();
    let problems: Vec<&str> =
        report.results().iter().map(|result| result.problem.as_deref().unwrap_or("none")).collect();
    for (problem, expected) in problems.iter().zip([
        "there is no column \"m\"",
        "\"a\" is no value of a column of type int64, which needs a number",
        "0 is no value of a column of type string, which needs text",
        "needs a date such as",
        "the column is of type int64, and text is needed",
        "the column is of type string, and numbers are needed",
        "\"n\" is of type int64 and \"t\" of type string",
        "\"t\" is of type string, and numbers are needed",
        "only a date or a timestamp has an age",
        "no clock was handed in",
        "the reference \"keys\" was not handed in, none was",
        "where: there is no column \"x\"",
        "none",
    ]) {
        assert!(problem.contains(expected), "{expected}: {problem}");
    }
    assert_eq!(report.failures().count(), 12);
    assert_eq!(report.exit_code(mlcore_features::validate::Severity::Critical), 2);
}

#[test]
fn a_batch_of_another_schema_changes_nothing() {
    let good =
        table([("a", column::<Int64Array, _>(vec![1, 2])), ("b", column::<Int64Array, _>(vec![1, 2]))]);
    let suite = Suite::new("s").with(between("a", Bounds::at_least(2)));
    let suite = suite.compile(&schema_of(&good)).unwrap();
    let mut run = suite.start(&RunOptions::default());
    run.update(&good).unwrap();
    let number = || column::<Int64Array, _>(vec![1, 2]);
    for (bad, expected) in [
        (
            table([("b", number()), ("a", number())]),
            "the suite was compiled for the columns a, b, and the batch has b, a",
        ),
        (table([("b", number())]), "update run a: the suite was compiled for the columns a, b"),
        (
            table([("a", column::<Float64Array, _>(vec![1.0, 2.0])), ("b", number())]),
            "compiled for int64, and the batch has Float64",
        ),
    ] {
        let error = run.update(&bad).unwrap_err();
        assert!(matches!(error, Error::SchemaMismatch(_)) && error.to_string().contains(expected), "{error}");
    }
    let report = run.finish().unwrap();
    assert_eq!((report.rows(), report.results()[0].unexpected_count), (2, Some(1)));

    let late = table([("at", column::<Time32SecondArray, _>(vec![Some(1), Some(86_400)]))]);
    let suite = Suite::new("s").with(Check::ColumnValuesToBeUnique { column: "at".into() });
    let error =
        suite.compile(&schema_of(&late)).unwrap().validate(&late, &RunOptions::default()).unwrap_err();
    assert!(error.to_string().contains("at: row 1: the time is outside the day"), "{error}");
}

#[test]
fn an_empty_table_has_answers() {
    let empty = table([("a", column::<Float64Array, _>(Vec::<f64>::new()))]);
    let name = || "a".to_owned();
    let suite = Suite::new("s")
        .with(between("a", Bounds::at_least(0)))
        .with(Check::ColumnValuesToBeUnique { column: name() })
        .with(Check::ColumnValueZScoresToBeLessThan { column: name(), threshold: 1.0, double_sided: true })
        .with(Check::ColumnMinToBeBetween { column: name(), bounds: Bounds::at_least(0) });
    let success: Vec<bool> = run(&suite, &empty).results().iter().map(|result| result.success).collect();
    assert_eq!(success, [true, true, true, false]);
    let nothing = RecordBatch::new_empty(Arc::new(mlcore::arrow::datatypes::Schema::empty()));
    let report = Suite::new("s")
        .compile(&Schema::default())
        .unwrap()
        .validate(&nothing, &RunOptions::default())
        .unwrap();
    assert!(report.success() && report.to_string().contains("0 of 0 expectations"));
}

#[test]
fn null_and_nan_are_missing_alike_and_a_column_of_nulls_is_missing() {
    let values = vec![Some(1.0), None, Some(f64::NAN), Some(-0.0), Some(0.0)];
    let mixed = table([("a", column::<Float64Array, _>(values))]);
    let suite = || {
        Suite::new("s")
            .with(Check::ColumnValuesToNotBeNull { column: "a".into() })
            .with(between("a", Bounds::at_least(0)))
            .with(Check::ColumnValuesToBeUnique { column: "a".into() })
    };
    let report = run(&suite(), &mixed);
    let counts: Vec<_> =
        report.results().iter().map(|result| (result.missing_count, result.unexpected_count)).collect();
    // -0.0 and 0.0 are one number.
    assert_eq!(counts, [(None, Some(2)), (Some(2), Some(0)), (Some(2), Some(2))]);

    let compiled = suite().compile(&schema_of(&mixed)).unwrap();
    let nulls = table([("a", Arc::new(NullArray::new(3)) as ArrayRef)]);
    let report = compiled.validate(&nulls, &RunOptions::default()).unwrap();
    let counts: Vec<_> =
        report.results().iter().map(|result| (result.missing_count, result.unexpected_count)).collect();
    assert_eq!(counts, [(None, Some(3)), (Some(3), Some(0)), (Some(3), Some(0))]);
}

#[test]
fn every_layout_of_text_and_slices_of_it_give_the_same() {
    let words = vec![Some("skip"), Some("red"), None, Some("blue"), Some("red"), Some("Ü")];
    let dictionary: DictionaryArray<Int8Type> = words.clone().into_iter().collect();
    let layouts: [ArrayRef; 4] = [
        column::<StringArray, _>(words.clone()),
        column::<LargeStringArray, _>(words.clone()),
        column::<StringViewArray, _>(words.clone()),
        Arc::new(dictionary),
    ];
    let suite = || {
        Suite::new("s")
            .with(Check::ColumnValuesToBeInSet {
                column: "w".into(),
                value_set: vec!["red".into(), "Ü".into()],
            })
            .with(regex("w", "^[a-z]+$"))
            .with(Check::ColumnValueLengthsToEqual { column: "w".into(), value: 3 })
            .with(Check::ColumnValuesToBeUnique { column: "w".into() })
            .with(Check::ColumnValuesToBeIncreasing { column: "w".into(), strictly: true })
    };
    for layout in layouts {
        let sliced = table([("w", layout.slice(1, 5))]);
        let report = run(&suite(), &sliced);
        let found: Vec<Vec<Option<u64>>> = report
            .results()
            .iter()
            .map(|result| result.unexpected.iter().map(|example| example.row).collect())
            .collect();
        let rows = |rows: &[u64]| rows.iter().copied().map(Some).collect::<Vec<_>>();
        assert_eq!(found, [rows(&[2]), rows(&[4]), rows(&[2, 4]), rows(&[0, 3]), rows(&[2])]);
        assert!(report.results().iter().all(|result| result.missing_count == Some(1)));
    }
}

#[test]
fn integers_past_those_of_floats_stay_apart() {
    let large = 1_i64 << 53;
    let signed = table([("n", column::<Int64Array, _>(vec![large, large + 1, i64::MAX, i64::MIN]))]);
    let suite = Suite::new("s")
        .with(between("n", Bounds::at_most(large)))
        .with(Check::ColumnValuesToBeInSet {
            column: "n".into(),
            value_set: vec![(large + 1).into(), i64::MIN.into()],
        })
        .with(Check::ColumnValuesToBeUnique { column: "n".into() })
        .with(Check::ColumnMaxToBeBetween { column: "n".into(), bounds: Bounds::at_least(i64::MAX) })
        .with(Check::ColumnSumToBeBetween { column: "n".into(), bounds: Bounds::at_least(0) });
    let report = run(&suite, &signed);
    let rows: Vec<Vec<_>> = report
        .results()
        .iter()
        .map(|result| result.unexpected.iter().filter_map(|example| example.row).collect())
        .collect();
    assert_eq!(rows, [vec![1, 2], vec![0, 2], vec![], vec![], vec![]]);
    assert!(report.results()[3].success);
    assert!(report.results()[4].told().contains(&(2 * large).to_string()), "{}", report.results()[4].told());
    let unsigned = table([("n", column::<UInt64Array, _>(vec![u64::MAX, u64::MAX - 1]))]);
    let suite = Suite::new("s")
        .with(Check::ColumnValuesToBeInSet { column: "n".into(), value_set: vec![u64::MAX.into()] });
    assert_eq!(run(&suite, &unsigned).results()[0].unexpected[0].row, Some(1));
}

#[test]
fn a_million_distinct_values_and_a_huge_text_are_read() {
    let many: Int64Array = (0..1_000_000).map(|row| Some(if row == 999_999 { 5 } else { row })).collect();
    let report = run(
        &Suite::new("s").with(Check::ColumnValuesToBeUnique { column: "n".into() }),
        &table([("n", Arc::new(many))]),
    );
    let rows: Vec<_> = report.results()[0].unexpected.iter().map(|example| example.row).collect();
    assert_eq!(rows, [Some(5), Some(999_999)]);

    let huge = "x".repeat(8 << 20);
    let suite = Suite::new("s")
        .with(regex("t", "(x+x+)+y"))
        .with(Check::ColumnValueLengthsToEqual { column: "t".into(), value: 8 << 20 });
    let report = run(&suite, &table([("t", column::<StringArray, _>(vec![huge.as_str()]))]));
    assert!(!report.results()[0].success && report.results()[1].success);
    assert!(
        report.to_string().len() < 2_000 && report.to_html().len() < 6_000,
        "texts are cut where they are shown"
    );
}

#[test]
fn memory_is_bounded_where_a_column_is_held() {
    let numbers = table([("n", column::<Float64Array, _>(vec![1.0; 100]))]);
    let suite = Suite::new("s")
        .with(Check::ColumnMedianToBeBetween { column: "n".into(), bounds: Bounds::at_least(0) });
    let suite = suite.compile(&schema_of(&numbers)).unwrap();
    let error = suite.validate(&numbers, &RunOptions::default().with_most_values(99)).unwrap_err();
    assert!(matches!(error, Error::Unsupported(_)) && error.to_string().contains("update run n"), "{error}");
    assert!(suite.validate(&numbers, &RunOptions::default().with_most_values(100)).unwrap().success());
}

#[test]
fn runs_that_do_not_belong_together_are_not_merged() {
    let schema = Schema::new([Field::column("a", DType::Int64)]).unwrap();
    let suite =
        |least: i64| Suite::new("s").with(between("a", Bounds::at_least(least))).compile(&schema).unwrap();
    let options = RunOptions::default();
    let mut run = suite(0).start(&options);
    assert!(run.merge(suite(0).start(&options)).is_ok());
    assert!(run.merge(suite(1).start(&options)).is_err());
    assert!(run.merge(suite(0).start(&options.with_most_unexpected(1))).is_err());
}

#[test]
fn an_interrupted_run_says_whether_it_can_go_on() {
    let numbers = table([("n", column::<Float64Array, _>(vec![1.0; 100_000]))]);
    let suite =
        Suite::new("s").with(between("n", Bounds::at_least(0))).compile(&schema_of(&numbers)).unwrap();
    let mut run = suite.start(&RunOptions::default());
    let stopped = interrupt::scope(|| true, || run.update(&numbers));
    assert!(matches!(stopped, Err(Error::Interrupted(_))) && run.rows() == 0);
    assert!(run.update(&numbers).is_ok());
    assert!(matches!(interrupt::scope(|| true, || suite.split(&numbers)), Err(Error::Interrupted(_))));

    // In the middle of a batch, a part of which is counted then.
    let long: Vec<String> = (0..100_000).map(|row| format!("{row}{}", "x".repeat(400))).collect();
    let texts = table([("t", column::<StringArray, _>(long.iter().map(String::as_str).collect::<Vec<_>>()))]);
    let slow =
        (0..8).fold(Suite::new("s"), |suite, place| suite.with(regex("t", &format!("(x+x+)+y{place}"))));
    let slow = slow.compile(&schema_of(&texts)).unwrap();
    let mut run = slow.start(&RunOptions::default());
    let asked = std::cell::Cell::new(0);
    let stop = move || asked.replace(asked.get() + 1) > 0;
    let error = interrupt::scope(stop, || run.update(&texts)).unwrap_err();
    assert!(error.to_string().contains("start another run: a part of the batch was counted"), "{error}");
    assert!(
        matches!(run.update(&texts), Err(Error::Conflict(_)))
            && matches!(run.finish(), Err(Error::Conflict(_)))
    );
}

#[test]
fn infinities_are_values() {
    let values = table([("x", column::<Float64Array, _>(vec![1.0, f64::INFINITY, 2.0]))]);
    let name = || "x".to_owned();
    let suite = Suite::new("s")
        .with(Check::ColumnMeanToBeBetween { column: name(), bounds: Bounds::at_least(0) })
        .with(Check::ColumnMaxToBeBetween { column: name(), bounds: Bounds::at_most(1e300) })
        .with(Check::ColumnStdevToBeBetween { column: name(), bounds: Bounds::at_least(0) })
        .with(Check::ColumnValueZScoresToBeLessThan { column: name(), threshold: 1.0, double_sided: true })
        .with(Check::ColumnMedianToBeBetween { column: name(), bounds: (2..=2).into() })
        .with(Check::ColumnSumToBeBetween { column: name(), bounds: Bounds::at_least(1e308) });
    let report = run(&suite, &values);
    let success: Vec<bool> = report.results().iter().map(|result| result.success).collect();
    // As pandas has it: the mean is infinite, and the deviation is none.
    assert_eq!(success, [true, false, false, true, true, true], "{report}");
    assert!(report.to_json().unwrap().contains("Infinity"));
}
