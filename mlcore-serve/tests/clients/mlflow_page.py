"""Opens MLflow's own web page in headless Chromium and takes down every request that it makes, with the answer.

`python mlflow_page.py ADDRESS FILE` fills the server there with an experiment, runs and models, opens each page of `PAGES` and writes what
was asked as JSON. The page's files are in the package `mlflow`, not in `mlflow-skinny`: `mlflow server` of that package, or a server that
serves them, must answer at the address. A failed request and an error of the page's script are in the list, too.
"""

import base64
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.parse
from pathlib import Path

import requests
import websocket
from mlflow import MlflowClient, MlflowException
from mlflow.entities import Dataset, DatasetInput, InputTag, LoggedModelOutput, LoggedModelStatus, Metric, Param

CHROMIUM = os.environ.get("MLCORE_CHROMIUM", "chromium")
# The address of a page's part behind `#`, with what `fill` answers put in.
PAGES = {
    "home": "/",
    "experiment list": "/experiments",
    "experiment, runs as a table": "/experiments/{experiment}/runs?viewStateShareKey=&compareRunsMode=TABLE",
    "experiment, runs as charts": "/experiments/{experiment}/runs?compareRunsMode=CHART",
    "experiment, models": "/experiments/{experiment}/models",
    "run, overview": "/experiments/{experiment}/runs/{run}",
    "run, model metrics": "/experiments/{experiment}/runs/{run}/model-metrics",
    "run, system metrics": "/experiments/{experiment}/runs/{run}/system-metrics",
    "run, artifacts": "/experiments/{experiment}/runs/{run}/artifacts",
    "run, one artifact": "/experiments/{experiment}/runs/{run}/artifacts/note.txt",
    "metric chart": "/metric/loss?runs=[%22{run}%22,%22{other}%22]&metric=%22loss%22&experiments=[%22{experiment}%22]&plot_metric_keys=[%22loss%22]",
    "comparison of runs": "/compare-runs?runs=[%22{run}%22,%22{other}%22]&experiments=[%22{experiment}%22]",
    "comparison of experiments": "/compare-experiments/s?experiments=[%22{experiment}%22,%220%22]",
    "logged model": "/experiments/{experiment}/models/{model}",
    "logged model, artifacts": "/experiments/{experiment}/models/{model}/artifacts",
    "model list": "/models",
    "model": "/models/forest",
    "model version": "/models/forest/versions/1",
    "comparison of versions": "/compare-model-versions?name=%22forest%22&runs={{%221%22:%22{run}%22,%222%22:%22{other}%22}}",
}


def fill(address):
    """Two finished runs with metrics, artifacts and a model with two versions; answers the IDs by the names in `PAGES`."""
    client = MlflowClient(tracking_uri=address, registry_uri=address)
    experiment = client.create_experiment(f"page {time.time_ns()}", tags={"mlflow.experimentKind": "custom_model_development"})
    runs = []
    for place in range(2):
        run = client.create_run(experiment, start_time=1_700_000_000_000 + place, run_name=f"run {place}", tags={"team": "a"}).info.run_id
        points = [Metric("loss", 1 / (step + 1 + place), 1_700_000_000_000 + step, step) for step in range(20)]
        client.log_batch(run, [*points, Metric("system/cpu", 5.0, 1, 0), Metric("acc", 0.5 + place / 10, 1, 0)], [Param("depth", str(3 + place))])
        client.log_text(run, "a note", "note.txt")
        client.log_inputs(run, [DatasetInput(Dataset("iris", "abc", "local", "{}"), [InputTag("mlflow.data.context", "train")])])
        client.set_terminated(run, "FINISHED", 1_700_000_001_000)
        runs.append(run)
    logged = [logged_model(client, address, experiment, run) for run in runs]
    with contextlib.suppress(MlflowException):
        client.create_registered_model("forest", tags={"team": "a"}, description="Trees")
        for model in logged:
            client.create_model_version("forest", f"models:/{model}", model_id=model)
        client.set_registered_model_alias("forest", "champion", "1")
    return {"experiment": experiment, "run": runs[0], "other": runs[1], "model": logged[0]}


def logged_model(client, address, experiment, run):
    """A model of this run, with a file and a metric, ready."""
    own = client.create_logged_model(experiment, name="forest", source_run_id=run, model_type="tree").model_id
    client.log_outputs(run, [LoggedModelOutput(own, 0)])
    client.log_metric(run, "acc", 0.5, timestamp=1, step=0, model_id=own)
    folder = client.get_logged_model(own).artifact_location.removeprefix("mlflow-artifacts:/")
    requests.put(f"{address}/api/2.0/mlflow-artifacts/artifacts/{folder}/MLmodel", data=b"flavors: {}\n", timeout=60).raise_for_status()
    client.finalize_logged_model(own, LoggedModelStatus.READY)
    return own


class Browser:
    """One tab of a headless Chromium, spoken to over its debugging port."""

    def __init__(self, port):
        tab = requests.get(f"http://127.0.0.1:{port}/json", timeout=10).json()[0]
        self.socket = websocket.create_connection(tab["webSocketDebuggerUrl"], timeout=0.1, suppress_origin=True, max_size=None)
        self.number, self.asked, self.errors = 0, {}, []
        for domain in ("Page", "Network", "Runtime", "Log"):
            self.tell(f"{domain}.enable")

    def tell(self, method, **params):
        """Sends a command; answers its result, and takes the events meanwhile down."""
        self.number += 1
        own = self.number
        self.socket.send(json.dumps({"id": own, "method": method, "params": params}))
        end = time.monotonic() + 20
        while time.monotonic() < end:
            told = self.next()
            if told and told.get("id") == own:
                return told.get("result", {})
        return {}

    def next(self):
        try:
            told = json.loads(self.socket.recv())
        except websocket.WebSocketTimeoutException:
            return None
        params = told.get("params", {})
        match told.get("method"):
            case "Network.requestWillBeSent":
                sent = params["request"]
                self.asked[params["requestId"]] = {"method": sent["method"], "url": sent["url"], "sent": sent.get("postData"), "at": time.monotonic()}
            case "Network.responseReceived" if params["requestId"] in self.asked:
                answer = params["response"]
                self.asked[params["requestId"]] |= {"status": answer["status"], "type": answer["mimeType"]}
            case "Network.loadingFinished" if params["requestId"] in self.asked:
                self.asked[params["requestId"]]["finished"] = True
            case "Network.loadingFailed" if params["requestId"] in self.asked:
                self.asked[params["requestId"]]["failed"] = params.get("errorText")
            case "Runtime.exceptionThrown":
                self.errors.append(params["exceptionDetails"].get("exception", {}).get("description", params["exceptionDetails"]["text"])[:500])
        return told

    def text(self):
        return self.tell("Runtime.evaluate", expression="document.body.innerText").get("result", {}).get("value", "")

    def is_loading(self):
        return any(not (own.get("finished") or own.get("failed")) for own in self.asked.values())

    def visit(self, url, quiet=2.5, most=25, shown=None):
        """Opens a page and waits until it has asked for nothing for a while; answers its requests and its errors.

        A page that shows the text `shown`, and waits for no answer, needs to be quiet for a fifth of that.
        """
        self.asked, self.errors = {}, []
        self.tell("Page.navigate", url="about:blank")
        self.asked = {}
        self.tell("Page.navigate", url=url)
        end, last = time.monotonic() + most, time.monotonic()
        while time.monotonic() < end and time.monotonic() - last < quiet:
            if (told := self.next()) and told.get("method", "").startswith("Network."):
                last = time.monotonic()
            is_quiet = told is None and time.monotonic() - last > quiet / 5
            if is_quiet and shown is not None and not self.is_loading() and shown in self.text():
                break
        found = [dict(own, id=key) for key, own in list(self.asked.items())]
        for own in found:
            if own.get("finished") and own["url"].startswith("http") and "/static-files/" not in own["url"]:
                body = self.tell("Network.getResponseBody", requestId=own["id"])
                text = body.get("body", "")
                own["body"] = base64.b64decode(text).decode(errors="replace") if body.get("base64Encoded") else text
        return found, list(self.errors), self.text()

    def picture(self, file):
        data = self.tell("Page.captureScreenshot", format="png").get("data", "")
        Path(file).write_bytes(base64.b64decode(data))


@contextlib.contextmanager
def chromium():
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        command = [
            CHROMIUM, "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--remote-debugging-port=0", "--no-first-run",
            "--disable-background-networking", "--window-size=1400,1000", f"--user-data-dir={folder}", "about:blank",
        ]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            file, end = Path(folder, "DevToolsActivePort"), time.monotonic() + 60
            while not file.exists() or not file.read_text().strip():
                assert time.monotonic() < end, "Chromium does not start"
                time.sleep(0.1)
            yield Browser(int(file.read_text().split()[0]))
        finally:
            process.terminate()
            process.wait(timeout=30)


def opened(address, pages=None, shown=None):
    """What each page asked of this server: name -> {"requests", "errors", "text"}; `shown` has a text of each that is there at its end."""
    ids, found = fill(address), {}
    with chromium() as browser:
        for name, page in PAGES.items() if pages is None else pages:
            asked, errors, text = browser.visit(f"{address}/#{page.format(**ids)}", shown=(shown or {}).get(name))
            for own in asked:
                own["path"] = urllib.parse.urlsplit(own["url"]).path
            found[name] = {"requests": asked, "errors": errors, "text": text}
    return {"ids": ids, "pages": found}


if __name__ == "__main__":
    address, file = sys.argv[1:]
    Path(file).write_text(json.dumps(opened(address.rstrip("/")), indent=1))
