"""Checks a wheel's SHA-256 and unpacks chosen members into a folder, each one whole or not at all.

Usage: unpack_wheel.py WHEEL SHA256 FOLDER MEMBER...      (the last member appears last)
"""

import hashlib
import os
import sys
import tempfile
import zipfile


def main(wheel, expected, folder, *members):
    with open(wheel, "rb") as file:
        digest = hashlib.sha256(file.read()).hexdigest()
    if digest != expected:
        name = os.path.basename(wheel)
        sys.exit(f"{name} has SHA-256 {digest} and {expected} is pinned; make pip use PyPI, or report it")
    os.makedirs(folder, exist_ok=True)
    with zipfile.ZipFile(wheel) as archive:
        for member in members:
            # In the same folder, so that the rename below stays on one file system and is atomic.
            handle, partial = tempfile.mkstemp(prefix=".partial-", dir=folder)
            try:
                with os.fdopen(handle, "wb") as file:
                    file.write(archive.read(member))
                    file.flush()
                    os.fsync(file.fileno())
                os.chmod(partial, 0o644)
                os.replace(partial, os.path.join(folder, os.path.basename(member)))
            except BaseException:
                os.unlink(partial)
                raise


try:
    main(*sys.argv[1:])
except OSError as error:
    sys.exit(f"{error}; free some space there, or set MLCORE_CACHE to a folder that can be written")
