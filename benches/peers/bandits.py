"""Regret of bandits of mabwiser, of river, and of textbooks, on the arms and the tables of rewards that the bench wrote.

Every policy begins with one answer of each arm, as ours does there, but for Exp3.
"""

import argparse
import math
import os
import pathlib
import statistics
import time
from concurrent.futures import ProcessPoolExecutor

# Matrices of five numbers: threads of the algebra would only wait for each other.
os.environ["OPENBLAS_NUM_THREADS"] = "1"

import numpy as np

from timing import emit, emit_versions

arguments = argparse.ArgumentParser(description=__doc__)
arguments.add_argument("--data", type=pathlib.Path, required=True)
arguments.add_argument("--library", choices=["mabwiser", "river", "textbook"], required=True)
arguments.add_argument("--replicates", type=int, required=True)
arguments.add_argument("--rounds", type=int, required=True)
arguments = arguments.parse_args()
SHAPE = (arguments.replicates, arguments.rounds, -1)


def table(name):
    return np.fromfile(arguments.data / f"{name}.f64").reshape(SHAPE)


class Mabwiser:
    """The loop that mabwiser's users write: predict, then partial_fit."""

    def __init__(self, make):
        self.make = make

    def __call__(self, arms, seed):
        from mabwiser.mab import MAB, LearningPolicy

        bandit = MAB(list(range(arms)), self.make(LearningPolicy), seed=seed)

        def learn(arm, reward, context):
            bandit.partial_fit([arm], [reward], None if context is None else [context])

        def choose(context):
            return bandit.predict(None if context is None else [context])

        return choose, learn


class River:
    def __init__(self, make):
        self.make = make

    def __call__(self, arms, seed):
        from river import bandit, proba

        policy, names = self.make(bandit, proba, seed), list(range(arms))
        return lambda context: policy.pull(names), lambda arm, reward, context: policy.update(arm, reward)


class Textbook:
    """Draws from posteriors, or takes the highest bound, from counts and sums."""

    def __init__(self, score):
        self.score = score

    def __call__(self, arms, seed):
        random = np.random.default_rng(seed)
        count, total, squares = np.zeros(arms), np.zeros(arms), np.zeros(arms)

        def learn(arm, reward, context):
            count[arm] += 1
            total[arm] += reward
            squares[arm] += reward * reward

        return lambda context: int(np.argmax(self.score(random, count, total, squares))), learn


def gaussian(random, count, total, squares, mu=0.0, kappa=1.0, alpha=1.0, beta=1.0):
    """Student's t with the conjugate prior of ours (Murphy 2007)."""
    mean = total / count
    deviations = squares - count * mean**2
    spread = beta + 0.5 * deviations + 0.5 * kappa * count * (mean - mu) ** 2 / (kappa + count)
    shape = alpha + 0.5 * count
    place = (kappa * mu + total) / (kappa + count)
    return place + np.sqrt(spread / (shape * (kappa + count))) * random.standard_t(2 * shape)


def gamma_poisson(random, count, total, squares):
    return random.gamma(1.0 + total, 1.0 / (1.0 + count))


def kl_ucb(random, count, total, squares):
    """The largest q with n kl(mean, q) <= ln(N), by bisection (Garivier and Cappe 2011, with c = 0)."""
    reach, bounds = math.log(count.sum()), []
    for n, won in zip(count.tolist(), total.tolist()):
        mean, low, high = won / n, won / n, 1.0
        for _ in range(20):
            q = 0.5 * (low + high)
            won_part = mean * math.log(mean / q) if mean > 0 else 0.0
            lost_part = (1 - mean) * math.log((1 - mean) / (1 - q)) if mean < 1 else 0.0
            low, high = (low, q) if n * (won_part + lost_part) > reach else (q, high)
        bounds.append(low)
    return bounds


class LinearThompson:
    """A ridge regression for each arm, and slopes drawn for each arm by itself (Agrawal and Goyal 2013)."""

    def __call__(self, arms, seed):
        random = np.random.default_rng(seed)
        size = TABLES["contexts"].shape[2]
        gram, sums = np.stack([np.eye(size)] * arms), np.zeros((arms, size))

        def learn(arm, reward, context):
            gram[arm] += np.outer(context, context)
            sums[arm] += reward * context

        def choose(context):
            solved = np.linalg.solve(gram, np.stack([sums, np.broadcast_to(context, sums.shape)], axis=2))
            means, variances = solved[:, :, 0] @ context, solved[:, :, 1] @ context
            return int(np.argmax(means + np.sqrt(variances) * random.standard_normal(arms)))

        return choose, learn


# Name, the tables of rewards, of means and of contexts, and who plays.
PLAYERS = {
    "mabwiser": [
        ("epsilon_greedy", "coins", Mabwiser(lambda policy: policy.EpsilonGreedy(epsilon=0.1))),
        ("ucb1", "coins", Mabwiser(lambda policy: policy.UCB1(alpha=1.0))),
        ("softmax", "coins", Mabwiser(lambda policy: policy.Softmax(tau=0.1))),
        ("thompson_beta", "coins", Mabwiser(lambda policy: policy.ThompsonSampling())),
        ("lin_ucb", "linear", Mabwiser(lambda policy: policy.LinUCB(alpha=1.0, l2_lambda=1.0))),
        ("lin_ts", "linear", Mabwiser(lambda policy: policy.LinTS(alpha=1.0, l2_lambda=1.0))),
    ],
    "river": [
        ("exp3", "coins", River(lambda bandit, proba, seed: bandit.Exp3(gamma=0.1, seed=seed))),
        (
            "thompson_gaussian",
            "normal",
            River(lambda bandit, proba, seed: bandit.ThompsonSampling(proba.Gaussian(), seed=seed)),
        ),
    ],
    "textbook": [
        ("kl_ucb", "coins", Textbook(kl_ucb)),
        ("thompson_gaussian", "normal", Textbook(gaussian)),
        ("thompson_gamma_poisson", "counts", Textbook(gamma_poisson)),
        ("lin_ts", "linear", LinearThompson()),
    ],
}


def regret(place, replicate):
    """What a player lost against the best arm, by the means of the arms."""
    name, kind, player = PLAYERS[arguments.library][place]
    rewards, means = TABLES[kind][replicate], TABLES[f"{kind}_means"][replicate]
    contexts = TABLES["contexts"][replicate] if kind == "linear" else [None] * len(rewards)
    arms = rewards.shape[1]
    choose, learn = player(arms, 1000 + replicate)
    chosen = []
    for number, (row, context) in enumerate(zip(rewards, contexts)):
        is_forced = number < arms and name != "exp3"
        arm = number if is_forced else choose(context)
        learn(arm, float(row[arm]), context)
        chosen.append(arm)
    return float((means.max(axis=1) - means[np.arange(len(chosen)), chosen]).sum())


TABLES = {name: table(name) for name in ("coins", "coins_means", "normal", "normal_means", "counts", "counts_means",
                                         "linear", "linear_means", "contexts")}


def main():
    if arguments.library == "textbook":
        emit_versions("numpy")
    else:
        emit_versions(arguments.library, "numpy")
    with ProcessPoolExecutor() as pool:
        for place, (name, _, _) in enumerate(PLAYERS[arguments.library]):
            start = time.perf_counter()
            size = max(arguments.replicates // 16, 1)
            found = list(pool.map(regret, [place] * arguments.replicates, range(arguments.replicates), chunksize=size))
            seconds = time.perf_counter() - start
            emit(name, seconds, statistics.fmean(found))
            emit(f"{name}/half", seconds, 1.96 * statistics.stdev(found) / math.sqrt(len(found)))


if __name__ == "__main__":
    main()
