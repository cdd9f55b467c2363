"""Signatures: who says that a version is theirs, and whom does a host believe?

Keys are those of Ed25519 in PEM; what is signed is a statement of in-toto in a DSSE envelope, as OpenSSF's model signing has it.

>>> import mlcore
>>> from mlcore.signing import KeyRing, SigningKey, TrustedKey
>>> ours, theirs = SigningKey.generate(), SigningKey.generate()
>>> registry = mlcore.Registry("memory:", actor="ana")
>>> _ = registry.register("churn", b"any bytes", format="text")
>>> _ = registry.sign("churn", 1, theirs)
>>> trust = KeyRing([TrustedKey(ours.public_key, "release team", models=["*"])])
>>> try:
...     registry.verify_signature("churn", 1, trust)
... except PermissionError as error:
...     print("which this host does not know" in str(error))
True
"""

from mlcore._mlcore.signing import *
