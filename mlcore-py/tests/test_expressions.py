"""Formulas that are built with operators: what their texts are, and that a text and what is built compute the same."""

import math

import pytest
from mlcore.features import DerivedColumns, coalesce, col, lit, when

x, y = col("x"), col("y z")


@pytest.mark.parametrize(
    ("built", "text"),
    [
        ((x + y) * 2 - 1 / x, "(x + `y z`) * 2 - 1 / x"),
        (-(x**2), "-x ** 2"),
        ((-x) ** -2, "(-x) ** -2"),
        (lit(-1) ** x, "(-1) ** x"),
        (x - (y - 1), "x - (`y z` - 1)"),
        (sum((col(f"c{i}") for i in range(3)), lit(0)), "0 + c0 + c1 + c2"),
        (~(x > 1) & (y < 2) | (x == y), "not x > 1 and `y z` < 2 or x == `y z`"),
        (when(x > 1).then(1).otherwise(when(y > 2).then(2).otherwise(3)) + 1, "(1 if x > 1 else 2 if `y z` > 2 else 3) + 1"),
        (x.is_in([1, -2]), "x in (1, -2)"),
        (~x.is_in(['a"b\n']), 'not x in ("a\\"b\\n")'),
        (x.lookup({"a": 1, "b": -2.5}, y + 1), 'lookup(x, {"a": 1, "b": -2.5}, `y z` + 1)'),
        (coalesce(x, None, math.nan, True), "coalesce(x, null, null, true)"),
        (col("if") % col("a`b"), "`if` % `a``b`"),
        (x.part("year"), "year(x)"),
    ],
)
def test_what_is_built_is_a_text(built, text):
    assert str(built) == text


def test_an_expression_is_no_condition_of_python():
    with pytest.raises(TypeError, match="use &, | and ~"):
        bool(x > 1)


def test_a_text_and_what_is_built_compute_the_same():
    frame = {"x": [1.0, 2.0, None], "y z": [4.0, 0.0, 1.0]}
    built = DerivedColumns({"a": (x / y).log1p(), "b": when(x > 1).then(y).otherwise(-1)})
    written = DerivedColumns([("a", "log1p(x / `y z`)"), ("b", "`y z` if x > 1 else -1")])
    expected = [[math.log1p(0.25), -1.0], [math.inf, 0.0], [math.nan, -1.0]]
    for derived in (built, written):
        for row, wanted in zip(derived.fit_transform(frame).tolist(), expected):
            assert row == pytest.approx(wanted, nan_ok=True)
    assert built.plan() == written.plan()
