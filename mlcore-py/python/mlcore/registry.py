"""Models, versions, aliases and their history, in one file with the artifacts beside it.

>>> import mlcore
>>> registry = mlcore.Registry("memory:", actor="ana")
>>> version = registry.register("churn", b"any bytes", format="text")
>>> _ = registry.set_alias("churn", "challenger", version.version, expected=None)
>>> registry.alias("churn", "challenger"), registry.resolve("churn", "challenger").stage
(1, 'dev')
"""

from mlcore._governance import *
from mlcore._mlcore.registry import *
