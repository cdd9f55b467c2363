"""A team's own class over a feature store, as it was handed to us: written for Feast's older keywords, with its import line changed."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pandas as pd
import pytest

import mlcore.store as feast
from mlcore.store import Entity, Feature, FeatureView, FileSource, ValueType

DATA = "/data"


class FeatureStoreManager:
    def __init__(self, repo_path="feature_repo"):
        self.repo_path = repo_path
        self.store = feast.FeatureStore(repo_path=repo_path)

    def define_feature_views(self):
        user_entity = Entity(name="user_id", value_type=ValueType.INT64, description="ユーザー識別子")

        product_entity = Entity(name="product_id", value_type=ValueType.INT64, description="商品識別子")

        user_features_source = FileSource(
            path=f"{DATA}/user_features.parquet",
            event_timestamp_column="event_timestamp",
            created_timestamp_column="created_timestamp",
        )

        user_features_view = FeatureView(
            name="user_features",
            entities=["user_id"],
            ttl=timedelta(days=1),
            features=[
                Feature(name="age", dtype=ValueType.INT64),
                Feature(name="avg_purchase_amount", dtype=ValueType.DOUBLE),
                Feature(name="total_purchases", dtype=ValueType.INT64),
                Feature(name="days_since_last_purchase", dtype=ValueType.INT64),
            ],
            online=True,
            batch_source=user_features_source,
            tags={"team": "ml_platform"},
        )

        return [user_features_view], [user_entity, product_entity]

    def materialize_features(self, start_date, end_date):
        self.store.materialize(start_date, end_date)

        return "特徴量のマテリアライゼーション成功"

    def get_online_features(self, feature_refs, entity_rows):
        online_features = self.store.get_online_features(features=feature_refs, entity_rows=entity_rows)

        return online_features.to_df()

    def get_historical_features(self, entity_df, feature_refs):
        training_df = self.store.get_historical_features(entity_df=entity_df, features=feature_refs).to_df()

        return training_df


REFERENCES = ["user_features:age", "user_features:avg_purchase_amount", "user_features:total_purchases"]


@pytest.fixture
def manager(tmp_path, monkeypatch):
    """The class over a folder and a file of its own."""
    monkeypatch.setitem(globals(), "DATA", str(tmp_path))
    now = pd.Timestamp.now(tz="UTC").floor("s")
    pd.DataFrame(
        {
            "user_id": [1, 1, 2, 3],
            "age": [30, 31, 40, 50],
            "avg_purchase_amount": [10.5, 11.5, 20.25, 30.0],
            "total_purchases": [3, 4, 7, 9],
            "days_since_last_purchase": [5, 1, 2, 30],
            "event_timestamp": now - pd.to_timedelta([10, 2, 1, 50], unit="h"),
            "created_timestamp": now - pd.to_timedelta([9, 1, 1, 49], unit="h"),
        }
    ).to_parquet(tmp_path / "user_features.parquet")
    manager = FeatureStoreManager(str(tmp_path / "feature_repo"))
    yield manager
    manager.store.close()


def test_the_class_runs_with_its_import_line_changed(manager):
    views, entities = manager.define_feature_views()
    told = str(manager.store.apply([*entities, *views]))
    assert "Created feature view user_features (v0)" in told and "entity product_id" in told

    now = datetime.now(timezone.utc)
    rows = [{"user_id": 1}, {"user_id": 2}, {"user_id": 3}, {"user_id": 4}]
    before = manager.get_online_features(REFERENCES, rows)
    assert before["age"].isna().all()

    assert manager.materialize_features(now - timedelta(days=7), now) == "特徴量のマテリアライゼーション成功"
    online = manager.get_online_features(REFERENCES, rows)
    assert online.columns.tolist() == ["user_id", "age", "avg_purchase_amount", "total_purchases"]
    # The third user's values are two days old and count for one, and the fourth is unknown.
    assert online["age"].isna().tolist() == [False, False, True, True]
    assert online["age"].dropna().tolist() == [31, 40]
    response = manager.store.get_online_features(REFERENCES, rows)
    assert response.statuses()["age"] == ["PRESENT", "PRESENT", "OUTSIDE_MAX_AGE", "NOT_FOUND"]

    labels = pd.DataFrame(
        {
            "user_id": [1, 1, 2, 3],
            "event_timestamp": pd.to_datetime([now, now - timedelta(hours=5), now, now], utc=True),
            "bought": [1, 0, 0, 1],
        },
        index=[10, 11, 12, 13],
    )
    training = manager.get_historical_features(labels, REFERENCES)
    assert training.index.tolist() == [10, 11, 12, 13] and training["bought"].tolist() == [1, 0, 0, 1]
    assert training["age"].tolist()[:3] == [31, 30, 40] and pd.isna(training["age"].tolist()[3])


def test_a_folder_is_opened_again_with_all_that_was_applied(manager):
    views, entities = manager.define_feature_views()
    manager.store.apply([*entities, *views])
    now = datetime.now(timezone.utc)
    manager.materialize_features(now - timedelta(days=7), now)
    # As a cell of a notebook that is run twice: the first is still open.
    again = FeatureStoreManager(manager.repo_path)
    assert again.get_online_features(REFERENCES[:1], [{"user_id": 2}])["age"].tolist() == [40]
    again.store.close()
    manager.store.close()
    last = FeatureStoreManager(manager.repo_path)
    assert last.store.get_feature_view("user_features") == views[0]
    assert last.get_online_features(REFERENCES[:1], [{"user_id": 1}])["age"].tolist() == [31]
    last.store.close()
    with pytest.raises(Exception, match="closed"):
        last.store.list_entities()
