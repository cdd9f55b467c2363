"""Is a table, or one row of a request, as it is expected to be? Great Expectations' names and numbers, in one pass.

>>> from mlcore.validate import Suite
>>> suite = (
...     Suite("orders")
...     .column_values_to_be_between("price", min_value=0, strict_min=True, mostly=0.99, severity="warning")
...     .column_values_to_not_be_null("currency", where=("price", ">", 10))
... )
>>> report = suite.validate({"price": [12.0, -1.0, None], "currency": ["EUR", None, None]})
>>> report.passed, report.passed_at("critical"), [failure["told"] for failure in report.failures]
(False, True, ['1 of 3 rows unexpected (50.0000 %); 1 passed over; row 1: -1.0'])
>>> suite.check_row({"price": -1.0}).passed
False

A program that checks data is one line, whose exit code says what was found::

    python -m mlcore.validate suite.toml orders.parquet --junit validation.xml --html validation.html
"""

from mlcore.validate._native import Report, RowVerdict
from mlcore.validate._suite import Suite

__all__ = ["Report", "RowVerdict", "Suite"]
