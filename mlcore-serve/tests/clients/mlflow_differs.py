"""What another server need not answer as `mlflow server` does, with the reason.

An entry excuses one difference: by the real server's call, by the place in it, and by the other's answer. Everything that no entry excuses
must be equal.
"""

import re
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

    def excuses(self, path, due, got):
        return path.startswith(self.places) and bool(self.fits(due)) and self.accepts(got)


def message(call):
    body = call.get("json")
    return str(body.get("message", "")) if isinstance(body, dict) else str(call.get("message", ""))


def says(pattern):
    return lambda call: (call.get("status", 400) >= 400) and re.search(pattern, message(call))


def refused(other):
    return 400 <= other.get("status", 400) < 500


DIFFERS = [
    Differs(
        "classes of errors",
        "`sqlstate` and `error_class` stand beside `error_code` and `message` since 3.17; no stock client reads them from an answer.",
        lambda call: call.get("status", 0) >= 400,
        ("$.json.sqlstate", "$.json.error_class"),
    ),
    Differs(
        "pages instead of JSON",
        "The real server answers an unknown path, a wrong method and a doubled slash by a page of its framework; the client reads the status alone.",
        lambda call: call.get("status", 0) in (204, 308, 404, 405) and call.get("type") == "text/html"
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
        "wrong types",
        "The stock server reads a body up to the first field of a wrong type, drops the rest in silence and answers 200; to refuse is safer, and no client sends it.",
        lambda call: call.get("loose") == "wrong types",
        ("$.status", *BODIES),
        lambda other: other.get("status") == 200 or refused(other),
    ),
    Differs(
        "outside",
        "The stock server takes names, locations and paths that another may refuse for safety: NUL, backslashes, `file:` locations, `..` after decoding twice, and the list of the artifact folder's root.",
        lambda call: call.get("loose") == "outside",
        ("$.status", *BODIES),
        lambda other: other.get("status") == 200 or refused(other),
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
