"""Requests of Feast's client: reads, rows and spans of time."""

import json


def feast_json():
    """A request of each route with each kind of value, and what is no request."""
    read = lambda entities, **of: json.dumps({"entities": entities, "features": ["stats:trips"], **of})
    write = lambda df: json.dumps({"feature_view_name": "stats", "df": df})
    yield "read.json", read({"driver_id": [1001, 1002]}, full_feature_names=True, include_feature_view_version_metadata=True)
    yield "service.json", json.dumps({"entities": {"driver_id": [1]}, "feature_service": "ranking"})
    yield "texts.json", read({"place": ["Rome", "\u00dcrzig\n\"", "\ud83d\ude00", ""]})
    yield "nothing.json", read({})
    yield "no_rows.json", read({"driver_id": []})
    yield "write.json", write({"driver_id": [1], "rating": [0.5], "event_timestamp": ["2024-02-29T12:00:00"], "created": [None]})
    yield "kinds.json", write({"a": [1, 2.5, None], "b": [True, False, None], "c": [2**64 - 1, 0, 1], "d": [[1], [], None], "e": ["x", None, "y"]})
    yield "words.json", '{"feature_view_name": "stats", "df": {"a": [NaN, -Infinity, "NaN"], "b": [NaN, null, NaN]}}'.replace('"NaN"', "1")
    yield "lists.json", write({"a": [[0.5, 1], [2], []], "b": [["x"], [None], None]})
    yield "push.json", json.dumps({"push_source_name": "trips", "df": {"driver_id": [1]}, "to": "online_and_offline"})
    yield "span.json", json.dumps({"start_ts": "2024-02-29", "end_ts": "2024-02-29T12:00:00+01:00", "feature_views": ["stats"], "version": "v1"})
    yield "end.json", json.dumps({"end_ts": "2024-02-29 12:00:00.123456"})
    wrong = {
        "ragged": write({"a": [1], "b": [1, 2]}),
        "twice": '{"entities": {"a": [1], "a": [2]}, "features": []}',
        "scalar": write({"a": 1}),
        "object": write({"a": [{"b": 1}]}),
        "deep": write({"a": [[[1]]]}),
        "mixed": write({"a": [1, "x"]}),
        "mixed_lists": write({"a": [[1], ["x"]]}),
        "list_and_value": write({"a": [[1], 1]}),
        "many": write({str(n): [] for n in range(501)}),
        "digits": '{"feature_view_name": "stats", "df": {"a": [' + "9" * 400 + "]}}",
        "cut": '{"entities": {"a": [1',
        "array": "[]",
        "nesting": "[" * 200,
        "bytes": "\x00\x01\x02",
        "half": '{"entities": {"a": ["\\ud83d"]}, "features": []}',
        "time": json.dumps({"end_ts": "noon"}),
    }
    for name, text in wrong.items():
        yield f"{name}.json", text


def words():
    """What the routes read."""
    return [
        '"entities"', '"features"', '"feature_service"', '"df"', '"feature_view_name"', '"push_source_name"', '"to"', '"start_ts"', '"end_ts"',
        '"full_feature_names"', "NaN", "-Infinity", "null", "\\u0001NaN", "2024-02-29T12:00:00Z",
    ]
