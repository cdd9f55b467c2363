"""Makes the golden files of the two-sample tests of `mlcore::stats`: what scipy, astropy and mpmath answer.

    pip install numpy==2.4.6 scipy==1.17.1 statsmodels==0.15.0 mpmath==1.4.1 astropy==8.0.2
    python testdata/golden/make_two_sample.py [file ..]

Samples are described as in make_stats.py. Where scipy's own numbers lose digits (the statistic of Cramer and von Mises in large
samples, its p-value in the tail, exact p-values beyond 2^64 orders) they are computed in whole numbers or by mpmath, and scipy's are
held against them.
"""

import math
from fractions import Fraction

import mpmath
import numpy as np
from make_stats import MPF, main, number, recipe, sample, write
from scipy import stats


def order_pairs():
    """Pairs for the tests that depend on order alone: of 2 to 20,000, with ties, constants and extremes."""
    r = recipe
    return [
        (r(201, 2), r(202, 2)),
        (r(203, 2), r(204, 9, offset=0.4)),
        (r(205, 5), r(206, 6, offset=0.3)),
        (r(207, 8), r(208, 8)),
        (r(209, 8), r(210, 300, offset=0.2)),
        (r(211, 20), r(212, 20, offset=0.1)),
        (r(213, 20), r(214, 17)),
        (r(215, 15, "grid", levels=4), r(216, 18, "grid", levels=5)),  # ties
        (r(217, 9, "grid", levels=3), r(218, 7, "grid", levels=3, offset=1.0)),
        (r(219, 30, "constant", offset=2.0), r(220, 25, "constant", offset=3.0)),
        (r(221, 40, "constant", offset=0.5), r(222, 60)),
        (r(223, 50), r(224, 40, offset=5.0)),  # disjoint
        (r(225, 100), r(225, 100)),  # identical
        (r(226, 120), r(227, 90, scale=1.4, offset=-0.2)),  # a spread
        (r(228, 500, "spike"), r(229, 400, "spike", offset=0.01)),
        (r(230, 1000, "reciprocal"), r(231, 900, "reciprocal", scale=1.1)),
        (r(232, 700, scale=1e300), r(233, 800, scale=1.05e300)),
        (r(234, 600, scale=5e-324 * 2**40), r(235, 600, scale=5e-324 * 2**40)),
        (r(236, 5000, offset=1e9), r(237, 4000, offset=1e9 + 0.02)),
        (r(238, 20_000, "grid", levels=12), r(239, 15_000, "grid", levels=13)),
        (r(240, 20_000, "cube"), r(241, 10_000, "cube", offset=0.003)),
    ]


def large_pairs():
    r = recipe
    return [
        (r(250, 100_000), r(251, 100_000, offset=0.003)),
        (r(252, 100_000, "spike"), r(253, 50_000, "spike", scale=1.01)),
        (r(254, 1_000_000), r(255, 1_000_000, offset=0.0008)),
        (r(256, 1_000_000, "grid", levels=20), r(257, 900_000, "grid", levels=20, scale=1.0)),
        (r(258, 1_000_000, "cube"), r(259, 1000, "cube", offset=0.02)),
    ]


def orders_at_least(n, m, u):
    """The share of orders of n and m different observations with a Mann-Whitney statistic of at least u, in whole numbers."""
    n, m = min(n, m), max(n, m)
    last = n * m - u if 2 * u >= n * m else max(u - 1, 0)
    counts = [1] + [0] * last
    for i in range(1, n + 1):
        for cell in range(i, last + 1):
            counts[cell] += counts[cell - i]
        for cell in range(last, m + i - 1, -1):
            counts[cell] -= counts[cell - m - i]
    share = Fraction(sum(counts), math.comb(n + m, n))
    return 1.0 if u == 0 else float(share if 2 * u >= n * m else 1 - share)


def mann_whitney():
    cases = []

    def add(x, y, method, alternative, continuity):
        a, b = sample(x), sample(y)
        result = stats.mannwhitneyu(a, b, use_continuity=continuity, alternative=alternative, method=method)
        statistic, pvalue = result.statistic, result.pvalue
        exact = method == "exact" or (method == "auto" and min(len(a), len(b)) <= 8 and len(set(a) | set(b)) == len(a) + len(b))
        if exact:
            # scipy adds terms of both signs up, as floats beyond 2^64.
            tail = {"less": len(a) * len(b) - statistic, "greater": statistic}
            tail = tail.get(alternative, max(tail.values()))
            counted = min(1.0, orders_at_least(len(a), len(b), int(tail)) * (2 if alternative == "two-sided" else 1))
            assert abs(counted - pvalue) <= 1e-9 * counted, (x, y, counted, pvalue)
            pvalue = counted
        cases.append({
            "x": x,
            "y": y,
            "method": method,
            "alternative": alternative,
            "use_continuity": continuity,
            "statistic": number(statistic),
            "pvalue": number(pvalue),
        })

    for x, y in order_pairs():
        for alternative in ("two-sided", "less", "greater"):
            add(x, y, "auto", alternative, True)
        add(x, y, "asymptotic", "two-sided", False)
        if max(x["n"], y["n"]) <= 60:
            add(x, y, "exact", "two-sided", True)
            add(x, y, "exact", "less", True)
    add(recipe(260, 60), recipe(261, 55, offset=0.9), "exact", "greater", True)
    for x, y in large_pairs():
        add(x, y, "auto", "two-sided", True)
        add(x, y, "asymptotic", "less", True)
    write("mannwhitneyu", cases)


def cramer_von_mises_limit_sf(x):
    """1 - F of the limit, with so many digits that one minus it has some left."""
    if x < MPF("0.003"):
        return MPF(1)
    if x > 140:
        return MPF(0)
    with mpmath.workdps(int(60 + 2.2 * float(x))):
        total, k = MPF(0), 0
        while True:
            y = MPF(4 * k + 1)
            q = y * y / (16 * x)
            term = mpmath.gamma(k + MPF(1) / 2) / mpmath.gamma(k + 1) * mpmath.sqrt(y) * mpmath.exp(-q)
            term *= mpmath.besselk(MPF(1) / 4, q) / (mpmath.pi ** MPF(1.5) * mpmath.sqrt(x))
            total += term
            if term < mpmath.mpf(10) ** (-mpmath.mp.dps + 5):
                return 1 - total
            k += 1


def anderson_limit_sf(x):
    """1 - F of the limit for two samples, by the series of Anderson and Darling (1952)."""
    with mpmath.workdps(50):
        x, total, j = MPF(x), MPF(0), 0
        while True:
            c = (4 * j + 1) ** 2 * mpmath.pi**2 / 8
            # The integrand has two widths.
            width = mpmath.sqrt(x / c)
            ends = sorted({MPF(0), *[part * unit for part in (MPF(1) / 4, MPF(1) / 2, 1, 2, 4, 8, 16) for unit in (width, 1)]})
            ends = [end for end in ends if end <= 16 * width]
            integral = mpmath.quad(lambda w: mpmath.exp(x / (8 * (w * w + 1)) - c * (1 + w * w) / x), ends)
            term = mpmath.binomial(MPF(-1) / 2, j) * (4 * j + 1) * integral * mpmath.sqrt(2 * mpmath.pi) / x
            total += term
            if abs(term) < MPF(10) ** -45:
                return 1 - total
            j += 1


def spread_by_ties(x, y):
    """The variance of the midrank statistic with these ties, in parts of the one without, from the covariances of its counts."""
    _, counts = np.unique(np.concatenate((x, y)), return_counts=True)
    total = int(counts.sum())

    def variance(counts):
        below = np.cumsum(counts) - counts / 2
        weight = below * (total - below) - total * counts / 4
        if len(counts) <= 1500:
            covariance = np.minimum.outer(below, below) * (total - np.maximum.outer(below, below))
            np.fill_diagonal(covariance, weight)
            scaled = counts / (total * weight)
            return 2 * np.sum(covariance**2 * np.outer(scaled, scaled))
        up, down = counts * below**2 / (total * weight), counts * (total - below) ** 2 / (total * weight)
        return 2 * (np.sum((counts / total) ** 2) + 2 * np.sum((np.cumsum(up) - up) * down))

    return 1.0 if len(counts) == total else float(variance(counts) / variance(np.ones(total)))


def cramer_von_mises():
    cases = []
    for x, y in order_pairs() + large_pairs():
        a, b = np.sort(sample(x)), np.sort(sample(y))
        n, m = len(a), len(b)
        ranks = (2 * stats.rankdata(np.concatenate((a, b)))).astype(np.int64)
        squares = [int(np.sum((ranks[part] - 2 * np.arange(1, size + 1)).astype(object) ** 2)) if size < 30_000
                   else sum(int(np.sum(block * block)) for block in np.array_split(ranks[part] - 2 * np.arange(1, size + 1), size // 1000))
                   for part, size in ((slice(0, n), n), (slice(n, None), m))]
        u = Fraction(n * squares[0] + m * squares[1], 4)
        pairs, total = n * m, n + m
        statistic = u / (pairs * total) - Fraction(4 * pairs - 1, 6 * total)
        mean = (1 + Fraction(1, total)) / 6
        variance = Fraction((total + 1) * (4 * pairs * total - 3 * (n * n + m * m) - 2 * pairs), 45 * total**2 * 4 * pairs)
        moved = MPF(1) / 6 + (MPF(statistic.numerator) / statistic.denominator - MPF(mean.numerator) / mean.denominator) / mpmath.sqrt(
            45 * MPF(variance.numerator) / variance.denominator
        )
        # The root of the mean of (F - G)^2 over all observations.
        both = np.concatenate((a, b))
        f, g = np.searchsorted(a, both, "right") / n, np.searchsorted(b, both, "right") / m
        distance = math.sqrt(math.fsum((f - g) ** 2) / total)
        for method in ("auto", "asymptotic"):
            result = stats.cramervonmises_2samp(a, b, method=method)
            exact = method == "auto" and max(n, m) <= 20
            pvalue = result.pvalue if exact else float(cramer_von_mises_limit_sf(moved))
            assert abs(result.statistic - float(statistic)) <= 1e-15 * n * m / total, (x, y)
            assert abs(result.pvalue - pvalue) <= 1e-6, (x, y)
            cases.append({
                "x": x,
                "y": y,
                "method": method,
                "statistic": number(float(statistic)),
                "pvalue": number(pvalue),
                "distance": number(distance),
            })
    for x, y in [(recipe(262, 30), recipe(263, 25, offset=0.2)), (recipe(264, 12), recipe(265, 35)), (recipe(266, 40), recipe(267, 40))]:
        result = stats.cramervonmises_2samp(sample(x), sample(y), method="exact")
        cases.append({"x": x, "y": y, "method": "exact", "statistic": number(result.statistic), "pvalue": number(result.pvalue)})
    write("cramervonmises_2samp", cases)


def anderson():
    r = recipe
    many = [
        [r(270, 10), r(271, 12), r(272, 9, offset=0.2)],
        [r(273, 30, "grid", levels=4), r(274, 20, "grid", levels=4), r(275, 25, "grid", levels=5), r(276, 2)],
        [r(277, 3), r(278, 4), r(279, 5), r(280, 6), r(281, 7, offset=0.5)],
        [r(282, 500), r(283, 400, scale=1.1), r(284, 300, "cube")],
    ]
    small = [[x, y] for x, y in order_pairs()]
    large = [[x, y] for x, y in large_pairs()]
    cases = []
    for samples in small + many + large:
        values = [sample(one) for one in samples]
        # scipy's integers overflow in the others.
        variants = ("midrank", "right", "continuous") if sum(one["n"] for one in samples) < 50_000 else ("midrank",)
        for variant in variants:
            result = stats.anderson_ksamp(values, variant=variant)
            case = {
                "samples": samples,
                "variant": variant,
                "statistic": number(result.statistic),
                "pvalue": number(result.pvalue),
            }
            if len(samples) == 2:
                spread = spread_by_ties(*values) if variant == "midrank" else 1
                x = 1 + MPF(float(result.statistic)) * mpmath.sqrt(2 * (mpmath.pi**2 - 9) / 3 / spread)
                # Beyond this one minus the series has no digits left.
                if x < 30:
                    case["limit"] = number(anderson_limit_sf(x) if x > 0.05 else 1.0)
            if variant == "midrank":
                case["critical_values"] = [number(value) for value in stats.anderson_ksamp(values, midrank=True).critical_values]
            cases.append(case)
    write("anderson_ksamp", cases)


def epps_singleton_exactly(x, y, t):
    """Statistic and p-value with 40 digits: where the covariance matrix is next to singular scipy's p-values lose some."""
    with mpmath.workdps(40):
        n, m = len(x), len(y)
        sigma = float(stats.iqr(np.concatenate((x, y)))) / 2
        waves, means = [], []
        for values in (x, y):
            angles = [[MPF(point) / MPF(sigma) * MPF(float(value)) for value in values] for point in t]
            heights = [[mpmath.cos(a) for a in row] for row in angles] + [[mpmath.sin(a) for a in row] for row in angles]
            means.append([mpmath.fsum(row) / len(values) for row in heights])
            waves.append([[h - mean for h in row] for row, mean in zip(heights, means[-1])])
        size = 2 * len(t)
        covariance = mpmath.matrix(size)
        for i in range(size):
            for j in range(size):
                parts = [mpmath.fdot(wave[i], wave[j]) / len(wave[i]) ** 2 for wave in waves]
                covariance[i, j] = (n + m) * (parts[0] + parts[1])
        difference = mpmath.matrix([a - b for a, b in zip(*means)])
        w = (n + m) * (difference.T * mpmath.lu_solve(covariance, difference))[0]
        if max(n, m) < 25:
            w /= 1 + MPF(n + m) ** MPF("-0.45") + MPF("10.1") * (MPF(n) ** MPF("-1.7") + MPF(m) ** MPF("-1.7"))
        return float(w), float(mpmath.gammainc(MPF(len(t)), w / 2, mpmath.inf, regularized=True))


def epps_singleton():
    r = recipe
    pairs = [
        (r(301, 5), r(302, 5)),
        (r(303, 5), r(304, 7, offset=0.5)),
        (r(305, 20), r(306, 24)),
        (r(307, 24), r(308, 25)),
        (r(309, 25), r(310, 40, scale=2.0)),
        (r(311, 60), r(311, 60)),  # identical
        (r(312, 100), r(313, 80, offset=3.0)),  # disjoint
        (r(314, 300), r(315, 200, offset=0.1)),
        (r(316, 400, "grid", levels=30), r(317, 300, "grid", levels=31)),
        (r(318, 250, "reciprocal"), r(319, 250, "reciprocal", scale=1.2)),
        (r(320, 500, "cube"), r(321, 600, "cube", offset=0.05)),
        (r(322, 300, scale=1e-150), r(323, 300, scale=1.1e-150)),
        (r(324, 300, scale=1e200), r(325, 300, scale=1.1e200)),
        (r(326, 400, offset=1e4), r(327, 300, offset=1e4 + 0.02)),
        (r(328, 50, "constant", offset=0.5), r(329, 60)),
        (r(330, 5000), r(331, 3000, scale=1.02)),
        (r(332, 100_000, "cube"), r(333, 90_000, "cube", offset=0.001)),
        (r(334, 1_000_000), r(335, 1_000_000, offset=0.0005)),
    ]
    cases = []
    for x, y in pairs:
        for t in ([0.4, 0.8], [0.5, 1.3, 2.4], [1.0]):
            # A covariance matrix of six columns and five rows is next to singular, and rounding decides.
            if t != [0.4, 0.8] and not 20 <= x["n"] <= 10_000:
                continue
            statistic, pvalue = stats.epps_singleton_2samp(sample(x), sample(y), t=t)
            if x["n"] <= 1000 and statistic > 1e-6:
                exact = epps_singleton_exactly(sample(x), sample(y), t)
                assert abs(exact[0] - statistic) <= 1e-8 * statistic, (x, y, t, exact, statistic)
                statistic, pvalue = exact
            cases.append({"x": x, "y": y, "t": t, "statistic": number(statistic), "pvalue": number(pvalue)})
    write("epps_singleton_2samp", cases)


def kuiper():
    """Where astropy takes the distribution for two samples: 3 / N <= D <= 1/2 - 1/(2 N)."""
    from astropy.stats import kuiper_two

    r = recipe
    pairs = [(x, y) for x, y in order_pairs() + large_pairs()]
    pairs += [(r(340 + i, 60 + 7 * i), r(360 + i, 45 + 11 * i, scale=1.0 + 0.05 * i, offset=0.02 * i)) for i in range(12)]
    cases = []
    for x, y in pairs:
        statistic, pvalue = kuiper_two(sample(x), sample(y))
        effective = x["n"] * y["n"] / (x["n"] + y["n"])
        if 3 / effective <= statistic <= 0.5 - 0.5 / effective:
            cases.append({"x": x, "y": y, "statistic": number(statistic), "pvalue": number(min(pvalue, 1.0))})
    write("kuiper_two", cases)


def spearman():
    """A pair of samples of one size has a correlation of its own making: the second is mixed with `share` of the first."""
    r = recipe
    pairs = [
        (r(601, 2), r(602, 2), 0.0),
        (r(603, 3), r(604, 3), 0.0),
        (r(605, 5), r(606, 5), 1.0),  # one order
        (r(607, 6), r(608, 6), -1.0),  # the opposite one
        (r(609, 12), r(610, 12), 0.4),
        (r(611, 30, "grid", levels=4), r(612, 30, "grid", levels=5), 0.0),  # ties
        (r(613, 50, "spike"), r(614, 50, "spike"), 0.5),
        (r(615, 25, "constant", offset=2.0), r(616, 25), 0.0),
        (r(617, 200, "reciprocal"), r(618, 200), 0.1),
        (r(619, 500, scale=1e300), r(620, 500, scale=1e300), -0.2),
        (r(621, 1000, "cube"), r(622, 1000, "cube"), 0.05),
        (r(623, 5000, "grid", levels=3), r(624, 5000, "grid", levels=7), 0.3),
        (r(625, 20_000), r(626, 20_000), 0.9),
    ]
    cases = []
    for x, y, share in pairs:
        mixed = sample(x) * share + sample(y) * (1.0 - abs(share))
        for alternative in ("two-sided", "less", "greater"):
            result = stats.spearmanr(sample(x), mixed, alternative=alternative)
            cases.append({
                "x": x, "y": y, "share": share, "alternative": alternative,
                "statistic": number(result.statistic), "pvalue": number(result.pvalue),
            })
    write("spearmanr", cases)


def permutations():
    """Exact p-values, where there are few partitions; the statistics are named."""
    statistics = {
        "mean difference": lambda *s: np.mean(s[0]) - np.mean(s[1]),
        "sum of the first": lambda *s: np.sum(s[0]),
        "largest of the first": lambda *s: np.max(s[0]),
    }
    r = recipe
    groups = [
        [r(401, 2), r(402, 2)],
        [r(403, 2), r(404, 5)],
        [r(405, 4), r(406, 5, offset=0.5)],
        [r(407, 6), r(408, 7)],
        [r(409, 5, "grid", levels=3), r(410, 6, "grid", levels=3)],
        [r(411, 7, offset=1.0), r(412, 6)],
        [r(413, 3), r(414, 3), r(415, 3)],
        [r(416, 2), r(417, 3), r(418, 2)],
    ]
    cases = []
    for samples in groups:
        for name, statistic in statistics.items():
            for alternative in ("two-sided", "less", "greater"):
                values = [sample(one) for one in samples]
                result = stats.permutation_test(values, statistic, alternative=alternative, n_resamples=10_000, vectorized=False)
                cases.append({
                    "samples": samples,
                    "name": name,
                    "alternative": alternative,
                    "statistic": number(result.statistic),
                    "pvalue": number(result.pvalue),
                    "partitions": len(result.null_distribution),
                    "weighted": number(np.dot(result.null_distribution, np.arange(len(result.null_distribution)))),
                })
    write("permutation_test", cases)


if __name__ == "__main__":
    main([mann_whitney, cramer_von_mises, anderson, epps_singleton, kuiper, spearman, permutations])
