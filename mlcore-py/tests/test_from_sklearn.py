"""Fitted transformers of scikit-learn become plans that answer as they do."""

from __future__ import annotations

import re
from functools import partial

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import scipy.sparse
import sklearn.compose
import sklearn.exceptions
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.compose import ColumnTransformer, make_column_selector
from sklearn.decomposition import NMF, PCA, TruncatedSVD
from sklearn.experimental import enable_iterative_imputer  # noqa: F401
from sklearn.feature_extraction import FeatureHasher
from sklearn.feature_extraction.text import CountVectorizer, HashingVectorizer, TfidfVectorizer
from sklearn.feature_selection import SelectKBest, VarianceThreshold, chi2, f_regression, mutual_info_regression
from sklearn.impute import IterativeImputer, KNNImputer, MissingIndicator, SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.preprocessing import (
    Binarizer,
    FunctionTransformer,
    KBinsDiscretizer,
    LabelBinarizer,
    MaxAbsScaler,
    MinMaxScaler,
    Normalizer,
    OneHotEncoder,
    OrdinalEncoder,
    PolynomialFeatures,
    PowerTransformer,
    QuantileTransformer,
    RobustScaler,
    SplineTransformer,
    StandardScaler,
    TargetEncoder,
)

import mlcore
from mlcore import features
from mlcore.features import Plan, from_sklearn

#: Numbers without and with missing values, categories of every kind, and texts.
RNG = np.random.default_rng(11)
ROWS = 200
FULL = pd.DataFrame({"a": RNG.normal(3, 2, ROWS), "b": RNG.lognormal(1, 1, ROWS), "n": RNG.integers(0, 9, ROWS)})
HOLES = FULL.astype(float).mask(RNG.random((ROWS, 3)) < 0.2)
WORDS = pd.DataFrame(
    {"plan": RNG.choice(["free", "pro", "team", "rare"], ROWS, p=[0.5, 0.3, 0.17, 0.03]), "k": RNG.integers(0, 5, ROWS), "yes": RNG.random(ROWS) < 0.4}
).astype({"plan": object})
GAPS = WORDS[["plan"]].mask(RNG.random((ROWS, 1)) < 0.2, np.nan)
NOTES = pd.Series(RNG.choice(["Red apple", "a green, green pear!", "red red wine", "café au lait", "one"], ROWS), name="note")
Y = RNG.integers(0, 2, ROWS)
THREE = RNG.integers(0, 3, ROWS)

CLASSES = {
    "StandardScaler": (StandardScaler(), FULL),
    "StandardScaler, holes": (StandardScaler(), HOLES),
    "StandardScaler, no mean": (StandardScaler(with_mean=False), FULL),
    "StandardScaler, no deviation": (StandardScaler(with_std=False), FULL),
    "StandardScaler, neither": (StandardScaler(with_mean=False, with_std=False), FULL),
    "MinMaxScaler": (MinMaxScaler((-1, 2), clip=True), HOLES),
    "MaxAbsScaler": (MaxAbsScaler(), HOLES),
    "RobustScaler": (RobustScaler(quantile_range=(10, 80), unit_variance=True), HOLES),
    "RobustScaler, no centre": (RobustScaler(with_centering=False), FULL),
    "Normalizer": (Normalizer("l1"), FULL),
    "Binarizer": (Binarizer(threshold=2.5), FULL),
    "SimpleImputer": (SimpleImputer(), HOLES),
    "SimpleImputer, indicators": (SimpleImputer(strategy="median", add_indicator=True), HOLES),
    "SimpleImputer, text": (SimpleImputer(strategy="most_frequent"), GAPS),
    "SimpleImputer, constant": (SimpleImputer(strategy="constant", fill_value=-1.5), HOLES),
    "SimpleImputer, constant text": (SimpleImputer(strategy="constant", fill_value="?"), GAPS),
    "SimpleImputer, integers": (SimpleImputer(strategy="most_frequent"), FULL[["n"]]),
    "SimpleImputer, marked": (SimpleImputer(missing_values=3, strategy="median", add_indicator=True), FULL[["a", "n"]]),
    "SimpleImputer, marked by numpy": (SimpleImputer(missing_values=np.int64(3), strategy="most_frequent"), FULL[["n"]]),
    "SimpleImputer, marked text": (SimpleImputer(missing_values="pro", strategy="constant", fill_value="?"), WORDS[["plan"]]),
    "MissingIndicator": (MissingIndicator(), HOLES),
    "MissingIndicator, all": (MissingIndicator(features="all", sparse=False), FULL),
    "KNNImputer": (KNNImputer(n_neighbors=3, add_indicator=True), HOLES[["a", "b"]].assign(c=RNG.normal(size=ROWS))),
    "OneHotEncoder": (OneHotEncoder(handle_unknown="ignore"), WORDS),
    "OneHotEncoder, missing": (OneHotEncoder(sparse_output=False), GAPS),
    "OneHotEncoder, infrequent": (OneHotEncoder(min_frequency=30, handle_unknown="infrequent_if_exist"), WORDS),
    "OneHotEncoder, warn": (OneHotEncoder(max_categories=3, handle_unknown="warn"), WORDS),
    "OneHotEncoder, drop": (OneHotEncoder(drop="if_binary", dtype=np.float32), WORDS),
    "OneHotEncoder, drop first": (OneHotEncoder(drop="first", min_frequency=30), WORDS),
    "OneHotEncoder, drop listed": (OneHotEncoder(drop=["pro", 3, True]), WORDS),
    "OneHotEncoder, listed": (OneHotEncoder(categories=[["team", "pro", "free", "rare"]]), WORDS[["plan"]]),
    "OneHotEncoder, names": (OneHotEncoder(feature_name_combiner=lambda column, own: f"{column}={own}", drop="first"), WORDS),
    "OrdinalEncoder": (OrdinalEncoder(), WORDS),
    "OrdinalEncoder, unknown": (OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1, encoded_missing_value=-2), GAPS),
    "OrdinalEncoder, infrequent": (OrdinalEncoder(min_frequency=0.1), GAPS),
    "TargetEncoder": (TargetEncoder(cv=3), WORDS),
    "TargetEncoder, smooth": (TargetEncoder(smooth=3.0, target_type="continuous"), GAPS),
    "KBinsDiscretizer": (KBinsDiscretizer(4, quantile_method="averaged_inverted_cdf"), FULL),
    "KBinsDiscretizer, ordinal": (KBinsDiscretizer([3, 4, 5], encode="ordinal", strategy="uniform"), FULL),
    "PowerTransformer": (PowerTransformer(), HOLES),
    "PowerTransformer, box-cox": (PowerTransformer("box-cox", standardize=False), FULL[["b"]]),
    "QuantileTransformer": (QuantileTransformer(n_quantiles=50), HOLES),
    "QuantileTransformer, normal": (QuantileTransformer(n_quantiles=50, output_distribution="normal", random_state=3), FULL),
    "SplineTransformer": (SplineTransformer(n_knots=4, degree=2), FULL),
    "SplineTransformer, periodic": (SplineTransformer(extrapolation="periodic", knots="quantile"), FULL[["a", "b"]]),
    "SplineTransformer, listed": (SplineTransformer(knots=np.array([[-5.0], [0.0], [9.0]]), extrapolation="linear"), FULL[["a"]]),
    "FunctionTransformer": (FunctionTransformer(np.log1p, np.expm1, feature_names_out="one-to-one"), FULL[["b", "n"]]),
    "FunctionTransformer, none": (FunctionTransformer(feature_names_out="one-to-one"), FULL[["a", "b"]]),
    "PolynomialFeatures": (PolynomialFeatures(3, interaction_only=True), FULL),
    "PolynomialFeatures, degrees": (PolynomialFeatures((2, 3), include_bias=False), FULL),
    "VarianceThreshold": (VarianceThreshold(5.0), FULL),
    "SelectKBest": (SelectKBest(k=2), FULL),
    "SelectKBest, chi2": (SelectKBest(chi2, k=1), FULL[["b", "n"]]),
    "SelectKBest, regression": (SelectKBest(f_regression, k="all"), FULL),
    "SelectKBest, information": (SelectKBest(partial(mutual_info_regression, random_state=np.random.RandomState(3)), k=2), FULL),
    "PCA": (PCA(2, whiten=True), FULL),
    "PCA, share": (PCA(0.9, svd_solver="full"), FULL),
    "PCA, mle": (PCA("mle"), FULL),
    "TruncatedSVD": (TruncatedSVD(2, random_state=0), FULL),
    "TruncatedSVD, arpack": (TruncatedSVD(1, algorithm="arpack", random_state=0), FULL),
}


def dense(made) -> np.ndarray:
    return np.asarray(made.toarray() if scipy.sparse.issparse(made) else made)


def equal(plan, fitted, table, tolerance=1e-12):
    """The plan answers as the transformer, has its names, and outlives being stored."""
    expected, got = dense(fitted.transform(table)), plan.transform(table)
    assert got.shape == expected.shape
    if got.dtype == object:
        assert [[str(own) for own in row] for row in got] == [[str(own) for own in row] for row in expected]
    else:
        np.testing.assert_allclose(got, expected.astype(float), rtol=tolerance, atol=tolerance)
    try:
        names = fitted.get_feature_names_out().tolist()
    except AttributeError:
        names = plan.feature_names_out
    assert plan.feature_names_out == names
    again = Plan.from_bytes(plan.to_bytes())
    assert again.plan_hash == plan.plan_hash and again.feature_names_out == plan.feature_names_out
    np.testing.assert_array_equal(again.transform(table), got)
    return got


def named(value):
    """What a case is called: without addresses, so that all processes that share the tests call it the same."""
    return re.sub(r" at 0x[0-9a-f]+", "", str(value))


@pytest.mark.parametrize("case", CLASSES)
@pytest.mark.filterwarnings("ignore:Found unknown categories")
def test_each_class_answers_as_scikit_learns(case):
    fitted, table = CLASSES[case]
    fitted = sklearn.base.clone(fitted).fit(table, Y)
    plan = from_sklearn(fitted, table.head(3))
    equal(plan, fitted, table)
    # By rows, too; and what was fitted on an array has the names of positions.
    rows = [plan.transform_row(row) for row in table.head(5).to_dict("records")] if "text" not in case else []
    for row, expected in zip(rows, plan.transform(table)):
        np.testing.assert_array_equal(row, expected.astype(float))
    if case in ("OneHotEncoder, names",):
        return
    array = sklearn.base.clone(fitted).fit(table.to_numpy(), Y)
    unnamed = from_sklearn(array, table)
    np.testing.assert_array_equal(unnamed.transform(table.to_numpy()), plan.transform(table))
    assert unnamed.feature_names_in == [f"x{position}" for position in range(table.shape[1])]


def test_near_rows_weigh_as_in_scikit_learn():
    table = HOLES[["a", "b"]].assign(c=RNG.normal(size=ROWS))
    fitted = KNNImputer(n_neighbors=4, weights="distance").fit(table)
    # Its distances are differences of squares, which lose digits.
    equal(from_sklearn(fitted, table), fitted, table, 1e-6)


def test_rounds_of_regressions_answer_as_scikit_learns():
    for options in ({}, {"add_indicator": True, "skip_complete": True, "imputation_order": "roman", "min_value": -1.0}):
        fitted = IterativeImputer(tol=1e-6, max_iter=20, **options).fit(HOLES)
        equal(from_sklearn(fitted, HOLES), fitted, HOLES, 1e-6)


@pytest.mark.parametrize("target", [THREE, np.array(["x", "y", "z"])[THREE], np.array(["no", "yes"])[Y], RNG.normal(size=ROWS), Y.astype(bool)])
def test_targets_of_every_kind(target):
    fitted = TargetEncoder().fit(WORDS, target)
    plan = from_sklearn(fitted, WORDS)
    equal(plan, fitted, WORDS)
    unseen = WORDS.assign(plan="gold")
    equal(plan, fitted, unseen)


def test_unseen_categories_and_missing_values():
    unseen = pd.DataFrame({"plan": ["gold", "pro", np.nan, None]}, dtype=object)
    for encoder in (
        OneHotEncoder(handle_unknown="ignore"),
        OneHotEncoder(handle_unknown="infrequent_if_exist", min_frequency=30),
        OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1),
        OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=np.nan, min_frequency=30),
    ):
        for table in (WORDS[["plan"]], GAPS):
            fitted = encoder.fit(table)
            plan = from_sklearn(fitted, table)
            # scikit-learn tells None and NaN apart where fitting saw NaN alone.
            equal(plan, fitted, unseen.head(3))
            np.testing.assert_array_equal(plan.transform(unseen)[2], plan.transform(unseen)[3])
    strict = from_sklearn(OneHotEncoder().fit(WORDS[["plan"]]), WORDS[["plan"]])
    with pytest.raises(mlcore.InvalidInputError, match='plan: row 0: "gold"'):
        strict.transform(unseen)


@pytest.mark.parametrize(
    "vectorizer",
    [
        CountVectorizer(),
        CountVectorizer(ngram_range=(1, 2), stop_words=["au"], min_df=2, binary=True),
        CountVectorizer(analyzer="char_wb", ngram_range=(2, 3), lowercase=False, max_features=20),
        CountVectorizer(vocabulary={"red": 1, "pear": 0}),
        TfidfVectorizer(),
        TfidfVectorizer(sublinear_tf=True, norm="l1", smooth_idf=False, dtype=np.float32),
        TfidfVectorizer(use_idf=False, norm=None, token_pattern=r"\b\w+\b"),
        HashingVectorizer(n_features=64, norm=None),
        HashingVectorizer(n_features=128, analyzer="char", ngram_range=(1, 2), alternate_sign=False),
    ],
    ids=repr,
)
def test_texts_answer_as_scikit_learns(vectorizer):
    fitted = vectorizer.fit(NOTES)
    tolerance = 1e-6 if getattr(vectorizer, "dtype", None) is np.float32 else 1e-12
    for sample in (NOTES, NOTES.to_frame(), NOTES.head(1), list(NOTES.head(2))):
        plan = from_sklearn(fitted, sample)
        expected = dense(fitted.transform(NOTES)).astype(float)
        np.testing.assert_allclose(plan.transform(NOTES.to_frame() if "note" in plan.inputs else NOTES.to_numpy()[:, None]), expected, rtol=tolerance, atol=tolerance)
    plan = from_sklearn(fitted, NOTES)
    assert plan.inputs == {"note": "string"}
    if hasattr(fitted, "get_feature_names_out"):
        assert plan.feature_names_out == fitted.get_feature_names_out().tolist()
    assert Plan.from_bytes(plan.to_bytes()).plan_hash == plan.plan_hash
    # In a column of its own, as vectorizers are used.
    frame = FULL.assign(note=NOTES)
    columns = ColumnTransformer([("text", vectorizer, "note"), ("scale", StandardScaler(), ["a"])]).fit(frame)
    np.testing.assert_allclose(from_sklearn(columns, frame).transform(frame), dense(columns.transform(frame)).astype(float), rtol=tolerance, atol=tolerance)


def test_hashes_of_rows_answer_as_scikit_learns():
    frame = WORDS[["plan", "k"]].assign(k=WORDS["k"].astype(float))
    fitted = FeatureHasher(n_features=32)
    plan = from_sklearn(fitted, frame)
    np.testing.assert_allclose(plan.transform(frame), dense(fitted.transform(frame.to_dict("records"))), rtol=1e-12)


EVERYTHING = pd.concat([HOLES, WORDS, NOTES], axis=1).assign(spare=1.0)


def composed() -> ColumnTransformer:
    return ColumnTransformer(
        [
            ("numbers", make_pipeline(SimpleImputer(strategy="median", add_indicator=True), StandardScaler(), PCA(3)), ["a", "b"]),
            ("words", make_pipeline(SimpleImputer(strategy="most_frequent"), OneHotEncoder(handle_unknown="ignore")), ["plan", "k"]),
            ("text", TfidfVectorizer(), "note"),
            ("gone", "drop", ["spare"]),
            ("kept", "passthrough", ["yes"]),
        ],
        remainder=KBinsDiscretizer(3, encode="onehot", quantile_method="averaged_inverted_cdf"),
    )


def test_columns_and_pipelines_answer_as_scikit_learns():
    filled = EVERYTHING.fillna({"n": 0.0})
    fitted = composed().fit(filled)
    plan = from_sklearn(fitted, filled)
    equal(plan, fitted, filled)
    # What nobody reads is no input, whatever it holds.
    assert "spare" not in plan.inputs
    odd = filled.assign(spare=[[1, 2]] * ROWS)
    np.testing.assert_array_equal(from_sklearn(fitted, odd).transform(odd), plan.transform(filled))
    row = plan.transform_row(filled.iloc[7].to_dict())
    np.testing.assert_array_equal(row, plan.transform(filled)[7])
    for sample in (pl.from_pandas(filled), pa.Table.from_pandas(filled), pa.Table.from_pandas(filled).schema, pl.from_pandas(filled).clear()):
        assert from_sklearn(fitted, sample).plan_hash == plan.plan_hash


@pytest.mark.parametrize(
    "columns",
    [["a", "b"], [0, 1], [-3, -2], slice(0, 2), slice("a", "b"), np.array([True, True, False]), lambda table: ["a", "b"], make_column_selector(pattern="^[ab]$")],
    ids=named,
)
@pytest.mark.parametrize("remainder", ["drop", "passthrough", MinMaxScaler()], ids=named)
@pytest.mark.parametrize("verbose", [True, False])
def test_columns_are_found_however_they_were_chosen(columns, remainder, verbose):
    fitted = ColumnTransformer([("scale", StandardScaler(), columns), ("none", RobustScaler(), [])], remainder=remainder, verbose_feature_names_out=verbose)
    plan = from_sklearn(fitted.fit(HOLES), HOLES.head(2))
    equal(plan, fitted, HOLES)
    assert ("n" in plan.inputs) == (remainder != "drop")


def test_unions_and_weights_answer_as_scikit_learns():
    fill = make_pipeline(SimpleImputer(), StandardScaler())
    union = FeatureUnion(
        [("scale", StandardScaler()), ("fill", fill), ("kept", "passthrough"), ("gone", "drop")],
        transformer_weights={"fill": 10.0, "kept": None},
    )
    equal(from_sklearn(union.fit(FULL), FULL), union, FULL)
    short = FeatureUnion([("scale", StandardScaler())], verbose_feature_names_out=False).fit(FULL.to_numpy())
    equal(from_sklearn(short, FULL.to_numpy()), short, FULL.to_numpy())
    columns = ColumnTransformer(
        [("scale", StandardScaler(), ["a"]), ("both", union, ["b", "n"]), ("words", OneHotEncoder(), ["plan"])],
        transformer_weights={"scale": 2.0, "both": 0.5, "remainder": -1.0},
        remainder="passthrough",
    )
    table = FULL.assign(plan=WORDS["plan"], more=FULL["a"] - 1)
    equal(from_sklearn(columns.fit(table), table), columns, table)
    inside = make_pipeline(FeatureUnion([("low", PCA(1)), ("all", MinMaxScaler())]), StandardScaler()).fit(FULL)
    equal(from_sklearn(inside, FULL), inside, FULL, 1e-9)
    # A weight multiplies numbers; scikit-learn says so when it transforms.
    text = ColumnTransformer([("kept", "passthrough", ["plan"])]).fit(WORDS)
    text.transformer_weights = {"kept": 2.0}
    with pytest.raises(mlcore.InvalidInputError, match="from_sklearn ColumnTransformer: a weight multiplies numbers, and the column is string"):
        from_sklearn(text, WORDS)


@pytest.mark.filterwarnings("ignore:Features .* are constant", "ignore:invalid value:RuntimeWarning")
def test_pipelines_in_pipelines():
    table = FULL.mask(FULL > 5)
    inner = Pipeline([("impute", SimpleImputer()), ("columns", ColumnTransformer([("scale", StandardScaler(), [0, 2]), ("same", "passthrough", [1])]))])
    fitted = Pipeline([("inner", inner), ("nothing", "passthrough"), ("poly", PolynomialFeatures()), ("best", SelectKBest(k=5))]).fit(table, Y)
    plan = from_sklearn(fitted, table)
    np.testing.assert_allclose(plan.transform(table), fitted.transform(table), rtol=1e-12, atol=1e-12)
    pandas = sklearn.base.clone(fitted).set_output(transform="pandas").fit(table, Y)
    np.testing.assert_allclose(from_sklearn(pandas, table).transform(table), pandas.transform(table), rtol=1e-12, atol=1e-12)
    # Before a model, and with transformers of mlcore inside.
    mixed = make_pipeline(features.SimpleImputer(), StandardScaler(), LogisticRegression()).fit(table, Y)
    plan = from_sklearn(mixed[:-1], table)
    np.testing.assert_array_equal(mixed[-1].predict_proba(plan.transform(table)), mixed.predict_proba(table))


def test_float32_is_computed_in_float64():
    table = FULL.astype("float32")
    for transformer in (StandardScaler(), MinMaxScaler(), PCA(2), SimpleImputer(), PolynomialFeatures(), QuantileTransformer(n_quantiles=30)):
        fitted = transformer.fit(table)
        plan = from_sklearn(fitted, table)
        assert set(plan.inputs.values()) == {"float32"}
        equal(plan, fitted, table, 2e-5)
        np.testing.assert_allclose(plan.transform(table), dense(fitted.transform(table.astype(float))), rtol=1e-12, atol=1e-6)


class Own(TransformerMixin, BaseEstimator):
    def fit(self, X, y=None):
        self.fitted_ = True
        return self

    def transform(self, X):
        return X


def test_everything_that_has_no_equal_is_named_at_once():
    fitted = ColumnTransformer(
        [
            ("parts", NMF(1, tol=0.1), ["b"]),
            ("fill", make_pipeline(KNNImputer(missing_values=-1), Own()), ["a"]),
            ("twist", FunctionTransformer(lambda table: table * 2), ["n"]),
            ("both", FeatureUnion([("scale", StandardScaler()), ("other", Own())]), ["a"]),
        ],
        transformer_weights={"parts": 2.0},
    ).fit(FULL)
    with pytest.raises(mlcore.UnsupportedError) as caught:
        from_sklearn(fitted, FULL)
    for words in (
        "parts: sklearn's NMF is no transformer that there is an equal of",
        "fill > knnimputer: KNNImputer has missing_values=-1",
        "fill > own: test_from_sklearn's Own is no transformer",
        "twist: FunctionTransformer has func=<function",
        "both > other: test_from_sklearn's Own is no transformer",
    ):
        assert words in str(caught.value), words
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(FULL, Y)
    with pytest.raises(mlcore.UnsupportedError, match="logisticregression: sklearn's LogisticRegression is a model"):
        from_sklearn(model, FULL)


@pytest.mark.parametrize(
    ("transformer", "words"),
    [
        (KNNImputer(metric=lambda left, right, **_: 0.0), "metric="),
        (KNNImputer(weights=lambda distances: distances), "weights="),
        (CountVectorizer(tokenizer=str.split, token_pattern=None), "tokenizer="),
        (TfidfVectorizer(preprocessor=str.lower), "preprocessor="),
        (CountVectorizer(analyzer=str.split), "analyzer="),
        (HashingVectorizer(), "n_features=1048576"),
        (FunctionTransformer(np.clip, kw_args={"a_min": 0, "a_max": 1}), "kw_args="),
        (FunctionTransformer(np.sqrt, feature_names_out=lambda own, names: names), "feature_names_out="),
        (IterativeImputer(estimator=LogisticRegression()), "estimator="),
        (MissingIndicator(missing_values=0), "missing_values=0"),
        (SelectKBest(lambda X, y: (X[0], X[0])), "score_func="),
        (LabelBinarizer(), "LabelBinarizer is no transformer"),
        ("scaler", "str is no transformer"),
    ],
    ids=named,
)
def test_parameters_without_an_equal_are_named(transformer, words):
    with pytest.raises(mlcore.UnsupportedError) as caught:
        from_sklearn(transformer, FULL)
    assert words in str(caught.value)


def test_what_cannot_be_read_is_told():
    with pytest.raises(sklearn.exceptions.NotFittedError, match="this StandardScaler is not fitted yet"):
        from_sklearn(StandardScaler(), FULL)
    with pytest.raises(mlcore.NotFittedError):
        from_sklearn(Pipeline([("scale", StandardScaler())]), FULL)
    fitted = StandardScaler().fit(FULL)
    for X, error, words in (
        (None, mlcore.InvalidInputError, "scikit-learn keeps no types of columns; pass a few rows of the training data"),
        (5, mlcore.InvalidTypeError, "from_sklearn X: a table is expected, and it is a int"),
        (FULL[["a"]], mlcore.InvalidInputError, "it lacks the columns b, n"),
        (FULL[["a"]].to_numpy(), mlcore.InvalidInputError, "it has 1 columns, and 3 were fitted"),
    ):
        with pytest.raises(error, match=words):
            from_sklearn(fitted, X)
    with pytest.raises(mlcore.InvalidInputError, match="plan: 'free' was learnt, and the column of the table holds float64"):
        from_sklearn(OneHotEncoder().fit(WORDS[["plan"]]), pd.DataFrame({"plan": [1.0]}))
    both = pd.DataFrame({"t": ["a", None, np.nan, "b"]}, dtype=object)
    with pytest.raises(mlcore.InvalidInputError, match="t: None and NaN are two categories"):
        from_sklearn(OneHotEncoder().fit(both), both)
    with pytest.raises(mlcore.InvalidInputError, match="twice: a column stands twice in it"):
        from_sklearn(ColumnTransformer([("twice", StandardScaler(), [0, 0])]).fit(FULL.to_numpy()), FULL)


def test_a_version_that_keeps_its_state_otherwise_is_told():
    fitted = ColumnTransformer([("scale", MaxAbsScaler(), ["a"])]).fit(FULL)
    del fitted.named_transformers_["scale"].max_abs_
    with pytest.raises(mlcore.InvalidInputError, match="from_sklearn scale: scikit-learn .* keeps it otherwise: .*max_abs_"):
        from_sklearn(fitted, FULL)
    del fitted._transformer_to_input_indices
    with pytest.raises(mlcore.InvalidInputError, match="ColumnTransformer: scikit-learn .* keeps it otherwise"):
        from_sklearn(fitted, FULL)


def test_transformers_of_mlcore_are_taken_as_they_are():
    frame = pd.concat([FULL, WORDS], axis=1)
    ours = features.ColumnTransformer([("scale", features.StandardScaler(), ["a"]), ("words", features.OneHotEncoder(), ["plan"])]).fit(frame)
    assert from_sklearn(ours, frame).plan_hash == ours.plan_hash
    mixed = ColumnTransformer([("ours", features.OneHotEncoder(), ["plan", "k"]), ("theirs", StandardScaler(), ["a"])]).fit(frame)
    equal(from_sklearn(mixed, frame), mixed, frame)
    unnamed = make_pipeline(StandardScaler(), PCA(2), features.StandardScaler()).fit(FULL)
    with pytest.raises(mlcore.InvalidInputError, match="standardscaler-2: it was fitted on x0, x1; let it be fitted on columns with names"):
        from_sklearn(unnamed, FULL)


def test_columns_by_name_stand_in_any_order_and_beside_others():
    fitted = StandardScaler().fit(FULL)
    plan = from_sklearn(fitted, FULL[["n", "b", "a"]].assign(more=[{}] * ROWS))
    np.testing.assert_array_equal(plan.transform(FULL[["n", "a", "b"]]), fitted.transform(FULL))
    # A plan that was fitted here is the same, to the digest.
    assert plan.plan_hash == features.StandardScaler().fit(FULL).plan_hash
