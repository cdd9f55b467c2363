"""Views whose history lies in PostgreSQL, on a real server that the test starts."""

from __future__ import annotations

import datetime
import os
import pathlib
import pwd
import shutil
import socket
import subprocess
import tempfile
import time

import pytest

import mlcore
from mlcore.store import Entity, FeatureStore, FeatureView, Field, Float64, Int64, PostgreSQLSource, String, ValueType

HOUR = datetime.timedelta(hours=1)
NOW = datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0)
DRIVER = Entity(name="driver", join_keys=["driver_id"], value_type=ValueType.INT64)
SECRET = "a-password-that-nobody-shows"


@pytest.fixture(scope="module")
def server():
    """The URL of a server with rows of drivers."""
    found = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[4]))
    if not found:
        assert "CI" not in os.environ, "PostgreSQL is not installed (Debian: postgresql)"
        pytest.skip("PostgreSQL is not installed (Debian: postgresql)")
    programs = found[-1].parent
    # PostgreSQL refuses to run as root: the user runs it that its package makes.
    user = {"user": "postgres", "group": "postgres"} if os.getuid() == 0 else {}
    folder = tempfile.mkdtemp(dir="/tmp" if user else None)
    if user:
        entry = pwd.getpwnam("postgres")
        os.chown(folder, entry.pw_uid, entry.pw_gid)
    data = os.path.join(folder, "data")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    options = {"cwd": folder, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, **user}
    made = ["--username=mlcore", "--auth=trust", "--encoding=UTF8", "--no-sync", "--pgdata", data]
    subprocess.run([programs / "initdb", *made], check=True, **options)
    process = subprocess.Popen(
        [programs / "postgres", "-D", data, "-p", port, "-k", folder, "-c", "listen_addresses=127.0.0.1"], **options
    )
    try:
        end = time.monotonic() + 60
        while subprocess.run([programs / "pg_isready", "-q", "-h", "127.0.0.1", "-p", port], check=False).returncode:
            assert process.poll() is None and time.monotonic() < end, "the server did not start"
            time.sleep(0.05)
        rows = ", ".join(
            f"({driver}, '{(NOW - ago * HOUR).isoformat()}', {rate}, {trips}, {city})"
            for driver, ago, rate, trips, city in [
                (1, 5, "4.0", 10, "'Oslo'"), (1, 2, "4.5", 12, "'Bergen'"), (2, 1, "'NaN'", "NULL", "NULL"), (3, 30, "3.0", 3, "'Rome'"),
            ]
        )
        sql = (
            "CREATE TABLE trips (driver_id bigint, at timestamptz, rating double precision, trips integer, city text);"
            f"INSERT INTO trips VALUES {rows}"
        )
        url = f"postgresql://mlcore@127.0.0.1:{port}/postgres"
        subprocess.run([programs / "psql", "-q", "-v", "ON_ERROR_STOP=1", "-d", url, "-c", sql], check=True, **options)
        yield url.replace("mlcore@", f"mlcore:{SECRET}@")
    finally:
        process.kill()
        process.wait()
        shutil.rmtree(folder, ignore_errors=True)


def view(name, source):
    return FeatureView(
        name=name, entities=[DRIVER], ttl=datetime.timedelta(days=1), source=source,
        schema=[Field("rating", Float64), Field("trips", Int64), Field("city", String)],
    )


TABLE = PostgreSQLSource(table="trips", timestamp_field="at")
QUERY = PostgreSQLSource(
    name="asked", query="SELECT driver_id, at AS seen, rating, trips, city FROM trips", timestamp_field="seen"
)


def test_tables_and_queries_are_histories(server, tmp_path):
    with FeatureStore(tmp_path, postgres=server) as store:
        store.apply([DRIVER, view("by_table", TABLE), view("by_query", QUERY)])
        labels = {"driver_id": [1, 1, 2, 9], "event_timestamp": [NOW, NOW - 3 * HOUR, NOW, NOW]}
        store.materialize(NOW - 48 * HOUR, NOW)
        for name in ("by_table", "by_query"):
            features = [f"{name}:rating", f"{name}:trips", f"{name}:city"]
            frame = store.get_historical_features(labels, features).to_polars()
            assert frame["rating"].to_list() == [4.5, 4.0, None, None] and frame["trips"].to_list() == [12, 10, None, None]
            answer = store.get_online_features(features, [{"driver_id": driver} for driver in (1, 2, 3, 4)])
            assert answer.to_dict()["city"] == ["Bergen", None, None, None]
            assert answer.statuses()["rating"] == ["PRESENT", "NULL_VALUE", "OUTSIDE_MAX_AGE", "NOT_FOUND"]
        assert TABLE.name == "trips" and store.get_data_source("trips").timestamp_field == "at"
    kept = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert SECRET.encode() not in kept and b"127.0.0.1" not in kept


def test_a_view_takes_its_columns_from_the_table(server):
    with FeatureStore("memory:", postgres=server) as store:
        store.apply(FeatureView(name="inferred", entities=[DRIVER], source=TABLE))
        fields = {own.name: own.dtype.name for own in store.get_feature_view("inferred").schema}
        assert fields["rating"] == "float64" and fields["trips"] == "int32" and fields["city"] == "string"


def test_a_server_that_is_not_named_or_not_there_is_told(server, tmp_path):
    labels = {"driver_id": [1], "event_timestamp": [NOW]}
    with FeatureStore(tmp_path) as store:
        store.apply([DRIVER, view("by_table", TABLE)])
        with pytest.raises(mlcore.UnsupportedError, match="postgres="):
            store.get_historical_features(labels, ["by_table:trips"])
        # Who opens the same folder with a server names it for this process.
        with FeatureStore(tmp_path, postgres=server) as again:
            assert again.get_historical_features(labels, ["by_table:trips"]).to_polars()["trips"].to_list() == [12]
    gone = f"postgresql://ana:{SECRET}@127.0.0.1:1/x?connect_timeout=1"
    with FeatureStore("memory:", postgres=gone) as store:
        store.apply([DRIVER, view("by_table", TABLE)])
        with pytest.raises(mlcore.UnavailableError) as raised:
            store.get_historical_features(labels, ["by_table:trips"])
        assert SECRET not in str(raised.value)
    with pytest.raises(ValueError) as raised:
        FeatureStore("memory:", postgres=f"mysql://ana:{SECRET}@db/x")
    assert SECRET not in str(raised.value)
    with pytest.raises(ValueError):
        PostgreSQLSource(query="SELECT 1", timestamp_field="at")
