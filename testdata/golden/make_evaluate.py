"""Makes testdata/golden/evaluate.json: what scikit-learn 1.9.1 and scipy 1.17.1 say about seeded predictions.

    pip install scikit-learn==1.9.1 scipy==1.17.1
    python testdata/golden/make_evaluate.py

Data is described, not stored: SplitMix64 counters, turned into values by operations that IEEE 754 rounds alike
everywhere. mlcore/tests/evaluate_golden makes the same data, bit for bit, and compares the numbers to 1e-9.
"""

import ast
import json
import warnings
from pathlib import Path

import numpy as np
from scipy import stats
from sklearn import metrics

OUT = Path(__file__).parent / "evaluate.json"
STUB = Path(__file__).parents[2] / "mlcore-py" / "python" / "mlcore" / "metrics.pyi"
warnings.simplefilter("ignore")


def listed():
    """The metrics that answer one number, by what they compare: the stub lists them, and annotates `y_pred` so.

    Labels that two classes are chosen of have a `pos_label` too: they are "binary".
    """
    found = {}
    for node in ast.parse(STUB.read_text()).body:
        if isinstance(node, ast.FunctionDef) and ast.unparse(node.returns) == "float":
            kind = ast.unparse(node.args.args[1].annotation).strip("_").lower()
            options = [option.arg for option in node.args.kwonlyargs]
            kind = "binary" if kind == "labels" and "pos_label" in options else kind
            found.setdefault(kind, []).append(node.name)
    return found


METRICS = listed()


def computed(kind, y, pred, w):
    """Every metric of the kind, with scikit-learn's defaults."""
    return {name: getattr(metrics, name)(y, pred, sample_weight=w) for name in METRICS[kind]}


def uniforms(seed, n, stream):
    """SplitMix64 of seed + (8 i + stream + 1) golden ratios, as floats in [0, 1)."""
    with np.errstate(over="ignore"):
        i = np.arange(n, dtype=np.uint64) * np.uint64(8) + np.uint64(stream + 1)
        z = np.uint64(seed) + i * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z = z ^ (z >> np.uint64(31))
    return (z >> np.uint64(11)).astype(np.float64) * 2.0**-53


def labels(spec):
    truth = uniforms(spec["seed"], spec["n"], 0) < spec["prevalence"]
    # Both classes, whatever the draw.
    truth[0], truth[-1] = True, False
    return truth


def probabilities(spec, truth, stream):
    """Scores in [0, 1] of a shape."""
    u = uniforms(spec["seed"], spec["n"], stream)
    t = truth.astype(np.float64)
    return {
        "noise": lambda: u,
        "good": lambda: t * 0.5 + u * 0.5,
        "useful": lambda: t * 0.25 + u * 0.75,
        "reversed": lambda: (1.0 - t) * 0.25 + u * 0.75,
        "tied": lambda: np.floor((t * 0.25 + u * 0.75) * 5.0) / 5.0,
        "two_valued": lambda: np.where(t * 0.25 + u * 0.75 < 0.5, 0.25, 0.75),
        "constant": lambda: np.full(spec["n"], 0.25),
        "extreme": lambda: np.where(u < 0.1, 0.0, np.where(u > 0.9, 1.0, u)),
        "tiny": lambda: u * 2.0**-60,
    }[spec["shape"]]()


def weights(spec):
    u = uniforms(spec["seed"], spec["n"], 5)
    return {
        "none": lambda: None,
        "uniform": lambda: u + 0.01,
        "with_zeros": lambda: np.floor(u * 3.0),
        "wide": lambda: 1.0 / (u + 1e-6),
    }[spec["weights"]]()


def binary(spec):
    y = labels(spec)
    p = probabilities(spec, y, 1)
    w = weights(spec)
    pred = p > 0.5
    matrix = metrics.confusion_matrix(y, pred, labels=[False, True], sample_weight=w)
    return {
        **computed("labels", y, pred, w),
        **computed("binary", y, pred, w),
        **computed("scores", y, p, w),
        "confusion_matrix": matrix.ravel().tolist(),
    }


def narrow(spec):
    """The losses of probabilities in the narrower types of floats, which scikit-learn computes in these."""
    y = labels(spec)
    p = probabilities(spec, y, 1)
    w = weights(spec)
    return {
        f"{name}_{dtype}": getattr(metrics, name)(y, p.astype(dtype), sample_weight=w)
        for name in ("log_loss", "brier_score_loss")
        for dtype in ("float32", "float16")
    }


def averaged(y, pred, w):
    """Precision, recall and F1 by label and averaged, of all labels and of some, one of which does not occur."""
    found = {}
    for key, options in (("all", {}), ("some", {"labels": [1, 99, 0]})):
        for average in ("micro", "macro", "weighted", None):
            for zero in (0.0, 1.0):
                scores = metrics.precision_recall_fscore_support(
                    y, pred, average=average, sample_weight=w, zero_division=zero, **options
                )
                found[f"{key}_{average}_{zero:.0f}"] = np.ravel([score for score in scores if score is not None]).tolist()
    return found


def multiclass(spec):
    y, pred = (np.floor(uniforms(spec["seed"], spec["n"], s) * spec["classes"]).astype(int) for s in (0, 1))
    w = weights(spec)
    return {
        **computed("labels", y, pred, w),
        **averaged(y, pred, w),
        "labels": np.unique(np.concatenate([y, pred])).tolist(),
        "confusion_matrix": metrics.confusion_matrix(y, pred, sample_weight=w).ravel().tolist(),
        "confusion_matrix_1_0": metrics.confusion_matrix(y, pred, labels=[1, 0], sample_weight=w).ravel().tolist(),
    }


def class_scores(spec, y):
    """A row of probabilities for each label, a column for each class; the sum is added up from the left."""
    k = spec["classes"]
    u = [uniforms(spec["seed"] + 1000 * (1 + c), spec["n"], 1) for c in range(k)]
    u = [np.floor(column * 4.0) / 4.0 for column in u] if spec["shape"] == "tied" else u
    raw = [u[c] + 0.125 + 0.5 * (y == c) for c in range(k)]
    total = np.zeros(spec["n"])
    for column in raw:
        total = total + column
    return np.column_stack([column / total for column in raw])


def classes(spec):
    """The metrics of scores of several classes; labels are 0 to k - 1, and all of them occur."""
    y = np.floor(uniforms(spec["seed"], spec["n"], 0) * spec["classes"]).astype(int)
    assert len(np.unique(y)) == spec["classes"]
    p, w = class_scores(spec, y), weights(spec)
    auc = lambda multi_class, average, w=w: metrics.roc_auc_score(
        y, p, multi_class=multi_class, average=average, sample_weight=w
    )
    averages = ("macro", "weighted", "micro")
    precision = lambda average: metrics.average_precision_score(y, p, average=average, sample_weight=w)
    more = list(range(spec["classes"] + 1))
    wider = np.column_stack([p * 0.5, np.full(spec["n"], 0.5)])
    return {
        "log_loss": metrics.log_loss(y, p, sample_weight=w),
        "log_loss_more": metrics.log_loss(y, wider, labels=more, sample_weight=w),
        **{f"ovr_{average}": auc("ovr", average) for average in averages},
        **{f"ovo_{average}": auc("ovo", average, None) for average in averages[:2]},
        "ovr_None": auc("ovr", None).tolist(),
        "ovr_weighted_more": metrics.roc_auc_score(
            y, wider, labels=more, multi_class="ovr", average="weighted", sample_weight=w
        ),
        **{f"precision_{average}": precision(average) for average in averages},
        "precision_None": precision(None).tolist(),
    }


def numbers(spec):
    u = [uniforms(spec["seed"], spec["n"], stream) for stream in range(3)]
    truth = ((u[0] + u[1]) - 1.0) * spec["scale"] + spec["shift"]
    return truth, truth + (u[2] - 0.5) * spec["noise"]


def regression(spec):
    y, pred = numbers(spec)
    w = weights(spec)
    return computed("values", y, pred, w)


def normal(difference, error):
    z = stats.norm.isf(0.025)
    return [difference - z * error, difference + z * error]


def delong(y, champion, challenger):
    """DeLong, DeLong and Clarke-Pearson (1988), by their definition: every pair compared."""
    def components(score):
        wins = score[y][:, None] > score[~y][None, :]
        ties = score[y][:, None] == score[~y][None, :]
        pairs = wins + 0.5 * ties
        return pairs.mean(axis=1), pairs.mean(axis=0)

    (a10, a01), (b10, b01) = components(champion), components(challenger)
    variance = np.var(b10 - a10, ddof=1) / y.sum() + np.var(b01 - a01, ddof=1) / (~y).sum()
    return normal(b10.mean() - a10.mean(), np.sqrt(variance))


def paired_t(champion, challenger):
    interval = stats.ttest_rel(challenger, champion).confidence_interval(0.95)
    return [interval.low, interval.high]


def agresti_min(champion, challenger):
    """Agresti and Min (2005): half a row more in each of the four cells."""
    n = len(champion) + 2.0
    b, c = (champion & ~challenger).sum() + 0.5, (~champion & challenger).sum() + 0.5
    return normal((c - b) / n, np.sqrt((b + c) - (c - b) ** 2 / n) / n)


def delta(champion, challenger):
    """The delta method of two statistics by their values and the influences of the rows: van der Vaart (1998)."""
    (a, before), (b, after) = champion, challenger
    n = len(before)
    width = stats.t.ppf(0.975, n - 1) * np.std(after - before, ddof=1) / np.sqrt(n)
    return [b - a - width, b - a + width]


def f1(y, pred):
    """F1 and the influence of each row: it is 2 E[hit] / E[positive + predicted]."""
    value, size = metrics.f1_score(y, pred), y.astype(float) + pred
    return value, (2.0 * (y & pred) - value * size) / size.mean()


def rmse(y, pred):
    value = metrics.root_mean_squared_error(y, pred)
    return value, ((pred - y) ** 2 - value**2) / (2.0 * value)


def r2(y, pred):
    value, spread = metrics.r2_score(y, pred), (y - y.mean()) ** 2
    return value, ((1.0 - value) * spread - (pred - y) ** 2) / spread.mean()


def gate_labels(spec):
    y = labels(spec)
    a, b = (probabilities(spec | {"shape": spec[who]}, y, s) for who, s in (("champion", 1), ("challenger", 2)))
    loss = lambda p: -np.log(np.clip(np.where(y, p, 1.0 - p), 2.0**-52, 1.0 - 2.0**-52))
    return {
        "roc_auc": delong(y, a, b),
        "log_loss": paired_t(loss(a), loss(b)),
        "brier_score": paired_t((y - a) ** 2, (y - b) ** 2),
        "accuracy": agresti_min((a > 0.5) == y, (b > 0.5) == y),
        "f1": delta(f1(y, a > 0.5), f1(y, b > 0.5)),
    }


def gate_values(spec):
    y, a = numbers(spec)
    b = a + (uniforms(spec["seed"], spec["n"], 3) - 0.5) * spec["extra"]
    paired = {name: paired_t(*losses(name, y, a, b)) for name in METRICS["values"] if name.startswith("mean_")}
    return paired | {"rmse": delta(rmse(y, a), rmse(y, b)), "r2": delta(r2(y, a), r2(y, b))}


def losses(name, y, *predictions):
    """The metric of each row by itself: scikit-learn takes every row for an output."""
    one = lambda pred: getattr(metrics, name)(y[None, :], pred[None, :], multioutput="raw_values")
    return [one(pred) for pred in predictions]


made = []


def write(name, expected, specs):
    cases = [spec | {"expected": expected(spec)} for spec in specs]
    lines = ",\n".join(json.dumps(case) for case in cases)
    made.append(f'"{name}": [\n{lines}\n]')
    print(f"{name}: {len(cases)} cases")


def of(*keys):
    return lambda *values: dict(zip(keys, values))


BINARY = of("seed", "n", "prevalence", "shape", "weights")
write("binary", binary, [
    BINARY(1, 2, 0.5, "noise", "none"),
    BINARY(2, 3, 0.5, "useful", "uniform"),
    BINARY(3, 10, 0.5, "good", "none"),
    BINARY(4, 100, 0.5, "noise", "none"),
    BINARY(5, 100, 0.1, "tied", "none"),
    BINARY(6, 1000, 0.9, "useful", "none"),
    BINARY(7, 1000, 0.02, "useful", "uniform"),
    BINARY(8, 1000, 0.5, "tied", "with_zeros"),
    BINARY(9, 1000, 0.5, "reversed", "wide"),
    BINARY(10, 1000, 0.3, "constant", "uniform"),
    BINARY(11, 1000, 0.3, "extreme", "none"),
    BINARY(12, 1000, 0.3, "extreme", "with_zeros"),
    BINARY(13, 1000, 0.3, "tiny", "none"),
    BINARY(14, 5000, 0.3, "two_valued", "none"),
    BINARY(15, 5000, 0.3, "two_valued", "wide"),
    BINARY(16, 1_000_000, 0.2, "useful", "none"),
    BINARY(17, 200_000, 0.001, "good", "uniform"),
])

write("narrow", narrow, [
    BINARY(51, 2, 0.5, "noise", "none"),
    BINARY(52, 3, 0.5, "useful", "uniform"),
    BINARY(53, 10, 0.5, "good", "none"),
    BINARY(54, 100, 0.1, "tied", "none"),
    BINARY(55, 1000, 0.9, "useful", "none"),
    BINARY(56, 1000, 0.5, "tied", "with_zeros"),
    BINARY(57, 1000, 0.3, "extreme", "none"),
    BINARY(58, 1000, 0.3, "extreme", "with_zeros"),
    BINARY(59, 1000, 0.3, "extreme", "wide"),
    BINARY(60, 1000, 0.3, "tiny", "none"),
    BINARY(61, 1000, 0.5, "reversed", "uniform"),
    BINARY(62, 5000, 0.3, "two_valued", "none"),
    BINARY(63, 5000, 0.5, "constant", "none"),
])

MULTICLASS = of("seed", "n", "classes", "weights")
write("multiclass", multiclass, [
    MULTICLASS(101, 4, 2, "none"),
    MULTICLASS(102, 50, 3, "none"),
    MULTICLASS(103, 50, 3, "uniform"),
    MULTICLASS(104, 500, 3, "with_zeros"),
    MULTICLASS(105, 500, 5, "wide"),
    MULTICLASS(106, 2000, 7, "none"),
    MULTICLASS(107, 2000, 7, "uniform"),
    MULTICLASS(108, 5000, 2, "none"),
    MULTICLASS(109, 5000, 10, "with_zeros"),
    MULTICLASS(110, 100_000, 4, "none"),
    MULTICLASS(111, 100_000, 4, "wide"),
    MULTICLASS(112, 300, 20, "none"),
])

CLASSES = of("seed", "n", "classes", "shape", "weights")
write("classes", classes, [
    CLASSES(121, 12, 3, "noise", "none"),
    CLASSES(122, 50, 3, "noise", "none"),
    CLASSES(123, 50, 3, "noise", "uniform"),
    CLASSES(124, 200, 3, "tied", "none"),
    CLASSES(125, 500, 3, "tied", "with_zeros"),
    CLASSES(126, 500, 4, "noise", "wide"),
    CLASSES(127, 1000, 5, "noise", "none"),
    CLASSES(128, 1000, 5, "tied", "uniform"),
    CLASSES(129, 2000, 7, "noise", "with_zeros"),
    CLASSES(130, 2000, 7, "tied", "none"),
    CLASSES(131, 50_000, 4, "noise", "none"),
    CLASSES(132, 50_000, 4, "tied", "wide"),
])

REGRESSION = of("seed", "n", "scale", "shift", "noise", "weights")
write("regression", regression, [
    REGRESSION(201, 2, 1.0, 0.0, 0.5, "none"),
    REGRESSION(202, 3, 1.0, 0.0, 0.5, "uniform"),
    REGRESSION(203, 100, 1.0, 0.0, 0.0, "none"),
    REGRESSION(204, 100, 0.0, 4.0, 0.5, "none"),
    REGRESSION(205, 1000, 10.0, 100.0, 5.0, "none"),
    REGRESSION(206, 1000, 10.0, 100.0, 5.0, "uniform"),
    REGRESSION(207, 1000, 10.0, 100.0, 50.0, "with_zeros"),
    REGRESSION(208, 1000, 1.0, 1e6, 1.0, "none"),
    REGRESSION(209, 1000, 1e-9, 0.0, 1e-10, "wide"),
    REGRESSION(210, 1000, 1e12, -1e12, 1e11, "none"),
    REGRESSION(211, 100_000, 3.0, -2.0, 0.1, "none"),
    REGRESSION(212, 100_000, 3.0, -2.0, 8.0, "wide"),
    REGRESSION(213, 1_000_000, 1.0, 0.0, 0.3, "none"),
])

GATE = of("seed", "n", "prevalence", "champion", "challenger")
write("gate_labels", gate_labels, [
    GATE(301, 200, 0.5, "useful", "good"),
    GATE(302, 200, 0.5, "useful", "useful"),
    GATE(303, 200, 0.3, "tied", "useful"),
    GATE(304, 1000, 0.3, "useful", "tied"),
    GATE(305, 1000, 0.1, "noise", "useful"),
    GATE(306, 1000, 0.9, "useful", "reversed"),
    GATE(307, 1000, 0.5, "two_valued", "useful"),
    GATE(308, 1000, 0.5, "two_valued", "two_valued"),
    GATE(309, 3000, 0.5, "extreme", "noise"),
    GATE(310, 3000, 0.05, "useful", "useful"),
    GATE(311, 3000, 0.5, "constant", "useful"),
    GATE(312, 4000, 0.2, "good", "useful"),
])

GATE_VALUES = of("seed", "n", "scale", "shift", "noise", "extra")
write("gate_values", gate_values, [
    GATE_VALUES(400 + i, n, scale, shift, noise, extra)
    for i, (n, scale, shift, noise, extra) in enumerate([
        (100, 1.0, 0.0, 0.5, 0.1), (100, 1.0, 0.0, 0.5, 2.0), (150, 10.0, 5.0, 1.0, 0.01), (500, 10.0, 5.0, 1.0, 1.0),
        (500, 1.0, 1e6, 1.0, 0.5), (1000, 1e-6, 0.0, 1e-7, 1e-7), (1000, 1e9, 0.0, 1e8, 1e6), (1000, 1.0, 0.0, 0.5, 0.5),
        (5000, 1.0, 0.0, 0.5, 0.05), (5000, 3.0, -1.0, 0.2, 0.4), (20_000, 1.0, 0.0, 1.0, 0.3), (20_000, 2.0, 7.0, 1.0, 1.0),
    ])
])

OUT.write_text("{\n" + ",\n".join(made) + "\n}\n")
