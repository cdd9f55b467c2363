"""Makes the golden files of mlcore-features: what scikit-learn answers to seeded inputs.

Run it with the versions of testdata/requirements.txt:

    python testdata/golden/make_features.py

Each file holds the cases of one transformer: its parameters, a training table, a table to transform, and either the
fitted attributes, the names and the numbers of the output, or the step that refuses the input. Floats carry all their
digits; what JSON cannot say is written "NaN", "Infinity" and "-Infinity"; null is a missing value.

scikit-learn knows one missing value, NaN, and it is what null stands for here. Columns are laid out one after another
in memory, as in a data frame: the order in which numpy adds depends on it. float32 columns are widened to float64
before scikit-learn sees them, except by the encoders, because mlcore computes in float64 throughout.
"""

import json
import math
import pathlib
import warnings

import numpy as np
import pandas as pd
import sklearn
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import (
    KBinsDiscretizer,
    MinMaxScaler,
    OneHotEncoder,
    OrdinalEncoder,
    StandardScaler,
)

warnings.filterwarnings("ignore")
FOLDER = pathlib.Path(__file__).parent / "features"
NAN = math.nan


def column(values, dtype=None):
    """A column of the golden table: its element type and its values."""
    values = list(values)
    if dtype is None:
        present = [v for v in values if v is not None and not (isinstance(v, float) and math.isnan(v))]
        if present and all(isinstance(v, str) for v in present):
            dtype = "string"
        elif present and all(isinstance(v, (bool, np.bool_)) for v in present):
            dtype = "bool"
        elif present and all(isinstance(v, (int, np.integer)) and not isinstance(v, bool) for v in present):
            dtype = "int64"
        else:
            dtype = "float64"
    return {"dtype": dtype, "values": values}


def frame(columns, widen):
    """The data frame that scikit-learn gets."""
    out = {}
    for name, spec in columns.items():
        values = [NAN if v is None else v for v in spec["values"]]
        dtype = spec["dtype"]
        if dtype == "string":
            out[name] = pd.Series(values, dtype=object)
        elif dtype == "float32":
            narrow = np.array(values, dtype=np.float32)
            out[name] = pd.Series(narrow.astype(np.float64) if widen else narrow)
        elif dtype == "int64" and any(v is None for v in spec["values"]):
            out[name] = pd.Series(np.array(values, dtype=np.float64))
        else:
            out[name] = pd.Series(np.array(values, dtype=dtype))
    return pd.DataFrame(out)


def plain(value):
    """The value as JSON can hold it, without losing a digit."""
    if isinstance(value, dict):
        return {key: plain(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(inner) for inner in value]
    if isinstance(value, np.ndarray):
        return [plain(inner) for inner in value.tolist()]
    if value is None or isinstance(value, (str, bool, int)):
        return value
    if isinstance(value, np.bool_):
        return bool(value)
    if isinstance(value, np.integer):
        return int(value)
    value = float(value)
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    return value


def table(columns):
    return [{"name": name, "dtype": spec["dtype"], "values": plain(spec["values"])} for name, spec in columns.items()]


def case(name, make, parameters, train, attributes, test=None, widen=True, inverse=True):
    """One golden case. `make` builds the scikit-learn object from the parameters."""
    test = train if test is None else test
    result = {"name": name, "parameters": plain(parameters), "train": table(train)}
    if test is not train:
        result["test"] = table(test)
    try:
        fitted = make(**parameters).fit(frame(train, widen))
    except (ValueError, TypeError) as error:
        return result | {"refused": "fit", "message": str(error).splitlines()[0][:120]}
    result["attributes"] = {own: plain(read(fitted)) for own, read in attributes.items()}
    result["names"] = list(fitted.get_feature_names_out())
    try:
        output = fitted.transform(frame(test, widen))
    except (ValueError, TypeError) as error:
        return result | {"refused": "transform", "message": str(error).splitlines()[0][:120]}
    output = output.toarray() if hasattr(output, "toarray") else np.asarray(output)
    # Column by column: the table's layout, and easy to compare.
    result["output"] = [plain(output[:, j]) for j in range(output.shape[1])]
    # Nothing but dropped categories leaves no column, which scikit-learn does not take back.
    if inverse and output.shape[1] > 0 and hasattr(fitted, "inverse_transform"):
        try:
            back = fitted.inverse_transform(output.copy())
        except (ValueError, TypeError):
            return result | {"inverse": "refused"}
        except IndexError:
            # OrdinalEncoder trips over infrequent categories beside a missing one.
            return result
        result["inverse"] = [plain(back[:, j]) for j in range(back.shape[1])]
    return result


def write(name, cases):
    names = [own["name"] for own in cases]
    assert len(set(names)) == len(names) >= 12, (name, len(names))
    document = {"made_by": f"scikit-learn {sklearn.__version__}, numpy {np.__version__}", "cases": cases}
    path = FOLDER / f"{name}.json"
    path.write_text(json.dumps(document, separators=(",", ":"), allow_nan=False) + "\n")
    print(f"{path.name}: {len(cases)} cases, {path.stat().st_size} bytes")


def rng(seed):
    return np.random.default_rng(seed)


def holes(values, generator, share=0.2):
    return [None if generator.random() < share else float(v) for v in values]


def numeric_tables():
    """Tables that every scaler and imputer gets."""
    g = rng(1)
    yield "normal", {"a": column(g.normal(size=40)), "b": column(g.normal(3, 10, size=40))}
    g = rng(2)
    yield "ties", {"a": column(g.integers(0, 4, 50).astype(float)), "b": column(np.repeat([1.5, 2.5], 25))}
    yield "constant", {"zero": column([0.0] * 9), "one": column([1.0] * 9), "tenth": column([0.1] * 9), "huge": column([1e12 + 0.1] * 9)}
    yield "single row", {"a": column([3.25]), "b": column([-7.0])}
    g = rng(3)
    yield "offset 1e9", {"a": column(1e9 + g.normal(size=300)), "b": column(-1e9 + 1e-3 * g.normal(size=300))}
    g = rng(4)
    yield "offset 1e12", {"a": column(1e12 + g.normal(size=1000))}
    g = rng(5)
    yield "tiny", {"a": column(1e-300 * g.normal(size=30)), "b": column(1e-12 * g.normal(size=30)), "c": column([5e-324, 0.0, 1e-323] * 10)}
    g = rng(6)
    yield "with missing", {"a": column(holes(g.normal(size=137), g)), "b": column(holes(1e6 + g.normal(size=137), g, 0.6)), "c": column(g.normal(size=137))}
    yield "all missing beside present", {"a": column([1.0, 2.0, 4.0]), "b": column([None, None, None], "float64")}
    yield "one value", {"a": column([None, 5.0, None]), "b": column([None, None, -1.0])}
    g = rng(7)
    yield "mixed types", {"i": column(g.integers(-50, 50, 64)), "f": column(g.normal(size=64).astype(np.float32).astype(float), "float32"), "b": column(g.random(64) < 0.5), "d": column(g.normal(size=64))}
    g = rng(8)
    yield "wide range", {"a": column(10.0 ** g.uniform(-150, 150, 60)), "b": column(g.lognormal(0, 4, 60))}
    g = rng(9)
    yield "many rows", {"a": column(g.normal(100, 3, 3000)), "b": column(g.exponential(1, 3000).round(3))}
    g = rng(10)
    yield "mostly zeros", {"a": column(np.where(g.random(200) < 0.7, 0.0, g.exponential(3, 200)))}
    yield "near constant", {"a": column([1.0, 1.0 + 2.3e-16, 1.0] * 20), "b": column([1e8, 1e8 + 1e-7, 1e8] * 20)}
    yield "infinity", {"a": column([1.0, math.inf, 2.0])}


LATER = {"a": column([0.0, -5.5, 1e300, None]), "b": column([7.0, None, -1e-5, 1e9])}


def standard_scaler():
    attributes = {"mean_": lambda f: f.mean_, "var_": lambda f: f.var_, "scale_": lambda f: f.scale_, "n_samples_seen_": lambda f: f.n_samples_seen_}
    cases = [case(name, StandardScaler, {}, columns, attributes) for name, columns in numeric_tables()]
    tables = dict(numeric_tables())
    for name in ["normal", "with missing", "constant"]:
        for parameters in [{"with_mean": False}, {"with_std": False}, {"with_mean": False, "with_std": False}]:
            cases.append(case(f"{name} {sorted(parameters)}", StandardScaler, parameters, tables[name], attributes))
    cases.append(case("unseen values", StandardScaler, {}, tables["normal"], attributes, LATER))
    cases.append(case("infinity later", StandardScaler, {}, tables["normal"], attributes, {"a": column([-math.inf]), "b": column([0.0])}))
    cases.append(case("text", StandardScaler, {}, {"a": column(["x", "y"])}, attributes))
    write("standard_scaler", cases)


def min_max_scaler():
    attributes = {"data_min_": lambda f: f.data_min_, "data_max_": lambda f: f.data_max_, "data_range_": lambda f: f.data_range_, "scale_": lambda f: f.scale_, "min_": lambda f: f.min_, "n_samples_seen_": lambda f: f.n_samples_seen_}
    cases = [case(name, MinMaxScaler, {}, columns, attributes) for name, columns in numeric_tables()]
    tables = dict(numeric_tables())
    cases.append(case("range", MinMaxScaler, {"feature_range": (-1.0, 2.5)}, tables["normal"], attributes))
    cases.append(case("range with missing", MinMaxScaler, {"feature_range": (5.0, 6.0), "clip": True}, tables["with missing"], attributes))
    cases.append(case("clip", MinMaxScaler, {"clip": True}, tables["normal"], attributes, LATER))
    cases.append(case("no clip", MinMaxScaler, {"clip": False}, tables["normal"], attributes, LATER))
    cases.append(case("range upside down", MinMaxScaler, {"feature_range": (1.0, 1.0)}, tables["normal"], attributes))
    cases.append(case("infinity later", MinMaxScaler, {"clip": True}, tables["normal"], attributes, {"a": column([math.inf]), "b": column([0.0])}))
    cases.append(case("text", MinMaxScaler, {}, {"a": column(["x", "y"])}, attributes))
    write("min_max_scaler", cases)


def simple_imputer():
    def statistics(fitted):
        return [s if isinstance(s, str) else float(s) for s in fitted.statistics_]

    attributes = {"statistics_": statistics, "indicator_": lambda f: None if f.indicator_ is None else f.indicator_.features_}
    cases = []
    tables = dict(numeric_tables())
    floats = {name: {own: spec for own, spec in columns.items() if spec["dtype"] == "float64"} for name, columns in tables.items()}
    for strategy in ["mean", "median", "most_frequent", "constant"]:
        for name in ["normal", "ties", "offset 1e12", "with missing", "all missing beside present", "one value", "mostly zeros", "infinity"]:
            cases.append(case(f"{strategy}: {name}", SimpleImputer, {"strategy": strategy}, floats[name], attributes))
        cases.append(case(f"{strategy}: keep empty", SimpleImputer, {"strategy": strategy, "keep_empty_features": True}, floats["all missing beside present"], attributes))
        cases.append(case(f"{strategy}: indicator", SimpleImputer, {"strategy": strategy, "add_indicator": True}, floats["with missing"], attributes, {"a": column([None, 1.0]), "b": column([2.0, None]), "c": column([None, 3.0])}))
        cases.append(case(f"{strategy}: indicator of an empty column", SimpleImputer, {"strategy": strategy, "add_indicator": True}, floats["all missing beside present"], attributes))
        cases.append(case(f"{strategy}: integers", SimpleImputer, {"strategy": strategy}, {"a": column([3, 1, 1, 2, 2])}, attributes))
    cases.append(case("mean: bools", SimpleImputer, {"strategy": "mean"}, {"a": column([True, False, True])}, attributes))
    cases.append(case("most_frequent: bools", SimpleImputer, {"strategy": "most_frequent"}, {"a": column([True, False, True])}, attributes))
    words = {"s": column(["b", "a", None, "b", "a", None, "c"]), "t": column(["x", None, None, None, "y", "y", "zebra crossing with a long name"])}
    later = {"s": column([None, "never seen", "a"]), "t": column(["", None, "y"])}
    cases.append(case("most_frequent: text", SimpleImputer, {"strategy": "most_frequent"}, words, attributes, later))
    cases.append(case("constant: text", SimpleImputer, {"strategy": "constant"}, words, attributes, later))
    cases.append(case("constant: text with a value", SimpleImputer, {"strategy": "constant", "fill_value": "?"}, words, attributes, later))
    cases.append(case("text with indicator", SimpleImputer, {"strategy": "constant", "fill_value": "?", "add_indicator": True}, words, attributes, later, inverse=False))
    cases.append(case("mean: text", SimpleImputer, {"strategy": "mean"}, words, attributes))
    cases.append(case("median: text", SimpleImputer, {"strategy": "median"}, words, attributes))
    cases.append(case("constant: a number", SimpleImputer, {"strategy": "constant", "fill_value": -1.5}, floats["with missing"], attributes))
    cases.append(case("constant: an integer among floats", SimpleImputer, {"strategy": "constant", "fill_value": 7}, floats["with missing"], attributes))
    cases.append(case("constant: text among floats", SimpleImputer, {"strategy": "constant", "fill_value": "x"}, floats["with missing"], attributes))
    cases.append(case("constant: a fraction among integers", SimpleImputer, {"strategy": "constant", "fill_value": 0.5}, {"a": column([1, 2, 3])}, attributes))
    cases.append(case("median of two", SimpleImputer, {"strategy": "median"}, {"a": column([1.0, None, 4.0])}, attributes))
    cases.append(case("infinity later", SimpleImputer, {}, floats["normal"], attributes, {"a": column([math.inf]), "b": column([0.0])}))
    write("simple_imputer", cases)


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


def one_hot_encoder():
    attributes = {
        "categories_": lambda f: [list(c) for c in f.categories_],
        "infrequent_categories_": lambda f: [None if c is None else list(c) for c in f.infrequent_categories_] if f._infrequent_enabled else None,
        "drop_idx_": lambda f: None if f.drop_idx_ is None else list(f.drop_idx_),
    }

    def make(**parameters):
        return OneHotEncoder(sparse_output=False, **parameters)

    tables = dict(categorical_tables())
    cases = [case(name, make, {}, columns, attributes, widen=False) for name, columns in tables.items()]
    for name, later in UNSEEN.items():
        for handle in ["error", "ignore", "infrequent_if_exist"]:
            cases.append(case(f"{name}: unseen, {handle}", make, {"handle_unknown": handle}, tables[name], attributes, later, widen=False))
    for drop in ["first", "if_binary"]:
        for name in ["text", "text with missing", "bools", "constant", "floats with missing"]:
            cases.append(case(f"{name}: drop {drop}", make, {"drop": drop}, tables[name], attributes, widen=False))
        cases.append(case(f"unseen: drop {drop}", make, {"drop": drop, "handle_unknown": "ignore"}, tables["text with missing"], attributes, UNSEEN["text with missing"], widen=False))
    cases.append(case("drop listed", make, {"drop": ["pro", "x"]}, tables["text with missing"], attributes, widen=False))
    cases.append(case("drop listed, not there", make, {"drop": ["pro", "q"]}, tables["text with missing"], attributes, widen=False))
    for limits in [{"min_frequency": 3}, {"min_frequency": 0.15}, {"max_categories": 3}, {"max_categories": 1}, {"min_frequency": 3, "max_categories": 2}, {"min_frequency": 100}, {"max_categories": 50}]:
        for handle in ["ignore", "infrequent_if_exist"]:
            cases.append(case(f"infrequent {sorted(limits.items())} {handle}", make, {"handle_unknown": handle, **limits}, COUNTED, attributes, COUNTED_LATER, widen=False))
    cases.append(case("infrequent, drop first", make, {"min_frequency": 3, "drop": "first", "handle_unknown": "infrequent_if_exist"}, COUNTED, attributes, COUNTED_LATER, widen=False))
    cases.append(case("infrequent, drop if binary", make, {"max_categories": 2, "drop": "if_binary", "handle_unknown": "infrequent_if_exist"}, COUNTED, attributes, COUNTED_LATER, widen=False))
    cases.append(case("infrequent, drop an infrequent one", make, {"min_frequency": 3, "drop": ["a", 5]}, COUNTED, attributes, widen=False))
    cases.append(case("listed", make, {"categories": [["pro", "free", "enterprise", "trial"], ["y", "x"]], "handle_unknown": "ignore"}, tables["text with missing"], attributes, UNSEEN["text with missing"], widen=False))
    cases.append(case("listed, one not listed", make, {"categories": [["pro", "free"], ["x", "y"]]}, tables["text with missing"], attributes, widen=False))
    cases.append(case("listed twice", make, {"categories": [["a", "a"]]}, {"s": column(["a", "a"])}, attributes, widen=False))
    cases.append(case("listed numbers", make, {"categories": [[1.0, 2.0, 3.0, 4.0, NAN]], "handle_unknown": "ignore"}, tables["floats with missing"], attributes, UNSEEN["floats with missing"], widen=False))
    cases.append(case("listed numbers, unsorted", make, {"categories": [[2.0, 1.0, 3.0]], "handle_unknown": "ignore"}, tables["floats with missing"], attributes, widen=False))
    cases.append(case("listed, missing not last", make, {"categories": [[NAN, 1.0, 2.0]], "handle_unknown": "ignore"}, tables["floats with missing"], attributes, widen=False))
    cases.append(case("listed for too few columns", make, {"categories": [["x", "y"]]}, tables["text with missing"], attributes, widen=False))
    write("one_hot_encoder", cases)


def ordinal_encoder():
    attributes = {"categories_": lambda f: [list(c) for c in f.categories_], "infrequent_categories_": lambda f: [None if c is None else list(c) for c in f.infrequent_categories_] if f._infrequent_enabled else None}

    tables = dict(categorical_tables())
    cases = [case(name, OrdinalEncoder, {}, columns, attributes, widen=False) for name, columns in tables.items()]
    for name, later in UNSEEN.items():
        cases.append(case(f"{name}: unseen, error", OrdinalEncoder, {}, tables[name], attributes, later, widen=False))
        for value in [-1, NAN, 1000]:
            cases.append(case(f"{name}: unseen, {value}", OrdinalEncoder, {"handle_unknown": "use_encoded_value", "unknown_value": value}, tables[name], attributes, later, widen=False))
    use = {"handle_unknown": "use_encoded_value", "unknown_value": -1}
    cases.append(case("missing as a number", OrdinalEncoder, {**use, "encoded_missing_value": -2}, tables["text with missing"], attributes, UNSEEN["text with missing"], widen=False))
    cases.append(case("missing as a number, floats", OrdinalEncoder, {**use, "encoded_missing_value": 99}, tables["floats with missing"], attributes, UNSEEN["floats with missing"], widen=False))
    cases.append(case("missing as a taken number", OrdinalEncoder, {"encoded_missing_value": 1}, tables["text with missing"], attributes, widen=False))
    cases.append(case("unknown as a taken number", OrdinalEncoder, {**use, "unknown_value": 0}, tables["text"], attributes, widen=False))
    cases.append(case("unknown as the first free number", OrdinalEncoder, {**use, "unknown_value": 4}, tables["text with missing"], attributes, UNSEEN["text with missing"], widen=False))
    for limits in [{"min_frequency": 3}, {"min_frequency": 0.15}, {"max_categories": 3}, {"max_categories": 1}, {"min_frequency": 3, "max_categories": 2}]:
        cases.append(case(f"infrequent {sorted(limits.items())}", OrdinalEncoder, {**use, **limits}, COUNTED, attributes, COUNTED_LATER, widen=False))
    cases.append(case("listed", OrdinalEncoder, {"categories": [["pro", "free", "enterprise", "trial"], ["y", "x"]], **use}, tables["text with missing"], attributes, UNSEEN["text with missing"], widen=False))
    cases.append(case("listed, one not listed", OrdinalEncoder, {"categories": [["pro", "free"], ["x", "y"]]}, tables["text with missing"], attributes, widen=False))
    write("ordinal_encoder", cases)


def k_bins_discretizer():
    attributes = {"bin_edges_": lambda f: [list(e) for e in f.bin_edges_], "n_bins_": lambda f: f.n_bins_}

    def make(encode="ordinal", **parameters):
        return KBinsDiscretizer(encode=encode, **parameters)

    methods = ["inverted_cdf", "averaged_inverted_cdf", "closest_observation", "interpolated_inverted_cdf", "hazen", "weibull", "linear", "median_unbiased", "normal_unbiased"]
    tables = {name: columns for name, columns in numeric_tables() if name not in {"with missing", "all missing beside present", "one value", "many rows"}}
    cases = []
    for strategy in ["uniform", "quantile", "kmeans"]:
        for name, columns in tables.items():
            parameters = {"strategy": strategy}
            if strategy == "kmeans" and name in {"ties", "mixed types", "near constant"}:
                # With fewer distinct values than bins, scikit-learn moves an empty cluster to one of several equally far
                # values: the one that numpy's argpartition happens to leave there, which depends on the processor.
                parameters["n_bins"] = 2
            cases.append(case(f"{strategy}: {name}", make, parameters, columns, attributes))
        cases.append(case(f"{strategy}: unseen values", make, {"strategy": strategy}, {"a": tables["normal"]["a"]}, attributes, {"a": column([-1e300, 0.0, 1e300, -0.5])}))
        cases.append(case(f"{strategy}: missing", make, {"strategy": strategy}, {"a": column([1.0, None, 2.0])}, attributes))
        cases.append(case(f"{strategy}: missing later", make, {"strategy": strategy}, {"a": column([1.0, 2.0, 3.0, 4.0, 5.0])}, attributes, {"a": column([None])}))
        cases.append(case(f"{strategy}: one-hot", make, {"strategy": strategy, "encode": "onehot-dense", "n_bins": 3}, tables["normal"], attributes))
        cases.append(case(f"{strategy}: one-hot of few bins", make, {"strategy": strategy, "encode": "onehot-dense"}, tables["constant"] | {"ties": column([0.0] * 7 + [1.0, 5.0])}, attributes))
        cases.append(case(f"{strategy}: bins per column", make, {"strategy": strategy, "n_bins": [2, 7]}, tables["normal"], attributes))
        cases.append(case(f"{strategy}: narrow", make, {"strategy": strategy, "n_bins": 4}, {"a": column([1.0, 1.0 + 1e-9, 1.0 + 2e-9, 1.0 + 5e-9])}, attributes))
    for method in methods:
        for n, seed in [(2, 20), (7, 21), (40, 22)]:
            values = rng(seed).normal(size=n)
            cases.append(case(f"{method}: {n} values", make, {"quantile_method": method, "n_bins": 4}, {"a": column(values)}, attributes))
        cases.append(case(f"{method}: ties", make, {"quantile_method": method, "n_bins": 6}, tables["ties"], attributes))
    big = {"a": column(rng(23).normal(size=2000))}
    for state in [0, 42]:
        cases.append(case(f"subsample {state}", make, {"subsample": 500, "random_state": state, "n_bins": 8}, big, attributes, {"a": column([0.0])}))
    cases.append(case("k-means with a far value", make, {"strategy": "kmeans", "n_bins": 3}, {"a": column([0.0, 0.1, 0.2, 0.3, 50.0, 1000.0])}, attributes))
    cases.append(case("k-means with few values", make, {"strategy": "kmeans", "n_bins": 5}, {"a": column([0.0, 1.0])}, attributes))
    cases.append(case("one bin", make, {"n_bins": [1]}, {"a": column([0.0, 1.0])}, attributes))
    write("k_bins_discretizer", cases)


def mixed_frame(rows, seed):
    g = rng(seed)
    return {
        "age": column(holes(g.normal(45, 15, rows).round(1), g)),
        "income": column(holes(g.lognormal(10, 1, rows).round(2), g, 0.1)),
        "visits": column(g.integers(0, 30, rows)),
        "plan": column([None if g.random() < 0.1 else str(v) for v in g.choice(["free", "pro", "team"], rows)]),
        "city": column(g.choice(["Bern", "Zürich", "Genève", "Basel"], rows).tolist()),
        "active": column(g.random(rows) < 0.5),
        "score": column(g.random(rows)),
    }


def column_transformer():
    """Whole plans. The parameters name the recipe that the Rust test builds too."""

    def recipe(recipe):
        number = Pipeline([("impute", SimpleImputer(strategy="median")), ("scale", StandardScaler())])
        if recipe == "mixed":
            return ColumnTransformer(
                [
                    ("num", number, ["age", "income"]),
                    ("bins", KBinsDiscretizer(n_bins=4, encode="ordinal"), ["score"]),
                    ("cat", OneHotEncoder(handle_unknown="ignore", sparse_output=False), ["plan", "city"]),
                    ("ord", OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1), ["city"]),
                ]
            )
        if recipe == "passthrough":
            return ColumnTransformer([("cat", OneHotEncoder(sparse_output=False, drop="first"), ["active"])], remainder="passthrough")
        if recipe == "plain names":
            return ColumnTransformer([("num", number, ["income", "age"]), ("rest", "passthrough", ["visits"]), ("gone", "drop", ["score"])], verbose_feature_names_out=False)
        if recipe == "imputed text":
            fill = Pipeline([("impute", SimpleImputer(strategy="most_frequent")), ("encode", OneHotEncoder(sparse_output=False))])
            return ColumnTransformer([("text", fill, ["plan", "city"])])
        if recipe == "scaled one-hot":
            chain = Pipeline([("encode", OneHotEncoder(sparse_output=False, handle_unknown="ignore")), ("scale", StandardScaler())])
            return ColumnTransformer([("chain", chain, ["plan"])])
        if recipe == "nested":
            inner = ColumnTransformer([("a", MinMaxScaler(), ["age"]), ("b", SimpleImputer(add_indicator=True), ["income"])], remainder="passthrough", verbose_feature_names_out=False)
            return ColumnTransformer([("in", inner, ["age", "income", "score"]), ("bins", KBinsDiscretizer(n_bins=3, encode="onehot-dense", strategy="uniform"), ["score"])])
        if recipe == "bins of bins":
            chain = Pipeline([("impute", SimpleImputer()), ("bins", KBinsDiscretizer(n_bins=5, encode="ordinal")), ("encode", OneHotEncoder(sparse_output=False)), ("range", MinMaxScaler(feature_range=(-1, 1)))])
            return ColumnTransformer([("chain", chain, ["age", "income"])])
        raise KeyError(recipe)

    cases = []
    for own in ["mixed", "passthrough", "plain names", "imputed text", "scaled one-hot", "nested", "bins of bins"]:
        for seed in [31, 32]:
            train, test = mixed_frame(80, seed), mixed_frame(40, seed + 10)
            if own == "passthrough":
                keep = ["active", "visits", "score"]
                train, test = ({name: t[name] for name in keep} for t in (train, test))
            cases.append(case(f"{own} {seed}", recipe, {"recipe": own}, train, {}, test))
    write("column_transformer", cases)


if __name__ == "__main__":
    FOLDER.mkdir(parents=True, exist_ok=True)
    standard_scaler()
    min_max_scaler()
    simple_imputer()
    one_hot_encoder()
    ordinal_encoder()
    k_bins_discretizer()
    column_transformer()
