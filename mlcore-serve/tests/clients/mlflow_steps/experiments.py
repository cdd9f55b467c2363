"""Experiments: their whole life, their search, their limits."""

from mlflow.entities import ViewType

NAMES = ["plain", "with/slash", "ünïcödé 実験", "with 'quote'", 'with "double"', "with `tick`", "per%cent", "under_score", "CASE", "case"]


def default_experiment(r):
    r.get("experiments/get", experiment_id="0")
    r.get("experiments/get-by-name", experiment_name="Default")
    r.do(r.client.get_experiment, "0")


def create_experiments(r):
    for name in NAMES:
        r.kept[name] = r.do(r.client.create_experiment, name)
    r.kept["tagged"] = r.do(r.client.create_experiment, "tagged", tags={"team": "a", "unicode": "ü", "empty": ""})
    r.kept["located"] = r.do(r.client.create_experiment, "located", artifact_location="mlflow-artifacts:/elsewhere")
    r.do(r.client.create_experiment, "bucket", artifact_location="s3://bucket/folder")
    r.post("experiments/create", name="raw", tags=[{"key": "a", "value": "1"}], unknown_field={"deep": [1]})
    r.post("experiments/create", name="no value", tags=[{"key": "a"}])
    r.post("experiments/create", name=" padded ")


def get_experiments(r):
    for name in NAMES:
        r.do(r.client.get_experiment_by_name, name)
        r.do(r.client.get_experiment, r.kept[name])
    r.do(r.client.get_experiment_by_name, "absent")
    r.do(r.client.get_experiment, "424242")
    r.get("experiments/get", experiment_id=r.kept["tagged"])
    r.get("experiments/get", experiment_id=r.kept["located"])
    r.get("experiments/get", experiment_id="not-a-number")
    r.get("experiments/get", experiment_id="")
    r.get("experiments/get")
    r.get("experiments/get-by-name")
    r.get("experiments/get-by-name", experiment_name="")
    r.get("experiments/get-by-name", experiment_name="DEFAULT")


def refuse_bad_experiments(r):
    r.post("experiments/create", name="plain")
    r.post("experiments/create")
    r.post("experiments/create", name="")
    r.post("experiments/create", name=None)
    r.post("experiments/create", name=3)
    r.post("experiments/create", name=["list"])
    r.post("experiments/create", name="n" * 500)
    r.post("experiments/create", name="n" * 501)
    r.post("experiments/create", name="a\nb")
    for location in ["mlflow-artifacts:/f#x", "x" * 3000]:
        r.post("experiments/create", name=f"at {location[:30]}", artifact_location=location)
    r.post("experiments/create", name="tags are a map", tags={"a": "b"})
    r.post("experiments/create", name="long key", tags=[{"key": "k" * 251, "value": "v"}])
    r.post("experiments/create", name="long value", tags=[{"key": "k", "value": "v" * 20001}])
    r.post("experiments/create", name="twice a key", tags=[{"key": "k", "value": "1"}, {"key": "k", "value": "2"}])
    r.post("experiments/create", name="empty key", tags=[{"key": "", "value": "1"}])


def rename_experiments(r):
    own = r.do(r.client.create_experiment, "before")
    r.do(r.client.rename_experiment, own, "after")
    r.do(r.client.get_experiment_by_name, "before")
    r.do(r.client.get_experiment_by_name, "after")
    r.post("experiments/update", experiment_id=own, new_name="plain")
    r.post("experiments/update", experiment_id=own, new_name="after")
    r.post("experiments/update", experiment_id=own, new_name="")
    r.post("experiments/update", experiment_id=own)
    r.post("experiments/update", new_name="x")
    r.post("experiments/update", experiment_id="424242", new_name="x")
    r.post("experiments/update", experiment_id=own, new_name="n" * 501)
    r.kept["renamed"] = own


def tag_experiments(r):
    own = r.kept["plain"]
    r.do(r.client.set_experiment_tag, own, "key", "value")
    r.do(r.client.set_experiment_tag, own, "key", "value two")
    r.do(r.client.set_experiment_tag, own, "with space/and.dot-dash:colon", "ü")
    r.do(r.client.set_experiment_tag, own, "number", 3)
    r.post("experiments/set-experiment-tag", experiment_id=own, key="none")
    r.post("experiments/set-experiment-tag", experiment_id=own, key="empty", value="")
    r.post("experiments/set-experiment-tag", experiment_id=own, key="int", value=3)
    r.post("experiments/set-experiment-tag", experiment_id=own, value="keyless")
    r.post("experiments/set-experiment-tag", experiment_id=own, key="", value="keyless")
    r.post("experiments/set-experiment-tag", key="k", value="v")
    for length in (250, 251):
        r.post("experiments/set-experiment-tag", experiment_id=own, key="k" * length, value="v")
    for length in (20000, 20001):
        r.post("experiments/set-experiment-tag", experiment_id=own, key="long", value="v" * length)
    for key in ["bad;key", "../up", "/lead", "a//b", "ключ", "tab\tkey", "a,b"]:
        r.post("experiments/set-experiment-tag", experiment_id=own, key=key, value="v")
    r.post("experiments/set-experiment-tag", experiment_id="424242", key="k", value="v")
    r.do(r.client.delete_experiment_tag, own, "key")
    r.do(r.client.delete_experiment_tag, own, "key")
    r.post("experiments/delete-experiment-tag", experiment_id=own)
    r.post("experiments/delete-experiment-tag", experiment_id="424242", key="k")
    r.do(r.client.delete_experiment_tag, own, "long")
    r.do(r.client.get_experiment, own)


def delete_and_restore_experiments(r):
    own = r.do(r.client.create_experiment, "short lived")
    run = r.do(r.client.create_run, own, start_time=100, run_name="inside").info.run_id
    r.do(r.client.delete_experiment, own)
    r.do(r.client.get_experiment, own)
    r.do(r.client.get_experiment_by_name, "short lived")
    r.do(r.client.get_run, run)
    r.do(r.client.delete_experiment, own)
    r.do(r.client.create_experiment, "short lived")
    r.do(r.client.rename_experiment, own, "other")
    r.do(r.client.set_experiment_tag, own, "k", "v")
    r.do(r.client.delete_experiment_tag, own, "k")
    r.do(r.client.create_run, own)
    r.do(r.client.log_param, run, "p", "1")
    r.do(r.client.log_metric, run, "m", 1.0, timestamp=5, step=0)
    r.post("runs/search", experiment_ids=[own], run_view_type="ALL")
    r.do(r.client.restore_experiment, own)
    r.do(r.client.get_run, run)
    r.do(r.client.restore_experiment, own)
    r.do(r.client.delete_experiment, "424242")
    r.do(r.client.restore_experiment, "424242")
    r.post("experiments/delete")
    r.post("experiments/restore")
    r.do(r.client.delete_experiment, "0")
    r.do(r.client.restore_experiment, "0")
    r.do(r.client.delete_experiment, own)


FILTERS = [
    "", "name = 'plain'", "name != 'plain'", "name LIKE 'with%'", "name ILIKE 'CAS%'", "name like 'case'", "name LIKE 'case'",
    "name LIKE '%_score'", "name LIKE 'under\\_score'", "name = \"plain\"", "name = `plain`", "attribute.name = 'plain'",
    "attr.name = 'plain'", "attributes.name = 'plain'", "`name` = 'plain'", "name = 'with ''quote'''", "name = \"with 'quote'\"",
    "tags.team = 'a'", "tag.team = 'a'", "tags.`team` = 'a'", "tags.\"team\" = 'a'", "tags.team != 'a'", "tags.team LIKE 'A'",
    "tags.team ILIKE 'A'", "tags.team IS NULL", "tags.team IS NOT NULL", "tags.unicode = 'ü'", "tags.team = 'a' AND tags.unicode = 'ü'",
    "tags.team = 'a' and name = 'tagged'", "creation_time > 0", "creation_time < 0", "creation_time >= 1", "creation_time != 1",
    "last_update_time > 0", "creation_time = 'text'", "creation_time LIKE '1'", "name > 'a'", "name IN ('plain', 'case')",
    "experiment_id = '0'", "experiment_id IN ('0')", "experiment_id != '0'", "name = plain", "name", "name =", "= 'plain'", "name = 'plain' OR name = 'case'",
    "bad.key = 'x'", "lifecycle_stage = 'active'", "tags.team", "name = 'plain' AND", "AND", "name = 'plain';", "(name = 'plain')",
    "name = 3", "name = 'a' name = 'b'", "'plain' = name", "name == 'plain'", "name <> 'plain'", "NOT name = 'plain'", "name IS NULL",
    "tags.x IS", "name = 'unterminated", "name = 'x'; DROP TABLE experiments", "1 = 1", "name='plain'", " name  =  'plain' ",
]


def search_experiments_by_filters(r):
    for text in FILTERS:
        r.post("experiments/search", filter=text, max_results=50, order_by=["name ASC"])


def search_experiments_in_orders(r):
    for order in [
        ["name"], ["name ASC"], ["name DESC"], ["name asc"], ["experiment_id ASC"], ["experiment_id DESC"], ["creation_time DESC", "name"],
        ["last_update_time ASC"], ["attribute.name DESC"], ["`name` DESC"], ["tags.team"], ["bad"], ["name SIDEWAYS"], ["name ASC DESC"], [""], "name",
        ["metrics.x"], ["name", "name"], [3],
    ]:
        r.post("experiments/search", order_by=order, max_results=50)
    r.do(r.client.search_experiments)
    r.do(r.client.search_experiments, view_type=ViewType.ALL, filter_string="name LIKE 'short%'")
    r.do(r.client.search_experiments, view_type=ViewType.DELETED_ONLY)
    for view in ["ACTIVE_ONLY", "DELETED_ONLY", "ALL", 1, 2, 3]:
        r.post("experiments/search", view_type=view, max_results=50, order_by=["name"])


def page_through_experiments(r):
    token, pages = None, 0
    while pages < 10:
        page = r.post("experiments/search", max_results=4, order_by=["name DESC"], **({"page_token": token} if token else {}))
        token, pages = page.get("next_page_token"), pages + 1
        if not token:
            break
    page = r.do(r.client.search_experiments, max_results=2, order_by=["name"])
    r.do(r.client.search_experiments, max_results=2, order_by=["name"], page_token=page.token)
    r.get("experiments/search", max_results=3, filter="name LIKE 'with%'", order_by=["name DESC"])
    r.get("experiments/search")
    r.post("experiments/search")
    for most in [0, -1, 1, 50000, 50001, "5", "x"]:
        r.post("experiments/search", max_results=most, filter="name = 'plain'")
    with r.loosely():
        for most in [1.5, None, 2**70]:
            r.post("experiments/search", max_results=most, filter="name = 'plain'")
        for view in ["BAD", 9]:
            r.post("experiments/search", view_type=view, max_results=50, order_by=["name"])
    r.post("experiments/search", max_results=50, page_token="", filter="name LIKE 'with%'")
    with r.loosely("tokens"):
        for token in ["x", "!!!", "eyJvZmZzZXQiOiAxfQ==", "eyJvZmZzZXQiOiAtMX0=", "e30="]:
            r.post("experiments/search", max_results=50, page_token=token, filter="name LIKE 'with%'")
    for token in [5]:
        r.post("experiments/search", max_results=50, page_token=token, filter="name LIKE 'with%'")


STEPS = [
    default_experiment, create_experiments, get_experiments, refuse_bad_experiments, rename_experiments, tag_experiments,
    delete_and_restore_experiments, search_experiments_by_filters, search_experiments_in_orders, page_through_experiments,
]
