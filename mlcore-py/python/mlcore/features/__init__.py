"""Transformers with scikit-learn's names, parameters, attributes and numbers, which run in Rust.

They take frames of pandas, polars and pyarrow, numpy arrays, dicts of columns and lists of records; they work inside
``sklearn.pipeline.Pipeline`` and with ``sklearn.base.clone``; and what they learn is a :class:`Plan`, which a Rust service runs
on tables and on single rows with the same bits. :func:`from_sklearn` makes a plan of what scikit-learn has fitted.

>>> from mlcore.features import ColumnTransformer, OneHotEncoder, Pipeline, SimpleImputer, StandardScaler
>>> frame = {"age": [20.0, None, 40.0], "plan": ["free", "pro", "free"]}
>>> features = ColumnTransformer([
...     ("num", Pipeline([("impute", SimpleImputer()), ("scale", StandardScaler())]), ["age"]),
...     ("cat", OneHotEncoder(handle_unknown="ignore"), ["plan"]),
... ])
>>> features.fit_transform(frame).round(3).tolist()
[[-1.225, 1.0, 0.0], [0.0, 0.0, 1.0], [1.225, 1.0, 0.0]]
>>> features.get_feature_names_out().tolist()
['num__age', 'cat__plan_free', 'cat__plan_pro']
"""

from mlcore.features._base import Transformer as Transformer
from mlcore.features._bins import *
from mlcore.features._compose import *
from mlcore.features._custom import *
from mlcore.features._decomposition import *
from mlcore.features._encoders import *
from mlcore.features._expansion import *
from mlcore.features._expressions import *
from mlcore.features._impute import *
from mlcore.features._labels import *
from mlcore.features._lookups import *
from mlcore.features._nested import *
from mlcore.features._numbers import *
from mlcore.features._plan import Plan as Plan
from mlcore.features._scalers import *
from mlcore.features._selection import *
from mlcore.features._sklearn import *
from mlcore.features._target_encoders import *
from mlcore.features._moments import *
from mlcore.features._texts import *
from mlcore.features._windows import *
