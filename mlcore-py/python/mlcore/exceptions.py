"""What can go wrong, by meaning.

Every exception that mlcore raises on purpose is an :class:`Error`, and also the builtin that a person expects: a bad
value is a ``ValueError``, an unknown name a ``KeyError``, a missed deadline a ``TimeoutError``.

>>> import mlcore
>>> try:
...     mlcore.stats.ks_2samp([], [1.0])
... except ValueError as error:
...     print(error)
ks_2samp x: the sample is empty; pass at least one observation in each sample
"""

from __future__ import annotations

import builtins
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mlcore._governance import PolicyVerdict

__all__ = [
    "AlreadyExistsError",
    "ConflictError",
    "CorruptError",
    "Error",
    "InternalError",
    "InterruptedError",
    "InvalidInputError",
    "InvalidModelError",
    "InvalidTypeError",
    "MissingFileError",
    "MissingPackageError",
    "NotFittedError",
    "NotFoundError",
    "OutcomeUnknownError",
    "OverloadedError",
    "PermissionDeniedError",
    "PolicyNotMetError",
    "SchemaMismatchError",
    "StorageFullError",
    "TimeoutError",
    "UnavailableError",
    "UnsupportedError",
]


class Error(Exception):
    """The base of every exception of mlcore.

    Attributes
    ----------
    operation : str
        What was attempted, as a verb phrase: ``load model``.
    subject : str
        What it was about: a name, a column, a file.
    problem : str
        What was wrong.
    remedy : str or None
        What the reader can do about it.
    """

    operation: str
    subject: str
    problem: str
    remedy: str | None

    def __init__(
        self,
        message: str = "",
        *,
        operation: str = "",
        subject: str = "",
        problem: str = "",
        remedy: str | None = None,
    ) -> None:
        super().__init__(message)
        self.operation = operation
        self.subject = subject
        self.problem = problem or message
        self.remedy = remedy

    def __str__(self) -> str:
        # Not the builtin's: KeyError would put quotes around the sentence.
        return str(self.args[0]) if self.args else ""

    @property
    def is_transient(self) -> bool:
        """Might the same call succeed later, with nothing changed by the caller?"""
        kinds = (ConflictError, UnavailableError, OverloadedError, TimeoutError, InterruptedError)
        return isinstance(self, kinds) and not isinstance(self, PolicyNotMetError)


class NotFoundError(Error, KeyError):
    """The thing asked for does not exist."""


class MissingFileError(NotFoundError, FileNotFoundError):
    """The file asked for does not exist."""


class AlreadyExistsError(Error, ValueError):
    """The thing to be created exists already."""


class ConflictError(Error, RuntimeError):
    """The state moved between the caller's read and its write: read again, decide again."""


class PolicyNotMetError(ConflictError):
    """A version may not go to production by the policy of its model: the message names every condition that is not met.

    Attributes
    ----------
    verdict : mlcore.registry.PolicyVerdict or None
        What the policy said, condition by condition.
    """

    verdict: PolicyVerdict | None = None


class InvalidInputError(Error, ValueError):
    """A value handed in cannot be used."""


class InvalidTypeError(Error, TypeError, ValueError):
    """An object of a kind that is not taken: also a ``ValueError``, as scikit-learn has it for data of such a kind."""


class SchemaMismatchError(Error, ValueError):
    """Data and the schema it should fit disagree."""


class InvalidModelError(Error, ValueError):
    """The bytes are no model that can be run, or one that must not be."""


class NotFittedError(Error, ValueError, AttributeError):
    """A transformer was used before it was fitted."""


class UnsupportedError(Error, NotImplementedError):
    """What was asked for is meaningful, and this build or backend does not offer it."""


class MissingPackageError(UnsupportedError, ImportError):
    """A Python package that was asked for is not installed."""


class UnavailableError(Error, OSError):
    """Something this depends on is missing or does not answer: a library, a locked file."""


class OverloadedError(Error, RuntimeError):
    """A bounded resource is full: shed, or try again later."""


class TimeoutError(Error, builtins.TimeoutError):
    """The deadline passed first."""


class InterruptedError(Error, builtins.InterruptedError):
    """The call was stopped before it was done: nothing was changed, and it may be repeated. Ctrl-C raises ``KeyboardInterrupt``."""


class StorageFullError(Error, OSError):
    """The storage has no room: free some and repeat the operation."""


class CorruptError(Error, ValueError):
    """Stored bytes are not what was stored."""


class PermissionDeniedError(Error, PermissionError):
    """The operating system or a policy forbids it."""


class OutcomeUnknownError(Error, RuntimeError):
    """The operation may or may not have taken effect: read the state before repeating it."""


class InternalError(Error, RuntimeError):
    """A fault of mlcore itself: please report it."""
