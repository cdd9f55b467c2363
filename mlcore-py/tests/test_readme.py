"""What the README shows runs, and gives the same numbers for every frame."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest
from conftest import MODELS, ROOT

import mlcore


def snippets(readme: str = "README.md") -> list[str]:
    text = (ROOT / readme).read_text(encoding="utf-8")
    return re.findall(r"^```python\n(.*?)^```", text, flags=re.DOTALL | re.MULTILINE)


def test_the_readme_gives_the_same_numbers_for_polars_and_pandas(tmp_path):
    snippet, _, _ = snippets()
    answer = subprocess.run([sys.executable, "-c", snippet], capture_output=True, text=True, check=False, cwd=tmp_path)
    assert answer.returncode == 0, answer.stderr
    lines = [line.split(maxsplit=1) for line in answer.stdout.splitlines()]
    assert [library.partition(".")[0] for library, _ in lines] == ["polars", "pandas"]
    assert lines[0][1] == lines[1][1]


def test_the_readme_needs_no_pyarrow(tmp_path):
    snippet, _, _ = snippets()
    without = f'import sys\nsys.modules["pyarrow"] = None\n{snippet}'
    answer = subprocess.run([sys.executable, "-c", without], capture_output=True, text=True, check=False, cwd=tmp_path)
    assert answer.returncode == 0, answer.stderr
    assert len(answer.stdout.splitlines()) == 2


def test_what_an_index_shows_of_the_package_runs(tmp_path):
    (snippet,) = snippets("mlcore-py/README.md")
    answer = subprocess.run([sys.executable, "-c", snippet], capture_output=True, text=True, check=False, cwd=tmp_path)
    assert answer.returncode == 0, answer.stderr
    below = "True ['column_values_to_be_between(age, at least 18 and at most 120)']"
    assert answer.stdout.splitlines() == ["(600, 5)", "['visits']", below, "{'auc': 0.81} 3", "baseline {'loss': 0.01}"]


def test_what_an_index_shows_of_the_package_links_to_whole_addresses():
    text = (ROOT / "mlcore-py" / "README.md").read_text(encoding="utf-8")
    targets = re.findall(r"\]\(([^)]+)\)", text)
    assert targets and all(target.startswith("https://") for target in targets), targets


def test_the_wheel_says_what_it_is():
    tomllib = pytest.importorskip("tomllib")
    project = tomllib.loads((ROOT / "mlcore-py" / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    try:
        installed = metadata.distribution("mlcore")
    except metadata.PackageNotFoundError:
        installed = None
    if installed is None or not Path(mlcore.__file__).is_relative_to(Path(str(installed.locate_file(""))).resolve()):
        pytest.skip("mlcore was not installed from a wheel")
    found = installed.metadata
    assert found["Description-Content-Type"].startswith("text/markdown")
    text = found.get_payload() or found["Description"]
    assert (ROOT / "mlcore-py" / "README.md").read_text(encoding="utf-8").strip() == text.strip()
    assert found["License-Expression"] == project["license"]
    assert set(found.get_all("Classifier")) == set(project["classifiers"])
    assert {line.split(", ")[0] for line in found.get_all("Project-URL")} == set(project["urls"])
    assert found["Keywords"] and found["Summary"] == project["description"]


def test_the_loop_of_the_readme_answers_and_joins_the_outcome(tmp_path):
    _, snippet, _ = snippets()
    shutil.copy(MODELS / "runner" / "columns.onnx", tmp_path / "churn.onnx")
    answer = subprocess.run([sys.executable, "-c", snippet], capture_output=True, text=True, check=False, cwd=tmp_path)
    assert answer.returncode == 0, answer.stderr
    assert re.match(r"(champion 1|canary 2) \[\[0\.\d+ +0\.\d+ *\]\] \{'records': 1, 'failures': 0, 'invalid_answers': 0, 'outcomes': 1,", answer.stdout)


def test_the_readme_reads_features_as_feast_does(tmp_path):
    pytest.importorskip("pandas")
    _, _, snippet = snippets()
    answer = subprocess.run([sys.executable, "-c", snippet], capture_output=True, text=True, check=False, cwd=tmp_path)
    assert answer.returncode == 0, answer.stderr
    assert answer.stdout.strip() == "[4.5, nan] [4.5, None] ['PRESENT', 'NOT_FOUND']"
