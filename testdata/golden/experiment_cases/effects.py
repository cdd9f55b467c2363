"""Differences of two arms: gbstats, and spotify-confidence for z-tests and non-inferiority."""

import itertools

import numpy as np
import pandas as pd
from gbstats.frequentist.tests import (
    FrequentistConfig,
    OneSidedTreatmentGreaterTTest,
    OneSidedTreatmentLesserTTest,
    SequentialConfig,
    SequentialTwoSidedTTest,
    TwoSidedTTest,
)
from gbstats.models.statistics import (
    ProportionStatistic,
    QuantileClusteredStatistic,
    QuantileStatistic,
    RatioStatistic,
    RegressionAdjustedStatistic,
    SampleMeanStatistic,
)
from spotify_confidence import StudentsTTest, ZTest

from . import golden, number, numbers, skewed, uniform


def mean(values):
    return SampleMeanStatistic(n=len(values), sum=sum(values), sum_squares=sum(v * v for v in values))


def joint(kind, first, second):
    product = sum(a * b for a, b in zip(first, second))
    if kind == "ratio":
        return RatioStatistic(n=len(first), m_statistic=mean(first), d_statistic=mean(second), m_d_sum_of_products=product)
    return RegressionAdjustedStatistic(
        n=len(first), post_statistic=mean(first), pre_statistic=mean(second), post_pre_sum_of_products=product, theta=0
    )


def arms():
    """Arms as the data of a case, and as what gbstats takes."""
    for seed, (n1, n2), shift in [(1, (30, 40), 0.3), (2, (150, 90), 0.0), (3, (60, 60), -0.4), (4, (9, 12), 0.8)]:
        a, b = skewed(seed, n1, offset=0.5), skewed(seed + 100, n2, offset=0.5 + shift)
        yield {"kind": "mean", "a": a, "b": b}, mean(a), mean(b)
    for (s1, n1), (s2, n2) in [((20, 150), (35, 160)), ((500, 10_000), (561, 10_100)), ((3, 20), (9, 25))]:
        case = {"kind": "proportion", "a": [s1, n1], "b": [s2, n2]}
        yield case, ProportionStatistic(n=n1, sum=s1), ProportionStatistic(n=n2, sum=s2)
    for kind, seed, (n1, n2) in itertools.product(["ratio", "cuped"], [11, 12], [(50, 70), (120, 110)]):
        rng = np.random.default_rng(seed)
        a2, b2 = skewed(seed + 1, n1, 3.0, 1.0), skewed(seed + 2, n2, 3.0, 1.0)
        a = [round(0.5 * x + float(rng.gamma(1.5, 1.0)), 3) for x in a2]
        b = [round(0.55 * x + float(rng.gamma(1.5, 1.0)), 3) for x in b2]
        yield {"kind": kind, "a": [a, a2], "b": [b, b2]}, joint(kind, a, a2), joint(kind, b, b2)
    for n1, n2, nu in [(500, 700, 0.5), (5_000, 4_000, 0.9), (80, 120, 0.75)]:
        lists = [[n1, min(n1, 1000), 2.31, 2.18, 2.52], [n2, n2, 2.44, 2.29, 2.61]]
        statistics = [
            QuantileStatistic(n=n, n_star=star, nu=nu, quantile_hat=hat, quantile_lower=low, quantile_upper=high)
            for n, star, hat, low, high in lists
        ]
        yield {"kind": "quantile", "nu": nu, "a": lists[0], "b": lists[1]}, *statistics
    for seed, nu in [(31, 0.5), (32, 0.8), (33, 0.9)]:
        case, statistics = {"kind": "clustered", "nu": nu}, []
        for arm, at in [("a", 0), ("b", 1)]:
            rng = np.random.default_rng(seed + at)
            sizes = rng.integers(1, 30, 60)
            below = rng.binomial(sizes, nu)
            n = int(sizes.sum())
            case[arm] = {"quantile": [n, n, 5.0 + at, 4.7 + at, 5.4 + at], "clusters": [below.tolist(), sizes.tolist()]}
            statistics.append(QuantileClusteredStatistic(
                n=n, n_star=n, nu=nu, quantile_hat=5.0 + at, quantile_lower=4.7 + at, quantile_upper=5.4 + at,
                main_sum=int(below.sum()), main_sum_squares=int((below * below).sum()), denominator_sum=n,
                denominator_sum_squares=int((sizes * sizes).sum()),
                main_denominator_sum_product=int((below * sizes).sum()), n_clusters=len(sizes),
            ))
        yield case, *statistics


TESTS = {"two-sided": TwoSidedTTest, "greater": OneSidedTreatmentGreaterTTest, "less": OneSidedTreatmentLesserTTest}


@golden
def effects():
    """gbstats' t-tests. The interval of `less` is mirrored: gbstats ends it below the estimate."""
    settings = [("relative", 0.05, 0.0, "two-sided"), ("absolute", 0.05, 0.0, "two-sided"), ("relative", 0.01, 0.05, "greater"),
                ("absolute", 0.1, 0.1, "less")]
    for case, a, b in arms():
        for difference, alpha, value, alternative in settings:
            config = FrequentistConfig(difference_type=difference, alpha=alpha, test_value=value)
            test = TESTS[alternative](a, b, config)
            result = test.compute_result()
            ci = list(result.ci)
            if alternative == "less":
                ci[1] = 2 * result.expected - ci[1]
            yield {**case, "difference": difference, "alpha": alpha, "value": value, "alternative": alternative,
                   "estimate": number(result.expected), "standard_error": number(result.uplift.stddev), "ci": numbers(ci),
                   "pvalue": number(result.p_value), "df": number(test.dof)}


@golden
def sequential_effects():
    """gbstats' sequential test."""
    for case, a, b in arms():
        for difference, alpha, value, tuning in [("relative", 0.05, 0.0, 5000), ("absolute", 0.01, 0.02, 300)]:
            config = SequentialConfig(difference_type=difference, alpha=alpha, test_value=value,
                                      sequential_tuning_parameter=tuning)
            result = SequentialTwoSidedTTest(a, b, config).compute_result()
            yield {**case, "difference": difference, "alpha": alpha, "value": value, "tuning": tuning,
                   "estimate": number(result.expected), "ci": numbers(result.ci), "pvalue": number(result.p_value)}


@golden
def non_inferiority():
    """spotify-confidence's z- and t-tests, with and without non-inferiority margins."""
    margins = [None, (0.02, "increase"), (0.1, "decrease"), (0.05, "increase")]
    for seed, margin, (name, method) in itertools.product([41, 42], margins, [("normal", ZTest), ("welch", StudentsTTest)]):
        a, b = skewed(seed, 80, offset=1.0), skewed(seed + 5, 95, offset=1.1)
        frame = pd.DataFrame({
            "group": ["control", "treatment"], "sum": [sum(a), sum(b)],
            "squares": [sum(v * v for v in a), sum(v * v for v in b)], "count": [len(a), len(b)],
        })
        test = method(frame, numerator_column="sum", numerator_sum_squares_column="squares", denominator_column="count",
                      categorical_group_columns="group", interval_size=0.95)
        row = test.difference("control", "treatment", non_inferiority_margins=margin).iloc[0]
        yield {"a": a, "b": b, "margin": margin, "inference": name, "estimate": number(row["difference"]),
               "ci": numbers([row["ci_lower"], row["ci_upper"]]), "pvalue": number(row["p-value"])}
