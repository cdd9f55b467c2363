"""Models that travel, and what a deployment runs, fixed to the byte.

>>> import mlcore, pathlib, tempfile
>>> registry = mlcore.Registry("memory:")
>>> _ = registry.register("churn", b"any bytes", format="text")
>>> folder = pathlib.Path(tempfile.mkdtemp())
>>> mlcore.package.ModelPackage.of(registry, "churn", 1).write(folder / "churn")
>>> mlcore.package.Bundle.write(folder / "bundle", registry.lock("churn/1"), registry)
>>> mlcore.package.Bundle.open(folder / "bundle").registry.versions("churn")
[<mlcore.registry.ModelVersion churn/1: text, dev>]
"""

from mlcore._mlcore.package import *
