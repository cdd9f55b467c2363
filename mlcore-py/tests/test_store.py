"""The feature store from Python: definitions, history, serving, and what is refused."""

from __future__ import annotations

import datetime
import json
import math
import pickle
import sys

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import mlcore
from driver_stats import ALL, DRIVER, EVENTS, HOUR, NOW, stats, store  # noqa: F401
from mlcore.features import StandardScaler, col
from mlcore.store import (
    Aggregation,
    Array,
    ArrowSource,
    BatchFeatureView,
    Bool,
    Entity,
    FeatureService,
    FeatureStore,
    FeatureView,
    Field,
    FileSource,
    Float32,
    Float64,
    Int64,
    OnDemandFeatureView,
    PushSource,
    RequestSource,
    StreamFeatureView,
    String,
    UnixTimestamp,
    ValueType,
    on_demand_feature_view,
)

def test_definitions_come_back_as_they_were_said(store):
    scored = OnDemandFeatureView(
        name="scored", sources=[stats()[["trips"]]], schema=[Field("half", Float64)], expressions={"half": col("trips") / 2}
    )
    service = FeatureService(name="ranking", features=[stats()[["rating"]].with_name("own"), scored], tags={"team": "rides"})
    store.apply([scored, service])
    assert store.list_entities() == [DRIVER] and store.get_feature_view("stats") == stats()
    assert store.get_on_demand_feature_view("scored") == scored and store.get_feature_service("ranking") == service
    assert [own.name for own in store.list_data_sources()] == ["log"]
    assert store.get_feature_view("stats").ttl == datetime.timedelta(days=1)
    assert store.get_feature_service("ranking").tags == {"team": "rides"}
    with pytest.raises(KeyError, match="stats"):
        store.get_feature_view("statistics")


def test_a_plan_tells_what_apply_would_do(store):
    wider = FeatureView(
        name="stats", entities=[DRIVER], ttl=datetime.timedelta(days=1),
        schema=[Field("rating", Float64)], source=ArrowSource(name="log", timestamp_field="at"),
    )
    told = str(store.plan(wider))
    assert "stats" in told and "trips" in told
    assert store.get_feature_view("stats") == stats(), "a plan changes nothing"
    assert str(store.plan([DRIVER, stats()])).strip() == "Unchanged: 3"
    store.apply(wider, reason="trips are counted elsewhere")
    assert store.list_feature_view_versions("stats") == ["v0", "v1"]
    assert store.audit()[-1]["reason"] == "trips are counted elsewhere" and store.audit()[-1]["actor"] == "ana"


def test_what_is_not_named_stays_unless_it_is_to_go(store):
    store.apply(Entity("shop"), partial=True)
    assert {own.name for own in store.list_entities()} == {"driver", "shop"}
    store.apply([DRIVER, stats()], partial=False)
    assert {own.name for own in store.list_entities()} == {"driver"}
    store.apply([], objects_to_delete=[stats()])
    assert store.list_feature_views() == []


def test_history_is_what_was_known_then(store):
    labels = pd.DataFrame(
        {
            "driver_id": [1, 1, 2, 9],
            "event_timestamp": pd.to_datetime([NOW, NOW - 3 * HOUR, NOW, NOW], utc=True),
            "label": [1, 0, 1, 0],
        },
        index=[7, 8, 9, 10],
    )
    job = store.get_historical_features(labels, ALL)
    frame = job.to_df()
    assert frame.index.tolist() == [7, 8, 9, 10]
    assert frame.columns.tolist() == ["driver_id", "event_timestamp", "label", "rating", "trips", "city"]
    np.testing.assert_array_equal(frame["rating"], [4.5, 4.0, np.nan, np.nan])
    assert frame["city"].tolist()[:3] == ["Bergen", "Oslo", "Lima"]
    assert job.to_polars()["trips"].to_list() == [12, 10, 7, None]
    # What is not known is null for libraries that have nulls. The third is NaN in the frame of pandas, which means the same.
    assert job.to_polars()["rating"].to_list() == pa.table(job)["rating"].to_pylist() == [4.5, 4.0, None, None]
    assert pa.table(job)["trips"].to_pylist() == job.to_arrow()["trips"].to_pylist() == [12, 10, 7, None]
    for given in (pl.DataFrame(labels), pa.Table.from_pandas(labels, preserve_index=False)):
        assert store.get_historical_features(given, ALL).to_polars()["trips"].to_list() == [12, 10, 7, None]
    full = store.get_historical_features(labels, ["stats:trips"], full_feature_names=True)
    assert full.features == ["stats__trips"] and full.event_timestamp == "event_timestamp"


def test_a_training_set_is_known_by_its_content(store, tmp_path):
    labels = {"driver_id": [1, 2], "event_timestamp": [NOW, NOW]}
    saved = store.get_historical_features(labels, ALL).save(tmp_path / "train.parquet")
    again = store.get_historical_features(pl.DataFrame(labels), ALL).training_set()
    assert saved["digest"] == again["digest"] and saved["rows"] == 2
    assert saved["views"][0]["view"] == "stats" and saved["features"] == ["rating", "trips", "city"]
    assert pd.read_parquet(tmp_path / "train.parquet")["trips"].tolist() == [12, 7]
    other = store.get_historical_features(labels, ["stats:rating"]).training_set()
    assert other["digest"] != saved["digest"]
    with mlcore.Registry("memory:") as registry:
        version = registry.register("eta", b"bytes", format="text", dataset=saved["digest"])
        assert version.dataset == saved["digest"]


def test_serving_says_why_a_value_is_not_there(store):
    store.materialize(NOW - 100 * HOUR, NOW)
    response = store.get_online_features(ALL, [{"driver_id": own} for own in (1, 2, 3, 4)])
    told = response.to_dict()
    # A NaN of a frame is a missing value.
    assert told["driver_id"] == [1, 2, 3, 4] and told["rating"] == [4.5, None, None, None]
    assert response.statuses()["rating"] == ["PRESENT", "NULL_VALUE", "OUTSIDE_MAX_AGE", "NOT_FOUND"]
    assert told["trips"] == [12, 7, None, None] and told["city"] == ["Bergen", "Lima", None, None]
    assert response.statuses()["trips"] == ["PRESENT", "PRESENT", "OUTSIDE_MAX_AGE", "NOT_FOUND"]
    assert response.to_dict(include_event_timestamps=True)["trips__ts"][0] == int((NOW - 2 * HOUR).timestamp())
    frame = response.to_df()
    assert frame["trips"].dtype == "Int64" and frame["trips"].isna().tolist() == [False, False, True, True]
    assert response.to_polars()["city"].to_list() == ["Bergen", "Lima", None, None]
    assert len(response) == 4 and "4 entities" in repr(response)


@pytest.mark.parametrize("rows", [{"driver_id": [2, 1]}, pd.DataFrame({"driver_id": [2, 1]}), pl.DataFrame({"driver_id": [2, 1]}),
                                  {"driver_id": np.array([2, 1])}, [{"driver": 2}, {"driver": 1}]])
def test_entities_are_asked_for_in_any_form(store, rows):
    store.materialize_incremental(NOW)
    answered = store.get_online_features(["stats:trips"], rows).to_dict()
    assert answered == {"driver_id": [2, 1], "trips": [7, 12]}


def test_runs_are_incremental_and_tell_how_far_they_are(store):
    told = []
    first = store.materialize_incremental(NOW - 3 * HOUR, progress=lambda *seen: told.append(seen))
    assert first["views"][0]["stored"] == 1 and told and told[-1][0] == "stats"
    second = store.materialize_incremental(NOW)
    assert second["views"][0]["stored"] == 2
    assert store.materialize_incremental(NOW)["views"][0]["intervals"] == []
    assert len(store.materialized_intervals("stats")) == 1


def test_what_a_progress_function_raises_ends_nothing(store, monkeypatch):
    raised = []
    monkeypatch.setattr(sys, "unraisablehook", lambda told: raised.append(str(told.exc_value)))

    def broken(*_seen):
        raise ValueError("of the function")

    report = store.materialize_incremental(NOW, progress=broken)
    assert report["views"][0]["stored"] == 2 and set(raised) == {"of the function"}


def test_what_is_newer_stays(store):
    store.apply(FeatureView(
        name="live", entities=[DRIVER], schema=[Field("speed", Float64)],
        source=PushSource("gps", timestamp_field="at"),
    ))
    rows = lambda speed, ago: {"driver_id": [1], "at": [NOW - ago], "speed": [speed]}
    assert store.push("gps", rows(50.0, HOUR))["views"][0]["stored"] == 1
    assert store.push("gps", rows(40.0, 2 * HOUR), to="online")["views"][0]["older"] == 1
    assert store.write_to_online_store("live", rows(60.0, HOUR / 2)) == {"stored": 1, "older": 0}
    assert store.get_online_features(["live:speed"], [{"driver_id": 1}]).to_dict()["speed"] == [60.0]
    with pytest.raises(mlcore.UnsupportedError, match="batch_source"):
        store.push("gps", rows(1.0, HOUR), to="offline")


def test_sliding_windows_are_the_same_for_training_and_serving(store):
    recent = StreamFeatureView(
        name="recent",
        entities=[DRIVER],
        schema=[Field("rating", Float64), Field("trips", Int64), Field("city", String)],
        timestamp_field="at",
        aggregations=[
            Aggregation(column="trips", function="sum", time_window=24 * HOUR, slide_interval=HOUR),
            Aggregation(column="rating", function="mean", time_window=24 * HOUR, slide_interval=HOUR),
            Aggregation(column="city", function="last_n(2)", time_window=24 * HOUR, slide_interval=HOUR, name="cities"),
            Aggregation(function="count", time_window=24 * HOUR, slide_interval=HOUR),
        ],
        source=PushSource(name="rides", batch_source=ArrowSource(name="log", timestamp_field="at")),
    )
    store.apply([recent])
    assert store.get_feature_view("recent").to_dict() == recent.to_dict()
    features = [f"recent:{name}" for name in ["sum_trips_86400s", "mean_rating_86400s", "cities", "count_86400s"]]
    # A whole hour, so that the last event is in a window that is over.
    at = pd.Timestamp(NOW).floor("h").to_pydatetime()
    store.materialize_incremental(at)
    new = pd.DataFrame(
        {"driver_id": [1], "at": pd.to_datetime([at - HOUR / 2], utc=True), "rating": [5.0], "trips": [100], "city": ["Oslo"]}
    )
    for stored in [1, 0]:
        pushed = store.push("rides", new, delivery=("partition-0", 1))
        assert pushed["views"][0]["stored"] == stored
    assert pushed["views"][0]["repeated"] == 1
    store.register("log", pd.concat([EVENTS, new]))
    served = store.get_online_features(features, [{"driver_id": driver} for driver in [1, 2, 3, 9]])
    asked = {"driver_id": [1, 2, 3, 9], "event_timestamp": [NOW] * 4}
    history = store.get_historical_features(asked, features).to_df()
    known = served.to_dict()
    assert known["sum_trips_86400s"] == [122, 7, None, None]
    assert known["count_86400s"] == [3, 1, 0, 0]
    assert known["cities"] == [["Oslo", "Bergen"], ["Lima"], None, None]
    assert history["count_86400s"].tolist() == known["count_86400s"]
    assert history["sum_trips_86400s"].dropna().tolist() == [122, 7]
    assert history["mean_rating_86400s"].dropna().tolist() == [known["mean_rating_86400s"][0]]
    assert [list(cities) for cities in history["cities"].dropna()] == known["cities"][:2]
    assert served.statuses()["sum_trips_86400s"] == ["PRESENT", "PRESENT", "NULL_VALUE", "NULL_VALUE"]
    assert store.write_to_online_store("recent", new, delivery=("partition-0", 1)) == {"stored": 0, "older": 1}
    with pytest.raises(mlcore.SchemaMismatchError, match="trips"):
        store.push("rides", new.drop(columns="trips"))


def test_views_of_batches_and_streams_are_views():
    source = ArrowSource(name="log", timestamp_field="at")
    daily = Aggregation(column="trips", function="max", time_window=24 * HOUR)
    own = {"name": "daily", "entities": [DRIVER], "schema": [Field("trips", Int64)], "aggregations": [daily], "source": source}
    assert BatchFeatureView(**own).to_dict() == FeatureView(**own, online=False).to_dict()
    assert StreamFeatureView(**own, timestamp_field="at", enable_tiling=True).to_dict() == FeatureView(**own).to_dict()
    for kind in [BatchFeatureView, StreamFeatureView]:
        with pytest.raises(mlcore.UnsupportedError, match="on-demand"):
            kind(**own, udf=lambda rows: rows)
    with pytest.raises(ValueError, match="its times in at"):
        StreamFeatureView(**own, timestamp_field="then")


def test_a_view_takes_its_columns_from_the_file(tmp_path):
    EVENTS.to_parquet(tmp_path / "log.parquet")
    view = FeatureView(name="stats", entities=[DRIVER], source=FileSource("log.parquet", timestamp_field="at"))
    assert view.schema == []
    with FeatureStore(tmp_path) as opened:
        opened.apply(view)
        fields = {own.name: own.dtype.name for own in opened.get_feature_view("stats").schema}
        assert fields == {"driver_id": "int64", "rating": "float64", "trips": "int64", "city": "string"}
        opened.materialize_incremental(NOW)
        assert opened.get_online_features(ALL, [{"driver_id": 1}]).to_dict()["city"] == ["Bergen"]


def test_formulas_are_the_same_for_training_and_serving(store):
    trip = RequestSource(name="trip", schema=[Field("km", Float64)])
    view = OnDemandFeatureView(
        name="fares",
        sources=[stats()[["rating", "trips"]], trip],
        schema=[Field("per_trip", Float64), Field("bonus", Float64)],
        expressions={"per_trip": col("km") / col("trips"), "bonus": "rating * 1.1"},
    )
    store.apply([view, trip])
    store.materialize_incremental(NOW)
    labels = {"driver_id": [1, 2], "event_timestamp": [NOW, NOW], "km": [3.3, 7.7]}
    offline = store.get_historical_features(labels, ["fares:per_trip", "fares:bonus"]).to_df()
    online = store.get_online_features(["fares:per_trip", "fares:bonus"], [{"driver_id": 1, "km": 3.3}, {"driver_id": 2, "km": 7.7}]).to_df()
    np.testing.assert_array_equal(offline["per_trip"], online["per_trip"].astype(float))
    np.testing.assert_array_equal(offline["bonus"].to_numpy()[:1], online["bonus"].astype(float).to_numpy()[:1])
    assert offline["per_trip"].tolist() == [3.3 / 12, 7.7 / 7]


def test_plans_are_kept_beside_the_definitions(tmp_path):
    EVENTS.to_parquet(tmp_path / "log.parquet")
    source = FileSource("log.parquet", timestamp_field="at", name="log")
    base = FeatureView(name="stats", entities=[DRIVER], schema=[Field("trips", Int64)], source=source)
    plan = StandardScaler().fit({"trips": [3, 7, 10, 12]}).plan()
    scaled = OnDemandFeatureView(name="scaled", sources=[base], plan=plan)
    with FeatureStore(tmp_path) as opened:
        opened.apply([base, scaled])
        opened.materialize_incremental(NOW)
    with FeatureStore(tmp_path) as opened:
        answered = opened.get_online_features(["scaled:trips"], [{"driver_id": 1}]).to_dict()
        assert answered["trips"] == plan.transform_row({"trips": 12}).tolist()


def test_a_service_names_what_a_model_takes(store):
    service = FeatureService(name="ranking", features=[stats()[["trips"]], stats()[["rating"]].with_name("rival").with_join_key_map({"driver_id": "rival_id"})])
    store.apply(service)
    store.materialize_incremental(NOW)
    answered = store.get_online_features(service, [{"driver_id": 1, "rival_id": 1}], full_feature_names=True).to_dict()
    assert answered["stats__trips"] == [12] and answered["rival__rating"] == [4.5]
    frame = store.get_historical_features({"driver_id": [1], "rival_id": [1], "event_timestamp": [NOW]}, service).to_df()
    assert frame["trips"].tolist() == [12] and frame["rating"].tolist() == [4.5]


def test_skew_is_told_by_rows(store):
    store.materialize_incremental(NOW)
    asked = {"driver_id": [1, 2], "event_timestamp": [NOW, NOW]}
    served = store.get_online_features(["stats:trips"], {"driver_id": [1, 2]}).to_df()
    report = store.check_skew({**asked, "trips": served["trips"].to_list()}, ["stats:trips"])
    assert report["columns"][0]["equal"] == 2
    report = store.check_skew({**asked, "trips": [12, 8]}, ["stats:trips"])
    assert report["columns"][0]["differing"] == 1 and report["columns"][0]["differences"][0]["row"] == 1
    assert "1 differing" in str(report)


def logged(folder, requests):
    """A prediction log of requests: when, the driver, and what was looked up for it with its status."""
    texts = pa.list_(pa.string())
    schema = pa.schema(
        {
            "time": pa.timestamp("us", tz="UTC"), "request_id": pa.string(), "outcome_id": pa.string(), "model": pa.string(), "version": pa.int64(),
            "arm": pa.string(), "propensity": pa.float64(), "features": texts, "entity_keys": texts,
            "feature_statuses": pa.list_(pa.map_(pa.string(), pa.string())), "feature_ages_seconds": pa.list_(pa.map_(pa.string(), pa.float64())),
            "served_by": pa.string(), "latency_seconds": pa.float64(), "weight": pa.float64(),
        },
        metadata={"mlcore.prediction_log.kind": "predictions", "mlcore.prediction_log.version": "2"},
    )
    rows = [
        {
            "time": time, "request_id": f"request-{number}", "outcome_id": f"{number:032x}", "model": "risk", "version": 1, "arm": "champion", "propensity": 1.0,
            "features": [json.dumps({name: value for name, (value, _) in found.items()})], "entity_keys": [json.dumps({"driver_id": driver})],
            "feature_statuses": [[(name, status) for name, (_, status) in found.items()]],
            "feature_ages_seconds": [[(name, 1.0) for name in found]], "served_by": "model", "latency_seconds": 0.001, "weight": 1.0,
        }
        for number, (time, driver, found) in enumerate(requests)
    ]
    (folder / "predictions").mkdir()
    pq.write_table(pa.Table.from_pylist(rows, schema), folder / "predictions" / "1.parquet")


def test_skew_of_a_prediction_log_is_told_by_requests(store, tmp_path):
    store.materialize_incremental(NOW)
    logged(
        tmp_path,
        [
            (NOW, 1, {"trips": (12, "PRESENT"), "rating": (4.5, "PRESENT")}),
            (NOW, 2, {"trips": (8, "PRESENT"), "rating": ({"float": "NaN"}, "PRESENT")}),
            (NOW, 3, {"trips": (99, "OUTSIDE_MAX_AGE"), "rating": (None, "OUTSIDE_MAX_AGE")}),
            (NOW, 1, {"trips": (0, "UNAVAILABLE"), "rating": (0.0, "UNAVAILABLE")}),
            (NOW - 4 * HOUR, 1, {"trips": (10, "PRESENT"), "rating": (4.0, "LAST_KNOWN")}),
        ],
    )
    features = ["stats:trips", "stats:rating"]
    skew = store.check_log_skew(tmp_path, features)
    trips, rating = skew["report"]["columns"]
    assert (skew["requests"], skew["report"]["rows"], skew["left_out"]["unavailable"]) == (5, 4, 1)
    assert (trips["equal"], trips["differing"], rating["equal"]) == (3, 1, 4)
    assert trips["differences"][0]["key"] == "driver_id=2" and trips["greatest_difference"] == 1.0
    assert skew["places"]["1"]["request_id"] == "request-1" and "request-1" in str(skew)
    given = store.check_log_skew(str(tmp_path), features, value="given", model="risk", start_date=NOW - HOUR, rows_at_once=1)
    assert (given["requests"], given["report"]["rows"]) == (4, 4)
    assert store.check_log_skew(tmp_path, features, end_date=NOW - HOUR)["report"]["rows"] == 1
    assert store.check_log_skew(tmp_path, features, model="other")["requests"] == 0
    for wrong, words in [({"value": "seen"}, "seen"), ({"model": "a b/"}, "model"), ({"start_date": "yesterday"}, "start_date")]:
        with pytest.raises(ValueError, match=words):
            store.check_log_skew(tmp_path, features, **wrong)


def test_lists_and_moments_are_features(tmp_path):
    pd.DataFrame({"driver_id": [1], "at": pd.to_datetime([NOW]), "vector": [[0.5, 1.5]], "seen": pd.to_datetime([NOW - HOUR]), "is_new": [True]}).to_parquet(tmp_path / "rows.parquet")
    view = FeatureView(
        name="rows", entities=[DRIVER], source=FileSource("rows.parquet", timestamp_field="at"),
        schema=[Field("vector", Array(Float64)), Field("seen", UnixTimestamp), Field("is_new", Bool)],
    )
    with FeatureStore(tmp_path) as opened:
        opened.apply(view)
        opened.materialize_incremental(NOW + HOUR)
        answered = opened.get_online_features(["rows:vector", "rows:seen", "rows:is_new"], [{"driver_id": 1}]).to_dict()
        asked = {"driver_id": [1, 2, 1], "event_timestamp": [NOW + HOUR] * 3}
        history = opened.get_historical_features(asked, ["rows:vector"]).to_df()
    assert history["vector"].tolist() == [[0.5, 1.5], None, [0.5, 1.5]]
    assert answered["vector"] == [[0.5, 1.5]] and answered["seen"] == [NOW - HOUR] and answered["is_new"] == [True]


def test_rows_and_columns_that_are_no_entities_are_refused(store):
    store.materialize_incremental(NOW)
    cases = [
        ([{"driver_id": 1}, {"rider_id": 2}], "row 1"),
        ([{"driver_id": 1}, {"driver_id": 2, "x": 1}], "row 1"),
        ([{"driver_id": "one"}], "driver_id"),
        ([{"rider_id": 1}], "driver_id"),
        ([{"driver_id": float("nan")}], "driver_id"),
        ({"driver_id": [1, 2], "other": [1]}, "other"),
    ]
    for rows, told in cases:
        with pytest.raises((ValueError, TypeError), match=told):
            store.get_online_features(["stats:trips"], rows)
    with pytest.raises(TypeError, match="row 0"):
        store.get_online_features(["stats:trips"], [7])
    with pytest.raises(KeyError, match="trips"):
        store.get_online_features(["stats:tips"], [{"driver_id": 1}])
    with pytest.raises(TypeError, match="list of references"):
        store.get_online_features("stats:trips", [{"driver_id": 1}])
    with pytest.raises(ValueError, match="event_timestamp"):
        store.get_historical_features({"driver_id": [1]}, ALL)


def test_what_is_no_definition_is_refused_when_it_is_made():
    cases = [
        lambda: Entity(name=""),
        lambda: Entity("driver", ["a", "b"]),
        lambda: Entity("driver", value_type=ValueType.DOUBLE),
        lambda: FileSource("x.parquet"),
        lambda: FileSource("x.parquet", timestamp_field="a", event_timestamp_column="b"),
        lambda: FeatureView(name="v", schema=[Field("a", Int64), Field("a", Int64)], source="s"),
        lambda: FeatureView(name="v", schema=[Field("a", Int64)], source="s", ttl=-HOUR),
        lambda: FeatureView(name="v", schema=[Field("a", "int65")], source="s"),
        lambda: Field("a", ValueType.UNKNOWN),
        lambda: Aggregation("a", "sum"),
        lambda: FeatureService("empty", []),
    ]
    for case in cases:
        with pytest.raises(mlcore.InvalidInputError) as raised:
            case()
        assert raised.value.remedy or raised.value.problem
    for case in (lambda: Field("a", 3), lambda: Entity("driver", "driver_id"), lambda: FeatureView(name="v", entities=[3], source="s")):
        with pytest.raises(mlcore.InvalidTypeError):
            case()


def test_several_names_of_a_type_are_one():
    assert Field("a", Float32) == Field("a", ValueType.FLOAT) == Field("a", "float32")
    assert Entity("driver", value_type=Int64) == Entity("driver", value_type="int64") == Entity("driver", value_type=ValueType.INT64)


def test_nothing_of_a_wrong_apply_is_kept(store):
    broken = FeatureView(name="broken", entities=["rider"], schema=[Field("a", Int64)], source="nowhere")
    with pytest.raises(mlcore.Error, match="rider|nowhere"):
        store.apply([Entity("shop"), broken])
    assert [own.name for own in store.list_entities()] == ["driver"]


def test_functions_of_python_are_refused():
    with pytest.raises(mlcore.InvalidInputError, match="formulas"):
        on_demand_feature_view(sources=[stats()], schema=[Field("x", Float64)])(lambda inputs: pd.DataFrame())


def test_a_store_of_a_folder_is_read_by_toml(tmp_path):
    (tmp_path / "feature_store.toml").write_text(
        'project = "rides"\n[[entities]]\nname = "driver"\njoin_keys = ["driver_id"]\nvalue_type = "int64"\n'
    )
    with FeatureStore(tmp_path, "rides") as opened:
        assert "entity driver" in str(opened.apply_toml(tmp_path / "feature_store.toml"))
        assert opened.get_entity("driver").join_key == "driver_id"
    with FeatureStore("memory:") as other, pytest.raises(ValueError, match="rides"):
        other.apply_toml(tmp_path / "feature_store.toml")


def test_definitions_are_plain_data():
    view = stats()
    assert view.to_dict()["name"] == "stats" and "driver" in repr(view)
    assert hash(view) == hash(stats()) and view != stats(tags={"a": "b"})
    assert pickle.loads(pickle.dumps(Field("a", Int64))) == Field("a", Int64)


def test_a_version_is_materialised_where_it_is_named(store):
    narrow = FeatureView(
        name="stats", entities=[DRIVER], ttl=datetime.timedelta(days=1),
        schema=[Field("trips", Int64)], source=ArrowSource(name="log", timestamp_field="at"),
    )
    store.apply(narrow)
    store.materialize_incremental(NOW)
    old = lambda: store.get_online_features(["stats@v0:city"], [{"driver_id": 1}]).to_dict()["city"]
    assert old() == [None]
    run = store.materialize(NOW - 100 * HOUR, NOW, ["stats"], version="v0")
    assert run["views"][0]["version"] == "v0" and old() == ["Bergen"]
    assert store.materialize_incremental(NOW, ["stats"], version="latest")["views"][0]["version"] == "v1"
    for views, version, told in ([], "v0", "0 views"), (["stats"], "v7", "v7"), (["stats"], "newest", "newest"):
        with pytest.raises((ValueError, KeyError), match=told):
            store.materialize_incremental(NOW, views, version=version)


def test_a_path_in_a_bucket_names_its_server():
    source = FileSource("s3://features/trips", timestamp_field="at", s3_endpoint_override="http://127.0.0.1:9000")
    assert source.name == "s3://features/trips"
    assert source.path == "s3://features/trips?endpoint=http://127.0.0.1:9000"
    both = FileSource("s3://features/trips?region=eu-west-1", timestamp_field="at", s3_endpoint_override="https://minio.example.com/a b")
    assert both.path == "s3://features/trips?region=eu-west-1&endpoint=https://minio.example.com/a%20b"


def test_a_bucket_that_cannot_be_asked_safely_is_refused(store):
    lake = FileSource("s3://features/trips", timestamp_field="at", name="lake", s3_endpoint_override="http://minio.example.com")
    store.apply(FeatureView(name="far", entities=[DRIVER], schema=[Field("trips", Int64)], source=lake))
    labels = {"driver_id": [1], "event_timestamp": [NOW]}
    with pytest.raises(ValueError, match="lake.*without TLS|without TLS.*lake"):
        store.get_historical_features(labels, ["far:trips"])
