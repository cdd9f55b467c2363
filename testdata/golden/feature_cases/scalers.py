"""Columns of numbers on a common scale."""

import math

from sklearn.preprocessing import MaxAbsScaler, MinMaxScaler, Normalizer, RobustScaler, StandardScaler

from feature_cases import LATER, case, column, golden, numeric_tables, rng


@golden
def standard_scaler():
    attributes = ["mean_", "var_", "scale_", "n_samples_seen_"]
    for name, columns in numeric_tables():
        yield case(name, StandardScaler, {}, columns, attributes)
    tables = dict(numeric_tables())
    for name in ["normal", "with missing", "constant"]:
        for parameters in [{"with_mean": False}, {"with_std": False}, {"with_mean": False, "with_std": False}]:
            yield case(f"{name} {sorted(parameters)}", StandardScaler, parameters, tables[name], attributes)
    yield case("unseen values", StandardScaler, {}, tables["normal"], attributes, LATER)
    yield case("infinity later", StandardScaler, {}, tables["normal"], attributes, {"a": column([-math.inf]), "b": column([0.0])})
    # Far from zero the last digits depend on the order in which numpy's matmul adds, which is the processor's.
    tables["with missing"].pop("b"), tables["constant"].pop("huge")
    for name in ["normal", "with missing", "constant", "all missing beside present", "ties"]:
        rows = len(next(iter(tables[name].values()))["values"])
        for kind, weights in [("whole", rng(12).integers(0, 4, rows) + 1.0), ("odd", rng(13).exponential(2.0, rows)), ("some 0", rng(14).integers(0, 2, rows) + 0.0)]:
            yield case(f"{name}, {kind} weights", StandardScaler, {}, tables[name], attributes, weights=weights, inverse=False)
    yield case("weights without deviation", StandardScaler, {"with_std": False}, tables["normal"], attributes, weights=rng(15).random(40))
    yield case("text", StandardScaler, {}, {"a": column(["x", "y"])}, attributes)


@golden
def min_max_scaler():
    attributes = ["data_min_", "data_max_", "data_range_", "scale_", "min_", "n_samples_seen_"]
    for name, columns in numeric_tables():
        yield case(name, MinMaxScaler, {}, columns, attributes)
    tables = dict(numeric_tables())
    yield case("range", MinMaxScaler, {"feature_range": (-1.0, 2.5)}, tables["normal"], attributes)
    yield case("range with missing", MinMaxScaler, {"feature_range": (5.0, 6.0), "clip": True}, tables["with missing"], attributes)
    yield case("clip", MinMaxScaler, {"clip": True}, tables["normal"], attributes, LATER)
    yield case("no clip", MinMaxScaler, {"clip": False}, tables["normal"], attributes, LATER)
    yield case("range upside down", MinMaxScaler, {"feature_range": (1.0, 1.0)}, tables["normal"], attributes)
    yield case("infinity later", MinMaxScaler, {"clip": True}, tables["normal"], attributes, {"a": column([math.inf]), "b": column([0.0])})
    yield case("text", MinMaxScaler, {}, {"a": column(["x", "y"])}, attributes)


@golden
def normalizer():
    tables = dict(numeric_tables())
    # A row of more columns than numpy adds at once, and rows that are all but zero.
    wide = {f"c{position}": column(rng(40 + position).normal(size=12)) for position in range(11)}
    small = {"a": column([0.0, 1e-300, 2e-15, 2.3e-15, 1e300, -3.0]), "b": column([0.0, 0.0, 0.0, 0.0, 1e300, 4.0])}
    for norm in ["l1", "l2", "max"]:
        for name in ["normal", "ties", "constant", "single row", "mixed types", "wide range", "mostly zeros"]:
            yield case(f"{norm}: {name}", Normalizer, {"norm": norm}, tables[name])
        yield case(f"{norm}: wide", Normalizer, {"norm": norm}, wide)
        yield case(f"{norm}: small and large", Normalizer, {"norm": norm}, small)
        yield case(f"{norm}: later", Normalizer, {"norm": norm}, tables["normal"], test={"a": column([0.0, 3.0]), "b": column([0.0, -4.0])})
    yield case("missing", Normalizer, {}, tables["with missing"])
    yield case("missing later", Normalizer, {}, tables["normal"], test={"a": column([None]), "b": column([1.0])})
    yield case("infinity later", Normalizer, {}, tables["normal"], test={"a": column([1.0]), "b": column([math.inf])})
    yield case("no such norm", Normalizer, {"norm": "l3"}, tables["normal"])
    yield case("text", Normalizer, {}, {"a": column(["x", "y"])})


@golden
def max_abs_scaler():
    attributes = ["scale_", "max_abs_", "n_samples_seen_"]
    tables = dict(numeric_tables())
    for name, columns in tables.items():
        yield case(name, MaxAbsScaler, {}, columns, attributes)
    small = {"zero": column([0.0, -0.0]), "below": column([2.2e-15, -1e-15]), "above": column([-2.3e-15, 1e-15])}
    yield case("small", MaxAbsScaler, {}, small, attributes)
    yield case("clip", MaxAbsScaler, {"clip": True}, tables["normal"], attributes, LATER)
    yield case("no clip", MaxAbsScaler, {"clip": False}, tables["normal"], attributes, LATER)
    yield case("clip with missing", MaxAbsScaler, {"clip": True}, tables["with missing"], attributes)
    yield case("infinity later", MaxAbsScaler, {"clip": True}, tables["normal"], attributes, {"a": column([math.inf]), "b": column([0.0])})
    yield case("text", MaxAbsScaler, {}, {"a": column(["x", "y"])}, attributes)


@golden
def robust_scaler():
    attributes = ["center_", "scale_"]
    tables = dict(numeric_tables())

    def robust(**parameters):
        if "quantile_range" in parameters:
            parameters["quantile_range"] = tuple(parameters["quantile_range"])
        return RobustScaler(**parameters)

    for name, columns in tables.items():
        yield case(name, RobustScaler, {}, columns, attributes)
    for name in ["normal", "with missing", "constant", "ties"]:
        for parameters in [{"with_centering": False}, {"with_scaling": False}, {"with_centering": False, "with_scaling": False}, {"unit_variance": True}, {"quantile_range": [5.0, 80.0], "unit_variance": True}]:
            yield case(f"{name} {sorted(parameters)}", robust, parameters, tables[name], attributes)
    for quantiles in [[0.0, 100.0], [10.0, 90.5], [33.3, 66.6], [50.0, 50.0]]:
        yield case(f"quantiles {quantiles}", robust, {"quantile_range": quantiles}, tables["normal"], attributes)
    for quantiles in [[75.0, 25.0], [-1.0, 50.0], [25.0, 101.0]]:
        yield case(f"no quantiles {quantiles}", robust, {"quantile_range": quantiles}, tables["normal"], attributes)
    yield case("unseen values", RobustScaler, {}, tables["normal"], attributes, LATER)
    yield case("infinity later", RobustScaler, {}, tables["normal"], attributes, {"a": column([math.inf]), "b": column([0.0])})
    yield case("text", RobustScaler, {}, {"a": column(["x", "y"])}, attributes)
