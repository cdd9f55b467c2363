"""Feast's get_historical_features on the same files: one offline store of it, in a process of its own, with the memory that it takes."""

import argparse
import datetime as dt
import logging
import pathlib
import resource
import statistics
import tempfile
import time
import warnings

warnings.simplefilter("ignore")

import pandas as pd  # noqa: E402
from feast import Entity, FeatureStore, FeatureView, Field, FileSource, RepoConfig  # noqa: E402
from feast.types import Float64, Int64  # noqa: E402
from feast.value_type import ValueType  # noqa: E402

from timing import emit, emit_versions  # noqa: E402

arguments = argparse.ArgumentParser(description=__doc__)
arguments.add_argument("--data", type=pathlib.Path, required=True)
arguments.add_argument("--store", choices=["dask", "duckdb"], required=True)
arguments.add_argument("--calls", type=int, required=True)
arguments = arguments.parse_args()
logging.disable(logging.WARNING)
emit_versions("feast", extra=f" ({arguments.store})")

features = [f"f{feature}" for feature in range(10)]
entity_rows = pd.read_parquet(arguments.data / "entity_rows.parquet").rename(columns={"ts": "event_timestamp"})
entity_rows["event_timestamp"] = entity_rows["event_timestamp"].dt.tz_localize("UTC")

with tempfile.TemporaryDirectory() as folder:
    store = FeatureStore(
        config=RepoConfig(
            project="bench",
            provider="local",
            registry=f"{folder}/registry.db",
            online_store={"type": "sqlite", "path": f"{folder}/online.db"},
            offline_store={"type": arguments.store},
            entity_key_serialization_version=3,
        )
    )
    user = Entity(name="user", join_keys=["user_id"], value_type=ValueType.INT64)
    view = FeatureView(
        name="stats",
        entities=[user],
        ttl=dt.timedelta(days=60),
        schema=[Field(name="user_id", dtype=Int64)] + [Field(name=name, dtype=Float64) for name in features],
        source=FileSource(path=str(arguments.data / "feature_rows.parquet"), timestamp_field="ts"),
    )
    store.apply([user, view])
    references = [f"stats:{name}" for name in features]
    seconds = []
    for _ in range(arguments.calls):
        start = time.perf_counter()
        joined = store.get_historical_features(entity_rows, references).to_df()
        seconds.append(time.perf_counter() - start)

# Linux counts the peak in units of 1024 bytes.
megabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
emit(arguments.store, statistics.median(seconds), float(joined["f0"].sum()))
emit(f"{arguments.store}/megabytes", megabytes)
