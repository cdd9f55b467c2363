"""Columns that are computed from others, by formulas that are texts or are built with operators."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Union

from mlcore.features._base import Specification
from mlcore.features._partial import PartialTransformer

__all__ = ["DerivedColumns", "Expression", "Then", "When", "coalesce", "col", "lit", "when"]

#: What stands for itself in a formula.
Literal = Union[bool, int, float, str, None]


class DerivedColumns(PartialTransformer):
    """Columns that are computed from the others of their row, by formulas.

    Fitting checks the formulas against the columns of the table, with errors that tell the character, and learns nothing else.
    A result is a column of floats, with truth values as 1 and 0 and NaN where it is missing, or a column of text, for an encoder to
    follow.

    Parameters
    ----------
    columns : dict of str to str or Expression, or list of pairs
        The name and the formula of each column. The formula is a text, such as ``"log1p(income / family_size)"``, or is built
        with :func:`col`.
    drop_original : bool
        Whether the columns of the table are left out.

    Notes
    -----
    A formula has numbers, texts between quotes, ``true``, ``false``, ``null`` and columns, whose names stand between backticks
    where they are no words; ``+ - * / % **``; ``== != < <= > >=``; ``and``, ``or``, ``not``; ``x in (1, 2)``;
    ``a if condition else b``; and these functions:

    - of numbers: ``abs``, ``ceil``, ``clip``, ``exp``, ``floor``, ``log``, ``log1p``, ``max``, ``min``, ``round`` (also to
      digits, ``round(x, 2)``), ``sqrt``;
    - of missing values: ``is_null``, ``coalesce``, ``fill_null``;
    - of texts: ``length``, ``lower``, ``upper``, ``trim``, ``contains``, ``starts_with``, ``ends_with``;
    - of a look-up table: ``lookup(plan, {"free": 0, "pro": 9.5}, -1)``, whose values may be texts;
    - of dates and times: ``year``, ``month``, ``day``, ``hour``, ``day_of_week`` from 0 for Monday and whatever else
      :class:`DatetimeFeatures` derives; ``days_between(from, until)``, ``hours_between``, ``minutes_between``,
      ``seconds_between``.

    Null and NaN are missing values. Arithmetic and comparisons with one are missing, ``and`` and ``or`` follow Kleene, and a
    condition that is missing does not hold. Numbers are those of polars' expressions; ``%`` has the sign of the divisor.

    Examples
    --------
    >>> from mlcore.features import DerivedColumns, col
    >>> derived = DerivedColumns({"ratio": "income / size", "pays": col("plan") != "free"})
    >>> derived.fit_transform({"income": [3000.0, 4500.0], "size": [2, 3], "plan": ["free", "pro"]}).tolist()
    [[1500.0, 0.0], [1500.0, 1.0]]
    >>> derived.get_feature_names_out().tolist()
    ['ratio', 'pays']
    """

    def __init__(
        self,
        columns: Mapping[str, str | Expression] | Sequence[tuple[str, str | Expression]] = (),
        *,
        drop_original: bool = True,
    ) -> None:
        self.columns = columns
        self.drop_original = drop_original

    def _specification(self, table: Any, X: object) -> Specification:
        name, parameters = super()._specification(table, X)
        columns = self.columns.items() if isinstance(self.columns, Mapping) else self.columns
        listed = [[own, str(formula) if isinstance(formula, Expression) else formula] for own, formula in columns]
        return name, {**parameters, "columns": listed}


class Expression:
    """A formula over the columns of a row, built by operators and methods; its text is what :class:`DerivedColumns` takes.

    ``&``, ``|`` and ``~`` stand for ``and``, ``or`` and ``not``, which Python does not let anyone redefine.

    Examples
    --------
    >>> from mlcore.features import col, when
    >>> str((col("income") / col("family size")).log1p())
    'log1p(income / `family size`)'
    >>> str(when(col("age") > 17).then(1).otherwise(0))
    '1 if age > 17 else 0'
    """

    __slots__ = ("_binding", "_text")
    # An expression equals nothing: `==` builds another one.
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, text: str, _binding: int = 0) -> None:
        self._text = text
        self._binding = _binding

    def __str__(self) -> str:
        return self._text

    def __repr__(self) -> str:
        return f"Expression({self._text!r})"

    def __bool__(self) -> bool:
        raise TypeError("an expression has no truth value; use &, | and ~ in the place of and, or and not")

    def _with(self, sign: str, other: object, *, reflected: bool = False) -> Expression:
        own, left, right = _BINDINGS[sign]
        first, second = (other, self) if reflected else (self, other)
        return Expression(f"{_bound(first, left)} {sign} {_bound(second, right)}", own)

    def _called(self, function: str, *arguments: object) -> Expression:
        return Expression(f"{function}({', '.join([self._text, *map(_text, arguments)])})", _ATOM)

    def __add__(self, other: Expression | Literal) -> Expression:
        return self._with("+", other)

    def __radd__(self, other: Literal) -> Expression:
        return self._with("+", other, reflected=True)

    def __sub__(self, other: Expression | Literal) -> Expression:
        return self._with("-", other)

    def __rsub__(self, other: Literal) -> Expression:
        return self._with("-", other, reflected=True)

    def __mul__(self, other: Expression | Literal) -> Expression:
        return self._with("*", other)

    def __rmul__(self, other: Literal) -> Expression:
        return self._with("*", other, reflected=True)

    def __truediv__(self, other: Expression | Literal) -> Expression:
        return self._with("/", other)

    def __rtruediv__(self, other: Literal) -> Expression:
        return self._with("/", other, reflected=True)

    def __mod__(self, other: Expression | Literal) -> Expression:
        return self._with("%", other)

    def __rmod__(self, other: Literal) -> Expression:
        return self._with("%", other, reflected=True)

    def __pow__(self, other: Expression | Literal) -> Expression:
        return self._with("**", other)

    def __rpow__(self, other: Literal) -> Expression:
        return self._with("**", other, reflected=True)

    def __neg__(self) -> Expression:
        return Expression(f"-{_bound(self, _SIGN)}", _SIGN)

    def __eq__(self, other: Expression | Literal) -> Expression:  # type: ignore[override]
        return self._with("==", other)

    def __ne__(self, other: Expression | Literal) -> Expression:  # type: ignore[override]
        return self._with("!=", other)

    def __lt__(self, other: Expression | Literal) -> Expression:
        return self._with("<", other)

    def __le__(self, other: Expression | Literal) -> Expression:
        return self._with("<=", other)

    def __gt__(self, other: Expression | Literal) -> Expression:
        return self._with(">", other)

    def __ge__(self, other: Expression | Literal) -> Expression:
        return self._with(">=", other)

    def __and__(self, other: Expression | bool) -> Expression:
        return self._with("and", other)

    def __rand__(self, other: bool) -> Expression:
        return self._with("and", other, reflected=True)

    def __or__(self, other: Expression | bool) -> Expression:
        return self._with("or", other)

    def __ror__(self, other: bool) -> Expression:
        return self._with("or", other, reflected=True)

    def __invert__(self) -> Expression:
        return Expression(f"not {_bound(self, _NOT)}", _NOT)

    def __abs__(self) -> Expression:
        return self._called("abs")

    def is_in(self, values: Sequence[float] | Sequence[str]) -> Expression:
        """Is it one of these numbers or texts?"""
        return Expression(f"{_bound(self, _COMPARISON + 1)} in ({', '.join(map(_text, values))})", _COMPARISON)

    def lookup(
        self,
        table: Mapping[str, float] | Mapping[float, float] | Mapping[str, str] | Mapping[float, str],
        default: Expression | Literal = None,
    ) -> Expression:
        """The number or the text of the table that has this as its key, or ``default``."""
        entries = ", ".join(f"{_text(key)}: {_text(number)}" for key, number in table.items())
        return Expression(f"lookup({self._text}, {{{entries}}}, {_text(default)})", _ATOM)

    def is_null(self) -> Expression:
        """Is it missing?"""
        return self._called("is_null")

    def fill_null(self, value: Expression | Literal) -> Expression:
        """This, or ``value`` where it is missing."""
        return self._called("coalesce", value)

    def abs(self) -> Expression:
        """The size of a number."""
        return self._called("abs")

    def ceil(self) -> Expression:
        """The least whole number that is not below it."""
        return self._called("ceil")

    def floor(self) -> Expression:
        """The greatest whole number that is not above it."""
        return self._called("floor")

    def round(self, digits: int = 0) -> Expression:
        """The nearest number of so many digits behind the point, of two the even one."""
        return self._called("round", digits) if digits else self._called("round")

    def exp(self) -> Expression:
        """The exponential function of it."""
        return self._called("exp")

    def log(self) -> Expression:
        """The natural logarithm of it."""
        return self._called("log")

    def log1p(self) -> Expression:
        """The natural logarithm of one more than it."""
        return self._called("log1p")

    def sqrt(self) -> Expression:
        """The square root of it."""
        return self._called("sqrt")

    def min(self, other: Expression | Literal) -> Expression:
        """The lesser of both; the one that is present where the other is missing."""
        return self._called("min", other)

    def max(self, other: Expression | Literal) -> Expression:
        """The greater of both; the one that is present where the other is missing."""
        return self._called("max", other)

    def clip(self, low: Expression | Literal, high: Expression | Literal) -> Expression:
        """The number between two bounds, either of which replaces what is beyond it."""
        return self._called("clip", low, high)

    def length(self) -> Expression:
        """The number of characters of a text."""
        return self._called("length")

    def lower(self) -> Expression:
        """A text with small letters."""
        return self._called("lower")

    def upper(self) -> Expression:
        """A text with capital letters."""
        return self._called("upper")

    def trim(self) -> Expression:
        """A text without white space at its ends."""
        return self._called("trim")

    def contains(self, other: Expression | str) -> Expression:
        """Does the text hold the other?"""
        return self._called("contains", other)

    def starts_with(self, other: Expression | str) -> Expression:
        """Does the text begin with the other?"""
        return self._called("starts_with", other)

    def ends_with(self, other: Expression | str) -> Expression:
        """Does the text end with the other?"""
        return self._called("ends_with", other)

    def part(self, part: str) -> Expression:
        """A part of a date or a time: ``"year"``, ``"month"``, ``"day_of_week"``, ``"hour"``, and so on."""
        return self._called(part)

    def days_between(self, until: Expression | str) -> Expression:
        """The days from this moment to another, with their fraction."""
        return self._called("days_between", until)

    def hours_between(self, until: Expression | str) -> Expression:
        """The hours from this moment to another, with their fraction."""
        return self._called("hours_between", until)

    def minutes_between(self, until: Expression | str) -> Expression:
        """The minutes from this moment to another, with their fraction."""
        return self._called("minutes_between", until)

    def seconds_between(self, until: Expression | str) -> Expression:
        """The seconds from this moment to another, with their fraction."""
        return self._called("seconds_between", until)


class When:
    """A choice of which the condition is known; see :func:`when`."""

    def __init__(self, condition: Expression | Literal) -> None:
        self._condition = _bound(condition, _CHOICE + 1)

    def then(self, value: Expression | Literal) -> Then:
        """The value where the condition holds."""
        return Then(self._condition, _bound(value, _CHOICE + 1))


class Then:
    """A choice of which the other value is still to be said; see :func:`when`."""

    def __init__(self, condition: str, value: str) -> None:
        self._condition = condition
        self._value = value

    def otherwise(self, value: Expression | Literal) -> Expression:
        """The value where the condition does not hold, or is missing."""
        return Expression(f"{self._value} if {self._condition} else {_text(value)}", _CHOICE)


def col(name: str) -> Expression:
    """The column of this name.

    >>> from mlcore.features import col
    >>> str(col("income") / col("family_size"))
    'income / family_size'
    """
    is_plain = name.isascii() and name.isidentifier() and name not in _RESERVED
    return Expression(name if is_plain else "`" + name.replace("`", "``") + "`", _ATOM)


def lit(value: Literal) -> Expression:
    """A number, a truth value or a text that stands for itself; None and NaN are a missing number."""
    return Expression(_text(value), _binding_of(value))


def when(condition: Expression | bool) -> When:
    """Begins a choice: ``when(condition).then(a).otherwise(b)``."""
    return When(condition)


def coalesce(*values: Expression | Literal) -> Expression:
    """The first of these that is present."""
    return Expression(f"coalesce({', '.join(map(_text, values))})", _ATOM)


#: How tightly operators bind: those of a greater number first.
_CHOICE, _OR, _AND, _NOT, _COMPARISON, _SUM, _PRODUCT, _SIGN, _POWER, _ATOM = range(10)

#: The binding of each operator, and the least that its left and its right side may have without parentheses.
_BINDINGS = {
    "**": (_POWER, _POWER + 1, _SIGN),
    "and": (_AND, _AND, _AND + 1),
    "or": (_OR, _OR, _OR + 1),
    **{sign: (_SUM, _SUM, _SUM + 1) for sign in ("+", "-")},
    **{sign: (_PRODUCT, _PRODUCT, _PRODUCT + 1) for sign in ("*", "/", "%")},
    **{sign: (_COMPARISON, _COMPARISON + 1, _COMPARISON + 1) for sign in ("==", "!=", "<", "<=", ">", ">=")},
}

_RESERVED = frozenset(["and", "or", "not", "if", "else", "in", "true", "false", "null", "inf", "lookup"])
_ESCAPES = {"\n": "\\n", "\t": "\\t", "\r": "\\r", '"': '\\"', "\\": "\\\\"}


def _text(value: object) -> str:
    """An expression or a literal, as a formula writes it."""
    if isinstance(value, Expression):
        return str(value)
    if value is None:
        return "null"
    if isinstance(value, bool) or type(value).__name__ in ("bool_", "bool"):
        return "true" if value else "false"
    if isinstance(value, str):
        return '"' + "".join(_ESCAPES.get(c, c) for c in value) + '"'
    if isinstance(value, int):
        return str(value)
    number = float(value)  # type: ignore[arg-type]
    if math.isnan(number):
        return "null"
    return repr(number)


def _binding_of(value: object) -> int:
    """How tightly the last operation of an expression or a literal binds."""
    if isinstance(value, Expression):
        return value._binding
    return _SIGN if _text(value).startswith("-") else _ATOM


def _bound(value: object, least: int) -> str:
    """The text, between parentheses where it binds less tightly than this."""
    return _text(value) if _binding_of(value) >= least else f"({_text(value)})"
