# The native half. Each concept is described by its own stub; what stands here is for this package only.
from typing import Any

from mlcore.drift import ChiSquare as ChiSquare
from mlcore.drift import ColumnVerdict as ColumnVerdict
from mlcore.drift import KolmogorovSmirnov as KolmogorovSmirnov
from mlcore.drift import Monitor as Monitor
from mlcore.drift import Psi as Psi
from mlcore.drift import Report as Report
from mlcore.drift import Verdict as Verdict
from mlcore.endpoint import Endpoint as Endpoint
from mlcore.endpoint import Event as Event
from mlcore.endpoint import Prediction as Prediction
from mlcore.endpoint import Worker as Worker
from mlcore.evaluate import Gate as Gate
from mlcore.evaluate import GateCheck as GateCheck
from mlcore.evaluate import GateVerdict as GateVerdict
from mlcore.features._plan import Plan as Plan
from mlcore.features._plan import Table as Table
from mlcore.features._plan import fit as fit
from mlcore.features._plan import read_table as read_table
from mlcore.metrics import accuracy_score as accuracy_score
from mlcore.metrics import average_precision_score as average_precision_score
from mlcore.metrics import brier_score_loss as brier_score_loss
from mlcore.metrics import confusion_matrix as confusion_matrix
from mlcore.metrics import f1_score as f1_score
from mlcore.metrics import log_loss as log_loss
from mlcore.metrics import mean_absolute_error as mean_absolute_error
from mlcore.metrics import mean_squared_error as mean_squared_error
from mlcore.metrics import precision_score as precision_score
from mlcore.metrics import r2_score as r2_score
from mlcore.metrics import recall_score as recall_score
from mlcore.metrics import roc_auc_score as roc_auc_score
from mlcore.metrics import root_mean_squared_error as root_mean_squared_error
from mlcore.registry import AliasChange as AliasChange
from mlcore.registry import AuditEntry as AuditEntry
from mlcore.registry import Model as Model
from mlcore.registry import ModelVersion as ModelVersion
from mlcore.registry import Registry as Registry
from mlcore.rollout import Canary as Canary
from mlcore.rollout import Fixed as Fixed
from mlcore.rollout import Guardrail as Guardrail
from mlcore.rollout import Shadowed as Shadowed
from mlcore.rollout import Weighted as Weighted
from mlcore.rollout import bucket as bucket
from mlcore.runner import Field as Field
from mlcore.runner import Runner as Runner
from mlcore.runner import onnx_runtime as onnx_runtime
from mlcore.stats import Chi2ContingencyResult as Chi2ContingencyResult
from mlcore.stats import KstestResult as KstestResult
from mlcore.stats import TtestResult as TtestResult
from mlcore.stats import chi2_contingency as chi2_contingency
from mlcore.stats import ks_2samp as ks_2samp
from mlcore.stats import multipletests as multipletests
from mlcore.stats import proportion_confint as proportion_confint
from mlcore.stats import proportions_ztest as proportions_ztest
from mlcore.stats import ttest_ind as ttest_ind
from mlcore.typing import ArrayLike
from mlcore.typing import Table as _AnyTable

__all__ = [
    "AliasChange",
    "AuditEntry",
    "Canary",
    "Chi2ContingencyResult",
    "ChiSquare",
    "ColumnVerdict",
    "Endpoint",
    "Event",
    "Field",
    "Fixed",
    "Gate",
    "GateCheck",
    "GateVerdict",
    "Guardrail",
    "KolmogorovSmirnov",
    "KstestResult",
    "Model",
    "ModelVersion",
    "Monitor",
    "Plan",
    "Prediction",
    "Psi",
    "Registry",
    "Report",
    "Runner",
    "Shadowed",
    "Table",
    "TtestResult",
    "Verdict",
    "Weighted",
    "Worker",
    "__version__",
    "_panic",
    "accuracy_score",
    "average_precision_score",
    "brier_score_loss",
    "bucket",
    "chi2_contingency",
    "confusion_matrix",
    "f1_score",
    "fit",
    "ks_2samp",
    "log_loss",
    "mean_absolute_error",
    "mean_squared_error",
    "multipletests",
    "onnx_runtime",
    "precision_score",
    "proportion_confint",
    "proportions_ztest",
    "psi",
    "r2_score",
    "read_table",
    "recall_score",
    "report",
    "roc_auc_score",
    "root_mean_squared_error",
    "ttest_ind",
]

__version__: str

def psi(
    reference: ArrayLike, current: ArrayLike, bins: int, recipe: str, kind: str | None
) -> dict[str, Any]: ...
def report(reference: _AnyTable, current: _AnyTable, **options: Any) -> Report: ...
def _panic(detached: bool) -> None: ...
