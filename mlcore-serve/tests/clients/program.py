"""The program `mlcore-serve`, started for one test: `MLCORE_TEST_PROGRAM` is its path."""

import contextlib
import os
import re
import subprocess
import tempfile
import time
from pathlib import Path

import pytest

PROGRAM = os.environ.get("MLCORE_TEST_PROGRAM", str(Path(__file__).parents[3] / "target/debug/mlcore-serve"))


class Running:
    """A program that serves: its port, and what it has logged so far."""

    def __init__(self, process, log):
        self.process, self.log = process, Path(log)
        self.port = None

    def logged(self):
        return self.log.read_text()

    def wait(self, seconds=60):
        """Waits until it serves; answers whether it does, and false where it ended."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            found = re.search(r"serving over HTTP address=\S+:(\d+)", self.logged())
            if found:
                self.port = int(found[1])
                return True
            if self.process.poll() is not None:
                return False
            time.sleep(0.02)
        pytest.fail(f"it does not serve:\n{self.logged()}")


@contextlib.contextmanager
def serve(*arguments, **variables):
    """Runs it with these arguments and variables, of which None takes one away, and asks it to stop in the end."""
    own = {key: value for key, value in os.environ.items() if not key.startswith(("MLFLOW_", "MODEL_"))}
    own |= {"MLCORE_HTTP_PORT": "0", "MLCORE_GRPC_PORT": "0", "MLCORE_METRICS_PORT": "0"} | variables
    own = {key: value for key, value in own.items() if value is not None}
    with tempfile.NamedTemporaryFile("w") as log:
        process = subprocess.Popen([PROGRAM, *arguments], env=own, stdout=subprocess.DEVNULL, stderr=log)
        try:
            yield Running(process, log.name)
        finally:
            process.terminate()
            process.wait(timeout=60)
