"""Labels in the place of those that are rare."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from mlcore.features._partial import PartialTransformer

if TYPE_CHECKING:
    import numpy.typing as npt

    from mlcore.features._plan import Plan

__all__ = ["RareLabelEncoder"]


class RareLabelEncoder(PartialTransformer):
    """One label in the place of those that are rare, or that fitting has not seen.

    The result is a column of text, for an encoder to follow. Columns of numbers and bools are taken with ``ignore_format``:
    they become texts as Python writes them, or floats where ``replace_with`` is a number.

    Parameters
    ----------
    tol : float
        The least share of the rows with a label that a frequent one has, from 0 to 1.
    n_categories : int
        How many different values, a missing one among them, a column may have before any of them is called rare.
    max_n_categories : int, optional
        The most labels that are called frequent; of equal ones those that are seen first.
    replace_with : str or float
        What stands in the place of a rare label.
    missing_values : {"raise", "ignore"}
        Whether a missing value is refused, or stays missing.
    ignore_format : bool
        Whether columns of numbers and bools are taken too.

    Attributes
    ----------
    encoder_dict_ : dict of str to ndarray
        The frequent labels of each column, those of most rows first.
    variables_ : ndarray of str
        The columns.

    Notes
    -----
    Labels are those of feature-engine's ``RareLabelEncoder``, which mixes texts and numbers in one column where this one
    writes texts. It takes every column that it is given; a ColumnTransformer chooses them.

    Examples
    --------
    >>> from mlcore.features import RareLabelEncoder
    >>> encoder = RareLabelEncoder(tol=0.3, n_categories=2)
    >>> encoder.fit({"city": ["Rome", "Rome", "Oslo", "Rome", "Oslo", "Bari"]}).encoder_dict_["city"].tolist()
    ['Rome', 'Oslo']
    >>> encoder.transform({"city": ["Oslo", "Bari", "Pisa"]}).ravel().tolist()
    ['Oslo', 'Rare', 'Rare']
    """

    encoder_dict_: dict[str, npt.NDArray[Any]]
    variables_: npt.NDArray[Any]

    def __init__(
        self,
        *,
        tol: float = 0.05,
        n_categories: int = 10,
        max_n_categories: int | None = None,
        replace_with: str | float = "Rare",
        missing_values: Literal["raise", "ignore"] = "raise",
        ignore_format: bool = False,
    ) -> None:
        self.tol = tol
        self.n_categories = n_categories
        self.max_n_categories = max_n_categories
        self.replace_with = replace_with
        self.missing_values = missing_values
        self.ignore_format = ignore_format

    def _learn(self, plan: Plan) -> dict[str, Any]:
        learnt = super()._learn(plan)
        learnt["encoder_dict_"] = dict(zip(plan.feature_names_in, learnt["encoder_dict_"]))
        return learnt
