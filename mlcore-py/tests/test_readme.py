"""What the README shows runs, and gives the same numbers for every frame."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys

from conftest import MODELS, ROOT


def snippets() -> list[str]:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    return re.findall(r"^```python\n(.*?)^```", text, flags=re.DOTALL | re.MULTILINE)


def test_the_readme_gives_the_same_numbers_for_polars_and_pandas(tmp_path):
    snippet, _ = snippets()
    answer = subprocess.run([sys.executable, "-c", snippet], capture_output=True, text=True, check=False, cwd=tmp_path)
    assert answer.returncode == 0, answer.stderr
    lines = [line.split(maxsplit=1) for line in answer.stdout.splitlines()]
    assert [library.partition(".")[0] for library, _ in lines] == ["polars", "pandas"]
    assert lines[0][1] == lines[1][1]


def test_the_readme_needs_no_pyarrow(tmp_path):
    snippet, _ = snippets()
    without = f'import sys\nsys.modules["pyarrow"] = None\n{snippet}'
    answer = subprocess.run([sys.executable, "-c", without], capture_output=True, text=True, check=False, cwd=tmp_path)
    assert answer.returncode == 0, answer.stderr
    assert len(answer.stdout.splitlines()) == 2


def test_the_loop_of_the_readme_answers_and_joins_the_outcome(tmp_path):
    _, snippet = snippets()
    shutil.copy(MODELS / "runner" / "columns.onnx", tmp_path / "churn.onnx")
    answer = subprocess.run([sys.executable, "-c", snippet], capture_output=True, text=True, check=False, cwd=tmp_path)
    assert answer.returncode == 0, answer.stderr
    assert re.match(r"(champion 1|canary 2) \[\[0\.\d+ +0\.\d+ *\]\] \{'records': 1, 'failures': 0, 'invalid_answers': 0, 'outcomes': 1,", answer.stdout)
