"""Makes the golden files of the feature store's definitions: what Feast writes of a repository, and what it answers about names.

    pip install "feast[postgres]==0.67.0"
    python testdata/golden/make_feast_registry.py

writes `testdata/golden/store/feast_registry.json`, the registry of a repository as JSON of its protocol buffers, and
`testdata/golden/store/feast_names.json`: value types, names of aggregations, references, and the columns of answers.
"""

import json
import tempfile
import warnings
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pandas as pd
from feast import (
    BigQuerySource,
    Entity,
    FeatureService,
    FeatureStore,
    FeatureView,
    Field,
    FileSource,
    KafkaSource,
    PushSource,
    RepoConfig,
    RequestSource,
    ValueType,
)
from feast.aggregation import Aggregation
from feast.data_format import JsonFormat
from feast.infra.offline_stores.contrib.postgres_offline_store.postgres_source import PostgreSQLSource
from feast.on_demand_feature_view import on_demand_feature_view
from feast.stream_feature_view import StreamFeatureView
from feast.types import (
    Array,
    Bool,
    Bytes,
    Float32,
    Float64,
    Int32,
    Int64,
    Json,
    Map,
    String,
    UnixTimestamp,
    Uuid,
    from_feast_to_pyarrow_type,
    from_value_type,
)
from feast.utils import _parse_feature_or_view_ref
from feast.version_utils import parse_version
from google.protobuf.json_format import MessageToDict

warnings.simplefilter("ignore")
HERE = Path(__file__).parent / "store"
START = datetime(2026, 1, 1, tzinfo=timezone.utc)


def write(name, content):
    (HERE / name).write_text(json.dumps(content, indent=1, sort_keys=True, ensure_ascii=False) + "\n")


def table(folder):
    """A file with every column that the views read, so that Feast can look at it."""
    rows = 4
    frame = pd.DataFrame({
        "driver_id": pd.Series(range(rows), dtype="int64"),
        "customer": [f"c{row}" for row in range(rows)],
        "location_id": pd.Series(range(rows), dtype="int64"),
        "event_timestamp": [START + timedelta(hours=row) for row in range(rows)],
        "created": [START + timedelta(hours=row) for row in range(rows)],
        "conv_rate": pd.Series([0.5] * rows, dtype="float32"),
        "acc_rate": pd.Series([0.25] * rows, dtype="float64"),
        "avg_trips": pd.Series([7] * rows, dtype="int64"),
        "temperature": pd.Series([20.5] * rows, dtype="float64"),
        "is_active": [True] * rows,
        "city": ["Rome"] * rows,
    })
    path = str(folder / "stats.parquet")
    frame.to_parquet(path)
    return path


def repository(path):
    driver = Entity(
        name="driver", join_keys=["driver_id"], value_type=ValueType.INT64, description="who drives",
        tags={"team": "rides"}, owner="ana@example.com",
    )
    customer = Entity(name="customer", value_type=ValueType.STRING)
    location = Entity(name="location", join_keys=["location_id"], value_type=ValueType.INT64)
    stats = FileSource(
        name="driver_stats_source", path=path, timestamp_field="event_timestamp", created_timestamp_column="created",
        field_mapping={"avg_trips": "avg_daily_trips"}, description="hourly", tags={"layer": "gold"}, owner="ben",
    )
    unnamed = FileSource(path=path, timestamp_field="event_timestamp")
    query = PostgreSQLSource(
        name="customers", query="SELECT * FROM customers", timestamp_field="event_timestamp", created_timestamp_column="created"
    )
    push = PushSource(name="driver_push", batch_source=stats)
    request = RequestSource(name="vals", schema=[Field(name="val", dtype=Int64), Field(name="factor", dtype=Float64)])
    driver_stats = FeatureView(
        name="driver_stats", entities=[driver], ttl=timedelta(days=1), source=stats,
        schema=[
            Field(name="driver_id", dtype=Int64),
            Field(name="conv_rate", dtype=Float32, description="of trips", tags={"pii": "no"}),
            Field(name="acc_rate", dtype=Float64),
            Field(name="avg_daily_trips", dtype=Int64),
        ],
        description="what drivers did", tags={"team": "rides"}, owner="ana@example.com",
    )
    fresh = FeatureView(
        name="driver_stats_fresh", entities=[driver], source=push, online=True, ttl=timedelta(hours=36, microseconds=5),
        schema=[Field(name="conv_rate", dtype=Float32), Field(name="acc_rate", dtype=Float64)],
    )
    weather = FeatureView(
        name="weather", entities=[location], source=unnamed, ttl=timedelta(0),
        schema=[Field(name="temperature", dtype=Float64), Field(name="city", dtype=String)],
    )
    history = FeatureView(
        name="history", entities=[location], source=unnamed, online=False, offline=True,
        schema=[Field(name="temperature", dtype=Float64)],
    )
    pair = FeatureView(
        name="pair", entities=[driver, customer], source=stats,
        schema=[
            Field(name="is_active", dtype=Bool), Field(name="last_seen", dtype=UnixTimestamp),
            Field(name="embedding", dtype=Array(Float32)), Field(name="visits", dtype=Array(Int64)),
            Field(name="small", dtype=Int32), Field(name="key", dtype=Uuid), Field(name="doc", dtype=Json),
        ],
    )
    everybody = FeatureView(name="everybody", entities=[], source=stats, schema=[Field(name="acc_rate", dtype=Float64)])
    blob = FeatureView(
        name="blob", entities=[driver], source=stats,
        schema=[Field(name="raw", dtype=Bytes), Field(name="attributes", dtype=Map), Field(name="acc_rate", dtype=Float64)],
    )
    warehouse = BigQuerySource(name="warehouse", table="a.b.c", timestamp_field="event_timestamp")
    from_warehouse = FeatureView(
        name="from_warehouse", entities=[driver], source=warehouse, schema=[Field(name="acc_rate", dtype=Float64)]
    )
    stream = KafkaSource(
        name="clicks", kafka_bootstrap_servers="broker:9092", topic="clicks", timestamp_field="event_timestamp",
        batch_source=stats, message_format=JsonFormat(schema_json="driver_id integer, acc_rate double"),
    )
    windows = StreamFeatureView(
        name="windows", entities=[driver], source=stream, mode="spark", timestamp_field="event_timestamp",
        schema=[Field(name="acc_rate", dtype=Float64)],
        aggregations=[Aggregation(column="acc_rate", function="mean", time_window=timedelta(hours=1))],
    )

    @on_demand_feature_view(
        sources=[driver_stats, request], schema=[Field(name="conv_rate_plus_val", dtype=Float64)], mode="pandas"
    )
    def transformed(inputs: pd.DataFrame) -> pd.DataFrame:
        return pd.DataFrame({"conv_rate_plus_val": inputs["conv_rate"].astype("float64").fillna(0.0) + inputs["val"]})

    services = [
        FeatureService(name="whole", features=[driver_stats, weather], description="all", tags={"a": "b"}, owner="cem"),
        FeatureService(name="some", features=[driver_stats[["acc_rate", "conv_rate"]], transformed]),
        FeatureService(name="twice", features=[
            weather.with_name("origin").with_join_key_map({"location_id": "origin_id"}),
            weather.with_name("destination").with_join_key_map({"location_id": "destination_id"}),
        ]),
        FeatureService(name="left_out", features=[from_warehouse]),
    ]
    views = [driver_stats, fresh, weather, history, pair, everybody, blob, from_warehouse, windows, transformed]
    return [driver, customer, location, stats, unnamed, query, push, request, warehouse, stream, *views, *services]


def timeless(message):
    """Without what is another in every run: when objects were made, and ids of versions."""
    if isinstance(message, dict):
        left_out = {
            "createdTimestamp", "lastUpdatedTimestamp", "versionId", "lastUpdated", "body", "featureViewVersionHistory", "projectMetadata",
        }
        return {key: timeless(value) for key, value in message.items() if key not in left_out}
    return [timeless(value) for value in message] if isinstance(message, list) else message


REFERENCES = [
    "driver_stats:conv_rate", "driver_stats", "driver_stats@v2:conv_rate", "driver_stats@V12:conv_rate", "driver_stats@v2",
    "driver_stats@latest:conv_rate", "driver_stats@:conv_rate", "driver_stats:a:b", "driver_stats@latest", "driver_stats@v0:x",
]
VERSIONS = ["latest", "", "LATEST", "v2", "V2", "version3", "Version10", "v", "2", "v-1", "two", "v2 ", "v0"]


def version(text):
    try:
        is_latest, number = parse_version(text)
    except ValueError:
        return "refused"
    return None if is_latest else number


ASKED = [
    ["driver_stats:conv_rate"],
    ["driver_stats:conv_rate", "driver_stats:acc_rate", "weather:city"],
    ["driver_stats:conv_rate", "driver_stats:conv_rate"],
    ["driver_stats:conv_rate", "driver_stats_fresh:conv_rate"],
    ["driver_stats:acc_rate", "driver_stats_fresh:conv_rate"],
    ["driver_stats:nothing"],
    ["nobody:conv_rate"],
    ["driver_stats"],
    ["driver_stats:driver_id"],
    ["transformed:conv_rate_plus_val", "driver_stats:acc_rate"],
    ["transformed:conv_rate_plus_val"],
    ["everybody:acc_rate"],
    ["everybody:acc_rate", "driver_stats:acc_rate"],
    ["pair:is_active", "driver_stats:conv_rate"],
    [],
    "whole", "some", "twice", "nothing",
]
ROW = {
    "driver_id": 1, "location_id": 1, "customer": "c1", "origin_id": 1, "destination_id": 2, "val": 1, "factor": 1.5,
}


def answers(store):
    cases = []
    for asked in ASKED:
        for full in [False, True]:
            try:
                features = store.get_feature_service(asked) if isinstance(asked, str) else asked
                response = store.get_online_features(features, [ROW], full_feature_names=full).to_dict()
                # Feast keeps features in sets: their order is another in every run.
                columns = sorted(name for name in response if name not in ROW)
                cases.append({"asked": asked, "full_feature_names": full, "columns": columns})
            except Exception as cause:
                cases.append({"asked": asked, "full_feature_names": full, "refused": type(cause).__name__})
    return cases


def value_types():
    types = []
    for value_type in ValueType:
        try:
            arrow = str(from_feast_to_pyarrow_type(from_value_type(value_type)))
        except Exception:
            arrow = None
        types.append({"name": value_type.name, "number": value_type.value, "arrow": arrow})
    return types


def aggregations():
    cases = []
    for function in ["sum", "max", "min", "count", "mean"]:
        for window in [None, timedelta(hours=1), timedelta(days=7)]:
            for name in [None, "own"]:
                aggregation = Aggregation(column="trips", function=function, time_window=window, name=name)
                cases.append({
                    "function": function, "seconds": window and window.total_seconds(), "name": name,
                    "slide_seconds": aggregation.slide_interval and aggregation.slide_interval.total_seconds(),
                    "resolved": aggregation.resolved_name(window),
                })
    return cases


def main():
    HERE.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        path = table(folder)
        config = RepoConfig(
            project="rides", provider="local", registry=str(folder / "registry.db"),
            online_store={"type": "sqlite", "path": str(folder / "online.db")}, entity_key_serialization_version=3,
        )
        store = FeatureStore(config=config)
        store.apply(repository(path))
        registry = timeless(MessageToDict(store.registry.proto()))
        registry["dataSources"].sort(key=lambda source: source["name"])
        for view in registry["streamFeatureViews"]:
            view["spec"]["features"].sort(key=lambda field: field["name"])
        text = json.dumps(registry).replace(path, "data/stats.parquet")
        write("feast_registry.json", json.loads(text))
        answered = answers(store)
    write("feast_names.json", {
        "value_types": value_types(),
        "aggregations": aggregations(),
        "references": [{"text": text, "parsed": list(_parse_feature_or_view_ref(text))} for text in REFERENCES],
        "versions": [{"text": text, "version": version(text)} for text in VERSIONS],
        "answers": answered,
    })


if __name__ == "__main__":
    main()
