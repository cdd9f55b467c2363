"""Frames of every library with the same content."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import mlcore

ROOT = Path(__file__).resolve().parents[2]
MODELS = ROOT / "testdata" / "models"


@pytest.fixture
def churn(tmp_path):
    """A registry with two versions of a model that takes tensors, `champion` and `canary`."""
    with mlcore.Registry(f"sqlite:///{tmp_path}/registry.db", actor="ana") as opened:
        for file in ("rf30.onnx", "gb30.onnx"):
            opened.transition("churn", opened.register("churn", MODELS / "runner" / file).version, "staging")
        opened.promote("churn", 1, expected=None)
        opened.set_alias("churn", "canary", 2)
        yield opened


@pytest.fixture
def tracker(tmp_path, monkeypatch):
    """A tracker of the test's own, and no run that another test left."""
    for name in ("EXPERIMENT_NAME", "EXPERIMENT_ID", "RUN_ID", "TRACKING_URL", "ARTIFACTS", "ENABLE_SYSTEM_METRICS_LOGGING", "SYSTEM_METRICS_NODE_ID"):
        monkeypatch.delenv(f"MLCORE_{name}", raising=False)
        monkeypatch.delenv(f"MLFLOW_{name}", raising=False)
    mlcore.set_tracking_url(tmp_path / "tracking.db")
    yield mlcore.get_tracker()
    while mlcore.active_run() is not None:
        mlcore.end_run()


def mixed(rows: int = 400, seed: int = 7, shift: float = 0.0) -> pd.DataFrame:
    """Numbers with and without missing values, integers, bools and text."""
    rng = np.random.default_rng(seed)
    age = rng.normal(40 + shift, 10, rows)
    age[:: 11] = np.nan
    plan = rng.choice(["free", "pro", "team"], rows).astype(object)
    plan[:: 13] = None
    return pd.DataFrame(
        {
            "age": age,
            "income": rng.lognormal(10, 1, rows),
            "visits": rng.integers(0, 30, rows),
            "plan": plan,
            "active": rng.random(rows) < 0.5,
        }
    )


def doors(frame: pd.DataFrame) -> dict[str, object]:
    """The same frame as every kind of table that mlcore takes."""
    polars = pl.from_pandas(frame)
    arrow = polars.to_arrow()
    columns = {name: [None if value != value or value is None else value for value in frame[name].tolist()] for name in frame}
    return {
        "pandas": frame,
        "pandas, nullable": frame.convert_dtypes(),
        "pandas, Arrow": frame.convert_dtypes(dtype_backend="pyarrow"),
        "pandas, categories": frame.astype({"plan": "category"}),
        "polars": polars,
        "polars, NaN": polars.with_columns(pl.col("age").fill_null(float("nan"))),
        "polars, lazy": polars.lazy(),
        "polars, chunks": pl.concat([polars[:100], polars[100:]], rechunk=False),
        "polars, categories": polars.with_columns(pl.col("plan").cast(pl.Categorical)),
        "pyarrow table": arrow,
        "pyarrow batch": arrow.combine_chunks().to_batches()[0],
        "pyarrow, dictionary": arrow.set_column(3, "plan", arrow["plan"].cast(pa.string()).dictionary_encode()),
        "dict of arrays": {name: frame[name].to_numpy() for name in frame},
        "dict of lists": columns,
        "dict of series": {name: frame[name] for name in frame},
        "records": pd.DataFrame(columns, dtype=object).to_dict("records"),
    }


@pytest.fixture
def frame() -> pd.DataFrame:
    return mixed()
