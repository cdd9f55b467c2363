"""A PostgreSQL server for one test: its programs are Debian's package `postgresql`."""

import contextlib
import os
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path

import pytest


def programs():
    """The folder of the newest version's programs; None where it is not installed."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[4]))
    return found[-1].parent if found else Path(shutil.which("initdb")).parent if shutil.which("initdb") else None


@contextlib.contextmanager
def postgres():
    """A server with an empty database; answers its URL. It refuses to run as root, and runs as the user `postgres` then."""
    own = programs()
    if own is None:
        assert "CI" not in os.environ, "PostgreSQL is not installed (Debian: postgresql)"
        pytest.skip("PostgreSQL is not installed (Debian: postgresql)")
    user = {"user": "postgres", "group": "postgres", "extra_groups": []} if os.geteuid() == 0 else {}
    with tempfile.TemporaryDirectory(prefix="mlcore-postgres-", dir="/tmp") as folder, socket.socket() as taken:
        if user:
            shutil.chown(folder, "postgres", "postgres")
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        taken.close()
        run = {"cwd": folder} | user
        made = subprocess.run(
            [own / "initdb", "--username=mlcore", "--auth=trust", "--encoding=UTF8", "--no-sync", "--pgdata", f"{folder}/data"], capture_output=True, **run
        )
        assert made.returncode == 0, made.stderr.decode()
        command = [own / "postgres", "-D", f"{folder}/data", "-p", str(port), "-k", folder, "-c", "listen_addresses=127.0.0.1"]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **run)
        try:
            end = time.monotonic() + 60
            while subprocess.run([own / "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(port)], **run).returncode:
                assert process.poll() is None and time.monotonic() < end, "PostgreSQL does not answer"
                time.sleep(0.05)
            yield f"postgresql://mlcore@127.0.0.1:{port}/postgres"
        finally:
            process.terminate()
            process.wait(timeout=60)
