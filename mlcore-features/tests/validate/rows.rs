//! Single rows, tables in two parts and whole tables say the same of the same row, and a slow reference says it, too.

use mlcore::arrow::array::{Array, AsArray, Float64Array, Int64Array, RecordBatch, StringArray};
use mlcore::batch::{ColumnView, Row, Value};
use mlcore_features::validate::{
    Bounds, Check, Condition, Expectation, IgnoreRowIf, Operator, REASONS, RunOptions, Severity, Suite,
};
use proptest::prelude::*;

use crate::tables::{column, schema_of, table};

fn random_table() -> impl Strategy<Value = RecordBatch> {
    let row = (
        proptest::option::weighted(0.8, -3..4_i64),
        proptest::option::weighted(
            0.8,
            prop_oneof![(-3..4).prop_map(f64::from), Just(f64::NAN), Just(0.5), Just(f64::INFINITY)],
        ),
        proptest::option::weighted(0.8, proptest::sample::select(vec!["a", "b", "ab", "", "é"])),
    );
    proptest::collection::vec(row, 0..70).prop_map(|rows| {
        table([
            ("n", column::<Int64Array, _>(rows.iter().map(|row| row.0).collect::<Vec<_>>())),
            ("x", column::<Float64Array, _>(rows.iter().map(|row| row.1).collect::<Vec<_>>())),
            ("t", column::<StringArray, _>(rows.iter().map(|row| row.2).collect::<Vec<_>>())),
        ])
    })
}

/// A check of single rows with what it means, said once more: `None` where the row is passed over.
type Meaning = fn(&[Value<'_>]) -> Option<bool>;

fn number(value: Value<'_>) -> Option<f64> {
    value.as_f64().filter(|value| !value.is_nan())
}

fn checks() -> Vec<(Check, Meaning)> {
    let (n, x, t) = (|| "n".to_owned(), || "x".to_owned(), || "t".to_owned());
    let ignore_row_if = IgnoreRowIf::AnyMissing;
    vec![
        (Check::ColumnValuesToNotBeNull { column: x() }, |row| Some(number(row[1]).is_some())),
        (Check::ColumnValuesToBeNull { column: t() }, |row| Some(row[2].is_null())),
        (Check::ColumnValuesToBeBetween { column: n(), bounds: (-1..=2).into() }, |row| {
            number(row[0]).map(|value| (-1.0..=2.0).contains(&value))
        }),
        (Check::ColumnValuesToBeBetween { column: x(), bounds: Bounds::above(0).and_below(3) }, |row| {
            number(row[1]).map(|value| value > 0.0 && value < 3.0)
        }),
        (
            Check::ColumnValuesToBeBetween { column: t(), bounds: Bounds::at_least("a").and_below("b") },
            |row| row[2].as_str().map(|text| ("a".."b").contains(&text)),
        ),
        (Check::ColumnValuesToBeInSet { column: x(), value_set: vec![0.5.into(), 2.into()] }, |row| {
            number(row[1]).map(|value| value == 0.5 || value == 2.0)
        }),
        (Check::ColumnValuesToNotBeInSet { column: t(), value_set: vec!["a".into()] }, |row| {
            row[2].as_str().map(|text| text != "a")
        }),
        (Check::ColumnValuesToMatchRegex { column: t(), regex: "^a?b$".into() }, |row| {
            row[2].as_str().map(|text| text == "b" || text == "ab")
        }),
        (
            Check::ColumnValueLengthsToBeBetween { column: t(), bounds: Bounds::at_least(1).and_at_most(1) },
            |row| row[2].as_str().map(|text| text.chars().count() == 1),
        ),
        (
            Check::ColumnPairValuesAToBeGreaterThanB {
                column_a: x(),
                column_b: n(),
                or_equal: true,
                ignore_row_if,
            },
            |row| Some(number(row[1])? >= number(row[0])?),
        ),
        (
            Check::MulticolumnSumToEqual { column_list: vec![n(), x()], sum_total: 1.0, ignore_row_if },
            |row| Some(number(row[1])? + number(row[0])? == 1.0),
        ),
        (
            Check::SelectColumnValuesToBeUniqueWithinRecord {
                column_list: vec![n(), x(), t()],
                ignore_row_if: IgnoreRowIf::Never,
            },
            |row| {
                let missing = row.iter().filter(|value| value.is_missing()).count();
                Some(missing < 2 && number(row[0]).zip(number(row[1])).is_none_or(|(a, b)| a != b))
            },
        ),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn rows_tables_and_a_slow_reference_agree(table in random_table(), mostly in 0.0..=1.0, has_condition in any::<bool>()) {
        let condition = || if has_condition { Condition::new("n", Operator::NotEqual, [0]) } else { Condition::default() };
        let checks = checks();
        let expectation = |check: &Check| Expectation::new(check.clone()).with_mostly(mostly).with_condition(condition());
        let suite = checks.iter().fold(Suite::new("s"), |suite, (check, _)| suite.with(expectation(check)));
        let schema = schema_of(&table);
        let suite = suite.compile(&schema).unwrap();
        prop_assert_eq!(suite.skipped_for_rows().count(), 0);

        let views: Vec<ColumnView<'_>> = table.columns().iter().map(|array| ColumnView::new("c", array).unwrap()).collect();
        let rows: Vec<Vec<Value<'_>>> =
            (0..table.num_rows()).map(|row| views.iter().map(|view| view.value(row)).collect()).collect();
        let report = suite.validate(&table, &RunOptions::default().with_most_unexpected(1000)).unwrap();
        let mut failing = vec![Vec::new(); rows.len()];
        for ((_, meaning), result) in checks.iter().zip(report.results()) {
            let looked_at = |row: &&Vec<Value<'_>>| !has_condition || row[0] != Value::Int(0);
            let asked: Vec<_> = rows.iter().filter(looked_at).map(|row| meaning(row)).collect();
            let considered = asked.iter().flatten().count();
            let unexpected = asked.iter().flatten().filter(|passes| !**passes).count();
            prop_assert_eq!(result.element_count, Some(asked.len() as u64), "{}", result.expectation);
            if let Some(missing) = result.missing_count {
                prop_assert_eq!(missing as usize, asked.len() - considered, "{}", result.expectation);
            }
            prop_assert_eq!(result.unexpected_count, Some(unexpected as u64), "{}", result.expectation);
            let passing = (considered - unexpected) as f64 / considered as f64;
            prop_assert_eq!(result.success, considered == 0 || passing >= mostly);
            for example in &result.unexpected {
                failing[example.row.unwrap() as usize].push(result.expectation.to_string());
            }
        }
        for (values, failing) in rows.iter().zip(&failing) {
            let verdict = suite.check_row(Row::new(values, &schema).unwrap()).unwrap();
            let told: Vec<String> = verdict.failures().map(ToString::to_string).collect();
            prop_assert_eq!(&told, failing);
            prop_assert_eq!(verdict.passes(), failing.is_empty());
        }
        let split = suite.split(&table).unwrap();
        let reasons: Vec<String> = failing.iter().filter(|failing| !failing.is_empty()).map(|failing| failing.join("\n")).collect();
        prop_assert_eq!(split.passing.num_rows() + split.failing.num_rows(), table.num_rows());
        let told = split.failing.column_by_name(REASONS).unwrap().as_string::<i32>();
        prop_assert_eq!((0..told.len()).map(|row| told.value(row).to_owned()).collect::<Vec<_>>(), reasons);
        let passing: Vec<usize> = (0..rows.len()).filter(|row| failing[*row].is_empty()).collect();
        for (column, original) in split.passing.columns().iter().zip(table.columns()) {
            let kept: Vec<_> = passing.iter().map(|row| original.slice(*row, 1)).collect();
            prop_assert!(kept.iter().enumerate().all(|(row, one)| column.slice(row, 1).to_data() == one.to_data()
                || is_nan(one)));
        }
    }
}

/// A NaN, which equals nothing.
fn is_nan(array: &dyn Array) -> bool {
    array.as_primitive_opt::<mlcore::arrow::datatypes::Float64Type>().is_some_and(|one| one.value(0).is_nan())
}

#[test]
fn severity_decides_what_becomes_of_a_row() {
    let table = table([("n", column::<Int64Array, _>(vec![1, -1, 200]))]);
    let suite = Suite::new("s")
        .with(Check::ColumnValuesToBeBetween { column: "n".into(), bounds: Bounds::at_least(0) })
        .with(
            Expectation::new(Check::ColumnValuesToBeBetween {
                column: "n".into(),
                bounds: Bounds::at_most(100),
            })
            .with_severity(Severity::Warning),
        )
        .compile(&schema_of(&table))
        .unwrap();
    assert_eq!(suite.split(&table).unwrap().failing.num_rows(), 1);
    let split = suite.split_at(&table, Severity::Warning).unwrap();
    assert_eq!((split.passing.num_rows(), split.failing.num_rows()), (1, 2));
    let values = [Value::Int(200)];
    let verdict = suite.check_row(Row::unchecked(&values)).unwrap();
    assert!(
        !verdict.passes() && verdict.passes_at(Severity::Critical) && !verdict.passes_at(Severity::Warning)
    );
}

#[test]
fn rows_and_tables_that_do_not_belong_are_refused() {
    let own = table([("n", column::<Int64Array, _>(vec![1])), ("m", column::<Int64Array, _>(vec![1]))]);
    let suite = Suite::new("s")
        .with(Check::ColumnValuesToNotBeNull { column: "m".into() })
        .compile(&schema_of(&own))
        .unwrap();
    let other = table([("m", column::<Int64Array, _>(vec![1])), ("n", column::<Int64Array, _>(vec![1]))]);
    let values = [Value::Int(1), Value::Int(1)];
    assert!(
        suite
            .check_row(Row::new(&values, &schema_of(&other)).unwrap())
            .unwrap_err()
            .to_string()
            .contains("other columns")
    );
    let error = suite.check_row(Row::unchecked(&values[..1])).unwrap_err();
    assert!(error.to_string().contains("compiled for 2 columns, and the row has 1"), "{error}");
    let twice = table([(REASONS, column::<StringArray, _>(vec!["a"]))]);
    let suite = Suite::new("s").compile(&schema_of(&twice)).unwrap();
    assert!(matches!(suite.split(&twice), Err(mlcore::Error::AlreadyExists(_))));
}

#[test]
fn threads_and_batches_of_any_size_say_the_same() {
    const ROWS: i64 = 200_000;
    // Keys that ascend to the end, keys of which one comes again, and keys that turn within a batch.
    let of = |key: fn(i64) -> i64| column::<Int64Array, _>((0..ROWS).map(key).collect::<Vec<_>>());
    let table = table([
        ("sorted", of(|row| row * 3)),
        ("again", of(|row| if row == 150_000 { 7 } else { row })),
        ("turning", of(|row| (row * 7919) % 100_003)),
    ]);
    let suite = ["sorted", "again", "turning"].into_iter().fold(Suite::new("s"), |suite, name| {
        let column = || name.to_owned();
        let all = vec![0.into(), 7.into(), (ROWS * 3 - 3).into()];
        suite
            .with(Check::ColumnValuesToBeUnique { column: column() })
            .with(Check::ColumnValuesToBeIncreasing { column: column(), strictly: true })
            .with(Check::ColumnDistinctValuesToContainSet { column: column(), value_set: all })
            .with(Check::ColumnMostCommonValueToBeInSet {
                column: column(),
                value_set: vec![7.into()],
                ties_okay: false,
            })
            .with(Check::ColumnSumToBeBetween { column: column(), bounds: Bounds::at_least(0) })
            .with(Check::CompoundColumnsToBeUnique {
                column_list: vec![column(), "again".into()],
                ignore_row_if: IgnoreRowIf::Never,
            })
    });
    let suite = suite.compile(&schema_of(&table)).unwrap();
    let options = RunOptions::default();
    let whole = suite.validate(&table, &options).unwrap();
    let unexpected: Vec<_> = whole.results().iter().map(|result| result.unexpected_count).collect();
    assert_eq!(unexpected[0..2], [Some(0), Some(0)]);
    assert_eq!(unexpected[6..8], [Some(2), Some(1)]);
    assert_eq!(unexpected[12], Some(2 * (200_000 - 100_003)));
    assert_eq!(suite.validate(&table, &options.clone().with_threads(3)).unwrap(), whole);
    for size in [1000, 65_537] {
        let mut run = suite.start(&options);
        for start in (0..table.num_rows()).step_by(size) {
            run.update(&table.slice(start, size.min(table.num_rows() - start))).unwrap();
        }
        assert_eq!(run.finish().unwrap(), whole);
    }
}
