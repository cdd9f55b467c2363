"""Cutting numbers into bins."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from mlcore.features._base import Specification
from mlcore.features._partial import PartialTransformer

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    import numpy.typing as npt

    from mlcore.features._plan import Table

__all__ = ["KBinsDiscretizer"]


class KBinsDiscretizer(PartialTransformer):
    """Cuts the range of each column into bins.

    Takes finite numbers: missing values are refused, impute them first. A constant column has one bin. Values outside the
    training range fall into the outer bins. The result is dense unless it is asked for sparse.

    Parameters
    ----------
    n_bins : int or list of int
        The number of bins, at least 2, of every column or of each.
    encode : {"onehot", "onehot-dense", "ordinal"}
        One feature per bin, as a sparse matrix, which is scikit-learn's default, or as a dense one; or the number of the bin.
    strategy : {"quantile", "uniform", "kmeans"}
        Bins of equally many values, of equal width, or of the values nearest to one centre of a k-means.
    quantile_method : str
        numpy's name of the definition of a quantile.
    subsample : int or None
        From how many rows, drawn with replacement, the edges are computed where there are more; ``None`` for all.
    random_state : int, optional
        The seed of that draw.

    Attributes
    ----------
    bin_edges_ : ndarray of ndarray, shape (n_features_in_,)
        The edges of each column's bins, the outer ones included.
    n_bins_ : ndarray of int, shape (n_features_in_,)
        The number of bins: fewer than asked for where edges coincide.

    Notes
    -----
    Numbers are those of scikit-learn's ``KBinsDiscretizer``. ``kmeans`` gives a bin without values the value that is farthest
    from its own centre, the last of several equally far ones; which of these scikit-learn takes depends on the processor
    (numpy's ``argpartition``), so that edges may differ there, as with fewer distinct values than bins.

    Examples
    --------
    >>> from mlcore.features import KBinsDiscretizer
    >>> bins = KBinsDiscretizer(n_bins=3, encode="ordinal", strategy="uniform")
    >>> bins.fit_transform({"age": [0.0, 30.0, 40.0, 90.0]}).ravel().tolist()
    [0.0, 1.0, 1.0, 2.0]
    >>> bins.bin_edges_[0].tolist()
    [0.0, 30.0, 60.0, 90.0]
    """

    _input_tags = {"allow_nan": False}

    bin_edges_: npt.NDArray[Any]
    n_bins_: npt.NDArray[np.int64]

    def __init__(
        self,
        n_bins: int | Sequence[int] = 5,
        *,
        encode: Literal["onehot", "onehot-dense", "ordinal"] = "onehot-dense",
        strategy: Literal["quantile", "uniform", "kmeans"] = "quantile",
        quantile_method: str = "averaged_inverted_cdf",
        subsample: int | None = 200_000,
        random_state: int | None = None,
    ) -> None:
        self.n_bins = n_bins
        self.encode = encode
        self.strategy = strategy
        self.quantile_method = quantile_method
        self.subsample = subsample
        self.random_state = random_state

    def _specification(self, table: Table, X: object) -> Specification:
        name, parameters = super()._specification(table, X)
        if self._is_sparse():
            parameters["encode"] = "onehot-dense"
        return name, parameters

    def _is_sparse(self) -> bool:
        return isinstance(self.encode, str) and self.encode == "onehot"
