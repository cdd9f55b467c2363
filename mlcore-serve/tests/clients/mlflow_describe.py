"""Writes the tables of `MLFLOW.md` from MLflow's service definitions, a recording of the stock server, and one of its page.

`python mlflow_describe.py RECORDING PAGE MLFLOW.md` replaces what stands between the marks `<!-- tables: ... -->` there. What is written by
hand stands outside of them.
"""

import json
import re
import sys
import urllib.parse
from collections import defaultdict
from pathlib import Path

from google.protobuf.descriptor import FieldDescriptor

from mlflow_compare import FOLDER, Normaliser
from mlflow_endpoints import ELSEWHERE, requests

TYPES = {
    FieldDescriptor.TYPE_STRING: "string", FieldDescriptor.TYPE_INT64: "int64", FieldDescriptor.TYPE_INT32: "int32", FieldDescriptor.TYPE_BOOL: "bool",
    FieldDescriptor.TYPE_DOUBLE: "double", FieldDescriptor.TYPE_FLOAT: "float", FieldDescriptor.TYPE_UINT64: "uint64",
}


def kind(field):
    if field.type == FieldDescriptor.TYPE_MESSAGE:
        name = field.message_type.name
    elif field.type == FieldDescriptor.TYPE_ENUM:
        name = "enum " + "/".join(value.name for value in field.enum_type.values)
    else:
        name = TYPES.get(field.type, "?")
    return f"[{name}]" if field.is_repeated else name


def fields(descriptor, seen=None):
    """The fields of a message as text, and the messages that they hold."""
    told = []
    for field in descriptor.fields:
        if seen is not None and field.type == FieldDescriptor.TYPE_MESSAGE:
            seen.setdefault(field.message_type.name, field.message_type)
        default = f" = {field.default_value}" if field.has_default_value else ""
        told.append(f"`{field.name}` {kind(field)}{default}")
    return ", ".join(told) or "none"


def pattern(path):
    return re.compile(r"/(?:ajax-)?api/[23]\.0" + re.sub(r"<path:\w+>", ".+", re.sub(r"\{[\w.]+\}", "[^/]+", path.replace(".", r"\."))))


def template(message):
    """A message with its values taken out, so that equal ones are told once."""
    text = re.sub(r"\[SQL: .*", "[SQL: ...", message, flags=re.S).replace("\n", " ")
    text = re.sub(r"(.)\1{30,}", r"\1...", text)
    return text if len(text) <= 330 else text[:300] + " ..."


def shape(message):
    return re.sub(r"'[^']*'|\"[^\"]*\"|\{.*\}|\b\d+\b|\[.*\]", "#", message)


def coded(text):
    """A text as Markdown's code, whatever backticks it holds."""
    if not text:
        return ""
    return f"`` {text} ``" if "`" in text else f"`{text}`"


def cell(text):
    return text.replace("|", "\\|").replace("\n", " ")


def endpoints(recording):
    calls = [call for step in recording["steps"] for call in step["calls"] if "path" in call]
    normal, seen, lines = Normaliser(recording), {}, []
    normalised = [normal.call(call) for call in calls]
    for method, path, request, answer in sorted(requests(), key=lambda own: (own[1], own[0])):
        if ELSEWHERE.reason(path):
            continue
        own = pattern(path)
        asked = [(raw, call) for raw, call in zip(calls, normalised) if raw["method"] == method and own.fullmatch(raw["path"])]
        lines += [f"#### {method} {path}", "", f"Asks: {fields(request, seen)}.", ""]
        lines += [f"Answers: {fields(answer, seen) if answer is not None else 'see the text'}.", ""]
        example = next((call for raw, call in asked if call["status"] == 200 and isinstance(call.get("json"), dict) and 20 < len(json.dumps(call["json"])) < 1500), None)
        if example:
            raw = next(raw for raw, call in asked if call is example)
            sent = raw.get("sent") or urllib.parse.unquote_plus(raw.get("query", ""))
            lines += [f"Example: {coded(normal.text(sent, '')[:400])} ->", "", "```json", json.dumps(example["json"], ensure_ascii=False)[:1600], "```", ""]
        refusals = defaultdict(list)
        for raw, call in asked:
            body = call.get("json")
            if call["status"] >= 400:
                code = body.get("error_code", "") if isinstance(body, dict) else call.get("type", "")
                words = template(str(body.get("message", body))) if isinstance(body, dict) else "(no JSON)"
                sent = raw.get("sent") or urllib.parse.unquote_plus(raw.get("query", ""))
                refusals[call["status"], code, shape(words)].append((words, normal.text(re.sub(r"(.)\1{30,}", r"\1...", sent), "")[:130]))
        if refusals:
            lines += ["| status | code | message | of |", "|---|---|---|---|"]
            for (status, code, _), told in sorted(refusals.items(), key=lambda own: (own[0][0], own[0][1])):
                words, sent = told[0]
                lines.append(f"| {status} | {code} | {cell(words)} | {coded(cell(sent))}{f' and {len(told) - 1} more' if len(told) > 1 else ''} |")
            lines.append("")
    return lines, seen


FOUND = {"runs": lambda own: own["info"]["run_name"], "experiments": lambda own: own["name"], "models": lambda own: own["info"]["name"],
         "registered_models": lambda own: own["name"], "model_versions": lambda own: f"{own['name']} {own['version']}"}
SEARCHES = ["search_by_filters", "search_in_orders", "search_experiments_by_filters", "search_experiments_in_orders", "search_logged_models",
            "search_registered_models", "search_model_versions"]


def filters(recording):
    """What each search of these steps found, by name, or how it was refused."""
    lines, normal = [], Normaliser(recording)
    for step in recording["steps"]:
        calls = [(call, normal.call(call)) for call in step["calls"] if "path" in call]
        if step["step"] not in SEARCHES:
            continue
        lines += ["", f"`{step['step']}`", "", "| asked | found, or refused |", "|---|---|"]
        for raw, call in calls:
            if raw["method"] == "POST":
                try:
                    asked = json.loads(raw.get("sent", ""))
                except ValueError:
                    continue
                told = {key: asked[key] for key in ("filter", "order_by", "datasets", "max_results", "view_type") if key in asked and (key, asked[key]) != ("max_results", 50)}
                if step["step"] in ("search_by_filters", "search_experiments_by_filters"):
                    told.pop("order_by", None)
                text = told["filter"] if set(told) == {"filter"} else json.dumps(told, ensure_ascii=False)
            else:
                text = urllib.parse.unquote_plus(raw.get("query", "")).replace("&max_results=100", "")
            body = call.get("json")
            if call["status"] != 200:
                answer = f"{call['status']} {template(body['message'])[:160] if isinstance(body, dict) else ''}"
            else:
                answer = ", ".join(name(own)[:20] for key, name in FOUND.items() for own in body.get(key, [])) or "nothing"
            lines.append(f"| {coded(cell(normal.text(str(text), ''))[:220])} | {cell(answer)[:300]} |")
    return lines


def messages(seen):
    lines, told = ["| message | fields |", "|---|---|"], set()
    while left := sorted(set(seen) - told):
        for name in left:
            told.add(name)
            lines.append(f"| {name} | {cell(fields(seen[name], seen))} |")
    return lines


def sequences(recording):
    """Which requests each verb of the client sends."""
    found = {}
    for step in recording["steps"]:
        waiting = []
        for call in step["calls"]:
            if call.get("by") == "raw":
                waiting = []
            elif "path" in call:
                path = re.sub(r"m-[0-9a-f]{32}", "{model_id}", call["path"].replace("/api/2.0/mlflow/", ""))
                path = re.sub(r"(mlflow-artifacts/artifacts)/.*", r"\1/{path}", path)
                waiting.append(f"{call['method']} {path}")
            elif "client" in call and "returned" in call:
                name = call["client"]
                if waiting and (name not in found or len(waiting) < len(found[name])):
                    found[name] = waiting
                waiting = []
    lines = ["| client | requests |", "|---|---|"]
    return lines + [f"| `{name}` | {', '.join(f'`{own}`' for own in calls[-6:])} |" for name, calls in sorted(found.items())]


def page(told):
    lines, examples = [], {}
    for name, own in told["pages"].items():
        lines += [f"#### {name}", ""]
        lines += [f"Errors of the script on the real server, too: {'; '.join(own['errors'])[:300]}", ""] if own["errors"] else []
        lines += ["| method | path | status | query or body |", "|---|---|---|---|"]
        done = set()
        for asked in own["requests"]:
            path = asked.get("path", "")
            if "/static-files/" in path or path == "/" or not asked["url"].startswith("http"):
                continue
            sent = asked.get("sent") or urllib.parse.unquote_plus(urllib.parse.urlsplit(asked["url"]).query)
            plain = re.sub(r"[0-9a-f]{32}", "<id>", f"{asked['method']} {path} {sent}")
            if plain in done:
                continue
            done.add(plain)
            operation = re.search(r'"operationName":\s*"(\w+)"', sent or "")
            key = (asked["method"], re.sub(r"[0-9a-f]{32}", "<id>", path), operation[1] if operation else "")
            examples.setdefault(key, (sent, asked.get("status"), asked.get("body", "")))
            lines.append(f"| {asked['method']} | {cell(key[1])} | {asked.get('status', asked.get('failed', ''))} | {coded(cell(re.sub('[0-9a-f]{32}', '<id>', sent))[:300])} |")
        lines.append("")
    lines += ["### An example of each", ""]
    for (method, path, operation), (sent, status, body) in sorted(examples.items(), key=lambda own: own[0][1:]):
        lines += [f"#### {method} {path} {operation}".rstrip(), "", f"Status {status}; asked with:", "", "```", sent[:4000].replace("\\n", "\n"), "```", "", "```", body[:1800], "```", ""]
    return lines


def replaced(text, name, lines):
    begin, end = f"<!-- tables: {name} -->\n", f"<!-- end of {name} -->\n"
    head, rest = text.split(begin)
    _, tail = rest.split(end)
    # What is told of a session is told of any: no paths and no ports of one machine.
    body = re.sub(r"127\.0\.0\.1:\d+", "127.0.0.1:5000", "\n".join(lines))
    body = FOLDER.sub("/folder/", body) if name == "page" else body
    return f"{head}{begin}\n{body}\n{end}{tail}"


if __name__ == "__main__":
    recording, asked, file = (Path(own) for own in sys.argv[1:])
    recording = json.loads(recording.read_text())
    text = file.read_text()
    lines, seen = endpoints(recording)
    text = replaced(text, "endpoints", lines)
    text = replaced(text, "messages", messages(seen))
    text = replaced(text, "sequences", sequences(recording))
    text = replaced(text, "filters", filters(recording))
    text = replaced(text, "page", page(json.loads(asked.read_text())))
    # Signs that no editor shows are written out.
    text = re.sub(r"[\x00-\x08\x0b-\x1f\x7f]", lambda own: f"\\x{ord(own[0]):02x}", text)
    file.write_text(re.sub(r"[ \t]+\n", "\n", text))
