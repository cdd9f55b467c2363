"""Experiments of frames: batches, machines, segments, clusters, days, and reports."""

from __future__ import annotations

import copy
import json
import pickle
import threading

import numpy as np
import pandas as pd
import polars as pl
import pytest

from mlcore.exceptions import CorruptError, InvalidInputError, InvalidTypeError, SchemaMismatchError, UnsupportedError
from mlcore.experiment import Estimate, Experiment, Metric, Report, analyse, compare, cuped


def frame(rows=6000, seed=3, arms=("off", "on"), lift=0.4):
    random = np.random.default_rng(seed)
    arm = random.integers(0, len(arms), rows)
    before = random.gamma(2.0, 3.0, rows)
    spent = before + random.normal(0, 2, rows) + lift * arm
    return pd.DataFrame(
        {
            "arm": np.array(arms)[arm],
            "before": before,
            "age": random.normal(40, 8, rows),
            "spent": spent,
            "clicked": random.random(rows) < 0.1 + 0.04 * arm,
            "views": random.integers(1, 9, rows),
            "clicks": random.integers(0, 3, rows),
            "country": random.choice(["DE", "FR"], rows),
            "house": [f"{name} {house}" for name, house in zip(np.array(arms)[arm], random.integers(0, rows // 4, rows))],
            "day": random.integers(0, 5, rows),
        }
    )


METRICS = [
    "spent",
    Metric("spent, by before", "spent", covariates=("before",)),
    Metric("spent, by both", "spent", covariates=("before", "age")),
    Metric("spent, capped", "spent", caps=(0.0, 15.0)),
    Metric("clicked", kind="proportion"),
    Metric("clicks per view", "clicks", kind="ratio", denominator="views"),
    Metric("median", "spent", kind="quantile", quantile=0.5),
]


def estimates(data):
    """The arms of each metric, by other ways."""
    both = [data[data["arm"] == arm] for arm in ("off", "on")]
    yield "spent", [Estimate.of_mean(own["spent"]) for own in both]
    yield "spent, by before", cuped(both[0]["spent"], both[0]["before"], both[1]["spent"], both[1]["before"])
    yield "spent, capped", [Estimate.of_mean(own["spent"].clip(0.0, 15.0)) for own in both]
    yield "clicked", [Estimate.of_proportion(int(own["clicked"].sum()), len(own)) for own in both]
    yield "clicks per view", [Estimate.of_ratio(own["clicks"], own["views"]) for own in both]
    yield "median", [Estimate.of_quantile(own["spent"], 0.5) for own in both]


def test_findings_are_those_of_the_estimates():
    data = frame()
    report = analyse(data, METRICS, control="off")
    findings = {finding["metric"]: finding for finding in report.to_dict()["findings"]}
    for name, both in estimates(data):
        expected, found = compare(*both), findings[name]["effect"]["known"]
        for attribute in ("estimate", "standard_error", "low", "high", "pvalue"):
            assert found[attribute] == pytest.approx(getattr(expected, attribute), rel=1e-9), (name, attribute)
    errors = {name: finding["effect"]["known"]["standard_error"] for name, finding in findings.items()}
    assert errors["spent, by before"] < errors["spent"] / 1.5
    assert errors["spent, by both"] == pytest.approx(errors["spent, by before"], rel=0.05)
    assert report.decisions["spent, by before", "on"] == "better" and report.srm_pvalue > 0.001 and report.warnings == []


def test_batches_and_machines_give_what_one_look_gives():
    data = frame()
    options = {"segments": ["country"], "day": "day"}
    whole = analyse(data, METRICS, control="off", **options)
    parts = [Experiment("experiment", ["off", "on"], METRICS, **options) for _ in range(2)]
    for place, start in enumerate(range(0, len(data), 1000)):
        parts[place % 2].update(data.iloc[start : start + 1000])
    merged = pickle.loads(pickle.dumps(parts[0]))
    merged.merge(parts[1])
    assert merged.units == data["arm"].value_counts().to_dict() and parts[0].units != merged.units
    found, expected = merged.report().to_dict(), whole.to_dict()
    assert len(found["findings"]) == 3 * len(METRICS) and len(found["days"]) == len(METRICS)
    for one, other in zip(found["findings"], expected["findings"]):
        assert (one["metric"], one["segment"], one["arm"]) == (other["metric"], other["segment"], other["arm"])
        assert one["effect"]["known"]["low"] == pytest.approx(other["effect"]["known"]["low"], rel=1e-9)
    assert [day for day, _ in found["days"][0]["effects"]] == [0.0, 1.0, 2.0, 3.0, 4.0]
    copied = copy.deepcopy(merged)
    assert copied.report() == merged.report() and json.loads(copied.to_json()) == json.loads(merged.to_json())


def test_every_library_gives_the_same_report():
    data = frame(500)
    expected = analyse(data, ["spent"], segments=["country"])
    arrow = pl.from_pandas(data).to_arrow()
    for other in (pl.from_pandas(data), pl.from_pandas(data).lazy(), arrow, data.to_dict("list"), data.to_dict("records"), data.astype({"arm": "category"})):
        assert analyse(other, ["spent"], segments=["country"]) == expected


def test_clusters_are_units():
    data = frame(2000)
    report = analyse(data, ["spent", Metric("clicked", kind="proportion")], control="off", clusters="house")
    both = [data[data["arm"] == arm] for arm in ("off", "on")]
    expected = compare(*(Estimate.of_clusters(own["spent"], own["house"]) for own in both))
    found = report.to_dict()
    assert found["findings"][0]["effect"]["known"]["standard_error"] == pytest.approx(expected.standard_error, rel=1e-9)
    assert [arm["units"] for arm in found["arms"]] == [own["house"].nunique() for own in both]
    sequential = Experiment("houses", ["off", "on"], ["spent"], clusters="house", srm="sequential")
    sequential.update(data)
    sequential.update(data)
    assert list(sequential.units.values()) == [own["house"].nunique() for own in both]
    broken = data.assign(house="one")
    with pytest.raises(InvalidInputError, match="cluster one: it has units of two arms"):
        sequential.update(broken)
    assert list(sequential.units.values()) == [own["house"].nunique() for own in both]


def test_a_mismatch_blocks_and_an_early_look_waits():
    data = frame()
    uneven = pd.concat([data[data["arm"] == "off"], data[data["arm"] == "on"].head(1500)])
    report = analyse(uneven, ["spent"], control="off")
    assert report.decisions == {("spent", "on"): "sample_ratio_mismatch"} and report.warnings[0].startswith("Sample ratio mismatch")
    planned = analyse(uneven, ["spent"], arms={"off": 2.0, "on": 1.0}, planned_units=10**6)
    assert planned.decisions == {("spent", "on"): "too_early"}
    always = analyse(data, ["spent"], control="off", planned_units=10**6, inference="sequential", srm="sequential")
    assert always.decisions == {("spent", "on"): "better"}


def test_margins_directions_and_corrections():
    data = frame(lift=0.0)
    margin = analyse(data, [Metric("spent", margin=0.2)], control="off")
    assert margin.decisions == {("spent", "on"): "non_inferior"}
    less = analyse(frame(), [Metric("spent", covariates=["before"], preferred_direction="decrease")], control="off")
    assert less.decisions == {("spent", "on"): "worse"}
    three = frame(arms=("a", "b", "c"))
    rows = {word: analyse(three, ["spent"], correction=word).to_frame() for word in ("none", "holm", "fdr_by")}
    assert list(rows["none"]["arm"]) == ["b", "c"]
    assert (rows["holm"]["pvalue_corrected"] >= rows["none"]["pvalue"]).all()
    assert (rows["fdr_by"]["pvalue_corrected"] >= rows["none"]["pvalue"]).all()


def test_a_report_goes_everywhere():
    report = analyse(frame(), METRICS, control="off", name="<banner>", day="day")
    assert Report.from_json(report.to_json()) == report == pickle.loads(pickle.dumps(report)) and report.name == "<banner>"
    assert str(report).startswith("<banner>\n") and "\noff: " in str(report) and "spent of on: " in str(report)
    html = report.to_html()
    assert html.endswith("</html>\n") and "<svg" in html and "<banner>" not in html and "<svg" in report._repr_html_()
    pandas, polars = report.to_frame(library="pandas"), report.to_frame(library="polars")
    assert list(pandas.columns) == polars.columns and len(polars) == len(METRICS)
    assert polars["metric"].to_list() == list(pandas["metric"]) and polars["reason"].null_count() == len(METRICS)
    with pytest.raises(CorruptError):
        Report.from_json("{}")


def test_too_little_is_no_verdict_and_no_error():
    report = analyse({"arm": ["a", "b", "a", "b"], "x": [1.0, 1.0, 1.0, 1.0]}, ["x"])
    assert report.decisions == {("x", "b"): "no_verdict"} and "the same value" in report.warnings[0]
    assert report.to_frame()["reason"][0] == "all units of an arm have the same value"
    empty = Experiment("nobody", ["a", "b"], ["x"])
    assert empty.report().decisions == {("x", "b"): "no_verdict"}


@pytest.mark.parametrize(
    ("rows", "problem", "kind"),
    [
        ({"arm": ["a", "c"], "x": [1.0, 2.0]}, "'?\"?c\"? is none of the arms", InvalidInputError),
        ({"arm": ["a", None], "x": [1.0, 2.0]}, "row 1 is missing", InvalidInputError),
        ({"arm": ["a", "b"], "x": [1.0, None]}, "column x: row 1 is missing", InvalidInputError),
        ({"arm": ["a", "b"], "x": [float("inf"), 1.0]}, "row 0 is infinite", InvalidInputError),
        ({"arm": ["a", "b"]}, "column x", SchemaMismatchError),
        ({"x": [1.0]}, "column arm", SchemaMismatchError),
        ({"arm": ["a", "b"], "x": ["u", "v"]}, "numbers are expected", InvalidTypeError),
        ({"arm": [0.5, 1.5], "x": [1.0, 2.0]}, "names are expected", InvalidTypeError),
    ],
)
def test_bad_rows_are_refused_and_nothing_is_taken(rows, problem, kind):
    experiment = Experiment("e", ["a", "b"], ["x"])
    experiment.update({"arm": ["a", "b"], "x": [1.0, 2.0]})
    before = experiment.to_json()
    with pytest.raises(kind, match=problem):
        experiment.update(rows)
    assert experiment.to_json() == before


def test_missing_values_are_left_out_on_request():
    rows = {"arm": ["a", "b", "a", "b", "a"], "x": [1.0, 2.0, 3.0, 5.0, None], "y": [0.0, 1.0, 2.0, 3.0, 4.0]}
    report = analyse(rows, ["x", "y"], nan_policy="omit", difference="absolute").to_dict()
    counts = [finding["control"]["known"]["count"] for finding in report["findings"]]
    assert counts == [2, 3] and report["arms"][0]["units"] == 3
    with pytest.raises(InvalidInputError, match="units succeed or not"):
        analyse({"arm": ["a", "b"], "x": [0.0, 0.5]}, [Metric("x", kind="proportion")])


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"metrics": []}, "there are none"),
        ({"metrics": ["x", "x"]}, "occurs twice"),
        ({"metrics": [Metric("x", kind="median")]}, "unknown variant"),
        ({"metrics": [Metric("x", kind="ratio")]}, "denominator"),
        ({"metrics": [Metric("x", kind="quantile", quantile=1.5)]}, "is not inside"),
        ({"metrics": [Metric("x", covariates=("y",), kind="proportion")]}, "only means"),
        ({"metrics": [Metric("x", caps=(2.0, 1.0))]}, "caps are 2 and 1"),
        ({"metrics": [Metric("x", margin=-1.0)]}, "is not positive"),
        ({"metrics": [Metric("x", covariates=("y",))], "clusters": "z"}, "units in clusters"),
        ({"arms": ["a", "b", "c"], "metrics": [Metric("x", covariates=("y", "z"))]}, "adjust two arms"),
        ({"arms": ["a"]}, "arm"),
        ({"arms": ["a", "a"]}, "two arms have this name"),
        ({"arms": {"a": 1.0, "b": -1.0}}, "weight"),
        ({"alpha": 2.0}, "is not inside"),
        ({"srm_alpha": 2.0}, "is not from 0 to 1"),
        ({"srm": "always"}, "is not known"),
        ({"nan_policy": "ignore"}, "is not known"),
        ({"correction": "sidak"}, "sidak"),
    ],
)
def test_plans_that_cannot_be_meant_are_refused(options, problem):
    with pytest.raises(InvalidInputError, match=problem):
        Experiment("e", options.pop("arms", ["a", "b"]), options.pop("metrics", ["x"]), **options)


def test_states_that_no_experiment_wrote_are_refused():
    experiment = Experiment("e", ["a", "b"], ["x"])
    experiment.update({"arm": ["a", "b"], "x": [1.0, 2.0]})
    state = json.loads(experiment.to_json())
    for change in (
        lambda s: s["seen"]["units"].pop(),
        lambda s: s["seen"]["cells"].clear(),
        lambda s: s["seen"]["cells"][0][1][0].pop(),
        lambda s: s["plan"]["metrics"].clear(),
        lambda s: s["plan"]["metrics"][0].update(kind="proportion"),
        lambda s: s.pop("plan"),
    ):
        changed = copy.deepcopy(state)
        change(changed)
        with pytest.raises(CorruptError):
            Experiment.from_json(json.dumps(changed))
    with pytest.raises(UnsupportedError):
        Experiment.from_json(json.dumps({**state, "version": 2}))
    with pytest.raises(InvalidInputError, match="another plan"):
        experiment.merge(Experiment("e", ["a", "b"], ["x"], alpha=0.1))
    with pytest.raises(InvalidTypeError, match="a metric is expected"):
        Experiment("e", ["a", "b"], [3])


def test_threads_share_an_experiment():
    experiment, data = Experiment("e", ["off", "on"], ["spent"]), frame(2000)
    threads = [threading.Thread(target=experiment.update, args=(data,)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(experiment.units.values()) == 16000
    experiment.merge(experiment)
    assert sum(experiment.units.values()) == 32000
