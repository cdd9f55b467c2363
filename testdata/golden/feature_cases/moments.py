"""Dates, times and what begins anew as numbers: the names of feature-engine, the numbers of pandas and numpy."""

import datetime
import zoneinfo

import numpy as np
import pandas as pd

from feature_cases import case, column, golden, rng

# The IANA database of the package tzdata, whatever the system has: 2026f, as the one that mlcore-features is built with.
zoneinfo.reset_tzpath(to=[])

#: What feature-engine derives, and how pandas names it.
READ = {
    "month": lambda t: t.dt.month,
    "quarter": lambda t: t.dt.quarter,
    "semester": lambda t: (t.dt.month + 5) // 6,
    "year": lambda t: t.dt.year,
    "week": lambda t: t.dt.isocalendar().week,
    "day_of_week": lambda t: t.dt.dayofweek,
    "day_of_month": lambda t: t.dt.day,
    "day_of_year": lambda t: t.dt.dayofyear,
    "weekend": lambda t: t.dt.dayofweek >= 5,
    "month_start": lambda t: t.dt.is_month_start,
    "month_end": lambda t: t.dt.is_month_end,
    "quarter_start": lambda t: t.dt.is_quarter_start,
    "quarter_end": lambda t: t.dt.is_quarter_end,
    "year_start": lambda t: t.dt.is_year_start,
    "year_end": lambda t: t.dt.is_year_end,
    "leap_year": lambda t: t.dt.is_leap_year,
    "days_in_month": lambda t: t.dt.days_in_month,
    "hour": lambda t: t.dt.hour,
    "minute": lambda t: t.dt.minute,
    "second": lambda t: t.dt.second,
}
USUAL = ["month", "year", "day_of_week", "day_of_month", "hour", "minute", "second"]


class DatetimeFeatures:
    """What feature-engine's transformer of this name computes, with a time zone."""

    def __init__(self, features_to_extract=None, time_zone=None, missing_values="raise"):
        wanted = list(READ) if features_to_extract == "all" else features_to_extract
        self.features_to_extract_ = USUAL if wanted is None else wanted
        self.time_zone, self.missing_values = time_zone, missing_values

    def fit(self, frame):
        if not self.features_to_extract_ or len(set(self.features_to_extract_)) < len(self.features_to_extract_):
            raise ValueError("features_to_extract must be features, each once")
        self.variables_ = list(frame.columns)
        self.transform(frame)
        return self

    def transform(self, frame):
        columns = []
        for name in self.variables_:
            moments = frame[name]
            if not pd.api.types.is_datetime64_any_dtype(moments):
                raise TypeError(f"{name} is no datetime")
            if self.missing_values == "raise" and moments.isna().any():
                raise ValueError(f"{name} has missing values")
            if self.time_zone is not None:
                moments = moments.dt.tz_convert(self.time_zone)
            for feature in self.features_to_extract_:
                numbers = READ[feature](moments).astype("Float64").astype(float).to_numpy(dtype=float, na_value=np.nan)
                columns.append(np.where(moments.isna(), np.nan, numbers))
        return np.column_stack(columns)

    def get_feature_names_out(self):
        return [f"{name}_{feature}" for name in self.variables_ for feature in self.features_to_extract_]


def counts(texts, per_second, offset=0):
    """Moments, written in UTC, as counts since 1970."""
    start = datetime.datetime(1970, 1, 1)
    micros = [(datetime.datetime.fromisoformat(text) - start) // datetime.timedelta(microseconds=1) for text in texts]
    return [micro * per_second // 1_000_000 + offset for micro in micros]


# Around the changes of clocks, in UTC: an hour that is not there, and one that is there twice.
CHANGES = {
    "Europe/Berlin": ["2024-03-31T00:59:59", "2024-03-31T01:00:00", "2024-10-27T00:30:00", "2024-10-27T01:30:00", "1945-05-24T00:00:00", "1893-03-31T23:06:31", "1893-03-31T23:06:32", "2037-10-25T00:59:59", "2086-07-01T12:00:00"],
    "America/New_York": ["2024-03-10T06:59:59", "2024-03-10T07:00:00", "2024-11-03T05:59:59", "2024-11-03T06:00:00", "1974-01-06T07:00:00", "1883-11-18T17:00:00", "2099-12-31T23:59:59"],
    "Australia/Lord_Howe": ["2024-04-06T14:59:59", "2024-04-06T15:00:00", "2024-10-05T15:29:59", "2024-10-05T15:30:00", "2070-01-01T00:00:00"],
    "Asia/Kolkata": ["2024-01-01T18:29:59", "2024-01-01T18:30:00", "1941-10-01T00:00:00", "1969-12-31T23:59:59"],
    "Pacific/Apia": ["2011-12-30T09:59:59", "2011-12-30T10:00:00", "2021-04-03T14:00:00", "1911-01-01T00:00:00"],
    "Africa/Casablanca": ["2024-03-10T01:59:59", "2024-03-10T02:00:00", "2024-04-14T02:00:00", "2050-06-01T00:00:00"],
    "Europe/Dublin": ["2024-03-31T00:59:59", "2024-03-31T01:00:00", "2024-10-27T01:00:00", "1971-10-31T02:00:00", "2060-12-01T00:00:00"],
    "America/Nuuk": ["2023-03-26T00:59:59", "2023-03-26T01:00:00", "2024-10-27T00:59:59", "2024-10-27T01:00:00", "2077-08-08T08:08:08"],
}
DAYS = ["2024-02-29", "2023-02-28", "2000-02-29", "1900-02-28", "2100-03-01", "1969-12-31", "1970-01-01", "2020-12-31", "2021-01-03", "2021-01-04", "2024-12-30", "2016-01-03", "1600-12-31", "0001-01-01", "2024-03-31", "2024-04-01", "2024-06-30", "2024-09-30", "9999-12-31"]


@golden
def datetime_features():
    attributes = ["variables_", "features_to_extract_"]
    all_of = {"features_to_extract": "all"}
    everyday = column(counts([f"{day}T{hour:02}:{minute:02}:{second:02}" for day, hour, minute, second in zip(DAYS, range(5, 24), range(40, 59), range(41, 60))], 1_000_000), "timestamp[us]")
    dates = column([count // 86_400 for count in counts(DAYS, 1)], "date")
    g = rng(51)
    recent = g.integers(-(2**31), 2**32, 60)
    yield case("usual", DatetimeFeatures, {}, {"shown": everyday}, attributes)
    yield case("all", DatetimeFeatures, all_of, {"shown": everyday}, attributes)
    yield case("dates", DatetimeFeatures, all_of, {"day": dates}, attributes)
    yield case("several columns", DatetimeFeatures, {"features_to_extract": ["hour", "week", "year"]}, {"day": dates, "shown": everyday}, attributes)
    yield case("times of day", DatetimeFeatures, {"features_to_extract": ["second", "hour", "minute"]}, {"at": column([0, 1, 86_399_999_999, 43_200_000_000], "time[us]")}, attributes)
    for unit, per_second in [("s", 1), ("ms", 1000), ("us", 1_000_000), ("ns", 1_000_000_000)]:
        yield case(f"{unit}, before and after 1970", DatetimeFeatures, all_of, {"shown": column(recent * per_second + g.integers(0, per_second, 60), f"timestamp[{unit}]")}, attributes)
    for zone, texts in CHANGES.items():
        own = column(counts(texts, 1), f"timestamp[s, tz={zone}]")
        yield case(f"in its zone, {zone}", DatetimeFeatures, all_of, {"seen": own}, attributes)
        universal = column([count * 1000 + 999 for count in counts(texts, 1)], "timestamp[ms, tz=UTC]")
        yield case(f"from UTC, {zone}", DatetimeFeatures, {"time_zone": zone, "features_to_extract": ["year", "month", "day_of_month", "hour", "minute", "second"]}, {"seen": universal}, attributes)
        yield case(f"random moments, {zone}", DatetimeFeatures, {"time_zone": zone}, {"seen": column(recent, "timestamp[s, tz=UTC]")}, attributes)
    yield case("from one zone to another", DatetimeFeatures, {"time_zone": "Asia/Tokyo"}, {"seen": column(counts(CHANGES["Europe/Berlin"], 1), "timestamp[s, tz=Europe/Berlin]")}, attributes)
    yield case("UTC", DatetimeFeatures, all_of, {"seen": column(recent, "timestamp[s, tz=UTC]")}, attributes)
    yield case("an offset", DatetimeFeatures, all_of, {"seen": column(recent, "timestamp[s, tz=+05:30]")}, attributes)
    missing = {"shown": column([0, None, 86_399], "timestamp[s]"), "day": column([None, 1, 2], "date")}
    yield case("missing, ignored", DatetimeFeatures, {"missing_values": "ignore", "features_to_extract": ["weekend", "leap_year", "year"]}, missing, attributes)
    yield case("missing", DatetimeFeatures, {}, missing)
    yield case("missing later", DatetimeFeatures, {}, {"shown": column([0, 1], "timestamp[s]")}, attributes, {"shown": column([0, None], "timestamp[s]")})
    yield case("no time zone", DatetimeFeatures, {"time_zone": "UTC"}, {"shown": everyday})
    yield case("no features", DatetimeFeatures, {"features_to_extract": []}, {"shown": everyday})
    yield case("a feature twice", DatetimeFeatures, {"features_to_extract": ["hour", "hour"]}, {"shown": everyday})
    yield case("a number", DatetimeFeatures, {}, {"x": column([1.0, 2.0])})


class CyclicalFeatures:
    """What feature-engine's transformer of this name computes, with a list of `max_values`."""

    def __init__(self, max_values=None, drop_original=False):
        self.max_values, self.drop_original = max_values, drop_original

    def fit(self, frame):
        self.columns = list(frame.columns)
        self.max_values_ = [float(frame[name].max()) for name in self.columns] if self.max_values is None else self.max_values
        if len(self.max_values_) != len(self.columns) or not np.all(np.isfinite(self.max_values_)) or 0.0 in self.max_values_:
            raise ValueError("max_values must be lengths of cycles, one for each column")
        self.transform(frame)
        return self

    def transform(self, frame):
        numbers = frame[self.columns].to_numpy(dtype=float)
        if not np.isfinite(numbers).all():
            raise ValueError("the columns have missing values or infinities")
        angles = [numbers[:, i] * (2.0 * np.pi / length) for i, length in enumerate(self.max_values_)]
        made = [function(angle) for angle in angles for function in (np.sin, np.cos)]
        return np.column_stack(made if self.drop_original else [numbers, *made])

    def get_feature_names_out(self):
        made = [f"{name}_{end}" for name in self.columns for end in ("sin", "cos")]
        return made if self.drop_original else self.columns + made


@golden
def cyclical_features():
    attributes = ["max_values_"]
    g = rng(52)
    hours = {"hour": column(range(24)), "month": column([month % 12 + 1 for month in range(24)])}
    tables = {
        "hours and months": (hours, {"month": column([13, -1]), "hour": column([24, 100])}),
        "floats": ({"x": column(g.uniform(0, 7, 50))}, {"x": column([0.0, -0.5, 1e6, 6.999])}),
        "negative": ({"x": column([-3.0, -1.0, -2.5])}, None),
        "narrow floats": ({"x": column(g.random(20).astype(np.float32).astype(float), "float32")}, None),
        "bools": ({"b": column([True, False, True])}, None),
        "single row": ({"x": column([5.0])}, None),
    }
    for name, (train, later) in tables.items():
        for drop_original in [False, True]:
            yield case(f"{name}, drop_original={drop_original}", CyclicalFeatures, {"drop_original": drop_original}, train, attributes, later)
    yield case("lengths", CyclicalFeatures, {"max_values": [24, 12]}, hours, attributes, tables["hours and months"][1])
    yield case("lengths that are no integers", CyclicalFeatures, {"max_values": [0.25, 365.2425]}, hours, attributes)
    yield case("a negative length", CyclicalFeatures, {"max_values": [-7.0]}, tables["floats"][0], attributes)
    yield case("too few lengths", CyclicalFeatures, {"max_values": [24]}, hours)
    yield case("a length of zero", CyclicalFeatures, {"max_values": [24, 0]}, hours)
    yield case("zeros", CyclicalFeatures, {}, {"x": column([0.0, 0.0])})
    yield case("missing", CyclicalFeatures, {}, {"x": column([1.0, None])})
    yield case("infinity", CyclicalFeatures, {}, {"x": column([1.0, np.inf])})
    yield case("missing later", CyclicalFeatures, {}, {"x": column([1.0, 2.0])}, attributes, {"x": column([1.0, None])})


class TimeSince:
    """The differences of feature-engine's DatetimeSubtraction, by the names of mlcore."""

    def __init__(self, reference=None, moment=None, output_unit="D", missing_values="raise"):
        self.reference, self.moment, self.output_unit, self.missing_values = reference, moment, output_unit, missing_values

    def fit(self, frame):
        if (self.reference is None) == (self.moment is None):
            raise ValueError("one of reference and moment is needed")
        if self.output_unit not in ("W", "D", "h", "m", "s", "ms", "us", "ns"):
            raise ValueError("output_unit is no unit")
        if self.reference is not None and (self.reference not in frame or len(frame.columns) == 1):
            raise ValueError("the reference is not there, or nothing else is")
        self.columns = [name for name in frame.columns if name != self.reference]
        self.transform(frame)
        return self

    def transform(self, frame):
        if self.missing_values == "raise" and frame.isna().any(axis=None):
            raise ValueError("there are missing values")
        reference = pd.Timestamp(self.moment) if self.reference is None else frame[self.reference]
        unit = np.timedelta64(1, self.output_unit)
        return np.column_stack([((frame[name] - reference) / unit).to_numpy() for name in self.columns])

    def get_feature_names_out(self):
        return [f"{name}_since" if self.reference is None else f"{name}_since_{self.reference}" for name in self.columns]


@golden
def time_since():
    g = rng(53)
    shown = {"ordered": column(g.integers(-(10**15), 2 * 10**15, 30), "timestamp[us]"), "joined": column(g.integers(-(10**12), 10**12, 30), "timestamp[us]")}
    zoned = {"seen": column(g.integers(0, 2**31, 30), "timestamp[s, tz=Europe/Berlin]"), "made": column(g.integers(0, 2**31, 30), "timestamp[s, tz=UTC]")}
    days = {"ordered": column(g.integers(-(10**5), 10**5, 30), "date"), "joined": column(g.integers(-(10**5), 10**5, 30), "date")}
    mixed = {"day": days["ordered"], "shown": shown["ordered"], "joined": shown["joined"]}
    missing = {"a": column([0, None, 86_400], "timestamp[s]"), "b": column([None, 1, 2], "timestamp[s]")}
    for unit in ["W", "D", "h", "m", "s", "ms", "us", "ns"]:
        yield case(f"in {unit}", TimeSince, {"reference": "joined", "output_unit": unit}, shown)
    yield case("in their zones", TimeSince, {"reference": "made"}, zoned)
    yield case("dates", TimeSince, {"reference": "joined"}, days)
    yield case("dates and times", TimeSince, {"reference": "joined", "output_unit": "h"}, mixed)
    yield case("times of day", TimeSince, {"reference": "a", "output_unit": "m"}, {"a": column([0, 86_399], "time[s]"), "b": column([86_399, 5], "time[s]")})
    yield case("nanoseconds", TimeSince, {"reference": "a", "output_unit": "us"}, {"a": column([0, -1, 10**18], "timestamp[ns]"), "b": column([1, 1, 10**18 + 999], "timestamp[ns]")})
    yield case("since a moment", TimeSince, {"moment": "2024-02-29T12:30:00.5", "output_unit": "s"}, shown)
    yield case("since a day", TimeSince, {"moment": "1969-12-31"}, days)
    yield case("since a moment in a zone", TimeSince, {"moment": "2024-02-29T12:30:00+01:00", "output_unit": "h"}, zoned)
    yield case("missing, ignored", TimeSince, {"reference": "b", "missing_values": "ignore"}, missing)
    yield case("missing", TimeSince, {"reference": "b"}, missing)
    yield case("missing later", TimeSince, {"reference": "a"}, {"a": column([0, 1], "timestamp[s]"), "b": column([0, 1], "timestamp[s]")}, (), {"a": column([0, None], "timestamp[s]"), "b": column([0, 1], "timestamp[s]")})
    yield case("a zone and none", TimeSince, {"reference": "made"}, {"made": zoned["made"], "day": days["joined"]})
    yield case("a moment without a zone", TimeSince, {"moment": "2024-02-29"}, zoned)
    yield case("neither", TimeSince, {}, shown)
    yield case("both", TimeSince, {"reference": "joined", "moment": "2024-02-29"}, shown)
    yield case("no such column", TimeSince, {"reference": "left"}, shown)
    yield case("nothing else", TimeSince, {"reference": "joined"}, {"joined": shown["joined"]})
    yield case("no unit", TimeSince, {"reference": "joined", "output_unit": "Y"}, shown)
    yield case("numbers", TimeSince, {"reference": "a"}, {"a": column([0], "timestamp[s]"), "x": column([1.5])})
