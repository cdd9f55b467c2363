"""Profiles: what Python's frames look like in bounded memory, and that they add up wherever they were made."""

import copy
import datetime
import multiprocessing
import pickle

import mlcore
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest


def columns(rows=5000, seed=1):
    rng = np.random.default_rng(seed)
    numbers = rng.normal(size=rows)
    numbers[rng.random(rows) < 0.1] = np.nan
    return {
        "number": numbers,
        "count": rng.integers(0, 40, rows),
        "plan": rng.choice(["free", "pro", "é"], rows),
        "flag": rng.random(rows) < 0.3,
        "at": (np.datetime64("2024-01-01", "us") + rng.integers(0, 10**12, rows)).astype("datetime64[us]"),
    }


def test_the_numbers_are_numpys():
    frame = columns()
    profile = mlcore.profile(frame)
    numbers = frame["number"][~np.isnan(frame["number"])]
    found = profile["number"]
    assert (profile.rows, found.rows, found.missing, found.nans) == (5000, 5000, 5000 - len(numbers), 5000 - len(numbers))
    assert (found.min, found.max) == (numbers.min(), numbers.max())
    assert found.mean == pytest.approx(numbers.mean(), rel=1e-12) and found.std == pytest.approx(numbers.std(ddof=1), rel=1e-12)
    deviations = numbers - numbers.mean()
    assert found.kurtosis == pytest.approx((deviations**4).mean() / (deviations**2).mean() ** 2 - 3, rel=1e-9)
    assert abs(found.quantile(0.5) - np.median(numbers)) < 0.05 and found.rank_error < 0.005
    low, high = found.below(0.5)
    assert low <= (numbers < 0.5).sum() <= high
    assert profile["count"].below(20.0) == ((frame["count"] < 20).sum(),) * 2
    assert profile["plan"].distinct == 3 and profile["plan"].lengths[:2] == (1, 4)
    assert profile["flag"].mean == pytest.approx(frame["flag"].mean())
    assert isinstance(profile["at"].min, datetime.datetime) and profile["at"].kind == "datetime[us]"
    items = dict((value, count) for value, count, _ in profile["plan"].frequent_items())
    assert items == {word: (frame["plan"] == word).sum() for word in ("free", "pro", "é")}


def test_every_library_gives_the_same_profile():
    frame = columns()
    frame["number"] = np.where(np.isnan(frame["number"]), 0.0, frame["number"])
    profiles = [
        mlcore.profile(made)
        for made in (frame, pd.DataFrame(frame), pl.DataFrame(frame), pa.table({name: pa.array(values) for name, values in frame.items()}))
    ]
    assert all(profile == profiles[0] for profile in profiles[1:])
    assert all(profile.to_bytes() == profiles[0].to_bytes() for profile in profiles[1:])


def test_parts_add_up():
    frame = pd.DataFrame(columns(20_000))
    whole = mlcore.profile(frame)
    for order in ([0, 1, 2, 3], [2, 0, 3, 1]):
        parts = [mlcore.profile(frame.iloc[part * 5000 : (part + 1) * 5000]) for part in range(4)]
        merged = mlcore.Profile()
        for part in order:
            merged.merge(parts[part])
        assert merged.exact_bytes() == whole.exact_bytes()
        assert (merged["number"].mean, merged["number"].variance) == (whole["number"].mean, whole["number"].variance)


def profiled(seed):
    return mlcore.profile(columns(5000, seed))


def test_workers_send_profiles():
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        sent = pool.map(profiled, range(4))
    here = [profiled(seed) for seed in range(4)]

    def merged(profiles):
        whole = mlcore.Profile()
        for profile in profiles:
            whole.merge(profile)
        return whole.to_bytes()

    assert [profile.to_bytes() for profile in sent] == [profile.to_bytes() for profile in here]
    assert merged(sent) == merged(here)


def test_pickles_and_copies_are_equal_and_apart():
    profile = mlcore.profile(columns())
    for again in (pickle.loads(pickle.dumps(profile)), copy.deepcopy(profile), mlcore.Profile.from_bytes(profile.to_bytes())):
        assert again == profile and again is not profile
        again.add({"number": [1.0]})
        assert again != profile and again.rows == profile.rows + 1 and again["plan"].absent == 1
    column = profile["number"]
    again = pickle.loads(pickle.dumps(column))
    assert (again.name, again.mean, again.quantile(0.1), again.absent) == (column.name, column.mean, column.quantile(0.1), 0)


def test_edges_and_categories_are_counted_exactly():
    frame = columns(50_000)
    profile = mlcore.profile(frame, edges={"number": [-1.0, 0.0, 1.0]}, categories={"plan": ["pro", "never"]})
    edges, counts = profile["number"].histogram
    numbers = frame["number"]
    assert edges == [-1.0, 0.0, 1.0]
    assert counts == [(numbers < -1).sum(), ((numbers >= -1) & (numbers < 0)).sum(), ((numbers >= 0) & (numbers < 1)).sum(), (numbers >= 1).sum()]
    with pytest.raises(mlcore.InvalidInputError, match="merge profiles number: the two profiles count it in different bins"):
        profile.merge(mlcore.profile(frame))
    with pytest.raises(mlcore.InvalidInputError, match="ascending"):
        mlcore.Profile(edges={"x": [1.0, 0.0]})


def test_what_people_see():
    profile = mlcore.profile({"age": [20.0, None, 41.0], "plan": ["free", "pro", "free"]})
    summary = profile.to_dict()
    assert summary["rows"] == 3 and [column["name"] for column in summary["columns"]] == ["age", "plan"]
    assert summary["columns"][1]["frequent"] == [["free", 2], ["pro", 1]]
    assert "33.33 %" in str(profile) and profile.summary() == str(profile)
    assert repr(profile) == "<mlcore.profiles.Profile: 3 rows, 2 columns>" and profile._repr_html_().startswith("<pre>")
    assert repr(profile["age"]) == '<mlcore.profiles.ColumnProfile "age": 3 rows of kind number>'
    assert len(profile) == 2 and "age" in profile and "name" not in profile and set(profile.columns) == {"age", "plan"}
    with pytest.raises(mlcore.NotFoundError, match="read profile name"):
        profile["name"]


def test_bad_input_is_refused_by_name_and_changes_nothing():
    profile = mlcore.profile({"a": [1.0, 2.0]})
    before = profile.to_bytes()
    with pytest.raises(mlcore.SchemaMismatchError, match="profile a: the column was of kind number, and now it is of kind text"):
        profile.add({"a": ["x"]})
    with pytest.raises(mlcore.InvalidTypeError):
        profile.add(7)
    assert profile.to_bytes() == before
    data = profile.to_bytes()
    for wrong in (b"", data[:-1], data[:20] + b"\x07" + data[21:], b"x" * 100):
        with pytest.raises(mlcore.CorruptError):
            mlcore.Profile.from_bytes(wrong)
    with pytest.raises(mlcore.UnsupportedError, match="version 255"):
        mlcore.Profile.from_bytes(data[:4] + b"\xff" + data[5:])


def test_odd_columns():
    profile = mlcore.profile({"none": [None, None], "nan": [np.nan, np.nan], "inf": [np.inf, -np.inf], "large": [2**53, 2**53 + 1]})
    assert profile["none"].missing == 2 and profile["none"].kind == "nothing"
    assert profile["nan"].missing_rate == 1.0 and profile["nan"].mean is None
    assert profile["inf"].infinities == (1, 1) and profile["inf"].min is None
    assert profile["large"].max == 2**53 + 1 and profile["large"].distinct == 2
    assert mlcore.profile({"a": []}).rows == 0
    # What only missing values came of takes any kind.
    profile.add({"none": ["now it is text"]})
    assert profile["none"].kind == "text"


def test_drift_tests_take_profiles():
    rng = np.random.default_rng(5)
    reference, current = rng.normal(size=4000), rng.normal(0.3, 1, 30_000)
    profile = mlcore.Profile()
    for part in np.split(current, 3):
        profile.merge(mlcore.profile({"x": part}))
    test = mlcore.drift.DriftTest("ks")
    rows, summary = test.compare(reference, current), test.compare(reference, profile["x"])
    assert 0 <= rows.statistic - summary.statistic <= 2 * profile["x"].rank_error
    assert rows.pvalue <= summary.pvalue < 1e-6
    words = rng.choice(["a", "b", "c"], 3000)
    profile = mlcore.profile({"w": words})
    test = mlcore.drift.DriftTest("chi_square")
    assert test.compare(words[:1000], profile["w"]).pvalue == test.compare(words[:1000], words).pvalue


def test_two_profiles_are_compared():
    rng = np.random.default_rng(8)
    tables = [pd.DataFrame({"x": rng.normal(shift, size=50_000), "w": rng.choice(["a", "b"], 50_000)}) for shift in (0, 0.1)]
    reference, current = map(mlcore.profile, tables)
    test = mlcore.drift.KolmogorovSmirnov()
    rows, summaries = test.compare(tables[0]["x"], tables[1]["x"]), test.compare(reference["x"], current["x"])
    assert 0 <= rows.statistic - summaries.statistic < 0.02 and rows.pvalue <= summaries.pvalue < 1e-6
    assert test.compare(reference["x"], tables[1]["x"]).statistic <= rows.statistic
    words = mlcore.drift.ChiSquare()
    assert words.compare(reference["w"], current["w"]).pvalue == words.compare(tables[0]["w"], tables[1]["w"]).pvalue
    with pytest.raises(mlcore.InvalidInputError, match="only a summary of its numbers is left"):
        mlcore.drift.Wasserstein().compare(reference["x"], tables[1]["x"])
