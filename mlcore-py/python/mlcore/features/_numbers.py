"""Numbers as other numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from mlcore.exceptions import InvalidInputError
from mlcore.features._base import Specification, Transformer
from mlcore.features._partial import PartialTransformer
from mlcore.features._weighing import WeighingTransformer

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    import numpy.typing as npt

    from mlcore.features._plan import Plan, Table

__all__ = ["Binarizer", "FunctionTransformer", "PowerTransformer", "QuantileTransformer", "SplineTransformer", "Winsorizer"]


class Binarizer(PartialTransformer):
    """Writes 1 for a number above a threshold and 0 for any other.

    Missing values and infinities are refused. Fitting learns the columns and nothing else.

    Parameters
    ----------
    threshold : float
        The greatest number that becomes 0.

    Notes
    -----
    Numbers are those of scikit-learn's ``Binarizer``.

    Examples
    --------
    >>> from mlcore.features import Binarizer
    >>> Binarizer(threshold=3.0).fit_transform({"visits": [0.0, 3.0, 9.0]}).ravel().tolist()
    [0.0, 0.0, 1.0]
    """

    _input_tags = {"allow_nan": False}

    def __init__(self, *, threshold: float = 0.0) -> None:
        self.threshold = threshold


class PowerTransformer(Transformer):
    """Raises each column to the power that makes it most like a normal distribution, and scales it to mean 0 and variance 1.

    The power is that of greatest likelihood. Missing values (NaN and null) are ignored while fitting and stay missing.
    Infinities are refused, and so are numbers that become infinite before they are scaled.

    Parameters
    ----------
    method : {"yeo-johnson", "box-cox"}
        The powers of Yeo and Johnson, for all numbers, or those of Box and Cox, for positive ones that are not constant.
    standardize : bool
        Scale the result to mean 0 and variance 1?

    Attributes
    ----------
    lambdas_ : ndarray of float, shape (n_features_in_,)
        The power of each column.

    Notes
    -----
    Numbers are those of scikit-learn's ``PowerTransformer``, as near as the likelihood tells powers apart: to about eight
    digits of the power, fewer where the values of a column are close to one another and far from zero.

    Examples
    --------
    >>> from mlcore.features import PowerTransformer
    >>> power = PowerTransformer().fit({"income": [1.0, 3.0, 4.0]})
    >>> power.lambdas_.round(3).tolist(), power.transform([{"income": 3.0}]).round(3).tolist()
    ([1.387], [[0.21]])
    """

    _input_tags = {"allow_nan": True}

    lambdas_: npt.NDArray[np.float64]

    def __init__(
        self, method: Literal["yeo-johnson", "box-cox"] = "yeo-johnson", *, standardize: bool = True
    ) -> None:
        self.method = method
        self.standardize = standardize


class QuantileTransformer(Transformer):
    """Maps each column through its own distribution, so that the result is uniform or normal.

    Numbers outside the training range become its ends. Missing values (NaN and null) are ignored while fitting and stay
    missing. Infinities are refused.

    Parameters
    ----------
    n_quantiles : int
        How many quantiles are learnt, at most as many as there are rows.
    output_distribution : {"uniform", "normal"}
        Uniform from 0 to 1, or the standard normal distribution, cut at about 5.2 standard deviations.
    ignore_implicit_zeros : bool
        Has no effect: in scikit-learn it is about sparse matrices.
    subsample : int or None
        From how many rows, drawn without replacement, the quantiles are computed where there are more; ``None`` for all.
    random_state : int, optional
        The seed of that draw.

    Attributes
    ----------
    n_quantiles_ : int
        How many quantiles were learnt.
    quantiles_ : ndarray of float, shape (n_quantiles_, n_features_in_)
        The quantiles of each column.
    references_ : ndarray of float, shape (n_quantiles_,)
        The shares that the quantiles stand for.

    Notes
    -----
    Numbers are those of scikit-learn's ``QuantileTransformer``; equal seeds draw equal rows. Without one the seed is 0.

    Examples
    --------
    >>> from mlcore.features import QuantileTransformer
    >>> shares = QuantileTransformer(n_quantiles=5)
    >>> shares.fit_transform({"income": [10.0, 20.0, 30.0, 40.0, 9000.0]}).ravel().tolist()
    [0.0, 0.25, 0.5, 0.75, 1.0]
    """

    _input_tags = {"allow_nan": True}

    n_quantiles_: int
    quantiles_: npt.NDArray[np.float64]
    references_: npt.NDArray[np.float64]

    def __init__(
        self,
        *,
        n_quantiles: int = 1000,
        output_distribution: Literal["uniform", "normal"] = "uniform",
        ignore_implicit_zeros: bool = False,
        subsample: int | None = 10_000,
        random_state: int | None = None,
    ) -> None:
        self.n_quantiles = n_quantiles
        self.output_distribution = output_distribution
        self.ignore_implicit_zeros = ignore_implicit_zeros
        self.subsample = subsample
        self.random_state = random_state

    def _learn(self, plan: Plan) -> dict[str, Any]:
        import numpy as np

        learnt = super()._learn(plan)
        return learnt | {"quantiles_": np.array(learnt["quantiles_"])}


class SplineTransformer(WeighingTransformer, PartialTransformer):
    """Writes each number as the values of B-splines, so that a linear model of them is a smooth curve of the number.

    A column becomes ``n_knots + degree - 1`` columns, or ``n_knots - 1`` where splines are periodic, and one fewer without
    ``include_bias``. Infinities are refused. The result is dense.

    Parameters
    ----------
    n_knots : int
        How many knots there are, at least 2, where they are not listed.
    degree : int
        The degree of the polynomials between two knots, at most 63.
    knots : {"uniform", "quantile"} or array_like of float, shape (n_knots, n_features_in_)
        At equal distances from the least to the greatest value, at quantiles of the values, or here, ascending. Weights of
        rows move the knots at quantiles; at equal distances a row counts where its weight is not 0.
    extrapolation : {"constant", "error", "linear", "continue", "periodic"}
        Outside of the training range, splines stay as they are at its end, numbers are refused, splines go on as straight
        lines or as the polynomials they are, or they repeat.
    include_bias : bool
        Keep the last spline of each column, without which they do not add up to 1?
    order : {"C", "F"}
        Has no effect: how scikit-learn lays out the result in memory.
    handle_missing : {"error", "zeros"}
        Refuse missing values (NaN and null), or make all splines 0 for them?

    Attributes
    ----------
    bsplines_ : list of ndarray of float
        The knots of each column, with those beyond the range: the ``t`` of the objects in scikit-learn's list.
    n_features_out_ : int
        How many features there are.

    Notes
    -----
    Numbers are those of scikit-learn's ``SplineTransformer``, with two exceptions. Where splines of degree 0 and 1 go on as
    straight lines, it looks for the ends of the range among other knots in every column but the first. Splines of degree 0 are
    0 for it below the range and an error above; here they stay as they are.

    Examples
    --------
    >>> from mlcore.features import SplineTransformer
    >>> splines = SplineTransformer(n_knots=2, degree=1)
    >>> splines.fit_transform({"hour": [0.0, 1.0, 2.0]}).tolist()
    [[1.0, 0.0], [0.5, 0.5], [0.0, 1.0]]
    >>> splines.get_feature_names_out().tolist()
    ['hour_sp_0', 'hour_sp_1']
    """

    _input_tags = {"allow_nan": False}

    bsplines_: list[npt.NDArray[np.float64]]
    n_features_out_: int

    def __init__(
        self,
        n_knots: int = 5,
        degree: int = 3,
        *,
        knots: Literal["uniform", "quantile"] | Sequence[Sequence[float]] | npt.NDArray[np.float64] = "uniform",
        extrapolation: Literal["error", "constant", "linear", "continue", "periodic"] = "constant",
        include_bias: bool = True,
        order: Literal["C", "F"] = "C",
        handle_missing: Literal["error", "zeros"] = "error",
    ) -> None:
        self.n_knots = n_knots
        self.degree = degree
        self.knots = knots
        self.extrapolation = extrapolation
        self.include_bias = include_bias
        self.order = order
        self.handle_missing = handle_missing

    def _specification(self, table: Table, X: object) -> Specification:
        name, parameters = super()._specification(table, X)
        return name, parameters | {"knots": getattr(self.knots, "tolist", lambda: self.knots)()}


class FunctionTransformer(PartialTransformer):
    """Puts what a function makes of each number in its place.

    The function is one of numpy's, or its name, so that Rust runs it and a plan can be stored; for a function of Python use
    scikit-learn's class of this name. Everything is computed in floats. Missing values (NaN and null) stay missing. Fitting
    learns the columns and nothing else.

    Parameters
    ----------
    func : numpy.ufunc or str, optional
        The function, such as ``numpy.log1p`` or ``"log1p"``; ``None`` leaves numbers as they are. There are abs, arccos,
        arccosh, arcsin, arcsinh, arctan, arctanh, cbrt, ceil, cos, cosh, deg2rad, exp, exp2, expm1, floor, log, log10, log1p,
        log2, negative, rad2deg, reciprocal, rint, sign, sin, sinh, sqrt, square, tan, tanh and trunc.
    inverse_func : numpy.ufunc or str, optional
        The function of ``inverse_transform``.
    validate : bool
        Refuse missing values and infinities?
    check_inverse : bool
        Has no effect: scikit-learn warns where one function does not undo the other.
    feature_names_out : {"one-to-one"}
        Features are named as their columns. (scikit-learn's default ``None`` gives no names.)

    Notes
    -----
    Numbers are those of scikit-learn's ``FunctionTransformer`` of the same function, on columns of floats.

    Examples
    --------
    >>> from mlcore.features import FunctionTransformer
    >>> FunctionTransformer("sqrt", "square").fit_transform({"area": [0.0, 9.0, 16.0]}).ravel().tolist()
    [0.0, 3.0, 4.0]
    """

    _input_tags = {"allow_nan": True}

    def __init__(
        self,
        func: np.ufunc | str | None = None,
        inverse_func: np.ufunc | str | None = None,
        *,
        validate: bool = False,
        check_inverse: bool = True,
        feature_names_out: Literal["one-to-one"] = "one-to-one",
    ) -> None:
        self.func = func
        self.inverse_func = inverse_func
        self.validate = validate
        self.check_inverse = check_inverse
        self.feature_names_out = feature_names_out

    def _specification(self, table: Table, X: object) -> Specification:
        name, parameters = super()._specification(table, X)
        functions = {own: _function_name(own, parameters[own]) for own in ("func", "inverse_func")}
        return name, parameters | functions


def _function_name(parameter: str, function: Any) -> object:
    """The name of a function of numpy."""
    if not callable(function):
        return function
    import numpy as np

    if isinstance(function, np.ufunc):
        return function.__name__
    problem, remedy = "it is no function of numpy", "use one, or scikit-learn's FunctionTransformer"
    raise InvalidInputError(
        f"configure FunctionTransformer {parameter}: {problem}; {remedy}",
        operation="configure FunctionTransformer",
        subject=parameter,
        problem=problem,
        remedy=remedy,
    )


class Winsorizer(Transformer):
    """Cuts each column at two of its quantiles, so that outliers are as far out as the rest.

    Missing values (NaN and null) are ignored while fitting and stay missing. Infinities are refused.

    Parameters
    ----------
    lower_quantile, upper_quantile : float
        The shares of the values below the lower and below the upper limit, from 0 to 1.
    quantile_method : str
        numpy's name of the definition of a quantile.

    Attributes
    ----------
    lower_, upper_ : ndarray of float, shape (n_features_in_,)
        The least and the greatest number that each column keeps.

    Notes
    -----
    scikit-learn has no such transformer. Numbers are those of ``numpy.quantile`` and ``numpy.clip``.

    Examples
    --------
    >>> from mlcore.features import Winsorizer
    >>> quarters = Winsorizer(lower_quantile=0.25, upper_quantile=0.75)
    >>> quarters.fit_transform({"income": [10.0, 20.0, 30.0, 40.0, 9000.0]}).ravel().tolist()
    [20.0, 20.0, 30.0, 40.0, 40.0]
    """

    _input_tags = {"allow_nan": True}

    lower_: npt.NDArray[np.float64]
    upper_: npt.NDArray[np.float64]

    def __init__(
        self, *, lower_quantile: float = 0.05, upper_quantile: float = 0.95, quantile_method: str = "linear"
    ) -> None:
        self.lower_quantile = lower_quantile
        self.upper_quantile = upper_quantile
        self.quantile_method = quantile_method
