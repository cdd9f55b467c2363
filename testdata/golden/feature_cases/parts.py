"""Scalers that see a table in parts: scikit-learn's ``partial_fit``."""

import numpy as np
from sklearn.preprocessing import MaxAbsScaler, MinMaxScaler, StandardScaler

from feature_cases import column, frame, golden, numeric_tables, plain, rng, table

ATTRIBUTES = {
    StandardScaler: ["mean_", "var_", "scale_", "n_samples_seen_"],
    MinMaxScaler: ["data_min_", "data_max_", "data_range_", "scale_", "min_", "n_samples_seen_"],
    MaxAbsScaler: ["scale_", "max_abs_", "n_samples_seen_"],
}


def parted(name, make, parameters, train, parts, weights=None):
    """One case: the parameters, the table, how many rows each part has, and what was learnt from all of them."""
    result = {"name": f"{make.__name__}: {name}", "transformer": make.__name__, "parameters": plain(parameters), "train": table(train)}
    if weights is not None:
        result["weights"] = plain(weights)
    rows, fitted, start = frame(train, True), make(**parameters), 0
    for count in parts:
        weighed = {} if weights is None else {"sample_weight": np.array(weights[start : start + count])}
        fitted.partial_fit(rows.iloc[start : start + count], **weighed)
        start += count
    assert start == len(rows)
    result["parts"] = parts
    result["attributes"] = {own: plain(getattr(fitted, own)) for own in ATTRIBUTES[make]}
    return result


@golden
def partial_fit():
    tables = dict(numeric_tables())
    # A part in which a column has no value at all makes scikit-learn's variance NaN, so that each part has one here.
    missing = {"a": column([1.5, None, 2.5, 4.0, None, -1.0, None, 3.25, 8.0]), "b": column([None, 7, 1, None, 0, 2, 9, None, 4])}
    missing = {key: column([None if v is None else float(v) for v in own["values"]]) for key, own in missing.items()}
    drifting = {"a": column(np.concatenate([rng(71).normal(0, 1, 30), rng(72).normal(50, 5, 40), rng(73).normal(-3, 0.1, 50)]))}
    for make in [StandardScaler, MinMaxScaler, MaxAbsScaler]:
        count = len(tables["normal"]["a"]["values"])
        yield parted("one part", make, {}, tables["normal"], [count])
        yield parted("two parts", make, {}, tables["normal"], [count // 3, count - count // 3])
        yield parted("a row at a time", make, {}, tables["normal"], [1] * count)
        yield parted("with missing", make, {}, missing, [2, 3, 4])
        yield parted("with missing, other parts", make, {}, missing, [6, 3])
        for parts in [[30, 40, 50], [1, 119], [60, 60], [7] * 17 + [1]]:
            yield parted(f"drifting {parts[:3]}", make, {}, drifting, parts)
        # Of 0.1, which is no sum of powers of two, scikit-learn's variance over parts is 1e-34, and ours 0.
        constant = {"a": column([3.0] * 8), "b": column([0.0] * 8), "c": column([-7.0] * 8)}
        yield parted("constant", make, {}, constant, [3, 5])
        ties = {"a": column([1.0, 1.0, 2.0, 2.0, 2.0, 5.0]), "b": column([True, False, True, True, False, False])}
        yield parted("ties and bools", make, {}, ties, [2, 2, 2])
        large = {"a": column(rng(74).integers(-(10**6), 10**6, 50))}
        yield parted("integers", make, {}, large, [10, 15, 25])
    for parameters in [{"with_mean": False}, {"with_std": False}, {"with_mean": False, "with_std": False}]:
        yield parted(f"{sorted(parameters)}", StandardScaler, parameters, drifting, [30, 40, 50])
    for kind, seed in [("odd", 75), ("whole", 76)]:
        weights = rng(seed).exponential(2.0, 120) if kind == "odd" else rng(seed).integers(1, 5, 120) + 0.0
        yield parted(f"{kind} weights", StandardScaler, {}, drifting, [30, 40, 50], weights)
        yield parted(f"{kind} weights, two parts", StandardScaler, {}, drifting, [100, 20], weights)
    yield parted("range and clip", MinMaxScaler, {"feature_range": (-1.0, 2.5), "clip": True}, drifting, [30, 40, 50])
    yield parted("clip", MaxAbsScaler, {"clip": True}, drifting, [30, 40, 50])
