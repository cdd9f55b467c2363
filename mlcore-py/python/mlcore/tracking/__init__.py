"""What was tried, with which parameters on which data, and how good was it? MLflow's verbs, without a server.

>>> import mlcore
>>> mlcore.set_tracking_url("memory:")
>>> with mlcore.start_run(run_name="forest"):
...     mlcore.log_params({"depth": 8})
...     for step in range(3):
...         mlcore.log_metric("loss", 1 / (1 + step), step)
>>> mlcore.search_runs(output_format="list")[0].data.metrics
{'loss': 0.3333333333333333}

What differs from MLflow 3.17: logging returns at once, and what was logged is written when the run ends, at ``run.flush()``, or with
``synchronous=True``; keys and values against the rules are refused at the call, and too long values are not cut; Ctrl-C ends a run as
``KILLED``; a nested run belongs to its parent's experiment; the end of a ``with`` block ends the runs that were left open in it, too.
"""

from mlcore._mlcore.tracking import *
from mlcore._page import Page
from mlcore.tracking._datasets import dataset
from mlcore.tracking._fluent import *
from mlcore.tracking._logged import *
from mlcore.tracking._logging import *
from mlcore.tracking._media import *
from mlcore.tracking._models import *
from mlcore.tracking._onnx import check_model
from mlcore.tracking._records import *
from mlcore.tracking._registering import *
from mlcore.tracking._run import *
from mlcore.tracking._system import *
from mlcore.tracking._verbs import *
