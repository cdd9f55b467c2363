"""Numbers as other numbers."""

import math

from sklearn.preprocessing import Binarizer

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
