"""Columns that are made of several."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from mlcore.features._partial import PartialTransformer

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from mlcore.features._plan import Plan

__all__ = ["PolynomialFeatures"]


class PolynomialFeatures(PartialTransformer):
    """Multiplies columns with each other: all products of up to ``degree`` factors.

    The features of ``a`` and ``b`` at degree 2 are ``1``, ``a``, ``b``, ``a^2``, ``a b`` and ``b^2``. Missing values and
    infinities are refused.

    Parameters
    ----------
    degree : int or (int, int)
        The greatest number of factors of a product, or the least and the greatest.
    interaction_only : bool
        Make products of different columns only, and no powers?
    include_bias : bool
        Is the first feature 1?
    order : {"C", "F"}
        How scikit-learn lays its result out in memory; it has no effect here.

    Attributes
    ----------
    n_output_features_ : int
        The number of features.
    powers_ : ndarray of int, shape (n_output_features_, n_features_in_)
        How often each column is a factor of each feature.

    Notes
    -----
    Numbers and names are those of scikit-learn's ``PolynomialFeatures``.

    Examples
    --------
    >>> from mlcore.features import PolynomialFeatures
    >>> products = PolynomialFeatures(interaction_only=True, include_bias=False)
    >>> products.fit_transform({"width": [2.0, 3.0], "height": [5.0, 7.0]}).tolist()
    [[2.0, 5.0, 10.0], [3.0, 7.0, 21.0]]
    >>> products.get_feature_names_out().tolist()
    ['width', 'height', 'width height']
    """

    _input_tags = {"allow_nan": False}

    n_output_features_: int
    powers_: npt.NDArray[np.int64]

    def __init__(
        self,
        degree: int | tuple[int, int] = 2,
        *,
        interaction_only: bool = False,
        include_bias: bool = True,
        order: Literal["C", "F"] = "C",
    ) -> None:
        self.degree = degree
        self.interaction_only = interaction_only
        self.include_bias = include_bias
        self.order = order

    def _learn(self, plan: Plan) -> dict[str, Any]:
        import numpy as np

        learnt = super()._learn(plan)
        powers = np.array(learnt["powers_"], dtype=np.int64)
        return learnt | {"powers_": powers.reshape(-1, len(plan.feature_names_in))}
