"""Signatures, key rings, locks, golden vectors and manifests of packages: a letter that says which, and JSON."""

import base64
import json

PEM = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n-----END PUBLIC KEY-----\n"
DIGEST = "sha256:" + "ab" * 32
COLUMN = {"name": "x", "dtype": "float64"}


def text(letter, value):
    return letter.encode() + (value if isinstance(value, str) else json.dumps(value)).encode()


def envelope(payload=b"{}", key=DIGEST, signature=bytes(64), count=1, kind="application/vnd.in-toto+json", **more):
    signed = {"keyid": key, "sig": base64.b64encode(signature).decode()}
    return {"payloadType": kind, "payload": base64.b64encode(payload).decode(), "signatures": [signed] * count, **more}


def key(**more):
    return {"key": PEM, "owner": "release team", "models": ["churn", "fraud-*"], **more}


def version(number=1, model="churn", **more):
    """A version as a registry writes it."""
    signature = {"inputs": [COLUMN], "outputs": [{**COLUMN, "name": "y"}]}
    made = {"model": model, "version": number, "artifact": DIGEST, "format": "onnx", "signature": signature, "stage": "dev"}
    return {**made, "lineage": {}, "created_at": 0, "created_by": "ana", "updated_at": 0, **more}


def lock(versions, aliases=None, format=1, model="churn"):
    locked = {"aliases": aliases or {}, "versions": versions}
    return {"mlcore_lock": format, "resolved_at": "2026-11-27T00:00:00Z", "models": {model: locked}}


def golden(outputs, absolute=1e-6, relative=1e-5):
    inputs = [{"name": "x", "dtype": "float64", "shape": [1], "data": [1.0]}]
    return {"absolute": absolute, "relative": relative, "cases": [{"inputs": inputs, "outputs": outputs}]}


def package(*paths, format=1):
    return {"mlcore_package": format, "files": {path: {"digest": DIGEST, "size": 1} for path in paths}}


def package_bytes():
    statement = {"_type": "https://in-toto.io/Statement/v1", "subject": []}
    answer = [{"name": "y", "dtype": "float64", "shape": [1], "data": [2.0]}]
    yield "envelope", text("e", envelope())
    yield "envelope_statement", text("e", envelope(json.dumps(statement).encode()))
    yield "envelope_known_key", text("e", envelope(key="sha256:" + "00" * 32, count=16))
    yield "envelope_many", text("e", envelope(count=17))
    yield "envelope_short", text("e", envelope(signature=bytes(63)))
    yield "envelope_other", text("e", envelope(kind="text/plain"))
    yield "envelope_more", text("e", envelope(more=1))
    yield "ring", text("k", {"keys": [key(), ]})
    yield "ring_until", text("k", {"keys": [key(until="2027-06-30T00:00:00Z", revoked=True)]})
    yield "ring_empty", text("k", {"keys": []})
    yield "ring_twice", text("k", {"keys": [key(), key()]})
    yield "ring_unknown", text("k", {"keys": [key(trusted=True)]})
    yield "lock", text("l", lock([version(), version(3)], {"champion": 3}))
    yield "lock_stages", text("l", lock([version(stage="production"), version(2, stage="archived")], {"old": 2}))
    yield "lock_two_in_production", text("l", lock([version(stage="production"), version(2, stage="production")]))
    yield "lock_empty", text("l", lock([]))
    yield "lock_dangling", text("l", lock([version()], {"champion": 2}))
    yield "lock_unordered", text("l", lock([version(2), version(1)]))
    yield "lock_of_another", text("l", lock([version(model="other")]))
    yield "lock_later", text("l", lock([version()], format=2))
    yield "golden", text("g", golden(answer))
    yield "golden_odd", text("g", golden([{**answer[0], "data": ["NaN"]}]))
    yield "golden_shape", text("g", golden([{**answer[0], "shape": [1 << 62, 8]}]))
    yield "golden_tolerance", text("g", golden(answer, relative=2))
    yield "golden_negative", text("g", golden(answer, absolute=-1))
    yield "package", text("p", package("model.onnx", "weights/a.bin"))
    yield "package_case", text("p", package("a", "A"))
    yield "package_leaves", text("p", package("../a"))
    yield "package_nested", text("p", package("a", "a/b"))
    yield "package_later", text("p", package("a", format=2))
    yield "package_deep", text("p", "[" * 1000)


def words():
    yield from "payloadType payload signatures keyid sig keys owner models from until revoked mlcore_lock resolved_at aliases".split()
    yield from "versions absolute relative cases inputs outputs mlcore_package files digest size sha256: _type subject predicate".split()
