"""The tracking servers of these tests, started for one test and stopped after it.

`MLCORE_TEST_TRACKING` chooses the server under test: `mlflow` is another stock server, which proves that the comparison itself finds
nothing; `mlcore` is the program of `MLCORE_TEST_PROGRAM`. Without a choice these tests skip.
"""

import contextlib
import importlib.metadata
import os
import shutil
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
#: MLflow makes an empty store by all migrations that it ever had, which takes seconds: it is made once, and copied.
EMPTY = Path(__file__).parents[3] / "target" / f"mlflow-{importlib.metadata.version('mlflow-skinny')}.db"
MAKE_EMPTY = """
import sys, sqlalchemy
from mlflow.store.db.utils import _initialize_tables
engine = sqlalchemy.create_engine("sqlite:///" + sys.argv[1])
_initialize_tables(engine)
engine.dispose()
"""


def empty_store(path):
    """An empty store of MLflow's in a file of SQLite that is not there yet."""
    if not EMPTY.exists():
        EMPTY.parent.mkdir(exist_ok=True)
        made = EMPTY.with_suffix(f".{os.getpid()}")
        subprocess.run([sys.executable, "-c", MAKE_EMPTY, made], check=True, capture_output=True)
        os.replace(made, EMPTY)
    shutil.copy(EMPTY, path)


def free_port():
    with socket.socket() as own:
        own.bind(("127.0.0.1", 0))
        return own.getsockname()[1]


@contextlib.contextmanager
def stock(folder, python=sys.executable, store=None):
    """`mlflow server` with one worker that hands its artifacts out, on SQLite or on `store`; answers its address."""
    folder, port = Path(folder), free_port()
    folder.mkdir(parents=True, exist_ok=True)
    if store is None and python == sys.executable:
        empty_store(folder / "mlflow.db")
    address = f"http://127.0.0.1:{port}"
    command = [
        str(python), "-m", "mlflow", "server", "--backend-store-uri", store or f"sqlite:///{folder}/mlflow.db",
        "--artifacts-destination", f"{folder}/artifacts", "--serve-artifacts", "--host", "127.0.0.1", "--port", str(port),
        "--workers", "1",
    ]
    variables = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_ALLOW_FILE_STORE": "true", "TZ": "UTC"}
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
def under_test(folder, registry=None, **variables):
    """The server that is compared with the stock one, in a file of its own or what `registry` names; answers its address."""
    folder = Path(folder)
    if UNDER_TEST == "mlflow":
        with stock(folder) as address:
            yield address
        return
    folder.mkdir(parents=True, exist_ok=True)
    registry = registry or f"sqlite:///{folder.resolve()}/registry.db"
    with serve("--registry", registry, "--artifacts", str(folder / "artifacts"), **variables) as running:
        assert running.wait(), running.logged()
        yield f"http://127.0.0.1:{running.port}"


def skip_unless_there():
    """Skips where no server under test is chosen."""
    if not UNDER_TEST:
        pytest.skip("MLCORE_TEST_TRACKING chooses the server under test: mlflow, or mlcore")
