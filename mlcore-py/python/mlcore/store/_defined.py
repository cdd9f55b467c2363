"""What is defined in a feature store: applied, planned, listed, and taken over from Feast."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from typing import Any

from mlcore._frame import installed
from mlcore.exceptions import NotFoundError
from mlcore.store._definitions import Definition, Entity
from mlcore.store._errors import mistyped, refused
from mlcore.store._native import Store, import_feast, read_toml
from mlcore.store._sources import DataSource, PushSource
from mlcore.store._views import FeatureService, FeatureView, OnDemandFeatureView

__all__ = ["PlannedChanges"]

_CLASSES: dict[str, type[Definition]] = {
    "entity": Entity,
    "source": DataSource,
    "feature_view": FeatureView,
    "on_demand_feature_view": OnDemandFeatureView,
    "feature_service": FeatureService,
}


class PlannedChanges(dict):  # type: ignore[type-arg]
    """What applying would change, or has changed: plain data, which prints as a text for people.

    Examples
    --------
    >>> from mlcore.store import Entity, FeatureStore
    >>> print(FeatureStore("memory:").plan([Entity("driver")]), end="")
    Created entity driver
    """

    def __init__(self, text: str, document: Mapping[str, Any]) -> None:
        super().__init__(document)
        self._text = text

    def __str__(self) -> str:
        return self._text


class Definitions:
    """The part of a feature store that knows what is defined."""

    _store: Store
    _project: str

    def apply(
        self,
        objects: Definition | Iterable[Definition],
        *,
        objects_to_delete: Iterable[Definition] = (),
        partial: bool = True,
        reason: str | None = None,
    ) -> PlannedChanges:
        """Creates or changes definitions, all of them or none.

        The sources and entities that a view was given as objects are applied with it.

        Parameters
        ----------
        objects : list of Entity, FeatureView, ...
        objects_to_delete : list, optional
        partial : bool
            Whether what is not named stays. ``False`` deletes it.
        reason : str, optional
            For the audit.

        Returns
        -------
        PlannedChanges
            What has changed.

        Raises
        ------
        InvalidInputError, SchemaMismatchError, NotFoundError
            For definitions that do not fit each other: nothing is changed then.
        """
        return self._changed(objects, objects_to_delete, partial, reason, is_dry=False)

    def plan(
        self, objects: Definition | Iterable[Definition], *, objects_to_delete: Iterable[Definition] = (), partial: bool = True
    ) -> PlannedChanges:
        """What :meth:`apply` would change, without carrying it out.

        Parameters
        ----------
        objects, objects_to_delete, partial :
            As those of :meth:`apply`.

        Returns
        -------
        PlannedChanges
        """
        return self._changed(objects, objects_to_delete, partial, None, is_dry=True)

    def apply_toml(self, path: str | os.PathLike[str], *, partial: bool = False) -> PlannedChanges:
        """Makes the definitions what a TOML file says.

        Parameters
        ----------
        path : str or os.PathLike
        partial : bool
            Whether what the file does not name stays.

        Returns
        -------
        PlannedChanges
        """
        with open(path, encoding="utf-8") as file:
            project, definitions = read_toml(file.read())
        if project != self._project:
            problem = f"it is about project {project}, and the store about {self._project}"
            raise refused(os.fspath(path), problem, f'open the store with project="{project}"', "apply TOML")
        return PlannedChanges(*self._store.apply(definitions, [], [], not partial, False, f"applied {os.fspath(path)}"))

    def _changed(
        self,
        objects: Definition | Iterable[Definition],
        objects_to_delete: Iterable[Definition],
        partial: bool,
        reason: str | None,
        *,
        is_dry: bool,
    ) -> PlannedChanges:
        named = [objects] if isinstance(objects, Definition) else list(objects)
        found: dict[tuple[str, str], Definition] = {}
        for definition in named:
            if not isinstance(definition, Definition):
                raise mistyped("objects", f"definitions are expected, got {definition!r}", "apply definitions")
            _collect(definition, found, is_named=True)
        plans = [own._plan for own in found.values() if isinstance(own, OnDemandFeatureView) and own._plan is not None]
        documents = [{own._kind: self._document(own, found)} for own in found.values()]
        deleted = [(own._kind, own.name) for own in objects_to_delete]
        return PlannedChanges(*self._store.apply(json.dumps(documents), plans, deleted, not partial, is_dry, reason))

    def _document(self, definition: Definition, found: Mapping[tuple[str, str], Definition]) -> dict[str, Any]:
        """The document of a definition, with the columns of the source where a view has none of its own."""
        document = definition.to_dict()
        if not isinstance(definition, FeatureView) or not definition._is_inferred:
            return document
        name = definition.source
        source = found.get(("source", name or "")) or (self._find(DataSource, name) if name else None)
        if isinstance(source, PushSource) and source.batch_source:
            batch = source.batch_source
            source = found.get(("source", batch)) or self._find(DataSource, batch)
        if source is None:
            problem = "it has no schema, and no source that says one"
            raise refused(definition.name, problem, "pass schema=[Field(..)]", "define feature view")
        document["schema"] = json.loads(self._store.schema_of(json.dumps({"source": source.to_dict()})))
        return document

    def _all(self, kind: type[Definition]) -> list[Any]:
        everything = json.loads(self._store.definitions())
        return [kind._of(document[kind._kind]) for document in everything if kind._kind in document]

    def _find(self, kind: type[Definition], name: str) -> Any:
        for own in self._all(kind):
            if own.name == name:
                return own
        noun = kind._kind.replace("_", " ")
        names = ", ".join(own.name for own in self._all(kind)[:10]) or "none"
        problem, remedy = f"there is no such {noun}", f"use one of {names}"
        message = f"get {noun} {name}: {problem}; {remedy}"
        raise NotFoundError(message, operation=f"get {noun}", subject=name, problem=problem, remedy=remedy)

    def list_entities(self) -> list[Entity]:
        """All entities."""
        return self._all(Entity)

    def list_data_sources(self) -> list[DataSource]:
        """All sources."""
        return self._all(DataSource)

    def list_feature_views(self) -> list[FeatureView]:
        """All views that a source has the rows of."""
        return self._all(FeatureView)

    def list_on_demand_feature_views(self) -> list[OnDemandFeatureView]:
        """All views that are computed when they are asked for."""
        return self._all(OnDemandFeatureView)

    def list_feature_services(self) -> list[FeatureService]:
        """All services."""
        return self._all(FeatureService)

    def get_entity(self, name: str) -> Entity:
        """The entity of a name, or a NotFoundError."""
        return self._find(Entity, name)

    def get_data_source(self, name: str) -> DataSource:
        """The source of a name, or a NotFoundError."""
        return self._find(DataSource, name)

    def get_feature_view(self, name: str) -> FeatureView:
        """The view of a name, or a NotFoundError."""
        return self._find(FeatureView, name)

    def get_on_demand_feature_view(self, name: str) -> OnDemandFeatureView:
        """The on-demand view of a name, or a NotFoundError."""
        return self._find(OnDemandFeatureView, name)

    def get_feature_service(self, name: str) -> FeatureService:
        """The service of a name, or a NotFoundError."""
        return self._find(FeatureService, name)

    def list_feature_view_versions(self, name: str) -> list[str]:
        """The versions that a view had, the earliest first: ``["v0", "v1"]``."""
        return self._store.versions(name)

    def materialized_intervals(self, name: str) -> list[dict[str, str]]:
        """Of which times the values of a view are stored online, as ``start`` and ``end``."""
        return self._store.materialised(name)

    def audit(self, from_revision: int = 0, limit: int = 1000) -> list[dict[str, Any]]:
        """Who changed which definitions, when and why."""
        return self._store.audit(from_revision, limit)

    def import_feast(self, repository: Any) -> dict[str, list[tuple[str, str]]]:
        """Takes the definitions of a Feast repository over.

        Parameters
        ----------
        repository : feast.FeatureStore, str or os.PathLike
            Feast's own object, or the folder of its ``feature_store.yaml``, which the installed package ``feast`` opens.

        Returns
        -------
        dict
            ``left_out``: what was not taken, and why; ``changed``: what is not the same here.
        """
        if isinstance(repository, (str, os.PathLike)):
            repository = installed("feast").FeatureStore(repo_path=os.fspath(repository))
        try:
            from google.protobuf.json_format import MessageToJson  # type: ignore[import-untyped, import-not-found, unused-ignore]

            registry = MessageToJson(repository.registry.proto())
        except (AttributeError, ImportError) as cause:
            problem = f"it is no Feast repository: {cause}"
            raise mistyped("repository", problem, "import Feast repository") from cause
        definitions, left_out, changed = import_feast(registry)
        self._store.apply(definitions, [], [], False, False, "imported from Feast")
        return {"left_out": left_out, "changed": changed}


def _collect(definition: Definition, found: dict[tuple[str, str], Definition], *, is_named: bool) -> None:
    """The definition and all that it was given as objects. What is named itself counts before what others were given."""
    for used in definition._uses:
        _collect(used, found, is_named=False)
    key = (definition._kind, definition.name)
    known = found.get(key)
    if known is not None and known != definition and not is_named:
        return
    found[key] = definition
