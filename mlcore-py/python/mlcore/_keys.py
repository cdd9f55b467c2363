"""New private keys."""

from __future__ import annotations

import base64
import os
import secrets

from mlcore.exceptions import AlreadyExistsError, MissingFileError

#: What stands before the 32 bytes of a key of Ed25519 in PKCS #8: RFC 8410.
_HEAD = bytes.fromhex("302e020100300506032b657004220420")


def new_pem(path: os.PathLike[str] | str | None) -> str:
    """A new key as PEM, which is written into a new file of its own where one is named."""
    text = base64.b64encode(_HEAD + secrets.token_bytes(32)).decode()
    pem = f"-----BEGIN PRIVATE KEY-----\n{text}\n-----END PRIVATE KEY-----\n"
    if path is not None:
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError as cause:
            problem, remedy = "there is a file of this name", "name a new one"
            message = f"generate key {path}: {problem}; {remedy}"
            raise AlreadyExistsError(message, operation="generate key", subject=str(path), problem=problem, remedy=remedy) from cause
        except FileNotFoundError as cause:
            problem, remedy = "its folder does not exist", "make the folder first"
            message = f"generate key {path}: {problem}; {remedy}"
            raise MissingFileError(message, operation="generate key", subject=str(path), problem=problem, remedy=remedy) from cause
        with os.fdopen(descriptor, "w") as file:
            file.write(pem)
            file.flush()
            os.fsync(file.fileno())
    return pem
