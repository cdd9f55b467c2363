"""Validation: suites are built, written and read back, and every library's frame is looked at alike."""

from __future__ import annotations

import copy
import datetime
import inspect
import json
import pickle
import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import mlcore
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from conftest import doors, mixed
from mlcore.validate import Report, Suite
from mlcore.validate._expectations import Expectations

ROOT = Path(__file__).resolve().parents[2]
GOLDEN = ROOT / "testdata" / "golden" / "validate.json"


def orders():
    return (
        Suite("orders")
        .column_values_to_not_be_null("age", mostly=0.95)
        .column_values_to_be_between("age", 0, 120, severity="warning")
        .column_values_to_be_in_set("plan", ["free", "pro"], mostly=0.5, notes="what is sold")
        .column_values_to_be_between("visits", max_value=20, where=("plan", "==", "pro"))
        .column_mean_to_be_between("income", min_value=0)
        .column_values_to_match_regex("plan", "^[a-z]+$")
        .column_values_to_be_unique("income")
    )


def fails(report):
    return [(one["expectation"]["expect"], one.get("unexpected_count")) for one in report.failures]


def test_every_frame_is_looked_at_alike():
    frame = mixed()
    suite = orders()
    expected = None
    for name, made in doors(frame).items():
        if "array" in name and "dict" not in name:
            continue
        report = suite.validate(made)
        assert report.rows == len(frame), name
        results = [{key: value for key, value in one.items() if key != "observed_value"} for one in report.results]
        expected = expected or results
        assert results == expected, name
    assert fails(suite.validate(frame)) == [
        ("column_values_to_not_be_null", frame["age"].isna().sum()),
        ("column_values_to_be_between", ((frame["visits"] > 20) & (frame["plan"] == "pro")).sum()),
    ]


def test_streams_and_files_are_read_in_batches(tmp_path):
    table = pa.Table.from_pandas(mixed(5000), preserve_index=False)
    pq.write_table(table, tmp_path / "orders.parquet", row_group_size=700)
    expected = orders().validate(table)
    reader = pa.RecordBatchReader.from_batches(table.schema, table.to_batches(max_chunksize=300))
    for found in (orders().validate(reader), orders().validate(tmp_path / "orders.parquet"), orders().validate(str(tmp_path / "orders.parquet"))):
        assert fails(found) == fails(expected) and found.rows == 5000
    # A reader that was read before has no rows left.
    assert Suite("s").table_row_count_to_equal(0).validate(reader).passed
    nothing = pa.RecordBatchReader.from_batches(table.schema, [])
    assert Suite("s").column_to_exist("age").table_row_count_to_equal(0).validate(nothing).passed
    with pytest.raises(FileNotFoundError, match="gone.parquet"):
        orders().validate(tmp_path / "gone.parquet")


def test_a_report_says_the_same_in_every_form():
    report = orders().validate(mixed())
    assert not report and not report.passed and not report.passed_at("critical") and report.exit_code() == 1
    assert [one["success"] for one in report.to_dict()["results"]].count(False) == len(report.failures)
    assert json.loads(report.to_json()) == report.to_dict()
    suites = ElementTree.fromstring(report.to_junit())
    assert suites.get("tests") == "7" and suites.get("failures") == "2"
    html = report.to_html()
    assert html.startswith("<!DOCTYPE html>") and "<script" not in html and "what is sold" in html
    assert report._repr_html_() in html and "<html" not in report._repr_html_()
    assert "column_values_to_not_be_null" in str(report) and repr(report) == '<mlcore.validate.Report "orders": 5 of 7 expectations met>'
    with pytest.raises(mlcore.exceptions.InvalidInputError, match="use one of info, warning, critical"):
        report.exit_code("bad")


def test_rows_are_parted_in_the_frame_of_the_caller():
    frame = mixed().set_index(pd.Index(range(1000, 1400)))
    suite = Suite("s").column_values_to_not_be_null("age").column_values_to_be_between("visits", max_value=15, severity="warning")
    good, quarantined = suite.split(frame)
    assert (good.index.tolist(), quarantined.index.tolist()) == (frame.index[frame["age"].notna()].tolist(), frame.index[frame["age"].isna()].tolist())
    assert (good.dtypes == frame.dtypes).all() and set(quarantined["validation_reasons"]) == {"column_values_to_not_be_null(age)"}
    bad = (frame["age"].isna() | (frame["visits"] > 15)).to_numpy()
    for made in (pl.from_pandas(frame), pl.from_pandas(frame).lazy(), pa.Table.from_pandas(frame, preserve_index=False), frame):
        good, quarantined = suite.validate(made).split(made, severity="warning")
        assert (len(good), len(quarantined)) == ((~bad).sum(), bad.sum())
        assert type(good).__module__.partition(".")[0] == type(made).__module__.partition(".")[0]
        assert list(good["visits"].to_numpy()) == frame["visits"][~bad].tolist()
    good, quarantined = suite.split({"age": [1.0, None], "visits": [1, 2]})
    assert isinstance(good, pa.Table) and good.num_rows == 1 and "validation_reasons" in quarantined.column_names
    with_both = quarantined.append_column("more", quarantined["age"])
    with pytest.raises(mlcore.exceptions.AlreadyExistsError, match="validation_reasons"):
        suite.split(with_both)


def test_rows_of_requests():
    suite = (
        Suite("requests")
        .column_values_to_not_be_null("age")
        .column_values_to_be_between("age", 0, 120)
        .column_values_to_match_regex("email", "@", severity="warning")
        .column_values_to_be_in_set("plan", ["free", "pro"], where=("age", ">", 17))
        .column_pair_values_a_to_be_greater_than_b("until", "since")
        .column_values_to_be_unique("email")
    )
    day = datetime.date
    assert suite.check_row({"age": 41, "email": "a@b", "plan": "pro", "since": day(2024, 1, 1), "until": day(2024, 2, 1)})
    assert suite.check_row({"age": 41.5, "email": None}).passed
    # One of a pair alone is no pair that could be in order.
    assert not suite.check_row({"age": 41.5, "until": day(2024, 2, 1)}).passed
    assert suite.check_row({"age": 12, "plan": "none"}).passed
    verdict = suite.check_row({"age": 130, "email": "a", "plan": "none"})
    assert [failure.partition("(")[0] for failure in verdict.failures] == ["column_values_to_be_between", "column_values_to_match_regex", "column_values_to_be_in_set"]
    assert not suite.check_row({}).passed and "age" in suite.check_row({}).failures[0]
    # Text among numbers is no number within bounds.
    odd = suite.check_row({"age": "forty", "email": 3})
    assert [failure.partition("(")[0] for failure in odd.failures][:1] == ["column_values_to_be_between"]
    assert suite.check_row({"age": 1, "email": "x"}).passed_at("critical") and not suite.check_row({"age": 1, "email": "x"}).passed_at("warning")
    assert suite.check_row(pd.Series({"age": 12, "email": "a@b"})).passed
    frame = mixed(300)
    for record in frame.to_dict("records"):
        verdict = orders().check_row(record)
        is_odd = not (pd.isna(record["plan"]) or record["plan"] in ("free", "pro")) or (record["plan"] == "pro" and record["visits"] > 20)
        assert verdict.passed == (not (record["age"] != record["age"] or is_odd)), record


def test_suites_are_written_and_read_back(tmp_path):
    suite = orders()
    for again in (Suite.from_toml(suite.to_toml()), Suite.from_json(suite.to_json()), pickle.loads(pickle.dumps(suite)), copy.deepcopy(suite)):
        assert type(again) is Suite and again == suite and len(again) == 7 and again.refused == []
    assert suite != Suite("orders") and suite.name == "orders" and str(suite).startswith('suite "orders", 7 expectations')
    with pytest.raises(mlcore.exceptions.InvalidInputError, match="line 3, column 1: expectation 1: .*mosty"):
        Suite.from_toml('name = "s"\n\n[[expectations]]\nexpect = "column_to_exist"\ncolumn = "a"\nmosty = 1\n')
    with pytest.raises(mlcore.exceptions.InvalidInputError, match="min_value 2 is above max_value 1"):
        suite.column_values_to_be_between("age", 2, 1)
    with pytest.raises(mlcore.exceptions.InvalidInputError, match="left away"):
        suite.column_values_to_be_between("age")
    with pytest.raises(mlcore.exceptions.InvalidInputError, match="cannot be written"):
        suite.column_values_to_be_in_set("age", [object()])
    with pytest.raises(mlcore.exceptions.InvalidInputError, match="cannot be written"):
        suite.column_values_to_be_between("age", min_value=float("nan"))
    with pytest.raises(AttributeError, match="expect_nothing"):
        suite.expect_nothing
    assert len(suite) == 7


def test_values_of_python_numpy_and_pandas_are_written():
    suite = (
        Suite("s")
        .column_values_to_be_between("at", datetime.datetime(2024, 1, 1), pd.Timestamp("2024-02-01"))
        .column_values_to_be_between("day", min_value=datetime.date(2024, 1, 1))
        .column_values_to_be_in_set("n", np.array([1, 2]))
        .column_values_to_be_in_set("n", {np.int64(2), np.int64(1)}, where=[("n", "not null"), ("n", "in", [1, 2]), {"column": "n", "is": "<", "values": [9]}])
        .column_newest_value_to_be_within("at", datetime.timedelta(days=1))
    )
    assert suite.expectations[0]["bounds"] == {"min_value": "2024-01-01T00:00:00", "max_value": "2024-02-01T00:00:00"}
    assert suite.expectations[2]["value_set"] == [1, 2] and suite.expectations[3]["value_set"] == [1, 2]
    frame = {"at": [datetime.datetime(2024, 1, 5)], "day": [datetime.date(2024, 1, 5)], "n": [2]}
    assert suite.validate(frame, now=datetime.datetime(2024, 1, 5, 12)).passed
    assert [one["expectation"]["expect"] for one in suite.validate(frame).failures] == ["column_newest_value_to_be_within"]


def test_there_is_a_method_for_each_expectation_with_all_parameters():
    """The names and parameters are those of the Rust side, whose documentation lists them."""
    source = (ROOT / "mlcore-features/src/validate/check.rs").read_text()
    listed = source[source.index("checks! {\n") :]
    checks = {name: re.findall(r"^        (\w+): ", body, re.M) for name, body in re.findall(r"^    (\w+) \{\n(.*?)^    \}", listed, re.M | re.S)}
    methods = {name for name, found in vars(Expectations).items() if inspect.isfunction(found) and not name.startswith("_")}
    snake = {re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower(): fields for name, fields in checks.items()}
    assert methods == set(snake) and len(methods) >= 48
    renamed = {"column_a": {"column_A"}, "column_b": {"column_B"}, "match_all": {"match_on"}, "max_age_seconds": {"max_age"}, "bounds": {"min_value", "max_value", "strict_min", "strict_max"}}
    for name, fields in snake.items():
        parameters = set(inspect.signature(getattr(Suite, name)).parameters) - {"self", "options"}
        assert parameters == {parameter for field in fields for parameter in renamed.get(field, {field})}, name
        assert getattr(Suite, name).__doc__
        assert getattr(Suite("s"), "expect_" + name)


def test_great_expectations_suites_are_taken_over():
    case = json.loads(GOLDEN.read_text())[0]
    suite = Suite.from_great_expectations(case["suite"])
    assert len(suite) == len(case["suite"]["expectations"]) and suite.refused == []
    made = {one["name"]: pd.Series(one["values"], dtype={"string": "str", "timestamp": "int64"}.get(one["kind"], one["kind"])) for one in case["columns"]}
    frame = pd.DataFrame(made)
    frame["day"] = (pd.Timestamp("2024-01-01") + pd.to_timedelta(frame["day"], unit="D")).astype("datetime64[ns]")
    report = suite.validate(frame)
    assert [one["success"] for one in report.results] == [one["success"] for one in case["results"]]
    counts = [one.get("unexpected_count") for one in case["results"] if "element_count" in one]
    assert [one["unexpected_count"] for one in report.results if "element_count" in one] == counts
    foreign = {"name": "s", "expectations": [{"type": "expect_column_values_to_match_json_schema", "kwargs": {"column": "a"}}]}
    with pytest.warns(UserWarning, match="expect_column_values_to_match_json_schema"):
        suite = Suite.from_great_expectations(json.dumps(foreign))
    assert len(suite) == 0 and suite.refused[0].place == 0 and suite.refused[0].reason
    with pytest.raises(mlcore.exceptions.InvalidInputError, match="as Great Expectations stores it"):
        Suite.from_great_expectations("{}")


def test_suites_are_inferred_and_hold_of_what_they_come_from():
    frame = mixed(2000)
    suite = Suite.infer(frame, name="people")
    assert suite.name == "people" and suite.validate(frame).passed and suite.validate(mixed(2000, seed=8)).passed_at("critical")
    assert not suite.validate(mixed(2000, shift=1000.0)).passed
    from_profile = Suite.infer(mlcore.profile(frame))
    assert from_profile.name == "inferred" and 0 < len(from_profile) <= len(suite) and from_profile.validate(frame).passed


def test_references_and_bad_input():
    frame = {"key": [1, 2, 9], "x": [0.1, 0.2, 0.3]}
    suite = Suite("s").column_values_to_be_in_reference("key", "customers").column_distribution_to_match_reference("x", "before", "psi", threshold=99.0)
    profile = mlcore.profile({"x": np.linspace(0, 1, 500)})["x"]
    report = suite.validate(frame, references={"customers": pa.array([1, 2, 3]), "before": profile})
    assert [one["partial_unexpected_list"] for one in report.failures] == [[9]]
    report = suite.validate(frame)
    assert report.exit_code() == 2 and "was not handed in" in report.failures[0]["problem"]
    report = Suite("s").column_values_to_match_regex("key", "a").column_values_to_not_be_null("gone").validate(frame)
    assert ["text is needed" in one["problem"] or "there is no column" in one["problem"] for one in report.failures] == [True, True]
    # A column of objects stands in nobody's way until somebody asks about it.
    odd = pd.DataFrame({"n": [1, 2], "odd": [{1}, object()]})
    assert Suite("s").column_values_to_not_be_null("n").table_column_count_to_equal(2).validate(odd).passed
    with pytest.raises(mlcore.exceptions.InvalidTypeError, match="odd"):
        Suite("s").column_values_to_not_be_null("odd").validate(odd)
    with pytest.raises(mlcore.exceptions.InvalidTypeError, match="a table is expected"):
        orders().validate(3)
    with pytest.raises(mlcore.exceptions.UnsupportedError, match="more than 10 values"):
        Suite("s").column_median_to_be_between("x", 0, 1).validate({"x": np.arange(11.0)}, max_values=10)


def run(*arguments):
    return subprocess.run([sys.executable, "-m", "mlcore.validate", *map(str, arguments)], capture_output=True, text=True)


def test_the_program_writes_reports_and_exits_by_them(tmp_path):
    suite, data = tmp_path / "suite.toml", tmp_path / "orders.parquet"
    suite.write_text(orders().to_toml())
    mixed().to_parquet(data)
    done = run(suite, data, "--junit", tmp_path / "out.xml", "--html", tmp_path / "out.html", "--json", tmp_path / "out.json")
    assert (done.returncode, done.stderr) == (1, "") and 'suite "orders" not met' in done.stdout
    assert ElementTree.parse(tmp_path / "out.xml").getroot().get("failures") == "2"
    assert (tmp_path / "out.html").read_text().startswith("<!DOCTYPE") and json.loads((tmp_path / "out.json").read_text())["row_count"] == 400
    met = tmp_path / "met.json"
    met.write_text(Suite("met").column_to_exist("age").to_json())
    mixed().to_csv(tmp_path / "orders.csv", index=False)
    done = run(met, tmp_path / "orders.csv", "--quiet")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    done = run(tmp_path / "gone.toml", data)
    assert done.returncode == 2 and "gone.toml" in done.stderr
    data.write_bytes(data.read_bytes()[:200])
    done = run(suite, data)
    assert done.returncode == 2 and "cannot be read as Parquet" in done.stderr and "Traceback" not in done.stderr
    assert isinstance(orders().validate(mixed()), Report)
