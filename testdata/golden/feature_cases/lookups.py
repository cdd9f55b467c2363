"""Crosses, vectors of keys, and distances on the Earth."""

import math
import struct

import numpy as np
import pandas as pd
from sklearn.utils import murmurhash3_32

from feature_cases import NAN, case, column, golden, golden_of, rng
from feature_cases.encoders import COUNTED, COUNTED_LATER, UNSEEN, categorical_tables


def is_missing(value):
    return value is None or (isinstance(value, float) and math.isnan(value))


class HashedCrossing:
    """Keras's layer of this name with scikit-learn's hash, written down from the documentation of mlcore alone."""

    def __init__(self, num_bins=1024, output_mode="int", handle_missing="value"):
        self.num_bins, self.output_mode, self.handle_missing = num_bins, output_mode, handle_missing

    def fit(self, frame):
        if not 1 <= self.num_bins <= 65_536 or frame.shape[1] < 2 or (self.output_mode, self.handle_missing) == ("one_hot", "return_nan"):
            raise ValueError("wrong parameters")
        self.columns = list(frame.columns)
        if self.handle_missing == "error" and frame.isna().to_numpy().any():
            raise ValueError("a missing value")
        if any(dtype.kind == "f" and np.isinf(frame[name]).any() for name, dtype in frame.dtypes.items()):
            raise ValueError("infinity")
        return self

    def part(self, value, dtype):
        if is_missing(value):
            return b"n"
        if isinstance(value, str):
            text = value.encode()
            return str(len(text)).encode() + b":" + text
        if dtype.kind == "f":
            return b"f" + struct.pack(">d", float(value) + 0.0).hex().encode()
        return b"i" + str(int(value)).encode() + b";"

    def transform(self, frame):
        if self.handle_missing == "error" and frame.isna().to_numpy().any():
            raise ValueError("a missing value")
        bins = []
        for row in zip(*(frame[name] for name in self.columns)):
            if self.handle_missing == "return_nan" and any(is_missing(value) for value in row):
                bins.append(NAN)
                continue
            key = b"".join(self.part(value, frame[name].dtype) for value, name in zip(row, self.columns))
            bins.append(abs(int(murmurhash3_32(key, seed=0))) % self.num_bins)
        if self.output_mode == "int":
            return np.array(bins, dtype=float).reshape(-1, 1)
        return np.eye(self.num_bins)[bins]

    def get_feature_names_out(self):
        name = "_X_".join(self.columns)
        return [name] if self.output_mode == "int" else [f"{name}_{bin}" for bin in range(self.num_bins)]


@golden
def hashed_crossing():
    def of(name, parameters, columns, later=None):
        return case(name, HashedCrossing, parameters, columns, (), later, widen=False)

    tables = dict(categorical_tables())
    pairs = {
        "texts": {"a": tables["text"]["plan"], "b": column((["x", "", "Ω", "12:x", "n"] * 12))},
        "text with missing": tables["text with missing"],
        "integers": tables["integers"],
        "text and integers": {"a": column(tables["text"]["plan"]["values"][:40]), **tables["integers"]},
        "floats": {"a": tables["floats"]["x"], "b": column([0.0, -0.0] * 20)},
        "float32": {"a": tables["float32"]["x"], "b": column(["u", "v"] * 10)},
        "bools and texts": {"a": tables["bools"]["b"], "b": column(["u", "v"] * 10)},
        "all missing": tables["all missing"],
        "counted": {"s": COUNTED["s"], "n": COUNTED["n"]},
        "keys that look alike": {"a": column(["1:a", "1", "", "i1;", "n", "a1:b"]), "b": column(["b", ":ab", "1:a1:b", "", "n", ""])},
    }
    for name, columns in pairs.items():
        for num_bins in [1, 7, 1024, 65_536]:
            yield of(f"{name}: {num_bins} bins", {"num_bins": num_bins}, columns)
        yield of(f"{name}: one_hot", {"num_bins": 5, "output_mode": "one_hot"}, columns)
        yield of(f"{name}: missing refused", {"handle_missing": "error"}, columns)
        yield of(f"{name}: missing as NaN", {"handle_missing": "return_nan"}, columns)
    yield of("default", {}, pairs["texts"])
    for handled in ["value", "error", "return_nan"]:
        yield of(f"later: {handled}", {"handle_missing": handled, "num_bins": 50}, {"s": column(["a", "b"]), "n": column([1, 2])}, COUNTED_LATER)
    yield of("one column", {}, {"s": COUNTED["s"]})
    yield of("infinity", {}, {"a": column([1.0, math.inf]), "b": column([1, 2])})
    for num_bins in [0, (1 << 20) + 1]:
        yield of(f"{num_bins} bins", {"num_bins": num_bins}, pairs["texts"])
    yield of("one_hot with NaN", {"output_mode": "one_hot", "handle_missing": "return_nan"}, pairs["texts"])


class EmbeddingLookup:
    """Rows of a data frame of pandas by their index."""

    def __init__(self, keys=None, vectors=None, handle_unknown="error", handle_missing="error"):
        self.keys, self.vectors = keys, vectors
        self.handle_unknown, self.handle_missing = handle_unknown, handle_missing

    def fit(self, frame):
        if not self.keys or len(self.keys) != len(self.vectors) or len(set(self.keys)) < len(self.keys):
            raise ValueError("wrong keys")
        self.table = pd.DataFrame(self.vectors, index=pd.Index(self.keys, dtype=object), dtype=float)
        self.embedding_dim_ = self.table.shape[1]
        self.columns = list(frame.columns)
        texts = isinstance(self.keys[0], str)
        if any(texts != (frame[name].dtype == object) for name in self.columns):
            raise TypeError("keys of another type")
        return self

    def other(self, handling):
        if handling == "error":
            raise ValueError("no key")
        return {"zeros": self.table.iloc[0] * 0.0, "mean": self.table.mean(), "return_nan": self.table.iloc[0] * NAN}[handling]

    def row(self, value):
        if is_missing(value):
            return self.other(self.handle_missing)
        value = int(value) if isinstance(value, (bool, np.bool_)) else value
        return self.table.loc[value] if value in self.table.index else self.other(self.handle_unknown)

    def transform(self, frame):
        return np.column_stack([np.array([self.row(value) for value in frame[name]]) for name in self.columns])

    def get_feature_names_out(self):
        return [f"{name}_{place}" for name in self.columns for place in range(self.embedding_dim_)]


@golden_of("pandas")
def embedding_lookup():
    attributes = ["embedding_dim_"]

    def of(name, parameters, columns, later=None):
        return case(name, EmbeddingLookup, parameters, columns, attributes, later, widen=False)

    g = rng(71)
    words = ["free", "pro", "enterprise", "trial", "a plan with a name of more than sixteen bytes", "ß", "Ω", ""]
    texts = {"keys": words, "vectors": g.normal(size=(8, 3)).tolist()}
    singles = {"keys": words, "vectors": g.normal(size=(8, 4)).astype(np.float32).astype(float).tolist()}
    numbers = {"keys": [-5, 0, 3, 2**53 + 1, -(10**15)], "vectors": g.normal(size=(5, 2)).tolist()}
    table = dict(categorical_tables())
    later = UNSEEN["text"]
    yield of("texts", texts, table["text"])
    yield of("texts of single precision", singles, table["text"])
    yield of("one number each", {**texts, "vectors": [[value] for value in range(8)]}, table["text"])
    for unknown in ["error", "zeros", "mean", "return_nan"]:
        for missing in ["error", "zeros", "mean", "return_nan"]:
            handled = {"handle_unknown": unknown, "handle_missing": missing}
            yield of(f"texts: {unknown}, {missing}", {**texts, **handled}, table["text"], later)
            yield of(f"integers: {unknown}, {missing}", {**numbers, **handled}, {"n": column([0, -5, 3])}, {"n": column([3, 2**53 + 1, 7, -5, 2**53])})
    open_ = {"handle_unknown": "mean", "handle_missing": "zeros"}
    yield of("two columns", {**texts, **open_}, table["text with missing"])
    yield of("floats", {**numbers, **open_}, {"x": column([0.0, -5.0, 0.5, None, 3.0, -0.0])})
    yield of("bools", {"keys": [0, 1], "vectors": [[0.5, 1.0], [-1.0, 2.0]]}, {"b": column([True, False, True])})
    yield of("zeros as vectors", {"keys": ["a", "b"], "vectors": [[0.0, 0.0], [0.0, 0.0]], **open_}, {"s": column(["b", "c", None])})
    yield of("keys of integers, a column of text", numbers, table["text"])
    yield of("keys of texts, a column of integers", texts, {"n": column([1, 2])})
    yield of("a key twice", {"keys": ["a", "a"], "vectors": [[1.0], [2.0]]}, {"s": column(["a"])})
    yield of("no keys", {}, {"s": column(["a"])})
    yield of("fewer vectors", {"keys": ["a", "b"], "vectors": [[1.0]]}, {"s": column(["a"])})


@golden_of("feature_engine")
def geo_distance_features():
    def make(lat1=None, lon1=None, lat2=None, lon2=None, **parameters):
        from feature_engine.creation import GeoDistanceFeatures

        given = [lat1, lon1, lat2, lon2]
        return GeoDistanceFeatures(*[name or own for name, own in zip(given, ["lat1", "lon1", "lat2", "lon2"])], **parameters)

    def points(generator, rows, names=("lat1", "lon1", "lat2", "lon2"), scale=1.0):
        bounds = [90, 180, 90, 180]
        return {name: column(generator.uniform(-bound, bound, rows) * scale) for name, bound in zip(names, bounds)}

    attributes = ["variables_"]
    tables = {
        "random": points(rng(72), 60),
        "close": {"lat1": column([59.91, 59.91, -33.0]), "lon1": column([10.75, 10.75, 18.0]), "lat2": column([59.91, 59.910001, -33.0]), "lon2": column([10.75, 10.75, 18.00000001])},
        "edges": {"lat1": column([90.0, -90.0, 0.0, 0.0, 45.0]), "lon1": column([0.0, 180.0, -180.0, 179.0, 0.0]), "lat2": column([-90.0, -90.0, 0.0, 0.0, 45.0]), "lon2": column([0.0, -180.0, 180.0, -179.0, 90.0])},
        "integers": {"lat1": column([59, 0]), "lon1": column([10, 0]), "lat2": column([41, 1]), "lon2": column([12, 1])},
        "float32": {name: column(np.float32(value) * np.ones(3), "float32") for name, value in [("lat1", 12.3), ("lon1", -45.6), ("lat2", 78.9), ("lon2", 1.2)]},
        "more columns": {"price": column([1.0, 2.0]), **{name: column(own["values"][:2]) for name, own in points(rng(73), 2).items()}, "city": column(["Oslo", "Rome"])},
    }
    for name, columns in tables.items():
        names = {} if name != "more columns" else {own: own for own in ["lat1", "lon1", "lat2", "lon2"]}
        for method in ["haversine", "euclidean", "manhattan"]:
            for unit in ["km", "miles", "meters", "feet"]:
                yield case(f"{name}: {method} in {unit}", make, {**names, "method": method, "output_unit": unit}, columns, attributes)
        yield case(f"{name}: without the columns", make, {**names, "drop_original": True, "output_col": "far"}, columns, attributes)
    renamed = {"lat1": "from_lat", "lon1": "from_lon", "lat2": "to_lat", "lon2": "to_lon"}
    yield case("named", make, renamed, points(rng(74), 9, names=list(renamed.values())), attributes)
    yield case("named in another order", make, {"lat1": "lat2", "lon1": "lon2", "lat2": "lat1", "lon2": "lon1"}, tables["edges"], attributes)
    yield case("a later table", make, {}, tables["random"], attributes, points(rng(75), 20))
    out = {**tables["edges"], "lat1": column([0.0, 91.0, 0.0, 0.0, 0.0])}
    for wrong in [out, {**tables["edges"], "lon2": column([0.0, 0.0, -180.5, 0.0, 0.0])}]:
        yield case(f"out of range, {wrong['lat1']['values'][1]}", make, {}, wrong, attributes)
        for method in ["haversine", "euclidean", "manhattan"]:
            yield case(f"ranges not checked, {wrong['lat1']['values'][1]}, {method}", make, {"validate_ranges": False, "method": method}, wrong, attributes)
    missing = {**tables["close"], "lat2": column([1.0, None, 2.0])}
    yield case("missing", make, {}, missing, attributes)
    yield case("missing later", make, {}, tables["close"], attributes, missing)
    yield case("no such column", make, {"lat1": "latitude"}, tables["close"], attributes)
    yield case("text", make, {"lat1": "city"}, tables["more columns"], attributes)
