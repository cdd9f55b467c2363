"""Reports and verdicts as frames: a row per column, or per column and test."""

from __future__ import annotations

from typing import Any

from mlcore._frame import frame

#: What a test says of a column, beside its score.
_JUDGED = ("pvalue_adjusted", "threshold", "sentence")
_MOMENTS = ("count", "infinite", "mean", "standard_deviation", "min", "lower_quartile", "median", "upper_quartile", "max")
_OF_TEST = ("test", "statistic", "pvalue", "pvalue_adjusted", "effect_name", "effect", "threshold", "sentence")


def report_frame(report: dict[str, Any], library: str | None) -> Any:
    """One row per column of a report."""
    columns = ["name", "kind", "outcome", *_OF_TEST, "reference_missing_rate", "current_missing_rate"]
    columns += [f"missing_rate_{name}" for name in ("outcome", "pvalue_adjusted", "effect", "threshold")]
    columns += ["psi", "psi_corrected", "psi_pvalue", *(f"{side}_{name}" for side in ("reference", "current") for name in _MOMENTS)]
    return frame([_column(column) for column in report["columns"]], library=library, columns=columns)


def verdict_frame(verdict: dict[str, Any], library: str | None) -> Any:
    """One row per column and test of a verdict."""
    columns = ["column", "kind", "test", "outcome", "statistic", "pvalue", "pvalue_adjusted", "effect_name", "effect", "threshold"]
    columns += ["reference_len", "current_len", "sentence"]
    rows = [{"column": test["column"], "kind": test["kind"], **_test(test)} for test in verdict["columns"]]
    return frame(rows, library=library, columns=columns)


def _column(column: dict[str, Any]) -> dict[str, Any]:
    row = {name: column[name] for name in ("name", "kind", "outcome", "reference_missing_rate", "current_missing_rate")}
    for test in column["tests"]:
        answer = _test(test)
        if test["test"] == "missing_rate" and len(column["tests"]) > 1:
            row |= {f"missing_rate_{name}": answer.get(name) for name in ("outcome", "pvalue_adjusted", "effect", "threshold")}
        else:
            row |= {name: answer.get(name) for name in _OF_TEST}
    psi = column["psi"] or {}
    row |= {"psi": psi.get("psi"), "psi_corrected": psi.get("psi_corrected"), "psi_pvalue": psi.get("pvalue")}
    for side in ("reference", "current"):
        moments = column[f"{side}_moments"] or {}
        row |= {f"{side}_{name}": moments.get(name) for name in _MOMENTS}
    return row


def _test(test: dict[str, Any]) -> dict[str, Any]:
    score = test["score"] or {}
    effect = score.get("effect") or {}
    row = {name: test[name] for name in ("test", "outcome", *_JUDGED)}
    row |= {name: score.get(name) for name in ("statistic", "pvalue", "reference_len", "current_len")}
    return row | {"effect_name": effect.get("name"), "effect": effect.get("value")}
