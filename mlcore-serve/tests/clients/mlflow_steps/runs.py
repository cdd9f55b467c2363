"""Runs: their life, parameters, tags, inputs and outputs, each with its limits. Metrics have a module of their own."""

from mlflow.entities import Dataset, DatasetInput, InputTag, LoggedModelInput, LoggedModelOutput, Metric, Param, RunStatus, RunTag

ABSENT = "0" * 32


def create_runs(r):
    own = r.kept["runs"] = r.do(r.client.create_experiment, "for runs")
    r.kept["run"] = r.do(r.client.create_run, own, start_time=1000, run_name="first", tags={"a": "1"}).info.run_id
    r.do(r.client.create_run, own)
    r.do(r.client.create_run, "0", start_time=1)
    parent = r.kept["run"]
    child = r.do(r.client.create_run, own, start_time=2000, run_name="child", tags={"mlflow.parentRunId": parent})
    r.kept["child"] = child.info.run_id
    r.post("runs/create", experiment_id=own, start_time=1, tags=[{"key": "mlflow.runName", "value": "named by a tag"}])
    r.post("runs/create", experiment_id=own, start_time=1, run_name="one", tags=[{"key": "mlflow.runName", "value": "two"}])
    r.post("runs/create", experiment_id=own, start_time=1, run_name="same", tags=[{"key": "mlflow.runName", "value": "same"}])
    r.post("runs/create", experiment_id=own, start_time=1, run_name="by whom", user_id="someone", tags=[{"key": "mlflow.user", "value": "other"}])
    r.post("runs/create", experiment_id=own, start_time="12", run_name="number as text", unknown=1)
    r.post("runs/create", experiment_id=own, run_name="no time")
    r.post("runs/create", experiment_id=own, start_time=1, run_name="ünï/cödé 実")
    r.post("runs/create", experiment_id=own, start_time=1, run_name="twice", tags=[{"key": "k", "value": "1"}, {"key": "k", "value": "2"}])
    r.post("runs/create", run_name="nowhere")
    r.post("runs/create", experiment_id="424242", start_time=1)
    r.post("runs/create", experiment_id="x", start_time=1)
    r.post("runs/create", experiment_id=int(own), start_time=1, run_name="number")
    r.post("runs/create", experiment_id=own, start_time="text")
    r.post("runs/create", experiment_id=own, start_time=-1, run_name="negative")
    r.post("runs/create", experiment_id=own, start_time=1, run_name="n" * 250)
    r.post("runs/create", experiment_id=own, start_time=1, run_name="n" * 251)
    with r.loosely("limits"):
        r.post("runs/create", experiment_id="0", start_time=1, tags=[{"key": "k" * 251, "value": "v"}], run_name="long key")
        r.post("runs/create", experiment_id="0", start_time=1, tags=[{"key": "k", "value": "v" * 8001}], run_name="long value")


def get_runs(r):
    own = r.kept["run"]
    r.do(r.client.get_run, own)
    r.get("runs/get", run_id=own)
    r.get("runs/get", run_uuid=own)
    r.get("runs/get", run_id=own, run_uuid=r.kept["child"])
    r.get("runs/get", run_id=ABSENT)
    r.get("runs/get", run_id="short")
    r.get("runs/get", run_id="../etc")
    r.get("runs/get", run_id="")
    r.get("runs/get")
    r.do(r.client.get_parent_run, r.kept["child"])
    r.do(r.client.get_parent_run, own)


def update_runs(r):
    own = r.do(r.client.create_run, r.kept["runs"], start_time=10, run_name="to update").info.run_id
    r.do(r.client.update_run, own, status="KILLED")
    r.do(r.client.update_run, own, name="renamed")
    r.do(r.client.get_run, own)
    r.do(r.client.set_terminated, own, status="FAILED", end_time=99)
    r.do(r.client.set_terminated, own, end_time=98)
    r.do(r.client.set_terminated, own)
    r.do(r.client.get_run, own)
    for status in ["RUNNING", "SCHEDULED", "FINISHED", "FAILED", "KILLED", 3]:
        r.post("runs/update", run_id=own, status=status)
    r.post("runs/update", run_id=own, end_time=5)
    r.post("runs/update", run_id=own, end_time="7")
    r.post("runs/update", run_id=own, end_time="x")
    r.post("runs/update", run_id=own, run_name="")
    r.post("runs/update", run_id=own)
    r.post("runs/update", run_uuid=own, run_name="by uuid")
    r.post("runs/update", run_name="x")
    r.post("runs/update", run_id=ABSENT, run_name="x")
    r.do(r.client.set_tag, own, "mlflow.runName", "by tag")
    r.do(r.client.get_run, own)
    r.do(r.client.update_run, own, status=RunStatus.to_string(RunStatus.RUNNING))


def delete_and_restore_runs(r):
    own = r.do(r.client.create_run, r.kept["runs"], start_time=10, run_name="short lived").info.run_id
    r.do(r.client.log_param, own, "p", "1")
    r.do(r.client.delete_run, own)
    r.do(r.client.get_run, own)
    r.do(r.client.delete_run, own)
    r.do(r.client.log_param, own, "q", "1")
    r.do(r.client.log_metric, own, "m", 1, timestamp=1)
    r.do(r.client.set_tag, own, "t", "1")
    r.do(r.client.delete_tag, own, "t")
    r.do(r.client.update_run, own, status="KILLED")
    r.do(r.client.log_batch, own, params=[Param("z", "1")])
    r.do(r.client.log_inputs, own, datasets=[DatasetInput(Dataset("d", "1", "local", "{}"))])
    r.do(r.client.restore_run, own)
    r.do(r.client.restore_run, own)
    r.do(r.client.get_run, own)
    r.do(r.client.delete_run, ABSENT)
    r.do(r.client.restore_run, ABSENT)
    r.post("runs/delete")
    r.post("runs/restore")
    r.do(r.client.delete_run, own)


def log_parameters(r):
    own = r.kept["run"]
    r.do(r.client.log_param, own, "depth", 3)
    r.do(r.client.log_param, own, "depth", 3)
    r.do(r.client.log_param, own, "depth", 5)
    r.do(r.client.log_param, own, "list", [1, 2])
    r.do(r.client.log_param, own, "none", None)
    for key in ["a/b", "a.b", "a b", "a:b", "a-b", "ü", "/a", "a/", "../a", "a//b", "a;b", "a,b", "", ".", "実験", "a\tb", "a=b"]:
        r.post("runs/log-parameter", run_id=own, key=key, value="v")
    r.post("runs/log-parameter", run_id=own, key="empty", value="")
    r.post("runs/log-parameter", run_id=own, key="missing")
    r.post("runs/log-parameter", run_id=own, key="number", value=3)
    r.post("runs/log-parameter", run_id=own, key=5, value="3")
    r.post("runs/log-parameter", run_id=own, value="3")
    r.post("runs/log-parameter", key="k", value="3")
    r.post("runs/log-parameter", run_uuid=own, key="by uuid", value="3")
    r.post("runs/log-parameter", run_id=ABSENT, key="k", value="3")
    for length in (250, 251):
        r.post("runs/log-parameter", run_id=own, key="k" * length, value="v")
    for length in (6000, 6001):
        r.post("runs/log-parameter", run_id=own, key=f"long{length}", value="v" * length)
        r.post("runs/log-parameter", run_id=own, key=f"wide{length}", value="ü" * length)
    r.do(r.client.get_run, own)


def set_and_delete_tags(r):
    own = r.kept["child"]
    r.do(r.client.set_tag, own, "tag", "one")
    r.do(r.client.set_tag, own, "tag", "two")
    r.do(r.client.set_tag, own, "number", 3)
    r.do(r.client.set_tag, own, "mlflow.note.content", "# Note\n<script>alert(1)</script>")
    r.post("runs/set-tag", run_id=own, key="none")
    r.post("runs/set-tag", run_id=own, key="empty", value="")
    r.post("runs/set-tag", run_id=own, value="v")
    r.post("runs/set-tag", run_id=own, key="", value="v")
    r.post("runs/set-tag", key="k", value="v")
    r.post("runs/set-tag", run_uuid=own, key="by uuid", value="v")
    r.post("runs/set-tag", run_id=ABSENT, key="k", value="v")
    r.post("runs/set-tag", run_id=own, key="int", value=7)
    for key in ["a/b", "../a", "a//b", "ü", "a;b", "a b"]:
        r.post("runs/set-tag", run_id=own, key=key, value="v")
    for length in (250, 251):
        r.post("runs/set-tag", run_id=own, key="k" * length, value="v")
    for length in (8000, 8001):
        r.post("runs/set-tag", run_id=own, key=f"long{length}", value="v" * length)
    r.do(r.client.delete_tag, own, "tag")
    r.do(r.client.delete_tag, own, "tag")
    r.post("runs/delete-tag", run_id=own)
    r.post("runs/delete-tag", run_id=ABSENT, key="k")
    for name in ["long8000", "long8001", "k" * 250]:
        r.post("runs/delete-tag", run_id=own, key=name)
    r.do(r.client.get_run, own)


def log_batches(r):
    own = r.do(r.client.create_run, r.kept["runs"], start_time=10, run_name="batches").info.run_id
    r.do(
        r.client.log_batch, own, metrics=[Metric("m", 1.5, 1, 0), Metric("m", 2.5, 2, 1), Metric("nan", float("nan"), 1, 0)],
        params=[Param("p", "1"), Param("q", "2")], tags=[RunTag("t", "1")],
    )
    r.do(r.client.log_batch, own)
    r.do(r.client.log_batch, own, params=[Param("p", "1")])
    r.do(r.client.log_batch, own, params=[Param("new", "1"), Param("p", "other")])
    r.do(r.client.get_run, own)
    batch = lambda **body: r.post("runs/log-batch", run_id=own, **body)
    metrics = lambda count: [{"key": f"m{n}", "value": n, "timestamp": 1, "step": 0} for n in range(count)]
    pairs = lambda count, of: [{"key": f"{of}{n}", "value": "v"} for n in range(count)]
    batch(metrics=metrics(1000))
    batch(metrics=metrics(1001))
    batch(params=pairs(100, "p"))
    batch(params=pairs(101, "q"))
    batch(tags=pairs(100, "t"))
    batch(tags=pairs(101, "u"))
    batch(metrics=metrics(800), params=pairs(100, "p"), tags=pairs(100, "t"))
    batch(metrics=metrics(801), params=pairs(100, "p"), tags=pairs(100, "t"))
    batch(params=[{"key": "same", "value": "1"}, {"key": "same", "value": "1"}])
    batch(params=[{"key": "same", "value": "1"}, {"key": "same", "value": "2"}])
    batch(tags=[{"key": "same", "value": "1"}, {"key": "same", "value": "2"}])
    batch(metrics=[{"key": "same", "value": 1, "timestamp": 1, "step": 1}] * 2)
    # Either all of a batch is kept or nothing.
    batch(params=[{"key": "atomic", "value": "1"}], metrics=[{"key": "a//b", "value": 1, "timestamp": 1}])
    batch(metrics=[{"key": "atomic", "value": 1, "timestamp": 1}], params=[{"key": "p", "value": "changed"}])
    batch(tags=[{"key": "atomic", "value": "1"}], params=[{"key": "p", "value": "changed"}])
    batch(metrics=[{"value": 1, "timestamp": 1}])
    batch(metrics=[{"key": "m", "timestamp": 1}])
    batch(metrics=[{"key": "m", "value": 1}])
    batch(params=[{"value": "v"}])
    batch(params=[{"key": "no value"}])
    batch(tags=[{"value": "v"}])
    batch(params={"a": 1})
    batch(metrics="text")
    batch(params=[{"key": "k" * 251, "value": "v"}])
    batch(params=[{"key": "long", "value": "v" * 6001}])
    batch(tags=[{"key": "long", "value": "v" * 8001}])
    batch(metrics=[{"key": "k" * 251, "value": 1, "timestamp": 1}])
    batch(unknown=[1])
    r.post("runs/log-batch", metrics=metrics(1))
    r.post("runs/log-batch", run_id=ABSENT, metrics=metrics(1))
    r.post("runs/log-batch", run_id="bad id!", metrics=metrics(1))
    big = [{"key": f"big{n}", "value": "v" * 5990} for n in range(100)]
    batch(params=big, tags=[{"key": f"bigger{n}", "value": "v" * 7990} for n in range(51)])
    r.kept["batches"] = own
    r.get("runs/get", run_id=own)


def log_datasets(r):
    own = r.kept["child"]
    data = Dataset("iris", "abc123", "local", '{"uri": "x.csv"}', schema='{"columns": []}', profile='{"rows": 150}')
    r.do(r.client.log_inputs, own, datasets=[DatasetInput(data, tags=[InputTag("mlflow.data.context", "train")])])
    r.do(r.client.log_inputs, own, datasets=[DatasetInput(data, tags=[InputTag("mlflow.data.context", "test")])])
    r.do(r.client.log_inputs, r.kept["run"], datasets=[DatasetInput(data), DatasetInput(Dataset("other", "d", "s3", "{}"))])
    r.do(r.client.get_run, own)
    given = lambda **body: r.post("runs/log-inputs", run_id=own, **body)
    given(datasets=[])
    given()
    # Elsewhere, since nothing may read what a stricter server has refused.
    other = r.do(r.client.create_run, "0", start_time=10, run_name="nameless data").info.run_id
    with r.loosely("limits"):
        for data in [{"dataset": {"name": "n"}}, {"tags": []}, {"dataset": {"digest": "d", "source_type": "t", "source": "s"}}]:
            r.post("runs/log-inputs", run_id=other, datasets=[data])
    given(datasets=[{"dataset": {"name": "n" * 501, "digest": "d", "source_type": "t", "source": "s"}}])
    given(datasets=[{"dataset": {"name": "n", "digest": "d" * 37, "source_type": "t", "source": "s"}}])
    given(datasets=[{"dataset": {"name": "n", "digest": "d" * 36, "source_type": "t", "source": "s"}}])
    given(datasets=[{"dataset": {"name": "n", "digest": "1", "source_type": "t", "source": "s" * 65536}}])
    given(datasets=[{"dataset": {"name": "n", "digest": "2", "source_type": "t", "source": "s"}, "tags": [{"key": "k" * 256, "value": "v"}]}])
    given(datasets=[{"dataset": {"name": "n", "digest": "3", "source_type": "t", "source": "s"}, "tags": [{"key": "k", "value": "v" * 501}]}])
    r.post("runs/log-inputs", datasets=[])
    r.post("runs/log-inputs", run_id=ABSENT, datasets=[])
    r.get("runs/get", run_id=own)
    # The page's own routes, which stand outside the services.
    r.ask("POST", "/ajax-api/2.0/mlflow/experiments/search-datasets", {"experiment_ids": [r.kept["runs"]]})
    r.ask("POST", "/ajax-api/2.0/mlflow/experiments/search-datasets", {"experiment_ids": []})
    r.ask("POST", "/ajax-api/2.0/mlflow/experiments/search-datasets", {"experiment_ids": [str(n) for n in range(21)]})


def log_model_inputs_and_outputs(r):
    own = r.do(r.client.create_run, r.kept["runs"], start_time=10, run_name="with models").info.run_id
    model = r.do(r.client.create_logged_model, r.kept["runs"], name="put in", source_run_id=own).model_id
    r.do(r.client.log_inputs, own, models=[LoggedModelInput(model)])
    r.do(r.client.log_outputs, own, models=[LoggedModelOutput(model, step=0)])
    r.do(r.client.log_outputs, own, models=[LoggedModelOutput(model, step=5)])
    r.do(r.client.log_outputs, own, models=[LoggedModelOutput("m-" + ABSENT, step=1)])
    r.post("runs/outputs", run_id=own)
    r.post("runs/outputs", run_id=own, models=[])
    r.post("runs/outputs", models=[{"model_id": model, "step": 1}])
    r.post("runs/outputs", run_id=ABSENT, models=[{"model_id": model, "step": 1}])
    r.do(r.client.get_run, own)
    r.post("runs/search", experiment_ids=[r.kept["runs"]], filter="run_name = 'with models'")


def log_legacy_models(r):
    own = r.do(r.client.create_run, r.kept["runs"], start_time=10, run_name="legacy model").info.run_id
    model = '{"artifact_path": "model", "flavors": {"python_function": {}}, "utc_time_created": "2026-01-01 00:00:00", "run_id": "%s"}' % own
    r.post("runs/log-model", run_id=own, model_json=model)
    r.post("runs/log-model", run_id=own, model_json=model)
    r.post("runs/log-model", run_id=own, model_json="{")
    r.post("runs/log-model", run_id=own, model_json='{"artifact_path": "m", "flavors": {}, "run_id": "x"}')
    r.post("runs/log-model", run_id=own)
    r.post("runs/log-model", run_id=ABSENT, model_json=model)
    r.do(r.client.get_run, own)


STEPS = [
    create_runs, get_runs, update_runs, delete_and_restore_runs, log_parameters, set_and_delete_tags, log_batches, log_datasets,
    log_model_inputs_and_outputs, log_legacy_models,
]
