"""Makes the golden files of `mlcore_drift::stream`: what river and frouros detect.

    pip install river==0.26.1 scipy==1.17.1
    pip install frouros==0.9.0                      # in an environment of its own: it wants an older scipy
    python testdata/golden/make_stream.py [names]   # without names: those of the library that is there

Streams are not stored but described: seed, length, shape, and what the segments are like. Both sides make the same doubles
from them with splitmix64 and the four exact operations of IEEE 754. Of detections and warnings the count, the first ones and
a checksum of all are stored.
"""

import json
import pathlib
import random
import sys
import warnings
from importlib import metadata

import numpy as np

HERE = pathlib.Path(__file__).parent / "stream"
FIRST = 60
SNAPSHOTS = 20
warnings.simplefilter("ignore")


def uniform(seed, n):
    """splitmix64, the upper 53 bits as a double in [0, 1)."""
    with np.errstate(over="ignore"):
        z = np.uint64(seed) + np.uint64(0x9E3779B97F4A7C15) * np.arange(1, n + 1, dtype=np.uint64)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z = z ^ (z >> np.uint64(31))
    return (z >> np.uint64(11)).astype(np.float64) * 2.0**-53


def values(recipe):
    """The stream of a recipe; `a` and `b` are what each segment of equal length has, as its shape reads them."""
    n, shape, a, b = recipe["n"], recipe["shape"], np.array(recipe["a"]), np.array(recipe["b"])
    segment = np.arange(n) * len(a) // n
    along = np.arange(n) / n
    if shape in ("normal", "ramp"):  # twelve uniform numbers, added left to right
        u = uniform(recipe["seed"], 12 * n).reshape(n, 12)
        g = u[:, 0].copy()
        for column in range(1, 12):
            g += u[:, column]
        g -= 6.0
        middle = a[segment] if shape == "normal" else a[0] + (a[1] - a[0]) * along
        return middle + b[segment] * g
    u = uniform(recipe["seed"], n)
    if shape == "bits":
        return (u < a[segment]).astype(np.float64)
    if shape == "bits_ramp":
        return (u < a[0] + (a[1] - a[0]) * along).astype(np.float64)
    if shape == "uniform":
        return a[segment] + b[segment] * u
    if shape == "grid":  # ties
        return a[segment] + np.floor(b[segment] * u)
    if shape == "constant":
        return a[segment] + 0.0 * u
    raise ValueError(shape)


def stream(seed, n, shape, a, b=None):
    return {"seed": seed, "n": n, "shape": shape, "a": a, "b": b or [0.0] * len(a)}


def listed(indices):
    checksum = 0
    for index in indices:
        checksum = (checksum * 6364136223846793005 + index + 1) % 2**64
    return {"count": len(indices), "first": indices[:FIRST], "checksum": str(checksum)}


def watched(detector, xs, is_drift, is_warning, after=None, snapshot=None):
    drifts, warned, points = [], [], []
    every = max(1, len(xs) // SNAPSHOTS)
    for index, x in enumerate(xs):
        detector.update(x)
        if snapshot and index % every == every - 1:
            points.append([index, *(float(getattr(detector, name)) for name in snapshot)])
        if is_warning(detector):
            warned.append(index)
        if is_drift(detector):
            drifts.append(index)
            if after:
                after(detector)
    found = {"drifts": listed(drifts), "warnings": listed(warned)}
    return found | ({"points": points} if snapshot else {})


def river_case(kind, recipe, snapshot=None, bits=False, **parameters):
    xs = values(recipe).tolist()
    xs = [int(x) for x in xs] if bits else xs
    found = watched(kind(**parameters), xs, lambda d: d.drift_detected, lambda d: getattr(d, "warning_detected", False), snapshot=snapshot)
    return {"stream": recipe, "parameters": parameters} | found


def frouros_case(kind, config, recipe, restart=True, model=None, **parameters):
    xs = values(recipe).tolist()
    xs = [int(x) for x in xs] if recipe["shape"].startswith("bits") or recipe.get("bits") else xs
    given = dict(parameters)
    if model:
        from frouros.detectors.concept_drift.streaming.change_detection.bocd import GaussianUnknownMean

        given["model"] = GaussianUnknownMean(**model)
    after = (lambda detector: detector.reset()) if restart else None
    found = watched(kind(config=config(**given)), xs, lambda d: bool(d.drift), lambda d: bool(getattr(d, "warning", False)), after=after)
    written = parameters | (model or {}) | ({} if restart else {"restart": False})
    return {"stream": recipe, "parameters": written} | found


MEANS = [0.0, 0.0, 0.05, 0.05, 0.3, 0.0, 0.0, 1.0, 1.0, 0.5]
SPREADS = [0.1, 0.1, 0.1, 0.2, 0.2, 0.1, 0.3, 0.3, 0.1, 0.1]
RATES = [0.1, 0.1, 0.12, 0.2, 0.2, 0.4, 0.1, 0.1, 0.3, 0.05]
RIGHT = [0.9, 0.9, 0.88, 0.8, 0.8, 0.6, 0.9, 0.9, 0.7, 0.95]


def numbers():
    """Streams of numbers: sudden and slow changes, ties, constants, other scales, lengths from 1 to a million."""
    return [
        stream(1, 1_000_000, "normal", MEANS, SPREADS),
        stream(2, 20_000, "normal", MEANS, SPREADS),
        stream(3, 20_000, "normal", [0.0], [1.0]),
        stream(4, 20_000, "ramp", [0.0, 2.0], [0.5, 0.5]),
        stream(5, 5_000, "grid", [0.0, 0.0, 2.0, 1.0], [4.0, 4.0, 4.0, 8.0]),
        stream(6, 3_000, "constant", [1.5]),
        stream(7, 3_000, "constant", [0.0, 1.0, 1.0, 0.25]),
        stream(8, 10_000, "uniform", [0.0, 0.5, 0.1], [1.0, 1.0, 3.0]),
        stream(9, 10_000, "normal", [100.0, 104.0, 90.0], [10.0, 10.0, 2.0]),
        stream(10, 10_000, "normal", [1e6, 1e6 + 3.0], [1.0, 1.0]),
        stream(11, 1, "normal", [0.0], [1.0]),
        stream(12, 200, "normal", [0.0, 3.0], [1.0, 1.0]),
        stream(13, 10_000, "bits", RATES),
        stream(14, 10_000, "bits_ramp", [0.05, 0.6]),
        stream(15, 10_000, "normal", [-5.0, -4.0, -6.0], [1.0, 1.0, 1.0]),
    ]


def bits(rates):
    """Streams of zeros and ones."""
    flipped = [1.0 - rate for rate in (0.02, 0.02, 0.3)] if rates[0] > 0.5 else [0.02, 0.02, 0.3]
    return [
        stream(21, 1_000_000, "bits", rates),
        stream(22, 20_000, "bits", rates),
        stream(23, 20_000, "bits", [rates[0]]),
        stream(24, 20_000, "bits_ramp", [rates[0], rates[5]]),
        stream(25, 5_000, "bits", [0.5, 0.5, 0.9, 0.1]),
        stream(26, 2_000, "constant", [0.0]) | {"bits": True},
        stream(27, 2_000, "constant", [1.0]) | {"bits": True},
        stream(28, 3_000, "constant", [0.0, 1.0, 0.0]) | {"bits": True},
        stream(29, 10_000, "bits", flipped),
        stream(30, 10_000, "bits_ramp", [rates[5], rates[0]]),
        stream(31, 1, "bits", [0.5]),
        stream(32, 400, "bits", [rates[0], rates[5]]),
        stream(33, 10_000, "bits", rates[::-1]),
        stream(34, 10_000, "bits", [rates[0], rates[5]] * 5),
        stream(35, 30_000, "bits", [rates[0]] * 9 + [rates[5]]),
    ]


def over(streams, *options):
    """Each stream with the defaults, and in turn with each of the options."""
    first = [(recipe, {}) for recipe in streams]
    shorter = [recipe for recipe in streams if 100 < recipe["n"] <= 20_000]
    return first + [(shorter[position % len(shorter)], option) for position, option in enumerate(options)]


def adwin():
    from river.drift import ADWIN

    state = ("width", "estimation", "variance")
    options = [{"delta": 0.01, "clock": 1, "max_buckets": 5, "min_window_length": 5, "grace_period": 10}, {"delta": 0.2}, {"delta": 1e-6}, {"clock": 7}, {"max_buckets": 2}, {"max_buckets": 20}, {"min_window_length": 1}, {"min_window_length": 50}, {"grace_period": 0, "clock": 1}, {"grace_period": 500}]
    return [river_case(ADWIN, recipe, state, **option) for recipe, option in over(numbers(), *options)]


def page_hinkley():
    from river.drift import PageHinkley

    options = [{"mode": "up", "threshold": 10.0, "delta": 0.01}, {"mode": "down", "threshold": 10.0}, {"threshold": 5.0, "alpha": 0.99}, {"min_instances": 1, "threshold": 1.0}, {"min_instances": 500}, {"delta": 0.0, "alpha": 1.0}]
    return [river_case(PageHinkley, recipe, **option) for recipe, option in over(numbers(), *options)]


def kswin():
    from river.drift import KSWIN

    short = [recipe | {"n": min(recipe["n"], 3_000)} for recipe in numbers()]
    options = [{"alpha": 0.0001, "window_size": 200, "stat_size": 50, "seed": 7}, {"window_size": 60, "seed": 3}, {"window_size": 1000, "stat_size": 20, "seed": 5}, {"alpha": 0.05, "seed": 2**40 + 1}, {"window_size": 400, "stat_size": 3, "alpha": 0.2, "seed": 0}, {"window_size": 300, "stat_size": 150, "seed": 9}]
    return [river_case(KSWIN, recipe, **({"seed": 42} | option)) for recipe, option in over(short, *options)]


def river_bits(kind, rates, *options):
    return [river_case(kind, recipe, bits=True, **option) for recipe, option in over(bits(rates), *options)]


def ddm():
    from river.drift.binary import DDM

    return river_bits(DDM, RATES, {"warm_start": 5}, {"warm_start": 300}, {"drift_threshold": 2.5}, {"warning_threshold": 1.0, "drift_threshold": 1.5}, {"warning_threshold": 4.0})


def eddm():
    from river.drift.binary import EDDM

    return river_bits(EDDM, RATES, {"warm_start": 5}, {"warm_start": 100}, {"alpha": 0.99, "beta": 0.8}, {"alpha": 0.7, "beta": 0.7}, {"beta": 0.5})


def hddm_a():
    from river.drift.binary import HDDMA

    unit = [stream(41, 10_000, "uniform", [0.0, 0.3], [0.5, 0.5]), stream(42, 10_000, "uniform", [0.5, 0.2], [0.5, 0.5])]
    cases = river_bits(HDDMA, RATES, {"two_sided_test": True}, {"drift_confidence": 0.05, "two_sided_test": True}, {"drift_confidence": 1e-6}, {"warning_confidence": 0.2}, {"two_sided_test": True})
    return cases + [river_case(HDDMA, recipe, two_sided_test=True) for recipe in unit]


def hddm_w():
    from river.drift.binary import HDDMW

    unit = [stream(43, 10_000, "uniform", [0.0, 0.3], [0.5, 0.5]), stream(44, 10_000, "uniform", [0.5, 0.2], [0.5, 0.5])]
    cases = river_bits(HDDMW, RATES, {"two_sided_test": True}, {"lambda_val": 0.3, "two_sided_test": True}, {"lambda_val": 0.005}, {"drift_confidence": 1e-6}, {"warning_confidence": 0.2}, {"two_sided_test": True, "drift_confidence": 0.02})
    return cases + [river_case(HDDMW, recipe, two_sided_test=True) for recipe in unit]


def fhddm():
    from river.drift.binary import FHDDM

    return river_bits(FHDDM, RIGHT, {"short_window_size": 20}, {"sliding_window_size": 30, "confidence_level": 0.001}, {"confidence_level": 0.01, "short_window_size": 25}, {"sliding_window_size": 1}, {"sliding_window_size": 500}, {"short_window_size": 100}, {"sliding_window_size": 64, "short_window_size": 1, "confidence_level": 0.2})


def frouros(kind, config, streams, *options):
    cases = over([recipe | {"n": min(recipe["n"], 30_000)} for recipe in streams], *options)
    return [frouros_case(kind, config, recipe, **option) for recipe, option in cases]


def cusum():
    from frouros.detectors.concept_drift import CUSUM, CUSUMConfig

    return frouros(CUSUM, CUSUMConfig, numbers(), {"lambda_": 5.0}, {"delta": 0.1, "lambda_": 2.0}, {"min_num_instances": 1, "lambda_": 1.0}, {"restart": False, "lambda_": 10.0}, {"restart": False})


def geometric_moving_average():
    from frouros.detectors.concept_drift import GeometricMovingAverage, GeometricMovingAverageConfig

    return frouros(GeometricMovingAverage, GeometricMovingAverageConfig, numbers(), {"lambda_": 0.1}, {"alpha": 0.9, "lambda_": 0.3}, {"min_num_instances": 1, "lambda_": 0.05}, {"restart": False, "lambda_": 0.2}, {"alpha": 0.5})


def stepd():
    from frouros.detectors.concept_drift import STEPD, STEPDConfig

    streams = [recipe for recipe in bits(RIGHT) if recipe["n"] <= 20_000]
    return frouros(STEPD, STEPDConfig, streams, {"alpha_d": 0.0001, "alpha_w": 0.01}, {"min_num_instances": 5}, {"min_num_instances": 200}, {"restart": False}, {"alpha_d": 0.02})


def rddm():
    from frouros.detectors.concept_drift import RDDM, RDDMConfig

    # It restarts by itself.
    options = [{"min_num_instances": 10}, {"max_concept_size": 1000, "min_concept_size": 200}, {"max_num_instances_warning": 20}, {"warning_level": 1.0, "drift_level": 3.0, "max_num_instances_warning": 50}, {"max_concept_size": 500, "min_concept_size": 50, "min_num_instances": 100}, {"min_concept_size": 1}]
    cases = over([recipe | {"n": min(recipe["n"], 60_000)} for recipe in bits(RATES)], *options)
    made = [frouros_case(RDDM, RDDMConfig, recipe, restart=False, **option) for recipe, option in cases]
    for case in made:
        del case["parameters"]["restart"]
    return made


def ecdd():
    from frouros.detectors.concept_drift import ECDDWT, ECDDWTConfig

    return frouros(ECDDWT, ECDDWTConfig, bits(RATES), {"average_run_length": 100}, {"average_run_length": 1000}, {"lambda_": 0.05}, {"warning_level": 0.9}, {"restart": False}, {"min_num_instances": 100})


def bocd():
    from frouros.detectors.concept_drift import BOCD, BOCDConfig

    # frouros keeps the square of the run: streams are short.
    short = [recipe | {"n": min(recipe["n"], 1_200)} for recipe in numbers()]
    options = [{"hazard": 0.001}, {"hazard": 0.2}, {"min_num_instances": 5}, {"model": {"prior_mean": 0.5, "prior_var": 10.0, "data_var": 0.04}}, {"model": {"prior_mean": 0.0, "prior_var": 0.1, "data_var": 1.0}}, {"restart": False}, {"model": {"prior_mean": 100.0, "prior_var": 100.0, "data_var": 100.0}, "restart": False}]
    return frouros(BOCD, BOCDConfig, short, *options)


RIVER = [adwin, page_hinkley, kswin, ddm, eddm, hddm_a, hddm_w, fhddm]
FROUROS = [cusum, geometric_moving_average, stepd, rddm, ecdd, bocd]


def main():
    HERE.mkdir(exist_ok=True)
    libraries = {"river": RIVER, "frouros": FROUROS}
    for library, makers in libraries.items():
        try:
            versions = {name: metadata.version(name) for name in (library, "numpy", "scipy")}
        except metadata.PackageNotFoundError:
            continue
        for maker in makers:
            name = maker.__name__
            if sys.argv[1:] and name not in sys.argv[1:]:
                continue
            random.seed(0)
            cases = maker()
            assert len(cases) >= 15, (name, len(cases))
            header = {"made_by": "testdata/golden/make_stream.py"} | versions
            lines = ",\n".join(json.dumps(case) for case in cases)
            (HERE / f"{name}.json").write_text(f'{{"header": {json.dumps(header)},\n"cases": [\n{lines}\n]}}\n')
            print(f"{name}: {len(cases)} cases, {sum(case['drifts']['count'] for case in cases)} detections", flush=True)


main()
