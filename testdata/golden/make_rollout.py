"""Writes rollout/buckets.json: where units stand on the line, by the XXH3-64 of Python's xxhash.

    pip install xxhash==4.1.0 && python testdata/golden/make_rollout.py
"""

import json
import pathlib

import xxhash

SALTS = ["", "checkout", "checkout-2", "é", "a b"]
UNITS = ["1", "user-17", "ünï", "x" * 256, "0", "a b", "checkout"]


def position(salt, unit):
    """The upper 53 bits of the hash of salt, a zero byte and unit, as a number in [0, 1)."""
    return (xxhash.xxh3_64_intdigest(salt.encode() + b"\0" + unit.encode()) >> 11) / 2**53


vectors = [[salt, unit, position(salt, unit)] for salt in SALTS for unit in UNITS if len(unit.encode()) <= 256]
out = pathlib.Path(__file__).resolve().parent / "rollout" / "buckets.json"
out.write_text(json.dumps(vectors, indent=0, ensure_ascii=False) + "\n")
