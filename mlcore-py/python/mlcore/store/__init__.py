"""The feature store: features of entities, kept for training and for serving, written as Feast's users write them.

>>> from datetime import datetime, timezone
>>> from mlcore.store import ArrowSource, Entity, FeatureStore, FeatureView, Field, Int64, ValueType
>>> user = Entity(name="user", join_keys=["user_id"], value_type=ValueType.INT64)
>>> clicks = FeatureView(
...     name="activity", entities=[user], schema=[Field(name="clicks", dtype=Int64)],
...     source=ArrowSource(name="log", timestamp_field="at"),
... )
>>> store = FeatureStore("memory:")
>>> _ = store.apply([user, clicks])
>>> day = lambda day: datetime(2026, 1, day, tzinfo=timezone.utc)
>>> store.register("log", {"user_id": [1, 1], "at": [day(1), day(3)], "clicks": [5, 9]})
>>> store.get_historical_features({"user_id": [1], "at": [day(2)]}, ["activity:clicks"]).to_df()["clicks"].tolist()
[5]
>>> _ = store.materialize(day(1), day(4))
>>> store.get_online_features(["activity:clicks"], [{"user_id": 1}]).to_dict()
{'user_id': [1], 'clicks': [9]}
"""

from mlcore.store._answers import *
from mlcore.store._defined import *
from mlcore.store._definitions import *
from mlcore.store._sources import *
from mlcore.store._store import *
from mlcore.store._types import *
from mlcore.store._views import *
from mlcore.store._windowed import *
