"""The samples of the golden drift cases: described, and made the same everywhere; see make_drift.py."""

import numpy as np
import pandas as pd


def uniforms(seed, n, stream=0):
    """SplitMix64 of seed + (4 i + stream + 1) golden ratios, as floats in [0, 1)."""
    with np.errstate(over="ignore"):
        i = np.arange(n, dtype=np.uint64) * np.uint64(4) + np.uint64(stream + 1)
        z = np.uint64(seed) + i * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z = z ^ (z >> np.uint64(31))
    return (z >> np.uint64(11)).astype(np.float64) * 2.0**-53


def numbers(spec):
    """The values of a description: shape, seed, n, scale, shift, dtype; or the values themselves; last the missing ones."""
    if "missing" in spec:
        present = numbers({name: value for name, value in spec.items() if name != "missing"})
        return np.append(present, np.full(spec["missing"], np.nan))
    if "values" in spec:
        values = np.array([float(v) for v in spec["values"]])
    else:
        u = [uniforms(spec["seed"], spec["n"], stream) for stream in range(4)]
        bell = ((u[0] + u[1]) + u[2]) + u[3] - 2.0
        values = {
            "uniform": lambda: u[0],
            "bell": lambda: bell,
            "heavy": lambda: bell / (u[0] + 1e-3),
            "rounded": lambda: np.floor(bell * 20.0) / 20.0,
            "spike": lambda: np.where(u[0] < 0.7, 0.0, bell),
            "integer": lambda: np.floor(u[0] * spec.get("distinct", 100)),
            "constant": lambda: np.zeros(spec["n"]),
        }[spec["shape"]]()
        values = values * spec.get("scale", 1.0) + spec.get("shift", 0.0)
    return values.astype(spec.get("dtype", "float64"))


def categories(spec):
    """The categories of a description: seed, n, distinct, skew (1 even, 2 uneven), first (number of the first one)."""
    u = uniforms(spec["seed"], spec["n"])
    if spec.get("skew", 1) == 2:
        u = u * u
    codes = np.floor(u * spec["distinct"]).astype(np.int64) + spec.get("first", 0)
    return pd.Series([f"c{code}" for code in codes], dtype=object)


def sample(shape, seed, n, **more):
    return {"shape": shape, "seed": seed, "n": n, **more}


def text(seed, n, distinct, **more):
    return {"seed": seed, "n": n, "distinct": distinct, **more}


def table_cases():
    """Name, and the columns of reference and current table."""
    bells = lambda seed, n, *shifts, **more: [sample("bell", seed + i, n, shift=shift, **more) for i, shift in enumerate(shifts)]
    yield "one row each, equal", [{"values": [1.5]}, {"values": [2.0]}], [{"values": [1.5]}, {"values": [2.0]}]
    yield "one row each, different", [{"values": [1.5]}, {"values": [2.0]}], [{"values": [4.5]}, {"values": [-2.0]}]
    yield "one row against many", [{"values": [0.5]}, {"values": [0.1]}], bells(1, 300, 0.0, 0.0)
    yield "few rows", bells(3, 20, 0.0, 0.0, 0.0), bells(6, 30, 0.5, 0.0, 0.0)
    yield "one column", bells(9, 400, 0.0), bells(10, 300, 0.3)
    yield "two columns", bells(11, 500, 0.0, 0.0), bells(13, 500, 0.1, 0.1)
    yield "ten columns", bells(15, 400, *[0.0] * 10), bells(25, 300, *[0.1] * 10)
    yield "one of ten columns", bells(35, 400, *[0.0] * 10), bells(45, 300, 1.0, *[0.0] * 9)
    yield "wider", bells(55, 500, 0.0, 0.0), bells(57, 600, 0.0, 0.0, scale=1.5)
    yield "far away", bells(59, 200, 0.0, 0.0), bells(61, 200, 1e6, 0.0)
    yield "ties", [sample("rounded", 63, 500), sample("integer", 64, 500, distinct=5)], [sample("rounded", 65, 400), sample("integer", 66, 400, distinct=6)]
    yield "constants, different", [sample("constant", 67, 50), sample("bell", 68, 50)], [sample("constant", 69, 40, shift=1.0), sample("bell", 70, 40)]
    yield "heavy tails", [sample("heavy", 71, 500), sample("bell", 72, 500)], [sample("heavy", 73, 500), sample("bell", 74, 500, shift=0.2)]
    yield "tiny values", bells(75, 300, 0.0, 0.0, scale=1e-150), bells(77, 300, 0.0, 0.0, scale=1.3e-150)
    yield "two thousand rows", bells(79, 2000, 0.0, 0.0, 0.0), bells(82, 2000, 0.05, 0.0, 0.0)
    yield "relation changes", [sample("bell", 85, 600), sample("bell", 85, 600)], [sample("bell", 86, 600), sample("bell", 87, 600)]


def compared(name, reference, current, expected, options=None):
    """A golden case."""
    return {"name": name, "reference": reference, "current": current, "options": options or {}, "expected": expected}


def texts(seed, n, distinct, **more):
    return {"seed": seed, "n": n, "words": distinct, **more}


def words(spec):
    """The texts of a description: seed, n, words (how many there are), first (number of the first one), longest (in words)."""
    longest, places = spec.get("longest", 9), 64
    with np.errstate(over="ignore"):
        u = uniforms(spec["seed"], spec["n"] * places // 4, 0), uniforms(spec["seed"], spec["n"] * places // 4, 1)
    # Place 4 i of the counter and place 4 i + 1, sixteen of each for a text.
    lengths, chosen = (part.reshape(spec["n"], places // 4) for part in u)
    made = []
    for length, row in zip(lengths[:, 0], chosen):
        count = int(length * longest) + 1
        numbers = [int(value * value * spec["words"]) + spec.get("first", 0) for value in row[:count]]
        made.append(" ".join(spelled(number) for number in numbers))
    return made


def spelled(number):
    """A word for a number: its digits to the base of 20, each as a consonant and a vowel."""
    letters = ""
    while True:
        letters += "bcdfghjklmnpqrstvwxz"[number % 20] + "aeiou"[number % 5]
        number //= 20
        if number == 0:
            return letters
