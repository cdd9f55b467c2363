//! Suites as text: what is written is read back, and what is wrong is told with its place.

use std::fs;
use std::path::Path;

use mlcore_features::validate::{
    Bounds, Check, Condition, Expectation, IgnoreRowIf, Literal, Operator, QuantileRange, Severity, Suite,
};
use proptest::prelude::*;

use crate::suite_text;

fn literal() -> impl Strategy<Value = Literal> {
    prop_oneof![
        any::<bool>().prop_map(Literal::from),
        any::<i64>().prop_map(Literal::from),
        any::<f64>().prop_filter("finite", |value| value.is_finite()).prop_map(Literal::from),
        any::<String>().prop_map(Literal::from),
    ]
}

fn bounds() -> impl Strategy<Value = Bounds> {
    let number = || -1e6..1e6_f64;
    (number(), number(), any::<bool>(), 0..3).prop_map(|(a, b, is_strict, ends)| {
        let (low, high) = (a.min(b), a.max(b));
        match (ends, is_strict) {
            (0, false) => Bounds::at_least(low),
            (0, true) => Bounds::above(low),
            (1, _) => Bounds::at_most(high),
            (_, false) => Bounds::at_least(low).and_at_most(high),
            (_, true) => Bounds::above(low).and_below(high),
        }
    })
}

fn check() -> impl Strategy<Value = Check> {
    let name = || any::<String>();
    prop_oneof![
        (name(), any::<Option<u8>>()).prop_map(|(column, index)| Check::ColumnToExist {
            column,
            column_index: index.map(usize::from)
        }),
        (proptest::collection::vec(name(), 0..4), any::<bool>())
            .prop_map(|(column_set, exact_match)| Check::TableColumnsToMatchSet { column_set, exact_match }),
        (name(), bounds()).prop_map(|(column, bounds)| Check::ColumnValuesToBeBetween { column, bounds }),
        (name(), proptest::collection::vec(literal(), 0..5))
            .prop_map(|(column, value_set)| Check::ColumnValuesToBeInSet { column, value_set }),
        (name(), any::<bool>(), -3.0..3.0).prop_map(|(column, double_sided, threshold)| {
            Check::ColumnValueZScoresToBeLessThan { column, threshold, double_sided }
        }),
        (name(), 0.0..=1.0, any::<bool>()).prop_map(|(column, quantile, is_open)| {
            let max = (!is_open).then_some(2.5);
            let quantile_ranges = vec![QuantileRange::new(quantile, Some(-1.0), max)];
            Check::ColumnQuantileValuesToBeBetween {
                column,
                quantile_ranges,
                interpolation: Default::default(),
            }
        }),
        (name(), name(), proptest::collection::vec((literal(), literal()), 0..3)).prop_map(
            |(column_a, column_b, value_pairs_set)| Check::ColumnPairValuesToBeInSet {
                column_a,
                column_b,
                value_pairs_set,
                ignore_row_if: IgnoreRowIf::AnyMissing,
            }
        ),
    ]
}

fn expectation() -> impl Strategy<Value = Expectation> {
    let condition = (any::<String>(), literal()).prop_map(|(column, value)| {
        Condition::new(column.clone(), Operator::NotIn, [value]).and::<Literal>(column, Operator::NotNull, [])
    });
    let severity = proptest::sample::select(Severity::ALL);
    (check(), 0.0..=1.0, severity, proptest::option::of(condition), proptest::option::of(any::<String>()))
        .prop_map(|(check, mostly, severity, condition, notes)| {
            let mut made = Expectation::new(check).with_mostly(mostly).with_severity(severity);
            made.notes = notes;
            made.with_condition(condition.unwrap_or_default())
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn toml_and_json_are_read_as_they_were_written(
        name in any::<String>(),
        expectations in proptest::collection::vec(expectation(), 0..5),
    ) {
        let suite = expectations.into_iter().fold(Suite::new(name), Suite::with);
        suite.check().unwrap();
        let toml = suite.to_toml().unwrap();
        prop_assert_eq!(&Suite::from_toml(&toml).unwrap(), &suite, "{}", toml);
        let json = serde_json::to_string(&suite).unwrap();
        prop_assert_eq!(&serde_json::from_str::<Suite>(&json).unwrap(), &suite, "{}", json);
    }
}

#[test]
fn what_is_wrong_is_told_with_its_place() {
    let head = "name = \"s\"\n\n[[expectations]]\nexpect = \"column_values_to_be_unique\"\ncolumn = \"a\"\n\n[[expectations]]\n";
    for (text, expected) in [
        ("name = 3", "line 1, column 8: "),
        ("name = \"s\"\nexpectation = []", "line 2, column 1: unknown field `expectation`"),
        ("name = \"s\"\n[[expectations]]\nexpect = \"x", "line 3, "),
        (
            &format!("{head}expect = \"column_values_to_be_nice\"\ncolumn = \"a\""),
            "expectation 2: unknown variant",
        ),
        (
            &format!("{head}expect = \"column_values_to_be_null\"\ncolumn = \"a\"\nmostley = 0.5"),
            "expectation 2: unknown field `mostley`",
        ),
        (
            &format!("{head}expect = \"column_values_to_be_null\"\ncolumn = \"a\"\nmostly = 1.5"),
            "mostly is 1.5, which is no share",
        ),
        (&format!("{head}expect = \"column_values_to_be_null\""), "missing field `column`"),
        (
            &format!("{head}expect = \"column_values_to_be_between\"\ncolumn = \"a\"\nbounds = {{}}"),
            "are both left away",
        ),
        (
            &format!(
                "{head}expect = \"column_values_to_be_between\"\ncolumn = \"a\"\nbounds = {{min_value = 2, max_value = 1}}"
            ),
            "min_value 2 is above max_value 1",
        ),
        (
            &format!("{head}expect = \"column_values_to_match_regex\"\ncolumn = \"a\"\nregex = '(?=a)'"),
            "no look-around",
        ),
        (
            &format!("{head}expect = \"column_values_to_be_of_type\"\ncolumn = \"a\"\ntype_ = 'varchar'"),
            "varchar",
        ),
        (
            &format!(
                "{head}expect = \"column_values_to_be_null\"\ncolumn = \"a\"\nwhere = [{{column = \"b\", is = \"~\"}}]"
            ),
            "\"~\" is not known",
        ),
        (
            &format!(
                "{head}expect = \"column_values_to_be_null\"\ncolumn = \"a\"\nwhere = [{{column = \"b\", is = \">\"}}]"
            ),
            "> needs one value, and has 0",
        ),
    ] {
        let error = Suite::from_toml(text).unwrap_err();
        assert!(matches!(error, mlcore::Error::InvalidInput(_)));
        let error = error.to_string();
        assert!(error.contains(expected), "{expected}\n{error}");
        if text.starts_with(head) {
            assert!(error.contains("line 7, column 1"), "{error}");
        }
    }
}

#[test]
fn a_suite_that_cannot_be_meant_is_refused_by_its_place() {
    let column = || "a".to_owned();
    let hostile = format!("({})", "a{1,1000}".repeat(20)).repeat(20);
    let checks = [
        Check::ColumnValuesToBeBetween { column: column(), bounds: Bounds::at_least(f64::NAN) },
        Check::ColumnMeanToBeBetween { column: column(), bounds: Bounds::at_least("x") },
        Check::ColumnValuesToBeInSet { column: column(), value_set: vec![f64::INFINITY.into()] },
        Check::ColumnValuesToMatchRegex { column: column(), regex: hostile },
        Check::ColumnValuesToMatchRegex { column: column(), regex: "a".repeat(5000) },
        Check::ColumnValuesToMatchRegex { column: column(), regex: "(".repeat(3000) },
        Check::ColumnValuesToMatchRegexList { column: column(), regex_list: vec![], match_all: false },
        Check::ColumnValueZScoresToBeLessThan { column: column(), threshold: f64::NAN, double_sided: true },
        Check::ColumnNewestValueToBeWithin { column: column(), max_age_seconds: -1.0 },
        Check::CompoundColumnsToBeUnique { column_list: vec![], ignore_row_if: IgnoreRowIf::Never },
        Check::ColumnQuantileValuesToBeBetween {
            column: column(),
            quantile_ranges: vec![QuantileRange::new(1.5, None, None)],
            interpolation: Default::default(),
        },
    ];
    for check in checks {
        let fine = Check::ColumnValuesToBeNull { column: column() };
        let error = Suite::new("s").with(fine).with(check).check().unwrap_err().to_string();
        assert!(error.starts_with("check suite suite \"s\", expectation 2, "), "{error}");
    }
}

#[test]
fn what_toml_cannot_hold_is_refused_and_json_holds_it() {
    let value_set = vec![u64::MAX.into(), i64::MIN.into()];
    let suite = Suite::new("s").with(Check::ColumnValuesToBeInSet { column: "id".into(), value_set });
    let error = suite.to_toml().unwrap_err();
    assert!(matches!(error, mlcore::Error::Unsupported(_)), "{error}");
    assert!(
        error
            .to_string()
            .contains("write suite s: TOML has no integer 18446744073709551615; write it as JSON")
    );
    let json = serde_json::to_string(&suite).unwrap();
    assert_eq!(serde_json::from_str::<Suite>(&json).unwrap(), suite);
}

#[test]
fn suites_of_the_corpus_are_read_or_refused() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus/validation_suite");
    let (mut taken, mut refused) = (0, 0);
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        println!("{}", path.display());
        let is_taken = suite_text::check(&fs::read(&path).unwrap());
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        assert!(name.starts_with("found_") || name.starts_with("taken_") == is_taken, "{name}: {is_taken}");
        *(if is_taken { &mut taken } else { &mut refused }) += 1;
    }
    assert!(taken >= 30 && refused >= 15, "{taken} suites and {refused} others");
}
