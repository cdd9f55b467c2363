"""Requests reach a model version, and what comes of them moves the traffic.

>>> import mlcore
>>> with mlcore.Registry("memory:", actor="ana") as registry:
...     mlcore.Endpoint(registry, "churn")
Traceback (most recent call last):
mlcore.exceptions.NotFoundError: look up model churn: there is no model of this name
"""

from mlcore._mlcore import Endpoint, Event, Prediction, Worker

__all__ = ["Endpoint", "Event", "Prediction", "Worker"]
