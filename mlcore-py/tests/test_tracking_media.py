"""Figures, images and tables among the files of runs, and the files themselves."""

from __future__ import annotations

import datetime
import io
import json
import struct
import zlib

import numpy as np
import pandas as pd
import polars as pl
import pytest

import mlcore

pytestmark = pytest.mark.usefixtures("tracker")


def files(run):
    """The files of a run by their paths."""
    folder = mlcore.tracking._artifacts.root(run.tracker, run.info.artifact_uri)
    return {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}


def decoded(content):
    """What a PNG of ours shows, read by its specification."""
    assert content[:8] == b"\x89PNG\r\n\x1a\n"
    place, chunks = 8, {}
    while place < len(content):
        (length,) = struct.unpack(">I", content[place : place + 4])
        kind, part = content[place + 4 : place + 8], content[place + 8 : place + 8 + length]
        assert struct.unpack(">I", content[place + 8 + length : place + 12 + length])[0] == zlib.crc32(kind + part)
        chunks[kind] = part
        place += 12 + length
    assert list(chunks) == [b"IHDR", b"IDAT", b"IEND"]
    wide, high, depth, colour, *rest = struct.unpack(">IIBBBBB", chunks[b"IHDR"])
    channels = {0: 1, 2: 3, 6: 4}[colour]
    rows = np.frombuffer(zlib.decompress(chunks[b"IDAT"]), dtype=np.uint8).reshape(high, 1 + wide * channels)
    assert depth == 8 and rest == [0, 0, 0] and not rows[:, 0].any()
    return rows[:, 1:].reshape(high, wide, channels)


def test_an_array_is_an_image():
    colours = np.random.default_rng(1).integers(0, 256, (5, 7, 3))
    with mlcore.start_run() as run:
        mlcore.log_image(colours, "seen/colours.png")
        mlcore.log_image(np.linspace(0, 1, 12).reshape(3, 4), "grey.png")
        mlcore.log_image(np.eye(4, dtype=bool), "mask.png")
        mlcore.log_image(colours.astype(np.uint8)[:, :, :1], "one.png")
        mlcore.log_image(np.dstack([colours, colours[:, :, 0]]), "clear.png")
        mlcore.log_image(colours, key="val/masks", step=3, timestamp=1_700_000_000_000)
        mlcore.log_image(colours, key="val/masks", step=4)
    found = files(run)
    assert (decoded(found["seen/colours.png"].read_bytes()) == colours).all()
    assert decoded(found["grey.png"].read_bytes())[:, :, 0].ravel().tolist() == [int(255 * place / 11) for place in range(12)]
    assert (decoded(found["mask.png"].read_bytes())[:, :, 0] == np.eye(4) * 255).all()
    assert decoded(found["one.png"].read_bytes()).shape == (5, 7, 1) and decoded(found["clear.png"].read_bytes()).shape == (5, 7, 4)
    series = sorted(path for path in found if path.startswith("images/") and path.endswith(".png"))
    assert len(series) == 2 and series[0].startswith("images/val~masks+step+3+timestamp+1700000000000+")
    assert (decoded(found[series[0]].read_bytes()) == colours).all()
    assert mlcore.get_run(run.info.run_id).data.tags["mlflow.loggedImages"] == "True"


def test_pillow_writes_the_other_forms_and_small_copies():
    image = pytest.importorskip("PIL.Image")
    picture = image.new("RGB", (600, 300), (250, 120, 10))
    with mlcore.start_run() as run:
        mlcore.log_image(picture, "one.jpg")
        mlcore.log_image(np.zeros((8, 8), dtype=np.uint8), "two.bmp")
        mlcore.log_image(picture, key="big")
        for name, words in (("x.unknown", "Pillow writes no .unknown"), ("x.pdf2", "choose another ending")):
            with pytest.raises(ValueError, match=words):
                mlcore.log_image(picture, name)
    found = files(run)
    (small,) = (path for path in found if path.endswith("+compressed.webp"))
    for name, size in (("one.jpg", (600, 300)), ("two.bmp", (8, 8)), (small, (256, 128))):
        with image.open(found[name]) as read:
            assert read.size == size


@pytest.mark.parametrize(
    ("image", "error", "words"),
    [
        (np.zeros((2, 2, 2)), ValueError, r"its shape is \(2, 2, 2\)"),
        (np.zeros(4), ValueError, r"its shape is \(4,\)"),
        (np.zeros((0, 4)), ValueError, r"its shape is \(0, 4"),
        (np.full((2, 2), 256), ValueError, "its values are 256 to 256, and 0 to 255 are taken"),
        (np.full((2, 2), np.nan), ValueError, "its values are nan to nan"),
        (np.full((2, 2), -0.1), ValueError, "0 to 1 are taken"),
        (np.full((2, 2), "a"), ValueError, "its elements are <U1"),
        ([[0.0]], TypeError, "it is a list"),
        (None, TypeError, "it is a NoneType"),
    ],
)
def test_what_is_no_image_is_named(image, error, words):
    with mlcore.start_run() as run, pytest.raises(error, match=f"log image image: .*{words}"):
        mlcore.log_image(image, "x.png")
    assert files(run) == {}


def test_an_image_has_a_file_or_a_key():
    black = np.zeros((2, 2))
    with mlcore.start_run():
        for options in ({}, {"artifact_file": "x.png", "key": "x"}, {"artifact_file": "x.png", "step": 1}):
            with pytest.raises(TypeError, match="log image"):
                mlcore.log_image(black, **options)
        for key in ("", "a\0b", "../../up\n", "x" * 300, "semi;", 1):
            with pytest.raises(ValueError, match="log image key"):
                mlcore.log_image(black, key=key)
        with pytest.raises(ValueError, match="leads out of the run's folder"):
            mlcore.log_image(black, "../x.png")


def test_a_figure_of_matplotlib_is_a_file():
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots()
    axes.plot([0, 1], [2, 3])
    with mlcore.start_run() as run:
        mlcore.log_figure(figure, "plots/line.png")
        mlcore.log_figure(figure, "line.svg")
        mlcore.log_figure(figure, "large.png", save_kwargs={"dpi": 200})
        with pytest.raises(NotImplementedError, match="does not write .absent"):
            mlcore.log_figure(figure, "line.absent")
    plt.close(figure)
    found = files(run)
    assert found["plots/line.png"].read_bytes()[:8] == b"\x89PNG\r\n\x1a\n" and b"<svg" in found["line.svg"].read_bytes()
    assert found["large.png"].stat().st_size > found["plots/line.png"].stat().st_size
    assert "line.absent" not in found


def test_a_figure_of_plotly_is_a_page():
    plotly = pytest.importorskip("plotly.graph_objects")
    figure = plotly.Figure(plotly.Scatter(x=[0, 1], y=[2, 3]))
    with mlcore.start_run() as run:
        mlcore.log_figure(figure, "whole.html")
        mlcore.log_figure(figure, "small.html", save_kwargs={"include_plotlyjs": "cdn"})
    found = files(run)
    assert found["whole.html"].stat().st_size > 1_000_000 > found["small.html"].stat().st_size
    for name in ("whole.html", "small.html"):
        assert b"Plotly.newPlot" in found[name].read_bytes()


@pytest.mark.parametrize("figure", [None, "figure.png", np.zeros(3)])
def test_what_is_no_figure_is_named(figure):
    with mlcore.start_run() as run, pytest.raises(TypeError, match="log figure figure: a figure of matplotlib or plotly is expected"):
        mlcore.log_figure(figure, "x.png")
    assert files(run) == {}


def test_a_stream_is_written_to_its_end():
    content = np.random.default_rng(3).bytes(3_000_000)
    with mlcore.start_run() as run:
        mlcore.log_stream(io.BytesIO(content), "weights.bin")
        with pytest.raises(TypeError, match="log stream stream: a binary file is expected, and it is a bytes"):
            mlcore.log_stream(b"bytes", "x.bin")
        with pytest.raises(ValueError, match="open it in binary mode"):
            mlcore.log_stream(io.StringIO("text"), "x.bin")
    assert {path: file.read_bytes() for path, file in files(run).items()} == {"weights.bin": content}


def table():
    moment = datetime.datetime(2024, 2, 29, 12, tzinfo=datetime.timezone.utc)
    return pd.DataFrame({"word": ["a", None], "score": [0.25, float("nan")], "count": [1, 2], "at": [moment, pd.NaT], "flag": [True, False]})


@pytest.mark.parametrize("make", [lambda rows: rows, pl.from_pandas, lambda rows: pl.from_pandas(rows).to_arrow(), lambda rows: rows.to_dict("records")])
def test_a_table_is_the_same_from_every_library(make):
    with mlcore.start_run() as run:
        mlcore.log_table(make(table()), "rows.json")
    held = json.loads(files(run)["rows.json"].read_text())
    assert held["columns"] == ["word", "score", "count", "at", "flag"]
    first, second = held["data"]
    assert first[:3] == ["a", 0.25, 1] and first[3].startswith("2024-02-29T12:00:00") and first[4] is True
    assert second == [None, None, 2, None, False]
    # As MLflow's own reader has it.
    read = pd.read_json(io.StringIO(json.dumps(held)), orient="split")
    assert read["score"].tolist()[0] == 0.25 and read.shape == (2, 5)
    assert json.loads(mlcore.get_run(run.info.run_id).data.tags["mlflow.loggedArtifacts"]) == [{"path": "rows.json", "type": "table"}]


@pytest.mark.parametrize("file", ["deep/rows.json", "rows.parquet"])
def test_rows_are_added_and_read_again(file):
    with mlcore.start_run(run_name="one", experiment="tables") as one:
        mlcore.log_param("depth", 4)
        mlcore.log_table({"word": ["a", "b"], "score": [0.5, 1.5]}, file)
        mlcore.log_table({"word": "c", "more": 7}, file)
    with mlcore.start_run(experiment="tables") as two:
        mlcore.log_table([{"word": "d", "score": 2.5}], file)
        mlcore.log_text("no table", "other.json")
    found = mlcore.load_table(file, [one.info.run_id, two.info.run_id], ["run_id", "params.depth"], library="pandas")
    assert found["word"].tolist() == ["a", "b", "c", "d"] and found["run_id"].tolist() == [one.info.run_id] * 3 + [two.info.run_id]
    assert found["score"].isna().tolist() == [False, False, True, False] and found["more"].tolist()[2] == 7
    assert found["params.depth"].tolist()[:3] == ["4"] * 3
    mlcore.set_experiment("tables")
    assert sorted(mlcore.load_table(file, library="polars")["word"].to_list()) == ["a", "b", "c", "d"]
    with pytest.raises(FileNotFoundError, match="no run of the active experiment has this table"):
        mlcore.load_table("absent.json")
    with pytest.raises(FileNotFoundError, match="no run of these"):
        mlcore.load_table("absent.json", [one.info.run_id])
    with pytest.raises(ValueError, match="runs have no column 'absent'"):
        mlcore.load_table(file, extra_columns=["absent"])
    with pytest.raises(ValueError, match=r"other.json is there, and is no table"):
        mlcore.load_table("other.json", [two.info.run_id])


@pytest.mark.parametrize(
    ("data", "file", "error", "words"),
    [
        ({"a": [1]}, "rows.csv", ValueError, "ends neither with .json nor with .parquet"),
        ({"a": [1]}, 'ro"ws.json', ValueError, "choose another name"),
        ({"a": [1]}, "../rows.json", ValueError, "leads out of the run's folder"),
        ({"a": [1], "b": [1, 2]}, "rows.json", ValueError, "its columns have 1 to 2 rows"),
        ({"a": [1], "b": 2}, "rows.json", ValueError, "column 'b' is a single value"),
        ({"a": [b"bytes"]}, "rows.json", ValueError, "column 'a' holds a bytes"),
        ({"a": [object()]}, "rows.json", ValueError, "column 'a' holds a object"),
        ("text", "rows.json", TypeError, "it is a str"),
        (7, "rows.json", TypeError, "it is a int"),
        ([1, 2], "rows.json", TypeError, "it is a list"),
    ],
)
def test_what_is_no_table_is_named(data, file, error, words):
    with mlcore.start_run() as run, pytest.raises(error, match=words):
        mlcore.log_table(data, file)
    assert files(run) == {}


def test_files_are_listed_read_and_copied(tmp_path):
    with mlcore.start_run() as run:
        mlcore.log_text("words", "notes/one.txt")
        mlcore.log_dict({"a": [1]}, "facts.json")
        mlcore.log_stream(io.BytesIO(b"\xff\xfe"), "bytes.bin")
    uri = f"runs:/{run.info.run_id}"
    listed = mlcore.artifacts.list_artifacts(run_id=run.info.run_id)
    assert [tuple(file) for file in listed] == [("bytes.bin", False, 2), ("facts.json", False, 22), ("notes", True, None)]
    assert [file.path for file in mlcore.artifacts.list_artifacts(f"{uri}/notes")] == ["notes/one.txt"]
    assert mlcore.artifacts.list_artifacts(f"{uri}/absent") == []
    assert mlcore.artifacts.load_text(f"{uri}/notes/one.txt") == "words"
    assert mlcore.artifacts.load_dict(f"{uri}/facts.json") == {"a": [1]}
    copy = mlcore.artifacts.download_artifacts(f"{uri}/notes/one.txt", dst_path=tmp_path / "copies")
    assert copy == str(tmp_path / "copies" / "one.txt") and (tmp_path / "copies" / "one.txt").read_text() == "words"
    whole = mlcore.artifacts.download_artifacts(run_id=run.info.run_id, dst_path=tmp_path / "whole")
    assert sorted(path.name for path in (tmp_path / "whole").rglob("*")) == ["bytes.bin", "facts.json", "notes", "one.txt"] and whole == str(tmp_path / "whole")
    for arguments, error, words in (
        ({}, ValueError, "give exactly one"),
        ({"artifact_uri": uri, "run_id": "x"}, ValueError, "give exactly one"),
        ({"artifact_uri": "s3://bucket/x"}, ValueError, "is no address of a run's file"),
        ({"artifact_uri": f"{uri}/../../x"}, ValueError, "leads out of the run's folder"),
        ({"artifact_uri": 7}, TypeError, "it is a int"),
        ({"run_id": "0" * 32}, KeyError, "run"),
    ):
        with pytest.raises(error, match=words):
            mlcore.artifacts.list_artifacts(**arguments)
    for call in (mlcore.artifacts.load_text, mlcore.artifacts.load_dict, mlcore.artifacts.download_artifacts):
        with pytest.raises(FileNotFoundError, match="the run has no such file"):
            call(f"{uri}/absent.txt")
    with pytest.raises(ValueError, match="it is no text in UTF-8"):
        mlcore.artifacts.load_text(f"{uri}/bytes.bin")
    with pytest.raises(ValueError, match="it is no JSON"):
        mlcore.artifacts.load_dict(f"{uri}/notes/one.txt")
    folder = mlcore.tracking._artifacts.root(run.tracker, run.info.artifact_uri)
    (tmp_path / "secret").write_text("secret")
    (folder / "out").symlink_to(tmp_path / "secret")
    assert [file.path for file in mlcore.artifacts.list_artifacts(uri)] == ["bytes.bin", "facts.json", "notes"]
    with pytest.raises(ValueError, match="by a link"):
        mlcore.artifacts.load_text(f"{uri}/out")
