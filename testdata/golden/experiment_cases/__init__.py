"""What the golden cases of experiments share: the list of files, numbers for JSON, and samples."""

import math

import numpy as np

#: The function that yields the cases of each golden file, by the name of the file.
FILES = {}


def golden(cases):
    """Declares a function that yields the cases of the golden file of its name."""
    FILES[cases.__name__] = cases
    return cases


def number(value):
    """JSON has no NaN and no infinity."""
    value = float(value)
    return value if math.isfinite(value) else str(value)


def numbers(values):
    return [number(value) for value in values]


def skewed(seed, n, scale=1.0, offset=0.0):
    """Positive values with a tail, short in JSON."""
    drawn = np.random.default_rng(seed).gamma(2.0, scale, n) + offset
    return [round(float(value), 3) for value in drawn]


def uniform(seed, n):
    return [round(float(value), 4) for value in np.random.default_rng(seed).uniform(size=n)]
