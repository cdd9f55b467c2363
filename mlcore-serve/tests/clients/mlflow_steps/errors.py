"""What belongs to no one call: unknown paths, wrong methods, bodies that are no JSON, names given twice, other prefixes."""

DEEP = b'{"filter":' + b"[" * 2000 + b"]" * 2000 + b"}"


def unknown_paths(r):
    for path in ["/api/2.0/mlflow/absent", "/api/2.0/mlflow/", "/api/2.0/", "/api/9.0/mlflow/runs/get", "/api/2.0/mlflow/runs", "/api/2.0/mlflow/runs/get/x", "/absent"]:
        r.ask("GET", path)
        r.ask("POST", path, {})
    r.ask("GET", "/api/2.0/preview/mlflow/runs/get", query={"run_id": r.kept["run"]})
    r.ask("GET", "/api/3.0/mlflow/runs/get", query={"run_id": r.kept["run"]})
    r.ask("GET", "/api/2.0/mlflow/runs/get/", query={"run_id": r.kept["run"]})


def wrong_methods(r):
    r.ask("GET", "mlflow/runs/create")
    r.ask("PUT", "mlflow/runs/create", {})
    r.ask("POST", "mlflow/runs/get", {"run_id": r.kept["run"]})
    r.ask("DELETE", "mlflow/runs/delete", {})
    r.ask("POST", "mlflow/registered-models/delete", {"name": "x"})
    r.ask("OPTIONS", "mlflow/runs/create")
    r.ask("HEAD", "mlflow/runs/get?run_id=" + r.kept["run"])


def bad_bodies(r):
    path = "mlflow/experiments/create"
    send = lambda raw, kind="application/json": r.ask("POST", path, raw=raw, headers={"Content-Type": kind} if kind else {})
    for raw in [b"", b"{", b"[]", b"null", b"3", b'"text"', b"{}", b'{"name": "a" "b"}', b"\xff\xfe", b'{"name": NaN}', b"[1]", b"true", DEEP]:
        send(raw)
    send(b'"{\\"name\\": \\"double encoded\\"}"')
    send(b'{"name": "charset"}', "application/json; charset=utf-8")
    send(b'{"name": "plain text"}', "text/plain")
    send(b'{"name": "no type"}', None)
    send(b"name=form", "application/x-www-form-urlencoded")
    send(b'{"name": "first", "name": "second"}')
    with r.loosely("outside"):
        send(b'{"name": "surrogate \\ud800"}')
    send(b'\xef\xbb\xbf{"name": "with a mark"}')
    send(b'{"name": "trailing"} x')
    send(b'{"name": "comma",}')
    send(b"{'name': 'single'}")


def field_names(r):
    own = r.kept["plain"]
    r.post("experiments/set-experiment-tag", experimentId=own, key="camel", value="v")
    r.post("experiments/set-experiment-tag", experiment_id=own, experimentId=own, key="both", value="v")
    r.post("runs/search", experimentIds=[r.kept["search"]], maxResults=1, orderBy=["attributes.end_time"])
    r.get("experiments/get", experimentId=own)
    r.get("experiments/get", experiment_id=[own, "0"])
    r.ask("GET", "mlflow/experiments/get", {"experiment_id": own})
    r.ask("GET", "mlflow/experiments/get?experiment_id=0&unknown=1", None)
    r.ask("POST", "mlflow/experiments/set-experiment-tag?experiment_id=" + own, {"key": "k", "value": "v"})


def wrong_types(r):
    """The stock server reads a message up to the first field of a wrong type, keeps what it has, and answers 200. Nothing reads this run later."""
    with r.loosely():
        own = r.do(r.client.create_run, r.kept["runs"], start_time=1, run_name="loose").info.run_id
        log = lambda **body: r.post("runs/log-metric", **({"run_id": own, "key": "k", "value": 1, "timestamp": 1} | body))
        log(value=True)
        for step in [1.5, 2**63, True]:
            log(key="steps", step=step)
        for timestamp in [1.5, 2**63]:
            log(key="times", timestamp=timestamp)
        r.post("runs/log-batch", run_id=own, metrics=[{"key": "m", "value": "x", "timestamp": 1}])
        r.post("runs/log-batch", run_id=own, metrics=[{"key": "m", "value": 1, "timestamp": "x"}])
        r.post("runs/create", experiment_id=r.kept["runs"], start_time=1.5)
        for status in ["bad", "finished", ""]:
            r.post("runs/update", run_id=own, status=status)
        r.post("runs/search", experiment_ids=[r.kept["search"]], filter="run_name = 'Beta'", max_results=1, run_view_type="BAD")


def outside(r):
    """Last, since nothing may read what a safer server has refused."""
    with r.loosely("outside"):
        r.post("experiments/create", name="nul\0in")
        for location in ["mlflow-artifacts:/a/../b", "file:///etc", "/tmp/x", "mlflow-artifacts:/q?x=1"]:
            r.post("experiments/create", name=f"at {location}", artifact_location=location)
        r.post("runs/create", experiment_id=r.kept["runs"], start_time=1, run_name="nul\0in")
        r.post("registered-models/create", name="nul\0in")


def ajax_prefix(r):
    own = r.kept["run"]
    r.ask("GET", "/ajax-api/2.0/mlflow/runs/get", query={"run_id": own})
    r.ask("POST", "/ajax-api/2.0/mlflow/runs/search", {"experiment_ids": [r.kept["search"]], "max_results": 1, "order_by": ["attributes.end_time"]})
    r.ask("GET", "/ajax-api/2.0/mlflow/experiments/get-by-name", query={"experiment_name": "Default"})
    r.ask("GET", "/ajax-api/2.0/mlflow/registered-models/search", query={"max_results": 1, "order_by": ["name"]})
    r.ask("GET", "/ajax-api/2.0/mlflow-artifacts/artifacts", query={"path": "absent"})
    r.ask("GET", "/ajax-api/2.0/mlflow/absent")


STEPS = [unknown_paths, wrong_methods, bad_bodies, field_names, wrong_types, ajax_prefix, outside]
