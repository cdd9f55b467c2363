from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypedDict, final

from typing_extensions import disjoint_base

from mlcore.typing import Plain

_Metric = Literal["error_rate", "slow_share", "loss"]

class _Decision(TypedDict, total=False):
    decision: Literal["hold", "step", "promote", "roll_back"]
    reason: str
    arm: str
    share: float

def bucket(salt: str, unit: str) -> float: ...
def from_state(state: dict[str, Any]) -> Policy: ...
@final
class Assignment:
    @property
    def arm(self) -> str: ...
    @property
    def propensity(self) -> float: ...
    @property
    def shadows(self) -> list[str]: ...
    @property
    def epoch(self) -> int: ...
    def __eq__(self, value: object, /) -> bool: ...
    def __ne__(self, value: object, /) -> bool: ...
    __hash__: None  # type: ignore[assignment]

@disjoint_base
class Policy:
    def assign(
        self, unit: str, arms: Sequence[str], *, draw: int = 0, context: Mapping[str, Plain] | None = None
    ) -> Assignment: ...
    def observe(
        self,
        assignment: Assignment | str,
        *,
        latency: float | None = None,
        loss: float | None = None,
        failed: bool = False,
        breach: str | None = None,
    ) -> None: ...
    def decide(self, now: float) -> _Decision: ...
    def save(self) -> dict[str, Any]: ...
    def restore(self, state: dict[str, Any]) -> None: ...
    def merge(self, state: dict[str, Any]) -> None: ...
    def __reduce__(self) -> tuple[Any, ...]: ...

@final
class Fixed(Policy):
    def __new__(cls, arm: str) -> Fixed: ...

@final
class Weighted(Policy):
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
class Traffic:
    def __new__(
        cls,
        metric: _Metric,
        baseline: float,
        harm: float,
        *,
        requests: int | None = None,
        budget: float | None = None,
    ) -> Traffic: ...

class _ExpectedRequests(TypedDict):
    share: float
    to_roll_back: int | None
    to_step: int | None

@final
class Canary(Policy):
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
        traffic: Traffic | None = None,
    ) -> Canary: ...
    def expected_requests(
        self, harm: float | Traffic, *, baseline: float | None = None, metric: _Metric | None = None
    ) -> list[_ExpectedRequests]: ...
    @property
    def share(self) -> float: ...
    @property
    def phase(self) -> dict[str, Any]: ...
    @property
    def evidence(self) -> list[dict[str, Any]]: ...
    def freeze(self, reason: str) -> None: ...
    def thaw(self) -> None: ...

@final
class BlueGreen(Policy):
    def __new__(cls, blue: str, green: str, *, bake_time: float | None = None) -> BlueGreen: ...
    @property
    def live(self) -> str: ...
    def switch(self) -> None: ...
    def switch_back(self) -> None: ...

@final
class Shadowed(Policy):
    def __new__(cls, policy: Policy, shadows: Sequence[str], share: float = 1.0) -> Shadowed: ...
    @property
    def policy(self) -> Policy: ...
