"""Transformers one after another and beside each other, as one plan."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, Union, overload

from mlcore.exceptions import InvalidInputError, InvalidTypeError
from mlcore.features._base import (
    Diagram,
    Specification,
    Transformer,
    cloned,
    inner_diagram,
    inner_specification,
)
from mlcore.features._errors import refused
from mlcore.features._partial import BatchTransformer
from mlcore.features._weighing import WeighingTransformer

if TYPE_CHECKING:
    from mlcore.features._plan import Plan, Table

__all__ = ["ColumnTransformer", "FeatureUnion", "Pipeline"]

#: A transformer, or what stands for one.
Step = Union[Transformer, Literal["passthrough", "drop"]]
#: Which columns: names, positions, a slice, a mask, or a function of the table that answers with one of these.
Columns = Union[str, int, slice, Sequence[str], Sequence[int], Sequence[bool], Callable[[Any], Any]]


class Pipeline(WeighingTransformer, BatchTransformer):
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

    def _is_sparse(self) -> bool:
        # What passes through is what the step before it answers.
        asked = [step for _, step in self.steps if step != "passthrough"]
        return bool(asked) and isinstance(asked[-1], Transformer) and asked[-1]._is_sparse()

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


class ColumnTransformer(WeighingTransformer, BatchTransformer):
    """Transformers beside each other, each on columns that it names; their features stand in the order of the transformers.

    Parameters
    ----------
    transformers : list of (str, transformer, columns)
        Names, transformers of ``mlcore.features`` or ``"passthrough"`` or ``"drop"``, and columns: names, positions, a slice, a mask,
        or a function of the table. They are not changed: the fitted ones are in ``transformers_``.
    remainder : {"drop", "passthrough"}
        What becomes of the columns that nobody names.
    sparse_threshold : float
        Where any of the transformers answers with sparse matrices, and less than this share of the features of the training
        table is not zero, the answer is sparse too; features of other transformers all count. By default no transformer
        does, as no ``sparse_output`` is True, and the answer is dense.
    verbose_feature_names_out : bool
        Begin the names of features with that of their transformer and ``__``?

    Attributes
    ----------
    transformers_ : list of (str, transformer, columns)
        The fitted transformers; a remainder that passes through is last.
    named_transformers_ : dict of str to transformer
        The same by name.
    sparse_output_ : bool
        Whether answers are sparse. One inside another transformer is not asked: the outer one decides.

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
    sparse_output_: bool
    _beside = ("sparse_output_",)

    def __init__(
        self,
        transformers: Sequence[tuple[str, Step, Columns]],
        *,
        remainder: Literal["drop", "passthrough"] = "drop",
        sparse_threshold: float = 0.3,
        verbose_feature_names_out: bool = True,
    ) -> None:
        self.transformers = transformers
        self.remainder = remainder
        self.sparse_threshold = sparse_threshold
        self.verbose_feature_names_out = verbose_feature_names_out

    def _specification(self, table: Table, X: object) -> Specification:
        threshold = self.sparse_threshold
        if isinstance(threshold, bool) or not isinstance(threshold, (int, float)) or not 0 <= threshold <= 1:
            raise refused("sparse_threshold", f"{threshold!r} is no share", "pass a number from 0.0 to 1.0")
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
        # One that is inside another is sparse where it may be: the outer one counts what is not zero.
        may_be = 0 < self.sparse_threshold and any(_is_sparse(step) for _, step, _ in fitted)
        named = {name: step for name, step, _ in fitted}
        return {"transformers_": fitted, "named_transformers_": named, "sparse_output_": may_be}

    def _seen(self, table: Table) -> None:
        if not self.sparse_output_:
            return
        import numpy as np

        plan = self.plan()
        widths = [_width(inner, step, columns) for (_, inner, columns), (_, step, _) in zip(plan._steps(), self.transformers_)]
        counted = np.repeat([_is_sparse(step) for _, step, _ in self.transformers_], widths)
        matrix = plan.transform_sparse(table)
        entries = int(counted[matrix.indices].sum()) + matrix.shape[0] * int((~counted).sum())
        cells = matrix.shape[0] * matrix.shape[1]
        self.sparse_output_ = cells > 0 and entries / cells < self.sparse_threshold

    def _is_sparse(self) -> bool:
        return self._fitted_plan is not None and self.sparse_output_


class FeatureUnion(WeighingTransformer, BatchTransformer):
    """Transformers beside each other, each on all columns; their features stand in the order of the transformers.

    Parameters
    ----------
    transformer_list : list of (str, transformer)
        Names and transformers of ``mlcore.features``, or ``"passthrough"`` or ``"drop"``. They are fitted in place.
    transformer_weights : dict of str to float, optional
        What the features of the transformer of a name are multiplied by; a finite number, or None for as they are.
    verbose_feature_names_out : bool
        Begin the names of features with that of their transformer and ``__``?

    Attributes
    ----------
    named_transformers : dict of str to transformer
        The transformers by name.

    Notes
    -----
    scikit-learn's ``n_jobs`` and ``verbose`` are not there. Without ``verbose_feature_names_out``, equal names of two features are
    refused by ``fit``; scikit-learn refuses them when it is asked for the names.

    Examples
    --------
    >>> from mlcore.features import FeatureUnion, MinMaxScaler, StandardScaler
    >>> union = FeatureUnion([("std", StandardScaler()), ("range", MinMaxScaler())], transformer_weights={"range": 10.0})
    >>> union.fit_transform({"age": [20.0, 40.0]}).tolist()
    [[-1.0, 0.0], [1.0, 10.0]]
    >>> union.get_feature_names_out().tolist()
    ['std__age', 'range__age']
    >>> union["std"].mean_.tolist()
    [30.0]
    """

    def __init__(
        self,
        transformer_list: Sequence[tuple[str, Step]],
        *,
        transformer_weights: Mapping[str, float | None] | None = None,
        verbose_feature_names_out: bool = True,
    ) -> None:
        self.transformer_list = transformer_list
        self.transformer_weights = transformer_weights
        self.verbose_feature_names_out = verbose_feature_names_out

    def _is_sparse(self) -> bool:
        return any(_is_sparse(step) for _, step in self.transformer_list)

    @property
    def named_transformers(self) -> dict[str, Step]:
        """The transformers by name."""
        return dict(self.transformer_list)

    def __getitem__(self, name: str) -> Step:
        if not isinstance(name, str):
            raise KeyError(f"{name!r} is no name of a transformer")
        return self.named_transformers[name]

    def _specification(self, table: Table, X: object) -> Specification:
        entries = _named(self.transformer_list, "transformer_list", 2)
        steps = [(name, inner_specification(name, step, table, X)) for name, step in entries]
        weights = _weights(self.transformer_weights, [name for name, _ in entries])
        return "FeatureUnion", {
            "transformer_list": steps,
            "transformer_weights": weights,
            "verbose_feature_names_out": self.verbose_feature_names_out,
        }

    def _diagram(self) -> Diagram:
        weights = self.transformer_weights or {}
        shown = {name: f"{name} * {weight}" for name, weight in weights.items() if weight is not None}
        inside = [(shown.get(name, name), inner_diagram(step)) for name, step in self.transformer_list]
        return type(self).__name__, ", ".join(self._changed("transformer_list", "transformer_weights")), inside

    def _inside(self) -> list[tuple[str, Any]]:
        return [(name, step) for name, step in self.transformer_list]

    def _replace(self, name: str, transformer: Any) -> None:
        self.transformer_list = [(own, transformer if own == name else step) for own, step in self.transformer_list]

    def _learn(self, plan: Plan) -> dict[str, Any]:
        for (_, step), (_, inner, _) in zip(self.transformer_list, plan._steps()):
            if isinstance(step, Transformer):
                step._adopt(inner)
        return {}


def _is_sparse(step: object) -> bool:
    """Whether a step answers with sparse matrices."""
    return isinstance(step, Transformer) and step._is_sparse()


def _width(inner: Plan | None, step: object, columns: list[str] | None) -> int:
    """The number of features of a branch."""
    if inner is not None:
        return len(inner.feature_names_out)
    return 0 if step == "drop" else len(columns or [])


def _weights(weights: Any, names: list[str]) -> list[tuple[str, Any]]:
    """The weights that there are, by the names of transformers."""
    if weights is None:
        return []
    if not hasattr(weights, "items"):
        problem = f"a dict of names and numbers is expected, and it is a {type(weights).__name__}"
        raise InvalidTypeError(
            f"fit transformer_weights: {problem}", operation="fit", subject="transformer_weights", problem=problem
        )
    for name in weights:
        if name not in names:
            problem = f"there is a weight of {name}, and no transformer of this name"
            raise InvalidInputError(
                f"fit transformer_weights: {problem}", operation="fit", subject="transformer_weights", problem=problem
            )
    return [(name, weight) for name, weight in weights.items() if weight is not None]


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
