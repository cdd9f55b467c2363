"""Values in the place of missing ones."""

import math

from sklearn.experimental import enable_iterative_imputer  # noqa: F401
from sklearn.impute import IterativeImputer, KNNImputer, MissingIndicator, SimpleImputer

from feature_cases import case, column, golden, holes, numeric_tables, rng


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
    marked = {"a": column([1.0, -1.0, 3.0, -1.0, 3.0, 8.5]), "b": column([-1.0, 2.0, 2.0, 5.0, -1.5, 2.0])}
    whole = {"n": column([3, -1, 1, 1, -1, 7, 7]), "m": column([0, 1, 2, 3, 4, 5, 6])}
    noted = {"s": column(["b", "", "a", "b", "", "c"]), "t": column(["x", "y", "y", "x", "zebra crossing with a long name", "?"])}
    for strategy in ["mean", "median", "most_frequent", "constant"]:
        of = {"missing_values": -1, "strategy": strategy}
        yield case(f"{strategy}: marked by -1", SimpleImputer, of, marked, attributes, {"a": column([-1.0, 7.0]), "b": column([-1.0, -1.0])})
        yield case(f"{strategy}: marked by -1, indicator", SimpleImputer, {**of, "add_indicator": True}, marked, attributes)
        yield case(f"{strategy}: integers marked by -1", SimpleImputer, {**of, "add_indicator": True}, whole, attributes)
        yield case(f"{strategy}: nothing but marks", SimpleImputer, of, {"a": column([-1.0, -1.0]), "b": column([1.0, -1.0])}, attributes)
        yield case(f"{strategy}: nothing but marks, kept", SimpleImputer, {**of, "keep_empty_features": True}, {"a": column([-1.0, -1.0]), "b": column([1.0, -1.0])}, attributes)
        yield case(f"{strategy}: marks beside missing values", SimpleImputer, of, {"a": column([1.0, -1.0, None])}, attributes)
        yield case(f"{strategy}: marks, and missing values later", SimpleImputer, of, marked, attributes, {"a": column([-1.0, None]), "b": column([2.0, 2.0])})
        yield case(f"{strategy}: numbers marked by a text", SimpleImputer, {**of, "missing_values": "?"}, marked, attributes)
    for strategy in ["most_frequent", "constant"]:
        for mark in ["", "b", "never there"]:
            of = {"missing_values": mark, "strategy": strategy}
            yield case(f"{strategy}: text marked by {mark!r}", SimpleImputer, of, noted, attributes, {"s": column(["", "b", "new"]), "t": column(["?", "", "x"])})
        yield case(f"{strategy}: text marked, indicator", SimpleImputer, {"missing_values": "", "strategy": strategy, "add_indicator": True}, noted, attributes, inverse=False)
        yield case(f"{strategy}: text marked, missing values", SimpleImputer, {"missing_values": "", "strategy": strategy}, {"s": column(["a", "", None])}, attributes)
    yield case("constant: marked by 0, a number", SimpleImputer, {"missing_values": 0, "strategy": "constant", "fill_value": 2.5}, {"a": column([0.0, -0.0, 1.0])}, attributes)
    yield case("marked by a fraction", SimpleImputer, {"missing_values": 0.5}, {"a": column([0.5, 1.0, 4.0])}, attributes)
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


class NamedKNNImputer(KNNImputer):
    """scikit-learn leaves out the names of the empty columns that it keeps."""

    def get_feature_names_out(self, input_features=None):
        return self.feature_names_in_ if self.keep_empty_features else super().get_feature_names_out(input_features)


@golden
def knn_imputer():
    def indicated(fitted):
        return [] if fitted.indicator_ is None else fitted.indicator_.features_

    attributes = [("indicator_features_", indicated)]
    tables = dict(numeric_tables())
    g = rng(110)

    def dyadic(rows, share):
        """Numbers whose squares and their sums are exact: scikit-learn expands the square of a difference."""
        return column(holes(g.integers(-4000, 4000, rows) / 1024.0, g, share))

    some = {"a": dyadic(60, 0.2), "b": dyadic(60, 0.5), "c": dyadic(60, 0.1), "d": dyadic(60, 0.0)}
    later = {"a": column([None, 1.0, None, 0.125]), "b": column([2.0, None, None, None]), "c": column([None, 3.0, None, 0.5]), "d": column([0.5, None, None, -1.0])}
    for weights in ["uniform", "distance"]:
        for count in [1, 2, 5, 30, 1000]:
            yield case(f"{weights}: {count}", KNNImputer, {"weights": weights, "n_neighbors": count}, some, attributes)
        yield case(f"{weights}: later", KNNImputer, {"weights": weights, "n_neighbors": 3}, some, attributes, later)
        yield case(f"{weights}: all missing beside present", KNNImputer, {"weights": weights}, tables["all missing beside present"], attributes)
        yield case(f"{weights}: one value", KNNImputer, {"weights": weights}, tables["one value"], attributes)
        yield case(f"{weights}: keep empty", NamedKNNImputer, {"weights": weights, "keep_empty_features": True}, tables["all missing beside present"] | {"c": column([None, 2.0, 3.0])}, attributes)
        same = {"a": column([1.0, 1.0, 1.0, 4.0, 9.0]), "b": column([2.0, None, 5.0, 7.0, 9.0]), "c": column([0.0, 0.0, 0.0, 8.0, None])}
        yield case(f"{weights}: no distance", KNNImputer, {"weights": weights, "n_neighbors": 3}, same, attributes)
        yield case(f"{weights}: nothing shared", KNNImputer, {"weights": weights, "n_neighbors": 2}, {"a": column([None, 1.0, 2.0, 4.0]), "b": column([3.0, None, None, None])}, attributes)
    yield case("normal", KNNImputer, {}, tables["normal"], attributes)
    yield case("normal, later", KNNImputer, {}, tables["normal"], attributes, {"a": column([None, 0.5, None]), "b": column([3.0, None, None])})
    wide = {f"c{position}": column(holes(rng(120 + position).normal(size=50), rng(140 + position), 0.15)) for position in range(8)}
    yield case("wide", KNNImputer, {}, wide, attributes)
    yield case("wide, two", KNNImputer, {"n_neighbors": 2}, wide, attributes)
    yield case("mixed types", KNNImputer, {}, {"i": column([1, 2, None, 7, 20]), "d": column([0.5, None, 2.0, 3.0, 9.0])}, attributes)
    yield case("indicator", KNNImputer, {"add_indicator": True, "n_neighbors": 2}, some, attributes, later)
    yield case("indicator of an empty column", KNNImputer, {"add_indicator": True}, tables["all missing beside present"], attributes)
    yield case("indicator of nothing", KNNImputer, {"add_indicator": True}, tables["normal"], attributes)
    for name, parameters in [("no neighbours", {"n_neighbors": 0}), ("negative", {"n_neighbors": -1}), ("no such weights", {"weights": "square"}), ("no such metric", {"metric": "euclid"})]:
        yield case(name, KNNImputer, parameters, some, attributes)
    yield case("infinity", KNNImputer, {}, tables["infinity"], attributes)
    yield case("infinity later", KNNImputer, {}, tables["normal"], attributes, {"a": column([math.inf]), "b": column([0.0])})
    yield case("text", KNNImputer, {}, {"a": column(["x", "y"])}, attributes)


class NamedIterativeImputer(IterativeImputer):
    """scikit-learn has no count of columns where it does no round, and leaves out the names of empty columns that it keeps."""

    n_features_with_missing_ = 0

    def get_feature_names_out(self, input_features=None):
        return self.feature_names_in_ if self.keep_empty_features else super().get_feature_names_out(input_features)


@golden
def iterative_imputer():
    def indicated(fitted):
        return [] if fitted.indicator_ is None else fitted.indicator_.features_

    make, attributes = NamedIterativeImputer, ["n_iter_", ("indicator_features_", indicated)]
    tables = dict(numeric_tables())
    g = rng(170)
    first = g.normal(size=70)
    linked = [first, 2.0 * first + g.normal(0, 0.3, 70), 5.0 - first + g.normal(0, 0.5, 70), g.normal(10, 2, 70)]
    some = {f"c{position}": column(holes(values, g, share)) for position, (values, share) in enumerate(zip(linked, [0.1, 0.3, 0.2, 0.0]))}
    later = {"c0": column([None, 1.0, None, 0.125]), "c1": column([2.0, None, None, None]), "c2": column([None, 3.0, None, 0.5]), "c3": column([0.5, None, 9.0, -1.0])}
    yield case("defaults", make, {}, some, attributes)
    yield case("later", make, {}, some, attributes, later)
    for order in ["ascending", "descending", "roman", "arabic"]:
        yield case(f"order: {order}", make, {"imputation_order": order}, some, attributes, later)
        yield case(f"order: {order}, complete skipped", make, {"imputation_order": order, "skip_complete": True}, some, attributes, later)
    for rounds in [0, 1, 2, 30]:
        yield case(f"rounds: {rounds}", make, {"max_iter": rounds, "tol": 1e-6}, some, attributes, later)
    for strategy in ["mean", "median", "most_frequent", "constant"]:
        yield case(f"first: {strategy}", make, {"initial_strategy": strategy, "max_iter": 2}, some, attributes, later)
    yield case("bounds", make, {"min_value": 0.0, "max_value": 4.0}, some, attributes, later)
    yield case("bounds upside down", make, {"min_value": 4.0, "max_value": 4.0}, some, attributes)
    yield case("indicator", make, {"add_indicator": True}, some, attributes, later)
    empty = {"c0": some["c0"], "none": column([None] * 70, "float64"), "c1": some["c1"], "c2": some["c2"]}
    yield case("an empty column", make, {}, empty, attributes)
    # scikit-learn writes into its input, which it may where the columns are of several types.
    several = empty | {"whole": column(g.integers(0, 9, 70))}
    yield case("an empty column is kept", make, {"keep_empty_features": True}, several, attributes)
    yield case("one column", make, {}, {"a": column([1.0, None, 4.0])}, attributes)
    yield case("normal", make, {}, tables["normal"], attributes)
    yield case("ties", make, {}, {"a": tables["ties"]["a"], "b": column(holes(tables["ties"]["b"]["values"], rng(171)))}, attributes)
    yield case("with missing", make, {}, {"a": tables["with missing"]["a"], "c": tables["with missing"]["c"]}, attributes)
    yield case("a seed", make, {"random_state": 3}, some, attributes)
    for name, parameters in [("no such order", {"imputation_order": "greek"}), ("negative tolerance", {"tol": -1.0}), ("negative rounds", {"max_iter": -1})]:
        yield case(name, make, parameters, some, attributes)
    yield case("infinity", make, {}, tables["infinity"], attributes)
    yield case("infinity later", make, {}, tables["normal"], attributes, {"a": column([math.inf]), "b": column([0.0])})
    yield case("text", make, {}, {"a": column(["x", "y"])}, attributes)
