"""Fitted plans and the tables they make."""

from mlcore._mlcore import Plan, Table, fit, read_table

__all__ = ["Plan", "Table", "fit", "read_table"]
