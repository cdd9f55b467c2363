"""Missing values on every way into the feature store and out of it."""

from __future__ import annotations

import math

import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from driver_stats import ALL, DRIVER, HOUR, NOW, stats, store  # noqa: F401
from mlcore.features import col
from mlcore.store import Array, ArrowSource, FeatureStore, FeatureView, Field, FileSource, Float64, OnDemandFeatureView, PushSource, RequestSource


def frames(columns):
    """The same rows as each kind of table, a missing value as each of them writes it."""
    missing = {name: [math.nan if value is None and name != "city" else value for value in own] for name, own in columns.items()}
    return {
        "dict": columns,
        "dict with NaN": {name: missing[name] if name == "rating" else own for name, own in columns.items()},
        "pandas": pd.DataFrame(columns),
        "pandas nullable": pd.DataFrame(columns).convert_dtypes(),
        "polars": pl.DataFrame(columns),
        "polars with NaN": pl.DataFrame({name: missing[name] if name == "rating" else own for name, own in columns.items()}),
        "pyarrow": pa.table(columns),
        "pyarrow of pandas": pa.Table.from_pandas(pd.DataFrame(columns)),
    }


ROWS = {
    "driver_id": [1, 2, 3],
    "at": [NOW - HOUR] * 3,
    "rating": [4.5, None, 2.0],
    "trips": [12, 7, None],
    "city": ["Oslo", None, "Rome"],
}
STORED = {"driver_id": [1, 2, 3], "rating": [4.5, None, 2.0], "trips": [12, 7, None], "city": ["Oslo", None, "Rome"]}
PRESENT, NULL = "PRESENT", "NULL_VALUE"
STATUSES = {"rating": [PRESENT, NULL, PRESENT], "trips": [PRESENT, PRESENT, NULL], "city": [PRESENT, NULL, PRESENT]}


def check_stored(store):
    response = store.get_online_features(ALL, {"driver_id": [1, 2, 3]})
    assert response.to_dict() == STORED and response.statuses() == STATUSES
    assert response.to_polars()["rating"].to_list() == STORED["rating"]
    assert response.to_df()["rating"].isna().tolist() == [False, True, False]


WAYS = ["write", "push", "register"]
CASES = [(way, kind) for kind in frames(ROWS) for way in WAYS + ["file"] * ("dict" not in kind)]


@pytest.mark.parametrize("way, kind", CASES)
def test_a_missing_value_is_null_from_every_frame_and_on_every_way(kind, way, tmp_path):
    frame = frames(ROWS)[kind]
    with FeatureStore(tmp_path) as opened:
        history = FileSource("log.parquet", timestamp_field="at", name="log") if way == "file" else ArrowSource("log", timestamp_field="at")
        source = PushSource("live", timestamp_field="at") if way == "push" else history
        opened.apply([DRIVER, FeatureView(name="stats", entities=[DRIVER], schema=stats().schema, source=source)])
        if way == "write":
            assert opened.write_to_online_store("stats", frame)["stored"] == 3
        elif way == "push":
            assert opened.push("live", frame)["views"][0]["stored"] == 3
        elif way == "register":
            opened.register("log", frame)
            opened.materialize_incremental(NOW)
        else:
            written = frame.write_parquet if isinstance(frame, pl.DataFrame) else None
            if written is not None:
                written(tmp_path / "log.parquet", compression="snappy")
            elif isinstance(frame, pa.Table):
                pq.write_table(frame, tmp_path / "log.parquet")
            else:
                frame.to_parquet(tmp_path / "log.parquet")
            opened.materialize_incremental(NOW)
        check_stored(opened)


@pytest.mark.parametrize("kind", list(frames({})))
def test_a_training_row_keeps_its_nulls(store, kind):
    labels = frames({"driver_id": [1, 2], "event_timestamp": [NOW, NOW], "rating_wanted": [None, 1.5], "seen": [3, None]})[kind]
    job = store.get_historical_features(labels, ["stats:rating"])
    table = pa.table(job)
    assert table["rating"].to_pylist() == [4.5, None]
    assert table["rating_wanted"].to_pylist() == [None, 1.5]
    assert table["seen"].to_pylist() == [3, None]
    assert math.isnan(job.to_df()["rating"][1])


def test_frames_of_the_same_rows_are_the_same_training_set(store):
    labels = {"driver_id": [1, 2], "event_timestamp": [NOW, NOW], "wanted": [None, 1.5]}
    digests = {kind: store.get_historical_features(own, ALL).training_set()["digest"] for kind, own in frames(labels).items()}
    # pandas may count its moments in another unit, which is another type.
    for kinds in (["dict", "polars", "pyarrow"], ["pandas", "pandas nullable", "pyarrow of pandas"]):
        assert len({digests[kind] for kind in kinds}) == 1, kinds


def test_nan_in_a_frame_with_nulls_stays_what_it_is_in_columns_that_are_no_features(store):
    labels = pl.DataFrame({"driver_id": [1, 2], "event_timestamp": [NOW, NOW], "weight": [math.nan, None]})
    weights = store.get_historical_features(labels, ["stats:rating"]).to_polars()["weight"]
    assert math.isnan(weights[0]) and weights[1] is None


def test_a_served_null_is_no_skew(store):
    store.materialize_incremental(NOW)
    asked = {"driver_id": [1, 2, 4], "event_timestamp": [NOW, NOW, NOW]}
    served = store.get_online_features(["stats:rating"], {"driver_id": [1, 2, 4]}).to_df()
    for frame in (served, pl.DataFrame({"driver_id": [1, 2, 4], "rating": served["rating"].to_list()})):
        report = store.check_skew({**asked, "rating": frame["rating"]}, ["stats:rating"])
        assert report["columns"][0]["equal"] == 3, report


def test_a_request_value_that_is_missing_is_none_of_a_view(store):
    trip = RequestSource(name="trip", schema=[Field("km", Float64)])
    view = OnDemandFeatureView(
        name="fares", sources=[stats()[["trips"]], trip], schema=[Field("per_trip", Float64)],
        expressions={"per_trip": col("km") / col("trips")},
    )
    store.apply([view, trip])
    store.materialize_incremental(NOW)
    for rows in ({"driver_id": [1, 2], "km": [3.3, None]}, pd.DataFrame({"driver_id": [1, 2], "km": [3.3, None]}), pl.DataFrame({"driver_id": [1, 2], "km": [3.3, None]})):
        assert store.get_online_features(["fares:per_trip"], rows).to_dict()["per_trip"] == [3.3 / 12, None]


def test_nan_in_a_list_is_a_value(store):
    store.apply(FeatureView(name="wide", entities=[DRIVER], schema=[Field("vector", Array(Float64))], source=PushSource("vectors", timestamp_field="at")))
    store.write_to_online_store("wide", {"driver_id": [1, 2], "at": [NOW - HOUR] * 2, "vector": pa.array([[0.5, math.nan], None], pa.list_(pa.float64()))})
    response = store.get_online_features(["wide:vector"], {"driver_id": [1, 2]})
    first, second = response.to_dict()["vector"]
    assert first[0] == 0.5 and math.isnan(first[1]) and second is None
    assert response.statuses()["vector"] == ["PRESENT", "NULL_VALUE"]
