"""Fills the SQLite store of an MLflow server: an experiment `big` with --runs runs of two metrics, two parameters and a tag.

The first run goes through MLflow's own store, the others are copies of its rows, since each run through the store takes 20 ms.
Prints the experiment's ID.
"""

import argparse
import sqlite3

from mlflow.entities import Metric, Param, RunTag
from mlflow.tracking import MlflowClient

ap = argparse.ArgumentParser(description=__doc__)
ap.add_argument("--file", required=True)
ap.add_argument("--artifacts", required=True)
ap.add_argument("--runs", type=int, required=True)
args = ap.parse_args()

client = MlflowClient(tracking_uri=f"sqlite:///{args.file}")
experiment = client.create_experiment("big", artifact_location=f"{args.artifacts}/big")


def auc(i):
    return (i * 7919 % 10007) / 10007


def loss(i):
    return (i * 104729 % 10007) / 10007


first = client.create_run(experiment, run_name="r0").info.run_id
client.log_batch(
    first, metrics=[Metric("auc", auc(0), 0, 0), Metric("loss", loss(0), 0, 0)], params=[Param("lr", "0"), Param("depth", "0")],
    tags=[RunTag("team", "t0")],
)
connection = sqlite3.connect(args.file)
for table, new in {
    "runs": lambda row, i: row | {"name": f"r{i}", "start_time": row["start_time"] + i},
    "metrics": lambda row, i: row | {"value": (auc if row["key"] == "auc" else loss)(i)},
    "latest_metrics": lambda row, i: row | {"value": (auc if row["key"] == "auc" else loss)(i)},
    "params": lambda row, i: row | {"value": str(i % (10 if row["key"] == "lr" else 7))},
    "tags": lambda row, i: row | ({"value": f"t{i % 5}"} if row["key"] == "team" else {}),
}.items():
    columns = [column[1] for column in connection.execute(f"pragma table_info({table})")]
    rows = [dict(zip(columns, row)) for row in connection.execute(f"select * from {table} where run_uuid = ?", (first,))]
    marks = ",".join("?" * len(columns))
    copies = (
        [new(row, i)[column] if column != "run_uuid" else f"{i:032x}" for column in columns]
        for i in range(1, args.runs) for row in rows
    )
    connection.executemany(f"insert into {table} ({','.join(columns)}) values ({marks})", copies)
connection.commit()
print(experiment)
