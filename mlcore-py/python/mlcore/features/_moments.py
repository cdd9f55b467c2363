"""Dates and times as numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from mlcore.features._base import Transformer

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

__all__ = ["DatetimeFeatures"]


class DatetimeFeatures(Transformer):
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
