"""Lags and windows over a key: pandas' numbers, and frames of the kind that came."""

from __future__ import annotations

import datetime

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import mlcore
from mlcore.features import Lag, Rolling, add_window_features

RNG = np.random.default_rng(3)
EVENTS = pd.DataFrame(
    {
        "customer": RNG.choice(["a", "b", "c"], 60),
        "time": pd.Timestamp("2024-01-01") + pd.to_timedelta(RNG.permutation(120)[:60], unit="h"),
        "amount": np.where(RNG.random(60) < 0.1, np.nan, RNG.normal(50, 10, 60)),
        "photo": [object()] * 60,
    },
    index=RNG.permutation(60) + 1000,
)


def theirs(window, statistic, **options):
    ordered = EVENTS.sort_values("time").set_index("time", append=True).reset_index(level=0, names="place")
    made = getattr(ordered.groupby("customer")["amount"].rolling(window, **options), statistic)()
    places = ordered.reset_index().sort_values(["customer", "time"])["place"]
    return pd.Series(made.to_numpy(), index=places).reindex(EVENTS.index).to_numpy()


@pytest.mark.parametrize("window", [3, "24h", datetime.timedelta(hours=24), np.timedelta64(1, "D"), pd.Timedelta("1D")])
@pytest.mark.parametrize("statistic", ["mean", "sum", "min", "max", "std", "var", "count"])
@pytest.mark.parametrize("closed", ["left", "right"])
def test_windows_are_those_of_pandas(window, statistic, closed):
    more = add_window_features(EVENTS, [Rolling("amount", window, statistic, closed=closed, name="made")], by="customer", order_by="time")
    length = window if isinstance(window, int) else "24h"
    # pandas adds what comes and takes away what goes, and keeps the rounding of both: of squares near 2500 some 1e-13.
    np.testing.assert_allclose(more["made"].to_numpy(), theirs(length, statistic, closed=closed), rtol=1e-12, atol=1e-12)
    assert more.index.equals(EVENTS.index) and list(more.columns) == [*EVENTS.columns, "made"]


def test_lags_are_those_of_pandas():
    more = add_window_features(EVENTS, [Lag("amount"), Lag("amount", -2)], by=["customer"])
    for name, periods in [("amount_lag_1", 1), ("amount_lead_2", -2)]:
        np.testing.assert_array_equal(more[name], EVENTS.groupby("customer")["amount"].shift(periods))


def test_answers_are_of_the_kind_that_came():
    columns = {"key": ["a", "a", "b"], "amount": [1.0, 2.0, 3.0]}
    expected = [np.nan, 1.0, np.nan]
    polars = add_window_features(pl.DataFrame(columns), [Lag("amount")], by="key")
    assert isinstance(polars, pl.DataFrame)
    np.testing.assert_array_equal(polars["amount_lag_1"].to_numpy(), expected)
    for table in (columns, pa.table(columns)):
        answered = pa.table(add_window_features(table, [Lag("amount")], by="key"))
        assert answered.column_names == ["key", "amount", "amount_lag_1"]
        np.testing.assert_array_equal(answered["amount_lag_1"].to_numpy(), expected)


@pytest.mark.parametrize(
    ("features", "options", "words"),
    [
        ([Lag("other")], {}, "other: the column is missing"),
        ([Lag("amount", name="customer")], {}, "customer: there is a column of this name already"),
        ([Rolling("amount", "7D")], {}, "ordered by dates or timestamps"),
        ([Rolling("amount", 0)], {}, "0 rows are no window"),
        ([Rolling("amount", "7 weeks")], {}, "'7 weeks' is no time"),
        ([Rolling("amount", "0D")], {}, "of no length"),
        ([Rolling("amount", 2.5)], {}, "a number of rows or a time is expected"),
        ([Rolling("amount", 2, "median")], {}, "median"),
        ([Rolling("amount", 2, closed="up")], {}, "closed"),
        ([Rolling("amount", 2, min_periods=-1)], {}, "min_periods: an int from 0 on"),
        ([Rolling("customer", 2)], {}, "customer: expected numbers"),
        ([Lag("amount", 1.5)], {}, "periods: an int is expected"),
        (["amount"], {}, "a Lag or a Rolling is expected"),
        ([Lag("amount")], {"order_by": "customer"}, "to order by, got text"),
    ],
)
def test_what_cannot_be_done_is_refused_by_name(features, options, words):
    with pytest.raises((ValueError, TypeError), match=words) as caught:
        add_window_features(EVENTS, features, **{"by": "customer", **options})
    assert isinstance(caught.value, mlcore.Error)
