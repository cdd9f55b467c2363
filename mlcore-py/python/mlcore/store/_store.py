"""The feature store as its users call it."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, Union

from mlcore.store._answers import OnlineResponse, RetrievalJob
from mlcore.store._defined import Definitions, PlannedChanges
from mlcore.store._errors import mistyped, refused, unsupported
from mlcore.store._native import Store
from mlcore.store._sources import DataSource
from mlcore.store._views import FeatureService

if TYPE_CHECKING:
    import datetime

    from mlcore.typing import Table

__all__ = ["FeatureStore", "Features", "Moment"]

#: A moment: a datetime, which is UTC without a zone, a date, a moment of numpy or pandas, or ISO 8601 text.
Moment = Union["datetime.datetime", "datetime.date", str, Any]
#: Which features: references such as ``"driver_stats:conv_rate"``, a service, or its name in a list of none.
Features = Union[Sequence[str], FeatureService]

class FeatureStore(Definitions):
    """A feature store: what is defined, the history for training, and what is read online.

    Parameters
    ----------
    url : str or os.PathLike
        A folder, which is made where there is none: definitions in SQLite, features for serving in a file beside it, and the paths
        of file sources relative to it. ``"memory:"`` keeps both in memory.
    project : str
        Features of several projects may lie in one online store.
    online : str, optional
        Where features for serving are: ``"redis://host:6379"``, ``"rediss://host:6380/0?sslrootcert=/etc/redis/ca.pem"`` by TLS, where
        ``sslcert`` and ``sslkey`` may say who asks, or ``"memory:"``. Default: in the folder.
    actor : str, optional
        Who is named in the audit. Default: the user.
    postgres : str, optional
        The server of each :class:`PostgreSQLSource`: ``"postgresql://user:password@host:5432/database?sslmode=require"``. It is
        written nowhere; each process that reads such a source says it.
    repo_path : str, optional
        Feast's name of ``url``. A file ``feature_store.toml`` in a folder is applied when it is asked for:
        :meth:`apply_toml`.

    Raises
    ------
    UnavailableError
        Where another process has the folder open.

    Examples
    --------
    >>> from datetime import datetime, timedelta, timezone
    >>> from mlcore.store import ArrowSource, Entity, FeatureStore, FeatureView, Field, Float64, ValueType
    >>> driver = Entity(name="driver", join_keys=["driver_id"], value_type=ValueType.INT64)
    >>> stats = FeatureView(
    ...     name="stats", entities=[driver], ttl=timedelta(days=1), schema=[Field("rating", Float64)],
    ...     source=ArrowSource(name="trips", timestamp_field="event_timestamp"),
    ... )
    >>> now = datetime.now(timezone.utc)
    >>> store = FeatureStore("memory:")
    >>> _ = store.apply([driver, stats])
    >>> store.register("trips", {"driver_id": [7], "event_timestamp": [now - timedelta(hours=1)], "rating": [4.5]})
    >>> labels = {"driver_id": [7, 8], "event_timestamp": [now, now]}
    >>> job = store.get_historical_features(entity_df=labels, features=["stats:rating"])
    >>> job.to_df()["rating"].tolist()
    [4.5, nan]
    >>> _ = store.materialize_incremental(now)
    >>> store.get_online_features(["stats:rating"], [{"driver_id": 7}, {"driver_id": 8}]).to_dict()
    {'driver_id': [7, 8], 'rating': [4.5, None]}
    """

    def __init__(
        self,
        url: str | os.PathLike[str] | None = None,
        project: str = "default",
        *,
        online: str | None = None,
        actor: str | None = None,
        postgres: str | None = None,
        repo_path: str | os.PathLike[str] | None = None,
    ) -> None:
        if url is None and repo_path is None:
            raise refused("url", "it is missing", 'pass a folder, or "memory:"', "open feature store")
        self._url = os.fspath(url if url is not None else repo_path)  # type: ignore[arg-type]
        self._project = project
        self._store = Store(self._url, project, online, actor, postgres)

    @property
    def project(self) -> str:
        """The name of the project."""
        return self._project

    def close(self) -> None:
        """Closes the files once nobody else in this process has the store open. Closing twice is no error."""
        self._store.close()

    def __enter__(self) -> FeatureStore:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<mlcore.store.FeatureStore {self._url}, project {self._project}>"

    def register(self, source: DataSource | str, table: Table) -> None:
        """Lets a frame be the table of an :class:`ArrowSource`, in this process.

        Parameters
        ----------
        source : ArrowSource or str
        table : table
            A frame of pandas, polars, pyarrow, or a dict of columns.
        """
        self._store.register(source.name if isinstance(source, DataSource) else source, table)

    def get_historical_features(
        self,
        entity_df: Table,
        features: Features,
        full_feature_names: bool = False,
        *,
        event_timestamp: str | None = None,
        late_rows: bool = False,
    ) -> RetrievalJob:
        """Features for training: for each entity row those that were known at its time.

        Parameters
        ----------
        entity_df : table
            A row for each example: a column for each join key, one of times, what on-demand views take of requests, and any others,
            such as labels.
        features : list of str or FeatureService
            References such as ``"driver_stats:conv_rate"``.
        full_feature_names : bool
            Whether the columns are called ``driver_stats__conv_rate``.
        event_timestamp : str, optional
            The column of times. Default: ``event_timestamp``, or the only column of timestamps.
        late_rows : bool
            Whether rows are used that were written after the entity row's time, as Feast does. They are not by default: what was not
            known then must not be learnt from.

        Returns
        -------
        RetrievalJob
            The rows, in the order of ``entity_df``: ``.to_df()``, ``.to_polars()``, ``.to_arrow()``.

        Raises
        ------
        NotFoundError
            For a view or a feature that is not there.
        InvalidInputError
            For entity rows without a join key or without times.
        """
        if isinstance(entity_df, str):
            problem = "it is a query of SQL, which needs a database to run in"
            raise unsupported("entity_df", problem, "pass a frame", "get historical features")
        listed, service = _wanted(features)
        history = self._store.historical(entity_df, listed, service, full_feature_names, event_timestamp, late_rows)
        return RetrievalJob(history, entity_df)

    def get_online_features(
        self,
        features: Features,
        entity_rows: Sequence[Mapping[str, Any]] | Table,
        full_feature_names: bool = False,
    ) -> OnlineResponse:
        """Features for serving: those of each entity as of now.

        Parameters
        ----------
        features : list of str or FeatureService
            References such as ``"driver_stats:conv_rate"``.
        entity_rows : list of dict, dict of list, or table
            The join keys of each entity, by the name of the key or of the entity, and what on-demand views take of the request.
        full_feature_names : bool
            Whether the features are called ``driver_stats__conv_rate``.

        Returns
        -------
        OnlineResponse
            ``.to_dict()``, ``.to_df()``, ``.statuses()``. An expired value is ``None`` and ``OUTSIDE_MAX_AGE``.

        Raises
        ------
        NotFoundError
            For a view or a feature that is not there. An entity that is not there has ``None`` for its features.
        InvalidInputError
            For entity rows without a join key.
        """
        listed, service = _wanted(features)
        return OnlineResponse(self._store.online(entity_rows, listed, service, full_feature_names))

    def materialize(
        self,
        start_date: Moment,
        end_date: Moment,
        feature_views: Sequence[str] | None = None,
        *,
        version: str | None = None,
        threads: int = 1,
        progress: Callable[[str, int, int, float], object] | None = None,
    ) -> dict[str, Any]:
        """Writes the newest rows of an interval into the online store. Again, it changes nothing.

        Parameters
        ----------
        start_date, end_date : datetime
            From the start on and before the end; an end beyond now is now.
        feature_views : list of str, optional
            Default: all that are read online.
        version : str, optional
            A version of the one view that is named, such as ``"v1"``, which ``"view@v1:feature"`` reads. Default: the latest.
        threads : int
            How many views are worked on at once.
        progress : callable, optional
            Called with the view, the keys that are done, all of them, and the seconds so far.

        Returns
        -------
        dict
            ``views``: what was done with each; ``skipped``: which were left out, and why.
        """
        return self._store.materialise(start_date, end_date, list(feature_views or ()), threads, progress, version)

    def materialize_incremental(
        self,
        end_date: Moment,
        feature_views: Sequence[str] | None = None,
        *,
        version: str | None = None,
        threads: int = 1,
        progress: Callable[[str, int, int, float], object] | None = None,
    ) -> dict[str, Any]:
        """Writes what came since the last run into the online store. A run that was killed is made good by the next one.

        Parameters
        ----------
        end_date : datetime
        feature_views, version, threads, progress :
            As those of :meth:`materialize`.

        Returns
        -------
        dict
            As :meth:`materialize`.
        """
        return self._store.materialise(None, end_date, list(feature_views or ()), threads, progress, version)

    def push(
        self,
        push_source_name: str,
        df: Table,
        *,
        to: Literal["online", "offline", "online_and_offline"] | Any = "online",
        delivery: tuple[str, int] | None = None,
    ) -> dict[str, Any]:
        """Sends rows to all views of a push source. What is newer stays, in whatever order rows come.

        Parameters
        ----------
        push_source_name : str
        df : table
        to : {"online", "offline", "online_and_offline"}
            Feast's ``PushMode`` is taken, too.
        delivery : tuple of str and int, optional
            Who delivers the rows, and the number of this batch, such as a partition and an offset. Views of sliding windows count each
            row that is pushed; with a number they count a batch once, however often it is sent. Numbers ascend, and a batch is sent
            again until it is acknowledged, before the next one.

        Returns
        -------
        dict
            How many rows were stored, how many were older than what was there, and how many were sent before, by view.
        """
        where = getattr(to, "name", to)
        return self._store.push(push_source_name, df, str(where).lower(), delivery)

    def write_to_online_store(
        self, feature_view_name: str, df: Table, *, delivery: tuple[str, int] | None = None
    ) -> dict[str, int]:
        """Writes rows of a view into the online store.

        Parameters
        ----------
        feature_view_name : str
        df : table
            A column for each join key, each feature, and the event time; of a view of sliding windows, the columns that they are
            computed of.
        delivery : tuple of str and int, optional
            As that of :meth:`push`.

        Returns
        -------
        dict
            ``stored`` and ``older``, the rows of whose entity something newer was there.
        """
        stored, older = self._store.write(feature_view_name, df, delivery)
        return {"stored": stored, "older": older}

    def check_skew(
        self,
        served: Table,
        features: Features,
        full_feature_names: bool = False,
        *,
        event_timestamp: str | None = None,
        late_rows: bool = False,
        differences: int = 10,
    ) -> dict[str, Any]:
        """Compares features that were served with those that history has for the same keys and times, bit for bit.

        Parameters
        ----------
        served : table
            A row for each request: its join keys, its time, and a column for each feature.
        features, full_feature_names, event_timestamp, late_rows :
            As those of :meth:`get_historical_features`.
        differences : int
            How many differing rows of each feature are told.

        Returns
        -------
        dict
            By feature how many rows are equal, differ, or are known on one side only. It prints as a text for people.
        """
        listed, service = _wanted(features)
        text, report = self._store.check_skew(
            served, listed, service, full_feature_names, event_timestamp, late_rows, differences
        )
        return PlannedChanges(text, report)

    def check_log_skew(
        self,
        log: str | os.PathLike[str],
        features: Features,
        full_feature_names: bool = False,
        *,
        model: str | None = None,
        start_date: Moment | None = None,
        end_date: Moment | None = None,
        value: Literal["stored", "given"] = "stored",
        late_rows: bool = False,
        differences: int = 10,
        rows_at_once: int | None = None,
    ) -> dict[str, Any]:
        """Compares the features that endpoints looked up, as their prediction log has them, with those that history has for the same
        entities as of the times of the requests, bit for bit.

        Parameters
        ----------
        log : str or os.PathLike
            The folder of the log: what ``mlcore-serve --prediction-log`` writes.
        features, full_feature_names, late_rows :
            As those of :meth:`get_historical_features`.
        model : str, optional
            The model whose requests are looked at; those of all models by default.
        start_date, end_date : datetime, optional
            Requests from the start on and before the end.
        value : {"stored", "given"}
            What the feature store answered, with null where it had nothing that counts; or what the model got, defaults and values of
            requests, too.
        differences : int
            How many differing rows of each feature are told.
        rows_at_once : int, optional
            History is read once for so many rows; 100,000 by default.

        Returns
        -------
        dict
            ``report``: by feature how many rows are equal, differ, or are known on one side only; ``requests``: how many were looked at;
            ``left_out``: rows that could not be compared, by the reason; ``places``: the requests of the rows that the report names, by
            their numbers. It prints as a text for people.
        """
        listed, service = _wanted(features)
        options = {
            "model": model,
            "start_date": start_date,
            "end_date": end_date,
            "value": value,
            "late_rows": late_rows,
            "differences": differences,
            "rows_at_once": rows_at_once,
        }
        text, skew = self._store.check_log_skew(os.fspath(log), listed, service, full_feature_names, options)
        return PlannedChanges(text, skew)

    def evict_expired(self, *feature_views: str) -> int:
        """Deletes the online rows that are older than the ``ttl`` of their view, which no read hands out; how many they were."""
        return self._store.evict_expired(*feature_views)

    def drop_stale_tables(self, which: Literal["deleted_views", "old_versions"] = "deleted_views") -> list[str]:
        """Deletes what is stored online of views that are gone, or of their old versions, too; what was deleted."""
        return self._store.drop_stale_tables(which)


def _wanted(features: Features) -> tuple[list[str], str | None]:
    """References, or the name of a service."""
    if isinstance(features, FeatureService):
        return [], features.name
    if isinstance(features, str):
        problem = f"a list of references or a FeatureService is expected, got {features!r}"
        raise mistyped("features", problem, "get features")
    listed = list(features)
    if not all(isinstance(own, str) for own in listed):
        raise mistyped("features", "references such as 'driver_stats:conv_rate' are expected", "get features")
    return listed, None
