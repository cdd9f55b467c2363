"""The stock `mlflow` client 3.17.2 asks the server under test all that it asks a stock `mlflow server`, and the answers are compared call by call.

Run as `MLCORE_TEST_TRACKING=mlflow pytest mlflow_tracking.py` to compare two stock servers, which must not differ at all, and as
`MLCORE_TEST_TRACKING=mlcore MLCORE_TEST_PROGRAM=mlcore-serve pytest mlflow_tracking.py` to compare the program, with
`MLCORE_TEST_STEPS="experiments runs"` by the steps of these modules alone. `MLFLOW.md` beside it says
what the calls are; `mlflow_differs.py` lists what may differ, with the reason.
"""

import copy
import json
import os
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from mlflow_compare import compare
from mlflow_differs import DIFFERS
from mlflow_endpoints import ELSEWHERE, hit, services
from mlflow_server import UNDER_TEST, skip_unless_there, stock, under_test

# The modules of steps that are compared; all where there are none.
CHOSEN = os.environ.get("MLCORE_TEST_STEPS", "").split()
# So many differences are shown; the others stand in a file.
SHOWN = 40
SCRIPT = Path(__file__).with_name("mlflow_script.py")


def recorded(address, file):
    """The recording of the script against the server at this address; in a process of its own, as the client remembers servers."""
    done = subprocess.run([sys.executable, SCRIPT, address, file, *CHOSEN], capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(Path(file).read_text())


@pytest.fixture(scope="module")
def reference(tmp_path_factory):
    folder = tmp_path_factory.mktemp("stock")
    with stock(folder) as address:
        return recorded(address, folder / "recording.json")


def test_the_script_runs_to_its_end_on_the_stock_server(reference):
    stopped = [(step["step"], call) for step in reference["steps"] for call in step["calls"] if "stopped" in call]
    assert not stopped


@pytest.mark.skipif(bool(CHOSEN), reason="some steps are left out")
def test_every_endpoint_of_the_services_is_asked_or_left_out_with_a_reason(reference):
    asked = hit(reference)
    missing = [f"{method} {path}" for method, path in services() if (method, path) not in asked and not ELSEWHERE.reason(path)]
    assert not missing, "\n".join(missing)
    idle = [pattern for pattern in ELSEWHERE.patterns if not any(re.search(pattern, path) for _, path in services())]
    assert not idle, idle


def test_the_answers_are_those_of_the_stock_server(reference, tmp_path):
    skip_unless_there()
    with under_test(tmp_path) as address:
        own = recorded(address, tmp_path / "recording.json")
    # Two stock servers are equal without an excuse.
    differences, excused = compare(reference, own, [] if UNDER_TEST == "mlflow" else DIFFERS)
    calls = sum(len(step["calls"]) for step in reference["steps"])
    print(f"{len(reference['steps'])} steps, {calls} calls, {len(differences)} differ, excused: {excused}")
    whole = tmp_path / "differences.txt"
    whole.write_text("\n".join(differences))
    steps = Counter(each.split(",")[0].split(":")[0] for each in differences)
    assert not differences, "\n".join([f"{len(differences)} of {calls} calls differ, all in {whole}; by step: {dict(steps)}", *differences[:SHOWN]])


# Each changes one answer of a recording; the difference must be told at exactly this place.
CORRUPTIONS = [
    ("get_runs", lambda call: call.get("status") == 200 and "run" in call.get("json", {}), ["run", "info", "status"], "KILLED", "$.json.run.info.status"),
    ("read_history", lambda call: len(call.get("json", {}).get("metrics", [])) > 3, ["metrics", 2, "value"], 1.0, "$.json.metrics[2].value"),
    ("get_registered_models", lambda call: call.get("status") == 404, ["error_code"], "NOT_FOUND", "$.json.error_code"),
    ("get_model_versions", lambda call: call.get("status") == 200, ["model_version", "current_stage"], "Staging", "$.json.model_version.current_stage"),
    ("list_artifacts", lambda call: "loose" not in call and call.get("json", {}).get("files"), ["files", 0, "is_dir"], "true", "$.json.files[0].is_dir"),
    ("get_experiments", lambda call: call.get("status") == 200, ["experiment", "creation_time"], 5, "$.json.experiment.creation_time"),
    ("create_runs", lambda call: call.get("json", {}).get("run"), ["run", "info", "run_id"], "f" * 32, "$.json.run.info.run_id"),
]


@pytest.mark.skipif(bool(CHOSEN), reason="some steps are left out")
@pytest.mark.parametrize("step, fits, place, value, told", CORRUPTIONS, ids=[case[-1] for case in CORRUPTIONS])
def test_a_corrupted_answer_is_told_at_its_place(reference, step, fits, place, value, told):
    own = copy.deepcopy(reference)
    calls = next(each["calls"] for each in own["steps"] if each["step"] == step)
    target = next(call for call in calls if "json" in call and fits(call))["json"]
    for key in place[:-1]:
        target = target[key]
    assert target[place[-1]] != value
    target[place[-1]] = value
    differences, _ = compare(reference, own)
    assert differences and differences[0].startswith(step), differences
    assert f"{told}: due " in differences[0], differences


def test_equal_recordings_do_not_differ_and_a_missing_call_does(reference):
    assert compare(reference, reference, [])[0] == []
    own = copy.deepcopy(reference)
    own["steps"][2]["calls"].pop(3)
    told = compare(reference, own)[0]
    # The calls after the missing one are compared with their own.
    assert len(told) == 2 and "calls instead of" in told[0] and "got '<nothing>'" in told[1], told


@pytest.mark.skipif(bool(CHOSEN), reason="some steps are left out")
def test_every_excuse_is_needed_and_excuses_no_status(reference):
    calls = [call for step in reference["steps"] for call in step["calls"]]
    idle = [entry.name for entry in DIFFERS if not any(entry.fits(call) for call in calls)]
    assert not idle, idle
    own = copy.deepcopy(reference)
    for step in own["steps"]:
        for call in step["calls"]:
            if call.get("status") == 400:
                call["status"] = 409
    refused = sum(call.get("status") == 400 and "loose" not in call for call in calls)
    assert refused > 100 and len(compare(reference, own)[0]) == refused


@pytest.mark.skipif(bool(CHOSEN), reason="some steps are left out")
def test_an_id_that_changes_between_two_answers_is_told(reference):
    own = copy.deepcopy(reference)
    text = json.dumps(own["steps"])
    found = Counter(re.findall(r"(?<![0-9a-f])[0-9a-f]{32}(?![0-9a-f])", text))
    run = next(name for name, count in found.most_common() if count > 20 and name != "0" * 32)
    # From the middle of its places on, the recording speaks of another run.
    places = [place.start() for place in re.finditer(run, text)]
    middle = places[len(places) // 2]
    own["steps"] = json.loads(text[:middle] + text[middle:].replace(run, "e" * 32))
    assert compare(reference, own)[0]
