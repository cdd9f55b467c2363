"""Numbers and categories of numpy in the form of a stored plan."""

from __future__ import annotations

import math
from typing import Any

from mlcore.exceptions import InvalidInputError

OPERATION = "from_sklearn"


def refused(subject: str, problem: str, remedy: str) -> InvalidInputError:
    """The error for something that cannot be taken over."""
    return InvalidInputError(
        f"{OPERATION} {subject}: {problem}; {remedy}",
        operation=OPERATION,
        subject=subject,
        problem=problem,
        remedy=remedy,
    )


def number(value: Any) -> Any:
    """A float, for which JSON may have no digits."""
    own = float(value)
    if math.isfinite(own):
        return own
    return {"float": "NaN" if math.isnan(own) else "Infinity" if own > 0 else "-Infinity"}


def numbers(values: Any) -> Any:
    """A list of floats, or a list of lists; None stays None."""
    if values is None:
        return None
    if getattr(values, "ndim", 1) > 1:
        return [numbers(row) for row in values]
    return [number(value) for value in values]


def positions(values: Any) -> list[int]:
    """A list of positions."""
    return [int(value) for value in values]


def is_missing(value: Any) -> bool:
    """Is it None, NaN, NaT or pandas.NA?"""
    return value is None or type(value).__name__ in ("NAType", "NaTType") or (isinstance(value, float) and math.isnan(value))


def category(value: Any, dtype: str, where: str) -> Any:
    """A value of a column of this type."""
    if is_missing(value):
        return "null"
    plain = value.item() if hasattr(value, "item") else value
    if dtype == "string" and isinstance(plain, str):
        return {"text": plain}
    if dtype == "bool" and isinstance(plain, (bool, int, float)) and plain in (0, 1):
        return {"bool": bool(plain)}
    if dtype.startswith("float") and isinstance(plain, (bool, int, float)):
        return {"float": number(plain) if math.isfinite(plain) else _unlike(where, value, dtype)}
    if "int" in dtype and isinstance(plain, (bool, int, float)) and math.isfinite(plain) and int(plain) == plain:
        whole = int(plain)
        return {"int": whole} if whole < 2**63 else {"uint": whole}
    return _unlike(where, value, dtype)


def _unlike(where: str, value: Any, dtype: str) -> Any:
    problem = f"{value!r} was learnt, and the column of the table holds {dtype}"
    raise refused(where, problem, "pass rows of the types that were fitted")
