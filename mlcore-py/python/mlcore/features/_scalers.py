"""Transformers of numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from mlcore.features._base import Transformer
from mlcore.features._partial import PartialTransformer
from mlcore.features._weighing import WeighingTransformer

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

__all__ = ["MaxAbsScaler", "MinMaxScaler", "Normalizer", "RobustScaler", "StandardScaler"]


class StandardScaler(WeighingTransformer, PartialTransformer):
    """Centres columns on their mean and divides them by their standard deviation: ``z = (x - mean) / scale``.

    Missing values (NaN and null) are ignored while fitting and stay missing. A constant column is divided by 1. Infinities
    are refused.

    Parameters
    ----------
    with_mean : bool
        Subtract the mean?
    with_std : bool
        Divide by the standard deviation?

    Attributes
    ----------
    mean_, var_, scale_ : ndarray of float, shape (n_features_in_,), or None
        The mean, the population variance, and what each column is divided by.
    n_samples_seen_ : int or ndarray of int
        The values seen; an array where columns miss different numbers of them.

    Notes
    -----
    Numbers are those of scikit-learn's ``StandardScaler``.

    Examples
    --------
    >>> from mlcore.features import StandardScaler
    >>> scaler = StandardScaler().fit({"age": [20.0, 40.0, 60.0]})
    >>> scaler.mean_.tolist(), scaler.transform([{"age": 40.0}]).tolist()
    ([40.0], [[0.0]])
    """

    _input_tags = {"allow_nan": True}

    mean_: npt.NDArray[np.float64] | None
    var_: npt.NDArray[np.float64] | None
    scale_: npt.NDArray[np.float64] | None
    n_samples_seen_: int | npt.NDArray[np.int64]

    def __init__(self, *, with_mean: bool = True, with_std: bool = True) -> None:
        self.with_mean = with_mean
        self.with_std = with_std


class MinMaxScaler(PartialTransformer):
    """Maps each column's range onto a wanted one: ``x * scale + min``.

    Missing values (NaN and null) are ignored while fitting and stay missing. A constant column is mapped to the low end.
    Infinities are refused.

    Parameters
    ----------
    feature_range : (float, float)
        The range that the training data fills.
    clip : bool
        Cut values that leave the range?

    Attributes
    ----------
    data_min_, data_max_, data_range_ : ndarray of float, shape (n_features_in_,)
        The least and the greatest value of each column, and their difference.
    scale_, min_ : ndarray of float, shape (n_features_in_,)
        What each column is multiplied by, and what is added to it thereafter.
    n_samples_seen_ : int
        The rows seen.

    Notes
    -----
    Numbers are those of scikit-learn's ``MinMaxScaler``.

    Examples
    --------
    >>> from mlcore.features import MinMaxScaler
    >>> MinMaxScaler().fit_transform({"age": [20.0, 30.0, 60.0]}).ravel().tolist()
    [0.0, 0.25, 1.0]
    """

    _input_tags = {"allow_nan": True}

    data_min_: npt.NDArray[np.float64]
    data_max_: npt.NDArray[np.float64]
    data_range_: npt.NDArray[np.float64]
    scale_: npt.NDArray[np.float64]
    min_: npt.NDArray[np.float64]
    n_samples_seen_: int

    def __init__(self, feature_range: tuple[float, float] = (0, 1), *, clip: bool = False) -> None:
        self.feature_range = feature_range
        self.clip = clip


class MaxAbsScaler(PartialTransformer):
    """Divides each column by its greatest absolute value, so that the training data fills [-1, 1] and zeros stay zeros.

    Missing values (NaN and null) are ignored while fitting and stay missing. A column of zeros is left as it is. Infinities
    are refused.

    Parameters
    ----------
    clip : bool
        Cut values that leave [-1, 1]?

    Attributes
    ----------
    scale_, max_abs_ : ndarray of float, shape (n_features_in_,)
        What each column is divided by, and its greatest absolute value.
    n_samples_seen_ : int
        The rows seen.

    Notes
    -----
    Numbers are those of scikit-learn's ``MaxAbsScaler``.

    Examples
    --------
    >>> from mlcore.features import MaxAbsScaler
    >>> MaxAbsScaler().fit_transform({"change": [-4.0, 0.0, 1.0]}).ravel().tolist()
    [-1.0, 0.0, 0.25]
    """

    _input_tags = {"allow_nan": True}

    scale_: npt.NDArray[np.float64]
    max_abs_: npt.NDArray[np.float64]
    n_samples_seen_: int

    def __init__(self, *, clip: bool = False) -> None:
        self.clip = clip


class RobustScaler(Transformer):
    """Centres columns on their median and divides them by the distance of two quantiles, so that outliers count for nothing.

    Missing values (NaN and null) are ignored while fitting and stay missing. A constant column is divided by 1. Infinities
    are refused.

    Parameters
    ----------
    with_centering : bool
        Subtract the median?
    with_scaling : bool
        Divide by the distance of the quantiles?
    quantile_range : (float, float)
        The two quantiles in percent.
    unit_variance : bool
        Scale a normal distribution to variance 1?

    Attributes
    ----------
    center_ : ndarray of float, shape (n_features_in_,), or None
        The median of each column.
    scale_ : ndarray of float, shape (n_features_in_,), or None
        What each column is divided by.

    Notes
    -----
    Numbers are those of scikit-learn's ``RobustScaler``.

    Examples
    --------
    >>> from mlcore.features import RobustScaler
    >>> RobustScaler().fit_transform({"income": [10.0, 20.0, 30.0, 40.0, 9000.0]}).ravel().tolist()
    [-1.0, -0.5, 0.0, 0.5, 448.5]
    """

    _input_tags = {"allow_nan": True}

    center_: npt.NDArray[np.float64] | None
    scale_: npt.NDArray[np.float64] | None

    def __init__(
        self,
        *,
        with_centering: bool = True,
        with_scaling: bool = True,
        quantile_range: tuple[float, float] = (25.0, 75.0),
        unit_variance: bool = False,
    ) -> None:
        self.with_centering = with_centering
        self.with_scaling = with_scaling
        self.quantile_range = quantile_range
        self.unit_variance = unit_variance


class Normalizer(PartialTransformer):
    """Divides the numbers of each row by their norm, so that rows are compared by direction and not by size.

    A row whose norm is all but 0 is left as it is. Missing values and infinities are refused. Fitting learns the columns and
    nothing else.

    Parameters
    ----------
    norm : {"l1", "l2", "max"}
        The sum of the absolute values, the root of the sum of the squares, or the greatest absolute value.

    Notes
    -----
    Numbers are those of scikit-learn's ``Normalizer``.

    Examples
    --------
    >>> from mlcore.features import Normalizer
    >>> Normalizer(norm="l1").fit_transform({"views": [30.0, 1.0], "buys": [10.0, 1.0]}).tolist()
    [[0.75, 0.25], [0.5, 0.5]]
    """

    _input_tags = {"allow_nan": False}

    def __init__(self, norm: Literal["l1", "l2", "max"] = "l2") -> None:
        self.norm = norm
