from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypedDict, final

from mlcore.typing import ArrayLike, Table

__all__ = [
    "AlwaysValid",
    "BayesianEffect",
    "BetaBinomial",
    "BettingSequence",
    "Effect",
    "EmpiricalBernstein",
    "Estimate",
    "Experiment",
    "Metric",
    "Report",
    "SequentialSrm",
    "analyse",
    "arm_names",
    "bayesian_compare",
    "carry_over",
    "compare",
    "cuped",
    "group_sequential_bounds",
    "heterogeneity",
    "interference",
    "minimum_detectable_effect",
    "novelty",
    "power",
    "power_proportions_2indep",
    "proportion_effectsize",
    "rank_compare_2indep",
    "regression_adjusted",
    "required_sample_size",
    "sample_size",
    "samplesize_proportions_2indep_onetail",
    "srm_test",
    "tt_ind_solve_power",
    "zt_ind_solve_power",
]

_Alternative = Literal["two-sided", "less", "greater"]
_PowerAlternative = Literal["two-sided", "larger", "smaller", "greater", "less"]
_Difference = Literal["relative", "absolute"]
_Inference = Literal["welch", "normal", "sequential", "mixture"]
_Direction = Literal["increase", "decrease"]

class _Trend(TypedDict):
    days: int
    slope: float
    intercept: float
    standard_error: float
    pvalue: float

@final
class Estimate:
    def __new__(cls, count: int, mean: float, variance: float) -> Estimate: ...
    @staticmethod
    def of_mean(values: ArrayLike, weights: ArrayLike | None = None) -> Estimate: ...
    @staticmethod
    def of_proportion(successes: int, count: int) -> Estimate: ...
    @staticmethod
    def of_ratio(numerator: ArrayLike, denominator: ArrayLike) -> Estimate: ...
    @staticmethod
    def of_clusters(values: ArrayLike, clusters: ArrayLike) -> Estimate: ...
    @staticmethod
    def of_quantile(values: ArrayLike, nu: float, *, variance_floor: float | None = None) -> Estimate: ...
    @property
    def count(self) -> int: ...
    @property
    def mean(self) -> float: ...
    @property
    def unadjusted_mean(self) -> float: ...
    @property
    def variance(self) -> float: ...
    @property
    def standard_error(self) -> float: ...
    def __eq__(self, other: object, /) -> bool: ...
    def __ne__(self, other: object, /) -> bool: ...

@final
class Effect:
    @property
    def difference(self) -> _Difference: ...
    @property
    def estimate(self) -> float: ...
    @property
    def standard_error(self) -> float: ...
    @property
    def low(self) -> float: ...
    @property
    def high(self) -> float: ...
    @property
    def pvalue(self) -> float: ...
    @property
    def df(self) -> float: ...
    def scaled(self, count: int, traffic_proportion: float, phase_length_days: float) -> Effect: ...
    def __eq__(self, other: object, /) -> bool: ...
    def __ne__(self, other: object, /) -> bool: ...

@final
class BayesianEffect:
    @property
    def estimate(self) -> float: ...
    @property
    def standard_deviation(self) -> float: ...
    @property
    def low(self) -> float: ...
    @property
    def high(self) -> float: ...
    @property
    def chance_to_win(self) -> float: ...
    @property
    def risk(self) -> tuple[float, float]: ...
    def __eq__(self, other: object, /) -> bool: ...
    def __ne__(self, other: object, /) -> bool: ...

@final
class BetaBinomial:
    def __new__(
        cls, successes: tuple[int, int], counts: tuple[int, int], prior: tuple[float, float] = (1.0, 1.0)
    ) -> BetaBinomial: ...
    @property
    def means(self) -> tuple[float, float]: ...
    @property
    def chance_to_win(self) -> float: ...
    @property
    def expected_loss(self) -> tuple[float, float]: ...
    def credible_interval(self, alpha: float = 0.05) -> tuple[float, float]: ...
    def __eq__(self, other: object, /) -> bool: ...
    def __ne__(self, other: object, /) -> bool: ...

@final
class SequentialSrm:
    def __new__(cls, weights: Sequence[float], concentration: float = 10000.0) -> SequentialSrm: ...
    def update(self, counts: Sequence[int]) -> None: ...
    def merge(self, other: SequentialSrm) -> None: ...
    @property
    def counts(self) -> list[int]: ...
    @property
    def pvalue(self) -> float: ...
    @property
    def log_bayes_factor(self) -> float: ...
    def posterior_probability(self, prior_odds: float = 1.0) -> float: ...
    def to_json(self) -> str: ...
    @staticmethod
    def from_json(json: str) -> SequentialSrm: ...

@final
class EmpiricalBernstein:
    def __new__(cls, alpha: float = 0.05, low: float = 0.0, high: float = 1.0) -> EmpiricalBernstein: ...
    def update(self, values: ArrayLike) -> None: ...
    @property
    def count(self) -> int: ...
    @property
    def interval(self) -> tuple[float, float]: ...
    @property
    def running_intersection(self) -> tuple[float, float]: ...
    def to_json(self) -> str: ...
    @staticmethod
    def from_json(json: str) -> EmpiricalBernstein: ...

@final
class BettingSequence:
    def __new__(cls, alpha: float = 0.05, low: float = 0.0, high: float = 1.0, breaks: int = 1000) -> BettingSequence: ...
    def update(self, values: ArrayLike) -> None: ...
    @property
    def count(self) -> int: ...
    @property
    def interval(self) -> tuple[float, float]: ...
    def to_json(self) -> str: ...
    @staticmethod
    def from_json(json: str) -> BettingSequence: ...

@final
class AlwaysValid:
    def __new__(cls) -> AlwaysValid: ...
    def look(self, effect: Effect) -> None: ...
    @property
    def looks(self) -> int: ...
    @property
    def pvalue(self) -> float: ...
    @property
    def interval(self) -> tuple[float, float]: ...

@final
class Report:
    @property
    def name(self) -> str: ...
    @property
    def srm_pvalue(self) -> float: ...
    @property
    def warnings(self) -> list[str]: ...
    @property
    def decisions(self) -> dict[tuple[str, str], str]: ...
    def to_dict(self) -> dict[str, Any]: ...
    def to_json(self) -> str: ...
    @staticmethod
    def from_json(json: str) -> Report: ...
    def to_html(self) -> str: ...
    def to_frame(self, *, library: Literal["pandas", "polars"] | None = None) -> Any: ...
    def _repr_html_(self) -> str: ...
    def __eq__(self, other: object, /) -> bool: ...
    def __ne__(self, other: object, /) -> bool: ...

@dataclass(frozen=True)
class Metric:
    name: str
    column: str | None = None
    kind: Literal["mean", "proportion", "ratio", "quantile"] = "mean"
    denominator: str | None = None
    covariates: tuple[str, ...] = ()
    caps: tuple[float | None, float | None] | None = None
    quantile: float | None = None
    preferred_direction: _Direction = "increase"
    margin: float | None = None
    segmented: bool = True
    def __post_init__(self) -> None: ...
    def to_dict(self) -> dict[str, Any]: ...

@final
class Experiment:
    def __new__(
        cls,
        name: str,
        arms: Mapping[str, float] | Sequence[str],
        metrics: Sequence[Metric | str],
        *,
        arm: str = "arm",
        segments: Sequence[str] | None = None,
        clusters: str | None = None,
        day: str | None = None,
        difference: _Difference = "relative",
        alpha: float = 0.05,
        alternative: _Alternative = "two-sided",
        value: float = 0.0,
        inference: _Inference = "welch",
        tuning_parameter: float | None = None,
        effect_scale: float | None = None,
        correction: Literal["holm", "bonferroni", "fdr_bh", "fdr_by", "none"] = "holm",
        srm: Literal["fixed", "sequential"] = "fixed",
        srm_alpha: float = 0.001,
        planned_units: int = 0,
        nan_policy: Literal["raise", "omit"] = "raise",
    ) -> Experiment: ...
    def update(self, frame: Table) -> None: ...
    def merge(self, other: Experiment) -> None: ...
    def report(self) -> Report: ...
    @property
    def name(self) -> str: ...
    @property
    def units(self) -> dict[str, int]: ...
    def to_json(self) -> str: ...
    @staticmethod
    def from_json(json: str) -> Experiment: ...

def analyse(
    frame: Table,
    metrics: Sequence[Metric | str],
    *,
    arm: str = "arm",
    arms: Mapping[str, float] | Sequence[str] | None = None,
    control: str | None = None,
    name: str = "experiment",
    **options: Any,
) -> Report: ...
def arm_names(frame: Table, arm: str = "arm", control: str | None = None) -> list[str]: ...
def cuped(
    control: ArrayLike, control_covariate: ArrayLike, treatment: ArrayLike, treatment_covariate: ArrayLike
) -> tuple[Estimate, Estimate]: ...
def regression_adjusted(
    control: ArrayLike, control_covariates: Table, treatment: ArrayLike, treatment_covariates: Table
) -> tuple[Estimate, Estimate]: ...
def compare(
    control: Estimate,
    treatment: Estimate,
    *,
    difference: _Difference = "relative",
    alpha: float = 0.05,
    alternative: _Alternative = "two-sided",
    value: float = 0.0,
    inference: _Inference = "welch",
    tuning_parameter: float | None = None,
    effect_scale: float | None = None,
    margin: float | None = None,
    preferred_direction: _Direction = "increase",
) -> Effect: ...
def bayesian_compare(
    control: Estimate,
    treatment: Estimate,
    *,
    difference: _Difference = "relative",
    alpha: float = 0.05,
    prior: tuple[float, float] | None = None,
    prior_type: _Difference = "relative",
    preferred_direction: _Direction = "increase",
) -> BayesianEffect: ...
def rank_compare_2indep(x1: ArrayLike, x2: ArrayLike, use_t: bool = True, alpha: float = 0.05) -> dict[str, float]: ...
def novelty(days: Sequence[float], effects: Sequence[Effect]) -> _Trend: ...
def interference(shares: Sequence[float], controls: Sequence[Estimate]) -> _Trend: ...
def carry_over(returning: Effect, new: Effect) -> tuple[float, float, float]: ...
def heterogeneity(effects: Sequence[Effect]) -> dict[str, float]: ...
def srm_test(counts: Sequence[int], weights: Sequence[float]) -> float: ...
def group_sequential_bounds(
    information: Sequence[float],
    *,
    alpha: float = 0.05,
    sides: Literal["two", "one"] = "two",
    boundary: Literal["spending", "pocock", "obrien_fleming"] = "spending",
    spending: Literal["obrien_fleming", "pocock", "power", "hwang_shih_decani"] = "obrien_fleming",
    parameter: float | None = None,
) -> dict[str, list[float]]: ...
def tt_ind_solve_power(
    effect_size: float | None = None,
    nobs1: float | None = None,
    alpha: float = 0.05,
    power: float | None = None,
    ratio: float = 1.0,
    alternative: _PowerAlternative = "two-sided",
) -> float: ...
def zt_ind_solve_power(
    effect_size: float | None = None,
    nobs1: float | None = None,
    alpha: float = 0.05,
    power: float | None = None,
    ratio: float = 1.0,
    alternative: _PowerAlternative = "two-sided",
) -> float: ...
def sample_size(
    pilot: Estimate,
    effect: float,
    power: float = 0.8,
    *,
    difference: _Difference = "relative",
    alpha: float = 0.05,
    ratio: float = 1.0,
    alternative: _PowerAlternative = "two-sided",
) -> tuple[int, int]: ...
def power(
    pilot: Estimate,
    effect: float,
    control: float,
    *,
    difference: _Difference = "relative",
    alpha: float = 0.05,
    ratio: float = 1.0,
    alternative: _PowerAlternative = "two-sided",
) -> float: ...
def minimum_detectable_effect(
    pilot: Estimate,
    control: float,
    power: float = 0.8,
    *,
    difference: _Difference = "relative",
    alpha: float = 0.05,
    ratio: float = 1.0,
    alternative: _PowerAlternative = "two-sided",
) -> float: ...
def required_sample_size(
    control: Estimate,
    effect: float,
    power: float = 0.8,
    *,
    proportion_of_total: float = 1.0,
    binary: bool = False,
    alpha: float = 0.05,
    ratio: float = 1.0,
    alternative: _PowerAlternative = "two-sided",
) -> int: ...
def proportion_effectsize(prop1: float, prop2: float) -> float: ...
def power_proportions_2indep(
    diff: float, prop2: float, nobs1: float, ratio: float = 1.0, alpha: float = 0.05, alternative: _PowerAlternative = "two-sided"
) -> float: ...
def samplesize_proportions_2indep_onetail(
    diff: float, prop2: float, power: float, ratio: float = 1.0, alpha: float = 0.05, alternative: _PowerAlternative = "two-sided"
) -> float: ...
