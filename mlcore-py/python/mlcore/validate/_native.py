"""The native half of the module."""

from mlcore._mlcore.validate import *
from mlcore._mlcore.validate import _Suite
