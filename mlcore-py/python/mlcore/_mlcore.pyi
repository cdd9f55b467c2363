# The native half: a module for each module of the package, whose stub says what is in it.
from types import ModuleType

__all__ = [
    "__version__",
    "_panic",
    "bandit",
    "drift",
    "endpoint",
    "evaluate",
    "experiment",
    "features",
    "metrics",
    "package",
    "profiles",
    "prometheus",
    "registry",
    "replay",
    "rollout",
    "runner",
    "serving",
    "signing",
    "stats",
    "store",
    "tracking",
    "validate",
]

__version__: str
bandit: ModuleType
drift: ModuleType
endpoint: ModuleType
evaluate: ModuleType
experiment: ModuleType
features: ModuleType
metrics: ModuleType
package: ModuleType
profiles: ModuleType
prometheus: ModuleType
registry: ModuleType
replay: ModuleType
rollout: ModuleType
runner: ModuleType
serving: ModuleType
signing: ModuleType
stats: ModuleType
store: ModuleType
tracking: ModuleType
validate: ModuleType

def _panic(detached: bool) -> None: ...
