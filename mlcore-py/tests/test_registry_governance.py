"""Who lets a version go where: approvals, policies, cards, lineage, retention, backups."""

from __future__ import annotations

import datetime
import json
import pickle
import time

import pytest

import mlcore
from mlcore.registry import Condition, Marked, PromotionPolicy

SHA = "sha256:" + "0" * 64


@pytest.fixture
def as_ana(tmp_path):
    with mlcore.Registry(tmp_path / "registry.db", actor="ana") as opened:
        yield opened


@pytest.fixture
def as_ben(as_ana, tmp_path):
    with mlcore.Registry(tmp_path / "registry.db", actor="ben") as opened:
        yield opened


def staged(registry, **options):
    """A version of `churn` that could go to production."""
    version = registry.register("churn", b"any bytes", format="text", **options).version
    registry.transition("churn", version, "staging")
    return version


def test_nobody_approves_a_version_of_ones_own(as_ana, as_ben):
    version = staged(as_ana)
    with pytest.raises(ValueError, match="approve version churn/1"):
        as_ana.approve("churn", version)
    as_ben.approve("churn", version, role="lead", reason="looked at the errors")
    (approval,) = as_ana.version("churn", version).approvals
    assert (approval.by, approval.role, approval.reason) == ("ben", "lead", "looked at the errors")
    assert datetime.datetime.now(datetime.timezone.utc) - approval.at < datetime.timedelta(minutes=5)
    assert as_ana.audit()[approval.sequence - 1].event.keys() == {"approve"} or approval.sequence > 0
    as_ana.set_metrics("churn", version, {"auc": 0.8})
    assert as_ana.version("churn", version).approvals == [], "approvals are of the version as it was"
    as_ben.approve("churn", version)
    as_ben.withdraw_approval("churn", version, reason="too early")
    assert as_ana.version("churn", version).approvals == []
    with pytest.raises(KeyError):
        as_ben.withdraw_approval("churn", version)
    with pytest.raises(KeyError):
        as_ben.approve("churn", 9)
    with pytest.raises(KeyError):
        as_ben.approve("absent", 1)


def test_a_policy_names_all_that_is_missing(as_ana, as_ben):
    version = staged(as_ana, metrics={"auc": 0.79})
    policy = PromotionPolicy(
        [
            Condition.metric_at_least("auc", 0.8),
            Condition.no_regression("auc", greater_is_better=True, by_at_most=0.01),
            Condition.card_present(),
            Condition.approvals(1, by=["ben"], role="lead"),
        ],
        aliases=["champion"],
    )
    entry = as_ana.set_policy("churn", policy, reason="the board asked for it")
    kept = as_ana.policy("churn")
    assert kept == policy == as_ana.model("churn").policy and kept.revision == entry.sequence
    verdict = as_ana.policy_verdict("churn", version)
    assert [check.met for check in verdict.checks] == [False, True, False, False] and not verdict.is_met and verdict.champion is None
    for change in (
        lambda: as_ana.promote("churn", version),
        lambda: as_ana.transition("churn", version, "production"),
        lambda: as_ana.move_stage("churn", version, "production"),
        lambda: as_ana.set_alias("churn", "champion", version),
    ):
        with pytest.raises(mlcore.PolicyNotMetError, match=r'"auc" at least 0.8: found 0.79; a model card: found none; 1 approvals of ben as lead: found none') as caught:
            change()
        refused = caught.value
        assert refused.verdict == verdict and isinstance(refused, mlcore.ConflictError) and not refused.is_transient
        assert [(str(check.condition), check.found) for check in refused.verdict.unmet] == [
            ('"auc" at least 0.8', "0.79"),
            ("a model card", "none"),
            ("1 approvals of ben as lead", "none"),
        ]
    again = pickle.loads(pickle.dumps(refused))
    assert again.verdict == verdict and str(again) == str(refused)
    assert as_ana.version("churn", version).stage == "staging" and as_ana.alias("churn", "champion") is None
    as_ana.set_metrics("churn", version, {"auc": 0.81})
    as_ana.set_card("churn", version, "For marketing. Not for credit.")
    as_ben.approve("churn", version, role="lead")
    released = as_ana.promote("churn", version)
    assert released.verdict.is_met and len(released.verdict.checks) == 4 and released.verdict.revision == kept.revision
    stored = as_ana.audit()[released.sequence - 1]
    assert stored.verdict == released.verdict and as_ana.audit(limit=1)[0].verdict is None
    assert json.loads(json.dumps(stored.verdict.to_dict()))["is_met"] is True
    assert "✓" in stored.verdict._repr_html_() and "&quot;auc&quot;" in stored.verdict._repr_html_()
    # The next one is compared with it.
    worse = staged(as_ana, metrics={"auc": 0.7})
    found = as_ana.policy_verdict("churn", worse).checks[1].found
    assert found == "0.7 against 0.81 of version 1"
    as_ana.set_policy("churn", None)
    assert as_ana.policy("churn") is None and as_ana.policy_verdict("churn", worse) is None
    with pytest.raises(KeyError, match="it has no policy"):
        as_ana.set_policy("churn", None)


def test_policies_are_data(as_ana):
    as_ana.create_model("churn")
    plain = {"conditions": [{"require": "metric_at_most", "metric": "loss", "value": 0.5}, {"require": "signed"}], "aliases": ["champion"]}
    as_ana.set_policy("churn", plain)
    read = as_ana.policy("churn")
    assert read.to_dict() == json.loads(json.dumps(read.to_dict())) == plain and read == PromotionPolicy.from_dict(plain)
    assert as_ana.model("churn").to_dict()["policy"] == plain and "a signature" in as_ana.policy("churn")._repr_html_()
    as_ana.set_policy("churn", Condition.measured_within(datetime.timedelta(days=1)))
    assert [str(part) for part in as_ana.policy("churn").conditions] == ["measured at most 86400 seconds ago"]
    as_ana.set_policy("churn", [Condition.drift_clean(), Condition.signed("release", "backup"), Condition.metric_at_most("loss", 1)])
    assert [str(part) for part in as_ana.policy("churn").conditions] == [
        'no drift: "drift.findings" is 0', "a signature of release or backup", '"loss" at most 1'
    ]  # fmt: skip
    assert as_ana.to_frame().shape[0] == 0 and "signature" in mlcore.registry.to_frame(as_ana.models())["policy"][0]


@pytest.mark.parametrize(
    ("policy", "error", "words"),
    [
        ({"conditions": []}, ValueError, "it asks for nothing"),
        ({"conditions": [{"require": "magic"}]}, ValueError, "magic"),
        ({"condition": []}, ValueError, "condition"),
        ({"conditions": [{"require": "metric_at_least", "metric": "auc", "value": float("nan")}]}, ValueError, "read policy"),
        ({"conditions": [{"require": "approvals", "at_least": 0}]}, ValueError, "0 approvals are not 1 to 100"),
        ({"conditions": [{"require": "signed", "more": 1}]}, ValueError, "more"),
        ({"conditions": [object()]}, TypeError, "no plain value"),
        ("policy", TypeError, "it is a str"),
        (7, TypeError, "it is a int"),
        ([7], TypeError, "one is a int"),
    ],
)
def test_what_is_no_policy_is_named(as_ana, policy, error, words):
    as_ana.create_model("churn")
    with pytest.raises(error, match=words):
        as_ana.set_policy("churn", policy)
    assert as_ana.policy("churn") is None


def test_a_condition_that_cannot_be_is_refused_where_it_is_made():
    with pytest.raises(ValueError, match="read policy"):
        PromotionPolicy([Condition.no_regression("auc", greater_is_better=True, by_at_most=-1)])
    with pytest.raises(ValueError, match="1 to 100"):
        PromotionPolicy([Condition.approvals(1000)])
    with pytest.raises(ValueError):
        PromotionPolicy([Condition.card_present()], aliases=["with space"])


def test_approvals_are_demanded_beside_everything_else(as_ana, as_ben):
    version = staged(as_ana)
    as_ana.set_policy("churn", Condition.card_present())
    as_ana.require_approvals("churn", 2, by=["ben", "cem"])
    as_ana.require_approvals("churn", 1)
    assert [str(part) for part in as_ana.policy("churn").conditions] == ["a model card", "1 approvals"]
    as_ana.require_approvals("churn", 0)
    assert [str(part) for part in as_ana.policy("churn").conditions] == ["a model card"]
    as_ana.set_policy("churn", None)
    as_ana.require_approvals("churn", 1)
    with pytest.raises(mlcore.PolicyNotMetError):
        as_ana.promote("churn", version)
    as_ben.approve("churn", version)
    assert as_ana.promote("churn", version).verdict.is_met
    as_ana.require_approvals("churn", 0)
    assert as_ana.policy("churn") is None
    with pytest.raises(ValueError, match="101 approvals"):
        as_ana.require_approvals("churn", 101)


def test_a_card_says_what_is_stored_and_what_people_wrote(as_ana, as_ben):
    version = staged(as_ana, metrics={"auc": 0.81}, description="who leaves <b>soon</b>?", tags={"team": "growth"})
    as_ana.set_alias("churn", "canary", version)
    card = as_ana.card("churn", version)
    text = card.to_markdown()
    assert text.startswith("# churn, version 1") and "| auc | 0.81 |" in text and str(card) == text
    page = card.to_html()
    assert "<!doctype html>" in page and "<b>soon" not in page and "&lt;b&gt;soon" in page
    fragment = card._repr_html_()
    assert fragment.startswith("<div>") and "<style" not in fragment and "&lt;b&gt;soon" in fragment
    assert (card.model.name, card.version.version, card.aliases, card.attached) == ("churn", 1, ["canary"], None)
    assert card.history[0].sequence < card.history[-1].sequence
    as_ben.approve("churn", version)
    as_ana.set_card("churn", version, "Not for **credit**.", reason="asked by the board")
    found = as_ana.version("churn", version)
    assert found.approvals == [] and found.card.startswith("sha256:")
    assert as_ana.card("churn", version).attached == "Not for **credit**."
    as_ana.set_card("churn", version, card)
    assert as_ana.card("churn", version).attached == text
    for bad in (None, 7, b"bytes"):
        with pytest.raises(TypeError, match="attach card card: text is expected"):
            as_ana.set_card("churn", version, bad)
    with pytest.raises(KeyError):
        as_ana.card("churn", 9)


def test_lineage_is_answered_in_both_directions(as_ana):
    plan = mlcore.features.StandardScaler().fit({"age": [1.0, 2.0]}).plan()
    first = staged(as_ana, run="r1", dataset=SHA, plan=plan)
    second = as_ana.register("churn", b"other bytes", format="text", parent=("churn", first), run="r2").version
    as_ana.promote("churn", first)
    graph = as_ana.lineage("churn", first, deployments={"eu-west": ("churn", first), "other": ("churn", second)})
    labels = [node.label for node in graph.nodes]
    assert labels[0] == "churn/1" and set(labels[1:4]) == {"dataset 000000000000", f"plan {plan.plan_hash[:12]}", "run r1"}
    assert {"churn/2", "churn@champion", "churn in production", "deployment eu-west", "deployment other"} <= set(labels)
    named = {(labels[start], labels[end]) for start, end in graph.edges}
    assert {("run r1", "churn/1"), ("churn/1", "churn/2"), ("churn/1", "churn@champion"), ("churn/2", "deployment other")} <= named
    up = as_ana.lineage("churn", first, direction="upstream")
    down = as_ana.lineage("churn", first, direction="downstream")
    assert {node.label for node in up.nodes} | {node.label for node in down.nodes} <= set(labels) and "run r1" not in [node.label for node in down.nodes]
    of_data = as_ana.lineage_of(dataset=SHA)
    assert of_data.nodes[0].kind == "dataset" and of_data.nodes[0].parts == {"digest": SHA} and "churn/2" in [node.label for node in of_data.nodes]
    assert as_ana.lineage_of(run="r2").nodes[1].parts == {"model": "churn", "version": 2}
    assert len(as_ana.lineage_of(plan=plan.plan_hash).nodes) > 2 and len(as_ana.lineage_of(run="absent").nodes) == 1
    text = graph.to_mermaid()
    assert text.startswith("flowchart LR\n") and '["churn/1"]' in text and text.count("-->") == len(graph.edges)
    assert graph._repr_mimebundle_()["text/vnd.mermaid"] == text
    assert json.loads(json.dumps(graph.to_dict()))["nodes"][0] == {"kind": "version", "label": "churn/1", "model": "churn", "version": 1}
    cut = as_ana.lineage("churn", first, limit=2)
    assert cut.is_cut and len(cut.nodes) == 2
    as_ana.delete_version("churn", second)
    for arguments, error, words in (
        ({"direction": "sideways"}, ValueError, 'there is none called "sideways"'),
        ({"deployments": {"x": ("../up", 1)}}, ValueError, "parse model name"),
    ):
        with pytest.raises(error, match=words):
            as_ana.lineage("churn", first, **arguments)
    for arguments in ({}, {"dataset": SHA, "run": "r1"}):
        with pytest.raises(ValueError, match="give exactly one"):
            as_ana.lineage_of(**arguments)
    with pytest.raises(ValueError):
        as_ana.lineage_of(dataset="s3://bucket/data")


def test_a_parent_that_is_gone_is_said(as_ana):
    as_ana.register("churn", b"one", format="text")
    as_ana.register("churn", b"two", format="text", parent=("churn", 1))
    as_ana.delete_version("churn", 1)
    assert as_ana.lineage("churn", 2).missing == (("churn", 1),)


def test_what_is_archived_long_ago_is_kept_no_longer(as_ana):
    for content in (b"one", b"two", b"three", b"four"):
        version = as_ana.register("churn", content, format="text").version
        as_ana.transition("churn", version, "archived" if version < 4 else "staging")
    assert as_ana.expired("churn") == [] and as_ana.expired("churn", archived_for=datetime.timedelta(0), keep_last=2) == [1, 2]
    assert as_ana.unreferenced().artifacts == ()
    assert as_ana.expire("churn", archived_for=0, keep_last=2, reason="spring cleaning") == [1, 2]
    assert [version.version for version in as_ana.versions("churn")] == [3, 4] and as_ana.audit()[-1].reason == "spring cleaning"
    marked = as_ana.unreferenced()
    assert len(marked.artifacts) == 2 and marked.bytes == 6
    kept = Marked.from_dict(json.loads(json.dumps(marked.to_dict())))
    assert kept == marked
    with pytest.raises(mlcore.ConflictError, match="the grace is not over"):
        as_ana.sweep(kept)
    # Somebody registers one of them meanwhile.
    again = as_ana.register("churn", b"two", format="text")
    time.sleep(0.01)
    swept = as_ana.sweep(kept, grace=datetime.timedelta(milliseconds=1))
    assert (swept.bytes, len(swept.deleted), swept.kept, swept.lost) == (3, 1, [again.artifact], [])
    assert as_ana.artifact("churn", again.version) == b"two" and as_ana.scrub()["damaged"] == []
    other = as_ana.register("churn", b"five", format="text")
    as_ana.delete_version("churn", other.version)
    assert as_ana.unreferenced(elsewhere=[other.artifact]).artifacts == ()
    for span in (-1, float("nan"), "long", None):
        with pytest.raises((TypeError, ValueError), match="time"):
            as_ana.expired("churn", archived_for=span)
    with pytest.raises(TypeError, match="what unreferenced.. answered is expected"):
        as_ana.sweep({"artifacts": []})


def test_a_backup_is_the_registry_at_one_moment(as_ana, tmp_path):
    version = staged(as_ana, metrics={"auc": 0.8})
    head = as_ana.back_up(tmp_path / "monday.db")
    as_ana.promote("churn", version)
    assert head == (3, as_ana.audit()[2].hash) and as_ana.verify(since=head)[0] > head[0]
    with mlcore.Registry(tmp_path / "monday.db", artifacts=tmp_path / "registry.db.artifacts") as copy:
        assert copy.verify(since=head) == head and copy.version("churn", version).stage == "staging"
        assert copy.artifact("churn", version) == b"any bytes"
    with pytest.raises(mlcore.AlreadyExistsError, match="there is a file of this name"):
        as_ana.back_up(tmp_path / "monday.db")
    with pytest.raises(mlcore.Error):
        as_ana.back_up(tmp_path / "absent" / "x.db")
    with pytest.raises(NotImplementedError, match="write its log with export_log"):
        mlcore.Registry("memory:").back_up(tmp_path / "memory.db")


def test_a_log_becomes_a_registry_again(as_ana, tmp_path):
    version = staged(as_ana)
    as_ana.promote("churn", version)
    log = tmp_path / "registry.jsonl"
    head = as_ana.export_log(log)
    assert head == as_ana.verify()
    with mlcore.Registry.restore(log, tmp_path / "again.db", artifacts=tmp_path / "registry.db.artifacts", actor="cem", head=head) as again:
        assert again.verify() == head and again.resolve("churn", "champion").stage == "production" and again.actor == "cem"
        assert again.artifact("churn", version) == b"any bytes"
        with pytest.raises(mlcore.Error):
            again.import_log(log)
    memory = mlcore.Registry("memory:")
    assert memory.import_log(log, head=head) == head and [move.version for move in memory.alias_history("churn", "champion")] == [1]
    with pytest.raises(mlcore.AlreadyExistsError):
        as_ana.export_log(log)
    lines = log.read_text().splitlines(keepends=True)
    for broken, words in (
        (lines[:-1], "line"),
        ([lines[0], lines[1].replace("ana", "eve"), *lines[2:]], "registry"),
        (lines[:2] + lines[3:], "follow"),
        (["{}\n"], "does not begin as the log of a registry"),
    ):
        (tmp_path / "broken.jsonl").write_text("".join(broken))
        empty = mlcore.Registry("memory:")
        with pytest.raises(mlcore.CorruptError):
            empty.import_log(tmp_path / "broken.jsonl")
        assert empty.models() == [] and empty.verify()[0] == 0
    with pytest.raises(mlcore.CorruptError, match="does not end with the head that was noted"):
        mlcore.Registry("memory:").import_log(log, head=(1, head[1]))
    with pytest.raises(ValueError):
        mlcore.Registry("memory:").import_log(log, head=(1, "no hash"))
    with pytest.raises(FileNotFoundError):
        mlcore.Registry("memory:").import_log(tmp_path / "absent.jsonl")


def test_a_version_tells_who_approved_and_signed_it(as_ana, as_ben):
    version = staged(as_ana, metrics={"auc": 0.8})
    as_ben.approve("churn", version)
    found = as_ana.version("churn", version)
    told = json.loads(json.dumps(found.to_dict()))
    (approval,) = told["approvals"]
    assert approval["by"] == "ben" and approval["at"].endswith("Z") and approval["role"] is None
    assert told["signatures"] == [] and told["card"] is None and told["location"] is None
    assert found.measured_at.tzinfo is datetime.timezone.utc and told["measured_at"].endswith("Z") and found.location is None
    frame = as_ana.to_frame("churn")
    assert frame["approved_by"].tolist() == ["ben"] and frame["measured_at"][0] == found.measured_at
    assert "ben" in found._repr_html_()
