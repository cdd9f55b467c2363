"""Writes store/windows.json: what pandas and DuckDB answer about sliding windows of the same small table of events.

    python testdata/golden/make_windows.py

Times are microseconds since 1970 began in UTC. Events are multiples of ten seconds, so that they often lie on the edges of windows.
A question is an entity and a time; its window ends at the last multiple of the slide that is not after the time, and has the events
from a window before that on. pandas answers by `rolling(window, closed="left")` at that end, DuckDB by a join of events and ends.
"""

import json
import pathlib
import random

import duckdb
import pandas as pd

START = 1_767_225_600 * 10**6
SECOND = 10**6
WINDOWS = [(60, 10), (600, 60), (600, 600), (3600, 30), (7200, 1800)]
FUNCTIONS = ["count", "sum", "mean", "min", "max", "std"]
draw = random.Random(15)


def events():
    rows = []
    for _ in range(400):
        fare = draw.choice([draw.gauss(1e6, 3.0), draw.uniform(-5, 50), 0.1, None, float("nan")])
        trips = None if draw.random() < 0.1 else draw.randrange(-1000, 1000)
        rows.append(
            {"driver": draw.randrange(6), "event": START + 10 * SECOND * draw.randrange(1500), "fare": fare, "trips": trips}
        )
    return rows


def questions():
    times = [START + draw.choice([1, 10, 60]) * SECOND * draw.randrange(-20, 300) * 5 for _ in range(120)]
    return [{"driver": draw.randrange(7), "time": time + draw.choice([0, 0, -1, 999_999])} for time in times]


def by_pandas(rows, asked, window, slide):
    """Each question alone: the end of its window is a row without values, behind the events of its time."""
    frame = pd.DataFrame(rows)
    answers = []
    for question in asked:
        end = question["time"] // (slide * SECOND) * slide * SECOND
        own = frame[frame["driver"] == question["driver"]].sort_values("event", kind="stable")
        own = own[own["event"] < end][["event", "fare", "trips"]]
        own = pd.concat([own, pd.DataFrame([{"event": end, "fare": None, "trips": None}])])
        own.index = pd.to_datetime(own["event"], unit="us")
        answer = []
        for column in ["fare", "trips"]:
            values = own[column].astype("float64")
            values = values[own["event"] >= end - window * SECOND]
            rolling = values.rolling(pd.Timedelta(seconds=window), closed="left", min_periods=1)
            # The rows of a window are the rolling's; its own sums and deviations are updated from window to window, and lose digits.
            of = lambda name: rolling.apply(lambda own: getattr(pd.Series(own), name)(), raw=True).iloc[-1]
            answer += [int(values.count()) if name == "count" else of(name) for name in FUNCTIONS]
        answers.append([None if pd.isna(cell) else cell for cell in answer])
    return answers


def by_duckdb(rows, asked, window, slide):
    database = duckdb.connect()
    database.register("events", pd.DataFrame(rows).assign(trips=lambda own: own["trips"].astype("Int64")))
    ends = [
        {"number": number, "driver": own["driver"], "stop": own["time"] // (slide * SECOND) * slide * SECOND}
        for number, own in enumerate(asked)
    ]
    database.register("asked", pd.DataFrame(ends))
    # DuckDB takes NaN for a value; here it is none, as in pandas. Its deviations of numbers near a million are wrong from the 11th digit
    # on, and are not asked for.
    fares = [f"{word}(nullif(fare, 'nan'::double))" for word in ["count", "fsum", "avg", "min", "max"]]
    picked = ", ".join([*fares, "null", *(f"{word}(trips)" for word in ["count", "sum", "avg", "min", "max", "stddev_samp"])])
    found = database.sql(
        f"select {picked} from asked left join events on events.driver = asked.driver"
        f" and event >= stop - {window * SECOND} and event < stop group by number order by number"
    )
    return [[None if cell is None else float(cell) for cell in row] for row in found.fetchall()]


def main():
    rows, asked = events(), questions()
    cases = [
        {"engine": name, "asks_std_of_fare": name == "pandas", "window": window, "slide": slide, "answers": engine(rows, asked, window, slide)}
        for window, slide in WINDOWS
        for name, engine in [("pandas", by_pandas), ("duckdb", by_duckdb)]
    ]
    table = {name: [row[name] for row in rows] for name in rows[0]}
    table["fare"] = ["NaN" if fare is not None and fare != fare else fare for fare in table["fare"]]
    golden = {
        "versions": f"pandas {pd.__version__}, duckdb {duckdb.__version__}",
        "events": table,
        "questions": {name: [own[name] for own in asked] for name in asked[0]},
        "cases": cases,
    }
    path = pathlib.Path(__file__).parent / "store" / "windows.json"
    path.write_text(json.dumps(golden, allow_nan=False, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
