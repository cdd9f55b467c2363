"""Experiments analysed from a frame of pandas by gbstats and by spotify-confidence, and mabwiser's bandits taught one reward at a time."""

import argparse
import pathlib
import time

import numpy as np
import pandas as pd
from gbstats.frequentist.tests import FrequentistConfig, TwoSidedTTest
from gbstats.models.statistics import (
    ProportionStatistic,
    RatioStatistic,
    RegressionAdjustedStatistic,
    SampleMeanStatistic,
    compute_theta,
)
from gbstats.utils import check_srm
from mabwiser.mab import MAB, LearningPolicy
from spotify_confidence import ZTest, ZTestLinreg

from timing import emit, emit_versions, measure

arguments = argparse.ArgumentParser(description=__doc__)
arguments.add_argument("--data", type=pathlib.Path, required=True)
arguments.add_argument("--rounds", type=int, required=True)
arguments = arguments.parse_args()
emit_versions("gbstats", "spotify-confidence", "mabwiser", "pandas", "numpy")

NUMBERS = ["spent", "before", "clicks", "views"]
FRAME = pd.DataFrame({name: np.fromfile(arguments.data / f"{name}.f64") for name in NUMBERS})
FRAME["converted"] = np.fromfile(arguments.data / "converted.u8", dtype=bool)
FRAME["arm"] = pd.Categorical.from_codes(np.fromfile(arguments.data / "arm.u8", dtype=np.int8), ["old", "new"])


def sums(products):
    """Counts and sums of each arm, of columns and of products of columns, by one grouping."""
    columns = {f"{a}*{b}": FRAME[a] * FRAME[b] for a, b in products}
    needed = sorted({name for pair in products for name in pair}) + ["converted"]
    grouped = FRAME[needed].assign(**columns).groupby(FRAME["arm"], observed=True)
    total = grouped.sum()
    return total.assign(n=grouped.size())


SPENT = [("spent", "spent"), ("before", "before"), ("spent", "before")]
RATIO = [("clicks", "clicks"), ("views", "views"), ("clicks", "views")]


def gbstats():
    """A mean adjusted by a covariate, a proportion and a ratio, and the sample ratio."""
    total = sums(SPENT + RATIO)

    def mean(row, name):
        return SampleMeanStatistic(n=int(row["n"]), sum=row[name], sum_squares=row[f"{name}*{name}"])

    def adjusted(row):
        post, pre = mean(row, "spent"), mean(row, "before")
        return RegressionAdjustedStatistic(
            n=int(row["n"]), post_statistic=post, pre_statistic=pre, post_pre_sum_of_products=row["spent*before"], theta=0.0
        )

    def ratio(row):
        m, d = mean(row, "clicks"), mean(row, "views")
        return RatioStatistic(n=int(row["n"]), m_statistic=m, d_statistic=d, m_d_sum_of_products=row["clicks*views"])

    rows = [total.loc["old"], total.loc["new"]]
    with_covariate = [adjusted(row) for row in rows]
    for statistic in with_covariate:
        statistic.theta = compute_theta(*with_covariate)
    proportions = [ProportionStatistic(n=int(row["n"]), sum=int(row["converted"])) for row in rows]
    pairs = {"spent": with_covariate, "converted": proportions, "ratio": [ratio(row) for row in rows]}
    config = FrequentistConfig(difference_type="relative", alpha=0.05)
    found = {name: TwoSidedTTest(*pair, config).compute_result() for name, pair in pairs.items()}
    return found, check_srm([int(row["n"]) for row in rows], [0.5, 0.5])


def spotify():
    """The same without the ratio, which it does not have for units of several views."""
    total = sums(SPENT).reset_index()
    linear = ZTestLinreg(
        total, "spent", "spent*spent", "n", "before", "before*before", "spent*before", categorical_group_columns="arm"
    )
    proportion = ZTest(total.drop(columns=["before"]), "converted", "converted", "n", categorical_group_columns="arm")
    return [test.difference("old", "new", absolute=True).iloc[0] for test in (linear, proportion)]


def sample_ratio():
    counts = FRAME["arm"].value_counts(sort=False)
    return check_srm(counts.tolist(), [0.5, 0.5])


def analyses():
    found, srm = gbstats()
    emit("gbstats", measure(gbstats))
    for name, result in found.items():
        emit(f"gbstats/{name}", 0.0, result.expected)
        emit(f"gbstats/{name}/low", 0.0, result.ci[0])
    emit("gbstats/srm", 0.0, srm)
    linear, proportion = spotify()
    emit("spotify", measure(spotify))
    emit("spotify/spent", 0.0, linear["difference"])
    emit("spotify/converted", 0.0, proportion["difference"])
    emit("srm", measure(sample_ratio), sample_ratio())


def bandit(name, policy, table):
    """One reward at a time, in one run: it takes seconds."""
    rewards = np.fromfile(arguments.data / f"{table}.f64").reshape(arguments.rounds, -1)
    arms = list(range(rewards.shape[1]))
    mab = MAB(arms, policy, seed=1)
    table, earned = rewards.tolist(), 0.0
    start = time.perf_counter()
    for number, row in enumerate(table):
        arm = number if number < len(arms) else mab.predict()
        mab.partial_fit([arm], [row[arm]])
        earned += row[arm]
    emit(name, time.perf_counter() - start, earned)


analyses()
bandit("ucb1", LearningPolicy.UCB1(alpha=1.0), "normal_rewards")
bandit("thompson_beta", LearningPolicy.ThompsonSampling(), "coin_rewards")
