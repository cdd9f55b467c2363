"""Registered models: created, described, tagged, renamed, searched, deleted. Their versions have a module of their own."""

import time

NAMES = ["forest", "Forest", "with space", "with.dot", "ünï", "under_score", "per%cent", "with 'quote'", "dash-ed"]
# The client asks for what is no prompt by this filter.
NO_PROMPTS = "tag.`mlflow.prompt.is_prompt` != 'true'"


def create_registered_models(r):
    for name in NAMES:
        time.sleep(0.003)
        r.do(r.client.create_registered_model, name)
    r.do(r.client.create_registered_model, "described", tags={"team": "a", "empty": ""}, description="Lines\nof <b>text</b> ü")
    r.do(r.client.create_registered_model, "forest")
    r.post("registered-models/create", name="raw", tags=[{"key": "k", "value": "v"}], unknown=1)
    for name in ["", None, 3, "a/b", "a:b", "a\\b", "/", "..", ".", "a\nb", "n" * 256, "n" * 257, " padded ", "1", "a@b", "a%2Fb"]:
        r.post("registered-models/create", name=name)
    r.post("registered-models/create")
    r.post("registered-models/create", name="long key", tags=[{"key": "k" * 251, "value": "v"}])
    r.post("registered-models/create", name="long value", tags=[{"key": "k", "value": "v" * 100_001}])
    r.post("registered-models/create", name="bad tags", tags="text")
    r.post("registered-models/create", name="long description", description="d" * 5001)
    r.post("registered-models/create", name="twice a key", tags=[{"key": "k", "value": "1"}, {"key": "k", "value": "2"}])


def get_registered_models(r):
    for name in ["forest", "described", "absent", "FOREST", "ünï", "with 'quote'"]:
        r.do(r.client.get_registered_model, name)
    r.get("registered-models/get", name="forest")
    r.get("registered-models/get")
    r.get("registered-models/get", name="")
    r.get("registered-models/get", name="a/b")


def update_registered_models(r):
    r.do(r.client.update_registered_model, "forest", "Trees")
    r.do(r.client.update_registered_model, "forest", "")
    r.do(r.client.update_registered_model, "absent", "x")
    r.patch("registered-models/update", name="forest")
    r.patch("registered-models/update", description="x")
    r.patch("registered-models/update", name="forest", description=3)
    r.ask("POST", "mlflow/registered-models/update", {"name": "forest", "description": "by POST"})


def rename_registered_models(r):
    r.do(r.client.create_registered_model, "old", tags={"a": "1"})
    r.do(r.client.rename_registered_model, "old", "new")
    r.do(r.client.get_registered_model, "old")
    r.do(r.client.get_registered_model, "new")
    r.do(r.client.rename_registered_model, "new", "forest")
    r.do(r.client.rename_registered_model, "absent", "other")
    r.post("registered-models/rename", name="new", new_name="")
    r.post("registered-models/rename", name="new")
    r.post("registered-models/rename", new_name="x")
    r.post("registered-models/rename", name="new", new_name="a/b")
    r.post("registered-models/rename", name="new", new_name="new")


def tag_registered_models(r):
    r.do(r.client.set_registered_model_tag, "forest", "team", "a")
    r.do(r.client.set_registered_model_tag, "forest", "team", "b")
    r.do(r.client.set_registered_model_tag, "forest", "unicode ü", "ö")
    r.do(r.client.set_registered_model_tag, "absent", "team", "a")
    r.do(r.client.get_registered_model, "forest")
    r.do(r.client.delete_registered_model_tag, "forest", "unicode ü")
    r.do(r.client.delete_registered_model_tag, "forest", "unicode ü")
    r.do(r.client.delete_registered_model_tag, "absent", "team")
    tag = lambda **body: r.post("registered-models/set-tag", **({"name": "forest", "key": "k", "value": "v"} | body))
    tag(value="")
    tag(value=None)
    tag(value=3)
    tag(key="")
    tag(key=None)
    for key in ["a/b", "../a", "a//b", "k" * 250, "k" * 251]:
        tag(key=key)
    for length in (100_000, 100_001):
        tag(key="long", value="v" * length)
    r.delete("registered-models/delete-tag", name="forest", key="long")
    r.delete("registered-models/delete-tag", name="forest", key="k" * 250)
    r.delete("registered-models/delete-tag", name="forest")
    r.delete("registered-models/delete-tag", key="k")


FILTERS = [
    "", "name = 'forest'", "name != 'forest'", "name LIKE 'for%'", "name ILIKE 'FOR%'", "name LIKE 'For%'", "name LIKE 'under\\_score'", "name LIKE '%'",
    "name = 'with ''quote'''", "name = \"with 'quote'\"", "`name` = 'forest'", "attribute.name = 'forest'", "tags.team = 'a'", "tag.team = 'a'", "tags.`team` = 'b'",
    "tags.team != 'a'", "tags.team LIKE 'b'", "tags.team ILIKE 'B'", "tags.team IS NULL", "tags.absent = 'x'", NO_PROMPTS, f"{NO_PROMPTS} AND name = 'forest'",
    "tags.`mlflow.prompt.is_prompt` = 'true'", "name = 'forest' AND tags.team = 'b'", "name = 'forest' OR name = 'raw'", "name IN ('forest')", "name > 'a'",
    "name = forest", "name", "name =", "version = 1", "creation_timestamp > 0", "bad = 'x'", "name = 'forest' AND", "(name = 'forest')", "name = 'unterminated",
    "tags.team = 'a' AND tags.empty = ''", "run_id = 'x'", "name = 'a'; DROP TABLE x", "name NOT LIKE 'f%'",
]


def search_registered_models(r):
    look = lambda **query: r.get("registered-models/search", **query)
    for text in FILTERS:
        look(filter=text, max_results=100)
    for order in [
        ["name"], ["name ASC"], ["name DESC"], ["name desc"], ["last_updated_timestamp ASC", "name"], ["last_updated_timestamp DESC", "name"], ["timestamp", "name"],
        ["creation_timestamp ASC"], ["creation_timestamp DESC"], ["bad"], ["name SIDEWAYS"], ["name ASC DESC"], ["name", "name"], [""], ["`name` DESC"], ["version"],
    ]:
        look(order_by=order, filter="name LIKE '%e%'")
    look()
    page = look(max_results=3)
    for _ in range(3):
        if not page or not page.get("next_page_token"):
            break
        page = look(max_results=3, page_token=page["next_page_token"])
    for most in [0, -1, 1, 1000, 1001, "x", 1.5]:
        look(max_results=most, filter="name = 'forest'")
    for token in ["x", ""]:
        look(max_results=2, page_token=token)
    with r.loosely("tokens"):
        look(max_results=2, page_token="eyJvZmZzZXQiOiAxfQ==")
    r.do(r.client.search_registered_models)
    r.do(r.client.search_registered_models, filter_string="name LIKE 'f%'", max_results=1, order_by=["name DESC"])
    r.ask("POST", "mlflow/registered-models/search", {"max_results": 1})


def delete_registered_models(r):
    r.do(r.client.create_registered_model, "short lived", tags={"a": "1"})
    r.do(r.client.delete_registered_model, "short lived")
    r.do(r.client.delete_registered_model, "short lived")
    r.do(r.client.get_registered_model, "short lived")
    r.do(r.client.create_registered_model, "short lived")
    r.do(r.client.delete_registered_model, "short lived")
    r.delete("registered-models/delete")
    r.delete("registered-models/delete", name="")


STEPS = [
    create_registered_models, get_registered_models, update_registered_models, rename_registered_models, tag_registered_models,
    search_registered_models, delete_registered_models,
]
