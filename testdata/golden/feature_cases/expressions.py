"""Derived columns: the numbers of polars, whose null is the missing value here."""

import datetime

import numpy as np
import polars as pl

from feature_cases import case, column, golden_of

x, y, n, s, b, c = (pl.col(name) for name in ("x", "y", "n", "s", "b", "c"))

#: Each expression as polars writes it, by its text.
THEIRS = {
    "x + y * 2 - n / 4": x + y * 2 - n / 4,
    "x / y": x / y,
    "x % y": x % y,
    "x ** 2 + 2 ** y": x**2 + pl.lit(2.0) ** y,
    "-x ** 2": -(x**2),
    "x == y": x == y,
    "x != y": x != y,
    "x < y": x < y,
    "x <= y": x <= y,
    "x > n": x > n,
    "x >= n": x >= n,
    "b and c": b & c,
    "b or c": b | c,
    "not b": ~b,
    "b and x > 0 or not c": (b & (x > 0)) | ~c,
    "x if b else y": pl.when(b).then(x).otherwise(y),
    "1 if x > 2 else 2 if y > 0 else 3": pl.when(x > 2).then(1).when(y > 0).then(2).otherwise(3),
    "x if y > 0 else null": pl.when(y > 0).then(x).otherwise(None),
    "is_null(x)": x.is_null(),
    "is_null(s)": s.is_null(),
    "coalesce(x, y, -1)": pl.coalesce(x, y, -1.0),
    "fill_null(x, 0) + 1": x.fill_null(0) + 1,
    "log(x)": x.log(),
    "log1p(abs(x))": x.abs().log1p(),
    "exp(y)": y.exp(),
    "sqrt(x)": x.sqrt(),
    "floor(x) + ceil(y)": x.floor() + y.ceil(),
    "round(x)": x.round(mode="half_to_even"),
    "round(x, 0)": x.round(0, mode="half_to_even"),
    "round(x, 1)": x.round(1, mode="half_to_even"),
    "round(x * 1.2345, 3)": (x * 1.2345).round(3, mode="half_to_even"),
    "round(exp(n) + y, 2)": (n.exp() + y).round(2, mode="half_to_even"),
    "'high' if x > 2 else 'low'": pl.when(x > 2).then(pl.lit("high")).otherwise(pl.lit("low")),
    "'high' if x > 2 else 'low' if y > 0 else null": pl.when(x > 2).then(pl.lit("high")).when(y > 0).then(pl.lit("low")).otherwise(None),
    "lookup(n, {1: 'one', 3: 'three'}, 'many')": n.replace_strict({1: "one", 3: "three"}, default="many", return_dtype=pl.String),
    "lookup(n, {1: 'one', 3: 'three'})": n.replace_strict({1: "one", 3: "three"}, default=None, return_dtype=pl.String),
    "'fixed'": pl.lit("fixed").repeat_by(1).list.first() + pl.when(x.is_null()).then(pl.lit("")).otherwise(pl.lit("")),
    "s": s,
    "lower(trim(s))": s.str.strip_chars().str.to_lowercase(),
    "upper(coalesce(s, 'none'))": s.fill_null("none").str.to_uppercase(),
    "s if length(s) > 1 else 'short'": pl.when(s.str.len_chars() > 1).then(s).otherwise(pl.lit("short")),
    "upper(s) if n % 2 == 0 else lower(s) if x > 3 else null": pl.when(n % 2 == 0).then(s.str.to_uppercase()).when(x > 3).then(s.str.to_lowercase()).otherwise(None),
    "lookup(s, {'ab': 'AB', '': 'nothing'}, s)": s.replace({"ab": "AB", "": "nothing"}),
    "lookup(lower(trim(s)), {'ab': 'yes', 'c': 'no'}, 'other' if n > 4 else null)": s.str.strip_chars().str.to_lowercase().replace_strict({"ab": "yes", "c": "no"}, default=pl.when(n > 4).then(pl.lit("other")).otherwise(None), return_dtype=pl.String),
    "min(x, y, n)": pl.min_horizontal(x, y, n),
    "max(x, y, n)": pl.max_horizontal(x, y, n),
    "clip(x, -1, 2.5)": x.clip(-1, 2.5),
    "clip(x, y, 3)": x.clip(y, 3.0),
    "n in (1, 3, 5)": n.is_in([1, 3, 5]),
    "n not in (1, 3, 5)": ~n.is_in([1, 3, 5]),
    "length(s)": s.str.len_chars(),
    "s == 'ab'": s == "ab",
    "s != 'ab'": s != "ab",
    "s < 'b'": s < "b",
    "lower(s) == 'ab'": s.str.to_lowercase() == "ab",
    "upper(s) == 'GRÜSSE'": s.str.to_uppercase() == "GRÜSSE",
    "length(trim(s))": s.str.strip_chars().str.len_chars(),
    "contains(s, 'b')": s.str.contains("b", literal=True),
    "starts_with(s, 'a')": s.str.starts_with("a"),
    "ends_with(lower(s), 'b')": s.str.to_lowercase().str.ends_with("b"),
    "s in ('ab', 'c', '')": s.is_in(["ab", "c", ""]),
    "coalesce(s, 'none') == 'none'": s.fill_null("none") == "none",
    "lookup(s, {'ab': 1, '': -2.5}, 9)": s.replace_strict({"ab": 1.0, "": -2.5}, default=9.0),
    "lookup(s, {'ab': 1})": s.replace_strict({"ab": 1.0}, default=None),
    "lookup(n, {1: 10, 3: 30.5}, x)": n.replace_strict({1: 10.0, 3: 30.5}, default=x),
    "year(t) * 100 + month(t)": pl.col("t").dt.year().cast(float) * 100 + pl.col("t").dt.month().cast(float),
    "day(t) + hour(t) / 24": pl.col("t").dt.day().cast(float) + pl.col("t").dt.hour() / 24,
    "day_of_week(t)": pl.col("t").dt.weekday().cast(float) - 1,
    "quarter(d) + week(d) / 100": pl.col("d").dt.quarter().cast(float) + pl.col("d").dt.week() / 100,
    "leap_year(d) and day_of_year(d) > 59": pl.col("d").dt.is_leap_year() & (pl.col("d").dt.ordinal_day() > 59),
    "days_between(d, t)": (pl.col("t") - pl.col("d").cast(pl.Datetime("us"))).dt.total_microseconds() / 86_400e6,
    "seconds_between(t, '2024-02-29T12:30:00')": (datetime.datetime(2024, 2, 29, 12, 30) - pl.col("t")).dt.total_microseconds() / 1e6,
    "t < d": pl.col("t") < pl.col("d").cast(pl.Datetime("us")),
    "d >= '2024-02-29'": pl.col("d") >= datetime.date(2024, 2, 29),
    "is_null(t)": pl.col("t").is_null(),
    "hour(z)": pl.col("z").dt.hour(),
    "z == '2024-06-01T12:00:00Z'": pl.col("z").dt.convert_time_zone("UTC") == datetime.datetime(2024, 6, 1, 12, tzinfo=datetime.timezone.utc),
}

NUMBERS = {
    "x": column([0.5, -1.5, 2.5, None, 3.5, -0.0, 1e9, 7.25, np.nan]),
    "y": column([2.0, -2.0, 0.0, 1.0, None, 0.0, 3.0, -0.5, np.nan]),
    "n": column([1, 2, 3, -4, 5, 0, 1000, 3, 1]),
    "b": column([True, True, True, False, False, False, None, None, None]),
    "c": column([True, False, None, True, False, None, True, False, None]),
}
TEXTS = {
    "s": column(["ab", "AB", "", None, " ab\t", "Grüße", "c", "b", "abab"]),
    "n": column(range(9)),
    "x": column([float(i) for i in range(9)]),
}
DAY = 86_400
MOMENTS = {
    "t": column([0, -1, None, 1_709_209_800_000_001, 951_782_400_000_000, 4_102_444_799_999_999], "timestamp[us]"),
    "d": column([0, -1, 19_782, None, 11_016, 11_017], "date"),
    "z": column([1_717_243_200, 0, None, 1_711_846_800, 1_711_850_400, 1_729_989_000], "timestamp[s, tz=Europe/Berlin]"),
}


class DerivedColumns:
    """What polars computes by the expressions of these texts."""

    def __init__(self, columns=(), drop_original=True):
        self.columns = columns

    def fit(self, frame):
        unknown = [text for _, text in self.columns if text not in THEIRS]
        if unknown or not self.columns or len({name for name, _ in self.columns}) < len(self.columns):
            raise ValueError(f"no expressions of this table: {unknown}")
        self.transform(frame)
        return self

    def transform(self, frame):
        columns = {}
        for name, spec in frame.items():
            values = [None if value != value or value is None else value for value in spec.tolist()]
            dtype = {"x": pl.Float64, "y": pl.Float64, "n": pl.Int64, "b": pl.Boolean, "c": pl.Boolean, "s": pl.String}.get(name)
            columns[name] = pl.Series(name, values, dtype) if dtype is not None else pl.Series(name, values)
            if name == "d":
                columns[name] = columns[name].cast(pl.Date)
        table = pl.DataFrame(columns)
        made = table.select(THEIRS[text].alias(name) for name, text in self.columns)
        if pl.String in made.dtypes:
            return np.array(made.rows(), dtype=object)
        made = made.cast(pl.Float64)
        return np.column_stack([made[name].fill_null(np.nan).to_numpy() for name, _ in self.columns])

    def get_feature_names_out(self):
        return [name for name, _ in self.columns]


@golden_of("polars")
def derived_columns():
    for text, theirs in THEIRS.items():
        read = set(theirs.meta.root_names())
        table = MOMENTS if read & {"t", "d", "z"} else TEXTS if "s" in read else NUMBERS
        yield case(text, DerivedColumns, {"columns": [["made", text]]}, table)
    several = [["ratio", "x / y"], ["both", "b and c"], ["least", "min(x, y, n)"]]
    yield case("several columns", DerivedColumns, {"columns": several}, NUMBERS)
    wrong = {
        "no column": "x / unknown",
        "a text as a number": "s + 1",
        "a number as a truth value": "n and x > 0",
        "a chosen text that is read again": "length('a' if n > 1 else 'b')",
        "a chosen text that is compared": "('a' if n > 1 else 'b') == 1",
        "a chosen text that is missing": "is_null('a' if n > 1 else 'b')",
        "a text or a number": "'a' if n > 1 else 2",
        "a table of texts and numbers": "lookup(s, {'a': 'x', 'b': 3})",
        "a number for texts": "lookup(s, {'a': 'x'}, 3)",
        "a text for numbers": "lookup(s, {'a': 1}, 'x')",
        "digits that are no number": "round(x, n)",
        "too many digits": "round(x, 23)",
        "a fraction of a digit": "round(x, 1.5)",
        "a text and a number": "s == 1",
        "numbers among texts": "s in (1, 2)",
        "a part of a number": "year(n)",
        "an open parenthesis": "(n + 1",
        "chained comparisons": "0 < n < 3",
        "no function": "hypot(n, x)",
        "too few arguments": "clip(n, 1)",
        "nothing": "",
        "keys of two kinds": "lookup(s, {'a': 1, 2: 3})",
        "an integer beyond 2^53": "n + 9007199254740993",
    }
    for name, text in wrong.items():
        yield case(name, DerivedColumns, {"columns": [["made", text]]}, TEXTS)
    texts = [["kept", "s"], ["changed", "lower(trim(s))"], ["chosen", "s if length(s) > 1 else 'short'"]]
    yield case("several texts", DerivedColumns, {"columns": texts}, TEXTS)
    yield case("no columns", DerivedColumns, {}, TEXTS)
    yield case("a name twice", DerivedColumns, {"columns": [["a", "x / y"], ["a", "b and c"]]}, NUMBERS)
