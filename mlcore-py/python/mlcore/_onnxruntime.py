"""Finding the shared library inside the package ``onnxruntime``, without importing it."""

from __future__ import annotations

import importlib.util
import os
import re
from pathlib import Path

_LIBRARY = re.compile(r"(lib)?onnxruntime(\.so(\.[\d.]+)?|(\.[\d.]+)?\.dylib|\.dll)$")


def library() -> str | None:
    """The newest library in this interpreter's package, or ``None``: then Rust's search order applies.

    ``ORT_DYLIB_PATH`` is the user's explicit word and goes before the package.
    """
    if os.environ.get("ORT_DYLIB_PATH"):
        return None
    try:
        found = importlib.util.find_spec("onnxruntime")
    except (ImportError, ValueError):
        return None
    for folder in (found.submodule_search_locations or []) if found else []:
        files = [file for file in Path(folder, "capi").glob("*onnxruntime*") if _LIBRARY.match(file.name)]
        if files:
            return str(max(files, key=lambda file: [int(digits) for digits in re.findall(r"\d+", file.name)]))
    return None
