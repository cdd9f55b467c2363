"""Makes testdata/golden/drift/table/*.json, but for energy.json: what others say of seeded tables.

    pip install -r testdata/requirements-drift.txt
    python testdata/golden/make_drift_tables.py pca_reconstruction domain_classifier embedding_distance embedding_ratio text_length \\
        text_vocabulary text_classifier
    pip install -r testdata/requirements-drift-tables.txt     # in an environment of its own
    python testdata/golden/make_drift_tables.py mmd lsdd

They ask alibi-detect 0.13.0, NannyML 0.13.1 and Evidently 0.7.23; each test imports its own. Samples are those of make_drift.py. What
is computed from a kernel's bandwidth, centres and regularisation gets these as options; what is drawn (p-values of exchanged rows, areas
under curves of classifiers) is compared within the error of drawing.
"""

import functools
import json
import os
import sys
import warnings
from pathlib import Path

import numpy as np

from drift_samples import categories, compared, numbers, sample, table_cases, text, texts, words

OUT = Path(__file__).parent / "drift" / "table"
warnings.simplefilter("ignore")
os.environ["NML_DISABLE_USAGE_LOGGING"] = "1"
GOLDEN = {}


def golden(cases):
    """Says that a function makes the cases of the test with its name."""
    GOLDEN[cases.__name__] = cases
    return cases


def matrix(table):
    """The columns side by side."""
    return np.column_stack([numbers(column) for column in table]).astype("float64")


def bells(seed, n, *shifts, **more):
    return [sample("bell", seed + i, n, shift=shift, **more) for i, shift in enumerate(shifts)]


def kernel_cases():
    """Name, reference, current: tables of two rows or more, whose columns have comparable units."""
    skipped = ("one row", "far away", "tiny values")
    yield from (case for case in table_cases() if not case[0].startswith(skipped))
    yield "disjoint", bells(101, 200, 0.0, 0.0), bells(103, 150, 50.0, 0.0)
    yield "two rows each", bells(105, 2, 0.0, 0.0), bells(107, 2, 1.0, 0.0)
    yield "two thousand rows, shifted", bells(109, 2000, 0.0, 0.0, 0.0, 0.0), bells(113, 2000, 0.2, 0.2, 0.2, 0.2)
    yield "more columns than rows", bells(117, 15, *[0.0] * 30), bells(147, 12, *[0.4] * 30)
    yield "unequal sizes", bells(177, 1000, 0.0, 0.0), bells(179, 60, 0.5, 0.0)


def sampled_pvalue(found, exchanged, rounding=1e-12):
    """The share of exchanges that are as large, as the libraries count it."""
    return float(np.mean(np.asarray(exchanged) >= found - rounding))


@functools.cache
def tensorflow():
    import tensorflow as tf

    tf.keras.backend.set_floatx("float64")
    return tf


@golden
def mmd():
    tf = tensorflow()
    from alibi_detect.utils.tensorflow.distance import mmd2_from_kernel_matrix
    from alibi_detect.utils.tensorflow.kernels import GaussianRBF

    def discrepancy(x, y, sigma, permutations=0):
        if sigma is None:
            kernel = GaussianRBF()
            kernel(tf.constant(x), tf.constant(x), infer_sigma=True)
        else:
            kernel = GaussianRBF(tf.constant([sigma], dtype="float64"))
        both = tf.constant(np.vstack([x, y]))
        values = kernel(both, both)
        values = values - tf.linalg.diag(tf.linalg.diag_part(values))
        estimate = lambda permute: float(mmd2_from_kernel_matrix(values, len(y), permute=permute, zero_diag=False))
        found = estimate(False)
        expected = {"statistic": found}
        if permutations:
            np.random.seed(0)
            expected["pvalue_sampled"] = sampled_pvalue(found, [estimate(True) for _ in range(permutations)])
        return expected

    options = {"standardise": False, "max_rows": 2000, "permutations": 0}
    for name, reference, current in kernel_cases():
        x, y = matrix(reference), matrix(current)
        yield compared(f"{name}, sigma 0.7", reference, current, discrepancy(x, y, 0.7), {**options, "sigma": 0.7})
        # With many equal rows alibi's median is its smallest distance, 1e-30.
        if name not in ("ties", "constants, different"):
            drawn = 1000 if 100 < len(x) + len(y) < 900 else 0
            yield compared(f"{name}, median", reference, current, discrepancy(x, y, None, drawn), {**options, "permutations": drawn})
    yield from evidently_mmd()


def evidently_mmd():
    """The formula of Evidently's embeddings, written down again: it is not in alibi-detect's environment."""
    from scipy.spatial.distance import cdist

    for name, reference, current in kernel_cases():
        x, y = matrix(reference), matrix(current)
        if max(len(x), len(y)) > 1000 or name in ("ties", "constants, different"):
            continue
        gamma = 1.0 / np.median(cdist(x, y)) ** 2
        kernel = lambda a, b: np.exp(-gamma * cdist(a, b, "sqeuclidean"))
        within = lambda a: (kernel(a, a).sum() - len(a)) / (len(a) * (len(a) - 1))
        found = float(within(x) + within(y) - 2 * kernel(x, y).mean())
        options = {"standardise": False, "bandwidth": "evidently", "max_rows": 1000, "permutations": 0}
        yield compared(f"{name}, Evidently", reference, current, {"statistic": found}, options)


@golden
def lsdd():
    tf = tensorflow()
    from alibi_detect.utils.tensorflow.distance import permed_lsdds
    from alibi_detect.utils.tensorflow.kernels import GaussianRBF

    for name, reference, current in kernel_cases():
        x, y = matrix(reference), matrix(current)
        centers = np.round(np.random.default_rng(len(name)).normal(size=(12, x.shape[1])), 3)
        for sigma, lam in ((0.8, 0.25), (1.5, 0.01)):
            rbf = lambda s: GaussianRBF(tf.constant([s], dtype="float64"))
            kernel = rbf(sigma)(tf.constant(np.vstack([x, y])), tf.constant(centers))
            among = rbf(np.sqrt(2.0) * sigma)(tf.constant(centers), tf.constant(centers))
            inverse = tf.linalg.inv(among + lam * tf.eye(len(centers), dtype=among.dtype))
            both = 2 * inverse - tf.transpose(inverse, [1, 0]) @ among @ inverse
            rng = np.random.default_rng(0)
            orders = [rng.permutation(len(x) + len(y)) for _ in range(1000 if 100 < len(x) + len(y) < 900 else 2)]
            exchanged, _, found = permed_lsdds(
                kernel,
                [tf.constant(order[: len(x)]) for order in orders],
                [tf.constant(order[len(x) :]) for order in orders],
                among,
                H_lam_inv=both,
                return_unpermed=True,
            )
            options = {"standardise": False, "max_rows": 2000, "sigma": sigma, "regularisation": lam, "kernel_centers": centers.tolist(), "permutations": 0}
            expected = {"statistic": float(found)}
            if len(orders) > 2:
                expected["pvalue_sampled"] = sampled_pvalue(float(found), exchanged.numpy())
                options["permutations"] = 1000
            yield compared(f"{name}, sigma {sigma}", reference, current, expected, options)


def mixed_cases():
    """Name, reference, current: tables of numbers and categories."""
    yield from ((name, *case) for name, *case in kernel_cases() if name not in ("two rows each", "more columns than rows"))
    yield "categories", [*bells(201, 300, 0.0, 0.0), text(203, 300, 5)], [*bells(204, 200, 0.2, 0.0), text(206, 200, 5, skew=2)]
    yield "new categories", [*bells(207, 400, 0.0), text(208, 400, 6, skew=2)], [*bells(209, 300, 0.0), text(210, 300, 8, skew=2, first=1)]
    yield "categories alone", [text(211, 500, 4), text(212, 500, 9, skew=2)], [text(213, 300, 4), text(214, 300, 9)]
    yield "a constant", [*bells(215, 200, 0.0, 0.0), sample("constant", 217, 200)], [*bells(218, 150, 0.0, 0.0), sample("constant", 220, 150, shift=0.5)]


def frame(table):
    import pandas as pd

    columns = [categories(column) if "distinct" in column and "shape" not in column else pd.Series(numbers(column).astype("float64")) for column in table]
    return pd.DataFrame({f"column {place}": column for place, column in enumerate(columns)})


@golden
def pca_reconstruction():
    import nannyml

    def band(reference, **options):
        made = nannyml.DataReconstructionDriftCalculator(column_names=list(reference.columns), **options)
        return made.fit(reference)

    def error(fitted, current):
        result = fitted.calculate(current).filter(period="analysis")
        return float(result.data[("reconstruction_error", "value")].iloc[0])

    for name, reference, current in mixed_cases():
        before, after = frame(reference), frame(current)
        for options in ({}, {"n_components": 1}, {"n_components": 0.9}):
            expected = {"statistic": error(band(before, chunk_number=1, **options), after)}
            if expected["statistic"] < 1e-9:
                continue
            if len(before) % 10 == 0 and len(before) >= 100:
                fitted = band(before, chunk_number=10, **options)
                means = fitted.result.data[("reconstruction_error", "value")]
                if means.mean() > 1e-9:
                    expected["lower"] = float(means.mean() - 3 * means.std(ddof=0))
                    expected["upper"] = float(fitted.upper_threshold_value)
            yield compared(f"{name}, {options}", reference, current, expected, options)
    for missing, name in ((7, "numbers"), (40, "many numbers")):
        reference = [sample("bell", 221, 300), sample("bell", 222, 300 - missing, missing=missing), text(223, 300, 4)]
        current = [sample("bell", 224, 200), sample("bell", 225, 200 - missing, missing=missing, shift=0.5), text(226, 200, 4)]
        before, after = frame(reference), frame(current)
        expected = {"statistic": error(band(before, chunk_number=1), after)}
        yield compared(f"missing {name}, imputed", reference, current, expected, {"impute": True})


@golden
def domain_classifier():
    import nannyml
    from nannyml.drift.multivariate.domain_classifier.calculator import DEFAULT_LGBM_HYPERPARAMS

    quiet = {**DEFAULT_LGBM_HYPERPARAMS, "verbose": -1, "n_jobs": 1}
    for name, reference, current in mixed_cases():
        before, after = frame(reference), frame(current)
        if len(before) + len(after) < 300:
            continue
        made = nannyml.DomainClassifierCalculator(feature_column_names=list(before.columns), chunk_number=1, hyperparameters=quiet)
        # In random order: NannyML's folds are stretches of rows.
        shuffle = lambda table: table.sample(frac=1.0, random_state=1).reset_index(drop=True)
        result = made.fit(shuffle(before)).calculate(shuffle(after)).filter(period="analysis")
        area = float(result.data[("domain_classifier_auroc", "value")].iloc[0])
        expected = {"auc": forest_area(before, after), "auc_lightgbm": area}
        yield compared(name, reference, current, expected, {"max_rows": 2000})


def folded_area(table, is_current, scores):
    """The area of what `scores` says of rows that it did not learn from."""
    from sklearn.metrics import roc_auc_score
    from sklearn.model_selection import StratifiedKFold

    found = np.zeros(len(is_current))
    for learnt, left in StratifiedKFold(5, shuffle=True, random_state=0).split(np.zeros(len(is_current)), is_current):
        found[left] = scores(table, is_current, learnt, left)
    return float(roc_auc_score(is_current, found))


def forest_area(before, after):
    """The same forest, of scikit-learn, which counts each row of a leaf once, and ours each time that it was drawn."""
    import pandas as pd
    from sklearn.ensemble import RandomForestRegressor

    both = pd.concat([before, after], ignore_index=True)
    encoded = both.apply(lambda column: column.astype("category").cat.codes if column.dtype == object else column).to_numpy()
    is_current = np.repeat([0, 1], [len(before), len(after)])

    def scores(table, labels, learnt, left):
        few = max(round(table.shape[1] ** 0.5), 1)
        forest = RandomForestRegressor(50, min_samples_leaf=6, max_features=few, random_state=0, n_jobs=1)
        return forest.fit(table[learnt], labels[learnt]).predict(table[left])

    return folded_area(encoded, is_current, scores)


def vectors(seed, n, *shifts, **more):
    """One column of vectors."""
    return [{"vector": bells(seed, n, *shifts, **more)}]


def embedding_cases():
    yield "one row each", vectors(301, 1, 0.0, 0.0), vectors(303, 1, 1.0, 0.0)
    yield "few", vectors(305, 20, 0.0, 0.0, 0.0), vectors(308, 30, 0.5, 0.0, 0.0)
    yield "no shift", vectors(311, 500, *[0.5] * 8), vectors(319, 400, *[0.5] * 8)
    yield "all components", vectors(327, 500, *[0.5] * 8), vectors(335, 400, *[0.8] * 8)
    yield "one component", vectors(343, 500, *[0.5] * 8), vectors(351, 400, 1.5, *[0.5] * 7)
    yield "wide", vectors(359, 200, *[1.0] * 64), vectors(423, 150, *[1.1] * 64)
    yield "more components than rows", vectors(487, 20, *[1.0] * 40), vectors(527, 25, *[1.2] * 40)
    yield "two thousand rows", vectors(567, 2000, *[1.0] * 6), vectors(573, 2000, *[1.05] * 6)
    yield "wider spread", vectors(579, 500, *[0.5] * 4), vectors(583, 500, *[0.5] * 4, scale=1.4)
    yield "columns of numbers", bells(587, 300, 0.5, 0.5, 0.5), bells(590, 200, 0.5, 1.0, 0.5)
    yield "two columns of vectors", [*vectors(593, 200, 0.5, 0.5), *vectors(595, 200, 0.5)], [*vectors(596, 200, 0.5, 0.5), *vectors(598, 200, 1.0)]
    yield "constants", [{"vector": [sample("constant", 1, 100, shift=1.0), sample("bell", 599, 100)]}], [{"vector": [sample("constant", 1, 80, shift=1.0), sample("bell", 600, 80, shift=1.0)]}]
    yield "equal", vectors(601, 100, 0.5, 0.7), vectors(601, 100, 0.5, 0.7)
    yield "heavy tails", [{"vector": [sample("heavy", 603, 500), sample("heavy", 604, 500)]}], [{"vector": [sample("heavy", 605, 500), sample("heavy", 606, 500, shift=1.0)]}]
    yield "single precision", [{"vector": [sample("bell", 607, 300, shift=0.5)]}], [{"vector": [sample("bell", 608, 300, shift=0.8)]}]


def embeddings(table):
    import pandas as pd

    components = [component for column in table for component in column.get("vector", [column])]
    return pd.DataFrame(matrix(components))


@golden
def embedding_distance():
    from evidently.legacy.metrics.data_drift.embedding_drift_methods import distance

    for metric in ("euclidean", "cosine", "cityblock", "chebyshev"):
        for name, reference, current in embedding_cases():
            found = float(distance(dist=metric)(embeddings(current), embeddings(reference))[0])
            options = {"metric": metric, "max_rows": 2000, "permutations": 0}
            yield compared(f"{name}, {metric}", reference, current, {"statistic": 0.0 if found < 1e-12 else found}, options)


@golden
def embedding_ratio():
    from evidently.legacy.metrics.data_drift.embedding_drift_methods import ratio

    for test, threshold in (("wasserstein", 0.1), ("ks", 0.05)):
        for name, reference, current in embedding_cases():
            found = float(ratio(component_stattest=test, component_stattest_threshold=threshold)(embeddings(current), embeddings(reference))[0])
            options = {"component_test": test, "component_threshold": threshold, "max_rows": 2000, "permutations": 0}
            yield compared(f"{name}, {test}", reference, current, {"statistic": found}, options)


def text_cases():
    """Name, reference, current: one column of texts."""
    yield "one text each", texts(1, 1, 5), texts(2, 1, 5)
    yield "equal", texts(3, 200, 50), texts(3, 200, 50)
    yield "same words", texts(4, 400, 60), texts(5, 300, 60)
    yield "new words", texts(6, 400, 60), texts(7, 300, 60, first=20)
    yield "other words", texts(8, 300, 40), texts(9, 200, 40, first=100)
    yield "longer", texts(10, 400, 60), texts(11, 300, 60, longest=16)
    yield "shorter", texts(12, 400, 60, longest=12), texts(13, 300, 60, longest=6)
    yield "many words", texts(14, 500, 2000), texts(15, 500, 2000)
    yield "many words, some new", texts(16, 500, 1500), texts(17, 500, 1500, first=400)
    yield "two words", texts(18, 200, 2), texts(19, 200, 3)
    yield "few texts", texts(20, 12, 30), texts(21, 9, 30)
    yield "two thousand", texts(22, 2000, 200), texts(23, 2000, 200, first=5)
    yield "unequal sizes", texts(24, 1500, 100), texts(25, 50, 100, first=30)
    yield "a few new words", texts(30, 600, 80), texts(31, 500, 80, first=4)
    yield "rare words", texts(32, 800, 500), texts(33, 700, 520)
    yield "longer and new", texts(34, 300, 60), texts(35, 400, 60, first=15, longest=14)
    yield "shorter and fewer", texts(36, 500, 60, longest=14), texts(37, 500, 40, longest=5)
    yield "another seed", texts(38, 900, 120), texts(39, 800, 120)
    yield "one against many", texts(26, 1, 20), texts(27, 300, 20)
    yield "many against one", texts(28, 300, 20), texts(29, 1, 20, first=10)


@golden
def text_length():
    from scipy import stats

    for name, reference, current in text_cases():
        lengths = [[len(written) for written in words(table)] for table in (reference, current)]
        result = stats.ks_2samp(*lengths)
        yield compared(name, [reference], [current], {"statistic": float(result.statistic), "pvalue": float(result.pvalue)})


@golden
def text_vocabulary():
    from evidently.legacy.features.OOV_words_percentage_feature import OOVWordsPercentage

    # Without the vocabulary that it downloads.
    feature = OOVWordsPercentage(column_name="text")
    feature._lem = type("Same", (), {"lemmatize": staticmethod(lambda word: word)})
    for name, reference, current in text_cases():
        vocabulary = {word.lower() for written in words(reference) for word in written.split()}
        feature._eng_words = vocabulary
        share = float(np.mean([feature.apply(written) for written in words(current)])) / 100.0
        yield compared(name, [reference], [current], {"statistic": share}, {"permutations": 0})


@golden
def text_classifier():
    import pandas as pd
    from evidently.legacy.utils.data_drift_utils import calculate_text_drift_score

    for name, reference, current in text_cases():
        before, after = pd.Series(words(reference)), pd.Series(words(current))
        if min(len(before), len(after)) < 50:
            continue
        area = float(calculate_text_drift_score(before, after, bootstrap=False)[0])
        # Of equal tables the area is below one half by how much a model learns, and Evidently's learns from half of the texts.
        expected = {"auc": bayes_area(before, after)} | ({} if name == "equal" else {"auc_of_words": area})
        yield compared(name, [reference], [current], expected)


def bayes_area(before, after):
    """The same classifier of n-grams, of scikit-learn."""
    from sklearn.feature_extraction.text import CountVectorizer
    from sklearn.naive_bayes import BernoulliNB

    padded = [f" {text} " for text in [*before, *after]]
    counts = CountVectorizer(analyzer="char", ngram_range=(3, 3), binary=True).fit_transform(padded)
    is_current = np.repeat([0, 1], [len(before), len(after)])

    def scores(table, labels, learnt, left):
        model = BernoulliNB(alpha=0.5, fit_prior=False).fit(table[learnt], labels[learnt])
        odds = model.predict_joint_log_proba(table[left])
        return odds[:, 1] - odds[:, 0]

    return folded_area(counts, is_current, scores)


def main(tests):
    OUT.mkdir(parents=True, exist_ok=True)
    for test in tests or GOLDEN:
        cases = list(GOLDEN[test]())
        path = OUT / f"{test}.json"
        path.write_text("[\n" + ",\n".join(json.dumps(case) for case in cases) + "\n]\n")
        print(f"{path.name}: {len(cases)} cases")


if __name__ == "__main__":
    main(sys.argv[1:])
