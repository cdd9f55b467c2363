"""Is the challenger good enough to take the champion's place?

>>> from mlcore.evaluate import Gate
>>> y_true, y_proba = [0, 1] * 100, [0.2, 0.7] * 100
>>> print(Gate().require("accuracy", at_least=0.9).judge(y_true, y_proba))
passed
  yes 200 rows, 100 of them positive; 100 and 30 of each class are needed
  yes accuracy 1.0000; it must be at least 0.9
"""

from mlcore._mlcore.evaluate import *
