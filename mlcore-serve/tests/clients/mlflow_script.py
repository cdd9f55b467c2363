"""Every call of MLflow's REST that experiments, runs, models and artifacts know, as a list of steps that a `Recorder` runs in order.

`python mlflow_script.py ADDRESS FILE` runs it against the server there and writes the recording; `mlflow_tracking.py` runs it against two
servers and compares. A process of its own for each server, since the client remembers what a server can do.
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

STEPS = [
    step
    for module in (experiments, runs, metrics, search, logged_models, registered_models, model_versions, artifacts, fluent, page, errors)
    for step in module.STEPS
]


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
    address, file = sys.argv[1:]
    recording = record(address.rstrip("/"))
    with open(file, "w") as out:
        json.dump(recording, out, indent=1)
