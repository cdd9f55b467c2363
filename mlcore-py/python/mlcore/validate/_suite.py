"""Suites of expectations."""

from __future__ import annotations

import json
import warnings
from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple

from mlcore._frame import installed
from mlcore.exceptions import AlreadyExistsError
from mlcore.validate._expectations import Expectations
from mlcore.validate._native import _Suite

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Literal

    from typing_extensions import Self

    from mlcore.profiles import ColumnProfile
    from mlcore.typing import ArrayLike, Table

#: The column of the reasons of rows that do not pass.
REASONS = "validation_reasons"


class Refused(NamedTuple):
    """An expectation of Great Expectations that was not taken over."""

    #: Its place in the suite, counted from 0.
    place: int
    #: Great Expectations' name of it.
    name: str
    #: Why it was not taken over.
    reason: str


class Suite(_Suite, Expectations):
    """What is expected of a table: expectations under one name.

    There is a method for each expectation, which adds it and answers the suite. Names and parameters are those of Great Expectations;
    ``expect_`` may stand before each, or not. Every expectation takes, as keywords:

    ``mostly``
        The share of the rows looked at that must pass, missing ones left out. Default: 1, all of them.
    ``severity``
        ``"critical"``, which is the default, ``"warning"`` or ``"info"``.
    ``where``
        The rows that are looked at, as one clause or a list of which all must hold: ``("country", "in", ["DE", "AT"])``,
        ``("age", ">=", 18)``, ``("email", "not null")``.
    ``notes``
        Why it is expected, for people.

    A value is missing where it is null or NaN. Dates and times are given as text or as those of ``datetime``.

    Parameters
    ----------
    name : str

    Attributes
    ----------
    refused : list of Refused
        The expectations of Great Expectations that :meth:`from_great_expectations` did not take over.

    Examples
    --------
    >>> from mlcore.validate import Suite
    >>> suite = Suite("people")
    >>> suite.column_values_to_be_between("age", 0, 120)
    <mlcore.validate.Suite "people": 1 expectations>
    >>> suite.expect_column_values_to_be_in_set("plan", ["free", "pro"], mostly=0.99, severity="warning")
    <mlcore.validate.Suite "people": 2 expectations>
    >>> suite.validate({"age": [41, 130], "plan": ["free", "pro"]}).failures[0]["partial_unexpected_list"]
    [130]
    """

    refused: list[Refused]

    def __init__(self, name: str) -> None:
        self.refused = []

    @classmethod
    def from_great_expectations(cls, suite: object) -> Self:
        """Takes over a suite of Great Expectations 1.x; the keys of 0.x are understood, too.

        Parameters
        ----------
        suite : str, dict or ExpectationSuite
            The JSON that Great Expectations stores, the same as a dict, or the object itself.

        Returns
        -------
        Suite
            The expectations that mean the same here. The others are listed in its ``refused``, each with the reason, and a warning names
            them: nothing is dropped in silence.

        Raises
        ------
        InvalidInputError
            For what is no suite of Great Expectations.

        Examples
        --------
        >>> from mlcore.validate import Suite
        >>> stored = '{"name": "s", "expectations": [{"type": "expect_column_to_exist", "kwargs": {"column": "age"}}]}'
        >>> Suite.from_great_expectations(stored).expectations
        [{'expect': 'column_to_exist', 'column': 'age'}]
        """
        described = suite.to_json_dict() if hasattr(suite, "to_json_dict") else suite
        text = described if isinstance(described, str) else json.dumps(described)
        made, refused = cls._imported(text)
        made.refused = [Refused(*one) for one in refused]
        if made.refused:
            listed = "; ".join(f"{one.name}: {one.reason}" for one in made.refused)
            warnings.warn(f"{len(made.refused)} expectations have no equal and were left out: {listed}", stacklevel=2)
        return made

    def split(
        self,
        frame: Table,
        *,
        severity: Literal["critical", "warning", "info"] = "critical",
        references: Mapping[str, ArrayLike | ColumnProfile] | None = None,
    ) -> tuple[Any, Any]:
        """Parts a table into the rows that pass and those that do not: by what can be asked of a row by itself.

        ``mostly`` is of no account: each row that an expectation does not hold of is told.

        Parameters
        ----------
        frame : table
            A frame of pandas, polars or pyarrow; what else holds a table becomes one of pyarrow.
        severity : {"critical", "warning", "info"}
            What is of this severity, or of a higher one, has to be met.
        references : dict, optional
            As of :meth:`validate`.

        Returns
        -------
        good, quarantined : frames of the same library
            Both in the order of the table. The second has a column more, ``validation_reasons``: the expectations that the row does not
            meet, each in a line.

        Examples
        --------
        >>> import pandas as pd
        >>> from mlcore.validate import Suite
        >>> suite = Suite("orders").column_values_to_be_between("price", min_value=0)
        >>> good, quarantined = suite.split(pd.DataFrame({"price": [3.5, -1.0]}))
        >>> len(good), quarantined["validation_reasons"].tolist()
        (1, ['column_values_to_be_between(price, at least 0)'])
        """
        return split(self, frame, severity, references)


def split(suite: _Suite, frame: Any, severity: str, references: Any) -> tuple[Any, Any]:
    """The two parts of a frame."""
    library = type(frame).__module__.partition(".")[0]
    if hasattr(frame, "collect") and hasattr(frame, "collect_schema"):
        frame = frame.collect()
    if library not in ("pandas", "polars"):
        frame = as_arrow(frame)
    names = frame.column_names if hasattr(frame, "column_names") else list(frame.columns)
    if REASONS in names:
        problem, remedy = "the table has a column of this name, for which the reasons are meant", "rename it, or leave it out"
        raise AlreadyExistsError(
            f"split table {REASONS}: {problem}; {remedy}", operation="split table", subject=REASONS, problem=problem, remedy=remedy
        )
    rows, reasons = suite._failing(frame, references, severity)
    numpy = import_module("numpy")
    is_passing = numpy.ones(len(frame), dtype=bool)
    is_passing[rows] = False
    passing = numpy.flatnonzero(is_passing)
    if library == "pandas":
        return frame.iloc[passing], frame.iloc[rows].assign(**{REASONS: reasons})
    if library == "polars":
        polars = installed("polars")
        return frame[passing], frame[rows].with_columns(polars.Series(REASONS, reasons, dtype=polars.String))
    pyarrow = installed("pyarrow")
    take = lambda places: frame.take(pyarrow.array(places, pyarrow.int64()))  # noqa: E731
    return take(passing), take(rows).append_column(REASONS, pyarrow.array(reasons, pyarrow.string()))


def as_arrow(frame: Any) -> Any:
    """A table of pyarrow."""
    pyarrow = installed("pyarrow")
    if isinstance(frame, pyarrow.Table):
        return frame
    if isinstance(frame, pyarrow.RecordBatch):
        return pyarrow.Table.from_batches([frame])
    return pyarrow.table(frame)
