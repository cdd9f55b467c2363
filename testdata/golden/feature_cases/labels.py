"""Labels for categories that are rare, as feature-engine gives them."""

import numpy as np
import pandas as pd

from feature_cases import NAN, case, column, golden_of, rng
from feature_cases.encoders import COUNTED, COUNTED_LATER, UNSEEN, categorical_tables

# Columns of integers without those that a float rounds.
TABLES = {name: columns for name, columns in categorical_tables() if name not in ("infinity", "all missing")}
TABLES["integers"] = {"n": TABLES["integers"]["n"]}
TEXTS = {name: columns for name, columns in TABLES.items() if all(own["dtype"] == "string" for own in columns.values())}


class RareLabelEncoder:
    """feature-engine's encoder, whose columns have one type: texts where it mixes texts with numbers."""

    def __init__(self, **parameters):
        from feature_engine.encoding import RareLabelEncoder

        self.make, self.texts = RareLabelEncoder, isinstance(parameters.get("replace_with", "Rare"), str)
        self.parameters = parameters

    def fit(self, frame):
        if not self.texts and any(dtype == object for dtype in frame.dtypes):
            raise TypeError("a column of texts has no number")
        self.own = self.make(variables=list(frame.columns), **self.parameters).fit(frame)
        self.encoder_dict_ = [[label for label in labels if not pd.isna(label)] for labels in self.own.encoder_dict_.values()]
        self.variables_ = self.own.variables_
        return self

    def get_feature_names_out(self):
        return self.own.get_feature_names_out()

    def transform(self, frame):
        output = self.own.transform(frame)
        if not self.texts:
            return output.to_numpy(dtype=float)
        made = np.empty(output.shape, dtype=object)
        for place, (name, before) in enumerate(frame.items()):
            shown = before.dtype.type if before.dtype.kind == "f" else lambda v: v
            texts = [None if pd.isna(v) else v if isinstance(v, str) else str(shown(v)) for v in output[name]]
            made[:, place] = texts
        return made


@golden_of("feature_engine")
def rare_label_encoder():
    attributes = ["encoder_dict_", "variables_"]
    loose = {"n_categories": 1, "missing_values": "ignore"}

    def of(name, parameters, columns, later=None):
        return case(name, RareLabelEncoder, parameters, columns, attributes, later, widen=False)

    for name, columns in TABLES.items():
        yield of(f"{name}: default", {}, columns)
        # It has no label for bools that are rare, and two for zero.
        if name not in ("bools", "negative zero"):
            yield of(f"{name}: any format", {"ignore_format": True, "missing_values": "ignore", "n_categories": 2, "tol": 0.15}, columns)
    for name, columns in TEXTS.items():
        for tol in [0, 0.05, 0.2, 1]:
            yield of(f"{name}: tol {tol}", {**loose, "tol": tol}, columns)
        for most in [0, 1, 3, 100]:
            yield of(f"{name}: max_n_categories {most}", {**loose, "tol": 0.01, "max_n_categories": most}, columns)
        if name in UNSEEN:
            later = {column: UNSEEN[name][column] for column in columns}
            yield of(f"{name}: unseen", {**loose, "tol": 0.1}, columns, later)
            yield of(f"{name}: unseen, missing refused", {"n_categories": 1, "tol": 0.1}, columns, later)
    # pandas puts no fraction among integers.
    for number in [-1, 0, 2.5]:
        for name in ["integers", "floats", "floats with missing", "constant"]:
            own = {key: value for key, value in TABLES[name].items() if value["dtype"] != "string"}
            if number == 2.5 and any(value["dtype"] == "int64" for value in own.values()):
                continue
            yield of(f"{name}: replaced with {number}", {**loose, "ignore_format": True, "replace_with": number, "tol": 0.15}, own)
    counted = {"n": COUNTED["n"]}
    yield of("counted: numbers", {**loose, "ignore_format": True, "replace_with": 0, "tol": 0.2}, counted, {"n": COUNTED_LATER["n"]})
    yield of("counted: texts", {**loose, "ignore_format": True, "tol": 0.2}, COUNTED, COUNTED_LATER)
    yield of("counted: a number for texts", {**loose, "replace_with": 0}, COUNTED)
    yield of("numbers without ignore_format", {}, counted)
    yield of("another name", {**loose, "tol": 0.3, "replace_with": "b"}, {"s": COUNTED["s"]}, {"s": COUNTED_LATER["s"]})
    yield of("share at the bound", {"tol": 0.25, "n_categories": 3}, {"s": column(["a", "b", "c", "d"] * 3)})
    yield of("few and many categories", {"tol": 0.3, "n_categories": 3}, {"few": column(["a", "b", "b", "b", "b", "b"]), "many": column(["p", "q", "q", "r", "q", "s"])})
    yield of("a missing value counts as one of the values", {**loose, "n_categories": 2, "tol": 0.4}, {"s": column(["a", None, "b", "a"])})
    yield of("equal shares", {**loose, "max_n_categories": 2, "tol": 0.1}, {"s": column(["z", "b", "a", "b", "z", "a"])})
    g = rng(61)
    long = {"s": column([f"label {int(value)}" for value in g.geometric(0.2, 300)])}
    for tol in [0.02, 0.08]:
        yield of(f"long tail, {tol}", {"tol": tol}, long)
    for parameters in [{"tol": -0.1}, {"tol": 1.5}]:
        yield of(f"wrong parameters {parameters}", parameters, {"s": COUNTED["s"]})
    yield of("missing refused", {}, {"s": column(["a", None])})
    yield of("missing in numbers refused", {"ignore_format": True}, {"x": column([1.0, NAN, 2.0])}, {"x": column([1.0])})
    yield of("missing in later numbers refused", {"ignore_format": True}, {"x": column([1.0, 2.0])}, {"x": column([1.0, None])})
