"""Makes the golden files of `mlcore::stats`: what scipy, statsmodels and mpmath answer.

    pip install numpy==2.4.6 scipy==1.17.1 statsmodels==0.15.0 mpmath==1.4.1
    python testdata/golden/make_stats.py [file ..]

writes all files, or those that are named (`ks_exact`, `quantiles`). Samples are not stored but described: seed, size, shape, scale and offset. Both sides make the same doubles from them
with splitmix64 and the four exact operations of IEEE 754, so no libm is involved.
"""

import json
import math
import pathlib
import sys
import warnings

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
    if sys.argv[1:] and name not in sys.argv[1:]:
        return
    header = {
        "made_by": f"testdata/golden/{pathlib.Path(sys.argv[0]).name}",
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


def main(made_by):
    """Writes the files of these functions, or those that the command line names."""
    HERE.mkdir(exist_ok=True)
    np.seterr(all="ignore")
    warnings.simplefilter("ignore")
    for function in made_by:
        function()


if __name__ == "__main__":
    main([ks, kolmogorov, chi_square, distributions, multiplicity, intervals, distances, quantiles])
