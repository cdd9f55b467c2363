"""mlcore: features, models, registry, rollout and drift, embedded in one process.

Frames of pandas, polars and pyarrow, numpy arrays, dicts and lists are all taken, and give the same numbers. Nothing is
imported, started or loaded until it is used. Ctrl-C ends a long call soon: nothing is changed then, and the object goes on. A model
that is a single operator over many rows is left to end in a thread of its own.

>>> import mlcore
>>> scaler = mlcore.features.StandardScaler().fit({"age": [20.0, 40.0]})
>>> scaler.transform({"age": [50.0]}).tolist()
[[2.0]]
>>> round(mlcore.drift.psi([1, 2, 3, 4] * 50, [1, 2, 3, 4] * 50), 6)
0.0
"""

from mlcore import drift, evaluate, exceptions, features, metrics, profiles, prometheus, rollout, serving, stats
from mlcore._mlcore import __version__
from mlcore._versions import doctor, show_versions
from mlcore.endpoint import Endpoint
from mlcore.exceptions import (
    AlreadyExistsError,
    ConflictError,
    CorruptError,
    Error,
    InternalError,
    InterruptedError,
    InvalidInputError,
    InvalidModelError,
    InvalidTypeError,
    MissingFileError,
    MissingPackageError,
    NotFittedError,
    NotFoundError,
    OutcomeUnknownError,
    OverloadedError,
    PermissionDeniedError,
    SchemaMismatchError,
    StorageFullError,
    TimeoutError,
    UnavailableError,
    UnsupportedError,
)
from mlcore.profiles import Profile, profile
from mlcore.prometheus import metrics_text
from mlcore.registry import Registry
from mlcore.runner import Field, Runner
from mlcore.serving import serve

__all__ = [
    "AlreadyExistsError",
    "ConflictError",
    "CorruptError",
    "Endpoint",
    "Error",
    "Field",
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
    "Profile",
    "Registry",
    "Runner",
    "SchemaMismatchError",
    "StorageFullError",
    "TimeoutError",
    "UnavailableError",
    "UnsupportedError",
    "__version__",
    "doctor",
    "drift",
    "evaluate",
    "exceptions",
    "features",
    "metrics",
    "metrics_text",
    "profile",
    "profiles",
    "prometheus",
    "rollout",
    "serve",
    "serving",
    "show_versions",
    "stats",
]
