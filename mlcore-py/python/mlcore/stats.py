"""Two-sample tests, intervals and corrections for many tests, with the names and numbers of scipy and statsmodels.

>>> from mlcore.stats import ks_2samp
>>> ks_2samp([1.0, 2.0, 3.0, 4.0], [3.0, 4.0, 5.0, 6.0]).statistic
0.5
"""

from mlcore._mlcore.stats import *
