"""The pages of `/ui/` in headless Chromium: `axe-core` finds nothing serious, nothing fails to load, nothing is wider than the window.

`axe-core` comes from npm, into `target/axe`; `MLCORE_AXE` names its file where it lies elsewhere. The server is the example `page`, which
the Rust tests build.
"""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from mlflow_page import CHROMIUM
from page_browser import PAGES, SCHEMES, WIDTHS, example, eye, server

AXE = "axe-core@4.11.0"
FOLDER = Path(__file__).parents[3] / "target/axe"
RUN = """
axe.run(document, {resultTypes: ["violations"], runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]})
  .then(found => found.violations.map(own => [own.impact, own.id, own.nodes.slice(0, 3).map(node => node.html.slice(0, 300))]))
"""


def axe():
    """The text of axe-core."""
    named = os.environ.get("MLCORE_AXE")
    file = Path(named) if named else FOLDER / "node_modules/axe-core/axe.min.js"
    if not file.exists():
        npm = shutil.which("npm")
        if npm is None:
            pytest.skip("npm is not there, which axe-core comes from; install it, or set MLCORE_AXE to the file axe.min.js")
        FOLDER.mkdir(parents=True, exist_ok=True)
        command = [npm, "install", "--prefix", str(FOLDER), "--no-save", "--ignore-scripts", "--no-audit", "--no-fund", AXE]
        subprocess.run(command, check=True, timeout=300, capture_output=True)
    return file.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def place():
    if shutil.which(CHROMIUM) is None:
        pytest.skip("Chromium is not there; install it, or set MLCORE_CHROMIUM to its program")
    if not example().exists():
        pytest.skip(f"{example()} is not there; `cargo test` builds it")
    text = axe()
    with server() as address, eye() as own:
        yield address, own, text


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("page", PAGES)
def test_a_page_is_accessible(place, page, width):
    address, own, text = place
    failed, errors = own.look(address + PAGES[page], width, SCHEMES[0])
    assert not failed and not errors, (failed, errors)
    own.evaluate(text)
    for scheme in SCHEMES:
        own.become(width, scheme)
        wide = own.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wide <= 0, f"the page is {wide} pixels wider than the window"
        # Of any impact, small ones too.
        assert own.evaluate(RUN) == [], scheme


def test_everything_is_reached_by_the_keyboard(place):
    address, own, _ = place
    own.look(address + PAGES["runs"], 1280, "light")
    reached = []
    for _ in range(24):
        for kind in ("keyDown", "keyUp"):
            own.browser.tell("Input.dispatchKeyEvent", type=kind, key="Tab", code="Tab", windowsVirtualKeyCode=9)
        reached.append(own.evaluate("(e => [e.tagName, e.textContent.slice(0, 40), getComputedStyle(e).outlineStyle])(document.activeElement)"))
    assert reached[0][1] == "Skip to the content"
    names = [name for name, _, _ in reached]
    assert {"A", "INPUT", "SELECT", "BUTTON", "SUMMARY", "DIV"} <= set(names), reached
    assert all(outline != "none" for _, _, outline in reached), reached


def test_pages_work_without_a_script(place):
    address, own, _ = place
    own.browser.tell("Emulation.setScriptExecutionDisabled", value=True)
    try:
        failed, errors = own.look(address + PAGES["comparison"], 1280, "light")
    finally:
        own.browser.tell("Emulation.setScriptExecutionDisabled", value=False)
    assert not failed and not errors
    assert own.evaluate("document.querySelectorAll('svg.plot path.line').length") >= 16


def test_ten_thousand_rows_are_shown():
    if shutil.which(CHROMIUM) is None or not example().exists():
        pytest.skip("it wants Chromium and the example")
    with server(10_000) as address, eye() as own:
        failed, errors = own.look(f"{address}experiments/1?rows=10000", 1280, "light")
        assert not failed and not errors
        assert own.evaluate("document.querySelectorAll('.runs tbody tr').length") == 10_000
