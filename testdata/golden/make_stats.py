"""Makes the golden files of `mlcore::stats`: what scipy, statsmodels and mpmath answer.

    pip install numpy==2.4.6 scipy==1.17.1 statsmodels==0.15.0 mpmath==1.4.1 astropy==8.0.2
    python testdata/golden/make_stats.py [function ..]

Samples are not stored but described: seed, size, shape, scale and offset. Both sides make the same doubles from them
with splitmix64 and the four exact operations of IEEE 754, so no libm is involved.
"""

import json
import math
import pathlib
import sys
import warnings
from fractions import Fraction

import mpmath
import numpy as np
import scipy
import statsmodels
from scipy import special, stats
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import proportion_confint, proportions_ztest

HERE = pathlib.Path(__file__).parent / "stats"
mpmath.mp.dps = 60
MPF = mpmath.mpf


def uniform(seed, n):
    """splitmix64, the upper 53 bits as a double in [0, 1)."""
    with np.errstate(over="ignore"):
        z = np.uint64(seed) + np.uint64(0x9E3779B97F4A7C15) * np.arange(1, n + 1, dtype=np.uint64)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z = z ^ (z >> np.uint64(31))
    return (z >> np.uint64(11)).astype(np.float64) * 2.0**-53


def sample(recipe):
    u = uniform(recipe["seed"], recipe["n"])
    shape = recipe["shape"]
    if shape == "uniform":
        values = u
    elif shape == "cube":
        values = u * u * u
    elif shape == "reciprocal":  # a heavy tail
        values = 1.0 / (1.0 - u)
    elif shape == "grid":  # ties
        values = np.floor(u * recipe["levels"])
    elif shape == "spike":  # zero-inflated
        values = np.where(u < 0.6, 0.0, u)
    elif shape == "constant":
        values = np.zeros(recipe["n"])
    else:
        raise ValueError(shape)
    return recipe["offset"] + recipe["scale"] * values


def recipe(seed, n, shape="uniform", scale=1.0, offset=0.0, levels=0):
    return {"seed": seed, "n": n, "shape": shape, "scale": scale, "offset": offset, "levels": levels}


def number(value):
    """JSON has no NaN and no infinity."""
    value = float(value)
    return value if math.isfinite(value) else str(value)


def write(name, cases, minimum=12):
    assert len(cases) >= minimum, (name, len(cases))
    header = {
        "made_by": "testdata/golden/make_stats.py",
        "numpy": np.__version__,
        "scipy": scipy.__version__,
        "statsmodels": statsmodels.__version__,
        "mpmath": mpmath.__version__,
    }
    lines = ",\n".join(json.dumps(case) for case in cases)
    text = f'{{"header": {json.dumps(header)},\n"cases": [\n{lines}\n]}}\n'
    (HERE / f"{name}.json").write_text(text)
    print(f"{name}: {len(cases)} cases")


def ks_case(x, y, method, alternative):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        result = stats.ks_2samp(sample(x), sample(y), method=method, alternative=alternative)
    fell_back = any("ks_2samp" in str(warning.message) for warning in caught)
    if method == "auto":
        used = "exact" if max(x["n"], y["n"]) <= 10_000 else "asymp"
    else:
        used = method
    return {
        "x": x,
        "y": y,
        "method": method,
        "alternative": alternative,
        "statistic": number(result.statistic),
        "pvalue": number(result.pvalue),
        "location": number(result.statistic_location),
        "sign": int(result.statistic_sign),
        "method_used": "asymp" if fell_back else used,
    }


def ks_pairs():
    """Pairs of small and middling samples of every kind."""
    r = recipe
    return [
        (r(1, 1), r(2, 1)),
        (r(3, 1), r(4, 7, offset=0.2)),
        (r(5, 2), r(6, 3)),
        (r(7, 10), r(8, 10)),
        (r(9, 10), r(9, 10)),  # identical
        (r(10, 25, "grid", levels=3), r(11, 40, "grid", levels=4)),  # ties
        (r(12, 30, "constant", offset=2.0), r(13, 20, "constant", offset=2.0)),  # one constant
        (r(14, 30, "constant", offset=2.0), r(15, 20, "constant", offset=3.0)),  # two constants
        (r(16, 50, "constant", offset=0.5), r(17, 60)),  # constant against a spread
        (r(18, 40), r(19, 40, offset=5.0)),  # disjoint, above
        (r(20, 40, offset=5.0), r(21, 31)),  # disjoint, below
        (r(22, 100), r(23, 100, offset=0.15)),
        (r(24, 140), r(25, 145, "cube")),
        (r(26, 200, "spike"), r(27, 300, "spike", scale=0.9)),
        (r(28, 500), r(29, 500, offset=0.02)),
        (r(30, 500), r(31, 333, scale=1.1)),
        (r(32, 777, "reciprocal"), r(33, 1000, "reciprocal", scale=1.3)),
        (r(34, 1000, "grid", levels=50), r(35, 1000, "grid", levels=50, offset=1.0)),
        (r(36, 2000), r(37, 1999)),
        (r(38, 5, offset=1e300, scale=1e299), r(39, 900, offset=-1e300, scale=1e299)),  # far apart
        (r(40, 64, scale=5e-324, shape="grid", levels=9), r(41, 80, scale=5e-324, shape="grid", levels=7)),
    ]


def ks():
    pairs = ks_pairs()
    r = recipe
    exact = [ks_case(x, y, "exact", "two-sided") for x, y in pairs]
    # Down to 1e-300: n = m = 499 disjoint, and others on the way.
    exact += [ks_case(r(50, n), r(51, n, offset=2.0), "exact", "two-sided") for n in (20, 100, 300, 499)]
    exact += [ks_case(r(52, 800), r(53, 650, offset=o), "exact", "two-sided") for o in (0.1, 0.3, 0.6, 0.75)]
    exact += [ks_case(r(54, 10_000), r(55, 10_000, offset=o), "auto", "two-sided") for o in (0.0, 0.02, 0.2)]
    exact += [ks_case(r(56, 10_000), r(57, 9_000, offset=o), "auto", "two-sided") for o in (0.0, 0.02, 0.2)]
    # lcm(n1, n2) beyond 32 bits: scipy falls back.
    exact += [ks_case(r(58, 60_001), r(59, 60_000, offset=0.004), "exact", "two-sided")]
    write("ks_exact", exact)

    asymptotic = [ks_case(x, y, "asymp", "two-sided") for x, y in pairs]
    asymptotic += [
        ks_case(r(60, n), r(61, m, offset=o), "asymp", "two-sided")
        for n in (60, 280, 3_000)
        for m in (250, 3_500)
        for o in (0.0, 0.05, 0.2, 0.7)
    ]
    write("ks_asymptotic", asymptotic)

    one_sided = [ks_case(x, y, "auto", a) for x, y in pairs for a in ("less", "greater")]
    one_sided += [ks_case(x, y, "asymp", a) for x, y in pairs for a in ("less", "greater")]
    # The number of paths overflows a little above 1029 observations.
    one_sided += [
        ks_case(r(62, n), r(63, m, offset=0.1), "exact", "greater")
        for n, m in ((500, 520), (515, 514), (516, 515), (600, 500), (5_000, 20), (512, 512), (700, 700))
    ]
    write("ks_one_sided", one_sided)

    large = [
        ks_case(r(70, 10_001), r(71, 10_001), "auto", "two-sided"),
        ks_case(r(72, 20_000, "grid", levels=7), r(73, 15_000, "grid", levels=7), "auto", "two-sided"),
        ks_case(r(74, 100_000), r(75, 100_000, offset=0.004), "auto", "two-sided"),
        ks_case(r(76, 100_000), r(77, 100_000, offset=0.02), "auto", "two-sided"),
        ks_case(r(78, 100_000), r(79, 100_000, offset=0.0815), "auto", "two-sided"),
        ks_case(r(80, 100_000), r(81, 90_000, offset=0.3), "auto", "two-sided"),
        ks_case(r(82, 100_000), r(82, 100_000), "auto", "two-sided"),
        ks_case(r(84, 50_000, "reciprocal"), r(85, 70_000, "reciprocal", scale=1.01), "auto", "two-sided"),
        ks_case(r(86, 50_000, "spike"), r(87, 50_000, "spike", scale=1.02), "auto", "two-sided"),
        ks_case(r(88, 1_000_000), r(89, 20, offset=0.3), "auto", "two-sided"),
        ks_case(r(90, 1_000_000), r(91, 1_000_000, scale=1.002), "auto", "two-sided"),
        ks_case(r(92, 1_000_000), r(93, 1_000_000, offset=0.02), "auto", "less"),
        ks_case(r(94, 1_000_000, "cube"), r(95, 900_000, "cube", offset=1e-4), "auto", "two-sided"),
    ]
    write("ks_large", large)


def kolmogorov():
    rng = np.random.default_rng(20261121)
    sizes = [1, 2, 3, 5, 10, 30, 100, 139, 140, 141, 142, 200, 500, 1000, 2000, 5000, 10_000, 50_000]
    sizes += [100_000, 100_001, 500_000, 1_000_000, 1_000_001, 3_000_000]
    cases = []
    for n in sizes:
        # n x^2 from the centre of the distribution to the end of the doubles, and both ends of x.
        scaled = np.concatenate([10.0 ** rng.uniform(-2, 2.53, 14), [0.75, 0.7547, 2.19, 2.2, 3.99, 4.0, 340.0]])
        points = [math.sqrt(s / n) for s in scaled] + [0.5 / n, 0.7 / n, 1.0 / n, 0.5, 0.51, 1.0 - 1.0 / n]
        for x in points:
            if not 0.0 < x < 1.0:
                continue
            two_sided, one_sided = stats.kstwo.sf(x, n), special.smirnov(n, x)
            if min(two_sided, one_sided) >= 1e-300:
                cases.append({"n": n, "x": x, "kstwo": number(two_sided), "ksone": number(one_sided)})
    write("kolmogorov", cases)


def chi_square():
    rng = np.random.default_rng(7)
    tables = [
        [[10, 10, 20], [20, 20, 20]],
        [[12, 7], [5, 9]],
        [[1, 0], [0, 1]],
        [[1000, 2], [3, 1100]],
        [[8, 9], [8, 9]],
        [[500, 300, 200], [60, 20, 20]],
        [[3, 1, 4], [1, 5, 9], [2, 6, 5]],
        [[1e6, 2e6, 3e6], [1.001e6, 1.998e6, 3.001e6]],
        [[0.5, 1.5], [2.25, 3.75]],
        [[5, 6, 7]],
        [[5], [6], [7]],
        [[900, 100], [100, 900]],
        [[345, 2], [3, 345]],  # 1e-150
        [[690, 3, 1], [2, 689, 1]],  # 1e-300
        rng.integers(1, 100, (5, 7)).tolist(),
        rng.integers(1, 1000, (2, 50)).tolist(),
        rng.integers(1, 10, (2, 1000)).tolist(),
        rng.integers(90_000, 110_000, (2, 3000)).tolist(),
        rng.poisson(np.outer([3000, 400], np.linspace(0.1, 1, 20))).tolist(),
        rng.integers(1, 50, (30, 40)).tolist(),
    ]
    cases = []
    for table in tables:
        for correction in (True, False):
            result = stats.chi2_contingency(table, correction=correction)
            cases.append({
                "table": [[float(count) for count in row] for row in table],
                "correction": correction,
                "statistic": number(result.statistic),
                "pvalue": number(result.pvalue),
                "dof": int(result.dof),
                "expected_sum_of_squares": number(np.sum(result.expected_freq**2)),
            })
    write("chi2_contingency", cases)


def distributions():
    """Tails from mpmath with 60 digits; quantiles are checked by the tails they should have."""
    rng = np.random.default_rng(11)
    cases = []

    def add(function, arguments, exact):
        if 1e-300 <= abs(exact) <= 1e300:
            cases.append({"function": function, "arguments": [float(a) for a in arguments], "value": number(exact)})

    def normal_sf(x):
        return mpmath.erfc(MPF(x) / mpmath.sqrt(2)) / 2

    def normal_isf(q):
        x = MPF(float(stats.norm.isf(q)))
        for _ in range(6):
            x += (normal_sf(x) - MPF(q)) / (mpmath.exp(-x * x / 2) / mpmath.sqrt(2 * mpmath.pi))
        return x

    for x in [-8.0, -3.3, -1.0, -0.4, -1e-9, 0.0, 1e-300, 0.3, 0.66, 1.0, 1.96, 4.0, 5.65, 8.3, 15.1, 25.2, 37.0]:
        add("norm.sf", [x], normal_sf(x))
        add("norm.cdf", [x], normal_sf(-x))
    for q in [1e-300, 1e-200, 1e-100, 1e-30, 1e-16, 1e-12, 1e-9, 1e-5, 0.001, 0.02, 0.07, 0.08, 0.3, 0.5001, 0.8, 0.975, 0.9999]:
        add("norm.isf", [q], normal_isf(q))
        add("norm.ppf", [q], -normal_isf(q))

    for dof in [1, 2, 3, 4, 7, 10, 29, 30, 99, 500, 2345, 10_000, 0.1]:
        for z in [-3.0, -1.0, 0.0, 1.0, 3.0, 8.0, 20.0, 35.0, 60.0]:
            x = dof + z * math.sqrt(2 * dof)
            if x > 0:
                upper = mpmath.gammainc(MPF(dof) / 2, MPF(x) / 2, mpmath.inf, regularized=True)
                add("chi2.sf", [x, dof], upper)
                add("chi2.cdf", [x, dof], 1 - upper)
    for x in [1e-300, 1e-20, 1e-3, 1380.0]:
        for dof in [1, 2, 3]:
            upper = mpmath.gammainc(MPF(dof) / 2, MPF(x) / 2, mpmath.inf, regularized=True)
            add("chi2.sf", [x, dof], upper)
            add("chi2.cdf", [x, dof], mpmath.gammainc(MPF(dof) / 2, 0, MPF(x) / 2, regularized=True))

    def student_sf(x, df):
        x, df = MPF(x), MPF(df)
        tail = mpmath.betainc(df / 2, MPF(1) / 2, 0, df / (df + x * x), regularized=True) / 2
        return tail if x >= 0 else 1 - tail

    for df in [1, 2, 3, 0.5, 4.7, 10, 30, 100, 1234.5]:
        for x in [-5.0, -0.1, 1e-10, 0.5, 1.0, 2.0, 5.0, 12.0, 36.0, 1e5, 1e50, 1e90]:
            add("t.sf", [x, df], student_sf(x, df))
    for x in [1e151, 1e200, 1e299]:
        add("t.sf", [x, 1], mpmath.atan(1 / MPF(x)) / mpmath.pi)

    for a, b in [(0.5, 0.5), (1, 1), (2, 5), (30, 4), (0.01, 3), (150, 150), (4000, 17), (25.5, 1000)]:
        mean, sd = a / (a + b), math.sqrt(a * b / (a + b + 1)) / (a + b)
        for z in [-12.0, -5.0, -2.0, -0.5, 0.1, 1.0, 3.0, 9.0]:
            x = mean + z * sd
            if 0 < x < 1:
                lower = mpmath.betainc(a, b, 0, MPF(x), regularized=True)
                add("beta.cdf", [x, a, b], lower)
                with mpmath.workdps(400):
                    add("beta.sf", [x, a, b], 1 - mpmath.betainc(a, b, 0, MPF(x), regularized=True))

    for n, p in [(10, 0.5), (100, 0.03), (1000, 0.3), (1000, 1e-4), (257, 0.999)]:
        p = MPF(p)
        masses = [mpmath.binomial(n, k) * p**k * (1 - p) ** (n - k) for k in range(n + 1)]
        for k in sorted({0, 1, n // 10, n // 4, n // 2, 3 * n // 4, n - 1}):
            add("binom.pmf", [k, n, float(p)], masses[k])
            add("binom.cdf", [k, n, float(p)], mpmath.fsum(masses[: k + 1]))
            add("binom.sf", [k, n, float(p)], mpmath.fsum(masses[k + 1 :]))
    write("distributions", cases)


def multiplicity():
    rng = np.random.default_rng(5)
    families = [
        [0.01, 0.04, 0.03, 0.5],
        [0.05],
        [0.2],
        [0.0, 0.0, 1.0, 1.0],
        [0.02, 0.02, 0.02, 0.02],
        [0.001, 0.008, 0.039, 0.041, 0.042, 0.06, 0.074, 0.205, 0.212, 0.216, 0.222, 0.251, 0.269, 0.275, 0.34],
        [1e-300, 1e-200, 0.5],
        [0.9, 0.8, 0.7, 0.6, 0.01],
        [0.0125, 0.025, 0.0375, 0.05],  # on the Benjamini-Hochberg line
        [0.0125, 0.016666666666666666, 0.025, 0.05],  # on Holm's line
        rng.uniform(0, 1, 20).tolist(),
        (rng.uniform(0, 1, 100) ** 3).tolist(),
        np.round(rng.uniform(0, 1, 200) ** 2, 2).tolist(),
        (10.0 ** rng.uniform(-8, 0, 1000)).tolist(),
    ]
    cases = []
    for pvals in families:
        for method in ("bonferroni", "holm", "fdr_bh", "fdr_by"):
            for alpha in (0.05, 0.2):
                reject, corrected, _, _ = multipletests(pvals, alpha=alpha, method=method)
                cases.append({
                    "pvals": pvals,
                    "alpha": alpha,
                    "method": method,
                    "reject": [bool(r) for r in reject],
                    "corrected": [number(p) for p in corrected],
                })
    write("multiplicity", cases)


def intervals():
    rng = np.random.default_rng(3)
    counts = [(0, 1), (1, 1), (0, 10), (10, 10), (3, 10), (1, 1000), (999, 1000), (500, 1000), (7, 13), (12, 100_000)]
    counts += [(49_900, 100_000), (123_456, 10_000_000), (9_999_999, 10_000_000)]
    confint = []
    for count, nobs in counts:
        for method in ("wilson", "beta"):
            for alpha in (0.05, 0.001, 1e-6):
                low, high = proportion_confint(count, nobs, alpha=alpha, method=method)
                # These ends are exact; statsmodels leaves 1e-17 of rounding there.
                low, high = (0.0 if count == 0 else low), (1.0 if count == nobs else high)
                confint.append(
                    {"count": count, "nobs": nobs, "alpha": alpha, "method": method, "low": number(low), "high": number(high)}
                )
    write("proportion_confint", confint)

    pairs = [((5, 12), (83, 99)), ((0, 1), (10, 10)), ((50, 50), (100, 100)), ((1, 900), (1000, 1000)), ((3, 4), (10, 2000))]
    pairs += [((60_000, 50_000), (100_000, 100_000)), ((9, 1), (10, 10)), ((700, 400), (1000, 1300))]
    ztest = []
    for count, nobs in pairs:
        for alternative in ("two-sided", "smaller", "larger"):
            statistic, pvalue = proportions_ztest(count, nobs, alternative=alternative)
            ztest.append(
                {"count": count, "nobs": nobs, "alternative": alternative, "statistic": number(statistic), "pvalue": number(pvalue)}
            )
    write("proportions_ztest", ztest)

    r = recipe
    samples = [
        (r(1, 4), r(2, 5, offset=1.0)),
        (r(3, 2), r(4, 2)),
        (r(5, 100), r(6, 90, scale=3.0, offset=-1.0)),
        (r(7, 1000), r(8, 1000, offset=0.01)),
        (r(9, 50, offset=1e3), r(10, 60, offset=1e3, scale=1.5)),
        (r(11, 5000, "cube"), r(12, 3000, "cube", offset=0.2)),
        (r(13, 30, "grid", levels=2), r(14, 30, "grid", levels=2)),
        (r(15, 300), r(16, 200, offset=20.0)),
        (r(17, 40, "constant", offset=1.0), r(18, 40, offset=1.0)),
        (r(19, 1), r(20, 5)),
        (r(21, 40, offset=2.0), r(22, 1)),
        (r(23, 6, scale=1e200), r(24, 5, scale=1e200, offset=3e200)),
        (r(25, 6, scale=1e-150), r(26, 5, scale=1e-150, offset=3e-150)),
    ]
    ttest = []
    for x, y in samples:
        for equal_var in (True, False):
            for alternative in ("two-sided", "less", "greater"):
                result = stats.ttest_ind(sample(x), sample(y), equal_var=equal_var, alternative=alternative)
                ttest.append({
                    "x": x,
                    "y": y,
                    "equal_var": equal_var,
                    "alternative": alternative,
                    "statistic": number(result.statistic),
                    "pvalue": number(result.pvalue),
                    "df": number(result.df),
                })
    write("ttest_ind", ttest)

    # Waudby-Smith et al. (2021): eq. 9 and 134 with the rho of eq. 161, from the formulas with 60 digits.
    sequence = []
    for _ in range(24):
        alpha, tuning = float(10.0 ** rng.uniform(-5, -0.5)), float(rng.choice([100.0, 5000.0, 1e6]))
        n, variance = float(np.floor(10.0 ** rng.uniform(1, 8))), float(10.0 ** rng.uniform(-6, 6))
        a, v = MPF(alpha), MPF(variance)
        log_alpha = -2 * mpmath.log(a)
        rho2 = (log_alpha + mpmath.log(log_alpha + 1)) / MPF(tuning)
        grown = MPF(n) * rho2 + 1
        factor = v * 2 * grown / (MPF(n) ** 2 * rho2)
        two_sided = mpmath.sqrt(factor * mpmath.log(mpmath.sqrt(grown) / a))
        sequence.append({
            "alpha": alpha,
            "tuning": tuning,
            "n": n,
            "variance": variance,
            "half_width": number(two_sided),
            "one_sided_width": number(mpmath.sqrt(factor * mpmath.log(1 + mpmath.sqrt(grown) / (2 * a)))),
        })
    write("confidence_sequence", sequence)


def distances():
    """Of samples as they are, and with weights."""
    r = recipe
    pairs = [
        (r(1, 1), r(2, 1)),
        (r(3, 7), r(4, 5, offset=0.5)),
        (r(5, 30, "grid", levels=4), r(6, 40, "grid", levels=5)),
        (r(7, 50, "constant", offset=2.0), r(8, 60)),
        (r(9, 20, "constant", offset=2.0), r(10, 20, "constant", offset=2.0)),
        (r(11, 1000), r(12, 1500, offset=0.01)),
        (r(13, 1000, "reciprocal"), r(14, 900, "reciprocal", scale=1.5)),
        (r(15, 500, "spike"), r(16, 700, "spike", offset=0.05)),
        (r(17, 400, scale=1e9, offset=1e12), r(18, 300, scale=1e9, offset=1e12)),
        (r(19, 300, scale=1e-300), r(20, 300, "cube", scale=1e-300)),
        (r(21, 200_000, "cube"), r(22, 100_000, "cube", offset=0.001)),
    ]
    cases = []
    for x, y in pairs:
        weights = [None, recipe(x["seed"] + 100, x["n"], "cube"), recipe(y["seed"] + 100, y["n"], "grid", levels=3, offset=1.0)]
        for u, v in [(None, None), (weights[1], None), (weights[1], weights[2])]:
            given = sample(x), sample(y), u and sample(u), v and sample(v)
            cases.append({
                "x": x,
                "y": y,
                "x_weights": u,
                "y_weights": v,
                "wasserstein_distance": number(stats.wasserstein_distance(*given)),
                "energy_distance": number(stats.energy_distance(*given)),
            })
    write("distances", cases)


def quantiles():
    """All of numpy's methods, on levels that fall on values and between them."""
    r = recipe
    levels = [0.0, 0.01, 0.1, 0.25, 1 / 3, 0.5, 0.6, 0.75, 0.9, 0.99, 1.0]
    cases = []
    for x in [r(1, 1), r(2, 2), r(3, 3), r(4, 10), r(5, 11), r(6, 100, "grid", levels=5), r(7, 1001, "reciprocal"), r(8, 4, scale=1e300)]:
        for method in [
            "inverted_cdf", "averaged_inverted_cdf", "closest_observation", "interpolated_inverted_cdf", "hazen",
            "weibull", "linear", "median_unbiased", "normal_unbiased",
        ]:
            answer = np.quantile(sample(x), levels, method=method)
            cases.append({"x": x, "method": method, "levels": levels, "quantiles": [number(value) for value in answer]})
    write("quantiles", cases)


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
                x = 1 + MPF(float(result.statistic)) * mpmath.sqrt(2 * (mpmath.pi**2 - 9) / 3)
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


MADE_BY = [
    ks, kolmogorov, chi_square, distributions, multiplicity, intervals, distances, quantiles,
    mann_whitney, cramer_von_mises, anderson, epps_singleton, kuiper, permutations,
]

if __name__ == "__main__":
    HERE.mkdir(exist_ok=True)
    np.seterr(all="ignore")
    warnings.simplefilter("ignore")
    for made_by in MADE_BY:
        if not sys.argv[1:] or made_by.__name__ in sys.argv[1:]:
            made_by()
