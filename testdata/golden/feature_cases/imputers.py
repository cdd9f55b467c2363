"""Values in the place of missing ones."""

import math

from sklearn.impute import MissingIndicator, SimpleImputer

from feature_cases import case, column, golden, numeric_tables


@golden
def simple_imputer():
    def statistics(fitted):
        return [s if isinstance(s, str) else float(s) for s in fitted.statistics_]

    def indicated(fitted):
        return [] if fitted.indicator_ is None else fitted.indicator_.features_

    attributes = [("statistics_", statistics), ("indicator_features_", indicated)]
    tables = dict(numeric_tables())
    floats = {name: {own: spec for own, spec in columns.items() if spec["dtype"] == "float64"} for name, columns in tables.items()}
    for strategy in ["mean", "median", "most_frequent", "constant"]:
        for name in ["normal", "ties", "offset 1e12", "with missing", "all missing beside present", "one value", "mostly zeros", "infinity"]:
            yield case(f"{strategy}: {name}", SimpleImputer, {"strategy": strategy}, floats[name], attributes)
        yield case(f"{strategy}: keep empty", SimpleImputer, {"strategy": strategy, "keep_empty_features": True}, floats["all missing beside present"], attributes)
        yield case(f"{strategy}: indicator", SimpleImputer, {"strategy": strategy, "add_indicator": True}, floats["with missing"], attributes, {"a": column([None, 1.0]), "b": column([2.0, None]), "c": column([None, 3.0])})
        yield case(f"{strategy}: indicator of an empty column", SimpleImputer, {"strategy": strategy, "add_indicator": True}, floats["all missing beside present"], attributes)
        yield case(f"{strategy}: integers", SimpleImputer, {"strategy": strategy}, {"a": column([3, 1, 1, 2, 2])}, attributes)
    yield case("mean: bools", SimpleImputer, {"strategy": "mean"}, {"a": column([True, False, True])}, attributes)
    # scikit-learn refuses numpy's bools, of which none can be missing, and takes bools among objects.
    flags = {"a": column([True, None, False, True, None]), "b": column([None, True, False, None, None])}
    yield case("most_frequent: bools", SimpleImputer, {"strategy": "most_frequent"}, flags, attributes)
    yield case("constant: bools", SimpleImputer, {"strategy": "constant", "fill_value": True}, flags, attributes)
    words = {"s": column(["b", "a", None, "b", "a", None, "c"]), "t": column(["x", None, None, None, "y", "y", "zebra crossing with a long name"])}
    later = {"s": column([None, "never seen", "a"]), "t": column(["", None, "y"])}
    yield case("most_frequent: text", SimpleImputer, {"strategy": "most_frequent"}, words, attributes, later)
    yield case("constant: text", SimpleImputer, {"strategy": "constant"}, words, attributes, later)
    yield case("constant: text with a value", SimpleImputer, {"strategy": "constant", "fill_value": "?"}, words, attributes, later)
    yield case("text with indicator", SimpleImputer, {"strategy": "constant", "fill_value": "?", "add_indicator": True}, words, attributes, later, inverse=False)
    yield case("mean: text", SimpleImputer, {"strategy": "mean"}, words, attributes)
    yield case("median: text", SimpleImputer, {"strategy": "median"}, words, attributes)
    yield case("constant: a number", SimpleImputer, {"strategy": "constant", "fill_value": -1.5}, floats["with missing"], attributes)
    yield case("constant: an integer among floats", SimpleImputer, {"strategy": "constant", "fill_value": 7}, floats["with missing"], attributes)
    yield case("constant: text among floats", SimpleImputer, {"strategy": "constant", "fill_value": "x"}, floats["with missing"], attributes)
    yield case("constant: a fraction among integers", SimpleImputer, {"strategy": "constant", "fill_value": 0.5}, {"a": column([1, 2, 3])}, attributes)
    yield case("median of two", SimpleImputer, {"strategy": "median"}, {"a": column([1.0, None, 4.0])}, attributes)
    yield case("infinity later", SimpleImputer, {}, floats["normal"], attributes, {"a": column([math.inf]), "b": column([0.0])})


@golden
def missing_indicator():
    attributes = ["features_"]
    tables = dict(numeric_tables())
    tables["mixed types"].pop("b")
    words = {"s": column(["b", None, "a"]), "t": column(["x", "y", "z"]), "u": column([None, None, "v"])}
    for features in ["missing-only", "all"]:
        for name in ["normal", "with missing", "all missing beside present", "one value", "mixed types", "single row"]:
            yield case(f"{features}: {name}", MissingIndicator, {"features": features}, tables[name], attributes)
        yield case(f"{features}: text", MissingIndicator, {"features": features}, words, attributes)
        yield case(f"{features}: text later", MissingIndicator, {"features": features}, words, attributes, {"s": column([None, "c"]), "t": column(["x", ""]), "u": column(["a", None])})
        for error in [False, True]:
            parameters = {"features": features, "error_on_new": error}
            yield case(f"{features}, {error}: new later", MissingIndicator, parameters, tables["with missing"], attributes, {"a": column([None, 1.0]), "b": column([2.0, None]), "c": column([None, 3.0])})
            yield case(f"{features}, {error}: nothing new later", MissingIndicator, parameters, tables["with missing"], attributes, {"a": column([None, 1.0]), "b": column([2.0, None]), "c": column([1.0, 3.0])})
            yield case(f"{features}, {error}: new text later", MissingIndicator, parameters, words, attributes, {"s": column([None, "c"]), "t": column(["x", None]), "u": column(["a", None])})
    yield case("infinity", MissingIndicator, {}, tables["infinity"], attributes)
    yield case("infinity later", MissingIndicator, {}, tables["with missing"], attributes, {"a": column([math.inf]), "b": column([2.0]), "c": column([3.0])})
    yield case("infinity in another column later", MissingIndicator, {}, tables["with missing"], attributes, {"a": column([1.0]), "b": column([2.0]), "c": column([-math.inf])})
    yield case("no such features", MissingIndicator, {"features": "some"}, tables["normal"], attributes)
