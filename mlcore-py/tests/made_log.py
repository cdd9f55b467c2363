"""Prediction logs as ``mlcore-serve`` writes them, by pyarrow: version 2 of the columns that ARCHITECTURE.md explains."""

from __future__ import annotations

import json

import pyarrow as pa
import pyarrow.parquet as pq

TEXT, NUMBER, WHOLE = pa.string(), pa.float64(), pa.int64()
TIME = pa.timestamp("us", tz="UTC")
PREDICTIONS = pa.schema(
    [
        pa.field("time", TIME, nullable=False), ("request_id", TEXT), pa.field("outcome_id", TEXT, nullable=False),
        pa.field("model", TEXT, nullable=False), pa.field("version", WHOLE, nullable=False), pa.field("arm", TEXT, nullable=False),
        pa.field("propensity", NUMBER, nullable=False), ("probabilities", pa.map_(TEXT, NUMBER)), ("epoch", WHOLE), ("unit", TEXT),
        ("context", TEXT), ("features", pa.list_(TEXT)), ("tensors", TEXT), ("features_digest", TEXT), ("plan", TEXT),
        ("entity_keys", pa.list_(TEXT)), ("feature_statuses", pa.list_(pa.map_(TEXT, TEXT))),
        ("feature_ages_seconds", pa.list_(pa.map_(TEXT, NUMBER))), ("failed_expectations", pa.list_(TEXT)), ("outputs", TEXT),
        pa.field("served_by", TEXT, nullable=False), ("error", TEXT), ("invalid", TEXT), pa.field("latency_seconds", NUMBER, nullable=False),
        pa.field("weight", NUMBER, nullable=False),
    ]
)  # fmt: skip
OUTCOMES = pa.schema(
    [
        pa.field("time", TIME, nullable=False), pa.field("outcome_id", TEXT, nullable=False), pa.field("model", TEXT, nullable=False),
        ("row", WHOLE), pa.field("label", NUMBER, nullable=False), pa.field("status", TEXT, nullable=False), ("loss", NUMBER),
        pa.field("weight", NUMBER, nullable=False),
    ]
)  # fmt: skip
#: When the first request was answered, in microseconds.
BEGIN = 1_700_000_000_000_000
SECOND = 1_000_000


def outcome_id(number):
    return f"{number + 1:032x}"


def prediction(number, arm="champion", **given):
    """One request a second, answered in two milliseconds."""
    row = {
        "time": BEGIN + number * SECOND, "outcome_id": outcome_id(number), "model": "risk", "version": 1 if arm == "champion" else 2,
        "arm": arm, "propensity": 0.5, "probabilities": [("champion", 0.5), ("canary", 0.5)], "epoch": 0, "unit": f"user-{number}",
        "served_by": "model", "latency_seconds": 0.002, "weight": 1.0,
    }  # fmt: skip
    features = given.pop("features", None)
    if features is not None:
        row["features"] = [json.dumps(features)]
    return {**row, **given}


def outcome(number, loss, delay=30, **given):
    """A loss that was known so many seconds after the answer."""
    row = {"time": BEGIN + (number + delay) * SECOND, "outcome_id": outcome_id(number), "model": "risk", "label": 1.0, "status": "joined", "loss": loss, "weight": 1.0}
    return {**row, **given}


def write(folder, predictions, outcomes=(), version=2):
    """A log with a file of each kind, where there are rows."""
    for kind, schema, rows in (("predictions", PREDICTIONS, predictions), ("outcomes", OUTCOMES, outcomes)):
        if not rows:
            continue
        (folder / kind).mkdir(parents=True, exist_ok=True)
        about = {"mlcore.prediction_log.kind": kind, "mlcore.prediction_log.version": str(version)}
        columns = [[row.get(name) for row in rows] for name in schema.names]
        table = pa.table([pa.array(column, type=field.type) for column, field in zip(columns, schema)], schema=schema.with_metadata(about))
        pq.write_table(table, folder / kind / f"{kind}-20231114T221320Z-0000000000000000-00000000.parquet", compression="gzip")
    return folder
