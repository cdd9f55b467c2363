"""What another server need not answer as `mlflow server` does, with the reason.

An entry excuses a call by the real server's answer, and only the places that it names; the first entry that fits is taken.
"""

import re
from dataclasses import dataclass, field
from typing import Callable


@dataclass
class Differs:
    """`fits` says of (step, the real answer) whether the entry is meant; `places` are the beginnings of the paths that may differ."""

    name: str
    reason: str
    fits: Callable
    places: tuple = ("$.json.message", "$.message")
    accepts: Callable = field(default=lambda other: True)

    def excuses(self, step, due, got, differences):
        return self.fits(step, due) and all(path.startswith(self.places) for path, _, _ in differences) and self.accepts(got)


DIFFERS = []
