"""What registries are told, as the lines that the target reads."""


def registry_names():
    """URLs, names and short stories of what a registry is told."""
    urls = """memory: memory:x sqlite:///registry.db sqlite:////absolute/registry.db sqlite:///registry.db?mode=ro
    sqlite:///a/b.db?mode=rw sqlite:///x?mode=rwc sqlite:///:memory: sqlite:///?mode=ro sqlite://host/x.db sqlite:x SQLITE:///x
    sqlite:///a@b.db sqlite:///file:x?vfs=y redis://host postgres://ana:secret@host/db?x=1 mlflow+http://host s3://bucket/key
    http://host:5000 C:\\registry.db registry.db ./s3:x file:///a%20b file:relative file://elsewhere/x file:///a%zz file:///a%00
    :// : ://@ a:@""".split()
    for place, url in enumerate(urls):
        yield f"url_{place:02}", f"url {url}\n"
    words = ["churn", "churn-2.forest_v1", "..", "a/b", "a b", ".a", "a.", "é", "x" * 129, "champion", "latest", "v3", "3", "0", "-1"]
    words += ["18446744073709551615", "18446744073709551616", "+1", "007", "staging", "a\\nb", "\u202ex", "sha256:" + "aB" * 32]
    for place, word in enumerate(words):
        lines = [f"model {word}", f"version {word}", f"alias {word}", f"tag {word}={word}", f"metric {word}=0.5"]
        yield f"name_{place:02}", "\n".join([f"name {word}", *lines]) + "\n"
    stories = {
        "release": "model churn\nversion onnx\nalias champion\nversion onnx\nalias champion\ntag team=risk\nmetric auc=0.81\n",
        "file": "file registry.db\nmodel churn\nversion onnx\nalias champion\nmetric auc=0.81\ntag a=b\n",
        "file_percent": "file a%20b#c.db\nmodel churn\nversion onnx\n",
        "file_text": "file x\nactor \u00e9\u0000\nreason zw\u00f6lf\\nzeilen\nmodel churn\ntag k\u00e9y=\u202e\nmetric m\u00e9=-0.0\n",
        "request": "request r1\nmodel churn\nrequest r1\nmodel churn\nrequest r1\nmodel other\n",
        "request_again": "file x\nmodel m2\nrequest r1\ntag a=1\ntag a=2\nrequest r1\ntag a=1\n",
        "numbers": "model churn\nversion onnx\nmetric a=nan\nmetric b=inf\nmetric c=1e308\nmetric d=5e-324\nmetric e=\n",
        "actors": "actor \nmodel a\nactor x\\ny\nmodel b\nactor " + "z" * 257 + "\nmodel c\n",
        "secret": "secret db?sslmode=require\n",
        "secret_slash": "secret p/w host/db\n",
        "secret_query": "secret ?x host/db?password=1\n",
        "secret_at": "secret p@w host/a@b\n",
        "folder": "folder artifacts\n",
        "folder_escaped": "folder a%20b%C3%A9\n",
        "folder_query": "folder a?b\n",
        "folder_wrong": "folder a%f\n",
    }
    for name, content in stories.items():
        yield f"story_{name}", content


def words():
    """What lines begin with, and what URLs and names are made of."""
    verbs = "url secret folder file name model version alias tag metric actor reason request"
    yield from (f"\n{verb} " for verb in verbs.split())
    yield from "memory: sqlite:/// sqlite:// file:/// file: postgres:// s3:// :// ?mode=ro ?mode=rw ?mode=".split()
    yield from "%20 %2F %00 %ff .. ./ @ \\n champion latest staging churn v1 sha256: auc= =nan =inf".split()
