"""Compares two recordings of `mlflow_script.py`, step by step and call by call.

What a server chooses by itself is replaced by a placeholder that names the call where it first appeared: IDs, generated names, the server's
address. The same ID gets the same placeholder, so that it is compared whether two answers speak of one thing, and an ID too many in one call
does not move those of later ones. Times within the recording become `<now>`, tokens of pages `<token>`. All else must be equal;
`mlflow_differs.py` lists what need not be, with the reason.
"""

import difflib
import itertools
import math
import re
import urllib.parse

from mlflow_differs import DIFFERS

# One group: the ID. It is replaced only where an experiment of this ID is known, since these are small numbers.
EXPERIMENTS = [
    re.compile(pattern + r"(?!\w)")
    for pattern in [
        r"mlflow-artifacts:/(\d+)(?=/|$)", r"mlflow-artifacts/artifacts/(\d+)(?=/|$)", r"experiment_id=(\d+)", r"experiment_ids=(\d+)",
        r"[Ee]xperiment (\d+) must", r"[Ee]xperiment (?:ID|id)[ =:]+'?(\d+)'?", r"id=(\d+)", r"ID '?(\d+)'?", r"experiment_id[ =:]+'?(\d+)'?",
        r"[Ee]xperiment '(\d+)'", r"\(experiment_id\)=\((\d+)\)",
    ]
]
MODEL = re.compile(r"m-[0-9a-f]{32}")
HEX = re.compile(r"(?<![0-9a-f])[0-9a-f]{32}(?![0-9a-f])")
NAME = re.compile(r"(?<![\w-])[a-z]+-[a-z]+-\d{1,4}(?![\w-])")
FOLDER = re.compile(r"(?<![\w:])(?!/(?:ajax-)?api/)(?:/[\w.-]+)+/(?=artifacts/|mlflow\.db)")
PORT = re.compile(r"port=\d+")
# What Python prints of a set, whose order changes from one process to the next.
SET = re.compile(r"\{'[^'{}]*'(?:, '[^'{}]*')*\}")
TEMPORARY = re.compile(r"/tmp/[\w.-]+")
# Lists without an order of their own: one entry for each key.
UNORDERED = {"tags", "params", "metrics", "aliases", "latest_versions", "model_versions_tags"}
# Lists that the stock server's database puts into the order of random IDs.
BY_ID = {"model_outputs", "model_inputs"}
# An ID that is asked for because no server has it.
GIVEN = {"0" * 32} | {f"{n:032x}" for n in range(101)}


class Normaliser:
    """Replaces what one server chose; its numbers belong to one recording."""

    def __init__(self, recording):
        self.address, self.begin, self.end = recording["address"], recording["begin"], recording["end"]
        self.found, self.experiments = {}, {}
        self._label, self._count = "", 0

    def call(self, call, label=""):
        """One call as it is compared; `label` names the call in the placeholders of what appears in it first."""
        self._label, self._count = label, 0
        json = call.get("json", call.get("returned"))
        self._learn(json)
        own = {key: self.value(value, key) for key, value in call.items() if key != "sent"}
        if "query" in own:
            plain = urllib.parse.unquote_plus(call["query"])
            own["query"] = re.sub(r"page_token=[^&]+", "page_token=<token>", self.text(plain, "query"))
        return own

    def value(self, value, key=""):
        if isinstance(value, dict):
            if value.keys() == {"items", "token"}:
                return {"items": self.value(value["items"], key), "token": "<token>"}
            return {name: self.value(each, name) for name, each in value.items()}
        if isinstance(value, list):
            own = [self.value(each, key) for each in value]
            keyed = key in UNORDERED and all(isinstance(each, dict) and "step" not in each or isinstance(each, str) for each in own)
            return sorted(own, key=order) if keyed or key in BY_ID or is_metrics_of_run(key, own) else own
        if isinstance(value, bool) or value is None:
            return value
        if isinstance(value, float) and not math.isfinite(value):
            return f"<bare {value}>"
        if isinstance(value, (int, float)):
            return "<now>" if self.begin <= value <= self.end else value
        return self.text(value, key)

    def text(self, text, key):
        if key in ("next_page_token", "token") and text:
            return "<token>"
        if key in ("experiment_id", "experiment_ids", "experimentId") and text in self.experiments:
            return self.experiments[text]
        text = text.replace(self.address, "<server>").replace(self.address.removeprefix("http://"), "<server>")
        text = MODEL.sub(lambda own: self._numbered("model", own[0]), text)
        text = HEX.sub(lambda own: self._numbered("id", own[0]), text)
        for pattern in EXPERIMENTS:
            text = pattern.sub(self._experiment, text)
        text = NAME.sub(lambda own: self._numbered("name", own[0]), text)
        text = FOLDER.sub("<folder>/", text)
        text = PORT.sub("port=<port>", TEMPORARY.sub("<temporary>", text))
        text = SET.sub(lambda own: "{" + ", ".join(sorted(own[0][1:-1].split(", "))) + "}", text)
        return re.sub(r"\b\d{13}\b", lambda own: "<now>" if self.begin <= int(own[0]) <= self.end else own[0], text)

    def _learn(self, value):
        """Takes down the IDs of experiments, in the order in which the server names them."""
        for each in value if isinstance(value, list) else [value]:
            if isinstance(each, dict):
                own = each.get("experiment_id", each.get("_experiment_id"))
                if isinstance(own, str) and own not in ("0", "424242", *self.experiments) and own.isdigit():
                    self.experiments[own] = self._name("experiment", self.experiments)
                for inner in each.values():
                    self._learn(inner)
            elif isinstance(each, list):
                self._learn(each)

    def _experiment(self, found):
        known = self.experiments.get(found[1])
        return found[0].replace(found[1], known) if known else found[0]

    def _numbered(self, kind, text):
        if text.removeprefix("m-") in GIVEN:
            return text
        if text not in self.found:
            self.found[text] = self._name(kind, self.found)
        return self.found[text]

    def _name(self, kind, known):
        if not self._label:
            return f"<{kind} {sum(own.startswith(f'<{kind} ') for own in known.values()) + 1}>"
        self._count += 1
        return f"<{kind} {self._count} of {self._label}>"


def is_metrics_of_run(key, own):
    """The metrics of a run are its latest ones, a value for each key; a history has a key several times."""
    keys = [(each.get("key"), each.get("model_id"), each.get("run_id"), each.get("dataset_name")) for each in own if isinstance(each, dict)]
    return key == "metrics" and len(keys) == len(own) and len(set(keys)) == len(keys)


def order(value):
    return (str(value.get("key", value.get("alias", value.get("current_stage", "")))), str(value)) if isinstance(value, dict) else (str(value), "")


def compare(reference, other, differs=DIFFERS):
    """The differences as texts, and how often each entry of `differs` excused one."""
    found, excused = [], {entry.name: 0 for entry in differs}
    ours, theirs = Normaliser(other), Normaliser(reference)
    for due, got in zip(reference["steps"], other["steps"], strict=True):
        name = due["step"]
        if len(due["calls"]) != len(got["calls"]):
            found.append(f"{name}: {len(got['calls'])} calls instead of {len(due['calls'])}")
        for place, (raw, own) in enumerate(aligned(due["calls"], got["calls"]), 1):
            one, two = theirs.call(raw, f"{name} {place}"), ours.call(own, f"{name} {place}")
            left = []
            for path, a, b in walk(one, two, "$"):
                entry = next((entry for entry in differs if entry.excuses(path, raw, two, a, b)), None)
                if entry:
                    excused[entry.name] += 1
                else:
                    left.append((path, a, b))
            if left:
                shown = one or two
                title = f"{name}, call {place}: {shown.get('method', shown.get('client', ''))} {shown.get('path', '')} {shown.get('query', '')} {raw.get('sent', '')[:200]}"
                found.append("\n  ".join([title.rstrip(), *(f"{path}: due {short(a)}, got {short(b)}" for path, a, b in left)]))
    return found, excused


def aligned(due, got):
    """Pairs of calls that were sent for the same end; {} stands where one side has none."""
    if len(due) == len(got):
        return list(zip(due, got))
    keys = [[kind(call) for call in calls] for calls in (due, got)]
    pairs = []
    for _, begin, end, first, last in difflib.SequenceMatcher(None, *keys, autojunk=False).get_opcodes():
        pairs += itertools.zip_longest(due[begin:end], got[first:last], fillvalue={})
    return pairs


def kind(call):
    """What tells two calls of a step apart, without the IDs in it."""
    text = f"{call.get('method', '')} {call.get('path', '')} {call.get('client', '')} {call.get('sent', '')[:300]} {'stopped' in call}"
    return re.sub(r"[0-9a-f]{32}|\b\d+\b", "#", text)


MISSING = "<nothing>"


def walk(due, got, path):
    """The places where two values differ: (path, due, got)."""
    if isinstance(due, dict) and isinstance(got, dict):
        for key in sorted(due.keys() | got.keys()):
            yield from walk(due.get(key, MISSING), got.get(key, MISSING), f"{path}.{key}")
    elif isinstance(due, list) and isinstance(got, list):
        for place in range(max(len(due), len(got))):
            yield from walk(due[place] if place < len(due) else MISSING, got[place] if place < len(got) else MISSING, f"{path}[{place}]")
    elif due != got or type(due) is not type(got):
        yield path, due, got


def short(value):
    text = repr(value)
    return text if len(text) <= 300 else f"{text[:200]} ... {text[-80:]} ({len(text)} characters)"
