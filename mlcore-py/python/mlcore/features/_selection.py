"""Columns that are worth keeping."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

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

    Needs ``y``: classes, or numbers for ``f_regression``. Missing values and infinities are refused.

    Parameters
    ----------
    score_func : {"f_classif", "f_regression", "chi2"} or callable
        The analysis of variance between classes, the linear regression of the target, or the chi-square statistic of
        counts: the name of a function of scikit-learn, or that function.
    k : int or "all"
        How many columns to keep; all where there are fewer.

    Attributes
    ----------
    scores_, pvalues_ : ndarray of float, shape (n_features_in_,)
        The score of each column, and its p-value.

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
    """

    _input_tags = {"allow_nan": False}
    _needs_target = True

    scores_: npt.NDArray[np.float64]
    pvalues_: npt.NDArray[np.float64]

    def __init__(
        self,
        score_func: Literal["f_classif", "f_regression", "chi2"] | Callable[..., Any] = "f_classif",
        *,
        k: int | Literal["all"] = 10,
    ) -> None:
        self.score_func = score_func
        self.k = k

    def _specification(self, table: Table, X: object) -> Specification:
        name, parameters = super()._specification(table, X)
        if callable(self.score_func):
            parameters["score_func"] = getattr(self.score_func, "__name__", str(self.score_func))
        return name, parameters
