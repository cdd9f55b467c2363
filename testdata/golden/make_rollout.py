"""Writes rollout/buckets.json, where units stand on the line, by the XXH3-64 of Python's xxhash, and rollout/experiments.json,
which variants units have by the documentation of `Experiments`.

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

OPTIONS = {
    "salt": "shop",
    "hold_out": 0.05,
    "layers": [
        {
            "name": "models",
            "hold_out": 0.1,
            "experiments": [
                {
                    "key": "ranker",
                    "default": "champion",
                    "traffic": [[0, 400_000], [700_000, 800_000]],
                    "audience": {"in": {"attribute": "country", "values": [{"text": "PT"}, {"text": "ES"}]}},
                    "variants": [
                        {"name": "champion", "value": {"text": "champion"}, "stretches": [[0, 250_000]]},
                        {"name": "challenger", "value": {"text": "challenger"}, "stretches": [[250_000, 500_000]]},
                        {"name": "third", "value": {"text": "third"}, "stretches": [[600_000, 700_000], [500_000, 550_000]]},
                    ],
                },
                {
                    "key": "prices",
                    "default": "champion",
                    "traffic": [[400_000, 700_000]],
                    "variants": [
                        {"name": "champion", "value": {"text": "champion"}},
                        {"name": "challenger", "value": {"text": "challenger"}, "stretches": [[0, 333_333]]},
                    ],
                },
            ],
        },
        {
            "name": "page",
            "experiments": [
                {
                    "key": "colour",
                    "default": "blue",
                    "traffic": [[0, 1_000_000]],
                    "targets": [{"rule": {"equals": {"attribute": "country", "value": {"text": "FR"}}}, "variant": "red"}],
                    "variants": [
                        {"name": "blue", "value": {"text": "#00F"}},
                        {"name": "red", "value": {"text": "#F00"}, "stretches": [[100_000, 600_000]]},
                    ],
                },
            ],
        },
    ],
    "overrides": [{"unit": "user-3", "flag": "ranker", "variant": "third", "reason": "a tester"}],
}


def owns(stretches, place):
    return any(start <= int(place * 1_000_000) < end for start, end in stretches)


def holds(rule, country):
    """Of the operators only those that the options use; a missing attribute holds nowhere."""
    ((operator, asked),) = rule.items()
    if country is None:
        return False
    values = asked["values"] if operator == "in" else [asked["value"]]
    return {"text": country} in values


def variant(layer, experiment, unit, country):
    for given in OPTIONS["overrides"]:
        if (given["unit"], given["flag"]) == (unit, experiment["key"]):
            return given["variant"]
    salt = OPTIONS["salt"]
    if position(f"{salt}/hold-out:", unit) < OPTIONS["hold_out"]:
        return experiment["default"]
    if position(f"{salt}/hold-out:{layer['name']}", unit) < layer.get("hold_out", 0):
        return experiment["default"]
    if not owns(experiment["traffic"], position(f"{salt}/layer:{layer['name']}", unit)):
        return experiment["default"]
    for target in experiment.get("targets", []):
        if holds(target["rule"], country):
            return target["variant"]
    if "audience" in experiment and not holds(experiment["audience"], country):
        return experiment["default"]
    place = position(f"{salt}/experiment:{experiment['key']}", unit)
    for candidate in experiment["variants"]:
        if owns(candidate.get("stretches", []), place):
            return candidate["name"]
    return experiment["default"]


def given(unit, country):
    """The unit, its country and its variant of each flag; the arm of the first layer is the one that is no default."""
    return [unit, country] + [
        variant(layer, experiment, unit, country) for layer in OPTIONS["layers"] for experiment in layer["experiments"]
    ]


COUNTRIES = [None, "PT", "ES", "FR"]
assigned = [given(f"user-{number}", COUNTRIES[number % 4]) for number in range(400)]
lines = ",\n".join(json.dumps(line) for line in assigned)
text = f'{{"options":{json.dumps(OPTIONS)},\n"assigned":[\n{lines}\n]}}\n'
(out.parent / "experiments.json").write_text(text)
