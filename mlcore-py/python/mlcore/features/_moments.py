"""Dates, times and what begins anew as numbers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

from mlcore.exceptions import InvalidInputError
from mlcore.features._base import Specification
from mlcore.features._partial import PartialTransformer

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    import numpy.typing as npt

    from mlcore.features._plan import Table

__all__ = ["CyclicalFeatures", "DatetimeFeatures", "TimeSince"]


class DatetimeFeatures(PartialTransformer):
    """Months, weekdays, hours and the like of dates and times.

    Takes dates, timestamps, and times of day, which have hours, minutes and seconds alone. A timestamp with a time zone is read
    in its own zone, or in the one that is asked for, with all changes of its clocks; one without is read as it stands. A plan
    keeps the rules of its zones, so that it computes the same with every release of the IANA database.

    Parameters
    ----------
    features_to_extract : list of str, "all", optional
        Any of ``month``, ``quarter``, ``semester``, ``year``, ``week``, ``day_of_week`` (0 for Monday), ``day_of_month``,
        ``day_of_year``, ``weekend``, ``month_start``, ``month_end``, ``quarter_start``, ``quarter_end``, ``year_start``,
        ``year_end``, ``leap_year``, ``days_in_month``, ``hour``, ``minute`` and ``second``. By default ``month``, ``year``,
        ``day_of_week``, ``day_of_month``, ``hour``, ``minute`` and ``second``.
    time_zone : str, optional
        The time zone in which timestamps are read: a name of the IANA database, or an offset such as ``+05:30``. Columns
        without a time zone are refused then. By default that of each column.
    drop_original : bool
        Whether the dates and times themselves are left out.
    missing_values : {"raise", "ignore"}
        Whether a missing date or time is refused, or has missing features.

    Attributes
    ----------
    variables_ : ndarray of str
        The columns.
    features_to_extract_ : ndarray of str
        The features of each.

    Notes
    -----
    Names are those of feature-engine's ``DatetimeFeatures``, numbers those of pandas. A missing moment that is ignored has no
    feature, where feature-engine takes it for a weekend.

    Examples
    --------
    >>> from datetime import datetime, timezone
    >>> from mlcore.features import DatetimeFeatures
    >>> parts = DatetimeFeatures(features_to_extract=["day_of_month", "hour"], time_zone="Europe/Berlin")
    >>> parts.fit_transform({"seen": [datetime(2024, 2, 29, 23, 15, tzinfo=timezone.utc)]}).tolist()
    [[1.0, 0.0]]
    >>> parts.get_feature_names_out().tolist()
    ['seen_day_of_month', 'seen_hour']
    """

    _input_tags = {"allow_nan": True, "two_d_array": False}

    variables_: npt.NDArray[Any]
    features_to_extract_: npt.NDArray[Any]

    def __init__(
        self,
        *,
        features_to_extract: Sequence[str] | Literal["all"] | None = None,
        time_zone: str | None = None,
        drop_original: bool = True,
        missing_values: Literal["raise", "ignore"] = "raise",
    ) -> None:
        self.features_to_extract = features_to_extract
        self.time_zone = time_zone
        self.drop_original = drop_original
        self.missing_values = missing_values


class CyclicalFeatures(PartialTransformer):
    """The sine and the cosine of numbers that begin anew, such as hours and months.

    A number ``x`` of a column whose cycle is ``m`` long becomes ``sin(x * 2 pi / m)`` and ``cos(x * 2 pi / m)``, so that 23 o'clock is
    as near to 1 as 1 is to 3. Missing values and infinities are refused.

    Parameters
    ----------
    max_values : dict of float, or list of float, optional
        How long the cycle of each column is, by the names of the columns or in their order; otherwise the greatest value of
        each.
    drop_original : bool
        Whether the numbers themselves are left out.

    Attributes
    ----------
    max_values_ : ndarray of float, shape (n_features_in_,)
        How long the cycle of each column is.

    Notes
    -----
    Names and numbers are those of feature-engine's ``CyclicalFeatures``.

    Examples
    --------
    >>> from mlcore.features import CyclicalFeatures
    >>> cycles = CyclicalFeatures(max_values={"hour": 24}, drop_original=True)
    >>> cycles.fit_transform({"hour": [0.0, 6.0, 12.0]}).round(3).tolist()
    [[0.0, 1.0], [1.0, 0.0], [0.0, -1.0]]
    >>> cycles.get_feature_names_out().tolist()
    ['hour_sin', 'hour_cos']
    """

    _input_tags = {"allow_nan": False}

    max_values_: npt.NDArray[np.float64]

    def __init__(
        self,
        *,
        max_values: Mapping[str, float] | Sequence[float] | None = None,
        drop_original: bool = False,
    ) -> None:
        self.max_values = max_values
        self.drop_original = drop_original

    def _specification(self, table: Table, X: object) -> Specification:
        name, parameters = super()._specification(table, X)
        if isinstance(self.max_values, Mapping):
            parameters = {**parameters, "max_values": _in_order(self.max_values, table.column_names)}
        return name, parameters


def _in_order(lengths: Mapping[str, float], columns: Sequence[str]) -> list[float]:
    """The lengths in the order of the columns."""
    if set(lengths) != set(columns):
        problem = f"it has lengths of {', '.join(map(str, lengths))} for the columns {', '.join(columns)}"
        raise InvalidInputError(
            f"configure CyclicalFeatures max_values: {problem}; give one for each column",
            operation="configure CyclicalFeatures",
            subject="max_values",
            problem=problem,
            remedy="give one for each column",
        )
    return [lengths[column] for column in columns]


class TimeSince(PartialTransformer):
    """How long dates and times are after another column, or after a fixed moment: negative where they are before it.

    Either ``reference`` or ``moment`` is to be said. Timestamps with a time zone are compared with such alone, by the moment; dates are
    taken for their midnights where the other side has none.

    Parameters
    ----------
    reference : str, optional
        The column that the others are compared with.
    moment : str, optional
        The moment that all columns are compared with, as ISO 8601 writes it: with an offset for columns that have a time zone.
    output_unit : {"W", "D", "h", "m", "s", "ms", "us", "ns"}
        What is counted: weeks, days of 24 hours, and so on.
    drop_original : bool
        Whether the dates and times themselves are left out.
    missing_values : {"raise", "ignore"}
        Whether a missing date or time is refused, or has a missing feature.

    Notes
    -----
    Numbers are those of feature-engine's ``DatetimeSubtraction`` and of pandas. Features are named by the column, ``_since_`` and the
    reference; with a moment, by the column and ``_since``.

    Examples
    --------
    >>> from datetime import date
    >>> from mlcore.features import TimeSince
    >>> since = TimeSince(reference="joined")
    >>> since.fit_transform({"ordered": [date(2024, 3, 1)], "joined": [date(2024, 2, 28)]}).tolist()
    [[2.0]]
    >>> since.get_feature_names_out().tolist()
    ['ordered_since_joined']
    """

    _input_tags = {"allow_nan": True, "two_d_array": False}

    def __init__(
        self,
        *,
        reference: str | None = None,
        moment: str | None = None,
        output_unit: Literal["W", "D", "h", "m", "s", "ms", "us", "ns"] = "D",
        drop_original: bool = True,
        missing_values: Literal["raise", "ignore"] = "raise",
    ) -> None:
        self.reference = reference
        self.moment = moment
        self.output_unit = output_unit
        self.drop_original = drop_original
        self.missing_values = missing_values
