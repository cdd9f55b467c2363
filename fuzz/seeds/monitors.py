"""References of monitors, and what was counted for them, made by mlcore itself."""

import datetime
import hashlib
import json

from mlcore import drift

#: The magic word and the version; a digest of 32 bytes is the end.
HEADER, DIGEST = 20, 32
NUMBERS = [1.0, 2.5, 3.0, 7.5, 8.25, 11.0, 11.5, 13.0]


def sealed(content):
    """The content with its digest, as somebody writes it who wants it to be read."""
    return content + hashlib.sha256(content).digest()


def changed(whole, *changes):
    """A reference whose description, or counts, have other words in them."""
    content = whole[:-DIGEST]
    for old, new in changes:
        assert old in content
        content = content.replace(old, new, 1)
    return sealed(content)


def measured(whole):
    """A changed reference with the length of its description put right."""
    content = whole[HEADER + 8 : -DIGEST]
    end = json.JSONDecoder().raw_decode(content.decode("latin-1"))[1]
    return sealed(whole[:HEADER] + end.to_bytes(8, "little") + content)


def reference(table, **options):
    return drift.MonitorReference(table, **{"window_rows": 8, "min_samples": 1, **options})


def mixed(rows):
    """Numbers of many values and of few, text, truth values; each of them sometimes missing."""
    cell = lambda row, value: None if row % 13 == 7 else value
    return {
        "amount": [cell(row, row * 37 % 101 / 8) for row in range(rows)],
        "age": [cell(row, float(row * 53 % 89)) for row in range(rows)],
        "grade": [cell(row, row * row % 5) for row in range(rows)],
        "plan": [cell(row, ("free", "pro", "team")[row % 7 % 3]) for row in range(rows)],
        "member": [cell(row, row % 3 == 0) for row in range(rows)],
    }


def fleet():
    """The reference that counts are made for, which the target of counts reads."""
    return reference(mixed(60), window_rows=40, column_options={"amount": {"test": "psi"}}, max_categories=4)


def monitor_reference():
    """References of each kind of column, by each test and preset; and what is none."""
    day = datetime.date(2024, 2, 29)
    tables = {
        "integers": {"a": [1, 2, 2, 3]},
        "large": {"a": [2**60, 2**60 + 1, 2**60 + 3, -(2**63), 2**63 - 1]},
        "infinite": {"a": [float("inf"), float("-inf"), 1.0, -0.0, 0.0]},
        "extreme": {"a": [1e300, -1e300, 5e-324]},
        "constant": {"a": [3.0] * 9},
        "missing": {"a": [None, float("nan"), 1.0], "b": ["x", None, None]},
        "nothing": {"a": [None, None], "b": [1.0, 2.0]},
        "one": {"a": [1.0]},
        "flags": {"a": [True, False, None, True]},
        "text": {"a": ["free", "pro", None, "é", ""]},
        "name": {"Zoë's column\n": [1.0, 2.0]},
        "date": {"a": [day, day], "b": [1.0, 2.0]},
    }
    made = {name: reference(table) for name, table in tables.items()}
    made["fleet"] = fleet()
    made["thin"] = reference(mixed(20), thin=3, window_correction="alpha_spending", drift_share=0.3)
    made["some"] = reference(mixed(20), columns=["age", "plan"], minimum_effects={"missing_rate": 0.5})
    made["codes"] = reference({"a": [1, 2, 3, 3]}, column_options={"a": {"kind": "categorical"}})
    made["few_values"] = reference(mixed(60)).with_max_values(5)
    for preset in ("evidently", "nannyml"):
        made[preset] = reference(mixed(60), preset=preset)
    for recipe in ("uniform", "evidently", "nannyml", "frouros"):
        made[f"recipe_{recipe}"] = reference({"a": NUMBERS}, numeric_test={"name": "hellinger", "bins": 5, "recipe": recipe})
    for name in drift.test_names():
        options = drift.DriftTest(name).options
        made[f"test_{name}"] = reference({"a": NUMBERS}, numeric_test={"name": name, **options})
    stored = {name: one.to_bytes() for name, one in made.items()}
    yield from stored.items()
    whole = stored["fleet"]
    small = stored["one"]
    yield "made_empty", b""
    yield "made_magic", whole[:16]
    yield "made_header", whole[:HEADER]
    yield "made_version", whole[:16] + b"\xff" + whole[17:]
    yield "made_version_0", whole[:16] + b"\x00" + whole[17:]
    yield "made_counts", drift.WindowCounter(made["one"]).take().to_bytes()
    for length in (28, 60, len(whole) // 2, len(whole) - 1):
        yield f"made_cut_{length}", whole[:length]
    for old, new in (
        (b'"window_rows":8', b'"window_rows":0'),
        (b'"window_rows":8', b'"window_rows":18446744073709551615'),
        (b'"thin":1', b'"thin":0'),
        (b'"thin":1', b'"thin":18446744073709551615'),
        (b'"alpha":0.05', b'"alpha":1e308'),
        (b'"max_categories":10000', b'"max_categories":0'),
        (b'"rows":1', b'"rows":18446744073709551615'),
        (b'"names":["a"]', b'"names":["a","a"]'),
        (b'"names":["a"]', b'"names":[]'),
        (b'"nulls":0', b'"nulls":9223372036854775808'),
        (b'"len":1', b'"len":2305843009213693952'),
        (b'"precision":"float64"', b'"precision":"float64","remainders":[[9,1]]'),
    ):
        name = "".join(chr(byte) if chr(byte).isalnum() else "_" for byte in new).strip("_")
        yield f"made_{name}", measured(changed(small, (old, new)))
    yield "made_nan", sealed(small[: -DIGEST - 8] + b"\xff" * 8)


def window_counts():
    """Counts of none, of a few and of many rows, with unknown values and columns; and what is none."""
    own = fleet()

    def counted(*tables):
        counter = drift.WindowCounter(own)
        for table in tables:
            counter.observe(table)
        return counter.take().to_bytes()

    rows = mixed(30)
    stored = {
        "nothing": counted(),
        "one": counted(mixed(1)),
        "few": counted(mixed(5)),
        "half": counted(rows),
        "whole": counted(mixed(40)),
        "two_windows": counted(mixed(80)),
        "missing": counted({name: [None] * 4 for name in rows}),
        "nan": counted({**rows, "amount": [float("nan")] * 30}),
        "infinite": counted({**rows, "age": [float("inf"), float("-inf"), 0.0] * 10}),
        "extreme": counted({**rows, "age": [1e300, -1e300, 5e-324] * 10}),
        "constant": counted({**rows, "amount": [3.0] * 30}),
        "new_values": counted({**rows, "plan": [f"plan {row}" for row in range(30)], "grade": list(range(30))}),
        "new_value": counted({**rows, "plan": ["é"] * 30, "grade": [7] * 30}),
        "new_columns": counted({**rows, "colour": [1] * 30}),
        "vanished": counted({"plan": rows["plan"]}),
        "flags_as_numbers": counted({**rows, "member": [1, 0, None] * 10}),
        "large": counted({**rows, "amount": [2**60 + row for row in range(30)]}),
        "halves": counted(mixed(17), mixed(13)),
        "shifted": counted({**rows, "amount": [row + 50.0 for row in range(30)]}),
        "other_reference": drift.WindowCounter(reference({"a": NUMBERS})).take().to_bytes(),
    }
    yield from stored.items()
    whole, one = stored["few"], stored["one"]
    yield "made_empty", b""
    yield "made_magic", whole[:16]
    yield "made_header", whole[:HEADER]
    yield "made_version", whole[:16] + b"\xff" + whole[17:]
    yield "made_reference", own.to_bytes()
    for length in (28, 60, len(whole) // 2, len(whole) - 1):
        yield f"made_cut_{length}", whole[:length]
    most = b"18446744073709551615"
    yield "made_rows", changed(whole, (b'"rows":5', b'"rows":6'))
    yield "made_most_rows", changed(whole, (b'"rows":5', b'"rows":' + most))
    yield "made_most_nulls", changed(whole, (b'"nulls":0', b'"nulls":' + most))
    yield "made_negative", changed(whole, (b'"rows":5', b'"rows":-5'))
    yield "made_no_number", changed(one, (b'"known":{"0":1}', b'"known":{},"new":{"no number":1}'))
    yield "made_known_is_new", changed(one, (b'"known":{"free":1}', b'"known":{},"new":{"free":1}'))
    yield "made_new_is_known", changed(one, (b'"known":{"free":1}', b'"known":{"nobody":1}'))
    # Every count of a column without a missing row as large as 64 bits hold.
    large = json.loads(one[HEADER:-DIGEST])
    large["rows"] = 2**63
    for column in large["columns"]:
        column["nulls"] = 2**63 - 1
    yield "made_large", sealed(one[:HEADER] + json.dumps(large, separators=(",", ":")).encode())


def words():
    """What descriptions and counts are written in, and the names of tests and of their options."""
    yield from (f'"{name}"' for name in drift.test_names())
    for name in drift.test_names():
        for option, value in drift.DriftTest(name).options.items():
            yield f'"{option}":{json.dumps(value)}'
    for name in ("name", "known", "new", "overflow", "edges", "values", "below", "len", "range", "nulls", "nans", "rows"):
        yield f'"{name}":'
    for name in ("numeric_test", "discrete_test", "categorical_test", "column_options", "minimum_effects", "columns"):
        yield f'"{name}":'
    for word in ("thin", "window_rows", "max_categories", "min_samples", "max_exact_n", "alpha", "drift_share", "threshold"):
        yield f'"{word}":'
    yield from ("0", "18446744073709551615", "9007199254740992", "1e308", "-1", "null", '{"float":"Infinity"}', '{"float":"NaN"}')
    yield from ('"preset":"evidently"', '"preset":"nannyml"', '"precision":"float32"', '"precision":"integer"', '"spelling":"number"')
