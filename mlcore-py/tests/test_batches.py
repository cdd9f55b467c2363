"""Learning in parts and in batches: what is learnt is that of all rows at once."""

from __future__ import annotations

import pickle

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.dataset
import pyarrow.parquet
import pytest
import sklearn.preprocessing

import mlcore
from mlcore import features


def table(rows: int) -> pa.Table:
    own = range(rows)
    return pa.table(
        {
            "age": pa.array([None if row % 7 == 3 else 20.0 + row * 37 % 50 / 3 for row in own], pa.float64()),
            "visits": pa.array([row * row % 11 for row in own], pa.int64()),
            "plan": pa.array([None if row % 5 == 0 else ["free", "pro", "team"][row % 3] for row in own], pa.string()),
            "churned": pa.array([row * 13 % 17 % 2 for row in own], pa.int64()),
        }
    )


def steps() -> features.ColumnTransformer:
    number = features.Pipeline([("impute", features.SimpleImputer()), ("scale", features.StandardScaler())])
    return features.ColumnTransformer(
        [
            ("num", number, ["age", "visits"]),
            ("cat", features.OneHotEncoder(), ["plan"]),
            ("target", features.JamesSteinEncoder(), ["plan"]),
        ]
    )


@pytest.mark.parametrize("name", ["StandardScaler", "MinMaxScaler", "MaxAbsScaler"])
def test_partial_fit_is_scikit_learns(name):
    parts = [np.random.default_rng(seed).normal(seed, 1 + seed, (20, 2)) for seed in range(4)]
    ours, theirs = getattr(features, name)(), getattr(sklearn.preprocessing, name)()
    for part in parts:
        ours.partial_fit(part)
        theirs.partial_fit(part)
    for attribute in [own for own in vars(theirs) if own.endswith("_") and own != "n_features_in_"]:
        np.testing.assert_allclose(getattr(ours, attribute), getattr(theirs, attribute), rtol=1e-12, err_msg=attribute)
    ours.fit(parts[0])
    assert ours.n_samples_seen_ == 20
    np.testing.assert_allclose(ours.partial_fit(parts[1]).transform(parts[1]), getattr(sklearn.preprocessing, name)().fit(parts[1]).transform(parts[1]), rtol=1e-9)


def test_a_learner_survives_pickling():
    encoder = features.OneHotEncoder().partial_fit({"plan": ["free", "pro"]})
    again = pickle.loads(pickle.dumps(encoder))
    again.partial_fit({"plan": ["team"]})
    assert again.get_feature_names_out().tolist() == ["plan_free", "plan_pro", "plan_team"]
    assert encoder.get_feature_names_out().tolist() == ["plan_free", "plan_pro"]


def test_what_cannot_be_learnt_yet_is_said_when_it_is_asked_for():
    encoder = features.WOEEncoder().partial_fit({"plan": ["free", "pro"]}, [0, 0])
    with pytest.raises(mlcore.exceptions.InvalidInputError, match="all rows are of one class"):
        encoder.plan()
    encoder.partial_fit({"plan": ["free", "pro"]}, [1, 0])
    assert encoder.transform({"plan": ["free"]}).shape == (1, 1)


def test_what_has_no_parts_is_refused():
    assert not hasattr(features.RobustScaler, "partial_fit")
    with pytest.raises(mlcore.exceptions.UnsupportedError, match="the median needs all values"):
        features.SimpleImputer(strategy="median").partial_fit({"x": [1.0]})
    scaler = features.StandardScaler().partial_fit({"x": [1.0]})
    with pytest.raises(mlcore.exceptions.SchemaMismatchError, match="x: expected float64"):
        scaler.partial_fit({"x": ["a"]})
    scaler.with_mean = False
    with pytest.raises(mlcore.exceptions.InvalidInputError, match="give all workers the same specification"):
        scaler.partial_fit({"x": [2.0]})


def test_sources_are_the_whole(tmp_path):
    whole = table(300)
    inputs, target = whole.drop_columns(["churned"]), whole.column("churned").to_numpy()
    expected = steps().fit(inputs, target).transform(inputs)
    paths = []
    for file, start in enumerate(range(0, 300, 100)):
        paths.append(tmp_path / f"{file}.parquet")
        pyarrow.parquet.write_table(whole.slice(start, 100), paths[-1])
    batches = whole.to_batches(max_chunksize=37)
    frame = pl.from_arrow(whole)
    sources = {
        "batches": batches,
        "function": lambda: iter(batches),
        "reader": lambda: pa.RecordBatchReader.from_batches(whole.schema, batches),
        "table": whole,
        "polars": frame,
        "lazy": frame.lazy(),
        "pandas": whole.to_pandas(),
        "dataset": pyarrow.dataset.dataset(paths),
        "files": paths,
    }
    for name, source in sources.items():
        fitted = steps().fit_batches(source, y="churned")
        np.testing.assert_allclose(fitted.transform(inputs), expected, rtol=1e-12, atol=1e-14, err_msg=name)
        assert fitted.feature_names_in_.tolist() == ["age", "visits", "plan"], name


def test_a_stream_is_read_once():
    whole = table(50)

    class Stream:
        def __arrow_c_stream__(self, requested_schema=None):
            return pa.RecordBatchReader.from_batches(whole.schema, whole.to_batches(max_chunksize=7)).__arrow_c_stream__()

    scaler = features.ColumnTransformer([("scale", features.StandardScaler(), ["age"])])
    once = scaler.fit_batches(Stream()).plan_hash
    assert scaler.fit_batches(iter(whole.to_batches(max_chunksize=7))).plan_hash == once
    with pytest.raises(mlcore.exceptions.UnsupportedError, match="2 passes over the rows, and the source can be read once"):
        steps().fit_batches(Stream(), y="churned")


def test_what_a_source_raises_is_raised():
    def broken():
        yield {"age": [1.0]}
        raise KeyError("no more")

    scaler = features.StandardScaler()
    with pytest.raises(KeyError, match="no more"):
        scaler.fit_batches(broken)
    with pytest.raises(mlcore.exceptions.SchemaMismatchError, match="batch 1, age: expected float64"):
        scaler.fit_batches([{"age": [1.0]}, {"age": ["a"]}])
    with pytest.raises(mlcore.exceptions.InvalidInputError, match="there are no rows"):
        scaler.fit_batches([])
    with pytest.raises(mlcore.exceptions.InvalidTypeError, match="no batches are read from"):
        scaler.fit_batches(3)
    assert scaler.fit_batches([pd.DataFrame({"age": [1.0, 3.0]})]).mean_.tolist() == [2.0]
