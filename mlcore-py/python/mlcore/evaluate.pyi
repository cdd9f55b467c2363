from typing import Any, final

from mlcore.typing import ArrayLike

@final
class GateCheck:
    @property
    def metric(self) -> str: ...
    @property
    def champion(self) -> float | None: ...
    @property
    def challenger(self) -> float | None: ...
    @property
    def difference(self) -> float | None: ...
    @property
    def interval(self) -> tuple[float, float] | None: ...
    @property
    def margin(self) -> float | None: ...
    @property
    def passed(self) -> bool: ...
    @property
    def sentence(self) -> str: ...

@final
class GateVerdict:
    @property
    def passed(self) -> bool: ...
    @property
    def checks(self) -> list[GateCheck]: ...
    def to_dict(self) -> dict[str, Any]: ...

@final
class Gate:
    def __new__(
        cls, *, alpha: float | None = None, min_samples: int | None = None, min_per_class: int | None = None
    ) -> Gate: ...
    def require(
        self,
        metric: str,
        *,
        at_least: float | None = None,
        at_most: float | None = None,
        non_inferior: float | None = None,
        superior: float | None = None,
        threshold: float = 0.5,
    ) -> Gate: ...
    @staticmethod
    def metrics() -> list[str]: ...
    def require_latency(self, budget: float, quantile: float = 0.99) -> Gate: ...
    def judge(
        self,
        y_true: ArrayLike,
        challenger: ArrayLike,
        champion: ArrayLike | None = None,
        *,
        challenger_latencies: ArrayLike | None = None,
        champion_latencies: ArrayLike | None = None,
    ) -> GateVerdict: ...
    def to_json(self) -> str: ...
    @staticmethod
    def from_json(json: str) -> Gate: ...
