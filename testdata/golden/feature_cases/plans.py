"""Whole plans: transformers one after another and beside each other."""

from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import (
    KBinsDiscretizer,
    MaxAbsScaler,
    MinMaxScaler,
    OneHotEncoder,
    OrdinalEncoder,
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
