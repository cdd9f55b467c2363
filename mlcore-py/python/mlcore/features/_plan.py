"""Fitted plans and the tables they make."""

from mlcore._mlcore.features import *
