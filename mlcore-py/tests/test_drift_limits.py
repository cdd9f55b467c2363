"""Numbers that nobody means: every option of every test, detector, monitor and report refuses them by its name, or answers."""

import json
import math

import numpy as np
import pandas as pd
import pytest

import mlcore
from mlcore import drift

EXTREMES = [0, -1, 1, 10**9, 2**64 - 1, -(2**63), 2**64, 0.5, -0.5, 1e308, -1e308, 5e-324, math.nan, math.inf, -math.inf, ""]
#: A value that no option takes, one of another type, and the name of no test.
REFUSED = (mlcore.InvalidInputError, TypeError, mlcore.NotFoundError)


def frame(first):
    rows = np.arange(first, first + 150)
    return pd.DataFrame({"x": rows * 37 % 101 / 8.0, "plan": np.array(["free", "pro", "team"])[rows % 7 % 3]})


def held(option, work):
    """Does the work, or sees that the error names the option."""
    try:
        work()
    except mlcore.NotFoundError as error:
        assert option.endswith("_test") and "choose test" in str(error), f"{option}: {error}"
    except REFUSED as error:
        assert option in str(error), f"{option}: {error}"


def numbers(score):
    assert not math.isnan(score.statistic) and score.effect >= 0
    assert score.pvalue is None or 0 <= score.pvalue <= 1


@pytest.mark.parametrize("name", drift.test_names())
def test_every_option_of_a_test_of_a_column(name):
    before, after = frame(0), frame(3)
    test = drift.DriftTest(name)
    # Of categories too, where it compares them.
    columns = []
    for column in before:
        try:
            test.compare(before[column], after[column])
            columns.append(column)
        except mlcore.InvalidInputError:
            pass
    assert columns
    for option in test.options:
        for value in EXTREMES:
            for column in columns:
                held(option, lambda: numbers(drift.DriftTest(name, **{option: value}).compare(before[column], after[column])))


@pytest.mark.parametrize("name", drift.table_test_names())
def test_every_option_of_a_test_of_a_table(name):
    rows = np.arange(40)
    table = lambda first: pd.DataFrame({
        "x": (rows + first) * 7 % 31 + rows / 7.0,
        "y": (rows + first) * 11 % 31 + rows / 5.0,
        "text": np.array(["a short text", "another one", "and some more words"])[(rows + first) * rows % 3],
    })
    options = drift.TableTest(name).options
    quick = {option: value for option, value in {"permutations": 9, "trees": 2}.items() if option in options}
    for option in options:
        for value in EXTREMES:
            held(option, lambda: numbers(drift.TableTest(name, **{**quick, option: value}).compare(table(0), table(5))))


@pytest.mark.parametrize("name", drift.detector_names())
def test_every_parameter_of_a_detector(name):
    bits = np.arange(1500) % 3 % 2.0

    def watched(parameter, value):
        detector = drift.StreamDetector(name, **{parameter: value})
        try:
            detector.update_many(bits)
        except mlcore.InvalidInputError as error:
            # A range that the values are not in.
            assert "takes" in str(error)
        assert not any(math.isnan(number) for number in detector.statistics.values())
        again = drift.StreamDetector(name, **{parameter: value})
        again.restore(detector.save())
        assert again.n_values == detector.n_values

    for parameter in drift.StreamDetector(name).parameters:
        for value in EXTREMES:
            held(parameter, lambda: watched(parameter, value))


MONITOR = ["alpha", "drift_share", "window_rows", "thin", "min_samples", "max_categories", "max_exact_n", "correction", "window_correction", "preset", "numeric_test", "discrete_test", "categorical_test", "columns", "minimum_effects", "column_options"]


def test_every_option_of_a_monitor_is_tried():
    assert set(drift.Monitor(frame(0)).options) <= set(MONITOR)


@pytest.mark.parametrize("option", MONITOR)
@pytest.mark.parametrize("value", EXTREMES, ids=repr)
def test_every_option_of_a_monitor(option, value):
    def watched():
        monitor = drift.Monitor(frame(0), **{option: value})
        monitor.observe(frame(3))
        monitor.evaluate_now()
        drift.MonitorReference.from_bytes(drift.MonitorReference(frame(0), **{option: value}).to_bytes())

    held(option, watched)


@pytest.mark.parametrize("value", EXTREMES, ids=repr)
def test_effects_of_a_monitor(value):
    for options in ({"minimum_effects": {"ks": value}}, {"column_options": {"x": {"minimum_effect": value}}}):
        try:
            drift.Monitor(frame(0), **options).observe(frame(3))
        except REFUSED as error:
            assert any(word in str(error) for word in ("minimum effect", "minimum_effect", "ks", "column_options")), error


@pytest.mark.parametrize("option", ["histogram_bins", "most_categories", "threads", "title", "table_tests", *MONITOR])
def test_every_option_of_a_report(option):
    for value in EXTREMES:
        held(option, lambda: json.loads(drift.report(frame(0), frame(3), **{option: value}).to_json()))


def test_psi_takes_no_billion_of_bins():
    for bins in (0, 1, -1, 10**9, 2**64):
        with pytest.raises((mlcore.InvalidInputError, OverflowError, TypeError)):
            drift.psi([1.0, 2.0, 3.0], [2.0, 3.0], bins)


def test_a_watch_takes_no_range_that_ends_before_it_starts():
    for low, high in ((1.0, 0.0), (0.5, 0.5), (math.nan, 1.0), (-1e308, 1e308)):
        with pytest.raises(mlcore.InvalidInputError, match="low|high"):
            drift.Watch(0.5, low=low, high=high)


def test_a_table_of_very_many_columns():
    names = [f"feature {place}" for place in range(3000)]
    table = lambda shift: pd.DataFrame(np.arange(8.0)[:, None] + np.full(len(names), shift), columns=names)
    monitor = drift.Monitor(table(0.0), window_rows=8, min_samples=1)
    (verdict,) = monitor.observe(table(1.0)[names[::-1]])
    assert len(verdict.columns) == len(names)
    report = drift.report(table(0.0), table(1.0), min_samples=1)
    assert len(report.verdict.columns) == len(names)
