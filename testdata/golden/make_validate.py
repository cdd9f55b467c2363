"""Makes testdata/golden/validate.json: what Great Expectations 1.24.1 says about seeded random tables.

    pip install great_expectations==1.24.1 pandas==3.1.1
    python testdata/golden/make_validate.py

Each case is a small table, a suite as Great Expectations writes it, and the results in its order. The tests of
mlcore-features import the suite, run it over the same table in batches, and compare success, counts, percents, unexpected
values with their rows, and observed values.
"""

import json
import math
import os
from pathlib import Path

os.environ["GX_ANALYTICS_ENABLED"] = "false"

import great_expectations as gx  # noqa: E402
import great_expectations.expectations as gxe  # noqa: E402
import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402
from great_expectations.expectations.row_conditions import Column  # noqa: E402

OUT = Path(__file__).parent / "validate.json"
WORDS = ["red", "green", "blue", "n/a", "Ünïcode", "", "a-1", "b-22", "c-333"]


def table(random, rows):
    """A table of every kind of column, as pandas holds it, and as JSON."""
    def holes(values, share):
        return [None if random.random() < share else value for value in values]

    x = np.round(random.normal(10, 4, rows), 2)
    y = np.where(random.random(rows) < 0.4, x, np.round(random.normal(10, 4, rows), 2))
    steps = np.cumsum(random.integers(-1, 6, rows))
    columns = {
        "id": ("int64", [int(v) for v in random.permutation(rows) + 1]),
        "n": ("int64", [int(v) for v in random.integers(0, 12, rows)]),
        "m": ("int64", [int(v) for v in random.integers(0, 12, rows)]),
        "x": ("float64", holes([float(v) for v in x], 0.15)),
        "y": ("float64", holes([float(v) for v in y], 0.1)),
        "step": ("float64", holes([float(v) for v in steps], 0.05)),
        "word": ("string", holes([WORDS[v] for v in random.integers(0, len(WORDS), rows)], 0.1)),
        "code": ("string", [f"K{v:03}" for v in random.integers(0, 2 * rows + 1, rows)]),
        "flag": ("bool", [bool(v) for v in random.random(rows) < 0.7]),
        "day": ("timestamp", [int(v) for v in random.integers(0, 400, rows)]),
        "empty": ("float64", [None] * rows),
    }
    kinds = {"string": "str", "timestamp": "int64"}
    frame = pd.DataFrame({
        name: pd.Series(values, dtype=kinds.get(kind, kind)) for name, (kind, values) in columns.items()
    })
    frame["day"] = (pd.Timestamp("2024-01-01") + pd.to_timedelta(frame["day"], unit="D")).astype("datetime64[ns]")
    return frame, [{"name": name, "kind": kind, "values": values} for name, (kind, values) in columns.items()]


def expectations(random):
    """Every expectation that both sides have, with random parameters."""
    def bounds(low, high):
        a, b = sorted(float(np.round(v, 1)) for v in random.uniform(low, high, 2))
        strict = {}
        if random.random() < 0.5:
            strict["strict_min"] = bool(random.random() < 0.5)
            strict["strict_max"] = bool(random.random() < 0.5)
        choice = random.integers(0, 4)
        if choice == 0:
            return {"min_value": a, **strict}
        if choice == 1:
            return {"max_value": b, **strict}
        return {"min_value": a, "max_value": b, **strict}

    def counts(low, high):
        a, b = sorted(int(v) for v in random.integers(low, high, 2))
        return {"min_value": a, "max_value": b}

    def mostly():
        return {} if random.random() < 0.4 else {"mostly": float(np.round(random.uniform(0, 1), 2))}

    def severity():
        return {"severity": ["critical", "warning", "info"][random.integers(0, 3)]}

    def condition():
        choice = random.integers(0, 9)
        if choice == 0:
            return {"row_condition": Column("n") > int(random.integers(0, 12))}
        if choice == 1:
            return {"row_condition": Column("flag") == True}  # noqa: E712
        if choice == 2:
            return {"row_condition": Column("x").is_not_null() & (Column("n") <= 8)}
        if choice == 3:
            return {"row_condition": Column("word").is_in(["red", "green", "a-1"])}
        if choice == 4:
            return {"row_condition": 'col("n") >= 3', "condition_parser": "great_expectations"}
        return {}

    def row(columns=None):
        return {**mostly(), **severity(), **condition()}

    def some(values):
        return [values[v] for v in sorted(random.choice(len(values), random.integers(1, len(values)), replace=False))]

    words, small = some(WORDS), [int(v) for v in some(list(range(12)))]
    pair_rule = {"ignore_row_if": ["both_values_are_missing", "either_value_is_missing", "neither"][random.integers(0, 3)]}
    many_rule = {"ignore_row_if": ["all_values_are_missing", "any_value_is_missing", "never"][random.integers(0, 3)]}
    listed = [
        gxe.ExpectColumnToExist(column="x"),
        gxe.ExpectColumnToExist(column="nowhere", **severity()),
        gxe.ExpectColumnToExist(column="n", column_index=int(random.integers(1, 4))),
        gxe.ExpectTableColumnCountToEqual(value=int(random.integers(10, 13))),
        gxe.ExpectTableColumnCountToBeBetween(**counts(5, 15)),
        gxe.ExpectTableRowCountToEqual(value=int(random.integers(38, 42))),
        gxe.ExpectTableRowCountToBeBetween(**counts(0, 120)),
        gxe.ExpectTableColumnsToMatchSet(column_set=["x", "y", "id", "n", "m", "step", "word", "code", "flag", "day", "empty"]),
        gxe.ExpectTableColumnsToMatchSet(column_set=["x", "y"], exact_match=bool(random.random() < 0.5)),
        gxe.ExpectTableColumnsToMatchOrderedList(column_list=["id", "n", "m", "x", "y", "step", "word", "code", "flag", "day", "empty"]),
        gxe.ExpectTableColumnsToMatchOrderedList(column_list=["n", "id"]),
        gxe.ExpectColumnValuesToBeNull(column="x", **row()),
        gxe.ExpectColumnValuesToBeNull(column="empty", **row()),
        gxe.ExpectColumnValuesToNotBeNull(column="y", **row()),
        gxe.ExpectColumnValuesToNotBeNull(column="n", **row()),
        gxe.ExpectColumnValuesToBeBetween(column="n", **bounds(0, 12), **row()),
        gxe.ExpectColumnValuesToBeBetween(column="x", **bounds(0, 20), **row()),
        gxe.ExpectColumnValuesToBeBetween(column="empty", **bounds(0, 20), **row()),
        gxe.ExpectColumnValuesToBeUnique(column="day", **row()),
        gxe.ExpectColumnUniqueValueCountToBeBetween(column="day", **counts(10, 90), **condition()),
        gxe.ExpectColumnValuesToBeInSet(column="word", value_set=words, **row()),
        gxe.ExpectColumnValuesToBeInSet(column="n", value_set=small, **row()),
        gxe.ExpectColumnValuesToBeInSet(column="flag", value_set=[True], **row()),
        gxe.ExpectColumnValuesToNotBeInSet(column="word", value_set=words, **row()),
        gxe.ExpectColumnValuesToNotBeInSet(column="x", value_set=[float(v) for v in small], **row()),
        gxe.ExpectColumnValuesToMatchRegex(column="word", regex=["^[a-z]+$", "-[0-9]+$", "e", r"^\w+$"][random.integers(0, 4)], **row()),
        gxe.ExpectColumnValuesToNotMatchRegex(column="word", regex=["^[a-z]+$", "-[0-9]+$", "e", r"\d{2}"][random.integers(0, 4)], **row()),
        gxe.ExpectColumnValuesToMatchRegexList(column="word", regex_list=["^[a-z]", "e", "-"], match_on=["any", "all"][random.integers(0, 2)], **row()),
        gxe.ExpectColumnValuesToNotMatchRegexList(column="word", regex_list=["^b", "[0-9]$"], **row()),
        gxe.ExpectColumnValueLengthsToBeBetween(column="word", **counts(0, 8), **row()),
        gxe.ExpectColumnValueLengthsToEqual(column="code", value=4, **row()),
        gxe.ExpectColumnValueLengthsToEqual(column="word", value=int(random.integers(3, 6)), **row()),
        gxe.ExpectColumnValuesToBeUnique(column="id", **row()),
        gxe.ExpectColumnValuesToBeUnique(column="code", **row()),
        gxe.ExpectColumnValuesToBeUnique(column="x", **row()),
        gxe.ExpectColumnValuesToBeUnique(column="word", **row()),
        gxe.ExpectColumnMinToBeBetween(column="x", **bounds(-5, 8), **severity(), **condition()),
        gxe.ExpectColumnMaxToBeBetween(column="n", **bounds(6, 14), **severity(), **condition()),
        gxe.ExpectColumnMinToBeBetween(column="empty", **bounds(-5, 8)),
        gxe.ExpectColumnMeanToBeBetween(column="x", **bounds(5, 15), **condition()),
        gxe.ExpectColumnMeanToBeBetween(column="n", **bounds(2, 10), **condition()),
        gxe.ExpectColumnMedianToBeBetween(column="x", **bounds(5, 15), **condition()),
        gxe.ExpectColumnMedianToBeBetween(column="n", **bounds(2, 10), **condition()),
        gxe.ExpectColumnStdevToBeBetween(column="y", **bounds(2, 6), **condition()),
        gxe.ExpectColumnSumToBeBetween(column="x", **bounds(0, 1000), **condition()),
        gxe.ExpectColumnSumToBeBetween(column="n", **bounds(0, 600), **condition()),
        gxe.ExpectColumnMeanToBeBetween(column="empty", min_value=0, max_value=1),
        gxe.ExpectColumnSumToBeBetween(column="empty", min_value=0, max_value=1),
        gxe.ExpectColumnQuantileValuesToBeBetween(
            column="x",
            quantile_ranges={"quantiles": [0.0, 0.1, 0.333, 0.5, 0.9, 1.0], "value_ranges": [[None, 5], [2, 8], [0, 20], [9.5, 11], [12, None], [10, 30]]},
            **condition(),
        ),
        gxe.ExpectColumnQuantileValuesToBeBetween(
            column="n",
            quantile_ranges={"quantiles": [0.25, 0.5, 0.75], "value_ranges": [[0, 5], [3, 8], [6, 12]]},
            allow_relative_error=["linear", "lower", "higher", "midpoint", "nearest"][random.integers(0, 5)],
        ),
        gxe.ExpectColumnUniqueValueCountToBeBetween(column="word", **counts(4, 12), **condition()),
        gxe.ExpectColumnUniqueValueCountToBeBetween(column="n", **counts(6, 14), **condition()),
        gxe.ExpectColumnProportionOfUniqueValuesToBeBetween(column="x", **bounds(0.5, 1), **condition()),
        gxe.ExpectColumnProportionOfUniqueValuesToBeBetween(column="empty", min_value=0, max_value=1),
        gxe.ExpectColumnProportionOfNonNullValuesToBeBetween(column="x", **bounds(0.5, 1), **condition()),
        gxe.ExpectColumnDistinctValuesToBeInSet(column="word", value_set=words, **condition()),
        gxe.ExpectColumnDistinctValuesToContainSet(column="n", value_set=small, **condition()),
        gxe.ExpectColumnDistinctValuesToEqualSet(column="n", value_set=list(range(12)), **condition()),
        gxe.ExpectColumnMostCommonValueToBeInSet(column="n", value_set=small, ties_okay=bool(random.random() < 0.5), **condition()),
        gxe.ExpectColumnMostCommonValueToBeInSet(column="word", value_set=words, **condition()),
        gxe.ExpectColumnValueZScoresToBeLessThan(column="x", threshold=float(np.round(random.uniform(0.5, 3), 2)), double_sided=bool(random.random() < 0.5), **mostly(), **severity()),
        gxe.ExpectColumnPairValuesToBeEqual(column_A="x", column_B="y", **pair_rule, **row()),
        gxe.ExpectColumnPairValuesAToBeGreaterThanB(column_A="x", column_B="y", or_equal=bool(random.random() < 0.5), **pair_rule, **row()),
        gxe.ExpectColumnPairValuesAToBeGreaterThanB(column_A="n", column_B="m", **row()),
        gxe.ExpectColumnPairValuesToBeInSet(column_A="n", column_B="m", value_pairs_set=[(int(a), int(b)) for a in range(12) for b in range(0, 12, 2)], **mostly(), **severity()),
        gxe.ExpectMulticolumnSumToEqual(column_list=["n", "m"], sum_total=int(random.integers(5, 16)), **many_rule, **row()),
        gxe.ExpectMulticolumnSumToEqual(column_list=["x", "y", "n"], sum_total=25, **many_rule, **row()),
        gxe.ExpectSelectColumnValuesToBeUniqueWithinRecord(column_list=["x", "y"], **many_rule, **row()),
        gxe.ExpectSelectColumnValuesToBeUniqueWithinRecord(column_list=["n", "m", "id"], **row()),
        gxe.ExpectMulticolumnValuesToBeEqual(column_list=["x", "y"], **many_rule, **row()),
        gxe.ExpectCompoundColumnsToBeUnique(column_list=["n", "word"], **many_rule, **row()),
        gxe.ExpectCompoundColumnsToBeUnique(column_list=["n", "m", "x"], **many_rule, **row()),
    ]
    # Two that Great Expectations still runs, without a class of their own in its paved path.
    for name in ("ExpectColumnValuesToBeIncreasing", "ExpectColumnValuesToBeDecreasing"):
        if hasattr(gxe, name):
            listed.append(getattr(gxe, name)(column="step", strictly=bool(random.random() < 0.5), **mostly(), **severity()))
            listed.append(getattr(gxe, name)(column="n", **row()))
    return listed


FIELDS = [
    "element_count", "missing_count", "missing_percent", "unexpected_count", "unexpected_percent", "unexpected_percent_total",
    "unexpected_percent_nonmissing", "partial_unexpected_list", "partial_unexpected_index_list", "observed_value",
]


def plain(value):
    """A value as JSON: times as text, what is no number as null."""
    if isinstance(value, dict):
        return {str(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple, set)):
        return [plain(inner) for inner in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, (bool, int, str)) or value is None:
        return value
    if isinstance(value, float):
        return None if math.isnan(value) else value
    return str(value)


def case(context, seed, rows):
    random = np.random.default_rng(seed)
    frame, columns = table(random, rows)
    suite = gx.ExpectationSuite(name=f"seed {seed}")
    for expectation in expectations(random):
        expectation.id = None
        suite.add_expectation(expectation)
    asset = context.data_sources.add_pandas(f"pandas {seed}").add_dataframe_asset("table")
    batch = asset.add_batch_definition_whole_dataframe("whole").get_batch({"dataframe": frame})
    outcome = batch.validate(suite, result_format={"result_format": "COMPLETE", "partial_unexpected_count": 5})
    written = suite.to_json_dict()
    stored = [
        {"type": e["type"], "kwargs": e["kwargs"], "severity": e.get("severity", "critical")} for e in written["expectations"]
    ]
    results = {}
    for result in outcome.results:
        error = result.exception_info.get("raised_exception", None)
        if error is None:
            error = any(info.get("raised_exception") for info in result.exception_info.values() if isinstance(info, dict))
        fields = {name: plain(result.result[name]) for name in FIELDS if name in result.result}
        config = result.expectation_config.to_json_dict()
        key = json.dumps([config["type"], {k: v for k, v in config["kwargs"].items() if k != "batch_id"}], sort_keys=True, default=str)
        results.setdefault(key, []).append({"success": bool(result.success), "error": bool(error), **fields})
    ordered = []
    for expectation in stored:
        key = json.dumps([expectation["type"], expectation["kwargs"]], sort_keys=True, default=str)
        ordered.append(results[key].pop(0) if len(results[key]) > 1 else results[key][0])
    return {
        "rows": rows,
        "columns": columns,
        "suite": {"name": written["name"], "expectations": stored, "meta": {"great_expectations_version": gx.__version__}},
        "results": ordered,
    }


def main():
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    cases = [case(context, seed, rows) for seed, rows in [(1, 40), (2, 75), (3, 1), (4, 40), (5, 97), (6, 0), (7, 64), (8, 39)]]
    lines = ",\n".join(json.dumps(one, ensure_ascii=False, separators=(",", ":")) for one in cases)
    OUT.write_text(f"[\n{lines}\n]\n")
    for one in cases:
        failed = sum(not result["success"] for result in one["results"])
        errors = [e["type"] for e, r in zip(one["suite"]["expectations"], one["results"]) if r["error"]]
        print(one["rows"], "rows:", len(one["results"]), "expectations,", failed, "fail, errors:", errors)


if __name__ == "__main__":
    main()
