"""Materialisation and online reads of a feature store on the same file, by Feast or by mlcore: the calls are the same, line by line."""

import argparse
import contextlib
import datetime as dt
import importlib
import logging
import pathlib
import random
import statistics
import sys
import tempfile
import time
import warnings

warnings.simplefilter("ignore")

from timing import emit, emit_versions  # noqa: E402

arguments = argparse.ArgumentParser(description=__doc__)
arguments.add_argument("--data", type=pathlib.Path, required=True)
arguments.add_argument("--library", choices=["feast", "mlcore"], required=True)
arguments.add_argument("--keys", type=int, required=True)
arguments = arguments.parse_args()
logging.disable(logging.WARNING)
FEATURES = [f"f{feature}" for feature in range(10)]


def opened(folder):
    """A store whose online rows are in a file: SQLite of Feast's, or ours."""
    if arguments.library == "mlcore":
        return library.FeatureStore(folder)
    return library.FeatureStore(
        config=library.RepoConfig(
            project="bench",
            provider="local",
            registry=f"{folder}/registry.db",
            online_store={"type": "sqlite", "path": f"{folder}/online.db"},
            offline_store={"type": "dask"},
            entity_key_serialization_version=3,
        )
    )


if arguments.library == "mlcore":
    library = types = values = importlib.import_module("mlcore.store")
else:
    library, types, values = (importlib.import_module(name) for name in ("feast", "feast.types", "feast.value_type"))
emit_versions(arguments.library)

with tempfile.TemporaryDirectory() as folder:
    store = opened(folder)
    customer = library.Entity(name="customer", join_keys=["customer_id"], value_type=values.ValueType.INT64)
    view = library.FeatureView(
        name="customers",
        entities=[customer],
        ttl=dt.timedelta(days=36_500),
        schema=[library.Field(name="customer_id", dtype=types.Int64)] + [library.Field(name=name, dtype=types.Float64) for name in FEATURES],
        source=library.FileSource(path=str(arguments.data / "customers.parquet"), timestamp_field="at"),
    )
    store.apply([customer, view])
    first, last = dt.datetime(2025, 12, 1, tzinfo=dt.timezone.utc), dt.datetime(2026, 1, 1, tzinfo=dt.timezone.utc)
    start = time.perf_counter()
    # Feast says what it does where the bench reads its figures.
    with contextlib.redirect_stdout(sys.stderr):
        store.materialize(first, last)
    emit("materialise", (time.perf_counter() - start) / arguments.keys)
    references = [f"customers:{name}" for name in FEATURES]
    draw = random.Random(5)
    for count in (1, 10, 100):
        seconds, answered = [], 0
        end = time.perf_counter() + 3
        while time.perf_counter() < end or len(seconds) < 20:
            rows = [{"customer_id": draw.randrange(arguments.keys)} for _ in range(count)]
            start = time.perf_counter()
            answer = store.get_online_features(references, rows).to_dict()
            seconds.append(time.perf_counter() - start)
            answered += sum(value is not None for value in answer["f0"]) == count
        assert answered == len(seconds), "a key that was written is not there"
        emit(f"read/{count}", statistics.median(seconds))
