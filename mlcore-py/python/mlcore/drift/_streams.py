"""Stream detectors: those of frouros that river lacks, conformal martingales, and the watch of one number."""

from __future__ import annotations

from typing import Literal

from mlcore.drift import StreamDetector, _baseline
from mlcore.typing import ArrayLike

__all__ = ["BOCD", "CUSUM", "ConformalMartingale", "ECDDWT", "GeometricMovingAverage", "RDDM", "STEPD", "Watch"]


class CUSUM(StreamDetector):
    """The cumulative sum of deviations (Page 1954), as frouros' ``CUSUM``: watches numbers of a known scale for increases.

    Parameters
    ----------
    delta : float
        The deviation that is tolerated.
    lambda_ : float
        How large the sum may become.
    min_num_instances : int
        Nothing is told before so many values.
    restart : bool
        Whether the value after a detection begins a new stream; ``False`` as in frouros, where somebody resets it.

    Examples
    --------
    >>> from mlcore.drift import CUSUM
    >>> CUSUM(lambda_=5.0).update_many([0.0] * 200 + [1.0] * 20)
    array([205])
    """

    delta: float
    lambda_: float
    min_num_instances: int
    restart: bool

    def __new__(cls, delta: float = 0.005, lambda_: float = 50.0, min_num_instances: int = 30, restart: bool = True) -> CUSUM:
        return super().__new__(cls, "cusum", delta=delta, lambda_=lambda_, min_num_instances=min_num_instances, restart=restart)


class GeometricMovingAverage(StreamDetector):
    """The weighted average of deviations (Roberts 1959), as frouros' class: watches numbers of a known scale for increases.

    Parameters
    ----------
    alpha : float
        What is left of the average after each value.
    lambda_ : float
        How large the average may become.
    min_num_instances : int
        Nothing is told before so many values.
    restart : bool
        Whether the value after a detection begins a new stream; ``False`` as in frouros, where somebody resets it.

    Examples
    --------
    >>> from mlcore.drift import GeometricMovingAverage
    >>> GeometricMovingAverage(lambda_=0.2).update_many([0.0] * 200 + [1.0] * 50)
    array([223])
    """

    alpha: float
    lambda_: float
    min_num_instances: int
    restart: bool

    def __new__(cls, alpha: float = 0.99, lambda_: float = 1.0, min_num_instances: int = 30, restart: bool = True) -> GeometricMovingAverage:
        return super().__new__(cls, "geometric_moving_average", alpha=alpha, lambda_=lambda_, min_num_instances=min_num_instances, restart=restart)


class STEPD(StreamDetector):
    """The test of equal proportions (Nishida and Yamauchi 2007), as frouros' ``STEPD``: watches the share of right answers, 1 is right.

    Parameters
    ----------
    alpha_d : float
        The p-value below which a change is told.
    alpha_w : float
        The p-value below which a warning is told.
    min_num_instances : int
        How many values the window holds; nothing is told before twice as many.
    absolute : bool
        Whether the sign of the corrected difference is dropped, as in frouros, which tells streams of ones alone as changed.
    restart : bool
        Whether the value after a detection begins a new stream; ``False`` as in frouros, where somebody resets it.

    Examples
    --------
    >>> from mlcore.drift import STEPD
    >>> 500 <= int(STEPD(absolute=False).update_many([i % 5 > 0 for i in range(500)] + [False] * 20)[0]) < 515
    True
    """

    alpha_d: float
    alpha_w: float
    min_num_instances: int
    absolute: bool
    restart: bool

    def __new__(cls, alpha_d: float = 0.003, alpha_w: float = 0.05, min_num_instances: int = 30, absolute: bool = True, restart: bool = True) -> STEPD:
        return super().__new__(cls, "stepd", alpha_d=alpha_d, alpha_w=alpha_w, min_num_instances=min_num_instances, absolute=absolute, restart=restart)


class RDDM(StreamDetector):
    """The reactive drift detection method (Barros and others 2017), as frouros' ``RDDM``: watches an error rate, 1 is an error.

    Parameters
    ----------
    warning_level : float
        How many standard deviations above the minimum a warning is.
    drift_level : float
        How many standard deviations above the minimum a change is.
    max_concept_size : int
        After so many values without a warning the oldest are forgotten.
    min_concept_size : int
        How many values are remembered.
    max_num_instances_warning : int
        So many warnings in a row are a change.
    min_num_instances : int
        Nothing is told before so many values.

    Examples
    --------
    >>> from mlcore.drift import RDDM
    >>> 500 <= int(RDDM().update_many([i % 10 == 0 for i in range(500)] + [True] * 50)[0]) < 520
    True
    """

    warning_level: float
    drift_level: float
    max_concept_size: int
    min_concept_size: int
    max_num_instances_warning: int
    min_num_instances: int

    def __new__(
        cls,
        warning_level: float = 1.773,
        drift_level: float = 2.258,
        max_concept_size: int = 40000,
        min_concept_size: int = 7000,
        max_num_instances_warning: int = 1400,
        min_num_instances: int = 129,
    ) -> RDDM:
        return super().__new__(cls, "rddm", warning_level=warning_level, drift_level=drift_level, max_concept_size=max_concept_size, min_concept_size=min_concept_size, max_num_instances_warning=max_num_instances_warning, min_num_instances=min_num_instances)


class ECDDWT(StreamDetector):
    """Weighted averages with control limits (Ross and others 2012), as frouros' ``ECDDWT``: watches an error rate below 0.5.

    Parameters
    ----------
    lambda_ : float
        The weight of the latest value.
    average_run_length : {100, 400, 1000}
        How many unchanged values lie between two false alarms.
    warning_level : float
        The share of the limit at which a warning is told.
    min_num_instances : int
        Nothing is told before so many values.
    restart : bool
        Whether the value after a detection begins a new stream; ``False`` as in frouros, where somebody resets it.

    Examples
    --------
    >>> from mlcore.drift import ECDDWT
    >>> 500 <= int(ECDDWT().update_many([i % 10 == 0 for i in range(500)] + [True] * 50)[0]) < 505
    True
    """

    lambda_: float
    average_run_length: Literal[100, 400, 1000]
    warning_level: float
    min_num_instances: int
    restart: bool

    def __new__(
        cls,
        lambda_: float = 0.2,
        average_run_length: Literal[100, 400, 1000] = 400,
        warning_level: float = 0.5,
        min_num_instances: int = 30,
        restart: bool = True,
    ) -> ECDDWT:
        return super().__new__(cls, "ecdd", lambda_=lambda_, average_run_length=average_run_length, warning_level=warning_level, min_num_instances=min_num_instances, restart=restart)


class BOCD(StreamDetector):
    """Bayesian online change point detection (Adams and MacKay 2007), as frouros' ``BOCD``: watches the mean of normal numbers.

    Parameters
    ----------
    prior_mean : float
        The mean of the mean, before anything is known.
    prior_var : float
        The variance of the mean, before anything is known.
    data_var : float
        The variance of a value around the mean.
    hazard : float
        The probability that the mean changes before the next value.
    min_num_instances : int
        Nothing is told before so many values.
    max_run_lengths : int
        How many run lengths are kept.
    restart : bool
        Whether the value after a detection begins a new stream; ``False`` as in frouros, where somebody resets it.

    Attributes
    ----------
    run_length (float)
        The most probable number of values since the last change.
    mean (float)
        The mean that is believed since then.

    Examples
    --------
    >>> from mlcore.drift import BOCD
    >>> int(BOCD(data_var=0.04).update_many([0.0, 0.1, 0.2] * 34 + [1.0, 1.1] * 20)[0]) < 108
    True
    """

    prior_mean: float
    prior_var: float
    data_var: float
    hazard: float
    min_num_instances: int
    max_run_lengths: int
    restart: bool
    run_length: float
    mean: float

    def __new__(
        cls,
        prior_mean: float = 0.0,
        prior_var: float = 1.0,
        data_var: float = 1.0,
        hazard: float = 0.01,
        min_num_instances: int = 30,
        max_run_lengths: int = 256,
        restart: bool = True,
    ) -> BOCD:
        return super().__new__(cls, "bocd", prior_mean=prior_mean, prior_var=prior_var, data_var=data_var, hazard=hazard, min_num_instances=min_num_instances, max_run_lengths=max_run_lengths, restart=restart)


class ConformalMartingale(StreamDetector):
    """A conformal test martingale (Vovk): watches whether values could stand in any order, whatever their distribution.

    Parameters
    ----------
    alpha : float
        The probability of ever telling a change that is none, from a start or a detection on.
    strangeness : {"far", "high", "low"}
        Whether values far from the median, large ones or small ones are strange.
    betting : {"power", "mixture", "plug_in"}
        The rule of the bets on p-values.
    epsilon : float
        The exponent of the bet ``power``.
    memory : int
        How many earlier values are kept.
    seed : int
        The seed of the random numbers that break ties.

    Attributes
    ----------
    log_martingale (float)
        The logarithm of the money: 0 at the beginning, negative where nothing happens.
    p_value (float)
        The conformal p-value of the latest value.

    Examples
    --------
    >>> from mlcore.drift import ConformalMartingale
    >>> martingale = ConformalMartingale()
    >>> found = martingale.update_many([i * 37 % 100 for i in range(300)] + [i * 37 % 100 + 300 for i in range(100)])
    >>> 300 <= int(found[0]) < 340
    True
    """

    alpha: float
    strangeness: Literal["far", "high", "low"]
    betting: Literal["power", "mixture", "plug_in"]
    epsilon: float
    memory: int
    seed: int
    log_martingale: float
    p_value: float

    def __new__(
        cls,
        alpha: float = 0.01,
        strangeness: Literal["far", "high", "low"] = "far",
        betting: Literal["power", "mixture", "plug_in"] = "mixture",
        epsilon: float = 0.92,
        memory: int = 1000,
        seed: int = 0,
    ) -> ConformalMartingale:
        return super().__new__(cls, "conformal_martingale", alpha=alpha, strangeness=strangeness, betting=betting, epsilon=epsilon, memory=memory, seed=seed)


class Watch(StreamDetector):
    """Watches one bounded number against its baseline, with false alarms per time that are stated and hold for every distribution.

    Parameters
    ----------
    baseline : float | tuple[float, float]
        The mean while all is well, or the interval in which it lies: see :meth:`baseline_of`.
    direction : {"up", "down", "either"}
        The changes that count.
    delta : float
        The smallest change that matters.
    low : float
        No value is below it.
    high : float
        No value is above it.
    one_false_alarm_in : float, optional
        On average at most one false alarm in so many values. Default: 10,000, unless a probability is given.
    false_alarm_probability : float, optional
        A false alarm with at most this probability, ever, from a start or an alarm on.

    Attributes
    ----------
    mean (float)
        The mean of all values since the start or the last alarm.
    evidence (float)
        How near an alarm is: 1 and more is one.

    Examples
    --------
    >>> from mlcore.drift import Watch
    >>> approvals = Watch(0.9, direction="down", one_false_alarm_in=100_000)
    >>> approvals.update_many([i % 10 > 0 for i in range(5000)])
    array([], dtype=int64)
    >>> len(approvals.update_many([i % 10 > 2 for i in range(200)])) > 0
    True
    """

    baseline: float | tuple[float, float]
    direction: Literal["up", "down", "either"]
    delta: float
    low: float
    high: float
    one_false_alarm_in: float | None
    false_alarm_probability: float | None
    mean: float
    evidence: float

    def __new__(
        cls,
        baseline: float | tuple[float, float],
        direction: Literal["up", "down", "either"] = "either",
        delta: float = 0.05,
        low: float = 0.0,
        high: float = 1.0,
        one_false_alarm_in: float | None = None,
        false_alarm_probability: float | None = None,
    ) -> Watch:
        interval = [float(baseline), float(baseline)] if isinstance(baseline, (int, float)) else [float(end) for end in baseline]
        budget = {"one_false_alarm_in": one_false_alarm_in, "false_alarm_probability": false_alarm_probability}
        return super().__new__(cls, "watch", baseline=interval, direction=direction, delta=delta, low=low, high=high, **budget)

    @staticmethod
    def baseline_of(values: ArrayLike, low: float = 0.0, high: float = 1.0, confidence: float = 0.99) -> tuple[float, float]:
        """The interval in which the mean of such values lies with this confidence, whatever their distribution.

        Examples
        --------
        >>> from mlcore.drift import Watch
        >>> [round(end, 3) for end in Watch.baseline_of([i % 10 > 0 for i in range(1000)])]
        [0.873, 0.923]
        """
        return _baseline(values, low, high, confidence)
