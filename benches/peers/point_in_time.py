"""polars' join_asof and DuckDB's ASOF join: each entity row takes the newest feature row of its key at or before its time."""

import argparse
import os
import pathlib
import sys

# polars reads the number of its threads once, when it is loaded.
if "--threads" in sys.argv:
    os.environ["POLARS_MAX_THREADS"] = sys.argv[sys.argv.index("--threads") + 1]

import duckdb  # noqa: E402
import polars as pl  # noqa: E402
import pyarrow.parquet as pq  # noqa: E402

from timing import emit, emit_versions, measure  # noqa: E402

arguments = argparse.ArgumentParser(description=__doc__)
arguments.add_argument("--data", type=pathlib.Path, required=True)
arguments.add_argument("--threads", type=int, required=True)
arguments = arguments.parse_args()
emit_versions("polars", "duckdb")
assert pl.thread_pool_size() == arguments.threads

path = arguments.data / "feature_rows.parquet"
entity_rows = pl.from_arrow(pq.read_table(arguments.data / "entity_rows.parquet"))
features = pl.from_arrow(pq.read_table(path))
# Calls of seconds are repeated less often.
often = {"least": 3 if features.height < 2_000_000 else 2, "most": 10}


def polars_memory():
    return entity_rows.sort("ts").join_asof(features.sort("ts"), on="ts", by="user_id", strategy="backward")


def polars_parquet():
    rows = pl.scan_parquet(path).sort("ts")
    return entity_rows.lazy().sort("ts").join_asof(rows, on="ts", by="user_id", strategy="backward").collect()


emit("polars/memory", measure(polars_memory, **often), polars_memory()["f0"].sum())
emit("polars/parquet", measure(polars_parquet, **often), polars_parquet()["f0"].sum())

connection = duckdb.connect()
connection.execute(f"set threads = {arguments.threads}")
connection.execute("create table entity_rows as select * from entity_rows")
connection.execute("create table features as select * from features")
del features
columns = ", ".join(f"f.f{feature}" for feature in range(10))


def duckdb_join(source):
    connection.execute(
        f"create or replace table joined as select e.user_id, e.ts, {columns} from entity_rows e"
        f" asof left join {source} f on e.user_id = f.user_id and e.ts >= f.ts"
    )


def duckdb_sum():
    return connection.execute("select sum(f0) from joined").fetchone()[0]


emit("duckdb/memory", measure(lambda: duckdb_join("features"), **often), duckdb_sum())
emit("duckdb/parquet", measure(lambda: duckdb_join(f"'{path}'"), **often), duckdb_sum())
