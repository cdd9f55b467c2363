"""The stream detectors of river, under its names, with its parameters, defaults and detections."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from mlcore.drift import StreamDetector

__all__ = ["ADWIN", "DDM", "EDDM", "FHDDM", "HDDMA", "HDDMW", "KSWIN", "PageHinkley"]


class ADWIN(StreamDetector):
    """Adaptive windowing (Bifet and Gavalda 2007), as ``river.drift.ADWIN``: watches the mean of numbers.

    Parameters
    ----------
    delta : float
        The confidence of a cut: smaller is more careful.
    clock : int
        How many values lie between two checks.
    max_buckets : int
        How many buckets of each size there are at most.
    min_window_length : int
        The fewest values on either side of a cut.
    grace_period : int
        Nothing is checked while the window has no more values than these.

    Attributes
    ----------
    width (float)
        How many values the window holds.
    total (float)
        Their sum.
    estimation (float)
        Their mean.
    variance (float)
        The sum of their squared deviations, which is what river calls so.
    variance_in_window (float)
        That by the width.

    Examples
    --------
    >>> from mlcore.drift import ADWIN
    >>> adwin = ADWIN()
    >>> adwin.update_many([0.0, 1.0] * 500 + [5.0, 6.0] * 500)
    array([1023])
    >>> adwin.width < 1000, round(adwin.estimation, 1)
    (True, 5.5)
    """

    delta: float
    clock: int
    max_buckets: int
    min_window_length: int
    grace_period: int
    width: float
    total: float
    estimation: float
    variance: float
    variance_in_window: float

    def __new__(cls, delta: float = 0.002, clock: int = 32, max_buckets: int = 5, min_window_length: int = 5, grace_period: int = 10) -> ADWIN:
        return super().__new__(cls, "adwin", delta=delta, clock=clock, max_buckets=max_buckets, min_window_length=min_window_length, grace_period=grace_period)


class PageHinkley(StreamDetector):
    """The Page-Hinkley test, as ``river.drift.PageHinkley``: watches the mean of numbers of a known scale; no rate is promised.

    Parameters
    ----------
    min_instances : int
        Nothing is told before so many values.
    delta : float
        The change of the mean that is tolerated.
    threshold : float
        How far the sum of deviations may move.
    alpha : float
        What is left of the sum after each value.
    mode : {"up", "down", "both"}
        The direction of the changes that count.

    Examples
    --------
    >>> from mlcore.drift import PageHinkley
    >>> PageHinkley(threshold=10).update_many([0.0] * 200 + [1.0] * 100)
    array([210])
    """

    min_instances: int
    delta: float
    threshold: float
    alpha: float
    mode: Literal["up", "down", "both"]

    def __new__(
        cls,
        min_instances: int = 30,
        delta: float = 0.005,
        threshold: float = 50.0,
        alpha: float = 1 - 0.0001,
        mode: Literal["up", "down", "both"] = "both",
    ) -> PageHinkley:
        return super().__new__(cls, "page_hinkley", min_instances=min_instances, delta=delta, threshold=threshold, alpha=alpha, mode=mode)


class KSWIN(StreamDetector):
    """Kolmogorov-Smirnov windowing, as ``river.drift.KSWIN``: watches the distribution of numbers, with a test after every value.

    Parameters
    ----------
    alpha : float
        The largest p-value that is told; the rate of one test, of which there is one a value.
    window_size : int
        How many values the window holds.
    stat_size : int
        How many of the latest values are compared with as many others; at most half the window.
    seed : int, optional
        The seed of the draws, which are those of ``random.Random(seed)``. Without one it is 0.
    window : Sequence[float], optional
        Values that were collected before, the last of which fill the window.

    Attributes
    ----------
    p_value (float)
        The p-value of the latest test.

    Examples
    --------
    >>> from mlcore.drift import KSWIN
    >>> int(KSWIN(alpha=0.0001, seed=42).update_many([i % 10 for i in range(200)] + [9 + i % 10 for i in range(60)])[0]) < 225
    True
    """

    alpha: float
    window_size: int
    stat_size: int
    seed: int | None
    window: Sequence[float] | None
    p_value: float

    def __new__(cls, alpha: float = 0.005, window_size: int = 100, stat_size: int = 30, seed: int | None = None, window: Sequence[float] | None = None) -> KSWIN:
        collected = [] if window is None else [float(value) for value in window]
        seed = None if seed is None else abs(seed)
        return super().__new__(cls, "kswin", alpha=alpha, window_size=window_size, stat_size=stat_size, seed=seed, window=collected)


class DDM(StreamDetector):
    """The drift detection method, as ``river.drift.binary.DDM``: watches an error rate, 1 is an error; no rate is promised.

    Parameters
    ----------
    warm_start : int
        Nothing is told before more values than these.
    warning_threshold : float
        How many standard deviations above the minimum a warning is.
    drift_threshold : float
        How many standard deviations above the minimum a change is.

    Examples
    --------
    >>> from mlcore.drift import DDM
    >>> ddm = DDM()
    >>> found = ddm.update_many([i % 10 == 0 for i in range(500)] + [i % 2 == 0 for i in range(100)])
    >>> len(found), 500 <= int(found[0]) < 560
    (1, True)
    """

    warm_start: int
    warning_threshold: float
    drift_threshold: float

    def __new__(cls, warm_start: int = 30, warning_threshold: float = 2.0, drift_threshold: float = 3.0) -> DDM:
        return super().__new__(cls, "ddm", warm_start=warm_start, warning_threshold=warning_threshold, drift_threshold=drift_threshold)


class EDDM(StreamDetector):
    """The early drift detection method, as ``river.drift.binary.EDDM``: watches the distance of errors; no rate is promised.

    Parameters
    ----------
    warm_start : int
        Nothing is told before more values, and more errors, than these.
    alpha : float
        The share of the largest distance below which a warning is told.
    beta : float
        The share of the largest distance below which a change is told.

    Examples
    --------
    >>> from mlcore.drift import EDDM
    >>> found = EDDM().update_many([i % 20 == 19 for i in range(1000)] + [i % 4 == 3 for i in range(500)])
    >>> 1000 <= int(found[0]) < 1300
    True
    """

    warm_start: int
    alpha: float
    beta: float

    def __new__(cls, warm_start: int = 30, alpha: float = 0.95, beta: float = 0.9) -> EDDM:
        return super().__new__(cls, "eddm", warm_start=warm_start, alpha=alpha, beta=beta)


class HDDMA(StreamDetector):
    """HDDM with averages (Hoeffding), as ``river.drift.binary.HDDMA``: watches the mean of numbers from 0 to 1.

    Parameters
    ----------
    drift_confidence : float
        The probability of a chance excess that is told as a change.
    warning_confidence : float
        The probability of a chance excess that is told as a warning.
    two_sided_test : bool
        Whether decreases count, too.

    Examples
    --------
    >>> from mlcore.drift import HDDMA
    >>> 500 <= int(HDDMA().update_many([i % 10 == 0 for i in range(500)] + [True] * 50)[0]) < 520
    True
    """

    drift_confidence: float
    warning_confidence: float
    two_sided_test: bool

    def __new__(cls, drift_confidence: float = 0.001, warning_confidence: float = 0.005, two_sided_test: bool = False) -> HDDMA:
        return super().__new__(cls, "hddm_a", drift_confidence=drift_confidence, warning_confidence=warning_confidence, two_sided_test=two_sided_test)


class HDDMW(StreamDetector):
    """HDDM with weighted averages (McDiarmid), as ``river.drift.binary.HDDMW``: watches the recent mean of numbers from 0 to 1.

    Parameters
    ----------
    drift_confidence : float
        The probability of a chance excess that is told as a change.
    warning_confidence : float
        The probability of a chance excess that is told as a warning.
    lambda_val : float
        The weight of the latest value: larger forgets sooner.
    two_sided_test : bool
        Whether decreases count, too.

    Examples
    --------
    >>> from mlcore.drift import HDDMW
    >>> 500 <= int(HDDMW().update_many([i % 10 == 0 for i in range(500)] + [True] * 50)[0]) < 520
    True
    """

    drift_confidence: float
    warning_confidence: float
    lambda_val: float
    two_sided_test: bool

    def __new__(cls, drift_confidence: float = 0.001, warning_confidence: float = 0.005, lambda_val: float = 0.05, two_sided_test: bool = False) -> HDDMW:
        return super().__new__(cls, "hddm_w", drift_confidence=drift_confidence, warning_confidence=warning_confidence, lambda_val=lambda_val, two_sided_test=two_sided_test)


class FHDDM(StreamDetector):
    """The fast Hoeffding method, as ``river.drift.binary.FHDDM``: watches the share of right answers, 1 is right, for a fall.

    Parameters
    ----------
    sliding_window_size : int
        How many values the window holds.
    confidence_level : float
        The probability of a chance fall: smaller is more careful.
    short_window_size : int, optional
        How many values the short window holds, where there is one.

    Examples
    --------
    >>> from mlcore.drift import FHDDM
    >>> FHDDM().update_many([True] * 500 + [True, False] * 50)
    array([553])
    """

    sliding_window_size: int
    confidence_level: float
    short_window_size: int | None

    def __new__(cls, sliding_window_size: int = 100, confidence_level: float = 1e-06, short_window_size: int | None = None) -> FHDDM:
        return super().__new__(cls, "fhddm", sliding_window_size=sliding_window_size, confidence_level=confidence_level, short_window_size=short_window_size)
