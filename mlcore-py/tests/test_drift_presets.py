"""Presets that decide as another library, and the tests of shares."""

from __future__ import annotations

import json
import pickle

import numpy as np
import pandas as pd
import pytest
from conftest import ROOT

import mlcore
from mlcore import drift


def uniforms(seed, n, stream=0):
    """As in testdata/golden/make_drift.py: SplitMix64 of a counter."""
    with np.errstate(over="ignore"):
        z = np.uint64(seed) + (np.arange(n, dtype=np.uint64) * np.uint64(4) + np.uint64(stream + 1)) * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z = z ^ (z >> np.uint64(31))
    return (z >> np.uint64(11)).astype(float) * 2.0**-53


def described(spec):
    """The column of a golden table."""
    u = [uniforms(spec["seed"], spec["n"], stream) for stream in range(4)]
    if "shape" not in spec:
        share = u[0] * u[0] if spec.get("skew") == 2 else u[0]
        return [f"c{int(code)}" for code in np.floor(share * spec["distinct"])]
    bell = ((u[0] + u[1]) + u[2]) + u[3] - 2.0
    shapes = {
        "bell": lambda: bell,
        "heavy": lambda: bell / (u[0] + 1e-3),
        "spike": lambda: np.where(u[0] < 0.7, 0.0, bell),
        "integer": lambda: np.floor(u[0] * spec.get("distinct", 100)),
        "constant": lambda: np.zeros(spec["n"]),
    }
    return (shapes[spec["shape"]]() * spec.get("scale", 1.0) + spec.get("shift", 0.0)).astype(spec.get("dtype", "float64"))


@pytest.mark.parametrize("place", range(7))
def test_presets_decide_as_evidently_and_nannyml(place):
    golden = json.loads((ROOT / "testdata" / "golden" / "drift_decisions.json").read_text(encoding="utf-8"))
    table = golden["tables"][place]
    reference, current = (pd.DataFrame({name: described(spec) for name, spec in table[side].items()}) for side in ("reference", "current"))
    found = drift.report(reference, current, preset="evidently")
    assert found.drifted is table["evidently"]["drifted"]
    expected = table["evidently"]["columns"]
    assert {column.column: (column.test, column.drifted) for column in found.verdict.columns} == {
        name: (column["test"], column["drifted"]) for name, column in expected.items()
    }
    chunks = drift.Monitor(reference, preset="nannyml", window_rows=len(current) // 10).observe(current)
    for chunk, verdict in enumerate(chunks):
        for column in verdict.columns:
            alerts = table["nannyml"][column.column]
            # What rounding leaves of no distance is 1e-8 there.
            assert column.drifted is alerts["alerts"][chunk] or alerts["threshold"] < 1e-7, (chunk, column)


def test_a_preset_brings_its_rule_and_options_come_first(frame):
    monitor = drift.Monitor(frame, preset="evidently")
    assert {name: monitor.options[name] for name in ("correction", "drift_share", "min_samples")} == {
        "correction": "none", "drift_share": 0.5, "min_samples": 1
    }
    assert pickle.loads(pickle.dumps(monitor)).options == monitor.options
    own = drift.Monitor(frame, preset="evidently", correction="holm", drift_share=0.2, min_samples=30).options
    assert (own["correction"], own["drift_share"], own["min_samples"]) == ("holm", 0.2, 30)
    assert drift.Monitor(frame).options["drift_share"] is None
    with pytest.raises(mlcore.InvalidInputError, match="default, evidently, nannyml"):
        drift.Monitor(frame, preset="alibi")


def test_two_conventions_of_jensen_and_shannon_have_names():
    from scipy.spatial.distance import jensenshannon

    x, y = ["a", "b"] * 400, ["a"] * 500 + ["b"] * 250 + ["c"] * 50
    shares = [0.5, 0.5, 0.0], [0.625, 0.3125, 0.0625]
    for base in (None, 2, 10):
        distance = drift.JensenShannon(base=base).compare(x, y)
        assert distance.statistic == pytest.approx(jensenshannon(*shares, base), rel=1e-12) and distance.effect_name == "JS distance"
        divergence = drift.JensenShannon(measure="divergence", base=base).compare(x, y)
        assert divergence.statistic == pytest.approx(distance.statistic**2, rel=1e-12) and divergence.effect_name == "JS divergence"
        assert divergence.effect < divergence.statistic and divergence.pvalue == distance.pvalue
    assert drift.JensenShannon(recipe="nannyml").compare(x, y).effect == pytest.approx(jensenshannon(*shares, 2), rel=1e-12)
    with pytest.raises(mlcore.InvalidInputError, match="base: 1 is no number above 1"):
        drift.JensenShannon(base=1).compare(x, y)
