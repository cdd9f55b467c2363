"""Writes store/point_in_time.json: what DuckDB's ASOF join and Feast's two local stores answer on the same small tables.

    pip install 'feast[duckdb]==0.67.0' && python testdata/golden/make_point_in_time.py

Times are microseconds since 1970 began in UTC. Events and created times are multiples of ten minutes, so that ties and the edges of
the time to live are frequent. No two rows of a key have both times in common, and no two entity rows key and time: Feast's
answers are in no order there. Its Dask store is asked about drivers without rows of the same event time: it sorts twice, by an
algorithm that is not stable, and of such rows takes any.
"""

import json
import pathlib
import random
import tempfile
from datetime import timedelta

import duckdb
import pandas as pd
from feast import Entity, FeatureStore, FeatureView, Field, FileSource
from feast.repo_config import RepoConfig
from feast.types import Int64, String
from feast.value_type import ValueType

TICK = 600 * 10**6
START = 1_767_225_600 * 10**6
draw = random.Random(14)


def moment(tick):
    return START + tick * TICK


def times(values):
    return pd.to_datetime(pd.Series(values), unit="us", utc=True)


def drivers():
    """Rows with event and created times: some created long after their event, many of the same event."""
    rows, seen = [], set()
    while len(rows) < 220:
        driver, event = draw.randrange(12), draw.randrange(40)
        created = event + draw.choice([0, 0, 1, 3, 12])
        if (driver, event, created) not in seen:
            seen.add((driver, event, created))
            trips = None if draw.random() < 0.1 else len(rows)
            rows.append({"driver": driver, "event": moment(event), "created": moment(created), "trips": trips})
    return rows


def untied(rows):
    """The first row of each driver and event time."""
    seen = set()
    return [row for row in rows if (key := (row["driver"], row["event"])) not in seen and not seen.add(key)]


def regions():
    """Rows of two keys, without created times."""
    rows, seen = [], set()
    while len(rows) < 150:
        key = draw.randrange(12), draw.choice(["north", "south"]), draw.randrange(40)
        if key not in seen:
            seen.add(key)
            driver, region, event = key
            rows.append({"driver": driver, "region": region, "event": moment(event), "rating": f"r{len(rows)}"})
    return rows


def entities():
    rows, seen = [], set()
    while len(rows) < 90:
        key = draw.randrange(14), draw.choice(["north", "south"]), draw.randrange(45)
        if (key[0], key[2]) not in seen:
            seen.add((key[0], key[2]))
            rows.append({"driver": key[0], "region": key[1], "time": moment(key[2])})
    return rows


def feast_answers(engine, tables, of_drivers, ttl_seconds, filtered):
    """The features of each entity row; none for those that Feast leaves out."""
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        sources = {}
        for name, key in [("drivers", "created"), ("regions", None)]:
            frame = pd.DataFrame(tables[of_drivers if name == "drivers" else name])
            for column in ["event", "created"]:
                if column in frame:
                    frame[column] = times(frame[column])
            if "trips" in frame:
                frame["trips"] = frame["trips"].astype("Int64")
            frame.to_parquet(folder / f"{name}.parquet")
            options = {"created_timestamp_column": key} if key else {}
            path = str(folder / f"{name}.parquet")
            sources[name] = FileSource(name=name, path=path, timestamp_field="event", **options)
        driver = Entity(name="driver", join_keys=["driver"], value_type=ValueType.INT64)
        region = Entity(name="region", join_keys=["region"], value_type=ValueType.STRING)
        ttl = timedelta(seconds=ttl_seconds)
        views = [
            FeatureView(name="drivers", entities=[driver], ttl=ttl, source=sources["drivers"], online=False,
                        schema=[Field(name="driver", dtype=Int64), Field(name="trips", dtype=Int64)]),
            FeatureView(name="regions", entities=[driver, region], ttl=ttl, source=sources["regions"], online=False,
                        schema=[Field(name="driver", dtype=Int64), Field(name="region", dtype=String),
                                Field(name="rating", dtype=String)]),
        ]
        store = FeatureStore(config=RepoConfig(
            project="golden", provider="local", registry=str(folder / "registry.db"),
            offline_store={"type": engine}, entity_key_serialization_version=3,
            online_store={"type": "sqlite", "path": str(folder / "online.db")},
        ))
        store.apply([driver, region, *views])
        answers = {}
        for view, feature in [("drivers", "trips"), ("regions", "rating")]:
            frame = pd.DataFrame(tables["entities"])
            frame["event_timestamp"] = times(frame.pop("time"))
            # One view at a time: Dask drops duplicates by the keys of all views.
            if view == "drivers":
                frame = frame.drop(columns="region")
            options = {"filter_by_created_timestamp": True} if filtered else {}
            job = store.get_historical_features(entity_df=frame, features=[f"{view}:{feature}"], **options)
            found = {}
            for row in job.to_df().to_dict("records"):
                value = row[feature]
                time = row["event_timestamp"].value // 1000
                found[(row["driver"], time)] = None if pd.isna(value) else value
            answers[feature] = [found.get((row["driver"], row["time"])) for row in tables["entities"]]
        answers["trips"] = [None if value is None else int(value) for value in answers["trips"]]
        return answers


def duckdb_answers(tables):
    """The view without created times by an ASOF join."""
    frames = {name: pd.DataFrame(tables[name]) for name in ["entities", "regions"]}
    connection = duckdb.connect()
    connection.execute("set threads = 1")
    for name, frame in frames.items():
        frame["row"] = range(len(frame))
        connection.register(name, frame)
    rows = connection.execute(
        "select f.rating from entities e asof left join regions f"
        " on e.driver = f.driver and e.region = f.region and e.time >= f.event order by e.row"
    ).fetchall()
    return {"rating": [row[0] for row in rows]}


tables = {"entities": entities(), "drivers": drivers(), "regions": regions()}
tables["untied_drivers"] = untied(tables["drivers"])
cases = [{"engine": "duckdb asof", "drivers": "drivers", "ttl_seconds": 0, "filtered": False, "answers": duckdb_answers(tables)}]
for engine, of_drivers in [("dask", "untied_drivers"), ("duckdb", "drivers"), ("duckdb", "untied_drivers")]:
    for ttl_seconds in [0, 7200, 600]:
        for filtered in [False, True]:
            answers = feast_answers(engine, tables, of_drivers, ttl_seconds, filtered)
            cases.append({"engine": f"feast {engine}", "drivers": of_drivers, "ttl_seconds": ttl_seconds,
                          "filtered": filtered, "answers": answers})

columns = {name: {key: [row[key] for row in rows] for key in rows[0]} for name, rows in tables.items()}
out = pathlib.Path(__file__).resolve().parent / "store" / "point_in_time.json"
out.parent.mkdir(exist_ok=True)
out.write_text(json.dumps({"tables": columns, "cases": cases}, separators=(",", ":")) + "\n")
