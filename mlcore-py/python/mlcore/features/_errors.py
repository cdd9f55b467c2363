"""The errors of transformers, which scikit-learn's callers understand, too."""

from __future__ import annotations

import sys
from typing import Any

from mlcore.exceptions import InvalidInputError, NotFittedError


def not_fitted_class() -> type[NotFittedError]:
    """The exception, which is also scikit-learn's where that is used."""
    theirs = getattr(sys.modules.get("sklearn.exceptions"), "NotFittedError", None)
    if theirs is None:
        return NotFittedError
    if theirs not in _JOINED:
        _JOINED[theirs] = _joined(theirs)
    return _JOINED[theirs]


#: Our exception and another library's in one, by the other.
_JOINED: dict[type[Exception], type[NotFittedError]] = {}


def _joined(theirs: type[Exception]) -> type[NotFittedError]:
    def reduce(error: NotFittedError) -> tuple[Any, ...]:
        # A class made here has no place that another process could find it at.
        return _not_fitted_again, (error.args, error.__dict__)

    names = {"__doc__": NotFittedError.__doc__, "__module__": NotFittedError.__module__, "__reduce__": reduce}
    return type(NotFittedError.__name__, (NotFittedError, theirs), names)


def _not_fitted_again(args: tuple[Any, ...], state: dict[str, Any]) -> NotFittedError:
    error = not_fitted_class()(*args)
    error.__dict__.update(state)
    return error


def refused(subject: str, problem: str, remedy: str, operation: str = "set") -> InvalidInputError:
    """The error of a value that is not taken."""
    begin = subject if operation == "set" else f"{operation} {subject}"
    return InvalidInputError(
        f"{begin}: {problem}; {remedy}", operation=operation, subject=subject, problem=problem, remedy=remedy
    )
