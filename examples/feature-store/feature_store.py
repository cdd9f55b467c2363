"""Features of a real table in a feature store: ``python feature_store.py FOLDER``, which the store is kept in.

They are those of ``features.toml``, which the program in Rust beside this file defines, too: joined as they were known for training, filled into
the online store and read there, and both compared bit for bit. A store of Python goes by the clock, so the fifth year of the table ends today.
"""

import collections
import datetime
import sys
from pathlib import Path

import pandas as pd

from mlcore.store import FeatureStore

HERE = Path(__file__).resolve().parent
DATA = HERE.parents[1] / "testdata" / "datasets" / "randhie.parquet"

folder = Path(sys.argv[1] if len(sys.argv) > 1 else "feature-store")
today = pd.Timestamp(datetime.datetime.now(datetime.timezone.utc)).floor("D")


def end_of(year):
    """When a study year was over; years are as long as from 1974 on."""
    return today - (pd.Timestamp("1979-01-01", tz="UTC") - pd.Timestamp(f"{1974 + year}-01-01", tz="UTC"))


years = pd.read_parquet(DATA)
years["known_at"] = years["year"].map({year: end_of(year) for year in range(1, 6)})
(folder / "years").mkdir(parents=True, exist_ok=True)
years.to_parquet(folder / "years" / "years.parquet", index=False)

with FeatureStore(folder, "health") as store:
    print(store.apply_toml(HERE / "features.toml"))
    service = store.get_feature_service("next_year")

    # For training: what was known of each person when a year began, and how often they saw a doctor in that year.
    later = years[years["year"] > 1]
    labels = pd.DataFrame(
        {
            "person": later["person"],
            "event_timestamp": later["year"].map({year: end_of(year - 1) for year in range(2, 6)}),
            "visits_in_year": later["visits"],
        }
    )
    training = store.get_historical_features(labels, service)
    for view in training.training_set()["views"]:
        print(f"training: {len(labels)} rows, {view['present']} of them known to {view['view']}")
    print("features", *training.training_set()["features"])

    # For serving: the newest row of each person.
    print(store.materialize_incremental(today))
    people = sorted(set(years["person"]))
    served = store.get_online_features(service, {"person": people})
    values, statuses = served.to_dict(), served.statuses()
    for person in [*people[:3], 1]:
        one = store.get_online_features(service, [{"person": person}])
        told = one.to_dict()
        known = {name: told[name][0] if told[name][0] is not None else status[0] for name, status in one.statuses().items()}
        print(f"person {person}:", *(f"{name}={value}" for name, value in known.items()))

    # What is served now is what history says of now.
    print(f"served {len(people)} persons:", dict(sorted(collections.Counter(statuses["visits"]).items())))
    skew = store.check_skew({"event_timestamp": [today] * len(people), **values}, service)
    print(skew)
    differing = [column["column"] for column in skew["columns"] if column["equal"] != len(people)]
    print(f"offline and online agree bit for bit: {not differing}")
