"""Learning from rows that are not in memory at once: in parts, and in batches."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, TypeVar, cast

from mlcore.exceptions import InvalidInputError, InvalidTypeError
from mlcore.features._base import Transformer
from mlcore.features._plan import Learner, Plan, Table, fit_batches, fit_parquet, parquet_columns, partial_fit, read_table, tables

if TYPE_CHECKING:
    from mlcore.typing import ArrayLike
    from mlcore.typing import Table as AnyTable

Own = TypeVar("Own", bound="BatchTransformer")
OwnPartial = TypeVar("OwnPartial", bound="PartialTransformer")


class BatchTransformer(Transformer):
    """A transformer that can be fitted on batches, of which one is in memory at a time."""

    def fit_batches(
        self: Own, source: Any, y: str | None = None, sample_weight: str | None = None
    ) -> Own:
        """Learns from a table in batches; the same as ``fit`` of all rows at once, to rounding.

        Steps beside each other learn in one pass over the rows; steps of a pipeline need one each.

        Parameters
        ----------
        source : path, list of path, list of table, callable, or what is read once
            Files of Parquet, of which only the columns that are needed are read. A list of tables. A function that answers such
            a list, an iterator of tables or a reader, and is called for each pass. A frame of pandas or polars, a lazy frame of
            polars, whose query runs for each pass, a table or a dataset of pyarrow. Or what can be read once: an iterator of
            tables, a ``pyarrow.RecordBatchReader``, or anything else with ``__arrow_c_stream__``; it is enough where no step
            follows another.
        y : str, optional
            The column that a model is to predict. It is none of the columns that are learnt from.
        sample_weight : str, optional
            The column that says how much each row counts.

        Returns
        -------
        self

        Raises
        ------
        UnsupportedError
            For a transformer that needs all rows at once, and for a source that cannot be read as often as needed.
        SchemaMismatchError
            For a column that a batch lacks, or has in another type than the first.
        InvalidInputError
            As ``fit``, with the number of the batch, counted from 0.

        Examples
        --------
        >>> from mlcore.features import StandardScaler
        >>> scaler = StandardScaler().fit_batches([{"age": [20.0, 40.0]}, {"age": [60.0]}])
        >>> scaler.mean_.tolist()
        [40.0]
        """
        beside = [name for name in (y, sample_weight) if name is not None]
        paths = _paths(source)
        if paths is not None:
            names = [name for name in parquet_columns(paths[0]) if name not in beside]
            specification = self._specification(cast("Table", _Names(names)), None)
            self._adopt(fit_parquet(specification, paths, names, y, sample_weight))
            return self
        source, repeatable = _source(source)
        first, opened = _peeked(source, repeatable)
        table = read_table(first, "fit")
        names = [name for name in table.column_names if name not in beside]
        specification = self._specification(cast("Table", _Names(names)), first)
        self._adopt(fit_batches(specification, opened, names, repeatable, y, sample_weight))
        return self


class PartialTransformer(BatchTransformer):
    """A transformer that learns from rows part after part."""

    #: What was seen so far, or its bytes; none before `partial_fit` and after `fit`.
    _learner: Learner | bytes | None = None
    #: Why the rows seen so far are not enough.
    _unfinished: BaseException | None = None

    def partial_fit(
        self: OwnPartial, X: AnyTable, y: object = None, sample_weight: ArrayLike | None = None
    ) -> OwnPartial:
        """Learns from more rows, as if they followed those of earlier calls; ``fit`` begins anew.

        What is learnt is that of all rows at once, to rounding. Columns are found by name, and have the types of the first call;
        integers stay integers where some are missing.

        Parameters
        ----------
        X, y, sample_weight
            As of ``fit``; a target of texts is refused.

        Returns
        -------
        self
            Fitted, unless these rows are not enough to learn from, which ``transform`` then says.

        Raises
        ------
        UnsupportedError
            Where the parameters ask for what needs all rows at once, such as a median.
        SchemaMismatchError
            For a column that earlier calls did not have, or in another type.

        Examples
        --------
        >>> from mlcore.features import MaxAbsScaler
        >>> scaler = MaxAbsScaler().partial_fit({"x": [1.0, -2.0]})
        >>> scaler.partial_fit({"x": [-4.0]}).max_abs_.tolist()
        [4.0]
        """
        table = read_table(X, "fit")
        if self._fitted_plan is not None:
            self._require_width(self._fitted_plan, table)
        learner, plan, unfinished = partial_fit(
            self._specification(table, X), self._learner, table, y, sample_weight
        )
        self._adopt(plan)
        self._learner, self._unfinished = learner, unfinished
        return self

    def plan(self) -> Plan:
        if self._unfinished is not None:
            raise self._unfinished
        return super().plan()

    plan.__doc__ = Transformer.plan.__doc__

    def _adopt(self, plan: Plan | None) -> None:
        super()._adopt(plan)
        self._learner = self._unfinished = None

    def __getstate__(self) -> dict[str, Any]:
        state = super().__getstate__()
        if self._learner is not None:
            state["learner"] = self._learner if isinstance(self._learner, bytes) else self._learner.to_bytes()
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self._learner = state.get("learner")


class _Names:
    """The columns of a table, of which nothing else is known."""

    def __init__(self, names: list[str]) -> None:
        self.column_names = names


def _paths(source: Any) -> list[str] | None:
    """The files that a source names; none where it is something else."""
    if isinstance(source, (str, os.PathLike)):
        return [os.fspath(source)]
    if isinstance(source, (list, tuple)) and source and all(isinstance(own, (str, os.PathLike)) for own in source):
        return [os.fspath(own) for own in source]
    return None


def _source(source: Any) -> tuple[Callable[[], Any], bool]:
    """A function that opens the source, and whether it can be called again."""
    if isinstance(source, (list, tuple)):
        return lambda: source, True
    if callable(source):
        return source, True
    if hasattr(source, "iloc"):
        # A frame of pandas is read as `fit` reads it.
        return lambda: [source], True
    once = hasattr(source, "__next__")
    for batches in ("to_batches", "iter_slices", "collect_batches", "iter_batches"):
        if not once and hasattr(source, batches):
            return getattr(source, batches), True
    if once or hasattr(source, "__arrow_c_stream__"):
        return lambda: source, False
    kind = type(source)
    problem = f"it is a {kind.__module__}.{kind.__qualname__}, which no batches are read from"
    remedy = "pass paths of Parquet, a list of tables, a function that answers one, or a reader"
    raise InvalidTypeError(
        f"fit source: {problem}; {remedy}", operation="fit", subject="source", problem=problem, remedy=remedy
    )


def _tables(opened: Any) -> Iterator[Any]:
    """The tables of what a source opened."""
    if isinstance(opened, (list, tuple)) or hasattr(opened, "__next__"):
        return iter(opened)
    if hasattr(opened, "__arrow_c_stream__"):
        return tables(opened)
    return iter(cast("Iterable[Any]", opened))


def _peeked(source: Callable[[], Any], repeatable: bool) -> tuple[Any, Callable[[], Iterator[Any]]]:
    """The first table, and a function that answers an iterator of all."""
    opened = _tables(source())
    try:
        first = next(opened)
    except StopIteration:
        problem = "there are no rows, and at least one is needed"
        raise InvalidInputError(
            f"fit source: {problem}", operation="fit", subject="source", problem=problem
        ) from None
    if repeatable:
        return first, lambda: _tables(source())

    def rest() -> Iterator[Any]:
        yield first
        yield from opened

    return first, rest
