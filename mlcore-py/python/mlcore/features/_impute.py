"""Filling what is missing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from mlcore.features._base import Transformer

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

__all__ = ["KNNImputer", "MissingIndicator", "SimpleImputer"]


class KNNImputer(Transformer):
    """Replaces missing values, NaN and null alike, by the mean of the column in the nearest rows of the training table.

    Only rows that have the column count; where no row shares a column with the one to fill, the mean of the column does.
    The training table is part of the plan. Takes numbers; infinities are refused.

    Parameters
    ----------
    n_neighbors : int
        How many of the nearest rows to take, at least 1.
    weights : {"uniform", "distance"}
        Does each of them count the same, or by the inverse of its distance?
    metric : {"nan_euclidean"}
        How far apart rows are: the Euclidean distance over the columns that both have, enlarged by the share of the others.
    add_indicator : bool
        Add a feature per column that had missing values while fitting: 1 where the value is missing?
    keep_empty_features : bool
        Keep columns that had no value while fitting, as zeros?

    Attributes
    ----------
    indicator_features_ : ndarray of int
        The positions of the columns that have an indicator: scikit-learn's ``indicator_.features_``.

    Notes
    -----
    Numbers are those of scikit-learn's ``KNNImputer`` with ``missing_values=np.nan``. Of rows equally far away, the first are
    taken, where scikit-learn takes any; and far from zero distances keep digits that scikit-learn's lose.

    Examples
    --------
    >>> from mlcore.features import KNNImputer
    >>> table = {"age": [20.0, 22.0, 60.0, 21.0], "income": [1.0, 3.0, 9.0, None]}
    >>> KNNImputer(n_neighbors=2).fit_transform(table)[3].tolist()
    [21.0, 2.0]
    """

    _input_tags = {"allow_nan": True}

    indicator_features_: npt.NDArray[np.int64]

    def __init__(
        self,
        *,
        n_neighbors: int = 5,
        weights: Literal["uniform", "distance"] = "uniform",
        metric: Literal["nan_euclidean"] = "nan_euclidean",
        add_indicator: bool = False,
        keep_empty_features: bool = False,
    ) -> None:
        self.n_neighbors = n_neighbors
        self.weights = weights
        self.metric = metric
        self.add_indicator = add_indicator
        self.keep_empty_features = keep_empty_features


class MissingIndicator(Transformer):
    """Tells which values are missing: 1 where a value is NaN or null, 0 where it is there.

    Takes numbers, bools and text. Infinities are refused.

    Parameters
    ----------
    features : {"missing-only", "all"}
        Answer for the columns that had missing values while fitting, or for all.
    error_on_new : bool
        Refuse a missing value in a column that had none while fitting, and that is not answered for?

    Attributes
    ----------
    features_ : ndarray of int
        The positions of the columns that it answers for.

    Notes
    -----
    Answers are those of scikit-learn's ``MissingIndicator`` with ``missing_values=np.nan``, as floats instead of bools.

    Examples
    --------
    >>> from mlcore.features import MissingIndicator
    >>> missing = MissingIndicator().fit({"age": [20.0, None, 30.0], "income": [1.0, 2.0, 3.0]})
    >>> missing.transform([{"age": float("nan"), "income": 5.0}]).tolist(), missing.get_feature_names_out().tolist()
    ([[1.0]], ['missingindicator_age'])
    """

    features_: npt.NDArray[np.int64]

    def __init__(self, *, features: Literal["missing-only", "all"] = "missing-only", error_on_new: bool = True) -> None:
        self.features = features
        self.error_on_new = error_on_new


class SimpleImputer(Transformer):
    """Replaces missing values, NaN and null alike, by one value per column.

    Parameters
    ----------
    strategy : {"mean", "median", "most_frequent", "constant"}
        What to put in their place; the first two take numbers and bools only. Of several most frequent values, the smallest.
    fill_value : number, bool or str, optional
        The constant. Default: 0 for numbers, False for bools, ``missing_value`` for text.
    add_indicator : bool
        Add a feature per column that had missing values while fitting: 1 where the value is missing?
    keep_empty_features : bool
        Keep columns that had no value while fitting? They are filled with 0, or with the constant.

    Attributes
    ----------
    statistics_ : ndarray, shape (n_features_in_,)
        What fills each column; NaN for one that is left out.
    indicator_features_ : ndarray of int
        The positions of the columns that have an indicator: scikit-learn's ``indicator_.features_``.

    Notes
    -----
    Numbers are those of scikit-learn's ``SimpleImputer`` with ``missing_values=np.nan``.

    Examples
    --------
    >>> from mlcore.features import SimpleImputer
    >>> imputer = SimpleImputer(strategy="median").fit({"age": [20.0, None, 30.0, 70.0]})
    >>> imputer.statistics_.tolist(), imputer.transform({"age": [float("nan")]}).tolist()
    ([30.0], [[30.0]])
    """

    statistics_: npt.NDArray[Any]
    indicator_features_: npt.NDArray[np.int64]

    def __init__(
        self,
        *,
        strategy: Literal["mean", "median", "most_frequent", "constant"] = "mean",
        fill_value: float | str | None = None,
        add_indicator: bool = False,
        keep_empty_features: bool = False,
    ) -> None:
        self.strategy = strategy
        self.fill_value = fill_value
        self.add_indicator = add_indicator
        self.keep_empty_features = keep_empty_features
