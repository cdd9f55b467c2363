"""Logged models: created, finished, tagged, searched by fields, metrics and datasets, deleted."""

import time

from mlflow.entities import LoggedModelStatus

ABSENT = "m-" + "0" * 32
PATH = "mlflow/logged-models"


def create_logged_models(r):
    own = r.kept["models"] = r.do(r.client.create_experiment, "for models")
    run = r.kept["model run"] = r.do(r.client.create_run, own, start_time=10, run_name="source").info.run_id
    r.kept["model"] = r.do(
        r.client.create_logged_model, own, name="first", source_run_id=run, tags={"a": "1"}, params={"depth": "3", "p": "x"}, model_type="tree"
    ).model_id
    # A generated name, in another experiment: an order by names is compared here.
    r.do(r.client.create_logged_model, "0")
    # Apart in time, since an order by creation is compared.
    time.sleep(0.01)
    r.kept["plain model"] = r.do(r.client.create_logged_model, own, name="plain").model_id
    time.sleep(0.01)
    r.post("logged-models", experiment_id=own, name="raw", unknown=1)
    r.post("logged-models", name="nowhere")
    r.post("logged-models", experiment_id="424242", name="absent experiment")
    r.post("logged-models", experiment_id=own, name="of no run", source_run_id="0" * 32)
    r.post("logged-models", experiment_id="0", name="")
    for name in ["a/b", "a:b", "a.b", "a%b", 'a"b', "a'b", "ü", "n" * 500, 3]:
        time.sleep(0.003)
        r.post("logged-models", experiment_id=own, name=name)
    # Elsewhere, since nothing may read what a stricter server has refused.
    with r.loosely("limits"):
        r.post("logged-models", experiment_id="0", name="n" * 501)
        r.post("logged-models", experiment_id="0", name="long param", params=[{"key": "k" * 251, "value": "v"}])
        r.post("logged-models", experiment_id="0", name="long param value", params=[{"key": "k", "value": "v" * 6001}])
        r.post("logged-models", experiment_id="0", name="long tag value", tags=[{"key": "k", "value": "v" * 8001}])
    r.kept["loose model"] = r.do(r.client.create_logged_model, "0", name="loose").model_id
    r.post("logged-models", experiment_id=own, name="twice", params=[{"key": "k", "value": "1"}, {"key": "k", "value": "2"}])


def get_logged_models(r):
    own = r.kept["model"]
    r.do(r.client.get_logged_model, own)
    r.do(r.client.get_logged_model, ABSENT)
    r.ask("GET", f"{PATH}/{own}")
    r.ask("GET", f"{PATH}/bad")
    r.ask("GET", f"{PATH}/")
    r.ask("GET", f"{PATH}/{own}/artifacts/directories")
    r.ask("GET", f"{PATH}/{ABSENT}/artifacts/directories")
    r.ask("GET", f"{PATH}/{own}/artifacts/directories", query={"artifact_directory_path": "../.."})


def finish_logged_models(r):
    own = r.kept["model"]
    for status in [LoggedModelStatus.READY, LoggedModelStatus.FAILED, LoggedModelStatus.PENDING, LoggedModelStatus.READY]:
        r.do(r.client.finalize_logged_model, own, status)
    r.do(r.client.finalize_logged_model, ABSENT, LoggedModelStatus.READY)
    for status in ["LOGGED_MODEL_READY", 2, None, ""]:
        r.ask("PATCH", f"{PATH}/{own}", {"model_id": own, "status": status})
    loose = r.kept["loose model"]
    with r.loosely():
        for status in ["READY", 9]:
            r.ask("PATCH", f"{PATH}/{loose}", {"model_id": loose, "status": status})
    r.ask("PATCH", f"{PATH}/{own}", {"status": "LOGGED_MODEL_READY"})
    r.ask("PATCH", f"{PATH}/{own}", {"model_id": own})


def tag_logged_models(r):
    own = r.kept["model"]
    r.do(r.client.set_logged_model_tags, own, {"b": "2", "c": "ü"})
    r.do(r.client.set_logged_model_tags, own, {"b": "3"})
    r.do(r.client.delete_logged_model_tag, own, "c")
    r.do(r.client.delete_logged_model_tag, own, "c")
    r.do(r.client.set_logged_model_tags, ABSENT, {"b": "2"})
    r.do(r.client.delete_logged_model_tag, ABSENT, "b")
    tags = lambda value: r.ask("PATCH", f"{PATH}/{own}/tags", {"tags": value})
    tags([])
    tags([{"key": "k" * 250, "value": "v"}])
    tags([{"key": "k", "value": "v" * 8000}])
    tags({"a": "b"})
    with r.loosely("limits"):
        for wrong in [{"key": "k" * 251, "value": "v"}, {"key": "k", "value": "v" * 8001}, {"key": "", "value": "v"}, {"value": "v"}]:
            r.ask("PATCH", f"{PATH}/{r.kept['loose model']}/tags", {"tags": [wrong]})
    tags([{"key": "with space/slash", "value": "v"}])
    r.ask("DELETE", f"{PATH}/{own}/tags/with%20space%2Fslash")
    r.ask("DELETE", f"{PATH}/{own}/tags/k")
    r.ask("PATCH", f"{PATH}/{own}/tags", {})
    r.do(r.client.get_logged_model, own)


def log_logged_model_params(r):
    own = r.kept["model"]
    r.do(r.client.log_model_params, own, {"late": "1"})
    r.do(r.client.log_model_params, own, {"late": "1"})
    r.do(r.client.log_model_params, own, {"late": "2"})
    params = lambda value, model=own: r.ask("POST", f"{PATH}/{model}/params", {"model_id": model, "params": value})
    with r.loosely("limits"):
        for wrong in [{"key": "k" * 251, "value": "v"}, {"key": "long", "value": "v" * 6001}, {"key": "a//b", "value": "v"}]:
            params([wrong], r.kept["loose model"])
    params([])
    params([{"key": "k", "value": "v"}], ABSENT)
    r.ask("POST", f"{PATH}/{own}/params", {"params": [{"key": "without id", "value": "v"}]})
    r.do(r.client.get_logged_model, own)


def log_logged_model_metrics(r):
    run, first, plain = r.kept["model run"], r.kept["model"], r.kept["plain model"]
    for value, step in [(0.5, 0), (0.7, 1), (float("nan"), 2)]:
        r.do(r.client.log_metric, run, "acc", value, timestamp=100 + step, step=step, model_id=first)
    r.do(r.client.log_metric, run, "acc", 0.6, timestamp=100, step=0, model_id=plain)
    r.do(r.client.log_metric, run, "f1", 0.1, timestamp=100, step=0, model_id=first, dataset_name="iris", dataset_digest="abc")
    r.do(r.client.log_metric, run, "f1", 0.9, timestamp=100, step=0, model_id=plain, dataset_name="wine", dataset_digest="def")
    r.do(r.client.get_logged_model, first)
    r.do(r.client.get_logged_model, plain)
    r.do(r.client.get_run, run)


FILTERS = [
    "", "name = 'first'", "name != 'first'", "name LIKE 'f%'", "name ILIKE 'FIRST'", "attributes.name = 'first'", "attribute.name = 'first'", "`name` = 'first'",
    "status = 'READY'", "status != 'READY'", "model_type = 'tree'", "model_type LIKE 't%'", "creation_timestamp > 0", "creation_time > 0", "creation_timestamp_ms > 0",
    "last_updated_timestamp > 0", "tags.a = '1'", "tags.`a` = '1'", "tags.a != '1'", "tags.a LIKE '1'", "tag.a = '1'", "params.depth = '3'", "params.depth = 3",
    "params.depth LIKE '%'", "param.depth = '3'", "metrics.acc > 0.5", "metrics.acc < 0.65", "metric.acc > 0.5", "metrics.acc = 0.7", "metrics.acc = 'x'",
    "metrics.f1 > 0", "name = 'first' AND metrics.acc > 0.4", "name IN ('first', 'plain')", "name NOT IN ('first')", "name = 'a' OR name = 'b'", "bad = 'x'",
    "name =", "name", "name > 'a'", "tags.a IS NULL", "tags.absent IS NULL", "tags.a > '1'", "name = first", "model_id IN ('x')", "model_id = 'x'", "experiment_id = '1'",
    "(name = 'first')", "name = 'first' AND", "foo.bar = 'x'", "source_run_id = 'x'", "source_run_id != 'x'", "name = 'unterminated",
]


def search_logged_models(r):
    own = r.kept["models"]
    look = lambda **body: r.post("logged-models/search", **({"experiment_ids": [own], "order_by": [{"field_name": "creation_timestamp"}]} | body))
    for text in FILTERS:
        look(filter=text)
    look(filter=f"model_id = '{r.kept['model']}'")
    look(filter=f"source_run_id = '{r.kept['model run']}'")
    for order in [
        [{"field_name": "name"}, {"field_name": "creation_timestamp"}], [{"field_name": "creation_timestamp", "ascending": False}],
        [{"field_name": "metrics.acc"}], [{"field_name": "metrics.acc", "ascending": False}], [{"field_name": "creation_time"}],
        [{"field_name": "metrics.f1", "dataset_name": "iris"}], [{"field_name": "metrics.f1", "dataset_name": "wine", "dataset_digest": "def", "ascending": False}],
        [{"field_name": "bad"}], [{"field_name": "params.depth"}], [{"field_name": "last_updated_timestamp", "ascending": False}], [{}], [{"ascending": True}],
        "name", ["name"], [{"field_name": "metrics."}], [{"field_name": "model_type"}, {"field_name": "name"}],
    ]:
        look(order_by=order)
    r.post("logged-models/search", experiment_ids=[own])
    for sets in [[{"dataset_name": "iris"}], [{"dataset_name": "iris", "dataset_digest": "abc"}], [{"dataset_name": "iris", "dataset_digest": "no"}], [{}], []]:
        look(datasets=sets)
        look(datasets=sets, filter="metrics.f1 > 0")
    for most in [0, -1, 1, 50, 51, 100, 101, 1000, "2", "x"]:
        look(max_results=most, filter="name = 'first'")
    page = look(max_results=2)
    for _ in range(4):
        if not page or not page.get("next_page_token"):
            break
        page = look(max_results=2, page_token=page["next_page_token"])
    # A token binds the filter and the order that it was made for.
    page = look(max_results=1)
    token = (page or {}).get("next_page_token")
    look(max_results=1, page_token=token, filter="name = 'first'")
    look(max_results=1, page_token=token, order_by=[{"field_name": "name"}])
    look(page_token="x")
    look(experiment_ids=[])
    look(experiment_ids=["424242"])
    look(experiment_ids=own)
    r.post("logged-models/search")
    r.do(r.client.search_logged_models, [own], filter_string="name = 'first'", max_results=1, order_by=[{"field_name": "name", "ascending": True}])


def delete_logged_models(r):
    own = r.do(r.client.create_logged_model, r.kept["models"], name="short lived").model_id
    r.do(r.client.delete_logged_model, own)
    r.do(r.client.get_logged_model, own)
    r.do(r.client.set_logged_model_tags, own, {"a": "1"})
    with r.loosely("deleted models"):
        r.do(r.client.delete_logged_model, own)
        r.ask("GET", f"{PATH}/{own}", query={"allow_deleted": "true"})
        r.do(r.client.finalize_logged_model, own, LoggedModelStatus.READY)
    r.do(r.client.delete_logged_model, ABSENT)
    r.post("logged-models/search", experiment_ids=[r.kept["models"]], filter="name = 'short lived'")


STEPS = [
    create_logged_models, get_logged_models, finish_logged_models, tag_logged_models, log_logged_model_params, log_logged_model_metrics,
    search_logged_models, delete_logged_models,
]
