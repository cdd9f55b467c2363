"""The tracking servers of these tests, started for one test and stopped after it.

`MLCORE_TEST_TRACKING` chooses the server under test: `mlflow` is another stock server, which proves that the comparison itself finds
nothing; `mlcore` is the program of `MLCORE_TEST_PROGRAM`, on SQLite or on what `MLCORE_TEST_REGISTRY` names. Without a choice these tests skip.
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

from program import serve

UNDER_TEST = os.environ.get("MLCORE_TEST_TRACKING", "")
# What the program keeps its runs and models in, instead of an SQLite file of its own: an empty database of PostgreSQL.
REGISTRY = os.environ.get("MLCORE_TEST_REGISTRY", "")


def free_port():
    with socket.socket() as own:
        own.bind(("127.0.0.1", 0))
        return own.getsockname()[1]


@contextlib.contextmanager
def stock(folder, python=sys.executable):
    """`mlflow server` on SQLite with one worker that hands its artifacts out; answers its address."""
    folder, port = Path(folder), free_port()
    folder.mkdir(parents=True, exist_ok=True)
    address = f"http://127.0.0.1:{port}"
    command = [
        str(python), "-m", "mlflow", "server", "--backend-store-uri", f"sqlite:///{folder}/mlflow.db",
        "--artifacts-destination", f"{folder}/artifacts", "--serve-artifacts", "--host", "127.0.0.1", "--port", str(port),
        "--workers", "1",
    ]
    variables = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true", "TZ": "UTC"}
    with open(folder / "log", "w") as log:
        # A group of its own: it starts processes of its own.
        process = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder, env=os.environ | variables, start_new_session=True)
    try:
        end = time.monotonic() + 120
        while True:
            with contextlib.suppress(requests.ConnectionError):
                if requests.get(f"{address}/health", timeout=5).ok:
                    break
            if process.poll() is not None or time.monotonic() > end:
                pytest.fail(f"mlflow server does not answer:\n{(folder / 'log').read_text()}")
            time.sleep(0.1)
        yield address
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(timeout=60)


@contextlib.contextmanager
def under_test(folder):
    """The server that is compared with the stock one; answers its address."""
    folder = Path(folder)
    if UNDER_TEST == "mlflow":
        with stock(folder) as address:
            yield address
        return
    folder.mkdir(parents=True, exist_ok=True)
    with serve("--registry", REGISTRY or f"sqlite:///{folder.resolve()}/registry.db", "--artifacts", str(folder / "artifacts")) as running:
        assert running.wait(), running.logged()
        yield f"http://127.0.0.1:{running.port}"


def skip_unless_there():
    """Skips where no server under test is chosen."""
    if not UNDER_TEST:
        pytest.skip("MLCORE_TEST_TRACKING chooses the server under test: mlflow, or mlcore")
