"""Writes store/feast_store.json: what a feast.FeatureStore answers for training and for serving, on small tables that are drawn at random.

    pip install 'feast[duckdb]==0.67.0' && python testdata/golden/make_feast_store.py

Asked is what users ask: a feature service over two views and an on-demand view, with a time to live, created times, nulls and NaN, by
both of Feast's local stores; and the same views materialised and read online. Times are microseconds since 1970 began in UTC, and
multiples of ten minutes, so that ties and the edges of the time to live are frequent.

No two rows of a key have both times in common, and no two entity rows key and time: Feast's answers are in no order there. Its Dask store
is asked about rows without ties of the event time: it sorts by an algorithm that is not stable, and of such rows takes any.
"""

import json
import math
import pathlib
import random
import tempfile
import warnings
from datetime import datetime, timedelta, timezone

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from feast import Entity, FeatureService, FeatureStore, FeatureView, Field, FileSource, RequestSource
from feast.on_demand_feature_view import on_demand_feature_view
from feast.repo_config import RepoConfig
from feast.types import Float64, Int64, String
from feast.value_type import ValueType

warnings.simplefilter("ignore")
TICK = 600 * 10**6
START = 1_767_225_600 * 10**6
END = START + 41 * TICK
draw = random.Random(1467)


def moment(tick):
    return START + tick * TICK


def missing(value, nulls=0.1, nans=0.0):
    """The value, null, or NaN."""
    chance = draw.random()
    return None if chance < nulls else "NaN" if chance < nulls + nans else value


def drivers():
    """Rows with event and created times: some created long after their event, many of the same event."""
    rows, seen = [], set()
    while len(rows) < 240:
        driver, event = draw.randrange(12), draw.randrange(40)
        created = event + draw.choice([0, 0, 1, 3, 12])
        if (driver, event, created) in seen:
            continue
        seen.add((driver, event, created))
        number = len(rows)
        rows.append({
            "driver": driver, "event": moment(event), "created": moment(created), "trips": missing(number),
            "rate": missing(round(draw.uniform(-2, 5), 6), 0.1, 0.1), "city": missing(f"city {number % 7}"),
        })
    return rows


def untied(rows):
    """The first row of each driver and event time."""
    seen = set()
    return [row for row in rows if (key := (row["driver"], row["event"])) not in seen and not seen.add(key)]


def regions():
    """Rows of two keys, without created times."""
    rows, seen = [], set()
    while len(rows) < 160:
        key = draw.randrange(12), draw.choice(["north", "south"]), draw.randrange(40)
        if key in seen:
            continue
        seen.add(key)
        driver, region, event = key
        rows.append({"driver": driver, "region": region, "event": moment(event), "rating": missing(len(rows) / 8, 0.1, 0.1)})
    return rows


def entities():
    rows, seen = [], set()
    while len(rows) < 110:
        key = draw.randrange(14), draw.choice(["north", "south"]), draw.randrange(45)
        if (key[0], key[2]) in seen:
            continue
        seen.add((key[0], key[2]))
        rows.append({"driver": key[0], "region": key[1], "time": moment(key[2]), "val": round(draw.uniform(0, 9), 3), "label": len(rows) % 2})
    return rows


TYPES = {
    "driver": pa.int64(), "region": pa.string(), "event": pa.timestamp("us", "UTC"), "created": pa.timestamp("us", "UTC"),
    "trips": pa.int64(), "rate": pa.float64(), "city": pa.string(), "rating": pa.float64(),
}


def written(rows, path):
    """A Parquet file in which null and NaN are two things."""
    values = {name: [math.nan if row[name] == "NaN" else row[name] for row in rows] for name in rows[0]}
    pq.write_table(pa.table({name: pa.array(own, TYPES[name], from_pandas=False) for name, own in values.items()}), path)


def opened(folder, engine, tables, of_drivers, ttl_seconds):
    for name, own in [("drivers", of_drivers), ("regions", "regions")]:
        written(tables[own], folder / f"{name}.parquet")
    path = lambda name: str(folder / f"{name}.parquet")
    driver = Entity(name="driver", join_keys=["driver"], value_type=ValueType.INT64)
    region = Entity(name="region", join_keys=["region"], value_type=ValueType.STRING)
    ttl = timedelta(seconds=ttl_seconds)
    of_trips = FeatureView(
        name="drivers", entities=[driver], ttl=ttl,
        source=FileSource(name="drivers", path=path("drivers"), timestamp_field="event", created_timestamp_column="created"),
        schema=[Field(name="driver", dtype=Int64), Field(name="trips", dtype=Int64), Field(name="rate", dtype=Float64),
                Field(name="city", dtype=String)],
    )
    of_regions = FeatureView(
        name="regions", entities=[driver, region], ttl=ttl,
        source=FileSource(name="regions", path=path("regions"), timestamp_field="event"),
        schema=[Field(name="driver", dtype=Int64), Field(name="region", dtype=String), Field(name="rating", dtype=Float64)],
    )
    asked = RequestSource(name="asked", schema=[Field(name="val", dtype=Float64)])

    def scored(inputs: pd.DataFrame) -> pd.DataFrame:
        return pd.DataFrame({"score": inputs["rate"].astype(float) + inputs["val"].astype(float)})

    of_scores = on_demand_feature_view(
        sources=[of_trips, asked], schema=[Field(name="score", dtype=Float64)], mode="pandas"
    )(scored)
    service = FeatureService(name="all", features=[of_trips, of_regions, of_scores])
    store = FeatureStore(config=RepoConfig(
        project="golden", provider="local", registry=str(folder / "registry.db"),
        offline_store={"type": engine}, entity_key_serialization_version=3,
        online_store={"type": "sqlite", "path": str(folder / "online.db")},
    ))
    store.apply([driver, region, of_trips, of_regions, of_scores, service])
    return store, service


def plain(value):
    if isinstance(value, str):
        return value
    if value is None or pd.isna(value):
        return None
    return float(value) if float(value) != int(value) else int(value)


FEATURES = ["drivers__trips", "drivers__rate", "drivers__city", "regions__rating", "scored__score"]


def history(engine, tables, of_drivers, ttl_seconds, filtered):
    """The features of each entity row, and the numbers of those that are missing in Feast's answer: its Dask store leaves entity rows out of
    which every row of a view is past the time to live."""
    with tempfile.TemporaryDirectory() as folder:
        store, service = opened(pathlib.Path(folder), engine, tables, of_drivers, ttl_seconds)
        frame = pd.DataFrame(tables["entities"])
        frame["event_timestamp"] = pd.to_datetime(frame.pop("time"), unit="us", utc=True)
        options = {"filter_by_created_timestamp": True} if filtered else {}
        job = store.get_historical_features(entity_df=frame, features=service, full_feature_names=True, **options)
        found = {}
        for row in job.to_df().to_dict("records"):
            assert (row["driver"], row["event_timestamp"].value // 1000) not in found
            found[(row["driver"], row["event_timestamp"].value // 1000)] = row
        rows = [found.get((row["driver"], row["time"])) for row in tables["entities"]]
        left_out = [number for number, row in enumerate(rows) if row is None]
        return {name: [row and plain(row[name]) for row in rows] for name in FEATURES}, left_out


def serving(tables, of_drivers):
    """What was materialised, as it is read online: values and event times in seconds, 0 where there is none."""
    with tempfile.TemporaryDirectory() as folder:
        store, _ = opened(pathlib.Path(folder), "dask", tables, of_drivers, 7200)
        at = lambda micros: datetime.fromtimestamp(micros / 10**6, timezone.utc)
        store.materialize(at(START - TICK), at(END))
        rows = [{"driver": driver, "region": region} for driver in range(14) for region in ["north", "south"]]
        features = ["drivers:trips", "drivers:rate", "drivers:city", "regions:rating"]
        answer = store.get_online_features(features, rows, full_feature_names=True)
        values = answer.to_dict()
        times = answer.to_dict(include_event_timestamps=True)
        names = [own.replace(":", "__") for own in features]
        return {
            "rows": rows,
            "values": {name: [plain(value) for value in values[name]] for name in names},
            "seconds": {name: [int(value) for value in times[f"{name}__ts"]] for name in names},
        }


tables = {"entities": entities(), "drivers": drivers(), "regions": regions()}
tables["untied_drivers"] = untied(tables["drivers"])
cases = []
for engine, of_drivers in [("dask", "untied_drivers"), ("duckdb", "drivers")]:
    for ttl_seconds in [0, 7200, 600]:
        for filtered in [False, True]:
            answers, left_out = history(engine, tables, of_drivers, ttl_seconds, filtered)
            print(engine, ttl_seconds, filtered, len(left_out), "rows are left out")
            # By default ours uses no row that was created after the entity row, and Feast does: ours is asked for it.
            differs = "" if filtered else "created time is a filter here by default, and only on request in Feast"
            cases.append({"engine": engine, "drivers": of_drivers, "ttl_seconds": ttl_seconds, "late_rows": not filtered,
                          "differs": differs, "left_out": left_out, "answers": answers})
online = [{"drivers": own, "end": END, **serving(tables, own)} for own in ["drivers", "untied_drivers"]]

columns = {name: {key: [row[key] for row in rows] for key in rows[0]} for name, rows in tables.items()}
out = pathlib.Path(__file__).resolve().parent / "store" / "feast_store.json"
out.write_text(json.dumps({"tables": columns, "history": cases, "online": online}, separators=(",", ":")) + "\n")
