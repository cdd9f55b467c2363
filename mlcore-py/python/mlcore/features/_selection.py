"""Columns that are worth keeping."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, Literal

from mlcore.exceptions import InvalidInputError
from mlcore.features._base import Transformer
from mlcore.features._partial import PartialTransformer

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    import numpy.typing as npt

    from mlcore.features._base import Specification
    from mlcore.features._plan import Table

__all__ = ["SelectKBest", "VarianceThreshold"]


class VarianceThreshold(PartialTransformer):
    """Leaves out the columns whose variance is not above a threshold: by default those that hold one value only.

    Missing values (NaN and null) are ignored while fitting. The columns that are kept are handed on as they are.

    Parameters
    ----------
    threshold : float
        The variance that a column must be above to be kept, at least 0.

    Attributes
    ----------
    variances_ : ndarray of float, shape (n_features_in_,)
        The population variance of each column; with a threshold of 0, its range where that is less.

    Notes
    -----
    Numbers are those of scikit-learn's ``VarianceThreshold``. ``inverse_transform`` takes missing values back, too.

    Examples
    --------
    >>> from mlcore.features import VarianceThreshold
    >>> chosen = VarianceThreshold().fit({"always": [1.0, 1.0, 1.0], "amount": [1.0, 2.0, 6.0]})
    >>> chosen.get_feature_names_out().tolist(), chosen.transform({"always": [1.0], "amount": [3.0]}).tolist()
    (['amount'], [[3.0]])
    """

    _input_tags = {"allow_nan": True}

    variances_: npt.NDArray[np.float64]

    def __init__(self, threshold: float = 0.0) -> None:
        self.threshold = threshold


class SelectKBest(Transformer):
    """Keeps the columns that tell most of the target, each looked at by itself.

    Needs ``y``: classes, or numbers for the functions that are called a regression. Missing values and infinities are
    refused.

    Parameters
    ----------
    score_func : {"f_classif", "f_regression", "r_regression", "chi2", "mutual_info_classif", "mutual_info_regression"} or callable
        The analysis of variance between classes, the linear regression of the target, the correlation with it, the chi-square
        statistic of counts, or the mutual information with classes or with numbers: the name of a function of scikit-learn,
        that function, or a ``functools.partial`` of it with ``discrete_features``, ``n_neighbors`` and ``random_state``. Without
        a seed the noise of mutual information is that of the seed 0, where scikit-learn draws anew each time.
    k : int or "all"
        How many columns to keep; all where there are fewer.

    Attributes
    ----------
    scores_, pvalues_ : ndarray of float, shape (n_features_in_,)
        The score of each column, and its p-value; ``pvalues_`` is None for mutual information and correlation, which have none.

    Notes
    -----
    Numbers are those of scikit-learn's ``SelectKBest``. After fitting, columns that are not kept may hold missing values.

    Examples
    --------
    >>> from mlcore.features import SelectKBest
    >>> table = {"noise": [1.0, 3.0, 2.0, 2.0], "amount": [1.0, 2.0, 8.0, 9.0]}
    >>> best = SelectKBest(k=1).fit(table, y=[0, 0, 1, 1])
    >>> best.get_feature_names_out().tolist(), best.scores_.tolist()
    (['amount'], [0.0, 98.0])

    What a column tells of a target, whatever the shape of their relation, in nats:

    >>> table = {"noise": [7.0 * row % 17 for row in range(17)], "amount": [row / 2 - 4 for row in range(17)]}
    >>> best = SelectKBest("mutual_info_classif", k=1).fit(table, y=[abs(amount) > 2 for amount in table["amount"]])
    >>> best.get_feature_names_out().tolist(), best.scores_.round(3).tolist()
    (['amount'], [0.0, 0.573])
    """

    _input_tags = {"allow_nan": False}
    _needs_target = True

    scores_: npt.NDArray[np.float64]
    pvalues_: npt.NDArray[np.float64] | None

    def __init__(
        self,
        score_func: Literal["f_classif", "f_regression", "r_regression", "chi2", "mutual_info_classif", "mutual_info_regression"]
        | Callable[..., Any] = "f_classif",
        *,
        k: int | Literal["all"] = 10,
    ) -> None:
        self.score_func = score_func
        self.k = k

    def _specification(self, table: Table, X: object) -> Specification:
        name, parameters = super()._specification(table, X)
        if callable(self.score_func):
            parameters["score_func"] = _score_function(self.score_func)
        return name, parameters


def _score_function(function: Callable[..., Any]) -> object:
    """The name of a function, and its options where it is a partial one."""
    if not isinstance(function, functools.partial):
        return getattr(function, "__name__", str(function))
    if function.args:
        problem, remedy = "it is a partial function with an argument that has no name", "give its options by name"
        raise InvalidInputError(
            f"fit SelectKBest score_func: {problem}; {remedy}",
            operation="fit SelectKBest",
            subject="score_func",
            problem=problem,
            remedy=remedy,
        )
    return [_score_function(function.func), *([option, value] for option, value in function.keywords.items())]
