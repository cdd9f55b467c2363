"""Requests reach a model version, and what comes of them moves the traffic.

>>> import mlcore
>>> with mlcore.Registry("memory:", actor="ana") as registry:
...     mlcore.Endpoint(registry, "churn")
Traceback (most recent call last):
mlcore.exceptions.NotFoundError: serve model churn@champion: no version carries this alias; promote a version to it
"""

from mlcore._mlcore.endpoint import *
