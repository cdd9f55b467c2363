"""What is installed, found and missing."""

from __future__ import annotations

import sys
from typing import Any

from mlcore._mlcore import __version__
from mlcore.exceptions import Error
from mlcore.runner import onnx_runtime

_NEIGHBOURS = ("numpy", "onnxruntime", "onnxruntime-gpu", "pandas", "polars", "pyarrow", "scikit-learn", "duckdb")


def doctor() -> dict[str, Any]:
    """What mlcore finds around it: versions, ONNX Runtime and, where it is missing, the command that mends it.

    Neighbouring packages are looked up and not imported; ONNX Runtime is loaded.

    Returns
    -------
    dict
        ``mlcore``, ``python``, ``platform``, ``packages`` and ``onnx_runtime``, which has ``library``, ``version`` and
        ``providers``, or ``problem``.

    Examples
    --------
    >>> import mlcore
    >>> sorted(mlcore.doctor())
    ['mlcore', 'onnx_runtime', 'packages', 'platform', 'python']
    """
    # Not at the top: they would take half of the time that `import mlcore` takes.
    import platform
    from importlib import metadata

    packages: dict[str, str | None] = {}
    for name in _NEIGHBOURS:
        try:
            packages[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            packages[name] = None
    runtime: dict[str, Any]
    try:
        runtime = dict(onnx_runtime())
    except Error as error:
        runtime = {"problem": str(error)}
    return {
        "mlcore": __version__,
        "python": sys.version.split()[0],
        "platform": platform.platform(),
        "packages": packages,
        "onnx_runtime": runtime,
    }


def show_versions() -> None:
    """Prints :func:`doctor`, for bug reports."""
    found = doctor()
    for name in ("mlcore", "python", "platform"):
        print(f"{name:>16}: {found[name]}")
    for name, version in found["packages"].items():
        print(f"{name:>16}: {version or 'not installed'}")
    runtime = found["onnx_runtime"]
    print(f"{'ONNX Runtime':>16}: {runtime.get('version') or runtime['problem']}")
    if "library" in runtime:
        print(f"{'library':>16}: {runtime['library']}")
        print(f"{'providers':>16}: {', '.join(runtime['providers'])}")
