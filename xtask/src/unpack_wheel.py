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
        sys.exit(f"{os.path.basename(wheel)} has SHA-256 {digest}, pinned is {expected}")
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


main(*sys.argv[1:])
