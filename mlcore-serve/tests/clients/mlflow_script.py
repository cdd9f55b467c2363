"""Every call of MLflow's REST that experiments, runs, models and artifacts know, as a list of steps that a `Recorder` runs in order.

`python mlflow_script.py ADDRESS FILE [MODULE ...]` runs it, or the steps of these modules in their order, against the server there and writes the
recording; `mlflow_tracking.py` runs it against two servers and compares. A process of its own for each server, since the client remembers what a server can do.
"""

import json
import os
import sys
import time

# Before the client is imported: it reads some of these once.
os.environ |= {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "120",
    "MLFLOW_ENABLE_ASYNC_LOGGING": "false",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "LOGNAME": "tester",
    "GIT_PYTHON_REFRESH": "quiet",
    "TZ": "UTC",
}
for name in ("MLFLOW_TRACKING_URI", "MLFLOW_REGISTRY_URI", "MLFLOW_EXPERIMENT_NAME", "MLFLOW_EXPERIMENT_ID", "MLFLOW_RUN_ID"):
    os.environ.pop(name, None)

import mlflow

from mlflow_recorder import Recorder
from mlflow_steps import artifacts, errors, experiments, fluent, logged_models, metrics, model_versions, page, registered_models, runs, search

MODULES = (experiments, runs, metrics, search, logged_models, registered_models, model_versions, artifacts, fluent, page, errors)
STEPS = [step for module in MODULES for step in module.STEPS]


def steps_of(names):
    """The steps of the modules of these names; all where there are none. A step may ask for what a step of another module has made."""
    known = {module.__name__.rpartition(".")[2]: module for module in MODULES}
    unknown = set(names) - known.keys()
    assert not unknown, f"there are no steps called {unknown}, but {', '.join(known)}"
    return [step for name, module in known.items() if not names or name in names for step in module.STEPS]


def record(address, steps=STEPS):
    """The recording of these steps against the server at this address."""
    mlflow.set_tracking_uri(address)
    mlflow.set_registry_uri(address)
    recorder = Recorder(address)
    # The server made its first things before, when it was started.
    begin = int(time.time() * 1000) - 600_000
    with recorder.listening():
        for step in steps:
            recorder.run(step)
    return {"address": address, "begin": begin, "end": int(time.time() * 1000) + 1000, "steps": recorder.steps}


if __name__ == "__main__":
    address, file, *names = sys.argv[1:]
    recording = record(address.rstrip("/"), steps_of(names))
    with open(file, "w") as out:
        json.dump(recording, out, indent=1)
