"""Everything that the stock client reads from a tracking server, as JSON: `python mlflow_told.py ADDRESS FILE`.

Lists without an order of their own are sorted; numbers are written as texts, so that NaN is equal to itself. Two things are told in either
of two ways, depending on what wrote a store and what keeps it, and are made one: nothing and an empty text, and an infinity and the largest
number.
"""

import hashlib
import json
import os
import sys
import tempfile
from pathlib import Path

os.environ |= {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false"}

from mlflow import MlflowClient
from mlflow.entities import ViewType

from mlflow_recorder import plain


def told(address):
    client = MlflowClient(tracking_uri=address, registry_uri=address)
    experiments = sorted(client.search_experiments(ViewType.ALL), key=lambda own: own.experiment_id)
    ids = [own.experiment_id for own in experiments]
    runs = [own for one in ids for own in pages(lambda token: client.search_runs([one], run_view_type=ViewType.ALL, page_token=token))]
    models = [own for own in pages(lambda token: client.search_logged_models(ids, page_token=token))]
    registered = pages(lambda token: client.search_registered_models(page_token=token))
    return text({
        "experiments": {own.experiment_id: plain(own) for own in experiments},
        "runs": {own.info.run_id: run(client, own.info.run_id) for own in runs},
        "logged models": {own.model_id: logged(client, own.model_id) for own in models},
        "registered models": {own.name: model(client, own.name) for own in registered},
    })


def pages(search):
    found, token = [], None
    while True:
        page = search(token)
        found += page
        token = page.token
        if not token:
            return found


def run(client, run_id):
    own = client.get_run(run_id)
    return plain(own) | {
        "history": {key: [plain(point) | LEFT_OUT for point in client.get_metric_history(run_id, key)] for key in sorted(own.data.metrics)},
        "artifacts": files(lambda path: client.list_artifacts(run_id, path), lambda path, to: client.download_artifacts(run_id, path, to)),
    }


def logged(client, model_id):
    return plain(client.get_logged_model(model_id)) | {"artifacts": files(lambda path: client.list_logged_model_artifacts(model_id, path), None)}


def model(client, name):
    versions = pages(lambda token: client.search_model_versions(f"name='{name}'", page_token=token))
    numbers = sorted(int(own.version) for own in versions)
    own = client.get_registered_model(name)
    return plain(own) | {
        # Without their aliases, which one of MLflow's stores tells here and the other does not.
        "latest_versions": sorted((plain(each) | {"aliases": []} for each in own.latest_versions), key=lambda each: each["version"]),
        "versions": {number: version(client, name, str(number)) for number in numbers},
        "by alias": {alias: client.get_model_version_by_alias(name, alias).version for alias in own.aliases},
    }


def version(client, name, number):
    own = plain(client.get_model_version(name, number))
    return own | {"aliases": sorted(own["aliases"]), "download": client.get_model_version_download_uri(name, number)}


def files(listed, fetch, path=None):
    """The files below a path: their sizes, and of those that are fetched their digests."""
    found = {}
    for own in sorted(listed(path), key=lambda own: own.path):
        if own.is_dir:
            found |= files(listed, fetch, own.path)
            continue
        found[own.path] = [own.file_size]
        if fetch:
            with tempfile.TemporaryDirectory() as folder:
                found[own.path].append(hashlib.sha256(Path(fetch(own.path, folder)).read_bytes()).hexdigest())
    return found


# What a point says of its model and data our server tells in the history of a run, too, MLflow of the model only, whose metrics are compared;
# and one of MLflow's stores repeats the run that was asked for.
LEFT_OUT = {"model_id": None, "dataset_name": None, "dataset_digest": None, "run_id": None}
# Their lists are sets.
UNORDERED = {"model_inputs", "model_outputs", "dataset_inputs", "metrics", "tags", "params", "history"}


def text(value, key=""):
    if isinstance(value, dict):
        return {str(name): text(own, name) for name, own in value.items()}
    if isinstance(value, (list, tuple)):
        own = [text(each) for each in value]
        return sorted(own, key=lambda each: json.dumps(each, sort_keys=True)) if key in UNORDERED else own
    if isinstance(value, float):
        return repr(value).replace(repr(sys.float_info.max), "inf")
    return "" if value is None else value


if __name__ == "__main__":
    address, file = sys.argv[1:]
    Path(file).write_text(json.dumps(told(address), indent=1, ensure_ascii=False))
