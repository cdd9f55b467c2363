//! What of Great Expectations' suites is taken over, and what is refused by name.

use mlcore_features::validate::Suite;
use proptest::prelude::*;

#[test]
fn what_has_no_equal_is_refused_by_name_and_reason() {
    let json = r#"{"expectation_suite_name": "old", "meta": {}, "expectations": [
        {"expectation_type": "expect_column_values_to_not_be_null", "kwargs": {"column": "a"}, "meta": {}},
        {"type": "expect_column_values_to_match_strftime_format", "kwargs": {"column": "a", "strftime_format": "%Y"}},
        {"type": "expect_column_values_to_be_between", "kwargs": {"column": "a", "min_value": {"$PARAMETER": "low"}}},
        {"type": "expect_column_values_to_be_between", "kwargs": {"column": "a", "min_value": 0, "parse_strings_as_datetimes": true}},
        {"type": "expect_column_values_to_be_between", "kwargs": {"column": "a", "min_value": 0, "parse_strings_as_datetimes": false}},
        {"type": "expect_column_values_to_be_null", "kwargs": {"column": "a", "row_condition": "a > 3", "condition_parser": "pandas"}},
        {"type": "expect_column_values_to_be_null", "kwargs": {"column": "a", "row_condition": {"type": "or", "conditions": []}}},
        {"type": "expect_column_values_to_be_null", "kwargs": {"column": "a", "row_condition": "col(\"b\").notNull()", "condition_parser": "great_expectations"}},
        {"type": "expect_column_values_to_be_of_type", "kwargs": {"column": "a", "type_": "VARCHAR"}},
        {"type": "expect_column_values_to_be_of_type", "kwargs": {"column": "a", "type_": "int64"}},
        {"type": "expect_column_values_to_match_regex", "kwargs": {"column": "a", "regex": "(a)\\1"}},
        {"type": "expect_column_value_lengths_to_equal", "kwargs": {"column": "a", "value": 4.5}},
        {"type": "expect_column_values_to_be_unique", "kwargs": {"column": "a", "surprise": 1}},
        {"type": "something", "kwargs": {}},
        {"type": "expect_column_values_to_match_like_pattern", "kwargs": {"column": "a", "like_pattern": "a%"}},
        {"type": "unexpected_rows_expectation", "unexpected_rows_query": "SELECT 1"},
        {"type": "expect_column_values_to_be_prime", "kwargs": {"column": "a"}},
        {"type": "expect_column_values_to_be_unique", "kwargs": {"column": "a"}, "severity": "info", "notes": ["one", "two"]}
    ]}"#;
    let imported = Suite::from_great_expectations(json).unwrap();
    let taken: Vec<String> = imported.suite.expectations().iter().map(ToString::to_string).collect();
    assert_eq!(
        taken,
        [
            "column_values_to_not_be_null(a)",
            "column_values_to_be_between(a, at least 0)",
            "column_values_to_be_null(a), where b is not null",
            "column_values_to_be_of_type(a, type_ \"int64\")",
            "column_values_to_be_unique(a)",
        ]
    );
    assert_eq!(imported.suite.expectations()[4].notes.as_deref(), Some("one two"));
    let refused: Vec<(usize, &str, &str)> = imported
        .refused
        .iter()
        .map(|refused| (refused.place, refused.name.as_str(), refused.reason.as_str()))
        .collect();
    let expected = [
        (1, "expect_column_values_to_match_strftime_format", "give the column a type of dates"),
        (2, "expect_column_values_to_be_between", "parameter of the suite"),
        (3, "expect_column_values_to_be_between", "parse_strings_as_datetimes is true"),
        (5, "expect_column_values_to_be_null", "language of pandas"),
        (6, "expect_column_values_to_be_null", "has an or"),
        (8, "expect_column_values_to_be_of_type", "\"VARCHAR\""),
        (10, "expect_column_values_to_match_regex", "no back-references"),
        (11, "expect_column_value_lengths_to_equal", "4.5"),
        (12, "expect_column_values_to_be_unique", "unknown field `surprise`"),
        (13, "something", "begins with expect_"),
        (14, "expect_column_values_to_match_like_pattern", "write the pattern as a regular expression"),
        (15, "unexpected_rows_expectation", "it is a query of a database"),
        (16, "expect_column_values_to_be_prime", "there is no expectation here that means the same"),
    ];
    assert_eq!(refused.len(), expected.len(), "{refused:?}");
    for ((place, name, reason), (own_place, own_name, own_reason)) in expected.into_iter().zip(refused) {
        assert_eq!((place, name), (own_place, own_name));
        assert!(own_reason.contains(reason), "{own_reason}");
    }
}

#[test]
fn text_that_is_no_suite_is_refused() {
    for (json, expected) in [
        ("", "EOF"),
        ("[]", "invalid type"),
        ("{}", "it has no name"),
        (r#"{"name": "s"}"#, "no list of expectations"),
        (r#"{"name": "s", "expectations": [3]}"#, "expectation 1 is no object"),
    ] {
        let error = Suite::from_great_expectations(json).unwrap_err();
        assert!(
            matches!(error, mlcore::Error::InvalidInput(_)) && error.to_string().contains(expected),
            "{error}"
        );
    }
    let kwargs =
        r#"{"name": "s", "expectations": [{"type": "expect_column_values_to_be_null", "kwargs": [1]}]}"#;
    assert_eq!(Suite::from_great_expectations(kwargs).unwrap().refused[0].reason, "its kwargs are no object");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// Whatever is written, it is read or refused, and what is read can be compiled and asked.
    #[test]
    fn no_text_breaks_the_readers(
        name in "[a-z_]{0,12}|expect_column_values_to_be_between|expect_column_quantile_values_to_be_between|expect_column_pair_values_to_be_in_set",
        key in "column|column_A|min_value|mostly|quantile_ranges|value_pairs_set|row_condition|[a-z]{1,6}",
        value in r#"null|-?[1-9][0-9]{0,30}|"[^"\\\x00-\x1f]{0,8}"|\[\[1,null\]\]|\{"quantiles":\[0\.5\],"value_ranges":\[\[null,1\]\]\}|\{"type":"and"\}"#,
        tail in any::<String>(),
    ) {
        let json = format!(r#"{{"name":"s","expectations":[{{"type":"{name}","kwargs":{{"column":"a","{key}":{value}}}}}]}}"#);
        let imported = Suite::from_great_expectations(&json).unwrap();
        prop_assert_eq!(imported.suite.expectations().len() + imported.refused.len(), 1, "{}", json);
        let compiled = imported.suite.compile(&mlcore::schema::Schema::default()).unwrap();
        let table = mlcore::arrow::array::RecordBatch::new_empty(std::sync::Arc::new(mlcore::arrow::datatypes::Schema::empty()));
        prop_assert!(compiled.validate(&table, &Default::default()).is_ok());
        let _ = Suite::from_great_expectations(&tail);
        let _ = Suite::from_toml(&tail);
        let _ = Suite::from_toml(&format!("name = \"s\"\n[[expectations]]\nexpect = \"{name}\"\n{tail}"));
    }
}
