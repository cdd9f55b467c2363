//! Tables in batches and in files: they say what the whole table says, whatever columns stand beside those that are asked about.

use std::sync::Arc;

use mlcore::arrow::array::{
    ArrayRef, BinaryArray, DictionaryArray, Float64Array, Int64Array, ListArray, NullArray, RecordBatch,
    StringArray, StringViewArray,
};
use mlcore::arrow::datatypes::{Int8Type, Int64Type};
use mlcore_features::validate::{Bounds, Check, Condition, Expectation, Operator, RunOptions, Suite};
use proptest::prelude::*;

use crate::tables::{column, schema_of, table};

fn texts() -> impl Strategy<Value = Vec<Option<String>>> {
    let text = prop_oneof![
        4 => proptest::sample::select(vec!["", "a", "ab", "Grüße", "0123456789abcdef", "0123456789abcdefg", "0123456789abcdxfg"])
            .prop_map(str::to_owned),
        1 => "[a-c]{0,20}",
    ];
    proptest::collection::vec(proptest::option::weighted(0.9, text), 0..300)
}

/// Every test of texts, with and without a condition.
fn suite_of_texts() -> Suite {
    let one = || "t".to_owned();
    let checks = [
        Check::ColumnValuesToMatchRegex { column: one(), regex: "^[a-z0-9]+$".into() },
        Check::ColumnValuesToNotMatchRegex { column: one(), regex: "b".into() },
        Check::ColumnValueLengthsToBeBetween { column: one(), bounds: (1..=16).into() },
        Check::ColumnValuesToBeInSet {
            column: one(),
            value_set: vec!["a".into(), "Grüße".into(), "".into()],
        },
        Check::ColumnValuesToNotBeInSet { column: one(), value_set: vec!["0123456789abcdefg".into()] },
        Check::ColumnValuesToBeBetween { column: one(), bounds: Bounds::at_least("ab") },
        Check::ColumnValuesToNotBeNull { column: one() },
        Check::ColumnValuesToBeUnique { column: one() },
    ];
    checks.into_iter().fold(Suite::new("texts"), |suite, check| {
        let where_long = Condition::new("t", Operator::NotEqual, ["ab"]);
        suite.with(check.clone()).with(Expectation::new(check).with_condition(where_long))
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn texts_of_every_layout_are_asked_alike_in_batches_of_any_size(texts in texts(), size in 1..200_usize) {
        let plain: ArrayRef = Arc::new(StringArray::from(texts.clone()));
        let few: Vec<Option<&str>> = texts.iter().map(|text| text.as_deref()).collect();
        let dictionary: DictionaryArray<mlcore::arrow::datatypes::Int32Type> = few.iter().copied().collect();
        let layouts: [ArrayRef; 3] = [plain.clone(), Arc::new(StringViewArray::from(few)), Arc::new(dictionary)];
        let suite = suite_of_texts();
        let options = RunOptions::default().with_most_unexpected(1000);
        let whole = table([("t", plain)]);
        let compiled = suite.compile(&schema_of(&whole)).unwrap();
        let expected = compiled.validate(&whole, &options).unwrap();
        // Each text by itself, without anything that is remembered.
        for (result, test) in expected.results().iter().step_by(2).zip(0..6) {
            let fails = |text: &str| match test {
                0 => text.is_empty() || !text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit()),
                1 => text.contains('b'),
                2 => !(1..=16).contains(&text.chars().count()),
                3 => !["a", "Grüße", ""].contains(&text),
                4 => text == "0123456789abcdefg",
                _ => text < "ab",
            };
            let failing = texts.iter().flatten().filter(|text| fails(text)).count();
            prop_assert_eq!(result.unexpected_count, Some(failing as u64), "{}", result.expectation);
        }
        for layout in layouts {
            let table = table([("t", layout)]);
            let compiled = suite.compile(&schema_of(&table)).unwrap();
            let batches = (0..table.num_rows()).step_by(size).map(|start| {
                Ok(table.slice(start, size.min(table.num_rows() - start)))
            });
            prop_assert_eq!(&compiled.validate_batches(batches, &options).unwrap(), &expected);
        }
    }
}

/// Columns that nobody can look at beside one that is asked about.
fn odd_table() -> RecordBatch {
    let list = ListArray::from_iter_primitive::<Int64Type, _, _>([Some(vec![Some(1)]), None, Some(vec![])]);
    let codes: DictionaryArray<Int8Type> = vec!["a", "b", "a"].into_iter().collect();
    table([
        ("list", Arc::new(list)),
        ("bytes", column::<BinaryArray, _>(vec![b"a".as_slice(), b"b", b"c"])),
        ("nothing", Arc::new(NullArray::new(3))),
        ("code", Arc::new(codes)),
        ("n", column::<Int64Array, _>(vec![Some(1), None, Some(3)])),
    ])
}

#[test]
fn a_column_that_is_not_read_stands_in_nobodys_way() {
    let table = odd_table();
    let suite = Suite::new("s")
        .with(Check::ColumnValuesToNotBeNull { column: "n".into() })
        .with(Check::ColumnValuesToBeInSet { column: "code".into(), value_set: vec!["a".into()] })
        .with(Check::ColumnValuesToBeNull { column: "nothing".into() })
        .with(Check::TableColumnCountToEqual { value: 5 })
        .with(Check::ColumnToExist { column: "list".into(), column_index: Some(0) })
        .with(Check::ColumnValuesToBeUnique { column: "bytes".into() })
        .with(Check::ColumnValuesToBeOfType { column: "list".into(), type_: "uint8".into() });
    let compiled = suite.compile_arrow(table.schema_ref(), &Default::default()).unwrap();
    let report = compiled.validate(&table, &RunOptions::default()).unwrap();
    let met: Vec<bool> = report.results().iter().map(|result| result.success).collect();
    assert_eq!(met, [false, false, true, true, true, false, false]);
    let problems: Vec<(usize, &str)> = compiled.problems().collect();
    assert_eq!(problems.iter().map(|(place, _)| *place).collect::<Vec<_>>(), [5, 6]);
    assert!(
        problems[0].1.contains("\"bytes\" holds lists, or values of a type that is not read"),
        "{problems:?}"
    );
}

#[cfg(feature = "parquet")]
mod files {
    use std::fs::{self, File};

    use mlcore::Error;
    use parquet::arrow::ArrowWriter;
    use parquet::file::properties::WriterProperties;

    use super::*;
    use mlcore_features::validate::References;

    fn written(table: &RecordBatch, folder: &tempfile::TempDir) -> std::path::PathBuf {
        let path = folder.path().join("table.parquet");
        let properties = WriterProperties::builder().set_max_row_group_row_count(Some(1000)).build();
        let mut writer =
            ArrowWriter::try_new(File::create(&path).unwrap(), table.schema(), Some(properties)).unwrap();
        writer.write(table).unwrap();
        writer.close().unwrap();
        path
    }

    #[test]
    fn a_file_says_what_its_table_says() {
        let rows = 70_000;
        let table = table([
            ("unread", column::<StringArray, _>(vec!["x"; rows])),
            ("n", column::<Int64Array, _>((0..rows as i64).map(|row| row % 69_999).collect::<Vec<_>>())),
            (
                "x",
                column::<Float64Array, _>(
                    (0..rows).map(|row| (row % 7 > 0).then_some(row as f64)).collect::<Vec<_>>(),
                ),
            ),
        ]);
        let suite = Suite::new("s")
            .with(Check::ColumnValuesToBeUnique { column: "n".into() })
            .with(Check::ColumnMedianToBeBetween { column: "x".into(), bounds: Bounds::at_least(0) })
            .with(Check::ColumnValuesToNotBeNull { column: "x".into() })
            .with(Check::TableColumnsToMatchOrderedList {
                column_list: vec!["unread".into(), "n".into(), "x".into()],
            })
            .with(Check::TableRowCountToEqual { value: rows as u64 });
        let folder = tempfile::tempdir().unwrap();
        let path = written(&table, &folder);
        let options = RunOptions::default();
        let expected = suite.compile(&schema_of(&table)).unwrap().validate(&table, &options).unwrap();
        assert_eq!(suite.validate_parquet(&path, &References::default(), &options).unwrap(), expected);
        // Nothing but rows is asked for, and so no column is read.
        let rows = Suite::new("s").with(Check::TableRowCountToEqual { value: rows as u64 });
        assert!(rows.validate_parquet(&path, &References::default(), &options).unwrap().success());
    }

    #[test]
    fn what_is_no_file_of_parquet_is_refused_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = written(&odd_table().project(&[4]).unwrap(), &folder);
        let suite = Suite::new("s").with(Check::ColumnValuesToNotBeNull { column: "n".into() });
        let asked = |path| suite.validate_parquet(path, &References::default(), &RunOptions::default());
        let whole = fs::read(&path).unwrap();
        fs::write(&path, &whole[..whole.len() / 2]).unwrap();
        let error = asked(path).unwrap_err();
        assert!(matches!(error, Error::Corrupt(_)) && error.to_string().contains("table.parquet"), "{error}");
        let error = asked(folder.path().join("gone.parquet")).unwrap_err();
        assert!(matches!(error, Error::NotFound(_)) && error.to_string().contains("gone.parquet"), "{error}");
    }
}

#[test]
fn distinct_values_beyond_memory_lie_in_files_and_are_counted_all_the_same() {
    let rows = 40_000_i64;
    let key = |row: i64| (row * 7919) % 33_331;
    let table = table([
        ("n", column::<Int64Array, _>((0..rows).map(key).collect::<Vec<_>>())),
        ("once", column::<Int64Array, _>((0..rows).collect::<Vec<_>>())),
        (
            "t",
            column::<StringArray, _>(
                (0..rows).map(|row| (row % 100 > 0).then(|| format!("k{}", key(row)))).collect::<Vec<_>>(),
            ),
        ),
    ]);
    let suite = ["n", "once", "t"].into_iter().fold(Suite::new("s"), |suite, name| {
        let column = || name.to_owned();
        let values =
            || if name == "t" { vec!["k7".into(), "zz".into()] } else { vec![7.into(), (-3).into()] };
        suite
            .with(Check::ColumnValuesToBeUnique { column: column() })
            .with(Check::ColumnUniqueValueCountToBeBetween { column: column(), bounds: Bounds::at_least(1) })
            .with(Check::ColumnDistinctValuesToEqualSet { column: column(), value_set: values() })
            .with(Check::ColumnMostCommonValueToBeInSet {
                column: column(),
                value_set: values(),
                ties_okay: true,
            })
            .with(Check::CompoundColumnsToBeUnique {
                column_list: vec![column(), "n".into()],
                ignore_row_if: Default::default(),
            })
    });
    let suite = suite.compile(&schema_of(&table)).unwrap();
    let batches =
        |size: usize| (0..table.num_rows()).step_by(size).map(move |start| (start, size)).collect::<Vec<_>>();
    let whole = suite.validate(&table, &RunOptions::default()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let options = RunOptions::default().with_most_values(3000);
    let error = suite
        .validate_batches(
            batches(4000)
                .into_iter()
                .map(|(start, size)| Ok(table.slice(start, size.min(table.num_rows() - start)))),
            &options,
        )
        .unwrap_err();
    assert!(error.to_string().contains("hand in a folder"), "{error}");
    let options = options.with_spill_folder(folder.path());
    let run = |parts: &[(usize, usize)]| {
        let mut run = suite.start(&options);
        for (start, size) in parts {
            run.update(&table.slice(*start, (*size).min(table.num_rows() - start))).unwrap();
        }
        run
    };
    for size in [900, 4000] {
        let parts = batches(size);
        let spilled = run(&parts).finish().unwrap();
        assert_eq!(spilled, whole);
        let (first, second) = parts.split_at(parts.len() / 3);
        let mut merged = run(first);
        merged.merge(run(second)).unwrap();
        assert_eq!(merged.finish().unwrap(), whole);
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "files are left");
    let gone = RunOptions::default().with_most_values(3000).with_spill_folder(folder.path().join("gone"));
    let mut run = suite.start(&gone);
    run.update(&table).unwrap();
    assert!(matches!(run.update(&table), Err(mlcore::Error::NotFound(_))));
}
