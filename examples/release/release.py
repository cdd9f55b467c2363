"""From a version to production and to another machine: a policy, two people, a card, a signature, and a folder that needs no registry."""

import sys
from pathlib import Path

import mlcore
import numpy as np
from mlcore.package import Bundle
from mlcore.registry import Condition, PromotionPolicy
from mlcore.signing import KeyRing, SigningKey, TrustedKey


def release(folder, model, rows):
    key = SigningKey.generate(folder / "release.pem")
    trust = KeyRing([TrustedKey(key.public_key, "release team", models=["churn"])])
    # Two people, each by a handle of their own.
    ana, ben = (mlcore.Registry(folder / "registry.db", actor=actor) for actor in ("ana", "ben"))
    version = ana.register("churn", model, metrics={"auc": 0.83, "drift.findings": 0}, tags={"team": "growth"}).version
    ana.transition("churn", version, "staging")
    ana.set_policy(
        "churn",
        PromotionPolicy(
            [
                Condition.metric_at_least("auc", 0.8),
                Condition.no_regression("auc", greater_is_better=True, by_at_most=0.01),
                Condition.drift_clean(),
                Condition.card_present(),
                Condition.signed(key.public_key.id),
                Condition.approvals(1),
            ],
            aliases=["champion"],
        ),
    )
    try:
        ana.promote("churn", version)
    except mlcore.PolicyNotMetError as refused:
        print("missing:", ", ".join(check.condition.require for check in refused.verdict.unmet))
    ana.set_card("churn", version, "Who leaves within a month. For marketing; not for decisions about credit.")
    ana.sign("churn", version, key, signer="ana@example.com")
    ben.approve("churn", version, reason="looked at the errors of the last month")
    entry = ana.promote("churn", version)
    print("released:", entry.verdict.is_met, "by entry", entry.sequence)
    (folder / "card.md").write_text(ana.card("churn", version).to_markdown(), encoding="utf-8")
    # What runs elsewhere: the champion by its digests, in a folder that opens without a registry and only if it is signed.
    lock = ana.lock("churn@champion")
    lock.save(folder / "mlcore.lock.json")
    Bundle.write(folder / "bundle", lock, ana)
    ana.back_up(folder / "monday.db")
    elsewhere = Bundle.open(folder / "bundle")
    runner = elsewhere.registry.load("churn", "champion", trust=trust)
    print("answers:", {name: list(answer.shape) for name, answer in runner.run(rows).items()})
    return ana.lineage("churn", version)


if __name__ == "__main__":
    place = Path(sys.argv[1] if len(sys.argv) > 1 else ".")
    onnx = Path(sys.argv[2] if len(sys.argv) > 2 else "testdata/models/runner/rf30.onnx")
    graph = release(place, onnx, np.zeros((4, 30), dtype=np.float32))
    print(graph.to_mermaid())
