"""The example server of pages, and headless Chromium that looks at it: `python page_browser.py FOLDER` writes pictures of all
pages there, and `python page_browser.py --docs FOLDER` those of `docs/pages.md`."""

import base64
import contextlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path

from mlflow_page import chromium

PROGRAM = Path(os.environ.get("MLCORE_TEST_PROGRAM", Path(__file__).parents[3] / "target/debug/mlcore-serve"))
WIDTHS, SCHEMES = (1280, 400), ("light", "dark")
RUN, OTHER, WIDE = "0000000000000000" + "9e3779b97f4a7c15", "0000000000000001" + "3c6ef372fe94f82a", "000000000000000000000000abcd0002"
NETWORKS = "&".join(f"run=000000000000000000000000abcd000{place}" for place in range(4))
PAGES = {
    "experiments": "experiments",
    "no experiment": "experiments?name=zzz",
    "runs": "experiments/1",
    "filtered runs": "experiments/1?filter=metrics.auc%20%3E%200.79%20AND%20params.objective%20%3D%20%27binary%27&order=metrics.%60auc%60%20DESC",
    "wrong filter": "experiments/1?filter=metrics.auc%20~%200.8",
    "no runs": "experiments/3",
    "run": f"runs/{WIDE}",
    "run over time": f"runs/{WIDE}?x=time&scale=log",
    "files": f"runs/{RUN}?folder=model",
    "metric": f"runs/{WIDE}/metrics/train%2Floss",
    "comparison": f"compare?{NETWORKS}",
    "comparison of trees": f"compare?run={RUN}&run={OTHER}&only=different",
    "models": "models",
    "model": "models/churn",
    "version": "models/churn/versions/3",
    "audit log": "audit?verify=yes",
    "entry": "audit/9",
    "nothing": "runs/none",
}
# Those of the documentation: page, width, scheme, height.
DOCS = {
    "runs": ("filtered runs", 1280, "light", 900),
    "run": ("run", 1280, "light", 1000),
    "comparison": ("comparison", 1280, "light", 1250),
    "model": ("model", 1280, "light", 1100),
    "run-dark": ("run over time", 1000, "dark", 1100),
    "run-narrow": ("run", 400, "light", 1100),
}


def example():
    """The program that shows made-up runs, as the Rust tests build it."""
    return PROGRAM.parent / "examples" / f"page{PROGRAM.suffix}"


@contextlib.contextmanager
def server(runs=200):
    """The example with so many runs; the address where its pages begin."""
    process = subprocess.Popen([example(), str(runs)], stdout=subprocess.PIPE, text=True)
    try:
        address = process.stdout.readline().strip()
        assert address.startswith("http://"), "the example does not start"
        yield address
    finally:
        process.kill()
        process.wait(timeout=30)


class Eye:
    """A tab that takes a width and a colour scheme, and tells what went wrong."""

    def __init__(self, browser):
        self.browser = browser

    def become(self, width, scheme, height=900):
        """Another window and another scheme for the page that is open, as for the next one."""
        self.browser.tell("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        self.browser.tell("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])

    def look(self, url, width, scheme, height=900):
        self.become(width, scheme, height)
        asked, errors, _ = self.browser.visit(url, quiet=0.3)
        end = time.monotonic() + 120
        while self.evaluate("document.readyState") != "complete" and time.monotonic() < end:
            time.sleep(0.1)
        # These are answered 400 and 404, by a page.
        refused = any(url.endswith(PAGES[name]) for name in ("wrong filter", "nothing"))
        return [own for own in asked if own.get("failed") or own.get("status", 0) >= 400 and not (refused and own["url"] == url)], errors

    def tell(self, method, most=180, **params):
        """Sends a command, and waits for its result as long as a busy machine takes."""
        self.browser.number += 1
        own, end = self.browser.number, time.monotonic() + most
        self.browser.socket.send(json.dumps({"id": own, "method": method, "params": params}))
        while time.monotonic() < end:
            told = self.browser.next()
            if told and told.get("id") == own:
                return told.get("result", {})
        raise TimeoutError(f"{method} took more than {most} seconds")

    def evaluate(self, expression):
        told = self.tell("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in told, told["exceptionDetails"]
        return told.get("result", {}).get("value")

    def picture(self, file):
        kind = {"format": "webp", "quality": 80} if str(file).endswith(".webp") else {"format": "png"}
        data = self.tell("Page.captureScreenshot", captureBeyondViewport=False, **kind)["data"]
        Path(file).write_bytes(base64.b64decode(data))


@contextlib.contextmanager
def eye():
    with chromium() as browser:
        yield Eye(browser)


def pictures(folder, names):
    with server(10_000) as address, eye() as own:
        for name in names:
            for width in WIDTHS:
                for scheme in SCHEMES:
                    own.look(address + PAGES[name], width, scheme)
                    tall = own.evaluate("Math.min(2600, document.documentElement.scrollHeight)")
                    failed, errors = own.look(address + PAGES[name], width, scheme, max(tall, 600))
                    own.picture(folder / f"{name.replace(' ', '-')}-{width}-{scheme}.png")
                    print(name, width, scheme, failed, errors)


def documented(folder):
    with server(10_000) as address, eye() as own:
        for name, (page, width, scheme, height) in DOCS.items():
            own.look(address + PAGES[page], width, scheme, height)
            own.picture(folder / f"{name}.webp")


if __name__ == "__main__":
    is_docs = sys.argv[1] == "--docs"
    place = Path(sys.argv[2] if is_docs else sys.argv[1])
    place.mkdir(parents=True, exist_ok=True)
    if is_docs:
        documented(place)
    else:
        pictures(place, sys.argv[2:] or list(PAGES))
