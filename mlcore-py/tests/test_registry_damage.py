"""Registries and artifact folders that somebody forged, cut or filled with other things, and clocks that are wrong."""

from __future__ import annotations

import hashlib
import os
import shutil
import sqlite3
import subprocess
import sys
from datetime import datetime, timezone

import pytest

import mlcore


@pytest.fixture
def registry(tmp_path):
    with mlcore.Registry(f"sqlite:///{tmp_path}/registry.db", actor="ana") as opened:
        yield opened


AHEAD = """
#include <time.h>
#include <sys/syscall.h>
#include <unistd.h>
int clock_gettime(clockid_t clock, struct timespec *time) {
    int answer = syscall(SYS_clock_gettime, clock, time);
    if (clock == CLOCK_REALTIME) time->tv_sec = 300000000000; /* in the year 11476 */
    return answer;
}
"""


@pytest.mark.skipif(not sys.platform.startswith("linux") or not shutil.which("cc"), reason="needs Linux and a C compiler")
def test_moments_beyond_what_python_counts_are_its_last(tmp_path):
    (tmp_path / "ahead.c").write_text(AHEAD)
    shim = tmp_path / "ahead.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-o", shim, tmp_path / "ahead.c"], check=True)
    url = f"sqlite:///{tmp_path}/registry.db"
    code = f"import mlcore; r = mlcore.Registry({url!r}); r.register('m', b'1', format='b'); r.set_alias('m', 'champion', 1)"
    subprocess.run([sys.executable, "-c", code], env={**os.environ, "LD_PRELOAD": str(shim)}, check=True)
    last = datetime.max.replace(tzinfo=timezone.utc)
    with mlcore.Registry(url) as registry:
        registry.register("m", b"2", format="b")
        registry.set_alias("m", "champion", 2)
        history, entries = registry.alias_history("m", "champion"), registry.audit()
        assert [history[0].at, entries[0].at, registry.model("m").created_at, registry.version("m", 1).created_at] == [last] * 4
        assert "11476" in history[0].to_dict()["at"]
        assert history[1].at < last
        # The clock that was ahead hides no later move.
        assert registry.alias_at("m", "champion", datetime.now(timezone.utc)) == 2
        registry.to_frame()


def test_a_forged_alias_is_not_served(tmp_path):
    url = f"sqlite:///{tmp_path}/registry.db"
    with mlcore.Registry(url) as registry:
        registry.register("m", b"good", format="b")
        registry.register("m", b"evil", format="b")
        registry.set_alias("m", "champion", 1)
    with sqlite3.connect(tmp_path / "registry.db") as connection:
        (body,) = connection.execute("select body from alias").fetchone()
        body = body.replace('"to":1', '"to":2')
        digest = hashlib.sha256(f"alias\n{body}".encode()).digest()
        connection.execute("update alias set version = 2, body = ?, digest = ?", (body, digest))
    connection.close()
    with mlcore.Registry(url) as registry:
        for ask in (
            lambda: registry.alias("m", "champion"),
            lambda: registry.resolve("m", "champion"),
            lambda: registry.set_alias("m", "champion", 2),
            registry.verify,
            registry.scrub,
        ):
            with pytest.raises(mlcore.CorruptError):
                ask()


def test_a_lost_log_is_told(tmp_path):
    url = f"sqlite:///{tmp_path}/registry.db"
    registry = mlcore.Registry(url)
    registry.register("m", b"1", format="b")
    os.remove(tmp_path / "registry.db-wal")
    with pytest.raises((mlcore.CorruptError, mlcore.OutcomeUnknownError), match="write-ahead log was deleted"):
        registry.register("m", b"2", format="b")


def test_a_scrub_names_damaged_artifacts_and_their_versions(registry, tmp_path):
    kept, lost, rotten = (registry.register("m", content, format="b") for content in (b"kept", b"lost", b"rotten"))
    place = lambda version: tmp_path / "registry.db.artifacts" / "sha256" / version.artifact[7:9] / version.artifact[9:]
    place(lost).unlink()
    place(rotten).unlink()
    place(rotten).symlink_to("/dev/zero")
    found = registry.scrub()
    assert (found["artifacts"], found["bytes"], found["sequence"]) == (1, 4, 4)
    damaged = {row["artifact"]: (row["kind"], row["versions"]) for row in found["damaged"]}
    assert damaged == {lost.artifact: ("not_found", [("m", 2)]), rotten.artifact: ("corrupt", [("m", 3)])}
    # The same content puts them back.
    registry.register("m", b"lost", format="b")
    registry.register("m", b"rotten", format="b")
    assert registry.scrub()["damaged"] == [] and registry.artifact("m", 3) == b"rotten"


def test_nothing_foreign_is_touched_and_nothing_hangs_in_the_artifact_folder(registry, tmp_path):
    version = registry.register("m", b"content", format="b")
    store = tmp_path / "registry.db.artifacts"
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "file").touch()
    (store / "partial").rmdir()
    (store / "partial").symlink_to(precious)
    with mlcore.Registry(f"sqlite:///{tmp_path}/registry.db") as again:
        assert again.artifact("m", 1) == b"content"
    assert (precious / "file").exists()
    blob = store / "sha256" / version.artifact[7:9] / version.artifact[9:]
    blob.unlink()
    os.mkfifo(blob)
    with pytest.raises(mlcore.CorruptError, match="a pipe"):
        registry.artifact("m", 1)
