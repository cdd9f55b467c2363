"""Filling what is missing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from mlcore.features._base import Transformer
from mlcore.features._partial import PartialTransformer

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

__all__ = ["IterativeImputer", "KNNImputer", "MissingIndicator", "SimpleImputer"]


class IterativeImputer(Transformer):
    """Replaces missing values, NaN and null alike, by what a regression on the other columns says, in rounds.

    Each column is a linear function of all others, found by a Bayesian ridge regression on the rows that have it. A row later
    goes through the functions of all rounds. Takes numbers; infinities are refused.

    Parameters
    ----------
    max_iter : int
        The most rounds.
    tol : float
        The change of a row, as a share of the greatest number of the table, below which rounds end.
    initial_strategy : {"mean", "median", "most_frequent", "constant"}
        What is filled in before the first round; the constant is 0.
    imputation_order : {"ascending", "descending", "roman", "arabic"}
        From the column that misses fewest values or most, from the first or from the last.
    skip_complete : bool
        Fill columns that miss no value while fitting as before the first round, without a regression?
    min_value, max_value : float
        The least and the greatest number that a regression fills in.
    random_state : int, optional
        A seed, which has no effect: nothing is drawn.
    add_indicator : bool
        Add a feature per column that had missing values while fitting: 1 where the value is missing?
    keep_empty_features : bool
        Keep columns that had no value while fitting, as zeros?

    Attributes
    ----------
    n_iter_ : int
        The rounds that were done.
    n_features_with_missing_ : int
        The columns that are filled in each round.
    indicator_features_ : ndarray of int
        The positions of the columns that have an indicator: scikit-learn's ``indicator_.features_``.

    Notes
    -----
    Numbers are those of scikit-learn's ``IterativeImputer`` with its default estimator, but for the last digits. Other
    estimators, samples of the posterior, and a random choice of columns or order are not offered. A row is filled by itself: a
    table in which every value is missing is filled by the regressions, too.

    Examples
    --------
    >>> from mlcore.features import IterativeImputer
    >>> imputer = IterativeImputer().fit({"width": [1.0, 2.0, 3.0, 5.0], "price": [10.0, 20.0, 30.0, None]})
    >>> imputer.transform({"width": [4.0], "price": [None]}).round(2).tolist()
    [[4.0, 40.0]]
    """

    _input_tags = {"allow_nan": True}

    n_iter_: int
    n_features_with_missing_: int
    indicator_features_: npt.NDArray[np.int64]

    def __init__(
        self,
        *,
        max_iter: int = 10,
        tol: float = 1e-3,
        initial_strategy: Literal["mean", "median", "most_frequent", "constant"] = "mean",
        imputation_order: Literal["ascending", "descending", "roman", "arabic"] = "ascending",
        skip_complete: bool = False,
        min_value: float = float("-inf"),
        max_value: float = float("inf"),
        random_state: int | None = None,
        add_indicator: bool = False,
        keep_empty_features: bool = False,
    ) -> None:
        self.max_iter = max_iter
        self.tol = tol
        self.initial_strategy = initial_strategy
        self.imputation_order = imputation_order
        self.skip_complete = skip_complete
        self.min_value = min_value
        self.max_value = max_value
        self.random_state = random_state
        self.add_indicator = add_indicator
        self.keep_empty_features = keep_empty_features


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


class MissingIndicator(PartialTransformer):
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


class SimpleImputer(PartialTransformer):
    """Replaces missing values, NaN and null alike or those of one value, by one value per column.

    Parameters
    ----------
    missing_values : float or str
        The value that stands for a missing one: a number for columns of numbers, which become floats then, a text for columns of
        text. NaN and null are refused then. NaN, the default: they are the missing values.
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
    Numbers are those of scikit-learn's ``SimpleImputer``. A function as a strategy is refused, and there is no ``copy``.

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
        missing_values: float | str = float("nan"),
        strategy: Literal["mean", "median", "most_frequent", "constant"] = "mean",
        fill_value: float | str | None = None,
        add_indicator: bool = False,
        keep_empty_features: bool = False,
    ) -> None:
        self.missing_values = missing_values
        self.strategy = strategy
        self.fill_value = fill_value
        self.add_indicator = add_indicator
        self.keep_empty_features = keep_empty_features
