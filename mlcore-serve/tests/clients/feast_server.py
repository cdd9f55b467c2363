"""The feature servers of these tests, and a client of each: a repository with a registry of its own whose online store is the server.

`MLCORE_TEST_FEATURES=feast` puts another stock server in the place of the program, which proves that the comparison itself finds nothing.
"""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import requests

import feast_repo
from program import serve

IS_STOCK = os.environ.get("MLCORE_TEST_FEATURES") == "feast"
FEAST = Path(sys.executable).with_name("feast")
QUIET = {"FEAST_USAGE": "False", "TZ": "UTC", "PYTHONWARNINGS": "ignore", "PYTHONDONTWRITEBYTECODE": "1"}


def apply(folder):
    done = subprocess.run([FEAST, "apply"], cwd=folder, env=os.environ | QUIET, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr


@contextlib.contextmanager
def stock(folder):
    """`feast serve` on SQLite; answers its address."""
    feast_repo.put(folder, "{type: sqlite, path: online.db}")
    apply(folder)
    with socket.socket() as own:
        own.bind(("127.0.0.1", 0))
        port = own.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    command = [FEAST, "serve", "--host", "127.0.0.1", "--port", str(port), "--no-access-log", "--workers", "1"]
    with open(folder / "log", "w") as log:
        # A group of its own: it starts processes of its own.
        process = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder, env=os.environ | QUIET, start_new_session=True)
    try:
        end = time.monotonic() + 120
        while True:
            with contextlib.suppress(requests.ConnectionError):
                if requests.get(f"{address}/health", timeout=5).ok:
                    break
            if process.poll() is not None or time.monotonic() > end:
                pytest.fail(f"feast serve does not answer:\n{(folder / 'log').read_text()}")
            time.sleep(0.1)
        yield address
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(timeout=60)


@contextlib.contextmanager
def ours(folder, *arguments):
    """The program on the same definitions and data; answers its address."""
    if IS_STOCK:
        with stock(folder) as address:
            yield address
        return
    feast_repo.put(folder, "{type: sqlite, path: online.db}")
    with serve("--feature-store", str(folder), *arguments) as running:
        assert running.wait(), running.logged()
        yield f"http://127.0.0.1:{running.port}"


def client(folder, address, auth=None):
    """A stock store with a registry of its own, whose online features are the server's."""
    from feast import FeatureStore

    feast_repo.put(folder, f'{{type: remote, path: "{address}", connection_retries: 0}}')
    if auth:
        with open(folder / "feature_store.yaml", "a") as file:
            file.write(f"auth: {auth}\n")
    apply(folder)
    return FeatureStore(repo_path=str(folder))
