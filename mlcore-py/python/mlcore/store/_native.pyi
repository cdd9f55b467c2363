from collections.abc import Callable
from os import PathLike
from typing import Any, final

from mlcore.features import Plan
from mlcore.typing import Table

__all__ = [
    "History",
    "OnlineAnswer",
    "Store",
    "check_definition",
    "import_feast",
    "plan_reference",
    "read_toml",
]

def check_definition(definition: str) -> str: ...
def import_feast(registry: str) -> tuple[str, list[tuple[str, str]], list[tuple[str, str]]]: ...
def plan_reference(plan: Plan) -> dict[str, Any]: ...
def read_toml(text: str) -> tuple[str, str]: ...
@final
class History:
    def table(self) -> Any: ...
    @property
    def event_timestamp(self) -> str: ...
    @property
    def features(self) -> list[str]: ...
    def training_set(self) -> dict[str, Any]: ...
    def save(self, path: str | PathLike[str]) -> dict[str, Any]: ...

@final
class OnlineAnswer:
    def to_dict(self, include_event_timestamps: bool = False) -> dict[str, list[Any]]: ...
    def statuses(self) -> dict[str, list[str]]: ...
    def table(self) -> Any: ...
    def __len__(self) -> int: ...

@final
class Store:
    def __new__(
        cls,
        location: str,
        project: str,
        online: str | None = None,
        actor: str | None = None,
        postgres: str | None = None,
    ) -> Store: ...
    def close(self) -> None: ...
    def definitions(self) -> str: ...
    def apply(
        self,
        definitions: str,
        plans: list[Plan],
        deletions: list[tuple[str, str]],
        is_whole: bool,
        is_dry: bool,
        reason: str | None = None,
    ) -> tuple[str, dict[str, Any]]: ...
    def schema_of(self, source: str) -> str: ...
    def versions(self, view: str) -> list[str]: ...
    def materialised(self, view: str) -> list[dict[str, str]]: ...
    def audit(self, from_revision: int, limit: int) -> list[dict[str, Any]]: ...
    def register(self, source: str, table: Table) -> None: ...
    def historical(
        self,
        entity_rows: Table,
        features: list[str],
        service: str | None,
        full_feature_names: bool,
        event_timestamp: str | None = None,
        late_rows: bool = False,
    ) -> History: ...
    def online(
        self, entity_rows: Any, features: list[str], service: str | None, full_feature_names: bool
    ) -> OnlineAnswer: ...
    def materialise(
        self,
        start: Any,
        end: Any,
        views: list[str],
        threads: int,
        progress: Callable[[str, int, int, float], object] | None = None,
        version: str | None = None,
    ) -> dict[str, Any]: ...
    def push(self, source: str, rows: Table, to: str) -> dict[str, Any]: ...
    def write(self, view: str, rows: Table) -> tuple[int, int]: ...
    def check_skew(
        self,
        served: Table,
        features: list[str],
        service: str | None,
        full_feature_names: bool,
        event_timestamp: str | None = None,
        late_rows: bool = False,
        differences: int = 10,
    ) -> tuple[str, dict[str, Any]]: ...
    def check_log_skew(
        self,
        log: str | PathLike[str],
        features: list[str],
        service: str | None,
        full_feature_names: bool,
        options: dict[str, Any],
    ) -> tuple[str, dict[str, Any]]: ...
    def evict_expired(self, *views: str) -> int: ...
    def drop_stale_tables(self, which: str) -> list[str]: ...
