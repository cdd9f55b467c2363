"""Records what a tracking server answers: each request of the stock client and each raw one, with status, type and body.

A step is a function of a `Recorder`. `Recorder.ask` sends a raw request, whose path goes out as it is written; `Recorder.do` runs a call of
the stock client and keeps what it returned or raised. Requests are taken down where `requests` hands them to the socket, so that those the
client makes by itself are in the recording, too.
"""

import contextlib
import hashlib
import http.client
import json
import threading
import traceback
import urllib.parse

import requests
import urllib3
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

API = "/api/2.0/"
# Bodies that are no JSON are kept up to here; texts of this length tell two answers apart.
KEPT = 2000


class Recorder:
    """The recording of one server under one address, `http://host:port`."""

    def __init__(self, address):
        self.address = address
        self.client = MlflowClient(tracking_uri=address, registry_uri=address)
        self.steps = []
        # What later steps need of earlier ones, such as the ID of a run.
        self.kept = {}
        self._loose = None
        self._sorted = 0
        self._lock = threading.Lock()

    def run(self, step):
        """Runs one step; a step that cannot go on is recorded as such, and the next one follows."""
        self.steps.append({"step": step.__name__, "calls": []})
        self._sorted = 0
        try:
            step(self)
        except Exception as error:
            place = traceback.extract_tb(error.__traceback__)[-1]
            self._add({"stopped": f"{type(error).__name__}: {error}", "at": f"{place.name}: {place.line}"})

    def ask(self, method, path, body=None, query=None, raw=None, headers=None):
        """Sends a request as it is; `path` stands under /api/2.0/ unless it begins with a slash. Answers the parsed JSON, or None."""
        target = path if path.startswith("/") else API + path
        if query is not None:
            target += "?" + urllib.parse.urlencode(query, doseq=True)
        content = raw if body is None else json.dumps(body).encode()
        own = {"Content-Type": "application/json"} if body is not None else {}
        parts = urllib.parse.urlsplit(self.address)
        connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=120)
        try:
            connection.putrequest(method, target, skip_accept_encoding=True)
            for key, value in (own | (headers or {})).items():
                connection.putheader(key, value)
            if content is not None or method in ("POST", "PUT", "PATCH"):
                connection.putheader("Content-Length", str(len(content or b"")))
            connection.endheaders(content or b"")
            answer = connection.getresponse()
            return self._exchange("raw", method, target, content, answer.status, answer.headers, answer.read())
        finally:
            connection.close()

    def post(self, path, /, **body):
        """A POST under /api/2.0/mlflow/ with a JSON body."""
        return self.ask("POST", "mlflow/" + path, body)

    def patch(self, path, /, **body):
        return self.ask("PATCH", "mlflow/" + path, body)

    def delete(self, path, /, **body):
        return self.ask("DELETE", "mlflow/" + path, body)

    def get(self, path, /, **query):
        """A GET under /api/2.0/mlflow/ with query parameters; a list stands for a parameter given several times."""
        return self.ask("GET", "mlflow/" + path, query=query)

    def do(self, call, *arguments, **named):
        """Runs a call of the stock client; answers what it returned, or None where it raised."""
        name = getattr(call, "__name__", str(call))
        loose = {"loose": self._loose} if self._loose else {}
        try:
            value = call(*arguments, **named)
        except MlflowException as error:
            self._add(loose | {"client": name, "raised": type(error).__name__, "code": error.error_code, "message": error.message})
            return None
        self._add(loose | {"client": name, "returned": plain(value)})
        return value

    @contextlib.contextmanager
    def loosely(self, why="wrong types"):
        """Marks what is asked meanwhile: the stock server answers 200, and another server may refuse it. `mlflow_differs.py` says why."""
        self._loose = why
        try:
            yield
        finally:
            self._loose = None

    def sort_uploads(self):
        """Puts the requests for artifacts since the last time into the order of their paths: the client sends them from several threads."""
        calls = self.steps[-1]["calls"]
        begin, self._sorted = self._sorted, len(calls)
        places = [place for place, call in enumerate(calls) if place >= begin and "/mlflow-artifacts/artifacts/" in call.get("path", "")]
        ordered = sorted((calls[place] for place in places), key=lambda call: (call["method"], call["path"]))
        for place, call in zip(places, ordered):
            calls[place] = call

    @contextlib.contextmanager
    def listening(self):
        """Takes down every request that `requests` sends to this server meanwhile."""
        sent = requests.adapters.HTTPAdapter.send

        def send(adapter, request, **options):
            # An answer of 500 is one to record, and not one to try again.
            adapter.max_retries = urllib3.Retry(0, read=False)
            answer = sent(adapter, request, **options)
            if request.url.startswith(self.address):
                content = request.body if isinstance(request.body, (bytes, str)) else None
                target = request.url.removeprefix(self.address)
                # A body that is streamed is left to the client; it is an artifact, and raw requests read those.
                body = b"" if options.get("stream") and answer.ok else answer.content
                self._exchange("client", request.method, target, content, answer.status_code, answer.headers, body)
            return answer

        requests.adapters.HTTPAdapter.send = send
        try:
            yield self
        finally:
            requests.adapters.HTTPAdapter.send = sent

    def _exchange(self, by, method, target, content, status, headers, body):
        path, _, query = target.partition("?")
        call = {"by": by, "method": method, "path": path, "status": status, "type": (headers.get("Content-Type") or "").split(";")[0].strip()}
        if self._loose:
            call["loose"] = self._loose
        if query:
            call["query"] = query[:KEPT]
        if content:
            call["sent"] = content.decode(errors="replace")[:KEPT] if isinstance(content, bytes) else content[:KEPT]
        value = None
        try:
            value = call["json"] = json.loads(body)
        except ValueError:
            call["text"] = body.decode(errors="replace")[:KEPT]
            if len(body) > KEPT:
                call["sha256"] = hashlib.sha256(body).hexdigest()
        self._add(call)
        return value

    def _add(self, call):
        with self._lock:
            self.steps[-1]["calls"].append(call)


def plain(value):
    """A value of the stock client as JSON can hold it."""
    if isinstance(value, dict):
        return {str(key): plain(own) for key, own in value.items()}
    if isinstance(value, (list, tuple, set)):
        token = getattr(value, "token", None)
        own = [plain(each) for each in value]
        return {"items": own, "token": token} if token else own
    if value is None or isinstance(value, (str, int, float, bool)):
        return value
    if hasattr(value, "to_dictionary"):
        return plain(value.to_dictionary())
    if hasattr(value, "__iter__"):
        with contextlib.suppress(TypeError, ValueError):
            return plain(dict(value))
    return type(value).__name__
