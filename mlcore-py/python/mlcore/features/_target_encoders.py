"""From categories to numbers that are counted, or learnt from a target."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from mlcore.features._base import Transformer
from mlcore.features._partial import PartialTransformer

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    import numpy.typing as npt

    from mlcore.features._plan import Plan

    _Handling = Literal["error", "return_nan", "value"]

__all__ = ["CountEncoder", "JamesSteinEncoder", "LeaveOneOutEncoder", "TargetEncoder", "WOEEncoder"]


class TargetEncoder(Transformer):
    """The mean of the target in a column's category, drawn towards the mean of all rows.

    With a target of several classes, one feature per class: its share. Takes text, integers, floats and bools. A missing value
    (NaN and null) is a category where fitting has seen one; what fitting has not seen becomes the mean of all rows.

    ``fit_transform`` cross-fits: it cuts the rows into folds and encodes each by the other ones, so that a model behind it does
    not learn its target from it. Later steps of a ``Pipeline`` learn from these features.

    Parameters
    ----------
    categories : "auto" or list of lists
        The categories of each column, or those of the training data.
    target_type : {"auto", "continuous", "binary", "multiclass"}
        What the target is; by default its type and its values say so.
    smooth : "auto" or float
        How far the mean of a category is drawn towards that of all rows: by the variances of both, or as so many further rows
        with the mean of all rows would.
    cv : int
        The number of folds of ``fit_transform``.
    shuffle : bool
        Whether rows are shuffled before they are cut into folds.
    random_state : int, optional
        The seed of that order; without one it is 0. (scikit-learn draws anew each time.)

    Attributes
    ----------
    categories_ : list of ndarray
        The categories of each column.
    encodings_ : list of ndarray
        The number of each category, for each column, and with several classes for each class of it.
    target_type_ : {"continuous", "binary", "multiclass"}
        What the target is.
    target_mean_ : float or ndarray
        The mean of the target; with several classes, the share of each.
    classes_ : ndarray or None
        The classes of the target; None where it is continuous.

    Notes
    -----
    Numbers, names and folds are those of scikit-learn's ``TargetEncoder``. A target that has not as many classes as
    ``target_type`` says is refused.

    Examples
    --------
    >>> from mlcore.features import TargetEncoder
    >>> plans, spent = {"plan": ["free", "pro", "free", "pro"]}, [0.5, 7.0, 1.5, 9.0]
    >>> encoder = TargetEncoder(smooth=0.0).fit(plans, spent)
    >>> encoder.transform({"plan": ["pro", "free", "team"]}).ravel().tolist()
    [8.0, 1.0, 4.5]
    """

    _needs_target = True

    categories_: list[npt.NDArray[Any]]
    encodings_: list[npt.NDArray[np.float64]]
    target_type_: Literal["continuous", "binary", "multiclass"]
    target_mean_: float | npt.NDArray[np.float64]
    classes_: npt.NDArray[Any] | None

    def __init__(
        self,
        categories: Literal["auto"] | Sequence[Sequence[Any]] = "auto",
        target_type: Literal["auto", "continuous", "binary", "multiclass"] = "auto",
        smooth: Literal["auto"] | float = "auto",
        cv: int = 5,
        shuffle: bool = True,
        random_state: int | None = None,
    ) -> None:
        self.categories = categories
        self.target_type = target_type
        self.smooth = smooth
        self.cv = cv
        self.shuffle = shuffle
        self.random_state = random_state

    def _learn(self, plan: Plan) -> dict[str, Any]:
        learnt = super()._learn(plan)
        classes = learnt["classes_"]
        kind = "continuous" if classes is None else "binary" if len(classes) <= 2 else "multiclass"
        return {**learnt, "target_type_": kind}


class CountEncoder(PartialTransformer):
    """How often a column's category was seen: the number of rows, or their share.

    Takes text, integers, floats and bools, and encodes every column that it is given.

    Parameters
    ----------
    normalize : bool
        Whether shares of the rows are written, not their numbers.
    handle_unknown : {"value", "return_nan", "error"} or int
        What is written for a category that fitting has not seen, and for a missing value where fitting has seen none: 0, NaN,
        this number, or nothing, since it is refused. The 0 is NaN where ``handle_missing`` asks for NaN.
    handle_missing : {"value", "return_nan", "error"}
        What becomes of a missing value (NaN and null): it is counted as a category, stays missing, or is refused.

    Attributes
    ----------
    categories_ : list of ndarray
        The categories of each column.
    encodings_ : list of ndarray
        The number of each category.

    Notes
    -----
    Numbers are those of category_encoders' ``CountEncoder``.

    Examples
    --------
    >>> from mlcore.features import CountEncoder
    >>> encoder = CountEncoder().fit({"plan": ["free", "pro", "free"]})
    >>> encoder.transform({"plan": ["pro", "free", "team"]}).ravel().tolist()
    [1.0, 2.0, 0.0]
    """

    categories_: list[npt.NDArray[Any]]
    encodings_: list[npt.NDArray[np.float64]]

    def __init__(
        self,
        *,
        normalize: bool = False,
        handle_unknown: _Handling | int = "value",
        handle_missing: _Handling = "value",
    ) -> None:
        self.normalize = normalize
        self.handle_unknown = handle_unknown
        self.handle_missing = handle_missing


class WOEEncoder(PartialTransformer):
    """The weight of evidence of a column's category: the logarithm of its share of the ones of a target over its share of the
    zeros.

    Takes text, integers, floats and bools, and encodes every column that it is given; the target is 0 and 1, bools, or two
    texts. A category of a single row becomes 0.

    Parameters
    ----------
    handle_unknown : {"value", "return_nan", "error"}
        What is written for a category that fitting has not seen: 0, NaN, or nothing, since it is refused.
    handle_missing : {"value", "return_nan", "error"}
        What becomes of a missing value (NaN and null): it is a category, or 0 where fitting has seen none; NaN; or refused.
    regularization : float
        How many rows of each class are added to every category.

    Attributes
    ----------
    categories_ : list of ndarray
        The categories of each column.
    encodings_ : list of ndarray
        The number of each category.

    Notes
    -----
    Numbers are those of category_encoders' ``WOEEncoder``, without its random noise.

    Examples
    --------
    >>> from mlcore.features import WOEEncoder
    >>> encoder = WOEEncoder().fit({"plan": ["free", "free", "pro", "pro"]}, [1, 1, 0, 1])
    >>> encoder.transform({"plan": ["free", "pro", "team"]}).ravel().round(3).tolist()
    [0.588, -0.511, 0.0]
    """

    _needs_target = True
    _needs_two_classes = True

    categories_: list[npt.NDArray[Any]]
    encodings_: list[npt.NDArray[np.float64]]

    def __init__(
        self,
        *,
        handle_unknown: _Handling = "value",
        handle_missing: _Handling = "value",
        regularization: float = 1.0,
    ) -> None:
        self.handle_unknown = handle_unknown
        self.handle_missing = handle_missing
        self.regularization = regularization


class JamesSteinEncoder(PartialTransformer):
    """The mean of the target in a column's category, drawn towards the mean of all rows as James and Stein do.

    Takes text, integers, floats and bools, and encodes every column that it is given; the target is numbers, bools, or texts,
    which count as their positions. A column in which every row is a category of its own becomes the mean of all rows.

    Parameters
    ----------
    handle_unknown : {"value", "return_nan", "error"}
        What is written for a category that fitting has not seen: the mean of all rows, NaN, or nothing, since it is refused.
    handle_missing : {"value", "return_nan", "error"}
        What becomes of a missing value (NaN and null): it is a category, or the mean of all rows where fitting has seen none;
        NaN; or refused.
    model : {"independent", "pooled", "beta"}
        How far the mean of a category is drawn: by the variances of category and target, by one variance for all categories,
        or by the number of rows.

    Attributes
    ----------
    categories_ : list of ndarray
        The categories of each column.
    encodings_ : list of ndarray
        The number of each category.

    Notes
    -----
    Numbers are those of category_encoders' ``JamesSteinEncoder``, without its random noise and its model ``binary``.

    Examples
    --------
    >>> from mlcore.features import JamesSteinEncoder
    >>> encoder = JamesSteinEncoder(model="beta").fit({"plan": ["free", "free", "pro", "pro"]}, [0.0, 0.0, 6.0, 6.0])
    >>> encoder.transform({"plan": ["free", "pro", "team"]}).ravel().tolist()
    [2.0, 4.0, 3.0]
    """

    _needs_target = True

    categories_: list[npt.NDArray[Any]]
    encodings_: list[npt.NDArray[np.float64]]

    def __init__(
        self,
        *,
        handle_unknown: _Handling = "value",
        handle_missing: _Handling = "value",
        model: Literal["independent", "pooled", "beta"] = "independent",
    ) -> None:
        self.handle_unknown = handle_unknown
        self.handle_missing = handle_missing
        self.model = model


class LeaveOneOutEncoder(PartialTransformer):
    """The mean of the target in a column's category; of the training table, without the row at hand.

    ``fit_transform`` leaves the target of each row out of the row's own mean, so that a model behind it does not learn its
    target from it. A category of a single row becomes the mean of all rows. Takes text, integers, floats and bools, and encodes
    every column that it is given; the target is numbers, bools, or texts, which count as their positions.

    Parameters
    ----------
    handle_unknown : {"value", "return_nan", "error"}
        What is written for a category that fitting has not seen: the mean of all rows, NaN, or nothing, since it is refused.
    handle_missing : {"value", "return_nan", "error"}
        What becomes of a missing value (NaN and null): it is a category, or the mean of all rows where fitting has seen none;
        NaN; or refused.
    sigma : None
        Must be None: no noise is added.

    Attributes
    ----------
    categories_ : list of ndarray
        The categories of each column.
    encodings_ : list of ndarray
        The number of each category.

    Notes
    -----
    Numbers are those of category_encoders' ``LeaveOneOutEncoder``, without its random noise.

    Examples
    --------
    >>> from mlcore.features import LeaveOneOutEncoder
    >>> encoder = LeaveOneOutEncoder().fit({"plan": ["free", "free", "free", "pro"]}, [0.0, 3.0, 6.0, 11.0])
    >>> encoder.transform({"plan": ["free", "pro", "team"]}).ravel().tolist()
    [3.0, 5.0, 5.0]
    """

    _needs_target = True

    categories_: list[npt.NDArray[Any]]
    encodings_: list[npt.NDArray[np.float64]]

    def __init__(
        self,
        *,
        handle_unknown: _Handling = "value",
        handle_missing: _Handling = "value",
        sigma: float | None = None,
    ) -> None:
        self.handle_unknown = handle_unknown
        self.handle_missing = handle_missing
        self.sigma = sigma
