"""Images as files: a PNG of an array without any package, everything else by Pillow."""

from __future__ import annotations

import io
import struct
import sys
import time
import zlib
from importlib import import_module
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from mlcore.exceptions import InvalidInputError, InvalidTypeError, MissingPackageError

if TYPE_CHECKING:
    import numpy.typing as npt

#: The greatest edge of a small copy, in pixels: MLflow's.
SMALL = 256
#: The colour types of PNG by channels: grey, colours, colours with opacity.
_COLOURS = {1: 0, 3: 2, 4: 6}
#: Their names in Pillow.
_MODES = {1: "L", 3: "RGB", 4: "RGBA"}


def now() -> int:
    """Milliseconds since 1970."""
    return time.time_ns() // 1_000_000


def encoded(image: Any, name: str) -> bytes:
    """The bytes of a file of this name."""
    ending = PurePosixPath(name).suffix.lower()
    picture = _picture(image)
    if picture is None:
        pixels = _pixels(image)
        if ending in ("", ".png"):
            return png(pixels)
        picture = _from_pixels(pixels, f"{ending} is not written without Pillow")
    known = _pillow("images are not written without Pillow").registered_extensions()
    if ending and ending not in known:
        raise _refused("artifact_file", f"Pillow writes no {ending}", "choose another ending, such as .png")
    content = io.BytesIO()
    try:
        picture.save(content, format=known[ending] if ending else "PNG")
    except (OSError, ValueError, KeyError) as cause:
        raise _refused("image", f"Pillow does not write it as {ending or '.png'}: {cause}", "choose another ending, such as .png") from cause
    return content.getvalue()


def small(image: Any) -> bytes | None:
    """A small copy, or none without Pillow or without its WebP."""
    try:
        picture = _picture(image) or _from_pixels(_pixels(image), "")
    except MissingPackageError:
        return None
    wide, high = picture.size
    share = SMALL / max(wide, high)
    content = io.BytesIO()
    try:
        picture.resize((max(1, int(wide * share)), max(1, int(high * share)))).save(content, format="WEBP")
    except (OSError, KeyError, ValueError):
        return None
    return content.getvalue()


def png(pixels: npt.NDArray[Any]) -> bytes:
    """A PNG of bytes of the shape ``(height, width, channels)``: ISO 15948, without filters."""
    import numpy as np

    high, wide, channels = pixels.shape
    # Before each row stands the number of its filter: 0, none.
    rows = np.zeros((high, 1 + wide * channels), dtype=np.uint8)
    rows[:, 1:] = pixels.reshape(high, wide * channels)
    head = struct.pack(">IIBBBBB", wide, high, 8, _COLOURS[channels], 0, 0, 0)
    parts = ((b"IHDR", head), (b"IDAT", zlib.compress(rows.tobytes(), 6)), (b"IEND", b""))
    chunks = (struct.pack(">I", len(part)) + kind + part + struct.pack(">I", zlib.crc32(kind + part)) for kind, part in parts)
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def is_picture(value: Any) -> bool:
    """Whether it is an image of Pillow, which is never imported to find out."""
    module = sys.modules.get("PIL.Image")
    return module is not None and isinstance(value, module.Image)


def _picture(image: Any) -> Any:
    if is_picture(image):
        return image
    # An image of MLflow's.
    return image.to_pil() if callable(getattr(image, "to_pil", None)) else None


def _pixels(image: Any) -> Any:
    """Bytes of the shape ``(height, width, channels)``."""
    import numpy as np

    if not isinstance(image, np.ndarray):
        problem, remedy = f"an array or an image of Pillow is expected, and it is a {type(image).__name__}", "pass an ndarray"
        message = f"log image image: {problem}; {remedy}"
        raise InvalidTypeError(message, operation="log image", subject="image", problem=problem, remedy=remedy)
    if image.ndim == 2:
        image = image[:, :, None]
    if image.ndim != 3 or image.shape[2] not in _COLOURS or 0 in image.shape:
        remedy = "pass (height, width) or (height, width, channels) with 1, 3 or 4 channels"
        raise _refused("image", f"its shape is {image.shape}", remedy)
    kind = image.dtype.kind
    if kind == "b":
        return image.astype(np.uint8) * np.uint8(255)
    if kind not in "iuf":
        raise _refused("image", f"its elements are {image.dtype}", "pass integers of 0 to 255, floats of 0 to 1, or bools")
    most = 1 if kind == "f" else 255
    least_found, most_found = image.min(), image.max()
    if not (least_found >= 0 and most_found <= most):
        remedy = "scale it: (x - x.min()) / (x.max() - x.min())"
        raise _refused("image", f"its values are {least_found} to {most_found}, and 0 to {most} are taken", remedy)
    return (image * 255 if kind == "f" else image).astype(np.uint8)


def _from_pixels(pixels: npt.NDArray[Any], problem: str) -> Any:
    channels = pixels.shape[2]
    return _pillow(problem).frombytes(_MODES[channels], (pixels.shape[1], pixels.shape[0]), pixels.tobytes())


def _pillow(problem: str) -> Any:
    try:
        return import_module("PIL.Image")
    except ModuleNotFoundError as cause:
        remedy = "install it: pip install pillow; or log an array as .png"
        message = f"log image pillow: {problem}; {remedy}"
        raise MissingPackageError(message, operation="log image", subject="pillow", problem=problem, remedy=remedy) from cause


def _refused(subject: str, problem: str, remedy: str) -> InvalidInputError:
    message = f"log image {subject}: {problem}; {remedy}"
    return InvalidInputError(message, operation="log image", subject=subject, problem=problem, remedy=remedy)
