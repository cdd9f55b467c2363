"""Bandits that decide who answers, by themselves: what they learn, of which version, and what replicas share."""

from __future__ import annotations

import json
import pickle
import random

import numpy as np
import pytest

import mlcore
from mlcore.bandit import LinTs, LinUcb, ThompsonGaussian, TrackAndStop, Ucb1
from mlcore.rollout import BanditRollout, ContextualRollout, RewardRule, bucket, from_state

ARMS = ["a", "b"]


def offers(**options):
    return BanditRollout("offers", ARMS, **{"reward": RewardRule.answered(), "min_prob": 0.05, **options})


def serve(policy, requests, rates=(0.5, 0.9), begin=0, seed=1):
    lot = random.Random(seed)
    for number in range(begin, begin + requests):
        assignment = policy.assign(f"user-{number}", ARMS, draw=lot.getrandbits(64))
        good = lot.random() < rates[ARMS.index(assignment.arm)]
        policy.observe(assignment, latency=0.01 if good else None, failed=not good)


def test_a_bandit_begins_even_and_learns_when_it_decides():
    policy = offers()
    assert policy.allocation == {"a": 0.5, "b": 0.5} and policy.outcomes == policy.ignored == 0
    # By unit: the first stretch is that of the first arm.
    for unit in ("user-1", "user-2", "user-3"):
        assert policy.assign(unit).arm == ("a" if bucket("offers", unit) < 0.5 else "b")
    serve(policy, 1000)
    assert policy.allocation == {"a": 0.5, "b": 0.5} and policy.outcomes == 1000
    policy.decide(1.0)
    told = policy.decide(3.0)
    assert told["decision"] == "hold" and told["reason"].startswith("1000 outcomes are known; b answers most often, 95.0 %")
    assert policy.allocation == pytest.approx({"a": 0.05, "b": 0.95})
    known = policy.statistics
    assert abs(known["a"]["mean"] - 0.5) < 0.1 and abs(known["b"]["mean"] - 0.9) < 0.05
    assert policy.probabilities("user-1") == policy.allocation
    assert policy.probabilities("user-1", ["b"]) == {"b": 1.0}
    assert repr(policy).startswith("<mlcore.rollout.BanditRollout offers: 1000 outcomes, {'a': 0.05")


def test_propensities_are_those_of_whole_columns():
    policy = offers(assign_by="draw", policy=Ucb1())
    serve(policy, 500)
    policy.decide(0.0), policy.decide(2.0)
    frame = policy.assign_many([f"user-{number}" for number in range(20_000)], seed=7, library="polars")
    shares = policy.allocation
    for arm in ARMS:
        own = frame.filter(frame["arm"] == arm)
        assert own["propensity"].unique().to_list() == [shares[arm]] and abs(own.height / 20_000 - shares[arm]) < 0.01
    assert frame.equals(policy.assign_many(frame["unit"], seed=7, library="polars"))
    assert not frame.equals(policy.assign_many(frame["unit"], seed=8, library="polars"))
    assert frame["epoch"].n_unique() == 1


def test_evidence_belongs_to_versions():
    policy = offers()
    assert policy.follow({"a": 1, "b": 1}) is None
    old = policy.assign("user-1", {"b": 1})
    policy.observe(old, latency=0.1)
    assert policy.outcomes == 1 and policy.statistics["b"]["count"] == 1.0
    assert "b" in policy.follow({"a": 1, "b": 2})
    assert policy.statistics["b"]["count"] == 0.0
    policy.observe(old, latency=0.1)
    assert (policy.outcomes, policy.ignored) == (1, 1)
    policy.observe(policy.assign("user-1", {"b": 2}), latency=0.1)
    assert policy.statistics["b"]["count"] == 1.0
    policy.observe("b", breach="leaks")
    assert policy.allocation == {"a": 1.0, "b": 0.0}
    for arms, words in (({"a": 0}, "version"), ({}, "0 arms"), ({"": 1}, "arm")):
        with pytest.raises(mlcore.InvalidInputError, match=words):
            policy.follow(arms)


def test_a_winner_is_promoted():
    policy = offers(policy=TrackAndStop(), promotes_winner=True)
    serve(policy, 2000)
    policy.decide(0.0)
    decision = policy.decide(2.0)
    assert (decision["decision"], decision["arm"]) == ("promote", "b") and "confidence of 95 %" in decision["reason"]


def test_replicas_share_what_each_of_them_saw():
    one, other, whole = offers(), offers(), offers()
    serve(one, 300)
    serve(other, 300, begin=300, seed=2)
    serve(whole, 300)
    serve(whole, 300, begin=300, seed=2)
    shared = json.loads(json.dumps(one.reconcile()))
    one.reconciled()
    shared = other.reconcile(shared)
    other.reconciled()
    one.reconcile(shared)
    assert one.statistics == other.statistics == whole.statistics and one.outcomes == 600
    # Exchanged again, nothing counts twice.
    one.reconcile(shared)
    assert one.outcomes == 600 and mlcore.rollout.Fixed("a").reconcile() is None
    merged = offers()
    merged.merge(one.save())
    assert merged.statistics == one.statistics
    with pytest.raises(mlcore.InvalidInputError, match="min_prob"):
        one.reconcile(offers(min_prob=0.1).save())


def test_states_go_on_where_they_were():
    policy = offers(half_life=3600.0, priors={"a": (10.0, 0.5, 0.25)}, min_samples=5, reward_range=(0.0, 1.0))
    serve(policy, 200)
    policy.decide(0.0), policy.decide(5.0)
    for again in (from_state(json.loads(json.dumps(policy.save()))), pickle.loads(pickle.dumps(policy))):
        assert type(again) is BanditRollout and again.allocation == policy.allocation and again.statistics == policy.statistics
        assert again.assign("user-5") == policy.assign("user-5")
    options = policy.save()["options"]
    assert (options["assign_by"], options["publish_interval"], options["promotes_winner"]) == ("unit", {"secs": 1, "nanos": 0}, False)


def test_a_context_decides_and_is_learnt_of():
    policy = ContextualRollout("offers", ARMS, LinUcb(alpha=0.5), 2, reward=RewardRule.answered(), min_prob=0.05)
    kinds, lot = np.eye(2), random.Random(3)
    for number in range(400):
        features = kinds[number % 2]
        assignment = policy.assign("user-17", draw=lot.getrandbits(64), features=features)
        good = assignment.arm == ARMS[number % 2]
        policy.observe(assignment, latency=0.01 if good else None, failed=not good, features=features)
        policy.decide(float(number))
    assert policy.outcomes == 400 and policy.ignored == policy.without_context == 0
    assert policy.probabilities("u", features=[1.0, 0.0]) == pytest.approx({"a": 0.95, "b": 0.05})
    told = policy.probabilities("u", features=[0.0, 1.0])
    assert told == pytest.approx({"a": 0.05, "b": 0.95})
    frame = policy.assign_many(["u"] * 10_000, features=np.tile(kinds, (5000, 1)), seed=1, library="polars")
    right = frame["arm"] == np.array(ARMS * 5000)
    assert abs(right.mean() - 0.95) < 0.01 and set(frame["propensity"].round(9).unique()) == {0.05, 0.95}
    # Without the features that it was made for the control answers, and nothing is learnt.
    for features in (None, [1.0], [float("nan"), 0.0]):
        lone = policy.assign("u", features=features)
        assert (lone.arm, lone.propensity) == ("a", 1.0)
    policy.observe(policy.assign("u"), latency=0.1)
    assert (policy.without_context, policy.ignored) == (4, 1)
    again = pickle.loads(pickle.dumps(policy))
    assert type(again) is ContextualRollout and again.probabilities("u", features=[0.0, 1.0]) == told
    with pytest.raises(mlcore.InvalidInputError, match="3 rows for 2 units"):
        policy.assign_many(["u", "v"], features=np.zeros((3, 2)))
    with pytest.raises(mlcore.InvalidTypeError, match="features"):
        policy.assign("u", features=["red"])


def test_rewards_follow_from_what_was_seen():
    scaled, negative = RewardRule.scaled_loss(0.0, 2.0), RewardRule.negative_loss(10.0)
    assert [scaled.reward(loss=loss) for loss in (-1.0, 0.5, 3.0, float("nan"))] == [1.0, 0.75, 0.0, 0.0]
    assert [negative.reward(loss=0.5), negative.reward(loss=99.0), negative.reward(failed=True)] == [-0.5, -10.0, -10.0]
    within = RewardRule.answered_within(0.1)
    assert [within.reward(latency=0.05), within.reward(latency=0.5), within.reward(loss=1.0)] == [1.0, 0.0, None]
    assert RewardRule.answered().reward(latency=9.0) == 1.0
    for rule in (scaled, negative, within, RewardRule.answered()):
        assert pickle.loads(pickle.dumps(rule)) == rule == eval(repr(rule), {"RewardRule": RewardRule})
    for given in ({}, {"latency": 0.1, "loss": 0.1}, {"latency": -1.0}):
        with pytest.raises(mlcore.InvalidInputError):
            scaled.reward(**given)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: offers(min_prob=1.5), "min_prob"),
        (lambda: offers(assign_by="luck"), "unit, draw"),
        (lambda: offers(publish_interval=-1.0), "publish_interval"),
        (lambda: offers(promotes_winner=True), "looks for no best arm"),
        (lambda: offers(half_life=1.0, window=1.0), "half-life and a window"),
        (lambda: offers(reward=RewardRule.negative_loss(1.0)), "minus the loss"),
        (lambda: offers(reward=RewardRule.scaled_loss(1.0, 0.0)), "best is 1"),
        (lambda: RewardRule.scaled_loss(float("nan"), 1.0), "best is NaN"),
        (lambda: RewardRule.negative_loss(float("inf")), "worst loss: it is inf"),
        (lambda: RewardRule.answered_within(-1.0), "budget"),
        (lambda: BanditRollout("no spaces please", ARMS, reward=RewardRule.answered()), "name"),
        (lambda: BanditRollout("offers", ["a"], reward=RewardRule.answered()), "there are 1"),
        (lambda: BanditRollout("offers", ["a", "a"], reward=RewardRule.answered()), "occurs twice"),
        (lambda: BanditRollout("offers", ARMS, LinUcb(), reward=RewardRule.answered()), "policy"),
        (lambda: ContextualRollout("offers", ARMS, Ucb1(), 2, reward=RewardRule.answered()), "policy"),
        (lambda: ContextualRollout("offers", ARMS, LinTs(), 0, reward=RewardRule.answered()), "features"),
    ],
)
def test_what_means_nothing_is_refused(make, words):
    with pytest.raises(mlcore.InvalidInputError, match=words):
        make()


def test_a_gaussian_bandit_takes_negative_losses():
    policy = BanditRollout("offers", ARMS, ThompsonGaussian(), reward=RewardRule.negative_loss(5.0), min_prob=0.01)
    for number in range(300):
        assignment = policy.assign(f"user-{number}")
        policy.observe(assignment, loss=1.0 + number % 3 if assignment.arm == "a" else 0.5 + number % 2)
    policy.decide(0.0), policy.decide(2.0)
    assert abs(policy.allocation["b"] - 0.99) < 1e-9 and policy.statistics["a"]["mean"] < -1.5
    with pytest.raises(mlcore.InvalidTypeError, match="a policy is expected"):
        BanditRollout("offers", ARMS, "ucb1", reward=RewardRule.answered())
