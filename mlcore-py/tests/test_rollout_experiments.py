"""Experiments and flags: the variants that every language gives, rules, evaluations, and what is refused."""

from __future__ import annotations

import copy
import json
import pickle
from datetime import date

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from conftest import ROOT

import mlcore
from mlcore.rollout import Experiment, Experiments, Fixed, Layer, Override, Rule, Weighted, bucket, from_state

ARMS = ["champion", "challenger", "third"]


@pytest.fixture(scope="module")
def golden():
    text = (ROOT / "testdata" / "golden" / "rollout" / "experiments.json").read_text(encoding="utf-8")
    read = json.loads(text)
    policy = from_state({"kind": "experiments", "version": 1, "options": read["options"], "progress": None})
    return policy, read["assigned"]


def test_variants_are_those_of_the_committed_vectors(golden):
    policy, assigned = golden
    assert isinstance(policy, Experiments) and policy.flags == ["colour", "prices", "ranker"] and len(assigned) >= 400
    for unit, country, ranker, prices, colour in assigned:
        context = {"country": country}
        told = [policy.evaluate(flag, unit, context).variant for flag in ("ranker", "prices", "colour")]
        assert told == [ranker, prices, colour], unit
        assert policy.assign(unit, ARMS, context=context).arm == (prices if ranker == "champion" else ranker)


def test_whole_columns_are_assigned_as_single_units_are(golden):
    policy, assigned = golden
    units, countries = [row[0] for row in assigned], [row[1] for row in assigned]
    single = [policy.assign(unit, ARMS, context={"country": country}) for unit, country in zip(units, countries)]
    contexts = {
        "pandas": pd.DataFrame({"country": countries}), "polars": pl.DataFrame({"country": countries}),
        "arrow": pa.table({"country": countries}), "dict": {"country": countries}, "categories": pd.DataFrame({"country": pd.Categorical(countries)}),
    }  # fmt: skip
    for name, context in contexts.items():
        frame = policy.assign_many(units, ARMS, context=context)
        assert frame.columns.tolist() == ["unit", "arm", "propensity", "epoch"] and frame["unit"].tolist() == units, name
        assert frame["arm"].tolist() == [one.arm for one in single] and frame["propensity"].tolist() == [one.propensity for one in single], name
    for flag, place in (("ranker", 2), ("prices", 3), ("colour", 4)):
        frame = policy.evaluate_many(flag, pl.Series(units), contexts["polars"], library="polars")
        details = [policy.evaluate(flag, unit, {"country": country}) for unit, country in zip(units, countries)]
        assert frame["variant"].to_list() == [row[place] for row in assigned]
        assert frame["reason"].to_list() == [one.reason for one in details]
        assert frame["propensity"].to_list() == [one.flag_metadata["propensity"] for one in details]
    # The arms of the policy, where none are named; without a context nobody is in the audience.
    assert set(policy.assign_many(units)["arm"]) == set(ARMS)
    arrow = pa.table(policy.assign_many(np.array(units), ARMS, library="arrow"))
    assert arrow.num_rows == len(units) and arrow.schema.field("propensity").type == pa.float64()


def test_a_column_of_a_million_units_is_a_second_or_two():
    split = Weighted("homepage", {"champion": 3, "challenger": 1})
    frame = split.assign_many(np.arange(200_000), ["champion", "challenger"], library="polars")
    shares = frame["arm"].value_counts(normalize=True).sort("arm")["proportion"].to_list()
    assert abs(shares[0] - 0.25) < 0.005 and set(frame["propensity"].unique()) == {0.25, 0.75}
    assert frame["unit"][17] == "17" and frame["arm"][17] == split.assign("17", ["champion", "challenger"]).arm


def shop(**options):
    ranker = Experiment("ranker", "champion", ["champion", "challenger"], audience=Rule.equals("country", "PT"))
    explain = Experiment("explain", "off", {"on": 0.1}, values={"off": False, "on": True}, metadata={"team": "search", "since": date(2026, 11, 1)})
    layers = [Layer("models", [ranker]), Layer("page", [explain])]
    overrides = [Override("ana", "ranker", "challenger", "tests the new ranker")]
    return Experiments("shop", layers, **{"hold_out": 0.05, "overrides": overrides, **options})


def test_details_are_those_of_openfeature():
    policy = shop()
    details = policy.evaluate("ranker", "ana")
    assert (details.flag_key, details.value, details.variant, details.reason) == ("ranker", "challenger", "challenger", "TARGETING_MATCH")
    assert (details.error_code, details.error_message) == (None, None)
    assert details.flag_metadata == {"layer": "models", "override_reason": "tests the new ranker", "propensity": 1.0}
    unknown = policy.evaluate("ranker", "user-17")
    assert (unknown.reason, unknown.value) == ("DEFAULT", "champion")
    assert unknown.flag_metadata["undecided"] == "the attribute country is missing"
    reasons = {policy.evaluate("ranker", f"user-{number}", {"country": "PT"}).reason for number in range(200)}
    assert reasons == {"SPLIT", "DEFAULT"}
    flag = policy.evaluate("explain", "user-17")
    assert flag.value in (True, False) and flag.flag_metadata["own"] == {"team": "search", "since": date(2026, 11, 1)}
    gone = policy.evaluate("gone", "user-17", fallback=3)
    assert (gone.value, gone.variant, gone.reason, gone.error_code) == (3, None, "ERROR", "FLAG_NOT_FOUND")
    mistyped = policy.evaluate("explain", "user-17", fallback="blue")
    assert (mistyped.value, mistyped.reason, mistyped.error_code) == ("blue", "ERROR", "TYPE_MISMATCH")
    assert "another type" in mistyped.error_message
    assert policy.evaluate("explain", "user-17", fallback=False).reason != "ERROR"
    off = Experiments("s", [Layer("models"), Layer("page", [Experiment("f", "off", {"on": 1.0}, enabled=False)])])
    assert off.evaluate("f", "user-1").reason == "DISABLED"
    targeted = Experiment("f", "off", targets=[(Rule.ends_with("email", "@example.com"), "on")])
    targeted = Experiments("s", [Layer("models"), Layer("page", [targeted])])
    assert targeted.evaluate("f", "u", {"email": "a@example.com"}).reason == "TARGETING_MATCH"
    assert targeted.evaluate("f", "u", {"email": "a@example.org"}).value == "off"
    with pytest.raises(mlcore.NotFoundError, match="gone: no layer has a flag"):
        policy.evaluate_many("gone", ["user-17"])


def test_ramps_move_no_unit_between_variants():
    ranker = Experiment("ranker", "champion", {"champion": 0.1, "challenger": 0.1}, traffic=0.5)
    policy = Experiments("shop", [Layer("models", [ranker])])
    units = [f"user-{number}" for number in range(5000)]

    def given(policy):
        return policy.evaluate_many("ranker", units, library="polars")

    before, grown = given(policy), given(policy.with_variant_share("ranker", "challenger", 0.9))
    was, now = before["variant"].to_list(), grown["variant"].to_list()
    assert all(new == old or (old, new) == ("champion", "challenger") for old, new in zip(was, now))
    drawn = [row for row in range(5000) if before["reason"][row] == "SPLIT" and was[row] == "champion"]
    assert len(drawn) > 150 and all(now[row] == "champion" for row in drawn)
    back = policy.with_variant_share("ranker", "challenger", 0.9).with_variant_share("ranker", "challenger", 0.1)
    assert back.save() == policy.save() and given(back).equals(before)
    whole = policy.with_experiment_share("ranker", 1.0)
    assert abs((given(whole)["variant"] == "challenger").mean() - 0.1) < 0.02
    for change in (lambda: policy.with_variant_share("gone", "challenger", 0.1), lambda: policy.with_experiment_share("gone", 0.1)):
        with pytest.raises(mlcore.NotFoundError, match="no layer has it"):
            change()
    with pytest.raises(mlcore.InvalidInputError, match="is left"):
        policy.with_variant_share("ranker", "challenger", 0.95)


def test_hold_outs_and_layers_are_those_of_their_lines():
    policy = shop()
    units = [f"user-{number}" for number in range(4000)]
    frame = policy.evaluate_many("ranker", units, {"country": ["PT"] * 4000}, library="polars")
    held = [bucket("shop/hold-out:", unit) < 0.05 for unit in units]
    assert [reason == "DEFAULT" for reason in frame["reason"]] == held and 150 < sum(held) < 250


RULES = [
    (Rule.always(), {}, True),
    (Rule.equals("n", 3), {"n": 3.0}, True),
    (Rule.equals("n", 3), {"n": "3"}, None),
    (Rule.is_in("country", ["PT", "ES"]), {"country": "ES"}, True),
    (Rule.is_in("country", ["PT", "ES"]), {"country": None}, None),
    (Rule.starts_with("plan", "pro"), {"plan": "professional"}, True),
    (Rule.ends_with("email", ".pt"), {"email": "a@b.es"}, False),
    (Rule.contains("plan", "fess"), {"plan": "professional"}, True),
    (Rule.compare("age", ">=", 18), {"age": 18}, True),
    (Rule.compare("age", "<", 18), {"age": 18}, False),
    (Rule.compare("since", ">", date(2026, 1, 1)), {"since": date(2026, 1, 2)}, True),
    (Rule.sem_ver("app", "^", "2.1"), {"app": "v2.7.0"}, True),
    (Rule.sem_ver("app", "~", "2.1.3"), {"app": "2.2.0"}, False),
    (Rule.sem_ver("app", "!=", "2.1.3"), {"app": "none"}, None),
    (Rule.fractional("seed", 1.0), {}, True),
    (Rule.fractional("seed", 0.0), {}, False),
    (Rule.fractional("seed", 0.5, attribute="company"), {}, None),
    (~Rule.equals("country", "PT"), {"country": "ES"}, True),
    (~Rule.equals("country", "PT"), {}, None),
    (Rule.equals("a", 1) & Rule.equals("b", 2), {"a": 1, "b": 3}, False),
    (Rule.equals("a", 1) & Rule.equals("b", 2), {"b": 3}, False),
    (Rule.equals("a", 1) | Rule.equals("b", 2), {"b": 2}, True),
    (Rule.equals("a", 1) | Rule.equals("b", 2), {"a": 2}, None),
]


@pytest.mark.parametrize(("rule", "context", "holds"), RULES, ids=[repr(rule) for rule, _, _ in RULES])
def test_rules_hold_and_are_undecided(rule, context, holds):
    assert rule.holds("user-17", context) is holds
    again = [eval(repr(rule), {"Rule": Rule, "datetime": __import__("datetime")}), Rule.from_dict(json.loads(json.dumps(rule.to_dict())))]
    again += [pickle.loads(pickle.dumps(rule)), copy.deepcopy(rule)]
    assert all(other == rule and repr(other) == repr(rule) for other in again)


def test_a_share_of_units_is_that_of_its_line():
    rule, units = Rule.fractional("seed", 0.3), [f"user-{number}" for number in range(1000)]
    held = [rule.holds(unit) for unit in units]
    assert 250 < sum(held) < 350 and rule != Rule.fractional("seed", 0.4)


def test_long_chains_are_flat_and_deep_rules_are_refused():
    rule = Rule.equals("a", 0)
    for number in range(500):
        rule = rule | Rule.equals("a", number)
    assert rule.holds("u", {"a": 499}) is True
    Experiments("s", [Layer("models"), Layer("page", [Experiment("f", "off", {"on": 1.0}, audience=rule)])])
    deep = Rule.always()
    with pytest.raises(mlcore.InvalidInputError, match="nested deeper than 32"):
        for _ in range(100):
            deep = ~deep
    for broken in ({"never": 1}, [], 3, {"not": {"equals": {"attribute": 1}}}):
        with pytest.raises(mlcore.InvalidInputError, match="rule"):
            Rule.from_dict(broken)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Experiment("f", "no spaces please"), "arm"),
        (lambda: Experiment("f", "off", {"on": 1.5}), "a share of 1.5"),
        (lambda: Experiment("f", "off", {"on": 0.7, "blue": 0.7}), "0.3 is left"),
        (lambda: Experiment("f", "off", traffic=float("nan")), "share of NaN"),
        (lambda: Rule.compare("age", "=>", 3), "'=>'|\"=>\""),
        (lambda: Layer("models", [Experiment(key, "off", traffic=0.6) for key in "ab"]), "0.4 is left"),
        (lambda: Override("", "f", "on", "why"), "unit"),
        (lambda: Experiments("s", []), "layers: there is none"),
        (lambda: Experiments("s", [Layer("no spaces please")]), "layer"),
        (lambda: Experiments("s", [Layer("models", hold_out=1.5)]), "1.5 is no share"),
        (lambda: Experiments("s", [Layer("models")], hold_out=-1.0), "-1 is no share"),
        (lambda: Experiments("s", [Layer("models"), Layer("models")]), "the name occurs twice"),
        (lambda: Experiments("s", [Layer("models")], overrides=[Override("ana", "f", "on", "why")]), "no layer has an experiment"),
        (lambda: Experiments("s", [Layer("models", [Experiment("f", "off", audience=Rule.is_in("a", []))])]), "no value that a may have"),
        (lambda: Experiments("s", [Layer("models", [Experiment("a", "x", traffic=0.5), Experiment("b", "y", traffic=0.5)])]), "one default arm"),
        (lambda: Experiments("s", [Layer("models")]).assign_many(["u"]), "says of no arm"),
        (lambda: Fixed("champion").assign_many(["u", None], ["champion"]), "row 1 is missing"),
        (lambda: Fixed("champion").assign_many(["u" * 300], ["champion"]), "unit id"),
        (lambda: Fixed("champion").assign_many(["u"], ["champion"], context={"country": ["PT", "ES"]}), "2 rows for 1 units"),
        (lambda: Fixed("champion").assign_many(["u"], ["champion"], library="dask"), "makes no frames here"),
    ],
)
def test_what_cannot_be_meant_is_refused(make, words):
    with pytest.raises(mlcore.InvalidInputError, match=words):
        make()


def test_what_is_of_another_type_is_refused():
    for make in (
        lambda: Experiment("f", "off", "on"),
        lambda: Experiment("f", "off", 3),
        lambda: Experiment("f", "off", targets=[("country", "on")]),
        lambda: Experiment("f", "off", values={"on": [1]}),
        lambda: Rule.equals("a", [1]),
        lambda: Fixed("champion").assign("u", "champion"),
        lambda: Fixed("champion").assign("u", 3),
    ):
        with pytest.raises(mlcore.InvalidTypeError):
            make()
    with pytest.raises(TypeError):
        Layer("models", ["ranker"])
    with pytest.raises(TypeError):
        Rule.always() & True


def test_parts_pickle_and_say_what_they_are():
    ranker = Experiment("ranker", "champion", {"challenger": 0.25}, traffic=0.5, targets=[(Rule.equals("a", "b"), "third")])
    for part in (ranker, Layer("models", [ranker], hold_out=0.1), Override("ana", "ranker", "third", "it's she")):
        for again in (pickle.loads(pickle.dumps(part)), copy.copy(part)):
            assert again == part and repr(again) == repr(part)
    assert repr(ranker) == "<mlcore.rollout.Experiment ranker: {'champion': 0.0, 'challenger': 0.25, 'third': 0.0}, else champion>"
    assert repr(Override("ana", "ranker", "third", "it's she")) == "Override('ana', 'ranker', 'third', \"it's she\")"
    assert Layer("models", [ranker]) != Layer("models") and ranker.key == "ranker"
    assert repr(shop()) == "<mlcore.rollout.Experiments shop: explain, ranker in 2 layers>"
