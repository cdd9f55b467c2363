"""Models over HTTP and gRPC, as Triton and KServe speak them.

>>> import mlcore
>>> mlcore.serve("no such folder")                                     # doctest: +ELLIPSIS
Traceback (most recent call last):
mlcore.exceptions.MissingFileError: ...no such folder...
"""

from mlcore._mlcore.serving import *
