"""Dates, times of day and moments: the same from every library, on rows and on tables, and back."""

from __future__ import annotations

import subprocess
import sys
from datetime import date, datetime, time, timedelta, timezone
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import polars as pl
import polars.testing
import pyarrow as pa
import pytest

import mlcore
from mlcore.features import ColumnTransformer, Pipeline, StandardScaler

BERLIN = ZoneInfo("Europe/Berlin")
NUMBERS = [1.0, 3.0, 5.0]
DAYS = [date(2024, 2, 29), None, date(1969, 12, 31)]
TIMES = [time(13, 30, 0, 250_000), None, time(0)]
SHOWN = [datetime(2024, 2, 29, 13, 30), None, datetime(1969, 12, 31, 23, 59, 59, 999_999)]
# The last is an hour that Berlin had twice.
SEEN = [datetime(2024, 2, 29, 13, 30, tzinfo=BERLIN), None, datetime(2024, 10, 27, 2, 30, fold=1, tzinfo=BERLIN)]
COLUMNS = {"x": NUMBERS, "day": DAYS, "at": TIMES, "shown": SHOWN, "seen": SEEN}
TYPES = {"x": "float64", "day": "date", "at": "time[ns]", "shown": "timestamp[us]", "seen": "timestamp[us, tz=Europe/Berlin]"}
DATED = ["day", "at", "shown", "seen"]


def arrow() -> pa.Table:
    moments = pa.timestamp("us", tz="Europe/Berlin")
    types = {"x": pa.float64(), "day": pa.date32(), "at": pa.time64("us"), "shown": pa.timestamp("us"), "seen": moments}
    return pa.table({name: pa.array(values, types[name]) for name, values in COLUMNS.items()})


def kinds() -> dict[str, object]:
    """The same table as every kind of table that mlcore takes."""
    table = arrow()
    frame = table.to_pandas()
    assert str(frame["seen"].dtype) == "datetime64[us, Europe/Berlin]" and frame["day"].dtype == object
    milliseconds = table.set_column(2, "at", pa.array([time(13, 30, 0, 250_000), None, time(0)], pa.time32("ms")))
    return {
        "polars": pl.DataFrame(table),
        "polars, chunks": pl.concat([pl.DataFrame(table)[:1], pl.DataFrame(table)[1:]], rechunk=False),
        "pyarrow": table,
        "pyarrow, other layouts": milliseconds.set_column(1, "day", table["day"].cast(pa.date64())),
        "pyarrow, dictionary": table.set_column(1, "day", table["day"].dictionary_encode()),
        "pandas": frame,
        "pandas, Arrow": table.to_pandas(types_mapper=pd.ArrowDtype),
        "pandas, objects": frame.astype(object),
        "pandas, categories": frame.astype({"seen": "category", "shown": "category"}),
        "pandas, index": {**COLUMNS, "seen": pd.DatetimeIndex(frame["seen"])},
        "dict of lists": COLUMNS,
        "dict of arrays": {
            **{name: np.array(values, dtype=object) for name, values in COLUMNS.items()},
            "x": np.array(NUMBERS),
            "day": np.array(DAYS, dtype="M8[D]"),
            "shown": np.array(SHOWN, dtype="M8[us]"),
        },
        "numpy scalars": {**COLUMNS, "day": list(np.array(DAYS, "M8[D]")), "shown": list(np.array(SHOWN, "M8[us]"))},
        "big-endian": {**COLUMNS, "shown": np.array(SHOWN, dtype=">M8[us]")},
        "records": [dict(zip(COLUMNS, row, strict=True)) for row in zip(*COLUMNS.values(), strict=True)],
        "records of pandas": frame.to_dict("records"),
        "NaT": {name: [pd.NaT if value is None else value for value in values] for name, values in COLUMNS.items()},
    }


KINDS = list(kinds())


def passed_on() -> ColumnTransformer:
    return ColumnTransformer(
        [("scale", StandardScaler(), ["x"]), ("keep", "passthrough", DATED)], verbose_feature_names_out=False
    )


@pytest.mark.parametrize("kind", KINDS)
def test_every_library_gives_the_same_plan_and_keeps_its_dates(kind):
    table = kinds()[kind]
    expected = passed_on().set_output(transform="polars")
    features = expected.fit_transform(pl.DataFrame(arrow()))
    got = passed_on().set_output(transform="polars").fit(table)
    assert got.plan().inputs == TYPES
    assert got.plan_hash == expected.plan_hash
    for plan in (got, expected):
        pl.testing.assert_frame_equal(plan.transform(table), features)
    pl.testing.assert_frame_equal(features[DATED], pl.DataFrame(arrow())[DATED])


def test_answers_are_what_each_library_has():
    fitted = passed_on().fit(arrow())
    assert list(fitted.plan().outputs.values()) == list(TYPES.values())
    moments = [None if value is None else value.astimezone(timezone.utc) for value in SEEN]
    plain = fitted.transform(arrow())
    assert plain.dtype == object and plain[:, 1:].T.tolist() == [DAYS, TIMES, SHOWN, moments]
    assert [value.tzinfo for value in plain[[0, 2], 4]] == [timezone.utc] * 2

    frame = arrow().to_pandas().set_axis([7, 7, 8])
    answer = fitted.set_output(transform="pandas").transform(frame)
    assert answer.index.tolist() == [7, 7, 8]
    assert answer["shown"].dtype == "M8[us]" and answer["day"].dtype == "M8[s]"
    pd.testing.assert_series_equal(answer["seen"], frame["seen"])
    assert answer["at"].tolist() == TIMES
    assert [None if value is pd.NaT else value.date() for value in answer["day"]] == DAYS
    # What pandas makes of dates is taken for dates again.
    again = fitted.transform(answer.assign(x=NUMBERS).reset_index(drop=True))
    pd.testing.assert_frame_equal(again, answer.reset_index(drop=True))

    arrays = dict(fitted.plan().transform_table(arrow()).columns())
    np.testing.assert_array_equal(arrays["day"], np.array(DAYS, dtype="M8[D]"))
    np.testing.assert_array_equal(arrays["shown"], np.array(SHOWN, dtype="M8[us]"))
    utc = [None if value is None else value.replace(tzinfo=None) for value in moments]
    np.testing.assert_array_equal(arrays["seen"], np.array(utc, dtype="M8[us]"))


def test_what_pythons_types_cannot_hold_is_no_other_value():
    nanoseconds = pl.DataFrame({"shown": np.array(["2024-02-29T13:30:00.000000001"], dtype="M8[ns]")})
    keep = ColumnTransformer([("keep", "passthrough", ["shown"])]).fit(nanoseconds)
    (cell,) = keep.transform(nanoseconds)[0]
    assert cell == np.datetime64("2024-02-29T13:30:00.000000001") and cell.dtype == "M8[ns]"
    far = pa.table({"day": pa.array([4_000_000, -800_000], pa.int32()).cast(pa.date32())})
    days = ColumnTransformer([("keep", "passthrough", ["day"])]).fit_transform(far)
    assert [np.datetime64(day).astype(int) for day in days[:, 0]] == [4_000_000, -800_000]
    fine = pa.table({"at": pa.array([1], pa.int64()).cast(pa.time64("ns"))})
    fitted = ColumnTransformer([("keep", "passthrough", ["at"])]).fit(fine)
    with pytest.raises(TypeError, match="00:00:00.000000001 has nanoseconds"):
        fitted.transform(fine)
    assert fitted.set_output(transform="polars").transform(fine)["keep__at"].dtype == pl.Time


@pytest.mark.parametrize(
    ("values", "dtype"),
    [
        (np.array(["2024", "NaT"], dtype="M8[Y]"), "date"),
        (np.array(["2024-02", "NaT"], dtype="M8[M]"), "date"),
        (np.array(["2024-02-29", "NaT"], dtype="M8[W]"), "date"),
        (np.array(["2024-02-29T13", "NaT"], dtype="M8[h]"), "timestamp[s]"),
        (np.array(["2024-02-29T13:30", "NaT"], dtype="M8[m]"), "timestamp[s]"),
        (np.array(["2024-02-29T13:30:00.5", "NaT"], dtype="M8[10ms]"), "timestamp[ms]"),
        (np.array(["1970-01-02T13:30:00.000000001", "NaT"], dtype="M8[ps]"), "timestamp[ns]"),
        (pd.to_datetime(pd.Series(["2024-02-29", None])).astype("M8[s]"), "timestamp[s]"),
        ([pd.Timestamp("2024-02-29").as_unit("ns"), None, datetime(2024, 2, 29)], "timestamp[ns]"),
        ([datetime(2024, 2, 29, tzinfo=timezone.utc), None], "timestamp[us, tz=UTC]"),
        ([datetime(2024, 2, 29, tzinfo=timezone(timedelta(hours=5, minutes=30))), None], "timestamp[us, tz=+05:30]"),
        ([datetime(2024, 2, 29, tzinfo=timezone(-timedelta(hours=3)))], "timestamp[us, tz=-03:00]"),
        ([datetime(2024, 2, 29, tzinfo=BERLIN), datetime(2024, 2, 29, tzinfo=timezone.utc)], "timestamp[us, tz=UTC]"),
        (pd.Series(pd.to_datetime(["2024-02-29"])).dt.tz_localize("+05:30"), "timestamp[us, tz=+05:30]"),
        (pd.Series(pd.to_datetime(["2024-02-29"])).dt.tz_localize("UTC"), "timestamp[us, tz=UTC]"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_units_and_zones_are_types(values, dtype):
    fitted = ColumnTransformer([("keep", "passthrough", ["a"])]).fit({"a": values})
    assert fitted.plan().inputs == {"a": dtype}
    (first, *_) = dict(fitted.plan().transform_table({"a": values}).columns())["keep__a"]
    given = values.tolist() if isinstance(values, np.ndarray) else list(values)
    expected = np.datetime64(values[0]) if isinstance(values, np.ndarray) else pd.Timestamp(given[0])
    if isinstance(expected, pd.Timestamp):
        expected = (expected.tz_convert(None) if expected.tzinfo else expected).to_datetime64()
    assert first == expected


def test_a_moment_comes_in_any_zone_and_unit_where_nothing_is_lost():
    fitted = passed_on().fit(arrow())
    expected = fitted.set_output(transform="polars").transform(arrow())
    frame = arrow().to_pandas()
    elsewhere = frame.assign(seen=frame["seen"].dt.tz_convert("Asia/Tokyo"), shown=frame["shown"].astype("M8[ns]"))
    pl.testing.assert_frame_equal(fitted.transform(elsewhere), expected)
    for other, words in [
        (frame.assign(seen=frame["seen"].dt.tz_localize(None)), r"seen: expected timestamp\[us, tz=Europe/Berlin\], got timestamp\[us\]"),
        (frame.assign(shown=frame["seen"]), r"shown: expected timestamp\[us\], got timestamp\[us, tz=Europe/Berlin\]"),
        (frame.assign(day=frame["shown"]), r"day: expected date, got timestamp\[us\]"),
        (frame.assign(shown=DAYS), r"shown: expected timestamp\[us\], got date"),
        (frame.assign(day=["2024-02-29"] * 3), "day: expected date, got string"),
        (frame.assign(day=[19_782] * 3), "day: expected date, got int64"),
    ]:
        with pytest.raises(mlcore.SchemaMismatchError, match=words):
            fitted.transform(other)
    midnights = frame.assign(day=pd.to_datetime(pd.Series(DAYS)).astype("M8[ns]"))
    pl.testing.assert_frame_equal(fitted.transform(midnights), expected)
    empty = frame.assign(day=None, at=np.nan, shown=pd.NaT, seen=None)
    assert fitted.transform(empty)[DATED].null_count().row(0) == (3, 3, 3, 3)


def past() -> Pipeline:
    """Reads dates, and makes features of the number alone."""
    keep = ColumnTransformer([("keep", "passthrough", ["x", *DATED])], verbose_feature_names_out=False)
    return Pipeline([("keep", keep), ("scale", ColumnTransformer([("scale", StandardScaler(), ["x"])]))])


def test_a_record_brings_dates_of_every_kind():
    plan = past().fit(arrow()).plan()
    good = {"x": 3.0, "day": DAYS[0], "at": TIMES[0], "shown": SHOWN[0], "seen": SEEN[0]}
    assert plan.transform_row(good).tolist() == [0.0]
    for name, values in {
        "day": ["2024-02-29", np.datetime64("2024-02-29"), pd.Timestamp("2024-02-29"), None, pd.NaT, pd.NA, float("nan")],
        "at": ["13:30:00.25", np.datetime64("NaT"), None],
        "shown": ["2024-02-29 13:30:00", pd.Timestamp("2024-02-29T13:30"), np.datetime64("2024-02-29T13:30"), pd.NaT],
        "seen": ["2024-02-29T13:30:00+01:00", pd.Timestamp("2024-02-29T13:30Z"), datetime(2024, 2, 29, tzinfo=timezone.utc)],
    }.items():
        for value in values:
            assert plan.transform_row({**good, name: value}).tolist() == [0.0], (name, value)
    for name, value, words in [
        ("day", SHOWN[0], "day: expected date, got date and time 2024-02-29T13:30:00"),
        ("day", 19_782, "day: expected date, got integer 19782; send it as text"),
        ("shown", SEEN[0], r"shown: expected timestamp\[us\], got timestamp 2024-02-29T12:30:00Z"),
        ("seen", SHOWN[0], r"seen: expected timestamp\[us, tz=Europe/Berlin\], got date and time"),
        ("shown", pd.Timestamp("2024-02-29").as_unit("ns") + pd.Timedelta(1, "ns"), r"shown: expected timestamp\[us\], got date and time .*000000001"),
        ("at", timedelta(hours=1), "at: it is a duration; pass its number of seconds"),
        ("at", time(1, tzinfo=timezone.utc), "at: it is a time of day with a time zone"),
        ("x", date(2024, 2, 29), "x: expected float64, got date 2024-02-29"),
    ]:
        with pytest.raises(mlcore.Error, match=words):
            plan.transform_row({**good, name: value})


def test_subclasses_of_datetime_are_what_they_say():
    class Odd(datetime):
        def __sub__(self, other):
            raise AssertionError("it has differences of its own")

    odd = [Odd(2024, 2, 29, 13, 30, tzinfo=BERLIN)]
    ours = ColumnTransformer([("keep", "passthrough", ["a"])])
    assert ours.fit_transform({"a": odd})[0, 0] == SEEN[0]


def test_pandas_needs_no_pyarrow_for_zones():
    code = """
import sys
sys.modules["pyarrow"] = None
import pandas as pd, mlcore
frame = pd.DataFrame({"seen": pd.to_datetime(["2024-02-29T13:30Z", None]).tz_convert("Europe/Berlin")})
keep = mlcore.features.ColumnTransformer([("keep", "passthrough", ["seen"])])
print(keep.fit(frame).plan().inputs["seen"], keep.transform(frame).tolist())
"""
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stderr
    assert answer.stdout.strip() == (
        "timestamp[us, tz=Europe/Berlin] [[datetime.datetime(2024, 2, 29, 13, 30, tzinfo=datetime.timezone.utc)], [None]]"
    )


def test_reports_say_why_dates_are_not_compared():
    table = pl.concat([pl.DataFrame(arrow())] * 20)
    report = mlcore.drift.report(table, table)
    assert all(name in report.to_json() for name in DATED) and not report.drifted_columns
    with pytest.raises(mlcore.Error, match="dates and times move by themselves"):
        mlcore.drift.psi(table["shown"], table["shown"])
    with pytest.raises(TypeError, match="numbers are expected, and it holds dates"):
        mlcore.stats.ks_2samp(DAYS, [1.0])
