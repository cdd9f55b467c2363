"""What another server need not answer as `mlflow server` does, with the reason.

An entry excuses one difference: by the real server's call, by the place in it, by the other's answer, and by the two values. Everything that no
entry excuses must be equal.
"""

import json
import re
import urllib.parse
from dataclasses import dataclass
from typing import Callable

MESSAGES = ("$.json.message", "$.message")
BODIES = ("$.json", "$.text", "$.type", "$.client", "$.raised", "$.code", "$.message", "$.returned")


@dataclass
class Differs:
    """`fits` says of the real server's call whether the entry is meant; `places` are the beginnings of the paths that may differ."""

    name: str
    reason: str
    fits: Callable
    places: tuple = MESSAGES
    accepts: Callable = lambda other: True
    # Of the value that is due and the one that was got.
    values: Callable = lambda due, got: True

    def excuses(self, path, due, got, value, other):
        return path.startswith(self.places) and bool(self.fits(due)) and self.accepts(got) and self.values(value, other)


def message(call):
    body = call.get("json")
    return str(body.get("message", "")) if isinstance(body, dict) else str(call.get("message", ""))


def says(pattern):
    return lambda call: (call.get("status", 400) >= 400) and re.search(pattern, message(call))


def refused(other):
    return 400 <= other.get("status", 400) < 500


def taken(other):
    return other.get("status", 200) == 200 and "raised" not in other


def asked(call, key):
    """What a request asks under this key."""
    if call.get("sent", "").startswith("{"):
        try:
            return json.loads(call["sent"]).get(key)
        except ValueError:
            return None
    return urllib.parse.parse_qs(call.get("query", "")).get(key, [None])[0]


# What the stock server's parser takes by chance: what is meant is unclear, or the same is said in a regular way.
CHANCE = {
    "name = 'plain' AND", "AND", "name = 'a' name = 'b'", "metrics.acc > 0.5 AND", "AND metrics.acc > 0.5", "metrics.acc > 0.5 metrics.loss < 1",
    "metrics. > 0.5", "tags.`` = 'x'", "tags.'team' = 'red'", "metrics.'acc' > 0.8", r"params.depth = 'x\'y'", "metrics.acc > 1e400",
    "name = 'first' AND", "params.depth = 3", "name = 'forest' AND", "name = 'stages' AND", "version_number = '1'",
}
# Filters that the stock server refuses in one place and takes in another.
SPELLINGS = {
    "name like 'case'", "attr.name = 'plain'", "attributes.name = 'plain'", "   ", "attribute.name = 'first'", "tag.a = '1'", "param.depth = '3'",
    "metric.acc > 0.5", "`name` = 'forest'", "`name` = 'stages'",
}
# A quote within quotes, and large letters that are not of English.
TEXTS = {"name = 'with ''quote'''", "params.depth = 'x''y'", "run_name ILIKE 'ÜNÏ'"}
INFINITIES = {1.7976931348623157e308: ("Infinity", "<bare inf>", None), -1.7976931348623157e308: ("-Infinity", "<bare -inf>", None)}
# What steps mark, since nothing reads it later.
LOOSE = {
    "limits": "The limits of names, keys and values hold for all of them here. The stock server checks what is logged of a run later, and no others; "
    "and it takes data sets without a name or digest, which are their identity.",
    "tokens": "The token of a page is a cursor that binds its search. The stock server's is an offset that anybody can write, and repeats or hides rows "
    "when others are added meanwhile.",
    "aliases": "An alias begins with a letter or a digit of ASCII and is no number: `name@1` would read as a version, and letters that look alike would name two "
    "models by what people take for one word.",
    "deleted models": "A logged model that was deleted is not there. The stock server deletes it again, changes its status, and hands it out where "
    "`allow_deleted` asks.",
}
# The stock server's words for a filter or an order that it does not take.
SEARCHES = (
    r"Invalid entity type|Invalid comparator|Expected numeric value type|Expected a quoted string value|Parameter value is either not quoted"
    r"|IS NULL / IS NOT NULL|attributes support comparison|Search filter contained|Invalid attribute key|Invalid ordering key|Invalid order_by"
    r"|Invalid identifier type|Invalid dataset key|Invalid order by field name|Invalid comparison|Invalid filter string|in the page token does not match"
)


def loose(name):
    return lambda call: call.get("loose") == name


def is_model_of_metrics(call):
    words = f"{asked(call, 'filter')} {asked(call, 'order_by')}"
    return "logged-models/search" in call.get("path", "") and "metrics.acc" in words


DIFFERS = [
    Differs(
        "classes of errors",
        "`sqlstate` and `error_class` stand beside `error_code` and `message` since 3.17; no stock client reads them from an answer.",
        lambda call: call.get("status", 0) >= 400,
        ("$.json.sqlstate", "$.json.error_class"),
    ),
    Differs(
        "pages instead of JSON",
        "The real server answers an unknown path, a wrong method, a doubled slash and a missing field of a query by a page of its framework; the client "
        "reads the status alone.",
        lambda call: call.get("status", 0) in (204, 308, 400, 404, 405) and call.get("type") == "text/html"
        or "<!doctype" in message(call) or isinstance(call.get("json"), dict) and "detail" in call["json"],
        ("$.text", "$.type", "$.json", "$.message"),
    ),
    Differs(
        "crashes",
        "The real server fails by an exception of its own code, status 500, which a client tries again; what is asked can never be answered, so 4xx is right.",
        lambda call: call.get("status") == 500 or call.get("code") in ("INTERNAL_ERROR", "INVALID_STATE"),
        ("$.status", *BODIES),
        refused,
    ),
    Differs(
        "null",
        "A null is as if the field were absent, here as elsewhere; the stock server crashes on it.",
        lambda call: call.get("status") == 500 and "null" in call.get("sent", ""),
        ("$.status", *BODIES),
        taken,
    ),
    Differs(
        "wrong types",
        "The stock server reads a body up to the first field of a wrong type, drops the rest in silence and answers 200; to refuse is safer, and no client sends it.",
        loose("wrong types"),
        ("$.status", *BODIES),
        lambda other: other.get("status") == 200 or refused(other),
    ),
    Differs(
        "lists of wrong types",
        "A list that holds something else than texts is refused as such; the stock server drops what follows it, and then misses that.",
        lambda call: asked(call, "order_by") == [3] or asked(call, "page_token") == 5,
    ),
    Differs(
        "outside",
        "The stock server takes names, locations and paths that another may refuse for safety: NUL, half a character, backslashes, `file:` locations, `..` after "
        "decoding twice, and the list of the artifact folder's root.",
        lambda call: call.get("loose") == "outside" or call.get("query") == "path=%00",
        ("$.status", *BODIES),
        lambda other: other.get("status") == 200 or refused(other),
    ),
    *(
        Differs(name, reason, loose(name), ("$.status", *BODIES), lambda other: other.get("status", 200) == 200 or refused(other))
        for name, reason in LOOSE.items()
    ),
    Differs(
        "infinities",
        "An infinity is kept as one; the stock server's databases keep the greatest finite number instead. In GraphQL it is null, as NaN is.",
        lambda call: True,
        ("$.json", "$.returned"),
        values=lambda due, got: isinstance(due, float) and got in INFINITIES.get(due, ()),
    ),
    Differs(
        "bare NaN",
        "The page's route writes a bare NaN, which is no JSON: a browser cannot read it. A text stands there, as in all other answers.",
        lambda call: call.get("path", "").endswith("get-history-bulk"),
        ("$.json",),
        values=lambda due, got: due == "<bare nan>" and got == "NaN",
    ),
    Differs(
        "NaN among equal times",
        "Of points of one time and step NaN comes last, as in every order here; the stock server counts it as 0.",
        lambda call: asked(call, "metric_key") == "latest" or call.get("client") == "get_metric_history",
        ("$.json.metrics", "$.returned"),
    ),
    Differs(
        "NaN of logged models",
        "A logged model's metric that is NaN is NaN; the stock server loses that and answers 0.",
        lambda call: "logged-models" in call.get("path", "") or "logged_model" in call.get("client", ""),
        ("$.json.model.data.metrics", "$.json.models", "$.returned"),
        values=lambda due, got: due == 0.0 and got in ("NaN", "<bare nan>"),
    ),
    Differs(
        "models by a metric",
        "A filter and an order see the value of a logged model that was measured last. The stock server's see any that ever was, so that a model which was "
        "better once passes.",
        is_model_of_metrics,
        ("$.json.models", "$.json.next_page_token"),
        taken,
    ),
    Differs(
        "filters by chance",
        "What these mean is unclear: an AND without a comparison behind it, comparisons without AND, a key in the quotes of a text, no key, a number that is none, "
        "a page of -1 rows. "
        "A refusal tells where.",
        lambda call: call.get("status", 200) == 200
        and (asked(call, "filter") in CHANCE or asked(call, "max_results") == -1 or "metrics.'" in str(asked(call, "order_by"))),
        ("$.status", *BODIES),
        refused,
    ),
    Differs(
        "models by their status",
        "A filter by the status of logged models works; the stock server compares the word with a number, and finds all or none.",
        lambda call: "logged-models" in call.get("path", "") and str(asked(call, "filter")).startswith("status "),
        ("$.json.models",),
        taken,
    ),
    Differs(
        "models of no run",
        "A comparison finds models that have what it asks for, as with parameters and tags; to the stock server a model of no run has an empty one.",
        lambda call: asked(call, "filter") == "source_run_id != 'x'",
        ("$.json.models",),
        taken,
    ),
    Differs(
        "data sets of any digest",
        "A data set without a digest is one of this name, whatever its digest; the stock server looks for metrics whose data set has none, and finds nothing.",
        lambda call: asked(call, "datasets") == [{"dataset_name": "iris"}],
        ("$.json.models",),
        taken,
    ),
    Differs(
        "spellings",
        "One grammar reads all searches: what it spells for one it spells for all. The stock server refuses these here and takes them elsewhere.",
        lambda call: asked(call, "filter") in SPELLINGS or "run name" in str(asked(call, "order_by")),
        ("$.status", *BODIES),
        taken,
    ),
    Differs(
        "texts in filters",
        "A quote that is written twice stands for one, so that every text can be asked for; ILIKE takes large and small letters of every language for the same.",
        lambda call: asked(call, "filter") in TEXTS,
        ("$.json",),
        taken,
    ),
    Differs(
        "columns twice",
        "An order that names a column twice says nothing by the second; it is refused everywhere, as the stock server does for runs.",
        lambda call: asked(call, "order_by") == ["name", "name"],
        ("$.status", *BODIES),
        refused,
    ),
    Differs(
        "HEAD",
        "HEAD answers what GET would, without the body; the stock server forgets the query and refuses.",
        lambda call: call.get("method") == "HEAD",
        ("$.status", "$.type"),
        taken,
    ),
    Differs(
        "pages of other sites",
        "OPTIONS is how a browser asks whether a page of another site may send a request. It may not.",
        lambda call: call.get("method") == "OPTIONS",
        ("$.status",),
        refused,
    ),
    Differs(
        "artifacts as pages",
        "An artifact that a browser would show as a page is handed out as text, so that no file acts in the server's name.",
        lambda call: "/artifacts/" in call.get("path", "") and call.get("type") == "text/html",
        ("$.type",),
        taken,
        lambda due, got: got == "text/plain",
    ),
    Differs(
        "other queries",
        "The page's two GraphQL queries are answered by their names. There is no engine for others, which could ask for everything at once.",
        lambda call: call.get("path") == "/graphql" and "inputString" in call.get("sent", ""),
        ("$.json",),
        taken,
    ),
    Differs(
        "numbers of versions",
        "The number of a version is never given again, not even where a model was deleted and its name is used anew: what was served under it can be told for ever.",
        lambda call: asked(call, "name") == "deleting" or call.get("client") == "create_model_version" or "registered-models/search" in call.get("path", ""),
        ("$.json.model_version.version", "$.returned.version", "$.json.registered_models"),
        values=lambda due, got: str(due) == "1" and str(got) == "5",
    ),
    Differs(
        "models by their last change",
        "A label that is set changes a model or version; to the stock server only stages, versions and descriptions do.",
        lambda call: "registered-models/search" in call.get("path", "") and "timestamp" in str(asked(call, "order_by"))
        or "model-versions/search" in call.get("path", "") and not asked(call, "filter") and not asked(call, "order_by")
        or call.get("client") == "search_model_versions",
        ("$.json.registered_models", "$.json.model_versions", "$.returned"),
        taken,
    ),
    Differs(
        "descriptions that nobody sends",
        "An update without a description leaves it as it is; the stock server removes it.",
        lambda call: call.get("path", "").endswith("model-versions/update") and "description" not in call.get("sent", ""),
        ("$.json.model_version.description",),
        taken,
    ),
    Differs(
        "pages of no rows",
        "A page has a row at least; the stock server answers an empty one, and a token that leads nowhere.",
        lambda call: call.get("status") == 200 and "registered-models/search" in call.get("path", "") and asked(call, "max_results") in ("0", "-1"),
        ("$.status", *BODIES),
        refused,
    ),
    Differs(
        "hosts in sources",
        "This server asks no other host for files, and no variable makes it.",
        says(r"MLFLOW_ALLOWED_HOST_ADDRESSED_ARTIFACT_SCHEMES"),
    ),
    Differs(
        "words about searches",
        "One parser reads all filters and orders; a refusal tells the column where the text stops making sense, and what was due there. The code and the status "
        "are compared.",
        says(SEARCHES),
    ),
    Differs(
        "words of the database",
        "The message quotes the statement and the error of SQLite; the code and the status are compared.",
        says(r"sqlite3\.|\[SQL: |sqlalche"),
    ),
    Differs(
        "words of Python's types",
        "The hint names the Python type of a JSON value, such as 'dict'.",
        says(r"Hint: Value was of type"),
    ),
    Differs(
        "sets in Python's words",
        "The message prints a Python set, in an order that changes from start to start.",
        says(r"not one of|Valid (?:\w+ )?(?:keys|values|order_by keys) are|Valid keys are"),
    ),
    Differs(
        "words of the parser",
        "The message quotes a bad filter as the stock server's SQL parser cut it into tokens; the code and the status are compared.",
        says(r"Invalid clause\(s\) in filter string|Invalid comparison clause|Invalid filter|Invalid order_by clause|While parsing a list"),
    ),
    Differs(
        "what a server is",
        "Its version, and what it offers beside tracking: the gateway to language models, archives of traces, presigned addresses.",
        lambda call: call.get("path", "").endswith(("/version", "/mlflow/server-info")),
        ("$.text", "$.json.features_enabled", "$.json.trace_archival_enabled", "$.json.presigned_", "$.json.store_type"),
    ),
]
