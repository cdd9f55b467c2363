"""The same feature store, defined for Feast and for the program: `put` writes a folder that both are started in.

What is different on purpose is the place of online features alone. Rows are recent, because Feast's server knows only now.
"""

import textwrap
from datetime import datetime, timedelta, timezone

import pandas as pd

DEFINITIONS = '''
from datetime import timedelta

from feast import Entity, FeatureService, FeatureView, Field, FileSource, PushSource, RequestSource, ValueType
from feast.on_demand_feature_view import on_demand_feature_view
from feast.types import Array, Bool, Float32, Float64, Int64, String, UnixTimestamp

driver = Entity(name="driver", join_keys=["driver_id"], value_type=ValueType.INT64)
place = Entity(name="place", join_keys=["place_name"], value_type=ValueType.STRING)
trips = FileSource(name="trips", path="data/trips.parquet", timestamp_field="event_timestamp", created_timestamp_column="created")
trips_push = PushSource(name="trips_push", batch_source=trips)
stats = FeatureView(
    name="stats", entities=[driver], ttl=timedelta(days=1), source=trips_push,
    schema=[Field(name="driver_id", dtype=Int64), Field(name="rating", dtype=Float64), Field(name="trips", dtype=Int64), Field(name="city", dtype=String)],
)
kinds_file = FileSource(name="kinds_file", path="data/kinds.parquet", timestamp_field="event_timestamp")
kinds = FeatureView(
    name="kinds", entities=[place], source=kinds_file,
    schema=[
        Field(name="place_name", dtype=String), Field(name="small", dtype=Float32), Field(name="is_new", dtype=Bool),
        Field(name="numbers", dtype=Array(Float32)), Field(name="counts", dtype=Array(Int64)), Field(name="seen", dtype=UnixTimestamp),
    ],
)
asked = RequestSource(name="asked", schema=[Field(name="factor", dtype=Float64)])


@on_demand_feature_view(sources=[stats, asked], schema=[Field(name="boost", dtype=Float64)], mode="python")
def boosted(inputs):
    return {"boost": [rating * factor for rating, factor in zip(inputs["rating"], inputs["factor"])]}


# Both are named: Feast's server cannot compare a projection that has a name with one of the same view that has none.
ranking = FeatureService(
    name="ranking",
    features=[stats[["rating"]].with_name("own"), stats[["trips"]].with_name("origin").with_join_key_map({"driver_id": "origin_id"}), kinds[["small"]]],
)
'''

TOML = '''
project = "rides"

[[entities]]
name = "driver"
join_keys = ["driver_id"]
value_type = "int64"

[[entities]]
name = "place"
join_keys = ["place_name"]
value_type = "string"

[[sources]]
kind = "file"
name = "trips"
path = "data/trips.parquet"
timestamp_field = "event_timestamp"
created_timestamp_column = "created"

[[sources]]
kind = "push"
name = "trips_push"
batch_source = "trips"

[[sources]]
kind = "file"
name = "kinds_file"
path = "data/kinds.parquet"
timestamp_field = "event_timestamp"

[[sources]]
kind = "request"
name = "asked"
schema = [{ name = "factor", dtype = "float64" }]

[[feature_views]]
name = "stats"
entities = ["driver"]
source = "trips_push"
ttl = "1d"
schema = [
    { name = "driver_id", dtype = "int64" },
    { name = "rating", dtype = "float64" },
    { name = "trips", dtype = "int64" },
    { name = "city", dtype = "string" },
]

[[feature_views]]
name = "kinds"
entities = ["place"]
source = "kinds_file"
schema = [
    { name = "place_name", dtype = "string" },
    { name = "small", dtype = "float32" },
    { name = "is_new", dtype = "bool" },
    { name = "numbers", dtype = "list[float32]" },
    { name = "counts", dtype = "list[int64]" },
    { name = "seen", dtype = "timestamp[us, tz=UTC]" },
]

[[on_demand_feature_views]]
name = "boosted"
views = ["stats"]
request_sources = ["asked"]
schema = [{ name = "boost", dtype = "float64" }]

[on_demand_feature_views.expressions]
boost = "rating * factor"

[[feature_services]]
name = "ranking"
features = [
    { view = "stats", features = ["rating"], name = "own" },
    { view = "stats", features = ["trips"], name = "origin", join_key_map = { driver_id = "origin_id" } },
    "kinds:small",
]
'''

NOW = datetime.now(timezone.utc).replace(microsecond=0)
HOUR = timedelta(hours=1)


def stats(drivers, age, first=0):
    """Rows of the view `stats`, of events so long ago."""
    count = len(drivers)
    return pd.DataFrame({
        "driver_id": drivers,
        "rating": [1.5 + first + place for place in range(count)],
        "trips": [10 * (first + place) for place in range(count)],
        "city": [f"Zürich {place}" for place in range(count)],
        "event_timestamp": pd.to_datetime([NOW - age] * count, utc=True),
        "created": pd.to_datetime([NOW - age] * count, utc=True),
    })


def put(folder, online_store):
    """A repository of Feast's with this online store, and the program's definitions beside it."""
    (folder / "data").mkdir(parents=True)
    old = stats([1005], 48 * HOUR, 7)
    pd.concat([stats([1001, 1002, 1003], 5 * HOUR), stats([1002], 2 * HOUR, 5), old]).to_parquet(folder / "data/trips.parquet", index=False)
    kinds = pd.DataFrame({
        "place_name": ["Rome", "Ürzig"], "small": pd.Series([0.1, -2.5], dtype="float32"), "is_new": [True, False],
        "numbers": [[0.5, 0.1], [3.0]], "counts": [[1, 2, 3], [4]], "seen": pd.to_datetime([NOW - HOUR, NOW - 2 * HOUR], utc=True),
        "event_timestamp": pd.to_datetime([NOW - HOUR] * 2, utc=True),
    })
    kinds["numbers"] = kinds["numbers"].map(lambda items: pd.array(items, dtype="float32").to_numpy())
    kinds.to_parquet(folder / "data/kinds.parquet", index=False)
    (folder / "definitions.py").write_text(DEFINITIONS)
    (folder / "feature_store.toml").write_text(TOML)
    (folder / "feature_store.yaml").write_text(textwrap.dedent(f"""
        project: rides
        provider: local
        registry: registry.db
        entity_key_serialization_version: 3
        offline_store: {{type: dask}}
        online_store: {online_store}
    """))
    return folder
