"""Stream detectors: river's and frouros' detections through the door, and what Python does with objects."""

from __future__ import annotations

import copy
import inspect
import json
import pickle
import re
import threading
import typing

import numpy as np
import pandas as pd
import polars as pl
import pytest
from conftest import ROOT

import mlcore
from mlcore import drift

GOLDEN = ROOT / "testdata/golden/stream"
CLASSES = {(item(0.5) if item is drift.Watch else item()).name: item for item in vars(drift).values() if inspect.isclass(item) and issubclass(item, drift.StreamDetector) and item is not drift.StreamDetector}
FROM = {name: json.loads(path.read_text())["cases"] for name in CLASSES if (path := GOLDEN / f"{name}.json").exists()}


def uniform(seed, n):
    with np.errstate(over="ignore"):
        z = np.uint64(seed) + np.uint64(0x9E3779B97F4A7C15) * np.arange(1, n + 1, dtype=np.uint64)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z = z ^ (z >> np.uint64(31))
    return (z >> np.uint64(11)).astype(np.float64) * 2.0**-53


def values(recipe):
    """The stream of a recipe: see testdata/golden/make_stream.py."""
    n, shape, a, b = recipe["n"], recipe["shape"], np.array(recipe["a"]), np.array(recipe["b"])
    segment, along = np.arange(n) * len(a) // n, np.arange(n) / n
    if shape in ("normal", "ramp"):
        u = uniform(recipe["seed"], 12 * n).reshape(n, 12)
        g = u[:, 0].copy()
        for column in range(1, 12):
            g += u[:, column]
        g -= 6.0
        return (a[segment] if shape == "normal" else a[0] + (a[1] - a[0]) * along) + b[segment] * g
    u = uniform(recipe["seed"], n)
    if shape == "bits":
        return (u < a[segment]).astype(np.float64)
    if shape == "bits_ramp":
        return (u < a[0] + (a[1] - a[0]) * along).astype(np.float64)
    if shape == "uniform":
        return a[segment] + b[segment] * u
    return a[segment] + (np.floor(b[segment] * u) if shape == "grid" else 0.0 * u)


def checked(found, expected):
    assert len(found) == expected["count"] and list(found[: len(expected["first"])]) == expected["first"]
    checksum = 0
    for index in found:
        checksum = (checksum * 6364136223846793005 + int(index) + 1) % 2**64
    assert str(checksum) == expected["checksum"]


@pytest.mark.parametrize("name", FROM)
def test_detections_are_those_of_the_reference(name):
    assert len(FROM[name]) >= 15
    for case in FROM[name]:
        if case["stream"]["n"] > 20_000:
            continue
        drifts, warnings = CLASSES[name](**case["parameters"]).update_many_with_warnings(values(case["stream"]))
        checked(drifts, case["drifts"])
        checked(warnings, case["warnings"])


@pytest.mark.parametrize("name", FROM)
def test_a_value_at_a_time_is_as_a_slice(name):
    case = next(case for case in FROM[name] if 300 <= case["stream"]["n"] <= 20_000 and case["drifts"]["count"])
    xs = values(case["stream"])[:3000]
    slice_, single = CLASSES[name](**case["parameters"]), CLASSES[name](**case["parameters"])
    found, warned = slice_.update_many_with_warnings(xs)
    drifts, warnings = [], []
    for index, x in enumerate(xs.tolist()):
        assert single.update(x) is None
        drifts += [index] * single.drift_detected
        warnings += [index] * single.warning_detected
    assert drifts == found.tolist() and warnings == warned.tolist() and single.save() == slice_.save()
    assert (single.n_values, single.n_detections) == (len(xs), len(drifts))


def made(name):
    return CLASSES[name](0.5) if name == "watch" else CLASSES[name]()


def a_stream(name, n=2000):
    rng = np.random.default_rng(5)
    rates = np.where(np.arange(n) < n // 2, 0.2, 0.8)
    return (rng.random(n) < rates).astype(float)


def test_every_listed_detector_has_a_class_with_its_parameters_and_types():
    assert set(CLASSES) == set(drift.detector_names())
    for name, kind in CLASSES.items():
        signature = {parameter: item.default for parameter, item in inspect.signature(kind).parameters.items()}
        own = made(name)
        assert set(signature) == set(own.parameters), name
        if name != "watch":
            assert drift.StreamDetector(name).parameters == own.parameters, name
        for parameter, default in signature.items():
            assert getattr(own, parameter) == ([0.5, 0.5] if default is inspect.Parameter.empty else [] if parameter == "window" else default)
        assert set(typing.get_type_hints(kind.__new__)) == {*signature, "return"}
        assert set(re.findall(r"^    (\w+) : ", kind.__doc__, re.MULTILINE)) == set(signature), name
        assert own.legend and own.name == name
        with pytest.raises(mlcore.InvalidInputError, match=f"make detector {name}: unknown field `oddity`"):
            drift.StreamDetector(name, oddity=1)


@pytest.mark.parametrize("name", CLASSES)
def test_copies_and_pickles_go_on(name):
    xs = a_stream(name)
    detector = made(name)
    detector.update_many(xs[:1200])
    expected = None
    for again in (pickle.loads(pickle.dumps(detector)), copy.copy(detector), copy.deepcopy(detector), detector.clone(include_attributes=True)):
        assert type(again) is CLASSES[name] and repr(again) == repr(detector) and again.save() == detector.save()
        found = again.update_many(xs[1200:]).tolist()
        expected = found if expected is None else expected
        assert found == expected
    assert detector.update_many(xs[1200:]).tolist() == expected
    fresh = detector.clone()
    assert (fresh.n_values, fresh.parameters) == (0, detector.parameters)
    detector._reset()
    assert detector.save() == fresh.save()


def test_attributes_are_rivers():
    adwin = drift.ADWIN(0.01, clock=1)
    for x in [0.0, 1.0] * 100:
        adwin.update(x)
    assert (adwin.delta, adwin.clock, adwin.width, adwin.total, adwin.estimation, adwin.variance) == (0.01, 1, 200, 100, 0.5, 50)
    assert not adwin.drift_detected and not adwin.warning_detected and set(adwin.statistics) >= {"width", "estimation"}
    assert 0 < drift.KSWIN(seed=1).update_many(np.arange(150.0)).size
    with pytest.raises(AttributeError, match="ADWIN has no attribute widht"):
        adwin.widht
    assert repr(drift.DDM(warm_start=10)) == "DDM(drift_threshold=3.0, warm_start=10, warning_threshold=2.0)"
    assert drift.KSWIN(seed=-42).seed == 42


def test_what_is_no_number_is_ignored():
    detector = drift.ADWIN()
    for x in (float("nan"), None, float("inf"), -float("inf"), 1e300):
        detector.update(x)
    assert (detector.n_ignored, detector.n_values) == (5, 0)
    assert detector.update_many([1.0, None, float("nan"), 2.0]).size == 0
    assert (detector.n_ignored, detector.n_values) == (7, 2)


def test_bad_input_is_refused_with_words():
    for call, words in [
        (lambda: drift.DDM().update(0.5), "value: it is 0.5, and ddm takes 0 and 1"),
        (lambda: drift.DDM().update_many([0, 1, 2]), "value 2: it is 2, and ddm takes 0 and 1"),
        (lambda: drift.HDDMA().update(1.5), "numbers from 0 to 1"),
        (lambda: drift.ADWIN(delta=0), "delta: it is 0, and must be above 0 and below 1"),
        (lambda: drift.PageHinkley(mode="odd"), "up, down, both"),
        (lambda: drift.Watch(1.5), "between 0.0 and 1.0"),
        (lambda: drift.Watch(0.5, one_false_alarm_in=10, false_alarm_probability=0.1), "one of the two"),
        (lambda: drift.Watch.baseline_of([0.5]), "two are needed"),
    ]:
        with pytest.raises(mlcore.InvalidInputError, match=words):
            call()
    with pytest.raises(mlcore.NotFoundError, match="the detectors are adwin"):
        drift.StreamDetector("oddity")
    with pytest.raises(TypeError):
        drift.ADWIN().update("one")
    with pytest.raises(TypeError):
        drift.ADWIN().update_many(["one"])
    with pytest.raises(mlcore.InvalidInputError, match="it is the state of adwin, not of ddm"):
        drift.DDM().restore(drift.ADWIN().save())
    for damaged in ("", "{}", drift.ADWIN().save().replace('"width":0.0', '"width":7.0')):
        with pytest.raises(mlcore.CorruptError):
            drift.ADWIN().restore(damaged)


def test_slices_of_every_kind():
    xs = a_stream("ddm")
    expected = drift.DDM().update_many(xs).tolist()
    assert expected
    for same in (xs.tolist(), xs.astype(bool), xs.astype(np.int8), pd.Series(xs), pl.Series(xs), np.repeat(xs, 2)[::2]):
        assert drift.DDM().update_many(same).tolist() == expected


def test_a_watch_says_when_a_rate_has_left_its_baseline():
    rng = np.random.default_rng(2)
    good, bad = rng.random(4000) < 0.9, rng.random(1000) < 0.8
    watch = drift.Watch(drift.Watch.baseline_of(good), direction="down", one_false_alarm_in=100_000)
    assert watch.update_many(rng.random(4000) < 0.9).size == 0 and watch.evidence < 1 and abs(watch.mean - 0.9) < 0.02
    assert watch.update_many(bad)[0] < 600
    score = drift.Watch((48, 52), low=0, high=100, delta=5, false_alarm_probability=0.001)
    assert score.update_many(rng.normal(50, 5, 3000).clip(0, 100)).size == 0
    assert score.update_many(rng.normal(58, 5, 500).clip(0, 100))[0] < 300


def test_threads_share_a_detector():
    detector, xs = drift.HDDMA(), a_stream("hddm_a", 200_000)
    threads = [threading.Thread(target=lambda: [detector.update_many(xs), [detector.update(1.0) for _ in range(200)]]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not any(thread.is_alive() for thread in threads) and detector.n_values == 4 * 200_200
