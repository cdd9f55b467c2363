"""Bandits: arms that are shared out by what they earned, with exact propensities and states that merge.

Names, parameters and defaults are those of mabwiser, river and TensorZero.

>>> from mlcore.bandit import Bandit, Softmax
>>> bandit = Bandit(["a", "b"], Softmax(tau=0.5), refresh=0.0)
>>> bandit.update("a", 1.0)
True
>>> bandit.draw(0)
('a', 0.880797077977882...)
"""

from dataclasses import dataclass, fields

from mlcore._mlcore.bandit import *
from mlcore._mlcore.bandit import __all__ as _native

__all__ = [
    *_native,
    "EpsilonGreedy",
    "Exp3",
    "KlUcb",
    "LinGreedy",
    "LinTs",
    "LinUcb",
    "Softmax",
    "ThompsonBeta",
    "ThompsonGammaPoisson",
    "ThompsonGaussian",
    "TrackAndStop",
    "Ucb1",
]


class _Policy:
    """What all policies are: a name, and parameters that the bandit checks."""

    def to_dict(self):
        """The name of the policy, and its parameters, as Rust reads them."""
        parameters = {field.name: getattr(self, field.name) for field in fields(self)}
        return {"policy": self._NAME, **{name: value for name, value in parameters.items() if value is not None}}


@dataclass(frozen=True)
class EpsilonGreedy(_Policy):
    """The best arm, and any arm for a share ``epsilon`` of the draws, which falls as ``exp(-decay * outcomes)``.

    Examples
    --------
    >>> from mlcore.bandit import Bandit, EpsilonGreedy
    >>> Bandit(["a", "b"], EpsilonGreedy(0.2)).allocation
    {'a': 0.5, 'b': 0.5}
    """

    epsilon: float = 0.1
    decay: float = 0.0
    _NAME = "epsilon_greedy"


@dataclass(frozen=True)
class Ucb1(_Policy):
    """The arm whose upper confidence bound is the highest; ``alpha`` is how much it explores.

    Examples
    --------
    >>> from mlcore.bandit import Ucb1
    >>> Ucb1().alpha
    1.0
    """

    alpha: float = 1.0
    _NAME = "ucb1"


@dataclass(frozen=True)
class KlUcb(_Policy):
    """The arm whose upper bound by Bernoulli's divergence is the highest, of rewards from 0 to 1.

    Examples
    --------
    >>> from mlcore.bandit import KlUcb
    >>> KlUcb().c
    0.0
    """

    c: float = 0.0
    _NAME = "kl_ucb"


@dataclass(frozen=True)
class Softmax(_Policy):
    """Arms by their means, in the manner of Boltzmann; ``tau`` is the temperature.

    Examples
    --------
    >>> from mlcore.bandit import Softmax
    >>> Softmax().tau
    1.0
    """

    tau: float = 1.0
    _NAME = "softmax"


@dataclass(frozen=True)
class Exp3(_Policy):
    """Weights that hold against an adversary, of rewards from 0 to 1; ``gamma`` is the share that explores.

    Examples
    --------
    >>> from mlcore.bandit import Exp3
    >>> Exp3(0.1)
    Exp3(gamma=0.1)
    """

    gamma: float
    _NAME = "exp3"


@dataclass(frozen=True)
class ThompsonBeta(_Policy):
    """Arms by the probability that they are the best, of rewards from 0 to 1; the prior is ``Beta(alpha, beta)``.

    Examples
    --------
    >>> from mlcore.bandit import ThompsonBeta
    >>> ThompsonBeta()
    ThompsonBeta(alpha=1.0, beta=1.0)
    """

    alpha: float = 1.0
    beta: float = 1.0
    _NAME = "thompson_beta"


@dataclass(frozen=True)
class ThompsonGaussian(_Policy):
    """The same of rewards that are any numbers; the prior is normal and inverse gamma, or normal where ``sigma`` is known.

    Examples
    --------
    >>> from mlcore.bandit import ThompsonGaussian
    >>> ThompsonGaussian(sigma=2.0).kappa
    1.0
    """

    mu: float = 0.0
    kappa: float = 1.0
    alpha: float = 1.0
    beta: float = 1.0
    sigma: "float | None" = None
    _NAME = "thompson_gaussian"


@dataclass(frozen=True)
class ThompsonGammaPoisson(_Policy):
    """The same of counts; the prior is ``Gamma(shape, rate)``.

    Examples
    --------
    >>> from mlcore.bandit import ThompsonGammaPoisson
    >>> ThompsonGammaPoisson().rate
    1.0
    """

    shape: float = 1.0
    rate: float = 1.0
    _NAME = "thompson_gamma_poisson"


@dataclass(frozen=True)
class TrackAndStop(_Policy):
    """Finds the best arm, with a probability of at most ``delta`` that it is another, by the fewest outcomes.

    An arm within ``epsilon`` of the best counts as it. The winner is kept, and answers all requests. It wants a ``min_prob`` of the
    bandit above 0. ``stopping`` is ``mixture``, for rewards from 0 to 1, or, for any rewards, ``confidence_sequence`` or ``glr``.

    Examples
    --------
    >>> from mlcore.bandit import Bandit, TrackAndStop
    >>> bandit = Bandit(["a", "b"], TrackAndStop(), min_prob=0.05)
    >>> bandit.update_many(["a", "b"] * 500, [1.0, 0.0, 0.0, 0.0] * 250)
    >>> bandit.winner
    'a'
    """

    delta: float = 0.05
    epsilon: float = 0.0
    stopping: str = "mixture"
    _NAME = "track_and_stop"


@dataclass(frozen=True)
class LinUcb(_Policy):
    """With a context, the arm whose upper confidence bound is the highest.

    Examples
    --------
    >>> from mlcore.bandit import LinUcb
    >>> LinUcb().alpha
    1.0
    """

    alpha: float = 1.0
    _NAME = "lin_ucb"


@dataclass(frozen=True)
class LinTs(_Policy):
    """With a context, arms by the probability that they are the best.

    Examples
    --------
    >>> from mlcore.bandit import LinTs
    >>> LinTs().alpha
    1.0
    """

    alpha: float = 1.0
    _NAME = "lin_ts"


@dataclass(frozen=True)
class LinGreedy(_Policy):
    """With a context, the best arm, and any arm for a share ``epsilon`` of the requests.

    Examples
    --------
    >>> from mlcore.bandit import LinGreedy
    >>> LinGreedy().epsilon
    0.1
    """

    epsilon: float = 0.1
    _NAME = "lin_greedy"
