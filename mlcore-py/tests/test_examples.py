"""Examples and pages say what is so."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys

from conftest import MODELS, ROOT

import mlcore


def test_the_example_releases_a_version(tmp_path):
    example = ROOT / "examples" / "release" / "release.py"
    command = [sys.executable, "-W", "error", example, tmp_path, MODELS / "runner" / "rf30.onnx"]
    answer = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert answer.returncode == 0, answer.stderr
    first, second, third, *graph = answer.stdout.splitlines()
    assert first == "missing: card_present, signed, approvals" and second.startswith("released: True by entry ")
    assert third.startswith("answers: {") and graph[0] == "flowchart LR" and any("churn@champion" in line for line in graph)
    assert {"bundle", "card.md", "mlcore.lock.json", "monday.db", "registry.db", "release.pem"} <= {path.name for path in tmp_path.iterdir()}


def test_the_example_of_the_feature_store_says_what_the_one_in_rust_prints(tmp_path):
    folder = ROOT / "examples" / "feature-store"
    answer = subprocess.run([sys.executable, "-W", "error", folder / "feature_store.py", tmp_path], capture_output=True, text=True, timeout=300)
    assert answer.returncode == 0, answer.stderr
    said, printed = answer.stdout.splitlines(), (folder / "printed.txt").read_text(encoding="utf-8").replace('"', "").splitlines()
    same = [line for line in printed if line.startswith(("person ", "    features ")) or line.endswith(" equal")]
    assert len(same) == 11 and [line for line in same if line.strip() not in said] == []
    assert "training: 14552 rows, 14278 of them known to person_year" in said and "    person_year v0: 14278 of them known" in printed
    assert "served 5912 persons: {'NOT_FOUND': 4168, 'PRESENT': 1744}" in said and "served 5912 persons: {NOT_FOUND: 4168, PRESENT: 1744}" in printed
    assert said[-1] == "offline and online agree bit for bit: True"


def printed(name):
    """What the example in Rust prints, but for the path of its page."""
    return (ROOT / "examples" / name / "printed.txt").read_text(encoding="utf-8").splitlines()


def test_the_experiment_of_the_example_is_that_of_rust(tmp_path):
    script = ROOT / "examples" / "ab-test" / "ab_test.py"
    answer = subprocess.run([sys.executable, "-W", "error", script, tmp_path], capture_output=True, text=True, timeout=300)
    assert answer.returncode == 0, answer.stderr
    *said, where = answer.stdout.splitlines()
    # Rust says the p-value of each look, too.
    assert said == [re.sub(r", always valid p = \S+;", ";", line) for line in printed("ab-test")]
    assert where == f"The page: {tmp_path / 'report.html'}"
    assert (tmp_path / "report.html").read_text(encoding="utf-8").endswith("</html>\n")


def test_the_bandit_of_the_example_is_that_of_rust():
    script = ROOT / "examples" / "screening" / "screening.py"
    answer = subprocess.run([sys.executable, "-W", "error", script], capture_output=True, text=True, timeout=300)
    assert answer.returncode == 0, answer.stderr
    assert answer.stdout.splitlines() == printed("screening")


def page():
    return (ROOT / "docs" / "mlflow-verbs.md").read_text(encoding="utf-8")


def test_the_page_of_verbs_says_what_there_is(tmp_path):
    there, left_out = page().split("What is left out, and why:")
    rows = [line for line in there.splitlines() if line.startswith("| ") and "`" in line]
    named = [name for row in rows for name in re.findall(r"`(\w+)`", row)]
    assert len(named) == len(set(named)) > 60
    assert [name for name in named if not hasattr(mlcore, name)] == []
    others = [name for line in left_out.splitlines() if line.startswith("| ") for name in re.findall(r"`(\w+)`", line.split(" | ")[0])]
    assert len(others) > 20 and [name for name in others if name != "evaluate" and hasattr(mlcore, name)] == []
    public = {name for name, found in vars(mlcore).items() if inspect.isfunction(found) and found.__module__.startswith("mlcore.tracking")}
    beside = set(re.findall(r"`(\w+)`", there.split("Beside them there are")[1]))
    ours = {"check_model", "get_registry_url", "get_tracking_url", "set_registry_url", "set_tracking_url"}
    assert public - set(named) - beside - ours == set()
    (snippet,) = re.findall(r"^```python\n(.*?)^```", page(), flags=re.DOTALL | re.MULTILINE)
    answer = subprocess.run([sys.executable, "-c", snippet], capture_output=True, text=True, cwd=tmp_path, timeout=300)
    assert answer.returncode == 0, answer.stderr
