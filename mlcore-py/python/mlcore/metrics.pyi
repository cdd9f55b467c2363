import numpy as np
import numpy.typing as npt

from mlcore.typing import ArrayLike

_Label = bool | int | float | str

def accuracy_score(
    y_true: ArrayLike, y_pred: ArrayLike, *, sample_weight: ArrayLike | None = None
) -> float: ...
def average_precision_score(
    y_true: ArrayLike,
    y_score: ArrayLike,
    *,
    sample_weight: ArrayLike | None = None,
    pos_label: _Label | None = None,
) -> float: ...
def brier_score_loss(
    y_true: ArrayLike,
    y_proba: ArrayLike,
    *,
    sample_weight: ArrayLike | None = None,
    pos_label: _Label | None = None,
) -> float: ...
def confusion_matrix(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    *,
    labels: ArrayLike | None = None,
    sample_weight: ArrayLike | None = None,
) -> npt.NDArray[np.float64]: ...
def f1_score(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    *,
    pos_label: _Label | None = None,
    sample_weight: ArrayLike | None = None,
    zero_division: float = 0.0,
) -> float: ...
def log_loss(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    *,
    sample_weight: ArrayLike | None = None,
    pos_label: _Label | None = None,
) -> float: ...
def mean_absolute_error(
    y_true: ArrayLike, y_pred: ArrayLike, *, sample_weight: ArrayLike | None = None
) -> float: ...
def mean_squared_error(
    y_true: ArrayLike, y_pred: ArrayLike, *, sample_weight: ArrayLike | None = None
) -> float: ...
def precision_score(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    *,
    pos_label: _Label | None = None,
    sample_weight: ArrayLike | None = None,
    zero_division: float = 0.0,
) -> float: ...
def r2_score(
    y_true: ArrayLike, y_pred: ArrayLike, *, sample_weight: ArrayLike | None = None
) -> float: ...
def recall_score(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    *,
    pos_label: _Label | None = None,
    sample_weight: ArrayLike | None = None,
    zero_division: float = 0.0,
) -> float: ...
def roc_auc_score(
    y_true: ArrayLike,
    y_score: ArrayLike,
    *,
    sample_weight: ArrayLike | None = None,
    pos_label: _Label | None = None,
) -> float: ...
def root_mean_squared_error(
    y_true: ArrayLike, y_pred: ArrayLike, *, sample_weight: ArrayLike | None = None
) -> float: ...
