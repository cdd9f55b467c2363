from collections.abc import Sequence
from os import PathLike
from types import TracebackType
from typing import final

from mlcore.endpoint import Endpoint

@final
class Server:
    def __enter__(self) -> Server: ...
    def __exit__(
        self,
        exc_type: type[BaseException] | None = None,
        exc_value: BaseException | None = None,
        traceback: TracebackType | None = None,
        /,
    ) -> None: ...
    @property
    def url(self) -> str: ...
    @property
    def grpc_address(self) -> str | None: ...
    @property
    def alive(self) -> bool: ...
    def stop(self) -> None: ...

def serve(
    models: Endpoint | Sequence[Endpoint] | str | PathLike[str],
    *,
    host: str | None = None,
    http_port: int = 8000,
    grpc_port: int | None = None,
    auth_file: str | PathLike[str] | None = None,
    tls_cert: str | PathLike[str] | None = None,
    tls_key: str | PathLike[str] | None = None,
    tls_client_ca: str | PathLike[str] | None = None,
    workers: bool = True,
    stop_delay: float = 0.0,
    drain_timeout: float = 30.0,
) -> Server: ...
