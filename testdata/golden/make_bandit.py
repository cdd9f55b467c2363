"""Makes testdata/golden/bandit.json: what mabwiser and river decide, and what follows from scipy's distributions.

    pip install mabwiser==2.7.4 river==0.26.1 scipy==1.17.1 numpy==2.4.6
    python testdata/golden/make_bandit.py [section ...]

Each section is made anew and the others are kept.
"""

import json
import math
import sys
from pathlib import Path

import numpy as np
from mabwiser.mab import MAB, LearningPolicy
from river import bandit
from scipy import optimize, stats

OUT = Path(__file__).parent / "bandit.json"
SECTIONS = {}


def section(function):
    SECTIONS[function.__name__] = function
    return function


def histories(seed, binary=False, cases=12):
    """Decisions and rewards of two to eight arms, each of which answered at least once."""
    rng = np.random.default_rng(seed)
    for case in range(cases):
        arms = 2 + case % 7
        size = arms + int(rng.integers(0, 60))
        decisions = np.concatenate([np.arange(arms), rng.integers(0, arms, size - arms)])
        means = rng.random(arms)
        rewards = (rng.random(size) < means[decisions]).astype(float) if binary else rng.normal(means[decisions], 1.0)
        yield rng, arms, decisions.tolist(), rewards.tolist()


def expectations(policy, arms, decisions, rewards):
    mab = MAB(list(range(arms)), policy, seed=1)
    mab.fit(decisions, rewards)
    return mab, [float(mab._imp.arm_to_expectation[arm]) for arm in range(arms)]


@section
def ucb1():
    for rng, arms, decisions, rewards in histories(1):
        alpha = float(rng.choice([0.0, 0.5, 1.0, 1.25, 3.0]))
        mab, scores = expectations(LearningPolicy.UCB1(alpha=alpha), arms, decisions, rewards)
        yield {"alpha": alpha, "arms": arms, "decisions": decisions, "rewards": rewards, "scores": scores, "best": mab.predict()}


@section
def epsilon_greedy():
    for rng, arms, decisions, rewards in histories(2):
        mab, scores = expectations(LearningPolicy.EpsilonGreedy(epsilon=0.0), arms, decisions, rewards)
        epsilon, decay = float(rng.choice([0.05, 0.3, 0.9])), float(rng.choice([0.0, 0.01, 0.1]))
        river = bandit.EpsilonGreedy(epsilon=epsilon, decay=decay)
        for decision, reward in zip(decisions, rewards):
            river.update(decision, reward)
        yield {
            "epsilon": epsilon, "decay": decay, "arms": arms, "decisions": decisions, "rewards": rewards,
            "scores": scores, "best": mab.predict(), "current_epsilon": river.current_epsilon,
        }


@section
def softmax():
    for rng, arms, decisions, rewards in histories(3):
        tau = float(rng.choice([0.1, 0.5, 1.0, 5.0]))
        _, shares = expectations(LearningPolicy.Softmax(tau=tau), arms, decisions, rewards)
        yield {"tau": tau, "arms": arms, "decisions": decisions, "rewards": rewards, "probabilities": shares}


@section
def exp3():
    for rng, arms, decisions, rewards in histories(4, binary=True):
        gamma = float(rng.choice([0.05, 0.2, 0.5, 1.0]))
        policy, names = bandit.Exp3(gamma=gamma, seed=1), list(range(arms))
        propensities = []
        for decision, reward in zip(decisions, rewards):
            policy.pull(names)
            propensities.append(policy._probabilities[decision])
            policy.update(decision, reward)
        policy.pull(names)
        yield {
            "gamma": gamma, "arms": arms, "decisions": decisions, "rewards": rewards, "propensities": propensities,
            "probabilities": [policy._probabilities[arm] for arm in names],
        }


@section
def kl_ucb():
    """Nobody's code but the definition: the root of n kl(mean, q) - ln(N) - c ln(ln(N)), by Brent's method."""
    for rng, arms, decisions, rewards in histories(5, binary=True):
        c = float(rng.choice([0.0, 3.0]))
        total, scores = len(decisions), []
        reach = math.log(total) + c * math.log(max(math.log(total), 1.0))
        for arm in range(arms):
            own = [reward for decision, reward in zip(decisions, rewards) if decision == arm]
            mean = sum(own) / len(own)

            def gap(q):
                terms = [p * math.log(p / r) for p, r in ((mean, q), (1 - mean, 1 - q)) if p > 0]
                return len(own) * sum(terms) - reach

            scores.append(1.0 if mean == 1.0 else optimize.brentq(gap, mean, 1 - 1e-16, xtol=1e-15, rtol=1e-14, maxiter=500))
        yield {"c": c, "arms": arms, "decisions": decisions, "rewards": rewards, "scores": scores}


def best(distributions):
    """The probability of each distribution to have the greatest value: the integral of the definition, by Gauss and Legendre's rule
    with 40 nodes between quantiles that lie close, with scipy's densities and distribution functions."""
    levels = np.concatenate([10.0 ** np.arange(-16, -1), [0.05, 0.1, 0.2, 0.3, 0.4, 0.5]])
    cuts = np.unique(np.concatenate([np.append(d.ppf(levels), d.isf(levels)) for d in distributions]))
    x, weights = np.polynomial.legendre.leggauss(40)
    half = np.diff(cuts)[:, None] / 2
    nodes = cuts[:-1, None] + half * (1 + x)
    functions = [d.cdf(nodes) for d in distributions]
    found = []
    for i, d in enumerate(distributions):
        others = np.prod([function for j, function in enumerate(functions) if j != i], axis=0)
        found.append(math.fsum((half * weights * d.pdf(nodes) * others).ravel()))
    assert abs(sum(found) - 1) < 1e-10, sum(found) - 1
    return found


@section
def thompson_beta():
    cases = [[(1, 1), (1, 1)], [(2, 1), (1, 2), (1, 1)], [(81, 219), (90, 210), (70, 230)], [(1, 1000), (3, 1000)],
             [(5e4, 5e4), (5.02e4, 5e4)], [(1, 1), (500, 500)], [(12, 1), (30, 2), (2, 2), (1, 5)], [(3, 40)] * 5,
             [(10, 90), (20, 180), (40, 360), (1, 9), (2, 18), (1, 1)], [(5000, 120000), (5100, 120000), (40, 900)],
             [(1.5, 2.25), (1.25, 1), (3.75, 4)], [(100, 1), (1000, 5), (10, 1)]]
    for shapes in cases:
        yield {"shapes": [list(map(float, shape)) for shape in shapes], "probabilities": best([stats.beta(a, b) for a, b in shapes])}


@section
def thompson_gamma_poisson():
    cases = [[(1, 1), (1, 1)], [(5, 3), (1, 1)], [(200, 100), (30, 20), (2, 1)], [(1, 500), (3, 400)], [(5e4, 1e4), (5.05e4, 1e4)],
             [(11, 4), (9, 3), (30, 11), (1, 2)], [(7, 7)] * 6, [(1.5, 1), (3.25, 2)], [(1000, 10), (980, 10), (50, 1)],
             [(2, 100), (3, 120), (1, 90), (1, 1)], [(40, 1), (400, 10), (4000, 100)], [(1, 3), (60, 100)]]
    for shapes in cases:
        yield {
            "shapes": [list(map(float, shape)) for shape in shapes],
            "probabilities": best([stats.gamma(shape, scale=1 / rate) for shape, rate in shapes]),
        }


@section
def thompson_gaussian():
    """Conjugate updates as Murphy (2007) writes them, one reward after another, then Student's t or the normal distribution."""
    rng = np.random.default_rng(9)
    for case in range(12):
        arms, known = 2 + case % 4, case % 3 == 0
        prior = {"mu": float(rng.choice([0.0, 2.0])), "kappa": float(rng.choice([0.1, 1.0])), "alpha": 1.0 + case % 2, "beta": float(rng.choice([0.5, 3.0]))}
        sigma = 1.5 if known else None
        rewards, distributions = [], []
        for _ in range(arms):
            own = rng.normal(rng.normal(1, 0.3), 1.5, int(rng.integers(0, 40))).tolist()
            mu, kappa, alpha, beta = prior.values()
            for reward in own:
                beta += kappa * (reward - mu) ** 2 / (2 * (kappa + 1))
                mu, kappa, alpha = (kappa * mu + reward) / (kappa + 1), kappa + 1, alpha + 0.5
            rewards.append(own)
            scale = sigma / math.sqrt(kappa) if known else math.sqrt(beta / (alpha * kappa))
            distributions.append(stats.norm(mu, scale) if known else stats.t(2 * alpha, mu, scale))
        yield {**prior, "sigma": sigma, "rewards": rewards, "probabilities": best(distributions)}


@section
def track_and_stop():
    """The proportions that maximise the least evidence, found by a general optimiser, and TensorZero's rule for stopping."""
    rng = np.random.default_rng(10)
    for case in range(14):
        arms = 2 + case % 5
        means = rng.normal(0, 1, arms)
        variances = rng.uniform(0.2, 3.0, arms)
        counts = rng.integers(20, 400, arms)
        epsilon = float(rng.choice([0.0, 0.1]))
        leader = int(np.argmax(means))
        others = [arm for arm in range(arms) if arm != leader]

        def evidence(shares):
            return min((means[leader] - means[i] + epsilon) ** 2 / (2 * (variances[leader] / shares[leader] + variances[i] / shares[i])) for i in others)

        # Maximise t subject to evidence_i >= t on the simplex.
        start = np.append(np.full(arms, 1 / arms), evidence(np.full(arms, 1 / arms)))
        constraints = [{"type": "eq", "fun": lambda x: x[:-1].sum() - 1}]
        for i in others:
            constraints.append({"type": "ineq", "fun": lambda x, i=i: (means[leader] - means[i] + epsilon) ** 2 / (2 * (variances[leader] / x[leader] + variances[i] / x[i])) - x[-1]})
        found = optimize.minimize(lambda x: -x[-1], start, bounds=[(1e-9, 1)] * arms + [(0, None)], constraints=constraints, method="SLSQP", options={"maxiter": 2000, "ftol": 1e-16})
        statistic = min((means[leader] - means[i] + epsilon) ** 2 / (2 * (variances[leader] / counts[leader] + variances[i] / counts[i])) for i in others)
        delta = 0.05
        stops = statistic > math.log((1 + math.log(counts.sum())) / delta)
        yield {
            "means": means.tolist(), "variances": variances.tolist(), "counts": counts.tolist(), "epsilon": epsilon, "delta": delta,
            "evidence": evidence(found.x[:-1]), "probabilities": found.x[:-1].tolist(), "winner": leader if stops else None,
        }


@section
def lin_ucb():
    rng = np.random.default_rng(11)
    for case in range(12):
        arms, features, size = 2 + case % 4, 1 + case % 6, int(rng.integers(5, 80))
        decisions = np.concatenate([np.arange(arms), rng.integers(0, arms, size)])
        contexts = rng.normal(0, 1, (arms + size, features))
        rewards = rng.normal(contexts @ rng.normal(0, 1, features), 0.5)
        alpha, l2_lambda = float(rng.choice([0.0, 0.5, 1.25])), float(rng.choice([0.5, 1.0, 10.0]))
        asked = rng.normal(0, 1, (4, features))

        def mabwiser(policy):
            mab = MAB(list(range(arms)), policy, seed=1)
            mab.fit(decisions, rewards, contexts)
            return mab

        ucb = mabwiser(LearningPolicy.LinUCB(alpha=alpha, l2_lambda=l2_lambda))
        greedy = mabwiser(LearningPolicy.LinGreedy(epsilon=0.0, l2_lambda=l2_lambda))
        # Thompson: the probability that an arm's x beta is the greatest, of independent normal ones with mabwiser's moments.
        deviation = 0.7
        thompson = []
        for x in asked:
            models = [ucb._imp.arm_to_model[arm] for arm in range(arms)]
            thompson.append(best([stats.norm(float(x @ m.beta), deviation * math.sqrt(float(x @ m.A_inv @ x))) for m in models]))
        yield {
            "alpha": alpha, "l2_lambda": l2_lambda, "arms": arms, "decisions": decisions.tolist(), "contexts": contexts.tolist(),
            "rewards": rewards.tolist(), "asked": asked.tolist(),
            "scores": [[row[arm] for arm in range(arms)] for row in ucb.predict_expectations(asked)],
            "means": [[row[arm] for arm in range(arms)] for row in greedy.predict_expectations(asked)],
            "best": ucb.predict(asked), "thompson_alpha": deviation, "thompson": thompson,
        }


@section
def off_policy():
    """The estimators as they are defined, and as obp names them (`ipw`, `snipw`, `dm`, `dr`, `switch-dr`), over a numpy log."""
    rng = np.random.default_rng(12)
    for case in range(12):
        rows, arms = int(rng.integers(30, 90)), 2 + case % 4
        logged = rng.dirichlet(np.ones(arms), rows) * 0.9 + 0.1 / arms
        target = rng.dirichlet(np.ones(arms) * 0.5, rows)
        means = rng.random((rows, arms))
        action = np.array([rng.choice(arms, p=row / row.sum()) for row in logged])
        reward = (rng.random(rows) < means[np.arange(rows), action]).astype(float)
        model = np.clip(means + rng.normal(0, 0.2, means.shape), 0, 1)
        clip = None if case % 3 else 2.5
        tau = float(rng.choice([1.0, 2.0, 5.0]))
        alpha = 0.05
        index = np.arange(rows)
        propensity = logged[index, action]
        weight = target[index, action] / propensity
        if clip is not None:
            weight = np.minimum(weight, clip)
        direct = (target * model).sum(axis=1)
        residual = reward - model[index, action]
        terms = {
            "ips": weight * reward,
            "dm": direct,
            "dr": direct + weight * residual,
            "switch_dr": direct + weight * (weight <= tau) * residual,
        }
        z = stats.norm.ppf(1 - alpha / 2)
        estimates = {}

        def gain(name, values):
            """What the policy in question earns more than the one that ran, of the same rows."""
            more, error = estimates[name]["value"] - reward.mean(), values.std(ddof=1) / math.sqrt(rows)
            estimates[name] |= {"gain": more, "gain_low": more - z * error, "gain_high": more + z * error}

        for name, term in terms.items():
            value, error = term.mean(), term.std(ddof=1) / math.sqrt(rows)
            estimates[name] = {"value": value, "standard_error": error, "low": value - z * error, "high": value + z * error}
            gain(name, term - reward)
        value = (weight * reward).sum() / weight.sum()
        # The delta method for a ratio of means.
        influence = weight * (reward - value) / weight.mean()
        error = math.sqrt((influence**2).sum() / (rows * (rows - 1)))
        estimates["snips"] = {"value": value, "standard_error": error, "low": value - z * error, "high": value + z * error}
        gain("snips", influence - (reward - reward.mean()))
        # Maurer and Pontil (2009), theorem 4, both sides: a term lies between 0 and the largest weight.
        most = clip if clip is not None else 1.0 / propensity.min()
        ips = terms["ips"]
        log = math.log(4 / alpha)
        width = math.sqrt(2 * ips.var(ddof=1) * log / rows) + 7 * most * log / (3 * (rows - 1))
        yield {
            "arms": arms, "action": action.tolist(), "reward": reward.tolist(), "propensity": propensity.tolist(),
            "target": target.tolist(), "model": model.tolist(), "clip": clip, "tau": tau, "alpha": alpha,
            "estimates": estimates, "logged_value": reward.mean(), "ips_bernstein": [ips.mean() - width, ips.mean() + width], "largest_weight": most,
            "effective_sample_size": weight.sum() ** 2 / (weight**2).sum(),
        }


if __name__ == "__main__":
    made = json.loads(OUT.read_text()) if OUT.exists() else {}
    for name in sys.argv[1:] or SECTIONS:
        made[name] = list(SECTIONS[name]())
        lines = [f"{json.dumps(key)}: [\n" + ",\n".join(map(json.dumps, made[key])) + "\n]" for key in sorted(made)]
        OUT.write_text("{\n" + ",\n".join(lines) + "\n}\n")
        print(name, len(made[name]))
