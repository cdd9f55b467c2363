"""Pages of what was searched for."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

_T = TypeVar("_T")


class Page(list[_T]):
    """A list of what was found, and where the next page begins.

    Attributes
    ----------
    token : str or None
        What the same search takes to go on; ``None`` after the last page.
    """

    token: str | None

    def __init__(self, items: Iterable[_T] = (), token: str | None = None) -> None:
        super().__init__(items)
        self.token = token
