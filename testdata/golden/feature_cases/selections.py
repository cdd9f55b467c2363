"""Columns that are made of several, and columns that are worth keeping."""

import functools
import math

import numpy as np
from sklearn.feature_selection import SelectKBest, VarianceThreshold, chi2, f_classif, f_regression
from sklearn.feature_selection import mutual_info_classif, mutual_info_regression, r_regression
from sklearn.preprocessing import PolynomialFeatures

from feature_cases import LATER, case, column, golden, numeric_tables, rng


@golden
def polynomial_features():
    attributes = ["n_output_features_", "powers_"]
    tables = dict(numeric_tables())
    for name in ["normal", "ties", "constant", "single row", "offset 1e9", "mixed types", "wide range", "mostly zeros"]:
        yield case(name, PolynomialFeatures, {}, tables[name], attributes)
    wide = {f"c{position}": column(rng(60 + position).normal(size=7)) for position in range(5)}
    for parameters in [
        {"degree": 0}, {"degree": 1}, {"degree": 3}, {"degree": 6}, {"degree": (2, 3)}, {"degree": (0, 2)}, {"degree": (3, 3)},
        {"degree": 3, "interaction_only": True}, {"degree": 9, "interaction_only": True}, {"degree": (2, 4), "interaction_only": True},
        {"include_bias": False}, {"degree": (2, 3), "include_bias": False}, {"degree": 1, "include_bias": False}, {"order": "F"},
        {"degree": 3, "interaction_only": True, "include_bias": False}, {"degree": 12, "interaction_only": False},
    ]:
        few = {name: wide[name] for name in list(wide)[:2]} if parameters.get("degree") == 12 else wide
        yield case(f"wide {sorted(parameters.items())}", PolynomialFeatures, parameters, few, attributes)
    named = {"a b": column([1.0, 2.0]), "c^2": column([3.0, -1.0]), "2": column([0.5, 0.25])}
    yield case("odd names", PolynomialFeatures, {}, named, attributes)
    yield case("one column", PolynomialFeatures, {"degree": 5}, {"a": column([1.0, -2.0, 0.1])}, attributes)
    yield case("later", PolynomialFeatures, {}, tables["normal"], attributes, {"a": column([0.0, 1e200, -3.0]), "b": column([-0.0, 1e200, 1e-200])})
    for name, parameters in [("nothing left", {"degree": 0, "include_bias": False}), ("upside down", {"degree": (3, 2)}), ("negative", {"degree": -1}), ("three", {"degree": (1, 2, 3)}), ("a fraction", {"degree": 1.5})]:
        yield case(name, PolynomialFeatures, parameters, tables["normal"], attributes)
    yield case("missing", PolynomialFeatures, {}, tables["with missing"], attributes)
    yield case("missing later", PolynomialFeatures, {}, tables["normal"], attributes, LATER)
    yield case("infinity later", PolynomialFeatures, {}, tables["normal"], attributes, {"a": column([1.0]), "b": column([math.inf])})
    yield case("text", PolynomialFeatures, {}, {"a": column(["x", "y"])}, attributes)


@golden
def variance_threshold():
    attributes = ["variances_"]
    tables = dict(numeric_tables())
    for name, columns in tables.items():
        # scikit-learn takes no missing value back, though it hands them on.
        complete = all(None not in spec["values"] for spec in columns.values())
        yield case(name, VarianceThreshold, {}, columns, attributes, inverse=complete)
    some = {"a": tables["normal"]["a"], "flat": column([2.5] * 40), "b": tables["normal"]["b"], "tenth": column([0.1] * 40)}
    for threshold in [0.0, 0.5, 1e-30, 1.5, 99.0]:
        yield case(f"some, {threshold}", VarianceThreshold, {"threshold": threshold}, some, attributes)
    yield case("missing, with a threshold", VarianceThreshold, {"threshold": 0.9}, tables["with missing"], attributes, inverse=False)
    yield case("bernoulli", VarianceThreshold, {"threshold": 0.16}, {"rare": column([0, 0, 1, 0, 0, 0]), "often": column([1, 0, 1, 0, 0, 1])}, attributes)
    yield case("flags", VarianceThreshold, {}, {"a": column([True, False, True]), "b": column([True, True, True])}, attributes)
    yield case("later", VarianceThreshold, {}, some, attributes, {"a": column([None, math.inf]), "flat": column([7.0, 8.0]), "b": column([1.0, 2.0]), "tenth": column([0.0, 0.0])}, inverse=False)
    yield case("negative threshold", VarianceThreshold, {"threshold": -1.0}, some, attributes)
    yield case("text", VarianceThreshold, {}, {"a": column(["x", "y"])}, attributes)


@golden
def select_k_best():
    functions = {own.__name__: own for own in [f_classif, f_regression, r_regression, chi2, mutual_info_classif, mutual_info_regression]}

    def make(score_func="f_classif", k=10):
        name, *options = [score_func] if isinstance(score_func, str) else score_func
        return SelectKBest(functools.partial(functions[name], **dict(options)), k=k)

    attributes = ["scores_", "pvalues_"]
    g = rng(80)
    rows = 60
    classes = g.integers(0, 3, rows)
    numbers = {
        "noise": column(g.normal(size=rows)),
        "strong": column(classes + 0.3 * g.normal(size=rows)),
        "weak": column(classes + 3.0 * g.normal(size=rows)),
        "whole": column(g.integers(0, 9, rows)),
        "flag": column(g.random(rows) < 0.3),
    }
    counts = {name: column(g.poisson(rate, rows)) for name, rate in [("some", 2.0), ("many", 40.0), ("few", 0.3)]}
    counts["linked"] = column(g.poisson(1.0 + 2.0 * classes))
    words = [["low", "middle", "high"][own] for own in classes]
    halves = [bool(own) for own in classes > 0]
    trend = 3.0 * np.array(numbers["strong"]["values"]) + g.normal(size=rows)
    for k in [0, 1, 2, 3, "all", 100]:
        yield case(f"classes, {k}", make, {"k": k}, numbers, attributes, target=classes)
        yield case(f"regression, {k}", make, {"score_func": "f_regression", "k": k}, numbers, attributes, target=trend)
        yield case(f"counts, {k}", make, {"score_func": "chi2", "k": k}, counts, attributes, target=classes)
    yield case("defaults", make, {}, numbers, attributes, target=classes)
    yield case("words", make, {"k": 2}, numbers, attributes, target=words)
    yield case("two classes", make, {"k": 2}, numbers, attributes, target=halves)
    yield case("classes as floats", make, {"k": 2}, numbers, attributes, target=[own + 0.5 for own in classes])
    yield case("counts of words", make, {"score_func": "chi2", "k": 2}, counts, attributes, target=words)
    yield case("counts of two classes", make, {"score_func": "chi2", "k": 1}, counts, attributes, target=halves)
    yield case("later", make, {"k": 2}, numbers, attributes, {"noise": column([0.5]), "strong": column([-1.0]), "weak": column([2.5]), "whole": column([3]), "flag": column([True])}, target=classes)
    later = {"noise": column([0.5]), "strong": column([None], "float64"), "weak": column([2.5]), "whole": column([3]), "flag": column([True])}
    yield case("missing later", make, {"k": 1}, numbers, attributes, later, target=classes)
    equal = {"a": numbers["noise"], "b": numbers["strong"], "c": numbers["strong"], "d": numbers["noise"]}
    yield case("equal scores", make, {"k": 1}, equal, attributes, target=classes)
    yield case("equal scores, three", make, {"k": 3}, equal, attributes, target=classes)
    flat = {"a": numbers["noise"], "flat": column([2.0] * rows), "b": numbers["strong"]}
    yield case("constant, regression", make, {"score_func": "f_regression", "k": 2}, flat, attributes, target=trend)
    yield case("constant target", make, {"score_func": "f_regression", "k": 2}, numbers, attributes, target=[1.5] * rows)
    yield case("empty counts", make, {"score_func": "chi2", "k": 2}, counts | {"never": column([0] * rows)}, attributes, target=classes)
    yield case("no target", make, {"k": 1}, numbers, attributes)
    yield case("negative counts", make, {"score_func": "chi2", "k": 1}, numbers, attributes, target=classes)
    yield case("negative k", make, {"k": -1}, numbers, attributes, target=classes)
    yield case("missing", make, {"k": 1}, dict(numeric_tables())["with missing"], attributes, target=[0, 1] * 68 + [1])
    yield case("a missing target", make, {"score_func": "f_regression", "k": 1}, numbers, attributes, target=[math.nan] + [1.0] * (rows - 1))

    for k in [1, 3, "all"]:
        yield case(f"correlation, {k}", make, {"score_func": "r_regression", "k": k}, numbers, attributes, target=trend)
    yield case("negative correlation", make, {"score_func": "r_regression", "k": 2}, numbers, attributes, target=-trend)
    yield case("constant, correlation", make, {"score_func": "r_regression", "k": 2}, flat, attributes, target=trend)
    yield case("constant target, correlation", make, {"score_func": "r_regression", "k": 2}, numbers, attributes, target=[1.5] * rows)
    yield case("correlation of two rows", make, {"score_func": "r_regression", "k": 1}, {"a": column([1.0, 2.0]), "b": column([3.0, 1.0])}, attributes, target=[1.0, 2.0])

    # Mutual information: without a seed scikit-learn draws anew, and so every case has one.
    def informed(name, **options):
        return {"score_func": [name, *[[own, value] for own, value in {"random_state": 0, **options}.items()]], "k": 1}

    # What is left out comes back as zeros, whatever the scores.
    told = functools.partial(case, inverse=False)
    classif, regression = functools.partial(informed, "mutual_info_classif"), functools.partial(informed, "mutual_info_regression")
    g = rng(81)
    more = numbers | {
        "mostly zero": column(np.where(g.random(rows) < 0.7, 0.0, classes * g.normal(size=rows))),
        "far": column(1e6 + classes + g.normal(size=rows)),
        "constant": column([0.1] * rows),
        "bent": column((classes - 1.0) ** 2 + 0.1 * g.normal(size=rows)),
        "sevenths": column(g.integers(0, 7, rows) / 7.0),
    }
    for seed in [0, 1, 2**32 - 1]:
        yield told(f"information of classes, seed {seed}", make, classif(random_state=seed) | {"k": 3}, more, attributes, target=classes)
        yield told(f"information of numbers, seed {seed}", make, regression(random_state=seed) | {"k": 3}, more, attributes, target=trend)
    for neighbors in [1, 2, 5, 7, 9, 11, 30]:
        yield told(f"information of classes, {neighbors} neighbours", make, classif(n_neighbors=neighbors), more, attributes, target=classes)
        yield told(f"information of numbers, {neighbors} neighbours", make, regression(n_neighbors=neighbors), more, attributes, target=trend)
    for discrete in ["auto", True, False, [3, 4, -1], [position in (3, 4, 7) for position in range(len(more))]]:
        # As classes, continuous columns have a value in each row and tie: which of them is best, rounding says.
        among = {"k": "all"} if discrete is True else {}
        yield told(f"information of classes, discrete {discrete}", make, classif(discrete_features=discrete) | among, more, attributes, target=classes)
        if discrete is not True:
            yield told(f"information of numbers, discrete {discrete}", make, regression(discrete_features=discrete), more, attributes, target=trend)
    yield told("information of words", make, classif(copy=False), more, attributes, target=words)
    yield told("information of two classes", make, classif(n_jobs=1), more, attributes, target=halves)
    yield told("information of one class", make, classif(), more, attributes, target=[1] * rows)
    yield told("information of whole floats", make, classif(), more, attributes, target=[float(own) for own in classes])
    lonely = [100 + row if row < 4 else int(own) for row, own in enumerate(classes)]
    yield told("information of classes of one row", make, classif(), more, attributes, target=lonely)
    yield told("information of classes of few rows", make, classif(), more, attributes, target=[row // 5 for row in range(rows)])
    yield told("information of whole numbers", make, regression(), more, attributes, target=classes)
    yield told("information of a constant", make, regression(), more, attributes, target=[0.1] * rows)
    yield told("information of a far target", make, regression(), more, attributes, target=[1e9 + own for own in trend])
    few = {name: column(spec["values"][:6], spec["dtype"]) for name, spec in more.items()}
    yield told("information of six rows", make, classif(), few, attributes, target=[0, 0, 0, 1, 1, 1])
    yield told("information of six numbers", make, regression(), few, attributes, target=trend[:6])
    g = rng(82)
    many = {"a": column(g.normal(size=600)), "b": column(g.exponential(1, 600).round(2)), "c": column(g.integers(0, 3, 600))}
    yield told("information of many classes", make, classif(discrete_features=[2]), many, attributes, target=g.integers(0, 40, 600))
    yield told("information of many numbers", make, regression(discrete_features=[2]), many, attributes, target=np.array(many["a"]["values"]) ** 2 + g.normal(size=600))
    yield told("classes are no fractions", make, classif(), more, attributes, target=trend)
    yield told("every class has one row", make, classif(), more, attributes, target=list(range(rows)))
    yield told("every value stands in one row", make, regression(discrete_features=[0]), more, attributes, target=trend)
    yield told("more neighbours than rows", make, regression(n_neighbors=60), more, attributes, target=trend)
    yield told("no such word", make, classif(discrete_features="some"), more, attributes, target=classes)
    yield told("information of a missing target", make, regression(), more, attributes, target=[math.nan, *trend[1:]])
    yield told("information of missing values", make, classif(), dict(numeric_tables())["with missing"], attributes, target=[0, 1] * 68 + [1])
    later = {name: column(spec["values"][:2], spec["dtype"]) for name, spec in more.items()}
    yield told("information, later", make, classif() | {"k": 2}, more, attributes, later, target=classes)
