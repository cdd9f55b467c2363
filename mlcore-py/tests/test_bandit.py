"""Bandits give the golden numbers that Rust is held to, merge, survive being stored, and refuse what they cannot learn from."""

from __future__ import annotations

import copy
import json
import pickle
import random
import threading

import numpy as np
import polars as pl
import pytest
from conftest import ROOT

from mlcore import bandit as b
from mlcore.exceptions import AlreadyExistsError, CorruptError, InvalidInputError, InvalidTypeError, NotFoundError, UnsupportedError


def cases(name):
    found = json.loads((ROOT / "testdata" / "golden" / "bandit.json").read_text(encoding="utf-8"))[name]
    assert len(found) >= 12
    return found


def names(count):
    return [f"arm-{place:02}" for place in range(count)]


def learnt(policy, case, **options):
    arms = names(case["arms"])
    bandit = b.Bandit(arms, policy, **options)
    bandit.update_many([arms[decision] for decision in case["decisions"]], case["rewards"], propensities=case.get("propensities"))
    bandit.refresh()
    return bandit


def test_scores_and_probabilities_are_those_of_mabwiser_and_river():
    for case in cases("ucb1"):
        found = learnt(b.Ucb1(case["alpha"]), case)
        assert list(found.scores.values()) == pytest.approx(case["scores"], rel=1e-9)
        assert list(found.allocation.values())[case["best"]] == 1.0
    for case in cases("epsilon_greedy"):
        found = learnt(b.EpsilonGreedy(case["epsilon"], case["decay"]), case)
        assert list(found.scores.values()) == pytest.approx(case["scores"], rel=1e-9)
        least = case["current_epsilon"] / case["arms"]
        expected = [least + (1 - case["current_epsilon"]) * (place == case["best"]) for place in range(case["arms"])]
        assert list(found.allocation.values()) == pytest.approx(expected, abs=1e-12)
    for case in cases("softmax"):
        assert list(learnt(b.Softmax(case["tau"]), case).allocation.values()) == pytest.approx(case["probabilities"], abs=1e-12)
    for case in cases("exp3"):
        assert list(learnt(b.Exp3(case["gamma"]), case).allocation.values()) == pytest.approx(case["probabilities"], abs=1e-10)
    for case in cases("kl_ucb"):
        assert list(learnt(b.KlUcb(case["c"]), case).scores.values()) == pytest.approx(case["scores"], abs=1e-10)


def test_thompsons_probabilities_are_scipys_integrals():
    for case in cases("thompson_beta"):
        arms = names(len(case["shapes"]))
        priors = {arm: (x + y - 1.0, (x - 0.5) / max(x + y - 1.0, 1e-300), 0.0) for arm, (x, y) in zip(arms, case["shapes"])}
        found = b.Bandit(arms, b.ThompsonBeta(0.5, 0.5), priors=priors)
        assert list(found.allocation.values()) == pytest.approx(case["probabilities"], abs=1e-9)
    for case in cases("thompson_gaussian"):
        arms = names(len(case["rewards"]))
        found = b.Bandit(arms, b.ThompsonGaussian(*(case[name] for name in ("mu", "kappa", "alpha", "beta", "sigma"))))
        for arm, rewards in zip(arms, case["rewards"]):
            found.update_many([arm] * len(rewards), rewards)
        found.refresh()
        assert list(found.allocation.values()) == pytest.approx(case["probabilities"], abs=1e-9)


def test_linear_expectations_are_mabwisers():
    for case in cases("lin_ucb"):
        arms, contexts = names(case["arms"]), np.array(case["contexts"])
        policies = {"scores": b.LinUcb(case["alpha"]), "means": b.LinGreedy(0.2), "thompson": b.LinTs(case["thompson_alpha"])}
        for key, policy in policies.items():
            bandit = b.LinearBandit(arms, policy, contexts.shape[1], l2_lambda=case["l2_lambda"])
            bandit.update_many([arms[decision] for decision in case["decisions"]], contexts, case["rewards"])
            bandit.refresh()
            for context, expected in zip(case["asked"], case[key]):
                found = bandit.probabilities(context) if key == "thompson" else bandit.scores(context)
                assert list(found.values()) == pytest.approx(expected, abs=1e-8)
            arm, propensity = bandit.draw(case["asked"][0], 5)
            assert bandit.probabilities(case["asked"][0])[arm] == propensity
            again = pickle.loads(pickle.dumps(bandit))
            assert again == bandit and again.outcomes == len(case["decisions"]) and b.from_state(json.loads(json.dumps(bandit.save()))) == bandit


POLICIES = [
    b.EpsilonGreedy(),
    b.Ucb1(),
    b.KlUcb(),
    b.Softmax(),
    b.Exp3(0.1),
    b.ThompsonBeta(),
    b.ThompsonGaussian(),
    b.ThompsonGaussian(sigma=1.0),
    b.ThompsonGammaPoisson(),
    b.TrackAndStop(),
    b.TrackAndStop(stopping="glr"),
]


@pytest.mark.parametrize("policy", POLICIES, ids=repr)
@pytest.mark.parametrize("memory", [{}, {"half_life": 100.0}, {"window": 200.0, "buckets": 4}], ids=str)
def test_replicas_are_one_bandit_that_saw_all(policy, memory):
    lot, arms = random.Random(4), ["a", "b", "c"]
    rows = [(lot.choice(arms), float(lot.random() < 0.4), lot.uniform(0.1, 1.0), float(time)) for time in range(300)]
    made = [b.Bandit(arms, policy, min_prob=0.05, **memory) for _ in range(3)]
    for place, (arm, reward, propensity, time) in enumerate(rows):
        made[2].update(arm, reward, propensity=propensity, time=time)
        made[place % 2].update(arm, reward, propensity=propensity, time=time)
    merged = copy.deepcopy(made[0])
    merged.merge(made[1])
    made[2].refresh()
    assert merged.statistics == made[2].statistics and merged != made[0] and merged.outcomes == 300
    if not isinstance(policy, b.TrackAndStop):
        # A replica that is sure of a winner stays so, which one that saw all outcomes need not be.
        assert merged == made[2]
    other_way = b.from_state(made[1].save())
    other_way.merge(json.loads(json.dumps(made[0].save())))
    assert other_way.allocation == merged.allocation and other_way.statistics == merged.statistics
    assert sum(merged.allocation.values()) == pytest.approx(1.0) and min(merged.allocation.values()) >= 0.05 - 1e-12
    assert pickle.loads(pickle.dumps(policy)) == policy and pickle.loads(pickle.dumps(merged)) == merged


def test_draws_follow_the_allocation():
    bandit = b.Bandit(["a", "b"], b.Softmax(), refresh=0.0)
    bandit.update("a", 1.0)
    arms, propensities = bandit.draw_many(20000, 3)
    assert propensities.dtype == np.float64 and set(arms) == {"a", "b"}
    share = arms.count("a") / 20000
    assert share == pytest.approx(bandit.allocation["a"], abs=4 * (0.25 / 20000) ** 0.5)
    assert all(propensity == bandit.allocation[arm] for arm, propensity in zip(arms, propensities))
    assert bandit.draw_many(20000, 3)[0] == arms and bandit.draw(7) == bandit.draw(7)
    with pytest.raises(OverflowError):
        bandit.draw(2**64)


def test_many_outcomes_are_those_one_by_one_and_all_or_none():
    one, many = (b.Bandit(["a", "b"], b.ThompsonBeta()) for _ in range(2))
    arms, rewards = ["a", "b", "a", "b"] * 50, [1.0, 0.0, 0.0, 0.0] * 50
    for arm, reward in zip(arms, rewards):
        one.update(arm, reward)
    many.update_many(pl.Series(arms), np.array(rewards))
    assert one == many and many.statistics["a"] == {"count": 100.0, "mean": 0.5, "variance": pytest.approx(25 / 99)}
    for call in (
        lambda: many.update_many(["a", "z"], [1.0, 1.0]),
        lambda: many.update_many(["a", "b"], [1.0, 2.0]),
        lambda: many.update_many(["a", "b"], [1.0]),
        lambda: many.update_many(["a", None], [1.0, 1.0]),
        lambda: many.update_many(["a", "b"], [1.0, 1.0], propensities=[1.0, 0.0]),
        lambda: many.update_many(["a", "b"], [1.0, 1.0], times=[1.0, -1.0]),
    ):
        with pytest.raises((InvalidInputError, NotFoundError)):
            call()
        assert one == many


def test_arms_come_and_go():
    bandit = b.Bandit(["a", "b"], min_samples=5)
    bandit.update_many(["a"] * 20 + ["b"] * 20, [1.0] * 20 + [0.0] * 20)
    bandit.add_arm("c")
    assert bandit.allocation["c"] == pytest.approx(1 / 3)
    bandit.remove_arm("c")
    bandit.forget_arm("a")
    assert bandit.statistics["a"]["count"] == 0 and list(bandit.allocation) == ["a", "b"]
    with pytest.raises(AlreadyExistsError):
        bandit.add_arm("a")
    with pytest.raises(NotFoundError):
        bandit.remove_arm("z")
    bandit.advance(1e9)
    assert "40 outcomes" in repr(bandit)


@pytest.mark.parametrize(
    ("call", "problem"),
    [
        (lambda: b.Bandit([]), "there are none"),
        (lambda: b.Bandit(["a", "a"]), "occurs twice"),
        (lambda: b.Bandit([""]), "arm"),
        (lambda: b.Bandit(["a"], b.EpsilonGreedy(2.0)), "epsilon"),
        (lambda: b.Bandit(["a"], b.Exp3("much")), "invalid type"),
        (lambda: b.Bandit(["a"], b.LinUcb()), "lin_ucb"),
        (lambda: b.Bandit(["a"], b.TrackAndStop(stopping="never")), "never"),
        (lambda: b.Bandit(["a"], half_life=1.0, window=1.0), "a half-life and a window"),
        (lambda: b.Bandit(["a"], half_life=-1.0), "half_life"),
        (lambda: b.Bandit(["a"], min_prob=2.0), "min_prob"),
        (lambda: b.Bandit(["a"], reward_range=(1.0, 0.0)), "reward_range"),
        (lambda: b.Bandit(["a"], priors={"a": (-1.0, 0.0, 0.0)}), "prior of arm a"),
        (lambda: b.Bandit(["a"]).update("a", 2.0), "reward of arm a"),
        (lambda: b.Bandit(["a"]).update("a", float("nan")), "reward of arm a"),
        (lambda: b.Bandit(["a"]).update("a", 1.0, propensity=0.0), "propensity"),
        (lambda: b.Bandit(["a"]).merge(b.Bandit(["a"], min_prob=0.1)), "other options"),
        (lambda: b.LinearBandit(["a"], b.LinUcb(), 0), "features"),
        (lambda: b.LinearBandit(["a"], b.LinUcb(), 2).draw([1.0], 0), "context"),
        (lambda: b.LinearBandit(["a"], b.LinUcb(), 1).update_many(["a"], [[1.0], [2.0]], [1.0]), "2 contexts for 1"),
    ],
)
def test_what_cannot_be_meant_is_refused(call, problem):
    with pytest.raises(InvalidInputError, match=problem):
        call()


def test_states_that_no_bandit_saved_are_refused():
    bandit = b.Bandit(["a", "b"])
    bandit.update("a", 1.0)
    state = bandit.save()
    for change in ({"arms": []}, {"outcomes": -1}, {"options": None}, {"known": 1e300}):
        with pytest.raises(CorruptError):
            b.from_state({**state, **change})
    with pytest.raises(UnsupportedError):
        b.from_state({**state, "version": 99})
    with pytest.raises(InvalidTypeError):
        b.from_state("bandit")
    with pytest.raises(InvalidTypeError):
        b.Bandit(["a"], "ucb")
    with pytest.raises(CorruptError):
        bandit.merge(b.LinearBandit(["a"], b.LinUcb(), 1).save())
    assert bandit.save() == state


def test_threads_share_a_bandit():
    bandit = b.Bandit(["a", "b"])

    def work(seed):
        lot = random.Random(seed)
        for _ in range(200):
            arm, propensity = bandit.draw(lot.getrandbits(64))
            bandit.update(arm, float(lot.random() < 0.5), propensity=propensity)
        bandit.update_many(["a", "b"] * 100, [0.0, 1.0] * 100)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert bandit.outcomes == 6 * 400
