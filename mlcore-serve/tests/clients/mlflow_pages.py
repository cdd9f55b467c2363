"""MLflow's own page 3.17.2 in headless Chromium against the server under test: each page opens without a failed request.

Its files are in the package `mlflow`, which the environment of these tests lacks: `MLCORE_TEST_PAGE` names their folder, which the program
serves. With `MLCORE_TEST_TRACKING=mlflow`, `MLCORE_TEST_MLFLOW_PYTHON` is a Python that has the whole package.
"""

import json
import os
import shutil

import pytest

from mlflow_page import CHROMIUM, PAGES, opened
from mlflow_server import UNDER_TEST, skip_unless_there, stock, under_test

# A server without accounts answers it by 404, and the page knows.
UNKNOWN = {"/ajax-api/2.0/mlflow/users/current"}
# A text that the page shows when it has what it asked for.
SHOWN = {
    "home": "Welcome to MLflow", "experiment list": "Experiments", "experiment, runs as a table": "run 0", "experiment, runs as charts": "loss",
    "experiment, models": "forest", "run, overview": "depth", "run, model metrics": "loss", "run, system metrics": "cpu", "run, artifacts": "note.txt",
    "run, one artifact": "a note", "metric chart": "Completed Runs", "comparison of runs": "Comparing 2 Runs", "comparison of experiments": "run 1",
    "logged model": "forest", "logged model, artifacts": "MLmodel", "model list": "forest", "model": "Trees", "model version": "Version 1",
    "comparison of versions": "Comparing 2 Versions",
}


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    skip_unless_there()
    if shutil.which(CHROMIUM) is None:
        pytest.skip("Chromium is not there; install it, or set MLCORE_CHROMIUM to its program")
    folder = tmp_path_factory.mktemp("pages")
    python = os.environ.get("MLCORE_TEST_MLFLOW_PYTHON")
    if UNDER_TEST == "mlflow" and not python:
        pytest.skip("MLCORE_TEST_MLFLOW_PYTHON is a Python with the whole package mlflow, which has the page's files")
    page = os.environ.get("MLCORE_TEST_PAGE")
    if UNDER_TEST == "mlcore" and not page:
        pytest.skip("MLCORE_TEST_PAGE is the folder mlflow/server/js/build of the package mlflow")
    with stock(folder, python) if UNDER_TEST == "mlflow" else under_test(folder, MLCORE_MLFLOW_PAGE=page) as address:
        own = opened(address, shown=SHOWN)
        (folder / "page.json").write_text(json.dumps(own, indent=1))
        return own["pages"]


@pytest.mark.parametrize("page", PAGES)
def test_a_page_opens_without_a_failed_request(told, page):
    own = told[page]
    failed = [
        (asked["method"], asked["path"], asked.get("status"), asked.get("failed"))
        for asked in own["requests"]
        if asked["url"].startswith("http") and asked["path"] not in UNKNOWN and (asked.get("failed") or asked.get("status", 0) >= 400)
    ]
    assert not failed and not own["errors"], (failed, own["errors"])
    assert SHOWN[page] in own["text"], own["text"][:3000]
