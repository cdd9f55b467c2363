"""Categories as numbers."""

import math

import numpy as np
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder

from feature_cases import NAN, case, column, golden, holes, rng


def categorical_tables():
    g = rng(11)
    words = ["free", "pro", "enterprise", "trial", "a plan with a name of more than sixteen bytes", "ß", "Ω", ""]
    yield "text", {"plan": column(g.choice(words, 60).tolist())}
    yield "text with missing", {"plan": column([None if g.random() < 0.2 else str(v) for v in g.choice(words[:4], 60)]), "other": column(g.choice(["x", "y"], 60).tolist())}
    yield "integers", {"n": column(g.integers(-5, 5, 40)), "m": column(g.choice([10**15, -(10**15), 2**53 + 1], 40))}
    yield "floats", {"x": column(g.choice([0.1, 1.0, -2.5, 1e16, 1e-5, 1e-4, 12345.678], 40))}
    yield "floats with missing", {"x": column(holes(g.choice([1.0, 2.0, 3.0], 30), g))}
    yield "bools", {"b": column(g.random(20) < 0.5)}
    yield "float32", {"x": column(g.choice([0.1, 0.5, 3.0], 20).astype(np.float32).astype(float), "float32")}
    yield "single row", {"s": column(["only"]), "x": column([1.5])}
    yield "constant", {"s": column(["same"] * 5), "n": column([7] * 5)}
    yield "all missing", {"s": column([None, None], "string"), "x": column([None, None], "float64")}
    yield "many categories", {"s": column([f"category {i * i % 997}" for i in range(400)])}
    yield "negative zero", {"x": column([0.0, -0.0, 1.0])}
    yield "infinity", {"x": column([1.0, math.inf])}


UNSEEN = {
    "text": {"plan": column(["free", "never seen", None, "", "a plan with a name of more than sixteen bytez"])},
    "text with missing": {"plan": column([None, "zzz", "pro"]), "other": column(["x", "w", None])},
    "integers": {"n": column([0, 99, -5]), "m": column([10**15, 10**15 + 1, 2**53])},
    "floats": {"x": column([0.1, 0.1 + 1e-17, 7.0, None])},
    "floats with missing": {"x": column([None, 1.0, 9.0])},
    "constant": {"s": column(["same", "other"]), "n": column([7, 8])},
    "many categories": {"s": column(["category 1", "category -1", "category 9960"])},
}

COUNTED = {
    "s": column(["a"] * 10 + ["b"] * 5 + ["c"] * 2 + ["d"] * 2 + ["e"] + [None] * 3),
    "n": column([1] * 12 + [2] * 6 + [3] * 3 + [4, 5]),
}
COUNTED_LATER = {"s": column(["a", "b", "c", "d", "e", "unseen", None]), "n": column([1, 2, 3, 4, 5, 6, 1])}


def infrequent(fitted):
    # scikit-learn has no answer where nothing may be infrequent.
    groups = fitted.infrequent_categories_ if fitted._infrequent_enabled else [None] * len(fitted.categories_)
    return [None if categories is None else list(categories) for categories in groups]


CATEGORIES = [("categories_", lambda f: [list(c) for c in f.categories_]), ("infrequent_categories_", infrequent)]


@golden
def one_hot_encoder():
    attributes = [*CATEGORIES, ("drop_idx_", lambda f: None if f.drop_idx_ is None else list(f.drop_idx_))]

    def make(**parameters):
        return OneHotEncoder(sparse_output=False, **parameters)

    tables = dict(categorical_tables())
    for name, columns in tables.items():
        yield case(name, make, {}, columns, attributes, widen=False)
    for name, later in UNSEEN.items():
        for handle in ["error", "ignore", "infrequent_if_exist"]:
            yield case(f"{name}: unseen, {handle}", make, {"handle_unknown": handle}, tables[name], attributes, later, widen=False)
    for drop in ["first", "if_binary"]:
        for name in ["text", "text with missing", "bools", "constant", "floats with missing"]:
            yield case(f"{name}: drop {drop}", make, {"drop": drop}, tables[name], attributes, widen=False)
        yield case(f"unseen: drop {drop}", make, {"drop": drop, "handle_unknown": "ignore"}, tables["text with missing"], attributes, UNSEEN["text with missing"], widen=False)
    yield case("drop listed", make, {"drop": ["pro", "x"]}, tables["text with missing"], attributes, widen=False)
    yield case("drop listed, not there", make, {"drop": ["pro", "q"]}, tables["text with missing"], attributes, widen=False)
    for limits in [{"min_frequency": 3}, {"min_frequency": 0.15}, {"max_categories": 3}, {"max_categories": 1}, {"min_frequency": 3, "max_categories": 2}, {"min_frequency": 100}, {"max_categories": 50}]:
        for handle in ["ignore", "infrequent_if_exist"]:
            yield case(f"infrequent {sorted(limits.items())} {handle}", make, {"handle_unknown": handle, **limits}, COUNTED, attributes, COUNTED_LATER, widen=False)
    yield case("infrequent, drop first", make, {"min_frequency": 3, "drop": "first", "handle_unknown": "infrequent_if_exist"}, COUNTED, attributes, COUNTED_LATER, widen=False)
    yield case("infrequent, drop if binary", make, {"max_categories": 2, "drop": "if_binary", "handle_unknown": "infrequent_if_exist"}, COUNTED, attributes, COUNTED_LATER, widen=False)
    yield case("infrequent, drop an infrequent one", make, {"min_frequency": 3, "drop": ["a", 5]}, COUNTED, attributes, widen=False)
    yield case("listed", make, {"categories": [["pro", "free", "enterprise", "trial"], ["y", "x"]], "handle_unknown": "ignore"}, tables["text with missing"], attributes, UNSEEN["text with missing"], widen=False)
    yield case("listed, one not listed", make, {"categories": [["pro", "free"], ["x", "y"]]}, tables["text with missing"], attributes, widen=False)
    yield case("listed twice", make, {"categories": [["a", "a"]]}, {"s": column(["a", "a"])}, attributes, widen=False)
    yield case("listed numbers", make, {"categories": [[1.0, 2.0, 3.0, 4.0, NAN]], "handle_unknown": "ignore"}, tables["floats with missing"], attributes, UNSEEN["floats with missing"], widen=False)
    yield case("listed numbers, unsorted", make, {"categories": [[2.0, 1.0, 3.0]], "handle_unknown": "ignore"}, tables["floats with missing"], attributes, widen=False)
    yield case("listed, missing not last", make, {"categories": [[NAN, 1.0, 2.0]], "handle_unknown": "ignore"}, tables["floats with missing"], attributes, widen=False)
    yield case("listed for too few columns", make, {"categories": [["x", "y"]]}, tables["text with missing"], attributes, widen=False)


@golden
def ordinal_encoder():
    tables = dict(categorical_tables())
    for name, columns in tables.items():
        yield case(name, OrdinalEncoder, {}, columns, CATEGORIES, widen=False)
    for name, later in UNSEEN.items():
        yield case(f"{name}: unseen, error", OrdinalEncoder, {}, tables[name], CATEGORIES, later, widen=False)
        for value in [-1, NAN, 1000]:
            yield case(f"{name}: unseen, {value}", OrdinalEncoder, {"handle_unknown": "use_encoded_value", "unknown_value": value}, tables[name], CATEGORIES, later, widen=False)
    use = {"handle_unknown": "use_encoded_value", "unknown_value": -1}
    yield case("missing as a number", OrdinalEncoder, {**use, "encoded_missing_value": -2}, tables["text with missing"], CATEGORIES, UNSEEN["text with missing"], widen=False)
    yield case("missing as a number, floats", OrdinalEncoder, {**use, "encoded_missing_value": 99}, tables["floats with missing"], CATEGORIES, UNSEEN["floats with missing"], widen=False)
    yield case("missing as a taken number", OrdinalEncoder, {"encoded_missing_value": 1}, tables["text with missing"], CATEGORIES, widen=False)
    yield case("unknown as a taken number", OrdinalEncoder, {**use, "unknown_value": 0}, tables["text"], CATEGORIES, widen=False)
    yield case("unknown as the first free number", OrdinalEncoder, {**use, "unknown_value": 4}, tables["text with missing"], CATEGORIES, UNSEEN["text with missing"], widen=False)
    for limits in [{"min_frequency": 3}, {"min_frequency": 0.15}, {"max_categories": 3}, {"max_categories": 1}, {"min_frequency": 3, "max_categories": 2}]:
        yield case(f"infrequent {sorted(limits.items())}", OrdinalEncoder, {**use, **limits}, COUNTED, CATEGORIES, COUNTED_LATER, widen=False)
    yield case("listed", OrdinalEncoder, {"categories": [["pro", "free", "enterprise", "trial"], ["y", "x"]], **use}, tables["text with missing"], CATEGORIES, UNSEEN["text with missing"], widen=False)
    yield case("listed, one not listed", OrdinalEncoder, {"categories": [["pro", "free"], ["x", "y"]]}, tables["text with missing"], CATEGORIES, widen=False)
