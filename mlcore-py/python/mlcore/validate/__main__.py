"""Checks a file by a suite: ``python -m mlcore.validate suite.toml orders.parquet``.

The exit code is 0 where every expectation of the severity that is asked for was met, 1 where one was not, and 2 where one could not be
answered, or the suite or the data could not be read.
"""

from __future__ import annotations

import argparse
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

from mlcore.exceptions import Error, MissingPackageError
from mlcore.validate import Report, Suite

__all__ = ["main"]

SEVERITIES = ("critical", "warning", "info")


def main(arguments: list[str] | None = None) -> int:
    """Checks the file that the arguments name.

    Parameters
    ----------
    arguments : list of str, optional
        Those of the command line, which are the default.

    Returns
    -------
    int
        The exit code.
    """
    asked = parser().parse_args(arguments)
    try:
        report = suite_of(asked.suite).validate(data_of(asked.data), max_unexpected=asked.max_unexpected)
        write(report, asked)
    except (Error, OSError) as error:
        print(error, file=sys.stderr)
        return 2
    return report.exit_code(asked.severity)


def parser() -> argparse.ArgumentParser:
    """What the command line takes."""
    made = argparse.ArgumentParser(prog="python -m mlcore.validate", description="Checks a file of data by a suite of expectations.")
    made.add_argument("suite", type=Path, help="TOML; or JSON, of mlcore or of Great Expectations")
    made.add_argument("data", type=Path, help="Parquet, which may be larger than memory; or CSV, where pandas or polars is installed")
    made.add_argument("--severity", choices=SEVERITIES, default="critical", help="what has to be met (default: critical)")
    made.add_argument("--max-unexpected", type=int, default=20, metavar="N", help="unexpected values told of each expectation (20)")
    made.add_argument("--junit", type=Path, metavar="FILE", help="write the report as JUnit's XML")
    made.add_argument("--html", type=Path, metavar="FILE", help="write the report as a page")
    made.add_argument("--json", type=Path, metavar="FILE", help="write the report as JSON")
    made.add_argument("--quiet", action="store_true", help="print nothing where it was met")
    return made


def suite_of(path: Path) -> Suite:
    """The suite in a file."""
    text = path.read_text(encoding="utf-8")
    if path.suffix.lower() != ".json":
        return Suite.from_toml(text)
    is_foreign = '"kwargs"' in text
    return Suite.from_great_expectations(text) if is_foreign else Suite.from_json(text)


def data_of(path: Path) -> Any:
    """What :meth:`Suite.validate` takes of a file."""
    if path.suffix.lower() not in (".csv", ".tsv", ".txt"):
        return path
    separator = "\t" if path.suffix.lower() == ".tsv" else ","
    for library, option in (("polars", "separator"), ("pandas", "sep")):
        try:
            return import_module(library).read_csv(path, **{option: separator})
        except ModuleNotFoundError as cause:
            if cause.name != library:
                raise
    problem, remedy = "neither polars nor pandas is installed", "install one of them, or write the data as Parquet"
    message = f"read data {path}: {problem}; {remedy}"
    raise MissingPackageError(message, operation="read data", subject=str(path), problem=problem, remedy=remedy)


def write(report: Report, asked: argparse.Namespace) -> None:
    """Prints the report, and writes the files that were asked for."""
    if not (asked.quiet and report.exit_code(asked.severity) == 0):
        print(report)
    if asked.junit:
        asked.junit.write_text(report.to_junit(asked.severity), encoding="utf-8")
    if asked.html:
        asked.html.write_text(report.to_html(), encoding="utf-8")
    if asked.json:
        asked.json.write_text(report.to_json(), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
