"""The native half, which the other files take what they need from."""

from mlcore._mlcore.store import *
