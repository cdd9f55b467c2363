"""Filters and orders of searches, as clients write them and as they should not."""


def tracking_filter():
    """One text a file."""
    taken = """metrics.loss < 0.5
metrics.`loss` >= -1e3 and params.depth = '8'
metric."loss" != .5 AND tags.`a.b` LIKE '%x%'
params.depth IS NULL
tags.a.b is not null
attributes.status = "RUNNING"
run_id IN ('r0', 'r1',)
attr.run_id NOT IN ('r2')
run_name ILIKE 'ÜN_'
run_name LIKE 'a%'
run_name = 'it''s'
start_time > 1 AND start_time <= 3.5
end_time != 8
datasets.name = 'x'
dataset.context IN ('train', 'test')
name ILIKE 'churn%' AND creation_time >= 5
experiment_id IN ('1', '3')
model_id = 'm-1' AND metrics.f1 > 0.6
version_number > 2 and run_id = 'a'
metrics.loss DESC
params.`depth`
tags."a.b" asc
start_time desc
run_id
experiment_id DESC
artifact_uri LIKE '%/artifacts'
params.depth LIKE '1_'
metrics.loss = 0""".splitlines()
    for place, text in enumerate(taken):
        yield f"taken_{place:02}", text
    refused = ["", " ", "metrics.loss", "metrics.loss <", "metrics.loss < '1'", "params.a = 1", "params.a = 'x", "met.a = 1", "run_id IN ()"]
    refused += ["params.a = 'x' OR params.b = 'y'", "metrics.a = 1e999", "status IS NULL", "(" * 1000, "params.`` = ''", "run_id = 'a'; DROP TABLE run"]
    refused += ["params.a = 'x' AND " * 101, "\u202e\0", "metrics.m UP", "a.b.c DESC DESC", "metrics.loss < 0x10", "NOT run_id IN ('a')"]
    for place, text in enumerate(refused):
        yield f"refused_{place:02}", text


def words():
    """What such texts are made of."""
    yield from "metrics. params. tags. attributes. datasets. metric.` tag.` attr. AND IN NOT LIKE ILIKE IS NULL ASC DESC".split()
    yield from ["'", "''", "`", "\"", " and ", " = ", " != ", " <= ", " >= ", "(", ",", ")", "%", "_", "1e308", "-0.0", "loss", "depth"]
    yield from "run_id run_name user_id status artifact_uri start_time end_time name experiment_id model_id".split()
