"""The search of runs: the whole grammar, orders with ties and gaps, pages, and what is refused."""

from mlflow.entities import Dataset, DatasetInput, InputTag, Metric, Param, RunTag, ViewType


def fill(r):
    own = r.kept["search"] = r.do(r.client.create_experiment, "for search")
    rows = [
        ("alpha", {"acc": 0.9, "loss": 0.1}, {"depth": "3", "Optimizer": "Adam"}, {"team": "red"}, "FINISHED", "train"),
        ("Beta", {"acc": 0.8, "loss": 0.2}, {"depth": "10", "Optimizer": "adam"}, {"team": "Blue"}, "FAILED", "test"),
        ("gamma_1", {"acc": 0.8}, {"depth": "3"}, {"team": "100%"}, "RUNNING", None),
        ("delta", {"acc": float("nan"), "loss": float("inf")}, {}, {"with space": "v", "a.b": "dotted"}, "KILLED", "train"),
        ("ünï", {"acc": -1.5, "a b/c": 1.0}, {"depth": "x'y"}, {"ü": "ö"}, "SCHEDULED", None),
        ("alpha", {}, {"empty": ""}, {"team": ""}, "FINISHED", None),
        ("inf", {"acc": float("inf"), "loss": float("-inf")}, {"depth": "3"}, {}, "FINISHED", None),
    ]
    kept = []
    for place, (name, metrics, params, tags, status, context) in enumerate(rows):
        run = r.do(r.client.create_run, own, start_time=1000 + place // 2, run_name=name, tags=tags).info.run_id
        batch = [Metric(key, value, 1, 0) for key, value in metrics.items()]
        r.do(r.client.log_batch, run, metrics=batch, params=[Param(key, value) for key, value in params.items()])
        if context:
            data = Dataset(f"data {context}", f"digest{place}", "local", "{}")
            r.do(r.client.log_inputs, run, datasets=[DatasetInput(data, tags=[InputTag("mlflow.data.context", context)])])
        r.do(r.client.set_terminated, run, status=status, end_time=2000 + place)
        kept.append(run)
    r.do(r.client.log_batch, kept[0], tags=[RunTag("mlflow.parentRunId", kept[1])])
    gone = r.do(r.client.create_run, own, start_time=1, run_name="gone").info.run_id
    r.do(r.client.delete_run, gone)
    r.kept["found"] = kept


FILTERS = [
    # Identifiers.
    "metrics.acc > 0.8", "metric.acc > 0.8", "params.depth = '3'", "param.depth = '3'", "parameters.depth = '3'", "parameter.depth = '3'",
    "tags.team = 'red'", "tag.team = 'red'", "attributes.status = 'FINISHED'", "attribute.status = 'FINISHED'", "attr.status = 'FINISHED'",
    "run.status = 'FINISHED'", "status = 'FINISHED'", "datasets.name = 'data train'", "dataset.name = 'data train'",
    "METRICS.acc > 0.8", "Status = 'FINISHED'", "foo.bar = 'x'", "acc > 0.8", "metrics.`acc` > 0.8", "metrics.\"acc\" > 0.8", "metrics.'acc' > 0.8",
    "`metrics.acc` > 0.8", "metrics.`a b/c` = 1", "params.`quote\"d` = 'v'", "tags.`with space` = 'v'", "tags.\"with space\" = 'v'", "tags.a.b = 'dotted'",
    "tags.`a.b` = 'dotted'", "tags.ü = 'ö'", "tags.`ü` = 'ö'", "attributes.`run name` = 'alpha'", "attributes.run_name = 'alpha'",
    "attributes.`Run name` = 'alpha'", "run_name = 'alpha'", "tags.`mlflow.runName` = 'alpha'", "tags.mlflow.runName = 'alpha'",
    # Numbers.
    "metrics.acc = 0.8", "metrics.acc != 0.8", "metrics.acc >= 0.8", "metrics.acc <= 0.8", "metrics.acc < 0.8", "metrics.acc > -2", "metrics.acc = -1.5",
    "metrics.acc > 1e-3", "metrics.acc > .5", "metrics.acc > '0.8'", "metrics.acc > \"0.8\"", "metrics.acc LIKE '0.8'", "metrics.acc > x",
    "metrics.acc > 1e400", "metrics.acc = NaN", "metrics.acc > Infinity", "metrics.loss > 1e300", "metrics.acc IN (0.8)", "metrics.acc IS NULL",
    "metrics.acc == 0.8", "metrics.acc <> 0.8", "metrics.absent > 0", "metrics.acc > 8e-1", "metrics.acc > +0.5", "metrics.acc>0.8",
    # Texts.
    "params.depth != '3'", "params.depth = \"3\"", "params.depth = 3", "params.depth > '3'", "params.Optimizer LIKE 'adam'",
    "params.Optimizer ILIKE 'ADAM'", "params.Optimizer like 'Ad%'", "params.depth LIKE '_'", "params.depth LIKE '%'", "params.depth = 'x''y'",
    "params.depth = \"x'y\"", "params.depth = 'x\\'y'", "params.depth IN ('3')", "params.depth IS NULL", "params.depth IS NOT NULL",
    "params.depth is null", "tags.team IS NULL", "tags.team IS NOT NULL", "tags.team = ''", "params.empty = ''", "tags.team LIKE '100\\%'",
    "tags.team LIKE '%\\%%'", "tags.team ILIKE 'blue'", "tags.team LIKE 'blue'", "tags.team != 'red'", "params.absent != 'x'", "params.absent IS NULL",
    "run_name LIKE 'gamma_1'", "run_name LIKE 'gamma\\_1'", "run_name ILIKE 'BETA'", "run_name LIKE '%a%'", "run_name = 'ünï'", "run_name ILIKE 'ÜNÏ'",
    "tags.team = `red`", "tags.team = red", "tags.team NOT LIKE 'r%'", "tags.team IS 'red'", "tags.team IS",
    # Attributes.
    "status != 'FINISHED'", "status IN ('FINISHED', 'FAILED')", "status NOT IN ('FINISHED')", "attributes.status IN ('FINISHED')",
    "status LIKE 'F%'", "status ILIKE 'fin%'", "status = 'finished'", "status > 'A'", "start_time > 1001", "start_time = 1001", "start_time != 1001",
    "start_time <= 1000", "created > 1001", "attributes.created > 1001", "attributes.Created > 1001", "end_time >= 2003", "end_time > '2003'",
    "start_time > 1000.5", "start_time LIKE '1'", "start_time IN (1000)", "run_id IN ('x')", "run_id = 'x'", "run_id != 'x'", "run_id IN ()",
    "run_id IN (1)", "run_id IN ('x',)", "run_id IN 'x'", "run_id NOT IN ('x')", "artifact_uri LIKE '%artifacts'", "user_id = 'tester'", "user_id LIKE 't%'",
    "lifecycle_stage = 'active'", "experiment_id = '1'", "run_uuid = 'x'", "attributes.metrics = 'x'",
    # Datasets.
    "datasets.digest = 'digest0'", "datasets.digest LIKE 'digest%'", "datasets.context = 'train'", "dataset.context IN ('train', 'test')",
    "datasets.name ILIKE 'DATA%'", "datasets.name != 'data train'", "datasets.name NOT IN ('data train')", "datasets.source = 'x'",
    "datasets.name = 'data train' AND datasets.context = 'train'", "datasets.name > 'a'",
    # Several, and what is none.
    "metrics.acc > 0.5 AND params.depth = '3'", "metrics.acc > 0.5 and tags.team = 'red' AND status = 'FINISHED'",
    "metrics.acc > 0.5 AND metrics.acc < 0.85", "params.depth = '3' AND params.depth != '10'", "metrics.acc > 0.5 OR metrics.acc < 0",
    "(metrics.acc > 0.5)", "NOT metrics.acc > 0.5", "metrics.acc > 0.5 AND", "AND metrics.acc > 0.5", "metrics.acc >", "metrics.acc", "> 0.5", "0.5 < metrics.acc",
    "metrics.acc > 0.5 metrics.loss < 1", "metrics.acc > 0.5, metrics.loss < 1", "metrics.acc > 0.5;", "metrics.acc > 0.5; DROP TABLE runs", "--", "/* */",
    "metrics.acc BETWEEN 0 AND 1", "metrics. > 0.5", ".acc > 0.5", "metrics.acc.x > 0.5", "'unterminated", "params.depth = 'unterminated", "   ",
    "tags.team = 'a' 'b'", "1 = 1", "params.a = 'b' AND 1 = 1", "metrics.acc > 0.5 -- comment", "\u0000", "tags.team = 'null'", "tags.team = NULL",
    "params.`depth = '3'", "params.\"depth = '3'", "tags.`` = 'x'", "tags.'team' = 'red'", "status = 'FINISHED' AND status = 'FAILED'",
]

ORDERS = [
    [], ["metrics.acc"], ["metrics.acc ASC"], ["metrics.acc DESC"], ["metrics.acc desc"], ["metric.acc DESC"], ["metrics.`acc` DESC"], ["metrics.loss DESC"],
    ["metrics.absent DESC"], ["params.depth"], ["params.depth DESC"], ["tags.team"], ["tags.team DESC"], ["start_time"], ["start_time DESC"],
    ["attributes.start_time ASC"], ["attribute.end_time DESC"], ["run_name"], ["attributes.`run name` DESC"], ["status", "run_name DESC"], ["status"],
    ["metrics.acc DESC", "run_name"], ["metrics.acc", "metrics.loss DESC", "run_name"], ["start_time DESC", "metrics.acc"], ["created"], ["Created DESC"],
    ["user_id", "run_name"], ["metrics.`a b/c` DESC", "run_name"], ["bad"], ["foo.bar"], ["metrics.acc SIDEWAYS"], ["metrics.acc DESC ASC"], [""],
    ["datasets.name"], ["experiment_id", "run_name"], ["metrics.acc DESC, run_name"], ["run_id IN"], "metrics.acc", [1],
    ["start_time", "start_time DESC"], ["metrics"], ["metrics."], ["params.depth ASC", "tags.team DESC", "attributes.end_time"],
]


def search_by_filters(r):
    for text in FILTERS:
        r.post("runs/search", experiment_ids=[r.kept["search"]], filter=text, max_results=50, order_by=["attributes.end_time"])
    first, second = r.kept["found"][:2]
    for text in [f"run_id = '{first}'", f"run_id IN ('{first}', '{second}')", f"attributes.run_id NOT IN ('{first}')", f"tags.mlflow.parentRunId = '{second}'"]:
        r.post("runs/search", experiment_ids=[r.kept["search"]], filter=text, max_results=50, order_by=["attributes.end_time"])
    r.post("runs/search", experiment_ids=[r.kept["search"]], filter=3)
    r.post("runs/search", experiment_ids=[r.kept["search"]], filter=None, order_by=["attributes.end_time"])
    # The order by the URI is the order of the IDs of runs.
    r.post("runs/search", experiment_ids=[r.kept["search"]], filter="run_name = 'Beta'", order_by=["artifact_uri"])
    r.post("runs/search", experiment_ids=[r.kept["search"]], filter=" AND ".join(["metrics.acc > 0"] * 30), order_by=["attributes.end_time"])


def search_in_orders(r):
    for order in ORDERS:
        # Ties are broken by the run's ID, which differs from server to server; where an order leaves ties, the end's time ends them.
        ended = not isinstance(order, list) or order in ([], [1]) or any("end_time" in str(each) for each in order)
        own = order if ended else [*order, "attributes.end_time"]
        r.post("runs/search", experiment_ids=[r.kept["search"]], order_by=own, max_results=1 if own == [] else 50)


def search_views_and_pages(r):
    own = r.kept["search"]
    for view in ["ACTIVE_ONLY", "DELETED_ONLY", "ALL", 2]:
        r.post("runs/search", experiment_ids=[own], run_view_type=view, order_by=["attributes.end_time"])
    token, pages = None, 0
    while pages < 6:
        page = r.post("runs/search", experiment_ids=[own], max_results=3, order_by=["attributes.end_time"], **({"page_token": token} if token else {}))
        token, pages = page.get("next_page_token"), pages + 1
        if not token:
            break
    for most in [0, -1, 1, 7, 8, 50000, 50001, "5", "x", None, 2**40]:
        r.post("runs/search", experiment_ids=[own], max_results=most, order_by=["attributes.end_time"], filter="run_name = 'alpha'")
    r.post("runs/search", experiment_ids=[own], max_results=2, order_by=["attributes.end_time"], page_token="")
    with r.loosely("tokens"):
        for token in ["x", "eyJvZmZzZXQiOiAxfQ==", "eyJvZmZzZXQiOiAiYSJ9", "W10="]:
            r.post("runs/search", experiment_ids=[own], max_results=2, order_by=["attributes.end_time"], page_token=token)
    with r.loosely():
        r.post("runs/search", experiment_ids=[own], max_results=2, order_by=["attributes.end_time"], page_token=3)
    r.post("runs/search", experiment_ids=[], max_results=5)
    r.post("runs/search", max_results=5)
    r.post("runs/search")
    r.post("runs/search", experiment_ids=["424242"])
    r.post("runs/search", experiment_ids=["x"])
    r.post("runs/search", experiment_ids=[own, own], filter="run_name = 'Beta'")
    r.post("runs/search", experiment_ids=[own, r.kept["runs"]], filter="run_name IN ('Beta', 'first')", order_by=["run_name"])
    r.post("runs/search", experiment_ids=own, filter="run_name = 'Beta'")
    with r.loosely():
        r.post("runs/search", experiment_ids=[int(own)], filter="run_name = 'Beta'")
    r.ask("GET", "mlflow/runs/search", query={"experiment_ids": [own]})
    r.do(r.client.search_runs, [own], filter_string="metrics.acc > 0.5", run_view_type=ViewType.ALL, max_results=2, order_by=["attributes.end_time DESC"])


STEPS = [fill, search_by_filters, search_in_orders, search_views_and_pages]
