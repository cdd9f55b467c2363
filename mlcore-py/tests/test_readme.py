"""What the README shows runs, and gives the same numbers for every frame."""

from __future__ import annotations

import re
import subprocess
import sys

from conftest import ROOT


def snippets() -> list[str]:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    return re.findall(r"^```python\n(.*?)^```", text, flags=re.DOTALL | re.MULTILINE)


def test_the_readme_gives_the_same_numbers_for_polars_and_pandas(tmp_path):
    (snippet,) = snippets()
    answer = subprocess.run([sys.executable, "-c", snippet], capture_output=True, text=True, check=False, cwd=tmp_path)
    assert answer.returncode == 0, answer.stderr
    lines = [line.split(maxsplit=1) for line in answer.stdout.splitlines()]
    assert [library.partition(".")[0] for library, _ in lines] == ["polars", "pandas"]
    assert lines[0][1] == lines[1][1]


def test_the_readme_needs_no_pyarrow(tmp_path):
    (snippet,) = snippets()
    without = f'import sys\nsys.modules["pyarrow"] = None\n{snippet}'
    answer = subprocess.run([sys.executable, "-c", without], capture_output=True, text=True, check=False, cwd=tmp_path)
    assert answer.returncode == 0, answer.stderr
    assert len(answer.stdout.splitlines()) == 2
