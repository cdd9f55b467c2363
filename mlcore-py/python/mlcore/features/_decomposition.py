"""Columns as a few directions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from mlcore.features._base import Transformer

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from mlcore.features._plan import Plan

__all__ = ["PCA", "TruncatedSVD"]


def _with_components(learnt: dict[str, Any], plan: Plan) -> dict[str, Any]:
    """The attributes, with the components as one array."""
    import numpy as np

    components = np.array(learnt["components_"], dtype=np.float64)
    return learnt | {"components_": components.reshape(-1, len(plan.feature_names_in))}


class PCA(Transformer):
    """Turns columns into principal components: uncorrelated features, the first of which vary most.

    Missing values and infinities are refused. At least two rows are needed.

    Parameters
    ----------
    n_components : int or float, optional
        How many components to keep, or the share of the variance that they explain at least, between 0 and 1. Default: as
        many as there are rows or columns. (scikit-learn's ``"mle"`` is not offered.)
    whiten : bool
        Divide each feature by its standard deviation?
    svd_solver : {"auto", "full", "covariance_eigh"}
        How scikit-learn decomposes; all of these are exact, and find the same here. (Its ``"arpack"`` and ``"randomized"``
        begin at random, and are not offered.)
    random_state : int, optional
        A seed, which has no effect: nothing is drawn.

    Attributes
    ----------
    components_ : ndarray of float, shape (n_components_, n_features_in_)
        Directions of length 1, whose greatest weight is positive.
    explained_variance_, explained_variance_ratio_, singular_values_ : ndarray of float, shape (n_components_,)
        The variance along each, its share of that of all columns, and the singular values of the centred columns.
    mean_ : ndarray of float, shape (n_features_in_,)
        The mean of each column.
    noise_variance_ : float
        The mean variance along the components that are left out.
    n_components_, n_samples_ : int
        The number of components that are kept, and of rows seen.

    Notes
    -----
    Numbers are those of scikit-learn's ``PCA``, but for the last digits. ``svd_solver="auto"`` is exact for large tables too,
    where scikit-learn takes its randomized solver.

    Examples
    --------
    >>> from mlcore.features import PCA
    >>> pca = PCA(n_components=1).fit({"a": [0.0, 3.0, 6.0], "b": [0.0, 4.0, 8.0]})
    >>> pca.components_.round(6).tolist(), pca.transform({"a": [6.0], "b": [8.0]}).round(6).tolist()
    ([[0.6, 0.8]], [[5.0]])
    """

    _input_tags = {"allow_nan": False}

    components_: npt.NDArray[np.float64]
    explained_variance_: npt.NDArray[np.float64]
    explained_variance_ratio_: npt.NDArray[np.float64]
    singular_values_: npt.NDArray[np.float64]
    mean_: npt.NDArray[np.float64]
    noise_variance_: float
    n_components_: int
    n_samples_: int

    def __init__(
        self,
        n_components: float | None = None,
        *,
        whiten: bool = False,
        svd_solver: Literal["auto", "full", "covariance_eigh"] = "auto",
        random_state: int | None = None,
    ) -> None:
        self.n_components = n_components
        self.whiten = whiten
        self.svd_solver = svd_solver
        self.random_state = random_state

    def _learn(self, plan: Plan) -> dict[str, Any]:
        return _with_components(super()._learn(plan), plan)


class TruncatedSVD(Transformer):
    """Turns columns into a few features that hold most of them: latent semantic analysis, where columns are counts of words.

    As :class:`PCA`, but nothing is centred. Missing values and infinities are refused. At least two columns are needed.

    Parameters
    ----------
    n_components : int
        How many components to keep, at least 1 and as many as there are columns at most.
    algorithm : {"randomized", "arpack"}
        How scikit-learn decomposes; it has no effect here, where the decomposition is exact.
    random_state : int, optional
        A seed, which has no effect: nothing is drawn.

    Attributes
    ----------
    components_ : ndarray of float, shape (n_components, n_features_in_)
        Directions of length 1, whose greatest weight is positive.
    explained_variance_, explained_variance_ratio_, singular_values_ : ndarray of float, shape (n_components,)
        The variance of each feature, its share of that of all columns, and the singular values of the columns.

    Notes
    -----
    Numbers are those that both algorithms of scikit-learn's ``TruncatedSVD`` come near to.

    Examples
    --------
    >>> from mlcore.features import TruncatedSVD
    >>> svd = TruncatedSVD(n_components=1).fit({"a": [3.0, 6.0], "b": [4.0, 8.0]})
    >>> svd.components_.round(6).tolist(), svd.get_feature_names_out().tolist()
    ([[0.6, 0.8]], ['truncatedsvd0'])
    """

    _input_tags = {"allow_nan": False}

    components_: npt.NDArray[np.float64]
    explained_variance_: npt.NDArray[np.float64]
    explained_variance_ratio_: npt.NDArray[np.float64]
    singular_values_: npt.NDArray[np.float64]

    def __init__(
        self,
        n_components: int = 2,
        *,
        algorithm: Literal["randomized", "arpack"] = "randomized",
        random_state: int | None = None,
    ) -> None:
        self.n_components = n_components
        self.algorithm = algorithm
        self.random_state = random_state

    def _learn(self, plan: Plan) -> dict[str, Any]:
        return _with_components(super()._learn(plan), plan)
