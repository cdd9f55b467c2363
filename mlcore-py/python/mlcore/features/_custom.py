"""Functions of one's own as steps of a plan."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from mlcore.features._base import Specification, Transformer

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from mlcore.features._plan import Plan, Table

__all__ = ["CustomTransformer", "custom"]


class CustomTransformer(Transformer):
    """The base of transformers of one's own, which a plan knows by name and version.

    A subclass sets ``name`` and ``version`` and computes features from columns; it may learn from the training table. A plan
    stores name, version, parameters, what was learnt and the names of the features, and no code: :meth:`Plan.from_bytes` takes
    the class along, and a Rust service registers a Rust function of the same name and version. A function that
    computes something else gets another version.

    Parameters are those of the subclass' constructor, kept as attributes: numbers, truth values, text, and lists of these, as
    which tuples and arrays come back.

    Notes
    -----
    Columns are arrays: numbers and truth values as float64, where NaN is a missing one, and text as objects, where ``None`` is.
    Tables come in batches of up to 512 rows. A row must not depend on the others of its batch, because the same plan is asked for
    single rows. Of a single row the arrays have one element, and the call costs what a call of Python costs: some
    microseconds, and the interpreter's lock.
    A class that is to be pickled with its plan, or used by other processes, stands in a module that they import.

    Examples
    --------
    >>> import numpy as np
    >>> from mlcore.features import CustomTransformer, Plan
    >>> class RatioToMedian(CustomTransformer):
    ...     name, version = "ratio_to_median", 1
    ...     def learn(self, *columns, y=None):
    ...         return [float(np.nanmedian(column)) for column in columns]
    ...     def compute(self, *columns):
    ...         return np.column_stack([column / median for column, median in zip(columns, self.state_)])
    >>> ratio = RatioToMedian().fit({"amount": [10.0, 20.0, 60.0]})
    >>> ratio.transform({"amount": [40.0]}).tolist(), ratio.state_
    ([[2.0]], [20.0])
    >>> plan = Plan.from_bytes(ratio.to_bytes(), functions=[RatioToMedian])
    >>> plan.functions, plan.transform_row({"amount": 30.0}).tolist()
    ([('ratio_to_median', 1)], [1.5])
    """

    #: The name by which plans know it.
    name: ClassVar[str] = ""
    #: The version, from 1 on.
    version: ClassVar[int] = 0
    #: The names of the features; by default those of the columns.
    features: ClassVar[Sequence[str] | None] = None

    #: What :meth:`learn` answered, as it is stored: ``None`` where it learns nothing.
    state_: Any

    def __init__(self) -> None:
        pass

    def learn(self, *columns: npt.NDArray[Any], y: npt.NDArray[Any] | None = None) -> object:
        """Learns from the training table.

        Parameters
        ----------
        columns : ndarray, shape (rows,)
            The columns in order.
        y : ndarray, shape (rows,), optional
            The target, where there is one.

        Returns
        -------
        object
            What :meth:`compute` needs, as JSON has it: numbers, text, lists, dicts with text as keys, ``None``; arrays become
            lists. JSON has no NaN and no infinity.
        """
        return None

    def feature_names(self, input_features: list[str]) -> list[str]:
        """The names of the features that :meth:`compute` answers, by default ``features`` or else those of the columns."""
        return list(input_features if self.features is None else self.features)

    def compute(self, *columns: npt.NDArray[Any]) -> Any:
        """Computes features; ``self`` has the parameters and ``state_``.

        Parameters
        ----------
        columns : ndarray, shape (rows,)
            The columns in order.

        Returns
        -------
        array_like
            Numbers of shape ``(rows,)`` for a single feature, ``(rows, features)``, or a tuple with an array for each feature.
        """
        raise NotImplementedError(f"{type(self).__name__} has no method compute")

    # What Rust asks for.

    def _learnt_state(self, columns: list[npt.NDArray[Any]], y: npt.NDArray[Any] | None) -> str:
        return json.dumps(self.learn(*columns, y=y), allow_nan=False, default=_plain)

    @classmethod
    def _bind(cls, parameters: dict[str, Any], state: str, names: list[str]) -> tuple[list[str], Callable[..., Any]]:
        own = cls(**parameters)
        own.__dict__["state_"] = json.loads(state)
        return [str(name) for name in own.feature_names(names)], own._computed

    def _computed(self, columns: tuple[npt.NDArray[Any], ...], width: int) -> npt.NDArray[np.float64]:
        # Importing mlcore does not import numpy.
        import numpy as np

        rows = len(columns[0])
        answer = self.compute(*columns)
        if isinstance(answer, tuple):
            answer = np.column_stack(answer)
        features = np.asarray(answer, dtype=np.float64)
        if features.ndim == 1:
            features = features.reshape(-1, 1)
        if features.shape != (rows, width):
            expected = f"({rows}, {width})"
            raise ValueError(f"{type(self).__name__}.compute answered an array of shape {features.shape}, and {expected} is expected")
        return features

    def _specification(self, table: Table, X: object) -> Specification:
        return "CustomTransformer", {"function": self}

    def _learn(self, plan: Plan) -> dict[str, Any]:
        state = plan._state()
        return {"state_": None if state is None else json.loads(state)}


def custom(
    name: str, *, version: int, features: Sequence[str] | None = None
) -> Callable[[Callable[..., Any]], type[CustomTransformer]]:
    """Makes a function a transformer of one's own that learns nothing: a subclass of :class:`CustomTransformer`.

    Parameters
    ----------
    name : str
        The name by which plans know it.
    version : int
        The version, from 1 on. A function that computes something else gets another one.
    features : list of str, optional
        The names of the features; by default those of the columns.

    Returns
    -------
    callable
        A decorator of a function that takes an array for each column and answers what :meth:`CustomTransformer.compute` does.

    Examples
    --------
    >>> import numpy as np
    >>> from mlcore.features import ColumnTransformer, custom
    >>> @custom("domain_length", version=1, features=["length"])
    ... def domain_length(mail):
    ...     return np.array([np.nan if text is None else len(text.rpartition("@")[2]) for text in mail])
    >>> both = ColumnTransformer([("mail", domain_length(), ["mail"])])
    >>> both.fit_transform({"mail": ["ana@example.org", "bo@mail.example.com"]}).ravel().tolist()
    [11.0, 16.0]
    """

    def made(function: Callable[..., Any]) -> type[CustomTransformer]:
        def compute(self: CustomTransformer, *columns: npt.NDArray[Any]) -> Any:
            return function(*columns)

        own = {
            "name": name,
            "version": version,
            "features": features,
            "compute": compute,
            "__doc__": function.__doc__,
            "__module__": function.__module__,
            "__qualname__": function.__qualname__,
        }
        return type(function.__name__, (CustomTransformer,), own)

    return made


def _plain(value: Any) -> Any:
    """What json does not know: numbers and arrays of numpy."""
    if hasattr(value, "tolist"):
        return value.tolist()
    raise TypeError(f"what was learnt holds a {type(value).__name__}, which JSON has no word for")
