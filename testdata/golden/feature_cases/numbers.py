"""Numbers as other numbers."""

import math

import numpy as np
from sklearn.preprocessing import Binarizer, FunctionTransformer, PowerTransformer, QuantileTransformer, SplineTransformer

from feature_cases import LATER, case, column, golden, numeric_tables, rng


@golden
def binarizer():
    tables = dict(numeric_tables())
    for name in ["normal", "ties", "constant", "single row", "tiny", "mixed types", "wide range", "mostly zeros", "near constant"]:
        yield case(name, Binarizer, {}, tables[name])
    for threshold in [1.0, -0.5, 2.5, 0.1, 1e-300]:
        for name in ["normal", "ties", "constant"]:
            yield case(f"{threshold}: {name}", Binarizer, {"threshold": threshold}, tables[name])
    yield case("later", Binarizer, {"threshold": 0.5}, tables["normal"], test={"a": column([0.5, 0.5 + 1e-16, 0.5 + 2e-16, -1e300]), "b": column([-0.0, 5e-324, 1e300, 0.25])})
    yield case("missing", Binarizer, {}, tables["with missing"])
    yield case("missing later", Binarizer, {}, tables["normal"], test={"a": column([None]), "b": column([1.0])})
    yield case("infinity", Binarizer, {}, tables["infinity"])
    yield case("infinity later", Binarizer, {}, tables["normal"], test={"a": column([1.0]), "b": column([math.inf])})
    yield case("threshold of text", Binarizer, {"threshold": "high"}, tables["normal"])
    yield case("text", Binarizer, {}, {"a": column(["x", "y"])})


@golden
def power_transformer():
    attributes = ["lambdas_"]
    tables = dict(numeric_tables())
    # Two values in equal numbers are as likely by every power, and so are, but for rounding errors, values that are close to
    # one another and far from zero. numpy's log1p and expm1 round in another way on processors with AVX-512.
    tables["ties"].pop("b"), tables["with missing"].pop("b"), tables["many rows"].pop("a")
    tables.pop("offset 1e9"), tables.pop("offset 1e12")
    for name, columns in tables.items():
        yield case(name, PowerTransformer, {}, columns, attributes)
    g = rng(60)
    positive = {
        "positive": {"a": column(g.lognormal(0, 1, 60)), "b": column(g.gamma(2, 3, 60)), "c": column(g.uniform(5, 9, 60))},
        "small and large": {"a": column(g.lognormal(-20, 2, 50)), "b": column(g.lognormal(20, 2, 50))},
        "positive with missing": {"a": column([None if v < 0.5 else float(v) for v in g.exponential(2, 80)]), "b": column(g.chisquare(3, 80))},
        "whole": {"a": column(g.integers(1, 30, 50))},
        "three values": {"a": column([1.0, 2.0, 9.0])},
        "skewed to the left": {"a": column(1 - g.exponential(0.1, 70).clip(0, 0.9))},
    }
    for name, columns in positive.items():
        for parameters in [{}, {"method": "box-cox"}, {"method": "box-cox", "standardize": False}, {"standardize": False}]:
            yield case(f"{name} {list(parameters.values())}", PowerTransformer, parameters, columns, attributes)
    signed = {"negative": column(-g.lognormal(0, 1, 50)), "mixed": column(g.standard_t(3, 50)), "zeros": column([0.0] * 50)}
    yield case("signs", PowerTransformer, {}, signed, attributes)
    yield case("signs, not standardized", PowerTransformer, {"standardize": False}, signed, attributes)
    years = [2003.0, 1950.0, 1997.0, 2000.0, 2009.0, 2009.0, 1980.0, 1999.0, 2007.0, 1991.0]
    bounded = {"large": column(years), "small": column([1 / year for year in years])}
    yield case("powers that all but overflow", PowerTransformer, {"method": "box-cox", "standardize": False}, bounded, attributes)
    later = {"a": column([0.1, 5.0, 1e6]), "b": column([1.0, None, 3.0]), "c": column([0.0, 8.0, 1e-3])}
    yield case("later", PowerTransformer, {}, positive["positive"], attributes, later)
    yield case("zero later", PowerTransformer, {"method": "box-cox"}, positive["positive"], attributes, later)
    yield case("positive later", PowerTransformer, {"method": "box-cox"}, positive["positive"], attributes, later | {"c": column([0.5, 8.0, 1e-3])})
    for name in ["normal", "constant", "all missing beside present", "one value", "text"]:
        yield case(f"box-cox: {name}", PowerTransformer, {"method": "box-cox"}, tables.get(name, {"a": column(["x", "y"])}), attributes)
    yield case("infinity later", PowerTransformer, {}, tables["normal"], attributes, {"a": column([math.inf]), "b": column([0.0])})
    yield case("text", PowerTransformer, {}, {"a": column(["x", "y"])}, attributes)


@golden
def quantile_transformer():
    attributes = ["n_quantiles_", "quantiles_", "references_"]
    tables = dict(numeric_tables())
    for output in ["uniform", "normal"]:
        own = {"output_distribution": output}
        for name, columns in tables.items():
            if name == "many rows" and output == "normal":
                continue
            quantiles = {"n_quantiles": 100} if name in {"many rows", "offset 1e12"} else {}
            yield case(f"{output}: {name}", QuantileTransformer, own | quantiles, columns, attributes)
        for quantiles in [1, 2, 10]:
            yield case(f"{output}: {quantiles} quantiles", QuantileTransformer, own | {"n_quantiles": quantiles}, tables["normal"], attributes, LATER)
        yield case(f"{output}: ties of few", QuantileTransformer, own | {"n_quantiles": 7}, tables["mostly zeros"] | {"b": tables["mostly zeros"]["a"]}, attributes)
        for state in [0, 42]:
            parameters = own | {"n_quantiles": 20, "subsample": 100, "random_state": state}
            yield case(f"{output}: subsample {state}", QuantileTransformer, parameters, {"a": column(rng(61).normal(size=400)), "b": column(rng(62).normal(size=400))}, attributes, LATER)
        yield case(f"{output}: no subsample", QuantileTransformer, own | {"n_quantiles": 20, "subsample": None}, tables["normal"], attributes)
        yield case(f"{output}: infinity later", QuantileTransformer, own, tables["normal"], attributes, {"a": column([math.inf]), "b": column([0.0])})
    yield case("too many quantiles", QuantileTransformer, {"n_quantiles": 30, "subsample": 20}, tables["normal"], attributes)
    yield case("no quantiles", QuantileTransformer, {"n_quantiles": 0}, tables["normal"], attributes)
    yield case("text", QuantileTransformer, {}, {"a": column(["x", "y"])}, attributes)


@golden
def spline_transformer():
    attributes = [("bsplines_", lambda f: [list(b.t) for b in f.bsplines_]), "n_features_out_"]
    tables = dict(numeric_tables())
    two = tables["normal"]
    inside = {"a": column([-0.5, 0.0, 0.25]), "b": column([1.0, 2.5, -3.0])}
    # Numbers so large that scipy's polynomials overflow make all splines of a row NaN there.
    outside = {"a": column([-9.5, 0.0, 12.25, 2.0]), "b": column([-60.0, 2.5, 85.0, 1.0])}
    for extrapolation in ["error", "constant", "linear", "continue", "periodic"]:
        own = {"extrapolation": extrapolation}
        for degree in [0, 1, 2, 3, 5]:
            for knots in ["uniform", "quantile"]:
                parameters = own | {"degree": degree, "knots": knots, "n_knots": 6}
                # scikit-learn raises the degree again for each column that follows, and knows no splines of degree 0 at the end.
                single = extrapolation == "linear" and degree < 2
                ends = extrapolation == "constant" and degree == 0
                train = {"a": two["a"]} if single else two
                later = inside if ends or extrapolation == "error" else outside
                later = {"a": later["a"]} if single else later
                yield case(f"{extrapolation}, degree {degree}, {knots}", SplineTransformer, parameters, train, attributes, later)
        listed = {"knots": [[-2.0, -20.0], [-0.5, 0.0], [0.0, 1.0], [1.5, 30.0]], "degree": 2}
        yield case(f"{extrapolation}, listed", SplineTransformer, own | listed, two, attributes, inside)
        yield case(f"{extrapolation}, without bias", SplineTransformer, own | {"include_bias": False}, two, attributes, inside)
        yield case(f"{extrapolation}, zeros", SplineTransformer, own | {"handle_missing": "zeros"}, tables["with missing"], attributes)
        yield case(f"{extrapolation}, missing later", SplineTransformer, own, two, attributes, {"a": column([0.0, None]), "b": column([1.0, 2.0])})
        yield case(f"{extrapolation}, outside", SplineTransformer, own, two, attributes, outside)
        yield case(f"{extrapolation}, constant", SplineTransformer, own, tables["constant"], attributes)
    for name in ["ties", "single row", "mixed types", "mostly zeros", "near constant", "with missing", "all missing beside present", "infinity"]:
        for knots in ["uniform", "quantile"]:
            yield case(f"{name}, {knots}", SplineTransformer, {"knots": knots, "n_knots": 4}, tables[name], attributes)
    yield case("zeros of nothing", SplineTransformer, {"handle_missing": "zeros"}, tables["all missing beside present"], attributes)
    for name in ["normal", "mostly zeros", "with missing"]:
        rows = len(next(iter(tables[name].values()))["values"])
        for kind, weights in [("whole", rng(63).integers(0, 4, rows) + 0.0), ("odd", rng(64).exponential(2.0, rows))]:
            for knots in ["uniform", "quantile"]:
                parameters = {"knots": knots, "n_knots": 5, "handle_missing": "zeros"}
                yield case(f"{name}, {knots}, {kind} weights", SplineTransformer, parameters, tables[name], attributes, weights=weights)
    yield case("F", SplineTransformer, {"order": "F", "n_knots": 3}, two, attributes)
    yield case("two knots", SplineTransformer, {"n_knots": 2, "degree": 1, "include_bias": False}, two, attributes, outside)
    for name, parameters in {
        "one knot": {"n_knots": 1},
        "one listed knot": {"knots": [[0.0, 1.0]]},
        "knots of one column": {"knots": [[0.0], [1.0]]},
        "knots that descend": {"knots": [[0.0, 1.0], [1.0, 0.0]]},
        "knots twice": {"knots": [[0.0, 1.0], [0.0, 2.0]]},
        "few knots for periods": {"n_knots": 3, "degree": 3, "extrapolation": "periodic"},
    }.items():
        yield case(name, SplineTransformer, parameters, two, attributes)
    yield case("infinity later", SplineTransformer, {}, two, attributes, {"a": column([math.inf]), "b": column([0.0])})
    yield case("text", SplineTransformer, {}, {"a": column(["x", "y"])}, attributes)


@golden
def function_transformer():
    functions = [
        *["abs", "arccos", "arccosh", "arcsin", "arcsinh", "arctan", "arctanh", "cbrt", "ceil", "cos", "cosh", "deg2rad", "exp"],
        *["exp2", "expm1", "floor", "log", "log10", "log1p", "log2", "negative", "rad2deg", "reciprocal", "rint", "sign", "sin"],
        *["sinh", "sqrt", "square", "tan", "tanh", "trunc"],
    ]
    pairs = [("log1p", "expm1"), ("expm1", "log1p"), ("exp", "log"), ("exp2", "log2"), ("sqrt", "square"), ("sinh", "arcsinh")]
    pairs += [("negative", "negative"), ("deg2rad", "rad2deg"), ("tanh", "arctanh"), ("cbrt", None), (None, "square"), (None, None)]

    def transformer(func=None, inverse_func=None, **parameters):
        named = [own and getattr(np, own) for own in (func, inverse_func)]
        return FunctionTransformer(*named, **{"feature_names_out": "one-to-one", **parameters})

    g = rng(65)
    small = {"a": column(g.uniform(-1, 1, 30)), "b": column([1e-300, -1e-10, 0.0, 0.5, 1.0 + 1e-9, 1.0, -1.0, 1e-5, 2.5, -2.5] * 3)}
    large = {"a": column(g.normal(0, 30, 30)), "b": column([None, 100.5, -100.5, 1e15, 3.5, 4.5, -0.5, 700.0, 12.0, 1.0] * 3)}
    for func in functions:
        # What becomes infinite has no way back here.
        yield case(f"{func}: small", transformer, {"func": func}, small, inverse=False)
        yield case(f"{func}: large", transformer, {"func": func}, large, inverse=False)
    for func, inverse in pairs:
        yield case(f"{func} and {inverse}", transformer, {"func": func, "inverse_func": inverse}, {"a": column(g.uniform(0.1, 3, 30))})
    whole = {"i": column(g.integers(0, 20, 20)), "f": column(g.uniform(0, 5, 20).astype(np.float32).astype(float), "float32")}
    yield case("whole and narrow numbers", transformer, {"func": "log1p", "inverse_func": "expm1"}, whole)
    yield case("absolute", transformer, {"func": "absolute"}, small)
    extremes = {"a": column([math.inf, -math.inf, None, 0.0, -0.0, 1e308])}
    for func in ["square", "log", "exp", "sqrt", "reciprocal", "arctan", "sign"]:
        yield case(f"{func}: infinity", transformer, {"func": func}, extremes, inverse=False)
    for name, columns in {"finite": small, "missing": large, "infinite": extremes}.items():
        yield case(f"validate: {name}", transformer, {"func": "cbrt", "validate": True, "check_inverse": False}, columns)
    yield case("validate: missing later", transformer, {"func": "cbrt", "validate": True}, small, test={"a": column([0.0]), "b": column([None])})
    yield case("text", transformer, {"func": "log1p", "validate": True}, {"a": column(["x", "y"])})


class Winsorizer:
    """What numpy's quantiles and its clip make of each column."""

    def __init__(self, lower_quantile=0.05, upper_quantile=0.95, quantile_method="linear"):
        self.levels, self.quantile_method = [lower_quantile, upper_quantile], quantile_method

    def fit(self, frame):
        values = self.values(frame)
        if self.levels[0] > self.levels[1]:
            raise ValueError("limits upside down")
        self.lower_, self.upper_ = np.nanquantile(values, self.levels, axis=0, method=self.quantile_method)
        self.names = list(frame.columns)
        return self

    def values(self, frame):
        values = frame.to_numpy(dtype=float)
        if np.isinf(values).any():
            raise ValueError("infinity")
        return values

    def get_feature_names_out(self):
        return self.names

    def transform(self, frame):
        return np.clip(self.values(frame), self.lower_, self.upper_)


@golden
def winsorizer():
    attributes = ["lower_", "upper_"]
    tables = dict(numeric_tables())
    for name, columns in tables.items():
        yield case(name, Winsorizer, {}, columns, attributes)
    for low, high in [(0.0, 1.0), (0.1, 0.9), (0.25, 0.25), (0.0, 0.8), (0.333, 1.0)]:
        for name in ["normal", "with missing", "mostly zeros"]:
            yield case(f"{low} to {high}: {name}", Winsorizer, {"lower_quantile": low, "upper_quantile": high}, tables[name], attributes)
    for method in ["inverted_cdf", "averaged_inverted_cdf", "hazen", "median_unbiased"]:
        yield case(f"{method}", Winsorizer, {"quantile_method": method}, tables["with missing"], attributes)
    yield case("later", Winsorizer, {}, tables["normal"], attributes, LATER)
    yield case("infinity later", Winsorizer, {}, tables["normal"], attributes, {"a": column([math.inf]), "b": column([0.0])})
    for low, high in [(-0.1, 0.5), (0.5, 1.1), (0.6, 0.4)]:
        yield case(f"no limits {low} to {high}", Winsorizer, {"lower_quantile": low, "upper_quantile": high}, tables["normal"], attributes)
    yield case("no such method", Winsorizer, {"quantile_method": "middle"}, tables["normal"], attributes)
    yield case("text", Winsorizer, {}, {"a": column(["x", "y"])}, attributes)
