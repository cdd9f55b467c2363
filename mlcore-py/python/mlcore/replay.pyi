from collections.abc import Callable, Sequence
from datetime import datetime
from os import PathLike
from typing import Any, Literal, TypedDict, final

from mlcore.drift import Monitor, StreamDetector
from mlcore.rollout import Policy, RewardRule
from mlcore.typing import Plain

_Library = Literal["pandas", "polars", "arrow"]

class _LeftOut(TypedDict):
    without_policy: int
    without_propensity: int
    unknown_arm: int
    other_version: int
    out_of_order: int
    without_unit: int
    early_outcomes: int
    outcomes_without_loss: int

class _Value(TypedDict):
    value: float
    standard_error: float | None
    interval: tuple[float, float] | None
    requests: int
    effective_sample_size: float | None

class _Arm(TypedDict):
    arm: str
    requests: int
    matched: int
    failures: int
    losses: int
    mean_loss: float | None
    value: _Value | None

class _Decision(TypedDict, total=False):
    at: str
    elapsed_seconds: float
    requests: int
    arm_requests: int
    decision: Literal["step", "promote", "roll_back"]
    arm: str
    share: float
    reason: str

class _Reached(TypedDict):
    arm: str
    at: str
    elapsed_seconds: float
    requests: int
    arm_requests: int

class _SharePoint(TypedDict):
    at: str
    requests: int
    shares: list[float]

class _Detection(TypedDict):
    at: str
    delay_seconds: float
    requests: int

class _Judged(TypedDict):
    false_alarms: int
    detection: _Detection | None
    promoted_worse: bool

class _WorseArm(TypedDict):
    arms: list[str]
    by: Literal["truth", "simulated_rewards", "estimated_rewards"]
    requests: int

class _Regret(TypedDict):
    best: str
    per_request: float
    total: float
    is_estimated: bool

class _Alarm(TypedDict):
    at: str
    elapsed_seconds: float
    value: int

class _Window(TypedDict):
    at: str
    first_row: int
    last_row: int
    overall: str
    columns: list[str]

@final
class Truth:
    @staticmethod
    def equal() -> Truth: ...
    @staticmethod
    def worse(arm: str, since: datetime | str) -> Truth: ...
    def __eq__(self, value: object, /) -> bool: ...
    def __ne__(self, value: object, /) -> bool: ...
    __hash__: None  # type: ignore[assignment]

@final
class SimulatedRequest:
    @property
    def number(self) -> int: ...
    @property
    def elapsed(self) -> float: ...
    @property
    def draw(self) -> float: ...
    @property
    def time(self) -> datetime: ...
    @property
    def unit(self) -> str | None: ...
    @property
    def arm(self) -> str: ...
    @property
    def context(self) -> dict[str, Plain]: ...
    @property
    def features(self) -> list[dict[str, Plain]]: ...

@final
class SimulatedAnswer:
    def __new__(
        cls, latency: float, *, failed: bool = False, loss: float | None = None, loss_delay: float = 0.0
    ) -> SimulatedAnswer: ...
    def __eq__(self, value: object, /) -> bool: ...
    def __ne__(self, value: object, /) -> bool: ...
    __hash__: None  # type: ignore[assignment]

@final
class ReplayLog:
    @staticmethod
    def read(
        folder: str | PathLike[str],
        *,
        model: str | None = None,
        since: datetime | str | None = None,
        until: datetime | str | None = None,
        arms: Sequence[str] | None = None,
        versions: Literal["first", "all"] | None = None,
    ) -> ReplayLog: ...
    @property
    def arms(self) -> list[str]: ...
    @property
    def requests(self) -> int: ...
    @property
    def left_out(self) -> _LeftOut: ...
    def replay(
        self,
        policy: Policy,
        *,
        matching: Literal["every", "rejection"] | None = None,
        seed: int = 0,
        decide_interval: float = 1.0,
        reward: RewardRule | None = None,
        truth: Truth | None = None,
        share_points: int = 50,
        alpha: float = 0.05,
    ) -> ReplayReport: ...
    def simulate(
        self,
        policy: Policy,
        function: Callable[[SimulatedRequest, str], SimulatedAnswer],
        *,
        seed: int = 0,
        decide_interval: float = 1.0,
        reward: RewardRule | None = None,
        truth: Truth | None = None,
        share_points: int = 50,
        alpha: float = 0.05,
    ) -> ReplayReport: ...
    def replay_detector(
        self,
        detector: StreamDetector,
        value: Literal["failure", "latency_seconds", "loss", "label"] | None = None,
        *,
        feature: str | None = None,
        arm: str | None = None,
        truth: Truth | None = None,
    ) -> DetectorReport: ...
    def replay_monitor(self, monitor: Monitor, *, truth: Truth | None = None) -> MonitorReport: ...
    def __len__(self) -> int: ...

@final
class ReplayReport:
    @property
    def mode(self) -> Literal["logged_arms", "simulated_arms"]: ...
    @property
    def seed(self) -> int: ...
    @property
    def span(self) -> tuple[datetime, datetime]: ...
    @property
    def requests(self) -> int: ...
    @property
    def matched(self) -> int: ...
    @property
    def effective_sample_size(self) -> float | None: ...
    @property
    def left_out(self) -> _LeftOut: ...
    @property
    def arms(self) -> list[_Arm]: ...
    @property
    def decisions(self) -> list[_Decision]: ...
    @property
    def waits_for(self) -> str: ...
    @property
    def shares(self) -> list[_SharePoint]: ...
    @property
    def promotion(self) -> _Reached | None: ...
    @property
    def rollback(self) -> _Reached | None: ...
    @property
    def judged(self) -> _Judged | None: ...
    @property
    def worse_arm(self) -> _WorseArm | None: ...
    @property
    def value(self) -> _Value | None: ...
    @property
    def regret(self) -> _Regret | None: ...
    def to_dict(self) -> dict[str, Any]: ...
    def to_json(self) -> str: ...
    def arms_frame(self, library: _Library | None = None) -> Any: ...
    def shares_frame(self, library: _Library | None = None) -> Any: ...
    def decisions_frame(self, library: _Library | None = None) -> Any: ...

@final
class DetectorReport:
    @property
    def detector(self) -> str: ...
    @property
    def arm(self) -> str | None: ...
    @property
    def values(self) -> int: ...
    @property
    def ignored(self) -> int: ...
    @property
    def refused(self) -> int: ...
    @property
    def warnings(self) -> int: ...
    @property
    def alarms(self) -> list[_Alarm]: ...
    @property
    def judged(self) -> _Judged | None: ...
    def to_dict(self) -> dict[str, Any]: ...
    def to_json(self) -> str: ...
    def alarms_frame(self, library: _Library | None = None) -> Any: ...

@final
class MonitorReport:
    @property
    def rows(self) -> int: ...
    @property
    def refused(self) -> int: ...
    @property
    def windows(self) -> list[_Window]: ...
    @property
    def judged(self) -> _Judged | None: ...
    def to_dict(self) -> dict[str, Any]: ...
    def to_json(self) -> str: ...
    def windows_frame(self, library: _Library | None = None) -> Any: ...
