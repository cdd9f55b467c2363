"""The prediction log of the server that the stock clients asked, read by the libraries that people read Parquet with."""

import json
import os
import re
from pathlib import Path

import duckdb
import polars
import pyarrow as pa
import pyarrow.dataset
import pyarrow.parquet

LOG = Path(os.environ["MLCORE_TEST_LOG"])
ROOT = Path(__file__).resolve().parents[3]


def documented(kind):
    """The columns that ARCHITECTURE.md lists."""
    text = (ROOT / "ARCHITECTURE.md").read_text()
    table = text.split(f"| `{kind}/` | type |")[1].split("\n\n")[0]
    return re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)


def test_pyarrow_reads_what_is_documented():
    dataset = pa.dataset.dataset(LOG / "predictions", format="parquet")
    assert dataset.schema.names == documented("predictions")
    assert dataset.schema.field("time").type == pa.timestamp("us", tz="UTC")
    file = next((LOG / "predictions").rglob("*.parquet"))
    assert pa.parquet.read_metadata(file).metadata[b"mlcore.prediction_log.version"] == b"2"
    rows = dataset.to_table().to_pylist()
    assert len(rows) > 100
    assert {"rf30", "mlp30", "columns"} <= {row["model"] for row in rows}
    assert all(re.fullmatch("[0-9a-f]{32}", row["outcome_id"]) for row in rows)
    # A client's own id gives the outcome id; stock clients send the same one over and over.
    drawn = [row["outcome_id"] for row in rows if row["request_id"] is None]
    named = {(row["request_id"], row["outcome_id"]) for row in rows if row["request_id"] is not None}
    assert len(set(drawn)) == len(drawn) > 0
    assert len({request for request, _ in named}) == len(named) == len({outcome for _, outcome in named})
    for row in rows:
        if row["probabilities"] is not None:
            probabilities = dict(row["probabilities"])
            assert abs(sum(probabilities.values()) - 1) < 1e-9 and probabilities[row["arm"]] == row["propensity"]
        assert row["weight"] == 1.0 and row["latency_seconds"] > 0
    answered = [row for row in rows if row["error"] is None and row["model"] == "mlp30"]
    assert answered
    for row in answered:
        outputs = json.loads(row["outputs"])
        assert {"label", "probabilities"} <= ({output["name"] for output in outputs} if isinstance(outputs, list) else set(outputs))
    assert any(row["error"] for row in rows if row["model"] == "fails_at_run")


def test_duckdb_and_polars_count_the_same():
    files = str(LOG / "predictions" / "**" / "*.parquet")
    counted = duckdb.sql(
        f"SELECT model, count(*) AS rows, count(error) AS errors FROM read_parquet('{files}') GROUP BY model ORDER BY model"
    ).fetchall()
    frame = polars.read_parquet(files)
    grouped = frame.group_by("model").agg(polars.len().alias("rows"), polars.col("error").count().alias("errors"))
    assert counted == grouped.sort("model").rows()
