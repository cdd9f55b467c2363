"""The loop in Python: requests, outcomes, promotion, rollback, shadows, drift, and what goes wrong."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone

import numpy as np
import pandas as pd
import polars as pl
import pyarrow.parquet as pq
import pytest
from conftest import MODELS, ROOT

import mlcore
from mlcore import features
from mlcore.rollout import Canary, Fixed, Guardrail, Shadowed, Weighted, bucket

NUMBERS = ["age", "income", "education", "family_size", "general_health", "mental_health", "chronic_diseases", "physical_limitation"]
FEATURES = [*NUMBERS, "plan", "sex", "self_rated_health"]
RELEASES = MODELS / "quickstart"
FOREST = MODELS / "runner" / "rf30.onnx"


def pipeline(numbers=NUMBERS):
    """The features as they were when the releases were trained."""
    return features.ColumnTransformer(
        [
            ("numeric", features.Pipeline([("impute", features.SimpleImputer(strategy="median")), ("scale", features.StandardScaler())]), numbers),
            ("one_hot", features.OneHotEncoder(handle_unknown="ignore"), ["plan", "sex"]),
            ("ordinal", features.OrdinalEncoder(categories=[["poor", "fair", "good", "excellent"]]), ["self_rated_health"]),
        ]
    )


class Rand:
    """The experiment: where the releases were trained, a year of their traffic, and members of another region."""

    def __init__(self):
        rows = pq.read_table(ROOT / "testdata" / "datasets" / "randhie.parquet").to_pandas()
        here = rows.site.isin([1, 2, 3, 4])
        self.train = rows[here & rows.year.isin([1, 2])].reset_index(drop=True)
        self.traffic = rows[here & (rows.year == 3)].reset_index(drop=True)
        self.elsewhere = rows[~here].reset_index(drop=True)
        self.plan = pipeline().fit(self.train[FEATURES]).plan()


@pytest.fixture(scope="module")
def rand():
    return Rand()


@pytest.fixture
def registry(tmp_path, rand):
    with mlcore.Registry(f"sqlite:///{tmp_path}/registry.db", actor="ana") as opened:
        for release in ("v1", "v2", "v3"):
            version = opened.register("visit", RELEASES / f"{release}.onnx", plan=rand.plan).version
            opened.transition("visit", version, "staging")
        opened.promote("visit", 1, expected=None)
        yield opened


def records(frame):
    return json.loads(frame[FEATURES].to_json(orient="records"))


def guardrails(margin=0.05):
    return [Guardrail("error_rate", 0.02, limit=0.1), Guardrail("slow_share", 0.05, budget=0.5), Guardrail("loss", margin)]


def serve(endpoint, rows, until=("promoted", "rolled_back")):
    """Sends one request a row with its outcome; answers how many were sent, and what happened."""
    happened = []
    for sent, (record, person, visits) in enumerate(zip(records(rows), rows.person, rows.visits), start=1):
        answer = endpoint.predict(record, unit=str(person))
        endpoint.report_outcome(answer.outcome_id, float(visits > 0))
        happened += endpoint.process()
        if any(event.kind in until for event in happened):
            return sent, happened
    return len(rows), happened


def same(left, right):
    assert list(left) == list(right)
    for name, value in left.items():
        assert value.dtype == right[name].dtype
        np.testing.assert_array_equal(value, right[name])


def test_every_kind_of_data_gives_the_numbers_of_plan_and_runner(registry, rand):
    endpoint = mlcore.Endpoint(registry, "visit")
    rows = rand.traffic.head(40)
    expected = mlcore.Runner(RELEASES / "v1.onnx").run({"input": rand.plan.transform(rows[FEATURES], dtype="float32")})
    polars = pl.from_pandas(rows)
    for data in (
        rows,
        rows[FEATURES[::-1]],
        polars,
        polars.lazy(),
        polars.to_arrow(),
        records(rows),
        {name: rows[name].to_numpy() for name in FEATURES},
        {name: rows[name].tolist() for name in FEATURES},
    ):
        answer = endpoint.predict(data, unit="batch")
        same(answer.outputs, expected)
    model = mlcore.Runner(RELEASES / "v1.onnx")
    for record in records(rows):
        # One row at a time: ONNX Runtime sums a batch in another order, and differs in the last bit.
        alone = model.run(rand.plan.transform_row(record).astype(np.float32).reshape(1, -1))
        same(endpoint.predict(record, unit="u").outputs, alone)
    # numpy's scalars are values too, and a missing number is None or NaN.
    record = {name: rows[name].iloc[-1] for name in FEATURES}
    same(endpoint.predict(record, unit="u").outputs, alone)
    missing = [endpoint.predict({**record, "age": age}, unit="0").outputs for age in (None, float("nan"), pd.NA)]
    same(missing[0], missing[1])
    same(missing[0], missing[2])
    assert missing[0]["probabilities"][0, 1] != alone["probabilities"][0, 1]


def test_a_prediction_says_who_answered(registry, rand):
    registry.set_alias("visit", "canary", 2)
    trial = Canary(salt="visit/2", guardrails=guardrails(), steps=[0.3])
    endpoint = mlcore.Endpoint(registry, "visit", arms=["canary"], policy=trial, loss="log_loss", seed=7)
    assert endpoint.arms == {"champion": 1, "canary": 2} and endpoint.model == "visit"
    assert repr(endpoint) == "<mlcore.Endpoint visit: champion 1, canary 2>"
    record = records(rand.traffic.head(1))[0]
    for number in range(200):
        unit = f"user-{number}"
        answer = endpoint.predict(record, unit)
        if bucket("visit/2", unit) < 0.3:
            assert (answer.version, answer.arm, answer.propensity) == (2, "canary", 0.3)
        else:
            assert (answer.version, answer.arm, answer.propensity) == (1, "champion", 0.7)
    assert len(answer.outcome_id) == 32 and int(answer.outcome_id, 16)
    assert repr(answer) == f"<mlcore.endpoint.Prediction {answer.outcome_id}: label, probabilities of version {answer.version}, {answer.arm}>"
    share = Weighted("homepage", {"canary": 1, "champion": 3})
    assert endpoint.set_policy(share) == []
    for number in range(50):
        assert endpoint.predict(record, f"u{number}").version == (2 if bucket("homepage", f"u{number}") < 0.25 else 1)
    endpoint.set_policy(Fixed("canary"))
    assert {endpoint.predict(record, f"u{number}").version for number in range(20)} == {2}


def test_a_better_release_is_promoted_by_its_outcomes(registry, rand):
    registry.set_alias("visit", "canary", 2)
    trial = Canary(salt="doctor-visit/v2", guardrails=guardrails(), steps=[0.2, 0.5])
    endpoint = mlcore.Endpoint(registry, "visit", arms=["canary"], policy=trial, loss="log_loss", actor="nightly")
    sent, happened = serve(endpoint, rand.traffic)
    assert [event.kind for event in happened] == ["stepped", "promoted", "withdrawn", "deployed"]
    stepped, promoted, *_ = happened
    assert sent < len(rand.traffic) and abs(promoted.at - datetime.now(timezone.utc)) < timedelta(minutes=1)
    assert stepped.to_dict()["share"] == 0.5 and stepped.verdict is None
    told = promoted.to_dict()
    assert (told["kind"], told["from"], told["to"]) == ("promoted", 1, 2) and json.dumps(told)
    assert "version 2 replaces version 1" in promoted.message == str(promoted)
    assert (trial.share, trial.phase["phase"]) == (0.5, "passed")
    assert endpoint.arms == {"champion": 2} and registry.aliases("visit") == {"champion": 2}
    assert [version.stage for version in registry.versions("visit")] == ["archived", "production", "staging"]
    last = registry.audit(start=1)[-1]
    assert (last.actor, last.reason) == ("nightly", told["reason"])
    counts = endpoint.counts()
    assert counts["records"] == counts["outcomes"] == sent and counts["failures"] == counts["unscored"] == counts["orphans"] == 0
    assert 0.0 < endpoint.latency_quantile(0.5) <= endpoint.latency_quantile(0.99) < 0.5
    registry.verify()


def test_a_bad_release_is_rolled_back_by_its_outcomes(registry, rand):
    registry.set_alias("visit", "canary", 3)
    trial = Canary(salt="visit/3", guardrails=guardrails(), steps=[0.2, 0.5])
    endpoint = mlcore.Endpoint(registry, "visit", arms=["canary"])
    assert endpoint.predict(records(rand.traffic.head(1))[0], unit="early").version == 1
    endpoint = mlcore.Endpoint(registry, "visit", arms=["canary"], policy=trial, loss="log_loss")
    _, happened = serve(endpoint, rand.traffic)
    assert [event.kind for event in happened] == ["rolled_back", "withdrawn"]
    assert (happened[0].to_dict()["version"], happened[0].to_dict()["to"]) == (3, 1) and "loss" in happened[0].to_dict()["reason"]
    assert (trial.share, trial.phase["phase"]) == (0.0, "rolled_back")
    assert endpoint.arms == {"champion": 1} and registry.alias("visit", "canary") is None
    assert registry.version("visit", 3).stage == "archived"


def test_a_frozen_canary_does_not_grow(registry, rand):
    registry.set_alias("visit", "canary", 2)
    trial = Canary(salt="visit/2", guardrails=guardrails(), steps=[0.5])
    endpoint = mlcore.Endpoint(registry, "visit", arms=["canary"], policy=Shadowed(trial, []), loss="log_loss")
    trial.freeze("the holidays")
    sent, happened = serve(endpoint, rand.traffic)
    assert (sent, happened, trial.share) == (len(rand.traffic), [], 0.5)
    trial.thaw()
    assert endpoint.process()[0].kind == "promoted"


@pytest.mark.parametrize(
    ("loss", "formula"),
    [
        ("log_loss", lambda p, y: -np.log(np.where(y == 1, p, 1 - p))),
        ("squared_error", lambda p, y: (p - y) ** 2),
        ("absolute_error", lambda p, y: np.abs(p - y)),
        ("zero_one", lambda p, y: (p > 0.5) != (y == 1)),
        (lambda outputs, label: 2.0 * float(outputs["probabilities"][0, 1]) + label, lambda p, y: 2 * p + y),
    ],
)
def test_losses_are_their_formulas(registry, rand, loss, formula):
    registry.set_alias("visit", "canary", 2)
    trial = Canary(salt="visit/2", guardrails=[Guardrail("loss", 1.0)], steps=[0.4], min_samples=10_000)
    endpoint = mlcore.Endpoint(registry, "visit", arms=["canary"], policy=trial, loss=loss)
    rows = rand.traffic.head(300)
    serve(endpoint, rows)
    on_trial = np.array([bucket("visit/2", str(person)) < 0.4 for person in rows.person])
    outcomes = (rows.visits > 0).to_numpy().astype(float)
    (evidence,) = trial.evidence
    for arm, release, chosen in (("control", "v1", ~on_trial), ("canary", "v2", on_trial)):
        model = mlcore.Runner(RELEASES / f"{release}.onnx")
        inputs = rand.plan.transform(rows[FEATURES], dtype="float32")[chosen]
        probabilities = np.array([model.run(row.reshape(1, -1))["probabilities"][0, 1] for row in inputs], dtype=float)
        expected = np.mean(formula(probabilities, outcomes[chosen]))
        assert evidence[arm]["count"] == chosen.sum() > 50
        assert evidence[arm]["mean"] == pytest.approx(expected, rel=1e-9)


def test_a_shadow_is_compared_and_never_answers(registry, rand):
    registry.set_alias("visit", "next", 2)
    endpoint = mlcore.Endpoint(registry, "visit", arms=["next"], policy=Shadowed(Fixed("champion"), ["next"]))
    rows = rand.traffic.head(50)
    answers = [endpoint.predict(record, unit="u") for record in records(rows)]
    assert {answer.version for answer in answers} == {1} and endpoint.shadows() == []
    endpoint.process()
    assert endpoint.shadows() == [] and endpoint.run_shadows() == 50
    (shadow,) = endpoint.shadows()
    inputs = {"input": rand.plan.transform(rows[FEATURES], dtype="float32")}
    ours, theirs = (mlcore.Runner(RELEASES / f"{release}.onnx").run(inputs)["probabilities"].astype(float) for release in ("v1", "v2"))
    # In a batch the scores differ from those of single rows in the last bit of a float32.
    assert (shadow["arm"], shadow["version"], shadow["requests"], shadow["failures"], shadow["rows"]) == ("next", 2, 50, 0, 50)
    assert shadow["flips"] == int((ours.argmax(1) != theirs.argmax(1)).sum()) > 0
    assert shadow["largest_difference"] == pytest.approx(np.abs(ours - theirs).max(), abs=2e-7)
    report = shadow["report"]
    assert report["rows"] == report["labelled"] == 50 and report["flips"] == shadow["flips"]
    assert sum(pair["rows"] for pair in report["confusion"] if pair["live"] != pair["shadow"]) == shadow["flips"]
    assert shadow["mean_difference"] == pytest.approx(np.abs(ours - theirs).mean(), abs=2e-7)
    assert shadow["latency_seconds"] > 0.0


def test_the_monitor_names_what_changed(registry, rand):
    options = {"window_rows": 800, "minimum_effects": {"ks": 0.2, "chi_square": 0.2}}
    endpoint = mlcore.Endpoint(registry, "visit", reference=rand.train, monitor_options=options)
    assert [(now.rows, now.outcome) for now in endpoint.judge_now()] == [(0, "insufficient_data")]
    endpoint.predict(rand.train[2000:2800], unit="batch")
    (calm,) = endpoint.process()
    assert calm.kind == "judged" and not calm.verdict.drifted
    for record in records(rand.elsewhere.head(500)):
        endpoint.predict(record, unit="u")
    endpoint.predict(rand.elsewhere[500:700], unit="batch")
    assert endpoint.process() == []
    (now,) = endpoint.judge_now()
    assert now.rows == 700 and now.drifted and isinstance(now, mlcore.drift.Verdict)
    endpoint.predict(rand.elsewhere[700:800], unit="batch")
    (alarm,) = endpoint.process()
    assert alarm.verdict.drifted and alarm.verdict.rows == 800 and set(alarm.verdict.drifted_columns) <= set(FEATURES)
    by_hand = mlcore.drift.Monitor(rand.train, columns=list(rand.plan.inputs), **options).observe(rand.elsewhere[:800])[0].to_dict()
    by_event = alarm.to_dict()["verdict"]
    assert by_event["columns"] == by_hand["columns"] and (by_event["window"]["index"], by_hand["window"]["index"]) == (1, 0)
    assert endpoint.counts()["unmonitored"] == 0
    assert mlcore.Endpoint(registry, "visit").judge_now() == []


def test_plans_that_read_other_columns_are_bound_by_name(registry, rand):
    train = rand.train.assign(burden=rand.train.physical_limitation * 2 + 1)
    other = pipeline(["income", "age", *NUMBERS[2:7], "burden"]).fit(train).plan()
    version = registry.register("visit", RELEASES / "v2.onnx", plan=other).version
    registry.transition("visit", version, "staging")
    registry.set_alias("visit", "canary", version)
    trial = Canary(salt="visit/x", guardrails=guardrails(), steps=[0.5])
    endpoint = mlcore.Endpoint(registry, "visit", arms=["canary"], policy=trial, loss="log_loss")
    rows = rand.traffic.head(30).assign(burden=1)
    seen = set()
    for position, record in enumerate(records(rows)):
        full = {**record, "burden": 1}
        for data in (full, dict(reversed(full.items())), rows[position : position + 1]):
            answer = endpoint.predict(data, unit=f"u{position}")
            plan, release = (rand.plan, "v1") if answer.arm == "champion" else (other, "v2")
            inputs = plan.transform_row(full).astype(np.float32).reshape(1, -1)
            same(answer.outputs, mlcore.Runner(RELEASES / f"{release}.onnx").run({"input": inputs}))
        seen.add(answer.arm)
        # Who does not send the new column yet is answered by the champion, and told by the canary.
        if answer.arm == "canary":
            with pytest.raises(mlcore.SchemaMismatchError, match="burden"):
                endpoint.predict(record, unit=f"u{position}")
        else:
            assert endpoint.predict(record, unit=f"u{position}").version == 1
    assert seen == {"champion", "canary"}
    endpoint.process()
    assert endpoint.counts()["failures"] == 0
