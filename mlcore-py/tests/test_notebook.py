"""Pages inside a notebook: its style sheet, which knows how it wants its tables and lists, changes no box of ours."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from conftest import MODELS

import mlcore

TEMPLATES = Path(sysconfig.get_path("data")) / "share/jupyter/nbconvert/templates"
# What is measured of each element: where it lies within the page, and what an inherited rule would change.
MEASURE = """
const root = document.querySelector(".mlcore"), origin = root.getBoundingClientRect();
const boxes = [...root.querySelectorAll(":not(style)")].map(element => {
  const box = element.getBoundingClientRect(), style = getComputedStyle(element);
  return [element.tagName.toLowerCase(), element.getAttribute("class"),
    [box.left - origin.left, box.top - origin.top, box.width, box.height].map(x => Math.round(x * 10) / 10),
    ["fontSize", "fontFamily", "fontWeight", "lineHeight", "color", "textAlign", "textDecorationLine", "whiteSpace", "letterSpacing",
     "borderTopWidth", "borderBottomWidth", "backgroundColor", "listStyleType", "display", "float"].map(name => style[name])];
});
const answer = document.createElement("script");
answer.type = "application/json"; answer.id = "boxes"; answer.textContent = JSON.stringify(boxes);
document.body.append(answer);
"""
HOSTS = {
    "jupyterlab": (["lab/static/index.css", "lab/static/theme-light.css"], "jp-OutputArea-output jp-RenderedHTMLCommon jp-RenderedHTML jp-mod-trusted"),
    "jupyterlab in the dark": (["lab/static/index.css", "lab/static/theme-dark.css"], "jp-OutputArea-output jp-RenderedHTMLCommon jp-RenderedHTML jp-mod-trusted"),
    "the classic notebook": (["classic/static/style.css"], "output_html rendered_html output_subarea"),
}


def browser() -> str | None:
    named = os.environ.get("MLCORE_CHROMIUM")
    names = ("chromium", "chromium-browser", "google-chrome", "chrome")
    return named or next((found for name in names if (found := shutil.which(name))), None)


def measured(fragment: str, tmp_path: Path, sheets: list[str], classes: str, attributes: str = "") -> list:
    styles = "".join(f"<style>{(TEMPLATES / sheet).read_text()}</style>" for sheet in sheets)
    page = tmp_path / "page.html"
    page.write_text(
        f'<!DOCTYPE html><html><head><meta charset="utf-8">{styles}</head><body {attributes}>'
        # The width that a notebook leaves is its own affair: here it is the same everywhere.
        f'<div class="{classes}" style="width:900px!important;max-width:none!important;padding:0!important;display:block!important;'
        f'box-sizing:content-box!important;position:absolute!important;left:0;top:0">{fragment}</div>'
        f"<script>{MEASURE}</script></body></html>",
        encoding="utf-8",
    )
    command = [
        browser(), "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
        "--disable-component-update", "--disable-sync", f"--user-data-dir={tmp_path / 'profile'}", "--window-size=1200,4000", "--dump-dom", page.as_uri(),
    ]  # fmt: skip
    answer = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert 'id="boxes">' in answer.stdout, answer.stderr[-2000:]
    return json.loads(answer.stdout.split('id="boxes">')[1].split("</script>")[0])


def gate():
    truth = [row % 3 == 0 for row in range(600)]
    asked = mlcore.evaluate.Gate().require("log_loss", superior=0.01).require("roc_auc", at_least=0.99)
    champion, challenger = ([sharp if label else 1 - sharp for label in truth] for sharp in (0.7, 0.8))
    return asked.judge(truth, challenger, champion)


def registry():
    opened = mlcore.Registry("memory:", actor=f"ana {EVIL}")
    for auc in (0.79, 0.81):
        opened.register("churn", b"bytes", format="text", metrics={f"auc {EVIL}": auc}, tags={"team": EVIL}, description=EVIL)
    opened.set_alias("churn", "champion", 2)
    opened.create_model("empty")
    return opened


def transformer():
    numbers = mlcore.features.Pipeline([("impute", mlcore.features.SimpleImputer(strategy="median")), ("scale", mlcore.features.StandardScaler())])
    words = mlcore.features.OneHotEncoder(handle_unknown="ignore")
    return mlcore.features.ColumnTransformer([(f"num {EVIL}", numbers, ["age", f"visits {EVIL}"]), ("words", words, ["plan"])])


def endpoint():
    opened = mlcore.Registry("memory:")
    opened.register("m", MODELS / "runner" / "columns.onnx")
    opened.set_alias("m", "champion", 1)
    return mlcore.Endpoint(opened, "m")


#: What would run, if a page let it.
EVIL = "<script>alert(1)</script>"
#: Everything that a notebook shows, besides reports, with words that it holds.
SHOWN = {
    "gate": (gate, ["ml-pill", "log_loss", "roc_auc"]),
    "registry": (registry, ["churn", "champion → 2", "0.81", "empty"]),
    "version": (lambda: registry().version("churn", 2), ["churn version 2", "0.81", "sha256:"]),
    "transformer": (lambda: mlcore.features.StandardScaler(with_mean=False), ["Not fitted", "StandardScaler", "with_mean=False"]),
    "pipeline": (transformer, ["ColumnTransformer", "SimpleImputer", "strategy=&#39;median&#39;", "plan"]),
    "endpoint": (endpoint, ["Endpoint of m", "champion", "requests"]),
}


@pytest.fixture(scope="module", params=SHOWN)
def shown(request):
    made, words = SHOWN[request.param]
    return made()._repr_html_(), words


def test_what_a_notebook_shows_is_made_of_the_same_pieces_and_escaped(shown):
    fragment, words = shown
    found = Tags()
    found.feed(fragment)
    assert found.tags <= {"div", "span", "style", "details", "summary"}
    assert all(name == "mlcore" or name.startswith("ml-") for name in found.classes)
    missing = [word for word in words if word not in fragment]
    assert missing == []
    assert "<script" not in fragment


def test_a_fitted_transformer_says_so_and_shows_its_columns():
    frame = {"age": [20.0, 40.0], "plan": ["free", "pro"]}
    both = mlcore.features.ColumnTransformer([("num", mlcore.features.StandardScaler(), [0]), ("cat", "drop", lambda table: ["plan"])])
    assert "Not fitted" in both._repr_html_()
    fragment = both.fit(frame)._repr_html_()
    assert "Fitted" in fragment and "num: age" in fragment


def test_a_closed_registry_is_only_named():
    opened = mlcore.Registry("memory:")
    assert "There is no model yet" in opened._repr_html_()
    opened.close()
    assert opened._repr_html_() is None and "closed" in repr(opened)


@pytest.mark.skipif(browser() is None, reason="there is no Chromium; set MLCORE_CHROMIUM")
def test_a_notebook_moves_no_box_of_what_it_shows(shown, tmp_path):
    fragment, _ = shown
    sheets, classes = HOSTS["jupyterlab"]
    theme = 'data-jp-theme-light="true"'
    alone = measured(fragment, tmp_path, [], "", theme)
    inside = measured(fragment, tmp_path, sheets, classes, theme)
    assert len(alone) >= 5
    changed = [(before, after) for before, after in zip(alone, inside, strict=True) if before != after]
    assert changed == [], f"{len(changed)} of {len(alone)}: {changed[:3]}"


@pytest.fixture(scope="module", params=["report", "verdict"])
def report(request):
    report = drift_report()
    return report if request.param == "report" else report.verdict


def drift_report():
    rng = np.random.default_rng(5)
    reference = pd.DataFrame({"age": rng.normal(40, 9, 800), "plan": rng.choice(["free", "pro", "team"], 800), "visits": rng.poisson(4, 800)})
    current = reference.assign(age=reference["age"] + 6, new=1.0)
    return mlcore.drift.report(reference, current)


class Tags(HTMLParser):
    def __init__(self):
        super().__init__()
        self.tags, self.classes = set(), set()

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.classes.update((dict(attrs).get("class") or "").split())


def test_a_page_is_made_of_what_no_host_restyles(report):
    found = Tags()
    found.feed(report._repr_html_())
    drawing = {"svg", "title", "path", "rect", "circle", "text"}
    assert found.tags <= {"div", "span", "a", "style", "details", "summary"} | drawing
    assert all(name == "mlcore" or name.startswith("ml-") for name in found.classes)
    style = report._repr_html_().split("<style>")[1].split("</style>")[0]
    rules = [rule.split("{")[0] for rule in style.replace("@media print{", "").splitlines() if "{" in rule]
    assert len(rules) > 40
    text = report._repr_html_()
    assert "drifted" in text and "age" in text and "Columns that the reference does not have: new." in text
    for selectors in rules:
        assert all(".mlcore" in selector for selector in selectors.split(",")), f"{selectors} reaches out of the page"


@pytest.mark.skipif(browser() is None, reason="there is no Chromium; set MLCORE_CHROMIUM")
@pytest.mark.parametrize("host", HOSTS)
def test_a_notebook_moves_no_box(report, tmp_path, host):
    fragment = report._repr_html_()
    dark = "dark" in host
    # The same page by itself, in the same light.
    theme = f'data-jp-theme-light="{str(not dark).lower()}"'
    alone = measured(fragment, tmp_path, [], "", theme)
    assert len(alone) > 40
    sheets, classes = HOSTS[host]
    inside = measured(fragment, tmp_path, sheets, classes, theme)
    changed = [(before, after) for before, after in zip(alone, inside, strict=True) if before != after]
    assert changed == [], f"{len(changed)} of {len(alone)}: {changed[:3]}"


@pytest.mark.skipif(browser() is None, reason="there is no Chromium; set MLCORE_CHROMIUM")
def test_the_measure_sees_what_a_notebook_does_to_tables(tmp_path):
    fragment = '<div class="mlcore"><dl><dt>rows</dt><dd>5</dd></dl><table><tr><td>1</td></tr></table></div>'
    sheets, classes = HOSTS["jupyterlab"]
    assert measured(fragment, tmp_path, [], "") != measured(fragment, tmp_path, sheets, classes)


if __name__ == "__main__":
    sys.exit(pytest.main([__file__]))
