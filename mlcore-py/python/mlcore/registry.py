"""Models, versions, aliases and their history, in one file with the artifacts beside it.

>>> import mlcore
>>> registry = mlcore.Registry("memory:", actor="ana")
>>> version = registry.register("churn", b"any bytes", format="text")
>>> _ = registry.set_alias("churn", "challenger", version.version, expected=None)
>>> registry.alias("churn", "challenger"), registry.resolve("churn", "challenger").stage
(1, 'dev')
"""

from __future__ import annotations

from typing import Any

from mlcore._mlcore.registry import *


def __getattr__(name: str) -> Any:
    # Policies and records are made when they are asked for: `import mlcore` is quick.
    if not name.startswith("_"):
        from mlcore import _governance

        if name in _governance.__all__:
            return getattr(_governance, name)
    message = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(message)


def __dir__() -> list[str]:
    from mlcore import _governance

    return sorted({*globals(), *_governance.__all__})
