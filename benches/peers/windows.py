"""DuckDB's join and grouping: each entity row gets ten aggregates of the feature rows in two windows before its time."""

import argparse
import pathlib

import duckdb
import pyarrow.parquet as pq

from timing import emit, emit_versions, measure

arguments = argparse.ArgumentParser(description=__doc__)
arguments.add_argument("--data", type=pathlib.Path, required=True)
arguments.add_argument("--threads", type=int, required=True)
arguments = arguments.parse_args()
emit_versions("duckdb")

entity_rows = pq.read_table(arguments.data / "entity_rows.parquet")
features = pq.read_table(arguments.data / "feature_rows.parquet", columns=["user_id", "ts", "f0"])
connection = duckdb.connect()
connection.execute(f"set threads = {arguments.threads}")
connection.execute(
    "create table entity_rows as select row_number() over () as number, user_id, time_bucket(interval 1 hour, ts) as stop"
    " from entity_rows"
)
connection.execute("create table features as select * from features")
day = "filter (where ts >= stop - interval 1 day)"
week = "fsum(f0) as total, " + ", ".join(f"{name}(f0)" for name in ["count", "avg", "min", "max", "stddev_samp"])


def windows():
    connection.execute(
        f"create or replace table answers as select number, {week}, count(f0) {day}, fsum(f0) {day}, avg(f0) {day},"
        f" max(f0) {day} from entity_rows e left join features f on e.user_id = f.user_id"
        " and f.ts >= stop - interval 7 day and f.ts < stop group by number"
    )


seconds = measure(windows, most=10)
emit("duckdb", seconds, connection.execute("select sum(total) from answers").fetchone()[0])
