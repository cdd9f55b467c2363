from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from os import PathLike
from typing import Any, Literal, final

import numpy.typing as npt

from mlcore.drift import MonitorReference, Verdict, WindowCounts
from mlcore.features import CustomTransformer
from mlcore.registry import Registry
from mlcore.rollout import Policy
from mlcore.runner import Probe
from mlcore.signing import KeyRing
from mlcore.typing import ArrayLike, Plain, Row, Table

_Outputs = dict[str, npt.NDArray[Any]]
_Loss = Literal["log_loss", "squared_error", "absolute_error", "zero_one"] | Callable[[_Outputs, float], float]

@final
class Prediction:
    @property
    def outputs(self) -> _Outputs: ...
    @property
    def version(self) -> int: ...
    @property
    def arm(self) -> str: ...
    @property
    def propensity(self) -> float: ...
    @property
    def outcome_id(self) -> str: ...
    @property
    def rows(self) -> int: ...

@final
class Event:
    @property
    def at(self) -> datetime: ...
    @property
    def kind(
        self,
    ) -> Literal[
        "deployed",
        "withdrawn",
        "stepped",
        "promoted",
        "rolled_back",
        "held",
        "trial_ended",
        "renewed",
        "failed",
        "invalid_answers",
        "refused_outcomes",
        "panicked",
        "dropped",
        "unmonitored",
        "judged",
    ]: ...
    @property
    def message(self) -> str: ...
    @property
    def verdict(self) -> Verdict | None: ...
    def to_dict(self) -> dict[str, Any]: ...

@final
class Worker:
    def __enter__(self) -> Worker: ...
    def __exit__(self, *_exception: object) -> None: ...
    @property
    def alive(self) -> bool: ...

@final
class Endpoint:
    def __new__(
        cls,
        registry: Registry,
        model: str,
        *,
        default_arm: str | None = None,
        arms: Sequence[str] | None = None,
        policy: Policy | None = None,
        reference: Table | None = None,
        monitor_options: Mapping[str, Any] | None = None,
        loss: _Loss | None = None,
        timeout: float | None = None,
        actor: str | None = None,
        queue_capacity: int | None = None,
        open_predictions: int | None = None,
        seed: int | None = None,
        follow_interval: float | None = 1.0,
        snapshot: str | PathLike[str] | None = None,
        strict: bool = False,
        probe: Probe | None = None,
        fleet_counts: bool = False,
        trust: KeyRing | None = None,
        functions: Sequence[type[CustomTransformer] | CustomTransformer] | None = None,
    ) -> Endpoint: ...
    @property
    def model(self) -> str: ...
    @property
    def arms(self) -> dict[str, int]: ...
    def predict(
        self,
        data: Row | Table | Mapping[str, ArrayLike],
        unit: str,
        request_id: str | None = None,
        *,
        context: Mapping[str, Plain] | None = None,
        features: ArrayLike | None = None,
    ) -> Prediction: ...
    def report_outcome(self, id: str | Prediction, label: float) -> None: ...
    def report_outcomes(self, id: str | Prediction, labels: ArrayLike) -> None: ...
    def report_outcome_of_row(self, id: str | Prediction, row: int, label: float) -> None: ...
    def process(self) -> list[Event]: ...
    def run_shadows(self) -> int: ...
    def set_policy(self, policy: Policy) -> list[Event]: ...
    def refresh(self) -> list[Event]: ...
    def counts(self) -> dict[str, int]: ...
    def since_processed(self) -> float: ...
    def latency_quantile(self, q: float) -> float: ...
    def shadows(self) -> list[dict[str, Any]]: ...
    def judge_now(self) -> list[Verdict]: ...
    def take_counts(self) -> WindowCounts | None: ...
    def put_back_counts(self, counts: WindowCounts) -> bool: ...
    def monitor_reference(self) -> MonitorReference | None: ...
    def _repr_html_(self) -> str | None: ...
    def worker(self, interval: float = 0.1, on_event: Callable[[Event], object] | None = None) -> Worker: ...
