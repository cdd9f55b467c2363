"""Bounds of planned looks: a dense integration of our own, and spotify-confidence's bounds to its tolerance."""

import math

import numpy as np
from scipy import optimize
from scipy.stats import norm
from spotify_confidence.analysis.frequentist.sequential_bound_solver import bounds

from . import golden, number, numbers


def spent(function, parameter, alpha, t):
    if function == "o_brien_fleming":
        return 2 * norm.sf(norm.isf(alpha / 2) / math.sqrt(t))
    if function == "pocock":
        return alpha * math.log1p((math.e - 1) * t)
    if function == "power":
        return alpha * t**parameter
    return alpha * math.expm1(-parameter * t) / math.expm1(-parameter)


def normal(x):
    return np.exp(-0.5 * x * x) / math.sqrt(2 * math.pi)


def crossing(places, masses, bound, step):
    return float(np.dot(masses, norm.sf((bound - places) / step)))


def walk(information, two_sided, bound_of):
    """Bounds by `bound_of(look, crossing)`, with the density on six hundred Gauss-Legendre nodes."""
    nodes, weights = np.polynomial.legendre.leggauss(600)
    places, masses, before, found, errors = None, None, 0.0, [], []
    for look, t in enumerate(information):
        step = math.sqrt(t - before)
        if places is None:
            of = lambda z: norm.sf(z)
        else:
            of = lambda z, places=places, masses=masses, step=step, t=t: crossing(places, masses, z * math.sqrt(t), step)
        z = bound_of(look, of)
        errors.append(of(z))
        found.append(z)
        high = min(z, 10.0) * math.sqrt(t)
        low = -high if two_sided else -10.0 * math.sqrt(t)
        middle, half = (high + low) / 2, (high - low) / 2
        next_places = middle + half * nodes
        if places is None:
            density = normal(next_places / step) / step
        else:
            density = (normal((next_places[:, None] - places[None, :]) / step) / step) @ masses
        places, masses, before = next_places, density * half * weights, t
    return found, errors


LOOKS = [[0.5, 1.0], [0.2, 0.4, 0.6, 0.8, 1.0], [0.1, 0.35, 0.5, 0.95], [1.0], [0.25, 0.5, 0.75, 1.0]]
FUNCTIONS = [("o_brien_fleming", None), ("pocock", None), ("power", 2.0), ("hwang_shih_de_cani", -4.0)]


@golden
def group_sequential():
    for information in LOOKS:
        for function, parameter in FUNCTIONS:
            for sides, alpha in [(2, 0.05), (1, 0.025), (2, 0.01)]:
                planned = [spent(function, parameter, alpha / sides, t) for t in information]
                steps = np.diff([0.0] + planned)

                def bound_of(look, of):
                    target = math.log(steps[look])
                    return optimize.brentq(lambda z: math.log(of(z)) - target, -3, 9, xtol=1e-14, rtol=1e-14)

                z, _ = walk(information, sides == 2, bound_of)
                yield {"information": information, "function": function, "parameter": parameter, "sides": sides, "alpha": alpha,
                       "z": numbers(z)}


@golden
def constant_bounds():
    for information in LOOKS:
        for form in ["pocock", "o_brien_fleming"]:
            for alpha in [0.05, 0.01]:
                scale = [1.0 if form == "pocock" else math.sqrt(information[-1] / t) for t in information]
                missing = lambda c: 2 * sum(walk(information, True, lambda look, of: c * scale[look])[1]) - alpha
                constant = optimize.brentq(missing, 1.0, 5.0, xtol=1e-13, rtol=1e-13)
                yield {"information": information, "form": form, "alpha": alpha, "z": numbers(constant * s for s in scale)}


@golden
def spotify_bounds():
    """What spotify-confidence finds, on a grid of 0.05 standard deviations and to 1e-7 of the error."""
    for information in [looks for looks in LOOKS if len(looks) > 1] + [[0.3, 0.9], [0.15, 0.3, 0.45, 0.6]]:
        for sides, alpha in [(2, 0.05), (1, 0.05)]:
            found = bounds(np.array(information), alpha=alpha, rho=2, ztrun=8, sides=sides, max_nints=1000)
            yield {"information": information, "sides": sides, "alpha": alpha, "z": numbers(found.bounds)}
