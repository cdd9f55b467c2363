"""Suites of expectations: TOML and JSON of mlcore, JSON of Great Expectations, and what is none."""

import json

EXPECTATIONS = [
    {"expect": "column_to_exist", "column": "x", "column_index": 0},
    {"expect": "table_columns_to_match_set", "column_set": ["x", "n"], "exact_match": False},
    {"expect": "table_row_count_to_be_between", "bounds": {"min_value": 1, "max_value": 10}},
    {"expect": "column_values_to_be_of_type", "column": "n", "type_": "int64"},
    {"expect": "column_values_to_not_be_null", "column": "x", "mostly": 0.5, "severity": "warning"},
    {"expect": "column_values_to_be_between", "column": "x", "bounds": {"min_value": 0, "max_value": 2.5, "strict_max": True}},
    {"expect": "column_values_to_be_between", "column": "t", "bounds": {"min_value": "1970-01-01"}},
    {"expect": "column_values_to_be_in_set", "column": "s", "value_set": ["a", "b", ""]},
    {"expect": "column_values_to_be_in_set", "column": "n", "value_set": [1, 2, 1152921504606846976]},
    {"expect": "column_values_to_not_be_in_set", "column": "x", "value_set": [1, 2.5], "where": [{"column": "n", "is": ">=", "values": [0]}]},
    {"expect": "column_values_to_match_regex", "column": "s", "regex": "^[a-z]\\b|\\d{2}"},
    {"expect": "column_values_to_match_regex_list", "column": "s", "regex_list": ["a", "b$"], "match_all": True},
    {"expect": "column_value_lengths_to_be_between", "column": "s", "bounds": {"max_value": 4}},
    {"expect": "column_values_to_be_unique", "column": "n"},
    {"expect": "column_values_to_be_increasing", "column": "x", "strictly": True},
    {"expect": "column_value_z_scores_to_be_less_than", "column": "n", "threshold": 2},
    {"expect": "column_median_to_be_between", "column": "x", "bounds": {"min_value": 0}},
    {"expect": "column_quantile_values_to_be_between", "column": "n", "quantile_ranges": [{"quantile": 0.5, "min_value": 0.0}], "interpolation": "linear"},
    {"expect": "column_distinct_values_to_equal_set", "column": "b", "value_set": [True, False]},
    {"expect": "column_most_common_value_to_be_in_set", "column": "s", "value_set": ["a"], "ties_okay": True},
    {"expect": "column_pair_values_a_to_be_greater_than_b", "column_a": "x", "column_b": "n", "or_equal": True, "ignore_row_if": "any_value_is_missing"},
    {"expect": "column_pair_values_to_be_in_set", "column_a": "n", "column_b": "s", "value_pairs_set": [[1, "a"], [3, "b"]]},
    {"expect": "multicolumn_sum_to_equal", "column_list": ["x", "n"], "sum_total": 2.0},
    {"expect": "compound_columns_to_be_unique", "column_list": ["b", "s"], "ignore_row_if": "never"},
    {"expect": "column_values_to_be_null", "column": "t", "where": [{"column": "s", "is": "not in", "values": ["a"]}, {"column": "b", "is": "not null"}]},
]


def validation_suite():
    """One suite a file."""
    for place, expectation in enumerate(EXPECTATIONS):
        yield f"taken_toml_{place:02}", toml([expectation])
    yield "taken_toml_all", toml(EXPECTATIONS)
    yield "taken_json_all", json.dumps({"name": "all", "expectations": EXPECTATIONS})
    for place, (name, keywords) in enumerate(GREAT_EXPECTATIONS):
        one = {"type": name, "kwargs": keywords, "severity": "info"}
        yield f"taken_gx_{place:02}", json.dumps({"name": "gx", "expectations": [one], "meta": {}})
    old = [{"expectation_type": name, "kwargs": keywords} for name, keywords in GREAT_EXPECTATIONS]
    yield "taken_gx_old", json.dumps({"expectation_suite_name": "old", "expectations": old, "data_asset_type": None})
    refused = ["", "name", "name = 1", "[[expectations]]", '{"name": 1}', "{}", "[]", '{"name": "s", "expectations": [1]}', "\0", "\u202e = 1"]
    one = 'name = "s"\n[[expectations]]\nexpect = '
    refused += [
        one + '"column_values_to_be_sorted"\ncolumn = "x"',
        one + '"column_values_to_be_between"\ncolumn = "x"',
        one + '"column_values_to_be_between"\ncolumn = "x"\nbounds = {min_value = 2, max_value = 1}',
        one + '"column_values_to_be_between"\ncolumn = "x"\nbounds = {min_value = nan}',
        one + '"column_values_to_be_unique"\ncolumn = "x"\nmostly = 1.5',
        one + '"column_values_to_be_unique"\ncolumn = "x"\nmosty = 0.5',
        one + '"column_values_to_match_regex"\ncolumn = "s"\nregex = "(?=a)"',
        one + '"column_values_to_match_regex"\ncolumn = "s"\nregex = "(a{1000}){1000}"',
        one + '"column_values_to_be_null"\ncolumn = "s"\nwhere = [{column = "x", is = "=="}]',
    ]
    for place, text in enumerate(refused):
        yield f"refused_{place:02}", text


GREAT_EXPECTATIONS = [
    ("expect_column_values_to_be_between", {"column": "x", "min_value": 0, "strict_min": True, "mostly": 0.9}),
    ("expect_column_values_to_be_in_set", {"column": "s", "value_set": ["a"], "row_condition": 'col("n") >= 3', "condition_parser": "great_expectations"}),
    ("expect_column_quantile_values_to_be_between", {"column": "x", "quantile_ranges": {"quantiles": [0.5], "value_ranges": [[None, 3]]}, "allow_relative_error": "linear"}),
    ("expect_column_pair_values_to_be_equal", {"column_A": "x", "column_B": "n", "ignore_row_if": "neither"}),
    ("expect_column_values_to_be_of_type", {"column": "n", "type_": "int64"}),
    ("expect_column_values_to_match_json_schema", {"column": "s", "json_schema": {}}),
    ("expect_column_mean_to_be_between", {"column": "x", "min_value": {"$PARAMETER": "low"}}),
    ("expect_column_values_to_be_null", {"column": "t", "row_condition": {"type": "and", "conditions": [{"type": "nullity", "column": {"name": "s"}, "is_null": False}]}}),
]


def toml(expectations):
    """The suite as TOML."""
    lines = ['name = "s"']
    for expectation in expectations:
        lines += ["", "[[expectations]]", *(f"{key} = {inline(value)}" for key, value in expectation.items())]
    return "\n".join(lines) + "\n"


def inline(value):
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key} = {inline(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(inline(inner) for inner in value) + "]"
    return json.dumps(value)


def words():
    """What suites are made of."""
    for expectation in EXPECTATIONS:
        yield expectation["expect"]
        yield from (f"{key} = " for key in expectation)
    yield from ["[[expectations]]", 'name = "s"', "min_value = ", "max_value = ", "strict_min = true", 'severity = "info"', "mostly = 0.5", '"kwargs": ', '"type": "expect_']
    yield from ['is = "in"', 'is = "not in"', 'is = "null"', "values = [", 'column = "x"', 'column = "s"', 'column = "t"', '"1970-01-01T00:00:00"', "1e308", "9223372036854775807", '"column_A": "x"']
