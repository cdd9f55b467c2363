"""Transformers one after another and beside each other, as one plan."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Literal, Union, overload

from mlcore.exceptions import InvalidInputError, InvalidTypeError
from mlcore.features._base import Diagram, Specification, Transformer, cloned, inner_diagram, inner_specification
from mlcore.features._weighing import WeighingTransformer

if TYPE_CHECKING:
    from mlcore.features._plan import Plan, Table

__all__ = ["ColumnTransformer", "Pipeline"]

#: A transformer, or what stands for one.
Step = Union[Transformer, Literal["passthrough", "drop"]]
#: Which columns: names, positions, a slice, a mask, or a function of the table that answers with one of these.
Columns = Union[str, int, slice, Sequence[str], Sequence[int], Sequence[bool], Callable[[Any], Any]]


class Pipeline(WeighingTransformer):
    """Transformers one after another: each sees what the one before it made.

    Parameters
    ----------
    steps : list of (str, transformer)
        Names and transformers of ``mlcore.features``, or ``"passthrough"``. They are fitted in place. For a pipeline that ends in
        a model of scikit-learn, put this one into ``sklearn.pipeline.Pipeline``.

    Attributes
    ----------
    named_steps : dict of str to transformer
        The steps by name.

    Examples
    --------
    >>> from mlcore.features import Pipeline, SimpleImputer, StandardScaler
    >>> pipeline = Pipeline([("impute", SimpleImputer()), ("scale", StandardScaler())])
    >>> pipeline.fit_transform({"age": [20.0, None, 40.0]}).round(3).ravel().tolist()
    [-1.225, 0.0, 1.225]
    >>> pipeline.named_steps["impute"].statistics_.tolist()
    [30.0]
    """

    def __init__(self, steps: Sequence[tuple[str, Step]]) -> None:
        self.steps = steps

    @property
    def named_steps(self) -> dict[str, Step]:
        """The steps by name."""
        return dict(self.steps)

    def __len__(self) -> int:
        return len(self.steps)

    def __iter__(self) -> Iterator[Step]:
        return iter(step for _, step in self.steps)

    @overload
    def __getitem__(self, key: str | int) -> Step: ...
    @overload
    def __getitem__(self, key: slice) -> Pipeline: ...
    def __getitem__(self, key: str | int | slice) -> Step | Pipeline:
        if isinstance(key, slice):
            return Pipeline(self.steps[key])
        return self.named_steps[key] if isinstance(key, str) else self.steps[key][1]

    def _specification(self, table: Table, X: object) -> Specification:
        steps = [(name, inner_specification(name, step, table, X)) for name, step in _named(self.steps, "steps", 2)]
        return "Pipeline", {"steps": steps}

    def _diagram(self) -> Diagram:
        return type(self).__name__, "", [(name, inner_diagram(step)) for name, step in self.steps]

    def _inside(self) -> list[tuple[str, Any]]:
        return [(name, step) for name, step in _entries(self.steps, 2)]

    def _replace(self, name: str, transformer: Any) -> None:
        self.steps = [(own, transformer if own == name else step) for own, step in self.steps]

    def _learn(self, plan: Plan) -> dict[str, Any]:
        for (_, step), (_, inner, _) in zip(self.steps, plan._steps()):
            if isinstance(step, Transformer):
                step._adopt(inner)
        return {}


class ColumnTransformer(WeighingTransformer):
    """Transformers beside each other, each on columns that it names; their features stand in the order of the transformers.

    Parameters
    ----------
    transformers : list of (str, transformer, columns)
        Names, transformers of ``mlcore.features`` or ``"passthrough"`` or ``"drop"``, and columns: names, positions, a slice, a mask,
        or a function of the table. They are not changed: the fitted ones are in ``transformers_``.
    remainder : {"drop", "passthrough"}
        What becomes of the columns that nobody names.
    verbose_feature_names_out : bool
        Begin the names of features with that of their transformer and ``__``?

    Attributes
    ----------
    transformers_ : list of (str, transformer, columns)
        The fitted transformers; a remainder that passes through is last.
    named_transformers_ : dict of str to transformer
        The same by name.

    Examples
    --------
    >>> from mlcore.features import ColumnTransformer, OneHotEncoder, StandardScaler
    >>> frame = {"age": [20.0, 40.0], "plan": ["free", "pro"]}
    >>> both = ColumnTransformer([("num", StandardScaler(), ["age"]), ("cat", OneHotEncoder(), ["plan"])])
    >>> both.fit_transform(frame).tolist()
    [[-1.0, 1.0, 0.0], [1.0, 0.0, 1.0]]
    """

    transformers_: list[tuple[str, Step, list[str]]]
    named_transformers_: dict[str, Step]

    def __init__(
        self,
        transformers: Sequence[tuple[str, Step, Columns]],
        *,
        remainder: Literal["drop", "passthrough"] = "drop",
        verbose_feature_names_out: bool = True,
    ) -> None:
        self.transformers = transformers
        self.remainder = remainder
        self.verbose_feature_names_out = verbose_feature_names_out

    def _specification(self, table: Table, X: object) -> Specification:
        names = table.column_names
        branches = []
        for name, transformer, columns in _named(self.transformers, "transformers", 3):
            chosen = _chosen(name, columns, names, X)
            branches.append((name, inner_specification(name, transformer, table, X), chosen))
        return "ColumnTransformer", {
            "transformers": branches,
            "remainder": self.remainder,
            "verbose_feature_names_out": self.verbose_feature_names_out,
        }

    def _diagram(self) -> Diagram:
        fitted = self.transformers if self._fitted_plan is None else self.transformers_
        inside = [(f"{name}: {_shown(columns)}", inner_diagram(step)) for name, step, columns in fitted]
        return type(self).__name__, ", ".join(self._changed("transformers")), inside

    def _inside(self) -> list[tuple[str, Any]]:
        return [(name, transformer) for name, transformer, _ in _entries(self.transformers, 3)]

    def _replace(self, name: str, transformer: Any) -> None:
        self.transformers = [
            (own, transformer if own == name else inside, columns) for own, inside, columns in self.transformers
        ]

    def _learn(self, plan: Plan) -> dict[str, Any]:
        originals = dict(self._inside())
        fitted: list[tuple[str, Step, list[str]]] = []
        for name, inner, columns in plan._steps():
            step = cloned(originals.get(name, "passthrough"))
            if isinstance(step, Transformer):
                step._adopt(inner)
            fitted.append((name, step, columns or []))
        return {"transformers_": fitted, "named_transformers_": {name: step for name, step, _ in fitted}}


def _entries(entries: Any, length: int) -> list[Any]:
    """Those of the entries that are tuples of this length and begin with a name; what else was set, fitting refuses."""
    if not isinstance(entries, (list, tuple)):
        return []
    return [own for own in entries if isinstance(own, (list, tuple)) and len(own) == length and isinstance(own[0], str)]


def _named(entries: Any, what: str, length: int) -> Sequence[Any]:
    """The entries, if each is a tuple of this length that begins with a name."""
    if not isinstance(entries, (list, tuple)):
        raise InvalidTypeError(
            f"fit {what}: a list is expected, and it is a {type(entries).__name__}",
            operation="fit",
            subject=what,
            problem=f"a list is expected, and it is a {type(entries).__name__}",
        )
    for entry in entries:
        if not (isinstance(entry, (tuple, list)) and len(entry) == length and isinstance(entry[0], str)):
            shape = "(name, transformer)" if length == 2 else "(name, transformer, columns)"
            raise InvalidTypeError(
                f"fit {what}: {entry!r} is no tuple {shape}",
                operation="fit",
                subject=what,
                problem=f"{entry!r} is no tuple {shape}",
            )
    return entries


def _chosen(name: str, columns: Any, names: list[str], X: object) -> list[str]:
    """The names of the columns that one branch takes."""
    if callable(columns):
        columns = columns(X)
    if isinstance(columns, slice):
        if isinstance(columns.start, str) or isinstance(columns.stop, str):
            # Slices of labels include their end, as in pandas and scikit-learn.
            start = None if columns.start is None else names.index(columns.start)
            stop = None if columns.stop is None else names.index(columns.stop) + 1
            columns = slice(start, stop, columns.step)
        return list(names[columns])
    if isinstance(columns, (str, int)):
        columns = [columns]
    columns = list(columns)
    if columns and all(type(column).__name__ in ("bool", "bool_") for column in columns):
        if len(columns) != len(names):
            raise _no_columns(name, f"the mask has {len(columns)} entries for {len(names)} columns")
        return [own for own, chosen in zip(names, columns) if chosen]
    chosen: list[str] = []
    for column in columns:
        if isinstance(column, str):
            chosen.append(column)
        elif hasattr(column, "__index__") and -len(names) <= column < len(names):
            chosen.append(names[column])
        else:
            raise _no_columns(name, f"{column!r} is neither a name nor a position below {len(names)}")
    return chosen


def _shown(columns: Any) -> str:
    """The columns of a branch, in words."""
    if isinstance(columns, (list, tuple)):
        return ", ".join(str(column) for column in columns)
    return getattr(columns, "__name__", None) or str(columns)


def _no_columns(name: str, problem: str) -> InvalidInputError:
    return InvalidInputError(f"fit {name}: {problem}", operation="fit", subject=name, problem=problem)
