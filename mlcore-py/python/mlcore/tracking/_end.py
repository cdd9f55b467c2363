"""What is done before a process ends: what was logged is written."""

from __future__ import annotations

import atexit
import os
import sys
import warnings
from typing import TYPE_CHECKING, Any

from mlcore.exceptions import Error

if TYPE_CHECKING:
    from mlcore.tracking import _after_fork, _before_fork, _flush_all
else:
    from mlcore._mlcore.tracking import _after_fork, _before_fork, _flush_all

#: The process whose end is watched.
_watched: int | None = None
#: What multiprocessing does at the end of a child.
_finalizer: Any = None


def at_end() -> None:
    """Has what was logged written at the end of this process, which may have been forked."""
    global _watched, _finalizer
    if _watched is None:
        atexit.register(_write)
    own, known = os.getpid(), _watched
    _watched = own
    # A child of multiprocessing ends without running what `atexit` knows; and when it begins, it forgets what was known before.
    if known == own and _finalizer is not None and _finalizer.still_active():
        return
    util, process = sys.modules.get("multiprocessing.util"), sys.modules.get("multiprocessing.process")
    if util is not None and process is not None and process.parent_process() is not None:
        _finalizer = util.Finalize(None, _write, exitpriority=0)


def _write() -> None:
    try:
        _flush_all()
    except Error as error:
        warnings.warn(f"what was logged last is not written: {error}", RuntimeWarning, stacklevel=1)


if hasattr(os, "register_at_fork"):
    # A child is made when no thread is within a tracker: it would find locks that nobody opens.
    os.register_at_fork(before=_before_fork, after_in_parent=lambda: _after_fork(False), after_in_child=lambda: _after_fork(True))
