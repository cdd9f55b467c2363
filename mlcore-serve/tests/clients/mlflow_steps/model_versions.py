"""Versions of models: sources and their lineage, stages, aliases, tags, search, deletion."""

import time

NAME = "versions"


def create_model_versions(r):
    r.do(r.client.create_registered_model, NAME)
    run, model, plain = r.kept["model run"], r.kept["model"], r.kept["plain model"]
    make = lambda **body: r.post("model-versions/create", **({"name": NAME, "source": f"models:/{model}"} | body))
    r.do(r.client.create_model_version, NAME, f"models:/{model}", model_id=model, await_creation_for=None)
    r.do(r.client.create_model_version, NAME, f"models:/{model}", run_id=run, model_id=model, tags={"a": "1"}, description="second", run_link="http://x/y")
    r.do(r.client.create_model_version, NAME, f"runs:/{run}/model", run_id=run)
    r.do(r.client.get_logged_model, model)
    r.do(r.client.copy_model_version, f"models:/{NAME}/1", "copied")
    r.do(r.client.get_logged_model, model)
    make()
    make(model_id=plain)
    make(model_id="m-" + "0" * 32)
    make(source=f"models:/{plain}", model_id=plain)
    make(source=f"models:/{NAME}/1")
    make(source=f"models:/{NAME}/1", model_id=model)
    make(source=f"models:/{NAME}/1", model_id=plain)
    make(source=f"models:/{NAME}/99")
    make(source=f"models:/{NAME}@absent")
    make(source=f"models:/{NAME}/Production")
    make(source=f"models:/{NAME}/latest")
    make(source="models:/absent/1")
    make(source="models:/")
    make(source="models://authority/x/1")
    for source in [
        "s3://bucket/path", "/tmp/local", "file:///tmp/local", "./relative", "relative", "mlflow-artifacts:/0/x/artifacts/m", "mlflow-artifacts:/0/../x",
        "http://127.0.0.1/x", "https://example.com/a/../b", "s3://bucket/../x", "runs:/absent/model", "dbfs:/x", "gs://b/x%2e%2e/y", "s3://b/%2e%2e/y", "s3://b?q=1", "",
        "c:\\x", "unknown://x/y", "s3://bucket/" + "x" * 500,
    ]:
        make(source=source)
    make(source=f"runs:/{run}/model")
    make(source=f"runs:/{run}/model", run_id="0" * 32)
    make(source=f"runs:/{run}/model", run_id=run, model_id=model)
    make(source="s3://bucket/path", run_id="0" * 32)
    make(source="s3://bucket/path", run_id=run)
    artifacts = f"mlflow-artifacts:/{r.kept['models']}/{run}/artifacts/m"
    make(source=artifacts, run_id=run)
    make(source=artifacts)
    r.post("model-versions/create", name=NAME)
    r.post("model-versions/create", source="s3://b/x")
    make(name="absent", source="s3://b/x")
    make(source="s3://b/x", tags=[{"key": "k" * 251, "value": "v"}])
    make(source="s3://b/x", tags=[{"key": "k", "value": "v" * 100_001}])
    make(source="s3://b/x", tags="text")
    make(source="s3://b/x", description=3)
    r.do(r.client.get_registered_model, NAME)


def get_model_versions(r):
    for version in ["1", "2", "99", "0", "-1", "x", "1.0", "01", " 1", "latest"]:
        r.get("model-versions/get", name=NAME, version=version)
    r.do(r.client.get_model_version, NAME, 1)
    r.do(r.client.get_model_version, "absent", "1")
    r.get("model-versions/get", name=NAME)
    r.get("model-versions/get", version="1")
    for version in ["1", "3", "99", "x"]:
        r.get("model-versions/get-download-uri", name=NAME, version=version)
    r.do(r.client.get_model_version_download_uri, NAME, "1")
    r.get("model-versions/get-download-uri", name=NAME)
    r.get("model-versions/get-download-uri", name="absent", version="1")


def update_model_versions(r):
    r.do(r.client.update_model_version, NAME, "1", "words")
    r.do(r.client.update_model_version, NAME, "99", "words")
    r.patch("model-versions/update", name=NAME, version="1")
    r.patch("model-versions/update", name=NAME, version="1", description="")
    r.patch("model-versions/update", name=NAME, version=1, description="number")
    r.patch("model-versions/update", name=NAME)
    r.patch("model-versions/update", version="1")
    r.do(r.client.get_model_version, NAME, "1")


def move_through_stages(r):
    name = "stages"
    r.do(r.client.create_registered_model, name)
    for _ in range(4):
        time.sleep(0.003)
        r.do(r.client.create_model_version, name, "s3://bucket/path")
    move = lambda version, stage, archive=False: r.do(r.client.transition_model_version_stage, name, version, stage, archive)
    move("1", "Production")
    move("2", "Production")
    r.do(r.client.get_latest_versions, name)
    r.do(r.client.get_latest_versions, name, ["Production"])
    move("3", "Production", True)
    r.do(r.client.search_model_versions, f"name = '{name}'")
    move("3", "Production")
    move("3", "Production", True)
    for stage in ["Staging", "staging", "PRODUCTION", "Archived", "None", "none", "bad", "", "Active"]:
        move("4", stage)
    move("4", "Archived", True)
    move("4", "None", True)
    move("4", "staging", True)
    move("99", "Staging")
    stage = lambda **body: r.post("model-versions/transition-stage", **({"name": name, "version": "2", "stage": "Staging", "archive_existing_versions": False} | body))
    stage(version=2)
    stage(archive_existing_versions=None)
    stage(archive_existing_versions="true")
    stage(archive_existing_versions="x")
    stage(stage=None)
    stage(version=None)
    stage(name=None)
    stage(name="absent")
    stage(stage=3)
    latest = lambda **body: r.post("registered-models/get-latest-versions", **({"name": name} | body))
    latest()
    latest(stages=[])
    latest(stages=["None"])
    latest(stages=["staging", "PRODUCTION"])
    latest(stages=["bad"])
    latest(stages=["Archived", "Archived"])
    latest(stages="Production")
    latest(name="absent")
    latest(name=None)
    r.get("registered-models/get-latest-versions", name=name, stages=["Production", "Staging"])
    r.do(r.client.get_registered_model, name)


def point_by_aliases(r):
    set_alias = lambda **body: r.post("registered-models/alias", **({"name": NAME, "alias": "champion", "version": "1"} | body))
    r.do(r.client.set_registered_model_alias, NAME, "champion", "1")
    r.do(r.client.set_registered_model_alias, NAME, "other", "1")
    r.do(r.client.get_model_version, NAME, "1")
    r.do(r.client.set_registered_model_alias, NAME, "champion", "2")
    r.do(r.client.get_model_version_by_alias, NAME, "champion")
    r.do(r.client.get_model_version_by_alias, NAME, "absent")
    r.do(r.client.get_model_version_by_alias, "absent", "champion")
    r.do(r.client.get_registered_model, NAME)
    r.do(r.client.search_model_versions, f"name = '{NAME}'", max_results=3)
    for alias in ["v1", "V12", "latest", "Latest", "LATEST", "a b", "a/b", "a.b", "Champion", "a" * 255, "a" * 256, "", None, 3, "a-b_c", "production"]:
        set_alias(alias=alias)
    for version in [1, "99", "x", None, ""]:
        set_alias(alias="to", version=version)
    set_alias(name="absent")
    set_alias(name=None)
    r.get("registered-models/alias", name=NAME, alias="champion")
    r.get("registered-models/alias", name=NAME, alias="CHAMPION")
    r.get("registered-models/alias", name=NAME, alias="latest")
    r.get("registered-models/alias", name=NAME, alias="v1")
    r.get("registered-models/alias", name=NAME)
    r.get("registered-models/alias", alias="champion")
    r.do(r.client.delete_registered_model_alias, NAME, "other")
    r.do(r.client.delete_registered_model_alias, NAME, "other")
    r.do(r.client.delete_registered_model_alias, "absent", "other")
    r.delete("registered-models/alias", name=NAME)
    r.do(r.client.get_registered_model, NAME)


def point_by_odd_aliases(r):
    name = "odd aliases"
    r.do(r.client.create_registered_model, name)
    r.do(r.client.create_model_version, name, "s3://bucket/path")
    with r.loosely("aliases"):
        for alias in ["1", "ü", "_a", "-a"]:
            r.post("registered-models/alias", name=name, alias=alias, version="1")
    r.do(r.client.delete_registered_model, name)


def tag_model_versions(r):
    r.do(r.client.set_model_version_tag, NAME, "1", "team", "a")
    r.do(r.client.set_model_version_tag, NAME, "1", "team", "b")
    r.do(r.client.set_model_version_tag, NAME, "99", "team", "b")
    r.do(r.client.get_model_version, NAME, "1")
    r.do(r.client.delete_model_version_tag, NAME, "1", "team")
    r.do(r.client.delete_model_version_tag, NAME, "1", "team")
    r.do(r.client.delete_model_version_tag, NAME, "99", "team")
    tag = lambda **body: r.post("model-versions/set-tag", **({"name": NAME, "version": "1", "key": "k", "value": "v"} | body))
    tag()
    tag(value="")
    tag(value=None)
    tag(key="")
    tag(key="a/b")
    tag(key="../a")
    tag(key="k" * 250)
    tag(key="k" * 251)
    tag(key="long", value="v" * 100_000)
    tag(key="long", value="v" * 100_001)
    tag(version=1)
    tag(version=None)
    tag(version="x")
    r.delete("model-versions/delete-tag", name=NAME, version="1", key="long")
    r.delete("model-versions/delete-tag", name=NAME, version="1", key="k" * 250)
    r.delete("model-versions/delete-tag", name=NAME, version="1")


FILTERS = [
    "", f"name = '{NAME}'", "name = 'stages'", "name LIKE 'vers%'", "name ILIKE 'VERS%'", "name != 'stages'", "name IN ('stages')", "version_number = 1",
    "version_number > 1", "version_number >= 2 AND name = 'stages'", "version_number < 3", "version_number != 1", "version_number = '1'", "version = 1",
    "version_number LIKE '1'", "version_number = x", "source_path = 's3://bucket/path'", "source_path LIKE 's3%'", "source_path ILIKE 'S3%'",
    "source_path != 's3://bucket/path'", "run_id = 'x'", "run_id != 'x'", "run_id IN ('x')", "run_id IN ('x', 'y')", "run_id IN ()", "run_id IN (1)", "run_id NOT IN ('x')",
    "run_id LIKE 'x'", "tags.a = '1'", "tag.a = '1'", "tags.`a` = '1'", "tags.k LIKE '%'", "tags.k != 'v'", "tags.absent != 'v'", "tags.a IS NULL", "current_stage = 'Production'",
    "stage = 'Production'", "name = 'stages' OR name = 'x'", "name = stages", "name", "bad = 'x'", f"name = '{NAME}' AND tags.a = '1' AND version_number > 0",
    "attribute.name = 'stages'", "`name` = 'stages'", "name = 'stages' AND", "name = 'unterminated", "status = 'READY'", "(name = 'stages')", "description = 'second'",
]


def search_model_versions(r):
    look = lambda **query: r.get("model-versions/search", **({"order_by": ["name", "version_number DESC"], "max_results": 100} | query))
    for text in FILTERS:
        look(filter=text)
    look(filter=f"run_id = '{r.kept['model run']}'")
    look(filter=f"run_id IN ('{r.kept['model run']}', 'x')")
    for order in [
        ["version_number"], ["version_number DESC"], ["version_number ASC", "name"], ["name DESC", "version_number"], ["creation_timestamp DESC", "version_number"],
        ["last_updated_timestamp DESC", "version_number"], ["bad"], ["name SIDEWAYS"], ["version_number ASC DESC"], ["version"], ["name", "name"], [""], ["run_id"],
    ]:
        look(order_by=order, filter="name = 'stages'")
    look(order_by=[], filter="name = 'stages'")
    page = look(filter="name = 'stages'", max_results=3)
    look(filter="name = 'stages'", max_results=3, page_token=(page or {}).get("next_page_token", ""))
    for most in [0, -1, 1, 200_000, 200_001, "x"]:
        look(max_results=most, filter="name = 'stages'")
    look(page_token="x")
    r.get("model-versions/search", filter="name = 'stages'")
    r.do(r.client.search_model_versions)
    r.do(r.client.search_model_versions, "name = 'stages'", max_results=2, order_by=["version_number ASC"])


def rename_with_versions(r):
    r.do(r.client.create_registered_model, "to rename", tags={"a": "1"})
    r.do(r.client.create_model_version, "to rename", "s3://bucket/path", tags={"b": "2"})
    r.do(r.client.set_registered_model_alias, "to rename", "champion", "1")
    r.do(r.client.rename_registered_model, "to rename", "was renamed")
    r.do(r.client.get_model_version, "to rename", "1")
    r.do(r.client.get_model_version, "was renamed", "1")
    r.do(r.client.get_model_version_by_alias, "was renamed", "champion")
    r.do(r.client.get_registered_model, "was renamed")


def delete_model_versions(r):
    name = "deleting"
    r.do(r.client.create_registered_model, name)
    for _ in range(3):
        r.do(r.client.create_model_version, name, "s3://bucket/path", tags={"a": "1"})
    r.do(r.client.set_registered_model_alias, name, "last", "3")
    r.do(r.client.delete_model_version, name, "3")
    r.do(r.client.delete_model_version, name, "3")
    r.do(r.client.get_model_version, name, "3")
    r.do(r.client.get_model_version_by_alias, name, "last")
    r.do(r.client.get_registered_model, name)
    r.do(r.client.search_model_versions, f"name = '{name}'")
    r.do(r.client.set_model_version_tag, name, "3", "a", "b")
    r.do(r.client.transition_model_version_stage, name, "3", "Staging")
    r.do(r.client.get_model_version_download_uri, name, "3")
    # A deleted number is not given again.
    r.do(r.client.create_model_version, name, "s3://bucket/path")
    r.delete("model-versions/delete", name=name)
    r.delete("model-versions/delete", version="1")
    r.delete("model-versions/delete", name=name, version=2)
    r.delete("model-versions/delete", name=name, version="x")
    r.do(r.client.delete_registered_model, name)
    r.do(r.client.get_model_version, name, "1")
    r.do(r.client.search_model_versions, f"name = '{name}'")
    r.do(r.client.create_registered_model, name)
    r.do(r.client.create_model_version, name, "s3://bucket/path")


STEPS = [
    create_model_versions, get_model_versions, update_model_versions, move_through_stages, point_by_aliases, point_by_odd_aliases, tag_model_versions,
    search_model_versions, rename_with_versions, delete_model_versions,
]
