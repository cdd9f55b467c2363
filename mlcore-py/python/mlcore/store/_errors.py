"""The errors of definitions that cannot be what was meant."""

from __future__ import annotations

from mlcore.exceptions import InvalidInputError, InvalidTypeError, UnsupportedError

_OPERATION = "define"


def refused(subject: str, problem: str, remedy: str, operation: str = _OPERATION) -> InvalidInputError:
    """The error of a value that is not taken."""
    text = f"{operation} {subject}: {problem}; {remedy}"
    return InvalidInputError(text, operation=operation, subject=subject, problem=problem, remedy=remedy)


def mistyped(subject: str, problem: str, operation: str = _OPERATION) -> InvalidTypeError:
    """The error of a value of another type."""
    return InvalidTypeError(f"{operation} {subject}: {problem}", operation=operation, subject=subject, problem=problem)


def unsupported(subject: str, problem: str, remedy: str, operation: str = _OPERATION) -> UnsupportedError:
    """The error of what Feast can do and this store cannot."""
    text = f"{operation} {subject}: {problem}; {remedy}"
    return UnsupportedError(text, operation=operation, subject=subject, problem=problem, remedy=remedy)


def one_of(operation: str, current: tuple[str, object], older: tuple[str, object]) -> object:
    """The value of a parameter that has an older name, of which only one is said."""
    (name, value), (older_name, older_value) = current, older
    if value is None or value == "":
        return older_value
    if older_value is not None and older_value != "" and older_value != value:
        problem = f"{older_name} is another name of it, and says something else"
        raise refused(name, problem, f"leave {older_name} away", operation)
    return value
