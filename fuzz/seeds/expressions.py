"""Texts of expressions, as configurations hold them and as they should not."""


def expression_text():
    """One text a file."""
    taken = """x / n
-x ** 2
(x + 1) * 2 - n % 3 / 4
2 ** 3 ** 2
x < 1 and n >= 0 or not b
x == n
x != 2.5
b
s == 'a'
s < "b"
s in ('a', '', 'b')
x in (1, -2.5, 1e300)
is_null(x)
is_null(s) or is_null(t)
1 if x > 0 else 2
1 if b else 2 if x > 0 else null
null and false
abs(x) + ceil(x) + floor(x) + round(x)
exp(x) - log(n) * log1p(x) + sqrt(x)
min(x, n, 1)
max(x, n)
clip(x, -1, 1)
coalesce(x, n, 0)
length(s)
length(trim(lower(upper(s))))
contains(s, 'b')
starts_with(s, ' ')
ends_with(s, 'b')
lower(coalesce(s, 'none')) == 'a'
lookup(s, {'a': 1, 'b': 2.5}, -1)
lookup(x, {0: 1, -1: 2}, null)
year(t) * 100 + month(t)
hour(t)
day_of_week(t)
days_between(t, '2024-02-29T12:30:00Z')
t > '1970-01-01T00:00:00Z'
`x` + `n`
1e308 * 10
-0.0""".split("\n")
    taken += ["x\n  + n", "\t(x)\r\n"]
    taken += ["lower(s)", "'a' if b else s", "lookup(s, {'a': 'x'}, 'y')", "round(x, 2)"]
    for place, text in enumerate(taken):
        yield f"taken_{place:02}", text
    refused = ["", " ", "x +", "(", "((((x", "x = 1", "0 < n < 3", "x $ 1", "x in ()", "'open", "if x", "n + 9007199254740993", "x / size"]
    refused += ["1 + s", "x and b", "t + 1", "s == 1", "year(x)", "t < '2024-02-29'", "coalesce(s, s)", "hypot(x, n)", "abs()"]
    refused += ["abs(x, n)", "(" * 1000, "-" * 1000, "x" + "+x" * 3000, "lookup(s, {}, 1)", "lookup(s, {'a': 1, 'a': 2}, 1)", "`x", "x ** ", "\0"]
    refused += ["\u202ex", "1e999", "0x10", "x; n", "__import__('os')", "x.y", "'\\q'", "é + 1"]
    for place, text in enumerate(refused):
        yield f"refused_{place:02}", text


def words():
    """What such texts are made of."""
    yield from "x n b s t and or not in is null true false if else abs ceil floor round exp log log1p sqrt min max clip coalesce".split()
    yield from "length lower upper trim contains starts_with ends_with lookup year month day hour days_between day_of_week".split()
    yield from ["(", ")", "{", "}", ",", ":", "**", "==", "!=", "<=", ">=", " if ", " else ", "'a'", "\"b\"", "`", "\\", "1e308", "-0.0", "\n"]
