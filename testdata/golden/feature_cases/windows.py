"""What went before in the rows of a key: the numbers of pandas' ``groupby(key)[column].shift`` and ``.rolling``."""

import numpy as np
import pandas as pd

from feature_cases import column, frame, golden_of, holes, plain, rng, table


def events(rows, seed, *, ties=False, sort=False):
    """Amounts of a few customers at moments in no order, some of them missing; moments of a customer differ unless there are ties."""
    g = rng(seed)
    hours = g.integers(0, 24 * 10, rows) if ties else g.permutation(rows * 3)[:rows]
    hours = np.sort(hours) if sort else hours
    start = 1_700_000_000
    return {
        "customer": column([None if g.random() < 0.05 else str(v) for v in g.choice(["a", "b", "c", "d", "e"], rows)]),
        "shop": column(g.integers(0, 2, rows)),
        "time": column([int(start + 3600 * hour) for hour in hours], "timestamp[s]"),
        "day": column([int(hour) // 24 for hour in hours], "date"),
        "step": column(hours.astype(float)),
        "amount": column(holes(g.normal(50, 20, rows).round(2), g, 0.15)),
        "visits": column(g.integers(0, 9, rows)),
        "active": column(g.random(rows) < 0.5),
        "note": column([None if g.random() < 0.2 else str(v) for v in g.choice(["x", "y", "z"], rows)]),
    }


def ordered(columns, by, order_by):
    """The frame in order, whose index is the place in the table."""
    data = frame(columns, widen=True)
    for name in by:
        data[name] = data[name].where(data[name].notna(), None)
    if order_by is not None:
        data = data.sort_values(order_by, kind="stable")
    if not by:
        data["everybody"] = 0
    return data


def answered(name, parameters, columns, made):
    case = {"name": name, "parameters": plain(parameters), "train": table(columns)}
    try:
        values = made()
    except ValueError as error:
        return case | {"refused": "append", "message": str(error).splitlines()[0][:120]}
    values = values.reindex(range(len(columns["amount"]["values"])))
    missing = [value is None or value != value for value in values]
    return case | {"column": [None if absent else plain(value) for absent, value in zip(missing, values)]}


@golden_of("pandas")
def window_lag():
    for by in [["customer"], ["customer", "shop"], []]:
        for order_by in [None, "time", "step"]:
            for periods in [1, 3]:
                columns = events(60, 61)
                data = ordered(columns, by, order_by)
                parameters = {"by": by, "order_by": order_by, "column": "amount", "periods": periods}
                yield answered(f"{by} {order_by} {periods}", parameters, columns, lambda: data.groupby(by or ["everybody"])["amount"].shift(periods))
    for of in ["note", "visits", "active", "amount"]:
        for periods in [-2, 0, 1, 100]:
            columns = events(50, 62, ties=True)
            data = ordered(columns, ["customer"], "time")
            parameters = {"by": ["customer"], "order_by": "time", "column": of, "periods": periods}
            yield answered(f"{of} {periods}, ties", parameters, columns, lambda: data.groupby("customer")[of].shift(periods))


def rolled(data, by, of, window, statistic, min_periods, closed):
    """What pandas makes of the windows, by the place in the table."""
    groups = data.assign(place=data.index).groupby(by or ["everybody"])
    pieces = []
    for _, own in groups:
        values = own.set_index("order")[of] if isinstance(window, str) else own[of]
        windows = values.astype(float).rolling(window, min_periods=min_periods, closed=closed)
        made = getattr(windows, statistic)()
        pieces.append(pd.Series(made.to_numpy(), index=own["place"]))
    return pd.concat(pieces) if pieces else pd.Series(dtype=float)


@golden_of("pandas")
def window_rolling():
    def case(name, columns, *, by=("customer",), order_by="time", of="amount", window=3, statistic="mean", min_periods=None, closed="left"):
        data = ordered(columns, list(by), order_by)
        if order_by in ("time", "day"):
            data["order"] = data[order_by]
        parameters = {"by": list(by), "order_by": order_by, "column": of, "window": window, "statistic": statistic, "min_periods": min_periods, "closed": closed}
        return answered(name, parameters, columns, lambda: rolled(data, list(by), of, window, statistic, min_periods, closed))

    statistics = ["mean", "sum", "min", "max", "std", "var", "count"]
    for statistic in statistics:
        for closed in ["left", "right", "both", "neither"]:
            yield case(f"rows, {statistic}, {closed}", events(80, 71), window=4, statistic=statistic, min_periods=2, closed=closed)
            yield case(f"time, {statistic}, {closed}", events(80, 72), window="3D", statistic=statistic, closed=closed)
        yield case(f"all of a window, {statistic}", events(70, 73), window=3, statistic=statistic)
        yield case(f"none needed, {statistic}", events(70, 74), window=2, statistic=statistic, min_periods=0)
        yield case(f"none needed in time, {statistic}", events(70, 75), window="10h", statistic=statistic, min_periods=0)
        yield case(f"several needed in time, {statistic}", events(70, 76), window="4D", statistic=statistic, min_periods=3)
        yield case(f"ties, {statistic}", events(90, 77, ties=True), window="1D", statistic=statistic)
        yield case(f"ties of days, {statistic}", events(90, 78, ties=True), order_by="day", window="2D", statistic=statistic)
        yield case(f"ties among rows, {statistic}", events(90, 79, ties=True), window=3, statistic=statistic, min_periods=1)
    for closed in ["right", "both"]:
        for statistic in ["sum", "count"]:
            yield case(f"ties with the row itself, {closed}, {statistic}", events(90, 80, ties=True), window="1D", statistic=statistic, closed=closed)
    yield case("as the table stands", events(60, 81, sort=True), order_by=None, window=5, min_periods=1)
    yield case("two keys", events(90, 82), by=("customer", "shop"), window="7D", statistic="sum")
    yield case("no key", events(60, 83), by=(), window="36h")
    yield case("integers", events(60, 84), of="visits", window=6, statistic="std", min_periods=2)
    yield case("truth values", events(60, 85), of="active", window=6, statistic="mean", min_periods=1)
    yield case("a window of one row", events(40, 86), window=1, statistic="sum")
    yield case("a long window", events(60, 87), window=1000, statistic="sum", min_periods=1)
    yield case("more needed than there are", events(20, 88), window=3, min_periods=4)
    constant = events(40, 89)
    constant["amount"] = column([0.1] * 40)
    for statistic in ["mean", "std", "var"]:
        yield case(f"equal numbers, {statistic}", constant, window=7, statistic=statistic, min_periods=2)
