from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Union, final

import numpy as np
import numpy.typing as npt

from mlcore.typing import ArrayLike, Table

__all__ = [
    "Bandit",
    "EpsilonGreedy",
    "Exp3",
    "KlUcb",
    "LinGreedy",
    "LinTs",
    "LinUcb",
    "LinearBandit",
    "Softmax",
    "ThompsonBeta",
    "ThompsonGammaPoisson",
    "ThompsonGaussian",
    "TrackAndStop",
    "Ucb1",
    "from_state",
]

class _Policy:
    def to_dict(self) -> dict[str, Any]: ...

@dataclass(frozen=True)
class EpsilonGreedy(_Policy):
    epsilon: float = 0.1
    decay: float = 0.0

@dataclass(frozen=True)
class Ucb1(_Policy):
    alpha: float = 1.0

@dataclass(frozen=True)
class KlUcb(_Policy):
    c: float = 0.0

@dataclass(frozen=True)
class Softmax(_Policy):
    tau: float = 1.0

@dataclass(frozen=True)
class Exp3(_Policy):
    gamma: float

@dataclass(frozen=True)
class ThompsonBeta(_Policy):
    alpha: float = 1.0
    beta: float = 1.0

@dataclass(frozen=True)
class ThompsonGaussian(_Policy):
    mu: float = 0.0
    kappa: float = 1.0
    alpha: float = 1.0
    beta: float = 1.0
    sigma: float | None = None

@dataclass(frozen=True)
class ThompsonGammaPoisson(_Policy):
    shape: float = 1.0
    rate: float = 1.0

@dataclass(frozen=True)
class TrackAndStop(_Policy):
    delta: float = 0.05
    epsilon: float = 0.0
    stopping: Literal["mixture", "confidence_sequence", "glr"] = "mixture"

@dataclass(frozen=True)
class LinUcb(_Policy):
    alpha: float = 1.0

@dataclass(frozen=True)
class LinTs(_Policy):
    alpha: float = 1.0

@dataclass(frozen=True)
class LinGreedy(_Policy):
    epsilon: float = 0.1

_ContextFree = Union[
    EpsilonGreedy, Ucb1, KlUcb, Softmax, Exp3, ThompsonBeta, ThompsonGaussian, ThompsonGammaPoisson, TrackAndStop
]

@final
class Bandit:
    def __new__(
        cls,
        arms: Sequence[str],
        policy: _ContextFree | None = None,
        *,
        half_life: float | None = None,
        window: float | None = None,
        buckets: int = 10,
        min_prob: float = 0.0,
        min_samples: int = 0,
        refresh: float = 0.01,
        reward_range: tuple[float, float] | None = None,
        priors: Mapping[str, tuple[float, float, float]] | None = None,
    ) -> Bandit: ...
    def draw(self, draw: int) -> tuple[str, float]: ...
    def draw_many(self, size: int, seed: int) -> tuple[list[str], npt.NDArray[np.float64]]: ...
    def update(self, arm: str, reward: float, *, propensity: float = 1.0, time: float = 0.0) -> bool: ...
    def update_many(
        self, arms: ArrayLike, rewards: ArrayLike, *, propensities: ArrayLike | None = None, times: ArrayLike | None = None
    ) -> None: ...
    def advance(self, now: float) -> None: ...
    def refresh(self) -> None: ...
    def add_arm(self, arm: str) -> None: ...
    def remove_arm(self, arm: str) -> None: ...
    def forget_arm(self, arm: str) -> None: ...
    @property
    def allocation(self) -> dict[str, float]: ...
    @property
    def scores(self) -> dict[str, float]: ...
    @property
    def statistics(self) -> dict[str, dict[str, float]]: ...
    @property
    def outcomes(self) -> int: ...
    @property
    def winner(self) -> str | None: ...
    def save(self) -> dict[str, Any]: ...
    def merge(self, other: Bandit | dict[str, Any]) -> None: ...
    def __eq__(self, other: object, /) -> bool: ...
    def __ne__(self, other: object, /) -> bool: ...

@final
class LinearBandit:
    def __new__(
        cls,
        arms: Sequence[str],
        policy: LinUcb | LinTs | LinGreedy,
        features: int,
        *,
        l2_lambda: float = 1.0,
        min_prob: float = 0.0,
        refresh: float = 0.01,
    ) -> LinearBandit: ...
    def draw(self, context: ArrayLike, draw: int) -> tuple[str, float]: ...
    def probabilities(self, context: ArrayLike) -> dict[str, float]: ...
    def scores(self, context: ArrayLike) -> dict[str, float]: ...
    def update(self, arm: str, context: ArrayLike, reward: float) -> bool: ...
    def update_many(self, arms: ArrayLike, contexts: Table, rewards: ArrayLike) -> None: ...
    def refresh(self) -> None: ...
    def add_arm(self, arm: str) -> None: ...
    def remove_arm(self, arm: str) -> None: ...
    @property
    def outcomes(self) -> int: ...
    def save(self) -> dict[str, Any]: ...
    def merge(self, other: LinearBandit | dict[str, Any]) -> None: ...
    def __eq__(self, other: object, /) -> bool: ...
    def __ne__(self, other: object, /) -> bool: ...

def from_state(state: dict[str, Any]) -> Bandit | LinearBandit: ...
