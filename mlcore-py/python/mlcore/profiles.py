"""What data looks like, in bounded memory: profiles of tables that add up.

>>> import mlcore
>>> monday = mlcore.profile({"age": [31.0, 45.5], "plan": ["free", "pro"]})
>>> tuesday = mlcore.profile({"age": [29.0], "plan": ["free"]})
>>> monday.merge(tuesday)
>>> monday.rows, monday["age"].max, monday["plan"].distinct
(3, 45.5, 2)
"""

from mlcore._mlcore.profiles import *
