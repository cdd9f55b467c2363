"""What is done before a process ends: what was logged is written."""

from __future__ import annotations

import atexit
import os
import sys
import warnings

from mlcore._mlcore.tracking import _flush_all
from mlcore.exceptions import Error

#: The process that will write what was logged before it ends.
_watched: int | None = None


def at_end() -> None:
    """Has what was logged written at the end of this process, which may have been forked."""
    global _watched
    own = os.getpid()
    if _watched == own:
        return
    inherited, _watched = _watched is not None, own
    if not inherited:
        atexit.register(_write)
    # A child of multiprocessing ends without running what `atexit` knows.
    util, process = sys.modules.get("multiprocessing.util"), sys.modules.get("multiprocessing.process")
    if util is not None and process is not None and process.parent_process() is not None:
        util.Finalize(None, _write, exitpriority=0)


def _write() -> None:
    try:
        _flush_all()
    except Error as error:
        warnings.warn(f"what was logged last is not written: {error}", RuntimeWarning, stacklevel=1)
