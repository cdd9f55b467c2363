from collections.abc import Mapping, Sequence
from os import PathLike
from typing import Any, Literal, TypedDict, final

import numpy.typing as npt

from mlcore.typing import ArrayLike, Table

@final
class Field:
    @property
    def name(self) -> str: ...
    @property
    def dtype(self) -> str: ...
    @property
    def shape(self) -> list[int | None] | None: ...
    @property
    def labels(self) -> list[str]: ...
    def to_dict(self) -> dict[str, Any]: ...
    def __eq__(self, value: object, /) -> bool: ...
    def __ne__(self, value: object, /) -> bool: ...
    __hash__: None  # type: ignore[assignment]

@final
class Probe:
    def __new__(cls, *, timeout: float = 30.0, max_memory_bytes: int = 4294967296) -> Probe: ...
    @property
    def timeout(self) -> float: ...
    @property
    def max_memory_bytes(self) -> int: ...
    def __eq__(self, value: object, /) -> bool: ...
    def __ne__(self, value: object, /) -> bool: ...
    __hash__: None  # type: ignore[assignment]

@final
class Runner:
    def __new__(
        cls,
        model: str | PathLike[str] | bytes | bytearray,
        *,
        name: str | None = None,
        library: str | PathLike[str] | None = None,
        intra_threads: int = 1,
        inter_threads: int = 1,
        sessions: int | None = None,
        spinning: bool = False,
        optimization: Literal["all", "extended", "basic", "none"] = "all",
        providers: Sequence[str] | None = None,
        fallback: Literal["forbidden", "nodes", "allowed"] = "forbidden",
        warm_up: int = 1,
        load_timeout: float | None = None,
        max_run_bytes: int = 4294967296,
        probe: Probe | None = None,
        domains: Sequence[str] | None = None,
    ) -> Runner: ...
    @property
    def inputs(self) -> list[Field]: ...
    @property
    def optional_inputs(self) -> list[Field]: ...
    @property
    def outputs(self) -> list[Field]: ...
    @property
    def notes(self) -> list[str]: ...
    @property
    def abandoned_runs(self) -> int: ...
    @property
    def provider(self) -> str: ...
    @property
    def metadata(self) -> dict[str, str]: ...
    @property
    def producer(self) -> str: ...
    @property
    def runtime_version(self) -> str: ...
    def run(
        self, inputs: Mapping[str, ArrayLike] | Table, *, timeout: float | None = None, isolated: bool = False
    ) -> dict[str, npt.NDArray[Any]]: ...

class _Runtime(TypedDict):
    library: str
    version: str
    providers: list[str]

def onnx_runtime(library: str | PathLike[str] | None = None) -> _Runtime: ...
