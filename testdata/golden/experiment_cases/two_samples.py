"""Tests of two samples that stand in `mlcore::stats`, and the noncentral t distribution."""

import itertools

import mpmath
from statsmodels.stats.nonparametric import rank_compare_2indep
from statsmodels.stats.proportion import confint_proportions_2indep, test_proportions_2indep

from . import golden, number, numbers, skewed

WORDS = {"two-sided": "two-sided", "greater": "larger", "less": "smaller"}


@golden
def rank_compare():
    for seed, (n1, n2), use_t in itertools.product(range(4), [(6, 9), (40, 25), (120, 150)], [True, False]):
        x1, x2 = skewed(seed, n1), skewed(seed + 40, n2, offset=0.4 * (seed % 3))
        if seed == 3:  # ties
            x1, x2 = [float(round(v)) for v in x1], [float(round(v)) for v in x2]
        result = rank_compare_2indep(x1, x2, use_t=use_t)
        case = {"x1": x1, "x2": x2, "use_t": use_t, "statistic": number(result.statistic), "pvalue": number(result.pvalue),
                "prob1": number(result.prob1), "var_prob": number(result.var_prob)}
        for word, theirs in WORDS.items():
            case[word] = numbers(result.conf_int(alpha=0.1, alternative=theirs))
            case[word + " test"] = number(result.test_prob_superior(0.45, alternative=theirs).pvalue)
        yield case


@golden
def two_proportions():
    counts = [((7, 34), (1, 34)), ((20, 150), (35, 160)), ((500, 10_000), (561, 10_100)), ((3, 20), (9, 25))]
    for ((c1, n1), (c2, n2)), alpha in itertools.product(counts, [0.05, 0.2, 0.001]):
        case = {"count": [c1, c2], "nobs": [n1, n2], "alpha": alpha}
        for method in ["newcomb", "wald", "agresti-caffo"]:
            case[method] = numbers(confint_proportions_2indep(c1, n1, c2, n2, method=method, alpha=alpha))
        for word, theirs in WORDS.items():
            test = test_proportions_2indep(c1, n1, c2, n2, value=0.01, method="wald", alternative=theirs, correction=False)
            case[word] = numbers([test.statistic, test.pvalue])
        yield case


@golden
def noncentral_t():
    """By mpmath: scipy's own upper tail is one less the lower one."""
    mpmath.mp.dps = 25

    def sf(x, df, nc):
        """The integral over the chi-square below: P(Z + nc > x sqrt(s / df))."""
        x, df, nc = mpmath.mpf(x), mpmath.mpf(df), mpmath.mpf(nc)
        log_norm = (df / 2 - 1) * mpmath.log(2) + mpmath.loggamma(df / 2)

        def term(u):  # u = sqrt(s)
            density = mpmath.exp((df - 1) * mpmath.log(u) - u * u / 2 - log_norm)
            return density * mpmath.ncdf(nc - x * u / mpmath.sqrt(df))

        middle, width = mpmath.sqrt(df), mpmath.mpf(1)
        points = [mpmath.mpf(10) ** -30] + [middle + k * width for k in range(-12, 14, 2) if middle + k * width > 0.01]
        return mpmath.quad(term, points + [middle + 40])

    for df, nc, x in itertools.product([3, 17.5], [0.5, 2.8, -1.0, 6.0], [2.0, -1.5, 0.0]):
        yield {"x": x, "df": df, "nc": nc, "sf": number(sf(x, df, nc)), "cdf": number(sf(-x, df, -nc))}
