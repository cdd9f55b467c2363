"""Columns as a few directions."""

import math

import numpy as np
from sklearn.decomposition import PCA, TruncatedSVD

from feature_cases import LATER, case, column, golden, numeric_tables, rng


def correlated(seed, rows, columns, rank=None):
    """Columns that depend on each other, whose directions vary by clearly different amounts."""
    g = rng(seed)
    inner = rank or columns
    values = g.normal(size=(rows, inner)) * 1.7 ** -np.arange(inner) @ np.linalg.qr(g.normal(size=(columns, inner)))[0].T
    values = values + g.normal(3.0, 2.0, size=columns)
    return {f"c{position}": column(values[:, position]) for position in range(columns)}


@golden
def pca():
    attributes = ["components_", "explained_variance_", "explained_variance_ratio_", "singular_values_", "mean_", "noise_variance_", "n_components_", "n_samples_"]
    tables = dict(numeric_tables())
    for name in ["normal", "ties", "mostly zeros", "mixed types"]:
        # A zero comes back as what rounding leaves of it.
        yield case(name, PCA, {}, tables[name], attributes, inverse=name == "normal")
    five, tall, wide = correlated(90, 40, 5), correlated(91, 120, 4), correlated(92, 6, 9)
    for solver in ["auto", "full", "covariance_eigh"]:
        for count in [None, 1, 3, 5, 0.5, 0.9, 0.999]:
            yield case(f"{solver}: {count}", PCA, {"n_components": count, "svd_solver": solver}, five, attributes)
        yield case(f"{solver}: whitened", PCA, {"whiten": True, "svd_solver": solver}, five, attributes)
        yield case(f"{solver}: whitened, two", PCA, {"n_components": 2, "whiten": True, "svd_solver": solver}, five, attributes)
        yield case(f"{solver}: tall", PCA, {"n_components": 2, "svd_solver": solver}, tall, attributes)
        yield case(f"{solver}: more columns than rows", PCA, {"n_components": 4, "svd_solver": solver}, wide, attributes)
    later = {f"c{position}": column([0.0, 1e3, -2.5]) for position in range(5)}
    yield case("later", PCA, {"n_components": 3}, five, attributes, later)
    yield case("fewer directions than columns", PCA, {"n_components": 2}, correlated(93, 30, 4, rank=2), [own for own in attributes if own != "noise_variance_"])
    yield case("a seed", PCA, {"n_components": 2, "random_state": 7}, five, attributes)
    for name, parameters in [("too many", {"n_components": 6}), ("a whole share", {"n_components": 1.0}), ("a large share", {"n_components": 1.5}), ("negative", {"n_components": -1}), ("no such solver", {"svd_solver": "qr"})]:
        yield case(name, PCA, parameters, five, attributes)
    yield case("missing", PCA, {}, tables["with missing"], attributes)
    yield case("missing later", PCA, {}, tables["normal"], attributes, LATER)
    yield case("infinity later", PCA, {}, tables["normal"], attributes, {"a": column([1.0]), "b": column([math.inf])})
    yield case("text", PCA, {}, {"a": column(["x", "y"])}, attributes)


@golden
def truncated_svd():
    def make(**parameters):
        return TruncatedSVD(**({"random_state": 1} | parameters))

    attributes = ["components_", "explained_variance_", "explained_variance_ratio_", "singular_values_"]
    tables = dict(numeric_tables())
    five, tall, wide = correlated(95, 40, 5), correlated(96, 120, 4), correlated(97, 6, 9)
    for count in [1, 2, 3, 4]:
        yield case(f"arpack: {count}", make, {"n_components": count, "algorithm": "arpack"}, five, attributes)
    for count in [1, 2, 5]:
        # Where there are few columns, the random projections are all of them.
        yield case(f"randomized: {count}", make, {"n_components": count}, five, attributes)
    yield case("defaults", make, {}, five, attributes)
    yield case("a seed", make, {"random_state": 3}, five, attributes)
    for algorithm in ["arpack", "randomized"]:
        yield case(f"{algorithm}: tall", make, {"algorithm": algorithm}, tall, attributes)
        yield case(f"{algorithm}: more columns than rows", make, {"algorithm": algorithm, "n_components": 3}, wide, attributes)
        yield case(f"{algorithm}: mixed types", make, {"algorithm": algorithm, "n_components": 2}, tables["mixed types"], attributes, inverse=False)
    counts = {f"w{position}": column(rng(98 + position).poisson(0.5 + 0.4 * position, 50)) for position in range(6)}
    yield case("counts", make, {"algorithm": "arpack", "n_components": 3}, counts, attributes, inverse=False)
    yield case("normal", make, {}, tables["normal"], attributes)
    later = {f"c{position}": column([0.0, 1e3, -2.5]) for position in range(5)}
    yield case("later", make, {"algorithm": "arpack"}, five, attributes, later)
    for name, parameters in [("none", {"n_components": 0}), ("too many", {"n_components": 6}), ("no such algorithm", {"algorithm": "qr"}), ("a fraction", {"n_components": 0.5})]:
        yield case(name, make, parameters, five, attributes)
    yield case("one column", make, {"n_components": 1}, {"a": column([1.0, 2.0, 3.0])}, attributes)
    yield case("missing", make, {}, tables["with missing"], attributes)
    yield case("missing later", make, {}, tables["normal"], attributes, LATER)
    yield case("text", make, {}, {"a": column(["x", "y"]), "b": column(["x", "y"])}, attributes)
