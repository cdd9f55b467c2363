"""What would need more memory than there is, and numbers that are none: refused by name, and nothing is aborted."""

from __future__ import annotations

import numpy as np
import pytest

import mlcore
from mlcore import metrics
from mlcore.features import OneHotEncoder


def test_tables_of_counts_and_features(churn):
    many = np.arange(1_000_000)
    with pytest.raises(mlcore.UnsupportedError, match=r"confusion_matrix labels: 1000000 x 1000000 values take \d+ GB"):
        metrics.confusion_matrix(many, many)
    words = {"word": [str(i) for i in range(1_000_000)]}
    plan = OneHotEncoder().fit(words).plan()
    with pytest.raises(mlcore.UnsupportedError, match=r"transform table: 1000000 x 1000000 values take \d+ GB"):
        plan.transform(words)
    with pytest.raises(mlcore.UnsupportedError, match=r"transform table: 1000000 x 1000000 values"):
        plan.transform_table(words)
    with pytest.raises(mlcore.UnsupportedError, match=r"build endpoint queue_capacity: 1000000000000 values"):
        mlcore.Endpoint(churn, "churn", queue_capacity=10**12)


def test_no_number_is_no_time_and_no_error_rate(churn):
    with pytest.raises(mlcore.InvalidInputError, match="time: it is NaN"):
        churn.alias_at("churn", "champion", float("nan"))
    for alpha in (float("nan"), 0.0, 1.0, -1.0, float("inf")):
        with pytest.raises(mlcore.InvalidInputError, match="alpha: .* is not between 0 and 1"):
            mlcore.evaluate.Gate(alpha=alpha)
