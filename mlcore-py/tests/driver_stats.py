"""A feature store of drivers, which tests of the feature store share."""

from __future__ import annotations

import datetime

import numpy as np
import pandas as pd
import pytest

from mlcore.store import ArrowSource, Entity, FeatureStore, FeatureView, Field, Float64, Int64, String, ValueType

HOUR = datetime.timedelta(hours=1)
NOW = datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0)
DRIVER = Entity(name="driver", join_keys=["driver_id"], value_type=ValueType.INT64)
EVENTS = pd.DataFrame(
    {
        "driver_id": [1, 1, 2, 3],
        "at": pd.to_datetime([NOW - 5 * HOUR, NOW - 2 * HOUR, NOW - 1 * HOUR, NOW - 30 * HOUR], utc=True),
        "rating": np.array([4.0, 4.5, np.nan, 3.0]),
        "trips": np.array([10, 12, 7, 3]),
        "city": ["Oslo", "Bergen", "Lima", "Rome"],
    }
)


def stats(**more):
    return FeatureView(
        name="stats",
        entities=[DRIVER],
        ttl=datetime.timedelta(days=1),
        schema=[Field("rating", Float64), Field("trips", Int64), Field("city", String)],
        source=ArrowSource(name="log", timestamp_field="at"),
        **more,
    )


@pytest.fixture
def store():
    with FeatureStore("memory:", actor="ana") as opened:
        opened.apply([DRIVER, stats()])
        opened.register("log", EVENTS)
        yield opened


ALL = ["stats:rating", "stats:trips", "stats:city"]
