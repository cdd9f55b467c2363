from typing import Literal, overload

import numpy as np
import numpy.typing as npt

from mlcore.typing import ArrayLike

# What a metric compares. The golden numbers are made by these names, testdata/golden/make_evaluate.py.
_Labels = ArrayLike
_Scores = ArrayLike
_Values = ArrayLike

_Label = bool | int | float | str

def accuracy_score(
    y_true: _Labels, y_pred: _Labels, *, sample_weight: ArrayLike | None = None
) -> float: ...
@overload
def average_precision_score(
    y_true: _Labels,
    y_score: _Scores,
    *,
    average: Literal["macro", "weighted", "micro"] = "macro",
    sample_weight: ArrayLike | None = None,
    pos_label: _Label | None = None,
) -> float: ...
@overload
def average_precision_score(
    y_true: _Labels,
    y_score: _Scores,
    *,
    average: None,
    sample_weight: ArrayLike | None = None,
    pos_label: _Label | None = None,
) -> float | npt.NDArray[np.float64]: ...
def brier_score_loss(
    y_true: _Labels,
    y_proba: _Scores,
    *,
    sample_weight: ArrayLike | None = None,
    pos_label: _Label | None = None,
) -> float: ...
def confusion_matrix(
    y_true: _Labels,
    y_pred: _Labels,
    *,
    labels: ArrayLike | None = None,
    sample_weight: ArrayLike | None = None,
) -> npt.NDArray[np.float64]: ...
@overload
def f1_score(
    y_true: _Labels,
    y_pred: _Labels,
    *,
    labels: ArrayLike | None = None,
    pos_label: _Label | None = None,
    average: Literal["binary", "micro", "macro", "weighted"] = "binary",
    sample_weight: ArrayLike | None = None,
    zero_division: float = 0.0,
) -> float: ...
@overload
def f1_score(
    y_true: _Labels,
    y_pred: _Labels,
    *,
    labels: ArrayLike | None = None,
    pos_label: _Label | None = None,
    average: None,
    sample_weight: ArrayLike | None = None,
    zero_division: float = 0.0,
) -> npt.NDArray[np.float64]: ...
def log_loss(
    y_true: _Labels,
    y_pred: _Scores,
    *,
    sample_weight: ArrayLike | None = None,
    pos_label: _Label | None = None,
    labels: ArrayLike | None = None,
) -> float: ...
def mean_absolute_error(
    y_true: _Values, y_pred: _Values, *, sample_weight: ArrayLike | None = None
) -> float: ...
def mean_absolute_percentage_error(
    y_true: _Values, y_pred: _Values, *, sample_weight: ArrayLike | None = None
) -> float: ...
def mean_squared_error(
    y_true: _Values, y_pred: _Values, *, sample_weight: ArrayLike | None = None
) -> float: ...
@overload
def precision_score(
    y_true: _Labels,
    y_pred: _Labels,
    *,
    labels: ArrayLike | None = None,
    pos_label: _Label | None = None,
    average: Literal["binary", "micro", "macro", "weighted"] = "binary",
    sample_weight: ArrayLike | None = None,
    zero_division: float = 0.0,
) -> float: ...
@overload
def precision_score(
    y_true: _Labels,
    y_pred: _Labels,
    *,
    labels: ArrayLike | None = None,
    pos_label: _Label | None = None,
    average: None,
    sample_weight: ArrayLike | None = None,
    zero_division: float = 0.0,
) -> npt.NDArray[np.float64]: ...
def r2_score(
    y_true: _Values, y_pred: _Values, *, sample_weight: ArrayLike | None = None
) -> float: ...
@overload
def recall_score(
    y_true: _Labels,
    y_pred: _Labels,
    *,
    labels: ArrayLike | None = None,
    pos_label: _Label | None = None,
    average: Literal["binary", "micro", "macro", "weighted"] = "binary",
    sample_weight: ArrayLike | None = None,
    zero_division: float = 0.0,
) -> float: ...
@overload
def recall_score(
    y_true: _Labels,
    y_pred: _Labels,
    *,
    labels: ArrayLike | None = None,
    pos_label: _Label | None = None,
    average: None,
    sample_weight: ArrayLike | None = None,
    zero_division: float = 0.0,
) -> npt.NDArray[np.float64]: ...
@overload
def roc_auc_score(
    y_true: _Labels,
    y_score: _Scores,
    *,
    average: Literal["macro", "weighted", "micro"] = "macro",
    sample_weight: ArrayLike | None = None,
    pos_label: _Label | None = None,
    multi_class: Literal["raise", "ovr", "ovo"] = "raise",
    labels: ArrayLike | None = None,
) -> float: ...
@overload
def roc_auc_score(
    y_true: _Labels,
    y_score: _Scores,
    *,
    average: None,
    sample_weight: ArrayLike | None = None,
    pos_label: _Label | None = None,
    multi_class: Literal["raise", "ovr"] = "raise",
    labels: ArrayLike | None = None,
) -> float | npt.NDArray[np.float64]: ...
def root_mean_squared_error(
    y_true: _Values, y_pred: _Values, *, sample_weight: ArrayLike | None = None
) -> float: ...
