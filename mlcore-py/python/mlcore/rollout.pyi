from collections.abc import Mapping, Sequence
from typing import Any, Literal, final

_Policy = Fixed | Weighted | Canary | Shadowed
_Metric = Literal["error_rate", "slow_share", "loss"]

def bucket(salt: str, unit: str) -> float: ...
@final
class Fixed:
    def __new__(cls, arm: str) -> Fixed: ...

@final
class Weighted:
    def __new__(cls, salt: str, weights: Mapping[str, float]) -> Weighted: ...

@final
class Guardrail:
    def __new__(
        cls, metric: _Metric, margin: float, *, limit: float | None = None, budget: float | None = None
    ) -> Guardrail: ...
    @property
    def metric(self) -> _Metric: ...
    @property
    def margin(self) -> float: ...

@final
class Canary:
    def __new__(
        cls,
        control: str = "champion",
        canary: str = "canary",
        *,
        salt: str,
        guardrails: Sequence[Guardrail],
        steps: Sequence[float] | None = None,
        alpha: float | None = None,
        min_samples: int | None = None,
        max_hold: float | None = None,
        expiry: Literal["roll_back", "hold"] | None = None,
    ) -> Canary: ...
    @property
    def share(self) -> float: ...
    @property
    def phase(self) -> dict[str, Any]: ...
    @property
    def evidence(self) -> list[dict[str, Any]]: ...
    def freeze(self, reason: str) -> None: ...
    def thaw(self) -> None: ...
    def to_json(self) -> str: ...
    @staticmethod
    def from_json(json: str) -> Canary: ...

@final
class Shadowed:
    def __new__(cls, policy: _Policy, shadows: Sequence[str], share: float = 1.0) -> Shadowed: ...
