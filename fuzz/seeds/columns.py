"""Columns of Arrow, as the target reads them: nothing makes sure that they are sound."""

import struct

#: The place of each type in the list of the target.
KINDS = (
    "int8 int16 int32 int64 uint8 uint16 uint32 uint64 float16 float32 float64 bool null utf8 large_utf8 utf8_view binary "
    "large_binary binary_view date32 date64 time_s time_ms time_us time_ns moment_s moment_ns instant_us interval dictionary "
    "list large_list fixed_list struct list_view fixed_binary runs zoned decimal"
).split()


def column(kind, length, buffers=(), nulls=None, claimed=None, offset=0, children=(), tail=b"", skewed=()):
    """A column as the target reads one."""
    number = lambda n: bytes([n]) if n < 255 else b"\xff" + n.to_bytes(8, "big")
    flags = (nulls is not None) | (claimed is not None) << 1 | len(children) << 2 | len(buffers) << 4
    out = bytes([KINDS.index(kind)]) + number(length) + number(offset) + bytes([flags])
    if nulls is not None:
        bits = sum(1 << row for row, there in enumerate(nulls) if there)
        out += bits.to_bytes(-(-length // 8), "little")
        if claimed is not None:
            out += bytes([claimed])
    for place, buffer in enumerate(buffers):
        assert len(buffer) < 128
        out += bytes([len(buffer) | (place in skewed) << 7]) + buffer
    return out + b"".join(children) + tail


def packed(code, *numbers):
    return struct.pack(f"<{len(numbers)}{code}", *numbers)


def text(words, code="i", **more):
    """A column of text (or bytes): offsets and characters."""
    words = [word.encode() if isinstance(word, str) else word for word in words]
    ends = [sum(map(len, words[:place])) for place in range(len(words) + 1)]
    kind = more.pop("kind", "utf8" if code == "i" else "large_utf8")
    return column(kind, len(words), [packed(code, *ends), b"".join(words)], **more)


def views(words, kind="utf8_view", **more):
    held, out = b"", b""
    for word in words:
        word = word.encode() if isinstance(word, str) else word
        out += packed("i", len(word))
        if len(word) <= 12:
            out += word.ljust(12, b"\0")
        else:
            out += word[:4] + packed("i", 0, len(held))
            held += word
    return column(kind, len(words), [out, held], **more)


def arrow_door():
    """A sound column of each type, and one for each thing that may be wrong with it."""
    words = ["b", "", "\u00e9", "eight ch"]
    some = [True, False, True, True]
    dictionary_of = lambda codes, inside, **more: column("dictionary", len(codes), [packed("b", *codes)], children=[inside], tail=b"\0", **more)
    made = {
        "int64": column("int64", 3, [packed("q", 1, -1, 2**62)]),
        "int64_nulls": column("int64", 4, [packed("q", 1, 2, 3, 4)], some),
        "int64_wrong_count": column("int64", 4, [packed("q", 1, 2, 3, 4)], some, claimed=3),
        "int64_offset": column("int64", 2, [packed("q", 1, 2, 3)], offset=1),
        "int64_short": column("int64", 4, [packed("q", 1)]),
        "int64_skewed": column("int64", 2, [packed("q", 1, 2)], skewed=[0]),
        "int64_huge": column("int64", 2**63, [packed("q", 1)]),
        "uint8": column("uint8", 3, [b"\0\x7f\xff"]),
        "float16": column("float16", 2, [b"\0\x3c\xff\x7f"]),
        "float64": column("float64", 3, [packed("d", 0.5, float("nan"), float("inf"))]),
        "float64_nulls": column("float64", 4, [packed("d", 1, 2, 3, 4)], some),
        "bool": column("bool", 9, [b"\x55\x01"]),
        "null": column("null", 3),
        "text": text(words),
        "text_nulls": text(words, nulls=some),
        "text_empty": text([]),
        "text_not_utf8": text(["ok", b"a\xe9t\xe9"]),
        "text_half_a_letter": text([b"a\xc3", b"\xa9"]),
        "text_offsets_fall": column("utf8", 2, [packed("i", 0, 3, 2), b"abc"]),
        "text_offsets_beyond": column("utf8", 2, [packed("i", 0, 3, 9), b"abc"]),
        "text_offsets_negative": column("utf8", 2, [packed("i", -1, 0, 3), b"abc"]),
        "text_offset": column("utf8", 1, [packed("i", 0, 1, 2), b"ab"], offset=1),
        "text_no_buffers": column("utf8", 0),
        "large_text": text(words, "q"),
        "large_text_not_utf8": text([b"\xff"], "q"),
        "views": views([*words, "a text of more than twelve bytes"]),
        "views_nulls": views(words, nulls=some),
        "views_not_utf8": views([b"ok", b"\xff and more than twelve bytes"]),
        "views_beyond": column("utf8_view", 1, [packed("i", 20, 0, 7, 7)]),
        "binary": text([b"\xff", b""], kind="binary"),
        "binary_views": views([b"\xff", b""], kind="binary_view"),
        "date32": column("date32", 2, [packed("i", 20_000, -1)]),
        "date64": column("date64", 2, [packed("q", 86_400_000, 0)]),
        "date64_odd": column("date64", 1, [packed("q", 1)]),
        "time": column("time_s", 2, [packed("i", 0, 86_399)]),
        "time_late": column("time_ns", 1, [packed("q", 2**62)]),
        "moment": column("moment_s", 2, [packed("q", -(2**63), 2**63 - 1)]),
        "instant": column("instant_us", 1, [packed("q", 1_700_000_000_000_000)]),
        "zoned": column("zoned", 1, [packed("q", 0)], tail=b"+02:00\0\0"),
        "zoned_nowhere": column("zoned", 1, [packed("q", 0)], tail=b"\xff\n\0\0\0\0\0\0"),
        "interval": column("interval", 1, [packed("i", 1, 2)]),
        "decimal": column("decimal", 2, [packed("q", 12345, 0, -5, -1)], tail=b"\x0a\x02"),
        "decimal_odd": column("decimal", 1, [packed("q", 1, 0)], tail=b"\xff\x80"),
        "dictionary": dictionary_of([1, 0, 2, 1], text(["a", "b", "c"])),
        "dictionary_nulls": dictionary_of([1, 0, 2, 1], text(["a", "b", "c"]), nulls=some),
        "dictionary_null_words": dictionary_of([0, 1, 3], text(words, nulls=some)),
        "dictionary_views": dictionary_of([0, 1], views(words)),
        "dictionary_large": dictionary_of([0, 1], text(words, "q")),
        "dictionary_beyond": dictionary_of([0, 7], text(["a"])),
        "dictionary_negative": dictionary_of([0, -1], text(["a"])),
        "dictionary_null_beyond": dictionary_of([0, 100, 0, 0], text(["a"]), nulls=some),
        "dictionary_empty": dictionary_of([0, 0], text([]), nulls=[False, False]),
        "dictionary_not_utf8": dictionary_of([0, 1], text(["a", b"\xff"])),
        "dictionary_numbers": dictionary_of([0, 1], column("int64", 2, [packed("q", 5, 6)])),
        "dictionary_of_dictionaries": dictionary_of([0, 1], dictionary_of([0, 0], text(["a"]))),
        "dictionary_of_nulls": dictionary_of([0, 1], column("null", 2)),
        "list": column("list", 2, [packed("i", 0, 1, 2)], children=[column("int8", 2, [b"\1\2"])]),
        "large_list": column("large_list", 1, [packed("q", 0, 9)], children=[column("int8", 2, [b"\1\2"])]),
        "fixed_list": column("fixed_list", 2, children=[column("float32", 4, [packed("f", 1, 2, 3, 4)])], tail=b"\2"),
        "fixed_list_nulls": column("fixed_list", 4, nulls=some, children=[column("int8", 4, [b"\1\2\3\4"])], tail=b"\1"),
        "fixed_list_offset": column("fixed_list", 1, offset=1, children=[column("int8", 4, [b"\1\2\3\4"])], tail=b"\2"),
        "fixed_list_short": column("fixed_list", 9, children=[column("int8", 4, [b"\1\2\3\4"])], tail=b"\2"),
        "fixed_list_huge": column("fixed_list", 2**63, children=[column("int8", 4, [b"\1\2\3\4"])], tail=b"\2"),
        "fixed_list_negative": column("fixed_list", 1, children=[column("int8", 4, [b"\1\2\3\4"])], tail=b"\xff"),
        "fixed_list_empty": column("fixed_list", 3, children=[column("int8", 0, [b""])], tail=b"\0"),
        "struct": column("struct", 2, children=[column("int8", 2, [b"\1\2"]), text(["a", "b"])]),
        "list_view": column("list_view", 1, [packed("i", 0), packed("i", 2)], children=[column("int8", 2, [b"\1\2"])]),
        "fixed_binary": column("fixed_binary", 2, [b"abcd"], tail=b"\2"),
        "runs": column("runs", 3, children=[column("int32", 2, [packed("i", 1, 3)]), text(["a", "b"])]),
    }
    yield from made.items()
