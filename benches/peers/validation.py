"""The bench's expectations, asked by Great Expectations and by Pandera of the same table in pandas."""

import argparse
import json
import logging
import os
import pathlib
import warnings

os.environ["GX_ANALYTICS_ENABLED"] = "false"

import great_expectations as gx  # noqa: E402
import great_expectations.expectations as gxe  # noqa: E402
import pandas as pd  # noqa: E402
import pandera.pandas as pa  # noqa: E402

from timing import emit, emit_versions, measure  # noqa: E402

arguments = argparse.ArgumentParser(description=__doc__)
arguments.add_argument("--data", type=pathlib.Path, required=True)
arguments = arguments.parse_args()
warnings.simplefilter("ignore")
logging.disable(logging.WARNING)
emit_versions("great_expectations", "pandera", "pandas")
frame = pd.read_parquet(arguments.data / "validation.parquet")
expectations = json.loads((arguments.data / "validation.json").read_text())["expectations"]


def keywords(expectation):
    """The arguments of Great Expectations."""
    found = {name: value for name, value in expectation.items() if name != "expect"}
    found.update(found.pop("bounds", {}))
    for own, theirs in (("column_a", "column_A"), ("column_b", "column_B")):
        if own in found:
            found[theirs] = found.pop(own)
    if "ignore_row_if" in found:
        found["ignore_row_if"] = "both_values_are_missing"
    if "quantile_ranges" in found:
        ranges = found["quantile_ranges"]
        found["quantile_ranges"] = {
            "quantiles": [one["quantile"] for one in ranges],
            "value_ranges": [[one["min_value"], one["max_value"]] for one in ranges],
        }
        found["allow_relative_error"] = found.pop("interpolation")
    return found


def great_expectations():
    """A call that validates, and the answers in the order of the expectations."""
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    suite = gx.ExpectationSuite(name="bench")
    for place, expectation in enumerate(expectations):
        name = "Expect" + "".join(part.capitalize() for part in expectation["expect"].split("_"))
        suite.add_expectation(getattr(gxe, name)(**keywords(expectation), meta={"place": place}))
    asset = context.data_sources.add_pandas("pandas").add_dataframe_asset("table")
    definition = asset.add_batch_definition_whole_dataframe("whole")

    def validate():
        # A batch of its own each time: it keeps what was computed.
        return definition.get_batch({"dataframe": frame}).validate(suite)

    answers = {}
    for result in validate().results:
        found = result.result
        observed = found.get("observed_value")
        if isinstance(observed, dict):
            observed = sum(observed["values"])
        place = result.expectation_config.meta["place"]
        answers[place] = float(found["unexpected_count"] if "unexpected_count" in found else observed)
    return validate, answers


def pandera():
    """The same by Pandera: checks of columns, of pairs, and of what a column has as a whole."""
    checks, columns, wide, places = {}, {}, [], {}

    def add(place, column, check):
        places[place] = (column, f"check {place}")
        checks.setdefault(column, []).append(check)

    def named(place, function, **options):
        return pa.Check(function, name=f"check {place}", **options)

    for place, asked in enumerate(expectations):
        kind, column = asked["expect"], asked.get("column")
        low, high = (asked.get("bounds", {}).get(end) for end in ("min_value", "max_value"))
        # What a failure tells of a check is its error.
        name = {"error": f"check {place}"}
        match kind:
            case "column_values_to_not_be_null":
                if asked.get("mostly", 1.0) == 1.0:
                    columns.setdefault(column, {})["nullable"] = False
                else:
                    add(place, column, named(place, lambda values: values.notna(), ignore_na=False))
            case "column_values_to_be_between":
                add(place, column, pa.Check.in_range(low, high, **name))
            case "column_values_to_be_in_set":
                add(place, column, pa.Check.isin(asked["value_set"], **name))
            case "column_values_to_not_be_in_set":
                add(place, column, pa.Check.notin(asked["value_set"], **name))
            case "column_values_to_match_regex":
                add(place, column, pa.Check.str_matches(asked["regex"], **name))
            case "column_values_to_not_match_regex":
                regex = asked["regex"]
                add(place, column, named(place, lambda values, regex=regex: ~values.str.contains(regex)))
            case "column_value_lengths_to_equal":
                add(place, column, pa.Check.str_length(asked["value"], asked["value"], **name))
            case "column_value_lengths_to_be_between":
                add(place, column, pa.Check.str_length(low, high, **name))
            case "column_values_to_be_unique":
                columns.setdefault(column, {})["unique"] = True
            case "column_values_to_be_increasing":
                add(place, column, named(place, lambda values: ~(values.diff() <= 0)))
            case "column_mean_to_be_between":
                add(place, column, named(place, lambda values, low=low, high=high: low <= values.mean() <= high))
            case "column_stdev_to_be_between":
                add(place, column, named(place, lambda values, low=low, high=high: low <= values.std() <= high))
            case "column_median_to_be_between":
                add(place, column, named(place, lambda values, low=low, high=high: low <= values.median() <= high))
            case "column_sum_to_be_between":
                add(place, column, named(place, lambda values, low=low, high=high: low <= values.sum() <= high))
            case "column_min_to_be_between":
                add(place, column, named(place, lambda values, low=low: low <= values.min()))
            case "column_quantile_values_to_be_between":
                ranges = asked["quantile_ranges"]

                def within(values, ranges=ranges):
                    found = values.quantile([one["quantile"] for one in ranges])
                    return all(one["min_value"] <= value <= one["max_value"] for one, value in zip(ranges, found))

                add(place, column, named(place, within))
            case "column_pair_values_a_to_be_greater_than_b":
                a, b = asked["column_a"], asked["column_b"]
                wide.append(named(place, lambda table, a=a, b=b: table[a] > table[b]))
                places[place] = (None, f"check {place}")
            case _:
                raise ValueError(kind)
    schema = pa.DataFrameSchema(
        {
            name: pa.Column(None, checks.get(name), nullable=columns.get(name, {}).get("nullable", True), unique=columns.get(name, {}).get("unique", False))
            for name in frame.columns
        },
        checks=wide,
    )

    def validate():
        try:
            schema.validate(frame, lazy=True)
        except pa.errors.SchemaErrors as raised:
            return raised.failure_cases
        return pd.DataFrame({"column": [], "check": []})

    failures = validate()
    counts = failures.groupby("check", dropna=False).size()
    # A check that fails tells each row; one that holds tells nothing. A check of two columns tells each row for every column.
    answers = {}
    for place, (column, check) in places.items():
        rows = failures[failures["check"] == check]
        answers[place] = float(rows["index"].nunique() if column is None else counts.get(check, 0))
    whole = ("mean", "stdev", "median", "sum", "_min_", "quantile")
    return validate, {place: count for place, count in answers.items() if not any(word in expectations[place]["expect"] for word in whole)}


for name, made in (("great_expectations", great_expectations), ("pandera", pandera)):
    call, answers = made()
    emit(name, measure(call, budget_s=0.0, least=3, most=3))
    for place, answer in answers.items():
        emit(f"{name}/{place}", 0.0, answer)
