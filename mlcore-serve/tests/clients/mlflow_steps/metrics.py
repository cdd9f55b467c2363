"""Metrics: values of every kind, which of them is the latest, their history in pages, in bulk and sampled."""

ABSENT = "0" * 32


def log_metrics(r):
    own = r.kept["metrics"] = r.do(r.client.create_run, r.kept["runs"], start_time=10, run_name="metrics").info.run_id
    for step, value in enumerate([0.5, float("nan"), float("inf"), float("-inf"), -0.0, 1e308, 5e-324, 0.1 + 0.2, 2**53 + 1]):
        r.do(r.client.log_metric, own, "kinds", value, timestamp=1000 + step, step=step)
    for name, value in [("nan", float("nan")), ("inf", float("inf")), ("minus", float("-inf")), ("zero", 0), ("tiny", 5e-324)]:
        r.do(r.client.log_metric, own, name, value, timestamp=1, step=0)
    r.do(r.client.log_metric, own, "acc", 0.5, timestamp=1, step=-3)
    r.do(r.client.log_metric, own, "acc", 0.6, timestamp=2, step=-3)
    r.do(r.client.log_metric, own, "acc", 0.6, timestamp=2, step=-3)
    # The latest is the largest of (step, timestamp, value), whatever came last.
    for value, timestamp, step in [(1, 5, 5), (2, 4, 5), (3, 9, 4), (0.5, 5, 5), (7, 5, 5), (float("nan"), 5, 5), (float("nan"), 6, 5), (1, 6, 5), (-1, 6, 5)]:
        r.do(r.client.log_metric, own, "latest", value, timestamp=timestamp, step=step)
        r.get("runs/get", run_id=own)
    r.do(r.client.log_metric, own, "now", 1)
    r.do(r.client.get_run, own)


def refuse_bad_metrics(r):
    own = r.kept["metrics"]
    log = lambda **body: r.post("runs/log-metric", **({"run_id": own, "key": "raw", "value": 1, "timestamp": 1} | body))
    log()
    for value in ["NaN", "Infinity", "-Infinity", "1.5", "nan", "x", "", None, [1], 10**400, -1, 0]:
        log(value=value, step=1)
    for step in ["3", "x", -(2**63), 2**63 - 1, None]:
        log(key="steps", step=step)
    for timestamp in ["5", "x", -1, 0, None, 2**63 - 1]:
        log(key="times", timestamp=timestamp)
    for key in ["a/b", "a.b", "a b", "a:b", "../a", "/a", "a//b", "a/", "ü", "a;b", "", None, 3, "k" * 250, "k" * 251]:
        log(key=key)
    log(run_id=ABSENT)
    log(run_id=None)
    log(run_id="bad id!")
    r.post("runs/log-metric", run_uuid=own, key="by uuid", value=1, timestamp=1)
    r.post("runs/log-metric", run_id=own, value=1, timestamp=1)
    r.post("runs/log-metric", run_id=own, key="k", timestamp=1)
    r.post("runs/log-metric", run_id=own, key="k", value=1)
    r.post("runs/log-metric", run_id=own, key="k", value=0, timestamp=0)
    log(key="set", dataset_name="iris", dataset_digest="abc")
    log(key="of model", model_id="m-" + ABSENT)
    r.get("runs/get", run_id=own)


def read_history(r):
    own = r.kept["metrics"]
    for key in ["kinds", "acc", "latest", "nan", "absent", "times", "steps"]:
        r.do(r.client.get_metric_history, own, key)
    r.get("metrics/get-history", run_id=own, metric_key="kinds")
    r.get("metrics/get-history", run_uuid=own, metric_key="kinds")
    r.get("metrics/get-history", run_id=own)
    r.get("metrics/get-history", metric_key="kinds")
    r.get("metrics/get-history", run_id=ABSENT, metric_key="kinds")
    r.get("metrics/get-history", run_id=own, metric_key="")
    token, pages = None, 0
    while pages < 6:
        page = r.get("metrics/get-history", run_id=own, metric_key="kinds", max_results=4, **({"page_token": token} if token else {}))
        token, pages = page.get("next_page_token"), pages + 1
        if not token:
            break
    for most in [0, -1, 1, 9, 10, 25000, 25001, 10**9]:
        r.get("metrics/get-history", run_id=own, metric_key="kinds", max_results=most)
    with r.loosely():
        r.get("metrics/get-history", run_id=own, metric_key="kinds", max_results="x")
    r.get("metrics/get-history", run_id=own, metric_key="kinds", max_results=2, page_token="")
    with r.loosely("tokens"):
        for token in ["x", "eyJvZmZzZXQiOiAyfQ=="]:
            r.get("metrics/get-history", run_id=own, metric_key="kinds", max_results=2, page_token=token)


def read_history_in_bulk(r):
    own, other = r.kept["metrics"], r.kept["batches"]
    path = "/ajax-api/2.0/mlflow/metrics/get-history-bulk"
    bulk = lambda **query: r.ask("GET", path, query=query)
    bulk(run_id=[own], metric_key="kinds")
    bulk(run_id=[own], metric_key="latest", max_results=3)
    bulk(run_id=[other], metric_key="m")
    bulk(run_id=[ABSENT], metric_key="m")
    bulk(run_id=[own])
    bulk(metric_key="m")
    bulk(run_id=[f"{n:032x}" for n in range(101)], metric_key="m")
    bulk(run_id=[own], metric_key="kinds", max_results=0)


def sample_history(r):
    own = r.do(r.client.create_run, r.kept["runs"], start_time=10, run_name="sampled").info.run_id
    for first in range(0, 2000, 1000):
        points = [{"key": "long", "value": n / 7, "timestamp": n, "step": n} for n in range(first, first + 1000)]
        r.post("runs/log-batch", run_id=own, metrics=points)
    interval = lambda **query: r.ask("GET", "/ajax-api/2.0/mlflow/metrics/get-history-bulk-interval", query=query)
    interval(run_ids=[own], metric_key="long")
    interval(run_ids=[own], metric_key="long", max_results=10)
    interval(run_ids=[own], metric_key="long", max_results=1)
    interval(run_ids=[own], metric_key="long", max_results=7, start_step=100, end_step=200)
    interval(run_ids=[own], metric_key="long", start_step=5, end_step=5)
    interval(run_ids=[own], metric_key="long", start_step=5)
    interval(run_ids=[own], metric_key="long", start_step=6, end_step=5)
    interval(run_ids=[own], metric_key="long", max_results=0)
    interval(run_ids=[own], metric_key="long", max_results=2500)
    interval(run_ids=[own], metric_key="long", max_results=2501)
    interval(run_ids=[own], metric_key="absent", max_results=5)
    interval(run_ids=[r.kept["metrics"]], metric_key="kinds", max_results=320)
    interval(run_ids=[own])
    interval(metric_key="long")
    interval(run_ids=[f"{n:032x}" for n in range(101)], metric_key="m")
    r.ask("GET", "mlflow/metrics/get-history-bulk-interval", query={"run_ids": [own], "metric_key": "long", "max_results": 3})
    many = r.do(r.client.get_metric_history, own, "long")
    assert many is not None and len(many) == 2000


STEPS = [log_metrics, refuse_bad_metrics, read_history, read_history_in_bulk, sample_history]
