"""Signatures, packages, locks and bundles: what travels, and who says that it is theirs."""

from __future__ import annotations

import datetime
import hashlib
import json
import os
import pickle
import shutil
import stat

import made
import numpy as np
import pytest
from conftest import MODELS

import mlcore
from mlcore.package import Bundle, Lock, ModelPackage
from mlcore.registry import Condition
from mlcore.signing import KeyRing, PublicKey, SigningKey, TrustedKey

FOREST = MODELS / "runner" / "rf30.onnx"


@pytest.fixture
def key():
    return SigningKey.generate()


@pytest.fixture
def trust(key):
    return KeyRing([TrustedKey(key.public_key, "release team", models=["churn", "sum*"])])


def test_keys_are_made_kept_and_read(tmp_path):
    path = tmp_path / "key.pem"
    made_key = SigningKey.generate(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    read = SigningKey.from_file(path)
    assert read.public_key == made_key.public_key == SigningKey.from_pem(path.read_text()).public_key
    assert made_key.public_key != SigningKey.generate().public_key
    public = PublicKey.from_pem(made_key.public_key.to_pem())
    assert public == made_key.public_key and public.id.startswith("sha256:") and len({public, made_key.public_key}) == 1
    secret = "".join(path.read_text().splitlines()[1:-1])
    assert secret not in repr(made_key) and public.id in repr(made_key)
    with pytest.raises(mlcore.AlreadyExistsError):
        SigningKey.generate(path)
    with pytest.raises(FileNotFoundError):
        SigningKey.generate(tmp_path / "absent" / "key.pem")
    with pytest.raises(TypeError):
        pickle.dumps(made_key)
    os.chmod(path, 0o644)
    with pytest.raises(PermissionError, match="chmod 600"):
        SigningKey.from_file(path)
    for text in ("", "no key", made_key.public_key.to_pem()):
        with pytest.raises(ValueError, match="it is no private key of Ed25519"):
            SigningKey.from_pem(text)
        if "PUBLIC" not in text:
            with pytest.raises(ValueError, match="it is no public key of Ed25519"):
                PublicKey.from_pem(text)
    with pytest.raises(FileNotFoundError):
        SigningKey.from_file(tmp_path / "absent.pem")


def test_rings_are_files(tmp_path, key):
    until = datetime.datetime(2031, 6, 30, tzinfo=datetime.timezone.utc)
    trusted = TrustedKey(key.public_key.to_pem(), "release team", models=["churn", "fraud-*"], since=0, until=until)
    assert (trusted.owner, trusted.models, trusted.until, trusted.revoked) == ("release team", ["churn", "fraud-*"], until, False)
    assert trusted.since == datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc) and trusted.key == key.public_key
    assert trusted.is_for("fraud-cards") and not trusted.is_for("pricing")
    ring = KeyRing([trusted])
    (tmp_path / "ring.json").write_text(ring.to_json())
    assert KeyRing.from_file(tmp_path / "ring.json") == KeyRing.from_json(ring.to_json()) == ring and ring.keys == [trusted] and len(ring) == 1
    with pytest.raises(ValueError, match="twice"):
        KeyRing([trusted, TrustedKey(key.public_key, "others")])
    for text in ("[]", "{", '{"keys": [{"key": "x", "owner": "o", "models": []}]}'):
        with pytest.raises(ValueError):
            KeyRing.from_json(text)
    for bad in (None, 7, b"x"):
        with pytest.raises(TypeError, match="trust key key: a public key or its PEM is expected"):
            TrustedKey(bad, "owner")


def test_a_version_is_signed_and_held_to_it(churn, key, trust):
    with pytest.raises(PermissionError, match="it is not signed"):
        churn.load("churn", "champion", trust=trust)
    signed = churn.sign("churn", 1, key, signer="ana@example.com")
    (kept,) = signed.signatures
    assert kept.key == key.public_key.id and kept.artifact == signed.artifact and json.loads(kept.signature)["signatures"]
    verified = churn.verify_signature("churn", "champion", trust)
    assert (verified.owner, verified.signer, verified.model, verified.key) == ("release team", "ana@example.com", "churn", key.public_key.id)
    assert verified.parts["artifact"] == signed.artifact and verified.signed_at.tzinfo is not None
    answer = churn.load("churn", "champion", trust=trust).run(np.zeros((1, 30), dtype=np.float32))
    assert answer
    with pytest.raises(PermissionError):
        churn.load("churn", 2, trust=trust)
    nobody = KeyRing([TrustedKey(SigningKey.generate().public_key, "others", models=["*"])])
    expired = KeyRing([TrustedKey(key.public_key, "release team", models=["*"], until=1_600_000_000)])
    revoked = KeyRing([TrustedKey(key.public_key, "release team", models=["*"], revoked=True)])
    elsewhere = KeyRing([TrustedKey(key.public_key, "release team", models=["fraud"])])
    for ring, words in ((nobody, "which this host does not know"), (expired, "the key expired"), (revoked, "revoked"), (elsewhere, "not trusted for this name"), (KeyRing(), "does not know")):
        with pytest.raises(PermissionError, match=words):
            churn.verify_signature("churn", 1, ring)
    # What belongs to it is signed, too.
    churn.set_tag("churn", "mlcore.golden", "sha256:" + "0" * 64, version=1)
    with pytest.raises(mlcore.CorruptError, match="its signature says nothing of the golden"):
        churn.load("churn", 1, trust=trust)
    churn.register_external("outside", "s3://models/outside")
    with pytest.raises(NotImplementedError, match="it is external"):
        churn.sign("outside", 1, key)


def test_a_policy_asks_for_a_signature(churn, key):
    churn.set_policy("churn", Condition.signed(key.public_key.id))
    with pytest.raises(mlcore.PolicyNotMetError, match="a signature of sha256:"):
        churn.promote("churn", 2)
    churn.sign("churn", 2, SigningKey.generate())
    assert not churn.policy_verdict("churn", 2).is_met
    churn.sign("churn", 2, key)
    assert churn.promote("churn", 2).verdict.is_met and len(churn.version("churn", 2).signatures) == 2


def test_an_endpoint_serves_what_is_signed_alone(churn, key, trust):
    with pytest.raises(PermissionError, match="it is not signed"):
        mlcore.Endpoint(churn, "churn", trust=trust)
    churn.sign("churn", 1, key)
    endpoint = mlcore.Endpoint(churn, "churn", trust=trust, follow_interval=None)
    rows = np.zeros((1, 30), dtype=np.float32)
    assert endpoint.predict(rows, unit="u").version == 1
    churn.promote("churn", 2)
    with pytest.raises(PermissionError, match="it is not signed"):
        endpoint.refresh()
    assert endpoint.predict(rows, unit="u").version == 1, "what is refused is not released"


def test_a_package_travels_with_everything(tmp_path, key, trust):
    rows = [{"x": np.full((1, 2), value, dtype=np.float32)} for value in (0.0, 1.5, -3.0)]
    plan = mlcore.features.ColumnTransformer([("scale", mlcore.features.StandardScaler(), ["a", "b"])]).fit({"a": [1.0, 2.0], "b": [1.0, 2.0]})
    monitor = mlcore.drift.MonitorReference({"a": [float(row) for row in range(300)]})
    package = ModelPackage.create("sum", made.linear(2), plan=plan, monitor=monitor, golden=rows, card="# Sum\n")
    assert (package.name, package.format, package.golden_cases, package.card, package.signed_by) == ("sum", "onnx", 3, "# Sum\n", None)
    assert [field.name for field in package.inputs] == ["x"] and package.plan.plan_hash == plan.plan().plan_hash
    package.write(tmp_path / "sum", key=key, signer="ana")
    files = sorted(path.name for path in (tmp_path / "sum").rglob("*") if path.is_file())
    assert files == ["card.md", "golden.json", "mlcore-model.json", "model.onnx", "monitor.bin", "plan.json", "signature.dsse.json", "signature.json"]
    with pytest.raises(mlcore.AlreadyExistsError):
        package.write(tmp_path / "sum")
    opened = ModelPackage.open(tmp_path / "sum", trust=trust)
    assert opened.digest == package.digest and opened.signed_by.owner == "release team" and opened.parts["golden.json"]["role"] == "golden"
    expected = mlcore.Runner(made.linear(2)).run(rows[1])["y"]
    assert (opened.load().run(rows[1])["y"] == expected).all()
    with mlcore.Registry(tmp_path / "registry.db") as registry:
        version = opened.register(registry, tags={"from": "package"}, metrics={"auc": 0.8}, description="as it came")
        assert version.plan_hash == plan.plan().plan_hash and version.monitor and version.metrics == {"auc": 0.8} and version.tags["from"] == "package"
        assert (registry.load("sum", 1).run(rows[1])["y"] == expected).all() and registry.card("sum", 1).attached == "# Sum\n"
        assert registry.scrub()["damaged"] == []
        again = ModelPackage.of(registry, "sum", 1)
        assert again.digest == package.digest
        assert opened.register(registry, name="other").model == "other"
        registry.register_external("outside", "s3://models/outside")
        with pytest.raises(NotImplementedError, match="it is external"):
            ModelPackage.of(registry, "outside", 1)
    others = KeyRing([TrustedKey(SigningKey.generate().public_key, "others", models=["*"])])
    with pytest.raises(PermissionError, match="does not know"):
        ModelPackage.open(tmp_path / "sum", trust=others)
    ModelPackage.create("sum", made.linear(2)).write(tmp_path / "unsigned")
    assert ModelPackage.open(tmp_path / "unsigned").golden_cases == 0
    with pytest.raises(PermissionError, match="it is not signed"):
        ModelPackage.open(tmp_path / "unsigned", trust=trust)


def test_a_directory_that_was_changed_is_refused(tmp_path):
    package = ModelPackage.create("sum", made.linear(2), golden={"x": np.ones((1, 2), dtype=np.float32)}, card="words")
    package.write(tmp_path / "whole")

    def changed(name, change):
        folder = tmp_path / name
        shutil.copytree(tmp_path / "whole", folder)
        change(folder)
        with pytest.raises(mlcore.Error) as caught:
            ModelPackage.open(folder)
        return type(caught.value)

    assert changed("bytes", lambda folder: (folder / "card.md").write_text("other")) is mlcore.CorruptError
    assert changed("less", lambda folder: (folder / "card.md").unlink()) is mlcore.CorruptError
    assert changed("more", lambda folder: (folder / "more.txt").write_text("x")) is mlcore.CorruptError
    assert changed("link", lambda folder: ((folder / "card.md").unlink(), (folder / "card.md").symlink_to("/etc/passwd"))) is mlcore.InvalidInputError
    assert changed("none", lambda folder: (folder / "mlcore-model.json").write_text("{}")) is mlcore.InvalidInputError
    with pytest.raises(FileNotFoundError):
        ModelPackage.open(tmp_path / "absent")


def test_golden_vectors_find_a_model_that_answers_otherwise(tmp_path):
    ones = {"x": np.ones((1, 2), dtype=np.float32)}
    folder = tmp_path / "sum"
    ModelPackage.create("sum", made.linear(2), golden=ones).write(folder)
    assert ModelPackage.open(folder).load().run(ones)["y"].tolist() == [[2.0]]
    # What a model answers elsewhere differs: written down as a stranger would, with digests that fit.
    golden = (folder / "golden.json").read_text()
    other = golden.replace("2.0", "2.5")
    assert other != golden
    (folder / "golden.json").write_text(other)
    manifest = json.loads((folder / "mlcore-model.json").read_text())
    manifest["parts"]["golden.json"].update(digest="sha256:" + hashlib.sha256(other.encode()).hexdigest(), size=len(other))
    (folder / "mlcore-model.json").write_text(json.dumps(manifest))
    with pytest.raises(mlcore.InvalidModelError, match="check golden vectors sum, case 0: its output .* and .*2.5.* is expected"):
        ModelPackage.open(folder).load()
    for bad, error, words in (
        ({"golden": []}, ValueError, "there are none"),
        ({"golden": {"z": np.ones((1, 2), dtype=np.float32)}}, ValueError, "z"),
        ({"golden": ones, "rtol": 2.0}, ValueError, "a tolerance"),
        ({"golden": ones, "atol": -1.0}, ValueError, "a tolerance"),
    ):
        with pytest.raises(error, match=words):
            ModelPackage.create("sum", made.linear(2), **bad)
    with pytest.raises(NotImplementedError, match="only ONNX models are asked"):
        ModelPackage.create("text", b"any bytes", format="text", golden=ones)
    with pytest.raises(mlcore.InvalidModelError):
        ModelPackage.create("sum", b"no model")
    with pytest.raises(ValueError, match="parse model name"):
        ModelPackage.create("../up", made.linear(2))


def test_a_lock_repeats_a_deployment(churn, tmp_path):
    lock = churn.lock("churn@champion", "churn/2")
    assert lock.models == {"churn": {"aliases": {"champion": 1}, "versions": [1, 2]}} and str(lock) == "churn@champion: version 1"
    assert lock.alias("churn", "champion").artifact == churn.version("churn", 1).artifact
    assert churn.lock("churn").models["churn"]["aliases"] == {"champion": 1, "canary": 2}
    lock.save(tmp_path / "mlcore.lock.json")
    lock.save(tmp_path / "mlcore.lock.json")
    assert Lock.from_file(tmp_path / "mlcore.lock.json") == Lock.from_json(lock.to_json()) == lock
    assert [path.name for path in tmp_path.glob("mlcore.lock*")] == ["mlcore.lock.json"]
    churn.promote("churn", 2)
    lock.check(churn)
    churn.set_tag("churn", "mlcore.golden", "sha256:" + "0" * 64, version=2)
    with pytest.raises(mlcore.CorruptError, match="churn/2"):
        lock.check(churn)
    assert abs((datetime.datetime.now(datetime.timezone.utc) - lock.resolved_at).total_seconds()) < 300
    for asks, error, words in (
        ((), ValueError, "nothing is asked for"),
        (("churn@absent",), KeyError, "no version carries this alias"),
        (("churn/9",), KeyError, "churn"),
        (("absent",), KeyError, "absent"),
        (("churn/x",), ValueError, "version"),
        (("../up",), ValueError, "model name"),
    ):
        with pytest.raises(error, match=words):
            churn.lock(*asks)
    for text in ("{}", "[]", "no json"):
        with pytest.raises(ValueError):
            Lock.from_json(text)
    with pytest.raises(FileNotFoundError):
        Lock.from_file(tmp_path / "absent.json")


def test_a_bundle_opens_without_a_registry(churn, tmp_path, key, trust):
    churn.sign("churn", 1, key)
    lock = churn.lock("churn@champion")
    rows = np.zeros((2, 30), dtype=np.float32)
    expected = churn.load("churn", "champion").run(rows)
    Bundle.write(tmp_path / "bundle", lock, churn)
    churn.close()
    bundle = Bundle.open(tmp_path / "bundle")
    bundle.verify()
    assert bundle.lock == lock
    registry = bundle.registry
    found = registry.load("churn", "champion", trust=trust).run(rows)
    assert all((found[name] == expected[name]).all() for name in expected)
    assert mlcore.Endpoint(registry, "churn", trust=trust).predict(rows[:1], unit="u").version == 1
    with pytest.raises(NotImplementedError):
        registry.back_up(tmp_path / "x.db")
    with pytest.raises(mlcore.AlreadyExistsError):
        Bundle.write(tmp_path / "bundle", lock, registry)
    stored = [path for path in (tmp_path / "bundle" / "artifacts").rglob("*") if path.is_file()]
    model = max(stored, key=lambda path: path.stat().st_size)
    os.chmod(model, 0o644)
    model.write_bytes(model.read_bytes()[:-1] + b"x")
    with pytest.raises(mlcore.CorruptError):
        Bundle.open(tmp_path / "bundle").verify()
    model.unlink()
    with pytest.raises(mlcore.CorruptError, match="missing"):
        Bundle.open(tmp_path / "bundle")
    with pytest.raises(FileNotFoundError):
        Bundle.open(tmp_path / "absent")
