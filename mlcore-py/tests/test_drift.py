"""Reports and monitors."""

from __future__ import annotations

import copy
import inspect
import json
import pickle
import re
import typing

import numpy as np
import pandas as pd
import polars as pl
import pytest
from conftest import ROOT, mixed

import mlcore
from mlcore import drift


def quantile_psi(reference, current, bins):
    """The formula: half a count in each bin between the reference's quantiles."""
    edges = np.quantile(reference, np.arange(1, bins) / bins)
    counts = [np.bincount(np.searchsorted(edges, sample, side="right"), minlength=bins) for sample in (reference, current)]
    p, q = [(count + 0.5) / (count.sum() + 0.5 * bins) for count in counts]
    return float(((p - q) * np.log(p / q)).sum())


@pytest.mark.parametrize("bins", [2, 5, 10, 40])
def test_psi_is_its_formula(bins):
    rng = np.random.default_rng(bins)
    reference, current = rng.normal(size=2000), rng.normal(0.2, 1.2, size=1500)
    result = drift.psi(reference, current, bins)
    assert result == pytest.approx(quantile_psi(reference, current, bins), rel=1e-9)
    assert result.psi_corrected == pytest.approx(result - (bins - 1) * (1 / 2000 + 1 / 1500), rel=1e-9)
    assert len(result.edges) == bins + 1 and sum(result.reference_share) == pytest.approx(1)


def test_psi_is_a_number_with_its_circumstances():
    result = drift.psi([1, 2, 3] * 100, [1, 2, 2] * 100)
    assert isinstance(result, float) and json.dumps(result) == repr(float(result))
    assert result.psi == float(result) and result > 0.25
    assert drift.psi(["a", "b"] * 50, ["a", "c"] * 50).categories == ["a", "b", "c"]
    assert drift.psi([1, 2] * 50, [1, 3] * 50, kind="categorical").categories == ["1", "2", "3"]
    assert drift.psi(range(1000), range(1000), recipe="evidently").pvalue is None
    for call, words in [
        (lambda: drift.psi([], [1.0]), "the sample is empty"),
        (lambda: drift.psi([1.0], [1.0], bins=1), "2 to 1000"),
        (lambda: drift.psi([1.0], [1.0], recipe="mine"), "quantile, uniform, evidently"),
        (lambda: drift.psi([1.0], ["a"]), "numeric|categorical"),
    ]:
        with pytest.raises(mlcore.InvalidInputError, match=words):
            call()
    with pytest.raises(mlcore.UnsupportedError, match="dates|Timestamp"):
        drift.psi(pd.to_datetime(["2026-01-01"]), pd.to_datetime(["2026-01-01"]))


def test_a_report_says_what_drifted_in_every_form(frame, tmp_path):
    report = drift.report(frame, mixed(400, seed=10, shift=6), title="Ages & <more>")
    assert report.drifted and report.drifted_columns == ["age"]
    as_dict = report.to_dict()
    assert as_dict == json.loads(report.to_json()) and as_dict["version"] == 1
    assert {column["name"] for column in as_dict["columns"]} == set(frame.columns)
    page = report.to_html()
    assert page.startswith("<!DOCTYPE html>") and "Ages &amp; &lt;more&gt;" in page
    assert "<script" not in page and "http://" not in page.replace("http://www.w3.org", "")
    report.save_html(tmp_path / "report.html")
    assert (tmp_path / "report.html").read_text(encoding="utf-8") == page
    assert report._repr_html_().startswith("<div") and repr(report) == "<mlcore.drift.Report: drifted, 1 of 5 columns drifted>"
    assert drift.Report.from_json(report.to_json()).to_json() == report.to_json()
    verdict = report.verdict
    worst = next(column for column in verdict.columns if column.column == "age" and column.test == "ks")
    assert worst.drifted and worst.pvalue < worst.pvalue_adjusted < 1e-6 and worst.effect > worst.threshold
    assert verdict.rows == 400 and "age" in str(verdict) and "age" in worst.sentence


def test_a_report_obeys_its_options(frame):
    current = mixed(400, seed=10, shift=6).assign(extra=1.0)
    assert drift.report(frame, current, columns=["visits"]).verdict.drifted_columns == []
    assert drift.report(frame, current, columns=["age"], minimum_effects={"ks": 0.9}).drifted is False
    tests = lambda **options: {column.test for column in drift.report(frame, current, columns=["age"], **options).verdict.columns}
    for psi in ("psi", drift.Psi(bins=5), {"name": "psi", "bins": 5}, drift.DriftTest("psi", bins=5)):
        assert tests(numeric_test=psi) >= {"psi"} and tests(column_options={"age": {"test": psi}}) >= {"psi"}
    assert drift.report(frame, current).verdict.new_columns == ["extra"]
    dated = frame.assign(when=pd.Timestamp("2026-01-01"))
    assert "when" in drift.report(dated, dated).verdict.skipped
    for options, words in [({"alpha": 2.0}, "alpha"), ({"correction": "sidak"}, "fdr_bh"), ({"numeric_test": {"name": "psi", "bin": 1}}, "unknown field `bin`"), ({"histogram_bins": 0}, "histogram_bins"), ({"column_options": {"age": {"tset": 1}}}, "tset"), ({"window": 5}, "window: no option is called window; use one of .*window_rows"), ({"alpha": float("nan")}, "alpha: it is NaN")]:
        with pytest.raises(mlcore.InvalidInputError, match=words):
            drift.report(frame, current, **options)
    with pytest.raises(mlcore.NotFoundError, match="no test has this name; the tests are .*chi_square, "):
        drift.report(frame, current, numeric_test="ad")
    without = drift.report(frame, current.drop(columns="age")).verdict
    assert without.vanished_columns == ["age"] and "age" in without.drifted_columns
    with pytest.raises(mlcore.SchemaMismatchError, match="nor any other that is watched"):
        drift.report(frame, current.rename(columns=lambda name: f"my_{name}"))
    with pytest.raises(TypeError, match="alpha: a number is expected"):
        drift.report(frame, current, alpha="low")
    with pytest.raises(FileNotFoundError):
        drift.report(frame, current).save_html("/nowhere/at/all.html")


def test_a_monitor_judges_each_full_window(frame):
    monitor = drift.Monitor(frame, window_rows=200)
    assert monitor.columns == list(frame.columns) and monitor.rows_in_window == 0
    assert monitor.observe(mixed(150, seed=1)) == []
    assert monitor.rows_in_window == 150
    verdicts = monitor.observe(pl.from_pandas(mixed(450, seed=2)))
    assert [(verdict.window_index, verdict.rows, verdict.drifted) for verdict in verdicts] == [(0, 200, False), (1, 200, False), (2, 200, False)]
    shifted = monitor.observe(mixed(200, seed=3, shift=8))
    assert [verdict.drifted_columns for verdict in shifted] == [["age"]]
    monitor.observe(mixed(120, seed=4))
    assert monitor.evaluate_now().rows == 120
    monitor.reset_window()
    assert monitor.rows_in_window == 0 and "0 of 200" in repr(monitor)


def test_records_and_tables_are_judged_alike(frame):
    by_table, by_row = (drift.Monitor(frame, window_rows=200) for _ in range(2))
    current = mixed(200, seed=5, shift=3)
    (expected,) = by_table.observe(current)
    verdicts = [by_row.observe_row(row) for row in current.to_dict("records")]
    assert verdicts[:-1] == [None] * 199
    assert verdicts[-1].to_json() == expected.to_json()
    record = current.to_dict("records")[0]
    with pytest.raises(mlcore.SchemaMismatchError, match="age"):
        by_row.observe_row({**record, "age": "forty"})
    with pytest.raises(TypeError, match="age"):
        by_row.observe_row({**record, "age": [40]})
    # What nobody sent is not known to be missing, alone and beside others.
    absent = {name: value for name, value in record.items() if name != "plan"}
    for observe in (lambda: by_row.observe_row(absent), lambda: by_row.observe([record, absent])):
        with pytest.raises(mlcore.SchemaMismatchError, match="plan.*has no value for it"):
            observe()
    for row in (current.iloc[0], next(current.itertuples()), {**record, "more": [1]}):
        by_row.observe_row(row)
    assert by_row.rows_in_window == 3
    with pytest.raises(mlcore.InvalidInputError, match="window"):
        drift.Monitor(frame, window=5)
    (gone,) = by_row.observe(frame.drop(columns="plan").assign(colour="red").iloc[:197])
    assert gone.vanished_columns == ["plan"] and gone.new_columns == ["colour"] and gone.drifted_columns == ["plan"]


def classes(base):
    """The class of each test, by its name."""
    found = [item for item in vars(drift).values() if inspect.isclass(item) and issubclass(item, base)]
    return {item().name: item for item in found if item is not base}


LISTED = [*((drift.DriftTest, name) for name in drift.test_names()), *((drift.TableTest, name) for name in drift.table_test_names())]


@pytest.mark.parametrize(("base", "name"), LISTED)
def test_every_listed_test_has_a_class_with_its_options_and_types(base, name):
    assert name in classes(base), f"{name} has no class in mlcore/drift/_tests.py"
    kind = classes(base)[name]
    options = base(name).options
    assert kind().options == options
    defaults = {name: parameter.default for name, parameter in inspect.signature(kind).parameters.items()}
    # What is None is left to the test, which writes no option for it.
    assert {name: default for name, default in defaults.items() if default is not None} == options
    # The classes stand in a typed module of their own, so that they need no stub.
    assert set(typing.get_type_hints(kind.__new__)) == {*defaults, "return"}
    assert set(re.findall(r"^    (\w+) : ", kind.__doc__, re.MULTILINE)) == set(defaults)
    for test in (kind(), pickle.loads(pickle.dumps(kind())), copy.copy(kind())):
        assert type(test) is kind and test.options == options and repr(test) == repr(kind())
    assert pickle.loads(pickle.dumps(base(name))).options == options
    with pytest.raises(mlcore.InvalidInputError, match=f"choose test {name}: unknown field `oddity`"):
        base(name, oddity=1)


def test_a_report_tests_whole_rows(frame):
    current = frame.assign(age=frame["age"].to_numpy()[::-1])
    score = drift.TableEnergy(columns=["age", "visits"]).compare(frame, current)
    assert score.effect_name == "energy" and 0 < score.pvalue <= 1 and set(score.columns) <= {"age", "visits"}
    assert drift.report(frame, current).verdict.tables == []
    for test in ("energy", drift.TableEnergy(), {"name": "energy", "seed": 0}, drift.TableTest("energy")):
        (rows,) = drift.report(frame, mixed(400, seed=10, shift=6), table_tests=[test]).verdict.tables
        assert rows.drifted and rows.test == "energy" and next(iter(rows.score.columns)) == "age"
        assert rows.pvalue_adjusted >= rows.score.pvalue and rows.sentence in repr(rows)
    with pytest.raises(mlcore.NotFoundError, match="the tests are domain_classifier, "):
        drift.report(frame, current, table_tests=["mahalanobis"])
    with pytest.raises(TypeError, match="table_tests: a list"):
        drift.report(frame, current, table_tests="energy")


@pytest.mark.parametrize("name", drift.table_test_names())
def test_every_test_of_whole_rows_is_part_of_a_report_by_name(name):
    draw = np.random.default_rng(3)
    words = lambda new: [" ".join(draw.choice(["good", "bad", "service", *(["servicio"] * new)], 6)) for _ in range(150)]
    reference = {"a": draw.normal(size=150), "b": draw.normal(size=150), "text": words(0)}
    current = {"a": draw.normal(3, size=150), "b": draw.normal(size=150), "text": words(9)}
    (rows,) = drift.report(reference, current, table_tests=[name]).verdict.tables
    (same,) = drift.report(reference, reference, table_tests=[name]).verdict.tables
    if name == "text_length":
        assert rows.score.effect > same.score.effect == 0
        return
    assert rows.drifted and not same.drifted and same.score.effect == pytest.approx(0, abs=1e-9), rows
    assert next(iter(rows.score.columns)) in {"a", "text"} and rows.score.pvalue <= 0.01 < same.score.pvalue
    assert pickle.loads(pickle.dumps(rows.score)).statistic == rows.score.statistic


def test_columns_of_vectors_are_embeddings():
    draw = np.random.default_rng(4)
    table = lambda shift: pl.DataFrame({"embedding": pl.Series((draw.normal(size=(120, 8)) + shift).tolist(), dtype=pl.Array(pl.Float32, 8))})
    reference, current = table(0.0), table(0.5)
    for test in (drift.EmbeddingDistance(), drift.EmbeddingRatio(), drift.TableMmd(bandwidth="evidently"), drift.DomainClassifier(model="linear")):
        score = test.compare(reference, current)
        assert score.effect >= test.minimum_effect and score.pvalue <= 0.01 and list(score.columns) == ["embedding"], (test, score)
    score = drift.EmbeddingDistance(columns=["embedding"], metric="cityblock").compare(reference.with_columns(pl.col("embedding").arr.to_list()), current)
    assert score.statistic > 3 and "embedding[" in score.notes[-1]
    with pytest.raises(mlcore.InvalidInputError, match="text_vocabulary reference: it has no column of text"):
        drift.TextVocabulary().compare(reference, current)


def test_a_test_compares_two_samples():
    score = drift.Psi(bins=5).compare(range(1000), [i * 0.9 for i in range(800)])
    assert (score.effect_name, score.reference_len, score.current_len) == ("PSI", 1000, 800)
    assert score.pvalue < 1e-9 and score.notes == [] and repr(score).startswith("Score(statistic=1.23")
    assert repr(drift.Psi(bins=5)) == "Psi(bins=5, missing_bin=False, recipe='quantile')"
    assert repr(drift.DriftTest("missing_rate")) == "DriftTest(\"missing_rate\")"
    assert drift.ChiSquare().compare([1, 2] * 50, [1, 3] * 50, kind="categorical").effect == pytest.approx(0.7071, abs=1e-3)
    with pytest.raises(mlcore.InvalidInputError, match="this test compares numbers"):
        drift.KolmogorovSmirnov().compare(["a"], ["b"])
    with pytest.raises(mlcore.NotFoundError, match="kolmogorov"):
        drift.DriftTest("kolmogorov")
    with pytest.raises(TypeError):
        drift.Psi(7)


def test_the_options_of_a_monitor_are_plain_values_that_make_it_again(frame):
    options = {
        "window_rows": 200,
        "alpha": 0.01,
        "correction": "holm",
        "numeric_test": drift.Psi(bins=7),
        "categorical_test": "psi",
        "minimum_effects": {"psi": 0.3},
        "column_options": {"visits": {"test": drift.KolmogorovSmirnov(method="asymp"), "minimum_effect": np.float64(0.2)}},
    }
    monitor = drift.Monitor(frame, **options)
    written = json.loads(json.dumps(monitor.options))
    assert written["numeric_test"] == {"name": "psi", "bins": 7, "missing_bin": False, "recipe": "quantile"}
    assert written["categorical_test"] == "psi" and written["preset"] == "default"
    again = drift.Monitor(frame, **written)
    assert again.options == monitor.options
    current = mixed(200, seed=3, shift=8)
    (expected,) = monitor.observe(current)
    assert {column.test for column in expected.columns if column.column == "visits"} == {"ks"}
    assert [verdict.to_json() for verdict in again.observe(current)] == [expected.to_json()]


FLAGS = [True, False] * 150
SAME_FLAGS = {
    "bool": FLAGS,
    "int": [int(flag) for flag in FLAGS],
    "float": [float(flag) for flag in FLAGS],
    "nullable": pd.array(FLAGS, dtype="boolean"),
    "nullable int": pd.array([int(flag) for flag in FLAGS], dtype="Int64"),
    "categorical": pd.Categorical(FLAGS),
    "categorical int": pd.Categorical([int(flag) for flag in FLAGS]),
    "polars": pl.Series(FLAGS),
}


@pytest.mark.parametrize("current", SAME_FLAGS)
@pytest.mark.parametrize("reference", SAME_FLAGS)
def test_true_is_one_in_every_type(reference, current):
    column = lambda name: pl.DataFrame({"z": SAME_FLAGS[name]}) if name == "polars" else pd.DataFrame({"z": SAME_FLAGS[name]})
    reference, current = column(reference), column(current)
    verdict = drift.report(reference, current).verdict.columns[0]
    assert (verdict.outcome, verdict.effect) == ("stable", 0.0) and "categor" not in verdict.sentence, verdict
    by_table, by_row = (drift.Monitor(reference, window_rows=300) for _ in range(2))
    rows = current.to_dicts() if isinstance(current, pl.DataFrame) else current.to_dict("records")
    assert by_table.observe(current)[0].columns[0].outcome == [by_row.observe_row(row) for row in rows][-1].columns[0].outcome == "stable"
    assert drift.psi(reference["z"], current["z"]) == pytest.approx(0, abs=1e-12)


def test_large_integers_keep_their_digits():
    old, new = ([2**60 + first + i for i in range(10)] * 30 for first in (0, 10))
    for options in ({}, {"column_options": {"z": {"kind": "categorical"}}}, {"numeric_test": "ks"}, {"numeric_test": "psi"}):
        judged = lambda current: drift.report({"z": old}, {"z": current}, **options).verdict.columns[0]
        assert judged(old).outcome == "stable" and judged(new).drifted, options
        monitor = drift.Monitor({"z": old}, window_rows=300, **options)
        assert [monitor.observe_row({"z": value}) for value in new][-1].columns[0].effect == judged(new).effect
    monitor = drift.Monitor({"z": old}, window_rows=300)
    assert [monitor.observe_row({"z": value}) for value in old][-1].columns[0].outcome == "stable"


def kinds(prefix, kinds, rows):
    return [f"{prefix}{i}" for i in range(kinds) for _ in range(rows)]


@pytest.mark.parametrize("test", ["chi_square", drift.ChiSquare(pool_below=0), "psi", "hellinger"])
def test_categories_that_were_all_replaced_are_seen_at_any_cardinality(test):
    judged = lambda reference, current: drift.report({"z": reference}, {"z": current}, categorical_test=test).verdict.columns[0]
    for count, rows in [(500, 50), (501, 50), (1200, 50), (250, 9), (100, 3), (2500, 40)]:
        assert judged(kinds("old", count, rows), kinds("new", count, rows)).drifted, (count, rows)
        assert judged(kinds("old", count, rows), kinds("old", count, rows)).outcome == "stable", (count, rows)
    assert judged(kinds("old", 200, 4), kinds("old", 100, 4) + kinds("new", 100, 4)).drifted
    window = kinds("new", 250, 2)
    by_table, by_row = (drift.Monitor({"z": kinds("old", 250, 40)}, window_rows=500, categorical_test=test) for _ in range(2))
    assert by_table.observe({"z": window})[0].drifted and [by_row.observe_row({"z": value}) for value in window][-1].drifted


def test_values_that_never_repeat_are_not_judged():
    verdict = drift.report({"z": kinds("old", 500, 1)}, {"z": kinds("new", 500, 1)}).verdict
    assert verdict.outcome == verdict.columns[0].outcome == "insufficient_data"
    assert "seldom equal" in verdict.columns[0].sentence
    score = drift.ChiSquare().compare(kinds("old", 500, 1), kinds("new", 500, 1))
    assert (score.pvalue, score.replaced_pvalue, score.effect) == (1.0, 1.0, 0.0)


def correlated(rng, rows, autocorrelation=0.5):
    noise = rng.normal(size=rows)
    values = np.empty(rows)
    values[0] = noise[0]
    for row in range(1, rows):
        values[row] = autocorrelation * values[row - 1] + noise[row] * (1 - autocorrelation**2) ** 0.5
    return {"x": values}


def test_rows_that_depend_on_each_other_are_noted_and_thinned():
    rng = np.random.default_rng(5)
    reference, current = correlated(rng, 10_000), correlated(rng, 1000)
    (verdict,) = drift.Monitor(reference).observe(current)
    assert len(verdict.notes) == 1 and "neighbouring rows are alike in x" in verdict.notes[0] and verdict.notes[0] in str(verdict)
    assert drift.report(reference, current).verdict.notes == verdict.notes
    by_table, by_row = (drift.Monitor(reference, thin=5, window_rows=200) for _ in range(2))
    (thinned,) = by_table.observe(current)
    assert thinned.notes == [] and thinned.rows == 200
    verdicts = [by_row.observe_row({"x": value}) for value in current["x"]]
    assert [verdict.to_json() for verdict in verdicts if verdict] == [thinned.to_json()]
    with pytest.raises(mlcore.InvalidInputError, match="thin"):
        drift.Monitor(reference, thin=0)


def test_alpha_is_spent_over_windows():
    rng = np.random.default_rng(6)
    monitor = drift.Monitor({"x": rng.normal(size=5000)}, window_rows=200, window_correction="alpha_spending")
    verdicts = [monitor.observe({"x": rng.normal(size=200)})[0] for _ in range(5)]
    alphas = [verdict.alpha for verdict in verdicts]
    assert alphas == sorted(alphas, reverse=True) and 0 < sum(alphas) < 0.05
    assert monitor.options["window_correction"] == "alpha_spending"
    assert drift.Monitor({"x": rng.normal(size=500)}).evaluate_now().alpha == 0.05


def test_the_share_of_drifted_columns_decides_where_it_is_asked_to():
    rng = np.random.default_rng(4)
    reference = {f"c{i}": rng.normal(size=1000) for i in range(10)}
    current = {name: values + (1.0 if name in ("c0", "c1", "c2") else 0.0) for name, values in reference.items()}
    found = {share: drift.report(reference, current, drift_share=share) for share in (None, 0.3, 0.31, 1)}
    assert {share: report.drifted for share, report in found.items()} == {None: True, 0.3: True, 0.31: False, 1: False}
    for share, report in found.items():
        verdict = report.verdict
        assert (verdict.share_of_drifted_columns, verdict.drift_share) == (0.3, share)
        assert verdict.to_dict()["share_of_drifted_columns"] == 0.3 and verdict.to_dict().get("drift_share") == share
        assert len(report.drifted_columns) == 3 and report.verdict.drifted is report.drifted
    assert found[0.31].verdict.outcome == "stable" and "30 % of the columns drifted, and 31 % make a drift" in str(found[0.31].verdict)
    page = found[0.31].to_html()
    assert "31 % of columns" in page and "fewer than the 31 % that make a drift" in page
    assert "one column" in found[None].to_html() and "if any column did" in found[None].to_html()
    monitor = drift.Monitor(reference, window_rows=1000, drift_share=0.5)
    assert monitor.options["drift_share"] == 0.5 and not monitor.observe(current)[0].drifted
    for bad in (0, -0.1, 1.1):
        with pytest.raises(mlcore.InvalidInputError, match="drift_share: .* is no share of the columns above 0 and up to 1; leave it out"):
            drift.report(reference, current, drift_share=bad)


def test_the_share_is_evidentlys():
    golden = json.loads((ROOT / "testdata" / "golden" / "drift_share.json").read_text(encoding="utf-8"))
    rng = np.random.default_rng(golden["seed"])
    reference = pd.DataFrame({f"c{i}": rng.normal(size=golden["rows"]) for i in range(len(golden["shifts"]))})
    current = reference + golden["shifts"]
    for case in golden["cases"]:
        ours = drift.report(reference, current, drift_share=case["drift_share"])
        assert (len(ours.drifted_columns), ours.verdict.share_of_drifted_columns) == (case["count"], case["share"])
        # Evidently's test fails where the dataset drifted.
        assert ours.drifted is (case["test"] == "FAIL")
    assert {case["test"] for case in golden["cases"]} == {"FAIL", "SUCCESS"}


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_a_report_is_a_frame_of_its_columns(library, frame):
    reference, current = frame, frame.assign(age=frame["age"] + 30)
    report = drift.report(reference, current)
    found = report.to_frame(library=library)
    assert type(found).__module__.startswith(library)
    rows = found.to_dict("records") if library == "pandas" else found.to_dicts()
    columns = report.to_dict()["columns"]
    assert [row["name"] for row in rows] == [column["name"] for column in columns]
    by_name = {row["name"]: row for row in rows}
    for column in columns:
        row, (test, *missing) = by_name[column["name"]], column["tests"]
        assert (row["kind"], row["outcome"], row["test"]) == (column["kind"], column["outcome"], test["test"])
        assert row["effect"] == test["score"]["effect"]["value"] and row["pvalue_adjusted"] == test["pvalue_adjusted"]
        assert row["psi"] == column["psi"]["psi"] and row["sentence"] == test["sentence"]
        if missing:
            assert row["missing_rate_outcome"] == missing[0]["outcome"]
        if column["kind"] == "numeric":
            assert row["current_mean"] == column["current_moments"]["mean"]
    tests = report.verdict.to_frame(library=library)
    assert len(tests) == len(report.verdict.columns)
    assert list(tests["test"]) == [test.test for test in report.verdict.columns]
    assert list(tests["effect"]) == [test.effect for test in report.verdict.columns]
