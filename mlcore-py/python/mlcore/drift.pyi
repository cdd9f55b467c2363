from collections.abc import Mapping, Sequence
from os import PathLike
from typing import Any, Literal, TypedDict, final

from mlcore.typing import ArrayLike, Row, Table

_Recipe = Literal["quantile", "uniform", "evidently"]
_Kind = Literal["numeric", "categorical"]
_Correction = Literal["bonferroni", "holm", "fdr_bh", "fdr_by"]
_Outcome = Literal["stable", "drifted", "insufficient_data"]
_Test = KolmogorovSmirnov | ChiSquare | Psi | Literal["ks", "chi_square", "psi", "psi_evidently"]

class _ColumnOptions(TypedDict, total=False):
    test: _Test
    minimum_effect: float
    kind: _Kind

class PsiResult(float):
    psi: float
    psi_corrected: float
    pvalue: float | None
    dof: int
    edges: list[float]
    categories: list[str]
    reference_share: list[float]
    current_share: list[float]
    notes: list[str]
    def __new__(cls, psi: float, **found: Any) -> PsiResult: ...
    def __getnewargs_ex__(self) -> tuple[tuple[float], dict[str, Any]]: ...

@final
class KolmogorovSmirnov:
    def __new__(
        cls, method: Literal["auto", "exact", "asymp"] = "auto", max_auto_n: int = 10_000
    ) -> KolmogorovSmirnov: ...

@final
class ChiSquare:
    def __new__(cls, pool_below: float = 5.0) -> ChiSquare: ...

@final
class Psi:
    def __new__(cls, bins: int = 10, recipe: _Recipe = "quantile") -> Psi: ...

@final
class ColumnVerdict:
    @property
    def column(self) -> str: ...
    @property
    def kind(self) -> _Kind: ...
    @property
    def test(self) -> str: ...
    @property
    def outcome(self) -> _Outcome: ...
    @property
    def drifted(self) -> bool: ...
    @property
    def statistic(self) -> float | None: ...
    @property
    def pvalue(self) -> float | None: ...
    @property
    def pvalue_adjusted(self) -> float | None: ...
    @property
    def effect_name(self) -> str | None: ...
    @property
    def effect(self) -> float | None: ...
    @property
    def threshold(self) -> float: ...
    @property
    def sentence(self) -> str: ...

@final
class Verdict:
    @property
    def drifted(self) -> bool: ...
    @property
    def outcome(self) -> _Outcome: ...
    @property
    def window_index(self) -> int: ...
    @property
    def rows(self) -> int: ...
    @property
    def reference_rows(self) -> int: ...
    @property
    def columns(self) -> list[ColumnVerdict]: ...
    @property
    def drifted_columns(self) -> list[str]: ...
    @property
    def skipped(self) -> dict[str, str]: ...
    @property
    def new_columns(self) -> list[str]: ...
    def to_json(self) -> str: ...
    def to_dict(self) -> dict[str, Any]: ...

@final
class Report:
    @staticmethod
    def from_json(json: str) -> Report: ...
    @property
    def drifted(self) -> bool: ...
    @property
    def drifted_columns(self) -> list[str]: ...
    @property
    def verdict(self) -> Verdict: ...
    def to_json(self) -> str: ...
    def to_dict(self) -> dict[str, Any]: ...
    def to_html(self) -> str: ...
    def save_html(self, path: str | PathLike[str]) -> None: ...
    def _repr_html_(self) -> str: ...
    def __reduce__(self) -> tuple[Any, ...]: ...

@final
class Monitor:
    def __new__(
        cls,
        reference: Table,
        *,
        window_rows: int = ...,
        alpha: float = ...,
        correction: _Correction = ...,
        min_samples: int = ...,
        max_categories: int = ...,
        columns: Sequence[str] | None = ...,
        numeric_test: _Test = ...,
        categorical_test: _Test = ...,
        minimum_effects: Mapping[str, float] = ...,
        column_options: Mapping[str, _ColumnOptions] = ...,
    ) -> Monitor: ...
    @property
    def columns(self) -> list[str]: ...
    @property
    def rows_in_window(self) -> int: ...
    def observe(self, frame: Table) -> list[Verdict]: ...
    def observe_row(self, row: Row) -> Verdict | None: ...
    def evaluate_now(self) -> Verdict: ...
    def reset_window(self) -> None: ...

def psi(
    reference: ArrayLike,
    current: ArrayLike,
    bins: int = 10,
    *,
    recipe: _Recipe = "quantile",
    kind: _Kind | None = None,
) -> PsiResult: ...
def report(
    reference: Table,
    current: Table,
    *,
    columns: Sequence[str] | None = None,
    alpha: float | None = None,
    correction: _Correction | None = None,
    min_samples: int | None = None,
    max_categories: int | None = None,
    numeric_test: _Test | None = None,
    categorical_test: _Test | None = None,
    minimum_effects: Mapping[str, float] | None = None,
    column_options: Mapping[str, _ColumnOptions] | None = None,
    title: str | None = None,
    histogram_bins: int | None = None,
    most_categories: int | None = None,
) -> Report: ...
