"""From categories to numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from mlcore.exceptions import InvalidInputError, UnsupportedError
from mlcore.features._base import Specification
from mlcore.features._partial import PartialTransformer

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy.typing as npt

    from mlcore.features._plan import Table

__all__ = ["OneHotEncoder", "OrdinalEncoder"]


class OneHotEncoder(PartialTransformer):
    """One feature per category: 1 for the category at hand, 0 for the others.

    Takes text, integers, floats and bools. A missing value (NaN and null) is a category of its own, the last one, named
    ``nan``. The result is dense unless it is asked for sparse.

    Parameters
    ----------
    categories : "auto" or list of lists
        The categories of each column, or those of the training data, sorted.
    drop : {"first", "if_binary"} or list, optional
        Which category of each column gets no feature.
    sparse_output : bool
        Whether answers are sparse matrices (CSR) of scipy, made without dense ones. (scikit-learn's default is True.)
    handle_unknown : {"error", "ignore", "infrequent_if_exist"}
        What to do with a category that fitting has not seen: refuse it, write zeros, or treat it as infrequent.
    min_frequency : int or float, optional
        Categories of fewer rows, or of a smaller share of them, are put together.
    max_categories : int, optional
        The most features per column, the one of infrequent categories included.
    feature_name_combiner : "concat" or callable
        How a feature is named: the column's name, ``_`` and the category, with a number behind it where that name is there
        already; or a function of both that answers a str, each name once. A plan stores the names.

    Attributes
    ----------
    categories_ : list of ndarray
        The categories of each column.
    drop_idx_ : ndarray of object, or None
        For each column, the position of the category that gets no feature.
    infrequent_categories_ : list of ndarray or None
        The categories that were put together.

    Notes
    -----
    Numbers and names are those of scikit-learn's ``OneHotEncoder``.

    Examples
    --------
    >>> from mlcore.features import OneHotEncoder
    >>> encoder = OneHotEncoder(handle_unknown="ignore").fit({"plan": ["pro", "free", "pro"]})
    >>> encoder.get_feature_names_out().tolist(), encoder.transform({"plan": ["pro", "team"]}).tolist()
    (['plan_free', 'plan_pro'], [[0.0, 1.0], [0.0, 0.0]])
    """

    categories_: list[npt.NDArray[Any]]
    drop_idx_: npt.NDArray[Any] | None
    infrequent_categories_: list[npt.NDArray[Any] | None]

    def __init__(
        self,
        *,
        categories: Literal["auto"] | Sequence[Sequence[Any]] = "auto",
        drop: Literal["first", "if_binary"] | Sequence[Any] | None = None,
        sparse_output: bool = False,
        handle_unknown: Literal["error", "ignore", "infrequent_if_exist"] = "error",
        min_frequency: float | None = None,
        max_categories: int | None = None,
        feature_name_combiner: Literal["concat"] | Callable[[str, Any], str] = "concat",
    ) -> None:
        self.categories = categories
        self.drop = drop
        self.sparse_output = sparse_output
        self.handle_unknown = handle_unknown
        self.min_frequency = min_frequency
        self.max_categories = max_categories
        self.feature_name_combiner = feature_name_combiner

    def _specification(self, table: Table, X: object) -> Specification:
        name, parameters = super()._specification(table, X)
        del parameters["sparse_output"]
        if self.feature_name_combiner == "concat":
            del parameters["feature_name_combiner"]
        elif not callable(self.feature_name_combiner):
            problem = f"{self.feature_name_combiner!r} is neither 'concat' nor a function"
            raise InvalidInputError(
                f"fit feature_name_combiner: {problem}", operation="fit", subject="feature_name_combiner", problem=problem
            )
        return name, parameters


class OrdinalEncoder(PartialTransformer):
    """The position of a column's category, as a number: 0, 1, 2, ...

    Takes text, integers, floats and bools.

    Parameters
    ----------
    categories : "auto" or list of lists
        The categories of each column in their order, or those of the training data, sorted.
    handle_unknown : {"error", "use_encoded_value"}
        What to do with a category that fitting has not seen: refuse it, or write ``unknown_value``.
    unknown_value : int or NaN, optional
        What an unknown category becomes.
    encoded_missing_value : int or NaN
        What a missing value (NaN and null) becomes where fitting has seen one; otherwise it is an unknown category.
    min_frequency : int or float, optional
        Categories of fewer rows, or of a smaller share of them, share one number, the last.
    max_categories : int, optional
        The most numbers per column.

    Attributes
    ----------
    categories_ : list of ndarray
        The categories of each column.
    infrequent_categories_ : list of ndarray or None
        The categories that share a number.

    Notes
    -----
    Numbers are those of scikit-learn's ``OrdinalEncoder``.

    Examples
    --------
    >>> from mlcore.features import OrdinalEncoder
    >>> encoder = OrdinalEncoder(categories=[["small", "medium", "large"]])
    >>> encoder.fit_transform({"size": ["small", "large", "medium"]}).ravel().tolist()
    [0.0, 2.0, 1.0]
    """

    categories_: list[npt.NDArray[Any]]
    infrequent_categories_: list[npt.NDArray[Any] | None]

    def __init__(
        self,
        *,
        categories: Literal["auto"] | Sequence[Sequence[Any]] = "auto",
        handle_unknown: Literal["error", "use_encoded_value"] = "error",
        unknown_value: float | None = None,
        encoded_missing_value: float = float("nan"),
        min_frequency: float | None = None,
        max_categories: int | None = None,
    ) -> None:
        self.categories = categories
        self.handle_unknown = handle_unknown
        self.unknown_value = unknown_value
        self.encoded_missing_value = encoded_missing_value
        self.min_frequency = min_frequency
        self.max_categories = max_categories
