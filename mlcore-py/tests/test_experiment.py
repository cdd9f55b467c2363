"""Power, effects, sequences and bounds of `mlcore.experiment` give the numbers of the golden files that Rust is held to."""

from __future__ import annotations

import json
import math
import pickle

import numpy as np
import pytest
from conftest import ROOT

from mlcore import experiment as e
from mlcore.exceptions import CorruptError, InvalidInputError, InvalidTypeError


def cases(name):
    found = json.loads((ROOT / "testdata" / "golden" / "experiment" / f"{name}.json").read_text(encoding="utf-8"))["cases"]
    assert len(found) >= 10
    return found


def close(value, expected):
    return value == pytest.approx(float(expected), rel=1e-9, abs=1e-12)


def arms(case):
    """The estimates of a case; None for a kind whose inputs are summaries that only Rust takes."""
    a, b = case["a"], case["b"]
    kind = case.get("kind", "mean")
    if kind == "mean":
        return e.Estimate.of_mean(a), e.Estimate.of_mean(b)
    if kind == "proportion":
        return e.Estimate.of_proportion(*a), e.Estimate.of_proportion(*b)
    if kind == "ratio":
        return e.Estimate.of_ratio(*a), e.Estimate.of_ratio(*b)
    return e.cuped(*a, *b) if kind == "cuped" else None


def checked(name):
    count = 0
    for case in cases(name):
        both = arms(case)
        if both is not None:
            count += 1
            yield case, both
    assert count >= 10


def test_effects_are_those_of_gbstats():
    for case, both in checked("effects"):
        effect = e.compare(*both, **{name: case[name] for name in ("difference", "alpha", "value", "alternative")})
        for found, expected in zip((effect.estimate, effect.standard_error, effect.low, effect.high, effect.pvalue, effect.df),
                                   (case["estimate"], case["standard_error"], *case["ci"], case["pvalue"], case["df"])):
            assert close(found, expected), case


def test_sequential_effects_are_those_of_gbstats():
    for case, both in checked("sequential_effects"):
        options = {name: case[name] for name in ("difference", "alpha", "value")}
        effect = e.compare(*both, inference="sequential", tuning_parameter=case["tuning"], **options)
        assert close(effect.low, case["ci"][0]) and close(effect.high, case["ci"][1]) and close(effect.pvalue, case["pvalue"])


def test_margins_are_those_of_spotify_confidence():
    for case in cases("non_inferiority"):
        margin = {"margin": case["margin"][0], "preferred_direction": case["margin"][1]} if case["margin"] else {}
        effect = e.compare(*arms(case), difference="absolute", inference=case["inference"], **margin)
        assert close(effect.low, case["ci"][0]) and close(effect.high, case["ci"][1]) and close(effect.pvalue, case["pvalue"])


def test_posteriors_are_those_of_gbstats():
    for case, both in checked("bayesian_effects"):
        found = e.bayesian_compare(
            *both,
            difference=case["difference"],
            prior=tuple(case["prior"]) if case["proper"] else None,
            prior_type=case["prior_type"],
            preferred_direction="decrease" if case["inverse"] else "increase",
        )
        assert close(found.chance_to_win, case["chance_to_win"]) and close(found.estimate, case["estimate"])
        assert all(close(risk, expected) for risk, expected in zip(found.risk, case["risk"]))
    for case in cases("beta_binomial"):
        posterior = e.BetaBinomial(tuple(case["successes"]), tuple(case["counts"]), tuple(case["prior"]))
        assert close(posterior.chance_to_win, case["chance_to_win"])
        assert all(close(loss, expected) for loss, expected in zip(posterior.expected_loss, case["expected_loss"]))


def test_power_is_that_of_statsmodels():
    for case in cases("power"):
        solve = {"normal": e.zt_ind_solve_power, "t": e.tt_ind_solve_power}[case["distribution"]]
        options = {"ratio": case["ratio"], "alternative": case["alternative"]}
        assert close(solve(effect_size=case["effect"], nobs1=40.0, **options), case["power"])
        assert close(solve(effect_size=case["effect"], power=case["target"], **options), case["nobs1"])
        assert close(solve(nobs1=50.5, power=case["target"], **options), case["effect_size"])
    for case in cases("proportions_power"):
        alpha = case.get("alpha", 0.05)
        options = {"alternative": case["alternative"], "ratio": case["ratio"], "alpha": alpha}
        power = e.power_proportions_2indep(case["diff"], case["prop2"], case.get("nobs", 900.0), **options)
        assert close(power, case["power"])
        assert close(e.proportion_effectsize(case["prop2"] + case["diff"], case["prop2"]), case["effect_size"])
        found = e.samplesize_proportions_2indep_onetail(case["diff"], case["prop2"], 0.8, **options)
        assert close(found, case["nobs1"]), case
    for case in cases("required_sizes"):
        control = e.Estimate(1000, case["mean"], case["variance"])
        found = e.required_sample_size(
            control, case["effect"], binary=case["binary"], proportion_of_total=case["share"], alpha=case["alpha"], ratio=1 / case["kappa"]
        )
        assert found == case["total"]
    assert e.tt_ind_solve_power(0.5, power=0.8, alternative="larger") == e.tt_ind_solve_power(0.5, power=0.8, alternative="greater")


def test_sequences_are_those_of_confseq():
    for name, kind in (("empirical_bernstein", e.EmpiricalBernstein), ("betting", e.BettingSequence)):
        for case in cases(name):
            sequence, before = kind(case["alpha"]), 0
            for look, low, high in zip(case["looks"], case["low"], case["high"]):
                sequence.update(np.array(case["x"][before:look]))
                before = look
                assert close(sequence.interval[0], low) and close(sequence.interval[1], high)
            again = pickle.loads(pickle.dumps(sequence))
            assert again.interval == sequence.interval and again.count == sequence.count == before
            with pytest.raises(InvalidInputError, match="is not between 0 and 1"):
                again.update([0.5, 2.0])
            assert again.count == before


def test_bounds_are_those_of_ldbounds():
    for case in cases("group_sequential"):
        function = {"o_brien_fleming": "obrien_fleming", "hwang_shih_de_cani": "hwang_shih_decani"}.get(case["function"], case["function"])
        sides = {1: "one", 2: "two"}[case["sides"]]
        options = {"alpha": case["alpha"], "sides": sides, "spending": function, "parameter": case["parameter"]}
        found = e.group_sequential_bounds(case["information"], **options)
        assert found["z"] == pytest.approx([float(z) for z in case["z"]], rel=1e-8), case
        assert len(found["spent"]) == len(found["nominal_alpha"]) == len(case["z"])


def test_sample_ratios():
    for case in cases("srm"):
        assert close(e.srm_test(case["counts"], case["weights"]), case["pvalue"])
    for case in cases("sequential_srm"):
        test = e.SequentialSrm(case["weights"], case["concentration"])
        for counts, pvalue, factor in zip(case["data"], case["pvalues"], case["log_bayes_factors"]):
            test.update(counts)
            assert close(test.pvalue, pvalue) and test.log_bayes_factor == pytest.approx(factor, rel=1e-9, abs=1e-9)
        again = pickle.loads(pickle.dumps(test))
        assert (again.counts, again.pvalue) == (test.counts, test.pvalue)
        again.merge(test)
        assert again.counts == [2 * count for count in test.counts]
        again.merge(again)
        assert again.counts == [4 * count for count in test.counts]
    with pytest.raises(CorruptError):
        e.SequentialSrm.from_json("{}")


def test_ranks_clusters_and_several_covariates():
    for case in cases("rank_compare"):
        found = e.rank_compare_2indep(case["x1"], case["x2"], case["use_t"], alpha=0.1)
        assert all(close(found[name], case[name]) for name in ("statistic", "pvalue", "prob1", "var_prob"))
        assert close(found["low"], case["two-sided"][0]) and close(found["high"], case["two-sided"][1])
    for case in cases("clusters"):
        values = [total / size for total, size in zip(case["sums"], case["sizes"]) for _ in range(size)]
        names = [f"house {place}" for place, size in enumerate(case["sizes"]) for _ in range(size)]
        found = e.Estimate.of_clusters(values, names)
        clusters = len(case["sizes"])
        assert close(found.mean, case["mean"]) and found.count == clusters
        assert found.standard_error == pytest.approx(case["uncorrected_error"] * math.sqrt(clusters / (clusters - 1)), rel=1e-9)
    for case in cases("regression"):
        covariates = [np.array(rows, dtype=float) for rows in case["x"]]
        covariates = [rows.reshape(len(y), -1) if rows.ndim == 1 else rows for rows, y in zip(covariates, case["y"])]
        found = e.regression_adjusted(case["y"][0], covariates[0], case["y"][1], covariates[1])
        assert all(close(arm.mean, mean) for arm, mean in zip(found, case["means"])), case
        assert all(close(arm.variance, variance) for arm, variance in zip(found, case["variances"]))


def test_days_and_looks():
    effects = [e.compare(e.Estimate(1000, 10.0, 4.0), e.Estimate(1000, 11.0 - 0.2 * day, 4.0), difference="absolute") for day in range(5)]
    trend = e.novelty(range(5), effects)
    assert trend["slope"] == pytest.approx(-0.2) and trend["pvalue"] < 1e-3 and trend["days"] == 5
    assert e.heterogeneity(effects)["i2"] > 0.5
    found = e.interference([0.05, 0.1, 0.25, 0.5], [e.Estimate(10000, 5.0 - share, 2.0) for share in (0.05, 0.1, 0.25, 0.5)])
    assert found["slope"] == pytest.approx(-1.0)
    difference, error, pvalue = e.carry_over(effects[0], effects[4])
    assert difference == pytest.approx(0.8) and error > 0 and pvalue < 0.01
    with pytest.raises(InvalidInputError, match="one for each day"):
        e.novelty([1.0], effects)
    with pytest.raises(InvalidInputError, match="too few days"):
        e.novelty([1.0, 2.0], effects[:2])


@pytest.mark.parametrize(
    ("call", "problem"),
    [
        (lambda: e.Estimate.of_mean([1.0]), "fewer than two units"),
        (lambda: e.Estimate.of_mean([2.0] * 9), "the same value"),
        (lambda: e.Estimate.of_mean([1.0, float("nan")]), "NaN or infinite"),
        (lambda: e.Estimate.of_proportion(6, 5), "6 successes of 5 units"),
        (lambda: e.Estimate.of_ratio([1.0, 2.0], [0.0, 0.0]), "denominator"),
        (lambda: e.Estimate.of_ratio([1.0, 2.0], [1.0]), "has 2 units"),
        (lambda: e.Estimate.of_quantile([1.0, 2.0, 3.0], 0.5), "more units"),
        (lambda: e.Estimate.of_clusters([1.0, 2.0], ["a", None]), "row 1 is missing"),
        (lambda: e.compare(e.Estimate(100, 0.0, 1.0), e.Estimate(100, 1.0, 1.0)), "mean of the control is zero"),
        (lambda: e.compare(e.Estimate(100, 1.0, 1.0), e.Estimate(100, 1.0, 1.0), alpha=0.0), "is not inside"),
        (lambda: e.compare(e.Estimate(100, 1.0, 1.0), e.Estimate(100, 1.0, 1.0), inference="bayes"), "is not known"),
        (lambda: e.compare(e.Estimate(100, 1.0, 1.0), e.Estimate(100, 1.0, 1.0), inference="mixture"), "a mixture needs it"),
        (lambda: e.compare(e.Estimate(100, 1.0, 1.0), e.Estimate(100, 1.0, 1.0), effect_scale=1.0), "inference=\"mixture\""),
        (lambda: e.tt_ind_solve_power(0.5), "must be left out"),
        (lambda: e.tt_ind_solve_power(0.0, power=0.8), "not one that the test looks for"),
        (lambda: e.sample_size(e.Estimate(100, 0.0, 1.0), 0.1), "relative to a mean of 0"),
        (lambda: e.srm_test([1], [1.0]), "arm"),
        (lambda: e.group_sequential_bounds([1.0, 0.5]), "ascend"),
        (lambda: e.group_sequential_bounds([1.0], spending="power"), "rho"),
        (lambda: e.rank_compare_2indep([], [1.0]), "x1"),
        (lambda: e.regression_adjusted([1.0, 2.0, 4.0], [[1.0, 2.0]] * 3, [1.0, 2.0, 4.0], [[1.0, 2.0]] * 3), "covariates determine"),
    ],
)
def test_what_cannot_be_meant_is_refused(call, problem):
    with pytest.raises(InvalidInputError, match=problem):
        call()


def test_other_types_are_refused():
    with pytest.raises(InvalidTypeError):
        e.Estimate.of_mean(["a", "b"])
    with pytest.raises(InvalidTypeError):
        e.Estimate.of_clusters([1.0, 2.0], [0.5, 1.5])
