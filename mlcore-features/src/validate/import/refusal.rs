//! Why an expectation of Great Expectations that there is none of here is not taken over, and what to write in its place.

/// The reason, by the name without `expect_`.
pub(super) fn why(name: &str) -> &'static str {
    let own = REASONS.iter().find(|(names, _)| names.contains(&name));
    own.map_or("there is no expectation here that means the same", |(_, reason)| *reason)
}

const REASONS: [(&[&str], &str); 7] = [
    (
        &[
            "column_values_to_match_like_pattern",
            "column_values_to_not_match_like_pattern",
            "column_values_to_match_like_pattern_list",
            "column_values_to_not_match_like_pattern_list",
        ],
        "whether case counts in a LIKE is its database's matter; write the pattern as a regular expression, for \
         column_values_to_match_regex",
    ),
    (
        &["column_kl_divergence_to_be_less_than"],
        "its partition is no profile; compare the column with a reference by column_distribution_to_match_reference",
    ),
    (
        &["table_row_count_to_equal_other_table", "table_columns_to_match_other_table"],
        "it looks at another table of a database; expect the number by table_row_count_to_equal",
    ),
    (
        &["unexpected_rows_expectation", "query_results_to_match_comparison"],
        "it is a query of a database; say what is expected of columns",
    ),
    (
        &["column_values_to_match_strftime_format", "column_values_to_be_dateutil_parseable"],
        "texts are not read as dates here; give the column a type of dates, and expect it by column_values_to_be_of_type",
    ),
    (
        &["column_values_to_be_json_parseable", "column_values_to_match_json_schema"],
        "texts are not read as JSON here; flatten the table, and say what is expected of its columns",
    ),
    (
        &[
            "column_chisquare_test_p_value_to_be_greater_than",
            "column_bootstrapped_ks_test_p_value_to_be_greater_than",
            "column_parameterized_distribution_ks_test_p_value_to_be_greater_than",
        ],
        "it is of Great Expectations before 1.0; compare the column with a reference by column_distribution_to_match_reference",
    ),
];
