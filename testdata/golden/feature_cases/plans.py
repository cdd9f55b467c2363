"""Whole plans: transformers one after another and beside each other."""

from sklearn.compose import ColumnTransformer
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.impute import MissingIndicator, SimpleImputer
from sklearn.pipeline import FeatureUnion, Pipeline
from sklearn.preprocessing import (
    KBinsDiscretizer,
    MaxAbsScaler,
    MinMaxScaler,
    OneHotEncoder,
    OrdinalEncoder,
    PolynomialFeatures,
    StandardScaler,
    TargetEncoder,
)

from feature_cases import case, column, golden, holes, rng


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


@golden
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
        if recipe == "target encoded":
            return Pipeline([("encode", TargetEncoder(shuffle=False, cv=4)), ("scale", StandardScaler()), ("range", MinMaxScaler())])
        if recipe == "target encoded beside":
            columns = [("gone", "drop", ["score"]), ("target", TargetEncoder(random_state=3), ["plan", "city"]), ("num", number, ["age", "income"])]
            # Not one that subtracts a mean: numpy adds the rows of a joined array in another order than those of a column.
            return Pipeline([("columns", ColumnTransformer(columns, remainder="passthrough")), ("scale", MaxAbsScaler())])
        raise KeyError(recipe)

    for own in ["mixed", "passthrough", "plain names", "imputed text", "scaled one-hot", "nested", "bins of bins"]:
        for seed in [31, 32]:
            train, test = mixed_frame(80, seed), mixed_frame(40, seed + 10)
            if own == "passthrough":
                keep = ["active", "visits", "score"]
                train, test = ({name: t[name] for name in keep} for t in (train, test))
            yield case(f"{own} {seed}", recipe, {"recipe": own}, train, test=test)
    # A step behind an encoder that cross-fits learns from the cross-fitted features.
    for own, keep in [("target encoded", ["plan", "city"]), ("target encoded beside", ["age", "visits", "plan", "income", "city", "score"])]:
        for seed in [33, 34]:
            train, test = ({name: mixed_frame(rows, seed)[name] for name in keep} for rows in (80, 40))
            for kind, target in [("binary", rng(seed).integers(0, 2, 80)), ("several", rng(seed).integers(0, 3, 80)), ("continuous", rng(seed).normal(size=80))]:
                yield case(f"{own}, {kind} {seed}", recipe, {"recipe": own}, train, test=test, target=target.tolist(), cross=True)


def note_frame(rows, seed):
    g = rng(seed)
    words = ["fox", "dog", "runs", "sleeps", "the", "lazy", "quick", "not"]
    return mixed_frame(rows, seed) | {"note": column([" ".join(g.choice(words, g.integers(1, 6))) for _ in range(rows)])}


@golden
def feature_union():
    """Steps on the same columns. The parameters name the recipe that the Rust test builds too."""

    def recipe(recipe):
        both = [("std", StandardScaler()), ("range", MinMaxScaler())]
        if recipe == "scales":
            return FeatureUnion(both)
        if recipe == "weighted":
            return FeatureUnion(both, transformer_weights={"std": 0.3, "range": 10})
        if recipe == "kept and dropped":
            return FeatureUnion([("kept", "passthrough"), ("gone", "drop"), *both], transformer_weights={"gone": 2})
        if recipe == "weighted as it is":
            return FeatureUnion([("kept", "passthrough"), ("std", StandardScaler())], transformer_weights={"kept": -2.5})
        if recipe == "plain names":
            return FeatureUnion([("missing", MissingIndicator(features="all")), ("imputed", SimpleImputer())], verbose_feature_names_out=False)
        if recipe == "all dropped":
            return FeatureUnion([("gone", "drop")])
        if recipe == "unknown weight":
            return FeatureUnion(both, transformer_weights={"other": 2})
        if recipe == "behind an imputer":
            return Pipeline([("impute", SimpleImputer()), ("both", FeatureUnion([("poly", PolynomialFeatures(include_bias=False)), *both], transformer_weights={"poly": 0.1})), ("scale", MaxAbsScaler())])
        if recipe == "nested":
            inner = FeatureUnion([("range", MinMaxScaler()), ("kept", "passthrough")], transformer_weights={"range": 3})
            return FeatureUnion([("in", inner), ("std", StandardScaler())], transformer_weights={"in": 0.7})
        if recipe == "categories":
            union = FeatureUnion([("hot", OneHotEncoder(sparse_output=False, handle_unknown="ignore")), ("code", OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1))], transformer_weights={"hot": 0.5})
            return ColumnTransformer([("num", StandardScaler(), ["age"]), ("cat", union, ["plan", "city"])])
        if recipe == "texts":
            union = FeatureUnion([("word", TfidfVectorizer()), ("char", CountVectorizer(analyzer="char_wb", ngram_range=(1, 2)))], transformer_weights={"word": 2.5, "char": -1})
            return ColumnTransformer([("text", union, "note"), ("num", StandardScaler(), ["age"])])
        if recipe == "target encoded":
            union = FeatureUnion([("target", TargetEncoder(shuffle=False, cv=4)), ("code", OrdinalEncoder())], transformer_weights={"target": 3})
            return Pipeline([("both", union), ("scale", MaxAbsScaler())])
        raise KeyError(recipe)

    keep = {"categories": ["age", "plan", "city"], "texts": ["age", "note"], "target encoded": ["plan", "city"]}
    for own in ["scales", "weighted", "kept and dropped", "weighted as it is", "plain names", "all dropped", "unknown weight", "behind an imputer", "nested", "categories", "texts", "target encoded"]:
        for seed in [51, 52]:
            train, test = note_frame(80, seed), note_frame(40, seed + 10)
            columns = keep.get(own, ["age", "income", "visits"])
            train, test = ({name: t[name] for name in columns} for t in (train, test))
            target = rng(seed).integers(0, 2, 80).tolist() if own == "target encoded" else None
            yield case(f"{own} {seed}", recipe, {"recipe": own}, train, test=test, target=target, cross=target is not None)
    infinite = {"age": column([1.0, float("inf")]), "income": column([1.0, 2.0]), "visits": column([1, 2])}
    yield case("infinity", recipe, {"recipe": "weighted"}, {name: note_frame(80, 53)[name] for name in ["age", "income", "visits"]}, test=infinite)
