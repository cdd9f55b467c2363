"""Profiles, made by mlcore itself."""

import datetime

import mlcore


def profile_bytes():
    """Profiles of each kind of column, with and without bins; and what is none."""
    moment = datetime.datetime(2024, 2, 29, 13, 30)
    tables = {
        "empty": {},
        "no_rows": {"a": []},
        "missing": {"a": [None, None]},
        "nan": {"a": [1.0, float("nan"), None]},
        "one": {"a": [1.0]},
        "numbers": {"a": [1.0, 2.5, -3.0, 1e300, 5e-324, 0.0]},
        "integers": {"a": [1, 2, 2, 3]},
        "large": {"a": [2**53 + 1, -(2**63), 2**63 - 1]},
        "unsigned": {"a": [2**64 - 1, 0]},
        "infinite": {"a": [float("inf"), float("-inf"), 1.0]},
        "flags": {"a": [True, False, None, True]},
        "text": {"a": ["free", "pro", None, "é", ""]},
        "long": {"a": ["é" * 1000, "x" * 256, "x" * 257]},
        "date": {"a": [moment.date(), None]},
        "datetime": {"a": [moment, None]},
        "timestamp": {"a": [moment.replace(tzinfo=datetime.timezone.utc)]},
        "time": {"a": [moment.time(), None]},
        "decimal_name": {"Zoë's column\n": [1]},
        "mixed": {"a": [1.0, None, 3.0], "b": ["x", "y", "x"], "c": [True, True, None], "d": [1, 2, 3]},
        "hundred": {"a": list(range(100)), "b": [f"text {i}" for i in range(100)]},
        "many_texts": {"a": [f"text {i}" for i in range(2049)]},
    }
    made = {name: mlcore.profile(table) for name, table in tables.items()}
    made["edges"] = mlcore.profile({"a": [1.0, 2.0, 9.0]}, edges={"a": [0.0, 1.5, float("inf")], "b": [0.0]})
    made["categories"] = mlcore.profile({"a": ["x", "y"]}, categories={"a": ["x", "never"], "b": ["z"]})
    absent = mlcore.profile({"a": [1]})
    absent.merge(mlcore.profile({"b": [2]}))
    made["absent"] = absent
    stored = {name: profile.to_bytes() for name, profile in made.items()}
    yield from stored.items()
    whole = stored["mixed"]
    yield "made_empty", b""
    yield "made_magic", whole[:4]
    yield "made_header", whole[:16]
    yield "made_version", whole[:4] + b"\xff" + whole[5:]
    yield "made_column", whole[:5] + b"\x02" + whole[6:]
    yield "made_longer", whole + b"\x00"
    for length in (20, 40, len(whole) // 2, len(whole) - 1):
        yield f"made_cut_{length}", whole[:length]
    for place in (16, 24, 30, 45, 60):
        yield f"made_set_{place}", whole[:place] + b"\xff" * 8 + whole[place + 8 :]
