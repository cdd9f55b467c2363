"""How good a model is, with scikit-learn's names, arguments and numbers.

Where scikit-learn warns and answers NaN, these raise and say why: a metric decides about releases.

>>> from mlcore.metrics import roc_auc_score
>>> roc_auc_score(["no", "no", "yes", "yes"], [0.1, 0.4, 0.35, 0.8])
0.75
"""

from mlcore._mlcore.metrics import *
