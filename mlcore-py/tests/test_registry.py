"""The registry: versions, aliases, stages, history, and what goes wrong."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
import threading
import time
from datetime import datetime, timedelta, timezone

import made
import numpy as np
import pytest
from conftest import MODELS

import mlcore
from mlcore import features

ONNX = MODELS / "runner" / "rf30.onnx"


@pytest.fixture
def registry(tmp_path):
    with mlcore.Registry(f"sqlite:///{tmp_path}/registry.db", actor="ana") as opened:
        yield opened


def test_a_version_is_what_was_registered(registry, tmp_path):
    scaler = features.StandardScaler().fit({f"f{i}": [1.0, 2.0] for i in range(30)})
    digest = "sha256:" + "ab" * 32
    first = registry.register("churn", ONNX, plan=scaler, run="run-7", dataset=digest, tags={"team": "growth"}, description="a forest")
    assert (first.model, first.version, first.stage, first.format) == ("churn", 1, "dev", "onnx")
    assert (first.run, first.dataset, first.tags, first.description) == ("run-7", digest, {"team": "growth"}, "a forest")
    assert first.plan_hash == scaler.plan_hash and first.created_by == "ana"
    assert first.inputs[0].shape == [None, 30] and first.outputs
    second = registry.register("churn", ONNX.read_bytes(), parent=("churn", 1))
    assert second.parent == ("churn", 1) and second.artifact == first.artifact and second.version == 2
    assert registry.artifact("churn", 2) == ONNX.read_bytes()
    assert registry.plan("churn", 1) == scaler.plan() and registry.plan("churn", 2) is None
    assert (tmp_path / "registry.db.artifacts").is_dir()
    assert [version.version for version in registry.versions("churn")] == [1, 2]
    assert [model.name for model in registry.models()] == ["churn"]
    assert registry.model("churn").last_version == 2
    assert abs(first.created_at - datetime.now(timezone.utc)) < timedelta(minutes=1)
    assert repr(first) == "<mlcore.registry.ModelVersion churn/1: onnx, dev>"


def test_weights_in_other_files_are_stored_with_the_model(registry, tmp_path):
    folder = tmp_path / "model"
    (folder / "weights").mkdir(parents=True)
    file = folder / "sum.onnx"
    file.write_bytes(made.linear(2000, "weights/w.bin"))
    with pytest.raises(mlcore.InvalidModelError, match="weights"):
        registry.register("sum", file)
    np.ones(2000, "f4").tofile(folder / "weights" / "w.bin")
    with pytest.raises(mlcore.InvalidModelError, match="pass its file instead of its bytes"):
        registry.register("sum", file.read_bytes())
    assert registry.models() == []
    whole = registry.register("sum", file)
    assert (whole.version, whole.format) == (1, "onnx-package")
    again = registry.register("sum", registry.artifact("sum", 1), format="onnx-package")
    of_folder = registry.register("sum", folder)
    assert again.artifact == whole.artifact and of_folder.format == "onnx-package"
    shutil.rmtree(folder)
    rows = np.ones((2, 2000), "f4")
    for version in (1, 2, 3):
        model = registry.load("sum", version)
        assert model.inputs == whole.inputs and model.run(rows)["y"].tolist() == [[2000.0], [2000.0]]
        registry.set_alias("sum", "champion", version)
        assert mlcore.Endpoint(registry, "sum").predict({"x": rows}, unit="u").outputs["y"].tolist() == [[2000.0], [2000.0]]
    with pytest.raises(mlcore.Error, match="package"):
        registry.register("sum", b"no manifest", format="onnx-package")
    with pytest.raises(mlcore.InvalidModelError, match="no ONNX file"):
        (tmp_path / "empty").mkdir()
        (tmp_path / "empty" / "readme.txt").write_text("nothing")
        registry.register("sum", tmp_path / "empty")


def test_a_plan_that_does_not_fit_the_model_is_refused(registry):
    frame = {"a": [1.0, 2.0], "b": [1.0, 2.0], "word": ["x", "y"]}
    two = features.ColumnTransformer([("scale", features.StandardScaler(), ["a", "b"])]).fit(frame)
    registry.register("sum", made.linear(2), plan=two)
    with pytest.raises(mlcore.SchemaMismatchError, match="the plan makes 2 columns and the model takes x: float32 .*7"):
        registry.register("sum", made.linear(7), plan=two)
    text = features.ColumnTransformer([("keep", "passthrough", ["a", "word"])], verbose_feature_names_out=False).fit(frame)
    with pytest.raises(mlcore.SchemaMismatchError, match="the plan makes 2 columns"):
        registry.register("sum", made.linear(2), plan=text)
    named = made.model(made.node("Identity", ["word"], ["y"]), made.given("word", "float32", ["N", 1]), made.answered("y", "float32", ["N", 1]))
    word = features.ColumnTransformer([("keep", "passthrough", ["word"])], verbose_feature_names_out=False).fit(frame)
    with pytest.raises(mlcore.SchemaMismatchError, match="word: the plan makes word: string"):
        registry.register("word", named, plan=word)
    assert [version.version for version in registry.versions("sum")] == [1]


def test_what_is_no_plan_no_digest_and_no_tag_is_named(registry):
    unfitted = features.Pipeline([("scale", features.StandardScaler())])
    for options, error, words in (
        ({"plan": unfitted}, mlcore.NotFittedError, "fit"),
        ({"plan": object()}, TypeError, "plan: a plan or a fitted transformer is expected, and it is a object"),
        ({"plan": features}, TypeError, "plan: .* it is a module"),
        ({"dataset": "s3://bucket/data.parquet"}, mlcore.InvalidInputError, "register version dataset: it is no digest"),
        ({"tags": {"auc": 0.8}}, mlcore.InvalidTypeError, 'tags: the value of the tag "auc" is a float, and must be text'),
        ({"tags": {1: "one"}}, mlcore.InvalidTypeError, "tags: a key is a int"),
        ({"tags": "growth"}, mlcore.InvalidTypeError, "tags: a dict of text is expected, and it is a str"),
    ):
        with pytest.raises(error, match=words):
            registry.register("churn", ONNX, **options)
    with pytest.raises(mlcore.InvalidTypeError, match="create model tags"):
        registry.create_model("churn", tags={"auc": 0.8})
    registry.register("churn", ONNX)
    with pytest.raises(mlcore.InvalidTypeError, match="set tag tags"):
        registry.set_tag("churn", "auc", 0.8)
    with pytest.raises(mlcore.NotFoundError, match="^delete tag churn: "):
        registry.delete_tag("churn", "auc")
    with pytest.raises(mlcore.NotFoundError, match="^delete tag absent: "):
        registry.delete_tag("absent", "auc")
    with pytest.raises(mlcore.NotFoundError, match="^delete alias "):
        registry.delete_alias("churn", "champion")
    with pytest.raises(mlcore.InvalidInputError, match="verify registry since"):
        registry.verify((1, "no hash"))


def test_a_registered_model_runs(registry):
    registry.register("churn", ONNX)
    registry.set_alias("churn", "champion", 1)
    rows = np.zeros((3, 30), dtype=np.float32)
    for version in (1, "champion"):
        model = registry.load("churn", version, warm_up=0)
        expected = mlcore.Runner(ONNX).run(rows)
        for name, value in model.run(rows).items():
            np.testing.assert_array_equal(value, expected[name])
    registry.register("churn", b"weights", format="safetensors")
    with pytest.raises(NotImplementedError, match="safetensors"):
        registry.load("churn", 2)


def test_a_trial_ends_with_one_entry(registry):
    for _ in range(3):
        registry.register("churn", b"bytes", format="text")
    for version in (1, 2):
        registry.transition("churn", version, "staging")
    registry.promote("churn", 1, expected=None)
    registry.set_alias("churn", "challenger", 2)
    before = registry.verify()[0]
    entry = registry.promote("churn", 2, expected=1, retire="challenger")
    assert entry.sequence == before + 1 and entry.event["promote"]["retired"]["from"] == 2
    assert registry.aliases("churn") == {"champion": 2}
    registry.promote("churn", 2, expected=1, retire="challenger")  # done already: nothing more happens
    registry.set_alias("churn", "challenger", 3)
    before = registry.verify()[0]
    registry.withdraw("churn", 3, "challenger", reason="worse")
    assert registry.verify()[0] == before + 1 and registry.aliases("churn") == {"champion": 2}
    assert registry.version("churn", 3).stage == "archived"
    with pytest.raises(mlcore.ConflictError):
        registry.withdraw("churn", 2, "challenger")


def test_what_an_alias_means_is_in_use(registry):
    for _ in range(3):
        registry.register("churn", b"bytes", format="text")
    registry.transition("churn", 1, "staging")
    registry.promote("churn", 1, expected=None)
    with pytest.raises(mlcore.ConflictError, match="the alias champion means it"):
        registry.transition("churn", 1, "archived")
    for move in (registry.promote, lambda name, version: registry.set_alias(name, "champion", version)):
        with pytest.raises(mlcore.InvalidInputError, match="does not go from dev to production"):
            move("churn", 2)
    registry.transition("churn", 2, "staging")
    registry.set_alias("churn", "canary", 1)
    registry.promote("churn", 2)
    assert [version.stage for version in registry.versions("churn")] == ["staging", "production", "dev"]
    registry.delete_alias("churn", "canary")
    registry.transition("churn", 1, "archived")
    registry.verify()


def test_aliases_move_by_compare_and_swap(registry):
    for _ in range(3):
        registry.register("churn", b"bytes", format="text")
    registry.set_alias("churn", "champion", 1, expected=None)
    before = datetime.now(timezone.utc)
    time.sleep(0.002)
    with pytest.raises(mlcore.ConflictError) as caught:
        registry.set_alias("churn", "champion", 2, expected=None)
    assert caught.value.is_transient
    registry.set_alias("churn", "champion", 2, expected=registry.alias("churn", "champion"), reason="better")
    registry.set_alias("churn", "champion", 3)
    assert registry.aliases("churn") == {"champion": 3} and registry.resolve("churn", "champion").version == 3
    registry.delete_alias("churn", "champion", expected=3)
    assert registry.alias("churn", "champion") is None
    history = registry.alias_history("churn", "champion")
    assert [(move.previous, move.version, move.reason) for move in history] == [(None, 1, None), (1, 2, "better"), (2, 3, None), (3, None, None)]
    assert registry.alias_at("churn", "champion", before) == 1
    assert registry.alias_at("churn", "champion", history[2].at) == 3
    assert registry.alias_at("churn", "champion", history[1].at.timestamp()) in (1, 2)
    assert registry.alias_at("churn", "champion", datetime.now()) is None
    assert registry.alias_at("churn", "champion", 0) is None
    with pytest.raises(KeyError, match="churn@champion"):
        registry.resolve("churn", "champion")
    with pytest.raises(TypeError, match="expected: a version, None"):
        registry.set_alias("churn", "champion", 1, expected="whatever")


def test_a_release_is_promoted_and_rolled_back(registry):
    for _ in range(2):
        version = registry.register("churn", b"bytes", format="text").version
        with pytest.raises(mlcore.InvalidInputError):
            registry.promote("churn", version)
        registry.transition("churn", version, "staging", expected="dev")
        registry.promote("churn", version, expected=registry.alias("churn", "champion"))
    assert [version.stage for version in registry.versions("churn")] == ["archived", "production"]
    entry = registry.roll_back("churn", reason="complaints")
    assert "roll_back" in entry.event and entry.reason == "complaints" and entry.actor == "ana"
    assert [version.stage for version in registry.versions("churn")] == ["production", "archived"]
    assert registry.model("churn").production == 1
    assert registry.alias_history("churn", "champion")[-1].rolled_back
    with pytest.raises(mlcore.ConflictError):
        registry.delete_version("churn", 1)
    registry.delete_version("churn", 2)
    assert registry.register("churn", b"more", format="text").version == 3


def test_words_can_be_changed_and_are_kept_in_the_log(registry):
    registry.create_model("churn", description="who leaves", tags={"a": "1"})
    with pytest.raises(mlcore.AlreadyExistsError):
        registry.create_model("churn")
    registry.register("churn", b"bytes", format="text")
    registry.set_tag("churn", "team", "growth")
    registry.set_tag("churn", "gate", "passed", version=1)
    registry.delete_tag("churn", "a")
    registry.describe("churn", "who leaves soon")
    registry.describe("churn", "the first", version=1)
    assert registry.model("churn").tags == {"team": "growth"} and registry.version("churn", 1).tags == {"gate": "passed"}
    assert (registry.model("churn").description, registry.version("churn", 1).description) == ("who leaves soon", "the first")
    entries = registry.audit()
    assert [entry.sequence for entry in entries] == list(range(1, len(entries) + 1))
    assert all(later.previous == earlier.hash for earlier, later in zip(entries, entries[1:]))
    head = registry.verify()
    assert head == (len(entries), entries[-1].hash)
    registry.delete_model("churn")
    assert registry.verify(since=head)[0] == head[0] + 1
    with pytest.raises(mlcore.CorruptError):
        registry.verify(since=(head[0], "sha256:" + "00" * 32))
    with pytest.raises(KeyError):
        registry.model("churn")


def test_a_repeated_request_registers_once(registry):
    first = registry.register("churn", b"bytes", format="text", request="deploy-42")
    again = registry.register("churn", b"bytes", format="text", request="deploy-42")
    assert first.version == again.version == 1
    assert len(registry.versions("churn")) == 1


def test_what_cannot_be_registered_leaves_nothing(registry, tmp_path):
    with pytest.raises(mlcore.InvalidModelError):
        registry.register("churn", b"this is no model")
    with pytest.raises(FileNotFoundError):
        registry.register("churn", tmp_path / "absent.onnx")
    with pytest.raises(mlcore.InvalidInputError):
        registry.register("bad/../name", ONNX)
    with pytest.raises(mlcore.NotFittedError):
        registry.register("churn", ONNX, plan=features.StandardScaler())
    with pytest.raises(TypeError, match="a path or bytes"):
        registry.register("churn", 5)
    with pytest.raises(mlcore.InvalidInputError, match="digest"):
        registry.register("churn", ONNX, dataset="md5:1")
    assert registry.models() == [] and registry.audit() == []
    with pytest.raises(KeyError):
        registry.versions("churn")


def test_a_file_that_cannot_be_opened_is_named(tmp_path):
    with pytest.raises(mlcore.InvalidInputError, match="sqlite:///"):
        mlcore.Registry("mysql://host/db")
    with pytest.raises(mlcore.NotFoundError):
        mlcore.Registry(f"sqlite:///{tmp_path}/no/such/folder/r.db")
    with pytest.raises(mlcore.NotFoundError):
        mlcore.Registry(f"sqlite:///{tmp_path}/absent.db?mode=rw")
    garbage = tmp_path / "garbage.db"
    garbage.write_bytes(b"not a database at all" * 500)
    with pytest.raises((mlcore.CorruptError, mlcore.InvalidInputError)):
        mlcore.Registry(f"sqlite:///{garbage}")


def test_a_read_only_registry_reads(registry, tmp_path):
    registry.register("churn", b"bytes", format="text")
    with mlcore.Registry(f"sqlite:///{tmp_path}/registry.db?mode=ro") as reader:
        assert reader.artifact("churn", 1) == b"bytes"
        with pytest.raises(PermissionError):
            reader.set_tag("churn", "a", "b")


def test_a_changed_row_is_found(registry, tmp_path):
    registry.register("churn", b"bytes", format="text")
    registry.close()
    with sqlite3.connect(tmp_path / "registry.db") as connection:
        (table,) = connection.execute("select name from sqlite_master where type='table' and name like '%audit%'").fetchone()
        columns = [row[1] for row in connection.execute(f"pragma table_info({table})")]
        text = next(column for column in columns if column in ("canonical", "line", "entry", "content"))
        connection.execute(f"update {table} set {text} = replace({text}, 'ana', 'bob')")
    connection.close()
    # The last entry is looked at when the file is opened.
    with pytest.raises(mlcore.CorruptError):
        mlcore.Registry(f"sqlite:///{tmp_path}/registry.db")


def test_a_changed_artifact_is_found(registry, tmp_path):
    registry.register("churn", b"the right bytes", format="text")
    (stored,) = [file for file in (tmp_path / "registry.db.artifacts").rglob("*") if file.is_file() and file.stat().st_size == 15]
    stored.chmod(0o644)
    stored.write_bytes(b"the wrong bytes")
    with pytest.raises(mlcore.CorruptError):
        registry.artifact("churn", 1)


def test_a_closed_registry_says_so(registry):
    registry.close()
    registry.close()
    with pytest.raises(mlcore.UnavailableError, match="closed"):
        registry.models()
    assert repr(registry).endswith("closed>")


def test_of_many_writers_each_move_has_one_winner(registry, tmp_path):
    for _ in range(2):
        registry.register("churn", b"bytes", format="text")
    registry.set_alias("churn", "champion", 1)
    wins = []

    def race():
        with mlcore.Registry(f"sqlite:///{tmp_path}/registry.db", actor="racer") as own:
            for _ in range(20):
                found = own.alias("churn", "champion")
                try:
                    own.set_alias("churn", "champion", 3 - found, expected=found)
                    wins.append(found)
                except mlcore.ConflictError:
                    pass

    threads = [threading.Thread(target=race) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    history = registry.alias_history("churn", "champion")[1:]
    assert len(history) == len(wins) > 0
    assert all(later.previous == earlier.version for earlier, later in zip(history, history[1:]))
    registry.verify()


def test_what_was_acknowledged_survives_being_killed(tmp_path):
    code = """
import sys, mlcore
registry = mlcore.Registry(sys.argv[1], actor="victim")
while True:
    print(registry.register("churn", b"bytes", format="text").version, flush=True)
"""
    url = f"sqlite:///{tmp_path}/registry.db"
    acknowledged = 0
    for _ in range(3):
        process = subprocess.Popen([sys.executable, "-c", code, url], stdout=subprocess.PIPE, text=True)
        for _ in range(5):
            acknowledged = int(process.stdout.readline())
        process.kill()
        rest = process.stdout.read().split()
        acknowledged = int(rest[-1]) if rest and rest[-1].isdigit() else acknowledged
        process.wait()
        process.stdout.close()
        with mlcore.Registry(url) as registry:
            registry.verify()
            assert len(registry.versions("churn")) >= acknowledged
            assert registry.version("churn", acknowledged).stage == "dev"


LOOK = """
import sqlite3
def look(path):
    for address in (path, f"file:{path}?mode=ro"):
        beside = sqlite3.connect(address, uri=True, timeout=60)
        beside.execute("select count(*) from version").fetchone()
        beside.close()
"""
WRITE = """
import sys, mlcore
with mlcore.Registry(sys.argv[1], actor="other") as registry:
    print(registry.register("churn", b"theirs", format="text").version)
"""
needs_locks_of_descriptions = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="locks are those of POSIX here")


@needs_locks_of_descriptions
def test_the_systems_sqlite_in_the_process_takes_no_lock_away(registry, tmp_path):
    look = {}
    exec(LOOK, look)
    seen = []
    for _ in range(3):
        seen.append(registry.register("churn", b"mine", format="text").version)
        look["look"](f"{tmp_path}/registry.db")
        # It closes as the last, for all that it can see, and would take the log away that this process writes.
        other = [sys.executable, "-c", WRITE, f"sqlite:///{tmp_path}/registry.db"]
        seen.append(int(subprocess.run(other, capture_output=True, text=True, check=True).stdout))
    assert seen == [1, 2, 3, 4, 5, 6]
    versions = registry.versions("churn")
    assert [version.version for version in versions] == seen
    assert {version.created_by for version in versions} == {"ana", "other"}


@needs_locks_of_descriptions
def test_what_was_acknowledged_beside_the_systems_sqlite_survives_being_killed(tmp_path):
    code = (
        LOOK
        + """
import sys, threading, mlcore
registry = mlcore.Registry("sqlite:///" + sys.argv[1], actor="victim")
def looking():
    while True:
        look(sys.argv[1])
threading.Thread(target=looking, daemon=True).start()
while True:
    print(registry.register("churn", b"bytes", format="text").version, flush=True)
"""
    )
    path = f"{tmp_path}/registry.db"
    looking = subprocess.Popen([sys.executable, "-c", LOOK + "import sys\nwhile True: look(sys.argv[1])", path]) if os.path.exists(path) else None
    acknowledged, all_said = 0, []
    try:
        for count in range(6):
            process = subprocess.Popen([sys.executable, "-c", code, path], stdout=subprocess.PIPE, text=True)
            said = [int(process.stdout.readline()) for _ in range(5 + 10 * count)]
            if looking is None:
                looking = subprocess.Popen([sys.executable, "-c", LOOK + "import sys\nwhile True: look(sys.argv[1])", path])
            process.kill()
            said += [int(line) for line in process.stdout.read().split("\n")[:-1]]
            process.wait()
            process.stdout.close()
            all_said += said
            with mlcore.Registry(f"sqlite:///{path}") as registry:
                registry.verify()
                assert {version.version for version in registry.versions("churn")} >= set(all_said)
    finally:
        looking.kill()
        looking.wait()
    assert all_said == sorted(set(all_said)), "no number was given twice"


def test_the_user_of_the_process_is_the_actor(monkeypatch):
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.setenv(name, "carol")
    with mlcore.Registry("memory:") as registry:
        assert registry.actor == "carol"
        assert registry.register("m", b"x", format="text").created_by == "carol"
    assert os.environ["USER"] == "carol"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_child_is_told_to_open_it_again(registry, tmp_path):
    registry.register("churn", b"bytes", format="text")
    child = os.fork()
    if child == 0:
        code = 1
        try:
            registry.models()
        except mlcore.UnavailableError as error:
            with mlcore.Registry(f"sqlite:///{tmp_path}/registry.db", actor="child") as own:
                own.set_tag("churn", "child", "was here")
            code = 0 if "forked" in str(error) else 2
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert registry.model("churn").tags == {"child": "was here"}
    registry.verify()


def test_a_stranger_s_model_is_tried_before_it_is_registered(tmp_path):
    from mlcore.runner import Probe

    registry = mlcore.Registry(f"sqlite:///{tmp_path}/registry.db", actor="test")
    assert registry.register("m", ONNX, probe=Probe(timeout=60.0)).version == 1
    with pytest.raises(mlcore.TimeoutError, match="in a process of its own"):
        registry.register("m", MODELS / "runner" / "loop_forever.onnx", probe=Probe(timeout=3.0))
    assert [version.version for version in registry.versions("m")] == [1]


def test_a_database_for_many_machines_is_reached_by_its_url(tmp_path):
    with pytest.raises(mlcore.UnsupportedError, match="name the store of its artifacts"):
        mlcore.Registry("postgresql://ana:secret@127.0.0.1:1/ml")
    with pytest.raises(mlcore.UnavailableError) as away:
        mlcore.Registry("postgresql://ana:secret@127.0.0.1:1/ml?connect_timeout=2", artifacts=tmp_path)
    assert "secret" not in str(away.value)
