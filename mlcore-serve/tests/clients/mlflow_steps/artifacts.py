"""Artifacts: sent, read, listed and deleted through the server, of runs and of logged models, and paths that leave the folder."""

import tempfile
from pathlib import Path

import requests

BASE = "/api/2.0/mlflow-artifacts/artifacts"
OUTSIDE = [
    "..", "../x", "a/../../x", "%2e%2e/x", "%2e%2e%2fx", "%252e%252e%252fx", "..%2fx", "a/%2e%2e/b", "/etc/passwd", "%2fetc%2fpasswd", "a/../b", "./a", "a//b",
    "a%00b", "..%5cx", "a%5c..%5cb", "file:x", "c:/x", "~/x", "%7e/x", "a%3fb", "a%23b",
]


def put_artifacts(r):
    put = lambda path, content, **headers: r.ask("PUT", f"{BASE}/{path}", raw=content, headers=headers)
    put("own/text.txt", b"some text")
    put("own/deep/er/data.bin", bytes(range(256)) * 40, **{"Content-Type": "application/octet-stream"})
    put("own/empty.txt", b"")
    put("own/text.txt", b"another text")
    put("own/page.html", b"<script>alert(1)</script>", **{"Content-Type": "text/html"})
    put("own/%C3%BC%20n%C3%AF.json", b"{}")
    put("own/script.js", b"1")
    put("own/picture.svg", b"<svg/>")
    put("own/plus+sign.txt", b"+")
    put("own/deep", b"a folder's name")
    put("own/text.txt/below", b"a file's name")
    put("own/large.bin", bytes(range(256)) * 20_000)
    # In chunks, as the client sends what has no length.
    requests.put(f"{r.address}{BASE}/own/chunked.bin", data=(bytes([place]) * 1000 for place in range(5)), timeout=60)
    put("", b"no path")
    put("own/", b"a slash")
    with r.loosely("outside"):
        for path in OUTSIDE:
            put(path, b"outside")


def get_artifacts(r):
    get = lambda path: r.ask("GET", f"{BASE}/{path}")
    for path in ["own/text.txt", "own/deep/er/data.bin", "own/empty.txt", "own/page.html", "own/%C3%BC%20n%C3%AF.json", "own/script.js", "own/picture.svg", "own/plus+sign.txt", "own/large.bin", "own/chunked.bin"]:
        get(path)
    for path in ["own/absent.txt", "absent", "own", "own/deep", "own/", ""]:
        get(path)
    with r.loosely("outside"):
        for path in OUTSIDE:
            get(path)
    r.ask("GET", f"{BASE}/own/text.txt", headers={"Range": "bytes=0-3"})
    r.ask("HEAD", f"{BASE}/own/text.txt")
    r.ask("POST", f"{BASE}/own/text.txt", raw=b"x")


def list_artifacts(r):
    look = lambda **query: r.ask("GET", BASE, query=query)
    with r.loosely("outside"):
        look()
        look(path="")
        look(path=".")
    for path in ["own", "own/", "own/deep", "own/deep/er", "own/text.txt", "absent", "own/absent", "/", "own/ü nï.json"]:
        look(path=path)
    for path in ["..", "../x", "a/../../x", "%2e%2e/x", "..%2f", "/etc", "own/..", "own/../..", "file:///etc", "\0"]:
        look(path=path)


def delete_artifacts(r):
    drop = lambda path: r.ask("DELETE", f"{BASE}/{path}")
    drop("own/text.txt")
    drop("own/text.txt")
    drop("own/deep")
    r.ask("GET", f"{BASE}/own/deep/er/data.bin")
    drop("absent/file")
    with r.loosely("outside"):
        for path in OUTSIDE:
            drop(path)
    r.ask("GET", BASE, query={"path": "own"})
    drop("own")
    r.ask("GET", BASE, query={"path": "own"})


def artifacts_of_runs(r):
    own = r.do(r.client.create_run, r.kept["runs"], start_time=10, run_name="artifacts").info.run_id
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "note.txt")
        file.write_text("a note")
        Path(folder, "below").mkdir()
        Path(folder, "below", "more.json").write_text("{}")
        r.do(r.client.log_artifact, own, str(file))
        r.do(r.client.log_artifact, own, str(file), "in/folders")
        r.do(r.client.log_artifacts, own, folder, "whole")
        r.sort_uploads()
        r.do(r.client.log_text, own, "text ü", "texts/a.txt")
        r.do(r.client.log_dict, own, {"a": [1, 2]}, "data.json")
        for path in [None, "in", "in/folders", "whole", "note.txt", "absent"]:
            r.do(r.client.list_artifacts, own, path)
        target = Path(folder, "down")
        target.mkdir()
        r.client.download_artifacts(own, "whole", str(target))
        r.sort_uploads()
        assert (target / "whole/below/more.json").read_text() == "{}"
        r.client.download_artifacts(own, "texts/a.txt", str(target))
        assert (target / "a.txt").read_text() == "text ü"
    r.kept["with artifacts"] = own


def artifacts_by_runs_routes(r):
    own = r.kept["with artifacts"]
    r.get("artifacts/list", run_id=own)
    r.get("artifacts/list", run_uuid=own)
    for path in ["in", "in/folders", "note.txt", "absent", "", "..", "../..", "/", "%2e%2e", "in/../whole"]:
        r.get("artifacts/list", run_id=own, path=path)
    r.get("artifacts/list")
    r.get("artifacts/list", run_id="0" * 32)
    for path in ["note.txt", "data.json", "whole/below/more.json", "absent.txt", "in", "..", "../../x", "/etc/passwd", ""]:
        r.ask("GET", "/get-artifact", query={"run_id": own, "path": path})
    r.ask("GET", "/get-artifact", query={"run_id": "0" * 32, "path": "x"})
    r.ask("GET", "/get-artifact", query={"path": "x"})
    r.ask("GET", "/get-artifact", query={"run_id": own})
    r.ask("POST", "/ajax-api/2.0/mlflow/upload-artifact?run_uuid=" + own + "&path=uploaded.txt", raw=b"text", headers={"Content-Type": "text/plain"})
    r.ask("POST", "/ajax-api/2.0/mlflow/upload-artifact?run_uuid=" + own, raw=b"text")
    r.ask("POST", "/ajax-api/2.0/mlflow/upload-artifact?path=x.txt", raw=b"text")
    r.get("artifacts/list", run_id=own)


def artifacts_of_models(r):
    own, base = r.kept["model"], "mlflow-artifacts:/"
    location = r.do(r.client.get_logged_model, own).artifact_location
    assert location.startswith(base), location
    folder = location.removeprefix(base)
    r.ask("PUT", f"{BASE}/{folder}/MLmodel", raw=b"flavors: {}\n")
    r.ask("PUT", f"{BASE}/{folder}/data/model.bin", raw=b"bytes")
    r.do(r.client.list_logged_model_artifacts, own)
    for path in ["data", "absent", "MLmodel", "..", ""]:
        r.ask("GET", f"mlflow/logged-models/{own}/artifacts/directories", query={"artifact_directory_path": path})
    for path in ["MLmodel", "data/model.bin", "absent", "..", ""]:
        r.ask("GET", f"/ajax-api/2.0/mlflow/logged-models/{own}/artifacts/files", query={"artifact_file_path": path})
    r.ask("GET", f"/ajax-api/2.0/mlflow/logged-models/{own}/artifacts/files")
    for query in [{"name": "versions", "version": "1", "path": "MLmodel"}, {"name": "versions", "version": "1", "path": "absent"}, {"name": "absent", "version": "1", "path": "x"}]:
        r.ask("GET", "/model-versions/get-artifact", query=query)


def multipart_and_presigned(r):
    for verb in ["create", "complete", "abort"]:
        r.ask("POST", f"mlflow-artifacts/mpu/{verb}/own/big.bin", {"path": "big.bin", "num_parts": 2, "upload_id": "x", "parts": []})
        r.ask("POST", f"mlflow-artifacts/mpu/{verb}/own/big.bin", {})
        r.ask("POST", f"mlflow-artifacts/mpu/{verb}/../big.bin", {"path": "big.bin"})
    r.ask("GET", "mlflow-artifacts/presigned/own/big.bin")
    own = r.kept["with artifacts"]
    for verb in ["upload", "download"]:
        for body in [{"run_id": own, "path": "x.txt"}, {"path": "x.txt"}, {"run_id": own}, {"run_id": "0" * 32, "path": "x"}, {"run_id": own, "path": "../x"}]:
            r.post(f"artifacts/presigned-{verb}-url", **body)


STEPS = [
    put_artifacts, get_artifacts, list_artifacts, delete_artifacts, artifacts_of_runs, artifacts_by_runs_routes, artifacts_of_models, multipart_and_presigned,
]
